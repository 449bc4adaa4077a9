//! What must arrive: who hosts which game, who wants what of it, and ticks of a round that somebody lacks.

use tincan_protocol::{Log, PeerId, RoundsMessage, Table, Want};

use super::{Game, Play};

/// A member who lacks more ticks than this is told them reliably: two seconds.
const FAR_BEHIND: u32 = 120;
/// What the next host is told of a round at most, from its end: four seconds, more than two can be apart.
const TAIL: u32 = 240;

/// The way to a member.
#[derive(Debug, Default)]
pub(super) struct Link {
    /// The table that we told.
    told: Option<Table>,
    /// What we said that we want of which game.
    wanted: Option<(u64, Want)>,
    /// Of which game, and of which term of it, we told what we have.
    handed: Option<(u64, u32)>,
    /// The last of a round whose host we were.
    parting: Option<Log>,
}

impl Link {
    /// We host this game no more.
    pub(super) fn closes(&mut self, game: &Game) {
        self.parting = game
            .running
            .as_ref()
            .filter(|_| self.told.is_some())
            .map(|running| running.log_from(game.table.game, running.have().saturating_sub(TAIL)));
    }
}

impl Play {
    /// Says to a member what must arrive, until that is nothing or `take` has no room; it is asked again for what it did not
    /// take.
    pub fn tell(&mut self, peer: PeerId, mut take: impl FnMut(&RoundsMessage) -> bool) {
        while let Some(message) = self.next(peer) {
            if !take(&message) {
                return;
            }
            self.taken(peer, &message);
        }
    }

    /// Everybody to whom there is a link.
    pub fn linked(&self) -> impl Iterator<Item = PeerId> {
        self.links.keys().copied()
    }

    fn next(&self, peer: PeerId) -> Option<RoundsMessage> {
        let link = self.links.get(&peer)?;
        if let Some(parting) = &link.parting {
            return Some(RoundsMessage::Log(parting.clone()));
        }
        let hosted = self.game.as_ref().filter(|game| game.hosting.is_some());
        match (&link.told, hosted) {
            (Some(told), None) => return Some(RoundsMessage::Closed { game: told.game }),
            (told, Some(game)) if told.as_ref() != Some(&game.table) => {
                return Some(RoundsMessage::Table(game.table.clone()));
            }
            _ => {}
        }
        self.wish(peer, link).or_else(|| self.lacking(peer)).or_else(|| self.handover(peer, link))
    }

    /// What we want of the member's game, or do not want any more.
    fn wish(&self, peer: PeerId, link: &Link) -> Option<RoundsMessage> {
        let game = self.game.as_ref().filter(|game| game.host == peer);
        let wish = game.map(|game| (game.table.game, game.want));
        if wish != link.wanted {
            return match (wish, link.wanted) {
                (Some((game, want)), _) => Some(RoundsMessage::Seat { game, want }),
                (None, Some((game, _))) => Some(RoundsMessage::Seat { game, want: Want::Nothing }),
                (None, None) => None,
            };
        }
        let (game, round) = game.and_then(|game| Some((game, game.wants_log?)))?;
        let running = game.running.as_ref().filter(|running| running.round.number == round)?;
        Some(RoundsMessage::Behind { game: game.table.game, round, have: running.have() })
    }

    /// Ticks of our round that the member lacks.
    fn lacking(&self, peer: PeerId) -> Option<RoundsMessage> {
        let game = self.game.as_ref()?;
        let (hosting, running) = (game.hosting.as_ref()?, game.running.as_ref()?);
        let from = *hosting.told.get(&peer)?;
        let is_far = running.have() > from + FAR_BEHIND && game.at_table().any(|one| one == peer);
        is_far.then(|| RoundsMessage::Log(running.log_from(game.table.game, from)))
    }

    /// What we have of the round, for the next host.
    fn handover(&self, peer: PeerId, link: &Link) -> Option<RoundsMessage> {
        let game = self.game.as_ref().filter(|game| game.orphaned.is_some())?;
        let running = game.running.as_ref()?;
        let is_player = game.table.players.iter().any(|player| player.peer == peer);
        let mark = (game.table.game, game.table.term);
        (is_player && link.handed != Some(mark)).then(|| {
            RoundsMessage::Log(running.log_from(game.table.game, running.have().saturating_sub(TAIL)))
        })
    }

    fn taken(&mut self, peer: PeerId, message: &RoundsMessage) {
        let Self { links, game, .. } = self;
        let Some(link) = links.get_mut(&peer) else { return };
        match message {
            RoundsMessage::Table(table) => link.told = Some(table.clone()),
            RoundsMessage::Closed { .. } => link.told = None,
            RoundsMessage::Seat { game, want } => {
                link.wanted = (*want != Want::Nothing).then_some((*game, *want));
            }
            RoundsMessage::Behind { .. } => {
                if let Some(game) = game {
                    game.wants_log = None;
                }
            }
            RoundsMessage::Log(log) => {
                if link.parting.take().is_some() {
                    return;
                }
                let Some(game) = game else { return };
                match &mut game.hosting {
                    Some(hosting) => {
                        let ticks: u32 = log.inputs.iter().map(|run| run.0).sum();
                        hosting.told.insert(peer, log.from + ticks);
                    }
                    None => link.handed = Some((game.table.game, game.table.term)),
                }
            }
        }
    }
}
