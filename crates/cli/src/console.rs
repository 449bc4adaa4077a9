//! Commands as lines of text.

use std::io::BufRead;

use tincan_engine::api::Command;
use tokio::sync::mpsc;

/// What may be typed, for those who typed something else.
pub(crate) const HELP: &str = "Say one of: mute, unmute, camera on, camera off, camera SELECTOR, microphone \
                               SELECTOR, speaker SELECTOR, leave.";
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

/// What a line asks for; `None` when it is empty.
pub(crate) fn parse(line: &str) -> Option<Result<Command, String>> {
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
        ("leave", "") => Command::Leave,
        _ => return Some(Err(format!("`{line}` is no command. {HELP}"))),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

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
            ("leave", Command::Leave),
        ] {
            assert_eq!(parse(line), Some(Ok(command)), "{line}");
        }
        assert_eq!(parse("  "), None);
        for line in ["hello", "camera", "leave now", "mute me", "Mute"] {
            assert!(parse(line).unwrap().unwrap_err().contains("mute, unmute"), "{line}");
        }
    }
}
