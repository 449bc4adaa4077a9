//! Sealing what participants say to each other, so that the server between them can neither read nor change it.

use std::collections::HashMap;
use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::keys::RoomKeys;
use crate::message::PeerMessage;
use crate::peer_id::PeerId;
use crate::room_id::RoomId;

/// The layout's version: the envelope's first byte.
const VERSION: u8 = 1;
/// Keeps these associated data apart from those of any other use of the key.
const AAD_LABEL: &[u8] = b"tincan envelope v1";
const SEQUENCE_LEN: usize = 8;
const NONCE_LEN: usize = 24;
const TAG_LEN: usize = 16;
const HEADER_LEN: usize = 1 + SEQUENCE_LEN + NONCE_LEN;
/// Plaintexts are filled up to a multiple of this with spaces, which JSON ignores, so that a length tells neither how
/// long a name is nor one candidate from another.
const PADDING: usize = 256;
/// Largest plaintext. The largest real message, an offer with many codecs, is about 8 KiB; in base64 and JSON this
/// stays below the server's 64 KiB a message.
pub(crate) const MAX_PLAINTEXT: usize = 40 * 1024;
const MAX_LEN: usize = HEADER_LEN + MAX_PLAINTEXT + TAG_LEN;
const MIN_LEN: usize = HEADER_LEN + TAG_LEN;

/// A sealed message: version (1 byte), sequence (8, big endian), nonce (24), ciphertext and tag. In JSON it is
/// base64url without padding.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Envelope(Vec<u8>);

impl Envelope {
    /// The envelope with these bytes.
    ///
    /// # Errors
    /// [`EnvelopeError`] when it is shorter or longer than any envelope. What is inside is not looked at.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, EnvelopeError> {
        if (MIN_LEN..=MAX_LEN).contains(&bytes.len()) { Ok(Self(bytes)) } else { Err(EnvelopeError) }
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Envelope({} bytes)", self.0.len())
    }
}

/// The text is no envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an envelope is {MIN_LEN} to {MAX_LEN} bytes in base64url without padding")]
pub struct EnvelopeError;

impl TryFrom<String> for Envelope {
    type Error = EnvelopeError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::from_bytes(BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| EnvelopeError)?)
    }
}

impl From<Envelope> for String {
    fn from(envelope: Envelope) -> Self {
        BASE64URL_NOPAD.encode(&envelope.0)
    }
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
    /// Not sealed with this room's key by this sender for us, or changed on the way.
    #[error("an envelope that does not open")]
    Forged,
    /// Opened, but its sequence number is not above the last one from this sender.
    #[error("an envelope that was received before")]
    Replayed,
    /// Opened, but says nothing that this version knows.
    #[error("an envelope with a message that cannot be read")]
    Unreadable,
}

/// Seals what one participant sends, for one stay in a room.
pub struct Sealer {
    cipher: XChaCha20Poly1305,
    room: RoomId,
    from: PeerId,
    /// The last sequence number used for each receiver. Never forgotten during a stay: a number must not come again.
    sequences: HashMap<PeerId, u64>,
}

impl Sealer {
    /// For messages from `from`, which must be a fresh id for every stay: the sequence numbers start anew.
    pub fn new(keys: &RoomKeys, from: PeerId) -> Self {
        Self { cipher: cipher(keys), room: keys.room_id(), from, sequences: HashMap::new() }
    }

    /// Seals a message for one receiver.
    ///
    /// # Errors
    /// [`SealError`] when the message is larger than an envelope holds.
    pub fn seal(&mut self, to: PeerId, message: &PeerMessage) -> Result<Envelope, SealError> {
        let mut plaintext = Zeroizing::new(message.encode());
        let padded = plaintext.len().next_multiple_of(PADDING);
        if padded > MAX_PLAINTEXT {
            return Err(SealError(plaintext.len()));
        }
        plaintext.resize(padded, b' ');
        let sequence = self.sequences.entry(to).or_insert(0);
        *sequence += 1;
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).expect("every supported system has a random source");
        let aad = associated_data(self.room, self.from, to, *sequence);
        let ciphertext = self
            .cipher
            .encrypt(XNonce::from_slice(&nonce), Payload { msg: &plaintext, aad: &aad })
            .expect("the plaintext is far below the cipher's limit");
        let mut bytes = Vec::with_capacity(HEADER_LEN + ciphertext.len());
        bytes.push(VERSION);
        bytes.extend_from_slice(&sequence.to_be_bytes());
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&ciphertext);
        Ok(Envelope(bytes))
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(..)")
    }
}

