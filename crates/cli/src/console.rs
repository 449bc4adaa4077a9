//! Commands as lines of text.

use std::io::BufRead;

use tincan_engine::api::{CallView, Command};
use tokio::sync::mpsc;

/// What may be typed, for those who typed something else.
pub(crate) const HELP: &str = "Say one of: mute, unmute, camera on, camera off, camera SELECTOR, microphone \
                               SELECTOR, speaker SELECTOR, hand up, hand down, lock, unlock, let in NAME, refuse NAME, \
                               verified, leave.";
/// A script may write many lines at once; more wait in the pipe.
const QUEUE: usize = 16;

/// Lines of standard input as they come; the channel ends with the input. A thread, because reading cannot be
/// cancelled.
pub(crate) fn lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let read = move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    };
    // Without the thread the call goes on, only not by typing.
    if let Err(error) = std::thread::Builder::new().name("stdin".into()).spawn(read) {
        eprintln!("Commands on standard input do not work: {error}");
    }
    receiver
}

/// What a line asks for; `None` when it is empty. `call` is the call as it is now, if there is one.
pub(crate) fn parse(line: &str, call: Option<&CallView>) -> Option<Result<Command, String>> {
    let line = line.trim();
    let (verb, rest) =
        line.split_once(char::is_whitespace).map_or((line, ""), |(verb, rest)| (verb, rest.trim()));
    let id = rest.to_owned();
    Some(Ok(match (verb, rest) {
        ("", _) => return None,
        ("mute", "") => Command::SetMicrophone { on: false },
        ("unmute", "") => Command::SetMicrophone { on: true },
        ("camera", "on") => Command::SetCamera { on: true },
        ("camera", "off") => Command::SetCamera { on: false },
        ("camera", selector) if !selector.is_empty() => Command::SelectCamera { id },
        ("microphone", selector) if !selector.is_empty() => Command::SelectMicrophone { id },
        ("speaker", selector) if !selector.is_empty() => Command::SelectSpeaker { id },
        ("hand", "up") => Command::SetHand { on: true },
        ("hand", "down") => Command::SetHand { on: false },
        ("lock", "") => Command::SetLock { on: true },
        ("unlock", "") => Command::SetLock { on: false },
        ("verified", "") => Command::SetVerified { peer: None, on: true },
        ("let", who) if first_word(who) == "in" => match knocking(call, who["in".len()..].trim()) {
            Ok(peer) => Command::LetIn { peer },
            Err(problem) => return Some(Err(problem)),
        },
        ("refuse", name) => match knocking(call, name) {
            Ok(peer) => Command::Refuse { peer },
            Err(problem) => return Some(Err(problem)),
        },
        ("leave", "") => Command::Leave,
        _ => return Some(Err(format!("`{line}` is no command. {HELP}"))),
    }))
}

fn first_word(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or_default()
}

/// The id of whoever waits at the door: the one with this name, or the only one where none is named.
fn knocking(call: Option<&CallView>, name: &str) -> Result<String, String> {
    let knocks = call.map_or(&[][..], |call| &call.knocks);
    let found = match (knocks, name) {
        ([only], "") => Some(only),
        (several, name) => several.iter().find(|knock| knock.name == name),
    };
    let waits = "Nobody waits to come in, or not under this name. Say whom you mean.";
    found.map(|knock| knock.id.clone()).ok_or_else(|| waits.to_owned())
}

#[cfg(test)]
mod tests {
    use tincan_engine::api::{CallPhase, Knock};

    use super::*;

    fn call(knocks: &[(&str, &str)]) -> CallView {
        let knock = |(id, name): &(&str, &str)| Knock { id: (*id).to_owned(), name: (*name).to_owned() };
        CallView {
            phase: CallPhase::Connected,
            server_connected: true,
            capacity: 8,
            locked: true,
            knocks: knocks.iter().map(knock).collect(),
            ..CallView::default()
        }
    }

    #[test]
    fn whoever_knocks_is_meant_by_their_name_or_by_being_the_only_one() {
        let (one, two) = (call(&[("1", "Ben")]), call(&[("1", "Ben"), ("2", "Grace Hopper")]));
        let let_in = |peer: &str| Some(Ok(Command::LetIn { peer: peer.into() }));
        assert_eq!(parse("let in", Some(&one)), let_in("1"));
        assert_eq!(parse("let in Grace Hopper", Some(&two)), let_in("2"));
        assert_eq!(parse("refuse Ben", Some(&two)), Some(Ok(Command::Refuse { peer: "1".into() })));
        for (line, call) in [("let in", Some(&two)), ("let in Ada", Some(&one)), ("refuse", None)] {
            assert!(parse(line, call).unwrap().unwrap_err().contains("whom you mean"), "{line}");
        }
    }

    #[test]
    fn lines_become_commands() {
        let id = |text: &str| text.to_owned();
        for (line, command) in [
            ("mute", Command::SetMicrophone { on: false }),
            (" unmute ", Command::SetMicrophone { on: true }),
            ("camera on", Command::SetCamera { on: true }),
            ("camera   off", Command::SetCamera { on: false }),
            ("camera file:a b.y4m", Command::SelectCamera { id: id("file:a b.y4m") }),
            ("microphone tone:500", Command::SelectMicrophone { id: id("tone:500") }),
            ("speaker none", Command::SelectSpeaker { id: id("none") }),
            ("hand up", Command::SetHand { on: true }),
            ("lock", Command::SetLock { on: true }),
            ("unlock", Command::SetLock { on: false }),
            ("verified", Command::SetVerified { peer: None, on: true }),
            ("leave", Command::Leave),
        ] {
            assert_eq!(parse(line, None), Some(Ok(command)), "{line}");
        }
        assert_eq!(parse("  ", None), None);
        for line in ["hello", "camera", "leave now", "mute me", "Mute", "let", "let out Ben"] {
            assert!(parse(line, None).unwrap().unwrap_err().contains("mute, unmute"), "{line}");
        }
    }
}
