//! A shared screen beside cameras: how the rate of a path is divided, and for whom the screen is encoded how.
//!
//! A screen is encoded once, at its own size: text that was made smaller cannot be read. Its rate is the least of what its
//! receivers' paths leave for it, and what is scarce takes from the frame rate, not from the sharpness. Who carries much less
//! than the others would hold all of them down: they get an encoding of their own, with fewer pictures; there is one such at
//! most. So every receiver is in one of two [`Pace`]s.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tincan_media::Bitrate;

use crate::allocator::{LimitedBy, PathEstimate, Want};

/// A screen that stands still needs nothing, and one that changes all the time is sharp with this (1080p, measured).
const MOST: f64 = 2.5e6;
/// Below this a page takes most of a minute: nobody waits for that.
const LEAST: f64 = 25e3;
/// It is no more sent to whom it takes that long when that lasts, since coming back costs a keyframe; and sent again above that
/// by so much.
const STARVED_FOR: Duration = Duration::from_secs(3);
const FED: f64 = 1.3;
/// What the smallest picture of a camera makes good use of.
const SMALL_CAMERA: f64 = 150e3;
/// The camera's part of a path that is narrow.
const CAMERA_PART: f64 = 0.25;
/// From here on the camera is more than small: the screen has enough for a page in half a second.
const NARROW: f64 = 2e6;
/// Until a path was measured: what estimates begin with.
const START: f64 = 310e3;
/// Whoever carries less than this part of what the best of the others do gets the slow encoding, and leaves it when they
/// carry so much again; each only when it lasts, because a change costs a keyframe.
const SLOW: f64 = 0.4;
const QUICK: f64 = 0.6;
const SLOW_AFTER: Duration = Duration::from_secs(2);
const QUICK_AFTER: Duration = Duration::from_secs(5);
/// Who asks for keyframes twice within this time costs the others too much, and pays for themselves for a while.
const ASKED_TWICE: Duration = Duration::from_secs(5);
const APART_FOR: Duration = Duration::from_secs(30);

/// The camera's part of what a path carries beside the sound, while a screen is shared too. `spare` and what comes out are
/// bits a second.
pub(crate) fn camera_part(spare: f64) -> f64 {
    let beside = (spare * CAMERA_PART).min(SMALL_CAMERA.max(spare - NARROW + SMALL_CAMERA));
    beside.max(spare - MOST)
}

/// Which of the two encodings of a screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pace {
    /// At the rate of those who carry about as much as the best.
    Quick,
    /// For those who carry much less.
    Slow,
}

/// What one receiver of a screen gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScreenLink {
    /// `None`: nothing, because nobody looks or because the path does not carry it.
    pub pace: Option<Pace>,
    /// Why it is not more.
    pub limited_by: LimitedBy,
}

/// Which encodings of a screen to make, and who gets them.
#[derive(Debug, Clone, PartialEq)]
pub struct ScreenPlan<L> {
    /// At which rate; a pace that nobody is in is not there.
    pub rates: BTreeMap<Pace, Bitrate>,
    /// What each receiver gets.
    pub links: BTreeMap<L, ScreenLink>,
}

#[derive(Debug, Clone)]
struct Link {
    /// Bits a second beside the sound.
    spare: f64,
    want: Want,
    slow: bool,
    /// The path carries too little.
    starved: bool,
    starved_since: Option<Instant>,
    /// Since when they belong into the other pace.
    other_since: Option<Instant>,
    asked: Option<Instant>,
    apart_since: Option<Instant>,
}

/// Decides who gets which encoding of our screen. `L` names a link.
#[derive(Debug, Clone, Default)]
pub struct ScreenAllocator<L> {
    links: BTreeMap<L, Link>,
    camera: bool,
}

impl<L: Copy + Ord> ScreenAllocator<L> {
    /// Without links, beside no camera.
    pub const fn new() -> Self {
        Self { links: BTreeMap::new(), camera: false }
    }

    /// Whether our camera is sent beside the screen.
    pub const fn set_camera(&mut self, on: bool) {
        self.camera = on;
    }

