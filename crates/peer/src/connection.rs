//! The task that owns a connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tincan_media::Bitrate;
use tincan_media::audio::red::Protection;
use tincan_protocol::CertificateDigest;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use webrtc::data_channel::DataChannel;
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionEventHandler, RTCIceCandidate, RTCIceCandidateType, RTCIceGatheringState,
    RTCPeerConnectionIceEvent, RTCPeerConnectionState, RTCStatsReportEntry, StatsSelector,
};

use crate::api::{
    Certificates, IceCandidate, PeerConfig, PeerError, PeerEvent, PeerState, SessionDescription,
};
use crate::channels::{Channels, Outboxes};
use crate::negotiation::Negotiation;
use crate::paths::{self, Credentials, Paths, WrapSocket};
use crate::runtime::PeerRuntime;
use crate::setup;
use crate::shared::{Rates, Shared};
use crate::sources::{self, Sections};
use crate::tracks::Tracks;

/// Gathering may never finish (seen with 2 of 496 relayed connections): after this long without a connection it is
/// started over by an ICE restart. A relay answers within a few round trips.
const GATHERING_LIMIT: Duration = Duration::from_secs(8);
const GATHERING_RETRIES: u32 = 2;
/// A browser with IPv4 and IPv6 on three interfaces, STUN and relays names about twenty. Each is checked from every
/// address of ours in turn.
const MAX_REMOTE_CANDIDATES: usize = 32;
/// What the handler says before the task reads it; gathering says most, a few dozen candidates at once.
const SIGNALS: usize = 256;
/// Closing waits this long for the library's tasks; they end in milliseconds.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);
/// A relay that takes nothing for this long keeps the allocation until it expires.
const RELAY_FAREWELL: Duration = Duration::from_millis(300);

pub(crate) type Reply = oneshot::Sender<Result<(), PeerError>>;

/// What the handle asks for.
pub(crate) enum Command {
    Negotiate(Reply),
    Remote(SessionDescription, Reply),
    Candidate(IceCandidate),
    RestartIce(Reply),
    #[cfg(test)]
    OpenInBand(&'static str, oneshot::Sender<Arc<dyn DataChannel>>),
    #[cfg(test)]
    Limit(Sections),
}

/// What the library says, forwarded.
enum Signal {
    Candidate(IceCandidate),
    Gathering(bool),
    State(RTCPeerConnectionState),
    Channel(Arc<dyn DataChannel>),
}

struct Handler {
    signals: mpsc::Sender<Signal>,
    paths: Arc<Paths>,
}

impl Handler {
    /// The driver waits for its handler, so nothing here may wait.
    fn forward(&self, signal: Signal) {
        if self.signals.try_send(signal).is_err() {
            warn!("the connection's task does not keep up");
        }
    }
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        let Ok(init) = event.candidate.to_json() else { return };
        let candidate = init.candidate.strip_prefix("candidate:").unwrap_or(&init.candidate);
        for told in self.paths.told(candidate) {
            self.forward(Signal::Candidate(IceCandidate {
                candidate: format!("candidate:{told}"),
                sdp_mid: init.sdp_mid.clone(),
                sdp_m_line_index: init.sdp_mline_index,
                username_fragment: init.username_fragment.clone(),
            }));
        }
    }

    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        self.forward(Signal::Gathering(state == RTCIceGatheringState::Complete));
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.forward(Signal::State(state));
    }

    async fn on_data_channel(&self, channel: Arc<dyn DataChannel>) {
        self.forward(Signal::Channel(channel));
    }
}

/// What the handle puts in.
pub(crate) struct Inbox {
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) outboxes: Arc<Outboxes>,
}

/// Where what it tells goes.
pub(crate) struct Outlets {
    pub(crate) messages: mpsc::Sender<PeerEvent>,
    pub(crate) certificates: watch::Sender<Option<Certificates>>,
}

