//! The two channels of games: JSON, one object a message. `game` loses messages and `rounds` does not, so that what is
//! said sixty times a second is on the one and what must arrive on the other.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::peer_id::PeerId;

/// Longest message on `rounds`: what every implementation takes in one piece (RFC 8831, section 6.6).
const MAX_ROUNDS_LEN: usize = 16 * 1024;
/// Longest message on `game`: one datagram, whatever the path.
const MAX_GAME_LEN: usize = 1_100;
/// Who can be at a game's table, players and those who watch: more than a room takes.
pub const MAX_AT_TABLE: usize = 16;
/// Who can play a round.
pub const MAX_SEATS: usize = 6;
/// Runs of a lossy message. A hundred of the longest are a datagram.
pub const MAX_RUNS: usize = 80;
/// Runs of a reliable message: a thousand of the longest fit.
pub const MAX_LOG_RUNS: usize = 1_000;
/// Ticks of one run, and of one round: two minutes, at sixty a second.
pub const MAX_TICKS: u32 = 7_200;
/// The largest number that every JSON reader takes exactly (RFC 8259, section 6).
const MAX_NUMBER: u64 = (1 << 53) - 1;

/// Where a player steers in a tick. On the wire a number of two bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub enum Turn {
    /// Straight on.
    #[default]
    Straight,
    /// Against the clock.
    Left,
    /// With the clock.
    Right,
    /// The player has left the round. Only a host says so.
    Gone,
}

impl From<Turn> for u8 {
    fn from(turn: Turn) -> Self {
        match turn {
            Turn::Straight => 0,
            Turn::Left => 1,
            Turn::Right => 2,
            Turn::Gone => 3,
        }
    }
}

impl TryFrom<u8> for Turn {
    type Error = &'static str;

    fn try_from(bits: u8) -> Result<Self, Self::Error> {
        Ok(match bits {
            0 => Self::Straight,
            1 => Self::Left,
            2 => Self::Right,
            3 => Self::Gone,
            _ => return Err("a turn is a number from 0 to 3"),
        })
    }
}

/// What every seat of a round does in one tick: two bits each, seat 0 in the lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Inputs(u16);

impl Inputs {
    /// What one seat does. A seat that does not exist goes straight on.
    pub fn seat(self, seat: usize) -> Turn {
        let shifted = u32::try_from(2 * seat).ok().and_then(|bits| self.0.checked_shr(bits)).unwrap_or(0);
        match shifted & 3 {
            1 => Turn::Left,
            2 => Turn::Right,
            3 => Turn::Gone,
            _ => Turn::Straight,
        }
    }

    /// The same with another turn of one seat.
    #[must_use]
    pub fn with(self, seat: usize, turn: Turn) -> Self {
        if seat >= MAX_SEATS {
            return self;
        }
        Self((self.0 & !(3 << (2 * seat))) | (u16::from(u8::from(turn)) << (2 * seat)))
    }

    const fn is_sound(self) -> bool {
        self.0 < 1 << (2 * MAX_SEATS)
    }
}

/// The same thing for several ticks, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run<T>(
    /// How many ticks.
    pub u32,
    /// What.
    pub T,
);

/// Puts ticks of the same kind together.
pub fn runs<T: PartialEq + Copy>(ticks: impl IntoIterator<Item = T>) -> Vec<Run<T>> {
    let mut runs = Vec::<Run<T>>::new();
    for tick in ticks {
        match runs.last_mut() {
            Some(Run(count, last)) if *last == tick => *count += 1,
            _ => runs.push(Run(1, tick)),
        }
    }
    runs
}

/// What is said on the channel `game`. What is lost is said again by the next message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum GameMessage {
    /// How the sender steers, and how far it knows the round.
    PlayerMove(PlayerMove),
    /// What the host has fixed.
    GameInputs(GameInputs),
    /// What the host's round looks like.
    GameState(GameState),
}

