//! The whiteboard of a call as a window shows it: all of it once, then only what changes; and, while the window shows the
//! board, what the others are drawing and where they point, which is part of no snapshot.
//!
//! Lengths are in tenths of a unit, whole numbers; a unit is a pixel at 100%. Points are flat lists of three numbers each: x,
//! y, and pressure from 0 to 255 (a device that knows none says 128). Ids are `NUMBER-PEER`: the peer drew it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What is on the board. Kept until the call ends.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct BoardView {
    /// Our own peer id.
    #[debug(skip)]
    pub me: String,
    /// By id. What is drawn over what: by `order`, and of the same by id, number first.
    #[debug("{}", elements.len())]
    pub elements: BTreeMap<String, BoardElement>,
    /// What people called themselves, by peer id: everybody who is or was here, but us.
    #[debug(skip)]
    pub names: BTreeMap<String, String>,
    /// Hashes of the pictures that something on the board shows and that are here whole, to be asked for with
    /// [`BoardCommand::Picture`].
    #[debug("{}", pictures.len())]
    pub pictures: Vec<String>,
    /// What concerns us alone.
    pub own: BoardOwn,
    /// Peer ids of the others who draw or point now. Also told while the window does not show the board.
    #[debug("{}", drawing.len())]
    pub drawing: Vec<String>,
}

/// What can be undone here, and what others deleted of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct BoardOwn {
    /// Whether there is something of ours to undo.
    pub can_undo: bool,
    /// Whether there is something of ours to do again.
    pub can_redo: bool,
    /// How many of the things that we drew were deleted by others, and can be brought back with
    /// [`BoardCommand::Restore`].
    pub deleted_by_others: u32,
    /// Whether something that others drew did not fit any more: the board here is not whole.
    pub full: bool,
}

/// A thing on the board as it is now.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct BoardElement {
    /// Peer id of who drew it.
    #[debug(skip)]
    pub author: String,
    /// Peer id of who passed it on, since its author had left; `None`: it came from the author.
    #[debug(skip)]
    pub passed_on_by: Option<String>,
    /// What it is.
    pub kind: BoardKind,
    /// Id of the page that it is on, itself an element; `None`: the first page, which is always there.
    #[debug(skip)]
    pub page: Option<String>,
    /// Where it is: x, y, width, height. Width and height may be negative: a line or an arrow leads from (x, y) to (x + width, y +
    /// height), and what has points or a picture is mirrored.
    pub frame: [i32; 4],
    /// What is drawn over what.
    #[ts(type = "number")]
    pub order: i64,
    /// Colours and widths.
    pub style: BoardStyle,
    /// Of a pen or a marker, relative to the frame's (x, y), for a frame as large as `natural`: when the frame is another now,
    /// they are scaled by the quotient of the sizes (by 1 where `natural` is 0). Else empty.
    #[debug("{}", points.len())]
    pub points: Vec<i32>,
    /// Width and height of the frame with which it was drawn.
    pub natural: [i32; 2],
    /// What a text or a note says, and what a page is called. Else empty.
    #[debug(skip)]
    pub text: String,
    /// Of a picture.
    pub picture: Option<BoardPicture>,
    /// The number of the live stroke that it was: that one is not to be shown any more.
    pub live: Option<u32>,
}

/// What a picture on the board is; its bytes are asked for with [`BoardCommand::Picture`].
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct BoardPicture {
    /// SHA-256 of its bytes, 64 hex digits.
    #[debug(skip)]
    pub hash: String,
    /// Its width and height in pixels.
    pub size: [u32; 2],
}

/// What a thing on the board is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum BoardKind {
    /// A stroke whose width follows the pressure.
    Pen,
    /// A broad stroke that what is below shines through.
    Marker,
    /// A straight line.
    Line,
    /// A straight line with a head at its end.
    Arrow,
    /// A rectangle.
    Rectangle,
    /// An ellipse that fills its frame.
    Ellipse,
    /// Text without a ground, broken at the frame's width.
    Text,
    /// Text on a sheet in the fill colour.
    Note,
    /// A picture.
    Picture,
    /// A page.
    Page,
    /// A trail that fades. Only while it is drawn.
    Laser,
}

