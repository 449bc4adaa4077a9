//! How much files may take of the way out, while people talk over it.
//!
//! A connection's own window makes a queue of 50 ms at most, but the media estimator takes every queue for a path that is too
//! full, and gives way. So files give way first: while media flows they begin with little, take more while nothing happens, and
//! much less as soon as any connection's estimate falls (LEDBAT's idea, with the estimator as its ear). All transfers share one
//! budget, since all begin with the same uplink.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tincan_protocol::PeerId;
use tokio::time::{Instant, sleep};

/// Bytes a second to begin with: 1 Mbit/s.
const FIRST: f64 = 125_000.0;
/// Always allowed, or a transfer would stand still for ever: 100 kbit/s.
const LEAST: f64 = 12_500.0;
/// Faster than any uplink that media could feel.
const MOST: f64 = 125_000_000.0;
/// By how much it grows in a second.
const GROWTH: f64 = 1.10;
/// What is left of it when a path is too full.
const CUT: f64 = 0.7;
/// An estimate that fell by less than this has moved, not fallen.
const FALL: f64 = 0.96;
/// One path that is too full is told several times: it counts once.
const AGAIN: Duration = Duration::from_millis(400);
/// What may leave at once after a pause.
const BURST: Duration = Duration::from_millis(20);

/// See the module's description. Shared by the tasks that send, for a few additions each time.
#[derive(Debug)]
pub(crate) struct Pacing {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Whether media flows; otherwise nothing is held back.
    media: bool,
    rate: f64,
    tokens: f64,
    at: Instant,
    cut: Option<Instant>,
    estimates: BTreeMap<PeerId, f64>,
    /// Whether what was allowed was used since: what is not used does not grow.
    used: bool,
    grown: Instant,
}

impl Pacing {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        let state = State {
            media: false,
            rate: FIRST,
            tokens: 0.0,
            at: now,
            cut: None,
            estimates: BTreeMap::new(),
            used: false,
            grown: now,
        };
        Self { state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic between two additions leaves a number.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether sound or pictures are sent.
    pub(crate) fn media(&self, flows: bool) {
        let mut state = self.state();
        if flows && !state.media {
            (state.rate, state.tokens, state.grown) = (FIRST, 0.0, Instant::now());
        }
        state.media = flows;
    }

    /// What the way to somebody takes, as media found out.
    pub(crate) fn estimate(&self, peer: PeerId, bits: u64) {
        let mut state = self.state();
        state.estimate(Instant::now(), peer, bits as f64);
    }

    /// The connection is no more.
    pub(crate) fn forget(&self, peer: PeerId) {
        self.state().estimates.remove(&peer);
    }

    /// Waits until so many bytes may leave.
    pub(super) async fn take(&self, bytes: usize) {
        loop {
            let wait = self.state().take(Instant::now(), bytes as f64);
            match wait {
                None => return,
                Some(wait) => sleep(wait).await,
            }
        }
    }
}

impl State {
    fn estimate(&mut self, now: Instant, peer: PeerId, bits: f64) {
        let before = self.estimates.insert(peer, bits);
        let fell = before.is_some_and(|before| bits < before * FALL);
        let again = self.cut.is_some_and(|cut| now.saturating_duration_since(cut) < AGAIN);
        if fell && !again {
            self.rate = (self.rate * CUT).max(LEAST);
            (self.cut, self.grown) = (Some(now), now);
        }
    }

    /// How long to wait; `None`: take it.
    fn take(&mut self, now: Instant, bytes: f64) -> Option<Duration> {
        if !self.media {
            return None;
        }
        let since = now.saturating_duration_since(self.grown);
        if self.used {
            self.rate = (self.rate * GROWTH.powf(since.as_secs_f64().min(1.0))).min(MOST);
        }
        (self.grown, self.used) = (now, true);
        let most = (self.rate * BURST.as_secs_f64()).max(bytes);
        let gained = self.rate * now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + gained).min(most);
        self.at = now;
        if self.tokens >= bytes {
            self.tokens -= bytes;
            return None;
        }
        Some(
            Duration::from_secs_f64((bytes - self.tokens) / self.rate)
                .clamp(Duration::from_millis(1), Duration::from_millis(200)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> PeerId {
        PeerId::from_bytes([byte; 32])
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_held_back_when_no_media_flows() {
        let (pacing, start) = (Pacing::new(), Instant::now());
        for _ in 0..10_000 {
            pacing.take(16_000).await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn it_begins_with_a_megabit_grows_while_nothing_happens_and_gives_way_at_once() {
        let pacing = Pacing::new();
        pacing.media(true);
        let second = async |pacing: &Pacing| {
            let (start, mut bytes) = (Instant::now(), 0_u64);
            while start.elapsed() < Duration::from_secs(1) {
                pacing.take(4_000).await;
                bytes += 4_000;
            }
            bytes as f64
        };
        let first = second(&pacing).await;
        assert!((110_000.0..150_000.0).contains(&first), "{first}");
        for _ in 0..9 {
            second(&pacing).await;
        }
        let later = second(&pacing).await;
        assert!(later > first * 2.0, "{later} after {first}");
        pacing.estimate(id(1), 2_000_000);
        pacing.estimate(id(1), 1_990_000);
        let same = second(&pacing).await;
        assert!(same > later, "it moved, and did not fall");
        pacing.estimate(id(1), 1_500_000);
        pacing.estimate(id(1), 1_300_000);
        let less = second(&pacing).await;
        assert!((0.65..0.85).contains(&(less / same)), "{less} of {same}");
    }
}
