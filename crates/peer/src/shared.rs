//! What the connection's task, its handle and the stages inside the driver share.
//!
//! The stages run inside `webrtc`'s driver, under its lock, and cannot await; the handle answers `statistics()` from
//! any thread. So the figures are atomics, and the few compound ones sit behind a mutex that is held for a copy only.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tincan_media::audio::{EncodedAudio, SAMPLE_RATE};
use tincan_media::{Bitrate, MediaClock, MediaTime};
use tokio::sync::{Notify, mpsc};

use crate::api::{MediaKind, PeerEvent, PeerStatistics};
use crate::events::Facts;

/// RTP clock of H.264 (RFC 6184, section 8.2.1).
pub(crate) const VIDEO_CLOCK: u32 = 90_000;
/// RTP clock of Opus (RFC 7587, section 4.1).
pub(crate) const AUDIO_CLOCK: u32 = SAMPLE_RATE;
/// Seconds from NTP's epoch (1900) to Unix's (RFC 5905, figure 4).
const NTP_UNIX_OFFSET: u64 = 2_208_988_800;
/// Places in the event queue that media must leave free, so that a slow reader never loses a state or a description.
const EVENT_RESERVE: usize = 64;

/// One of our streams.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LocalStream {
    pub(crate) ssrc: u32,
    pub(crate) rtx: Option<u32>,
    /// RTP times start anywhere (RFC 3550, section 5.1).
    pub(crate) offset: u32,
    pub(crate) clock_rate: u32,
}

impl LocalStream {
    pub(crate) fn rtp_time(&self, time: MediaTime) -> u32 {
        time.to_rtp(self.clock_rate).wrapping_add(self.offset)
    }
}

/// Counters that only grow.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) bytes_sent: AtomicU64,
    pub(crate) bytes_received: AtomicU64,
    pub(crate) nacks_sent: AtomicU64,
    pub(crate) recovered: AtomicU64,
    pub(crate) retransmitted: AtomicU64,
    pub(crate) keyframes_requested: AtomicU64,
    pub(crate) keyframe_requests: AtomicU64,
    pub(crate) expected: AtomicU64,
    pub(crate) arrived: AtomicU64,
    /// Media packets that the owner did not fetch in time.
    pub(crate) overrun: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }
}

/// Figures that belong together.
#[derive(Debug, Default, Clone)]
pub(crate) struct Figures {
    pub(crate) round_trip: Option<Duration>,
    /// From a packet's leaving to the report of its arrival: known sooner than a round trip, and a little more.
    pub(crate) report_time: Option<Duration>,
    pub(crate) loss_sent: f32,
    pub(crate) audio_jitter: Duration,
    pub(crate) video_jitter: Duration,
    /// The last second's rates, filled in by the connection's task.
    pub(crate) rates: Rates,
    pub(crate) path: Option<(String, String)>,
    /// The address of this machine at its end.
    pub(crate) local_address: Option<IpAddr>,
}

/// What the connection's task derives once a second.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Rates {
    pub(crate) sent: Bitrate,
    pub(crate) received: Bitrate,
    pub(crate) loss_received: f32,
}

/// See the module's description.
pub(crate) struct Shared {
    pub(crate) audio: LocalStream,
    pub(crate) video: LocalStream,
    pub(crate) counters: Counters,
    pub(crate) events: mpsc::Sender<PeerEvent>,
    /// What replaces what was said before: never dropped.
    pub(crate) facts: Arc<Facts>,
    /// The owner needs a keyframe of theirs. Asked twice before the connection's task comes to it, it asks once.
    pub(crate) keyframe_needed: Notify,
    figures: Mutex<Figures>,
    target: AtomicU64,
    /// How many connections share the uplink.
    connections: AtomicUsize,
    remote_video: AtomicU32,
    video_bound: AtomicBool,
    clock: MediaClock,
    /// By how many µs the count of the microphone's samples is ahead of the process's clock.
    audio_ahead: AtomicI64,
    /// One instant on the machine's two clocks: sender reports count on from it, so that a step of the wall clock
    /// during a call does not tear sound from picture.
    wall: (SystemTime, Instant),
}

impl Shared {
    pub(crate) fn new(
        audio: LocalStream,
        video: LocalStream,
        clock: MediaClock,
        events: mpsc::Sender<PeerEvent>,
    ) -> Self {
        Self {
            audio,
            video,
            counters: Counters::default(),
            events,
            facts: Arc::default(),
            keyframe_needed: Notify::new(),
            figures: Mutex::default(),
            target: AtomicU64::new(0),
            connections: AtomicUsize::new(1),
            remote_video: AtomicU32::new(0),
            video_bound: AtomicBool::new(false),
            clock,
            audio_ahead: AtomicI64::new(0),
            wall: (SystemTime::now(), Instant::now()),
        }
    }

    pub(crate) fn local(&self, kind: MediaKind) -> &LocalStream {
        match kind {
            MediaKind::Audio => &self.audio,
            MediaKind::Video => &self.video,
        }
    }

    /// What `now` is in NTP's 32.32 fixed point and in the RTP time of `kind`, for a sender report.
    ///
    /// Sound counts the microphone's samples, pictures the process's clock: the report carries the drift between them
    /// (RFC 3550, section 6.4.1).
    pub(crate) fn clocks(&self, kind: MediaKind, now: Instant) -> (u64, u32) {
        let captured = self.clock.at(now);
        let counted = match kind {
            MediaKind::Audio => {
                let ahead = self.audio_ahead.load(Ordering::Relaxed);
                MediaTime::from_micros(captured.as_micros().saturating_add_signed(ahead))
            }
            MediaKind::Video => captured,
        };
        (self.ntp(now), self.local(kind).rtp_time(counted))
    }

