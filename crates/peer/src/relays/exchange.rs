//! Requests to a relay and its answers (RFC 8656), where `webrtc` 0.21.1 does not do what TURN asks for: a nonce that
//! has become stale is answered by the same request with the new one, a relay that has no IPv4 addresses is asked for an
//! IPv6 one, and a permission that was refused is not asked for again with every packet.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rtc::crypto::RTCCryptoProvider;
use rtc::stun::attributes::{
    ATTR_ERROR_CODE, ATTR_FINGERPRINT, ATTR_MESSAGE_INTEGRITY, ATTR_NONCE, ATTR_REALM,
    ATTR_REQUESTED_ADDRESS_FAMILY, ATTR_XOR_PEER_ADDRESS, ATTR_XOR_RELAYED_ADDRESS, AttrType, RawAttribute,
};
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{
    CLASS_ERROR_RESPONSE, CLASS_INDICATION, CLASS_REQUEST, CLASS_SUCCESS_RESPONSE, METHOD_ALLOCATE,
    METHOD_CREATE_PERMISSION, METHOD_DATA, METHOD_SEND, Message, Setter, TransactionId,
};
use rtc::stun::xoraddr::XorMappedAddress;

use crate::stun::{attribute, decode};

const UNAUTHENTICATED: u16 = 401;
const FORBIDDEN: u16 = 403;
const STALE_NONCE: u16 = 438;
const ADDRESS_FAMILY_NOT_SUPPORTED: u16 = 440;
/// REQUESTED-ADDRESS-FAMILY's value for IPv6 (RFC 8656, section 18.7).
const IPV6: [u8; 4] = [2, 0, 0, 0];
/// A transaction is over after this long (RFC 8489, section 6.2.1).
const OVER: Duration = Duration::from_millis(39_500);
/// A relay that finds every new nonce stale again is broken.
const MAX_REPETITIONS: u8 = 3;
/// More than any call has under way; a relay that never answers must not take memory.
const MAX_OPEN: usize = 256;
/// After a refusal the same permission is not asked for again for this long.
const REFUSED: Duration = Duration::from_secs(10);

/// A request that waits for its answer, as it left last. A repetition keeps the transaction of the first: the library
/// knows that one, and addresses in an answer are disguised with it (RFC 8489, section 14.2).
struct Open {
    request: Message,
    repetitions: u8,
    since: Instant,
}

/// What becomes of a datagram from the relay.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// The library is to see this.
    Deliver(Vec<u8>),
    /// This is to be sent to the relay; the library need not know.
    Repeat(Vec<u8>),
    /// Nobody need know: it answers what was asked anew since.
    Old,
}

/// All that is known of one allocation's exchange.
pub(crate) struct Exchange {
    username: String,
    password: String,
    crypto: Option<Arc<dyn RTCCryptoProvider>>,
    key: Option<Vec<u8>>,
    nonce: Option<Vec<u8>>,
    /// It has no IPv4 addresses to give.
    ipv6: bool,
    open: HashMap<TransactionId, Open>,
    refused: HashMap<SocketAddr, Instant>,
    relayed: Option<SocketAddr>,
}

impl Exchange {
    pub(crate) fn new(username: String, password: String) -> Self {
        Self {
            username,
            password,
            crypto: rtc::crypto::default_provider().ok(),
            key: None,
            nonce: None,
            ipv6: false,
            open: HashMap::new(),
            refused: HashMap::new(),
            relayed: None,
        }
    }

    /// The address that it relays for us.
    pub(crate) fn relayed(&self) -> Option<SocketAddr> {
        self.relayed
    }

    /// What leaves in place of what the library wants to send; `None`: nothing.
    pub(crate) fn outgoing(&mut self, now: Instant, datagram: &[u8]) -> Option<Vec<u8>> {
        let Some(request) = decode(datagram).filter(|message| message.typ.class == CLASS_REQUEST) else {
            return Some(datagram.to_vec());
        };
        self.open.retain(|_, open| now.saturating_duration_since(open.since) < OVER);
        if let Some(open) = self.open.get(&request.transaction_id) {
            // The library sends it again: then what stands for it goes again.
            return Some(open.request.raw.clone());
        }
        if request.typ.method == METHOD_CREATE_PERMISSION
            && let Some(peer) = peer_address(&request)
            && self.refused.get(&peer).is_some_and(|at| now.saturating_duration_since(*at) < REFUSED)
        {
            return None;
        }
        let request = self.mended(&request).unwrap_or(request);
        let raw = request.raw.clone();
        if self.open.len() < MAX_OPEN {
            self.open.insert(request.transaction_id, Open { request, repetitions: 0, since: now });
        }
        Some(raw)
    }

