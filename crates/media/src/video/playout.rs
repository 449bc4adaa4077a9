//! When each picture is shown: as soon as the network's jitter allows, and together with the sound that belongs to it.
//!
//! Two delays, the larger one counts. The *jitter delay* is what makes late pictures rare: a percentile of how much
//! later than the fastest ones pictures lately came. On a clean network it is a few milliseconds. The *sync delay*
//! holds pictures back when the sound is played later than they are seen; within `LEAD_ALLOWED` nothing is held back,
//! because nobody sees it and everybody feels delay. What the display takes for itself counts: a window that is drawn in
//! software needs a tenth of a second.
//!
//! Pictures that are later than their sound cannot be hurried, so the sound is held back for them then, up to
//! `MAX_SOUND_HOLD` ([`PlayoutClock::sound_hold`]), as libwebrtc's `StreamSynchronization` does.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// RTP's clock for video (RFC 6184, section 8.2.1).
const VIDEO_CLOCK: f64 = 90_000.0;
/// Opus's RTP clock (RFC 7587, section 4.1).
const AUDIO_CLOCK: f64 = 48_000.0;
/// Pictures that the jitter is judged by: four seconds at 30 fps.
const WINDOW: usize = 120;
/// Share of pictures that are to be in time. A keyframe a second or so late by its size is not worth delaying all
/// others for.
const PERCENTILE: f64 = 0.95;
/// The fastest way is taken over this time: long enough to see one picture without queueing, short enough to follow
/// a clock that is off by 100 ppm (1 ms in 10 s) and a new route.
const BASE_WINDOW: Duration = Duration::from_secs(10);
/// The jitter delay shrinks by at most this much a second, so that a pause in the jitter does not cause the next hitch.
const SHRINK_PER_SECOND: f64 = 0.020;
/// More jitter than this is an outage, not jitter.
const MAX_JITTER_DELAY: f64 = 0.5;
/// Sound that is played further behind than this is not waited for.
const MAX_SYNC_DELAY: f64 = 0.6;
/// Pictures may lead the sound by this much: below what people notice (ITU-R BT.1359: 45 ms), with room for the
/// audio buffer's own wandering.
const LEAD_ALLOWED: f64 = 0.025;
/// Sound may lead the pictures by this much, likewise.
const SOUND_LEAD_ALLOWED: f64 = 0.030;
/// Held longer than this in its jitter buffer, sound would disturb the talk more than lips that lag.
const MAX_SOUND_HOLD: f64 = 0.25;
/// The sync delay and the sound's hold move at most this fast, so that nobody sees the picture run or stand (as
/// Chromium, 80 ms a second).
const SYNC_PER_SECOND: f64 = 0.080;
/// A pause longer than this (camera off) ends what was known about the jitter.
const PAUSE: Duration = Duration::from_secs(2);

/// How an RTP clock lies on the sender's wall clock (RTCP sender report).
#[derive(Debug, Clone, Copy)]
struct Mapping {
    /// Seconds; only differences are used.
    ntp: f64,
    rtp: u32,
}

impl Mapping {
    fn ntp_of(self, rtp: u32, clock: f64) -> f64 {
        self.ntp + f64::from(rtp.wrapping_sub(self.rtp) as i32) / clock
    }
}

/// What was told last of the sound that belongs to the pictures.
#[derive(Debug, Clone, Copy)]
struct Sound {
    rtp: u32,
    /// When that leaves the speaker.
    plays_at: f64,
    /// How long it is held in its jitter buffer.
    held: f64,
}

/// Decides when pictures are shown. Pure: every time is an argument.
#[derive(Debug)]
pub struct PlayoutClock {
    /// All times below are seconds since this instant.
    epoch: Option<Instant>,
    last: Option<(u32, f64, f64)>,
    /// Minima of arrival minus sending time, monotonic: the first is the smallest of the window.
    base: VecDeque<(f64, f64)>,
    lateness: VecDeque<f64>,
    jitter_delay: f64,
    sync_delay: f64,
    last_shown: f64,
    video: Option<Mapping>,
    audio: Option<Mapping>,
    sound: Option<Sound>,
    sound_hold: f64,
    decode: f64,
    display: f64,
    lip_offset: Option<f64>,
}

