//! Our own camera, microphone and speaker, held open by the lobby or by a call: choosing them, switching them under
//! the running pipelines, and getting them back after they vanish.
//!
//! Drivers take their time to open and to close a device, some of them for ever. Nothing here waits for one: devices are
//! opened and closed on threads that may block, and their news come through [`LocalMedia::next`].

mod camera;
mod share;
mod shared_sound;
mod sound;

use std::sync::Arc;
use std::time::Duration;

use tincan_devices::audio::{Standing, Watched};
use tincan_devices::screen::ScreenSelector;
use tincan_devices::{SharedSoundSelector, SpeakerSelector, audio as devices_audio};
use tincan_media::audio::ProcessingConfig;
use tincan_media::{AudioInput, AudioOutput, DeviceError, MediaClock, SharedSound, SharedSoundError};
use tokio::sync::mpsc;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep_until};
use tracing::warn;

use camera::Camera;
pub(crate) use camera::Releasing;
use share::Share;
use shared_sound::{OurSharedSound, SharedAttempt, SharedOutcome};
use sound::{Attempt, OpenSound, Outcome, SoundDevice, SoundEnd, SoundKind, Stands};

use super::{
    AudioCommand, AudioHandle, AudioThread, EncoderHandle, EncoderThread, Hint, MediaEvent, ScreenHandle,
    ScreenThread,
};
use crate::FrameOutput;
use crate::api::{Levels, Notice, NoticeKind, Preview, Sentence, Settings, ShareView};
use crate::devices::DeviceSystem;

/// How often a missing device is looked for again, and whether the system's default is another one now. Neither
/// ALSA nor WASAPI tells; two seconds is what a person takes to look up from the plug.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// Levels come ten times a second; a second's worth may wait.
const EVENTS: usize = 64;

/// What the owner of [`LocalMedia`] is to publish.
pub(crate) enum LocalChange {
    Levels(Levels),
    /// [`LocalMedia::view`] is another one.
    View,
    Notice(Notice),
}

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sending {
    pub(crate) microphone: bool,
    pub(crate) camera: bool,
    pub(crate) screen: bool,
    pub(crate) screen_sound: bool,
}

/// Everything local. [`LocalMedia::close`] releases every device and joins every thread.
pub(crate) struct LocalMedia {
    devices: Arc<dyn DeviceSystem>,
    clock: MediaClock,
    audio: AudioThread,
    encoder: EncoderThread,
    screen: ScreenThread,
    camera: Camera,
    share: Share,
    shared_sound: OurSharedSound,
    microphone: SoundDevice,
    speaker: SoundDevice,
    events: mpsc::Receiver<MediaEvent>,
    work: JoinSet<Finished>,
    /// When to look how microphone and speaker stand; `None` while somebody looks.
    look_again: Option<Instant>,
}

/// What a thread that may block has done.
enum Finished {
    Opened(Attempt, Result<OpenSound, DeviceError>),
    Shared(SharedAttempt, Result<Box<dyn SharedSound>, SharedSoundError>),
    Looked { microphone: (Option<Watched>, Standing), speaker: (Option<Watched>, Standing) },
}

impl LocalMedia {
    /// Opens what the settings name, and sends what `sending` says. Returns at once; devices come one by one through
    /// [`LocalMedia::next`]. `releasing` are cameras that were held before.
    pub(crate) fn open(
        devices: Arc<dyn DeviceSystem>,
        settings: &Settings,
        sending: Sending,
        clock: MediaClock,
        output: Arc<dyn FrameOutput>,
        releasing: Vec<Releasing>,
    ) -> Self {
        let mut media = Self::bare(devices, settings, sending, clock, output, releasing);
        let attempts = [media.speaker.want(), media.microphone.want()];
        attempts.into_iter().flatten().for_each(|attempt| media.attempt(attempt));
        media.camera.switch(sending.camera);
        media
    }

    /// With sound devices that the caller made instead of the system's.
    pub(crate) fn with_sound(
        devices: Arc<dyn DeviceSystem>,
        settings: &Settings,
        clock: MediaClock,
        output: Arc<dyn FrameOutput>,
        input: Box<dyn AudioInput>,
        speaker: Box<dyn AudioOutput>,
    ) -> Self {
        let everything = Sending { microphone: true, camera: true, screen: false, screen_sound: false };
        let mut media = Self::bare(devices, settings, everything, clock, output, Vec::new());
        media.audio.handle().send(AudioCommand::Input(Some(input)));
        media.audio.handle().send(AudioCommand::Output(speaker));
        media.microphone.set_working();
        media.speaker.set_working();
        media.camera.switch(true);
        media
    }