    /// There is a connection to them now.
    pub fn link_up(&mut self, id: L) {
        let link = Link {
            spare: START,
            want: Want::Any,
            slow: false,
            starved: false,
            starved_since: None,
            other_since: None,
            asked: None,
            apart_since: None,
        };
        self.links.insert(id, link);
    }

    /// There is none any more.
    pub fn link_down(&mut self, id: L) {
        self.links.remove(&id);
    }

    /// The path was measured.
    pub fn path(&mut self, id: L, path: PathEstimate) {
        if let Some(link) = self.links.get_mut(&id) {
            link.spare = (path.available.as_bps() as f64 - path.sound.as_bps() as f64).max(0.0);
        }
    }

    /// They show it at another size.
    pub fn want(&mut self, id: L, want: Want) {
        if let Some(link) = self.links.get_mut(&id) {
            link.want = want;
        }
    }

    /// They cannot go on without a keyframe.
    pub fn keyframe_requested(&mut self, id: L, now: Instant) {
        // Who is alone pays for nobody.
        let several = self.links.len() > 1;
        if let Some(link) = self.links.get_mut(&id)
            && link.asked.replace(now).is_some_and(|at| now.saturating_duration_since(at) < ASKED_TWICE)
            && several
        {
            link.apart_since = Some(now);
        }
    }

    /// How large the screen is shown by whoever shows it largest.
    pub fn shown(&self) -> Want {
        let mut largest = Want::Nothing;
        for link in self.links.values() {
            largest = match (largest, link.want) {
                (Want::Any, _) | (_, Want::Any) => Want::Any,
                (Want::Lines(a), Want::Lines(b)) => Want::Lines(a.max(b)),
                (Want::Nothing, other) | (other, Want::Nothing) => other,
            };
        }
        largest
    }

    /// The screen's part of a link's path.
    fn part(&self, link: &Link) -> f64 {
        let part = if self.camera { link.spare - camera_part(link.spare) } else { link.spare };
        part.min(MOST)
    }

    /// What to encode now.
    pub fn plan(&mut self, now: Instant) -> ScreenPlan<L> {
        let parts: BTreeMap<L, f64> = self
            .links
            .iter()
            .filter(|(_, link)| link.want != Want::Nothing)
            .map(|(id, link)| (*id, self.part(link)))
            .collect();
        let best = parts.values().copied().fold(0.0, f64::max);
        let mut plan = ScreenPlan { rates: BTreeMap::new(), links: BTreeMap::new() };
        for (id, link) in &mut self.links {
            let Some(&part) = parts.get(id) else {
                plan.links.insert(*id, ScreenLink { pace: None, limited_by: LimitedBy::None });
                continue;
            };
            link.settle(part / best.max(1.0), now);
            link.starve(part, now);
            let limited = part < MOST;
            let pace =
                if link.starved { None } else { Some(if link.slow { Pace::Slow } else { Pace::Quick }) };
            let limited_by = if limited { LimitedBy::Bandwidth } else { LimitedBy::None };
            plan.links.insert(*id, ScreenLink { pace, limited_by });
            if let Some(pace) = pace {
                let rate = plan.rates.entry(pace).or_insert(Bitrate::bps(u64::MAX));
                // Who is starved for a moment does not hold the others down.
                if part >= LEAST {
                    *rate = (*rate).min(Bitrate::bps(part as u64));
                }
            }
        }
        for rate in plan.rates.values_mut().filter(|rate| rate.as_bps() == u64::MAX) {
            *rate = Bitrate::bps(LEAST as u64);
        }
        // Who is slower than nobody needs no encoding apart.
        if !plan.rates.contains_key(&Pace::Quick)
            && let Some(rate) = plan.rates.remove(&Pace::Slow)
        {
            plan.rates.insert(Pace::Quick, rate);
            for link in plan.links.values_mut().filter(|link| link.pace.is_some()) {
                link.pace = Some(Pace::Quick);
            }
            self.links.values_mut().for_each(|link| (link.slow, link.other_since) = (false, None));
        }
        plan
    }
}

