//! The keys that a room code stands for.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::room_code::RoomCode;
use crate::room_id::RoomId;

/// Argon2's salt. It is the same for every room because the code is all that two people share; codes are random, so
/// a table made for this salt is of use against codes only at the full price of trying them all.
const SALT: &[u8] = b"tincan room v1";
/// 64 MiB: what RFC 9106 (4, "second recommended option") takes for memory-constrained machines.
const MEMORY_KIB: u32 = 64 * 1024;
/// RFC 9106's passes for that memory.
const PASSES: u32 = 3;
/// One lane instead of RFC 9106's four, so that every implementation, single-threaded ones too, takes the same time.
const LANES: u32 = 1;
/// HKDF's labels.
const ROOM_ID_LABEL: &[u8] = b"tincan room id v1";
const SIGNAL_KEY_LABEL: &[u8] = b"tincan signal key v1";

/// What a room code stands for: the id that the server sees, and the key that it does not.
///
/// `Debug` shows nothing, and it is wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct RoomKeys {
    #[zeroize(skip)]
    room_id: RoomId,
    signal_key: [u8; 32],
}

impl RoomKeys {
    /// Derives the keys: Argon2id over the code, then HKDF-SHA256.
    ///
    /// Takes about a tenth of a second and 64 MiB on purpose: call it on a blocking thread.
    pub fn derive(code: &RoomCode) -> Self {
        let params =
            Params::new(MEMORY_KIB, PASSES, LANES, Some(32)).expect("the parameters are in Argon2's range");
        let mut room_key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(code.symbols(), SALT, room_key.as_mut())
            .expect("lengths of code, salt and key are in Argon2's range");
        let hkdf = Hkdf::<Sha256>::new(None, room_key.as_ref());
        let mut room_id = [0; 16];
        let mut signal_key = [0; 32];
        hkdf.expand(ROOM_ID_LABEL, &mut room_id).expect("16 bytes are in HKDF's range");
        hkdf.expand(SIGNAL_KEY_LABEL, &mut signal_key).expect("32 bytes are in HKDF's range");
        Self { room_id: RoomId::from_bytes(room_id), signal_key }
    }

    /// Keys with these values: for tests, and for whoever derived them elsewhere.
    pub fn from_parts(room_id: RoomId, signal_key: [u8; 32]) -> Self {
        Self { room_id, signal_key }
    }

    /// What the server knows the room by.
    pub fn room_id(&self) -> RoomId {
        self.room_id
    }

    /// The key that envelopes are sealed with.
    pub(crate) fn signal_key(&self) -> &[u8; 32] {
        &self.signal_key
    }
}

impl fmt::Debug for RoomKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RoomKeys(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_vectors_of_the_protocol_document_hold() {
        let document = include_str!("../../../docs/protocol.md");
        for code in ["kqz4-m8tr-xp", "kqz4-m8tr-xp01-2345-6789"] {
            let keys = RoomKeys::derive(&code.parse().unwrap());
            let key = data_encoding::HEXLOWER.encode(keys.signal_key());
            let vector = format!("room_id    = {}\nsignal_key = {key}", keys.room_id());
            let (_, after) = document.split_once(&format!("code `{code}`:\n\n```\n")).unwrap();
            assert!(after.starts_with(&vector), "{code}: {vector}");
            assert_eq!(format!("{keys:?}"), "RoomKeys(..)");
        }
    }
}
