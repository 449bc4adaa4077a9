//! What leaves on one link: words first, then pieces, part by part. It waits for the channel, so that nobody else has to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use tincan_peer::{PeerError, PeerSender};
use tincan_protocol::{Channel, FileData, FilesMessage, MAX_FILE_DATA, PeerId, PieceValue};
use tincan_share::OfferId;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::pacing::Pacing;
use super::task::ToFiles;
use crate::BoxFuture;

/// Words that wait for the channel; the state machine keeps the rest.
const WORDS: usize = 64;

/// The channel of a connection, as far as files need it.
pub(crate) trait Way: Send + Sync {
    /// Sends a message; never waits.
    ///
    /// # Errors
    /// [`PeerError::ChannelBusy`] when it has to wait for [`Way::writable`], [`PeerError::Closed`] at the end.
    fn send(&self, message: Bytes) -> Result<(), PeerError>;
    /// Waits until a message would be taken.
    ///
    /// # Errors
    /// [`PeerError::Closed`].
    fn writable(&self) -> BoxFuture<'_, Result<(), PeerError>>;
}

impl Way for PeerSender {
    fn send(&self, message: Bytes) -> Result<(), PeerError> {
        self.send_message(Channel::Files, message)
    }

    fn writable(&self) -> BoxFuture<'_, Result<(), PeerError>> {
        Box::pin(self.writable(Channel::Files))
    }
}

/// A piece that is to be sent.
pub(super) struct Outgoing {
    pub(super) offer: OfferId,
    pub(super) piece: u32,
    pub(super) data: Bytes,
    pub(super) value: PieceValue,
    /// It is not wanted any more.
    pub(super) halted: Arc<AtomicBool>,
}

/// The task that sends. It ends with its handle.
pub(super) struct Pump {
    words: mpsc::Sender<Bytes>,
    /// As many as the state machine lets be on their way to a link.
    pieces: mpsc::UnboundedSender<Outgoing>,
    _task: JoinSet<()>,
}

impl Pump {
    pub(super) fn start(
        way: Arc<dyn Way>,
        pacing: Arc<Pacing>,
        peer: PeerId,
        link: u64,
        task: mpsc::UnboundedSender<ToFiles>,
    ) -> Self {
        let (words, to_say) = mpsc::channel(WORDS);
        let (pieces, to_send) = mpsc::unbounded_channel();
        let pumping = Pumping { way, pacing, peer, link, task, words: to_say, pieces: to_send };
        let mut set = JoinSet::new();
        // A channel that is closed takes nothing more: the link's end is told by whoever opened it.
        set.spawn(async move {
            let _ = pumping.run().await;
        });
        Self { words, pieces, _task: set }
    }

    /// False when too much waits already.
    pub(super) fn say(&self, message: &FilesMessage) -> bool {
        match self.words.try_reserve() {
            Ok(place) => {
                place.send(message.encode().into());
                true
            }
            Err(_) => false,
        }
    }

    pub(super) fn send(&self, piece: Outgoing) {
        // It has ended with its channel only, and then the link is about to end.
        let _ = self.pieces.send(piece);
    }
}

struct Pumping {
    way: Arc<dyn Way>,
    pacing: Arc<Pacing>,
    peer: PeerId,
    link: u64,
    task: mpsc::UnboundedSender<ToFiles>,
    words: mpsc::Receiver<Bytes>,
    pieces: mpsc::UnboundedReceiver<Outgoing>,
}

impl Pumping {
    async fn run(mut self) -> Result<(), PeerError> {
        loop {
            tokio::select! {
                biased;
                word = self.words.recv() => match word {
                    Some(word) => self.say(word).await?,
                    None => return Ok(()),
                },
                Some(piece) = self.pieces.recv() => {
                    self.piece(&piece).await?;
                    let (offer, piece) = (piece.offer, piece.piece);
                    // Nobody is left who would want to know.
                    let _ = self.task.send(ToFiles::Sent { peer: self.peer, link: self.link, offer, piece });
                }
            }
        }
    }

    async fn say(&mut self, word: Bytes) -> Result<(), PeerError> {
        self.push(word).await?;
        if self.words.is_empty() {
            let _ = self.task.send(ToFiles::Room);
        }
        Ok(())
    }

    async fn piece(&mut self, piece: &Outgoing) -> Result<(), PeerError> {
        let (offer, number) = (piece.offer.0, piece.piece);
        for (part, data) in piece.data.chunks(MAX_FILE_DATA).enumerate() {
            while let Ok(word) = self.words.try_recv() {
                self.say(word).await?;
            }
            self.pacing.take(data.len()).await;
            if piece.halted.load(Ordering::Relaxed) {
                return Ok(());
            }
            let offset = (part * MAX_FILE_DATA) as u32;
            self.push(FileData { offer, piece: number, offset, data }.encode().into()).await?;
        }
        self.push(FilesMessage::Value { offer, piece: number, value: piece.value }.encode().into()).await
    }

    async fn push(&self, message: Bytes) -> Result<(), PeerError> {
        loop {
            match self.way.send(message.clone()) {
                Err(PeerError::ChannelBusy) => self.way.writable().await?,
                done => return done,
            }
        }
    }
}
