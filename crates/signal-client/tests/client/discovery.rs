//! Local calls, found by real mDNS on this machine's interfaces, loopback included.

use std::net::SocketAddr;
use std::time::Duration;

use crate::common::{ADA, BOB, EVE, Person, all_hear_all, config, crowd, identity, patiently};
use tincan_protocol::{Identity, Intent, PeerId, RoomId, RoomKeys, announcement_name};
use tincan_signal_client::{
    Answer, NearbyHost, RoomSearch, SignalConfig, SignalEvent, ask, browse, discover,
};
use tincan_signal_server::{LocalServer, ServerConfig};

fn random_room() -> RoomId {
    let id = Identity::random().id();
    RoomId::from_bytes(id.as_bytes()[..16].try_into().unwrap())
}

fn address(url: &str) -> SocketAddr {
    url.parse::<url::Url>().unwrap().socket_addrs(|| None).unwrap()[0]
}

async fn enter(url: &str, room: RoomId, peer: PeerId) -> Person {
    let keys = RoomKeys::from_parts(room, [9; 32]);
    let mut person = Person::enter_with(SignalConfig { keys, ..config(address(url), peer, Intent::Create) })
        .await
        .unwrap();
    person.joined().await;
    person
}

fn announces(room: RoomId) -> impl Fn(&Vec<NearbyHost>) -> bool {
    let name = announcement_name(room);
    move |hosts| hosts.iter().any(|host| host.id.starts_with(&name) && host.host == "Ada's computer")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hosted_room_is_found_while_somebody_is_in_it_also_when_the_host_left_and_came_back() {
    let host = LocalServer::with(ServerConfig::default(), "Ada's \u{202e}computer".to_owned());
    let (room, test_call) = (random_room(), random_room());
    let hosted = host.host(room, true).await.unwrap();
    let unseen = host.host(test_call, false).await.unwrap();
    assert_eq!(unseen.url, hosted.url, "one server for all rooms of a program");
    assert_eq!(discover(room, Duration::from_millis(500)).await, None, "nobody is there");

    let mut browser = browse().unwrap();
    let tester = enter(&unseen.url, test_call, ADA).await;
    let ada = enter(&hosted.url, room, ADA).await;
    let found =
        patiently("finding", discover(room, Duration::from_secs(10))).await.expect("the room is found");
    assert_eq!((found.url.port(), &found.instance), (Some(address(&hosted.url).port()), &hosted.instance));
    let bob = enter(found.url.as_str(), room, BOB).await;
    patiently("the name in the list", browser.hosts.wait_for(announces(room))).await.unwrap();
    assert!(!announces(test_call)(&browser.hosts.borrow()));

    // The host leaves and comes back: the second hold begins before the first is given up.
    patiently("leaving", ada.client.leave()).await;
    let again = host.host(room, true).await.unwrap();
    drop(hosted);
    let ada = enter(&again.url, room, EVE).await;
    assert!(patiently("finding", discover(room, Duration::from_secs(10))).await.is_some());
    assert!(matches!(ask(&found.url, room).await, Answer::Room(server) if server.instance == again.instance));
    assert_eq!(ask(&found.url, test_call).await, Answer::Server);

    patiently("leaving", bob.client.leave()).await;
    patiently("leaving", ada.client.leave()).await;
    let gone = |hosts: &Vec<NearbyHost>| !announces(room)(hosts);
    patiently("the withdrawal", browser.hosts.wait_for(gone)).await.unwrap();
    let _ada = enter(&again.url, room, ADA).await;
    patiently("the name is back", browser.hosts.wait_for(announces(room))).await.unwrap();
    drop(again);
    patiently("the withdrawal", browser.hosts.wait_for(gone)).await.unwrap();
    patiently("browsing ends", browser.stop()).await;
    patiently("leaving", tester.client.leave()).await;
    drop(unseen);
    patiently("the server ends", host.shutdown()).await;
    assert_eq!(ask(&found.url, room).await, Answer::Nothing);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_with_one_room_are_both_found_and_who_moves_meets_whoever_is_there() {
    let (one, other) = (LocalServer::new(), LocalServer::new());
    let room = random_room();
    let hosts = [one.host(room, true).await.unwrap(), other.host(room, true).await.unwrap()];
    let mut ada = enter(&hosts[0].url, room, ADA).await;
    let mut bob = enter(&hosts[1].url, room, BOB).await;
    let mut search = RoomSearch::start(room).unwrap();
    let mut found = std::collections::BTreeSet::new();
    while found.len() < 2 {
        found.insert(patiently("both", search.servers.recv()).await.unwrap().instance);
    }
    assert_eq!(found, hosts.iter().map(|host| host.instance.clone()).collect());
    search.stop().await;

    bob.says(ADA, "sent too early");
    bob.client.move_to(hosts[0].url.parse().unwrap());
    assert_eq!(bob.joined().await, [ADA]);
    assert!(matches!(ada.event().await, SignalEvent::PeerJoined(BOB)));
    assert_eq!(ada.hears().await, "sent too early");
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_in_a_local_call_hear_each_other() {
    let host = LocalServer::new();
    let room = random_room();
    let hosted = host.host(room, false).await.unwrap();
    let mut people = crowd(8, |number| SignalConfig {
        keys: RoomKeys::from_parts(room, [9; 32]),
        identity: identity(number),
        ..config(address(&hosted.url), ADA, Intent::Create)
    })
    .await;
    all_hear_all(&mut people, &["hello", "an offer", "candidates"]).await;
    for person in people {
        patiently("leaving", person.client.leave()).await;
    }
    drop(hosted);
    patiently("the server ends", host.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_nobody_hosts_is_not_found() {
    assert_eq!(discover(random_room(), Duration::from_millis(300)).await, None);
}
