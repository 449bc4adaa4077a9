//! Draw and guess, by whoever is in the room: what is understood means the same when it is said again, and a game takes it in
//! whatever order it comes, says nothing that others do not understand, keeps to its bounds and comes to an end.
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use tincan_protocol::{
    Color, InkKind, MAX_SHEET, PeerId, Point, SketchInk, SketchLanguage, SketchMessage, Style,
    answer_letters, is_close, is_same_answer,
};
use tincan_share::GameInput;
use tincan_share::sketch::{Sketch, SketchBot};

/// More than this is never told at once: a state, a wish, a few hundred guesses, and a full sheet.
const MAX_TOLD: usize = MAX_SHEET + 600;

fuzz_target!(|words: Vec<(u8, u8, &[u8])>| {
    let id = |byte: u8| PeerId::from_bytes([byte % 5; 32]);
    let mut now = Instant::now();
    let mut sketch = Sketch::new(id(0), [7; 32]);
    let style = Style { color: Color([0; 3]), fill: None, width: 40, size: 160 };
    for (deed, from, bytes) in words {
        let peer = id(from);
        if let Ok(message) = SketchMessage::decode(bytes) {
            assert_eq!(SketchMessage::decode(message.encode().as_bytes()).unwrap(), message);
        }
        if let Ok(message) = SketchInk::decode(bytes) {
            assert_eq!(SketchInk::decode(message.encode().as_bytes()).unwrap(), message);
        }
        let text = String::from_utf8_lossy(bytes);
        match deed % 20 {
            0 => sketch.handle(now, GameInput::Left(peer)),
            1 | 2 => sketch.handle(now, GameInput::LinkOpened(peer)),
            3 => sketch.handle(now, GameInput::LinkClosed(peer)),
            4 => drop(sketch.offer(SketchLanguage::Es, 1, 15)),
            5 => {
                let game = sketch.offers().next().map_or(0, |(_, state)| state.game);
                let _ = sketch.join(now, game, from > 127);
            }
            6 => drop(sketch.start(now)),
            7 => drop(sketch.leave()),
            8 => drop(sketch.choose(now, usize::from(from % 4))),
            9 => drop(sketch.guess(now, &text)),
            10 => {
                let points: Vec<Point> =
                    bytes.iter().map(|byte| Point { x: i32::from(*byte), y: 0, pressure: *byte }).collect();
                let _ = sketch.draw(u32::from(from), InkKind::Pen, style, &points);
            }
            11 => drop(sketch.undo()),
            12 => drop(sketch.clear()),
            13 => sketch.set_bot(SketchBot::new(u64::from(from))),
            14 => now += Duration::from_millis(u64::from(from) * 100),
            15 => sketch.handle(now, GameInput::Game { peer, bytes: bytes.to_vec() }),
            16 => {
                let _ = is_close(&text, "lighthouse");
                assert_eq!(is_same_answer(&text, &text), !answer_letters(&text).is_empty());
            }
            _ => sketch.handle(now, GameInput::Rounds { peer, bytes: bytes.to_vec() }),
        }
        for _ in 0..20 {
            if sketch.poll_timeout().is_none_or(|timeout| timeout > now) {
                break;
            }
            sketch.handle_timeout(now);
        }
        assert!(sketch.poll_timeout().is_none_or(|timeout| timeout > now), "it would be asked for ever");
        while sketch.poll().is_some() {
            let _ = sketch.sheet_news();
            let _ = sketch.live_news(now);
        }
        assert!(sketch.sheet().len() <= MAX_SHEET);
        while let Some((_, ink)) = sketch.poll_datagram() {
            assert_eq!(SketchInk::decode(ink.encode().as_bytes()).as_ref(), Ok(&ink));
        }
        for linked in sketch.linked().collect::<Vec<_>>() {
            let mut told = 0;
            sketch.tell(now, linked, |message| {
                told += 1;
                assert!(told < MAX_TOLD);
                assert_eq!(SketchMessage::decode(message.encode().as_bytes()).as_ref(), Ok(message));
                true
            });
        }
    }
});
