//! What each member is told: what they lack of what we did, and of what those did who left; then pictures that they ask for.

use std::collections::{BTreeMap, BTreeSet};

use tincan_protocol::{
    Author as Named, BoardMember, BoardMessage, Change, DeedsDigest, Draw, ElementId, MAX_BOARD_MEMBERS,
    MAX_PICTURE_PART, PartData, PeerId, PictureHash,
};

use super::Board;
use super::author::{Author, Deed};

/// How much of a picture is on its way at most: what a channel is sure to take in a round trip. What is drawn meanwhile
/// waits for no more than this.
const PICTURE_WINDOW: usize = 32 * 1024;

/// How much of somebody a member has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Everything up to this number, but for what is told late.
    Has(u64),
    /// These deeds, of somebody who we think is here.
    Said(DeedsDigest),
    /// They will say what they have.
    Waits,
}

impl Standing {
    /// Of somebody who left: who has the same lacks nothing, and who does not is told all of it.
    fn beside(theirs: DeedsDigest, ours: DeedsDigest) -> Self {
        Self::Has(if theirs == ours { u64::MAX } else { 0 })
    }
}

/// A picture that a member asked for.
#[derive(Debug, Clone, Copy)]
struct Sending {
    picture: PictureHash,
    /// What is sent next.
    at: usize,
    /// No more than this, until they have more.
    until: usize,
}

/// The way to a member.
#[derive(Debug, Default)]
pub(super) struct Link {
    /// Whether we said what we have.
    introduced: bool,
    /// What we said that we have of whom.
    told: BTreeMap<PeerId, DeedsDigest>,
    /// Of whom we are to say what we have.
    news: BTreeSet<PeerId>,
    /// How much they have of whom; `None` until they said it.
    theirs: Option<BTreeMap<PeerId, Standing>>,
    /// Deeds of those who left that we heard of only after what follows them was told.
    late: BTreeSet<(PeerId, u64)>,
    sending: Option<Sending>,
}

impl Link {
    /// Somebody left the room: both say how much they have of them.
    pub(super) fn has_left(&mut self, peer: PeerId, ours: DeedsDigest) {
        self.news.insert(peer);
        if let Some(theirs) = &mut self.theirs {
            let standing = theirs.entry(peer).or_insert(Standing::Waits);
            if let Standing::Said(digest) = *standing {
                *standing = Standing::beside(digest, ours);
            }
        }
    }

    /// Nothing of somebody is kept any more.
    pub(super) fn forget(&mut self, peer: PeerId) {
        self.told.remove(&peer);
        self.late.retain(|(author, _)| *author != peer);
        if let Some(theirs) = &mut self.theirs {
            theirs.remove(&peer);
        }
    }

    /// They lack a picture, but for its beginning.
    pub(super) fn wants(&mut self, picture: PictureHash, from: usize) {
        let until = from + PICTURE_WINDOW;
        self.sending = Some(match self.sending {
            Some(sending) if sending.picture == picture && from != 0 && from <= sending.at => {
                Sending { until: sending.until.max(until), ..sending }
            }
            _ => Sending { picture, at: from, until },
        });
    }
}

impl Board {
    /// Says to a member what they lack, until that is nothing or `take` has no room; it is asked again for what it did not
    /// take.
    pub fn tell(&mut self, peer: PeerId, mut take: impl FnMut(&BoardMessage) -> bool) {
        self.forget_late(peer);
        while let Some(message) = self.next(peer) {
            if !take(&message) {
                return;
            }
            self.taken(peer, &message);
        }
    }

    fn next(&self, peer: PeerId) -> Option<BoardMessage> {
        let link = self.links.get(&peer)?;
        if !link.introduced {
            return Some(self.introduction(peer));
        }
        if !link.news.is_empty() {
            let members = link.news.iter().take(MAX_BOARD_MEMBERS).map(|author| self.standing(*author));
            return Some(BoardMessage::Have { members: members.collect() });
        }
        if let Some(theirs) = &link.theirs {
            let departed = self.authors.iter().filter(|(id, author)| !author.present && **id != peer);
            for (id, author) in std::iter::once((&self.me, self.mine())).chain(departed) {
                let after = match theirs.get(id) {
                    Some(Standing::Has(number)) => *number,
                    Some(Standing::Waits | Standing::Said(_)) if *id != self.me => continue,
                    Some(Standing::Waits | Standing::Said(_)) | None => 0,
                };
                if let Some((number, deed)) = author.after(after) {
                    return self.saying(*id, author, number, deed);
                }
            }
        }
        if let Some((id, number)) = link.late.first() {
            let author = self.authors.get(id)?;
            return self.saying(*id, author, *number, author.deed(*number)?);
        }
        if let Some((picture, from)) = self.pictures.to_ask(peer) {
            return Some(BoardMessage::Want { picture, from });
        }
        let Sending { picture, at, until } = link.sending?;
        let Some(bytes) = self.pictures.whole(picture) else { return Some(BoardMessage::Lack { picture }) };
        let end = bytes.len().min(until).min(at + MAX_PICTURE_PART);
        let part = bytes.get(at..end).filter(|part| !part.is_empty())?;
        Some(BoardMessage::Part { picture, at, data: PartData(part.to_vec()) })
    }

