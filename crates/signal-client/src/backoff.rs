//! How long to wait before the next attempt.

use std::time::Duration;

use rand::Rng;

/// The first wait is between nothing and this: a restarted server is back in about a second, and its clients should
/// not all come at once.
const FIRST: Duration = Duration::from_millis(250);

/// Exponential backoff with full jitter below half of each step, so that a wait is never shorter than half of it.
pub(crate) struct Backoff {
    longest: Duration,
    attempt: u32,
}

impl Backoff {
    pub(crate) fn new(longest: Duration) -> Self {
        Self { longest, attempt: 0 }
    }

    /// The next wait; `random` decides the jitter.
    pub(crate) fn next(&mut self, random: &mut impl Rng) -> Duration {
        let step = FIRST.saturating_mul(2u32.saturating_pow(self.attempt)).min(self.longest);
        let shortest = if self.attempt == 0 { 0.0 } else { 0.5 };
        self.attempt = self.attempt.saturating_add(1);
        step.mul_f64(random.random_range(shortest..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn waits_double_up_to_the_longest() {
        let mut random = rand::rngs::StdRng::seed_from_u64(1);
        let mut backoff = Backoff::new(Duration::from_secs(15));
        let waits: Vec<_> = (0..60).map(|_| backoff.next(&mut random)).collect();
        assert!(waits[0] <= FIRST);
        for (attempt, wait) in waits.iter().enumerate().skip(1) {
            let step = FIRST.mul_f64(2f64.powi(attempt as i32)).min(Duration::from_secs(15));
            assert!(*wait <= step && *wait >= step / 2, "{attempt}: {wait:?}");
        }
    }

    #[test]
    fn two_clients_do_not_wait_equally_long() {
        let waits = |seed| {
            let mut random = rand::rngs::StdRng::seed_from_u64(seed);
            let mut backoff = Backoff::new(Duration::from_secs(15));
            (0..8).map(|_| backoff.next(&mut random)).collect::<Vec<_>>()
        };
        assert_ne!(waits(1), waits(2));
    }
}