/// Colours and widths.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct BoardStyle {
    /// Of strokes, outlines and text: `#rrggbb`.
    #[debug(skip)]
    pub color: String,
    /// Of a shape's inside or a note's sheet; `None`: what is below shows.
    #[debug(skip)]
    pub fill: Option<String>,
    /// Of strokes and outlines, 1 to 2,000.
    pub width: u16,
    /// Of letters, 40 to 4,000.
    pub size: u16,
}

/// What changed on the board.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
#[ts(export)]
pub enum BoardChange {
    /// The board as it is at the beginning of a call, or `None` at its end: nothing of it is left.
    All {
        /// All of it.
        board: Option<BoardView>,
    },
    /// Things are new or others than before, or are not there any more. What happens within 40 ms comes together. Pictures
    /// that nothing shows any more are forgotten with them.
    Elements {
        /// By id, as they are now.
        #[debug("{}", put.len())]
        put: BTreeMap<String, BoardElement>,
        /// Ids of those that were deleted.
        #[debug("{}", gone.len())]
        gone: Vec<String>,
    },
    /// What somebody calls themselves now.
    Name {
        /// Who.
        #[debug(skip)]
        peer: String,
        /// Their name; may be empty.
        #[debug(skip)]
        name: String,
    },
    /// A picture is here whole. It is told after what shows it, and again when that was gone and is there again.
    Picture {
        /// Its hash.
        #[debug(skip)]
        hash: String,
    },
    /// What concerns us alone.
    Own {
        /// As it is now.
        own: BoardOwn,
    },
    /// Who of the others draws or points now.
    Drawing {
        /// Peer ids.
        #[debug("{}", people.len())]
        people: Vec<String>,
    },
}

/// What somebody else draws and where they point right now: whatever changed since the last one, 25 times a second, and only
/// while the window shows the board ([`BoardCommand::Show`]).
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct BoardLive {
    /// Peer id of whose it is.
    #[debug(skip)]
    pub peer: String,
    /// The page that they look at, as an element's; `0-PEER`: what that person shares of their screen, 16,384 wide and high.
    #[debug(skip)]
    pub page: Option<String>,
    /// Where they point: x, y; `None`: nowhere on the board (any more).
    pub pointer: Option<[i32; 2]>,
    /// What they are drawing; `None`: nothing. A stroke that is not named any more and came as no element within two seconds
    /// was given up.
    pub stroke: Option<BoardStroke>,
    /// Id of the text or note that they write in.
    #[debug(skip)]
    pub editing: Option<String>,
}

/// More of a stroke that somebody else draws.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct BoardStroke {
    /// Tells their strokes apart; the later one has the larger.
    pub number: u32,
    /// What it is to become.
    pub kind: BoardKind,
    /// How it looks.
    pub style: BoardStyle,
    /// How many points stay of those that came before.
    pub keep: u32,
    /// What follows these. On the board, not relative. Of whatever has no points the two corners, or beginning and end.
    #[debug("{}", points.len())]
    pub points: Vec<i32>,
}

