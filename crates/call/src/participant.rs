//! One other participant: what is known of them, and what is due next.

use std::collections::BTreeSet;
use std::time::Instant;

use tincan_protocol::{Candidate, PairKeys, PeerId, PeerMessage, Source, StreamState, Wanted};

use crate::api::{ConnectionView, Trust};
use crate::session::Proof;
use crate::timing::{
    ABSENT_GRACE, CONNECT_WAIT, GIVE_UP, POLITE_EXTRA, REOPEN_WAIT, RESTART_WAIT, SPEAK_WAIT,
};

/// Descriptions and candidates that wait for the server. A connection gathers a few dozen candidates at most.
const MAX_PENDING: usize = 64;

/// What the connection does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// There is none. At `until` we offer, unless their offer comes first.
    Waiting { until: Instant },
    /// It was never up. At `until` it is made anew.
    Opening { until: Instant },
    /// It is confirmed, and media flows.
    Up,
    /// It was up. At `until` it is made anew; before that comes an ICE restart.
    Down { until: Instant },
}

/// Whether the server can carry something to this participant, and since when it cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It can.
    Reachable,
    /// The server is there, they are not.
    Absent { since: Instant },
    /// The server is away.
    NoServer { since: Instant },
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// Open the next connection and offer.
    Offer,
    RestartIce,
    Keyframe,
    /// Send the candidates that were gathered.
    Candidates,
    /// Hand the code for the next call over, since they did not.
    Again,
    /// Give the participant up.
    Lose,
}

/// Another participant.
#[derive(derive_more::Debug)]
pub struct Participant {
    pub(crate) id: PeerId,
    pub(crate) polite: bool,
    /// They came when we were there.
    pub(crate) newcomer: bool,
    #[debug(skip)]
    pub(crate) name: String,
    /// What we share with them.
    pub(crate) pair: PairKeys,
    pub(crate) features: Vec<String>,
    pub(crate) streams: Vec<StreamState>,
    pub(crate) hand: Option<u64>,
    /// They say that they record the call.
    pub(crate) recording: bool,
    /// How large we show what they send; empty: at any size.
    pub(crate) want: Vec<Wanted>,
    /// What the path to them carries no pictures of.
    pub(crate) paused: BTreeSet<Source>,
    /// They let nobody in now, and us neither.
    pub(crate) keeps_us_out: bool,
    /// Whether anything came from them: until then they are only the server's word.
    pub(crate) spoke: bool,
    /// Number of the newest connection, 0 before the first.
    pub(crate) connection: u32,
    pub(crate) open: bool,
    pub(crate) control_open: bool,
    /// Whether media could flow if the connection is confirmed.
    pub(crate) transport_up: bool,
    pub(crate) proof: Proof,
    /// Whether any connection to them was ever confirmed.
    pub(crate) was_confirmed: bool,
    /// They came after numbers had been compared.
    pub(crate) late: bool,
    pub(crate) shown_trust: (Trust, bool),
    pub(crate) link: Link,
    pub(crate) was_connected: bool,
    pub(crate) shown: ConnectionView,
    /// Connections in a row that did not come up.
    pub(crate) failures: u32,
    pub(crate) restart_at: Option<Instant>,
    pub(crate) restarted_at: Option<Instant>,
    pub(crate) keyframe_at: Option<Instant>,
    pub(crate) again_at: Option<Instant>,
    pub(crate) created: Instant,
    /// When the connection was last up (or they came).
    pub(crate) down_since: Instant,
    pub(crate) absent_since: Option<Instant>,
    /// What waits for the server.
    pub(crate) pending: Vec<PeerMessage>,
    /// Our candidates that wait for others, and until when.
    pub(crate) gathered: Vec<Candidate>,
    pub(crate) candidates_at: Option<Instant>,
}

impl Participant {
    pub(crate) fn new(
        now: Instant,
        pair: PairKeys,
        polite: bool,
        newcomer: bool,
        connection: u32,
        offer_at: Instant,
    ) -> Self {
        Self {
            id: pair.other(),
            polite,
            newcomer,
            name: String::new(),
            pair,
            features: Vec::new(),
            streams: Vec::new(),
            hand: None,
            recording: false,
            want: Vec::new(),
            paused: BTreeSet::new(),
            keeps_us_out: false,
            spoke: false,
            connection,
            open: false,
            control_open: false,
            transport_up: false,
            proof: Proof::default(),
            was_confirmed: false,
            late: false,
            shown_trust: (Trust::Unconfirmed, false),
            link: Link::Waiting { until: offer_at },
            was_connected: false,
            shown: ConnectionView::Connecting,
            failures: 0,
            restart_at: None,
            restarted_at: None,
            keyframe_at: None,
            again_at: None,
            created: now,
            down_since: now,
            absent_since: None,
            pending: Vec::new(),
            gathered: Vec::new(),
            candidates_at: None,
        }
    }

    /// Their identity.
    pub const fn id(&self) -> PeerId {
        self.id
    }

