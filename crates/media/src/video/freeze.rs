//! Freezes, counted as browsers count them, so that the numbers compare.
//!
//! A camera that was off is no freeze. That it went off is told on another channel than the pictures, without an order
//! between the two: the word may overtake the last pictures, or come after the first ones that follow the pause. So the
//! pause is looked for in the pictures themselves. They carry when they were captured: a freeze of the path delays
//! pictures that were captured on time, while a camera that is off captures none. The same holds of pictures that nobody
//! here looks at, which are not sent: their sender hears of it a moment later.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Intervals that the average is taken over (libwebrtc's `VideoQualityObserver`; W3C webrtc-stats `freezeCount`).
const WINDOW: usize = 30;
/// Fewer intervals than this say nothing about the usual one.
const MIN_INTERVALS: usize = 5;
/// A freeze is an interval of at least three usual ones, and of a usual one plus this.
const ALLOWANCE: Duration = Duration::from_millis(150);
/// So long the word may be behind the pictures, or ahead of them: a control message that gets lost twice is sent again
/// after 1 and 3 s (RFC 9260, section 6.3).
const WORD_MARGIN: Duration = Duration::from_secs(5);

/// An interval in which no picture was captured, for a reason that may still be told.
#[derive(Debug, Clone, Copy)]
struct Gap {
    ended: Instant,
    interval: Duration,
}

/// Counts freezes by the definition of W3C's webrtc-stats: an interval between two rendered pictures longer than
/// `max(3 * average, average + 150 ms)` of the last thirty.
#[derive(Debug)]
pub struct FreezeDetector {
    last: Option<Instant>,
    intervals: VecDeque<Duration>,
    sum: Duration,
    count: u64,
    frozen: Duration,
    on: bool,
    /// When pictures were told to come (again).
    on_since: Option<Instant>,
    /// Pauses that were told and not seen in the pictures yet.
    told: u32,
    /// Pauses that were seen in the pictures and not told yet. They count when nobody tells of them in time.
    seen: VecDeque<Gap>,
}

impl Default for FreezeDetector {
    fn default() -> Self {
        Self::new()
    }
}

impl FreezeDetector {
    /// Nothing rendered yet.
    pub const fn new() -> Self {
        Self {
            last: None,
            intervals: VecDeque::new(),
            sum: Duration::ZERO,
            count: 0,
            frozen: Duration::ZERO,
            on: true,
            on_since: None,
            told: 0,
            seen: VecDeque::new(),
        }
    }

    /// A picture was rendered at `at`. `capture_step` is the longest time between the captures of two pictures in a row,
    /// on the sender's clock, from the picture rendered before to this one, with those between that were never shown.
    pub fn rendered(&mut self, at: Instant, capture_step: Duration) {
        self.settle(at);
        let Some(last) = self.last.replace(at) else {
            // Others were hidden before it: if they or it show the pause, that is over.
            if capture_step >= self.long().unwrap_or(ALLOWANCE) {
                self.told = self.told.saturating_sub(1);
            }
            return;
        };
        let interval = at.saturating_duration_since(last);
        self.intervals.push_back(interval);
        self.sum += interval;
        if self.intervals.len() > WINDOW {
            self.sum -= self.intervals.pop_front().unwrap_or_default();
        }
        if let Some(long) = self.long() {
            if interval >= long {
                self.long_interval(at, interval, capture_step >= long);
                return;
            }
        } else if self.told > 0 && capture_step >= ALLOWANCE {
            // Too few pictures to judge by, but a pause all the same.
            self.told -= 1;
            self.forget(interval);
            return;
        }
        // Pictures flow: what was told must have been too short to be seen in them.
        if self.on && self.on_since.is_some_and(|on| at.saturating_duration_since(on) >= WORD_MARGIN) {
            self.told = 0;
        }
    }

    /// From how long on an interval is a freeze; `None` while too few are known.
    fn long(&self) -> Option<Duration> {
        let known = self.intervals.len();
        let average = self.sum.checked_div(known as u32)?;
        (known >= MIN_INTERVALS).then(|| (average * 3).max(average + ALLOWANCE))
    }

    /// `uncaptured`: no picture was captured in the meantime.
    fn long_interval(&mut self, at: Instant, interval: Duration, uncaptured: bool) {
        if !uncaptured {
            return self.freeze(interval);
        }
        self.forget(interval);
        if self.told > 0 {
            self.told -= 1;
        } else {
            self.seen.push_back(Gap { ended: at, interval });
        }
    }

    /// Pictures come, or do not for a reason: the other side says that its camera is off, or was told that nobody here looks.
    pub fn pictures(&mut self, on: bool, now: Instant) {
        if on == self.on {
            return;
        }
        self.on = on;
        if on {
            self.on_since = Some(now);
            return;
        }
        self.settle(now);
        if self.seen.pop_front().is_none() {
            self.told += 1;
        }
    }

    /// A picture was held back for what is told of the camera: the time until the next one is no freeze.
    pub fn hidden(&mut self) {
        self.last = None;
    }

    /// Counts what nobody gave a reason for until `now`.
    pub fn settle(&mut self, now: Instant) {
        while let Some(gap) =
            self.seen.pop_front_if(|gap| now.saturating_duration_since(gap.ended) >= WORD_MARGIN)
        {
            self.freeze(gap.interval);
        }
    }

