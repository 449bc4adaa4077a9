//! A pipe that is read without waiting: a thread reads it, and the sound thread takes what has come.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::Duration;

/// Bytes that are read at once.
const PIECE: usize = 4_096;
/// Pieces that may wait; then the writer waits, as at any full pipe. A quarter of a second of CD sound.
const PIECES: usize = 12;
/// Whoever writes has begun after this long.
const BEGIN_LIMIT: Duration = Duration::from_secs(5);

/// The reading end of a pipe. Waits for what comes until [`Pipe::live`], and never afterwards.
pub(super) struct Pipe {
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    /// Bytes of `piece` that were taken.
    taken: usize,
    waits: bool,
    ended: bool,
}

impl Pipe {
    /// Starts reading. The thread ends with the pipe's writer, or with the first piece after this was dropped; while
    /// nothing comes nothing can wake it, so it is left behind.
    pub(super) fn new(file: File) -> io::Result<Self> {
        let (sender, pieces) = sync_channel(PIECES);
        std::thread::Builder::new().name("sound pipe".into()).spawn(move || forward(file, &sender))?;
        Ok(Self { pieces, piece: Vec::new(), taken: 0, waits: true, ended: false })
    }

    /// From now on what has not come is [`ErrorKind::WouldBlock`].
    pub(super) fn live(&mut self) {
        self.waits = false;
    }

    /// The next byte that is read is this one.
    pub(super) fn put_back(&mut self, byte: u8) {
        if self.taken > 0 && self.piece.get(self.taken - 1) == Some(&byte) {
            self.taken -= 1;
        } else {
            self.piece.drain(..self.taken);
            self.piece.insert(0, byte);
            self.taken = 0;
        }
    }

    fn next(&self) -> io::Result<Option<Vec<u8>>> {
        let next = if self.waits {
            self.pieces.recv_timeout(BEGIN_LIMIT).map_err(|error| match error {
                RecvTimeoutError::Timeout => TryRecvError::Empty,
                RecvTimeoutError::Disconnected => TryRecvError::Disconnected,
            })
        } else {
            self.pieces.try_recv()
        };
        match next {
            Ok(piece) => piece.map(Some),
            Err(TryRecvError::Empty) => Err(ErrorKind::WouldBlock.into()),
            Err(TryRecvError::Disconnected) => Ok(None),
        }
    }
}

fn forward(mut file: File, pieces: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut piece = vec![0; PIECE];
        let read = match file.read(&mut piece) {
            Ok(0) => return,
            Ok(read) => {
                piece.truncate(read);
                Ok(piece)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let failed = read.is_err();
        if pieces.send(read).is_err() || failed {
            return;
        }
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.piece.len() && !self.ended {
            match self.next()? {
                Some(piece) => (self.piece, self.taken) = (piece, 0),
                None => self.ended = true,
            }
        }
        let ready = &self.piece[self.taken..];
        let length = ready.len().min(buffer.len());
        buffer[..length].copy_from_slice(&ready[..length]);
        self.taken += length;
        Ok(length)
    }
}
