//! The whiteboard of a call: the same things for everybody, whatever came when.
//!
//! What somebody drew is an *element*, named by who drew it and the number of that deed. What it consists of never changes
//! (a stroke that is moved keeps its points); where it is, how it looks, what it says and what is drawn over what are
//! values, each of which is replaced by one with a greater version, and of the same by that of the greater peer id.
//! What was deleted stays deleted, whatever comes of it later. So a board depends on what is there and never on the order
//! in which it came, and a deleted thing costs a number and no more. Who undoes a deletion draws the thing anew.
//!
//! Everybody may change and delete everything, as on a board in a room, but speaks for themselves only: each tells what
//! they did, by the numbers of their deeds ([`link`]), and hands on what those did who left. What others delete of one's
//! own can be brought back.

mod author;
mod edit;
mod link;
mod live;
mod merge;
mod pictures;
mod ranges;
mod svg;
mod undo;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use thiserror::Error;
use tincan_protocol::{
    BoardMessage, Draw, ElementId, ElementKind, Frame, MAX_BOARD_TEXT, MAX_PICTURE, MAX_PICTURE_SIDE, PeerId,
    PictureHash, Point, Style, Value, display_name,
};

use author::{Author, Part};
use link::Link;
use merge::Entry;
use pictures::Pictures;
use ranges::Ranges;
use undo::History;

pub use edit::{Edit, New, Place};
pub use live::{LIVE_INTERVAL, Live, LiveState, LiveStroke};

/// People of whom something is kept, as in the chat.
pub const MAX_BOARD_AUTHORS: usize = 64;
/// Elements that are kept of one author.
pub const MAX_ELEMENTS: usize = 10_000;
/// What one author's elements and changes may take, in bytes: six hundred thousand points, or sixteen of the largest
/// pictures.
pub const MAX_AUTHOR_COST: usize = 8 << 20;
/// What the elements and changes of all may take, in bytes.
pub const MAX_BOARD_COST: usize = 48 << 20;
/// Ranges of deleted elements that are remembered of all. A call of many hours leaves some thousand.
const MAX_DELETED: usize = 1 << 18;
/// How far the number of a deleted element may be beyond all that its author is known to have done: somebody may delete
/// what we have not heard of yet, but not what will ever be drawn.
const MAX_AHEAD: u64 = 1 << 20;

/// What happened.
#[derive(derive_more::Debug, Clone, PartialEq, Eq)]
pub enum BoardInput {
    /// Somebody is in the room.
    Came(PeerId),
    /// What somebody calls themselves.
    Named {
        /// Who.
        peer: PeerId,
        /// Their name.
        #[debug(skip)]
        name: String,
    },
    /// Somebody is not in the room any more.
    Left(PeerId),
    /// The board channel to a member of the room is open, for the first time or anew.
    LinkOpened(PeerId),
    /// It is not any more.
    LinkClosed(PeerId),
    /// A message on the board channel.
    Received {
        /// From whom.
        peer: PeerId,
        /// The message.
        #[debug(skip)]
        bytes: Vec<u8>,
    },
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BoardOutput {
    /// This element is new, is another than before, or is gone: see [`Board::element`].
    Changed(ElementId),
    /// Somebody's name is another: see [`Board::name`].
    Named(PeerId),
    /// This picture is here whole: see [`Board::picture`].
    Picture(PictureHash),
    /// What [`Board::own`] says is another.
    Own,
}

/// An element as it is now.
#[derive(derive_more::Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element<'a> {
    /// Which.
    pub id: ElementId,
    /// Who handed it on; `None`: it came from its author.
    pub via: Option<PeerId>,
    /// What never changes of it, and how it was at first.
    pub draw: &'a Draw,
    /// Where it is.
    pub frame: Frame,
    /// What is drawn over what: of the same the greater id.
    pub order: i64,
    /// How it looks.
    pub style: Style,
    /// What it says.
    #[debug(skip)]
    pub text: &'a str,
}

