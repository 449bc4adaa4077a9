//! What these types show in a log: nothing that a person would mind.

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;

const SECRET: &str = "SECRET";
/// Sentences and numbers of ours, without anything of a person's.
const HARMLESS: [&str; 5] = ["version", "quality", "digits", "words", "path"];

/// The code of a sentence is ours; a room's is a secret.
const SENTENCES: [&str; 6] = ["invitation", "reach", "serverProblem", "quality", "reason", "problem"];

/// Puts a secret wherever the type takes a text, and looks for it in what is shown.
fn hides<T: Debug + Serialize + DeserializeOwned>(example: T, harmless: &[&str]) {
    let mut json = serde_json::to_value(example).unwrap();
    let mut places = Vec::new();
    find(&json, String::new(), &mut places);
    let mut hidden = 0;
    for place in places {
        let mut parts = place.rsplit('/').filter(|part| part.parse::<usize>().is_err());
        let (name, of) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        if name == "code" && SENTENCES.contains(&of) {
            continue;
        }
        if HARMLESS.contains(&name) || harmless.contains(&name) {
            continue;
        }
        for secret in [json!(SECRET), json!([SECRET])] {
            let mut changed = json.clone();
            *changed.pointer_mut(&place).unwrap() = secret;
            if serde_json::from_value::<T>(changed.clone()).is_ok() {
                json = changed;
                hidden += 1;
            }
        }
    }
    assert!(hidden > 0, "nothing can be hidden in {json}");
    let shown = format!("{:?}", serde_json::from_value::<T>(json).unwrap());
    assert!(!shown.contains(SECRET), "{shown}");
}

/// Where there is a text, or may be one.
fn find(json: &Value, at: String, places: &mut Vec<String>) {
    match json {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| find(value, format!("{at}/{name}"), places));
        }
        Value::Array(values) if !values.is_empty() => {
            values.iter().enumerate().for_each(|(index, value)| find(value, format!("{at}/{index}"), places));
        }
        Value::Array(_) | Value::String(_) | Value::Null => places.push(at),
        Value::Bool(_) | Value::Number(_) => {}
    }
}

fn call() -> CallView {
    serde_json::from_value(json!({
        "phase": "connected", "code": "", "inviteLink": "", "test": false, "reach": { "code": "", "message": "" }, "serverConnected": true,
        "connectedSince": null, "left": null, "invitation": {"code": "", "message": "", "parameters": {"link": ""}}, "capacity": 8, "locked": true, "hand": null, "safety": null,
        "knocks": [{ "id": "", "name": "" }],
        "participants": [{
            "id": "", "name": "", "connection": "connected", "microphoneOn": true, "sharesSound": false,
            "streams": [{ "source": "camera", "stream": 1, "on": true, "paused": false }],
            "volume": 1.0, "trust": "verified", "late": false, "hand": null, "records": true, "quality": 4,
        }],
    }))
    .unwrap()
}

fn chat() -> ChatView {
    serde_json::from_value(json!({
        "me": "", "names": {}, "history": { "open": true, "ours": false },
        "messages": [{
            "id": "", "number": 1, "author": "", "at": 0, "to": null, "reply": null, "text": null, "edited": false,
            "passedOnBy": null, "reactions": [{ "reaction": "clap", "people": [""] }],
        }],
    }))
    .unwrap()
}

fn board() -> BoardView {
    serde_json::from_value(json!({
        "me": "", "names": {}, "pictures": [], "drawing": [],
        "own": { "canUndo": true, "canRedo": false, "deletedByOthers": 0, "full": false },
        "elements": { "1-a": {
            "author": "", "passedOnBy": null, "kind": "note", "page": null, "frame": [0, 0, 1, 1], "order": 1,
            "style": { "color": "", "fill": null, "width": 1, "size": 40 }, "points": [0, 0, 0], "natural": [1, 1],
            "text": "", "picture": { "hash": "", "size": [1, 1] }, "live": null,
        } },
    }))
    .unwrap()
}

