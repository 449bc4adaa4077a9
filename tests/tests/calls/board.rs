//! The whiteboard of whole calls: engines with a real server between them and real connections.

use std::collections::BTreeMap;
use std::time::Duration;

use tincan_engine::api::{
    BoardChange, BoardCommand, BoardEdit, BoardElement, BoardKind, BoardLive, BoardNew, BoardOwnLive,
    BoardOwnStroke, BoardStyle, BoardView, Command, Event, Reply, Snapshot,
};
use tincan_tests::person::Person;
use tincan_tests::process::PATIENCE;
use tincan_tests::server::Server;
use tokio::time::timeout;

fn style() -> BoardStyle {
    BoardStyle { color: "#1a2b3c".into(), fill: None, width: 20, size: 160 }
}

fn new(kind: BoardKind) -> BoardNew {
    let points =
        if kind == BoardKind::Pen { vec![0, 0, 128, 300, 50, 140, 500, -20, 128] } else { Vec::new() };
    BoardNew {
        kind,
        page: None,
        points,
        frame: [0, 0, 900, 600],
        style: style(),
        text: String::new(),
        live: None,
    }
}

async fn ask(person: &Person, command: BoardCommand) -> Reply {
    person.ask(Command::Board { command }).await
}

async fn draw(person: &Person, element: BoardNew) -> String {
    match ask(person, BoardCommand::Add { elements: vec![element] }).await {
        Reply::Drawn { ids } => ids.into_iter().next().unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Waits for a board that satisfies `holds`.
async fn board(person: &Person, what: &str, holds: impl Fn(&BoardView) -> bool) -> BoardView {
    let has = |snapshot: &Snapshot| snapshot.board.as_ref().is_some_and(&holds);
    person.until(what, has).await.board.unwrap()
}

/// What everybody sees alike.
fn seen(board: &BoardView) -> BTreeMap<String, BoardElement> {
    let alike = |(id, element): (&String, &BoardElement)| {
        (id.clone(), BoardElement { passed_on_by: None, ..element.clone() })
    };
    board.elements.iter().map(alike).collect()
}

/// The next live word about somebody that satisfies `holds`.
async fn live(person: &Person, holds: impl Fn(&BoardLive) -> bool) -> BoardLive {
    let (_, mut events) = person.engine.subscribe().await.unwrap();
    ask(person, BoardCommand::Show { on: true }).await;
    let wait = async {
        loop {
            if let Event::BoardLive { live } = events.recv().await.unwrap().event
                && let Some(found) = live.into_iter().find(&holds)
            {
                return found;
            }
        }
    };
    timeout(PATIENCE, wait).await.expect("somebody who draws")
}

#[tokio::test(flavor = "multi_thread")]
async fn three_draw_together_and_whoever_comes_late_gets_all_of_it() {
    let server = Server::start().await;
    let people = ["Ada", "Ben", "Cyd"].map(|name| Person::quiet(name, Some(&server.url())));
    let [ada, ben, cyd] = &people;
    let code = ada.create().await;
    // What is drawn before anybody came is there for whoever comes.
    let first = draw(ada, new(BoardKind::Pen)).await;
    ben.join(&code).await;
    cyd.join(&code).await;
    board(cyd, "what Ada drew before", |board| board.elements.contains_key(&first)).await;

    // All draw at once, and somebody moves what another drew.
    let note = draw(ben, BoardNew { text: "milk".into(), ..new(BoardKind::Note) }).await;
    draw(cyd, new(BoardKind::Arrow)).await;
    let wrong = draw(cyd, new(BoardKind::Ellipse)).await;
    board(cyd, "a note", |board| board.elements.contains_key(&note)).await;
    let moved = BoardEdit { id: note.clone(), frame: Some([50, 60, 900, 600]), ..BoardEdit::default() };
    ask(cyd, BoardCommand::Change { changes: vec![moved], gesture: None }).await;
    let written = BoardEdit { id: note.clone(), text: Some("milk, bread".into()), ..BoardEdit::default() };
    ask(ada, BoardCommand::Change { changes: vec![written], gesture: None }).await;
    ask(cyd, BoardCommand::Remove { ids: vec![wrong], gesture: None }).await;
    let done = |board: &BoardView| {
        let note = board.elements.get(&note);
        board.elements.len() == 3
            && note.is_some_and(|note| note.text == "milk, bread" && note.frame == [50, 60, 900, 600])
    };
    let of_ada = board(ada, "all that was done", done).await;
    for person in [ben, cyd] {
        assert_eq!(seen(&board(person, "all that was done", done).await), seen(&of_ada));
    }
    assert!(of_ada.own.can_undo && !of_ada.own.can_redo);

    // A picture, of which the bytes are asked for.
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x40\0\0\0\x40".to_vec();
    png.resize(200_000, 7);
    let data = data_encoding::BASE64.encode(&png);
    let add = BoardCommand::AddPicture { page: None, frame: [0, 0, 640, 640], data: data.clone() };
    ask(ada, add).await;
    let hash = board(ben, "a picture", |board| !board.pictures.is_empty()).await.pictures[0].clone();
    assert_eq!(
        ask(ben, BoardCommand::Picture { hash: hash.clone() }).await,
        Reply::Picture { data: data.clone() }
    );
    // Whoever put it there is told that it is here too. It is forgotten with the last thing that shows it, and comes back.
    let of_ada = board(ada, "her picture", |board| board.pictures == [hash.clone()]).await;
    let shows = |(_, element): &(&String, &BoardElement)| element.kind == BoardKind::Picture;
    let shown = of_ada.elements.iter().find(shows).unwrap().0.clone();
    ask(ada, BoardCommand::Remove { ids: vec![shown], gesture: None }).await;
    for person in [ada, ben, cyd] {
        board(person, "no picture", |board| board.pictures.is_empty()).await;
    }
    ask(ada, BoardCommand::Undo).await;
    for person in [ada, ben, cyd] {
        board(person, "the picture again", |board| board.pictures == [hash.clone()]).await;
    }

    // Ada leaves, and Dan comes: he gets it from those who are left.
    ada.ask(Command::Leave).await;
    assert!(ada.snapshot().await.board.is_none(), "nothing is left of it");
    let dan = Person::quiet("Dan", Some(&server.url()));
    dan.join(&code).await;
    let of_ben = board(ben, "all of it", |board| board.elements.len() == 4).await;
    // What was drawn comes before what was changed of it.
    let same = |board: &BoardView| board.pictures.len() == 1 && seen(board) == seen(&of_ben);
    let late = board(&dan, "the same", same).await;
    assert!(late.elements[&first].passed_on_by.is_some());
    assert_eq!(ask(&dan, BoardCommand::Picture { hash }).await, Reply::Picture { data });

    // Somebody wipes it; whoever drew brings theirs back.
    ask(&dan, BoardCommand::Clear { page: None, own: false }).await;
    let wiped = board(cyd, "an empty board", |board| board.elements.is_empty()).await;
    assert_eq!(wiped.own.deleted_by_others, 1);
    ask(cyd, BoardCommand::Restore).await;
    board(ben, "what Cyd brought back", |board| board.elements.len() == 1).await;
    ask(&dan, BoardCommand::Undo).await;
    board(ben, "all of it", |board| board.elements.len() == 5).await;

    // What is kept of it.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("board.svg").display().to_string();
    let save = BoardCommand::Save { page: None, png: None, file: Some(file.clone()), utc_offset: 0 };
    assert_eq!(ask(&dan, save.clone()).await, Reply::Saved { file: file.clone() });
    let svg = std::fs::read_to_string(&file).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("data:image/png;base64"));
    // Its words stand below each other where the note is narrow.
    assert!(svg.contains("milk,") && svg.contains("bread"));
    let again = dan.answer(Command::Board { command: save }).await.unwrap_err();
    assert_eq!(again.code, "board_not_saved");
    for person in [dan].into_iter().chain(people) {
        person.engine.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strokes_and_pointers_are_seen_while_they_are_drawn() {
    let server = Server::start().await;
    let (ada, ben) = (Person::quiet("Ada", Some(&server.url())), Person::quiet("Ben", Some(&server.url())));
    let code = ada.create().await;
    ben.join(&code).await;
    board(&ben, "Ada's name", |board| board.names.values().any(|name| name == "Ada")).await;

    let stroke = |keep: u32, points: Vec<i32>| BoardOwnStroke {
        number: 1,
        kind: BoardKind::Pen,
        style: style(),
        keep,
        points,
    };
    let say = |keep: u32, points: Vec<i32>| BoardCommand::Live {
        live: BoardOwnLive {
            pointer: Some([5, 6]),
            stroke: Some(stroke(keep, points)),
            ..BoardOwnLive::default()
        },
    };
    ask(&ada, say(0, vec![0, 0, 128, 10, 0, 128])).await;
    let seen = live(&ben, |live| live.stroke.is_some()).await;
    assert_eq!((seen.pointer, seen.page), (Some([5, 6]), None));
    assert_eq!(seen.stroke.unwrap().points, [0, 0, 128, 10, 0, 128]);
    board(&ben, "somebody who draws", |board| board.drawing.len() == 1).await;
    ask(&ada, say(2, vec![20, 5, 128])).await;
    let more =
        live(&ben, |live| live.stroke.as_ref().is_some_and(|stroke| stroke.points.contains(&20))).await;
    let more = more.stroke.unwrap();
    assert_eq!(more.keep as usize * 3 + more.points.len(), 9);

    // It becomes an element, which says so, and the pointer leaves.
    let finished =
        BoardNew { points: vec![0, 0, 128, 10, 0, 128, 20, 5, 128], live: Some(1), ..new(BoardKind::Pen) };
    let id = draw(&ada, finished).await;
    ask(&ada, BoardCommand::Live { live: BoardOwnLive::default() }).await;
    let drawn = board(&ben, "the stroke", |board| board.elements.contains_key(&id)).await;
    assert_eq!(drawn.elements[&id].live, Some(1));
    board(&ben, "nobody who draws", |board| board.drawing.is_empty()).await;

    // A window that does not show the board is not told what moves on it, but that somebody draws.
    ask(&ben, BoardCommand::Show { on: false }).await;
    let (_, mut events) = ben.engine.subscribe().await.unwrap();
    ask(&ada, BoardCommand::Live { live: BoardOwnLive { pointer: Some([1, 1]), ..BoardOwnLive::default() } })
        .await;
    let told = async {
        loop {
            match events.recv().await.unwrap().event {
                Event::BoardLive { .. } => panic!("nobody looks"),
                Event::Board { change: BoardChange::Drawing { people } } if !people.is_empty() => return,
                _ => {}
            }
        }
    };
    timeout(PATIENCE, told).await.unwrap();
    for person in [ada, ben] {
        person.engine.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_strokes_are_there_soon_after_somebody_came() {
    const STROKES: usize = 2_000;
    let server = Server::start().await;
    let (ada, ben) = (Person::quiet("Ada", Some(&server.url())), Person::quiet("Ben", Some(&server.url())));
    let code = ada.create().await;
    let points: Vec<i32> = (0..60).flat_map(|n| [n * 11, n * n % 290, 128]).collect();
    for _ in 0..STROKES / 500 {
        let elements = vec![BoardNew { points: points.clone(), ..new(BoardKind::Pen) }; 500];
        ask(&ada, BoardCommand::Add { elements }).await;
    }
    ben.join(&code).await;
    board(&ben, "the first stroke", |board| !board.elements.is_empty()).await;
    let began = std::time::Instant::now();
    let whole = board(&ben, "all strokes", |board| board.elements.len() == STROKES).await;
    let json = serde_json::to_string(&whole).unwrap();
    println!(
        "{STROKES} strokes took {:?} to come; a window is told {} kB",
        began.elapsed(),
        json.len() / 1000
    );
    assert!(began.elapsed() < Duration::from_secs(20));
    for person in [ada, ben] {
        person.engine.shutdown().await;
    }
}
