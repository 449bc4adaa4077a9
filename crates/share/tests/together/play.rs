//! Whole games between bots, over paths of every kind, in simulated time.

use std::time::Duration;

use crate::play_world::{Path, World, id};
use proptest::prelude::*;
use tincan_protocol::{
    GameInputs, GameKind, GameMessage, GameState, Inputs, Log, Player, PlayerMove, Round, RoundsMessage, Run,
    StateHash, Table, Turn, Want,
};
use tincan_share::GameInput;
use tincan_share::play::Place;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn three_play_a_game_to_its_end_over_a_bad_path_and_agree_on_every_tick() {
    let mut world = World::new(3, Path::millis(150, 30, 50), 1);
    world.begin(1..3);
    let rounds = world.run_to_the_end(0);
    assert!(rounds >= 3, "{rounds}");
    let scores = |world: &mut World, member| world.play(member).game().unwrap().table.players.clone();
    let first = scores(&mut world, 0);
    for member in 1..3 {
        assert!(world.same(0, member) > 10);
        assert_eq!(world.seen(member).differed, 0);
        assert_eq!(scores(&mut world, member), first);
        let last = |member| *world.seen(member).hashes.last_key_value().unwrap().0;
        assert_eq!(last(member), last(0));
    }
}

#[test]
fn ones_own_line_never_waits_and_never_jumps() {
    // 150 ms each way, 5% lost: what is shown of the own head moves with every frame, and goes where it was steered.
    let mut world = World::new(2, Path::millis(150, 20, 50), 3);
    world.begin(1..2);
    world.run(seconds(9));
    let frames = &world.seen(1).frames;
    let start = frames.iter().find(|(_, frame)| frame.tick > 180).unwrap().0;
    let own = frames.iter().filter(|(at, _)| *at > start).filter_map(|(_, frame)| {
        let (place, _) = frame.traces[1].head?;
        Some((frame.tick, place))
    });
    let own: Vec<(u32, Place)> = own.collect();
    assert!(own.len() > 60, "{}", own.len());
    for pair in own.windows(2) {
        let ((before, from), (after, to)) = (pair[0], pair[1]);
        let units = |a: i32, b: i32| f64::from(a - b) / 65_536.0;
        let way = units(to.x, from.x).hypot(units(to.y, from.y));
        let ticks = f64::from(after - before);
        assert!(way <= 4.0 / 3.0 * ticks + 0.7, "{way} units in {ticks} ticks at {after}");
    }
    let moved = own.windows(2).filter(|pair| pair[0].1 != pair[1].1).count();
    assert!(moved * 10 > own.len() * 9, "{moved} of {}", own.len());
}

#[test]
fn who_comes_later_watches_and_plays_the_next_round() {
    let mut world = World::new(4, Path::millis(60, 10, 20), 5);
    world.begin(1..3);
    world.run(seconds(6));
    let now = world.now;
    world.play(3).join(now, 4_711, false).unwrap();
    world.run(seconds(1));
    let watching = world.play(3).game().unwrap().state.map(|state| state.tick());
    assert!(watching.is_some_and(|tick| tick > 180), "{watching:?}");
    world.run_to_the_end(0);
    let table = world.play(0).game().unwrap().table.clone();
    assert!(table.round.unwrap().seats.contains(&id(3)));
    assert!(world.same(0, 3) > 10);
}

#[test]
fn the_host_may_leave_in_the_middle_of_a_round() {
    for (seed, leaves_room) in [(7, true), (8, false)] {
        let mut world = World::new(4, Path::millis(80, 20, 50), seed);
        world.begin(1..4);
        world.run(seconds(5));
        if leaves_room {
            world.leave(0);
        } else {
            world.play(0).leave().unwrap();
        }
        world.run(seconds(4));
        for member in 1..4 {
            let game = world.play(member).game().unwrap();
            assert_eq!((game.host, game.table.term), (id(1), 2));
            assert_eq!(game.table.players.len(), 3);
        }
        world.run_to_the_end(1);
        assert!(world.same(1, 2) > 8 && world.same(1, 3) > 8);
        assert_eq!(world.seen(2).differed + world.seen(3).differed, 0);
    }
}

#[test]
fn two_hosts_in_a_row_may_leave_at_once() {
    let mut world = World::new(4, Path::millis(50, 10, 20), 9);
    world.begin(1..4);
    world.run(seconds(5));
    world.play(0).leave().unwrap();
    world.play(1).leave().unwrap();
    world.run(seconds(15));
    for member in 2..4 {
        assert_eq!(world.play(member).game().unwrap().host, id(2), "{member}");
    }
    assert!(world.play(0).game().is_none());
    world.run_to_the_end(2);
    assert!(world.same(2, 3) > 5);
}

#[test]
fn who_is_cut_off_for_a_while_has_everything_afterwards() {
    let mut world = World::new(3, Path::millis(40, 5, 10), 11);
    world.begin(1..3);
    world.run(seconds(4));
    world.cut = vec![(0, 2), (2, 0)];
    world.run(seconds(5));
    assert!(world.play(2).game().unwrap().stalled || world.seen(2).hashes.len() > 3);
    world.cut.clear();
    world.unlink(0, 2);
    world.link(0, 2);
    world.run_to_the_end(0);
    assert!(world.same(0, 2) > 10);
    let last = |member: usize| *world.seen(member).hashes.last_key_value().unwrap().0;
    assert_eq!(last(0), last(2));
}

