//! What the session is told and what it says.

use std::collections::BTreeSet;

use tincan_protocol::{
    Candidate, CertificateDigest, ControlMessage, Description, DescriptionKind, IceServer, Identity, PeerId,
    PeerMessage, Reaction, RoomCode, RoomKeys, Source, StreamState, Wanted,
};

/// What a session starts with.
#[derive(derive_more::Debug, Clone)]
pub struct SessionConfig {
    /// The room's keys.
    pub keys: RoomKeys,
    /// Who we are for this stay.
    pub identity: Identity,
    /// The name that others see; may be empty.
    #[debug(skip)]
    pub name: String,
    /// Whether sound is sent from the start.
    pub microphone: bool,
    /// Whether pictures are sent from the start.
    pub camera: bool,
    /// Others beyond this many are not connected to: a mesh does not carry more, and the server is not
    /// trusted to count.
    pub max_participants: usize,
    /// What makes the long code for the calls that follow; `None` takes no part in it.
    pub again: Option<AgainConfig>,
    /// What we understand beyond what the protocol demands.
    pub features: Vec<String>,
}

/// Where the long code for the calls that follow comes from. `Debug` shows none.
#[derive(Debug, Clone)]
pub struct AgainConfig {
    /// What is handed over when nobody has a code yet: a random long one.
    pub fresh: RoomCode,
    /// What was agreed on in an earlier stay in this room.
    pub agreed: Option<RoomCode>,
}

impl SessionConfig {
    /// Without a name, sending sound and pictures, with up to 15 others.
    pub const fn new(keys: RoomKeys, identity: Identity) -> Self {
        Self {
            keys,
            identity,
            name: String::new(),
            microphone: true,
            camera: true,
            max_participants: 15,
            again: None,
            features: Vec::new(),
        }
    }
}

/// What happened.
#[derive(derive_more::Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The time that [`Session::poll_timeout`](crate::Session::poll_timeout) named has come.
    Timeout,
    /// In the room, for the first time or again after the server was lost. `peers` is everyone else there
    /// now.
    Joined {
        /// Everyone else in the room.
        peers: Vec<PeerId>,
        /// STUN and TURN servers for connections opened from now on.
        ice_servers: Vec<IceServer>,
    },
    /// Somebody came in.
    PeerJoined(PeerId),
    /// The server says that somebody is gone.
    PeerLeft(PeerId),
    /// A message that opened under the keys shared with its sender.
    Message {
        /// Who sealed it.
        from: PeerId,
        /// What it says.
        message: PeerMessage,
    },
    /// Fresh STUN and TURN servers, for connections opened from now on.
    IceServers(Vec<IceServer>),
    /// The server is lost; [`Input::Joined`] tells when it is back.
    Disconnected,
    /// Something about the connection that [`Output::OpenPeer`] opened.
    Peer {
        /// To whom.
        peer: PeerId,
        /// Which; older ones are ignored.
        connection: u32,
        /// What.
        change: PeerChange,
    },
    /// Send a source, or stop.
    SetSource {
        /// Which.
        source: Source,
        /// Whether it is sent.
        on: bool,
    },
    /// The path to somebody carries no pictures of these sources now.
    SetPaused {
        /// To whom.
        peer: PeerId,
        /// All that are paused.
        sources: BTreeSet<Source>,
    },
    /// How large we show what somebody sends.
    Want {
        /// Whose.
        peer: PeerId,
        /// The sources that are known; others are wanted at any size.
        streams: Vec<Wanted>,
    },
    /// Our hand is raised since this time (milliseconds since 1970), or is not.
    SetHand(Option<u64>),
    /// We record the call, or do not any more.
    SetRecording(bool),
    /// Show everybody a reaction.
    React(Reaction),
    /// Let nobody new in without being asked, or do.
    SetLock(bool),
    /// Let somebody in who knocked.
    LetIn(PeerId),
    /// Tell somebody who knocked that they are not let in.
    Refuse(PeerId),
    /// The safety number was compared, or the comparison is taken back.
    SetVerified {
        /// With whom; `None`: with everybody whose connection is confirmed now.
        peer: Option<PeerId>,
        /// Whether it fits.
        on: bool,
    },
    /// Our name from now on.
    SetName(#[debug(skip)] String),
    /// This machine's network interfaces or addresses changed.
    NetworkChanged {
        /// To whom the way that was in use is gone. A way that still works is not given up for one that may be better.
        lost: Vec<PeerId>,
    },
    /// Leave. Everything after it is ignored.
    Leave,
}