/// How the sender steers, and how far it knows the round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlayerMove {
    /// Which game.
    pub game: u64,
    /// Which round of it.
    pub round: u32,
    /// The tick of the first turn.
    pub from: u32,
    /// One turn a tick from there on; none from who watches.
    pub turns: Vec<Run<Turn>>,
    /// How many ticks of the round the sender has from the host.
    pub have: u32,
}

/// What the host has fixed: what everybody did in these ticks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GameInputs {
    /// Which game.
    pub game: u64,
    /// Which round of it.
    pub round: u32,
    /// The host's term.
    pub term: u32,
    /// The first tick.
    pub from: u32,
    /// From there on.
    pub inputs: Vec<Run<Inputs>>,
    /// Of each seat, how many ticks the host has heard.
    pub heard: Vec<u32>,
    /// Of each seat, how many ticks before they were fixed its last move came; negative: after.
    pub early: Vec<i32>,
}

/// What the round looks like after a tick, as a hash over everything from its beginning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GameState {
    /// Which game.
    pub game: u64,
    /// Which round of it.
    pub round: u32,
    /// How many ticks of the round are behind it.
    pub tick: u32,
    /// 16 hex digits.
    pub hash: StateHash,
}

/// A hash of a round's state, written as 16 hex digits because JSON's numbers are shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct StateHash(pub u64);

impl From<StateHash> for String {
    fn from(hash: StateHash) -> Self {
        format!("{:016x}", hash.0)
    }
}

impl TryFrom<String> for StateHash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let wrong = "a hash has 16 hex digits";
        if text.len() != 16 || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(wrong);
        }
        u64::from_str_radix(&text, 16).map(Self).map_err(|_| wrong)
    }
}

/// Which game is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GameKind {
    /// Everybody steers a line that grows; whoever runs into one is out.
    Curves,
}

/// What is said on the channel `rounds`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum RoundsMessage {
    /// The game that the sender hosts, as it is now.
    Table(Table),
    /// The sender hosts that game no more. Whoever plays it goes on with the next host.
    Closed {
        /// Which.
        game: u64,
    },
    /// What the sender wants of the receiver's game.
    Seat {
        /// Which.
        game: u64,
        /// What.
        want: Want,
    },
    /// The sender lacks what follows these ticks of the round.
    Behind {
        /// Which game.
        game: u64,
        /// Which round of it.
        round: u32,
        /// How many ticks of it the sender has.
        have: u32,
    },
    /// Ticks of a round that the receiver lacks.
    Log(Log),
}

/// What somebody wants of a game.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Want {
    /// Nothing.
    #[default]
    Nothing,
    /// To play, from the next round on.
    Play,
    /// To watch.
    Watch,
}

/// A game as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Names the game; drawn at random by who offered it.
    pub game: u64,
    /// What is played.
    pub kind: GameKind,
    /// Counts the hosts of the game, from 1.
    pub term: u32,
    /// Who plays from the next round on, in the order in which they came.
    pub players: Vec<Player>,
    /// Who watches.
    pub watchers: Vec<PeerId>,
    /// Who has this many points alone after a round has won.
    pub target: u32,
    /// The round that is played, or was played last. `None`: the game has not begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<Round>,
    /// The game was won; a new one can be started.
    #[serde(default, skip_serializing_if = "is_false")]
    pub over: bool,
}

/// Who plays, and what they have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Player {
    /// Who.
    pub peer: PeerId,
    /// Points.
    pub score: u32,
}

/// A round, as it begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// Counts the rounds of a game from 1.
    pub number: u32,
    /// What chance is made of, at most 2^53 − 1.
    pub seed: u64,
    /// Who plays it. The place in the list is the seat.
    pub seats: Vec<PeerId>,
    /// The round is over, and the scores count it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub counted: bool,
}

/// Ticks of a round, as they were fixed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// Which game.
    pub game: u64,
    /// Which round of it.
    pub round: u32,
    /// The first tick.
    pub from: u32,
    /// From there on.
    pub inputs: Vec<Run<Inputs>>,
}

