//! Spreads what leaves, so that a keyframe does not fill the path's queue; sound never waits, what is sent again leaves
//! before what is new, since a picture over there waits for it, and sources of pictures take turns, so that a camera does not wait
//! behind a screen's keyframe.
//!
//! A screen's picture may take seconds at the path's own speed, and is let: it leaves no faster than the path is thought to
//! take it, for what is that large would fill every queue on the way and be lost there, and whoever makes the next one is told
//! how much waits.
//!
//! Model: libwebrtc's `PacingController`: a budget that grows with the pacing rate, priorities by kind, and a rate that rises
//! when the queue would take too long.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rtc::interceptor::{Attribute, Packet, TaggedPacket};
use rtc::shared::marshal::MarshalSize;
use tincan_protocol::Source;

use super::{Outlet, Stage};
use crate::shared::Shared;
use crate::sources::PerSource;

/// Pacing rate over target: an encoder's frames vary in size. libwebrtc uses 2.5; less burst suits a path whose
/// queue is short.
const FACTOR: f64 = 2.0;
/// ... of a screen's picture, which is no variation in size that evens out.
const SCREEN_FACTOR: f64 = 1.0;
/// Nothing of a camera is to wait longer: what an encoder made in excess of the target is late anyway. (A page of a screen has
/// 100 kB, which 300 kbit/s carry in 2.7 s.)
const MAX_QUEUE_TIME: Duration = Duration::from_millis(250);
/// Even what is late does not leave all at once.
const MIN_LEFT: Duration = Duration::from_millis(10);
/// Slack that an idle pacer may save up: two packets' worth at once at 1 Mbit/s is 20 ms.
const MAX_BURST: Duration = Duration::from_millis(10);
/// What would leave within this time leaves together: each packet on its own wakes the driver here and the one over there.
/// (libwebrtc sends what fits into 40 ms at once.) At 1 Mbit/s it is one packet, at 9 Mbit/s the whole of a usual picture.
const TOGETHER: Duration = Duration::from_millis(5);
/// Before the controller said anything.
const FLOOR_BPS: f64 = 300_000.0;
/// The camera's first picture leaves at this rate, since somebody looks at an empty tile: a keyframe of 25 kB takes 25 ms
/// and not 100. (A screen's first picture is many times as large, and a path that takes it at the usual rate is known by then.) To a path that takes less than the usual rate anyway it makes little difference: at 500 kbit/s the queue before
/// it grows to 23 kB instead of 19.
const FIRST_BPS: f64 = 8_000_000.0;
/// From the camera's first packet on.
const FIRST_FOR: Duration = Duration::from_millis(100);
/// Two seconds of 20 Mbit/s: a limit on memory, which the queue time keeps far away.
const MAX_PACKETS: usize = 4_096;

/// What waits of a source.
#[derive(Default)]
struct Queue {
    /// What is sent again. The responder bounds it.
    again: VecDeque<TaggedPacket>,
    packets: VecDeque<TaggedPacket>,
    bytes: usize,
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.packets.is_empty() && self.again.is_empty()
    }

    fn pop(&mut self) -> Option<TaggedPacket> {
        let packet = self.again.pop_front().or_else(|| self.packets.pop_front())?;
        self.bytes -= size_of(&packet);
        Some(packet)
    }

    /// Since when something waits.
    fn oldest(&self) -> Option<Instant> {
        self.again.front().into_iter().chain(self.packets.front()).map(|packet| packet.now).min()
    }
}

/// See the module's description.
pub(crate) struct Pacer {
    shared: Arc<Shared>,
    /// What waits of each source of pictures, what is sent again among it.
    queues: PerSource<Queue>,
    /// Whose packet left last.
    last: Source,
    /// When the last packet's share of the rate is used up: the next one may leave then.
    free_at: Option<Instant>,
    /// Until when pictures leave at [`FIRST_BPS`].
    first_until: Option<Instant>,
}

