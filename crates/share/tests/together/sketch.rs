//! Whole games of *Draw and guess*, by people and by bots, in simulated time.

use crate::sketch_world::{World, id};
use proptest::prelude::*;
use tincan_protocol::{
    Color, Drawing, InkKind, OpenedWord, Point, SketchDeed, SketchLanguage, SketchMessage, SketchMove,
    SketchState, Solved, Style, Verdict, Want, WordPromise,
};
use tincan_share::LiveStroke;
use tincan_share::sketch::{Said, word_promise};

fn style() -> Style {
    Style { color: Color([0x16, 0x1b, 0x1d]), fill: None, width: 40, size: 160 }
}

fn line(from: i32) -> Vec<Point> {
    (0..50).map(|at| Point { x: from + at * 40, y: 900 + at * 7, pressure: 128 }).collect()
}

/// Whoever has the turn chooses the first word; says who that is, and the word.
fn choose(world: &mut World) -> (usize, String) {
    let (drawer, now) = (world.drawer(0), world.now);
    world.sketch(drawer).choose(now, 0).unwrap();
    world.run(500);
    (drawer, word(world, drawer).unwrap())
}

fn word(world: &World, member: usize) -> Option<String> {
    world.members[member].sketch.game()?.turn?.word.map(str::to_owned)
}

fn guess(world: &mut World, member: usize, text: &str) {
    let now = world.now;
    world.sketch(member).guess(now, text).unwrap();
    world.run(500);
}

fn said(world: &World, member: usize) -> Vec<Said> {
    world.members[member].sketch.game().unwrap().turn.unwrap().said.to_vec()
}

fn verdicts(world: &World, member: usize) -> Vec<Option<Verdict>> {
    let own = world.members[member].sketch.game().unwrap().turn.unwrap().own.to_vec();
    own.into_iter().map(|guess| guess.verdict).collect()
}

/// Says something in somebody's name to all others, made up.
fn moved(world: &World, deed: SketchDeed) -> SketchMessage {
    let state = world.state(0);
    SketchMessage::PlayerMove(SketchMove { game: state.game, turn: state.turn.unwrap().id, deed })
}

#[test]
fn bots_play_a_game_to_its_end_and_everybody_has_the_same_outcome() {
    let mut world = World::new(4, true, 80, 50, 3);
    world.begin(1..4, 2, 60);
    world.run_to_the_end(0);
    let state = world.state(0);
    for member in 1..4 {
        assert_eq!(world.state(member), state);
        assert_eq!(world.members[member].words, world.members[0].words);
        assert!(world.members[member].live > 20, "{}", world.members[member].live);
    }
    assert_eq!(world.members[0].words.len(), 8);
    assert!(state.players.iter().all(|player| player.drew == 2));
    let points: u32 = state.players.iter().map(|player| player.score).sum();
    assert!(points > 400, "{points}");
    // And another one.
    let now = world.now;
    world.sketch(0).start(now).unwrap();
    world.run(1_000);
    assert!(world.state(3).players.iter().all(|player| player.score == 0));
    world.run_to_the_end(3);
}

