//! A browser as the other side of a call: Chromium with the page in `tests/browser`, which was written from
//! `docs/protocol.md` and shares no code with Tincan.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tincan_media::video::Resolution;
use tokio::process::Command;

use crate::clips;
use crate::process::{PATIENCE, Process};

/// What the browser's camera films: small, so that the tests of what is said do not compete for the processor.
pub const CAMERA: Resolution = Resolution::new(640, 360);
/// Pictures in its clip, which begins again at the end.
pub const CLIP_FRAMES: u32 = 90;
const SPEECH_SECONDS: u32 = 10;

/// The clips of a browser's camera and microphone.
pub struct Clips {
    folder: tempfile::TempDir,
}

impl Clips {
    /// Makes them.
    ///
    /// # Panics
    /// When they cannot be written.
    pub fn make() -> Self {
        let clips = Self { folder: tempfile::tempdir().expect("a folder can be made") };
        clips::y4m(&clips.camera(), CAMERA, CLIP_FRAMES);
        clips::speech(&clips.microphone(), SPEECH_SECONDS);
        clips
    }

    /// The stamped test pattern.
    pub fn camera(&self) -> PathBuf {
        self.folder.path().join("camera.y4m")
    }

    /// Speech.
    pub fn microphone(&self) -> PathBuf {
        self.folder.path().join("microphone.wav")
    }

    /// A file beside them.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// A running browser with the page loaded.
pub struct Browser {
    process: Process,
    page: Value,
}

impl Browser {
    /// Starts Chromium and loads the page.
    pub async fn start(clips: &Clips) -> Self {
        let mut command = node("driver.js");
        command.arg(clips.camera()).arg(clips.microphone());
        let mut browser = Self { process: Process::start("the browser", command), page: Value::Null };
        browser.follow("page", |_, line| (line["ready"] == true).then_some(())).await;
        browser
    }

    /// Joins the call with this code on `server`; starts one without. `options` are what `page/main.js` calls so.
    pub async fn join(&mut self, server: &str, code: Option<&str>, options: Value) {
        let mut command = json!({
            "command": "join", "server": server, "name": "Guest",
            "width": CAMERA.width, "height": CAMERA.height,
        });
        let fields = command.as_object_mut().expect("it is one");
        if let Some(code) = code {
            fields.insert("code".into(), code.into());
        }
        fields.extend(options.as_object().cloned().unwrap_or_default());
        self.process.type_line(&command.to_string()).await;
        let placed = |page: &Value| page["phase"].is_string() && page["phase"] != "joining";
        self.until("a place in the room", placed).await;
    }

    /// Calls a function of the page.
    pub async fn say(&mut self, command: Value) {
        self.process.type_line(&command.to_string()).await;
    }

    /// Loads the page anew: a stay in a call ends.
    pub async fn reload(&mut self) {
        self.say(json!({ "command": "reload" })).await;
        self.follow("page", |_, line| (line["done"] == "reload").then_some(())).await;
        self.page = Value::Null;
    }

    /// Loses everything on the way that there is now; what begins later has a way of its own.
    pub async fn cut(&mut self) {
        self.say(json!({ "command": "cut" })).await;
        self.follow("a cut", |_, line| (line["done"] == "cut").then_some(())).await;
    }

    /// What the page tells of the call.
    pub fn page(&self) -> &Value {
        &self.page
    }

    /// Waits until what the page tells of the call satisfies `holds`.
    pub async fn until(&mut self, what: &str, holds: impl Fn(&Value) -> bool) {
        if !holds(&self.page) {
            self.follow(what, |page, _| holds(page).then_some(())).await;
        }
    }

    /// Waits for the next second's statistics that satisfy `holds`; `stamp` beside `statistics` is what the drawn
    /// pixels of the other's picture say.
    pub async fn second_until(&mut self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        self.follow(what, |_, line| (line["statistics"].is_object() && holds(line)).then(|| line.clone()))
            .await
    }

    /// Closes the browser, and waits until it has gone.
    ///
    /// # Panics
    /// When the page threw something on the way.
    pub async fn close(self) {
        let (code, said) = self.process.end().await;
        let errors: Vec<&String> = said.iter().filter(|line| line.starts_with("{\"error\"")).collect();
        assert!(code == Some(0) && errors.is_empty(), "the page said {errors:?}, and ended with {code:?}");
    }

    async fn follow<T>(&mut self, what: &str, wanted: impl Fn(&Value, &Value) -> Option<T>) -> T {
        let page = &mut self.page;
        self.process
            .wait_for_within(PATIENCE, what, |line| {
                let line: Value = serde_json::from_str(line).ok()?;
                if line["page"].is_object() {
                    page.clone_from(&line["page"]);
                }
                wanted(page, &line)
            })
            .await
    }
}

/// Node with a script of `tests/browser`.
pub fn node(script: &str) -> Command {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
    let mut command = Command::new("node");
    command.arg(folder.join(script));
    command
}
