//! Several boards and the links between them: messages stay on their way for as long as the test wants, a link that breaks
//! loses what is on it, and who left is noticed by each of the others at another time.
// A test helper: nobody outside sees it.
#![allow(unreachable_pub)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use proptest::prelude::*;
use tincan_protocol::{
    Author, BoardMember, BoardMessage, Change, Color, DeedsDigest, Draw, ElementId, ElementKind, Frame,
    PartData, PeerId, Picture, PictureHash, Point, Points, Remove, Removed, Style, Value,
};
use tincan_share::{Board, BoardInput, BoardOutput, Edit, New};

/// The peer id of a member.
pub fn id(member: usize) -> PeerId {
    PeerId::from_bytes([member as u8 + 1; 32])
}

pub const STYLE: Style = Style { color: Color([0, 0, 0]), fill: None, width: 20, size: 160 };

/// A stroke, a note or a page to draw.
pub fn new(kind: ElementKind, page: Option<ElementId>) -> New {
    let points = if kind.has_points() {
        vec![Point { x: 10, y: 20, pressure: 128 }, Point { x: 110, y: 70, pressure: 140 }]
    } else {
        Vec::new()
    };
    let frame = Frame([0, 0, 100, 50]);
    New { kind, page, points, frame, style: STYLE, text: String::new(), live: None }
}

pub fn edit(id: ElementId) -> Edit {
    Edit { id, frame: None, style: None, text: None, place: None }
}

/// An element as a window shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub id: ElementId,
    pub kind: ElementKind,
    pub page: Option<ElementId>,
    pub points: Points,
    pub picture: Option<Picture>,
    pub frame: Frame,
    pub order: i64,
    pub style: Style,
    pub text: String,
}

pub fn shown(board: &Board, id: ElementId) -> Option<Shown> {
    let element = board.element(id)?;
    Some(Shown {
        id,
        kind: element.draw.kind,
        page: element.draw.page,
        points: element.draw.points.clone(),
        picture: element.draw.picture,
        frame: element.frame,
        order: element.order,
        style: element.style,
        text: element.text.to_owned(),
    })
}

/// What may happen. Numbers choose among whatever there is.
#[derive(Debug, Clone)]
pub enum Deed {
    Join(usize),
    Leave(usize),
    /// The first notices that the second left.
    Notice(usize, usize),
    Draw(usize, usize),
    Page(usize),
    Move(usize, usize, i32),
    Write(usize, usize),
    Remove(usize, usize),
    Clear(usize, usize, bool),
    Undo(usize),
    Redo(usize),
    Restore(usize),
    /// One message arrives.
    Arrive(usize, usize),
    /// One message arrives, and will once more.
    Repeat(usize, usize),
    Break(usize, usize),
    Open(usize, usize),
}

pub fn deed() -> impl Strategy<Value = Deed> {
    let who = || 0..5_usize;
    let pair = || (0..5_usize, 0..5_usize);
    let which = || (0..5_usize, 0..20_usize);
    prop_oneof![
        2 => who().prop_map(Deed::Join),
        1 => who().prop_map(Deed::Leave),
        1 => pair().prop_map(|(a, b)| Deed::Notice(a, b)),
        6 => which().prop_map(|(a, which)| Deed::Draw(a, which)),
        1 => who().prop_map(Deed::Page),
        4 => (0..5_usize, 0..20_usize, -50..50).prop_map(|(a, which, by)| Deed::Move(a, which, by)),
        2 => which().prop_map(|(a, which)| Deed::Write(a, which)),
        3 => which().prop_map(|(a, which)| Deed::Remove(a, which)),
        1 => (0..5_usize, 0..20_usize, any::<bool>()).prop_map(|(a, page, own)| Deed::Clear(a, page, own)),
        3 => who().prop_map(Deed::Undo),
        2 => who().prop_map(Deed::Redo),
        1 => who().prop_map(Deed::Restore),
        20 => pair().prop_map(|(a, b)| Deed::Arrive(a, b)),
        2 => pair().prop_map(|(a, b)| Deed::Repeat(a, b)),
        3 => pair().prop_map(|(a, b)| Deed::Break(a, b)),
        4 => pair().prop_map(|(a, b)| Deed::Open(a, b)),
    ]
}

