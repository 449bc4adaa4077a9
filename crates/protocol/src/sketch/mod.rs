//! *Draw and guess*, the game by turns: JSON, one object a message. What must arrive goes over the channel `rounds`, what is
//! being drawn right now over `game`, as ink does on a channel of its own.
//!
//! The host says how the game stands (`gameState`); what a player does in a turn (`playerMove`) each says themselves.

mod answer;

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::board::{InkKind, InkMessage, MAX_INK_LEN, Points, Style};
use crate::peer_id::PeerId;
use crate::play::{MAX_AT_TABLE, PlayMessageError, Want};
use crate::text::MAX_NAME_LEN;

pub use answer::{answer_letters, is_close, is_same_answer};

/// Longest message on `rounds`: what every implementation takes in one piece (RFC 8831, section 6.6).
const MAX_LEN: usize = 16 * 1024;
/// The largest number that every JSON reader takes exactly (RFC 8259, section 6).
const MAX_NUMBER: u64 = (1 << 53) - 1;
/// Who can play: as many as a room takes.
pub const MAX_SKETCH_PLAYERS: usize = 8;
/// Guesses of one player in one turn: more than one a second in the longest.
pub const MAX_GUESSES: u32 = 250;
/// What is on the sheet of a turn at most: strokes, and the times that it was wiped.
pub const MAX_SHEET: usize = 2_000;
/// Points of all these strokes: ten minutes at a hundred a second, in about 300 kB.
pub const MAX_SHEET_POINTS: usize = 60_000;
/// The sheet, in tenths of a unit as on the whiteboard: from 0, 0 to here.
pub const SHEET_SIZE: [i32; 2] = [8_000, 6_000];
/// How often everybody may draw in one game.
pub const SKETCH_ROUNDS: std::ops::RangeInclusive<u32> = 1..=10;
/// For how long one may draw, in seconds.
pub const SKETCH_SECONDS: std::ops::RangeInclusive<u32> = 15..=240;
/// Points of a player that a score can be: every turn of the longest game, with room.
const MAX_SCORE: u32 = 1_000_000;
/// Longest word, in bytes of UTF-8.
const MAX_WORD: usize = 128;
/// What stands in a hint for a letter that is to be guessed.
pub const UNKNOWN_LETTER: char = '_';

/// The language of the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "ISO 639-1 codes")]
pub enum SketchLanguage {
    #[default]
    En,
    De,
    Fr,
    Es,
}

/// What is said of the game on the channel `rounds`. `seat` and `closed` are those of every game.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum SketchMessage {
    /// The game that the sender hosts, as it is now.
    #[serde(rename = "gameState")]
    GameState(SketchState),
    /// What the sender did in a turn.
    #[serde(rename = "playerMove")]
    PlayerMove(SketchMove),
    /// What the sender wants of the receiver's game.
    #[serde(rename = "seat")]
    Seat {
        /// Which.
        game: u64,
        /// What.
        want: Want,
    },
    /// The sender hosts that game no more.
    #[serde(rename = "closed")]
    Closed {
        /// Which.
        game: u64,
    },
}

/// What is played. Other games' states are none of this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SketchKind {
    /// This.
    DrawAndGuess,
}

/// The game as it is now, by its host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SketchState {
    /// Names the game; drawn at random by who offered it.
    pub game: u64,
    /// What is played.
    pub kind: SketchKind,
    /// Counts the hosts of the game, from 1.
    pub term: u32,
    /// Of the words.
    pub language: SketchLanguage,
    /// How often everybody draws.
    pub rounds: u32,
    /// For how long one draws.
    pub seconds: u32,
    /// Who plays from the next turn on, in the order in which they draw.
    pub players: Vec<SketchPlayer>,
    /// Who watches.
    pub watchers: Vec<PeerId>,
    /// The turn that is played, or was played last; absent: the game has not begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<SketchTurn>,
    /// The game is over; a new one can be started.
    #[serde(default, skip_serializing_if = "is_false")]
    pub over: bool,
}

/// Who plays, and what they have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SketchPlayer {
    /// Who.
    pub peer: PeerId,
    /// Points.
    pub score: u32,
    /// The last round in which it was their turn to draw; 0: none yet.
    pub drew: u32,
}

/// A turn, as it begins and as it was counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SketchTurn {
    /// Names the turn; drawn at random.
    pub id: u64,
    /// Counts from 1.
    pub round: u32,
    /// Who draws.
    pub drawer: PeerId,
    /// Who may guess: the others who played when it began.
    pub guessers: Vec<PeerId>,
    /// Who got how many points, once the turn is over. They are in the scores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gained: Option<Vec<Gained>>,
}

/// Points of one turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gained {
    /// Whose.
    pub peer: PeerId,
    /// How many.
    pub points: u32,
}

