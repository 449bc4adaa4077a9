//! Files that people send each other, as a state machine: offers, what is asked of whom, which pieces are verified.
//!
//! The receiver pulls. A sender offers, and then only answers; so a slow disk, a pause, several receivers at their own pace and
//! going on after an interruption are all the same thing: what is asked for next. A piece is verified when its value, made of
//! what the receiver has, is what the sender says *now*; for pieces from an earlier time only the values are asked for. So
//! nothing that is on a disk has to be trusted, wherever it came from.
//!
//! What is asked is [`Files`]' methods; what is to be done about it is [`FilesOutput`], and its outcome is told by methods again.
//! The messages to each member are fetched with [`Files::tell`], as fast as the link takes them.

mod arriving;
mod link;
mod names;
mod ours;
mod pieces;
mod speed;
mod theirs;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use thiserror::Error;
use tincan_protocol::{
    FileClaim, FileEnd, FileEntry, FileToken, FilesFrame, FilesMessage, MAX_FILE_BYTES, MAX_FILE_DEPTH,
    MAX_FILE_ITEMS, MAX_FILES, OfferedItem, PeerId, PieceValue,
};

pub use names::{HostilePath, PART, PART_NOTES, is_program, numbered, safe_name, safe_paths};
pub use pieces::{Layout, PiecePlace, file_hash, piece_value};

pub use arriving::WINDOW;
use link::Link;
use ours::Ours;
pub use theirs::Earlier;
use theirs::Theirs;

/// Offers of one sender that nobody has decided about.
pub const MAX_UNDECIDED: usize = 16;
/// Offers of all others that are kept.
pub const MAX_THEIRS: usize = 256;
/// Offers of ours that are kept.
pub const MAX_OURS: usize = 256;

/// Names an offer here, ours or another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OfferId(pub u32);

/// What is to be done.
#[derive(derive_more::Debug, PartialEq, Eq)]
pub enum FilesOutput {
    /// Something that is shown of an offer is another than before.
    Changed(OfferId),
    /// Read this piece of our offer and send it; then say [`Files::sent`]. Two at most are on their way to a link.
    Send {
        /// To whom.
        peer: PeerId,
        /// Of which offer.
        offer: OfferId,
        /// Which.
        piece: u32,
    },
    /// What is still to be sent of this offer to this link is not wanted now.
    Halt {
        /// Whose link.
        peer: PeerId,
        /// Of which offer.
        offer: OfferId,
    },
    /// Read this piece and say its value with [`Files::hashed`].
    Hash {
        /// Who wants to know it.
        peer: PeerId,
        /// Of which offer.
        offer: OfferId,
        /// Which.
        piece: u32,
    },
    /// The list of a file that we want is complete ([`Files::list`]): make room for it, or find what is there of it, and say
    /// [`Files::prepared`].
    Prepare(OfferId),
    /// Write a piece, and say [`Files::written`].
    Write {
        /// Of which offer.
        offer: OfferId,
        /// Which.
        piece: u32,
        /// Its content.
        #[debug(skip)]
        data: Vec<u8>,
        /// Its value, which fits.
        value: PieceValue,
    },
    /// All of it is there: give it its name and say [`Files::finished`].
    Finish(OfferId),
    /// Remove what came of it.
    Discard(OfferId),
}

/// Why a transfer does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FileProblem {
    /// Our disk is full.
    #[error("There is no room left on the disk. Make some, then choose Resume.")]
    DiskFull,
    /// Our disk does not take it.
    #[error(
        "The file could not be written. Look whether the folder is still there and may be written to, then choose Resume."
    )]
    Disk,
    /// The file system takes no file of this size.
    #[error("The disk takes no file of this size (FAT takes 4 GB). Cancel, and save it on another disk.")]
    TooLarge,
    /// What came does not fit what was said before.
    #[error("What came was not what was offered, so it was not kept. Ask for it to be sent again.")]
    Refused,
    /// The sender's file is not what it was.
    #[error(
        "The file was changed while it was being sent. It has to be offered again; what came so far is used then."
    )]
    Changed,
    /// The sender's file is gone.
    #[error(
        "The file is not there any more: it was moved, renamed or deleted. Offer it again from where it is now."
    )]
    Vanished,
    /// The sender's file cannot be read.
    #[error("The file cannot be read. Look whether you may open it, then offer it again.")]
    Unreadable,
    /// The receiver's disk is full.
    #[error("There is no room left on their disk. It goes on when they have made some.")]
    TheirDiskFull,
    /// The receiver's disk does not take it.
    #[error("They could not write the file. It goes on when they have mended that.")]
    TheirDisk,
    /// Who offered it left before it was accepted.
    #[error("They left before you took it. Ask for it to be offered again.")]
    SenderGone,
    /// Who it goes to or comes from is not there.
    #[error("They are not connected. It goes on by itself when you are in a call with each other again.")]
    Away,
    /// The receiver's version has no files.
    #[error("Their version of Tincan cannot receive files. Ask them to get a newer one.")]
    Cannot,
    /// The other side ended it for a reason that we do not know.
    #[error("The other side ended it.")]
    Ended,
}

