//! What others offer us: what we took, what we asked for, what is verified.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use tincan_protocol::{
    FileClaim, FileEnd, FileEntry, FileToken, FilesMessage, FilesOffer, MAX_FILE_CLAIMS, OfferedItem, PeerId,
    PieceValue,
};

use super::link::Link;
use super::names::safe_paths;
use super::pieces::{Layout, Pieces};
use super::speed::{Speed, seconds_left};
use super::{
    FileProblem, FileStatus, Files, FilesOutput, List, MAX_THEIRS, MAX_UNDECIDED, Offer, OfferId, Transfer,
    claim,
};

/// Bytes of all names in a list.
const MAX_NAMES: usize = 16 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Offered,
    /// Accepted; the list comes.
    Listing,
    /// A place is being made.
    Preparing,
    Running,
    /// Everything is there; it gets its name.
    Finishing,
    Done,
    Declined,
    Cancelled,
    Withdrawn(Option<FileProblem>),
    /// Here, and a person may mend it.
    Failed(FileProblem),
    /// What came was not what was offered.
    Refused,
}

/// An offer of somebody else.
#[derive(Debug)]
pub(super) struct Theirs {
    pub(super) peer: PeerId,
    /// Its number on their side, on the link that there is or was last.
    pub(super) number: u32,
    pub(super) token: FileToken,
    pub(super) items: Vec<OfferedItem>,
    pub(super) files: u32,
    pub(super) entries: u32,
    pub(super) bytes: u64,
    pub(super) phase: Phase,
    pub(super) paused: bool,
    pub(super) paused_by_them: bool,
    /// Whether they have been in a call with us since it was begun here: otherwise they know it by a claim only.
    pub(super) incoming: Vec<FileEntry>,
    pub(super) names: usize,
    pub(super) list: Option<Arc<List>>,
    /// Verified and written.
    pub(super) have: Pieces,
    /// Of what is verified, or on the disk from an earlier time.
    pub(super) values: Vec<PieceValue>,
    /// On the disk, not compared yet.
    pub(super) earlier: Pieces,
    pub(super) asked: BTreeSet<u32>,
    pub(super) checking: BTreeSet<u32>,
    pub(super) writing: BTreeSet<u32>,
    /// Pieces before it are there or asked for.
    pub(super) next: u32,
    pub(super) verified: u64,
    pub(super) wrong: u32,
    pub(super) speed: Speed,
    pub(super) told: Option<(Instant, u64)>,
}

/// An accepted offer that did not come to an end in an earlier run of the program.
#[derive(derive_more::Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// Its token.
    pub token: FileToken,
    /// Everything in it.
    pub list: Arc<List>,
    /// The sender, as they were then.
    pub peer: PeerId,
    /// Whether it was paused here.
    pub paused: bool,
}

impl Theirs {
    fn new(peer: PeerId, offer: FilesOffer) -> Self {
        Self {
            peer,
            number: offer.offer,
            token: offer.token,
            items: offer.items,
            files: offer.files,
            entries: offer.entries,
            bytes: offer.bytes,
            phase: Phase::Offered,
            paused: false,
            paused_by_them: false,
            incoming: Vec::new(),
            names: 0,
            list: None,
            have: Pieces::default(),
            values: Vec::new(),
            earlier: Pieces::default(),
            asked: BTreeSet::new(),
            checking: BTreeSet::new(),
            writing: BTreeSet::new(),
            next: 0,
            verified: 0,
            wrong: 0,
            speed: Speed::default(),
            told: None,
        }
    }

    /// Whether we go on with it when the sender is there.
    const fn is_claimed(&self) -> bool {
        matches!(
            self.phase,
            Phase::Listing | Phase::Preparing | Phase::Running | Phase::Finishing | Phase::Failed(_)
        )
    }

    pub(super) fn unlinked(&mut self) {
        self.forget_wishes();
        self.speed.stop();
        self.told = None;
        self.paused_by_them = false;
    }