    fn bare(
        devices: Arc<dyn DeviceSystem>,
        settings: &Settings,
        sending: Sending,
        clock: MediaClock,
        output: Arc<dyn FrameOutput>,
        releasing: Vec<Releasing>,
    ) -> Self {
        let (events_in, events) = mpsc::channel(EVENTS);
        let audio = AudioThread::start(clock, events_in.clone());
        let encoder = EncoderThread::start();
        let screen = ScreenThread::start();
        audio.handle().send(AudioCommand::Processing(processing(settings)));
        audio.handle().send(AudioCommand::Send(sending.microphone));
        let share = Share::new(
            Arc::clone(&devices),
            clock,
            screen.handle().clone(),
            Arc::clone(&output),
            events_in.clone(),
        );
        let camera = Camera::new(
            Arc::clone(&devices),
            clock,
            output,
            encoder.handle().clone(),
            events_in,
            settings.camera.clone(),
            releasing,
        );
        Self {
            devices,
            clock,
            audio,
            encoder,
            screen,
            camera,
            share,
            shared_sound: OurSharedSound::default(),
            microphone: SoundDevice::new(SoundKind::Microphone, &settings.microphone, sending.microphone),
            speaker: SoundDevice::new(SoundKind::Speaker, &settings.speaker, true),
            events,
            work: JoinSet::new(),
            look_again: Some(Instant::now() + LOOK_AGAIN),
        }
    }

    pub(crate) fn view(&self) -> Preview {
        Preview {
            active: true,
            camera: self.camera.view().clone(),
            microphone: self.microphone.view().clone(),
            speaker: self.speaker.view().clone(),
            share: self.share.view().map(|view| {
                let sound = self.shared_sound.view();
                ShareView { sound, ..view.clone() }
            }),
        }
    }

    /// Whether sound and whether pictures are to be expected from here: switched on, chosen, and not known to be broken.
    pub(crate) fn sends(&self) -> Sending {
        let comes = |view: &crate::api::SourceView| {
            view.on && view.chosen && (view.working || view.problem.is_none())
        };
        Sending {
            microphone: comes(self.microphone.view()),
            camera: comes(self.camera.view()),
            screen: self.share.is_seen(),
            screen_sound: self.share.is_seen() && self.shared_sound.is_heard(),
        }
    }

    pub(crate) fn audio(&self) -> &AudioHandle {
        self.audio.handle()
    }

    pub(crate) fn encoder(&self) -> &EncoderHandle {
        self.encoder.handle()
    }

    pub(crate) fn screen(&self) -> &ScreenHandle {
        self.screen.handle()
    }

    /// Shares this from now on, in place of what was shared before.
    pub(crate) fn share(
        &mut self,
        selector: ScreenSelector,
        smooth: bool,
        sound: Option<SharedSoundSelector>,
    ) {
        self.share.begin(selector, smooth);
        self.share_sound(sound);
    }

    /// What is shared has this sound once there are pictures, and no other any more.
    fn share_sound(&mut self, sound: Option<SharedSoundSelector>) {
        self.audio.handle().send(AudioCommand::SharedSound(None));
        self.shared_sound.want(sound);
    }

    /// Shares nothing any more.
    pub(crate) fn stop_sharing(&mut self) {
        self.share.stop();
        self.share_sound(None);
    }

    /// Mutes or unmutes, at once.
    pub(crate) fn set_microphone(&mut self, on: bool) {
        self.audio.handle().send(AudioCommand::Send(on));
        self.microphone.set_on(on);
    }

    /// Turns the camera off (the light goes out) or on.
    pub(crate) fn set_camera(&mut self, on: bool) {
        if on != self.camera.view().on {
            self.camera.switch(on);
        }
    }

