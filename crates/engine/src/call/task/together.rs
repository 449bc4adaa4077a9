//! What people do together beside talking: each kind on channels of its own and in a file of its own beside this one. Here
//! is what they have in common: whatever happens in the room is told to all of them.

use std::time::Instant;

use bytes::Bytes;
use tincan_call::Input;
use tincan_protocol::{Channel, PeerId};
use tincan_share::Chat;
use tincan_share::play::Play;
use tincan_share::sketch::Sketch;

use super::super::TogetherCommand;
use super::board::Whiteboard;
use super::{CallTask, chat, game, sketch};
use crate::api::{CommandError, Reply};

/// The channels that are opened on each confirmed connection whose other side has their feature.
const CHANNELS: [Channel; 5] = [Channel::Chat, Channel::Board, Channel::Ink, Channel::Game, Channel::Rounds];

/// Shared screens are shown, and what is pointed at on them.
const SCREEN: &str = "screen";

/// What everybody in the room is told that we understand.
pub(super) fn features(files: bool) -> Vec<String> {
    let channels = CHANNELS.into_iter().chain(files.then_some(Channel::Files));
    let mut features = vec![SCREEN.to_owned()];
    features.extend(channels.map(|channel| channel.feature().to_owned()));
    features.dedup();
    features
}

/// What happened in the room.
pub(super) enum Happened {
    Came(PeerId),
    Left(PeerId),
    Named {
        peer: PeerId,
        name: String,
    },
    /// A channel to somebody can be used: a new one, on which nothing was said yet.
    Opened {
        peer: PeerId,
        channel: Channel,
    },
    /// All channels to somebody are gone; they may come back.
    Closed(PeerId),
    Received {
        peer: PeerId,
        channel: Channel,
        bytes: Bytes,
    },
}

pub(super) struct Together {
    pub(super) chat: Chat,
    pub(super) board: Whiteboard,
    pub(super) play: Play,
    pub(super) sketch: Sketch,
    /// The hash of the round that was told last: round, tick, hash.
    pub(super) checked: Option<(u32, u32, u64)>,
}

impl Together {
    pub(super) fn new(me: PeerId) -> Self {
        Self {
            chat: Chat::new(me),
            board: Whiteboard::new(me),
            play: Play::new(me),
            sketch: sketch::begin(me),
            checked: None,
        }
    }

    /// When [`CallTask::go_on_together`] is due though nothing happens.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        [self.board.poll_timeout(), self.play.poll_timeout(), self.sketch.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
    }
}

impl CallTask {
    pub(super) async fn begin_together(&mut self) {
        self.begin_chat().await;
        self.begin_board().await;
        self.begin_sketch();
        self.begin_games().await;
    }

    /// The other side is who it says: what both understand is opened.
    pub(super) fn open_channels(&mut self, peer: PeerId, connection: u32) {
        let mut others = self.session.participants().iter();
        let Some(other) = others.find(|other| other.id() == peer) else { return };
        for channel in CHANNELS.into_iter().filter(|channel| other.has_feature(channel.feature())) {
            self.connections.with(peer, connection, move |remote| remote.open_channel(channel));
        }
        self.open_files(peer, connection);
    }

    pub(super) fn happened(&mut self, what: Happened) {
        self.tell_files(&what);
        if let Some(input) = chat::input(&what) {
            self.together.chat.handle(input);
        }
        self.together.board.happened(&what);
        if let Some(input) = game::input(&what) {
            let now = Instant::now();
            self.together.play.handle(now, input.clone());
            self.together.sketch.handle(now, input);
        }
    }

    /// Takes in what came on a link; the session need not know of it.
    pub(super) async fn hear(&mut self, what: Happened) -> Option<Input> {
        self.happened(what);
        self.go_on_together().await;
        None
    }

    pub(super) async fn asked_together(&mut self, command: TogetherCommand) -> Result<Reply, CommandError> {
        match command {
            TogetherCommand::Chat(command) => self.chat_command(command).await,
            TogetherCommand::Board(command) => self.board_command(command).await,
            TogetherCommand::DrawBoard { page, to } => self.draw_board(page, to),
            TogetherCommand::Game(command) => self.game_command(command).await,
            TogetherCommand::Sketch(command) => self.sketch_command(command).await,
        }
    }

    /// Says to the others what they lack, and shows what changed.
    pub(super) async fn go_on_together(&mut self) {
        self.go_on_with_chat().await;
        self.go_on_with_board().await;
        self.go_on_with_games().await;
        self.go_on_with_sketch().await;
    }

    /// What a channel had no room for is said when it is looked at next.
    pub(super) fn tell_together(&mut self) {
        self.tell_chat();
        self.tell_board();
        self.tell_games();
        self.tell_sketch();
    }
}
