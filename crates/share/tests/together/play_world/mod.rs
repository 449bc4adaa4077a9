//! Several players and the paths between them, in simulated time: datagrams are lost, late and out of order by a seed; what
//! is reliable is late, and lost only with its link.
// A test helper: nobody outside sees it.
#![allow(unreachable_pub)]

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use tincan_protocol::{GameKind, PeerId};
use tincan_share::GameInput;
use tincan_share::play::{Bot, Frame, Play, PlayOutput};

/// The peer id of a member.
pub fn id(member: usize) -> PeerId {
    PeerId::from_bytes([member as u8 + 1; 32])
}

/// How bad every path is.
#[derive(Debug, Clone, Copy)]
pub struct Path {
    /// One way.
    pub delay: Duration,
    /// Up to so much more, for each datagram anew.
    pub jitter: Duration,
    /// Of a thousand datagrams.
    pub lost: u64,
    /// Of a thousand datagrams come twice.
    pub doubled: u64,
}

impl Path {
    pub const fn millis(delay: u64, jitter: u64, lost: u64) -> Self {
        Self { delay: Duration::from_millis(delay), jitter: Duration::from_millis(jitter), lost, doubled: 10 }
    }
}

/// What a member saw.
#[derive(Debug, Default)]
pub struct Seen {
    /// Of each round and tick that is compared: the hash over everything before.
    pub hashes: BTreeMap<(u32, u32), u64>,
    pub frames: Vec<(Instant, Frame)>,
    pub differed: u32,
}

struct Member {
    play: Play,
    here: bool,
    seen: Seen,
}

type Delivery = (Instant, u64);

pub struct World {
    pub now: Instant,
    members: Vec<Member>,
    path: Path,
    /// Not there for datagrams now.
    pub cut: Vec<(usize, usize)>,
    chance: u64,
    sent: u64,
    datagrams: BTreeMap<Delivery, (usize, usize, Vec<u8>)>,
    reliable: BTreeMap<(usize, usize), VecDeque<(Instant, Vec<u8>)>>,
}

impl World {
    /// Members with a bot each, all linked.
    pub fn new(members: usize, path: Path, seed: u64) -> Self {
        let now = Instant::now();
        let member = |number| {
            let mut play = Play::new(id(number));
            play.set_bot(Bot::new(seed * 31 + number as u64));
            Member { play, here: true, seen: Seen::default() }
        };
        let mut world = Self {
            now,
            members: (0..members).map(member).collect(),
            path,
            cut: Vec::new(),
            chance: seed,
            sent: 0,
            datagrams: BTreeMap::new(),
            reliable: BTreeMap::new(),
        };
        for one in 0..members {
            for two in 0..one {
                world.link(one, two);
            }
        }
        world
    }

    pub fn play(&mut self, member: usize) -> &mut Play {
        &mut self.members[member].play
    }

    pub fn seen(&self, member: usize) -> &Seen {
        &self.members[member].seen
    }

    pub fn link(&mut self, one: usize, two: usize) {
        self.unlink(one, two);
        for (from, to) in [(one, two), (two, one)] {
            self.reliable.insert((from, to), VecDeque::new());
            self.members[from].play.handle(self.now, GameInput::LinkOpened(id(to)));
        }
    }

    pub fn unlink(&mut self, one: usize, two: usize) {
        for (from, to) in [(one, two), (two, one)] {
            if self.reliable.remove(&(from, to)).is_some() {
                self.members[from].play.handle(self.now, GameInput::LinkClosed(id(to)));
            }
        }
    }

    /// Leaves the room; the others notice at once or a little later.
    pub fn leave(&mut self, member: usize) {
        self.members[member].here = false;
        for other in 0..self.members.len() {
            if other != member && self.members[other].here {
                self.reliable.remove(&(member, other));
                self.reliable.remove(&(other, member));
                self.members[other].play.handle(self.now, GameInput::Left(id(member)));
            }
        }
    }

    /// The first offers a game, some join, and it begins.
    pub fn begin(&mut self, players: std::ops::Range<usize>) {
        self.offer(players);
        let now = self.now;
        self.play(0).start(now).unwrap();
        self.settle();
    }

    pub fn offer(&mut self, players: std::ops::Range<usize>) {
        let now = self.now;
        self.play(0).offer(now, GameKind::Curves, 4_711).unwrap();
        self.run(Duration::from_secs(1));
        for player in players {
            let now = self.now;
            self.play(player).join(now, 4_711, false).unwrap();
        }
        self.run(Duration::from_secs(1));
    }

