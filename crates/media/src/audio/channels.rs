//! From a microphone's channels to one.
//!
//! Averaging is right only for copies of one signal: a stereo microphone whose halves are of opposite phase becomes
//! silence, and one live channel among eight loses 18 dB. So one channel is chosen, the one in which somebody speaks, and
//! it stays chosen while no other is clearly better (libwebrtc's AEC3 chooses between microphones alike, in
//! `AlignmentMixer`).

use std::f32::consts::FRAC_PI_2;

use super::meter::dbfs;

/// Levels are compared for 10 ms at a time: two periods of the deepest voice.
const BLOCKS_PER_SECOND: u32 = 100;
/// Smoothing of a channel's power for each block: -63% in 30 ms, so that two blocks of a vowel count and a click does not.
const POWER_SMOOTHING: f32 = 0.3;
/// Below this nothing is connected: the noise of the best converters lies at -110 dBFS.
const DEAD_POWER: f32 = 1e-11;
/// Where a channel's noise is taken to be until it is known: low, so that a quiet voice counts from its first syllable.
const INITIAL_NOISE_DBFS: f32 = -70.0;
/// A steady sound becomes noise at this pace, as in [`VoiceDetector`](super::VoiceDetector).
const NOISE_RISE_DB_PER_BLOCK: f32 = 3.0 / BLOCKS_PER_SECOND as f32;
/// The noise is followed down quickly, but not in one step: a dropout says nothing of the room.
const NOISE_FALL: f32 = 0.1;
const NOISE_FLOOR_DBFS: f32 = -90.0;
/// So far above its noise a channel carries more than noise.
const ACTIVE_OVER_NOISE_DB: f32 = 6.0;
/// 6 dB: so much stronger a channel must be to be worth a change; two good microphones before one mouth differ by less.
const BETTER: f32 = 4.0;
/// 12 dB: there the other one hears somebody else, and 30 ms of that are enough.
const MUCH_BETTER: f32 = 16.0;
const BLOCKS_IF_MUCH_BETTER: u32 = 3;
const BLOCKS_IF_BETTER: u32 = 20;
/// What was better is forgotten in a pause too, but more slowly than while somebody speaks: pauses are as long as syllables
/// and say nothing of the microphones. A click now and then must not add up.
const QUIET_BLOCKS_TO_FORGET: u32 = 4;

/// Chooses the channel of a microphone, or of a file, that is heard.
#[derive(Debug)]
pub struct ChannelSelector {
    channels: Vec<Channel>,
    /// Frames in a block; also how long a change takes, so that it does not click.
    block: usize,
    /// Frames of this block so far.
    filled: usize,
    current: usize,
    /// The channel that fades out, and how many of its frames have done so.
    fading: Option<(usize, usize)>,
}

#[derive(Debug, Clone, Copy)]
struct Channel {
    /// Squares of this block's samples.
    sum: f32,
    power: f32,
    noise_dbfs: f32,
    /// Whether there was more in the last block than noise.
    active: bool,
    /// Blocks in which it was better than the chosen one, less those in which it was not.
    evidence: u32,
    /// Blocks in a row in which neither had more than noise.
    quiet: u32,
}

impl Channel {
    const fn new() -> Self {
        Self { sum: 0.0, power: 0.0, noise_dbfs: INITIAL_NOISE_DBFS, active: false, evidence: 0, quiet: 0 }
    }

    /// Takes in the block's power.
    fn update(&mut self, frames: usize) {
        let power = std::mem::take(&mut self.sum) / frames as f32;
        self.power += (power - self.power) * POWER_SMOOTHING;
        let level = dbfs(power.sqrt());
        if level < self.noise_dbfs {
            self.noise_dbfs += (level.max(NOISE_FLOOR_DBFS) - self.noise_dbfs) * NOISE_FALL;
        } else {
            self.noise_dbfs = (self.noise_dbfs + NOISE_RISE_DB_PER_BLOCK).min(level);
        }
        self.active = level > self.noise_dbfs + ACTIVE_OVER_NOISE_DB;
    }

    const fn is_dead(&self) -> bool {
        self.power < DEAD_POWER
    }
}

impl ChannelSelector {
    /// For interleaved sound of `channels` (at least one) at `rate` frames a second. The first channel is heard until
    /// another one is better.
    pub fn new(channels: usize, rate: u32) -> Self {
        Self {
            channels: vec![Channel::new(); channels.max(1)],
            block: (rate / BLOCKS_PER_SECOND).max(1) as usize,
            filled: 0,
            current: 0,
            fading: None,
        }
    }