    pub(super) fn forget_wishes(&mut self) {
        self.asked.clear();
        self.checking.clear();
        self.next = 0;
    }

    /// Whether that is news.
    pub(super) fn sender_left(&mut self) -> bool {
        if self.phase == Phase::Offered {
            self.phase = Phase::Withdrawn(Some(FileProblem::SenderGone));
            return true;
        }
        false
    }

    pub(super) fn layout(&self) -> Option<&Layout> {
        self.list.as_ref().map(|list| &list.layout)
    }

    pub(super) fn view<'a>(&'a self, id: OfferId, links: &BTreeMap<PeerId, Link>) -> Offer<'a> {
        let linked = links.contains_key(&self.peer);
        let (status, problem) = match self.phase {
            Phase::Offered => (FileStatus::Offered, None),
            Phase::Finishing => (FileStatus::Running, None),
            Phase::Done => (FileStatus::Done, None),
            Phase::Declined => (FileStatus::Declined, None),
            Phase::Cancelled => (FileStatus::Cancelled, None),
            Phase::Withdrawn(problem @ Some(FileProblem::SenderGone)) => (FileStatus::Withdrawn, problem),
            Phase::Withdrawn(Some(problem)) => (FileStatus::Failed, Some(problem)),
            Phase::Withdrawn(None) => (FileStatus::Withdrawn, None),
            Phase::Failed(problem) => (FileStatus::Failed, Some(problem)),
            Phase::Refused => (FileStatus::Failed, Some(FileProblem::Refused)),
            Phase::Listing | Phase::Preparing | Phase::Running => match () {
                () if self.paused => (FileStatus::Paused, None),
                () if !linked => (FileStatus::Away, Some(FileProblem::Away)),
                () if self.paused_by_them => (FileStatus::PausedByThem, None),
                () if self.phase == Phase::Running => (FileStatus::Running, None),
                () => (FileStatus::Preparing, None),
            },
        };
        let speed = if status == FileStatus::Running { self.speed.rate() } else { 0 };
        let left = self.bytes - self.verified.min(self.bytes);
        let transfer = Transfer {
            peer: self.peer,
            status,
            verified: self.verified,
            speed,
            seconds_left: if status == FileStatus::Running { seconds_left(left, speed) } else { None },
            problem,
            resumable: status == FileStatus::Paused || matches!(self.phase, Phase::Failed(_)),
        };
        Offer {
            id,
            ours: false,
            to: None,
            items: &self.items,
            files: self.files,
            bytes: self.bytes,
            transfers: vec![transfer],
        }
    }
}

impl Files {
    /// Goes on with what an earlier run of the program did not finish, once its sender is there.
    pub fn restore(&mut self, earlier: Earlier) -> Option<OfferId> {
        if self.theirs.len() >= MAX_THEIRS || self.theirs.values().any(|theirs| theirs.token == earlier.token)
        {
            return None;
        }
        let id = self.next_id();
        let list = &earlier.list;
        let offer = FilesOffer {
            offer: 0,
            token: earlier.token,
            items: list.items.clone(),
            files: list.files,
            entries: list.entries.len() as u32,
            bytes: list.bytes,
        };
        let theirs = Theirs {
            phase: Phase::Preparing,
            paused: earlier.paused,
            list: Some(earlier.list),
            ..Theirs::new(earlier.peer, offer)
        };
        self.theirs.insert(id, theirs);
        self.outputs.push_back(FilesOutput::Prepare(id));
        self.outputs.push_back(FilesOutput::Changed(id));
        Some(id)
    }

    /// The token of another's offer, to be kept beside what came of it.
    pub fn token(&self, id: OfferId) -> Option<FileToken> {
        self.theirs.get(&id).map(|theirs| theirs.token)
    }

