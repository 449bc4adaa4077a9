//! The handle of a connection.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::Instrument;

use crate::api::{
    Fingerprints, IceCandidate, PeerConfig, PeerError, PeerStatistics, Sent, SessionDescription, SharedAudio,
    SharedVideo,
};
use crate::connection::{Command, Connection, Inbox, Reply};
use crate::control;
use crate::events::PeerEvents;
use crate::paths::WrapSocket;
use crate::shared::{AUDIO_CLOCK, LocalStream, Shared, VIDEO_CLOCK};

/// Events that wait for the owner: two seconds of a 2 Mbit/s picture. Media is dropped beyond, nothing else; facts do
/// not wait here.
const EVENTS: usize = 512;
/// Candidates come a few dozen at once.
const COMMANDS: usize = 128;
/// 640 ms of sound, half a second of pictures: a task that is further behind is better off without them.
const AUDIO_QUEUE: usize = 32;
const VIDEO_QUEUE: usize = 16;

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
    audio: mpsc::Sender<SharedAudio>,
    video: mpsc::Sender<SharedVideo>,
    control: mpsc::Sender<String>,
    /// Video was dropped and waits for a keyframe.
    gap: Arc<AtomicBool>,
    shared: Arc<Shared>,
    fingerprints: watch::Receiver<Option<Fingerprints>>,
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
        let (audio, audio_rx) = mpsc::channel(AUDIO_QUEUE);
        let (video, video_rx) = mpsc::channel(VIDEO_QUEUE);
        let (control, control_rx) = mpsc::channel(control::QUEUE);
        let (known, fingerprints) = watch::channel(None);
        let cancel = CancellationToken::new();
        let (audio_stream, video_stream) = local_streams();
        let shared = Arc::new(Shared::new(audio_stream, video_stream, config.clock, events));
        let events = PeerEvents::new(queue, shared.facts.clone());
        let inbox = Inbox { commands: commands_rx, audio: audio_rx, video: video_rx, control: control_rx };
        let connection =
            Connection::open(&config, shared.clone(), inbox, known, cancel.clone(), wrap).await?;
        let task = tokio::spawn(connection.run().in_current_span());
        let gap = Arc::new(AtomicBool::new(false));
        let sender = PeerSender { commands, audio, video, control, gap, shared, fingerprints };
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
    /// Sends sound; never waits. Dropped while not connected.
    pub fn send_audio(&self, audio: &SharedAudio) -> Sent {
        match self.audio.try_send(audio.clone()) {
            Ok(()) => Sent::Queued,
            Err(_) => Sent::Dropped,
        }
    }

    /// Sends a picture; never waits. When one is dropped, so is everything up to the next keyframe, since nothing
    /// before it could be decoded, and [`PeerEvent::KeyframeRequested`] asks for one.
    ///
    /// [`PeerEvent::KeyframeRequested`]: crate::PeerEvent::KeyframeRequested
    pub fn send_video(&self, video: &SharedVideo) -> Sent {
        if self.gap.load(Ordering::Acquire) && !video.keyframe {
            return Sent::Dropped;
        }
        match self.video.try_send(video.clone()) {
            Ok(()) => {
                self.gap.store(false, Ordering::Release);
                Sent::Queued
            }
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.gap.store(true, Ordering::Release);
                self.shared.facts.keyframe_requested();
                Sent::Dropped
            }
            Err(mpsc::error::TrySendError::Closed(_)) => Sent::Dropped,
        }
    }

    /// So many connections leave by the same uplink: the first picture's hurry is divided by their number.
    pub fn share_uplink(&self, connections: usize) {
        self.shared.set_connections(connections);
    }

    /// Sends a message on the control channel; never waits. Up to 64 messages wait for the channel to open.
    ///
    /// # Errors
    /// [`PeerError::ControlTooLong`] above 16 KiB, [`PeerError::ControlBusy`] when too many wait,
    /// [`PeerError::Closed`].
    pub fn send_control(&self, message: String) -> Result<(), PeerError> {
        if message.len() > control::MAX_MESSAGE {
            return Err(PeerError::ControlTooLong { length: message.len(), limit: control::MAX_MESSAGE });
        }
        self.control.try_send(message).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => PeerError::ControlBusy,
            mpsc::error::TrySendError::Closed(_) => PeerError::Closed,
        })
    }

    /// Asks the other side for a keyframe (PLI); never waits.
    pub fn request_keyframe(&self) {
        self.shared.keyframe_needed.notify_one();
    }

    /// Where things stand; cheap.
    pub fn statistics(&self) -> PeerStatistics {
        self.shared.statistics()
    }

    /// The address of this machine that the connection uses, beneath a relay too; `None` while there is no connection.
    pub fn local_address(&self) -> Option<IpAddr> {
        self.shared.local_address()
    }

    /// The certificates of both sides, once the DTLS handshake is through.
    pub fn fingerprints(&self) -> Option<Fingerprints> {
        self.fingerprints.borrow().clone()
    }
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peer").finish_non_exhaustive()
    }
}

/// Streams with identifiers that differ from each other.
fn local_streams() -> (LocalStream, LocalStream) {
    let base = rand::random::<u32>();
    // Zero means "none" in places.
    let ssrc = |n: u32| base.wrapping_add(n.wrapping_mul(0x1000_0001)).max(1);
    let audio = LocalStream { ssrc: ssrc(0), rtx: None, offset: rand::random(), clock_rate: AUDIO_CLOCK };
    let video =
        LocalStream { ssrc: ssrc(1), rtx: Some(ssrc(2)), offset: rand::random(), clock_rate: VIDEO_CLOCK };
    (audio, video)
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
