//! Long calls in which everything happens that happens in a long call, by a fixed seed: people come, leave, crash and come
//! back, knock, mute, raise their hands, switch cameras off, on and to others, look elsewhere; one has a network that gets worse
//! and better, and the server goes away. Whoever stays must hold as much at the end as at the beginning, and never see a
//! picture of another who stays stand still for a second that the script did not cause.
//!
//! `TINCAN_SOAK_MINUTES=60` makes it an hour.
#![cfg(target_os = "linux")]

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use serde_json::Value;
use tincan_media::video::Resolution;
use tincan_tests::network::{Link, Machine};
use tincan_tests::participant::{Participant, others, shows};
use tincan_tests::process::{Process, held};
use tincan_tests::room::{Room, SmallDevices};

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
/// The pictures of those who stay in a room; whoever comes has those that rooms of eight have.
const PICTURE: Resolution = Resolution::new(640, 360);
const FRAME_RATE: u32 = 15;
/// Those who stay: she measures, and the network is his.
const ADA: &str = "Ada";
const BEN: &str = "Ben";

/// xorshift64: which step comes next, and whose it is, is all that is drawn from it.
struct Script(u64);

impl Script {
    fn draw(&mut self, among: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % among as u64) as usize
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        (!of.is_empty()).then(|| of[self.draw(of.len())])
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    // Ben's.
    Mute,
    Unmute,
    CameraOff,
    CameraOn,
    OtherCamera,
    UsualCamera,
    WorseNetwork,
    BetterNetwork,
    CutForAMoment,
    // Of whoever comes and goes.
    Come,
    Leave,
    LeaveAndComeBack,
    CrashAndComeBack,
    KnockAndComeIn,
    KnockAndGo,
    MuteForAMoment,
    NoCameraForAMoment,
    Hand,
    // Everybody's.
    LookElsewhere,
    NoServerForAMoment,
    Nothing,
}

/// In a call of two Ben is who comes and goes.
const OF_TWO: [Step; 13] = [
    Step::Mute,
    Step::Unmute,
    Step::CameraOff,
    Step::CameraOn,
    Step::OtherCamera,
    Step::UsualCamera,
    Step::WorseNetwork,
    Step::BetterNetwork,
    Step::CutForAMoment,
    Step::LeaveAndComeBack,
    Step::CrashAndComeBack,
    Step::LookElsewhere,
    Step::Nothing,
];

/// More come than leave, so that the room is full now and then.
const OF_A_ROOM: [Step; 23] = [
    Step::Mute,
    Step::Unmute,
    Step::CameraOff,
    Step::CameraOn,
    Step::OtherCamera,
    Step::UsualCamera,
    Step::WorseNetwork,
    Step::BetterNetwork,
    Step::CutForAMoment,
    Step::Come,
    Step::Come,
    Step::Come,
    Step::Leave,
    Step::LeaveAndComeBack,
    Step::CrashAndComeBack,
    Step::KnockAndComeIn,
    Step::KnockAndGo,
    Step::MuteForAMoment,
    Step::NoCameraForAMoment,
    Step::Hand,
    Step::LookElsewhere,
    Step::NoServerForAMoment,
    Step::Nothing,
];

/// Somebody in a call; nothing while they are not there.
fn named<'a>(call: &'a Value, name: &str) -> Option<&'a Value> {
    others(call).iter().find(|other| other["name"] == name)
}

fn connected(call: &Value, name: &str) -> bool {
    named(call, name).is_some_and(|other| other["connection"] == "connected")
}

/// The least of each over ten seconds of a call at rest.
async fn least_held(participant: &mut Participant) -> (usize, usize, u64) {
    let mut least = (usize::MAX, usize::MAX, u64::MAX);
    for _ in 0..10 {
        participant.second("another second", |_| Some(())).await;
        let (threads, descriptors, memory) = held(participant.id());
        least = (least.0.min(threads), least.1.min(descriptors), least.2.min(memory));
    }
    least
}

struct Place {
    /// Where everybody is but Ben, and the server.
    home: Machine,
    bens: Machine,
    link: Link,
    server: Option<Process>,
    url: String,
    /// The devices of those who stay.
    devices: SmallDevices,
    /// A camera for Ben beside his usual one.
    other_camera: SmallDevices,
    room: Room,
    visitors: &'static [&'static str],
}

