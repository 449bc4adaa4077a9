//! *Draw and guess*, as a window shows it.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::board::{BoardKind, BoardOwnStroke, BoardStroke, BoardStyle};

/// The game of *Draw and guess* that we are in.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct SketchView {
    /// Names it in commands.
    pub id: String,
    /// Peer id of who hosts it; may be ours.
    #[debug(skip)]
    pub host: String,
    /// Whether we want to watch only.
    pub watching: bool,
    /// Where it stands.
    pub phase: SketchPhase,
    /// Of the words.
    pub language: SketchLanguage,
    /// How often everybody draws.
    pub rounds: u32,
    /// For how long one draws.
    pub seconds: u32,
    /// The round that is played, or was played last; 0 before the first.
    pub round: u32,
    /// Everybody who plays, in the order in which they draw.
    pub players: Vec<SketchPlayer>,
    /// Peer ids of who watches.
    #[debug(skip)]
    pub watchers: Vec<String>,
    /// Whether the host is gone and nobody goes on yet.
    pub stalled: bool,
    /// Peer id of who draws, or drew last; may be ours.
    #[debug(skip)]
    pub drawer: Option<String>,
    /// Whether we may guess now.
    pub guessing: bool,
    /// What we may choose from, until we have.
    #[debug(skip)]
    pub choices: Vec<String>,
    /// When the drawing began, in milliseconds since 1970 by our clock.
    #[ts(type = "number | null")]
    pub began_at: Option<u64>,
    /// The word, `_` for each letter that is not known.
    #[debug(skip)]
    pub hint: String,
    /// The word: of who draws it, and of everybody when the turn is over.
    #[debug(skip)]
    pub word: Option<String>,
    /// Guesses of this turn, in the order in which they came; the last hundred.
    #[debug("{}", said.len())]
    pub said: Vec<SketchSaid>,
    /// Whether the drawer's program kept to the word that it had promised.
    pub fair: bool,
}

/// Where a game stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum SketchPhase {
    /// Its host has not started it.
    Lobby,
    /// The drawer chooses a word.
    Choosing,
    /// It is drawn and guessed.
    Drawing,
    /// The turn is over, and the next begins by itself.
    Pause,
    /// Everybody has drawn as often as was agreed.
    Over,
}

/// The language of the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
#[expect(missing_docs, reason = "ISO 639-1 codes")]
pub enum SketchLanguage {
    En,
    De,
    Fr,
    Es,
}

/// Somebody who plays.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct SketchPlayer {
    /// Peer id.
    #[debug(skip)]
    pub peer: String,
    /// Points.
    pub score: u32,
    /// Points of this turn, once it was counted.
    pub gained: u32,
    /// They have guessed the word of this turn.
    pub solved: bool,
    /// They play from the next turn on.
    pub next: bool,
}

/// Something in the list of guesses.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct SketchSaid {
    /// Peer id.
    #[debug(skip)]
    pub peer: String,
    /// What of it is known.
    pub verdict: SketchVerdict,
    /// What they guessed; `None`: what others guessed right is not told.
    #[debug(skip)]
    pub text: Option<String>,
}

/// What a guess was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum SketchVerdict {
    /// Ours, and not judged yet.
    Waiting,
    /// Another word.
    Wrong,
    /// Ours, and nearly the word.
    Close,
    /// The word.
    Right,
}

/// The sheet of a turn: from (0, 0) to (8000, 6000), lengths as on the whiteboard.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct SheetView {
    /// Finished strokes; `None`: the sheet was wiped, and what comes before is not seen.
    pub strokes: Vec<Option<SheetStroke>>,
    /// What somebody else draws right now.
    pub live: Option<BoardStroke>,
}

/// A finished stroke on the sheet.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct SheetStroke {
    /// That of the live stroke that it was.
    pub number: u32,
    /// Pen or marker.
    pub kind: BoardKind,
    /// How it looks.
    pub style: BoardStyle,
    /// x, y and pressure (0 to 255; 128 where none is known) in turns, on the sheet.
    #[debug("{}", points.len())]
    pub points: Vec<i32>,
}

