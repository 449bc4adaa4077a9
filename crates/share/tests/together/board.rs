//! The board of several members whose links break, come back and are slow, in any order.

use std::time::Duration;

use crate::board_world::{STYLE, World, any_message, deed, edit, id, new, shown};
use proptest::prelude::*;
use tincan_protocol::{
    BoardMessage, Change, Draw, ElementId, ElementKind, Frame, MAX_POINTS, Point, Points, Remove, Removed,
    Value,
};
use tincan_share::{
    Board, BoardError, BoardInput, Edit, MAX_AUTHOR_COST, MAX_BOARD_AUTHORS, MAX_ELEMENTS, New, Place,
};

/// Three who are all linked.
fn three() -> World {
    let mut world = World::new(3);
    world.join_all();
    world.settle();
    world
}

fn frame(world: &mut World, member: usize, id: ElementId) -> Option<Frame> {
    world.board(member).element(id).map(|element| element.frame)
}

fn to(id: ElementId, at: [i32; 4]) -> Vec<Edit> {
    vec![Edit { frame: Some(Frame(at)), ..edit(id) }]
}

#[test]
fn what_is_drawn_changed_and_deleted_is_the_same_for_all() {
    let mut world = three();
    let (stroke, note) = (world.draw(0, ElementKind::Pen), world.draw(1, ElementKind::Note));
    world.settle();
    // Who moves a note and who writes in it at the same time both have their way.
    world.board(0).change(to(note, [5, 5, 300, 200]), None).unwrap();
    world.board(2).change(vec![Edit { text: Some("hello".into()), ..edit(note) }], None).unwrap();
    world.board(1).change(to(stroke, [0, 0, 10, 10]), None).unwrap();
    world.settle();
    world.check();
    for member in 0..3 {
        let element = world.board(member).element(note).unwrap();
        assert_eq!((element.frame, element.text), (Frame([5, 5, 300, 200]), "hello"));
    }
    world.board(2).remove(&[stroke], None).unwrap();
    // Moved by one while deleted by another: it is deleted.
    world.board(0).change(to(stroke, [9, 9, 10, 10]), None).unwrap();
    world.settle();
    world.check();
    assert_eq!(world.view(0).len(), 1);
}

#[test]
fn what_two_move_at_once_ends_in_one_place() {
    let mut world = three();
    let stroke = world.draw(0, ElementKind::Pen);
    world.settle();
    world.break_link(0, 1);
    world.board(0).change(to(stroke, [1, 1, 100, 50]), None).unwrap();
    world.board(1).change(to(stroke, [2, 2, 100, 50]), None).unwrap();
    world.settle();
    world.reconnect();
    world.settle();
    world.check();
}

#[test]
fn whoever_comes_late_gets_all_of_it_also_from_those_who_left() {
    let mut world = World::new(4);
    (0..3).for_each(|member| world.join(member));
    world.settle();
    let stroke = world.draw(0, ElementKind::Pen);
    world.settle();
    world.board(1).change(to(stroke, [7, 7, 100, 50]), None).unwrap();
    world.draw(1, ElementKind::Note);
    let gone = world.draw(1, ElementKind::Note);
    world.settle();
    world.board(0).remove(&[gone], None).unwrap();
    world.settle();
    world.leave(0);
    world.leave(1);
    world.settle();
    world.join(3);
    world.settle();
    world.check();
    assert_eq!(world.view(3).len(), 2);
    assert_eq!(frame(&mut world, 3, stroke), Some(Frame([7, 7, 100, 50])));
    assert_eq!(world.board(3).element(stroke).unwrap().via, Some(id(2)));
    assert_eq!(world.board(2).element(stroke).unwrap().via, None);
    assert_eq!(world.board(3).name(id(0)), "member 0");
}

#[test]
fn who_left_before_all_heard_what_became_of_it_is_known_alike_in_the_end() {
    let mut world = three();
    // Cyd hears of the first stroke, Ben only of the second: the first was deleted before it was told him.
    world.break_link(0, 1);
    let gone = world.draw(0, ElementKind::Pen);
    world.draw(0, ElementKind::Pen);
    world.settle();
    world.break_link(0, 2);
    world.board(0).remove(&[gone], None).unwrap();
    world.open_link(0, 1);
    // Both introduce themselves, and one deed arrives.
    world.step(0, 1);
    world.step(1, 0);
    world.step(0, 1);
    world.leave(0);
    world.settle();
    world.check();
    assert_eq!(world.view(1).len(), 2, "nobody who is left knows that it was deleted");
}

