//! How much faster the speaker's clock runs than the microphone's, learnt from the echo itself.
//!
//! What one device counts in an hour the other counts with some hundreds of samples more or less. Counting callbacks
//! tells this too, but only after a minute, for they come in lumps of 10 ms and more; and where a sound server resamples,
//! the devices are not the ones whose callbacks are counted. The echo tells it within seconds. Samples are counted on
//! both sides, so it does not matter when anything is called.
//!
//! In window `k` the room's answer and the delay make the cross-spectrum `H(f)·exp(-j2πf·delay[k])` of what was heard
//! and what was played. Two windows have the room in common, so their quotient's phase is a straight line through zero
//! whose slope is by how much the delay grew between them, however many reflections there are. The line's slopes are
//! averaged over all pairs of windows that lie equally far apart: near pairs say roughly what the drift is and cannot
//! be mistaken by a period, far ones say it exactly (as multi-lag estimators of a Doppler frequency do; Knapp and
//! Carter, "The generalized correlation method for estimation of time delay", 1976, has the weighting). Somebody who
//! speaks at the microphone is noise that averages out, and a step of the delay (lost samples) spoils few pairs only.

use std::collections::VecDeque;
use std::f32::consts::TAU;
use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use super::frame::SAMPLE_RATE;

/// By how much one clock is faster than another.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct ClockDrift(f64);

impl ClockDrift {
    /// Both run alike.
    pub const NONE: Self = Self(0.0);
    /// Twice what the worst quartz of a cheap device was ever seen to be off (500 ppm); beyond it nothing is believed.
    pub const MAX: Self = Self(1_000.0);

    /// Parts in a million.
    pub const fn from_ppm(ppm: f64) -> Self {
        Self(ppm.clamp(-Self::MAX.0, Self::MAX.0))
    }

    /// Parts in a million.
    pub const fn ppm(self) -> f64 {
        self.0
    }

    /// How many times as fast the faster one runs.
    pub const fn speed(self) -> f64 {
        1.0 + self.0 * 1e-6
    }
}

/// A sixth of our rate: speech has its energy below 3.5 kHz, and a phase that turns slowly cannot be mistaken.
const DECIMATION: usize = 6;
const RATE: usize = SAMPLE_RATE as usize / DECIMATION;
/// Taps of the low-pass before: the alias of 4.5 kHz is 60 dB down.
const DECIMATOR_TAPS: usize = 96;
/// 256 ms: most of a small room's answer, and by 500 ppm the delay grows by an eighth of a millisecond in it.
const WINDOW: usize = 2_048;
/// Half a window.
const HOP: usize = WINDOW / 2;
/// How much later than it was written to the speaker the echo of a sound may come: half a second, as far as the
/// canceller itself looks.
const SEARCH: usize = RATE / 2;
/// Of so much of the microphone's sound the delay is looked for.
const SEARCH_WINDOW: usize = 4_096;
/// Twice a second. A wrong delay costs a few windows.
const HOPS_PER_SEARCH: u32 = 4;
/// What a peak of five samples' energy must be above the mean; noise alone reaches it in one of 2,000 searches.
const SEARCH_PEAK: f32 = 10.0;
/// A window's place is moved when the delay is off by 2 ms; less makes no difference in 256.
const MOVE: u64 = RATE as u64 / 500;
/// What is kept of what was played: what is searched, a window, and as much as comes while the microphone hangs.
const KEPT: usize = SEARCH_WINDOW + SEARCH + 2 * RATE;
/// Bins that are compared: 250 Hz to 3.5 kHz. Below rooms and devices rumble, above is the filter's edge.
const FIRST_BIN: usize = 250 * WINDOW / RATE;
const LAST_BIN: usize = 3_500 * WINDOW / RATE;
const BINS: usize = LAST_BIN - FIRST_BIN;
/// How many hops lie between the windows of a pair. Two is the least, where windows have no sample in common; each
/// next one is twice as far, so that the one before is always exact enough to find the period.
const LAGS: [usize; 5] = [2, 4, 8, 16, 32];
/// After so many hops a pair counts for a third: long enough for a pause, and another device is noticed soon. More for
/// far pairs, which come late.
const MEMORY: [f32; 5] = [60.0, 60.0, 80.0, 100.0, 140.0];
/// How far above what noise alone would give the pairs' agreement has to be, in standard deviations.
const AGREEMENT: f32 = 8.0;
/// Neighbouring bins of a Hann window and overlapping windows are not independent: the noise's variance counts so often.
const DEPENDENCE: f32 = 3.0;
/// What is less exact is not told.
const MAX_ERROR_PPM: f32 = 40.0;

