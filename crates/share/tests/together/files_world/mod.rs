//! A sender and receivers, the ways between them and the disks below them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tincan_protocol::{FileData, FileEntry, FileToken, FilesFrame, FilesMessage, MAX_FILE_DATA, PeerId};
use tincan_share::{
    Earlier, FileProblem, FileStatus, Files, FilesOutput, List, OfferId, PiecePlace, Transfer, piece_value,
};

pub(crate) fn id(number: u8) -> PeerId {
    PeerId::from_bytes([number; 32])
}

pub(crate) fn content(piece: u32, length: u32) -> Vec<u8> {
    vec![(piece as u8).wrapping_mul(31) ^ 7; length as usize]
}

pub(crate) fn list(sizes: &[u64]) -> Arc<List> {
    let entry = |(at, bytes): (usize, &u64)| FileEntry {
        path: vec!["folder".into(), format!("file {at}")],
        bytes: Some(*bytes),
        modified: None,
    };
    Arc::new(List::new(sizes.iter().enumerate().map(entry).collect()).unwrap())
}

/// What a receiver has on the disk of an offer, which a crash leaves there.
#[derive(Default)]
pub(crate) struct Disk {
    pub(crate) pieces: BTreeMap<u32, [u8; 32]>,
    pub(crate) list: Option<Arc<List>>,
    pub(crate) done: bool,
}

pub(crate) struct Member {
    pub(crate) id: PeerId,
    pub(crate) files: Files,
    pub(crate) disks: BTreeMap<[u8; 32], Disk>,
    /// What is handed over to be sent, per link.
    pub(crate) pump: VecDeque<(PeerId, OfferId, u32)>,
    pub(crate) full: bool,
    /// Whether what it offers is another than when it was offered.
    pub(crate) changed: bool,
}

impl Member {
    pub(crate) fn new(number: u8) -> Self {
        Self {
            id: id(number),
            files: Files::new([number; 32]),
            disks: BTreeMap::new(),
            pump: VecDeque::new(),
            full: false,
            changed: false,
        }
    }

    pub(crate) fn token(&self, offer: OfferId) -> [u8; 32] {
        *self.files.token(offer).unwrap().as_bytes()
    }

    pub(crate) fn place(&self, offer: OfferId, piece: u32) -> PiecePlace {
        self.files.list(offer).unwrap().layout().place(piece).unwrap()
    }

    /// Does what it is asked to do.
    pub(crate) fn work(&mut self) {
        while let Some(output) = self.files.poll() {
            match output {
                FilesOutput::Changed(offer) => assert!(self.files.offer(offer).is_some()),
                FilesOutput::Send { peer, offer, piece } => {
                    let on_the_way = self.pump.iter().filter(|(to, ..)| *to == peer).count();
                    assert!(on_the_way < 2, "two at most");
                    self.pump.push_back((peer, offer, piece));
                }
                FilesOutput::Halt { peer, offer } => {
                    self.pump.retain(|(to, of, _)| (*to, *of) != (peer, offer));
                }
                FilesOutput::Hash { peer, offer, piece } => {
                    let place = self.place(offer, piece);
                    let value = piece_value(&place, &content(piece, place.length));
                    self.files.hashed(peer, offer, piece, value);
                }
                FilesOutput::Prepare(offer) => {
                    let (token, list) = (self.token(offer), self.files.list(offer).unwrap().clone());
                    let disk = self.disks.entry(token).or_default();
                    disk.list = Some(list);
                    let present = disk.pieces.iter().map(|(piece, value)| (*piece, *value)).collect();
                    self.files
                        .prepared(offer, if self.full { Err(FileProblem::DiskFull) } else { Ok(present) });
                }
                FilesOutput::Write { offer, piece, data, value } => {
                    let place = self.place(offer, piece);
                    assert_eq!(data, content(piece, place.length), "what comes is what was sent");
                    assert_eq!(value, piece_value(&place, &data));
                    if self.full {
                        self.files.written(offer, piece, Err(FileProblem::DiskFull));
                        continue;
                    }
                    let token = self.token(offer);
                    let again = self.disks.get_mut(&token).unwrap().pieces.insert(piece, value).is_some();
                    assert!(!again, "piece {piece} was there already");
                    self.files.written(offer, piece, Ok(()));
                }
                FilesOutput::Finish(offer) => {
                    let (token, pieces) =
                        (self.token(offer), self.files.list(offer).unwrap().layout().pieces());
                    let disk = self.disks.get_mut(&token).unwrap();
                    assert_eq!(disk.pieces.len(), pieces as usize, "nothing is called complete that is not");
                    disk.done = true;
                    self.files.finished(offer, Ok(()));
                }
                FilesOutput::Discard(offer) => {
                    let token = self.token(offer);
                    self.disks.remove(&token);
                }
            }
        }
    }

    /// The program ends without a word and is started again: only what is on the disk is left.
    pub(crate) fn crash(&mut self, number: u8) {
        self.id = id(number);
        self.files = Files::new([number; 32]);
        self.pump.clear();
        for (token, disk) in self.disks.iter().filter(|(_, disk)| !disk.done) {
            let Some(list) = disk.list.clone() else { continue };
            self.files.restore(Earlier {
                token: FileToken::from_bytes(*token),
                list,
                peer: id(0),
                paused: false,
            });
        }
        self.work();
    }
}

