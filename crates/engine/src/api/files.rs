//! Files that people send each other, as a window shows them: all of it once, then only what changes.
//!
//! An **offer** is what one person sends at once: one or several files and folders, to one or to everybody. A **transfer** is the
//! way of an offer to one receiver; each goes at its own pace and has a state of its own. Offers outlive a connection and a
//! call: what was accepted goes on as soon as both are in a call with each other again.

use super::Sentence;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Every offer, ours and others', in the order in which they were made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct FilesView {
    /// All that were not put away.
    pub offers: Vec<FileOffer>,
}

/// Files and folders that were offered together.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct FileOffer {
    /// Names it in commands.
    #[debug(skip)]
    pub id: String,
    /// Whether we offer it; otherwise it is offered to us, and `transfers` has exactly one entry: ours.
    pub ours: bool,
    /// Peer id of who offers it, as it was at that time.
    #[debug(skip)]
    pub author: String,
    /// What they called themselves; empty for our own.
    #[debug(skip)]
    pub author_name: String,
    /// Since when it is here: milliseconds since the Unix epoch, by our own clock.
    #[ts(type = "number")]
    pub at: u64,
    /// The chat's number when it came, so that it stands where it was made; 0 outside of a call.
    #[ts(type = "number")]
    pub number: u64,
    /// Peer id of whom alone it is for; `None`: everybody in the call, also whoever comes later.
    #[debug(skip)]
    pub to: Option<String>,
    /// What stands at the top of it, 32 at most; `files` counts all.
    pub items: Vec<FileItem>,
    /// How many files, those in folders among them.
    pub files: u32,
    /// Bytes of all of them.
    #[ts(type = "number")]
    pub bytes: u64,
    /// Whether something in it would be run when it is opened, by its name: a program or a script.
    pub program: bool,
    /// Bytes that are free where it would go; `None` for our own, and when the system does not say.
    #[ts(type = "number | null")]
    pub free: Option<u64>,
    /// Whether it fits there.
    pub fits: bool,
    /// The folder's name where it goes or is, for a person: `Downloads`. `None` for our own.
    #[debug(skip)]
    pub folder: Option<String>,
    /// BLAKE3 hash of the only file, in hex, as `b3sum` prints it: of what was received, once it is done.
    #[debug(skip)]
    pub hash: Option<String>,
    /// One for each receiver.
    pub transfers: Vec<FileTransfer>,
}

/// A file or folder at the top of an offer.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct FileItem {
    /// Its name, as it would be saved: nothing in it leads elsewhere or deceives.
    #[debug(skip)]
    pub name: String,
    /// Whether it is a folder.
    pub folder: bool,
    /// How many files are in it; 1 for a file.
    pub files: u32,
    /// Bytes of all of them.
    #[ts(type = "number")]
    pub bytes: u64,
    /// Whether it would be run when it is opened.
    pub program: bool,
}

/// The way of an offer to one receiver.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct FileTransfer {
    /// Peer id of the other side, as it is known last: the receiver of our own offer, the sender of another's.
    #[debug(skip)]
    pub peer: String,
    /// What they call themselves.
    #[debug(skip)]
    pub name: String,
    /// Where it stands.
    pub state: FileState,
    /// Bytes that the receiver has, each compared with what the sender has by its hash.
    #[ts(type = "number")]
    pub verified: u64,
    /// Bytes a second over the last seconds; 0 while nothing moves.
    #[ts(type = "number")]
    pub speed: u64,
    /// Seconds that are left at this speed.
    #[ts(type = "number | null")]
    pub seconds_left: Option<u32>,
    /// Why it does not go on, and what to do: `disk_full`, `file_changed`, `file_vanished`, `sender_gone` and others.
    pub problem: Option<Sentence>,
    /// Whether *Resume* makes sense: it is paused by us, or failed here for a reason that a person may mend.
    pub resumable: bool,
}

/// Where a transfer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum FileState {
    /// The receiver has not decided yet.
    Offered,
    /// It is accepted and nothing has come yet: what is there from an earlier time is looked at, names are made.
    Preparing,
    /// It is on its way.
    Running,
    /// We paused it.
    Paused,
    /// The other side paused it.
    PausedByThem,
    /// It is accepted, and the other side is not connected. It goes on when they are.
    Away,
    /// All of it is there and verified.
    Done,
    /// The receiver does not want it.
    Declined,
    /// We ended it.
    Cancelled,
    /// The other side ended it.
    Withdrawn,
    /// It cannot go on: see `problem`.
    Failed,
    /// The receiver's version of Tincan has no files.
    Cannot,
}