#[test]
fn what_is_right_is_told_nobody_who_still_guesses_and_what_is_close_only_whoever_guessed_it() {
    let mut world = World::new(3, false, 40, 0, 5);
    world.begin(1..3, 1, 60);
    let (drawer, word) = choose(&mut world);
    let others: Vec<usize> = (0..3).filter(|one| *one != drawer).collect();
    let (one, two) = (others[0], others[1]);
    guess(&mut world, one, "certainly wrong");
    assert_eq!(verdicts(&world, one), [Some(Verdict::Wrong)]);
    let wrong = Said::Guess { peer: id(one), text: "certainly wrong".into() };
    for member in [two, drawer] {
        assert_eq!(said(&world, member), std::slice::from_ref(&wrong));
    }

    let near: String = word.chars().chain(['s']).collect();
    guess(&mut world, one, &near);
    let expected = if word.chars().filter(|one| one.is_alphanumeric()).count() >= 4 {
        Verdict::Close
    } else {
        Verdict::Wrong
    };
    assert_eq!(verdicts(&world, one).last(), Some(&Some(expected)));
    if expected == Verdict::Close {
        assert_eq!(said(&world, two).len(), 1);
    }
    guess(&mut world, one, &format!("  {}!", word.to_uppercase()));
    assert_eq!(verdicts(&world, one).last(), Some(&Some(Verdict::Right)));
    assert_eq!(said(&world, two).last(), Some(&Said::Solved(id(one))));
    assert_eq!(self::word(&world, two), None);
    let now = world.now;
    assert_eq!(world.sketch(one).guess(now, "more").unwrap_err().code(), "game_not_guessing");
    assert_eq!(world.sketch(drawer).guess(now, &word).unwrap_err().code(), "game_not_guessing");

    world.run(20_000);
    guess(&mut world, two, &word);
    // Everybody has it: the turn is over at once.
    for member in 0..3 {
        assert_eq!(self::word(&world, member), Some(word.clone()));
        assert!(world.members[member].sketch.game().unwrap().turn.unwrap().fair);
    }
    assert!(world.score(one, 0) > world.score(two, 0) && world.score(two, 0) > 50);
    assert_eq!(world.score(drawer, 0), 90);
    assert_eq!(world.state(2), world.state(0));
}

