//! What is said through the server about a connection that is up.
//!
//! Everybody in a room has the same key, and the server says who speaks: so somebody who has the code, and the server's
//! help, can speak for anybody. A connection that is up is proof of who is at its other end. It is neither replaced nor
//! given up for such a word. The word is kept: if it was true, the connection goes quiet within seconds, and then
//! what was said is done at once.

use std::time::Instant;

use tincan_protocol::{Candidate, Description};

use super::Session;
use crate::api::Output;
use crate::participant::Participant;
use crate::timing::WORD_WAIT;

/// Candidates of a connection that may never be. A connection gathers a few dozen at most.
const MAX_CANDIDATES: usize = 64;

/// What was said about a connection that was up.
#[derive(Debug, Default)]
pub(crate) struct Words {
    offer: Option<Announced>,
    /// They said goodbye; until when that counts.
    goodbye: Option<Instant>,
}

/// A newer connection.
#[derive(Debug)]
struct Announced {
    offer: Description,
    candidates: Vec<Candidate>,
    until: Instant,
}

impl Participant {
    /// They offer a newer connection than the one that is up.
    pub(super) fn keep_offer(&mut self, now: Instant, offer: Description) {
        let known = self.words.offer.take().filter(|known| known.offer.connection == offer.connection);
        let candidates = known.map_or_else(Vec::new, |known| known.candidates);
        self.words.offer = Some(Announced { offer, candidates, until: now + WORD_WAIT });
    }

    /// A candidate that is not of the current connection.
    pub(super) fn keep_candidate(&mut self, candidate: Candidate) {
        if let Some(announced) = &mut self.words.offer
            && announced.offer.connection == candidate.connection
            && announced.candidates.len() < MAX_CANDIDATES
        {
            announced.candidates.push(candidate);
        }
    }

    pub(super) fn keep_goodbye(&mut self, now: Instant) {
        self.words.goodbye = Some(now + WORD_WAIT);
    }
}

impl Session {
    /// The connection is not up any more: does what was said while it was. Says whether there was anything.
    pub(super) fn believe(&mut self, index: usize) -> bool {
        let now = self.now;
        let words = std::mem::take(&mut self.participants[index].words);
        let peer = self.participants[index].id;
        if words.goodbye.is_some_and(|until| now < until) {
            self.said_goodbye(peer);
            return true;
        }
        let Some(Announced { offer, candidates, .. }) = words.offer.filter(|offer| now < offer.until) else {
            return false;
        };
        let connection = offer.connection;
        self.close(index);
        self.open(index, connection, false);
        self.outputs.push_back(Output::SetRemote { peer, connection, description: offer });
        for candidate in candidates {
            self.outputs.push_back(Output::AddCandidate { peer, connection, candidate });
        }
        true
    }
}