/// What changed about a connection.
#[derive(derive_more::Debug, Clone, PartialEq, Eq)]
pub enum PeerChange {
    /// Where it stands.
    State(ConnectionState),
    /// Send this to the other side.
    LocalDescription {
        /// Offer or answer.
        kind: DescriptionKind,
        /// SDP text.
        #[debug(skip)]
        sdp: String,
    },
    /// Send this to the other side.
    LocalCandidate(LocalCandidate),
    /// The control channel is open (again).
    ControlOpen,
    /// A packet on the control channel.
    Control(#[debug(skip)] Vec<u8>),
    /// Both certificates of the finished DTLS handshake.
    Certificates {
        /// Ours.
        local: CertificateDigest,
        /// Theirs.
        remote: CertificateDigest,
    },
    /// It could not be opened here (no socket, no memory).
    OpenFailed,
}

/// A gathered ICE candidate; an empty `candidate` ends them.
#[derive(derive_more::Debug, Clone, PartialEq, Eq)]
pub struct LocalCandidate {
    /// `candidate:…`.
    #[debug(skip)]
    pub candidate: String,
    /// Media section.
    pub sdp_mid: Option<String>,
    /// Media section's index.
    pub sdp_m_line_index: Option<u16>,
    /// Username fragment.
    pub username_fragment: Option<String>,
}

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionState {
    /// Looking for a path.
    Connecting,
    /// Media flows.
    Connected,
    /// No answer for some seconds; it may come back.
    Disconnected,
    /// It will not come back.
    Failed,
    /// Closed.
    Closed,
}

/// What is to be done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Seal it and send it through the server.
    SendSignal {
        /// To whom.
        to: PeerId,
        /// What.
        message: PeerMessage,
    },
    /// Open a connection. What follows for it ([`Output::SetRemote`], …) waits until it is open.
    OpenPeer {
        /// To whom.
        peer: PeerId,
        /// Its number, for [`Input::Peer`].
        connection: u32,
        /// Whether to offer at once; otherwise an offer follows by [`Output::SetRemote`].
        offer: bool,
        /// Whether it yields when both sides offer at once.
        polite: bool,
        /// STUN and TURN servers.
        ice_servers: Vec<IceServer>,
    },
    /// Apply the other side's description; an offer is answered, unless it collides and we are not polite.
    SetRemote {
        /// Whose.
        peer: PeerId,
        /// Which connection.
        connection: u32,
        /// What.
        description: Description,
    },
    /// Add the other side's candidate.
    AddCandidate {
        /// Whose.
        peer: PeerId,
        /// Which connection.
        connection: u32,
        /// What.
        candidate: Candidate,
    },
    /// Offer with new ICE credentials.
    RestartIce {
        /// With whom.
        peer: PeerId,
        /// Which connection.
        connection: u32,
    },
    /// The other side proved that it is who it says: media may flow.
    Confirmed {
        /// Who.
        peer: PeerId,
        /// Which connection.
        connection: u32,
    },
    /// Ask for a keyframe: pictures were interrupted.
    RequestKeyframe {
        /// Whom.
        peer: PeerId,
        /// Which connection.
        connection: u32,
    },
    /// Send it on the control channel.
    SendControl {
        /// To whom.
        peer: PeerId,
        /// Which connection.
        connection: u32,
        /// What.
        message: ControlMessage,
    },
    /// Close the connection, after what was to be sent on it went out.
    ClosePeer {
        /// To whom.
        peer: PeerId,
        /// Which.
        connection: u32,
    },
    /// Something to show.
    Event(SessionEvent),
}