/// Something that is asked of the board.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
#[ts(export)]
pub enum BoardCommand {
    /// Whether the window shows the board: only then it is told what others draw at the moment, and what they are drawing
    /// already first. A window that was loaded anew says it again.
    Show {
        /// Whether it does.
        on: bool,
    },
    /// What we draw and where we point right now; as often as the window likes, the others are told 25 times a second.
    Live {
        /// All of it but points that were said before.
        live: BoardOwnLive,
    },
    /// Puts things on the board, as one step of undo. The reply is [`super::Reply::Drawn`].
    Add {
        /// At most 500.
        #[debug("{}", elements.len())]
        elements: Vec<BoardNew>,
    },
    /// Puts a picture on the board. The reply is [`super::Reply::Drawn`].
    AddPicture {
        /// As an element's.
        #[debug(skip)]
        page: Option<String>,
        /// Where.
        frame: [i32; 4],
        /// A PNG, JPEG or WebP in base64, of at most 512 KiB and 2,048 pixels a side.
        #[debug(skip)]
        data: String,
    },
    /// Changes things: moves, sizes, colours, text.
    Change {
        /// At most 10,000.
        #[debug("{}", changes.len())]
        changes: Vec<BoardEdit>,
        /// Changes of one gesture, such as a drag that is shown while it lasts, say the same number and are one step of undo.
        gesture: Option<u32>,
    },
    /// Deletes things: an eraser takes whole ones. A page goes with all that is on it.
    Remove {
        /// Ids.
        #[debug("{}", ids.len())]
        ids: Vec<String>,
        /// As with changes: what one pull of the eraser takes is one step of undo.
        gesture: Option<u32>,
    },
    /// Deletes all that is on a page.
    Clear {
        /// As an element's.
        #[debug(skip)]
        page: Option<String>,
        /// Only what we drew.
        own: bool,
    },
    /// Brings back what others deleted of ours.
    Restore,
    /// Takes back the last thing that we did here, but where somebody else has gone on with it since.
    Undo,
    /// Does again what was undone last.
    Redo,
    /// The bytes of a picture. The reply is [`super::Reply::Picture`].
    Picture {
        /// Which.
        #[debug(skip)]
        hash: String,
    },
    /// Writes a page into a new file. The reply is [`super::Reply::Saved`].
    Save {
        /// As an element's.
        #[debug(skip)]
        page: Option<String>,
        /// A PNG that the window drew, in base64; `None`: the engine writes an SVG.
        #[debug(skip)]
        png: Option<String>,
        /// Where; `None`: among the downloads, under a name that says when.
        #[debug(skip)]
        file: Option<String>,
        /// The person's time minus UTC, in minutes, for the name.
        utc_offset: i32,
    },
}

/// What we draw and where we point right now.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct BoardOwnLive {
    /// The page that we look at, or `0-PEER`.
    #[debug(skip)]
    pub page: Option<String>,
    /// Where we point: x, y; `None`: not on the board.
    pub pointer: Option<[i32; 2]>,
    /// What we are drawing.
    pub stroke: Option<BoardOwnStroke>,
    /// The text or note that we write in.
    #[debug(skip)]
    pub editing: Option<String>,
}

/// More of a stroke that we draw.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct BoardOwnStroke {
    /// One more than the last stroke's, from 1. The element that it becomes says it too.
    pub number: u32,
    /// What it is to become.
    pub kind: BoardKind,
    /// How it looks.
    pub style: BoardStyle,
    /// How many points were said before, of which the rest is not valid any more: as of a shape whose corner moves.
    pub keep: u32,
    /// What follows these. On the board, not relative. Of whatever has no points the two corners, or beginning and end.
    #[debug("{}", points.len())]
    pub points: Vec<i32>,
}

/// Something to put on the board.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct BoardNew {
    /// What; no picture and no laser.
    pub kind: BoardKind,
    /// On which page. (A page is on none.)
    #[debug(skip)]
    pub page: Option<String>,
    /// Of a pen or a marker: on the board, not relative. At most 20,000; a stroke of very many becomes several things.
    #[debug("{}", points.len())]
    pub points: Vec<i32>,
    /// Of everything else: where.
    pub frame: [i32; 4],
    /// How it looks.
    pub style: BoardStyle,
    /// Of a text, a note or a page.
    #[debug(skip)]
    pub text: String,
    /// The number of the live stroke that it was.
    pub live: Option<u32>,
}

/// A change of a thing: what is `None` stays.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct BoardEdit {
    /// Which.
    #[debug(skip)]
    pub id: String,
    /// Where it is to be.
    pub frame: Option<[i32; 4]>,
    /// How it is to look.
    pub style: Option<BoardStyle>,
    /// What it is to say.
    #[debug(skip)]
    pub text: Option<String>,
    /// Over what it is to be drawn.
    pub order: Option<BoardOrder>,
}

/// A place among what is on the same page, or among the pages.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
#[ts(export)]
pub enum BoardOrder {
    /// Over everything; the last page.
    Front,
    /// Below everything; the second page.
    Back,
    /// Next over this one.
    Over {
        /// Its id.
        #[debug(skip)]
        id: String,
    },
    /// Next below this one.
    Below {
        /// Its id.
        #[debug(skip)]
        id: String,
    },
}

