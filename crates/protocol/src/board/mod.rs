//! The board channel and the ink channel: JSON, one object a message.
//!
//! Lengths are in tenths of a unit, whole numbers. What is on the board are *elements*, each named by who drew it and the
//! number of that deed. Deeds are counted by whoever does them.

mod digest;
mod ink;
mod points;

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::chat::Author;
use crate::peer_id::PeerId;
use crate::text::MAX_NAME_LEN;

pub use digest::{DeedsDigest, ParseDigestError};
pub use ink::{InkKind, InkMessage, InkStroke, MAX_INK_LEN, MAX_LIVE_POINTS};
pub use points::{MAX_PACKED, Point, Points};

/// Longest message: what every implementation takes in one piece (RFC 8831, section 6.6).
pub(crate) const MAX_LEN: usize = 16 * 1024;
/// Most authors that one message names, as in the chat.
pub const MAX_BOARD_MEMBERS: usize = 128;
/// Largest number of anything: the largest that every JSON reader takes exactly (RFC 8259, section 6).
pub const MAX_BOARD_NUMBER: u64 = (1 << 53) - 1;
/// How far from the middle something may be, and how large: a million units.
pub const MAX_COORDINATE: i32 = 10_000_000;
/// Width and height of a shared screen that somebody points at.
pub const SCREEN_SIDE: i32 = 16_384;
/// Longest text of an element, in bytes of UTF-8. It fits a message however JSON has to write it.
pub const MAX_BOARD_TEXT: usize = 4_000;
/// Most points of one element: at a hundred a second, 24 seconds.
pub const MAX_POINTS: usize = 2_400;
/// Largest picture: a photograph of 2,048 pixels a side as a JPEG.
pub const MAX_PICTURE: usize = 512 * 1024;
/// Longest side of a picture in pixels: 16 MiB when it is decoded.
pub const MAX_PICTURE_SIDE: u32 = 2_048;
/// Most bytes of a picture in one message: in base64 it fits.
pub const MAX_PICTURE_PART: usize = 8 * 1024;
/// Most ranges of numbers in one [`Remove`].
pub const MAX_RANGES: usize = 128;

/// Whose elements one [`Remove`] names at most: with as many ranges it fits a message.
pub const MAX_REMOVED_AUTHORS: usize = 64;

/// What one participant tells another about the board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum BoardMessage {
    /// What the sender has already; the first message, and again when somebody left.
    Have {
        /// Of whom how much. In the first message, nothing is had of whoever is not in it.
        members: Vec<BoardMember>,
    },
    /// Somebody drew something.
    Draw(Draw),
    /// Somebody changed an element.
    Change(Change),
    /// Somebody deleted elements.
    Remove(Remove),
    /// The sender lacks a picture.
    Want {
        /// Which.
        picture: PictureHash,
        /// So many bytes it has.
        from: usize,
    },
    /// Part of a picture.
    Part {
        /// Of which.
        picture: PictureHash,
        /// Where in it.
        at: usize,
        /// The bytes, in base64url without padding.
        data: PartData,
    },
    /// The sender does not have a picture that it was asked for.
    Lack {
        /// Which.
        picture: PictureHash,
    },
}

/// How much the sender has of what somebody did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardMember {
    /// Whose.
    pub peer: PeerId,
    /// Of the receiver: everything up to this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// Of whoever left: which of their deeds. Neither this nor a number: the sender hears them themselves, and wants it from
    /// nobody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<DeedsDigest>,
}

/// Names an element for the whole stay of whoever drew it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ElementId {
    /// The number of the deed.
    pub number: u64,
    /// Whose.
    pub author: PeerId,
}

/// What an element is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the things")]
pub enum ElementKind {
    Pen,
    Marker,
    Line,
    Arrow,
    Rectangle,
    Ellipse,
    Text,
    Note,
    Picture,
    Page,
}

impl ElementKind {
    /// Whether it consists of points.
    pub const fn has_points(self) -> bool {
        matches!(self, Self::Pen | Self::Marker)
    }

    /// Whether it says something.
    pub const fn has_text(self) -> bool {
        matches!(self, Self::Text | Self::Note | Self::Page)
    }
}

/// x, y, width and height, the latter of either sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Frame(pub [i32; 4]);

/// A colour, written `#rrggbb`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Color(pub [u8; 3]);

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl fmt::Debug for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Color> for String {
    fn from(color: Color) -> Self {
        color.to_string()
    }
}

/// The text is no colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a colour is # and six hex digits")]
pub struct ParseColorError;

impl std::str::FromStr for Color {
    type Err = ParseColorError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix('#').ok_or(ParseColorError)?;
        let bytes =
            data_encoding::HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).map_err(|_| ParseColorError)?;
        Ok(Self(bytes.try_into().map_err(|_| ParseColorError)?))
    }
}

