//! A round as it is known here: what the host has fixed, and what is steered since.

use std::time::Instant;

use tincan_protocol::{Inputs, Log, MAX_LOG_RUNS, MAX_RUNS, PeerId, Round, Run, Turn, runs};

use super::clock::{Pace, TickClock};
use super::curves::{Ahead, Curve, Place, State, TICKS_A_SECOND};
use super::moves::Moves;

/// How far ahead of what is fixed anything is foretold. Beyond it the round waits for its host.
pub(super) const FARTHEST: u32 = TICKS_A_SECOND;
/// A point of a line in so many ticks: the curve between is 0.07 units beside the straight.
const SPARSE: u32 = 3;

/// A point of a line as it is shown; `None`: the pen is lifted.
pub type Point = Option<Place>;

/// What is new of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// What follows for certain.
    pub done: Vec<Point>,
    /// What is foretold from there to now; the next frame's replaces it.
    pub ahead: Vec<Point>,
    /// Where the head is now, and where it heads to; `None`: this player is out.
    pub head: Option<(Place, u16)>,
}

/// What is new of a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Which round.
    pub round: u32,
    /// Which tick is shown.
    pub tick: u32,
    /// Of each seat.
    pub traces: Vec<Trace>,
}

/// A round that is played, or was played last.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) round: Round,
    pub(super) began: Instant,
    /// Ours; `None`: we watch.
    pub(super) seat: Option<usize>,
    /// What is fixed.
    pub(super) state: State,
    pub(super) log: Vec<Inputs>,
    /// What is steered since, of each seat.
    pub(super) moves: Vec<Moves>,
    pub(super) clock: TickClock,
    pace: Pace,
    /// How many ticks of ours the host has heard.
    pub(super) heard_of_us: u32,
    /// How many ticks we have steered.
    steered: u32,
    /// When we last turned otherwise.
    changed: u32,
    /// Hashes of the state, each second and at the end.
    hashes: Vec<(u32, u64)>,
    /// What the host says of its own.
    theirs: Option<(u32, u64)>,
    /// Points that were not shown yet, and whether the pen is down, of each seat.
    done: Vec<(Vec<Point>, bool)>,
}

impl Running {
    pub(super) fn new(round: Round, me: PeerId, now: Instant) -> Self {
        let seats = round.seats.len();
        let mut running = Self {
            seat: round.seats.iter().position(|seat| *seat == me),
            state: State::new(round.seed, seats),
            round,
            began: now,
            log: Vec::new(),
            moves: vec![Moves::new(0); seats],
            clock: TickClock::new(now, 0),
            pace: Pace::default(),
            heard_of_us: 0,
            steered: 0,
            changed: 0,
            hashes: Vec::new(),
            theirs: None,
            done: vec![(Vec::new(), false); seats],
        };
        running.trace();
        running
    }

    /// The same round from its beginning: what we have of it is wrong.
    pub(super) fn again(&mut self) {
        let seats = self.round.seats.len();
        self.state = State::new(self.round.seed, seats);
        self.log.clear();
        self.hashes.clear();
        self.theirs = None;
        self.done = vec![(Vec::new(), false); seats];
        self.moves = vec![Moves::new(0); seats];
        self.trace();
    }

    /// How many ticks are fixed.
    pub(super) fn have(&self) -> u32 {
        self.log.len() as u32
    }

    pub(super) const fn is_over(&self) -> bool {
        self.state.is_over()
    }

    /// The tick that is shown: now, unless that is further than anything can be foretold.
    pub(super) fn shown(&self, now: Instant) -> u32 {
        let have = self.have();
        let tick = self.clock.tick(now).clamp(i64::from(have), i64::from(have + FARTHEST));
        u32::try_from(tick).unwrap_or(have)
    }

    /// Whether nothing came from the host for so long that nothing is foretold any more.
    pub(super) fn is_stalled(&self, now: Instant) -> bool {
        !self.is_over() && self.clock.tick(now) > i64::from(self.have() + FARTHEST)
    }

    /// We steer so until now. Says whether it is another turn than before.
    pub(super) fn steer(&mut self, now: Instant, turn: Turn) -> bool {
        let Some(seat) = self.seat else { return false };
        let until = u32::try_from(self.clock.tick(now)).unwrap_or(0).min(self.have() + FARTHEST);
        let from = self.steered.max(self.have());
        let Some(moves) = self.moves.get_mut(seat) else { return false };
        if until <= from {
            return false;
        }
        let before = moves.at(from.saturating_sub(1));
        moves.take(from, &[Run(until - from, turn)]);
        self.steered = until;
        if before != turn {
            self.changed = until;
        }
        before != turn
    }

    /// What was steered and is not fixed is not steered.
    pub(super) fn forget_steering(&mut self) {
        let have = self.have();
        self.moves = vec![Moves::new(have); self.round.seats.len()];
        (self.steered, self.changed, self.heard_of_us) = (have, have, have);
        self.pace = Pace::default();
    }

    /// What the host has not heard of us, and from which tick on.
    pub(super) fn unheard(&self) -> (u32, Vec<Run<Turn>>) {
        let Some(moves) = self.seat.and_then(|seat| self.moves.get(seat)) else { return (0, Vec::new()) };
        let from = self.heard_of_us.max(self.have()).min(self.steered);
        let mut turns = runs((from..self.steered).map(|tick| moves.at(tick)));
        turns.truncate(MAX_RUNS);
        (from, turns)
    }

    /// Whether we turned otherwise within this many ticks.
    pub(super) const fn turned_within(&self, ticks: u32) -> bool {
        self.steered < self.changed + ticks
    }

