//! What is done in every tick, and what the others are told of it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tincan_protocol::{GameInputs, GameMessage, GameState, PeerId, PlayerMove, Run, StateHash, Turn};

use super::moves::Moves;
use super::{BEAT, FRAME, Play, PlayOutput, REPEATS};

impl Play {
    /// Every tick: our own move, what is to be fixed, and what the others are told.
    pub(super) fn advance(&mut self, now: Instant) {
        let me = self.me;
        let Some(game) = &mut self.game else { return };
        let Some(running) = &mut game.running else { return };
        if let Some(bot) = &mut self.bot
            && let Some(seat) = running.seat
        {
            self.turn = bot.decide(&running.state, seat, &running.foretold(now));
        }
        let turned = running.steer(now, self.turn);
        if let Some(hosting) = &mut game.hosting {
            let before = running.have();
            let stopped = self.looked.map_or(Duration::ZERO, |looked| now.saturating_duration_since(looked));
            hosting.fix(running, now, stopped);
            let changed = running.log.iter().skip((before.max(1) - 1) as usize);
            let changed = changed.clone().zip(changed.skip(1)).any(|(one, next)| one != next);
            let someone_out =
                running.state.curves().iter().any(|curve| curve.out.is_some_and(|out| out.tick > before));
            let outcome = hosting.go_on(now, me, &mut game.table, &mut game.running);
            if someone_out || outcome.counted {
                self.tell_news(PlayOutput::Games);
            }
            if outcome.began {
                self.round_is_new();
            }
            self.beat_as_host(now, changed);
        } else {
            let stalled = running.is_stalled(now);
            if std::mem::replace(&mut self.stalled, stalled) != stalled {
                self.tell_news(PlayOutput::Games);
            }
            self.beat_as_player(now, turned);
        }
        let tick =
            self.game.as_ref().and_then(|game| game.running.as_ref()).map(|running| running.clock.tick(now));
        if turned || tick.is_some_and(|tick| tick % FRAME == 0) {
            self.tell_news(PlayOutput::Frame);
        }
    }

    fn beat_as_host(&mut self, now: Instant, changed: bool) {
        let Some(game) = &self.game else { return };
        let Some(running) = &game.running else { return };
        let is_beat = running.clock.tick(now) % BEAT == 0;
        if !is_beat && !changed && !running.turned_within(REPEATS) {
            return;
        }
        let at_table = game.at_table().filter(|peer| *peer != self.me && self.links.contains_key(peer));
        let at_table: Vec<PeerId> = at_table.collect();
        let state =
            running.told_hash().filter(|(tick, _)| running.have() < tick + 2 * BEAT.unsigned_abs() as u32);
        let state = state.map(|(tick, hash)| {
            let (game, round) = (game.table.game, running.round.number);
            GameMessage::GameState(GameState { game, round, tick, hash: StateHash(hash) })
        });
        for peer in at_table {
            self.send_inputs(peer);
            self.datagrams.extend(state.clone().map(|state| (peer, state)));
        }
    }

    /// What this member lacks of the round, as far as we know.
    pub(super) fn send_inputs(&mut self, peer: PeerId) {
        let Some(game) = &self.game else { return };
        let (Some(running), Some(hosting)) = (&game.running, &game.hosting) else { return };
        let Some(from) = hosting.told.get(&peer).copied().filter(|from| *from <= running.have()) else {
            return;
        };
        let message = GameMessage::GameInputs(GameInputs {
            game: game.table.game,
            round: running.round.number,
            term: game.table.term,
            from,
            inputs: running.inputs_from(from),
            heard: running.moves.iter().map(Moves::heard).collect(),
            early: hosting.early.to_vec(),
        });
        self.datagrams.push((peer, message));
    }

    fn beat_as_player(&mut self, now: Instant, turned: bool) {
        let Some(game) = &self.game else { return };
        let Some(running) = &game.running else { return };
        let is_beat = running.clock.tick(now) % BEAT == 0;
        let turned = turned || running.turned_within(REPEATS);
        if !is_beat && !turned {
            return;
        }
        let (from, turns): (u32, Vec<Run<Turn>>) = running.unheard();
        let (game_id, round, have) = (game.table.game, running.round.number, running.have());
        let message = GameMessage::PlayerMove(PlayerMove { game: game_id, round, from, turns, have });
        // The others draw our line by it before the host has fixed it.
        let seats = running.round.seats.iter().copied().filter(|_| turned && running.seat.is_some());
        let to: BTreeSet<PeerId> = seats.chain([game.host]).filter(|peer| *peer != self.me).collect();
        let linked = to.into_iter().filter(|peer| self.links.contains_key(peer));
        self.datagrams.extend(linked.map(|peer| (peer, message.clone())).collect::<Vec<_>>());
    }
}
