//! `tincan call` as its own process: a participant without a window, followed by its lines of JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use tincan_engine::api::{
    ArenaChange, ArenaView, BoardChange, BoardLive, BoardView, ChatChange, ChatView, FilesChange, FilesView,
    GamePhase, GamesView, SheetChange, SheetView,
};
use tokio::process::Command;

pub use crate::people::{id_of, other, others, sees, shows};
use crate::process::{PATIENCE, Process, binary};

/// For what eight on one machine do together, while other tests run.
const LONG_PATIENCE: Duration = Duration::from_secs(60);
/// A level above what is left of silence, and below any voice.
const AUDIBLE: f64 = 0.005;
/// A game goes on for as long as it likes.
const GAME_PATIENCE: Duration = Duration::from_secs(180);
/// From this tick on lines move.
const MOVING: u32 = 180;

/// A participant without a window.
pub struct Participant {
    process: Process,
    told: Told,
    /// The command that ends it.
    leave: &'static str,
}

/// What it told so far.
#[derive(Default)]
struct Told {
    call: Value,
    preview: Value,
    chat: Option<ChatView>,
    board: Option<BoardView>,
    games: GamesView,
    files: FilesView,
    arena: Option<ArenaView>,
    /// The hashes of games: of which round, after how many ticks.
    rounds: BTreeMap<(u32, u32), String>,
    /// The sheet of the turn of draw and guess that is played.
    sheet: Option<SheetView>,
    /// How often strokes were finished on any sheet, and how often one grew before.
    strokes: (u32, u32),
    /// In how many frames of a round our own head moved, and in how many it stood still.
    own_head: (u32, u32),
    /// Whether a connection was ever shown as being made again.
    reconnected: bool,
    /// How each one's pictures came, by id.
    pictures: BTreeMap<String, Pictures>,
}

/// How somebody's pictures came.
#[derive(Default)]
struct Pictures {
    all: u64,
    /// Since when the last one stands, in whole seconds.
    standing: u64,
    /// The longest that one stood since this was asked for last, in milliseconds.
    longest: u64,
}

impl Pictures {
    /// Takes a second in. What stands still and does not end is told as no pause, so it is counted here.
    fn take(&mut self, second: &Value) {
        let all = second["pictures"].as_u64().unwrap_or(0);
        self.standing = if all > self.all { 0 } else { self.standing + 1 };
        self.all = all;
        self.longest =
            self.longest.max(second["longestPauseMs"].as_u64().unwrap_or(0)).max(self.standing * 1_000);
    }
}

/// One second of a call, as the statistics tell it.
pub struct Second<'a> {
    call: &'a Value,
    line: &'a Value,
}

impl Second<'_> {
    /// What was measured of somebody; nothing while they are not there.
    pub fn of(&self, name: &str) -> &Value {
        &self.line["statistics"]["participants"][self.id(name)]
    }

    /// What was shown of somebody.
    pub fn pictures_of(&self, name: &str) -> &Value {
        &self.line["stamps"][self.id(name)]
    }

    /// What was shown of what somebody shares.
    pub fn screen_of(&self, name: &str) -> &Value {
        &self.line["screens"][self.id(name)]
    }

    fn id(&self, name: &str) -> &str {
        let found = others(self.call).iter().find(|other| other["name"] == name);
        found.and_then(|other| other["id"].as_str()).unwrap_or_default()
    }
}

impl Told {
    /// Takes a line in; gives it, when it is one of JSON.
    fn take(&mut self, line: &str) -> Option<Value> {
        let line: Value = serde_json::from_str(line).ok()?;
        if let Some(stamps) = line["stamps"].as_object() {
            // Whoever shows nothing begins anew, as does whoever comes again.
            self.pictures.retain(|id, _| stamps.contains_key(id));
            for (id, second) in stamps {
                self.pictures.entry(id.clone()).or_default().take(second);
            }
        }
        if let Some(now) = part(&line, "call") {
            self.call.clone_from(now);
            self.reconnected |= others(now).iter().any(|other| other["connection"] == "reconnecting");
        }
        if let Some(now) = part(&line, "preview") {
            self.preview.clone_from(now);
        }
        if let Some(all) = line["snapshot"].get("chat") {
            self.chat = serde_json::from_value(all.clone()).ok()?;
        }
        if line["event"]["type"] == "chat" {
            let change: ChatChange = serde_json::from_value(line["event"]["change"].clone()).ok()?;
            change.apply(&mut self.chat);
        }
        self.take_board(&line)?;
        self.take_files(&line)?;
        self.take_game(&line);
        Some(line)
    }

