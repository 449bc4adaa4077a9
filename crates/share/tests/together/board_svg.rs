//! A page as an SVG that stands for itself.

use tincan_protocol::{Color, ElementKind, Frame, PeerId, Point, Style};
use tincan_share::{Board, New};

const STYLE: Style =
    Style { color: Color([255, 0, 0]), fill: Some(Color([0, 0, 255])), width: 20, size: 160 };

fn new(kind: ElementKind) -> New {
    let points = if kind.has_points() {
        (0..9).map(|n| Point { x: n * 30, y: n * n, pressure: (n * 20) as u8 }).collect()
    } else {
        Vec::new()
    };
    New {
        kind,
        page: None,
        points,
        frame: Frame([100, 200, 400, -300]),
        style: STYLE,
        text: String::new(),
        live: None,
    }
}

fn board(all: Vec<New>) -> Board {
    let mut board = Board::new(PeerId::from_bytes([1; 32]));
    board.add(all).unwrap();
    board
}

/// Names of all elements; panics where tags do not fit each other.
fn tags(svg: &str) -> Vec<String> {
    let (mut open, mut seen) = (Vec::new(), Vec::new());
    for part in svg.split('<').skip(1) {
        let (tag, _) = part.split_once('>').unwrap();
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "{svg}");
            continue;
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        let name = tag.split([' ', '/']).next().unwrap().to_owned();
        if !tag.ends_with('/') {
            open.push(name.clone());
        }
        seen.push(name);
    }
    assert!(open.is_empty());
    seen
}

#[test]
fn every_kind_is_drawn_in_its_order_within_the_view() {
    use ElementKind::{Arrow, Ellipse, Line, Marker, Note, Page, Pen, Rectangle, Text};
    let kinds = [Pen, Marker, Line, Arrow, Rectangle, Ellipse, Text, Note, Page];
    // Small letters, so that no line is broken.
    let small = Style { size: 40, ..STYLE };
    let texts = |kind: ElementKind| New { text: "two\nlines".into(), style: small, ..new(kind) };
    let svg = board(kinds.map(|kind| if kind.has_text() { texts(kind) } else { new(kind) }).into()).svg(None);
    let tags = tags(&svg);
    for (name, count) in [("svg", 1), ("rect", 3), ("ellipse", 1), ("text", 4), ("g", 1)] {
        assert_eq!(tags.iter().filter(|tag| *tag == name).count(), count, "{name} in {svg}");
    }
    // From the pen's corner to the right of the frames, two of its width and forty units around.
    assert!(svg.contains("viewBox=\"-22 -32 94 "), "{svg}");
    assert!(svg.contains("<rect x=\"10\" y=\"-10\" width=\"40\" height=\"30\" fill=\"#0000ff\""), "{svg}");
}

#[test]
fn text_stays_text_and_nothing_comes_from_elsewhere() {
    let evil = "</text><script>alert(1)</script> & \"x\" \u{1}\u{202e}https://example.org";
    let mut board =
        board(vec![New { text: evil.into(), frame: Frame([0, 0, 20_000, 600]), ..new(ElementKind::Note) }]);
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x40\0\0\0\x40".to_vec();
    png.extend(b"\"/><script/>");
    board.add_picture(None, Frame([0, 0, -640, 480]), png).unwrap();
    let svg = board.svg(None);
    let tags = tags(&svg);
    assert!(tags.iter().all(|tag| ["svg", "rect", "text", "image"].contains(&tag.as_str())), "{tags:?}");
    assert!(svg.contains("&lt;script&gt;") && !svg.contains('\u{202e}') && !svg.contains('\u{1}'));
    let links: Vec<_> = svg.match_indices("href=").map(|(at, _)| &svg[at..at + 27]).collect();
    assert_eq!(links, ["href=\"data:image/png;base64"]);
}

#[test]
fn a_page_shows_what_is_on_it_and_an_empty_one_is_a_sheet() {
    let mut board = board(vec![new(ElementKind::Page), new(ElementKind::Line)]);
    let page = board.elements()[0];
    assert!(!board.svg(Some(page)).contains("<path"));
    assert!(board.svg(None).contains("<path"));
    board.add(vec![New { page: Some(page), ..new(ElementKind::Ellipse) }]).unwrap();
    assert!(board.svg(Some(page)).contains("<ellipse"));
    assert!(!board.svg(None).contains("<ellipse"));
}