impl FileProblem {
    /// A stable word for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::DiskFull => "disk_full",
            Self::Disk => "disk",
            Self::TooLarge => "file_too_large",
            Self::Refused => "files_refused",
            Self::Changed => "file_changed",
            Self::Vanished => "file_vanished",
            Self::Unreadable => "file_unreadable",
            Self::TheirDiskFull => "their_disk_full",
            Self::TheirDisk => "their_disk",
            Self::SenderGone => "sender_gone",
            Self::Away => "away",
            Self::Cannot => "files_not_known",
            Self::Ended => "files_ended",
        }
    }

    const fn said(self) -> FileEnd {
        match self {
            Self::DiskFull | Self::TheirDiskFull => FileEnd::DiskFull,
            Self::Disk | Self::TooLarge | Self::TheirDisk => FileEnd::Disk,
            Self::Refused => FileEnd::Refused,
            Self::Changed => FileEnd::Changed,
            Self::Vanished => FileEnd::Vanished,
            Self::Unreadable => FileEnd::Unreadable,
            Self::SenderGone | Self::Away | Self::Cannot | Self::Ended => FileEnd::Other,
        }
    }

    /// What the other side's reason means for us; `None`: a person did it.
    const fn heard(end: FileEnd) -> Option<Self> {
        Some(match end {
            FileEnd::Cancelled => return None,
            FileEnd::Changed => Self::Changed,
            FileEnd::Vanished => Self::Vanished,
            FileEnd::Unreadable => Self::Unreadable,
            FileEnd::DiskFull => Self::TheirDiskFull,
            FileEnd::Disk => Self::TheirDisk,
            FileEnd::Refused => Self::Refused,
            FileEnd::Other => Self::Ended,
        })
    }
}

/// Where a transfer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileStatus {
    /// Nobody has decided.
    Offered,
    /// Accepted: the list comes, or what is there from an earlier time is looked at.
    Preparing,
    /// On its way.
    Running,
    /// Paused here.
    Paused,
    /// Paused there.
    PausedByThem,
    /// Accepted, and there is no link.
    Away,
    /// There and verified.
    Done,
    /// Not wanted.
    Declined,
    /// Ended here.
    Cancelled,
    /// Ended there.
    Withdrawn,
    /// It cannot go on.
    Failed,
    /// The other side has no files.
    Cannot,
}

/// A transfer as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer {
    /// The other side, as it is known last.
    pub peer: PeerId,
    /// Where it stands.
    pub status: FileStatus,
    /// Bytes that the receiver has, verified.
    pub verified: u64,
    /// Bytes a second.
    pub speed: u64,
    /// At this speed.
    pub seconds_left: Option<u32>,
    /// Why it does not go on.
    pub problem: Option<FileProblem>,
    /// Whether resuming makes sense.
    pub resumable: bool,
}

/// An offer as it is shown.
#[derive(derive_more::Debug, Clone, PartialEq, Eq)]
pub struct Offer<'a> {
    /// Which.
    pub id: OfferId,
    /// Whether it is ours.
    pub ours: bool,
    /// Whom alone it is for.
    pub to: Option<PeerId>,
    /// What stands at the top of it. Of another's offer the names are as they were sent: [`safe_name`] cleans them.
    #[debug(skip)]
    pub items: &'a [OfferedItem],
    /// Files in it.
    pub files: u32,
    /// Bytes of them.
    pub bytes: u64,
    /// One for each receiver.
    pub transfers: Vec<Transfer>,
}

