//! The bytes of pictures: known by their hash, asked for by whoever lacks them, and taken as they are. Only the head is
//! read here; pixels are the window's.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tincan_protocol::{MAX_PICTURE, MAX_PICTURE_SIDE, PeerId, Picture, PictureHash};

use super::link::Link;
use crate::picture_head::picture_size;

/// Who sends nothing of a picture for so long is not waited for any longer: a part of 8 KiB takes as long on 7 kbit/s.
const PATIENCE: Duration = Duration::from_secs(10);

/// Pictures that nothing shows and that are kept all the same, in bytes: whoever takes a deletion back need not send them
/// to everybody anew.
const UNUSED: usize = 8 << 20;

/// Pictures that are here, and those that are to come.
#[derive(derive_more::Debug, Default)]
pub(super) struct Pictures {
    #[debug("{}", whole.len())]
    whole: BTreeMap<PictureHash, Vec<u8>>,
    fetches: BTreeMap<PictureHash, Fetch>,
    /// Who is asked for which of them.
    asked: BTreeMap<PeerId, PictureHash>,
    now: Duration,
}

/// A picture that is to come.
#[derive(derive_more::Debug)]
struct Fetch {
    picture: Picture,
    /// Who drew it first.
    author: PeerId,
    /// Who is asked for it.
    from: Option<PeerId>,
    #[debug("{}", data.len())]
    data: Vec<u8>,
    /// How much was here when it was asked for last.
    asked: Option<usize>,
    /// Who did not have it, or not this.
    tried: BTreeSet<PeerId>,
    /// When there was progress.
    since: Duration,
}

impl Fetch {
    /// Begins anew, with somebody else.
    fn give_up(&mut self) {
        self.tried.extend(self.from.take());
        self.data = Vec::new();
        self.asked = None;
    }
}

impl Pictures {
    pub(super) fn whole(&self, hash: PictureHash) -> Option<&[u8]> {
        self.whole.get(&hash).map(Vec::as_slice)
    }

    /// An element shows this one.
    pub(super) fn wanted(&mut self, picture: Picture, author: PeerId) {
        if self.whole.contains_key(&picture.hash) {
            return;
        }
        self.fetches.entry(picture.hash).or_insert_with(|| Fetch {
            picture,
            author,
            from: None,
            data: Vec::new(),
            asked: None,
            tried: BTreeSet::new(),
            since: self.now,
        });
    }

    /// Keeps a picture of our own, and says what it is; `None`: it is not taken.
    pub(super) fn add(&mut self, bytes: Vec<u8>) -> Option<Picture> {
        if bytes.len() > MAX_PICTURE {
            return None;
        }
        let (width, height) = taken_size(&bytes)?;
        let picture = Picture { hash: hash_of(&bytes), bytes: bytes.len(), width, height };
        self.forget_fetch(picture.hash);
        self.whole.insert(picture.hash, bytes);
        Some(picture)
    }

    /// Asks for no others than these, and forgets the others when they are many.
    pub(super) fn keep(&mut self, used: &BTreeSet<PictureHash>) {
        let unused = self.whole.iter().filter(|(hash, _)| !used.contains(hash));
        if unused.map(|(_, bytes)| bytes.len()).sum::<usize>() > UNUSED {
            self.whole.retain(|hash, _| used.contains(hash));
        }
        self.fetches.retain(|hash, _| used.contains(hash));
        self.asked.retain(|_, hash| used.contains(hash));
    }

    fn forget_fetch(&mut self, hash: PictureHash) -> Option<Fetch> {
        let fetch = self.fetches.remove(&hash)?;
        if let Some(from) = fetch.from {
            self.asked.remove(&from);
        }
        Some(fetch)
    }

    fn give_up(&mut self, hash: PictureHash) {
        if let Some(fetch) = self.fetches.get_mut(&hash) {
            if let Some(from) = fetch.from {
                self.asked.remove(&from);
            }
            fetch.give_up();
        }
    }

    /// Decides who is asked for what: each one for one picture at a time, whoever drew it first.
    pub(super) fn look(&mut self, now: Duration, links: &BTreeMap<PeerId, Link>) {
        self.now = now;
        let is_late = |hash: &&PictureHash| {
            self.fetches.get(hash).is_some_and(|fetch| now.saturating_sub(fetch.since) >= PATIENCE)
        };
        let late: Vec<_> = self.asked.values().filter(is_late).copied().collect();
        late.into_iter().for_each(|hash| self.give_up(hash));
        let mut free: BTreeSet<_> =
            links.keys().filter(|peer| !self.asked.contains_key(peer)).copied().collect();
        for (hash, fetch) in self.fetches.iter_mut().filter(|(_, fetch)| fetch.from.is_none()) {
            if free.is_empty() {
                return;
            }
            let mut can = free.difference(&fetch.tried);
            let chosen = can.clone().find(|peer| **peer == fetch.author).or_else(|| can.next()).copied();
            if let Some(chosen) = chosen {
                free.remove(&chosen);
                self.asked.insert(chosen, *hash);
                fetch.from = Some(chosen);
                fetch.since = now;
            } else if now.saturating_sub(fetch.since) >= PATIENCE {
                // Somebody may have got it meanwhile.
                fetch.tried.clear();
                fetch.since = now;
            }
        }
    }

    /// What this member is to be asked for.
    pub(super) fn to_ask(&self, peer: PeerId) -> Option<(PictureHash, usize)> {
        let hash = *self.asked.get(&peer)?;
        let fetch = self.fetches.get(&hash)?;
        let has = fetch.data.len();
        (fetch.asked != Some(has)).then_some((hash, has))
    }

    pub(super) fn was_asked(&mut self, hash: PictureHash, from: usize) {
        if let Some(fetch) = self.fetches.get_mut(&hash) {
            fetch.asked = Some(from);
        }
    }

    /// Some of a picture came; whether it is whole with that.
    pub(super) fn part(&mut self, peer: PeerId, hash: PictureHash, at: usize, bytes: &[u8]) -> bool {
        let Some(fetch) = self.fetches.get_mut(&hash) else { return false };
        if fetch.from != Some(peer) || at != fetch.data.len() {
            return false;
        }
        fetch.since = self.now;
        if at + bytes.len() > fetch.picture.bytes {
            self.give_up(hash);
            return false;
        }
        fetch.data.extend_from_slice(bytes);
        if fetch.data.len() < fetch.picture.bytes {
            return false;
        }
        let size = (fetch.picture.width, fetch.picture.height);
        if hash_of(&fetch.data) != hash || taken_size(&fetch.data) != Some(size) {
            self.give_up(hash);
            return false;
        }
        if let Some(fetch) = self.forget_fetch(hash) {
            self.whole.insert(hash, fetch.data);
        }
        true
    }

    /// This member does not have it.
    pub(super) fn lacks(&mut self, peer: PeerId, hash: PictureHash) {
        if self.asked.get(&peer) == Some(&hash) {
            self.give_up(hash);
        }
    }

    pub(super) fn link_closed(&mut self, peer: PeerId) {
        if let Some(hash) = self.asked.get(&peer).copied() {
            self.give_up(hash);
        }
        // A link that is made anew is as good as any.
        for fetch in self.fetches.values_mut() {
            fetch.tried.remove(&peer);
        }
    }
}

fn hash_of(bytes: &[u8]) -> PictureHash {
    PictureHash(Sha256::digest(bytes).into())
}

/// The size of a picture that is taken.
fn taken_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let sides = 1..=MAX_PICTURE_SIDE;
    picture_size(bytes).filter(|(width, height)| sides.contains(width) && sides.contains(height))
}