impl TryFrom<String> for Color {
    type Error = ParseColorError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// How an element looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Style {
    /// Of strokes, outlines and text.
    pub color: Color,
    /// Of a shape's inside or a note's sheet; absent: what is below shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fill: Option<Color>,
    /// Of strokes and outlines.
    pub width: u16,
    /// Of letters.
    pub size: u16,
}

impl Style {
    /// Widths that may be.
    pub const WIDTHS: std::ops::RangeInclusive<u16> = 1..=2_000;
    /// Sizes of letters that may be.
    pub const SIZES: std::ops::RangeInclusive<u16> = 40..=4_000;

    /// Whether everybody takes it.
    pub fn is_sound(&self) -> bool {
        Self::WIDTHS.contains(&self.width) && Self::SIZES.contains(&self.size)
    }
}

/// The SHA-256 of a picture's bytes, 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct PictureHash(pub [u8; 32]);

impl fmt::Display for PictureHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for PictureHash {
    // Whoever has the picture would know it by its hash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PictureHash")
    }
}

/// The text is no hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a picture's hash is 64 hex digits")]
pub struct ParseHashError;

impl std::str::FromStr for PictureHash {
    type Err = ParseHashError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).map_err(|_| ParseHashError)?;
        Ok(Self(bytes.try_into().map_err(|_| ParseHashError)?))
    }
}

impl TryFrom<String> for PictureHash {
    type Error = ParseHashError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PictureHash> for String {
    fn from(hash: PictureHash) -> Self {
        hash.to_string()
    }
}

/// What a picture on the board is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Of its bytes.
    pub hash: PictureHash,
    /// How many.
    pub bytes: usize,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
}

/// Some bytes of a picture.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct PartData(pub Vec<u8>);

impl fmt::Debug for PartData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl From<PartData> for String {
    fn from(data: PartData) -> Self {
        data_encoding::BASE64URL_NOPAD.encode(&data.0)
    }
}

impl TryFrom<String> for PartData {
    type Error = BoardMessageError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = data_encoding::BASE64URL_NOPAD.decode(text.as_bytes());
        bytes.map(Self).map_err(|_| BoardMessageError::Malformed)
    }
}

/// Somebody drew something: what never changes of it, and how it was at first.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draw {
    /// Whose it is, when it is handed on; absent: the sender's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Author>,
    /// Of the deed, and so of the element.
    pub number: u64,
    /// What it is.
    pub kind: ElementKind,
    /// The page that it is on; absent: the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<ElementId>,
    /// Where it is.
    pub frame: Frame,
    /// What is drawn over what.
    pub order: i64,
    /// How it looks.
    pub style: Style,
    /// From the frame's x and y.
    #[serde(default, skip_serializing_if = "Points::is_empty")]
    pub points: Points,
    /// What it says.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Of a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<Picture>,
    /// The number of the live stroke that it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<u32>,
}

impl fmt::Debug for Draw {
    // What people draw and write must not reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draw").field("number", &self.number).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Somebody changed one thing about an element.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Who did, when it is handed on; absent: the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Author>,
    /// Of the deed.
    pub number: u64,
    /// Of which element.
    pub of: ElementId,
    /// One more than that of the value that it replaces; the first is 0.
    pub version: u64,
    /// What it is now.
    #[serde(flatten)]
    pub value: Value,
}

/// What can be changed about an element. Each is decided about for itself, so that whoever moves a note and whoever writes
/// in it at the same time both have their way.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// Where it is.
    Frame(Frame),
    /// What is drawn over what.
    Order(i64),
    /// How it looks.
    Style(Style),
    /// What it says.
    Text(String),
}

impl fmt::Debug for Value {
    // What people write must not reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Frame(_) => "Frame",
            Self::Order(_) => "Order",
            Self::Style(_) => "Style",
            Self::Text(_) => "Text",
        })
    }
}

/// Somebody deleted elements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remove {
    /// Who did, when it is handed on; absent: the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Author>,
    /// Of the deed.
    pub number: u64,
    /// Which.
    pub elements: Vec<Removed>,
}

/// Deleted elements of one author.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// Who drew them.
    pub author: PeerId,
    /// From and to, both included.
    pub numbers: Vec<(u64, u64)>,
}

/// The bytes are no message of the board.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BoardMessageError {
    /// Longer than any real message.
    #[error("a message of the board of {0} bytes is too large")]
    TooLarge(usize),
    /// Not JSON, no message that this version knows, or a field beyond its bounds.
    #[error("not a message of the board")]
    Malformed,
}

