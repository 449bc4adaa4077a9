use super::*;
use crate::board::{Color, Point};
use proptest::prelude::*;

fn id(byte: u8) -> PeerId {
    PeerId::from_bytes([byte; 32])
}

fn state() -> SketchState {
    SketchState {
        game: 7,
        kind: SketchKind::DrawAndGuess,
        term: 1,
        language: SketchLanguage::De,
        rounds: 3,
        seconds: 80,
        players: vec![
            SketchPlayer { peer: id(1), score: 90, drew: 1 },
            SketchPlayer { peer: id(2), score: 0, drew: 0 },
        ],
        watchers: vec![id(3)],
        turn: Some(SketchTurn { id: 9, round: 1, drawer: id(1), guessers: vec![id(2)], gained: None }),
        over: false,
    }
}

fn did(deed: SketchDeed) -> SketchMessage {
    SketchMessage::PlayerMove(SketchMove { game: 7, turn: 9, deed })
}

fn style() -> Style {
    Style { color: Color([0x18, 0x64, 0xbd]), fill: None, width: 40, size: 160 }
}

fn stroke(points: usize) -> SheetStroke {
    let points = (0..points).map(|at| Point { x: at as i32 % 90 * 80, y: 37, pressure: 128 }).collect();
    SheetStroke { number: 4, kind: InkKind::Pen, style: style(), points: Points(points) }
}

fn drawing() -> Drawing {
    Drawing {
        promise: WordPromise([0x11; 32]),
        hint: "_a_".into(),
        elapsed: 1_500,
        solved: vec![Solved { peer: id(2), after: 1_200 }],
        opened: None,
    }
}

