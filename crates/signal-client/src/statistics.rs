//! What is counted.

use std::sync::Mutex;

use tincan_protocol::OpenError;

/// Counts since the client was started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignalStatistics {
    /// Messages handed to the server, those sent again included.
    pub sent: u64,
    /// Messages that opened.
    pub received: u64,
    /// Envelopes that did not open: not sealed by who the server says, or changed.
    pub forged: u64,
    /// Envelopes that came a second time or out of order. After a reconnection a few are usual: what may not have
    /// arrived is sent again.
    pub replayed: u64,
    /// Envelopes of another version.
    pub other_version: u64,
    /// Envelopes that opened but said nothing known, and server messages that were not understood.
    pub unreadable: u64,
    /// Envelopes from participants whom the server had not announced.
    pub strangers: u64,
    /// Messages that were given up because too many waited for somebody who was not there, or were too large.
    pub dropped: u64,
    /// Times that the connection was lost.
    pub lost: u64,
    /// Attempts to reconnect.
    pub attempts: u64,
    /// Times that the place in the room was taken back without the others noticing.
    pub resumed: u64,
    /// Stable name of the last reason why the connection ended or could not be made, such as `server_unreachable`.
    pub last_error: Option<&'static str>,
}

impl SignalStatistics {
    pub(crate) fn count_refused(&mut self, error: OpenError) {
        match error {
            OpenError::Version => self.other_version += 1,
            OpenError::Forged => self.forged += 1,
            OpenError::Replayed => self.replayed += 1,
            OpenError::Unreadable => self.unreadable += 1,
        }
    }
}

/// Shared between the task, which counts, and the handle, which reads. A lock rather than a message, so that reading
/// once a second neither waits for a task that is busy connecting nor takes a place in its queue; it is never held
/// across an await.
#[derive(Default)]
pub(crate) struct Counters(Mutex<SignalStatistics>);

impl Counters {
    pub(crate) fn update(&self, change: impl FnOnce(&mut SignalStatistics)) {
        change(&mut self.0.lock().expect("nothing panics while counting"));
    }

    pub(crate) fn read(&self) -> SignalStatistics {
        self.0.lock().expect("nothing panics while counting").clone()
    }
}