/// What somebody did in a turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SketchMove {
    /// Which game.
    pub game: u64,
    /// Which turn of it.
    pub turn: u64,
    /// What.
    #[serde(flatten)]
    pub deed: SketchDeed,
}

/// What can be done in a turn.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "move", rename_all = "snake_case")]
pub enum SketchDeed {
    /// The sender has come to this turn and has nothing of it yet; before that it is told nothing.
    Here,
    /// The drawer's: how far the turn is.
    Drawing(Drawing),
    /// The drawer's: what is on the sheet behind its first `from` entries; what was there before is not valid any more.
    Sheet {
        /// How many entries stay.
        from: usize,
        /// What follows; `None`: the sheet was wiped.
        strokes: Vec<Option<SheetStroke>>,
    },
    /// A guess: to the drawer at once, to the others when it was judged to be wrong.
    Guess {
        /// Counts the sender's in this turn, from 1.
        number: u32,
        /// What.
        text: String,
    },
    /// What the drawer thinks of the receiver's guess.
    Judged {
        /// Which.
        number: u32,
        /// What.
        verdict: Verdict,
    },
}

impl fmt::Debug for SketchDeed {
    // What people draw and write must not reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Here => "Here",
            Self::Drawing(_) => "Drawing",
            Self::Sheet { .. } => "Sheet",
            Self::Guess { .. } => "Guess",
            Self::Judged { .. } => "Judged",
        })
    }
}

/// How far a turn is, by its drawer. What was said of it once only grows.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drawing {
    /// Which word it is, without saying it: see `docs/protocol.md`.
    pub promise: WordPromise,
    /// The word with [`UNKNOWN_LETTER`] for each letter that is to be guessed.
    pub hint: String,
    /// For how long it has been drawn, in milliseconds.
    pub elapsed: u32,
    /// Who has guessed it, the first one first.
    pub solved: Vec<Solved>,
    /// The turn is over, and this was the word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened: Option<OpenedWord>,
}

impl fmt::Debug for Drawing {
    // The word is what somebody drew.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drawing").field("solved", &self.solved.len()).finish_non_exhaustive()
    }
}

/// Somebody guessed the word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Solved {
    /// Who.
    pub peer: PeerId,
    /// After how many milliseconds.
    pub after: u32,
}

/// A word, and what its promise was made with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenedWord {
    /// The word.
    pub word: String,
    /// 64 hex digits.
    pub salt: WordPromise,
}

/// 32 bytes, as 64 hex digits: a hash of a word and its salt, or the salt.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct WordPromise(pub [u8; 32]);

impl fmt::Debug for WordPromise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WordPromise")
    }
}

impl From<WordPromise> for String {
    fn from(promise: WordPromise) -> Self {
        data_encoding::HEXLOWER.encode(&promise.0)
    }
}

impl TryFrom<String> for WordPromise {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let wrong = "a promise has 64 hex digits";
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).map_err(|_| wrong)?;
        bytes.try_into().map(Self).map_err(|_| wrong)
    }
}

/// A finished stroke on the sheet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SheetStroke {
    /// That of the live stroke that it was. One that was too long for a message is several with the same number.
    pub number: u32,
    /// `pen` or `marker`.
    pub kind: InkKind,
    /// How it looks.
    pub style: Style,
    /// On the sheet.
    pub points: Points,
}

/// What a guess is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Another word.
    Wrong,
    /// Nearly the word.
    Close,
    /// The word.
    Right,
}

// serde hands over a reference.
#[expect(clippy::trivially_copy_pass_by_ref)]
fn is_false(value: &bool) -> bool {
    !value
}

impl SketchMessage {
    /// The message as it goes onto the channel.
    pub fn encode(&self) -> String {
        serde_json::to_string(self).expect("games' messages have no map keys or floats that JSON cannot hold")
    }

    /// Reads a message off the channel.
    ///
    /// # Errors
    /// [`PlayMessageError`] when it is too large or not a message of this game; the channel stays usable.
    pub fn decode(bytes: &[u8]) -> Result<Self, PlayMessageError> {
        if bytes.len() > MAX_LEN {
            return Err(PlayMessageError::TooLarge(bytes.len()));
        }
        let message: Self = serde_json::from_slice(bytes).map_err(|_| PlayMessageError::Malformed)?;
        message.is_sound().then_some(message).ok_or(PlayMessageError::Malformed)
    }

    fn is_sound(&self) -> bool {
        match self {
            Self::GameState(state) => state.is_sound(),
            Self::PlayerMove(SketchMove { game, turn, deed }) => {
                *game <= MAX_NUMBER && *turn <= MAX_NUMBER && deed.is_sound()
            }
            Self::Seat { game, .. } | Self::Closed { game } => *game <= MAX_NUMBER,
        }
    }
}

fn are_different<'a>(peers: impl Iterator<Item = &'a PeerId> + Clone) -> bool {
    peers.clone().collect::<BTreeSet<_>>().len() == peers.count()
}

