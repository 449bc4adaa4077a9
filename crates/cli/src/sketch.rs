//! *Draw and guess* in a terminal: whose turn it is, what is guessed, and who has won.

use tincan_engine::api::{
    Command, GamesView, SketchCommand, SketchLanguage, SketchPhase, SketchSaid, SketchVerdict, SketchView,
};

use crate::console::Play;

/// As it is offered where nothing else is said.
pub(crate) const ROUNDS: u32 = 3;
pub(crate) const SECONDS: u32 = 80;

/// What an offer says behind `game offer draw`: a language, rounds and seconds, of which each may be missing from the end.
pub(crate) fn offer(asked: &str) -> Option<Play> {
    let mut words = asked.split_whitespace();
    let language = match words.next() {
        None | Some("en") => SketchLanguage::En,
        Some("de") => SketchLanguage::De,
        Some("fr") => SketchLanguage::Fr,
        Some("es") => SketchLanguage::Es,
        Some(_) => return None,
    };
    let mut number = |usual| words.next().map_or(Some(usual), |word| word.parse().ok());
    let (rounds, seconds) = (number(ROUNDS)?, number(SECONDS)?);
    words.next().is_none().then_some(Play::OfferSketch { language, rounds, seconds })
}

/// What the engine is asked for; `None`: it is not about this game.
pub(crate) fn command(play: &Play, games: &GamesView) -> Option<Command> {
    let ours = games.sketch.as_ref();
    let command = match play {
        Play::OfferSketch { language, rounds, seconds } => {
            SketchCommand::Offer { language: *language, rounds: *rounds, seconds: *seconds }
        }
        Play::Choose(word) => SketchCommand::Choose { word: *word },
        Play::Guess(text) => SketchCommand::Guess { text: text.clone() },
        Play::Start => ours.map(|_| SketchCommand::Start)?,
        Play::Leave => ours.map(|_| SketchCommand::Leave)?,
        Play::Join { watch } => SketchCommand::Join { game: ours?.id.clone(), watch: *watch },
        Play::Offer => return None,
    };
    Some(Command::Sketch { command })
}

/// What is to be told of a change.
pub(crate) fn tell(
    before: Option<&SketchView>,
    now: &SketchView,
    name: impl Fn(&str) -> String,
) -> Vec<String> {
    let mut told = Vec::new();
    let before = before.filter(|before| before.id == now.id);
    let phase = before.map(|before| before.phase);
    let is_another_turn =
        before.is_none_or(|before| before.drawer != now.drawer || before.round != now.round);
    let is_played = matches!(now.phase, SketchPhase::Choosing | SketchPhase::Drawing);
    if let Some(drawer) = now.drawer.as_deref().filter(|_| is_played)
        && (is_another_turn || !matches!(phase, Some(SketchPhase::Choosing | SketchPhase::Drawing)))
    {
        let name = name(drawer);
        let draws = if name == "You" { "draw" } else { "draws" };
        told.push(format!("Round {} of {}: {name} {draws}.", now.round, now.rounds));
    }
    if !now.choices.is_empty() && before.is_none_or(|before| before.choices != now.choices) {
        let choices = now.choices.iter().zip(1..).map(|(word, at)| format!("{at} for {word}"));
        told.push(format!("Choose a word, game choose: {}.", choices.collect::<Vec<_>>().join(", ")));
    }
    if is_played && !now.hint.is_empty() && before.is_none_or(|before| before.hint != now.hint) {
        told.push(match &now.word {
            Some(word) => format!("To be drawn: {word}."),
            None => format!("The word: {}", spaced(&now.hint)),
        });
    }
    told.extend(
        news(before.map_or(&[], |before| &before.said), &now.said).filter_map(|said| one(said, &name)),
    );
    if now.phase == SketchPhase::Pause
        && phase.is_some_and(|phase| phase != SketchPhase::Pause)
        && let Some(word) = &now.word
    {
        let gained = now.players.iter().filter(|player| player.gained > 0);
        let gained: Vec<_> =
            gained.map(|player| format!("{} +{}", name(&player.peer), player.gained)).collect();
        told.push(format!("The word was {word}. {}", gained.join(", ")).trim_end().to_owned());
        if !now.fair {
            told.push("The drawer's program did not keep to the word that it had promised.".into());
        }
    }
    if now.phase == SketchPhase::Over && phase.is_some_and(|phase| phase != SketchPhase::Over) {
        let mut scores: Vec<_> =
            now.players.iter().map(|player| (player.score, name(&player.peer))).collect();
        scores.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        let scores: Vec<_> = scores.into_iter().map(|(score, name)| format!("{name} {score}")).collect();
        told.push(format!("The game is over: {}.", scores.join(", ")));
    }
    told
}

