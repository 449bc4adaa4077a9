//! Scenarios as data: a sender, a network and a listener in simulated time, with fixed seeds.

mod copies;

use std::f32::consts::TAU;

use proptest::prelude::*;

use super::*;
use crate::ports::CodecError;

/// SILK wideband, 20 ms, then "no voice, LBRR": so every packet carries a FEC copy of the one before it.
const HEADER: [u8; 2] = [9 << 3, 0b0100_0000];
/// The same without a FEC copy.
const PLAIN: [u8; 2] = [9 << 3, 0];
const PACKET: i64 = 960;
const HERTZ: f32 = 200.0;

/// Decodes to a sine whose phase follows the packet's own RTP time; conceals with nothing.
struct SineDecoder;

fn sine(from: i64, out: &mut Vec<f32>) {
    // The sine's period is 240 samples; the remainder keeps f32 exact after hours.
    out.extend(
        (from..from + PACKET).map(|n| 0.5 * (n.rem_euclid(240) as f32 * TAU * HERTZ / 48_000.0).sin()),
    );
}

fn rtp_of(payload: &[u8]) -> Result<i64, CodecError> {
    let bytes = payload.get(2..10).and_then(|bytes| bytes.try_into().ok());
    let refuse = || CodecError { codec: "test", action: "decode", detail: "too short".into() };
    bytes.map(i64::from_le_bytes).ok_or_else(refuse)
}

impl AudioDecoder for SineDecoder {
    fn decode(&mut self, payload: &[u8], out: &mut Vec<f32>) -> Result<usize, CodecError> {
        sine(rtp_of(payload)?, out);
        Ok(PACKET as usize)
    }

    fn decode_fec(
        &mut self,
        payload: &[u8],
        samples: usize,
        out: &mut Vec<f32>,
    ) -> Result<usize, CodecError> {
        sine(rtp_of(payload)? - PACKET, out);
        Ok(samples)
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<f32>) -> Result<usize, CodecError> {
        out.resize(out.len() + samples, 0.0);
        Ok(samples)
    }
}

fn payload(rtp: i64) -> Bytes {
    HEADER.into_iter().chain(rtp.to_le_bytes()).collect()
}

struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Twelve uniform numbers make a good normal one.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

#[derive(Clone, Copy)]
struct Network {
    loss: f64,
    /// Mean length of a burst of losses, in packets.
    burst: f64,
    sigma_ms: f64,
    /// Share of packets that are overtaken by the next two.
    reordered: f64,
    duplicated: f64,
    drift_ppm: f64,
}

const CLEAN: Network =
    Network { loss: 0.0, burst: 1.0, sigma_ms: 0.0, reordered: 0.0, duplicated: 0.0, drift_ppm: 0.0 };

struct Arrival {
    micros: i64,
    sequence: u16,
    timestamp: u32,
    payload: Bytes,
}

/// What `seconds` of talk look like after the network, in order of arrival.
fn deliver(network: Network, seconds: i64, seed: u64) -> Vec<Arrival> {
    let mut random = Random(seed);
    let mut arrivals = Vec::new();
    let mut losing = false;
    let mut last = 0.0f64;
    for n in 0..seconds * 50 {
        // Gilbert's model: bursts of the wanted mean length, at the wanted mean loss.
        let end = 1.0 / network.burst;
        let begin = network.loss * end / (1.0 - network.loss);
        losing = if losing { random.unit() >= end } else { random.unit() < begin };
        let sent = n as f64 * 20_000.0 * (1.0 + network.drift_ppm * 1e-6);
        let mut at = sent + 50_000.0 + (random.normal().abs() * network.sigma_ms * 1_000.0);
        // Queues keep order; what is reordered on purpose took another path.
        at = at.max(last + 1.0);
        last = at;
        if random.unit() < network.reordered {
            at += 45_000.0;
        }
        if losing {
            continue;
        }
        let rtp = 4_294_000_000 + n * PACKET;
        let copies = if random.unit() < network.duplicated { 2 } else { 1 };
        for copy in 0..copies {
            arrivals.push(Arrival {
                micros: at as i64 + copy * 7_000,
                sequence: (65_000 + n) as u16,
                timestamp: rtp as u32,
                payload: payload(rtp),
            });
        }
    }
    arrivals.sort_by_key(|arrival| arrival.micros);
    arrivals
}

