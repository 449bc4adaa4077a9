//! Games, as a window shows them.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::sketch::SketchView;

/// Every game of the call.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct GamesView {
    /// Our peer id.
    #[debug(skip)]
    pub me: String,
    /// What others offer, and we are not in.
    pub offers: Vec<GameOffer>,
    /// The game of *Curves* that we are in.
    pub game: Option<GameView>,
    /// The game of *Draw and guess* that we are in.
    pub sketch: Option<SketchView>,
}

/// A game that somebody else hosts.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct GameOffer {
    /// Names it in commands.
    pub id: String,
    /// What is played.
    pub kind: GameKind,
    /// Peer id of who hosts it.
    #[debug(skip)]
    pub host: String,
    /// Peer ids of who plays.
    #[debug(skip)]
    pub players: Vec<String>,
    /// Whether a round is played.
    pub playing: bool,
}

/// What is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum GameKind {
    /// Everybody steers a line that grows; whoever runs into one is out.
    Curves,
    /// By turns one draws and the others guess: offered by a [`super::SketchCommand`].
    DrawAndGuess,
}

/// The game that we are in.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct GameView {
    /// Names it in commands.
    pub id: String,
    /// What is played.
    pub kind: GameKind,
    /// Peer id of who hosts it; may be ours.
    #[debug(skip)]
    pub host: String,
    /// Whether we want to watch only.
    pub watching: bool,
    /// Where it stands.
    pub phase: GamePhase,
    /// The round that is played, or was played last; 0 before the first.
    pub round: u32,
    /// Who has this many points alone after a round has won; 0 before the game has begun.
    pub target: u32,
    /// Everybody who plays, or played this round.
    pub players: Vec<GamePlayer>,
    /// Peer ids of who watches.
    #[debug(skip)]
    pub watchers: Vec<String>,
    /// Whether nothing comes from the host.
    pub stalled: bool,
}

/// Where a game stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum GamePhase {
    /// Its host has not started it, or there are too few to go on.
    Lobby,
    /// A round is played.
    Round,
    /// A round is over, and the next begins by itself.
    Pause,
    /// Somebody has won.
    Over,
}

/// Somebody who plays.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct GamePlayer {
    /// Peer id.
    #[debug(skip)]
    pub peer: String,
    /// Points, this round's included.
    pub score: u32,
    /// Points of this round.
    pub gained: u32,
    /// The place in this round, from 0: it has a colour and a pattern. `None`: they play from the next one on.
    pub seat: Option<u8>,
    /// How they got out of it; `None`: they are in.
    pub out: Option<GameOut>,
}

/// How somebody got out of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "by", rename_all = "snake_case")]
#[ts(export)]
pub enum GameOut {
    /// They ran into the arena's edge.
    Wall,
    /// They ran into a line.
    Line {
        /// Whose.
        seat: u8,
    },
    /// They left.
    Left,
}

/// The arena of a round: 640 units wide and 400 high. All lengths are in eighths of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct ArenaView {
    /// Which round.
    pub round: u32,
    /// Ticks, sixty a second; in the first 180 nothing moves.
    pub tick: u32,
    /// Of each seat its line: x and y in turns; -1 and -1 where it is interrupted.
    pub lines: Vec<Vec<i32>>,
    /// Of each seat how its line goes on until now: the next frame's replaces it.
    pub ahead: Vec<Vec<i32>>,
    /// Of each seat where its head is: x, y and direction (1,024 to the turn, 0 to the right and on with the clock).
    pub heads: Vec<Option<[i32; 3]>>,
}

/// What changed in the arena.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
#[ts(export)]
pub enum ArenaChange {
    /// Another round, or the same from its beginning; `None`: there is none.
    All {
        /// All of it.
        arena: Option<ArenaView>,
    },
    /// The lines went on, about thirty times a second.
    Frame {
        /// Ticks until now.
        tick: u32,
        /// Of each seat what its line is longer by.
        done: Vec<Vec<i32>>,
        /// As in [`ArenaView`].
        ahead: Vec<Vec<i32>>,
        /// As in [`ArenaView`].
        heads: Vec<Option<[i32; 3]>>,
    },
    /// What the round is after so many ticks, as a hash over all of them: the same for everybody. Once a second.
    Checked {
        /// Which round.
        round: u32,
        /// How many ticks are fixed.
        tick: u32,
        /// 16 hex digits.
        hash: String,
    },
}

impl ArenaChange {
    /// Makes the change; `false` when it says nothing new.
    pub fn apply(&self, to: &mut Option<ArenaView>) -> bool {
        match self {
            Self::All { arena } => {
                let changed = to != arena;
                to.clone_from(arena);
                changed
            }
            Self::Frame { tick, done, ahead, heads } => {
                let Some(to) = to else { return false };
                to.tick = *tick;
                for (line, done) in to.lines.iter_mut().zip(done) {
                    line.extend(done);
                }
                to.ahead.clone_from(ahead);
                to.heads.clone_from(heads);
                true
            }
            Self::Checked { .. } => to.is_some(),
        }
    }
}

/// What can be asked of a game.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
#[ts(export)]
pub enum GameCommand {
    /// Offers a game to everybody, and hosts it.
    Offer {
        /// What is played.
        kind: GameKind,
    },
    /// Joins a game, from the next round on, or changes between playing and watching.
    Join {
        /// Which.
        game: String,
        /// Only to watch.
        watch: bool,
    },
    /// Starts the game that we host, or the next one.
    Start,
    /// Steers so from now on.
    Steer {
        /// Where.
        turn: GameTurn,
    },
    /// Leaves the game. When we host it, somebody else goes on.
    Leave,
}

/// Where a player steers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum GameTurn {
    /// Straight on.
    Straight,
    /// Against the clock.
    Left,
    /// With the clock.
    Right,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_grow_with_every_frame_and_what_is_foretold_is_replaced() {
        let begun =
            ArenaView { round: 1, tick: 0, lines: vec![vec![8, 8]], ahead: vec![vec![]], heads: vec![None] };
        let mut arena = None;
        let frame = |done: &[i32], ahead: &[i32]| ArenaChange::Frame {
            tick: 4,
            done: vec![done.to_vec()],
            ahead: vec![ahead.to_vec()],
            heads: vec![Some([9, 9, 0])],
        };
        assert!(!frame(&[1, 1], &[]).apply(&mut arena));
        assert!(ArenaChange::All { arena: Some(begun) }.apply(&mut arena));
        assert!(frame(&[16, 8], &[20, 8]).apply(&mut arena));
        assert!(frame(&[-1, -1], &[24, 8]).apply(&mut arena));
        let arena = arena.unwrap();
        assert_eq!(
            (arena.tick, &arena.lines[0][..], &arena.ahead[0][..]),
            (4, &[8, 8, 16, 8, -1, -1][..], &[24, 8][..])
        );
    }
}
