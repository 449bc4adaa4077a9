//! Our camera: off, or a task that holds it from opening to release.
//!
//! A driver may take seconds to open and to close a camera. So the task waits for it, and nobody waits for the task: a
//! camera that is switched off lets no picture through from that moment on, whenever its driver lets go of it.

use std::sync::{Arc, PoisonError, RwLock};

use tincan_devices::CameraSelector;
use tincan_devices::video::{CameraEvent, CaptureRequest};
use tincan_media::video::{Resolution, VideoFrame};
use tincan_media::{DeviceError, MediaClock, VideoSink};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::warn;

use super::{LocalChange, lost};
use crate::FrameOutput;
use crate::api::{Sentence, SourceView};
use crate::devices::DeviceSystem;
use crate::media::{EncoderHandle, MediaEvent};

/// What a call asks of a camera.
const REQUEST: CaptureRequest = CaptureRequest { resolution: Resolution::HD, frames_per_second: 30 };
/// The self-view's stream.
const SELF_VIEW: u32 = 0;

/// Which camera, and whether and how it runs.
pub(super) struct Camera {
    devices: Arc<dyn DeviceSystem>,
    clock: MediaClock,
    output: Arc<dyn FrameOutput>,
    encoder: EncoderHandle,
    events: mpsc::Sender<MediaEvent>,
    view: SourceView,
    chosen: String,
    /// How many times a camera was switched on: an earlier one's events are not this one's.
    round: u32,
    running: Option<Running>,
    /// Cameras that were switched off and perhaps not released yet.
    releasing: Vec<Releasing>,
    tasks: Vec<JoinHandle<()>>,
}

/// A camera that is switched on. Dropping it switches it off.
struct Running {
    shutter: Arc<Shutter>,
    selector: CameraSelector,
    released: CancellationToken,
    _wanted: DropGuard,
}

/// A camera that is being released, for whoever wants to open it again.
pub(crate) struct Releasing {
    selector: CameraSelector,
    released: CancellationToken,
}

impl Releasing {
    /// Whether both may be the same device, which cannot be opened twice.
    fn may_be(&self, other: &CameraSelector) -> bool {
        use CameraSelector::{Default, Device};
        match (&self.selector, other) {
            (Default, Default | Device(_)) | (Device(_), Default) => true,
            (Device(one), Device(two)) => one == two,
            _ => false,
        }
    }
}

/// Lets pictures through to the self-view and to the encoder until it is shut, for good.
struct Shutter {
    /// A lock and not a flag: when [`Shutter::shut`] returns, no picture is on its way any more. What is done under it
    /// is storing pointers.
    open: RwLock<bool>,
    output: Arc<dyn FrameOutput>,
    encoder: EncoderHandle,
}

impl Shutter {
    fn shut(&self) {
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = false;
        self.output.ended(SELF_VIEW);
    }
}

impl VideoSink for Shutter {
    fn frame(&self, frame: &Arc<VideoFrame>) {
        if *self.open.read().unwrap_or_else(PoisonError::into_inner) {
            self.output.frame(SELF_VIEW, frame);
            self.encoder.frame(frame);
        }
    }
}

impl Camera {
    /// Switched off. `releasing` are cameras that were held before and are perhaps not released yet.
    pub(super) fn new(
        devices: Arc<dyn DeviceSystem>,
        clock: MediaClock,
        output: Arc<dyn FrameOutput>,
        encoder: EncoderHandle,
        events: mpsc::Sender<MediaEvent>,
        chosen: String,
        releasing: Vec<Releasing>,
    ) -> Self {
        let mut camera = Self {
            devices,
            clock,
            output,
            encoder,
            events,
            view: SourceView::default(),
            chosen,
            round: 0,
            running: None,
            releasing,
            tasks: Vec::new(),
        };
        camera.view.chosen = camera.chosen != "none";
        camera
    }

    pub(super) fn view(&self) -> &SourceView {
        &self.view
    }

    pub(super) fn chosen(&self) -> &str {
        &self.chosen
    }

    /// Takes another camera; at once when the camera is on.
    pub(super) fn select(&mut self, id: &str) {
        id.clone_into(&mut self.chosen);
        self.switch(self.view.on);
    }