impl Pacer {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, queues: PerSource::default(), last: Source::Camera, free_at: None, first_until: None }
    }

    /// Bits a second for a packet of this source: a multiple of the target, more for the first picture, or what brings the
    /// camera's out before its oldest packet waited too long.
    fn rate(&self, of: Source, now: Instant) -> f64 {
        let first = self.first_until.is_some_and(|until| now < until);
        // All of them may send their first picture at once.
        let hurry = FIRST_BPS / self.shared.connections() as f64;
        let floor = if first { hurry.max(FLOOR_BPS) } else { FLOOR_BPS };
        let probe = self.shared.probe().filter(|probe| now < probe.until);
        let probe = probe.map_or(0.0, |probe| probe.rate.as_bps() as f64);
        let target = self.shared.target().as_bps() as f64;
        let target = match of {
            Source::Screen => target * SCREEN_FACTOR,
            _ => (target * FACTOR).max(floor),
        }
        .max(probe);
        let camera = &self.queues[Source::Camera];
        let Some(oldest) = camera.oldest() else { return target };
        let left = MAX_QUEUE_TIME.saturating_sub(now.saturating_duration_since(oldest)).max(MIN_LEFT);
        // They take turns, so it has its part of the rate only.
        let queues = self.queues.iter().filter(|(_, queue)| !queue.is_empty()).count();
        target.max((camera.bytes * queues) as f64 * 8.0 / left.as_secs_f64())
    }

    fn release(&mut self, now: Instant, out: &mut Outlet) {
        while self.free_at.is_none_or(|at| at <= now + TOGETHER) {
            let Some(source) = self.next() else { return };
            let rate = self.rate(source, now);
            let Some(mut packet) = self.queues[source].pop() else { return };
            let size = size_of(&packet);
            packet.now = now;
            out.write.push_back(packet);
            self.charge(size, rate, now);
            if source == Source::Screen {
                self.shared.set_screen_waits(self.queues[source].bytes);
            }
        }
    }

    /// Whose packet is next: of something that is sent again, or of the source whose turn it is. Packets are about equally
    /// large, so turns share the rate.
    fn next(&mut self) -> Option<Source> {
        let mut sources = Source::ALL.into_iter();
        if let Some(source) = sources.find(|source| !self.queues[*source].again.is_empty()) {
            return Some(source);
        }
        let waits = |source: &Source| !self.queues[*source].is_empty();
        let others = Source::ALL.into_iter().filter(|source| *source != self.last);
        self.last = others.chain([self.last]).find(waits)?;
        Some(self.last)
    }

    fn charge(&mut self, size: usize, rate: f64, now: Instant) {
        let base = self.free_at.unwrap_or(now);
        let base = base.max(now.checked_sub(MAX_BURST).unwrap_or(now));
        self.free_at = Some(base + Duration::from_secs_f64(size as f64 * 8.0 / rate));
    }
}

fn opens_keyframe(packet: &TaggedPacket) -> bool {
    matches!(&packet.message.packet, Packet::Rtp(rtp) if tincan_media::video::opens_keyframe(&rtp.payload))
}

pub(super) fn size_of(packet: &TaggedPacket) -> usize {
    match &packet.message.packet {
        Packet::Rtp(rtp) => rtp.marshal_size(),
        _ => 0,
    }
}

impl Stage for Pacer {
    fn write(&mut self, packet: TaggedPacket, out: &mut Outlet) {
        let now = packet.now;
        let source = match &packet.message.packet {
            Packet::Rtp(rtp) => self.shared.sends(rtp.header.ssrc).filter(|source| source.is_video()),
            _ => None,
        };
        let Some(source) = source else {
            // Sound counts, but does not wait; reports are only worth anything fresh.
            let (size, rate) = (size_of(&packet), self.rate(Source::Microphone, now));
            if size > 0 {
                self.charge(size, rate, now);
            }
            out.write.push_back(packet);
            return;
        };
        if source == Source::Camera {
            self.first_until.get_or_insert(now + FIRST_FOR);
        }
        let again = packet.message.has(&Attribute::Retransmission);
        let queue = &mut self.queues[source];
        if source == Source::Screen && !again && opens_keyframe(&packet) {
            // Whoever gets it needs nothing from before it, and a page that waits may be seconds of the path.
            *queue = Queue::default();
        }
        if queue.packets.len() + queue.again.len() < MAX_PACKETS {
            queue.bytes += size_of(&packet);
            let waiting = if again { &mut queue.again } else { &mut queue.packets };
            waiting.push_back(packet);
            if source == Source::Screen {
                self.shared.set_screen_waits(queue.bytes);
            }
        }
        self.release(now, out);
    }

