//! A chat as a text that a person keeps.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use crate::api::{ChatMessage, ChatView, CommandError, Reaction};

/// Chats that were saved in the same minute.
const MAX_TRIES: u32 = 100;

/// Where a chat is saved.
pub(crate) enum Place {
    /// In this new file.
    File(PathBuf),
    /// In this file, in place of whatever it is.
    Instead(PathBuf),
    /// In this folder, under a name that says when: milliseconds since 1970.
    In(PathBuf, u64),
}

/// A moment as people read it, by their own clock.
struct Moment {
    year: u64,
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
}

impl Moment {
    fn new(unix_millis: u64, utc_offset: i32) -> Self {
        let minutes = (unix_millis / 60_000).saturating_add_signed(i64::from(utc_offset));
        let (days, minutes) = (minutes / 1440, minutes % 1440);
        // From days to a date of the Gregorian calendar, by eras of 400 years that begin in March (Howard Hinnant,
        // "chrono-Compatible Low-Level Date Algorithms", civil_from_days).
        let days = days + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let months = (5 * day_of_year + 2) / 153;
        let month = if months < 10 { months + 3 } else { months - 9 };
        Self {
            year: era * 400 + year_of_era + u64::from(month <= 2),
            month,
            day: day_of_year - (153 * months + 2) / 5 + 1,
            hour: minutes / 60,
            minute: minutes % 60,
        }
    }

    fn date(&self) -> String {
        format!("{}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

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

/// Writes a file; what is there already is only written over where the person said so.
///
/// # Errors
/// A sentence for the person.
pub(crate) fn save(place: &Place, utc_offset: i32, text: &str) -> Result<PathBuf, CommandError> {
    match place {
        Place::File(path) => create(path, text).map(|()| path.clone()).map_err(|error| refusal(path, &error)),
        Place::Instead(path) => {
            instead(path, text).map(|()| path.clone()).map_err(|error| refusal(path, &error))
        }
        Place::In(folder, now) => {
            let now = Moment::new(*now, utc_offset);
            let name = format!("Tincan chat {} {:02}.{:02}", now.date(), now.hour, now.minute);
            let mut path = folder.join(format!("{name}.txt"));
            for number in 2..MAX_TRIES {
                match create(&path, text) {
                    Ok(()) => return Ok(path),
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                        path = folder.join(format!("{name} ({number}).txt"));
                    }
                    Err(error) => return Err(refusal(&path, &error)),
                }
            }
            Err(refusal(&path, &ErrorKind::AlreadyExists.into()))
        }
    }
}

fn create(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    // What people wrote to each other is for whoever saves it.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    if written.is_err() {
        // Half a chat is not what was asked for.
        let _ = std::fs::remove_file(path);
    }
    written
}

/// Writes beside the file and renames, so that a full disk or a crash leaves the old one or the new one.
fn instead(path: &Path, text: &str) -> std::io::Result<()> {
    // A link is not replaced by a file: what it leads to is.
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut name = path.file_name().ok_or(ErrorKind::InvalidInput)?.to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let fresh = path.with_file_name(name);
    create(&fresh, text)?;
    let renamed = std::fs::rename(&fresh, path);
    if renamed.is_err() {
        let _ = std::fs::remove_file(&fresh);
    }
    renamed
}

fn refusal(path: &Path, error: &std::io::Error) -> CommandError {
    let advice = match error.kind() {
        ErrorKind::AlreadyExists => "there is a file of this name already. Choose another name.".to_owned(),
        _ => format!("{error}. Choose another place."),
    };
    let message = format!("The chat could not be saved as `{}`: {advice}", path.display());
    CommandError { code: "chat_not_saved".into(), message }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::api::{ChatHistory, ChatReaction};

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
            assert_eq!(save(&Place::Instead(path.clone()), 0, text).unwrap(), path);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        // A folder stays a folder.
        let refused = save(&Place::Instead(folder.path().to_owned()), 0, "x").unwrap_err();
        assert_eq!(refused.code, "chat_not_saved");
        assert!(folder.path().is_dir());
    }

    #[test]
    fn nothing_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::In(folder.path().to_owned(), 0);
        let names: Vec<_> = (0..3)
            .map(|number: u32| {
                let path = save(&place, 0, &number.to_string()).unwrap();
                assert_eq!(std::fs::read_to_string(&path).unwrap(), number.to_string());
                path.file_name().unwrap().to_string_lossy().into_owned()
            })
            .collect();
        let name = "Tincan chat 1970-01-01 00.00";
        assert_eq!(names, [format!("{name}.txt"), format!("{name} (2).txt"), format!("{name} (3).txt")]);
        let there = folder.path().join(&names[0]);
        let refused = save(&Place::File(there.clone()), 0, "x").unwrap_err();
        assert!(refused.message.contains("already"), "{}", refused.message);
        assert_eq!(std::fs::read_to_string(there).unwrap(), "0");
        let nowhere = save(&Place::File(folder.path().join("no/such")), 0, "x").unwrap_err();
        assert!(nowhere.message.contains("another place"), "{}", nowhere.message);
    }
}
