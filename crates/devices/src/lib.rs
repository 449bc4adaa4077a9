//! Cameras (V4L2, nokhwa), microphones and speakers (cpal), screens and windows (X11), and synthetic sources and files in
//! place of all of them.
//!
//! **Invariant:** the only crate that talks to cameras, sound devices and screens; knows nothing of calls, peers or the network.

pub mod audio;
mod priority;
pub mod screen;
mod selector;
pub mod video;

pub use priority::{RaisedPriority, lower_thread_priority, raise_thread_priority};
pub use selector::{
    CameraSelector, DeviceInfo, DeviceKind, MicrophoneSelector, ParseSelectorError, SharedSoundSelector,
    SpeakerSelector,
};
