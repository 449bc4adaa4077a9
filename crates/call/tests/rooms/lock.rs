//! Locked rooms, in simulated time.

use crate::world::{World, id};
use tincan_call::{ConnectionView, Input, Output, Phase, SessionEvent};
use tincan_protocol::{Lock, PeerMessage};

fn knocks(world: &World, n: u8) -> Vec<String> {
    let mut waiting = Vec::new();
    for event in &world.machine(n).events {
        match event {
            SessionEvent::Knock { peer, name } => waiting.push((*peer, name.clone())),
            SessionEvent::KnockEnded { peer } => waiting.retain(|(there, _)| there != peer),
            _ => {}
        }
    }
    waiting.into_iter().map(|(_, name)| name).collect()
}

/// Three in a locked room.
fn a_locked_room() -> World {
    let mut world = World::new();
    for n in 1..=3 {
        world.join(n);
        world.run_seconds(1);
    }
    world.run_until(5, World::all_connected);
    world.input(id(2), Input::SetLock(true));
    world.run_seconds(1);
    for n in 1..=3 {
        assert!(world.machine(n).session.is_locked(), "machine {n}");
    }
    world
}

#[test]
fn whoever_comes_to_a_locked_room_waits_and_learns_no_name() {
    let mut world = a_locked_room();
    world.join(4);
    world.run_seconds(30);
    assert_eq!(world.phase(4), Phase::Knocking);
    for n in 1..=3 {
        assert_eq!(knocks(&world, n), ["machine 4"], "machine {n}");
        assert_eq!(world.sees(n, 4), None);
        let opened = |action: &Output| matches!(action, Output::OpenPeer { peer, .. } if *peer == id(4));
        assert!(!world.machine(n).actions.iter().any(opened), "nobody answers");
        assert_eq!(world.machine(4).session.participant(id(n)).unwrap().name(), "");
    }
    assert!(world.phase(1) == Phase::Connected && knocks(&world, 1).len() == 1);
}

#[test]
fn whoever_is_let_in_is_soon_connected_to_everybody() {
    let mut world = a_locked_room();
    world.join(4);
    world.run_seconds(5);
    world.input(id(3), Input::LetIn(id(4)));
    let took = world.run_until(5, World::all_connected);
    assert!(took.as_secs() < 2, "{took:?}");
    for n in 1..=3 {
        assert!(knocks(&world, n).is_empty(), "machine {n}");
        assert_eq!(world.machine(n).session.participant(id(4)).unwrap().name(), "machine 4");
    }
    assert!(world.machine(4).session.is_locked(), "they know it, and keep others out too");
    world.join(5);
    world.run_seconds(3);
    assert_eq!(knocks(&world, 4), ["machine 5"]);
}

#[test]
fn those_who_wait_do_not_meet_before_they_are_in() {
    let mut world = a_locked_room();
    world.join(4);
    world.run_seconds(2);
    world.join(5);
    world.run_seconds(30);
    assert_eq!((world.phase(4), world.phase(5)), (Phase::Knocking, Phase::Knocking));
    assert_eq!(knocks(&world, 1), ["machine 4", "machine 5"]);
    for first in [5, 4] {
        let mut world = a_locked_room();
        world.join(4);
        world.run_seconds(2);
        world.join(5);
        world.run_seconds(2);
        world.input(id(1), Input::LetIn(id(first)));
        world.run_until(5, |world| world.phase(first) == Phase::Connected);
        world.run_seconds(20);
        let other = 9 - first;
        assert_eq!(world.phase(other), Phase::Knocking, "{first} was let in");
        for n in [1, 2, 3, first] {
            assert_eq!(knocks(&world, n), [format!("machine {other}")], "machine {n}");
        }
        world.input(id(first), Input::LetIn(id(other)));
        world.run_until(5, World::all_connected);
    }
}

#[test]
fn unlocking_lets_everybody_in_who_waits() {
    let mut world = a_locked_room();
    world.join(4);
    world.join(5);
    world.run_seconds(3);
    world.input(id(1), Input::SetLock(false));
    world.run_until(8, World::all_connected);
    assert!((1..=5).all(|n| !world.machine(n).session.is_locked()));
}

#[test]
fn whoever_is_refused_is_told_and_whoever_goes_knocks_no_more() {
    let mut world = a_locked_room();
    world.join(4);
    world.run_seconds(3);
    world.input(id(1), Input::Refuse(id(4)));
    world.run_seconds(1);
    assert!(world.machine(4).events.contains(&SessionEvent::Refused));
    assert_eq!((knocks(&world, 1).len(), knocks(&world, 2).len()), (0, 1), "the others may think otherwise");
    world.leave(4);
    world.run_seconds(1);
    assert!((1..=3).all(|n| knocks(&world, n).is_empty()));
}

#[test]
fn members_who_lose_their_network_or_the_server_are_still_in() {
    let mut world = a_locked_room();
    world.offline(1);
    world.run_seconds(12);
    world.online_elsewhere(1);
    world.run_until(20, World::all_connected);
    world.server_crashes();
    world.run_seconds(3);
    world.server_returns();
    world.fail(2, 3);
    world.run_until(20, World::all_connected);
    assert!((1..=3).all(|n| world.machine(n).session.is_locked()));
}

#[test]
fn two_who_turn_the_lock_at_once_end_in_the_same_state() {
    for (first, second) in [(true, false), (false, true), (true, true)] {
        let mut world = a_locked_room();
        world.input(id(1), Input::SetLock(!first));
        world.input(id(1), Input::SetLock(first));
        world.input(id(3), Input::SetLock(!second));
        world.input(id(3), Input::SetLock(second));
        world.run_seconds(2);
        let all: Vec<bool> = (1..=3).map(|n| world.machine(n).session.is_locked()).collect();
        assert!(all.windows(2).all(|two| two[0] == two[1]), "{first} {second}: {all:?}");
    }
}

#[test]
fn a_lock_that_comes_from_somebody_who_is_not_in_changes_nothing() {
    let mut world = a_locked_room();
    world.join(4);
    world.run_seconds(3);
    // They say that the room is open, in every way that they have.
    for n in 1..=3 {
        world.input(id(n), Input::Message { from: id(4), message: PeerMessage::hello("let me in") });
        let lock =
            tincan_protocol::ControlMessage::Lock(Lock { change: 9, locked: false, members: vec![id(4)] });
        let bytes = lock.encode().into_bytes();
        world.change(n, 4, 1, tincan_call::PeerChange::Control(bytes));
    }
    world.run_seconds(5);
    assert!((1..=3).all(|n| world.machine(n).session.is_locked() && world.sees(n, 4).is_none()));
    assert_eq!(world.sees(1, 2), Some(ConnectionView::Connected));
}
