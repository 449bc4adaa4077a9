use super::*;

fn at(millis: u64) -> MediaTime {
    MediaTime::from_micros(millis * 1_000)
}

fn small(seed: u64) -> Portrait {
    Portrait::new(Resolution::new(320, 180), seed)
}

/// The mean difference of luma, in its steps.
fn difference(one: &VideoFrame, other: &VideoFrame) -> f64 {
    let pairs = one.planes().0.iter().zip(other.planes().0);
    pairs.map(|(one, other)| f64::from(one.abs_diff(*other))).sum::<f64>() / one.planes().0.len() as f64
}

#[test]
fn any_size_can_be_drawn() {
    for (width, height) in
        [(0, 0), (1, 1), (17, 33), (160, 90), (640, 480), (72, 1_280), (1_280, 72), (1_919, 1_079)]
    {
        let mut portrait = Portrait::new(Resolution::new(width, height), 1);
        let frame = portrait.draw(at(100));
        let size = frame.resolution();
        assert_eq!(size, portrait.resolution());
        assert!(size.width.is_multiple_of(2) && size.height.is_multiple_of(2) && size.width >= 16);
    }
}

#[test]
fn the_same_seed_is_the_same_person_at_the_same_time() {
    assert_eq!(small(7).draw(at(4_321)), small(7).draw(at(4_321)));
}

#[test]
fn every_seed_is_somebody() {
    for seed in [u64::MAX, u64::MAX / 3, 1 << 63, 12_345_678_901] {
        assert_ne!(small(seed).draw(at(0)), small(0).draw(at(0)));
    }
}

#[test]
fn other_seeds_are_other_persons() {
    let pictures: Vec<VideoFrame> = (0..12).map(|seed| small(seed).draw(at(0))).collect();
    for (index, one) in pictures.iter().enumerate() {
        for other in &pictures[index + 1..] {
            assert!(difference(one, other) > 5.0, "seed {index} looks like another one");
        }
    }
}

#[test]
fn the_person_moves_a_little_all_the_time_and_the_room_does_not() {
    for seed in 0..6 {
        let mut portrait = small(seed);
        let first = portrait.draw(at(0));
        for second in 1..8 {
            let later = portrait.draw(at(second * 1_000));
            assert!((0.01..12.0).contains(&difference(&first, &later)), "seed {seed}, second {second}");
            // The corners.
            for corner in [0, 319] {
                assert_eq!(first.planes().0[corner], later.planes().0[corner]);
            }
        }
    }
}

#[test]
fn all_that_moves_is_drawn_anew() {
    // What was left behind of a movement would be seen against a picture that was never drawn on.
    for seed in 0..10 {
        let mut used = small(seed);
        for millis in (0..20_000).step_by(700) {
            let _ = used.draw(at(millis));
        }
        assert_eq!(used.draw(at(5_000)), small(seed).draw(at(5_000)), "seed {seed}");
    }
}
