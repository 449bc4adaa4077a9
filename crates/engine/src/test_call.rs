//! The built-in participant of a test call: shows a moving picture with a clock, and repeats what it hears after a
//! second. It is a whole participant, with its own connection, codecs and threads; only its devices are made here.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use tincan_media::audio::{AudioFrame, FRAME_DURATION};
use tincan_media::video::VideoFrame;
use tincan_media::{AudioInput, AudioOutput, DeviceError, MediaClock};
use tincan_protocol::{Intent, PeerId, RoomCode};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use url::Url;

use crate::FrameOutput;
use crate::api::Settings;
use crate::call::{CallConfig, CallHandle, CallMedia, Route};
use crate::media::LocalMedia;

/// How long the echo waits: long enough to finish a short sentence first.
const ECHO_DELAY: Duration = Duration::from_secs(1);
/// What may wait between speaker and microphone: the delay, and as much again.
const ECHO_QUEUE: usize = 200;
/// Behind by this much after a pause (a suspended laptop), the echo starts anew instead of catching up.
const CATCH_UP: Duration = Duration::from_millis(200);
/// Views and statistics that nobody looks at.
const UPDATES: usize = 16;
/// What the person sees as its name.
const NAME: &str = "Tincan test";

/// The running participant. Dropping it cancels; [`TestParticipant::leave`] also waits.
pub(crate) struct TestParticipant {
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl TestParticipant {
    /// Joins the room of `code` on `server`.
    pub(crate) fn start(code: RoomCode, server: Url, clock: MediaClock) -> Self {
        let cancel = CancellationToken::new();
        let task = tokio::spawn(run(code, server, clock, cancel.clone()));
        Self { cancel, task }
    }

    /// Returns when nothing of it is left.
    pub(crate) async fn leave(self) {
        self.cancel.cancel();
        if self.task.await.is_err() {
            warn!("the test participant panicked");
        }
    }
}

async fn run(code: RoomCode, server: Url, clock: MediaClock, cancel: CancellationToken) {
    let settings = Settings {
        camera: "test-pattern".into(),
        echo_cancellation: false,
        noise_suppression: false,
        automatic_gain: false,
        ..Settings::default()
    };
    let (speaker, microphone) = echo(clock);
    let output: Arc<dyn FrameOutput> = Arc::new(Blind);
    let mut media = LocalMedia::with_sound(
        &settings,
        clock,
        Arc::clone(&output),
        Box::new(microphone),
        Box::new(speaker),
    );
    let (updates, mut unseen) = mpsc::channel(UPDATES);
    let (joined, _) = oneshot::channel();
    let call = CallHandle::start(
        CallConfig {
            number: 0,
            code,
            route: Route::Server { url: server, intent: Intent::Join },
            peer_id: PeerId::random(),
            name: NAME.into(),
            microphone: true,
            camera: true,
            ice_servers: Vec::new(),
            relay_only: false,
            earlier: None,
            again: None,
            test: true,
            record: None,
            max_bitrate: None,
            clock,
            media: CallMedia { audio: media.audio().clone(), encoder: media.encoder().clone(), output },
        },
        updates,
        joined,
    );
    loop {
        tokio::select! {
            () = cancel.cancelled() => break,
            update = unseen.recv() => if update.is_none() { break },
            _ = media.next() => {}
        }
    }
    // The call's last words are not to wait for a reader.
    drop(unseen);
    call.leave().await;
    drop(media);
}

/// Looks at nothing.
struct Blind;

impl FrameOutput for Blind {
    fn frame(&self, _stream: u32, _frame: &Arc<VideoFrame>) {}
    fn ended(&self, _stream: u32) {}
}

/// A speaker that is paced by the clock, and a microphone that hears it a second later.
fn echo(clock: MediaClock) -> (EchoSpeaker, EchoMicrophone) {
    let (heard, said) = sync_channel(ECHO_QUEUE);
    (
        EchoSpeaker { pace: Pace::new(Instant::now()), heard },
        EchoMicrophone { clock, said, waiting: VecDeque::new() },
    )
}

/// Says how many 10 ms frames are due.
struct Pace {
    next: Instant,
}

impl Pace {
    fn new(start: Instant) -> Self {
        Self { next: start }
    }

    fn due(&mut self, now: Instant) -> usize {
        if now.saturating_duration_since(self.next) > CATCH_UP {
            self.next = now;
        }
        let mut due = 0;
        while self.next <= now {
            self.next += FRAME_DURATION;
            due += 1;
        }
        due
    }
}

struct EchoSpeaker {
    pace: Pace,
    heard: SyncSender<(Instant, AudioFrame)>,
}

impl AudioOutput for EchoSpeaker {
    fn wanted(&mut self) -> Result<usize, DeviceError> {
        Ok(self.pace.due(Instant::now()))
    }

    fn write(&mut self, frame: &AudioFrame) {
        // A full queue means that the microphone is not read; then there is nobody to repeat it to.
        let _ = self.heard.try_send((Instant::now(), frame.clone()));
    }

    fn latency(&self) -> Duration {
        Duration::ZERO
    }
}

struct EchoMicrophone {
    clock: MediaClock,
    said: Receiver<(Instant, AudioFrame)>,
    waiting: VecDeque<(Instant, AudioFrame)>,
}

impl AudioInput for EchoMicrophone {
    fn read(&mut self) -> Result<Option<AudioFrame>, DeviceError> {
        self.waiting.extend(self.said.try_iter());
        let due = self.waiting.pop_front_if(|(at, _)| *at + ECHO_DELAY <= Instant::now());
        Ok(due.map(|(at, frame)| AudioFrame { time: self.clock.at(at + ECHO_DELAY), ..frame }))
    }
}
