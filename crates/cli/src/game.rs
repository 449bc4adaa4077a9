//! Games in a terminal: who offers one, who has won; and what a program plays.

use tincan_engine::api::{Command, GameCommand, GameKind, GamePhase, GamesView, SketchCommand};

use crate::console::Play;
use crate::sketch;

/// What the engine is asked for.
pub(crate) fn command(play: Play, games: &GamesView) -> Result<Command, String> {
    if let Some(command) = sketch::command(&play, games) {
        return Ok(command);
    }
    let command = match play {
        Play::Offer => GameCommand::Offer { kind: GameKind::Curves },
        Play::Start => GameCommand::Start,
        Play::Leave => GameCommand::Leave,
        Play::Join { watch } => {
            let ours = games.game.as_ref().map(|game| (&game.id, GameKind::Curves));
            let game = ours.or_else(|| games.offers.first().map(|offer| (&offer.id, offer.kind)));
            let (game, kind) = game.ok_or("Nobody offers a game. Offer one: game offer")?;
            let game = game.clone();
            if kind == GameKind::DrawAndGuess {
                return Ok(Command::Sketch { command: SketchCommand::Join { game, watch } });
            }
            GameCommand::Join { game, watch }
        }
        Play::OfferSketch { .. } | Play::Choose(_) | Play::Guess(_) => {
            return Err("That is nothing for this game.".into());
        }
    };
    Ok(Command::Game { command })
}

/// What is to be told of a change.
pub(crate) fn tell(
    before: &GamesView,
    now: &GamesView,
    name_of: impl Fn(&str) -> Option<String>,
) -> Vec<String> {
    let name = |id: &str| match name_of(id) {
        _ if id == now.me => "You".to_owned(),
        Some(name) => name,
        None => "Somebody".to_owned(),
    };
    let mut told = Vec::new();
    for offer in &now.offers {
        let is_ours = before.game.as_ref().is_some_and(|game| game.id == offer.id)
            || before.sketch.as_ref().is_some_and(|game| game.id == offer.id);
        if !is_ours && !before.offers.iter().any(|known| known.id == offer.id) {
            let kind = match offer.kind {
                GameKind::Curves => "Curves",
                GameKind::DrawAndGuess => "Draw and guess",
            };
            told.push(format!("{} offers a game of {kind}. To play: game join", name(&offer.host)));
        }
    }
    if let Some(game) = &now.sketch {
        told.extend(sketch::tell(before.sketch.as_ref(), game, name));
    }
    let Some(game) = &now.game else { return told };
    let was = before.game.as_ref().filter(|was| was.id == game.id);
    let phase = was.map(|was| (was.phase, was.round));
    if game.phase == GamePhase::Round && phase.is_none_or(|(_, round)| round != game.round) {
        told.push(format!("Round {}.", game.round));
    }
    let is_over = |phase: GamePhase| matches!(phase, GamePhase::Pause | GamePhase::Over);
    if is_over(game.phase) && phase.is_some_and(|(phase, _)| !is_over(phase)) {
        let mut scores: Vec<_> =
            game.players.iter().map(|player| (player.score, name(&player.peer))).collect();
        scores.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        let scores: Vec<_> = scores.into_iter().map(|(score, name)| format!("{name} {score}")).collect();
        told.push(format!("The round is over: {}.", scores.join(", ")));
    }
    if game.phase == GamePhase::Over && phase.is_some_and(|(phase, _)| phase != GamePhase::Over) {
        let best = game.players.iter().max_by_key(|player| player.score);
        told.extend(best.map(|best| format!("The game is over. The best: {}.", name(&best.peer))));
    }
    told
}

#[cfg(test)]
mod tests {
    use tincan_engine::api::{GameOffer, GamePlayer, GameView};

    use super::*;

    fn game(phase: GamePhase, round: u32, scores: [u32; 2]) -> GamesView {
        let player = |(peer, score): (&str, u32)| GamePlayer {
            peer: peer.into(),
            score,
            gained: 0,
            seat: None,
            out: None,
        };
        let game = GameView {
            id: "7".into(),
            kind: GameKind::Curves,
            host: "a".into(),
            watching: false,
            phase,
            round,
            target: 5,
            players: ["m", "a"].into_iter().zip(scores).map(player).collect(),
            watchers: Vec::new(),
            stalled: false,
        };
        GamesView { me: "m".into(), offers: Vec::new(), game: Some(game), sketch: None }
    }

    fn name_of(id: &str) -> Option<String> {
        (id == "a").then(|| "Ada".into())
    }

    #[test]
    fn what_is_offered_can_be_joined() {
        let offer = GameOffer {
            id: "7".into(),
            kind: GameKind::Curves,
            host: "a".into(),
            players: vec!["a".into()],
            playing: false,
        };
        let none = GamesView { me: "m".into(), ..GamesView::default() };
        let offered = GamesView { offers: vec![offer], ..none.clone() };
        assert_eq!(tell(&none, &offered, name_of), ["Ada offers a game of Curves. To play: game join"]);
        assert!(tell(&offered, &offered, name_of).is_empty());
        let join = Command::Game { command: GameCommand::Join { game: "7".into(), watch: true } };
        assert_eq!(command(Play::Join { watch: true }, &offered), Ok(join));
        assert!(command(Play::Join { watch: true }, &none).is_err());
    }

    #[test]
    fn rounds_and_their_results_are_told_once() {
        let lobby = game(GamePhase::Lobby, 0, [0, 0]);
        let round = game(GamePhase::Round, 1, [0, 0]);
        assert_eq!(tell(&lobby, &round, name_of), ["Round 1."]);
        let pause = game(GamePhase::Pause, 1, [0, 1]);
        assert_eq!(tell(&round, &pause, name_of), ["The round is over: Ada 1, You 0."]);
        assert!(tell(&pause, &pause, name_of).is_empty());
        let over = game(GamePhase::Over, 1, [0, 5]);
        assert_eq!(
            tell(&round, &over, name_of),
            ["The round is over: Ada 5, You 0.", "The game is over. The best: Ada."]
        );
    }
}
