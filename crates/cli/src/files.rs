//! `tincan send` and `tincan receive`: files without a call. Both are in a room like everybody else, with neither camera nor
//! microphone; so whoever is in a call with a window can send to a terminal, and the other way round.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tincan_engine::api::{
    CallPhase, CallView, Command, Event, FileOffer, FileState, FileTransfer, FilesView, NoticeKind,
    NumberedEvent, Reply, Snapshot,
};
use tincan_engine::{Engine, EngineConfig};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use crate::args::{ReceiveArguments, RoomArguments, SendArguments};
use crate::frames::Frames;
use crate::output;
use crate::transfers::{self, size, whole};
use crate::{Exit, console, engine_config, progress, stop};

/// A goodbye takes a round trip.
const SHUTDOWN: Duration = Duration::from_secs(10);
/// The last word to the other side: that everything is there.
const LAST_WORD: Duration = Duration::from_millis(500);

pub(crate) async fn send(arguments: SendArguments) -> Exit {
    let paths: Vec<PathBuf> = arguments.files.iter().map(|path| whole(path)).collect();
    // Before somebody is told a code.
    if let Some(missing) = arguments.files.iter().zip(&paths).find(|(_, path)| !path.exists()) {
        eprintln!("There is no `{}`. Look at how it is written and where it is.", missing.0.display());
        return Exit::Problem;
    }
    let work = Work::Send { paths, everybody: arguments.everybody };
    run(arguments.room, arguments.to, work, None).await
}

pub(crate) async fn receive(arguments: ReceiveArguments) -> Exit {
    let folder = whole(arguments.folder.as_deref().unwrap_or(Path::new(".")));
    if !folder.is_dir() {
        eprintln!("`{}` is no folder. Make it first, or choose another with --folder.", folder.display());
        return Exit::Problem;
    }
    let work = Work::Receive { folder: folder.clone(), yes: arguments.yes };
    run(arguments.room, arguments.code, work, Some(folder)).await
}

enum Work {
    Send { paths: Vec<PathBuf>, everybody: bool },
    Receive { folder: PathBuf, yes: bool },
}

async fn run(room: RoomArguments, code: Option<String>, work: Work, downloads: Option<PathBuf>) -> Exit {
    let frames = Arc::new(Frames::new(false, Some(0)));
    let config = EngineConfig { downloads, ..engine_config(frames, room.overrides()) };
    let engine = Engine::start(config);
    let mut stops = stop::requests();
    let mut porter = Porter {
        work,
        code,
        limit: room.limit.map(|limit| Instant::now() + limit),
        events: None,
        files: FilesView::default(),
        call: None,
        told_code: None,
        was_connected: false,
        line: ProgressLine::new(),
        asked: Vec::new(),
        offered: false,
    };
    let exit = tokio::select! {
        exit = porter.work(&engine) => exit,
        _ = stops.recv() => Exit::Forced,
    };
    porter.line.end();
    if exit == Exit::Forced && porter.is_under_way() {
        eprintln!("Stopped. What came so far stays, and is used when the same is sent again.");
    }
    tokio::select! {
        done = timeout(SHUTDOWN, engine.shutdown()) => if done.is_err() {
            eprintln!("Something did not end in time; it is left behind.");
            return Exit::Problem;
        },
        _ = stops.recv() => return Exit::Forced,
    }
    exit
}

struct Porter {
    work: Work,
    code: Option<String>,
    limit: Option<Instant>,
    events: Option<Receiver<NumberedEvent>>,
    files: FilesView,
    call: Option<CallView>,
    /// The code of the room, once it is to be told.
    told_code: Option<String>,
    was_connected: bool,
    line: ProgressLine,
    /// Offers that the person is asked about, the first one now.
    asked: Vec<String>,
    /// Whether what we send is offered.
    offered: bool,
}

