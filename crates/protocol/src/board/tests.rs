use super::*;
use proptest::prelude::*;

fn id(byte: u8) -> PeerId {
    PeerId::from_bytes([byte; 32])
}

fn style() -> Style {
    Style { color: Color([0x1a, 0x2b, 0x3c]), fill: None, width: 20, size: 160 }
}

fn draw(kind: ElementKind) -> Draw {
    let points = if kind.has_points() {
        vec![
            Point { x: 0, y: 40, pressure: 128 },
            Point { x: 12, y: 37, pressure: 130 },
            Point { x: 300, y: 0, pressure: 0 },
        ]
    } else {
        Vec::new()
    };
    let picture = Picture { hash: PictureHash([7; 32]), bytes: 1000, width: 64, height: 48 };
    Draw {
        author: None,
        number: 3,
        kind,
        page: None,
        frame: Frame([-50, 20, 300, 40]),
        order: 65_536,
        style: style(),
        points: Points(points),
        text: if kind.has_text() { "Hi".into() } else { String::new() },
        picture: (kind == ElementKind::Picture).then_some(picture),
        live: None,
    }
}

#[test]
fn messages_look_as_the_protocol_document_says() {
    let (ada, ben) = (id(1), id(2));
    let mut digest = DeedsDigest::default();
    for number in [1, 2, 3, 3, 7] {
        digest.toggle(number);
    }
    let of = ElementId { number: 3, author: ada };
    let change = |value| Change { author: None, number: 9, of, version: 2, value };
    let hash = PictureHash([7; 32]);
    let looks = [
        (
            BoardMessage::Have {
                members: vec![
                    BoardMember { peer: ada, number: Some(7), digest: None },
                    BoardMember { peer: ben, number: None, digest: Some(digest) },
                    BoardMember { peer: id(3), number: None, digest: None },
                ],
            },
            format!(r#"{{"type":"have","members":[{{"peer":"{ada}","number":7}},{{"peer":"{ben}","digest":"c4e823900130236e"}},{{"peer":"{}"}}]}}"#,
                id(3)
            ),
        ),
        (
            BoardMessage::Draw(Draw { live: Some(4), ..draw(ElementKind::Pen) }),
            r##"{"type":"draw","number":3,"kind":"pen","frame":[-50,20,300,40],"order":65536,"style":{"color":"#1a2b3c","width":20,"size":160},"points":"AFCAGAWCwARJAA","live":4}"##.to_owned(),
        ),
        (
            BoardMessage::Draw(Draw {
                author: Some(Author { peer: ada, name: "Ada".into() }),
                page: Some(ElementId { number: 2, author: ben }),
                style: Style { fill: Some(Color([255, 255, 0])), ..style() },
                ..draw(ElementKind::Note)
            }),
            format!(r##"{{"type":"draw","author":{{"peer":"{ada}","name":"Ada"}},"number":3,"kind":"note","page":{{"number":2,"author":"{ben}"}},"frame":[-50,20,300,40],"order":65536,"style":{{"color":"#1a2b3c","fill":"#ffff00","width":20,"size":160}},"text":"Hi"}}"##),
        ),
        (
            BoardMessage::Change(change(Value::Frame(Frame([1, 2, 3, -4])))),
            format!(r#"{{"type":"change","number":9,"of":{{"number":3,"author":"{ada}"}},"version":2,"frame":[1,2,3,-4]}}"#),
        ),
        (
            BoardMessage::Change(change(Value::Text("Ho".into()))),
            format!(r#"{{"type":"change","number":9,"of":{{"number":3,"author":"{ada}"}},"version":2,"text":"Ho"}}"#),
        ),
        (
            BoardMessage::Change(change(Value::Order(-7))),
            format!(r#"{{"type":"change","number":9,"of":{{"number":3,"author":"{ada}"}},"version":2,"order":-7}}"#),
        ),
        (
            BoardMessage::Remove(Remove {
                author: None,
                number: 12,
                elements: vec![Removed { author: ada, numbers: vec![(3, 3), (7, 9)] }],
                    }),
            format!(r#"{{"type":"remove","number":12,"elements":[{{"author":"{ada}","numbers":[[3,3],[7,9]]}}]}}"#),
        ),
        (
            BoardMessage::Want { picture: hash, from: 8192 },
            format!(r#"{{"type":"want","picture":"{hash}","from":8192}}"#),
        ),
        (
            BoardMessage::Part { picture: hash, at: 0, data: PartData(vec![1, 2, 255]) },
            format!(r#"{{"type":"part","picture":"{hash}","at":0,"data":"AQL_"}}"#),
        ),
        (BoardMessage::Lack { picture: hash }, format!(r#"{{"type":"lack","picture":"{hash}"}}"#)),
    ];
    for (message, json) in looks {
        assert_eq!(message.encode(), json);
        assert_eq!(BoardMessage::decode(json.as_bytes()), Ok(message));
    }
}

#[test]
fn ink_looks_as_the_protocol_document_says() {
    let message = InkMessage {
        sequence: 17,
        page: None,
        pointer: Some((10, -20)),
        stroke: Some(InkStroke {
            number: 4,
            kind: InkKind::Pen,
            style: style(),
            from: 60,
            points: Points(vec![Point { x: 10, y: -20, pressure: 128 }]),
        }),
        editing: None,
    };
    let json = r##"{"sequence":17,"pointer":[10,-20],"stroke":{"number":4,"kind":"pen","style":{"color":"#1a2b3c","width":20,"size":160},"from":60,"points":"FCeA"}}"##;
    assert_eq!(message.encode(), json);
    assert_eq!(InkMessage::decode(json.as_bytes()), Ok(message));
}

#[test]
fn what_a_later_version_adds_is_ignored_or_no_message() {
    let later = BoardMessage::Draw(draw(ElementKind::Pen))
        .encode()
        .replace("\"number\":3", "\"number\":3,\"glow\":true");
    assert_eq!(BoardMessage::decode(later.as_bytes()), Ok(BoardMessage::Draw(draw(ElementKind::Pen))));
    let of = ElementId { number: 3, author: id(1) };
    let change = Change { author: None, number: 9, of, version: 1, value: Value::Order(1) };
    let later = BoardMessage::Change(change).encode().replace("\"order\":1", "\"turn\":90");
    assert_eq!(BoardMessage::decode(later.as_bytes()), Err(BoardMessageError::Malformed));
}

#[test]
fn the_longest_of_everything_fits_and_more_is_refused() {
    let far = MAX_COORDINATE;
    // As far from each other as may be: nine bytes a point.
    let zigzag = (0..MAX_PACKED / 9).map(|count| {
        let side = if count % 2 == 0 { far } else { -far };
        Point { x: side, y: -side, pressure: 255 }
    });
    let dots = std::iter::repeat_n(Point { x: 1, y: 1, pressure: 128 }, MAX_POINTS);
    let widest = Draw {
        author: Some(Author { peer: id(1), name: "\"".repeat(MAX_NAME_LEN) }),
        number: MAX_BOARD_NUMBER,
        page: Some(ElementId { number: MAX_BOARD_NUMBER, author: id(2) }),
        frame: Frame([-far; 4]),
        order: -(MAX_BOARD_NUMBER as i64),
        style: Style { fill: Some(Color([0; 3])), width: 2_000, size: 4_000, ..style() },
        live: Some(u32::MAX),
        ..draw(ElementKind::Pen)
    };
    for points in [zigzag.collect::<Vec<_>>(), dots.collect()] {
        let message = BoardMessage::Draw(Draw { points: Points(points), ..widest.clone() });
        assert_eq!(BoardMessage::decode(message.encode().as_bytes()), Ok(message));
    }
    let text = BoardMessage::Draw(Draw {
        kind: ElementKind::Note,
        points: Points::default(),
        text: "\n".repeat(MAX_BOARD_TEXT),
        ..widest.clone()
    });
    assert_eq!(BoardMessage::decode(text.encode().as_bytes()), Ok(text));
    let part = BoardMessage::Part {
        picture: PictureHash([255; 32]),
        at: MAX_PICTURE - 1,
        data: PartData(vec![255; MAX_PICTURE_PART]),
    };
    assert_eq!(BoardMessage::decode(part.encode().as_bytes()), Ok(part));
    let removed = |count: u64| {
        let range = (MAX_BOARD_NUMBER, MAX_BOARD_NUMBER);
        let mut elements =
            vec![Removed { author: id(1), numbers: vec![range] }; MAX_REMOVED_AUTHORS.min(count as usize)];
        if let Some(first) = elements.first_mut() {
            first.numbers.extend(vec![range; (count as usize).saturating_sub(MAX_REMOVED_AUTHORS)]);
        }
        BoardMessage::Remove(Remove { author: widest.author.clone(), number: 1, elements })
    };
    let most = removed(MAX_RANGES as u64);
    assert_eq!(BoardMessage::decode(most.encode().as_bytes()), Ok(most));

    let beyond = [
        BoardMessage::Draw(Draw { points: Points(vec![Point::default(); MAX_POINTS + 1]), ..widest.clone() }),
        BoardMessage::Draw(Draw { points: Points::default(), ..widest.clone() }),
        BoardMessage::Draw(Draw { text: "x".into(), ..draw(ElementKind::Pen) }),
        BoardMessage::Draw(Draw { picture: None, ..draw(ElementKind::Picture) }),
        BoardMessage::Draw(Draw { number: 0, ..draw(ElementKind::Line) }),
        BoardMessage::Draw(Draw { frame: Frame([far + 1, 0, 0, 0]), ..draw(ElementKind::Line) }),
        BoardMessage::Draw(Draw { style: Style { width: 0, ..style() }, ..draw(ElementKind::Line) }),
        BoardMessage::Draw(Draw { order: i64::MIN, ..draw(ElementKind::Line) }),
        BoardMessage::Draw(Draw { text: "x".repeat(MAX_BOARD_TEXT + 1), ..draw(ElementKind::Text) }),
        removed(MAX_RANGES as u64 + 1),
        removed(0),
        BoardMessage::Want { picture: PictureHash([0; 32]), from: MAX_PICTURE },
    ];
    for message in beyond {
        let decoded = BoardMessage::decode(message.encode().as_bytes());
        assert!(decoded.is_err(), "{message:?}");
    }
}

#[test]
fn debug_shows_neither_text_nor_name_nor_picture() {
    let author = Some(Author { peer: id(1), name: "SECRET".into() });
    let of = ElementId { number: 3, author: id(1) };
    let value = Value::Text("SECRET".into());
    let change = Change { author: author.clone(), number: 9, of, version: 1, value };
    let shown = format!(
        "{:?} {:?}",
        BoardMessage::Draw(Draw { author, text: "SECRET".into(), ..draw(ElementKind::Text) }),
        BoardMessage::Change(change)
    );
    assert!(!shown.contains("SECRET"), "{shown}");
}

fn point() -> impl Strategy<Value = Point> {
    let at = || prop_oneof![-300..300_i32, -MAX_COORDINATE..=MAX_COORDINATE];
    (at(), at(), any::<u8>()).prop_map(|(x, y, pressure)| Point { x, y, pressure })
}

proptest! {
    #[test]
    fn points_are_packed_and_unpacked(points in prop::collection::vec(point(), 0..300)) {
        let packed = String::from(Points(points.clone()));
        prop_assert_eq!(Points::try_from(packed), Ok(Points(points)));
    }

    #[test]
    fn as_many_points_fit_as_are_said_to(points in prop::collection::vec(point(), 1..200), bytes in 9..600_usize) {
        let fitting = Points::fitting(&points, bytes);
        let len = |count: usize| Points(points[..count].to_vec()).pack().len();
        prop_assert!(fitting > 0 && len(fitting) <= bytes);
        prop_assert!(fitting == points.len() || len(fitting + 1) > bytes);
    }

    #[test]
    fn any_bytes_are_decoded_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(BoardMessage::decode(&bytes).is_err());
        prop_assert!(InkMessage::decode(&bytes).is_err());
        let text = data_encoding::BASE64URL_NOPAD.encode(&bytes);
        if let Ok(points) = Points::try_from(text) {
            let again = Points::try_from(String::from(points.clone()));
            prop_assert_eq!(again, Ok(points));
        }
    }
}
