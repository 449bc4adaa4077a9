use proptest::prelude::*;

use super::*;
use crate::video::packetize;

/// One packet on its way.
#[derive(Debug, Clone)]
struct Sent {
    sequence: u16,
    timestamp: u32,
    marker: bool,
    payload: Bytes,
}

/// Makes the packets that a sender would.
struct Sender {
    sequence: u16,
    timestamp: u32,
}

impl Sender {
    fn picture(&mut self, key: bool) -> Vec<Sent> {
        let mut data = Vec::new();
        if key {
            data.extend([0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0x8c, 0x8d, 0x40, 0x28, 0x02, 0xdd]);
            data.extend([0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80]);
        }
        data.extend([0, 0, 0, 1, if key { 0x65 } else { 0x41 }, 0x88]);
        data.extend((0..if key { 5_000u32 } else { 2_500 }).map(|i| (i % 250) as u8 + 1));
        let unit = EncodedVideo {
            time: MediaTime::ZERO,
            data: data.into(),
            keyframe: key,
            discardable: false,
            resolution: None,
        };
        let payloads = packetize(&unit, 1_100);
        let count = payloads.len();
        let timestamp = self.timestamp;
        self.timestamp = self.timestamp.wrapping_add(3_000);
        (payloads.into_iter().enumerate())
            .map(|(index, payload)| self.packet(timestamp, index + 1 == count, payload))
            .collect()
    }

    fn packet(&mut self, timestamp: u32, marker: bool, payload: Bytes) -> Sent {
        let sequence = self.sequence;
        self.sequence = self.sequence.wrapping_add(1);
        Sent { sequence, timestamp, marker, payload }
    }

    /// A keyframe and `count - 1` others.
    fn pictures(&mut self, count: usize) -> Vec<Vec<Sent>> {
        (0..count).map(|index| self.picture(index == 0)).collect()
    }
}

fn sender() -> Sender {
    Sender { sequence: 65_500, timestamp: u32::MAX - 10_000 }
}

struct Receiver {
    assembler: FrameAssembler,
    now: Instant,
    /// RTP time and whether it is a keyframe.
    frames: Vec<(u32, bool)>,
    requests: usize,
}

impl Receiver {
    fn new() -> Self {
        Self { assembler: FrameAssembler::new(), now: Instant::now(), frames: Vec::new(), requests: 0 }
    }

    fn take(&mut self, packets: &[Sent]) {
        for sent in packets {
            self.assembler.insert(sent.sequence, sent.timestamp, sent.marker, sent.payload.clone(), self.now);
            self.poll();
        }
    }

    fn poll(&mut self) {
        while let Some(event) = self.assembler.poll(self.now) {
            match event {
                AssemblyEvent::Frame(frame) => {
                    self.frames.push((frame.rtp_timestamp, frame.unit.keyframe));
                }
                AssemblyEvent::KeyframeNeeded => self.requests += 1,
            }
        }
    }

    fn pass(&mut self, millis: u64) {
        for _ in 0..millis {
            self.now += Duration::from_millis(1);
            self.poll();
        }
    }
}

#[test]
fn what_was_packetized_comes_back_byte_for_byte() {
    let mut sender = sender();
    let packets = sender.picture(true);
    let mut receiver = Receiver::new();
    for sent in &packets {
        let Sent { sequence, timestamp, marker, payload } = sent.clone();
        receiver.assembler.insert(sequence, timestamp, marker, payload, receiver.now);
    }
    let Some(AssemblyEvent::Frame(frame)) = receiver.assembler.poll(receiver.now) else { panic!("no frame") };
    assert!(frame.unit.keyframe);
    assert_eq!(frame.unit.data.len(), 14 + 8 + 6 + 5_000);
    assert_eq!(packetize(&frame.unit, 1_100), packets.iter().map(|p| p.payload.clone()).collect::<Vec<_>>());
}

#[test]
fn frames_come_in_order_over_both_wraps_without_a_request() {
    let mut sender = sender();
    let mut receiver = Receiver::new();
    for picture in sender.pictures(100) {
        receiver.take(&picture);
        receiver.pass(33);
    }
    assert_eq!((receiver.frames.len(), receiver.requests), (100, 0));
    assert!(receiver.frames.windows(2).all(|pair| pair[1].0.wrapping_sub(pair[0].0) == 3_000));
}

#[test]
fn reordered_and_doubled_packets_do_no_harm() {
    let mut sender = sender();
    let mut receiver = Receiver::new();
    let mut packets: Vec<Sent> = sender.pictures(50).concat();
    for pair in packets[8..].chunks_exact_mut(5) {
        pair.reverse();
    }
    let doubled: Vec<Sent> = packets.iter().flat_map(|sent| [sent.clone(), sent.clone()]).collect();
    receiver.take(&doubled);
    assert_eq!((receiver.frames.len(), receiver.requests), (50, 0));
    let statistics = receiver.assembler.statistics();
    assert_eq!(statistics.duplicates + statistics.late, packets.len() as u64);
}

