//! The screen's encoder thread: what is shared → the room's rates for it → encode, at most twice → each connection gets the
//! pictures of its own pace.
//!
//! It is another thread than the camera's, because a page of 1080p takes its encoder 12 ms and a first one three times as
//! long, which no picture of a camera is to wait for.
//!
//! A picture is made when something changed and the path has room for it; so a path that is too narrow for all of them loses
//! pictures and no sharpness, and what is seen is never old. What was last is made again until nothing is left to refine.

mod effort;
mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use tincan_call::{PathEstimate, Want};
use tincan_media::VideoSink;
use tincan_media::video::VideoFrame;
use tincan_protocol::PeerId;
use tokio::sync::watch;
use tracing::warn;

use self::worker::Worker;
use super::slot::Slot;
use super::{PeerSink, SentPictures};

/// What the screen's encoder thread is told.
pub(crate) enum ScreenCommand {
    /// Somebody to whom there is a connection.
    AddParticipant { id: PeerId, sink: Arc<dyn PeerSink> },
    /// Nobody any more.
    RemoveParticipant(PeerId),
    /// What the way to one of them takes.
    Path { id: PeerId, path: PathEstimate },
    /// They show it at another size.
    Want { id: PeerId, want: Want },
    /// They cannot go on without a keyframe.
    Keyframe(PeerId),
    /// Whether the camera is sent beside it.
    Camera(bool),
    /// Something else is shared from now on, at so many pictures a second.
    Begin { frames_per_second: u32 },
    /// Nothing is shared any more.
    End,
}

/// Talks to the thread; whoever captures never waits for it.
#[derive(Clone)]
pub(crate) struct ScreenHandle {
    slot: Arc<Slot<ScreenCommand>>,
    statistics: watch::Receiver<BTreeMap<PeerId, SentPictures>>,
}

impl ScreenHandle {
    pub(crate) fn send(&self, command: ScreenCommand) {
        self.slot.change(|pending| {
            if matches!(command, ScreenCommand::Begin { .. } | ScreenCommand::End) {
                // A picture of what was shared before is not one of what is shared now.
                pending.frame = None;
            }
            pending.commands.push_back(command);
        });
    }

    /// What each participant is sent of the screen; empty while nothing is shared.
    pub(crate) fn statistics(&self) -> BTreeMap<PeerId, SentPictures> {
        self.statistics.borrow().clone()
    }
}

impl VideoSink for ScreenHandle {
    fn frame(&self, frame: &Arc<VideoFrame>) {
        self.slot.frame(frame);
    }
}

/// The running thread; dropping it ends and joins it.
pub(crate) struct ScreenThread {
    handle: ScreenHandle,
    thread: Option<JoinHandle<()>>,
}

impl ScreenThread {
    pub(crate) fn start() -> Self {
        let slot = Arc::<Slot<_>>::default();
        let (publish, statistics) = watch::channel(BTreeMap::new());
        let inbox = Arc::clone(&slot);
        let thread = std::thread::Builder::new()
            .name("tincan-screen".into())
            .spawn(move || run(&inbox, Worker::new(publish)))
            .expect("the system can start a thread");
        Self { handle: ScreenHandle { slot, statistics }, thread: Some(thread) }
    }

    pub(crate) const fn handle(&self) -> &ScreenHandle {
        &self.handle
    }
}

fn run(inbox: &Slot<ScreenCommand>, mut worker: Worker) {
    let mut until = None;
    loop {
        let pending = inbox.wait(until);
        if pending.stop {
            return;
        }
        for command in pending.commands {
            worker.handle(command, Instant::now());
        }
        if let Some(frame) = pending.frame {
            worker.frame(frame);
        }
        until = worker.step(Instant::now());
    }
}

impl Drop for ScreenThread {
    fn drop(&mut self) {
        self.handle.slot.change(|pending| pending.stop = true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            warn!("the screen's encoder thread panicked");
        }
    }
}
