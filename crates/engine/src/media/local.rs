//! Our own camera, microphone and speaker, held open by the lobby or by a call: choosing them, switching them under
//! the running pipelines, and getting them back after they vanish.

use std::sync::Arc;
use std::time::Duration;

use tincan_devices::audio::{self as sound, OpenMicrophone, OpenSpeaker, Standing, Watched};
use tincan_devices::video::{CameraEvent, CameraThread, CaptureRequest};
use tincan_devices::{CameraSelector, MicrophoneSelector, SpeakerSelector};
use tincan_media::audio::ProcessingConfig;
use tincan_media::video::{Resolution, VideoFrame};
use tincan_media::{AudioInput, AudioOutput, DeviceError, MediaClock, VideoSink};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::{AudioCommand, AudioHandle, AudioThread, EncoderHandle, EncoderThread, Hint, MediaEvent};
use crate::FrameOutput;
use crate::api::{Levels, Notice, NoticeKind, Preview, Settings, SourceView};

/// How often a missing device is looked for again, and whether the system's default is another one now. Neither
/// ALSA nor WASAPI tells; two seconds is what a person takes to look up from the plug.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// Levels come ten times a second; a second's worth may wait.
const EVENTS: usize = 64;
/// What a call asks of a camera.
const REQUEST: CaptureRequest = CaptureRequest { resolution: Resolution::HD, frames_per_second: 30 };
/// The self-view's stream.
pub(crate) const SELF_VIEW: u32 = 0;

/// What the owner of [`LocalMedia`] is to publish.
pub(crate) enum LocalChange {
    Levels(Levels),
    /// [`LocalMedia::view`] is another one.
    View,
    Notice(Notice),
}

/// Which parts a person chose; taken from the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Choice {
    camera: String,
    microphone: String,
    speaker: String,
}

/// Everything local. Dropping it releases every device and joins every thread.
pub(crate) struct LocalMedia {
    clock: MediaClock,
    choice: Choice,
    view: Preview,
    audio: AudioThread,
    encoder: EncoderThread,
    camera: Option<CameraThread>,
    sink: Arc<CameraSink>,
    events: mpsc::Receiver<MediaEvent>,
    events_in: mpsc::Sender<MediaEvent>,
    opening: JoinSet<Opened>,
    microphone_round: u32,
    speaker_round: u32,
    /// What is open, to see what becomes of it.
    microphone: Option<Watched>,
    speaker: Option<Watched>,
    look_again: Instant,
}

enum Opened {
    Microphone(u32, Result<OpenMicrophone, DeviceError>),
    Speaker(u32, Result<OpenSpeaker, DeviceError>),
    /// How microphone and speaker of these rounds stand.
    Looked((u32, u32), Standing, Standing),
}

/// The camera's pictures go to the self-view and to the encoder.
struct CameraSink {
    output: Arc<dyn FrameOutput>,
    encoder: EncoderHandle,
}

impl VideoSink for CameraSink {
    fn frame(&self, frame: &Arc<VideoFrame>) {
        self.output.frame(SELF_VIEW, frame);
        self.encoder.frame(frame);
    }
}

impl LocalMedia {
    /// Opens what the settings name. Returns at once; devices come one by one through [`LocalMedia::next`].
    pub(crate) fn open(settings: &Settings, clock: MediaClock, output: Arc<dyn FrameOutput>) -> Self {
        let mut media = Self::bare(settings, clock, output);
        media.open_speaker();
        media.open_microphone();
        media.set_camera(settings.camera_on);
        media
    }

    /// With sound devices that the caller made instead of the system's.
    pub(crate) fn with_sound(
        settings: &Settings,
        clock: MediaClock,
        output: Arc<dyn FrameOutput>,
        input: Box<dyn AudioInput>,
        speaker: Box<dyn AudioOutput>,
    ) -> Self {
        let mut media = Self::bare(settings, clock, output);
        media.audio.handle().send(AudioCommand::Input(Some(input)));
        media.audio.handle().send(AudioCommand::Output(speaker));
        media.view.microphone.working = true;
        media.view.speaker.working = true;
        media.set_camera(settings.camera_on);
        media
    }

