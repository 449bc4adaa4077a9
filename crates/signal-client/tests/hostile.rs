//! Clients and servers that do what they should not.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use common::{ADA, BOB, EVE, Person, Rogue, TestServer, couple, hello, keys, patiently};
use futures_util::{SinkExt, StreamExt};
use tincan_protocol::{
    ClientMessage, Envelope, ErrorCode, Intent, MAX_MESSAGE_LEN, Opener, Sealer, ServerMessage,
};
use tincan_signal_client::{JoinError, SignalEvent};
use tincan_signal_server::{Limits, Refusal};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

fn relay(to: tincan_protocol::PeerId, bytes: usize) -> String {
    let envelope = Envelope::from_bytes(vec![0; bytes]).unwrap();
    ClientMessage::Relay { to, envelope }.encode()
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
        (Rogue::join_message(EVE, 2), ErrorCode::Version),
        ("x".repeat(MAX_MESSAGE_LEN + 1), ErrorCode::TooLarge),
        ("x".repeat(3 * MAX_MESSAGE_LEN), ErrorCode::TooLarge),
    ];
    for (text, expected) in &before_joining {
        let mut rogue = Rogue::connect(at).await;
        rogue.send(text).await;
        assert_eq!(rogue.refusal().await, *expected);
    }
    for text in ["hello?".to_owned(), Rogue::join_message(EVE, 1)] {
        let mut rogue = Rogue::join(at, EVE).await;
        rogue.send(&text).await;
        assert_eq!(rogue.refusal().await, ErrorCode::Malformed);
    }
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
async fn a_flood_ends_the_flooders_connection_only() {
    let server = TestServer::start(Limits { participants: 3, message_burst: 100, ..Limits::default() }).await;
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
    let limits =
        Limits { participants: 3, message_burst: 1_000_000, queued_messages: 50, ..Limits::default() };
    let server = TestServer::start(limits).await;
    let (ada, mut bob) = couple(server.address, server.address).await;
    let _deaf = Rogue::join(server.address, EVE).await;
    assert!(matches!(bob.event().await, SignalEvent::PeerJoined(EVE)));
    let large = "x".repeat(30_000);
    let mut heard = 0;
    let gone = 'gone: {
        // Far more than the buffers on the way hold.
        for number in 0..4000 {
            let _ = ada.client.send(EVE, hello(&large));
            if number % 10 == 0 {
                while ada.client.send(BOB, hello("still here")).is_err() {
                    tokio::task::yield_now().await;
                }
            }
            while let Ok(event) = bob.events.try_recv() {
                match event {
                    SignalEvent::Message { .. } => heard += 1,
                    SignalEvent::PeerLeft(EVE) => break 'gone true,
                    other => panic!("{other:?}"),
                }
            }
            tokio::task::yield_now().await;
        }
        false
    };
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
        participants: 3,
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
    let refused = tokio_tungstenite::connect_async(format!("ws://{}/v1/signal", server.address)).await;
    let Err(tokio_tungstenite::tungstenite::Error::Http(response)) = refused else { panic!("{refused:?}") };
    assert_eq!(response.status(), 426);
    assert_eq!(server.metrics.refused(ErrorCode::Version), 1);
    server.stop().await;
}

/// A server that sends what it likes to the one client that it takes.
async fn rogue_server(messages: Vec<String>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        #[allow(clippy::result_large_err)]
        let agree = |_: &Request, mut response: Response| {
            response.headers_mut().insert("sec-websocket-protocol", "tincan.v1".parse().unwrap());
            Ok(response)
        };
        let mut socket = tokio_tungstenite::accept_hdr_async(stream, agree).await.unwrap();
        let _join = socket.next().await;
        for message in messages {
            socket.send(Message::text(message)).await.unwrap();
        }
        while let Some(Ok(_)) = socket.next().await {}
    });
    address
}

