//! What each member is told: what they lack of our own posts, and of those who left.

use std::collections::{BTreeMap, BTreeSet};

use tincan_protocol::{
    Author as Named, ChatMember, ChatMessage, MAX_CHAT_MEMBERS, PeerId, Post, PostId, React,
};

use super::Chat;
use super::author::{Author, Piece};

/// How much of somebody a member has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Everything up to this clock.
    Has(u64),
    /// They will say when they want it.
    Waits,
}

/// The way to a member.
#[derive(Debug, Default)]
pub(super) struct Link {
    /// Whether we said what we have.
    introduced: bool,
    /// What we said that we have of whom.
    told: BTreeMap<PeerId, u64>,
    /// Of whom we are to say what we have.
    news: BTreeSet<PeerId>,
    /// Whether we said that the history is closed.
    told_closed: bool,
    /// How much they have of whom; `None` until they said it.
    theirs: Option<BTreeMap<PeerId, Standing>>,
}

impl Link {
    /// Somebody left the room: both say how much they have of them.
    pub(super) fn has_left(&mut self, peer: PeerId) {
        self.news.insert(peer);
        if let Some(theirs) = &mut self.theirs {
            theirs.entry(peer).or_insert(Standing::Waits);
        }
    }
}

impl Chat {
    /// Says to a member what they lack, until that is nothing or `take` has no room; it is asked again for what it did not
    /// take.
    pub fn tell(&mut self, peer: PeerId, mut take: impl FnMut(&ChatMessage) -> bool) {
        while let Some(message) = self.next(peer) {
            if !take(&message) {
                return;
            }
            self.taken(peer, &message);
        }
    }

    /// Everybody to whom there is a link.
    pub fn linked(&self) -> impl Iterator<Item = PeerId> {
        self.links.keys().copied()
    }

    fn next(&self, peer: PeerId) -> Option<ChatMessage> {
        let link = self.links.get(&peer)?;
        if !link.introduced {
            return Some(self.introduction(peer));
        }
        if !link.news.is_empty() || (self.closed && !link.told_closed) {
            let members = link.news.iter().take(MAX_CHAT_MEMBERS).map(|author| self.standing(*author));
            return Some(ChatMessage::Have { members: members.collect(), closed: self.closed });
        }
        let theirs = link.theirs.as_ref()?;
        let departed = self.authors.iter().filter(|(id, author)| !author.present && **id != peer);
        for (id, author) in std::iter::once((&self.me, self.mine())).chain(departed) {
            let after = match theirs.get(id) {
                Some(Standing::Has(clock)) => *clock,
                Some(Standing::Waits) if *id != self.me => continue,
                Some(Standing::Waits) | None => 0,
            };
            if let Some(message) = self.lacking(peer, *id, author, after) {
                return Some(message);
            }
        }
        None
    }

    fn taken(&mut self, peer: PeerId, message: &ChatMessage) {
        let (me, closed) = (self.me, self.closed);
        let Some(link) = self.links.get_mut(&peer) else { return };
        let (author, clock) = match message {
            ChatMessage::Have { members, .. } => {
                link.introduced = true;
                link.told_closed = closed;
                for member in members {
                    link.news.remove(&member.peer);
                    link.told.extend(member.clock.map(|clock| (member.peer, clock)));
                }
                return;
            }
            ChatMessage::Post(post) => (&post.author, post.clock),
            ChatMessage::React(react) => (&react.author, react.clock),
        };
        let author = author.as_ref().map_or(me, |author| author.peer);
        if let Some(theirs) = &mut link.theirs {
            theirs.insert(author, Standing::Has(clock));
        }
    }

    /// The first message on a link.
    fn introduction(&self, peer: PeerId) -> ChatMessage {
        let others = self.authors.keys().filter(|author| **author != self.me && **author != peer);
        let theirs = self.authors.get(&peer).map_or(0, |author| author.direct);
        let members = std::iter::once(ChatMember { peer, clock: Some(theirs) })
            .chain(others.map(|author| self.standing(*author)))
            .collect();
        ChatMessage::Have { members, closed: self.closed }
    }

