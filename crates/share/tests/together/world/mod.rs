//! Several chats and the links between them: messages stay on their way for as long as the test wants, a link that breaks
//! loses what is on it, and who left is noticed by each of the others at another time.
// A test helper: nobody outside sees it.
#![allow(unreachable_pub)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;
use tincan_protocol::{Author, ChatMember, ChatMessage, PeerId, Post, PostId, React, Reaction};
use tincan_share::{Chat, ChatInput, ChatOutput, Draft};

/// The peer id of a member.
pub fn id(member: usize) -> PeerId {
    PeerId::from_bytes([member as u8 + 1; 32])
}

/// A post as a window shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub id: PostId,
    pub to: Option<PeerId>,
    pub reply: Option<PostId>,
    pub text: Option<String>,
    pub edited: bool,
    pub via: Option<PeerId>,
    pub reactions: BTreeMap<Reaction, BTreeSet<PeerId>>,
}

/// What may happen. Numbers choose among whatever there is.
#[derive(Debug, Clone)]
pub enum Deed {
    Join(usize),
    Leave(usize),
    /// The first notices that the second left.
    Notice(usize, usize),
    Say(usize),
    Whisper(usize, usize),
    Edit(usize, usize),
    Delete(usize, usize),
    React(usize, usize, bool),
    /// One message arrives.
    Arrive(usize, usize),
    /// One message arrives, and will once more.
    Repeat(usize, usize),
    Break(usize, usize),
    Open(usize, usize),
}

pub fn deed() -> impl Strategy<Value = Deed> {
    let who = 0..5_usize;
    let pair = || (0..5_usize, 0..5_usize);
    prop_oneof![
        2 => who.clone().prop_map(Deed::Join),
        1 => who.clone().prop_map(Deed::Leave),
        1 => pair().prop_map(|(a, b)| Deed::Notice(a, b)),
        6 => who.prop_map(Deed::Say),
        1 => pair().prop_map(|(a, b)| Deed::Whisper(a, b)),
        3 => (0..5_usize, 0..20_usize).prop_map(|(a, which)| Deed::Edit(a, which)),
        1 => (0..5_usize, 0..20_usize).prop_map(|(a, which)| Deed::Delete(a, which)),
        3 => (0..5_usize, 0..20_usize, any::<bool>()).prop_map(|(a, which, on)| Deed::React(a, which, on)),
        20 => pair().prop_map(|(a, b)| Deed::Arrive(a, b)),
        2 => pair().prop_map(|(a, b)| Deed::Repeat(a, b)),
        3 => pair().prop_map(|(a, b)| Deed::Break(a, b)),
        4 => pair().prop_map(|(a, b)| Deed::Open(a, b)),
    ]
}

/// What a hostile peer may say, and what happens besides.
pub fn any_message() -> impl Strategy<Value = (u8, ChatMessage)> {
    let peer = || (0..4_usize).prop_map(id);
    let author = || prop::option::of(peer().prop_map(|peer| Author { peer, name: "n".into() }));
    let clock = || prop_oneof![1..20_u64, Just((1 << 53) - 1)];
    let members = prop::collection::vec(
        (peer(), prop::option::of(clock())).prop_map(|(peer, clock)| ChatMember { peer, clock }),
        0..5,
    );
    let have = (members, any::<bool>()).prop_map(|(members, closed)| ChatMessage::Have { members, closed });
    let post =
        (author(), clock(), clock(), prop::option::of(peer()), prop::option::of(".{0,9}"), any::<bool>())
            .prop_map(|(author, a, b, to, text, last)| {
                let (number, clock) = (a.min(b), a.max(b));
                ChatMessage::Post(Post { author, number, clock, at: 0, to, reply: None, text, last })
            });
    let react =
        (author(), clock(), peer(), clock(), any::<bool>()).prop_map(|(author, n, of, clock, last)| {
            let reactions = BTreeSet::from([Reaction::Clap]);
            ChatMessage::React(React { author, of: PostId { number: n, author: of }, clock, reactions, last })
        });
    (0..8_u8, prop_oneof![have, post, react])
}

