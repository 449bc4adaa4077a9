//! How many pictures a second there are.

use std::collections::VecDeque;
use std::time::Duration;

use tincan_media::MediaTime;

/// What cameras are asked for.
pub(super) const NOMINAL_RATE: f32 = 30.0;

/// Pictures a second over the last second.
#[derive(Default)]
pub(super) struct FrameRate {
    times: VecDeque<MediaTime>,
}

impl FrameRate {
    pub(super) fn add(&mut self, time: MediaTime) -> f32 {
        self.times.push_back(time);
        let oldest = time - Duration::from_secs(1);
        while self.times.front().is_some_and(|&first| first < oldest) {
            self.times.pop_front();
        }
        match (self.times.len(), self.times.front()) {
            (n @ 5.., Some(&first)) if time > first => {
                (n - 1) as f32 / time.saturating_since(first).as_secs_f32()
            }
            // Too few to tell: what every camera is asked for.
            _ => NOMINAL_RATE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_rate_is_what_was_fed_in_the_last_second() {
        let mut rate = FrameRate::default();
        let measured = (0..60).map(|n| rate.add(MediaTime::from_micros(n * 66_667))).last().unwrap();
        assert!((measured - 15.0).abs() < 0.1, "{measured}");
    }
}
