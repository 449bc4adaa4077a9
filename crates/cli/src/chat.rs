//! The chat in a terminal: lines as they come, and what is typed.

use tincan_engine::api::{ChatChange, ChatMessage, ChatView, Command, Reaction};

use crate::console;

/// What may be typed beside what is sent.
pub(crate) const HELP: &str = "What you type is sent to everybody. /to NAME TEXT sends it to one person only, //TEXT begins \
                               with a slash; /reply TEXT, /react REACTION (thumbs_up, clap, heart, laugh, surprised, party) \
                               and /unreact REACTION are about the last message of somebody else; /edit TEXT and /delete \
                               are about your own last one; /save FILE writes the chat to a new file; /close-history keeps \
                               what was said from whoever comes later; /help says this. Every other command takes a slash \
                               too: /mute, /leave, …";

/// What is to be printed when the chat changes.
pub(crate) fn tell(before: Option<&ChatView>, change: &ChatChange) -> Option<String> {
    let chat = before?;
    match change {
        ChatChange::Message { message } => {
            let old = chat.message(&message.id);
            let who = name(chat, &message.author);
            match (old, &message.text) {
                (None, Some(text)) if message.author != chat.me => {
                    Some(format!("{who}{}: {}", notes(chat, message), indented(text)))
                }
                (Some(old), Some(text)) if old.text.as_ref() != Some(text) && message.author != chat.me => {
                    Some(format!("{who} changed a message: {}", indented(text)))
                }
                (Some(old), None) if old.text.is_some() && message.author != chat.me => {
                    Some(format!("{who} deleted a message: {}", beginning(old)))
                }
                (Some(old), Some(_)) => reacted(chat, old, message),
                _ => None,
            }
        }
        ChatChange::History { history } if chat.history.open && !history.open => {
            Some("Whoever comes from now on is not told what was said before.".into())
        }
        _ => None,
    }
}

fn notes(chat: &ChatView, message: &ChatMessage) -> String {
    let mut notes = Vec::new();
    if message.to.is_some() {
        notes.push("only to you".to_owned());
    }
    if let Some(to) = message.reply.as_ref().and_then(|id| chat.message(id)) {
        notes.push(format!("to {}: {}", name(chat, &to.author), beginning(to)));
    }
    if let Some(by) = &message.passed_on_by {
        notes.push(format!("passed on by {}", name(chat, by)));
    }
    if notes.is_empty() { String::new() } else { format!(" ({})", notes.join("; ")) }
}

/// The first reaction that is new and not our own.
fn reacted(chat: &ChatView, old: &ChatMessage, new: &ChatMessage) -> Option<String> {
    let had = |reaction: Reaction, who: &String| {
        old.reactions.iter().any(|one| one.reaction == reaction && one.people.contains(who))
    };
    let mut all = new.reactions.iter().flat_map(|one| one.people.iter().map(move |who| (one.reaction, who)));
    let (reaction, who) = all.find(|(reaction, who)| **who != chat.me && !had(*reaction, who))?;
    Some(format!("{}: {} for: {}", name(chat, who), word(reaction), beginning(new)))
}

fn name<'a>(chat: &'a ChatView, peer: &str) -> &'a str {
    match chat.names.get(peer) {
        _ if peer == chat.me => "You",
        Some(name) if !name.is_empty() => name,
        _ => "Somebody",
    }
}

/// A message of several lines is told from the next one.
fn indented(text: &str) -> String {
    text.replace('\n', "\n    ")
}

fn beginning(message: &ChatMessage) -> String {
    let line = message.text.as_deref().unwrap_or_default().lines().next().unwrap_or_default();
    let short: String = line.chars().take(40).collect();
    if short.len() < line.len() { format!("{short}…") } else { short }
}

const REACTIONS: [(&str, Reaction); 6] = [
    ("thumbs_up", Reaction::ThumbsUp),
    ("clap", Reaction::Clap),
    ("heart", Reaction::Heart),
    ("laugh", Reaction::Laugh),
    ("surprised", Reaction::Surprised),
    ("party", Reaction::Party),
];

