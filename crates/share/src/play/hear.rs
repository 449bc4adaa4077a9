//! What the others say.

use std::time::Instant;

use tincan_protocol::{GameMessage, Log, PeerId, RoundsMessage};

use super::{Play, PlayOutput};

impl Play {
    pub(super) fn heard_rounds(&mut self, now: Instant, peer: PeerId, message: RoundsMessage) {
        match message {
            RoundsMessage::Table(table) => {
                self.tables.insert(peer, table);
                self.tell_news(PlayOutput::Games);
            }
            RoundsMessage::Closed { game } => {
                if self.tables.get(&peer).is_some_and(|table| table.game == game) {
                    self.tables.remove(&peer);
                    self.tell_news(PlayOutput::Games);
                }
            }
            RoundsMessage::Seat { game, want } => {
                if self.game.as_ref().is_some_and(|ours| ours.table.game == game) {
                    self.seated(peer, want);
                }
            }
            RoundsMessage::Behind { game, round, have } => {
                if let Some(ours) = &mut self.game
                    && ours.table.game == game
                    && ours.running.as_ref().is_some_and(|running| running.round.number == round)
                    && let Some(hosting) = &mut ours.hosting
                {
                    hosting.told.insert(peer, have);
                }
            }
            RoundsMessage::Log(log) => self.heard_log(now, peer, log),
        }
    }

    /// Ticks of the round, from its host; or from another player, when the host is gone.
    fn heard_log(&mut self, now: Instant, peer: PeerId, log: Log) {
        let Some(game) = &mut self.game else { return };
        if log.game != game.table.game {
            return;
        }
        let is_player = game.table.players.iter().any(|player| player.peer == peer);
        if peer == game.host {
            if let Some(running) = &mut game.running
                && running.round.number == log.round
                && running.learn(log.from, &log.inputs, u32::MAX)
            {
                self.was_fixed(now);
            }
        } else if is_player {
            game.logs.insert(peer, log);
        }
    }

    pub(super) fn heard_game(&mut self, now: Instant, peer: PeerId, message: &GameMessage) {
        let Some(game) = &mut self.game else { return };
        let may_ask = game.may_ask(now);
        let Some(running) = &mut game.running else { return };
        let is_ours = |id: u64, round: u32| id == game.table.game && round == running.round.number;
        match message {
            GameMessage::PlayerMove(moved) if is_ours(moved.game, moved.round) => {
                let seat = running.round.seats.iter().position(|seat| *seat == peer);
                let moves = seat.and_then(|seat| Some((seat, running.moves.get_mut(seat)?)));
                let is_new = moves.map(|(seat, moves)| (seat, moves.take(moved.from, &moved.turns)));
                if let Some(hosting) = &mut game.hosting {
                    hosting.heard(peer, moved, is_new, running.have());
                    if running.is_over() && moved.have < running.have() {
                        // They lack the end, and no beat is left.
                        self.send_inputs(peer);
                    }
                }
            }
            GameMessage::GameInputs(inputs)
                if is_ours(inputs.game, inputs.round)
                    && peer == game.host
                    && inputs.term == game.table.term =>
            {
                if let Some(seat) = running.seat
                    && let (Some(heard), Some(early)) = (inputs.heard.get(seat), inputs.early.get(seat))
                {
                    running.pace(now, *heard, *early);
                }
                if running.learn(inputs.from, &inputs.inputs, u32::MAX) {
                    self.was_fixed(now);
                } else if inputs.from > running.have() && may_ask {
                    // The host takes us to have what we lack.
                    game.asked_again = Some(now);
                    game.wants_log = Some(running.round.number);
                }
            }
            GameMessage::GameState(state) if is_ours(state.game, state.round) && peer == game.host => {
                let same = running.compare(state.tick, state.hash.0);
                self.compared(now, same);
            }
            _ => {}
        }
    }

    /// Somebody else fixed more of the round.
    fn was_fixed(&mut self, now: Instant) {
        let Some(running) = self.game.as_mut().and_then(|game| game.running.as_mut()) else { return };
        let is_over = running.is_over();
        let same = running.compared();
        // Who is out, and who has how many points.
        if is_over || running.state.curves().iter().any(|curve| curve.out.is_some()) {
            self.tell_news(PlayOutput::Games);
        }
        self.compared(now, same);
    }

    fn compared(&mut self, now: Instant, same: Option<bool>) {
        let Some(game) = &mut self.game else { return };
        if same != Some(false) || !game.may_ask(now) {
            return;
        }
        if let Some(running) = &mut game.running {
            running.again();
            game.asked_again = Some(now);
            game.wants_log = Some(running.round.number);
            self.tell_news(PlayOutput::Differed);
            self.tell_news(PlayOutput::Round);
        }
    }
}
