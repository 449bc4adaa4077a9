//! The task that owns a connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use tincan_media::Bitrate;
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
    Fingerprints, IceCandidate, MediaKind, PeerConfig, PeerError, PeerEvent, PeerState, SessionDescription,
    SharedAudio, SharedVideo,
};
use crate::control::{self, Control};
use crate::negotiation::Negotiation;
use crate::outgoing::Outgoing;
use crate::paths::{Credentials, Paths, WrapSocket};
use crate::runtime::PeerRuntime;
use crate::setup;
use crate::shared::{Rates, Shared};

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

/// Where the handle's queues end.
pub(crate) struct Inbox {
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) audio: mpsc::Receiver<SharedAudio>,
    pub(crate) video: mpsc::Receiver<SharedVideo>,
    pub(crate) control: mpsc::Receiver<String>,
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
    audio: mpsc::Receiver<SharedAudio>,
    video: mpsc::Receiver<SharedVideo>,
    events: mpsc::Sender<PeerEvent>,
    fingerprints: watch::Sender<Option<Fingerprints>>,
    cancel: CancellationToken,
    tasks: JoinSet<()>,
    control: Control,
    channel_made: bool,
    negotiation: Negotiation,
    outgoing: Outgoing,
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
    expected: u64,
    arrived: u64,
}

