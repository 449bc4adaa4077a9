//! What somebody did becomes part of the board, whoever tells it and in whatever order it comes.

use tincan_protocol::{
    Author as Named, Change, Draw, ElementId, ElementKind, MAX_BOARD_NUMBER, PeerId, Points, Removed, Value,
    message_text,
};

use super::author::{Deed, MAX_REMOVED, Part, Removal, change_cost, element_cost};
use super::{
    Board, MAX_AHEAD, MAX_AUTHOR_COST, MAX_BOARD_COST, MAX_DELETED, MAX_ELEMENTS, framed, placed, slot,
};

/// What is known of an element.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// `None`: we heard of changes of it only, so far.
    pub(super) body: Option<Body>,
    changes: [Option<Changed>; 4],
}

/// An element as it was drawn.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) draw: Draw,
    /// Who handed it on.
    pub(super) via: Option<PeerId>,
}

/// What somebody changed about an element.
#[derive(Debug)]
pub(super) struct Changed {
    pub(super) version: u64,
    pub(super) by: PeerId,
    /// Of their deed.
    pub(super) number: u64,
    pub(super) value: Value,
    pub(super) via: Option<PeerId>,
}

impl Entry {
    pub(super) fn changes(&self) -> impl Iterator<Item = &Changed> {
        self.changes.iter().flatten()
    }

    pub(super) const fn change(&self, part: Part) -> Option<&Changed> {
        self.changes[slot(part)].as_ref()
    }
}

impl Board {
    /// Whose word something is, and who hands it on; `None` when nobody may say it.
    pub(super) fn speaker(
        &mut self,
        peer: PeerId,
        author: Option<&Named>,
        number: u64,
    ) -> Option<(PeerId, Option<PeerId>)> {
        let said = match author {
            None => (peer, None),
            Some(author) => {
                // Whoever is here speaks for themselves, and so do we.
                if author.peer == self.me
                    || self.is_present(author.peer)
                    || !self.make_room(author.peer, false)
                {
                    return None;
                }
                if self.authors.entry(author.peer).or_default().name.is_empty() {
                    self.named(author.peer, &author.name);
                }
                (author.peer, Some(peer))
            }
        };
        let author = self.authors.get_mut(&said.0)?;
        author.latest = author.latest.max(number);
        // Each tells in the order of the numbers.
        if said.1.is_none() {
            author.direct = author.direct.max(number);
        }
        Some(said)
    }

    /// Whether this deed of an author is to be taken in: it is new, or it is their own word for what another handed on.
    fn is_news(&mut self, author: PeerId, number: u64, via: Option<PeerId>) -> bool {
        let Some(known) = self.authors.get(&author).and_then(|author| author.deed(number)) else {
            return true;
        };
        let handed_on = match known {
            Deed::Draw => {
                let entry = self.elements.get(&ElementId { number, author });
                entry.and_then(|entry| entry.body.as_ref()).and_then(|body| body.via)
            }
            Deed::Change(of, part) => {
                let change = self.elements.get(of).and_then(|entry| entry.change(*part));
                change.and_then(|change| change.via)
            }
            Deed::Remove(_, via) => *via,
        };
        let is_better = via.is_none() && handed_on.is_some();
        if is_better {
            self.drop_deed(author, number);
        }
        is_better
    }

    /// Takes a deed out of the log, and what it did off the board (but what it deleted stays so).
    fn drop_deed(&mut self, author: PeerId, number: u64) {
        let Some(owner) = self.authors.get_mut(&author) else { return };
        match owner.remove(number) {
            Some(Deed::Draw) => {
                let id = ElementId { number, author };
                let Some(entry) = self.elements.get_mut(&id) else { return };
                if let Some(body) = entry.body.take() {
                    let cost = element_cost(&body.draw);
                    owner.cost -= cost;
                    owner.elements -= 1;
                    self.cost -= cost;
                    self.changed.insert(id);
                }
                if entry.changes().next().is_none() {
                    self.elements.remove(&id);
                }
            }
            Some(Deed::Change(of, part)) => {
                let Some(entry) = self.elements.get_mut(&of) else { return };
                if let Some(change) = entry.changes[slot(part)].take() {
                    let cost = change_cost(&change.value);
                    owner.cost -= cost;
                    self.cost -= cost;
                    self.changed.insert(of);
                }
                if entry.body.is_none() && entry.changes().next().is_none() {
                    self.elements.remove(&of);
                }
            }
            Some(Deed::Remove(removal, _)) => owner.removed -= removal.ranges(),
            None => {}
        }
    }

