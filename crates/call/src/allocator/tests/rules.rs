//! The rules one by one, without a network.

use std::time::{Duration, Instant};

use tincan_media::Bitrate;
use tincan_media::video::Resolution;

use super::super::{Allocator, AllocatorInput, LayerId, LimitedBy, PathEstimate, Pictures, Plan, Want};

const SOUND: u64 = 40;

struct Sender {
    allocator: Allocator<u8>,
    now: Instant,
}

impl Sender {
    fn new(links: u8) -> Self {
        let mut sender = Self { allocator: Allocator::new(), now: Instant::now() };
        for link in 0..links {
            sender.handle(AllocatorInput::LinkUp(link));
        }
        sender
    }

    fn handle(&mut self, input: AllocatorInput<u8>) {
        self.allocator.handle(self.now, input);
    }

    /// The path to `link` takes so much for pictures.
    fn path(&mut self, link: u8, kbps: u64) {
        let (available, sound) = (Bitrate::kbps(kbps + SOUND), Bitrate::kbps(SOUND));
        self.handle(AllocatorInput::Path(link, PathEstimate { available, sound, loss: 0.0 }));
    }

    fn run(&mut self, millis: u64) -> Plan<u8> {
        for _ in 0..millis / 33 {
            self.now += Duration::from_millis(33);
            self.allocator.plan(self.now);
        }
        self.allocator.plan(self.now)
    }

    fn lines(&mut self, millis: u64) -> Vec<u32> {
        self.run(millis).layers.iter().map(|layer| layer.resolution.height).collect()
    }

    fn pictures(&mut self, link: u8) -> Pictures {
        self.allocator.plan(self.now).links[&link].pictures
    }
}

#[test]
fn one_receiver_gets_one_layer_that_follows_the_path() {
    let mut sender = Sender::new(1);
    let plan = sender.run(0);
    assert_eq!(plan.layers.len(), 1);
    assert_eq!((plan.layers[0].resolution.height, plan.layers[0].bitrate), (360, Bitrate::kbps(310)));
    assert_eq!(plan.links[&0].pictures, Pictures::All(LayerId::Medium));
    sender.path(0, 1_200);
    assert_eq!(sender.lines(1_300), [720], "as soon as the path is known");
    sender.path(0, 700);
    assert_eq!(sender.lines(600), [540]);
    sender.path(0, 200);
    assert_eq!(sender.lines(0), [270]);
    let plan = sender.run(0);
    assert_eq!(plan.layers[0].bitrate, Bitrate::kbps(200));
    assert_eq!(plan.links[&0].limited_by, LimitedBy::Bandwidth);
}

#[test]
fn very_little_halves_the_frame_rate_and_less_pauses_and_it_comes_back_by_itself() {
    let mut sender = Sender::new(1);
    sender.path(0, 60);
    let plan = sender.run(2_000);
    assert_eq!((plan.layers[0].frames_per_second, plan.layers[0].bitrate), (15.0, Bitrate::kbps(60)));
    sender.path(0, 40);
    let plan = sender.run(0);
    assert!(plan.layers.is_empty());
    assert_eq!(plan.links[&0].pictures, Pictures::Paused);
    sender.path(0, 50);
    assert_eq!(sender.run(5_000).links[&0].pictures, Pictures::Paused, "not for a little more");
    sender.path(0, 60);
    assert_eq!(sender.run(0).links[&0].pictures, Pictures::All(LayerId::Small));
}

#[test]
fn a_path_that_carries_nothing_gets_no_picture_however_small() {
    let mut sender = Sender::new(1);
    sender.handle(AllocatorInput::Capture(Resolution::new(1, 1), 1.0));
    sender.handle(AllocatorInput::Path(
        0,
        PathEstimate { available: Bitrate::ZERO, sound: Bitrate::ZERO, loss: 0.0 },
    ));
    assert!(sender.run(0).layers.is_empty());
}

