//! Wrapping counters made to run on, and the sender's restarts recognised.

/// A jump forward up to this many packets is loss (RFC 3550, appendix A.1: MAX_DROPOUT).
const MAX_DROPOUT: i64 = 3_000;
/// A jump back up to this many packets is reordering or a retransmission: a second's worth at 10 Mbit/s. RFC 3550's
/// MAX_MISORDER of 100 knows no retransmissions.
const MAX_MISORDER: i64 = 1_000;

/// Where a packet belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placed {
    /// At this number.
    At(i64),
    /// Nowhere near the others: a stray, or the first of a new beginning (then one before the restart's number).
    Suspect,
    /// The sender began anew: everything before is void.
    Restart(i64),
}

/// 16-bit sequence numbers, unwrapped. Follows RFC 3550, appendix A.1: two packets in a row that are far from the
/// rest, but follow each other, are a new beginning.
#[derive(Debug, Default)]
pub(super) struct SequenceUnwrapper {
    highest: Option<(i64, u32)>,
    suspect: Option<u16>,
}

impl SequenceUnwrapper {
    pub(super) fn place(&mut self, sequence: u16, timestamp: u32) -> Placed {
        let Some((highest, newest)) = self.highest else {
            self.highest = Some((i64::from(sequence), timestamp));
            return Placed::At(i64::from(sequence));
        };
        let step = i64::from(sequence.wrapping_sub(highest as u16) as i16);
        // Behind the others by number, yet later by its time: not a retransmission. Padding repeats old times, so
        // only the time that is ahead says something.
        let reborn = step < 0 && (timestamp.wrapping_sub(newest) as i32) > 0;
        if !(-MAX_MISORDER..=MAX_DROPOUT).contains(&step) || reborn {
            let follows = self.suspect == Some(sequence);
            self.suspect = Some(sequence.wrapping_add(1));
            if !follows {
                return Placed::Suspect;
            }
            // Beyond everything that was, so that old and new numbers never mix.
            let number = highest + 0x1_0000 + step.rem_euclid(0x1_0000);
            self.highest = Some((number, timestamp));
            self.suspect = None;
            return Placed::Restart(number);
        }
        self.suspect = None;
        let number = highest + step;
        if step > 0 {
            self.highest = Some((number, timestamp));
        }
        Placed::At(number)
    }

    pub(super) fn highest(&self) -> i64 {
        self.highest.map_or(0, |(number, _)| number)
    }
}

/// 32-bit RTP times, counted from the first.
#[derive(Debug, Default)]
pub(super) struct TimestampUnwrapper {
    last: Option<(u32, i64)>,
}

impl TimestampUnwrapper {
    pub(super) fn unwrap(&mut self, timestamp: u32) -> i64 {
        let ticks = match self.last {
            None => 0,
            Some((last, ticks)) => (ticks + i64::from(timestamp.wrapping_sub(last) as i32)).max(0),
        };
        self.last = Some((timestamp, ticks));
        ticks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_run_on_over_the_wrap() {
        let mut unwrapper = SequenceUnwrapper::default();
        assert_eq!(unwrapper.place(65_534, 0), Placed::At(65_534));
        assert_eq!(unwrapper.place(1, 0), Placed::At(65_537));
        assert_eq!(unwrapper.place(65_535, 0), Placed::At(65_535));
    }

    #[test]
    fn one_stray_packet_is_ignored_and_two_in_a_row_are_a_new_beginning() {
        let mut unwrapper = SequenceUnwrapper::default();
        unwrapper.place(100, 0);
        assert_eq!(unwrapper.place(30_000, 0), Placed::Suspect);
        assert_eq!(unwrapper.place(101, 0), Placed::At(101));
        assert_eq!(unwrapper.place(30_000, 0), Placed::Suspect);
        assert!(matches!(unwrapper.place(30_001, 0), Placed::Restart(n) if n > 65_536));
        assert!(matches!(unwrapper.place(30_002, 0), Placed::At(_)));
    }

    #[test]
    fn a_number_behind_with_a_time_ahead_is_a_new_beginning() {
        let mut unwrapper = SequenceUnwrapper::default();
        unwrapper.place(500, 9_000);
        assert_eq!(unwrapper.place(400, 6_000), Placed::At(400));
        assert_eq!(unwrapper.place(10, 90_000), Placed::Suspect);
        assert!(matches!(unwrapper.place(11, 90_000), Placed::Restart(_)));
    }

    #[test]
    fn times_run_on_over_the_wrap() {
        let mut unwrapper = TimestampUnwrapper::default();
        assert_eq!(unwrapper.unwrap(u32::MAX - 10), 0);
        assert_eq!(unwrapper.unwrap(2_989), 3_000);
    }
}
