//! How long a board of 2,000 strokes takes: drawn here, told to somebody who comes late, and written as an SVG.
//!
//! `cargo run --release -p tincan-share --example board`
// A benchmark that cannot go on has failed.
#![allow(clippy::unwrap_used)]

use std::time::Instant;

use tincan_protocol::{Color, ElementKind, Frame, PeerId, Point, Style};
use tincan_share::{Board, BoardInput, New};

const STROKES: usize = 2_000;
const POINTS: i32 = 60;

fn main() {
    let (ada, ben) = (PeerId::from_bytes([1; 32]), PeerId::from_bytes([2; 32]));
    let style = Style { color: Color([0, 0, 0]), fill: None, width: 20, size: 160 };
    let stroke = |number: i32| New {
        kind: ElementKind::Pen,
        page: None,
        points: (0..POINTS)
            .map(|n| Point {
                x: number % 50 * 300 + n * 11,
                y: number / 50 * 300 + (n * n * 7) % 290,
                pressure: (100 + n) as u8,
            })
            .collect(),
        frame: Frame::default(),
        style,
        text: String::new(),
        live: None,
    };
    let mut board = Board::new(ada);
    let began = Instant::now();
    for number in 0..STROKES {
        board.add(vec![stroke(number as i32)]).unwrap();
    }
    println!("{STROKES} strokes of {POINTS} points drawn in {:?}", began.elapsed());

    board.handle(BoardInput::Came(ben));
    board.handle(BoardInput::LinkOpened(ben));
    let mut late = Board::new(ben);
    late.handle(BoardInput::Came(ada));
    late.handle(BoardInput::LinkOpened(ada));
    let mut introduction = Vec::new();
    late.tell(ada, |message| {
        introduction.push(message.encode());
        true
    });
    for message in introduction {
        board.handle(BoardInput::Received { peer: ben, bytes: message.into_bytes() });
    }
    let began = Instant::now();
    let mut messages = Vec::new();
    board.tell(ben, |message| {
        messages.push(message.encode());
        true
    });
    let bytes: usize = messages.iter().map(String::len).sum();
    println!("told in {} messages of {} kB together, in {:?}", messages.len(), bytes / 1000, began.elapsed());
    let began = Instant::now();
    for message in messages {
        late.handle(BoardInput::Received { peer: ada, bytes: message.into_bytes() });
    }
    while late.poll().is_some() {}
    println!("taken in {:?}", began.elapsed());
    assert_eq!(late.elements().len(), STROKES);
    let began = Instant::now();
    let svg = late.svg(None);
    println!("an SVG of {} kB in {:?}", svg.len() / 1000, began.elapsed());
    let began = Instant::now();
    let all = late.elements();
    late.remove(&all, None).unwrap();
    println!("all deleted in {:?}", began.elapsed());
    let began = Instant::now();
    late.undo().unwrap();
    println!("and taken back in {:?}", began.elapsed());
}
