//! How a room is announced on the local network, and how a server proves that it holds the room.

use hkdf::Hkdf;
use sha2::{Digest, Sha256};

use crate::room_id::RoomId;

/// Keeps this hash apart from any other of a room id.
const LABEL: &[u8] = b"tincan mdns v1";
/// Keeps the proof apart from the keys that are made in the same way.
const PROOF_LABEL: &[u8] = b"tincan local proof v1";
/// Bytes of the number in an instance name that tells two servers with the same room apart.
pub const INSTANCE_LEN: usize = 4;
/// Where a program that hosts rooms answers whether one is there, below its address: followed by `/` and the room's
/// announcement name.
pub const LOCAL_ROOM_PATH: &str = "v2/rooms";

/// The name of a room on the local network: the first 16 bytes of SHA-256 over a label and the room id, as 32 hex digits.
/// Whoever sees it learns neither the room id nor the code, and cannot join.
pub fn announcement_name(room: RoomId) -> String {
    let digest = Sha256::new().chain_update(LABEL).chain_update(room.as_bytes()).finalize();
    data_encoding::HEXLOWER.encode(&digest[..16])
}

/// Shows that whoever answers knows the room id, without telling it: HKDF-SHA256 with the asker's `nonce` as salt, 32 bytes as
/// hex digits.
pub fn local_proof(room: RoomId, nonce: &[u8; 16]) -> String {
    let mut proof = [0; 32];
    Hkdf::<Sha256>::new(Some(nonce), room.as_bytes())
        .expand(PROOF_LABEL, &mut proof)
        .expect("HKDF-SHA256 gives up to 8,160 bytes");
    data_encoding::HEXLOWER.encode(&proof)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_stable_and_is_not_the_room_id() {
        let room = RoomId::from_bytes([0x2a; 16]);
        let document = include_str!("../../../docs/protocol.md");
        assert!(document.contains(&announcement_name(room)), "{}", announcement_name(room));
        assert_ne!(announcement_name(room), room.to_string());
        assert_eq!(announcement_name(room).len(), 32);
    }

    #[test]
    fn a_proof_is_of_one_room_and_one_question() {
        let room = RoomId::from_bytes([0x2a; 16]);
        let proof = local_proof(room, &[1; 16]);
        let document = include_str!("../../../docs/protocol.md");
        assert!(document.contains(&proof), "{proof}");
        assert_ne!(proof, local_proof(room, &[2; 16]));
        assert_ne!(proof, local_proof(RoomId::from_bytes([0x2b; 16]), &[1; 16]));
    }
}