    /// Whether there is room for more of an author.
    fn has_room(&mut self, author: PeerId, cost: usize) -> bool {
        let has = self.authors.get(&author).is_some_and(|author| author.cost + cost <= MAX_AUTHOR_COST)
            && self.cost + cost <= MAX_BOARD_COST;
        self.full |= !has;
        has
    }

    /// Somebody drew something.
    pub(super) fn take_draw(&mut self, author: PeerId, via: Option<PeerId>, mut draw: Draw) {
        let id = ElementId { number: draw.number, author };
        if self.is_gone(id) || !self.is_news(author, id.number, via) {
            return;
        }
        // Whoever cleans their text first sends none that is longer afterwards.
        draw.text = message_text(&draw.text);
        let cost = element_cost(&draw);
        if !self.has_room(author, cost) {
            return;
        }
        let Some(owner) = self.authors.get_mut(&author).filter(|author| author.elements < MAX_ELEMENTS)
        else {
            self.full = true;
            return;
        };
        owner.cost += cost;
        owner.elements += 1;
        owner.insert(id.number, Deed::Draw);
        self.cost += cost;
        self.top = self.top.max(draw.order);
        if let Some(picture) = draw.picture {
            self.pictures.wanted(picture, author);
        }
        self.elements.entry(id).or_default().body = Some(Body { draw, via });
        self.changed.insert(id);
        self.told_late(author, id.number, via);
    }

    /// Somebody changed something.
    pub(super) fn take_change(&mut self, by: PeerId, via: Option<PeerId>, change: Change) {
        let Change { number, of, version, mut value, .. } = change;
        if self.is_gone(of) || !self.is_news(by, number, via) {
            return;
        }
        if let Value::Text(text) = &mut value {
            *text = message_text(text);
        }
        let part = Part::of(&value);
        let old = self.elements.get(&of).and_then(|entry| entry.change(part));
        // Of one author's two with the same version, which no honest one makes, all take the later.
        if old.is_some_and(|old| (old.version, old.by, old.number) >= (version, by, number)) {
            return;
        }
        let old = old.map(|old| (old.by, old.number));
        let cost = change_cost(&value);
        if !self.has_room(by, cost) {
            return;
        }
        if let Some((by, number)) = old {
            self.drop_deed(by, number);
        }
        if let Some(author) = self.authors.get_mut(&by) {
            author.cost += cost;
            author.insert(number, Deed::Change(of, part));
        }
        self.cost += cost;
        if let Value::Order(order) = value {
            self.top = self.top.max(order);
        }
        let entry = self.elements.entry(of).or_default();
        entry.changes[slot(part)] = Some(Changed { version, by, number, value, via });
        self.changed.insert(of);
        self.told_late(by, number, via);
    }

    /// Somebody deleted something.
    pub(super) fn take_remove(&mut self, by: PeerId, via: Option<PeerId>, number: u64, removed: &[Removed]) {
        if !self.is_news(by, number, via) {
            return;
        }
        let mut removal = Removal::default();
        for of in removed {
            let latest = if of.author == self.me {
                self.number
            } else {
                self.authors.get(&of.author).map_or(0, |author| author.latest)
            };
            let last = latest.saturating_add(MAX_AHEAD).min(MAX_BOARD_NUMBER);
            for (from, to) in &of.numbers {
                if *from <= last {
                    removal.insert(of.author, *from, (*to).min(last));
                }
            }
        }
        let ranges = removal.ranges();
        if ranges == 0 {
            // Nothing of it was near anything that is known.
            return;
        }
        let Some(author) = self.authors.get_mut(&by) else { return };
        let before = author.last_removal();
        if before.is_some_and(|(_, last)| last.contains(&removal)) {
            return;
        }
        // A deletion that says what the one before it said, and more, takes its place.
        let before = before.filter(|(at, old)| *at < number && removal.contains(old));
        if let Some((at, old)) = before.map(|(at, old)| (at, old.ranges())) {
            author.remove(at);
            author.removed -= old;
        }
        if author.removed + ranges > MAX_REMOVED || self.deleted + ranges > MAX_DELETED {
            self.full = true;
            return;
        }
        author.removed += ranges;
        author.insert(number, Deed::Remove(removal.clone(), via));
        let mut pages = false;
        for (author, from, to) in removal.iter() {
            pages |= self.delete(by, author, from, to);
        }
        self.told_late(by, number, via);
        if pages {
            self.leave_deleted_pages();
        }
    }

