//! Sending and receiving files: a task of its own beside calls, which it outlives.
//!
//! [`tincan_share::Files`] decides. The task here carries: messages from connections come in by a queue that never waits for a
//! disk, disks are read and written on threads of the runtime's, and each link has a task that waits for its channel. A call
//! only says who is there and hands over the channel (a [`FileLink`]); when that is dropped, the link is closed.

mod carry;
mod earlier;
mod marks;
mod pacing;
mod partial;
mod pump;
mod source;
mod task;
#[cfg(test)]
mod tests;
mod view;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use bytes::Bytes;
use tincan_protocol::{MAX_FILE_DEPTH, MAX_FILES, PeerId};
use tincan_share::{ListError, OfferId};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, info_span, warn};

use crate::api::{CommandError, FilesChange, Notice, Reply, Sentence};
pub(crate) use pacing::Pacing;
pub(crate) use pump::Way;
use task::{FilesTask, ToFiles};

/// Messages of one link that wait. Nobody who keeps to what was asked for has so many: eight pieces in parts of 16 KiB are 520.
const MAX_WAITING: usize = 4_096;
/// What the task tells may wait for the engine, which takes it at once unless it hangs.
const UPDATES: usize = 64;

pub(crate) type Answer = oneshot::Sender<Result<Reply, CommandError>>;

/// What is asked of it.
pub(crate) enum FilesCommand {
    Offer { paths: Vec<PathBuf>, to: Option<PeerId> },
    Accept { offer: OfferId, folder: Option<PathBuf>, file: Option<PathBuf> },
    Decline(OfferId),
    Pause(OfferId, Option<PeerId>),
    Resume(OfferId, Option<PeerId>),
    Cancel(OfferId, Option<PeerId>),
    Forget(OfferId),
    Locate(OfferId),
}

/// What it tells.
pub(crate) enum FilesUpdate {
    Change(FilesChange),
    Notice(Notice),
}

/// Where things are kept.
pub(crate) struct FilesConfig {
    /// Where files go when nobody says where; also looked through for what an earlier run left there.
    pub(crate) downloads: Option<PathBuf>,
    /// Remembers in which other folders something is not complete.
    pub(crate) data_dir: Option<PathBuf>,
}

/// Says things to the task. Never waits.
#[derive(Clone)]
pub(crate) struct FilesHandle {
    task: mpsc::UnboundedSender<ToFiles>,
    links: Arc<AtomicU64>,
    pacing: Arc<Pacing>,
}

impl FilesHandle {
    pub(crate) fn ask(&self, command: FilesCommand, answer: Answer) {
        self.tell(ToFiles::Asked(command, answer));
    }

    /// The files channel to somebody is open, in whose call we have the id `me`.
    pub(crate) fn open(&self, peer: PeerId, me: PeerId, way: Arc<dyn Way>) -> FileLink {
        let link = self.links.fetch_add(1, Ordering::Relaxed);
        let waiting = Arc::new(AtomicUsize::new(0));
        self.tell(ToFiles::Opened { peer, me, link, way, waiting: Arc::clone(&waiting) });
        FileLink { task: self.task.clone(), peer, link, waiting, pacing: Arc::clone(&self.pacing) }
    }

    /// What somebody calls themselves.
    pub(crate) fn named(&self, peer: PeerId, name: String) {
        self.tell(ToFiles::Named(peer, name));
    }

    /// Somebody's version has no files.
    pub(crate) fn cannot(&self, peer: PeerId) {
        self.tell(ToFiles::Cannot(peer));
    }

    /// Somebody left the call.
    pub(crate) fn left(&self, peer: PeerId) {
        self.tell(ToFiles::Left(peer));
    }

    /// The call is over.
    pub(crate) fn call_ended(&self) {
        self.pacing.media(false);
        self.tell(ToFiles::CallEnded);
    }

    /// How much files may take while people talk.
    pub(crate) fn pacing(&self) -> &Pacing {
        &self.pacing
    }

    fn tell(&self, what: ToFiles) {
        // It ends with the engine, which then needs to know nothing more.
        let _ = self.task.send(what);
    }
}

/// A link to somebody. Dropping it closes it.
pub(crate) struct FileLink {
    task: mpsc::UnboundedSender<ToFiles>,
    peer: PeerId,
    link: u64,
    /// Messages that the task has not looked at.
    waiting: Arc<AtomicUsize>,
    pacing: Arc<Pacing>,
}

impl FileLink {
    /// A message came on the channel; never waits. What comes beyond all that was asked for is dropped.
    pub(crate) fn received(&self, message: Bytes) {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= MAX_WAITING {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            debug!("more than was asked for on the files channel");
            return;
        }
        let _ = self.task.send(ToFiles::Received { peer: self.peer, link: self.link, message });
    }
}

impl Drop for FileLink {
    fn drop(&mut self) {
        self.pacing.forget(self.peer);
        let _ = self.task.send(ToFiles::Closed { peer: self.peer, link: self.link });
    }
}

/// The running task, and what it tells.
pub(crate) struct FilesOwner {
    handle: FilesHandle,
    cancel: CancellationToken,
    task: JoinHandle<()>,
    updates: mpsc::Receiver<FilesUpdate>,
}

impl Drop for FilesOwner {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl FilesOwner {
    pub(crate) fn start(config: FilesConfig) -> Self {
        let (task, inbox) = mpsc::unbounded_channel();
        let (updates_in, updates) = mpsc::channel(UPDATES);
        let pacing = Arc::new(Pacing::new());
        let handle = FilesHandle { task: task.clone(), links: Arc::default(), pacing: Arc::clone(&pacing) };
        let cancel = CancellationToken::new();
        let run = FilesTask::new(config, task, updates_in, pacing).run(inbox, cancel.clone());
        let task = tokio::spawn(run.instrument(info_span!("files")));
        Self { handle, cancel, task, updates }
    }

    pub(crate) fn handle(&self) -> &FilesHandle {
        &self.handle
    }

    /// What it tells next; cancel-safe.
    pub(crate) async fn next(&mut self) -> FilesUpdate {
        match self.updates.recv().await {
            Some(update) => update,
            // It panicked, or was stopped.
            None => std::future::pending().await,
        }
    }

    /// Ends it, and returns when what was being written is written.
    pub(crate) async fn stop(&mut self) {
        self.cancel.cancel();
        // Whoever waits to be heard ends too.
        self.updates.close();
        if (&mut self.task).await.is_err() {
            warn!("the files' task panicked");
        }
    }
}

/// Why something cannot be offered.
fn list_refused(error: ListError) -> CommandError {
    let said = Sentence::new(error.code(), error.to_string());
    match error {
        ListError::TooMany => said.with("most", MAX_FILES as usize),
        ListError::TooDeep => said.with("most", MAX_FILE_DEPTH),
        _ => said,
    }
    .into()
}
