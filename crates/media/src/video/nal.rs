//! H.264's own framing: NAL units in an Annex B stream, and the few facts that a sender and a receiver need of them.

use std::ops::Range;

use super::Resolution;

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

/// The picture's size in a sequence parameter set (its NAL unit, header included); `None` when it does not parse.
pub fn sps_resolution(unit: &[u8]) -> Option<Resolution> {
    // Emulation prevention (7.4.1.1): 00 00 03 stands for 00 00. Parameter sets are short, so a copy costs nothing.
    let mut raw = Vec::with_capacity(unit.len().min(MAX_SPS_LEN));
    let mut zeros = 0;
    for &byte in unit.get(1..)?.iter().take(MAX_SPS_LEN) {
        if byte == 3 && zeros >= 2 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        raw.push(byte);
    }
    let mut bits = BitReader { data: &raw, at: 0 };
    let profile = bits.bits(8)?;
    bits.bits(16)?; // constraint flags and level
    bits.ue()?; // seq_parameter_set_id
    let mut chroma_format = 1;
    let mut separate_planes = false;
    if matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135) {
        chroma_format = bits.ue()?;
        if chroma_format == 3 {
            separate_planes = bits.bits(1)? == 1;
        }
        bits.ue()?; // bit_depth_luma_minus8
        bits.ue()?; // bit_depth_chroma_minus8
        bits.bits(1)?; // qpprime_y_zero_transform_bypass_flag
        if bits.bits(1)? == 1 {
            for list in 0..if chroma_format == 3 { 12 } else { 8 } {
                if bits.bits(1)? == 1 {
                    bits.skip_scaling_list(if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    bits.ue()?; // log2_max_frame_num_minus4
    match bits.ue()? {
        0 => {
            bits.ue()?;
        }
        1 => {
            bits.bits(1)?;
            bits.se()?;
            bits.se()?;
            for _ in 0..bits.ue()?.min(255) {
                bits.se()?;
            }
        }
        _ => {}
    }
    bits.ue()?; // max_num_ref_frames
    bits.bits(1)?; // gaps_in_frame_num_value_allowed_flag
    let width_mbs = bits.ue()?.checked_add(1)?;
    let height_map_units = bits.ue()?.checked_add(1)?;
    let frame_mbs_only = bits.bits(1)?;
    if frame_mbs_only == 0 {
        bits.bits(1)?; // mb_adaptive_frame_field_flag
    }
    bits.bits(1)?; // direct_8x8_inference_flag
    let mut crop = [0; 4];
    if bits.bits(1)? == 1 {
        for side in &mut crop {
            *side = bits.ue()?;
        }
    }
    let (unit_x, unit_y) = match chroma_format {
        1 => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    };
    let (unit_x, unit_y) = if separate_planes { (1, 1) } else { (unit_x, unit_y) };
    let fields = 2 - frame_mbs_only;
    let cut = |size: u32, a: u32, b: u32, unit: u32| size.checked_sub(a.checked_add(b)?.checked_mul(unit)?);
    let width = cut(width_mbs.checked_mul(16)?, crop[0], crop[1], unit_x)?;
    let height =
        cut(height_map_units.checked_mul(16)?.checked_mul(fields)?, crop[2], crop[3], unit_y * fields)?;
    (width > 0 && height > 0 && width <= MAX_SIDE && height <= MAX_SIDE)
        .then_some(Resolution::new(width, height))
}

/// Longest parameter set that is looked at; real ones have some 30 bytes.
const MAX_SPS_LEN: usize = 256;
/// Largest side that level 6.2 allows (16,880 samples); more is damage.
const MAX_SIDE: u32 = 16_880;

struct BitReader<'a> {
    data: &'a [u8],
    at: usize,
}

impl BitReader<'_> {
    fn bits(&mut self, count: usize) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let byte = *self.data.get(self.at / 8)?;
            value = (value << 1) | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }

    /// Exp-Golomb (9.1).
    fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.bits(1)? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1u32 << zeros) - 1 + self.bits(zeros)?)
    }

    fn se(&mut self) -> Option<i32> {
        let code = i64::from(self.ue()?);
        let value = (code + 1) / 2;
        i32::try_from(if code % 2 == 1 { value } else { -value }).ok()
    }

    /// 7.3.2.1.1.1.
    fn skip_scaling_list(&mut self, size: usize) -> Option<()> {
        let (mut last, mut next) = (8i64, 8i64);
        for _ in 0..size {
            if next != 0 {
                next = (last + i64::from(self.se()?)).rem_euclid(256);
            }
            last = if next == 0 { last } else { next };
        }
        Some(())
    }
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
    fn a_stream_without_start_codes_holds_no_units() {
        assert!(nal_units(&[]).is_empty());
        assert!(nal_units(&[0, 0, 1]).is_empty());
        assert!(nal_units(&[5, 6, 7, 8]).is_empty());
    }

    #[test]
    fn the_size_of_a_cropped_picture_is_read() {
        // Baseline, level 3.1, 80x45 macroblocks: 1280x720 needs no cropping.
        let sps = [0x67, 0x42, 0xc0, 0x1f, 0x8c, 0x8d, 0x40, 0x28, 0x02, 0xdd, 0x00];
        assert_eq!(sps_resolution(&sps), Some(Resolution::new(1280, 720)));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(data in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = sps_resolution(&data);
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
