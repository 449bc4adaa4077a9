//! What members of a room tell each other of themselves, in simulated time.

use tincan_call::{Input, SessionEvent};
use tincan_protocol::Source;

use crate::scenarios::a_call;
use crate::world::{World, id, sends};

#[test]
fn what_was_muted_before_the_connection_is_announced_when_it_opens() {
    let mut world = World::new();
    world.join_with(1, |config| config.camera = false);
    world.input(id(1), Input::SetSource { source: Source::Microphone, on: false });
    world.run_seconds(1);
    world.join(2);
    world.run_until(2, World::all_connected);
    world.run_seconds(1);
    let of = |world: &World, n: u8, other| {
        world.machine(n).session.participant(id(other)).unwrap().streams().to_vec()
    };
    assert_eq!(of(&world, 2, 1), sends(false, false));
    assert_eq!(of(&world, 1, 2), sends(true, true));
    world.input(id(1), Input::SetSource { source: Source::Microphone, on: true });
    world.run_seconds(1);
    assert_eq!(of(&world, 2, 1), sends(true, false));
    let before = world.machine(1).actions.len();
    world.input(id(1), Input::SetSource { source: Source::Microphone, on: true });
    assert_eq!(world.machine(1).actions.len(), before, "nothing changed, nothing is said");
}

#[test]
fn everybody_is_told_of_a_recording_also_whoever_comes_later_and_is_told_when_it_ends() {
    let mut world = a_call();
    let told = |world: &World, n: u8| {
        let of = |event: &SessionEvent| match event {
            SessionEvent::Recording { peer, on } => Some((*peer, *on)),
            _ => None,
        };
        world.machine(n).events.iter().filter_map(of).collect::<Vec<_>>()
    };
    world.input(id(1), Input::SetRecording(true));
    world.run_seconds(1);
    world.join(3);
    world.run_seconds(2);
    assert_eq!((told(&world, 2), told(&world, 3)), (vec![(id(1), true)], vec![(id(1), true)]));
    // A connection that is made anew says the same once more, which is nothing new.
    world.fail(1, 2);
    world.run_seconds(10);
    world.input(id(1), Input::SetRecording(false));
    world.run_seconds(1);
    for n in [2, 3] {
        assert_eq!(told(&world, n), [(id(1), true), (id(1), false)]);
        assert!(!world.machine(n).session.participant(id(1)).unwrap().records());
    }
}

#[test]
fn a_new_name_reaches_everybody_without_control_characters_and_cut_to_a_sane_length() {
    let mut world = a_call();
    world.input(id(2), Input::SetName(format!(" Ada\u{7}\n{} ", "x".repeat(500))));
    world.run_seconds(1);
    let name = world.machine(1).session.participants()[0].name().to_owned();
    assert!(name.starts_with("Ada xxx") && name.chars().count() == 40, "{name}");
}
