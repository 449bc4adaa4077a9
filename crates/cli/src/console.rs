//! Commands as lines of text.

use std::io::BufRead;

use tincan_engine::api::{BoardCommand, CallView, Command, SketchLanguage, Source};
use tokio::sync::mpsc;

use crate::sketch;
use crate::transfers;

/// What may be typed, for those who typed something else.
pub(crate) const HELP: &str = "Say one of: mute, unmute, camera on, camera off, camera SELECTOR, microphone \
                               SELECTOR, speaker SELECTOR, hand up, hand down, lock, unlock, let in NAME, refuse NAME, \
                               verified, show LINES, show any, show LINES NAME, board save FILE.svg, board undo, \
                               board redo, board clear, board restore, board JSON (a BoardCommand), share SELECTOR, \
                               share smoothly SELECTOR, share SELECTOR with sound, share SELECTOR with sound SOUND, \
                               stop sharing, record FILE.mp4, stop recording, save screen FILE.png, \
                               save screen FILE.png NAME, file send PATH, file take, file take FOLDER, file decline, \
                               file pause, file resume, file cancel, game offer, \
                               game offer draw [en|de|fr|es [ROUNDS [SECONDS]]], game join, game watch, game start, \
                               game choose NUMBER, game guess WORD, game leave, leave.";
/// A script may write many lines at once; more wait in the pipe.
const QUEUE: usize = 16;

/// What a line asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Typed {
    /// Of the engine.
    Command(Command),
    /// Of whoever takes the pictures: so many lines, 0 for none and `None` for any size. Of everybody where no stream is named.
    Show { stream: Option<u32>, lines: Option<u16> },
    /// Of whoever takes the pictures: what somebody shares, as a file.
    Save { stream: u32, file: String },
    /// Of a game: of the one that somebody offers, where it is about joining one.
    Game(Play),
    /// Of files: of those that were offered last, where it is about taking them.
    Files(transfers::Typed),
}

/// What is to be done in a game.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Play {
    /// Offer one of Curves.
    Offer,
    /// Offer one of draw and guess.
    OfferSketch { language: SketchLanguage, rounds: u32, seconds: u32 },
    /// Join it, or only watch it.
    Join { watch: bool },
    /// Start it.
    Start,
    /// Choose the word that we draw, by its place from 0.
    Choose(u32),
    /// Guess.
    Guess(String),
    /// Leave it.
    Leave,
}

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
pub(crate) fn parse(line: &str, call: Option<&CallView>) -> Option<Result<Typed, String>> {
    let line = line.trim();
    let (verb, rest) =
        line.split_once(char::is_whitespace).map_or((line, ""), |(verb, rest)| (verb, rest.trim()));
    let id = rest.to_owned();
    let command = match (verb, rest) {
        ("", _) => return None,
        ("show", asked) => return Some(show(asked, call)),
        ("save", asked) => return Some(save(asked, call)),
        ("game", asked) => return Some(play(asked).map(Typed::Game).ok_or_else(|| unknown(line))),
        ("file", asked) => {
            return Some(transfers::parse(asked).map(Typed::Files).ok_or_else(|| unknown(line)));
        }
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
        ("board", asked) if !asked.is_empty() => match board(asked) {
            Ok(command) => Command::Board { command },
            Err(problem) => return Some(Err(problem)),
        },
        ("share", asked) if !asked.is_empty() => share(asked),
        ("record", file) if !file.is_empty() => Command::StartRecording { file: Some(id), utc_offset: 0 },
        ("stop", "recording") => Command::StopRecording,
        ("stop", "sharing") => Command::StopSharing,
        ("leave", "") => Command::Leave,
        _ => return Some(Err(unknown(line))),
    };
    Some(Ok(Typed::Command(command)))
}

