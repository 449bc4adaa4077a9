//! What is kept of one author.

use std::collections::{BTreeMap, BTreeSet};

use tincan_protocol::{PeerId, PostId, Reaction};

/// Posts that are kept of one author: what a person writes in a long call. Above it the oldest go.
pub const MAX_POSTS: usize = 500;
/// Text that is kept of one author, in bytes: eighty of the longest messages, or all of [`MAX_POSTS`] with 2 KiB each.
pub const MAX_TEXT: usize = 1 << 20;
/// Posts to which one author's reactions are kept.
const MAX_REACTED: usize = 500;

/// What is kept of one author.
#[derive(derive_more::Debug, Default)]
pub(super) struct Author {
    /// By their number.
    pub(super) posts: BTreeMap<u64, Kept>,
    pub(super) reacted: BTreeMap<PostId, Reacted>,
    /// All of both by when it was changed last, in which order it is told.
    order: BTreeSet<(u64, Piece)>,
    #[debug(skip)]
    pub(super) name: String,
    /// Whether they are in the room.
    pub(super) present: bool,
    /// How many posts had been taken in when they came; 0 for whoever is told all of them.
    pub(super) came: u64,
    /// Everything up to this clock they told us themselves.
    pub(super) direct: u64,
    /// Everything up to this clock somebody told us.
    pub(super) complete: u64,
    /// Of all texts.
    bytes: usize,
}

/// Something that is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Piece {
    /// By its number.
    Post(u64),
    /// What they think of this post.
    React(PostId),
}

/// A post as it is now.
#[derive(derive_more::Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    /// Of the last change.
    pub(super) clock: u64,
    pub(super) at: u64,
    pub(super) to: Option<PeerId>,
    pub(super) reply: Option<PostId>,
    /// `None`: deleted.
    #[debug(skip)]
    pub(super) text: Option<String>,
    /// Who handed it on.
    pub(super) via: Option<PeerId>,
    /// How many posts had been taken in when it first was.
    pub(super) arrival: u64,
}

/// What somebody thinks of a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reacted {
    pub(super) clock: u64,
    pub(super) reactions: BTreeSet<Reaction>,
    pub(super) via: Option<PeerId>,
}

/// The author's own word replaces what others handed on, and is replaced by nothing but a later one of theirs.
fn replaces(new: (u64, Option<PeerId>), old: (u64, Option<PeerId>)) -> bool {
    match (new.1, old.1) {
        (None, Some(_)) => true,
        (Some(_), None) => false,
        (None, None) | (Some(_), Some(_)) => new.0 > old.0,
    }
}

impl Kept {
    pub(super) fn is_replaced_by(&self, new: &Self) -> bool {
        replaces((new.clock, new.via), (self.clock, self.via))
    }

    /// Where it stands, and to whom and what it was said, does not change; and what was deleted does not come back.
    pub(super) fn changed_to(&self, new: Self) -> Self {
        let deleted = self.text.is_none() && self.via.is_some() == new.via.is_some();
        let text = new.text.filter(|_| !deleted);
        if self.via.is_some() && new.via.is_none() {
            return Self { text, arrival: self.arrival, ..new };
        }
        Self { clock: new.clock, text, via: new.via, ..self.clone() }
    }

    fn bytes(&self) -> usize {
        self.text.as_ref().map_or(0, String::len)
    }
}

impl Reacted {
    pub(super) fn is_replaced_by(&self, new: &Self) -> bool {
        replaces((new.clock, new.via), (self.clock, self.via))
    }
}

impl Author {
    /// Of somebody who is in the room.
    pub(super) fn here() -> Self {
        Self { present: true, ..Self::default() }
    }

    /// Keeps a post in place of what was there; gives the numbers of those that went for it.
    pub(super) fn put(&mut self, number: u64, kept: Kept) -> Vec<u64> {
        self.bytes += kept.bytes();
        self.order.insert((kept.clock, Piece::Post(number)));
        let clock = kept.clock;
        if let Some(old) = self.posts.insert(number, kept) {
            self.bytes -= old.bytes();
            if old.clock != clock {
                self.order.remove(&(old.clock, Piece::Post(number)));
            }
        }
        let mut dropped = Vec::new();
        while self.posts.len() > MAX_POSTS || self.bytes > MAX_TEXT {
            let Some((number, old)) = self.posts.pop_first() else { break };
            self.bytes -= old.bytes();
            self.order.remove(&(old.clock, Piece::Post(number)));
            dropped.push(number);
        }
        dropped
    }

    pub(super) fn react(&mut self, of: PostId, reacted: Reacted) {
        let place = (reacted.clock, Piece::React(of));
        if let Some(old) = self.reacted.insert(of, reacted) {
            self.order.remove(&(old.clock, Piece::React(of)));
        }
        self.order.insert(place);
        if self.reacted.len() > MAX_REACTED {
            let oldest = self.order.iter().find_map(|(clock, piece)| match piece {
                Piece::React(of) => Some((*clock, *of)),
                Piece::Post(_) => None,
            });
            if let Some((clock, of)) = oldest {
                self.reacted.remove(&of);
                self.order.remove(&(clock, Piece::React(of)));
            }
        }
    }

    /// What was changed after this clock, in that order.
    pub(super) fn after(&self, clock: u64) -> impl Iterator<Item = (u64, Piece)> {
        // No piece is before the post of number 0.
        self.order.range((clock + 1, Piece::Post(0))..).copied()
    }

    pub(super) fn said_nothing(&self) -> bool {
        self.posts.is_empty() && self.reacted.is_empty() && self.complete == 0
    }

    /// When something of them was taken in last.
    pub(super) fn latest(&self) -> u64 {
        self.posts.values().map(|kept| kept.arrival).max().unwrap_or(0)
    }
}
