//! An ICE restart that keeps the path that works. `webrtc` 0.21.1 forgets its pairs when a restart is applied, and drops
//! media until checks over the network have found one again: with 150 ms to the other side pictures stop for more than
//! half a second. Where both sides still list the addresses of the path in use and something came over it just now, its
//! checks would succeed; so they are answered here, at once. What leaves for the other side still does, so that a
//! peer of another kind sees ordinary checks.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rtc::crypto::RTCCryptoProvider;
use rtc::ice::attributes::control::AttrControlling;
use rtc::ice::attributes::priority::PriorityAttr;
use rtc::ice::attributes::use_candidate::UseCandidateAttr;
use rtc::stun::attributes::{ATTR_ICE_CONTROLLED, ATTR_USERNAME};
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Message, Setter, TransactionId};
use rtc::stun::textattrs::Username;
use rtc::stun::xoraddr::XorMappedAddress;

use crate::stun::{attribute, decode};

/// The library has checked its pairs within two ticks of 20 ms.
const WINDOW: Duration = Duration::from_secs(1);
/// Answers that may still come from the other side to checks that were answered here.
const MAX_ANSWERED: usize = 64;

/// What a description says of ICE.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) ufrag: String,
    pwd: String,
}

impl Credentials {
    /// Those of a description.
    pub(crate) fn of(sdp: &str) -> Option<Self> {
        let value =
            |name: &str| sdp.lines().find_map(|line| line.strip_prefix(name)).map(|v| v.trim().to_owned());
        Some(Self { ufrag: value("a=ice-ufrag:")?, pwd: value("a=ice-pwd:")? })
    }
}

/// The path that is kept, until the library has it back.
struct Path {
    remote: SocketAddr,
    ours: Credentials,
    theirs: Credentials,
    until: Instant,
    /// The nomination that we made for the other side.
    nomination: Option<TransactionId>,
}

/// What becomes of a check or an answer that the library sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaves {
    Yes,
    No,
}

/// The path that a restart keeps, and what the library is told of it.
#[derive(Default)]
pub(super) struct Kept {
    path: Option<Path>,
    /// Checks that were answered here.
    answered: VecDeque<TransactionId>,
    /// What the library is to read, as if from there.
    told: VecDeque<(SocketAddr, Vec<u8>)>,
}

impl Kept {
    pub(super) fn keep(&mut self, now: Instant, remote: SocketAddr, ours: Credentials, theirs: Credentials) {
        self.told.clear();
        self.path = Some(Path { remote, ours, theirs, until: now + WINDOW, nomination: None });
    }

    /// The library sends a check there.
    pub(super) fn checked(&mut self, now: Instant, remote: SocketAddr, check: &[u8]) {
        let path = self.path.take_if(|path| path.until < now || path.remote == remote);
        let Some(mut path) = path.filter(|path| path.until >= now) else { return };
        let (Some(check), Ok(provider)) = (decode(check), rtc::crypto::default_provider()) else {
            self.path = Some(path);
            return;
        };
        let expected = format!("{}:{}", path.theirs.ufrag, path.ours.ufrag);
        if attribute(&check, ATTR_USERNAME) != Some(expected.as_bytes()) {
            // Of the generation before.
            self.path = Some(path);
            return;
        }
        if self.answered.len() == MAX_ANSWERED {
            self.answered.pop_front();
        }
        self.answered.push_back(check.transaction_id);
        self.told.extend(success(&check, &path, &provider).map(|answer| (remote, answer)));
        let nominates = attribute(&check, rtc::stun::attributes::ATTR_USE_CANDIDATE).is_some();
        if attribute(&check, ATTR_ICE_CONTROLLED).is_some() && path.nomination.is_none() {
            // The other side chooses, and chooses this one.
            let transaction = TransactionId::new();
            self.told.extend(nomination(transaction, &path, &provider).map(|request| (remote, request)));
            path.nomination = Some(transaction);
        }
        if !nominates {
            self.path = Some(path);
        }
    }

    /// The library answers a request: whether anybody made it.
    pub(super) fn answers(&mut self, transaction: TransactionId) -> Leaves {
        match self.path.take_if(|path| path.nomination == Some(transaction)) {
            Some(_) => Leaves::No,
            None => Leaves::Yes,
        }
    }

    /// Whether the library knows already what this answer says.
    pub(super) fn is_known(&mut self, transaction: TransactionId) -> bool {
        match self.answered.iter().position(|known| *known == transaction) {
            Some(at) => self.answered.remove(at).is_some(),
            None => false,
        }
    }

    /// The next thing that the library is to read.
    pub(super) fn next(&mut self, of_version_6: bool) -> Option<(SocketAddr, Vec<u8>)> {
        self.told.pop_front_if(|(from, _)| from.is_ipv6() == of_version_6)
    }
}

fn success(check: &Message, path: &Path, provider: &Arc<dyn RTCCryptoProvider>) -> Option<Vec<u8>> {
    let mapped = XorMappedAddress { ip: path.remote.ip(), port: path.remote.port() };
    signed(
        &path.theirs,
        provider,
        vec![Box::new(check.transaction_id), Box::new(BINDING_SUCCESS), Box::new(mapped)],
    )
}

