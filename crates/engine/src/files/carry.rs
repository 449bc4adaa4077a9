//! Pieces from the disk to a link, and a place for what comes.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use tincan_protocol::{PeerId, PieceValue};
use tincan_share::{FileProblem, List, OfferId};

use super::partial::{self, Partial};
use super::pump::Outgoing;
use super::task::{FilesTask, Worked};

/// Pieces that were read last, for whoever gets them next: several receivers are served from one reading.
const CACHED: usize = 16;

/// Why a piece is read.
pub(super) enum Wish {
    Send { peer: PeerId, link: u64, halted: Arc<AtomicBool> },
    Hash(PeerId),
}

impl FilesTask {
    pub(super) fn read(
        &mut self,
        offer: OfferId,
        piece: u32,
        result: Result<(Bytes, PieceValue), FileProblem>,
    ) {
        let wishes = self.reading.remove(&(offer, piece)).unwrap_or_default();
        let (data, value) = match result {
            Ok(read) => read,
            Err(problem) => return self.files.unreadable(offer, problem),
        };
        self.files.remember(offer, piece, value);
        let mut sent = false;
        for wish in wishes {
            match wish {
                Wish::Hash(peer) => self.files.hashed(peer, offer, piece, value),
                Wish::Send { peer, link, halted } => {
                    sent = true;
                    self.hand_over(peer, link, Outgoing { offer, piece, data: data.clone(), value, halted });
                }
            }
        }
        if sent {
            if self.cache.len() >= CACHED {
                self.cache.pop_front();
            }
            self.cache.push_back(((offer, piece), (data, value)));
        }
    }

    pub(super) fn hand_over(&self, peer: PeerId, link: u64, piece: Outgoing) {
        if let Some(link) = self.links.get(&peer).filter(|one| one.number == link) {
            link.pump.send(piece);
        }
    }

    pub(super) fn send(&mut self, peer: PeerId, offer: OfferId, piece: u32) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        let (halted, number) = (Arc::new(AtomicBool::new(false)), link.number);
        // Those that are done with are held by nobody else.
        link.halts.retain(|(_, flag)| Arc::strong_count(flag) > 1);
        link.halts.push((offer, Arc::clone(&halted)));
        let cached = self.cache.iter().find(|(key, _)| *key == (offer, piece)).map(|(_, read)| read.clone());
        match cached {
            Some((data, value)) => {
                self.hand_over(peer, number, Outgoing { offer, piece, data, value, halted });
            }
            None => self.want(offer, piece, Wish::Send { peer, link: number, halted }),
        }
    }

    /// Reads a piece, once for all who want it.
    pub(super) fn want(&mut self, offer: OfferId, piece: u32, wish: Wish) {
        let wishes = self.reading.entry((offer, piece)).or_default();
        wishes.push(wish);
        if wishes.len() > 1 {
            return;
        }
        match self.sources.get(&offer).cloned() {
            Some(sources) => {
                self.work.spawn_blocking(move || Worked::Read(offer, piece, sources.read(piece)));
            }
            None => self.read(offer, piece, Err(FileProblem::Vanished)),
        }
    }

    pub(super) fn prepare(&mut self, offer: OfferId) {
        let (Some(place), Some(list), Some(token)) =
            (self.places.get(&offer).cloned(), self.files.list(offer).cloned(), self.files.token(offer))
        else {
            return self.files.prepared(offer, Err(FileProblem::Disk));
        };
        let peer = self.files.offer(offer).and_then(|seen| Some(seen.transfers.first()?.peer));
        let Some(peer) = peer else { return };
        let from = self.about.get(&offer).map_or_else(String::new, |about| about.author_name.clone());
        self.take_over(offer, &list);
        let spoken_for = self.lacking(offer);
        self.partials.remove(&offer);
        let taken: Vec<_> = self.partials.values().map(|partial| partial.notes_path().to_owned()).collect();
        self.work.spawn_blocking(move || {
            let about = partial::Whose { token, peer, from };
            Worked::Prepared(offer, Partial::prepare(&place, &list, about, spoken_for, &taken))
        });
    }

    /// Whoever crashed offers the same files anew, as somebody else: what came of the former offer is used for this one.
    pub(super) fn take_over(&mut self, offer: OfferId, list: &List) {
        let same = |other: &&OfferId| {
            let theirs = self.files.list(**other).filter(|theirs| theirs.has_the_files_of(list));
            **other != offer && theirs.is_some()
        };
        let others: Vec<_> = self.partials.keys().filter(same).copied().collect();
        for other in others {
            if self.files.supersede(other) {
                self.partials.remove(&other);
                self.places.remove(&other);
                self.about.remove(&other);
                self.dirty.insert(other);
            }
        }
    }

    /// What everything else that is on its way will still need.
    pub(super) fn lacking(&self, but: OfferId) -> u64 {
        let others = self.partials.keys().filter(|offer| **offer != but);
        let lacking = others.filter_map(|offer| {
            let seen = self.files.offer(*offer)?;
            Some(seen.bytes.saturating_sub(seen.transfers.first()?.verified))
        });
        lacking.sum()
    }

    pub(super) fn discard(&mut self, offer: OfferId) {
        if let Some(partial) = self.partials.remove(&offer) {
            self.work.spawn_blocking(move || {
                partial.discard();
                Worked::Nothing
            });
            self.remember_folders();
        }
    }
}
