//! The control channel: what is understood means the same when it is said again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tincan_protocol::ControlMessage;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = ControlMessage::decode(bytes) {
        assert_eq!(ControlMessage::decode(message.encode().as_bytes()).unwrap(), message);
    }
});
