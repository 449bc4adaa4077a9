//! The chat of a call: the same posts in the same order for everybody.
//!
//! Each member keeps what everybody said, as it is now. A post is changed by its author alone, who counts every change with
//! a clock that is ahead of every clock that they saw (Lamport's); the clock of its first version orders a post, and of two
//! authors with the same clock the smaller id comes first. So what a member shows depends on what they have and never on
//! the order in which it came.
//!
//! Everybody speaks for themselves, each on their own links. What somebody said to all who has left is handed on by those who
//! heard it, to whoever lacks it; what was heard from its author is never changed by another's word.

mod author;
mod link;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use thiserror::Error;
use tincan_protocol::{
    ChatMessage, MAX_CHAT_CLOCK, MAX_MESSAGE_CHARS, MAX_MESSAGE_TEXT, PeerId, Post, PostId, React, Reaction,
    display_name, is_message_text, message_text,
};

use author::{Author, Kept, Reacted};
pub use author::{MAX_POSTS, MAX_TEXT};
use link::Link;

/// People of whom something is kept. A room has up to sixteen; whoever crashes and comes back is another one.
pub const MAX_AUTHORS: usize = 64;
/// How far one message takes our clock at most: more than anybody writes in a call. Whoever makes their clock jump stays
/// behind everything that is said for a while, and nobody runs out of numbers: that takes as many messages as fit between
/// this and [`MAX_CHAT_CLOCK`], 8.6 billion.
const MAX_JUMP: u64 = 1 << 20;
/// Nothing beyond this is looked at: cleaning a text only makes it shorter, but for tabs.
const MAX_TYPED: usize = 4 * MAX_MESSAGE_TEXT;

/// What happened.
#[derive(derive_more::Debug, Clone, PartialEq, Eq)]
pub enum ChatInput {
    /// Somebody is in the room.
    Came(PeerId),
    /// What somebody calls themselves.
    Named {
        /// Who.
        peer: PeerId,
        /// Their name.
        #[debug(skip)]
        name: String,
    },
    /// Somebody is not in the room any more.
    Left(PeerId),
    /// The chat channel to a member of the room is open, for the first time or anew.
    LinkOpened(PeerId),
    /// It is not any more.
    LinkClosed(PeerId),
    /// A message on the chat channel.
    Received {
        /// From whom.
        peer: PeerId,
        /// The message.
        #[debug(skip)]
        bytes: Vec<u8>,
    },
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChatOutput {
    /// This post is new, or is another than before: see [`Chat::said`].
    Changed(PostId),
    /// This post is not kept any more: its author said too much.
    Dropped(PostId),
    /// Somebody's name is another: see [`Chat::name`].
    Named(PeerId),
    /// From now on newcomers are not told what was said before they came.
    Closed,
}

/// Something to say.
#[derive(derive_more::Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// What.
    #[debug(skip)]
    pub text: String,
    /// To whom alone; `None`: to everybody.
    pub to: Option<PeerId>,
    /// What it replies to.
    pub reply: Option<PostId>,
}

/// A post as it is now.
#[derive(derive_more::Debug, Clone, PartialEq, Eq)]
pub struct Said<'a> {
    /// Which.
    pub id: PostId,
    /// Milliseconds since 1970, by the author's clock.
    pub at: u64,
    /// For whom alone it is.
    pub to: Option<PeerId>,
    /// What it replies to; that may be unknown here.
    pub reply: Option<PostId>,
    /// `None`: it was deleted.
    #[debug(skip)]
    pub text: Option<&'a str>,
    /// Whether it was changed since it was said.
    pub edited: bool,
    /// Who handed it on; `None`: it came from its author.
    pub via: Option<PeerId>,
    /// Who reacted how.
    pub reactions: BTreeMap<Reaction, BTreeSet<PeerId>>,
}

/// What was asked of the chat cannot be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ChatError {
    /// Nothing is left of the text when it is cleaned.
    #[error("There is nothing to send. Write something first.")]
    Empty,
    /// The text is too long.
    #[error("That is too long: a message has at most {MAX_MESSAGE_CHARS} characters. Send it in parts.")]
    TooLong,
    /// Whoever it is meant for is not in the room.
    #[error("The person it is for has left the call. Send it to somebody else.")]
    NotHere,
    /// There is no such post (any more).
    #[error("That message is not here any more.")]
    Unknown,
    /// Somebody else said it.
    #[error("Only whoever wrote a message can change or delete it.")]
    NotYours,
    /// A reply to a private message would tell others of it.
    #[error("A reply to a private message goes to that person only.")]
    Private,
    /// The clock has no larger number.
    #[error("This call's chat takes nothing more. Start a new call.")]
    Full,
}

