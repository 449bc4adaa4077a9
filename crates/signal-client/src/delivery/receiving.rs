//! How far one sender was heard, and what is to be said about it.

use std::time::{Duration, Instant};

use tincan_protocol::Acknowledgement;

/// From a message to its acknowledgement, so that one is enough for several. The protocol allows 100 ms; the rest is for
/// a task that is busy.
const DELAY: Duration = Duration::from_millis(75);
/// Between two times that the sender is asked to send again.
const BETWEEN_ASKING: Duration = Duration::from_millis(500);

/// Where a message stands among those that came from its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It is the next one, and is taken.
    Next,
    /// It was taken before.
    Before,
    /// Another one is missing before it.
    After,
}

#[derive(Default)]
pub(super) struct Receiving {
    /// The number of the last message that was taken.
    taken: u64,
    /// The greatest number that came.
    seen: u64,
    acknowledge_at: Option<Instant>,
    ask_at: Option<Instant>,
    /// Asked whatever is missing, since nobody knows what was lost with the connection.
    ask_anyway: bool,
    asked: Option<Instant>,
}

impl Receiving {
    /// A message with this number has come.
    pub(super) fn take(&mut self, sequence: u64, now: Instant) -> Place {
        self.seen = self.seen.max(sequence);
        if sequence > self.taken + 1 {
            self.ask(now);
            return Place::After;
        }
        self.acknowledge_at.get_or_insert(now + DELAY);
        if sequence <= self.taken {
            return Place::Before;
        }
        self.taken = sequence;
        if self.taken == self.seen && !self.ask_anyway {
            self.ask_at = None;
        }
        Place::Next
    }

    /// We have a new connection.
    pub(super) fn rejoined(&mut self, now: Instant) {
        self.ask_anyway = true;
        self.ask(now);
    }

    fn ask(&mut self, now: Instant) {
        let at = self.asked.map_or(now, |asked| now.max(asked + BETWEEN_ASKING));
        self.ask_at.get_or_insert(at);
    }

    /// What is to be told to the sender now.
    pub(super) fn poll(&mut self, now: Instant) -> Option<Acknowledgement> {
        let resend = self.ask_at.is_some_and(|at| at <= now);
        if resend {
            self.ask_at = None;
            self.ask_anyway = false;
            self.asked = Some(now);
        } else if self.acknowledge_at.is_none_or(|at| at > now) {
            return None;
        }
        self.acknowledge_at = None;
        Some(Acknowledgement { received: self.taken, resend })
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        [self.acknowledge_at, self.ask_at].into_iter().flatten().min()
    }
}
