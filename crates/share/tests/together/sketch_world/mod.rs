//! Several players of *Draw and guess* and the paths between them, in simulated time: datagrams are lost and late by a seed;
//! what is reliable is late, and lost only with its link. What goes over them is looked at: nobody is told the word.
// A test helper: nobody outside sees it.
#![allow(unreachable_pub)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use tincan_protocol::{
    PeerId, SheetStroke, SketchDeed, SketchLanguage, SketchMessage, SketchMove, SketchState, UNKNOWN_LETTER,
    is_close, is_same_answer,
};
use tincan_share::GameInput;
use tincan_share::sketch::{Sketch, SketchBot, SketchOutput};

/// The peer id of a member.
pub fn id(member: usize) -> PeerId {
    PeerId::from_bytes([member as u8 + 1; 32])
}

pub struct Member {
    pub sketch: Sketch,
    pub here: bool,
    /// The sheet as a window has it.
    sheet: Vec<Option<SheetStroke>>,
    /// How often something was new of what is drawn right now.
    pub live: usize,
    /// Words that were told.
    pub words: Vec<String>,
}

pub struct World {
    pub now: Instant,
    pub members: Vec<Member>,
    /// One way.
    delay: Duration,
    /// Of a thousand datagrams.
    lost: u64,
    chance: u64,
    sent: u64,
    datagrams: BTreeMap<(Instant, u64), (usize, usize, Vec<u8>)>,
    reliable: BTreeMap<(usize, usize), VecDeque<(Instant, Vec<u8>)>>,
    /// How many messages went each way.
    told: BTreeMap<(usize, usize), usize>,
    /// In whose name something was said that their program does not say.
    hostile: BTreeSet<usize>,
}

impl World {
    /// Members, all linked; with a bot each where that is said.
    pub fn new(members: usize, bots: bool, delay: u64, lost: u64, seed: u64) -> Self {
        let member = |number: usize| {
            let mut secret = [number as u8; 32];
            secret[..8].copy_from_slice(&seed.to_be_bytes());
            let mut sketch = Sketch::new(id(number), secret);
            if bots {
                sketch.set_bot(SketchBot::new(seed * 31 + number as u64));
            }
            Member { sketch, here: true, sheet: Vec::new(), live: 0, words: Vec::new() }
        };
        let mut world = Self {
            now: Instant::now(),
            members: (0..members).map(member).collect(),
            delay: Duration::from_millis(delay),
            lost,
            chance: seed,
            sent: 0,
            datagrams: BTreeMap::new(),
            reliable: BTreeMap::new(),
            told: BTreeMap::new(),
            hostile: BTreeSet::new(),
        };
        for one in 0..members {
            for two in 0..one {
                world.link(one, two);
            }
        }
        world
    }

    pub fn sketch(&mut self, member: usize) -> &mut Sketch {
        &mut self.members[member].sketch
    }

    pub fn state(&self, member: usize) -> SketchState {
        self.members[member].sketch.game().expect("they are in a game").state.clone()
    }

    /// Which member draws now, as one has it.
    pub fn drawer(&self, member: usize) -> usize {
        usize::from(self.state(member).turn.expect("there is a turn").drawer.as_bytes()[0]) - 1
    }

    pub fn score(&self, of: usize, by: usize) -> u32 {
        let state = self.state(by);
        state.players.iter().find(|player| player.peer == id(of)).map_or(0, |player| player.score)
    }

    /// How many messages one told another over the reliable way.
    pub fn told(&self, from: usize, to: usize) -> usize {
        self.told.get(&(from, to)).copied().unwrap_or(0)
    }

    pub fn link(&mut self, one: usize, two: usize) {
        self.unlink(one, two);
        for (from, to) in [(one, two), (two, one)] {
            self.reliable.insert((from, to), VecDeque::new());
            self.members[from].sketch.handle(self.now, GameInput::LinkOpened(id(to)));
        }
    }

