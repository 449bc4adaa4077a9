//! Microphones and speakers: real ones by cpal, and twins that need no hardware.
//!
//! A real device's callback only moves samples between the device and a lock-free ring (`callback`); opening, errors
//! and closing happen on a thread that owns the stream (`stream`); resampling to 48 kHz mono happens on the audio
//! thread, inside [`AudioInput::read`] and [`AudioOutput::write`].

mod callback;
mod host;
mod input;
mod output;
mod resample;
mod stream;
mod twins;

use tincan_media::{AudioInput, AudioOutput, DeviceError, MediaClock};

use crate::{MicrophoneSelector, SpeakerSelector};

pub use host::{Standing, list_microphones, list_speakers, standing};

/// A microphone that is running.
pub struct OpenMicrophone {
    /// What the system calls it.
    pub name: String,
    /// Its [`DeviceInfo::id`](crate::DeviceInfo::id), or the selector of a twin.
    pub id: String,
    /// Its sound. Dropping it closes the device.
    pub input: Box<dyn AudioInput>,
}

/// A speaker that is running.
pub struct OpenSpeaker {
    /// What the system calls it.
    pub name: String,
    /// Its [`DeviceInfo::id`](crate::DeviceInfo::id), or the selector of a twin.
    pub id: String,
    /// Where its sound goes. Dropping it closes the device.
    pub output: Box<dyn AudioOutput>,
}

/// Opens a microphone. Blocks until it runs: some 10 to 300 ms, never more than 6 s.
///
/// # Errors
/// [`DeviceError`] when there is no such device, it is taken, or the file cannot be read.
pub fn open_microphone(
    selector: &MicrophoneSelector,
    clock: MediaClock,
) -> Result<OpenMicrophone, DeviceError> {
    let twin = |name: &str, input: Box<dyn AudioInput>| OpenMicrophone {
        name: name.into(),
        id: selector.to_string(),
        input,
    };
    match selector {
        MicrophoneSelector::None => Ok(twin("No microphone", Box::new(twins::NoMicrophone))),
        MicrophoneSelector::Tone(hertz) => Ok(twin("Test tone", Box::new(twins::Tone::new(*hertz, clock)))),
        MicrophoneSelector::File(path) => {
            Ok(twin(&file_name(path), Box::new(twins::WavLoop::open(path, clock)?)))
        }
        MicrophoneSelector::Default => stream::open_microphone(None, clock),
        MicrophoneSelector::Device(id) => stream::open_microphone(Some(id), clock),
    }
}

/// Opens a speaker. Blocks until it runs: some 10 to 300 ms, never more than 6 s.
///
/// # Errors
/// [`DeviceError`] when there is no such device, it is taken, or the file cannot be written.
pub fn open_speaker(selector: &SpeakerSelector, clock: MediaClock) -> Result<OpenSpeaker, DeviceError> {
    let twin = |name: &str, output: Box<dyn AudioOutput>| OpenSpeaker {
        name: name.into(),
        id: selector.to_string(),
        output,
    };
    match selector {
        SpeakerSelector::None => Ok(twin("No speaker", Box::new(twins::NoSpeaker::new()))),
        SpeakerSelector::File(path) => {
            Ok(twin(&file_name(path), Box::new(twins::WavRecorder::create(path)?)))
        }
        SpeakerSelector::Default => stream::open_speaker(None, clock),
        SpeakerSelector::Device(id) => stream::open_speaker(Some(id), clock),
    }
}

fn file_name(path: &std::path::Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
