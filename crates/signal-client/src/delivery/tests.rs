//! Deliveries in simulated time, over a server that loses, repeats, reorders and changes what it relays.

mod world;

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use tincan_protocol::{Acknowledgement, Envelope};

use super::*;
use world::{World, identity, number, relay, room};

fn pair(from: u8, to: u8) -> PairKeys {
    PairKeys::new(&room(), &identity(from), identity(to).id()).unwrap()
}

/// The first of two, who is in the room with the second.
fn first(now: Instant) -> Delivery {
    let mut delivery = Delivery::new(room(), identity(0));
    assert_eq!(delivery.joined([identity(1).id()], now), [identity(1).id()]);
    assert_eq!(drain(&mut delivery, now), ["ask 0"], "whoever joins asks for what was missed");
    delivery
}

/// Everything that is to be written now, as the second of two reads it: a message's number, or an acknowledgement.
fn drain(delivery: &mut Delivery, now: Instant) -> Vec<String> {
    let opener = pair(1, 0);
    std::iter::from_fn(|| delivery.poll(now))
        .filter_map(|outgoing| {
            let (to, envelope) = relay(&outgoing.text);
            (to == identity(1).id()).then(|| match opener.open(&envelope).unwrap() {
                Opened::Message { sequence, .. } => sequence.to_string(),
                Opened::Acknowledgement(Acknowledgement { received, resend: false }) => {
                    format!("ack {received}")
                }
                Opened::Acknowledgement(Acknowledgement { received, .. }) => format!("ask {received}"),
            })
        })
        .collect()
}

/// What the second says to the first: its message number `sequence`.
fn hears(delivery: &mut Delivery, sequence: u64, now: Instant) -> Received {
    let envelope = pair(1, 0).seal(sequence, &number(sequence as u32)).unwrap();
    delivery.receive(identity(1).id(), &envelope, now)
}

