//! H.264's own framing: NAL units in an Annex B stream, and the few facts that a sender and a receiver need of them.

use std::ops::Range;

/// NAL unit types that matter here (H.264, table 7-1; RFC 6184, table 1).
pub mod nal_type {
    /// Slice of a picture that refers to others.
    pub const SLICE: u8 = 1;
    /// Slice of a picture where decoding can start.
    pub const IDR: u8 = 5;
    /// Supplemental information.
    pub const SEI: u8 = 6;
    /// Sequence parameter set.
    pub const SPS: u8 = 7;
    /// Picture parameter set.
    pub const PPS: u8 = 8;
    /// Access unit delimiter.
    pub const AUD: u8 = 9;
    /// End of sequence.
    pub const END_OF_SEQUENCE: u8 = 10;
    /// End of stream.
    pub const END_OF_STREAM: u8 = 11;
    /// Padding for constant bitrates.
    pub const FILLER: u8 = 12;
    /// RTP: several NAL units of one time in one packet.
    pub const STAP_A: u8 = 24;
    /// RTP: part of a NAL unit.
    pub const FU_A: u8 = 28;
}

/// The type in a NAL unit's (or an RTP payload's) first byte.
pub const fn nal_type_of(header: u8) -> u8 {
    header & 0x1f
}

/// Where the NAL units of an Annex B stream lie, start codes and trailing zeros excluded. Empty units are skipped.
pub fn nal_units(data: &[u8]) -> Vec<Range<usize>> {
    let mut units = Vec::new();
    let mut start = None;
    let mut at = 0;
    while at + 2 < data.len() {
        // The third byte decides how far the next start code can be: 00 00 01 cannot contain a byte above 1.
        match data[at + 2] {
            1 if data[at] == 0 && data[at + 1] == 0 => {
                if let Some(from) = start {
                    push_trimmed(&mut units, data, from..at);
                }
                start = Some(at + 3);
                at += 3;
            }
            0 | 1 => at += 1,
            _ => at += 3,
        }
    }
    if let Some(from) = start {
        push_trimmed(&mut units, data, from..data.len());
    }
    units
}

/// A NAL unit never ends in a zero byte (7.4.1): zeros before a start code belong to the code.
fn push_trimmed(units: &mut Vec<Range<usize>>, data: &[u8], range: Range<usize>) {
    let length = data[range.clone()].iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    if length > 0 {
        units.push(range.start..range.start + length);
    }
}

/// Whether a slice (its NAL unit, header included) is the picture's first: `first_mb_in_slice` is 0, whose
/// Exp-Golomb code is a single set bit.
pub fn is_first_slice(unit: &[u8]) -> bool {
    unit.get(1).is_some_and(|byte| byte & 0x80 != 0)
}

/// Whether no other picture refers to this access unit (Annex B): `nal_ref_idc` of its first slice is 0 (H.264, 7.4.1).
pub fn is_discardable(data: &[u8]) -> bool {
    let starts = data.windows(4).filter(|bytes| bytes[..3] == [0, 0, 1]).map(|bytes| bytes[3]);
    let slice = |header: &u8| matches!(nal_type_of(*header), nal_type::SLICE | nal_type::IDR);
    starts.into_iter().find(slice).is_some_and(|header| header & 0x60 == 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_are_found_behind_short_and_long_start_codes() {
        let data = [0, 0, 0, 1, 0x67, 1, 2, 0, 0, 1, 0x68, 3, 0, 0, 0, 0, 1, 0x65, 0, 0, 3, 1];
        let units: Vec<&[u8]> = nal_units(&data).into_iter().map(|range| &data[range]).collect();
        assert_eq!(units, [&[0x67, 1, 2][..], &[0x68, 3], &[0x65, 0, 0, 3, 1]]);
    }

    #[test]
    fn a_picture_that_nobody_refers_to_is_told_by_its_slice() {
        assert!(is_discardable(&[0, 0, 0, 1, 0x01, 0x9a]));
        assert!(!is_discardable(&[0, 0, 0, 1, 0x41, 0x9a]));
        assert!(
            !is_discardable(&[0, 0, 1, 0x06, 5, 0, 0, 1, 0x65, 0x88]),
            "information before it has no say"
        );
        assert!(!is_discardable(&[0, 0, 1, 0x06, 5]) && !is_discardable(&[]));
    }

    #[test]
    fn a_stream_without_start_codes_holds_no_units() {
        assert!(nal_units(&[]).is_empty());
        assert!(nal_units(&[0, 0, 1]).is_empty());
        assert!(nal_units(&[5, 6, 7, 8]).is_empty());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(data in proptest::collection::vec(any::<u8>(), 0..300)) {
            for range in nal_units(&data) {
                prop_assert!(!data[range].is_empty());
            }
        }

        #[test]
        fn what_is_joined_by_start_codes_splits_again(
            units in proptest::collection::vec(proptest::collection::vec(1u8.., 1..40), 1..6),
        ) {
            let mut data = Vec::new();
            for unit in &units {
                data.extend([0, 0, 0, 1]);
                data.extend(unit);
            }
            let back: Vec<Vec<u8>> = nal_units(&data).into_iter().map(|range| data[range].to_vec()).collect();
            // Bytes 1.. may hold no zero, so no unit contains a start code of its own.
            prop_assert_eq!(back, units);
        }
    }
}
