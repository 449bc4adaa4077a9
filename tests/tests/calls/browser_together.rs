//! A browser chats and draws with Tincan: Chromium with a page that knows the chat and the board from docs/protocol.md.

use serde_json::{Value, json};
use tincan_engine::api::{
    BoardCommand, BoardEdit, BoardKind, BoardNew, BoardOwnLive, BoardOwnStroke, BoardStyle, BoardView,
    ChatMessage, ChatView,
};
use tincan_tests::browser::{Browser, Clips};
use tincan_tests::participant::Participant;
use tincan_tests::server::Server;

/// Nobody looks or listens here.
const STILL: [&str; 5] = ["--chat", "--camera", "none", "--microphone", "none"];

fn person(name: &str, server: &Server, code: Option<&str>) -> Participant {
    let arguments: Vec<_> = code.into_iter().chain(STILL).collect();
    Participant::start(name, &server.url(), &arguments)
}

/// A page that is connected with so many.
async fn guest(server: &Server, clips: &Clips, code: &str, others: usize) -> Browser {
    let mut guest = Browser::start(clips).await;
    guest.join(&server.url(), Some(code), json!({})).await;
    let confirmed = |page: &Value| {
        page["others"].as_array().into_iter().flatten().filter(|other| other["confirmed"] == true).count()
    };
    guest.until("everybody, proven", |page| confirmed(page) == others).await;
    guest
}

/// What was said to all, in the order in which it is shown, with what became of it: as Tincan has it.
fn said(chat: &ChatView) -> Vec<Value> {
    let reactions = |message: &ChatMessage| -> Value {
        let word = |reaction| serde_json::to_value(reaction).unwrap().as_str().unwrap().to_owned();
        message.reactions.iter().map(|one| (word(one.reaction), json!(sorted(&one.people)))).collect()
    };
    let to_all = chat.messages.iter().filter(|message| message.to.is_none());
    to_all
        .map(|message| {
            json!({
                "id": message.id, "text": message.text, "edited": message.edited, "reply": message.reply,
                "reactions": reactions(message),
            })
        })
        .collect()
}

/// The same as the page has it.
fn said_in(page: &Value) -> Vec<Value> {
    let all = page["chat"].as_array().into_iter().flatten();
    all.filter(|message| message["to"].is_null())
        .map(|message| {
            let reactions = message["reactions"].as_object().unwrap().iter();
            let sorted: Value = reactions
                .map(|(word, people)| {
                    let people: Vec<String> = serde_json::from_value(people.clone()).unwrap();
                    (word.clone(), json!(sorted(&people)))
                })
                .collect();
            json!({
                "id": message["id"], "text": message["text"], "edited": message["edited"],
                "reply": message["reply"], "reactions": sorted,
            })
        })
        .collect()
}

fn sorted(people: &[String]) -> Vec<String> {
    let mut people = people.to_vec();
    people.sort();
    people
}

/// The id of what says this.
fn id_in(page: &Value, text: &str) -> Option<String> {
    let mut all = page["chat"].as_array()?.iter();
    Some(all.find(|message| message["text"] == text)?["id"].as_str()?.to_owned())
}

fn has(text: &str) -> impl Fn(&ChatView) -> bool {
    move |chat| chat.messages.iter().any(|message| message.text.as_deref() == Some(text))
}

fn page_has(text: &str) -> impl Fn(&Value) -> bool {
    move |page| id_in(page, text).is_some()
}

/// Both have the same said to all.
async fn same_chat(person: &mut Participant, guest: &mut Browser) {
    let chat = person.chat_until("any chat", |_| true).await;
    let all = said(&chat);
    guest.until("the same words in the same order", |page| said_in(page) == all).await;
}

/// What is drawn, as everybody sees it alike.
fn drawn(board: &BoardView) -> Value {
    alike(serde_json::to_value(&board.elements).unwrap())
}

/// Whoever handed something on is another for everybody.
fn alike(mut elements: Value) -> Value {
    for element in elements.as_object_mut().into_iter().flatten() {
        element.1.as_object_mut().unwrap().remove("passedOnBy");
    }
    elements
}

