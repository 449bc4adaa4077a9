//! The ports: where the world enters and leaves. Real devices, files and synthetic sources stand behind the same ones.

use std::sync::Arc;

use thiserror::Error;

use crate::audio::{AudioFrame, EncodedAudio, Frame, StereoFrame};
use crate::units::Bitrate;
use crate::video::{EncodedVideo, VideoFrame};

/// A microphone or one of its twins. The audio thread polls it; it never blocks.
pub trait AudioInput: Send {
    /// The next 10 ms that were captured, or `None` when less than that has arrived so far.
    ///
    /// # Errors
    /// [`DeviceError`] once the device is gone for good; the caller drops the input and opens another.
    fn read(&mut self) -> Result<Option<AudioFrame>, DeviceError>;
}

/// What this computer plays, or a twin of that: the sound of what is shared. The audio thread polls it; it never blocks.
pub trait SharedSound: Send {
    /// The next 10 ms, or `None` when less than that has arrived so far. While nothing plays nothing comes: the times of the
    /// frames around a pause say how long it was.
    ///
    /// # Errors
    /// [`SharedSoundError`] once it is gone for good; the caller drops it and opens it again.
    fn read(&mut self) -> Result<Option<StereoFrame>, SharedSoundError>;
}

/// A speaker or one of its twins. The audio thread keeps it fed; the device's own clock says how fast.
pub trait AudioOutput: Send {
    /// How many 10 ms frames the device wants now in order to hold its target latency.
    ///
    /// # Errors
    /// [`DeviceError`] once the device is gone for good.
    fn wanted(&mut self) -> Result<usize, DeviceError>;

    /// Plays `frame` after all that was written before it. A frame that is not wanted may be dropped.
    fn write(&mut self, frame: &StereoFrame);

    /// Time from `write` until the sound leaves the device: what waits in the ring and in the device's buffer.
    fn latency(&self) -> std::time::Duration;
}

/// Takes pictures as they are captured or decoded: the encoder's slot, the window, a recorder.
///
/// Called on the producer's thread. An implementation only stores or forwards: the latest frame wins.
pub trait VideoSink: Send + Sync {
    /// One picture.
    fn frame(&self, frame: &Arc<VideoFrame>);
}

/// Turns pictures into H.264 access units (Annex B). Lives on one thread.
pub trait VideoEncoder: Send {
    /// Encodes one picture; `None` when the rate control skipped it. A change of size gives a keyframe by itself.
    ///
    /// # Errors
    /// [`CodecError`] when the encoder refused the picture; it can be tried again with the next one.
    fn encode(&mut self, frame: &VideoFrame, keyframe: bool) -> Result<Option<EncodedVideo>, CodecError>;

    /// Follows a new target. `frames_per_second` must be what is really fed.
    ///
    /// # Errors
    /// [`CodecError`] when the encoder refused; the old target stays.
    fn set_target(&mut self, bitrate: Bitrate, frames_per_second: f32) -> Result<(), CodecError>;
}

/// Turns complete H.264 access units (Annex B) into pictures. Lives on one thread.
pub trait VideoDecoder: Send {
    /// Decodes one access unit; `None` when the codec wants more.
    ///
    /// # Errors
    /// [`CodecError`] when the unit does not decode: ask for a keyframe and feed nothing until it comes.
    fn decode(&mut self, unit: &EncodedVideo) -> Result<Option<VideoFrame>, CodecError>;
}

/// Turns 20 ms of 48 kHz sound into an Opus packet.
pub trait AudioEncoder<S = f32>: Send {
    /// Encodes two consecutive 10 ms frames.
    ///
    /// # Errors
    /// [`CodecError`] when the codec refused the samples.
    fn encode(&mut self, first: &Frame<S>, second: &Frame<S>) -> Result<EncodedAudio, CodecError>;

    /// Adapts to the network: the bitrate, and the share of packets lost (0 to 1), which sizes in-band FEC.
    ///
    /// # Errors
    /// [`CodecError`] when the codec refused; the old target stays.
    fn set_target(&mut self, bitrate: Bitrate, expected_loss: f32) -> Result<(), CodecError>;
}

/// Turns Opus packets back into 48 kHz samples; conceals what is missing. Lengths are those of one channel.
pub trait AudioDecoder<S = f32>: Send {
    /// Decodes one packet into `out` (appended); returns how many samples it added.
    ///
    /// # Errors
    /// [`CodecError`] when the packet is not Opus.
    fn decode(&mut self, payload: &[u8], out: &mut Vec<S>) -> Result<usize, CodecError>;

