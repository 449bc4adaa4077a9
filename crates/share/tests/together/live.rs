//! What somebody draws right now, over a way that loses, repeats and turns around.

use std::time::Duration;

use proptest::prelude::*;
use tincan_protocol::{
    Color, ElementId, InkKind, InkMessage, InkStroke, MAX_INK_LEN, MAX_LIVE_POINTS, PeerId, Point, Points,
    SCREEN_SIDE, Style,
};
use tincan_share::{LIVE_INTERVAL, Live, LiveState, LiveStroke};

const STYLE: Style = Style { color: Color([0, 0, 0]), fill: None, width: 20, size: 160 };

fn id(byte: u8) -> PeerId {
    PeerId::from_bytes([byte; 32])
}

fn point(n: i32) -> Point {
    Point { x: n * 13, y: (n % 977) * (n % 977) % 977, pressure: 128 }
}

fn stroke(number: u32, keep: usize, points: Vec<Point>) -> LiveState {
    let stroke = LiveStroke { number, kind: InkKind::Pen, style: STYLE, keep, points };
    LiveState { pointer: Some((1, 2)), stroke: Some(stroke), ..LiveState::default() }
}

/// A window, which holds what it was told.
#[derive(Default)]
struct Window {
    number: u32,
    points: Vec<Point>,
    pointer: Option<(i32, i32)>,
}

impl Window {
    fn look(&mut self, live: &mut Live, now: Duration) {
        for (_, state) in live.changes(now) {
            self.pointer = state.pointer;
            let Some(stroke) = state.stroke else {
                self.points.clear();
                continue;
            };
            if stroke.number != self.number {
                assert_eq!(stroke.keep, 0, "a new one begins from nothing");
                (self.number, self.points) = (stroke.number, Vec::new());
            }
            assert!(stroke.keep <= self.points.len());
            self.points.truncate(stroke.keep);
            self.points.extend(stroke.points);
        }
    }
}

fn two() -> (Live, Live) {
    let (mut one, mut two) = (Live::new(), Live::new());
    one.link_opened(id(2));
    two.link_opened(id(1));
    (one, two)
}

#[test]
fn three_lost_messages_in_a_row_leave_no_gap_and_four_are_bridged() {
    for lost in [3, 4] {
        let (mut one, mut two) = two();
        let mut window = Window::default();
        let mut now = Duration::ZERO;
        for step in 0..12 {
            one.set(stroke(1, step as usize * 3, (step * 3..step * 3 + 3).map(point).collect()));
            now += LIVE_INTERVAL;
            let message = one.tell(id(2), now).unwrap();
            if !(4..4 + lost).contains(&step) {
                two.heard(id(1), message.encode().as_bytes(), now);
            }
            window.look(&mut two, now);
        }
        let drawn: Vec<_> = (0..36).map(point).collect();
        assert_eq!(window.points.len(), drawn.len());
        assert_eq!(window.points == drawn, lost == 3);
        assert_eq!(window.points[16..], drawn[16..]);
    }
}

#[test]
fn it_is_told_25_times_a_second_and_not_at_all_when_nothing_happens() {
    let (mut one, _) = two();
    assert_eq!(one.tell(id(2), Duration::ZERO), None);
    let mut told = 0;
    for millis in 0..1000 {
        one.set(stroke(1, millis as usize, vec![point(millis)]));
        told += usize::from(one.tell(id(2), Duration::from_millis(millis as u64)).is_some());
    }
    assert_eq!(told, 25);
    one.set(LiveState::default());
    let later = (1000..10_000).filter(|millis| one.tell(id(2), Duration::from_millis(*millis)).is_some());
    assert_eq!(later.count(), 3, "the end is said three times");
    assert!(!one.is_busy() && !one.is_there());
}

#[test]
fn a_corner_that_moves_and_a_long_stroke_arrive() {
    let (mut one, mut two) = two();
    let mut window = Window::default();
    let mut now = Duration::ZERO;
    for step in 1..20 {
        one.set(stroke(1, 1, vec![point(step)]));
        if step == 1 {
            one.set(stroke(1, 0, vec![point(0), point(step)]));
        }
        now += LIVE_INTERVAL;
        two.heard(id(1), one.tell(id(2), now).unwrap().encode().as_bytes(), now);
        window.look(&mut two, now);
        assert_eq!(window.points, [point(0), point(step)]);
    }
    one.set(stroke(2, 0, (0..3 * MAX_LIVE_POINTS as i32).map(point).collect()));
    now += LIVE_INTERVAL;
    let message = one.tell(id(2), now).unwrap();
    assert!(message.encode().len() <= MAX_INK_LEN);
    two.heard(id(1), message.encode().as_bytes(), now);
    window.look(&mut two, now);
    assert_eq!((window.number, window.points.len()), (2, MAX_LIVE_POINTS));
}

