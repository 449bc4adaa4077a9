use hound::WavReader;
use tincan_media::MediaTime;

use super::*;

fn clock() -> MediaClock {
    MediaClock::new(Instant::now())
}

fn crossings(samples: &[f32]) -> usize {
    samples.windows(2).filter(|pair| pair[0] <= 0.0 && pair[1] > 0.0).count()
}

/// A file of this test alone, removed at its end.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("tincan-{}-{name}", std::process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn write_tone(path: &Path, spec: WavSpec, seconds: f32) {
    let mut writer = WavWriter::create(path, spec).unwrap();
    for n in 0..(spec.sample_rate as f32 * seconds) as u32 {
        let value = 0.5 * (n as f32 * TAU * 400.0 / spec.sample_rate as f32).sin();
        for _ in 0..spec.channels {
            match spec.sample_format {
                SampleFormat::Float => writer.write_sample(value).unwrap(),
                SampleFormat::Int => {
                    let full = (1u64 << (spec.bits_per_sample - 1)) as f32 - 1.0;
                    writer.write_sample((value * full) as i32).unwrap();
                }
            }
        }
    }
    writer.finalize().unwrap();
}

#[test]
fn the_tone_keeps_the_clocks_pace_and_its_pitch() {
    let mut tone = Tone::new(1_000, clock());
    let start = tone.pace.start;
    assert!(tone.read_at(start + Duration::from_millis(9)).is_none());
    let mut samples = Vec::new();
    let mut times = Vec::new();
    for millis in (0..1_000).step_by(5) {
        while let Some(frame) = tone.read_at(start + Duration::from_millis(millis)) {
            times.push(frame.time.as_micros());
            samples.extend(frame.samples);
        }
    }
    assert_eq!(times.len(), 99);
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] == 10_000));
    assert!(crossings(&samples).abs_diff(990) <= 1);
    let rms = (samples.iter().map(|s| s * s).sum::<f32>() / samples.len() as f32).sqrt();
    assert!((20.0 * rms.log10() + 20.0).abs() < 0.2, "{rms}");
}

#[test]
fn after_a_long_stop_the_tone_goes_on_from_now() {
    let mut tone = Tone::new(440, clock());
    let late = tone.pace.start + Duration::from_secs(60);
    let burst = std::iter::from_fn(|| tone.read_at(late)).count();
    assert_eq!(burst, 1);
    assert!(tone.read_at(late + Duration::from_millis(10)).is_some());
}

#[test]
fn a_wav_file_of_any_kind_loops_without_end() {
    for (name, channels, sample_rate, bits_per_sample, sample_format) in [
        ("a.wav", 1, 48_000, 16, SampleFormat::Int),
        ("b.wav", 2, 44_100, 24, SampleFormat::Int),
        ("c.wav", 1, 8_000, 8, SampleFormat::Int),
        ("d.wav", 6, 96_000, 32, SampleFormat::Float),
    ] {
        let file = Scratch::new(name);
        write_tone(&file.0, WavSpec { channels, sample_rate, bits_per_sample, sample_format }, 0.3);
        let mut source = WavLoop::open(&file.0, clock()).unwrap();
        let start = source.pace.start;
        let mut samples = Vec::new();
        for millis in (0..2_000).step_by(10) {
            if let Some(frame) = source.read_at(start + Duration::from_millis(millis)).unwrap() {
                samples.extend(frame.samples);
            }
        }
        assert_eq!(samples.len(), 199 * SAMPLES_PER_FRAME, "{name}");
        // Without the first frame, in which a resampler's filter swings in around zero.
        let crossings = crossings(&samples[SAMPLES_PER_FRAME..]);
        assert!(crossings.abs_diff(792) <= 1, "{name}: {crossings}");
        let peak = samples.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
        assert!((0.45..0.6).contains(&peak), "{name}: {peak}");
    }
}

#[test]
fn a_file_that_is_no_wav_file_is_refused_with_a_reason() {
    let file = Scratch::new("e.wav");
    std::fs::write(&file.0, b"not a wav file at all").unwrap();
    let error = WavLoop::open(&file.0, clock()).err().unwrap();
    assert_eq!(error.code(), "source_file");
    assert!(error.to_string().contains("no WAV file"), "{error}");
    let missing = WavLoop::open(Path::new("/nowhere/at/all.wav"), clock()).err().unwrap();
    assert!(missing.to_string().contains("No such file"), "{missing}");
}

#[test]
fn a_speaker_twin_wants_a_frame_every_10_ms_and_20_ms_ahead() {
    let mut pace = Pace::new(Instant::now());
    let start = pace.start;
    let mut written = 0;
    for millis in 0..=1_000 {
        let wanted = pace.wanted(start + Duration::from_millis(millis));
        assert!(wanted <= 2);
        pace.frames += wanted as u64;
        written += wanted;
    }
    assert_eq!(written, 102);
    assert_eq!(pace.waiting(start + Duration::from_millis(1_000)), Duration::from_millis(20));
    assert_eq!(pace.wanted(start + Duration::from_secs(60)), 2, "no burst after a long stop");
}

#[test]
fn a_recording_can_be_read_while_it_is_still_open() {
    let file = Scratch::new("f.wav");
    let mut recorder = WavRecorder::create(&file.0).unwrap();
    let mut frame = StereoFrame::silence(MediaTime::ZERO);
    frame.samples.fill([0.25, -0.25]);
    for _ in 0..120 {
        recorder.write(&frame);
    }
    assert!(recorder.wanted().is_ok());
    // What a killed program leaves: no destructor has run.
    let reader = WavReader::open(&file.0).unwrap();
    assert_eq!(reader.duration(), 100 * SAMPLES_PER_FRAME as u32);
    assert_eq!(reader.spec().sample_rate, 48_000);
    drop(recorder);
    assert_eq!(WavReader::open(&file.0).unwrap().duration(), 120 * SAMPLES_PER_FRAME as u32);
}

#[test]
fn a_recording_into_nowhere_is_refused() {
    let error = WavRecorder::create(Path::new("/nowhere/at/all.wav")).err().unwrap();
    assert_eq!(error.code(), "source_file");
}
