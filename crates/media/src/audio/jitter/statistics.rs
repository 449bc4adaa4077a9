use std::time::Duration;

/// What a [`JitterBuffer`](super::JitterBuffer) did since its start, and how long it holds sound now.
///
/// Samples are at 48 kHz. The names follow the W3C's webrtc-stats where it has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JitterStatistics {
    /// Samples that were played, made-up ones included.
    pub total_samples: u64,
    /// Samples that were made up in place of lost or late ones. FEC does not count, nor do a sender's pauses.
    pub concealed_samples: u64,
    /// How often making up began.
    pub concealment_events: u64,
    /// Silence while nothing was to be played: before the start, and while the sender pauses.
    pub silent_samples: u64,
    /// Packets that were inserted.
    pub received_packets: u64,
    /// Packets that were missing when their sound was due.
    pub lost_packets: u64,
    /// Of these, the ones whose sound came from in-band FEC.
    pub fec_packets: u64,
    /// Of these, the ones whose sound came in a later packet (RFC 2198).
    pub copied_packets: u64,
    /// Packets that came after their sound was due.
    pub late_packets: u64,
    /// Packets that had come before.
    pub duplicate_packets: u64,
    /// Packets that were dropped: too many waited, the delay was far too long, or they fitted nothing.
    pub discarded_packets: u64,
    /// Packets that the codec refused.
    pub corrupt_packets: u64,
    /// Samples removed in order to play faster.
    pub shortened_samples: u64,
    /// Samples inserted in order to play slower.
    pub lengthened_samples: u64,
    /// How often the sender started anew (another SSRC or clock).
    pub restarts: u64,
    /// How long after the fastest packet's arrival its sound is played.
    pub current_delay: Duration,
    /// What that is steered to.
    pub target_delay: Duration,
}