    fn take_board(&mut self, line: &Value) -> Option<()> {
        if let Some(all) = line["snapshot"].get("board") {
            self.board = serde_json::from_value(all.clone()).ok()?;
        }
        if line["event"]["type"] == "board" {
            let change: BoardChange = serde_json::from_value(line["event"]["change"].clone()).ok()?;
            change.apply(&mut self.board);
        }
        Some(())
    }

    fn take_files(&mut self, line: &Value) -> Option<()> {
        if let Some(all) = line["snapshot"].get("files") {
            self.files = serde_json::from_value(all.clone()).ok()?;
        }
        if line["event"]["type"] == "files" {
            let change: FilesChange = serde_json::from_value(line["event"]["change"].clone()).ok()?;
            change.apply(&mut self.files);
        }
        Some(())
    }

    fn take_game(&mut self, line: &Value) {
        let games = part(line, "games").and_then(|games| serde_json::from_value(games.clone()).ok());
        self.games = games.unwrap_or_else(|| std::mem::take(&mut self.games));
        if line["event"]["type"] == "sheet"
            && let Ok(change) = serde_json::from_value::<SheetChange>(line["event"]["change"].clone())
        {
            match &change {
                SheetChange::Strokes { strokes, .. } => self.strokes.0 += strokes.len() as u32,
                SheetChange::Live { stroke } => self.strokes.1 += u32::from(stroke.is_some()),
                SheetChange::All { .. } => {}
            }
            change.apply(&mut self.sheet);
        }
        if line["event"]["type"] != "arena" {
            return;
        }
        let Ok(change) = serde_json::from_value::<ArenaChange>(line["event"]["change"].clone()) else {
            return;
        };
        if let ArenaChange::Checked { round, tick, hash } = &change {
            self.rounds.insert((*round, *tick), hash.clone());
        }
        let seat = self.games.game.as_ref().and_then(|game| {
            let own = game.players.iter().find(|player| player.peer == self.games.me)?;
            (game.phase == GamePhase::Round && own.out.is_none()).then_some(own.seat?)
        });
        let head = |arena: &Option<ArenaView>| {
            let arena = arena.as_ref().filter(|arena| arena.tick > MOVING)?;
            *arena.heads.get(usize::from(seat?))?
        };
        let before = head(&self.arena);
        change.apply(&mut self.arena);
        if let (ArenaChange::Frame { .. }, Some(before), Some(now)) = (&change, before, head(&self.arena)) {
            let count = if before == now { &mut self.own_head.1 } else { &mut self.own_head.0 };
            *count += 1;
        }
    }
}

impl Participant {
    /// Starts `tincan call` on `server` with synthetic devices, unless `arguments` name others. Without a code among
    /// them it starts a call of its own.
    pub fn start(name: &str, server: &str, arguments: &[&str]) -> Self {
        Self::start_by(Command::new(binary("tincan")), name, server, arguments)
    }

    /// Like [`Participant::start`], by a command that stands for `tincan`.
    pub fn start_by(command: Command, name: &str, server: &str, arguments: &[&str]) -> Self {
        let arguments = [&["--server", server], arguments].concat();
        Self::start_anywhere(command, name, &arguments)
    }

    /// Like [`Participant::start`], without a server: on the local network.
    pub fn start_locally(name: &str, arguments: &[&str]) -> Self {
        Self::start_anywhere(Command::new(binary("tincan")), name, arguments)
    }

    /// The same by a command that stands for `tincan`.
    pub fn start_anywhere(mut command: Command, name: &str, arguments: &[&str]) -> Self {
        command.args(["call", "--name", name]);
        for (option, usual) in [("--camera", "test-pattern"), ("--microphone", "tone"), ("--speaker", "none")]
        {
            if !arguments.contains(&option) {
                command.args([option, usual]);
            }
        }
        command.args(["--events", "json", "--stats", "json", "--read-stamp"]).args(arguments);
        // In a chat, commands have a slash.
        let leave = if arguments.contains(&"--chat") { "/leave" } else { "leave" };
        Self { process: Process::start(name, command), told: Told::default(), leave }
    }

