//! Calls: starting them, what they tell while they run, and leaving them.

use std::sync::Arc;

use tincan_protocol::{Identity, Intent, RoomCode, parse_server_url};
use tokio::sync::oneshot;
use url::Url;

use super::local::ByHand;
use super::{Answer, Done, EngineTask, Hosted, MAX_HOSTED, Running, acknowledge, error};
use crate::api::{
    ArenaChange, BoardChange, CallStatistics, CallSummary, ChatChange, CommandError, Event, GamesView,
    NearbyCall, Notice, RecentCall, Reply, SheetChange,
};
use crate::call::{
    CallConfig, CallEnd, CallHandle, CallMedia, CallUpdate, FromCall, Route, unix_millis, view,
};
use crate::media::AudioCommand;
use crate::spoken::Spoken;
use crate::store::remember;
use crate::test_call::TestParticipant;
use crate::{HostedRoom, code, ice_server};

/// The chime when somebody comes, against the speaker test: softer by 9 dB, since it comes unasked.
const JOIN_CHIME: f32 = 0.35;

impl EngineTask {
    pub(super) fn create_room(&mut self, answer: Answer, test: bool) {
        let route = match (self.configured_server(), &self.config.local_server) {
            (Err(error), _) => return drop(answer.send(Err(error))),
            (Ok(Some(url)), _) if !test => Route::Server { url, intent: Intent::Create },
            (_, Some(host)) => Route::Host { host: Arc::clone(host), announced: !test },
            (_, None) => {
                return drop(answer.send(Err(error(
                    "no_server",
                    "There is no server to call through. Set one in the settings, such as wss://tincan.example.org.",
                ))));
            }
        };
        self.start_call(RoomCode::random(), route, answer, test);
    }

    pub(super) fn join_room(&mut self, text: &str, answer: Answer) {
        let invite = match code::invite(text) {
            Ok(invite) => invite,
            Err(error) => return drop(answer.send(Err(error))),
        };
        let host = self.config.local_server.clone();
        let route = match (invite.server, host) {
            (_, Some(host)) if self.hosts(&invite.code) => Route::Host { host, announced: true },
            (Some(url), host) => Route::link(url, host),
            (None, host) => match self.configured_server() {
                Ok(server) => Route::Find { server, host },
                Err(error) => return drop(answer.send(Err(error))),
            },
        };
        self.start_call(invite.code, route, answer, false);
    }

    /// The room of an earlier call: whoever of its people is first opens it, the others join.
    pub(super) fn call_again(&mut self, code: &str, server: Option<&str>, answer: Answer) {
        let code = match code::invite(code) {
            Ok(invite) => invite.code,
            Err(error) => return drop(answer.send(Err(error))),
        };
        let route = match (server, self.config.local_server.clone()) {
            (_, Some(host)) if self.hosts(&code) => Route::Host { host, announced: true },
            (Some(server), _) => match parse_server_url(server) {
                Ok(url) => Route::Server { url, intent: Intent::Create },
                Err(bad) => return drop(answer.send(Err(error("server_url", &bad.to_string())))),
            },
            (None, host) => match self.configured_server() {
                Ok(server) => Route::Again { host, server },
                Err(error) => return drop(answer.send(Err(error))),
            },
        };
        self.start_call(code, route, answer, false);
    }

    /// Whether a room is on the server in this program.
    fn hosts(&self, code: &RoomCode) -> bool {
        self.hosted.iter().any(|hosted| hosted.code == *code)
    }

    pub(super) fn configured_server(&self) -> Result<Option<Url>, CommandError> {
        let server = self.settings().server.as_deref().filter(|server| !server.trim().is_empty());
        server.map(parse_server_url).transpose().map_err(|bad| error("server_url", &bad.to_string()))
    }

