//! A long call in which everything happens that happens in a long call, by a fixed seed: people leave and come back,
//! mute, switch cameras off, on and to others, and the network gets worse and better. Whoever stays must hold as much
//! at the end as at the beginning, and never see a picture stand still for a second that the script did not cause.
//!
//! `TINCAN_SOAK_MINUTES=60` makes it an hour.
#![cfg(target_os = "linux")]
// A test that cannot go on has failed, in its helpers too.
#![allow(clippy::unwrap_used)]

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use tincan_media::video::Resolution;
use tincan_tests::clips;
use tincan_tests::network::{Link, Machine};
use tincan_tests::participant::{Participant, other, shows};
use tincan_tests::process::held;

const USUAL_MINUTES: u64 = 3;
const SEED: u64 = 20_261_122;
/// What the memory of one participant may have grown by in the end: what a room key's derivation and pictures of other
/// sizes leave with the allocator.
const MEMORY_NOISE_KB: u64 = 48 * 1024;
/// A picture that stands still for longer is a freeze that a person notices.
const FREEZE_MS: u64 = 1000;
/// A switched camera, a new connection or a worse network may hold pictures up for as long as this.
const SETTLING_SECONDS: u32 = 4;
const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1));

/// xorshift64: which step comes next is all that is drawn from it.
struct Script(u64);

impl Script {
    fn draw(&mut self, among: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % among
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Mute,
    Unmute,
    CameraOff,
    CameraOn,
    OtherCamera,
    PatternCamera,
    WorseNetwork,
    BetterNetwork,
    CutForAMoment,
    LeaveAndComeBack,
    CrashAndComeBack,
    Nothing,
}

const STEPS: [Step; 12] = [
    Step::Mute,
    Step::Unmute,
    Step::CameraOff,
    Step::CameraOn,
    Step::OtherCamera,
    Step::PatternCamera,
    Step::WorseNetwork,
    Step::BetterNetwork,
    Step::CutForAMoment,
    Step::LeaveAndComeBack,
    Step::CrashAndComeBack,
    Step::Nothing,
];

/// The least of each over ten seconds of a call at rest.
async fn least_held(participant: &mut Participant) -> (usize, usize, u64) {
    let mut least = (usize::MAX, usize::MAX, u64::MAX);
    for _ in 0..10 {
        participant.seconds_until("another second", |_| true).await;
        let (threads, descriptors, memory) = held(participant.id());
        least = (least.0.min(threads), least.1.min(descriptors), least.2.min(memory));
    }
    least
}

struct Place {
    link: Link,
    machine: Machine,
    url: String,
    code: String,
    clip: String,
}

impl Place {
    /// Ben comes (back); should he not get in, he is who knows why.
    async fn join(&self) -> Participant {
        let mut ben = self.machine.call("Ben", &self.url, &[&self.code]);
        ben.until("Ada", |call| call["phase"] == "connected").await;
        ben
    }

