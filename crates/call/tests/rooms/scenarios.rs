//! What happens in a room, in simulated time.

use std::time::Duration;

use crate::world::{World, fresh_code, id};
use tincan_call::{
    ConnectionState, ConnectionView, Input, LeaveReason, LocalCandidate, Output, PeerChange, Phase,
    SessionEvent,
};
use tincan_protocol::{Candidate, Candidates, ControlMessage, Description, DescriptionKind, PeerMessage};

/// Two machines that are in a call; the second one came later.
pub(crate) fn a_call() -> World {
    let mut world = World::new();
    world.join(1);
    world.run_seconds(1);
    world.join(2);
    world.run_until(2, World::all_connected);
    world.run_seconds(1);
    world
}

fn joined(world: &World, n: u8, other: u8) -> usize {
    let event = SessionEvent::ParticipantJoined { peer: id(other) };
    world.machine(n).events.iter().filter(|e| **e == event).count()
}

fn left(world: &World, n: u8, other: u8) -> Option<LeaveReason> {
    world.machine(n).events.iter().rev().find_map(|event| match event {
        SessionEvent::ParticipantLeft { peer, reason } if *peer == id(other) => Some(*reason),
        _ => None,
    })
}

fn opened(world: &World, n: u8) -> Vec<(u32, bool)> {
    let open = |action: &Output| match action {
        Output::OpenPeer { connection, offer, .. } => Some((*connection, *offer)),
        _ => None,
    };
    world.machine(n).actions.iter().filter_map(open).collect()
}

fn restarts(world: &World, n: u8) -> usize {
    world.machine(n).actions.iter().filter(|action| matches!(action, Output::RestartIce { .. })).count()
}

fn phases(world: &World, n: u8) -> Vec<Phase> {
    let phase = |event: &SessionEvent| match event {
        SessionEvent::Phase(phase) => Some(*phase),
        _ => None,
    };
    world.machine(n).events.iter().filter_map(phase).collect()
}

#[test]
fn the_newcomer_offers_and_both_are_connected_within_a_second() {
    let mut world = World::new();
    world.join(1);
    world.run_seconds(1);
    assert_eq!(world.phase(1), Phase::Alone);
    world.join(2);
    let took = world.run_until(2, World::all_connected);
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!((opened(&world, 1), opened(&world, 2)), (vec![(1, false)], vec![(1, true)]));
    assert_eq!(phases(&world, 1), [Phase::Alone, Phase::Connecting, Phase::Connected]);
    assert_eq!(world.machine(1).session.participants()[0].name(), "machine 2");
    assert_eq!(world.machine(2).session.participants()[0].name(), "machine 1");
}

#[test]
fn two_who_both_think_themselves_new_resolve_their_collision_without_a_second_connection() {
    let mut world = World::new();
    world.server.everybody_is_new = true;
    world.join(1);
    world.join(2);
    let took = world.run_until(2, World::all_connected);
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!((opened(&world, 1), opened(&world, 2)), (vec![(1, true)], vec![(1, true)]));
}

#[test]
fn three_are_connected_each_to_each() {
    let mut world = World::new();
    for n in 1..=3 {
        world.join(n);
        world.run_seconds(1);
    }
    world.run_until(2, World::all_connected);
    assert_eq!(world.machine(3).session.participants().len(), 2);
    world.leave(2);
    world.run_until(1, World::all_connected);
    assert_eq!(left(&world, 1, 2), Some(LeaveReason::Goodbye));
    assert_eq!(left(&world, 3, 2), Some(LeaveReason::Goodbye));
}