/// Opens what one participant receives, for one stay in a room.
pub struct Opener {
    cipher: XChaCha20Poly1305,
    room: RoomId,
    to: PeerId,
    /// The last sequence number taken from each sender. Only envelopes that opened add to it, so whoever does not
    /// know the code cannot make it grow.
    sequences: HashMap<PeerId, u64>,
}

impl Opener {
    /// For messages to `to`.
    pub fn new(keys: &RoomKeys, to: PeerId) -> Self {
        Self { cipher: cipher(keys), room: keys.room_id(), to, sequences: HashMap::new() }
    }

    /// Opens an envelope that the server says came from `from`.
    ///
    /// # Errors
    /// [`OpenError`]; the envelope is to be dropped. After an error everything else still opens.
    pub fn open(&mut self, from: PeerId, envelope: &Envelope) -> Result<PeerMessage, OpenError> {
        let (header, ciphertext) = envelope.0.split_at_checked(HEADER_LEN).ok_or(OpenError::Forged)?;
        let (version, rest) = header.split_first().ok_or(OpenError::Forged)?;
        if *version != VERSION {
            return Err(OpenError::Version);
        }
        let (sequence, nonce) = rest.split_at(SEQUENCE_LEN);
        let sequence = u64::from_be_bytes(sequence.try_into().expect("split at eight bytes"));
        let aad = associated_data(self.room, from, self.to, sequence);
        let plaintext = self
            .cipher
            .decrypt(XNonce::from_slice(nonce), Payload { msg: ciphertext, aad: &aad })
            .map(Zeroizing::new)
            .map_err(|_| OpenError::Forged)?;
        let last = self.sequences.entry(from).or_insert(0);
        if sequence <= *last {
            return Err(OpenError::Replayed);
        }
        *last = sequence;
        PeerMessage::decode(&plaintext).ok_or(OpenError::Unreadable)
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opener(..)")
    }
}

fn cipher(keys: &RoomKeys) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(keys.signal_key().into())
}