    pub fn unlink(&mut self, one: usize, two: usize) {
        for (from, to) in [(one, two), (two, one)] {
            if self.reliable.remove(&(from, to)).is_some() {
                self.members[from].sketch.handle(self.now, GameInput::LinkClosed(id(to)));
            }
        }
    }

    /// Leaves the room without a word.
    pub fn crash(&mut self, member: usize) {
        self.members[member].here = false;
        for other in 0..self.members.len() {
            if other != member && self.members[other].here {
                self.reliable.remove(&(member, other));
                self.reliable.remove(&(other, member));
                self.members[other].sketch.handle(self.now, GameInput::Left(id(member)));
            }
        }
    }

    /// The first offers a game, some join, and it begins.
    pub fn begin(&mut self, players: std::ops::Range<usize>, rounds: u32, seconds: u32) {
        self.sketch(0).offer(SketchLanguage::En, rounds, seconds).expect("it can be offered");
        self.run(1_000);
        for player in players {
            self.join(player, false);
        }
        self.run(1_000);
        let now = self.now;
        self.sketch(0).start(now).expect("it can begin");
        self.run(1_000);
    }

    /// A member says what its program does not.
    pub fn forge(&mut self, from: usize, to: usize, message: &SketchMessage) {
        self.hostile.insert(from);
        let (now, bytes) = (self.now, message.encode().into_bytes());
        self.sketch(to).handle(now, GameInput::Rounds { peer: id(from), bytes });
    }

    pub fn join(&mut self, member: usize, watch: bool) {
        let now = self.now;
        let game = self.sketch(member).offers().next().expect("somebody offers one").1.game;
        self.sketch(member).join(now, game, watch).expect("it can be joined");
    }

