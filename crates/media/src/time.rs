//! The one timeline of captured and played media.

use std::ops::{Add, Sub};
use std::time::{Duration, Instant};

/// A point on the process's media timeline, in microseconds since the [`MediaClock`]'s epoch.
///
/// Microseconds: a sample at 48 kHz lasts 20.8 µs and a tick of RTP's 90 kHz video clock 11.1 µs, so neither is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MediaTime(u64);

impl MediaTime {
    /// The epoch itself.
    pub const ZERO: Self = Self(0);

    /// The point `micros` microseconds after the epoch.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this point lies; zero when it does not.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// This point in ticks of an RTP clock, truncated to RTP's 32 bits (RFC 3550, section 5.1).
    pub const fn to_rtp(self, clock_rate: u32) -> u32 {
        // u128: 2^64 µs times 90,000 overflows 64 bits.
        (self.0 as u128 * clock_rate as u128 / 1_000_000) as u32
    }
}

impl Add<Duration> for MediaTime {
    type Output = Self;
    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(rhs.as_micros() as u64))
    }
}

impl Sub<Duration> for MediaTime {
    type Output = Self;
    fn sub(self, rhs: Duration) -> Self {
        Self(self.0.saturating_sub(rhs.as_micros() as u64))
    }
}

/// Maps [`Instant`]s to [`MediaTime`]; it never reads the clock itself. One per process, handed to every source.
#[derive(Debug, Clone, Copy)]
pub struct MediaClock {
    epoch: Instant,
}

impl MediaClock {
    /// A timeline that starts at `epoch`.
    pub const fn new(epoch: Instant) -> Self {
        Self { epoch }
    }

    /// Where `instant` lies on the timeline; the epoch for anything before it.
    pub fn at(&self, instant: Instant) -> MediaTime {
        MediaTime(instant.saturating_duration_since(self.epoch).as_micros() as u64)
    }

    /// The instant of a point on the timeline.
    pub fn instant(&self, time: MediaTime) -> Instant {
        self.epoch + Duration::from_micros(time.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rtp_time_wraps_at_32_bits() {
        let day = MediaTime::from_micros(86_400_000_000);
        assert_eq!(day.to_rtp(90_000), (86_400u64 * 90_000) as u32);
    }

    #[test]
    fn an_instant_before_the_epoch_is_the_epoch() {
        let now = Instant::now();
        let clock = MediaClock::new(now + Duration::from_secs(1));
        assert_eq!(clock.at(now), MediaTime::ZERO);
    }
}
