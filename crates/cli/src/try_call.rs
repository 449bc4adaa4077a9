//! `tincan try`: a test call with the built-in participant, and what was seen and heard of it.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use tincan_engine::api::{CallStatistics, CallSummary, Command, Devices, Event, Levels, Preview, SourceView};
use tincan_engine::{Engine, Overrides};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep_until, timeout};

use crate::args::TryArguments;
use crate::frames::Frames;
use crate::{Exit, devices, engine_config, output, stop};

/// Level above which somebody is heard: the built-in participant repeats speech and tones well above it, and a room's
/// noise lies below it.
const AUDIBLE: f32 = 0.1;
/// A call that takes longer to begin on one machine does not begin at all.
const BEGINS_WITHIN: Duration = Duration::from_secs(15);
/// Devices that hang are left behind after this.
const SHUTDOWN: Duration = Duration::from_secs(10);

/// What stands in for a device that this machine has not.
struct StandIns {
    overrides: Overrides,
    told: Vec<String>,
}

pub(crate) async fn run(arguments: TryArguments) -> Exit {
    let StandIns { overrides, told } = match stand_ins(&arguments).await {
        Ok(found) => found,
        Err(message) => {
            eprintln!("{message}");
            return Exit::Problem;
        }
    };
    for line in told {
        output::say(&line);
    }
    let frames = Arc::new(Frames::default());
    let engine = Engine::start(engine_config(frames.clone(), overrides));
    let mut seen = Seen::default();
    let made = seen.follow_a_call(&engine, &frames, arguments.length).await;
    let in_time = timeout(SHUTDOWN, engine.shutdown()).await.is_ok();
    if let Err(message) = made {
        eprintln!("{message}");
        return Exit::Problem;
    }
    if !in_time {
        eprintln!("Something did not end in time; it is left behind.");
    }
    output::say(&seen.report());
    if seen.complete() && in_time { Exit::Fine } else { Exit::Problem }
}

/// Chooses what was asked for, else this machine's own devices, else synthetic ones.
async fn stand_ins(arguments: &TryArguments) -> Result<StandIns, String> {
    let engine = Engine::start(engine_config(Arc::new(Frames::default()), Overrides::default()));
    let listed = devices::list(&engine).await;
    engine.shutdown().await;
    let Devices { cameras, microphones, speakers } = listed.map_err(|error| error.to_string())?;
    let mut told = Vec::new();
    let mut choose =
        |asked: &Option<String>, found: &[tincan_engine::api::Device], kind: &str, other: &str| {
            let has_own = found.iter().any(|device| device.id.starts_with("device:"));
            if asked.is_none() && !has_own {
                told.push(format!("There is no {kind} here; `{other}` stands in."));
                return Some(other.to_owned());
            }
            asked.clone()
        };
    let overrides = Overrides {
        camera: choose(&arguments.camera, &cameras, "camera", "portrait"),
        microphone: choose(&arguments.microphone, &microphones, "microphone", "tone"),
        speaker: choose(&arguments.speaker, &speakers, "speaker", "none"),
        microphone_on: Some(true),
        camera_on: Some(true),
        ..Overrides::default()
    };
    Ok(StandIns { overrides, told })
}

/// What came of the call.
#[derive(Debug, Default)]
struct Seen {
    preview: Preview,
    pictures: u64,
    size: (u32, u32),
    /// How long pictures were followed.
    watched: Duration,
    statistics: CallStatistics,
    /// How many of the levels told were audible, of how many.
    audible: (u32, u32),
    summary: Option<CallSummary>,
}