impl ChatError {
    /// A stable word for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Empty => "chat_empty",
            Self::TooLong => "chat_too_long",
            Self::NotHere => "chat_not_here",
            Self::Unknown => "chat_unknown",
            Self::NotYours => "chat_not_yours",
            Self::Private => "chat_private",
            Self::Full => "chat_full",
        }
    }
}

/// The chat of one stay in a room.
#[derive(Debug)]
pub struct Chat {
    me: PeerId,
    /// The largest clock that we saw.
    clock: u64,
    /// Newcomers are not told what was said before they came.
    closed: bool,
    /// We among them.
    authors: BTreeMap<PeerId, Author>,
    links: BTreeMap<PeerId, Link>,
    /// How many posts were ever taken in: says what was there when somebody came.
    arrivals: u64,
    outputs: VecDeque<ChatOutput>,
}

impl Chat {
    /// Of somebody who has just come.
    pub fn new(me: PeerId) -> Self {
        Self {
            me,
            clock: 0,
            closed: false,
            authors: BTreeMap::from([(me, Author::here())]),
            links: BTreeMap::new(),
            arrivals: 0,
            outputs: VecDeque::new(),
        }
    }

    /// Takes what happened.
    pub fn handle(&mut self, input: ChatInput) {
        match input {
            ChatInput::Came(peer) if peer != self.me => self.came(peer),
            ChatInput::Named { peer, name } => self.named(peer, &name),
            ChatInput::Left(peer) if peer != self.me => self.left(peer),
            ChatInput::LinkOpened(peer) if self.is_present(peer) && peer != self.me => {
                self.links.insert(peer, Link::default());
            }
            ChatInput::LinkClosed(peer) => {
                self.links.remove(&peer);
            }
            ChatInput::Received { peer, bytes } => self.received(peer, &bytes),
            ChatInput::Came(_) | ChatInput::Left(_) | ChatInput::LinkOpened(_) => {}
        }
    }

    /// What changed; `None` when everything was told.
    pub fn poll(&mut self) -> Option<ChatOutput> {
        self.outputs.pop_front()
    }

    /// Says something.
    ///
    /// # Errors
    /// [`ChatError`] with a sentence for the person.
    pub fn say(&mut self, draft: Draft, at: u64) -> Result<PostId, ChatError> {
        let text = cleaned(&draft.text)?;
        if draft.to.is_some_and(|to| to == self.me || !self.is_present(to)) {
            return Err(ChatError::NotHere);
        }
        if let Some(reply) = draft.reply {
            let (of, to) = (reply.author, self.kept(reply).ok_or(ChatError::Unknown)?.to);
            let other = if of == self.me { to } else { Some(of) };
            if to.is_some() && draft.to != other {
                return Err(ChatError::Private);
            }
        }
        let clock = self.tick()?;
        let id = PostId { number: clock, author: self.me };
        self.arrivals += 1;
        let kept = Kept {
            clock,
            at: at.min(MAX_CHAT_CLOCK),
            to: draft.to,
            reply: draft.reply,
            text: Some(text),
            via: None,
            arrival: self.arrivals,
        };
        self.put(id, kept);
        Ok(id)
    }

    /// Changes what we said.
    ///
    /// # Errors
    /// [`ChatError`] with a sentence for the person.
    pub fn edit(&mut self, id: PostId, text: &str) -> Result<(), ChatError> {
        let text = cleaned(text)?;
        if self.own(id)?.text.as_ref() != Some(&text) {
            self.change(id, Some(text))?;
        }
        Ok(())
    }

    /// Deletes what we said, everywhere.
    ///
    /// # Errors
    /// [`ChatError`] with a sentence for the person.
    pub fn delete(&mut self, id: PostId) -> Result<(), ChatError> {
        self.own(id)?;
        self.change(id, None)
    }

    /// Says what we think of a post, or takes it back.
    ///
    /// # Errors
    /// [`ChatError`] with a sentence for the person.
    pub fn react(&mut self, of: PostId, reaction: Reaction, on: bool) -> Result<(), ChatError> {
        if self.kept(of).ok_or(ChatError::Unknown)?.text.is_none() {
            return Err(ChatError::Unknown);
        }
        let mut reactions = self.mine().reacted.get(&of).map(|one| one.reactions.clone()).unwrap_or_default();
        let changed = if on { reactions.insert(reaction) } else { reactions.remove(&reaction) };
        if changed {
            let clock = self.tick()?;
            self.mine_mut().react(of, Reacted { clock, reactions, via: None });
            self.outputs.push_back(ChatOutput::Changed(of));
        }
        Ok(())
    }

