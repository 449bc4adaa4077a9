//! Games: who offers one, who plays and who watches, and the rounds that they play.
//!
//! Everybody computes a round for themselves (see [`State`]). What is steered in a tick is *fixed* by the game's host, whom
//! everybody tells how they steer; what the host fixes it says to all until they have it. Between what is fixed and now
//! everybody shows what is to be expected: their own line as they steer it, the others' as they steered last. So nobody's
//! own line waits for the network. Each clock is kept so far ahead of the host's that moves reach the host in time.
//!
//! When the host leaves, the player with the smallest id goes on from what any of those who are left has. A host can favour
//! whom it likes, as whoever deals the cards can; what anybody can make of it is bounded in time and memory.
//!
//! [`Play::handle`] takes what happened, and [`Play::handle_timeout`] that time has passed ([`Play::poll_timeout`]);
//! [`Play::poll`] gives what changed. What must arrive is looked for in what is kept ([`Play::tell`]), what may get lost
//! comes from [`Play::poll_datagram`].

mod arena;
mod beat;
mod bot;
mod chance;
mod clock;
mod curves;
mod game;
mod hear;
mod host;
mod moves;
mod round;
mod sine;
mod tell;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use thiserror::Error;
use tincan_protocol::{GameKind, GameMessage, PeerId, Player, RoundsMessage, Table, Turn, Want};

use crate::GameInput;
pub use arena::{HEIGHT, Obstacle, RADIUS, WIDTH};
pub use bot::Bot;
pub use curves::{Ahead, COUNTDOWN, Curve, Out, Place, State, TICKS_A_SECOND};
use game::{Game, Took};
use host::Hosting;
pub use round::{Frame, Point, Trace};
use tell::Link;

/// Every message goes out in so many ticks, also when nothing changed: what was lost is said again, and nobody's clock drifts.
const BEAT: i64 = 3;
/// A turn is said at once, and again in each of these ticks.
const REPEATS: u32 = 3;
/// There is something new to show in so many ticks: thirty times a second, and at once when our own line turns.
const FRAME: i64 = 2;
/// After the end of a round: time to see it, and to tell everybody its last ticks.
pub(crate) const PAUSE: Duration = Duration::from_secs(3);
/// No round is shorter than its countdown; a host who makes a new one more often is not followed at once.
const SHORTEST: Duration = Duration::from_secs(1);
/// We ask the host for what we lack, or for the whole round, at most this often.
const AGAIN: Duration = Duration::from_secs(2);
/// For how long the next host waits for what the others have.
const HANDOVER: Duration = Duration::from_secs(1);
/// After so long the one after the next host is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlayOutput {
    /// Games on offer, or ours: see [`Play::offers`] and [`Play::game`].
    Games,
    /// A round is shown from now on: see [`Play::frame`].
    Round,
    /// There is something new to show of it.
    Frame,
    /// Our round was another than the host's, and is computed again.
    Differed,
}

/// What was asked of a game cannot be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PlayError {
    /// There is no such game (any more).
    #[error("That game is over. Offer a new one.")]
    Unknown,
    /// We are in a game.
    #[error("You are in a game already. Leave it first.")]
    Busy,
    /// We are in none.
    #[error("You are in no game. Join one, or offer one.")]
    NotInGame,
    /// Somebody else hosts it.
    #[error("Only whoever hosts the game can start it.")]
    NotHost,
    /// A game takes two.
    #[error("Nobody else plays yet. Wait until somebody has joined.")]
    Alone,
    /// A round is played.
    #[error("The game has begun already.")]
    Begun,
}

impl PlayError {
    /// A stable word for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unknown => "game_unknown",
            Self::Busy => "game_busy",
            Self::NotInGame => "game_not_in",
            Self::NotHost => "game_not_host",
            Self::Alone => "game_alone",
            Self::Begun => "game_begun",
        }
    }
}

/// A game as it is shown.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// Who plays what, and for how many points.
    pub table: &'a Table,
    /// Who hosts it.
    pub host: PeerId,
    /// Whether we play or watch.
    pub want: Want,
    /// The round that is played, or was played last.
    pub state: Option<&'a State>,
    /// Whether nothing comes from the host.
    pub stalled: bool,
}

