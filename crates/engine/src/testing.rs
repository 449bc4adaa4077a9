//! Parts for the engine's own tests: devices that are made up, and an engine that is watched.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tincan_devices::audio::{OpenMicrophone, OpenSpeaker, Standing, Watched};
use tincan_devices::screen::{ScreenError, ScreenEvent, ScreenInfo, ScreenRequest, ScreenSelector};
use tincan_devices::video::{CameraEvent, CaptureRequest};
use tincan_devices::{CameraSelector, MicrophoneSelector, SharedSoundSelector, SpeakerSelector};
use tincan_media::audio::{AudioFrame, StereoFrame};
use tincan_media::video::{Resolution, VideoFrame};
use tincan_media::{
    AudioInput, AudioOutput, DeviceError, MediaClock, MediaTime, SharedSound, SharedSoundError, VideoSink,
};
use tincan_signal_server::{ServerConfig, serve};
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::api::{Command, CommandError, Devices, Event, Notice, NumberedEvent, Reply, Snapshot};
use crate::devices::{DeviceSystem, OnCameraEvent, OnScreenEvent};
use crate::{Engine, EngineConfig, FrameOutput, Overrides};

/// For what must come; a busy machine is no failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// How long a driver that hangs does.
const HANGING: Duration = Duration::from_secs(2);

#[derive(Default)]
struct State {
    hangs: bool,
    /// How many times opening a microphone still fails.
    failures: u32,
    /// What was opened and closed, in order.
    log: Vec<String>,
    /// The sink of every camera that was opened.
    sinks: Vec<Arc<dyn VideoSink>>,
    /// What its pictures' times are told by.
    clocks: Vec<MediaClock>,
    tell_camera: Vec<Arc<dyn Fn(CameraEvent) + Send + Sync>>,
    tell_screen: Vec<Arc<dyn Fn(ScreenEvent) + Send + Sync>>,
}

/// Devices whose drivers may hang, and that remember what was done to them. A lock, because tests and the engine's
/// threads both use them.
#[derive(Clone, Default)]
pub(crate) struct FakeDevices {
    state: Arc<(Mutex<State>, Condvar)>,
}

impl FakeDevices {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on every driver hangs for two seconds in opening and in closing, or until it does not hang any more.
    pub(crate) fn hang(&self, hangs: bool) {
        self.lock().hangs = hangs;
        self.state.1.notify_all();
    }

    /// The next `times` tries to open a microphone fail.
    pub(crate) fn fail(&self, times: u32) {
        self.lock().failures = times;
    }

    /// What was opened and closed so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.lock().log.clone()
    }

    /// How many devices are open whose names begin so.
    pub(crate) fn open(&self, name: &str) -> i64 {
        let count = |verb: &str| {
            let begin = format!("{verb} {name}");
            self.lock().log.iter().filter(|line| line.starts_with(&begin)).count() as i64
        };
        count("open") - count("close")
    }

    /// A picture from the camera that was opened as the `index`th, whether or not it is still wanted.
    pub(crate) fn picture(&self, index: usize) {
        let sink = Arc::clone(&self.lock().sinks[index]);
        sink.frame(&Arc::new(VideoFrame::black(MediaTime::ZERO, Resolution::new(16, 16))));
    }

    /// A picture of that size, captured now, from the camera that was opened as the `index`th.
    pub(crate) fn picture_of(&self, index: usize, size: Resolution) {
        let (sink, clock) = {
            let state = self.lock();
            (Arc::clone(&state.sinks[index]), state.clocks[index])
        };
        sink.frame(&Arc::new(VideoFrame::black(clock.at(Instant::now()), size)));
    }

    /// Something happens to the camera that was opened as the `index`th.
    pub(crate) fn camera_event(&self, index: usize, event: CameraEvent) {
        let tell = Arc::clone(&self.lock().tell_camera[index]);
        tell(event);
    }

    /// Something happens to what was shared as the `index`th.
    pub(crate) fn screen_event(&self, index: usize, event: ScreenEvent) {
        let tell = Arc::clone(&self.lock().tell_screen[index]);
        // A system tells it on a thread of its own, where waiting is allowed.
        let told = std::thread::spawn(move || tell(event)).join();
        assert!(told.is_ok(), "whoever was told panicked");
    }

    fn driver(&self, what: String) {
        let state = self.lock();
        let (mut state, _) = self
            .state
            .1
            .wait_timeout_while(state, HANGING, |state| state.hangs)
            .unwrap_or_else(PoisonError::into_inner);
        state.log.push(what);
    }

    fn device(&self, name: String) -> FakeDevice {
        self.driver(format!("open {name}"));
        FakeDevice { devices: self.clone(), name, begun: Instant::now(), played: 0 }
    }
}