    /// From now on newcomers are not told what was said before they came. It stays so: everybody who hears it does the
    /// same.
    pub fn close_history(&mut self) {
        if !std::mem::replace(&mut self.closed, true) {
            self.outputs.push_back(ChatOutput::Closed);
        }
    }

    /// Whether newcomers are told what was said before they came.
    pub const fn is_open(&self) -> bool {
        !self.closed
    }

    /// Every post, in the order in which everybody has them.
    pub fn posts(&self) -> Vec<PostId> {
        let ids = |(author, from): (&PeerId, &Author)| {
            let author = *author;
            from.posts.keys().map(move |number| PostId { number: *number, author }).collect::<Vec<_>>()
        };
        let mut all: Vec<PostId> = self.authors.iter().flat_map(ids).collect();
        all.sort_unstable();
        all
    }

    /// A post as it is now.
    pub fn said(&self, id: PostId) -> Option<Said<'_>> {
        let kept = self.kept(id)?;
        let mut reactions = BTreeMap::<Reaction, BTreeSet<PeerId>>::new();
        let may_know = |peer: PeerId| kept.to.is_none_or(|to| [id.author, to].contains(&peer));
        for (peer, author) in self.authors.iter().filter(|(peer, _)| may_know(**peer)) {
            for reaction in author.reacted.get(&id).into_iter().flat_map(|one| &one.reactions) {
                reactions.entry(*reaction).or_default().insert(*peer);
            }
        }
        Some(Said {
            id,
            at: kept.at,
            to: kept.to,
            reply: kept.reply,
            text: kept.text.as_deref(),
            edited: kept.clock > id.number,
            via: kept.via,
            reactions,
        })
    }

    /// What somebody calls themselves, also when they have left; may be empty.
    pub fn name(&self, peer: PeerId) -> &str {
        self.authors.get(&peer).map_or("", |author| &author.name)
    }

    fn is_present(&self, peer: PeerId) -> bool {
        self.authors.get(&peer).is_some_and(|author| author.present)
    }

    fn kept(&self, id: PostId) -> Option<&Kept> {
        self.authors.get(&id.author)?.posts.get(&id.number)
    }

    fn own(&self, id: PostId) -> Result<&Kept, ChatError> {
        if id.author != self.me {
            return Err(ChatError::NotYours);
        }
        let kept = self.kept(id).ok_or(ChatError::Unknown)?;
        if kept.text.is_some() { Ok(kept) } else { Err(ChatError::Unknown) }
    }

    fn mine(&self) -> &Author {
        self.authors.get(&self.me).expect("we are there from the start, and nobody takes us out")
    }

    fn mine_mut(&mut self) -> &mut Author {
        self.authors.get_mut(&self.me).expect("we are there from the start, and nobody takes us out")
    }

    fn tick(&mut self) -> Result<u64, ChatError> {
        if self.clock >= MAX_CHAT_CLOCK {
            return Err(ChatError::Full);
        }
        self.clock += 1;
        Ok(self.clock)
    }

    fn change(&mut self, id: PostId, text: Option<String>) -> Result<(), ChatError> {
        let clock = self.tick()?;
        if let Some(kept) = self.kept(id) {
            let kept = Kept { clock, text, ..kept.clone() };
            self.put(id, kept);
        }
        Ok(())
    }

    /// Keeps a post in place of what was there, and drops the author's oldest when they said too much.
    fn put(&mut self, id: PostId, kept: Kept) {
        let Some(author) = self.authors.get_mut(&id.author) else { return };
        let dropped = author.put(id.number, kept);
        if !dropped.contains(&id.number) {
            self.outputs.push_back(ChatOutput::Changed(id));
        }
        let author = id.author;
        let gone = dropped.into_iter().map(|number| ChatOutput::Dropped(PostId { number, author }));
        self.outputs.extend(gone);
    }

    fn came(&mut self, peer: PeerId) {
        if !self.make_room(peer, true) {
            return;
        }
        let (arrivals, is_new) = (self.arrivals, !self.authors.contains_key(&peer));
        let author = self.authors.entry(peer).or_default();
        author.present = true;
        if is_new {
            author.came = arrivals;
        }
    }

    fn left(&mut self, peer: PeerId) {
        self.links.remove(&peer);
        let Some(author) = self.authors.get_mut(&peer) else { return };
        author.present = false;
        if author.said_nothing() {
            self.authors.remove(&peer);
        }
        for link in self.links.values_mut() {
            link.has_left(peer);
        }
    }

    fn named(&mut self, peer: PeerId, name: &str) {
        let name = display_name(name);
        if let Some(author) = self.authors.get_mut(&peer)
            && author.name != name
        {
            author.name = name;
            self.outputs.push_back(ChatOutput::Named(peer));
        }
    }

    /// Whether something of this author can be kept. Whoever is here goes before those who left.
    fn make_room(&mut self, peer: PeerId, present: bool) -> bool {
        if self.authors.len() < MAX_AUTHORS || self.authors.contains_key(&peer) {
            return true;
        }
        let departed = self.authors.iter().filter(|(_, author)| !author.present);
        let oldest = departed.min_by_key(|(_, author)| author.latest()).map(|(peer, _)| *peer);
        let Some(oldest) = oldest.filter(|_| present) else { return false };
        if let Some(author) = self.authors.remove(&oldest) {
            let gone = author.posts.into_keys().map(|number| PostId { number, author: oldest });
            self.outputs.extend(gone.map(ChatOutput::Dropped));
        }
        true
    }

    fn received(&mut self, peer: PeerId, bytes: &[u8]) {
        if !self.links.contains_key(&peer) {
            return;
        }
        // A newer version may say more than we understand.
        match ChatMessage::decode(bytes) {
            Ok(ChatMessage::Have { members, closed }) => {
                if closed {
                    self.close_history();
                }
                self.heard_have(peer, &members);
            }
            Ok(ChatMessage::Post(post)) => self.heard_post(peer, post),
            Ok(ChatMessage::React(react)) => self.heard_react(peer, react),
            Err(_) => {}
        }
    }

    /// Whose word something is, and who hands it on; `None` when nobody may say it.
    fn speaker(
        &mut self,
        peer: PeerId,
        author: Option<tincan_protocol::Author>,
    ) -> Option<(PeerId, Option<PeerId>)> {
        let Some(author) = author else { return Some((peer, None)) };
        // Whoever is here speaks for themselves, and so do we.
        if author.peer == self.me || self.is_present(author.peer) || !self.make_room(author.peer, false) {
            return None;
        }
        if self.authors.entry(author.peer).or_default().name.is_empty() {
            self.named(author.peer, &author.name);
        }
        Some((author.peer, Some(peer)))
    }

    fn heard_post(&mut self, peer: PeerId, post: Post) {
        let for_us = match post.author {
            None => post.to.is_none_or(|to| to == self.me),
            Some(_) => post.to.is_none(),
        };
        if !for_us {
            return;
        }
        let Some((author, via)) = self.speaker(peer, post.author) else { return };
        self.saw(author, via, post.clock, post.last);
        let id = PostId { number: post.number, author };
        // Whoever cleans their text first sends none that is longer afterwards; we could hand on no longer one.
        let text = post.text.map(|text| message_text(&text));
        let text = text.filter(|text| !text.is_empty() && is_message_text(text));
        let new =
            Kept { clock: post.clock, at: post.at, to: post.to, reply: post.reply, text, via, arrival: 0 };
        match self.kept(id) {
            None => {
                self.arrivals += 1;
                self.put(id, Kept { arrival: self.arrivals, ..new });
            }
            Some(old) if old.is_replaced_by(&new) => {
                let kept = old.changed_to(new);
                self.put(id, kept);
            }
            Some(_) => {}
        }
    }

    fn heard_react(&mut self, peer: PeerId, react: React) {
        let Some((author, via)) = self.speaker(peer, react.author) else { return };
        self.saw(author, via, react.clock, react.last);
        let of = react.of;
        let new = Reacted { clock: react.clock, reactions: react.reactions, via };
        if let Some(author) = self.authors.get_mut(&author)
            && author.reacted.get(&of).is_none_or(|old| old.is_replaced_by(&new))
        {
            author.react(of, new);
            if self.kept(of).is_some() {
                self.outputs.push_back(ChatOutput::Changed(of));
            }
        }
    }

    /// Our clock goes on from the largest that we saw, and what we have of somebody is more.
    fn saw(&mut self, author: PeerId, via: Option<PeerId>, clock: u64, last: bool) {
        self.clock = self.clock.max(clock.min(self.clock.saturating_add(MAX_JUMP)));
        if last && let Some(author) = self.authors.get_mut(&author) {
            if via.is_none() {
                author.direct = author.direct.max(clock);
            }
            author.complete = author.complete.max(clock);
        }
    }
}

/// What a person typed, as it is sent.
fn cleaned(typed: &str) -> Result<String, ChatError> {
    if typed.len() > MAX_TYPED {
        return Err(ChatError::TooLong);
    }
    let text = message_text(typed);
    if text.is_empty() {
        Err(ChatError::Empty)
    } else if is_message_text(&text) {
        Ok(text)
    } else {
        Err(ChatError::TooLong)
    }
}
