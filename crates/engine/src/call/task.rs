//! The call's task: feeds the session with what happens and does what it says.

mod board;
mod chat;
mod files;
mod game;
mod look;
mod recording;
mod show;
mod sketch;
mod together;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use tincan_call::{AgainConfig, Input, Output, PathEstimate, Phase, Session, SessionConfig};
use tincan_protocol::{IceServer, InviteLink, PeerId, RoomCode};
use tincan_signal_client::{JoinError, SignalClient, SignalEvent, SignalEvents};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::warn;
use url::Url;

use self::recording::{Recording, ended};
use self::together::{Happened, Together};
use super::addresses::{Addresses, Change};
use super::begin::Updates;
use super::connections::Connections;
use super::decoding::Decoding;
use super::load::{Load, LoadProbe};
use super::local::{Keeper, Move};
use super::numbers::Numbers;
use super::people::People;
use super::remote::{FromPeer, Opening, RemoteEvent, ice_servers};
use super::route::Joined;
use super::sound::SoundTargets;
use super::statistics::{Concealment, participant, quality, screen_statistics};
use super::verdict::{Second, Verdict};
use super::wants::Wants;
use super::{CallCommand, CallConfig, CallEnd, CallUpdate, view};
use crate::api::{CallStatistics, CallView, Sentence};
use crate::media::AudioCommand;

/// How often it is looked how large the others are shown here.
const LOOK: Duration = Duration::from_millis(100);

/// A call from the place in the room to the last word.
pub(super) struct CallTask {
    config: CallConfig,
    session: Session,
    signal: SignalClient,
    signal_events: SignalEvents,
    connections: Connections,
    people: People,
    /// Whether we were in the room before: who is there then came later than we did.
    been_in_room: bool,
    inbox: mpsc::Receiver<CallCommand>,
    addresses: Addresses,
    engine: Updates,
    view: CallView,
    /// The code for the calls that follow, when it is another than this call's.
    again: Option<RoomCode>,
    /// What an invite link names.
    invite_server: Option<Url>,
    server: Option<String>,
    /// Stays in a call on the local network when its server goes.
    keeper: Option<Keeper>,
    /// Why the server will not have us again. The call goes on while anybody is connected.
    refused: Option<JoinError>,
    /// Whether the others may run on this machine, without a network between.
    loopback: bool,
    verdict: Verdict,
    load: Load,
    load_probe: LoadProbe,
    sound: SoundTargets,
    /// About whom the person was warned.
    doubted: BTreeSet<PeerId>,
    /// Of voices, and of what is shared.
    concealment: BTreeMap<PeerId, [Concealment; 2]>,
    recording: Recording,
    numbers: Numbers,
    /// Somebody in the room does not want us.
    turned_away: bool,
    /// How large we show the others, as they know it.
    wants: Wants,
    decoding: Decoding,
    together: Together,
    /// Nobody was in the room before us.
    first: bool,
}

impl CallTask {
    pub(super) fn new(
        config: CallConfig,
        joined: Joined,
        inbox: mpsc::Receiver<CallCommand>,
        engine: Updates,
    ) -> Self {
        // A long code is good for the calls that follow too, and the test call's other side remembers none.
        let hands_over = !config.test && !config.code.is_long();
        let session = Session::new(
            SessionConfig {
                name: config.name.clone(),
                microphone: config.microphone,
                camera: config.camera,
                features: together::features(config.files.is_some()),
                again: hands_over
                    .then(|| AgainConfig { fresh: RoomCode::random_long(), agreed: config.again.clone() }),
                ..SessionConfig::new(joined.keys, config.identity.clone())
            },
            Instant::now(),
        );
        let invite_server = joined.invite_server;
        let invite = InviteLink { code: config.code.clone(), server: invite_server.clone() };
        let view = CallView {
            code: config.code.to_string(),
            invite_link: invite.to_string(),
            test: config.test,
            reach: joined.reach.clone(),
            server_connected: true,
            invitation: view::invitation(&config.code, &invite),
            ..CallView::default()
        };
        Self {
            session,
            signal: joined.client,
            signal_events: joined.events,
            again: config.again.clone(),
            invite_server,
            server: joined.server,
            keeper: joined.local.map(Keeper::start),
            refused: None,
            loopback: joined.loopback,
            connections: Connections::new(),
            people: People::new(),
            been_in_room: false,
            inbox,
            addresses: Addresses::new(),
            engine,
            view,
            verdict: Verdict::default(),
            load: Load::default(),
            load_probe: LoadProbe::start(),
            sound: SoundTargets::default(),
            doubted: BTreeSet::new(),
            concealment: BTreeMap::new(),
            numbers: Numbers::new(view::safety),
            turned_away: false,
            wants: Wants::default(),
            decoding: Decoding::default(),
            together: Together::new(config.identity.id()),
            first: false,
            recording: Recording::default(),
            config,
        }
    }