/// What a hostile peer may say.
pub fn any_message() -> impl Strategy<Value = BoardMessage> {
    let peer = || (0..4_usize).prop_map(id);
    let author = || prop::option::of(peer().prop_map(|peer| Author { peer, name: "n".into() }));
    let number = || prop_oneof![8 => 1..20_u64, 1 => Just((1 << 53) - 1)];
    let element = || (number(), peer()).prop_map(|(number, author)| ElementId { number, author });
    let hash = || (0..3_u8).prop_map(|byte| PictureHash([byte; 32]));
    let members = prop::collection::vec(
        (peer(), prop::option::of(number()), prop::option::of(0..3_u64)).prop_map(|(peer, number, of)| {
            let mut digest = DeedsDigest::default();
            digest.toggle(of.unwrap_or_default());
            BoardMember { peer, number, digest: of.map(|_| digest) }
        }),
        0..5,
    );
    let kinds = prop_oneof![
        Just(ElementKind::Pen),
        Just(ElementKind::Note),
        Just(ElementKind::Page),
        Just(ElementKind::Picture)
    ];
    let draw = (author(), number(), kinds, prop::option::of(element()), hash()).prop_map(
        |(author, number, kind, page, hash)| {
            let points = if kind.has_points() { vec![Point::default()] } else { Vec::new() };
            BoardMessage::Draw(Draw {
                author,
                number,
                kind,
                page: page.filter(|_| kind != ElementKind::Page),
                frame: Frame([1, 2, 3, 4]),
                order: 5,
                style: STYLE,
                points: Points(points),
                text: if kind.has_text() { "x".into() } else { String::new() },
                picture: (kind == ElementKind::Picture).then_some(Picture {
                    hash,
                    bytes: 9,
                    width: 8,
                    height: 8,
                }),
                live: None,
            })
        },
    );
    let value = prop_oneof![
        (0..100_i32).prop_map(|x| Value::Frame(Frame([x; 4]))),
        (-9..9_i64).prop_map(Value::Order),
        ".{0,5}".prop_map(Value::Text),
    ];
    let change =
        (author(), number(), element(), number(), value).prop_map(|(author, number, of, version, value)| {
            BoardMessage::Change(Change { author, number, of, version, value })
        });
    let removed = prop::collection::vec(
        (peer(), number(), number())
            .prop_map(|(author, a, b)| Removed { author, numbers: vec![(a.min(b), a.max(b))] }),
        1..4,
    );
    let remove = (author(), number(), removed)
        .prop_map(|(author, number, elements)| BoardMessage::Remove(Remove { author, number, elements }));
    let part = (hash(), 0..9_usize, prop::collection::vec(any::<u8>(), 1..9))
        .prop_map(|(picture, at, data)| BoardMessage::Part { picture, at, data: PartData(data) });
    prop_oneof![
        2 => members.prop_map(|members| BoardMessage::Have { members }),
        6 => draw,
        6 => change,
        2 => remove,
        1 => (hash(), 0..9_usize).prop_map(|(picture, from)| BoardMessage::Want { picture, from }),
        1 => hash().prop_map(|picture| BoardMessage::Lack { picture }),
        1 => part,
    ]
}

struct Member {
    board: Board,
    here: bool,
    /// Whom this one takes for present.
    knows: BTreeSet<usize>,
    /// What its window was told of, as the window keeps it.
    window: BTreeMap<ElementId, Shown>,
}

pub struct World {
    members: Vec<Member>,
    /// What is on its way, of links that are open.
    links: BTreeMap<(usize, usize), VecDeque<Vec<u8>>>,
    written: u32,
    now: Duration,
    /// Messages that each member was ever sent.
    sent: BTreeMap<usize, usize>,
}

impl World {
    pub fn new(members: usize) -> Self {
        let member = |number| Member {
            board: Board::new(id(number)),
            here: false,
            knows: BTreeSet::new(),
            window: BTreeMap::new(),
        };
        let members = (0..members).map(member).collect();
        Self { members, links: BTreeMap::new(), written: 0, now: Duration::ZERO, sent: BTreeMap::new() }
    }