    const fn freeze(&mut self, interval: Duration) {
        self.count += 1;
        self.frozen = self.frozen.saturating_add(interval);
    }

    /// A pause says nothing about the usual interval.
    fn forget(&mut self, interval: Duration) {
        if let Some(index) = self.intervals.iter().rposition(|&other| other == interval) {
            self.intervals.remove(index);
            self.sum -= interval;
        }
    }

    /// Freezes so far. One in which no picture was captured is counted five seconds later, when nobody said that the
    /// camera was off.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Seconds that they lasted together.
    pub const fn total(&self) -> Duration {
        self.frozen
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Screen {
        detector: FreezeDetector,
        now: Instant,
    }

    impl Screen {
        fn new() -> Self {
            let mut screen = Self { detector: FreezeDetector::new(), now: Instant::now() };
            screen.flow(40);
            screen
        }

        fn picture(&mut self, shown_after: u64, captured_after: u64) {
            self.now += Duration::from_millis(shown_after);
            self.detector.rendered(self.now, Duration::from_millis(captured_after));
        }

        fn flow(&mut self, pictures: u32) {
            (0..pictures).for_each(|_| self.picture(33, 33));
        }

        fn result(mut self) -> (u64, Duration) {
            self.flow(300);
            (self.detector.count(), self.detector.total())
        }
    }

    #[test]
    fn a_gap_of_300_ms_in_30_fps_is_one_freeze_of_300_ms() {
        let mut screen = Screen::new();
        screen.picture(300, 33);
        assert_eq!(screen.detector.count(), 1, "a path that held pictures back is known for one at once");
        assert_eq!(screen.result(), (1, Duration::from_millis(300)));
    }

    #[test]
    fn pictures_that_were_never_captured_are_a_freeze_too_when_no_pause_is_told() {
        let mut screen = Screen::new();
        screen.picture(300, 300);
        assert_eq!(screen.result(), (1, Duration::from_millis(300)));
    }

    #[test]
    fn jitter_below_150_ms_is_no_freeze() {
        let mut screen = Screen::new();
        for interval in [33, 120, 5, 5, 33, 130].into_iter().cycle().take(60) {
            screen.picture(interval, 33);
        }
        assert_eq!(screen.result().0, 0);
    }

    #[test]
    fn a_camera_that_was_off_is_no_freeze() {
        let mut screen = Screen::new();
        screen.detector.pictures(false, screen.now);
        screen.picture(60_000, 60_000);
        screen.detector.pictures(true, screen.now);
        assert_eq!(screen.result().0, 0);
    }

    #[test]
    fn a_freeze_after_a_camera_was_off_counts() {
        let mut screen = Screen::new();
        screen.detector.pictures(false, screen.now);
        // On again so soon that the pictures show no pause.
        screen.detector.pictures(true, screen.now);
        screen.flow(300);
        screen.picture(800, 800);
        assert_eq!(screen.result().0, 1);
    }

    proptest! {
        /// The camera goes off and on, on and off again; words come early or late, pictures too, and in between the path
        /// freezes a few times.
        #[test]
        fn in_whatever_order_words_and_pictures_come_only_the_path_freezes(
            pauses in proptest::collection::vec((200u64..20_000, 40u32..200, 0u64..4_000), 1..6),
            freezes in proptest::collection::vec(400u64..2_000, 0..4),
            way in 0u64..400,
        ) {
            // What was captured when, in milliseconds, and the words.
            let (mut captured, mut words, mut at) = (Vec::new(), Vec::new(), 0u64);
            let mut spoken = 0;
            for &(pause, pictures, word) in &pauses {
                for _ in 0..pictures.max(60) {
                    captured.push(at);
                    at += 33;
                }
                for on in [false, true] {
                    // The control channel keeps its own order.
                    spoken = spoken.max(at + word);
                    words.push((spoken, on));
                    at += if on { 0 } else { pause };
                }
            }
            for _ in 0..700 {
                captured.push(at);
                at += 33;
            }
            // The path holds pictures back, far enough apart that one does not become the usual for the next.
            let mut shown: Vec<u64> = captured.iter().map(|at| at + way).collect();
            let tail = shown.len() - 680;
            for (n, &freeze) in freezes.iter().enumerate() {
                let first = tail + n * 150;
                let until = shown[first] + freeze;
                shown[first + 1..].iter_mut().take(150).for_each(|at| *at = (*at).max(until));
            }
            let start = Instant::now();
            let time = |millis: u64| start + Duration::from_millis(millis);
            let mut detector = FreezeDetector::new();
            let mut words = words.into_iter().peekable();
            let mut pictures = captured.into_iter().zip(shown).peekable();
            let (mut before, mut step) = (0, 0);
            while let Some((captured, shown)) = pictures.next() {
                step = step.max(captured - before);
                before = captured;
                // Of several that are due the newest is shown.
                if pictures.peek().is_some_and(|(_, next)| *next == shown) {
                    continue;
                }
                while let Some((at, on)) = words.next_if(|(at, _)| *at <= shown) {
                    detector.pictures(on, time(at));
                }
                detector.rendered(time(shown), Duration::from_millis(std::mem::take(&mut step)));
            }
            for (at, on) in words {
                detector.pictures(on, time(at));
            }
            detector.settle(time(at + 60_000));
            prop_assert_eq!(detector.count(), freezes.len() as u64);
        }
    }
}
