//! What people draw and where they point right now. It is told often and never again: what is finished comes as an
//! element, so whatever is lost here is missed for a moment only.
//!
//! Each message repeats the points of the three before it, so that a stroke has no gap when three in a row are lost. What a
//! link is told is looked for in what there is now, as everywhere: a slow one gets larger steps, never old ones.

use std::collections::BTreeMap;
use std::time::Duration;

use tincan_protocol::{
    ElementId, InkKind, InkMessage, InkStroke, MAX_INK_LEN, MAX_LIVE_POINTS, PeerId, Point, Points, Style,
};

/// Between two messages to the same member: 25 a second, as often as a picture of a film.
pub const LIVE_INTERVAL: Duration = Duration::from_millis(40);
/// Messages whose points are repeated: with 10% loss one stroke in ten thousand messages has a gap.
const REPEATED: usize = 3;
/// What changed last is said so often, so that the end of something is not lost with one message.
const LAST_WORDS: u32 = 3;
/// Whoever points without moving is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(1);
/// Whoever says nothing for so long points nowhere.
const PATIENCE: Duration = Duration::from_millis(3_500);
/// What a message takes beside its packed points, with everything at its longest.
const AROUND_POINTS: usize = 520;

/// What somebody draws and where they point.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Default)]
pub struct LiveState {
    /// The page that they look at.
    pub page: Option<ElementId>,
    /// Where they point.
    pub pointer: Option<(i32, i32)>,
    /// What they draw.
    pub stroke: Option<LiveStroke>,
    /// The element that they write in.
    pub editing: Option<ElementId>,
}

/// A stroke that is being drawn.
#[derive(derive_more::Debug, Clone, PartialEq, Eq)]
pub struct LiveStroke {
    /// Tells strokes of one person apart; the later one has the larger.
    pub number: u32,
    /// What it is to become.
    pub kind: InkKind,
    /// How it looks.
    pub style: Style,
    /// How many points stay of those that came before.
    pub keep: usize,
    /// What follows these.
    #[debug("{}", points.len())]
    pub points: Vec<Point>,
}

/// A stroke with all its points.
#[derive(derive_more::Debug, Clone)]
struct Whole {
    number: u32,
    kind: InkKind,
    style: Style,
    #[debug("{}", points.len())]
    points: Vec<Point>,
}

/// Our own.
#[derive(Debug, Default)]
struct Own {
    page: Option<ElementId>,
    pointer: Option<(i32, i32)>,
    stroke: Option<Whole>,
    editing: Option<ElementId>,
    /// Counts changes.
    revision: u64,
    sequence: u32,
}

/// The way to a member.
#[derive(Debug, Default)]
struct Link {
    /// When something was said.
    last: Option<Duration>,
    /// What was said last, and how often.
    revision: u64,
    times: u32,
    /// How long the stroke was in the messages before those that are repeated, the oldest first.
    lengths: [usize; REPEATED + 1],
    stroke: u32,
}

/// Somebody else's.
#[derive(Debug, Default)]
struct Theirs {
    sequence: Option<u32>,
    page: Option<ElementId>,
    pointer: Option<(i32, i32)>,
    stroke: Option<Whole>,
    editing: Option<ElementId>,
    heard: Duration,
    /// Strokes up to this one are elements by now, or were given up.
    finished: u32,
    changed: bool,
    /// Of which stroke how many points the outside has as they are.
    shown: (u32, usize),
}

/// What everybody draws and where they point.
#[derive(Debug, Default)]
pub struct Live {
    own: Own,
    links: BTreeMap<PeerId, Link>,
    theirs: BTreeMap<PeerId, Theirs>,
}

impl Live {
    /// Nobody draws.
    pub fn new() -> Self {
        Self::default()
    }

    /// The ink channel to a member is open.
    pub fn link_opened(&mut self, peer: PeerId) {
        self.links.insert(peer, Link::default());
    }

    /// It is not any more.
    pub fn link_closed(&mut self, peer: PeerId) {
        self.links.remove(&peer);
        if let Some(theirs) = self.theirs.get_mut(&peer) {
            theirs.stop();
        }
    }

    /// Everybody to whom there is a link.
    pub fn linked(&self) -> impl Iterator<Item = PeerId> {
        self.links.keys().copied()
    }