fn word(reaction: Reaction) -> &'static str {
    REACTIONS.iter().find(|(_, one)| *one == reaction).map_or("", |(word, _)| word)
}

/// What a line asks for; `None` when it is empty. In a chat everything without a slash is said.
pub(crate) fn parse(line: &str, chat: Option<&ChatView>) -> Option<Result<Typed, String>> {
    let Some(rest) = line.strip_prefix('/') else {
        return (!line.trim().is_empty()).then(|| Ok(Typed::Command(say(line, None, None))));
    };
    if rest.starts_with('/') {
        return Some(Ok(Typed::Command(say(rest, None, None))));
    }
    let (verb, text) =
        rest.split_once(char::is_whitespace).map_or((rest, ""), |(verb, text)| (verb, text.trim()));
    let nothing = || "There is no such message yet.".to_owned();
    let own = || last(chat, |chat, message| message.author == chat.me).ok_or_else(nothing);
    let others = || last(chat, |chat, message| message.author != chat.me).ok_or_else(nothing);
    let react = |on| {
        let found = REACTIONS.iter().find(|(word, _)| *word == text);
        let (_, reaction) = found.ok_or_else(|| format!("`{text}` is no reaction. {HELP}"))?;
        Ok(Command::ReactToChat { id: others()?.id.clone(), reaction: *reaction, on })
    };
    let command = match verb {
        "to" => to_one(chat, text),
        "reply" => others().map(|to| {
            // What was said to us alone is answered to them alone.
            let only = to.to.is_some().then(|| to.author.clone());
            say(text, only, Some(to.id.clone()))
        }),
        "edit" => own().map(|own| Command::EditChat { id: own.id.clone(), text: text.into() }),
        "delete" if text.is_empty() => own().map(|own| Command::DeleteChat { id: own.id.clone() }),
        "react" => react(true),
        "unreact" => react(false),
        "save" if !text.is_empty() => {
            Ok(Command::SaveChat { file: Some(text.into()), replace: false, utc_offset: 0 })
        }
        "close-history" => Ok(Command::CloseChatHistory),
        "help" => return Some(Ok(Typed::Help)),
        _ => return Some(Ok(Typed::Other(rest.to_owned()))),
    };
    Some(command.map(Typed::Command))
}

/// What somebody typed into a chat.
#[derive(Debug, PartialEq)]
pub(crate) enum Typed {
    /// For the engine.
    Command(Command),
    /// A command that is no chat's, as [`console::parse`] reads it.
    Other(String),
    /// What may be typed.
    Help,
}

fn say(text: &str, to: Option<String>, reply: Option<String>) -> Command {
    Command::SendChat { text: text.into(), to, reply }
}

fn last(chat: Option<&ChatView>, is_it: impl Fn(&ChatView, &ChatMessage) -> bool) -> Option<&ChatMessage> {
    let chat = chat?;
    chat.messages.iter().rev().find(|message| message.text.is_some() && is_it(chat, message))
}

/// A person may have a name of several words: the longest that fits is meant.
fn to_one(chat: Option<&ChatView>, text: &str) -> Result<Command, String> {
    let names = chat.into_iter().flat_map(|chat| &chat.names);
    let fits = names.filter_map(|(peer, name)| {
        let rest = text.strip_prefix(name.as_str()).filter(|_| !name.is_empty())?;
        let said = rest.strip_prefix(char::is_whitespace)?.trim();
        Some((name.len(), peer, said))
    });
    let (_, peer, said) = fits
        .max_by_key(|(length, ..)| *length)
        .ok_or_else(|| "Nobody here has this name. Write it as it is shown: /to NAME TEXT.".to_owned())?;
    Ok(say(said, Some(peer.clone()), None))
}

