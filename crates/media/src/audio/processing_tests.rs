use super::*;
use crate::time::MediaTime;

const SECOND: usize = SAMPLE_RATE as usize;

/// A burst of a buzzing voice at each second's start.
fn said(at: usize) -> f32 {
    let seconds = at as f32 / SECOND as f32;
    let harmonic = |k: usize| (std::f32::consts::TAU * 140.0 * k as f32 * seconds).sin() / k as f32;
    if seconds % 1.0 < 0.15 { 0.2 * (1..12).map(harmonic).sum::<f32>() } else { 0.0 }
}

fn is_loud(sample: f32) -> bool {
    sample.abs() > 0.05
}

/// How much later than it was said the last of some seconds' bursts comes out, in samples.
fn measured(config: ProcessingConfig) -> usize {
    const SECONDS: usize = 8;
    let mut processor = AudioProcessor::new(config);
    let mut heard = Vec::with_capacity(SECONDS * SECOND);
    while heard.len() < SECONDS * SECOND {
        let mut frame = AudioFrame::silence(MediaTime::ZERO);
        for (index, sample) in frame.samples.iter_mut().enumerate() {
            *sample = said(heard.len() + index);
        }
        processor.process_render(&AudioFrame::silence(MediaTime::ZERO));
        processor.process_capture(&mut frame, Duration::from_millis(50));
        heard.extend_from_slice(&frame.samples);
    }
    let last = (SECONDS - 1) * SECOND;
    let begins = (0..SECOND).position(|at| is_loud(said(last + at))).unwrap();
    heard[last..].iter().position(|&sample| is_loud(sample)).unwrap() - begins
}

#[test]
fn the_delay_is_what_it_says() {
    for bits in 0..8 {
        let [echo_cancellation, noise_suppression, automatic_gain] = [1, 2, 4].map(|bit| bits & bit != 0);
        let config = ProcessingConfig { echo_cancellation, noise_suppression, automatic_gain };
        let said = AudioProcessor::new(config).delay().as_secs_f64() * 1e3;
        let measured = measured(config) as f64 * 1e3 / SECOND as f64;
        assert!((said - measured).abs() < 0.5, "{config:?}: {measured:.2} ms, not {said}");
    }
}
