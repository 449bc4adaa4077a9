//! H.264 access units into RTP payloads (RFC 6184, packetization-mode 1): single NAL unit packets, STAP-A for the
//! parameter sets, FU-A for what is larger than a packet.

use bytes::{BufMut, Bytes, BytesMut};

use super::EncodedVideo;
use super::nal::{nal_type, nal_type_of, nal_units};

/// Smaller payloads than this are taken as this: two header bytes of an FU-A and something to carry.
const MIN_PAYLOAD: usize = 32;
/// FU indicator and FU header (RFC 6184, section 5.8).
const FU_HEADER: usize = 2;
/// Length field of a unit in a STAP-A (RFC 6184, section 5.7.1).
const STAP_LENGTH: usize = 2;

/// The RTP payloads of one access unit, in order, none longer than `max_payload` bytes. The caller sets the marker on
/// the last. Units that fit share `unit`'s memory; only fragments and aggregates are copied, into one buffer.
///
/// Delimiters, filler and end markers are left out: they mean nothing over RTP.
pub fn packetize(unit: &EncodedVideo, max_payload: usize) -> Vec<Bytes> {
    let max_payload = max_payload.max(MIN_PAYLOAD);
    let data = &unit.data;
    let nals: Vec<_> = nal_units(data).into_iter().filter(|nal| is_sent(data[nal.start])).collect();
    let mut payloads = Vec::with_capacity(nals.len() + data.len() / max_payload + 1);
    // Sized once, so that a keyframe of a hundred packets costs one allocation.
    let mut copied = BytesMut::with_capacity(copied_len(&nals, max_payload));

    let mut index = 0;
    while let Some(nal) = nals.get(index) {
        let aggregate = aggregate_len(data, &nals[index..], max_payload);
        if aggregate > 1 {
            let nri =
                nals[index..index + aggregate].iter().map(|nal| data[nal.start] & 0x60).max().unwrap_or(0);
            copied.put_u8(nri | nal_type::STAP_A);
            for nal in &nals[index..index + aggregate] {
                copied.put_u16(nal.len() as u16);
                copied.put_slice(&data[nal.clone()]);
            }
            payloads.push(copied.split().freeze());
            index += aggregate;
        } else if nal.len() <= max_payload {
            payloads.push(data.slice(nal.clone()));
            index += 1;
        } else {
            fragment(&data[nal.clone()], max_payload, &mut copied, &mut payloads);
            index += 1;
        }
    }
    payloads
}

const fn is_sent(header: u8) -> bool {
    !matches!(
        nal_type_of(header),
        nal_type::AUD | nal_type::END_OF_SEQUENCE | nal_type::END_OF_STREAM | nal_type::FILLER
    )
}

/// Whether this RTP payload is the first of a keyframe: its parameter sets go before it.
pub fn opens_keyframe(payload: &[u8]) -> bool {
    let is_sps = |at: usize| payload.get(at).is_some_and(|&header| nal_type_of(header) == nal_type::SPS);
    match payload.first().map(|&header| nal_type_of(header)) {
        Some(nal_type::STAP_A) => is_sps(1 + STAP_LENGTH),
        _ => is_sps(0),
    }
}

/// How many of the units at the front go into one STAP-A: parameter sets that fit together.
fn aggregate_len(data: &[u8], nals: &[std::ops::Range<usize>], max_payload: usize) -> usize {
    let mut total = 1;
    nals.iter()
        .take_while(|nal| {
            total += STAP_LENGTH + nal.len();
            matches!(nal_type_of(data[nal.start]), nal_type::SPS | nal_type::PPS) && total <= max_payload
        })
        .count()
}

fn copied_len(nals: &[std::ops::Range<usize>], max_payload: usize) -> usize {
    let per_fragment = max_payload - FU_HEADER;
    nals.iter().map(|nal| nal.len() + STAP_LENGTH + 1 + (nal.len() / per_fragment + 1) * FU_HEADER).sum()
}

