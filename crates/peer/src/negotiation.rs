//! Perfect negotiation (the W3C's pattern; RFC 8829) on one connection, in one task: creating an offer and applying it
//! cannot be interrupted, so that a collision is simply an offer that meets ours.

use tincan_protocol::{CertificateDigest, sdp};
use tracing::debug;
use webrtc::peer_connection::{PeerConnection, RTCIceCandidateInit, RTCSessionDescription};

use crate::api::{IceCandidate, PeerError, SessionDescription};

/// Candidates that wait for a description. More would be an attack: browsers gather a few dozen.
const MAX_EARLY_CANDIDATES: usize = 128;

/// See the module's description.
#[derive(Default)]
pub(crate) struct Negotiation {
    polite: bool,
    /// Our offer waits for its answer.
    offer: Option<SessionDescription>,
    /// It is applied with its answer only: it restarts ICE, and the path works until then.
    held: Option<RTCSessionDescription>,
    /// Another offer is to follow the one under way.
    again: bool,
    /// The next offer restarts ICE.
    restart: bool,
    /// Their description was applied at least once.
    remote: bool,
    early: Vec<IceCandidate>,
    /// The certificate that their first description named. DTLS is never repeated, so that another one later is not
    /// theirs.
    certificate: Option<CertificateDigest>,
    /// Our part in DTLS, as the first answer settled it.
    role: Option<Role>,
}

/// The library's own words may quote the description, with its addresses, and errors reach logs.
fn refused(step: &'static str) -> impl Fn(webrtc::error::Error) -> PeerError {
    move |_| PeerError::Refused(step)
}

impl Negotiation {
    pub(crate) fn new(polite: bool) -> Self {
        Self { polite, ..Self::default() }
    }

    /// Whether their offer would be ignored now.
    pub(crate) fn ignores_offers(&self) -> bool {
        self.offer.is_some() && !self.polite
    }

    /// Makes an offer; while one waits for its answer, that one is to be sent again and a fresh one follows if needed. `hold`:
    /// nothing changes here before the answer to it is there.
    pub(crate) async fn offer(
        &mut self,
        connection: &dyn PeerConnection,
        restart: bool,
        hold: bool,
    ) -> Result<SessionDescription, PeerError> {
        self.restart |= restart;
        if let Some(offer) = &self.offer {
            // A restart has to reach the other side after this one's answer.
            self.again |= restart;
            return Ok(offer.clone());
        }
        let options = rtc::peer_connection::configuration::RTCOfferOptions { ice_restart: self.restart };
        let offer = connection.create_offer(Some(options)).await.map_err(refused("no offer can be made"))?;
        let sdp = offer.sdp.clone();
        if hold {
            self.held = Some(offer);
        } else {
            connection.set_local_description(offer).await.map_err(refused("our offer"))?;
        }
        self.restart = false;
        self.again = false;
        let offer = SessionDescription { offer: true, sdp };
        self.offer = Some(offer.clone());
        Ok(offer)
    }