#[test]
fn a_game_with_one_player_left_goes_back_to_waiting() {
    let mut world = World::new(2, Path::millis(20, 0, 0), 13);
    world.begin(1..2);
    world.run(seconds(4));
    world.leave(1);
    world.run(seconds(10));
    let now = world.now;
    let game = world.play(0).game().unwrap();
    assert_eq!(game.table.players.len(), 1);
    assert!(game.state.unwrap().is_over());
    assert!(world.play(0).poll_timeout().is_none());
    assert_eq!(world.play(0).start(now).unwrap_err().code(), "game_alone");
}

#[test]
fn whoever_only_watches_sees_every_tick_and_changes_nothing() {
    let mut world = World::new(3, Path::millis(70, 10, 50), 15);
    world.offer(1..2);
    let now = world.now;
    world.play(2).join(now, 4_711, true).unwrap();
    world.run(seconds(1));
    let now = world.now;
    world.play(0).start(now).unwrap();
    world.run_to_the_end(0);
    assert_eq!(world.play(0).game().unwrap().table.watchers, [id(2)]);
    assert!(world.same(0, 2) > 10);
}

/// A message from somebody, made up.
fn forged(from: usize, message: &GameMessage) -> GameInput {
    GameInput::Game { peer: id(from), bytes: message.encode().into_bytes() }
}

/// Inputs of the first round by its first host, from the tick on that a member lacks.
fn made_up(world: &mut World, member: usize, count: u32, turn: Turn) -> GameInputs {
    let have = world.play(member).game().unwrap().state.unwrap().tick();
    let inputs = Inputs::default().with(0, turn).with(1, turn);
    let inputs = vec![Run(count, inputs)];
    GameInputs { game: 4_711, round: 1, term: 1, from: have, inputs, heard: Vec::new(), early: Vec::new() }
}

#[test]
fn a_round_that_came_out_otherwise_is_computed_again() {
    let mut world = World::new(3, Path::millis(30, 5, 0), 17);
    world.begin(1..3);
    world.run(Duration::from_millis(3_500));
    // A host that tells one player another story.
    let lie = made_up(&mut world, 2, 4, Turn::Left);
    let now = world.now;
    world.play(2).handle(now, forged(0, &GameMessage::GameInputs(lie)));
    world.run_to_the_end(0);
    assert_eq!(world.seen(2).differed, 1);
    assert_eq!(world.seen(1).differed, 0);
    let last = |member: usize| world.seen(member).hashes.last_key_value().map(|(key, hash)| (*key, *hash));
    assert_eq!(last(2), last(0));
}

#[test]
fn whoever_is_not_the_host_fixes_nothing() {
    let mut world = World::new(3, Path::millis(30, 5, 0), 19);
    world.begin(1..3);
    world.run(seconds(4));
    let lie = made_up(&mut world, 2, 300, Turn::Gone);
    let have = lie.from;
    let now = world.now;
    let of_another_term = GameInputs { term: 2, ..lie.clone() };
    world.play(2).handle(now, forged(1, &GameMessage::GameInputs(lie)));
    world.play(2).handle(now, forged(0, &GameMessage::GameInputs(of_another_term)));
    assert_eq!(world.play(2).game().unwrap().state.unwrap().tick(), have);
    // Nor does a claim to host the game while its host is there.
    let claim = Table { term: 9, ..world.play(1).game().unwrap().table.clone() };
    let claim = RoundsMessage::Table(claim).encode().into_bytes();
    world.play(2).handle(now, GameInput::Rounds { peer: id(1), bytes: claim });
    assert_eq!(world.play(2).game().unwrap().host, id(0));
    world.run_to_the_end(0);
    assert!(world.same(0, 2) > 5);
}

#[test]
fn turns_of_the_far_future_end_when_their_time_comes() {
    let mut world = World::new(2, Path::millis(30, 5, 0), 21);
    world.begin(1..2);
    world.run(seconds(1));
    let turns = vec![Run(7_000, Turn::Left)];
    let flood = GameMessage::PlayerMove(PlayerMove { game: 4_711, round: 1, from: 0, turns, have: 0 });
    let now = world.now;
    for _ in 0..1_000 {
        world.play(0).handle(now, forged(1, &flood));
    }
    world.run_to_the_end(0);
    assert!(world.same(0, 1) > 5);
}

fn any_turns() -> impl Strategy<Value = Vec<Run<Turn>>> {
    let turn = prop_oneof![Just(Turn::Left), Just(Turn::Right), Just(Turn::Straight), Just(Turn::Gone)];
    prop::collection::vec((0..400_u32, turn).prop_map(|(count, turn)| Run(count, turn)), 0..6)
}

