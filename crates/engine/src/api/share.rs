//! What we share of our screen, and what could be.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::Sentence;

/// What we share.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct ShareView {
    /// What [`Command::ShareScreen`](super::Command::ShareScreen) named.
    #[debug(skip)]
    pub id: String,
    /// The screen's or window's name, from its first picture on.
    #[debug(skip)]
    pub name: Option<String>,
    /// Columns; 0 before the first picture.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Whether motion goes before sharpness.
    pub smooth: bool,
    /// The desktop's dialog is open, in which somebody chooses what: the others see nothing yet.
    pub choosing: bool,
    /// It is a window that is minimised now: the others see it as it was.
    pub hidden: bool,
    /// How its sound does; `None`: it was not asked for.
    pub sound: Option<SharedSoundView>,
}

/// How the sound of what we share does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct SharedSoundView {
    /// Whether the others are to hear it.
    pub working: bool,
    /// Why not, unless it is about to begin.
    pub problem: Option<Sentence>,
}

/// Something that can be shared.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct ScreenChoice {
    /// What [`Command::ShareScreen`](super::Command::ShareScreen) takes.
    #[debug(skip)]
    pub id: String,
    /// For a person.
    #[debug(skip)]
    pub name: String,
    /// What it is.
    pub kind: ScreenKind,
    /// How it looks now, small, as a `data:` URL; `None` for a window that is minimised, and for what is chosen later.
    #[debug(skip)]
    pub picture: Option<String>,
}

/// Whether everything on a screen is shared, or one window, or what somebody has yet to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum ScreenKind {
    /// Everything on one screen.
    Monitor,
    /// One window.
    Window,
    /// What is chosen in a dialog of the desktop's.
    Dialog,
}
