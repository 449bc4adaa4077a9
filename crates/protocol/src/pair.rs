//! What two participants share and nobody else has: the keys that their envelopes are sealed with, and the proof that the
//! connection between them ends with each other.

use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::Mac;
use sha2::Sha256;
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::envelope::{Envelope, MAX_PLAINTEXT, NONCE_LEN, VERSION};
use crate::identity::{CertificateDigest, ConfirmMac, Identity, keyed};
use crate::keys::RoomKeys;
use crate::message::{Acknowledgement, PeerMessage};
use crate::peer_id::PeerId;
use crate::room_id::RoomId;

/// Keeps these keys apart from those of any other exchange.
const PAIR_LABEL: &[u8] = b"tincan pair v2";
/// Keeps these associated data apart from those of any other use of the key.
const AAD_LABEL: &[u8] = b"tincan envelope v2";
/// Plaintexts are filled up to a multiple of this with spaces, which JSON ignores, so that a length tells neither how
/// long a name is nor one candidate from another.
const PADDING: usize = 256;

/// The keys of two participants of a room. `Debug` shows nothing, and they are wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct PairKeys {
    #[zeroize(skip)]
    room: RoomId,
    #[zeroize(skip)]
    me: PeerId,
    #[zeroize(skip)]
    other: PeerId,
    outgoing: [u8; 32],
    incoming: [u8; 32],
    confirm: [u8; 32],
}

/// The message cannot be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a message of {0} bytes is too large to send")]
pub struct SealError(pub usize);

/// Why an envelope did not open. It is dropped and counted, never acted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OpenError {
    /// Another layout.
    #[error("an envelope of another version")]
    Version,
    /// Not sealed by this sender for us, or changed on the way.
    #[error("an envelope that does not open")]
    Forged,
}

/// What was in an envelope that opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// A numbered message; `None` says nothing that this version knows, and has its number all the same.
    Message {
        /// Counts from 1.
        sequence: u64,
        /// What it says.
        message: Option<PeerMessage>,
    },
    /// What the other side has received.
    Acknowledgement(Acknowledgement),
}

impl PairKeys {
    /// The keys that `identity` shares with `other` in this room. `None` when `other` is no key that an exchange can be
    /// made with, or is `identity` itself.
    pub fn new(keys: &RoomKeys, identity: &Identity, other: PeerId) -> Option<Self> {
        let me = identity.id();
        if me == other {
            return None;
        }
        let shared = identity.exchange(other.as_bytes())?;
        let (low, high) = if me < other { (me, other) } else { (other, me) };
        let room = keys.room_id();
        let info = [PAIR_LABEL, room.as_bytes(), low.as_bytes(), high.as_bytes()];
        let mut output = Zeroizing::new([0; 96]);
        Hkdf::<Sha256>::new(Some(keys.signal_key()), shared.as_bytes())
            .expand_multi_info(&info, output.as_mut())
            .expect("96 bytes are in HKDF's range");
        let key = |index: usize| -> [u8; 32] {
            output[32 * index..32 * (index + 1)].try_into().expect("a third of 96 bytes")
        };
        let (outgoing, incoming) = if me == low { (key(0), key(1)) } else { (key(1), key(0)) };
        Some(Self { room, me, other, outgoing, incoming, confirm: key(2) })
    }

    /// Whom they are shared with.
    pub const fn other(&self) -> PeerId {
        self.other
    }

    /// Seals the message with this number, which must not be used for another one.
    ///
    /// # Errors
    /// [`SealError`] when the message is larger than an envelope holds.
    pub fn seal(&self, sequence: u64, message: &PeerMessage) -> Result<Envelope, SealError> {
        debug_assert!(sequence > 0, "messages are numbered from 1");
        self.seal_bytes(sequence, Zeroizing::new(message.encode()))
    }

    /// Seals an acknowledgement, which has no number.
    pub fn seal_acknowledgement(&self, acknowledgement: Acknowledgement) -> Envelope {
        self.seal_bytes(0, Zeroizing::new(acknowledgement.encode())).expect("an acknowledgement is short")
    }

