//! What the window's commands work on: the engine, and the one subscription to it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tauri::ipc::Channel;
use tincan_engine::Engine;
use tincan_engine::api::{Command, CommandError, NumberedEvent, Reply, Snapshot};
use tokio::sync::RwLock;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::local_server::LocalRooms;

/// How long closing may take. Leaving tells the others and releases the devices, some 100 ms; a network or a driver
/// that hangs must not keep a closed program alive (and the process's end releases the camera in any case).
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(3);

/// The engine and the server that it may host rooms on, until the program closes.
pub(crate) struct Shell {
    /// A lock because shutting down takes the engine out; until then there are only readers.
    engine: RwLock<Option<Engine>>,
    local_rooms: LocalRooms,
    closing: CancellationToken,
    forwarding: Mutex<Option<AbortOnDropHandle<()>>>,
}

impl Shell {
    pub(crate) fn new(engine: Engine, local_rooms: LocalRooms) -> Self {
        Self {
            engine: RwLock::new(Some(engine)),
            local_rooms,
            closing: CancellationToken::new(),
            forwarding: Mutex::new(None),
        }
    }

    /// Hands a command to the engine; one that is under way when the program closes is dropped.
    pub(crate) async fn dispatch(&self, command: Command) -> Result<Reply, CommandError> {
        let engine = self.engine.read().await;
        let engine = engine.as_ref().ok_or_else(closing)?;
        tokio::select! {
            biased;
            () = self.closing.cancelled() => Err(closing()),
            reply = engine.dispatch(command) => reply,
        }
    }

    /// The state now, and every event after it on `channel`, in place of the subscription before (a reloaded page's).
    pub(crate) async fn subscribe(&self, channel: Channel<NumberedEvent>) -> Result<Snapshot, CommandError> {
        let engine = self.engine.read().await;
        let (snapshot, events) = engine.as_ref().ok_or_else(closing)?.subscribe().await?;
        let task = AbortOnDropHandle::new(tokio::spawn(forward(events, channel)));
        *self.forwarding.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
        Ok(snapshot)
    }

    /// Leaves the call and releases every device, within [`SHUTDOWN_LIMIT`].
    pub(crate) async fn shutdown(&self) {
        self.closing.cancel();
        let quiet = async {
            if let Some(engine) = self.engine.write().await.take() {
                engine.shutdown().await;
            }
            self.local_rooms.shutdown().await;
        };
        if tokio::time::timeout(SHUTDOWN_LIMIT, quiet).await.is_err() {
            tracing::warn!("closing took longer than {SHUTDOWN_LIMIT:?}; the rest is left to the system");
        }
        self.forwarding.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// Ends with the window or the engine.
async fn forward(mut events: Receiver<NumberedEvent>, channel: Channel<NumberedEvent>) {
    loop {
        match events.recv().await {
            Ok(event) => {
                if channel.send(event).is_err() {
                    return;
                }
            }
            // The next event's number shows the window the gap, and it subscribes again.
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

fn closing() -> CommandError {
    refusal("closing", "Tincan is closing.")
}

/// Why something is not done, with a stable code.
pub(crate) fn refusal(code: &str, message: impl Into<String>) -> CommandError {
    CommandError::new(code, message)
}
