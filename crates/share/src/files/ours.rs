//! What we offer: who was told, who takes it, what they asked for.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tincan_protocol::{
    FileClaim, FileEnd, FileToken, FilesMessage, FilesOffer, MAX_FILE_VALUES, PeerId, PieceValue,
};

use super::link::{HASHING, Link, MAX_WANTED, SENDING};
use super::speed::seconds_left;
use super::{
    FileProblem, FileStatus, Files, FilesOutput, List, ListError, MAX_OURS, Offer, OfferId, Transfer, claim,
};

/// Receivers that one offer remembers. A room has up to sixteen; whoever crashes and comes back is another one.
const MAX_RECEIVERS: usize = 64;

/// What a receiver decided, and what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    Pending,
    Accepted,
    Declined,
    Done,
    /// We ended it.
    Cancelled,
    /// They did.
    Withdrawn(Option<FileProblem>),
    /// It cannot go on here.
    Failed(FileProblem),
    Cannot,
}

#[derive(Debug)]
struct Receiver {
    peer: PeerId,
    token: FileToken,
    decision: Decision,
    /// By us.
    paused: bool,
    /// By them.
    /// The receiver wants nothing for a while, perhaps for a reason.
    held: Option<Option<FileProblem>>,
    verified: u64,
    speed: u64,
}

/// An offer of ours.
#[derive(Debug)]
pub(super) struct Ours {
    pub(super) list: Arc<List>,
    pub(super) to: Option<PeerId>,
    /// Whether whoever comes is told of it too.
    pub(super) open: bool,
    receivers: Vec<Receiver>,
    /// Values that were made already; a piece that goes to several is read once, or hashed once at least.
    values: BTreeMap<u32, PieceValue>,
}

impl Ours {
    pub(super) fn is_with(&self, peer: PeerId) -> bool {
        self.receivers.iter().any(|receiver| receiver.peer == peer)
    }

    fn receiver(&mut self, peer: PeerId) -> Option<&mut Receiver> {
        self.receivers.iter_mut().find(|receiver| receiver.peer == peer)
    }

    /// Whether that is news.
    pub(super) fn cannot(&mut self, peer: PeerId) -> bool {
        let for_them = self.open && self.to.is_none_or(|to| to == peer);
        if !for_them || self.is_with(peer) || self.receivers.len() >= MAX_RECEIVERS {
            return false;
        }
        let token = FileToken::from_bytes([0; 32]);
        self.receivers.push(Receiver { decision: Decision::Cannot, ..Receiver::new(peer, token) });
        true
    }

    pub(super) fn view<'a>(&'a self, id: OfferId, links: &BTreeMap<PeerId, Link>) -> Offer<'a> {
        let transfer =
            |receiver: &Receiver| receiver.view(self.list.bytes, links.contains_key(&receiver.peer));
        Offer {
            id,
            ours: true,
            to: self.to,
            items: &self.list.items,
            files: self.list.files,
            bytes: self.list.bytes,
            transfers: self.receivers.iter().map(transfer).collect(),
        }
    }

    /// As it is said to one receiver.
    fn message(&self, id: OfferId, token: FileToken) -> FilesMessage {
        FilesMessage::Offer(FilesOffer {
            offer: id.0,
            token,
            items: fitting(&self.list),
            files: self.list.files,
            entries: self.list.entries.len() as u32,
            bytes: self.list.bytes,
        })
    }
}

/// As many items as fit into a message of 16 KiB with certainty; the rest is counted in `files`.
fn fitting(list: &List) -> Vec<tincan_protocol::OfferedItem> {
    let mut room = 12 * 1024;
    let mut items = list.items.clone();
    // JSON writes some characters with six.
    items.retain(|item| {
        let cost = 80 + 6 * item.name.len();
        let fits = cost <= room;
        room -= if fits { cost } else { 0 };
        fits
    });
    items
}

impl Receiver {
    const fn new(peer: PeerId, token: FileToken) -> Self {
        Self { peer, token, decision: Decision::Pending, paused: false, held: None, verified: 0, speed: 0 }
    }

    const fn is_active(&self) -> bool {
        matches!(self.decision, Decision::Accepted)
    }

    /// Whether anything may still come of it.
    const fn is_open(&self) -> bool {
        matches!(self.decision, Decision::Accepted | Decision::Pending)
    }