    fn seal_bytes(&self, sequence: u64, mut plaintext: Zeroizing<Vec<u8>>) -> Result<Envelope, SealError> {
        let padded = plaintext.len().next_multiple_of(PADDING);
        if padded > MAX_PLAINTEXT {
            return Err(SealError(plaintext.len()));
        }
        plaintext.resize(padded, b' ');
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).expect("every supported system has a random source");
        let aad = associated_data(self.room, self.me, self.other, sequence);
        let ciphertext = XChaCha20Poly1305::new((&self.outgoing).into())
            .encrypt(XNonce::from_slice(&nonce), Payload { msg: &plaintext, aad: &aad })
            .expect("the plaintext is far below the cipher's limit");
        Ok(Envelope::of(sequence, &nonce, &ciphertext))
    }

    /// Opens an envelope that is said to come from the other one. Whether its number was had before is for the caller to know.
    ///
    /// # Errors
    /// [`OpenError`]; the envelope is to be dropped.
    pub fn open(&self, envelope: &Envelope) -> Result<Opened, OpenError> {
        let parts = envelope.parts();
        if parts.version != VERSION {
            return Err(OpenError::Version);
        }
        let aad = associated_data(self.room, self.other, self.me, parts.sequence);
        let plaintext = XChaCha20Poly1305::new((&self.incoming).into())
            .decrypt(XNonce::from_slice(parts.nonce), Payload { msg: parts.ciphertext, aad: &aad })
            .map(Zeroizing::new)
            .map_err(|_| OpenError::Forged)?;
        Ok(match parts.sequence {
            // Only the other one could have sealed it: one that makes no sense is theirs to answer for, and acknowledges nothing.
            0 => Opened::Acknowledgement(Acknowledgement::decode(&plaintext).unwrap_or_default()),
            sequence => Opened::Message { sequence, message: PeerMessage::decode(&plaintext) },
        })
    }

    /// What shows the other one that our handshake is theirs: `own` is the certificate that we sent in it, `theirs` the one that
    /// came.
    pub fn confirmation(&self, own: CertificateDigest, theirs: CertificateDigest) -> ConfirmMac {
        let mac = keyed(&self.confirm, &[self.me.as_bytes(), own.as_bytes(), theirs.as_bytes()]);
        ConfirmMac::from_bytes(mac.finalize().into_bytes().into())
    }

    /// Whether the other one's confirmation fits the handshake that we saw.
    pub fn is_confirmed(&self, own: CertificateDigest, theirs: CertificateDigest, given: ConfirmMac) -> bool {
        let mac = keyed(&self.confirm, &[self.other.as_bytes(), theirs.as_bytes(), own.as_bytes()]);
        mac.verify_slice(given.as_bytes()).is_ok()
    }
}

impl fmt::Debug for PairKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PairKeys(..)")
    }
}

