//! The handle of a connection.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tincan_protocol::{Channel, Source};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::Instrument;

use crate::api::{
    Certificates, IceCandidate, PeerConfig, PeerError, PeerStatistics, Sent, SessionDescription, SharedAudio,
    SharedVideo,
};
use crate::channels::{MESSAGES, Outboxes};
use crate::connection::{Command, Connection, Inbox, Outlets, Reply};
use crate::events::PeerEvents;
use crate::paths::WrapSocket;
use crate::shared::{Shared, local_streams};

/// Events that wait for the owner, media and facts not among them: a few dozen candidates come at once.
const EVENTS: usize = 256;
/// Candidates come a few dozen at once.
const COMMANDS: usize = 128;

/// One connection to one participant. Dropping it closes it; [`Peer::close`] also waits until all is quiet.
///
/// What never waits is on its [`PeerSender`], of which every media thread can have one.
pub struct Peer {
    sender: PeerSender,
    cancel: DropGuard,
    task: JoinHandle<()>,
}

/// Sends on a connection from any thread, and never waits. It does not keep the connection open.
#[derive(Clone)]
pub struct PeerSender {
    commands: mpsc::Sender<Command>,
    outboxes: Arc<Outboxes>,
    shared: Arc<Shared>,
    certificates: watch::Receiver<Option<Certificates>>,
}

impl Peer {
    /// Binds the sockets and starts the connection's task; must be called inside a tokio runtime. Nothing is sent or
    /// gathered before [`negotiate`](Self::negotiate) or [`set_remote`](Self::set_remote).
    ///
    /// # Errors
    /// [`PeerError::Setup`] when there is no socket to be had, [`PeerError::IceServers`] for a URL that does not parse.
    pub async fn open(config: PeerConfig) -> Result<(Self, PeerEvents), PeerError> {
        Self::open_wrapped(config, None).await
    }

    pub(crate) async fn open_wrapped(
        config: PeerConfig,
        wrap: Option<WrapSocket>,
    ) -> Result<(Self, PeerEvents), PeerError> {
        check_ice_servers(&config)?;
        let (events, queue) = mpsc::channel(EVENTS);
        let (commands, commands_rx) = mpsc::channel(COMMANDS);
        let (messages, messages_rx) = mpsc::channel(MESSAGES);
        let (known, certificates) = watch::channel(None);
        let outboxes = Arc::new(Outboxes::new());
        let cancel = CancellationToken::new();
        let shared = Arc::new(Shared::new(local_streams(), config.clock, events));
        let events = PeerEvents::new(queue, messages_rx, shared.media.clone(), shared.facts.clone());
        let inbox = Inbox { commands: commands_rx, outboxes: outboxes.clone() };
        let outlets = Outlets { messages, certificates: known };
        let connection =
            Connection::open(&config, shared.clone(), inbox, outlets, cancel.clone(), wrap).await?;
        let task = tokio::spawn(connection.run().in_current_span());
        let sender = PeerSender { commands, outboxes, shared, certificates };
        let peer = Self { sender, cancel: cancel.drop_guard(), task };
        Ok((peer, events))
    }

    async fn ask(&self, command: impl FnOnce(Reply) -> Command) -> Result<(), PeerError> {
        let (reply, answer) = oneshot::channel();
        self.sender.commands.send(command(reply)).await.map_err(|_| PeerError::Closed)?;
        answer.await.map_err(|_| PeerError::Closed)?
    }

    /// Makes an offer, which comes as [`PeerEvent::LocalDescription`]. While an offer waits for its answer, the same
    /// one comes again, for the case that it got lost.
    ///
    /// # Errors
    /// [`PeerError::Closed`]; [`PeerError::Refused`] when no offer can be made.
    ///
    /// [`PeerEvent::LocalDescription`]: crate::PeerEvent::LocalDescription
    pub async fn negotiate(&self) -> Result<(), PeerError> {
        self.ask(Command::Negotiate).await
    }

    /// Applies the other side's offer or answer. An answer of ours comes as [`PeerEvent::LocalDescription`]; when both
    /// offered at once, the impolite side's offer stands and the polite side's is rolled back.
    ///
    /// # Errors
    /// [`PeerError::Closed`]; [`PeerError::Refused`] when it does not parse or does not fit.
    ///
    /// [`PeerEvent::LocalDescription`]: crate::PeerEvent::LocalDescription
    pub async fn set_remote(&self, description: SessionDescription) -> Result<(), PeerError> {
        self.ask(|reply| Command::Remote(description, reply)).await
    }

    /// Adds the other side's candidate; one that comes before their description waits for it.
    ///
    /// # Errors
    /// [`PeerError::Closed`].
    pub async fn add_candidate(&self, candidate: IceCandidate) -> Result<(), PeerError> {
        self.sender.commands.send(Command::Candidate(candidate)).await.map_err(|_| PeerError::Closed)
    }

    /// Looks for a new path, on the interfaces that there are now: makes an offer with new ICE credentials.
    ///
    /// # Errors
    /// [`PeerError::Closed`]; [`PeerError::Refused`] when no offer can be made.
    pub async fn restart_ice(&self) -> Result<(), PeerError> {
        self.ask(Command::RestartIce).await
    }

    /// What the media threads send with.
    pub fn sender(&self) -> PeerSender {
        self.sender.clone()
    }

    /// Closes the connection, and returns when its tasks have ended and its sockets are free.
    pub async fn close(self) {
        drop(self.cancel);
        // A panic inside was reported where it happened.
        let _ = self.task.await;
    }
}