    fn view(&self, bytes: u64, linked: bool) -> Transfer {
        let (status, problem) = match self.decision {
            Decision::Pending => (FileStatus::Offered, (!linked).then_some(FileProblem::Away)),
            Decision::Declined => (FileStatus::Declined, None),
            Decision::Done => (FileStatus::Done, None),
            Decision::Cancelled => (FileStatus::Cancelled, None),
            Decision::Withdrawn(problem) => (FileStatus::Withdrawn, problem),
            Decision::Failed(problem) => (FileStatus::Failed, Some(problem)),
            Decision::Cannot => (FileStatus::Cannot, Some(FileProblem::Cannot)),
            Decision::Accepted if !linked => (FileStatus::Away, Some(FileProblem::Away)),
            Decision::Accepted if self.paused => (FileStatus::Paused, None),
            Decision::Accepted => match self.held {
                Some(problem) => (FileStatus::PausedByThem, problem),
                None => (FileStatus::Running, None),
            },
        };
        let running = status == FileStatus::Running;
        let speed = if running { self.speed } else { 0 };
        Transfer {
            peer: self.peer,
            status,
            verified: self.verified,
            speed,
            seconds_left: if running { seconds_left(bytes - self.verified.min(bytes), speed) } else { None },
            problem,
            resumable: self.paused && self.is_active(),
        }
    }
}

impl Files {
    /// Offers files to one member of the call, or to everybody who is there or comes.
    ///
    /// # Errors
    /// [`ListError::TooManyOffers`].
    pub fn offer_files(&mut self, list: Arc<List>, to: Option<PeerId>) -> Result<OfferId, ListError> {
        if self.ours.len() >= MAX_OURS {
            return Err(ListError::TooManyOffers);
        }
        let id = self.next_id();
        self.ours.insert(id, Ours { list, to, open: true, receivers: Vec::new(), values: BTreeMap::new() });
        let there: Vec<_> =
            self.links.iter().filter(|(_, link)| link.introduced).map(|(peer, _)| *peer).collect();
        there.into_iter().for_each(|peer| self.offer_to(id, peer));
        if let Some(to) = to.filter(|to| !self.links.contains_key(to)) {
            // It is told when the link opens.
            let token = self.next_token();
            if let Some(ours) = self.ours.get_mut(&id) {
                ours.receivers.push(Receiver::new(to, token));
            }
        }
        self.outputs.push_back(FilesOutput::Changed(id));
        Ok(id)
    }

    /// Goes on with what an earlier run of the program offered, for those who accepted it then.
    pub fn restore_ours(&mut self, list: Arc<List>, accepted: &[(PeerId, FileToken)]) -> Option<OfferId> {
        if self.ours.len() >= MAX_OURS || accepted.is_empty() {
            return None;
        }
        let id = self.next_id();
        let receiver = |(peer, token): &(PeerId, FileToken)| Receiver {
            decision: Decision::Accepted,
            ..Receiver::new(*peer, *token)
        };
        let receivers = accepted.iter().take(MAX_RECEIVERS).map(receiver).collect();
        self.ours.insert(id, Ours { list, to: None, open: false, receivers, values: BTreeMap::new() });
        self.outputs.push_back(FilesOutput::Changed(id));
        Some(id)
    }

    /// Who accepted an offer of ours and does not have all of it, and by which token they know it.
    pub fn accepted_by(&self, id: OfferId) -> Vec<(PeerId, FileToken)> {
        let receivers = self.ours.get(&id).map(|ours| ours.receivers.as_slice()).unwrap_or_default();
        receivers.iter().filter(|one| one.is_active()).map(|one| (one.peer, one.token)).collect()
    }

    /// Nobody who comes from now on is told of what we offer to everybody: the call that it was for is over.
    pub fn close_offers(&mut self) {
        for (id, ours) in &mut self.ours {
            ours.open = false;
            // Who decided nothing can do so no more.
            ours.receivers.retain(|receiver| receiver.decision != Decision::Pending);
            self.outputs.push_back(FilesOutput::Changed(*id));
        }
    }