/// What concerns us alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Own {
    /// Whether there is something to undo.
    pub can_undo: bool,
    /// Whether there is something to do again.
    pub can_redo: bool,
    /// How many of our elements were deleted by others and can be brought back.
    pub deleted_by_others: usize,
    /// Whether something that others drew did not fit.
    pub full: bool,
}

/// What was asked of the board cannot be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BoardError {
    /// A value beyond its bounds.
    #[error("That does not fit on the board. Draw it smaller, or nearer to the middle.")]
    Bounds,
    /// The text is too long.
    #[error("That is too long: a text on the board has at most {MAX_BOARD_TEXT} bytes. Use several.")]
    TooLong,
    /// There is no such thing (any more).
    #[error("That is not on the board any more.")]
    Unknown,
    /// We drew as much as one person may.
    #[error("The board takes no more from you. Delete something first.")]
    Full,
    /// Its version has no larger number.
    #[error("That cannot be changed any more. Delete it and undo that: then it can.")]
    Frozen,
    /// Not a picture that is taken.
    #[error(
        "That picture cannot be used. Choose a PNG, JPEG or WebP of at most {} KiB and {MAX_PICTURE_SIDE} pixels a side.",
        MAX_PICTURE / 1024
    )]
    Picture,
    /// Nothing is left to undo, or nothing that nobody went on with.
    #[error("There is nothing to undo.")]
    NothingToUndo,
    /// Nothing is left to do again.
    #[error("There is nothing to do again.")]
    NothingToRedo,
    /// Nobody deleted anything of ours.
    #[error("Nothing of yours was deleted by others.")]
    NothingToRestore,
}

impl BoardError {
    /// A stable word for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Bounds => "board_bounds",
            Self::TooLong => "board_too_long",
            Self::Unknown => "board_unknown",
            Self::Full => "board_full",
            Self::Frozen => "board_frozen",
            Self::Picture => "board_picture",
            Self::NothingToUndo => "board_nothing_to_undo",
            Self::NothingToRedo => "board_nothing_to_redo",
            Self::NothingToRestore => "board_nothing_to_restore",
        }
    }
}

/// The board of one stay in a room.
#[derive(Debug)]
pub struct Board {
    me: PeerId,
    /// Of the last thing that we did.
    number: u64,
    /// We among them.
    authors: BTreeMap<PeerId, Author>,
    elements: BTreeMap<ElementId, Entry>,
    /// What was deleted, by who drew it.
    gone: BTreeMap<PeerId, Ranges>,
    /// Ranges in all of `gone`.
    deleted: usize,
    links: BTreeMap<PeerId, Link>,
    pictures: Pictures,
    history: History,
    /// The largest order that we saw.
    top: i64,
    /// Of all authors.
    cost: usize,
    /// Something that others drew did not fit.
    full: bool,
    /// Elements of which the outside is to be told.
    changed: BTreeSet<ElementId>,
    outputs: VecDeque<BoardOutput>,
    /// What was told last.
    told_own: Own,
}

impl Board {
    /// Of somebody who has just come.
    pub fn new(me: PeerId) -> Self {
        Self {
            me,
            number: 0,
            authors: BTreeMap::from([(me, Author::here())]),
            elements: BTreeMap::new(),
            gone: BTreeMap::new(),
            deleted: 0,
            links: BTreeMap::new(),
            pictures: Pictures::default(),
            history: History::default(),
            top: 0,
            cost: 0,
            full: false,
            changed: BTreeSet::new(),
            outputs: VecDeque::new(),
            told_own: Own::default(),
        }
    }

    /// Takes what happened.
    pub fn handle(&mut self, input: BoardInput) {
        match input {
            BoardInput::Came(peer) if peer != self.me && self.make_room(peer, true) => {
                self.authors.entry(peer).or_default().present = true;
            }
            BoardInput::Named { peer, name } => self.named(peer, &name),
            BoardInput::Left(peer) if peer != self.me => self.left(peer),
            BoardInput::LinkOpened(peer) if self.is_present(peer) && peer != self.me => {
                self.pictures.link_closed(peer);
                self.links.insert(peer, Link::default());
            }
            BoardInput::LinkClosed(peer) => {
                self.pictures.link_closed(peer);
                self.links.remove(&peer);
            }
            BoardInput::Received { peer, bytes } => self.received(peer, &bytes),
            BoardInput::Came(_) | BoardInput::Left(_) | BoardInput::LinkOpened(_) => {}
        }
    }