#[test]
fn a_retransmission_within_the_wait_loses_nothing() {
    let mut sender = sender();
    let mut receiver = Receiver::new();
    let pictures = sender.pictures(4);
    receiver.take(&pictures[0]);
    receiver.take(&pictures[1][1..]);
    receiver.take(&pictures[2]);
    receiver.pass(100);
    assert_eq!((receiver.frames.len(), receiver.requests), (1, 0));
    receiver.take(&pictures[1][..1]);
    receiver.take(&pictures[3]);
    assert_eq!((receiver.frames.len(), receiver.requests), (4, 0));
}

#[test]
fn a_gap_is_waited_for_a_bounded_time_and_then_skipped_to_the_next_keyframe() {
    let mut sender = sender();
    let mut receiver = Receiver::new();
    receiver.assembler.set_round_trip(Duration::from_millis(40));
    let pictures = sender.pictures(3);
    receiver.take(&pictures[0]);
    receiver.take(&pictures[1][..2]);
    receiver.take(&pictures[2]);
    receiver.pass(259);
    assert_eq!(receiver.requests, 0);
    assert_eq!(receiver.assembler.poll_timeout(), Some(receiver.now + Duration::from_millis(1)));
    receiver.pass(1);
    assert_eq!((receiver.frames.len(), receiver.requests), (1, 1));
    // Pictures that refer to what is lost are not handed out; the request is repeated, not flooded.
    for _ in 0..18 {
        let picture = sender.picture(false);
        receiver.take(&picture);
        receiver.pass(33);
    }
    assert_eq!(receiver.frames.len(), 1);
    assert!((3..=4).contains(&receiver.requests), "{} requests in 600 ms", receiver.requests);
    let key = sender.picture(true);
    receiver.take(&key);
    let next = sender.picture(false);
    receiver.take(&next);
    assert_eq!(receiver.frames.len(), 3);
    assert!(receiver.frames[1].1);
}

#[test]
fn a_keyframe_behind_a_gap_is_shown_at_once() {
    let mut sender = sender();
    let mut receiver = Receiver::new();
    let pictures = sender.pictures(2);
    receiver.take(&pictures[0]);
    receiver.take(&pictures[1][1..]);
    let key = sender.picture(true);
    receiver.take(&key);
    assert_eq!(receiver.frames.iter().map(|frame| frame.1).collect::<Vec<_>>(), [true, true]);
    assert_eq!(receiver.requests, 0);
}

#[test]
fn a_stream_that_begins_in_the_middle_asks_for_a_keyframe_at_once() {
    let mut sender = sender();
    let mut receiver = Receiver::new();
    let picture = sender.picture(false);
    receiver.take(&picture);
    assert_eq!((receiver.frames.len(), receiver.requests), (0, 1));
}

#[test]
fn a_first_keyframe_that_is_on_its_way_is_not_asked_for() {
    let mut sender = sender();
    let mut receiver = Receiver::new();
    let key = sender.picture(true);
    receiver.take(&key[..2]);
    receiver.pass(50);
    receiver.take(&key[2..]);
    assert_eq!((receiver.frames.len(), receiver.requests), (1, 0));
}

#[test]
fn a_first_keyframe_without_its_first_packet_is_not_decoded() {
    let mut sender = sender();
    let mut receiver = Receiver::new();
    let key = sender.picture(true);
    receiver.take(&key[1..]);
    receiver.pass(1_000);
    assert_eq!(receiver.frames.len(), 0);
    assert!(receiver.requests >= 1);
}

#[test]
fn a_marker_that_is_not_set_delays_a_picture_only_to_the_next() {
    let mut sender = sender();
    let mut receiver = Receiver::new();
    let mut pictures = sender.pictures(3);
    pictures[1].last_mut().unwrap().marker = false;
    receiver.take(&pictures.concat());
    assert_eq!((receiver.frames.len(), receiver.requests), (3, 0));
}

#[test]
fn padding_counts_in_the_sequence_and_is_otherwise_ignored() {
    let mut sender = sender();
    let mut receiver = Receiver::new();
    for picture in sender.pictures(1) {
        receiver.take(&picture);
    }
    for _ in 0..20 {
        let old = sender.timestamp.wrapping_sub(3_000);
        let padding: Vec<Sent> = (0..3).map(|_| sender.packet(old, false, Bytes::new())).collect();
        receiver.take(&padding);
        let picture = sender.picture(false);
        receiver.take(&picture);
    }
    assert_eq!((receiver.frames.len(), receiver.requests), (21, 0));
    assert_eq!(receiver.assembler.statistics().incomplete, 0);
}

#[test]
fn a_sender_that_begins_anew_is_followed_at_once() {
    let mut sender = sender();
    let mut receiver = Receiver::new();
    receiver.take(&sender.pictures(10).concat());
    let mut reborn = Sender { sequence: 30_000, timestamp: 5 };
    receiver.take(&reborn.pictures(3).concat());
    assert_eq!((receiver.frames.len(), receiver.requests), (13, 0));
    assert_eq!(receiver.assembler.statistics().restarts, 1);
}