#[test]
fn messages_look_as_the_protocol_document_says() {
    let (ada, ben, eva) = (id(1), id(2), id(3));
    let head = r#"{"type":"playerMove","game":7,"turn":9,"move":"#;
    let ones = "11".repeat(32);
    let twos = "22".repeat(32);
    let opened = Some(OpenedWord { word: "cat".into(), salt: WordPromise([0x22; 32]) });
    let looks = [
        (
            SketchMessage::GameState(state()),
            format!(
                r#"{{"type":"gameState","game":7,"kind":"draw_and_guess","term":1,"language":"de","rounds":3,"seconds":80,"players":[{{"peer":"{ada}","score":90,"drew":1}},{{"peer":"{ben}","score":0,"drew":0}}],"watchers":["{eva}"],"turn":{{"id":9,"round":1,"drawer":"{ada}","guessers":["{ben}"]}}}}"#
            ),
        ),
        (did(SketchDeed::Here), format!(r#"{head}"here"}}"#)),
        (
            did(SketchDeed::Drawing(Drawing { opened, ..drawing() })),
            format!(
                r#"{head}"drawing","promise":"{ones}","hint":"_a_","elapsed":1500,"solved":[{{"peer":"{ben}","after":1200}}],"opened":{{"word":"cat","salt":"{twos}"}}}}"#
            ),
        ),
        (
            did(SketchDeed::Sheet { from: 2, strokes: vec![Some(stroke(1)), None] }),
            format!(
                "{head}{}",
                r##""sheet","from":2,"strokes":[{"number":4,"kind":"pen","style":{"color":"#1864bd","width":40,"size":160},"points":"AEqA"},null]}"##
            ),
        ),
        (
            did(SketchDeed::Guess { number: 3, text: "dog".into() }),
            format!(r#"{head}"guess","number":3,"text":"dog"}}"#),
        ),
        (
            did(SketchDeed::Judged { number: 3, verdict: Verdict::Close }),
            format!(r#"{head}"judged","number":3,"verdict":"close"}}"#),
        ),
        (
            SketchMessage::Seat { game: 7, want: Want::Watch },
            r#"{"type":"seat","game":7,"want":"watch"}"#.into(),
        ),
        (SketchMessage::Closed { game: 7 }, r#"{"type":"closed","game":7}"#.into()),
    ];
    for (message, json) in looks {
        assert_eq!(message.encode(), json);
        assert_eq!(SketchMessage::decode(json.as_bytes()), Ok(message));
    }
}

#[test]
fn ink_of_a_turn_is_ink_with_its_turn() {
    let stroke = crate::board::InkStroke {
        number: 2,
        kind: InkKind::Marker,
        style: style(),
        from: 5,
        points: stroke(1).points,
    };
    let ink = InkMessage { sequence: 3, page: None, pointer: None, stroke: Some(stroke), editing: None };
    let message = SketchInk { game: 7, turn: 9, ink };
    let json = r##"{"type":"playerMove","game":7,"turn":9,"sequence":3,"stroke":{"number":2,"kind":"marker","style":{"color":"#1864bd","width":40,"size":160},"from":5,"points":"AEqA"}}"##;
    assert_eq!(message.encode(), json);
    assert_eq!(SketchInk::decode(json.as_bytes()), Ok(message));
    // Neither game takes the other's moves for its own.
    assert!(crate::play::GameMessage::decode(json.as_bytes()).is_err());
    let curves = r#"{"type":"playerMove","game":7,"round":2,"from":512,"turns":[[9,0]],"have":500}"#;
    assert!(SketchInk::decode(curves.as_bytes()).is_err());
}

#[test]
fn what_is_beyond_its_bounds_is_refused() {
    let turn = || state().turn.unwrap();
    let with_turn = |turn| SketchState { turn: Some(turn), ..state() };
    let states = [
        SketchState { term: 0, ..state() },
        SketchState { game: MAX_NUMBER + 1, ..state() },
        SketchState { rounds: 11, ..state() },
        SketchState { rounds: 0, ..state() },
        SketchState { seconds: 14, ..state() },
        SketchState { watchers: vec![id(1)], ..state() },
        SketchState { watchers: (10..25).map(id).collect(), ..state() },
        with_turn(SketchTurn { guessers: vec![id(1)], ..turn() }),
        with_turn(SketchTurn { guessers: vec![id(2), id(2)], ..turn() }),
        with_turn(SketchTurn { round: 4, ..turn() }),
        with_turn(SketchTurn { gained: Some(vec![Gained { peer: id(1), points: 1 }; 2]), ..turn() }),
    ];
    let many = vec![Solved { peer: id(2), after: 0 }; 2];
    let deeds = [
        SketchDeed::Guess { number: 0, text: "a".into() },
        SketchDeed::Guess { number: MAX_GUESSES + 1, text: "a".into() },
        SketchDeed::Guess { number: 1, text: String::new() },
        SketchDeed::Guess { number: 1, text: "a".repeat(257) },
        SketchDeed::Sheet { from: MAX_SHEET, strokes: vec![None] },
        SketchDeed::Sheet { from: usize::MAX, strokes: vec![None] },
        SketchDeed::Sheet { from: 0, strokes: vec![Some(stroke(0))] },
        SketchDeed::Sheet { from: 0, strokes: vec![Some(SheetStroke { kind: InkKind::Note, ..stroke(1) })] },
        SketchDeed::Drawing(Drawing { hint: "_".repeat(129), ..drawing() }),
        SketchDeed::Drawing(Drawing { solved: many, ..drawing() }),
        SketchDeed::Drawing(Drawing { elapsed: u32::MAX, ..drawing() }),
    ];
    let messages = states.map(SketchMessage::GameState).into_iter().chain(deeds.map(did));
    for message in messages {
        assert!(SketchMessage::decode(message.encode().as_bytes()).is_err(), "{message:?}");
    }
}

#[test]
fn the_longest_messages_fit() {
    let gained = (0..8).map(|n| Gained { peer: id(n), points: MAX_SCORE }).collect();
    let turn = SketchTurn {
        id: MAX_NUMBER,
        round: 10,
        drawer: id(0),
        guessers: (1..8).map(id).collect(),
        gained: Some(gained),
    };
    let players = (0..8).map(|n| SketchPlayer { peer: id(n), score: MAX_SCORE, drew: 10 }).collect();
    let longest = SketchState {
        game: MAX_NUMBER,
        term: u32::MAX,
        rounds: 10,
        players,
        watchers: (8..16).map(id).collect(),
        turn: Some(turn),
        over: true,
        ..state()
    };
    let text = "\u{1}".repeat(MAX_NAME_LEN);
    let solved = (1..8).map(|n| Solved { peer: id(n), after: u32::MAX }).collect();
    let opened = OpenedWord { word: "\u{1}".repeat(MAX_WORD), salt: WordPromise([9; 32]) };
    let far = Point { x: crate::board::MAX_COORDINATE, y: -crate::board::MAX_COORDINATE, pressure: 255 };
    let near = Point { x: -far.x, y: -far.y, pressure: 0 };
    let zigzag: Vec<Point> = [far, near].into_iter().cycle().take(872).collect();
    let stroke = SheetStroke { number: u32::MAX, points: Points(zigzag), ..stroke(1) };
    for message in [
        SketchMessage::GameState(longest),
        did(SketchDeed::Guess { number: MAX_GUESSES, text }),
        did(SketchDeed::Drawing(Drawing {
            hint: "\u{1}".repeat(MAX_WORD),
            elapsed: 300_000,
            solved,
            opened: Some(opened),
            ..drawing()
        })),
        did(SketchDeed::Sheet { from: 1_999, strokes: vec![Some(stroke)] }),
    ] {
        assert_eq!(SketchMessage::decode(message.encode().as_bytes()), Ok(message));
    }
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(SketchMessage::decode(&bytes).is_err());
        prop_assert!(SketchInk::decode(&bytes).is_err());
    }
}