    /// Appends one sample for each whole frame in `interleaved` to `out`. What is not a number is silence.
    pub fn process(&mut self, interleaved: &[f32], out: &mut Vec<f32>) {
        for frame in interleaved.chunks_exact(self.channels.len()) {
            let sample = |channel: usize| if frame[channel].is_finite() { frame[channel] } else { 0.0 };
            let chosen = sample(self.current);
            out.push(match &mut self.fading {
                Some((from, done)) => {
                    *done += 1;
                    let share = *done as f32 / self.block as f32;
                    let mixed = if share < 1.0 { fade(sample(*from), chosen, share) } else { chosen };
                    if *done >= self.block {
                        self.fading = None;
                    }
                    mixed
                }
                None => chosen,
            });
            if self.channels.len() > 1 {
                for (index, channel) in self.channels.iter_mut().enumerate() {
                    channel.sum += sample(index) * sample(index);
                }
                self.filled += 1;
                if self.filled == self.block {
                    self.filled = 0;
                    self.judge();
                }
            }
        }
    }

    /// At the end of a block: is another channel better by now?
    fn judge(&mut self) {
        let block = self.block;
        self.channels.iter_mut().for_each(|channel| channel.update(block));
        let Channel { power, active, .. } = self.channels[self.current];
        let dead = self.channels[self.current].is_dead();
        let mut best: Option<(usize, f32)> = None;
        for (index, channel) in self.channels.iter_mut().enumerate() {
            let stronger = channel.power > BETTER * power;
            let better = channel.active && (stronger || !active) || dead && !channel.is_dead();
            channel.quiet = if channel.active || active { 0 } else { channel.quiet + 1 };
            if index == self.current || !better {
                if channel.quiet.is_multiple_of(QUIET_BLOCKS_TO_FORGET) {
                    channel.evidence = channel.evidence.saturating_sub(1);
                }
                continue;
            }
            channel.evidence += 1;
            let much = channel.power > MUCH_BETTER * power;
            let enough = if much { BLOCKS_IF_MUCH_BETTER } else { BLOCKS_IF_BETTER };
            if channel.evidence >= enough && best.is_none_or(|(_, power)| channel.power > power) {
                best = Some((index, channel.power));
            }
        }
        let Some((index, _)) = best else { return };
        self.fading = Some((self.current, 0));
        self.current = index;
        self.channels.iter_mut().for_each(|channel| channel.evidence = 0);
    }
}