fn is_told(delivery: &mut Delivery, received: u64, resend: bool, now: Instant) {
    let envelope = pair(1, 0).seal_acknowledgement(Acknowledgement { received, resend });
    assert_eq!(delivery.receive(identity(1).id(), &envelope, now), Received::Acknowledgement);
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[test]
fn several_messages_are_acknowledged_by_one_within_a_tenth_of_a_second() {
    let begin = Instant::now();
    let mut ada = first(begin);
    for sequence in 1..=5 {
        let received = hears(&mut ada, sequence, begin + ms(10 * sequence));
        assert_eq!(received, Received::Message(number(sequence as u32)));
    }
    let at = ada.poll_timeout().unwrap();
    assert!(at <= begin + ms(10 + 100), "{:?}", at - begin);
    assert_eq!(drain(&mut ada, at), ["ack 5"]);
    assert_eq!(ada.poll_timeout(), None);
    // A second time it is only acknowledged again.
    assert_eq!(hears(&mut ada, 3, at), Received::Repeated);
    let at = ada.poll_timeout().unwrap();
    assert_eq!(drain(&mut ada, at), ["ack 5"]);
}

#[test]
fn what_is_not_acknowledged_is_sent_again_after_2_4_8_and_then_every_15_seconds() {
    let begin = Instant::now();
    let mut ada = first(begin);
    for _ in 0..2 {
        ada.send(identity(1).id(), &number(0)).unwrap();
    }
    assert_eq!(drain(&mut ada, begin), ["1", "2"]);
    let mut at = begin;
    for seconds in [2, 4, 8, 15, 15, 15] {
        let next = ada.poll_timeout().unwrap();
        assert_eq!(next - at, Duration::from_secs(seconds));
        assert!(drain(&mut ada, next - ms(1)).is_empty());
        assert_eq!(drain(&mut ada, next), ["1", "2"]);
        at = next;
    }
    // With progress the waiting begins anew.
    is_told(&mut ada, 1, false, at);
    assert_eq!(ada.poll_timeout(), Some(at + Duration::from_secs(2)));
    is_told(&mut ada, 2, false, at);
    assert_eq!((ada.poll_timeout(), ada.bytes), (None, 0));
}

#[test]
fn a_missing_message_is_asked_for_at_most_twice_a_second() {
    let begin = Instant::now();
    let mut ada = first(begin);
    let begin = begin + Duration::from_secs(1);
    assert_eq!(hears(&mut ada, 2, begin), Received::Early);
    assert_eq!(drain(&mut ada, begin), ["ask 0"]);
    assert_eq!(hears(&mut ada, 3, begin + ms(100)), Received::Early);
    assert!(drain(&mut ada, begin + ms(499)).is_empty());
    assert_eq!(drain(&mut ada, begin + ms(500)), ["ask 0"]);
    assert_eq!(hears(&mut ada, 4, begin + ms(600)), Received::Early);
    for sequence in 1..=4 {
        assert!(matches!(hears(&mut ada, sequence, begin + ms(700)), Received::Message(_)));
    }
    // Nothing is missing any more, so it is not asked for.
    assert_eq!(drain(&mut ada, begin + ms(2000)), ["ack 4"]);
    assert_eq!(ada.poll_timeout(), None);
}

#[test]
fn whoever_asks_is_answered_at_most_twice_a_second() {
    let begin = Instant::now();
    let mut ada = first(begin);
    let begin = begin + Duration::from_secs(1);
    ada.send(identity(1).id(), &number(0)).unwrap();
    assert_eq!(drain(&mut ada, begin), ["1"]);
    let mut sent = 0;
    for tenth in 0..20 {
        let now = begin + ms(100 * tenth);
        is_told(&mut ada, 0, true, now);
        sent += drain(&mut ada, now).len();
    }
    assert_eq!(sent, 4, "in two seconds");
}

#[test]
fn so_much_is_kept_and_no_more_and_what_is_refused_has_no_number() {
    let begin = Instant::now();
    let mut ada = first(begin);
    let ben = identity(1).id();
    let too_large = PeerMessage::hello(&"x".repeat(50_000));
    assert_eq!(ada.send(ben, &too_large), Err(NotTaken::TooLarge));
    for count in 0..64 {
        assert_eq!(ada.send(ben, &number(count)), Ok(()));
    }
    assert_eq!(ada.send(ben, &number(64)), Err(NotTaken::Full));
    assert_eq!(drain(&mut ada, begin), (1..=64).map(|number| number.to_string()).collect::<Vec<_>>());
    is_told(&mut ada, 1, false, begin);
    assert_eq!(ada.send(ben, &number(64)), Ok(()));
    assert_eq!(drain(&mut ada, begin), ["65"]);
    // Another receiver has a share of their own, until it is too much in all.
    let large = PeerMessage::hello(&"x".repeat(30_000));
    let taken = (0..64).filter(|_| ada.send(identity(2).id(), &large).is_ok()).count();
    assert!((20..40).contains(&taken), "{taken}");
    assert!(ada.bytes <= 1024 * 1024, "{}", ada.bytes);
    // Whoever says to have more than there is has what there is.
    is_told(&mut ada, u64::MAX, true, begin);
    assert_eq!(ada.pairs[&ben].sending.poll_timeout(), None);
    assert_eq!(ada.send(ben, &number(66)), Ok(()));
    assert_eq!(drain(&mut ada, begin), ["66"]);
}

#[test]
fn whoever_leaves_and_comes_back_is_known_again_in_both_directions() {
    let begin = Instant::now();
    let mut ada = first(begin);
    let ben = identity(1).id();
    hears(&mut ada, 1, begin);
    ada.send(ben, &number(1)).unwrap();
    drain(&mut ada, begin + ms(100));
    assert!(ada.peer_left(ben));
    ada.send(ben, &number(2)).unwrap();
    assert_eq!((drain(&mut ada, begin + ms(200)), ada.poll_timeout()), (vec![], None), "nobody is there");
    assert_eq!(hears(&mut ada, 2, begin), Received::Stranger);
    assert!(ada.peer_joined(ben, begin + ms(300)));
    assert_eq!(drain(&mut ada, begin + ms(300)), ["1", "2"]);
    assert_eq!(hears(&mut ada, 1, begin + ms(300)), Received::Repeated);
    assert!(matches!(hears(&mut ada, 2, begin + ms(300)), Received::Message(_)));
}

#[test]
fn a_number_of_the_future_mutes_nobody() {
    let begin = Instant::now();
    let mut ada = first(begin);
    assert_eq!(hears(&mut ada, u64::MAX, begin), Received::Early);
    for sequence in 1..=3 {
        assert!(matches!(hears(&mut ada, sequence, begin), Received::Message(_)));
    }
    // The server cannot even write one on: the number is part of what is sealed.
    let mut bytes = pair(1, 0).seal(4, &number(4)).unwrap().as_bytes().to_vec();
    bytes[1..9].copy_from_slice(&9u64.to_be_bytes());
    let changed = Envelope::from_bytes(bytes).unwrap();
    let received = ada.receive(identity(1).id(), &changed, begin);
    assert_eq!(received, Received::Refused(OpenError::Forged));
    assert!(matches!(hears(&mut ada, 4, begin), Received::Message(_)));
}

#[test]
fn what_is_not_understood_is_taken_all_the_same() {
    let begin = Instant::now();
    let mut ada = first(begin);
    // A message with a field of absurd length is not understood.
    let absurd = pair(1, 0).seal(1, &PeerMessage::hello(&"x".repeat(5_000))).unwrap();
    assert_eq!(ada.receive(identity(1).id(), &absurd, begin), Received::NotUnderstood);
    assert!(matches!(hears(&mut ada, 2, begin), Received::Message(_)));
}

#[test]
fn a_server_that_invents_participants_does_not_make_memory_grow() {
    let begin = Instant::now();
    let mut ada = first(begin);
    let ben = identity(1).id();
    hears(&mut ada, 1, begin);
    ada.send(ben, &number(1)).unwrap();
    drain(&mut ada, begin + ms(100));
    ada.peer_left(ben);
    let mut random = StdRng::seed_from_u64(1);
    for _ in 0..MAX_MET + 50 {
        let invented = PeerId::from_bytes(random.random());
        assert!(ada.peer_joined(invented, begin));
        ada.send(invented, &number(0)).unwrap();
        ada.peer_left(invented);
    }
    assert_eq!(ada.pairs.len(), MAX_MET);
    assert!(ada.bytes <= MAX_BYTES);
    // Ben has spoken, so his numbers are remembered.
    assert!(ada.peer_joined(ben, begin + ms(200)));
    assert_eq!(hears(&mut ada, 1, begin + ms(200)), Received::Repeated);
    assert_eq!(ada.pairs[&ben].sending.next_number(), 2);
    let many: Vec<_> = (0..1000).map(|_| PeerId::from_bytes(random.random())).collect();
    assert_eq!(ada.joined(many, begin).len(), MAX_PEERS);
    assert!(!ada.peer_joined(PeerId::from_bytes(random.random()), begin));
}

#[test]
fn neither_oneself_nor_a_weak_key_is_a_participant() {
    let mut ada = Delivery::new(room(), identity(0));
    let now = Instant::now();
    let (me, zero) = (identity(0).id(), PeerId::from_bytes([0; 32]));
    assert!(ada.joined([me, zero], now).is_empty());
    assert!(!ada.peer_joined(me, now) && !ada.peer_joined(zero, now));
    assert_eq!(ada.send(zero, &number(0)), Err(NotTaken::Nobody));
}

#[test]
fn what_is_kept_for_those_who_are_gone_gives_way_to_those_who_are_there() {
    let begin = Instant::now();
    let mut ada = first(begin);
    let large = PeerMessage::hello(&"x".repeat(30_000));
    for crashed in 10..20 {
        let id = identity(crashed).id();
        ada.peer_joined(id, begin);
        for _ in 0..5 {
            ada.send(id, &large).unwrap();
        }
        ada.peer_left(id);
    }
    assert!(ada.bytes <= MAX_BYTES);
    assert_eq!(ada.send(identity(1).id(), &large), Ok(()));
    // What was given up can never be taken, nor what would follow it.
    assert_eq!(ada.send(identity(10).id(), &number(0)), Err(NotTaken::Full));
    // Whoever says goodbye comes back under another id.
    let goodbye = pair(1, 0).seal(1, &PeerMessage::Goodbye).unwrap();
    ada.receive(identity(1).id(), &goodbye, begin);
    ada.peer_left(identity(1).id());
    assert!(ada.pairs[&identity(1).id()].sending.is_empty());
    let kept: usize = ada.pairs.values_mut().map(|pair| pair.sending.give_up()).sum();
    assert_eq!(kept, ada.bytes);
}

#[test]
fn whatever_is_lost_and_whoever_is_cut_off_everything_arrives_once_and_in_order() {
    for seed in 0..300 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut world = World::new(2, seed);
        world.loss = random.random_range(0.0..0.6);
        for _ in 0..60 {
            let one = random.random_range(0..2);
            match random.random_range(0..10) {
                0..=4 => world.says(one, 1 - one),
                5 => world.cut(one),
                6 => world.expire(one),
                7 => world.restart_server(),
                _ => world.come_back(one),
            }
            let pause = [0, 5, 50, 300, 3_000, 20_000][random.random_range(0..6)];
            world.run(ms(pause));
        }
        world.loss = 0.0;
        world.come_back(0);
        world.come_back(1);
        world.run(Duration::from_secs(20));
        world.check_that_everything_was_heard(&format!("seed {seed}"));
    }
}