    /// Takes note of what sound is sent, for the next report.
    pub(crate) fn sends(&self, audio: &EncodedAudio) {
        let ahead = audio.time.as_micros() as i64 - audio.captured.as_micros() as i64;
        self.audio_ahead.store(ahead, Ordering::Relaxed);
    }

    /// `now` in NTP's 32.32 fixed point.
    pub(crate) fn ntp(&self, now: Instant) -> u64 {
        let (wall, instant) = self.wall;
        let since_unix = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = since_unix + now.saturating_duration_since(instant);
        let fraction = (u64::from(time.subsec_nanos()) << 32) / 1_000_000_000;
        ((time.as_secs() + NTP_UNIX_OFFSET) << 32) | fraction
    }

    /// Hands media to the owner; dropped, and counted, when the owner does not keep up.
    pub(crate) fn offer(&self, event: PeerEvent) {
        if self.events.capacity() <= EVENT_RESERVE.min(self.events.max_capacity() / 2)
            || self.events.try_send(event).is_err()
        {
            Counters::add(&self.counters.overrun, 1);
        }
    }

    pub(crate) fn target(&self) -> Bitrate {
        Bitrate::bps(self.target.load(Ordering::Relaxed))
    }

    pub(crate) fn set_target(&self, target: Bitrate) {
        self.target.store(target.as_bps(), Ordering::Relaxed);
    }

    /// How many connections share the uplink; one at least.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    pub(crate) fn set_connections(&self, connections: usize) {
        self.connections.store(connections.max(1), Ordering::Relaxed);
    }

    /// The other side's video stream, once a packet of it arrived.
    pub(crate) fn remote_video(&self) -> Option<u32> {
        self.video_bound.load(Ordering::Acquire).then(|| self.remote_video.load(Ordering::Acquire))
    }

    pub(crate) fn set_remote_video(&self, ssrc: u32) {
        self.remote_video.store(ssrc, Ordering::Release);
        self.video_bound.store(true, Ordering::Release);
    }

    /// Reads or writes the compound figures.
    pub(crate) fn figures<T>(&self, f: impl FnOnce(&mut Figures) -> T) -> T {
        // A panic while copying numbers leaves numbers.
        f(&mut self.figures.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    pub(crate) fn local_address(&self) -> Option<IpAddr> {
        self.figures(|figures| figures.local_address)
    }

    pub(crate) fn statistics(&self) -> PeerStatistics {
        let figures = self.figures(|figures| figures.clone());
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        PeerStatistics {
            round_trip: figures.round_trip,
            loss_sent: figures.loss_sent,
            loss_received: figures.rates.loss_received,
            audio_jitter: figures.audio_jitter,
            video_jitter: figures.video_jitter,
            sent: figures.rates.sent,
            received: figures.rates.received,
            available: self.target(),
            nacks_sent: get(&self.counters.nacks_sent),
            recovered: get(&self.counters.recovered),
            retransmitted: get(&self.counters.retransmitted),
            keyframes_requested: get(&self.counters.keyframes_requested),
            keyframe_requests: get(&self.counters.keyframe_requests),
            path: figures.path,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_streams_report_one_timeline() {
        let now = Instant::now();
        let (events, _rx) = mpsc::channel(1);
        let stream = |clock_rate, offset| LocalStream { ssrc: 1, rtx: None, offset, clock_rate };
        let shared = Shared::new(stream(48_000, 7), stream(90_000, u32::MAX), MediaClock::new(now), events);
        let later = now + Duration::from_millis(500);
        let (audio_ntp, audio) = shared.clocks(MediaKind::Audio, later);
        let (video_ntp, video) = shared.clocks(MediaKind::Video, later);
        assert_eq!(audio_ntp, video_ntp);
        assert_eq!(audio, 24_007);
        assert_eq!(video, 44_999, "offsets wrap");
        let second = shared.ntp(later + Duration::from_secs(1)) - audio_ntp;
        assert!(second.abs_diff(1 << 32) < 16, "{second}");
    }

    #[test]
    fn the_report_of_sound_carries_the_drift_of_the_microphone() {
        let now = Instant::now();
        let (events, _rx) = mpsc::channel(1);
        let stream = |clock_rate| LocalStream { ssrc: 1, rtx: None, offset: 7, clock_rate };
        let shared = Shared::new(stream(48_000), stream(90_000), MediaClock::new(now), events);
        for drift in [-720_000i64, 720_000] {
            let hour = 3_600_000_000u64;
            shared.sends(&EncodedAudio {
                time: MediaTime::from_micros(hour.saturating_add_signed(drift)),
                captured: MediaTime::from_micros(hour),
                payload: bytes::Bytes::new(),
                level: 127,
                voice: false,
            });
            // What is captured 500 ms later is this many samples on.
            let (_, rtp) = shared.clocks(MediaKind::Audio, now + Duration::from_millis(3_600_500));
            let samples = (3_600_500i64 + drift / 1_000) * 48;
            assert_eq!(rtp, (samples as u32).wrapping_add(7));
        }
    }
}