/// Listens to what is played and what is heard, and says how the two clocks drift apart.
pub(super) struct DriftEstimator {
    played: Decimated,
    heard: Decimated,
    spectrum: Spectrum,
    search: Search,
    hops: u32,
    /// A played sample's index less that of the heard sample that it is compared with.
    offset: Option<i64>,
    /// Where another search saw the echo: two have to agree before a window is moved.
    other_offset: Option<i64>,
    /// The newest last; `None` where nothing could be compared.
    windows: VecDeque<Option<Vec<Complex32>>>,
    pairs: [Pairs; LAGS.len()],
    drift: Option<ClockDrift>,
}

impl DriftEstimator {
    pub(super) fn new() -> Self {
        let mut planner = RealFftPlanner::new();
        Self {
            played: Decimated::new(),
            heard: Decimated::new(),
            spectrum: Spectrum::new(&mut planner),
            search: Search::new(&mut planner),
            hops: 0,
            offset: None,
            other_offset: None,
            windows: VecDeque::new(),
            pairs: std::array::from_fn(|index| Pairs::new(LAGS[index], MEMORY[index])),
            drift: None,
        }
    }

    /// Forgets everything: one of the devices is another one.
    pub(super) fn reset(&mut self) {
        self.played.clear();
        self.heard.clear();
        self.offset = None;
        self.other_offset = None;
        self.windows.clear();
        self.pairs.iter_mut().for_each(Pairs::clear);
        self.drift = None;
    }

    /// Takes note of what goes to the speaker, every sample of it, at 48 kHz.
    pub(super) fn played(&mut self, samples: &[f32]) {
        self.played.push(samples);
    }

    /// Takes note of what the microphone heard, untouched: every sample of it, at 48 kHz. How much faster the speaker's
    /// clock is, as soon as the echo has told it, and while it does.
    pub(super) fn heard(&mut self, samples: &[f32]) -> Option<ClockDrift> {
        let before = self.heard.end() / HOP as u64;
        self.heard.push(samples);
        if self.heard.end() / HOP as u64 != before {
            self.hop();
        }
        self.drift
    }

    /// Half a window more was heard.
    fn hop(&mut self) {
        self.hops += 1;
        if self.hops.is_multiple_of(HOPS_PER_SEARCH) {
            self.look_for_echo();
        }
        let window = self.window();
        self.windows.push_back(window);
        let longest = LAGS[LAGS.len() - 1];
        if self.windows.len() > longest + 1 {
            self.windows.pop_front();
        }
        let newest = self.windows.len() - 1;
        for pairs in &mut self.pairs {
            let earlier = newest.checked_sub(pairs.lag).and_then(|index| self.windows[index].as_deref());
            pairs.add(self.windows[newest].as_deref().zip(earlier));
        }
        self.drift = estimate(&self.pairs);
    }

    /// Finds the echo's delay, roughly.
    fn look_for_echo(&mut self) {
        let (played_end, heard_end) = (self.played.end(), self.heard.end());
        let Some(played) = played_end
            .checked_sub((SEARCH_WINDOW + SEARCH) as u64)
            .and_then(|start| self.played.slice(start, SEARCH_WINDOW + SEARCH))
        else {
            return;
        };
        let Some(heard) = heard_end
            .checked_sub(SEARCH_WINDOW as u64)
            .and_then(|start| self.heard.slice(start, SEARCH_WINDOW))
        else {
            return;
        };
        let Some(delay) = self.search.delay(played, heard) else { return };
        let found = played_end as i64 - heard_end as i64 - delay as i64;
        let near = |offset: Option<i64>| offset.is_some_and(|offset| offset.abs_diff(found) < MOVE);
        if self.offset.is_none() || near(self.other_offset) && !near(self.offset) {
            self.offset = Some(found);
        }
        self.other_offset = Some(found);
    }