fn any_inputs() -> impl Strategy<Value = Vec<Run<Inputs>>> {
    any_turns().prop_map(|turns| {
        turns.into_iter().map(|Run(count, turn)| Run(count, Inputs::default().with(1, turn))).collect()
    })
}

fn any_game_message() -> impl Strategy<Value = GameMessage> {
    let tick = || prop_oneof![0..700_u32, Just(7_200_u32)];
    let moved = (any_turns(), tick(), tick(), 0..3_u32).prop_map(|(turns, from, have, round)| {
        GameMessage::PlayerMove(PlayerMove { game: 4_711, round, from, turns, have })
    });
    let early = prop::collection::vec(any::<i32>(), 0..6);
    let inputs = (any_inputs(), tick(), early, 0..3_u32).prop_map(|(inputs, from, early, round)| {
        let heard = early.iter().map(|early| early.unsigned_abs() % 7_200).collect();
        GameMessage::GameInputs(GameInputs { game: 4_711, round, term: 1, from, inputs, heard, early })
    });
    let state = (tick(), any::<u64>()).prop_map(|(tick, hash)| {
        GameMessage::GameState(GameState { game: 4_711, round: 1, tick, hash: StateHash(hash) })
    });
    prop_oneof![moved, inputs, state]
}

fn any_rounds_message() -> impl Strategy<Value = RoundsMessage> {
    let round = || 0..4_u32;
    let seats = || prop::sample::subsequence((0..5).map(id).collect::<Vec<_>>(), 2..=5);
    let table = (seats(), prop::option::of((1..4_u32, seats())), 1..4_u32, any::<bool>()).prop_map(
        |(players, round, term, over)| {
            let round = round.map(|(number, seats)| Round { number, seed: 5, seats, counted: over });
            let players = players.into_iter().map(|peer| Player { peer, score: 1 }).collect();
            let kind = GameKind::Curves;
            RoundsMessage::Table(Table {
                game: 4_711,
                kind,
                term,
                players,
                watchers: vec![],
                target: 5,
                round,
                over,
            })
        },
    );
    let want = prop_oneof![Just(Want::Play), Just(Want::Watch), Just(Want::Nothing)];
    let log = (any_inputs(), 0..400_u32, round())
        .prop_map(|(inputs, from, round)| RoundsMessage::Log(Log { game: 4_711, round, from, inputs }));
    prop_oneof![
        table,
        Just(RoundsMessage::Closed { game: 4_711 }),
        want.prop_map(|want| RoundsMessage::Seat { game: 4_711, want }),
        (round(), 0..400_u32).prop_map(|(round, have)| RoundsMessage::Behind { game: 4_711, round, have }),
        log,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn whatever_hostile_members_say_in_the_middle_of_a_game_it_comes_to_nothing(
        seed in 0..100_u64,
        said in prop::collection::vec(
            (0..3_usize, 0..3_usize, prop_oneof![
                any_game_message().prop_map(|message| (true, message.encode())),
                any_rounds_message().prop_map(|message| (false, message.encode())),
            ]),
            1..40,
        ),
    ) {
        let mut world = World::new(3, Path::millis(20, 5, 10), seed);
        world.begin(1..3);
        world.run(seconds(2));
        for (to, from, (lossy, text)) in said {
            let (now, peer, bytes) = (world.now, id(from), text.into_bytes());
            let input = if lossy { GameInput::Game { peer, bytes } } else { GameInput::Rounds { peer, bytes } };
            world.play(to).handle(now, input);
            world.run(Duration::from_millis(40));
        }
        world.run(seconds(1));
        // Everybody can still leave, and play with somebody else.
        for member in 0..3 {
            let _ = world.play(member).leave();
        }
        world.run(seconds(1));
        let now = world.now;
        prop_assert!(world.play(0).offer(now, GameKind::Curves, 1).is_ok());
    }

    #[test]
    fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut world = World::new(2, Path::millis(20, 0, 0), 1);
        let now = world.now;
        world.play(0).handle(now, GameInput::Game { peer: id(1), bytes: bytes.clone() });
        world.play(0).handle(now, GameInput::Rounds { peer: id(1), bytes });
        prop_assert!(world.play(0).game().is_none());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn everybody_agrees_however_bad_the_path_is(
        seed in 0..1_000_u64,
        members in 2..=6_usize,
        delay in 0..200_u64,
        jitter in 0..80_u64,
        lost in 0..200_u64,
        leaving in prop::option::of((0..6_usize, 2..20_u64)),
    ) {
        let mut world = World::new(members, Path::millis(delay, jitter, lost), seed);
        world.begin(1..members);
        let leaving = leaving.filter(|(who, _)| *who < members && members > 2);
        match leaving {
            Some((who, after)) => {
                world.run(seconds(after));
                world.leave(who);
                world.run(seconds(25));
            }
            None => world.run(seconds(30)),
        }
        for one in 0..members {
            for two in 0..one {
                let same = world.same(one, two);
                // Whoever leaves while it is counted down has seen nothing of the round.
                let gone = leaving.is_some_and(|(who, _)| who == one || who == two);
                prop_assert!(gone || same > 1);
            }
            prop_assert_eq!(world.seen(one).differed, 0);
        }
    }
}