/// What changed on the sheet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
#[ts(export)]
pub enum SheetChange {
    /// Another sheet; `None`: there is none.
    All {
        /// All of it.
        sheet: Option<SheetView>,
    },
    /// Strokes were finished, or taken back.
    Strokes {
        /// How many of the list stay.
        keep: u32,
        /// What follows these.
        strokes: Vec<Option<SheetStroke>>,
    },
    /// What somebody else draws right now, 25 times a second.
    Live {
        /// `None`: nothing.
        stroke: Option<BoardStroke>,
    },
}

impl SheetChange {
    /// Makes the change; `false` when it says nothing new.
    pub fn apply(&self, to: &mut Option<SheetView>) -> bool {
        if let Self::All { sheet } = self {
            let changed = to != sheet;
            to.clone_from(sheet);
            return changed;
        }
        let Some(to) = to else { return false };
        match self {
            Self::All { .. } => false,
            Self::Strokes { keep, strokes } => {
                to.strokes.truncate(*keep as usize);
                to.strokes.extend_from_slice(strokes);
                true
            }
            Self::Live { stroke } => {
                let before = to.live.take();
                to.live = stroke.clone().map(|stroke| {
                    let known = before.filter(|before| before.number == stroke.number);
                    let mut points = known.map(|known| known.points).unwrap_or_default();
                    points.truncate(3 * stroke.keep as usize);
                    points.extend_from_slice(&stroke.points);
                    BoardStroke { keep: 0, points, ..stroke }
                });
                true
            }
        }
    }
}

/// What can be asked of a game of *Draw and guess*.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
#[ts(export)]
pub enum SketchCommand {
    /// Offers a game to everybody, and hosts it.
    Offer {
        /// Of the words.
        language: SketchLanguage,
        /// How often everybody draws: 1 to 10.
        rounds: u32,
        /// For how long: 15 to 240.
        seconds: u32,
    },
    /// Joins a game, from the next turn on, or changes between playing and watching.
    Join {
        /// Which.
        game: String,
        /// Only to watch.
        watch: bool,
    },
    /// Starts the game that we host, or the next one.
    Start,
    /// Chooses the word that we draw.
    Choose {
        /// Its place in [`SketchView::choices`].
        word: u32,
    },
    /// Guesses.
    Guess {
        /// What.
        #[debug(skip)]
        text: String,
    },
    /// What we draw right now; as often as the window likes, the others are told 25 times a second.
    Live {
        /// All of it but points that were said before; `None`: nothing.
        stroke: Option<BoardOwnStroke>,
    },
    /// A stroke is finished.
    Draw {
        /// Which.
        stroke: SheetStroke,
    },
    /// Takes our last stroke back, or that we wiped the sheet.
    Undo,
    /// Wipes the sheet.
    Clear,
    /// Leaves the game. When we host it, somebody else goes on.
    Leave,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style() -> BoardStyle {
        BoardStyle { color: "#161b1d".into(), fill: None, width: 40, size: 160 }
    }

    #[test]
    fn strokes_grow_are_finished_and_taken_back() {
        let live = |keep, points: &[i32]| SheetChange::Live {
            stroke: Some(BoardStroke {
                number: 1,
                kind: BoardKind::Pen,
                style: style(),
                keep,
                points: points.to_vec(),
            }),
        };
        let mut sheet = None;
        assert!(!live(0, &[1, 1, 128]).apply(&mut sheet));
        assert!(SheetChange::All { sheet: Some(SheetView::default()) }.apply(&mut sheet));
        assert!(live(0, &[1, 1, 128, 2, 2, 128]).apply(&mut sheet));
        assert!(live(1, &[3, 3, 128]).apply(&mut sheet));
        let shown = sheet.clone().and_then(|sheet| sheet.live).map(|live| live.points);
        assert_eq!(shown, Some(vec![1, 1, 128, 3, 3, 128]));
        let stroke = SheetStroke { number: 1, kind: BoardKind::Pen, style: style(), points: vec![1, 1, 128] };
        let finished = SheetChange::Strokes { keep: 0, strokes: vec![Some(stroke), None] };
        assert!(finished.apply(&mut sheet));
        assert!(SheetChange::Live { stroke: None }.apply(&mut sheet));
        assert!(SheetChange::Strokes { keep: 1, strokes: Vec::new() }.apply(&mut sheet));
        let sheet = sheet.unwrap();
        assert_eq!((sheet.strokes.len(), sheet.live), (1, None));
    }
}