    /// What the newest window says, as if nothing had been moved: see [`Spectrum::compare`].
    fn window(&mut self) -> Option<Vec<Complex32>> {
        let hops = self.heard.end() / HOP as u64;
        let start = (hops * HOP as u64).checked_sub(WINDOW as u64)?;
        let offset = self.offset?;
        let played_start = u64::try_from(start as i64 + offset).ok()?;
        let played = self.played.slice(played_start, WINDOW)?;
        let heard = self.heard.slice(start, WINDOW)?;
        self.spectrum.compare(played, heard, offset)
    }
}

/// The drift that the farthest pairs tell that agree with each other. Each distance begins where the one before it left.
fn estimate(pairs: &[Pairs]) -> Option<ClockDrift> {
    let mut known: Option<f32> = None;
    let mut best = None;
    for pairs in pairs {
        let samples = (pairs.lag * HOP) as f32;
        let begin = known.map_or_else(|| pairs.roughly(), |ppm| ppm * 1e-6 * samples);
        let Some((growth, error)) = pairs.growth(begin) else { break };
        let ppm = growth / samples * 1e6;
        if f64::from(ppm.abs()) > ClockDrift::MAX.ppm() {
            break;
        }
        known = Some(ppm);
        if error / samples * 1e6 < MAX_ERROR_PPM {
            best = Some(ClockDrift::from_ppm(f64::from(ppm)));
        }
    }
    best
}

/// All pairs of windows that lie `lag` hops apart, added up, with the older ones fading.
struct Pairs {
    lag: usize,
    keep: f32,
    /// One window times the other's conjugate, by bin: its phase is 2π times the bin times the growth of the delay.
    sum: Vec<Complex32>,
    /// Of the summands' absolute squares.
    squares: f32,
}

impl Pairs {
    fn new(lag: usize, memory: f32) -> Self {
        Self { lag, keep: 1.0 - 1.0 / memory, sum: vec![Complex32::ZERO; BINS], squares: 0.0 }
    }

    fn clear(&mut self) {
        self.sum.fill(Complex32::ZERO);
        self.squares = 0.0;
    }

    /// A pause makes what is known no older: there is nothing newer.
    fn add(&mut self, pair: Option<(&[Complex32], &[Complex32])>) {
        let Some((later, earlier)) = pair else { return };
        self.squares *= self.keep * self.keep;
        for ((sum, later), earlier) in self.sum.iter_mut().zip(later).zip(earlier) {
            let product = later * earlier.conj();
            *sum = *sum * self.keep + product;
            self.squares += product.norm_sqr();
        }
    }

    /// The growth with the best agreement, looked for in small steps.
    fn roughly(&self) -> f32 {
        let most = ClockDrift::MAX.ppm() as f32 * 1e-6 * (self.lag * HOP) as f32;
        // A fifth of the shortest period that is compared.
        let step = RATE as f32 / 3_500.0 / 5.0;
        let steps = (most / step).ceil() as i32;
        (-steps..=steps)
            .map(|n| n as f32 * step)
            .map(|growth| (growth, self.turned(growth).agreement))
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .map_or(0.0, |(growth, _)| growth)
    }

    /// By how many samples the delay grew between the windows, and the standard deviation of that, beginning with a
    /// guess; nothing when the pairs do not agree.
    fn growth(&self, begin: f32) -> Option<(f32, f32)> {
        let mut growth = begin;
        // Newton's way to the maximum; it stands still after two steps.
        for _ in 0..3 {
            let turned = self.turned(growth);
            if turned.curvature <= 0.0 {
                return None;
            }
            growth += turned.slope / turned.curvature;
        }
        let turned = self.turned(growth);
        let noise = (self.squares * 0.5 * DEPENDENCE).sqrt();
        if turned.curvature <= 0.0 || turned.agreement < AGREEMENT * noise {
            return None;
        }
        // The slope's noise is the agreement's, times the bins' mean frequency; the error is that over the curvature.
        let frequency = (turned.curvature / turned.agreement).sqrt();
        Some((growth, noise * frequency / turned.curvature))
    }

