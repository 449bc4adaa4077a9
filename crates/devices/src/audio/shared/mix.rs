//! Puts the streams of several programs together. Pure: times are arguments.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tincan_media::MediaTime;
use tincan_media::audio::{SAMPLE_RATE, SAMPLES_PER_FRAME, Sample, Stereo, StereoFrame};

use crate::audio::capture_clock::CaptureClock;

/// What waits of each stream beside the frame that is made: the pieces of one moment do not come at the same time.
const CUSHION: usize = SAMPLES_PER_FRAME;
/// When more waits, somebody stood still, and the rest would stay late for ever.
const MOST: usize = SAMPLE_RATE as usize * 150 / 1_000;
/// A stream that brings nothing for so long gives no pace. A sound server hands over a piece every 20 ms.
const STALE: Duration = Duration::from_millis(100);
/// After so long without a frame the times begin anew.
const PAUSE: Duration = Duration::from_millis(200);
/// Frames of digital silence after which nothing more is given: a second. Players keep their streams open when they pause, and
/// a path has better things to carry.
const SILENT: u32 = 100;

#[derive(Debug)]
struct Stream {
    waiting: VecDeque<Stereo>,
    /// It is in the sum; otherwise it gathers its cushion first.
    playing: bool,
    /// When the newest sample came.
    arrived: MediaTime,
}

impl Stream {
    fn trim(&mut self, keep: usize) -> usize {
        let excess = self.waiting.len().saturating_sub(keep);
        self.waiting.drain(..excess);
        excess
    }
}

/// Sums streams. One of them leads: a frame is made whenever it has one, so that nothing is stretched or left out of it, and
/// whatever plays beside it on the same device has the same clock. Others that drift away lose a piece now and then.
#[derive(Debug, Default)]
pub(super) struct Mix {
    streams: BTreeMap<u32, Stream>,
    lead: Option<u32>,
    clock: CaptureClock,
    /// How long after it was handed over to us sound leaves the speaker: pictures belong to what is heard.
    until_heard: Duration,
    made: Option<MediaTime>,
    silent: u32,
}

impl Mix {
    /// A piece of a stream.
    pub(super) fn arrived(&mut self, id: u32, samples: impl Iterator<Item = Stereo>, now: MediaTime) {
        let stream = self.streams.entry(id).or_insert_with(|| Stream {
            waiting: VecDeque::new(),
            playing: false,
            arrived: now,
        });
        // A broken sample must not silence everything for good.
        stream
            .waiting
            .extend(samples.map(|both| if both.peak().is_finite() { both } else { Stereo::SILENCE }));
        stream.arrived = now;
    }

    /// A stream ended.
    pub(super) fn gone(&mut self, id: u32) {
        self.streams.remove(&id);
    }

    /// How long sound takes from here to where it is heard.
    pub(super) fn heard_after(&mut self, latency: Duration) {
        self.until_heard = latency;
    }

    /// The stream that gives the pace, if it is a pace that is asked about.
    pub(super) fn lead(&self) -> Option<u32> {
        self.lead
    }

    /// The next 10 ms, if all of it is there. Call it until there is none.
    pub(super) fn next(&mut self, now: MediaTime) -> Option<StereoFrame> {
        loop {
            let frame = self.make(now)?;
            self.silent = if frame.peak() == 0.0 { self.silent.saturating_add(1) } else { 0 };
            if self.silent <= SILENT {
                return Some(frame);
            }
        }
    }

    fn make(&mut self, now: MediaTime) -> Option<StereoFrame> {
        let lead = self.leader(now)?;
        let leading = self.streams.get_mut(&lead)?;
        if leading.waiting.len() < SAMPLES_PER_FRAME + CUSHION {
            return None;
        }
        if self.made.is_none_or(|made| now.saturating_since(made) > PAUSE) {
            self.clock = CaptureClock::default();
        }
        if leading.waiting.len() > MOST {
            let lost = leading.trim(SAMPLES_PER_FRAME + CUSHION);
            self.clock.skip(duration(lost));
        }
        let begun = leading.arrived - duration(leading.waiting.len()) + self.until_heard;
        let mut frame = StereoFrame::silence(self.clock.stamp(begun));
        for (id, stream) in &mut self.streams {
            if !stream.playing {
                if *id != lead && stream.waiting.len() < SAMPLES_PER_FRAME + CUSHION {
                    continue;
                }
                stream.trim(SAMPLES_PER_FRAME + CUSHION);
                stream.playing = true;
            }
            let ready = stream.waiting.len().min(SAMPLES_PER_FRAME);
            stream.playing = ready == SAMPLES_PER_FRAME;
            for (sum, sample) in frame.samples.iter_mut().zip(stream.waiting.drain(..ready)) {
                *sum = sum.plus(sample);
            }
            if stream.waiting.len() > MOST {
                stream.trim(CUSHION);
            }
        }
        self.made = Some(now);
        Some(frame)
    }