#[test]
fn a_picture_is_no_larger_than_it_is_shown() {
    let mut sender = Sender::new(1);
    sender.path(0, 2_400);
    assert_eq!(sender.lines(2_000), [720]);
    sender.handle(AllocatorInput::Want(0, Want::Lines(200)));
    let plan = sender.run(0);
    assert_eq!((plan.layers[0].resolution.height, plan.links[&0].limited_by), (180, LimitedBy::None));
    assert!(plan.layers[0].bitrate <= Bitrate::kbps(250));
    sender.handle(AllocatorInput::Want(0, Want::Nothing));
    assert!(sender.run(0).layers.is_empty());
    sender.handle(AllocatorInput::Want(0, Want::Lines(700)));
    assert_eq!(sender.lines(1_400), [720]);
    sender.handle(AllocatorInput::Capture(Resolution::new(1_920, 1_080), 30.0));
    sender.path(0, 4_000);
    assert_eq!(sender.lines(5_000), [720]);
    sender.handle(AllocatorInput::Want(0, Want::Lines(1_080)));
    assert_eq!(sender.lines(5_000), [1_080], "for whoever shows it");
}

#[test]
fn a_newcomer_begins_small_and_changes_nobodys_layer() {
    let mut sender = Sender::new(1);
    sender.path(0, 800);
    assert_eq!(sender.lines(2_000), [540]);
    sender.handle(AllocatorInput::LinkUp(1));
    let plan = sender.run(300);
    let sizes: Vec<_> = plan.layers.iter().map(|layer| layer.resolution.height).collect();
    assert_eq!(sizes, [180, 540]);
    assert_eq!(plan.links[&0].pictures, Pictures::All(LayerId::Large));
    assert_eq!(plan.links[&1].pictures, Pictures::All(LayerId::Small));
}

#[test]
fn who_meet_at_once_see_each_other_at_once() {
    let mut sender = Sender::new(3);
    let plan = sender.run(0);
    assert!(plan.links.values().all(|link| link.pictures == Pictures::All(LayerId::Small)), "{plan:?}");
    assert!(plan.layers[0].bitrate <= Bitrate::kbps(160), "{plan:?}");
    // However their handshakes end.
    let mut sender = Sender::new(1);
    sender.run(100);
    for link in 1..3 {
        sender.handle(AllocatorInput::LinkUp(link));
        sender.run(100);
    }
    let plan = sender.run(0);
    assert!(plan.links.values().all(|link| link.pictures == Pictures::All(LayerId::Small)), "{plan:?}");
    // More than a home's uplink surely takes: a few now, and the others as soon as that went well.
    let mut sender = Sender::new(7);
    let has = |plan: &Plan<u8>| plan.links.values().filter(|link| link.pictures != Pictures::Paused).count();
    assert!((1..7).contains(&has(&sender.run(0))));
    assert_eq!(has(&sender.run(1_500)), 7);
}

#[test]
fn a_layer_has_the_least_rate_of_its_users_and_who_cannot_carry_its_floor_leaves_it() {
    let mut sender = Sender::new(3);
    for link in 0..3 {
        sender.path(link, 400);
    }
    let plan = sender.run(8_000);
    assert_eq!(plan.layers.len(), 1, "{plan:?}");
    assert_eq!((plan.layers[0].id, plan.layers[0].bitrate), (LayerId::Medium, Bitrate::kbps(400)));
    sender.path(1, 260);
    assert_eq!(sender.run(0).layers[0].bitrate, Bitrate::kbps(260));
    sender.path(1, 120);
    sender.run(0);
    assert_eq!(sender.pictures(1), Pictures::Base(LayerId::Medium), "half the pictures at once");
    sender.run(2_100);
    assert_eq!(sender.pictures(1), Pictures::All(LayerId::Small), "then the smaller layer");
    sender.path(1, 60);
    sender.run(0);
    assert_eq!(
        sender.pictures(1),
        Pictures::All(LayerId::Small),
        "which is made at half the rate, for it alone"
    );
    sender.path(1, 20);
    sender.run(3_100);
    assert_eq!(sender.pictures(1), Pictures::Paused);
    assert_eq!(sender.pictures(0), Pictures::All(LayerId::Medium));
    sender.path(1, 400);
    sender.run(700);
    assert_eq!(sender.pictures(1), Pictures::All(LayerId::Small), "it comes back by itself");
    sender.run(3_300);
    assert_eq!(sender.pictures(1), Pictures::All(LayerId::Medium));
}

