//! Envelopes: nothing that was changed on the way opens, whatever was changed. (What is inside: `message`.)
#![no_main]

use libfuzzer_sys::fuzz_target;
use tincan_protocol::{Envelope, MAX_NAME_LEN, Opener, PeerId, PeerMessage, RoomId, RoomKeys, Sealer};

fuzz_target!(|input: (&[u8], u16, u8, &str)| {
    let (bytes, at, change, name) = input;
    let keys = RoomKeys::from_parts(RoomId::from_bytes([7; 16]), [9; 32]);
    let (ada, ben) = (PeerId::from_bytes([1; 8]), PeerId::from_bytes([2; 8]));
    let mut opener = Opener::new(&keys, ben);
    if let Ok(envelope) = Envelope::from_bytes(bytes.to_vec()) {
        assert!(opener.open(ada, &envelope).is_err(), "nobody without the key makes one that opens");
    }
    if name.len() > MAX_NAME_LEN {
        return;
    }
    let Ok(sealed) = Sealer::new(&keys, ada).seal(ben, &PeerMessage::Hello { name: name.to_owned() }) else { return };
    let mut changed = sealed.as_bytes().to_vec();
    let at = usize::from(at) % changed.len();
    changed[at] ^= change;
    let opened = opener.open(ada, &Envelope::from_bytes(changed).unwrap());
    assert_eq!(opened.is_ok(), change == 0);
});