/// A device that is open; closing it takes as long as its driver likes.
struct FakeDevice {
    devices: FakeDevices,
    name: String,
    begun: Instant,
    played: u128,
}

impl Drop for FakeDevice {
    fn drop(&mut self) {
        self.devices.driver(format!("close {}", self.name));
    }
}

impl AudioInput for FakeDevice {
    fn read(&mut self) -> Result<Option<AudioFrame>, DeviceError> {
        Ok(None)
    }
}

impl AudioOutput for FakeDevice {
    fn wanted(&mut self) -> Result<usize, DeviceError> {
        let due = self.begun.elapsed().as_millis() / 10;
        Ok(due.saturating_sub(self.played) as usize)
    }
    fn write(&mut self, _frame: &StereoFrame) {
        self.played += 1;
    }
    fn latency(&self) -> Duration {
        Duration::ZERO
    }
}

impl SharedSound for FakeDevice {
    fn read(&mut self) -> Result<Option<StereoFrame>, SharedSoundError> {
        Ok(None)
    }
}

impl DeviceSystem for FakeDevices {
    fn list(&self) -> Devices {
        Devices::default()
    }

    fn open_microphone(
        &self,
        selector: &MicrophoneSelector,
        _clock: MediaClock,
    ) -> Result<OpenMicrophone, DeviceError> {
        {
            let mut state = self.lock();
            if state.failures > 0 {
                state.failures -= 1;
                state.log.push("fail microphone".into());
                return Err(DeviceError::Busy { device: "The microphone".into() });
            }
        }
        let input = Box::new(self.device(format!("microphone {selector}")));
        Ok(OpenMicrophone { name: selector.to_string(), id: selector.to_string(), in_place: None, input })
    }

    fn open_speaker(
        &self,
        selector: &SpeakerSelector,
        _clock: MediaClock,
    ) -> Result<OpenSpeaker, DeviceError> {
        let output = Box::new(self.device(format!("speaker {selector}")));
        Ok(OpenSpeaker { name: selector.to_string(), id: selector.to_string(), in_place: None, output })
    }

    fn open_camera(
        &self,
        selector: &CameraSelector,
        _request: CaptureRequest,
        clock: MediaClock,
        sink: Arc<dyn VideoSink>,
        on_event: OnCameraEvent,
    ) -> Box<dyn Send> {
        let device = self.device(format!("camera {selector}"));
        let on_event: Arc<dyn Fn(CameraEvent) + Send + Sync> = Arc::from(on_event);
        {
            let mut state = self.lock();
            state.sinks.push(sink);
            state.clocks.push(clock);
            state.tell_camera.push(Arc::clone(&on_event));
        }
        on_event(CameraEvent::Started {
            name: selector.to_string(),
            resolution: Resolution::HD,
            frames_per_second: 30.0,
        });
        Box::new(device)
    }

    fn list_screens(&self) -> Result<Vec<ScreenInfo>, ScreenError> {
        Err(ScreenError::NoScreen { detail: "made up".into() })
    }

    fn open_screen(
        &self,
        selector: &ScreenSelector,
        _request: ScreenRequest,
        _clock: MediaClock,
        _sink: Arc<dyn VideoSink>,
        on_event: OnScreenEvent,
    ) -> Box<dyn Send> {
        let device = self.device(format!("screen {selector}"));
        let on_event: Arc<dyn Fn(ScreenEvent) + Send + Sync> = Arc::from(on_event);
        {
            let mut state = self.lock();
            state.tell_screen.push(Arc::clone(&on_event));
        }
        on_event(ScreenEvent::Started { name: selector.to_string(), resolution: Resolution::HD });
        Box::new(device)
    }

    fn open_shared_sound(
        &self,
        selector: &SharedSoundSelector,
        _clock: MediaClock,
    ) -> Result<Box<dyn SharedSound>, SharedSoundError> {
        if *selector == SharedSoundSelector::System {
            return Err(SharedSoundError::NoServer);
        }
        Ok(Box::new(self.device(format!("sound {selector}"))))
    }

