//! One direction of a link: decides what becomes of each packet, in whatever time it is told.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::f64::consts::TAU;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Conditions, Loss};

/// One direction of a link. Times count from any fixed instant.
#[derive(Debug)]
pub struct Direction {
    conditions: Conditions,
    random: Random,
    /// The bad state of the burst model.
    bad: bool,
    /// Until when the slowest part of the way is busy with earlier packets.
    busy_until: Duration,
    /// When the last packet that was not held back is due.
    last_due: Duration,
    under_way: BinaryHeap<Reverse<UnderWay>>,
    report: Report,
}

/// Ordered by when it is due, then by when it came.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct UnderWay {
    due: Duration,
    number: u64,
    came: Duration,
    packet: Vec<u8>,
}

/// What a direction did since its conditions were set.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Report {
    /// Packets that came in.
    pub offered: u64,
    /// Packets that came out.
    pub delivered: u64,
    /// Packets that were lost, without those for which the queue had no room.
    pub lost: u64,
    /// Runs of lost packets.
    pub bursts: u64,
    /// Packets for which the queue had no room.
    pub overflowed: u64,
    /// Packets that were held back to be overtaken.
    pub held: u64,
    /// Packets that came out twice.
    pub doubled: u64,
    /// Bytes that came out.
    pub bytes: u64,
    /// The delivered packets' time under way, summed up.
    pub delay_sum: Duration,
    /// The longest of them.
    pub delay_max: Duration,
}

impl Report {
    /// Share of the offered packets that were lost.
    pub fn loss(&self) -> f64 {
        self.lost as f64 / self.offered.max(1) as f64
    }

    /// Mean length of a run of lost packets.
    pub fn burst(&self) -> f64 {
        self.lost as f64 / self.bursts.max(1) as f64
    }

    /// Mean time under way.
    pub fn delay(&self) -> Duration {
        self.delay_sum / u32::try_from(self.delivered.max(1)).unwrap_or(u32::MAX)
    }

    /// For a line of output.
    pub fn to_json(&self) -> Value {
        json!({
            "offered": self.offered, "delivered": self.delivered, "lost": self.lost, "bursts": self.bursts,
            "overflowed": self.overflowed, "held": self.held, "doubled": self.doubled, "bytes": self.bytes,
            "delayMs": self.delay().as_secs_f64() * 1000.0,
            "delayMaxMs": self.delay_max.as_secs_f64() * 1000.0,
        })
    }
}

impl Direction {
    /// A direction that does nothing to packets yet. The same seed, packets and times give the same again.
    pub fn new(seed: u64) -> Self {
        Self {
            conditions: Conditions::default(),
            random: Random(seed),
            bad: false,
            busy_until: Duration::ZERO,
            last_due: Duration::ZERO,
            under_way: BinaryHeap::new(),
            report: Report::default(),
        }
    }

    /// From now on; what is under way arrives as it would have. Counting begins anew.
    pub fn set(&mut self, conditions: Conditions) {
        self.conditions = conditions;
        self.bad = false;
        self.report = Report::default();
    }

    /// What was done since the conditions were set.
    pub fn report(&self) -> Report {
        self.report
    }

    /// A packet comes in.
    pub fn offer(&mut self, now: Duration, packet: &[u8]) {
        let number = self.report.offered;
        self.report.offered += 1;
        let went_before = self.bad;
        if self.is_lost() {
            self.report.lost += 1;
            self.report.bursts += u64::from(!went_before);
            self.bad = true;
            return;
        }
        self.bad = false;
        let mut leaves = now;
        if let Some((rate, queue)) = self.conditions.rate {
            let free = self.busy_until.max(now);
            if free - now > queue {
                self.report.overflowed += 1;
                return;
            }
            let takes = packet.len() as f64 * 8.0 / rate.as_bps().max(1) as f64;
            self.busy_until = free + Duration::from_secs_f64(takes);
            leaves = self.busy_until;
        }
        let jitter = self.conditions.jitter.as_secs_f64() * self.random.normal();
        let delay = (self.conditions.delay.as_secs_f64() + jitter).max(0.0);
        let in_order = if self.conditions.loose { Duration::ZERO } else { self.last_due };
        let mut due = (leaves + Duration::from_secs_f64(delay)).max(in_order);
        let reordering = self.conditions.reordering;
        if let Some(reordering) = reordering.filter(|reordering| self.random.unit() < reordering.share) {
            self.report.held += 1;
            due += reordering.hold;
        } else {
            self.last_due = due;
        }
        // Drawn only where it is asked for: what is lost by a seed stays the same elsewhere.
        if self.conditions.duplicates > 0.0 && self.random.unit() < self.conditions.duplicates {
            self.report.doubled += 1;
            self.under_way.push(Reverse(UnderWay { due, number, came: now, packet: packet.to_vec() }));
        }
        self.under_way.push(Reverse(UnderWay { due, number, came: now, packet: packet.to_vec() }));
    }

    /// When the next packet comes out.
    pub fn next(&self) -> Option<Duration> {
        self.under_way.peek().map(|Reverse(first)| first.due)
    }

    /// A packet that is out by now.
    pub fn take(&mut self, now: Duration) -> Option<Vec<u8>> {
        if self.next()? > now {
            return None;
        }
        let Reverse(first) = self.under_way.pop()?;
        let took = now.saturating_sub(first.came);
        self.report.delivered += 1;
        self.report.bytes += first.packet.len() as u64;
        self.report.delay_sum += took;
        self.report.delay_max = self.report.delay_max.max(took);
        Some(first.packet)
    }

