//! What one participant is to be sent, in order and bounded.

use std::collections::VecDeque;

use axum::extract::ws::Utf8Bytes;

/// Messages on their way to one connection. What a participant misses while there is none is not kept: the participants
/// see to it themselves that what one sends another arrives (`docs/protocol.md`, "Delivery").
pub(crate) struct Outbox {
    messages: VecDeque<Utf8Bytes>,
    bytes: usize,
    max_messages: usize,
    max_bytes: usize,
}

/// More is waiting than allowed: the client does not read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Overflow;

impl Outbox {
    pub(crate) fn new(max_messages: usize, max_bytes: usize) -> Self {
        Self { messages: VecDeque::new(), bytes: 0, max_messages, max_bytes }
    }

    /// Adds a message, also one that is too much: whoever has too much waiting is cut off.
    pub(crate) fn push(&mut self, message: Utf8Bytes) -> Result<(), Overflow> {
        self.bytes += message.len();
        self.messages.push_back(message);
        let overflow = self.messages.len() > self.max_messages || self.bytes > self.max_bytes;
        if overflow { Err(Overflow) } else { Ok(()) }
    }

    /// What waits, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The next message.
    pub(crate) fn take(&mut self) -> Option<Utf8Bytes> {
        let message = self.messages.pop_front()?;
        self.bytes -= message.len();
        Some(message)
    }

    /// Gives up what waits: the connection that it was meant for is gone.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.max_messages, self.max_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_overflows_only_when_nothing_is_read() {
        let mut outbox = Outbox::new(3, 1000);
        for number in 0..100 {
            outbox.push(number.to_string().into()).unwrap();
            assert_eq!(outbox.take().unwrap().as_str(), number.to_string());
        }
        for _ in 0..3 {
            outbox.push("x".into()).unwrap();
        }
        assert_eq!(outbox.push("x".into()), Err(Overflow));
        let mut outbox = Outbox::new(100, 10);
        assert_eq!(outbox.push("eleven chars".into()), Err(Overflow));
    }

    #[test]
    fn it_knows_how_much_waits() {
        let mut outbox = Outbox::new(3, 1000);
        outbox.push("four".into()).unwrap();
        outbox.push("seventeen".into()).unwrap();
        outbox.take().unwrap();
        assert_eq!(outbox.bytes(), 9);
        outbox.clear();
        assert_eq!((outbox.bytes(), outbox.take()), (0, None));
    }
}