    /// The code of the call, once it is in the room.
    pub async fn code(&mut self) -> String {
        let found = |line: &Value| line["joined"]["code"].as_str().map(str::to_owned);
        self.follow(PATIENCE, "code", |_, line| found(line)).await
    }

    /// Types a command.
    pub async fn say(&mut self, command: &str) {
        self.process.type_line(command).await;
    }

    /// Waits until the call as a window would show it satisfies `holds`.
    pub async fn until(&mut self, what: &str, holds: impl Fn(&Value) -> bool) {
        if !holds(&self.told.call) {
            self.follow(PATIENCE, what, |call, _| holds(call).then_some(())).await;
        }
    }

    /// Waits until the chat as a window would show it satisfies `holds`, also after somebody was missed for a long time.
    pub async fn chat_until(&mut self, what: &str, holds: impl Fn(&ChatView) -> bool) -> ChatView {
        let found = |chat: &Option<ChatView>| chat.as_ref().filter(|chat| holds(chat)).cloned();
        self.catch_up();
        if let Some(chat) = found(&self.told.chat) {
            return chat;
        }
        let told = &mut self.told;
        let search = |line: &str| {
            told.take(line);
            found(&told.chat)
        };
        self.process.wait_for_within(LONG_PATIENCE, what, search).await
    }

    /// Waits until the whiteboard as a window would show it satisfies `holds`.
    pub async fn board_until(&mut self, what: &str, holds: impl Fn(&BoardView) -> bool) -> BoardView {
        let found = |board: &Option<BoardView>| board.as_ref().filter(|board| holds(board)).cloned();
        self.catch_up();
        if let Some(board) = found(&self.told.board) {
            return board;
        }
        let told = &mut self.told;
        let search = |line: &str| {
            told.take(line);
            found(&told.board)
        };
        self.process.wait_for_within(LONG_PATIENCE, what, search).await
    }

    /// Waits until something is told of what somebody draws that satisfies `holds`. (It has to show the board.)
    pub async fn live_until(&mut self, what: &str, holds: impl Fn(&BoardLive) -> bool) -> BoardLive {
        self.follow(PATIENCE, what, |_, line| {
            let live = line["event"].get("live").filter(|_| line["event"]["type"] == "board_live")?;
            let live: Vec<BoardLive> = serde_json::from_value(live.clone()).ok()?;
            live.into_iter().find(&holds)
        })
        .await
    }

    /// Waits until the games as a window would show them satisfy `holds`.
    pub async fn games_until(&mut self, what: &str, holds: impl Fn(&GamesView) -> bool) -> GamesView {
        self.catch_up();
        let told = &mut self.told;
        if holds(&told.games) {
            return told.games.clone();
        }
        let search = |line: &str| {
            told.take(line);
            holds(&told.games).then(|| told.games.clone())
        };
        self.process.wait_for_within(GAME_PATIENCE, what, search).await
    }

    /// Waits until the files as a window would show them satisfy `holds`.
    pub async fn files_until(
        &mut self,
        limit: Duration,
        what: &str,
        holds: impl Fn(&FilesView) -> bool,
    ) -> FilesView {
        self.catch_up();
        let told = &mut self.told;
        if holds(&told.files) {
            return told.files.clone();
        }
        let search = |line: &str| {
            told.take(line);
            holds(&told.files).then(|| told.files.clone())
        };
        self.process.wait_for_within(limit, what, search).await
    }

    /// The files as a window would show them.
    pub fn files(&mut self) -> &FilesView {
        self.catch_up();
        &self.told.files
    }

    /// The games as a window would show them.
    pub fn games(&mut self) -> &GamesView {
        self.catch_up();
        &self.told.games
    }

    /// The hashes over its rounds: of which round, after how many ticks.
    pub fn rounds(&mut self) -> &BTreeMap<(u32, u32), String> {
        self.catch_up();
        &self.told.rounds
    }

