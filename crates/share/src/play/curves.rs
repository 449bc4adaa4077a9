//! *Curves*: everybody steers a line that grows, and whoever runs into a line or the wall is out. The last one wins the round.
//!
//! A round is a function of its seed, its seats and what was steered in each tick, computed with whole numbers only, so that
//! it comes out the same on every machine ([`State::hash`] is over everything from the round's beginning). Sixty ticks a second.

use tincan_protocol::{Inputs, MAX_SEATS, MAX_TICKS, Turn};

use super::arena::{Arena, HEIGHT, Obstacle, RADIUS, WIDTH};
use super::chance::{Chance, mix};
use super::sine::{FULL_TURN, SINE_BITS, cosine, sine};

/// Ticks a second.
pub const TICKS_A_SECOND: u32 = 60;
/// Ticks before the lines begin to move: three seconds to find one's own.
pub const COUNTDOWN: u32 = 3 * TICKS_A_SECOND;
/// Units a second: the arena is crossed in eight seconds.
const UNITS_A_SECOND: i32 = 80;
/// How far a head turns in a tick: 2.8 degrees, which makes the smallest circle 54 units wide.
const TURN: u16 = 8;
/// A line's last positions, which take no cells yet: 8 units, more than a line is wide, so that no head touches its own neck.
const NECK: usize = 6;
/// For how many ticks a line is drawn between two gaps.
const DRAWN: (i32, i32) = (90, 240);
/// For how many ticks a gap lasts: 19 units, about five times a line's width.
const GAP: u32 = 14;
/// No head starts closer to a wall: a second to react.
const INSET: i32 = 80;
/// How far heads start from each other, if they can.
const APART: i64 = 140;
/// How often a place is drawn by lot for a head; the best of them is taken.
const DRAWS: u32 = 24;
/// A round that lasts longer is nobody's. It ends the few that two could draw out for ever.
const LONGEST: u32 = MAX_TICKS - 1;

/// A place in the arena, in 1/65,536 units from the upper left corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// To the right.
    pub x: i32,
    /// Downwards.
    pub y: i32,
}

impl Place {
    /// Bits after the point.
    pub const BITS: u32 = 16;

    fn distance_squared(self, other: Self) -> i64 {
        let coarse = |a: i32, b: i32| i64::from((a - b) >> (Self::BITS - 8));
        let (dx, dy) = (coarse(self.x, other.x), coarse(self.y, other.y));
        dx * dx + dy * dy
    }

    fn is_within(self, other: Self, units: i64) -> bool {
        self.distance_squared(other) < (units << 8) * (units << 8)
    }
}

/// How somebody got out of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Out {
    /// After how many ticks.
    pub tick: u32,
    /// What they ran into; `None`: they left.
    pub by: Option<Obstacle>,
}

/// One player's line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Curve {
    /// Where its head is.
    pub at: Place,
    /// Where it heads to: 1,024 directions, 0 to the right, and on with the clock.
    pub direction: u16,
    /// How its player got out; `None`: they are in.
    pub out: Option<Out>,
    /// Points of this round.
    pub gained: u32,
    /// Ticks until a gap begins; 0 in a gap.
    until_gap: u32,
    /// Ticks until it ends.
    until_drawn: u32,
    /// The last positions, the newest first; `None` where nothing is drawn.
    neck: [Option<Place>; NECK],
}

impl Curve {
    /// Whether it leaves a line where it is now.
    pub const fn is_drawn(&self) -> bool {
        self.until_gap > 0
    }

    /// Turns and goes on, and says what is now so far behind that it takes cells.
    fn advance(&mut self, turn: Turn, chance: &mut Chance) -> Option<Place> {
        match turn {
            Turn::Left => self.direction = (self.direction + FULL_TURN - TURN) % FULL_TURN,
            Turn::Right => self.direction = (self.direction + TURN) % FULL_TURN,
            Turn::Straight | Turn::Gone => {}
        }
        let way = |part: i32| {
            let length = (i64::from(UNITS_A_SECOND) << Place::BITS) / i64::from(TICKS_A_SECOND);
            ((length * i64::from(part)) >> SINE_BITS) as i32
        };
        let left_behind = self.neck[NECK - 1];
        self.neck.rotate_right(1);
        self.neck[0] = self.is_drawn().then_some(self.at);
        self.at =
            Place { x: self.at.x + way(cosine(self.direction)), y: self.at.y + way(sine(self.direction)) };
        if self.until_gap > 0 {
            self.until_gap -= 1;
            if self.until_gap == 0 {
                self.until_drawn = GAP;
            }
        } else {
            self.until_drawn = self.until_drawn.saturating_sub(1);
            if self.until_drawn == 0 {
                self.until_gap = drawn(chance);
            }
        }
        left_behind
    }
}