/// See the module's description.
pub(crate) struct Connection {
    connection: Box<dyn PeerConnection>,
    runtime: Arc<PeerRuntime>,
    paths: Arc<Paths>,
    config: PeerConfig,
    shared: Arc<Shared>,
    signals: mpsc::Receiver<Signal>,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<PeerEvent>,
    certificates: watch::Sender<Option<Certificates>>,
    cancel: CancellationToken,
    tasks: JoinSet<()>,
    channels: Channels,
    negotiation: Negotiation,
    tracks: Tracks,
    state: PeerState,
    /// Of the descriptions that were applied last.
    local_credentials: Option<Credentials>,
    remote_credentials: Option<Credentials>,
    /// Those that were told since.
    remote_candidates: usize,
    gathering: Option<Instant>,
    gathering_retries: u32,
    last: Sample,
}

/// Counters a second ago.
#[derive(Default, Clone, Copy)]
struct Sample {
    sent: u64,
    received: u64,
    sound_sent: u64,
    sound_received: u64,
    expected: u64,
    arrived: u64,
}

impl Connection {
    pub(crate) async fn open(
        config: &PeerConfig,
        shared: Arc<Shared>,
        inbox: Inbox,
        outlets: Outlets,
        cancel: CancellationToken,
        wrap: Option<WrapSocket>,
    ) -> Result<Self, PeerError> {
        let (forward, signals) = mpsc::channel(SIGNALS);
        let paths = Arc::new(Paths::new(config, wrap));
        let handler = Arc::new(Handler { signals: forward, paths: Arc::clone(&paths) });
        let mut runtime = Arc::new(PeerRuntime::new(Arc::clone(&paths), Arc::clone(&shared)));
        let built = setup::build(config, &paths, &shared, handler.clone(), runtime.clone(), true).await;
        let connection = match built {
            Ok(connection) => connection,
            // Without a route for multicast there is no mDNS, but there may be a call. A driver that failed has
            // used up its runtime.
            Err(error) => {
                debug!(%error, "trying without mDNS");
                runtime = Arc::new(PeerRuntime::new(Arc::clone(&paths), Arc::clone(&shared)));
                setup::build(config, &paths, &shared, handler, runtime.clone(), false).await?
            }
        };
        let events = shared.events.clone();
        let mut tasks = JoinSet::new();
        let (outboxes, messages) = (inbox.outboxes, outlets.messages);
        let channels =
            Channels::open(connection.as_ref(), &mut tasks, (&shared, &paths), outboxes, messages, &cancel)
                .await
                .map_err(|_| PeerError::Setup("the data channels"))?;
        Ok(Self {
            connection,
            runtime,
            paths,
            config: config.clone(),
            shared,
            signals,
            commands: inbox.commands,
            events,
            certificates: outlets.certificates,
            cancel,
            tasks,
            channels,
            negotiation: Negotiation::new(config.polite),
            tracks: Tracks::default(),
            state: PeerState::Connecting,
            local_credentials: None,
            remote_credentials: None,
            remote_candidates: 0,
            gathering: None,
            gathering_retries: 0,
            last: Sample::default(),
        })
    }

