//! The board and ink channels, by whoever is in the room: what is understood means the same when it is said again, and a
//! board takes it in whatever order it comes, says nothing that others do not understand, and comes to an end.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use tincan_protocol::{BoardMessage, Color, ElementKind, Frame, InkMessage, PeerId, Point, Style};
use tincan_share::{Board, BoardInput, Live, New};

/// More than this is never told at once of what an input can hold.
const MAX_TOLD: usize = 100_000;

fuzz_target!(|words: Vec<(u8, u8, &[u8])>| {
    let id = |byte: u8| PeerId::from_bytes([byte % 5; 32]);
    let (mut board, mut live) = (Board::new(id(0)), Live::new());
    for (round, (deed, from, bytes)) in words.into_iter().enumerate() {
        let (peer, now) = (id(from), Duration::from_millis(100 * round as u64));
        if let Ok(message) = BoardMessage::decode(bytes) {
            assert_eq!(BoardMessage::decode(message.encode().as_bytes()).unwrap(), message);
        }
        if let Ok(message) = InkMessage::decode(bytes) {
            // Points that are packed in a longer way than needed are said in the shorter one.
            assert_eq!(InkMessage::decode(message.encode().as_bytes()).unwrap(), message);
        }
        match deed % 16 {
            0 => board.handle(BoardInput::Came(peer)),
            1 => board.handle(BoardInput::Left(peer)),
            2 => {
                board.handle(BoardInput::Came(peer));
                board.handle(BoardInput::LinkOpened(peer));
                live.link_opened(peer);
            }
            3 => {
                board.handle(BoardInput::LinkClosed(peer));
                live.link_closed(peer);
            }
            4 => {
                let points = bytes.chunks_exact(3).map(|three| Point {
                    x: i32::from(three[0]) * 90,
                    y: i32::from(three[1]) * 90,
                    pressure: three[2],
                });
                let style = Style { color: Color([0; 3]), fill: None, width: 20, size: 160 };
                let _ = board.add(vec![New {
                    kind: if from > 127 { ElementKind::Pen } else { ElementKind::Note },
                    page: None,
                    points: points.collect(),
                    frame: Frame([0, 0, 100, 100]),
                    style,
                    text: String::from_utf8_lossy(bytes).into_owned(),
                    live: None,
                }]);
            }
            5 => {
                let all = board.elements();
                let _ = board.remove(&all[..all.len().min(from.into())], None);
            }
            6 => drop((board.undo(), board.redo(), board.restore())),
            7 => drop(board.clear(None, from > 127)),
            8 => live.heard(peer, bytes, now),
            9 => drop(board.add_picture(None, Frame([0, 0, 10, 10]), bytes.to_vec())),
            _ => board.handle(BoardInput::Received { peer, bytes: bytes.to_vec() }),
        }
        board.look(now);
        for linked in board.linked().collect::<Vec<_>>() {
            let mut told = 0;
            board.tell(linked, |message| {
                told += 1;
                assert!(told < MAX_TOLD);
                assert_eq!(BoardMessage::decode(message.encode().as_bytes()).as_ref(), Ok(message));
                true
            });
        }
        while board.poll().is_some() {}
        live.changes(now);
    }
    assert!(board.elements().into_iter().all(|element| board.element(element).is_some()));
    board.svg(None);
});
