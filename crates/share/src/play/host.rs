//! What a game's host does besides: who sits where, which tick is fixed when, and when the next round begins.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use tincan_protocol::{MAX_AT_TABLE, MAX_SEATS, PeerId, Player, PlayerMove, Round, Table, Turn, Want};

use super::chance::Chance;
use super::clock::TickClock;
use super::curves::TICKS_A_SECOND;
use super::round::Running;
use super::{Game, PAUSE};

/// So many ticks after its time a tick is fixed: what comes later is too late. A tenth of a second, most paths' wavering.
const SLACK: u32 = 6;
/// After a new host has come, everybody has a second before it goes on.
const REWIND: i64 = TICKS_A_SECOND as i64;
/// A host whose program stood still for so long goes on from where it was: nobody loses a round by it.
const STANDSTILL: Duration = Duration::from_millis(500);
/// Points for each of the others that win a game: about five rounds.
const TARGET: u32 = 5;

/// What only the host of a game has.
#[derive(Debug)]
pub(super) struct Hosting {
    chance: Chance,
    /// How many ticks of the round each member has, or was told reliably.
    pub(super) told: BTreeMap<PeerId, u32>,
    /// Of each seat, how early its newest move came.
    pub(super) early: [i32; MAX_SEATS],
    /// Who left the round.
    gone: BTreeSet<usize>,
    /// When the next round begins.
    pub(super) paused_until: Option<Instant>,
}

/// What came of a look at the round.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Outcome {
    /// It is over, and the scores count it.
    pub(super) counted: bool,
    /// The next one began.
    pub(super) began: bool,
}

impl Hosting {
    pub(super) const fn new(_now: Instant, seed: u64) -> Self {
        Self {
            chance: Chance::new(seed),
            told: BTreeMap::new(),
            early: [0; MAX_SEATS],
            gone: BTreeSet::new(),
            paused_until: None,
        }
    }

    /// Somebody wants something. Says whether that changed anything.
    pub(super) fn seat(
        &mut self,
        peer: PeerId,
        want: Want,
        table: &mut Table,
        running: Option<&Running>,
    ) -> bool {
        let before = (table.players.clone(), table.watchers.clone());
        let has_room = table.players.len() + table.watchers.len() < MAX_AT_TABLE;
        let is_player = table.players.iter().any(|player| player.peer == peer);
        let is_watcher = table.watchers.contains(&peer);
        if want != Want::Play {
            table.players.retain(|player| player.peer != peer);
            let seat = running.and_then(|running| running.round.seats.iter().position(|seat| *seat == peer));
            self.gone.extend(seat);
        }
        if want != Want::Watch {
            table.watchers.retain(|watcher| *watcher != peer);
        }
        match want {
            Want::Play if !is_player && (has_room || is_watcher) => {
                table.players.push(Player { peer, score: 0 });
            }
            Want::Watch if !is_watcher && (has_room || is_player) => table.watchers.push(peer),
            Want::Play | Want::Watch | Want::Nothing => {}
        }
        if want == Want::Nothing {
            self.told.remove(&peer);
        }
        before != (table.players.clone(), table.watchers.clone())
    }

    /// A member told how it steers and what it has.
    pub(super) fn heard(&mut self, peer: PeerId, moved: &PlayerMove, new: Option<(usize, bool)>, have: u32) {
        let known = self.told.entry(peer).or_default();
        *known = (*known).max(moved.have.min(have));
        if let Some((seat, true)) = new
            && let Some(early) = self.early.get_mut(seat)
        {
            let ends = moved.from.saturating_add(moved.turns.iter().map(|run| run.0).sum());
            *early = ends.cast_signed().saturating_sub(have.cast_signed());
        }
    }

    /// Fixes what it is time to fix.
    pub(super) fn fix(&mut self, running: &mut Running, now: Instant, stopped: Duration) {
        if stopped > STANDSTILL {
            let ticks = stopped.as_millis() * u128::from(TICKS_A_SECOND) / 1_000;
            running.clock.shift(-i64::try_from(ticks).unwrap_or(0));
        }
        let until = running.clock.tick(now) - i64::from(SLACK);
        while i64::from(running.have()) < until && !running.is_over() {
            let expected = running.expected(running.have());
            let inputs = self.gone.iter().fold(expected, |inputs, seat| inputs.with(*seat, Turn::Gone));
            running.fix(inputs);
        }
    }

