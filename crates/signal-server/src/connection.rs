//! One client's connection, from the WebSocket to the end of its membership of a room.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use tincan_protocol::{
    ChallengeSecret, ClientMessage, ErrorCode, MAX_MESSAGE_LEN, PROTOCOL_VERSION, PeerId, ServerMessage,
    WireError,
};
use tokio::time::{sleep, sleep_until, timeout};
use tracing::debug;

use crate::address::Slot;
use crate::rate::TokenBucket;
use crate::registry::{Membership, Request};
use crate::server::Shared;
use crate::turn::{self, RelayUser};

/// RFC 6455, 7.4.1: "going away".
const GOING_AWAY: u16 = 1001;
/// RFC 6455, 7.4.1: normal closure.
const NORMAL: u16 = 1000;
/// How long a client that is told why it must go has to read it.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Why a connection is no longer used.
enum End {
    /// The client gave its membership up.
    Left,
    /// The server goes down.
    Shutdown,
    /// It broke, or the client closed it without giving its membership up.
    Lost,
    /// The client is refused or cut off; its membership goes with it.
    Refused(ErrorCode),
    /// The client has gone silent; its membership stays for the grace time.
    Idle,
    /// The registry has taken the membership from this connection.
    Ended(ErrorCode),
}

/// Serves a client until its connection ends.
pub(crate) async fn run(mut socket: WebSocket, slot: Slot, shared: Arc<Shared>) {
    let mut rate = TokenBucket::new(
        Instant::now(),
        shared.config.limits.message_burst,
        shared.config.limits.messages_per_second,
    );
    let user = RelayUser::random();
    let membership = match join(&mut socket, &slot, &shared, &user, &mut rate).await {
        Ok(membership) => membership,
        Err(end) => {
            close(&mut socket, &end, &shared).await;
            return;
        }
    };
    let end = serve(&mut socket, &membership, &shared, &user, &mut rate).await;
    let stays_member = matches!(end, End::Lost | End::Idle);
    if stays_member {
        shared.metrics().lost.inc();
        shared.registry.lose(&membership, Instant::now());
    } else {
        shared.registry.leave(&membership);
    }
    close(&mut socket, &end, &shared).await;
    drop((socket, slot));
    if stays_member {
        shared.memberships.spawn(keep(membership, shared.clone()));
    }
}

/// Keeps the membership of somebody whose connection was lost.
async fn keep(membership: Membership, shared: Arc<Shared>) {
    tokio::select! {
        () = sleep(shared.config.limits.grace) => {}
        () = membership.connection.ended.cancelled() => {}
        () = shared.cancel.cancelled() => {}
    }
    shared.registry.leave(&membership);
}

/// Says the challenge, waits for `join` and answers it.
async fn join(
    socket: &mut WebSocket,
    slot: &Slot,
    shared: &Shared,
    user: &RelayUser,
    rate: &mut TokenBucket,
) -> Result<Membership, End> {
    // One for every connection: what was proven on another is worth nothing here.
    let secret = ChallengeSecret::random();
    let challenge = ServerMessage::Challenge { key: secret.challenge() };
    let asked = async {
        socket.send(Message::text(challenge.encode())).await.map_err(|_| End::Lost)?;
        next_message(socket, rate).await
    };
    let first = tokio::select! {
        biased;
        () = shared.cancel.cancelled() => return Err(End::Shutdown),
        first = timeout(shared.config.limits.join_timeout, asked) => {
            first.unwrap_or(Err(End::Refused(ErrorCode::JoinTimeout)))?
        }
    };
    let ClientMessage::Join { version, room, peer, proof, intent } = first else {
        return Err(End::Refused(ErrorCode::Malformed));
    };
    if version != PROTOCOL_VERSION {
        return Err(End::Refused(ErrorCode::Version));
    }
    if !secret.is_proven(room, peer, &proof) {
        return Err(End::Refused(ErrorCode::BadProof));
    }
    let request = Request { room, peer, intent, address: slot.address(), now: Instant::now() };
    let (peers, membership) = match shared.registry.join(request.clone()) {
        Err(ErrorCode::RoomFull) => wait_for_a_membership(request, shared).await?,
        answer => answer.map_err(End::Refused)?,
    };
    let ice_servers = turn::ice_servers(&shared.config, user, SystemTime::now());
    let answer = ServerMessage::Joined { peers, capacity: capacity(shared), ice_servers };
    // A client that does not take the answer is found out by the first write in `serve`, and its membership is kept for
    // the grace time like any other.
    let _ = timeout(shared.config.limits.write, socket.send(Message::text(answer.encode()))).await;
    Ok(membership)
}

/// How many a room takes.
fn capacity(shared: &Shared) -> u32 {
    u32::try_from(shared.config.limits.participants).unwrap_or(u32::MAX)
}

/// Whoever crashed and is back at once is not sent away: the membership of the one who was lost ends in a moment.
async fn wait_for_a_membership(request: Request, shared: &Shared) -> Result<(Vec<PeerId>, Membership), End> {
    let yields = shared.registry.yields_at(request.room).ok_or(End::Refused(ErrorCode::RoomFull))?;
    tokio::select! {
        () = sleep_until(yields.into()) => {}
        () = shared.cancel.cancelled() => return Err(End::Shutdown),
    }
    shared.registry.join(Request { now: Instant::now(), ..request }).map_err(End::Refused)
}

/// The client's next protocol message; pings and pongs only count against its rate.
async fn next_message(socket: &mut WebSocket, rate: &mut TokenBucket) -> Result<ClientMessage, End> {
    loop {
        if let Some(message) = read(socket.recv().await, rate)? {
            return Ok(message);
        }
    }
}

