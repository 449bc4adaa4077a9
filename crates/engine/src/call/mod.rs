//! One call: a task that drives the session, the signalling client and the connections, and joins all of them when it
//! ends.

mod addresses;
mod begin;
pub(crate) mod board_view;
mod connections;
mod decoding;
mod games;
mod load;
mod local;
mod numbers;
mod people;
mod remote;
mod route;
mod sketch_view;
mod sound;
mod statistics;
mod task;
mod their_screen;
mod verdict;
pub(crate) mod view;
mod wants;

use std::path::PathBuf;
use std::sync::Arc;

use tincan_media::{Bitrate, MediaClock};
use tincan_peer::IceServerConfig;
use tincan_protocol::{Identity, PeerId, PostId, Reaction, RoomCode, Source};
use tincan_share::Draft;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, info_span, warn};

use crate::api::{
    BoardCommand, CallStatistics, CallView, CommandError, Event, GameCommand, Notice, Reply, Sentence,
    SketchCommand,
};
use crate::files::FilesHandle;
use crate::media::{AudioHandle, EncoderHandle, ScreenHandle};
use crate::record::{NewFile, Tap};
use crate::{FrameOutput, HostedRoom};

pub(crate) use route::{Host, Route};
pub(crate) use view::unix_millis;

/// Views and statistics that may wait for the engine; it takes them at once unless it hangs.
const COMMANDS: usize = 64;

/// What a call is made of.
pub(crate) struct CallConfig {
    /// Which of the engine's calls this is.
    pub(crate) number: u64,
    pub(crate) code: RoomCode,
    /// How to reach the room.
    pub(crate) route: Route,
    /// The room that the same people were in before, under a code that was read aloud, and how to reach it: somebody may
    /// still be there.
    pub(crate) earlier: Option<(RoomCode, Route)>,
    /// The code for the calls that follow, as far as it is known.
    pub(crate) again: Option<RoomCode>,
    /// Who we are for this stay.
    pub(crate) identity: Identity,
    pub(crate) name: String,
    pub(crate) microphone: bool,
    pub(crate) camera: bool,
    /// STUN and TURN servers from the settings.
    pub(crate) ice_servers: Vec<IceServerConfig>,
    pub(crate) relay_only: bool,
    /// Whether this is the test call with the built-in participant.
    pub(crate) test: bool,
    /// What is seen and heard, for a recording.
    pub(crate) tap: Arc<Tap>,
    /// What a connection may send at most, when not what is usual.
    pub(crate) max_bitrate: Option<Bitrate>,
    /// Our line in games is steered by a program, by this seed.
    pub(crate) bot: Option<u64>,
    pub(crate) clock: MediaClock,
    pub(crate) media: CallMedia,
    /// Sends and receives files; `None`: nobody here wants any.
    pub(crate) files: Option<FilesHandle>,
}

/// The pipelines that a call plugs its connections into.
#[derive(Clone)]
pub(crate) struct CallMedia {
    pub(crate) audio: AudioHandle,
    pub(crate) encoder: EncoderHandle,
    pub(crate) screen: ScreenHandle,
    pub(crate) output: Arc<dyn FrameOutput>,
}

/// Whoever asked for something.
pub(crate) type Answer = oneshot::Sender<Result<Reply, CommandError>>;

/// What a running call is told.
pub(crate) enum CallCommand {
    Source {
        source: Source,
        on: bool,
    },
    Name(String),
    Volume {
        peer: PeerId,
        volume: f32,
    },
    Hand(bool),
    /// Records the call into this file.
    Record(NewFile, Answer),
    StopRecording,
    React(Reaction),
    Lock(bool),
    LetIn(PeerId),
    Refuse(PeerId),
    Verified {
        peer: Option<PeerId>,
        on: bool,
    },
    Together(TogetherCommand, Answer),
}

/// What is asked of what people do together.
pub(crate) enum TogetherCommand {
    Chat(ChatCommand),
    Board(BoardCommand),
    /// A page of the whiteboard as an SVG; nothing comes when there is none of that id.
    DrawBoard {
        page: Option<String>,
        to: oneshot::Sender<String>,
    },
    Game(GameCommand),
    Sketch(SketchCommand),
}

/// What is asked of the call's chat.
pub(crate) enum ChatCommand {
    Say(Draft),
    Edit(PostId, String),
    Delete(PostId),
    React { of: PostId, reaction: Reaction, on: bool },
    CloseHistory,
}

/// Something that a call tells the engine, which may be in another call by then: perhaps in the same room.
pub(crate) struct FromCall {
    pub(crate) number: u64,
    pub(crate) update: CallUpdate,
}

/// What a call tells the engine.
pub(crate) enum CallUpdate {
    View(CallView),
    Statistics(CallStatistics),
    Notice(Notice),
    /// Somebody reacts; `None`: we.
    Reaction {
        peer: Option<PeerId>,
        reaction: Reaction,
    },
    /// Something of what people do together is another than it was.
    Together(Event),
    /// The answer to something that was asked of the call: after what came of it.
    Answered(Answer, Result<Reply, CommandError>),
    /// Where a recording is that ended.
    Recorded(PathBuf),
    /// Somebody came while the call was on.
    SomebodyJoined(Notice),
    /// The room is on the server in this program, for as long as this is kept.
    Hosted {
        code: RoomCode,
        room: HostedRoom,
    },
    /// The call is over. Only a recording has more to say; what is left of the call is released by the time that
    /// [`CallHandle::leave`] returns.
    Ended(CallEnd),
}

/// How a call was.
pub(crate) struct CallEnd {
    /// With which the same people call each other again.
    pub(crate) code: RoomCode,
    /// The code of this call, when that is another.
    pub(crate) spoken: Option<RoomCode>,
    pub(crate) test: bool,
    /// Whether we ever were in the room.
    pub(crate) joined: bool,
    /// Whether anybody else was.
    pub(crate) somebody_came: bool,
    /// Why it ended when nobody here left.
    pub(crate) reason: Option<Sentence>,
    pub(crate) names: Vec<String>,
    pub(crate) seconds: u32,
    pub(crate) quality: Option<Sentence>,
    pub(crate) invite_link: String,
    /// The server that it was on; `None` for the local network.
    pub(crate) server: Option<String>,
}

/// A call that runs. Dropping it cancels; [`CallHandle::leave`] also waits until it is quiet.
pub(crate) struct CallHandle {
    commands: mpsc::Sender<CallCommand>,
    cancel: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl CallHandle {
    /// Starts joining. `joined` is answered when we are in the room, or cannot get in.
    pub(crate) fn start(
        config: CallConfig,
        updates: mpsc::Sender<FromCall>,
        joined: oneshot::Sender<Result<RoomCode, CommandError>>,
    ) -> Self {
        let (commands, inbox) = mpsc::channel(COMMANDS);
        let cancel = CancellationToken::new();
        let run = begin::run(config, inbox, updates, joined, cancel.clone());
        let task = tokio::spawn(run.instrument(info_span!("call")));
        Self { commands, cancel, task: Some(task) }
    }

    pub(crate) fn send(&self, command: CallCommand) {
        // A call that is ending needs to know nothing more; one that hangs must not take the engine with it.
        if self.commands.try_send(command).is_err() {
            warn!("the call takes no commands");
        }
    }

    /// Says goodbye, and returns when every task, thread and socket of the call is released.
    pub(crate) async fn leave(mut self) {
        self.cancel.cancel();
        if let Some(task) = self.task.take()
            && task.await.is_err()
        {
            warn!("the call's task panicked");
        }
    }
}

impl Drop for CallHandle {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}