/// The games of one stay in a room.
#[derive(Debug)]
pub struct Play {
    me: PeerId,
    links: BTreeMap<PeerId, Link>,
    /// What others host.
    tables: BTreeMap<PeerId, Table>,
    game: Option<Game>,
    /// How we steer now.
    turn: Turn,
    bot: Option<Bot>,
    /// When time was last looked at.
    looked: Option<Instant>,
    stalled: bool,
    datagrams: Vec<(PeerId, GameMessage)>,
    /// What changed and was not told yet.
    news: BTreeSet<u8>,
}

impl Play {
    /// Of somebody who has just come.
    pub fn new(me: PeerId) -> Self {
        Self {
            me,
            links: BTreeMap::new(),
            tables: BTreeMap::new(),
            game: None,
            turn: Turn::Straight,
            bot: None,
            looked: None,
            stalled: false,
            datagrams: Vec::new(),
            news: BTreeSet::new(),
        }
    }

    /// From now on we are steered by a program.
    pub fn set_bot(&mut self, bot: Bot) {
        self.bot = Some(bot);
    }

    /// Takes what happened.
    pub fn handle(&mut self, now: Instant, input: GameInput) {
        match input {
            GameInput::Left(peer) => self.left(peer),
            GameInput::LinkOpened(peer) if peer != self.me => {
                self.links.insert(peer, Link::default());
                if let Some(hosting) = self.game.as_mut().and_then(|game| game.hosting.as_mut()) {
                    hosting.told.remove(&peer);
                }
            }
            GameInput::LinkOpened(_) => {}
            GameInput::LinkClosed(peer) => {
                self.links.remove(&peer);
            }
            GameInput::Rounds { peer, bytes } if self.links.contains_key(&peer) => {
                // A newer version may say more than we understand.
                if let Ok(message) = RoundsMessage::decode(&bytes) {
                    self.heard_rounds(now, peer, message);
                }
            }
            GameInput::Game { peer, bytes } if self.links.contains_key(&peer) => {
                if let Ok(message) = GameMessage::decode(&bytes) {
                    self.heard_game(now, peer, &message);
                }
                return;
            }
            GameInput::Rounds { .. } | GameInput::Game { .. } => {}
        }
        self.follow(now);
    }