fn nomination(
    transaction: TransactionId,
    path: &Path,
    provider: &Arc<dyn RTCCryptoProvider>,
) -> Option<Vec<u8>> {
    let name = format!("{}:{}", path.ours.ufrag, path.theirs.ufrag);
    signed(
        &path.ours,
        provider,
        vec![
            Box::new(BINDING_REQUEST),
            Box::new(transaction),
            Box::new(Username::new(ATTR_USERNAME, name)),
            Box::<UseCandidateAttr>::default(),
            Box::new(AttrControlling(0)),
            Box::new(PriorityAttr(1)),
        ],
    )
}

fn signed<'a>(
    by: &Credentials,
    provider: &'a Arc<dyn RTCCryptoProvider>,
    mut setters: Vec<Box<dyn Setter + 'a>>,
) -> Option<Vec<u8>> {
    let key = by.pwd.clone();
    setters.push(Box::new(MessageIntegrity::new_short_term_integrity_with_provider(key, provider.crypto())));
    setters.push(Box::new(FINGERPRINT));
    let mut message = Message::new();
    message.build(&setters).ok()?;
    Some(message.raw)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rtc::stun::attributes::ATTR_USE_CANDIDATE;
    use rtc::stun::message::CLASS_REQUEST;

    use super::*;

    const THERE: &str = "192.0.2.9:4000";

    fn credentials(name: &str) -> Credentials {
        Credentials { ufrag: name.to_owned(), pwd: format!("{name}'s password") }
    }

    /// A check as the library sends it.
    fn check(from: &str, to: &str, nominates: bool, controlled: bool) -> (TransactionId, Vec<u8>) {
        let transaction = TransactionId::new();
        let mut message = Message::new();
        let name = Username::new(ATTR_USERNAME, format!("{to}:{from}"));
        message.build(&[Box::new(BINDING_REQUEST), Box::new(transaction), Box::new(name)]).unwrap();
        if nominates {
            message.add(ATTR_USE_CANDIDATE, &[]);
        }
        if controlled {
            message.add(ATTR_ICE_CONTROLLED, &[0; 8]);
        }
        (transaction, message.raw)
    }

    fn is_signed_by(message: &[u8], name: &str) -> bool {
        let provider = rtc::crypto::default_provider().unwrap();
        let mut message = decode(message).unwrap();
        MessageIntegrity::check(&mut message, credentials(name).pwd.as_bytes(), provider.crypto()).is_ok()
    }

    fn keeping() -> (Kept, Instant, SocketAddr) {
        let (mut kept, now, there) = (Kept::default(), Instant::now(), THERE.parse().unwrap());
        kept.keep(now, there, credentials("ours"), credentials("theirs"));
        (kept, now, there)
    }

    #[test]
    fn whoever_chooses_has_its_check_and_its_nomination_answered_and_no_more() {
        let (mut kept, now, there) = keeping();
        for nominates in [false, true] {
            let (transaction, sent) = check("ours", "theirs", nominates, false);
            kept.checked(now, there, &sent);
            let (from, told) = kept.next(false).unwrap();
            assert_eq!((from, decode(&told).unwrap().transaction_id), (there, transaction));
            assert!(is_signed_by(&told, "theirs"));
            assert!(kept.is_known(transaction) && !kept.is_known(transaction));
        }
        kept.checked(now, there, &check("ours", "theirs", true, false).1);
        assert_eq!(kept.next(false), None);
    }

    #[test]
    fn whoever_is_chosen_for_hears_of_the_choice_and_nobody_else_of_the_answer() {
        let (mut kept, now, there) = keeping();
        kept.checked(now, there, &check("ours", "theirs", false, true).1);
        assert!(is_signed_by(&kept.next(false).unwrap().1, "theirs"));
        let (_, nomination) = kept.next(false).unwrap();
        assert!(is_signed_by(&nomination, "ours"));
        let nomination = decode(&nomination).unwrap();
        assert_eq!(nomination.typ.class, CLASS_REQUEST);
        assert!(attribute(&nomination, ATTR_USE_CANDIDATE).is_some());
        assert_eq!(kept.answers(TransactionId::new()), Leaves::Yes);
        assert_eq!(kept.answers(nomination.transaction_id), Leaves::No);
        assert_eq!(kept.answers(nomination.transaction_id), Leaves::Yes);
    }

    #[test]
    fn other_checks_are_answered_by_the_other_side() {
        let (mut kept, now, there) = keeping();
        let elsewhere = "192.0.2.10:4000".parse().unwrap();
        kept.checked(now, elsewhere, &check("ours", "theirs", false, false).1);
        kept.checked(now, there, &check("ours before", "theirs", false, false).1);
        assert_eq!(kept.next(false), None);
        kept.checked(now + WINDOW * 2, there, &check("ours", "theirs", false, false).1);
        assert_eq!(kept.next(false), None, "too late");
    }

    #[test]
    fn credentials_are_read_from_a_description() {
        let sdp = "v=0\r\nm=audio\r\na=ice-ufrag:abcd\r\na=ice-pwd:secret\r\n";
        let read = Credentials::of(sdp).unwrap();
        assert_eq!((read.ufrag.as_str(), read.pwd.as_str()), ("abcd", "secret"));
        assert!(Credentials::of("v=0\r\na=ice-ufrag:abcd\r\n").is_none());
    }
}