    /// Their name; empty until they told it, or when they have none.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What they send.
    pub fn streams(&self) -> &[StreamState] {
        &self.streams
    }

    /// Since when their hand is raised: milliseconds since 1970, by their clock.
    pub const fn hand(&self) -> Option<u64> {
        self.hand
    }

    /// Whether they say that they record the call.
    pub const fn records(&self) -> bool {
        self.recording
    }

    /// Whether they understand something beyond what the protocol demands.
    pub fn has_feature(&self, feature: &str) -> bool {
        self.features.iter().any(|known| known == feature)
    }

    /// How far they are known to be who they seem.
    pub const fn trust(&self) -> Trust {
        self.shown_trust.0
    }

    /// Number of the newest connection to them, 0 before the first.
    pub const fn connection(&self) -> u32 {
        self.connection
    }

    /// How the connection to them stands.
    pub const fn view(&self) -> ConnectionView {
        match (self.link, self.was_connected) {
            (Link::Up, _) => ConnectionView::Connected,
            (_, true) => ConnectionView::Reconnecting,
            (_, false) => ConnectionView::Connecting,
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.link == Link::Up
    }

    /// Later for the polite side, so that the two sides do not act at the same moment.
    pub(crate) fn later_if_polite(&self, at: Instant) -> Instant {
        if self.polite { at + POLITE_EXTRA } else { at }
    }

    pub(crate) fn opened(&mut self, now: Instant, connection: u32) {
        self.connection = connection;
        self.open = true;
        self.forget_connection();
        self.restart_at = None;
        self.link = Link::Opening { until: self.later_if_polite(now + CONNECT_WAIT) };
    }

    /// What belongs to one connection only.
    pub(crate) fn forget_connection(&mut self) {
        self.control_open = false;
        self.transport_up = false;
        self.proof = Proof::default();
        self.keyframe_at = None;
        self.again_at = None;
        self.pending.clear();
        self.gathered.clear();
        self.candidates_at = None;
    }

    /// The connection went quiet.
    pub(crate) fn went_down(&mut self, now: Instant) {
        self.down_since = now;
        self.restart_at = Some(self.later_if_polite(now + RESTART_WAIT));
        self.link = Link::Down { until: self.later_if_polite(now + RESTART_WAIT + REOPEN_WAIT) };
    }

    /// They can be reached (again): what had to wait starts now.
    pub(crate) fn became_reachable(&mut self, now: Instant) {
        self.absent_since = None;
        match self.link {
            Link::Up => {}
            Link::Down { .. } => {
                self.restart_at = Some(self.later_if_polite(now));
                self.link = Link::Down { until: self.later_if_polite(now + REOPEN_WAIT) };
            }
            // What was said while the server was away is lost: start anew, but not both sides at once.
            Link::Waiting { .. } | Link::Opening { .. } => {
                self.link = match (self.polite, self.open) {
                    (false, false) => Link::Waiting { until: now },
                    (false, true) => Link::Opening { until: now },
                    (true, false) => Link::Waiting { until: now + POLITE_EXTRA },
                    (true, true) => Link::Opening { until: now + POLITE_EXTRA + CONNECT_WAIT },
                };
            }
        }
    }

    pub(crate) fn hold(&mut self, message: PeerMessage) {
        if self.pending.len() < MAX_PENDING {
            self.pending.push(message);
        }
    }

    /// The earliest thing that is due, and when. While we are `knocking` we open nothing: whoever lets us in does.
    pub(crate) fn next(&self, reach: Reach, knocking: bool) -> Option<(Instant, Due)> {
        let mut next = self.keyframe_at.map(|at| (at, Due::Keyframe));
        let mut add = |at: Instant, due: Due| {
            if next.is_none_or(|(earliest, _)| at < earliest) {
                next = Some((at, due));
            }
        };
        if let Some(at) = self.again_at {
            add(at, Due::Again);
        }
        if let Some(at) = self.candidates_at {
            add(at, Due::Candidates);
        }
        match reach {
            Reach::Reachable => {
                match self.link {
                    Link::Waiting { .. } if knocking && !self.was_confirmed => {}
                    Link::Waiting { until } | Link::Opening { until } | Link::Down { until } => {
                        add(until, Due::Offer)
                    }
                    Link::Up => {}
                }
                if let (Some(at), Link::Up | Link::Down { .. }) = (self.restart_at, self.link) {
                    add(at, Due::RestartIce);
                }
                if !self.spoke && !self.is_up() {
                    add(self.created + SPEAK_WAIT, Due::Lose);
                }
            }
            Reach::Absent { since } if !self.is_up() => {
                add(since.max(self.down_since) + ABSENT_GRACE, Due::Lose)
            }
            Reach::NoServer { since } if !self.is_up() => {
                add(since.max(self.down_since) + GIVE_UP, Due::Lose)
            }
            Reach::Absent { .. } | Reach::NoServer { .. } => {}
        }
        next
    }
}