impl Connection {
    pub(crate) async fn open(
        config: &PeerConfig,
        shared: Arc<Shared>,
        inbox: Inbox,
        fingerprints: watch::Sender<Option<Fingerprints>>,
        cancel: CancellationToken,
        wrap: Option<WrapSocket>,
    ) -> Result<Self, PeerError> {
        let (forward, signals) = mpsc::channel(SIGNALS);
        let paths = Arc::new(Paths::new(config, wrap));
        let handler = Arc::new(Handler { signals: forward, paths: Arc::clone(&paths) });
        let mut runtime = Arc::new(PeerRuntime::new(Arc::clone(&paths)));
        let built = setup::build(config, &paths, &shared, handler.clone(), runtime.clone(), true).await;
        let connection = match built {
            Ok(connection) => connection,
            // Without a route for multicast there is no mDNS, but there may be a call. A driver that failed has
            // used up its runtime.
            Err(error) => {
                debug!(%error, "trying without mDNS");
                runtime = Arc::new(PeerRuntime::new(Arc::clone(&paths)));
                setup::build(config, &paths, &shared, handler, runtime.clone(), false).await?
            }
        };
        let outgoing = Outgoing::new(connection.as_ref(), &shared)
            .await
            .map_err(|_| PeerError::Setup("the streams of sound and pictures"))?;
        let events = shared.events.clone();
        let mut tasks = JoinSet::new();
        let control = Control::new(&mut tasks, events.clone(), inbox.control, cancel.clone(), config.polite);
        Ok(Self {
            connection,
            runtime,
            paths,
            config: config.clone(),
            shared,
            signals,
            commands: inbox.commands,
            audio: inbox.audio,
            video: inbox.video,
            events,
            fingerprints,
            cancel,
            tasks,
            control,
            channel_made: false,
            negotiation: Negotiation::new(config.polite),
            outgoing,
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
                    () = self.shared.keyframe_needed.notified() => self.request_keyframe().await,
                    Some(audio) = self.audio.recv() => self.send_audio(audio).await,
                    Some(video) = self.video.recv() => self.send_video(video).await,
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
        if self.state == PeerState::Connected {
            self.control.last_word().await;
        }
        if let Err(error) = self.connection.close().await {
            debug!(kind = error_kind(&error), "closing");
        }
        // Allocations are given up in what is queued now.
        self.paths.relays.close(RELAY_FAREWELL).await;
        drop(self.outgoing);
        drop(self.control);
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
                if channel.label().await.is_ok_and(|label| label == control::LABEL) {
                    self.control.adopt(&mut self.tasks, channel, false);
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
        if state == PeerState::Connected && self.fingerprints.borrow().is_none() {
            let fingerprints = self.certificates().await;
            self.fingerprints.send_replace(fingerprints);
        }
        self.emit(PeerEvent::State(state)).await;
        if state == PeerState::Connected {
            self.gathering = None;
            let target = self.shared.target();
            self.shared.facts.target(target, 0.0);
            // What was sent before went nowhere, and after an outage the other side's picture is torn.
            self.shared.facts.keyframe_requested();
            self.note_path().await;
        }
    }

    /// Of the finished handshake, which is what the media's keys hang on. Descriptions only say what it should have
    /// been.
    async fn certificates(&self) -> Option<Fingerprints> {
        let report = self.connection.get_stats(Instant::now(), StatsSelector::None).await;
        let transport = report.transport()?;
        let named = |id: &str| match report.get(id)? {
            RTCStatsReportEntry::Certificate(one) => {
                Some(format!("{} {}", one.fingerprint_algorithm, one.fingerprint.to_ascii_uppercase()))
            }
            _ => None,
        };
        let local = named(&transport.local_certificate_id)?;
        let remote = named(&transport.remote_certificate_id)?;
        Some(Fingerprints { local, remote })
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
            Command::Candidate(candidate) => {
                self.remote_candidates += 1;
                if self.remote_candidates > MAX_REMOTE_CANDIDATES {
                    debug!("they have more addresses than are checked");
                    return;
                }
                self.negotiation.candidate(self.connection.as_ref(), candidate).await;
                self.runtime.wake_driver();
            }
        }
    }

    async fn offer(&mut self, restart: bool) -> Result<(), PeerError> {
        if !self.channel_made {
            let channel = self
                .connection
                .create_data_channel(control::LABEL, None)
                .await
                .map_err(|_| PeerError::Setup("the control channel"))?;
            self.channel_made = true;
            self.control.adopt(&mut self.tasks, channel, true);
        }
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
        // The offerer makes the channel; later offers of ours must not make another.
        self.channel_made |= description.offer;
        let applies = !(description.offer && self.negotiation.ignores_offers());
        let replies = self.negotiation.remote(self.connection.as_ref(), description).await?;
        if let Some(reply) = replies.last() {
            self.local_credentials = Credentials::of(&reply.sdp);
        }
        if applies {
            self.remote_credentials.clone_from(&theirs);
            self.remote_candidates = 0;
        }
        // Another offer of ours begins the next generation.
        let settled = applies && !replies.last().is_some_and(|reply| reply.offer);
        if let (Some(remote), Some(ours), Some(theirs), true) =
            (kept, self.local_credentials.clone(), theirs, settled)
        {
            debug!("the path in use is kept");
            self.paths.keep(remote, ours, theirs);
        }
        self.runtime.wake_driver();
        for reply in replies {
            self.tell(reply).await;
        }
        if let Err(error) = self.outgoing.negotiated().await {
            warn!(kind = error_kind(&error), "the senders' parameters");
        }
        Ok(())
    }

    async fn send_audio(&mut self, audio: SharedAudio) {
        if self.state != PeerState::Connected {
            return;
        }
        self.shared.sends(&audio);
        if let Err(error) = self.outgoing.send_audio(&audio).await {
            debug!(kind = error_kind(&error), "sound was not sent");
        }
    }

    async fn send_video(&mut self, video: SharedVideo) {
        if self.state != PeerState::Connected {
            return;
        }
        if let Err(error) = self.outgoing.send_video(&video).await {
            debug!(kind = error_kind(&error), "a picture was not sent");
        }
    }

    async fn request_keyframe(&mut self) {
        // Before its first packet there is nothing to decode, and the stream starts with a keyframe.
        let Some(media_ssrc) = self.shared.remote_video() else { return };
        let request =
            PictureLossIndication { sender_ssrc: self.shared.local(MediaKind::Video).ssrc, media_ssrc };
        self.shared.counters.keyframes_requested.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = self.outgoing.send_rtcp(Box::new(request)).await {
            debug!(kind = error_kind(&error), "a keyframe request was not sent");
        }
    }

    async fn every_second(&mut self) {
        let counters = &self.shared.counters;
        let now = Sample {
            sent: counters.bytes_sent.load(Ordering::Relaxed),
            received: counters.bytes_received.load(Ordering::Relaxed),
            expected: counters.expected.load(Ordering::Relaxed),
            arrived: counters.arrived.load(Ordering::Relaxed),
        };
        let last = std::mem::replace(&mut self.last, now);
        let expected = now.expected - last.expected;
        let arrived = now.arrived - last.arrived;
        let rates = Rates {
            sent: Bitrate::bps((now.sent - last.sent) * 8),
            received: Bitrate::bps((now.received - last.received) * 8),
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
        let path = (kind(local.typ), kind(remote.typ));
        self.shared.figures(|figures| {
            figures.path = Some(path);
            figures.local_address = address;
        });
    }
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
