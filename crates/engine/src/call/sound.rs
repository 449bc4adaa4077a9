//! What the microphone's sound is encoded for, once for all who are connected: the worst of the paths. And the sound of what
//! is shared, likewise: voices go first, then that, then pictures.

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

/// What the sound of what is shared is encoded at: all of it to hear the room in music, and below half of it only what is
/// needed to follow a film.
const SHARED: [u64; 5] = [112, 96, 64, 48, 32];
/// The part of what a path carries beside voices that it may take, so that pictures move too.
const SHARED_PART: f64 = 0.35;
/// A path takes it, or takes more of it, again when there is so much more than enough: a change is heard.
const SHARED_AGAIN: f64 = 1.25;

struct Path {
    available: Bitrate,
    loss: f32,
    protection: Protection,
    /// The largest of [`SHARED`] that it carries; `None`: voices only.
    shared: Option<u64>,
}

impl Path {
    /// What the path carries of the sound of what is shared, beside `voice`.
    fn shared(&self, voice: Bitrate) -> Option<u64> {
        let spare = self.available.as_bps().saturating_sub(voice.as_bps()) as f64 * SHARED_PART;
        let carried = |kbps: u64| {
            let needed = (kbps * 1_000 + HEADERS) as f64;
            let more = self.shared.is_none_or(|had| kbps > had);
            spare >= if more { needed * SHARED_AGAIN } else { needed }
        };
        SHARED.into_iter().find(|kbps| carried(*kbps))
    }
}

#[derive(Default)]
pub(super) struct SoundTargets {
    paths: BTreeMap<PeerId, Path>,
    thin: Option<Bitrate>,
    /// We share something that has sound.
    shares: bool,
    /// At which rate it is made now, in kbit/s.
    shared: Option<u64>,
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
        let before = self.paths.remove(&peer);
        // Until something is known of it, a path has what it begins with.
        let known = before.is_some();
        let had = before.map_or(Some(SHARED[0]), |before| before.shared);
        self.paths.insert(peer, Path { available, loss, protection, shared: had });
        let shared = self.shared_of(peer, known);
        let loss = self.paths.values().map(|path| path.loss).fold(0.0, f32::max);
        let mut commands = vec![AudioCommand::Target { bitrate: FULL, loss }];
        commands.extend(self.thin());
        commands.extend(shared);
        commands
    }

    /// Whether we share something that has sound.
    pub(super) fn set_shares(&mut self, shares: bool) {
        self.shares = shares;
    }

    /// What somebody's path carries of the sound of what is shared, and what that changes.
    fn shared_of(&mut self, peer: PeerId, known: bool) -> Vec<AudioCommand> {
        let voice = self.voice(peer);
        let Some(path) = self.paths.get_mut(&peer) else { return Vec::new() };
        let (had, has) = (path.shared, path.shared(voice));
        path.shared = has;
        let mut commands = Vec::new();
        if had.is_some() != has.is_some() || !known {
            commands.push(AudioCommand::SharedFor { id: peer, on: has.is_some() });
        }
        commands.extend(self.shared_rate());
        commands
    }

    /// The least of what those get who get any.
    fn shared_rate(&mut self) -> Option<AudioCommand> {
        let rate = self.paths.values().filter_map(|path| path.shared).min();
        let changed = rate.is_some() && rate != self.shared;
        self.shared = rate.or(self.shared);
        rate.filter(|_| changed).map(|kbps| AudioCommand::SharedRate(Bitrate::kbps(kbps)))
    }

    /// Somebody is not connected any more.
    pub(super) fn forget(&mut self, peer: PeerId) -> Vec<AudioCommand> {
        self.paths.remove(&peer);
        self.thin().into_iter().chain(self.shared_rate()).collect()
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
        let gets = self.shares && self.paths.get(&peer).is_some_and(|path| path.shared.is_some());
        let shared = self.shared.filter(|_| gets).map_or(0, |kbps| kbps * 1_000 + HEADERS);
        Bitrate::bps(self.voice(peer).as_bps() + shared)
    }

    /// What the voice takes of it.
    fn voice(&self, peer: PeerId) -> Bitrate {
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
        assert!(matches!(targets.forget(b)[..], [AudioCommand::Thin(None), ..]));
        assert_eq!(thin(targets.path(b, Bitrate::kbps(100), 0.2, Protection::One)), Some(Some(THINNER)));
        assert_eq!(thin(targets.path(b, Bitrate::kbps(100), 0.0, Protection::Thin)), None);
        assert_eq!([a, b].map(|peer| targets.share(peer).as_bps()), [40_000, 20_000]);
    }

    /// What the audio thread was told: the rate in kbit/s, and who gets the sound of what is shared from now on or no more.
    fn told(commands: Vec<AudioCommand>) -> (Option<u64>, Vec<(PeerId, bool)>) {
        let (mut rate, mut people) = (None, Vec::new());
        for command in commands {
            match command {
                AudioCommand::SharedRate(to) => rate = Some(to.as_bps() / 1_000),
                AudioCommand::SharedFor { id, on } => people.push((id, on)),
                _ => {}
            }
        }
        (rate, people)
    }

    #[test]
    fn what_is_shared_sounds_as_well_as_the_narrowest_path_carries_beside_voices() {
        let mut targets = SoundTargets::default();
        let [a, b] = [1, 2].map(|n| PeerId::from_bytes([n; 32]));
        let path = |targets: &mut SoundTargets, peer, kbps| {
            told(targets.path(peer, Bitrate::kbps(kbps), 0.0, Protection::Fec))
        };
        assert_eq!(path(&mut targets, a, 2_000), (Some(112), vec![(a, true)]));
        assert_eq!(targets.share(a), Bitrate::kbps(40), "nothing is shared yet");
        targets.set_shares(true);
        assert_eq!(targets.share(a), Bitrate::kbps(160));
        assert_eq!(path(&mut targets, b, 300), (Some(64), vec![(b, true)]));
        assert_eq!(path(&mut targets, b, 310), (None, vec![]));
        assert_eq!(path(&mut targets, b, 160), (Some(32), vec![]));
        // A path that carries no more than voices gets none, and holds nobody down.
        assert_eq!(path(&mut targets, b, 100), (Some(112), vec![(b, false)]));
        assert_eq!([a, b].map(|peer| targets.share(peer)), [Bitrate::kbps(160), Bitrate::kbps(40)]);
        assert_eq!(path(&mut targets, b, 170), (None, vec![]), "it is nearly enough");
        assert_eq!(path(&mut targets, b, 190), (Some(32), vec![(b, true)]));
        assert_eq!(told(targets.forget(b)).0, Some(112));
    }
}
