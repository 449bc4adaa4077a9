//! What is inside an envelope, by whoever has the code: what is understood means the same when it is sealed, opened and
//! said again, and a session takes it in whatever order it comes.
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use tincan_call::{Input, Session, SessionConfig};
use tincan_protocol::{Opener, PeerId, PeerMessage, RoomId, RoomKeys, Sealer};

fuzz_target!(|words: Vec<(u16, u8, &[u8])>| {
    let keys = RoomKeys::from_parts(RoomId::from_bytes([7; 16]), [9; 32]);
    let me = PeerId::from_bytes([2; 8]);
    let mut opener = Opener::new(&keys, me);
    let mut now = Instant::now();
    let mut session = Session::new(SessionConfig::new(me), now);
    for (pause, from, bytes) in words {
        now += Duration::from_millis(u64::from(pause));
        let from = PeerId::from_bytes([from % 4; 8]);
        session.handle(now, Input::PeerJoined(from));
        if let Some(message) = PeerMessage::decode(bytes) {
            // Each a stay of its own, whose numbers begin anew: only the first envelope of each opens.
            if let Ok(envelope) = Sealer::new(&keys, from).seal(me, &message)
                && let Ok(opened) = opener.open(from, &envelope)
            {
                assert_eq!(opened, message);
            }
            session.handle(now, Input::Message { from, message });
        }
        while session.poll().is_some() {}
        // A few things are due at once at most; a session that is never done would stop the call.
        for _ in 0..100 {
            let Some(at) = session.poll_timeout().filter(|at| *at <= now) else { break };
            session.handle(at.max(now), Input::Timeout);
            while session.poll().is_some() {}
        }
        assert!(session.poll_timeout().is_none_or(|at| at > now), "a timeout stays in the past");
    }
});