    /// The hash of the only file of an offer that is complete.
    pub fn hash(&self, id: OfferId) -> Option<PieceValue> {
        let theirs = self.theirs.get(&id).filter(|theirs| theirs.phase == Phase::Done)?;
        let [only] = theirs.list.as_ref()?.entries() else { return None };
        Some(super::file_hash(only.bytes?, &theirs.values))
    }

    /// What we accepted of whoever is not linked otherwise: the new link may be to its sender.
    pub(super) fn claims(&self, peer: PeerId, me: PeerId) -> Vec<FileClaim> {
        let open = self.theirs.values().filter(|theirs| {
            theirs.is_claimed() && (theirs.peer == peer || !self.links.contains_key(&theirs.peer))
        });
        open.take(MAX_FILE_CLAIMS).map(|theirs| claim(&theirs.token, peer, me)).collect()
    }

    pub(super) fn offered(&mut self, _now: Instant, peer: PeerId, offer: FilesOffer) {
        let known = self.theirs.iter().find(|(_, theirs)| theirs.token == offer.token).map(|(id, _)| *id);
        if let Some(id) = known {
            return self.offered_again(id, peer, &offer);
        }
        let undecided = |theirs: &&Theirs| theirs.peer == peer && theirs.phase == Phase::Offered;
        if self.theirs.values().filter(undecided).count() >= MAX_UNDECIDED || self.theirs.len() >= MAX_THEIRS
        {
            return self.say(peer, FilesMessage::Decline { offer: offer.offer });
        }
        let id = self.next_id();
        // A number means one offer on a link.
        for theirs in
            self.theirs.values_mut().filter(|theirs| theirs.peer == peer && theirs.number == offer.offer)
        {
            theirs.number = 0;
        }
        self.theirs.insert(id, Theirs::new(peer, offer));
        self.outputs.push_back(FilesOutput::Changed(id));
    }

    /// The token says that it is the same, perhaps from somebody who came back as another.
    fn offered_again(&mut self, id: OfferId, peer: PeerId, offer: &FilesOffer) {
        let linked_elsewhere = |theirs: &Theirs, links: &BTreeMap<PeerId, Link>| {
            theirs.peer != peer && links.contains_key(&theirs.peer)
        };
        let Some(theirs) = self.theirs.get_mut(&id) else { return };
        let same = (theirs.bytes, theirs.files, theirs.entries) == (offer.bytes, offer.files, offer.entries);
        if !same || linked_elsewhere(theirs, &self.links) {
            return self.say(peer, FilesMessage::Stop { offer: offer.offer, reason: FileEnd::Refused });
        }
        (theirs.peer, theirs.number) = (peer, offer.offer);
        theirs.paused_by_them = false;
        let number = theirs.number;
        let answer = match theirs.phase {
            Phase::Withdrawn(Some(FileProblem::SenderGone)) => {
                theirs.phase = Phase::Offered;
                None
            }
            Phase::Offered => None,
            Phase::Done => Some(FilesMessage::Done { offer: number }),
            Phase::Declined => Some(FilesMessage::Decline { offer: number }),
            Phase::Cancelled | Phase::Withdrawn(_) => {
                Some(FilesMessage::Stop { offer: number, reason: FileEnd::Cancelled })
            }
            Phase::Refused => Some(FilesMessage::Stop { offer: number, reason: FileEnd::Refused }),
            _ => Some(FilesMessage::Accept { offer: number }),
        };
        let (listing, first) = (theirs.phase == Phase::Listing, theirs.incoming.len() as u32);
        let reason = match theirs.phase {
            Phase::Failed(problem) => Some(problem.said()),
            _ => None,
        };
        let held = theirs.paused || reason.is_some();
        if let Some(answer) = answer {
            self.say(peer, answer);
        }
        if listing {
            self.say(peer, FilesMessage::List { offer: number, first });
        }
        if held {
            self.say(peer, FilesMessage::Hold { offer: number, reason });
        }
        self.outputs.push_back(FilesOutput::Changed(id));
        self.ask(id);
    }

