//! Pictures: I420, full range of sizes, one timeline with the sound.
//!
//! What lies between a camera and a screen, in the order of the walk: [`scale`] makes the sizes that are encoded,
//! [`packetize()`] cuts it into RTP payloads, [`assembly`] puts those together again, and [`playout`] says when each
//! picture is shown. [`stamp`] and [`pattern`] make pictures that prove the whole way, [`text_screen`] a screen
//! that is worth reading, and [`Portrait`] somebody who is worth looking at.

pub mod assembly;
mod frame;
mod freeze;
pub mod nal;
mod packetize;
pub mod pattern;
pub mod playout;
mod playout_queue;
mod portrait;
pub mod scale;
pub mod stamp;
pub mod text_screen;

pub use assembly::{AssembledFrame, AssemblyEvent, AssemblyStatistics, FrameAssembler};
pub use frame::{EncodedVideo, FrameSizeError, Resolution, VideoFrame};
pub use freeze::FreezeDetector;
pub use packetize::{opens_keyframe, packetize};
pub use pattern::TestPattern;
pub use playout::PlayoutClock;
pub use playout_queue::PlayoutQueue;
pub use portrait::Portrait;
pub use scale::{Fit, Pixels, Rect, Scaler, letterbox};
pub use stamp::Stamp;
pub use text_screen::TextScreen;
