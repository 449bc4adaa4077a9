//! How long every packet waits on the path: the least delay of the last moments above the least of the last seconds, so that
//! a burst of our own is no queue (the idea of CoDel, RFC 8289). Pure: time is an argument.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::history::Delivery;

/// Least delay over this long is what everybody waited.
const WINDOW: Duration = Duration::from_millis(200);
/// So many windows are looked back at for the empty path's delay: long enough to span a congestion, short enough for a new
/// route.
const WINDOWS: usize = 50;
/// On a path whose packets overtake each other the very least is a matter of luck: usually it is so many wavers more.
const LUCK: f64 = 1.0;
/// Packets in a window that says something.
const LEAST_PACKETS: u32 = 3;
/// What is left of the largest packet's time with each report.
const PACKET_MEMORY: f64 = 0.9;
/// A window's weight in how much they differ.
const WAVER_SMOOTHING: f64 = 0.08;

/// Seconds.
const CONGESTED: f64 = 0.045;
const DRAINED: f64 = 0.020;
/// On a narrow path, one large packet takes long to be sent, and who comes behind it waits for that: so many times that time is
/// no queue. (At 300 kbit/s it is 32 ms.)
const CONGESTED_PACKETS: f64 = 1.6;
const DRAINED_PACKETS: f64 = 1.0;
/// How many times windows' usual difference is no queue.
const CONGESTED_WAVERS: f64 = 4.0;
const DRAINED_WAVERS: f64 = 2.5;

#[derive(Debug, Clone, Copy)]
struct Window {
    began: Instant,
    least: f64,
    packets: u32,
}

/// See the module's description.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    epoch: Option<Instant>,
    current: Option<Window>,
    windows: VecDeque<f64>,
    /// By how much one window's least usually differs from what the two before it promise.
    wavers: f64,
    /// What the largest packet lately takes at the rate that is sent at.
    packet: f64,
    length: Option<f64>,
}

impl Queue {
    /// `rate`: bits a second that the path is thought to take.
    pub(crate) fn feedback(&mut self, now: Instant, deliveries: &[Delivery], rate: f64) {
        let largest = deliveries.iter().map(|one| one.size).max().unwrap_or(0);
        self.packet = (largest as f64 * 8.0 / rate).max(self.packet * PACKET_MEMORY);
        for one in deliveries {
            let Some(arrival) = one.arrival else { continue };
            let epoch = *self.epoch.get_or_insert(one.sent);
            let delay = arrival.as_secs_f64() - one.sent.saturating_duration_since(epoch).as_secs_f64();
            let window = self.current.get_or_insert(Window { began: now, least: delay, packets: 0 });
            window.least = window.least.min(delay);
            window.packets += 1;
        }
        let Some(window) = self.current else { return };
        if window.packets >= LEAST_PACKETS {
            self.length = self.empty().map(|empty| (window.least - empty).max(0.0));
        }
        if now.saturating_duration_since(window.began) >= WINDOW && window.packets >= LEAST_PACKETS {
            self.current = None;
            if let [.., first, second] = self.windows.make_contiguous() {
                // From the line through the two before: a queue that comes or goes is not how the path wavers.
                let differs = (window.least - 2.0 * *second + *first).abs() / 1.7;
                let differs = differs.min(self.wavers * 3.0 + 0.005);
                self.wavers += WAVER_SMOOTHING * (differs - self.wavers);
            }
            self.windows.push_back(window.least);
            if self.windows.len() > WINDOWS {
                self.windows.pop_front();
            }
        }
    }

    /// The empty path's delay, on two clocks.
    fn empty(&self) -> Option<f64> {
        let least = self.windows.iter().copied().reduce(f64::min)?;
        Some(least + self.wavers * LUCK)
    }

    /// Seconds; `None` until there is something to compare.
    pub(crate) const fn length(&self) -> Option<f64> {
        self.length
    }

    pub(crate) fn is_congested(&self) -> bool {
        self.length.is_some_and(|length| {
            length > CONGESTED.max(self.wavers * CONGESTED_WAVERS).max(self.packet * CONGESTED_PACKETS)
        })
    }

    pub(crate) fn is_drained(&self) -> bool {
        self.length.is_some_and(|length| {
            length < DRAINED.max(self.wavers * DRAINED_WAVERS).max(self.packet * DRAINED_PACKETS)
        })
    }

    /// Whatever there is, is the empty path.
    pub(crate) fn forget(&mut self) {
        (self.current, self.length) = (None, None);
        self.windows.clear();
    }
}