// serde hands over a reference.
#[expect(clippy::trivially_copy_pass_by_ref)]
fn is_false(value: &bool) -> bool {
    !value
}

/// The bytes are no message of a game.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlayMessageError {
    /// Longer than any real message.
    #[error("a game's message of {0} bytes is too large")]
    TooLarge(usize),
    /// Not JSON, no message that this version knows, or a field beyond its bounds.
    #[error("not a game's message")]
    Malformed,
}

fn encode(message: &impl Serialize) -> String {
    serde_json::to_string(message).expect("games' messages have no map keys or floats that JSON cannot hold")
}

fn are_sound<T>(from: u32, runs: &[Run<T>], most: usize) -> bool {
    let ticks = runs.iter().try_fold(from, |sum, Run(count, _)| sum.checked_add(*count));
    runs.len() <= most && ticks.is_some_and(|ticks| ticks <= MAX_TICKS)
}

impl GameMessage {
    /// The message as it goes onto the channel.
    pub fn encode(&self) -> String {
        encode(self)
    }

    /// Reads a message off the channel.
    ///
    /// # Errors
    /// [`PlayMessageError`] when it is too large or not a message of ours; the channel stays usable.
    pub fn decode(bytes: &[u8]) -> Result<Self, PlayMessageError> {
        if bytes.len() > MAX_GAME_LEN {
            return Err(PlayMessageError::TooLarge(bytes.len()));
        }
        let message: Self = serde_json::from_slice(bytes).map_err(|_| PlayMessageError::Malformed)?;
        message.is_sound().then_some(message).ok_or(PlayMessageError::Malformed)
    }

    fn is_sound(&self) -> bool {
        match self {
            Self::PlayerMove(PlayerMove { game, from, turns, have, .. }) => {
                *game <= MAX_NUMBER && are_sound(*from, turns, MAX_RUNS) && *have <= MAX_TICKS
            }
            Self::GameInputs(GameInputs { game, from, inputs, heard, early, .. }) => {
                *game <= MAX_NUMBER
                    && are_sound(*from, inputs, MAX_RUNS)
                    && inputs.iter().all(|Run(_, inputs)| inputs.is_sound())
                    && heard.len() <= MAX_SEATS
                    && early.len() <= MAX_SEATS
                    && heard.iter().all(|heard| *heard <= MAX_TICKS)
            }
            Self::GameState(GameState { game, tick, .. }) => *game <= MAX_NUMBER && *tick <= MAX_TICKS,
        }
    }
}

impl RoundsMessage {
    /// The message as it goes onto the channel.
    pub fn encode(&self) -> String {
        encode(self)
    }

    /// Reads a message off the channel.
    ///
    /// # Errors
    /// [`PlayMessageError`] when it is too large or not a message of ours; the channel stays usable.
    pub fn decode(bytes: &[u8]) -> Result<Self, PlayMessageError> {
        if bytes.len() > MAX_ROUNDS_LEN {
            return Err(PlayMessageError::TooLarge(bytes.len()));
        }
        let message: Self = serde_json::from_slice(bytes).map_err(|_| PlayMessageError::Malformed)?;
        message.is_sound().then_some(message).ok_or(PlayMessageError::Malformed)
    }

    fn is_sound(&self) -> bool {
        match self {
            Self::Table(table) => table.is_sound(),
            Self::Closed { game } | Self::Seat { game, .. } => *game <= MAX_NUMBER,
            Self::Behind { game, have, .. } => *game <= MAX_NUMBER && *have <= MAX_TICKS,
            Self::Log(Log { game, from, inputs, .. }) => {
                *game <= MAX_NUMBER
                    && are_sound(*from, inputs, MAX_LOG_RUNS)
                    && inputs.iter().all(|Run(_, inputs)| inputs.is_sound())
            }
        }
    }
}