impl Place {
    /// Ada and Ben are in a call.
    async fn open(devices: SmallDevices, visitors: &'static [&'static str]) -> Self {
        let (home, bens) = (Machine::router(), Machine::new());
        home.ip(&format!("address add {SERVER}/32 dev lo"));
        let mut link = Link::lay((&bens, "wifi"), (&home, "to-ben"), SEED).await;
        bens.addresses("wifi", &["198.51.100.2/24"]);
        bens.ip("route add default via 198.51.100.1");
        home.addresses("to-ben", &["198.51.100.1/24"]);
        link.set("both delay=5ms").await;
        let (server, url) = home.serve(SERVER, &[]).await;
        let ada = home.call(ADA, &url, &devices.with(&[]));
        let room = Room::around(SmallDevices::make(), &url, ADA, ada).await;
        let other_camera = SmallDevices::of(PICTURE, 30);
        let server = Some(server);
        let mut place = Self { home, bens, link, server, url, devices, other_camera, room, visitors };
        place.come(BEN).await;
        place
    }

    fn ada(&mut self) -> &mut Participant {
        self.room.person(ADA)
    }

    fn ben(&mut self) -> &mut Participant {
        self.room.person(BEN)
    }

    /// Somebody who starts; should they not get in, it is they who know why.
    fn start(&self, name: &str) -> Participant {
        let code = [self.room.code()];
        if name == BEN {
            self.bens.call(name, &self.url, &self.devices.with(&code))
        } else {
            self.home.call(name, &self.url, &self.room.devices().with(&code))
        }
    }

    /// Somebody comes (back), and is connected with everybody.
    async fn come(&mut self, name: &'static str) {
        let newcomer = self.start(name);
        self.enter(name, newcomer).await;
    }

    async fn enter(&mut self, name: &'static str, mut newcomer: Participant) {
        for other in self.room.names() {
            newcomer.until(&format!("{other} for {name}"), |call| connected(call, other)).await;
            self.room.person(other).until(&format!("{name} for {other}"), |call| connected(call, name)).await;
        }
        self.room.enter(name, newcomer);
    }

    async fn leave(&mut self, name: &'static str) {
        let (code, said) = self.room.take(name).leave().await;
        assert_eq!(code, Some(0), "{name}: {:?}", said.last());
        for person in self.room.everybody() {
            person.until(&format!("a room without {name}"), |call| named(call, name).is_none()).await;
        }
    }

    /// Before the server has missed them, they may be back as another.
    async fn crash(&mut self, name: &'static str) {
        self.room.take(name).crash().await;
        self.ada().until(&format!("{name} to be missed"), |call| !connected(call, name)).await;
    }

    /// Those who come and go who are (not) there.
    fn visitors(&self, there: bool) -> Vec<&'static str> {
        let names = self.room.names();
        self.visitors.iter().copied().filter(|name| names.contains(name) == there).collect()
    }

    /// Does one step, if there is somebody to do it; says whether pictures of those who stay may pause for it.
    async fn act(&mut self, step: Step, script: &mut Script) -> bool {
        let (there, absent) = (script.one(&self.visitors(true)), script.one(&self.visitors(false)));
        match (step, there, absent) {
            (Step::Come, _, Some(name)) => self.come(name).await,
            (Step::Leave, Some(name), _) => self.leave(name).await,
            (Step::LeaveAndComeBack, Some(name), _) => {
                self.leave(name).await;
                self.come(name).await;
                return name == BEN;
            }
            (Step::CrashAndComeBack, Some(name), _) => {
                self.crash(name).await;
                self.come(name).await;
                return name == BEN;
            }
            (Step::KnockAndComeIn | Step::KnockAndGo, _, Some(name)) => {
                self.knock(name, step == Step::KnockAndComeIn).await;
            }
            (Step::MuteForAMoment, Some(name), _) => {
                for (word, on) in [("mute", false), ("unmute", true)] {
                    self.room.person(name).say(word).await;
                    let told = |call: &Value| named(call, name).is_some_and(|one| one["microphoneOn"] == on);
                    self.ada().until(&format!("{name} with the microphone {on}"), told).await;
                }
            }
            (Step::NoCameraForAMoment, Some(name), _) => {
                for (word, on) in [("camera off", false), ("camera on", true)] {
                    self.room.person(name).say(word).await;
                    let told = |call: &Value| named(call, name).is_some_and(|one| shows(one, "camera") == on);
                    self.ada().until(&format!("{name} with the camera {on}"), told).await;
                }
            }
            (Step::Hand, Some(name), _) => {
                for (word, up) in [("hand up", true), ("hand down", false)] {
                    self.room.person(name).say(word).await;
                    let told = |call: &Value| named(call, name).is_some_and(|one| one["hand"].is_u64() == up);
                    for person in [ADA, BEN] {
                        self.room.person(person).until(&format!("the hand of {name}"), told).await;
                    }
                }
            }
            (Step::NoServerForAMoment, ..) => self.lose_the_server().await,
            _ => return self.act_for_ben(step).await,
        }
        false
    }

    /// What is Ben's, or between the two who stay.
    async fn act_for_ben(&mut self, step: Step) -> bool {
        match step {
            Step::Mute | Step::Unmute => {
                let (word, on) = if step == Step::Mute { ("mute", false) } else { ("unmute", true) };
                self.ben().say(word).await;
                let told = |call: &Value| named(call, BEN).is_some_and(|ben| ben["microphoneOn"] == on);
                self.ada().until(&format!("Ben with the microphone {on}"), told).await;
                return false;
            }
            Step::CameraOff => {
                self.ben().say("camera off").await;
                self.ada().until("no picture of Ben", |call| !shows_camera(call)).await;
            }
            Step::CameraOn | Step::UsualCamera => {
                if step == Step::UsualCamera {
                    let usual = format!("camera {}", self.devices.camera());
                    self.ben().say(&usual).await;
                }
                self.ben().say("camera on").await;
                self.ada().until("a picture of Ben", shows_camera).await;
            }
            Step::OtherCamera => {
                let other = format!("camera {}", self.other_camera.camera());
                self.ben().say(&other).await;
            }
            Step::WorseNetwork => self.link.set("both delay=40ms jitter=5ms loss=1% rate=2000kbit").await,
            Step::BetterNetwork => self.link.set("both delay=5ms").await,
            Step::CutForAMoment => {
                self.link.set("both cut").await;
                self.ada().second("a second without network", |_| Some(())).await;
                self.ada().second("another one", |_| Some(())).await;
                self.link.set("both delay=5ms").await;
            }
            Step::LookElsewhere => {
                self.ada().say("show 0 Ben").await;
                for _ in 0..3 {
                    self.ada().second("a second of looking elsewhere", |_| Some(())).await;
                }
                self.ada().say("show any Ben").await;
            }
            // Nothing, or nobody is there to do it.
            _ => return false,
        }
        true
    }

    /// Somebody comes while the room is locked, and is let in by Ben or turned away; then it is open again.
    async fn knock(&mut self, name: &'static str, come_in: bool) {
        self.ada().say("lock").await;
        for person in self.room.everybody() {
            person.until("a locked room", |call| call["locked"] == true).await;
        }
        let mut newcomer = self.start(name);
        newcomer.until("a closed door", |call| call["phase"] == "knocking").await;
        self.ben().until(&format!("{name} at the door"), |call| call["knocks"][0]["name"] == name).await;
        if come_in {
            self.ben().say(&format!("let in {name}")).await;
            self.enter(name, newcomer).await;
        } else {
            self.ben().say(&format!("refuse {name}")).await;
            let (code, said) = newcomer.end().await;
            assert_ne!(code, Some(0), "{name} was refused: {:?}", said.last());
        }
        self.ada().say("unlock").await;
        for person in self.room.everybody() {
            person.until("an open room with nobody at the door", open).await;
        }
    }

    /// The server crashes and comes back some seconds later, knowing nobody.
    async fn lose_the_server(&mut self) {
        self.server.take().unwrap().kill().await;
        for person in self.room.everybody() {
            person.until("word that the server is away", |call| call["serverConnected"] == false).await;
        }
        for _ in 0..3 {
            self.ada().second("a second without a server", |_| Some(())).await;
        }
        self.server = Some(self.home.serve(SERVER, &[]).await.0);
        for person in self.room.everybody() {
            person.until("the server", |call| call["serverConnected"] == true).await;
        }
    }

    /// The longest that one of the two who stay saw the other stand still, in milliseconds, since this was asked last.
    fn standstill(&mut self) -> u64 {
        let ada = self.ada().longest_standstill(BEN);
        ada.max(self.ben().longest_standstill(ADA))
    }

    /// As it was in the beginning: whoever comes and goes has left, and Ben has everything on.
    async fn rest(&mut self, script: &mut Script) {
        for step in [Step::BetterNetwork, Step::UsualCamera, Step::Unmute] {
            self.act(step, script).await;
        }
        for name in self.visitors(true) {
            if name != BEN {
                self.leave(name).await;
            }
        }
    }
}

