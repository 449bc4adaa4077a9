//! What the others say.

use std::time::Instant;

use tincan_protocol::{MAX_SKETCH_PLAYERS, PeerId, SketchDeed, SketchMessage, SketchMove, display_name};

use super::{Sketch, SketchOutput};

impl Sketch {
    pub(super) fn heard_rounds(&mut self, now: Instant, peer: PeerId, message: SketchMessage) {
        match message {
            SketchMessage::GameState(state) => {
                self.tables.insert(peer, state);
                self.news.insert(SketchOutput::Games);
            }
            SketchMessage::Closed { game } => {
                if self.tables.get(&peer).is_some_and(|state| state.game == game) {
                    self.tables.remove(&peer);
                    self.news.insert(SketchOutput::Games);
                }
            }
            SketchMessage::Seat { game, want } => {
                if self.game.as_ref().is_some_and(|ours| ours.state.game == game) {
                    self.seated(peer, want);
                }
            }
            SketchMessage::PlayerMove(moved) => self.heard_move(now, peer, moved),
        }
    }

    fn heard_move(&mut self, now: Instant, peer: PeerId, moved: SketchMove) {
        let ours = self.turn_mut().map(|turn| turn.id);
        if moved.deed == SketchDeed::Here
            && let Some(link) = self.links.get_mut(&peer)
        {
            // They may have heard of a turn that we have not heard of.
            link.comes(moved.turn, ours);
            return;
        }
        let Self { game: Some(game), .. } = self else { return };
        let state = &game.state;
        let Some(turn) = game.turn.as_mut().filter(|turn| (turn.game, turn.id) == (moved.game, moved.turn))
        else {
            return;
        };
        let is_drawer = peer == turn.drawer;
        let is_guesser = turn.guessers.contains(&peer) && state.has_player(peer);
        let is_new = match moved.deed {
            SketchDeed::Here => false,
            SketchDeed::Drawing(drawing) if is_drawer => turn.take_drawing(now, drawing),
            SketchDeed::Sheet { from, strokes } if is_drawer => {
                let last = strokes.iter().flatten().map(|stroke| stroke.number).max();
                turn.sheet.put(from, strokes);
                if let Some(number) = last {
                    turn.live.finished(peer, number);
                }
                false
            }
            SketchDeed::Judged { number, verdict } if is_drawer => turn.take_verdict(number, verdict),
            SketchDeed::Guess { number, text } if is_guesser => match &mut turn.ours {
                Some(easel) => {
                    if easel.judged.len() < MAX_SKETCH_PLAYERS || easel.judged.contains_key(&peer) {
                        easel.take(peer, number, display_name(&text));
                    }
                    false
                }
                None => turn.take_guess(peer, number, &text),
            },
            _ => false,
        };
        if is_new {
            self.news.insert(SketchOutput::Games);
        }
    }
}