    pub fn board(&mut self, member: usize) -> &mut Board {
        &mut self.members[member].board
    }

    pub fn join_all(&mut self) {
        (0..self.members.len()).for_each(|member| self.join(member));
    }

    /// Comes into the room, and is linked to whoever is there. Whoever left comes back as nobody.
    pub fn join(&mut self, member: usize) {
        if self.members[member].here || !self.members[member].knows.is_empty() {
            return;
        }
        self.members[member].here = true;
        for other in self.here() {
            if other != member {
                for (one, two) in [(member, other), (other, member)] {
                    self.members[one].knows.insert(two);
                    self.members[one].board.handle(BoardInput::Came(id(two)));
                    let name = format!("member {two}");
                    self.members[one].board.handle(BoardInput::Named { peer: id(two), name });
                }
                self.open_link(member, other);
            }
        }
        // Never alone again, so that nobody joins twice.
        self.members[member].knows.insert(member);
    }

    /// Leaves; the others notice later.
    pub fn leave(&mut self, member: usize) {
        if !self.members[member].here {
            return;
        }
        self.members[member].here = false;
        for other in 0..self.members.len() {
            self.break_link(member, other);
        }
    }

    fn notice(&mut self, member: usize, gone: usize) {
        if member != gone && !self.members[gone].here && self.members[member].knows.remove(&gone) {
            self.members[member].board.handle(BoardInput::Left(id(gone)));
        }
    }

    fn here(&self) -> Vec<usize> {
        (0..self.members.len()).filter(|member| self.members[*member].here).collect()
    }

    pub fn break_link(&mut self, one: usize, two: usize) {
        for (from, to) in [(one, two), (two, one)] {
            if self.links.remove(&(from, to)).is_some() {
                self.members[from].board.handle(BoardInput::LinkClosed(id(to)));
            }
        }
    }

    pub fn open_link(&mut self, one: usize, two: usize) {
        if one == two || !self.members[one].here || !self.members[two].here {
            return;
        }
        self.break_link(one, two);
        for (from, to) in [(one, two), (two, one)] {
            self.links.insert((from, to), VecDeque::new());
            self.members[from].board.handle(BoardInput::LinkOpened(id(to)));
        }
    }

    /// Everything that members have to say goes on its way; the windows hear what changed.
    fn speak(&mut self) {
        self.now += Duration::from_millis(100);
        for member in &mut self.members {
            member.board.look(self.now);
        }
        let Self { links, members, sent, .. } = self;
        for (&(from, to), way) in links {
            members[from].board.tell(id(to), |message| {
                *sent.entry(to).or_default() += 1;
                let encoded = message.encode().into_bytes();
                assert_eq!(BoardMessage::decode(&encoded).as_ref(), Ok(message), "others understand it");
                way.push_back(encoded);
                true
            });
        }
        for member in &mut self.members {
            while let Some(output) = member.board.poll() {
                if let BoardOutput::Changed(id) = output {
                    match shown(&member.board, id) {
                        Some(shown) => drop(member.window.insert(id, shown)),
                        None => drop(member.window.remove(&id)),
                    }
                }
            }
        }
    }

    /// One message arrives.
    pub fn step(&mut self, from: usize, to: usize) {
        self.speak();
        if let Some(bytes) = self.links.get_mut(&(from, to)).and_then(VecDeque::pop_front) {
            self.members[to].board.handle(BoardInput::Received { peer: id(from), bytes });
        }
    }

    /// Everybody notices who left, and everything arrives.
    pub fn settle(&mut self) {
        for member in self.here() {
            (0..self.members.len()).for_each(|gone| self.notice(member, gone));
        }
        for _ in 0..100_000 {
            self.speak();
            let waiting = self.links.iter().find(|(_, way)| !way.is_empty()).map(|(pair, _)| *pair);
            let Some((from, to)) = waiting else { return };
            self.step(from, to);
        }
        panic!("they never come to an end");
    }