impl Link {
    /// Whether anything is sent to them.
    fn starve(&mut self, part: f64, now: Instant) {
        if part >= LEAST * if self.starved { FED } else { 1.0 } {
            (self.starved, self.starved_since) = (false, None);
        } else {
            let since = *self.starved_since.get_or_insert(now);
            self.starved |= now.saturating_duration_since(since) >= STARVED_FOR;
        }
    }

    /// Into the pace in which they belong, when they have for long enough. `part`: of what the best carry.
    fn settle(&mut self, part: f64, now: Instant) {
        let apart = self.apart_since.is_some_and(|at| now.saturating_duration_since(at) < APART_FOR);
        if apart {
            (self.slow, self.other_since) = (true, None);
            return;
        }
        let (other, after) = if self.slow { (part >= QUICK, QUICK_AFTER) } else { (part < SLOW, SLOW_AFTER) };
        if !other {
            self.other_since = None;
        } else if now.saturating_duration_since(*self.other_since.get_or_insert(now)) >= after {
            (self.slow, self.other_since) = (!self.slow, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(kbps: u64) -> PathEstimate {
        PathEstimate { available: Bitrate::kbps(kbps + 40), sound: Bitrate::kbps(40), loss: 0.0 }
    }

    fn room(rates: &[u64]) -> ScreenAllocator<usize> {
        let mut room = ScreenAllocator::new();
        for (id, kbps) in rates.iter().enumerate() {
            room.link_up(id);
            room.path(id, path(*kbps));
        }
        room
    }

    /// The plan when everybody has found their pace.
    fn settled(room: &mut ScreenAllocator<usize>, from: Instant) -> (ScreenPlan<usize>, Instant) {
        let mut now = from;
        for _ in 0..100 {
            now += Duration::from_millis(100);
            room.plan(now);
        }
        (room.plan(now), now)
    }

    fn rate(plan: &ScreenPlan<usize>, pace: Pace) -> Option<u64> {
        plan.rates.get(&pace).map(|rate| rate.as_bps() / 1_000)
    }

    #[test]
    fn on_a_narrow_path_the_camera_is_as_small_as_it_can_be() {
        let kbps = |spare: f64| (camera_part(spare * 1e3) / 1e3).round() as u64;
        assert_eq!([200.0, 400.0, 600.0, 1_000.0, 2_000.0].map(kbps), [50, 100, 150, 150, 150]);
        assert_eq!([2_300.0, 3_000.0, 4_000.0].map(kbps), [450, 750, 1_500], "and grows where there is room");
    }

    #[test]
    fn the_rate_is_the_least_of_those_who_carry_about_as_much() {
        let (plan, _) = settled(&mut room(&[1_500, 1_000, 800]), Instant::now());
        assert_eq!((rate(&plan, Pace::Quick), rate(&plan, Pace::Slow)), (Some(800), None));
        let mut beside = room(&[1_000]);
        beside.set_camera(true);
        assert_eq!(rate(&beside.plan(Instant::now()), Pace::Quick), Some(850));
    }

    #[test]
    fn who_carries_much_less_is_encoded_for_apart_and_comes_back_later() {
        let mut room = room(&[2_000, 1_600, 300]);
        let (plan, now) = settled(&mut room, Instant::now());
        assert_eq!((rate(&plan, Pace::Quick), rate(&plan, Pace::Slow)), (Some(1_600), Some(300)));
        assert_eq!(plan.links[&2], ScreenLink { pace: Some(Pace::Slow), limited_by: LimitedBy::Bandwidth });
        room.path(2, path(1_000));
        assert_eq!(room.plan(now).links[&2].pace, Some(Pace::Slow), "it may be a moment only");
        let (plan, _) = settled(&mut room, now);
        assert_eq!((rate(&plan, Pace::Quick), rate(&plan, Pace::Slow)), (Some(1_600), Some(1_000)));
        room.path(2, path(1_300));
        let (plan, _) = settled(&mut room, now + Duration::from_secs(20));
        assert_eq!((rate(&plan, Pace::Quick), rate(&plan, Pace::Slow)), (Some(1_300), None));
    }

    #[test]
    fn nobody_is_slower_than_nobody() {
        let mut room = room(&[2_000, 300]);
        let (_, now) = settled(&mut room, Instant::now());
        room.want(0, Want::Nothing);
        let plan = room.plan(now);
        assert_eq!((rate(&plan, Pace::Quick), rate(&plan, Pace::Slow)), (Some(300), None));
        assert_eq!(plan.links[&0], ScreenLink { pace: None, limited_by: LimitedBy::None });
    }

    #[test]
    fn a_path_that_carries_next_to_nothing_gets_no_screen() {
        let (plan, _) = settled(&mut room(&[1_000, 10]), Instant::now());
        assert_eq!(plan.links[&1], ScreenLink { pace: None, limited_by: LimitedBy::Bandwidth });
        assert_eq!(plan.rates.len(), 1);
    }

    #[test]
    fn who_asks_for_keyframes_again_and_again_pays_for_themselves() {
        let mut room = room(&[1_000, 1_000]);
        let start = Instant::now();
        room.keyframe_requested(1, start);
        assert_eq!(room.plan(start).links[&1].pace, Some(Pace::Quick));
        room.keyframe_requested(1, start + Duration::from_secs(2));
        let plan = room.plan(start + Duration::from_secs(2));
        assert_eq!((plan.links[&0].pace, plan.links[&1].pace), (Some(Pace::Quick), Some(Pace::Slow)));
        let (plan, _) = settled(&mut room, start + Duration::from_secs(33));
        assert_eq!(plan.links[&1].pace, Some(Pace::Quick));
    }

    #[test]
    fn whoever_shows_it_largest_says_how_large_it_is_made() {
        let mut room = room(&[1_000, 1_000]);
        assert_eq!(room.shown(), Want::Any);
        room.want(0, Want::Lines(540));
        assert_eq!(room.shown(), Want::Any);
        room.want(1, Want::Lines(300));
        assert_eq!(room.shown(), Want::Lines(540));
        room.want(0, Want::Nothing);
        assert_eq!(room.shown(), Want::Lines(300));
    }

    #[test]
    fn a_path_that_carries_nothing_for_a_moment_costs_no_keyframe_and_for_longer_the_screen() {
        let mut room = room(&[300, 800]);
        let start = Instant::now();
        room.path(0, path(5));
        for (millis, kbps, sent) in [
            (0, 5, true),
            (1_000, 300, true),
            (2_000, 5, true),
            (4_900, 5, true),
            (5_100, 5, false),
            (5_200, 30, false),
            (5_300, 40, true),
        ] {
            room.path(0, path(kbps));
            let plan = room.plan(start + Duration::from_millis(millis));
            assert_eq!(plan.links[&0].pace.is_some(), sent, "{millis}");
            assert!(plan.rates.values().all(|rate| rate.as_bps() >= LEAST as u64));
        }
    }

    proptest! {
        #[test]
        fn nobody_is_sent_more_than_their_part_and_camera_and_screen_never_exceed_the_path(
            rates in prop::collection::vec(0u64..10_000, 1..8), camera in any::<bool>(), changes in prop::collection::vec((0usize..8, 0u64..10_000), 0..40),
        ) {
            let mut room = room(&rates);
            room.set_camera(camera);
            let mut now = Instant::now();
            for (id, kbps) in changes {
                room.path(id, path(kbps));
                now += Duration::from_millis(700);
                let plan = room.plan(now);
                for (id, link) in &plan.links {
                    let spare = room.links[id].spare;
                    let camera = if camera { camera_part(spare) } else { 0.0 };
                    // For a moment below the least nobody is cut off.
                    if let Some(pace) = link.pace.filter(|_| spare - camera >= LEAST) {
                        prop_assert!(plan.rates[&pace].as_bps() as f64 + camera <= spare + 1.0);
                    }
                    prop_assert!((0.0..=spare.max(0.0)).contains(&camera));
                }
                prop_assert!(plan.rates.is_empty() || plan.rates.contains_key(&Pace::Quick));
            }
        }
    }
}
