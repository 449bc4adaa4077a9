//! Settings that a command line lays over the stored ones.

use std::path::PathBuf;

use tincan_media::Bitrate;
use tincan_protocol::Identity;

use crate::api::Settings;

/// Settings for one run. They are not stored, unless the person changes one of them in that run.
#[derive(derive_more::Debug, Clone, Default)]
pub struct Overrides {
    /// Camera selector.
    #[debug(skip)]
    pub camera: Option<String>,
    /// Microphone selector.
    #[debug(skip)]
    pub microphone: Option<String>,
    /// Speaker selector.
    #[debug(skip)]
    pub speaker: Option<String>,
    /// Signalling server.
    #[debug(skip)]
    pub server: Option<String>,
    /// STUN and TURN servers beside those that the signalling server names.
    #[debug(skip)]
    pub ice_servers: Option<Vec<String>>,
    /// Name.
    #[debug(skip)]
    pub name: Option<String>,
    /// Relays only.
    pub relay_only: Option<bool>,
    /// Whether to join with the microphone on.
    pub microphone_on: Option<bool>,
    /// Whether to join with the camera on.
    pub camera_on: Option<bool>,
    /// Whether the speaker's echo is removed from the microphone.
    pub echo_cancellation: Option<bool>,
    /// Records a call into this new file from when somebody is connected.
    #[debug(skip)]
    pub record: Option<PathBuf>,
    /// Who we are, for tests that must know it beforehand.
    #[debug(skip)]
    pub identity: Option<Identity>,
    /// What a connection may send at most, to compare with others at the same rate.
    pub max_bitrate: Option<Bitrate>,
    /// Plays in our place, by this seed.
    pub bot: Option<u64>,
}

impl Overrides {
    /// `stored` with these laid over.
    pub(crate) fn over(&self, stored: &Settings) -> Settings {
        let mut settings = stored.clone();
        let lay = |value: &mut String, over: &Option<String>| {
            if let Some(over) = over {
                value.clone_from(over);
            }
        };
        lay(&mut settings.camera, &self.camera);
        lay(&mut settings.microphone, &self.microphone);
        lay(&mut settings.speaker, &self.speaker);
        lay(&mut settings.name, &self.name);
        if self.server.is_some() {
            settings.server.clone_from(&self.server);
        }
        if let Some(ice_servers) = &self.ice_servers {
            settings.ice_servers.clone_from(ice_servers);
        }
        settings.relay_only = self.relay_only.unwrap_or(settings.relay_only);
        settings.microphone_on = self.microphone_on.unwrap_or(settings.microphone_on);
        settings.camera_on = self.camera_on.unwrap_or(settings.camera_on);
        settings.echo_cancellation = self.echo_cancellation.unwrap_or(settings.echo_cancellation);
        settings
    }

    /// What to store when the settings went from `before` to `after`: everything, but where a field is laid over and
    /// was not touched, the `stored` one stays.
    pub(crate) fn without(&self, stored: &Settings, before: &Settings, after: &Settings) -> Settings {
        fn keep<T: PartialEq + Clone>(over: bool, stored: &T, before: &T, after: &mut T) {
            if over && before == after {
                after.clone_from(stored);
            }
        }
        let mut kept = after.clone();
        keep(self.camera.is_some(), &stored.camera, &before.camera, &mut kept.camera);
        keep(self.microphone.is_some(), &stored.microphone, &before.microphone, &mut kept.microphone);
        keep(self.speaker.is_some(), &stored.speaker, &before.speaker, &mut kept.speaker);
        keep(self.name.is_some(), &stored.name, &before.name, &mut kept.name);
        keep(self.server.is_some(), &stored.server, &before.server, &mut kept.server);
        keep(self.ice_servers.is_some(), &stored.ice_servers, &before.ice_servers, &mut kept.ice_servers);
        keep(self.relay_only.is_some(), &stored.relay_only, &before.relay_only, &mut kept.relay_only);
        let (mic, camera) = (self.microphone_on.is_some(), self.camera_on.is_some());
        keep(mic, &stored.microphone_on, &before.microphone_on, &mut kept.microphone_on);
        keep(camera, &stored.camera_on, &before.camera_on, &mut kept.camera_on);
        let echo = self.echo_cancellation.is_some();
        keep(echo, &stored.echo_cancellation, &before.echo_cancellation, &mut kept.echo_cancellation);
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_command_line_says_is_not_stored_until_the_person_changes_it() {
        let overrides = Overrides { camera: Some("test-pattern".into()), ..Overrides::default() };
        let stored = Settings { camera: "device:mine".into(), ..Settings::default() };
        let before = overrides.over(&stored);
        assert_eq!(before.camera, "test-pattern");

        let renamed = Settings { name: "Ada".into(), ..before.clone() };
        let kept = overrides.without(&stored, &before, &renamed);
        assert_eq!((kept.camera.as_str(), kept.name.as_str()), ("device:mine", "Ada"));

        let switched = Settings { camera: "none".into(), ..before.clone() };
        assert_eq!(overrides.without(&stored, &before, &switched).camera, "none");
    }
}
