//! How large a picture this computer can encode in time.

use std::time::{Duration, Instant};

/// Encoding that takes a larger share of the time between two pictures leaves too little for everything else.
const BUSY: f64 = 0.75;
/// Below this the next larger size (up to twice the pixels) still fits.
const CALM: f64 = 0.30;
/// One slow picture is none: a keyframe takes longer, and another program may have run.
const BUSY_FOR: Duration = Duration::from_millis(1_000);
/// So long everything must have been well before more is tried, at first and at most.
const CALM_FOR: Duration = Duration::from_secs(10);
const CALM_FOR_AT_MOST: Duration = Duration::from_secs(160);
/// What was tried and failed within this time of the attempt failed because of it.
const ATTEMPT: Duration = Duration::from_secs(10);
/// Weight of the newest picture: two thirds of what is seen are the last ten.
const SMOOTH: f64 = 0.1;

/// Lowers the size before the frame rate, and tries again after a while.
#[derive(Debug, Clone)]
pub(super) struct Processor {
    share: f64,
    /// So many sizes are left out at the top; one more than there are sizes halves the frame rate.
    lowered: usize,
    busy_since: Option<Instant>,
    calm_since: Option<Instant>,
    raised: Option<Instant>,
    patience: Duration,
}

impl Default for Processor {
    fn default() -> Self {
        Self { share: 0.0, lowered: 0, busy_since: None, calm_since: None, raised: None, patience: CALM_FOR }
    }
}

impl Processor {
    /// Encoding a picture took this share of the time until the next one; 1 and more when pictures were left out. `sizes` is
    /// how many there are.
    pub(super) fn picture(&mut self, share: f64, sizes: usize, now: Instant) {
        if !share.is_finite() {
            return;
        }
        self.share += SMOOTH * (share.clamp(0.0, 4.0) - self.share);
        if self.share > BUSY {
            self.calm_since = None;
            let since = *self.busy_since.get_or_insert(now);
            if now.saturating_duration_since(since) >= BUSY_FOR {
                if self.raised.take().is_some_and(|at| now.saturating_duration_since(at) < ATTEMPT) {
                    self.patience = (self.patience * 2).min(CALM_FOR_AT_MOST);
                }
                self.lowered = (self.lowered + 1).min(sizes);
                self.busy_since = Some(now);
                // Judged anew at the new size.
                self.share = BUSY;
            }
            return;
        }
        self.busy_since = None;
        if self.share > CALM || self.lowered == 0 {
            self.calm_since = None;
            return;
        }
        let since = *self.calm_since.get_or_insert(now);
        if now.saturating_duration_since(since) >= self.patience {
            self.lowered -= 1;
            self.raised = Some(now);
            self.calm_since = None;
        }
    }

    /// The index of the largest size that can be encoded in time, of so many.
    pub(super) const fn most(&self, sizes: usize) -> usize {
        (sizes - 1).saturating_sub(self.lowered)
    }

    /// Whether even the smallest size is too much at the full frame rate.
    pub(super) const fn halves(&self, sizes: usize) -> bool {
        self.lowered >= sizes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds a second's pictures.
    fn seconds(processor: &mut Processor, now: &mut Instant, count: u32, share: impl Fn(usize) -> f64) {
        for _ in 0..count * 30 {
            *now += Duration::from_micros(33_333);
            processor.picture(share(processor.most(5)), 5, *now);
        }
    }

    #[test]
    fn a_slow_processor_gets_smaller_pictures_and_then_fewer() {
        let (mut processor, mut now) = (Processor::default(), Instant::now());
        seconds(&mut processor, &mut now, 4, |_| 0.5);
        assert_eq!(processor.most(5), 4);
        // Pixels quarter with every second size.
        seconds(&mut processor, &mut now, 20, |most| 1.2 / 2f64.powi(4 - most as i32));
        assert_eq!((processor.most(5), processor.halves(5)), (3, false));
        seconds(&mut processor, &mut now, 20, |_| 2.0);
        assert_eq!((processor.most(5), processor.halves(5)), (0, true));
    }

    #[test]
    fn a_larger_size_is_tried_again_and_less_and_less_often_when_it_fails() {
        let (mut processor, mut now) = (Processor::default(), Instant::now());
        let share = |most: usize| if most == 4 { 1.0 } else { 0.2 };
        let mut tries = Vec::new();
        let mut was = processor.most(5);
        for second in 0..600u32 {
            seconds(&mut processor, &mut now, 1, share);
            if processor.most(5) > was {
                tries.push(second);
            }
            was = processor.most(5);
        }
        assert!((3..=8).contains(&tries.len()), "{tries:?}");
        seconds(&mut processor, &mut now, 200, |_| 0.1);
        assert_eq!(processor.most(5), 4, "when there is time again, it comes back");
    }

    #[test]
    fn one_slow_picture_changes_nothing() {
        let (mut processor, mut now) = (Processor::default(), Instant::now());
        for index in 0..900 {
            now += Duration::from_micros(33_333);
            processor.picture(if index % 100 == 0 { 4.0 } else { 0.4 }, 5, now);
        }
        assert_eq!(processor.most(5), 4);
    }
}
