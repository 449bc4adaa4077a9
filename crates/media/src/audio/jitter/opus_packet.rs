//! The little that the buffer must know about an Opus packet.

/// 120 ms at 48 kHz.
const MAX_PACKET_SAMPLES: usize = 5_760;

/// How many samples at 48 kHz the packet decodes to; `None` when it is no Opus packet.
///
/// RFC 6716, section 3.1 (table 2) has the length of a frame, sections 3.2.2 to 3.2.5 how many there are; a packet of more
/// than 120 ms is none.
pub(in super::super) fn duration(packet: &[u8]) -> Option<usize> {
    let &toc = packet.first()?;
    let config = usize::from(toc >> 3);
    let frame = match config {
        0..12 => [480, 960, 1_920, 2_880][config & 3],
        12..16 => [480, 960][config & 1],
        _ => [120, 240, 480, 960][config & 3],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => usize::from(packet.get(1)? & 0x3f),
    };
    let samples = frame * frames;
    (1..=MAX_PACKET_SAMPLES).contains(&samples).then_some(samples)
}

/// Whether the packet's first frame carries an in-band FEC copy (LBRR) of the packet before it.
///
/// RFC 6716: the table of contents byte (section 3.1) gives the mode; SILK and hybrid frames begin with a voice-activity
/// flag for each of their 20 ms and then the LBRR flag (sections 4.2.3 and 4.2.4), each one plain bit from the top.
pub(super) fn has_fec(packet: &[u8]) -> bool {
    let Some((&toc, rest)) = packet.split_first() else { return false };
    let config = toc >> 3;
    // 16 and above are CELT only, which has no FEC.
    if config >= 16 {
        return false;
    }
    // 12 to 15 are hybrid of 10 or 20 ms; below, SILK of 10, 20, 40 or 60 ms.
    let silk_frames = if config >= 12 { 1 } else { [1, 1, 2, 3][usize::from(config & 3)] };
    let frame = match toc & 3 {
        0 | 1 => rest,
        // Two frames of different sizes: one or two bytes of length (section 3.2.1).
        2 => match rest.first() {
            Some(0..252) => &rest[1..],
            Some(_) => rest.get(2..).unwrap_or(&[]),
            None => &[],
        },
        // Any number of frames, perhaps padded. WebRTC senders do not make them; concealment serves.
        _ => &[],
    };
    frame.first().is_some_and(|first| (first >> (7 - silk_frames)) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_that_of_all_frames() {
        // SILK wideband 20 ms, 60 ms; hybrid 10 ms; CELT 2.5 ms; two frames of 20 ms.
        assert_eq!(duration(&[9 << 3, 0]), Some(960));
        assert_eq!(duration(&[11 << 3]), Some(2_880));
        assert_eq!(duration(&[14 << 3]), Some(480));
        assert_eq!(duration(&[16 << 3]), Some(120));
        assert_eq!(duration(&[(31 << 3) | 1]), Some(1_920));
        // Any number of frames: six of 20 ms, none, too many, and a count that is missing.
        assert_eq!(duration(&[(31 << 3) | 3, 6]), Some(5_760));
        assert_eq!(duration(&[(31 << 3) | 3, 0]), None);
        assert_eq!(duration(&[(31 << 3) | 3, 7]), None);
        assert_eq!(duration(&[(31 << 3) | 3]), None);
        assert_eq!(duration(&[]), None);
    }

    #[test]
    fn the_flag_is_found_behind_the_voice_flags() {
        // SILK wideband 20 ms (config 9): voice flag, then LBRR.
        assert!(has_fec(&[9 << 3, 0b0100_0000]));
        assert!(!has_fec(&[9 << 3, 0b1000_0000]));
        // SILK wideband 60 ms (config 11): three voice flags first.
        assert!(has_fec(&[11 << 3, 0b0001_0000]));
        // Hybrid fullband 20 ms (config 15), and two frames with a one-byte length.
        assert!(has_fec(&[15 << 3, 0b0100_0000]));
        assert!(has_fec(&[(15 << 3) | 2, 40, 0b0100_0000]));
        // CELT, and nothing at all.
        assert!(!has_fec(&[31 << 3, 0xff]));
        assert!(!has_fec(&[9 << 3]));
        assert!(!has_fec(&[]));
    }
}