    pub(crate) async fn run(mut self) {
        let (cancel, paths) = (self.cancel.clone(), Arc::clone(&self.paths));
        let mut second = tokio::time::interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(MissedTickBehavior::Skip);
        self.emit(PeerEvent::State(self.state)).await;
        loop {
            let step = async {
                tokio::select! {
                    biased;
                    Some(signal) = self.signals.recv() => self.signal(signal).await,
                    Some(command) = self.commands.recv() => self.command(command).await,
                    () = paths.relays.broken() => self.relay_broken().await,
                    _ = second.tick() => self.every_second().await,
                }
            };
            tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                () = step => {}
            }
        }
        self.close().await;
    }

    async fn close(mut self) {
        self.shared.gate.connected.store(false, Ordering::Release);
        if self.state == PeerState::Connected {
            self.channels.last_word().await;
        }
        if let Err(error) = self.connection.close().await {
            debug!(kind = error_kind(&error), "closing");
        }
        // Allocations are given up in what is queued now.
        self.paths.relays.close(RELAY_FAREWELL).await;
        drop(self.tracks);
        drop(self.channels);
        self.tasks.shutdown().await;
        drop(self.connection);
        if tokio::time::timeout(CLOSE_LIMIT, self.runtime.joined()).await.is_err() {
            warn!("the connection's driver did not end in time");
        }
        // Nobody may be reading any more.
        let _ = self.events.try_send(PeerEvent::State(PeerState::Closed));
    }

    async fn emit(&self, event: PeerEvent) {
        let _ = self.events.send(event).await;
    }

    async fn signal(&mut self, signal: Signal) {
        match signal {
            Signal::Candidate(candidate) => self.emit(PeerEvent::LocalCandidate(candidate)).await,
            Signal::Gathering(true) => {
                self.gathering = None;
                let end = IceCandidate {
                    candidate: String::new(),
                    sdp_mid: Some("0".to_owned()),
                    sdp_m_line_index: Some(0),
                    username_fragment: None,
                };
                self.emit(PeerEvent::LocalCandidate(end)).await;
            }
            Signal::Gathering(false) => self.gathering = Some(Instant::now()),
            Signal::State(state) => self.state_changed(state).await,
            Signal::Channel(channel) => {
                // Opened in-band: those that both sides know are not told of.
                debug!("a channel that nobody agreed on is closed");
                if let Err(error) = channel.close().await {
                    debug!(kind = error_kind(&error), "closing a channel");
                }
            }
        }
    }

    async fn state_changed(&mut self, state: RTCPeerConnectionState) {
        let state = match state {
            RTCPeerConnectionState::Connected => PeerState::Connected,
            RTCPeerConnectionState::Disconnected => PeerState::Disconnected,
            RTCPeerConnectionState::Failed => PeerState::Failed,
            RTCPeerConnectionState::New | RTCPeerConnectionState::Connecting => PeerState::Connecting,
            _ => return,
        };
        if state == self.state {
            return;
        }
        self.state = state;
        debug!(?state, "connection");
        let connected = state == PeerState::Connected;
        if connected && self.certificates.borrow().is_none() {
            let certificates = self.certificates().await;
            self.certificates.send_replace(certificates);
        }
        self.emit(PeerEvent::State(state)).await;
        self.shared.gate.connected.store(connected, Ordering::Release);
        if connected {
            self.gathering = None;
            let target = self.shared.target();
            self.shared.facts.target(target, 0.0, Protection::Fec);
            self.shared.look_at_gate();
            if self.certificates.borrow().is_some() {
                self.channels.stands();
            }
            self.note_path().await;
        } else {
            self.runtime.settle(None);
        }
    }

    /// Of the finished handshake, which is what the media's keys hang on. Descriptions only say what it should have
    /// been.
    async fn certificates(&self) -> Option<Certificates> {
        let report = self.connection.get_stats(Instant::now(), StatsSelector::None).await;
        let transport = report.transport()?;
        let digest = |id: &str| match report.get(id)? {
            RTCStatsReportEntry::Certificate(one) => digest(&one.fingerprint_algorithm, &one.fingerprint),
            _ => None,
        };
        let local = digest(&transport.local_certificate_id)?;
        let remote = digest(&transport.remote_certificate_id)?;
        Some(Certificates { local, remote })
    }

    async fn command(&mut self, command: Command) {
        match command {
            Command::Negotiate(reply) => {
                let result = self.offer(false).await;
                let _ = reply.send(result);
            }
            Command::RestartIce(reply) => {
                let result = self.offer(true).await;
                let _ = reply.send(result);
            }
            Command::Remote(description, reply) => {
                let result = self.remote(description).await;
                let _ = reply.send(result);
            }
            #[cfg(test)]
            Command::OpenInBand(label, reply) => {
                let channel = self.connection.create_data_channel(label, None).await;
                let _ = reply.send(channel.expect("there is an association"));
            }
            #[cfg(test)]
            Command::Limit(sections) => {
                self.tracks
                    .prepare(self.connection.as_ref(), &self.shared, Some(&sections))
                    .await
                    .expect("tracks");
            }
            Command::Candidate(candidate) => {
                self.remote_candidates += 1;
                if self.remote_candidates > MAX_REMOTE_CANDIDATES {
                    debug!("they have more addresses than are checked");
                    return;
                }
                self.negotiation.candidate(self.connection.as_ref(), candidate).await;
                // It is not told of a remote candidate, and would check the pair with it only when its next timer runs out.
                self.shared.driver.notify_one();
            }
        }
    }

    async fn offer(&mut self, restart: bool) -> Result<(), PeerError> {
        self.tracks
            .prepare(self.connection.as_ref(), &self.shared, None)
            .await
            .map_err(|_| PeerError::Setup("the streams of sound and pictures"))?;
        let keeps = restart && self.working_path().await.is_some();
        if restart {
            self.prepare_restart(keeps).await;
        }
        let offer = self.negotiation.offer(self.connection.as_ref(), restart, keeps).await?;
        self.local_credentials = Credentials::of(&offer.sdp);
        self.tell(offer).await;
        Ok(())
    }

    async fn tell(&self, mut description: SessionDescription) {
        // Candidates that were gathered by then are in it.
        description.sdp = self.paths.description(&description.sdp);
        self.emit(PeerEvent::LocalDescription(description)).await;
    }

    /// The other side's end of the path in use, when it works at this moment.
    async fn working_path(&self) -> Option<SocketAddr> {
        let (local, remote) = self.selected_pair().await?;
        let remote = socket_address(&remote)?;
        (self.state == PeerState::Connected
            && local.typ != RTCIceCandidateType::Relay
            && self.paths.is_alive(remote))
        .then_some(remote)
    }

    /// Before an ICE restart: the sockets for the addresses that there are now, and relays over new ways unless the
    /// path in use is kept.
    async fn prepare_restart(&self, keeps: bool) {
        self.paths.refresh();
        if keeps || self.paths.relays.is_empty() {
            return;
        }
        self.paths.relays.renew();
        let configuration = setup::configuration(&self.config, &self.paths);
        if let Err(error) = self.connection.set_configuration(configuration).await {
            warn!(kind = error_kind(&error), "the relays are not asked anew");
        }
    }

    /// The way to a relay is over: when the connection goes through it, another one is needed.
    async fn relay_broken(&mut self) {
        let Some(pair) = self.selected_pair().await else { return };
        let (local, _) = pair;
        if self.state == PeerState::Connected && local.typ == RTCIceCandidateType::Relay {
            let relayed = socket_address(&local);
            if relayed.is_some_and(|relayed| !self.paths.relays.relays(relayed)) {
                debug!("the relay in use is lost");
                if let Err(error) = self.offer(true).await {
                    warn!(%error, "another way could not be looked for");
                }
            }
        }
    }

    async fn remote(&mut self, mut description: SessionDescription) -> Result<(), PeerError> {
        description.sdp = Paths::bounded(&description.sdp, MAX_REMOTE_CANDIDATES);
        let theirs = Credentials::of(&description.sdp);
        let restarts = self.remote_credentials.is_some() && self.remote_credentials != theirs;
        // A path is kept that both sides still have.
        let kept = match self.working_path().await {
            Some(remote) if restarts && Paths::lists(&description.sdp, remote) => Some(remote),
            _ => None,
        };
        if description.offer && restarts && !self.negotiation.ignores_offers() {
            self.prepare_restart(kept.is_some()).await;
        }
        let applies = !(description.offer && self.negotiation.ignores_offers());
        if paths::repairs(&description.sdp) {
            self.paths.repair();
        }
        let sections = sources::sections(&description.sdp);
        if description.offer {
            self.tracks
                .prepare(self.connection.as_ref(), &self.shared, Some(&sections))
                .await
                .map_err(|_| PeerError::Setup("the streams of sound and pictures"))?;
        }
        let replies = self.negotiation.remote(self.connection.as_ref(), description).await?;
        if let Some(reply) = replies.last() {
            self.local_credentials = Credentials::of(&reply.sdp);
        }
        if applies {
            self.remote_credentials.clone_from(&theirs);
            self.remote_candidates = 0;
            self.sections_settled(sections).await;
        }
        if restarts {
            self.shared.figures(|figures| figures.least_round_trip = None);
        }
        // Another offer of ours begins the next generation.
        let settled = applies && !replies.last().is_some_and(|reply| reply.offer);
        if let (Some(remote), Some(ours), Some(theirs), true) =
            (kept, self.local_credentials.clone(), theirs, settled)
        {
            debug!("the path in use is kept");
            self.paths.keep(remote, ours, theirs);
        }
        self.shared.driver.notify_one();
        for reply in replies {
            self.tell(reply).await;
        }
        Ok(())
    }

    /// Their description says which sections there are, and what is sent in them.
    async fn sections_settled(&self, sections: Sections) {
        if let Err(error) = self.tracks.negotiated(&self.shared, &sections).await {
            warn!(kind = error_kind(&error), "the senders' parameters");
        }
        *self.shared.sections() = sections;
    }

    async fn every_second(&mut self) {
        let counters = &self.shared.counters;
        let now = Sample {
            sent: counters.bytes_sent.load(Ordering::Relaxed),
            received: counters.bytes_received.load(Ordering::Relaxed),
            sound_sent: counters.sound_sent.load(Ordering::Relaxed),
            sound_received: counters.sound_received.load(Ordering::Relaxed),
            expected: counters.expected.load(Ordering::Relaxed),
            arrived: counters.arrived.load(Ordering::Relaxed),
        };
        let last = std::mem::replace(&mut self.last, now);
        let expected = now.expected - last.expected;
        let arrived = now.arrived - last.arrived;
        let rate = |now: u64, last: u64| Bitrate::bps((now - last) * 8);
        let rates = Rates {
            sent: rate(now.sent, last.sent),
            received: rate(now.received, last.received),
            sound_sent: rate(now.sound_sent, last.sound_sent),
            sound_received: rate(now.sound_received, last.sound_received),
            loss_received: match expected {
                0 => 0.0,
                expected => expected.saturating_sub(arrived) as f32 / expected as f32,
            },
        };
        self.shared.figures(|figures| figures.rates = rates);
        if self.state == PeerState::Connected {
            self.note_path().await;
        }
        self.watch_gathering().await;
    }

    async fn watch_gathering(&mut self) {
        let stuck = !self.paths.relays.is_empty()
            && self.state == PeerState::Connecting
            && self.gathering_retries < GATHERING_RETRIES
            && self.gathering.is_some_and(|since| since.elapsed() > GATHERING_LIMIT);
        if stuck {
            self.gathering_retries += 1;
            self.gathering = Some(Instant::now());
            warn!("gathering does not finish; starting over");
            if let Err(error) = self.offer(true).await {
                warn!(%error, "gathering could not be started over");
            }
        }
    }

    async fn selected_pair(&self) -> Option<(RTCIceCandidate, RTCIceCandidate)> {
        let ice = self.connection.sctp().await?.transport().ice_transport();
        let pair = ice.get_selected_candidate_pair().await.ok()??;
        Some((pair.local().clone(), pair.remote().clone()))
    }

    async fn note_path(&self) {
        let Some((local, remote)) = self.selected_pair().await else { return };
        let address = match local.typ {
            RTCIceCandidateType::Relay => {
                socket_address(&local).and_then(|relayed| self.paths.relays.local_address(relayed))
            }
            _ => socket_address(&remote).and_then(|remote| self.paths.local_address(remote)),
        };
        if self.channels.are_open() {
            self.runtime.settle(Some(local.typ == RTCIceCandidateType::Relay));
        }
        let path = (kind(local.typ), kind(remote.typ));
        if self.shared.figures(|figures| figures.note_path(path, address)) {
            self.shared.note_new_path();
        }
    }
}

