//! What the connection's task, its handle and the stages inside the driver share.
//!
//! The stages run inside `webrtc`'s driver, under its lock, and cannot await; the handle answers `statistics()` from
//! any thread. So the figures are atomics, and the few compound ones sit behind a mutex that is held for a copy only.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tincan_bandwidth::Probe;
use tincan_media::audio::red::Protection;
use tincan_media::audio::{EncodedAudio, SAMPLE_RATE};
use tincan_media::{Bitrate, MediaClock, MediaTime};
use tincan_protocol::Source;
use tokio::sync::{Notify, mpsc};

use crate::api::{PeerEvent, PeerStatistics};
use crate::events::Facts;
use crate::media::Media;
use crate::outgoing::Outgoing;
use crate::sources::{PerSource, Sections};

/// RTP clock of H.264 (RFC 6184, section 8.2.1).
pub(crate) const VIDEO_CLOCK: u32 = 90_000;
/// RTP clock of Opus (RFC 7587, section 4.1).
pub(crate) const AUDIO_CLOCK: u32 = SAMPLE_RATE;
/// Seconds from NTP's epoch (1900) to Unix's (RFC 5905, figure 4).
const NTP_UNIX_OFFSET: u64 = 2_208_988_800;

/// One of our streams.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LocalStream {
    pub(crate) ssrc: u32,
    /// The stream that repeats it; only pictures have one.
    pub(crate) rtx: Option<u32>,
    /// RTP times start anywhere (RFC 3550, section 5.1).
    pub(crate) offset: u32,
    pub(crate) clock_rate: u32,
}

/// RTP clock of a source.
pub(crate) const fn clock_rate(source: Source) -> u32 {
    if source.is_video() { VIDEO_CLOCK } else { AUDIO_CLOCK }
}

/// One for each source, with identifiers that differ from each other.
pub(crate) fn local_streams() -> PerSource<LocalStream> {
    let base = rand::random::<u32>();
    // Zero means "none" in places.
    let ssrc = |n: u32| base.wrapping_add(n.wrapping_mul(0x1000_0001)).max(1);
    PerSource::new(|source| {
        let n = source as u32 * 2;
        LocalStream {
            ssrc: ssrc(n),
            rtx: source.is_video().then(|| ssrc(n + 1)),
            offset: rand::random(),
            clock_rate: clock_rate(source),
        }
    })
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
    /// Sound alone, of everything above.
    pub(crate) sound_sent: AtomicU64,
    pub(crate) sound_received: AtomicU64,
    pub(crate) nacks_sent: AtomicU64,
    pub(crate) recovered: AtomicU64,
    pub(crate) retransmitted: AtomicU64,
    pub(crate) keyframes_requested: AtomicU64,
    pub(crate) keyframe_requests: AtomicU64,
    pub(crate) expected: AtomicU64,
    pub(crate) arrived: AtomicU64,
    /// Media packets that the owner did not fetch in time.
    pub(crate) overrun: AtomicU64,
    /// Passes of the driver's loop.
    pub(crate) passes: AtomicU64,
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
    /// The least since the last ICE restart: without what queues add.
    pub(crate) least_round_trip: Option<Duration>,
    /// From a packet's leaving to the report of its arrival: known sooner than a round trip, and a little more.
    pub(crate) report_time: Option<Duration>,
    pub(crate) loss_sent: f32,
    pub(crate) jitter: BTreeMap<Source, Duration>,
    /// The last second's rates, filled in by the connection's task.
    pub(crate) rates: Rates,
    pub(crate) path: Option<(String, String)>,
    /// The address of this machine at its end, or at the end of the last one.
    local_address: Option<IpAddr>,
}

impl Figures {
    /// The path in use, and from which address of this machine it goes. When that address is gone, it goes from nowhere until
    /// the connection moves; whoever asks then wants to know which address it was, to see that it is gone.
    /// Says whether it is another one than before.
    pub(crate) fn note_path(&mut self, path: (String, String), from: Option<IpAddr>) -> bool {
        let before = (self.path.replace(path), self.local_address);
        self.local_address = from.or(self.local_address);
        before.0.is_some() && before != (self.path.clone(), self.local_address)
    }
}

