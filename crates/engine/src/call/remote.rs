//! One other participant: the connection to them, and the pipelines plugged into it.
//!
//! Three parts run for each: a driver task that owns the [`Peer`] and does what the call's task asks in order, a
//! forwarding task that takes the connection's events apart, and the receive thread for pictures.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tincan_call::{ConnectionState, LocalCandidate, PathEstimate, PeerChange};
use tincan_media::audio::red::Protection;
use tincan_media::{Bitrate, MediaClock};
use tincan_peer::{
    Certificates, IceCandidate, IceServerConfig, Peer, PeerConfig, PeerError, PeerEvent, PeerEvents,
    PeerSender, PeerState, PeerStatistics, RtpPacket, SessionDescription, SharedAudio, SharedVideo,
};
use tincan_protocol::{
    Candidate, Channel, ControlMessage, Description, DescriptionKind, IceServer, PeerId, Source,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, info_span, warn};

use super::CallMedia;
use super::their_screen::TheirScreen;
use crate::files::{FileLink, FilesHandle};
use crate::media::{
    AudioCommand, AudioHandle, EncoderCommand, EncoderHandle, PeerSink, ReceiveStatistics, ScreenCommand,
    ScreenHandle, VideoHandle, VideoReceiver, VideoTarget,
};

/// Sound and pictures together: what 1080p can make good use of. How much smaller pictures may take, the allocator says.
const MAX_BITRATE: Bitrate = Bitrate::kbps(4_500);
/// Candidates come a few dozen at once; each is done in microseconds.
const COMMANDS: usize = 256;

/// What a connection tells the call's task, tagged so that an old connection's words are not taken for a new one's.
pub(crate) struct FromPeer {
    pub(crate) peer: PeerId,
    pub(crate) connection: u32,
    pub(crate) event: RemoteEvent,
}

pub(crate) enum RemoteEvent {
    /// For the session.
    Change(PeerChange),
    /// What the network takes now.
    Target { bitrate: Bitrate, loss: f32, protection: Protection },
    /// A channel that was asked for is open.
    ChannelOpen(Channel),
    /// A message on it.
    Message { channel: Channel, bytes: Bytes },
    /// What they said of themselves was refused: a person must know.
    Doubtful(PeerError),
}

/// What the driver does, in order.
enum Command {
    Negotiate,
    Remote(SessionDescription),
    Candidate(IceCandidate),
    RestartIce,
}

/// The connection as the pipelines see it.
struct Sink(PeerSender);

impl PeerSink for Sink {
    // A dropped packet is the connection's to count; a dropped picture makes it ask for a keyframe by itself.
    fn audio(&self, packet: &SharedAudio) {
        let _ = self.0.send_audio(Source::Microphone, Arc::clone(packet));
    }
    fn shared_sound(&self, packet: &SharedAudio) {
        let _ = self.0.send_audio(Source::ScreenSound, Arc::clone(packet));
    }
    fn video(&self, unit: &SharedVideo) {
        let _ = self.0.send_video(Source::Camera, Arc::clone(unit));
    }
    fn screen(&self, unit: &SharedVideo) {
        let _ = self.0.send_video(Source::Screen, Arc::clone(unit));
    }
    fn screen_waits(&self) -> Duration {
        self.0.screen_waits()
    }
    fn paths(&self, count: usize) {
        self.0.share_uplink(count);
    }
}

pub(crate) struct Remote {
    id: PeerId,
    connection: u32,
    sender: PeerSender,
    commands: mpsc::Sender<Command>,
    cancel: CancellationToken,
    driver: JoinHandle<()>,
    forward: JoinHandle<()>,
    receiver: VideoReceiver,
    their_screen: Arc<TheirScreen>,
    plug: Arc<EncoderPlug>,
    audio: AudioHandle,
    encoder: EncoderHandle,
    screen: ScreenHandle,
}

