//! The task that owns the connection, the keys and what waits to be sent.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tincan_protocol::{
    ClientMessage, ErrorCode, Intent, MAX_PEERS, Opener, PROTOCOL_VERSION, PeerId, PeerMessage, ResumeSecret,
    Retry, Sealer, ServerMessage,
};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use url::Url;

use crate::SignalEvent;
use crate::backoff::Backoff;
use crate::config::SignalConfig;
use crate::connect::{self, Socket};
use crate::error::JoinError;
use crate::outbox::Outbox;
use crate::statistics::Counters;

/// After a change of network an answer must come within this time; a path that answers later is slower to use than
/// a new connection is to make.
const PROBE: Duration = Duration::from_secs(3);

pub(crate) enum Command {
    Send { to: PeerId, message: Box<PeerMessage> },
    NetworkChanged,
}

/// Why a connection is no longer used.
enum End {
    /// Lost, for a reason with a stable name: make a new one.
    Lost(&'static str),
    /// The room is on another server.
    Moved,
    /// Refused in a way that a new one does not mend.
    Refused(JoinError),
    /// The client is to end.
    Finished,
}

impl End {
    /// What an error of the server means.
    fn of(code: ErrorCode) -> Self {
        match code.retry() {
            Retry::Later => Self::Lost(code.as_str()),
            Retry::Never => Self::Refused(code.into()),
        }
    }
}

pub(crate) struct Task {
    config: SignalConfig,
    /// Where the room is; what is in the configuration is where it was first.
    server: watch::Receiver<Url>,
    secret: ResumeSecret,
    sealer: Sealer,
    opener: Opener,
    outbox: Outbox,
    /// Who is there, as far as the server's messages have told.
    present: BTreeSet<PeerId>,
    /// Numbered messages received in this stay; `None` before the first.
    received: Option<u64>,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<SignalEvent>,
    counters: Arc<Counters>,
    leaving: CancellationToken,
    cancel: CancellationToken,
}

impl Task {
    pub(crate) fn new(
        config: SignalConfig,
        server: watch::Receiver<Url>,
        commands: mpsc::Receiver<Command>,
        events: mpsc::Sender<SignalEvent>,
        counters: Arc<Counters>,
        leaving: CancellationToken,
        cancel: CancellationToken,
    ) -> Self {
        Self {
            secret: ResumeSecret::random(),
            sealer: Sealer::new(&config.keys, config.peer_id),
            opener: Opener::new(&config.keys, config.peer_id),
            outbox: Outbox::default(),
            present: BTreeSet::new(),
            received: None,
            server,
            config,
            commands,
            events,
            counters,
            leaving,
            cancel,
        }
    }

    /// The first connection, with the caller waiting.
    pub(crate) async fn first_join(&mut self) -> Result<Socket, JoinError> {
        let (socket, joined) = self.join(self.config.intent).await?;
        self.events
            .try_send(joined)
            .expect("the channel is new and empty, and the caller holds its other end");
        Ok(socket)
    }

    /// Keeps the place in the room until told to end.
    pub(crate) async fn run(mut self, mut socket: Socket) {
        loop {
            let end = self.connected(&mut socket).await;
            let moved = matches!(end, End::Moved);
            match end {
                End::Finished => return,
                End::Moved => info!("the room is on another server"),
                End::Refused(error) => {
                    self.emit(SignalEvent::Disconnected).await;
                    return self.refused(error).await;
                }
                End::Lost(reason) => {
                    info!(reason, "signalling connection lost");
                    self.counters.update(|counts| {
                        counts.lost += 1;
                        counts.last_error = Some(reason);
                    });
                }
            }
            drop(socket);
            if !moved && !self.emit(SignalEvent::Disconnected).await {
                return;
            }
            match self.reconnect(moved).await {
                Ok((again, joined)) => {
                    if !self.emit(joined).await {
                        return;
                    }
                    socket = again;
                }
                Err(End::Refused(error)) => return self.refused(error).await,
                Err(End::Finished | End::Lost(_) | End::Moved) => return,
            }
        }
    }

    /// Says why there is no coming back.
    async fn refused(&self, error: JoinError) {
        info!(code = error.code(), "the server refuses us for good");
        self.counters.update(|counts| counts.last_error = Some(error.code()));
        self.emit(SignalEvent::Refused(error)).await;
    }

    /// Connects and asks for the place; the answer as the event that it is.
    async fn join(&mut self, intent: Intent) -> Result<(Socket, SignalEvent), JoinError> {
        let limit = self.config.timing.join;
        timeout(limit, self.join_without_limit(intent)).await.unwrap_or(Err(JoinError::Unreachable))
    }