impl std::ops::Deref for Peer {
    type Target = PeerSender;
    fn deref(&self) -> &PeerSender {
        &self.sender
    }
}

impl PeerSender {
    /// The other side is who it should be: what it says on the control channel fits the finished handshake. Nothing is
    /// received or sent but control before. It also takes a first message of ours on the control channel until media is
    /// sent: whoever does not know yet who we are would drop it.
    pub fn confirmed(&self) {
        let shared = &self.shared;
        if shared.gate.confirmed.swap(true, Ordering::AcqRel) {
            return;
        }
        self.outboxes.confirm();
        for source in shared.media.open() {
            self.request_keyframe(source);
        }
        shared.facts.look_again();
        shared.look_at_gate();
    }

    /// Sends a frame of sound; never waits.
    pub fn send_audio(&self, source: Source, audio: SharedAudio) -> Sent {
        let sent = self.shared.outgoing.sound(source, audio, self.shared.gate.is_open());
        self.wake(sent)
    }

    /// Sends a picture; never waits. When one is dropped, so is everything up to the next keyframe, since nothing
    /// before it could be decoded, and [`PeerEvent::KeyframeRequested`] asks for one as soon as it can be sent. From one
    /// keyframe to the next the pictures may have another size.
    ///
    /// [`PeerEvent::KeyframeRequested`]: crate::PeerEvent::KeyframeRequested
    pub fn send_video(&self, source: Source, video: SharedVideo) -> Sent {
        let (sent, ask) = self.shared.outgoing.picture(source, video, self.shared.gate.is_open());
        if ask {
            self.shared.facts.keyframe_requested(source);
        }
        self.wake(sent)
    }

    /// How long what was sent of the screen and has not left yet takes to leave, as fast as the path is thought to take it.
    /// Whoever sends the next picture before that sends one that is late.
    pub fn screen_waits(&self) -> Duration {
        self.shared.screen_waits()
    }

    fn wake(&self, sent: Sent) -> Sent {
        if sent == Sent::Queued {
            self.shared.driver.notify_one();
        }
        sent
    }

    /// So many connections leave by the same uplink: the first picture's hurry is divided by their number.
    pub fn share_uplink(&self, connections: usize) {
        self.shared.set_connections(connections);
    }

    /// Asks for a channel to be used, once the other side is confirmed. [`PeerEvent::ChannelOpen`] says when it can be.
    ///
    /// [`PeerEvent::ChannelOpen`]: crate::PeerEvent::ChannelOpen
    pub fn open_channel(&self, channel: Channel) {
        self.outboxes.ask(channel);
    }

    /// Sends a message; never waits. What is sent on the control channel before the connection stands waits for it.
    /// Control goes before everything else, and files go last. Each channel has a budget for what may wait.
    ///
    /// # Errors
    /// [`PeerError::MessageTooLong`] above 16 KiB, [`PeerError::NotText`] for a control message that is not UTF-8,
    /// [`PeerError::ChannelBusy`] when too much waits or the channel is not open, [`PeerError::Closed`].
    pub fn send_message(&self, channel: Channel, message: Bytes) -> Result<(), PeerError> {
        self.outboxes.push(channel, message)
    }

    /// Waits until a message of any length would be taken.
    ///
    /// # Errors
    /// [`PeerError::Closed`].
    pub async fn writable(&self, channel: Channel) -> Result<(), PeerError> {
        self.outboxes.writable(channel).await
    }

    /// Asks the other side for a keyframe of this source (PLI); never waits.
    pub fn request_keyframe(&self, source: Source) {
        self.shared.outgoing.need_keyframe(source);
        self.shared.driver.notify_one();
    }

    /// Where things stand; cheap.
    pub fn statistics(&self) -> PeerStatistics {
        self.shared.statistics()
    }

    /// The address of this machine that the connection uses or used last, beneath a relay too; `None` before it used any.
    pub fn local_address(&self) -> Option<IpAddr> {
        self.shared.local_address()
    }

    /// The certificates of both sides, once the DTLS handshake is through.
    pub fn certificates(&self) -> Option<Certificates> {
        *self.certificates.borrow()
    }
}

#[cfg(test)]
impl Peer {
    /// What is below the handle.
    pub(crate) fn shared_of_tests(&self) -> &Shared {
        &self.sender.shared
    }

    /// Makes it one that has these sections only, before it offers.
    pub(crate) async fn limit(&self, sections: crate::sources::Sections) {
        assert!(self.sender.commands.send(Command::Limit(sections)).await.is_ok());
    }

    /// Opens a channel that nobody agreed on.
    pub(crate) async fn open_in_band(
        &self,
        label: &'static str,
    ) -> Arc<dyn webrtc::data_channel::DataChannel> {
        let (reply, answer) = oneshot::channel();
        let command = Command::OpenInBand(label, reply);
        assert!(self.sender.commands.send(command).await.is_ok());
        answer.await.expect("the connection is open")
    }
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peer").finish_non_exhaustive()
    }
}

fn check_ice_servers(config: &PeerConfig) -> Result<(), PeerError> {
    for server in &config.ice_servers {
        server.check()?;
    }
    let relays = config.ice_servers.iter().flat_map(|s| &s.urls).any(|url| url.starts_with("turn"));
    if config.relay_only && !relays {
        return Err(PeerError::IceServers("only relays may be used, but it names none"));
    }
    Ok(())
}
