use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tincan_codec::H264Decoder;
use tincan_media::ports::VideoDecoder;
use tincan_media::video::{Resolution, VideoFrame};

use super::super::film::{Disk, Film};
use super::super::tap::Cast;
use super::*;

fn at(millis: u64) -> MediaTime {
    MediaTime::from_micros(millis * 1_000)
}

fn grey(luma: u8) -> Arc<VideoFrame> {
    let mut frame = VideoFrame::black(MediaTime::ZERO, Resolution::new(64, 36));
    frame.planes_mut().0.fill(luma);
    Arc::new(frame)
}

/// One person's pictures.
fn seen(pictures: &[(u64, u8)]) -> Taken {
    let pictures: VecDeque<_> =
        pictures.iter().map(|(millis, luma)| (at(*millis), Some(grey(*luma)))).collect();
    Taken {
        cast: Cast { people: vec![1], screen: None },
        pictures: BTreeMap::from([(1, pictures)]),
        ..Taken::default()
    }
}

/// When each picture begins, in milliseconds, and the grey in its middle.
fn shown(film: &Film) -> Vec<(u64, u8)> {
    let mut decoder = H264Decoder::new();
    let picture = |sample: &super::super::film::Sample| {
        let data = with_start_codes(&sample.data);
        let unit = EncodedVideo {
            time: MediaTime::ZERO,
            data: data.into(),
            keyframe: sample.keyframe,
            discardable: false,
            resolution: None,
        };
        let frame = decoder.decode(&unit).unwrap().unwrap();
        (sample.at.0 / 48, frame.planes().0[(360 * 1_280 + 640) as usize])
    };
    film.pictures.iter().map(picture).collect()
}

/// From lengths to start codes.
fn with_start_codes(data: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), data);
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let (unit, behind) = behind.split_at(u32::from_be_bytes(*length) as usize);
        out.extend_from_slice(&[0, 0, 0, 1]);
        out.extend_from_slice(unit);
        rest = behind;
    }
    out
}

#[test]
fn each_picture_lies_at_its_moment_and_what_stands_still_is_one_a_second() {
    let mut bytes = Vec::new();
    let mut reel = Reel::new(Disk::new(&mut bytes), at(1_000)).unwrap();
    reel.step(at(1_000), seen(&[(1_000, 60), (1_400, 200)])).unwrap();
    for millis in (1_010..4_000).step_by(10) {
        let taken = Taken { cast: Cast { people: vec![1], screen: None }, ..Taken::default() };
        reel.step(at(millis), taken).unwrap();
    }
    let last = Taken { cast: Cast { people: vec![1], screen: None }, ..Taken::default() };
    let length = reel.finish(at(4_000), last).unwrap();
    assert!((2.9..3.1).contains(&length.as_secs_f64()), "{length:?}");
    let film = Film::read(&bytes);
    let shown = shown(&film);
    let close = |(millis, luma): (u64, u8), (near, grey): (u64, u8)| {
        millis.abs_diff(near) <= 17 && luma.abs_diff(grey) < 12
    };
    assert!(close(shown[0], (0, 60)) && close(shown[1], (400, 200)), "{shown:?}");
    assert!((4..6).contains(&shown.len()), "{shown:?}");
    assert!(film.pictures[0].keyframe);
    assert_eq!(film.sounds.len(), 150, "silence has its place too");
}

#[test]
fn a_machine_that_was_asleep_makes_one_picture_of_it_and_loses_no_time() {
    let mut bytes = Vec::new();
    let mut reel = Reel::new(Disk::new(&mut bytes), at(0)).unwrap();
    reel.step(at(0), seen(&[(0, 60)])).unwrap();
    reel.step(at(200), seen(&[])).unwrap();
    reel.step(at(60_000), seen(&[(59_000, 200)])).unwrap();
    reel.finish(at(60_100), seen(&[])).unwrap();
    let film = Film::read(&bytes);
    let shown = shown(&film);
    assert!(shown.len() < 6, "{shown:?}");
    assert!(shown.iter().any(|(millis, _)| millis.abs_diff(59_880) < 40), "{shown:?}");
    assert_eq!(film.sounds.len(), 3_005);
}

#[test]
fn a_player_finds_a_keyframe_every_few_seconds() {
    let mut bytes = Vec::new();
    let mut reel = Reel::new(Disk::new(&mut bytes), at(0)).unwrap();
    for millis in (0..13_000).step_by(40) {
        reel.step(at(millis), seen(&[(millis, 60 + (millis / 40 % 3) as u8)])).unwrap();
    }
    reel.finish(at(13_000), seen(&[])).unwrap();
    let keyframes: Vec<u64> =
        Film::read(&bytes).pictures.iter().filter(|one| one.keyframe).map(|one| one.at.0 / 48_000).collect();
    assert_eq!(keyframes, [0, 4, 8, 12]);
}
