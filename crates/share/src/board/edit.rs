//! What we do ourselves.

use std::collections::BTreeMap;

use tincan_protocol::{
    Change, Draw, ElementId, ElementKind, Frame, MAX_BOARD_NUMBER, MAX_BOARD_TEXT, MAX_COORDINATE,
    MAX_LIVE_POINTS, MAX_PACKED, MAX_POINTS, MAX_RANGES, MAX_REMOVED_AUTHORS, Picture, Point, Points, Style,
    Value, message_text,
};

use super::author::{MAX_REMOVED, Part, Removal, element_cost};
use super::undo::Act;
use super::{Board, BoardError, MAX_AUTHOR_COST, MAX_BOARD_COST, MAX_ELEMENTS, framed};

/// How far elements lie apart that are drawn one after the other: so often something can be put between two.
const SPACING: i64 = 1 << 16;
/// Largest order, of either sign.
const MAX_ORDER: i64 = MAX_BOARD_NUMBER as i64;

/// Something to draw.
#[derive(derive_more::Debug, Clone, PartialEq, Eq)]
pub struct New {
    /// What; no picture.
    pub kind: ElementKind,
    /// Where it is to be; `None`: on the first page.
    pub page: Option<ElementId>,
    /// Of what has points, where on the board.
    #[debug("{}", points.len())]
    pub points: Vec<Point>,
    /// Of what has none.
    pub frame: Frame,
    /// How it looks.
    pub style: Style,
    /// What it says.
    #[debug(skip)]
    pub text: String,
    /// The live stroke that it was.
    pub live: Option<u32>,
}

/// A change of an element: what is `None` stays.
#[derive(derive_more::Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Which.
    pub id: ElementId,
    /// Where it is to be.
    pub frame: Option<Frame>,
    /// How it is to look.
    pub style: Option<Style>,
    /// What it is to say.
    #[debug(skip)]
    pub text: Option<String>,
    /// Over what it is to be drawn.
    pub place: Option<Place>,
}

/// A place among what is on the same page, or among the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Over everything.
    Front,
    /// Below everything.
    Back,
    /// Next over this one.
    Over(ElementId),
    /// Next below this one.
    Below(ElementId),
}

impl Board {
    /// Draws things, as one step. A stroke of very many points becomes several that follow each other.
    ///
    /// # Errors
    /// [`BoardError`] with a sentence for the person; nothing is drawn then.
    pub fn add(&mut self, all: Vec<New>) -> Result<Vec<ElementId>, BoardError> {
        let mut draws = Vec::new();
        for new in all {
            draws.extend(self.draws(new)?);
        }
        self.check_room(&draws)?;
        let ids = draws.into_iter().map(|draw| self.draw(draw)).collect::<Result<Vec<_>, _>>()?;
        self.history.did(ids.iter().map(|id| Act::Drew(*id)).collect(), None);
        Ok(ids)
    }

    /// Draws a picture: a PNG, JPEG or WebP.
    ///
    /// # Errors
    /// [`BoardError`] with a sentence for the person.
    pub fn add_picture(
        &mut self,
        page: Option<ElementId>,
        frame: Frame,
        bytes: Vec<u8>,
    ) -> Result<ElementId, BoardError> {
        if !frame.is_sound() {
            return Err(BoardError::Bounds);
        }
        if !self.has_page(page) {
            return Err(BoardError::Unknown);
        }
        let picture = self.pictures.add(bytes).ok_or(BoardError::Picture)?;
        let draw = Draw { page, frame, picture: Some(picture), ..blank(ElementKind::Picture) };
        let id = self.check_room(std::slice::from_ref(&draw)).and_then(|()| self.draw(draw));
        match id {
            Ok(id) => self.history.did(vec![Act::Drew(id)], None),
            Err(_) => self.forget_pictures(),
        }
        id
    }

    /// Changes things. Changes of one gesture are one step.
    ///
    /// # Errors
    /// [`BoardError`] with a sentence for the person. Things that were deleted meanwhile are left out; it is an error when
    /// all were.
    pub fn change(&mut self, edits: Vec<Edit>, gesture: Option<u32>) -> Result<(), BoardError> {
        let mut acts = Vec::new();
        let mut known = edits.is_empty();
        let mut result = Ok(());
        for edit in edits {
            let Some(now) = self.element(edit.id) else { continue };
            known = true;
            let (kind, frame, style, text, order) =
                (now.draw.kind, now.frame, now.style, now.text.to_owned(), now.order);
            let mut wanted = Vec::new();
            wanted.extend(edit.frame.map(|value| (Value::Frame(frame), Value::Frame(value))));
            wanted.extend(edit.style.map(|value| (Value::Style(style), Value::Style(value))));
            if let Some(value) = edit.text.filter(|_| kind.has_text()) {
                wanted.push((Value::Text(text), Value::Text(message_text(&value))));
            }
            if let Some(place) = edit.place {
                wanted.push((Value::Order(order), Value::Order(self.order_at(edit.id, place))));
            }
            for (before, after) in wanted.into_iter().filter(|(before, after)| before != after) {
                result = check_value(&after).and_then(|()| self.set(edit.id, after.clone()));
                if result.is_err() {
                    break;
                }
                acts.push(Act::Changed { id: edit.id, before, after });
            }
            if result.is_err() {
                break;
            }
        }
        // What was done can be undone, also when not all was.
        self.history.did(acts, gesture);
        if known { result } else { Err(BoardError::Unknown) }
    }

