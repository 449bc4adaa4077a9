//! What one author did, by the numbers of their deeds.

use std::collections::BTreeMap;

use tincan_protocol::{DeedsDigest, Draw, ElementId, PeerId, Remove, Removed, Value};

use super::ranges::Ranges;

/// What an element costs beside its points, text and picture: the record and its places in maps.
const ELEMENT_COST: usize = 400;
/// What a change costs beside a text.
const CHANGE_COST: usize = 200;
/// Ranges of deleted elements that are kept of one author. Whoever deletes what there is has a few hundred.
pub(super) const MAX_REMOVED: usize = 16_384;

/// What is kept of one author.
#[derive(derive_more::Debug, Default)]
pub(super) struct Author {
    /// What still counts of what they did. It is told in this order.
    log: BTreeMap<u64, Deed>,
    #[debug(skip)]
    pub(super) name: String,
    /// Whether they are in the room.
    pub(super) present: bool,
    /// Everything up to this number they told us themselves.
    pub(super) direct: u64,
    /// Of all of `log`.
    pub(super) digest: DeedsDigest,
    /// The largest number of theirs that anybody spoke of.
    pub(super) latest: u64,
    /// Of what they drew and changed, in bytes, roughly.
    pub(super) cost: usize,
    /// Elements.
    pub(super) elements: usize,
    /// Ranges in all of [`Deed::Remove`].
    pub(super) removed: usize,
}

/// Something that somebody did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Deed {
    /// They drew the element of this number.
    Draw,
    /// They changed this about that element.
    Change(ElementId, Part),
    /// They deleted these.
    Remove(Removal, Option<PeerId>),
}

/// What is changed about an element, each for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Frame,
    Order,
    Style,
    Text,
}

impl Part {
    pub(super) const fn of(value: &Value) -> Self {
        match value {
            Value::Frame(_) => Self::Frame,
            Value::Order(_) => Self::Order,
            Value::Style(_) => Self::Style,
            Value::Text(_) => Self::Text,
        }
    }
}

/// Deleted elements, by author.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Removal(pub(super) BTreeMap<PeerId, Ranges>);

impl Removal {
    pub(super) fn insert(&mut self, author: PeerId, from: u64, to: u64) {
        self.0.entry(author).or_default().insert(from, to);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (PeerId, u64, u64)> {
        self.0.iter().flat_map(|(author, ranges)| ranges.iter().map(|(from, to)| (*author, from, to)))
    }

    pub(super) fn ranges(&self) -> usize {
        self.0.values().map(Ranges::len).sum()
    }

    pub(super) fn authors(&self) -> usize {
        self.0.len()
    }

    pub(super) fn contains(&self, other: &Self) -> bool {
        let holds =
            |(author, from, to)| self.0.get(&author).is_some_and(|ranges| ranges.contains_all(from, to));
        other.iter().all(holds)
    }

    fn listed(&self) -> Vec<Removed> {
        let of = |(author, ranges): (&PeerId, &Ranges)| Removed {
            author: *author,
            numbers: ranges.iter().collect(),
        };
        self.0.iter().map(of).collect()
    }

    pub(super) fn message(&self, author: Option<tincan_protocol::Author>, number: u64) -> Remove {
        Remove { author, number, elements: self.listed() }
    }
}

/// What an element costs its author.
pub(super) fn element_cost(draw: &Draw) -> usize {
    let points = draw.points.0.len() * size_of::<tincan_protocol::Point>();
    ELEMENT_COST + points + draw.text.len() + draw.picture.map_or(0, |picture| picture.bytes)
}

/// What a change costs whoever made it.
pub(super) fn change_cost(value: &Value) -> usize {
    CHANGE_COST + if let Value::Text(text) = value { text.len() } else { 0 }
}

impl Author {
    /// Of somebody who is in the room.
    pub(super) fn here() -> Self {
        Self { present: true, ..Self::default() }
    }

    /// Takes a deed in.
    pub(super) fn insert(&mut self, number: u64, deed: Deed) {
        if self.log.insert(number, deed).is_none() {
            self.digest.toggle(number);
        }
    }

    /// A deed counts no more.
    pub(super) fn remove(&mut self, number: u64) -> Option<Deed> {
        let deed = self.log.remove(&number)?;
        self.digest.toggle(number);
        Some(deed)
    }

    pub(super) fn deed(&self, number: u64) -> Option<&Deed> {
        self.log.get(&number)
    }

    /// Of everything that counts.
    pub(super) fn numbers(&self) -> Vec<u64> {
        self.log.keys().copied().collect()
    }

    /// What follows this number.
    pub(super) fn after(&self, number: u64) -> Option<(u64, &Deed)> {
        self.log.range(number.saturating_add(1)..).next().map(|(number, deed)| (*number, deed))
    }

    /// The last deletion that still counts.
    pub(super) fn last_removal(&self) -> Option<(u64, &Removal)> {
        self.log.iter().rev().find_map(|(number, deed)| match deed {
            Deed::Remove(removal, _) => Some((*number, removal)),
            Deed::Draw | Deed::Change(..) => None,
        })
    }

    pub(super) fn did_nothing(&self) -> bool {
        self.log.is_empty() && self.direct == 0
    }
}
