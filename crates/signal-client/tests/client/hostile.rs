//! Clients and servers that do what they should not.

use std::net::SocketAddr;
use std::time::Duration;

use crate::common::{
    ADA, BOB, EVE, Person, Rogue, TestServer, couple, hello, identity, keys, patiently, room,
};
use futures_util::{SinkExt, StreamExt};
use tincan_protocol::{
    ChallengeSecret, ClientMessage, Envelope, ErrorCode, Intent, MAX_MESSAGE_LEN, Opened, PairKeys, PeerId,
    RoomKeys, ServerMessage,
};
use tincan_signal_client::{JoinError, SignalEvent};
use tincan_signal_server::{Limits, Refusal, ServerConfig};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

fn relay(to: PeerId, bytes: usize) -> String {
    let envelope = Envelope::from_bytes(vec![0; bytes]).unwrap();
    ClientMessage::Relay { to, envelope }.encode()
}

/// What the first shares with the second.
fn pair(one: u8, other: PeerId) -> PairKeys {
    PairKeys::new(&keys(), &identity(one), other).unwrap()
}

#[tokio::test]
async fn what_is_no_message_ends_the_connection_with_a_reason_and_is_counted() {
    let server = TestServer::start(Limits::default()).await;
    let at = server.address;
    let before_joining = [
        ("hello?".to_owned(), ErrorCode::Malformed),
        (r#"{"type":"dance"}"#.to_owned(), ErrorCode::Malformed),
        (r#"{"type":"join","room":"x"}"#.to_owned(), ErrorCode::Malformed),
        (relay(ADA, 100), ErrorCode::Malformed),
        ("x".repeat(MAX_MESSAGE_LEN + 1), ErrorCode::TooLarge),
        ("x".repeat(3 * MAX_MESSAGE_LEN), ErrorCode::TooLarge),
    ];
    for (text, expected) in &before_joining {
        let mut rogue = Rogue::connect(at).await;
        rogue.send(text).await;
        assert_eq!(rogue.refusal().await, *expected);
    }
    let mut rogue = Rogue::connect(at).await;
    rogue.send(&rogue.join_message(EVE, &identity(3), 3)).await;
    assert_eq!(rogue.refusal().await, ErrorCode::Version);
    let mut rogue = Rogue::join(at, EVE).await;
    rogue.send("hello?").await;
    assert_eq!(rogue.refusal().await, ErrorCode::Malformed);
    let mut rogue = Rogue::join(at, EVE).await;
    rogue.send(&rogue.join_message(EVE, &identity(3), 2)).await;
    assert_eq!(rogue.refusal().await, ErrorCode::Malformed, "a second join");
    let mut rogue = Rogue::join(at, EVE).await;
    rogue.socket.send(Message::binary(vec![0; 10])).await.unwrap();
    assert_eq!(rogue.refusal().await, ErrorCode::Malformed);
    assert_eq!(server.metrics.refused(ErrorCode::Malformed), 7);
    assert_eq!(server.metrics.refused(ErrorCode::Version), 1);
    assert_eq!(server.metrics.refused(ErrorCode::TooLarge), 2);
    assert_eq!(server.metrics.rooms(), 0, "who is cut off loses its place at once");
    server.stop().await;
}

#[tokio::test]
async fn nobody_takes_the_place_of_another_also_after_a_restart_of_the_server() {
    let server = TestServer::start(Limits::default()).await;
    let address = server.address;
    // Ada's join as whoever reads the traffic has it.
    let mut ada = Rogue::connect(address).await;
    let recorded = ada.join_message(ADA, &identity(1), 2);
    ada.send(&recorded).await;
    ada.is_in().await;
    let mut bob = Person::enter(address, BOB, Intent::Join).await.unwrap();
    assert_eq!(bob.joined().await, [ADA]);
    let refused_twice = async || {
        let mut eve = Rogue::connect(address).await;
        eve.send(&eve.join_message(ADA, &identity(3), 2)).await;
        assert_eq!(eve.refusal().await, ErrorCode::BadProof, "by another secret");
        let mut eve = Rogue::connect(address).await;
        eve.send(&recorded).await;
        assert_eq!(eve.refusal().await, ErrorCode::BadProof, "replayed on another connection");
    };
    refused_twice().await;
    // Ada has not noticed, and neither has Bob.
    let hello = pair(1, BOB).seal(1, &hello("still here")).unwrap();
    ada.send(&ClientMessage::Relay { to: BOB, envelope: hello }.encode()).await;
    assert_eq!(bob.hears().await, "still here");
    server.stop().await;
    assert!(matches!(bob.event().await, SignalEvent::Disconnected));
    let server = TestServer::start_with(address, ServerConfig::default()).await;
    refused_twice().await;
    bob.joined().await;
    let mut ada = Rogue::connect(address).await;
    ada.send(&ada.join_message(ADA, &identity(1), 2)).await;
    ada.is_in().await;
    assert!(matches!(bob.event().await, SignalEvent::PeerJoined(ADA)));
    assert_eq!(server.metrics.refused(ErrorCode::BadProof), 2);
    server.stop().await;
}

#[tokio::test]
async fn a_flood_ends_the_flooders_connection_only() {
    let server = TestServer::start(Limits { message_burst: 100, ..Limits::default() }).await;
    let (ada, mut bob) = couple(server.address, server.address).await;
    let mut rogue = Rogue::join(server.address, EVE).await;
    assert!(matches!(bob.event().await, SignalEvent::PeerJoined(EVE)));
    for _ in 0..300 {
        // The server may have closed before the last of them.
        if rogue.socket.send(Message::text(relay(BOB, 100))).await.is_err() {
            break;
        }
    }
    assert_eq!(rogue.refusal().await, ErrorCode::Rate);
    assert!(matches!(bob.event().await, SignalEvent::PeerLeft(EVE)));
    let forged = bob.client.statistics().forged + bob.client.statistics().other_version;
    assert!((90..=200).contains(&forged), "{forged}: none of it was acted on");
    ada.says(BOB, "never mind");
    assert_eq!(bob.hears().await, "never mind");
    server.stop().await;
}

#[tokio::test]
async fn who_does_not_read_is_cut_off_and_the_others_go_on() {
    let limits = Limits { message_burst: 1_000_000, queued_messages: 50, ..Limits::default() };
    let server = TestServer::start(limits).await;
    let (ada, mut bob) = couple(server.address, server.address).await;
    let _deaf = Rogue::join(server.address, EVE).await;
    assert!(matches!(bob.event().await, SignalEvent::PeerJoined(EVE)));
    let mut loud = Rogue::connect(server.address).await;
    let somebody = identity(4);
    loud.send(&loud.join_message(somebody.id(), &somebody, 2)).await;
    loud.is_in().await;
    let large = relay(EVE, 40_000);
    let (mut heard, mut gone) = (0, false);
    // Far more than the buffers on the way hold.
    for number in 0..4000 {
        loud.send(&large).await;
        if number % 50 == 0 {
            ada.says(BOB, "still here");
        }
        while let Ok(event) = bob.events.try_recv() {
            match event {
                SignalEvent::Message { .. } => heard += 1,
                SignalEvent::PeerLeft(EVE) => gone = true,
                SignalEvent::PeerJoined(_) => {}
                other => panic!("{other:?}"),
            }
        }
        if gone {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(gone && heard > 0, "{gone} {heard}");
    ada.says(BOB, "the last");
    while bob.hears().await != "the last" {}
    let metrics = server.metrics.clone();
    server.stop().await;
    assert_eq!(metrics.refused(ErrorCode::TooSlow), 1);
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    let limits = Limits { join_timeout: Duration::from_millis(100), ..Limits::default() };
    let server = TestServer::start(limits).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let read = patiently("the end of a silent connection", silent.read(&mut [0; 64])).await;
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    let half_open = Rogue::connect(server.address).await;
    assert_eq!(half_open.refusal().await, ErrorCode::JoinTimeout);
    let metrics = server.metrics.clone();
    server.stop().await;
    assert_eq!(metrics.refused_below(Refusal::Http), 1);
}

#[tokio::test]
async fn a_participant_that_falls_silent_is_given_up_after_idle_and_grace_time() {
    let limits = Limits {
        idle: Duration::from_millis(400),
        ping: Duration::from_millis(100),
        grace: Duration::from_millis(50),
        ..Limits::default()
    };
    let server = TestServer::start(limits).await;
    let (_ada, mut bob) = couple(server.address, server.address).await;
    // It does not read, so it does not answer pings either; the clients do, and stay.
    let _silent = Rogue::join(server.address, EVE).await;
    assert!(matches!(bob.event().await, SignalEvent::PeerJoined(EVE)));
    assert!(matches!(bob.event().await, SignalEvent::PeerLeft(EVE)));
    assert_eq!(server.metrics.refused(ErrorCode::Idle), 1);
    server.stop().await;
}

#[tokio::test]
async fn an_address_gets_only_so_many_connections() {
    let server = TestServer::start(Limits { connections_per_address: 2, ..Limits::default() }).await;
    let (_ada, _bob) = couple(server.address, server.address).await;
    assert!(Person::enter(server.address, EVE, Intent::Create).await.is_err());
    assert_eq!(server.metrics.refused_below(Refusal::ConnectionsPerAddress), 1);
    server.stop().await;
}

#[tokio::test]
async fn a_client_of_another_version_is_told_so() {
    let server = TestServer::start(Limits::default()).await;
    let refused = tokio_tungstenite::connect_async(format!("ws://{}/v2/signal", server.address)).await;
    let Err(tokio_tungstenite::tungstenite::Error::Http(response)) = refused else { panic!("{refused:?}") };
    assert_eq!(response.status(), 426);
    assert_eq!(server.metrics.refused(ErrorCode::Version), 1);
    server.stop().await;
}

fn joined(peers: Vec<PeerId>) -> String {
    ServerMessage::Joined { peers, capacity: 8, ice_servers: vec![] }.encode()
}

fn challenge() -> String {
    ServerMessage::Challenge { key: ChallengeSecret::random().challenge() }.encode()
}

/// A server that sends what it likes to the one client that it takes, all but the first after its `join`.
async fn rogue_server(first: String, messages: Vec<String>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        #[allow(clippy::result_large_err)]
        let agree = |_: &Request, mut response: Response| {
            response.headers_mut().insert("sec-websocket-protocol", "tincan.v2".parse().unwrap());
            Ok(response)
        };
        let mut socket = tokio_tungstenite::accept_hdr_async(stream, agree).await.unwrap();
        socket.send(Message::text(first)).await.unwrap();
        let _join = socket.next().await;
        for message in messages {
            socket.send(Message::text(message)).await.unwrap();
        }
        while let Some(Ok(_)) = socket.next().await {}
    });
    address
}

#[tokio::test]
async fn envelopes_that_are_forged_repeated_reordered_or_cut_are_dropped_and_counted() {
    let bob = pair(2, ADA);
    let [first, second, third, fourth] =
        [1, 2, 3, 4].map(|number| bob.seal(number, &hello(&number.to_string())).unwrap());
    let for_eve = pair(2, EVE).seal(2, &hello("for Eve")).unwrap();
    let by_eve = pair(3, ADA).seal(2, &hello("in Bob's name, with the code")).unwrap();
    let without_the_code = RoomKeys::from_parts(room(), [1; 32]);
    let by_outsider =
        PairKeys::new(&without_the_code, &identity(2), ADA).unwrap().seal(2, &hello("forged")).unwrap();
    let mut changed = second.as_bytes().to_vec();
    *changed.last_mut().unwrap() ^= 1;
    let mut renumbered = third.as_bytes().to_vec();
    renumbered[8] = 2;
    let changed = Envelope::from_bytes(changed).unwrap();
    let renumbered = Envelope::from_bytes(renumbered).unwrap();
    let cut = Envelope::from_bytes(second.as_bytes()[..100].to_vec()).unwrap();
    let relay =
        |from, envelope: &Envelope| ServerMessage::Relay { from, envelope: envelope.clone() }.encode();
    let at = rogue_server(
        challenge(),
        vec![
            joined(vec![BOB]),
            relay(BOB, &first),
            relay(BOB, &third),
            relay(BOB, &for_eve),
            relay(BOB, &by_eve),
            relay(BOB, &by_outsider),
            relay(BOB, &changed),
            relay(BOB, &renumbered),
            relay(BOB, &cut),
            relay(EVE, &second),
            ServerMessage::PeerJoined { peer: EVE }.encode(),
            relay(EVE, &second),
            r#"{"type":"of the future"}"#.to_owned(),
            "not even JSON".to_owned(),
            relay(BOB, &second),
            relay(BOB, &second),
            relay(BOB, &third),
            relay(BOB, &fourth),
        ],
    )
    .await;
    let mut ada = Person::enter(at, ADA, Intent::Create).await.unwrap();
    assert_eq!(ada.joined().await, [BOB]);
    assert_eq!(ada.hears().await, "1");
    assert!(matches!(ada.event().await, SignalEvent::PeerJoined(EVE)));
    for expected in ["2", "3", "4"] {
        assert_eq!(ada.hears().await, expected);
    }
    let counts = ada.client.statistics();
    assert_eq!((counts.received, counts.repeated, counts.early), (4, 1, 1));
    assert_eq!((counts.forged, counts.strangers, counts.unreadable), (7, 1, 2));
}

#[tokio::test]
async fn a_server_that_answers_nonsense_is_no_server() {
    let weak = format!(r#"{{"type":"challenge","key":"{}"}}"#, "00".repeat(32));
    for first in ["nonsense".to_owned(), joined(vec![]), r#"{"type":"peer_left"}"#.to_owned(), weak] {
        let at = rogue_server(first, vec![joined(vec![])]).await;
        assert_eq!(Person::enter(at, ADA, Intent::Create).await.err(), Some(JoinError::NotAServer));
    }
    for answer in ["nonsense".to_owned(), challenge()] {
        let at = rogue_server(challenge(), vec![answer]).await;
        assert_eq!(Person::enter(at, ADA, Intent::Create).await.err(), Some(JoinError::NotAServer));
    }
}

#[tokio::test]
async fn a_server_cannot_make_a_client_list_endless_participants() {
    let peer = |number: u16| {
        let mut bytes = [1; 32];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        PeerId::from_bytes(bytes)
    };
    let at = rogue_server(challenge(), vec![joined((0..500).map(peer).collect())]).await;
    let mut ada = Person::enter(at, ADA, Intent::Create).await.unwrap();
    assert_eq!(ada.joined().await.len(), tincan_protocol::MAX_PEERS);
}

#[tokio::test]
async fn neither_the_server_nor_another_member_reads_an_envelope() {
    let server = TestServer::start(Limits::default()).await;
    let mut ada = Person::enter(server.address, ADA, Intent::Create).await.unwrap();
    ada.joined().await;
    let mut bob = Rogue::join(server.address, BOB).await;
    ada.says(BOB, "Ada Lovelace");
    let Some(Ok(Message::Text(text))) = patiently("a relay", bob.socket.next()).await else { panic!() };
    assert!(!text.as_str().contains("Lovelace"));
    let Ok(ServerMessage::Relay { from: ADA, envelope }) = ServerMessage::decode(text.as_str()) else {
        panic!("{text}")
    };
    let opened = pair(2, ADA).open(&envelope);
    assert_eq!(opened, Ok(Opened::Message { sequence: 1, message: Some(hello("Ada Lovelace")) }));
    for other in [ADA, BOB] {
        assert!(pair(3, other).open(&envelope).is_err(), "Eve has the code and sees everything");
    }
    server.stop().await;
}