    /// Their offer of this number.
    pub(super) fn of_number(&mut self, peer: PeerId, number: u32) -> Option<(OfferId, &mut Theirs)> {
        let mut all = self.theirs.iter_mut();
        let (id, theirs) = all.find(|(_, theirs)| theirs.peer == peer && theirs.number == number)?;
        Some((*id, theirs))
    }

    /// Takes what is offered; where it goes is said when it is prepared.
    pub fn accept(&mut self, id: OfferId) -> bool {
        let Some(theirs) = self.theirs.get_mut(&id).filter(|theirs| theirs.phase == Phase::Offered) else {
            return false;
        };
        theirs.phase = Phase::Listing;
        let (peer, offer) = (theirs.peer, theirs.number);
        self.say(peer, FilesMessage::Accept { offer });
        self.say(peer, FilesMessage::List { offer, first: 0 });
        self.outputs.push_back(FilesOutput::Changed(id));
        true
    }

    /// Says that we do not want it.
    pub fn decline(&mut self, id: OfferId) -> bool {
        let Some(theirs) = self.theirs.get_mut(&id).filter(|theirs| theirs.phase == Phase::Offered) else {
            return false;
        };
        theirs.phase = Phase::Declined;
        let (peer, offer) = (theirs.peer, theirs.number);
        self.say(peer, FilesMessage::Decline { offer });
        self.outputs.push_back(FilesOutput::Changed(id));
        true
    }

    pub(super) fn entries(&mut self, peer: PeerId, offer: u32, first: u32, entries: Vec<FileEntry>) {
        let Some((id, theirs)) = self.of_number(peer, offer) else { return };
        if theirs.phase != Phase::Listing || first as usize != theirs.incoming.len() {
            return;
        }
        theirs.names += entries.iter().flat_map(|entry| &entry.path).map(String::len).sum::<usize>();
        theirs.incoming.extend(entries);
        let count = theirs.incoming.len();
        if count > theirs.entries as usize || theirs.names > MAX_NAMES {
            return self.refuse(id);
        }
        if count < theirs.entries as usize {
            return;
        }
        let list = List::new(std::mem::take(&mut theirs.incoming));
        let fits = |list: &List| {
            (list.bytes, list.files) == (theirs.bytes, theirs.files) && safe_paths(&list.entries).is_ok()
        };
        match list.ok().filter(fits) {
            Some(list) => {
                theirs.items.clone_from(&list.items);
                theirs.list = Some(Arc::new(list));
                theirs.phase = Phase::Preparing;
                self.outputs.push_back(FilesOutput::Prepare(id));
                self.outputs.push_back(FilesOutput::Changed(id));
            }
            None => self.refuse(id),
        }
    }

    /// What they say does not fit.
    pub(super) fn refuse(&mut self, id: OfferId) {
        let Some(theirs) = self.theirs.get_mut(&id) else { return };
        theirs.phase = Phase::Refused;
        theirs.unlinked();
        let (peer, offer) = (theirs.peer, theirs.number);
        self.say(peer, FilesMessage::Stop { offer, reason: FileEnd::Refused });
        self.outputs.push_back(FilesOutput::Changed(id));
    }

    /// There is a place for it, with these pieces from an earlier time.
    ///
    /// # Errors
    /// There is none, in `present`: it waits until a person mends that.
    pub fn prepared(&mut self, id: OfferId, present: Result<Vec<(u32, PieceValue)>, FileProblem>) {
        let Some(theirs) = self.theirs.get_mut(&id).filter(|theirs| theirs.phase == Phase::Preparing) else {
            return;
        };
        let Some(pieces) = theirs.layout().map(Layout::pieces) else { return };
        match present {
            Ok(present) => {
                theirs.have = Pieces::none_of(pieces);
                theirs.earlier = Pieces::none_of(pieces);
                theirs.values = vec![[0; 32]; pieces as usize];
                theirs.verified = 0;
                theirs.forget_wishes();
                theirs.writing.clear();
                for (piece, value) in present {
                    if theirs.earlier.insert(piece) {
                        theirs.values[piece as usize] = value;
                    }
                }
                theirs.phase = Phase::Running;
                self.outputs.push_back(FilesOutput::Changed(id));
                self.ask(id);
            }
            Err(problem) => self.failed(id, problem),
        }
    }