    /// What we draw and where we point now. Points that are out of bounds, and more than [`MAX_LIVE_POINTS`], are left out.
    pub fn set(&mut self, state: LiveState) {
        let own = &mut self.own;
        own.revision += 1;
        own.page = state.page;
        own.pointer = state.pointer;
        own.editing = state.editing;
        own.stroke = state.stroke.map(|stroke| {
            let LiveStroke { number, kind, style, keep, points } = stroke;
            let before = own.stroke.take().filter(|before| before.number == number);
            let mut all = before.map(|before| before.points).unwrap_or_default();
            all.truncate(keep);
            let len = all.len();
            // A corner that moves: what was sent of it is not valid any more.
            for link in self.links.values_mut().filter(|link| link.stroke == number) {
                link.lengths.iter_mut().for_each(|length| *length = (*length).min(len));
            }
            all.extend(points);
            all.truncate(MAX_LIVE_POINTS);
            Whole { number, kind, style, points: all }
        });
    }

    /// What is to be said to a member now, if anything is.
    pub fn tell(&mut self, peer: PeerId, now: Duration) -> Option<InkMessage> {
        let Self { own, links, .. } = self;
        let link = links.get_mut(&peer)?;
        let since = link.last.map(|last| now.saturating_sub(last));
        if since.is_some_and(|since| since < LIVE_INTERVAL) || (since.is_none() && own.revision == 0) {
            return None;
        }
        let is_new = link.revision != own.revision;
        let is_there = own.pointer.is_some() || own.stroke.is_some() || own.editing.is_some();
        let repeats = link.times < LAST_WORDS;
        let keeps_alive = is_there && since.is_some_and(|since| since >= KEEP_ALIVE);
        if !is_new && !repeats && !keeps_alive {
            return None;
        }
        link.times = if is_new { 1 } else { link.times.saturating_add(1) };
        link.revision = own.revision;
        link.last = Some(now);
        own.sequence = own.sequence.wrapping_add(1);
        let stroke = own.stroke.as_ref().map(|stroke| {
            if link.stroke != stroke.number {
                (link.stroke, link.lengths) = (stroke.number, [0; REPEATED + 1]);
            }
            let from = link.lengths[0].min(stroke.points.len());
            let mut points = &stroke.points[from..];
            // Base64 makes four characters of three bytes.
            let room = (MAX_INK_LEN - AROUND_POINTS) / 4 * 3;
            let mut from = from;
            let fitting = Points::fitting(points, room);
            if fitting < points.len() {
                // The end is what people look at; the beginning comes with the element.
                let skipped = points.len() - fitting.min(100);
                from += skipped;
                points = &points[skipped..];
                points = &points[..Points::fitting(points, room)];
            }
            link.lengths.rotate_left(1);
            link.lengths[REPEATED] = from + points.len();
            InkStroke {
                number: stroke.number,
                kind: stroke.kind,
                style: stroke.style,
                from,
                points: Points(points.to_vec()),
            }
        });
        let (page, pointer, editing) = (own.page, own.pointer, own.editing);
        Some(InkMessage { sequence: own.sequence, page, pointer, stroke, editing })
    }

    /// Whether something is to be said soon: then [`Self::tell`] is worth asking every [`LIVE_INTERVAL`].
    pub fn is_busy(&self) -> bool {
        let own = &self.own;
        let unsaid =
            |link: &Link| link.revision != own.revision || (link.times < LAST_WORDS && own.revision > 0);
        self.links.values().any(unsaid) || self.theirs.values().any(|theirs| theirs.changed)
    }

    /// Whether we or others draw or point, so that it has to be looked after some times a second.
    pub fn is_there(&self) -> bool {
        let own = &self.own;
        let we = own.pointer.is_some() || own.stroke.is_some() || own.editing.is_some();
        (we && !self.links.is_empty()) || self.theirs.values().any(Theirs::is_there)
    }

    /// A message on the ink channel.
    pub fn heard(&mut self, peer: PeerId, bytes: &[u8], now: Duration) {
        if !self.links.contains_key(&peer) {
            return;
        }
        let Ok(message) = InkMessage::decode(bytes) else { return };
        let theirs = self.theirs.entry(peer).or_default();
        let is_late = |last: u32| message.sequence.wrapping_sub(last).cast_signed() <= 0;
        if theirs.sequence.is_some_and(is_late) {
            return;
        }
        theirs.sequence = Some(message.sequence);
        theirs.heard = now;
        let before = (theirs.page, theirs.pointer, theirs.editing, theirs.stroke.is_some());
        (theirs.page, theirs.pointer, theirs.editing) = (message.page, message.pointer, message.editing);
        let stroke = message.stroke.filter(|stroke| stroke.number > theirs.finished);
        let has = stroke.is_some();
        match stroke {
            Some(stroke) => theirs.draw(stroke),
            None => {
                theirs.stroke = None;
                theirs.shown = (0, 0);
            }
        }
        theirs.changed |= before != (theirs.page, theirs.pointer, theirs.editing, has);
    }