struct Listener {
    buffer: JitterBuffer,
    start: Instant,
    now: i64,
    pulls: u64,
    /// Current delay in ms, one for each second.
    delays: Vec<f64>,
    /// All that was played, if `record` is set.
    samples: Vec<f32>,
    record: bool,
    /// Each packet carries those so many before it, the farthest first.
    copies: &'static [usize],
}

impl Listener {
    fn new() -> Self {
        Self {
            buffer: JitterBuffer::new(Box::new(SineDecoder)),
            start: Instant::now(),
            now: 0,
            pulls: 0,
            delays: Vec::new(),
            samples: Vec::new(),
            record: true,
            copies: &[],
        }
    }

    fn at(&self, micros: i64) -> Instant {
        self.start + Duration::from_micros(micros as u64)
    }

    /// Plays until `end`, `group` frames at a time as a device with that buffer does.
    fn play(&mut self, arrivals: &[Arrival], end: i64, group: i64) {
        let mut arrivals = arrivals.iter().peekable();
        while self.now < end {
            while let Some(arrival) = arrivals.next_if(|arrival| arrival.micros <= self.now) {
                let arrived = self.at(arrival.micros);
                self.buffer.insert(arrival.sequence, arrival.timestamp, arrival.payload.clone(), arrived);
                for &back in self.copies.iter().rev() {
                    let (ticks, rtp) = (back as i64 * PACKET, rtp_of(&arrival.payload).unwrap());
                    let sequence = arrival.sequence.wrapping_sub(back as u16);
                    let copy = PLAIN.into_iter().chain((rtp - ticks).to_le_bytes()).collect();
                    self.buffer.insert_copy(sequence, arrival.timestamp.wrapping_sub(ticks as u32), copy);
                }
            }
            for _ in 0..group {
                let frame = self.buffer.pull(self.at(self.now));
                if self.record {
                    self.samples.extend(frame.samples);
                }
                self.pulls += 1;
                if self.pulls.is_multiple_of(100) {
                    self.delays.push(self.buffer.statistics().current_delay.as_secs_f64() * 1e3);
                }
            }
            self.now += group * 10_000;
        }
    }

    /// Highest delay after the first 20 s, in which the buffer learns.
    fn highest_delay(&self) -> f64 {
        self.delays.iter().skip(20).copied().fold(0.0, f64::max)
    }
}

struct Scenario {
    name: &'static str,
    network: Network,
    group: i64,
    /// Bounds: share concealed, and delay in ms once it has settled.
    concealed: f64,
    delay: f64,
}

#[test]
fn ten_minutes_on_every_network_stay_bounded() {
    let scenarios = [
        Scenario { name: "clean", network: CLEAN, group: 1, concealed: 0.0, delay: 40.0 },
        Scenario { name: "40 ms device", network: CLEAN, group: 4, concealed: 0.0, delay: 40.0 },
        Scenario {
            name: "10% loss",
            network: Network { loss: 0.1, ..CLEAN },
            group: 1,
            concealed: 0.001,
            delay: 40.0,
        },
        Scenario {
            name: "10% loss in bursts of three",
            network: Network { loss: 0.1, burst: 3.0, ..CLEAN },
            group: 1,
            concealed: 0.075,
            delay: 50.0,
        },
        Scenario {
            name: "jitter of 10 ms",
            network: Network { sigma_ms: 10.0, ..CLEAN },
            group: 1,
            concealed: 0.001,
            delay: 50.0,
        },
        Scenario {
            name: "jitter of 30 ms",
            network: Network { sigma_ms: 30.0, ..CLEAN },
            group: 1,
            concealed: 0.003,
            delay: 135.0,
        },
        Scenario {
            name: "reordering and duplicates",
            network: Network { reordered: 0.05, duplicated: 0.05, ..CLEAN },
            group: 1,
            concealed: 0.001,
            delay: 85.0,
        },
        Scenario {
            name: "fast sender",
            network: Network { drift_ppm: -200.0, ..CLEAN },
            group: 1,
            concealed: 0.0002,
            delay: 40.0,
        },
        Scenario {
            name: "slow sender",
            network: Network { drift_ppm: 200.0, ..CLEAN },
            group: 1,
            concealed: 0.0002,
            delay: 40.0,
        },
        Scenario {
            name: "everything",
            network: Network {
                loss: 0.05,
                burst: 2.0,
                sigma_ms: 10.0,
                reordered: 0.02,
                duplicated: 0.02,
                drift_ppm: 100.0,
            },
            group: 2,
            concealed: 0.035,
            delay: 85.0,
        },
    ];
    for scenario in &scenarios {
        let mut listener = Listener { record: false, ..Listener::new() };
        listener.play(&deliver(scenario.network, 600, 7), 600_000_000, scenario.group);
        let statistics = listener.buffer.statistics();
        let concealed = statistics.concealed_samples as f64 / statistics.total_samples.max(1) as f64;
        let delay = listener.highest_delay();
        println!("{}: concealed {concealed:.4}, delay {delay:.0} ms, {statistics:?}", scenario.name);
        assert!(concealed <= scenario.concealed, "{}: concealed {concealed}", scenario.name);
        assert!(delay <= scenario.delay, "{}: {delay} ms", scenario.name);
        let played = statistics.total_samples + statistics.silent_samples;
        assert_eq!(played, listener.pulls * SAMPLES_PER_FRAME as u64, "{}", scenario.name);
        assert!(statistics.silent_samples < 10_000, "{}: {statistics:?}", scenario.name);
    }
}

