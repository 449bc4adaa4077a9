//! Clients of a signalling server by the thousand, good ones and bad ones. They come from many addresses of the
//! loopback network, so that the server's limits for one address hold as they do in the world.
//!
//! - `tincan-load idle URL COUNT`: takes COUNT places, two in each room, and keeps them until its standard input ends.
//! - `tincan-load joins URL RATE SECONDS`: RATE joins a second, each followed by leaving.
//! - `tincan-load hostile URL COUNT`: COUNT attackers, until its standard input ends: a quarter each joins and never
//!   reads, floods, opens connections without ever asking anything, and sends what is too large or no message at all.
//!
//! Each prints one JSON object when what it is for has happened.
#![forbid(unsafe_code)]

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tincan_protocol::{
    Challenge, ClientMessage, Identity, Intent, PROTOCOL_VERSION, RoomId, SIGNAL_PATH, SUBPROTOCOL,
    ServerMessage,
};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, header};
use tokio_tungstenite::{WebSocketStream, client_async};

type Failure = Box<dyn Error + Send + Sync>;
type Socket = WebSocketStream<TcpStream>;

/// Clients from one address: fewer than the 64 that a server allows, and two in each of its 32 rooms.
const PER_ADDRESS: u32 = 60;
/// Connections being opened at once: a listener's queue holds some hundred.
const OPENING: usize = 128;
/// An answer that takes longer counts as none.
const PATIENCE: Duration = Duration::from_secs(20);
/// Where those who only join are numbered from: the places of idle ones are kept for a while after their addresses went.
const JOINING: u32 = 1 << 24;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["idle", url, count] => idle(server(url)?, count.parse()?).await,
        ["joins", url, rate, seconds] => joins(server(url)?, rate.parse()?, seconds.parse()?).await,
        ["hostile", url, count] => hostile(server(url)?, count.parse()?).await,
        _ => Err("Usage: tincan-load idle URL COUNT | joins URL RATE SECONDS | hostile URL COUNT".into()),
    }
}

fn server(url: &str) -> Result<SocketAddr, Failure> {
    Ok(url.strip_prefix("ws://").ok_or("the server's address begins with ws://")?.parse()?)
}

/// The address of client `number`, in 127.1.0.0/16.
fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 1, 0, 1)) + number / PER_ADDRESS)
}

async fn connect(server: SocketAddr, number: u32) -> Result<TcpStream, Failure> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((address(number), 0).into())?;
    Ok(timeout(PATIENCE, socket.connect(server)).await??)
}

/// A connection, and what has to be answered on it.
async fn open(server: SocketAddr, number: u32) -> Result<(Socket, Challenge), Failure> {
    let tcp = connect(server, number).await?;
    let mut request = format!("ws://{server}/{SIGNAL_PATH}").into_client_request()?;
    request.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    let (mut socket, _) = timeout(PATIENCE, client_async(request, tcp)).await??;
    match hear(&mut socket).await? {
        ServerMessage::Challenge { key } => Ok((socket, key)),
        other => Err(format!("no challenge: {other:?}").into()),
    }
}

async fn hear(socket: &mut Socket) -> Result<ServerMessage, Failure> {
    let message = timeout(PATIENCE, socket.next()).await?.ok_or("the server hung up")??;
    Ok(ServerMessage::decode(message.to_text()?)?)
}

fn join_message(room: u32, challenge: Challenge) -> Result<Message, Failure> {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&room.to_be_bytes());
    let (room, identity) = (RoomId::from_bytes(id), Identity::random());
    let join = ClientMessage::Join {
        version: PROTOCOL_VERSION,
        room,
        peer: identity.id(),
        proof: identity.prove(room, challenge).ok_or("a challenge that nobody can answer")?,
        intent: Intent::Create,
    };
    Ok(Message::text(join.encode()))
}

async fn join(server: SocketAddr, number: u32, room: u32) -> Result<Socket, Failure> {
    let (mut socket, challenge) = open(server, number).await?;
    socket.send(join_message(room, challenge)?).await?;
    match hear(&mut socket).await? {
        ServerMessage::Joined { .. } => Ok(socket),
        other => Err(format!("no place: {other:?}").into()),
    }
}

/// Returns when nobody holds the other end of the standard input any more.
async fn input_ended() {
    let read = || std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    let _ = tokio::task::spawn_blocking(read).await;
}