    /// Counts a round that is over, and begins the next one when it is time.
    pub(super) fn go_on(
        &mut self,
        now: Instant,
        me: PeerId,
        table: &mut Table,
        running: &mut Option<Running>,
    ) -> Outcome {
        let Some(over) = running.as_ref().filter(|running| running.is_over()) else {
            return Outcome::default();
        };
        if let Some(round) = table.round.as_mut().filter(|round| !round.counted) {
            round.counted = true;
            for (peer, curve) in round.seats.iter().zip(over.state.curves()) {
                let player = table.players.iter_mut().find(|player| player.peer == *peer);
                if let Some(player) = player {
                    player.score = player.score.saturating_add(curve.gained);
                }
            }
            table.over = has_winner(table);
            self.paused_until = Some(now + PAUSE);
            return Outcome { counted: true, began: false };
        }
        if self.paused_until.is_none_or(|until| now < until) {
            return Outcome::default();
        }
        self.paused_until = None;
        let began = !table.over && self.next_round(now, me, table, running);
        // Whoever is left alone has nobody to go on with.
        table.over |= !began;
        Outcome { counted: true, began }
    }

    /// Begins a game, or goes on with one for which there were too few. `false`: there still are.
    pub(super) fn begin(
        &mut self,
        now: Instant,
        me: PeerId,
        table: &mut Table,
        running: &mut Option<Running>,
    ) -> bool {
        if table.players.len() < 2 {
            return false;
        }
        if table.over || table.round.is_none() {
            table.over = false;
            table.players.iter_mut().for_each(|player| player.score = 0);
            table.target = TARGET * (table.players.len().min(MAX_SEATS) as u32 - 1);
        }
        self.next_round(now, me, table, running)
    }

    fn next_round(
        &mut self,
        now: Instant,
        me: PeerId,
        table: &mut Table,
        running: &mut Option<Running>,
    ) -> bool {
        if table.players.len() < 2 {
            return false;
        }
        let number = table.round.as_ref().map_or(0, |round| round.number).saturating_add(1);
        let seats = table.players.iter().map(|player| player.peer).take(MAX_SEATS).collect();
        let seed = self.chance.next() >> 11;
        let round = Round { number, seed, seats, counted: false };
        table.round = Some(round.clone());
        *running = Some(Running::new(round, me, now));
        self.told.clear();
        self.gone.clear();
        self.early = [0; MAX_SEATS];
        true
    }
}

/// Whether somebody alone has enough points.
fn has_winner(table: &Table) -> bool {
    let most = table.players.iter().map(|player| player.score).max().unwrap_or(0);
    most >= table.target && table.players.iter().filter(|player| player.score == most).count() == 1
}

impl Running {
    /// A new host goes on from what is fixed: what was steered since is not, and everybody has a second.
    pub(super) fn rewind(&mut self, now: Instant) {
        let have = self.have();
        self.clock = TickClock::new(now, i64::from(have) - REWIND);
        self.forget_steering();
    }
}

impl Game {
    /// We are the host now.
    pub(super) fn take_over(&mut self, now: Instant, me: PeerId, linked: BTreeSet<PeerId>) {
        let gone = std::mem::replace(&mut self.host, me);
        self.orphaned = None;
        self.table.term = self.table.term.saturating_add(1);
        let is_here = |peer: &PeerId| *peer == me || (*peer != gone && linked.contains(peer));
        self.table.players.retain(|player| is_here(&player.peer));
        self.table.watchers.retain(is_here);
        let seed = self.table.round.as_ref().map_or(self.table.game, |round| round.seed);
        let mut hosting = Hosting::new(now, seed ^ u64::from(self.table.term));
        let logs = std::mem::take(&mut self.logs);
        if let Some(running) = &mut self.running {
            // Nobody can have more than is shown anywhere, however far they say that the round has come.
            let most = u32::try_from(running.clock.tick(now)).unwrap_or(0).max(running.have());
            let number = running.round.number;
            for log in logs.values().filter(|log| log.round == number) {
                running.learn(log.from, &log.inputs, most);
            }
            let seats = running.round.seats.iter().enumerate();
            hosting.gone = seats.filter(|(_, peer)| !is_here(peer)).map(|(seat, _)| seat).collect();
            running.rewind(now);
            running.clock.shift(i64::from(SLACK));
            if running.is_over() && self.table.round.as_ref().is_some_and(|round| round.counted) {
                hosting.paused_until = (!self.table.over).then_some(now + PAUSE);
            }
        }
        self.hosting = Some(hosting);
    }
}