/// Both have the same on the board, so many elements.
async fn same_board(person: &mut Participant, guest: &mut Browser, elements: usize) {
    let board = person.board_until("all elements", |board| board.elements.len() == elements).await;
    let all = drawn(&board);
    guest.until("the same board", |page| alike(page["board"].clone()) == all).await;
}

async fn board(person: &mut Participant, command: &BoardCommand) {
    person.say(&format!("/board {}", serde_json::to_string(command).unwrap())).await;
}

fn style() -> BoardStyle {
    BoardStyle { color: "#1a2b3c".into(), fill: None, width: 20, size: 160 }
}

fn stroke(points: Vec<i32>) -> BoardCommand {
    BoardCommand::Add { elements: vec![new(BoardKind::Pen, points, "")] }
}

fn note(text: &str) -> BoardCommand {
    BoardCommand::Add { elements: vec![new(BoardKind::Note, Vec::new(), text)] }
}

fn new(kind: BoardKind, points: Vec<i32>, text: &str) -> BoardNew {
    let frame = [-50, 40, 900, 600];
    BoardNew { kind, page: None, points, frame, style: style(), text: text.into(), live: None }
}

/// A stroke of the page.
fn page_stroke(points: &Value, live: u32) -> Value {
    let style = json!({ "color": "#c0392b", "width": 30, "size": 160 });
    json!({ "command": "draw", "element": { "kind": "pen", "style": style, "points": points, "live": live } })
}

/// Something with the head of a PNG.
fn png(byte: u8) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x40\0\0\0\x40".to_vec();
    png.resize(200_000, byte);
    png
}

