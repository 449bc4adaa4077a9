//! The game that we are in, and who hosts it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use tincan_protocol::{Log, PeerId, Round, Table, Want};

use super::host::Hosting;
use super::round::Running;
use super::{AGAIN, HANDOVER, PATIENCE, Play, PlayOutput, SHORTEST};

/// The game that we are in.
#[derive(Debug)]
pub(super) struct Game {
    pub(super) table: Table,
    pub(super) host: PeerId,
    pub(super) want: Want,
    pub(super) running: Option<Running>,
    /// When we are the host.
    pub(super) hosting: Option<Hosting>,
    /// Since when the host is gone and nobody goes on, and when that is looked at next.
    pub(super) orphaned: Option<(Instant, Instant)>,
    /// What others have of the round, for the next host.
    pub(super) logs: BTreeMap<PeerId, Log>,
    /// The round of which we want everything from its beginning, until that was asked for.
    pub(super) wants_log: Option<u32>,
    pub(super) asked_again: Option<Instant>,
}

/// What became of a host's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Took {
    /// It is too early for it.
    Nothing,
    /// The same round goes on.
    Table,
    /// Another round is played now.
    Round,
}

impl Game {
    pub(super) fn at(table: Table, host: PeerId, want: Want) -> Self {
        Self {
            table,
            host,
            want,
            running: None,
            hosting: None,
            orphaned: None,
            logs: BTreeMap::new(),
            wants_log: None,
            asked_again: None,
        }
    }

    pub(super) fn may_ask(&self, now: Instant) -> bool {
        self.asked_again.is_none_or(|asked| now >= asked + AGAIN)
    }

    /// Everybody who plays or watches.
    pub(super) fn at_table(&self) -> impl Iterator<Item = PeerId> {
        let seats = self.running.iter().flat_map(|running| running.round.seats.iter().copied());
        let players = self.table.players.iter().map(|player| player.peer);
        players.chain(self.table.watchers.iter().copied()).chain(seats).collect::<BTreeSet<_>>().into_iter()
    }

    /// The host's word.
    pub(super) fn take(&mut self, now: Instant, me: PeerId, told: Table) -> Took {
        let is_known =
            |round: &Round| self.running.as_ref().is_some_and(|running| running.round.number == round.number);
        let is_new = told.round.as_ref().is_some_and(|round| !is_known(round));
        if is_new && self.running.as_ref().is_some_and(|running| now < running.began + SHORTEST) {
            // Looked at again when time has passed.
            return Took::Nothing;
        }
        self.table = told;
        self.logs.clear();
        match &self.table.round {
            Some(round) if is_new => {
                self.running = Some(Running::new(round.clone(), me, now));
                self.wants_log = None;
                Took::Round
            }
            _ => Took::Table,
        }
    }
}

impl Play {
    /// Keeps to what the host says; and when there is none, sees to the next.
    pub(super) fn follow(&mut self, now: Instant) {
        let me = self.me;
        let Some(game) = &mut self.game else { return };
        if game.hosting.is_some() {
            return;
        }
        let told = self.tables.get(&game.host).filter(|table| table.game == game.table.game);
        if let Some(told) = told {
            game.orphaned = None;
            if *told != game.table && told.term >= game.table.term {
                let took = game.take(now, me, told.clone());
                self.took(took);
            }
            return;
        }
        let (orphaned, _) = game.orphaned.unwrap_or((now, now));
        game.orphaned = Some((orphaned, now + HANDOVER));
        let links = &self.links;
        let is_left =
            |peer: PeerId| if peer == me { game.want == Want::Play } else { links.contains_key(&peer) };
        let players = game.table.players.iter().map(|player| player.peer);
        let left: BTreeSet<PeerId> = players.filter(|peer| *peer != game.host && is_left(*peer)).collect();
        // Who does not take over in time may have left the game in the same moment.
        let patience = now.saturating_duration_since(orphaned).as_secs() / PATIENCE.as_secs();
        let Some(next) = left.into_iter().nth(usize::try_from(patience).unwrap_or(usize::MAX)) else {
            self.game = None;
            self.tell_news(PlayOutput::Games);
            return;
        };
        if next == me {
            let others = game.table.players.iter().map(|player| player.peer);
            let mut awaited =
                others.filter(|peer| ![me, game.host].contains(peer) && links.contains_key(peer));
            if now >= orphaned + HANDOVER || awaited.all(|peer| game.logs.contains_key(&peer)) {
                game.take_over(now, me, links.keys().copied().collect());
                self.round_is_new();
            }
        } else if let Some(theirs) = self.tables.get(&next).cloned()
            && theirs.game == game.table.game
            && theirs.term > game.table.term
        {
            game.host = next;
            game.orphaned = None;
            if let Some(running) = &mut game.running {
                running.rewind(now);
            }
            game.take(now, me, theirs);
            self.round_is_new();
        }
    }
}