    /// What becomes of what the relay sent.
    pub(crate) fn incoming(&mut self, now: Instant, datagram: &[u8]) -> Incoming {
        let deliver = || Incoming::Deliver(datagram.to_vec());
        let Some(response) = decode(datagram) else { return deliver() };
        if !matches!(response.typ.class, CLASS_SUCCESS_RESPONSE | CLASS_ERROR_RESPONSE) {
            return deliver();
        }
        let Some(mut open) = self.open.remove(&response.transaction_id) else { return deliver() };
        if response.typ.class == CLASS_SUCCESS_RESPONSE {
            if response.typ.method == METHOD_ALLOCATE {
                let (relayed, told) = allocated(&response, datagram);
                self.relayed = relayed;
                return Incoming::Deliver(told);
            }
            return deliver();
        }
        let code = error_code(&response);
        if matches!(code, Some(UNAUTHENTICATED | STALE_NONCE)) {
            self.note_nonce(&response);
        }
        let repeats = match code {
            // The library answers the first 401 itself.
            Some(STALE_NONCE) => attribute(&open.request, ATTR_NONCE) != self.nonce.as_deref(),
            Some(ADDRESS_FAMILY_NOT_SUPPORTED) if open.request.typ.method == METHOD_ALLOCATE => {
                self.ipv6 = true;
                attribute(&open.request, ATTR_REQUESTED_ADDRESS_FAMILY).is_none()
            }
            Some(FORBIDDEN) if open.request.typ.method == METHOD_CREATE_PERMISSION => {
                self.refused.retain(|_, at| now.saturating_duration_since(*at) < REFUSED);
                if let Some(peer) = peer_address(&open.request) {
                    self.refused.insert(peer, now);
                }
                return deliver();
            }
            _ => return deliver(),
        };
        let transaction = open.request.transaction_id;
        if !repeats {
            // The library had sent the request twice, and this answers the first.
            self.open.insert(transaction, open);
            return Incoming::Old;
        }
        match self.mended(&open.request).filter(|_| open.repetitions < MAX_REPETITIONS) {
            Some(request) => {
                let raw = request.raw.clone();
                open.request = request;
                open.repetitions += 1;
                self.open.insert(transaction, open);
                Incoming::Repeat(raw)
            }
            None => deliver(),
        }
    }

    /// No answer will come any more: the refusal of the allocation, when it was under way.
    pub(crate) fn given_up(&mut self) -> Option<Vec<u8>> {
        let open = std::mem::take(&mut self.open);
        let allocation = open.into_values().find(|open| open.request.typ.method == METHOD_ALLOCATE)?;
        super::refusal(&allocation.request)
    }

    /// The request as the relay wants it now: with the newest nonce, and for the family that it has.
    fn mended(&self, request: &Message) -> Option<Message> {
        let authenticated = attribute(request, ATTR_NONCE).is_some();
        let nonce = self.nonce.as_deref().filter(|_| authenticated);
        let stale = nonce.is_some() && attribute(request, ATTR_NONCE) != nonce;
        let ipv6 = self.ipv6
            && request.typ.method == METHOD_ALLOCATE
            && attribute(request, ATTR_REQUESTED_ADDRESS_FAMILY).is_none();
        if !stale && !ipv6 {
            return None;
        }
        let mut setters: Vec<Box<dyn Setter + '_>> =
            vec![Box::new(request.transaction_id), Box::new(request.typ)];
        for old in &request.attributes.0 {
            if matches!(old.typ, ATTR_MESSAGE_INTEGRITY | ATTR_FINGERPRINT) {
                continue;
            }
            let mut new = old.clone();
            if let (ATTR_NONCE, Some(nonce)) = (old.typ, nonce) {
                new.value = nonce.to_vec();
            }
            setters.push(Box::new(new));
        }
        if ipv6 {
            let value = IPV6.to_vec();
            setters.push(Box::new(RawAttribute { typ: ATTR_REQUESTED_ADDRESS_FAMILY, length: 4, value }));
        }
        if authenticated {
            let key = self.key.clone()?;
            let crypto = self.crypto.as_ref()?.crypto();
            setters.push(Box::new(MessageIntegrity::new_raw_integrity_with_provider(key, crypto)));
        }
        setters.push(Box::new(FINGERPRINT));
        let mut mended = Message::new();
        mended.build(&setters).ok()?;
        decode(&mended.raw)
    }

