//! The way to a member, as far as files go: what is said next, what they asked for, what is coming.

use std::collections::{BTreeSet, VecDeque};

use tincan_protocol::{FilesMessage, PIECE, PeerId};

use super::{Files, OfferId};

/// Pieces that one link may have asked for and not got. Ours ask for [`super::WINDOW`] bytes or 256 small files.
pub(super) const MAX_WANTED: usize = 2048;
/// Pieces that are read and on their way to one link: one is being sent while the next is read.
pub(super) const SENDING: usize = 2;
/// Pieces that are read for their value at once.
pub(super) const HASHING: usize = 4;
/// Messages that wait for a link. Nobody who reads has so many; whoever makes us say more and reads nothing is not answered
/// any more until the link is made anew.
const MAX_WAITING: usize = 4096;
/// Lists that are being told at once.
const MAX_LISTING: usize = 16;

/// A piece that arrives.
#[derive(Debug)]
pub(super) struct Arriving {
    pub(super) offer: OfferId,
    pub(super) piece: u32,
    pub(super) data: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct Link {
    /// Who we are to them.
    pub(super) me: PeerId,
    /// They said what they want to go on with, so that we may say what there is.
    pub(super) introduced: bool,
    /// They flooded us.
    pub(super) broken: bool,
    out: VecDeque<FilesMessage>,
    /// Which lists they asked for, and from which entry on they lack them.
    pub(super) listing: VecDeque<(OfferId, u32)>,
    /// What they asked for, in that order.
    pub(super) wanted: VecDeque<(OfferId, u32)>,
    /// What is handed over to be sent.
    pub(super) sending: BTreeSet<(OfferId, u32)>,
    /// Of which pieces they want the values.
    pub(super) checks: VecDeque<(OfferId, u32)>,
    pub(super) hashing: BTreeSet<(OfferId, u32)>,
    pub(super) arriving: Option<Arriving>,
}

impl Link {
    pub(super) const fn new(me: PeerId) -> Self {
        Self {
            me,
            introduced: false,
            broken: false,
            out: VecDeque::new(),
            listing: VecDeque::new(),
            wanted: VecDeque::new(),
            sending: BTreeSet::new(),
            checks: VecDeque::new(),
            hashing: BTreeSet::new(),
            arriving: None,
        }
    }

    pub(super) fn say(&mut self, message: FilesMessage) {
        if self.out.len() >= MAX_WAITING {
            self.broken = true;
        } else {
            self.out.push_back(message);
        }
    }

    /// Whether nothing waits to be said.
    pub(super) fn is_quiet(&self) -> bool {
        self.out.is_empty()
    }

    pub(super) fn list(&mut self, offer: OfferId, first: u32) {
        self.listing.retain(|(listed, _)| *listed != offer);
        if self.listing.len() < MAX_LISTING {
            self.listing.push_back((offer, first));
        }
    }

    /// Forgets the pieces of an offer that they asked for; they may still lack its list.
    pub(super) fn forget_wishes(&mut self, offer: OfferId) {
        self.wanted.retain(|(wanted, _)| *wanted != offer);
        self.checks.retain(|(wanted, _)| *wanted != offer);
        self.sending.retain(|(wanted, _)| *wanted != offer);
        self.hashing.retain(|(wanted, _)| *wanted != offer);
    }

    /// A buffer for a piece, of the one before where that is done with.
    pub(super) fn begin(&mut self, offer: OfferId, piece: u32, length: u32) -> &mut Arriving {
        let data = Vec::with_capacity((length as usize).min(PIECE as usize));
        self.arriving.insert(Arriving { offer, piece, data })
    }
}

impl Files {
    /// Everybody to whom there is a link.
    pub fn linked(&self) -> impl Iterator<Item = PeerId> {
        self.links.keys().copied()
    }

    /// Says to a member what there is to say, until that is nothing or `take` has no room; it is asked again for what it did
    /// not take.
    pub fn tell(&mut self, peer: PeerId, mut take: impl FnMut(&FilesMessage) -> bool) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        while let Some(message) = link.out.front() {
            if !take(message) {
                return;
            }
            link.out.pop_front();
        }
        while let Some((offer, first)) = link.listing.front().copied() {
            let rest = self.ours.get(&offer).and_then(|ours| ours.list.entries.get(first as usize..));
            let Some(rest) = rest.filter(|rest| !rest.is_empty()) else {
                link.listing.pop_front();
                continue;
            };
            let message = FilesMessage::entries(offer.0, first, rest);
            let FilesMessage::Entries { entries, .. } = &message else { return };
            let next = first + entries.len() as u32;
            if !take(&message) {
                return;
            }
            link.listing[0].1 = next;
        }
    }
}