/// What an envelope is bound to besides its content.
fn associated_data(room: RoomId, from: PeerId, to: PeerId, sequence: u64) -> Vec<u8> {
    [AAD_LABEL, &[VERSION], room.as_bytes(), from.as_bytes(), to.as_bytes(), &sequence.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn room() -> RoomKeys {
        RoomKeys::from_parts(RoomId::from_bytes([7; 16]), [9; 32])
    }

    fn identity(secret: u8) -> Identity {
        Identity::from_secret([secret; 32])
    }

    fn between(from: u8, to: u8) -> PairKeys {
        PairKeys::new(&room(), &identity(from), identity(to).id()).unwrap()
    }

    fn hello(name: &str) -> PeerMessage {
        PeerMessage::hello(name)
    }

    #[test]
    fn what_one_seals_the_other_opens() {
        let (ada, ben) = (between(1, 2), between(2, 1));
        for (sequence, name) in (1..).zip(["Ada", "", "Grace 🙂"]) {
            let opened = ben.open(&ada.seal(sequence, &hello(name)).unwrap());
            assert_eq!(opened, Ok(Opened::Message { sequence, message: Some(hello(name)) }));
        }
        let received = Acknowledgement { received: 7, resend: true };
        assert_eq!(ada.open(&ben.seal_acknowledgement(received)), Ok(Opened::Acknowledgement(received)));
    }

    #[test]
    fn only_these_two_open_it_in_this_room_and_this_direction() {
        let envelope = between(1, 2).seal(1, &hello("Ada")).unwrap();
        assert_eq!(between(3, 1).open(&envelope), Err(OpenError::Forged), "a third member");
        assert_eq!(between(2, 3).open(&envelope), Err(OpenError::Forged), "said to come from a third member");
        assert_eq!(between(1, 2).open(&envelope), Err(OpenError::Forged), "reflected to its sender");
        let ben_elsewhere = |room, key| {
            let keys = RoomKeys::from_parts(RoomId::from_bytes([room; 16]), [key; 32]);
            PairKeys::new(&keys, &identity(2), identity(1).id()).unwrap()
        };
        assert_eq!(ben_elsewhere(8, 9).open(&envelope), Err(OpenError::Forged), "another room");
        assert_eq!(ben_elsewhere(7, 10).open(&envelope), Err(OpenError::Forged), "without the code");
        assert!(between(2, 1).open(&envelope).is_ok());
    }

    #[test]
    fn there_are_no_keys_with_oneself_or_with_a_weak_key() {
        let ada = identity(1);
        assert!(PairKeys::new(&room(), &ada, ada.id()).is_none());
        assert!(PairKeys::new(&room(), &ada, PeerId::from_bytes([0; 32])).is_none());
    }

    #[test]
    fn a_message_that_is_not_understood_keeps_its_number() {
        let (ada, ben) = (between(1, 2), between(2, 1));
        let envelope = ada.seal_bytes(5, Zeroizing::new(br#"{"type":"wave"}"#.to_vec())).unwrap();
        assert_eq!(ben.open(&envelope), Ok(Opened::Message { sequence: 5, message: None }));
    }

    #[test]
    fn lengths_do_not_tell_names_apart() {
        let ada = between(1, 2);
        let length = |message| ada.seal(1, &message).unwrap().as_bytes().len();
        let short = length(hello(""));
        assert_eq!(length(hello("A name of forty characters, give or take")), short);
        assert_eq!(length(PeerMessage::Goodbye), short);
        let acknowledged = ada.seal_acknowledgement(Acknowledgement::default());
        assert_eq!(acknowledged.as_bytes().len(), short);
    }

    #[test]
    fn a_message_that_is_too_large_is_not_sealed() {
        assert!(between(1, 2).seal(1, &hello(&"x".repeat(MAX_PLAINTEXT))).is_err());
    }

    #[test]
    fn a_handshake_with_somebody_between_is_not_confirmed() {
        let (ada, ben) = (between(1, 2), between(2, 1));
        let digest = |byte| CertificateDigest::from_bytes([byte; 32]);
        let (adas, bens, eves) = (digest(0x11), digest(0x22), digest(0x33));
        assert!(ben.is_confirmed(bens, adas, ada.confirmation(adas, bens)));
        assert!(ada.is_confirmed(adas, bens, ben.confirmation(bens, adas)));
        // Eve shook hands with both, and passes on what Ada says of hers.
        assert!(!ben.is_confirmed(bens, eves, ada.confirmation(adas, eves)));
        assert!(!ada.is_confirmed(adas, bens, ada.confirmation(adas, bens)), "reflected");
        let eve = between(3, 2);
        assert!(!ben.is_confirmed(bens, eves, eve.confirmation(eves, bens)), "another member, in Ada's name");
    }

    // Made by another implementation (libsodium) from the document's text.
    #[test]
    fn the_test_vectors_of_the_protocol_document_hold() {
        let document = include_str!("../../../docs/protocol.md");
        let keys = RoomKeys::derive(&"kqz4-m8tr-xp".parse().unwrap());
        let (ada, ben) = (identity(1), identity(2));
        let adas = PairKeys::new(&keys, &ada, ben.id()).unwrap();
        let bens = PairKeys::new(&keys, &ben, ada.id()).unwrap();
        let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
        let (low_high, high_low) = if ada.id() < ben.id() {
            (hex(&adas.outgoing), hex(&adas.incoming))
        } else {
            (hex(&adas.incoming), hex(&adas.outgoing))
        };
        let vector = format!(
            "id of 0x01… = {}\nid of 0x02… = {}\nlow_high    = {low_high}\nhigh_low    = {high_low}\nconfirm     = {}",
            ada.id(),
            ben.id(),
            hex(&adas.confirm)
        );
        assert!(document.contains(&vector), "{vector}");
        let line = document.lines().find_map(|line| line.strip_prefix("envelope    = ")).unwrap();
        let envelope = Envelope::try_from(line.trim().to_owned()).unwrap();
        assert_eq!(bens.open(&envelope), Ok(Opened::Message { sequence: 1, message: Some(hello("Ada")) }));
        let digest = |byte| CertificateDigest::from_bytes([byte; 32]);
        let mac = String::from(adas.confirmation(digest(0x11), digest(0x22)));
        assert!(document.contains(&format!("mac         = {mac}")), "{mac}");
    }

    proptest! {
        #[test]
        fn a_changed_byte_anywhere_is_noticed(position in any::<prop::sample::Index>(), flip in 1..=255u8) {
            let mut bytes = between(1, 2).seal(1, &hello("Ada")).unwrap().as_bytes().to_vec();
            let position = position.index(bytes.len());
            bytes[position] ^= flip;
            let refused = between(2, 1).open(&Envelope::from_bytes(bytes).unwrap());
            let expected = if position == 0 { OpenError::Version } else { OpenError::Forged };
            prop_assert_eq!(refused, Err(expected));
        }

        #[test]
        fn a_truncated_or_lengthened_envelope_is_refused(cut in 0..400usize, more in 0..20usize) {
            let mut bytes = between(1, 2).seal(1, &hello("Ada")).unwrap().as_bytes().to_vec();
            let whole = bytes.len();
            bytes.truncate(cut);
            bytes.resize(bytes.len() + more, 0);
            prop_assume!(bytes.len() != whole || cut < whole);
            if let Ok(envelope) = Envelope::from_bytes(bytes) {
                prop_assert_eq!(between(2, 1).open(&envelope), Err(OpenError::Forged));
            }
        }

        #[test]
        fn any_bytes_are_opened_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(envelope) = Envelope::from_bytes(bytes) {
                prop_assert!(between(2, 1).open(&envelope).is_err());
            }
        }
    }
}