    /// A stroke of somebody is an element now: what still comes of it is late.
    pub fn finished(&mut self, peer: PeerId, number: u32) {
        // Whoever says nothing on the ink channel has no strokes here.
        if let Some(theirs) = self.theirs.get_mut(&peer) {
            theirs.finished = theirs.finished.max(number);
            if theirs.stroke.as_ref().is_some_and(|stroke| stroke.number <= number) {
                theirs.stroke = None;
                theirs.shown = (0, 0);
                theirs.changed = true;
            }
        }
    }

    /// What others draw and where they point, of whom it is another than at the last look.
    pub fn changes(&mut self, now: Duration) -> Vec<(PeerId, LiveState)> {
        let mut changes = Vec::new();
        self.theirs.retain(|peer, theirs| {
            if theirs.is_there() && now.saturating_sub(theirs.heard) >= PATIENCE {
                theirs.stop();
            }
            if std::mem::take(&mut theirs.changed) {
                changes.push((*peer, theirs.show()));
            }
            theirs.is_there() || self.links.contains_key(peer)
        });
        changes
    }

    /// All of it will be told anew: whoever looks has nothing yet.
    pub fn begin_anew(&mut self) {
        for theirs in self.theirs.values_mut() {
            theirs.shown = (0, 0);
            theirs.changed |= theirs.is_there();
        }
    }

    /// Everybody else who draws, points or writes on the board now. Whoever points at a shared screen is not at the board.
    pub fn people(&self) -> Vec<PeerId> {
        let at_board = |theirs: &Theirs| theirs.is_there() && !theirs.page.is_some_and(ElementId::is_screen);
        self.theirs.iter().filter(|(_, theirs)| at_board(theirs)).map(|(peer, _)| *peer).collect()
    }
}

impl Theirs {
    const fn is_there(&self) -> bool {
        self.pointer.is_some() || self.stroke.is_some() || self.editing.is_some()
    }

    fn stop(&mut self) {
        self.changed |= self.is_there();
        (self.pointer, self.stroke, self.editing) = (None, None, None);
        self.shown = (0, 0);
    }

    fn draw(&mut self, stroke: InkStroke) {
        let InkStroke { number, kind, style, from, points: Points(points) } = stroke;
        let known = self.stroke.take().filter(|whole| whole.number == number && whole.kind == kind);
        let mut whole = known.unwrap_or_else(|| Whole { number, kind, style, points: Vec::new() });
        if self.shown.0 != number {
            self.shown = (number, 0);
        }
        whole.style = style;
        let have = whole.points.len();
        let end = from + points.len();
        // What was lost in between is a straight line until the element comes.
        if let (true, Some(first)) = (from > have, points.first()) {
            let last = whole.points.last().copied().unwrap_or(*first);
            let steps = (from - have + 1) as i64;
            for step in 1..steps {
                let between =
                    |a: i32, b: i32| (i64::from(a) + (i64::from(b) - i64::from(a)) * step / steps) as i32;
                let (x, y) = (between(last.x, first.x), between(last.y, first.y));
                whole.points.push(Point { x, y, pressure: first.pressure });
            }
        }
        let same = whole
            .points
            .get(from..)
            .map_or(0, |old| old.iter().zip(&points).take_while(|(old, new)| old == new).count());
        if from + same < have || end != have {
            self.changed = true;
        }
        self.shown.1 = self.shown.1.min(from + same).min(have);
        whole.points.truncate(from + same);
        whole.points.extend(&points[same..]);
        self.stroke = Some(whole);
    }

    fn show(&mut self) -> LiveState {
        let stroke = self.stroke.as_ref().map(|whole| {
            let keep = if self.shown.0 == whole.number { self.shown.1.min(whole.points.len()) } else { 0 };
            self.shown = (whole.number, whole.points.len());
            LiveStroke {
                number: whole.number,
                kind: whole.kind,
                style: whole.style,
                keep,
                points: whole.points[keep..].to_vec(),
            }
        });
        LiveState { page: self.page, pointer: self.pointer, stroke, editing: self.editing }
    }
}
