//! Points of a stroke, packed: a point takes three to five bytes, and JSON would need about eleven.

use serde::{Deserialize, Serialize};

use super::{BoardMessageError, MAX_COORDINATE, MAX_POINTS};

/// Longest list, in bytes before base64. In base64 it fits a message with everything around it.
pub const MAX_PACKED: usize = 9_600;

/// Where a pen was, and how hard it was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Point {
    /// To the right.
    pub x: i32,
    /// Down.
    pub y: i32,
    /// 128 where the device knows none.
    pub pressure: u8,
}

/// Points in their order. Written as base64url without padding of, for each, the difference of x and of y to the point
/// before (to 0 of the first), each as a zigzag varint (LEB128), and a byte for the pressure.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Points(pub Vec<Point>);

impl std::fmt::Debug for Points {
    // What people draw must not reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} points", self.0.len())
    }
}

impl Points {
    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an element may have them.
    pub(crate) fn is_sound(&self) -> bool {
        self.0.len() <= MAX_POINTS
    }

    /// How many of the points, from the first, fit into so many bytes when they are packed.
    pub fn fitting(points: &[Point], bytes: usize) -> usize {
        let mut packed = Vec::new();
        let mut before = Point::default();
        for (count, point) in points.iter().enumerate() {
            push(&mut packed, before, *point);
            if packed.len() > bytes {
                return count;
            }
            before = *point;
        }
        points.len()
    }

    pub(super) fn pack(&self) -> Vec<u8> {
        let mut packed = Vec::with_capacity(self.0.len() * 4);
        let mut before = Point::default();
        for point in &self.0 {
            push(&mut packed, before, *point);
            before = *point;
        }
        packed
    }

    fn unpack(mut packed: &[u8]) -> Option<Self> {
        let mut points = Vec::with_capacity(packed.len() / 3);
        let mut before = Point::default();
        while !packed.is_empty() {
            let x = before.x.checked_add(take_signed(&mut packed)?)?;
            let y = before.y.checked_add(take_signed(&mut packed)?)?;
            if !super::is_coordinate(x) || !super::is_coordinate(y) {
                return None;
            }
            let (&pressure, rest) = packed.split_first()?;
            packed = rest;
            before = Point { x, y, pressure };
            points.push(before);
        }
        Some(Self(points))
    }
}

fn push(packed: &mut Vec<u8>, before: Point, point: Point) {
    push_signed(packed, point.x.saturating_sub(before.x));
    push_signed(packed, point.y.saturating_sub(before.y));
    packed.push(point.pressure);
}

fn push_signed(to: &mut Vec<u8>, value: i32) {
    // Zigzag: small numbers of either sign become small ones without.
    let mut left = ((value << 1) ^ (value >> 31)).cast_unsigned();
    while left >= 0x80 {
        to.push(left as u8 | 0x80);
        left >>= 7;
    }
    to.push(left as u8);
}

fn take_signed(from: &mut &[u8]) -> Option<i32> {
    let mut value = 0_u32;
    for shift in [0, 7, 14, 21, 28] {
        let (&byte, rest) = from.split_first()?;
        *from = rest;
        let bits = u32::from(byte & 0x7f);
        // Of the fifth byte four bits fit.
        if shift == 28 && bits > 0xf {
            return None;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Some((value >> 1).cast_signed() ^ -((value & 1).cast_signed()));
        }
    }
    None
}

const _: () = assert!(MAX_COORDINATE < i32::MAX / 4, "differences do not overflow");

impl From<Points> for String {
    fn from(points: Points) -> Self {
        data_encoding::BASE64URL_NOPAD.encode(&points.pack())
    }
}

impl TryFrom<String> for Points {
    type Error = BoardMessageError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let packed = data_encoding::BASE64URL_NOPAD.decode(text.as_bytes());
        packed
            .ok()
            .filter(|packed| packed.len() <= MAX_PACKED)
            .and_then(|packed| Self::unpack(&packed))
            .ok_or(BoardMessageError::Malformed)
    }
}