    /// Runs until we leave (`None`) or cannot go on (the reason).
    pub(super) async fn drive(&mut self, cancel: &CancellationToken) -> Option<Sentence> {
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.share_paths();
        self.publish().await;
        self.begin_together().await;
        loop {
            if let Some(error) = self.refused
                && self.session.phase() != Phase::Connected
            {
                return Some(error.into());
            }
            if self.turned_away {
                return Some(Sentence::new("not_let_in", "The people in the room did not let you in."));
            }
            let timeout = self.session.poll_timeout();
            let together = self.together.poll_timeout();
            let input = tokio::select! {
                biased;
                () = cancel.cancelled() => return None,
                event = self.signal_events.recv(), if self.refused.is_none() => match event {
                    Some(SignalEvent::Refused(error)) => {
                        self.refused(error).await;
                        continue;
                    }
                    Some(event) => self.signalled(event).await,
                    None => return Some(Sentence::new(
                        "server_ended", "The server ended the call. Join again, or start a new call.")
                    ),
                },
                to = moved(&mut self.keeper) => {
                    self.move_to(to).await;
                    continue;
                }
                event = self.connections.next() => match self.connection_event(event).await {
                    Some(input) => input,
                    None => continue,
                },
                command = self.inbox.recv() => match command {
                    Some(command) => match self.asked(command).await {
                        Some(input) => input,
                        None => continue,
                    },
                    // The handle was dropped: nobody wants this call.
                    None => return None,
                },
                number = self.numbers.made() => {
                    self.view.safety = Some(number);
                    self.publish().await;
                    continue;
                }
                () = sleep_until(timeout.unwrap_or_else(Instant::now).into()), if timeout.is_some() => {
                    Input::Timeout
                }
                () = sleep_until(together.unwrap_or_else(Instant::now).into()), if together.is_some() => {
                    self.go_on_together().await;
                    continue;
                }
                change = self.addresses.changed() => {
                    self.signal.network_changed();
                    Input::NetworkChanged { lost: self.lost_their_way(&change) }
                }
                _ = looks.tick() => {
                    self.look().await;
                    continue;
                }
                _ = seconds.tick() => {
                    self.measure().await;
                    continue;
                }
            };
            self.session.handle(Instant::now(), input);
            self.carry_out().await;
            self.publish().await;
            self.go_on_together().await;
        }
    }

    /// To whom the connection uses an address that is gone.
    fn lost_their_way(&self, change: &Change) -> Vec<PeerId> {
        self.connections
            .iter()
            .filter(|(_, remote)| remote.local_address().is_some_and(|ip| change.lost.contains(&ip)))
            .map(|(peer, _)| peer)
            .collect()
    }

    /// The server will not have us again. Whoever is connected talks on; nobody new can come.
    async fn refused(&mut self, error: JoinError) {
        self.refused = Some(error);
        self.view.server_problem = Some(Sentence::new(
            "server_left_us",
            format!("{error} Your call goes on with those who are connected."),
        ));
        self.publish().await;
    }

    /// The room is on another server of the local network.
    async fn move_to(&mut self, to: Move) {
        self.signal.move_to(to.url.clone());
        self.loopback = super::route::is_loopback(&to.url);
        self.invite_server = to.invite_server;
        let invite = InviteLink { code: self.config.code.clone(), server: self.invite_server.clone() };
        self.view.invitation = view::invitation(&self.config.code, &invite);
        self.view.invite_link = invite.to_string();
        if let Some(room) = to.hosted {
            self.engine.send(CallUpdate::Hosted { code: self.config.code.clone(), room }).await;
        }
        self.publish().await;
    }

    fn server_is(&mut self, connected: bool) {
        if let Some(keeper) = &self.keeper {
            keeper.connected(connected);
        }
        self.view.server_connected = connected;
        self.view.server_problem = (!connected).then(|| match &self.keeper {
            Some(_) => Sentence::new(
                "keeper_lost",
                "The computer that opened the call is gone. Looking for the others on your network…",
            ),
            None => Sentence::new(
                "server_lost",
                "The server cannot be reached: nobody new can join. Trying again…",
            ),
        });
    }

