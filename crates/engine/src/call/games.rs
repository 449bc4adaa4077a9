//! What a window shows of games.

use tincan_protocol::{self as protocol, PeerId, Want};
use tincan_share::play::{Curve, Frame, Obstacle, Place, Play, Point, Shown, State};

use crate::api::{
    ArenaChange, ArenaView, CommandError, GameKind, GameOffer, GameOut, GamePhase, GamePlayer, GameTurn,
    GameView, GamesView,
};

/// Bits of a place in eighths of a unit that are not told.
const FINER: u32 = Place::BITS - 3;

pub(crate) fn games(me: PeerId, play: &Play) -> GamesView {
    let ours = play.game();
    let is_ours = |game: u64| ours.is_some_and(|ours| ours.table.game == game);
    let offers = play.offers().filter(|(_, table)| !is_ours(table.game)).map(|(host, table)| GameOffer {
        id: table.game.to_string(),
        kind: kind(table.kind),
        host: host.to_string(),
        players: table.players.iter().map(|player| player.peer.to_string()).collect(),
        playing: table.round.as_ref().is_some_and(|round| !round.counted),
    });
    let game = ours.map(|shown| game(&shown));
    GamesView { me: me.to_string(), offers: offers.collect(), game, sketch: None }
}

fn game(shown: &Shown<'_>) -> GameView {
    let table = shown.table;
    let is_over = shown.state.is_none_or(State::is_over);
    let phase = match &table.round {
        None => GamePhase::Lobby,
        Some(_) if table.over => GamePhase::Over,
        Some(_) if is_over => GamePhase::Pause,
        Some(_) => GamePhase::Round,
    };
    GameView {
        id: table.game.to_string(),
        kind: kind(table.kind),
        host: shown.host.to_string(),
        watching: shown.want == Want::Watch,
        phase,
        round: table.round.as_ref().map_or(0, |round| round.number),
        target: table.target,
        players: players(shown),
        watchers: table.watchers.iter().map(ToString::to_string).collect(),
        stalled: shown.stalled,
    }
}

/// Who plays from the next round on, and who played this one and has left.
fn players(shown: &Shown<'_>) -> Vec<GamePlayer> {
    let table = shown.table;
    let round = table.round.as_ref();
    let seats = round.map_or(&[][..], |round| &round.seats);
    let curves = shown.state.map_or(&[][..], State::curves);
    let player = |peer: PeerId, score: u32| {
        let seat = seats.iter().position(|seat| *seat == peer);
        let curve = seat.and_then(|seat| curves.get(seat));
        let gained = curve.map_or(0, |curve| curve.gained);
        // What is counted is in the score.
        let more = if round.is_some_and(|round| round.counted) { 0 } else { gained };
        GamePlayer {
            peer: peer.to_string(),
            score: score.saturating_add(more),
            gained,
            seat: seat.map(|seat| seat as u8),
            out: curve.and_then(out),
        }
    };
    let gone = seats.iter().filter(|seat| !table.players.iter().any(|player| player.peer == **seat));
    let all = table.players.iter().map(|one| player(one.peer, one.score));
    all.chain(gone.map(|seat| player(*seat, 0))).collect()
}

fn out(curve: &Curve) -> Option<GameOut> {
    Some(match curve.out?.by {
        None => GameOut::Left,
        Some(Obstacle::Wall) => GameOut::Wall,
        Some(Obstacle::Line(seat)) => GameOut::Line { seat: seat as u8 },
    })
}

const fn kind(kind: protocol::GameKind) -> GameKind {
    match kind {
        protocol::GameKind::Curves => GameKind::Curves,
    }
}

/// `None`: not one of those that are played in ticks.
pub(crate) const fn said_kind(kind: GameKind) -> Option<protocol::GameKind> {
    match kind {
        GameKind::Curves => Some(protocol::GameKind::Curves),
        GameKind::DrawAndGuess => None,
    }
}

pub(crate) const fn said_turn(turn: GameTurn) -> protocol::Turn {
    match turn {
        GameTurn::Straight => protocol::Turn::Straight,
        GameTurn::Left => protocol::Turn::Left,
        GameTurn::Right => protocol::Turn::Right,
    }
}

/// The arena with nothing in it yet but what comes with the next frame.
pub(crate) fn empty_arena(round: u32, seats: usize) -> ArenaView {
    ArenaView {
        round,
        tick: 0,
        lines: vec![Vec::new(); seats],
        ahead: vec![Vec::new(); seats],
        heads: vec![None; seats],
    }
}

pub(crate) fn frame(frame: &Frame) -> ArenaChange {
    let traces = &frame.traces;
    ArenaChange::Frame {
        tick: frame.tick,
        done: traces.iter().map(|trace| points(&trace.done)).collect(),
        ahead: traces.iter().map(|trace| points(&trace.ahead)).collect(),
        heads: traces
            .iter()
            .map(|trace| {
                trace.head.map(|(at, direction)| [at.x >> FINER, at.y >> FINER, i32::from(direction)])
            })
            .collect(),
    }
}

fn points(points: &[Point]) -> Vec<i32> {
    let pair = |point: &Point| point.map_or([-1, -1], |at| [at.x >> FINER, at.y >> FINER]);
    points.iter().flat_map(pair).collect()
}

pub(crate) fn refused(error: tincan_share::play::PlayError) -> CommandError {
    CommandError::new(error.code(), error.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use tincan_protocol::{PlayerMove, RoundsMessage};
    use tincan_share::GameInput;

    use super::*;

    fn id(byte: u8) -> PeerId {
        PeerId::from_bytes([byte; 32])
    }

    #[test]
    fn a_game_is_shown_from_the_lobby_into_its_first_round() {
        let (me, other) = (id(1), id(2));
        let mut now = Instant::now();
        let mut play = Play::new(me);
        assert_eq!(games(me, &play), GamesView { me: me.to_string(), ..GamesView::default() });
        play.offer(now, protocol::GameKind::Curves, 7).unwrap();
        play.handle(now, GameInput::LinkOpened(other));
        let seat = RoundsMessage::Seat { game: 7, want: Want::Play }.encode().into_bytes();
        play.handle(now, GameInput::Rounds { peer: other, bytes: seat });
        let lobby = games(me, &play).game.unwrap();
        assert_eq!((lobby.phase, lobby.players.len(), lobby.round), (GamePhase::Lobby, 2, 0));
        assert_eq!(lobby.players[0].seat, None);

        play.start(now).unwrap();
        for _ in 0..(4 * 60) {
            now += Duration::from_millis(17);
            play.handle_timeout(now);
        }
        let round = games(me, &play).game.unwrap();
        assert_eq!((round.phase, round.round, round.target), (GamePhase::Round, 1, 5));
        assert_eq!(round.players.iter().map(|player| player.seat).collect::<Vec<_>>(), [Some(0), Some(1)]);
        let mut arena = Some(empty_arena(1, 2));
        assert!(frame(&play.frame(now).unwrap()).apply(&mut arena));
        let arena = arena.unwrap();
        assert!(arena.tick > 180);
        for seat in 0..2 {
            let [x, y, _] = arena.heads[seat].unwrap();
            assert!((0..640 * 8).contains(&x) && (0..400 * 8).contains(&y));
            assert!(arena.lines[seat].len() >= 4, "{:?}", arena.lines[seat]);
        }
        // It takes as many bytes as a frame may take sixty times a second.
        let moves = PlayerMove { game: 7, round: 1, from: 0, turns: Vec::new(), have: 0 };
        assert!(protocol::GameMessage::PlayerMove(moves).encode().len() < 100);
    }
}