    /// The sum's agreement with a growth, and how that changes with it.
    fn turned(&self, growth: f32) -> Turned {
        let step = TAU / WINDOW as f32;
        let turn = Complex32::from_polar(1.0, -step * growth);
        let mut phase = Complex32::from_polar(1.0, -step * FIRST_BIN as f32 * growth);
        let mut turned = Turned { agreement: 0.0, slope: 0.0, curvature: 0.0 };
        for (index, sum) in self.sum.iter().enumerate() {
            let frequency = step * (FIRST_BIN + index) as f32;
            let value = sum * phase;
            turned.agreement += value.re;
            turned.slope += frequency * value.im;
            turned.curvature += frequency * frequency * value.re;
            phase *= turn;
        }
        turned
    }
}

struct Turned {
    agreement: f32,
    slope: f32,
    curvature: f32,
}

/// Spectra of windows.
struct Spectrum {
    forward: Arc<dyn RealToComplex<f32>>,
    hann: Vec<f32>,
    buffer: Vec<f32>,
    played: Vec<Complex32>,
    heard: Vec<Complex32>,
}

impl Spectrum {
    fn new(planner: &mut RealFftPlanner<f32>) -> Self {
        let forward = planner.plan_fft_forward(WINDOW);
        let hann = (0..WINDOW).map(|n| 0.5 - 0.5 * (TAU * n as f32 / WINDOW as f32).cos()).collect();
        Self {
            hann,
            buffer: forward.make_input_vec(),
            played: forward.make_output_vec(),
            heard: forward.make_output_vec(),
            forward,
        }
    }

    /// By bin: the phase of what was heard against what was played `offset` samples away, as it would be without the
    /// offset; nothing in silence. How loud the microphone heard it does not count, so that whoever speaks near it does
    /// not either, and loud and quiet syllables of what was played differ by a half as many decibels.
    fn compare(&mut self, played: &[f32], heard: &[f32], offset: i64) -> Option<Vec<Complex32>> {
        self.transform(played, false);
        self.transform(heard, true);
        let turn_by = |bin: usize| {
            // Whole turns are taken off before anything is rounded.
            let turns = (bin as i64 * offset.rem_euclid(WINDOW as i64)).rem_euclid(WINDOW as i64);
            Complex32::from_polar(1.0, TAU * turns as f32 / WINDOW as f32)
        };
        let mut any = false;
        let window = (FIRST_BIN..LAST_BIN)
            .map(|bin| {
                let (played, heard) = (self.played[bin], self.heard[bin]);
                let (of_played, of_heard) = (played.norm(), heard.norm());
                if of_played <= f32::EPSILON || of_heard <= f32::EPSILON {
                    return Complex32::ZERO;
                }
                any = true;
                heard * played.conj() * turn_by(bin) / (of_heard * of_played.sqrt())
            })
            .collect();
        any.then_some(window)
    }

    fn transform(&mut self, samples: &[f32], heard: bool) {
        for ((slot, sample), weight) in self.buffer.iter_mut().zip(samples).zip(&self.hann) {
            *slot = sample * weight;
        }
        let output = if heard { &mut self.heard } else { &mut self.played };
        let done = self.forward.process(&mut self.buffer, output);
        debug_assert!(done.is_ok(), "both buffers are the transform's own: {done:?}");
    }
}

/// The delay between two stretches of sound.
struct Search {
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    buffer: Vec<f32>,
    played: Vec<Complex32>,
    heard: Vec<Complex32>,
}

/// What is searched and what is searched for, so that nothing wraps around within [`SEARCH`].
const SEARCH_SIZE: usize = 2 * SEARCH_WINDOW;
const _: () = assert!(SEARCH <= SEARCH_WINDOW);

impl Search {
    fn new(planner: &mut RealFftPlanner<f32>) -> Self {
        let forward = planner.plan_fft_forward(SEARCH_SIZE);
        Self {
            buffer: forward.make_input_vec(),
            played: forward.make_output_vec(),
            heard: forward.make_output_vec(),
            inverse: planner.plan_fft_inverse(SEARCH_SIZE),
            forward,
        }
    }

