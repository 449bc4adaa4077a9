//! What holds whatever happens.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use tincan_media::Bitrate;
use tincan_media::video::Resolution;

use super::super::link::Rung;
use super::super::sizes::Sizes;
use super::super::{Allocator, AllocatorInput, LayerId, PathEstimate, Pictures, Plan, Want};

fn input() -> impl Strategy<Value = AllocatorInput<u8>> {
    let link = 0u8..8;
    let want = prop_oneof![
        2 => Just(Want::Any),
        1 => Just(Want::Nothing),
        3 => (0u32..2_500).prop_map(Want::Lines),
    ];
    let path = (0u64..6_000, 0u64..80, 0f32..0.3).prop_map(|(available, sound, loss)| PathEstimate {
        available: Bitrate::kbps(available),
        sound: Bitrate::kbps(sound),
        loss,
    });
    prop_oneof![
        2 => link.clone().prop_map(AllocatorInput::LinkUp),
        1 => link.clone().prop_map(AllocatorInput::LinkDown),
        8 => (link.clone(), path).prop_map(|(link, path)| AllocatorInput::Path(link, path)),
        2 => (link.clone(), want).prop_map(|(link, want)| AllocatorInput::Want(link, want)),
        1 => link.prop_map(AllocatorInput::KeyframeRequested),
        1 => (1u32..5_000, 1u32..5_000, 1f32..60.0)
            .prop_map(|(width, height, rate)| AllocatorInput::Capture(Resolution::new(width, height), rate)),
        2 => (0f32..2.0).prop_map(AllocatorInput::Encoded),
    ]
}

/// What every plan has. `estimates` is what each path carries; `least` is what half the smallest layer costs: it is not taken
/// away for a moment.
fn check(plan: &Plan<u8>, wants: &[Option<Want>; 8], estimates: impl Fn(u8) -> f64, least: f64) {
    assert!(plan.layers.len() <= 3, "{plan:?}");
    assert!(plan.layers.windows(2).all(|two| two[0].id < two[1].id), "{plan:?}");
    let wanting = wants.iter().flatten().filter(|want| **want != Want::Nothing).count();
    assert!(wanting > 1 || plan.layers.len() <= wanting, "one receiver means one layer: {plan:?}");
    assert_eq!(plan.links.len(), wants.iter().flatten().count());
    for layer in &plan.layers {
        let size = layer.resolution;
        assert!(size.width.is_multiple_of(2) && size.height.is_multiple_of(2));
        assert!(size.width.min(size.height) <= 1_080 && size.width.min(size.height) >= 16);
        assert!(layer.bitrate > Bitrate::ZERO && layer.frames_per_second > 0.0);
        let users = plan.links.values().filter(|link| link.pictures.layer() == Some(layer.id)).count();
        assert!(users > 0, "nobody gets {layer:?}");
    }
    for (&id, link) in &plan.links {
        let layer = link.pictures.layer().map(|layer| plan.layers.iter().find(|of| of.id == layer).unwrap());
        if wants[usize::from(id)] == Some(Want::Nothing) {
            assert_eq!(link.pictures, Pictures::Paused);
        }
        let Some(layer) = layer else { continue };
        let share = if matches!(link.pictures, Pictures::Base(_)) { 0.6 } else { 1.0 };
        let cost = layer.bitrate.as_bps() as f64 * share;
        assert!(cost <= estimates(id).max(least) + 1.0, "link {id} gets more than its path takes: {plan:?}");
    }
}

/// Follows what an allocator was told.
struct World {
    allocator: Allocator<u8>,
    wants: [Option<Want>; 8],
    estimates: [f64; 8],
    sizes: Sizes,
    now: Instant,
}

impl World {
    fn new() -> Self {
        Self {
            allocator: Allocator::new(),
            wants: [None; 8],
            estimates: [310e3; 8],
            sizes: Sizes::new(Resolution::HD, 30.0),
            now: Instant::now(),
        }
    }

    fn handle(&mut self, input: AllocatorInput<u8>) {
        match input {
            AllocatorInput::LinkUp(link) => {
                self.wants[usize::from(link)] = Some(Want::Any);
                self.estimates[usize::from(link)] = 310e3;
            }
            AllocatorInput::LinkDown(link) => self.wants[usize::from(link)] = None,
            AllocatorInput::Want(link, want) => {
                if let Some(of) = &mut self.wants[usize::from(link)] {
                    *of = want;
                }
            }
            AllocatorInput::Path(link, path) if self.wants[usize::from(link)].is_some() => {
                let pictures = path.available.as_bps().saturating_sub(path.sound.as_bps());
                self.estimates[usize::from(link)] = pictures as f64;
            }
            AllocatorInput::Capture(size, rate) => self.sizes = Sizes::new(size, rate),
            _ => {}
        }
        self.allocator.handle(self.now, input);
    }