    /// Says an offer to a member, for the first time or anew.
    fn offer_to(&mut self, id: OfferId, peer: PeerId) {
        let token = self.next_token();
        let Some(ours) = self.ours.get_mut(&id) else { return };
        if !ours.is_with(peer) {
            if !ours.open || ours.to.is_some_and(|to| to != peer) {
                return;
            }
            if ours.receivers.len() >= MAX_RECEIVERS {
                let gone =
                    |receiver: &Receiver| !receiver.is_active() && !self.links.contains_key(&receiver.peer);
                let Some(at) = ours.receivers.iter().position(gone) else { return };
                ours.receivers.remove(at);
            }
            ours.receivers.push(Receiver::new(peer, token));
        }
        let Some(receiver) = ours.receiver(peer) else { return };
        let (decision, token, paused) = (receiver.decision, receiver.token, receiver.paused);
        let end = match decision {
            Decision::Cancelled => Some(FileEnd::Cancelled),
            Decision::Failed(problem) => Some(problem.said()),
            Decision::Pending | Decision::Accepted => None,
            // They know.
            _ => return,
        };
        let message = ours.message(id, token);
        self.say(peer, message);
        if let Some(reason) = end {
            self.say(peer, FilesMessage::Withdraw { offer: id.0, reason });
        } else if paused {
            self.say(peer, FilesMessage::Paused { offer: id.0, paused });
        }
        self.outputs.push_back(FilesOutput::Changed(id));
    }