/// What a person sees change.
#[derive(derive_more::Debug, Clone, PartialEq, Eq)]
pub enum SessionEvent {
    /// Where the call stands.
    Phase(Phase),
    /// The server is reachable, or not.
    Server {
        /// Whether it is.
        connected: bool,
    },
    /// Somebody is there.
    ParticipantJoined {
        /// Who.
        peer: PeerId,
    },
    /// Somebody is gone.
    ParticipantLeft {
        /// Who.
        peer: PeerId,
        /// Why.
        reason: LeaveReason,
    },
    /// Somebody's name.
    Name {
        /// Whose.
        peer: PeerId,
        /// Without control characters, at most 64 characters.
        #[debug(skip)]
        name: String,
    },
    /// What somebody sends.
    Streams {
        /// Who.
        peer: PeerId,
        /// The sources that are on.
        streams: Vec<StreamState>,
    },
    /// Somebody raised their hand, or took it down.
    Hand {
        /// Who.
        peer: PeerId,
        /// Since when: milliseconds since 1970, by their clock.
        hand: Option<u64>,
    },
    /// Somebody began to record the call, or stopped.
    Recording {
        /// Who.
        peer: PeerId,
        /// Whether they do.
        on: bool,
    },
    /// To be shown for a moment.
    Reaction {
        /// Whose.
        peer: PeerId,
        /// Which.
        reaction: Reaction,
    },
    /// How large somebody shows what we send.
    Wanted {
        /// Who.
        peer: PeerId,
        /// The sources that they named; others are wanted at any size.
        streams: Vec<Wanted>,
    },
    /// The room is locked, or open.
    Locked {
        /// Whether it is.
        locked: bool,
    },
    /// Somebody wants to come into the locked room.
    Knock {
        /// Who.
        peer: PeerId,
        /// What they call themselves.
        #[debug(skip)]
        name: String,
    },
    /// Somebody who knocked does not wait any longer: they were let in, or refused, or left.
    KnockEnded {
        /// Who.
        peer: PeerId,
    },
    /// We knocked, and are not let in.
    Refused,
    /// How the connection to somebody stands.
    Connection {
        /// To whom.
        peer: PeerId,
        /// How.
        view: ConnectionView,
    },
    /// The code for the calls that follow is another now: somebody else has it too.
    Again {
        /// A long one.
        code: RoomCode,
    },
    /// How far somebody is known to be who they seem.
    Trust {
        /// Who.
        peer: PeerId,
        /// How far.
        trust: Trust,
        /// Whether they came after numbers had been compared.
        late: bool,
    },
    /// Everybody whose connection was confirmed, and we: what the safety number is made from.
    Room {
        /// All ids.
        everybody: BTreeSet<PeerId>,
    },
    /// What somebody said of the handshake does not fit: perhaps somebody stands between. The connection was closed.
    Unproven {
        /// With whom.
        peer: PeerId,
    },
}

/// Where the call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Not in the room yet.
    Joining,
    /// The room is locked: we wait until somebody lets us in.
    Knocking,
    /// Nobody else is there.
    Alone,
    /// Somebody is there; no connection was up yet.
    Connecting,
    /// At least one connection is up.
    Connected,
    /// No connection is up, but one was.
    Reconnecting,
    /// We left.
    Left,
}

/// How the connection to a participant stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionView {
    /// Being made for the first time.
    Connecting,
    /// Up.
    Connected,
    /// Lost, being made again.
    Reconnecting,
}

/// Why somebody is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaveReason {
    /// They said so.
    Goodbye,
    /// Neither the server nor the connection reaches them.
    Lost,
}

/// How far somebody is known to be who they seem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Their connection has not been confirmed yet.
    Unconfirmed,
    /// Nobody stands between, unless they joined with the code; the safety number was not compared.
    Unverified,
    /// The safety number was compared with them in it.
    Verified,
    /// They have the name of somebody with whom it was compared, and another key.
    Changed,
}
