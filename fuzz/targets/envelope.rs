//! Envelopes: nothing that was changed on the way opens, whatever was changed. (What is inside: `message`.)
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tincan_protocol::{Acknowledgement, Envelope, Identity, Opened, PairKeys, PeerMessage, RoomId, RoomKeys};

/// What Ada and Ben share, as each has it.
static PAIR: LazyLock<(PairKeys, PairKeys)> = LazyLock::new(|| {
    let keys = RoomKeys::from_parts(RoomId::from_bytes([7; 16]), [9; 32]);
    let (ada, ben) = (Identity::from_secret([1; 32]), Identity::from_secret([2; 32]));
    let between = |one, other: &Identity| PairKeys::new(&keys, one, other.id()).unwrap();
    (between(&ada, &ben), between(&ben, &ada))
});

fuzz_target!(|input: (&[u8], u16, u8, u64, &str)| {
    let (bytes, at, change, sequence, name) = input;
    let (ada, ben) = &*PAIR;
    if let Ok(envelope) = Envelope::from_bytes(bytes.to_vec()) {
        assert!(ben.open(&envelope).is_err(), "nobody without the key makes one that opens");
    }
    let message = PeerMessage::hello(name);
    let (sealed, said) = if sequence == 0 {
        let acknowledgement = Acknowledgement { received: u64::from(at), resend: change % 2 == 1 };
        (ada.seal_acknowledgement(acknowledgement), Opened::Acknowledgement(acknowledgement))
    } else {
        let Ok(sealed) = ada.seal(sequence, &message) else { return };
        // A name that is too long makes no sense, and has its number all the same.
        (sealed, Opened::Message { sequence, message: PeerMessage::decode(&message.encode()) })
    };
    let mut changed = sealed.as_bytes().to_vec();
    let at = usize::from(at) % changed.len();
    changed[at] ^= change;
    let opened = ben.open(&Envelope::from_bytes(changed).unwrap());
    assert_eq!(opened.ok(), (change == 0).then_some(said));
});