/// What to share, and how: `window:0x12`, `smoothly file:film.y4m`, `monitor with sound`, `monitor with sound tone:440:660`.
fn share(asked: &str) -> Command {
    let smoothly = asked.strip_prefix("smoothly").filter(|rest| rest.starts_with(char::is_whitespace));
    let what = smoothly.unwrap_or(asked).trim();
    let (id, sound) = match what.rsplit_once(" with sound") {
        Some((id, "")) => (id, Some("system")),
        Some((id, sound)) if sound.starts_with(char::is_whitespace) => (id, Some(sound.trim())),
        _ => (what, None),
    };
    let sound = sound.map(str::to_owned);
    Command::ShareScreen { id: id.trim().to_owned(), smooth: smoothly.is_some(), sound }
}

/// What somebody shares: `screen page.png Grace Hopper`; without a name, what is shared by whoever came last.
fn save(asked: &str, call: Option<&CallView>) -> Result<Typed, String> {
    let mut words = asked.splitn(3, char::is_whitespace);
    let (what, file) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if what != "screen" || file.is_empty() {
        return Err(unknown(&format!("save {asked}")));
    }
    let name = words.next().unwrap_or_default().trim();
    let participants = call.map_or(&[][..], |call| &call.participants);
    let shared = participants.iter().filter(|other| name.is_empty() || other.name == name);
    let screen =
        shared.flat_map(|other| &other.streams).rfind(|shown| shown.source == Source::Screen && shown.on);
    let none = || "Nobody shares anything, or nobody of this name.".to_owned();
    Ok(Typed::Save { stream: screen.ok_or_else(none)?.stream, file: file.to_owned() })
}

fn play(asked: &str) -> Option<Play> {
    if let Some(what) = asked.strip_prefix("offer draw") {
        return sketch::offer(what);
    }
    if let Some(text) = asked.strip_prefix("guess ") {
        return Some(Play::Guess(text.trim().to_owned()));
    }
    if let Some(number) = asked.strip_prefix("choose ") {
        return number.trim().parse::<u32>().ok()?.checked_sub(1).map(Play::Choose);
    }
    Some(match asked {
        "offer" => Play::Offer,
        "join" => Play::Join { watch: false },
        "watch" => Play::Join { watch: true },
        "start" => Play::Start,
        "leave" => Play::Leave,
        _ => return None,
    })
}

fn unknown(line: &str) -> String {
    format!("`{line}` is no command. {HELP}")
}

/// Something for the whiteboard: a word for what people do most, else what a window would say.
fn board(asked: &str) -> Result<BoardCommand, String> {
    let (verb, rest) = asked.split_once(char::is_whitespace).unwrap_or((asked, ""));
    Ok(match (verb, rest.trim()) {
        ("undo", "") => BoardCommand::Undo,
        ("redo", "") => BoardCommand::Redo,
        ("clear", "") => BoardCommand::Clear { page: None, own: false },
        ("restore", "") => BoardCommand::Restore,
        ("save", file) if !file.is_empty() => {
            BoardCommand::Save { page: None, png: None, file: Some(file.to_owned()), utc_offset: 0 }
        }
        _ => {
            let what = |error: serde_json::Error| {
                format!("`board {asked}` is nothing for the whiteboard ({error}). {HELP}")
            };
            serde_json::from_str(asked).map_err(what)?
        }
    })
}

/// How large somebody is to be shown, or everybody: `180`, `any`, `0 Grace Hopper`.
fn show(asked: &str, call: Option<&CallView>) -> Result<Typed, String> {
    let (lines, name) = asked.split_once(char::is_whitespace).unwrap_or((asked, ""));
    let lines = match lines {
        "any" => None,
        number => Some(number.parse().map_err(|_| unknown(&format!("show {asked}")))?),
    };
    let stream = match name.trim() {
        "" => None,
        name => Some(camera_of(call, name)?),
    };
    Ok(Typed::Show { stream, lines })
}