impl Default for PlayoutClock {
    fn default() -> Self {
        Self::new()
    }
}

impl PlayoutClock {
    /// Knows nothing yet and shows everything at once.
    pub fn new() -> Self {
        Self {
            epoch: None,
            last: None,
            base: VecDeque::new(),
            lateness: VecDeque::with_capacity(WINDOW + 1),
            jitter_delay: 0.0,
            sync_delay: 0.0,
            last_shown: f64::MIN,
            video: None,
            audio: None,
            sound: None,
            sound_hold: 0.0,
            decode: 0.0,
            display: 0.0,
            lip_offset: None,
        }
    }

    /// The other side's clocks: video's RTP time `rtp` was at the NTP time `ntp` (32.32 fixed point).
    pub fn video_report(&mut self, ntp: u64, rtp: u32) {
        self.video = Some(Mapping { ntp: ntp_seconds(ntp), rtp });
    }

    /// The other side's clocks: audio's RTP time `rtp` was at the NTP time `ntp` (32.32 fixed point).
    pub fn audio_report(&mut self, ntp: u64, rtp: u32) {
        self.audio = Some(Mapping { ntp: ntp_seconds(ntp), rtp });
    }

    /// The sample with RTP time `rtp` leaves the speaker at `plays_at`: its packet's arrival, plus the time that the
    /// jitter buffer `held` it, plus the output's latency. Tell it a few times a second.
    pub fn audio_playout(&mut self, rtp: u32, plays_at: Instant, held: Duration) {
        self.sound = Some(Sound { rtp, plays_at: self.seconds(plays_at), held: held.as_secs_f64() });
    }

    /// There are no pictures any more for which sound would have to wait (camera off).
    pub fn paused(&mut self) {
        self.sound_hold = 0.0;
    }

    /// How long decoding one picture took: it is part of the way to the screen.
    pub fn decoded(&mut self, took: Duration) {
        let took = took.as_secs_f64();
        // Up at once, down slowly: a keyframe's decoding must not surprise the next time.
        self.decode = if took > self.decode { took } else { self.decode * 0.98 + took * 0.02 };
    }

    /// How long a picture takes from when it is shown here to when it is seen.
    pub fn displayed(&mut self, took: Duration) {
        self.display = took.as_secs_f64();
    }

    /// When to show the picture stamped `rtp_timestamp` that was complete at `arrived`. Call once for each picture,
    /// in decode order; the result never lies before `arrived` and never before an earlier picture's.
    pub fn schedule(&mut self, rtp_timestamp: u32, arrived: Instant) -> Instant {
        let epoch = *self.epoch.get_or_insert(arrived);
        let now = self.seconds(arrived);
        let sent = match self.last {
            Some((last_rtp, last_sent, last_arrived)) => {
                let step = f64::from(rtp_timestamp.wrapping_sub(last_rtp) as i32) / VIDEO_CLOCK;
                let passed = now - last_arrived;
                if (step - passed).abs() > PAUSE.as_secs_f64() {
                    // The sender's clock jumped: it began anew.
                    self.forget();
                    now
                } else {
                    if passed > PAUSE.as_secs_f64() {
                        self.forget();
                    }
                    last_sent + step
                }
            }
            None => now,
        };
        let since_last = self.last.map_or(0.0, |(_, _, last_arrived)| (now - last_arrived).max(0.0));
        self.last = Some((rtp_timestamp, sent, now));

        let transit = now - sent;
        self.note_transit(now, transit);
        let base = self.base.front().map_or(transit, |&(_, least)| least);
        self.note_lateness(transit - base, since_last);

        let by_jitter = sent + base + self.jitter_delay + self.decode;
        let ahead = self.plays_with(rtp_timestamp).map(|sound| sound - (by_jitter + self.display));
        let by_sync = self.move_sync_delay(ahead, since_last);
        self.move_sound_hold(ahead, since_last);
        let shown = (by_jitter + by_sync).max(now).max(self.last_shown);
        self.last_shown = shown;
        self.lip_offset = ahead.map(|ahead| shown - by_jitter - ahead);
        epoch + Duration::from_secs_f64(shown.max(0.0))
    }

