//! A recording as other programs see it: ffprobe and ffmpeg, where they are installed.

use std::collections::VecDeque;
use std::process::Command;

use tincan_media::audio::AudioFrame;
use tincan_media::video::{Resolution, TestPattern, VideoFrame};

use super::*;

const SECOND: u64 = 1_000_000;

/// Somebody whose face is `stream`: it flashes and buzzes for a tenth of every second.
fn call(seconds: u64, mut each: impl FnMut(MediaTime, Taken)) {
    let (bright, dark) = (picture(235), picture(40));
    let cast = Cast { people: vec![1, 2], screen: None };
    for round in 0..seconds * 50 {
        let now = SECOND + round * 20_000;
        let flash = |at: u64| (3 * SECOND..8 * SECOND).contains(&at) && at % SECOND < 100_000;
        let mut pictures = std::collections::BTreeMap::new();
        // What is seen is known a little before, and what is said a little after it was.
        let at = now + 30_000;
        let shown = if flash(at) { &bright } else { &dark };
        let face = VecDeque::from([(MediaTime::from_micros(at), Some(Arc::clone(shown)))]);
        pictures.insert(1, face);
        let sound = |at: u64| {
            let mut frame = AudioFrame::silence(MediaTime::from_micros(at));
            for (index, sample) in frame.samples.iter_mut().enumerate() {
                let time = at + index as u64 * 1_000_000 / 48_000;
                if flash(time) {
                    *sample = (time as f32 * 440e-6 * std::f32::consts::TAU).sin() * 0.3;
                }
            }
            Box::new(frame)
        };
        let heard = [now + 60_000, now + 70_000].map(sound).into();
        each(
            MediaTime::from_micros(now),
            Taken { cast: cast.clone(), pictures, heard, said: VecDeque::new() },
        );
    }
}

fn picture(luma: u8) -> Arc<VideoFrame> {
    let mut frame = VideoFrame::black(MediaTime::ZERO, Resolution::new(320, 180));
    frame.planes_mut().0.fill(luma);
    Arc::new(frame)
}

/// Makes a file of so many seconds.
fn filmed(path: &Path, seconds: u64) {
    let file = open(path).unwrap().file;
    let mut reel = Reel::new(file, MediaTime::from_micros(SECOND)).unwrap();
    call(seconds, |now, taken| {
        reel.step(now, taken).unwrap();
    });
    reel.finish(MediaTime::from_micros(SECOND * (seconds + 1)), Taken::default()).unwrap();
}

/// What ffmpeg gives; `None` without ffmpeg. What it complains about is a broken file.
fn decoded(path: &Path, arguments: &[&str]) -> Option<Vec<u8>> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(path)
        .args(arguments)
        .arg("-")
        .output()
        .ok()?;
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{}", path.display());
    Some(output.stdout)
}

/// When something begins, in seconds: of values with so many a second.
fn begins(values: &[bool], rate: f64) -> Vec<f64> {
    values
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| !pair[0] && pair[1])
        .map(|(at, _)| (at + 1) as f64 / rate)
        .collect()
}

#[test]
fn what_flashes_and_buzzes_together_does_so_in_the_file_which_plays_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.mp4");
    filmed(&path, 8);
    let film = film::Film::read(&std::fs::read(&path).unwrap());
    assert!(film.ended);
    // The encoder numbers the parameter sets of each keyframe anew.
    assert!(film.entries.iter().all(|entry| entry.size == (1280, 720)));
    assert_eq!(film.sounds.len(), 400);
    let Some(pictures) = decoded(
        &path,
        &["-vf", "fps=500:start_time=0,crop=iw/2:ih:0:0,scale=2:2,format=gray", "-f", "rawvideo"],
    ) else {
        return;
    };
    let bright: Vec<bool> = pictures
        .chunks_exact(4)
        .map(|four| four.iter().map(|&l| u32::from(l)).sum::<u32>() > 4 * 90)
        .collect();
    let sound = decoded(&path, &["-vn", "-f", "f32le", "-ac", "1"]).unwrap();
    let samples: Vec<f32> = sound.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let loud: Vec<bool> =
        samples.chunks(96).map(|some| some.iter().any(|sample| sample.abs() > 0.1)).collect();
    let loud: Vec<bool> = (0..loud.len()).map(|at| loud[at.saturating_sub(5)..=at].contains(&true)).collect();
    let (flashes, buzzes) = (begins(&bright, 500.0), begins(&loud, 500.0));
    assert_eq!((flashes.len(), buzzes.len()), (5, 5), "{flashes:?} {buzzes:?}");
    for (second, (flash, buzz)) in flashes.iter().zip(&buzzes).enumerate() {
        let at = second as f64 + 2.0;
        assert!((flash - at).abs() < 0.04 && (buzz - at).abs() < 0.02, "{at}: {flash}, {buzz}");
        assert!((flash - buzz).abs() < 0.04, "{flash}, {buzz}");
    }
}

