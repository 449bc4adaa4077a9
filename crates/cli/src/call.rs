//! `tincan call`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tincan_engine::Engine;
use tincan_engine::api::{
    CallPhase, CallView, ChatView, Command, Event, FileState, FilesView, GamesView, NoticeKind,
    NumberedEvent, Reply, ReportWords, Sentence, Snapshot, Source,
};
use tincan_media::video::text_screen;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep_until, timeout};

use crate::args::{CallArguments, StatsForm};
use crate::console::Typed;
use crate::frames::{Frames, StreamReport};
use crate::output::{self, Joined, Line, ScreenReport, StatisticsLine};
use crate::{Exit, chat, console, engine_config, game, progress, stop, transfers};

/// A goodbye takes a round trip; devices that hang are given this much, then left behind.
const SHUTDOWN: Duration = Duration::from_secs(10);
/// The engine's notice that a recording is whole, and where.
const RECORDED: &str = "recorded";

pub(crate) async fn run(arguments: CallArguments) -> Exit {
    if let Some(there) = arguments.report.as_ref().filter(|file| file.exists()) {
        eprintln!("`{}` is there already. Name a new file for the report.", there.display());
        return Exit::Problem;
    }
    let frames = Arc::new(Frames::new(arguments.every_stamp, arguments.show_lines));
    let engine = Engine::start(engine_config(frames.clone(), arguments.overrides()));
    let mut stops = stop::requests();
    let mut participant = Participant {
        events: None,
        frames,
        arguments: &arguments,
        call: None,
        chat: None,
        games: GamesView::default(),
        files: FilesView::default(),
        code: None,
        began: Instant::now(),
        was_connected: false,
        exit: None,
    };
    let exit = tokio::select! {
        exit = participant.take_part(&engine) => exit,
        _ = stops.recv() => Exit::Fine,
    };
    if let Some(file) = &arguments.report {
        tokio::select! {
            () = participant.report(&engine, file) => {}
            _ = stops.recv() => return Exit::Forced,
        }
    }
    let shutdown = timeout(SHUTDOWN, engine.shutdown());
    tokio::select! {
        done = shutdown => if done.is_err() {
            eprintln!("Something did not end in time; it is left behind.");
            return Exit::Problem;
        },
        _ = stops.recv() => return Exit::Forced,
    }
    participant.tell_the_rest();
    exit
}

/// The program in its call.
struct Participant<'a> {
    /// From the subscription on.
    events: Option<Receiver<NumberedEvent>>,
    frames: Arc<Frames>,
    arguments: &'a CallArguments,
    call: Option<CallView>,
    chat: Option<ChatView>,
    games: GamesView,
    files: FilesView,
    /// The code of the room that we joined, until it was told.
    code: Option<String>,
    began: Instant,
    was_connected: bool,
    exit: Option<Exit>,
}

