//! Where what was received lies in the file.
//!
//! Sound leads: its RTP time counts samples, so the packets of a track lie end to end, whatever the clocks of the two
//! machines do. A picture goes to the sound that was captured with it. Sender reports tell which that is (RFC 3550,
//! section 6.4.1): they put both RTP clocks on the sender's wall clock, and again every second, so that no drift between
//! its sound card and its own clock adds up. When packets arrived says too little: a large keyframe takes longer than sound.

use tincan_media::MediaTime;
use tincan_media::audio::SAMPLE_RATE;
use tincan_protocol::Source;

/// RTP clock of H.264 (RFC 6184, section 8.2.1).
const VIDEO_CLOCK: f64 = 90_000.0;
/// RTP clock of Opus (RFC 7587, section 4.1).
const AUDIO_CLOCK: f64 = 48_000.0;
/// Reports come every second, or every five; one that is further from what it is to place is of another time.
const REPORT_REACH: f64 = 30.0;
/// No two streams of one person are this far apart, and no clock jumps by less than this without being one that is merely
/// late: nonsense from elsewhere must not tear the file apart.
const MAX_APART: f64 = 10.0;
/// Packets may be late by seconds, but none comes before it was sent: ahead of the fastest by more than this, the sender's
/// clock jumped.
const JUMP: f64 = 2.0;
/// A clock that jumps by less is told from a pause by the packets' numbers: between two that follow each other lies a
/// pause, or nothing. After a pause the packet arrives that much later; where most of that is missing, there was none.
/// Shorter ones are taken for what they say, since a way may become quicker by that much while nobody speaks.
const SMALL_JUMP: f64 = 0.5;
/// The share of a pause by which no way becomes quicker meanwhile.
const SHARE: f64 = 0.75;
/// The fastest way is forgotten at this rate, so that it follows clocks that drift apart and routes that become longer.
const FORGET: f64 = 0.001;

/// A time or a length in the file, in samples at 48 kHz: both tracks count so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct SampleTime(pub(super) u64);

impl SampleTime {
    pub(super) const ZERO: Self = Self(0);

    pub(super) fn from_seconds(seconds: f64) -> Self {
        Self((seconds.max(0.0) * f64::from(SAMPLE_RATE)).round() as u64)
    }

    pub(super) fn seconds(self) -> f64 {
        self.0 as f64 / f64::from(SAMPLE_RATE)
    }

    pub(super) const fn saturating_since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }
}

impl std::ops::Add for SampleTime {
    type Output = Self;
    fn add(self, rhs: Self) -> Self {
        Self(self.0.saturating_add(rhs.0))
    }
}

/// An RTP clock, and one point of it on the sender's wall clock.
#[derive(Debug, Clone, Copy)]
struct Mapping {
    /// Seconds; only differences are used.
    ntp: f64,
    rtp: u32,
}

/// What was placed last of a stream.
#[derive(Debug, Clone, Copy)]
struct Placed {
    rtp: u32,
    /// Seconds in the file.
    at: f64,
}

/// One stream's RTP clock.
#[derive(Debug)]
struct Stream {
    rate: f64,
    mapping: Option<Mapping>,
    placed: Option<Placed>,
}

impl Stream {
    const fn new(rate: f64) -> Self {
        Self { rate, mapping: None, placed: None }
    }

    /// Seconds from `earlier` to `rtp`; negative when it lies before.
    fn between(&self, earlier: u32, rtp: u32) -> f64 {
        f64::from(rtp.wrapping_sub(earlier) as i32) / self.rate
    }

    /// `rtp` on the sender's wall clock.
    fn ntp(&self, rtp: u32) -> Option<f64> {
        let mapping = self.mapping?;
        let after = self.between(mapping.rtp, rtp);
        (after.abs() < REPORT_REACH).then_some(mapping.ntp + after)
    }

    /// Where what was captured at `ntp` lies in the file.
    fn at_ntp(&self, ntp: f64) -> Option<f64> {
        let placed = self.placed?;
        Some(placed.at + ntp - self.ntp(placed.rtp)?)
    }

    /// Where `rtp` lies when nothing but this stream's own clock is known.
    fn onwards(&self, rtp: u32) -> Option<f64> {
        let placed = self.placed?;
        Some(placed.at + self.between(placed.rtp, rtp))
    }
}

/// The clocks of one sender over one connection, and what was placed by them.
#[derive(Debug)]
pub(super) struct SenderClock {
    audio: Stream,
    video: Stream,
    screen: Stream,
    /// The least time, in seconds, between a sound's place in the file and its arrival.
    fastest: Option<f64>,
    last_arrival: f64,
}

/// When something arrived, in seconds on our own clock.
fn arrival(time: MediaTime) -> f64 {
    time.as_micros() as f64 / 1e6
}

impl SenderClock {
    pub(super) const fn new() -> Self {
        let (audio, video, screen) =
            (Stream::new(AUDIO_CLOCK), Stream::new(VIDEO_CLOCK), Stream::new(VIDEO_CLOCK));
        Self { audio, video, screen, fastest: None, last_arrival: f64::MIN }
    }

