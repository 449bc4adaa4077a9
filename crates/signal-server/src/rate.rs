//! Token bucket. Time is an argument.

use std::time::Instant;

/// Each so many bytes of a message cost one more token, so that a few large messages cost as much as many small ones.
const BYTES_PER_TOKEN: usize = 4096;

pub(crate) struct TokenBucket {
    tokens: f64,
    burst: f64,
    per_second: f64,
    filled: Instant,
}

impl TokenBucket {
    pub(crate) fn new(now: Instant, burst: u32, per_second: u32) -> Self {
        Self { tokens: burst.into(), burst: burst.into(), per_second: per_second.into(), filled: now }
    }

    /// Takes what a message of `bytes` costs; false when there is not so much.
    pub(crate) fn take(&mut self, now: Instant, bytes: usize) -> bool {
        let elapsed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.filled = now;
        self.tokens = (self.tokens + elapsed * self.per_second).min(self.burst);
        // Below 2^52 for any message that the socket lets through.
        let cost = (1 + bytes / BYTES_PER_TOKEN) as f64;
        let enough = self.tokens >= cost;
        if enough {
            self.tokens -= cost;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_is_taken_and_then_only_the_long_run_rate() {
        let begin = Instant::now();
        let mut bucket = TokenBucket::new(begin, 10, 2);
        assert_eq!((0..20).filter(|_| bucket.take(begin, 100)).count(), 10);
        let later = begin + Duration::from_secs(3);
        assert_eq!((0..20).filter(|_| bucket.take(later, 100)).count(), 6);
        let much_later = begin + Duration::from_secs(3600);
        assert_eq!(
            (0..20).filter(|_| bucket.take(much_later, 100)).count(),
            10,
            "no more than a burst is saved up"
        );
    }

    #[test]
    fn large_messages_cost_more() {
        let begin = Instant::now();
        let mut bucket = TokenBucket::new(begin, 20, 1);
        assert!(bucket.take(begin, 64 * 1024), "17 tokens");
        assert!(!bucket.take(begin, 64 * 1024));
    }
}
