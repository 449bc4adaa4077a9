//! What people do together while one of them is cut off from the others.

use std::collections::BTreeMap;

use serde_json::Value;
use tincan_engine::api::{BoardElement, BoardView, ChatView};
use tincan_tests::participant::{Participant, others};

use super::{SERVER, connected, internet, three_on_wifi};

/// Nobody looks or listens here.
const STILL: [&str; 5] = ["--chat", "--camera", "none", "--microphone", "none"];

/// A note on the board.
fn note(text: &str) -> String {
    let element = serde_json::json!({
        "kind": "note",
        "page": null,
        "points": [],
        "frame": [0, 0, 900, 600],
        "style": { "color": "#1a2b3c", "fill": null, "width": 20, "size": 160 },
        "text": text,
        "live": null,
    });
    format!("/board {}", serde_json::json!({ "type": "add", "elements": [element] }))
}

fn words(chat: &ChatView) -> Vec<(String, Option<String>)> {
    chat.messages.iter().map(|message| (message.id.clone(), message.text.clone())).collect()
}

/// What everybody sees alike.
fn things(board: &BoardView) -> BTreeMap<String, BoardElement> {
    let alike = |(id, element): (&String, &BoardElement)| {
        (id.clone(), BoardElement { passed_on_by: None, ..element.clone() })
    };
    board.elements.iter().map(alike).collect()
}

/// Somebody sees so many messages and things on the board.
async fn sees(person: &mut Participant, count: usize) {
    person.chat_until(&format!("{count} messages"), |chat| chat.messages.len() == count).await;
    person.board_until(&format!("{count} notes"), |board| board.elements.len() == count).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_write_and_draw_while_one_is_cut_off_and_see_the_same_when_they_are_back() {
    let internet = internet();
    let (machines, mut links) = three_on_wifi(&internet).await;
    let (_server, url) = internet.serve(SERVER, &[]).await;
    let mut ada = machines[0].call("Ada", &url, &STILL);
    let code = ada.code().await;
    let joins = [&[code.as_str()], &STILL[..]].concat();
    let (mut ben, mut cyd) = (machines[1].call("Ben", &url, &joins), machines[2].call("Cyd", &url, &joins));
    for person in [&mut ada, &mut ben, &mut cyd] {
        person.until("two others", |call| connected(call) && others(call).len() == 2).await;
    }
    for (person, name) in [(&mut ada, "Ada"), (&mut ben, "Ben"), (&mut cyd, "Cyd")] {
        person.say(&format!("{name} is here")).await;
        person.say(&note(name)).await;
    }
    for person in [&mut ada, &mut ben, &mut cyd] {
        sees(person, 3).await;
    }

    // Cyd is in a tunnel, and goes on writing and drawing, as the others do.
    links[2].set("both cut").await;
    for (person, name) in [(&mut ada, "Ada"), (&mut ben, "Ben"), (&mut cyd, "Cyd")] {
        person.say(&format!("{name} goes on")).await;
        person.say(&note(&format!("{name} goes on"))).await;
    }
    sees(&mut ada, 5).await;
    sees(&mut ben, 5).await;
    sees(&mut cyd, 4).await;
    // Longer than anything waits for an answer before it asks again.
    let missed = |call: &Value| others(call).iter().any(|other| other["connection"] == "reconnecting");
    ada.until("Cyd is missed", missed).await;
    cyd.until("the others are missed", missed).await;
    sees(&mut ada, 5).await;
    sees(&mut cyd, 4).await;

    links[2].set("both delay=30ms loss=1%").await;
    for person in [&mut ada, &mut ben, &mut cyd] {
        sees(person, 6).await;
    }
    let chats = [
        words(&ada.chat_until("all", |_| true).await),
        words(&ben.chat_until("all", |_| true).await),
        words(&cyd.chat_until("all", |_| true).await),
    ];
    assert_eq!(chats[0], chats[1], "the order is everybody's");
    assert_eq!(chats[0], chats[2], "the order is everybody's");
    let boards = [
        things(&ada.board_until("all", |_| true).await),
        things(&ben.board_until("all", |_| true).await),
        things(&cyd.board_until("all", |_| true).await),
    ];
    assert_eq!(boards[0], boards[1]);
    assert_eq!(boards[0], boards[2]);
    for person in [cyd, ben, ada] {
        person.leave().await;
    }
}
