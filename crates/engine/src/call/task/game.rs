//! The call's games: what comes on their channels, what is asked of them, and what a window shows of them.

use std::hash::{BuildHasher, RandomState};
use std::time::Instant;

use tincan_protocol::{Channel, StateHash};
use tincan_share::GameInput;
use tincan_share::play::{Bot, PlayError, PlayOutput};

use super::super::{CallUpdate, games};
use super::CallTask;
use super::together::{Happened, Together};
use crate::api::{ArenaChange, CommandError, Event, GameCommand, Reply};

/// What of all that happens is the games', of either kind.
pub(super) fn input(what: &Happened) -> Option<GameInput> {
    Some(match what {
        Happened::Left(peer) => GameInput::Left(*peer),
        Happened::Opened { peer, channel: Channel::Rounds } => GameInput::LinkOpened(*peer),
        Happened::Closed(peer) => GameInput::LinkClosed(*peer),
        Happened::Received { peer, channel: Channel::Rounds, bytes } => {
            GameInput::Rounds { peer: *peer, bytes: bytes.to_vec() }
        }
        Happened::Received { peer, channel: Channel::Game, bytes } => {
            GameInput::Game { peer: *peer, bytes: bytes.to_vec() }
        }
        Happened::Came(_) | Happened::Named { .. } | Happened::Opened { .. } | Happened::Received { .. } => {
            return None;
        }
    })
}

impl CallTask {
    pub(super) async fn begin_games(&mut self) {
        if let Some(seed) = self.config.bot {
            self.together.play.set_bot(Bot::new(seed));
        }
        self.show_games().await;
    }

    pub(super) async fn game_command(&mut self, command: GameCommand) -> Result<Reply, CommandError> {
        let now = Instant::now();
        let is_elsewhere = self.together.sketch.game().is_some();
        let play = &mut self.together.play;
        match command {
            // One plays one game at a time, whichever it is.
            GameCommand::Offer { .. } | GameCommand::Join { .. } if is_elsewhere => Err(PlayError::Busy),
            // The number only has to be another than every other game's.
            GameCommand::Offer { kind } => match games::said_kind(kind) {
                Some(kind) => play.offer(now, kind, RandomState::new().hash_one(now)),
                None => Err(PlayError::Unknown),
            },
            GameCommand::Join { game, watch } => match game.parse() {
                Ok(game) => play.join(now, game, watch),
                Err(_) => Err(PlayError::Unknown),
            },
            GameCommand::Start => play.start(now),
            GameCommand::Steer { turn } => {
                play.steer(games::said_turn(turn));
                Ok(())
            }
            GameCommand::Leave => play.leave(),
        }
        .map_err(games::refused)?;
        self.go_on_with_games().await;
        Ok(Reply::Done)
    }

    /// Says to the others what is to be said now, and shows what changed.
    pub(super) async fn go_on_with_games(&mut self) {
        let now = Instant::now();
        let play = &mut self.together.play;
        if play.poll_timeout().is_some_and(|timeout| timeout <= now) {
            play.handle_timeout(now);
        }
        self.tell_games();
        while let Some(output) = self.together.play.poll() {
            match output {
                PlayOutput::Games => self.show_games().await,
                PlayOutput::Round => {
                    let shown = self.together.play.game();
                    let round = shown.and_then(|shown| shown.table.round.as_ref());
                    let arena = round.map(|round| games::empty_arena(round.number, round.seats.len()));
                    self.show_arena(ArenaChange::All { arena }).await;
                }
                PlayOutput::Frame => {
                    if let Some(frame) = self.together.play.frame(now) {
                        self.show_arena(games::frame(&frame)).await;
                    }
                }
                // It is drawn again from its beginning by what follows.
                PlayOutput::Differed => {}
            }
        }
        let confirmed = self.together.play.confirmed();
        if confirmed != self.together.checked {
            self.together.checked = confirmed;
            if let Some((round, tick, hash)) = confirmed {
                let hash = StateHash(hash).into();
                self.show_arena(ArenaChange::Checked { round, tick, hash }).await;
            }
        }
    }

    /// What a channel has no room for is said when it is looked at next; of moves there are newer ones by then.
    pub(super) fn tell_games(&mut self) {
        let Self { together: Together { play, .. }, connections, .. } = self;
        for peer in play.linked().collect::<Vec<_>>() {
            if let Some(remote) = connections.get(peer) {
                play.tell(peer, |message| remote.send_on(Channel::Rounds, message.encode().into()));
            }
        }
        while let Some((peer, message)) = play.poll_datagram() {
            if let Some(remote) = connections.get(peer) {
                remote.send_on(Channel::Game, message.encode().into());
            }
        }
    }

    pub(super) async fn show_games(&self) {
        let games = self.all_games();
        let is_out = games.game.is_none();
        self.engine.send(CallUpdate::Together(Event::Games { games })).await;
        if is_out {
            self.show_arena(ArenaChange::All { arena: None }).await;
        }
    }

    async fn show_arena(&self, change: ArenaChange) {
        self.engine.send(CallUpdate::Together(Event::Arena { change })).await;
    }
}
