//! Whole calls over networks that are really there: each participant on a machine (a network namespace) of its own, with
//! links that are bad, routers with NAT and firewalls between. They need Linux, and root's rights.
#![cfg(target_os = "linux")]

mod files;
mod games;
mod links;
mod nats;
mod paths;
mod privacy;
mod recordings;
mod relays;
mod rooms;
mod sharing;
mod together;

use std::net::IpAddr;

use serde_json::Value;
use tincan_tests::network::{Link, Machine};
use tincan_tests::participant::Participant;

/// The addresses of the servers in the middle (RFC 5737, RFC 3849).
const SERVER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 1));

fn connected(call: &Value) -> bool {
    call["phase"] == "connected"
}

/// A router in the middle with the servers on it, which everybody reaches at [`SERVER`].
fn internet() -> Machine {
    let internet = Machine::router();
    internet.ip(&format!("address add {SERVER}/32 dev lo"));
    // What goes to private addresses vanishes, as it does out there. Without a way coturn would be told so, and end the
    // session that had asked for it.
    internet.ip("link add nowhere type veth peer name beyond");
    internet.ip("link set beyond up");
    // Without ARP it sends everything, to a hardware address that the other end does not have.
    internet.ip("link set nowhere arp off up");
    internet.ip("route add default dev nowhere");
    internet
}

/// Three machines, each with a link of its own to the middle, which can be made bad.
async fn three_on_wifi(internet: &Machine) -> ([Machine; 3], Vec<Link>) {
    let machines = [Machine::new(), Machine::new(), Machine::new()];
    let mut links = Vec::new();
    for (at, machine) in (100..).zip(&machines) {
        let there = format!("to-{at}");
        let link = Link::lay((machine, "wifi"), (internet, &there), at).await;
        machine.addresses("wifi", &[&format!("198.51.{at}.2/24")]);
        machine.ip(&format!("route add default via 198.51.{at}.1"));
        internet.addresses(&there, &[&format!("198.51.{at}.1/24")]);
        links.push(link);
    }
    (machines, links)
}

/// Starts a call on one machine, joins it on the other, and waits until both are connected.
async fn call(
    server: &str,
    (caller, caller_arguments): (&Machine, &[&str]),
    (callee, callee_arguments): (&Machine, &[&str]),
) -> (Participant, Participant) {
    let mut ada = caller.call("Ada", server, caller_arguments);
    let code = ada.code().await;
    let mut arguments = vec![code.as_str()];
    arguments.extend(callee_arguments);
    let mut ben = callee.call("Ben", server, &arguments);
    ada.until("connection", connected).await;
    ben.until("connection", connected).await;
    (ada, ben)
}

/// Waits until pictures move on both sides and sound was heard on both; returns the kind of both sides' ways.
async fn flowing(ada: &mut Participant, ben: &mut Participant) -> [String; 2] {
    let mut ways = Vec::new();
    for side in [ada, ben] {
        let seen = side.counter().await;
        side.counter_after(seen).await;
        let second = side
            .seconds_until("pictures, sound and a way", |one| {
                one["receivedFps"].as_f64() > Some(5.0)
                    && one["concealed"].as_f64() < Some(50.0)
                    && one["path"].is_string()
            })
            .await;
        ways.push(second["path"].as_str().unwrap().to_owned());
    }
    ways.try_into().unwrap()
}