#[test]
fn sound_that_is_to_be_held_is_held_and_let_go_without_a_seam() {
    let arrivals = deliver(CLEAN, 60, 1);
    let mut listener = Listener::new();
    let mut reached = Vec::new();
    for (least, until) in [(0, 10), (150, 30), (0, 60)] {
        listener.buffer.hold(Duration::from_millis(least));
        let rest = arrivals.partition_point(|arrival| arrival.micros <= listener.now);
        listener.play(&arrivals[rest..], until * 1_000_000 - 1_000_000, 1);
        reached.push(listener.delays[listener.delays.len() - 1]);
    }
    assert!(reached[0] <= 40.0 && (140.0..165.0).contains(&reached[1]) && reached[2] <= 40.0, "{reached:?}");
    assert_eq!(listener.buffer.statistics().concealed_samples, 0);
}

#[test]
fn a_single_loss_comes_from_fec_without_a_seam() {
    let mut arrivals = deliver(CLEAN, 10, 1);
    for lost in [400, 350, 300] {
        arrivals.remove(lost);
    }
    let mut listener = Listener::new();
    listener.play(&arrivals, 10_000_000, 1);
    let statistics = listener.buffer.statistics();
    assert_eq!(statistics.lost_packets, 3, "{statistics:?}");
    assert!(statistics.fec_packets >= 2, "{statistics:?}");
    assert!(statistics.concealed_samples <= 960, "{statistics:?}");
}

#[test]
fn drift_is_taken_up_by_whole_periods_without_a_seam() {
    let mut listener = Listener::new();
    let network = Network { drift_ppm: -200.0, ..CLEAN };
    listener.play(&deliver(network, 120, 1), 119_000_000, 1);
    let statistics = listener.buffer.statistics();
    assert!(statistics.shortened_samples > 480, "{statistics:?}");
    let steady = &listener.samples[48_000..];
    let natural = 0.5 * TAU * HERTZ / 48_000.0;
    let step = steady.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
    assert!(step < 1.5 * natural, "{step} against {natural}");
}

#[test]
fn minutes_of_mute_are_silence_and_the_voice_returns_at_once() {
    let mut listener = Listener::new();
    let mut arrivals = deliver(CLEAN, 200, 1);
    // Muted from 20 s to 190 s; numbers go on where they were, times do not.
    arrivals.retain(|arrival| arrival.micros < 20_000_000 || arrival.micros >= 190_000_000);
    for (n, arrival) in arrivals.iter_mut().enumerate() {
        arrival.sequence = n as u16;
    }
    listener.play(&arrivals, 189_000_000, 1);
    let muted = listener.buffer.statistics().clone();
    assert!(muted.concealed_samples <= MAX_CONCEALMENT as u64, "{muted:?}");
    assert!(muted.silent_samples > 48_000 * 168, "{muted:?}");
    assert_eq!(listener.buffer.playout_rtp_timestamp(), None);
    assert!(listener.samples[48_000 * 21..].iter().all(|&sample| sample == 0.0));

    let rest: Vec<_> = arrivals.into_iter().filter(|arrival| arrival.micros >= 189_000_000).collect();
    listener.play(&rest, 199_000_000, 1);
    let after = listener.buffer.statistics();
    assert!(after.concealed_samples - muted.concealed_samples <= 480, "{after:?}");
    assert_eq!(after.discarded_packets, 0, "{after:?}");
    let back = listener.samples[48_000 * 189..].iter().position(|&sample| sample != 0.0).unwrap();
    assert!(back < 48_000 * 115 / 100, "{back}");
    assert!(listener.delays.last().unwrap() < &60.0);
    assert!(listener.buffer.playout_rtp_timestamp().is_some());
}

