//! How large we show what the others send, and what they are told of what we send.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use tincan_call::{Input, LimitedBy};
use tincan_protocol::{PeerId, Source};

use super::CallTask;
use crate::media::{EncoderCommand, EncoderStatistics, ScreenCommand, SentPictures};

impl CallTask {
    /// On how many lines somebody's picture is of use here, 0 for none: in the window or in a recording.
    pub(super) fn of_use(&mut self, peer: PeerId) -> Option<u16> {
        let stream = self.people.camera_stream(&self.view, peer);
        let shown = self.config.media.output.lines(stream);
        shown.map(|lines| lines.max(self.recorded_lines(stream).unwrap_or(0)))
    }

    /// Tells the others how large we show their pictures, and what there was no room for before.
    pub(super) async fn look(&mut self) {
        self.tell_together();
        self.look_at_recording().await;
        let now = Instant::now();
        let mut wanted = Vec::new();
        let peers: Vec<PeerId> =
            self.session.participants().iter().map(tincan_call::Participant::id).collect();
        for peer in peers {
            let of_use = self.of_use(peer);
            let camera = self.decoding.within(of_use);
            let screen = self.people.screen_stream(&self.view, peer);
            let screen = self.config.media.output.lines(screen).filter(|_| !self.records_screen(screen));
            let shown = [(Source::Camera, camera), (Source::Screen, screen)];
            let Some(streams) = self.wants.look(now, peer, shown) else { continue };
            if let Some(remote) = self.connections.get(peer) {
                remote.set_looked_at(self.wants.looks(peer));
            }
            wanted.push(Input::Want { peer, streams });
        }
        if !wanted.is_empty() {
            for input in wanted {
                self.session.handle(now, input);
            }
            self.carry_out().await;
        }
    }

    /// What is sent changed: the encoders share the paths.
    pub(super) fn share_paths(&mut self) {
        let media = &self.config.media;
        let sends = |source| self.session.sources().contains(&source);
        self.sound.set_shares(sends(Source::ScreenSound));
        media.encoder.send(EncoderCommand::Screen(sends(Source::Screen)));
        media.screen.send(ScreenCommand::Camera(sends(Source::Camera)));
    }

    /// Tells those whose path carries no pictures now that it does not.
    pub(super) async fn tell_paused(
        &mut self,
        cameras: &EncoderStatistics,
        screens: &BTreeMap<PeerId, SentPictures>,
    ) {
        let starved = |sent: Option<&SentPictures>| {
            sent.is_some_and(|sent| sent.resolution.is_none() && sent.limited_by == LimitedBy::Bandwidth)
        };
        let sources = self.session.sources();
        let (camera, screen) = (sources.contains(&Source::Camera), sources.contains(&Source::Screen));
        if !camera && !screen {
            return;
        }
        let peers: BTreeSet<PeerId> = cameras.participants.keys().chain(screens.keys()).copied().collect();
        for peer in peers {
            let camera = camera && starved(cameras.participants.get(&peer));
            let screen = screen && starved(screens.get(&peer));
            let sources = [(Source::Camera, camera), (Source::Screen, screen)];
            let sources =
                sources.into_iter().filter(|(_, paused)| *paused).map(|(source, _)| source).collect();
            self.session.handle(Instant::now(), Input::SetPaused { peer, sources });
        }
        self.carry_out().await;
    }
}