    /// Takes over what changed in the settings. What is sent stays as it is.
    pub(crate) fn apply(&mut self, settings: &Settings) {
        self.audio.handle().send(AudioCommand::Processing(processing(settings)));
        if settings.camera != self.camera.chosen() {
            self.camera.select(&settings.camera);
        }
        if settings.microphone != self.microphone.chosen() {
            match self.microphone.select(&settings.microphone) {
                Some(attempt) => self.attempt(attempt),
                None if !self.microphone.view().chosen => self.audio().send(AudioCommand::Input(None)),
                None => {}
            }
        }
        if settings.speaker != self.speaker.chosen()
            && let Some(attempt) = self.speaker.select(&settings.speaker)
        {
            self.attempt(attempt);
        }
    }

    /// Opens a device on a thread that may block.
    fn attempt(&mut self, attempt: Attempt) {
        let (devices, clock) = (Arc::clone(&self.devices), self.clock);
        self.work.spawn_blocking(move || {
            let result = attempt.run(devices.as_ref(), clock);
            Finished::Opened(attempt, result)
        });
    }

    /// Opens the sound of what is shared, likewise.
    fn attempt_shared(&mut self, attempt: Option<SharedAttempt>) {
        let Some(attempt) = attempt else { return };
        let (devices, clock) = (Arc::clone(&self.devices), self.clock);
        self.work.spawn_blocking(move || {
            let result = devices.open_shared_sound(&attempt.selector, clock);
            Finished::Shared(attempt, result)
        });
    }

    fn look(&mut self) {
        let devices = Arc::clone(&self.devices);
        let (microphone, speaker) = (self.microphone.used().cloned(), self.speaker.used().cloned());
        self.work.spawn_blocking(move || {
            let (microphone_stands, speaker_stands) = devices.standing(microphone.as_ref(), speaker.as_ref());
            Finished::Looked {
                microphone: (microphone, microphone_stands),
                speaker: (speaker, speaker_stands),
            }
        });
    }

