//! A player that is a program: for tests, and to see a game before anybody else is there.

use tincan_protocol::Turn;

use super::chance::Chance;
use super::curves::{Ahead, State};

/// How far it looks ahead: two thirds of a second.
const LOOKS: usize = 48;
/// It thinks anew after so many ticks.
const THINKS: u32 = 6;

/// Steers by looking a little ahead, and by chance where everything is free.
#[derive(Debug, Clone)]
pub struct Bot {
    chance: Chance,
    turn: Turn,
    thinks_at: u32,
}

impl Bot {
    /// One that does the same for the same seed, in the same round.
    pub const fn new(seed: u64) -> Self {
        Self { chance: Chance::new(seed), turn: Turn::Straight, thinks_at: 0 }
    }

    /// How to steer now, in this seat; `foretold` is where everybody is going to be until now.
    pub fn decide(&mut self, state: &State, seat: usize, foretold: &[Vec<Ahead>]) -> Turn {
        let tick = state.tick() + foretold.first().map_or(0, |ways| ways.len() as u32);
        if tick < self.thinks_at && self.thinks_at - tick <= THINKS {
            return self.turn;
        }
        self.thinks_at = tick + THINKS;
        let from = foretold.get(seat).and_then(|ways| ways.last());
        let Some(from) = from.map(|ahead| (ahead.at, ahead.direction)) else { return self.turn };
        let usual = match self.chance.within(0, 12) {
            0 => Turn::Left,
            1 => Turn::Right,
            2..=4 => Turn::Straight,
            _ => self.turn,
        };
        let free = |turn: Turn| state.free(seat, from, turn, LOOKS);
        // What is usual, unless something else is free for longer.
        let others = [Turn::Straight, Turn::Left, Turn::Right];
        self.turn =
            others.into_iter().fold(usual, |best, turn| if free(turn) > free(best) { turn } else { best });
        self.turn
    }
}
