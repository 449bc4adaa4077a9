//! What we do when it is our turn: drawing, judging, and what is told of it right now.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tincan_protocol::{InkKind, PeerId, Point, SketchInk, Style, Verdict};

use super::easel::Sentence;
use super::{CHOOSE, Said, Sketch, SketchError, SketchOutput, turn};
use crate::board::{LIVE_INTERVAL, LiveState, LiveStroke};

impl Sketch {
    /// The turn that we draw in.
    fn our_turn(&mut self) -> Result<&mut turn::Turn, SketchError> {
        let turn = self.turn_mut().filter(|turn| turn.ours.is_some() && turn.is_drawn());
        turn.ok_or(SketchError::NotDrawing)
    }

    /// What we draw right now; `None`: nothing.
    ///
    /// # Errors
    /// [`SketchError::NotDrawing`].
    pub fn draw_live(&mut self, stroke: Option<LiveStroke>) -> Result<(), SketchError> {
        let live = &mut self.our_turn()?.live;
        live.set(LiveState { stroke, ..LiveState::default() });
        Ok(())
    }

    /// A stroke is finished: pen or marker, with the number of the live stroke that it was.
    ///
    /// # Errors
    /// [`SketchError::NotDrawing`] and [`SketchError::Full`].
    pub fn draw(
        &mut self,
        number: u32,
        kind: InkKind,
        style: Style,
        points: &[Point],
    ) -> Result<(), SketchError> {
        let turn = self.our_turn()?;
        turn.live.set(LiveState::default());
        turn.sheet.add(number, kind, style, points).then_some(()).ok_or(SketchError::Full)
    }

    /// Takes our last stroke back, or that the sheet was wiped.
    ///
    /// # Errors
    /// [`SketchError::NotDrawing`].
    pub fn undo(&mut self) -> Result<(), SketchError> {
        self.our_turn()?.sheet.undo();
        self.sheet_was_cut();
        Ok(())
    }

    /// Wipes the sheet.
    ///
    /// # Errors
    /// [`SketchError::NotDrawing`].
    pub fn clear(&mut self) -> Result<(), SketchError> {
        self.our_turn()?.sheet.clear();
        Ok(())
    }

    /// Judges the guesses in our turn, and ends it.
    pub(super) fn judge(&mut self, now: Instant) {
        let Self { game, chance, .. } = self;
        let Some(game) = game else { return };
        let Some(turn) = game.turn.as_mut().filter(|turn| !turn.is_opened()) else { return };
        let Some(easel) = &mut turn.ours else { return };
        let (Some(began), Some(drawing)) = (turn.began, &mut turn.drawing) else {
            if now >= turn.entered + CHOOSE {
                let choice = chance.below(easel.choices.len());
                // There is a word to choose, since none was.
                let _ = self.choose(now, choice);
            }
            return;
        };
        let mut is_new = easel.show_letters(now, began, turn.seconds, drawing);
        for Sentence { peer, text, verdict } in easel.judge(now, began, drawing) {
            is_new = true;
            turn.said.push(match verdict {
                Verdict::Right => Said::Solved(peer),
                Verdict::Close | Verdict::Wrong => Said::Guess { peer, text },
            });
        }
        let state = &game.state;
        let is_done = |peer: &PeerId| !state.has_player(*peer) || turn.has_solved(*peer);
        let is_counted = state.turn.as_ref().is_none_or(|told| told.id != turn.id || told.gained.is_some());
        let end = began + Duration::from_secs(u64::from(turn.seconds));
        if now >= end || is_counted || turn.guessers.iter().all(is_done) {
            turn.open();
            is_new = true;
        }
        if is_new {
            self.news.insert(SketchOutput::Games);
        }
    }

    /// What is drawn right now, to whoever looks at it.
    pub(super) fn ink(&mut self, now: Instant) {
        let Self { me, links, game, datagrams, news, .. } = self;
        let Some(game) = game else { return };
        let Some(turn) = &mut game.turn else { return };
        let time = turn.live_time(now);
        if turn.drawer == *me {
            let looks = |peer: &PeerId| {
                game.state.at_table().any(|one| one == *peer)
                    && links.get(peer).is_some_and(|link| link.is_at(turn.id))
            };
            let linked: BTreeSet<PeerId> = turn.live.linked().collect();
            for peer in links.keys().filter(|peer| looks(peer) && !linked.contains(peer)) {
                turn.live.link_opened(*peer);
            }
            for peer in linked.iter().filter(|peer| !looks(peer)) {
                turn.live.link_closed(*peer);
            }
        }
        if now < turn.live_due || !(turn.live.is_busy() || turn.live.is_there()) {
            return;
        }
        turn.live_due = now + LIVE_INTERVAL;
        if turn.drawer != *me {
            news.insert(SketchOutput::Live);
            return;
        }
        for peer in turn.live.linked().collect::<Vec<_>>() {
            if let Some(ink) = turn.live.tell(peer, time) {
                datagrams.push((peer, SketchInk { game: turn.game, turn: turn.id, ink }));
            }
        }
    }
}
