//! Microphones and speakers: real ones by cpal, and twins that need no hardware.
//!
//! A real device's callback only moves samples between the device and a lock-free ring (`callback`); opening, errors
//! and closing happen on a thread that owns the stream (`stream`); resampling to and from 48 kHz happens on the audio
//! thread, inside [`AudioInput::read`] and [`AudioOutput::write`].

mod callback;
mod capture_clock;
mod host;
mod input;
mod output;
mod pipe;
mod resample;
mod shared;
mod stream;
mod twins;
mod wav;

use tincan_media::{AudioInput, AudioOutput, DeviceError, MediaClock};

use crate::{MicrophoneSelector, SpeakerSelector};

pub use shared::{open_shared_sound, shares_sound};

pub use host::{Standing, Watched, list_microphones, list_speakers, standing};

/// A microphone that is running.
pub struct OpenMicrophone {
    /// What the system calls it.
    pub name: String,
    /// Its [`DeviceInfo::id`](crate::DeviceInfo::id), or the selector of a twin.
    pub id: String,
    /// Why it is the system's default and not the one that was asked for.
    pub in_place: Option<DeviceError>,
    /// Its sound. Dropping it closes the device.
    pub input: Box<dyn AudioInput>,
}

/// A speaker that is running.
pub struct OpenSpeaker {
    /// What the system calls it.
    pub name: String,
    /// Its [`DeviceInfo::id`](crate::DeviceInfo::id), or the selector of a twin.
    pub id: String,
    /// Why it is the system's default and not the one that was asked for.
    pub in_place: Option<DeviceError>,
    /// Where its sound goes. Dropping it closes the device.
    pub output: Box<dyn AudioOutput>,
}

/// Opens a microphone; while the one with an id is not there, the system's default in its place. Blocks until it runs:
/// some 10 to 300 ms, never more than 12 s.
///
/// # Errors
/// [`DeviceError`] when there is no device, it is taken, or the file cannot be read.
pub fn open_microphone(
    selector: &MicrophoneSelector,
    clock: MediaClock,
) -> Result<OpenMicrophone, DeviceError> {
    let twin = |name: &str, input: Box<dyn AudioInput>| OpenMicrophone {
        name: name.into(),
        id: selector.to_string(),
        in_place: None,
        input,
    };
    match selector {
        MicrophoneSelector::None => Ok(twin("No microphone", Box::new(twins::NoMicrophone))),
        MicrophoneSelector::Tone(hertz) => Ok(twin("Test tone", Box::new(twins::Tone::new(*hertz, clock)))),
        MicrophoneSelector::File(path) => {
            Ok(twin(&file_name(path), Box::new(twins::WavLoop::open(path, clock)?)))
        }
        MicrophoneSelector::Default => stream::open_microphone(None, clock),
        MicrophoneSelector::Device(id) => {
            let (open, in_place) = or_default(id, |id| stream::open_microphone(id, clock))?;
            Ok(OpenMicrophone { in_place, ..open })
        }
    }
}

/// Opens a speaker; while the one with an id is not there, the system's default in its place. Blocks until it runs: some
/// 10 to 300 ms, never more than 12 s.
///
/// # Errors
/// [`DeviceError`] when there is no device, it is taken, or the file cannot be written.
pub fn open_speaker(selector: &SpeakerSelector, clock: MediaClock) -> Result<OpenSpeaker, DeviceError> {
    let twin = |name: &str, output: Box<dyn AudioOutput>| OpenSpeaker {
        name: name.into(),
        id: selector.to_string(),
        in_place: None,
        output,
    };
    match selector {
        SpeakerSelector::None => Ok(twin("No speaker", Box::new(twins::NoSpeaker::new()))),
        SpeakerSelector::File(path) => {
            Ok(twin(&file_name(path), Box::new(twins::WavRecorder::create(path)?)))
        }
        SpeakerSelector::Default => stream::open_speaker(None, clock),
        SpeakerSelector::Device(id) => {
            let (open, in_place) = or_default(id, |id| stream::open_speaker(id, clock))?;
            Ok(OpenSpeaker { in_place, ..open })
        }
    }
}

/// What `open` makes of `id`, or of the default one while there is no such device, and then why.
fn or_default<T>(
    id: &str,
    open: impl Fn(Option<&str>) -> Result<T, DeviceError>,
) -> Result<(T, Option<DeviceError>), DeviceError> {
    match open(Some(id)) {
        // Of two devices that are not there, the person knows the chosen one.
        Err(missing @ DeviceError::NotFound { .. }) => match open(None) {
            Ok(device) => Ok((device, Some(missing))),
            Err(_) => Err(missing),
        },
        opened => Ok((opened?, None)),
    }
}

fn file_name(path: &std::path::Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