    /// Decides whom to ask for which picture. To be called some times a second; time may begin anywhere.
    pub fn look(&mut self, now: Duration) {
        self.pictures.look(now, &self.links);
    }

    /// What changed; `None` when everything was told. An element that changed several times since the last look is told
    /// once.
    pub fn poll(&mut self) -> Option<BoardOutput> {
        if let Some(id) = self.changed.pop_first() {
            return Some(BoardOutput::Changed(id));
        }
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        let own = self.own();
        (std::mem::replace(&mut self.told_own, own) != own).then_some(BoardOutput::Own)
    }

    /// Every element's id. What is drawn first comes first.
    pub fn elements(&self) -> Vec<ElementId> {
        let mut all: Vec<_> = self.elements.keys().filter_map(|id| self.element(*id)).collect();
        all.sort_unstable_by_key(|element| (element.order, element.id));
        all.into_iter().map(|element| element.id).collect()
    }

    /// An element as it is now; `None`: it is gone, or was never here.
    pub fn element(&self, id: ElementId) -> Option<Element<'_>> {
        let entry = self.elements.get(&id)?;
        let body = entry.body.as_ref()?;
        let draw = &body.draw;
        let (mut frame, mut order, mut style, mut text) = (draw.frame, draw.order, draw.style, &draw.text);
        for change in entry.changes() {
            match &change.value {
                Value::Frame(now) => frame = *now,
                Value::Order(now) => order = *now,
                Value::Style(now) => style = *now,
                Value::Text(now) => text = now,
            }
        }
        Some(Element { id, via: body.via, draw, frame, order, style, text })
    }

    /// The bytes of a picture, if all are here.
    pub fn picture(&self, hash: PictureHash) -> Option<&[u8]> {
        self.pictures.whole(hash)
    }

    /// Every picture that something on the board shows, whether it is here or is to come.
    pub fn shown_pictures(&self) -> BTreeSet<PictureHash> {
        let bodies = self.elements.values().filter_map(|entry| entry.body.as_ref());
        bodies.filter_map(|body| Some(body.draw.picture?.hash)).collect()
    }

    /// Whatever shows this picture.
    pub fn showing(&self, hash: PictureHash) -> impl Iterator<Item = ElementId> {
        let shows = move |entry: &Entry| {
            let picture = entry.body.as_ref().and_then(|body| body.draw.picture);
            picture.is_some_and(|picture| picture.hash == hash)
        };
        self.elements.iter().filter(move |(_, entry)| shows(entry)).map(|(id, _)| *id)
    }

    /// What concerns us alone.
    pub fn own(&self) -> Own {
        Own { full: self.full, ..self.history.own() }
    }

    /// What somebody calls themselves, also when they have left; may be empty.
    pub fn name(&self, peer: PeerId) -> &str {
        self.authors.get(&peer).map_or("", |author| &author.name)
    }

    /// Everybody to whom there is a link.
    pub fn linked(&self) -> impl Iterator<Item = PeerId> {
        self.links.keys().copied()
    }

    /// Whether there is a page to draw on: the first is always there.
    fn has_page(&self, page: Option<ElementId>) -> bool {
        page.is_none_or(|page| {
            self.element(page).is_some_and(|element| element.draw.kind == ElementKind::Page)
        })
    }

    fn is_present(&self, peer: PeerId) -> bool {
        self.authors.get(&peer).is_some_and(|author| author.present)
    }

    fn is_gone(&self, id: ElementId) -> bool {
        self.gone.get(&id.author).is_some_and(|ranges| ranges.contains(id.number))
    }

    fn mine(&self) -> &Author {
        self.authors.get(&self.me).expect("we are there from the start, and nobody takes us out")
    }

    fn left(&mut self, peer: PeerId) {
        self.pictures.link_closed(peer);
        self.links.remove(&peer);
        let Some(author) = self.authors.get_mut(&peer) else { return };
        author.present = false;
        let digest = author.digest;
        if author.did_nothing() {
            self.authors.remove(&peer);
        }
        for link in self.links.values_mut() {
            link.has_left(peer, digest);
        }
    }

    fn named(&mut self, peer: PeerId, name: &str) {
        let name = display_name(name);
        if let Some(author) = self.authors.get_mut(&peer)
            && author.name != name
        {
            author.name = name;
            self.outputs.push_back(BoardOutput::Named(peer));
        }
    }

    /// Whether something of this author can be kept. Whoever is here goes before those who left, of whom those go first of
    /// whom there is least.
    fn make_room(&mut self, peer: PeerId, present: bool) -> bool {
        if self.authors.len() < MAX_BOARD_AUTHORS || self.authors.contains_key(&peer) {
            return true;
        }
        let departed = self.authors.iter().filter(|(_, author)| !author.present);
        let least = departed.min_by_key(|(_, author)| author.cost).map(|(peer, _)| *peer);
        let Some(least) = least.filter(|_| present) else { return false };
        self.forget(least);
        true
    }

    fn received(&mut self, peer: PeerId, bytes: &[u8]) {
        if !self.links.contains_key(&peer) {
            return;
        }
        // A newer version may say more than we understand.
        match BoardMessage::decode(bytes) {
            Ok(BoardMessage::Have { members }) => self.heard_have(peer, &members),
            Ok(BoardMessage::Draw(draw)) => {
                if let Some((author, via)) = self.speaker(peer, draw.author.as_ref(), draw.number) {
                    self.take_draw(author, via, Draw { author: None, ..draw });
                }
            }
            Ok(BoardMessage::Change(change)) => {
                let said = self.speaker(peer, change.author.as_ref(), change.number);
                if let Some((author, via)) = said {
                    self.take_change(author, via, change);
                }
            }
            Ok(BoardMessage::Remove(remove)) => {
                let said = self.speaker(peer, remove.author.as_ref(), remove.number);
                if let Some((author, via)) = said {
                    self.take_remove(author, via, remove.number, &remove.elements);
                }
            }
            Ok(BoardMessage::Want { picture, from }) => {
                if let Some(link) = self.links.get_mut(&peer) {
                    link.wants(picture, from);
                }
            }
            Ok(BoardMessage::Part { picture, at, data }) => {
                if self.pictures.part(peer, picture, at, &data.0) {
                    self.outputs.push_back(BoardOutput::Picture(picture));
                }
            }
            Ok(BoardMessage::Lack { picture }) => self.pictures.lacks(peer, picture),
            Err(_) => {}
        }
    }
}