/// Which connection to open, and how.
pub(crate) struct Opening {
    pub(crate) peer: PeerId,
    pub(crate) connection: u32,
    pub(crate) polite: bool,
    /// Their picture's stream in the window.
    pub(crate) stream: u32,
    /// ... and what they share.
    pub(crate) screen_stream: u32,
    /// How loud they are played.
    pub(crate) volume: f32,
    pub(crate) ice_servers: Vec<IceServerConfig>,
    pub(crate) relay_only: bool,
    /// Whether the other side may run on this machine, without a network between.
    pub(crate) loopback: bool,
    pub(crate) max_bitrate: Option<Bitrate>,
    pub(crate) clock: MediaClock,
    pub(crate) media: CallMedia,
    /// Takes their files channel, and who we are to them.
    pub(crate) files: Option<(FilesHandle, PeerId)>,
}

impl Opening {
    pub(crate) fn peer_config(&self) -> PeerConfig {
        PeerConfig {
            ice_servers: self.ice_servers.clone(),
            relay_only: self.relay_only,
            include_loopback: self.loopback,
            max_bitrate: self.max_bitrate.unwrap_or(MAX_BITRATE),
            clock: self.clock,
            polite: self.polite,
        }
    }

    pub(crate) fn span(&self) -> Span {
        info_span!("peer", connection = self.connection, polite = self.polite)
    }
}

/// Adds the connection to the encoder once it is confirmed, unless it was closed before. Behind a lock, because the task that
/// learns of the connection and the one that closes it are two, and the encoder must not hear of a connection that is
/// gone; nothing is done under the lock but handing over a pointer.
struct EncoderPlug {
    id: PeerId,
    encoder: EncoderHandle,
    screen: ScreenHandle,
    sink: Mutex<Option<Arc<dyn PeerSink>>>,
}

impl EncoderPlug {
    /// What the encoder made before there was a connection would go nowhere, and the picture that counts would wait
    /// behind a keyframe that nobody got.
    fn plug_in(&self) {
        if let Some(sink) = self.sink.lock().unwrap_or_else(PoisonError::into_inner).take() {
            self.screen.send(ScreenCommand::AddParticipant { id: self.id, sink: Arc::clone(&sink) });
            self.encoder.send(EncoderCommand::AddParticipant { id: self.id, sink });
        }
    }

    fn pull(&self) {
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        *sink = None;
        self.screen.send(ScreenCommand::RemoveParticipant(self.id));
        self.encoder.send(EncoderCommand::RemoveParticipant(self.id));
    }
}

impl Remote {
    /// Plugs the pipelines into a connection that was opened for `opening`.
    pub(crate) fn start(
        opening: Opening,
        peer: Peer,
        from_peer: PeerEvents,
        events: mpsc::Sender<FromPeer>,
    ) -> Self {
        let span = opening.span();
        let Opening { peer: id, connection, stream, screen_stream, volume, media, files, .. } = opening;
        let sender = peer.sender();
        let (asker, holder) = (sender.clone(), media.audio.clone());
        let receiver = VideoReceiver::start(VideoTarget {
            stream,
            output: Arc::clone(&media.output),
            keyframe_needed: Box::new(move || asker.request_keyframe(Source::Camera)),
            hold_sound: Box::new(move |at_least| holder.hold(id, at_least)),
            at_once: false,
            patience: Duration::ZERO,
        });
        let their_screen = Arc::new(TheirScreen::new(
            id,
            screen_stream,
            sender.clone(),
            media.audio.clone(),
            Arc::clone(&media.output),
        ));
        let sink: Arc<dyn PeerSink> = Arc::new(Sink(sender.clone()));
        media.audio.send(AudioCommand::AddParticipant {
            id,
            sink: Arc::clone(&sink),
            playout: receiver.sender(),
            volume,
        });
        let plug = Arc::new(EncoderPlug {
            id,
            encoder: media.encoder.clone(),
            screen: media.screen.clone(),
            sink: Mutex::new(Some(sink)),
        });

        let (commands, inbox) = mpsc::channel(COMMANDS);
        let cancel = CancellationToken::new();
        let doubts = Doubts { id, connection, events: events.clone() };
        let driver = tokio::spawn(drive(peer, inbox, doubts, cancel.clone()).instrument(span.clone()));
        let forward = Forward {
            id,
            connection,
            sender: sender.clone(),
            events,
            audio: media.audio.clone(),
            encoder: media.encoder.clone(),
            screen: media.screen.clone(),
            video: receiver.handle().clone(),
            their_screen: Arc::clone(&their_screen),
            files,
            link: None,
            cancel: cancel.clone(),
        };
        let forward = tokio::spawn(forward.run(from_peer).instrument(span));
        Self {
            id,
            connection,
            sender,
            commands,
            cancel,
            driver,
            forward,
            receiver,
            their_screen,
            plug,
            audio: media.audio,
            encoder: media.encoder,
            screen: media.screen,
        }
    }

