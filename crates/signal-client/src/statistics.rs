//! What is counted.

use std::sync::Mutex;

use tincan_protocol::OpenError;

use crate::delivery::Received;

/// Counts since the client was started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignalStatistics {
    /// Messages handed to the server, those sent again included, without acknowledgements.
    pub sent: u64,
    /// Messages that were taken.
    pub received: u64,
    /// Envelopes that did not open: not sealed by who the server says, or changed.
    pub forged: u64,
    /// Messages that came a second time. After a reconnection a few are usual: what may not have arrived is sent again.
    pub repeated: u64,
    /// Messages that came before another one that was missing; they come again.
    pub early: u64,
    /// Envelopes of another version.
    pub other_version: u64,
    /// Envelopes that opened but said nothing known, and server messages that were not understood.
    pub unreadable: u64,
    /// Envelopes from participants whom the server had not announced.
    pub strangers: u64,
    /// Messages that were not taken because too many waited for somebody who does not acknowledge them, or were too large.
    pub dropped: u64,
    /// Times that the connection was lost.
    pub lost: u64,
    /// Attempts to reconnect.
    pub attempts: u64,
    /// Stable name of the last reason why the connection ended or could not be made, such as `server_unreachable`.
    pub last_error: Option<&'static str>,
}

impl SignalStatistics {
    pub(crate) fn count(&mut self, received: &Received) {
        match received {
            Received::Message(_) => self.received += 1,
            Received::NotUnderstood => self.unreadable += 1,
            Received::Acknowledgement => {}
            Received::Repeated => self.repeated += 1,
            Received::Early => self.early += 1,
            Received::Refused(OpenError::Version) => self.other_version += 1,
            Received::Refused(OpenError::Forged) => self.forged += 1,
            Received::Stranger => self.strangers += 1,
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
