//! The handle that the engine holds.

use std::fmt;
use std::sync::Arc;

use tincan_protocol::{PeerId, PeerMessage};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use url::Url;

use crate::SignalEvent;
use crate::config::SignalConfig;
use crate::error::{JoinError, SendError};
use crate::statistics::{Counters, SignalStatistics};
use crate::task::{Command, Task};

/// Where events come out; `recv` gives `None` when the client has ended.
pub type SignalEvents = mpsc::Receiver<SignalEvent>;

/// A whole join of a large room (an event, a name and 20 candidates for each of a few peers) fits, so that the
/// connection is not held up by an engine that is busy for a moment.
const EVENTS: usize = 256;
/// Messages wait here while a connection is made, and then in what is kept until it is acknowledged: 64 for each of seven
/// others.
const COMMANDS: usize = 512;

/// A membership of a room on a signalling server, kept until it is left or dropped.
pub struct SignalClient {
    commands: mpsc::Sender<Command>,
    counters: Arc<Counters>,
    server: watch::Sender<Url>,
    /// Asks the task to send what is queued, give the membership up and end.
    leaving: CancellationToken,
    /// Ends the task at once.
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl SignalClient {
    /// Connects, joins, and returns with the server's first answer; the first event is [`SignalEvent::Joined`].
    /// Dropping the future gives up. Afterwards the client reconnects by itself for as long as it takes.
    ///
    /// # Errors
    /// [`JoinError`], at most [`crate::Timing::join`] later. Nothing is left behind then.
    pub async fn join(config: SignalConfig) -> Result<(Self, SignalEvents), JoinError> {
        let (commands, command_queue) = mpsc::channel(COMMANDS);
        let (event_queue, events) = mpsc::channel(EVENTS);
        let counters = Arc::new(Counters::default());
        let leaving = CancellationToken::new();
        let cancel = CancellationToken::new();
        let (server, servers) = watch::channel(config.server.clone());
        let mut task = Task::new(
            config,
            servers,
            command_queue,
            event_queue,
            counters.clone(),
            leaving.clone(),
            cancel.clone(),
        );
        let line = task.first_join().await?;
        let task = tokio::spawn(task.run(line).instrument(tracing::info_span!("signalling")));
        Ok((Self { commands, counters, server, leaving, cancel, task }, events))
    }

    /// Seals a message for one participant and sends it, again and again until it is acknowledged; while the connection is
    /// lost it waits for it to come back. It arrives once, and in order with the others to the same participant. Returns at
    /// once. What somebody does not acknowledge is kept up to a bound; further messages to them are dropped and counted.
    ///
    /// # Errors
    /// [`SendError::Full`] when far more is sent than any call needs, [`SendError::Closed`] when the client has ended.
    pub fn send(&self, to: PeerId, message: PeerMessage) -> Result<(), SendError> {
        self.commands.try_send(Command::Send { to, message: Box::new(message) }).map_err(
            |error| match error {
                mpsc::error::TrySendError::Full(_) => SendError::Full,
                mpsc::error::TrySendError::Closed(_) => SendError::Closed,
            },
        )
    }

    /// The machine's network has changed: finds out at once whether the connection still stands, and tries again at
    /// once when it was waiting to.
    pub fn network_changed(&self) {
        // A full queue means that the task is about to use the connection anyway.
        let _ = self.commands.try_send(Command::NetworkChanged);
    }

    /// The room is on another server now: goes there at once, as if the server had restarted. The others know us by the same
    /// id, and what they have not acknowledged is sent again.
    pub fn move_to(&self, server: Url) {
        self.server.send_replace(server);
    }

    /// What was counted so far.
    pub fn statistics(&self) -> SignalStatistics {
        self.counters.read()
    }

    /// Sends what was queued before and gives the membership up; returns when the task has ended, at most
    /// [`crate::Timing::farewell`] later. Without a connection it tries to make one for as long. A goodbye to the others is
    /// for the caller to [`send`](Self::send) before. Events need not be read meanwhile.
    pub async fn leave(mut self) {
        self.leaving.cancel();
        // An error is a panic of the task, which has been reported where it happened; the place is given up either way.
        let _ = (&mut self.task).await;
    }
}

impl Drop for SignalClient {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl fmt::Debug for SignalClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignalClient").field("statistics", &self.statistics()).finish_non_exhaustive()
    }
}
