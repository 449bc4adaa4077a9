//! What two Tincans say to each other beneath DTLS: which records of the data channels are missing, and which is the newest.
//!
//! The first byte is one that demultiplexing gives to nobody (RFC 7983, section 7), so others drop it.

/// Of everything that is said here.
const OURS: u8 = 10;
const MISSING: u8 = 1;
const NEWEST: u8 = 2;
/// A DTLS record with data, and the first byte of DTLS's versions (RFC 6347, section 4.1).
const APPLICATION_DATA: u8 = 23;
const DTLS: u8 = 254;
const RECORD_HEADER: usize = 13;
/// First number and how many.
const RUN: usize = 10;
/// More runs than this do not fit into a datagram that every path carries.
pub(super) const MAX_RUNS: usize = 100;

/// Records in a row, by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) first: u64,
    pub(super) count: u16,
}

/// What somebody says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// These did not arrive; they are to be sent again.
    Missing(Vec<Run>),
    /// Nothing newer than this was sent.
    Newest(u64),
}

/// The epoch and number of the data record that is all of a datagram.
pub(super) fn record(datagram: &[u8]) -> Option<u64> {
    let header = datagram.first_chunk::<RECORD_HEADER>()?;
    let length = usize::from(u16::from_be_bytes([header[11], header[12]]));
    let whole =
        header[0] == APPLICATION_DATA && header[1] == DTLS && datagram.len() == RECORD_HEADER + length;
    let number = header[3..11].first_chunk::<8>()?;
    whole.then(|| u64::from_be_bytes(*number))
}

impl Said {
    /// Whether a datagram is one of these, also of a newer version.
    pub(super) fn is(datagram: &[u8]) -> bool {
        datagram.first() == Some(&OURS)
    }

    pub(super) fn write(&self) -> Vec<u8> {
        match self {
            Self::Missing(runs) => {
                let mut datagram = vec![OURS, MISSING];
                for run in runs.iter().take(MAX_RUNS) {
                    datagram.extend_from_slice(&run.first.to_be_bytes());
                    datagram.extend_from_slice(&run.count.to_be_bytes());
                }
                datagram
            }
            Self::Newest(number) => [&[OURS, NEWEST][..], &number.to_be_bytes()].concat(),
        }
    }

    /// `None` for what is none of these, or not whole.
    pub(super) fn read(datagram: &[u8]) -> Option<Self> {
        let (head, rest) = datagram.split_first_chunk::<2>()?;
        match *head {
            [OURS, MISSING] if rest.len().is_multiple_of(RUN) && rest.len() <= MAX_RUNS * RUN => {
                let run = |bytes: &[u8]| {
                    let (first, count) = (bytes.first_chunk::<8>()?, bytes.last_chunk::<2>()?);
                    Some(Run { first: u64::from_be_bytes(*first), count: u16::from_be_bytes(*count) })
                };
                rest.chunks_exact(RUN).map(run).collect::<Option<_>>().map(Self::Missing)
            }
            [OURS, NEWEST] => Some(Self::Newest(u64::from_be_bytes(rest.try_into().ok()?))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_vectors_of_the_protocol_are_written_and_read() {
        let at = |number: u64| (1 << 48) | number;
        let runs = vec![Run { first: at(7), count: 2 }, Run { first: at(12), count: 1 }];
        for (said, hex) in [
            (Said::Missing(runs), "0a0100010000000000070002000100000000000c0001"),
            (Said::Newest(at(12)), "0a02000100000000000c"),
        ] {
            let datagram = said.write();
            let written: String = datagram.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(written, hex);
            assert_eq!(Said::read(&datagram), Some(said));
        }
    }

    #[test]
    fn a_record_is_known_by_its_header_and_its_length() {
        let mut datagram = vec![23, 254, 253, 0, 1, 0, 0, 0, 0, 0, 7, 0, 3, 1, 2, 3];
        assert_eq!(record(&datagram), Some((1 << 48) | 7));
        datagram.push(4);
        assert_eq!(record(&datagram), None, "something comes behind it");
        datagram.truncate(15);
        assert_eq!(record(&datagram), None, "torn");
        assert_eq!(record(&[22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), None, "a handshake");
        assert_eq!(record(b""), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            runs in proptest::collection::vec((any::<u64>(), any::<u16>()), 0..MAX_RUNS),
            newest in any::<u64>(),
        ) {
            let runs = runs.into_iter().map(|(first, count)| Run { first, count }).collect();
            for said in [Said::Missing(runs), Said::Newest(newest)] {
                let datagram = said.write();
                prop_assert!(Said::is(&datagram) && datagram.len() <= 1_002);
                prop_assert_eq!(Said::read(&datagram), Some(said));
            }
        }

        #[test]
        fn anything_is_safe_to_read(datagram in proptest::collection::vec(any::<u8>(), 0..1_500)) {
            let _ = (Said::read(&datagram), record(&datagram));
        }
    }
}