    fn note_nonce(&mut self, response: &Message) {
        if let Some(nonce) = attribute(response, ATTR_NONCE) {
            self.nonce = Some(nonce.to_vec());
        }
        if let Some(realm) = attribute(response, ATTR_REALM)
            && let Ok(realm) = String::from_utf8(realm.to_vec())
            && let Some(crypto) = &self.crypto
        {
            let (username, password) = (self.username.clone(), self.password.clone());
            self.key =
                MessageIntegrity::long_term_integrity_key(username, realm, password, crypto.crypto()).ok();
        }
    }
}

/// What a relay was given to pass on, or passes on, in an indication: with whom.
pub(crate) fn indication(datagram: &[u8]) -> Option<(SocketAddr, Vec<u8>)> {
    let message = decode(datagram)?;
    let passes_on = message.typ.class == CLASS_INDICATION
        && (message.typ.method == METHOD_SEND || message.typ.method == METHOD_DATA);
    let data = attribute(&message, rtc::stun::attributes::ATTR_DATA).filter(|_| passes_on)?;
    Some((peer_address(&message)?, data.to_vec()))
}

/// The address that was allocated, and the answer as the library is to see it. coturn 4.6.1 names two where it was asked for
/// IPv6 only: `0.0.0.0`, and behind it the one that it has. The library takes the first.
fn allocated(response: &Message, datagram: &[u8]) -> (Option<SocketAddr>, Vec<u8>) {
    let address = |attribute: &RawAttribute| {
        let mut one = Message::new();
        one.build(&[Box::new(response.transaction_id), Box::new(attribute.clone())]).ok()?;
        xor_address(&one, ATTR_XOR_RELAYED_ADDRESS)
    };
    let is_usable = |attribute: &&RawAttribute| {
        attribute.typ != ATTR_XOR_RELAYED_ADDRESS
            || address(attribute).is_some_and(|address| !address.ip().is_unspecified())
    };
    let kept: Vec<&RawAttribute> = response.attributes.0.iter().filter(is_usable).collect();
    let relayed =
        kept.iter().find(|kept| kept.typ == ATTR_XOR_RELAYED_ADDRESS).and_then(|kept| address(kept));
    if kept.len() == response.attributes.0.len() {
        return (relayed, datagram.to_vec());
    }
    let mut setters: Vec<Box<dyn Setter>> = vec![Box::new(response.transaction_id), Box::new(response.typ)];
    for attribute in kept {
        setters.push(Box::new(attribute.clone()));
    }
    let mut told = Message::new();
    match told.build(&setters) {
        Ok(()) => (relayed, told.raw),
        Err(_) => (relayed, datagram.to_vec()),
    }
}

fn peer_address(message: &Message) -> Option<SocketAddr> {
    xor_address(message, ATTR_XOR_PEER_ADDRESS)
}

fn xor_address(message: &Message, kind: AttrType) -> Option<SocketAddr> {
    let mut address = XorMappedAddress::default();
    address.get_from_as(message, kind).ok()?;
    Some(SocketAddr::new(address.ip, address.port))
}