    /// Switches it off (its light goes out as soon as its driver lets go of it), or on (anew).
    pub(super) fn switch(&mut self, on: bool) {
        self.stop();
        self.view = SourceView { chosen: self.chosen != "none", on, ..SourceView::default() };
        if !on {
            return;
        }
        match self.chosen.parse() {
            Ok(CameraSelector::None) => {}
            Ok(selector) => self.start(selector),
            Err(error) => self.view.problem = Some(Sentence::new("bad_device", error.to_string())),
        }
    }

    fn start(&mut self, selector: CameraSelector) {
        self.round += 1;
        let round = self.round;
        let shutter = Arc::new(Shutter {
            open: RwLock::new(true),
            output: Arc::clone(&self.output),
            encoder: self.encoder.clone(),
        });
        let (wanted, released) = (CancellationToken::new(), CancellationToken::new());
        let conflicts: Vec<CancellationToken> = self
            .releasing
            .iter()
            .filter(|releasing| releasing.may_be(&selector))
            .map(|releasing| releasing.released.clone())
            .collect();
        let events = self.events.clone();
        let (devices, clock) = (Arc::clone(&self.devices), self.clock);
        let (sink, camera) = (Arc::clone(&shutter), selector.clone());
        let open = move || {
            let on_event = Box::new(move |event| {
                // A full queue means that nobody looks; the state comes again with the next event.
                let _ = events.try_send(MediaEvent::Camera { round, event });
            });
            devices.open_camera(&camera, REQUEST, clock, sink, on_event)
        };
        let held = hold(open, conflicts, wanted.clone(), released.clone().drop_guard());
        self.tasks.retain(|task| !task.is_finished());
        self.tasks.push(tokio::spawn(held));
        self.running = Some(Running { shutter, selector, released, _wanted: wanted.drop_guard() });
    }

    fn stop(&mut self) {
        let Some(Running { shutter, selector, released, _wanted }) = self.running.take() else { return };
        shutter.shut();
        self.releasing.retain(|releasing| !releasing.released.is_cancelled());
        self.releasing.push(Releasing { selector, released });
    }

    /// What a camera's event changes; `None`: nothing.
    pub(super) fn happened(&mut self, round: u32, event: CameraEvent) -> Option<LocalChange> {
        if round != self.round || self.running.is_none() {
            return None;
        }
        let view = &mut self.view;
        match event {
            CameraEvent::Started { name, .. } => {
                view.working = true;
                view.device = Some(name);
                view.problem = None;
                Some(LocalChange::View)
            }
            CameraEvent::Recovered => {
                view.working = true;
                view.problem = None;
                Some(LocalChange::View)
            }
            CameraEvent::Stalled => {
                view.working = false;
                let device = view.device.clone().unwrap_or_else(|| "The camera".into());
                view.problem = Some((&DeviceError::Stalled { device }).into());
                self.output.ended(SELF_VIEW);
                Some(LocalChange::View)
            }
            CameraEvent::Failed(error) => {
                let was_working = std::mem::replace(&mut view.working, false);
                view.problem = Some((&error).into());
                self.output.ended(SELF_VIEW);
                // A camera that never worked is shown where it is missed; one that vanishes is told.
                Some(if was_working { LocalChange::Notice(lost(&error)) } else { LocalChange::View })
            }
        }
    }

    /// Switches it off for good. Gives what ends when every camera is released, and the cameras that may not be yet.
    pub(super) fn close(mut self) -> (impl Future<Output = ()> + Send + use<>, Vec<Releasing>) {
        self.stop();
        self.output.ended(SELF_VIEW);
        let tasks = std::mem::take(&mut self.tasks);
        let released = async move {
            for task in tasks {
                if task.await.is_err() {
                    warn!("a camera's task panicked");
                }
            }
        };
        (released, std::mem::take(&mut self.releasing))
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Holds a camera: waits until the one before is released, opens it, and releases it when it is not wanted any more.
async fn hold(
    open: impl FnOnce() -> Box<dyn Send> + Send + 'static,
    conflicts: Vec<CancellationToken>,
    wanted: CancellationToken,
    released: DropGuard,
) {
    for conflict in conflicts {
        tokio::select! {
            () = conflict.cancelled() => {}
            () = wanted.cancelled() => return,
        }
    }
    if wanted.is_cancelled() {
        return;
    }
    let opened = spawn_blocking(open).await;
    wanted.cancelled().await;
    if let Ok(camera) = opened
        && spawn_blocking(move || drop(camera)).await.is_err()
    {
        warn!("a camera's driver panicked");
    }
    drop(released);
}
