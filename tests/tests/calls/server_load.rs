//! The signalling server under load and under attack: thousands of clients, their own processes, through loopback.
//! It is compared with a plain room server on Node's `ws` in the same run.
#![cfg(target_os = "linux")]

use std::time::Duration;

use serde_json::Value;
use tincan_tests::participant::Participant;
use tincan_tests::process::{Process, binary, proportional_memory};
use tincan_tests::server::{Server, free_port, reachable};
use tokio::process::Command;

/// As many as a server takes by default.
const IDLE: u32 = 10_000;
const JOINS_PER_SECOND: u32 = 1_000;
const SECONDS: u32 = 10;
const HOSTILE: u32 = 1_000;
/// Ten thousand sockets are opened by hundreds a second on a busy machine.
const LONG: Duration = Duration::from_secs(90);
/// Of a connection, in memory: a server of 1 GB holds them all, with the rest of its system.
const MOST_PER_CONNECTION_KB: f64 = 64.0;

fn load(arguments: &[&str]) -> Process {
    let mut command = Command::new(binary("tincan-load"));
    command.args(arguments);
    Process::start("tincan-load", command)
}

async fn answer(process: &mut Process, key: &str) -> Value {
    let found = |line: &str| {
        let value: Value = serde_json::from_str(line).ok()?;
        value.get(key).is_some().then_some(value)
    };
    process.wait_for_within(LONG, key, found).await
}

struct Measured {
    per_connection: f64,
    joins: Value,
}

async fn measure(name: &str, id: u32, url: &str) -> Measured {
    let before = proportional_memory(id).unwrap();
    let mut idle = load(&["idle", url, &IDLE.to_string()]);
    let open = answer(&mut idle, "idle").await;
    assert_eq!(open["idle"], IDLE);
    let per_connection = (proportional_memory(id).unwrap() - before) / f64::from(IDLE);
    let (code, _) = idle.end().await;
    assert_eq!(code, Some(0));
    let (rate, seconds) = (JOINS_PER_SECOND.to_string(), SECONDS.to_string());
    let mut joining = load(&["joins", url, &rate, &seconds]);
    let joins = answer(&mut joining, "joined").await;
    println!(
        "{name:12} {IDLE} idle: {per_connection:.1} kB each, opened in {:.1} s; joins: {joins}",
        open["seconds"].as_f64().unwrap()
    );
    Measured { per_connection, joins }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: cargo xtask test --all"]
async fn ten_thousand_idle_clients_and_a_thousand_joins_a_second_are_served_beside_a_plain_room_server() {
    let ours = Server::start().await;
    let measured = measure("tincan", ours.id(), &ours.url()).await;
    assert!(measured.per_connection < MOST_PER_CONNECTION_KB, "{} kB a connection", measured.per_connection);
    assert_eq!(measured.joins["joined"], JOINS_PER_SECOND * SECONDS);

    let port = free_port().await;
    let mut command = Command::new("node");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/browser/room-server.js");
    command.args([script, &port.to_string()]);
    let plain = Process::start("node", command);
    reachable(port).await;
    measure("node ws", plain.id(), &format!("ws://127.0.0.1:{port}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_hostile_clients_do_not_disturb_a_call() {
    let server = Server::start().await;
    let mut ada = Participant::start("Ada", &server.url(), &[]);
    let code = ada.code().await;
    let mut hostile = load(&["hostile", &server.url(), &HOSTILE.to_string()]);
    answer(&mut hostile, "hostile").await;
    // Somebody can still come in, and they see each other.
    let mut ben = Participant::start("Ben", &server.url(), &[&code]);
    ada.until("connection", |call| call["phase"] == "connected").await;
    let seen = ben.counter().await;
    ben.counter_after(seen).await;
    let (code, _) = ben.leave().await;
    assert_eq!(code, Some(0));
    ada.until("an empty room", |call| call["phase"] == "alone").await;
    assert_eq!(ada.call()["serverConnected"], true);
    let (code, _) = hostile.end().await;
    assert_eq!(code, Some(0));
    ada.leave().await;
}