#[test]
fn undo_and_redo_are_about_what_one_did_and_nobody_went_on_with() {
    let mut world = three();
    let mine = world.draw(0, ElementKind::Note);
    world.settle();
    let theirs = world.draw(1, ElementKind::Note);
    world.settle();
    world.board(0).change(to(mine, [10, 0, 100, 50]), None).unwrap();
    world.board(0).change(to(theirs, [20, 0, 100, 50]), None).unwrap();
    world.settle();
    // Somebody goes on with it: that move is not taken back, the one before is.
    world.board(1).change(to(theirs, [30, 0, 100, 50]), None).unwrap();
    world.settle();
    world.board(0).undo().unwrap();
    assert_eq!(frame(&mut world, 0, theirs), Some(Frame([30, 0, 100, 50])));
    assert_eq!(frame(&mut world, 0, mine), Some(Frame([0, 0, 100, 50])));
    world.board(0).redo().unwrap();
    assert_eq!(frame(&mut world, 0, mine), Some(Frame([10, 0, 100, 50])));
    world.board(0).undo().unwrap();
    world.board(0).undo().unwrap();
    assert_eq!(frame(&mut world, 0, mine), None);
    assert_eq!(world.board(0).undo(), Err(BoardError::NothingToUndo));
    world.board(0).redo().unwrap();
    world.board(0).redo().unwrap();
    assert_eq!(world.board(0).redo(), Err(BoardError::NothingToRedo));
    world.settle();
    world.check();
    let frames: Vec<_> = world.view(2).into_iter().map(|shown| shown.frame.0[0]).collect();
    assert_eq!(frames, [10, 30], "all of it came back, below what it was below");
}

#[test]
fn a_gesture_is_one_step_and_leads_back_to_where_it_began() {
    let mut world = three();
    let note = world.draw(0, ElementKind::Note);
    for x in 1..50 {
        world.board(0).change(to(note, [x, 0, 100, 50]), Some(7)).unwrap();
    }
    world.board(0).undo().unwrap();
    assert_eq!(frame(&mut world, 0, note), Some(Frame([0, 0, 100, 50])));
    world.board(0).redo().unwrap();
    assert_eq!(frame(&mut world, 0, note), Some(Frame([49, 0, 100, 50])));
    // What was dragged is told as it is, and not as it was on the way.
    let before = world.sent(2);
    world.settle();
    assert_eq!(world.sent(2) - before, 2);
    assert_eq!(frame(&mut world, 2, note), Some(Frame([49, 0, 100, 50])));
}

#[test]
fn what_was_deleted_and_came_back_can_be_moved_back_too() {
    let mut world = three();
    let note = world.draw(0, ElementKind::Note);
    world.board(0).change(to(note, [10, 0, 100, 50]), None).unwrap();
    world.board(0).remove(&[note], None).unwrap();
    world.board(0).undo().unwrap();
    let again = world.board(0).elements()[0];
    assert_eq!(frame(&mut world, 0, again), Some(Frame([10, 0, 100, 50])));
    world.board(0).undo().unwrap();
    assert_eq!(frame(&mut world, 0, again), Some(Frame([0, 0, 100, 50])));
    world.board(0).undo().unwrap();
    assert!(world.board(0).elements().is_empty());
    for _ in 0..3 {
        world.board(0).redo().unwrap();
    }
    assert!(world.board(0).elements().is_empty(), "deleted again");
    world.settle();
    world.check();
}

#[test]
fn a_cleared_page_comes_back_with_its_pages_strokes_and_sizes() {
    let mut world = three();
    let page = world.board(0).add(vec![new(ElementKind::Page, None)]).unwrap()[0];
    let on_it = world.board(0).add(vec![new(ElementKind::Pen, Some(page))]).unwrap()[0];
    world.board(0).change(to(on_it, [0, 0, 200, -100]), None).unwrap();
    world.settle();
    world.board(1).add(vec![new(ElementKind::Note, Some(page))]).unwrap();
    world.settle();
    // Drawn by one while another deletes the page: it goes too, and can be brought back.
    world.board(2).remove(&[page], None).unwrap();
    world.board(1).add(vec![new(ElementKind::Line, Some(page))]).unwrap();
    world.settle();
    world.check();
    assert!(world.view(0).is_empty());
    assert_eq!(world.board(1).own().deleted_by_others, 2);
    world.board(2).undo().unwrap();
    world.settle();
    world.check();
    let view = world.view(0);
    assert_eq!(view.len(), 3);
    let page = view.iter().find(|shown| shown.kind == ElementKind::Page).unwrap().id;
    assert!(view.iter().all(|shown| shown.id == page || shown.page == Some(page)));
    let stroke = view.iter().find(|shown| shown.kind == ElementKind::Pen).unwrap();
    assert_eq!(stroke.frame, Frame([0, -100, 200, 100]), "as large as it was, turned over");
    assert_eq!(stroke.points.0[0].y, 100);
    world.board(1).restore().unwrap();
    world.settle();
    world.check();
    let restored = world.view(2).into_iter().filter(|shown| shown.page.is_none()).count();
    assert_eq!(restored, 3, "the page, and on the first one what was on the deleted one");
    assert_eq!(world.board(1).restore(), Err(BoardError::NothingToRestore));
}