/// What the connection's task derives once a second.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Rates {
    pub(crate) sent: Bitrate,
    pub(crate) received: Bitrate,
    pub(crate) sound_sent: Bitrate,
    pub(crate) sound_received: Bitrate,
    pub(crate) loss_received: f32,
}

/// See the module's description.
pub(crate) struct Shared {
    pub(crate) local: PerSource<LocalStream>,
    pub(crate) counters: Counters,
    pub(crate) events: mpsc::Sender<PeerEvent>,
    /// What the owner sends.
    pub(crate) outgoing: Outgoing,
    /// What the owner receives.
    pub(crate) media: Arc<Media>,
    /// What replaces what was said before: never dropped.
    pub(crate) facts: Arc<Facts>,
    /// Ends the driver's sleep, so that it looks at what the stages want to do now.
    pub(crate) driver: Arc<Notify>,
    pub(crate) gate: Gate,
    /// The other side's, from the description of theirs that was applied last.
    sections: Mutex<Sections>,
    /// The other side's stream of each source, once a packet of it arrived.
    remote: PerSource<AtomicU64>,
    figures: Mutex<Figures>,
    target: AtomicU64,
    /// What is to be filled up with packets that were sent before.
    probe: Mutex<Option<Probe>>,
    /// There is another path since [`Self::takes_new_path`] was asked.
    new_path: AtomicBool,
    /// Index of what protects our sound on the way, in [`Protection::ALL`].
    protection: AtomicU8,
    /// How many connections share the uplink.
    connections: AtomicUsize,
    /// Bytes of our screen that wait for their turn to leave.
    screen_waits: AtomicUsize,
    clock: MediaClock,
    /// By how many µs the count of a device's samples is ahead of the process's clock.
    ahead: PerSource<AtomicI64>,
    /// One instant on the machine's two clocks: sender reports count on from it, so that a step of the wall clock
    /// during a call does not tear sound from picture.
    wall: (SystemTime, Instant),
}

/// What must be before media is sent.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// There is a path.
    pub(crate) connected: AtomicBool,
    /// The other side is who it should be.
    pub(crate) confirmed: AtomicBool,
    /// We have said who we are: whoever hears that after our first picture would drop the picture.
    pub(crate) introduced: AtomicBool,
}

impl Gate {
    pub(crate) fn is_open(&self) -> bool {
        [&self.connected, &self.confirmed, &self.introduced].iter().all(|part| part.load(Ordering::Acquire))
    }
}

/// No SSRC has more than 32 bits.
const NONE: u64 = u64::MAX;

impl Shared {
    pub(crate) fn new(
        local: PerSource<LocalStream>,
        clock: MediaClock,
        events: mpsc::Sender<PeerEvent>,
    ) -> Self {
        Self {
            local,
            counters: Counters::default(),
            events,
            outgoing: Outgoing::default(),
            media: Arc::default(),
            facts: Arc::default(),
            driver: Arc::default(),
            gate: Gate::default(),
            sections: Mutex::default(),
            remote: PerSource::new(|_| AtomicU64::new(NONE)),
            figures: Mutex::default(),
            target: AtomicU64::new(0),
            probe: Mutex::new(None),
            new_path: AtomicBool::new(false),
            protection: AtomicU8::new(0),
            connections: AtomicUsize::new(1),
            screen_waits: AtomicUsize::new(0),
            clock,
            ahead: PerSource::default(),
            wall: (SystemTime::now(), Instant::now()),
        }
    }

    /// Whose stream of ours this is, also when it is the one that repeats it.
    pub(crate) fn sends(&self, ssrc: u32) -> Option<Source> {
        let mut streams = self.local.iter();
        streams.find(|(_, stream)| stream.ssrc == ssrc || stream.rtx == Some(ssrc)).map(|(source, _)| source)
    }