fn file_offer() -> FileOffer {
    serde_json::from_value(json!({
        "id": "", "ours": false, "author": "", "authorName": "", "at": 0, "number": 0, "to": null, "files": 1, "bytes": 1,
        "program": false, "free": 1, "fits": true, "folder": null, "hash": null,
        "items": [{ "name": "", "folder": false, "files": 1, "bytes": 1, "program": false }],
        "transfers": [{
            "peer": "", "name": "", "state": "failed", "verified": 0, "speed": 0, "secondsLeft": null, "resumable": true,
            "problem": { "code": "", "message": "" },
        }],
    }))
    .unwrap()
}

fn games() -> GamesView {
    serde_json::from_value(json!({
        "me": "",
        "offers": [{ "id": "", "kind": "curves", "host": "", "players": [""], "playing": true }],
        "game": {
            "id": "", "kind": "curves", "host": "", "watching": false, "phase": "round", "round": 1, "target": 5,
            "players": [{ "peer": "", "score": 1, "gained": 1, "seat": 0, "out": { "by": "wall" } }],
            "watchers": [""], "stalled": false,
        },
        "sketch": {
            "id": "", "host": "", "watching": false, "phase": "drawing", "language": "en", "rounds": 1, "seconds": 60, "round": 1,
            "players": [{ "peer": "", "score": 1, "gained": 1, "solved": true, "next": false }], "watchers": [""],
            "stalled": false, "drawer": "", "guessing": true, "choices": [""], "beganAt": 1, "hint": "", "word": "",
            "said": [{ "peer": "", "verdict": "wrong", "text": "" }], "fair": true,
        },
    }))
    .unwrap()
}

fn snapshot() -> Snapshot {
    let device = || Device { id: String::new(), name: String::new() };
    Snapshot {
        devices: Devices { cameras: vec![device()], microphones: vec![device()], speakers: vec![device()] },
        call: Some(call()),
        chat: Some(chat()),
        board: Some(board()),
        nearby: vec![NearbyCall { host: String::new() }],
        recent: vec![RecentCall { code: String::new(), server: None, names: Vec::new(), at: 0 }],
        last_call: Some(
            serde_json::from_value(json!({
                "code": "", "inviteLink": "", "test": false, "seconds": 1, "quality": { "code": "", "message": "" }, "reason": null,
            }))
            .unwrap(),
        ),
        ..Snapshot::default()
    }
}

#[test]
fn debug_of_what_is_shown_hides_everything_of_a_person() {
    hides(snapshot(), &[]);
    let events = [
        Event::Settings { settings: Settings::default() },
        Event::Devices { devices: snapshot().devices },
        Event::Preview { preview: Preview::default() },
        Event::Call { call: Some(call()) },
        Event::Nearby { nearby: snapshot().nearby },
        Event::Recent { recent: snapshot().recent },
        Event::LastCall { summary: snapshot().last_call },
    ];
    for event in events {
        hides(NumberedEvent { number: 1, event }, &[]);
    }
    for change in [
        ChatChange::All { chat: Some(chat()) },
        ChatChange::Message { message: chat().messages.remove(0) },
        ChatChange::Dropped { id: String::new() },
        ChatChange::Name { peer: String::new(), name: String::new() },
    ] {
        hides(Event::Chat { change }, &[]);
    }
    for change in [
        BoardChange::All { board: Some(board()) },
        BoardChange::Elements { put: board().elements, gone: vec![String::new()] },
        BoardChange::Name { peer: String::new(), name: String::new() },
        BoardChange::Picture { hash: String::new() },
        BoardChange::Drawing { people: vec![String::new()] },
    ] {
        hides(Event::Board { change }, &[]);
    }
    let stroke = json!({
        "number": 1, "kind": "pen", "style": { "color": "", "fill": null, "width": 1, "size": 40 }, "keep": 0, "points": [],
    });
    let live = json!({ "peer": "", "page": null, "pointer": null, "stroke": stroke, "editing": null });
    hides(Event::BoardLive { live: vec![serde_json::from_value(live).unwrap()] }, &[]);
    let named = ChatView { names: BTreeMap::from([(SECRET.to_owned(), SECRET.to_owned())]), ..chat() };
    assert!(!format!("{named:?}").contains(SECRET));
    let progress = |text: String| FileProgress {
        offer: text.clone(),
        peer: text,
        verified: 0,
        speed: 0,
        seconds_left: None,
    };
    for change in [
        FilesChange::All { files: FilesView { offers: vec![file_offer()] } },
        FilesChange::Offer { offer: file_offer() },
        FilesChange::Progress { moved: vec![progress(String::new())] },
        FilesChange::Dropped { offer: String::new() },
    ] {
        hides(Event::Files { change }, &["code"]);
    }
    hides(Event::Games { games: games() }, &["id"]);
    hides(Event::Reaction { peer: Some(String::new()), reaction: Reaction::Clap }, &[]);
    let notice = Notice::new(NoticeKind::Info, Sentence::new("", ""));
    hides(Event::Notice { notice }, &["code"]);
}