#[test]
fn only_own_things_go_when_one_clears_what_is_theirs() {
    let mut world = three();
    let kept = world.draw(0, ElementKind::Pen);
    world.draw(1, ElementKind::Pen);
    world.settle();
    world.board(1).clear(None, true).unwrap();
    world.settle();
    assert_eq!(world.view(2).iter().map(|shown| shown.id).collect::<Vec<_>>(), [kept]);
    world.board(2).clear(None, false).unwrap();
    world.settle();
    world.check();
    assert!(world.view(0).is_empty());
    world.board(0).restore().unwrap();
    world.settle();
    world.check();
    assert_eq!(world.view(2).len(), 1);
}

#[test]
fn things_go_over_and_below_each_other() {
    let mut world = three();
    let ids: Vec<_> = (0..3).map(|_| world.draw(0, ElementKind::Rectangle)).collect();
    world.settle();
    let place = |world: &mut World, which: usize, place| {
        world.board(1).change(vec![Edit { place: Some(place), ..edit(ids[which]) }], None).unwrap();
        world.settle();
        world.check();
        let order = world.board(2).elements();
        order.into_iter().map(|id| ids.iter().position(|one| *one == id).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(place(&mut world, 0, Place::Front), [1, 2, 0]);
    assert_eq!(place(&mut world, 2, Place::Back), [2, 1, 0]);
    assert_eq!(place(&mut world, 2, Place::Over(ids[1])), [1, 2, 0]);
    assert_eq!(place(&mut world, 0, Place::Below(ids[2])), [1, 0, 2]);
}

#[test]
fn a_stroke_of_very_many_points_becomes_several_that_follow_each_other() {
    let mut world = three();
    let points: Vec<_> =
        (0..10_000_i32).map(|n| Point { x: n * 7, y: (n * n) % 991, pressure: 128 }).collect();
    let long = New { points: points.clone(), ..new(ElementKind::Pen, None) };
    let ids = world.board(0).add(vec![long]).unwrap();
    assert!(ids.len() >= 10_000 / MAX_POINTS);
    world.settle();
    world.check();
    let mut joined: Vec<Point> = Vec::new();
    for id in &ids {
        let shown = shown(world.board(2), *id).unwrap();
        let [x, y, ..] = shown.frame.0;
        let part = shown.points.0.iter().map(|point| Point { x: point.x + x, y: point.y + y, ..*point });
        joined.pop();
        joined.extend(part);
    }
    assert_eq!(joined, points);
    world.board(0).undo().unwrap();
    world.settle();
    assert!(world.view(2).is_empty(), "one step");
}

#[test]
fn what_was_deleted_costs_a_newcomer_few_words() {
    let mut world = World::new(3);
    (0..2).for_each(|member| world.join(member));
    for round in 0..300 {
        let id = world.draw(0, ElementKind::Pen);
        // Every other one is deleted by its author.
        world.settle();
        world.board(round % 2).remove(&[id], None).unwrap();
    }
    world.settle();
    world.join(2);
    world.settle();
    world.check();
    assert!((4..12).contains(&world.sent(2)), "{}", world.sent(2));
}

#[test]
fn pictures_come_whole_from_whoever_has_them() {
    let mut world = World::new(4);
    (0..3).for_each(|member| world.join(member));
    world.settle();
    let picture = png(300_000);
    world.board(0).add_picture(None, Frame([0, 0, 640, 480]), picture.clone()).unwrap();
    let hash = world.view(0)[0].picture.unwrap().hash;
    world.settle();
    assert_eq!(world.board(2).picture(hash), Some(&picture[..]));
    world.leave(0);
    world.settle();
    world.join(3);
    // A way that breaks in the middle is begun anew.
    (0..20).for_each(|_| world.step(1, 3));
    world.break_link(1, 3);
    world.settle();
    world.reconnect();
    world.settle();
    assert_eq!(world.board(3).picture(hash), Some(&picture[..]));
    world.check();
    // Whoever takes a deletion back sends nobody the picture anew.
    let all = world.board(1).elements();
    world.board(1).remove(&all, None).unwrap();
    world.settle();
    let before = world.sent(3);
    world.board(1).undo().unwrap();
    world.settle();
    assert_eq!((world.sent(3) - before, world.view(3).len()), (1, 1));
    assert_eq!(world.board(3).picture(hash), Some(&picture[..]));
    let not_taken = [b"GIF89a".to_vec(), png(600_000), Vec::new()];
    for bytes in not_taken {
        let refused = world.board(1).add_picture(None, Frame([0, 0, 1, 1]), bytes);
        assert_eq!(refused, Err(BoardError::Picture));
    }
}

/// Begins like a PNG of 64 by 64.
fn png(bytes: usize) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x40\0\0\0\x40".to_vec();
    png.extend((png.len()..bytes).map(|at| (at % 251) as u8));
    png
}

/// A board with one link to a peer who says what they like.
fn with_hostile() -> Board {
    let mut board = Board::new(id(0));
    board.handle(BoardInput::Came(id(1)));
    board.handle(BoardInput::LinkOpened(id(1)));
    board
}

fn hear(board: &mut Board, message: &BoardMessage) {
    board.handle(BoardInput::Received { peer: id(1), bytes: message.encode().into_bytes() });
}

fn drawn(number: u64, points: usize) -> BoardMessage {
    BoardMessage::Draw(Draw {
        author: None,
        number,
        kind: ElementKind::Pen,
        page: None,
        frame: Frame([0, 0, 10, 10]),
        order: 1,
        style: STYLE,
        points: Points(vec![Point::default(); points]),
        text: String::new(),
        picture: None,
        live: None,
    })
}

#[test]
fn whoever_draws_without_end_is_bounded_and_hinders_nobody() {
    let mut board = with_hostile();
    for number in 1..=MAX_ELEMENTS as u64 + 100 {
        hear(&mut board, &drawn(number, 1));
    }
    assert_eq!(board.elements().len(), MAX_ELEMENTS);
    assert!(board.own().full);
    let mut board = with_hostile();
    for number in 1..=2 * (MAX_AUTHOR_COST / (12 * MAX_POINTS)) as u64 {
        hear(&mut board, &drawn(number, MAX_POINTS));
    }
    assert!(board.elements().len() <= MAX_AUTHOR_COST / (12 * MAX_POINTS));
    // Changes of what is not there are bounded too.
    for number in 1..50_000 {
        let of = ElementId { number, author: id(3) };
        let value = Value::Text("x".repeat(100));
        let change = Change { author: None, number: 1000 + number, of, version: 1, value };
        hear(&mut board, &BoardMessage::Change(change));
    }
    board.add(vec![new(ElementKind::Pen, None)]).unwrap();
}

#[test]
fn nobody_can_delete_what_will_be_drawn_nor_freeze_what_is() {
    let mut board = with_hostile();
    let first = board.add(vec![new(ElementKind::Note, None)]).unwrap()[0];
    let all = Removed { author: id(0), numbers: vec![(1, (1 << 53) - 1)] };
    let remove = Remove { author: None, number: 1, elements: vec![all] };
    hear(&mut board, &BoardMessage::Remove(remove));
    assert!(board.element(first).is_none());
    board.restore().unwrap();
    let id_of_note = board.add(vec![new(ElementKind::Note, None)]).unwrap()[0];
    assert_eq!(board.elements().len(), 2, "what is drawn afterwards stays");
    let value = Value::Frame(Frame([1, 1, 1, 1]));
    let number = 2;
    let frozen = Change { author: None, number, of: id_of_note, version: (1 << 53) - 1, value };
    hear(&mut board, &BoardMessage::Change(frozen));
    assert_eq!(board.change(to(id_of_note, [5; 4]), None), Err(BoardError::Frozen));
    // As its sentence says.
    board.remove(&[id_of_note], None).unwrap();
    board.undo().unwrap();
    let again = *board.elements().last().unwrap();
    board.change(to(again, [5; 4]), None).unwrap();
}

#[test]
fn nobody_speaks_for_who_is_here_and_the_own_word_replaces_what_was_handed_on() {
    let mut board = with_hostile();
    board.handle(BoardInput::Came(id(2)));
    let speak = |board: &mut Board, author, message: BoardMessage| {
        let BoardMessage::Draw(draw) = message else { unreachable!() };
        let author = Some(tincan_protocol::Author { peer: id(author), name: "X".into() });
        hear(board, &BoardMessage::Draw(Draw { author, ..draw }));
    };
    speak(&mut board, 2, drawn(1, 1));
    speak(&mut board, 0, drawn(1, 1));
    assert!(board.elements().is_empty());
    board.handle(BoardInput::Left(id(2)));
    speak(&mut board, 2, drawn(1, 9));
    assert_eq!(board.elements().len(), 1);
    // They were never gone.
    board.handle(BoardInput::Came(id(2)));
    board.handle(BoardInput::LinkOpened(id(2)));
    board.handle(BoardInput::Received { peer: id(2), bytes: drawn(1, 2).encode().into_bytes() });
    let element = board.element(ElementId { number: 1, author: id(2) }).unwrap();
    assert_eq!((element.draw.points.0.len(), element.via), (2, None));
}

#[test]
fn of_those_who_left_only_some_are_kept() {
    let mut board = Board::new(id(0));
    for peer in 1..=200 {
        board.handle(BoardInput::Came(id(peer)));
        board.handle(BoardInput::LinkOpened(id(peer)));
        board.handle(BoardInput::Received { peer: id(peer), bytes: drawn(1, 1).encode().into_bytes() });
        board.handle(BoardInput::Left(id(peer)));
    }
    assert_eq!(board.elements().len(), MAX_BOARD_AUTHORS - 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn in_whatever_order_things_come_everybody_shows_the_same(deeds in prop::collection::vec(deed(), 1..250)) {
        let mut world = World::new(5);
        for deed in &deeds {
            world.perform(deed);
        }
        world.settle();
        world.reconnect();
        world.settle();
        world.check();
    }

    #[test]
    fn messages_in_any_order_and_number_make_the_same_board(
        messages in prop::collection::vec((0..3_usize, any_message()), 1..40),
        order in prop::collection::vec(any::<prop::sample::Index>(), 80),
    ) {
        // Each of three speaks for themselves, and says one thing under one number.
        let mut said = std::collections::BTreeMap::new();
        for (from, message) in messages {
            let message = match message {
                BoardMessage::Draw(draw) => BoardMessage::Draw(Draw { author: None, ..draw }),
                BoardMessage::Change(change) => BoardMessage::Change(Change { author: None, ..change }),
                BoardMessage::Remove(remove) => BoardMessage::Remove(Remove { author: None, ..remove }),
                _ => continue,
            };
            let number = match &message {
                BoardMessage::Draw(draw) => draw.number,
                BoardMessage::Change(change) => change.number,
                BoardMessage::Remove(remove) => remove.number,
                _ => continue,
            };
            // Whoever deletes far ahead is taken at their word as far as each knows that somebody got.
            if !message.encode().contains("9007199254740991") {
                said.insert((from, number), message);
            }
        }
        let said: Vec<_> = said.into_iter().collect();
        prop_assume!(!said.is_empty());
        let board = |messages: &mut dyn Iterator<Item = usize>| {
            let mut board = Board::new(id(9));
            for peer in 0..3 {
                board.handle(BoardInput::Came(id(peer)));
                board.handle(BoardInput::LinkOpened(id(peer)));
            }
            for index in messages {
                let ((from, _), message) = &said[index];
                let bytes = message.encode().into_bytes();
                board.handle(BoardInput::Received { peer: id(*from), bytes });
            }
            board.elements().into_iter().filter_map(|id| shown(&board, id)).collect::<Vec<_>>()
        };
        let straight = board(&mut (0..said.len()));
        // Some twice and in any order, then all of them backwards.
        let shuffled = order.iter().map(|index| index.index(said.len()));
        let other = board(&mut shuffled.chain((0..said.len()).rev()));
        prop_assert_eq!(straight, other);
    }

    #[test]
    fn whatever_a_hostile_member_says_comes_to_an_end(
        words in prop::collection::vec((0..8_u8, any_message()), 1..60)
    ) {
        let mut board = with_hostile();
        board.add(vec![new(ElementKind::Pen, None)]).unwrap();
        for (deed, message) in words {
            match deed {
                0 => board.handle(BoardInput::Came(id(2))),
                1 => board.handle(BoardInput::Left(id(2))),
                2 => {
                    board.handle(BoardInput::LinkClosed(id(1)));
                    board.handle(BoardInput::LinkOpened(id(1)));
                }
                _ => hear(&mut board, &message),
            }
            board.look(Duration::from_secs(1));
            let mut told = 0;
            board.tell(id(1), |message| {
                told += 1;
                assert!(told < 1000, "it never ends");
                assert_eq!(BoardMessage::decode(message.encode().as_bytes()).as_ref(), Ok(message));
                true
            });
            while board.poll().is_some() {}
        }
        let _ = (board.undo(), board.restore(), board.clear(None, false));
        board.add(vec![new(ElementKind::Pen, None)]).unwrap();
    }
}