#[test]
fn the_uplink_lowers_the_largest_layer_first() {
    let mut sender = Sender::new(4);
    for link in 0..4 {
        sender.path(link, if link == 0 { 1_500 } else { 180 });
    }
    let plan = sender.run(20_000);
    assert_eq!(plan.links[&0].pictures, Pictures::All(LayerId::Large), "{plan:?}");
    assert_eq!(plan.links[&1].pictures, Pictures::All(LayerId::Small), "{plan:?}");
    let before: Vec<_> = plan.layers.iter().map(|layer| (layer.id, layer.bitrate)).collect();
    // A queue before all of them: a tenth less each, which every path still carries.
    for link in 1..4 {
        sender.path(link, 160);
    }
    let after: Vec<_> = sender.run(0).layers.iter().map(|layer| (layer.id, layer.bitrate)).collect();
    assert_eq!(after[0], (LayerId::Small, Bitrate::kbps(160)));
    assert!(after[1].1 < before[1].1.scaled(0.86), "{before:?} {after:?}");
}

#[test]
fn who_asks_for_keyframes_twice_in_two_seconds_gets_the_smaller_layer() {
    let mut sender = Sender::new(2);
    for link in 0..2 {
        sender.path(link, 400);
    }
    sender.run(8_000);
    assert_eq!(sender.pictures(1), Pictures::All(LayerId::Medium));
    sender.handle(AllocatorInput::KeyframeRequested(1));
    sender.run(2_500);
    sender.handle(AllocatorInput::KeyframeRequested(1));
    assert_eq!(sender.pictures(1), Pictures::All(LayerId::Medium));
    sender.run(1_000);
    sender.handle(AllocatorInput::KeyframeRequested(1));
    assert_eq!(sender.pictures(1), Pictures::All(LayerId::Small));
    assert_eq!(sender.pictures(0), Pictures::All(LayerId::Medium));
}

#[test]
fn a_slow_processor_lowers_the_size_and_it_is_said() {
    let mut sender = Sender::new(1);
    sender.path(0, 2_400);
    assert_eq!(sender.lines(2_000), [720]);
    for _ in 0..60 {
        sender.handle(AllocatorInput::Encoded(1.0));
        sender.run(33);
    }
    let plan = sender.run(0);
    assert!(plan.layers[0].resolution.height < 720);
    assert_eq!(plan.links[&0].limited_by, LimitedBy::Processor);
    assert_eq!(plan.layers[0].frames_per_second, 30.0, "size before rate");
}

#[test]
fn what_others_hold_down_is_tried_by_one_after_the_other() {
    let mut sender = Sender::new(3);
    // One path carries the smallest layer only; the others' estimates have nothing to grow from.
    sender.path(0, 80);
    sender.path(1, 150);
    sender.path(2, 150);
    sender.run(2_000);
    let mut tries = 0;
    let mut at_once = 0;
    for _ in 0..300 {
        sender.run(33);
        let trying = (1..3).filter(|&link| sender.pictures(link).layer() == Some(LayerId::Medium)).count();
        tries += usize::from(trying > 0);
        at_once = at_once.max(trying);
    }
    assert!(tries > 0 && at_once == 1, "{tries} {at_once}");
    assert_eq!(sender.pictures(0), Pictures::All(LayerId::Small));
}

#[test]
fn beside_a_shared_screen_the_camera_is_small_on_a_narrow_path_and_back_afterwards() {
    let mut sender = Sender::new(1);
    sender.path(0, 1_200);
    assert_eq!(sender.lines(2_000), [720]);
    sender.handle(AllocatorInput::Screen(true));
    let plan = sender.run(1_000);
    assert!(
        plan.layers[0].resolution.height <= 270 && plan.layers[0].bitrate <= Bitrate::kbps(150),
        "{plan:?}"
    );
    sender.path(0, 1_200);
    assert!(sender.lines(5_000)[0] <= 270);
    sender.handle(AllocatorInput::Screen(false));
    // As after any other growth: two seconds.
    assert_eq!(sender.lines(2_500), [720]);
    let mut newcomer = Sender::new(0);
    newcomer.handle(AllocatorInput::Screen(true));
    newcomer.handle(AllocatorInput::LinkUp(0));
    assert!(newcomer.run(500).layers[0].bitrate <= Bitrate::kbps(150));
}