fn board_command(json: Value) -> Command {
    Command::Board { command: serde_json::from_value(json).unwrap() }
}

#[test]
fn debug_of_what_is_asked_and_answered_hides_everything_of_a_person() {
    let text = String::new;
    for command in [
        Command::JoinRoom { code: text() },
        Command::CallAgain { code: text(), server: None },
        Command::ForgetCall { code: text() },
        Command::SelectCamera { id: text() },
        Command::SelectMicrophone { id: text() },
        Command::SelectSpeaker { id: text() },
        Command::SetVolume { peer: text(), volume: 1.0 },
        Command::LetIn { peer: text() },
        Command::Refuse { peer: text() },
        Command::SetVerified { peer: Some(text()), on: true },
        Command::SendChat { text: text(), to: None, reply: None },
        Command::EditChat { id: text(), text: text() },
        Command::DeleteChat { id: text() },
        Command::ReactToChat { id: text(), reaction: Reaction::Clap, on: true },
        Command::SaveChat { file: None, replace: false, utc_offset: 0 },
        Command::StartRecording { file: None, utc_offset: 0 },
        board_command(json!({ "type": "clear", "page": null, "own": true })),
        board_command(json!({ "type": "add_picture", "page": null, "frame": [0, 0, 0, 0], "data": "" })),
        board_command(json!({ "type": "change", "changes": [{ "id": "", "text": "" }], "gesture": null })),
        board_command(json!({ "type": "remove", "ids": [""], "gesture": null })),
        board_command(json!({ "type": "picture", "hash": "" })),
        board_command(json!({ "type": "save", "page": null, "png": null, "file": null, "utcOffset": 0 })),
        Command::Sketch { command: SketchCommand::Guess { text: text() } },
        Command::OfferFiles { paths: vec![text()], to: None },
        Command::AcceptFiles { offer: text(), folder: None, file: None },
        Command::DeclineFiles { offer: text() },
        Command::PauseFiles { offer: text(), peer: None },
        Command::SaveReport {
            file: None,
            replace: false,
            utc_offset: 0,
            words: ReportWords { language: text(), ..ReportWords::default() },
        },
        Command::ResumeFiles { offer: text(), peer: None },
        Command::CancelFiles { offer: text(), peer: None },
        Command::ForgetFiles { offer: text() },
        Command::LocateFiles { offer: text() },
        Command::UpdateSettings { settings: Settings::default() },
        Command::CheckCode { text: text() },
    ] {
        hides(command, &[]);
    }
    hides(Reply::Joined { code: text() }, &[]);
    hides(Reply::Saved { file: text() }, &[]);
    hides(Reply::Drawn { ids: vec![text()] }, &[]);
    hides(Reply::Picture { data: text() }, &[]);
    hides(Reply::Offered { offer: text() }, &[]);
    hides(Reply::Code { formatted: text(), complete: true, server: None, problem: None }, &[]);
    hides(CommandError::from(Sentence::new(text(), text()).with("name", text())), &["code"]);
}

#[test]
fn debug_hides_who_the_figures_are_of() {
    let of = |name: &str| BTreeMap::from([(name.to_owned(), ParticipantStatistics::default())]);
    let levels = Levels { microphone: 0.0, participants: BTreeMap::from([(SECRET.to_owned(), 0.5)]) };
    let shown =
        format!("{:?} {levels:?}", CallStatistics { participants: of(SECRET), ..CallStatistics::default() });
    assert!(!shown.contains(SECRET), "{shown}");
}
