//! What becomes of sound on the way, packet by packet: what it has to be protected from.

use tincan_media::audio::red::Protection;

/// A packet's weight in the share that is lost: at 50 a second three seconds, so that chance makes little of it, and 20% loss
/// is answered after less than two.
const LOSS_SMOOTHING: f32 = 0.006;
/// A row of lost packets' weight in their average length.
const RUN_SMOOTHING: f32 = 0.1;

#[derive(Debug, Default)]
pub(super) struct SoundLoss {
    loss: f32,
    run: f32,
    /// Lost since the last that arrived.
    row: u16,
    protection: Protection,
}

impl SoundLoss {
    /// The next packet of sound arrived, or did not.
    pub(super) fn packet(&mut self, arrived: bool) {
        self.loss += LOSS_SMOOTHING * (f32::from(u8::from(!arrived)) - self.loss);
        if !arrived {
            self.row = self.row.saturating_add(1);
        } else if self.row > 0 {
            let row = f32::from(std::mem::take(&mut self.row));
            self.run += RUN_SMOOTHING * (row - self.run.max(1.0));
            self.run = self.run.max(1.0);
        }
    }

    pub(super) fn protection(&mut self) -> Protection {
        self.protection = self.protection.next(self.loss, self.run);
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
        let (mut random, mut sound) = (StdRng::seed_from_u64(seed), SoundLoss::default());
        let seen: Vec<_> = (0..3_000)
            .map(|_| {
                sound.packet(!lost(&mut random));
                sound.protection()
            })
            .collect();
        move |of| seen.iter().filter(|seen| **seen == of).count() as f32 / seen.len() as f32
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
