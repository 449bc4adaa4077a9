//! What we did and can take back, and what others deleted of ours.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tincan_protocol::{Draw, ElementId, PictureHash, Value};

use super::author::{Part, element_cost};
use super::{Board, BoardError, Own};

/// Steps that can be taken back.
const MAX_STEPS: usize = 200;
/// What the elements in them may take, and those that others deleted of ours, in bytes each.
const MAX_COST: usize = 8 << 20;

/// Something that was done, told by what is there to take it back.
#[derive(derive_more::Debug, Clone)]
pub(super) enum Act {
    /// We drew this.
    Drew(ElementId),
    /// We deleted this.
    Deleted {
        /// Under which it was known.
        id: ElementId,
        /// As it was.
        draw: Box<Draw>,
    },
    /// We changed this.
    Changed {
        /// Which.
        id: ElementId,
        /// From what.
        #[debug(skip)]
        before: Value,
        /// To what.
        #[debug(skip)]
        after: Value,
    },
}

impl Act {
    fn cost(&self) -> usize {
        size_of::<Self>() + if let Self::Deleted { draw, .. } = self { element_cost(draw) } else { 0 }
    }

    fn rename(&mut self, names: &BTreeMap<ElementId, ElementId>) {
        let (Self::Drew(id) | Self::Changed { id, .. } | Self::Deleted { id, .. }) = self;
        if let Some(now) = names.get(id) {
            *id = *now;
        }
        if let Self::Deleted { draw, .. } = self
            && let Some(now) = draw.page.and_then(|page| names.get(&page))
        {
            draw.page = Some(*now);
        }
    }
}

/// What is taken back at once.
#[derive(Debug, Clone, Default)]
struct Step {
    gesture: Option<u32>,
    acts: Vec<Act>,
}

impl Step {
    fn cost(&self) -> usize {
        self.acts.iter().map(Act::cost).sum()
    }

    /// More of the same gesture. Of a thing that is dragged, what counts is where it was before and where it is now.
    fn go_on(&mut self, acts: Vec<Act>) {
        let changed = |act: &Act| match act {
            Act::Changed { id, after, .. } => Some((*id, Part::of(after))),
            Act::Drew(_) | Act::Deleted { .. } => None,
        };
        let earlier = self.acts.iter().enumerate().filter_map(|(at, act)| Some((changed(act)?, at)));
        let places: BTreeMap<_, _> = earlier.collect();
        for act in acts {
            let place =
                changed(&act).and_then(|what| places.get(&what)).and_then(|at| self.acts.get_mut(*at));
            match (place, act) {
                (Some(Act::Changed { after, .. }), Act::Changed { after: new, .. }) => *after = new,
                (_, act) => self.acts.push(act),
            }
        }
    }
}

/// What we did.
#[derive(Debug, Default)]
pub(super) struct History {
    done: VecDeque<Step>,
    undone: Vec<Step>,
    /// What others deleted of ours, oldest first.
    lost: VecDeque<Draw>,
    lost_cost: usize,
}

impl History {
    pub(super) fn own(&self) -> Own {
        Own {
            can_undo: !self.done.is_empty(),
            can_redo: !self.undone.is_empty(),
            deleted_by_others: self.lost.len(),
            full: false,
        }
    }

    /// We did something new: what was undone is not done again.
    pub(super) fn did(&mut self, acts: Vec<Act>, gesture: Option<u32>) {
        if acts.is_empty() {
            return;
        }
        self.undone.clear();
        match self.done.back_mut() {
            Some(last) if gesture.is_some() && last.gesture == gesture => last.go_on(acts),
            _ => self.done.push_back(Step { gesture, acts }),
        }
        self.bound();
    }

    fn bound(&mut self) {
        let mut cost: usize = self.done.iter().map(Step::cost).sum();
        while self.done.len() > MAX_STEPS || (cost > MAX_COST && self.done.len() > 1) {
            cost -= self.done.pop_front().map_or(0, |step| step.cost());
        }
    }

    pub(super) fn deleted_by_others(&mut self, draw: Draw) {
        self.lost_cost += element_cost(&draw);
        self.lost.push_back(draw);
        while self.lost_cost > MAX_COST {
            let Some(oldest) = self.lost.pop_front() else { break };
            self.lost_cost -= element_cost(&oldest);
        }
    }

    fn take_lost(&mut self) -> VecDeque<Draw> {
        self.lost_cost = 0;
        std::mem::take(&mut self.lost)
    }

    /// Every picture that may be shown again.
    pub(super) fn pictures(&self, into: &mut BTreeSet<PictureHash>) {
        let steps = self.done.iter().chain(&self.undone).flat_map(|step| &step.acts);
        let deleted = steps.filter_map(|act| match act {
            Act::Deleted { draw, .. } => Some(&**draw),
            Act::Drew(_) | Act::Changed { .. } => None,
        });
        into.extend(deleted.chain(&self.lost).filter_map(|draw| draw.picture).map(|picture| picture.hash));
    }

