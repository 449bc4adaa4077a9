//! The chat of whole calls: `tincan call --chat` as its own process, the real server, real connections.

use tincan_engine::api::{ChatMessage, ChatView, Command as Ask, Reaction};
use tincan_tests::participant::Participant;
use tincan_tests::person::Person;
use tincan_tests::process::{Process, binary};
use tincan_tests::server::Server;
use tokio::process::Command;

/// Nobody looks or listens here.
const STILL: [&str; 5] = ["--chat", "--camera", "none", "--microphone", "none"];

fn chatter(name: &str, server: &Server, code: Option<&str>) -> Participant {
    let arguments: Vec<_> = code.into_iter().chain(STILL).collect();
    Participant::start(name, &server.url(), &arguments)
}

/// What was said to all, in the order in which it is shown: who said it, what it says, how it is marked.
fn public(chat: &ChatView) -> Vec<(String, String)> {
    let to_all = chat.messages.iter().filter(|message| message.to.is_none());
    let text = |message: &ChatMessage| message.text.clone().unwrap_or_else(|| "(deleted)".into());
    to_all.map(|message| (message.id.clone(), text(message))).collect()
}

fn has(text: &str) -> impl Fn(&ChatView) -> bool {
    move |chat| found(chat, text).is_some()
}

fn found<'a>(chat: &'a ChatView, text: &str) -> Option<&'a ChatMessage> {
    chat.messages.iter().find(|message| message.text.as_deref() == Some(text))
}

