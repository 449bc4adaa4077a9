//! Who a participant is for one stay in a room, and how a server and the others know that it is them.

use std::fmt;

use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use thiserror::Error;
use x25519_dalek::{PublicKey, SharedSecret, StaticSecret};

use crate::peer_id::PeerId;
use crate::room_id::RoomId;

/// Keeps the key of this proof apart from any other use of the same exchange.
const JOIN_LABEL: &[u8] = b"tincan join v2";

/// The secret key behind a [`PeerId`], made anew for every stay. `Debug` does not show it, and it is wiped when dropped.
#[derive(Clone)]
pub struct Identity {
    secret: StaticSecret,
    id: PeerId,
}

impl Identity {
    /// A new one from the operating system's random source.
    pub fn random() -> Self {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).expect("every supported system has a random source");
        Self::from_secret(secret)
    }

    /// The one with this secret key: for tests, and for test vectors.
    pub fn from_secret(secret: [u8; 32]) -> Self {
        let secret = StaticSecret::from(secret);
        let id = PeerId::from_bytes(PublicKey::from(&secret).to_bytes());
        Self { secret, id }
    }

    /// The public key, by which the others know this participant.
    pub const fn id(&self) -> PeerId {
        self.id
    }

    /// What shows a server that this participant has the secret of [`Identity::id`]. `None` when the server's challenge is no
    /// key that an exchange can be made with.
    pub fn prove(&self, room: RoomId, challenge: Challenge) -> Option<JoinProof> {
        Some(JoinProof(
            proof(&self.exchange(&challenge.0)?, room, self.id, challenge).finalize().into_bytes().into(),
        ))
    }

    /// The secret shared with the owner of `public`; `None` for the few keys with which there is none (RFC 7748, 6.1).
    pub(crate) fn exchange(&self, public: &[u8; 32]) -> Option<SharedSecret> {
        let shared = self.secret.diffie_hellman(&PublicKey::from(*public));
        shared.was_contributory().then_some(shared)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(..)")
    }
}

/// The server's half: one for every connection.
pub struct ChallengeSecret {
    secret: StaticSecret,
    challenge: Challenge,
}

impl ChallengeSecret {
    /// A new one from the operating system's random source.
    pub fn random() -> Self {
        let identity = Identity::random();
        Self { challenge: Challenge(*identity.id.as_bytes()), secret: identity.secret }
    }

    /// What the client is told.
    pub const fn challenge(&self) -> Challenge {
        self.challenge
    }

    /// Whether whoever sent `given` has the secret of `peer`, in a time that does not tell where a wrong one differs.
    pub fn is_proven(&self, room: RoomId, peer: PeerId, given: &JoinProof) -> bool {
        let shared = self.secret.diffie_hellman(&PublicKey::from(*peer.as_bytes()));
        shared.was_contributory() && proof(&shared, room, peer, self.challenge).verify_slice(&given.0).is_ok()
    }
}

impl fmt::Debug for ChallengeSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChallengeSecret(..)")
    }
}

fn proof(shared: &SharedSecret, room: RoomId, peer: PeerId, challenge: Challenge) -> Hmac<Sha256> {
    let mut key = zeroize::Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(None, shared.as_bytes())
        .expand(JOIN_LABEL, key.as_mut())
        .expect("32 bytes are in HKDF's range");
    keyed(&key, &[room.as_bytes(), peer.as_bytes(), &challenge.0])
}

/// HMAC-SHA256 over the parts, one after the other.
pub(crate) fn keyed(key: &[u8; 32], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac
}

/// Why a text is not the fixed number of hex digits that it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("64 lowercase hex digits are wanted")]
pub struct ParseHexError;

