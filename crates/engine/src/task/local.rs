//! Our own devices: for the lobby, for a call, and on or off as the person switched them.

use std::sync::Arc;

use tincan_protocol::Source;
use tokio::task::spawn_blocking;

use super::{Answer, Done, EngineTask};
use crate::api::{CommandError, Event, Levels, Preview, Reply, Settings};
use crate::call::CallCommand;
use crate::media::{LocalChange, LocalMedia, Sending};

/// What a person switched by hand, in the lobby or in a call. It holds until that call is over, whatever the settings
/// say, and is never stored.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ByHand {
    microphone: Option<bool>,
    camera: Option<bool>,
}

impl ByHand {
    /// What is to be sent from here.
    fn over(self, settings: &Settings) -> Sending {
        Sending {
            microphone: self.microphone.unwrap_or(settings.microphone_on),
            camera: self.camera.unwrap_or(settings.camera_on),
            screen: false,
            screen_sound: false,
        }
    }
}

impl EngineTask {
    pub(super) fn open_media(&mut self) -> &LocalMedia {
        let settings = &self.publisher.snapshot().settings;
        let media = self.media.get_or_insert_with(|| {
            LocalMedia::open(
                Arc::clone(&self.devices),
                settings,
                self.by_hand.over(settings),
                self.clock,
                Arc::clone(&self.config.frames),
                std::mem::take(&mut self.releasing),
            )
        });
        self.publisher.publish(Event::Preview { preview: media.view() });
        media
    }

    pub(super) fn start_preview(&mut self) {
        self.preview_wanted = true;
        self.open_media();
    }

    pub(super) fn stop_preview(&mut self) {
        self.preview_wanted = false;
        if let Some(released) = self.release_media() {
            self.work.spawn(async move {
                released.await;
                Done::Nothing
            });
        }
    }

    /// Releases the devices unless somebody needs them. What it gives ends when they are: devices close in their
    /// drivers' own time.
    pub(super) fn release_media(&mut self) -> Option<impl Future<Output = ()> + Send + use<>> {
        if self.call.is_some() || self.preview_wanted {
            return None;
        }
        let (released, releasing) = self.media.take()?.close();
        self.releasing = releasing;
        self.publisher.publish(Event::Preview { preview: Preview::default() });
        self.publisher.publish(Event::Levels { levels: Levels::default() });
        Some(released)
    }

    pub(super) fn local_change(&mut self, change: LocalChange) {
        match change {
            LocalChange::Levels(levels) => return self.publisher.publish(Event::Levels { levels }),
            LocalChange::View => {}
            LocalChange::Notice(notice) => self.publisher.publish(Event::Notice { notice }),
        }
        self.publish_preview();
    }

    /// Tells the window how our devices do, and the others what we send of them.
    pub(super) fn publish_preview(&mut self) {
        let Some(media) = &self.media else { return };
        if let Some(running) = &mut self.call {
            let sends = media.sends();
            let announced = std::mem::replace(&mut running.announced, sends);
            if announced.microphone != sends.microphone {
                running.handle.send(CallCommand::Source { source: Source::Microphone, on: sends.microphone });
            }
            if announced.camera != sends.camera {
                running.handle.send(CallCommand::Source { source: Source::Camera, on: sends.camera });
            }
            if announced.screen != sends.screen {
                running.handle.send(CallCommand::Source { source: Source::Screen, on: sends.screen });
            }
            if announced.screen_sound != sends.screen_sound {
                let (source, on) = (Source::ScreenSound, sends.screen_sound);
                running.handle.send(CallCommand::Source { source, on });
            }
        }
        self.publisher.publish(Event::Preview { preview: media.view() });
    }

    pub(super) fn set_microphone(&mut self, on: bool) {
        self.by_hand.microphone = Some(on);
        if let Some(media) = &mut self.media {
            media.set_microphone(on);
        }
        self.publish_preview();
    }

    pub(super) fn set_camera(&mut self, on: bool) {
        self.by_hand.camera = Some(on);
        if let Some(media) = &mut self.media {
            media.set_camera(on);
        }
        self.publish_preview();
    }

    /// The lobby shows what the next call begins with, so it follows the settings, but for what was switched by hand. A
    /// call never does: nothing in the settings changes what is being sent.
    pub(super) fn follow_settings_in_lobby(&mut self) {
        if self.call.is_some() {
            return;
        }
        let begin = self.by_hand.over(&self.publisher.snapshot().settings);
        if let Some(media) = &mut self.media {
            media.set_microphone(begin.microphone);
            media.set_camera(begin.camera);
        }
    }

    /// Chooses another device.
    pub(super) fn select(
        &mut self,
        id: String,
        field: impl Fn(&mut Settings) -> &mut String,
    ) -> Result<Reply, CommandError> {
        let mut settings = self.settings().clone();
        *field(&mut settings) = id;
        self.update_settings(settings)
    }

    pub(super) fn list_devices(&mut self, answer: Option<Answer>) {
        let devices = Arc::clone(&self.devices);
        self.work.spawn(async move {
            match spawn_blocking(move || devices.list()).await {
                Ok(devices) => Done::Devices(devices, answer),
                Err(_) => Done::Nothing,
            }
        });
    }
}
