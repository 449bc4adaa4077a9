//! The camera's thread: watches the reader, tells what happens, tries again.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tincan_media::{DeviceError, MediaClock, VideoSink};

use super::native::NativeCameras;
use super::reader::{CameraSystem, FromReader, Gate, Reader, Told};
use super::{CameraEvent, CaptureRequest, film, synthetic};
use crate::CameraSelector;

/// What is told about a camera.
pub(super) type OnEvent = Box<dyn Fn(CameraEvent) + Send + Sync>;

/// How long things are waited for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    /// Without a picture for so long, a camera stands still. Some take a second to begin in the dark.
    pub(super) stall: Duration,
    /// Opening takes longer: a laptop's camera up to three seconds, and somebody may be asked for leave first.
    pub(super) open: Duration,
    /// A camera that is gone is looked for this often.
    pub(super) retry: Duration,
    /// A reader that is stuck in the driver is waited for so long when the camera is switched off.
    pub(super) release: Duration,
}

impl Timing {
    const NORMAL: Self = Self {
        stall: Duration::from_secs(2),
        open: Duration::from_secs(10),
        retry: Duration::from_millis(1_500),
        release: Duration::from_secs(2),
    };
}

/// A camera that is open, being opened, or being looked for.
pub struct CameraThread {
    tell: Sender<Told>,
    gate: Arc<Gate>,
    thread: Option<JoinHandle<()>>,
}

impl CameraThread {
    /// Opens the camera in the background and returns at once. Pictures go to `sink`, in `clock`'s time; what happens
    /// goes to `on_event`. Both are called on the camera's threads and only store or forward.
    pub fn open(
        selector: &CameraSelector,
        request: CaptureRequest,
        clock: MediaClock,
        sink: Arc<dyn VideoSink>,
        on_event: Box<dyn Fn(CameraEvent) + Send + Sync>,
    ) -> Self {
        Self::start(selector, request, clock, sink, on_event, Arc::new(NativeCameras), Timing::NORMAL)
    }

    pub(super) fn start(
        selector: &CameraSelector,
        request: CaptureRequest,
        clock: MediaClock,
        sink: Arc<dyn VideoSink>,
        on_event: OnEvent,
        system: Arc<dyn CameraSystem>,
        timing: Timing,
    ) -> Self {
        let (tell, told) = channel();
        let gate = Arc::new(Gate::new(sink));
        let watch = Watch {
            reader: 0,
            selector: selector.clone(),
            request,
            clock,
            gate: Arc::clone(&gate),
            on_event,
            system,
            timing,
            tell: tell.clone(),
            told,
            failed: None,
            troubled: false,
        };
        let thread = spawn("camera", move || watch.run());
        Self { tell, gate, thread }
    }

    /// Switches the camera off. When it returns, no picture comes any more and the device is released. A driver that
    /// hangs is waited for two seconds; it then releases the device when it returns.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.gate.shut();
        let _ = self.tell.send(Told::Stop);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the camera's thread panicked");
        }
    }
}

impl Drop for CameraThread {
    fn drop(&mut self) {
        self.end();
    }
}

/// A thread with a name; `None` when the system gives none (then there is simply no camera, or no screen).
pub(crate) fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Option<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name.into())
        .spawn(run)
        .inspect_err(|error| tracing::error!(%error, name, "no thread for a capture"))
        .ok()
}

/// The state of the watching thread.
struct Watch {
    reader: u64,
    selector: CameraSelector,
    request: CaptureRequest,
    clock: MediaClock,
    gate: Arc<Gate>,
    on_event: OnEvent,
    system: Arc<dyn CameraSystem>,
    timing: Timing,
    tell: Sender<Told>,
    told: Receiver<Told>,
    /// The last failure that was told: the same one is not told at every try.
    failed: Option<DeviceError>,
    /// A failure or a stall was told that is not over.
    troubled: bool,
}

/// Why a reader is no longer listened to.
enum End {
    Stopped,
    Failed(DeviceError),
}