/// Fragments of nearly equal size: a tiny last packet would cost as much as a full one to lose.
fn fragment(nal: &[u8], max_payload: usize, copied: &mut BytesMut, payloads: &mut Vec<Bytes>) {
    let (header, body) = (nal[0], &nal[1..]);
    let count = body.len().div_ceil(max_payload - FU_HEADER);
    let (size, longer) = (body.len() / count, body.len() % count);
    let mut at = 0;
    for index in 0..count {
        let end = at + size + usize::from(index < longer);
        let start_bit = u8::from(index == 0) << 7;
        let end_bit = u8::from(index + 1 == count) << 6;
        copied.put_u8((header & 0xe0) | nal_type::FU_A);
        copied.put_u8(start_bit | end_bit | nal_type_of(header));
        copied.put_slice(&body[at..end]);
        payloads.push(copied.split().freeze());
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::MediaTime;

    fn unit(nals: &[&[u8]]) -> EncodedVideo {
        let mut data = Vec::new();
        for nal in nals {
            data.extend([0, 0, 0, 1]);
            data.extend(*nal);
        }
        EncodedVideo {
            time: MediaTime::ZERO,
            data: data.into(),
            keyframe: false,
            discardable: false,
            resolution: None,
        }
    }

    #[test]
    fn parameter_sets_travel_in_one_stap_a() {
        let payloads = packetize(&unit(&[&[0x67, 1, 2], &[0x68, 3], &[0x65, 9, 9]]), 1_200);
        assert_eq!(payloads.len(), 2);
        assert_eq!(&payloads[0][..], [0x60 | 24, 0, 3, 0x67, 1, 2, 0, 2, 0x68, 3]);
        assert!(opens_keyframe(&payloads[0]) && !payloads[1..].iter().any(|payload| opens_keyframe(payload)));
        assert!(opens_keyframe(&[0x67, 1]) && !opens_keyframe(&[0x60 | 24, 0]) && !opens_keyframe(&[]));
        assert_eq!(&payloads[1][..], [0x65, 9, 9]);
    }

    #[test]
    fn a_unit_that_fits_is_not_copied() {
        let unit = unit(&[&[0x41, 1, 2, 3]]);
        let payloads = packetize(&unit, 1_200);
        assert_eq!(payloads[0].as_ptr(), unit.data[4..].as_ptr());
    }

    #[test]
    fn a_large_unit_becomes_fragments_of_nearly_equal_size() {
        let mut nal = vec![0x65];
        nal.extend((0..2_500u32).map(|i| (i % 250) as u8 + 1));
        let payloads = packetize(&unit(&[&nal]), 1_200);
        assert_eq!(payloads.iter().map(|p| p.len()).collect::<Vec<_>>(), [836, 835, 835]);
        assert!(payloads.iter().all(|p| p[0] == 0x60 | 28 && p[1] & 0x1f == 5));
        assert_eq!(payloads.iter().map(|p| p[1] >> 6).collect::<Vec<_>>(), [0b10, 0, 0b01]);
        let body: Vec<u8> = payloads.iter().flat_map(|p| p[2..].to_vec()).collect();
        assert_eq!(body, nal[1..]);
    }

    #[test]
    fn delimiters_and_filler_are_not_sent() {
        assert_eq!(packetize(&unit(&[&[0x09, 0xf0], &[0x41, 1], &[0x0c, 0xff, 0x80]]), 1_200).len(), 1);
    }

    proptest! {
        #[test]
        fn no_payload_is_longer_than_asked(
            data in proptest::collection::vec(0u8..4, 0..4_000), max in 0usize..1_500,
        ) {
            let unit = EncodedVideo {
                time: MediaTime::ZERO, data: data.into(), keyframe: false, discardable: false, resolution: None,
            };
            for payload in packetize(&unit, max) {
                prop_assert!(!payload.is_empty() && payload.len() <= max.max(MIN_PAYLOAD));
            }
        }
    }
}