impl Porter {
    async fn work(&mut self, engine: &Engine) -> Exit {
        if let Err(exit) = self.subscribe(engine).await {
            return exit;
        }
        let command = match &self.code {
            Some(code) => Command::JoinRoom { code: code.clone() },
            None => Command::CreateRoom,
        };
        match engine.dispatch(command).await {
            Ok(Reply::Joined { code }) => self.told_code = Some(code),
            Ok(_) => {}
            Err(error) => {
                eprintln!("{} ({})", error.message, error.code);
                return Exit::NotJoined;
            }
        }
        if let Work::Send { paths, .. } = &self.work {
            let paths = paths.iter().map(|path| path.to_string_lossy().into_owned()).collect();
            if let Err(error) = engine.dispatch(Command::OfferFiles { paths, to: None }).await {
                eprintln!("{} ({})", error.message, error.code);
                return Exit::Problem;
            }
            self.offered = true;
        }
        self.say_code();
        let mut lines: Option<mpsc::Receiver<String>> = None;
        loop {
            if let Some(exit) = self.end() {
                tokio::time::sleep(LAST_WORD).await;
                return exit;
            }
            if !self.asked.is_empty() && lines.is_none() {
                lines = Some(console::lines());
            }
            tokio::select! {
                event = next(&mut self.events) => match event {
                    Ok(event) => if let Some(exit) = self.event(engine, &event).await {
                        return exit;
                    },
                    Err(RecvError::Lagged(_)) => if let Err(exit) = self.subscribe(engine).await {
                        return exit;
                    },
                    Err(RecvError::Closed) => return Exit::Ended,
                },
                line = typed(&mut lines) => self.answer(engine, line.as_deref()).await,
                () = sleep_until(self.limit.unwrap_or_else(Instant::now)), if self.limit.is_some() => {
                    self.line.end();
                    eprintln!("The time is over.");
                    return if self.was_connected { Exit::Problem } else { Exit::NobodyCame };
                }
            }
        }
    }

    async fn subscribe(&mut self, engine: &Engine) -> Result<(), Exit> {
        match engine.subscribe().await {
            Ok((Snapshot { call, files, .. }, events)) => {
                (self.call, self.files, self.events) = (call, files, Some(events));
                Ok(())
            }
            Err(error) => {
                eprintln!("{}", error.message);
                Err(Exit::Ended)
            }
        }
    }

    /// What the other side has to be told.
    fn say_code(&mut self) {
        let Some(code) = self.told_code.take().filter(|_| self.code.is_none()) else { return };
        match &self.work {
            Work::Send { .. } => {
                eprintln!("On the other computer, or in a window of Tincan, join this code:\n");
                output::say(&format!("tincan receive {code}"));
            }
            Work::Receive { .. } => {
                eprintln!("On the other computer:\n");
                output::say(&format!("tincan send FILE --to {code}"));
            }
        }
        eprintln!();
    }

    async fn event(&mut self, engine: &Engine, event: &NumberedEvent) -> Option<Exit> {
        match &event.event {
            Event::Files { change } => {
                let before = self.files.clone();
                change.apply(&mut self.files);
                self.files_changed(engine, &before).await;
            }
            Event::Call { call } => {
                if self.call.is_some() && call.is_none() {
                    return Some(Exit::Ended);
                }
                self.call_changed(call.clone());
            }
            Event::LastCall { summary: Some(summary) } => {
                if let Some(reason) = &summary.reason {
                    self.line.end();
                    eprintln!("{reason}");
                }
            }
            Event::Notice { notice } if notice.kind == NoticeKind::Error => {
                self.line.end();
                eprintln!("{}", notice.said.message);
            }
            _ => {}
        }
        None
    }

    fn call_changed(&mut self, call: Option<CallView>) {
        if let Some(call) = &call {
            let said = progress::tell(self.call.as_ref(), call);
            // Cameras and microphones are nothing here, and a code that was typed needs nothing compared.
            for sentence in
                said.iter().filter(|said| !said.contains(": microphone ") && !said.contains(": camera "))
            {
                self.line.end();
                eprintln!("{sentence}");
            }
            self.was_connected |= call.phase == CallPhase::Connected;
        }
        self.call = call;
    }

    async fn files_changed(&mut self, engine: &Engine, before: &FilesView) {
        let changed = transfers::changed(before, &self.files);
        for sentence in changed.iter().filter_map(|(offer, transfer)| transfers::tell(offer, transfer)) {
            self.line.end();
            eprintln!("{sentence}");
        }
        let offered =
            changed.iter().filter(|(offer, transfer)| !offer.ours && transfer.state == FileState::Offered);
        let wanted: Vec<String> = offered.map(|(offer, _)| offer.id.clone()).collect();
        if let Work::Receive { yes, .. } = &self.work {
            if *yes {
                for offer in wanted {
                    self.take(engine, offer).await;
                }
            } else {
                self.asked.extend(wanted);
                self.ask();
            }
        }
        self.show();
    }

    fn ask(&mut self) {
        while let Some(first) = self.asked.first() {
            let offer = self.files.offers.iter().find(|offer| offer.id == *first);
            let open = |offer: &&FileOffer| offer.transfers.iter().any(|one| one.state == FileState::Offered);
            if offer.filter(open).is_some() {
                self.line.end();
                eprint!("Take it? [y/n] ");
                let _ = std::io::stderr().flush();
                return;
            }
            self.asked.remove(0);
        }
    }

    /// What was typed; `None` when the input is over, which is no yes.
    async fn answer(&mut self, engine: &Engine, line: Option<&str>) {
        let Some(first) = self.asked.first().cloned() else { return };
        match line.map(str::trim).map(str::to_lowercase).as_deref() {
            Some("y" | "yes") => {
                self.asked.remove(0);
                self.take(engine, first).await;
            }
            None | Some("n" | "no") => {
                self.asked.remove(0);
                let _ = engine.dispatch(Command::DeclineFiles { offer: first }).await;
            }
            Some(_) => eprintln!("Type y to take it, n to leave it."),
        }
        self.ask();
    }

