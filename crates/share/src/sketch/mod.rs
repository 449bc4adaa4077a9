//! *Draw and guess*: by turns one draws a word that they chose, and the others guess it.
//!
//! The host says whose turn it is, and counts. A turn is its drawer's: only they know the word, so their program judges
//! the guesses. Before anything is drawn it promises the word by a hash, which it opens in the end, so that everybody can
//! see that it was this one all the time. Guesses go to the drawer; when one was wrong, whoever made it tells the others
//! themselves. So nobody speaks for another, and what is right is read by nobody who still guesses.
//!
//! When the host leaves, the player with the smallest id goes on from the last state that it was told; the turn goes on
//! meanwhile, since it does not need the host. When the drawer leaves, the turn ends, and who has guessed it keeps the points.
//!
//! [`Sketch::handle`] takes what happened, and [`Sketch::handle_timeout`] that time has passed ([`Sketch::poll_timeout`]);
//! [`Sketch::poll`] gives what changed. What must arrive is looked for in what is kept ([`Sketch::tell`]); what is being
//! drawn right now comes from [`Sketch::poll_datagram`], and is repeated as on the whiteboard ([`Live`](crate::Live)).

mod bot;
mod chance;
mod draw;
mod easel;
mod game;
mod hear;
mod host;
mod score;
mod sheet;
mod tell;
mod turn;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use thiserror::Error;
use tincan_protocol::{
    PeerId, SKETCH_ROUNDS, SKETCH_SECONDS, SheetStroke, SketchInk, SketchKind, SketchLanguage, SketchMessage,
    SketchState, Solved, Verdict, Want, display_name,
};

use crate::GameInput;
use crate::board::LiveStroke;
pub use bot::SketchBot;
use chance::Chance;
use game::Game;
pub use score::word_promise;
use tell::Link;
pub use turn::{OwnGuess, Said};
pub use words::words;

/// So long the drawer may choose; then chance does.
pub const CHOOSE: Duration = Duration::from_secs(15);
/// Between two turns: time to read the word and the points.
pub const PAUSE: Duration = Duration::from_secs(6);
/// So much longer than it may take everybody waits for a drawer of whom nothing comes.
const GRACE: Duration = Duration::from_secs(10);
/// No turn is shorter; a host who makes a new one more often is not followed at once.
const SHORTEST: Duration = Duration::from_secs(1);
/// After so long the one after the next host is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// For so long after a new host has come another one may turn out to be the right one.
const CONTESTED: Duration = Duration::from_secs(20);
/// When something is drawn and nothing moves, it is looked after the drawer so often: they may have gone.
const IDLE: Duration = Duration::from_millis(500);

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SketchOutput {
    /// Games on offer, or ours: see [`Sketch::offers`] and [`Sketch::game`].
    Games,
    /// There is another sheet, with nothing on it yet, or none.
    NewSheet,
    /// What is on the sheet: see [`Sketch::sheet_news`].
    Sheet,
    /// What the drawer draws right now: see [`Sketch::live_news`].
    Live,
}

/// What was asked of a game cannot be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SketchError {
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
    /// It is played.
    #[error("The game has begun already.")]
    Begun,
    /// How long the game is to be.
    #[error("A game has 1 to 10 rounds, and 15 to 240 seconds for each drawing.")]
    Bounds,
    /// It is somebody else's turn, or nothing is drawn now.
    #[error("It is not your turn to draw.")]
    NotDrawing,
    /// We draw, watch, or have guessed it; or nothing is drawn now.
    #[error("There is nothing for you to guess now.")]
    NotGuessing,
    /// Too many guesses wait for an answer.
    #[error("Not so fast. Wait until your last guesses have been answered.")]
    TooFast,
    /// No more fits on the sheet.
    #[error("The sheet is full. Undo something, or wipe it.")]
    Full,
}

impl SketchError {
    /// A stable word for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unknown => "game_unknown",
            Self::Busy => "game_busy",
            Self::NotInGame => "game_not_in",
            Self::NotHost => "game_not_host",
            Self::Alone => "game_alone",
            Self::Begun => "game_begun",
            Self::Bounds => "game_bounds",
            Self::NotDrawing => "game_not_drawing",
            Self::NotGuessing => "game_not_guessing",
            Self::TooFast => "game_too_fast",
            Self::Full => "game_sheet_full",
        }
    }
}

