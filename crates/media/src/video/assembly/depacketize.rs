//! RTP payloads (RFC 6184) back into NAL units.

use bytes::{BufMut, Bytes, BytesMut};

use crate::video::nal::{is_first_slice, nal_type, nal_type_of};

const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// What one payload, or all of a picture's together, hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Contents {
    pub(super) idr: bool,
    pub(super) sps: bool,
    pub(super) pps: bool,
    /// Nothing of the same picture can come before this payload.
    pub(super) begins_picture: bool,
    /// A fragment that is not its unit's first.
    pub(super) continues_unit: bool,
}

impl Contents {
    pub(super) const fn keyframe_part(self) -> bool {
        self.idr || self.sps
    }

    pub(super) const fn merge(&mut self, other: Self) {
        self.idr |= other.idr;
        self.sps |= other.sps;
        self.pps |= other.pps;
    }

    fn add(&mut self, kind: u8, unit: &[u8], first: bool) {
        match kind {
            nal_type::IDR => {
                self.idr = true;
                self.begins_picture |= first && is_first_slice(unit);
            }
            nal_type::SPS => {
                self.sps = true;
                self.begins_picture |= first;
            }
            nal_type::PPS => self.pps = true,
            nal_type::AUD => self.begins_picture |= first,
            _ => {}
        }
    }
}

/// Looks at one payload without copying it. Damaged payloads hold nothing; [`rebuild`] refuses them.
pub(super) fn contents(payload: &[u8]) -> Contents {
    let mut contents = Contents::default();
    let Some(&header) = payload.first() else { return contents };
    match nal_type_of(header) {
        nal_type::STAP_A => {
            for (index, unit) in aggregated(payload).flatten().enumerate() {
                contents.add(nal_type_of(unit[0]), unit, index == 0);
            }
        }
        nal_type::FU_A => {
            if let Some(&fragment) = payload.get(1) {
                let start = fragment & 0x80 != 0;
                contents.continues_unit = !start;
                // The fragment header stands where the unit's own would, so the slice header follows it.
                contents.add(nal_type_of(fragment), &payload[1..], start);
            }
        }
        kind => contents.add(kind, payload, true),
    }
    contents
}

/// The units in a STAP-A; `None` where it is damaged.
fn aggregated(payload: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    let mut rest = &payload[1..];
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let unit = rest.split_first_chunk::<2>().and_then(|(length, after)| {
            after
                .split_at_checked(usize::from(u16::from_be_bytes(*length)))
                .filter(|(unit, _)| !unit.is_empty())
        });
        rest = unit.map_or(&[], |(_, after)| after);
        Some(unit.map(|(unit, _)| unit))
    })
}

/// A whole access unit.
#[derive(Debug)]
pub(super) struct Rebuilt {
    pub(super) data: Bytes,
    pub(super) contents: Contents,
}

/// The access unit in Annex B; `None` when the payloads are not one.
pub(super) fn rebuild<'a>(payloads: impl Iterator<Item = &'a Bytes> + Clone) -> Option<Rebuilt> {
    let size: usize = payloads.clone().map(|payload| payload.len() + START_CODE.len()).sum();
    // A STAP-A's units each need two bytes more than their length field gave.
    let mut data = BytesMut::with_capacity(size + 64);
    let mut all = Contents::default();
    let mut in_fragment = None;
    for payload in payloads {
        all.merge(contents(payload));
        let header = *payload.first()?;
        let kind = nal_type_of(header);
        if in_fragment.is_some() && kind != nal_type::FU_A {
            return None;
        }
        match kind {
            1..=23 => {
                data.put_slice(&START_CODE);
                data.put_slice(payload);
            }
            nal_type::STAP_A => {
                for unit in aggregated(payload) {
                    let unit = unit?;
                    data.put_slice(&START_CODE);
                    data.put_slice(unit);
                }
            }
            nal_type::FU_A => {
                let fragment = *payload.get(1)?;
                let kind = nal_type_of(fragment);
                let (start, end) = (fragment & 0x80 != 0, fragment & 0x40 != 0);
                if start != in_fragment.is_none() || in_fragment.is_some_and(|of| of != kind) {
                    return None;
                }
                if start {
                    data.put_slice(&START_CODE);
                    data.put_u8((header & 0xe0) | kind);
                }
                data.put_slice(&payload[2..]);
                in_fragment = (!end).then_some(kind);
            }
            // Interleaved modes (STAP-B, MTAP, FU-B) belong to packetization-mode 2, which we never agree to.
            _ => return None,
        }
    }
    (in_fragment.is_none() && !data.is_empty()).then(|| Rebuilt { data: data.freeze(), contents: all })
}
