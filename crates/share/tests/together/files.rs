//! Files between members whose links break, repeat and come back, who pause, crash, run out of disk and change their minds.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use tincan_protocol::{FileEntry, FileToken, FilesMessage, PIECE};
use tincan_share::{FileProblem, FileStatus, Files, MAX_UNDECIDED, WINDOW};

use crate::files_world::{World, content, id, list, transfer};

#[test]
fn two_receivers_take_an_offer_at_their_own_pace_and_a_third_declines() {
    let mut world = World::new(3);
    world.settle();
    let offer = world.sender.files.offer_files(list(&[0, 10, 3 * PIECE + 5]), None).unwrap();
    world.settle();
    for at in 0..2 {
        let [one] = world.undecided(at)[..] else { panic!() };
        assert!(world.receivers[at].files.accept(one));
    }
    let [one] = world.undecided(2)[..] else { panic!() };
    assert!(world.receivers[2].files.decline(one));
    let one = world.receivers[1].files.offers()[0];
    world.receivers[1].files.pause(one, None);
    world.settle();
    let states: Vec<_> = world
        .sender
        .files
        .offer(offer)
        .unwrap()
        .transfers
        .iter()
        .map(|one| (one.status, one.verified))
        .collect();
    let bytes = 3 * PIECE + 15;
    assert_eq!(states, [(FileStatus::Done, bytes), (FileStatus::PausedByThem, 0), (FileStatus::Declined, 0)]);
    world.receivers[1].files.resume(one, None);
    world.settle();
    assert_eq!(transfer(&world.receivers[1].files, one).status, FileStatus::Done);
    assert!(world.receivers[1].files.forget(one));
    assert!(!world.sender.files.forget(offer), "whoever comes would be told of it");
    world.sender.files.cancel(offer, None);
    assert!(world.sender.files.forget(offer));
}

#[test]
fn the_hash_of_a_single_file_is_what_b3sum_prints() {
    let mut world = World::new(1);
    world.settle();
    world.sender.files.offer_files(list(&[2 * PIECE + 9]), None).unwrap();
    world.settle();
    let one = world.undecided(0)[0];
    assert_eq!(world.receivers[0].files.hash(one), None);
    world.receivers[0].files.accept(one);
    world.settle();
    let all = [content(0, PIECE as u32), content(1, PIECE as u32), content(2, 9)].concat();
    assert_eq!(world.receivers[0].files.hash(one), Some(*blake3::hash(&all).as_bytes()));
}

#[test]
fn whoever_crashes_goes_on_as_somebody_else_and_is_sent_nothing_twice() {
    let mut world = World::new(1);
    world.settle();
    world.sender.files.offer_files(list(&[20 * PIECE]), None).unwrap();
    world.settle();
    let one = world.undecided(0)[0];
    world.receivers[0].files.accept(one);
    for _ in 0..5 {
        world.tell();
        world.deliver(0, true, 100);
        world.tell();
        world.pump(usize::MAX);
        world.deliver(0, false, 100);
    }
    world.tell();
    let before = world.receivers[0].disks.values().map(|disk| disk.pieces.len()).sum::<usize>();
    assert!((1..20).contains(&before), "{before}");
    world.crash(0);
    world.settle();
    let [one] = world.receivers[0].files.offers()[..] else { panic!() };
    assert_eq!(transfer(&world.receivers[0].files, one).status, FileStatus::Away);
    world.connect(0);
    // `Member::work` fails when a piece comes that was there.
    world.settle();
    assert_eq!(transfer(&world.receivers[0].files, one).status, FileStatus::Done);
    let offer = world.sender.files.offers()[0];
    let [ours] = world.sender.files.offer(offer).unwrap().transfers[..] else {
        panic!("one receiver, not two")
    };
    assert_eq!((ours.status, ours.peer), (FileStatus::Done, world.receivers[0].id));
}

#[test]
fn whoever_crashes_goes_on_though_their_former_link_seems_to_be_there() {
    let mut world = World::new(1);
    world.settle();
    world.sender.files.offer_files(list(&[20 * PIECE]), None).unwrap();
    world.settle();
    let one = world.undecided(0)[0];
    world.receivers[0].files.accept(one);
    for _ in 0..3 {
        world.tell();
        world.deliver(0, true, 100);
        world.tell();
        world.pump(usize::MAX);
        world.deliver(0, false, 100);
    }
    world.tell();
    // The sender hears of nothing.
    world.ways[0] = None;
    world.receivers[0].crash(9);
    world.connect(0);
    world.sender.pump.clear();
    world.settle();
    let [one] = world.receivers[0].files.offers()[..] else { panic!("one offer, not two") };
    assert_eq!(transfer(&world.receivers[0].files, one).status, FileStatus::Done);
}

