//! Whether the path's queue grows: the trend of the one-way delay against a threshold that adapts to how much it wavers.
//! Pure: time is an argument.
//!
//! Model: draft-ietf-rmcat-gcc-02, section 5, with the trend line that libwebrtc has in place of the draft's filter: packets
//! are taken together that left together; what they were delayed more than the ones before is summed up, smoothed, and a
//! line is laid through it. Its slope counts more the more of them there are, and has to pass the threshold for a moment. The threshold
//! follows the slope's size, quickly up and slowly down: so neither a path that always wavers nor a download beside us is
//! taken for our own queue for ever.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::history::Delivery;

/// What leaves within this time is one group.
const GROUP: f64 = 0.005;
/// Through so many groups the line is laid.
const POINTS: usize = 20;
/// A point's weight in the smoothed delay.
const SMOOTHING: f64 = 0.1;
/// The slope counts so many times as the threshold is measured: milliseconds.
const GAIN: f64 = 4.0;
/// More groups than this count no more.
const MOST_GROUPS: f64 = 60.0;
const FIRST_THRESHOLD: f64 = 12.5;
const LEAST_THRESHOLD: f64 = 6.0;
const MOST_THRESHOLD: f64 = 600.0;
/// By which part of the distance the threshold moves in a millisecond.
const UP: f64 = 0.0087;
const DOWN: f64 = 0.039;
/// A slope this far beyond the threshold says nothing about how much the path wavers.
const OUTLIER: f64 = 15.0;
/// The slope has to be beyond the threshold for so long.
const FOR: Duration = Duration::from_millis(10);
/// Groups this far apart begin a new line: nothing was sent, or nothing came.
const PAUSE: f64 = 1.0;

/// What the path's queue does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Usage {
    #[default]
    Normal,
    /// It grows.
    Over,
    /// It drains.
    Under,
}

#[derive(Debug, Clone, Copy)]
struct Group {
    first_sent: f64,
    sent: f64,
    arrived: f64,
    first_arrived: f64,
}

/// See the module's description.
#[derive(Debug)]
pub(crate) struct Trend {
    epoch: Option<Instant>,
    group: Option<Group>,
    before: Option<Group>,
    groups: f64,
    /// Sum of what groups were delayed more than those before, and smoothed; milliseconds.
    delay: f64,
    smoothed: f64,
    /// (when the group arrived, smoothed delay), milliseconds.
    points: VecDeque<(f64, f64)>,
    slope: f64,
    threshold: f64,
    adapted: Option<Instant>,
    over_since: Option<Instant>,
    usage: Usage,
}

impl Default for Trend {
    fn default() -> Self {
        Self {
            epoch: None,
            group: None,
            before: None,
            groups: 0.0,
            delay: 0.0,
            smoothed: 0.0,
            points: VecDeque::new(),
            slope: 0.0,
            threshold: FIRST_THRESHOLD,
            adapted: None,
            over_since: None,
            usage: Usage::Normal,
        }
    }
}

impl Trend {
    /// Takes in what arrived.
    pub(crate) fn feedback(&mut self, now: Instant, deliveries: &[Delivery]) -> Usage {
        for one in deliveries {
            let Some(arrival) = one.arrival else { continue };
            let epoch = *self.epoch.get_or_insert(one.sent);
            let sent = one.sent.saturating_duration_since(epoch).as_secs_f64();
            self.packet(now, sent, arrival.as_secs_f64());
        }
        self.usage
    }

    fn packet(&mut self, now: Instant, sent: f64, arrived: f64) {
        let Some(group) = &mut self.group else {
            self.group = Some(Group { first_sent: sent, sent, arrived, first_arrived: arrived });
            return;
        };
        if sent < group.first_sent {
            // It came after what left later: it says nothing of the queue.
            return;
        }
        // What caught up on the way left together as far as the bottleneck knows.
        let gap = arrived - group.arrived;
        let caught_up =
            (0.0..=GROUP).contains(&gap) && gap < sent - group.sent && arrived - group.first_arrived < 0.1;
        if sent - group.first_sent <= GROUP || caught_up {
            group.sent = group.sent.max(sent);
            group.arrived = group.arrived.max(arrived);
            return;
        }
        let finished = *group;
        *group = Group { first_sent: sent, sent, arrived, first_arrived: arrived };
        if let Some(before) = self.before.replace(finished) {
            let (left, came) = (finished.sent - before.sent, finished.arrived - before.arrived);
            if left > PAUSE || came.abs() > PAUSE {
                self.begin_again();
            } else {
                self.point(now, (came - left) * 1e3, finished.arrived * 1e3);
            }
        }
    }

    fn begin_again(&mut self) {
        self.points.clear();
        (self.groups, self.delay, self.smoothed, self.slope) = (0.0, 0.0, 0.0, 0.0);
        (self.over_since, self.usage) = (None, Usage::Normal);
    }

    fn point(&mut self, now: Instant, more: f64, at: f64) {
        self.groups += 1.0;
        self.delay += more;
        self.smoothed += SMOOTHING * (self.delay - self.smoothed);
        self.points.push_back((at, self.smoothed));
        if self.points.len() > POINTS {
            self.points.pop_front();
        }
        let before = self.slope;
        if self.points.len() == POINTS {
            self.slope = slope(&self.points);
        }
        let trend = self.groups.min(MOST_GROUPS) * self.slope * GAIN;
        self.usage = if trend > self.threshold {
            let since = *self.over_since.get_or_insert(now);
            let lasts = now.saturating_duration_since(since) >= FOR && self.slope >= before;
            if lasts || self.usage == Usage::Over { Usage::Over } else { Usage::Normal }
        } else {
            self.over_since = None;
            if trend < -self.threshold { Usage::Under } else { Usage::Normal }
        };
        self.adapt(now, trend.abs());
    }

    fn adapt(&mut self, now: Instant, trend: f64) {
        let since = self.adapted.replace(now).map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        if trend > self.threshold + OUTLIER {
            return;
        }
        let millis = (since.as_secs_f64() * 1e3).min(100.0);
        let share = if trend > self.threshold { UP } else { DOWN };
        self.threshold += share * (trend - self.threshold) * millis;
        self.threshold = self.threshold.clamp(LEAST_THRESHOLD, MOST_THRESHOLD);
    }

    /// Another path: what was learned of the one before says nothing.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}

/// Of the line through the points, by least squares.
fn slope(points: &VecDeque<(f64, f64)>) -> f64 {
    let count = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
    let (x, y) = (x / count, y / count);
    let (up, along) = points.iter().fold((0.0, 0.0), |(up, along), point| {
        (up + (point.0 - x) * (point.1 - y), along + (point.0 - x) * (point.0 - x))
    });
    if along > 0.0 { up / along } else { 0.0 }
}