struct Member {
    chat: Chat,
    here: bool,
    /// Whom this one takes for present.
    knows: BTreeSet<usize>,
    /// What its window was told of, as the window keeps it.
    window: BTreeMap<PostId, Shown>,
    /// Posts that were changed, and reactions: only what their authors are here to repeat must be the same in the end.
    changed: BTreeSet<PostId>,
    reacted: BTreeMap<PostId, u32>,
}

pub struct World {
    members: Vec<Member>,
    /// What is on its way, of links that are open.
    links: BTreeMap<(usize, usize), VecDeque<Vec<u8>>>,
    said: u32,
}

impl World {
    pub fn new(members: usize) -> Self {
        let member = |number| Member {
            chat: Chat::new(id(number)),
            here: false,
            knows: BTreeSet::new(),
            window: BTreeMap::new(),
            changed: BTreeSet::new(),
            reacted: BTreeMap::new(),
        };
        Self { members: (0..members).map(member).collect(), links: BTreeMap::new(), said: 0 }
    }

    pub fn chat(&mut self, member: usize) -> &mut Chat {
        &mut self.members[member].chat
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
                    self.members[one].chat.handle(ChatInput::Came(id(two)));
                    let name = format!("member {two}");
                    self.members[one].chat.handle(ChatInput::Named { peer: id(two), name });
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
            self.members[member].chat.handle(ChatInput::Left(id(gone)));
        }
    }

    fn here(&self) -> Vec<usize> {
        (0..self.members.len()).filter(|member| self.members[*member].here).collect()
    }

    pub fn break_link(&mut self, one: usize, two: usize) {
        for (from, to) in [(one, two), (two, one)] {
            if self.links.remove(&(from, to)).is_some() {
                self.members[from].chat.handle(ChatInput::LinkClosed(id(to)));
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
            self.members[from].chat.handle(ChatInput::LinkOpened(id(to)));
        }
    }

    /// Everything that members have to say goes on its way; the windows hear what changed.
    fn speak(&mut self) {
        for (&(from, to), way) in &mut self.links {
            self.members[from].chat.tell(id(to), |message| {
                way.push_back(message.encode().into_bytes());
                true
            });
        }
        for member in &mut self.members {
            while let Some(output) = member.chat.poll() {
                match output {
                    ChatOutput::Changed(id) => drop(member.window.insert(id, shown(&member.chat, id))),
                    ChatOutput::Dropped(id) => drop(member.window.remove(&id)),
                    ChatOutput::Named(_) | ChatOutput::Closed => {}
                }
            }
        }
    }

    /// One message arrives.
    pub fn step(&mut self, from: usize, to: usize) {
        self.speak();
        if let Some(bytes) = self.links.get_mut(&(from, to)).and_then(VecDeque::pop_front) {
            self.members[to].chat.handle(ChatInput::Received { peer: id(from), bytes });
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

    pub fn say(&mut self, member: usize, text: &str) -> PostId {
        self.chat(member).say(Draft { text: text.into(), to: None, reply: None }, 0).unwrap()
    }

    pub fn view(&self, member: usize) -> Vec<Shown> {
        let chat = &self.members[member].chat;
        chat.posts().into_iter().map(|id| shown(chat, id)).collect()
    }

    pub fn perform(&mut self, deed: Deed) {
        match deed {
            Deed::Join(member) => self.join(member),
            Deed::Leave(member) => self.leave(member),
            Deed::Notice(member, gone) => self.notice(member, gone),
            Deed::Arrive(from, to) => self.step(from, to),
            Deed::Repeat(from, to) => {
                self.speak();
                if let Some(bytes) = self.links.get(&(from, to)).and_then(VecDeque::front).cloned() {
                    self.members[to].chat.handle(ChatInput::Received { peer: id(from), bytes });
                }
            }
            Deed::Break(one, two) => self.break_link(one, two),
            Deed::Open(one, two) => self.open_link(one, two),
            Deed::Say(member) | Deed::Whisper(member, _) if !self.members[member].here => {}
            Deed::Say(member) => {
                self.said += 1;
                self.say(member, &self.said.to_string());
            }
            Deed::Whisper(member, other) => {
                self.said += 1;
                let draft = Draft { text: self.said.to_string(), to: Some(id(other)), reply: None };
                // Whoever is not there hears nothing.
                let _ = self.chat(member).say(draft, 0);
            }
            Deed::Edit(member, which) | Deed::Delete(member, which) => {
                let chosen = self.choose(member, which);
                let Some(chosen) = chosen.filter(|chosen| chosen.author == id(member)) else { return };
                self.said += 1;
                let (said, deletes) = (self.said.to_string(), matches!(deed, Deed::Delete(..)));
                let member = &mut self.members[member];
                let done = if deletes { member.chat.delete(chosen) } else { member.chat.edit(chosen, &said) };
                if done.is_ok() {
                    member.changed.insert(chosen);
                }
            }
            Deed::React(member, which, on) => {
                let Some(chosen) = self.choose(member, which) else { return };
                let member = &mut self.members[member];
                if member.chat.react(chosen, Reaction::Heart, on).is_ok() {
                    *member.reacted.entry(chosen).or_default() += 1;
                }
            }
        }
    }

    fn choose(&self, member: usize, which: usize) -> Option<PostId> {
        let posts = self.members[member].chat.posts();
        self.members[member].here.then(|| posts.get(which % posts.len().max(1)).copied()).flatten()
    }

    /// Everybody shows the same, and their windows show what they have.
    pub fn check(&self) {
        let here = self.here();
        for member in &here {
            let window: Vec<_> = self.members[*member].window.values().cloned().collect();
            assert_eq!(window, self.view(*member), "the window of {member} was told of everything");
        }
        let public = |member: usize| -> Vec<Shown> {
            let view = self.view(member).into_iter().filter(|said| said.to.is_none());
            view.map(|said| self.comparable(said)).collect()
        };
        for pair in here.windows(2) {
            assert_eq!(public(pair[0]), public(pair[1]), "{pair:?} have the same");
        }
        for one in &here {
            for two in &here {
                let between = |member: usize| -> Vec<Shown> {
                    let both = BTreeSet::from([Some(id(*one)), Some(id(*two))]);
                    let is_theirs = |said: &Shown| {
                        said.to.is_some() && BTreeSet::from([said.to, Some(said.id.author)]) == both
                    };
                    self.view(member).into_iter().filter(is_theirs).collect()
                };
                assert_eq!(between(*one), between(*two), "{one} and {two} have what they told each other");
                for third in &here {
                    assert!(third == one || third == two || one == two || between(*third).is_empty());
                }
            }
        }
    }

    /// Without what may differ: who handed something on, and what somebody changed whom nobody can ask any more.
    fn comparable(&self, said: Shown) -> Shown {
        let gone = |author: PeerId| {
            self.members.iter().enumerate().find(|(number, one)| id(*number) == author && !one.here)
        };
        let changed = gone(said.id.author).is_some_and(|(_, one)| one.changed.contains(&said.id));
        let again = |peer: &PeerId| {
            gone(*peer).is_some_and(|(_, one)| one.reacted.get(&said.id).is_some_and(|times| *times > 1))
        };
        let mut reactions = said.reactions.clone();
        reactions.values_mut().for_each(|peers| peers.retain(|peer| !again(peer)));
        reactions.retain(|_, peers| !peers.is_empty());
        Shown {
            via: None,
            text: said.text.filter(|_| !changed),
            edited: said.edited && !changed,
            reactions,
            ..said
        }
    }
}

fn shown(chat: &Chat, id: PostId) -> Shown {
    let said = chat.said(id).unwrap();
    Shown {
        id,
        to: said.to,
        reply: said.reply,
        text: said.text.map(str::to_owned),
        edited: said.edited,
        via: said.via,
        reactions: said.reactions,
    }
}
