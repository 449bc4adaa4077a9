//! Where a received packet lies on our own timeline.

use tincan_media::MediaTime;

/// Counts on from the first packet's arrival by the sender's RTP clock, so that the network's jitter does not get into
/// a recording.
pub(crate) struct Timeline {
    clock_rate: u32,
    last: Option<(u32, MediaTime)>,
}

/// A step of the sender's clock that differs from the time that passed by more than this is a new beginning.
const JUMP_MICROS: u64 = 2_000_000;

impl Timeline {
    /// For a stream with this RTP clock rate in Hz.
    pub(crate) fn new(clock_rate: u32) -> Self {
        Self { clock_rate, last: None }
    }

    /// The time of the packet stamped `rtp`; `None` for one from before the last.
    pub(crate) fn place(&mut self, rtp: u32, arrived: MediaTime) -> Option<MediaTime> {
        let time = match self.last {
            None => arrived,
            Some((last_rtp, last)) => {
                let ticks = rtp.wrapping_sub(last_rtp) as i32;
                let micros = i64::from(ticks) * 1_000_000 / i64::from(self.clock_rate);
                let by_clock = MediaTime::from_micros(last.as_micros().saturating_add_signed(micros));
                if by_clock.as_micros().abs_diff(arrived.as_micros()) > JUMP_MICROS {
                    arrived
                } else if ticks <= 0 {
                    return None;
                } else {
                    by_clock
                }
            }
        };
        self.last = Some((rtp, time));
        Some(time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> MediaTime {
        MediaTime::from_micros(millis * 1_000)
    }

    #[test]
    fn jitter_does_not_reach_the_recording() {
        let mut timeline = Timeline::new(48_000);
        assert_eq!(timeline.place(u32::MAX - 479, at(1_000)), Some(at(1_000)));
        assert_eq!(timeline.place(480, at(1_090)), Some(at(1_020)));
        assert_eq!(timeline.place(1_440, at(1_091)), Some(at(1_040)));
    }

    #[test]
    fn a_packet_from_before_is_left_out_and_a_jump_begins_anew() {
        let mut timeline = Timeline::new(48_000);
        timeline.place(9_600, at(100_000));
        assert_eq!(timeline.place(8_640, at(100_001)), None);
        assert_eq!(timeline.place(4_000_000_000, at(100_020)), Some(at(100_020)));
    }
}