async fn idle(server: SocketAddr, count: u32) -> Result<(), Failure> {
    let began = Instant::now();
    let (mut opening, mut open) = (JoinSet::new(), Vec::with_capacity(count as usize));
    for number in 0..count {
        if opening.len() == OPENING {
            open.push(opening.join_next().await.ok_or("nothing is being opened")???);
        }
        opening.spawn(join(server, number, number / 2));
    }
    while let Some(socket) = opening.join_next().await {
        open.push(socket??);
    }
    println!("{}", json!({ "idle": open.len(), "seconds": began.elapsed().as_secs_f64() }));
    // They answer pings, as idle clients do.
    let mut reading = JoinSet::new();
    for mut socket in open {
        reading.spawn(async move { while socket.next().await.is_some_and(|message| message.is_ok()) {} });
    }
    input_ended().await;
    Ok(())
}

async fn joins(server: SocketAddr, rate: u32, seconds: u32) -> Result<(), Failure> {
    let mut ticks = interval(Duration::from_secs(1) / rate);
    // What could not be started in time is made up for: the rate is an average.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let began = Instant::now();
    let mut running = JoinSet::new();
    for number in 0..rate * seconds {
        ticks.tick().await;
        running.spawn(async move {
            let began = Instant::now();
            let mut socket = join(server, JOINING + number, u32::MAX - number).await?;
            let took = began.elapsed();
            socket.send(Message::text(ClientMessage::Leave.encode())).await?;
            socket.close(None).await?;
            Ok::<_, Failure>(took)
        });
    }
    let (mut times, mut failed) = (Vec::new(), 0);
    while let Some(done) = running.join_next().await {
        match done? {
            Ok(took) => times.push(took),
            Err(error) => {
                if failed == 0 {
                    eprintln!("a join failed: {error}");
                }
                failed += 1;
            }
        }
    }
    times.sort_unstable();
    let milliseconds = |share: f64| {
        let at = ((times.len() as f64 - 1.0) * share).max(0.0) as usize;
        times.get(at).map(|took| took.as_secs_f64() * 1000.0)
    };
    let per_second = times.len() as f64 / began.elapsed().as_secs_f64();
    let (p50, p99) = (milliseconds(0.5), milliseconds(0.99));
    println!(
        "{}",
        json!({ "joined": times.len(), "failed": failed, "perSecond": per_second, "p50Ms": p50, "p99Ms": p99 })
    );
    Ok(())
}

async fn hostile(server: SocketAddr, count: u32) -> Result<(), Failure> {
    let (started, mut under_way) = tokio::sync::mpsc::channel(count.max(1) as usize);
    let mut attacks = JoinSet::new();
    for number in 0..count {
        let started = started.clone();
        attacks.spawn(async move {
            let mut started = Some(started);
            // Whoever is thrown out comes again.
            loop {
                let attack = attack(server, number);
                tokio::pin!(attack);
                // Under way: it lasts, or was thrown out for the first time.
                let thrown_out = timeout(Duration::from_millis(200), &mut attack).await.is_ok();
                if let Some(started) = started.take() {
                    let _ = started.send(()).await;
                }
                if !thrown_out {
                    let _ = attack.await;
                }
                sleep(Duration::from_millis(50)).await;
            }
        });
    }
    for _ in 0..count {
        under_way.recv().await.ok_or("every attack ended")?;
    }
    println!("{}", json!({ "hostile": count }));
    input_ended().await;
    Ok(())
}

async fn attack(server: SocketAddr, number: u32) -> Result<(), Failure> {
    match number % 4 {
        // Takes a place and never reads: the pings and the others' coming and going pile up.
        0 => {
            let (mut socket, challenge) = open(server, number).await?;
            socket.send(join_message(u32::MAX / 2 + number, challenge)?).await?;
            std::future::pending::<()>().await;
        }
        // Floods with messages that look right.
        1 => {
            let (mut socket, challenge) = open(server, number).await?;
            let message = join_message(u32::MAX / 2 + number, challenge)?;
            loop {
                socket.feed(message.clone()).await?;
            }
        }
        // Half-open: a request that never ends.
        2 => {
            let mut tcp = connect(server, number).await?;
            tcp.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").await?;
            std::future::pending::<()>().await;
        }
        // Too large, and no message at all.
        _ => {
            let (mut socket, _) = open(server, number).await?;
            socket.send(Message::text("[".repeat(60_000))).await?;
            let (mut socket, _) = open(server, number).await?;
            socket.send(Message::binary(vec![0; 1_000_000])).await?;
        }
    }
    Ok(())
}
