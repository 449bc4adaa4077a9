//! What can be asked of the engine.

use super::Sentence;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::board::BoardCommand;
use super::event::Reaction;
use super::play::GameCommand;
use super::report::ReportWords;
use super::settings::Settings;
use super::share::ScreenChoice;
use super::sketch::SketchCommand;

/// Something that a person or a script wants. Ids of devices are selectors (`default`, `none`, `test-pattern`,
/// `file:…`, `device:…`).
#[derive(derive_more::Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
#[ts(export)]
pub enum Command {
    /// Opens camera and microphone for the lobby, without a call.
    StartPreview,
    /// Closes them again, unless a call uses them.
    StopPreview,
    /// Starts a call with a new code: on the configured server, else on the embedded one and the local network.
    CreateRoom,
    /// Joins by what a person typed or pasted: a code or an invite link.
    JoinRoom {
        /// A code in any spelling, or a `tincan://join/…` link.
        #[debug(skip)]
        code: String,
    },
    /// Calls the people of an earlier call again: opens its room, or joins it when somebody was first. The reply is
    /// [`Reply::Joined`].
    CallAgain {
        /// The earlier call's code.
        #[debug(skip)]
        code: String,
        /// The server that it was on; `None` for the local network.
        #[debug(skip)]
        server: Option<String>,
    },
    /// Calls the built-in participant.
    TestCall,
    /// Leaves the call; the reply comes when everything is released.
    Leave,
    /// Mutes at once, here; the others are told. Nothing is stored: the next call begins as the settings say.
    SetMicrophone {
        /// Whether sound is sent.
        on: bool,
    },
    /// Turns the camera off (its light goes out) or on. Nothing is stored, as with the microphone.
    SetCamera {
        /// Whether pictures are sent.
        on: bool,
    },
    /// Looks for screens and windows that can be shared, with small pictures of them. The reply is [`Reply::Screens`].
    ListScreens,
    /// Shares a screen or window in the call, in place of what was shared before. Nothing is stored.
    ShareScreen {
        /// Which: `monitor:NAME`, `window:ID`, `test-text` or `file:PATH`.
        #[debug(skip)]
        id: String,
        /// Whether motion goes before sharpness, as for a film.
        smooth: bool,
        /// Which sound goes with it: `system`, `tone:LEFT:RIGHT` or `file:PATH`; `None`: none.
        #[debug(skip)]
        sound: Option<String>,
    },
    /// Shares nothing any more.
    StopSharing,
    /// Switches the camera under the running track, and remembers it.
    SelectCamera {
        /// Which one.
        #[debug(skip)]
        id: String,
    },
    /// Switches the microphone under the running track, and remembers it.
    SelectMicrophone {
        /// Which one.
        #[debug(skip)]
        id: String,
    },
    /// Switches the speaker, and remembers it.
    SelectSpeaker {
        /// Which one.
        #[debug(skip)]
        id: String,
    },
    /// Plays a short chime on the chosen speaker.
    TestSpeaker,
    /// Looks for devices again.
    RefreshDevices,
    /// How loud one participant is played here: 0 is silent, 1 as sent, at most 2.
    SetVolume {
        /// The participant.
        #[debug(skip)]
        peer: String,
        /// Factor.
        volume: f32,
    },
    /// Raises our hand, or takes it down.
    SetHand {
        /// Whether it is raised.
        on: bool,
    },
    /// Records the call into a new file, and tells the others. Whoever records already goes on.
    StartRecording {
        /// Where; `None`: among the person's videos, under a name that says when.
        #[debug(skip)]
        file: Option<String>,
        /// The person's time minus UTC, in minutes, for that name.
        utc_offset: i32,
    },
    /// Records nothing more. Where the file is comes as a notice.
    StopRecording,
    /// Where the recording is that ended last. The reply is [`Reply::Saved`].
    LocateRecording,
    /// Shows everybody a reaction for a moment.
    React {
        /// Which.
        reaction: Reaction,
    },
    /// Says something in the chat.
    SendChat {
        /// What.
        #[debug(skip)]
        text: String,
        /// Peer id of whom alone it is for; `None`: everybody.
        #[debug(skip)]
        to: Option<String>,
        /// Id of the message that it replies to.
        #[debug(skip)]
        reply: Option<String>,
    },
    /// Changes what we said.
    EditChat {
        /// Which message.
        #[debug(skip)]
        id: String,
        /// What it is to say.
        #[debug(skip)]
        text: String,
    },
    /// Deletes what we said, for everybody.
    DeleteChat {
        /// Which message.
        #[debug(skip)]
        id: String,
    },
    /// Says what we think of a message, or takes it back.
    ReactToChat {
        /// Which message.
        #[debug(skip)]
        id: String,
        /// What.
        reaction: Reaction,
        /// Whether it stands.
        on: bool,
    },
    /// From now on newcomers are not told what was said before they came; for whoever was in the room first. It stays so.
    CloseChatHistory,
    /// Something of a game.
    Game {
        /// What.
        command: GameCommand,
    },
    /// Something of a game of *Draw and guess*.
    Sketch {
        /// What.
        command: SketchCommand,
    },
    /// Writes the chat into a new file. The reply is [`Reply::Saved`].
    SaveChat {
        /// Where; `None`: among the downloads, under a name that says when.
        #[debug(skip)]
        file: Option<String>,
        /// Whether a file that is there already is replaced: a dialog has asked the person.
        replace: bool,
        /// The person's time minus UTC, in minutes, for the times in it.
        utc_offset: i32,
    },
    /// Writes how the call went, or the one that ended last, into a new file: a page with plots and without names. The reply
    /// is [`Reply::Saved`].
    SaveReport {
        /// Where; `None`: among the downloads, under a name that says when.
        #[debug(skip)]
        file: Option<String>,
        /// Whether a file that is there already is replaced: a dialog has asked the person.
        replace: bool,
        /// The person's time minus UTC, in minutes.
        utc_offset: i32,
        /// What it is written in.
        #[debug(skip)]
        words: ReportWords,
    },
    /// Something that is asked of the whiteboard.
    Board {
        /// What.
        command: BoardCommand,
    },
    /// Offers files and folders, together. The reply is [`Reply::Offered`]. Paths come from the shell, never from the page.
    OfferFiles {
        /// Which: 1,024 at most.
        #[debug(skip)]
        paths: Vec<String>,
        /// Peer id of whom alone they are for; `None`: everybody in the call, also whoever comes later.
        #[debug(skip)]
        to: Option<String>,
    },
    /// Takes what is offered. With neither place it goes to the downloads.
    AcceptFiles {
        /// Which.
        #[debug(skip)]
        offer: String,
        /// The folder to put it into, under its own names.
        #[debug(skip)]
        folder: Option<String>,
        /// For an offer of one file: the new file itself. What is there already is not replaced; a number is put behind the name.
        #[debug(skip)]
        file: Option<String>,
    },
    /// Says that we do not want it.
    DeclineFiles {
        /// Which.
        #[debug(skip)]
        offer: String,
    },
    /// Stops sending or fetching for a while; it stays where it is.
    PauseFiles {
        /// Which.
        #[debug(skip)]
        offer: String,
        /// Of our own offer: to whom; `None`: to everybody.
        #[debug(skip)]
        peer: Option<String>,
    },
    /// Goes on with what we paused, or tries again what failed here.
    ResumeFiles {
        /// Which.
        #[debug(skip)]
        offer: String,
        /// Of our own offer: to whom; `None`: to everybody.
        #[debug(skip)]
        peer: Option<String>,
    },
    /// Ends a transfer. What came of it is removed, and our own offer ends with its last receiver, or at once for everybody.
    CancelFiles {
        /// Which.
        #[debug(skip)]
        offer: String,
        /// Of our own offer: to whom; `None`: to everybody, and to nobody who comes later.
        #[debug(skip)]
        peer: Option<String>,
    },
    /// Puts an offer away of which nothing moves any more.
    ForgetFiles {
        /// Which.
        #[debug(skip)]
        offer: String,
    },
    /// Where a received file is, or the first of several. The reply is [`Reply::Saved`].
    LocateFiles {
        /// Which.
        #[debug(skip)]
        offer: String,
    },
    /// Locks the room, so that newcomers wait until somebody lets them in, or opens it.
    SetLock {
        /// Whether it is locked.
        on: bool,
    },
    /// Lets somebody in who waits.
    LetIn {
        /// Who: a knock's id.
        #[debug(skip)]
        peer: String,
    },
    /// Tells somebody who waits that they are not let in.
    Refuse {
        /// Who: a knock's id.
        #[debug(skip)]
        peer: String,
    },
    /// The safety number was compared and fits, or that is taken back. Kept for this stay.
    SetVerified {
        /// With whom; `None`: with everybody who is here and confirmed.
        #[debug(skip)]
        peer: Option<String>,
        /// Whether it fits.
        on: bool,
    },
    /// Replaces the settings, and remembers them.
    UpdateSettings {
        /// All of them.
        settings: Settings,
    },
    /// Forgets the list of recent calls.
    ForgetRecent,
    /// Forgets one of the recent calls.
    ForgetCall {
        /// Its code.
        #[debug(skip)]
        code: String,
    },
    /// Only checks and spells what was typed; changes nothing. The reply is [`Reply::Code`].
    CheckCode {
        /// What was typed so far.
        #[debug(skip)]
        text: String,
    },
}

