//! Both directions of the signalling socket.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tincan_protocol::{ClientMessage, ServerMessage};

fuzz_target!(|text: &str| {
    if let Ok(message) = ClientMessage::decode(text) {
        let said = message.encode();
        assert_eq!(ClientMessage::decode(&said).unwrap().encode(), said);
    }
    if let Ok(message) = ServerMessage::decode(text) {
        let said = message.encode();
        assert_eq!(ServerMessage::decode(&said).unwrap().encode(), said);
    }
});