    /// What everybody steers in a tick, as far as anybody knows.
    pub(super) fn expected(&self, tick: u32) -> Inputs {
        let turns = self.moves.iter().enumerate();
        turns.fold(Inputs::default(), |inputs, (seat, moves)| inputs.with(seat, moves.at(tick)))
    }

    /// One more tick is fixed.
    pub(super) fn fix(&mut self, inputs: Inputs) {
        if self.is_over() {
            return;
        }
        for moves in &mut self.moves {
            moves.fix();
        }
        self.log.push(inputs);
        self.state.step(inputs);
        let tick = self.state.tick();
        if tick.is_multiple_of(TICKS_A_SECOND) || self.is_over() {
            self.hashes.push((tick, self.state.hash()));
        }
        self.trace();
    }

    /// Takes in what was fixed elsewhere, from a tick on that is not beyond what we have. Says whether any was new.
    pub(super) fn learn(&mut self, from: u32, inputs: &[Run<Inputs>], most: u32) -> bool {
        if from > self.have() {
            return false;
        }
        let before = self.have();
        let ticks = inputs.iter().flat_map(|Run(count, inputs)| (0..*count).map(|_| *inputs));
        for inputs in ticks.skip((before - from) as usize) {
            if self.is_over() || self.have() >= most {
                break;
            }
            self.fix(inputs);
        }
        self.have() > before
    }

    /// What is fixed from a tick on, as much of it as a lossy message takes.
    pub(super) fn inputs_from(&self, from: u32) -> Vec<Run<Inputs>> {
        let mut inputs = runs(self.log.iter().skip(from as usize).copied());
        inputs.truncate(MAX_RUNS);
        inputs
    }

    /// What is fixed from a tick on, as much of it as a reliable message takes.
    pub(super) fn log_from(&self, game: u64, from: u32) -> Log {
        let mut inputs = runs(self.log.iter().skip(from as usize).copied());
        inputs.truncate(MAX_LOG_RUNS);
        Log { game, round: self.round.number, from, inputs }
    }

    /// The host heard our moves so early. Sets our clock.
    pub(super) fn pace(&mut self, now: Instant, heard: u32, early: i32) {
        let newer = heard > self.heard_of_us;
        self.heard_of_us = self.heard_of_us.max(heard);
        if newer {
            let tick = self.clock.tick(now);
            self.clock.shift(self.pace.report(early, heard, tick));
        }
    }

    /// The host said what its state is after a tick. `Some(false)`: ours was another.
    pub(super) fn compare(&mut self, tick: u32, hash: u64) -> Option<bool> {
        self.theirs = Some((tick, hash));
        self.compared()
    }

    /// What came of the comparison, as soon as we have that tick.
    pub(super) fn compared(&mut self) -> Option<bool> {
        let (tick, hash) = self.theirs?;
        let ours = self.hashes.iter().rev().find(|(ours, _)| *ours == tick)?.1;
        self.theirs = None;
        Some(ours == hash)
    }

    /// The last hash that is told to others.
    pub(super) fn told_hash(&self) -> Option<(u32, u64)> {
        self.hashes.last().copied()
    }

    /// Where the lines are now, of each seat.
    pub(super) fn foretold(&self, now: Instant) -> Vec<Vec<Ahead>> {
        self.state.ahead((self.have()..self.shown(now)).map(|tick| self.expected(tick)))
    }

    /// What is new since the last frame.
    pub(super) fn frame(&mut self, now: Instant) -> Frame {
        let foretold = self.foretold(now);
        let traces = self.done.iter_mut().zip(self.state.curves()).zip(foretold);
        let traces = traces.map(|(((done, _), curve), ahead)| Trace {
            done: std::mem::take(done),
            head: head(curve, &ahead),
            ahead: tail(curve, &ahead),
        });
        let traces = traces.collect();
        Frame { round: self.round.number, tick: self.shown(now), traces }
    }

    /// Puts down where the lines are after this tick.
    fn trace(&mut self) {
        let tick = self.state.tick();
        for ((done, down), curve) in self.done.iter_mut().zip(self.state.curves()) {
            let is_new = curve.out.is_none_or(|out| out.tick == tick);
            let drawn = curve.is_drawn();
            if is_new && drawn && (!*down || tick.is_multiple_of(SPARSE) || curve.out.is_some()) {
                // In the countdown everybody stands still.
                if done.last() != Some(&Some(curve.at)) {
                    done.push(Some(curve.at));
                }
            } else if is_new && !drawn && *down {
                done.extend([Some(curve.at), None]);
            }
            *down = drawn;
        }
    }
}

fn head(curve: &Curve, ahead: &[Ahead]) -> Option<(Place, u16)> {
    let known = curve.out.is_none().then_some((curve.at, curve.direction))?;
    Some(ahead.last().map_or(known, |last| (last.at, last.direction)))
}

/// The foretold part of a line, as sparse as the rest of it.
fn tail(curve: &Curve, ahead: &[Ahead]) -> Vec<Point> {
    if curve.out.is_some() {
        return Vec::new();
    }
    let mut points = Vec::new();
    let mut down = curve.is_drawn();
    if down {
        points.push(Some(curve.at));
    }
    for (index, step) in ahead.iter().enumerate() {
        let is_shown = (index + 1).is_multiple_of(SPARSE as usize) || index + 1 == ahead.len();
        if step.drawn && (is_shown || !down) {
            points.push(Some(step.at));
        } else if !step.drawn && down {
            points.extend([Some(step.at), None]);
        }
        down = step.drawn;
    }
    points
}