    /// They say what they want to go on with; then they are told what there is.
    pub(super) fn claimed(&mut self, peer: PeerId, claims: &[FileClaim]) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        if std::mem::replace(&mut link.introduced, true) {
            return;
        }
        let me = link.me;
        let mut moved = Vec::new();
        for (id, ours) in &mut self.ours {
            let known = |receiver: &Receiver| {
                !matches!(receiver.decision, Decision::Cannot | Decision::Done | Decision::Declined)
                    && claims.contains(&claim(&receiver.token, me, peer))
            };
            let Some(at) = ours.receivers.iter().position(known) else { continue };
            let before = ours.receivers[at].peer;
            // Whoever crashed and came back is another one to the call, and still the one who accepted. The former link may
            // seem to be there for a while.
            if before != peer {
                let known = ours.receivers.remove(at);
                ours.receivers.retain(|one| one.peer != peer);
                ours.receivers.push(Receiver { peer, ..known });
                moved.push((*id, before));
                self.outputs.push_back(FilesOutput::Changed(*id));
            }
        }
        moved.into_iter().for_each(|(id, before)| self.halt(id, before));
        let all: Vec<_> = self.ours.keys().copied().collect();
        all.into_iter().for_each(|id| self.offer_to(id, peer));
    }

    /// The receiver of our offer of this number, and the offer.
    fn receiver(&mut self, peer: PeerId, offer: u32) -> Option<(OfferId, &mut Receiver)> {
        let id = OfferId(offer);
        let receiver = self.ours.get_mut(&id)?.receiver(peer)?;
        Some((id, receiver))
    }

    pub(super) fn accepted(&mut self, peer: PeerId, offer: u32) {
        let Some((id, receiver)) = self.receiver(peer, offer) else { return };
        if receiver.is_open() {
            receiver.decision = Decision::Accepted;
            receiver.held = None;
            self.outputs.push_back(FilesOutput::Changed(id));
        }
    }

    pub(super) fn declined(&mut self, peer: PeerId, offer: u32) {
        let Some((id, receiver)) = self.receiver(peer, offer) else { return };
        if receiver.is_open() {
            receiver.decision = Decision::Declined;
            self.ended(id, peer);
        }
    }

    pub(super) fn stopped(&mut self, peer: PeerId, offer: u32, reason: FileEnd) {
        let Some((id, receiver)) = self.receiver(peer, offer) else { return };
        if receiver.is_open() {
            receiver.decision = Decision::Withdrawn(FileProblem::heard(reason));
            self.ended(id, peer);
        }
    }

    pub(super) fn they_are_done(&mut self, peer: PeerId, offer: u32) {
        let Some(bytes) = self.ours.get(&OfferId(offer)).map(|ours| ours.list.bytes) else { return };
        let Some((id, receiver)) = self.receiver(peer, offer) else { return };
        if receiver.is_active() {
            receiver.decision = Decision::Done;
            receiver.verified = bytes;
            self.ended(id, peer);
        }
    }

    pub(super) fn they_have(&mut self, peer: PeerId, offer: u32, verified: u64, speed: u64) {
        let Some(bytes) = self.ours.get(&OfferId(offer)).map(|ours| ours.list.bytes) else { return };
        let Some((id, receiver)) = self.receiver(peer, offer) else { return };
        if receiver.is_active() {
            (receiver.verified, receiver.speed) = (verified.min(bytes), speed);
            self.outputs.push_back(FilesOutput::Changed(id));
        }
    }

    pub(super) fn list_wanted(&mut self, peer: PeerId, offer: u32, first: u32) {
        let active = self.receiver(peer, offer).is_some_and(|(_, receiver)| receiver.is_active());
        if active && let Some(link) = self.links.get_mut(&peer) {
            link.list(OfferId(offer), first);
        }
    }

    pub(super) fn wanted(&mut self, peer: PeerId, offer: u32, first: u32, count: u32) {
        self.wish(peer, offer, first, count, |link| &mut link.wanted);
    }

    pub(super) fn check_wanted(&mut self, peer: PeerId, offer: u32, first: u32, count: u32) {
        self.wish(peer, offer, first, count, |link| &mut link.checks);
    }

    fn wish(
        &mut self,
        peer: PeerId,
        offer: u32,
        first: u32,
        count: u32,
        queue: impl Fn(&mut Link) -> &mut VecDeque<(OfferId, u32)>,
    ) {
        let pieces = self.ours.get(&OfferId(offer)).map_or(0, |ours| ours.list.layout.pieces());
        let Some((id, receiver)) = self.receiver(peer, offer) else { return };
        if !receiver.is_active() {
            return;
        }
        let resumed = receiver.held.take().is_some();
        let Some(link) = self.links.get_mut(&peer) else { return };
        let queue = queue(link);
        // What is not there, or too much at once, is not answered.
        let asked = first..(first + count).min(pieces);
        let room = MAX_WANTED.saturating_sub(queue.len());
        queue.extend(asked.take(room).map(|piece| (id, piece)));
        if resumed {
            self.outputs.push_back(FilesOutput::Changed(id));
        }
        self.go_on_sending(peer);
    }

    pub(super) fn held(&mut self, peer: PeerId, offer: u32, reason: Option<FileEnd>) {
        let Some((id, receiver)) = self.receiver(peer, offer) else { return };
        if receiver.is_active() {
            receiver.held = Some(reason.and_then(FileProblem::heard));
            self.halt(id, peer);
            self.outputs.push_back(FilesOutput::Changed(id));
        }
    }

    /// Nothing more of this offer leaves on this link.
    fn halt(&mut self, id: OfferId, peer: PeerId) {
        if let Some(link) = self.links.get_mut(&peer) {
            link.forget_wishes(id);
            self.outputs.push_back(FilesOutput::Halt { peer, offer: id });
            self.go_on_sending(peer);
        }
    }

    fn ended(&mut self, id: OfferId, peer: PeerId) {
        if let Some(link) = self.links.get_mut(&peer) {
            link.listing.retain(|(listed, _)| *listed != id);
        }
        self.halt(id, peer);
        self.outputs.push_back(FilesOutput::Changed(id));
    }

    /// Hands over what is to be sent next, as far as this link takes more.
    fn go_on_sending(&mut self, peer: PeerId) {
        let Self { links, ours, outputs, .. } = self;
        let Some(link) = links.get_mut(&peer) else { return };
        let paused = |id: &OfferId| {
            let receiver = ours.get(id).and_then(|ours| ours.receivers.iter().find(|one| one.peer == peer));
            receiver.is_none_or(|receiver| receiver.paused)
        };
        while link.sending.len() < SENDING {
            let Some(at) = link.wanted.iter().position(|(id, _)| !paused(id)) else { break };
            let Some((offer, piece)) = link.wanted.remove(at) else { break };
            if link.sending.insert((offer, piece)) {
                outputs.push_back(FilesOutput::Send { peer, offer, piece });
            }
        }
        while link.hashing.len() < HASHING {
            let Some((offer, piece)) = link.checks.pop_front() else { break };
            let Some(ours) = ours.get(&offer) else { continue };
            if let Some(value) = ours.values.get(&piece) {
                let mut values = vec![*value];
                // What follows it and is known goes along.
                while let Some((next, following)) = link.checks.front().copied()
                    && (next, following) == (offer, piece + values.len() as u32)
                    && values.len() < MAX_FILE_VALUES
                    && let Some(value) = ours.values.get(&following)
                {
                    values.push(*value);
                    link.checks.pop_front();
                }
                link.say(FilesMessage::Values { offer: offer.0, first: piece, values });
            } else if link.hashing.insert((offer, piece)) {
                outputs.push_back(FilesOutput::Hash { peer, offer, piece });
            }
        }
    }

    /// A piece was handed to a link, or was given up because of [`FilesOutput::Halt`].
    pub fn sent(&mut self, peer: PeerId, offer: OfferId, piece: u32) {
        if let Some(link) = self.links.get_mut(&peer)
            && link.sending.remove(&(offer, piece))
        {
            self.go_on_sending(peer);
        }
    }

    /// The value of a piece that was read: for [`FilesOutput::Hash`] to this member.
    pub fn hashed(&mut self, peer: PeerId, offer: OfferId, piece: u32, value: PieceValue) {
        if let Some(link) = self.links.get_mut(&peer)
            && link.hashing.remove(&(offer, piece))
        {
            link.say(FilesMessage::Values { offer: offer.0, first: piece, values: vec![value] });
            self.go_on_sending(peer);
        }
    }

    /// A file of ours cannot be read, or is another than it was: it goes to nobody any more.
    pub fn unreadable(&mut self, id: OfferId, problem: FileProblem) {
        let Some(ours) = self.ours.get_mut(&id) else { return };
        ours.open = false;
        let mut told = Vec::new();
        for receiver in ours.receivers.iter_mut().filter(|receiver| receiver.is_open()) {
            receiver.decision = Decision::Failed(problem);
            told.push(receiver.peer);
        }
        for peer in told {
            self.say(peer, FilesMessage::Withdraw { offer: id.0, reason: problem.said() });
            self.halt(id, peer);
        }
        self.outputs.push_back(FilesOutput::Changed(id));
    }

    pub(super) fn pause_ours(&mut self, id: OfferId, peer: Option<PeerId>, paused: bool) {
        let Some(ours) = self.ours.get_mut(&id) else { return };
        let mut told = Vec::new();
        for receiver in &mut ours.receivers {
            let meant = peer.is_none_or(|peer| peer == receiver.peer) && receiver.is_active();
            if meant && std::mem::replace(&mut receiver.paused, paused) != paused {
                receiver.speed = 0;
                told.push(receiver.peer);
            }
        }
        for peer in told {
            self.say(peer, FilesMessage::Paused { offer: id.0, paused });
            if paused && let Some(link) = self.links.get_mut(&peer) {
                // A piece that was cut off is sent anew from its beginning.
                let cut: Vec<_> = link.sending.iter().filter(|(offer, _)| *offer == id).copied().collect();
                for piece in cut.into_iter().rev() {
                    link.sending.remove(&piece);
                    link.wanted.push_front(piece);
                }
                self.outputs.push_back(FilesOutput::Halt { peer, offer: id });
            }
            self.go_on_sending(peer);
        }
        self.outputs.push_back(FilesOutput::Changed(id));
    }

    pub(super) fn cancel_ours(&mut self, id: OfferId, peer: Option<PeerId>) {
        let Some(ours) = self.ours.get_mut(&id) else { return };
        ours.open &= peer.is_some() && ours.to.is_none();
        let mut told = Vec::new();
        for receiver in &mut ours.receivers {
            if receiver.is_open() && peer.is_none_or(|peer| peer == receiver.peer) {
                receiver.decision = Decision::Cancelled;
                told.push(receiver.peer);
            }
        }
        for peer in told {
            self.say(peer, FilesMessage::Withdraw { offer: id.0, reason: FileEnd::Cancelled });
            self.halt(id, peer);
        }
        self.outputs.push_back(FilesOutput::Changed(id));
    }

    pub(super) fn look_at_ours(&mut self) {
        // What a link can take was said when something was asked or sent; this is for what got stuck otherwise.
        let peers: Vec<_> = self.links.keys().copied().collect();
        peers.into_iter().for_each(|peer| self.go_on_sending(peer));
    }

    /// The value of a piece that was read to be sent: it is not made twice.
    pub fn remember(&mut self, offer: OfferId, piece: u32, value: PieceValue) {
        if let Some(ours) = self.ours.get_mut(&offer) {
            ours.values.insert(piece, value);
        }
    }
}
