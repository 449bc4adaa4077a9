//! What is inside an envelope, by whoever has the code: what is understood means the same when it is sealed, opened and
//! said again, and a session takes it in whatever order it comes.
#![no_main]

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use tincan_call::{Input, Session, SessionConfig};
use tincan_protocol::{Identity, Opened, PairKeys, PeerId, PeerMessage, RoomId, RoomKeys};

/// Who the session is, and three others with what they share with it, as each side has it.
struct Room {
    keys: RoomKeys,
    me: Identity,
    others: Vec<(PeerId, PairKeys, PairKeys)>,
}

static ROOM: LazyLock<Room> = LazyLock::new(|| {
    let keys = RoomKeys::from_parts(RoomId::from_bytes([7; 16]), [9; 32]);
    let me = Identity::from_secret([1; 32]);
    let others = (2..=4).map(|secret| {
        let other = Identity::from_secret([secret; 32]);
        let theirs = PairKeys::new(&keys, &other, me.id()).unwrap();
        (other.id(), theirs, PairKeys::new(&keys, &me, other.id()).unwrap())
    });
    let others = others.collect();
    Room { keys, me, others }
});

fuzz_target!(|words: Vec<(u16, u8, &[u8])>| {
    let room = &*ROOM;
    let mut now = Instant::now();
    let mut session = Session::new(SessionConfig::new(room.keys.clone(), room.me.clone()), now);
    for (sequence, (pause, from, bytes)) in (1..).zip(words) {
        now += Duration::from_millis(u64::from(pause));
        // A server may also say that somebody is there who is us.
        let other = room.others.get(usize::from(from) % 4);
        let from = other.map_or(room.me.id(), |(id, ..)| *id);
        session.handle(now, Input::PeerJoined(from));
        if let Some(message) = PeerMessage::decode(bytes) {
            if let Some((_, theirs, ours)) = other
                && let Ok(envelope) = theirs.seal(sequence, &message)
            {
                let said = Opened::Message { sequence, message: Some(message.clone()) };
                assert_eq!(ours.open(&envelope), Ok(said));
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