/// What we offer: checked, so that no other side would refuse it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    entries: Vec<FileEntry>,
    layout: Layout,
    items: Vec<OfferedItem>,
    files: u32,
    bytes: u64,
}

/// Why something cannot be offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ListError {
    /// Nothing is in it.
    #[error("There is nothing to send: choose at least one file.")]
    Empty,
    /// Too many files.
    #[error("That is more than {MAX_FILES} files at once. Pack them into an archive, or send them in parts.")]
    TooMany,
    /// Too many bytes.
    #[error("That is more than 16 TiB at once. Send it in parts.")]
    TooLarge,
    /// Too many folders within each other.
    #[error(
        "The folders are too deep within each other (more than {MAX_FILE_DEPTH}). Pack them into an archive."
    )]
    TooDeep,
    /// Too many offers are open.
    #[error("Too much is offered already. Put away what is done, or cancel something.")]
    TooManyOffers,
}

impl ListError {
    /// A stable word for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Empty => "files_empty",
            Self::TooMany => "files_too_many",
            Self::TooLarge => "files_too_large",
            Self::TooDeep => "files_too_deep",
            Self::TooManyOffers => "files_too_many_offers",
        }
    }
}

impl List {
    /// Of entries whose names have at most 255 bytes or UTF-16 units, as file systems give them.
    ///
    /// # Errors
    /// [`ListError`] with a sentence for the person.
    pub fn new(entries: Vec<FileEntry>) -> Result<Self, ListError> {
        if entries.is_empty() {
            return Err(ListError::Empty);
        }
        if entries.len() > MAX_FILES as usize {
            return Err(ListError::TooMany);
        }
        if entries.iter().any(|entry| entry.path.len() > MAX_FILE_DEPTH) {
            return Err(ListError::TooDeep);
        }
        let bytes = entries.iter().try_fold(0_u64, |sum, entry| sum.checked_add(entry.bytes.unwrap_or(0)));
        let bytes = bytes.filter(|bytes| *bytes <= MAX_FILE_BYTES).ok_or(ListError::TooLarge)?;
        let files = entries.iter().filter(|entry| entry.bytes.is_some()).count() as u32;
        Ok(Self { layout: Layout::new(&entries), items: top(&entries), files, bytes, entries })
    }

    /// Every file, and every folder in which there is nothing.
    pub fn entries(&self) -> &[FileEntry] {
        &self.entries
    }

    /// Whether it has files of the same names and sizes: then what came of one may be what is wanted of the other.
    pub fn has_the_files_of(&self, other: &Self) -> bool {
        let same =
            |(one, other): (&FileEntry, &FileEntry)| (&one.path, one.bytes) == (&other.path, other.bytes);
        self.entries.len() == other.entries.len() && self.entries.iter().zip(&other.entries).all(same)
    }

    /// Where its pieces are.
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What stands at the top of it, as far as it is named.
    pub fn items(&self) -> &[OfferedItem] {
        &self.items
    }

    /// Bytes of all files.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// What stands at the top.
fn top(entries: &[FileEntry]) -> Vec<OfferedItem> {
    let mut items: Vec<OfferedItem> = Vec::new();
    let mut folders = BTreeMap::<&str, usize>::new();
    for entry in entries {
        let (Some(name), bytes) = (entry.path.first(), entry.bytes.unwrap_or(0)) else { continue };
        let is_file = entry.path.len() == 1 && entry.bytes.is_some();
        match folders.get(name.as_str()) {
            Some(at) if !is_file => {
                items[*at].bytes += bytes;
                items[*at].files = items[*at].files.map(|files| files + u32::from(entry.bytes.is_some()));
            }
            _ if items.len() < MAX_FILE_ITEMS => {
                if !is_file {
                    folders.insert(name, items.len());
                }
                let files = (!is_file).then_some(u32::from(entry.bytes.is_some()));
                items.push(OfferedItem { name: name.clone(), files, bytes });
            }
            _ => {}
        }
    }
    items
}

/// What somebody who has the token of an offer says to its sender, when the two have these ids: nobody else can say it, and it
/// tells nobody what the token is.
pub fn claim(token: &FileToken, sender: PeerId, receiver: PeerId) -> FileClaim {
    let mut hasher = blake3::Hasher::new_keyed(token.as_bytes());
    hasher.update(b"tincan files claim v1").update(sender.as_bytes()).update(receiver.as_bytes());
    FileClaim::from_bytes(*hasher.finalize().as_bytes())
}

/// All files of one person: see the module's description.
pub struct Files {
    /// Tokens are made from it.
    seed: [u8; 32],
    /// Offers so far, ours and others'.
    made: u32,
    /// Tokens so far.
    tokens: u64,
    links: BTreeMap<PeerId, Link>,
    ours: BTreeMap<OfferId, Ours>,
    theirs: BTreeMap<OfferId, Theirs>,
    outputs: VecDeque<FilesOutput>,
}

impl Files {
    /// With a secret from the system's random source.
    pub const fn new(seed: [u8; 32]) -> Self {
        Self {
            seed,
            made: 0,
            tokens: 0,
            links: BTreeMap::new(),
            ours: BTreeMap::new(),
            theirs: BTreeMap::new(),
            outputs: VecDeque::new(),
        }
    }