fn count(chat: &ChatView) -> usize {
    chat.messages.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn three_write_to_all_and_to_one_change_what_they_said_and_whoever_comes_later_reads_it() {
    let server = Server::start().await;
    let mut ada = chatter("Ada", &server, None);
    let code = ada.code().await;
    // What is said before anybody came is there for whoever comes.
    ada.say("is anybody here?").await;
    let mut ben = chatter("Ben", &server, Some(&code));
    ben.chat_until("what Ada said before", has("is anybody here?")).await;
    ben.say("I am").await;
    ben.say("/reply and listen").await;
    ada.chat_until("Ben's words", |chat| has("I am")(chat) && has("and listen")(chat)).await;
    ada.say("/to Ben psst").await;
    let chat = ben.chat_until("a whisper", has("psst")).await;
    assert_eq!(found(&chat, "psst").unwrap().to.as_deref(), Some(chat.me.as_str()));
    ada.say("helo al").await;
    ada.say("/edit hello all").await;
    ada.say("the password is xyzzy").await;
    ada.say("/delete").await;
    ada.say("//to nobody: \u{1b}[31mplain\u{202e}").await;
    ben.chat_until("the last word", has("/to nobody: [31mplain")).await;
    ben.say("/react heart").await;
    ada.chat_until("a heart", |chat| {
        found(chat, "/to nobody: [31mplain").is_some_and(|message| {
            message.reactions.iter().any(|one| one.reaction == Reaction::Heart && one.people.len() == 1)
        })
    })
    .await;

    // Somebody comes late, and reads everything but what is for others or was deleted.
    let mut cyd = chatter("Cyd", &server, Some(&code));
    let late = cyd.chat_until("all that was said", |chat| count(chat) == 6).await;
    assert!(found(&late, "psst").is_none());
    assert!(late.messages.iter().all(|message| message.passed_on_by.is_none()), "both are here");
    let edited = found(&late, "hello all").unwrap();
    assert!(edited.edited);
    let reply = found(&late, "and listen").unwrap().reply.clone();
    assert_eq!(reply.as_deref(), found(&late, "is anybody here?").map(|message| message.id.as_str()));
    cyd.say("good evening").await;
    let (of_ada, of_ben) = (
        ada.chat_until("Cyd's words", has("good evening")).await,
        ben.chat_until("Cyd's words", has("good evening")).await,
    );
    let of_cyd = cyd.chat_until("her own words", has("good evening")).await;
    assert_eq!(public(&of_ada), public(&of_ben));
    assert_eq!(public(&of_ada), public(&of_cyd));
    assert_eq!(count(&of_ada), 8, "seven to all, and the whisper");

    // A terminal shows lines.
    let mut command = Command::new(binary("tincan"));
    command
        .args(["call", &code, "--server", &server.url(), "--name", "Dan", "--speaker", "none"])
        .args(STILL);
    let mut dan = Process::start("Dan", command);
    dan.wait_for("a line", |line| (line == "Cyd: good evening").then_some(())).await;
    dan.type_line("I only have a terminal").await;
    ada.chat_until("Dan's words", has("I only have a terminal")).await;
    ada.say("/delete").await;
    dan.wait_for("what became of it", |line| line.starts_with("Ada deleted a message: ").then_some(())).await;
    dan.type_line("/leave").await;
    dan.end().await;
    for person in [ada, ben, cyd] {
        assert_eq!(person.leave().await.0, Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_crashes_and_comes_back_reads_what_they_and_all_others_said() {
    let server = Server::start().await;
    let mut ada = chatter("Ada", &server, None);
    let code = ada.code().await;
    let mut ben = chatter("Ben", &server, Some(&code));
    let mut cyd = chatter("Cyd", &server, Some(&code));
    for (person, words) in [(&mut ada, "one"), (&mut ben, "two"), (&mut cyd, "three")] {
        person.say(words).await;
    }
    for person in [&mut ada, &mut ben, &mut cyd] {
        person.chat_until("three words", |chat| count(chat) == 3).await;
    }
    ben.crash().await;
    ada.say("four").await;
    let mut ben = chatter("Ben", &server, Some(&code));
    // What the first Ben said comes from the others, once they miss him.
    let back = ben.chat_until("everything", |chat| count(chat) == 4).await;
    let two = found(&back, "two").unwrap();
    assert!(two.passed_on_by.is_some() && two.author != back.me);
    assert_eq!(back.names.get(&two.author).map(String::as_str), Some("Ben"));
    ben.say("five").await;
    let mut views = Vec::new();
    for person in [&mut ada, &mut ben, &mut cyd] {
        person
            .until("nobody lost", |call| call["participants"].as_array().is_some_and(|all| all.len() == 2))
            .await;
        views.push(public(&person.chat_until("five words", |chat| count(chat) == 5).await));
    }
    assert_eq!(views[0], views[1]);
    assert_eq!(views[0], views[2]);
    for person in [ada, ben, cyd] {
        person.leave().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_history_keeps_what_was_said_from_whoever_comes_later_and_a_chat_is_saved() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    let mut ada = chatter("Ada", &server, None);
    let code = ada.code().await;
    ada.say("/close-history").await;
    ada.chat_until("a closed history", |chat| !chat.history.open).await;
    ada.say("before").await;
    let mut ben = chatter("Ben", &server, Some(&code));
    ben.chat_until("what Ada decided", |chat| !chat.history.open && !chat.history.ours).await;
    ada.until("Ben", |call| call["participants"][0]["connection"] == "connected").await;
    ada.say("after").await;
    let chat = ben.chat_until("what is said now", has("after")).await;
    assert_eq!(count(&chat), 1);
    let file = folder.path().join("chat.txt");
    ben.say(&format!("/save {}", file.display())).await;
    // What is said next is answered after it.
    ben.say("saved").await;
    ada.chat_until("Ben's word", has("saved")).await;
    let (_, said) = ben.leave().await;
    assert!(said.iter().any(|line| line.contains("Saved as")), "{said:?}");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(" Ada: after\n") && !text.contains("before"), "{text}");
    ada.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_done_is_refused_with_a_reason_and_nothing_is_left_of_a_call_that_ended() {
    let server = Server::start().await;
    let (ada, ben) = (Person::quiet("Ada", Some(&server.url())), Person::quiet("Ben", Some(&server.url())));
    let say = |to: Option<String>| Ask::SendChat { text: "hello".into(), to, reply: None };
    let code = |answer: Result<_, tincan_engine::api::CommandError>| answer.err().map(|error| error.0.code);
    assert_eq!(code(ada.answer(say(None)).await).as_deref(), Some("no_call"));
    let room = ada.create().await;
    ben.join(&room).await;
    ada.ask(say(None)).await;
    let chat =
        ben.until("Ada's word", |all| all.chat.as_ref().is_some_and(|chat| count(chat) == 1)).await.chat;
    let id = chat.unwrap().messages[0].id.clone();
    let edit = Ask::EditChat { id: id.clone(), text: "hacked".into() };
    for (ask, refusal) in [
        (edit, "chat_not_yours"),
        (Ask::DeleteChat { id: "1-2".into() }, "chat_unknown"),
        (Ask::EditChat { id, text: " ".into() }, "chat_empty"),
        (say(Some("00".repeat(32))), "chat_not_here"),
        (Ask::CloseChatHistory, "chat_not_first"),
        (Ask::SaveChat { file: None, replace: false, utc_offset: 0 }, "chat_no_folder"),
    ] {
        assert_eq!(code(ben.answer(ask).await).as_deref(), Some(refusal));
    }
    ben.ask(Ask::Leave).await;
    assert_eq!(ben.snapshot().await.chat, None);
    let save = Ask::SaveChat { file: Some("chat.txt".into()), replace: false, utc_offset: 0 };
    assert_eq!(code(ben.answer(save).await).as_deref(), Some("no_chat"));
    ben.engine.shutdown().await;
    ada.engine.shutdown().await;
}
