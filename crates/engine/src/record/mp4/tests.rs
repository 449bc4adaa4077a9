use tincan_media::video::Resolution;

use super::super::film::{Disk, Film};
use super::*;

/// Parameter sets of a made-up kind and the beginning of a slice: enough where nothing is decoded.
fn picture(kind: u8, keyframe: bool, number: u8) -> Picture {
    let start = [0, 0, 0, 1];
    let units: &[&[u8]] = if keyframe {
        &[&[0x67, 0x42, 0xc0, 0x1e, 0xd9, kind + 1], &[0x68, 0xce, 0x3c, 0x80], &[0x65, 0x88, number + 1]]
    } else {
        &[&[0x41, 0x9a, number + 1]]
    };
    let data: Vec<u8> = units.iter().flat_map(|unit| [&start[..], unit].concat()).collect();
    Picture { data: data.into(), keyframe, size: Resolution::new(320 + 2 * u32::from(kind), 180) }
}

fn at(millis: u64) -> SampleTime {
    SampleTime(millis * 48)
}

/// Writes into a file, as it grows and in the end.
fn written(feed: impl Fn(&mut Mp4File<Disk>)) -> [Vec<u8>; 2] {
    [false, true].map(|finish| {
        let mut bytes = Vec::new();
        let mut file = Mp4File::new(Disk::new(&mut bytes));
        feed(&mut file);
        if finish {
            file.finish().unwrap();
        }
        bytes
    })
}

/// Pictures at these times: in milliseconds, of this kind, a keyframe or not.
fn pictures(file: &mut Mp4File<Disk>, pictures: &[(u64, u8, bool)]) {
    for (number, &(millis, kind, keyframe)) in pictures.iter().enumerate() {
        file.picture(at(millis), &picture(kind, keyframe, number as u8)).unwrap();
    }
}

#[test]
fn nothing_is_written_before_a_picture_can_be_decoded() {
    let [growing, ended] = written(|file| {
        assert!(!file.picture(at(0), &picture(0, false, 0)).unwrap());
        file.sound(&Bytes::from_static(&[0xf8, 0xff, 0xfe]), 960).unwrap();
    });
    assert!(growing.is_empty() && ended.is_empty());
}

#[test]
fn the_file_is_the_same_film_while_it_grows_and_in_the_end() {
    let [growing, ended] = written(|file| {
        for n in 0..100 {
            pictures(file, &[(n * 40, (n / 30) as u8 % 3, n % 30 == 0)]);
            file.sound(&Bytes::from(vec![0xf8, n as u8]), 1_920).unwrap();
        }
    });
    let (growing, ended) = (Film::read(&growing), Film::read(&ended));
    assert!(!growing.ended && ended.ended);
    assert_eq!((ended.pictures.len(), ended.sounds.len()), (100, 100));
    assert_eq!(ended.entries, growing.entries);
    assert_eq!(ended.entries.iter().map(|entry| entry.size.0).collect::<Vec<_>>(), [320, 322, 324]);
    for (n, picture) in ended.pictures.iter().enumerate() {
        let n = n as u64;
        assert_eq!((picture.at, picture.length, picture.entry), (at(n * 40), 1_920, n as u32 / 30 % 3 + 1));
        assert_eq!(picture.keyframe, n.is_multiple_of(30));
    }
    // A second or so is not on the disk yet.
    assert!(growing.pictures.len() > 70 && ended.pictures.starts_with(&growing.pictures));
    assert!(growing.sounds.len() > 70 && ended.sounds.starts_with(&growing.sounds));
}

#[test]
fn whatever_was_written_before_a_crash_plays() {
    let [whole, _] = written(|file| {
        for n in 0..100 {
            pictures(file, &[(n * 40, (n / 50) as u8, n % 50 == 0)]);
        }
    });
    let all = Film::read(&whole).pictures;
    let mut before = 0;
    for cut in (0..whole.len()).step_by(37).chain([whole.len()]) {
        let film = Film::read(&whole[..cut]);
        assert!(film.pictures.len() >= before && all.starts_with(&film.pictures));
        before = film.pictures.len();
    }
    assert_eq!(before, all.len());
}

#[test]
fn a_picture_stays_until_the_next_one_and_none_lies_before_another() {
    let [_, ended] = written(|file| {
        pictures(file, &[(500, 0, true), (540, 0, false), (30_000, 0, false), (20_000, 0, false)]);
    });
    let film = Film::read(&ended);
    let shown: Vec<_> = film.pictures.iter().map(|picture| (picture.at.0, picture.length)).collect();
    // The first is there from the beginning; one whose time runs back comes at once.
    let second = at(540).0;
    assert_eq!(
        shown,
        [(0, second), (second, at(30_000).0 - second), (at(30_000).0, 1), (at(30_000).0 + 1, 1_600)]
    );
}

#[test]
fn any_number_of_kinds_is_written_and_the_head_never_outgrows_its_room() {
    let [growing, ended] = written(|file| {
        for n in 0..60 {
            pictures(file, &[(u64::from(n) * 1_000, n, true)]);
        }
    });
    let (growing, ended) = (Film::read(&growing), Film::read(&ended));
    assert_eq!((ended.pictures.len(), ended.entries.len()), (60, MAX_ENTRIES));
    assert_eq!(growing.entries, ended.entries);
    assert!(ended.pictures.iter().all(|picture| picture.entry as usize <= MAX_ENTRIES));
}

#[test]
fn a_full_disk_is_an_error_and_leaves_a_film() {
    for room in [0, 10, 5_000, 8_300, 8_700, 10_000] {
        let mut bytes = Vec::new();
        let mut file = Mp4File::new(Disk { room, ..Disk::new(&mut bytes) });
        let result = (0..500).try_for_each(|n| {
            file.picture(at(n * 40), &picture(0, n == 0, n as u8 % 200))?;
            file.sound(&Bytes::from_static(&[0xf8, 1]), 1_920)
        });
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::StorageFull);
        drop(file);
        let film = Film::read(&bytes);
        assert_eq!(film.pictures.len() > 20, room > 9_000, "{room}: {}", film.pictures.len());
    }
}
