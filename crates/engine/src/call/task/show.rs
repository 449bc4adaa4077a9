//! What a person sees and hears of the call, and asks of it.

use std::time::Instant;

use tincan_call::{Input, SessionEvent, Want};
use tincan_protocol::{PeerId, Source, Wanted};

use super::super::people::{People, Presence};
use super::super::{CallCommand, CallUpdate, view};
use super::CallTask;
use super::together::Happened;
use crate::api::{Notice, NoticeKind, Sentence};
use crate::media::{EncoderCommand, ScreenCommand};

/// Somebody's proof does not fit.
const UNPROVEN: &str = "unproven";
const UNPROVEN_SENTENCE: &str = "Somebody in the room could not prove who they are, as if somebody sat between you. \
                                 Nothing of them is shown. If it happens again, leave and start a new call with a new code.";

impl CallTask {
    pub(super) async fn show(&mut self, event: SessionEvent) {
        let Self { people, view, .. } = self;
        let presence = match event {
            SessionEvent::Phase(phase) => {
                people.phase(view, phase, Instant::now(), view::unix_millis());
                None
            }
            SessionEvent::Server { connected } => {
                self.server_is(connected);
                None
            }
            SessionEvent::ParticipantJoined { peer } => {
                people.came(view, peer);
                self.happened(Happened::Came(peer));
                None
            }
            SessionEvent::ParticipantLeft { peer, reason } => {
                let Some((streams, presence)) = people.left(view, peer, reason) else { return };
                self.wants.forget(peer);
                self.happened(Happened::Left(peer));
                for stream in streams {
                    self.config.media.output.ended(stream);
                }
                presence
            }
            SessionEvent::Name { peer, name } => {
                self.happened(Happened::Named { peer, name: name.clone() });
                self.people.named(&mut self.view, peer, name)
            }
            SessionEvent::Streams { peer, streams } => {
                people.streams(view, peer, &streams);
                let sent = |source| streams.iter().any(|state| state.source == source);
                let (camera, screen) = (sent(Source::Camera), sent(Source::Screen));
                match self.connections.get(peer) {
                    Some(remote) => remote.set_screen(screen),
                    None if !screen => self.config.media.output.ended(people.screen_stream(view, peer)),
                    None => {}
                }
                match self.connections.get(peer) {
                    // Its thread shows their pictures and so is the one to end them.
                    Some(remote) => remote.set_camera(camera),
                    None if !camera => self.config.media.output.ended(people.camera_stream(view, peer)),
                    None => {}
                }
                None
            }
            SessionEvent::Hand { peer, hand } => {
                people.hand(view, peer, hand);
                None
            }
            SessionEvent::Recording { peer, on } => {
                self.somebody_records(peer, on);
                None
            }
            SessionEvent::Reaction { peer, reaction } => {
                self.engine.send(CallUpdate::Reaction { peer: Some(peer), reaction }).await;
                None
            }
            SessionEvent::Locked { locked } => {
                view.locked = locked;
                None
            }
            SessionEvent::Knock { peer, name } => {
                People::knock(view, peer, name);
                None
            }
            SessionEvent::KnockEnded { peer } => {
                People::knock_ended(view, peer);
                None
            }
            SessionEvent::Refused => {
                self.turned_away = true;
                None
            }
            SessionEvent::Trust { peer, trust, late } => {
                people.trust(view, peer, trust, late).map(Presence::Told)
            }
            SessionEvent::Room { everybody } => {
                view.safety = None;
                self.numbers.room(everybody);
                None
            }
            SessionEvent::Unproven { peer } => {
                self.doubt(peer, Sentence::new(UNPROVEN, UNPROVEN_SENTENCE)).await;
                return;
            }
            SessionEvent::Wanted { peer, streams } => {
                let media = &self.config.media;
                let (camera, screen) = (want(&streams, Source::Camera), want(&streams, Source::Screen));
                media.encoder.send(EncoderCommand::Want { id: peer, want: camera });
                media.screen.send(ScreenCommand::Want { id: peer, want: screen });
                None
            }
            SessionEvent::Connection { peer, view: connection } => people.connection(view, peer, connection),
            SessionEvent::Again { code } => {
                self.again = Some(code);
                None
            }
        };
        match presence {
            Some(Presence::Joined(notice)) => self.engine.send(CallUpdate::SomebodyJoined(notice)).await,
            Some(Presence::Left(notice) | Presence::Told(notice)) => self.engine.tell(notice).await,
            None => {}
        }
    }

    /// Warns of somebody, once.
    pub(super) async fn doubt(&mut self, peer: PeerId, why: Sentence) {
        if self.doubted.insert(peer) {
            self.engine.tell(Notice::new(NoticeKind::Error, why)).await;
        }
    }

    /// What a person asks of the call; gives what the session has to know of it.
    pub(super) async fn asked(&mut self, command: CallCommand) -> Option<Input> {
        Some(match command {
            CallCommand::Source { source, on } => {
                let input = Input::SetSource { source, on };
                self.session.handle(Instant::now(), input);
                self.share_paths();
                self.carry_out().await;
                return None;
            }
            CallCommand::Name(name) => Input::SetName(name),
            CallCommand::Hand(on) => {
                // Raising it again does not put us at the end of those who wait.
                self.view.hand = on.then(|| self.view.hand.unwrap_or_else(view::unix_millis));
                Input::SetHand(self.view.hand)
            }
            CallCommand::React(reaction) => {
                self.engine.send(CallUpdate::Reaction { peer: None, reaction }).await;
                Input::React(reaction)
            }
            CallCommand::Record(to, answer) => {
                let result = self.record(to).await;
                self.engine.send(CallUpdate::Answered(answer, result)).await;
                return None;
            }
            CallCommand::StopRecording => {
                self.stop_recording();
                self.carry_out().await;
                self.publish().await;
                return None;
            }
            CallCommand::Lock(on) => Input::SetLock(on),
            CallCommand::LetIn(peer) => Input::LetIn(peer),
            CallCommand::Refuse(peer) => Input::Refuse(peer),
            CallCommand::Verified { peer, on } => Input::SetVerified { peer, on },
            CallCommand::Together(command, answer) => {
                let result = self.asked_together(command).await;
                self.engine.send(CallUpdate::Answered(answer, result)).await;
                return None;
            }
            CallCommand::Volume { peer, volume } => {
                self.set_volume(peer, volume);
                self.publish().await;
                return None;
            }
        })
    }
}

/// How large somebody shows what we send of this source.
fn want(streams: &[Wanted], source: Source) -> Want {
    match streams.iter().find(|wanted| wanted.source == source).map(|wanted| wanted.height) {
        None => Want::Any,
        Some(0) => Want::Nothing,
        Some(lines) => Want::Lines(lines.into()),
    }
}