/// What a command gives back.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
#[ts(export)]
pub enum Reply {
    /// Done.
    Done,
    /// In the room (or waiting for others in it).
    Joined {
        /// The code as it is read to somebody: `kqz4-m8tr-xp`.
        #[debug(skip)]
        code: String,
    },
    /// The file is written.
    Saved {
        /// Where it is.
        #[debug(skip)]
        file: String,
    },
    /// It is on the whiteboard.
    Drawn {
        /// Ids of what was drawn. A long stroke is several things.
        #[debug(skip)]
        ids: Vec<String>,
    },
    /// A picture on the whiteboard.
    Picture {
        /// Its bytes in base64: a PNG, JPEG or WebP.
        #[debug(skip)]
        data: String,
    },
    /// Files are offered.
    Offered {
        /// The offer's id.
        #[debug(skip)]
        offer: String,
    },
    /// What can be shared: screens, then windows, the ones on top first.
    Screens {
        /// All of them.
        screens: Vec<ScreenChoice>,
        /// Whether this computer's sound can be shared with them.
        sound: bool,
    },
    /// What [`Command::CheckCode`] found.
    Code {
        /// What was typed, grouped as codes are.
        #[debug(skip)]
        formatted: String,
        /// Whether it is a whole code.
        complete: bool,
        /// The server named in a link.
        #[debug(skip)]
        server: Option<String>,
        /// What is wrong with it; `None` while it may still become a code.
        #[debug(skip)]
        problem: Option<Sentence>,
    },
}

/// A command failed: what happened and what to do, under a code such as `room_not_found`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, thiserror::Error)]
#[error("{0}")]
#[ts(export)]
pub struct CommandError(pub Sentence);