/// A certificate's digest as statistics spell it: hex with colons, in either case.
fn digest(algorithm: &str, fingerprint: &str) -> Option<CertificateDigest> {
    let mut digest = [0; 32];
    let mut pairs = fingerprint.split(':');
    for byte in &mut digest {
        *byte = u8::from_str_radix(pairs.next()?, 16).ok()?;
    }
    (algorithm.eq_ignore_ascii_case("sha-256") && pairs.next().is_none())
        .then(|| CertificateDigest::from_bytes(digest))
}

fn socket_address(candidate: &RTCIceCandidate) -> Option<SocketAddr> {
    Some(SocketAddr::new(candidate.address.parse().ok()?, candidate.port))
}

fn kind(kind: RTCIceCandidateType) -> String {
    match kind {
        RTCIceCandidateType::Host => "host",
        RTCIceCandidateType::Srflx => "srflx",
        RTCIceCandidateType::Prflx => "prflx",
        RTCIceCandidateType::Relay => "relay",
        _ => "unknown",
    }
    .to_owned()
}

/// What kind of error the library gives: its own words may name addresses.
fn error_kind(error: &webrtc::error::Error) -> String {
    // `Debug` of an enum begins with the variant's name.
    format!("{error:?}").chars().take_while(|c| c.is_alphanumeric()).collect()
}