macro_rules! hex_of_32_bytes {
    ($(#[$meta:meta])+ $name:ident) => {
        $(#[$meta])+
        #[derive(Clone, Copy, serde::Serialize, serde::Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name([u8; 32]);

        impl $name {
            /// The one with these bytes.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        // In a time that does not tell where two differ.
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                subtle::ConstantTimeEq::ct_eq(&self.0[..], &other.0[..]).into()
            }
        }

        impl Eq for $name {}

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::ParseHexError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).map_err(|_| $crate::ParseHexError)?;
                Ok(Self(bytes.try_into().map_err(|_| $crate::ParseHexError)?))
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::ParseHexError;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                data_encoding::HEXLOWER.encode(&value.0)
            }
        }
    };
}
pub(crate) use hex_of_32_bytes;

hex_of_32_bytes! {
    /// A server's public key (X25519) for one connection, as 64 hex digits.
    Challenge
}
hex_of_32_bytes! {
    /// Shows that whoever joins has the secret of their peer id; 64 hex digits.
    JoinProof
}
hex_of_32_bytes! {
    /// Shows that a finished handshake is the one between two participants, and that nobody stands between them; 64 hex digits.
    ConfirmMac
}
hex_of_32_bytes! {
    /// SHA-256 of a certificate's DER form, as the finished DTLS handshake saw it.
    CertificateDigest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::RoomKeys;

    const ROOM: RoomId = RoomId::from_bytes([7; 16]);

    #[test]
    fn whoever_has_the_secret_proves_it_for_one_room_and_one_connection() {
        let (ada, eve) = (Identity::random(), Identity::random());
        let server = ChallengeSecret::random();
        let proof = ada.prove(ROOM, server.challenge()).unwrap();
        assert!(server.is_proven(ROOM, ada.id(), &proof));
        assert!(!server.is_proven(RoomId::from_bytes([8; 16]), ada.id(), &proof), "another room");
        assert!(!server.is_proven(ROOM, eve.id(), &proof), "another peer");
        assert!(!ChallengeSecret::random().is_proven(ROOM, ada.id(), &proof), "another connection");
        let forged = eve.prove(ROOM, server.challenge()).unwrap();
        assert!(!server.is_proven(ROOM, ada.id(), &forged));
    }

    #[test]
    fn keys_that_make_every_exchange_the_same_are_refused() {
        // Zero, one and a point of order eight (RFC 7748, 6.1): what comes out is zero whatever the secret is.
        let order_eight = "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800";
        let mut one = [0; 32];
        one[0] = 1;
        for weak in [[0; 32], one, *order_eight.parse::<PeerId>().unwrap().as_bytes()] {
            assert!(Identity::random().exchange(&weak).is_none());
            assert!(Identity::random().prove(ROOM, Challenge(weak)).is_none());
            let server = ChallengeSecret::random();
            let peer = PeerId::from_bytes(weak);
            let of_zero = keyed(
                &{
                    let mut key = [0; 32];
                    Hkdf::<Sha256>::new(None, &[0; 32]).expand(JOIN_LABEL, &mut key).unwrap();
                    key
                },
                &[ROOM.as_bytes(), &weak, server.challenge().as_bytes()],
            );
            let proof = JoinProof(of_zero.finalize().into_bytes().into());
            assert!(!server.is_proven(ROOM, peer, &proof), "everybody could make this proof");
        }
    }

    // Made by another implementation (libsodium) from the document's text.
    #[test]
    fn the_test_vector_of_the_protocol_document_holds() {
        let document = include_str!("../../../docs/protocol.md");
        let room = RoomKeys::derive(&"kqz4-m8tr-xp".parse().unwrap()).room_id();
        let server = Identity::from_secret([3; 32]);
        let challenge = Challenge(*server.id().as_bytes());
        let proof = Identity::from_secret([1; 32]).prove(room, challenge).unwrap();
        let vector =
            format!("S           = {}\nproof       = {}", String::from(challenge), String::from(proof));
        assert!(document.contains(&vector), "{vector}");
    }

    #[test]
    fn debug_shows_no_secret_and_no_proof() {
        let ada = Identity::from_secret([5; 32]);
        let proof = ada.prove(ROOM, Challenge(*Identity::random().id().as_bytes())).unwrap();
        assert_eq!(format!("{ada:?} {proof:?}"), "Identity(..) JoinProof(..)");
    }
}