    fn bare(settings: &Settings, clock: MediaClock, output: Arc<dyn FrameOutput>) -> Self {
        let (events_in, events) = mpsc::channel(EVENTS);
        let audio = AudioThread::start(clock, events_in.clone());
        let encoder = EncoderThread::start();
        let sink = Arc::new(CameraSink { output, encoder: encoder.handle().clone() });
        audio.handle().send(AudioCommand::Processing(processing(settings)));
        audio.handle().send(AudioCommand::Send(settings.microphone_on));
        let on = |on| SourceView { on, ..SourceView::default() };
        Self {
            clock,
            choice: Choice {
                camera: settings.camera.clone(),
                microphone: settings.microphone.clone(),
                speaker: settings.speaker.clone(),
            },
            view: Preview {
                active: true,
                camera: on(false),
                microphone: on(settings.microphone_on),
                speaker: on(true),
            },
            audio,
            encoder,
            camera: None,
            sink,
            events,
            events_in,
            opening: JoinSet::new(),
            microphone_round: 0,
            speaker_round: 0,
            microphone: None,
            speaker: None,
            look_again: Instant::now() + LOOK_AGAIN,
        }
    }

    pub(crate) fn view(&self) -> Preview {
        let chosen =
            |view: &SourceView, selector: &str| SourceView { chosen: selector != "none", ..view.clone() };
        Preview {
            active: self.view.active,
            camera: chosen(&self.view.camera, &self.choice.camera),
            microphone: chosen(&self.view.microphone, &self.choice.microphone),
            speaker: chosen(&self.view.speaker, &self.choice.speaker),
        }
    }

    /// Whether sound and whether pictures are to be expected from here: switched on, chosen, and not known to be broken.
    pub(crate) fn sends(&self) -> (bool, bool) {
        let comes = |view: &SourceView, chosen: &str| {
            view.on && chosen != "none" && (view.working || view.problem.is_none())
        };
        (comes(&self.view.microphone, &self.choice.microphone), comes(&self.view.camera, &self.choice.camera))
    }

    pub(crate) fn audio(&self) -> &AudioHandle {
        self.audio.handle()
    }

    pub(crate) fn encoder(&self) -> &EncoderHandle {
        self.encoder.handle()
    }

    /// Mutes or unmutes, at once.
    pub(crate) fn set_microphone(&mut self, on: bool) {
        self.audio.handle().send(AudioCommand::Send(on));
        self.view.microphone.on = on;
    }

    /// Turns the camera off (the light goes out) or on.
    pub(crate) fn set_camera(&mut self, on: bool) {
        self.view.camera = SourceView { on, ..SourceView::default() };
        // The old thread is joined first: a camera cannot be opened twice.
        if self.camera.take().is_some() {
            self.sink.output.ended(SELF_VIEW);
        }
        if !on {
            return;
        }
        match self.choice.camera.parse::<CameraSelector>() {
            Ok(CameraSelector::None) => {}
            Ok(selector) => {
                let events = self.events_in.clone();
                self.camera = Some(CameraThread::open(
                    &selector,
                    REQUEST,
                    self.clock,
                    Arc::clone(&self.sink) as Arc<dyn VideoSink>,
                    Box::new(move |event| {
                        // A full queue means that nobody looks; the state comes again with the next event.
                        let _ = events.try_send(MediaEvent::Camera(event));
                    }),
                ));
            }
            Err(error) => self.view.camera.problem = Some(error.to_string()),
        }
    }

    pub(crate) fn select_camera(&mut self, id: &str) {
        id.clone_into(&mut self.choice.camera);
        self.set_camera(self.view.camera.on);
    }

    pub(crate) fn select_microphone(&mut self, id: &str) {
        id.clone_into(&mut self.choice.microphone);
        self.open_microphone();
    }

    pub(crate) fn select_speaker(&mut self, id: &str) {
        id.clone_into(&mut self.choice.speaker);
        self.open_speaker();
    }

    /// Takes over what changed in the settings.
    pub(crate) fn apply(&mut self, settings: &Settings) {
        self.audio.handle().send(AudioCommand::Processing(processing(settings)));
        if settings.camera != self.choice.camera {
            self.select_camera(&settings.camera);
        }
        if settings.microphone != self.choice.microphone {
            self.select_microphone(&settings.microphone);
        }
        if settings.speaker != self.choice.speaker {
            self.select_speaker(&settings.speaker);
        }
    }