#[test]
fn a_sender_that_starts_anew_is_heard_within_a_tenth_of_a_second() {
    let mut listener = Listener::new();
    let mut arrivals = deliver(CLEAN, 20, 1);
    for (n, arrival) in arrivals.iter_mut().enumerate().skip(500) {
        let rtp = 77_000 + n as i64 * PACKET;
        (arrival.sequence, arrival.timestamp, arrival.payload) = (n as u16, rtp as u32, payload(rtp));
    }
    listener.play(&arrivals, 19_000_000, 1);
    let statistics = listener.buffer.statistics();
    assert_eq!(statistics.restarts, 1, "{statistics:?}");
    assert!(statistics.concealed_samples + statistics.silent_samples < 48_000 / 4, "{statistics:?}");
    let heard = 77_000 + 500 * PACKET..77_000 + 1_000 * PACKET;
    assert!(heard.contains(&i64::from(listener.buffer.playout_rtp_timestamp().unwrap())));
}

#[test]
fn a_network_that_stood_still_is_caught_up_with() {
    for (stall, bound) in [(300_000, 0), (2_000_000, 110)] {
        let mut listener = Listener::new();
        let mut arrivals = deliver(CLEAN, 60, 1);
        for arrival in &mut arrivals {
            if (20_000_000..20_000_000 + stall).contains(&arrival.micros) {
                arrival.micros = 20_000_000 + stall;
            }
        }
        listener.play(&arrivals, 59_000_000, 1);
        let statistics = listener.buffer.statistics();
        assert!(statistics.discarded_packets <= bound, "{stall}: {statistics:?}");
        assert!(listener.delays.last().unwrap() < &60.0, "{stall}: {:?}", listener.delays);
        // What was dropped after the outage is as lost as what the network loses.
        let concealed = statistics.concealed_samples as f64 / 48_000.0;
        assert!(concealed < stall as f64 * 1e-6 + 0.1, "{stall}: {statistics:?}");
    }
}

#[test]
fn nobody_listening_for_a_while_costs_nothing_later() {
    let arrivals = deliver(CLEAN, 60, 1);
    let mut listener = Listener::new();
    for arrival in arrivals.iter().filter(|arrival| arrival.micros < 30_000_000) {
        let arrived = listener.at(arrival.micros);
        listener.buffer.insert(arrival.sequence, arrival.timestamp, arrival.payload.clone(), arrived);
    }
    listener.now = 30_000_000;
    let rest: Vec<_> = arrivals.into_iter().filter(|arrival| arrival.micros >= 30_000_000).collect();
    listener.play(&rest, 59_000_000, 1);
    let statistics = listener.buffer.statistics();
    assert!(listener.delays.iter().all(|&delay| delay < 80.0), "{:?}", listener.delays);
    assert_eq!(statistics.concealed_samples, 0, "{statistics:?}");
}

#[test]
fn padding_is_no_loss() {
    let mut listener = Listener::new();
    let mut arrivals = deliver(CLEAN, 30, 1);
    // A browser that probes: after every third packet two without sound, which have numbers of their own.
    let mut probed = Vec::new();
    for (n, mut arrival) in arrivals.drain(..).enumerate() {
        let shift = n as u16 / 3 * 2;
        arrival.sequence = arrival.sequence.wrapping_add(shift);
        let (sequence, timestamp, micros) = (arrival.sequence, arrival.timestamp, arrival.micros);
        probed.push(arrival);
        if n % 3 == 2 {
            for padding in 1..=2 {
                let sequence = sequence.wrapping_add(padding);
                probed.push(Arrival { micros: micros + 1_000, sequence, timestamp, payload: Bytes::new() });
            }
        }
    }
    listener.play(&probed, 29_000_000, 1);
    let statistics = listener.buffer.statistics();
    assert_eq!((statistics.lost_packets, statistics.concealed_samples), (0, 0), "{statistics:?}");
    assert_eq!((statistics.late_packets, statistics.corrupt_packets), (0, 0), "{statistics:?}");
    assert!(listener.highest_delay() <= 40.0, "{:?}", listener.delays);
}

