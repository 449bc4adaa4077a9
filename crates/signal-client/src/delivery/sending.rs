//! What one receiver has not acknowledged yet.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tincan_protocol::Acknowledgement;

/// Most messages that are kept for one receiver: connecting takes about ten, so this is several attempts.
const MAX_MESSAGES: usize = 64;
/// How long to wait for an acknowledgement before everything is sent again, the first, second, third time and then always.
/// A round trip on any path that can carry a call is below 2 s.
const WAITS: [Duration; 4] =
    [Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8), Duration::from_secs(15)];
/// Between two times that everything is sent again because the receiver asks.
const BETWEEN_ANSWERS: Duration = Duration::from_millis(500);

#[derive(Default)]
pub(super) struct Sending {
    /// The number of the last message.
    last: u64,
    /// The last messages, as they go to the server, unchanged however often they are sent.
    kept: VecDeque<String>,
    /// How many of them were handed on since it was begun anew.
    handed_on: usize,
    /// When it is begun anew for want of an acknowledgement, if all of them were handed on by then.
    again_at: Option<Instant>,
    /// How often that happened since the last progress.
    attempt: usize,
    /// When it was begun anew last.
    begun: Option<Instant>,
    /// When it is because the receiver asks.
    answer_at: Option<Instant>,
    /// Something was given up, so that nothing after it can ever be taken.
    is_closed: bool,
}

impl Sending {
    /// The number of the next message.
    pub(super) fn next_number(&self) -> u64 {
        self.last + 1
    }

    pub(super) fn has_room(&self) -> bool {
        !self.is_closed && self.kept.len() < MAX_MESSAGES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Adds the message that has [`Sending::next_number`].
    pub(super) fn push(&mut self, text: String) {
        self.last += 1;
        self.kept.push_back(text);
    }

    /// Gives everything up, and whatever would follow; how many bytes it was.
    pub(super) fn give_up(&mut self) -> usize {
        self.is_closed = true;
        self.handed_on = 0;
        self.again_at = None;
        self.answer_at = None;
        self.kept.drain(..).map(|text| text.len()).sum()
    }

    /// Everything is sent again: there is a new connection, on our side or theirs.
    pub(super) fn start_over(&mut self, now: Instant) {
        self.begun = Some(now);
        self.handed_on = 0;
        self.attempt = 0;
        self.again_at = None;
        self.answer_at = None;
    }

    /// What the receiver says to have; how many bytes are kept no longer.
    pub(super) fn acknowledged(&mut self, acknowledgement: Acknowledgement, now: Instant) -> usize {
        let Acknowledgement { received, resend } = acknowledgement;
        let first = self.next_number() - self.kept.len() as u64;
        let count = received.min(self.last).saturating_add(1).saturating_sub(first);
        // No more than are kept, which a `usize` counts.
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(self.kept.len());
        if count > 0 {
            self.handed_on = self.handed_on.saturating_sub(count);
            self.attempt = 0;
            self.again_at = (self.handed_on > 0).then(|| now + WAITS[0]);
        }
        if resend && count < self.kept.len() {
            self.answer_at = Some(self.begun.map_or(now, |begun| now.max(begun + BETWEEN_ANSWERS)));
        }
        self.kept.drain(..count).map(|text| text.len()).sum()
    }

    /// The next message to be handed to the server.
    pub(super) fn poll(&mut self, now: Instant) -> Option<&str> {
        let is_asked = self.answer_at.is_some_and(|at| at <= now);
        // While they are being handed on the socket is slow, and sending the first of them again would not help.
        let is_overdue = self.handed_on == self.kept.len() && self.again_at.is_some_and(|at| at <= now);
        if is_overdue && !is_asked {
            self.attempt += 1;
        }
        if is_asked || is_overdue {
            self.begun = Some(now);
            self.handed_on = 0;
            self.again_at = None;
            self.answer_at = None;
        }
        let text = self.kept.get(self.handed_on)?;
        self.handed_on += 1;
        self.again_at = Some(now + WAITS[self.attempt.min(WAITS.len() - 1)]);
        Some(text)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        // Either may be about nothing any more, and does no harm then.
        let again_at = self.again_at.filter(|_| self.handed_on == self.kept.len());
        [again_at, self.answer_at].into_iter().flatten().min()
    }
}