    fn rename(&mut self, names: &BTreeMap<ElementId, ElementId>) {
        let steps = self.done.iter_mut().chain(&mut self.undone);
        steps.flat_map(|step| &mut step.acts).for_each(|act| act.rename(names));
        for draw in &mut self.lost {
            if let Some(now) = draw.page.and_then(|page| names.get(&page)) {
                draw.page = Some(*now);
            }
        }
    }
}

impl Board {
    /// Takes back the last thing that we did and nobody went on with since.
    ///
    /// # Errors
    /// [`BoardError`] with a sentence for the person.
    pub fn undo(&mut self) -> Result<(), BoardError> {
        while let Some(step) = self.history.done.pop_back() {
            let back = self.take_back(step)?;
            if !back.acts.is_empty() {
                self.history.undone.push(back);
                return Ok(());
            }
        }
        Err(BoardError::NothingToUndo)
    }

    /// Does again what was undone last.
    ///
    /// # Errors
    /// [`BoardError`] with a sentence for the person.
    pub fn redo(&mut self) -> Result<(), BoardError> {
        while let Some(step) = self.history.undone.pop() {
            let back = self.take_back(step)?;
            if !back.acts.is_empty() {
                self.history.done.push_back(back);
                self.history.bound();
                return Ok(());
            }
        }
        Err(BoardError::NothingToRedo)
    }

    /// Brings back what others deleted of ours, as one step.
    ///
    /// # Errors
    /// [`BoardError`] with a sentence for the person.
    pub fn restore(&mut self) -> Result<(), BoardError> {
        let mut lost: Vec<_> = self.history.take_lost().into();
        if lost.is_empty() {
            return Err(BoardError::NothingToRestore);
        }
        // A page goes before what is on it.
        lost.sort_by_key(|draw| draw.page.is_some());
        let mut names = BTreeMap::new();
        for draw in lost {
            let id = ElementId { number: draw.number, author: self.me };
            if let Some(now) = self.draw_anew(draw, &names)? {
                names.insert(id, now);
            }
        }
        self.history.rename(&names);
        self.history.did(names.into_values().map(Act::Drew).collect(), None);
        Ok(())
    }

    /// Undoes a step; gives what undoes that.
    fn take_back(&mut self, step: Step) -> Result<Step, BoardError> {
        let mut back = Vec::new();
        let mut drawn = Vec::new();
        let mut names = BTreeMap::new();
        // A page goes before what is on it.
        let mut deleted: Vec<_> = Vec::new();
        for act in step.acts.into_iter().rev() {
            match act {
                Act::Drew(id) => drawn.push(id),
                Act::Deleted { id, draw } => deleted.push((id, *draw)),
                Act::Changed { id, before, after } => {
                    if self.change_back(id, &before, &after)? {
                        back.push(Act::Changed { id, before: after, after: before });
                    }
                }
            }
        }
        drawn.retain(|id| self.is_still_ours(*id));
        for id in &drawn {
            if let Some(draw) = self.drawn_now(*id) {
                back.push(Act::Deleted { id: *id, draw: Box::new(draw) });
            }
        }
        self.delete_own_word(&drawn)?;
        deleted.sort_by_key(|(_, draw)| draw.page.is_some());
        for (id, draw) in deleted {
            if let Some(now) = self.draw_anew(draw, &names)? {
                names.insert(id, now);
                back.push(Act::Drew(now));
            }
        }
        if !names.is_empty() {
            self.history.rename(&names);
            back.iter_mut().for_each(|act| act.rename(&names));
        }
        // What undoes this goes backwards again.
        back.reverse();
        Ok(Step { gesture: None, acts: back })
    }

    /// Whether we drew it, and nobody else has changed it since.
    fn is_still_ours(&self, id: ElementId) -> bool {
        self.elements
            .get(&id)
            .is_some_and(|entry| entry.body.is_some() && entry.changes().all(|change| change.by == self.me))
    }

    fn value(&self, id: ElementId, part: Part) -> Option<Value> {
        let element = self.element(id)?;
        Some(match part {
            Part::Frame => Value::Frame(element.frame),
            Part::Order => Value::Order(element.order),
            Part::Style => Value::Style(element.style),
            Part::Text => Value::Text(element.text.to_owned()),
        })
    }

    fn change_back(&mut self, id: ElementId, before: &Value, after: &Value) -> Result<bool, BoardError> {
        let change = self.elements.get(&id).and_then(|entry| entry.change(Part::of(after)));
        let ours = match change {
            Some(change) => change.by == self.me && change.value == *after,
            // Drawn anew as it was then.
            None => id.author == self.me && self.value(id, Part::of(after)).as_ref() == Some(after),
        };
        if ours {
            self.set(id, before.clone())?;
        }
        Ok(ours)
    }
}