    pub(super) fn start_call(&mut self, code: RoomCode, route: Route, answer: Answer, test: bool) {
        if self.call.is_some() {
            let busy = error("already_in_call", "You are in a call. Leave it first.");
            return drop(answer.send(Err(busy)));
        }
        let settings = self.settings().clone();
        // A file of settings may hold what changing them refuses.
        let ice_servers = match settings.ice_servers.iter().map(|text| ice_server::parse(text)).collect() {
            Ok(ice_servers) => ice_servers,
            Err(error) => return drop(answer.send(Err(error))),
        };
        self.publisher.publish(Event::LastCall { summary: None });
        let media = self.open_media();
        let announced = media.sends();
        let (audio, encoder) = (media.audio().clone(), media.encoder().clone());
        let screen = media.screen().clone();
        let (joined, joins) = oneshot::channel();
        self.calls += 1;
        let number = self.calls;
        let handle = CallHandle::start(
            CallConfig {
                number,
                code: code.clone(),
                earlier: self
                    .spoken
                    .as_ref()
                    .and_then(|spoken| spoken.where_to_look(&code, self.config.local_server.clone())),
                again: self.spoken.as_ref().and_then(|spoken| spoken.agreed_on(&code)),
                route,
                identity: self.config.overrides.identity.clone().unwrap_or_else(Identity::random),
                name: settings.name,
                microphone: announced.microphone,
                camera: announced.camera,
                ice_servers,
                relay_only: settings.relay_only,
                test,
                tap: Arc::clone(&self.tap),
                max_bitrate: self.config.overrides.max_bitrate,
                bot: self.config.overrides.bot,
                clock: self.clock,
                media: CallMedia { audio, encoder, screen, output: Arc::clone(&self.config.frames) },
                files: Some(self.files.handle().clone()),
            },
            self.updates_in.clone(),
            joined,
        );
        let record = self.config.overrides.record.clone();
        self.call = Some(Running { number, handle, code, test: None, is_test: test, announced, record });
        self.work.spawn(async move {
            let result = joins.await.unwrap_or_else(|_| Err(error("internal", "The call ended. Try again.")));
            let _ = answer.send(result.map(|code| Reply::Joined { code: code.to_string() }));
            Done::Nothing
        });
    }

    pub(super) fn call_update(&mut self, FromCall { number, update }: FromCall) {
        // Not a late word of a call that was left.
        let current = self.call.as_ref().is_some_and(|running| running.number == number);
        match update {
            CallUpdate::View(call) if current => {
                self.record_as_asked(&call);
                self.publisher.publish(Event::Call { call: Some(call) });
            }
            CallUpdate::Together(event) if current => self.publisher.publish(event),
            CallUpdate::Statistics(statistics) if current => {
                self.publisher.publish(Event::Statistics { statistics });
            }
            CallUpdate::Hosted { code, room } if current => self.hosted(code, room),
            CallUpdate::View(_)
            | CallUpdate::Together(_)
            | CallUpdate::Statistics(_)
            | CallUpdate::Hosted { .. } => {}
            CallUpdate::Recorded(path) => self.recorded = Some(path),
            CallUpdate::Notice(notice) => self.publisher.publish(Event::Notice { notice }),
            CallUpdate::Reaction { peer, reaction } if current => {
                let (peer, reaction) = (peer.map(|peer| peer.to_string()), view::reaction(reaction));
                self.publisher.publish(Event::Reaction { peer, reaction });
            }
            CallUpdate::Reaction { .. } => {}
            // Whoever asked may have gone away since.
            CallUpdate::Answered(answer, result) => drop(answer.send(result)),
            CallUpdate::SomebodyJoined(notice) if current => self.somebody_joined(notice),
            CallUpdate::SomebodyJoined(_) => {}
            CallUpdate::Ended(end) => {
                if current {
                    self.leave(None);
                }
                self.ended(end);
            }
        }
    }