fn drawn(chance: &mut Chance) -> u32 {
    chance.within(DRAWN.0, DRAWN.1).unsigned_abs()
}

/// A round as it is after some ticks.
#[derive(Debug, Clone)]
pub struct State {
    tick: u32,
    curves: Vec<Curve>,
    arena: Arena,
    chance: Chance,
    over: bool,
    hash: u64,
}

impl State {
    /// A round of so many seats (from 2 to 6) that has not begun.
    pub fn new(seed: u64, seats: usize) -> Self {
        let mut chance = Chance::new(seed);
        let mut curves = Vec::<Curve>::new();
        for _ in 0..seats.clamp(2, MAX_SEATS) {
            let at = start(&mut chance, &curves);
            // Towards the middle, and up to an eighth of a turn beside it.
            let middle = Place { x: (WIDTH / 2) << Place::BITS, y: (HEIGHT / 2) << Place::BITS };
            let aside = chance.within(-i32::from(FULL_TURN / 8), i32::from(FULL_TURN / 8));
            let direction = (i32::from(towards(at, middle)) + aside).rem_euclid(i32::from(FULL_TURN)) as u16;
            let until_gap = drawn(&mut chance);
            curves.push(Curve {
                at,
                direction,
                out: None,
                gained: 0,
                until_gap,
                until_drawn: 0,
                neck: [None; NECK],
            });
        }
        let mut state = Self { tick: 0, curves, arena: Arena::empty(), chance, over: false, hash: mix(seed) };
        state.note();
        state
    }

    /// Every line; the place is the seat.
    pub fn curves(&self) -> &[Curve] {
        &self.curves
    }

    /// How many ticks are behind it.
    pub const fn tick(&self) -> u32 {
        self.tick
    }

    /// Whether at most one is left.
    pub const fn is_over(&self) -> bool {
        self.over
    }

    /// A hash over everything from the beginning of the round: whoever has the same had the same in every tick.
    pub const fn hash(&self) -> u64 {
        self.hash
    }

    /// The next tick. Nothing happens after the end.
    pub fn step(&mut self, inputs: Inputs) {
        if self.over {
            return;
        }
        self.tick += 1;
        let mut out = self.move_heads(inputs);
        self.collide(&mut out);
        self.score(&out);
        self.note();
    }

    /// Everybody goes on, and what they left behind takes cells. Says who left.
    fn move_heads(&mut self, inputs: Inputs) -> Vec<(usize, Option<Obstacle>)> {
        let mut out = Vec::new();
        let Self { curves, arena, chance, hash, tick, .. } = self;
        for (seat, curve) in curves.iter_mut().enumerate().filter(|(_, curve)| curve.out.is_none()) {
            let turn = inputs.seat(seat);
            if turn == Turn::Gone {
                out.push((seat, None));
            } else if *tick > COUNTDOWN
                && let Some(behind) = curve.advance(turn, chance)
            {
                arena.paint(behind, seat, |cell| *hash = mix(*hash ^ cell as u64));
            }
        }
        out
    }

    /// Who runs into what. All are judged before any is out, so that no seat is better than another.
    fn collide(&self, out: &mut Vec<(usize, Option<Obstacle>)>) {
        if self.tick <= COUNTDOWN {
            return;
        }
        for (seat, curve) in self.curves.iter().enumerate().filter(|(_, curve)| curve.out.is_none()) {
            if !out.iter().any(|(gone, _)| *gone == seat)
                && let Some(obstacle) = self.meets(seat, curve.at)
            {
                out.push((seat, Some(obstacle)));
            }
        }
    }

    /// What the head of this seat would touch at this place.
    fn meets(&self, seat: usize, at: Place) -> Option<Obstacle> {
        let necks = || {
            let others = self.curves.iter().enumerate().filter(|(other, _)| *other != seat);
            others.flat_map(|(other, curve)| {
                let head = (curve.out.is_none()).then_some(curve.at);
                curve.neck.iter().copied().chain([head]).flatten().map(move |place| (other, place))
            })
        };
        let reach = i64::from(2 * RADIUS);
        self.arena.touches(at).or_else(|| {
            let near = necks().find(|(_, place)| at.is_within(*place, reach));
            near.map(|(other, _)| Obstacle::Line(other))
        })
    }