    fn tick(&mut self, now: Instant, out: &mut Outlet) {
        self.release(now, out);
    }

    fn next_tick(&self) -> Option<Instant> {
        let waits = self.queues.iter().any(|(_, queue)| !queue.is_empty());
        waits.then_some(self.free_at).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtc::interceptor::AttributedPacket;
    use rtc::rtp;
    use rtc::shared::TransportContext;
    use tincan_media::Bitrate;

    const AUDIO: u32 = 1;
    const VIDEO: u32 = 2;
    const SCREEN: u32 = 3;
    const SCREEN_AGAIN: u32 = 13;

    fn pacer(target: Bitrate) -> Pacer {
        let shared = Shared::of_tests(Instant::now());
        shared.set_target(target);
        Pacer::new(Arc::new(shared))
    }

    fn packet(ssrc: u32, size: usize, now: Instant) -> TaggedPacket {
        let header = rtp::header::Header { version: 2, ssrc, ..Default::default() };
        let packet = rtp::Packet { header, payload: vec![0; size - 12].into() };
        TaggedPacket {
            now,
            transport: TransportContext::default(),
            message: AttributedPacket::new(Packet::Rtp(packet)),
        }
    }

    /// When each packet of a burst leaves, in milliseconds.
    fn burst(pacer: &mut Pacer, packets: usize, start: Instant) -> Vec<u128> {
        let mut left = Vec::new();
        let mut out = Outlet::default();
        for _ in 0..packets {
            pacer.write(packet(VIDEO, 1_200, start), &mut out);
        }
        left.extend(out.write.drain(..).map(|_| 0));
        while let Some(at) = pacer.next_tick() {
            pacer.tick(at, &mut out);
            left.extend(out.write.drain(..).map(|_| (at - start).as_millis()));
        }
        left
    }

    /// Lets everything leave. When the last packet did; `None`: nothing waited.
    fn drain(pacer: &mut Pacer, out: &mut Outlet) -> Option<Instant> {
        let mut last = None;
        while let Some(at) = pacer.next_tick() {
            pacer.tick(at, out);
            last = Some(at);
        }
        last
    }

    /// A pacer whose first picture has left.
    fn begun(target: Bitrate, now: Instant) -> Pacer {
        let mut pacer = pacer(target);
        pacer.write(
            packet(VIDEO, 1_200, now.checked_sub(Duration::from_secs(1)).unwrap()),
            &mut Outlet::default(),
        );
        pacer
    }

    #[test]
    fn a_burst_leaves_at_twice_the_target() {
        let now = Instant::now();
        let left = burst(&mut begun(Bitrate::kbps(1_000), now), 20, now);
        // 1,200 bytes at 2 Mbit/s are 4.8 ms; what is due within 5 ms leaves at once.
        assert_eq!(left.len(), 20);
        assert!((70..=100).contains(left.last().unwrap()), "{left:?}");
    }

    #[test]
    fn the_first_picture_is_not_held_back() {
        let left = burst(&mut pacer(Bitrate::kbps(1_000)), 20, Instant::now());
        // 24,000 bytes at 8 Mbit/s.
        assert!((15..=30).contains(left.last().unwrap()), "{left:?}");
    }

    #[test]
    fn many_connections_divide_the_hurry_of_the_first_picture() {
        let mut pacer = pacer(Bitrate::kbps(100));
        pacer.shared.set_connections(8);
        let left = burst(&mut pacer, 4, Instant::now());
        // 4,800 bytes at 1 Mbit/s, of which the last only has to begin.
        assert!((25..=35).contains(left.last().unwrap()), "{left:?}");
    }

    #[test]
    fn nothing_waits_longer_than_the_queue_time() {
        let now = Instant::now();
        let left = burst(&mut begun(Bitrate::kbps(100), now), 400, now);
        let longest = *left.last().unwrap();
        assert!(longest <= MAX_QUEUE_TIME.as_millis() + 2 * MIN_LEFT.as_millis(), "{longest} ms");
    }

    #[test]
    fn sound_does_not_wait_behind_a_keyframe() {
        let now = Instant::now();
        let mut pacer = begun(Bitrate::kbps(300), now);
        let mut out = Outlet::default();
        for _ in 0..50 {
            pacer.write(packet(VIDEO, 1_200, now), &mut out);
        }
        out.write.clear();
        pacer.write(packet(AUDIO, 120, now), &mut out);
        assert_eq!(out.write.len(), 1);
    }

    #[test]
    fn the_camera_does_not_wait_behind_a_screens_keyframe_nor_the_screen_behind_the_camera() {
        let now = Instant::now();
        let mut pacer = begun(Bitrate::kbps(1_000), now);
        let mut out = Outlet::default();
        for _ in 0..50 {
            pacer.write(packet(SCREEN, 1_200, now), &mut out);
        }
        let mut again = packet(SCREEN_AGAIN, 1_200, now);
        again.message.add(Attribute::Retransmission);
        pacer.write(again, &mut out);
        for _ in 0..5 {
            pacer.write(packet(VIDEO, 1_200, now), &mut out);
        }
        drain(&mut pacer, &mut out);
        let order: Vec<u32> = out
            .write
            .iter()
            .filter_map(|packet| match &packet.message.packet {
                Packet::Rtp(rtp) => Some(rtp.header.ssrc),
                _ => None,
            })
            .collect();
        assert_eq!(order.len(), 56);
        let first = order.iter().position(|ssrc| *ssrc == VIDEO).unwrap();
        assert!(first <= 5, "only what had left before, and what is sent again: {first}");
        let cameras: Vec<bool> = order[first..first + 9].iter().map(|ssrc| *ssrc == VIDEO).collect();
        assert_eq!(cameras, [true, false, true, false, true, false, true, false, true]);
        let again = order.iter().position(|ssrc| *ssrc == SCREEN_AGAIN).unwrap();
        assert!(again <= first, "what is sent again goes before all that is new: {again}");
    }

    #[test]
    fn a_screen_is_not_hurried() {
        let now = Instant::now();
        let mut pacer = pacer(Bitrate::kbps(1_000));
        let mut out = Outlet::default();
        for _ in 0..20 {
            pacer.write(packet(SCREEN, 1_200, now), &mut out);
        }
        let last = drain(&mut pacer, &mut out).unwrap();
        assert!(last - now > Duration::from_millis(80), "{:?}", last - now);
    }

    #[test]
    fn a_screens_keyframe_takes_the_place_of_what_waits() {
        let now = Instant::now();
        let mut pacer = begun(Bitrate::kbps(300), now);
        let mut out = Outlet::default();
        for _ in 0..100 {
            pacer.write(packet(SCREEN, 1_200, now), &mut out);
        }
        out.write.clear();
        let mut keyframe = packet(SCREEN, 1_200, now);
        if let Packet::Rtp(rtp) = &mut keyframe.message.packet {
            rtp.payload = [vec![0x67], vec![0; 1_187]].concat().into();
        }
        pacer.write(keyframe, &mut out);
        drain(&mut pacer, &mut out);
        assert_eq!(out.write.len(), 1);
        assert_eq!(pacer.shared.screen_waits(), Duration::ZERO);
    }

    #[test]
    fn a_screens_page_leaves_at_the_paths_speed_however_long_that_takes() {
        let now = Instant::now();
        let mut pacer = begun(Bitrate::kbps(300), now);
        let mut out = Outlet::default();
        for _ in 0..100 {
            pacer.write(packet(SCREEN, 1_200, now), &mut out);
        }
        let last = drain(&mut pacer, &mut out).unwrap();
        // 120,000 bytes at 300 kbit/s.
        assert!((3_100..3_300).contains(&(last - now).as_millis()), "{:?}", last - now);
    }
}
