//! Closes sound devices, on a thread of its own: a driver may take seconds for it, and while the sound thread waited
//! nobody would be heard.

use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use tracing::warn;

/// Hands devices over, whose dropping closes them. The thread ends with the last of these.
#[derive(Clone)]
pub(super) struct Closer {
    devices: Sender<Box<dyn Send>>,
}

impl Closer {
    /// Starts the thread; whoever joins it waits for what is being closed.
    pub(super) fn start() -> (Self, JoinHandle<()>) {
        let (devices, closing) = channel();
        let thread = std::thread::Builder::new()
            .name("tincan-close".into())
            .spawn(move || closing.into_iter().for_each(drop))
            .expect("the system can start a thread");
        (Self { devices }, thread)
    }

    /// Closes a microphone or a speaker that is not used any more, if there is one. Never waits.
    pub(super) fn close(&self, device: Option<impl Send + 'static>) {
        if let Some(device) = device
            && self.devices.send(Box::new(device)).is_err()
        {
            warn!("a sound device was closed on the sound thread");
        }
    }
}