    /// What is to be done next; `None` when that is nothing.
    pub fn poll(&mut self) -> Option<FilesOutput> {
        self.outputs.pop_front()
    }

    /// Every offer, in the order in which they came.
    pub fn offers(&self) -> Vec<OfferId> {
        let mut all: Vec<_> = self.ours.keys().chain(self.theirs.keys()).copied().collect();
        all.sort_unstable();
        all
    }

    /// An offer as it is now.
    pub fn offer(&self, id: OfferId) -> Option<Offer<'_>> {
        if let Some(ours) = self.ours.get(&id) {
            return Some(ours.view(id, &self.links));
        }
        self.theirs.get(&id).map(|theirs| theirs.view(id, &self.links))
    }

    /// Everything that is in an offer: of another's only once it was listed.
    pub fn list(&self, id: OfferId) -> Option<&Arc<List>> {
        match self.ours.get(&id) {
            Some(ours) => Some(&ours.list),
            None => self.theirs.get(&id)?.list.as_ref(),
        }
    }

    /// A few times a second: how quickly everything moves, and what the others are told of it.
    pub fn look(&mut self, now: Instant) {
        self.look_at_theirs(now);
        self.look_at_ours();
    }

    /// The files channel to a member of a call is open, in which we have this id.
    pub fn link_opened(&mut self, now: Instant, peer: PeerId, me: PeerId) {
        self.link_closed(peer);
        self.links.insert(peer, Link::new(me));
        let claims = self.claims(peer, me);
        self.say(peer, FilesMessage::Resume { claims });
        let _ = now;
        self.changed_with(peer);
    }

    /// It is not any more.
    pub fn link_closed(&mut self, peer: PeerId) {
        if self.links.remove(&peer).is_some() {
            for theirs in self.theirs.values_mut().filter(|theirs| theirs.peer == peer) {
                theirs.unlinked();
            }
            self.changed_with(peer);
        }
    }

    /// Somebody left the call, or we did: what they offered and nobody took is not offered any more.
    pub fn left(&mut self, peer: PeerId) {
        self.link_closed(peer);
        let gone: Vec<_> =
            self.theirs.iter().filter(|(_, theirs)| theirs.peer == peer).map(|(id, _)| *id).collect();
        for id in gone {
            if let Some(theirs) = self.theirs.get_mut(&id)
                && theirs.sender_left()
            {
                self.outputs.push_back(FilesOutput::Changed(id));
            }
        }
    }

    /// A member cannot take files: their version does not know them.
    pub fn cannot(&mut self, peer: PeerId) {
        for (id, ours) in &mut self.ours {
            if ours.cannot(peer) {
                self.outputs.push_back(FilesOutput::Changed(*id));
            }
        }
    }

    /// A message on the files channel.
    pub fn received(&mut self, now: Instant, peer: PeerId, bytes: &[u8]) {
        if self.links.get(&peer).is_none_or(|link| link.broken) {
            return;
        }
        // A newer version may say more than we understand.
        match FilesFrame::decode(bytes) {
            Ok(FilesFrame::Data(data)) => self.data(peer, &data),
            Ok(FilesFrame::Message(message)) => self.heard(now, peer, message),
            Err(_) => {}
        }
    }