#[test]
fn what_was_written_before_a_crash_plays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.mp4");
    let mut reel = Reel::new(open(&path).unwrap().file, MediaTime::from_micros(SECOND)).unwrap();
    call(6, |now, taken| {
        reel.step(now, taken).unwrap();
    });
    // Nobody ends it.
    std::mem::forget(reel);
    let film = film::Film::read(&std::fs::read(&path).unwrap());
    assert!(!film.ended && film.pictures.len() > 6 && film.sounds.len() > 150, "{}", film.sounds.len());
    if let Some(sound) = decoded(&path, &["-vn", "-f", "f32le", "-ac", "1"]) {
        assert!(sound.len() > 4 * 48_000 * 3);
        decoded(&path, &["-an", "-f", "null"]);
    }
}

#[test]
fn a_recording_says_how_long_it_is_and_keeps_what_the_others_may_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let clock = MediaClock::new(Instant::now());
    let tap = Arc::<Tap>::default();
    let place = Place::In { folder: folder.path().join("Videos"), now: 1_795_874_645_000, utc_offset: 60 };
    let file = NewFile::create_with(&place, &|_| None).unwrap();
    assert_eq!(file.path, folder.path().join("Videos/Tincan 2026-11-28 15-04-05.mp4"));
    let output = TappedOutput::new(Arc::new(Nothing), Arc::clone(&tap), clock);
    let frame = Arc::new(TestPattern::new(Resolution::new(160, 90)).draw(1, clock.at(Instant::now())));
    // A screen that stands still from before it began.
    crate::FrameOutput::shared(&output, Some(&frame));
    let cast = Cast { people: Vec::new(), screen: Some(OWN_SCREEN) };
    let mut recorder = Recorder::start(file, Arc::clone(&tap), clock, cast).unwrap();
    // The next one may begin before this one's file is ended.
    recorder.stop();
    let again = NewFile::create_with(&place, &|_| None).unwrap();
    assert!(again.path.ends_with("Tincan 2026-11-28 15-04-05 (2).mp4"));
    let other = Recorder::start(again, tap, clock, Cast::default()).unwrap();
    let recorded = recorder.finish().unwrap();
    other.finish().unwrap();
    assert!(!recorded.full && recorded.duration < Duration::from_secs(5));
    assert_eq!(recorded.sentence().code, "recorded");
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&recorded.path.metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
    if let Some(pictures) = decoded(&recorded.path, &["-vf", "scale=1280:720,format=gray", "-f", "rawvideo"])
    {
        let middle = pictures[1280 * 360..1280 * 361].iter().filter(|&&luma| luma > 60).count();
        assert!(middle > 100, "the screen is there from the first picture on");
    }
}

struct Nothing;

impl crate::FrameOutput for Nothing {
    fn frame(&self, _: u32, _: &Arc<VideoFrame>) {}
    fn ended(&self, _: u32) {}
}

#[test]
fn nothing_is_replaced_and_nothing_begins_on_a_disk_that_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.mp4");
    std::fs::write(&path, "mine").unwrap();
    let refused = NewFile::create_with(&Place::File(path.clone()), &|_| None).unwrap_err();
    assert_eq!(refused.code(), "record_create");
    assert!(refused.to_string().contains("another place or name"));
    let other = folder.path().join("other.mp4");
    let refused = NewFile::create_with(&Place::File(other.clone()), &|_| Some(500 << 20)).unwrap_err();
    assert_eq!(refused.code(), "record_room");
    assert!(refused.to_string().contains("Free 12 MB"), "{refused}");
    assert_eq!((std::fs::read(&path).unwrap(), other.exists()), (b"mine".to_vec(), false));
    NewFile::create_with(&Place::File(other.clone()), &|_| None).unwrap().discard();
    assert!(!other.exists());
}

/// A job that records nobody, with so much room.
fn job(free: impl Fn(&Path) -> Option<u64> + Send + 'static) -> (Job, Arc<Tap>, Sender<(MediaTime, Taken)>) {
    let (clock, tap) = (MediaClock::new(Instant::now()), Arc::<Tap>::default());
    let round = tap.open(clock.at(Instant::now()), Cast::default());
    let (last, end) = channel();
    (
        Job { path: "call.mp4".into(), tap: Arc::clone(&tap), clock, round, end, free: Box::new(free) },
        tap,
        last,
    )
}

#[test]
fn a_recording_ends_whole_before_the_disk_is_full() {
    let mut bytes = Vec::new();
    let (job, _tap, _last) = job(|_| Some(1 << 20));
    let recorded = job.run(Reel::new(film::Disk::new(&mut bytes), MediaTime::ZERO).unwrap()).unwrap();
    assert!(recorded.full && recorded.duration >= space::LOOK);
    assert_eq!(recorded.sentence().code, "recorded_full");
    assert!(film::Film::read(&bytes).ended);
}

#[test]
fn a_disk_that_fails_is_told() {
    let mut bytes = Vec::new();
    let (job, _tap, _last) = job(|_| None);
    let disk = film::Disk { room: 9_000, ..film::Disk::new(&mut bytes) };
    let error = job.run(Reel::new(disk, MediaTime::ZERO).unwrap()).unwrap_err();
    assert_eq!(error.code(), "record_write");
    assert!(error.to_string().contains("make room on the disk"), "{error}");
}
