//! What was sent and may have to be sent again.
//!
//! TCP tells nobody how much arrived before a connection broke. So every message stays here for a while: when the
//! place is resumed, the server says how many it received and the rest goes out again; on a server that knows nothing
//! of us any more, everything goes out again to whoever is there, and receivers drop what they have already had by
//! its sequence number. The order towards each receiver is always that of sealing.

use std::collections::{BTreeSet, VecDeque};

use tincan_protocol::PeerId;

/// A call between two sends about 30 messages while it connects, so this holds several reconnections of a full mesh.
const MAX_ENTRIES: usize = 256;
/// As many bytes as 128 offers of 8 KiB.
const MAX_BYTES: usize = 1024 * 1024;

struct Entry {
    to: PeerId,
    text: String,
    /// Its place among the relayed messages of this stay; `None` while it is to be sent.
    sent: Option<u64>,
}

#[derive(Default)]
pub(crate) struct Outbox {
    entries: VecDeque<Entry>,
    bytes: usize,
    /// Messages sent in this stay.
    sent: u64,
}

impl Outbox {
    /// Adds a message; returns how many that were never sent had to be given up for it.
    pub(crate) fn push(&mut self, to: PeerId, text: String) -> u64 {
        self.bytes += text.len();
        self.entries.push_back(Entry { to, text, sent: None });
        let mut given_up = 0;
        while self.entries.len() > MAX_ENTRIES || self.bytes > MAX_BYTES {
            // What was sent has most likely arrived; only then does the oldest that was not sent go.
            let place = self.entries.iter().position(|entry| entry.sent.is_some()).unwrap_or(0);
            let Some(entry) = self.entries.remove(place) else { break };
            self.bytes -= entry.text.len();
            given_up += u64::from(entry.sent.is_none());
        }
        given_up
    }

    /// The next message for somebody who is there; counts as sent from now on.
    pub(crate) fn next(&mut self, present: &BTreeSet<PeerId>) -> Option<&str> {
        let entry =
            self.entries.iter_mut().find(|entry| entry.sent.is_none() && present.contains(&entry.to))?;
        self.sent += 1;
        entry.sent = Some(self.sent);
        Some(&entry.text)
    }

    /// The server received `received` messages of this stay; the others are to be sent again.
    pub(crate) fn resume(&mut self, received: u64) {
        self.sent = received;
        for entry in &mut self.entries {
            entry.sent = entry.sent.filter(|place| *place <= received);
        }
    }

    /// A new stay on a server that knows nothing of the old one.
    pub(crate) fn restart(&mut self) {
        self.sent = 0;
        self.entries.iter_mut().for_each(|entry| entry.sent = None);
    }

    /// Somebody is gone, with whatever had not reached them; if they come back, they need it again.
    pub(crate) fn gone(&mut self, peer: PeerId) {
        self.entries.iter_mut().filter(|entry| entry.to == peer).for_each(|entry| entry.sent = None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: PeerId = PeerId::from_bytes([1; 8]);
    const B: PeerId = PeerId::from_bytes([2; 8]);

    fn drain(outbox: &mut Outbox, present: &[PeerId]) -> Vec<String> {
        let present = present.iter().copied().collect();
        std::iter::from_fn(|| outbox.next(&present).map(str::to_owned)).collect()
    }

    fn filled() -> Outbox {
        let mut outbox = Outbox::default();
        for (to, text) in [(A, "a1"), (B, "b1"), (A, "a2"), (B, "b2")] {
            assert_eq!(outbox.push(to, text.to_owned()), 0);
        }
        outbox
    }

    #[test]
    fn each_message_is_sent_once_and_in_order() {
        let mut outbox = filled();
        assert_eq!(drain(&mut outbox, &[A, B]), ["a1", "b1", "a2", "b2"]);
        assert!(drain(&mut outbox, &[A, B]).is_empty());
    }

    #[test]
    fn messages_wait_for_those_who_are_not_there() {
        let mut outbox = filled();
        assert_eq!(drain(&mut outbox, &[B]), ["b1", "b2"]);
        assert_eq!(drain(&mut outbox, &[A, B]), ["a1", "a2"]);
    }

    #[test]
    fn after_resuming_only_what_did_not_arrive_is_sent_again() {
        let mut outbox = filled();
        drain(&mut outbox, &[A, B]);
        outbox.resume(3);
        assert_eq!(drain(&mut outbox, &[A, B]), ["b2"]);
        outbox.resume(4);
        assert!(drain(&mut outbox, &[A, B]).is_empty());
    }

    #[test]
    fn on_a_server_that_forgot_us_everything_is_sent_again() {
        let mut outbox = filled();
        drain(&mut outbox, &[A, B]);
        outbox.restart();
        assert_eq!(drain(&mut outbox, &[B]), ["b1", "b2"]);
        outbox.resume(2);
        assert_eq!(drain(&mut outbox, &[A, B]), ["a1", "a2"]);
    }

    #[test]
    fn whoever_was_gone_and_comes_back_gets_it_again() {
        let mut outbox = filled();
        drain(&mut outbox, &[A, B]);
        outbox.gone(A);
        assert_eq!(drain(&mut outbox, &[A, B]), ["a1", "a2"]);
    }

    #[test]
    fn it_stays_bounded_and_gives_up_first_what_was_sent() {
        let mut outbox = filled();
        drain(&mut outbox, &[A]);
        for _ in 0..MAX_ENTRIES - 2 {
            assert_eq!(outbox.push(A, "x".to_owned()), 0);
        }
        assert_eq!(outbox.push(A, "x".to_owned()), 1, "nothing that was sent is left");
        assert_eq!(outbox.entries.len(), MAX_ENTRIES);
        assert!(outbox.push(A, "x".repeat(MAX_BYTES)) > 200);
        assert!(outbox.bytes <= MAX_BYTES);
    }
}