#[test]
fn a_camera_that_was_off_for_minutes_comes_back_with_its_keyframe() {
    let mut sender = sender();
    let mut receiver = Receiver::new();
    receiver.take(&sender.pictures(10).concat());
    // The last picture before the pause loses its end, which no retransmission brings any more.
    let cut = sender.picture(false);
    receiver.take(&cut[..1]);
    receiver.now += Duration::from_secs(300);
    receiver.poll();
    assert_eq!(receiver.requests, 0);
    sender.timestamp = sender.timestamp.wrapping_add(300 * 90_000);
    let key = sender.picture(true);
    receiver.take(&key);
    assert_eq!((receiver.frames.len(), receiver.requests), (11, 0));
}

#[test]
fn nobody_is_asked_while_nothing_arrives() {
    let mut sender = sender();
    let mut receiver = Receiver::new();
    let picture = sender.picture(false);
    receiver.take(&picture);
    receiver.pass(10_000);
    assert!(receiver.requests <= 10, "{} requests", receiver.requests);
    assert_eq!(receiver.assembler.poll_timeout(), None);
}

#[test]
fn a_failed_decoder_gets_nothing_but_a_keyframe() {
    let mut sender = sender();
    let mut receiver = Receiver::new();
    receiver.take(&sender.pictures(3).concat());
    receiver.assembler.decoder_failed(receiver.now);
    receiver.poll();
    assert_eq!(receiver.requests, 1);
    let packets = [sender.picture(false), sender.picture(true), sender.picture(false)].concat();
    receiver.take(&packets);
    assert_eq!(receiver.frames[3..].iter().map(|frame| frame.1).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn memory_is_bounded_when_nobody_sends_an_end() {
    let mut assembler = FrameAssembler::new();
    let now = Instant::now();
    for sequence in 0..20_000u16 {
        assembler.insert(sequence, 0, false, Bytes::from(vec![0x65; 1_200]), now);
        assert!(assembler.packets.len() <= MAX_PACKETS && assembler.bytes <= MAX_BYTES);
    }
}

proptest! {
    /// Whatever arrives: no panic, bounded memory, and everything handed out splits into NAL units.
    #[test]
    fn arbitrary_packets_do_no_harm(
        packets in proptest::collection::vec(
            (any::<u16>(), 0u32..5, any::<bool>(), proptest::collection::vec(any::<u8>(), 0..40), 0u64..300),
            0..200,
        ),
        near in any::<bool>(),
    ) {
        let mut assembler = FrameAssembler::new();
        let mut now = Instant::now();
        for (sequence, timestamp, marker, payload, millis) in packets {
            now += Duration::from_millis(millis);
            let sequence = if near { sequence % 32 } else { sequence };
            assembler.insert(sequence, timestamp * 3_000, marker, payload.into(), now);
            let mut polls = 0;
            while let Some(event) = assembler.poll(now) {
                polls += 1;
                prop_assert!(polls < 100, "poll does not end");
                if let AssemblyEvent::Frame(frame) = event {
                    prop_assert!(!frame.unit.data.is_empty());
                }
            }
            let _ = assembler.poll_timeout();
            let bytes: usize = assembler.packets.values().map(|packet| packet.payload.len()).sum();
            prop_assert_eq!(assembler.bytes, bytes);
        }
    }

    /// Loss, reordering and duplication of real pictures: what comes out is whole, in order, and never a picture
    /// whose predecessor is missing.
    #[test]
    fn the_decoder_never_sees_a_picture_after_a_missing_one(
        fates in proptest::collection::vec(0u8..12, 200),
        delays in proptest::collection::vec(0usize..6, 200),
    ) {
        let mut sender = sender();
        let mut receiver = Receiver::new();
        let mut packets: Vec<(usize, Sent)> = Vec::new();
        for index in 0..40 {
            for sent in sender.picture(index % 10 == 0) {
                let at = packets.len();
                match fates[at % fates.len()] {
                    0 => {}
                    1 => packets.extend([(at, sent.clone()), (at + 3, sent)]),
                    2 => packets.push((at + delays[at % delays.len()], sent)),
                    _ => packets.push((at, sent)),
                }
            }
        }
        packets.sort_by_key(|(at, _)| *at);
        for (_, sent) in packets {
            receiver.take(&[sent]);
            receiver.pass(7);
        }
        for pair in receiver.frames.windows(2) {
            let step = pair[1].0.wrapping_sub(pair[0].0) as i32;
            prop_assert!(step > 0);
            prop_assert!(step == 3_000 || pair[1].1, "a gap before a picture that is no keyframe");
        }
    }
}

#[test]
fn whoever_was_held_up_while_the_sender_fell_silent_does_not_ask_again_and_again() {
    let start = Instant::now();
    let mut assembler = FrameAssembler::new();
    // No keyframe: one is asked for.
    assembler.insert(1, 0, true, Bytes::from_static(&[0x41, 1]), start);
    assert_eq!(assembler.poll(start), Some(AssemblyEvent::KeyframeNeeded));
    let later = start + 2 * SILENCE;
    assert_eq!(assembler.poll(later), None);
    assert!(assembler.poll_timeout().is_none_or(|at| at > later), "{:?}", assembler.poll_timeout());
}