#[test]
fn whatever_a_server_and_a_member_do_to_the_relays_nothing_forged_is_taken_and_nothing_lost() {
    let (mut refused, mut repeated, mut early) = (0, 0, 0);
    for seed in 0..60 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut world = World::new(3, seed);
        world.run(Duration::from_secs(1));
        world.is_meddled_with = true;
        for _ in 0..80 {
            let mut two = [0, 1, 2];
            two.shuffle(&mut random);
            world.says(two[0], two[1]);
            world.run(ms(random.random_range(0..400)));
        }
        world.is_meddled_with = false;
        world.run(Duration::from_secs(40));
        world.check_that_everything_was_heard(&format!("seed {seed}"));
        refused += world.refused;
        repeated += world.repeated;
        early += world.early;
    }
    assert!(refused > 500 && repeated > 500 && early > 500, "{refused} {repeated} {early}");
}

#[test]
fn eight_meet_at_once_and_half_of_them_lose_the_server_for_ten_seconds() {
    let mut world = World::new(8, 1);
    let each_other =
        || (0..8).flat_map(|from| (0..8).map(move |to| (from, to))).filter(|(from, to)| from != to);
    // A greeting, a description and three lots of candidates.
    for _ in 0..5 {
        each_other().for_each(|(from, to)| world.says(from, to));
        world.run(ms(50));
    }
    world.run(Duration::from_secs(1));
    world.check_that_everything_was_heard("after joining");
    let most = world.written.iter().max().copied().unwrap();
    assert!((35..=200).contains(&most), "{most} messages of one client, acknowledgements included");
    (0..4).for_each(|one| world.cut(one));
    for _ in 0..10 {
        each_other().for_each(|(from, to)| world.says(from, to));
        world.run(Duration::from_secs(1));
    }
    (0..4).for_each(|one| world.come_back(one));
    world.run(Duration::from_secs(1));
    world.check_that_everything_was_heard("a second after coming back");
    // And all of them, to a server that knows nobody, keeping within what it takes at once.
    each_other().for_each(|(from, to)| world.says(from, to));
    world.restart_server();
    each_other().for_each(|(from, to)| (0..50).for_each(|_| world.says(from, to)));
    world.written = vec![0; 8];
    (0..8).for_each(|one| world.come_back(one));
    world.run(Duration::from_secs(1));
    world.check_that_everything_was_heard("a second after the server's restart");
    let most = world.written.iter().max().copied().unwrap();
    assert!(most < 1_024, "{most} messages at once");
}

#[test]
fn nobody_speaks_in_the_name_of_another_member() {
    let now = Instant::now();
    let mut ada = first(now);
    let envelope = pair(1, 0).seal(1, &number(1)).unwrap();
    let from_eve = PairKeys::new(&room(), &identity(2), identity(0).id()).unwrap();
    let in_bens_name = from_eve.seal(1, &number(1)).unwrap();
    ada.peer_joined(identity(2).id(), now);
    assert_eq!(
        ada.receive(identity(1).id(), &in_bens_name, now),
        Received::Refused(OpenError::Forged),
        "by another member"
    );
    assert_eq!(
        ada.receive(identity(2).id(), &envelope, now),
        Received::Refused(OpenError::Forged),
        "in another name"
    );
    assert!(matches!(ada.receive(identity(1).id(), &envelope, now), Received::Message(_)));
}