    /// How many messages somebody was ever sent.
    pub fn sent(&self, to: usize) -> usize {
        self.sent.get(&to).copied().unwrap_or(0)
    }

    /// Everybody who is here is linked to everybody.
    pub fn reconnect(&mut self) {
        for one in self.here() {
            for two in self.here() {
                if one < two && !self.links.contains_key(&(one, two)) {
                    self.open_link(one, two);
                }
            }
        }
    }

    /// Somebody draws one thing.
    pub fn draw(&mut self, member: usize, kind: ElementKind) -> ElementId {
        self.board(member).add(vec![new(kind, None)]).unwrap()[0]
    }

    pub fn view(&self, member: usize) -> Vec<Shown> {
        let board = &self.members[member].board;
        board.elements().into_iter().filter_map(|id| shown(board, id)).collect()
    }

    pub fn perform(&mut self, deed: &Deed) {
        match *deed {
            Deed::Join(member) => self.join(member),
            Deed::Leave(member) => self.leave(member),
            Deed::Notice(member, gone) => self.notice(member, gone),
            Deed::Arrive(from, to) => self.step(from, to),
            Deed::Repeat(from, to) => {
                self.speak();
                if let Some(bytes) = self.links.get(&(from, to)).and_then(VecDeque::front).cloned() {
                    self.members[to].board.handle(BoardInput::Received { peer: id(from), bytes });
                }
            }
            Deed::Break(one, two) => self.break_link(one, two),
            Deed::Open(one, two) => self.open_link(one, two),
            Deed::Draw(member, _)
            | Deed::Page(member)
            | Deed::Move(member, ..)
            | Deed::Write(member, _)
            | Deed::Remove(member, _)
            | Deed::Clear(member, ..)
            | Deed::Undo(member)
            | Deed::Redo(member)
            | Deed::Restore(member) => {
                if self.members[member].here {
                    self.act(member, deed);
                }
            }
        }
    }

    fn act(&mut self, member: usize, deed: &Deed) {
        self.written += 1;
        let text = self.written.to_string();
        let all = self.members[member].board.elements();
        let choose = |which: usize| all.get(which % all.len().max(1)).copied();
        let pages = all.iter().filter(|id| {
            self.members[member].board.element(**id).is_some_and(|one| one.draw.kind == ElementKind::Page)
        });
        let pages: Vec<_> = std::iter::once(None).chain(pages.map(|id| Some(*id))).collect();
        let page = |which: usize| pages[which % pages.len()];
        let board = &mut self.members[member].board;
        // What is not there cannot be changed, and what was never done not be undone.
        let _ = match *deed {
            Deed::Draw(_, which) => {
                let kind = if which % 2 == 0 { ElementKind::Pen } else { ElementKind::Note };
                board.add(vec![new(kind, page(which))]).map(drop)
            }
            Deed::Page(_) => board.add(vec![New { text, ..new(ElementKind::Page, None) }]).map(drop),
            Deed::Move(_, which, by) => choose(which).map_or(Ok(()), |id| {
                board.change(vec![Edit { frame: Some(Frame([by, by, 100 + by, 50])), ..edit(id) }], None)
            }),
            Deed::Write(_, which) => choose(which)
                .map_or(Ok(()), |id| board.change(vec![Edit { text: Some(text), ..edit(id) }], None)),
            Deed::Remove(_, which) => choose(which).map_or(Ok(()), |id| board.remove(&[id], None)),
            Deed::Clear(_, which, own) => board.clear(page(which), own),
            Deed::Undo(_) => board.undo(),
            Deed::Redo(_) => board.redo(),
            Deed::Restore(_) => board.restore(),
            _ => Ok(()),
        };
    }

    /// Everybody shows the same, and their windows show what they have.
    pub fn check(&self) {
        let here = self.here();
        for member in &here {
            let mut view = self.view(*member);
            view.sort_by_key(|shown| shown.id);
            let window: Vec<_> = self.members[*member].window.values().cloned().collect();
            assert_eq!(window, view, "the window of {member} was told of everything");
        }
        for pair in here.windows(2) {
            assert_eq!(self.view(pair[0]), self.view(pair[1]), "{pair:?} have the same");
        }
    }
}