impl Seen {
    async fn follow_a_call(
        &mut self,
        engine: &Engine,
        frames: &Frames,
        length: Duration,
    ) -> Result<(), String> {
        let (_, mut events) = engine.subscribe().await.map_err(|error| error.to_string())?;
        match timeout(BEGINS_WITHIN, engine.dispatch(Command::TestCall)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(error.to_string()),
            Err(_) => return Err("The test call did not begin. Close other programs and try again.".into()),
        }
        let began = Instant::now();
        let mut stops = stop::requests();
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Ok(numbered) => self.event(numbered.event),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => break,
                },
                () = sleep_until(began + length) => break,
                _ = stops.recv() => break,
            }
        }
        self.watched = began.elapsed();
        // Of the built-in participant's stream; 0 is the self-view.
        if let Some((_, report)) = frames.report().into_iter().find(|(stream, _)| *stream != 0) {
            (self.pictures, self.size) = (report.pictures, (report.width, report.height));
        }
        engine.dispatch(Command::Leave).await.map_err(|error| error.to_string())?;
        self.summary = engine.subscribe().await.ok().and_then(|(snapshot, _)| snapshot.last_call);
        Ok(())
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Preview { preview } if preview.active => self.preview = preview,
            Event::Statistics { statistics } if !statistics.participants.is_empty() => {
                self.statistics = statistics;
            }
            Event::Levels { levels: Levels { participants, .. } } => {
                self.audible.1 += 1;
                self.audible.0 += u32::from(participants.values().any(|level| *level > AUDIBLE));
            }
            _ => {}
        }
    }

    fn heard(&self) -> bool {
        self.audible.0 > 0
    }

    fn complete(&self) -> bool {
        self.pictures > 0 && self.heard()
    }

    fn report(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let mut line = |what: &str, said: &str| {
            let _ = writeln!(text, "{what:<12}{said}");
        };
        for (what, source) in [
            ("camera", &self.preview.camera),
            ("microphone", &self.preview.microphone),
            ("speaker", &self.preview.speaker),
        ] {
            line(what, &own(source));
        }
        let seconds = self.watched.as_secs_f64();
        if self.pictures > 0 {
            let rate = self.pictures as f64 / seconds.max(1.0);
            let (width, height) = self.size;
            line("seen", &format!("{} pictures of {width}x{height}, {rate:.0} fps", self.pictures));
        } else {
            line("seen", "nothing: a firewall may block UDP between programs; allow Tincan there");
        }
        if self.heard() {
            let (audible, told) = self.audible;
            let part = f64::from(audible) / f64::from(told.max(1));
            line(
                "heard",
                &format!("what was said here, repeated, in {:.0} of {seconds:.0} s", part * seconds),
            );
        } else {
            line("heard", "nothing: say something, and look whether the microphone is the right one");
        }
        if let Some(other) = self.statistics.participants.values().next() {
            let round_trip = other.round_trip_ms.map_or("unknown".into(), |ms| format!("{ms:.0} ms"));
            line("network", &format!("{:.0} kbit/s each way, round trip {round_trip}", other.received_kbps));
        }
        if let Some(quality) = self.summary.as_ref().and_then(|summary| summary.quality.as_ref()) {
            line("verdict", &quality.message);
        }
        text.trim_end().to_owned()
    }
}

fn own(source: &SourceView) -> String {
    match (&source.problem, &source.device) {
        (Some(problem), _) => problem.message.clone(),
        (None, Some(device)) if source.working => device.clone(),
        _ => "none".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tincan_engine::api::Sentence;

    #[test]
    fn a_call_is_complete_when_something_was_seen_and_heard() {
        let mut seen = Seen { pictures: 30, size: (1280, 720), ..Seen::default() };
        let quiet = Levels { participants: [("a".to_owned(), 0.02)].into(), ..Levels::default() };
        seen.event(Event::Levels { levels: quiet });
        assert!(!seen.complete());
        assert!(seen.report().contains("heard       nothing"), "{}", seen.report());
        let loud = Levels { participants: [("a".to_owned(), 0.5)].into(), ..Levels::default() };
        seen.event(Event::Levels { levels: loud });
        assert!(seen.complete());
        assert!(seen.report().contains("30 pictures of 1280x720"), "{}", seen.report());
    }

    #[test]
    fn a_device_that_fails_says_why() {
        let failed = SourceView {
            problem: Some(Sentence::new("device_busy", "It is in use.")),
            ..SourceView::default()
        };
        assert_eq!(own(&failed), "It is in use.");
        assert_eq!(own(&SourceView::default()), "none");
    }
}