#[test]
fn everybody_who_comes_at_once_is_connected() {
    let mut world = World::new();
    for n in [3, 1, 4, 2] {
        world.join(n);
    }
    let took = world.run_until(10, World::all_connected);
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn leaving_says_goodbye_on_both_ways_and_closes() {
    let mut world = a_call();
    world.input(id(2), Input::Leave);
    let actions = &world.machine(2).actions;
    let tail = &actions[actions.len() - 3..];
    assert!(matches!(&tail[0], Output::SendSignal { message: PeerMessage::Goodbye, .. }));
    assert!(matches!(&tail[1], Output::SendControl { message: ControlMessage::Goodbye, .. }));
    assert!(matches!(&tail[2], Output::ClosePeer { connection: 1, .. }));
    assert_eq!(world.phase(2), Phase::Left);
    world.run_until(1, |world| world.phase(1) == Phase::Alone);
    assert_eq!(left(&world, 1, 2), Some(LeaveReason::Goodbye));
}

#[test]
fn whoever_said_goodbye_is_not_brought_back_by_a_late_message() {
    let mut world = a_call();
    world.change(1, 2, 1, PeerChange::Control(ControlMessage::Goodbye.encode().into_bytes()));
    assert_eq!(world.sees(1, 2), None);
    let hello = PeerMessage::hello("again");
    world.input(id(1), Input::Message { from: id(2), message: hello });
    world.input(id(1), Input::Joined { peers: vec![id(2)], ice_servers: Vec::new() });
    assert_eq!(world.sees(1, 2), None);
    world.input(id(1), Input::PeerJoined(id(2)));
    assert!(world.sees(1, 2).is_some(), "a new arrival counts");
}

#[test]
fn a_crash_is_noticed_and_the_participant_is_lost() {
    let mut world = a_call();
    world.crash(2);
    world.run_seconds(3);
    assert_eq!(world.sees(1, 2), Some(ConnectionView::Connected), "a few seconds may be a gap");
    world.run_until(20, |world| world.phase(1) == Phase::Alone);
    assert_eq!(left(&world, 1, 2), Some(LeaveReason::Lost));
}

#[test]
fn somebody_who_crashed_comes_back_under_a_new_id() {
    let mut world = a_call();
    world.crash(2);
    world.run_seconds(1);
    world.join(3);
    world.run_until(2, |world| world.sees(1, 3) == Some(ConnectionView::Connected));
    world.run_until(20, World::all_connected);
}

#[test]
fn a_call_lives_on_while_the_server_is_away_and_is_not_touched_when_it_returns_empty() {
    let mut world = a_call();
    world.server_crashes();
    world.run_seconds(600);
    assert!(world.all_connected());
    assert!(!world.machine(1).session.server_connected());
    world.server_returns();
    world.run_seconds(30);
    assert!(world.all_connected() && world.machine(1).session.server_connected());
    assert_eq!((opened(&world, 1).len(), opened(&world, 2).len()), (1, 1), "no new connection");
    assert_eq!((joined(&world, 1, 2), joined(&world, 2, 1)), (1, 1));
    world.join(3);
    world.run_until(2, World::all_connected);
}

#[test]
fn the_servers_word_alone_does_not_end_a_call() {
    let mut world = a_call();
    world.input(id(1), Input::PeerLeft(id(2)));
    world.run_seconds(60);
    assert_eq!(world.sees(1, 2), Some(ConnectionView::Connected));
    world.crash(2);
    world.run_until(20, |world| world.sees(1, 2).is_none());
}

#[test]
fn the_server_lost_while_connecting_delays_the_call_until_it_is_back() {
    let mut world = World::new();
    world.join(1);
    world.run_seconds(1);
    world.join(2);
    world.run(Duration::from_millis(140));
    world.server_crashes();
    world.run_seconds(20);
    assert!(!world.all_connected());
    world.server_returns();
    let took = world.run_until(10, World::all_connected);
    assert!(took < Duration::from_secs(6), "{took:?}");
}

#[test]
fn both_away_is_given_up_after_a_minute() {
    let mut world = a_call();
    world.server_crashes();
    world.crash(2);
    world.run_seconds(50);
    assert_eq!(world.sees(1, 2), Some(ConnectionView::Reconnecting));
    world.run_seconds(30);
    assert_eq!((world.sees(1, 2), world.phase(1)), (None, Phase::Alone));
}

#[test]
fn a_lost_path_is_restarted_by_the_larger_id_and_asks_for_a_keyframe() {
    let mut world = a_call();
    world.blocked.push((id(1), id(2)));
    world.run_until(10, |world| world.sees(1, 2) == Some(ConnectionView::Reconnecting));
    assert_eq!(world.phase(1), Phase::Reconnecting);
    world.run(Duration::from_millis(2500));
    assert_eq!((restarts(&world, 1), restarts(&world, 2)), (0, 1));
    world.blocked.clear();
    world.run_until(2, World::all_connected);
    assert_eq!((opened(&world, 1).len(), opened(&world, 2).len()), (1, 1), "the connection is the same");
    let last = |n: u8| world.machine(n).actions.iter().rev().take(3).collect::<Vec<_>>();
    assert!(last(1).iter().any(|action| matches!(action, Output::RequestKeyframe { connection: 1, .. })));
}

#[test]
fn the_polite_side_restarts_when_the_other_one_does_not_notice() {
    let mut world = a_call();
    let down = PeerChange::State(ConnectionState::Disconnected);
    world.change(1, 2, 1, down);
    world.run_seconds(5);
    assert_eq!(restarts(&world, 1), 0);
    world.run_seconds(2);
    assert_eq!(restarts(&world, 1), 1);
}

#[test]
fn a_failed_connection_is_opened_anew_at_once_by_the_larger_id_and_later_by_the_smaller() {
    // The other side follows once its own end has gone quiet, after five seconds.
    for (fails, at_most) in [(2, 6), (1, 6)] {
        let mut world = a_call();
        let other = 3 - fails;
        world.fail(fails, other);
        assert_eq!(world.sees(fails, other), Some(ConnectionView::Reconnecting));
        let took = world.run_until(30, |world| {
            world.all_connected() && world.machine(1).session.participants()[0].connection() == 2
        });
        assert!(took <= Duration::from_secs(at_most), "machine {fails}: {took:?}");
        assert_eq!(opened(&world, fails).last(), Some(&(2, true)));
        assert_eq!(opened(&world, other).last(), Some(&(2, false)));
    }
}

#[test]
fn a_failed_connection_waits_for_the_server() {
    let mut world = a_call();
    world.server_crashes();
    world.fail(2, 1);
    world.run_seconds(10);
    assert_eq!(opened(&world, 2).len(), 1);
    world.server_returns();
    world.run_until(10, |world| world.all_connected() && opened(world, 2).len() == 2);
}

#[test]
fn events_and_messages_of_an_older_connection_change_nothing() {
    let mut world = a_call();
    world.fail(2, 1);
    world.run_until(8, |world| world.all_connected() && opened(world, 2).len() == 2);
    world.run_seconds(1);
    let (events, actions) = (world.machine(1).events.len(), world.machine(1).actions.len());
    world.change(1, 2, 1, PeerChange::State(ConnectionState::Failed));
    world.change(1, 2, 1, PeerChange::ControlOpen);
    world.change(1, 2, 1, PeerChange::Control(ControlMessage::Goodbye.encode().into_bytes()));
    world.change(1, 2, 1, PeerChange::LocalDescription { kind: DescriptionKind::Offer, sdp: "0".into() });
    let old = Description { kind: DescriptionKind::Offer, sdp: "0".into(), connection: 1 };
    for message in [
        PeerMessage::Description(old.clone()),
        PeerMessage::Description(Description { kind: DescriptionKind::Answer, ..old.clone() }),
        PeerMessage::Description(Description { connection: u32::MAX, ..old }),
    ] {
        world.input(id(1), Input::Message { from: id(2), message });
    }
    assert_eq!((world.machine(1).events.len(), world.machine(1).actions.len()), (events, actions));
    assert!(world.all_connected());
}

#[test]
fn when_the_offer_is_lost_the_one_who_was_there_offers() {
    let mut world = World::new();
    world.join(1);
    world.run_seconds(1);
    world.server.deaf = Some(id(1));
    world.join(2);
    world.run(Duration::from_millis(200));
    world.server.deaf = None;
    world.input(id(1), Input::PeerJoined(id(2)));
    let took = world.run_until(30, World::all_connected);
    assert!(took < Duration::from_secs(14), "{took:?}");
}

#[test]
fn a_change_of_network_restarts_ice_at_once_and_a_burst_of_changes_only_once() {
    let mut world = a_call();
    world.machines.get_mut(&id(1)).unwrap().online = false;
    world.run(Duration::from_millis(100));
    world.online_elsewhere(1);
    for _ in 0..5 {
        let lost = world.others(1);
        world.input(id(1), Input::NetworkChanged { lost });
    }
    assert_eq!(restarts(&world, 1), 1);
    world.run_seconds(6);
    assert!(world.all_connected());
    assert!(!phases(&world, 2).contains(&Phase::Reconnecting), "it was over before anybody noticed");
    assert!(restarts(&world, 1) <= 2);
}

#[test]
fn an_address_that_no_connection_uses_may_come_and_go() {
    let mut world = a_call();
    for _ in 0..10 {
        world.input(id(1), Input::NetworkChanged { lost: Vec::new() });
        world.run_seconds(5);
    }
    assert_eq!(restarts(&world, 1), 0);
    assert_eq!((opened(&world, 1).len(), opened(&world, 2).len()), (1, 1));
}

#[test]
fn somebody_who_was_offline_for_long_is_found_again() {
    for seconds in [4, 8, 15, 25, 40, 90] {
        for away in [1, 2] {
            let mut world = a_call();
            world.offline(away);
            world.run_seconds(seconds);
            world.online_elsewhere(away);
            let took = world.run_until(30, World::all_connected);
            assert!(took < Duration::from_secs(12), "machine {away} after {seconds} s: {took:?}");
        }
    }
}

#[test]
fn a_socket_that_blinks_changes_nothing() {
    let mut world = a_call();
    for _ in 0..5 {
        world.socket_breaks(1);
        world.run_seconds(3);
    }
    assert!(world.all_connected());
    assert_eq!((opened(&world, 1).len(), opened(&world, 2).len()), (1, 1));
    assert_eq!(restarts(&world, 1) + restarts(&world, 2), 0);
}

#[test]
fn a_connection_that_cannot_be_opened_here_is_tried_ever_more_slowly() {
    let mut world = World::new();
    world.join(2);
    world.run_seconds(1);
    world.input(id(2), Input::Joined { peers: vec![id(1)], ice_servers: Vec::new() });
    for _ in 0..1500 {
        let open = opened(&world, 2).last().map_or(0, |(connection, _)| *connection);
        world.change(2, 1, open, PeerChange::OpenFailed);
        world.run(Duration::from_millis(20));
    }
    let tries = opened(&world, 2).len();
    assert!((3..=8).contains(&tries), "{tries} tries in 30 s");
}

#[test]
fn whoever_never_says_anything_is_not_shown_for_long() {
    let mut world = World::new();
    world.join(1);
    world.run_seconds(1);
    world.input(id(1), Input::PeerJoined(id(9)));
    assert!(world.sees(1, 9).is_some());
    world.run_seconds(40);
    assert!(world.sees(1, 9).is_none());
    let message = PeerMessage::hello("slow");
    world.input(id(1), Input::Message { from: id(9), message });
    assert!(world.sees(1, 9).is_some(), "but a late word brings them back");
}

#[test]
fn strangers_and_more_people_than_a_mesh_carries_are_not_connected_to() {
    let mut world = World::new();
    world.join_with(1, |config| config.max_participants = 3);
    world.run_seconds(1);
    let hello = || PeerMessage::hello("");
    world.input(id(1), Input::Message { from: id(50), message: hello() });
    assert!(world.machine(1).session.participants().is_empty(), "the server never named them");
    for n in 10..20 {
        world.input(id(1), Input::PeerJoined(id(n)));
        world.input(id(1), Input::Message { from: id(n), message: hello() });
    }
    assert_eq!(world.machine(1).session.participants().len(), 3);
    world.input(id(1), Input::PeerJoined(id(1)));
    assert_eq!(world.machine(1).session.participants().len(), 3, "we are not our own participant");
}

#[test]
fn candidates_that_were_gathered_while_the_server_blinked_are_sent_when_it_is_back() {
    let mut world = a_call();
    world.socket_breaks(2);
    let candidate = |n: u32| LocalCandidate {
        candidate: format!("candidate:{n}"),
        sdp_mid: None,
        sdp_m_line_index: None,
        username_fragment: None,
    };
    for n in 0..10_000 {
        world.change(2, 1, 1, PeerChange::LocalCandidate(candidate(n)));
    }
    let sent = |world: &World| {
        let is = |action: &&Output| {
            matches!(action, Output::SendSignal { message: PeerMessage::Candidates(_), .. })
        };
        world.machine(2).actions.iter().filter(is).count()
    };
    let before = sent(&world);
    world.run_seconds(2);
    assert_eq!(sent(&world) - before, 64, "and no more of them than are sane");
}

/// What machine 2 says when it has started anew.
fn newer_offer(connection: u32) -> PeerMessage {
    PeerMessage::Description(Description { kind: DescriptionKind::Offer, sdp: "666".into(), connection })
}

#[test]
fn who_started_anew_is_followed_at_once() {
    let mut world = a_call();
    let candidates = |connection| {
        let candidate = "candidate:1 1 udp 1 192.0.2.1 9 typ host".to_owned();
        let (sdp_mid, sdp_m_line_index, username_fragment) = (None, None, None);
        let candidate = Candidate { candidate, sdp_mid, sdp_m_line_index, username_fragment };
        PeerMessage::Candidates(Candidates { candidates: vec![candidate.clone(), candidate], connection })
    };
    for message in [newer_offer(2), candidates(2), candidates(3)] {
        world.input(id(1), Input::Message { from: id(2), message });
    }
    let actions = &world.machine(1).actions;
    let closed = actions.iter().position(|one| matches!(one, Output::ClosePeer { connection: 1, .. }));
    let done = &actions[closed.unwrap() + 1..];
    assert!(matches!(&done[0], Output::OpenPeer { connection: 2, offer: false, .. }));
    let Output::SetRemote { connection: 2, description, .. } = &done[1] else { panic!("{:?}", done[1]) };
    assert_eq!(description.sdp, "666");
    let candidates = done.iter().filter(|one| matches!(one, Output::AddCandidate { connection: 2, .. }));
    assert_eq!(candidates.count(), 2);
}

#[test]
fn whoever_says_goodbye_through_the_server_is_gone_at_once() {
    let mut world = a_call();
    world.input(id(1), Input::Message { from: id(2), message: PeerMessage::Goodbye });
    assert_eq!(left(&world, 1, 2), Some(LeaveReason::Goodbye));
}

#[test]
fn candidates_are_sent_together_and_never_wait_long() {
    let mut world = World::new();
    world.join(1);
    world.join(2);
    world.run(Duration::from_millis(140));
    let candidate = |n: u32| LocalCandidate {
        candidate: format!("candidate:{n}"),
        sdp_mid: None,
        sdp_m_line_index: None,
        username_fragment: None,
    };
    let connection = world.machine(2).session.participants()[0].connection();
    for n in 0..10 {
        world.change(2, 1, connection, PeerChange::LocalCandidate(candidate(n)));
    }
    let sizes = |world: &World| -> Vec<usize> {
        let size = |action: &Output| match action {
            Output::SendSignal { message: PeerMessage::Candidates(candidates), .. } => {
                Some(candidates.candidates.len())
            }
            _ => None,
        };
        world.machine(2).actions.iter().filter_map(size).collect()
    };
    assert_eq!(sizes(&world), [0; 0], "they wait for others");
    world.run(Duration::from_millis(60));
    assert_eq!(sizes(&world), [10]);
}

#[test]
fn everybody_in_the_room_has_the_code_for_the_next_call() {
    let mut world = World::new();
    world.join(1);
    world.run_seconds(1);
    world.join(2);
    world.run_until(2, World::all_connected);
    world.run_seconds(1);
    let first = world.again(1).unwrap();
    assert!(first.is_long());
    assert_eq!(
        (&first, world.again(2).as_ref()),
        (&fresh_code(1), Some(&first)),
        "who was there first made it"
    );
    world.join(3);
    world.run_until(2, World::all_connected);
    world.run_seconds(1);
    world.leave(1);
    world.join(4);
    world.run_until(4, World::all_connected);
    world.run_seconds(1);
    for n in [2, 3, 4] {
        assert_eq!(world.again(n).as_ref(), Some(&first), "machine {n}");
    }
}

#[test]
fn when_many_make_a_code_at_once_all_end_with_the_same() {
    for everybody_is_new in [false, true] {
        let mut world = World::new();
        world.server.everybody_is_new = everybody_is_new;
        for n in [3, 1, 4, 2] {
            world.join(n);
        }
        world.run_until(10, World::all_connected);
        world.run_seconds(5);
        let code = world.again(1);
        assert!(code.is_some(), "everybody is new: {everybody_is_new}");
        assert!((2..=4).all(|n| world.again(n) == code), "everybody is new: {everybody_is_new}");
    }
}

#[test]
fn a_code_that_nobody_else_said_is_none() {
    let mut world = World::new();
    world.join(1);
    world.run_seconds(1);
    // As an older version, it understands nothing of it.
    world.join_with(2, |config| config.again = None);
    world.run_until(2, World::all_connected);
    world.run_seconds(10);
    assert_eq!((world.again(1), world.again(2)), (None, None));
}

#[test]
fn somebody_who_says_ever_smaller_codes_is_not_heard_for_ever() {
    let mut world = a_call();
    let before = world.machine(1).actions.len();
    for n in (100..250).rev() {
        let again = ControlMessage::Again { code: fresh_code(255 - n) };
        world.change(1, 2, 1, PeerChange::Control(again.encode().into_bytes()));
    }
    let said = world.machine(1).actions.len() - before;
    assert!(said <= 32, "{said} answers");
}