    /// Somebody came into the call: told, and heard. The test call's other side was called, it did not come.
    fn somebody_joined(&mut self, notice: Notice) {
        if self.call.as_ref().is_some_and(|running| running.is_test) {
            return;
        }
        if self.settings().chime_on_join
            && let Some(media) = &self.media
        {
            media.audio().send(AudioCommand::Chime { gain: JOIN_CHIME });
        }
        self.publisher.publish(Event::Notice { notice });
    }

    /// The room is on the server in this program.
    pub(super) fn hosted(&mut self, code: RoomCode, room: HostedRoom) {
        let Some(running) = &mut self.call else { return };
        if running.is_test
            && let Ok(url) = parse_server_url(&room.url)
        {
            running.test =
                Some(TestParticipant::start(code.clone(), url, self.clock, Arc::clone(&self.devices)));
        }
        self.hosted.retain(|hosted| hosted.code != code);
        self.hosted.push(Hosted { code, room });
        if self.hosted.len() > MAX_HOSTED {
            self.hosted.remove(0);
        }
        self.show_nearby();
    }

    /// Calls on the local network, without those that this program itself hosts.
    pub(super) fn show_nearby(&mut self) {
        let ours = |id: &str| self.hosted.iter().any(|hosted| id.starts_with(&hosted.room.instance));
        let others = self.found.iter().filter(|nearby| !ours(&nearby.id));
        let nearby = others.map(|nearby| NearbyCall { host: nearby.host.clone() }).collect();
        self.publisher.publish(Event::Nearby { nearby });
    }

    /// Ends the call, or the attempt to join one.
    pub(super) fn leave(&mut self, answer: Option<Answer>) {
        let Some(running) = self.call.take() else { return acknowledge(answer) };
        if let Some(media) = &mut self.media {
            media.stop_sharing();
        }
        // Whoever never got in is still in the lobby, with devices that are on.
        if self.publisher.snapshot().call.is_some() {
            self.preview_wanted = false;
            self.by_hand = ByHand::default();
        }
        // The screen after the call must not show the call's last picture while it is being taken down.
        self.publisher.publish(Event::Call { call: None });
        self.publisher.publish(Event::Statistics { statistics: CallStatistics::default() });
        self.publisher.publish(Event::Chat { change: ChatChange::All { chat: None } });
        self.publisher.publish(Event::Board { change: BoardChange::All { board: None } });
        self.publisher.publish(Event::Games { games: GamesView::default() });
        self.publisher.publish(Event::Arena { change: ArenaChange::All { arena: None } });
        self.publisher.publish(Event::Sheet { change: SheetChange::All { sheet: None } });
        if running.is_test {
            self.hosted.retain(|hosted| hosted.code != running.code);
        }
        // The camera's light goes out at once; goodbyes take seconds where the network is dead.
        let released = self.release_media();
        self.work.spawn(async move {
            if let Some(test) = running.test {
                test.leave().await;
            }
            running.handle.leave().await;
            if let Some(released) = released {
                released.await;
            }
            Done::Left(answer)
        });
    }

    /// Remembers a call that is over, if anybody came to it, and sums it up.
    pub(super) fn ended(&mut self, end: CallEnd) {
        if !end.joined {
            return;
        }
        let code = end.code.to_string();
        if let Some(spoken) = end.spoken {
            self.spoken = Some(Spoken { code: spoken, again: end.code, server: end.server.clone() });
        }
        if !end.test && end.somebody_came {
            let mut recent = self.publisher.snapshot().recent.clone();
            let call =
                RecentCall { code: code.clone(), server: end.server, names: end.names, at: unix_millis() };
            remember(&mut recent, call);
            self.set_recent(recent);
        }
        if self.call.is_none() {
            self.publisher.publish(Event::LastCall {
                summary: Some(CallSummary {
                    code,
                    invite_link: end.invite_link,
                    test: end.test,
                    seconds: end.seconds,
                    quality: end.quality,
                    reason: end.reason,
                }),
            });
        }
    }
}