/// A game as it is shown.
#[derive(Debug, Clone, Copy)]
pub struct SketchShown<'a> {
    /// Who plays, and how the game stands.
    pub state: &'a SketchState,
    /// Who hosts it.
    pub host: PeerId,
    /// Whether we play or watch.
    pub want: Want,
    /// Whether the host is gone and nobody goes on yet.
    pub stalled: bool,
    /// The turn that is played or was played last.
    pub turn: Option<TurnShown<'a>>,
}

/// A turn as it is shown.
#[derive(derive_more::Debug, Clone, Copy)]
pub struct TurnShown<'a> {
    /// The word as far as everybody knows it; empty while it is chosen.
    pub hint: &'a str,
    /// When the drawing began; `None`: a word is being chosen.
    pub began: Option<Instant>,
    /// The word, for whoever draws it; and for everybody when the turn is over.
    #[debug(skip)]
    pub word: Option<&'a str>,
    /// Whether the word was told, so that the turn is over.
    pub opened: bool,
    /// What we may choose from.
    #[debug(skip)]
    pub choices: &'a [String],
    /// Who has guessed it, the first one first.
    pub solved: &'a [Solved],
    /// Guesses, in the order in which they came.
    pub said: &'a [Said],
    /// Ours.
    pub own: &'a [OwnGuess],
    /// Whether the drawer kept to what it promised.
    pub fair: bool,
}

/// The games of *Draw and guess* of one stay in a room.
#[derive(Debug)]
pub struct Sketch {
    me: PeerId,
    chance: Chance,
    links: BTreeMap<PeerId, Link>,
    /// What others host.
    tables: BTreeMap<PeerId, SketchState>,
    game: Option<Game>,
    bot: Option<SketchBot>,
    datagrams: Vec<(PeerId, SketchInk)>,
    /// What changed and was not told yet.
    news: BTreeSet<SketchOutput>,
}

impl Sketch {
    /// Of somebody who has just come. What nobody may foretell, as which words are to be drawn, is made of `secret`.
    pub const fn new(me: PeerId, secret: [u8; 32]) -> Self {
        Self {
            me,
            chance: Chance::new(secret),
            links: BTreeMap::new(),
            tables: BTreeMap::new(),
            game: None,
            bot: None,
            datagrams: Vec::new(),
            news: BTreeSet::new(),
        }
    }

    /// From now on a program draws and guesses for us.
    pub fn set_bot(&mut self, bot: SketchBot) {
        self.bot = Some(bot);
    }

    /// Takes what happened.
    pub fn handle(&mut self, now: Instant, input: GameInput) {
        match input {
            GameInput::Left(peer) => {
                self.closed(peer);
                if self.tables.remove(&peer).is_some() {
                    self.news.insert(SketchOutput::Games);
                }
                self.seated(peer, Want::Nothing);
            }
            GameInput::LinkOpened(peer) if peer != self.me => {
                self.links.insert(peer, Link::default());
                if let Some(turn) = self.turn_mut().filter(|turn| turn.drawer == peer) {
                    turn.live.link_opened(peer);
                }
            }
            GameInput::LinkOpened(_) => {}
            GameInput::LinkClosed(peer) => self.closed(peer),
            GameInput::Rounds { peer, bytes } if self.links.contains_key(&peer) => {
                // Another game's, or of a newer version.
                let Ok(message) = SketchMessage::decode(&bytes) else { return };
                self.heard_rounds(now, peer, message);
            }
            GameInput::Game { peer, bytes } if self.links.contains_key(&peer) => {
                let Ok(message) = SketchInk::decode(&bytes) else { return };
                if let Some(turn) = self.turn_mut()
                    && (turn.drawer, turn.game, turn.id) == (peer, message.game, message.turn)
                {
                    let time = turn.live_time(now);
                    turn.live.heard(peer, &bytes, time);
                }
                return;
            }
            GameInput::Rounds { .. } | GameInput::Game { .. } => {}
        }
        self.go_on(now);
    }

    fn closed(&mut self, peer: PeerId) {
        self.links.remove(&peer);
        if let Some(turn) = self.turn_mut() {
            turn.live.link_closed(peer);
        }
    }