    pub(crate) fn connection(&self) -> u32 {
        self.connection
    }

    pub(crate) fn negotiate(&self) {
        self.command(Command::Negotiate);
    }

    pub(crate) fn set_remote(&self, description: Description) {
        self.command(Command::Remote(SessionDescription {
            offer: description.kind == DescriptionKind::Offer,
            sdp: description.sdp,
        }));
    }

    pub(crate) fn add_candidate(&self, candidate: Candidate) {
        self.command(Command::Candidate(IceCandidate {
            candidate: candidate.candidate,
            sdp_mid: candidate.sdp_mid,
            sdp_m_line_index: candidate.sdp_m_line_index,
            username_fragment: candidate.username_fragment,
        }));
    }

    pub(crate) fn restart_ice(&self) {
        self.command(Command::RestartIce);
    }

    fn command(&self, command: Command) {
        // Full only when somebody sends candidates by the hundred: then none of them matters.
        if self.commands.try_send(command).is_err() {
            warn!("the connection takes nothing more");
        }
    }

    /// The address of this machine that the connection uses or used last; `None` before it used any.
    pub(crate) fn local_address(&self) -> Option<IpAddr> {
        self.sender.local_address()
    }

    /// The other side proved who it is: media flows from now on.
    pub(crate) fn confirmed(&self) {
        self.sender.confirmed();
        self.plug.plug_in();
    }

    pub(crate) fn request_keyframe(&self) {
        self.sender.request_keyframe(Source::Camera);
        self.their_screen.request_keyframe();
    }

    pub(crate) fn send_control(&self, message: &ControlMessage) {
        if let Err(error) = self.sender.send_message(Channel::Control, message.encode().into()) {
            warn!(%error, "a control message is lost");
        }
    }

    /// Uses a channel that both sides understand.
    pub(crate) fn open_channel(&self, channel: Channel) {
        self.sender.open_channel(channel);
    }

    /// Whether the channel had room for the message.
    pub(crate) fn send_on(&self, channel: Channel, message: Bytes) -> bool {
        self.sender.send_message(channel, message).is_ok()
    }

    /// What the way to them takes.
    pub(crate) fn set_path(&self, path: PathEstimate) {
        self.encoder.send(EncoderCommand::Path { id: self.id, path });
        self.screen.send(ScreenCommand::Path { id: self.id, path });
    }

    /// They say that their camera is on or off.
    pub(crate) fn set_camera(&self, on: bool) {
        self.receiver.handle().camera(on);
    }

    /// They say that they share a screen, or that they do not any more.
    pub(crate) fn set_screen(&self, on: bool) {
        self.their_screen.shared(on);
    }

    /// Whether anybody looks at their pictures here, as they were told.
    pub(crate) fn set_looked_at(&self, looked_at: bool) {
        self.receiver.handle().looked_at(looked_at);
    }

    /// Shows none of their pictures from now on.
    fn end_pictures(&self) {
        self.receiver.handle().end();
        self.their_screen.end();
    }

