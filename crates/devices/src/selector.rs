//! How a person, a script or a settings file names a device.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

/// Camera, microphone or speaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeviceKind {
    /// Gives pictures.
    Camera,
    /// Gives sound.
    Microphone,
    /// Plays sound.
    Speaker,
}

/// A device that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Stable over restarts and re-plugging as far as the system allows; never an index. Parses as a selector.
    pub id: String,
    /// What the system calls it.
    pub name: String,
    /// Whether the system prefers it.
    pub default: bool,
}

/// Which camera: `default`, `none`, `test-pattern`, `portrait`, `portrait:SEED`, `file:PATH.y4m`, or a
/// [`DeviceInfo::id`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum CameraSelector {
    /// The first one that works.
    #[default]
    Default,
    /// No camera at all.
    None,
    /// Moving bars with a frame counter and time that survive the codec.
    TestPattern,
    /// A drawn person who moves a little: the one of this seed, or another one each time.
    Portrait(Option<u64>),
    /// A YUV4MPEG2 file, in a loop.
    File(PathBuf),
    /// The device with this id.
    Device(String),
}

/// Which microphone: `default`, `none`, `tone`, `tone:HERTZ`, `file:PATH.wav`, or a [`DeviceInfo::id`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum MicrophoneSelector {
    /// The system's default, followed when it changes.
    #[default]
    Default,
    /// No microphone at all.
    None,
    /// A sine of this frequency in Hz (440 unless told), at -20 dBFS.
    Tone(u32),
    /// A WAV file, in a loop.
    File(PathBuf),
    /// The device with this id.
    Device(String),
}

/// Which speaker: `default`, `none`, `file:PATH.wav`, or a [`DeviceInfo::id`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SpeakerSelector {
    /// The system's default, followed when it changes.
    #[default]
    Default,
    /// Plays at the right pace into nowhere.
    None,
    /// Records what is played.
    File(PathBuf),
    /// The device with this id.
    Device(String),
}

/// Which sound to share beside a screen: `system`, `tone`, `tone:LEFT:RIGHT` (in Hz), or `file:PATH.wav`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SharedSoundSelector {
    /// What this computer plays, without what Tincan plays.
    #[default]
    System,
    /// Two sines of these frequencies in Hz (440 and 660 unless told), at -20 dBFS.
    Tones {
        /// At the left.
        left: u32,
        /// At the right.
        right: u32,
    },
    /// A WAV file, in a loop.
    File(PathBuf),
}

/// The text names no device.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{given}` names no {kind}: use {choices}, or an id from `tincan devices`")]
pub struct ParseSelectorError {
    given: String,
    kind: &'static str,
    choices: &'static str,
}

impl ParseSelectorError {
    pub(crate) fn new(given: &str, kind: &'static str, choices: &'static str) -> Self {
        Self { given: given.into(), kind, choices }
    }
}

/// Ids of real devices carry this prefix, so that no device's name can be mistaken for a keyword.
const DEVICE_PREFIX: &str = "device:";
const FILE_PREFIX: &str = "file:";
/// Concert pitch: what everybody knows.
const TONE_HZ: u32 = 440;
/// A fifth above it: two tones that nobody takes for one.
const FIFTH_HZ: u32 = 660;

impl FromStr for CameraSelector {
    type Err = ParseSelectorError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "default" => Ok(Self::Default),
            "none" => Ok(Self::None),
            "test-pattern" => Ok(Self::TestPattern),
            "portrait" => Ok(Self::Portrait(None)),
            _ => {
                let error = || ParseSelectorError {
                    given: text.into(),
                    kind: "camera",
                    choices: "`default`, `none`, `test-pattern`, `portrait`, `portrait:SEED` (a number), \
                              `file:PATH.y4m`",
                };
                match text.split_once(':') {
                    Some(("portrait", seed)) => {
                        seed.parse().map(|seed| Self::Portrait(Some(seed))).map_err(|_| error())
                    }
                    Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
                    Some(("device", id)) if !id.is_empty() => Ok(Self::Device(id.into())),
                    _ => Err(error()),
                }
            }
        }
    }
}

impl fmt::Display for CameraSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::None => f.write_str("none"),
            Self::TestPattern => f.write_str("test-pattern"),
            Self::Portrait(None) => f.write_str("portrait"),
            Self::Portrait(Some(seed)) => write!(f, "portrait:{seed}"),
            Self::File(path) => write!(f, "{FILE_PREFIX}{}", path.display()),
            Self::Device(id) => write!(f, "{DEVICE_PREFIX}{id}"),
        }
    }
}