    /// Applies their description; gives what is to be sent in turn: an answer, or the offer that had to wait.
    pub(crate) async fn remote(
        &mut self,
        connection: &dyn PeerConnection,
        description: SessionDescription,
    ) -> Result<Vec<SessionDescription>, PeerError> {
        let (sdp, certificate) = sdp::accepted(&description.sdp).map_err(|_| PeerError::Certificate)?;
        if self.certificate.is_some_and(|first| first != certificate) {
            return Err(PeerError::Certificate);
        }
        let mut replies = Vec::new();
        if description.offer {
            if self.offer.is_some() {
                if !self.polite {
                    debug!("both sides offered; ours stands");
                    return Ok(replies);
                }
                debug!("both sides offered; ours is rolled back");
                if let Some(held) = self.held.take() {
                    connection.set_local_description(held).await.map_err(refused("our offer"))?;
                }
                let rollback = RTCSessionDescription::rollback(None).map_err(refused("our rollback"))?;
                connection.set_local_description(rollback).await.map_err(refused("our rollback"))?;
                self.offer = None;
            }
            let offer = RTCSessionDescription::offer(sdp).map_err(refused("their offer"))?;
            connection.set_remote_description(offer).await.map_err(refused("their offer"))?;
            let answer = connection.create_answer(None).await.map_err(refused("no answer can be made"))?;
            let mut sdp = answer.sdp.clone();
            connection.set_local_description(answer).await.map_err(refused("our answer"))?;
            // The library always answers `active`. Roles that change would mean a new DTLS association (RFC 8842,
            // section 5.5), so that browsers refuse such an answer to an ICE restart.
            match self.role {
                Some(role) => sdp = with_role(&sdp, role),
                None => self.role = role(&sdp),
            }
            replies.push(SessionDescription { offer: false, sdp });
        } else {
            if self.offer.is_none() {
                debug!("an answer to nothing is ignored");
                return Ok(replies);
            }
            if let Some(held) = self.held.take() {
                connection.set_local_description(held).await.map_err(refused("our offer"))?;
            }
            let answer = RTCSessionDescription::answer(sdp).map_err(refused("their answer"))?;
            connection.set_remote_description(answer).await.map_err(refused("their answer"))?;
            self.offer = None;
            self.role = self.role.or_else(|| Some(role(&description.sdp)?.other()));
        }
        self.remote = true;
        self.certificate = Some(certificate);
        for candidate in std::mem::take(&mut self.early) {
            add(connection, candidate).await;
        }
        if self.again {
            replies.push(self.offer(connection, false, false).await?);
        }
        Ok(replies)
    }

    /// Adds their candidate, or keeps it until their description is there.
    pub(crate) async fn candidate(&mut self, connection: &dyn PeerConnection, candidate: IceCandidate) {
        if candidate.candidate.is_empty() {
            return;
        }
        if self.remote {
            add(connection, candidate).await;
        } else if self.early.len() < MAX_EARLY_CANDIDATES {
            self.early.push(candidate);
        }
    }
}

async fn add(connection: &dyn PeerConnection, candidate: IceCandidate) {
    let init = RTCIceCandidateInit {
        candidate: candidate.candidate,
        sdp_mid: candidate.sdp_mid,
        sdp_mline_index: candidate.sdp_m_line_index,
        username_fragment: candidate.username_fragment,
        ..Default::default()
    };
    // Candidates of an offer that lost a collision, or of a transport we do not speak, are no error.
    if connection.add_ice_candidate(init).await.is_err() {
        debug!("a candidate does not fit");
    }
}

/// Who begins the DTLS handshake: `a=setup` of an answer (RFC 5763, section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Active,
    Passive,
}

impl Role {
    const fn other(self) -> Self {
        match self {
            Self::Active => Self::Passive,
            Self::Passive => Self::Active,
        }
    }

    const fn line(self) -> &'static str {
        match self {
            Self::Active => "a=setup:active",
            Self::Passive => "a=setup:passive",
        }
    }
}

/// The role that an answer's author takes: one for all sections, since they share a transport.
fn role(answer: &str) -> Option<Role> {
    answer.lines().find_map(|line| [Role::Active, Role::Passive].into_iter().find(|role| line == role.line()))
}

/// The answer with this role.
fn with_role(answer: &str, role: Role) -> String {
    answer.replace(role.other().line(), role.line())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_keeps_the_role_that_was_settled() {
        let answer = "v=0\r\nm=audio\r\na=setup:active\r\nm=video\r\na=setup:active\r\n";
        assert_eq!(role(answer), Some(Role::Active));
        assert_eq!(with_role(answer, Role::Active), answer);
        assert_eq!(with_role(answer, Role::Passive), answer.replace("active", "passive"));
        assert_eq!(role("v=0\r\na=setup:actpass\r\n"), None);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_safe_to_look_for_a_role_in(text in ".*") {
            let _ = role(&text);
            let _ = with_role(&text, Role::Passive);
        }
    }
}
