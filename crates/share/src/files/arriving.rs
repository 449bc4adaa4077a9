//! What of another's offer is asked for, comes, and is verified.

use std::time::{Duration, Instant};

use tincan_protocol::{FileData, FilesMessage, MAX_FILE_RANGE, PIECE, PeerId, PieceValue};

use super::link::Arriving;
use super::pieces::{Layout, piece_value};
use super::theirs::{Phase, Theirs};
use super::{FileProblem, Files, FilesOutput, OfferId};

/// Bytes that are asked for and not written yet: 200 MB/s over a round trip of 40 ms, and what a crash costs at most.
pub const WINDOW: u64 = 8 * PIECE;
/// Pieces that are asked for at once, where they are small.
const MAX_ASKED: usize = 256;
/// Values that are asked for at once.
const MAX_CHECKING: usize = 256;
/// How often a piece may come that does not fit its value.
const MAX_WRONG: u32 = 3;
/// How often the sender is told how far we are.
const TELL: Duration = Duration::from_millis(500);

impl Theirs {
    /// Which pieces to ask for next, and of which to ask the value.
    fn wishes(&mut self) -> (Vec<u32>, Vec<u32>) {
        let (mut pieces, mut values) = (Vec::new(), Vec::new());
        let Some(list) = self.list.clone() else { return (pieces, values) };
        let layout = &list.layout;
        let waiting = |theirs: &Self| {
            theirs.asked.iter().chain(&theirs.writing).map(|piece| layout.length(*piece)).sum::<u64>()
        };
        let mut bytes = waiting(self);
        while self.next < layout.pieces() && self.asked.len() + self.writing.len() < MAX_ASKED {
            let piece = self.next;
            let there = self.have.has(piece)
                || self.earlier.has(piece)
                || self.asked.contains(&piece)
                || self.writing.contains(&piece);
            if !there {
                let length = layout.length(piece);
                if bytes > 0 && bytes + length > WINDOW {
                    break;
                }
                bytes += length;
                self.asked.insert(piece);
                pieces.push(piece);
            }
            self.next += 1;
        }
        let mut from = self.checking.last().map_or(0, |last| last + 1);
        while self.checking.len() < MAX_CHECKING
            && let Some(piece) = self.earlier.next(from)
        {
            self.checking.insert(piece);
            values.push(piece);
            from = piece + 1;
        }
        (pieces, values)
    }
}

/// Numbers that follow each other, as (first, how many).
fn ranges(numbers: &[u32]) -> Vec<(u32, u32)> {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((first, count)) if *first + *count == *number && *count < MAX_FILE_RANGE => *count += 1,
            _ => ranges.push((*number, 1)),
        }
    }
    ranges
}

impl Files {
    /// Asks for what is lacking, as far as there is room for it; or it is complete.
    pub(super) fn ask(&mut self, id: OfferId) {
        let Some(theirs) = self.theirs.get_mut(&id).filter(|theirs| theirs.phase == Phase::Running) else {
            return;
        };
        let Some(pieces) = theirs.layout().map(Layout::pieces) else { return };
        if theirs.have.count() == pieces {
            theirs.phase = Phase::Finishing;
            self.outputs.push_back(FilesOutput::Finish(id));
            self.outputs.push_back(FilesOutput::Changed(id));
            return;
        }
        if theirs.paused || !self.links.contains_key(&theirs.peer) || theirs.number == 0 {
            return;
        }
        let (pieces, values) = theirs.wishes();
        let (peer, offer) = (theirs.peer, theirs.number);
        for (first, count) in ranges(&values) {
            self.say(peer, FilesMessage::Check { offer, first, count });
        }
        for (first, count) in ranges(&pieces) {
            self.say(peer, FilesMessage::Want { offer, first, count });
        }
    }

    pub(super) fn data(&mut self, peer: PeerId, data: &FileData<'_>) {
        let Some((id, theirs)) = self.of_number(peer, data.offer) else { return };
        let Some(place) = theirs.layout().and_then(|layout| layout.place(data.piece)) else { return };
        if !theirs.asked.contains(&data.piece)
            || data.offset as usize + data.data.len() > place.length as usize
        {
            return;
        }
        theirs.speed.add(data.data.len() as u64);
        let Some(link) = self.links.get_mut(&peer) else { return };
        if data.offset == 0 {
            link.begin(id, data.piece, place.length).data.extend_from_slice(data.data);
            return;
        }
        if let Some(arriving) = &mut link.arriving
            && (arriving.offer, arriving.piece, arriving.data.len()) == (id, data.piece, data.offset as usize)
        {
            arriving.data.extend_from_slice(data.data);
        }
    }

