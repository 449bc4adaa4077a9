//! The size of a picture, from its head: what is shown in a window is looked at before a decoder of the system's is.

/// What begins every PNG (RFC 2083, section 3.1).
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Width and height of a PNG, JPEG or WebP; `None` for anything else, and for what is torn before it says its size.
pub(crate) fn picture_size(bytes: &[u8]) -> Option<(u32, u32)> {
    if bytes.starts_with(PNG) {
        // The first chunk is IHDR: 13 bytes long, width and height first.
        let head = bytes.get(8..24)?;
        return (head[..8] == *b"\0\0\0\x0dIHDR").then(|| (big(&head[8..12]), big(&head[12..16])));
    }
    if bytes.starts_with(&[0xff, 0xd8]) {
        return jpeg_size(&bytes[2..]);
    }
    if bytes.starts_with(b"RIFF") && bytes.get(8..12)? == b"WEBP" {
        return webp_size(bytes.get(12..)?);
    }
    None
}

/// The word that a data URL has for it.
pub(crate) fn media_type(bytes: &[u8]) -> &'static str {
    if bytes.starts_with(PNG) {
        "image/png"
    } else if bytes.starts_with(b"RIFF") {
        "image/webp"
    } else {
        "image/jpeg"
    }
}

/// Walks through the segments to the frame header (ITU T.81, annex B).
fn jpeg_size(mut rest: &[u8]) -> Option<(u32, u32)> {
    loop {
        // Any number of 0xff may stand before a marker.
        let start = rest.iter().position(|byte| *byte != 0xff)?;
        if start == 0 {
            return None;
        }
        let marker = rest[start];
        rest = &rest[start + 1..];
        match marker {
            // Start of frame, but not the tables that lie between (DHT, JPG, DAC).
            0xc0..=0xcf if ![0xc4, 0xc8, 0xcc].contains(&marker) => {
                let head = rest.get(3..7)?;
                return Some((big(&head[2..4]), big(&head[..2])));
            }
            // Markers without a segment.
            0x01 | 0xd0..=0xd7 => {}
            // The picture itself, or its end, without a size before.
            0xd9 | 0xda => return None,
            _ => {
                let length = big(rest.get(..2)?) as usize;
                if length < 2 {
                    return None;
                }
                rest = rest.get(length..)?;
            }
        }
    }
}

/// The first chunk says it (RFC 9649, section 2).
fn webp_size(chunk: &[u8]) -> Option<(u32, u32)> {
    let data = chunk.get(8..)?;
    match chunk.get(..4)? {
        b"VP8 " => {
            let head = data.get(3..10)?;
            // The start code of a keyframe (RFC 6386, section 9.1).
            (head[..3] == [0x9d, 0x01, 0x2a])
                .then(|| (little(&head[3..5]) & 0x3fff, little(&head[5..7]) & 0x3fff))
        }
        b"VP8L" => {
            let head = data.get(..5)?;
            let bits = little(&head[1..5]);
            (head[0] == 0x2f).then_some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        b"VP8X" => {
            let head = data.get(4..10)?;
            Some((little(&head[..3]) + 1, little(&head[3..6]) + 1))
        }
        _ => None,
    }
}

fn big(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |value, byte| value << 8 | u32::from(*byte))
}

fn little(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = PNG.to_vec();
        bytes.extend(b"\0\0\0\x0dIHDR");
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes
    }

    #[test]
    fn each_kind_says_its_size() {
        assert_eq!(picture_size(&png(640, 480)), Some((640, 480)));
        // A comment, then a progressive frame of 3 components.
        let jpeg = b"\xff\xd8\xff\xfe\0\x04hi\xff\xff\xc2\0\x11\x08\x01\xe0\x02\x80\x03";
        assert_eq!(picture_size(jpeg), Some((640, 480)));
        let lossy = b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a\x80\x02\xe0\x01";
        assert_eq!(picture_size(lossy), Some((640, 480)));
        let bits: u32 = 639 | 479 << 14;
        let lossless = [&b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f"[..], &bits.to_le_bytes()].concat();
        assert_eq!(picture_size(&lossless), Some((640, 480)));
        let extended = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x7f\x02\0\xdf\x01\0";
        assert_eq!(picture_size(extended), Some((640, 480)));
    }

    #[test]
    fn anything_else_has_no_size() {
        for other in [
            &b""[..],
            b"GIF89a\x80\x02\xe0\x01",
            b"<svg/>",
            b"\xff\xd8\xff\xda\0\x02",
            b"\xff\xd8\xff\xe0\0\0",
        ] {
            assert_eq!(picture_size(other), None, "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_looked_at_without_panic(kind in 0..4_usize, bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let head: &[u8] = [&b""[..], PNG, b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBPVP8"][kind];
            picture_size(&[head, &bytes].concat());
        }
    }
}