#[test]
fn a_full_disk_waits_until_there_is_room() {
    let mut world = World::new(1);
    world.settle();
    world.sender.files.offer_files(list(&[9 * PIECE]), None).unwrap();
    world.settle();
    let one = world.undecided(0)[0];
    world.receivers[0].files.accept(one);
    world.tell();
    world.deliver(0, true, 10);
    world.tell();
    world.deliver(0, false, 10);
    world.tell();
    world.receivers[0].full = true;
    world.settle();
    let full = transfer(&world.receivers[0].files, one);
    assert_eq!(
        (full.status, full.problem, full.resumable),
        (FileStatus::Failed, Some(FileProblem::DiskFull), true)
    );
    let offer = world.sender.files.offers()[0];
    let waits = transfer(&world.sender.files, offer);
    assert_eq!(
        (waits.status, waits.problem),
        (FileStatus::PausedByThem, Some(FileProblem::TheirDiskFull)),
        "the sender is told why"
    );
    world.receivers[0].full = false;
    world.receivers[0].files.resume(one, None);
    world.settle();
    assert_eq!(transfer(&world.receivers[0].files, one).status, FileStatus::Done);
}

#[test]
fn a_file_that_changes_ends_its_offer_for_everybody_and_says_why() {
    let mut world = World::new(2);
    world.settle();
    let offer = world.sender.files.offer_files(list(&[5 * PIECE]), None).unwrap();
    world.settle();
    for at in 0..2 {
        let one = world.undecided(at)[0];
        world.receivers[at].files.accept(one);
    }
    world.sender.changed = true;
    world.settle();
    for at in 0..2 {
        let one = world.receivers[at].files.offers()[0];
        let seen = transfer(&world.receivers[at].files, one);
        assert_eq!((seen.status, seen.problem), (FileStatus::Failed, Some(FileProblem::Changed)));
    }
    assert!(
        world.sender.files.offer(offer).unwrap().transfers.iter().all(|one| one.status == FileStatus::Failed)
    );
}

#[test]
fn a_sender_who_leaves_takes_along_what_nobody_took() {
    let mut world = World::new(1);
    world.settle();
    world.sender.files.offer_files(list(&[5]), Some(id(1))).unwrap();
    world.settle();
    let one = world.undecided(0)[0];
    world.receivers[0].files.left(id(0));
    let seen = transfer(&world.receivers[0].files, one);
    assert_eq!((seen.status, seen.problem), (FileStatus::Withdrawn, Some(FileProblem::SenderGone)));
    assert!(!world.receivers[0].files.accept(one));
}

#[test]
fn whoever_offers_without_end_is_declined() {
    let (now, mut files) = (Instant::now(), Files::new([1; 32]));
    files.link_opened(now, id(9), id(1));
    let offer = |number: u32| {
        let token = FileToken::from_bytes([number as u8; 32]);
        let items = vec![tincan_protocol::OfferedItem { name: "x".into(), files: None, bytes: 1 }];
        FilesMessage::Offer(tincan_protocol::FilesOffer {
            offer: number,
            token,
            items,
            files: 1,
            entries: 1,
            bytes: 1,
        })
    };
    for number in 1..=200 {
        files.received(now, id(9), &offer(number).encode());
    }
    assert_eq!(files.offers().len(), MAX_UNDECIDED);
    let mut declined = 0;
    files.tell(id(9), |message| {
        declined += usize::from(matches!(message, FilesMessage::Decline { .. }));
        true
    });
    assert_eq!(declined, 200 - MAX_UNDECIDED);
}

#[test]
fn a_list_that_does_not_fit_its_offer_or_leads_out_of_the_folder_is_refused() {
    let entry = |path: &[&str], bytes| FileEntry {
        path: path.iter().map(|name| (*name).to_owned()).collect(),
        bytes: Some(bytes),
        modified: None,
    };
    for entries in
        [vec![entry(&["x"], 2)], vec![entry(&["..", "x"], 1)], vec![entry(&["x"], 1), entry(&["y"], 0)]]
    {
        let (now, mut files) = (Instant::now(), Files::new([1; 32]));
        files.link_opened(now, id(9), id(1));
        let offer = tincan_protocol::FilesOffer {
            offer: 5,
            token: FileToken::from_bytes([3; 32]),
            items: vec![tincan_protocol::OfferedItem { name: "x".into(), files: None, bytes: 1 }],
            files: 1,
            entries: 1,
            bytes: 1,
        };
        files.received(now, id(9), &FilesMessage::Offer(offer).encode());
        let one = files.offers()[0];
        files.accept(one);
        files.received(now, id(9), &FilesMessage::Entries { offer: 5, first: 0, entries }.encode());
        let seen = transfer(&files, one);
        assert_eq!((seen.status, seen.problem), (FileStatus::Failed, Some(FileProblem::Refused)));
    }
}

