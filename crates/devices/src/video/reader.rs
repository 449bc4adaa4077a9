//! Reading one camera until it ends, on a thread that may block.

use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tincan_media::video::{Resolution, VideoFrame};
use tincan_media::{DeviceError, MediaClock, VideoSink};

use super::CaptureRequest;
use super::convert::{PictureFormat, RawPicture, to_i420};
use crate::CameraSelector;

/// So many damaged pictures in a row are no accident.
const MAX_DAMAGED: usize = 30;

/// A camera as the system gives it. Lives on one thread, which its reads may block for any time.
pub(super) trait RawCamera {
    fn name(&self) -> &str;
    fn format(&self) -> PictureFormat;
    fn frames_per_second(&self) -> f32;
    /// The next picture. One without bytes is damaged by the driver's own word.
    fn read(&mut self) -> Result<RawPicture<'_>, DeviceError>;
}

/// Opens cameras. The system's own implementation is in `native`; tests have theirs.
pub(super) trait CameraSystem: Send + Sync + 'static {
    fn open(
        &self,
        selector: &CameraSelector,
        request: CaptureRequest,
    ) -> Result<Box<dyn RawCamera>, DeviceError>;
}

/// What the watching thread hears.
#[derive(Debug)]
pub(crate) enum Told {
    /// From the owner: end.
    Stop,
    /// From reader number `.0`.
    Reader(u64, FromReader),
}

#[derive(Debug)]
pub(crate) enum FromReader {
    Opened {
        name: String,
        frames_per_second: f32,
    },
    Picture(Resolution),
    /// The reader is done, and the device released.
    Ended(Option<DeviceError>),
}

/// The way to the sink, which can be shut for good: a thread that is still stuck in a read when the camera is switched
/// off must not let its picture out afterwards.
pub(crate) struct Gate {
    sink: Mutex<Option<Arc<dyn VideoSink>>>,
}

impl Gate {
    pub(crate) fn new(sink: Arc<dyn VideoSink>) -> Self {
        Self { sink: Mutex::new(Some(sink)) }
    }

    /// Lets a picture through; false once shut.
    pub(crate) fn pass(&self, frame: VideoFrame) -> bool {
        // The lock is held while the sink stores the picture, so that none is on its way when `shut` returns.
        let sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        match sink.as_ref() {
            Some(sink) => {
                sink.frame(&Arc::new(frame));
                true
            }
            None => false,
        }
    }

    pub(crate) fn shut(&self) {
        self.sink.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn is_shut(&self) -> bool {
        self.sink.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}

/// Everything that a reader needs.
pub(super) struct Reader {
    pub(super) number: u64,
    pub(super) system: Arc<dyn CameraSystem>,
    pub(super) selector: CameraSelector,
    pub(super) request: CaptureRequest,
    pub(super) clock: MediaClock,
    pub(super) gate: Arc<Gate>,
    pub(super) tell: Sender<Told>,
}

impl Reader {
    /// Opens the camera and reads until it ends or the gate shuts. Always tells `Ended` last, even when a driver's
    /// binding panics (`nokhwa` does when a camera vanishes at the wrong moment).
    pub(super) fn run(self) {
        let end = EndTold { number: self.number, tell: self.tell.clone(), error: None };
        self.read(end);
    }

    fn read(&self, mut end: EndTold) {
        if self.gate.is_shut() {
            return;
        }
        let mut camera = match self.system.open(&self.selector, self.request) {
            Ok(camera) => camera,
            Err(error) => {
                end.error = Some(error);
                return;
            }
        };
        let name = camera.name().to_owned();
        // What is told when the thread ends by a panic.
        end.error = Some(DeviceError::Lost { device: name.clone() });
        let frames_per_second = camera.frames_per_second();
        self.tell(FromReader::Opened { name: name.clone(), frames_per_second });
        let format = camera.format();
        let mut damaged = 0;
        end.error = loop {
            if self.gate.is_shut() {
                break None;
            }
            let picture = match camera.read() {
                Ok(picture) => to_i420(&format, &picture.buffers, self.clock.at(picture.captured)),
                Err(error) => break Some(error),
            };
            match picture {
                Ok(frame) => {
                    damaged = 0;
                    let size = frame.resolution();
                    if !self.gate.pass(frame) {
                        break None;
                    }
                    self.tell(FromReader::Picture(size));
                }
                Err(error) => {
                    tracing::debug!(%error, "picture skipped");
                    damaged += 1;
                    if damaged > MAX_DAMAGED {
                        tracing::warn!(%error, "the camera sends nothing but damaged pictures");
                        break Some(DeviceError::Damaged { device: name });
                    }
                    if damaged > 1 {
                        // A driver that gives nothing at once and for ever must not take a core.
                        std::thread::sleep(Duration::from_millis(5));
                    }
                }
            }
        };
        // The device goes before the word of it.
        drop(camera);
    }

    fn tell(&self, what: FromReader) {
        // Nobody listens any more once the owner has given up waiting.
        let _ = self.tell.send(Told::Reader(self.number, what));
    }
}

/// Tells the end of a reader when dropped, so that a panic tells it too.
struct EndTold {
    number: u64,
    tell: Sender<Told>,
    error: Option<DeviceError>,
}

impl Drop for EndTold {
    fn drop(&mut self) {
        let _ = self.tell.send(Told::Reader(self.number, FromReader::Ended(self.error.take())));
    }
}
