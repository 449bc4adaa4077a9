//! The encoder thread: latest camera frame → what the room's allocator plans → scale and encode once per layer → each
//! connection gets the pictures of its own layer.

mod layers;
mod rate;
mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tincan_call::{LimitedBy, PathEstimate, Want};
use tincan_media::video::{Resolution, VideoFrame};
use tincan_protocol::PeerId;
use tokio::sync::watch;
use tracing::warn;

use self::worker::Worker;
use super::PeerSink;
use super::slot::Slot;

/// What the encoder thread is told.
pub(crate) enum EncoderCommand {
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
    /// A screen is shared too, or is not any more.
    Screen(bool),
}

/// What is sent now.
#[derive(Debug, Clone, Default)]
pub(crate) struct EncoderStatistics {
    pub(crate) participants: BTreeMap<PeerId, SentPictures>,
    /// Pictures that the camera gave since the thread began, and those of them that the next one replaced before the
    /// encoder came to them.
    pub(crate) fed: u64,
    pub(crate) overrun: u64,
    /// How long a picture took to be encoded lately, in all sizes together; `None` while none is.
    pub(crate) encoding: Option<Duration>,
}

/// What one participant is sent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SentPictures {
    /// `None` while pictures are paused.
    pub(crate) resolution: Option<Resolution>,
    pub(crate) frames_per_second: f32,
    /// What keeps the picture from being larger.
    pub(crate) limited_by: LimitedBy,
}

/// Talks to the encoder thread; the camera's end of it never waits.
#[derive(Clone)]
pub(crate) struct EncoderHandle {
    slot: Arc<Slot<EncoderCommand>>,
    statistics: watch::Receiver<EncoderStatistics>,
}

impl EncoderHandle {
    pub(crate) fn frame(&self, frame: &Arc<VideoFrame>) {
        self.slot.frame(frame);
    }

    pub(crate) fn send(&self, command: EncoderCommand) {
        self.slot.change(|pending| pending.commands.push_back(command));
    }

    pub(crate) fn statistics(&self) -> EncoderStatistics {
        self.statistics.borrow().clone()
    }
}

/// The running thread; dropping it ends and joins it.
pub(crate) struct EncoderThread {
    handle: EncoderHandle,
    thread: Option<JoinHandle<()>>,
}

impl EncoderThread {
    pub(crate) fn start() -> Self {
        let slot = Arc::<Slot<_>>::default();
        let (publish, statistics) = watch::channel(EncoderStatistics::default());
        let inbox = Arc::clone(&slot);
        let thread = std::thread::Builder::new()
            .name("tincan-encoder".into())
            .spawn(move || Worker::new(publish).run(&inbox))
            .expect("the system can start a thread");
        Self { handle: EncoderHandle { slot, statistics }, thread: Some(thread) }
    }

    pub(crate) fn handle(&self) -> &EncoderHandle {
        &self.handle
    }
}

impl Drop for EncoderThread {
    fn drop(&mut self) {
        self.handle.slot.change(|pending| pending.stop = true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            warn!("the encoder thread panicked");
        }
    }
}
