//! What somebody shares, in the film of the call.

use super::tests::{Arrival, Sender, black, is_seamless, name, number, record_arrivals};
use super::*;

/// Numbers of what is shared begin here; those of faces are smaller.
const SCREENS: u64 = 100_000;

/// What is shared between these two seconds, twice a second. The first picture and whatever comes at `keyframes` are keyframes.
fn screens(between: std::ops::Range<f64>, keyframes: &[f64]) -> Vec<Arrival> {
    let sets = [0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x28, 0xd9, 0, 0, 0, 1, 0x68, 0xce, 0x3c];
    let begin = (between.start * 2.0) as u64;
    let pictures = begin..(between.end * 2.0) as u64;
    let arrival = |number: u64| {
        let captured = number as f64 / 2.0;
        let keyframe = number == begin || keyframes.contains(&captured);
        let unit = [&[0, 0, 0, 1, if keyframe { 0x65 } else { 0x41 }][..], &name(SCREENS + number)].concat();
        let data = if keyframe { [&sets[..], &unit].concat() } else { unit };
        let rtp = 77_000u32.wrapping_add((captured * 90_000.0) as u32);
        let size = Resolution::new(1_920, 1_080);
        let picture = Picture { rtp, data: data.into(), keyframe, size };
        Arrival { at: captured + 0.1, media: Media::Screen(picture) }
    };
    pictures.map(arrival).collect()
}

fn told(at: f64, on: bool) -> Arrival {
    Arrival { at, media: Media::Shares { on } }
}

/// Somebody's face for half a minute. Whoever records asks for a keyframe of it when they stop sharing, which comes then.
fn face(keyframe: f64) -> Vec<Arrival> {
    let mut arrivals = Sender::lasting(30.0).send();
    for arrival in &mut arrivals {
        if let Media::Picture(picture) = &mut arrival.media {
            picture.keyframe |= (keyframe..keyframe + 0.04).contains(&arrival.at);
        }
    }
    arrivals
}

fn recorded(parts: Vec<Vec<Arrival>>) -> Vec<(f64, bool)> {
    let mut arrivals: Vec<Arrival> = parts.into_iter().flatten().collect();
    arrivals.sort_by(|a, b| a.at.total_cmp(&b.at));
    let (film, _) = record_arrivals(arrivals);
    assert!(is_seamless(&film) && black(&film).is_empty());
    film.pictures.iter().map(|picture| (picture.at.seconds(), number(&picture.data) >= SCREENS)).collect()
}

#[test]
fn what_is_shared_stands_in_the_place_of_the_face_until_there_is_a_face_again() {
    // The word comes before the pictures, with them, and after them.
    for late in [-0.3, 0.0, 0.3] {
        let words = vec![told(10.1 + late, true), told(20.0 + late.max(0.0), false)];
        let film = recorded(vec![face(20.6), screens(10.0..20.0, &[]), words]);
        let screen: Vec<f64> = film.iter().filter(|(_, screen)| *screen).map(|(at, _)| *at).collect();
        assert_eq!(screen.len(), 20, "told {late} s late: {screen:?}");
        assert!((screen[0] - 10.0).abs() < 0.2 && (screen[19] - 19.5).abs() < 0.2, "{screen:?}");
        let face: Vec<f64> = film.iter().filter(|(_, screen)| !*screen).map(|(at, _)| *at).collect();
        assert!(!face.iter().any(|at| (10.2..20.4).contains(at)), "one of them is seen");
        assert!(face.iter().any(|at| (20.4..20.8).contains(at)) && face.last() > Some(&29.0), "{face:?}");
    }
}

#[test]
fn what_comes_late_of_an_ended_share_is_left_out_and_another_share_begins_with_a_keyframe() {
    let words = vec![told(10.1, true), told(15.0, false), told(20.1, true)];
    let mut parts = vec![face(15.5), screens(10.0..15.5, &[15.0]), screens(20.0..25.0, &[21.0]), words];
    // Its first keyframe came before the word.
    parts[2][0].at = 20.05;
    let film = recorded(parts);
    let shared = |between: std::ops::Range<f64>| {
        film.iter().filter(|(at, screen)| *screen && between.contains(at)).count()
    };
    assert_eq!((shared(9.0..14.9), shared(14.9..20.5), shared(20.5..26.0)), (10, 0, 8));
}

#[test]
fn a_share_beside_a_camera_that_is_off_is_no_darkness() {
    let mut face = face(99.0);
    face.retain(|arrival| !matches!(arrival.media, Media::Picture(_)) || arrival.at < 8.0);
    let words = vec![
        Arrival { at: 9.9, media: Media::Camera { on: false } },
        told(10.1, true),
        // Nothing moves on it from 12 s on.
        told(20.0, false),
    ];
    let mut arrivals: Vec<Arrival> = face.into_iter().chain(screens(10.0..12.0, &[])).chain(words).collect();
    arrivals.sort_by(|a, b| a.at.total_cmp(&b.at));
    let (film, _) = record_arrivals(arrivals);
    let black = black(&film);
    let near = |at: f64, wanted: f64| (at - wanted).abs() < 0.2;
    assert_eq!(black.len(), 2, "{black:?}");
    assert!(near(black[0].0, 8.0) && near(black[0].1, 10.0), "{black:?}");
    assert!(near(black[1].0, 20.0) && black[1].1 > 29.5, "what stands still is shown: {black:?}");
}
