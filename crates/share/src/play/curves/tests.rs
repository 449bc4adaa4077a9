use proptest::prelude::*;

use super::*;

fn steer(turns: &[Turn]) -> Inputs {
    turns.iter().enumerate().fold(Inputs::default(), |inputs, (seat, turn)| inputs.with(seat, *turn))
}

/// Any steering, the same for the same seed.
fn wild(seed: u64) -> impl Iterator<Item = Inputs> {
    let mut chance = Chance::new(seed);
    let mut turns = [Turn::Straight; MAX_SEATS];
    std::iter::repeat_with(move || {
        for turn in &mut turns {
            match chance.within(0, 60) {
                0 => *turn = Turn::Left,
                1 => *turn = Turn::Right,
                2 => *turn = Turn::Straight,
                _ => {}
            }
        }
        steer(&turns)
    })
}

fn play(state: &mut State, inputs: impl Iterator<Item = Inputs>) {
    for inputs in inputs {
        if state.is_over() {
            return;
        }
        state.step(inputs);
    }
}

#[test]
fn nobody_moves_before_the_countdown_is_over() {
    let mut state = State::new(1, 3);
    let before: Vec<Place> = state.curves().iter().map(|curve| curve.at).collect();
    for _ in 0..COUNTDOWN {
        state.step(steer(&[Turn::Left, Turn::Right]));
    }
    assert_eq!(state.curves().iter().map(|curve| curve.at).collect::<Vec<_>>(), before);
    state.step(Inputs::default());
    assert!(state.curves().iter().zip(before).all(|(curve, before)| curve.at != before));
}

#[test]
fn who_runs_into_the_wall_is_out_and_the_other_has_a_point() {
    let mut state = State::new(5, 2);
    // One goes in circles and the other straight on. Gaps let nobody through their own line before the first of them.
    let mut ticks = 0;
    while state.curves().iter().all(|curve| curve.out.is_none()) {
        state.step(steer(&[Turn::Straight, Turn::Left]));
        ticks += 1;
        assert!(ticks < 2_000);
    }
    assert!(state.is_over());
    let gained: Vec<u32> = state.curves().iter().map(|curve| curve.gained).collect();
    assert_eq!(gained.iter().sum::<u32>(), 1, "{:?}", state.curves());
}

#[test]
fn a_circle_ends_at_ones_own_line() {
    let mut state = State::new(3, 2);
    play(&mut state, std::iter::repeat_n(steer(&[Turn::Left, Turn::Left]), 1_000));
    let out: Vec<_> = state.curves().iter().filter_map(|curve| curve.out).collect();
    assert!(!out.is_empty());
    assert!(out.iter().all(|out| matches!(out.by, Some(Obstacle::Line(_)))), "{out:?}");
    // A full circle takes 128 ticks, and not much less.
    assert!(out.iter().all(|out| out.tick > COUNTDOWN + 110), "{out:?}");
}

#[test]
fn who_leaves_is_out_and_ran_into_nothing() {
    let mut state = State::new(8, 3);
    state.step(steer(&[Turn::Straight, Turn::Gone]));
    assert_eq!(state.curves()[1].out, Some(Out { tick: 1, by: None }));
    assert!(!state.is_over());
    state.step(steer(&[Turn::Gone]));
    assert!(state.is_over());
    assert_eq!(state.curves()[2].gained, 2);
}

#[test]
fn two_who_meet_head_on_are_both_out() {
    let mut state = State::new(1, 2);
    let place = |x: i32| Place { x: x << Place::BITS, y: 200 << Place::BITS };
    (state.curves[0].at, state.curves[0].direction) = (place(300), 0);
    (state.curves[1].at, state.curves[1].direction) = (place(340), FULL_TURN / 2);
    play(&mut state, std::iter::repeat_n(Inputs::default(), 400));
    let (one, two) = (state.curves[0].out.unwrap(), state.curves[1].out.unwrap());
    assert_eq!(one.tick, two.tick);
    assert_eq!((one.by, two.by), (Some(Obstacle::Line(1)), Some(Obstacle::Line(0))));
    assert_eq!(state.curves.iter().map(|curve| curve.gained).sum::<u32>(), 0);
}

