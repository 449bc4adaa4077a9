//! Rooms of several, each on a machine of their own, of whom one changes networks.

use tincan_tests::network::Machine;
use tincan_tests::room::{Room, SmallDevices};

use super::{SERVER, internet};

/// Everybody is back with everybody, after one's Wi-Fi went and a cable came.
async fn one_of_several_changes_networks(names: &[&'static str]) {
    let internet = internet();
    let (_server, url) = internet.serve(SERVER, &[]).await;
    let machines: Vec<Machine> = names.iter().map(|_| Machine::new()).collect();
    let plug_in = |at: usize, name: &str, net: &str| {
        let (ours, gateway) = (format!("{net}.2/24"), format!("{net}.1"));
        let theirs = format!("to-{name}-{at}");
        machines[at].cable((name, &[&ours]), &internet, (&theirs, &[&format!("{gateway}/24")]));
        machines[at].ip(&format!("route add default via {gateway}"));
    };
    for at in 0..names.len() {
        plug_in(at, "wifi", &format!("198.51.{}", 100 + at));
    }
    let devices = SmallDevices::make();
    let first = machines[0].call(names[0], &url, &devices.with(&[]));
    let mut room = Room::around(devices, &url, names[0], first).await;
    let code = room.code().to_owned();
    for (name, machine) in names.iter().zip(&machines).skip(1) {
        let newcomer = machine.call(name, &url, &room.devices().with(&[&code]));
        room.enter(name, newcomer);
    }
    room.all_meet().await;

    room.person(names[1]).catch_up();
    machines[1].ip("link set wifi down");
    machines[1].ip("address flush dev wifi");
    plug_in(1, "cable", "198.51.200");
    let pause = room.person(names[1]).longest_pause(6).await;
    println!("of {}, the one who changed networks saw nothing for {pause} ms", names.len());
    assert!(pause < 4000, "pictures paused for {pause} ms");
    for person in room.everybody() {
        person.until("nobody who is lost", |call| call["phase"] == "connected").await;
    }
    room.all_meet().await;
    room.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_three_changes_networks_and_meets_everybody_again() {
    one_of_several_changes_networks(&["Ada", "Ben", "Cyd"]).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: cargo xtask test --all"]
async fn one_of_five_changes_networks_and_meets_everybody_again() {
    one_of_several_changes_networks(&["Ada", "Ben", "Cyd", "Dan", "Eva"]).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: cargo xtask test --all"]
async fn one_of_eight_changes_networks_and_meets_everybody_again() {
    one_of_several_changes_networks(&["Ada", "Ben", "Cyd", "Dan", "Eva", "Fay", "Gus", "Hal"]).await;
}
