//! The engine's state as a window shows it.

use super::Sentence;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::board::BoardView;
use super::chat::ChatView;
use super::event::Levels;
use super::files::FilesView;
use super::play::{ArenaView, GamesView};
use super::settings::Settings;
use super::share::ShareView;
use super::sketch::SheetView;

/// Everything, at one moment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Snapshot {
    /// Number of the last event that is already in here.
    #[ts(type = "number")]
    pub number: u64,
    /// Version of the program.
    pub version: String,
    /// Settings.
    pub settings: Settings,
    /// Devices.
    pub devices: Devices,
    /// The lobby's camera and microphone.
    pub preview: Preview,
    /// The call, if there is one.
    pub call: Option<CallView>,
    /// The call's chat.
    pub chat: Option<ChatView>,
    /// The call's whiteboard.
    pub board: Option<BoardView>,
    /// Files that are offered, on their way or there.
    pub files: FilesView,
    /// The call's games.
    pub games: GamesView,
    /// The round that is played or was played last, in the game that we are in.
    pub arena: Option<ArenaView>,
    /// The sheet of the turn that is played or was played last, in the game of *Draw and guess* that we are in.
    pub sheet: Option<SheetView>,
    /// Levels.
    pub levels: Levels,
    /// Statistics of the last second.
    pub statistics: CallStatistics,
    /// Calls on the local network.
    pub nearby: Vec<NearbyCall>,
    /// Recent calls, newest first.
    pub recent: Vec<RecentCall>,
    /// The call that ended last.
    pub last_call: Option<CallSummary>,
}

/// The devices that can be chosen, synthetic ones last.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Devices {
    /// Cameras.
    pub cameras: Vec<Device>,
    /// Microphones.
    pub microphones: Vec<Device>,
    /// Speakers.
    pub speakers: Vec<Device>,
}

/// A device that can be chosen.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Device {
    /// What a selection command takes.
    #[debug(skip)]
    pub id: String,
    /// For a person.
    #[debug(skip)]
    pub name: String,
}

/// Our own camera and microphone, in the lobby and in a call.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Preview {
    /// Whether the devices are held open (by the lobby or by a call).
    pub active: bool,
    /// Our camera.
    pub camera: SourceView,
    /// Our microphone.
    pub microphone: SourceView,
    /// Our speaker.
    pub speaker: SourceView,
    /// What we share of our screen.
    pub share: Option<ShareView>,
}

/// How one of our devices does.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct SourceView {
    /// Whether the person wants such a device at all; `false` when they chose none.
    pub chosen: bool,
    /// Whether it is wanted (not muted, not switched off).
    pub on: bool,
    /// Whether it delivers.
    pub working: bool,
    /// The device's name while it works.
    #[debug(skip)]
    pub device: Option<String>,
    /// What is wrong and what to do, while it does not work or is used in place of the chosen one.
    #[debug(skip)]
    pub problem: Option<Sentence>,
}

impl Default for SourceView {
    fn default() -> Self {
        Self { chosen: true, on: false, working: false, device: None, problem: None }
    }
}

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum CallPhase {
    /// Finding the server and the room.
    #[default]
    Joining,
    /// The room is locked: waiting until somebody lets us in.
    Knocking,
    /// In the room, nobody else there.
    Alone,
    /// Somebody is there; the connection to them is being made.
    Connecting,
    /// Sound and pictures flow.
    Connected,
    /// The connection to everybody was lost and is being made again.
    Reconnecting,
}