    /// What pictures wait on purpose: jitter and sync delay.
    pub fn delay(&self) -> Duration {
        Duration::from_secs_f64(self.jitter_delay + self.sync_delay)
    }

    /// How long sound is to be held in its jitter buffer at least, for pictures that are later than it.
    pub fn sound_hold(&self) -> Duration {
        Duration::from_secs_f64(self.sound_hold)
    }

    /// How much later than its sound is heard the last picture is seen, in milliseconds; negative when it leads. `None`
    /// without sender reports or sound.
    pub fn lip_offset_millis(&self) -> Option<f64> {
        self.lip_offset.map(|seconds| seconds * 1_000.0)
    }

    fn seconds(&mut self, at: Instant) -> f64 {
        let epoch = *self.epoch.get_or_insert(at);
        match at.checked_duration_since(epoch) {
            Some(after) => after.as_secs_f64(),
            None => -epoch.duration_since(at).as_secs_f64(),
        }
    }

    fn forget(&mut self) {
        self.base.clear();
        self.lateness.clear();
        self.jitter_delay = 0.0;
    }

    fn note_transit(&mut self, now: f64, transit: f64) {
        while self.base.back().is_some_and(|&(_, least)| least >= transit) {
            self.base.pop_back();
        }
        self.base.push_back((now, transit));
        while self.base.front().is_some_and(|&(at, _)| at < now - BASE_WINDOW.as_secs_f64()) {
            self.base.pop_front();
        }
    }

    fn note_lateness(&mut self, lateness: f64, since_last: f64) {
        self.lateness.push_back(lateness.max(0.0));
        if self.lateness.len() > WINDOW {
            self.lateness.pop_front();
        }
        let mut sorted: Vec<f64> = self.lateness.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        // Rounded down: of fewer than twenty pictures the latest one (the first keyframe) does not count.
        let rank = ((sorted.len() as f64 * PERCENTILE) as usize).saturating_sub(1);
        let wanted = sorted.get(rank).copied().unwrap_or(0.0).min(MAX_JITTER_DELAY);
        self.jitter_delay = wanted.max(self.jitter_delay - SHRINK_PER_SECOND * since_last);
    }

    /// When the sound that was captured with this picture leaves the speaker.
    fn plays_with(&self, rtp_timestamp: u32) -> Option<f64> {
        let (video, audio, sound) = (self.video?, self.audio?, self.sound?);
        let after = video.ntp_of(rtp_timestamp, VIDEO_CLOCK) - audio.ntp_of(sound.rtp, AUDIO_CLOCK);
        Some(sound.plays_at + after)
    }

    /// `ahead`: by how much pictures that nothing holds back are seen before their sound is heard.
    fn move_sync_delay(&mut self, ahead: Option<f64>, since_last: f64) -> f64 {
        let wanted = ahead.map_or(0.0, |ahead| (ahead - LEAD_ALLOWED).clamp(0.0, MAX_SYNC_DELAY));
        self.sync_delay = towards(wanted, self.sync_delay, since_last);
        self.sync_delay
    }

    fn move_sound_hold(&mut self, ahead: Option<f64>, since_last: f64) {
        let held = self.sound.map_or(0.0, |sound| sound.held);
        let wanted =
            ahead.map_or(0.0, |ahead| (held - ahead - SOUND_LEAD_ALLOWED).clamp(0.0, MAX_SOUND_HOLD));
        self.sound_hold = towards(wanted, self.sound_hold, since_last);
    }
}

/// As near to `wanted` as the time since the last step allows.
fn towards(wanted: f64, now: f64, since_last: f64) -> f64 {
    let most = SYNC_PER_SECOND * since_last;
    now + (wanted - now).clamp(-most, most)
}

