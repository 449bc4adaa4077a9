//! What becomes of sound on the way, packet by packet: what it has to be protected from.

use std::time::{Duration, Instant};

use tincan_media::Bitrate;
use tincan_media::audio::red::Protection;

/// A packet's weight in the share that is lost: at 50 a second three seconds, so that chance makes little of it, and 20% loss
/// is answered after less than two.
const LOSS_SMOOTHING: f32 = 0.006;
/// A row of lost packets' weight in their average length.
const RUN_SMOOTHING: f32 = 0.1;

/// A path that takes less than the first for so long gets the thin form of sound, or little would be left for pictures and
/// nothing in a room of many; from the second on, for so long, it gets the usual one again. A change is heard a little.
const NARROW: Bitrate = Bitrate::kbps(110);
const NARROW_AFTER: Duration = Duration::from_secs(1);
const WIDE: Bitrate = Bitrate::kbps(180);
const WIDE_AFTER: Duration = Duration::from_secs(5);
/// The thin form has no in-band FEC: it is for paths that lose less than this, and is kept up to so many times as much.
const THIN_LOSS: f32 = 0.02;
const THIN_LOSS_KEPT: f32 = 2.0;

/// See the module's description.
#[derive(Debug, Default)]
pub struct SoundPath {
    loss: f32,
    run: f32,
    /// Lost since the last that arrived.
    row: u16,
    protection: Protection,
    narrow: bool,
    /// Since when the path has been the other way.
    turned: Option<Instant>,
}

impl SoundPath {
    /// The next packet of sound arrived, or did not.
    pub fn packet(&mut self, arrived: bool) {
        self.loss += LOSS_SMOOTHING * (f32::from(u8::from(!arrived)) - self.loss);
        if !arrived {
            self.row = self.row.saturating_add(1);
        } else if self.row > 0 {
            let row = f32::from(std::mem::take(&mut self.row));
            self.run += RUN_SMOOTHING * (row - self.run.max(1.0));
            self.run = self.run.max(1.0);
        }
    }

    /// The path takes so much, sound and everything.
    pub fn takes(&mut self, now: Instant, target: Bitrate) {
        let (other, after) =
            if self.narrow { (target >= WIDE, WIDE_AFTER) } else { (target < NARROW, NARROW_AFTER) };
        self.turned = other.then(|| self.turned.unwrap_or(now));
        if self.turned.is_some_and(|at| now.saturating_duration_since(at) >= after) {
            (self.narrow, self.turned) = (!self.narrow, None);
        }
    }

    /// What fits losses like these on a path that takes so much.
    pub fn protection(&mut self) -> Protection {
        let kept = if self.protection == Protection::Thin { THIN_LOSS_KEPT } else { 1.0 };
        let thin = self.narrow && self.loss < THIN_LOSS * kept;
        self.protection = match self.protection.next(self.loss, self.run) {
            Protection::Fec | Protection::Thin if thin => Protection::Thin,
            Protection::Thin => Protection::Fec,
            protection => protection,
        };
        self.protection
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    /// The share of a minute's packets for which each protection was there.
    fn minute(seed: u64, mut lost: impl FnMut(&mut StdRng) -> bool) -> impl Fn(Protection) -> f32 {
        let (mut random, mut sound) = (StdRng::seed_from_u64(seed), SoundPath::default());
        let seen: Vec<_> = (0..3_000)
            .map(|_| {
                sound.packet(!lost(&mut random));
                sound.protection()
            })
            .collect();
        move |of| seen.iter().filter(|seen| **seen == of).count() as f32 / seen.len() as f32
    }

    #[test]
    fn a_path_that_stays_narrow_gets_thin_sound_until_it_stays_wide() {
        let (mut sound, start) = (SoundPath::default(), Instant::now());
        let mut takes = |from: u64, to: u64, kbps: u64| {
            for at in (from..to).step_by(50) {
                sound.takes(start + Duration::from_millis(at), Bitrate::kbps(kbps));
            }
            sound.protection()
        };
        assert_eq!(takes(0, 900, 60), Protection::Fec, "a moment");
        assert_eq!(takes(900, 1_000, 400), Protection::Fec);
        assert_eq!(takes(1_000, 2_100, 100), Protection::Thin);
        assert_eq!(takes(2_100, 9_000, 150), Protection::Thin, "neither");
        assert_eq!(takes(9_000, 13_000, 400), Protection::Thin, "a moment");
        assert_eq!(takes(13_000, 14_100, 400), Protection::Fec);
    }

    #[test]
    fn what_is_lost_on_a_narrow_path_is_worth_more_than_what_is_spared() {
        let (mut sound, start) = (SoundPath::default(), Instant::now());
        for at in 0..3_000 {
            sound.takes(start + Duration::from_millis(at * 20), Bitrate::kbps(80));
            sound.packet(at % 20 != 0);
        }
        assert_eq!(sound.protection(), Protection::Fec);
    }

    #[test]
    fn each_path_gets_what_it_needs_whatever_the_seed() {
        for seed in 0..40 {
            let loses = |share| minute(seed, move |random: &mut StdRng| random.random_bool(share));
            assert!(loses(0.01)(Protection::Fec) == 1.0, "{seed}");
            assert!(loses(0.04)(Protection::Fec) > 0.9, "{seed}");
            assert!(loses(0.11)(Protection::Fec) < 0.2, "{seed}");
            assert!(loses(0.25)(Protection::Two) > 0.8, "{seed}");
            // Two states (Gilbert): four packets in a row, 15% in all.
            let mut bad = false;
            let bursts = minute(seed, move |random: &mut StdRng| {
                bad = random.random_bool(if bad { 0.75 } else { 0.044 });
                bad
            });
            assert!(bursts(Protection::Spread) > 0.6, "{seed}: {}", bursts(Protection::Spread));
        }
    }
}
