//! Who is known to be who they seem, in simulated time.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::world::{World, id};
use tincan_call::{ConnectionView, Input, Output, PeerChange, Phase, SessionEvent, Trust};
use tincan_protocol::{CertificateDigest, ConfirmMac, ControlMessage, PeerId};

fn room_of(world: &World, n: u8) -> BTreeSet<PeerId> {
    let room = |event: &SessionEvent| match event {
        SessionEvent::Room { everybody } => Some(everybody.clone()),
        _ => None,
    };
    world.machine(n).events.iter().rev().find_map(room).unwrap_or_default()
}

fn trust(world: &World, n: u8, other: u8) -> Option<(Trust, bool)> {
    world.machine(n).events.iter().rev().find_map(|event| match event {
        SessionEvent::Trust { peer, trust, late } if *peer == id(other) => Some((*trust, *late)),
        _ => None,
    })
}

fn a_room(machines: impl IntoIterator<Item = u8>) -> World {
    let mut world = World::new();
    for n in machines {
        world.join(n);
        world.run_seconds(1);
    }
    world.run_until(10, World::all_connected);
    world.run_seconds(1);
    world
}

#[test]
fn everybody_makes_the_safety_number_of_the_same_people() {
    let mut world = a_room(1..=5);
    let everybody: BTreeSet<PeerId> = (1..=5).map(id).collect();
    for n in 1..=5 {
        assert_eq!(room_of(&world, n), everybody, "machine {n}");
    }
    world.leave(3);
    world.run_seconds(1);
    let rest: BTreeSet<PeerId> = [1, 2, 4, 5].map(id).into();
    for n in [1, 2, 4, 5] {
        assert_eq!(room_of(&world, n), rest, "machine {n}");
    }
}

#[test]
fn somebody_in_between_is_told_and_nothing_of_it_counts() {
    let mut world = World::new();
    world.between = Some((id(1), id(2)));
    world.join(1);
    world.run_seconds(1);
    world.join(2);
    world.run_seconds(20);
    for (n, other) in [(1, 2), (2, 1)] {
        let machine = world.machine(n);
        assert!(machine.events.contains(&SessionEvent::Unproven { peer: id(other) }), "machine {n}");
        assert!(!machine.actions.iter().any(|action| matches!(action, Output::Confirmed { .. })));
        assert_eq!(world.sees(n, other), Some(ConnectionView::Connecting));
        assert!(machine.session.participants()[0].streams().is_empty(), "what came on it is not shown");
        assert_eq!(room_of(&world, n), [id(n)].into());
    }
    assert_eq!(world.phase(1), Phase::Connecting);
    world.between = None;
    world.run_until(30, World::all_connected);
}

#[test]
fn a_first_word_that_is_no_proof_closes_the_connection() {
    let words = [
        ControlMessage::Goodbye.encode().into_bytes(),
        ControlMessage::Confirm { mac: ConfirmMac::from_bytes([1; 32]) }.encode().into_bytes(),
        b"nonsense".to_vec(),
    ];
    for word in words {
        let mut world = World::new();
        world.join(1);
        world.run_seconds(1);
        world.join(2);
        world.run(Duration::from_millis(200));
        let connection = world.machine(1).session.participants()[0].connection();
        let digest = |byte| CertificateDigest::from_bytes([byte; 32]);
        world.change(1, 2, connection, PeerChange::Certificates { local: digest(1), remote: digest(2) });
        world.change(1, 2, connection, PeerChange::Control(word));
        assert!(world.machine(1).events.contains(&SessionEvent::Unproven { peer: id(2) }));
        assert!(world.sees(1, 2).is_some(), "nobody left");
        world.run_until(30, World::all_connected);
    }
}

#[test]
fn whoever_compared_has_verified_those_who_were_there_and_a_newcomer_alone_is_not() {
    let mut world = a_room(1..=3);
    assert_eq!(trust(&world, 1, 2), Some((Trust::Unverified, false)));
    world.input(id(1), Input::SetVerified { peer: None, on: true });
    assert_eq!(trust(&world, 1, 2), Some((Trust::Verified, false)));
    world.join(4);
    world.run_until(5, World::all_connected);
    assert_eq!(trust(&world, 1, 4), Some((Trust::Unverified, true)), "came late");
    assert_eq!(trust(&world, 1, 2), Some((Trust::Verified, false)));
    assert_eq!(trust(&world, 2, 4), Some((Trust::Unverified, false)), "machine 2 compared nothing");
    world.input(id(1), Input::SetVerified { peer: Some(id(4)), on: true });
    assert_eq!(trust(&world, 1, 4), Some((Trust::Verified, false)));
    world.input(id(1), Input::SetVerified { peer: Some(id(2)), on: false });
    assert_eq!(trust(&world, 1, 2), Some((Trust::Unverified, false)));
}

#[test]
fn verified_outlives_a_connection_and_the_server() {
    let mut world = a_room(1..=2);
    world.input(id(1), Input::SetVerified { peer: None, on: true });
    world.fail(2, 1);
    world.run_seconds(10);
    world.server_crashes();
    world.server_returns();
    world.run_until(20, World::all_connected);
    assert_eq!(trust(&world, 1, 2), Some((Trust::Verified, false)));
}

#[test]
fn somebody_who_comes_with_a_verified_persons_name_and_another_key_is_told() {
    let mut world = a_room(1..=2);
    world.input(id(2), Input::SetName("Ada".into()));
    world.run_seconds(1);
    world.input(id(1), Input::SetVerified { peer: None, on: true });
    world.crash(2);
    world.join_with(3, |config| config.name = "ada".into());
    world.run_until(20, World::all_connected);
    assert_eq!(trust(&world, 1, 3), Some((Trust::Changed, true)));
}
