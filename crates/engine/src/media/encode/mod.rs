//! The encoder thread: latest camera frame → what the room's allocator plans → scale and encode once per layer → each
//! connection gets the pictures of its own layer.

mod layers;
mod rate;
mod worker;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use tincan_call::{LimitedBy, PathEstimate, Want};
use tincan_media::video::{Resolution, VideoFrame};
use tincan_protocol::PeerId;
use tokio::sync::watch;
use tracing::warn;

use self::worker::Worker;
use super::PeerSink;

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

/// What waits for the thread. A mutex and not a queue: the latest frame replaces the one that waits, so that a slow
/// encoder is never behind; nothing is done under the lock but moving two pointers.
#[derive(Default)]
struct Pending {
    frame: Option<Arc<VideoFrame>>,
    /// Pictures that were replaced by it.
    replaced: u32,
    commands: VecDeque<EncoderCommand>,
    stop: bool,
}

#[derive(Default)]
struct Slot {
    pending: Mutex<Pending>,
    wake: Condvar,
}

impl Slot {
    fn change(&self, change: impl FnOnce(&mut Pending)) {
        // A poisoned lock only says that the other side panicked between two moves; the slot is still whole.
        change(&mut self.pending.lock().unwrap_or_else(PoisonError::into_inner));
        self.wake.notify_one();
    }

    fn wait(&self) -> Pending {
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let mut pending = self
            .wake
            .wait_while(pending, |p| p.frame.is_none() && p.commands.is_empty() && !p.stop)
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *pending)
    }
}

/// Talks to the encoder thread; the camera's end of it never waits.
#[derive(Clone)]
pub(crate) struct EncoderHandle {
    slot: Arc<Slot>,
    statistics: watch::Receiver<EncoderStatistics>,
}

impl EncoderHandle {
    pub(crate) fn frame(&self, frame: &Arc<VideoFrame>) {
        self.slot.change(|pending| {
            pending.replaced += u32::from(pending.frame.replace(Arc::clone(frame)).is_some());
        });
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
        let slot = Arc::<Slot>::default();
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

#[cfg(test)]
mod tests {
    use tincan_media::MediaTime;

    use super::*;

    #[test]
    fn the_latest_picture_replaces_the_one_that_waits() {
        let slot = Slot::default();
        for n in 0..3 {
            let frame = VideoFrame::black(MediaTime::from_micros(n), Resolution::new(16, 16));
            slot.change(|pending| pending.frame = Some(Arc::new(frame)));
        }
        assert_eq!(slot.wait().frame.unwrap().time(), MediaTime::from_micros(2));
    }
}
