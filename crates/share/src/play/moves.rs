//! What one player steers, as far as it is known and not fixed yet.

use std::collections::VecDeque;

use tincan_protocol::{Run, Turn};

/// Ticks of one player that are kept before they are fixed: four seconds, whatever somebody claims.
const MOST: u32 = 240;

/// One player's turns from the first tick that is not fixed.
#[derive(Debug, Clone)]
pub(super) struct Moves {
    /// The first tick that is not fixed.
    base: u32,
    turns: VecDeque<Turn>,
    /// What goes on when nothing else is known: the newest that was heard.
    last: Turn,
    /// How many ticks were heard.
    heard: u32,
}

impl Moves {
    pub(super) const fn new(base: u32) -> Self {
        Self { base, turns: VecDeque::new(), last: Turn::Straight, heard: 0 }
    }

    /// How many ticks of the round were heard, whether in time or not.
    pub(super) const fn heard(&self) -> u32 {
        self.heard
    }

    /// Takes turns from a tick on. What was taken before stays, what is too far ahead is left out. Says whether any was new.
    pub(super) fn take(&mut self, from: u32, turns: &[Run<Turn>]) -> bool {
        let end = from.saturating_add(turns.iter().map(|Run(count, _)| *count).sum());
        if end <= self.heard || turns.is_empty() {
            return false;
        }
        let mut tick = from;
        for Run(count, turn) in turns {
            let turn = if *turn == Turn::Gone { Turn::Straight } else { *turn };
            for _ in 0..*count {
                if tick >= self.base.saturating_add(MOST) {
                    self.heard = self.heard.max(tick);
                    return true;
                }
                while self.base.saturating_add(self.turns.len() as u32) < tick {
                    // Between what was heard before and this nothing is known.
                    self.turns.push_back(self.last);
                }
                if self.base.saturating_add(self.turns.len() as u32) == tick {
                    self.turns.push_back(turn);
                }
                tick += 1;
            }
            self.last = turn;
        }
        self.heard = end;
        true
    }

    /// What is steered in a tick, as far as anybody knows.
    pub(super) fn at(&self, tick: u32) -> Turn {
        let known = tick.checked_sub(self.base).and_then(|index| self.turns.get(index as usize));
        known.copied().unwrap_or(self.last)
    }

    /// The next tick is fixed.
    pub(super) fn fix(&mut self) -> Turn {
        let turn = self.turns.pop_front().unwrap_or(self.last);
        self.base += 1;
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_late_goes_on_and_changes_nothing_that_is_fixed() {
        let mut moves = Moves::new(0);
        assert!(moves.take(0, &[Run(2, Turn::Left)]));
        assert_eq!([moves.fix(), moves.fix(), moves.fix()], [Turn::Left; 3]);
        assert!(moves.take(1, &[Run(1, Turn::Left), Run(1, Turn::Right)]));
        assert_eq!(moves.fix(), Turn::Right);
        // Out of order: the older message says nothing new.
        assert!(!moves.take(0, &[Run(2, Turn::Left)]));
        assert_eq!((moves.fix(), moves.heard()), (Turn::Right, 3));
    }

    #[test]
    fn a_gap_is_filled_with_what_was_heard_last_and_the_far_future_is_left_out() {
        let mut moves = Moves::new(0);
        moves.take(0, &[Run(1, Turn::Left)]);
        moves.take(3, &[Run(5_000, Turn::Right)]);
        assert_eq!(
            (0..4).map(|tick| moves.at(tick)).collect::<Vec<_>>(),
            [Turn::Left, Turn::Left, Turn::Left, Turn::Right]
        );
        assert_eq!(moves.turns.len(), MOST as usize);
        assert_eq!(moves.heard(), MOST);
    }

    #[test]
    fn nobody_says_of_themselves_that_they_are_gone() {
        let mut moves = Moves::new(0);
        moves.take(0, &[Run(1, Turn::Gone)]);
        assert_eq!(moves.fix(), Turn::Straight);
    }
}