/// Reads a frame; `None` for pings and pongs.
fn read(
    frame: Option<Result<Message, axum::Error>>,
    rate: &mut TokenBucket,
) -> Result<Option<ClientMessage>, End> {
    let frame = match frame {
        Some(Ok(frame)) => frame,
        // The socket's own limit is above the protocol's; what exceeds even that ends here.
        Some(Err(error)) if is_capacity(&error) => return Err(End::Refused(ErrorCode::TooLarge)),
        Some(Err(_)) | None => return Err(End::Lost),
    };
    let length = match &frame {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) | Message::Ping(bytes) | Message::Pong(bytes) => bytes.len(),
        Message::Close(_) => return Err(End::Lost),
    };
    if length > MAX_MESSAGE_LEN {
        return Err(End::Refused(ErrorCode::TooLarge));
    }
    if !rate.take(Instant::now(), length) {
        return Err(End::Refused(ErrorCode::Rate));
    }
    match frame {
        Message::Text(text) => ClientMessage::decode(text.as_str()).map(Some).map_err(|error| {
            End::Refused(match error {
                WireError::TooLarge(_) => ErrorCode::TooLarge,
                WireError::Malformed => ErrorCode::Malformed,
            })
        }),
        Message::Binary(_) => Err(End::Refused(ErrorCode::Malformed)),
        _ => Ok(None),
    }
}

/// axum hides the WebSocket library's error type; its text is all there is to tell a message above the limit.
fn is_capacity(error: &axum::Error) -> bool {
    error.to_string().contains("Space limit exceeded")
}

/// Passes messages on in both directions until the connection ends.
async fn serve(
    socket: &mut WebSocket,
    membership: &Membership,
    shared: &Shared,
    user: &RelayUser,
    rate: &mut TokenBucket,
) -> End {
    let limits = &shared.config.limits;
    let mut heard = tokio::time::Instant::now();
    let mut ping_at = heard + limits.ping;
    let renewal = shared.config.turn.as_ref().map(|turn| turn.lifetime / 2);
    let mut renew_at = renewal.map(|renewal| heard + renewal);
    loop {
        while let Some(message) = shared.registry.next(membership) {
            if let Err(end) = write(socket, Message::Text(message), membership, shared).await {
                return end;
            }
        }
        tokio::select! {
            biased;
            () = shared.cancel.cancelled() => return End::Shutdown,
            () = membership.connection.ended.cancelled() => {
                return End::Ended(membership.connection.reason().unwrap_or(ErrorCode::Replaced));
            }
            frame = socket.recv() => {
                heard = tokio::time::Instant::now();
                match read(frame, rate) {
                    Ok(Some(ClientMessage::Relay { to, envelope })) => {
                        shared.registry.relay(membership, to, envelope);
                    }
                    Ok(Some(ClientMessage::Leave)) => return End::Left,
                    Ok(Some(ClientMessage::Join { .. })) => return End::Refused(ErrorCode::Malformed),
                    Ok(None) => {}
                    Err(end) => return end,
                }
            }
            // After the frames, which may have waited while something was written.
            () = sleep_until(heard + limits.idle) => return End::Idle,
            () = sleep_until(ping_at) => {
                ping_at = tokio::time::Instant::now() + limits.ping;
                if let Err(end) = write(socket, Message::Ping(Bytes::new()), membership, shared).await {
                    return end;
                }
            }
            () = sleep_until(renew_at.unwrap_or(heard)), if renew_at.is_some() => {
                renew_at = renewal.map(|renewal| tokio::time::Instant::now() + renewal);
                let ice_servers = turn::ice_servers(&shared.config, user, SystemTime::now());
                shared.registry.inform(membership, &ServerMessage::IceServers { ice_servers });
            }
            () = membership.connection.waiting.notified() => {}
        }
    }
}

/// Writes a frame, for no longer than a client may take to read it.
async fn write(
    socket: &mut WebSocket,
    frame: Message,
    membership: &Membership,
    shared: &Shared,
) -> Result<(), End> {
    tokio::select! {
        biased;
        () = shared.cancel.cancelled() => Err(End::Shutdown),
        () = membership.connection.ended.cancelled() => Err(End::Ended(membership.connection.reason().unwrap_or(ErrorCode::Replaced))),
        sent = timeout(shared.config.limits.write, socket.send(frame)) => match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Lost),
        },
    }
}

/// Tells a client why it must go, and closes.
async fn close(socket: &mut WebSocket, end: &End, shared: &Shared) {
    let (code, error) = match end {
        End::Lost => return,
        End::Left => (NORMAL, None),
        End::Shutdown => (GOING_AWAY, None),
        End::Idle => (ErrorCode::Idle.close_code(), Some(ErrorCode::Idle)),
        End::Refused(error) | End::Ended(error) => (error.close_code(), Some(*error)),
    };
    if let Some(error) = error {
        shared.metrics().refuse(error);
        debug!(reason = error.as_str(), "refused or cut off");
    }
    let last_words = async {
        if let Some(code) = error {
            let message = ServerMessage::Error {
                code,
                message: code.as_str().to_owned(),
                capacity: (code == ErrorCode::RoomFull).then(|| capacity(shared)),
            };
            socket.send(Message::text(message.encode())).await?;
        }
        socket.send(Message::Close(Some(CloseFrame { code, reason: "".into() }))).await?;
        // Closing with unread data makes TCP reset, and a reset can overtake the last words.
        while let Some(Ok(_)) = socket.recv().await {}
        Ok::<_, axum::Error>(())
    };
    // Whoever does not listen is gone all the same.
    let _ = timeout(LAST_WORDS, last_words).await;
}
