//! How late packets come, and so how long to hold them.
//!
//! The relative delay of a packet is its arrival minus its RTP time, compared with the fastest packet of the last few
//! seconds (NetEQ's `PacketArrivalHistory`). A histogram with forgetting keeps its distribution, and a high quantile of
//! it is the delay to hold (NetEQ's `DelayManager` and `Histogram`; Moon, Kurose and Towsley, "Packet audio playout
//! delay adjustment: performance bounds and algorithms", 1998, for the quantile idea).

use std::collections::VecDeque;

/// Comparing with the fastest packet of this long. It must span several round trips of jitter, yet be short against
/// clock drift: 200 ppm move the base by 0.8 ms in 4 s. (NetEQ: 2 s.)
const WINDOW_MICROS: i64 = 4_000_000;
/// Bounds the window's memory against a flood: 4 s of 10 ms packets.
const WINDOW_MAX: usize = 400;
/// Width of a histogram bin. Finer than NetEQ's 20 ms, because our playout moves in steps of a pitch period.
const BIN_MICROS: i64 = 5_000;
/// Half a second of delay: anything later is an outage and not jitter, and says nothing about the next packets.
const BINS: usize = 100;
/// The share of packets that must arrive in time. NetEQ uses 95 to 97%; in-band FEC and concealment cover the rest.
const QUANTILE: f32 = 0.97;
/// Forgetting for each packet: half-life 20 s at 50 packets a second (NetEQ's value when it counts every packet).
const FORGET: f32 = 0.9993;
/// While there are few packets each counts more, as NetEQ's `start_forget_weight`.
const START_WEIGHT: f32 = 2.0;
/// Added to the quantile: sound is pulled in steps of 10 ms, by a thread that may be some milliseconds late itself.
const MARGIN_MICROS: i64 = 10_000;
/// One packet: less cannot be held, since a packet is played as a whole.
pub(super) const MIN_TARGET_MICROS: i64 = 20_000;
/// What is held until the distribution is known.
const INITIAL_TARGET_MICROS: i64 = 40_000;
/// Packets after which the histogram is believed: about half a second.
const WARM_UP_PACKETS: u32 = 20;
/// A change of the base larger than this is another path and not drift: the histogram moves along, so that the old
/// path's delays are not held against the new one.
const PATH_CHANGE_MICROS: i64 = 15_000;

#[derive(Debug)]
pub(super) struct DelayEstimator {
    /// Ascending offsets: the front is the minimum, as in any sliding-window minimum.
    window: VecDeque<(i64, i64)>,
    base: Option<i64>,
    histogram: [f32; BINS],
    packets: u32,
    target: i64,
}

impl DelayEstimator {
    pub(super) fn new() -> Self {
        Self {
            window: VecDeque::new(),
            base: None,
            histogram: [0.0; BINS],
            packets: 0,
            target: INITIAL_TARGET_MICROS,
        }
    }

    /// A packet with RTP time `rtp` arrived at `arrival`, both in µs on their own timelines.
    pub(super) fn update(&mut self, arrival: i64, rtp: i64) {
        let offset = arrival - rtp;
        while self.window.back().is_some_and(|&(_, o)| o >= offset) {
            self.window.pop_back();
        }
        self.window.push_back((arrival, offset));
        while self.window.len() > WINDOW_MAX
            || self.window.front().is_some_and(|&(at, _)| at + WINDOW_MICROS < arrival)
        {
            self.window.pop_front();
        }
        let base = self.window.front().map_or(offset, |&(_, o)| o);
        if let Some(old) = self.base
            && (base - old).abs() > PATH_CHANGE_MICROS
        {
            self.shift((old - base) / BIN_MICROS);
        }
        self.base = Some(base);

        let relative = (offset - base).max(0);
        let bin = usize::try_from(relative / BIN_MICROS).unwrap_or(BINS);
        if bin >= BINS {
            return;
        }
        self.packets = self.packets.saturating_add(1);
        let forget = FORGET.min(1.0 - START_WEIGHT / (self.packets as f32 + START_WEIGHT));
        for weight in &mut self.histogram {
            *weight *= forget;
        }
        self.histogram[bin] += 1.0 - forget;
        if self.packets >= WARM_UP_PACKETS {
            self.target = (self.quantile() + MARGIN_MICROS).max(MIN_TARGET_MICROS);
        }
    }

    /// Arrival minus RTP time of the fastest recent packet, in µs; `None` before the first.
    pub(super) fn base(&self) -> Option<i64> {
        self.base
    }

    /// How long after the fastest packet to play, in µs.
    pub(super) fn target(&self) -> i64 {
        self.target
    }

    /// The upper edge of the bin that holds the quantile.
    fn quantile(&self) -> i64 {
        let total: f32 = self.histogram.iter().sum();
        let mut sum = 0.0;
        for (bin, weight) in self.histogram.iter().enumerate() {
            sum += weight;
            if sum >= QUANTILE * total {
                return (bin as i64 + 1) * BIN_MICROS;
            }
        }
        BINS as i64 * BIN_MICROS
    }

    /// Moves all delays by `bins`; what leaves the range gathers at its ends.
    fn shift(&mut self, bins: i64) {
        let mut moved = [0.0; BINS];
        for (bin, weight) in self.histogram.iter().enumerate() {
            moved[(bin as i64).saturating_add(bins).clamp(0, BINS as i64 - 1) as usize] += weight;
        }
        self.histogram = moved;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(delays: impl Iterator<Item = i64>) -> DelayEstimator {
        let mut estimator = DelayEstimator::new();
        for (n, delay) in delays.enumerate() {
            let sent = n as i64 * 20_000;
            estimator.update(sent + delay, sent);
        }
        estimator
    }

    #[test]
    fn even_packets_need_one_packet_of_delay() {
        assert_eq!(run((0..500).map(|_| 50_000)).target(), MIN_TARGET_MICROS);
    }

    #[test]
    fn every_tenth_packet_late_by_60_ms_is_waited_for() {
        let target = run((0..2_000).map(|n| if n % 10 == 0 { 110_000 } else { 50_000 })).target();
        assert!((60_000..=80_000).contains(&target), "{target}");
    }

    #[test]
    fn one_percent_late_is_left_to_concealment() {
        let target = run((0..2_000).map(|n| if n % 100 == 0 { 250_000 } else { 50_000 })).target();
        assert_eq!(target, MIN_TARGET_MICROS);
    }

    #[test]
    fn a_longer_path_does_not_add_to_the_target_for_long() {
        let target = run((0..1_000).map(|n| if n < 500 { 20_000 } else { 170_000 })).target();
        assert!(target <= 30_000, "{target}");
    }

    #[test]
    fn drift_of_200_ppm_does_not_accumulate() {
        for sign in [-1, 1] {
            let target = run((0..30_000).map(|n| 5_000_000 + sign * n * 4)).target();
            assert_eq!(target, MIN_TARGET_MICROS, "{sign}");
        }
    }
}
