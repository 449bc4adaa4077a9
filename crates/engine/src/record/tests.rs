//! A recording as another program sees it: ffprobe, where it is installed.

use std::process::Command;

use tincan_codec::{H264Decoder, H264Encoder, OpusEncoder};
use tincan_media::audio::{AudioFrame, SAMPLES_PER_FRAME};
use tincan_media::ports::{AudioEncoder, VideoDecoder, VideoEncoder};
use tincan_media::video::{Resolution, TestPattern};
use tincan_media::{Bitrate, MediaTime};

use super::*;

const SMALL: Resolution = Resolution::new(320, 180);
const SMALLER: Resolution = Resolution::new(160, 90);

/// A test is faster than a call: it must not overrun the queue.
fn record(path: &Path) -> Recorder {
    Recorder::with_queue(path, 10_000).unwrap()
}

/// Feeds the recorder what a call of `seconds` brings: pictures from `camera_from` on, smaller ones in the
/// second half, and a tone with half a second missing.
fn feed(recorder: &Recorder, seconds: u64, camera_from: u64) {
    let began = 1_234_567;
    let mut video = H264Encoder::new(Bitrate::kbps(300), 25.0);
    let mut audio = OpusEncoder::new().unwrap();
    for n in 0..seconds * 50 {
        let time = MediaTime::from_micros(began + n * 20_000);
        if n % 2 == 0 && n >= camera_from * 50 {
            let size = if n < seconds * 25 { SMALL } else { SMALLER };
            let picture = TestPattern::new(size).draw(n as u32, time);
            if let Some(unit) = video.encode(&picture, false).unwrap() {
                recorder.video(Arc::new(unit));
            }
        }
        let block = |at: u64| {
            let mut frame = AudioFrame::silence(time);
            for (index, sample) in frame.samples.iter_mut().enumerate() {
                let t = (at * SAMPLES_PER_FRAME as u64 + index as u64) as f32 / 48_000.0;
                *sample = (t * 440.0 * std::f32::consts::TAU).sin() * 0.3;
            }
            frame
        };
        let packet = audio.encode(&block(2 * n), &block(2 * n + 1)).unwrap();
        if !(60..85).contains(&n) {
            recorder.audio(Arc::new(EncodedAudio { time, captured: time, ..packet }));
        }
    }
}

/// What ffprobe says of a stream, by name; `None` without ffprobe.
fn probe(path: &Path, stream: &str) -> Option<std::collections::BTreeMap<String, String>> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-count_packets", "-select_streams", stream, "-show_entries"])
        .args([
            "stream=codec_name,nb_read_packets,width,height,sample_rate,channels:format=duration",
            "-of",
            "flat",
        ])
        .arg(path)
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let entry = |line: &str| {
        let (key, value) = line.split_once('=')?;
        Some((key.rsplit('.').next()?.to_owned(), value.trim_matches('"').to_owned()))
    };
    Some(text.lines().filter_map(entry).collect())
}

/// Decodes all of it; what ffmpeg complains about is a broken file.
fn plays(path: &Path) {
    if let Ok(output) =
        Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(path).args(["-f", "null", "-"]).output()
    {
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{}", path.display());
    }
}

#[test]
fn a_recording_plays_elsewhere_with_sound_and_pictures_in_step() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.mp4");
    let recorder = record(&path);
    feed(&recorder, 6, 0);
    let recorded = recorder.finish().unwrap();
    assert_eq!((recorded.packets, recorded.dropped), (275, 0));
    assert!((5.9..6.1).contains(&recorded.duration.as_secs_f64()), "{recorded:?}");
    plays(&path);
    let Some(video) = probe(&path, "v") else { return };
    assert_eq!((video["codec_name"].as_str(), video["width"].as_str()), ("h264", "320"));
    assert_eq!(video["nb_read_packets"], recorded.pictures.to_string());
    let duration: f64 = video["duration"].parse().unwrap();
    assert!((5.8..6.2).contains(&duration), "{duration}");
    let audio = probe(&path, "a").unwrap();
    assert_eq!((audio["codec_name"].as_str(), audio["sample_rate"].as_str()), ("opus", "48000"));
    assert_eq!(audio["nb_read_packets"], "300", "what was missing is silence");
}

#[test]
fn what_was_written_before_a_crash_plays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.mp4");
    let recorder = record(&path);
    feed(&recorder, 5, 0);
    recorder.finish().unwrap();
    let whole = std::fs::read(&path).unwrap();
    let cut = folder.path().join("cut.mp4");
    std::fs::write(&cut, &whole[..whole.len() * 7 / 10]).unwrap();
    if let Some(video) = probe(&cut, "v") {
        let pictures: u32 = video["nb_read_packets"].parse().unwrap();
        assert!(pictures > 50, "{pictures} of about 125");
    }
}

#[test]
fn a_call_without_a_camera_is_recorded_and_the_camera_may_come_later() {
    let folder = tempfile::tempdir().unwrap();
    for (seconds, camera_from) in [(4, 99), (8, 5)] {
        let path = folder.path().join(format!("{seconds}.mp4"));
        let recorder = record(&path);
        feed(&recorder, seconds, camera_from);
        let recorded = recorder.finish().unwrap();
        assert_eq!(recorded.pictures > 0, camera_from < seconds);
        plays(&path);
        if let Some(audio) = probe(&path, "a") {
            assert_eq!(audio["nb_read_packets"], (seconds * 50).to_string());
        }
    }
}

#[test]
fn nothing_is_overwritten_and_an_empty_recording_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.mp4");
    let recorder = Recorder::create(&path).unwrap();
    let again = Recorder::create(&path).err().unwrap();
    assert_eq!(again.code(), "record_create");
    assert!(again.to_string().contains("another place or name"));
    assert_eq!(recorder.finish().unwrap_err().code(), "record_nothing");
    assert!(!path.exists());
}

#[test]
fn the_filler_is_a_black_picture_that_decodes() {
    let filler = filler().unwrap();
    assert!(filler.keyframe);
    let picture = H264Decoder::new().decode(&filler).unwrap().unwrap();
    assert!(picture.planes().0.iter().all(|luma| *luma < 24));
}