    fn draw(&mut self) -> u64 {
        self.chance =
            self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.chance >> 33
    }

    fn draw_below(&mut self, most: u64) -> u64 {
        if most == 0 { 0 } else { self.draw() % most }
    }

    /// Takes everything that members have to say on its way.
    fn settle(&mut self) {
        for from in 0..self.members.len() {
            let mut datagrams = Vec::new();
            let (now, member) = (self.now, &mut self.members[from]);
            while let Some(output) = member.play.poll() {
                match output {
                    PlayOutput::Frame => {
                        member.seen.frames.extend(member.play.frame(now).map(|frame| (now, frame)))
                    }
                    PlayOutput::Differed => member.seen.differed += 1,
                    PlayOutput::Games | PlayOutput::Round => {}
                }
            }
            if let Some((round, tick, hash)) = member.play.confirmed() {
                let before = member.seen.hashes.insert((round, tick), hash);
                assert!(before.is_none_or(|before| before == hash || member.seen.differed > 0));
            }
            while let Some((peer, message)) = member.play.poll_datagram() {
                let to = usize::from(peer.as_bytes()[0]) - 1;
                datagrams.push((to, message.encode().into_bytes()));
            }
            for (to, bytes) in datagrams {
                assert!(bytes.len() <= 1_100, "{}", bytes.len());
                for _ in 0..=u64::from(self.draw_below(1_000) < self.path.doubled) {
                    let lost = self.draw_below(1_000) < self.path.lost || self.cut.contains(&(from, to));
                    let late = Duration::from_micros(self.draw_below(self.path.jitter.as_micros() as u64));
                    self.sent += 1;
                    if !lost && self.members[from].here {
                        let key = (self.now + self.path.delay + late, self.sent);
                        self.datagrams.insert(key, (from, to, bytes.clone()));
                    }
                }
            }
            let (now, delay) = (self.now, self.path.delay);
            let Self { members, reliable, .. } = self;
            for ((_, to), way) in reliable.range_mut((from, 0)..=(from, usize::MAX)) {
                members[from].play.tell(id(*to), |message| {
                    way.push_back((now + delay, message.encode().into_bytes()));
                    true
                });
            }
        }
    }

    fn next(&self) -> Option<Instant> {
        let here = self.members.iter().filter(|member| member.here);
        let timeouts = here.filter_map(|member| member.play.poll_timeout());
        let datagrams = self.datagrams.keys().next().map(|(at, _)| *at);
        let reliable = self.reliable.values().filter_map(|way| way.front().map(|(at, _)| *at));
        timeouts.chain(datagrams).chain(reliable).min()
    }

    pub fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        self.settle();
        while let Some(next) = self.next().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.deliver();
            let now = self.now;
            for member in self.members.iter_mut().filter(|member| member.here) {
                if member.play.poll_timeout().is_some_and(|timeout| timeout <= now) {
                    member.play.handle_timeout(now);
                    assert!(member.play.poll_timeout().is_none_or(|timeout| timeout > now));
                }
            }
            self.settle();
        }
        self.now = end;
    }

    fn deliver(&mut self) {
        while let Some(entry) = self.datagrams.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let (from, to, bytes) = entry.remove();
            if self.members[to].here {
                self.members[to].play.handle(self.now, GameInput::Game { peer: id(from), bytes });
            }
        }
        for ((from, to), way) in &mut self.reliable {
            while way.front().is_some_and(|(at, _)| *at <= self.now) {
                let Some((_, bytes)) = way.pop_front() else { break };
                if self.members[*to].here {
                    self.members[*to].play.handle(self.now, GameInput::Rounds { peer: id(*from), bytes });
                }
            }
        }
    }

    /// Runs until the game is won, and says how many rounds that took.
    pub fn run_to_the_end(&mut self, member: usize) -> u32 {
        for _ in 0..1_200 {
            self.run(Duration::from_secs(1));
            let table = self.members[member].play.game().unwrap().table;
            if table.over {
                let rounds = table.round.as_ref().unwrap().number;
                self.run(Duration::from_secs(4));
                return rounds;
            }
        }
        panic!("the game does not end");
    }

    /// Everything that two have both compared is the same; says how much that is.
    pub fn same(&self, one: usize, two: usize) -> usize {
        let (one, two) = (&self.members[one].seen.hashes, &self.members[two].seen.hashes);
        let both = one.iter().filter_map(|(key, hash)| Some((key, hash, two.get(key)?)));
        both.inspect(|(key, hash, other)| assert_eq!(hash, other, "{key:?}")).count()
    }
}