impl Table {
    fn is_sound(&self) -> bool {
        let at_table: BTreeSet<&PeerId> =
            self.players.iter().map(|player| &player.peer).chain(&self.watchers).collect();
        self.game <= MAX_NUMBER
            && at_table.len() == self.players.len() + self.watchers.len()
            && at_table.len() <= MAX_AT_TABLE
            && self.term > 0
            && self.round.as_ref().is_none_or(Round::is_sound)
    }
}

impl Round {
    fn is_sound(&self) -> bool {
        let different: BTreeSet<&PeerId> = self.seats.iter().collect();
        self.number > 0
            && self.seed <= MAX_NUMBER
            && (2..=MAX_SEATS).contains(&self.seats.len())
            && different.len() == self.seats.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(byte: u8) -> PeerId {
        PeerId::from_bytes([byte; 32])
    }

    fn table() -> Table {
        Table {
            game: 7,
            kind: GameKind::Curves,
            term: 1,
            players: vec![Player { peer: id(1), score: 3 }, Player { peer: id(2), score: 0 }],
            watchers: vec![id(3)],
            target: 5,
            round: Some(Round { number: 2, seed: 9, seats: vec![id(1), id(2)], counted: false }),
            over: false,
        }
    }

    #[test]
    fn moves_look_as_the_protocol_document_says() {
        let looks = [
            (
                GameMessage::PlayerMove(PlayerMove {
                    game: 7,
                    round: 2,
                    from: 512,
                    turns: vec![Run(9, Turn::Straight), Run(2, Turn::Left)],
                    have: 500,
                }),
                r#"{"type":"playerMove","game":7,"round":2,"from":512,"turns":[[9,0],[2,1]],"have":500}"#,
            ),
            (
                GameMessage::GameInputs(GameInputs {
                    game: 7,
                    round: 2,
                    term: 1,
                    from: 500,
                    inputs: vec![Run(3, Inputs::default().with(0, Turn::Right).with(1, Turn::Left))],
                    heard: vec![505, 502],
                    early: vec![2, -1],
                }),
                r#"{"type":"gameInputs","game":7,"round":2,"term":1,"from":500,"inputs":[[3,6]],"heard":[505,502],"early":[2,-1]}"#,
            ),
            (
                GameMessage::GameState(GameState { game: 7, round: 2, tick: 480, hash: StateHash(0xab) }),
                r#"{"type":"gameState","game":7,"round":2,"tick":480,"hash":"00000000000000ab"}"#,
            ),
        ];
        for (message, json) in looks {
            assert_eq!(message.encode(), json);
            assert_eq!(GameMessage::decode(json.as_bytes()), Ok(message));
        }
    }

    #[test]
    fn rounds_look_as_the_protocol_document_says() {
        let (ada, ben, eva) = (id(1), id(2), id(3));
        let looks = [
            (
                RoundsMessage::Table(table()),
                format!(
                    r#"{{"type":"table","game":7,"kind":"curves","term":1,"players":[{{"peer":"{ada}","score":3}},{{"peer":"{ben}","score":0}}],"watchers":["{eva}"],"target":5,"round":{{"number":2,"seed":9,"seats":["{ada}","{ben}"]}}}}"#
                ),
            ),
            (RoundsMessage::Closed { game: 7 }, r#"{"type":"closed","game":7}"#.to_owned()),
            (
                RoundsMessage::Seat { game: 7, want: Want::Play },
                r#"{"type":"seat","game":7,"want":"play"}"#.to_owned(),
            ),
            (
                RoundsMessage::Behind { game: 7, round: 2, have: 0 },
                r#"{"type":"behind","game":7,"round":2,"have":0}"#.to_owned(),
            ),
            (
                RoundsMessage::Log(Log {
                    game: 7,
                    round: 2,
                    from: 0,
                    inputs: vec![Run(180, Inputs::default())],
                }),
                r#"{"type":"log","game":7,"round":2,"from":0,"inputs":[[180,0]]}"#.to_owned(),
            ),
        ];
        for (message, json) in looks {
            assert_eq!(message.encode(), json);
            assert_eq!(RoundsMessage::decode(json.as_bytes()), Ok(message));
        }
    }

    #[test]
    fn what_is_beyond_its_bounds_is_refused() {
        let moves = |from, count| {
            let turns = vec![Run(count, Turn::Left); 2];
            GameMessage::PlayerMove(PlayerMove { game: 1, round: 1, from, turns, have: 0 })
        };
        for (from, count) in [(0, u32::MAX), (MAX_TICKS, 1), (u32::MAX, 0)] {
            assert!(GameMessage::decode(moves(from, count).encode().as_bytes()).is_err());
        }
        assert!(GameMessage::decode(moves(MAX_TICKS - 2, 1).encode().as_bytes()).is_ok());
        let wrong = [
            Table { term: 0, ..table() },
            Table { watchers: vec![id(1)], ..table() },
            Table { game: MAX_NUMBER + 1, ..table() },
            Table { watchers: (10..25).map(id).collect(), ..table() },
        ];
        let rounds = [vec![id(1)], vec![id(1), id(1)], (1..=7).map(id).collect()].map(|seats| Table {
            round: Some(Round { number: 1, seed: 1, seats, counted: false }),
            ..table()
        });
        for table in wrong.into_iter().chain(rounds) {
            assert!(RoundsMessage::decode(RoundsMessage::Table(table).encode().as_bytes()).is_err());
        }
    }

    #[test]
    fn the_longest_messages_fit() {
        let inputs = Inputs::default().with(5, Turn::Right);
        let longest = GameMessage::GameInputs(GameInputs {
            game: MAX_NUMBER,
            round: u32::MAX,
            term: u32::MAX,
            from: 7_000,
            inputs: vec![Run(1, inputs); MAX_RUNS],
            heard: vec![MAX_TICKS; MAX_SEATS],
            early: vec![i32::MIN; MAX_SEATS],
        });
        assert_eq!(GameMessage::decode(longest.encode().as_bytes()), Ok(longest));
        let log =
            Log { game: MAX_NUMBER, round: u32::MAX, from: 0, inputs: vec![Run(7, inputs); MAX_LOG_RUNS] };
        let log = RoundsMessage::Log(log);
        assert_eq!(RoundsMessage::decode(log.encode().as_bytes()), Ok(log));
        let players = (0..8).map(|n| Player { peer: id(n), score: u32::MAX }).collect();
        let table = Table { players, watchers: (8..16).map(id).collect(), ..table() };
        let table = RoundsMessage::Table(table);
        assert_eq!(RoundsMessage::decode(table.encode().as_bytes()), Ok(table));
    }

    #[test]
    fn every_seat_has_its_own_turn() {
        let turns = [Turn::Left, Turn::Gone, Turn::Straight, Turn::Right, Turn::Left, Turn::Right];
        let inputs =
            turns.iter().enumerate().fold(Inputs::default(), |inputs, (seat, turn)| inputs.with(seat, *turn));
        for (seat, turn) in turns.into_iter().enumerate() {
            assert_eq!(inputs.seat(seat), turn);
        }
        assert_eq!(inputs.with(1, Turn::Straight).seat(1), Turn::Straight);
        assert_eq!(inputs.seat(100), Turn::Straight);
        assert_eq!(inputs.with(6, Turn::Left), inputs);
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            prop_assert!(GameMessage::decode(&bytes).is_err());
            prop_assert!(RoundsMessage::decode(&bytes).is_err());
        }

        #[test]
        fn runs_hold_every_tick(ticks in prop::collection::vec(0..3_u8, 0..50)) {
            let again = runs(ticks.iter().copied()).into_iter().flat_map(|Run(n, tick)| (0..n).map(move |_| tick));
            prop_assert_eq!(again.collect::<Vec<_>>(), ticks);
        }
    }
}
