//! What left, joined with what the other side reported of it. Pure: time is an argument.
//!
//! The library's own history takes whatever is missing before the newest packet for lost, at once: packets that overtake each
//! other are lost by the dozen then, and so is everything of which a report got lost. Here a packet is lost when a report
//! spoke of it as missing, and it did not come within the time by which others came late lately. Of packets that no report
//! spoke of nothing is known, and what is reported twice counts once.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What was sent longer ago is forgotten: more than any round trip with which a call is a call.
const KEPT: Duration = Duration::from_secs(5);
/// Packets, at 20 Mbit/s.
const MOST: usize = 10_000;
/// How long a missing packet is waited for at most.
const PATIENCE: Duration = Duration::from_millis(400);
/// What came late once is expected to come late for so long.
const LATE_FOR: Duration = Duration::from_secs(10);

/// What a report says: of packets from `first` on, when each arrived on the other side's clock.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The transport-wide sequence number of the first packet.
    pub first: u16,
    /// Since an unknown zero; `None`: it did not arrive until then.
    pub arrivals: Vec<Option<Duration>>,
}

/// What became of one packet.
#[derive(Debug, Clone, Copy)]
pub struct Delivery {
    /// Counts all packets in the order in which they left.
    pub id: u64,
    /// When it left.
    pub sent: Instant,
    /// On the other side's clock, whose zero is unknown; `None`: it is lost.
    pub arrival: Option<Duration>,
    /// It was said to be lost before.
    pub late: bool,
    /// Of its stream.
    pub ssrc: u32,
    /// Bytes.
    pub size: usize,
}

impl Delivery {
    /// Whether it did not arrive, as far as is known.
    pub const fn is_lost(&self) -> bool {
        self.arrival.is_none()
    }
}

#[derive(Debug, Clone, Copy)]
enum Fate {
    Unknown,
    /// Since then.
    Missing(Instant),
    Lost,
    Arrived,
}

#[derive(Debug)]
struct Sent {
    at: Instant,
    ssrc: u32,
    size: usize,
    fate: Fate,
}

impl Sent {
    const fn delivery(&self, id: u64, arrival: Option<Duration>, late: bool) -> Delivery {
        Delivery { id, sent: self.at, arrival, late, ssrc: self.ssrc, size: self.size }
    }
}

/// See the module's description.
#[derive(Debug, Default)]
pub struct History {
    packets: VecDeque<Sent>,
    /// The first of `packets`, in the order in which they left, and its transport-wide sequence number.
    first: u64,
    first_sequence: u16,
    /// By how much something came late, and when.
    late: Option<(Instant, Duration)>,
}

impl History {
    /// A packet leaves. Transport-wide sequence numbers follow each other.
    pub fn sent(&mut self, now: Instant, sequence: u16, ssrc: u32, size: usize) {
        let next = self.first_sequence.wrapping_add(self.packets.len() as u16);
        if sequence != next || self.packets.len() >= MOST {
            self.first += self.packets.len() as u64;
            self.packets.clear();
        }
        if self.packets.is_empty() {
            self.first_sequence = sequence;
        }
        self.packets.push_back(Sent { at: now, ssrc, size, fate: Fate::Unknown });
        while self.packets.front().is_some_and(|one| now.saturating_duration_since(one.at) > KEPT) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        self.packets.pop_front();
        self.first += 1;
        self.first_sequence = self.first_sequence.wrapping_add(1);
    }

