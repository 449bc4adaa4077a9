//! Whatever happens in whatever order: nothing panics, nobody spins, and once the world is calm everybody who
//! is there is connected to everybody else.

use crate::world::{World, id, identity, keys};
use proptest::prelude::*;
use tincan_call::{ConnectionState, Input, PeerChange, SessionConfig};
use tincan_protocol::{
    Candidate, Candidates, CertificateDigest, Description, DescriptionKind, PeerMessage, Reaction, Source,
    StreamState,
};

const MACHINES: u8 = 4;
/// Longer than every wait of the session together: giving up is followed by finding each other again.
const CALM: u64 = 120;

#[derive(Debug, Clone)]
enum Step {
    Join(u8),
    Leave(u8),
    Crash(u8),
    ServerCrash,
    ServerReturn,
    SocketBreaks(u8),
    Deaf(Option<u8>),
    Offline(u8),
    OnlineElsewhere(u8),
    Block(u8, u8),
    Unblock,
    Fail(u8, u8),
    Mute(u8, bool),
    Lock(u8, bool),
    Run(u64),
}

fn machine() -> impl Strategy<Value = u8> {
    1..=MACHINES
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => machine().prop_map(Step::Join),
        1 => machine().prop_map(Step::Leave),
        1 => machine().prop_map(Step::Crash),
        1 => Just(Step::ServerCrash),
        2 => Just(Step::ServerReturn),
        2 => machine().prop_map(Step::SocketBreaks),
        1 => proptest::option::of(machine()).prop_map(Step::Deaf),
        2 => machine().prop_map(Step::Offline),
        3 => machine().prop_map(Step::OnlineElsewhere),
        1 => (machine(), machine()).prop_map(|(a, b)| Step::Block(a, b)),
        2 => Just(Step::Unblock),
        2 => (machine(), machine()).prop_map(|(a, b)| Step::Fail(a, b)),
        1 => (machine(), any::<bool>()).prop_map(|(n, on)| Step::Mute(n, on)),
        1 => (machine(), any::<bool>()).prop_map(|(n, on)| Step::Lock(n, on)),
        6 => (0u64..12_000).prop_map(Step::Run),
    ]
}

/// Machines come back under new identities, as real ones do.
struct Identities([u8; MACHINES as usize + 1]);

impl Identities {
    fn of(&self, n: u8) -> u8 {
        n + MACHINES * self.0[n as usize]
    }
}

fn carry_out(world: &mut World, identities: &mut Identities, step: &Step) {
    let there = |world: &World, n: u8| world.machines.contains_key(&id(n));
    match *step {
        Step::Join(n) => {
            if !there(world, identities.of(n)) {
                identities.0[n as usize] += 1;
                world.join(identities.of(n));
            }
        }
        Step::Leave(n) => world.leave(identities.of(n)),
        Step::Crash(n) => world.crash(identities.of(n)),
        Step::ServerCrash => world.server_crashes(),
        Step::ServerReturn => world.server_returns(),
        Step::SocketBreaks(n) => world.socket_breaks(identities.of(n)),
        Step::Deaf(n) => world.server.deaf = n.map(|n| id(identities.of(n))),
        Step::Offline(n) => world.offline(identities.of(n)),
        Step::OnlineElsewhere(n) => world.online_elsewhere(identities.of(n)),
        Step::Block(a, b) => world.blocked.push((id(identities.of(a)), id(identities.of(b)))),
        Step::Unblock => world.blocked.clear(),
        Step::Fail(a, b) => {
            let (a, b) = (identities.of(a), identities.of(b));
            if there(world, a) && world.sees(a, b).is_some() {
                world.fail(a, b);
            }
        }
        Step::Mute(n, on) => {
            world.input(id(identities.of(n)), Input::SetSource { source: Source::Microphone, on });
        }
        Step::Lock(n, on) => world.input(id(identities.of(n)), Input::SetLock(on)),
        Step::Run(milliseconds) => world.run(std::time::Duration::from_millis(milliseconds)),
    }
}

