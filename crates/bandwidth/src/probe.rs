//! Probes: for a moment more is sent than usual, and what comes of it tells what the path takes. Pure: time is an argument.
//!
//! Model: libwebrtc's `ProbeController` and `ProbeBitrateEstimator`. What is sent more is packets that were sent before, for
//! whoever missed them. The first picture is a probe by itself, since it leaves much faster than anything after it.

use std::time::{Duration, Instant};

use tincan_media::Bitrate;

use crate::history::Delivery;

/// A probe's rate over the target.
const FACTOR: f64 = 2.0;
/// No probe makes the target grow by more: a short burst may pass where a long one does not.
const MOST_GROWTH: f64 = 4.0;
const LEAST_TIME: Duration = Duration::from_millis(20);
const MOST_TIME: Duration = Duration::from_millis(120);
/// As long as this many bytes take: enough packets to tell a rate by.
const LEAST_BYTES: f64 = 6_000.0;
const LEAST_PACKETS: usize = 5;
/// Sound's packets are smaller.
const A_PICTURES: usize = 500;
/// The first picture leaves within this time.
const FIRST_PICTURE: Duration = Duration::from_millis(100);
/// How much of what left has to be known, and to have arrived.
const LEAST_ARRIVED: f64 = 0.6;
/// What arrives this much slower than it left was as fast as the path is.
const FULL: f64 = 0.9;
/// Of a path that is full by a probe, so much is used.
const OF_FULL: f64 = 0.92;
/// After a probe that told nothing new; twice as long after the next.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(6);
/// After one that told something.
const SHORT_PAUSE: Duration = Duration::from_millis(300);
/// Growth by less is nothing new.
const NEWS: f64 = 1.15;
/// What is not reported by then is not waited for.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// So much is to leave until then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// Of everything that leaves.
    pub rate: Bitrate,
    /// When it began.
    pub began: Instant,
    /// When it ends.
    pub until: Instant,
}

#[derive(Debug)]
struct Running {
    began: Instant,
    until: Instant,
    /// (sent, when it arrived in seconds on their clock, bytes).
    arrived: Vec<(Instant, f64, usize)>,
    lost: usize,
    /// To which it is filled up; `None`: it is the first picture's, which may tell that the path takes less, too.
    rate: Option<Bitrate>,
}

/// What a probe found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Found {
    /// Bits a second.
    pub(crate) rate: f64,
    /// No more would have passed: what others send over the same path was pushed aside for the moment, too.
    pub(crate) full: bool,
}

/// See the module's description.
#[derive(Debug, Default)]
pub(crate) struct Prober {
    running: Option<Running>,
    next: Option<Instant>,
    pause: Option<Duration>,
    had_picture: bool,
}

impl Prober {
    /// A packet leaves. The first picture's are a probe.
    pub(crate) fn sent(&mut self, now: Instant, size: usize) {
        if size > A_PICTURES && !std::mem::replace(&mut self.had_picture, true) {
            self.running = Some(Running::new(now, FIRST_PICTURE, None));
        }
    }

    /// What is to leave now, if anything is.
    pub(crate) fn pad(&self, now: Instant) -> Option<Probe> {
        let running = self.running.as_ref().filter(|running| now < running.until)?;
        Some(Probe { rate: running.rate?, began: running.began, until: running.until })
    }

    /// Whether a packet that left then is of a probe: it tells nothing of what the path does usually.
    pub(crate) fn is_of_one(&self, sent: Instant) -> bool {
        self.running.as_ref().is_some_and(|running| sent >= running.began && sent <= running.until)
    }

    /// Probes, if it is time to.
    pub(crate) fn begin(&mut self, now: Instant, target: f64, max: f64) {
        if self.running.is_some() || !self.had_picture || self.next.is_some_and(|next| now < next) {
            return;
        }
        let rate = (target * FACTOR).min(max * 1.2);
        let time = Duration::from_secs_f64(LEAST_BYTES * 8.0 / rate).clamp(LEAST_TIME, MOST_TIME);
        self.running = Some(Running::new(now, time, Some(Bitrate::bps(rate as u64))));
    }

    /// The path is full, or was: not before then.
    pub(crate) fn wait(&mut self, now: Instant, time: Duration) {
        let until = now + time;
        self.next = Some(self.next.map_or(until, |next| next.max(until)));
        // What the first picture tells is not to be had again.
        self.running.take_if(|running| running.rate.is_some());
    }

    /// At once, as soon as nothing speaks against it.
    pub(crate) fn hurry(&mut self) {
        (self.next, self.pause) = (None, None);
    }

    /// What became of the packets; gives the rate that the path takes, when a probe found that it is more than `target`, or
    /// the first picture that it is less.
    pub(crate) fn feedback(&mut self, now: Instant, deliveries: &[Delivery], target: f64) -> Option<Found> {
        let running = self.running.as_mut()?;
        let mut is_over = now > running.until + PATIENCE;
        for one in deliveries {
            if one.sent > running.until {
                is_over = true;
            } else if one.sent >= running.began {
                match one.arrival {
                    Some(arrival) => running.arrived.push((one.sent, arrival.as_secs_f64(), one.size)),
                    None => running.lost += 1,
                }
            }
        }
        if !is_over {
            return None;
        }
        let first = running.rate.is_none();
        let found = self.running.take().and_then(Running::found);
        let grown = found.filter(|found| found.rate > target * NEWS);
        let pause = if grown.is_some() {
            self.pause = None;
            SHORT_PAUSE
        } else {
            let pause = self.pause.map_or(FIRST_PAUSE, |pause| (pause * 2).min(LONGEST_PAUSE));
            self.pause = Some(pause);
            pause
        };
        self.next = Some(now + pause);
        let found = found.filter(|found| first || found.rate > target)?;
        Some(Found { rate: found.rate.min(target * MOST_GROWTH), ..found })
    }
}

impl Running {
    fn new(began: Instant, time: Duration, rate: Option<Bitrate>) -> Self {
        Self { began, until: began + time, arrived: Vec::new(), lost: 0, rate }
    }

    fn found(mut self) -> Option<Found> {
        let count = self.arrived.len();
        if count < LEAST_PACKETS || (count as f64) < LEAST_ARRIVED * (count + self.lost) as f64 {
            return None;
        }
        self.arrived.sort_by(|one, other| one.1.total_cmp(&other.1));
        let bytes: usize = self.arrived.iter().map(|one| one.2).sum();
        let (first, last) = (self.arrived.first()?, self.arrived.last()?);
        let came = last.1 - first.1;
        let left_first = self.arrived.iter().map(|one| one.0).min()?;
        let left_last = self.arrived.iter().map(|one| one.0).max()?;
        let left = (left_last - left_first).as_secs_f64();
        let rate = |bytes: usize, span: f64| bytes as f64 * 8.0 / span.max(0.002);
        // The packet at one end of a span was not carried in it.
        let (sent, arrived) = (rate(bytes - last.2, left), rate(bytes - first.2, came));
        let full = arrived < sent * FULL;
        Some(Found { rate: if full { arrived * OF_FULL } else { arrived.min(sent) }, full })
    }
}
