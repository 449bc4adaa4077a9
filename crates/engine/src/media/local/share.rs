//! What we share of our screen: nothing, or a thread that captures it.

use std::sync::{Arc, PoisonError, RwLock};

use tincan_devices::screen::{ScreenEvent, ScreenRequest, ScreenSelector};
use tincan_media::video::VideoFrame;
use tincan_media::{MediaClock, VideoSink};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use tracing::warn;

use super::LocalChange;
use crate::FrameOutput;
use crate::api::{Notice, NoticeKind, ShareView};
use crate::devices::DeviceSystem;
use crate::media::{MediaEvent, ScreenCommand, ScreenHandle};

/// With *smooth motion*: what a film has.
const SMOOTH: u32 = 30;

/// See the module's description.
pub(super) struct Share {
    devices: Arc<dyn DeviceSystem>,
    clock: MediaClock,
    screen: ScreenHandle,
    output: Arc<dyn FrameOutput>,
    events: mpsc::Sender<MediaEvent>,
    /// How many times something was shared: an earlier one's events are not this one's.
    round: u32,
    running: Option<Running>,
    closing: Vec<JoinHandle<()>>,
}

struct Running {
    view: ShareView,
    shutter: Arc<Shutter>,
    capture: JoinHandle<Box<dyn Send>>,
}

/// Lets pictures through until it is shut, for good.
struct Shutter {
    /// A lock and not a flag: when [`Shutter::shut`] returns, no picture is on its way any more. What is done under it is
    /// storing a pointer.
    open: RwLock<bool>,
    screen: ScreenHandle,
    output: Arc<dyn FrameOutput>,
}

impl Shutter {
    fn shut(&self) {
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = false;
        self.output.shared(None);
    }
}

impl VideoSink for Shutter {
    fn frame(&self, frame: &Arc<VideoFrame>) {
        if *self.open.read().unwrap_or_else(PoisonError::into_inner) {
            self.screen.frame(frame);
            self.output.shared(Some(frame));
        }
    }
}

impl Share {
    pub(super) fn new(
        devices: Arc<dyn DeviceSystem>,
        clock: MediaClock,
        screen: ScreenHandle,
        output: Arc<dyn FrameOutput>,
        events: mpsc::Sender<MediaEvent>,
    ) -> Self {
        Self { devices, clock, screen, output, events, round: 0, running: None, closing: Vec::new() }
    }

    /// What is shared.
    pub(super) fn view(&self) -> Option<&ShareView> {
        self.running.as_ref().map(|running| &running.view)
    }

    /// Whether the others are to expect pictures of it: not while somebody is still choosing.
    pub(super) fn is_seen(&self) -> bool {
        self.view().is_some_and(|view| !view.choosing)
    }

    /// Shares this from now on, in place of what was shared before.
    pub(super) fn begin(&mut self, selector: ScreenSelector, smooth: bool) {
        self.stop();
        self.round += 1;
        let round = self.round;
        let request =
            if smooth { ScreenRequest { frames_per_second: SMOOTH } } else { ScreenRequest::default() };
        let shutter = Arc::new(Shutter {
            open: RwLock::new(true),
            screen: self.screen.clone(),
            output: Arc::clone(&self.output),
        });
        self.screen.send(ScreenCommand::Begin { frames_per_second: request.frames_per_second });
        let events = self.events.clone();
        let (devices, clock, sink) = (Arc::clone(&self.devices), self.clock, Arc::clone(&shutter));
        let view = ShareView {
            id: selector.to_string(),
            name: None,
            width: 0,
            height: 0,
            smooth,
            choosing: selector == ScreenSelector::Portal,
            hidden: false,
            sound: None,
        };
        let capture = spawn_blocking(move || {
            let on_event = Box::new(move |event| {
                // The end must not be lost: what nobody takes any more nobody waits for either.
                let _ = events.blocking_send(MediaEvent::Screen { round, event });
            });
            devices.open_screen(&selector, request, clock, sink, on_event)
        });
        self.running = Some(Running { view, shutter, capture });
    }

    /// Shares nothing any more. No picture leaves from now on; the system is told in its own time.
    pub(super) fn stop(&mut self) {
        let Some(Running { shutter, capture, .. }) = self.running.take() else { return };
        shutter.shut();
        self.screen.send(ScreenCommand::End);
        self.closing.retain(|task| !task.is_finished());
        self.closing.push(tokio::spawn(async move {
            if let Ok(capture) = capture.await
                && spawn_blocking(move || drop(capture)).await.is_err()
            {
                warn!("a shared screen's capture panicked");
            }
        }));
    }

    /// What an event changes; `None`: nothing.
    pub(super) fn happened(&mut self, round: u32, event: ScreenEvent) -> Option<LocalChange> {
        let running = self.running.as_mut().filter(|_| round == self.round)?;
        match event {
            ScreenEvent::Started { name, resolution } => {
                let view = &mut running.view;
                view.choosing = false;
                (view.name, view.width, view.height) = (Some(name), resolution.width, resolution.height);
                Some(LocalChange::View)
            }
            ScreenEvent::Hidden | ScreenEvent::Shown => {
                running.view.hidden = event == ScreenEvent::Hidden;
                Some(LocalChange::View)
            }
            ScreenEvent::Ended(error) => {
                self.stop();
                Some(LocalChange::Notice(Notice::new(NoticeKind::Error, (&error).into())))
            }
        }
    }

    /// Shares nothing for good. What it gives ends when nothing is captured any more.
    pub(super) fn close(mut self) -> impl Future<Output = ()> + Send + use<> {
        self.stop();
        let closing = std::mem::take(&mut self.closing);
        async move {
            for task in closing {
                if task.await.is_err() {
                    warn!("a shared screen's task panicked");
                }
            }
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.shutter.shut();
        }
    }
}