#[tokio::test]
async fn envelopes_that_are_forged_replayed_reordered_or_cut_are_dropped_and_counted() {
    let mut bob = Sealer::new(&keys(), BOB);
    let [first, second, third, fourth] =
        ["1", "2", "3", "4"].map(|name| bob.seal(ADA, &hello(name)).unwrap());
    let for_eve = bob.seal(EVE, &hello("for Eve")).unwrap();
    let by_outsider = Sealer::new(&tincan_protocol::RoomKeys::from_parts(common::room(), [1; 32]), BOB)
        .seal(ADA, &hello("forged"))
        .unwrap();
    let mut changed = fourth.as_bytes().to_vec();
    *changed.last_mut().unwrap() ^= 1;
    let changed = Envelope::from_bytes(changed).unwrap();
    let cut = Envelope::from_bytes(fourth.as_bytes()[..100].to_vec()).unwrap();
    let relay =
        |from, envelope: &Envelope| ServerMessage::Relay { from, envelope: envelope.clone() }.encode();
    let at = rogue_server(vec![
        ServerMessage::Joined { peers: vec![BOB], ice_servers: vec![] }.encode(),
        relay(BOB, &first),
        relay(BOB, &third),
        relay(BOB, &second),
        relay(BOB, &third),
        relay(BOB, &for_eve),
        relay(BOB, &by_outsider),
        relay(BOB, &changed),
        relay(BOB, &cut),
        relay(EVE, &fourth),
        ServerMessage::PeerJoined { peer: EVE }.encode(),
        relay(EVE, &fourth),
        r#"{"type":"of the future"}"#.to_owned(),
        "not even JSON".to_owned(),
        relay(BOB, &fourth),
    ])
    .await;
    let mut ada = Person::enter(at, ADA, Intent::Create).await.unwrap();
    assert_eq!(ada.joined().await, [BOB]);
    assert_eq!(ada.hears().await, "1");
    assert_eq!(ada.hears().await, "3");
    assert!(matches!(ada.event().await, SignalEvent::PeerJoined(EVE)));
    assert_eq!(ada.hears().await, "4");
    let counts = ada.client.statistics();
    assert_eq!((counts.received, counts.replayed, counts.forged), (3, 2, 5));
    assert_eq!((counts.strangers, counts.unreadable), (1, 2));
}

#[tokio::test]
async fn a_server_that_answers_nonsense_is_no_server() {
    for answer in [
        "nonsense",
        r#"{"type":"peer_left","peer":"0101010101010101"}"#,
        r#"{"type":"resumed","received":3}"#,
    ] {
        let at = rogue_server(vec![answer.to_owned()]).await;
        assert_eq!(Person::enter(at, ADA, Intent::Create).await.err(), Some(JoinError::NotAServer));
    }
}

#[tokio::test]
async fn a_server_cannot_make_a_client_list_endless_participants() {
    let peer = |number: u16| {
        let mut bytes = [1; 8];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        tincan_protocol::PeerId::from_bytes(bytes)
    };
    let at = rogue_server(vec![
        ServerMessage::Joined { peers: (0..1000).map(peer).collect(), ice_servers: vec![] }.encode(),
    ])
    .await;
    let mut ada = Person::enter(at, ADA, Intent::Create).await.unwrap();
    assert_eq!(ada.joined().await.len(), tincan_protocol::MAX_PEERS);
}

#[tokio::test]
async fn the_server_sees_no_name() {
    let server = TestServer::start(Limits::default()).await;
    let mut ada = Person::enter(server.address, ADA, Intent::Create).await.unwrap();
    ada.joined().await;
    let mut rogue = Rogue::join(server.address, EVE).await;
    ada.says(EVE, "Ada Lovelace");
    let Some(Ok(Message::Text(text))) = patiently("a relay", rogue.socket.next()).await else { panic!() };
    assert!(!text.as_str().contains("Lovelace"));
    let Ok(ServerMessage::Relay { from, envelope }) = ServerMessage::decode(text.as_str()) else {
        panic!("{text}")
    };
    assert_eq!(Opener::new(&keys(), EVE).open(from, &envelope), Ok(hello("Ada Lovelace")));
    server.stop().await;
}
