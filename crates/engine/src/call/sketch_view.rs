//! *Draw and guess* as a window says and sees it.

use std::time::Instant;

use tincan_protocol::{self as protocol, InkKind, PeerId, Point, Style, Verdict, Want};
use tincan_share::LiveStroke;
use tincan_share::sketch::{OwnGuess, Said, Sketch, SketchError, SketchShown};

use super::{board_view, unix_millis};
use crate::api::{
    BoardStroke, CommandError, GameKind, GameOffer, GamesView, SheetStroke, SketchLanguage, SketchPhase,
    SketchPlayer, SketchSaid, SketchVerdict, SketchView,
};

/// How many guesses a window is shown: it has no room for more, and they come again with every change.
const SHOWN: usize = 100;

/// Adds what there is of this game.
pub(crate) fn add(games: &mut GamesView, me: PeerId, sketch: &Sketch, now: Instant) {
    let ours = sketch.game();
    let others = sketch.offers().filter(|(_, state)| ours.is_none_or(|ours| ours.state.game != state.game));
    games.offers.extend(others.map(|(host, state)| GameOffer {
        id: state.game.to_string(),
        kind: GameKind::DrawAndGuess,
        host: host.to_string(),
        players: state.players.iter().map(|player| player.peer.to_string()).collect(),
        playing: state.turn.is_some() && !state.over,
    }));
    games.sketch = ours.map(|shown| view(me, &shown, now));
}

fn view(me: PeerId, shown: &SketchShown<'_>, now: Instant) -> SketchView {
    let (state, turn) = (shown.state, shown.turn);
    let told = state.turn.as_ref();
    let is_counted = told.is_some_and(|told| told.gained.is_some());
    let is_opened = turn.is_some_and(|turn| turn.opened);
    let phase = match turn {
        _ if state.over => SketchPhase::Over,
        None => SketchPhase::Lobby,
        Some(_) if is_counted || is_opened => SketchPhase::Pause,
        Some(turn) if turn.began.is_none() => SketchPhase::Choosing,
        Some(_) => SketchPhase::Drawing,
    };
    let began = turn.and_then(|turn| turn.began);
    let began_at = began.map(|began| {
        let since = u64::try_from(now.saturating_duration_since(began).as_millis()).unwrap_or(0);
        unix_millis().saturating_sub(since)
    });
    let is_guesser = told.is_some_and(|told| told.guessers.contains(&me));
    let has_it = turn.is_some_and(|turn| {
        let is_right = |own: &OwnGuess| own.verdict == Some(Verdict::Right);
        turn.solved.iter().any(|one| one.peer == me) || turn.own.iter().any(is_right)
    });
    SketchView {
        id: state.game.to_string(),
        host: shown.host.to_string(),
        watching: shown.want == Want::Watch,
        phase,
        language: language(state.language),
        rounds: state.rounds,
        seconds: state.seconds,
        round: told.map_or(0, |told| told.round),
        players: players(shown),
        watchers: state.watchers.iter().map(ToString::to_string).collect(),
        stalled: shown.stalled,
        drawer: told.map(|told| told.drawer.to_string()),
        guessing: phase == SketchPhase::Drawing && is_guesser && !has_it,
        choices: turn.map_or(Vec::new(), |turn| turn.choices.to_vec()),
        began_at,
        hint: turn.map_or_else(String::new, |turn| turn.hint.to_owned()),
        word: turn.and_then(|turn| turn.word).map(protocol::display_name),
        said: said(me, shown),
        fair: turn.is_none_or(|turn| turn.fair),
    }
}

fn players(shown: &SketchShown<'_>) -> Vec<SketchPlayer> {
    let told = shown.state.turn.as_ref();
    let gained = told.and_then(|told| told.gained.as_deref()).unwrap_or_default();
    let solved = shown.turn.map_or(&[][..], |turn| turn.solved);
    let player = |player: &protocol::SketchPlayer| {
        let peer = player.peer;
        let is_in = told.is_none_or(|told| told.drawer == peer || told.guessers.contains(&peer));
        SketchPlayer {
            peer: peer.to_string(),
            score: player.score,
            gained: gained.iter().find(|one| one.peer == peer).map_or(0, |one| one.points),
            solved: solved.iter().any(|one| one.peer == peer),
            next: !is_in,
        }
    };
    shown.state.players.iter().map(player).collect()
}

fn said(me: PeerId, shown: &SketchShown<'_>) -> Vec<SketchSaid> {
    let Some(turn) = shown.turn else { return Vec::new() };
    let one = |said: &Said| {
        let (peer, verdict, text) = match said {
            Said::Guess { peer, text } => (*peer, SketchVerdict::Wrong, Some(text.clone())),
            // Ours says so itself.
            Said::Solved(peer) if *peer == me => return None,
            Said::Solved(peer) => (*peer, SketchVerdict::Right, None),
            Said::Own(at) => {
                let own = turn.own.get(*at)?;
                let verdict = own.verdict.map_or(SketchVerdict::Waiting, |verdict| match verdict {
                    Verdict::Wrong => SketchVerdict::Wrong,
                    Verdict::Close => SketchVerdict::Close,
                    Verdict::Right => SketchVerdict::Right,
                });
                (me, verdict, Some(own.text.clone()))
            }
        };
        Some(SketchSaid { peer: peer.to_string(), verdict, text })
    };
    let skipped = turn.said.len().saturating_sub(SHOWN);
    turn.said.iter().skip(skipped).filter_map(one).collect()
}