/// Guesses that were not there before, or have been judged since. The list loses its beginning when it is long.
fn news<'a>(before: &'a [SketchSaid], now: &'a [SketchSaid]) -> impl Iterator<Item = &'a SketchSaid> {
    let is_same = now.len() >= before.len()
        && before.iter().zip(now).all(|(before, now)| (&before.peer, &before.text) == (&now.peer, &now.text));
    let skipped = if is_same { before.len() } else { now.len().saturating_sub(1) };
    let judged = before.iter().zip(now).filter(move |(before, now)| is_same && before.verdict != now.verdict);
    judged.map(|(_, now)| now).chain(now.iter().skip(skipped))
}

fn one(said: &SketchSaid, name: impl Fn(&str) -> String) -> Option<String> {
    let name = name(&said.peer);
    let (has, text) = (if name == "You" { "have" } else { "has" }, said.text.as_deref());
    Some(match (said.verdict, text) {
        (SketchVerdict::Waiting, _) | (SketchVerdict::Wrong | SketchVerdict::Close, None) => return None,
        (SketchVerdict::Wrong, Some(text)) => format!("{name}: {text}"),
        (SketchVerdict::Close, Some(text)) => format!("{name}: {text}, which is close"),
        (SketchVerdict::Right, _) => format!("{name} {has} guessed it."),
    })
}

fn spaced(hint: &str) -> String {
    hint.chars().map(String::from).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use tincan_engine::api::SketchPlayer;

    use super::*;

    fn view(phase: SketchPhase) -> SketchView {
        let player = |peer: &str, gained| SketchPlayer {
            peer: peer.into(),
            score: 100 + gained,
            gained,
            solved: false,
            next: false,
        };
        SketchView {
            id: "7".into(),
            host: "a".into(),
            watching: false,
            phase,
            language: SketchLanguage::En,
            rounds: 3,
            seconds: 80,
            round: 1,
            players: vec![player("m", 0), player("a", 90)],
            watchers: Vec::new(),
            stalled: false,
            drawer: Some("a".into()),
            guessing: true,
            choices: Vec::new(),
            began_at: None,
            hint: String::new(),
            word: None,
            said: Vec::new(),
            fair: true,
        }
    }

    fn name(id: &str) -> String {
        if id == "m" { "You".into() } else { "Ada".into() }
    }

    fn said(peer: &str, verdict: SketchVerdict, text: Option<&str>) -> SketchSaid {
        SketchSaid { peer: peer.into(), verdict, text: text.map(str::to_owned) }
    }

    #[test]
    fn offers_say_language_rounds_and_seconds_or_not() {
        for (asked, language, rounds, seconds) in [
            ("", SketchLanguage::En, ROUNDS, SECONDS),
            ("de", SketchLanguage::De, ROUNDS, SECONDS),
            ("fr 1 30", SketchLanguage::Fr, 1, 30),
        ] {
            assert_eq!(offer(asked), Some(Play::OfferSketch { language, rounds, seconds }), "{asked}");
        }
        for asked in ["it", "en x", "en 1 2 3"] {
            assert_eq!(offer(asked), None, "{asked}");
        }
    }

    #[test]
    fn a_turn_is_told_as_it_goes() {
        let choosing = view(SketchPhase::Choosing);
        assert_eq!(tell(None, &choosing, name), ["Round 1 of 3: Ada draws."]);
        let drawing = SketchView { hint: "_a_".into(), ..view(SketchPhase::Drawing) };
        assert_eq!(tell(Some(&choosing), &drawing, name), ["The word: _ a _"]);
        let waiting =
            SketchView { said: vec![said("m", SketchVerdict::Waiting, Some("cot"))], ..drawing.clone() };
        assert!(tell(Some(&drawing), &waiting, name).is_empty());
        let close = vec![said("m", SketchVerdict::Close, Some("cot")), said("b", SketchVerdict::Right, None)];
        let close = SketchView { said: close, ..drawing };
        assert_eq!(tell(Some(&waiting), &close, name), ["You: cot, which is close", "Ada has guessed it."]);
        let pause = SketchView { word: Some("cat".into()), ..view(SketchPhase::Pause) };
        assert_eq!(
            tell(Some(&close), &SketchView { said: close.said.clone(), ..pause }, name),
            ["The word was cat. Ada +90"]
        );
        let over = view(SketchPhase::Over);
        assert_eq!(tell(Some(&choosing), &over, name), ["The game is over: Ada 190, You 100."]);
    }

    #[test]
    fn whoever_draws_is_told_the_words() {
        let choices = vec!["cat".into(), "dog".into()];
        let choosing = SketchView { drawer: Some("m".into()), choices, ..view(SketchPhase::Choosing) };
        assert_eq!(
            tell(None, &choosing, name),
            ["Round 1 of 3: You draw.", "Choose a word, game choose: 1 for cat, 2 for dog."]
        );
    }
}
