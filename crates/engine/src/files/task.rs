//! The task: feeds the state machine and does what it says.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tincan_protocol::{PeerId, PieceValue};
use tincan_share::{FileProblem, FileStatus, Files, FilesOutput, OfferId};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::carry::Wish;
use super::earlier::{KeptOffer, KeptReceiver};
use super::pacing::Pacing;
use super::partial::{Left, Partial, Place, Present};
use super::pump::{Pump, Way};
use super::source::{self, Sources};
use super::view::{About, Shown};
use super::{Answer, FilesCommand, FilesConfig, FilesUpdate};
use crate::api::{CommandError, FilesChange, Notice, NoticeKind, Reply, Sentence};
use crate::call::unix_millis;

/// How often speeds are measured and progress is told.
const LOOK: Duration = Duration::from_millis(250);
/// Files and folders that are offered at once.
const MAX_PATHS: usize = 1_024;
/// What is taken from the queue before anything is said.
const BATCH: usize = 128;

/// What reaches the task.
pub(super) enum ToFiles {
    Asked(FilesCommand, Answer),
    Opened {
        peer: PeerId,
        me: PeerId,
        link: u64,
        way: Arc<dyn Way>,
        waiting: Arc<AtomicUsize>,
    },
    Received {
        peer: PeerId,
        link: u64,
        message: Bytes,
    },
    Closed {
        peer: PeerId,
        link: u64,
    },
    Named(PeerId, String),
    Cannot(PeerId),
    Left(PeerId),
    CallEnded,
    /// A piece was handed to the channel.
    Sent {
        peer: PeerId,
        link: u64,
        offer: OfferId,
        piece: u32,
    },
    /// Every word was.
    Room,
}

/// What a thread did.
pub(super) enum Worked {
    Scanned(Result<Sources, CommandError>, Option<PeerId>, Answer),
    Kept(Vec<(Sources, Vec<KeptReceiver>)>),
    Read(OfferId, u32, Result<(Bytes, PieceValue), FileProblem>),
    Prepared(OfferId, Result<(Partial, Present), FileProblem>),
    Written(OfferId, u32, Result<(), FileProblem>),
    Finished(OfferId, Result<Vec<PathBuf>, FileProblem>),
    Free(OfferId, Option<u64>),
    Left(Vec<Left>),
    Nothing,
}

pub(super) struct Link {
    pub(super) number: u64,
    pub(super) pump: Pump,
    pub(super) waiting: Arc<AtomicUsize>,
    /// What was handed to it and may be called back.
    pub(super) halts: Vec<(OfferId, Arc<AtomicBool>)>,
}

pub(super) struct FilesTask {
    pub(super) config: FilesConfig,
    pub(super) files: Files,
    pub(super) links: HashMap<PeerId, Link>,
    pub(super) names: HashMap<PeerId, String>,
    pub(super) sources: HashMap<OfferId, Arc<Sources>>,
    /// What is written about them for the next run.
    pub(super) kept: Vec<KeptOffer>,
    /// The last pieces that were read.
    pub(super) cache: VecDeque<((OfferId, u32), (Bytes, PieceValue))>,
    pub(super) reading: HashMap<(OfferId, u32), Vec<Wish>>,
    pub(super) places: HashMap<OfferId, Place>,
    pub(super) partials: HashMap<OfferId, Arc<Partial>>,
    /// Where what is complete is.
    pub(super) done: HashMap<OfferId, Vec<PathBuf>>,
    pub(super) about: BTreeMap<OfferId, About>,
    pub(super) shown: Shown,
    /// What may be shown otherwise now.
    pub(super) dirty: BTreeSet<OfferId>,
    pub(super) work: JoinSet<Worked>,
    pub(super) to_self: mpsc::UnboundedSender<ToFiles>,
    pub(super) updates: mpsc::Sender<FilesUpdate>,
    pub(super) pacing: Arc<Pacing>,
}

impl FilesTask {
    pub(super) fn new(
        config: FilesConfig,
        to_self: mpsc::UnboundedSender<ToFiles>,
        updates: mpsc::Sender<FilesUpdate>,
        pacing: Arc<Pacing>,
    ) -> Self {
        // A new identity is 32 bytes of the system's random source.
        let seed = *tincan_protocol::Identity::random().id().as_bytes();
        Self {
            config,
            files: Files::new(seed),
            links: HashMap::new(),
            names: HashMap::new(),
            sources: HashMap::new(),
            kept: Vec::new(),
            cache: VecDeque::new(),
            reading: HashMap::new(),
            places: HashMap::new(),
            partials: HashMap::new(),
            done: HashMap::new(),
            about: BTreeMap::new(),
            shown: Shown::default(),
            dirty: BTreeSet::new(),
            work: JoinSet::new(),
            to_self,
            updates,
            pacing,
        }
    }