/// The call. By default one that has just been asked for.
#[derive(derive_more::Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct CallView {
    /// Where it stands.
    pub phase: CallPhase,
    /// The code as it is read to somebody: `kqz4-m8tr-xp`.
    #[debug(skip)]
    pub code: String,
    /// `tincan://join/…`
    #[debug(skip)]
    pub invite_link: String,
    /// Whether this is the test call with the built-in participant.
    pub test: bool,
    /// Who can reach it: a sentence such as “People on your local network can join.”
    pub reach: Sentence,
    /// Whether the signalling server is reachable now; a call goes on without it, but nobody can come in.
    pub server_connected: bool,
    /// What is the matter while it is not: a sentence, which differs on a server and on the local network.
    pub server_problem: Option<Sentence>,
    /// Milliseconds since the Unix epoch when the first connection came up; `None` while nobody else is here.
    #[ts(type = "number | null")]
    pub connected_since: Option<u64>,
    /// Everybody else, in the order in which they came.
    pub participants: Vec<Participant>,
    /// How many the room takes, we included; 0 while it is not known.
    pub capacity: u32,
    /// Whether newcomers wait until somebody lets them in.
    pub locked: bool,
    /// Who waits, in the order in which they came.
    pub knocks: Vec<Knock>,
    /// Since when our hand is raised: milliseconds since the Unix epoch.
    #[ts(type = "number | null")]
    pub hand: Option<u64>,
    /// Since when we record the call: milliseconds since the Unix epoch.
    #[ts(type = "number | null")]
    pub recording: Option<u64>,
    /// To compare aloud: everybody in the room sees the same when nobody sits between them. `None` while no connection is
    /// confirmed.
    pub safety: Option<SafetyNumber>,
    /// The name of whoever left last, empty when they had none. Only while nobody else is here and somebody was.
    #[debug(skip)]
    pub left: Option<String>,
    /// A text to send to somebody: the code, the link, and how to get Tincan.
    pub invitation: Sentence,
}

/// Somebody else in the room.
#[derive(derive_more::Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Participant {
    /// Peer id, 64 hex digits.
    #[debug(skip)]
    pub id: String,
    /// The name they chose; may be empty.
    #[debug(skip)]
    pub name: String,
    /// How the connection to them stands.
    pub connection: ConnectionView,
    /// Whether they send sound.
    pub microphone_on: bool,
    /// Whether what they share has sound.
    pub shares_sound: bool,
    /// Their pictures; the camera's first.
    pub streams: Vec<StreamView>,
    /// How loud they are played here, 0 to 2.
    pub volume: f32,
    /// How far they are known to be who they seem.
    pub trust: Trust,
    /// Whether they came after the safety number had been compared.
    pub late: bool,
    /// Since when their hand is raised: milliseconds since the Unix epoch, by their clock.
    #[ts(type = "number | null")]
    pub hand: Option<u64>,
    /// Whether they record the call, as they say.
    pub records: bool,
    /// From 1 (bad) to 4 (good); 0 while unknown.
    pub quality: u8,
}

/// Somebody at the door of a locked room.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Knock {
    /// Peer id.
    #[debug(skip)]
    pub id: String,
    /// What they call themselves; may be empty.
    #[debug(skip)]
    pub name: String,
}

/// Pictures of one source of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct StreamView {
    /// What they are of.
    pub source: Source,
    /// The stream on the frame socket (0 is the self-view).
    pub stream: u32,
    /// Whether they are sent.
    pub on: bool,
    /// The path carries none of them now, though they are on; they come back by themselves.
    pub paused: bool,
}

/// What pictures are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Source {
    /// The person.
    Camera,
    /// A screen or window that they share.
    Screen,
}

/// How far somebody is known to be who they seem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Trust {
    /// Their connection is not proven yet.
    Unconfirmed,
    /// It is; the safety number was not compared.
    Unverified,
    /// The number was compared with them in the room.
    Verified,
    /// They have the name of somebody with whom it was compared, and another key.
    Changed,
}

/// How the connection to one participant stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum ConnectionView {
    /// Being made for the first time.
    Connecting,
    /// Up.
    Connected,
    /// Lost, being made again.
    Reconnecting,
}

/// A short authentication string made from the keys of everybody in the room, each of which is bound to the certificates
/// of the finished DTLS handshake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct SafetyNumber {
    /// Four words, each of which names one of 64 pictures.
    pub words: Vec<String>,
    /// Eight digits in two groups, independent of the words.
    pub digits: String,
}

/// Statistics of the last second, per participant.
#[derive(derive_more::Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct CallStatistics {
    /// By peer id.
    #[debug(skip)]
    pub participants: std::collections::BTreeMap<String, ParticipantStatistics>,
    /// How long a picture takes to be encoded, for everybody together, milliseconds; `None` while none is.
    pub encoding_ms: Option<f32>,
    /// Whether this computer was too busy to keep up.
    pub busy: bool,
}