/// What an envelope is bound to besides its content.
fn associated_data(room: RoomId, from: PeerId, to: PeerId, sequence: u64) -> Vec<u8> {
    let mut aad = Vec::with_capacity(AAD_LABEL.len() + 1 + 16 + 8 + 8 + 8);
    aad.extend_from_slice(AAD_LABEL);
    aad.push(VERSION);
    aad.extend_from_slice(room.as_bytes());
    aad.extend_from_slice(from.as_bytes());
    aad.extend_from_slice(to.as_bytes());
    aad.extend_from_slice(&sequence.to_be_bytes());
    aad
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const A: PeerId = PeerId::from_bytes([1; 8]);
    const B: PeerId = PeerId::from_bytes([2; 8]);
    const C: PeerId = PeerId::from_bytes([3; 8]);

    fn keys() -> RoomKeys {
        RoomKeys::from_parts(RoomId::from_bytes([7; 16]), [9; 32])
    }

    fn pair() -> (Sealer, Opener) {
        (Sealer::new(&keys(), A), Opener::new(&keys(), B))
    }

    fn hello(name: &str) -> PeerMessage {
        PeerMessage::Hello { name: name.to_owned() }
    }

    #[test]
    fn what_is_sealed_opens_in_order() {
        let (mut sealer, mut opener) = pair();
        for name in ["Ada", "", "Grace 🙂"] {
            let envelope = sealer.seal(B, &hello(name)).unwrap();
            assert_eq!(opener.open(A, &envelope), Ok(hello(name)));
        }
    }

    #[test]
    fn a_replayed_or_reordered_envelope_is_refused() {
        let (mut sealer, mut opener) = pair();
        let first = sealer.seal(B, &hello("1")).unwrap();
        let second = sealer.seal(B, &hello("2")).unwrap();
        let third = sealer.seal(B, &hello("3")).unwrap();
        assert!(opener.open(A, &second).is_ok());
        assert_eq!(opener.open(A, &second), Err(OpenError::Replayed));
        assert_eq!(opener.open(A, &first), Err(OpenError::Replayed));
        assert!(opener.open(A, &third).is_ok(), "a gap is no reason to refuse what follows");
    }

    #[test]
    fn an_envelope_opens_only_in_its_room_from_its_sender_for_its_receiver() {
        let (mut sealer, mut opener) = pair();
        let envelope = sealer.seal(B, &hello("Ada")).unwrap();
        assert_eq!(opener.open(C, &envelope), Err(OpenError::Forged));
        assert_eq!(Opener::new(&keys(), C).open(A, &envelope), Err(OpenError::Forged));
        assert_eq!(
            Opener::new(&keys(), A).open(B, &envelope),
            Err(OpenError::Forged),
            "not reflected to its sender"
        );
        let other_room = RoomKeys::from_parts(RoomId::from_bytes([8; 16]), [9; 32]);
        assert_eq!(Opener::new(&other_room, B).open(A, &envelope), Err(OpenError::Forged));
        let other_key = RoomKeys::from_parts(RoomId::from_bytes([7; 16]), [10; 32]);
        assert_eq!(Opener::new(&other_key, B).open(A, &envelope), Err(OpenError::Forged));
        assert!(opener.open(A, &envelope).is_ok(), "failed attempts take nothing away");
    }

    #[test]
    fn a_participant_that_comes_back_under_a_new_id_starts_a_new_sequence() {
        let (mut sealer, mut opener) = pair();
        for _ in 0..5 {
            let envelope = sealer.seal(B, &hello("Ada")).unwrap();
            opener.open(A, &envelope).unwrap();
        }
        let envelope = Sealer::new(&keys(), C).seal(B, &hello("Ada")).unwrap();
        assert!(opener.open(C, &envelope).is_ok());
        let again = Sealer::new(&keys(), A).seal(B, &hello("Ada")).unwrap();
        assert_eq!(
            opener.open(A, &again),
            Err(OpenError::Replayed),
            "the old id with an old number is a replay"
        );
    }

    #[test]
    fn lengths_do_not_tell_names_apart() {
        let (mut sealer, _) = pair();
        let length = |envelope: Envelope| envelope.as_bytes().len();
        let short = length(sealer.seal(B, &hello("")).unwrap());
        assert_eq!(
            length(sealer.seal(B, &hello("A name of forty characters, give or take")).unwrap()),
            short
        );
        assert_eq!(length(sealer.seal(B, &PeerMessage::Goodbye).unwrap()), short);
    }

    #[test]
    fn a_message_that_is_too_large_is_not_sealed() {
        let (mut sealer, _) = pair();
        assert!(sealer.seal(B, &hello(&"x".repeat(MAX_PLAINTEXT))).is_err());
    }

    // Made by another implementation (libsodium and the reference Argon2) from the document's text.
    #[test]
    fn the_test_vector_of_the_protocol_document_opens() {
        let document = include_str!("../../../docs/protocol.md");
        let line = document.lines().find_map(|line| line.strip_prefix("envelope   = ")).unwrap();
        let envelope = Envelope::try_from(line.trim().to_owned()).unwrap();
        let keys = RoomKeys::derive(&"kqz4-m8tr-xp".parse().unwrap());
        let from = "0102030405060708".parse().unwrap();
        let to = "1112131415161718".parse().unwrap();
        assert_eq!(Opener::new(&keys, to).open(from, &envelope), Ok(hello("Ada")));
    }

    proptest! {
        #[test]
        fn a_changed_byte_anywhere_is_noticed(position in any::<prop::sample::Index>(), flip in 1..=255u8) {
            let (mut sealer, mut opener) = pair();
            let mut bytes = sealer.seal(B, &hello("Ada")).unwrap().0;
            let position = position.index(bytes.len());
            bytes[position] ^= flip;
            let refused = opener.open(A, &Envelope::from_bytes(bytes).unwrap());
            let expected = if position == 0 { OpenError::Version } else { OpenError::Forged };
            prop_assert_eq!(refused, Err(expected));
        }

        #[test]
        fn a_truncated_or_lengthened_envelope_is_refused(cut in 0..400usize, more in 0..20usize) {
            let (mut sealer, mut opener) = pair();
            let mut bytes = sealer.seal(B, &hello("Ada")).unwrap().0;
            let whole = bytes.len();
            bytes.truncate(cut);
            bytes.resize(bytes.len() + more, 0);
            prop_assume!(bytes.len() != whole || cut < whole);
            if let Ok(envelope) = Envelope::from_bytes(bytes) {
                prop_assert_eq!(opener.open(A, &envelope), Err(OpenError::Forged));
            }
        }

        #[test]
        fn any_bytes_are_opened_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(envelope) = Envelope::from_bytes(bytes) {
                let (_, mut opener) = pair();
                prop_assert!(opener.open(A, &envelope).is_err());
            }
        }

        #[test]
        fn any_text_is_read_without_panic(text in ".{0,200}") {
            let _ = Envelope::try_from(text);
        }
    }
}