/// A command that is no chat's: without its slash it is what is typed in a call without a chat.
pub(crate) fn explain(problem: String) -> String {
    problem.replace(console::HELP, HELP)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tincan_engine::api::{ChatHistory, ChatReaction};

    use super::*;

    fn message(number: u64, author: &str, text: &str) -> ChatMessage {
        ChatMessage {
            id: format!("{number}-{author}"),
            number,
            author: author.into(),
            at: 0,
            to: None,
            reply: None,
            text: Some(text.into()),
            edited: false,
            passed_on_by: None,
            reactions: Vec::new(),
        }
    }

    fn chat(messages: Vec<ChatMessage>) -> ChatView {
        let names = [("a", "Ada"), ("b", "Ada Lovelace")];
        ChatView {
            me: "m".into(),
            messages,
            names: names.map(|(peer, name)| (peer.into(), name.into())).into(),
            history: ChatHistory::default(),
        }
    }

    fn command(line: &str, chat: &ChatView) -> Command {
        match parse(line, Some(chat)) {
            Some(Ok(Typed::Command(command))) => command,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn what_is_typed_is_said_unless_it_begins_with_a_slash() {
        let chat = chat(vec![message(1, "m", "mine"), message(2, "a", "hers"), message(3, "b", "her own")]);
        assert_eq!(command("  mute  ", &chat), say("  mute  ", None, None));
        assert_eq!(command("//mute", &chat), say("/mute", None, None));
        assert_eq!(parse(" ", Some(&chat)), None);
        assert_eq!(parse("/mute", Some(&chat)), Some(Ok(Typed::Other("mute".into()))));
        assert_eq!(parse("/camera off", Some(&chat)), Some(Ok(Typed::Other("camera off".into()))));
        assert_eq!(command("/to Ada Lovelace psst", &chat), say("psst", Some("b".into()), None));
        assert_eq!(command("/to Ada Love", &chat), say("Love", Some("a".into()), None));
        assert_eq!(command("/reply yes", &chat), say("yes", None, Some("3-b".into())));
        let edit = Command::EditChat { id: "1-m".into(), text: "my own".into() };
        assert_eq!(command("/edit my own", &chat), edit);
        assert_eq!(command("/delete", &chat), Command::DeleteChat { id: "1-m".into() });
        let react = Command::ReactToChat { id: "3-b".into(), reaction: Reaction::Heart, on: true };
        assert_eq!(command("/react heart", &chat), react);
        for line in ["/to Grace hi", "/react yawn", "/edit x"] {
            let empty = ChatView { messages: Vec::new(), ..chat.clone() };
            assert!(matches!(parse(line, Some(&empty)), Some(Err(_))), "{line}");
        }
    }

    #[test]
    fn lines_are_told_as_they_come_and_change() {
        let before = chat(vec![message(1, "m", "mine"), message(2, "a", "one\ntwo")]);
        let told = |message: ChatMessage| tell(Some(&before), &ChatChange::Message { message });
        assert_eq!(told(message(3, "m", "mine")), None);
        assert_eq!(told(message(3, "a", "x\ny")).unwrap(), "Ada: x\n    y");
        let private = ChatMessage {
            to: Some("m".into()),
            reply: Some("1-m".into()),
            passed_on_by: Some("b".into()),
            ..message(3, "x", "psst")
        };
        let all = "Somebody (only to you; to You: mine; passed on by Ada Lovelace): psst";
        assert_eq!(told(private).unwrap(), all);
        assert_eq!(told(message(2, "a", "three")).unwrap(), "Ada changed a message: three");
        let deleted = ChatMessage { text: None, ..message(2, "a", "") };
        assert_eq!(told(deleted).unwrap(), "Ada deleted a message: one");
        let heart = ChatReaction { reaction: Reaction::Heart, people: vec!["m".into(), "a".into()] };
        let reacted = ChatMessage { reactions: vec![heart], ..message(1, "m", "mine") };
        assert_eq!(told(reacted).unwrap(), "Ada: heart for: mine");
        let names = BTreeMap::new();
        let nobody = ChatView { names, ..before.clone() };
        let change = ChatChange::Message { message: message(9, "a", "hi") };
        assert_eq!(tell(Some(&nobody), &change).unwrap(), "Somebody: hi");
    }
}
