//! The connections of a call, opened and closed beside its task.
//!
//! Opening a connection binds sockets, and closing one waits for its tasks, its thread and its path: both may take
//! seconds. The call's task must not wait for either, because muting and leaving go through it. So each runs as a task
//! of its own, and what is asked of a connection that is still being opened is done when it is open.

use std::collections::BTreeMap;

use tincan_peer::{Peer, PeerError, PeerEvents};
use tincan_protocol::PeerId;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::{Instrument, warn};

use super::remote::{FromPeer, Opening, Remote, RemoteEvent};

/// Events of the connections that wait for the call's task: media does not pass through here, so few ever do.
const EVENTS: usize = 256;

/// Something to do with a connection once it is open.
type Job = Box<dyn FnOnce(&Remote) + Send + Sync>;

enum Connection {
    /// What is to be done when it is open.
    Opening(u32, Opening, Vec<Job>),
    Open(Remote),
}

impl Connection {
    fn number(&self) -> u32 {
        match self {
            Self::Opening(number, ..) => *number,
            Self::Open(remote) => remote.connection(),
        }
    }
}

/// What opening the connection of this number to this participant came to.
type Opened = (PeerId, u32, Result<(Peer, PeerEvents), PeerError>);

/// See the module's description.
pub(super) struct Connections {
    connections: BTreeMap<PeerId, Connection>,
    opening: JoinSet<Opened>,
    closing: JoinSet<()>,
    events: mpsc::Receiver<FromPeer>,
    events_in: mpsc::Sender<FromPeer>,
}

impl Connections {
    pub(super) fn new() -> Self {
        let (events_in, events) = mpsc::channel(EVENTS);
        Self {
            connections: BTreeMap::new(),
            opening: JoinSet::new(),
            closing: JoinSet::new(),
            events,
            events_in,
        }
    }

    /// Opens a connection in place of the one before to the same participant.
    pub(super) fn open(&mut self, opening: Opening) {
        let (peer, number) = (opening.peer, opening.connection);
        if let Some(before) = self.connections.remove(&peer) {
            self.end(before);
        }
        let (open, span) = (Peer::open(opening.peer_config()), opening.span());
        self.opening.spawn(async move { (peer, number, open.await) }.instrument(span));
        self.connections.insert(peer, Connection::Opening(number, opening, Vec::new()));
    }

    /// Closes a connection, unless it was replaced already. Nothing comes from it any more.
    pub(super) fn close(&mut self, peer: PeerId, number: u32) -> bool {
        let is_it = self.connections.get(&peer).is_some_and(|connection| connection.number() == number);
        if is_it && let Some(connection) = self.connections.remove(&peer) {
            self.end(connection);
        }
        is_it
    }

    fn end(&mut self, connection: Connection) {
        // One that is still being opened is given up when it is.
        if let Connection::Open(remote) = connection {
            self.closing.spawn(remote.close());
        }
    }

    /// Does something with a connection when it is open, unless it was replaced or closed.
    pub(super) fn with(
        &mut self,
        peer: PeerId,
        number: u32,
        job: impl FnOnce(&Remote) + Send + Sync + 'static,
    ) {
        match self.connections.get_mut(&peer) {
            Some(Connection::Open(remote)) if remote.connection() == number => job(remote),
            Some(Connection::Opening(opening, _, jobs)) if *opening == number => jobs.push(Box::new(job)),
            _ => {}
        }
    }

    /// The open connection to a participant.
    pub(super) fn get(&self, peer: PeerId) -> Option<&Remote> {
        match self.connections.get(&peer) {
            Some(Connection::Open(remote)) => Some(remote),
            _ => None,
        }
    }

    /// Whether there is none, not even one that is being opened.
    pub(super) fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// Every open connection.
    pub(super) fn iter(&self) -> impl Iterator<Item = (PeerId, &Remote)> {
        self.connections.iter().filter_map(|(peer, connection)| match connection {
            Connection::Open(remote) => Some((*peer, remote)),
            Connection::Opening(..) => None,
        })
    }

    /// What a current connection tells next. Opening and closing go on only while this is polled; cancel-safe.
    pub(super) async fn next(&mut self) -> FromPeer {
        loop {
            tokio::select! {
                Some(event) = self.events.recv() => {
                    let current = self.connections.get(&event.peer);
                    if current.is_some_and(|connection| connection.number() == event.connection) {
                        return event;
                    }
                }
                Some(Ok(opened)) = self.opening.join_next() => {
                    if let Some(event) = self.opened(opened) {
                        return event;
                    }
                }
                Some(closed) = self.closing.join_next() => if closed.is_err() {
                    warn!("a part of a connection panicked while it closed");
                },
            }
        }
    }