    async fn join_without_limit(&mut self, intent: Intent) -> Result<(Socket, SignalEvent), JoinError> {
        let server = self.server.borrow_and_update().clone();
        let mut socket = connect::connect(&server, self.config.tls.clone()).await?;
        let join = ClientMessage::Join {
            version: PROTOCOL_VERSION,
            room: self.config.keys.room_id(),
            peer: self.config.peer_id,
            secret: self.secret.clone(),
            intent,
            received: self.received,
        };
        socket.send(Message::text(join.encode())).await.map_err(|_| JoinError::Unreachable)?;
        loop {
            let frame = socket.next().await.ok_or(JoinError::Unreachable)?;
            let text = match frame.map_err(|_| JoinError::Unreachable)? {
                Message::Text(text) => text,
                Message::Close(frame) => {
                    let code = frame.and_then(|frame| ErrorCode::from_close_code(frame.code.into()));
                    return Err(code.map_or(JoinError::Unreachable, JoinError::from));
                }
                _ => continue,
            };
            let ice_servers = match ServerMessage::decode(text.as_str()).map_err(|_| JoinError::NotAServer)? {
                ServerMessage::Joined { peers, ice_servers } => {
                    self.received = Some(0);
                    self.outbox.restart();
                    self.present = peers
                        .into_iter()
                        .filter(|peer| *peer != self.config.peer_id)
                        .take(MAX_PEERS)
                        .collect();
                    ice_servers
                }
                ServerMessage::Resumed { received, ice_servers } if self.received.is_some() => {
                    self.outbox.resume(received);
                    self.counters.update(|counts| counts.resumed += 1);
                    ice_servers
                }
                ServerMessage::Error { code, .. } => return Err(code.into()),
                _ => return Err(JoinError::NotAServer),
            };
            let peers = self.present.iter().copied().collect();
            return Ok((socket, SignalEvent::Joined { peers, ice_servers }));
        }
    }

    /// Uses a connection for as long as it stands.
    async fn connected(&mut self, socket: &mut Socket) -> End {
        let mut heard_by = Instant::now() + self.config.timing.silence;
        let mut ping_at = Instant::now() + self.config.timing.ping;
        loop {
            if let Err(end) = self.flush(socket).await {
                return end;
            }
            let cancel = self.cancel.clone();
            let leaving = self.leaving.clone();
            tokio::select! {
                biased;
                () = cancel.cancelled() => return End::Finished,
                () = leaving.cancelled() => {
                    // Whoever does not hear it notices after the grace time.
                    let _ = timeout(self.config.timing.farewell, self.farewell(socket)).await;
                    return End::Finished;
                }
                Ok(()) = self.server.changed() => return End::Moved,
                command = self.commands.recv() => match command {
                    Some(Command::Send { to, message }) => self.seal(to, &message),
                    Some(Command::NetworkChanged) => {
                        if !connect::has_its_address(socket) {
                            return End::Lost("address_gone");
                        }
                        ping_at = Instant::now();
                        heard_by = heard_by.min(ping_at + PROBE);
                    }
                    None => return End::Finished,
                },
                frame = socket.next() => {
                    heard_by = Instant::now() + self.config.timing.silence;
                    match frame {
                        Some(Ok(Message::Text(text))) => {
                            if let Err(end) = self.handle(text.as_str()).await {
                                return end;
                            }
                        }
                        Some(Ok(Message::Close(frame))) => {
                            let code = frame.and_then(|frame| ErrorCode::from_close_code(frame.code.into()));
                            return code.map_or(End::Lost("closed"), End::of);
                        }
                        Some(Ok(_)) => {}
                        Some(Err(_)) | None => return End::Lost("connection_lost"),
                    }
                }
                // After the frames: whoever was busy elsewhere finds them waiting.
                () = sleep_until(heard_by) => return End::Lost("silence"),
                () = sleep_until(ping_at) => {
                    ping_at = Instant::now() + self.config.timing.ping;
                    if let Err(end) = self.write(socket, Message::Ping(Bytes::new())).await {
                        return end;
                    }
                }
            }
        }
    }

    /// Acts on a message of the server.
    async fn handle(&mut self, text: &str) -> Result<(), End> {
        let message = ServerMessage::decode(text);
        if let Ok(ServerMessage::Error { code, .. }) = message {
            return Err(End::of(code));
        }
        // Whether understood or not, it has its number: the server counts what it sent.
        if !matches!(message, Ok(ServerMessage::Joined { .. } | ServerMessage::Resumed { .. })) {
            self.received = self.received.map(|count| count + 1);
        }
        let event = match message {
            Ok(ServerMessage::PeerJoined { peer }) => {
                let new = peer != self.config.peer_id
                    && self.present.len() < MAX_PEERS
                    && self.present.insert(peer);
                new.then_some(SignalEvent::PeerJoined(peer))
            }
            Ok(ServerMessage::PeerLeft { peer }) => {
                let known = self.present.remove(&peer);
                self.outbox.gone(peer);
                known.then_some(SignalEvent::PeerLeft(peer))
            }
            Ok(ServerMessage::IceServers { ice_servers }) => Some(SignalEvent::IceServers(ice_servers)),
            Ok(ServerMessage::Relay { from, .. }) if !self.present.contains(&from) => {
                self.counters.update(|counts| counts.strangers += 1);
                None
            }
            Ok(ServerMessage::Relay { from, envelope }) => match self.opener.open(from, &envelope) {
                Ok(message) => {
                    self.counters.update(|counts| counts.received += 1);
                    Some(SignalEvent::Message { from, message })
                }
                Err(error) => {
                    warn!(%error, "dropped");
                    self.counters.update(|counts| counts.count_refused(error));
                    None
                }
            },
            Ok(
                ServerMessage::Joined { .. } | ServerMessage::Resumed { .. } | ServerMessage::Error { .. },
            )
            | Err(_) => {
                debug!("a server message that is not understood");
                self.counters.update(|counts| counts.unreadable += 1);
                None
            }
        };
        let Some(event) = event else { return Ok(()) };
        if self.emit(event).await { Ok(()) } else { Err(End::Finished) }
    }

