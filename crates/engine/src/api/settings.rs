//! What is remembered from one start to the next.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Everything that a person can set. Unknown fields in a file are ignored, missing ones take their default.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default, rename_all = "camelCase")]
#[ts(export)]
pub struct Settings {
    /// The name that others see; may be empty.
    #[debug(skip)]
    pub name: String,
    /// Camera selector.
    #[debug(skip)]
    pub camera: String,
    /// Microphone selector.
    #[debug(skip)]
    pub microphone: String,
    /// Speaker selector.
    #[debug(skip)]
    pub speaker: String,
    /// Join with the microphone on: at the next call. What is sent now is in the preview.
    pub microphone_on: bool,
    /// Join with the camera on: at the next call. What is sent now is in the preview.
    pub camera_on: bool,
    /// Signalling server, `ws://` or `wss://`; `None` keeps calls on the local network.
    #[debug(skip)]
    pub server: Option<String>,
    /// Additional STUN or TURN servers, such as `stun:stun.example.org:3478`, or with a name and a password behind a
    /// blank each: `turn:turn.example.org:3478 NAME PASSWORD`.
    #[debug(skip)]
    pub ice_servers: Vec<String>,
    /// Use TURN relays only, so that the other side does not learn this machine's address.
    pub relay_only: bool,
    /// Remove the echo of the speaker from the microphone.
    pub echo_cancellation: bool,
    /// Remove noise from the microphone.
    pub noise_suppression: bool,
    /// Keep the microphone's level even.
    pub automatic_gain: bool,
    /// Colours of the window.
    pub theme: Theme,
    /// Language of the window.
    pub language: Language,
    /// Mirror the self-view, as people know it from mirrors.
    pub mirror_self_view: bool,
    /// Play a soft chime when somebody comes into the call.
    pub chime_on_join: bool,
    /// Show a notification when somebody comes while the window is not in front.
    pub notify_on_join: bool,
    /// Let the window ask for attention when somebody comes while it is not in front.
    pub attention_on_join: bool,
    /// Show a notification of what is written in the chat while the window is not in front.
    pub notify_on_chat: bool,
    /// Share this computer's sound with what is shared: what the switch in the picker was last.
    pub share_sound: bool,
    /// Ask before the window is closed in a call.
    pub ask_before_closing: bool,
}

/// Colours of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Theme {
    /// Light on dark.
    Dark,
    /// Dark on light.
    Light,
    /// What the system says.
    #[default]
    System,
}

/// Language of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Language {
    /// The first of the system's that there are words in, else English.
    #[default]
    System,
    /// English.
    En,
    /// German.
    De,
    /// French.
    Fr,
    /// Spanish.
    Es,
    /// Chinese, simplified.
    Zh,
    /// Arabic.
    Ar,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: String::new(),
            camera: "default".into(),
            microphone: "default".into(),
            speaker: "default".into(),
            microphone_on: true,
            camera_on: true,
            server: None,
            ice_servers: Vec::new(),
            relay_only: false,
            echo_cancellation: true,
            noise_suppression: true,
            automatic_gain: true,
            theme: Theme::default(),
            language: Language::default(),
            mirror_self_view: true,
            chime_on_join: true,
            notify_on_join: true,
            attention_on_join: true,
            notify_on_chat: true,
            share_sound: false,
            ask_before_closing: true,
        }
    }
}
