//! The bytes on the frame socket. `docs/architecture.md` describes them for the other side, the window.

use bytes::Bytes;
use tincan_media::video::{Resolution, VideoFrame};

/// First four bytes of every message: `TCF2`.
const MAGIC: u32 = u32::from_le_bytes(*b"TCF2");

/// Magic, stream, sequence (u32), width, height (u16), the same before it was scaled (u16), capture time in µs (u64), all
/// little-endian.
pub(super) const HEADER_LEN: usize = 28;

/// Stream and sequence (u32), width and height of where it is shown (u16), all little-endian.
pub(super) const ACK_LEN: usize = 12;

/// The window has taken everything of `stream` up to `sequence`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ack {
    pub(super) stream: u32,
    pub(super) sequence: u32,
    /// The pixels that it is shown on, if that is known.
    pub(super) shown: Option<Resolution>,
}

impl Ack {
    /// `None` for anything that is not an acknowledgement.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; ACK_LEN] = bytes.try_into().ok()?;
        let [a, b, c, d, e, f, g, h, i, j, k, l] = *bytes;
        let shown = Resolution::new(u16::from_le_bytes([i, j]).into(), u16::from_le_bytes([k, l]).into());
        Some(Self {
            stream: u32::from_le_bytes([a, b, c, d]),
            sequence: u32::from_le_bytes([e, f, g, h]),
            shown: (shown.width > 0 && shown.height > 0).then_some(shown),
        })
    }
}

/// Whether the header can say the picture's size: 65,535 pixels a side, far beyond what a screen shows.
pub(super) fn fits(frame: &VideoFrame) -> bool {
    size(frame.resolution()).is_some()
}

fn size(of: Resolution) -> Option<(u16, u16)> {
    Some((u16::try_from(of.width).ok()?, u16::try_from(of.height).ok()?))
}

/// A picture as one message; the copy made here is the only one between the decoder and the socket. `own`: its size before it was
/// scaled.
///
/// # Panics
/// When the picture does not fit, see [`fits`].
pub(super) fn picture(stream: u32, sequence: u32, frame: &VideoFrame, own: Resolution) -> Bytes {
    let mut message = Vec::with_capacity(HEADER_LEN + frame.data().len());
    let fits = "the hub takes only pictures that fit";
    let sizes = [size(frame.resolution()).expect(fits), size(own).expect(fits)];
    header(&mut message, stream, sequence, sizes, frame.time().as_micros());
    message.extend_from_slice(frame.data());
    message.into()
}

/// Says that the stream shows nothing more: a header alone, without width and height.
pub(super) fn ended(stream: u32, sequence: u32) -> Bytes {
    let mut message = Vec::with_capacity(HEADER_LEN);
    header(&mut message, stream, sequence, [(0, 0); 2], 0);
    message.into()
}

/// Says that the window draws the stream's pictures itself, and how large they are: a header alone, in which only the size before
/// scaling is not nothing.
///
/// # Panics
/// When the picture does not fit, see [`fits`].
pub(super) fn shown_above(stream: u32, sequence: u32, own: Resolution) -> Bytes {
    let mut message = Vec::with_capacity(HEADER_LEN);
    let own = size(own).expect("the hub takes only pictures that fit");
    header(&mut message, stream, sequence, [(0, 0), own], 0);
    message.into()
}

fn header(message: &mut Vec<u8>, stream: u32, sequence: u32, sizes: [(u16, u16); 2], micros: u64) {
    message.extend_from_slice(&MAGIC.to_le_bytes());
    message.extend_from_slice(&stream.to_le_bytes());
    message.extend_from_slice(&sequence.to_le_bytes());
    for side in sizes.into_iter().flat_map(|(width, height)| [width, height]) {
        message.extend_from_slice(&side.to_le_bytes());
    }
    message.extend_from_slice(&micros.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use tincan_media::MediaTime;

    use super::*;

    #[test]
    fn a_picture_is_28_bytes_of_header_and_its_planes() {
        let frame = VideoFrame::black(MediaTime::from_micros(0x0102_0304_0506_0708), Resolution::new(4, 2));
        let message = picture(7, 9, &frame, Resolution::new(0x0780, 8));
        let expected: [u8; HEADER_LEN] = [
            b'T', b'C', b'F', b'2', 7, 0, 0, 0, 9, 0, 0, 0, 4, 0, 2, 0, 0x80, 7, 8, 0, 8, 7, 6, 5, 4, 3, 2, 1,
        ];
        assert_eq!(message[..HEADER_LEN], expected);
        assert_eq!(message[HEADER_LEN..], *frame.data());
    }

    #[test]
    fn the_end_of_a_stream_is_a_header_without_a_size() {
        let message = ended(7, 9);
        assert_eq!(message.len(), HEADER_LEN);
        assert_eq!(message[12..20], [0; 8]);
    }

    #[test]
    fn what_the_window_draws_is_a_header_with_the_pictures_size() {
        let message = shown_above(7, 9, Resolution::new(0x0500, 0x02d0));
        assert_eq!(message.len(), HEADER_LEN);
        assert_eq!(message[12..20], [0, 0, 0, 0, 0, 5, 0xd0, 2]);
    }

    #[test]
    fn only_twelve_bytes_are_an_acknowledgement() {
        let ack = Ack { stream: 1, sequence: 256, shown: Some(Resolution::new(640, 360)) };
        assert_eq!(Ack::parse(&[1, 0, 0, 0, 0, 1, 0, 0, 128, 2, 104, 1]), Some(ack));
        assert_eq!(Ack::parse(&[0; ACK_LEN]), Some(Ack { stream: 0, sequence: 0, shown: None }));
        assert_eq!(Ack::parse(&[1, 0, 0, 0, 0, 1, 0, 0]), None);
        assert_eq!(Ack::parse(&[0; 13]), None);
    }
}
