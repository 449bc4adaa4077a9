//! What an Opus packet says of itself, and what is put where packets are missing (RFC 6716).

use bytes::Bytes;

use super::clock::SampleTime;

/// 120 ms, the longest packet (section 3.2.5, requirement R5).
const MAX_PACKET: u64 = 5_760;
/// The shortest frame: 2.5 ms.
const MIN_FRAME: u64 = 120;
/// A fullband CELT frame, mono, of 2.5, 5, 10 or 20 ms (section 3.1): bits 3 and 4 choose.
const CELT: u8 = 0xe0;
/// What decodes to nothing in such a frame.
const NOTHING: [u8; 2] = [0xff, 0xfe];
/// Concealment makes something up from what was before, and fades out after about so long.
const MAX_CONCEALED: u64 = 4_800;

/// How many samples at 48 kHz a packet holds; `None` for one that is none.
pub(super) fn samples(packet: &[u8]) -> Option<u64> {
    let toc = *packet.first()?;
    // Code 3 names its number of frames in the next byte (section 3.2.5).
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u64::from(*packet.get(1)? & 0x3f),
    };
    let all = frame(toc) * frames;
    (MIN_FRAME..=MAX_PACKET).contains(&all).then_some(all)
}

/// The samples in each frame of a packet that begins with `toc` (section 3.1, table 2).
const fn frame(toc: u8) -> u64 {
    let config = toc >> 3;
    match config {
        // SILK: 10, 20, 40 or 60 ms.
        0..12 => [480, 960, 1_920, 2_880][(config & 3) as usize],
        // Hybrid: 10 or 20 ms.
        12..16 => 480 << (config & 1),
        // CELT: 2.5 to 20 ms.
        _ => MIN_FRAME << (config & 3),
    }
}

/// Packets that fill `gap` samples, each with how many of them. The first 100 ms are left to the player's decoder, which
/// conceals a frame of no length as it does a lost one (section 2.1.7), and sounds as the packet before did; `before` is
/// that packet's first byte. The rest is silence.
///
/// The sum is exactly `gap`: what is below 2.5 ms is added to the last one, since no packet is that short.
pub(super) fn fill(gap: SampleTime, before: Option<u8>) -> Vec<(Bytes, u64)> {
    let mut left = gap.0;
    let mut packets = Vec::new();
    if let Some(toc) = before {
        let frame = frame(toc);
        let mut concealed = 0;
        while left >= frame && concealed + frame <= MAX_CONCEALED {
            packets.push((Bytes::copy_from_slice(&[toc & 0xfc]), frame));
            concealed += frame;
            left -= frame;
        }
    }
    while left >= MIN_FRAME {
        let (packet, samples) = silence(left);
        packets.push((packet, samples));
        left -= samples;
    }
    if let Some((_, samples)) = packets.last_mut() {
        *samples += left;
    }
    packets
}

/// The longest packet of silence that fits into `left` samples, of which there are [`MIN_FRAME`] at least.
fn silence(left: u64) -> (Bytes, u64) {
    if left >= MAX_PACKET {
        // Code 3, constant bitrate: six frames of 20 ms.
        let packet = [&[CELT | 3 << 3 | 3, 6][..], &NOTHING.repeat(6)].concat();
        return (packet.into(), MAX_PACKET);
    }
    let size = (0..4u8).rev().find(|size| MIN_FRAME << size <= left).unwrap_or(0);
    (Bytes::copy_from_slice(&[CELT | size << 3, NOTHING[0], NOTHING[1]]), MIN_FRAME << size)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tincan_codec::OpusDecoder;
    use tincan_media::ports::AudioDecoder;

    use super::*;

    #[test]
    fn a_packets_length_is_what_libopus_says() {
        let mut decoder = OpusDecoder::new().unwrap();
        let mut lengths = std::collections::BTreeSet::new();
        for toc in 0..=255u8 {
            for frames in 0..=49u8 {
                // Frames of one byte: with code 1, two of them; with code 2, the first one's length before them.
                let packet = match toc & 3 {
                    0 => vec![toc, 0],
                    1 => vec![toc, 0, 0],
                    2 => vec![toc, 1, 0, 0],
                    _ => [&[toc, frames][..], &vec![0; frames.into()]].concat(),
                };
                let decoded = decoder.decode(&packet, &mut Vec::new()).ok().map(|samples| samples as u64);
                assert_eq!(samples(&packet), decoded, "{packet:?}");
                lengths.extend(samples(&packet));
            }
        }
        assert_eq!((lengths.first(), lengths.last()), (Some(&120), Some(&5_760)));
        assert_eq!(samples(&[]), None);
    }

    proptest! {
        #[test]
        fn a_gap_is_filled_exactly_and_quietly(gap in MIN_FRAME..100_000, toc in 0u8..) {
            let packets = fill(SampleTime(gap), Some(toc));
            prop_assert_eq!(packets.iter().map(|(_, samples)| samples).sum::<u64>(), gap);
            let mut decoder = OpusDecoder::new().unwrap();
            for (packet, long) in packets {
                let mut out = Vec::new();
                let decoded = decoder.decode(&packet, &mut out).unwrap() as u64;
                prop_assert_eq!(samples(&packet), Some(decoded));
                prop_assert!(decoded <= long && long < decoded + MIN_FRAME);
                prop_assert!(out.iter().all(|sample| sample.abs() < 0.01), "nothing was before");
            }
        }
    }
}