#[test]
fn a_late_packet_is_heard_as_far_as_its_sound_is_still_to_come() {
    // Without FEC, one packet a second is late by up to 60 ms, and the one after it is not.
    for late_micros in (0..60_000).step_by(2_500) {
        let mut arrivals = deliver(CLEAN, 30, 1);
        for arrival in &mut arrivals {
            arrival.payload = PLAIN.into_iter().chain(arrival.payload[2..].to_vec()).collect();
        }
        for arrival in arrivals.iter_mut().skip(500).step_by(50) {
            arrival.micros += late_micros;
        }
        arrivals.sort_by_key(|arrival| arrival.micros);
        let mut listener = Listener::new();
        listener.play(&arrivals, 29_000_000, 1);
        let statistics = listener.buffer.statistics();
        // A pull is 10 ms, so up to that much is made up beyond what is missing.
        let held = 15_000;
        let missing =
            (late_micros - held).clamp(0, 20_000) as u64 + if late_micros > held { 10_000 } else { 0 };
        let events = 20;
        let most = events * missing.min(20_000) * 48 / 1_000;
        assert!(statistics.concealed_samples <= most, "{late_micros} µs: {statistics:?}, {most} at most");
        let natural = 0.5 * TAU * HERTZ / 48_000.0;
        if statistics.concealed_samples == 0 {
            let steady = &listener.samples[48_000..];
            let step = steady.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
            assert!(step < 1.5 * natural, "{late_micros} µs: {step} against {natural}");
        }
    }
}

#[test]
fn the_playout_time_is_the_senders_before_and_after_a_jump() {
    for jump in [-3 * 48_000i64, -48_000, -2_400, 48_000, 3 * 48_000] {
        let mut arrivals = deliver(CLEAN, 20, 1);
        for arrival in arrivals.iter_mut().skip(500) {
            arrival.timestamp = arrival.timestamp.wrapping_add(jump as u32);
        }
        let mut listener = Listener::new();
        listener.play(&arrivals, 9_900_000, 1);
        let before = i64::from(listener.buffer.playout_rtp_timestamp().unwrap());
        let expected = 4_294_000_000 + 9_900 * 48 - 50 * 48;
        assert!((expected - before).abs() < 100 * 48, "{jump}: {before}, not {expected}");
        let rest = arrivals.partition_point(|arrival| arrival.micros <= listener.now);
        listener.play(&arrivals[rest..], 15_000_000, 1);
        let statistics = listener.buffer.statistics();
        assert_eq!(statistics.late_packets + statistics.discarded_packets, 0, "{jump}: {statistics:?}");
        let quiet = statistics.concealed_samples + statistics.silent_samples;
        assert!(quiet < 48_000 * 3 / 10, "{jump}: {statistics:?}");
        let after = listener.buffer.playout_rtp_timestamp().unwrap();
        let expected = (4_294_000_000i64 + 14_950 * 48 + jump) as u32;
        assert!((expected.wrapping_sub(after) as i32).abs() < 100 * 48, "{jump}: {after}, not {expected}");
    }
}

#[test]
fn the_playout_time_advances_with_the_sound() {
    let mut listener = Listener::new();
    listener.play(&deliver(CLEAN, 10, 1), 9_000_000, 1);
    let before = listener.buffer.playout_rtp_timestamp().unwrap();
    listener.buffer.pull(listener.at(9_000_000));
    let after = listener.buffer.playout_rtp_timestamp().unwrap();
    assert_eq!(after.wrapping_sub(before), 480);
}