    /// Deletes things, whoever drew them; a page with all that is on it.
    ///
    /// # Errors
    /// [`BoardError`] with a sentence for the person. Things that were deleted meanwhile are left out.
    pub fn remove(&mut self, ids: &[ElementId], gesture: Option<u32>) -> Result<(), BoardError> {
        let mut all: std::collections::BTreeSet<_> =
            ids.iter().copied().filter(|id| self.element(*id).is_some()).collect();
        let on_them = |id: &ElementId| {
            self.element(*id).and_then(|element| element.draw.page).is_some_and(|page| all.contains(&page))
        };
        let below: Vec<_> = self.elements.keys().copied().filter(on_them).collect();
        all.extend(below);
        let all: Vec<_> = all.into_iter().collect();
        let kept =
            all.iter().filter_map(|id| Some(Act::Deleted { id: *id, draw: Box::new(self.drawn_now(*id)?) }));
        let acts: Vec<_> = kept.collect();
        self.check_removals(all.len())?;
        // Before they go: pictures that can come back are kept.
        self.history.did(acts, gesture);
        self.delete_own_word(&all)
    }

    /// Deletes all that is on a page, or what we drew of it.
    ///
    /// # Errors
    /// [`BoardError`] with a sentence for the person.
    pub fn clear(&mut self, page: Option<ElementId>, own: bool) -> Result<(), BoardError> {
        let on_it = |id: &ElementId| {
            self.element(*id).is_some_and(|element| {
                element.draw.kind != ElementKind::Page
                    && element.draw.page == page
                    && (!own || id.author == self.me)
            })
        };
        let ids: Vec<_> = self.elements.keys().copied().filter(on_it).collect();
        self.remove(&ids, None)
    }

    /// What is to be drawn of something new.
    fn draws(&self, new: New) -> Result<Vec<Draw>, BoardError> {
        let New { kind, page, points, frame, style, text, live } = new;
        if kind == ElementKind::Picture || (kind == ElementKind::Page && page.is_some()) || !style.is_sound()
        {
            return Err(BoardError::Bounds);
        }
        if !self.has_page(page) {
            return Err(BoardError::Unknown);
        }
        let text = if kind.has_text() { message_text(&text) } else { String::new() };
        let blank = Draw { page, style, live, text, ..blank(kind) };
        if !kind.has_points() {
            check_value(&Value::Text(blank.text.clone()))?;
            check_value(&Value::Frame(frame))?;
            return Ok(vec![Draw { frame, ..blank }]);
        }
        let within = |point: &Point| {
            [point.x, point.y].iter().all(|value| value.unsigned_abs() <= MAX_COORDINATE.unsigned_abs() / 2)
        };
        if points.is_empty() || points.len() > MAX_LIVE_POINTS || !points.iter().all(within) {
            return Err(BoardError::Bounds);
        }
        let mut draws = Vec::new();
        let mut rest = &points[..];
        loop {
            // In the frame the first point is as far away as any, which may take more bytes than on the board.
            let some = &rest[..Points::fitting(rest, MAX_PACKED - 16).min(MAX_POINTS)];
            let (frame, points) = framed(some);
            draws.push(Draw { frame, points: Points(points), ..blank.clone() });
            if some.len() == rest.len() {
                return Ok(draws);
            }
            // The next one begins where this one ends.
            rest = &rest[some.len() - 1..];
        }
    }

    fn check_room(&self, draws: &[Draw]) -> Result<(), BoardError> {
        let cost: usize = draws.iter().map(element_cost).sum();
        let mine = self.mine();
        let has = mine.cost + cost <= MAX_AUTHOR_COST
            && self.cost + cost <= MAX_BOARD_COST
            && mine.elements + draws.len() <= MAX_ELEMENTS;
        if has { Ok(()) } else { Err(BoardError::Full) }
    }

    fn check_removals(&self, more: usize) -> Result<(), BoardError> {
        let has = self.mine().removed + more + MAX_RANGES <= MAX_REMOVED
            && self.deleted + more < super::MAX_DELETED;
        if has { Ok(()) } else { Err(BoardError::Full) }
    }

    fn next_number(&mut self) -> Result<u64, BoardError> {
        if self.number >= MAX_BOARD_NUMBER {
            return Err(BoardError::Full);
        }
        self.number += 1;
        Ok(self.number)
    }

    /// Draws something over everything.
    fn draw(&mut self, draw: Draw) -> Result<ElementId, BoardError> {
        let order = self.top.saturating_add(SPACING).min(MAX_ORDER);
        self.draw_at(Draw { order, ..draw })
    }