fn shows_camera(call: &Value) -> bool {
    named(call, BEN).is_some_and(|ben| shows(ben, "camera"))
}

fn open(call: &Value) -> bool {
    call["locked"] == false && call["knocks"] == serde_json::json!([])
}

/// Lives through the usual minutes, or as many as were asked for.
async fn live_through(mut place: Place, steps: &[Step]) {
    let minutes = std::env::var("TINCAN_SOAK_MINUTES").map_or(USUAL_MINUTES, |text| text.parse().unwrap());
    let mut script = Script(SEED);
    // Once through everything, with everybody, so that what is made once has been made.
    for name in place.visitors(false) {
        place.come(name).await;
    }
    for step in steps {
        place.act(*step, &mut script).await;
    }
    place.rest(&mut script).await;
    let (began, before) = (Instant::now(), least_held(place.ada()).await);
    let (mut done, mut camera, mut settling) = (0, true, SETTLING_SECONDS);
    let (mut watched, mut longest, mut most) = (0, 0, 2);
    while began.elapsed() < Duration::from_secs(60 * minutes) {
        let mut last = Step::Nothing;
        if settling == 0 && script.draw(3) == 0 {
            last = script.one(steps).unwrap();
            done += 1;
            camera = match last {
                Step::CameraOff => false,
                Step::CameraOn | Step::UsualCamera => true,
                // Ben comes back with it on.
                Step::LeaveAndComeBack | Step::CrashAndComeBack if place.visitors.contains(&BEN) => true,
                _ => camera,
            };
            if place.act(last, &mut script).await {
                settling = SETTLING_SECONDS;
            }
            most = most.max(place.room.names().len());
        }
        place.ada().second("another second", |_| Some(())).await;
        let pause = place.standstill();
        if settling > 0 {
            settling -= 1;
            continue;
        }
        watched += u32::from(camera);
        longest = longest.max(pause);
        assert!(pause < FREEZE_MS, "after {done} steps, at {last:?}, a picture stood still for {pause} ms");
    }
    // Whatever they lived through, everybody meets everybody.
    place.rest(&mut script).await;
    for name in place.visitors(false) {
        place.come(name).await;
    }
    place.room.all_meet().await;
    place.rest(&mut script).await;
    let after = least_held(place.ada()).await;
    println!(
        "{minutes} minutes, {done} steps, up to {most} people, {watched} seconds watched, longest pause {longest} ms; \
         threads, descriptors, kB: before {before:?}, after {after:?}"
    );
    assert!(done as u64 > minutes * 2, "only {done} steps");
    assert!(after.0 <= before.0 + 2, "threads grew from {} to {}", before.0, after.0);
    assert!(after.1 <= before.1 + 2, "descriptors grew from {} to {}", before.1, after.1);
    assert!(after.2 <= before.2 + MEMORY_NOISE_KB, "memory grew from {} to {} kB", before.2, after.2);
    place.room.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: cargo xtask test --all"]
async fn a_long_call_of_two_holds_what_it_held_and_never_freezes_by_itself() {
    let devices = SmallDevices::make().with_camera("test-pattern");
    live_through(Place::open(devices, &[BEN]).await, &OF_TWO).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: cargo xtask test --all"]
async fn a_room_that_changes_holds_what_it_held_and_never_freezes_by_itself() {
    let devices = SmallDevices::of(PICTURE, FRAME_RATE);
    let place = Place::open(devices, &["Cyd", "Dan", "Eva", "Fay", "Gus"]).await;
    live_through(place, &OF_A_ROOM).await;
}