    fn standing(&self, _microphone: Option<&Watched>, _speaker: Option<&Watched>) -> (Standing, Standing) {
        (Standing::Same, Standing::Same)
    }
}

/// Counts the self-view's pictures.
#[derive(Default)]
pub(crate) struct CountedFrames {
    shown: Mutex<u64>,
}

impl CountedFrames {
    pub(crate) fn shown(&self) -> u64 {
        *self.shown.lock().unwrap()
    }
}

impl FrameOutput for CountedFrames {
    fn frame(&self, stream: u32, _frame: &Arc<VideoFrame>) {
        if stream == 0 {
            *self.shown.lock().unwrap() += 1;
        }
    }
    fn ended(&self, _stream: u32) {}
}

/// A server on a port of its own, which ends with the test.
pub(crate) async fn server() -> (String, DropGuard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let cancel = CancellationToken::new();
    tokio::spawn(serve(listener, ServerConfig::default(), cancel.clone()));
    (url, cancel.drop_guard())
}

/// An engine with made-up devices, and everything that it told.
pub(crate) struct Watching {
    pub(crate) engine: Engine,
    pub(crate) devices: FakeDevices,
    pub(crate) frames: Arc<CountedFrames>,
    pub(crate) snapshot: Snapshot,
    pub(crate) notices: Vec<Notice>,
    events: broadcast::Receiver<NumberedEvent>,
}

impl Watching {
    pub(crate) async fn start(data_dir: Option<&std::path::Path>, server: Option<&str>, name: &str) -> Self {
        let server = server.map(Into::into);
        let overrides = Overrides { server, name: Some(name.into()), ..Overrides::default() };
        Self::with(data_dir, overrides).await
    }

    pub(crate) async fn with(data_dir: Option<&std::path::Path>, overrides: Overrides) -> Self {
        let devices = FakeDevices::default();
        let frames = Arc::<CountedFrames>::default();
        let config = EngineConfig {
            downloads: None,
            recordings: None,
            data_dir: data_dir.map(Into::into),
            frames: Arc::clone(&frames) as Arc<dyn FrameOutput>,
            local_server: None,
            overrides,
        };
        let engine = Engine::with_devices(config, Arc::new(devices.clone()));
        let (snapshot, events) = engine.subscribe().await.unwrap();
        Self { engine, devices, frames, snapshot, notices: Vec::new(), events }
    }

    pub(crate) async fn ask(&mut self, command: Command) -> Reply {
        self.answer(command).await.unwrap()
    }

    pub(crate) async fn answer(&mut self, command: Command) -> Result<Reply, CommandError> {
        let answer = timeout(PATIENCE, self.engine.dispatch(command)).await.expect("no answer");
        self.catch_up();
        answer
    }

    /// Asks and says how long the answer took.
    pub(crate) async fn timed(&mut self, command: Command) -> Duration {
        let begun = Instant::now();
        self.ask(command).await;
        begun.elapsed()
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Settings { settings } => self.snapshot.settings = settings,
            Event::Preview { preview } => self.snapshot.preview = preview,
            Event::Call { call } => self.snapshot.call = call,
            Event::Recent { recent } => self.snapshot.recent = recent,
            Event::LastCall { summary } => self.snapshot.last_call = summary,
            Event::Notice { notice } => self.notices.push(notice),
            _ => {}
        }
    }

    pub(crate) fn catch_up(&mut self) {
        while let Ok(numbered) = self.events.try_recv() {
            self.take(numbered.event);
        }
    }

    /// Waits for whatever is told next; levels are, ten times a second.
    pub(crate) async fn next(&mut self) {
        let event = timeout(PATIENCE, self.events.recv()).await.expect("nothing is told any more");
        self.take(event.expect("the engine is there").event);
    }

    /// Waits until this holds.
    pub(crate) async fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        self.catch_up();
        let deadline = Instant::now() + PATIENCE;
        while !holds(self) {
            let left = deadline.saturating_duration_since(Instant::now());
            let event = timeout(left, self.events.recv()).await;
            match event {
                Ok(Ok(numbered)) => self.take(numbered.event),
                Ok(Err(error)) => panic!("not {what}: {error}"),
                Err(_) => panic!("not {what}: {:#?}, notices {:?}", self.snapshot, self.notices),
            }
        }
    }
}
