//! What the engine tells as it happens.

use super::Sentence;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::board::{BoardChange, BoardLive};
use super::chat::ChatChange;
use super::files::FilesChange;
use super::play::{ArenaChange, GamesView};
use super::settings::Settings;
use super::sketch::SheetChange;
use super::view::{CallStatistics, CallSummary, CallView, Devices, NearbyCall, Preview, RecentCall};

/// An event and its place in the order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct NumberedEvent {
    /// One more than the event's before.
    #[ts(type = "number")]
    pub number: u64,
    /// What changed.
    pub event: Event,
}

/// Each replaces one part of the snapshot, [`Event::Chat`] one message, [`Event::Board`] some things of a board, [`Event::Files`]
/// one offer and [`Event::Arena`] what is new, except [`Event::Notice`], [`Event::Reaction`] and [`Event::BoardLive`], which are moments.
#[derive(derive_more::Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
#[ts(export)]
pub enum Event {
    /// The settings as they are now.
    Settings {
        /// All of them.
        settings: Settings,
    },
    /// The devices that there are now.
    Devices {
        /// All of them.
        devices: Devices,
    },
    /// The lobby's camera and microphone.
    Preview {
        /// As they are now.
        preview: Preview,
    },
    /// The call as it is now; `None` when there is none.
    Call {
        /// All of it.
        call: Option<CallView>,
    },
    /// Sound levels, about ten times a second while a microphone is open.
    Levels {
        /// All of them.
        levels: Levels,
    },
    /// Statistics, once a second in a call.
    Statistics {
        /// All of them.
        statistics: CallStatistics,
    },
    /// Calls on the local network.
    Nearby {
        /// All of them.
        nearby: Vec<NearbyCall>,
    },
    /// Recent calls.
    Recent {
        /// Newest first.
        recent: Vec<RecentCall>,
    },
    /// The call that ended last, for the screen after it.
    LastCall {
        /// `None` once a new call begins.
        summary: Option<CallSummary>,
    },
    /// Something in the chat: not all of it for each word.
    Chat {
        /// What.
        change: ChatChange,
    },
    /// Something on the whiteboard: not all of it for each stroke.
    Board {
        /// What.
        change: BoardChange,
    },
    /// What others draw on the whiteboard right now.
    BoardLive {
        /// Of whom it is another than before.
        live: Vec<BoardLive>,
    },
    /// Something about files: not all of it for each piece.
    Files {
        /// What.
        change: FilesChange,
    },
    /// Who offers and plays which game, and for how many points.
    Games {
        /// All of them.
        games: GamesView,
    },
    /// The lines of a game: what they are longer by.
    Arena {
        /// What.
        change: ArenaChange,
    },
    /// The sheet of a game of *Draw and guess*: not all of it for each stroke.
    Sheet {
        /// What.
        change: SheetChange,
    },
    /// A reaction, to be shown for a moment.
    Reaction {
        /// Whose; `None`: our own.
        #[debug(skip)]
        peer: Option<String>,
        /// Which.
        reaction: Reaction,
    },
    /// Something to tell once.
    Notice {
        /// What.
        notice: Notice,
    },
}

/// Sound levels from 0 (silence) to 1 (full scale), on a scale that looks even to people (dB).
#[derive(derive_more::Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Levels {
    /// Our microphone, measured before mute.
    pub microphone: f32,
    /// Every participant by peer id.
    #[debug(skip)]
    pub participants: std::collections::BTreeMap<String, f32>,
}

/// Something to tell a person once: a toast or a hint.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Notice {
    /// How grave.
    pub kind: NoticeKind,
    /// Such as `device_lost`, `muted_while_speaking`, `microphone_silent`, `participant_joined`, `participant_left`,
    /// `settings_not_saved`.
    #[serde(flatten)]
    pub said: Sentence,
}

/// How grave a notice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum NoticeKind {
    /// Good to know.
    Info,
    /// Something that the person may want to do something about.
    Hint,
    /// Something failed.
    Error,
}

/// What can be shown for a moment beside somebody's picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
#[expect(missing_docs, reason = "the names are the pictures")]
pub enum Reaction {
    ThumbsUp,
    Clap,
    Heart,
    Laugh,
    Surprised,
    Party,
}
