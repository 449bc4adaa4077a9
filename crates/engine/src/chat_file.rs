//! A chat as a text that a person keeps.

use std::fmt::Write as _;

use crate::api::{ChatMessage, ChatView, Reaction};
use crate::new_file::{Moment, What};

/// What is saved.
pub(crate) const CHAT: What = What { name: "chat", extension: "txt", code: "chat_not_saved" };

/// The chat, a line or more for each message.
pub(crate) fn write(chat: &ChatView, own_name: &str, utc_offset: i32) -> String {
    let name = |peer: &str| match (peer == chat.me, chat.names.get(peer)) {
        (true, _) if own_name.is_empty() => "You",
        (true, _) => own_name,
        (false, Some(name)) if !name.is_empty() => name,
        (false, _) => "Somebody",
    };
    let mut text = String::from("Chat of a Tincan call\n");
    let mut day = String::new();
    for message in &chat.messages {
        let at = Moment::new(message.at, utc_offset);
        if day != at.date() {
            day = at.date();
            let _ = write!(text, "\n{day}\n\n");
        }
        let _ = write!(text, "{:02}:{:02} {}", at.hour, at.minute, name(&message.author));
        let notes = notes(chat, message, &name);
        if !notes.is_empty() {
            let _ = write!(text, " ({})", notes.join(", "));
        }
        match &message.text {
            Some(said) => {
                let _ = writeln!(text, ": {}", said.replace('\n', "\n      "));
            }
            None => text.push_str(" deleted a message\n"),
        }
        for reaction in &message.reactions {
            let people: Vec<_> = reaction.people.iter().map(|peer| name(peer)).collect();
            let _ = writeln!(text, "      {} from {}", called(reaction.reaction), people.join(", "));
        }
    }
    text
}

fn notes<'a>(chat: &ChatView, message: &ChatMessage, name: &impl Fn(&str) -> &'a str) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(message.to.as_ref().map(|to| format!("only to {}", name(to))));
    let reply = message.reply.as_ref().map(|id| match chat.message(id) {
        Some(to) => format!("in reply to {}", name(&to.author)),
        None => "in reply to a message that is not here".into(),
    });
    notes.extend(reply);
    notes.extend(message.passed_on_by.as_ref().map(|by| format!("passed on by {}", name(by))));
    notes.extend((message.edited && message.text.is_some()).then(|| "edited".into()));
    notes
}

const fn called(reaction: Reaction) -> &'static str {
    match reaction {
        Reaction::ThumbsUp => "Thumbs up",
        Reaction::Clap => "Applause",
        Reaction::Heart => "Heart",
        Reaction::Laugh => "Laughter",
        Reaction::Surprised => "Surprise",
        Reaction::Party => "Party",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::api::{ChatHistory, ChatReaction};
    use crate::new_file::{Place, save};

    fn chat() -> ChatView {
        let message = |number: u64, author: &str, text: Option<&str>| ChatMessage {
            id: format!("{number}-{author}"),
            number,
            author: author.into(),
            at: 1_700_000_000_000 + number * 60_000,
            to: None,
            reply: None,
            text: text.map(str::to_owned),
            edited: false,
            passed_on_by: None,
            reactions: Vec::new(),
        };
        let heart = ChatReaction { reaction: Reaction::Heart, people: vec!["m".into(), "a".into()] };
        ChatView {
            me: "m".into(),
            messages: vec![
                ChatMessage { reactions: vec![heart], ..message(1, "a", Some("Hello\nall")) },
                ChatMessage {
                    to: Some("a".into()),
                    reply: Some("1-a".into()),
                    edited: true,
                    ..message(2, "m", Some("psst"))
                },
                ChatMessage { passed_on_by: Some("a".into()), ..message(3, "g", None) },
                ChatMessage { at: 1_700_090_000_000, ..message(4, "x", Some("late")) },
            ],
            names: BTreeMap::from([("a".into(), "Ada".into()), ("g".into(), "Grace".into())]),
            history: ChatHistory::default(),
        }
    }

    #[test]
    fn a_chat_is_written_with_times_and_names() {
        // 22:13:20 UTC on the 14th of November 2023, an hour later by the person's clock.
        let expected = "Chat of a Tincan call\n\n2023-11-14\n\n23:14 Ada: Hello\n      all\n      \
                        Heart from Max, Ada\n23:15 Max (only to Ada, in reply to Ada, edited): psst\n\
                        23:16 Grace (passed on by Ada) deleted a message\n\n2023-11-16\n\n00:13 Somebody: late\n";
        assert_eq!(write(&chat(), "Max", 60), expected);
        assert!(write(&chat(), "", -60).contains("21:15 You (only to"));
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (millis, offset, date) in [
            (0, 0, "1970-01-01 00:00"),
            (951_782_340_000, 0, "2000-02-28 23:59"),
            (951_782_400_000, 0, "2000-02-29 00:00"),
            (4_107_542_400_000, 0, "2100-03-01 00:00"),
            (0, -60, "1970-01-01 00:00"),
            (1_735_689_540_000, 1, "2025-01-01 00:00"),
        ] {
            let at = Moment::new(millis, offset);
            assert_eq!(format!("{} {:02}:{:02}", at.date(), at.hour, at.minute), date);
        }
    }

    #[test]
    fn a_file_is_replaced_where_the_person_said_so_and_nothing_else_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chat.txt");
        for text in ["one", "two"] {
            assert_eq!(save(&CHAT, &Place::Instead(path.clone()), 0, text.as_bytes()).unwrap(), path);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        // A folder stays a folder.
        let refused = save(&CHAT, &Place::Instead(folder.path().to_owned()), 0, b"x").unwrap_err();
        assert_eq!(refused.code, "chat_not_saved");
        assert!(folder.path().is_dir());
    }

    #[test]
    fn nothing_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::In(folder.path().to_owned(), 0);
        let names: Vec<_> = (0..3)
            .map(|number: u32| {
                let path = save(&CHAT, &place, 0, number.to_string().as_bytes()).unwrap();
                assert_eq!(std::fs::read_to_string(&path).unwrap(), number.to_string());
                path.file_name().unwrap().to_string_lossy().into_owned()
            })
            .collect();
        let name = "Tincan chat 1970-01-01 00.00";
        assert_eq!(names, [format!("{name}.txt"), format!("{name} (2).txt"), format!("{name} (3).txt")]);
        let there = folder.path().join(&names[0]);
        let refused = save(&CHAT, &Place::File(there.clone()), 0, b"x").unwrap_err();
        assert!(refused.message.contains("already"), "{}", refused.message);
        assert_eq!(std::fs::read_to_string(there).unwrap(), "0");
        let nowhere = save(&CHAT, &Place::File(folder.path().join("no/such")), 0, b"x").unwrap_err();
        assert!(nowhere.message.contains("another place"), "{}", nowhere.message);
    }
}
