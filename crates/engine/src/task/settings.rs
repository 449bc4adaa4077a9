//! Changing the settings, and keeping them and the recent calls.

use tincan_protocol::{PeerId, parse_server_url};

use super::{EngineTask, MAX_VOLUME, error};
use crate::api::{CommandError, Event, Notice, NoticeKind, RecentCall, Reply, Settings};
use crate::call::CallCommand;
use crate::ice_server;
use crate::store::{SaveError, forget};

impl EngineTask {
    pub(super) fn settings(&self) -> &Settings {
        &self.publisher.snapshot().settings
    }

    pub(super) fn set_volume(&mut self, peer: &str, volume: f32) -> Result<Reply, CommandError> {
        if !volume.is_finite() {
            return Err(error("bad_volume", "A volume is a number from 0 to 2."));
        }
        self.about(peer, |peer| CallCommand::Volume { peer, volume: volume.clamp(0.0, MAX_VOLUME) })
    }

    /// Something that is only done in a call.
    pub(super) fn in_call(&self, command: CallCommand) -> Result<Reply, CommandError> {
        let Some(running) = &self.call else {
            return Err(error("no_call", "You are not in a call. Start one or join one first."));
        };
        running.handle.send(command);
        Ok(Reply::Done)
    }

    /// Something about somebody who is in the call, or at its door.
    pub(super) fn about(
        &self,
        peer: &str,
        command: impl FnOnce(PeerId) -> CallCommand,
    ) -> Result<Reply, CommandError> {
        match peer.parse() {
            Ok(peer) => self.in_call(command(peer)),
            Err(_) => Err(error("no_participant", "This participant is not in the call any more.")),
        }
    }

    /// Checks, applies, and remembers; what the command line laid over stays out of the file unless it was changed.
    /// What is being sent stays as it is.
    pub(super) fn update_settings(&mut self, settings: Settings) -> Result<Reply, CommandError> {
        check_settings(&settings)?;
        let before = self.settings().clone();
        if settings == before {
            return Ok(Reply::Done);
        }
        if let Some(media) = &mut self.media {
            media.apply(&settings);
        }
        if settings.name != before.name
            && let Some(running) = &self.call
        {
            running.handle.send(CallCommand::Name(settings.name.clone()));
        }
        self.stored = self.config.overrides.without(&self.stored, &before, &settings);
        self.saver.settings(self.stored.clone());
        self.publisher.publish(Event::Settings { settings });
        self.follow_settings_in_lobby();
        self.publish_preview();
        Ok(Reply::Done)
    }

    pub(super) fn set_recent(&mut self, recent: Vec<RecentCall>) {
        self.saver.recent(recent.clone());
        self.publisher.publish(Event::Recent { recent });
    }

    pub(super) fn forget_call(&mut self, code: &str) {
        let mut recent = self.publisher.snapshot().recent.clone();
        forget(&mut recent, code);
        self.set_recent(recent);
    }

    /// Something could not be saved. What stands in the way for long is told once.
    pub(super) fn not_saved(&mut self, error: &SaveError) {
        self.publisher.publish(Event::Notice { notice: Notice::new(NoticeKind::Error, error.sentence()) });
    }
}

/// Refuses what cannot work, before anything is changed.
fn check_settings(settings: &Settings) -> Result<(), CommandError> {
    let selector = |bad: tincan_devices::ParseSelectorError| error("bad_device", &bad.to_string());
    settings.camera.parse::<tincan_devices::CameraSelector>().map_err(selector)?;
    settings.microphone.parse::<tincan_devices::MicrophoneSelector>().map_err(selector)?;
    settings.speaker.parse::<tincan_devices::SpeakerSelector>().map_err(selector)?;
    if let Some(server) = settings.server.as_deref().filter(|server| !server.trim().is_empty()) {
        parse_server_url(server).map_err(|bad| error("server_url", &bad.to_string()))?;
    }
    for server in &settings.ice_servers {
        ice_server::parse(server)?;
    }
    Ok(())
}