    /// Once a second: tells the receiver how far away they are, and gives both sides' figures.
    pub(crate) fn statistics(&self) -> (PeerStatistics, ReceiveStatistics, ReceiveStatistics) {
        let statistics = self.sender.statistics();
        if let Some(round_trip) = statistics.round_trip {
            self.receiver.handle().round_trip(round_trip);
            self.their_screen.round_trip(round_trip);
        }
        (statistics, self.receiver.statistics(), self.their_screen.statistics())
    }

    /// Closes the connection. The pipelines know it no more when this returns; what it gives ends when its tasks, its
    /// thread and its sockets are released.
    pub(crate) fn close(self) -> impl Future<Output = ()> + Send + use<> {
        self.audio.send(AudioCommand::RemoveParticipant(self.id));
        self.plug.pull();
        self.end_pictures();
        self.cancel.cancel();
        let Self { forward, driver, receiver, their_screen, .. } = self;
        async move {
            let tasks = [forward.await, driver.await];
            // No task holds them any more.
            let threads = tokio::task::spawn_blocking(move || drop((receiver, their_screen))).await;
            if threads.is_err() || tasks.iter().any(Result::is_err) {
                warn!("a part of the connection panicked");
            }
        }
    }
}

/// The driver's way to the call's task.
struct Doubts {
    id: PeerId,
    connection: u32,
    events: mpsc::Sender<FromPeer>,
}

async fn drive(peer: Peer, mut inbox: mpsc::Receiver<Command>, doubts: Doubts, cancel: CancellationToken) {
    loop {
        let work = async {
            match inbox.recv().await? {
                Command::Negotiate => Some(peer.negotiate().await),
                Command::Remote(description) => Some(peer.set_remote(description).await),
                Command::Candidate(candidate) => Some(peer.add_candidate(candidate).await),
                Command::RestartIce => Some(peer.restart_ice().await),
            }
        };
        tokio::select! {
            biased;
            () = cancel.cancelled() => break,
            done = work => match done {
                Some(Ok(())) => {}
                // The session notices by itself that no connection comes of it, and begins anew.
                Some(Err(error)) => {
                    warn!(code = error.code(), %error, "negotiation");
                    if error == PeerError::Certificate {
                        let Doubts { id, connection, events } = &doubts;
                        let event = RemoteEvent::Doubtful(error);
                        // Never waited for: whoever closes this connection takes no events meanwhile.
                        let _ = events.try_send(FromPeer { peer: *id, connection: *connection, event });
                    }
                }
                None => break,
            },
        }
    }
    peer.close().await;
}

/// Takes the connection's events apart: media to the pipelines, everything else to the call's task.
struct Forward {
    id: PeerId,
    connection: u32,
    sender: PeerSender,
    events: mpsc::Sender<FromPeer>,
    audio: AudioHandle,
    encoder: EncoderHandle,
    screen: ScreenHandle,
    video: VideoHandle,
    their_screen: Arc<TheirScreen>,
    files: Option<(FilesHandle, PeerId)>,
    /// Closed with the connection.
    link: Option<FileLink>,
    cancel: CancellationToken,
}

