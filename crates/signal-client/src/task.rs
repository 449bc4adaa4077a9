//! The task that owns the connection and what is to be delivered.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tincan_protocol::{
    ClientMessage, ErrorCode, Intent, PROTOCOL_VERSION, PeerId, PeerMessage, Retry, ServerMessage,
};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use url::Url;

use crate::SignalEvent;
use crate::backoff::Backoff;
use crate::config::SignalConfig;
use crate::connect::{self, Socket};
use crate::delivery::{Delivery, Received};
use crate::error::JoinError;
use crate::line::{Line, Turn};
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
    /// The membership is to be given up.
    Leaving,
    /// The client is to end.
    Finished,
}

impl End {
    /// What an error of the server means.
    fn of(code: ErrorCode, capacity: Option<u32>) -> Self {
        match code.retry() {
            Retry::Later => Self::Lost(code.as_str()),
            Retry::Never => Self::Refused(JoinError::of(code, capacity)),
        }
    }
}

pub(crate) struct Task {
    config: SignalConfig,
    /// Where the room is; what is in the configuration is where it was first.
    server: watch::Receiver<Url>,
    delivery: Delivery,
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
        let delivery = Delivery::new(config.keys.clone(), config.identity.clone());
        Self { delivery, server, config, commands, events, counters, leaving, cancel }
    }

    /// The first connection, with the caller waiting.
    pub(crate) async fn first_join(&mut self) -> Result<Line, JoinError> {
        let (line, joined) = self.join(self.config.intent).await?;
        self.events
            .try_send(joined)
            .expect("the channel is new and empty, and the caller holds its other end");
        Ok(line)
    }

    /// Keeps the membership until told to end.
    pub(crate) async fn run(mut self, mut line: Line) {
        loop {
            let end = self.connected(&mut line).await;
            let moved = matches!(end, End::Moved);
            match end {
                End::Finished => return,
                End::Leaving => return self.leave(Some(line)).await,
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
            drop(line);
            self.delivery.lost();
            if !moved && !self.emit(SignalEvent::Disconnected).await {
                return;
            }
            match self.reconnect(moved).await {
                Ok((again, joined)) => {
                    if !self.emit(joined).await {
                        return;
                    }
                    line = again;
                }
                Err(End::Refused(error)) => return self.refused(error).await,
                Err(End::Leaving) => return self.leave(None).await,
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

    /// Connects and becomes a member; the answer as the event that it is.
    async fn join(&mut self, intent: Intent) -> Result<(Line, SignalEvent), JoinError> {
        let limit = self.config.timing.join;
        timeout(limit, self.join_without_limit(intent)).await.unwrap_or(Err(JoinError::Unreachable))
    }

    async fn join_without_limit(&mut self, intent: Intent) -> Result<(Line, SignalEvent), JoinError> {
        let server = self.server.borrow_and_update().clone();
        let mut socket = connect::connect(&server, self.config.tls.clone()).await?;
        let ServerMessage::Challenge { key } = answer(&mut socket).await? else {
            return Err(JoinError::NotAServer);
        };
        let room = self.config.keys.room_id();
        let identity = &self.config.identity;
        let join = ClientMessage::Join {
            version: PROTOCOL_VERSION,
            room,
            peer: identity.id(),
            proof: identity.prove(room, key).ok_or(JoinError::NotAServer)?,
            intent,
        };
        socket.send(Message::text(join.encode())).await.map_err(|_| JoinError::Unreachable)?;
        let ServerMessage::Joined { peers, capacity, ice_servers } = answer(&mut socket).await? else {
            return Err(JoinError::NotAServer);
        };
        let peers = self.delivery.joined(peers, Instant::now().into_std());
        Ok((Line::new(socket), SignalEvent::Joined { peers, capacity, ice_servers }))
    }

    /// Uses a connection for as long as it stands.
    async fn connected(&mut self, line: &mut Line) -> End {
        let timing = self.config.timing.clone();
        let mut heard_by = Instant::now() + timing.silence;
        let mut ping_at = Instant::now() + timing.ping;
        // By when the socket must have taken what was put.
        let mut written_by = None;
        loop {
            let now = Instant::now();
            if line.is_free() {
                if now >= ping_at {
                    ping_at = now + timing.ping;
                    line.put(Message::Ping(Bytes::new()));
                } else if let Some(frame) = self.outgoing() {
                    line.put(frame);
                }
            }
            if line.is_flushed() {
                written_by = None;
            } else {
                written_by.get_or_insert(now + timing.silence);
            }
            let deliver_at = self.delivery.poll_timeout().map(Instant::from_std);
            let (cancel, leaving) = (self.cancel.clone(), self.leaving.clone());
            tokio::select! {
                biased;
                () = cancel.cancelled() => return End::Finished,
                () = leaving.cancelled() => return End::Leaving,
                Ok(()) = self.server.changed() => return End::Moved,
                command = self.commands.recv() => match command {
                    Some(Command::Send { to, message }) => self.send(to, &message),
                    Some(Command::NetworkChanged) => {
                        if !line.has_its_address() {
                            return End::Lost("address_gone");
                        }
                        ping_at = Instant::now();
                        heard_by = heard_by.min(ping_at + PROBE);
                    }
                    None => return End::Finished,
                },
                turn = line.turn() => match turn {
                    Turn::Written(Ok(())) => {
                        if written_by.is_some() {
                            written_by = Some(Instant::now() + timing.silence);
                        }
                    }
                    Turn::Written(Err(_)) => return End::Lost("connection_lost"),
                    Turn::Read(frame) => {
                        heard_by = Instant::now() + timing.silence;
                        match frame {
                            Some(Ok(Message::Text(text))) => {
                                if let Err(end) = self.handle(text.as_str()).await {
                                    return end;
                                }
                            }
                            Some(Ok(Message::Close(frame))) => {
                                let code = frame.and_then(|frame| ErrorCode::from_close_code(frame.code.into()));
                                return code.map_or(End::Lost("closed"), |code| End::of(code, None));
                            }
                            Some(Ok(_)) => {}
                            Some(Err(_)) | None => return End::Lost("connection_lost"),
                        }
                    }
                },
                // After the frames: whoever was busy elsewhere finds them waiting.
                () = sleep_until(heard_by) => return End::Lost("silence"),
                () = sleep_until(written_by.unwrap_or(now)), if written_by.is_some() => return End::Lost("silence"),
                () = sleep_until(ping_at), if line.is_free() => {}
                () = sleep_until(deliver_at.unwrap_or(now)), if deliver_at.is_some() && line.is_free() => {}
            }
        }
    }

    /// The next message for the server.
    fn outgoing(&mut self) -> Option<Message> {
        let outgoing = self.delivery.poll(Instant::now().into_std())?;
        self.counters.update(|counts| counts.sent += u64::from(outgoing.is_message));
        Some(Message::text(outgoing.text))
    }

    /// Acts on a message of the server.
    async fn handle(&mut self, text: &str) -> Result<(), End> {
        let now = Instant::now().into_std();
        let event = match ServerMessage::decode(text) {
            Ok(ServerMessage::Error { code, capacity, .. }) => return Err(End::of(code, capacity)),
            Ok(ServerMessage::PeerJoined { peer }) => {
                self.delivery.peer_joined(peer, now).then_some(SignalEvent::PeerJoined(peer))
            }
            Ok(ServerMessage::PeerLeft { peer }) => {
                self.delivery.peer_left(peer).then_some(SignalEvent::PeerLeft(peer))
            }
            Ok(ServerMessage::IceServers { ice_servers }) => Some(SignalEvent::IceServers(ice_servers)),
            Ok(ServerMessage::Relay { from, envelope }) => {
                let received = self.delivery.receive(from, &envelope, now);
                self.counters.update(|counts| counts.count(&received));
                match received {
                    Received::Message(message) => Some(SignalEvent::Message { from, message }),
                    Received::Refused(error) => {
                        warn!(%error, "dropped");
                        None
                    }
                    _ => None,
                }
            }
            Ok(ServerMessage::Challenge { .. } | ServerMessage::Joined { .. }) | Err(_) => {
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
            // Whoever leaves may have stopped reading; what is queued is still sent.
            () = self.leaving.cancelled() => true,
        }
    }

    fn send(&mut self, to: PeerId, message: &PeerMessage) {
        if let Err(reason) = self.delivery.send(to, message) {
            warn!(?reason, "not sent");
            self.counters.update(|counts| counts.dropped += 1);
        }
    }

    /// Sends what is queued and gives the membership up, on a new connection when there is none or when it breaks: whoever was
    /// away for a moment is not left in the room for the grace time.
    async fn leave(mut self, line: Option<Line>) {
        while let Ok(command) = self.commands.try_recv() {
            if let Command::Send { to, message } = command {
                self.send(to, &message);
            }
        }
        let (cancel, limit) = (self.cancel.clone(), self.config.timing.farewell);
        tokio::select! {
            biased;
            () = cancel.cancelled() => {}
            // Whoever does not hear it by then notices after the grace time.
            _ = timeout(limit, self.leave_without_limit(line)) => {}
        }
    }

    async fn leave_without_limit(&mut self, mut line: Option<Line>) {
        let mut backoff = Backoff::new(self.config.timing.longest_backoff);
        loop {
            if let Some(line) = line.take()
                && self.part(line).await
            {
                return;
            }
            self.delivery.lost();
            match self.join(Intent::Create).await {
                Ok((again, _)) => line = Some(again),
                Err(error) if error.retry() == Retry::Never => return,
                Err(_) => {
                    let wait = backoff.next(&mut rand::rng());
                    sleep(wait).await;
                }
            }
        }
    }

    /// Writes everything and a `leave` behind it. True when the server has read it all, and closes therefore.
    async fn part(&mut self, mut line: Line) -> bool {
        let mut has_left = false;
        loop {
            if line.is_free() && !has_left {
                line.put(self.outgoing().unwrap_or_else(|| {
                    has_left = true;
                    Message::text(ClientMessage::Leave.encode())
                }));
            }
            match line.turn().await {
                Turn::Written(Ok(())) | Turn::Read(Some(Ok(Message::Text(_)))) => {}
                Turn::Read(Some(Ok(Message::Close(frame)))) => {
                    return frame.is_some_and(|frame| frame.code == CloseCode::Normal);
                }
                Turn::Read(Some(Ok(_))) => {}
                Turn::Written(Err(_)) | Turn::Read(Some(Err(_)) | None) => return false,
            }
        }
    }

    /// Tries until the membership is taken back; the first time without waiting when the room has moved.
    ///
    /// # Errors
    /// Why the client is to end.
    async fn reconnect(&mut self, moved: bool) -> Result<(Line, SignalEvent), End> {
        let mut backoff = Backoff::new(self.config.timing.longest_backoff);
        let (cancel, leaving) = (self.cancel.clone(), self.leaving.clone());
        let mut at_once = moved;
        loop {
            let wait = if at_once { Duration::ZERO } else { backoff.next(&mut rand::rng()) };
            self.wait(wait).await?;
            self.counters.update(|counts| counts.attempts += 1);
            self.server.mark_unchanged();
            let mut moves = self.server.clone();
            let result = tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(End::Finished),
                () = leaving.cancelled() => return Err(End::Leaving),
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

    /// Waits before the next attempt, taking messages meanwhile.
    ///
    /// # Errors
    /// Why the client is to end.
    async fn wait(&mut self, duration: Duration) -> Result<(), End> {
        let (cancel, leaving) = (self.cancel.clone(), self.leaving.clone());
        let mut over = pin!(sleep(duration));
        loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(End::Finished),
                () = leaving.cancelled() => return Err(End::Leaving),
                Ok(()) = self.server.changed() => return Ok(()),
                command = self.commands.recv() => match command {
                    Some(Command::Send { to, message }) => self.send(to, &message),
                    Some(Command::NetworkChanged) => return Ok(()),
                    None => return Err(End::Finished),
                },
                () = &mut over => return Ok(()),
            }
        }
    }
}

/// What the server says next while it is being joined.
async fn answer(socket: &mut Socket) -> Result<ServerMessage, JoinError> {
    loop {
        let frame = socket.next().await.ok_or(JoinError::Unreachable)?;
        return match frame.map_err(|_| JoinError::Unreachable)? {
            Message::Text(text) => match ServerMessage::decode(text.as_str()) {
                Ok(ServerMessage::Error { code, capacity, .. }) => Err(JoinError::of(code, capacity)),
                Ok(message) => Ok(message),
                Err(_) => Err(JoinError::NotAServer),
            },
            Message::Close(frame) => {
                let code = frame.and_then(|frame| ErrorCode::from_close_code(frame.code.into()));
                Err(code.map_or(JoinError::Unreachable, JoinError::from))
            }
            _ => continue,
        };
    }
}