    /// How many strokes were finished on the sheets that it saw, and how often one grew before that.
    pub fn strokes(&mut self) -> (u32, u32) {
        self.catch_up();
        self.told.strokes
    }

    /// In how many frames its own head moved, and in how many it stood still.
    pub fn own_head(&mut self) -> (u32, u32) {
        self.catch_up();
        self.told.own_head
    }

    /// Waits until exactly these are there and connected.
    pub async fn sees(&mut self, names: &[&str]) {
        self.catch_up();
        let there = |call: &Value| {
            sees(call, names) && others(call).iter().all(|other| other["connection"] == "connected")
        };
        if !there(&self.told.call) {
            self.follow(LONG_PATIENCE, &format!("{names:?}"), |call, _| there(call).then_some(())).await;
        }
    }

    /// Waits until its own devices, as a window would show them, satisfy `holds`.
    pub async fn preview_until(&mut self, what: &str, holds: impl Fn(&Value) -> bool) {
        if !holds(&self.told.preview) {
            self.follow(PATIENCE, what, |_, line| part(line, "preview").is_some_and(&holds).then_some(()))
                .await;
        }
    }

    /// Waits for the next second's statistics of the only other participant that satisfy `holds`, and returns them.
    pub async fn seconds_until(&mut self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        self.follow(PATIENCE, what, |_, line| {
            let one = line["statistics"]["participants"].as_object()?.values().next()?.clone();
            holds(&one).then_some(one)
        })
        .await
    }

