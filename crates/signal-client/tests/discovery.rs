//! Local calls, found by real mDNS on this machine's interfaces, loopback included.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{ADA, BOB, Person, config, patiently};
use tincan_protocol::{Intent, RoomId};
use tincan_signal_client::{browse, discover};
use tincan_signal_server::{LocalServer, ServerConfig};

fn random_room() -> RoomId {
    let (a, b) = (tincan_protocol::PeerId::random(), tincan_protocol::PeerId::random());
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(a.as_bytes());
    bytes[8..].copy_from_slice(b.as_bytes());
    RoomId::from_bytes(bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hosted_room_is_found_joined_and_forgotten() {
    let host = LocalServer::with(ServerConfig::default(), "Ada's computer".to_owned());
    let (room, other) = (random_room(), random_room());
    let hosted = host.host(room).await.unwrap();
    let mut browser = browse().unwrap();
    let found =
        patiently("finding", discover(room, Duration::from_secs(10))).await.expect("the room is found");
    assert_eq!(found.port(), hosted.url.parse::<url::Url>().unwrap().port());
    let found_at = found.socket_addrs(|| None).unwrap()[0];
    let local_at = hosted.url.parse::<url::Url>().unwrap().socket_addrs(|| None).unwrap()[0];
    let mut ada = Person::enter_with(config(local_at, ADA, Intent::Create)).await.unwrap();
    ada.joined().await;
    let mut bob = Person::enter_with(config(found_at, BOB, Intent::Join)).await.unwrap();
    assert_eq!(bob.joined().await, [ADA]);

    let name = tincan_protocol::announcement_name(room);
    let seen = |hosts: &Vec<tincan_signal_client::NearbyHost>| {
        hosts.iter().any(|host| host.id.starts_with(&name) && host.host == "Ada's computer")
    };
    patiently("the name in the list", browser.hosts.wait_for(seen)).await.unwrap();

    let second = host.host(other).await.unwrap();
    assert_eq!(second.url, hosted.url, "one server for all rooms of a program");
    drop(hosted);
    patiently("the withdrawal", browser.hosts.wait_for(|hosts| !seen(hosts))).await.unwrap();
    patiently("browsing ends", browser.stop()).await;
    patiently("leaving", bob.client.leave()).await;
    patiently("leaving", ada.client.leave()).await;
    drop(second);
    patiently("the server ends", host.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_nobody_hosts_is_not_found() {
    assert_eq!(discover(random_room(), Duration::from_millis(300)).await, None);
}