    fn is_lost(&mut self) -> bool {
        match self.conditions.loss {
            Loss::Never => false,
            Loss::Always => true,
            Loss::Random(share) => self.random.unit() < share,
            Loss::Bursts { share, length } => {
                let leave = 1.0 / length;
                // The two states' shares of time are as their chances to be entered.
                let enter = if share < 1.0 { share * leave / (1.0 - share) } else { 1.0 };
                let draw = self.random.unit();
                if self.bad { draw >= leave } else { draw < enter }
            }
        }
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014; Vigna's splitmix64.c): small, and the same in every version of everything.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform from 0 up to 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Normal with mean 0 and deviation 1 (Box and Muller).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (TAU * self.unit()).cos()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// 1,000 bytes each millisecond (8 Mbit/s); returns what came out, when, by the packets' numbers.
    fn run(conditions: &str, packets: u32) -> (Vec<(u32, Duration)>, Report) {
        let mut direction = Direction::new(7);
        direction.set(conditions.parse().unwrap());
        let mut out = Vec::new();
        let mut packet = vec![0; 1000];
        for number in 0..packets {
            let now = Duration::from_millis(number.into());
            while let Some(due) = direction.next().filter(|due| *due <= now) {
                out.push((direction.take(due).unwrap(), due));
            }
            packet[..4].copy_from_slice(&number.to_be_bytes());
            direction.offer(now, &packet);
        }
        while let Some(due) = direction.next() {
            out.push((direction.take(due).unwrap(), due));
        }
        let number = |packet: Vec<u8>| u32::from_be_bytes(packet[..4].try_into().unwrap());
        (out.into_iter().map(|(packet, at)| (number(packet), at)).collect(), direction.report())
    }

    #[test]
    fn an_unimpaired_link_delivers_everything_at_once_in_order() {
        let (out, report) = run("", 100);
        assert!(
            out.iter()
                .enumerate()
                .all(|(n, (number, at))| *number == n as u32 && *at == Duration::from_millis(n as u64))
        );
        assert_eq!((report.offered, report.delivered, report.delay_max), (100, 100, Duration::ZERO));
    }

    #[test]
    fn the_same_seed_loses_the_same_packets() {
        assert_eq!(run("loss=10% jitter=3ms", 2000), run("loss=10% jitter=3ms", 2000));
    }

    #[test]
    fn the_wanted_share_is_lost_one_by_one_or_in_bursts() {
        let (_, report) = run("loss=10%", 100_000);
        assert!((report.loss() - 0.10).abs() < 0.005, "{report:?}");
        assert!((report.burst() - 1.0 / 0.9).abs() < 0.05, "{report:?}");
        let (_, report) = run("loss=10% burst=5", 100_000);
        assert!((report.loss() - 0.10).abs() < 0.01, "{report:?}");
        assert!((report.burst() - 5.0).abs() < 0.3, "{report:?}");
    }

    #[test]
    fn delay_is_as_long_as_wanted_and_jitter_keeps_the_order() {
        let (out, report) = run("delay=100ms", 1000);
        assert_eq!(
            (report.delay(), report.delay_max),
            (Duration::from_millis(100), Duration::from_millis(100))
        );
        assert!(out.is_sorted());
        let (out, report) = run("delay=100ms jitter=10ms", 10_000);
        assert!(out.is_sorted());
        // Those that wait for a late one before them make the mean a little longer than the distribution's.
        let mean = report.delay().as_millis();
        assert!((100..130).contains(&mean), "{mean} ms");
        assert!(report.delay_max > Duration::from_millis(125), "{report:?}");
    }

    #[test]
    fn held_packets_are_overtaken() {
        let (out, report) = run("reorder=2% hold=10ms", 10_000);
        let late = out.windows(2).filter(|pair| pair[1].0 < pair[0].0).count();
        assert_eq!(report.delivered, 10_000);
        assert!((160..240).contains(&report.held), "{report:?}");
        assert!(late > 140, "{late} packets came after a later one");
    }

    #[test]
    fn a_loose_order_is_that_of_the_times_under_way() {
        let (out, _) = run("delay=40ms jitter=15ms loose", 1_000);
        let late = out.windows(2).filter(|pair| pair[1].0 < pair[0].0).count();
        assert!(late > 300, "{late} packets came after a later one");
    }

    #[test]
    fn some_packets_come_twice() {
        let (out, report) = run("duplicate=10%", 10_000);
        assert!((900..1_100).contains(&report.doubled), "{report:?}");
        assert_eq!(out.len() as u64, 10_000 + report.doubled);
        assert!(out.is_sorted());
    }

    #[test]
    fn no_more_comes_out_than_the_rate_allows_and_the_queue_stays_short() {
        let (out, report) = run("rate=2000kbit queue=100ms", 4000);
        // A packet takes 4 ms: a quarter of what is offered fits.
        let (first, last) = (out.first().unwrap().1, out.last().unwrap().1);
        let rate = (out.len() - 1) as f64 * 8000.0 / (last - first).as_secs_f64();
        assert!((rate - 2_000_000.0).abs() < 1_000.0, "{rate} bit/s");
        assert!(report.overflowed > 2900, "{report:?}");
        assert!(report.delay_max <= Duration::from_millis(104), "{report:?}");
    }

    #[test]
    fn a_cut_link_delivers_only_what_was_under_way() {
        let mut direction = Direction::new(1);
        direction.set("delay=10ms".parse().unwrap());
        direction.offer(Duration::ZERO, b"before");
        direction.set("cut".parse().unwrap());
        direction.offer(Duration::from_millis(1), b"after");
        assert_eq!(direction.take(Duration::from_millis(10)).unwrap(), b"before");
        assert_eq!(direction.next(), None);
    }
}