/// Where a point of a stroke is, of which the frame was `drawn` and is `now`.
pub(crate) fn placed(point: Point, drawn: Frame, now: Frame) -> Point {
    let scaled = |value: i32, drawn: i32, now: i32| match drawn {
        0 => value,
        _ => (i64::from(value) * i64::from(now) / i64::from(drawn)) as i32,
    };
    let ([_, _, drawn_width, drawn_height], [x, y, width, height]) = (drawn.0, now.0);
    Point {
        x: x.saturating_add(scaled(point.x, drawn_width, width)),
        y: y.saturating_add(scaled(point.y, drawn_height, height)),
        ..point
    }
}

/// A stroke's frame, and its points from there.
fn framed(points: &[Point]) -> (Frame, Vec<Point>) {
    let (mut left, mut top, mut right, mut bottom) = (i32::MAX, i32::MAX, i32::MIN, i32::MIN);
    for point in points {
        (left, right) = (left.min(point.x), right.max(point.x));
        (top, bottom) = (top.min(point.y), bottom.max(point.y));
    }
    let moved = points.iter().map(|point| Point { x: point.x - left, y: point.y - top, ..*point });
    (Frame([left, top, right - left, bottom - top]), moved.collect())
}

/// The place of a value among the changes of an element.
const fn slot(part: Part) -> usize {
    match part {
        Part::Frame => 0,
        Part::Order => 1,
        Part::Style => 2,
        Part::Text => 3,
    }
}
