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

/// Pictures that are here, and those that are to come.
#[derive(derive_more::Debug, Default)]
pub(super) struct Pictures {
    #[debug("{}", whole.len())]
    whole: BTreeMap<PictureHash, Vec<u8>>,
    fetches: BTreeMap<PictureHash, Fetch>,
    now: Duration,
}

/// A picture that is to come.
#[derive(derive_more::Debug)]
struct Fetch {
    picture: Picture,
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
    pub(super) fn wanted(&mut self, picture: Picture) {
        if self.whole.contains_key(&picture.hash) {
            return;
        }
        self.fetches.entry(picture.hash).or_insert_with(|| Fetch {
            picture,
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
        self.fetches.remove(&picture.hash);
        self.whole.insert(picture.hash, bytes);
        Some(picture)
    }

    /// Forgets all but these.
    pub(super) fn keep(&mut self, used: &BTreeSet<PictureHash>) {
        self.whole.retain(|hash, _| used.contains(hash));
        self.fetches.retain(|hash, _| used.contains(hash));
    }

    /// Decides who is asked for what: each one for one picture at a time, whoever drew it first.
    pub(super) fn look(
        &mut self,
        now: Duration,
        links: &BTreeMap<PeerId, Link>,
        drawn_by: impl Fn(PictureHash) -> Option<PeerId>,
    ) {
        self.now = now;
        let mut busy = BTreeSet::new();
        for fetch in self.fetches.values_mut() {
            if fetch.from.is_some() && now.saturating_sub(fetch.since) >= PATIENCE {
                fetch.give_up();
                fetch.since = now;
            }
            busy.extend(fetch.from);
        }
        for (hash, fetch) in self.fetches.iter_mut().filter(|(_, fetch)| fetch.from.is_none()) {
            let is_free =
                |peer: &PeerId| links.contains_key(peer) && !fetch.tried.contains(peer) && !busy.contains(peer);
            let author = drawn_by(*hash).filter(is_free);
            let chosen = author.or_else(|| links.keys().copied().find(|peer| is_free(peer)));
            if let Some(chosen) = chosen {
                busy.insert(chosen);
                fetch.from = Some(chosen);
                fetch.since = now;
            } else if links.keys().all(|peer| fetch.tried.contains(peer))
                && now.saturating_sub(fetch.since) >= PATIENCE
            {
                // Somebody may have got it meanwhile.
                fetch.tried.clear();
                fetch.since = now;
            }
        }
    }

    /// What this member is to be asked for.
    pub(super) fn to_ask(&self, peer: PeerId) -> Option<(PictureHash, usize)> {
        let asks = |fetch: &Fetch| fetch.from == Some(peer) && fetch.asked != Some(fetch.data.len());
        let found = self.fetches.iter().find(|(_, fetch)| asks(fetch));
        found.map(|(hash, fetch)| (*hash, fetch.data.len()))
    }

    pub(super) fn asked(&mut self, hash: PictureHash, from: usize) {
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
            fetch.give_up();
            return false;
        }
        fetch.data.extend_from_slice(bytes);
        if fetch.data.len() < fetch.picture.bytes {
            return false;
        }
        let size = (fetch.picture.width, fetch.picture.height);
        if hash_of(&fetch.data) != hash || taken_size(&fetch.data) != Some(size) {
            fetch.give_up();
            return false;
        }
        if let Some(fetch) = self.fetches.remove(&hash) {
            self.whole.insert(hash, fetch.data);
        }
        true
    }

    /// This member does not have it.
    pub(super) fn lacks(&mut self, peer: PeerId, hash: PictureHash) {
        if let Some(fetch) = self.fetches.get_mut(&hash).filter(|fetch| fetch.from == Some(peer)) {
            fetch.give_up();
        }
    }

    pub(super) fn link_closed(&mut self, peer: PeerId) {
        for fetch in self.fetches.values_mut() {
            if fetch.from == Some(peer) {
                fetch.give_up();
            }
            // A link that is made anew is as good as any.
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