impl Participant<'_> {
    async fn take_part(&mut self, engine: &Engine) -> Exit {
        if let Err(exit) = self.subscribe(engine).await {
            return exit;
        }
        let command = match &self.arguments.code {
            Some(code) => Command::JoinRoom { code: code.clone() },
            None => Command::CreateRoom,
        };
        let joining = engine.dispatch(command);
        tokio::pin!(joining);
        let mut joined = false;
        let mut lines = console::lines();
        let mut typing = true;
        let end = self.arguments.limit.map(|limit| self.began + limit);
        loop {
            tokio::select! {
                // What happened before a reply is told before it.
                biased;
                event = next(&mut self.events) => match event {
                    Ok(event) => {
                        self.event(&event, joined);
                        if matches!(event.event, Event::Games { .. }) {
                            self.play_along(engine).await;
                        }
                    }
                    // Too slow for the events: begin again from where things stand.
                    Err(RecvError::Lagged(_)) => if let Err(exit) = self.subscribe(engine).await {
                        return exit;
                    },
                    Err(RecvError::Closed) => return Exit::Ended,
                },
                reply = &mut joining, if !joined => match reply {
                    Ok(reply) => {
                        joined = true;
                        if let Reply::Joined { code } = reply {
                            self.code = Some(code);
                            self.announce();
                        }
                        if let Err(exit) = self.share(engine).await {
                            return exit;
                        }
                    }
                    Err(error) => {
                        eprintln!("{} ({})", error.message, error.code);
                        return Exit::NotJoined;
                    }
                },
                line = lines.recv(), if typing => match line {
                    Some(line) => self.line(engine, &line).await,
                    None => typing = false,
                },
                () = sleep_until(end.unwrap_or(self.began)), if end.is_some() => {
                    return if self.was_connected { Exit::Fine } else { Exit::NobodyCame };
                }
            }
            if let Some(exit) = self.exit {
                return exit;
            }
        }
    }

    async fn subscribe(&mut self, engine: &Engine) -> Result<(), Exit> {
        match engine.subscribe().await {
            Ok((snapshot, events)) => {
                self.events = Some(events);
                self.snapshot(snapshot);
                Ok(())
            }
            Err(error) => {
                eprintln!("{}", error.message);
                Err(Exit::Ended)
            }
        }
    }

    /// What happened while the engine ended: the call is over, a recording is complete.
    fn tell_the_rest(&mut self) {
        while let Some(Ok(event)) = self.events.as_mut().map(Receiver::try_recv) {
            self.event(&event, false);
        }
    }

    fn snapshot(&mut self, snapshot: Snapshot) {
        if self.arguments.events.is_some() {
            output::print(&Line::Snapshot { snapshot: &snapshot });
        }
        self.chat = snapshot.chat;
        self.games = snapshot.games;
        self.files = snapshot.files;
        self.call_changed(snapshot.call);
    }

    /// Tells code and link, and what to send to somebody, once both are known: the reply brings the one, the call's view the other, in any order.
    fn announce(&mut self) {
        let Some(call) = &self.call else { return };
        let Some(code) = self.code.take() else { return };
        let CallView { invite_link, invitation: Sentence { message: invitation, .. }, .. } = call;
        if self.arguments.machine_readable() {
            output::print(&Line::Joined { joined: Joined { code: &code, invite_link, invitation } });
        } else if self.arguments.code.is_none() {
            output::say(&format!("To invite somebody, send them this:\n\n{invitation}\n"));
        }
    }

    fn event(&mut self, event: &NumberedEvent, joined: bool) {
        if self.arguments.events.is_some() {
            output::print(&Line::Event(event));
        }
        match &event.event {
            Event::Call { call } => {
                let over = joined && self.call.is_some() && call.is_none();
                self.call_changed(call.clone());
                if over && self.exit.is_none() {
                    self.exit = Some(Exit::Ended);
                }
            }
            Event::Chat { change } => {
                let told = chat::tell(self.chat.as_ref(), change);
                change.apply(&mut self.chat);
                if let Some(line) = told.filter(|_| self.arguments.chat && !self.arguments.machine_readable())
                {
                    output::say(&line);
                }
            }
            Event::Games { games } => {
                let name_of = |id: &str| {
                    let found = self.call.as_ref()?.participants.iter().find(|other| other.id == id);
                    found.map(|other| progress::name(other).to_owned())
                };
                for sentence in game::tell(&self.games, games, name_of) {
                    eprintln!("{sentence}");
                }
                self.games = games.clone();
            }
            Event::Files { change } => {
                let before = self.files.clone();
                change.apply(&mut self.files);
                let changed = transfers::changed(&before, &self.files);
                for (offer, transfer) in changed {
                    let Some(sentence) = transfers::tell(offer, transfer) else { continue };
                    let asks = !offer.ours && transfer.state == FileState::Offered;
                    eprintln!("{sentence}{}", if asks { " To take it: file take" } else { "" });
                }
            }
            Event::LastCall { summary: Some(summary) } => {
                let reason = summary.reason.as_ref().map_or("The call is over.", |reason| &reason.message);
                let quality = summary.quality.as_ref().map_or("", |quality| &quality.message);
                eprintln!("{reason} It took {} s. {quality}", summary.seconds);
            }
            // What else is only good to know, the call's view tells.
            Event::Notice { notice } if notice.kind != NoticeKind::Info || notice.said.code == RECORDED => {
                eprintln!("{}", notice.said.message);
            }
            Event::Statistics { statistics } => {
                let elapsed = (self.began.elapsed().as_secs_f64() * 10.0).round() / 10.0;
                match self.arguments.stats {
                    Some(StatsForm::Json) => {
                        let (stamps, screens) = self.arguments.read_stamp.then(|| self.seen()).unzip();
                        output::print(&Line::Statistics(StatisticsLine {
                            elapsed,
                            statistics,
                            stamps,
                            screens,
                        }));
                    }
                    Some(StatsForm::Text) => self.tell_statistics(elapsed, statistics),
                    None => {}
                }
            }
            _ => {}
        }
    }

    /// What is seen of cameras and of shared screens.
    fn seen(&self) -> (BTreeMap<String, StreamReport>, BTreeMap<String, ScreenReport>) {
        let (call, report) = (self.call.as_ref(), self.frames.report());
        let screens = output::by_peer(report.clone(), call, Source::Screen);
        let legible = |(peer, stream): (String, StreamReport)| {
            let legible = stream.newest.as_ref().and_then(|newest| text_screen::legible(newest));
            (peer, ScreenReport { stream, legible })
        };
        (output::by_peer(report, call, Source::Camera), screens.into_iter().map(legible).collect())
    }

    fn tell_statistics(&self, elapsed: f64, statistics: &tincan_engine::api::CallStatistics) {
        let Some(call) = &self.call else { return };
        let stamps = self.arguments.read_stamp.then(|| self.seen().0);
        for other in &call.participants {
            let Some(theirs) = statistics.participants.get(&other.id) else { continue };
            let mut line = output::describe(elapsed, progress::name(other), theirs);
            if let Some(report) = stamps.as_ref().and_then(|stamps| stamps.get(&other.id)) {
                let counter = report.counter.map_or("none".to_owned(), |counter| counter.to_string());
                line += &format!(", {} pictures, stamp {counter}", report.pictures);
            }
            output::say(&line);
        }
    }

    fn call_changed(&mut self, call: Option<CallView>) {
        if let Some(call) = &call {
            for sentence in progress::tell(self.call.as_ref(), call) {
                eprintln!("{sentence}");
            }
            self.was_connected |= call.phase == CallPhase::Connected;
            let left = self.call.as_ref().is_some_and(|before| !before.participants.is_empty());
            if self.arguments.leave_when_alone && left && call.participants.is_empty() {
                self.exit = Some(Exit::Fine);
            }
        }
        self.call = call;
        self.announce();
    }

    /// What is to be shared from the beginning.
    async fn share(&self, engine: &Engine) -> Result<(), Exit> {
        let Some(id) = self.arguments.screen.clone() else { return Ok(()) };
        let sound = self.arguments.screen_sound.clone();
        let command = Command::ShareScreen { id, smooth: self.arguments.smooth, sound };
        engine.dispatch(command).await.map(|_| ()).map_err(|error| {
            eprintln!("{} ({})", error.message, error.code);
            Exit::Problem
        })
    }

    async fn line(&mut self, engine: &Engine, line: &str) {
        match self.typed(line) {
            None => {}
            Some(Err(problem)) => eprintln!("{problem}"),
            Some(Ok(Typed::Show { stream, lines })) => self.frames.want(stream, lines),
            Some(Ok(Typed::Save { stream, file })) => self.save(stream, file),
            Some(Ok(Typed::Game(play))) => match game::command(play, &self.games) {
                Ok(command) => self.ask(engine, command).await,
                Err(problem) => eprintln!("{problem}"),
            },
            Some(Ok(Typed::Files(typed))) => match transfers::command(typed, &self.files) {
                Ok(command) => self.ask(engine, command).await,
                Err(problem) => eprintln!("{problem}"),
            },
            Some(Ok(Typed::Command(Command::Leave))) => self.exit = Some(Exit::Fine),
            Some(Ok(Typed::Command(command))) => self.ask(engine, command).await,
        }
    }

    /// A picture of 1080p is made and written in some 100 ms, for which nothing else here has to happen.
    fn save(&self, stream: u32, file: String) {
        let picture = self.frames.newest(stream).and_then(|newest| tincan_engine::picture::png(&newest));
        let saved = match picture {
            Some(png) => std::fs::write(&file, png).map_err(|error| error.to_string()),
            None => Err("there is no picture of it yet".to_owned()),
        };
        match saved {
            Ok(()) => eprintln!("Saved as {file}."),
            Err(problem) => eprintln!("`{file}` was not saved: {problem}."),
        }
    }

    async fn ask(&self, engine: &Engine, command: Command) {
        match engine.dispatch(command).await {
            Ok(Reply::Saved { file }) => eprintln!("Saved as {file}."),
            Ok(_) => {}
            Err(error) => eprintln!("{} ({})", error.message, error.code),
        }
    }

    /// Writes how the call went, when there was one.
    async fn report(&self, engine: &Engine, file: &Path) {
        let command = Command::SaveReport {
            file: Some(file.display().to_string()),
            replace: false,
            utc_offset: 0,
            words: ReportWords::default(),
        };
        self.ask(engine, command).await;
    }

    /// A program that plays joins what is offered.
    async fn play_along(&self, engine: &Engine) {
        if self.arguments.play.is_some()
            && self.games.game.is_none()
            && self.games.sketch.is_none()
            && let Ok(command) = game::command(console::Play::Join { watch: false }, &self.games)
        {
            self.ask(engine, command).await;
        }
    }

    fn typed(&self, line: &str) -> Option<Result<Typed, String>> {
        if !self.arguments.chat {
            return console::parse(line, self.call.as_ref());
        }
        match chat::parse(line, self.chat.as_ref())? {
            Ok(chat::Typed::Command(command)) => Some(Ok(Typed::Command(command))),
            Ok(chat::Typed::Other(line)) => {
                console::parse(&line, self.call.as_ref()).map(|typed| typed.map_err(chat::explain))
            }
            Ok(chat::Typed::Help) => Some(Err(chat::HELP.to_owned())),
            Err(problem) => Some(Err(problem)),
        }
    }
}

async fn next(events: &mut Option<Receiver<NumberedEvent>>) -> Result<NumberedEvent, RecvError> {
    match events {
        Some(events) => events.recv().await,
        None => std::future::pending().await,
    }
}