/// Of equal power in the middle: two microphones of one room are no copies of each other.
fn fade(from: f32, to: f32, share: f32) -> f32 {
    let angle = share * FRAC_PI_2;
    from * angle.cos() + to * angle.sin()
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use proptest::prelude::*;

    use super::*;

    const RATE: u32 = 48_000;

    /// Syllables: 180 ms of a voice of `hertz`, then 120 ms of pause.
    fn said(n: usize, hertz: f32) -> f32 {
        let seconds = n as f32 / RATE as f32;
        let envelope = (TAU * (seconds % 0.3) / 0.36).sin().max(0.0);
        envelope * 0.3 * (TAU * hertz * seconds).sin()
    }

    /// What comes of `seconds` of what `channel` says: sample `n` of channel `c`.
    fn mix(channels: usize, seconds: f32, channel: impl Fn(usize, usize) -> f32) -> Vec<f32> {
        let frames = (RATE as f32 * seconds) as usize;
        let mut selector = ChannelSelector::new(channels, RATE);
        let mut out = Vec::new();
        let mut piece = Vec::new();
        for n in 0..frames {
            piece.extend((0..channels).map(|c| channel(n, c)));
            // Pieces as devices deliver them.
            if n % 317 == 0 || n + 1 == frames {
                selector.process(&piece, &mut out);
                piece.clear();
            }
        }
        assert_eq!(out.len(), frames);
        out
    }

    fn rms(samples: &[f32]) -> f32 {
        (samples.iter().map(|s| s * s).sum::<f32>() / samples.len() as f32).sqrt()
    }

    fn largest_step(samples: &[f32]) -> f32 {
        samples.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn stereo_of_opposite_phase_keeps_its_level() {
        let voice = |n| said(n, 200.0);
        let out = mix(2, 3.0, |n, c| if c == 0 { voice(n) } else { -voice(n) });
        let whole: Vec<f32> = (0..out.len()).map(voice).collect();
        assert!((rms(&out) / rms(&whole) - 1.0).abs() < 0.01);
    }

    #[test]
    fn one_live_channel_of_eight_is_heard_in_full_from_its_first_syllable() {
        for live in 0..8 {
            let out = mix(8, 2.0, |n, c| if c == live { said(n, 200.0) } else { 0.0 });
            let whole: Vec<f32> = (0..out.len()).map(|n| said(n, 200.0)).collect();
            assert!(rms(&out[..9_600]) > 0.7 * rms(&whole[..9_600]), "{live}");
            assert!((rms(&out[9_600..]) / rms(&whole[9_600..]) - 1.0).abs() < 0.01, "{live}");
        }
    }

    #[test]
    fn a_hum_on_the_first_channel_does_not_hide_the_voice_on_the_second() {
        let out = mix(2, 20.0, |n, c| {
            if c == 0 { 0.1 * (n as f32 * TAU * 50.0 / RATE as f32).sin() } else { said(n, 400.0) }
        });
        let after = &out[RATE as usize * 15..];
        let whole: Vec<f32> = (0..out.len()).map(|n| said(n, 400.0)).collect();
        let error: Vec<f32> = after.iter().zip(&whole[RATE as usize * 15..]).map(|(a, b)| a - b).collect();
        assert!(rms(&error) < 0.1 * rms(after), "{} of {}", rms(&error), rms(after));
    }

    #[test]
    fn two_people_at_two_microphones_are_both_heard_and_nothing_clicks() {
        // They take turns of two seconds.
        let speaks = |n: usize, c: usize| (n / (2 * RATE as usize)) % 2 == c;
        let voice =
            |n, c| if speaks(n, c) { said(n, 150.0 + 50.0 * c as f32) } else { 0.02 * said(n, 150.0) };
        let out = mix(2, 16.0, voice);
        let whole: Vec<f32> = (0..out.len()).map(|n| said(n, 200.0)).collect();
        assert!(rms(&out) > 0.9 * rms(&whole), "{} of {}", rms(&out), rms(&whole));
        assert!(largest_step(&out) < 1.5 * largest_step(&whole));
    }

    #[test]
    fn a_voice_that_comes_later_to_the_better_microphone_is_heard_there() {
        // 9.4 ms: the other one hears every syllable's beginning first, for three metres.
        let out =
            mix(
                2,
                3.0,
                |n, c| if c == 0 { -0.38 * said(n, 200.0) } else { said(n.saturating_sub(452), 200.0) },
            );
        let second = RATE as usize;
        let whole: Vec<f32> = (second..out.len()).map(|n| said(n - 452, 200.0)).collect();
        assert_eq!(out[second..], whole);
    }

    #[test]
    fn clicks_in_a_pause_do_not_add_up() {
        let click = |n: usize| if n % 12_000 < 480 { 0.2 * (n as f32 * 0.3).sin() } else { 0.0 };
        let hiss = |n: usize| 1e-4 * (n as f32 * 0.9).sin();
        let out = mix(2, 30.0, |n, c| if c == 0 { hiss(n) } else { hiss(n + 7) + click(n) });
        assert!(largest_step(&out) < 0.01, "{}", largest_step(&out));
    }

    #[test]
    fn two_good_microphones_are_not_changed_between() {
        let out = mix(2, 10.0, |n, c| said(n, 200.0) * if (n / 9_600 + c) % 2 == 0 { 1.0 } else { 0.6 });
        let first: Vec<f32> =
            (0..out.len()).map(|n| said(n, 200.0) * if (n / 9_600) % 2 == 0 { 1.0 } else { 0.6 }).collect();
        assert_eq!(out, first);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

        /// However one voice gets into the channels (weaker, delayed, of opposite phase, not at all), and whatever noise
        /// is there: it is heard as loud as in the best channel, and no change clicks.
        #[test]
        fn a_voice_is_heard_as_in_its_best_channel(
            gains in prop::collection::vec((-1.0f32..1.0, 0usize..480, prop::bool::ANY), 1..9),
            best in 0usize..9,
            noise in 0.0f32..0.003,
        ) {
            let best = best % gains.len();
            let gain = |c: usize| match gains[c] {
                _ if c == best => 1.0,
                (_, _, false) => 0.0,
                (gain, _, true) => gain,
            };
            let channel = |n: usize, c: usize| {
                let hiss = noise * (n as f32 * (0.9 + c as f32)).sin();
                gain(c) * said(n.saturating_sub(gains[c].1), 200.0) + hiss
            };
            let out = mix(gains.len(), 3.0, channel);
            let settled = RATE as usize;
            let whole: Vec<f32> = (settled..out.len()).map(|n| channel(n, best)).collect();
            let level = rms(&out[settled..]);
            // A channel that is better by less than 6 dB is not worth a change; noise and delays blur that by one.
            prop_assert!(level > 0.44 * rms(&whole), "{level} of {}", rms(&whole));
            let natural = largest_step(&(0..out.len()).map(|n| said(n, 200.0)).collect::<Vec<_>>());
            prop_assert!(largest_step(&out) < 1.5 * natural + 4.0 * noise + 0.01);
        }
    }
}