#[test]
fn a_line_cannot_be_crossed_but_in_a_gap() {
    // One draws a wall from left to right, the other comes from below at every place of it.
    for x in 200..420 {
        let mut state = State::new(1, 2);
        (state.curves[0].at, state.curves[0].direction) = (Place { x: 150 << 16, y: 200 << 16 }, 0);
        state.curves[0].until_gap = 10_000;
        (state.curves[1].at, state.curves[1].direction) =
            (Place { x: x << 16, y: 390 << 16 }, 3 * FULL_TURN / 4);
        state.curves[1].until_gap = 10_000;
        play(&mut state, std::iter::repeat_n(Inputs::default(), COUNTDOWN as usize + 300));
        let out = state.curves[1].out.or(state.curves[0].out);
        assert!(out.is_some_and(|out| matches!(out.by, Some(Obstacle::Line(_)))), "{x}: {out:?}");
    }
}

#[test]
fn heads_start_apart_and_off_the_walls() {
    for seed in 0..200 {
        let state = State::new(seed, MAX_SEATS);
        for (seat, curve) in state.curves().iter().enumerate() {
            let inset = INSET << Place::BITS;
            assert!(curve.at.x >= inset && curve.at.x < (WIDTH << Place::BITS) - inset);
            assert!(curve.at.y >= inset && curve.at.y < (HEIGHT << Place::BITS) - inset);
            let others = state.curves().iter().take(seat);
            assert!(others.into_iter().all(|other| !curve.at.is_within(other.at, 40)), "{seed}");
        }
    }
}

#[test]
fn rounds_come_to_an_end() {
    let mut longest = 0;
    for seed in 0..100 {
        let mut state = State::new(seed, 2 + (seed as usize % 5));
        play(&mut state, wild(seed));
        longest = longest.max(state.tick());
    }
    assert!(longest < LONGEST, "{longest}");
}

#[test]
fn a_round_looks_the_same_on_every_machine() {
    // The value is of the first machine that ran this; another one means that two versions cannot play together.
    let mut state = State::new(42, 6);
    play(&mut state, wild(42));
    assert_eq!((state.tick(), state.hash()), (407, 11_015_090_115_498_581_821));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn ten_thousand_ticks_twice_are_the_same(seed in 0..1_u64 << 53, seats in 2..=MAX_SEATS) {
        let mut states = [State::new(seed, seats), State::new(seed, seats)];
        for inputs in wild(seed).take(10_000) {
            for state in &mut states {
                state.step(inputs);
            }
            prop_assert_eq!(states[0].hash(), states[1].hash());
        }
        let winners = states[0].curves().iter().filter(|curve| curve.out.is_none()).count();
        prop_assert!(winners <= 1 && states[0].is_over());
    }

    #[test]
    fn what_is_foretold_comes_true_until_somebody_is_out(seed in 0..1_000_u64, seats in 2..=MAX_SEATS, from in 0..600_usize) {
        let mut state = State::new(seed, seats);
        play(&mut state, wild(seed).take(from));
        let next: Vec<Inputs> = wild(seed).skip(from).take(30).collect();
        let foretold = state.ahead(next.iter().copied());
        for (tick, inputs) in next.into_iter().enumerate() {
            state.step(inputs);
            if state.is_over() || state.curves().iter().any(|curve| curve.out.is_some()) {
                break;
            }
            for (seat, curve) in state.curves().iter().enumerate() {
                prop_assert_eq!(curve.at, foretold[seat][tick].at);
                prop_assert_eq!(curve.is_drawn(), foretold[seat][tick].drawn);
            }
        }
    }
}
