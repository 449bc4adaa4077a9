//! What a window is shown of files, and which part of it is news.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use tincan_protocol::{PeerId, PieceValue};
use tincan_share::{FileProblem, FileStatus, Offer, OfferId, Transfer, is_program, safe_name};

use crate::api::{FileItem, FileOffer, FileProgress, FileState, FileTransfer, FilesChange, Sentence};

/// What is known of an offer beside what the state machine knows.
#[derive(Debug, Clone)]
pub(super) struct About {
    pub(super) at: u64,
    pub(super) author_name: String,
    /// Where it goes, or would.
    pub(super) folder: Option<PathBuf>,
    /// What is free there.
    pub(super) free: Option<u64>,
}

impl About {
    pub(super) const fn new(at: u64, author_name: String) -> Self {
        Self { at, author_name, folder: None, free: None }
    }

    pub(super) fn view(
        &self,
        offer: &Offer<'_>,
        names: &HashMap<PeerId, String>,
        hash: Option<PieceValue>,
    ) -> FileOffer {
        let name = |peer: PeerId| names.get(&peer).cloned();
        let items = offer.items.iter().map(|item| FileItem {
            name: safe_name(&item.name),
            folder: item.files.is_some(),
            files: item.files.unwrap_or(1),
            bytes: item.bytes,
            program: item.files.is_none() && is_program(&item.name),
        });
        let items: Vec<FileItem> = items.collect();
        let transfers = offer.transfers.iter().map(|one| {
            let earlier = if offer.ours { String::new() } else { self.author_name.clone() };
            transfer(one, name(one.peer).unwrap_or(earlier))
        });
        let author = offer.transfers.first().map(|one| one.peer).filter(|_| !offer.ours);
        let folder = self.folder.as_ref().and_then(|folder| folder.file_name()).filter(|_| !offer.ours);
        let lacking = offer.bytes.saturating_sub(offer.transfers.first().map_or(0, |one| one.verified));
        FileOffer {
            id: offer.id.0.to_string(),
            ours: offer.ours,
            author: author.map(|peer| peer.to_string()).unwrap_or_default(),
            author_name: author.and_then(name).unwrap_or_else(|| self.author_name.clone()),
            at: self.at,
            number: 0,
            to: offer.to.map(|peer| peer.to_string()),
            program: items.iter().any(|item| item.program),
            items,
            files: offer.files,
            bytes: offer.bytes,
            free: self.free.filter(|_| !offer.ours),
            fits: self.free.is_none_or(|free| free >= lacking),
            folder: folder.map(|name| name.to_string_lossy().into_owned()),
            hash: hash.map(hex),
            transfers: transfers.collect(),
        }
    }
}