impl FileState {
    /// Whether nothing happens any more unless somebody does something.
    pub const fn is_over(self) -> bool {
        matches!(
            self,
            Self::Done | Self::Declined | Self::Cancelled | Self::Withdrawn | Self::Failed | Self::Cannot
        )
    }
}

/// What changed.
#[expect(clippy::large_enum_variant, reason = "one at a time, and soon JSON")]
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
#[ts(export)]
pub enum FilesChange {
    /// All of it.
    All {
        /// As it is now.
        files: FilesView,
    },
    /// An offer is new, or another than before.
    Offer {
        /// As it is now.
        offer: FileOffer,
    },
    /// How far those are that move: four times a second at most.
    Progress {
        /// One for each transfer that moved.
        moved: Vec<FileProgress>,
    },
    /// An offer is not shown any more.
    Dropped {
        /// Which.
        #[debug(skip)]
        offer: String,
    },
}

/// How far a transfer is.
#[derive(derive_more::Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct FileProgress {
    /// Of which offer.
    #[debug(skip)]
    pub offer: String,
    /// [`FileTransfer::peer`].
    #[debug(skip)]
    pub peer: String,
    /// [`FileTransfer::verified`].
    #[ts(type = "number")]
    pub verified: u64,
    /// [`FileTransfer::speed`].
    #[ts(type = "number")]
    pub speed: u64,
    /// [`FileTransfer::seconds_left`].
    #[ts(type = "number | null")]
    pub seconds_left: Option<u32>,
}

impl FilesChange {
    /// Makes the change; `false` when it says nothing new.
    pub fn apply(&self, to: &mut FilesView) -> bool {
        match self {
            Self::All { files } => {
                let changed = to != files;
                to.clone_from(files);
                changed
            }
            Self::Offer { offer } => match to.offers.iter_mut().find(|one| one.id == offer.id) {
                Some(one) => {
                    let changed = one != offer;
                    one.clone_from(offer);
                    changed
                }
                None => {
                    to.offers.push(offer.clone());
                    true
                }
            },
            Self::Progress { moved } => {
                let mut changed = false;
                for one in moved {
                    let offer = to.offers.iter_mut().find(|offer| offer.id == one.offer);
                    let transfers = offer.map(|offer| &mut offer.transfers);
                    let transfer = transfers
                        .and_then(|transfers| transfers.iter_mut().find(|other| other.peer == one.peer));
                    let Some(transfer) = transfer else { continue };
                    let new = FileTransfer {
                        verified: one.verified,
                        speed: one.speed,
                        seconds_left: one.seconds_left,
                        ..transfer.clone()
                    };
                    changed |= *transfer != new;
                    *transfer = new;
                }
                changed
            }
            Self::Dropped { offer } => {
                let before = to.offers.len();
                to.offers.retain(|one| one.id != *offer);
                to.offers.len() != before
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(id: &str) -> FileOffer {
        let transfer = FileTransfer {
            peer: "p".into(),
            name: String::new(),
            state: FileState::Running,
            verified: 0,
            speed: 0,
            seconds_left: None,
            problem: None,
            resumable: false,
        };
        FileOffer {
            id: id.into(),
            ours: true,
            author: String::new(),
            author_name: String::new(),
            at: 0,
            number: 0,
            to: None,
            items: Vec::new(),
            files: 1,
            bytes: 10,
            program: false,
            free: None,
            fits: true,
            folder: None,
            hash: None,
            transfers: vec![transfer],
        }
    }

    #[test]
    fn offers_change_in_their_place_and_progress_touches_only_what_moved() {
        let mut files = FilesView::default();
        for id in ["a", "b"] {
            assert!(FilesChange::Offer { offer: offer(id) }.apply(&mut files));
            assert!(!FilesChange::Offer { offer: offer(id) }.apply(&mut files));
        }
        let moved = |offer: &str, verified| FilesChange::Progress {
            moved: vec![FileProgress {
                offer: offer.into(),
                peer: "p".into(),
                verified,
                speed: 1,
                seconds_left: Some(9),
            }],
        };
        assert!(moved("b", 5).apply(&mut files));
        assert!(!moved("b", 5).apply(&mut files));
        assert!(!moved("c", 5).apply(&mut files), "nobody knows it");
        let verified: Vec<_> = files.offers.iter().map(|offer| offer.transfers[0].verified).collect();
        assert_eq!(verified, [0, 5]);
        assert!(FilesChange::Dropped { offer: "a".into() }.apply(&mut files));
        assert!(!FilesChange::Dropped { offer: "a".into() }.apply(&mut files));
        assert_eq!(files.offers.len(), 1);
    }
}