/// RFC 8489, section 14.8: hundreds and the rest, in two bytes.
fn error_code(message: &Message) -> Option<u16> {
    let [_, _, class, number] = *attribute(message, ATTR_ERROR_CODE)?.first_chunk::<4>()?;
    Some(u16::from(class & 7) * 100 + u16::from(number))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rtc::stun::attributes::ATTR_USERNAME;
    use rtc::stun::error_code::{CODE_FORBIDDEN, CODE_STALE_NONCE, CODE_UNAUTHORIZED, ErrorCodeAttribute};
    use rtc::stun::message::{METHOD_REFRESH, MessageType, Method};
    use rtc::stun::textattrs::TextAttribute;

    use super::*;

    const REALM: &str = "tincan.test";

    fn text(kind: AttrType, text: &str) -> Box<dyn Setter> {
        Box::new(TextAttribute::new(kind, text.to_owned()))
    }

    fn request(method: Method, nonce: Option<&str>, more: Vec<Box<dyn Setter>>) -> Message {
        let mut setters: Vec<Box<dyn Setter>> =
            vec![Box::new(TransactionId::new()), Box::new(MessageType::new(method, CLASS_REQUEST))];
        setters.extend(more);
        if let Some(nonce) = nonce {
            setters.extend([text(ATTR_USERNAME, "ada"), text(ATTR_REALM, REALM), text(ATTR_NONCE, nonce)]);
        }
        let mut message = Message::new();
        message.build(&setters).unwrap();
        if nonce.is_some() {
            let provider = rtc::crypto::default_provider().unwrap();
            MessageIntegrity::new_raw_integrity_with_provider(key(), provider.crypto())
                .add_to(&mut message)
                .unwrap();
        }
        FINGERPRINT.add_to(&mut message).unwrap();
        decode(&message.raw).unwrap()
    }

    fn answer(to: &[u8], class: rtc::stun::message::MessageClass, more: Vec<Box<dyn Setter>>) -> Vec<u8> {
        let request = decode(to).unwrap();
        let mut setters: Vec<Box<dyn Setter>> =
            vec![Box::new(request.transaction_id), Box::new(MessageType::new(request.typ.method, class))];
        setters.extend(more);
        let mut message = Message::new();
        message.build(&setters).unwrap();
        message.raw
    }

    fn refusal(to: &[u8], code: u16, nonce: &str) -> Vec<u8> {
        let code: Box<dyn Setter> = match code {
            UNAUTHENTICATED => Box::new(CODE_UNAUTHORIZED),
            FORBIDDEN => Box::new(CODE_FORBIDDEN),
            STALE_NONCE => Box::new(CODE_STALE_NONCE),
            code => Box::new(ErrorCodeAttribute {
                code: rtc::stun::error_code::ErrorCode(code),
                reason: Vec::new(),
            }),
        };
        answer(to, CLASS_ERROR_RESPONSE, vec![code, text(ATTR_REALM, REALM), text(ATTR_NONCE, nonce)])
    }

    fn key() -> Vec<u8> {
        let provider = rtc::crypto::default_provider().unwrap();
        let words = ["ada", REALM, "secret"].map(str::to_owned);
        let [username, realm, password] = words;
        MessageIntegrity::long_term_integrity_key(username, realm, password, provider.crypto()).unwrap()
    }

    fn is_signed_with(datagram: &[u8], nonce: &str) -> bool {
        let mut message = decode(datagram).unwrap();
        let provider = rtc::crypto::default_provider().unwrap();
        attribute(&message, ATTR_NONCE) == Some(nonce.as_bytes())
            && MessageIntegrity::check(&mut message, &key(), provider.crypto()).is_ok()
    }

    /// An exchange that was told its first nonce.
    fn begun() -> Exchange {
        let mut exchange = Exchange::new("ada".into(), "secret".into());
        let now = Instant::now();
        let first = exchange.outgoing(now, &request(METHOD_ALLOCATE, None, vec![]).raw).unwrap();
        let told = refusal(&first, UNAUTHENTICATED, "one");
        assert_eq!(exchange.incoming(now, &told), Incoming::Deliver(told));
        exchange
    }

    #[test]
    fn a_stale_nonce_is_answered_by_the_same_request_with_the_new_one() {
        let mut exchange = begun();
        let now = Instant::now();
        let refresh = request(METHOD_REFRESH, Some("one"), vec![]);
        assert_eq!(exchange.outgoing(now, &refresh.raw).unwrap(), refresh.raw);
        let Incoming::Repeat(again) = exchange.incoming(now, &refusal(&refresh.raw, STALE_NONCE, "two"))
        else {
            panic!("it is not repeated")
        };
        assert!(is_signed_with(&again, "two"));
        assert_eq!(exchange.incoming(now, &refusal(&refresh.raw, STALE_NONCE, "two")), Incoming::Old);
        // What the library sends again meanwhile is what stands for it.
        assert_eq!(exchange.outgoing(now, &refresh.raw).unwrap(), again);
        let done = answer(&again, CLASS_SUCCESS_RESPONSE, vec![]);
        assert_eq!(exchange.incoming(now, &done), Incoming::Deliver(done));
        // The library still knows the old nonce only.
        let next = request(METHOD_REFRESH, Some("one"), vec![]);
        assert!(is_signed_with(&exchange.outgoing(now, &next.raw).unwrap(), "two"));
    }

    #[test]
    fn a_relay_that_finds_every_nonce_stale_is_not_asked_for_ever() {
        let mut exchange = begun();
        let now = Instant::now();
        let mut asked = exchange.outgoing(now, &request(METHOD_REFRESH, Some("one"), vec![]).raw).unwrap();
        for n in 0..MAX_REPETITIONS {
            let refused = refusal(&asked, STALE_NONCE, &format!("old {n}"));
            let Incoming::Repeat(again) = exchange.incoming(now, &refused) else { panic!("repetition {n}") };
            asked = again;
        }
        let refused = refusal(&asked, STALE_NONCE, "older");
        assert_eq!(exchange.incoming(now, &refused), Incoming::Deliver(refused));
    }

    #[test]
    fn a_relay_without_ipv4_is_asked_for_ipv6() {
        let mut exchange = begun();
        let now = Instant::now();
        let asked = exchange.outgoing(now, &request(METHOD_ALLOCATE, Some("one"), vec![]).raw).unwrap();
        let refused = refusal(&asked, ADDRESS_FAMILY_NOT_SUPPORTED, "one");
        let Incoming::Repeat(again) = exchange.incoming(now, &refused) else { panic!("it is not repeated") };
        assert!(is_signed_with(&again, "one"));
        let again = decode(&again).unwrap();
        assert_eq!(attribute(&again, ATTR_REQUESTED_ADDRESS_FAMILY), Some(&IPV6[..]));
        let refused = refusal(&again.raw, ADDRESS_FAMILY_NOT_SUPPORTED, "one");
        assert_eq!(exchange.incoming(now, &refused), Incoming::Old, "once is enough");
    }

    #[test]
    fn of_two_addresses_that_were_allocated_the_one_that_is_one_counts() {
        let mut exchange = begun();
        let now = Instant::now();
        let asked = exchange.outgoing(now, &request(METHOD_ALLOCATE, Some("one"), vec![]).raw).unwrap();
        let transaction = decode(&asked).unwrap().transaction_id;
        let disguised = |address: &str| {
            let address: SocketAddr = address.parse().unwrap();
            let mut message = Message::new();
            message.build(&[Box::new(transaction)]).unwrap();
            let address = XorMappedAddress { ip: address.ip(), port: address.port() };
            address.add_to_as(&mut message, ATTR_XOR_RELAYED_ADDRESS).unwrap();
            Box::new(message.attributes.0[0].clone()) as Box<dyn Setter>
        };
        let both = vec![disguised("0.0.0.0:0"), disguised("[2001:db8::1]:5000")];
        let Incoming::Deliver(told) = exchange.incoming(now, &answer(&asked, CLASS_SUCCESS_RESPONSE, both))
        else {
            panic!("it is not told")
        };
        let told = xor_address(&decode(&told).unwrap(), ATTR_XOR_RELAYED_ADDRESS);
        assert_eq!(told, Some("[2001:db8::1]:5000".parse().unwrap()));
        assert_eq!(exchange.relayed(), told);
    }

    #[test]
    fn a_permission_that_was_refused_is_not_asked_for_with_every_packet() {
        let mut exchange = begun();
        let now = Instant::now();
        let ask = || {
            let peer = XorMappedAddress { ip: [192, 0, 2, 9].into(), port: 5000 };
            let mut message = Message::new();
            peer.add_to_as(&mut message, ATTR_XOR_PEER_ADDRESS).unwrap();
            let value = message.attributes.0[0].clone();
            request(METHOD_CREATE_PERMISSION, Some("one"), vec![Box::new(value)])
        };
        let asked = exchange.outgoing(now, &ask().raw).unwrap();
        let refused = refusal(&asked, FORBIDDEN, "one");
        assert!(matches!(exchange.incoming(now, &refused), Incoming::Deliver(_)));
        assert_eq!(exchange.outgoing(now, &ask().raw), None);
        assert!(exchange.outgoing(now + REFUSED, &ask().raw).is_some());
    }

    #[test]
    fn what_is_no_request_passes_as_it_is() {
        let mut exchange = begun();
        let now = Instant::now();
        for datagram in [&b"\x40\x01\x00\x01x\0\0\0"[..], b"", b"\x80 media"] {
            assert_eq!(exchange.outgoing(now, datagram).unwrap(), datagram);
            assert_eq!(exchange.incoming(now, datagram), Incoming::Deliver(datagram.to_vec()));
        }
    }
}
