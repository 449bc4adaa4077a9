//! The port to the machine's devices: the real ones, or those that a test makes up.

use std::sync::Arc;

use tincan_devices::audio::{OpenMicrophone, OpenSpeaker, Standing, Watched};
use tincan_devices::screen::{
    self, ScreenError, ScreenEvent, ScreenInfo, ScreenRequest, ScreenSelector, ScreenThread,
};
use tincan_devices::video::{CameraEvent, CameraThread, CaptureRequest};
use tincan_devices::{
    CameraSelector, DeviceInfo, MicrophoneSelector, SharedSoundSelector, SpeakerSelector, audio, video,
};
use tincan_media::{DeviceError, MediaClock, SharedSound, SharedSoundError, VideoSink};

use crate::api::{Device, Devices};

/// Takes what happens to a camera; called on the camera's threads.
pub(crate) type OnCameraEvent = Box<dyn Fn(CameraEvent) + Send + Sync>;

/// Takes what happens to what is shared; called on its thread.
pub(crate) type OnScreenEvent = Box<dyn Fn(ScreenEvent) + Send + Sync>;

/// Opens devices. Every method blocks for as long as a driver likes, and so does dropping what was opened: never call
/// them, and never drop it, on a task or on a thread that somebody waits for.
pub(crate) trait DeviceSystem: Send + Sync + 'static {
    /// What a person can choose from.
    fn list(&self) -> Devices;

    /// A microphone that runs.
    fn open_microphone(
        &self,
        selector: &MicrophoneSelector,
        clock: MediaClock,
    ) -> Result<OpenMicrophone, DeviceError>;

    /// A speaker that runs.
    fn open_speaker(&self, selector: &SpeakerSelector, clock: MediaClock)
    -> Result<OpenSpeaker, DeviceError>;

    /// A camera that runs, or that tries to until it is dropped; `on_event` tells which.
    fn open_camera(
        &self,
        selector: &CameraSelector,
        request: CaptureRequest,
        clock: MediaClock,
        sink: Arc<dyn VideoSink>,
        on_event: OnCameraEvent,
    ) -> Box<dyn Send>;

    /// What a person can share.
    fn list_screens(&self) -> Result<Vec<ScreenInfo>, ScreenError>;

    /// A screen or window that is shared until it is dropped, or until `on_event` tells its end.
    fn open_screen(
        &self,
        selector: &ScreenSelector,
        request: ScreenRequest,
        clock: MediaClock,
        sink: Arc<dyn VideoSink>,
        on_event: OnScreenEvent,
    ) -> Box<dyn Send>;

    /// The sound of what is shared.
    fn open_shared_sound(
        &self,
        selector: &SharedSoundSelector,
        clock: MediaClock,
    ) -> Result<Box<dyn SharedSound>, SharedSoundError>;

    /// What became of the microphone and the speaker that are open.
    fn standing(&self, microphone: Option<&Watched>, speaker: Option<&Watched>) -> (Standing, Standing);
}

/// The machine's own devices.
pub(crate) struct SystemDevices;

impl DeviceSystem for SystemDevices {
    fn list(&self) -> Devices {
        let synthetic = |id: &str, name: &str| Device { id: id.into(), name: name.into() };
        let real = |found: Vec<DeviceInfo>| found.into_iter().map(|d| Device { id: d.id, name: d.name });
        Devices {
            cameras: std::iter::once(synthetic("default", "System default"))
                .chain(real(video::list_cameras()))
                .chain([
                    synthetic("portrait", "Drawn person"),
                    synthetic("test-pattern", "Test pattern"),
                    synthetic("none", "No camera"),
                ])
                .collect(),
            microphones: std::iter::once(synthetic("default", "System default"))
                .chain(real(audio::list_microphones()))
                .chain([synthetic("tone", "Test tone"), synthetic("none", "No microphone")])
                .collect(),
            speakers: std::iter::once(synthetic("default", "System default"))
                .chain(real(audio::list_speakers()))
                .chain([synthetic("none", "No speaker")])
                .collect(),
        }
    }

    fn open_microphone(
        &self,
        selector: &MicrophoneSelector,
        clock: MediaClock,
    ) -> Result<OpenMicrophone, DeviceError> {
        audio::open_microphone(selector, clock)
    }

    fn open_speaker(
        &self,
        selector: &SpeakerSelector,
        clock: MediaClock,
    ) -> Result<OpenSpeaker, DeviceError> {
        audio::open_speaker(selector, clock)
    }

    fn open_camera(
        &self,
        selector: &CameraSelector,
        request: CaptureRequest,
        clock: MediaClock,
        sink: Arc<dyn VideoSink>,
        on_event: OnCameraEvent,
    ) -> Box<dyn Send> {
        Box::new(CameraThread::open(selector, request, clock, sink, on_event))
    }

    fn list_screens(&self) -> Result<Vec<ScreenInfo>, ScreenError> {
        screen::list_screens()
    }

    fn open_screen(
        &self,
        selector: &ScreenSelector,
        request: ScreenRequest,
        clock: MediaClock,
        sink: Arc<dyn VideoSink>,
        on_event: OnScreenEvent,
    ) -> Box<dyn Send> {
        Box::new(ScreenThread::open(selector, request, clock, sink, on_event))
    }

    fn open_shared_sound(
        &self,
        selector: &SharedSoundSelector,
        clock: MediaClock,
    ) -> Result<Box<dyn SharedSound>, SharedSoundError> {
        audio::open_shared_sound(selector, clock)
    }

    fn standing(&self, microphone: Option<&Watched>, speaker: Option<&Watched>) -> (Standing, Standing) {
        audio::standing(microphone, speaker)
    }
}