/// NTP's 32.32 fixed point in seconds; a double keeps a quarter of a microsecond of it.
fn ntp_seconds(ntp: u64) -> f64 {
    ntp as f64 / 4_294_967_296.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Deterministic noise from 0 to 1 (xorshift).
    struct Noise(u64);

    impl Noise {
        fn next(&mut self) -> f64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 11) as f64 / (1u64 << 53) as f64
        }
    }

    /// One stretch of a call.
    struct Step {
        seconds: u64,
        /// Fixed way and the jitter on top of it, uniform, in milliseconds.
        way: f64,
        jitter: f64,
    }

    #[derive(Debug, Default)]
    struct Outcome {
        /// Mean wait between arrival and showing, in ms, over the last second of every step.
        waits: Vec<f64>,
        /// Pictures of that second that came later than planned by more than 1 ms.
        late: Vec<usize>,
        lips: Vec<f64>,
        delays: Vec<f64>,
    }

    const HELD: Duration = Duration::from_millis(20);

    fn at(start: Instant, seconds: f64) -> Instant {
        start + Duration::from_secs_f64(seconds)
    }

    /// Plays `steps`; the sound is played `sound_after` ms after its capture, where there is any.
    fn run(steps: &[Step], ppm: f64, sound_after: Option<f64>) -> Outcome {
        let (start, mut clock, mut noise) = (Instant::now(), PlayoutClock::new(), Noise(7));
        let mut outcome = Outcome::default();
        let mut index = 0u64;
        let mut arrived_before = 0.0;
        for step in steps {
            let frames = step.seconds * 30;
            let (mut waits, mut late) = (Vec::new(), 0);
            let mut shown_before = None;
            for frame in 0..frames {
                let captured = index as f64 / 30.0;
                // The sender's clocks run fast by `ppm`.
                let rtp = 4_294_000_000u32.wrapping_add((captured * (1.0 + ppm * 1e-6) * 90_000.0) as u32);
                let arrived: f64 =
                    (captured + (step.way + step.jitter * noise.next()) / 1_000.0).max(arrived_before);
                arrived_before = arrived;
                if let Some(after) = sound_after
                    && index.is_multiple_of(10)
                {
                    let sender = captured * (1.0 + ppm * 1e-6);
                    let ntp = ((3_900_000_000.0 + sender) * 4_294_967_296.0) as u64;
                    clock.video_report(ntp, rtp);
                    let audio = 17u32.wrapping_add((sender * 48_000.0) as u32);
                    clock.audio_report(ntp, audio);
                    // The jitter buffer holds sound for 20 ms, or as long as it is asked to.
                    let hold = clock.sound_hold().max(HELD);
                    let plays_at = 1.0 + captured + after / 1_000.0 + (hold - HELD).as_secs_f64();
                    clock.audio_playout(audio, at(start, plays_at), hold);
                }
                let shown =
                    clock.schedule(rtp, at(start, 1.0 + arrived)).duration_since(start).as_secs_f64() - 1.0;
                if frame + 30 >= frames {
                    waits.push((shown - arrived) * 1_000.0);
                    if let Some(before) = shown_before {
                        let step: f64 = shown - before - 1.0 / 30.0;
                        late += usize::from(step.abs() > 0.001);
                    }
                }
                shown_before = Some(shown);
                index += 1;
            }
            outcome.waits.push(waits.iter().sum::<f64>() / waits.len() as f64);
            outcome.late.push(late);
            outcome.lips.push(clock.lip_offset_millis().unwrap_or(f64::NAN));
            outcome.delays.push(clock.delay().as_secs_f64() * 1_000.0);
        }
        outcome
    }

    #[test]
    fn a_clean_network_costs_next_to_no_wait() {
        let outcome = run(&[Step { seconds: 10, way: 1.0, jitter: 1.5 }], 0.0, None);
        assert!(outcome.waits[0] < 2.0, "{outcome:?}");
    }

    #[test]
    fn sound_a_little_behind_costs_no_wait() {
        // Chromium's own buffers: video 23 ms, audio 30 ms.
        let outcome = run(&[Step { seconds: 10, way: 5.0, jitter: 1.0 }], 0.0, Some(24.0));
        assert!(outcome.waits[0] < 2.0, "{outcome:?}");
    }

    #[test]
    fn jitter_of_40_ms_is_smoothed_and_forgotten_again() {
        let outcome = run(
            &[
                Step { seconds: 10, way: 40.0, jitter: 2.0 },
                Step { seconds: 10, way: 40.0, jitter: 40.0 },
                Step { seconds: 20, way: 40.0, jitter: 2.0 },
            ],
            0.0,
            None,
        );
        assert!(outcome.late[1] <= 6, "{outcome:?}");
        assert!((30.0..45.0).contains(&outcome.delays[1]), "{outcome:?}");
        assert!(outcome.delays[2] < 4.0, "{outcome:?}");
    }

    #[test]
    fn a_longer_route_is_taken_as_the_new_normal() {
        let steps =
            [Step { seconds: 5, way: 20.0, jitter: 2.0 }, Step { seconds: 40, way: 120.0, jitter: 2.0 }];
        let outcome = run(&steps, 0.0, None);
        assert!(outcome.waits[1] < 5.0, "{outcome:?}");
    }

    #[test]
    fn a_drifting_clock_adds_no_delay() {
        for ppm in [-200.0, 200.0] {
            let outcome = run(&[Step { seconds: 600, way: 20.0, jitter: 1.0 }], ppm, None);
            assert!(outcome.waits[0] < 5.0, "{ppm}: {outcome:?}");
        }
    }

    #[test]
    fn lips_match_within_40_ms_while_the_sound_is_late() {
        for after in [60.0, 150.0, 400.0] {
            let outcome = run(&[Step { seconds: 15, way: 20.0, jitter: 5.0 }], 50.0, Some(after));
            assert!(outcome.lips[0].abs() <= 40.0, "{after}: {outcome:?}");
        }
    }

    #[test]
    fn a_slow_display_is_given_its_pictures_sooner() {
        let (start, mut clock) = (Instant::now(), PlayoutClock::new());
        let mut waits = Vec::new();
        for (display, frames) in [(20, 300u32), (90, 300), (500, 300)] {
            let mut wait = Duration::ZERO;
            clock.displayed(Duration::from_millis(display));
            for _ in 0..frames {
                let index = clock.last.map_or(0, |(rtp, ..)| rtp / 3_000 + 1);
                let captured = f64::from(index) / 30.0;
                clock.video_report(((9.0 + captured) * 4_294_967_296.0) as u64, index * 3_000);
                clock.audio_report(((9.0 + captured) * 4_294_967_296.0) as u64, index * 1_600);
                clock.audio_playout(index * 1_600, at(start, captured + 0.150), Duration::from_millis(250));
                let arrived = at(start, captured + 0.010);
                wait = clock.schedule(index * 3_000, arrived) - arrived;
            }
            waits.push((wait.as_millis(), clock.lip_offset_millis().unwrap().round()));
        }
        // The third is behind its sound, and so not held back at all.
        assert_eq!(waits, [(95, -25.0), (25, -25.0), (0, 360.0)]);
    }

    #[test]
    fn sound_waits_for_pictures_behind_it_which_are_not_delayed_further() {
        for (way, lips) in [(100.0, 28.0..32.0), (400.0, 130.0..150.0)] {
            let outcome = run(&[Step { seconds: 10, way, jitter: 1.0 }], 0.0, Some(30.0));
            assert!(outcome.waits[0] < 2.0, "{way}: {outcome:?}");
            assert!(lips.contains(&outcome.lips[0]), "{way}: {outcome:?}");
        }
    }

    #[test]
    fn sound_waits_no_longer_than_pictures_are_late() {
        let late = Step { seconds: 10, way: 30.0, jitter: 120.0 };
        let outcome = run(&[late, Step { seconds: 30, way: 30.0, jitter: 2.0 }], 0.0, Some(50.0));
        assert!((-25.5..30.5).contains(&outcome.lips[1]), "{outcome:?}");
        assert!(outcome.delays[1] < 4.0, "{outcome:?}");
    }

    #[test]
    fn order_is_kept_and_nothing_is_shown_before_it_came() {
        let (start, mut clock, mut noise) = (Instant::now(), PlayoutClock::new(), Noise(3));
        let mut last = start;
        for index in 0..2_000u32 {
            let arrived = at(start, f64::from(index) / 30.0 + noise.next() * 0.3);
            // Now and then the sender begins anew, or was off for a while.
            let rtp = if index % 500 == 499 { 77 } else { index * 3_000 };
            let shown = clock.schedule(rtp, arrived);
            assert!(shown >= arrived && shown >= last);
            assert!(shown <= arrived.max(last) + Duration::from_millis(1_200));
            last = shown;
        }
    }
}
