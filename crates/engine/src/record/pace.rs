//! How many pictures a second a machine makes for a recording beside its call.

use std::time::Duration;

/// Pictures a second, from what a call has down to what still shows who is there.
const RATES: [u32; 5] = [30, 20, 15, 10, 5];
/// Of the time between two pictures making one may take this share; more takes the call's.
const BUSY: f64 = 0.6;
/// With more pictures it would still take less than this.
const IDLE: f64 = 0.4;
/// So many pictures are too much before there are fewer of them: one that took long is chance.
const PATIENCE: u32 = 15;
/// So long all is well before more are tried.
const TRY_AGAIN: Duration = Duration::from_secs(20);

/// See the module's description.
#[derive(Debug, Default)]
pub(super) struct Pace {
    rate: usize,
    /// Pictures in a row that took too long.
    busy: u32,
    well: Duration,
}

impl Pace {
    /// Pictures a second.
    pub(super) const fn rate(&self) -> u32 {
        RATES[self.rate]
    }

    /// Between two pictures.
    pub(super) fn interval(&self) -> Duration {
        Duration::from_secs(1) / self.rate()
    }

    /// Making one took so long. Whether the rate is another now.
    pub(super) fn took(&mut self, time: Duration) -> bool {
        let before = self.rate;
        let share = |rate: usize| time.as_secs_f64() * f64::from(RATES[rate]);
        if share(self.rate) > BUSY {
            self.well = Duration::ZERO;
            self.busy += 1;
            if self.busy >= PATIENCE && self.rate + 1 < RATES.len() {
                (self.rate, self.busy) = (self.rate + 1, 0);
            }
        } else {
            self.busy = self.busy.saturating_sub(1);
            let more = self.rate.saturating_sub(1);
            if share(more) < IDLE {
                self.well += self.interval();
            }
            if self.well >= TRY_AGAIN && self.rate > 0 {
                (self.rate, self.well) = (more, Duration::ZERO);
            }
        }
        self.rate != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_machine_makes_fewer_pictures_and_more_again_when_it_has_time() {
        let mut pace = Pace::default();
        let mut after = |pictures: u32, millis: u64| {
            for _ in 0..pictures {
                pace.took(Duration::from_millis(millis));
            }
            pace.rate()
        };
        assert_eq!(after(1_000, 12), 30);
        // One long wait for a disk is nothing.
        assert_eq!(after(1, 2_000), 30);
        assert_eq!(after(100, 25), 20);
        assert_eq!(after(1_000, 25), 20, "and no more are tried in vain");
        assert_eq!(after(200, 300), 5, "never none");
        assert_eq!(after(99, 5), 5);
        assert_eq!(after(1_000, 5), 30);
    }
}