impl FromStr for MicrophoneSelector {
    type Err = ParseSelectorError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseSelectorError {
            given: text.into(),
            kind: "microphone",
            choices: "`default`, `none`, `tone`, `tone:HERTZ`, `file:PATH.wav`",
        };
        match text.split_once(':') {
            None if text == "default" => Ok(Self::Default),
            None if text == "none" => Ok(Self::None),
            None if text == "tone" => Ok(Self::Tone(TONE_HZ)),
            Some(("tone", hertz)) => match hertz.parse() {
                Ok(hertz @ 20..=20_000) => Ok(Self::Tone(hertz)),
                _ => Err(error()),
            },
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            Some(("device", id)) if !id.is_empty() => Ok(Self::Device(id.into())),
            _ => Err(error()),
        }
    }
}

impl fmt::Display for MicrophoneSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::None => f.write_str("none"),
            Self::Tone(hertz) => write!(f, "tone:{hertz}"),
            Self::File(path) => write!(f, "{FILE_PREFIX}{}", path.display()),
            Self::Device(id) => write!(f, "{DEVICE_PREFIX}{id}"),
        }
    }
}

impl FromStr for SharedSoundSelector {
    type Err = ParseSelectorError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseSelectorError {
            given: text.into(),
            kind: "sound to share",
            choices: "`system`, `tone`, `tone:LEFT:RIGHT` (in Hz), `file:PATH.wav`",
        };
        let hertz = |text: &str| text.parse().ok().filter(|hertz| (20..=20_000).contains(hertz));
        match text.split_once(':') {
            None if text == "system" => Ok(Self::System),
            None if text == "tone" => Ok(Self::Tones { left: TONE_HZ, right: FIFTH_HZ }),
            Some(("tone", both)) => {
                let (left, right) = both.split_once(':').ok_or_else(error)?;
                hertz(left)
                    .zip(hertz(right))
                    .map(|(left, right)| Self::Tones { left, right })
                    .ok_or_else(error)
            }
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            _ => Err(error()),
        }
    }
}

impl fmt::Display for SharedSoundSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("system"),
            Self::Tones { left, right } => write!(f, "tone:{left}:{right}"),
            Self::File(path) => write!(f, "{FILE_PREFIX}{}", path.display()),
        }
    }
}

impl FromStr for SpeakerSelector {
    type Err = ParseSelectorError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "default" => Ok(Self::Default),
            "none" => Ok(Self::None),
            _ => match (text.strip_prefix(FILE_PREFIX), text.strip_prefix(DEVICE_PREFIX)) {
                (Some(path), _) if !path.is_empty() => Ok(Self::File(path.into())),
                (_, Some(id)) if !id.is_empty() => Ok(Self::Device(id.into())),
                _ => Err(ParseSelectorError {
                    given: text.into(),
                    kind: "speaker",
                    choices: "`default`, `none`, `file:PATH.wav`",
                }),
            },
        }
    }
}

impl fmt::Display for SpeakerSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::None => f.write_str("none"),
            Self::File(path) => write!(f, "{FILE_PREFIX}{}", path.display()),
            Self::Device(id) => write!(f, "{DEVICE_PREFIX}{id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_selector_reads_back_what_it_writes() {
        for text in
            ["default", "none", "test-pattern", "portrait", "portrait:7", "file:a b.y4m", "device:usb:1-2"]
        {
            assert_eq!(text.parse::<CameraSelector>().unwrap().to_string(), text);
        }
        for text in ["default", "none", "tone:1000", "file:a.wav", "device:hw:CARD=PCH,DEV=0"] {
            assert_eq!(text.parse::<MicrophoneSelector>().unwrap().to_string(), text);
        }
        for text in ["default", "none", "file:a.wav", "device:x"] {
            assert_eq!(text.parse::<SpeakerSelector>().unwrap().to_string(), text);
        }
        for text in ["system", "tone:440:660", "file:a.wav"] {
            assert_eq!(text.parse::<SharedSoundSelector>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn nonsense_is_refused_with_the_choices() {
        assert!("webcam".parse::<CameraSelector>().unwrap_err().to_string().contains("test-pattern"));
        assert!("portrait:somebody".parse::<CameraSelector>().unwrap_err().to_string().contains("a number"));
        assert!("tone:5".parse::<MicrophoneSelector>().is_err());
        assert!("file:".parse::<SpeakerSelector>().is_err());
        for text in ["", "tone:440", "tone:440:5", "default", "file:"] {
            assert!(
                text.parse::<SharedSoundSelector>().unwrap_err().to_string().contains("`system`"),
                "{text}"
            );
        }
    }
}