/// What happens, and then a long calm.
fn live_through(steps: &[Step]) -> Result<(), TestCaseError> {
    let mut world = World::new();
    let mut identities = Identities([0; MACHINES as usize + 1]);
    for step in steps {
        carry_out(&mut world, &mut identities, step);
    }
    world.server.deaf = None;
    world.blocked.clear();
    world.server_returns();
    for n in 1..=MACHINES {
        if world.machines.get(&id(identities.of(n))).is_some_and(|machine| !machine.online) {
            world.online_elsewhere(identities.of(n));
        }
    }
    // Whoever was kept out of a locked room is let in when it is opened.
    world.run_seconds(CALM);
    for n in 1..=MACHINES {
        world.input(id(identities.of(n)), Input::SetLock(false));
    }
    world.run_seconds(CALM);
    prop_assert!(world.all_connected(), "{world:?}");
    // What one announced, the other knows.
    for machine in world.machines.values() {
        for other in machine.session.participants() {
            let theirs = &world.machines[&other.id()].session;
            let sent: Vec<StreamState> =
                theirs.sources().iter().map(|&source| StreamState { source, paused: false }).collect();
            prop_assert_eq!(other.streams(), sent);
        }
    }
    Ok(())
}

#[test]
fn whoever_left_before_a_lock_was_heard_of_is_not_let_in_when_it_opens() {
    let steps = [
        Step::Join(2),
        Step::Deaf(Some(2)),
        Step::Join(3),
        Step::Join(4),
        Step::Run(61),
        Step::Offline(3),
        Step::Lock(4, true),
        Step::Leave(2),
        Step::Run(3_601),
    ];
    live_through(&steps).unwrap();
}

#[test]
fn whoever_is_connected_to_a_member_is_let_in_whatever_words_of_a_lock_were_lost() {
    let steps = [
        Step::Join(1),
        Step::Lock(1, true),
        Step::Join(4),
        Step::Run(61),
        Step::Join(2),
        Step::Deaf(Some(4)),
        Step::Lock(1, false),
    ];
    live_through(&steps).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn once_the_world_is_calm_everybody_is_connected_to_everybody(
        steps in prop::collection::vec(step(), 1..40),
    ) {
        live_through(&steps)?;
    }

    #[test]
    fn no_word_of_the_server_replaces_or_ends_a_connection_that_is_up(
        words in prop::collection::vec(word(), 1..60),
    ) {
        let mut world = World::new();
        for n in [1, 2] {
            world.join(n);
            world.run_seconds(1);
        }
        prop_assert!(world.all_connected());
        for (milliseconds, victim, input) in words {
            world.input(id(victim), input);
            world.run(std::time::Duration::from_millis(milliseconds));
        }
        prop_assert!(world.all_connected(), "{world:?}");
        for n in [1, 2] {
            let number = world.machine(n).session.participants()[0].connection();
            prop_assert_eq!(number, 1, "{:?}", world);
        }
    }

    #[test]
    fn nonsense_in_any_order_neither_panics_nor_spins(inputs in prop::collection::vec(nonsense(), 1..200)) {
        let now = std::time::Instant::now();
        let mut session = tincan_call::Session::new(SessionConfig::new(keys(), identity(2)), now);
        let mut time = now;
        for (milliseconds, input) in inputs {
            time += std::time::Duration::from_millis(milliseconds);
            session.handle(time, input);
            while session.poll().is_some() {}
            for _ in 0..20 {
                let Some(at) = session.poll_timeout() else { break };
                if at > time {
                    break;
                }
                session.handle(time, Input::Timeout);
                while session.poll().is_some() {}
            }
            prop_assert!(session.poll_timeout().is_none_or(|at| at > time), "a timeout stays in the past");
        }
    }
}

