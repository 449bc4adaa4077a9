//! The channels of games, by whoever is in the room: what is understood means the same when it is said again, and a game takes
//! it in whatever order it comes, says nothing that others do not understand, and comes to an end.
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use tincan_protocol::{GameKind, GameMessage, PeerId, RoundsMessage, Turn};
use tincan_share::GameInput;
use tincan_share::play::{Bot, Play};

/// More than this is never told at once: a table, a wish, and a round of two minutes in as many parts as it can have.
const MAX_TOLD: usize = 32;

fuzz_target!(|words: Vec<(u8, u8, &[u8])>| {
    let id = |byte: u8| PeerId::from_bytes([byte % 5; 32]);
    let mut now = Instant::now();
    let mut play = Play::new(id(0));
    for (deed, from, bytes) in words {
        let peer = id(from);
        if let Ok(message) = GameMessage::decode(bytes) {
            assert_eq!(GameMessage::decode(message.encode().as_bytes()).unwrap(), message);
        }
        if let Ok(message) = RoundsMessage::decode(bytes) {
            assert_eq!(RoundsMessage::decode(message.encode().as_bytes()).unwrap(), message);
        }
        match deed % 16 {
            0 => play.handle(now, GameInput::Left(peer)),
            1 | 2 => play.handle(now, GameInput::LinkOpened(peer)),
            3 => play.handle(now, GameInput::LinkClosed(peer)),
            4 => drop(play.offer(now, GameKind::Curves, u64::from(from))),
            5 => {
                let game = play.offers().next().map_or(0, |(_, table)| table.game);
                let _ = play.join(now, game, from > 127);
            }
            6 => drop(play.start(now)),
            7 => drop(play.leave()),
            8 => play.steer(if from > 127 { Turn::Left } else { Turn::Right }),
            9 => play.set_bot(Bot::new(u64::from(from))),
            10 => now += Duration::from_millis(u64::from(from) * 16),
            11 | 12 => play.handle(now, GameInput::Game { peer, bytes: bytes.to_vec() }),
            _ => play.handle(now, GameInput::Rounds { peer, bytes: bytes.to_vec() }),
        }
        for _ in 0..20 {
            if play.poll_timeout().is_none_or(|timeout| timeout > now) {
                break;
            }
            play.handle_timeout(now);
        }
        while play.poll().is_some() {}
        while let Some((_, message)) = play.poll_datagram() {
            assert_eq!(GameMessage::decode(message.encode().as_bytes()).as_ref(), Ok(&message));
        }
        let _ = play.frame(now);
        for linked in play.linked().collect::<Vec<_>>() {
            let mut told = 0;
            play.tell(linked, |message| {
                told += 1;
                assert!(told < MAX_TOLD);
                assert_eq!(RoundsMessage::decode(message.encode().as_bytes()).as_ref(), Ok(message));
                true
            });
        }
    }
});