impl Forward {
    async fn run(mut self, mut from_peer: PeerEvents) {
        // The senders on the media threads keep the channel open, so its end is not the connection's.
        while let Some(Some(event)) = self.cancel.run_until_cancelled(from_peer.recv()).await {
            let change = match event {
                PeerEvent::Media { source, packet } => {
                    self.media(source, packet);
                    continue;
                }
                PeerEvent::SenderReport { source, ntp, rtp } => {
                    match source {
                        Source::Microphone | Source::Camera => self.video.report(source, ntp, rtp),
                        Source::Screen | Source::ScreenSound => self.their_screen.report(source, ntp, rtp),
                    }
                    continue;
                }
                PeerEvent::KeyframeRequested(source) => {
                    match source {
                        Source::Camera => self.encoder.send(EncoderCommand::Keyframe(self.id)),
                        Source::Screen => self.screen.send(ScreenCommand::Keyframe(self.id)),
                        Source::Microphone | Source::ScreenSound => {}
                    }
                    continue;
                }
                PeerEvent::Target { bitrate, loss, protection } => {
                    self.tell(RemoteEvent::Target { bitrate, loss, protection }).await;
                    continue;
                }
                PeerEvent::LocalDescription(description) => PeerChange::LocalDescription {
                    kind: if description.offer { DescriptionKind::Offer } else { DescriptionKind::Answer },
                    sdp: description.sdp,
                },
                PeerEvent::LocalCandidate(candidate) => PeerChange::LocalCandidate(LocalCandidate {
                    candidate: candidate.candidate,
                    sdp_mid: candidate.sdp_mid,
                    sdp_m_line_index: candidate.sdp_m_line_index,
                    username_fragment: candidate.username_fragment,
                }),
                PeerEvent::State(state) => {
                    if state == PeerState::Connected {
                        self.connected().await;
                    }
                    PeerChange::State(connection_state(state))
                }
                PeerEvent::ChannelOpen(Channel::Control) => PeerChange::ControlOpen,
                PeerEvent::ChannelMessage { channel: Channel::Control, data } => {
                    PeerChange::Control(data.to_vec())
                }
                // Not by way of the call's task: there are ten thousand a second, and it has nothing to say about them.
                PeerEvent::ChannelOpen(Channel::Files) => {
                    let open = |(files, me): &(FilesHandle, PeerId)| {
                        files.open(self.id, *me, Arc::new(self.sender.clone()))
                    };
                    self.link = self.files.as_ref().map(open);
                    continue;
                }
                PeerEvent::ChannelMessage { channel: Channel::Files, data } => {
                    if let Some(link) = &self.link {
                        link.received(data);
                    }
                    continue;
                }
                PeerEvent::ChannelOpen(channel) => {
                    self.tell(RemoteEvent::ChannelOpen(channel)).await;
                    continue;
                }
                PeerEvent::ChannelMessage { channel, data } => {
                    self.tell(RemoteEvent::Message { channel, bytes: data }).await;
                    continue;
                }
            };
            self.tell(RemoteEvent::Change(change)).await;
        }
    }

    fn media(&self, source: Source, packet: RtpPacket) {
        match source {
            Source::Microphone => self.audio.packet(self.id, packet),
            Source::Camera => self.video.packet(packet),
            Source::Screen => self.their_screen.packet(packet),
            Source::ScreenSound => self.audio.shared_packet(self.id, packet),
        }
    }

    async fn connected(&mut self) {
        if let Some(Certificates { local, remote }) = self.sender.certificates() {
            self.tell(RemoteEvent::Change(PeerChange::Certificates { local, remote })).await;
        }
    }

    async fn tell(&self, event: RemoteEvent) {
        let event = FromPeer { peer: self.id, connection: self.connection, event };
        tokio::select! {
            // Whoever closes the connection waits for this task and takes no events meanwhile.
            () = self.cancel.cancelled() => {}
            _ = self.events.send(event) => {}
        }
    }
}

fn connection_state(state: PeerState) -> ConnectionState {
    match state {
        PeerState::Connecting => ConnectionState::Connecting,
        PeerState::Connected => ConnectionState::Connected,
        PeerState::Disconnected => ConnectionState::Disconnected,
        PeerState::Failed => ConnectionState::Failed,
        PeerState::Closed => ConnectionState::Closed,
    }
}

/// The person's own servers first, then what the signalling server hands out.
pub(crate) fn ice_servers(own: &[IceServerConfig], given: &[IceServer]) -> Vec<IceServerConfig> {
    let given = given.iter().map(|server| IceServerConfig {
        urls: server.urls.clone(),
        username: server.username.clone(),
        credential: server.credential.clone(),
    });
    own.iter().cloned().chain(given).collect()
}