    fn heard(&mut self, now: Instant, peer: PeerId, message: FilesMessage) {
        match message {
            FilesMessage::Resume { claims } => self.claimed(peer, &claims),
            FilesMessage::Accept { offer } => self.accepted(peer, offer),
            FilesMessage::Decline { offer } => self.declined(peer, offer),
            FilesMessage::List { offer, first } => self.list_wanted(peer, offer, first),
            FilesMessage::Want { offer, first, count } => self.wanted(peer, offer, first, count),
            FilesMessage::Check { offer, first, count } => self.check_wanted(peer, offer, first, count),
            FilesMessage::Hold { offer, reason } => self.held(peer, offer, reason),
            FilesMessage::Have { offer, verified, speed } => self.they_have(peer, offer, verified, speed),
            FilesMessage::Done { offer } => self.they_are_done(peer, offer),
            FilesMessage::Stop { offer, reason } => self.stopped(peer, offer, reason),
            FilesMessage::Offer(offer) => self.offered(now, peer, offer),
            FilesMessage::Entries { offer, first, entries } => self.entries(peer, offer, first, entries),
            FilesMessage::Paused { offer, paused } => self.they_paused(peer, offer, paused),
            FilesMessage::Withdraw { offer, reason } => self.withdrawn(peer, offer, reason),
            FilesMessage::Value { offer, piece, value } => self.piece_complete(peer, offer, piece, value),
            FilesMessage::Values { offer, first, values } => self.values(peer, offer, first, &values),
        }
    }

    /// Pauses a transfer: of ours to `peer`, or to everybody.
    pub fn pause(&mut self, id: OfferId, peer: Option<PeerId>) {
        if self.theirs.contains_key(&id) { self.pause_theirs(id) } else { self.pause_ours(id, peer, true) }
    }

    /// Goes on with a transfer that was paused or failed here.
    pub fn resume(&mut self, id: OfferId, peer: Option<PeerId>) {
        if self.theirs.contains_key(&id) { self.resume_theirs(id) } else { self.pause_ours(id, peer, false) }
    }

    /// Ends a transfer; of ours to `peer`, or all of it.
    pub fn cancel(&mut self, id: OfferId, peer: Option<PeerId>) {
        if self.theirs.contains_key(&id) { self.cancel_theirs(id) } else { self.cancel_ours(id, peer) }
    }

    /// Puts an offer away of which nothing moves any more. Whether that is so.
    pub fn forget(&mut self, id: OfferId) -> bool {
        let Some(offer) = self.offer(id) else { return false };
        let over = |status| {
            use FileStatus as S;
            matches!(status, S::Done | S::Declined | S::Cancelled | S::Withdrawn | S::Failed | S::Cannot)
        };
        let open = self.ours.get(&id).is_some_and(|ours| ours.open && ours.to.is_none());
        if open || !offer.transfers.iter().all(|transfer| over(transfer.status)) {
            return false;
        }
        self.ours.remove(&id);
        self.theirs.remove(&id);
        true
    }

    fn say(&mut self, peer: PeerId, message: FilesMessage) {
        if let Some(link) = self.links.get_mut(&peer) {
            link.say(message);
        }
    }

    /// Everything with this member may be shown otherwise now.
    fn changed_with(&mut self, peer: PeerId) {
        let ours = self.ours.iter().filter(|(_, ours)| ours.is_with(peer)).map(|(id, _)| *id);
        let theirs = self.theirs.iter().filter(|(_, theirs)| theirs.peer == peer).map(|(id, _)| *id);
        self.outputs.extend(ours.chain(theirs).map(FilesOutput::Changed));
    }

    fn next_id(&mut self) -> OfferId {
        self.made += 1;
        OfferId(self.made)
    }

    fn next_token(&mut self) -> FileToken {
        self.tokens += 1;
        let mut hasher = blake3::Hasher::new_keyed(&self.seed);
        FileToken::from_bytes(
            *hasher.update(b"token").update(&self.tokens.to_be_bytes()).finalize().as_bytes(),
        )
    }
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Files")
            .field("ours", &self.ours.len())
            .field("theirs", &self.theirs.len())
            .finish_non_exhaustive()
    }
}