    async fn take(&self, engine: &Engine, offer: String) {
        let Work::Receive { folder, .. } = &self.work else { return };
        let folder = Some(folder.to_string_lossy().into_owned());
        if let Err(error) = engine.dispatch(Command::AcceptFiles { offer, folder, file: None }).await {
            eprintln!("{} ({})", error.message, error.code);
        }
    }

    /// The offers that this run is about: ours, or those of others that are here or were decided in this run.
    fn transfers(&self) -> impl Iterator<Item = (&FileOffer, &FileTransfer)> {
        let ours = matches!(self.work, Work::Send { .. });
        let offers = self.files.offers.iter().filter(move |offer| offer.ours == ours);
        offers.flat_map(|offer| offer.transfers.iter().map(move |transfer| (offer, transfer)))
    }

    fn is_under_way(&self) -> bool {
        self.transfers()
            .any(|(_, one)| matches!(one.state, FileState::Running | FileState::Away | FileState::Preparing))
    }

    fn show(&mut self) {
        let running = self.transfers().filter(|(_, one)| one.state == FileState::Running);
        let (mut verified, mut bytes, mut speed, mut left) = (0, 0, 0, None);
        for (offer, one) in running {
            verified += one.verified;
            bytes += offer.bytes;
            speed += one.speed;
            left = left.max(one.seconds_left);
        }
        if bytes > 0 {
            self.line.show(verified, bytes, speed, left);
        }
    }

    /// Whether the work is done, and how it ended.
    fn end(&self) -> Option<Exit> {
        use FileState as S;
        let mut states = self.transfers().map(|(_, one)| one.state).peekable();
        states.peek()?;
        let (mut done, mut failed, mut open) = (false, false, false);
        for state in states {
            match state {
                S::Done => done = true,
                S::Declined | S::Cancelled | S::Withdrawn | S::Cannot => failed = true,
                S::Failed => failed = true,
                S::Offered => open |= matches!(self.work, Work::Receive { .. }),
                // Something from another time, whose sender is not here.
                S::Away => open |= !done,
                S::Preparing | S::Running | S::Paused | S::PausedByThem => open = true,
            }
        }
        let more = matches!(self.work, Work::Send { everybody: true, .. });
        let away = self.transfers().any(|(_, one)| one.state == S::Away);
        if open || more {
            return None;
        }
        match (done, failed) {
            (true, _) => Some(Exit::Fine),
            // A sender waits for whoever comes next; a receiver whose only offer came to nothing does not.
            (false, true) if !away => Some(Exit::Problem),
            _ => None,
        }
    }
}

async fn next(events: &mut Option<Receiver<NumberedEvent>>) -> Result<NumberedEvent, RecvError> {
    match events {
        Some(events) => events.recv().await,
        None => std::future::pending().await,
    }
}

async fn typed(lines: &mut Option<mpsc::Receiver<String>>) -> Option<String> {
    match lines {
        Some(open) => {
            let line = open.recv().await;
            if line.is_none() {
                *lines = None;
            }
            line
        }
        None => std::future::pending().await,
    }
}

/// One line that changes on a terminal; elsewhere nothing, since states are told anyway.
struct ProgressLine {
    terminal: bool,
    shown: bool,
}

impl ProgressLine {
    fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), shown: false }
    }

    fn show(&mut self, verified: u64, bytes: u64, speed: u64, left: Option<u32>) {
        if !self.terminal {
            return;
        }
        let percent = verified as f64 * 100.0 / bytes as f64;
        let left = left.map(|seconds| format!(", {} left", time(seconds))).unwrap_or_default();
        // Back to the beginning, and the rest of what stood there is gone.
        eprint!("\r{percent:5.1}% of {}, {}/s{left}\u{1b}[K", size(bytes), size(speed));
        let _ = std::io::stderr().flush();
        self.shown = true;
    }

    /// What follows begins on a line of its own.
    fn end(&mut self) {
        if std::mem::take(&mut self.shown) {
            eprintln!();
        }
    }
}

fn time(seconds: u32) -> String {
    match seconds {
        0..=89 => format!("{seconds} s"),
        90..=5_399 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_read_at_a_glance() {
        assert_eq!(size(999), "999 bytes");
        assert_eq!(size(1_500), "1.5 kB");
        assert_eq!(size(10_700_000_000), "10.7 GB");
        assert_eq!((time(59), time(600), time(6_000)), ("59 s".into(), "10 min".into(), "1 h 40 min".into()));
    }
}
