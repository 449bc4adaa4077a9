//! The game that we are in, who hosts it, and who does when the host is gone.

use std::collections::BTreeSet;
use std::time::Instant;

use tincan_protocol::{PeerId, SketchState, Want, answer_letters};

use super::easel::Easel;
use super::host::Hosting;
use super::turn::Turn;
use super::words::choose;
use super::{CONTESTED, PATIENCE, SHORTEST, Sketch, SketchOutput};

/// The game that we are in.
#[derive(Debug)]
pub(super) struct Game {
    pub(super) state: SketchState,
    pub(super) host: PeerId,
    pub(super) want: Want,
    /// When we are the host.
    pub(super) hosting: Option<Hosting>,
    /// Since when the host is gone and nobody goes on, and when that is looked at next.
    pub(super) orphaned: Option<(Instant, Instant)>,
    /// When the present host took over from one who was gone.
    pub(super) taken_over: Option<Instant>,
    pub(super) turn: Option<Turn>,
    /// Letters of words that were drawn.
    pub(super) used: BTreeSet<String>,
}

impl Game {
    pub(super) fn at(state: SketchState, host: PeerId, want: Want) -> Self {
        Self {
            state,
            host,
            want,
            hosting: None,
            orphaned: None,
            taken_over: None,
            turn: None,
            used: BTreeSet::new(),
        }
    }

    /// When somebody else has to be looked for.
    pub(super) fn timeout(&self, told: Option<&SketchState>) -> Option<Instant> {
        let waits = self.turn.as_ref().map(|turn| turn.entered + SHORTEST);
        let is_early = told.is_some_and(|told| *told != self.state && told.term >= self.state.term);
        let next_look = self.orphaned.map(|(_, next_look)| next_look);
        [next_look, waits.filter(|_| is_early)].into_iter().flatten().min()
    }
}

impl Sketch {
    /// Keeps to what the host says; and when there is none, sees to the next.
    pub(super) fn follow(&mut self, now: Instant) {
        let Some(game) = &mut self.game else { return };
        let is_contested = game.taken_over.is_some_and(|taken| now < taken + CONTESTED);
        let rival = self.tables.iter().find(|(peer, state)| {
            let ours = (game.state.term, std::cmp::Reverse(game.host));
            state.game == game.state.game
                && game.state.has_player(**peer)
                && (state.term, std::cmp::Reverse(**peer)) > ours
        });
        // Two may take over in the same moment. Who does so while a host is there is not looked at.
        if let Some((rival, state)) = rival.filter(|_| is_contested)
            && *rival != game.host
        {
            game.hosting = None;
            let (rival, state) = (*rival, state.clone());
            self.go_over_to(now, rival, state);
            return;
        }
        if game.hosting.is_some() {
            return;
        }
        if let Some(told) = self.tables.get(&game.host).filter(|told| told.game == game.state.game) {
            game.orphaned = None;
            if *told != game.state && told.term >= game.state.term {
                let told = told.clone();
                self.adopt(now, told);
            }
            return;
        }
        self.look_for_host(now);
    }

    fn look_for_host(&mut self, now: Instant) {
        let me = self.me;
        let Some(game) = &mut self.game else { return };
        let since = game.orphaned.map_or(now, |(since, _)| since);
        let waited = now.saturating_duration_since(since);
        let links = &self.links;
        let is_left =
            |peer: PeerId| if peer == me { game.want == Want::Play } else { links.contains_key(&peer) };
        let players = game.state.players.iter().map(|player| player.peer);
        let mut left: Vec<PeerId> = players.filter(|peer| *peer != game.host && is_left(*peer)).collect();
        left.sort_unstable();
        // Who does not take over in time may have left in the same moment.
        let late = usize::try_from(waited.as_secs() / PATIENCE.as_secs()).unwrap_or(usize::MAX);
        if late >= left.len() {
            self.game = None;
            self.part();
            self.news.insert(SketchOutput::Games);
            self.news.insert(SketchOutput::NewSheet);
            return;
        }
        left.truncate(late + 1);
        let (id, term) = (game.state.game, game.state.term);
        let next = left.iter().find_map(|peer| {
            let state = self.tables.get(peer).filter(|state| state.game == id && state.term >= term)?;
            Some((*peer, state.clone()))
        });
        if let Some((next, state)) = next {
            self.go_over_to(now, next, state);
        } else if left.last() == Some(&me) {
            let here: BTreeSet<PeerId> = links.keys().copied().chain([me]).collect();
            game.take_over(now, me, &here);
            game.taken_over = Some(now);
            self.news.insert(SketchOutput::Games);
        } else {
            let next_look = since + PATIENCE * u32::try_from(late + 1).unwrap_or(u32::MAX);
            if game.orphaned.replace((since, next_look)).is_none() {
                self.news.insert(SketchOutput::Games);
            }
        }
    }

    fn go_over_to(&mut self, now: Instant, host: PeerId, state: SketchState) {
        if let Some(game) = &mut self.game {
            game.host = host;
            game.orphaned = None;
            game.taken_over = Some(now);
        }
        self.adopt(now, state);
    }

    /// The host's word.
    fn adopt(&mut self, now: Instant, told: SketchState) {
        let Some(game) = &mut self.game else { return };
        let id = game.turn.as_ref().map(|turn| turn.id);
        let is_new = told.turn.as_ref().map(|turn| turn.id) != id;
        if is_new && game.turn.as_ref().is_some_and(|turn| now < turn.entered + SHORTEST) {
            // Looked at again when time has passed.
            return;
        }
        game.state = told;
        self.news.insert(SketchOutput::Games);
        if is_new {
            self.enter_turn(now);
        }
    }

    /// The turn of the game's state begins for us.
    pub(super) fn enter_turn(&mut self, now: Instant) {
        let (me, chance) = (self.me, &mut self.chance);
        let Some(game) = &mut self.game else { return };
        game.remember();
        let state = &game.state;
        game.turn = state.turn.as_ref().map(|turn| {
            let easel = (turn.drawer == me && turn.gained.is_none())
                .then(|| Easel::new(choose(state.language, &game.used, chance), chance));
            Turn::new(state, turn, me, now, easel)
        });
        for link in self.links.values_mut() {
            link.enters();
        }
        self.news.insert(SketchOutput::Games);
        self.news.insert(SketchOutput::NewSheet);
    }
}

impl Game {
    /// A word that was drawn is not offered again.
    pub(super) fn remember(&mut self) {
        let drawing = self.turn.as_ref().and_then(|turn| turn.drawing.as_ref());
        let word = drawing.and_then(|drawing| drawing.opened.as_ref()).map(|opened| &opened.word);
        self.used.extend(word.map(|word| answer_letters(word)));
    }

    /// We are the host now.
    fn take_over(&mut self, now: Instant, me: PeerId, here: &BTreeSet<PeerId>) {
        let gone = std::mem::replace(&mut self.host, me);
        self.orphaned = None;
        self.state.term = self.state.term.saturating_add(1);
        let is_here = |peer: &PeerId| *peer != gone && here.contains(peer);
        self.state.players.retain(|player| is_here(&player.peer));
        self.state.watchers.retain(is_here);
        let is_counted = self.state.turn.as_ref().is_some_and(|turn| turn.gained.is_some());
        self.hosting = Some(Hosting::goes_on(now, is_counted && !self.state.over));
    }
}
