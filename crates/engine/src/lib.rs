//! The engine: the tasks and pipelines around the session, the connections, media and devices. A window, the
//! command-line participant and the tests all drive this same engine.
//!
//! **Invariant:** imports neither `tauri` nor the signalling server; whoever embeds a server hands in its address.
#![forbid(unsafe_code)]

pub mod api;
mod call;
mod chat_file;
mod code;
mod devices;
mod files;
mod ice_server;
mod media;
mod new_file;
mod overrides;
pub mod picture;
mod publish;
mod record;
mod report;
mod saver;
mod spoken;
mod store;
mod task;
mod test_call;
#[cfg(test)]
mod testing;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tincan_media::video::VideoFrame;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use api::{Command, CommandError, NumberedEvent, Reply, Snapshot};
use devices::{DeviceSystem, SystemDevices};
pub use overrides::Overrides;

/// Commands that may wait: a person presses one button at a time.
const MESSAGES: usize = 64;

/// The runtime for a program whose business is one engine: one worker, which all connections share. With a worker for each
/// processor every packet woke a second one to look for work: in a room of three 1,050 switches a second instead of 510, and
/// a seventh more time for the network. Sound, pictures and files have threads of their own.
///
/// # Errors
/// When the system starts no thread.
pub fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()
}

/// What an engine is started with.
pub struct EngineConfig {
    /// Where settings and recent calls are kept; `None` keeps nothing.
    pub data_dir: Option<PathBuf>,
    /// Where files go that a person saves without saying where.
    pub downloads: Option<PathBuf>,
    /// ... and recordings.
    pub recordings: Option<PathBuf>,
    /// Where pictures go.
    pub frames: Arc<dyn FrameOutput>,
    /// Runs a signalling server inside this program for calls on the local network.
    pub local_server: Option<Arc<dyn LocalServerHost>>,
    /// Settings that a command line lays over the stored ones, for this run only.
    pub overrides: Overrides,
}

/// Takes pictures for display. Stream 0 is the self-view; others are in [`api::Participant::streams`].
pub trait FrameOutput: Send + Sync {
    /// One picture; called on a media thread: only store or forward.
    fn frame(&self, stream: u32, frame: &Arc<VideoFrame>);
    /// The stream shows nothing more for now (camera off, participant gone).
    fn ended(&self, stream: u32);
    /// One picture of what we share ourselves, which no stream shows; `None`: nothing more. On a capture's thread.
    fn shared(&self, frame: Option<&Arc<VideoFrame>>) {
        let _ = frame;
    }
    /// On how many lines of the screen (the picture's shorter side) the stream is shown: 0 when nobody sees it, `None` while
    /// that is not known. Asked for ten times a second.
    fn lines(&self, stream: u32) -> Option<u16> {
        let _ = stream;
        None
    }
    /// How long pictures of this stream take from here to the eye, for lips to move with the voice. Asked for each
    /// picture, on its media thread.
    fn delay(&self, stream: u32) -> Duration {
        let _ = stream;
        Duration::ZERO
    }
}

/// A future that is boxed because a trait gives it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Starts the embedded signalling server for a call on the local network.
pub trait LocalServerHost: Send + Sync {
    /// Starts (or reuses) the server. While somebody is in `room`, and if it is to be `announced`, it is announced by
    /// mDNS under a hash of it.
    fn host(
        &self,
        room: tincan_protocol::RoomId,
        announced: bool,
    ) -> BoxFuture<'_, Result<HostedRoom, String>>;
}

/// A room that others on the local network can find until this is dropped.
pub struct HostedRoom {
    /// The server as this program reaches it: `ws://127.0.0.1:PORT`.
    pub url: String,
    /// The server as others on the network reach it, for the invite link; `None` without a network.
    pub public_url: Option<String>,
    /// The name of the room's announcement on this server: it tells this server from another one with the same room.
    pub instance: String,
    /// Ends the announcement (and the server, when it was the last) when dropped.
    pub guard: Box<dyn Send + Sync>,
}

/// What reaches the engine's task from outside.
enum Message {
    Command(Command, oneshot::Sender<Result<Reply, CommandError>>),
    Subscribe(oneshot::Sender<(Snapshot, broadcast::Receiver<NumberedEvent>)>),
}

/// The running engine. Dropping it cancels everything; [`Engine::shutdown`] also waits until it is quiet.
pub struct Engine {
    messages: mpsc::Sender<Message>,
    cancel: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl Engine {
    /// Starts the engine on the current tokio runtime, which must have its time and I/O drivers.
    pub fn start(config: EngineConfig) -> Self {
        Self::with_devices(config, Arc::new(SystemDevices))
    }

    /// With devices that the caller made instead of the machine's.
    pub(crate) fn with_devices(config: EngineConfig, devices: Arc<dyn DeviceSystem>) -> Self {
        let (messages, inbox) = mpsc::channel(MESSAGES);
        let cancel = CancellationToken::new();
        let task = tokio::spawn(task::EngineTask::new(config, devices).run(inbox, cancel.clone()));
        Self { messages, cancel, task: Some(task) }
    }

    /// Carries out a command; returns when it has taken effect.
    ///
    /// # Errors
    /// [`CommandError`] with a stable code and a sentence for the person.
    pub async fn dispatch(&self, command: Command) -> Result<Reply, CommandError> {
        let (answer, reply) = oneshot::channel();
        self.messages.send(Message::Command(command, answer)).await.map_err(|_| gone())?;
        reply.await.map_err(|_| gone())?
    }

    /// The state now, and every event after it. A receiver that lags asks for a new subscription.
    ///
    /// # Errors
    /// [`CommandError`] when the engine was shut down.
    pub async fn subscribe(&self) -> Result<(Snapshot, broadcast::Receiver<NumberedEvent>), CommandError> {
        let (answer, reply) = oneshot::channel();
        self.messages.send(Message::Subscribe(answer)).await.map_err(|_| gone())?;
        reply.await.map_err(|_| gone())
    }

    /// Leaves a call if there is one, and returns when every task, thread, socket and device is released.
    pub async fn shutdown(mut self) {
        self.cancel.cancel();
        if let Some(task) = self.task.take()
            && task.await.is_err()
        {
            warn!("the engine's task panicked");
        }
    }
}

fn gone() -> CommandError {
    CommandError::new("engine_stopped", "Tincan is closing. Start it again.")
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}