const fn language(language: protocol::SketchLanguage) -> SketchLanguage {
    match language {
        protocol::SketchLanguage::En => SketchLanguage::En,
        protocol::SketchLanguage::De => SketchLanguage::De,
        protocol::SketchLanguage::Fr => SketchLanguage::Fr,
        protocol::SketchLanguage::Es => SketchLanguage::Es,
    }
}

pub(crate) const fn said_language(language: SketchLanguage) -> protocol::SketchLanguage {
    match language {
        SketchLanguage::En => protocol::SketchLanguage::En,
        SketchLanguage::De => protocol::SketchLanguage::De,
        SketchLanguage::Fr => protocol::SketchLanguage::Fr,
        SketchLanguage::Es => protocol::SketchLanguage::Es,
    }
}

pub(crate) fn strokes(entries: &[Option<protocol::SheetStroke>]) -> Vec<Option<SheetStroke>> {
    let one = |stroke: &protocol::SheetStroke| SheetStroke {
        number: stroke.number,
        kind: board_view::ink_kind(stroke.kind),
        style: board_view::style(stroke.style),
        points: board_view::flat(&stroke.points.0),
    };
    entries.iter().map(|entry| entry.as_ref().map(one)).collect()
}

pub(crate) fn live(stroke: LiveStroke) -> BoardStroke {
    board_view::live_stroke(stroke)
}

/// A finished stroke, as the window says it.
pub(crate) fn said_stroke(stroke: &SheetStroke) -> Result<(u32, InkKind, Style, Vec<Point>), CommandError> {
    let points = board_view::said_points(&stroke.points)?;
    Ok((stroke.number, board_view::said_ink(stroke.kind)?, board_view::said_style(&stroke.style)?, points))
}

pub(crate) fn refused(error: SketchError) -> CommandError {
    CommandError::new(error.code(), error.to_string())
}

#[cfg(test)]
mod tests {
    use tincan_protocol::{SketchMessage, SketchState};
    use tincan_share::GameInput;

    use super::*;

    fn id(byte: u8) -> PeerId {
        PeerId::from_bytes([byte; 32])
    }

    #[test]
    fn a_game_is_shown_from_the_lobby_into_its_first_turn() {
        let (me, other) = (id(1), id(2));
        let now = Instant::now();
        let mut sketch = Sketch::new(me, [5; 32]);
        let view = |sketch: &Sketch| {
            let mut games = GamesView::default();
            add(&mut games, me, sketch, now);
            games
        };
        assert_eq!(view(&sketch), GamesView::default());
        sketch.offer(protocol::SketchLanguage::Fr, 2, 60).unwrap();
        sketch.handle(now, GameInput::LinkOpened(other));
        let game = sketch.game().unwrap().state.game;
        let seat = SketchMessage::Seat { game, want: Want::Play }.encode().into_bytes();
        sketch.handle(now, GameInput::Rounds { peer: other, bytes: seat });
        let lobby = view(&sketch).sketch.unwrap();
        assert_eq!((lobby.phase, lobby.players.len(), lobby.round), (SketchPhase::Lobby, 2, 0));

        sketch.start(now).unwrap();
        let choosing = view(&sketch).sketch.unwrap();
        assert_eq!((choosing.phase, choosing.choices.len(), choosing.round), (SketchPhase::Choosing, 3, 1));
        sketch.choose(now, 1).unwrap();
        let drawing = view(&sketch).sketch.unwrap();
        assert_eq!((drawing.phase, drawing.guessing), (SketchPhase::Drawing, false));
        assert_eq!(drawing.word.as_ref(), choosing.choices.get(1));
        assert!(drawing.choices.is_empty() && drawing.hint.contains('_') && drawing.began_at.is_some());
    }

    #[test]
    fn what_others_host_is_offered() {
        let (me, other) = (id(1), id(2));
        let mut theirs = Sketch::new(other, [6; 32]);
        theirs.offer(protocol::SketchLanguage::En, 2, 60).unwrap();
        let state: SketchState = theirs.game().unwrap().state.clone();
        let mut sketch = Sketch::new(me, [5; 32]);
        let now = Instant::now();
        sketch.handle(now, GameInput::LinkOpened(other));
        let bytes = SketchMessage::GameState(state).encode().into_bytes();
        sketch.handle(now, GameInput::Rounds { peer: other, bytes });
        let mut games = GamesView::default();
        add(&mut games, me, &sketch, now);
        let [offer] = &games.offers[..] else { panic!("there is one") };
        assert_eq!(
            (offer.kind, offer.playing, &offer.host),
            (GameKind::DrawAndGuess, false, &other.to_string())
        );
    }
}