    fn taken(&mut self, peer: PeerId, message: &BoardMessage) {
        let me = self.me;
        let Some(link) = self.links.get_mut(&peer) else { return };
        let (author, number) = match message {
            BoardMessage::Have { members } => {
                link.introduced = true;
                for member in members {
                    link.news.remove(&member.peer);
                    link.told.extend(member.digest.map(|digest| (member.peer, digest)));
                }
                return;
            }
            BoardMessage::Want { picture, from } => return self.pictures.was_asked(*picture, *from),
            BoardMessage::Lack { .. } => {
                link.sending = None;
                return;
            }
            BoardMessage::Part { data, .. } => {
                if let Some(sending) = &mut link.sending {
                    sending.at += data.0.len();
                }
                return;
            }
            BoardMessage::Draw(draw) => (&draw.author, draw.number),
            BoardMessage::Change(change) => (&change.author, change.number),
            BoardMessage::Remove(remove) => (&remove.author, remove.number),
        };
        let author = author.as_ref().map_or(me, |author| author.peer);
        if !link.late.remove(&(author, number))
            && let Some(theirs) = &mut link.theirs
        {
            theirs.insert(author, Standing::Has(number));
        }
    }

    /// The first message on a link.
    fn introduction(&self, peer: PeerId) -> BoardMessage {
        let others = self.authors.keys().filter(|author| **author != self.me && **author != peer);
        let theirs = self.authors.get(&peer).map_or(0, |author| author.direct);
        let members = std::iter::once(BoardMember { peer, number: Some(theirs), digest: None })
            .chain(others.map(|author| self.standing(*author)))
            .collect();
        BoardMessage::Have { members }
    }

    /// What we have of somebody of whom others may know too.
    fn standing(&self, peer: PeerId) -> BoardMember {
        let digest = match self.authors.get(&peer) {
            Some(author) if author.present => None,
            author => Some(author.map_or_else(DeedsDigest::default, |author| author.digest)),
        };
        BoardMember { peer, number: None, digest }
    }

    /// A deed as it is told.
    fn saying(&self, id: PeerId, author: &Author, number: u64, deed: &Deed) -> Option<BoardMessage> {
        let named = (id != self.me).then(|| Named { peer: id, name: author.name.clone() });
        Some(match deed {
            Deed::Draw => {
                let body = self.elements.get(&ElementId { number, author: id })?.body.as_ref()?;
                BoardMessage::Draw(Draw { author: named, ..body.draw.clone() })
            }
            Deed::Change(of, part) => {
                let change = self.elements.get(of)?.change(*part)?;
                let (version, value) = (change.version, change.value.clone());
                BoardMessage::Change(Change { author: named, number, of: *of, version, value })
            }
            Deed::Remove(removal, _) => BoardMessage::Remove(removal.message(named, number)),
        })
    }

    /// Of an author who left we heard something new. Who were told what follows it already are told it late.
    pub(super) fn told_late(&mut self, author: PeerId, number: u64, via: Option<PeerId>) {
        if author == self.me || self.is_present(author) {
            return;
        }
        for (_, link) in self.links.iter_mut().filter(|(peer, _)| Some(**peer) != via) {
            let standing = link.theirs.as_ref().and_then(|theirs| theirs.get(&author));
            if let Some(Standing::Has(told)) = standing
                && *told >= number
            {
                link.late.insert((author, number));
            }
        }
    }

    /// What counts no more is not told late either.
    fn forget_late(&mut self, peer: PeerId) {
        let Self { links, authors, .. } = self;
        if let Some(link) = links.get_mut(&peer) {
            let counts = |author: &PeerId, number: u64| {
                authors.get(author).is_some_and(|author| !author.present && author.deed(number).is_some())
            };
            link.late.retain(|(author, number)| counts(author, *number));
        }
    }

    pub(super) fn heard_have(&mut self, peer: PeerId, members: &[BoardMember]) {
        let Self { links, authors, me, .. } = self;
        let Some(link) = links.get_mut(&peer) else { return };
        let theirs = link.theirs.get_or_insert_default();
        for member in members {
            let known = authors.get(&member.peer);
            let here = known.is_some_and(|author| author.present) || member.peer == *me;
            let ours = known.map_or_else(DeedsDigest::default, |author| author.digest);
            if known.is_some() {
                let standing = match (member.number, member.digest) {
                    (Some(number), _) if member.peer == *me => Standing::Has(number),
                    (_, Some(digest)) if here => Standing::Said(digest),
                    (_, Some(digest)) => Standing::beside(digest, ours),
                    (_, None) => Standing::Waits,
                };
                theirs.insert(member.peer, standing);
            }
            // They may have more of somebody who left than we do, and wait to hear what we have.
            if !here
                && member.digest.is_some()
                && link.told.get(&member.peer) != Some(&ours)
                && link.news.len() < MAX_BOARD_MEMBERS
                // Whoever invents people is answered for some of them.
                && (known.is_some() || link.told.len() < 2 * MAX_BOARD_MEMBERS)
            {
                link.news.insert(member.peer);
            }
        }
    }
}