#[derive(Debug, Clone)]
enum Step {
    Insert { sequence: u16, timestamp: u32, payload: Vec<u8> },
    Follow { count: u8 },
    Pull { count: u8 },
    Wait { millis: u32 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (any::<u16>(), any::<u32>(), prop::collection::vec(any::<u8>(), 0..40))
            .prop_map(|(sequence, timestamp, payload)| Step::Insert { sequence, timestamp, payload }),
        (0u16..40, 0u32..40_000, prop::collection::vec(any::<u8>(), 0..40))
            .prop_map(|(sequence, timestamp, payload)| Step::Insert { sequence, timestamp, payload }),
        any::<u8>().prop_map(|count| Step::Follow { count }),
        any::<u8>().prop_map(|count| Step::Pull { count }),
        (0u32..10_000).prop_map(|millis| Step::Wait { millis }),
    ];
    prop::collection::vec(step, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_packets_in_any_order_break_it(steps in steps()) {
        let start = Instant::now();
        let mut now = start;
        let mut buffer = JitterBuffer::new(Box::new(SineDecoder));
        let (mut sequence, mut rtp) = (0u16, 0i64);
        for step in steps {
            match step {
                Step::Insert { sequence, timestamp, payload } => {
                    buffer.insert(sequence, timestamp, payload.into(), now);
                }
                Step::Follow { count } => for _ in 0..count {
                    sequence = sequence.wrapping_add(1);
                    rtp += PACKET;
                    buffer.insert(sequence, rtp as u32, payload(rtp), now);
                },
                Step::Pull { count } => for _ in 0..count {
                    let frame = buffer.pull(now);
                    prop_assert!(frame.samples.iter().all(|sample| sample.abs() <= 1.0));
                    now += Duration::from_millis(10);
                },
                Step::Wait { millis } => now += Duration::from_millis(u64::from(millis)),
            }
            prop_assert!(buffer.ready.len() < 10_000, "{}", buffer.ready.len());
            prop_assert!(buffer.store.len() <= 256);
            prop_assert_eq!(buffer.history.len(), stretch::HISTORY);
        }
    }
}

proptest! {
    // Whole minutes each.
    #![proptest_config(ProptestConfig { cases: 20, ..ProptestConfig::default() })]

    /// Loss, reordering, duplicates and jitter by any seed, and a sender whose clock jumps: what is not lost is heard, and
    /// no jump costs more than the pause that it may have been.
    #[test]
    fn jumps_of_the_senders_clock_cost_a_moment_on_any_network(
        (loss, burst, sigma_ms, reordered, duplicated) in
            (0.0f64..0.1, 1.0f64..3.0, 0.0f64..20.0, 0.0f64..0.05, 0.0f64..0.05),
        jumps in prop::collection::vec((200usize..2_800, -4_000i64..4_000), 0..6),
        seed in any::<u64>(),
    ) {
        let network = Network { loss, burst, sigma_ms, reordered, duplicated, drift_ppm: 0.0 };
        let mut arrivals = deliver(network, 60, seed | 1);
        for arrival in &mut arrivals {
            let number = usize::from(arrival.sequence.wrapping_sub(65_000));
            let jumped: i64 = jumps.iter().filter(|jump| jump.0 <= number).map(|jump| jump.1 * 48).sum();
            arrival.timestamp = arrival.timestamp.wrapping_add(jumped as u32);
        }
        let mut listener = Listener { record: false, ..Listener::new() };
        listener.play(&arrivals, 59_900_000, 1);
        let statistics = listener.buffer.statistics();
        let quiet = (statistics.concealed_samples + statistics.silent_samples) as f64 / 48_000.0;
        // All that is lost may have to be made up, and reordered packets until they are waited for; 0.2 s pass before
        // the first sound.
        let most = 60.0 * (1.6 * loss + 0.02) + 1.0 + 0.45 * jumps.len() as f64;
        prop_assert!(quiet < most, "{quiet} s quiet, {most} s at most: {statistics:?}");
        prop_assert!(listener.delays.last().unwrap() < &400.0, "{:?}", listener.delays);
        // Of the 25 packets of the last half second nearly all came: a burst that takes more may end in silence.
        let came = arrivals.iter().filter(|arrival| (59_400_000..59_900_000).contains(&arrival.micros)).count();
        prop_assert!(came < 20 || listener.buffer.playout_rtp_timestamp().is_some());
    }
}
