//! The pipelines: threads that move sound and pictures between devices, codecs and connections.
//!
//! Who owns what: the audio thread owns the microphone's and the speaker's ends, the processor and every jitter buffer;
//! the encoder thread owns the room's allocator and an encoder for each layer in use; the screen's encoder thread does so for
//! what is shared; each participant's receive thread owns that participant's assembler,
//! decoder and playout clock; the camera's thread belongs to `tincan-devices`. They talk only by the commands below.

mod audio;
mod closer;
mod encode;
mod local;
mod receive;
mod screen;
mod slot;

use std::time::{Duration, Instant};

use tincan_media::{DeviceError, SharedSoundError};
use tincan_peer::{SharedAudio, SharedVideo};

pub(crate) use audio::{AudioCommand, AudioHandle, AudioThread};
pub(crate) use encode::{EncoderCommand, EncoderHandle, EncoderStatistics, EncoderThread, SentPictures};
pub(crate) use local::{LocalChange, LocalMedia, Releasing, Sending};
pub(crate) use receive::{ReceiveStatistics, VideoCommand, VideoHandle, VideoReceiver, VideoTarget};
pub(crate) use screen::{ScreenCommand, ScreenHandle, ScreenThread};

use crate::api::Levels;

/// Where encoded media goes: one connection. Called on media threads; never waits.
pub(crate) trait PeerSink: Send + Sync {
    fn audio(&self, packet: &SharedAudio);
    /// The sound of what is shared.
    fn shared_sound(&self, packet: &SharedAudio);
    fn video(&self, unit: &SharedVideo);
    fn screen(&self, unit: &SharedVideo);
    /// How long what was sent of the screen takes to leave.
    fn screen_waits(&self) -> Duration;
    /// So many connections share our uplink.
    fn paths(&self, count: usize);
}

/// What the pipelines tell the engine.
pub(crate) enum MediaEvent {
    Levels(Levels),
    MicrophoneLost(DeviceError),
    SpeakerLost(DeviceError),
    /// What is shared has no sound any more.
    SharedSoundLost(SharedSoundError),
    Hint(Hint),
    /// Of the camera that was switched on as the `round`th.
    Camera {
        round: u32,
        event: tincan_devices::video::CameraEvent,
    },
    /// Of what was shared as the `round`th.
    Screen {
        round: u32,
        event: tincan_devices::screen::ScreenEvent,
    },
}

/// What a person may want to know while it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hint {
    SpeakingWhileMuted,
    MicrophoneSilent,
}

/// Which of a participant's sound leaves the speaker when: the RTP time `rtp` at the instant `at`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AudioPlayout {
    pub(crate) rtp: u32,
    pub(crate) at: Instant,
    /// How long it was held in its jitter buffer.
    pub(crate) held: Duration,
}