    /// When [`Play::handle_timeout`] is to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let game = self.game.as_ref()?;
        if let Some((_, next_look)) = game.orphaned {
            return Some(next_look);
        }
        let running = game.running.as_ref()?;
        let is_finished = game.hosting.as_ref().map_or_else(
            || running.is_over() && game.table.over,
            |hosting| running.is_over() && hosting.paused_until.is_none(),
        );
        let looked = self.looked.unwrap_or(running.began).max(running.began);
        (!is_finished).then(|| running.clock.begins(running.clock.tick(looked) + 1))
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.follow(now);
        self.advance(now);
        self.looked = Some(now);
    }

    /// What changed; `None` when everything was told.
    pub fn poll(&mut self) -> Option<PlayOutput> {
        Some(match self.news.pop_first()? {
            0 => PlayOutput::Games,
            1 => PlayOutput::Round,
            2 => PlayOutput::Differed,
            _ => PlayOutput::Frame,
        })
    }

    /// What is to be sent now, and is not worth sending later.
    pub fn poll_datagram(&mut self) -> Option<(PeerId, GameMessage)> {
        self.datagrams.pop()
    }

    /// What is new of the round since the last frame, and what is foretold.
    pub fn frame(&mut self, now: Instant) -> Option<Frame> {
        Some(self.game.as_mut()?.running.as_mut()?.frame(now))
    }

    /// Every game that others host, and who does.
    pub fn offers(&self) -> impl Iterator<Item = (PeerId, &Table)> {
        self.tables.iter().map(|(host, table)| (*host, table))
    }

    /// The game that we are in.
    pub fn game(&self) -> Option<Shown<'_>> {
        let game = self.game.as_ref()?;
        let state = game.running.as_ref().map(|running| &running.state);
        Some(Shown { table: &game.table, host: game.host, want: game.want, state, stalled: self.stalled })
    }

    /// The number of our round, how many of its ticks are fixed, and the hash over all of them that is told once a second.
    pub fn confirmed(&self) -> Option<(u32, u32, u64)> {
        let running = self.game.as_ref()?.running.as_ref()?;
        let (tick, hash) = running.told_hash()?;
        Some((running.round.number, tick, hash))
    }

    /// Offers a game. `id` is drawn at random, at most 2^53 − 1; all chance in the game is made of it.
    ///
    /// # Errors
    /// [`PlayError::Busy`].
    pub fn offer(&mut self, now: Instant, kind: GameKind, id: u64) -> Result<(), PlayError> {
        if self.game.is_some() {
            return Err(PlayError::Busy);
        }
        let table = Table {
            game: id & ((1 << 53) - 1),
            kind,
            term: 1,
            players: vec![Player { peer: self.me, score: 0 }],
            watchers: Vec::new(),
            target: 0,
            round: None,
            over: false,
        };
        let hosting = Hosting::new(now, id);
        self.game = Some(Game { hosting: Some(hosting), ..Game::at(table, self.me, Want::Play) });
        self.tell_news(PlayOutput::Games);
        Ok(())
    }

    /// Joins a game of somebody else's, or changes between playing and watching.
    ///
    /// # Errors
    /// [`PlayError::Unknown`] and [`PlayError::Busy`].
    pub fn join(&mut self, now: Instant, game: u64, watch: bool) -> Result<(), PlayError> {
        let want = if watch { Want::Watch } else { Want::Play };
        if let Some(ours) = &mut self.game {
            if ours.table.game != game {
                return Err(PlayError::Busy);
            }
            ours.want = want;
        } else {
            let mut tables = self.tables.iter();
            let (host, table) = tables.find(|(_, table)| table.game == game).ok_or(PlayError::Unknown)?;
            let (host, table) = (*host, table.clone());
            let table_without_round = Table { round: None, ..table };
            self.game = Some(Game::at(table_without_round, host, want));
        }
        self.seat_ourselves(want);
        self.tell_news(PlayOutput::Games);
        self.follow(now);
        Ok(())
    }

    /// Starts a game that we host.
    ///
    /// # Errors
    /// [`PlayError`].
    pub fn start(&mut self, now: Instant) -> Result<(), PlayError> {
        let me = self.me;
        let game = self.game.as_mut().ok_or(PlayError::NotInGame)?;
        let hosting = game.hosting.as_mut().ok_or(PlayError::NotHost)?;
        if game.running.as_ref().is_some_and(|running| !running.is_over()) || hosting.paused_until.is_some() {
            return Err(PlayError::Begun);
        }
        if !hosting.begin(now, me, &mut game.table, &mut game.running) {
            return Err(PlayError::Alone);
        }
        self.round_is_new();
        Ok(())
    }

    /// We steer so from now on.
    pub fn steer(&mut self, turn: Turn) {
        if turn != Turn::Gone {
            self.turn = turn;
        }
    }

    /// Leaves the game. When we host it, the next one goes on.
    ///
    /// # Errors
    /// [`PlayError::NotInGame`].
    pub fn leave(&mut self) -> Result<(), PlayError> {
        let game = self.game.take().ok_or(PlayError::NotInGame)?;
        if game.hosting.is_some() {
            for link in self.links.values_mut() {
                link.closes(&game);
            }
        }
        self.stalled = false;
        self.datagrams.clear();
        self.tell_news(PlayOutput::Games);
        Ok(())
    }

    fn tell_news(&mut self, news: PlayOutput) {
        self.news.insert(match news {
            PlayOutput::Games => 0,
            PlayOutput::Round => 1,
            PlayOutput::Differed => 2,
            PlayOutput::Frame => 3,
        });
    }

    fn round_is_new(&mut self) {
        // What is held down from the round before is not meant for this one.
        self.turn = Turn::Straight;
        self.looked = None;
        self.tell_news(PlayOutput::Games);
        self.tell_news(PlayOutput::Round);
        self.tell_news(PlayOutput::Frame);
    }

    fn took(&mut self, took: Took) {
        match took {
            Took::Nothing => {}
            Took::Table => self.tell_news(PlayOutput::Games),
            Took::Round => self.round_is_new(),
        }
    }

    fn left(&mut self, peer: PeerId) {
        self.links.remove(&peer);
        if self.tables.remove(&peer).is_some() {
            self.tell_news(PlayOutput::Games);
        }
        self.seated(peer, Want::Nothing);
    }

    /// Our own place at a table that we host.
    fn seat_ourselves(&mut self, want: Want) {
        self.seated(self.me, want);
    }

    /// Somebody wants something of the game that we host.
    fn seated(&mut self, peer: PeerId, want: Want) {
        let Some(game) = &mut self.game else { return };
        let Some(hosting) = &mut game.hosting else { return };
        if hosting.seat(peer, want, &mut game.table, game.running.as_ref()) {
            self.tell_news(PlayOutput::Games);
        }
    }
}
