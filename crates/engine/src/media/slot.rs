//! What waits for a thread that encodes: commands in their order, and the latest picture.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use tincan_media::video::VideoFrame;

/// A mutex and not a queue: the latest picture replaces the one that waits, so that a slow encoder is never behind; nothing is
/// done under the lock but moving two pointers.
pub(super) struct Pending<C> {
    pub(super) frame: Option<Arc<VideoFrame>>,
    /// Pictures that were replaced by it.
    pub(super) replaced: u32,
    pub(super) commands: VecDeque<C>,
    pub(super) stop: bool,
}

impl<C> Default for Pending<C> {
    fn default() -> Self {
        Self { frame: None, replaced: 0, commands: VecDeque::new(), stop: false }
    }
}

impl<C> Pending<C> {
    fn is_nothing(&self) -> bool {
        self.frame.is_none() && self.commands.is_empty() && !self.stop
    }
}

/// Both sides share one.
pub(super) struct Slot<C> {
    pending: Mutex<Pending<C>>,
    wake: Condvar,
}

impl<C> Default for Slot<C> {
    fn default() -> Self {
        Self { pending: Mutex::default(), wake: Condvar::new() }
    }
}

impl<C> Slot<C> {
    pub(super) fn change(&self, change: impl FnOnce(&mut Pending<C>)) {
        // A poisoned lock only says that the other side panicked between two moves; the slot is still whole.
        change(&mut self.pending.lock().unwrap_or_else(PoisonError::into_inner));
        self.wake.notify_one();
    }

    /// There is another picture.
    pub(super) fn frame(&self, frame: &Arc<VideoFrame>) {
        self.change(|pending| {
            pending.replaced += u32::from(pending.frame.replace(Arc::clone(frame)).is_some());
        });
    }

    /// Until something comes, or until this time.
    pub(super) fn wait(&self, until: Option<Instant>) -> Pending<C> {
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let nothing = |pending: &mut Pending<C>| pending.is_nothing();
        let mut pending = match until {
            None => self.wake.wait_while(pending, nothing).unwrap_or_else(PoisonError::into_inner),
            Some(until) => {
                let left = until.saturating_duration_since(Instant::now());
                self.wake.wait_timeout_while(pending, left, nothing).unwrap_or_else(PoisonError::into_inner).0
            }
        };
        std::mem::take(&mut *pending)
    }
}

#[cfg(test)]
mod tests {
    use tincan_media::MediaTime;
    use tincan_media::video::Resolution;

    use super::*;

    #[test]
    fn the_latest_picture_replaces_the_one_that_waits() {
        let slot = Slot::<()>::default();
        for n in 0..3 {
            let frame = VideoFrame::black(MediaTime::from_micros(n), Resolution::new(16, 16));
            slot.frame(&Arc::new(frame));
        }
        assert_eq!(slot.wait(None).frame.unwrap().time(), MediaTime::from_micros(2));
    }
}