    /// What we have of somebody whom others may know too.
    fn standing(&self, peer: PeerId) -> ChatMember {
        let author = self.authors.get(&peer);
        let clock = match author {
            Some(author) if author.present => None,
            author => Some(author.map_or(0, |author| author.complete)),
        };
        ChatMember { peer, clock }
    }

    /// What a member lacks of an author first; as `last` when nothing follows it.
    fn lacking(&self, peer: PeerId, id: PeerId, author: &Author, after: u64) -> Option<ChatMessage> {
        let own = id == self.me;
        let mut pieces = author.after(after).filter(|(_, piece)| match piece {
            Piece::Post(number) => self.is_for(peer, PostId { number: *number, author: id }),
            Piece::React(of) => self.is_reaction_for(peer, *of, own),
        });
        let (clock, piece) = pieces.next()?;
        let more = pieces.next().is_some();
        // Of somebody who left in the middle of a word we may lack what came before it.
        let last = !more && (own || clock <= author.complete);
        let author_name = (!own).then(|| Named { peer: id, name: author.name.clone() });
        Some(match piece {
            Piece::Post(number) => {
                let kept = author.posts.get(&number)?;
                ChatMessage::Post(Post {
                    author: author_name,
                    number,
                    clock,
                    at: kept.at,
                    to: kept.to,
                    reply: kept.reply,
                    text: kept.text.clone(),
                    last,
                })
            }
            Piece::React(of) => ChatMessage::React(React {
                author: author_name,
                of,
                clock,
                reactions: author.reacted.get(&of)?.reactions.clone(),
                last,
            }),
        })
    }

    /// Whether a member may know a post: one to them alone, or one to everybody that was not said before they came, unless
    /// newcomers are told that too.
    fn is_for(&self, peer: PeerId, id: PostId) -> bool {
        let Some(kept) = self.kept(id) else { return false };
        match kept.to {
            Some(to) => to == peer && id.author == self.me,
            None => {
                let came = self.authors.get(&peer).map_or(u64::MAX, |author| author.came);
                !self.closed || kept.arrival > came
            }
        }
    }

    /// Whether a member may know what we, or somebody who left, think of a post.
    fn is_reaction_for(&self, peer: PeerId, of: PostId, own: bool) -> bool {
        match self.kept(of) {
            Some(kept) if kept.to.is_some() => own && (of.author == peer || kept.to == Some(peer)),
            Some(_) => of.author == peer || self.is_for(peer, of),
            None => !self.closed,
        }
    }

    pub(super) fn heard_have(&mut self, peer: PeerId, members: &[ChatMember]) {
        let closed = self.closed;
        if let Some(author) = self.authors.get_mut(&peer).filter(|_| !closed) {
            // They are told everything now, and hear what becomes of it also when the history is closed later.
            author.came = 0;
        }
        let Self { links, authors, me, .. } = self;
        let Some(link) = links.get_mut(&peer) else { return };
        let theirs = link.theirs.get_or_insert_default();
        for member in members {
            let known = authors.get(&member.peer);
            if known.is_some() {
                theirs.insert(member.peer, member.clock.map_or(Standing::Waits, Standing::Has));
            }
            // They may have more of somebody who left than we do, and wait to hear how much that is.
            let ours = known.map_or(0, |author| author.complete);
            let speaks_here = known.is_some_and(|author| author.present) || member.peer == *me;
            if !speaks_here
                && member.clock.is_some()
                && link.told.get(&member.peer) != Some(&ours)
                && link.news.len() < MAX_CHAT_MEMBERS
                // Whoever invents people is answered for some of them.
                && (known.is_some() || link.told.len() < 2 * MAX_CHAT_MEMBERS)
            {
                link.news.insert(member.peer);
            }
        }
    }
}