impl Watch {
    fn run(mut self) {
        match &self.selector {
            CameraSelector::None => {}
            CameraSelector::TestPattern => {
                synthetic::test_pattern(self.request, self.clock, &self.gate, &self.on_event, &self.told);
            }
            CameraSelector::Portrait(seed) => {
                synthetic::portrait(*seed, self.request, self.clock, &self.gate, &self.on_event, &self.told);
            }
            CameraSelector::File(path) => {
                if let Err(error) = film::play(path, self.clock, &self.gate, &self.on_event, &self.told) {
                    (self.on_event)(CameraEvent::Failed(error));
                }
            }
            CameraSelector::Default | CameraSelector::Device(_) => self.cameras(),
        }
    }

    fn cameras(&mut self) {
        loop {
            match self.one_camera() {
                End::Stopped => return,
                End::Failed(error) => {
                    if self.failed.as_ref() != Some(&error) {
                        tracing::warn!(code = error.code(), "camera failed");
                        (self.on_event)(CameraEvent::Failed(error.clone()));
                        self.failed = Some(error);
                    }
                    self.troubled = true;
                }
            }
            let until = Instant::now() + self.timing.retry;
            while let Some(left) = until.checked_duration_since(Instant::now()) {
                match self.told.recv_timeout(left) {
                    Ok(Told::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                    // An older reader that was given up.
                    Ok(Told::Reader(..)) | Err(RecvTimeoutError::Timeout) => {}
                }
            }
        }
    }

    /// From opening a camera until it ends or is stopped.
    fn one_camera(&mut self) -> End {
        self.reader += 1;
        let number = self.reader;
        let reader = Reader {
            number,
            system: Arc::clone(&self.system),
            selector: self.selector.clone(),
            request: self.request,
            clock: self.clock,
            gate: Arc::clone(&self.gate),
            tell: self.tell.clone(),
        };
        let Some(thread) = spawn("camera-reader", move || reader.run()) else {
            let (device, detail) = ("The camera".into(), "no thread".into());
            return End::Failed(DeviceError::System { device, detail });
        };
        let mut opened: Option<(String, f32)> = None;
        let mut started = false;
        let mut stalled = false;
        let mut patience = self.timing.open;
        loop {
            match self.told.recv_timeout(patience) {
                Ok(Told::Stop) | Err(RecvTimeoutError::Disconnected) => {
                    self.release(number, thread);
                    return End::Stopped;
                }
                Ok(Told::Reader(from, _)) if from != number => {}
                Ok(Told::Reader(_, FromReader::Opened { name, frames_per_second })) => {
                    opened = Some((name, frames_per_second));
                    patience = self.timing.stall;
                }
                Ok(Told::Reader(_, FromReader::Picture(resolution))) => {
                    if !started && let Some((name, frames_per_second)) = opened.clone() {
                        started = true;
                        (self.on_event)(CameraEvent::Started { name, resolution, frames_per_second });
                    }
                    stalled = false;
                    patience = self.timing.stall;
                    self.failed = None;
                    if std::mem::take(&mut self.troubled) {
                        (self.on_event)(CameraEvent::Recovered);
                    }
                }
                Ok(Told::Reader(_, FromReader::Ended(error))) => {
                    // It has told its last word; nothing is left in it that could block.
                    let _ = thread.join();
                    return match error {
                        Some(error) => End::Failed(error),
                        None => End::Stopped,
                    };
                }
                Err(RecvTimeoutError::Timeout) => {
                    if !stalled {
                        stalled = true;
                        self.troubled = true;
                        tracing::warn!("camera delivers nothing");
                        (self.on_event)(CameraEvent::Stalled);
                    }
                }
            }
        }
    }

    /// Waits until the reader has released the device, but not for ever.
    fn release(&self, number: u64, thread: JoinHandle<()>) {
        let until = Instant::now() + self.timing.release;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            match self.told.recv_timeout(left) {
                Ok(Told::Reader(from, FromReader::Ended(_))) if from == number => {
                    let _ = thread.join();
                    return;
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
        // It ends, and releases the device, as soon as the driver gives it back; the gate lets nothing through.
        tracing::warn!("the camera's driver hangs; the device is released when it returns");
    }
}