    /// Whether a page was among them.
    fn delete(&mut self, by: PeerId, author: PeerId, from: u64, to: u64) -> bool {
        let gone = self.gone.entry(author).or_default();
        let before = gone.len();
        gone.insert(from, to);
        self.deleted = (self.deleted + gone.len()).saturating_sub(before);
        if author == self.me {
            // Whoever deletes what we have not drawn yet has it, and we go on behind it.
            self.number = self.number.max(to);
        }
        // The numbers of others lie between those of one.
        let (first, last) = (
            ElementId { number: from, author: PeerId::from_bytes([0; 32]) },
            ElementId { number: to, author: PeerId::from_bytes([255; 32]) },
        );
        let ids: Vec<_> = self.elements.range(first..=last).map(|(id, _)| *id).collect();
        let mut pages = false;
        for id in ids.into_iter().filter(|id| id.author == author) {
            pages |= self.element(id).is_some_and(|element| element.draw.kind == ElementKind::Page);
            if author == self.me && by != self.me {
                self.keep_for_restoring(id);
            }
            self.take_off(id);
        }
        pages
    }

    /// What is known of an element is forgotten.
    fn take_off(&mut self, id: ElementId) {
        let Some(entry) = self.elements.get(&id) else { return };
        let had_picture = entry.body.as_ref().is_some_and(|body| body.draw.picture.is_some());
        let changes: Vec<_> = entry.changes().map(|change| (change.by, change.number)).collect();
        if entry.body.is_some() {
            self.drop_deed(id.author, id.number);
        }
        for (by, number) in changes {
            self.drop_deed(by, number);
        }
        self.changed.insert(id);
        if had_picture {
            self.forget_pictures();
        }
    }

    /// What we drew on a page while somebody deleted it goes with it, or nobody would ever see or delete it.
    fn leave_deleted_pages(&mut self) {
        let Self { elements, me, gone, .. } = self;
        let lost =
            |page: ElementId| gone.get(&page.author).is_some_and(|ranges| ranges.contains(page.number));
        let orphans: Vec<_> = elements
            .iter()
            .filter(|(id, _)| id.author == *me)
            .filter(|(_, entry)| entry.body.as_ref().and_then(|body| body.draw.page).is_some_and(lost))
            .map(|(id, _)| *id)
            .collect();
        if !orphans.is_empty() {
            orphans.iter().for_each(|id| self.keep_for_restoring(*id));
            // Nobody sees them in any case.
            let _ = self.delete_own_word(&orphans);
        }
    }

    fn keep_for_restoring(&mut self, id: ElementId) {
        if let Some(draw) = self.drawn_now(id) {
            self.history.deleted_by_others(draw);
        }
    }

    /// An element as it would be drawn to look as it does now.
    pub(super) fn drawn_now(&self, id: ElementId) -> Option<Draw> {
        let element = self.element(id)?;
        let (draw, now) = (element.draw, element.frame);
        let mut drawn = Draw {
            frame: now,
            order: element.order,
            style: element.style,
            text: element.text.to_owned(),
            live: None,
            ..draw.clone()
        };
        if draw.kind.has_points() && draw.frame.0[2..] != now.0[2..] {
            let points = &draw.points.0;
            let placed = points.iter().map(|point| placed(*point, draw.frame, now)).collect::<Vec<_>>();
            let (frame, points) = framed(&placed);
            (drawn.frame, drawn.points) = (frame, Points(points));
        }
        Some(drawn)
    }

    /// Pictures that nothing shows or may show again are forgotten.
    pub(super) fn forget_pictures(&mut self) {
        let mut used = self.shown_pictures();
        self.history.pictures(&mut used);
        self.pictures.keep(&used);
    }

    /// All of somebody who left goes, to make room.
    pub(super) fn forget(&mut self, peer: PeerId) {
        let Some(author) = self.authors.get(&peer) else { return };
        let numbers = author.numbers();
        for number in numbers {
            let drawn = ElementId { number, author: peer };
            if self.elements.get(&drawn).is_some_and(|entry| entry.body.is_some()) {
                self.take_off(drawn);
            } else {
                self.drop_deed(peer, number);
            }
        }
        self.authors.remove(&peer);
        self.links.values_mut().for_each(|link| link.forget(peer));
    }
}