    /// Waits for a second from now on of which `wanted` makes something.
    pub async fn second<T>(&mut self, what: &str, wanted: impl Fn(&Second<'_>) -> Option<T>) -> T {
        self.catch_up();
        self.follow(PATIENCE, what, |call, line| {
            line["statistics"]["participants"].as_object()?;
            wanted(&Second { call, line })
        })
        .await
    }

    /// Waits until something is heard of somebody.
    pub async fn hears(&mut self, name: &str) {
        let id = id_of(&self.told.call, name);
        self.follow(PATIENCE, &format!("a sound of {name}"), |_, line| {
            (line["event"]["levels"]["participants"][&id].as_f64() > Some(AUDIBLE)).then_some(())
        })
        .await;
    }

    /// The longest that a picture of somebody stood still, in milliseconds, in the seconds since this was asked last.
    pub fn longest_standstill(&mut self, name: &str) -> u64 {
        self.catch_up();
        let pictures = self.told.pictures.get_mut(&id_of(&self.told.call, name));
        pictures.map_or(0, |pictures| std::mem::take(&mut pictures.longest))
    }

    /// Waits for whatever it says next: ten times a second it tells how loud its microphone is.
    pub async fn another_word(&mut self) {
        self.follow(PATIENCE, "anything", |_, _| Some(())).await;
    }

    /// The counter in the newest picture of the only other participant, in the next second's statistics that have one.
    pub async fn counter(&mut self) -> u64 {
        self.follow(PATIENCE, "a counter in the other's picture", |_, line| other_counter(line)).await
    }

    /// Waits for a next second in which the other's newest picture satisfies `holds`, and returns what was read in it.
    pub async fn picture_until(&mut self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        self.follow(PATIENCE, what, |_, line| other_picture(line).filter(|one| holds(one)).cloned()).await
    }

    /// Waits until the other's counter is beyond `before`.
    pub async fn counter_after(&mut self, before: u64) -> u64 {
        self.follow(PATIENCE, "a moving counter in the other's picture", |_, line| {
            other_counter(line).filter(|now| *now > before)
        })
        .await
    }

    /// Waits until the other's counter is another one: a clip's begins again at its end.
    pub async fn another_counter(&mut self, before: u64) -> u64 {
        self.follow(PATIENCE, "another counter in the other's picture", |_, line| {
            other_counter(line).filter(|now| *now != before)
        })
        .await
    }

    /// The longest time between two pictures of the other in the next `seconds` seconds, in milliseconds.
    pub async fn longest_pause(&mut self, seconds: usize) -> u64 {
        let mut longest = 0;
        for _ in 0..seconds {
            let pause = self.follow(PATIENCE, "a second with pictures", |_, line| {
                Some(other_picture(line)?["longestPauseMs"].as_u64().unwrap_or(0))
            });
            longest = longest.max(pause.await);
        }
        longest
    }

    /// Waits until pictures come again after a pause of at least `least` milliseconds; returns how long it was.
    pub async fn pause(&mut self, least: u64) -> u64 {
        self.follow(PATIENCE, "pictures after a pause", |_, line| {
            other_picture(line)?["longestPauseMs"].as_u64().filter(|pause| *pause >= least)
        })
        .await
    }

    /// Saves what is shared, as a PNG. Waits until it is written.
    pub async fn save_screen(&mut self, file: &std::path::Path) {
        self.say(&format!("save screen {}", file.display())).await;
        let told = &mut self.told;
        let search = |line: &str| {
            told.take(line);
            line.starts_with("Saved as").then_some(())
        };
        self.process.wait_for_within(PATIENCE, "a picture of the screen", search).await;
    }

    /// Waits for a notice with this code.
    pub async fn notice(&mut self, code: &str) {
        self.follow(PATIENCE, code, |_, line| {
            (line["event"]["notice"]["code"].as_str() == Some(code)).then_some(())
        })
        .await;
    }

    /// Waits until exactly these are there, the pictures of each move, and something is heard of each.
    pub async fn meets(&mut self, names: &[&str]) {
        self.catch_up();
        let (mut first, mut moved, mut heard) =
            (BTreeMap::<String, u64>::new(), BTreeSet::new(), BTreeSet::new());
        self.follow(LONG_PATIENCE, &format!("meeting {names:?}"), |call, line| {
            for (id, level) in line["event"]["levels"]["participants"].as_object().into_iter().flatten() {
                if level.as_f64() > Some(AUDIBLE) {
                    heard.insert(id.clone());
                }
            }
            for (id, stamp) in line["stamps"].as_object().into_iter().flatten() {
                let pictures = stamp["pictures"].as_u64().unwrap_or(0);
                if pictures > *first.entry(id.clone()).or_insert(pictures) {
                    moved.insert(id.clone());
                }
            }
            let met = |other: &Value| {
                other["id"].as_str().is_some_and(|id| moved.contains(id) && heard.contains(id))
            };
            let all =
                sees(call, names) && call["participants"].as_array().is_some_and(|all| all.iter().all(met));
            all.then_some(())
        })
        .await;
    }

    /// Reads whatever it has said already, so that what is waited for next is of now.
    pub fn catch_up(&mut self) {
        while let Some(line) = self.process.line_so_far() {
            self.told.take(&line);
        }
    }

    /// Whether a connection was ever shown as being made again.
    pub fn reconnected(&mut self) -> bool {
        self.catch_up();
        self.told.reconnected
    }

    /// The call as a window would show it.
    pub fn call(&self) -> &Value {
        &self.told.call
    }

    /// Leaves, and waits until the program has ended by itself; returns its exit code and what it said.
    pub async fn leave(mut self) -> (Option<i32>, Vec<String>) {
        self.process.type_line(self.leave).await;
        self.process.end().await
    }

    /// Waits until the program ends by itself; returns its exit code and what it said.
    pub async fn end(self) -> (Option<i32>, Vec<String>) {
        self.process.end().await
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Dies without a word.
    pub async fn crash(self) {
        self.process.kill().await;
    }

    async fn follow<T>(
        &mut self,
        limit: Duration,
        what: &str,
        mut wanted: impl FnMut(&Value, &Value) -> Option<T>,
    ) -> T {
        let told = &mut self.told;
        // One wait for all lines: statistics come every second, so that a wait for each would never be over.
        self.process
            .wait_for_within(limit, what, |line| {
                let line = told.take(line)?;
                wanted(&told.call, &line)
            })
            .await
    }
}

/// A part of what a window would show, if this line tells it.
fn part<'a>(line: &'a Value, name: &str) -> Option<&'a Value> {
    line["snapshot"].get(name).or_else(|| line["event"].get(name))
}

fn other_counter(line: &Value) -> Option<u64> {
    other_picture(line)?["counter"].as_u64()
}

fn other_picture(line: &Value) -> Option<&Value> {
    let stamps = line["stamps"].as_object()?;
    Some(stamps.iter().find(|(who, _)| *who != "self")?.1)
}