fn hex(value: PieceValue) -> String {
    value.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn transfer(one: &Transfer, name: String) -> FileTransfer {
    let problem = |problem: FileProblem| Sentence::new(problem.code(), problem.to_string());
    FileTransfer {
        peer: one.peer.to_string(),
        name,
        state: state(one.status),
        verified: one.verified,
        speed: one.speed,
        seconds_left: one.seconds_left,
        problem: one.problem.map(problem),
        resumable: one.resumable,
    }
}

const fn state(status: FileStatus) -> FileState {
    match status {
        FileStatus::Offered => FileState::Offered,
        FileStatus::Preparing => FileState::Preparing,
        FileStatus::Running => FileState::Running,
        FileStatus::Paused => FileState::Paused,
        FileStatus::PausedByThem => FileState::PausedByThem,
        FileStatus::Away => FileState::Away,
        FileStatus::Done => FileState::Done,
        FileStatus::Declined => FileState::Declined,
        FileStatus::Cancelled => FileState::Cancelled,
        FileStatus::Withdrawn => FileState::Withdrawn,
        FileStatus::Failed => FileState::Failed,
        FileStatus::Cannot => FileState::Cannot,
    }
}

/// What changed since it was shown.
pub(super) enum News {
    Nothing,
    /// Only how far it is.
    Moved(Vec<FileProgress>),
    /// Something else, and what to tell once: a stable word and a sentence.
    Change(Box<FilesChange>, Option<Sentence>),
}

/// What a window knows.
#[derive(Default)]
pub(super) struct Shown(BTreeMap<OfferId, FileOffer>);

impl Shown {
    pub(super) fn compare(&mut self, id: OfferId, now: Option<FileOffer>) -> News {
        let before = self.0.get(&id);
        let Some(now) = now else {
            return match self.0.remove(&id) {
                Some(_) => News::Change(Box::new(FilesChange::Dropped { offer: id.0.to_string() }), None),
                None => News::Nothing,
            };
        };
        if let Some(before) = before {
            if *before == now {
                return News::Nothing;
            }
            if same_but_for_progress(before, &now) {
                let pairs = before.transfers.iter().zip(&now.transfers);
                let moved = pairs.filter(|(before, now)| before != now).map(|(_, one)| FileProgress {
                    offer: now.id.clone(),
                    peer: one.peer.clone(),
                    verified: one.verified,
                    speed: one.speed,
                    seconds_left: one.seconds_left,
                });
                return News::Moved(moved.collect());
            }
        }
        let notice = notice(before, &now);
        self.0.insert(id, now.clone());
        News::Change(Box::new(FilesChange::Offer { offer: now }), notice)
    }

    /// These were told.
    pub(super) fn moved(&mut self, moved: &[FileProgress]) {
        for one in moved {
            let offer = self.0.values_mut().find(|offer| offer.id == one.offer);
            let transfers = offer.map(|offer| offer.transfers.as_mut_slice()).unwrap_or_default();
            for transfer in transfers.iter_mut().filter(|transfer| transfer.peer == one.peer) {
                (transfer.verified, transfer.speed) = (one.verified, one.speed);
                transfer.seconds_left = one.seconds_left;
            }
        }
    }
}

fn same_but_for_progress(before: &FileOffer, now: &FileOffer) -> bool {
    let still = |offer: &FileOffer| {
        let mut offer = offer.clone();
        // Whether it fits changes with what has come.
        offer.fits = true;
        for transfer in &mut offer.transfers {
            (transfer.verified, transfer.speed, transfer.seconds_left) = (0, 0, None);
        }
        offer
    };
    before.transfers.len() == now.transfers.len() && still(before) == still(now)
}

/// What a person is told once.
fn notice(before: Option<&FileOffer>, now: &FileOffer) -> Option<Sentence> {
    let [transfer] = now.transfers.as_slice() else { return None };
    if now.ours {
        return None;
    }
    let was = before.and_then(|before| before.transfers.first()).map(|one| one.state);
    let who = if now.author_name.is_empty() { "Somebody" } else { &now.author_name };
    let what = match now.items.as_slice() {
        [only] => format!("“{}”", only.name),
        _ => format!("{} files", now.files),
    };
    let named = |said: Sentence| {
        let name =
            now.items.as_slice().first().filter(|_| now.items.len() == 1).map_or("", |only| &only.name);
        said.with("name", now.author_name.as_str()).with("file", name).with("count", now.files)
    };
    match (was, transfer.state) {
        (None, FileState::Offered) => {
            Some(named(Sentence::new("files_offered", format!("{who} offers you {what}."))))
        }
        (Some(before), FileState::Done) if before != FileState::Done => {
            let message = format!("{what} from {who} is there, whole and verified.");
            Some(named(Sentence::new("files_received", message)))
        }
        (Some(before), FileState::Failed) if before != FileState::Failed => {
            let why = transfer.problem.as_ref().map_or("", |problem| problem.message.as_str());
            Some(named(Sentence::new("files_failed", format!("{what} from {who}: {why}"))))
        }
        _ => None,
    }
}