#[test]
fn no_more_is_asked_for_than_a_window() {
    let mut world = World::new(1);
    world.settle();
    world.sender.files.offer_files(list(&[40 * PIECE]), None).unwrap();
    world.settle();
    let one = world.undecided(0)[0];
    world.receivers[0].files.accept(one);
    let mut asked = 0;
    for _ in 0..10 {
        world.tell();
        world.deliver(0, true, 100);
        world.tell();
        world.deliver(0, false, 100);
        let receiver = &mut world.receivers[0];
        receiver.work();
        receiver.files.tell(id(0), |message| {
            if let FilesMessage::Want { count, .. } = message {
                asked += u64::from(*count);
            }
            true
        });
    }
    assert_eq!(asked * PIECE, WINDOW);
}

#[derive(Debug, Clone, Copy)]
enum Deed {
    Deliver(usize, bool),
    Pump(usize),
    Cut(usize),
    Connect(usize),
    Crash(usize),
    Pause(usize),
    Resume(usize),
    PauseAll(bool),
    Full(usize, bool),
    Accept(usize),
}

fn deed() -> impl Strategy<Value = Deed> {
    let at = || 0_usize..2;
    prop_oneof![
        12 => (at(), any::<bool>()).prop_map(|(at, to)| Deed::Deliver(at, to)),
        8 => prop_oneof![4 => Just(usize::MAX), 1 => 1_usize..60].prop_map(Deed::Pump),
        1 => at().prop_map(Deed::Cut),
        3 => at().prop_map(Deed::Connect),
        1 => at().prop_map(Deed::Crash),
        1 => at().prop_map(Deed::Pause),
        2 => at().prop_map(Deed::Resume),
        1 => any::<bool>().prop_map(Deed::PauseAll),
        1 => (at(), any::<bool>()).prop_map(|(at, full)| Deed::Full(at, full)),
        3 => at().prop_map(Deed::Accept),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn whatever_happens_on_the_way_everybody_gets_everything_once(deeds in prop::collection::vec(deed(), 0..250)) {
        let mut world = World::new(2);
        world.settle();
        let offer = world.sender.files.offer_files(list(&[12 * PIECE + 1, 0, 77, PIECE]), None).unwrap();
        world.tell();
        for deed in deeds {
            match deed {
                Deed::Deliver(at, to) => world.deliver(at, to, 70),
                Deed::Pump(parts) => world.pump(parts),
                Deed::Cut(at) => world.cut(at),
                Deed::Connect(at) => world.connect(at),
                Deed::Crash(at) => if world.next_id < 60 { world.crash(at) },
                Deed::Pause(at) => for one in world.receivers[at].files.offers() { world.receivers[at].files.pause(one, None) },
                Deed::Resume(at) => for one in world.receivers[at].files.offers() { world.receivers[at].files.resume(one, None) },
                Deed::PauseAll(pause) => if pause { world.sender.files.pause(offer, None) } else { world.sender.files.resume(offer, None) },
                Deed::Full(at, full) => world.receivers[at].full = full,
                Deed::Accept(at) => for one in world.undecided(at) { world.receivers[at].files.accept(one); },
            }
            world.now += Duration::from_millis(100);
            world.sender.files.look(world.now);
            world.receivers.iter_mut().for_each(|receiver| receiver.files.look(world.now));
            world.tell();
        }
        // In the end everything that stood in the way is gone.
        world.sender.files.resume(offer, None);
        for at in 0..2 {
            world.receivers[at].full = false;
            world.connect(at);
        }
        world.settle();
        for at in 0..2 {
            for one in world.undecided(at) {
                world.receivers[at].files.accept(one);
            }
            for one in world.receivers[at].files.offers() {
                world.receivers[at].files.resume(one, None);
            }
        }
        world.settle();
        let mut done = BTreeSet::new();
        for receiver in &world.receivers {
            for one in receiver.files.offers() {
                let seen = transfer(&receiver.files, one);
                prop_assert!(matches!(seen.status, FileStatus::Done | FileStatus::Withdrawn), "{:?}", seen);
                if seen.status == FileStatus::Done {
                    prop_assert_eq!(seen.verified, 13 * PIECE + 78);
                    done.insert(receiver.id);
                }
            }
        }
        prop_assert_eq!(done.len(), 2, "both have it");
        let finished = world.receivers.iter().filter(|one| one.disks.values().any(|disk| disk.done)).count();
        prop_assert_eq!(finished, 2);
    }
}