fn nonsense() -> impl Strategy<Value = (u64, Input)> {
    let peer = (1u8..5).prop_map(id).boxed();
    let connection = prop_oneof![0u32..5, any::<u32>()].boxed();
    let kind = prop_oneof![Just(DescriptionKind::Offer), Just(DescriptionKind::Answer)].boxed();
    let description = (kind.clone(), connection.clone()).prop_map(|(kind, connection)| {
        PeerMessage::Description(Description { kind, sdp: "1".into(), connection })
    });
    let candidate = connection.clone().prop_map(|connection| {
        let candidate = "candidate:1".to_owned();
        let (sdp_mid, sdp_m_line_index, username_fragment) = (None, None, None);
        let candidate = Candidate { candidate, sdp_mid, sdp_m_line_index, username_fragment };
        PeerMessage::Candidates(Candidates { candidates: vec![candidate], connection })
    });
    let message = prop_oneof![
        description,
        candidate,
        (".*", any::<bool>()).prop_map(|(name, locked)| PeerMessage::Hello {
            name,
            features: Vec::new(),
            locked
        }),
        Just(PeerMessage::Refused),
        Just(PeerMessage::Goodbye),
    ];
    let digest = any::<u8>().prop_map(|byte| CertificateDigest::from_bytes([byte; 32])).boxed();
    let state = prop_oneof![
        Just(ConnectionState::Connecting),
        Just(ConnectionState::Connected),
        Just(ConnectionState::Disconnected),
        Just(ConnectionState::Failed),
        Just(ConnectionState::Closed),
    ];
    let change = prop_oneof![
        4 => state.prop_map(PeerChange::State),
        1 => Just(PeerChange::ControlOpen),
        1 => (digest.clone(), digest).prop_map(|(local, remote)| PeerChange::Certificates { local, remote }),
        1 => Just(PeerChange::OpenFailed),
        1 => prop::collection::vec(any::<u8>(), 0..40).prop_map(PeerChange::Control),
        1 => kind.prop_map(|kind| PeerChange::LocalDescription { kind, sdp: "1".into() }),
    ];
    let lost = prop::collection::vec(peer.clone(), 0..3);
    let input = prop_oneof![
        2 => prop::collection::vec(peer.clone(), 0..4)
            .prop_map(|peers| Input::Joined { peers, ice_servers: Vec::new() }),
        2 => peer.clone().prop_map(Input::PeerJoined),
        2 => peer.clone().prop_map(Input::PeerLeft),
        6 => (peer.clone(), message).prop_map(|(from, message)| Input::Message { from, message }),
        1 => Just(Input::Disconnected),
        1 => peer.clone().prop_map(Input::LetIn),
        1 => peer.clone().prop_map(Input::Refuse),
        1 => (proptest::option::of(peer.clone()), any::<bool>()).prop_map(|(peer, on)| Input::SetVerified { peer, on }),
        1 => any::<bool>().prop_map(Input::SetLock),
        1 => Just(Input::React(Reaction::Clap)),
        1 => proptest::option::of(any::<u64>()).prop_map(Input::SetHand),
        1 => any::<bool>().prop_map(Input::SetRecording),
        8 => (peer, 0u32..4, change)
            .prop_map(|(peer, connection, change)| Input::Peer { peer, connection, change }),
        2 => (0usize..4, any::<bool>()).prop_map(|(at, on)| Input::SetSource { source: Source::ALL[at], on }),
        1 => lost.prop_map(|lost| Input::NetworkChanged { lost }),
        1 => Just(Input::Timeout),
    ];
    (0u64..4000, input)
}

/// What a server can say to machine 1 or 2 about the other: what people say it cannot forge.
fn word() -> impl Strategy<Value = (u64, u8, Input)> {
    (1..=2u8).prop_flat_map(move |victim| {
        let other = id(3 - victim);
        let input = prop_oneof![
            1 => Just(Input::PeerLeft(other)),
            1 => Just(Input::PeerJoined(other)),
            1 => any::<bool>().prop_map(move |there| {
                let peers = if there { vec![other] } else { Vec::new() };
                Input::Joined { peers, ice_servers: Vec::new() }
            }),
        ];
        (0u64..3_000, Just(victim), input)
    })
}
