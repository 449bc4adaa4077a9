//! One end of a simulated connection: offer/answer with glare and rollback, ICE by matching credentials.

use std::time::{Duration, Instant};

use tincan_call::{ConnectionState, LocalCandidate, PeerChange};
use tincan_protocol::{CertificateDigest, Description, DescriptionKind};

/// ICE checks and DTLS.
const CONNECT: Duration = Duration::from_millis(150);
/// The real connection's times: quiet for 5 s is disconnected, for 25 s failed (measured).
const DISCONNECT: Duration = Duration::from_secs(5);
const FAIL: Duration = Duration::from_secs(25);

/// ICE credentials, and the network on which they were gathered.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Credentials {
    token: u64,
    network: u32,
}

#[derive(Debug)]
pub struct Connection {
    polite: bool,
    /// Ours and theirs, as the handshake sees them.
    certificates: (CertificateDigest, CertificateDigest),
    state: ConnectionState,
    pub control_open: bool,
    offered: Option<Credentials>,
    local: Option<Credentials>,
    remote: Option<u64>,
    /// Since when both ends match, or do not.
    matched: bool,
    since: Instant,
}

impl Connection {
    pub fn new(now: Instant, polite: bool, certificates: (CertificateDigest, CertificateDigest)) -> Self {
        Self {
            polite,
            certificates,
            state: ConnectionState::Connecting,
            control_open: false,
            offered: None,
            local: None,
            remote: None,
            matched: false,
            since: now,
        }
    }

    pub fn offer(&mut self, token: u64, network: u32) -> PeerChange {
        self.offered = Some(Credentials { token, network });
        PeerChange::LocalDescription { kind: DescriptionKind::Offer, sdp: token.to_string() }
    }

    /// Applies a description; gives the answer to an offer.
    pub fn set_remote(&mut self, description: &Description, token: u64, network: u32) -> Option<PeerChange> {
        let remote = description.sdp.parse().expect("this world's SDP is a number");
        match description.kind {
            DescriptionKind::Offer => {
                if self.offered.is_some() && !self.polite {
                    return None;
                }
                self.offered = None;
                self.remote = Some(remote);
                self.local = Some(Credentials { token, network });
                Some(PeerChange::LocalDescription { kind: DescriptionKind::Answer, sdp: token.to_string() })
            }
            DescriptionKind::Answer => {
                if let Some(offered) = self.offered.take() {
                    self.local = Some(offered);
                    self.remote = Some(remote);
                }
                None
            }
        }
    }

    pub fn pairs_with(&self, other: &Self, network: u32, others_network: u32) -> bool {
        let fresh = |end: &Self, network| end.local.is_some_and(|local| local.network == network);
        let knows = |a: &Self, b: &Self| a.local.is_some() && a.local.map(|local| local.token) == b.remote;
        fresh(self, network) && fresh(other, others_network) && knows(self, other) && knows(other, self)
    }

    pub fn step(&mut self, now: Instant, matched: bool) -> Vec<PeerChange> {
        if self.matched != matched {
            self.matched = matched;
            self.since = now;
        }
        let elapsed = now - self.since;
        let before = self.state;
        self.state = match (matched, before) {
            (_, ConnectionState::Failed) => ConnectionState::Failed,
            (true, _) if elapsed >= CONNECT => ConnectionState::Connected,
            (false, _) if elapsed >= FAIL => ConnectionState::Failed,
            (false, ConnectionState::Connected) if elapsed >= DISCONNECT => ConnectionState::Disconnected,
            (_, state) => state,
        };
        let mut changes = Vec::new();
        if self.state != before {
            changes.push(PeerChange::State(self.state));
            if self.state == ConnectionState::Connected && !self.control_open {
                self.control_open = true;
                changes.push(PeerChange::LocalCandidate(LocalCandidate {
                    candidate: String::new(),
                    sdp_mid: None,
                    sdp_m_line_index: None,
                    username_fragment: None,
                }));
                let (local, remote) = self.certificates;
                changes.push(PeerChange::Certificates { local, remote });
                changes.push(PeerChange::ControlOpen);
            }
        }
        changes
    }
}