    /// Hands an event to the engine, waiting while it is busy. False when the client is to end.
    async fn emit(&self, event: SignalEvent) -> bool {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => false,
            sent = self.events.send(event) => sent.is_ok(),
            // Whoever leaves may have stopped reading; the farewell is still said.
            () = self.leaving.cancelled() => true,
        }
    }

    fn seal(&mut self, to: PeerId, message: &PeerMessage) {
        let given_up = match self.sealer.seal(to, message) {
            Ok(envelope) => self.outbox.push(to, ClientMessage::Relay { to, envelope }.encode()),
            Err(error) => {
                warn!(%error, "not sent");
                1
            }
        };
        self.counters.update(|counts| counts.dropped += given_up);
    }

    /// Sends what waits for those who are there.
    async fn flush(&mut self, socket: &mut Socket) -> Result<(), End> {
        while let Some(text) = self.outbox.next(&self.present) {
            let frame = Message::text(text);
            self.write(socket, frame).await?;
            self.counters.update(|counts| counts.sent += 1);
        }
        Ok(())
    }

    async fn write(&self, socket: &mut Socket, frame: Message) -> Result<(), End> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(End::Finished),
            sent = timeout(self.config.timing.silence, socket.send(frame)) => match sent {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) => Err(End::Lost("connection_lost")),
                Err(_) => Err(End::Lost("silence")),
            },
        }
    }

    /// Sends what is queued, says goodbye to everyone, and gives the place up.
    async fn farewell(&mut self, socket: &mut Socket) {
        while let Ok(command) = self.commands.try_recv() {
            if let Command::Send { to, message } = command {
                self.seal(to, &message);
            }
        }
        for peer in self.present.clone() {
            self.seal(peer, &PeerMessage::Goodbye);
        }
        if self.flush(socket).await.is_err()
            || self.write(socket, Message::text(ClientMessage::Leave.encode())).await.is_err()
        {
            return;
        }
        // The server closes when it has read everything; closing first could make it drop the last messages.
        while let Some(Ok(_)) = socket.next().await {}
    }

    /// Tries until the membership is taken back; the first time without waiting when the room has moved.
    ///
    /// # Errors
    /// Why the client is to end.
    async fn reconnect(&mut self, moved: bool) -> Result<(Socket, SignalEvent), End> {
        let mut backoff = Backoff::new(self.config.timing.longest_backoff);
        let (cancel, leaving) = (self.cancel.clone(), self.leaving.clone());
        let mut at_once = moved;
        loop {
            let wait = if at_once { Duration::ZERO } else { backoff.next(&mut rand::rng()) };
            if !self.wait(wait).await {
                return Err(End::Finished);
            }
            self.counters.update(|counts| counts.attempts += 1);
            self.server.mark_unchanged();
            let mut moves = self.server.clone();
            let result = tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(End::Finished),
                () = leaving.cancelled() => return Err(End::Finished),
                Ok(()) = moves.changed() => {
                    at_once = true;
                    continue;
                }
                // A restarted server knows no rooms, so whoever comes back first makes it anew.
                result = self.join(Intent::Create) => result,
            };
            at_once = false;
            match result {
                Ok(done) => return Ok(done),
                Err(error) if error.retry() == Retry::Never => return Err(End::Refused(error)),
                Err(error) => {
                    debug!(code = error.code(), "no connection yet");
                    self.counters.update(|counts| counts.last_error = Some(error.code()));
                }
            }
        }
    }

    /// Waits before the next attempt, taking messages meanwhile. False when the client is to end.
    async fn wait(&mut self, duration: Duration) -> bool {
        let (cancel, leaving) = (self.cancel.clone(), self.leaving.clone());
        let over = sleep(duration);
        tokio::pin!(over);
        loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => return false,
                () = leaving.cancelled() => return false,
                Ok(()) = self.server.changed() => return true,
                command = self.commands.recv() => match command {
                    Some(Command::Send { to, message }) => self.seal(to, &message),
                    Some(Command::NetworkChanged) => return true,
                    None => return false,
                },
                () = &mut over => return true,
            }
        }
    }
}