    /// Whose stream of ours this is.
    pub(crate) fn source(&self, ssrc: u32) -> Option<Source> {
        self.local.iter().find(|(_, stream)| stream.ssrc == ssrc).map(|(source, _)| source)
    }

    /// What `now` is in NTP's 32.32 fixed point and in the RTP time of `source`, for a sender report.
    ///
    /// Sound counts a device's samples, pictures the process's clock: the report carries the drift between them
    /// (RFC 3550, section 6.4.1).
    pub(crate) fn clocks(&self, source: Source, now: Instant) -> (u64, u32) {
        let ahead = self.ahead[source].load(Ordering::Relaxed);
        let captured = self.clock.at(now).as_micros();
        let counted = MediaTime::from_micros(captured.saturating_add_signed(ahead));
        (self.ntp(now), self.local[source].rtp_time(counted))
    }

    /// Takes note of what sound is sent, for the next report.
    pub(crate) fn note_clock(&self, source: Source, audio: &EncodedAudio) {
        let ahead = audio.time.as_micros() as i64 - audio.captured.as_micros() as i64;
        self.ahead[source].store(ahead, Ordering::Relaxed);
    }

    /// `now` in NTP's 32.32 fixed point.
    pub(crate) fn ntp(&self, now: Instant) -> u64 {
        let (wall, instant) = self.wall;
        let since_unix = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = since_unix + now.saturating_duration_since(instant);
        let fraction = (u64::from(time.subsec_nanos()) << 32) / 1_000_000_000;
        ((time.as_secs() + NTP_UNIX_OFFSET) << 32) | fraction
    }

    pub(crate) fn target(&self) -> Bitrate {
        Bitrate::bps(self.target.load(Ordering::Relaxed))
    }

    pub(crate) fn set_target(&self, target: Bitrate) {
        self.target.store(target.as_bps(), Ordering::Relaxed);
    }

    pub(crate) fn probe(&self) -> Option<Probe> {
        *self.probe.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_probe(&self, probe: Option<Probe>) {
        *self.probe.lock().unwrap_or_else(PoisonError::into_inner) = probe;
    }

    /// What is known of the path before says nothing of this one.
    pub(crate) fn note_new_path(&self) {
        self.new_path.store(true, Ordering::Release);
    }

    /// Once.
    pub(crate) fn takes_new_path(&self) -> bool {
        self.new_path.swap(false, Ordering::AcqRel)
    }

    /// What protects our sound on the way to the other side.
    pub(crate) fn protection(&self) -> Protection {
        let index = usize::from(self.protection.load(Ordering::Relaxed));
        Protection::ALL.get(index).copied().unwrap_or_default()
    }

    pub(crate) fn set_protection(&self, protection: Protection) {
        self.protection.store(protection as u8, Ordering::Relaxed);
    }

    /// How many connections share the uplink; one at least.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    pub(crate) fn set_connections(&self, connections: usize) {
        self.connections.store(connections.max(1), Ordering::Relaxed);
    }

    /// How long what waits of our screen takes to leave.
    pub(crate) fn screen_waits(&self) -> Duration {
        let bits = self.screen_waits.load(Ordering::Relaxed) as f64 * 8.0;
        Duration::from_secs_f64(bits / (self.target().as_bps() as f64).max(1.0))
    }

    pub(crate) fn set_screen_waits(&self, bytes: usize) {
        self.screen_waits.store(bytes, Ordering::Relaxed);
    }

    /// The other side's stream of this source, once a packet of it arrived.
    pub(crate) fn remote(&self, source: Source) -> Option<u32> {
        u32::try_from(self.remote[source].load(Ordering::Acquire)).ok()
    }

    pub(crate) fn set_remote(&self, source: Source, ssrc: u32) {
        self.remote[source].store(ssrc.into(), Ordering::Release);
    }