    /// Waits for something to publish. Cancel-safe.
    pub(crate) async fn next(&mut self) -> LocalChange {
        loop {
            let (look_again, shared_again) = (self.look_again, self.shared_sound.again());
            let change = tokio::select! {
                Some(event) = self.events.recv() => self.handle(event),
                Some(Ok(finished)) = self.work.join_next() => self.finished(finished),
                () = sleep_until(look_again.unwrap_or_else(Instant::now)), if look_again.is_some() => {
                    self.look_again = None;
                    self.look();
                    None
                }
                () = sleep_until(shared_again.unwrap_or_else(Instant::now)), if shared_again.is_some() => {
                    let attempt = self.shared_sound.try_again();
                    self.attempt_shared(attempt);
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
            MediaEvent::Hint(hint) => Some(LocalChange::Notice(hint_notice(hint))),
            MediaEvent::MicrophoneLost(error) => Some(self.lost(SoundKind::Microphone, &error)),
            MediaEvent::SpeakerLost(error) => Some(self.lost(SoundKind::Speaker, &error)),
            MediaEvent::Camera { round, event } => self.camera.happened(round, event),
            MediaEvent::SharedSoundLost(error) => {
                self.shared_sound.lost(&error).then(|| LocalChange::Notice(missing_sound(&error)))
            }
            MediaEvent::Screen { round, event } => {
                let change = self.share.happened(round, event);
                match self.share.view() {
                    Some(_) if self.share.is_seen() => {
                        let attempt = self.shared_sound.begin();
                        self.attempt_shared(attempt);
                    }
                    Some(_) => {}
                    None => self.share_sound(None),
                }
                change
            }
        }
    }

    fn sound(&mut self, kind: SoundKind) -> &mut SoundDevice {
        match kind {
            SoundKind::Microphone => &mut self.microphone,
            SoundKind::Speaker => &mut self.speaker,
        }
    }

    /// The device in use has failed: nothing is in its place until it can be opened again.
    fn lost(&mut self, kind: SoundKind, error: &DeviceError) -> LocalChange {
        let change = self.sound(kind).lost(error);
        self.plug_nothing(kind);
        self.open_again(kind);
        change
    }

    fn open_again(&mut self, kind: SoundKind) {
        if let Some(attempt) = self.sound(kind).want() {
            self.attempt(attempt);
        }
    }

    fn finished(&mut self, finished: Finished) -> Option<LocalChange> {
        match finished {
            Finished::Opened(attempt, result) => match self.sound(attempt.kind).ended(&attempt, result) {
                Outcome::Use(end) => {
                    self.plug(end);
                    Some(LocalChange::View)
                }
                Outcome::Nothing => {
                    self.plug_nothing(attempt.kind);
                    Some(LocalChange::View)
                }
                Outcome::Outdated(end) => {
                    // Closing takes its driver's time, and nobody has to know.
                    spawn_blocking(move || drop(end));
                    None
                }
            },
            Finished::Shared(attempt, result) => match self.shared_sound.ended(&attempt, result) {
                SharedOutcome::Use(sound) => {
                    self.audio.handle().send(AudioCommand::SharedSound(Some(sound)));
                    Some(LocalChange::View)
                }
                SharedOutcome::Tell(error) => Some(LocalChange::Notice(missing_sound(&error))),
                SharedOutcome::Nothing(sound) => {
                    spawn_blocking(move || drop(sound));
                    None
                }
            },
            Finished::Looked { microphone, speaker } => {
                self.look_again = Some(Instant::now() + LOOK_AGAIN);
                let looked = [(SoundKind::Microphone, microphone), (SoundKind::Speaker, speaker)];
                let mut change = None;
                for (kind, (watched, standing)) in looked {
                    match self.sound(kind).stands(watched.as_ref(), standing) {
                        Stands::Well => {}
                        Stands::Anew => self.open_again(kind),
                        // Of two that vanish together one notice is enough.
                        Stands::Lost(error) => change = Some(self.lost(kind, &error)),
                    }
                }
                change
            }
        }
    }

    fn plug(&self, end: SoundEnd) {
        self.audio.handle().send(match end {
            SoundEnd::Microphone(input) => AudioCommand::Input(Some(input)),
            SoundEnd::Speaker(output) => AudioCommand::Output(output),
        });
    }

    fn plug_nothing(&self, kind: SoundKind) {
        match kind {
            SoundKind::Microphone => self.audio.handle().send(AudioCommand::Input(None)),
            // Without a speaker the sound still has to be drained at the right pace: the picture is timed by it.
            SoundKind::Speaker => {
                if let Ok(nowhere) = devices_audio::open_speaker(&SpeakerSelector::None, self.clock) {
                    self.audio.handle().send(AudioCommand::Output(nowhere.output));
                }
            }
        }
    }

    /// Lets go of everything. From now on nothing is captured or shown; what it gives ends when every device is released
    /// and every thread has ended. The cameras are those that may not be released yet.
    pub(crate) fn close(self) -> (impl Future<Output = ()> + Send + use<>, Vec<Releasing>) {
        let Self { audio, encoder, screen, camera, share, mut work, .. } = self;
        audio.handle().send(AudioCommand::Input(None));
        audio.handle().send(AudioCommand::SharedSound(None));
        let (camera_released, releasing) = camera.close();
        work.abort_all();
        let capture_ended = share.close();
        let threads = spawn_blocking(move || drop((audio, encoder, screen)));
        let released = async move {
            camera_released.await;
            capture_ended.await;
            // A device that is still being opened is closed once it is; closing may take its driver seconds.
            let mut closing = JoinSet::new();
            while let Some(opened) = work.join_next().await {
                closing.spawn_blocking(move || drop(opened));
            }
            while closing.join_next().await.is_some() {}
            if threads.await.is_err() {
                warn!("a media thread panicked");
            }
        };
        (released, releasing)
    }
}

fn processing(settings: &Settings) -> ProcessingConfig {
    ProcessingConfig {
        echo_cancellation: settings.echo_cancellation,
        noise_suppression: settings.noise_suppression,
        automatic_gain: settings.automatic_gain,
    }
}

fn lost(error: &DeviceError) -> Notice {
    Notice::new(NoticeKind::Error, error.into())
}

fn missing_sound(error: &SharedSoundError) -> Notice {
    Notice::new(NoticeKind::Error, error.into())
}

fn hint_notice(hint: Hint) -> Notice {
    let (code, message) = match hint {
        Hint::SpeakingWhileMuted => {
            ("muted_while_speaking", "You are muted. Unmute to let the others hear you.")
        }
        Hint::MicrophoneSilent => (
            "microphone_silent",
            "Your microphone sends no sound. Check its switch and cable, or choose another one.",
        ),
    };
    Notice::new(NoticeKind::Hint, Sentence::new(code, message))
}