#[test]
fn strokes_are_seen_while_they_are_drawn_and_undone_and_wiped() {
    let mut world = World::new(3, false, 40, 100, 7);
    world.begin(1..3, 1, 60);
    let (drawer, _) = choose(&mut world);
    let other = (drawer + 1) % 3;
    let points = line(0);
    for part in 0..5 {
        let points = points[part * 10..(part + 1) * 10].to_vec();
        let live = LiveStroke { number: 1, kind: InkKind::Pen, style: style(), keep: part * 10, points };
        world.sketch(drawer).draw_live(Some(live)).unwrap();
        let now = world.now;
        world.sketch(drawer).handle_timeout(now);
        world.run(50);
    }
    assert!(world.members[other].live >= 3, "{}", world.members[other].live);
    assert!(world.sketch(other).sheet().is_empty());
    world.sketch(drawer).draw(1, InkKind::Pen, style(), &points).unwrap();
    world.sketch(drawer).draw(2, InkKind::Marker, style(), &line(900)).unwrap();
    world.run(500);
    for member in 0..3 {
        assert_eq!(world.sketch(member).sheet().len(), 2);
    }
    world.sketch(drawer).undo().unwrap();
    world.sketch(drawer).draw(3, InkKind::Pen, style(), &line(50)).unwrap();
    world.sketch(drawer).clear().unwrap();
    world.run(500);
    let sheet = world.sketch(drawer).sheet().to_vec();
    assert_eq!(sheet.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(world.sketch(other).sheet(), sheet);
    world.sketch(drawer).undo().unwrap();
    world.sketch(drawer).undo().unwrap();
    world.run(500);
    assert_eq!(world.sketch(other).sheet().len(), 1);
    assert_eq!(world.sketch(other).undo().unwrap_err().code(), "game_not_drawing");
    assert!(world.sketch(other).draw(1, InkKind::Pen, style(), &points).is_err());
}

#[test]
fn who_comes_later_sees_all_of_the_turn_and_plays_the_next() {
    let mut world = World::new(4, false, 40, 0, 9);
    world.begin(1..3, 1, 60);
    let (drawer, word) = choose(&mut world);
    for number in 1..=40 {
        world.sketch(drawer).draw(number, InkKind::Pen, style(), &line(number as i32)).unwrap();
    }
    guess(&mut world, (drawer + 1) % 3, "nothing like it");
    world.join(3, false);
    world.run(1_000);
    assert_eq!(world.sketch(3).sheet().len(), 40);
    assert_eq!(said(&world, 3).len(), 1);
    let now = world.now;
    assert_eq!(world.sketch(3).guess(now, &word).unwrap_err().code(), "game_not_guessing");
    world.run_to_the_next_turn(3);
    world.run(1_000);
    let turn = world.state(3).turn.unwrap();
    assert!(turn.guessers.contains(&id(3)) || turn.drawer == id(3));
    // Everybody draws once in the round, the newcomer too.
    world.run_to_the_end(0);
    assert!(world.state(3).players.iter().all(|player| player.drew == 1));
}

#[test]
fn the_host_may_leave_in_the_middle_of_a_turn_and_no_score_is_lost() {
    for crashes in [true, false] {
        let mut world = World::new(4, false, 40, 0, 11);
        world.begin(1..4, 2, 30);
        let (first, word) = choose(&mut world);
        assert_eq!(first, 0);
        for member in 1..4 {
            guess(&mut world, member, &word);
        }
        world.run_to_the_next_turn(2);
        let (drawer, word) = choose(&mut world);
        let scores: Vec<u32> = (1..4).map(|member| world.score(member, 3)).collect();
        assert!(scores.iter().all(|score| *score > 90));
        guess(&mut world, 3, &word);
        if crashes {
            world.crash(0);
        } else {
            world.sketch(0).leave().unwrap();
        }
        world.run(2_000);
        for member in 1..4 {
            let game = world.members[member].sketch.game().unwrap();
            assert_eq!((game.host, game.state.term, game.stalled), (id(1), 2, false));
            assert_eq!(game.state.players.len(), 3);
        }
        // The turn goes on as if nothing had happened: who is left guesses, and it counts.
        let left = (1..4).find(|member| ![3, drawer].contains(member)).unwrap();
        guess(&mut world, left, &word);
        world.run(1_000);
        for (member, before) in (1..4).zip(scores) {
            assert!(world.score(member, 2) > before, "{member}");
        }
        world.run_to_the_end(1);
        assert_eq!(world.state(1), world.state(3));
        assert_eq!(world.state(1), world.state(2));
    }
}

#[test]
fn two_hosts_may_leave_at_once_and_the_third_goes_on() {
    let mut world = World::new(5, true, 40, 0, 13);
    world.begin(1..5, 2, 30);
    world.run(9_000);
    world.sketch(0).leave().unwrap();
    world.crash(1);
    world.run(15_000);
    for member in 2..5 {
        assert_eq!(world.members[member].sketch.game().unwrap().host, id(2));
    }
    world.run_to_the_end(2);
    assert_eq!(world.state(2), world.state(4));
    assert_eq!(world.state(2), world.state(3));
}

#[test]
fn the_drawer_may_leave_and_who_has_guessed_it_keeps_the_points() {
    for crashes in [true, false] {
        let mut world = World::new(3, false, 40, 0, 15);
        world.begin(1..3, 2, 60);
        choose(&mut world);
        world.run_to_the_next_turn(2);
        let (drawer, word) = choose(&mut world);
        assert_eq!(drawer, 1);
        guess(&mut world, 2, &word);
        let turn = world.state(0).turn.unwrap().id;
        if crashes {
            world.crash(1);
        } else {
            world.sketch(1).leave().unwrap();
        }
        world.run(1_000);
        let state = world.state(2);
        assert_eq!(state.turn.as_ref().map(|turn| turn.id), Some(turn));
        assert!(state.turn.unwrap().gained.is_some());
        assert_eq!(self::word(&world, 2), (!crashes).then_some(word));
        assert!(world.score(2, 0) > 90);
        world.run_to_the_next_turn(0);
        world.run(1_000);
        assert_ne!(world.drawer(0), 1);
        assert_eq!(world.state(0), world.state(2));
    }
}

#[test]
fn who_does_not_choose_gets_a_word_by_chance_and_who_says_nothing_is_passed_over() {
    let mut world = World::new(3, false, 40, 0, 17);
    world.begin(1..3, 1, 15);
    assert!(world.members[0].sketch.game().unwrap().turn.unwrap().choices.len() == 3);
    world.run(16_000);
    assert!(word(&world, 0).is_some());
    let hint = world.members[1].sketch.game().unwrap().turn.unwrap().hint.to_owned();
    assert!(hint.contains('_'), "{hint}");
    world.run_to_the_next_turn(0);
    // A drawer whose every link is gone, and who is in the room all the same.
    let drawer = world.drawer(0);
    for other in (0..3).filter(|other| *other != drawer) {
        world.unlink(drawer, other);
    }
    world.run_to_the_next_turn(0);
    assert_ne!(world.drawer(0), drawer);
}

#[test]
fn a_link_that_is_made_anew_loses_nothing_and_doubles_nothing() {
    let mut world = World::new(3, false, 60, 0, 19);
    world.begin(1..3, 1, 60);
    let (drawer, word) = choose(&mut world);
    let (one, two) = ((drawer + 1) % 3, (drawer + 2) % 3);
    world.sketch(drawer).draw(1, InkKind::Pen, style(), &line(0)).unwrap();
    guess(&mut world, one, "first");
    world.unlink(drawer, one);
    let now = world.now;
    world.sketch(one).guess(now, "second").unwrap();
    world.sketch(one).guess(now, &word).unwrap();
    world.sketch(drawer).draw(2, InkKind::Pen, style(), &line(90)).unwrap();
    world.sketch(drawer).undo().unwrap();
    world.sketch(drawer).draw(3, InkKind::Pen, style(), &line(190)).unwrap();
    world.run(3_000);
    assert_eq!(verdicts(&world, one), [Some(Verdict::Wrong), None, None]);
    world.link(drawer, one);
    world.link(one, two);
    world.run(2_000);
    assert_eq!(verdicts(&world, one), [Some(Verdict::Wrong), Some(Verdict::Wrong), Some(Verdict::Right)]);
    assert_eq!(said(&world, two).len(), 3);
    let sheet = world.sketch(drawer).sheet().to_vec();
    assert_eq!(world.sketch(one).sheet(), sheet);
}

#[test]
fn a_game_with_one_player_left_is_over_and_a_watcher_changes_nothing() {
    let mut world = World::new(3, false, 20, 0, 21);
    world.begin(1..2, 3, 60);
    world.join(2, true);
    world.run(1_000);
    let (drawer, word) = choose(&mut world);
    let now = world.now;
    assert!(world.sketch(2).guess(now, &word).is_err());
    assert_eq!(world.state(2).watchers, [id(2)]);
    world.crash(1 - drawer);
    world.run(10_000);
    assert!(world.state(2).over);
    let now = world.now;
    assert_eq!(world.sketch(0).start(now).unwrap_err().code(), "game_alone");
}

#[test]
fn a_member_cannot_take_a_turn_judge_score_or_host_for_another() {
    let mut world = World::new(3, false, 40, 0, 23);
    world.begin(1..3, 1, 60);
    let (drawer, word) = choose(&mut world);
    let (victim, eve) = ((drawer + 1) % 3, (drawer + 2) % 3);
    let before = world.state(victim);
    let now = world.now;
    world.sketch(victim).guess(now, "unanswered").unwrap();
    let drawing = Drawing {
        promise: WordPromise([9; 32]),
        hint: "_".into(),
        elapsed: 0,
        solved: vec![Solved { peer: id(eve), after: 0 }],
        opened: Some(OpenedWord { word: "x".into(), salt: WordPromise([9; 32]) }),
    };
    let players =
        before.players.iter().map(|one| tincan_protocol::SketchPlayer { score: 999, ..*one }).collect();
    let claim = SketchState { term: 9, players, over: true, ..before.clone() };
    for message in [
        moved(&world, SketchDeed::Judged { number: 1, verdict: Verdict::Right }),
        moved(&world, SketchDeed::Drawing(drawing)),
        moved(&world, SketchDeed::Sheet { from: 0, strokes: vec![None] }),
        SketchMessage::GameState(claim),
        SketchMessage::Closed { game: before.game },
        SketchMessage::Seat { game: before.game, want: Want::Nothing },
    ] {
        world.forge(eve, victim, &message);
    }
    assert_eq!(world.state(victim), before);
    assert_eq!(verdicts(&world, victim), [None]);
    assert!(world.sketch(victim).sheet().is_empty());
    assert_eq!(self::word(&world, victim), None);
    // The drawer's own word cannot be changed by the drawer either.
    let promise = WordPromise([1; 32]);
    let other = Drawing { promise, hint: "_".into(), elapsed: 0, solved: Vec::new(), opened: None };
    let other = moved(&world, SketchDeed::Drawing(other));
    world.forge(drawer, victim, &other);
    let hint = world.members[victim].sketch.game().unwrap().turn.unwrap().hint.to_owned();
    assert_eq!(hint.chars().count(), word.chars().count());
    // Who asks for the sheet again and again gets it some times.
    for number in 1..=30 {
        world.sketch(drawer).draw(number, InkKind::Pen, style(), &line(0)).unwrap();
    }
    world.run(500);
    let sent = world.told(drawer, eve);
    for _ in 0..500 {
        let here = moved(&world, SketchDeed::Here);
        world.forge(eve, drawer, &here);
        world.settle();
    }
    assert!(world.told(drawer, eve) - sent < 300, "{}", world.told(drawer, eve) - sent);
    // A thousand guesses at once are a few, and no more than one a second afterwards.
    for number in 1..=200 {
        let flood = moved(&world, SketchDeed::Guess { number, text: "flood".into() });
        world.forge(eve, drawer, &flood);
    }
    world.run(1_000);
    assert!(said(&world, drawer).len() <= 8, "{}", said(&world, drawer).len());
}

#[test]
fn a_word_that_is_not_the_one_that_was_promised_counts_for_nobody_and_all_see_it() {
    for kept in [true, false] {
        let mut world = World::new(3, false, 40, 0, 25);
        world.begin(1..3, 1, 60);
        choose(&mut world);
        world.run_to_the_next_turn(2);
        world.run(500);
        // A program of the drawer's own making, since its honest one has not chosen yet.
        let drawer = world.drawer(0);
        assert_eq!(drawer, 1);
        let before = world.score(2, 0);
        let (game, turn) = (world.state(0).game, world.state(0).turn.unwrap().id);
        let salt = [7; 32];
        let promise = word_promise(game, turn, &salt, "another");
        let word = if kept { "another" } else { "something" };
        let opened = OpenedWord { word: word.into(), salt: WordPromise(salt) };
        let drawing =
            Drawing { promise, hint: "_______".into(), elapsed: 0, solved: Vec::new(), opened: None };
        let solved = vec![Solved { peer: id(2), after: 0 }];
        for drawing in [
            drawing.clone(),
            Drawing { solved: solved.clone(), ..drawing.clone() },
            Drawing { solved, opened: Some(opened), ..drawing },
        ] {
            let message = moved(&world, SketchDeed::Drawing(drawing));
            world.forge(drawer, 0, &message);
            world.forge(drawer, 2, &message);
        }
        world.run(500);
        for member in [0, 2] {
            assert_eq!(world.score(2, member) - before, if kept { 100 } else { 0 });
            assert_eq!(world.members[member].sketch.game().unwrap().turn.unwrap().fair, kept);
        }
    }
}

#[test]
fn guesses_come_no_faster_than_they_are_judged() {
    let mut world = World::new(2, false, 100, 0, 27);
    world.begin(1..2, 1, 60);
    let (drawer, _) = choose(&mut world);
    let now = world.now;
    for _ in 0..5 {
        world.sketch(1 - drawer).guess(now, "wrong").unwrap();
    }
    assert_eq!(world.sketch(1 - drawer).guess(now, "wrong").unwrap_err().code(), "game_too_fast");
    world.run(3_000);
    let now = world.now;
    assert!(world.sketch(1 - drawer).guess(now, "again").is_ok());
}

#[test]
fn settings_have_bounds() {
    let mut world = World::new(1, false, 0, 0, 1);
    for (rounds, seconds) in [(0, 60), (11, 60), (1, 14), (1, 241)] {
        let error = world.sketch(0).offer(SketchLanguage::De, rounds, seconds).unwrap_err();
        assert_eq!(error.code(), "game_bounds");
    }
    world.sketch(0).offer(SketchLanguage::De, 10, 240).unwrap();
}

/// What anybody could say, with numbers that may fit.
fn any_deed() -> impl Strategy<Value = SketchDeed> {
    let drawing = (any::<bool>(), prop::collection::btree_set(0..4_usize, 0..3), any::<bool>()).prop_map(
        |(same, solved, opened)| {
            let solved = solved.into_iter().map(|one| Solved { peer: id(one), after: 10 }).collect();
            let opened = opened.then(|| OpenedWord { word: "x".into(), salt: WordPromise([2; 32]) });
            let promise = WordPromise([u8::from(same); 32]);
            SketchDeed::Drawing(Drawing { promise, hint: "_".into(), elapsed: 5, solved, opened })
        },
    );
    let verdict = prop_oneof![Just(Verdict::Right), Just(Verdict::Close), Just(Verdict::Wrong)];
    prop_oneof![
        Just(SketchDeed::Here),
        drawing,
        (0..3_usize).prop_map(|from| SketchDeed::Sheet { from, strokes: vec![None] }),
        (1..5_u32, "[a-c]{1,3}").prop_map(|(number, text)| SketchDeed::Guess { number, text }),
        (1..5_u32, verdict).prop_map(|(number, verdict)| SketchDeed::Judged { number, verdict }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn whatever_hostile_members_say_in_the_middle_of_a_game_it_comes_to_an_end(
        seed in 0..1_000_u64,
        hostile in prop::collection::vec(0..4_usize, 1..3),
        said in prop::collection::vec((any::<prop::sample::Index>(), 0..4_usize, prop_oneof![
            any_deed().prop_map(Some),
            Just(None),
        ], 1..12_u32), 1..40),
    ) {
        let mut world = World::new(4, true, 20, 10, seed);
        world.begin(1..4, 1, 15);
        world.run(2_000);
        for (from, to, deed, term) in said {
            let from = *from.get(&hostile);
            if from != to {
                let state = world.members[0].sketch.game().map(|game| game.state.clone());
                let Some(state) = state.filter(|state| state.turn.is_some()) else { break };
                let turn = state.turn.as_ref().unwrap().id;
                let message = match deed {
                    Some(deed) => SketchMessage::PlayerMove(SketchMove { game: state.game, turn, deed }),
                    None => SketchMessage::GameState(SketchState { term, ..state }),
                };
                world.forge(from, to, &message);
            }
            world.run(200);
        }
        world.run(30_000);
        // Everybody can still leave, and play with somebody else.
        for member in 0..4 {
            let _ = world.sketch(member).leave();
        }
        world.run(1_000);
        prop_assert!(world.sketch(0).offer(SketchLanguage::Fr, 1, 60).is_ok());
    }

    #[test]
    fn everybody_has_the_same_outcome_whoever_leaves_comes_and_breaks_off_when(
        seed in 0..10_000_u64,
        players in 2..=7_usize,
        delay in 0..300_u64,
        lost in 0..300_u64,
        events in prop::collection::vec((0..8_usize, 0..8_usize, 0..4_u8, 100..15_000_u64), 0..10),
    ) {
        let mut world = World::new(8, true, delay, lost, seed);
        world.begin(1..players, 1, 20);
        let mut gone = Vec::new();
        for (one, two, what, after) in events {
            world.run(after);
            let now = world.now;
            match what {
                0 if gone.len() < 4 && !gone.contains(&one) => {
                    gone.push(one);
                    world.crash(one);
                }
                1 if !gone.contains(&one) => {
                    let _ = world.sketch(one).leave();
                }
                2 if one != two && !gone.contains(&one) && !gone.contains(&two) => world.link(one, two),
                3 if !gone.contains(&one) => {
                    let offered = world.sketch(one).offers().next().map(|(_, state)| state.game);
                    if let Some(game) = offered {
                        let _ = world.sketch(one).join(now, game, two == 0);
                    }
                }
                _ => {}
            }
        }
        // A game takes at most eight turns of 15 s to choose, 20 s, and the pause; and whoever came in between.
        for _ in 0..40 {
            world.run(10_000);
        }
        let left: Vec<usize> = (0..8)
            .filter(|member| !gone.contains(member) && world.members[*member].sketch.game().is_some())
            .collect();
        for member in &left {
            prop_assert!(world.state(*member).over || world.state(*member).turn.is_none());
            prop_assert_eq!(world.state(*member), world.state(left[0]));
        }
        let hosts = left.iter().filter(|member| {
            world.members[**member].sketch.game().is_some_and(|game| game.host == id(**member))
        });
        prop_assert_eq!(hosts.count(), usize::from(!left.is_empty()));
    }
}
