//! What is said to a person: in English for a terminal and a log, and by a code, with what it names beside it, for a window that
//! has words of its own in every language.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Serialize};
use tincan_devices::screen::ScreenError;
use tincan_media::{DeviceError, SharedSoundError};
use tincan_protocol::{CodeError, InviteError};
use tincan_signal_client::JoinError;
use ts_rs::TS;

use super::{CommandError, Notice, NoticeKind};

/// What a sentence names, by what the window's words call it.
pub type Parameters = BTreeMap<String, Parameter>;

/// A name, a number, or which of several things is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(untagged)]
#[ts(export)]
pub enum Parameter {
    /// How many.
    Number(#[ts(type = "number")] u64),
    /// A name, a path, what a system said; or one of a few words that stand for what is meant.
    Text(String),
}

/// Something that is said to a person.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Sentence {
    /// Stable: the window has its own words for it, in the language that it speaks.
    pub code: String,
    /// In English.
    #[debug(skip)]
    pub message: String,
    /// What the sentence names: names, numbers.
    #[debug(skip)]
    #[serde(default, skip_serializing_if = "Parameters::is_empty")]
    #[ts(as = "Option<Parameters>", optional)]
    pub parameters: Parameters,
}

impl Sentence {
    /// A sentence that names nothing.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), parameters: Parameters::new() }
    }

    /// The same, naming this.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Parameter>) -> Self {
        self.parameters.insert(name.into(), value.into());
        self
    }
}

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<&str> for Parameter {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Parameter {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<usize> for Parameter {
    fn from(number: usize) -> Self {
        Self::Number(number as u64)
    }
}

impl From<u32> for Parameter {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl CommandError {
    /// A refusal that names nothing.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self(Sentence::new(code, message))
    }
}

impl Deref for CommandError {
    type Target = Sentence;

    fn deref(&self) -> &Sentence {
        &self.0
    }
}

impl From<Sentence> for CommandError {
    fn from(said: Sentence) -> Self {
        Self(said)
    }
}

impl Notice {
    /// Tells a person something.
    pub const fn new(kind: NoticeKind, said: Sentence) -> Self {
        Self { kind, said }
    }
}

impl From<&DeviceError> for Sentence {
    fn from(error: &DeviceError) -> Self {
        let said = Self::new(error.code(), error.to_string());
        match error {
            DeviceError::NotFound { device } => said.with("device", device.as_str()).with("stands_in", "no"),
            DeviceError::Busy { device }
            | DeviceError::PermissionDenied { device }
            | DeviceError::Lost { device }
            | DeviceError::Stalled { device }
            | DeviceError::Damaged { device } => said.with("device", device.as_str()),
            DeviceError::Unsupported { device, detail } | DeviceError::System { device, detail } => {
                said.with("device", device.as_str()).with("detail", detail.as_str())
            }
            DeviceError::File { path, detail } => {
                said.with("path", path.as_str()).with("detail", detail.as_str())
            }
        }
    }
}

impl From<&SharedSoundError> for Sentence {
    fn from(error: &SharedSoundError) -> Self {
        let said = Self::new(error.code(), error.to_string());
        match error {
            SharedSoundError::NotBuilt { system } => said.with("system", *system),
            SharedSoundError::Refused { detail } => said.with("detail", detail.as_str()),
            SharedSoundError::NoServer | SharedSoundError::Lost => said,
            SharedSoundError::File(error) => error.into(),
        }
    }
}

impl From<&ScreenError> for Sentence {
    fn from(error: &ScreenError) -> Self {
        let said = Self::new(error.code(), error.to_string());
        match error {
            ScreenError::NotBuilt { system } => said.with("system", *system),
            ScreenError::OnlyByDialog
            | ScreenError::DesktopHangs
            | ScreenError::NotChosen
            | ScreenError::EndedByDesktop
            | ScreenError::NotFound { .. }
            | ScreenError::Closed
            | ScreenError::Unplugged => said,
            ScreenError::NoPortal { detail }
            | ScreenError::Refused { detail }
            | ScreenError::NoScreen { detail }
            | ScreenError::Unsupported { detail }
            | ScreenError::Lost { detail } => said.with("detail", detail.as_str()),
            ScreenError::File(error) => error.into(),
        }
    }
}

impl From<JoinError> for Sentence {
    fn from(error: JoinError) -> Self {
        let said = Self::new(error.code(), error.to_string());
        match error {
            JoinError::RoomFull { capacity } => said.with("capacity", capacity.unwrap_or(0)),
            JoinError::Refused(code) => said.with("reason", code.as_str()),
            _ => said,
        }
    }
}

impl From<&InviteError> for Sentence {
    /// What is wrong with what was typed to join. It names at most one character of it.
    fn from(error: &InviteError) -> Self {
        let said = Self::new("bad_code", error.to_string());
        match error {
            InviteError::NotAnInvite => said.with("why", "no_invite"),
            InviteError::Server(_) => said.with("why", "server"),
            InviteError::Code(CodeError::Empty) => said.with("why", "empty"),
            InviteError::Code(CodeError::TooShort { count } | CodeError::TooLong { count }) => {
                said.with("why", "length").with("count", *count)
            }
            InviteError::Code(CodeError::Character { character }) => {
                said.with("why", "character").with("character", character.to_string())
            }
            InviteError::Code(CodeError::NotFound) => said.with("why", "not_found"),
            InviteError::Code(CodeError::Several) => said.with("why", "several"),
        }
    }
}
