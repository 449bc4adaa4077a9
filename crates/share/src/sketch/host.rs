//! What the host of a game does besides: who sits at the table, whose turn it is, and what it was worth.

use std::time::Instant;

use tincan_protocol::{
    MAX_AT_TABLE, MAX_SKETCH_PLAYERS, PeerId, SketchPlayer, SketchState, SketchTurn, Want,
};

use super::game::Game;
use super::score::gained;
use super::{PAUSE, Sketch, SketchOutput};

/// What only the host of a game has.
#[derive(Debug, Default)]
pub(super) struct Hosting {
    /// When the next turn begins.
    pub(super) next: Option<Instant>,
}

impl Hosting {
    /// A host after another.
    pub(super) fn goes_on(now: Instant, is_between: bool) -> Self {
        Self { next: is_between.then_some(now + PAUSE) }
    }
}

/// Somebody wants something of a game. Says whether that changed anything.
pub(super) fn seat(state: &mut SketchState, peer: PeerId, want: Want) -> bool {
    let before = (state.players.clone(), state.watchers.clone());
    let has_room = state.players.len() + state.watchers.len() < MAX_AT_TABLE;
    let is_player = state.has_player(peer);
    let is_watcher = state.watchers.contains(&peer);
    let is_full = !is_player && state.players.len() >= MAX_SKETCH_PLAYERS;
    // Who finds all seats taken may watch until one is free.
    let want = if want == Want::Play && is_full { Want::Watch } else { want };
    if want != Want::Play {
        state.players.retain(|player| player.peer != peer);
    }
    if want != Want::Watch {
        state.watchers.retain(|watcher| *watcher != peer);
    }
    match want {
        Want::Play if !is_player && (has_room || is_watcher) => {
            state.players.push(SketchPlayer { peer, score: 0, drew: 0 });
        }
        Want::Watch if !is_watcher && (has_room || is_player) => state.watchers.push(peer),
        Want::Play | Want::Watch | Want::Nothing => {}
    }
    before != (state.players.clone(), state.watchers.clone())
}

impl Game {
    /// When the host has something to do.
    pub(super) fn host_timeout(&self) -> Option<Instant> {
        let hosting = self.hosting.as_ref()?;
        let is_played = self.state.turn.as_ref().is_some_and(|turn| turn.gained.is_none());
        let turn = self.turn.as_ref().filter(|_| is_played);
        hosting.next.or_else(|| turn.map(super::turn::Turn::patience))
    }

    /// Counts the turn when it is over.
    fn count(&mut self, now: Instant) -> bool {
        let (Some(told), Some(turn), Some(hosting)) = (&mut self.state.turn, &self.turn, &mut self.hosting)
        else {
            return false;
        };
        let is_there = self.state.players.iter().any(|player| player.peer == told.drawer);
        if told.gained.is_some() || !(turn.is_opened() || !is_there || now >= turn.patience()) {
            return false;
        }
        // Who breaks a promise has made the turn worthless.
        let drawing = turn.drawing.as_ref().filter(|_| turn.kept);
        let points =
            drawing.map_or(Vec::new(), |drawing| gained(told, self.state.seconds, drawing, turn.is_opened()));
        for one in &points {
            if let Some(player) = self.state.players.iter_mut().find(|player| player.peer == one.peer) {
                player.score = player.score.saturating_add(one.points);
            }
        }
        told.gained = Some(points);
        hosting.next = Some(now + PAUSE);
        self.remember();
        true
    }

    /// Whose turn is next; `None`: everybody had theirs.
    fn next_drawer(&self, here: impl Fn(PeerId) -> bool) -> Option<(usize, u32)> {
        let now = self.state.turn.as_ref().map_or(1, |turn| turn.round);
        (now..=self.state.rounds).find_map(|round| {
            let mut players = self.state.players.iter();
            let at = players.position(|player| player.drew < round && here(player.peer))?;
            Some((at, round))
        })
    }
}

impl Sketch {
    /// What it is time for in a game that we host.
    pub(super) fn host(&mut self, now: Instant) {
        let Some(game) = &mut self.game else { return };
        if game.hosting.is_none() {
            return;
        }
        if game.count(now) {
            self.news.insert(SketchOutput::Games);
        }
        let next = game.hosting.as_ref().and_then(|hosting| hosting.next);
        if next.is_some_and(|next| next <= now) {
            self.next_turn(now);
        }
    }

    /// Begins the next turn, or ends the game.
    pub(super) fn next_turn(&mut self, now: Instant) {
        let (me, links) = (self.me, &self.links);
        let Some(game) = &mut self.game else { return };
        if let Some(hosting) = &mut game.hosting {
            hosting.next = None;
        }
        self.news.insert(SketchOutput::Games);
        let next = game.next_drawer(|peer| peer == me || links.contains_key(&peer));
        let Some((at, round)) = next.filter(|_| game.state.players.len() > 1) else {
            game.state.over = true;
            return;
        };
        let players = &mut game.state.players;
        players[at].drew = round;
        let drawer = players[at].peer;
        let guessers = players.iter().map(|player| player.peer).filter(|peer| *peer != drawer).collect();
        game.state.turn = Some(SketchTurn { id: self.chance.id(), round, drawer, guessers, gained: None });
        self.enter_turn(now);
    }

    /// Somebody wants something of the game that we host.
    pub(super) fn seated(&mut self, peer: PeerId, want: Want) {
        let Some(game) = self.game.as_mut().filter(|game| game.hosting.is_some()) else { return };
        if seat(&mut game.state, peer, want) {
            self.news.insert(SketchOutput::Games);
        }
    }
}
