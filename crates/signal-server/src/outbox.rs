//! What one participant is sent, numbered, so that it can be sent again after a lost connection.

use std::collections::VecDeque;

use axum::extract::ws::Utf8Bytes;

/// Messages that were sent stay until there is no room for new ones: TCP does not tell which of them arrived.
pub(crate) struct Outbox {
    messages: VecDeque<Utf8Bytes>,
    bytes: usize,
    /// The number of messages that were in front of those kept.
    forgotten: u64,
    /// How many of those kept were sent.
    sent: usize,
    max_messages: usize,
    max_bytes: usize,
}

/// More is waiting than allowed: the client does not read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Overflow;

impl Outbox {
    pub(crate) fn new(max_messages: usize, max_bytes: usize) -> Self {
        Self { messages: VecDeque::new(), bytes: 0, forgotten: 0, sent: 0, max_messages, max_bytes }
    }

    pub(crate) fn push(&mut self, message: Utf8Bytes) -> Result<(), Overflow> {
        self.bytes += message.len();
        self.messages.push_back(message);
        while self.messages.len() > self.max_messages || self.bytes > self.max_bytes {
            if self.sent == 0 {
                return Err(Overflow);
            }
            self.forget_first();
        }
        Ok(())
    }

    /// What is kept, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Gives up what was sent: whoever loses the connection now cannot resume.
    pub(crate) fn forget_sent(&mut self) {
        while self.sent > 0 {
            self.forget_first();
        }
    }

    /// The next message; counts as sent.
    pub(crate) fn take(&mut self) -> Option<Utf8Bytes> {
        let message = self.messages.get(self.sent)?.clone();
        self.sent += 1;
        Some(message)
    }

    /// The client has received the first `received` messages; the others are to be sent again. False when they are no
    /// longer there, or were never sent.
    pub(crate) fn resume(&mut self, received: u64) -> bool {
        let sent = self.forgotten + self.sent as u64;
        if !(self.forgotten..=sent).contains(&received) {
            return false;
        }
        while self.forgotten < received {
            self.forget_first();
        }
        self.sent = 0;
        true
    }

    fn forget_first(&mut self) {
        if let Some(message) = self.messages.pop_front() {
            self.bytes -= message.len();
            self.forgotten += 1;
            self.sent = self.sent.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn drain(outbox: &mut Outbox) -> Vec<String> {
        std::iter::from_fn(|| outbox.take().map(|text| text.to_string())).collect()
    }

    #[test]
    fn what_did_not_arrive_is_sent_again_in_order() {
        let mut outbox = Outbox::new(10, 1000);
        for text in ["1", "2", "3"] {
            outbox.push(text.into()).unwrap();
        }
        assert_eq!(drain(&mut outbox), ["1", "2", "3"]);
        outbox.push("4".into()).unwrap();
        assert!(outbox.resume(1));
        assert_eq!(drain(&mut outbox), ["2", "3", "4"]);
        assert!(!outbox.resume(0), "the first is forgotten");
        assert!(!outbox.resume(5), "a fifth was never sent");
        assert!(outbox.resume(4));
        assert!(drain(&mut outbox).is_empty());
    }

    #[test]
    fn it_overflows_only_when_nothing_is_read() {
        let mut outbox = Outbox::new(3, 1000);
        for _ in 0..100 {
            outbox.push("x".into()).unwrap();
            outbox.take().unwrap();
        }
        for _ in 0..3 {
            outbox.push("x".into()).unwrap();
        }
        assert_eq!(outbox.push("x".into()), Err(Overflow));
        let mut outbox = Outbox::new(100, 10);
        assert_eq!(outbox.push("eleven chars".into()), Err(Overflow));
    }

    proptest! {
        #[test]
        fn whatever_is_lost_and_resumed_everything_arrives_once_and_in_order(
            steps in prop::collection::vec((0..3u8, 0..4usize), 1..60),
        ) {
            let mut outbox = Outbox::new(1000, 100_000);
            let (mut pushed, mut arrived) = (0u64, Vec::new());
            for (step, count) in steps {
                match step {
                    0 => for _ in 0..count {
                        outbox.push(pushed.to_string().into()).unwrap();
                        pushed += 1;
                    },
                    1 => for _ in 0..count {
                        arrived.extend(outbox.take().map(|text| text.to_string()));
                    },
                    // Some are written to a connection that breaks before they arrive.
                    _ => {
                        for _ in 0..count {
                            outbox.take();
                        }
                        prop_assert!(outbox.resume(arrived.len() as u64));
                    }
                }
            }
            arrived.extend(drain(&mut outbox));
            let expected: Vec<_> = (0..pushed).map(|number| number.to_string()).collect();
            prop_assert_eq!(arrived, expected);
        }
    }
}