/// The only element by this author of this kind.
fn of(board: &BoardView, author: &str, kind: BoardKind) -> Option<String> {
    let mut all = board.elements.iter().filter(|(_, one)| one.author == author && one.kind == kind);
    let found = all.next().map(|(id, _)| id.clone());
    assert!(all.next().is_none(), "one only");
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_and_tincan_write_to_each_other_and_both_read_the_same() {
    let (server, clips) = (Server::start().await, Clips::make());
    let mut ada = person("Ada", &server, None);
    let code = ada.code().await;
    ada.say("is anybody here?").await;
    ada.chat_until("her own words", has("is anybody here?")).await;
    let mut guest = guest(&server, &clips, &code, 1).await;
    guest.until("what was said before", page_has("is anybody here?")).await;
    let first = id_in(guest.page(), "is anybody here?");

    guest.say(json!({ "command": "say", "text": "I am,\nsays a \u{1f98a}", "reply": first })).await;
    let chat = ada.chat_until("the page's words", has("I am,\nsays a \u{1f98a}")).await;
    assert_eq!(chat.messages.last().unwrap().reply, first);
    ada.say("/react heart").await;
    ada.say("helo al").await;
    guest.until("Ada's words", page_has("helo al")).await;
    guest
        .say(json!({ "command": "think", "id": id_in(guest.page(), "helo al"), "reactions": ["clap", "party"] }))
        .await;
    ada.say("/edit hello all").await;
    guest.until("what Ada said instead", page_has("hello all")).await;
    guest.say(json!({ "command": "say", "text": "the password is xyzzy" })).await;
    ada.chat_until("a secret", has("the password is xyzzy")).await;
    guest.until("its own words", page_has("the password is xyzzy")).await;
    let secret = id_in(guest.page(), "the password is xyzzy");
    guest.say(json!({ "command": "rewrite", "id": secret, "text": "the password is gone" })).await;
    ada.chat_until("a changed secret", has("the password is gone")).await;
    guest.say(json!({ "command": "rewrite", "id": secret })).await;
    let gone = |chat: &ChatView| chat.messages.iter().any(|message| message.text.is_none());
    ada.chat_until("no secret", gone).await;
    ada.say("mine too").await;
    guest.until("Ada's", page_has("mine too")).await;
    ada.say("/delete").await;
    guest.until("nothing", |page| !page_has("mine too")(page)).await;

    // To one alone, both ways.
    ada.say("/to Guest psst").await;
    guest.until("a whisper", page_has("psst")).await;
    let peer = ada.chat_until("the whisper", has("psst")).await.me;
    guest.say(json!({ "command": "say", "text": "psst yourself", "to": peer })).await;
    let chat = ada.chat_until("a whisper", has("psst yourself")).await;
    assert_eq!(chat.messages.last().unwrap().to, Some(peer));
    let liked = |chat: &ChatView| chat.messages.iter().map(|one| one.reactions.len()).sum::<usize>() == 3;
    let chat = ada.chat_until("three reactions", liked).await;
    assert_eq!(said(&chat).len(), 5);
    same_chat(&mut ada, &mut guest).await;

    // What the page says at the same time as Ada stands in one order.
    for number in 0..10 {
        guest.say(json!({ "command": "say", "text": format!("page {number}") })).await;
        ada.say(&format!("Ada {number}")).await;
    }
    let all = |chat: &ChatView| said(chat).len() == 25;
    ada.chat_until("all of it", all).await;
    same_chat(&mut ada, &mut guest).await;
    assert_eq!(ada.leave().await.0, Some(0));
    guest.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_and_tincan_draw_for_each_other_and_both_see_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (server, clips) = (Server::start().await, Clips::make());
    let mut ada = person("Ada", &server, None);
    let code = ada.code().await;
    board(&mut ada, &stroke(vec![0, 0, 128, 300, 50, 140, 500, -20, 0])).await;
    let mut guest = guest(&server, &clips, &code, 1).await;
    guest.until("what was drawn before", |page| page["board"].as_object().unwrap().len() == 1).await;
    let me = guest.page()["id"].as_str().unwrap().to_owned();

    // A stroke grows on the page, and is an element then.
    board(&mut ada, &BoardCommand::Show { on: true }).await;
    let line = |points: &Value| {
        let style = json!({ "color": "#c0392b", "width": 30, "size": 160 });
        let stroke = json!({ "number": 1, "kind": "pen", "style": style, "points": points });
        json!({ "command": "ink", "state": { "pointer": [40, 50], "stroke": stroke } })
    };
    guest.say(line(&json!([[10, 20, 100], [30, 40, 200]]))).await;
    let live = ada.live_until("the page's stroke", |live| live.stroke.is_some()).await;
    assert_eq!(
        (live.pointer, &live.stroke.unwrap().points[..]),
        (Some([40, 50]), &[10, 20, 100, 30, 40, 200][..])
    );
    let whole = json!([[10, 20, 100], [30, 40, 200], [-500, 70, 0]]);
    guest.say(line(&whole)).await;
    let more = |live: &tincan_engine::api::BoardLive| {
        live.stroke.as_ref().is_some_and(|one| one.points.ends_with(&[-500, 70, 0]))
    };
    ada.live_until("more of it", more).await;
    guest.say(page_stroke(&whole, 1)).await;
    guest.say(json!({ "command": "ink", "state": {} })).await;
    let view = ada.board_until("the page's stroke", |board| of(board, &me, BoardKind::Pen).is_some()).await;
    let theirs = of(&view, &me, BoardKind::Pen).unwrap();
    assert_eq!(view.elements[&theirs].frame, [-500, 20, 530, 50]);
    ada.board_until("nobody who draws", |board| board.drawing.is_empty()).await;
    let adas = view.elements.keys().find(|id| **id != theirs).unwrap().clone();

    // And one of Ada's.
    let peer = view.me.clone();
    let own = |points: Vec<i32>, keep| BoardOwnStroke {
        number: 7,
        kind: BoardKind::Marker,
        style: style(),
        keep,
        points,
    };
    let live = |points, keep| BoardCommand::Live {
        live: BoardOwnLive {
            pointer: Some([1, 2]),
            stroke: Some(own(points, keep)),
            ..BoardOwnLive::default()
        },
    };
    board(&mut ada, &live(vec![0, 0, 128, 9, 9, 128], 0)).await;
    let seen = |points: Value| {
        let peer = peer.clone();
        move |page: &Value| {
            let shown = &page["ink"][&peer];
            shown["pointer"] == json!([1, 2])
                && shown["stroke"]["kind"] == "marker"
                && shown["stroke"]["points"] == points
        }
    };
    guest.until("Ada's stroke", seen(json!([[0, 0, 128], [9, 9, 128]]))).await;
    board(&mut ada, &live(vec![20, 9, 128], 1)).await;
    guest.until("another end of it", seen(json!([[0, 0, 128], [20, 9, 128]]))).await;
    board(&mut ada, &BoardCommand::Live { live: BoardOwnLive::default() }).await;
    let nothing =
        |page: &Value| page["ink"][&peer]["pointer"].is_null() && page["ink"][&peer]["stroke"].is_null();
    guest.until("nothing of it", nothing).await;
    same_board(&mut ada, &mut guest, 2).await;

    // Each changes what the other drew.
    board(&mut ada, &note("milk")).await;
    let view = ada.board_until("a note", |board| of(board, &peer, BoardKind::Note).is_some()).await;
    let milk = of(&view, &peer, BoardKind::Note).unwrap();
    guest.until("a note", |page| page["board"][&milk]["text"] == "milk").await;
    let written = json!({ "text": "milk, bread", "frame": [5, 6, 700, 800] });
    guest.say(json!({ "command": "change", "id": milk, "values": written })).await;
    let moved = BoardEdit { id: theirs.clone(), frame: Some([0, 0, 1_060, -50]), ..BoardEdit::default() };
    board(&mut ada, &BoardCommand::Change { changes: vec![moved], gesture: None }).await;
    guest.until("its moved stroke", |page| page["board"][&theirs]["frame"] == json!([0, 0, 1060, -50])).await;
    ada.board_until("a written note", |board| {
        board
            .elements
            .get(&milk)
            .is_some_and(|note| note.text == "milk, bread" && note.frame == [5, 6, 700, 800])
    })
    .await;
    same_board(&mut ada, &mut guest, 3).await;
    let file = folder.path().join("board.svg");
    ada.say(&format!("/board save {}", file.display())).await;

    // A picture of each, of which the other asks for the bytes.
    let (mine, yours) = (png(3), png(4));
    let add = BoardCommand::AddPicture {
        page: None,
        frame: [0, 0, 640, 640],
        data: data_encoding::BASE64.encode(&mine),
    };
    board(&mut ada, &add).await;
    let picture = json!({ "kind": "picture", "style": style(), "frame": [9, 9, 64, 64],
        "picture": data_encoding::BASE64URL_NOPAD.encode(&yours) });
    guest.say(json!({ "command": "draw", "element": picture })).await;
    guest.until("both pictures", |page| page["pictures"].as_array().unwrap().len() == 2).await;
    let view = ada.board_until("both pictures", |board| board.pictures.len() == 2).await;
    for hash in guest.page()["pictures"].as_array().unwrap() {
        assert!(view.pictures.iter().any(|known| known == hash));
    }
    same_board(&mut ada, &mut guest, 5).await;
    let pictures: Vec<_> = view.elements.iter().filter(|(_, one)| one.kind == BoardKind::Picture).collect();
    let ids: Vec<_> = pictures.into_iter().map(|(id, _)| id.clone()).collect();
    board(&mut ada, &BoardCommand::Remove { ids, gesture: None }).await;
    same_board(&mut ada, &mut guest, 3).await;

    // Each erases what they drew, and Ada brings hers back.
    guest.say(json!({ "command": "erase", "ids": [theirs] })).await;
    let erase = BoardCommand::Remove { ids: vec![adas.clone()], gesture: None };
    board(&mut ada, &erase).await;
    ada.board_until("the note only", |board| board.elements.len() == 1).await;
    guest.until("the note only", |page| page["board"].as_object().unwrap().len() == 1).await;
    same_board(&mut ada, &mut guest, 1).await;
    ada.say("/board undo").await;
    guest.until("Ada's stroke again", |page| page["board"].as_object().unwrap().len() == 2).await;
    same_board(&mut ada, &mut guest, 2).await;
    let svg = std::fs::read_to_string(&file).unwrap();
    assert!(svg.contains("#c0392b") && svg.contains("bread"), "{svg}");
    assert_eq!(ada.leave().await.0, Some(0));
    guest.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_comes_late_is_told_everything_and_hands_it_on_when_all_others_left() {
    let (server, clips) = (Server::start().await, Clips::make());
    let mut ada = person("Ada", &server, None);
    let code = ada.code().await;
    let mut ben = person("Ben", &server, Some(&code));
    let mut cyd = person("Cyd", &server, Some(&code));
    ada.say("good evening").await;
    ben.say("hello").await;
    cyd.chat_until("both", |chat| has("good evening")(chat) && has("hello")(chat)).await;
    cyd.say("I have to go").await;
    cyd.say("/react heart").await;
    board(&mut ada, &stroke(vec![0, 0, 128, 300, 50, 140])).await;
    board(&mut ben, &note("milk")).await;
    board(&mut cyd, &stroke(vec![7, 7, 128, 8, 8, 128])).await;
    board(&mut cyd, &stroke(vec![100, 0, 128, 0, 100, 128])).await;
    let view = cyd.board_until("four", |board| board.elements.len() == 4).await;
    let milk = view.elements.iter().find(|(_, one)| one.kind == BoardKind::Note).unwrap().0.clone();
    let own = view.elements.iter().find(|(_, one)| one.author == view.me).unwrap().0.clone();
    let moved = BoardEdit { id: milk.clone(), frame: Some([1, 2, 300, 400]), ..BoardEdit::default() };
    board(&mut cyd, &BoardCommand::Change { changes: vec![moved], gesture: None }).await;
    board(&mut cyd, &BoardCommand::Remove { ids: vec![own], gesture: None }).await;
    for person in [&mut ada, &mut ben] {
        let done = |board: &BoardView| {
            board.elements.len() == 3
                && board.elements.get(&milk).is_some_and(|note| note.frame == [1, 2, 300, 400])
        };
        person.board_until("all that Cyd did", done).await;
        let liked = |chat: &ChatView| {
            chat.messages.len() == 3 && chat.messages.iter().any(|one| !one.reactions.is_empty())
        };
        person.chat_until("all that Cyd said", liked).await;
    }
    assert_eq!(cyd.leave().await.0, Some(0));
    for person in [&mut ada, &mut ben] {
        person
            .until("one less", |call| call["participants"].as_array().is_some_and(|all| all.len() == 1))
            .await;
    }

    let mut guest = guest(&server, &clips, &code, 2).await;
    guest.until("all that was said", |page| page["chat"].as_array().unwrap().len() == 3).await;
    guest.until("all that was drawn", |page| page["board"].as_object().unwrap().len() == 3).await;
    let passed_on = |page: &Value| {
        let words = page["chat"].as_array().unwrap().iter();
        words.filter(|message| !message["passedOnBy"].is_null()).count()
    };
    assert_eq!(passed_on(guest.page()), 1, "Cyd has left");
    guest.say(json!({ "command": "say", "text": "good morning" })).await;
    guest.say(page_stroke(&json!([[1, 2, 3], [4, 5, 6]]), 1)).await;
    for person in [&mut ada, &mut ben] {
        person.chat_until("the page's words", has("good morning")).await;
        same_board(person, &mut guest, 4).await;
        same_chat(person, &mut guest).await;
    }
    let all = ben.board_until("all", |board| board.elements.len() == 4).await;
    let words = ben.chat_until("all", |chat| chat.messages.len() == 4).await;

    // Everybody leaves but the page, which alone knows what was said and drawn.
    for person in [ada, ben] {
        assert_eq!(person.leave().await.0, Some(0));
    }
    guest.until("an empty room", |page| page["phase"] == "alone").await;
    let mut dan = person("Dan", &server, Some(&code));
    let late = dan.chat_until("all that was said", |chat| said(chat) == said(&words)).await;
    assert_eq!(late.messages.iter().filter(|one| one.passed_on_by.is_some()).count(), 3);
    dan.board_until("all that was drawn", |board| drawn(board) == drawn(&all)).await;
    assert_eq!(dan.leave().await.0, Some(0));
    guest.close().await;
}