/// The stream of somebody's camera.
fn camera_of(call: Option<&CallView>, name: &str) -> Result<u32, String> {
    let found = call.and_then(|call| call.participants.iter().find(|other| other.name == name));
    let streams = found.map_or(&[][..], |other| &other.streams);
    let camera = streams.iter().find(|shown| shown.source == Source::Camera);
    camera
        .map(|shown| shown.stream)
        .ok_or_else(|| format!("Nobody here is called {name}. Say whom you mean."))
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
    use tincan_engine::api::{CallPhase, Knock, Participant, StreamView};

    use super::*;
    use crate::progress::tests::ada;

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
        let let_in = |peer: &str| Some(Ok(Typed::Command(Command::LetIn { peer: peer.into() })));
        assert_eq!(parse("let in", Some(&one)), let_in("1"));
        assert_eq!(parse("let in Grace Hopper", Some(&two)), let_in("2"));
        let refused = Typed::Command(Command::Refuse { peer: "1".into() });
        assert_eq!(parse("refuse Ben", Some(&two)), Some(Ok(refused)));
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
            ("board undo", Command::Board { command: BoardCommand::Undo }),
            (
                r#"board {"type":"clear","page":null,"own":true}"#,
                Command::Board { command: BoardCommand::Clear { page: None, own: true } },
            ),
            ("leave", Command::Leave),
        ] {
            assert_eq!(parse(line, None), Some(Ok(Typed::Command(command))), "{line}");
        }
        assert_eq!(parse("  ", None), None);
        for line in [
            "hello",
            "camera",
            "leave now",
            "mute me",
            "Mute",
            "let",
            "let out Ben",
            "show",
            "show it",
            "board",
            "board {}",
        ] {
            assert!(parse(line, None).unwrap().unwrap_err().contains("mute, unmute"), "{line}");
        }
    }

    #[test]
    fn games_are_offered_played_and_left() {
        let language = SketchLanguage::De;
        for (line, play) in [
            ("game offer", Play::Offer),
            ("game offer draw de 2 60", Play::OfferSketch { language, rounds: 2, seconds: 60 }),
            ("game watch", Play::Join { watch: true }),
            ("game choose 3", Play::Choose(2)),
            ("game guess  ice cream", Play::Guess("ice cream".into())),
        ] {
            assert_eq!(parse(line, None), Some(Ok(Typed::Game(play))), "{line}");
        }
        for line in ["game", "game offer chess", "game choose 0", "game choose it", "game guess"] {
            assert!(parse(line, None).unwrap().is_err(), "{line}");
        }
    }

    #[test]
    fn what_somebody_shares_is_saved_by_their_name_or_by_being_the_last() {
        let shown = |source, stream| StreamView { source, stream, on: true, paused: false };
        let sharing = |name: &str, stream| {
            let streams = vec![shown(Source::Camera, stream), shown(Source::Screen, stream + 1)];
            Participant { name: name.into(), streams, ..ada() }
        };
        let call = CallView {
            participants: vec![sharing("Grace Hopper", 1), sharing("Ben", 3), ada()],
            ..call(&[])
        };
        let save = |stream| Some(Ok(Typed::Save { stream, file: "a.png".into() }));
        assert_eq!(parse("save screen a.png", Some(&call)), save(4));
        assert_eq!(parse("save screen a.png Grace Hopper", Some(&call)), save(2));
        for line in ["save screen a.png Ada", "save", "save screen", "save a.png"] {
            assert!(matches!(parse(line, Some(&call)), Some(Err(_))), "{line}");
        }
    }

    #[test]
    fn whoever_types_says_how_large_everybody_or_somebody_is_shown() {
        let streams = vec![StreamView { source: Source::Camera, stream: 3, on: true, paused: false }];
        let grace = Participant { name: "Grace Hopper".into(), streams, ..ada() };
        let call = CallView { participants: vec![grace], ..call(&[]) };
        for (line, stream, lines) in [
            ("show 180", None, Some(180)),
            ("show 0", None, Some(0)),
            ("show any", None, None),
            ("show 0  Grace Hopper", Some(3), Some(0)),
            ("show any Grace Hopper", Some(3), None),
        ] {
            assert_eq!(parse(line, Some(&call)), Some(Ok(Typed::Show { stream, lines })), "{line}");
        }
        assert!(parse("show 0 Ben", Some(&call)).unwrap().unwrap_err().contains("whom you mean"));
    }
}
