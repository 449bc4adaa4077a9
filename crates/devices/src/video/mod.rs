//! Cameras, and what stands in for one: the test pattern, a drawn person, and films in YUV4MPEG2.
//!
//! A [`CameraThread`] owns a camera from opening to release. The device is read on a thread of its own, because reads
//! block for as long as a camera pleases; a second one watches it, tells what happens, and tries again when the camera
//! is gone. After [`CameraThread::stop`] no picture leaves it any more.

#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only Linux says what the colours are"))]
mod colour;
mod convert;
mod film;
mod format;
pub mod jpeg;
mod native;
#[cfg(not(target_os = "linux"))]
mod nokhwa;
mod pace;
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "the other systems have few of them"))]
mod pixel_format;
mod reader;
mod synthetic;
mod thread;
#[cfg(test)]
mod thread_tests;
#[cfg(target_os = "linux")]
mod v4l2;
pub mod y4m;

use tincan_media::DeviceError;
use tincan_media::video::Resolution;

pub(crate) use film::play as play_film;
pub use native::list_cameras;
pub(crate) use pace::Pace;
pub(crate) use reader::{Gate, Told};
pub use thread::CameraThread;
pub(crate) use thread::spawn;

/// What a camera is asked for; it delivers what comes nearest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaptureRequest {
    /// Size of the pictures.
    pub resolution: Resolution,
    /// Pictures a second.
    pub frames_per_second: u32,
}

impl Default for CaptureRequest {
    /// 720p at 30 pictures a second.
    fn default() -> Self {
        Self { resolution: Resolution::HD, frames_per_second: 30 }
    }
}

/// What happens to a camera.
#[derive(Debug, Clone, PartialEq)]
pub enum CameraEvent {
    /// It delivers; comes with its first picture, and again when it was reopened.
    Started {
        /// The name that the person knows it by.
        name: String,
        /// Size of its pictures.
        resolution: Resolution,
        /// Pictures a second that it promised.
        frames_per_second: f32,
    },
    /// It cannot be opened, or went away. It is tried again until [`CameraThread::stop`] (a film is not).
    Failed(DeviceError),
    /// It is open but delivers nothing for two seconds.
    Stalled,
    /// It delivers again after [`Self::Failed`] or [`Self::Stalled`].
    Recovered,
}