    /// Does everything that the session asks for.
    async fn carry_out(&mut self) {
        while let Some(output) = self.session.poll() {
            match output {
                Output::SendSignal { to, message } => {
                    if let Err(error) = self.signal.send(to, message) {
                        warn!(%error, "a message to a participant is lost");
                    }
                }
                Output::OpenPeer { peer, connection, offer, polite, ice_servers } => {
                    self.open_peer(peer, connection, offer, polite, &ice_servers).await;
                }
                Output::ClosePeer { peer, connection } => {
                    if self.connections.close(peer, connection) {
                        self.happened(Happened::Closed(peer));
                        let less = self.sound.forget(peer);
                        less.into_iter().for_each(|command| self.config.media.audio.send(command));
                        self.concealment.remove(&peer);
                    }
                }
                Output::Event(event) => self.show(event).await,
                Output::SetRemote { peer, connection, description } => {
                    self.connections.with(peer, connection, |remote| remote.set_remote(description));
                }
                Output::AddCandidate { peer, connection, candidate } => {
                    self.connections.with(peer, connection, |remote| remote.add_candidate(candidate));
                }
                Output::RestartIce { peer, connection } => {
                    self.connections.with(peer, connection, |remote| remote.restart_ice());
                }
                Output::Confirmed { peer, connection } => {
                    let looks = self.wants.looks(peer);
                    self.connections.with(peer, connection, move |remote| {
                        remote.set_looked_at(looks);
                        remote.confirmed();
                    });
                    self.open_channels(peer, connection);
                }
                Output::RequestKeyframe { peer, connection } => {
                    self.connections.with(peer, connection, |remote| remote.request_keyframe());
                }
                Output::SendControl { peer, connection, message } => {
                    self.connections.with(peer, connection, move |remote| remote.send_control(&message));
                }
            }
        }
    }

    async fn open_peer(
        &mut self,
        peer: PeerId,
        connection: u32,
        offer: bool,
        polite: bool,
        given: &[IceServer],
    ) {
        let volume = self.people.participant(&mut self.view, peer).volume;
        let stream = self.people.camera_stream(&self.view, peer);
        let screen_stream = self.people.screen_stream(&self.view, peer);
        self.happened(Happened::Closed(peer));
        self.connections.open(Opening {
            peer,
            connection,
            polite,
            stream,
            screen_stream,
            volume,
            ice_servers: ice_servers(&self.config.ice_servers, given),
            relay_only: self.config.relay_only,
            loopback: self.loopback,
            max_bitrate: self.config.max_bitrate,
            clock: self.config.clock,
            media: self.config.media.clone(),
            files: self.config.files.clone().map(|files| (files, self.config.identity.id())),
        });
        if offer {
            self.connections.with(peer, connection, |remote| remote.negotiate());
        }
    }

    /// A connection's own event; what the session need not know is done here.
    async fn connection_event(&mut self, FromPeer { peer, connection, event }: FromPeer) -> Option<Input> {
        match event {
            RemoteEvent::Change(change) => Some(Input::Peer { peer, connection, change }),
            RemoteEvent::Target { bitrate, loss, protection } => {
                if let Some(files) = &self.config.files {
                    files.pacing().estimate(peer, bitrate.as_bps());
                }
                let commands = self.sound.path(peer, bitrate, loss, protection);
                commands.into_iter().for_each(|command| self.config.media.audio.send(command));
                let path = PathEstimate { available: bitrate, sound: self.sound.share(peer), loss };
                self.connections.with(peer, connection, move |remote| remote.set_path(path));
                None
            }
            RemoteEvent::ChannelOpen(channel) => self.hear(Happened::Opened { peer, channel }).await,
            RemoteEvent::Message { channel, bytes } => {
                self.hear(Happened::Received { peer, channel, bytes }).await
            }
            RemoteEvent::Doubtful(error) => {
                self.doubt(peer, Sentence::new(error.code(), error.to_string())).await;
                None
            }
        }
    }

    async fn signalled(&mut self, event: SignalEvent) -> Input {
        match event {
            SignalEvent::Joined { peers, capacity, ice_servers } => {
                self.view.capacity = capacity;
                if !std::mem::replace(&mut self.been_in_room, true) {
                    self.first = peers.is_empty();
                    self.show_history().await;
                    self.people.there_already(&peers);
                }
                Input::Joined { peers, ice_servers }
            }
            SignalEvent::PeerJoined(peer) => Input::PeerJoined(peer),
            SignalEvent::PeerLeft(peer) => Input::PeerLeft(peer),
            SignalEvent::Message { from, message } => Input::Message { from, message },
            SignalEvent::IceServers(ice_servers) => Input::IceServers(ice_servers),
            // What is refused is told by the task; the session knows that the server is away.
            SignalEvent::Disconnected | SignalEvent::Refused(_) => Input::Disconnected,
        }
    }