    fn open_microphone(&mut self) {
        self.microphone_round += 1;
        let (round, clock) = (self.microphone_round, self.clock);
        match self.choice.microphone.parse::<MicrophoneSelector>() {
            Ok(MicrophoneSelector::None) => {
                self.audio.handle().send(AudioCommand::Input(None));
                self.view.microphone = SourceView { on: self.view.microphone.on, ..SourceView::default() };
            }
            Ok(selector) => {
                self.opening.spawn_blocking(move || {
                    Opened::Microphone(round, sound::open_microphone(&selector, clock))
                });
            }
            Err(error) => self.view.microphone.problem = Some(error.to_string()),
        }
    }

    fn open_speaker(&mut self) {
        self.speaker_round += 1;
        let (round, clock) = (self.speaker_round, self.clock);
        match self.choice.speaker.parse::<SpeakerSelector>() {
            Ok(selector) => {
                self.opening
                    .spawn_blocking(move || Opened::Speaker(round, sound::open_speaker(&selector, clock)));
            }
            Err(error) => self.view.speaker.problem = Some(error.to_string()),
        }
    }

    /// Waits for something to publish. Cancel-safe.
    pub(crate) async fn next(&mut self) -> LocalChange {
        loop {
            let change = tokio::select! {
                Some(event) = self.events.recv() => self.handle(event),
                Some(Ok(opened)) = self.opening.join_next() => self.opened(opened),
                () = sleep_until(self.look_again) => {
                    self.look_again = Instant::now() + LOOK_AGAIN;
                    let rounds = (self.microphone_round, self.speaker_round);
                    let (microphone, speaker) = (self.microphone.clone(), self.speaker.clone());
                    self.opening.spawn_blocking(move || {
                        let (microphone, speaker) =
                            sound::standing(microphone.as_ref(), speaker.as_ref());
                        Opened::Looked(rounds, microphone, speaker)
                    });
                    None
                }
            };
            if let Some(change) = change {
                return change;
            }
        }
    }

    fn handle(&mut self, event: MediaEvent) -> Option<LocalChange> {
        match event {
            MediaEvent::Levels(levels) => Some(LocalChange::Levels(levels)),
            MediaEvent::Hint(hint) => Some(LocalChange::Notice(told(hint))),
            MediaEvent::MicrophoneLost(error) => Some(self.microphone_lost(&error)),
            MediaEvent::SpeakerLost(error) => Some(self.speaker_lost(&error)),
            MediaEvent::Camera(event) => self.camera_changed(event),
        }
    }

    fn microphone_lost(&mut self, error: &DeviceError) -> LocalChange {
        self.view.microphone.working = false;
        self.view.microphone.problem = Some(error.to_string());
        self.audio.handle().send(AudioCommand::Input(None));
        self.open_microphone();
        LocalChange::Notice(lost(error))
    }

    fn speaker_lost(&mut self, error: &DeviceError) -> LocalChange {
        self.view.speaker.working = false;
        self.view.speaker.problem = Some(error.to_string());
        self.play_into_nowhere();
        self.open_speaker();
        LocalChange::Notice(lost(error))
    }

    fn camera_changed(&mut self, event: CameraEvent) -> Option<LocalChange> {
        let camera = &mut self.view.camera;
        if !camera.on {
            return None;
        }
        match event {
            CameraEvent::Started { name, .. } => {
                camera.working = true;
                camera.device = Some(name);
                camera.problem = None;
                Some(LocalChange::View)
            }
            CameraEvent::Recovered => {
                camera.working = true;
                camera.problem = None;
                Some(LocalChange::View)
            }
            CameraEvent::Stalled => {
                camera.working = false;
                let device = camera.device.clone().unwrap_or_else(|| "The camera".into());
                camera.problem = Some(DeviceError::Stalled { device }.to_string());
                self.sink.output.ended(SELF_VIEW);
                Some(LocalChange::View)
            }
            CameraEvent::Failed(error) => {
                let was_working = std::mem::replace(&mut camera.working, false);
                camera.problem = Some(error.to_string());
                self.sink.output.ended(SELF_VIEW);
                // A camera that never worked is shown where it is missed; one that vanishes is told.
                Some(if was_working { LocalChange::Notice(lost(&error)) } else { LocalChange::View })
            }
        }
    }