    fn draw_at(&mut self, draw: Draw) -> Result<ElementId, BoardError> {
        let number = self.next_number()?;
        let me = self.me;
        self.take_draw(me, None, Draw { number, ..draw });
        Ok(ElementId { number, author: me })
    }

    /// Draws again what was deleted, where it was. `names` are those of what was drawn again with it. `None`: it is too large
    /// a part of a full board.
    pub(super) fn draw_anew(
        &mut self,
        draw: Draw,
        names: &BTreeMap<ElementId, ElementId>,
    ) -> Result<Option<ElementId>, BoardError> {
        let page = draw.page.map(|page| names.get(&page).copied().unwrap_or(page));
        // Where its page is gone, the first one is better than nowhere.
        let page = page.filter(|page| self.has_page(Some(*page)));
        let draw = Draw { page, author: None, live: None, ..draw };
        if self.check_room(std::slice::from_ref(&draw)).is_err() || !draw_is_sound(&draw) {
            return Ok(None);
        }
        self.draw_at(draw).map(Some)
    }

    /// Gives an element another value.
    pub(super) fn set(&mut self, of: ElementId, value: Value) -> Result<(), BoardError> {
        let entry = self.elements.get(&of).ok_or(BoardError::Unknown)?;
        let version = entry.change(Part::of(&value)).map_or(0, |change| change.version) + 1;
        if version > MAX_BOARD_NUMBER {
            return Err(BoardError::Frozen);
        }
        let cost = super::author::change_cost(&value);
        if self.mine().cost + cost > MAX_AUTHOR_COST || self.cost + cost > MAX_BOARD_COST {
            return Err(BoardError::Full);
        }
        let (number, me) = (self.next_number()?, self.me);
        self.take_change(me, None, Change { author: None, number, of, version, value });
        Ok(())
    }

    /// Deletes these, in as few words as it takes. What we deleted before is said along, so that what is told to a newcomer
    /// is one word for many.
    pub(super) fn delete_own_word(&mut self, ids: &[ElementId]) -> Result<(), BoardError> {
        let mut ids = ids.iter().peekable();
        while ids.peek().is_some() {
            let has_room =
                |removal: &Removal| removal.ranges() < MAX_RANGES && removal.authors() < MAX_REMOVED_AUTHORS;
            let last = self.mine().last_removal().map(|(_, removal)| removal.clone());
            let mut removal = last.filter(has_room).unwrap_or_default();
            // One more takes one more range at most.
            while has_room(&removal)
                && let Some(id) = ids.next()
            {
                removal.insert(id.author, id.number, id.number);
            }
            let (number, me) = (self.next_number()?, self.me);
            let message = removal.message(None, number);
            self.take_remove(me, None, number, &message.elements);
        }
        Ok(())
    }

    fn order_at(&self, id: ElementId, place: Place) -> i64 {
        let beside = |of: ElementId, over: bool| {
            let (element, other) = (self.element(id)?, self.element(of)?);
            let is_page = element.draw.kind == ElementKind::Page;
            let orders = self.elements.keys().filter(|key| **key != id).filter_map(|key| self.element(*key));
            let same = orders.filter(|one| {
                (one.draw.kind == ElementKind::Page) == is_page && one.draw.page == element.draw.page
            });
            let orders = same.map(|one| one.order);
            let next = if over {
                orders.filter(|order| *order > other.order).min().unwrap_or(other.order + 2 * SPACING)
            } else {
                orders.filter(|order| *order < other.order).max().unwrap_or(other.order - 2 * SPACING)
            };
            Some(i64::midpoint(other.order, next))
        };
        let order = match place {
            Place::Front => self.top.saturating_add(SPACING),
            Place::Back => {
                let orders = self.elements.keys().filter_map(|key| Some(self.element(*key)?.order));
                orders.min().unwrap_or(0).saturating_sub(SPACING)
            }
            Place::Over(of) => beside(of, true).unwrap_or(self.top),
            Place::Below(of) => beside(of, false).unwrap_or(self.top),
        };
        order.clamp(-MAX_ORDER, MAX_ORDER)
    }
}

fn check_value(value: &Value) -> Result<(), BoardError> {
    match value {
        Value::Text(text) if text.len() > MAX_BOARD_TEXT => Err(BoardError::TooLong),
        value if value.is_sound() => Ok(()),
        _ => Err(BoardError::Bounds),
    }
}

/// Whether everybody takes it, whatever its number will be.
fn draw_is_sound(draw: &Draw) -> bool {
    let sound = Draw { number: 1, ..draw.clone() };
    sound.is_sound() && Points::fitting(&draw.points.0, MAX_PACKED) == draw.points.0.len()
}

/// Something that is nothing yet.
fn blank(kind: ElementKind) -> Draw {
    Draw {
        author: None,
        number: 0,
        kind,
        page: None,
        frame: Frame::default(),
        order: 0,
        style: Style { color: tincan_protocol::Color([0; 3]), fill: None, width: 20, size: 160 },
        points: Points::default(),
        text: String::new(),
        picture: None::<Picture>,
        live: None,
    }
}