impl BoardChange {
    /// Makes the change; `false` when it says nothing new.
    pub fn apply(&self, to: &mut Option<BoardView>) -> bool {
        if let Self::All { board } = self {
            let changed = to != board;
            to.clone_from(board);
            return changed;
        }
        let Some(to) = to else { return false };
        match self {
            Self::All { .. } => false,
            Self::Elements { put, gone } => {
                let mut changed = false;
                let mut lost = false;
                for id in gone {
                    let removed = to.elements.remove(id);
                    changed |= removed.is_some();
                    lost |= removed.is_some_and(|element| element.picture.is_some());
                }
                for (id, element) in put {
                    changed |= to.elements.get(id) != Some(element);
                    to.elements.insert(id.clone(), element.clone());
                }
                if lost {
                    to.forget_pictures();
                }
                changed
            }
            Self::Name { peer, name } => to.names.insert(peer.clone(), name.clone()).as_ref() != Some(name),
            Self::Picture { hash } => {
                if !to.pictures.contains(hash) {
                    to.pictures.push(hash.clone());
                }
                // One that was forgotten and came again is told again.
                true
            }
            Self::Own { own } => std::mem::replace(&mut to.own, *own) != *own,
            Self::Drawing { people } => {
                let changed = to.drawing != *people;
                to.drawing.clone_from(people);
                changed
            }
        }
    }
}

impl BoardView {
    /// Pictures that nothing shows any more are not named any longer.
    fn forget_pictures(&mut self) {
        let shown = self.elements.values().filter_map(|element| element.picture.as_ref());
        let shown: BTreeSet<&str> = shown.map(|picture| picture.hash.as_str()).collect();
        self.pictures.retain(|hash| shown.contains(hash.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(order: i64) -> BoardElement {
        BoardElement {
            author: "a".into(),
            passed_on_by: None,
            kind: BoardKind::Rectangle,
            page: None,
            frame: [0, 0, 100, 100],
            order,
            style: BoardStyle { color: "#000000".into(), fill: None, width: 20, size: 160 },
            points: Vec::new(),
            natural: [100, 100],
            text: String::new(),
            picture: None,
            live: None,
        }
    }

    #[test]
    fn things_are_put_and_go_and_what_says_nothing_new_is_not_told() {
        let mut board = None;
        let put = |order| BoardChange::Elements {
            put: BTreeMap::from([("1-a".to_owned(), element(order))]),
            gone: vec!["2-a".to_owned()],
        };
        assert!(!put(1).apply(&mut board), "there is no board without a call");
        assert!(BoardChange::All { board: Some(BoardView::default()) }.apply(&mut board));
        assert!(put(1).apply(&mut board));
        assert!(!put(1).apply(&mut board));
        assert!(put(2).apply(&mut board));
        let gone = BoardChange::Elements { put: BTreeMap::new(), gone: vec!["1-a".to_owned()] };
        assert!(gone.apply(&mut board));
        assert!(!gone.apply(&mut board));
        assert!(board.unwrap().elements.is_empty());
    }

    #[test]
    fn a_picture_is_named_for_as_long_as_something_shows_it() {
        let picture = |hash: &str| Some(BoardPicture { hash: hash.into(), size: [1, 1] });
        let showing = |hash| BoardElement { kind: BoardKind::Picture, picture: picture(hash), ..element(1) };
        let ids = ["1-a", "2-a", "3-a"].map(str::to_owned);
        let elements = ids.iter().cloned().zip(["one", "one", "two"].map(showing)).collect();
        let pictures = vec!["one".to_owned(), "two".to_owned()];
        let mut board = Some(BoardView { elements, pictures, ..BoardView::default() });
        let mut left = |gone: &[usize]| {
            let gone = gone.iter().map(|at| ids[*at].clone()).collect();
            BoardChange::Elements { put: BTreeMap::new(), gone }.apply(&mut board);
            board.as_ref().map(|board| board.pictures.join(" ")).unwrap()
        };
        assert_eq!(left(&[0]), "one two", "another thing shows it");
        assert_eq!(left(&[1]), "two");
        assert_eq!(left(&[2]), "");
    }
}