impl BoardMessage {
    /// The message as it goes onto the channel.
    pub fn encode(&self) -> String {
        serde_json::to_string(self)
            .expect("messages of the board have no map keys or floats that JSON cannot hold")
    }

    /// Reads a message off the channel.
    ///
    /// # Errors
    /// [`BoardMessageError`] when it is too large or not a message of ours; the channel stays usable.
    pub fn decode(bytes: &[u8]) -> Result<Self, BoardMessageError> {
        if bytes.len() > MAX_LEN {
            return Err(BoardMessageError::TooLarge(bytes.len()));
        }
        let message: Self = serde_json::from_slice(bytes).map_err(|_| BoardMessageError::Malformed)?;
        message.is_sound().then_some(message).ok_or(BoardMessageError::Malformed)
    }

    fn is_sound(&self) -> bool {
        match self {
            Self::Have { members } => {
                members.len() <= MAX_BOARD_MEMBERS
                    && members
                        .iter()
                        .all(|member| member.number.is_none_or(|number| number <= MAX_BOARD_NUMBER))
            }
            Self::Draw(draw) => is_named(draw.author.as_ref()) && draw.is_sound(),
            Self::Change(change) => {
                is_named(change.author.as_ref())
                    && is_number(change.number)
                    && change.of.is_sound()
                    && is_number(change.version)
                    && change.value.is_sound()
            }
            Self::Remove(remove) => {
                is_named(remove.author.as_ref()) && is_number(remove.number) && remove.is_sound()
            }
            Self::Want { from, .. } => *from < MAX_PICTURE,
            Self::Part { at, data, .. } => {
                !data.0.is_empty() && data.0.len() <= MAX_PICTURE_PART && *at < MAX_PICTURE
            }
            Self::Lack { .. } => true,
        }
    }
}

fn is_named(author: Option<&Author>) -> bool {
    author.is_none_or(|author| author.name.len() <= MAX_NAME_LEN)
}

fn is_number(number: u64) -> bool {
    (1..=MAX_BOARD_NUMBER).contains(&number)
}

fn is_order(order: i64) -> bool {
    order.unsigned_abs() <= MAX_BOARD_NUMBER
}

fn is_coordinate(value: i32) -> bool {
    (-MAX_COORDINATE..=MAX_COORDINATE).contains(&value)
}

impl ElementId {
    /// What a member shares of their screen, where a page is named on the ink channel: no element has this number. It is
    /// [`SCREEN_SIDE`] wide and as high, whatever its shape.
    pub const fn screen_of(member: PeerId) -> Self {
        Self { number: 0, author: member }
    }

    /// Whether it is what somebody shares, and no page.
    pub const fn is_screen(self) -> bool {
        self.number == 0
    }

    fn is_sound(self) -> bool {
        is_number(self.number)
    }
}

impl Frame {
    /// Whether everybody takes it.
    pub fn is_sound(self) -> bool {
        self.0.into_iter().all(is_coordinate)
    }
}

impl Value {
    /// Whether everybody takes it.
    pub fn is_sound(&self) -> bool {
        match self {
            Self::Frame(frame) => frame.is_sound(),
            Self::Order(order) => is_order(*order),
            Self::Style(style) => style.is_sound(),
            Self::Text(text) => text.len() <= MAX_BOARD_TEXT,
        }
    }
}

impl Picture {
    /// Whether everybody takes it.
    pub fn is_sound(&self) -> bool {
        let side = 1..=MAX_PICTURE_SIDE;
        (1..=MAX_PICTURE).contains(&self.bytes) && side.contains(&self.width) && side.contains(&self.height)
    }
}

impl Draw {
    /// Whether everybody takes it.
    pub fn is_sound(&self) -> bool {
        is_number(self.number)
            && self.page.is_none_or(ElementId::is_sound)
            && self.frame.is_sound()
            && is_order(self.order)
            && self.style.is_sound()
            && self.points.is_sound()
            && self.points.0.is_empty() != self.kind.has_points()
            && self.text.len() <= MAX_BOARD_TEXT
            && (self.text.is_empty() || self.kind.has_text())
            && self.picture.is_some() == (self.kind == ElementKind::Picture)
            && self.picture.is_none_or(|picture| picture.is_sound())
            && (self.page.is_none() || self.kind != ElementKind::Page)
    }
}

impl Remove {
    fn is_sound(&self) -> bool {
        let ranges: usize = self.elements.iter().map(|of| of.numbers.len()).sum();
        let is_range = |(from, to): &(u64, u64)| is_number(*from) && is_number(*to) && from <= to;
        (1..=MAX_RANGES).contains(&ranges)
            && self.elements.len() <= MAX_REMOVED_AUTHORS
            && self.elements.iter().all(|of| of.numbers.iter().all(is_range))
    }
}

#[cfg(test)]
mod tests;