    /// When [`Sketch::handle_timeout`] is to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let game = self.game.as_ref()?;
        let told = self.tables.get(&game.host).filter(|told| told.game == game.state.game);
        let turn = game.turn.as_ref();
        let easel = turn.filter(|turn| !turn.is_opened()).and_then(|turn| {
            turn.ours.as_ref().and_then(|easel| easel.timeout(turn.entered, turn.began, turn.seconds))
        });
        let live = turn.and_then(|turn| {
            if turn.live.is_busy() {
                Some(turn.live_due)
            } else {
                turn.live.is_there().then(|| turn.live_due + IDLE)
            }
        });
        let bot = self.bot.as_ref().and_then(|bot| bot.timeout(game));
        [game.timeout(told), game.host_timeout(), easel, live, bot].into_iter().flatten().min()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.go_on(now);
        self.let_bot_play(now);
        self.ink(now);
    }

    fn go_on(&mut self, now: Instant) {
        self.follow(now);
        self.judge(now);
        self.host(now);
    }

    /// What changed; `None` when everything was told.
    pub fn poll(&mut self) -> Option<SketchOutput> {
        if self.turn_mut().is_some_and(|turn| turn.sheet.has_news()) {
            self.news.insert(SketchOutput::Sheet);
        }
        self.news.pop_first()
    }

    /// What is to be sent now, and is not worth sending later.
    pub fn poll_datagram(&mut self) -> Option<(PeerId, SketchInk)> {
        self.datagrams.pop()
    }

    /// What is new on the sheet since the last look: how many of its entries stay, and what follows these. `None` is a sheet
    /// that was wiped.
    pub fn sheet_news(&mut self) -> Option<(usize, &[Option<SheetStroke>])> {
        self.turn_mut()?.sheet.news()
    }

    /// What is on the sheet.
    pub fn sheet(&self) -> &[Option<SheetStroke>] {
        let turn = self.game.as_ref().and_then(|game| game.turn.as_ref());
        turn.map_or(&[], |turn| turn.sheet.entries())
    }

    /// What is drawn right now, when it is another than at the last look; inside `None`: nothing.
    pub fn live_news(&mut self, now: Instant) -> Option<Option<LiveStroke>> {
        let turn = self.turn_mut()?;
        let time = turn.live_time(now);
        let (_, state) = turn.live.changes(time).pop()?;
        Some(state.stroke)
    }

    /// Every game that others host, and who does.
    pub fn offers(&self) -> impl Iterator<Item = (PeerId, &SketchState)> {
        self.tables.iter().map(|(host, state)| (*host, state))
    }

    /// The game that we are in.
    pub fn game(&self) -> Option<SketchShown<'_>> {
        let game = self.game.as_ref()?;
        let turn = game.turn.as_ref().map(|turn| {
            let drawing = turn.drawing.as_ref();
            let opened =
                drawing.and_then(|drawing| drawing.opened.as_ref()).map(|opened| opened.word.as_str());
            let ours = turn.ours.as_ref();
            let is_choosing = ours.is_some_and(|easel| easel.word.is_none());
            TurnShown {
                hint: drawing.map_or("", |drawing| &drawing.hint),
                began: turn.began,
                word: opened.or_else(|| ours?.word.as_deref()),
                opened: opened.is_some(),
                choices: ours.filter(|_| is_choosing).map_or(&[], |easel| &easel.choices),
                solved: drawing.map_or(&[], |drawing| &drawing.solved),
                said: &turn.said,
                own: &turn.own,
                fair: turn.fair,
            }
        });
        let stalled = game.orphaned.is_some();
        Some(SketchShown { state: &game.state, host: game.host, want: game.want, stalled, turn })
    }

    /// Offers a game: everybody draws so often, for so many seconds.
    ///
    /// # Errors
    /// [`SketchError::Busy`] and [`SketchError::Bounds`].
    pub fn offer(&mut self, language: SketchLanguage, rounds: u32, seconds: u32) -> Result<(), SketchError> {
        if self.game.is_some() {
            return Err(SketchError::Busy);
        }
        if !SKETCH_ROUNDS.contains(&rounds) || !SKETCH_SECONDS.contains(&seconds) {
            return Err(SketchError::Bounds);
        }
        let mut state = SketchState {
            game: self.chance.id(),
            kind: SketchKind::DrawAndGuess,
            term: 1,
            language,
            rounds,
            seconds,
            players: Vec::new(),
            watchers: Vec::new(),
            turn: None,
            over: false,
        };
        host::seat(&mut state, self.me, Want::Play);
        let hosting = Some(host::Hosting::default());
        self.game = Some(Game { hosting, ..Game::at(state, self.me, Want::Play) });
        self.news.insert(SketchOutput::Games);
        Ok(())
    }

    /// Joins a game of somebody else's, or changes between playing and watching.
    ///
    /// # Errors
    /// [`SketchError::Unknown`] and [`SketchError::Busy`].
    pub fn join(&mut self, now: Instant, game: u64, watch: bool) -> Result<(), SketchError> {
        let want = if watch { Want::Watch } else { Want::Play };
        if let Some(ours) = &mut self.game {
            if ours.state.game != game {
                return Err(SketchError::Busy);
            }
            ours.want = want;
        } else {
            let mut tables = self.tables.iter();
            let (host, state) = tables.find(|(_, state)| state.game == game).ok_or(SketchError::Unknown)?;
            self.game = Some(Game::at(SketchState { turn: None, ..state.clone() }, *host, want));
        }
        self.seated(self.me, want);
        self.news.insert(SketchOutput::Games);
        self.go_on(now);
        Ok(())
    }

    /// Starts a game that we host.
    ///
    /// # Errors
    /// [`SketchError`].
    pub fn start(&mut self, now: Instant) -> Result<(), SketchError> {
        let game = self.game.as_mut().ok_or(SketchError::NotInGame)?;
        let hosting = game.hosting.as_ref().ok_or(SketchError::NotHost)?;
        let is_played = game.state.turn.as_ref().is_some_and(|turn| turn.gained.is_none());
        if is_played || hosting.next.is_some() {
            return Err(SketchError::Begun);
        }
        if game.state.players.len() < 2 {
            return Err(SketchError::Alone);
        }
        game.state.over = false;
        game.state.turn = None;
        for player in &mut game.state.players {
            (player.score, player.drew) = (0, 0);
        }
        self.next_turn(now);
        self.go_on(now);
        Ok(())
    }

    /// Chooses the word that we draw.
    ///
    /// # Errors
    /// [`SketchError::NotDrawing`].
    pub fn choose(&mut self, now: Instant, choice: usize) -> Result<(), SketchError> {
        let Self { game, chance, news, .. } = self;
        let game = game.as_mut().ok_or(SketchError::NotInGame)?;
        let turn = game.turn.as_mut().ok_or(SketchError::NotDrawing)?;
        let (id, easel) = (turn.id, turn.ours.as_mut().ok_or(SketchError::NotDrawing)?);
        let drawing = easel.choose(game.state.game, id, choice, chance).ok_or(SketchError::NotDrawing)?;
        turn.drawing = Some(drawing);
        turn.began = Some(now);
        news.insert(SketchOutput::Games);
        Ok(())
    }

    /// Guesses.
    ///
    /// # Errors
    /// [`SketchError`].
    pub fn guess(&mut self, now: Instant, text: &str) -> Result<(), SketchError> {
        let me = self.me;
        let game = self.game.as_mut().ok_or(SketchError::NotInGame)?;
        let turn = game.turn.as_mut().filter(|turn| turn.is_drawn()).ok_or(SketchError::NotGuessing)?;
        let text = display_name(text);
        let has_it =
            turn.has_solved(me) || turn.own.iter().any(|guess| guess.verdict == Some(Verdict::Right));
        if has_it || text.is_empty() || !turn.guessers.contains(&me) {
            return Err(SketchError::NotGuessing);
        }
        let waiting = turn.own.iter().filter(|guess| guess.verdict.is_none()).count();
        if waiting >= easel::WAITING || turn.own.len() >= tincan_protocol::MAX_GUESSES as usize {
            return Err(SketchError::TooFast);
        }
        turn.said.push(Said::Own(turn.own.len()));
        turn.own.push(OwnGuess { text, verdict: None });
        self.news.insert(SketchOutput::Games);
        self.go_on(now);
        Ok(())
    }

    fn turn_mut(&mut self) -> Option<&mut turn::Turn> {
        self.game.as_mut()?.turn.as_mut()
    }

    /// Leaves the game. When we host it, the next one goes on; when we draw, the others are told the word.
    ///
    /// # Errors
    /// [`SketchError::NotInGame`].
    pub fn leave(&mut self) -> Result<(), SketchError> {
        let mut game = self.game.take().ok_or(SketchError::NotInGame)?;
        if let Some(turn) = game.turn.as_mut().filter(|turn| turn.is_drawn()) {
            turn.open();
            for link in self.links.values_mut() {
                link.parts(turn);
            }
        }
        self.part();
        self.datagrams.clear();
        self.news.insert(SketchOutput::Games);
        self.news.insert(SketchOutput::NewSheet);
        Ok(())
    }

    /// We are in no game any more.
    fn part(&mut self) {
        for link in self.links.values_mut() {
            link.enters();
        }
    }
}
