//! The arena as a grid: which of its cells are taken by a line, and whose it is.

use super::curves::Place;

/// Cells from left to right. One cell is one unit of length.
pub const WIDTH: i32 = 640;
/// Cells from top to bottom.
pub const HEIGHT: i32 = 400;
/// Half of a line's width, in units.
pub const RADIUS: i32 = 2;

const FREE: u8 = 0;

/// Which cells are taken.
#[derive(Clone)]
pub(super) struct Arena {
    /// 0: free; otherwise one more than the seat of whose line it is.
    cells: Vec<u8>,
}

/// What a head would run into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Obstacle {
    /// The arena's edge.
    Wall,
    /// The line of this seat.
    Line(usize),
}

impl Arena {
    pub(super) fn empty() -> Self {
        Self { cells: vec![FREE; (WIDTH * HEIGHT) as usize] }
    }

    /// Takes the free cells under a line's point, and tells each.
    pub(super) fn paint(&mut self, at: Place, seat: usize, mut painted: impl FnMut(usize)) {
        disc(at, |index| {
            if let Some(cell) = self.cells.get_mut(index)
                && *cell == FREE
            {
                *cell = seat as u8 + 1;
                painted(index);
            }
        });
    }

    /// What a head at this place touches first: the wall, or the line of the smallest seat.
    pub(super) fn touches(&self, at: Place) -> Option<Obstacle> {
        let margin = RADIUS << Place::BITS;
        let is_inside = (margin..=(WIDTH << Place::BITS) - margin).contains(&at.x)
            && (margin..=(HEIGHT << Place::BITS) - margin).contains(&at.y);
        if !is_inside {
            return Some(Obstacle::Wall);
        }
        let mut owner = FREE;
        disc(at, |index| match self.cells.get(index) {
            Some(&cell) if cell != FREE && (owner == FREE || cell < owner) => owner = cell,
            _ => {}
        });
        (owner != FREE).then(|| Obstacle::Line(usize::from(owner) - 1))
    }
}

/// The cells whose middle is within a line's radius.
fn disc(at: Place, mut cell: impl FnMut(usize)) {
    let (column, row) = (at.x >> Place::BITS, at.y >> Place::BITS);
    let half = 1 << (Place::BITS - 1);
    // In 1/256 units, so that squares fit.
    let coarse = |length: i32| length >> (Place::BITS - 8);
    let reach = RADIUS << 8;
    for y in (row - RADIUS).max(0)..=(row + RADIUS).min(HEIGHT - 1) {
        for x in (column - RADIUS).max(0)..=(column + RADIUS).min(WIDTH - 1) {
            let dx = coarse((x << Place::BITS) + half - at.x);
            let dy = coarse((y << Place::BITS) + half - at.y);
            if dx * dx + dy * dy <= reach * reach {
                cell((y * WIDTH + x) as usize);
            }
        }
    }
}

impl std::fmt::Debug for Arena {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let taken = self.cells.iter().filter(|cell| **cell != FREE).count();
        f.debug_struct("Arena").field("taken", &taken).finish_non_exhaustive()
    }
}
