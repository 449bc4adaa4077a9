//! The ink channel: what somebody draws and where they point right now. A lost message is not sent again; the next one
//! repeats what it said of the last points, and what is finished comes on the board channel.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{BoardMessageError, ElementId, Points, Style, is_coordinate};

/// Longest message: it fits one datagram of 1,200 bytes, which every path carries, with DTLS and SCTP around it.
pub const MAX_INK_LEN: usize = 1_100;
/// Most points of a live stroke: at a hundred a second, more than three minutes.
pub const MAX_LIVE_POINTS: usize = 20_000;

/// What somebody draws and where they point.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InkMessage {
    /// One more than the message's before; an older one is dropped.
    pub sequence: u32,
    /// The page that they look at; absent: the first. Or [`ElementId::screen_of`] whoever shares what they point at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<ElementId>,
    /// Where they point; absent: nowhere on the board.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<(i32, i32)>,
    /// What they draw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stroke: Option<InkStroke>,
    /// The element that they write in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub editing: Option<ElementId>,
}

impl fmt::Debug for InkMessage {
    // What people draw must not reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InkMessage").field("sequence", &self.sequence).finish_non_exhaustive()
    }
}

/// What a live stroke is to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are those of elements")]
pub enum InkKind {
    Pen,
    Marker,
    Line,
    Arrow,
    Rectangle,
    Ellipse,
    Text,
    Note,
    /// Nothing: a trail that fades.
    Laser,
}

/// Points of what somebody draws.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InkStroke {
    /// Tells the sender's strokes apart: one more than the last one's.
    pub number: u32,
    /// What it is to become.
    pub kind: InkKind,
    /// How it looks.
    pub style: Style,
    /// How many points come before these.
    pub from: usize,
    /// On the board. Points after these are not valid any more.
    pub points: Points,
}

impl InkMessage {
    /// The message as it goes onto the channel.
    pub fn encode(&self) -> String {
        serde_json::to_string(self).expect("ink has no map keys or floats that JSON cannot hold")
    }

    /// Reads a message off the channel.
    ///
    /// # Errors
    /// [`BoardMessageError`] when it is too large or not a message of ours; the channel stays usable.
    pub fn decode(bytes: &[u8]) -> Result<Self, BoardMessageError> {
        if bytes.len() > MAX_INK_LEN {
            return Err(BoardMessageError::TooLarge(bytes.len()));
        }
        let message: Self = serde_json::from_slice(bytes).map_err(|_| BoardMessageError::Malformed)?;
        message.is_sound().then_some(message).ok_or(BoardMessageError::Malformed)
    }

    fn is_sound(&self) -> bool {
        self.page.is_none_or(|page| page.is_screen() || page.is_sound())
            && self.editing.is_none_or(ElementId::is_sound)
            && self.pointer.is_none_or(|(x, y)| is_coordinate(x) && is_coordinate(y))
            && self.stroke.as_ref().is_none_or(|stroke| {
                stroke.style.is_sound()
                    && stroke.from.saturating_add(stroke.points.0.len()) <= MAX_LIVE_POINTS
            })
    }
}
