//! Cameras (V4L2, nokhwa), microphones and speakers (cpal), and synthetic sources and files in place of all of them.
//!
//! **Invariant:** the only crate that talks to cameras and sound devices; knows nothing of calls, peers or the network.

pub mod audio;
mod priority;
mod selector;
pub mod video;

pub use priority::{RaisedPriority, raise_thread_priority};
pub use selector::{
    CameraSelector, DeviceInfo, DeviceKind, MicrophoneSelector, ParseSelectorError, SpeakerSelector,
};