impl SketchState {
    fn is_sound(&self) -> bool {
        let at_table = self.players.iter().map(|player| &player.peer).chain(&self.watchers);
        self.game <= MAX_NUMBER
            && self.term > 0
            && SKETCH_ROUNDS.contains(&self.rounds)
            && SKETCH_SECONDS.contains(&self.seconds)
            && self.players.len() <= MAX_SKETCH_PLAYERS
            && self.players.len() + self.watchers.len() <= MAX_AT_TABLE
            && are_different(at_table)
            && self.players.iter().all(|player| player.score <= MAX_SCORE && player.drew <= self.rounds)
            && self.turn.as_ref().is_none_or(|turn| turn.is_sound() && turn.round <= self.rounds)
    }

    /// Everybody who plays or watches.
    pub fn at_table(&self) -> impl Iterator<Item = PeerId> {
        self.players.iter().map(|player| player.peer).chain(self.watchers.iter().copied())
    }

    /// Whether somebody plays.
    pub fn has_player(&self, peer: PeerId) -> bool {
        self.players.iter().any(|player| player.peer == peer)
    }
}

impl SketchTurn {
    fn is_sound(&self) -> bool {
        let gained = self.gained.as_deref().unwrap_or_default();
        self.id <= MAX_NUMBER
            && self.round > 0
            && self.guessers.len() < MAX_SKETCH_PLAYERS
            && are_different(self.guessers.iter().chain([&self.drawer]))
            && gained.len() <= MAX_SKETCH_PLAYERS
            && are_different(gained.iter().map(|one| &one.peer))
            && gained.iter().all(|one| one.points <= MAX_SCORE)
    }
}

impl SketchDeed {
    fn is_sound(&self) -> bool {
        match self {
            Self::Here => true,
            Self::Drawing(drawing) => drawing.is_sound(),
            Self::Sheet { from, strokes } => {
                from.saturating_add(strokes.len()) <= MAX_SHEET
                    && strokes.iter().flatten().all(SheetStroke::is_sound)
            }
            Self::Guess { number, text } => {
                (1..=MAX_GUESSES).contains(number) && !text.is_empty() && text.len() <= MAX_NAME_LEN
            }
            Self::Judged { number, .. } => (1..=MAX_GUESSES).contains(number),
        }
    }
}

impl Drawing {
    fn is_sound(&self) -> bool {
        self.hint.len() <= MAX_WORD
            && self.elapsed <= 1_000 * (SKETCH_SECONDS.end() + 60)
            && self.solved.len() < MAX_SKETCH_PLAYERS
            && are_different(self.solved.iter().map(|one| &one.peer))
            && self.opened.as_ref().is_none_or(|opened| opened.word.len() <= MAX_WORD)
    }
}

impl SheetStroke {
    /// Whether everybody takes it.
    pub fn is_sound(&self) -> bool {
        matches!(self.kind, InkKind::Pen | InkKind::Marker)
            && self.style.is_sound()
            && self.points.is_sound()
            && !self.points.is_empty()
    }
}

/// What is being drawn, on the channel `game`: as a message of ink, with the turn that it belongs to.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename = "playerMove")]
pub struct SketchInk {
    /// Which game.
    pub game: u64,
    /// Which turn of it.
    pub turn: u64,
    /// What.
    #[serde(flatten)]
    pub ink: InkMessage,
}

/// What says where a message of ink belongs.
#[derive(Deserialize)]
#[serde(tag = "type")]
enum InkHead {
    #[serde(rename = "playerMove")]
    PlayerMove { game: u64, turn: u64 },
}

impl fmt::Debug for SketchInk {
    // What people draw must not reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SketchInk").field("ink", &self.ink).finish_non_exhaustive()
    }
}

impl SketchInk {
    /// The message as it goes onto the channel.
    pub fn encode(&self) -> String {
        serde_json::to_string(self).expect("ink has no map keys or floats that JSON cannot hold")
    }

    /// Reads a message off the channel.
    ///
    /// # Errors
    /// [`PlayMessageError`] when it is too large or not a message of this game; the channel stays usable.
    pub fn decode(bytes: &[u8]) -> Result<Self, PlayMessageError> {
        if bytes.len() > MAX_INK_LEN {
            return Err(PlayMessageError::TooLarge(bytes.len()));
        }
        let head = serde_json::from_slice(bytes).map_err(|_| PlayMessageError::Malformed)?;
        let InkHead::PlayerMove { game, turn } = head;
        // The rest is ink's own, which leaves alone what is not.
        let ink = InkMessage::decode(bytes).map_err(|_| PlayMessageError::Malformed)?;
        let is_sound = game <= MAX_NUMBER && turn <= MAX_NUMBER;
        is_sound.then_some(Self { game, turn, ink }).ok_or(PlayMessageError::Malformed)
    }
}

#[cfg(test)]
mod tests;