    fn set_volume(&mut self, peer: PeerId, volume: f32) {
        if self.people.set_volume(&mut self.view, peer, volume) {
            self.config.media.audio.send(AudioCommand::Volume { id: peer, volume });
        }
    }

    /// Once a second: statistics and what they say of the quality.
    async fn measure(&mut self) {
        self.pace_files();
        let audio = self.config.media.audio.statistics();
        let sent = self.config.media.encoder.statistics();
        let shared = self.config.media.screen.statistics();
        let busy = self.load.second(self.load_probe.take(), audio.longest_round, &sent);
        self.tell_paused(&sent, &shared).await;
        let encoding_ms = sent.encoding.map(|took| took.as_secs_f32() * 1e3);
        let mut statistics = CallStatistics { busy, encoding_ms, ..CallStatistics::default() };
        let mut decoded = Vec::new();
        for (peer, remote) in self.connections.iter() {
            let (connection, received, screen) = remote.statistics();
            decoded.extend(received.resolution.map(|size| (size.height as u16, received.waited)));
            let (audio, sound) = (audio.participants.get(&peer), audio.shared.get(&peer));
            let [of_voice, of_screen] = self.concealment.entry(peer).or_default();
            let (concealed, of_screen) = (of_voice.second(audio), of_screen.second(sound));
            let pictures = sent.participants.get(&peer).copied().unwrap_or_default();
            let mut one = participant(&connection, audio, concealed, &pictures, &received);
            one.screen = screen_statistics(shared.get(&peer), &screen, sound, of_screen);
            statistics.participants.insert(peer.to_string(), one);
        }
        self.decoding.look(Instant::now(), decoded);
        let peers: Vec<PeerId> = self.connections.iter().map(|(peer, _)| peer).collect();
        for peer in peers {
            let of_use = self.of_use(peer);
            if self.decoding.within(of_use) != of_use
                && let Some(one) = statistics.participants.get_mut(&peer.to_string())
            {
                one.received_limited_by = crate::api::LimitedBy::Processor;
            }
        }
        for participant in &mut self.view.participants {
            let Some(one) = statistics.participants.get(&participant.id) else { continue };
            if participant.connection == crate::api::ConnectionView::Connected {
                participant.quality = quality(one);
                let (quality, freezes) = (participant.quality, one.freezes);
                let second = Second { quality, freezes, frozen_seconds: one.frozen_seconds, busy };
                self.verdict.second(&participant.id, second);
            }
        }
        self.publish().await;
        self.engine.send(CallUpdate::Statistics(statistics)).await;
    }

    async fn publish(&self) {
        self.engine.send(CallUpdate::View(self.view.clone())).await;
    }

    /// Says goodbye, tells how the call was, and releases everything.
    pub(super) async fn finish(mut self, reason: Option<Sentence>) {
        // What is taken down from here on is nothing of the call.
        self.stop_recording();
        self.session.handle(Instant::now(), Input::Leave);
        self.carry_out().await;
        if let Some(files) = &self.config.files {
            files.call_ended();
        }
        for shown in self.view.participants.iter().flat_map(|participant| &participant.streams) {
            self.config.media.output.ended(shown.stream);
        }
        let (code, spoken) = match self.again {
            Some(again) => (again, Some(self.config.code)),
            None => (self.config.code, None),
        };
        let seconds = self.people.talked(Instant::now()).as_secs() as u32;
        let (names, somebody_came) = self.people.met();
        let end = CallEnd {
            invite_link: InviteLink { code: code.clone(), server: self.invite_server }.to_string(),
            code,
            spoken,
            test: self.config.test,
            joined: true,
            somebody_came,
            reason,
            names,
            seconds,
            quality: Some(self.verdict.sentence()),
            server: self.server,
        };
        self.engine.send(CallUpdate::Ended(end)).await;
        self.signal.leave().await;
        if let Some(keeper) = self.keeper {
            keeper.stop().await;
        }
        self.connections.close_all().await;
        for recorder in self.recording.ending {
            ended(&self.engine, recorder).await;
        }
        self.numbers.end().await;
    }
}

/// Where a local call has moved to.
async fn moved(keeper: &mut Option<Keeper>) -> Move {
    match keeper {
        Some(keeper) => keeper.moved().await,
        None => std::future::pending().await,
    }
}
