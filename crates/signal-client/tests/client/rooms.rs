//! Real clients on a real server: meeting, being refused, losing connections and coming back.

use std::net::SocketAddr;
use std::time::Duration;

use crate::common::{
    ADA, BOB, EVE, Person, Rogue, TestServer, Wire, all_hear_all, config, couple, crowd, hear_all, hello,
    identity, patiently, room, say_to_all,
};
use tincan_protocol::{ErrorCode, Intent, PeerMessage};
use tincan_signal_client::{JoinError, SignalClient, SignalConfig, SignalEvent};
use tincan_signal_server::{Limits, ServerConfig, TurnConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

#[tokio::test]
async fn two_people_meet_talk_and_part() {
    let server = TestServer::start(Limits::default()).await;
    let (mut ada, mut bob) = couple(server.address, server.address).await;
    for number in 0..50 {
        ada.says(BOB, &format!("a{number}"));
        bob.says(ADA, &format!("b{number}"));
    }
    for number in 0..50 {
        assert_eq!(bob.hears().await, format!("a{number}"));
        assert_eq!(ada.hears().await, format!("b{number}"));
    }
    // What is said just before leaving is heard, and the client says nothing of its own.
    bob.client.send(ADA, PeerMessage::Goodbye).unwrap();
    patiently("leaving", bob.client.leave()).await;
    let farewell = ada.event().await;
    assert!(
        matches!(farewell, SignalEvent::Message { from: BOB, message: PeerMessage::Goodbye }),
        "{farewell:?}"
    );
    assert!(matches!(ada.event().await, SignalEvent::PeerLeft(BOB)));
    let counts = ada.client.statistics();
    assert_eq!((counts.sent, counts.received, counts.forged, counts.repeated), (50, 51, 0, 0));
    patiently("leaving", ada.client.leave()).await;
    assert_eq!(server.metrics.rooms(), 0);
    assert_eq!(server.metrics.participants(), 0);
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_code_and_one_too_many_are_refused_politely() {
    let server = TestServer::start(Limits::for_participants(2)).await;
    let nobody = Person::enter(server.address, BOB, Intent::Join).await;
    assert_eq!(nobody.err(), Some(JoinError::RoomNotFound));
    let (_ada, _bob) = couple(server.address, server.address).await;
    for intent in [Intent::Join, Intent::Create] {
        let third = Person::enter(server.address, EVE, intent).await;
        assert_eq!(third.err(), Some(JoinError::RoomFull { capacity: Some(2) }));
    }
    server.stop().await;
}

#[tokio::test]
async fn whoever_comes_back_to_a_room_that_is_full_by_now_is_told_so_and_waits_no_longer() {
    let server = TestServer::start(Limits::for_participants(2)).await;
    let wire = Wire::to(server.address).await;
    let (_ada, mut bob) = couple(server.address, wire.address).await;
    wire.cut();
    assert!(matches!(bob.event().await, SignalEvent::Disconnected));
    // After the time for which the place is kept for Bob alone, Eve has it.
    let eve = Person::enter(server.address, EVE, Intent::Join).await.unwrap();
    wire.mend();
    let refused = bob.event().await;
    assert!(
        matches!(refused, SignalEvent::Refused(JoinError::RoomFull { capacity: Some(2) })),
        "{refused:?}"
    );
    assert!(patiently("the end", bob.events.recv()).await.is_none());
    assert_eq!(bob.client.statistics().last_error, Some("room_full"));
    drop(eve);
    server.stop().await;
}

#[tokio::test]
async fn everyone_is_told_how_many_the_room_takes_and_envelopes_go_to_one_only() {
    let server = TestServer::start(Limits::for_participants(3)).await;
    let (mut ada, mut bob) = couple(server.address, server.address).await;
    let mut eve = Person::enter(server.address, EVE, Intent::Join).await.unwrap();
    match eve.event().await {
        SignalEvent::Joined { peers, capacity: 3, .. } => assert_eq!(peers, [ADA, BOB]),
        other => panic!("{other:?}"),
    }
    assert!(matches!(ada.event().await, SignalEvent::PeerJoined(EVE)));
    assert!(matches!(bob.event().await, SignalEvent::PeerJoined(EVE)));
    eve.says(ADA, "only for Ada");
    eve.says(BOB, "only for Bob");
    assert_eq!(ada.hears().await, "only for Ada");
    assert_eq!(bob.hears().await, "only for Bob");
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_is_not_there_or_is_something_else_is_said_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 1024]).await;
        let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await;
    });
    assert_eq!(Person::enter(address, ADA, Intent::Create).await.err(), Some(JoinError::NotAServer));
    // The listener is closed now.
    assert_eq!(Person::enter(address, ADA, Intent::Create).await.err(), Some(JoinError::Unreachable));
}