    /// What is known now that was not before, in the order in which it left.
    pub fn report(&mut self, now: Instant, report: &Report) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        for (offset, arrival) in report.arrivals.iter().enumerate() {
            let sequence = report.first.wrapping_add(offset as u16);
            let index = sequence.wrapping_sub(self.first_sequence);
            // What is before the first is more than half of the circle ahead, and thus not there.
            let Some(packet) = self.packets.get_mut(usize::from(index)) else { continue };
            match (packet.fate, arrival) {
                (Fate::Unknown, None) => packet.fate = Fate::Missing(now),
                (Fate::Unknown | Fate::Missing(_) | Fate::Lost, Some(arrival)) => {
                    let late = match packet.fate {
                        Fate::Missing(since) => {
                            let by = now.saturating_duration_since(since);
                            let known =
                                self.late.filter(|(at, _)| now.saturating_duration_since(*at) < LATE_FOR);
                            if known.is_none_or(|(_, longest)| by >= longest) {
                                self.late = Some((now, by));
                            }
                            false
                        }
                        Fate::Lost => {
                            self.late = Some((now, PATIENCE));
                            true
                        }
                        Fate::Unknown | Fate::Arrived => false,
                    };
                    packet.fate = Fate::Arrived;
                    let id = self.first + u64::from(index);
                    let arrival = Some(*arrival);
                    deliveries.push(packet.delivery(id, arrival, late));
                }
                (Fate::Arrived, _) | (Fate::Missing(_) | Fate::Lost, None) => {}
            }
        }
        self.give_up(now, &mut deliveries);
        deliveries.sort_unstable_by_key(|one| one.id);
        deliveries
    }

    /// What is missing for longer than anything came late.
    fn give_up(&mut self, now: Instant, deliveries: &mut Vec<Delivery>) {
        let late = self.late.filter(|(at, _)| now.saturating_duration_since(*at) < LATE_FOR);
        let patience = late.map_or(Duration::ZERO, |(_, by)| (by + by / 2).min(PATIENCE));
        for (packet, id) in self.packets.iter_mut().zip(self.first..) {
            if let Fate::Missing(since) = packet.fate
                && now.saturating_duration_since(since) >= patience
                // The next report may have it already.
                && now > since
            {
                packet.fate = Fate::Lost;
                deliveries.push(packet.delivery(id, None, false));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(50);

    struct Side {
        history: History,
        now: Instant,
    }

    impl Side {
        /// So many packets left, the first with number 65,530.
        fn after(packets: u16) -> Self {
            let mut side = Self { history: History::default(), now: Instant::now() };
            for offset in 0..packets {
                side.history.sent(side.now, 65_530_u16.wrapping_add(offset), 7, 1_000);
            }
            side
        }

        /// Of packets from this one on, which arrived. Gives (packet, whether it arrived, whether it was lost before).
        fn hears(&mut self, first: u16, arrived: &[bool]) -> Vec<(u64, bool, bool)> {
            self.now += STEP;
            let arrivals = arrived.iter().map(|arrived| arrived.then_some(STEP)).collect();
            let report = Report { first: 65_530_u16.wrapping_add(first), arrivals };
            let deliveries = self.history.report(self.now, &report);
            deliveries.iter().map(|one| (one.id, !one.is_lost(), one.late)).collect()
        }
    }

    #[test]
    fn what_is_missing_is_lost_with_the_next_report_and_what_is_not_spoken_of_is_unknown() {
        let mut side = Side::after(20);
        assert_eq!(side.hears(0, &[true, false, true]), [(0, true, false), (2, true, false)]);
        // A report about 3 to 7 got lost.
        assert_eq!(side.hears(8, &[true]), [(1, false, false), (8, true, false)]);
        assert!(side.hears(0, &[true, false, true]).is_empty(), "nothing new");
    }

    #[test]
    fn what_comes_late_is_late_and_the_next_ones_are_waited_for() {
        let mut side = Side::after(20);
        side.hears(0, &[false, true]);
        assert_eq!(side.hears(2, &[true]), [(0, false, false), (2, true, false)]);
        assert_eq!(side.hears(0, &[true]), [(0, true, true)]);
        side.hears(3, &[false, true]);
        assert_eq!(side.hears(5, &[true]), [(5, true, false)], "3 may come yet");
        assert_eq!(side.hears(3, &[true, true]), [(3, true, false)]);
        side.hears(6, &[false, true]);
        for packet in 8..15 {
            side.hears(packet, &[true]);
        }
        assert_eq!(side.hears(15, &[true]), [(6, false, false), (15, true, false)], "but not for ever");
    }

    #[test]
    fn what_was_never_sent_or_long_ago_is_nothing() {
        let mut side = Side::after(3);
        assert_eq!(side.hears(1, &[true; 300]).len(), 2);
        side.now += KEPT * 2;
        side.history.sent(side.now, 65_533, 7, 1_000);
        assert_eq!(side.hears(0, &[true; 5]), [(3, true, false)]);
    }
}