    /// Decodes the in-band FEC copy of the packet *before* `payload`; `samples` long (that packet's duration).
    ///
    /// # Errors
    /// [`CodecError`] when the packet is not Opus.
    fn decode_fec(&mut self, payload: &[u8], samples: usize, out: &mut Vec<S>) -> Result<usize, CodecError>;

    /// Makes up `samples` samples in place of a lost packet.
    ///
    /// # Errors
    /// [`CodecError`] when the codec refused.
    fn conceal(&mut self, samples: usize, out: &mut Vec<S>) -> Result<usize, CodecError>;
}

/// A codec refused; `0` says what it was doing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{codec} could not {action}: {detail}")]
pub struct CodecError {
    /// Which codec, such as `H.264` or `Opus`.
    pub codec: &'static str,
    /// What it was asked to do, such as `encode`.
    pub action: &'static str,
    /// What the codec itself said.
    pub detail: String,
}

/// Why the sound of what is shared is missing. The share goes on without it; the text says what the person can do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SharedSoundError {
    /// This system's way is not built yet.
    #[error(
        "Sharing this computer's sound is not built for {system} yet. The others see what you share without its sound."
    )]
    NotBuilt {
        /// Its name.
        system: &'static str,
    },
    /// Nobody mixes what the programs play.
    #[error(
        "No sound server answers, so the others see what you share without its sound. Start PipeWire or PulseAudio; it is looked for again every few seconds."
    )]
    NoServer,
    /// The sound server says no.
    #[error(
        "The sound server does not give out what other programs play ({detail}). The others see what you share without its sound."
    )]
    Refused {
        /// What it said.
        detail: String,
    },
    /// It worked until the sound server ended.
    #[error(
        "The sound server stopped, so the others see what you share without its sound. It comes back with the server."
    )]
    Lost,
    /// A file in its place cannot be read.
    #[error(transparent)]
    File(#[from] DeviceError),
}

impl SharedSoundError {
    /// A stable identifier for the UI and for scripts.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotBuilt { .. } => "shared_sound_not_built",
            Self::NoServer => "shared_sound_no_server",
            Self::Refused { .. } => "shared_sound_refused",
            Self::Lost => "shared_sound_lost",
            Self::File(error) => error.code(),
        }
    }
}

/// Why a camera, microphone, speaker or file cannot be used. The text says what the person can do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DeviceError {
    /// No device of that kind, or the one asked for is not there.
    #[error("{device} was not found. Plug it in, or choose another one.")]
    NotFound {
        /// The name that the person knows the device by.
        device: String,
    },
    /// Another program has it.
    #[error("{device} is in use by another program. Close that program, or choose another device.")]
    Busy {
        /// The name that the person knows the device by.
        device: String,
    },
    /// The system does not let this program use it.
    #[error("This computer does not let Tincan use {device}. Allow it in the system's privacy settings.")]
    PermissionDenied {
        /// The name that the person knows the device by.
        device: String,
    },
    /// It worked and then went away.
    #[error("{device} was unplugged or stopped working. Plug it in again, or choose another one.")]
    Lost {
        /// The name that the person knows the device by.
        device: String,
    },
    /// It is open but delivers nothing.
    #[error("{device} sends nothing. Unplug it and plug it in again, or choose another one.")]
    Stalled {
        /// The name that the person knows the device by.
        device: String,
    },
    /// It delivers, but no whole picture.
    #[error("{device} sends damaged pictures only. Use another cable or socket, or choose another device.")]
    Damaged {
        /// The name that the person knows the device by.
        device: String,
    },
    /// It offers no format that can be used.
    #[error("{device} offers no format that Tincan can use ({detail}). Choose another device.")]
    Unsupported {
        /// The name that the person knows the device by.
        device: String,
        /// The formats that it offers.
        detail: String,
    },
    /// A source file that cannot be read.
    #[error("{path} cannot be used: {detail}")]
    File {
        /// The file as the person gave it.
        path: String,
        /// What is wrong with it.
        detail: String,
    },
    /// Anything else the system says.
    #[error("{device} could not be used: {detail}. Choose another device, or restart the computer.")]
    System {
        /// The name that the person knows the device by.
        device: String,
        /// What the system said.
        detail: String,
    },
}

impl DeviceError {
    /// A stable identifier for the UI and for scripts.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "device_not_found",
            Self::Busy { .. } => "device_busy",
            Self::PermissionDenied { .. } => "device_permission_denied",
            Self::Lost { .. } => "device_lost",
            Self::Stalled { .. } => "device_stalled",
            Self::Damaged { .. } => "device_damaged",
            Self::Unsupported { .. } => "device_unsupported",
            Self::File { .. } => "source_file",
            Self::System { .. } => "device_system",
        }
    }
}