    pub(super) fn piece_complete(&mut self, peer: PeerId, offer: u32, piece: u32, value: PieceValue) {
        let Some((id, theirs)) = self.of_number(peer, offer) else { return };
        let Some(place) = theirs.layout().and_then(|layout| layout.place(piece)) else { return };
        if !theirs.asked.contains(&piece) {
            return;
        }
        let Some(link) = self.links.get_mut(&peer) else { return };
        // What was on its way when it was paused ends without its beginning: the piece comes again.
        let whole = |arriving: &mut Arriving| {
            (arriving.offer, arriving.piece, arriving.data.len()) == (id, piece, place.length as usize)
        };
        let Some(arrived) = link.arriving.take_if(whole) else { return };
        let Some(theirs) = self.theirs.get_mut(&id) else { return };
        theirs.asked.remove(&piece);
        let fits = Some(arrived).filter(|arrived| piece_value(&place, &arrived.data) == value);
        match fits {
            Some(arrived) => {
                theirs.writing.insert(piece);
                theirs.values[piece as usize] = value;
                self.outputs.push_back(FilesOutput::Write { offer: id, piece, data: arrived.data, value });
            }
            None => {
                theirs.wrong += 1;
                theirs.next = theirs.next.min(piece);
                if theirs.wrong > MAX_WRONG {
                    return self.refuse(id);
                }
            }
        }
        self.ask(id);
    }

    pub(super) fn values(&mut self, peer: PeerId, offer: u32, first: u32, values: &[PieceValue]) {
        let Some((id, theirs)) = self.of_number(peer, offer) else { return };
        let Some(list) = theirs.list.clone() else { return };
        for (piece, value) in (first..).zip(values) {
            if !theirs.checking.remove(&piece) || !theirs.earlier.remove(piece) {
                continue;
            }
            if theirs.values[piece as usize] == *value && theirs.have.insert(piece) {
                theirs.verified += list.layout.length(piece);
            } else {
                // The file has changed there since.
                theirs.next = theirs.next.min(piece);
            }
        }
        self.outputs.push_back(FilesOutput::Changed(id));
        self.ask(id);
    }

    /// A piece is on the disk, or cannot be.
    pub fn written(&mut self, id: OfferId, piece: u32, result: Result<(), FileProblem>) {
        let Some(theirs) = self.theirs.get_mut(&id) else { return };
        // What was begun anew meanwhile does not know it.
        if !theirs.writing.remove(&piece) || theirs.phase != Phase::Running {
            return;
        }
        match result {
            Ok(()) => {
                if theirs.have.insert(piece) {
                    theirs.verified += theirs.layout().map_or(0, |layout| layout.length(piece));
                }
                self.outputs.push_back(FilesOutput::Changed(id));
                self.ask(id);
            }
            Err(problem) => self.failed(id, problem),
        }
    }

    /// It has its name, or cannot have it.
    pub fn finished(&mut self, id: OfferId, result: Result<(), FileProblem>) {
        let Some(theirs) = self.theirs.get_mut(&id).filter(|theirs| theirs.phase == Phase::Finishing) else {
            return;
        };
        match result {
            Ok(()) => {
                theirs.phase = Phase::Done;
                let (peer, offer) = (theirs.peer, theirs.number);
                self.say(peer, FilesMessage::Done { offer });
                self.outputs.push_back(FilesOutput::Changed(id));
            }
            Err(problem) => self.failed(id, problem),
        }
    }

    pub(super) fn look_at_theirs(&mut self, now: Instant) {
        let mut news = Vec::new();
        for (id, theirs) in self.theirs.iter_mut().filter(|(_, theirs)| theirs.phase == Phase::Running) {
            let Some(link) = self.links.get(&theirs.peer) else { continue };
            let before = theirs.speed.rate();
            theirs.speed.look(now);
            if theirs.speed.rate() != before {
                self.outputs.push_back(FilesOutput::Changed(*id));
            }
            let due = theirs.told.is_none_or(|(at, told)| {
                now.saturating_duration_since(at) >= TELL
                    && (told != theirs.verified || theirs.speed.rate() != before)
            });
            if due && link.is_quiet() {
                theirs.told = Some((now, theirs.verified));
                news.push((theirs.peer, theirs.number, theirs.verified, theirs.speed.rate()));
            }
        }
        for (peer, offer, verified, speed) in news {
            self.say(peer, FilesMessage::Have { offer, verified, speed });
        }
    }
}