    /// Does one step; says whether pictures may pause for it.
    async fn act(&mut self, step: Step, ada: &mut Participant, ben: &mut Option<Participant>) -> bool {
        let there = ben.as_mut().unwrap();
        match step {
            Step::Mute => {
                there.say("mute").await;
                ada.until("a muted Ben", |call| other(call)["microphoneOn"] == false).await;
            }
            Step::Unmute => {
                there.say("unmute").await;
                ada.until("a heard Ben", |call| other(call)["microphoneOn"] == true).await;
            }
            Step::CameraOff => {
                there.say("camera off").await;
                ada.until("no picture of Ben", |call| !shows(other(call), "camera")).await;
            }
            Step::CameraOn | Step::PatternCamera => {
                if step == Step::PatternCamera {
                    there.say("camera test-pattern").await;
                }
                there.say("camera on").await;
                ada.until("a picture of Ben", |call| shows(other(call), "camera")).await;
            }
            Step::OtherCamera => {
                let camera = format!("camera file:{}", self.clip);
                there.say(&camera).await;
            }
            Step::WorseNetwork => self.link.set("both delay=40ms jitter=5ms loss=1% rate=2000kbit").await,
            Step::BetterNetwork => self.link.set("both delay=5ms").await,
            Step::CutForAMoment => {
                self.link.set("both cut").await;
                ada.seconds_until("a second without network", |_| true).await;
                ada.seconds_until("another one", |_| true).await;
                self.link.set("both delay=5ms").await;
            }
            Step::LeaveAndComeBack => {
                let (code, _) = ben.take().unwrap().leave().await;
                assert_eq!(code, Some(0));
                ada.until("an empty room", |call| call["phase"] == "alone").await;
                *ben = Some(self.join().await);
                ada.until("Ben again", |call| call["phase"] == "connected").await;
            }
            Step::CrashAndComeBack => {
                ben.take().unwrap().crash().await;
                ada.until("a lost Ben", |call| call["phase"] != "connected").await;
                *ben = Some(self.join().await);
                ada.until("Ben again", |call| call["phase"] == "connected").await;
            }
            Step::Nothing => return false,
        }
        true
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: cargo xtask test --all"]
async fn a_long_call_holds_what_it_held_and_never_freezes_by_itself() {
    let minutes = std::env::var("TINCAN_SOAK_MINUTES").map_or(USUAL_MINUTES, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("clip.y4m");
    clips::y4m(&clip, Resolution::new(640, 360), 90);
    let (home, machine) = (Machine::router(), Machine::new());
    home.ip(&format!("address add {SERVER}/32 dev lo"));
    let mut link = Link::lay((&machine, "wifi"), (&home, "to-ben"), SEED).await;
    machine.addresses("wifi", &["198.51.100.2/24"]);
    machine.ip("route add default via 198.51.100.1");
    home.addresses("to-ben", &["198.51.100.1/24"]);
    link.set("both delay=5ms").await;
    let (_server, url) = home.serve(SERVER, &[]).await;
    let mut ada = home.call("Ada", &url, &[]);
    let code = ada.code().await;
    let mut place = Place { link, machine, url, code, clip: clip.display().to_string() };
    let mut ben = Some(place.join().await);
    ada.until("Ben", |call| call["phase"] == "connected").await;

    let mut script = Script(SEED);
    // Once through everything, so that what is made once has been made.
    for step in STEPS {
        place.act(step, &mut ada, &mut ben).await;
    }
    let (began, before) = (Instant::now(), least_held(&mut ada).await);
    let (mut steps, mut camera, mut settling, mut watched, mut longest) = (0, true, SETTLING_SECONDS, 0, 0);
    while began.elapsed() < Duration::from_secs(60 * minutes) {
        if settling == 0 && script.draw(3) == 0 {
            let step = STEPS[script.draw(STEPS.len() as u64) as usize];
            steps += 1;
            camera = match step {
                Step::CameraOff => false,
                Step::CameraOn | Step::PatternCamera | Step::LeaveAndComeBack | Step::CrashAndComeBack => {
                    true
                }
                _ => camera,
            };
            if place.act(step, &mut ada, &mut ben).await {
                settling = SETTLING_SECONDS;
            }
        }
        if !camera {
            ada.seconds_until("another second", |_| true).await;
            settling = settling.saturating_sub(1);
            continue;
        }
        let pause = ada.longest_pause(1).await;
        if settling > 0 {
            settling -= 1;
            continue;
        }
        watched += 1;
        longest = longest.max(pause);
        assert!(pause < FREEZE_MS, "after step {steps} the picture stood still for {pause} ms");
    }
    // Back to where it began, so that what is held can be compared.
    for step in [Step::BetterNetwork, Step::PatternCamera, Step::Unmute] {
        place.act(step, &mut ada, &mut ben).await;
    }
    let after = least_held(&mut ada).await;
    println!(
        "{minutes} minutes, {steps} steps, {watched} seconds watched, longest pause {longest} ms; threads, descriptors, \
         kB: before {before:?}, after {after:?}"
    );
    assert!(steps as u64 > minutes * 2, "only {steps} steps");
    assert!(after.0 <= before.0 + 2, "threads grew from {} to {}", before.0, after.0);
    assert!(after.1 <= before.1 + 2, "descriptors grew from {} to {}", before.1, after.1);
    assert!(after.2 <= before.2 + MEMORY_NOISE_KB, "memory grew from {} to {} kB", before.2, after.2);
    ben.unwrap().leave().await;
    ada.leave().await;
}