    /// Everybody who is still in gets a point for each who is not any more.
    fn score(&mut self, out: &[(usize, Option<Obstacle>)]) {
        let tick = self.tick;
        for (seat, by) in out {
            let Some(curve) = self.curves.get_mut(*seat) else { continue };
            curve.out = Some(Out { tick, by: *by });
            // The end of the line is as solid as the rest of it.
            for behind in std::mem::take(&mut curve.neck).into_iter().flatten() {
                self.arena.paint(behind, *seat, |_| {});
            }
        }
        let mut left = 0;
        for curve in self.curves.iter_mut().filter(|curve| curve.out.is_none()) {
            curve.gained += out.len() as u32;
            left += 1;
        }
        self.over = left <= 1 || tick >= LONGEST;
    }

    /// Takes this tick into the hash.
    fn note(&mut self) {
        let mut hash = self.hash;
        let mut take = |value: u64| hash = mix(hash.rotate_left(5) ^ value);
        take(u64::from(self.tick) << 1 | u64::from(self.over));
        for curve in &self.curves {
            take(u64::from(curve.at.x as u32) << 32 | u64::from(curve.at.y as u32));
            take(
                u64::from(curve.direction) << 33 | u64::from(curve.gained) << 1 | u64::from(curve.is_drawn()),
            );
            take(curve.out.map_or(0, |out| u64::from(out.tick) + 1));
        }
        self.hash = hash;
    }

    /// Where heads are going to be if this is steered: one entry a tick. A head that would run into something that is known
    /// stops there, and nobody gets out: that is told when it is certain.
    pub fn ahead(&self, inputs: impl IntoIterator<Item = Inputs>) -> Vec<Vec<Ahead>> {
        let mut chance = self.chance.clone();
        let mut curves = self.curves.clone();
        let mut stopped = vec![false; curves.len()];
        let mut tick = self.tick;
        let mut ways = vec![Vec::new(); curves.len()];
        if self.over {
            return ways;
        }
        for inputs in inputs {
            tick += 1;
            for (seat, curve) in curves.iter_mut().enumerate().filter(|(_, curve)| curve.out.is_none()) {
                let before = curve.at;
                if tick > COUNTDOWN && !stopped[seat] {
                    curve.advance(inputs.seat(seat), &mut chance);
                    if self.meets(seat, curve.at).is_some() {
                        curve.at = before;
                        stopped[seat] = true;
                    }
                }
                ways[seat].push(Ahead { at: curve.at, direction: curve.direction, drawn: curve.is_drawn() });
            }
        }
        ways
    }
}

impl State {
    /// For how many ticks a head could go on so from a place before it would touch what is known, at most `most`.
    pub(super) fn free(&self, seat: usize, from: (Place, u16), turn: Turn, most: usize) -> usize {
        let Some(curve) = self.curves.get(seat) else { return 0 };
        let (mut curve, mut chance) = (curve.clone(), self.chance.clone());
        (curve.at, curve.direction) = from;
        let goes_on = |_: &usize| {
            curve.advance(turn, &mut chance);
            self.meets(seat, curve.at).is_none()
        };
        (0..most).take_while(goes_on).count()
    }
}

/// Where a head is going to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ahead {
    /// There.
    pub at: Place,
    /// Where it heads to.
    pub direction: u16,
    /// Whether it leaves a line.
    pub drawn: bool,
}

/// A place to start from: of several by lot, the one that is furthest from the others.
fn start(chance: &mut Chance, others: &[Curve]) -> Place {
    let mut best = (i64::MIN, Place::default());
    for _ in 0..DRAWS {
        let at = Place {
            x: chance.within(INSET, WIDTH - INSET) << Place::BITS,
            y: chance.within(INSET, HEIGHT - INSET) << Place::BITS,
        };
        let nearest = others.iter().map(|other| at.distance_squared(other.at)).min().unwrap_or(i64::MAX);
        if nearest > best.0 {
            best = (nearest, at);
        }
        if others.iter().all(|other| !at.is_within(other.at, APART)) {
            break;
        }
    }
    best.1
}

/// The direction in which one place lies from another, to one of 1,024.
fn towards(from: Place, to: Place) -> u16 {
    let (dx, dy) = (i64::from(to.x) - i64::from(from.x), i64::from(to.y) - i64::from(from.y));
    // The direction with the largest part along the way.
    let along = |direction: u16| dx * i64::from(cosine(direction)) + dy * i64::from(sine(direction));
    (0..FULL_TURN).max_by_key(|direction| along(*direction)).unwrap_or(0)
}

#[cfg(test)]
mod tests;