    /// Those who were given nothing yet.
    fn just_came(&self) -> impl Iterator<Item = u8> {
        self.allocator.links.iter().filter(|(_, link)| link.rung == Rung::New).map(|(id, _)| *id)
    }

    fn plan(&mut self) -> Plan<u8> {
        let plan = self.allocator.plan(self.now);
        let least = 0.6 * self.sizes.get(0).floor();
        // What was measured, unless somebody who left the uplink lent their part.
        let links = &self.allocator.links;
        for (id, link) in links {
            assert!(link.estimate == self.estimates[usize::from(*id)] || link.is_lent());
        }
        check(&plan, &self.wants, |id| links[&id].estimate, least);
        plan
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn every_plan_can_be_made_and_fits_every_path(
        steps in proptest::collection::vec((input(), 0u64..1_500), 1..120),
    ) {
        let mut world = World::new();
        for (input, millis) in steps {
            world.handle(input);
            world.plan();
            for _ in 0..millis / 33 {
                world.now += Duration::from_millis(33);
                world.plan();
            }
        }
    }

    #[test]
    fn one_link_every_200_ms_gets_a_larger_layer(
        steps in proptest::collection::vec((input(), 0u64..1_500), 1..60),
    ) {
        let mut world = World::new();
        let mut last = None;
        for (input, millis) in steps {
            let sizes_change = matches!(input, AllocatorInput::Capture(..));
            world.handle(input);
            let mut before = world.plan();
            if sizes_change {
                continue;
            }
            for _ in 0..millis / 20 {
                world.now += Duration::from_millis(20);
                let wanting = world.wants.iter().flatten().filter(|want| **want != Want::Nothing).count();
                let came: Vec<u8> = world.just_came().collect();
                let plan = world.plan();
                let rose: Vec<u8> = plan
                    .links
                    .iter()
                    .filter(|(id, link)| link.pictures.layer() > before.links[id].pictures.layer())
                    .map(|(id, _)| *id)
                    .filter(|id| !came.contains(id))
                    .collect();
                if wanting > 1 && !rose.is_empty() {
                    prop_assert_eq!(rose.len(), 1);
                    if let Some(last) = last.replace(world.now) {
                        let gap: Duration = world.now - last;
                        prop_assert!(gap >= Duration::from_millis(200), "{:?}", gap);
                    }
                }
                before = plan;
            }
        }
    }

    #[test]
    fn a_newcomer_changes_nobodys_layer(
        paths in proptest::collection::vec(50u64..4_000, 2..7),
        newcomer in 60u64..4_000,
    ) {
        let mut world = World::new();
        for link in 0..paths.len() as u8 {
            world.handle(AllocatorInput::LinkUp(link));
        }
        let tell = |world: &mut World, link: u8, kbps: u64| {
            let (available, sound) = (Bitrate::kbps(kbps + 40), Bitrate::kbps(40));
            world.handle(AllocatorInput::Path(link, PathEstimate { available, sound, loss: 0.0 }));
        };
        for (link, kbps) in paths.iter().enumerate() {
            tell(&mut world, link as u8, *kbps);
        }
        let run = |world: &mut World, pictures: u32| {
            // The smallest that each link had. One after the other tries more all the time.
            let mut least = BTreeMap::new();
            for _ in 0..pictures {
                world.now += Duration::from_millis(33);
                for (id, link) in world.plan().links {
                    let layer = link.pictures.layer();
                    least.entry(id).and_modify(|of: &mut Option<LayerId>| *of = (*of).min(layer)).or_insert(layer);
                }
            }
            least
        };
        // Long enough that nobody has anything left to gain.
        run(&mut world, 1_200);
        let before = run(&mut world, 600);
        let came = paths.len() as u8;
        world.handle(AllocatorInput::LinkUp(came));
        tell(&mut world, came, newcomer);
        run(&mut world, 30);
        prop_assert_eq!(world.plan().links[&came].pictures.layer(), Some(LayerId::Small), "small, and within a second");
        let after = run(&mut world, 60);
        for (id, layer) in before {
            prop_assert!(after[&id] >= layer, "{} had {:?} and has {:?}", id, layer, after[&id]);
        }
    }
}
