//! How long the session waits for what.

use std::time::Duration;

/// The newcomer offers at once; when nothing came after this, its offer was lost, and we offer. A slow phone
/// needs about a second to gather; five keep the fallback out of ordinary joins.
pub(crate) const OFFER_WAIT: Duration = Duration::from_secs(5);

/// A connection that is not up after this is made anew. ICE over a relay takes one to five seconds here, and
/// gathering was seen to hang for good in 2 of 496 openings.
pub(crate) const CONNECT_WAIT: Duration = Duration::from_secs(12);

/// From `Disconnected` to the ICE restart. Most gaps of a Wi-Fi roam end by themselves within two seconds.
pub(crate) const RESTART_WAIT: Duration = Duration::from_secs(2);

/// From the ICE restart to making the connection anew: a restart needs a round trip over signalling and ICE
/// checks.
pub(crate) const REOPEN_WAIT: Duration = Duration::from_secs(8);

/// How much later the polite side does what the other one should have done: longer than signalling takes
/// there and back.
pub(crate) const POLITE_EXTRA: Duration = Duration::from_secs(4);

/// Restarts closer than this to each other would cancel one another (a network change comes as a burst of
/// events).
pub(crate) const RESTART_SPACING: Duration = Duration::from_secs(3);

/// Somebody whom the server does not know and whose connection is down may come back within this (it follows
/// on the server's own grace time).
pub(crate) const ABSENT_GRACE: Duration = Duration::from_secs(8);

/// With the server away and the connection down there is nobody left to ask. A person who waits longer than a
/// minute has hung up.
pub(crate) const GIVE_UP: Duration = Duration::from_secs(60);

/// Somebody whom the server named but who never said anything by then is not shown any
/// longer.
pub(crate) const SPEAK_WAIT: Duration = Duration::from_secs(30);

/// Candidates are gathered for this long and sent together: a machine finds its own addresses at once, and what a STUN
/// server says of them comes a round trip later in any case.
pub(crate) const CANDIDATE_WAIT: Duration = Duration::from_millis(50);

/// Whoever was in the room first hands the code for the next call over. When it did not by then, because both think that
/// they came second, whoever waits for it does.
pub(crate) const AGAIN_WAIT: Duration = Duration::from_secs(3);

/// An ICE restart interrupts pictures without the connection's state telling; by then its checks are over.
pub(crate) const KEYFRAME_WAIT: Duration = Duration::from_secs(1);

/// The wait before opening again after `failures` in a row: none for the first, then doubling up to 15 s.
pub(crate) fn backoff(failures: u32) -> Duration {
    match failures {
        0 | 1 => Duration::ZERO,
        n => Duration::from_secs(1 << (n - 2).min(4)).min(Duration::from_secs(15)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_is_answered_at_once_and_later_ones_ever_more_slowly() {
        let waits: Vec<u64> = (0..9).map(|n| backoff(n).as_secs()).collect();
        assert_eq!(waits, [0, 0, 1, 2, 4, 8, 15, 15, 15]);
        assert_eq!(backoff(u32::MAX).as_secs(), 15);
    }
}
