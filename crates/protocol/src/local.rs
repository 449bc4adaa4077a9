//! How a room is announced on the local network.

use sha2::{Digest, Sha256};

use crate::room_id::RoomId;

/// Keeps this hash apart from any other of a room id.
const LABEL: &[u8] = b"tincan mdns v1";

/// The mDNS instance name of a room: the first 16 bytes of SHA-256 over a label and the room id, as 32 hex digits.
/// Whoever sees it learns neither the room id nor the code, and cannot join.
pub fn announcement_name(room: RoomId) -> String {
    let digest = Sha256::new().chain_update(LABEL).chain_update(room.as_bytes()).finalize();
    data_encoding::HEXLOWER.encode(&digest[..16])
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
}