    pub(super) async fn run(
        mut self,
        mut inbox: mpsc::UnboundedReceiver<ToFiles>,
        cancel: CancellationToken,
    ) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.find_left();
        self.find_kept();
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let mut progress = false;
            tokio::select! {
                () = cancel.cancelled() => break,
                count = inbox.recv_many(&mut batch, BATCH) => {
                    if count == 0 {
                        break;
                    }
                    batch.drain(..).for_each(|what| self.told(what));
                }
                Some(worked) = self.work.join_next() => match worked {
                    Ok(worked) => self.worked(worked),
                    Err(_) => warn!("a thread for files panicked"),
                },
                _ = looks.tick() => {
                    self.files.look(Instant::now());
                    self.keep_offers();
                    progress = true;
                }
            }
            self.carry_out();
            self.tell();
            self.show(progress).await;
        }
        self.links.clear();
        // What is being written is written; what came so far stays for the next time.
        while self.work.join_next().await.is_some() {}
    }

    fn told(&mut self, what: ToFiles) {
        match what {
            ToFiles::Asked(command, answer) => self.asked(command, answer),
            ToFiles::Opened { peer, me, link, way, waiting } => {
                let pump = Pump::start(way, Arc::clone(&self.pacing), peer, link, self.to_self.clone());
                self.links.insert(peer, Link { number: link, pump, waiting, halts: Vec::new() });
                self.files.link_opened(Instant::now(), peer, me);
            }
            ToFiles::Received { peer, link, message } => {
                if self.is_current(peer, link) {
                    if let Some(link) = self.links.get(&peer) {
                        link.waiting.fetch_sub(1, Ordering::Relaxed);
                    }
                    self.files.received(Instant::now(), peer, &message);
                    // What comes of it is done in order, and memory does not grow meanwhile.
                    self.carry_out();
                }
            }
            ToFiles::Closed { peer, link } => {
                if self.is_current(peer, link) {
                    self.links.remove(&peer);
                    self.files.link_closed(peer);
                }
            }
            ToFiles::Named(peer, name) => {
                if self.names.insert(peer, name.clone()).as_ref() != Some(&name) {
                    self.dirty.extend(self.files.offers());
                }
            }
            ToFiles::Cannot(peer) => self.files.cannot(peer),
            ToFiles::Left(peer) => self.files.left(peer),
            ToFiles::CallEnded => {
                self.files.close_offers();
                let peers: BTreeSet<PeerId> = self.names.keys().copied().collect();
                peers.into_iter().for_each(|peer| self.files.left(peer));
            }
            ToFiles::Sent { peer, link, offer, piece } => {
                if self.is_current(peer, link) {
                    self.files.sent(peer, offer, piece);
                }
            }
            // It is said with the next look at all links, which comes now.
            ToFiles::Room => {}
        }
    }

    fn is_current(&self, peer: PeerId, link: u64) -> bool {
        self.links.get(&peer).is_some_and(|one| one.number == link)
    }

    fn asked(&mut self, command: FilesCommand, answer: Answer) {
        let result = match command {
            FilesCommand::Offer { paths, to } => return self.scan(paths, to, answer),
            FilesCommand::Accept { offer, folder, file } => self.accept(offer, folder, file),
            FilesCommand::Decline(offer) => self.known(offer, |files| {
                files.decline(offer);
            }),
            FilesCommand::Pause(offer, peer) => self.known(offer, |files| files.pause(offer, peer)),
            FilesCommand::Resume(offer, peer) => self.known(offer, |files| files.resume(offer, peer)),
            FilesCommand::Cancel(offer, peer) => self.known(offer, |files| files.cancel(offer, peer)),
            FilesCommand::Forget(offer) => self.forget(offer),
            FilesCommand::Locate(offer) => self.locate(offer),
        };
        // Whoever asked may have gone away since.
        let _ = answer.send(result);
    }

    fn known(&mut self, offer: OfferId, deed: impl FnOnce(&mut Files)) -> Result<Reply, CommandError> {
        if self.files.offer(offer).is_none() {
            return Err(unknown());
        }
        deed(&mut self.files);
        Ok(Reply::Done)
    }

    fn scan(&mut self, paths: Vec<PathBuf>, to: Option<PeerId>, answer: Answer) {
        if paths.len() > MAX_PATHS {
            let message =
                format!("Choose at most {MAX_PATHS} files and folders at once. A folder may hold more.");
            let refused = Sentence::new("files_too_many_paths", message).with("most", MAX_PATHS);
            return drop(answer.send(Err(refused.into())));
        }
        self.work.spawn_blocking(move || Worked::Scanned(source::scan(&paths), to, answer));
    }

    fn accept(
        &mut self,
        offer: OfferId,
        folder: Option<PathBuf>,
        file: Option<PathBuf>,
    ) -> Result<Reply, CommandError> {
        let seen = self.files.offer(offer).filter(|seen| !seen.ours).ok_or_else(unknown)?;
        if seen.transfers.iter().any(|one| one.status != FileStatus::Offered) {
            return Err(error("files_decided", "This is decided already."));
        }
        let single = matches!(seen.items, [only] if only.files.is_none());
        let place = match (file, folder.or_else(|| self.config.downloads.clone())) {
            (Some(file), _) if single => {
                let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
                let folder = file.parent().map(Path::to_owned);
                match (folder, name) {
                    // What the person typed stays as it is, but for what no system takes.
                    (Some(folder), Some(name)) => Place { folder, name: Some(name) },
                    _ => return Err(error("files_no_folder", "Say where to save it: a folder and a name.")),
                }
            }
            (Some(_), _) => {
                return Err(error(
                    "files_not_one",
                    "There are several files: choose a folder to save them in.",
                ));
            }
            (None, Some(folder)) => Place { folder, name: None },
            (None, None) => return Err(error("files_no_folder", "Say where to save it: a folder.")),
        };
        if let Some(about) = self.about.get_mut(&offer) {
            about.folder = Some(place.folder.clone());
        }
        self.places.insert(offer, place);
        self.files.accept(offer);
        Ok(Reply::Done)
    }

    fn forget(&mut self, offer: OfferId) -> Result<Reply, CommandError> {
        if !self.files.forget(offer) {
            return Err(error("files_busy", "This is still on its way. Cancel it first."));
        }
        self.sources.remove(&offer);
        self.cache.retain(|((cached, _), _)| *cached != offer);
        self.places.remove(&offer);
        self.partials.remove(&offer);
        self.done.remove(&offer);
        self.about.remove(&offer);
        self.dirty.insert(offer);
        Ok(Reply::Done)
    }

    fn locate(&self, offer: OfferId) -> Result<Reply, CommandError> {
        let file = self.done.get(&offer).and_then(|paths| paths.first()).ok_or_else(unknown)?;
        if std::fs::symlink_metadata(file).is_err() {
            let message = "It is not there any more: it was moved, renamed or deleted.";
            return Err(error("file_gone", message));
        }
        Ok(Reply::Saved { file: file.display().to_string() })
    }

    fn worked(&mut self, worked: Worked) {
        match worked {
            Worked::Scanned(Ok(sources), to, answer) => {
                let offered = self.files.offer_files(Arc::clone(&sources.list), to);
                let result = offered.map_err(super::list_refused);
                if let Ok(offer) = &result {
                    self.sources.insert(*offer, Arc::new(sources));
                }
                let _ = answer.send(result.map(|offer| Reply::Offered { offer: offer.0.to_string() }));
            }
            Worked::Scanned(Err(error), _, answer) => drop(answer.send(Err(error))),
            Worked::Read(offer, piece, result) => self.read(offer, piece, result),
            Worked::Prepared(offer, Ok((partial, present))) => {
                self.partials.insert(offer, Arc::new(partial));
                self.remember_folders();
                self.files.prepared(offer, Ok(present));
                // It may have been cancelled meanwhile.
                let status = self.files.offer(offer).and_then(|seen| Some(seen.transfers.first()?.status));
                if status.is_none_or(|status| status == FileStatus::Cancelled) {
                    self.discard(offer);
                }
            }
            Worked::Prepared(offer, Err(problem)) => self.files.prepared(offer, Err(problem)),
            Worked::Written(offer, piece, result) => self.files.written(offer, piece, result),
            Worked::Finished(offer, Ok(paths)) => {
                self.partials.remove(&offer);
                self.remember_folders();
                self.done.insert(offer, paths);
                self.files.finished(offer, Ok(()));
            }
            Worked::Finished(offer, Err(problem)) => self.files.finished(offer, Err(problem)),
            Worked::Free(offer, free) => {
                if let Some(about) = self.about.get_mut(&offer) {
                    about.free = free;
                    self.dirty.insert(offer);
                }
            }
            Worked::Kept(kept) => kept.into_iter().for_each(|(sources, receivers)| {
                let accepted: Vec<_> = receivers.iter().map(|one| (one.peer, one.token)).collect();
                if let Some(offer) = self.files.restore_ours(Arc::clone(&sources.list), &accepted) {
                    self.sources.insert(offer, Arc::new(sources));
                    self.names.extend(receivers.into_iter().map(|one| (one.peer, one.name)));
                }
            }),
            Worked::Left(left) => left.into_iter().for_each(|left| self.restore(left)),
            Worked::Nothing => {}
        }
    }

    /// Does everything that the state machine asks for.
    fn carry_out(&mut self) {
        while let Some(output) = self.files.poll() {
            match output {
                FilesOutput::Changed(offer) => {
                    self.seen(offer);
                    self.dirty.insert(offer);
                }
                FilesOutput::Send { peer, offer, piece } => self.send(peer, offer, piece),
                FilesOutput::Halt { peer, offer } => {
                    if let Some(link) = self.links.get_mut(&peer) {
                        link.halts.retain(|(halted, flag)| {
                            let meant = *halted == offer;
                            flag.fetch_or(meant, Ordering::Relaxed);
                            !meant
                        });
                    }
                }
                FilesOutput::Hash { peer, offer, piece } => self.want(offer, piece, Wish::Hash(peer)),
                FilesOutput::Prepare(offer) => self.prepare(offer),
                FilesOutput::Write { offer, piece, data, value } => {
                    match self.partials.get(&offer).cloned() {
                        Some(partial) => {
                            self.work.spawn_blocking(move || {
                                Worked::Written(offer, piece, partial.write(piece, &data, &value))
                            });
                        }
                        None => self.files.written(offer, piece, Err(FileProblem::Disk)),
                    }
                }
                FilesOutput::Finish(offer) => match self.partials.get(&offer).cloned() {
                    Some(partial) => {
                        self.work.spawn_blocking(move || Worked::Finished(offer, partial.finish()));
                    }
                    None => self.files.finished(offer, Err(FileProblem::Disk)),
                },
                FilesOutput::Discard(offer) => self.discard(offer),
            }
        }
    }

    /// An offer is there for the first time: since when, whose, and whether it would fit.
    fn seen(&mut self, offer: OfferId) {
        if self.about.contains_key(&offer) {
            return;
        }
        let Some(seen) = self.files.offer(offer) else { return };
        let peer = seen.transfers.first().map(|one| one.peer).filter(|_| !seen.ours);
        let name = peer.and_then(|peer| self.names.get(&peer)).cloned().unwrap_or_default();
        let about = About::new(unix_millis(), name);
        if let (false, Some(folder)) = (seen.ours, self.config.downloads.clone()) {
            self.about.insert(offer, About { folder: Some(folder.clone()), ..about });
            self.work.spawn_blocking(move || Worked::Free(offer, fs4::available_space(folder).ok()));
        } else {
            self.about.insert(offer, about);
        }
    }

    /// Says to everybody what there is to say.
    fn tell(&mut self) {
        let Self { files, links, .. } = self;
        for (peer, link) in links {
            files.tell(*peer, |message| link.pump.say(message));
        }
        self.carry_out();
    }

    /// Shows what changed: how far something is with each look only, everything else at once.
    async fn show(&mut self, progress: bool) {
        let mut told = Vec::new();
        let mut moved = Vec::new();
        for offer in std::mem::take(&mut self.dirty) {
            let view = self.files.offer(offer).and_then(|seen| {
                let about = self.about.get(&offer)?;
                let hash = self.files.hash(offer);
                Some(about.view(&seen, &self.names, hash))
            });
            match self.shown.compare(offer, view) {
                super::view::News::Nothing => {}
                super::view::News::Moved(which) if progress => moved.extend(which),
                super::view::News::Moved(_) => {
                    self.dirty.insert(offer);
                }
                super::view::News::Change(change, notice) => {
                    told.push(FilesUpdate::Change(*change));
                    told.extend(notice.map(|said| FilesUpdate::Notice(Notice::new(NoticeKind::Info, said))));
                }
            }
        }
        if !moved.is_empty() {
            self.shown.moved(&moved);
            told.push(FilesUpdate::Change(FilesChange::Progress { moved }));
        }
        for update in told {
            // The engine is ending when nobody listens.
            let _ = self.updates.send(update).await;
        }
    }
}

fn unknown() -> CommandError {
    error("files_unknown", "That is not here any more.")
}

fn error(code: &str, message: &str) -> CommandError {
    CommandError::new(code, message)
}
