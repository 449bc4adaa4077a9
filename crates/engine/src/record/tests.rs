//! A recording as other programs see it: ffprobe and ffmpeg, where they are installed.

use std::process::Command;

use tincan_codec::{H264Decoder, OpusEncoder};
use tincan_media::audio::{AudioFrame, SAMPLES_PER_FRAME};
use tincan_media::ports::{AudioEncoder, VideoDecoder};
use tincan_media::video::{EncodedVideo, TestPattern};

use super::*;

const SMALL: Resolution = Resolution::new(320, 180);
const SMALLER: Resolution = Resolution::new(160, 90);

/// What a call of so many seconds brings.
struct Call {
    seconds: u64,
    /// From this second on there are pictures, smaller ones in the second half.
    camera_from: u64,
    /// Packets of sound that get lost.
    lost: std::ops::Range<u64>,
}

/// Records a call into a file. A test is faster than a call, so the queue is left out.
fn record(path: &Path, call: &Call) -> Result<Recorded, RecordError> {
    let file = OpenOptions::new().write(true).create_new(true).open(path).unwrap();
    let (queue, media) = std::sync::mpsc::channel();
    let send = |arrived: u64, media| {
        queue.send((Source(0), media, MediaTime::from_micros(arrived))).unwrap();
    };
    let mut video = H264Encoder::new(Bitrate::kbps(300), 25.0);
    let mut audio = OpusEncoder::new().unwrap();
    for n in 0..call.seconds * 50 {
        let micros = 1_234_567 + n * 20_000;
        let rtp = |rate: u64| (micros * rate / 1_000_000) as u32;
        if n.is_multiple_of(50) {
            let ntp = ((micros as u128) << 32) / 1_000_000;
            for (source, rate) in [(protocol::Source::Microphone, 48_000), (protocol::Source::Camera, 90_000)]
            {
                send(micros, Media::Report { source, ntp: ntp as u64, rtp: rtp(rate) });
            }
        }
        if n % 2 == 0 && n >= call.camera_from * 50 {
            let size = if n < call.seconds * 25 { SMALL } else { SMALLER };
            let picture = TestPattern::new(size).draw(n as u32, MediaTime::from_micros(micros));
            if let Some(EncodedVideo { data, keyframe, .. }) = video.encode(&picture, false).unwrap() {
                send(micros + 30_000, Media::Picture(Picture { rtp: rtp(90_000), data, keyframe, size }));
            }
        }
        let block = |at: u64| {
            let mut frame = AudioFrame::silence(MediaTime::from_micros(micros));
            for (index, sample) in frame.samples.iter_mut().enumerate() {
                let t = (at * SAMPLES_PER_FRAME as u64 + index as u64) as f32 / 48_000.0;
                *sample = (t * 440.0 * std::f32::consts::TAU).sin() * 0.3;
            }
            frame
        };
        let packet = audio.encode(&block(2 * n), &block(2 * n + 1)).unwrap();
        if !call.lost.contains(&n) {
            let sound = Sound { sequence: n as u16, rtp: rtp(48_000), payload: packet.payload };
            send(micros + 40_000, Media::Sound(sound));
        }
    }
    drop(queue);
    Job { file, path: path.to_owned(), problem: Arc::default() }.run(&media)
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

/// Decodes all of it with ffmpeg; what that complains about is a broken file. Returns the samples of the sound, at 48 kHz;
/// `None` without ffmpeg.
fn plays(path: &Path) -> Option<Vec<f32>> {
    let all = Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(path).args(["-f", "null", "-"]).output();
    assert_eq!(String::from_utf8_lossy(&all.ok()?.stderr), "", "{}", path.display());
    let sound = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(path)
        .args(["-vn", "-f", "f32le", "-"])
        .output();
    let samples = sound.ok()?.stdout;
    Some(samples.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

/// How loud each 20 ms are.
fn loudness(samples: &[f32]) -> Vec<f32> {
    let rms = |block: &[f32]| (block.iter().map(|s| s * s).sum::<f32>() / block.len() as f32).sqrt();
    samples.chunks(960).map(rms).collect()
}

#[test]
fn a_recording_plays_elsewhere_with_sound_and_pictures_of_every_size() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.mp4");
    let recorded = record(&path, &Call { seconds: 6, camera_from: 0, lost: 60..85 }).unwrap();
    assert_eq!(recorded.packets, 275);
    assert!((5.9..6.1).contains(&recorded.duration.as_secs_f64()), "{recorded:?}");
    let film = film::Film::read(&std::fs::read(&path).unwrap());
    assert_eq!(film.entries.iter().map(|entry| entry.size).collect::<Vec<_>>(), [(320, 180), (160, 90)]);
    let Some(samples) = plays(&path) else { return };
    let loudness = loudness(&samples);
    assert!(loudness[10..55].iter().all(|loud| *loud > 0.1), "the tone");
    assert!(loudness[67..82].iter().all(|loud| *loud < 0.01), "what was lost is silence: {loudness:?}");
    assert!(loudness[90..295].iter().all(|loud| *loud > 0.1), "the tone again, in its place");
    let Some(video) = probe(&path, "v") else { return };
    assert_eq!((video["codec_name"].as_str(), video["width"].as_str()), ("h264", "320"));
    assert_eq!(video["nb_read_packets"], recorded.pictures.to_string());
    let duration: f64 = video["duration"].parse().unwrap();
    assert!((5.9..6.1).contains(&duration), "{duration}");
    let audio = probe(&path, "a").unwrap();
    assert_eq!((audio["codec_name"].as_str(), audio["sample_rate"].as_str()), ("opus", "48000"));
    // Every picture of both sizes decodes.
    let sizes = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v", "-show_entries", "frame=width", "-of", "csv=p=0"])
        .arg(&path)
        .output()
        .unwrap();
    let sizes = String::from_utf8_lossy(&sizes.stdout);
    let widths: Vec<&str> = sizes.lines().map(|line| line.trim_end_matches(',')).collect();
    let of = |width: &str| widths.iter().filter(|seen| **seen == width).count();
    assert!(of("320") > 70 && of("160") > 70 && of("320") + of("160") == widths.len(), "{sizes}");
}

#[test]
fn what_was_written_before_a_crash_plays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.mp4");
    record(&path, &Call { seconds: 5, camera_from: 0, lost: 0..0 }).unwrap();
    let whole = std::fs::read(&path).unwrap();
    // As it was before it was ended: the data was no data yet, and the table of contents not there.
    let mut cut = whole[..whole.len() * 7 / 10].to_vec();
    let data = cut.windows(4).position(|kind| kind == b"mdat").unwrap();
    cut[data - 4..data + 12].copy_from_slice(&[0, 0, 0, 16, b'f', b'r', b'e', b'e', 0, 0, 0, 0, 0, 0, 0, 0]);
    let path = folder.path().join("cut.mp4");
    std::fs::write(&path, &cut).unwrap();
    assert!(film::Film::read(&cut).pictures.len() > 50);
    if let Some(video) = probe(&path, "v") {
        let pictures: u32 = video["nb_read_packets"].parse().unwrap();
        assert!(pictures > 50, "{pictures} of about 125");
    }
}

#[test]
fn a_call_without_a_camera_is_recorded_and_the_camera_may_come_later() {
    let folder = tempfile::tempdir().unwrap();
    for (seconds, camera_from) in [(4, 99), (8, 5)] {
        let path = folder.path().join(format!("{seconds}.mp4"));
        let recorded = record(&path, &Call { seconds, camera_from, lost: 0..0 }).unwrap();
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
fn a_full_disk_is_told_while_the_call_goes_on() {
    let (queue, media) = sync_channel(QUEUE);
    let problem = Arc::new(Mutex::new(None));
    let shared = Arc::clone(&problem);
    let thread = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let file = film::Disk { room: 9_000, ..film::Disk::new(&mut bytes) };
        Job { file, path: PathBuf::new(), problem: shared }.run(&media)
    });
    let packet = |n: u32| {
        let sound = Sound { sequence: n as u16, rtp: n * 960, payload: vec![0xf8; 80].into() };
        (Source(0), Media::Sound(sound), MediaTime::from_micros(u64::from(n) * 20_000))
    };
    // The thread ends by itself, and takes nothing more then.
    (0..10_000).take_while(|n| queue.send(packet(*n)).is_ok()).for_each(drop);
    assert_eq!(thread.join().unwrap().unwrap_err().code(), "record_write");
    let told = problem.lock().unwrap().clone().unwrap();
    assert!(told.contains("make room on the disk"), "{told}");
}

#[test]
fn the_filler_is_a_black_picture_that_decodes() {
    let Picture { data, keyframe, size, .. } = filler().unwrap();
    assert!(keyframe);
    let unit = EncodedVideo { time: MediaTime::ZERO, data, keyframe, discardable: false, resolution: None };
    let picture = H264Decoder::new().decode(&unit).unwrap().unwrap();
    assert_eq!(picture.resolution(), size);
    assert!(picture.planes().0.iter().all(|luma| *luma < 24));
}