    /// A sender report: RTP time `rtp` was at the NTP time `ntp`, 32.32 fixed point.
    pub(super) fn report(&mut self, source: Source, ntp: u64, rtp: u32) {
        let stream = match source {
            Source::Microphone => &mut self.audio,
            Source::Camera => &mut self.video,
            Source::Screen => &mut self.screen,
            // It is not recorded.
            Source::ScreenSound => return,
        };
        // A double keeps a quarter of a microsecond of it.
        stream.mapping = Some(Mapping { ntp: ntp as f64 / 4_294_967_296.0, rtp });
    }

    /// Whether both streams' clocks are known.
    pub(super) const fn tied(&self) -> bool {
        self.audio.mapping.is_some() && self.video.mapping.is_some()
    }

    /// Begins: the earlier of the first sound and the first picture lies at `from`. Both are given with everything that
    /// came by now, (RTP time, arrival): without reports the fastest of each are taken for equally fast.
    pub(super) fn begin(
        &mut self,
        from: SampleTime,
        sounds: &[(u32, MediaTime)],
        pictures: &[(u32, MediaTime)],
    ) {
        let start = |stream: &Stream, media: &[(u32, MediaTime)]| {
            let &(first, _) = media.first()?;
            let sent = media.iter().map(|&(rtp, arrived)| arrival(arrived) - stream.between(first, rtp));
            Some((first, stream.ntp(first), sent.fold(f64::MAX, f64::min)))
        };
        let (sound, picture) = (start(&self.audio, sounds), start(&self.video, pictures));
        let picture_after = match (sound, picture) {
            (Some((_, Some(sound), _)), Some((_, Some(picture), _))) => Some(picture - sound),
            _ => None,
        };
        let fastest_after = sound.zip(picture).map(|(sound, picture)| picture.2 - sound.2);
        let near = |after: &f64| after.abs() < MAX_APART;
        let after = picture_after.filter(near).or(fastest_after.filter(near)).unwrap_or(0.0);
        let from = from.seconds();
        self.audio.placed = sound.map(|(rtp, ..)| Placed { rtp, at: from + (-after).max(0.0) });
        self.fastest =
            self.audio.placed.zip(sounds.first()).map(|(placed, first)| arrival(first.1) - placed.at);
        self.video.placed = picture.map(|(rtp, ..)| Placed { rtp, at: from + after.max(0.0) });
    }

    /// Where a sound goes; sounds are given in the order of their sequence numbers. `numbered` is how far it is from the
    /// one before by those numbers, `end` where the sound before it ends in the file, `otherwise` where what arrives now
    /// would go if nothing else were known.
    pub(super) fn sound(
        &mut self,
        rtp: u32,
        numbered: SampleTime,
        arrived: MediaTime,
        end: SampleTime,
        otherwise: SampleTime,
    ) -> SampleTime {
        let arrived = arrival(arrived);
        let backwards = self.audio.placed.is_some_and(|placed| self.audio.between(placed.rtp, rtp) < 0.0);
        let with_pictures = || {
            let at = self.video.at_ntp(self.audio.ntp(rtp)?)?;
            ((at - otherwise.seconds()).abs() < MAX_APART).then_some(at)
        };
        let at = self.audio.onwards(rtp).filter(|_| !backwards).or_else(with_pictures);
        let pause =
            self.audio.placed.map_or(0.0, |placed| self.audio.between(placed.rtp, rtp)) - numbered.seconds();
        let jumped = |at: &f64| {
            let early = self.fastest.map_or(0.0, |fastest| fastest - (arrived - at));
            early > JUMP || (pause > SMALL_JUMP && early > SHARE * pause)
        };
        let at = match at {
            Some(at) if !jumped(&at) => at,
            // The sender's clock began anew: on with what is known of the way. What reports said of it is over.
            _ if self.audio.placed.is_some() => {
                self.audio.mapping = None;
                self.fastest.map_or(end.seconds(), |fastest| (arrived - fastest).max(end.seconds()))
            }
            _ => otherwise.seconds(),
        };
        self.note_way(arrived, at);
        self.audio.placed = Some(Placed { rtp, at });
        SampleTime::from_seconds(at)
    }

    fn note_way(&mut self, arrived: f64, at: f64) {
        let way = arrived - at;
        let since = (arrived - self.last_arrival).clamp(0.0, 60.0);
        self.last_arrival = self.last_arrival.max(arrived);
        self.fastest = Some(self.fastest.map_or(way, |fastest| way.min(fastest + since * FORGET)));
    }

    /// Where a picture goes; pictures are given in decoding order. `otherwise` as for [`Self::sound`].
    pub(super) fn picture(&mut self, rtp: u32, otherwise: SampleTime) -> SampleTime {
        place(&mut self.video, &self.audio, rtp, otherwise)
    }

    /// The same of what they share.
    pub(super) fn screen(&mut self, rtp: u32, otherwise: SampleTime) -> SampleTime {
        place(&mut self.screen, &self.audio, rtp, otherwise)
    }
}

fn place(pictures: &mut Stream, audio: &Stream, rtp: u32, otherwise: SampleTime) -> SampleTime {
    let otherwise = otherwise.seconds();
    let onwards = pictures.onwards(rtp).filter(|at| (at - otherwise).abs() < MAX_APART);
    let with_sound = pictures.ntp(rtp).and_then(|ntp| audio.at_ntp(ntp));
    let at = with_sound
        .filter(|at| (at - onwards.unwrap_or(otherwise)).abs() < MAX_APART)
        .or(onwards)
        .unwrap_or(otherwise);
    pictures.placed = Some(Placed { rtp, at });
    SampleTime::from_seconds(at)
}