    /// The other side's sections.
    pub(crate) fn sections(&self) -> MutexGuard<'_, Sections> {
        self.sections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something of what must be before media is sent has changed, or may have. Whoever wanted to send pictures before
    /// is to begin with a keyframe now.
    pub(crate) fn look_at_gate(&self) {
        if self.gate.is_open() {
            for source in self.outgoing.reopened() {
                self.facts.keyframe_requested(source);
            }
        }
    }

    /// Reads or writes the compound figures.
    pub(crate) fn figures<T>(&self, f: impl FnOnce(&mut Figures) -> T) -> T {
        // A panic while copying numbers leaves numbers.
        f(&mut self.figures.lock().unwrap_or_else(PoisonError::into_inner))
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
            jitter: figures.jitter,
            sent: figures.rates.sent,
            received: figures.rates.received,
            sound_sent: figures.rates.sound_sent,
            sound_received: figures.rates.sound_received,
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
impl Shared {
    /// Of a connection whose streams have the SSRCs 1 to 4, in the order of the sources, and 12 and 13 where pictures are
    /// repeated; RTP times begin at 7.
    pub(crate) fn of_tests(now: Instant) -> Self {
        let local = PerSource::new(|source| LocalStream {
            ssrc: 1 + source as u32,
            rtx: source.is_video().then_some(11 + source as u32),
            offset: 7,
            clock_rate: clock_rate(source),
        });
        Self::new(local, MediaClock::new(now), mpsc::channel(1).0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_path_is_known_until_there_is_another() {
        let mut figures = Figures::default();
        let (path, [old, new]) =
            (|| ("host".to_owned(), "host".to_owned()), [1, 2].map(|n| IpAddr::from([192, 0, 2, n])));
        assert!(!figures.note_path(path(), Some(old)), "it is the first");
        assert!(!figures.note_path(path(), None));
        assert_eq!(figures.local_address, Some(old));
        assert!(figures.note_path(path(), Some(new)));
        assert_eq!(figures.local_address, Some(new));
    }

    #[test]
    fn all_streams_report_one_timeline() {
        let now = Instant::now();
        let mut shared = Shared::of_tests(now);
        shared.local[Source::Camera].offset = u32::MAX;
        let later = now + Duration::from_millis(500);
        let (audio_ntp, audio) = shared.clocks(Source::Microphone, later);
        let (video_ntp, video) = shared.clocks(Source::Camera, later);
        assert_eq!(audio_ntp, video_ntp);
        assert_eq!(audio, 24_007);
        assert_eq!(video, 44_999, "offsets wrap");
        let second = shared.ntp(later + Duration::from_secs(1)) - audio_ntp;
        assert!(second.abs_diff(1 << 32) < 16, "{second}");
    }

    #[test]
    fn the_report_of_sound_carries_the_drift_of_its_device() {
        let now = Instant::now();
        let shared = Shared::of_tests(now);
        for drift in [-720_000i64, 720_000] {
            let hour = 3_600_000_000u64;
            let audio = EncodedAudio {
                time: MediaTime::from_micros(hour.saturating_add_signed(drift)),
                captured: MediaTime::from_micros(hour),
                payload: bytes::Bytes::new(),
                thin: None,
                level: 127,
                voice: false,
            };
            shared.note_clock(Source::Microphone, &audio);
            // What is captured 500 ms later is this many samples on.
            let later = now + Duration::from_millis(3_600_500);
            let (_, rtp) = shared.clocks(Source::Microphone, later);
            let samples = (3_600_500i64 + drift / 1_000) * 48;
            assert_eq!(rtp, (samples as u32).wrapping_add(7));
            let (_, of_the_screen) = shared.clocks(Source::ScreenSound, later);
            assert_eq!(of_the_screen, 3_600_500 * 48 + 7, "another device");
        }
    }

    #[test]
    fn every_stream_has_an_identifier_of_its_own() {
        let streams = local_streams();
        let all: Vec<u32> =
            streams.iter().flat_map(|(_, stream)| [Some(stream.ssrc), stream.rtx]).flatten().collect();
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!((all.len(), distinct.len()), (6, 6));
    }
}
