//! What the microphone's sound is encoded for, once for all who are connected: the worst of the paths.

use std::collections::BTreeMap;

use tincan_media::Bitrate;
use tincan_media::audio::red::Protection;
use tincan_protocol::PeerId;

use crate::media::AudioCommand;

/// What everybody gets.
const FULL: Bitrate = Bitrate::kbps(32);
/// What is carried more than once or on a narrow path, and the same where the path is narrow or many have to get it. (PESQ of speech at 20% loss with
/// two copies: 3.87 and 3.47.)
const THIN: Bitrate = Bitrate::kbps(16);
const THINNER: Bitrate = Bitrate::kbps(12);
const NARROW: Bitrate = Bitrate::kbps(250);
const MANY: usize = 4;
/// 20 bytes of RTP header, extensions and SRTP tag 50 times a second.
const HEADERS: u64 = 8_000;
/// What a copy is announced by: 4 bytes 50 times a second.
const COPY_HEADER: u64 = 1_600;

struct Path {
    available: Bitrate,
    loss: f32,
    protection: Protection,
}

#[derive(Default)]
pub(super) struct SoundTargets {
    paths: BTreeMap<PeerId, Path>,
    thin: Option<Bitrate>,
}

impl SoundTargets {
    /// What is known of the path to somebody; gives what the audio thread has to know.
    pub(super) fn path(
        &mut self,
        peer: PeerId,
        available: Bitrate,
        loss: f32,
        protection: Protection,
    ) -> Vec<AudioCommand> {
        self.paths.insert(peer, Path { available, loss, protection });
        let loss = self.paths.values().map(|path| path.loss).fold(0.0, f32::max);
        let mut commands = vec![AudioCommand::Target { bitrate: FULL, loss }];
        commands.extend(self.thin());
        commands
    }

    /// Somebody is not connected any more.
    pub(super) fn forget(&mut self, peer: PeerId) -> Option<AudioCommand> {
        self.paths.remove(&peer);
        self.thin()
    }

    /// The rate is kept while anybody needs the thin form: another one is heard a little.
    fn thin(&mut self) -> Option<AudioCommand> {
        let mut users = self.paths.values().filter(|path| path.protection != Protection::Fec).peekable();
        let needed = users.peek().is_some();
        let narrow = self.paths.len() > MANY || users.any(|path| path.available < NARROW);
        if needed == self.thin.is_some() {
            return None;
        }
        self.thin = needed.then_some(if narrow { THINNER } else { THIN });
        Some(AudioCommand::Thin(self.thin))
    }

    /// What sound takes of the path to somebody.
    pub(super) fn share(&self, peer: PeerId) -> Bitrate {
        let protection = self.paths.get(&peer).map(|path| path.protection);
        let copies = protection.map_or(0, |protection| protection.copies().len() as u64);
        let payload = match (copies, self.thin) {
            (1.., Some(thin)) => thin.as_bps() * (copies + 1) + COPY_HEADER * copies,
            (0, Some(thin)) if protection == Some(Protection::Thin) => thin.as_bps(),
            _ => FULL.as_bps(),
        };
        Bitrate::bps(payload + HEADERS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_is_encoded_thin_while_somebody_needs_that() {
        let mut targets = SoundTargets::default();
        let [a, b] = [1, 2].map(|n| PeerId::from_bytes([n; 32]));
        let thin = |commands: Vec<AudioCommand>| {
            commands.into_iter().find_map(|command| match command {
                AudioCommand::Thin(bitrate) => Some(bitrate),
                _ => None,
            })
        };
        let wide = Bitrate::kbps(2_000);
        assert_eq!(thin(targets.path(a, wide, 0.01, Protection::Fec)), None);
        assert_eq!(targets.share(a), Bitrate::kbps(40));
        assert_eq!(thin(targets.path(b, wide, 0.2, Protection::Two)), Some(Some(THIN)));
        assert_eq!(thin(targets.path(b, Bitrate::kbps(100), 0.2, Protection::Two)), None, "it is kept");
        assert_eq!([a, b].map(|peer| targets.share(peer).as_bps()), [40_000, 59_200]);
        assert!(matches!(targets.forget(b), Some(AudioCommand::Thin(None))));
        assert_eq!(thin(targets.path(b, Bitrate::kbps(100), 0.2, Protection::One)), Some(Some(THINNER)));
        assert_eq!(thin(targets.path(b, Bitrate::kbps(100), 0.0, Protection::Thin)), None);
        assert_eq!([a, b].map(|peer| targets.share(peer).as_bps()), [40_000, 20_000]);
    }
}