    /// By how many samples `heard` is behind `played`, both of which end now. Only phases count (PHAT, of Knapp and
    /// Carter), for a voice's periods would be peaks of their own.
    fn delay(&mut self, played: &[f32], heard: &[f32]) -> Option<usize> {
        self.buffer.fill(0.0);
        self.buffer[SEARCH_SIZE - played.len()..].copy_from_slice(played);
        self.forward.process(&mut self.buffer, &mut self.played).ok()?;
        self.buffer.fill(0.0);
        self.buffer[SEARCH_SIZE - heard.len()..].copy_from_slice(heard);
        self.forward.process(&mut self.buffer, &mut self.heard).ok()?;
        let bins = FIRST_BIN * SEARCH_SIZE / WINDOW..LAST_BIN * SEARCH_SIZE / WINDOW;
        for (bin, (heard, played)) in self.heard.iter_mut().zip(&self.played).enumerate() {
            let cross = *heard * played.conj();
            let size = cross.norm();
            *heard = if bins.contains(&bin) && size > f32::EPSILON { cross / size } else { Complex32::ZERO };
        }
        self.inverse.process(&mut self.heard, &mut self.buffer).ok()?;
        let energy =
            |delay: usize| self.buffer[delay..delay + 5].iter().map(|value| value * value).sum::<f32>();
        let mean = self.buffer[..SEARCH].iter().map(|value| value * value).sum::<f32>() * 5.0 / SEARCH as f32;
        let (delay, peak) =
            (0..SEARCH - 5).map(|delay| (delay, energy(delay))).max_by(|a, b| a.1.total_cmp(&b.1))?;
        (peak > SEARCH_PEAK * mean).then_some(delay + 2)
    }
}

/// The last few seconds of a sound at 8 kHz, each sample with its number.
struct Decimated {
    taps: [f32; DECIMATOR_TAPS],
    /// At 48 kHz: what the filter still needs.
    waiting: Vec<f32>,
    kept: Vec<f32>,
    /// The number of the first that is kept.
    start: u64,
}

impl Decimated {
    fn new() -> Self {
        let middle = (DECIMATOR_TAPS - 1) as f32 / 2.0;
        let mut taps = std::array::from_fn(|n| {
            let at = n as f32 - middle;
            // A Hann-windowed sinc with its edge at 3.75 kHz. `at` is never 0: the number of taps is even.
            let angle = TAU * 3_750.0 / SAMPLE_RATE as f32 * at;
            angle.sin() / angle * (0.5 - 0.5 * (TAU * (n as f32 + 0.5) / DECIMATOR_TAPS as f32).cos())
        });
        let sum: f32 = taps.iter().sum();
        taps.iter_mut().for_each(|tap| *tap /= sum);
        Self { taps, waiting: Vec::new(), kept: Vec::with_capacity(2 * KEPT), start: 0 }
    }

    fn clear(&mut self) {
        self.waiting.clear();
        self.kept.clear();
        self.start = 0;
    }

    /// The number of the next sample.
    fn end(&self) -> u64 {
        self.start + self.kept.len() as u64
    }

    fn push(&mut self, samples: &[f32]) {
        self.waiting.extend_from_slice(samples);
        let mut used = 0;
        while let Some(piece) = self.waiting.get(used..used + DECIMATOR_TAPS) {
            self.kept.push(piece.iter().zip(&self.taps).map(|(sample, tap)| sample * tap).sum());
            used += DECIMATION;
        }
        self.waiting.drain(..used);
        // By halves, so that samples are moved rarely.
        if self.kept.len() >= 2 * KEPT {
            self.start += (self.kept.len() - KEPT) as u64;
            self.kept.drain(..self.kept.len() - KEPT);
        }
    }

    /// `length` samples from number `start` on, if all of them are there.
    fn slice(&self, start: u64, length: usize) -> Option<&[f32]> {
        let first = usize::try_from(start.checked_sub(self.start)?).ok()?;
        self.kept.get(first..first + length)
    }
}
