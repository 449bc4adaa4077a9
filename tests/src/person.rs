//! A person at an engine that runs in this process, with synthetic devices.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tincan_engine::api::{CallView, Command, CommandError, Event, Notice, Participant, Reply, Snapshot};
use tincan_engine::{Engine, EngineConfig, FrameOutput, LocalServerHost, Overrides};
use tincan_media::video::VideoFrame;
use tokio::time::timeout;

use crate::process::PATIENCE;

/// Looks at nothing.
struct Blind;

impl FrameOutput for Blind {
    fn frame(&self, _stream: u32, _frame: &Arc<VideoFrame>) {}
    fn ended(&self, _stream: u32) {}
    fn delay(&self, _stream: u32) -> Duration {
        Duration::ZERO
    }
}

/// Somebody at an engine.
pub struct Person {
    /// The engine.
    pub engine: Engine,
}

impl Person {
    /// On `server`, with a name.
    pub fn new(name: &str, server: &str) -> Self {
        let server = Some(server.to_owned());
        Self::with(Overrides { name: Some(name.to_owned()), server, ..Overrides::default() }, None, None)
    }

    /// With a name and nothing to send, where it is looked at who is who; without a server calls are local.
    pub fn quiet(name: &str, server: Option<&str>) -> Self {
        let overrides = Overrides {
            name: Some(name.to_owned()),
            server: server.map(str::to_owned),
            camera: Some("none".into()),
            microphone: Some("none".into()),
            ..Overrides::default()
        };
        Self::with(overrides, None, None)
    }

    /// The same with more settings, a folder and a server in this program.
    pub fn with(
        overrides: Overrides,
        data_dir: Option<PathBuf>,
        local_server: Option<Arc<dyn LocalServerHost>>,
    ) -> Self {
        let or = |chosen: Option<String>, usual: &str| chosen.or_else(|| Some(usual.to_owned()));
        let overrides = Overrides {
            camera: or(overrides.camera, "test-pattern"),
            microphone: or(overrides.microphone, "tone"),
            speaker: or(overrides.speaker, "none"),
            ..overrides
        };
        let frames = Arc::new(Blind);
        Self {
            engine: Engine::start(EngineConfig {
                data_dir,
                downloads: None,
                recordings: None,
                frames,
                local_server,
                overrides,
            }),
        }
    }

    /// Does what is asked.
    ///
    /// # Panics
    /// When it is refused, or not answered in time.
    pub async fn ask(&self, command: Command) -> Reply {
        self.answer(command).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// What is answered.
    ///
    /// # Panics
    /// When nothing is in time.
    pub async fn answer(&self, command: Command) -> Result<Reply, CommandError> {
        let asked = format!("{command:?}");
        let answer = timeout(PATIENCE, self.engine.dispatch(command)).await;
        answer.unwrap_or_else(|_| panic!("no answer to {asked}"))
    }

    /// Starts a call; its code.
    ///
    /// # Panics
    /// When there is none.
    pub async fn create(&self) -> String {
        match self.ask(Command::CreateRoom).await {
            Reply::Joined { code } => code,
            other => panic!("{other:?}"),
        }
    }

    /// Joins by a code or a link.
    pub async fn join(&self, code: &str) {
        self.ask(Command::JoinRoom { code: code.to_owned() }).await;
    }

    /// What a window would show now.
    ///
    /// # Panics
    /// When the engine has ended.
    pub async fn snapshot(&self) -> Snapshot {
        self.engine.subscribe().await.expect("the engine runs").0
    }

    /// Waits until what a window would show satisfies `holds`, and gives it.
    ///
    /// # Panics
    /// When it does not in time.
    pub async fn until(&self, what: &str, holds: impl Fn(&Snapshot) -> bool) -> Snapshot {
        let wait = async {
            loop {
                let (snapshot, mut events) = self.engine.subscribe().await.expect("the engine runs");
                if holds(&snapshot) {
                    return snapshot;
                }
                // Whatever comes next may be it.
                let _ = events.recv().await;
            }
        };
        timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("not {what}"))
    }

    /// Waits until the call as a window would show it satisfies `holds`, and gives it.
    ///
    /// # Panics
    /// When it does not in time, or there is no call.
    pub async fn call_until(&self, what: &str, holds: impl Fn(&CallView) -> bool) -> CallView {
        let snapshot = self.until(what, |snapshot| snapshot.call.as_ref().is_some_and(&holds)).await;
        snapshot.call.expect("it was there a moment ago")
    }

    /// Has another name from now on.
    pub async fn rename(&self, name: &str) {
        let settings = self.snapshot().await.settings;
        let settings = tincan_engine::api::Settings { name: name.to_owned(), ..settings };
        self.ask(Command::UpdateSettings { settings }).await;
    }

    /// Listens for notices from now on; they are moments, and part of no snapshot.
    ///
    /// # Panics
    /// When the engine has ended.
    pub async fn notices(&self) -> Notices {
        Notices(self.engine.subscribe().await.expect("the engine runs").1)
    }
}

/// Somebody in a call, by their name.
pub fn named<'a>(call: &'a CallView, name: &str) -> Option<&'a Participant> {
    call.participants.iter().find(|other| other.name == name)
}

/// What is told once.
pub struct Notices(tokio::sync::broadcast::Receiver<tincan_engine::api::NumberedEvent>);

impl Notices {
    /// Waits for a notice with this code.
    ///
    /// # Panics
    /// When none comes in time.
    pub async fn until(&mut self, code: &str) -> Notice {
        let wait = async {
            loop {
                match self.0.recv().await {
                    Ok(event) => match event.event {
                        Event::Notice { notice } if notice.said.code == code => return notice,
                        _ => {}
                    },
                    Err(error) => panic!("{error}"),
                }
            }
        };
        timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("no notice {code}"))
    }
}
