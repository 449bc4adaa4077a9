//! What earlier runs left, and what the next one will find: offers of ours that somebody accepted, and what came in part.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tincan_protocol::{FileToken, PeerId};
use tincan_share::Earlier;
use tracing::warn;

use super::partial::{self, Left};
use super::source;
use super::task::{FilesTask, Worked};
use super::view::About;
use crate::call::unix_millis;

/// Says what we offered and somebody accepted, who does not have all of it.
const OFFERS: &str = "unfinished-offers.json";
/// Says in which folders something is not complete.
const FOLDERS: &str = "unfinished-files.json";

/// An offer of ours that outlives this run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptOffer {
    paths: Vec<PathBuf>,
    receivers: Vec<KeptReceiver>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptReceiver {
    pub(super) peer: PeerId,
    pub(super) token: FileToken,
    pub(super) name: String,
}

impl FilesTask {
    /// What an earlier run left unfinished.
    pub(super) fn find_left(&mut self) {
        let (downloads, folder) = (self.config.downloads.clone(), self.config.data_dir.clone());
        self.work.spawn_blocking(move || {
            let read = folder.and_then(|folder| std::fs::read(folder.join(FOLDERS)).ok());
            let others: Vec<PathBuf> =
                read.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default();
            let all: BTreeSet<PathBuf> = downloads.into_iter().chain(others).collect();
            Worked::Left(all.iter().flat_map(|folder| partial::left_in(folder)).collect())
        });
    }

    pub(super) fn restore(&mut self, left: Left) {
        let Left { whose, list, place } = left;
        let earlier = Earlier { token: whose.token, list, peer: whose.peer, paused: false };
        if let Some(offer) = self.files.restore(earlier) {
            let folder = Some(place.folder.clone());
            self.places.insert(offer, place);
            self.about.insert(offer, About { folder, ..About::new(unix_millis(), whose.from) });
        }
    }

    /// In which folders the next run has to look.
    pub(super) fn remember_folders(&mut self) {
        let Some(folder) = self.config.data_dir.clone() else { return };
        let partials = self.partials.values().filter_map(|partial| partial.notes_path().parent());
        let folders: BTreeSet<PathBuf> = partials.map(Path::to_owned).collect();
        self.work.spawn_blocking(move || {
            if crate::store::write_whole(&folder, FOLDERS, &folders).is_err() {
                warn!("where unfinished files are could not be remembered");
            }
            Worked::Nothing
        });
    }

    /// What an earlier run offered. Files that are not there any more, or not the same, are found out as always: when a piece
    /// is read, and by its value.
    pub(super) fn find_kept(&mut self) {
        let Some(folder) = self.config.data_dir.clone() else { return };
        self.work.spawn_blocking(move || {
            let read = std::fs::read(folder.join(OFFERS)).ok();
            let kept: Vec<KeptOffer> =
                read.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default();
            let scanned =
                kept.into_iter().filter_map(|kept| Some((source::scan(&kept.paths).ok()?, kept.receivers)));
            Worked::Kept(scanned.collect())
        });
    }

    /// What the next run has to go on with, written when it is another than before.
    pub(super) fn keep_offers(&mut self) {
        let Some(folder) = self.config.data_dir.clone() else { return };
        let receiver = |(peer, token): (PeerId, FileToken)| KeptReceiver {
            peer,
            token,
            name: self.names.get(&peer).cloned().unwrap_or_default(),
        };
        let offers = self.sources.iter().filter_map(|(offer, sources)| {
            let receivers: Vec<_> = self.files.accepted_by(*offer).into_iter().map(receiver).collect();
            (!receivers.is_empty()).then(|| KeptOffer { paths: sources.paths.clone(), receivers })
        });
        let mut offers: Vec<_> = offers.collect();
        offers.sort_by(|one, other| one.paths.cmp(&other.paths));
        if offers == self.kept {
            return;
        }
        self.kept.clone_from(&offers);
        self.work.spawn_blocking(move || {
            if crate::store::write_whole(&folder, OFFERS, &offers).is_err() {
                warn!("what is being sent could not be remembered");
            }
            Worked::Nothing
        });
    }
}