    fn draw_below(&mut self, most: u64) -> u64 {
        self.chance =
            self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.chance >> 33) % most.max(1)
    }

    fn look(&mut self, member: usize) {
        let (now, member) = (self.now, &mut self.members[member]);
        while let Some(output) = member.sketch.poll() {
            match output {
                SketchOutput::Games => {
                    let turn = member.sketch.game().and_then(|game| game.turn);
                    if let Some(word) = turn.filter(|turn| turn.opened).and_then(|turn| turn.word)
                        && member.words.last().is_none_or(|last| last != word)
                    {
                        member.words.push(word.to_owned());
                    }
                }
                SketchOutput::NewSheet => member.sheet.clear(),
                SketchOutput::Sheet => {
                    let (keep, more) = member.sketch.sheet_news().expect("it is new");
                    assert!(keep <= member.sheet.len());
                    member.sheet.truncate(keep);
                    member.sheet.extend_from_slice(more);
                }
                SketchOutput::Live => member.live += usize::from(member.sketch.live_news(now).is_some()),
            }
        }
        assert!(member.sheet == member.sketch.sheet());
    }

    /// Nobody is told the word before it is opened, by nobody honest. (A drawer who calls the right guess wrong gives the word
    /// away, and so does a player who numbers guesses as it likes: they could as well have said it aloud.)
    fn inspect(&self, from: usize, to: usize, message: &SketchMessage) {
        let SketchMessage::PlayerMove(SketchMove { turn: id_of, deed, .. }) = message else { return };
        match deed {
            SketchDeed::Drawing(drawing) if drawing.opened.is_none() => {
                assert!(drawing.hint.contains(UNKNOWN_LETTER), "{}", drawing.hint);
            }
            SketchDeed::Guess { text, .. } => {
                let turn = self.state(from).turn.expect("it is guessed in a turn");
                let drawer = usize::from(turn.drawer.as_bytes()[0]) - 1;
                let theirs = self.members[drawer].sketch.game();
                let word = theirs
                    .filter(|game| game.state.turn.as_ref().is_some_and(|turn| turn.id == *id_of))
                    .and_then(|game| game.turn?.word.map(str::to_owned));
                let gives_away =
                    word.is_some_and(|word| is_same_answer(&word, text) || is_close(&word, text));
                let is_honest = [from, drawer].iter().all(|member| !self.hostile.contains(member));
                assert!(to == drawer || !gives_away || !is_honest, "{text}");
            }
            _ => {}
        }
    }

    /// Takes everything that members have to say on its way.
    pub fn settle(&mut self) {
        for from in 0..self.members.len() {
            self.look(from);
            while let Some((peer, message)) = self.members[from].sketch.poll_datagram() {
                let bytes = message.encode().into_bytes();
                assert!(bytes.len() <= 1_100, "{}", bytes.len());
                let to = usize::from(peer.as_bytes()[0]) - 1;
                let (lost, late) = (self.draw_below(1_000) < self.lost, self.draw_below(20));
                self.sent += 1;
                if !lost && self.members[from].here {
                    let at = self.now + self.delay + Duration::from_millis(late);
                    self.datagrams.insert((at, self.sent), (from, to, bytes));
                }
            }
            for to in 0..self.members.len() {
                if !self.reliable.contains_key(&(from, to)) || !self.members[from].here {
                    continue;
                }
                let mut told = Vec::new();
                let now = self.now;
                self.members[from].sketch.tell(now, id(to), |message| {
                    told.push(message.clone());
                    true
                });
                for message in told {
                    self.inspect(from, to, &message);
                    *self.told.entry((from, to)).or_default() += 1;
                    let bytes = message.encode().into_bytes();
                    assert_eq!(SketchMessage::decode(&bytes).as_ref(), Ok(&message));
                    self.reliable.entry((from, to)).or_default().push_back((now + self.delay, bytes));
                }
            }
        }
    }

    fn next(&self) -> Option<Instant> {
        let here = self.members.iter().filter(|member| member.here);
        let timeouts = here.filter_map(|member| member.sketch.poll_timeout());
        let datagrams = self.datagrams.keys().next().map(|(at, _)| *at);
        let reliable = self.reliable.values().filter_map(|way| way.front().map(|(at, _)| *at));
        timeouts.chain(datagrams).chain(reliable).min()
    }

    /// So many milliseconds.
    pub fn run(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        self.settle();
        while let Some(next) = self.next().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.deliver();
            let now = self.now;
            for at in 0..self.members.len() {
                let member = &mut self.members[at];
                if member.here && member.sketch.poll_timeout().is_some_and(|timeout| timeout <= now) {
                    member.sketch.handle_timeout(now);
                    self.look(at);
                    let timeout = self.members[at].sketch.poll_timeout();
                    assert!(timeout.is_none_or(|timeout| timeout > now), "it would be asked for ever");
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
                self.members[to].sketch.handle(self.now, GameInput::Game { peer: id(from), bytes });
            }
        }
        for ((from, to), way) in &mut self.reliable {
            while way.front().is_some_and(|(at, _)| *at <= self.now) {
                let Some((_, bytes)) = way.pop_front() else { break };
                if self.members[*to].here {
                    self.members[*to].sketch.handle(self.now, GameInput::Rounds { peer: id(*from), bytes });
                }
            }
        }
    }

    /// Runs until one sees that the game is over.
    pub fn run_to_the_end(&mut self, member: usize) {
        for _ in 0..3_000 {
            if self.state(member).over {
                self.run(5_000);
                return;
            }
            self.run(1_000);
        }
        panic!("the game does not end: {:?}", self.state(member));
    }

    /// Runs until one sees another turn than now.
    pub fn run_to_the_next_turn(&mut self, member: usize) {
        let turn = self.state(member).turn.map(|turn| turn.id);
        for _ in 0..300 {
            if self.state(member).turn.map(|turn| turn.id) != turn {
                return;
            }
            self.run(500);
        }
        panic!("the turn does not end: {:?}", self.state(member));
    }
}