    fn opened(&mut self, (peer, number, result): Opened) -> Option<FromPeer> {
        let wanted = self.connections.get(&peer).is_some_and(|connection| connection.number() == number);
        if !wanted {
            if let Ok((peer, _)) = result {
                self.closing.spawn(peer.close());
            }
            return None;
        }
        let Some(Connection::Opening(_, opening, jobs)) = self.connections.remove(&peer) else { return None };
        match result {
            Ok((connection, events)) => {
                let remote = Remote::start(opening, connection, events, self.events_in.clone());
                for job in jobs {
                    job(&remote);
                }
                self.connections.insert(peer, Connection::Open(remote));
                None
            }
            Err(error) => {
                warn!(%error, "a connection could not be opened");
                let event = RemoteEvent::Change(tincan_call::PeerChange::OpenFailed);
                Some(FromPeer { peer, connection: number, event })
            }
        }
    }

    /// Closes what is open and returns when nothing is left of any connection.
    pub(super) async fn close_all(mut self) {
        for (_, connection) in std::mem::take(&mut self.connections) {
            self.end(connection);
        }
        while let Some(opened) = self.opening.join_next().await {
            if let Ok((_, _, Ok((peer, _)))) = opened {
                self.closing.spawn(peer.close());
            }
        }
        while self.closing.join_next().await.is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::Arc;
    use std::time::Instant;

    use tincan_call::PeerChange;
    use tincan_media::MediaClock;
    use tincan_protocol::DescriptionKind;
    use tokio::time::timeout;

    use super::*;
    use crate::call::CallMedia;
    use crate::media::{AudioThread, EncoderThread, ScreenThread};
    use crate::testing::{CountedFrames, PATIENCE};

    struct Pipelines {
        audio: AudioThread,
        encoder: EncoderThread,
        screen: ScreenThread,
        clock: MediaClock,
    }

    impl Pipelines {
        fn new() -> Self {
            let clock = MediaClock::new(Instant::now());
            let (events, _) = mpsc::channel(1);
            let (audio, encoder) = (AudioThread::start(clock, events), EncoderThread::start());
            Self { audio, encoder, screen: ScreenThread::start(), clock }
        }

        fn opening(&self, peer: PeerId, connection: u32) -> Opening {
            Opening {
                peer,
                connection,
                polite: false,
                stream: 1,
                screen_stream: 2,
                volume: 1.0,
                ice_servers: Vec::new(),
                relay_only: false,
                loopback: true,
                max_bitrate: None,
                clock: self.clock,
                media: CallMedia {
                    audio: self.audio.handle().clone(),
                    encoder: self.encoder.handle().clone(),
                    screen: self.screen.handle().clone(),
                    output: Arc::new(CountedFrames::default()),
                },
                files: None,
            }
        }
    }

    fn id(last: u8) -> PeerId {
        PeerId::from_bytes([last; 32])
    }

    /// Waits for the offer of a connection, and tells whose it is.
    async fn offer(connections: &mut Connections) -> (PeerId, u32) {
        loop {
            let told = timeout(PATIENCE, connections.next()).await.unwrap();
            if let RemoteEvent::Change(PeerChange::LocalDescription { kind, .. }) = told.event {
                assert_eq!(kind, DescriptionKind::Offer);
                return (told.peer, told.connection);
            }
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_is_asked_of_a_connection_before_it_is_open_is_done_when_it_is() {
        let (pipelines, mut connections) = (Pipelines::new(), Connections::new());
        connections.open(pipelines.opening(id(1), 1));
        assert!(connections.get(id(1)).is_none());
        connections.with(id(1), 1, |remote| remote.negotiate());
        assert_eq!(offer(&mut connections).await, (id(1), 1));
        assert!(connections.get(id(1)).is_some());
        timeout(PATIENCE, connections.close_all()).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_connection_that_was_replaced_says_nothing_more() {
        let (pipelines, mut connections) = (Pipelines::new(), Connections::new());
        for number in 1..=3 {
            connections.open(pipelines.opening(id(1), number));
            connections.with(id(1), number, |remote| remote.negotiate());
        }
        assert_eq!(offer(&mut connections).await, (id(1), 3));
        assert!(!connections.close(id(1), 2), "it is not this one");
        assert!(connections.close(id(1), 3));
        timeout(PATIENCE, connections.close_all()).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_connection_that_hangs_in_opening_or_closing_holds_up_no_other() {
        let (pipelines, mut connections) = (Pipelines::new(), Connections::new());
        connections.opening.spawn(pending());
        connections.closing.spawn(pending());
        connections.open(pipelines.opening(id(1), 1));
        connections.with(id(1), 1, |remote| remote.negotiate());
        assert_eq!(offer(&mut connections).await, (id(1), 1));
    }
}
