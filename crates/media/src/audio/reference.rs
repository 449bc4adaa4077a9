//! What the echo canceller is told to look for: what is played, at the pace of the microphone's clock.

use rubato::WindowFunction;
use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Adjustable, Async, FixedAsync, Resampler, SincInterpolationParameters, SincInterpolationType};

use super::drift::{ClockDrift, DriftEstimator};
use super::frame::{AudioFrame, SAMPLES_PER_FRAME};

/// 64 taps pass sound to 20 kHz and delay it by 0.7 ms, which is less than sound takes from any speaker to a microphone.
const TAPS: usize = 64;
/// Changes below this are noise of the estimate.
const STEP_PPM: f64 = 0.05;

/// So much may wait beyond need. It makes the way of an echo seem shorter, which must not become less than nothing; every
/// speaker's ring holds more.
const SPARE: usize = SAMPLES_PER_FRAME;
/// Captured frames in which it is looked whether more than that waits at all times: 5 s, for devices that take 40 ms at a
/// time slip by a frame only every few seconds.
const SPARE_FRAMES: u32 = 500;
/// Without a microphone nothing is taken: half a second is more than any device hangs.
const MOST: usize = 50 * SAMPLES_PER_FRAME;

/// Stretches what is played by what the clocks differ, and gives a frame of it for each frame that the microphone heard,
/// so that an echo stays where it is. (Devices take sound in lumps. Fed as they do, the canceller begins to search anew
/// whenever two lumps come closer than ever before, which drift brings about.)
pub(super) struct EchoReference {
    estimator: DriftEstimator,
    drift: ClockDrift,
    resampler: Async<f32>,
    output: Vec<f32>,
    /// Stretched, and not taken yet.
    ready: Vec<f32>,
    /// The least that was ready beyond what was taken, in so many frames.
    least: usize,
    frames: u32,
}

impl std::fmt::Debug for EchoReference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EchoReference").field("drift", &self.drift).finish_non_exhaustive()
    }
}

impl EchoReference {
    pub(super) fn new() -> Self {
        let parameters = SincInterpolationParameters {
            sinc_len: TAPS,
            f_cutoff: None,
            oversampling_factor: 128,
            interpolation: SincInterpolationType::Linear,
            window: WindowFunction::BlackmanHarris2,
        };
        let most = ClockDrift::MAX.speed() + 1e-6;
        let resampler = Async::new_sinc(1.0, most, &parameters, SAMPLES_PER_FRAME, 1, FixedAsync::Input)
            .expect("the ratio is 1 and the parameters are constants");
        Self {
            estimator: DriftEstimator::new(),
            drift: ClockDrift::NONE,
            output: vec![0.0; resampler.output_frames_max()],
            resampler,
            ready: Vec::with_capacity(MOST + 2 * SAMPLES_PER_FRAME),
            least: usize::MAX,
            frames: 0,
        }
    }

    /// Another microphone or speaker is used from now on. What was known of their clocks is kept until the new ones' echo
    /// says otherwise: mostly it is the same device, opened anew.
    pub(super) fn devices_changed(&mut self) {
        self.estimator.reset();
        self.ready.clear();
        (self.least, self.frames) = (usize::MAX, 0);
    }

    /// How much faster the speaker's clock is taken to be.
    pub(super) const fn drift(&self) -> ClockDrift {
        self.drift
    }

    /// Takes what is played.
    pub(super) fn played(&mut self, frame: &AudioFrame) {
        self.estimator.played(&frame.samples);
        let produced = self.resample(frame);
        self.ready.extend_from_slice(&self.output[..produced]);
        let excess = self.ready.len().saturating_sub(MOST);
        self.ready.drain(..excess);
    }

    /// Takes what the microphone heard, before anything is done to it, and gives to `each` what belongs to it: mostly one
    /// frame.
    pub(super) fn heard(&mut self, samples: &[f32], mut each: impl FnMut(&[f32])) {
        if let Some(drift) = self.estimator.heard(samples) {
            self.steer(drift);
        }
        self.frames += 1;
        let mut wanted = SAMPLES_PER_FRAME;
        if self.frames >= SPARE_FRAMES {
            let excess = self.least.saturating_sub(SPARE) / SAMPLES_PER_FRAME;
            wanted += excess * SAMPLES_PER_FRAME;
            (self.least, self.frames) = (usize::MAX, 0);
        }
        let wanted = wanted.min(self.ready.len() / SAMPLES_PER_FRAME * SAMPLES_PER_FRAME);
        self.ready[..wanted].chunks_exact(SAMPLES_PER_FRAME).for_each(&mut each);
        self.ready.drain(..wanted);
        self.least = self.least.min(self.ready.len());
    }

    fn steer(&mut self, drift: ClockDrift) {
        if (drift.ppm() - self.drift.ppm()).abs() < STEP_PPM {
            return;
        }
        self.drift = drift;
        // The microphone takes one sample while the speaker plays so many.
        let done = self.resampler.set_resample_ratio(1.0 / drift.speed(), true);
        debug_assert!(done.is_ok(), "the drift is bounded: {done:?}");
    }

    fn resample(&mut self, frame: &AudioFrame) -> usize {
        let room = self.output.len();
        let input = InterleavedSlice::new(&frame.samples, 1, SAMPLES_PER_FRAME);
        let output = InterleavedSlice::new_mut(&mut self.output, 1, room);
        let (Ok(input), Ok(mut output)) = (input, output) else { return 0 };
        match self.resampler.process_into_buffer(&input, &mut output, None) {
            Ok((_, produced)) => produced,
            Err(error) => {
                debug_assert!(false, "buffers are as large as the resampler asked: {error}");
                0
            }
        }
    }
}