    fn opened(&mut self, opened: Opened) -> Option<LocalChange> {
        match opened {
            Opened::Microphone(round, result) if round == self.microphone_round => {
                let on = self.view.microphone.on;
                self.microphone = None;
                self.view.microphone = match result {
                    Ok(OpenMicrophone { name, id, in_place, input }) => {
                        self.audio.handle().send(AudioCommand::Input(Some(input)));
                        self.microphone = Some(watched(id, in_place.as_ref(), &self.choice.microphone));
                        working(on, name, in_place.as_ref())
                    }
                    Err(error) => {
                        self.audio.handle().send(AudioCommand::Input(None));
                        SourceView { on, problem: Some(error.to_string()), ..SourceView::default() }
                    }
                };
                Some(LocalChange::View)
            }
            Opened::Speaker(round, result) if round == self.speaker_round => {
                self.speaker = None;
                self.view.speaker = match result {
                    Ok(OpenSpeaker { name, id, in_place, output }) => {
                        self.audio.handle().send(AudioCommand::Output(output));
                        self.speaker = Some(watched(id, in_place.as_ref(), &self.choice.speaker));
                        working(true, name, in_place.as_ref())
                    }
                    Err(error) => {
                        self.play_into_nowhere();
                        SourceView { on: true, problem: Some(error.to_string()), ..SourceView::default() }
                    }
                };
                Some(LocalChange::View)
            }
            Opened::Microphone(..) | Opened::Speaker(..) => None,
            Opened::Looked(rounds, microphone, speaker)
                if rounds == (self.microphone_round, self.speaker_round) =>
            {
                self.looked(microphone, speaker)
            }
            Opened::Looked(..) => None,
        }
    }

    /// Takes up what the system says of our devices now. What cannot be taken up at once waits for the next look.
    fn looked(&mut self, microphone: Standing, speaker: Standing) -> Option<LocalChange> {
        let missing = |view: &SourceView| !view.working && view.problem.is_some();
        let gone = |view: &SourceView| DeviceError::Lost {
            device: view.device.clone().unwrap_or_else(|| "The device".into()),
        };
        // What was lost in the meantime is being opened again already.
        if microphone == Standing::Gone && self.view.microphone.working {
            let error = gone(&self.view.microphone);
            return Some(self.microphone_lost(&error));
        }
        if speaker == Standing::Gone && self.view.speaker.working {
            let error = gone(&self.view.speaker);
            return Some(self.speaker_lost(&error));
        }
        let moved = |chosen: &str, open: &Option<Watched>, standing| match standing {
            Standing::Replaceable => true,
            Standing::NotDefault => {
                chosen == "default" || open.as_ref().is_some_and(|open| open.absent.is_some())
            }
            Standing::Same | Standing::Gone => false,
        };
        if missing(&self.view.microphone) || moved(&self.choice.microphone, &self.microphone, microphone) {
            self.open_microphone();
        }
        if missing(&self.view.speaker) || moved(&self.choice.speaker, &self.speaker, speaker) {
            self.open_speaker();
        }
        None
    }

    /// Without a speaker the sound still has to be drained at the right pace: the picture is timed by it.
    fn play_into_nowhere(&self) {
        if let Ok(nowhere) = sound::open_speaker(&SpeakerSelector::None, self.clock) {
            self.audio.handle().send(AudioCommand::Output(nowhere.output));
        }
    }
}

impl Drop for LocalMedia {
    fn drop(&mut self) {
        self.camera = None;
        self.sink.output.ended(SELF_VIEW);
    }
}

fn watched(open: String, in_place: Option<&DeviceError>, chosen: &str) -> Watched {
    Watched { open, absent: in_place.map(|_| chosen.to_owned()) }
}

fn working(on: bool, name: String, in_place: Option<&DeviceError>) -> SourceView {
    let problem = in_place.map(|missing| format!("{missing} Until then {name} is used."));
    SourceView { chosen: true, on, working: true, device: Some(name), problem }
}

fn processing(settings: &Settings) -> ProcessingConfig {
    ProcessingConfig {
        echo_cancellation: settings.echo_cancellation,
        noise_suppression: settings.noise_suppression,
        automatic_gain: settings.automatic_gain,
    }
}

fn lost(error: &DeviceError) -> Notice {
    Notice { kind: NoticeKind::Error, code: error.code().into(), message: error.to_string() }
}

fn told(hint: Hint) -> Notice {
    let (code, message) = match hint {
        Hint::SpeakingWhileMuted => {
            ("muted_while_speaking", "You are muted. Unmute to let the others hear you.")
        }
        Hint::MicrophoneSilent => (
            "microphone_silent",
            "Your microphone sends no sound. Check its switch and cable, or choose another one.",
        ),
    };
    Notice { kind: NoticeKind::Hint, code: code.into(), message: message.into() }
}