/// A sender, number 0, and receivers, each with one link to the sender.
pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) sender: Member,
    pub(crate) receivers: Vec<Member>,
    /// Messages on their way: to the receiver, to the sender.
    pub(crate) ways: Vec<Option<[VecDeque<Vec<u8>>; 2]>>,
    pub(crate) next_id: u8,
}

impl World {
    pub(crate) fn new(receivers: u8) -> Self {
        let mut world = Self {
            now: Instant::now(),
            sender: Member::new(0),
            receivers: (1..=receivers).map(Member::new).collect(),
            ways: (0..receivers).map(|_| None).collect(),
            next_id: receivers + 1,
        };
        (0..receivers as usize).for_each(|at| world.connect(at));
        world
    }

    pub(crate) fn connect(&mut self, at: usize) {
        if self.ways[at].is_some() {
            return;
        }
        self.ways[at] = Some(Default::default());
        let (sender, receiver) = (self.sender.id, self.receivers[at].id);
        self.sender.files.link_opened(self.now, receiver, sender);
        self.receivers[at].files.link_opened(self.now, sender, receiver);
    }

    pub(crate) fn cut(&mut self, at: usize) {
        if self.ways[at].take().is_some() {
            let (sender, receiver) = (self.sender.id, self.receivers[at].id);
            self.sender.files.link_closed(receiver);
            self.sender.pump.retain(|(to, ..)| *to != receiver);
            self.receivers[at].files.link_closed(sender);
        }
    }

    pub(crate) fn crash(&mut self, at: usize) {
        self.cut(at);
        self.sender.files.left(self.receivers[at].id);
        self.receivers[at].crash(self.next_id);
        self.next_id += 1;
    }

    /// Everything that is to be said goes onto the ways.
    pub(crate) fn tell(&mut self) {
        self.sender.work();
        for (way, receiver) in self.ways.iter_mut().zip(&mut self.receivers) {
            receiver.work();
            let Some([to_receiver, to_sender]) = way else { continue };
            let said = |to: &mut VecDeque<Vec<u8>>, message: &FilesMessage| {
                let bytes = message.encode();
                let read = FilesFrame::decode(&bytes).expect("the other side understands it");
                assert_eq!(read, FilesFrame::Message(message.clone()));
                to.push_back(bytes);
                true
            };
            self.sender.files.tell(receiver.id, |message| said(to_receiver, message));
            receiver.files.tell(id(0), |message| said(to_sender, message));
        }
    }

    /// One piece leaves the sender, or only a part of it.
    pub(crate) fn pump(&mut self, parts: usize) {
        let Some((peer, offer, piece)) = self.sender.pump.pop_front() else { return };
        let place = self.sender.place(offer, piece);
        if self.sender.changed {
            self.sender.files.unreadable(offer, FileProblem::Changed);
            return;
        }
        let data = content(piece, place.length);
        let at = self.receivers.iter().position(|receiver| receiver.id == peer).unwrap();
        let Some([way, _]) = &mut self.ways[at] else { return };
        let all = data.len().div_ceil(MAX_FILE_DATA);
        for (number, part) in data.chunks(MAX_FILE_DATA).enumerate().take(parts) {
            let offset = (number * MAX_FILE_DATA) as u32;
            way.push_back(FileData { offer: offer.0, piece, offset, data: part }.encode());
        }
        if parts >= all {
            let value = piece_value(&place, &data);
            way.push_back(FilesMessage::Value { offer: offer.0, piece, value }.encode());
            self.sender.files.sent(peer, offer, piece);
        } else {
            // It is cut off with its link.
            self.cut(at);
        }
    }

    pub(crate) fn deliver(&mut self, at: usize, to_sender: bool, messages: usize) {
        for _ in 0..messages {
            let Some(way) = &mut self.ways[at] else { return };
            let Some(bytes) = way[usize::from(to_sender)].pop_front() else { return };
            let receiver = &mut self.receivers[at];
            if to_sender {
                self.sender.files.received(self.now, receiver.id, &bytes);
            } else {
                receiver.files.received(self.now, id(0), &bytes);
            }
        }
    }

    /// Until nobody has anything more to say.
    pub(crate) fn settle(&mut self) {
        for _ in 0..100_000 {
            self.now += Duration::from_millis(250);
            self.sender.files.look(self.now);
            self.receivers.iter_mut().for_each(|receiver| receiver.files.look(self.now));
            self.tell();
            self.pump(usize::MAX);
            self.pump(usize::MAX);
            for at in 0..self.receivers.len() {
                self.deliver(at, true, 10_000);
                self.deliver(at, false, 10_000);
            }
            self.tell();
            let quiet = self.ways.iter().flatten().flatten().all(VecDeque::is_empty);
            if quiet && self.sender.pump.is_empty() {
                return;
            }
        }
        panic!("it does not come to an end");
    }

    pub(crate) fn undecided(&self, at: usize) -> Vec<OfferId> {
        let files = &self.receivers[at].files;
        files
            .offers()
            .into_iter()
            .filter(|offer| transfer(files, *offer).status == FileStatus::Offered)
            .collect()
    }
}

pub(crate) fn transfer(files: &Files, offer: OfferId) -> Transfer {
    files.offer(offer).unwrap().transfers[0]
}