    /// Something here does not work: the sender waits until a person has mended it.
    pub(super) fn failed(&mut self, id: OfferId, problem: FileProblem) {
        let Some(theirs) = self.theirs.get_mut(&id) else { return };
        theirs.phase = Phase::Failed(problem);
        theirs.forget_wishes();
        theirs.speed.stop();
        let (peer, offer) = (theirs.peer, theirs.number);
        self.say(peer, FilesMessage::Hold { offer, reason: Some(problem.said()) });
        self.outputs.push_back(FilesOutput::Changed(id));
    }

    pub(super) fn they_paused(&mut self, peer: PeerId, offer: u32, paused: bool) {
        if let Some((id, theirs)) = self.of_number(peer, offer) {
            theirs.paused_by_them = paused;
            theirs.speed.stop();
            self.outputs.push_back(FilesOutput::Changed(id));
        }
    }

    pub(super) fn withdrawn(&mut self, peer: PeerId, offer: u32, reason: FileEnd) {
        let Some((id, theirs)) = self.of_number(peer, offer) else { return };
        if theirs.phase != Phase::Offered && !theirs.is_claimed() || theirs.phase == Phase::Finishing {
            return;
        }
        theirs.phase = Phase::Withdrawn(FileProblem::heard(reason));
        theirs.unlinked();
        self.outputs.push_back(FilesOutput::Changed(id));
    }

    pub(super) fn pause_theirs(&mut self, id: OfferId) {
        let Some(theirs) = self.theirs.get_mut(&id).filter(|theirs| theirs.is_claimed() && !theirs.paused)
        else {
            return;
        };
        theirs.paused = true;
        theirs.forget_wishes();
        theirs.speed.stop();
        let (peer, offer) = (theirs.peer, theirs.number);
        self.say(peer, FilesMessage::Hold { offer, reason: None });
        self.outputs.push_back(FilesOutput::Changed(id));
    }

    pub(super) fn resume_theirs(&mut self, id: OfferId) {
        let Some(theirs) = self.theirs.get_mut(&id) else { return };
        theirs.paused = false;
        if let Phase::Failed(_) = theirs.phase {
            let listed = theirs.list.is_some();
            theirs.phase = if listed { Phase::Preparing } else { Phase::Listing };
            if listed {
                self.outputs.push_back(FilesOutput::Prepare(id));
            }
        }
        self.outputs.push_back(FilesOutput::Changed(id));
        self.ask(id);
    }

    pub(super) fn cancel_theirs(&mut self, id: OfferId) {
        let Some(theirs) = self.theirs.get_mut(&id) else { return };
        let over =
            matches!(theirs.phase, Phase::Done | Phase::Declined | Phase::Cancelled | Phase::Finishing);
        if over {
            return;
        }
        let known = theirs.phase != Phase::Offered;
        theirs.phase = Phase::Cancelled;
        theirs.unlinked();
        let (peer, offer) = (theirs.peer, theirs.number);
        self.say(peer, FilesMessage::Stop { offer, reason: FileEnd::Cancelled });
        if known {
            self.outputs.push_back(FilesOutput::Discard(id));
        }
        self.outputs.push_back(FilesOutput::Changed(id));
    }

    /// Forgets an offer whose sender is not there, since another is about the same files. Whether that is so.
    pub fn supersede(&mut self, id: OfferId) -> bool {
        let gone = |theirs: &Theirs| theirs.is_claimed() && !self.links.contains_key(&theirs.peer);
        if !self.theirs.get(&id).is_some_and(gone) {
            return false;
        }
        self.theirs.remove(&id);
        true
    }
}