    /// Who gives the pace now: as long as it does, the one who did.
    fn leader(&mut self, now: MediaTime) -> Option<u32> {
        let fresh = |stream: &Stream| now.saturating_since(stream.arrived) < STALE;
        if !self.lead.and_then(|id| self.streams.get(&id)).is_some_and(fresh) {
            let most = self.streams.iter().filter(|(_, stream)| fresh(stream));
            self.lead = most.max_by_key(|(_, stream)| stream.waiting.len()).map(|(id, _)| *id);
        }
        self.lead
    }
}

fn duration(samples: usize) -> Duration {
    Duration::from_micros(samples as u64 * 1_000_000 / u64::from(SAMPLE_RATE))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program that plays `value` at the left and its negative at the right, in pieces of 20 ms, from `from` ms until `until`.
    struct Program {
        id: u32,
        value: f32,
        from: u64,
        until: u64,
        /// Its pieces come so much after the others', in ms.
        after: u64,
    }

    /// What comes out in `millis`, and when each frame was captured.
    fn play(mix: &mut Mix, programs: &[Program], from: u64, millis: u64) -> Vec<StereoFrame> {
        let mut frames = Vec::new();
        for at in from..from + millis {
            let now = MediaTime::from_micros(1_000_000 + at * 1_000);
            for Program { id, value, from, until, after } in programs {
                let playing = at >= from + 20 + after && at < *until + after;
                if playing && (at - from - after).is_multiple_of(20) {
                    mix.arrived(*id, std::iter::repeat_n([*value, -value], 960), now);
                }
                if at == *until + after {
                    mix.gone(*id);
                }
            }
            while let Some(frame) = mix.next(now) {
                frames.push(frame);
            }
        }
        frames
    }

    fn program(id: u32, value: f32, from: u64, until: u64) -> Program {
        Program { id, value, from, until, after: 0 }
    }

    #[test]
    fn what_plays_at_the_same_time_is_added_up_without_a_gap() {
        let mut mix = Mix::default();
        let late = Program { after: 7, ..program(2, 0.25, 500, 10_000) };
        let frames = play(&mut mix, &[program(1, 0.5, 0, 10_000), late], 0, 3_000);
        assert!(frames.len() >= 296, "{}", frames.len());
        let alone = &frames[..48];
        assert!(alone.iter().all(|frame| frame.samples.iter().all(|both| *both == [0.5, -0.5])));
        let together = &frames[60..];
        assert!(together.iter().all(|frame| frame.samples.iter().all(|both| *both == [0.75, -0.75])));
        for pair in frames[30..].windows(2) {
            let step = pair[1].time.as_micros() as i64 - pair[0].time.as_micros() as i64;
            assert!((step - 10_000).abs() < 1_000, "{step}");
        }
    }

    #[test]
    fn whoever_ends_leaves_the_others_playing() {
        let mut mix = Mix::default();
        let programs = [program(1, 0.5, 0, 1_000), program(2, 0.25, 200, 10_000)];
        let frames = play(&mut mix, &programs, 0, 3_000);
        assert!(frames.len() >= 295, "{}", frames.len());
        assert!(frames[110..].iter().all(|frame| frame.samples.iter().all(|both| *both == [0.25, -0.25])));
    }

    #[test]
    fn while_nothing_plays_nothing_comes_and_the_times_tell_how_long_that_was() {
        let mut mix = Mix::default();
        let frames = play(&mut mix, &[program(1, 0.5, 0, 1_000), program(2, 0.5, 5_000, 6_000)], 0, 7_000);
        let steps: Vec<_> =
            frames.windows(2).map(|pair| pair[1].time.saturating_since(pair[0].time)).collect();
        let long: Vec<_> = steps.iter().filter(|step| **step > Duration::from_millis(50)).collect();
        assert_eq!(long.len(), 1, "{long:?}");
        assert!((3_980..4_080).contains(&(long[0].as_millis() as u64)), "{long:?}");
    }

    #[test]
    fn a_player_that_only_stands_there_sends_nothing_after_a_second() {
        let mut mix = Mix::default();
        let frames = play(&mut mix, &[program(1, 0.0, 0, 60_000)], 0, 20_000);
        assert_eq!(frames.len(), SILENT as usize);
        let mut more = play(&mut mix, &[program(1, 0.5, 20_000, 60_000)], 20_000, 1_000);
        assert!(more.len() >= 95);
        let first = more.remove(0);
        assert!((19_900_000..20_100_000).contains(&(first.time.as_micros() - 1_000_000)), "{:?}", first.time);
    }

    #[test]
    fn after_a_standstill_nothing_is_late() {
        let mut mix = Mix::default();
        play(&mut mix, &[program(1, 0.5, 0, 60_000)], 0, 1_000);
        let now = MediaTime::from_micros(3_000_000);
        mix.arrived(1, std::iter::repeat_n([0.5, -0.5], 48_000), now);
        let mut frames = 0;
        while mix.next(now).is_some() {
            frames += 1;
        }
        assert!(frames <= 2, "{frames} frames of what is old");
    }
}