#[tokio::test]
async fn clients_are_told_of_stun_and_turn_servers_and_again_before_credentials_expire() {
    let turn = TurnConfig {
        urls: vec!["turn:turn.example".into()],
        secret: "north".into(),
        lifetime: Duration::from_secs(2),
    };
    let stun_urls = vec!["stun:stun.example".into()];
    let config = ServerConfig { stun_urls, turn: Some(turn), ..ServerConfig::default() };
    let server = TestServer::start_with(([127, 0, 0, 1], 0).into(), config).await;
    let mut ada = Person::enter(server.address, ADA, Intent::Create).await.unwrap();
    let SignalEvent::Joined { ice_servers, .. } = ada.event().await else { panic!() };
    assert_eq!(ice_servers[0].urls, ["stun:stun.example"]);
    assert_eq!(ice_servers[1].urls, ["turn:turn.example"]);
    assert!(!ice_servers[1].credential.is_empty());
    // Before they have expired.
    let renewed = ada.event().await;
    let SignalEvent::IceServers(renewed) = renewed else { panic!("{renewed:?}") };
    assert_eq!(renewed[1].urls, ice_servers[1].urls);
    assert_ne!(renewed[1].username, ice_servers[1].username);
    server.stop().await;
}

#[tokio::test]
async fn a_lost_connection_is_taken_up_again_and_the_other_does_not_notice() {
    let server = TestServer::start(Limits::default()).await;
    let wire = Wire::to(server.address).await;
    let (mut ada, mut bob) = couple(server.address, wire.address).await;
    bob.says(ADA, "before");
    assert_eq!(ada.hears().await, "before");
    wire.cut();
    assert!(matches!(bob.event().await, SignalEvent::Disconnected));
    ada.says(BOB, "while Bob was away");
    bob.says(ADA, "said into the broken wire");
    wire.mend();
    assert_eq!(bob.joined().await, [ADA]);
    assert_eq!(bob.hears().await, "while Bob was away");
    assert_eq!(ada.hears().await, "said into the broken wire", "and no PeerLeft came before it");
    assert_eq!(bob.client.statistics().lost, 1);
    server.stop().await;
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_however_often_the_wire_breaks() {
    let server = TestServer::start(Limits::default()).await;
    let wire = Wire::to(server.address).await;
    let (mut ada, mut bob) = couple(server.address, wire.address).await;
    for round in 0..5 {
        for number in 0..10 {
            ada.says(BOB, &format!("a{round}{number}"));
            bob.says(ADA, &format!("b{round}{number}"));
        }
        // Cut while all of it is on its way.
        wire.cut();
        wire.mend();
        for number in 0..10 {
            assert_eq!(ada.hears().await, format!("b{round}{number}"));
            loop {
                match bob.event().await {
                    SignalEvent::Disconnected | SignalEvent::Joined { .. } => {}
                    SignalEvent::Message { message, .. } => {
                        assert_eq!(message, hello(&format!("a{round}{number}")));
                        break;
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn who_stays_away_for_longer_than_the_grace_time_is_gone_and_may_come_back() {
    let server = TestServer::start(Limits { grace: Duration::from_millis(50), ..Limits::default() }).await;
    let wire = Wire::to(server.address).await;
    let (mut ada, mut bob) = couple(server.address, wire.address).await;
    wire.cut();
    assert!(matches!(ada.event().await, SignalEvent::PeerLeft(BOB)));
    ada.says(BOB, "are you there?");
    wire.mend();
    assert!(matches!(ada.event().await, SignalEvent::PeerJoined(BOB)));
    assert!(matches!(bob.event().await, SignalEvent::Disconnected));
    assert_eq!(bob.joined().await, [ADA]);
    assert_eq!(bob.hears().await, "are you there?");
    server.stop().await;
}

#[tokio::test]
async fn both_come_back_when_the_server_restarts_in_the_middle_of_a_call() {
    let server = TestServer::start(Limits::default()).await;
    let (mut ada, mut bob) = couple(server.address, server.address).await;
    ada.says(BOB, "before");
    assert_eq!(bob.hears().await, "before");
    let address = server.stop().await;
    assert!(matches!(ada.event().await, SignalEvent::Disconnected));
    assert!(matches!(bob.event().await, SignalEvent::Disconnected));
    ada.says(BOB, "while the server was down");
    let server = TestServer::start_with(address, ServerConfig::default()).await;
    let (first, second) = (ada.joined().await, bob.joined().await);
    // Whoever was first hears of the other a moment later.
    match (first.as_slice(), second.as_slice()) {
        ([], [ADA]) => assert!(matches!(ada.event().await, SignalEvent::PeerJoined(BOB))),
        ([BOB], []) => assert!(matches!(bob.event().await, SignalEvent::PeerJoined(ADA))),
        other => panic!("{other:?}"),
    }
    assert_eq!(bob.hears().await, "while the server was down");
    bob.says(ADA, "after");
    assert_eq!(ada.hears().await, "after");
    server.stop().await;
}

#[tokio::test]
async fn leaving_works_without_a_server_and_without_reading_events() {
    let server = TestServer::start(Limits::default()).await;
    let (ada, mut bob) = couple(server.address, server.address).await;
    // More than the channel of events holds, so that Ada's task waits for a reader.
    for _ in 0..150 {
        let mut eve = Rogue::join(server.address, EVE).await;
        eve.send(r#"{"type":"leave"}"#).await;
        for _ in 0..2 {
            let coming_or_going = bob.event().await;
            assert!(
                matches!(coming_or_going, SignalEvent::PeerJoined(EVE) | SignalEvent::PeerLeft(EVE)),
                "{coming_or_going:?}"
            );
        }
    }
    patiently("leaving with unread events", ada.client.leave()).await;
    assert!(matches!(bob.event().await, SignalEvent::PeerLeft(ADA)));
    server.stop().await;
    assert!(matches!(bob.event().await, SignalEvent::Disconnected));
    patiently("leaving without a server", bob.client.leave()).await;
}

#[tokio::test]
async fn leaving_reaches_the_server_also_when_the_connection_has_just_been_lost() {
    let server = TestServer::start(Limits { grace: Duration::from_secs(3_600), ..Limits::default() }).await;
    let wire = Wire::to(server.address).await;
    let (mut ada, mut bob) = couple(server.address, wire.address).await;
    wire.cut();
    assert!(matches!(bob.event().await, SignalEvent::Disconnected));
    bob.client.send(ADA, PeerMessage::Goodbye).unwrap();
    wire.mend();
    patiently("leaving", bob.client.leave()).await;
    let farewell = ada.event().await;
    assert!(
        matches!(farewell, SignalEvent::Message { from: BOB, message: PeerMessage::Goodbye }),
        "{farewell:?}"
    );
    assert!(matches!(ada.event().await, SignalEvent::PeerLeft(BOB)));
    server.stop().await;
}

/// Each of a crowd at its own address.
fn at(addresses: [SocketAddr; 8]) -> impl Fn(u8) -> SignalConfig {
    move |number| {
        let at = addresses[usize::from(number) - 1];
        SignalConfig { identity: identity(number), ..config(at, ADA, Intent::Create) }
    }
}

/// What seven connections begin with.
const CONNECTING: [&str; 5] = ["hello", "an offer", "candidates", "more", "the last"];

#[tokio::test(flavor = "multi_thread")]
async fn eight_join_at_once_and_hear_each_other_also_those_who_were_cut_off_meanwhile() {
    let server = TestServer::start(Limits::default()).await;
    let wire = Wire::to(server.address).await;
    let (near, far) = (server.address, wire.address);
    let mut people = crowd(8, at([far, far, far, far, near, near, near, near])).await;
    all_hear_all(&mut people, &CONNECTING).await;
    wire.cut();
    for person in &mut people[..4] {
        while !matches!(person.event().await, SignalEvent::Disconnected) {}
    }
    say_to_all(&people, &CONNECTING);
    wire.mend();
    hear_all(&mut people, &CONNECTING).await;
    for code in [ErrorCode::Rate, ErrorCode::TooSlow, ErrorCode::BadProof] {
        assert_eq!(server.metrics.refused(code), 0, "{code:?}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_come_back_at_once_when_the_server_restarts_with_all_that_they_had_to_say() {
    let server = TestServer::start(Limits::default()).await;
    let mut people = crowd(8, at([server.address; 8])).await;
    all_hear_all(&mut people, &CONNECTING).await;
    let address = server.stop().await;
    for person in &mut people {
        while !matches!(person.event().await, SignalEvent::Disconnected) {}
    }
    // Several times what connecting takes.
    let words: Vec<_> = (0..40).map(|number| number.to_string()).collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    say_to_all(&people, &words);
    let server = TestServer::start_with(address, ServerConfig::default()).await;
    hear_all(&mut people, &words).await;
    for code in [ErrorCode::Rate, ErrorCode::TooSlow] {
        assert_eq!(server.metrics.refused(code), 0, "{code:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn dropping_a_client_ends_it_without_a_farewell() {
    let limits = Limits { grace: Duration::from_millis(50), ..Limits::default() };
    let server = TestServer::start(limits).await;
    let (mut ada, bob) = couple(server.address, server.address).await;
    let Person { client, mut events, .. } = bob;
    drop(client);
    assert!(patiently("the end of events", events.recv()).await.is_none());
    assert!(matches!(ada.event().await, SignalEvent::PeerLeft(BOB)));
    server.stop().await;
}

#[tokio::test]
async fn a_secure_server_is_used_when_it_is_trusted_and_only_then() {
    use tincan_signal_server::rustls;
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let server_tls = rustls::ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let server_config = ServerConfig { tls: Some(server_tls.into()), ..ServerConfig::default() };
    let server = TestServer::start_with(([127, 0, 0, 1], 0).into(), server_config).await;
    let mut ada = config(server.address, ADA, Intent::Create);
    ada.server = format!("wss://localhost:{}", server.address.port()).parse().unwrap();
    let stranger = Person::enter_with(ada.clone()).await;
    assert_eq!(stranger.err(), Some(JoinError::Untrusted));
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client_tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    ada.tls = Some(client_tls.into());
    let mut ada = Person::enter_with(ada).await.unwrap();
    assert!(ada.joined().await.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn nothing_that_is_shown_for_debugging_tells_who_or_where() {
    let server = TestServer::start(Limits::default()).await;
    let config = config(server.address, ADA, Intent::Create);
    let shown = format!("{config:?}");
    let (client, _events) = SignalClient::join(config).await.unwrap();
    let shown = format!("{shown} {client:?} {:?} {:?}", room(), crate::common::keys());
    for secret in ["127.0.0.1", &server.address.port().to_string(), &room().to_string(), &ADA.to_string()] {
        assert!(!shown.contains(secret), "{shown}");
    }
    server.stop().await;
}