/// Statistics of the connection to one participant. Rates are over the last second, counters since the start.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct ParticipantStatistics {
    /// Milliseconds.
    pub round_trip_ms: Option<f32>,
    /// Percent of our packets lost.
    pub loss_sent: f32,
    /// Percent of their packets lost (before retransmission).
    pub loss_received: f32,
    /// Milliseconds.
    pub jitter_ms: f32,
    /// Kbit/s.
    pub sent_kbps: f32,
    /// Kbit/s.
    pub received_kbps: f32,
    /// Sound alone, kbit/s.
    pub sound_sent_kbps: f32,
    /// Sound alone, kbit/s.
    pub sound_received_kbps: f32,
    /// Estimated capacity towards them, kbit/s.
    pub available_kbps: f32,
    /// What we send: width, height, pictures a second.
    pub sent_width: u32,
    /// Rows.
    pub sent_height: u32,
    /// Pictures a second.
    pub sent_fps: f32,
    /// What keeps the picture that they get from being larger.
    pub limited_by: LimitedBy,
    /// What we get: columns.
    pub received_width: u32,
    /// Rows.
    pub received_height: u32,
    /// Pictures a second.
    pub received_fps: f32,
    /// What keeps the picture that we get from being larger, as far as that is here: this computer decodes no more in time.
    pub received_limited_by: LimitedBy,
    /// Freezes: how many.
    pub freezes: u32,
    /// Freezes: seconds in total.
    pub frozen_seconds: f32,
    /// Percent of the sound played in the last five seconds that was made up.
    pub concealed: f32,
    /// How long sound waits in the jitter buffer, milliseconds.
    pub audio_buffer_ms: f32,
    /// How long pictures wait before they are shown, milliseconds.
    pub video_buffer_ms: f32,
    /// From a picture's arrival until it is decoded, for the quickest of the last second's, milliseconds.
    pub decoding_ms: f32,
    /// `host`, `srflx`, `prflx` or `relay`.
    pub path: Option<String>,
    /// Shared screens, once there was one.
    pub screen: Option<ScreenStatistics>,
}

/// Shared screens, ours and theirs, over the last second.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct ScreenStatistics {
    /// What we send: columns; 0 for nothing.
    pub sent_width: u32,
    /// Rows.
    pub sent_height: u32,
    /// Pictures a second: none are made while nothing changes.
    pub sent_fps: f32,
    /// What we get: columns; 0 before there was anything.
    pub received_width: u32,
    /// Rows.
    pub received_height: u32,
    /// Pictures a second.
    pub received_fps: f32,
    /// How long the sound of what they share waits before it is heard, in milliseconds; `None` before there was any.
    pub sound_buffer_ms: Option<f32>,
    /// Percent of it that was made up in the last seconds.
    pub sound_concealed: f32,
}

/// What keeps a picture from being larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum LimitedBy {
    /// Nothing: it is as large as it is shown, or as the camera gives it.
    #[default]
    None,
    /// The network.
    Bandwidth,
    /// This computer does not encode more in time.
    Processor,
}

/// A call on the local network. Its code is not known here: the announcement carries only a hash.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct NearbyCall {
    /// The name of the computer that it runs on.
    #[debug(skip)]
    pub host: String,
}

/// A call that was.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct RecentCall {
    /// Code.
    #[debug(skip)]
    pub code: String,
    /// The server that it was on, `None` for the local network.
    #[debug(skip)]
    pub server: Option<String>,
    /// Who was there.
    #[debug(skip)]
    pub names: Vec<String>,
    /// Milliseconds since the Unix epoch.
    #[ts(type = "number")]
    pub at: u64,
}

/// What remains of a call when it is over.
#[derive(derive_more::Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct CallSummary {
    /// Code, to join again.
    #[debug(skip)]
    pub code: String,
    /// The link, to join again.
    #[debug(skip)]
    pub invite_link: String,
    /// Whether it was the test call.
    pub test: bool,
    /// Seconds that somebody else was there and connected.
    pub seconds: u32,
    /// One line on quality: a single verdict, which counts freezes and tells a busy computer from a bad network.
    pub quality: Option<Sentence>,
    /// Why it ended, when nobody here pressed Leave.
    #[debug(skip)]
    pub reason: Option<Sentence>,
}