#[test]
fn what_became_an_element_and_who_fell_silent_are_not_shown_any_more() {
    let (mut one, mut two) = two();
    let mut window = Window::default();
    one.set(stroke(1, 0, vec![point(0), point(1)]));
    let message = one.tell(id(2), Duration::ZERO).unwrap();
    two.heard(id(1), message.encode().as_bytes(), Duration::ZERO);
    window.look(&mut two, Duration::ZERO);
    assert_eq!((window.points.len(), two.people()), (2, vec![id(1)]));
    two.finished(id(1), 1);
    window.look(&mut two, Duration::ZERO);
    assert!(window.points.is_empty());
    // What comes late of it is not shown.
    let late = InkMessage { sequence: 9, ..message };
    two.heard(id(1), late.encode().as_bytes(), Duration::ZERO);
    window.look(&mut two, Duration::ZERO);
    assert!(window.points.is_empty() && window.pointer.is_some());
    window.look(&mut two, Duration::from_secs(4));
    assert_eq!((window.pointer, two.people()), (None, Vec::new()));
}

#[test]
fn whoever_points_at_a_shared_screen_is_seen_there_and_is_not_at_the_board() {
    let (mut one, mut two) = two();
    let page = Some(ElementId::screen_of(id(2)));
    one.set(LiveState { page, pointer: Some((SCREEN_SIDE, 0)), ..LiveState::default() });
    let message = one.tell(id(2), Duration::ZERO).unwrap();
    two.heard(id(1), message.encode().as_bytes(), Duration::ZERO);
    let changes = two.changes(Duration::ZERO);
    assert_eq!((changes[0].1.page, changes[0].1.pointer), (page, Some((SCREEN_SIDE, 0))));
    assert_eq!(two.people(), []);
    assert!(two.is_there(), "it is looked after all the same");
    one.set(LiveState { pointer: Some((1, 1)), ..LiveState::default() });
    let message = one.tell(id(2), LIVE_INTERVAL).unwrap();
    two.heard(id(1), message.encode().as_bytes(), LIVE_INTERVAL);
    assert_eq!(two.people(), [id(1)]);
}

#[test]
fn a_window_that_begins_anew_is_told_all_of_it() {
    let (mut one, mut two) = two();
    one.set(stroke(1, 0, (0..9).map(point).collect()));
    two.heard(id(1), one.tell(id(2), Duration::ZERO).unwrap().encode().as_bytes(), Duration::ZERO);
    two.changes(Duration::ZERO);
    two.begin_anew();
    let mut window = Window::default();
    window.look(&mut two, Duration::ZERO);
    assert_eq!(window.points.len(), 9);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_lost_repeated_or_late_the_end_of_the_stroke_is_there(
        steps in prop::collection::vec((1..9_usize, any::<bool>(), 0..4_usize), 1..60)
    ) {
        let (mut one, mut two) = two();
        let mut window = Window::default();
        let mut now = Duration::ZERO;
        let (mut drawn, mut early) = (Vec::new(), Vec::new());
        for (more, lost, again) in steps {
            let new: Vec<_> = (drawn.len()..drawn.len() + more).map(|n| point(n as i32)).collect();
            one.set(stroke(1, drawn.len(), new.clone()));
            drawn.extend(new);
            now += LIVE_INTERVAL;
            let message = one.tell(id(2), now).unwrap().encode();
            if !lost {
                two.heard(id(1), message.as_bytes(), now);
            }
            early.push(message);
            // An earlier one comes again, or only now.
            if let Some(message) = early.get(early.len().saturating_sub(again + 1)) {
                two.heard(id(1), message.as_bytes(), now);
            }
            window.look(&mut two, now);
        }
        now += LIVE_INTERVAL;
        two.heard(id(1), one.tell(id(2), now).unwrap().encode().as_bytes(), now);
        window.look(&mut two, now);
        prop_assert_eq!(window.points.len(), drawn.len());
        prop_assert_eq!(window.points.last(), drawn.last());
    }

    #[test]
    fn whatever_a_hostile_member_says_is_bounded(
        messages in prop::collection::vec(
            (any::<u32>(), 0..3_u32, 0..2 * MAX_LIVE_POINTS, prop::collection::vec(-900..900_i32, 0..30)),
            1..40,
        )
    ) {
        let (_, mut two) = two();
        let mut window = Window::default();
        for (sequence, number, from, at) in messages {
            let points = Points(at.into_iter().map(point).collect());
            let stroke = InkStroke { number, kind: InkKind::Laser, style: STYLE, from, points };
            let message = InkMessage { sequence, page: None, pointer: None, stroke: Some(stroke), editing: None };
            two.heard(id(1), message.encode().as_bytes(), Duration::ZERO);
            window.look(&mut two, Duration::ZERO);
            prop_assert!(window.points.len() <= MAX_LIVE_POINTS);
        }
    }
}
