//! A page as an SVG: a picture that stands for itself, without scripts, fonts or anything from elsewhere.

use std::fmt::{self, Write};

use data_encoding::BASE64;
use tincan_protocol::{ElementId, ElementKind, Frame, Point};

use super::{Board, Element, placed};
use crate::picture_head::media_type;

/// Around what is drawn, in tenths as everything here.
const MARGIN: i64 = 200;
/// Of a page with nothing on it.
const EMPTY: (i64, i64) = (8_000, 6_000);
/// The sheet.
const SHEET: &str = "#fdfdfa";
/// Of a note's corners.
const NOTE_RADIUS: i64 = 60;
/// Between a note's edge and its text.
const NOTE_PADDING: i64 = 120;
/// Of a line of text, in parts of the letters' size.
const LINE_HEIGHT: f64 = 1.3;
/// A pen's widths are told apart in so many steps: finer ones are not seen, and each takes a path of its own.
const WIDTHS: i64 = 12;

/// Between an arrow and each side of its head, in radians: 28 degrees.
const HEAD_ANGLE: f64 = 28.0 * std::f64::consts::PI / 180.0;

/// Tenths as units: `12.3`, `-0.5`, `7`.
struct Units(i64);

impl fmt::Display for Units {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, tenth) = (self.0.abs() / 10, self.0.abs() % 10);
        let sign = if self.0 < 0 { "-" } else { "" };
        if tenth == 0 { write!(f, "{sign}{whole}") } else { write!(f, "{sign}{whole}.{tenth}") }
    }
}

fn units(tenths: impl Into<i64>) -> Units {
    Units(tenths.into())
}

/// Left, top, right, bottom.
type Bounds = (i64, i64, i64, i64);

impl Board {
    /// A page as it is now, as an SVG (1.1, but for a blend mode that readers may ignore).
    pub fn svg(&self, page: Option<ElementId>) -> String {
        let all = self.elements().into_iter().filter_map(|id| self.element(id));
        let on_page =
            |element: &Element<'_>| element.draw.kind != ElementKind::Page && element.draw.page == page;
        let all: Vec<_> = all.filter(on_page).collect();
        let bounds =
            all.iter().map(bounds).reduce(|a, b| (a.0.min(b.0), a.1.min(b.1), a.2.max(b.2), a.3.max(b.3)));
        let (left, top, right, bottom) = bounds.unwrap_or((0, 0, EMPTY.0 - 2 * MARGIN, EMPTY.1 - 2 * MARGIN));
        let (x, y) = (left - MARGIN, top - MARGIN);
        let (width, height) = (right - left + 2 * MARGIN, bottom - top + 2 * MARGIN);
        let (x, y, width, height) = (units(x), units(y), units(width), units(height));
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"{x} {y} {width} {height}\">\n\
             <rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{SHEET}\"/>\n"
        );
        for element in &all {
            // Writing into a string never fails.
            let _ = self.write(&mut svg, element);
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn write(&self, svg: &mut String, element: &Element<'_>) -> fmt::Result {
        let Frame([x, y, width, height]) = element.frame;
        let (left, top, right, bottom) = corners(element.frame);
        let style = element.style;
        let (color, stroke) = (style.color, units(style.width));
        let line = format!(
            "stroke=\"{color}\" stroke-width=\"{stroke}\" stroke-linecap=\"round\" stroke-linejoin=\"round\""
        );
        let fill = style.fill.map_or_else(|| "none".to_owned(), |fill| fill.to_string());
        match element.draw.kind {
            ElementKind::Pen => pen(svg, element),
            ElementKind::Marker => {
                let points = points(element);
                let path = path(&points);
                writeln!(
                    svg,
                    "<path d=\"{path}\" fill=\"none\" {line} opacity=\"0.4\" style=\"mix-blend-mode:multiply\"/>"
                )
            }
            ElementKind::Line => {
                let (x2, y2) = (i64::from(x) + i64::from(width), i64::from(y) + i64::from(height));
                writeln!(
                    svg,
                    "<path d=\"M{} {}L{} {}\" fill=\"none\" {line}/>",
                    units(x),
                    units(y),
                    units(x2),
                    units(y2)
                )
            }
            ElementKind::Arrow => arrow(svg, element, &line),
            ElementKind::Rectangle => writeln!(
                svg,
                "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{fill}\" {line}/>",
                units(left),
                units(top),
                units(right - left),
                units(bottom - top)
            ),
            ElementKind::Ellipse => writeln!(
                svg,
                "<ellipse cx=\"{}\" cy=\"{}\" rx=\"{}\" ry=\"{}\" fill=\"{fill}\" {line}/>",
                units(i64::midpoint(left, right)),
                units(i64::midpoint(top, bottom)),
                units((right - left) / 2),
                units((bottom - top) / 2)
            ),
            ElementKind::Text => text(svg, element, left, top, right - left),
            ElementKind::Note => {
                writeln!(
                    svg,
                    "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{}\" fill=\"{fill}\"/>",
                    units(left),
                    units(top),
                    units(right - left),
                    units(bottom - top),
                    units(NOTE_RADIUS)
                )?;
                let (left, top) = (left + NOTE_PADDING, top + NOTE_PADDING);
                text(svg, element, left, top, right - NOTE_PADDING - left)
            }
            ElementKind::Picture => self.picture_element(svg, element),
            ElementKind::Page => Ok(()),
        }
    }

    fn picture_element(&self, svg: &mut String, element: &Element<'_>) -> fmt::Result {
        let bytes = element.draw.picture.and_then(|picture| self.picture(picture.hash));
        let Some(bytes) = bytes else { return Ok(()) };
        let Frame([x, y, width, height]) = element.frame;
        let flip = |size: i32| if size < 0 { -1 } else { 1 };
        writeln!(
            svg,
            "<image transform=\"translate({} {}) scale({} {})\" width=\"{}\" height=\"{}\" \
             preserveAspectRatio=\"none\" href=\"data:{};base64,{}\"/>",
            units(x),
            units(y),
            flip(width),
            flip(height),
            units(i64::from(width).abs()),
            units(i64::from(height).abs()),
            media_type(bytes),
            BASE64.encode(bytes)
        )
    }
}

fn corners(frame: Frame) -> Bounds {
    let [x, y, width, height] = frame.0.map(i64::from);
    (x.min(x + width), y.min(y + height), x.max(x + width), y.max(y + height))
}

/// What it covers, with the width of its strokes.
fn bounds(element: &Element<'_>) -> Bounds {
    let (left, top, right, bottom) = corners(element.frame);
    let around = i64::from(element.style.width);
    let low = match element.draw.kind {
        ElementKind::Text => {
            let lines = lines(element.text, i64::from(element.style.size), right - left).len();
            bottom.max(top + (lines as f64 * f64::from(element.style.size) * LINE_HEIGHT) as i64)
        }
        _ => bottom,
    };
    (left - around, top - around, right + around, low + around)
}

/// Where its points are now.
fn points(element: &Element<'_>) -> Vec<Point> {
    element.draw.points.0.iter().map(|point| placed(*point, element.draw.frame, element.frame)).collect()
}

/// A line that is smooth: each point draws it to itself, and it goes through the middles between them.
fn path(points: &[Point]) -> String {
    let mut path = String::new();
    let Some(first) = points.first() else { return path };
    let _ = write!(path, "M{} {}", units(first.x), units(first.y));
    let Some(last) = points.last().filter(|_| points.len() > 1) else {
        // A point has no length, and a round end.
        path.push_str("h0");
        return path;
    };
    for pair in points[1..].windows(2) {
        let (x, y) = (i32::midpoint(pair[0].x, pair[1].x), i32::midpoint(pair[0].y, pair[1].y));
        let _ = write!(path, "Q{} {} {} {}", units(pair[0].x), units(pair[0].y), units(x), units(y));
    }
    let _ = write!(path, "L{} {}", units(last.x), units(last.y));
    path
}

/// A stroke whose width follows the pressure: a path for each width, whose round ends cover each other.
fn pen(svg: &mut String, element: &Element<'_>) -> fmt::Result {
    let points = points(element);
    // As wide as it is called at half the pressure, two fifths of that at none, and eight fifths at full.
    let width = |pressure: u8| {
        let size = i64::from(element.style.width);
        let step = i64::from(pressure) * WIDTHS / 255;
        (size * (2 * WIDTHS + 6 * step) / (5 * WIDTHS)).max(1)
    };
    writeln!(
        svg,
        "<g fill=\"none\" stroke=\"{}\" stroke-linecap=\"round\" stroke-linejoin=\"round\">",
        element.style.color
    )?;
    let mut start = 0;
    while start < points.len() {
        let wide = width(points[start].pressure);
        let same = points[start..].iter().take_while(|point| width(point.pressure) == wide).count();
        // It leads to the next one, which begins with its own width.
        let end = (start + same + 1).min(points.len());
        writeln!(svg, "<path stroke-width=\"{}\" d=\"{}\"/>", units(wide), path(&points[start..end]))?;
        start += same;
    }
    writeln!(svg, "</g>")
}

fn arrow(svg: &mut String, element: &Element<'_>, line: &str) -> fmt::Result {
    let [x, y, width, height] = element.frame.0.map(f64::from);
    let length = width.hypot(height);
    let (tip_x, tip_y) = (x + width, y + height);
    let head = (4.0 * f64::from(element.style.width)).max(100.0).min(length / 2.0);
    let angle = height.atan2(width);
    let wing = |turn: f64| {
        let angle = angle + std::f64::consts::PI + turn;
        (units((tip_x + head * angle.cos()) as i64), units((tip_y + head * angle.sin()) as i64))
    };
    let (one, other) = (wing(HEAD_ANGLE), wing(-HEAD_ANGLE));
    let (tip_x, tip_y) = (units(tip_x as i64), units(tip_y as i64));
    writeln!(
        svg,
        "<path d=\"M{} {}L{tip_x} {tip_y}M{} {}L{tip_x} {tip_y}L{} {}\" fill=\"none\" {line}/>",
        units(x as i64),
        units(y as i64),
        one.0,
        one.1,
        other.0,
        other.1
    )
}

fn text(svg: &mut String, element: &Element<'_>, left: i64, top: i64, width: i64) -> fmt::Result {
    let size = i64::from(element.style.size);
    let step = size as f64 * LINE_HEIGHT;
    for (row, line) in lines(element.text, size, width).iter().enumerate() {
        // The baseline lies four fifths down the letters, and half of what is between lines above them.
        let y = top as f64 + step * row as f64 + (step - size as f64) / 2.0 + size as f64 * 0.8;
        writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" font-family=\"sans-serif\" font-size=\"{}\" fill=\"{}\" \
             style=\"white-space:pre;unicode-bidi:plaintext\">{}</text>",
            units(left),
            units(y as i64),
            units(size),
            element.style.color,
            escaped(line)
        )?;
    }
    Ok(())
}

/// Text broken at words, by how wide letters are in most fonts: there is none here to ask.
fn lines(text: &str, size: i64, width: i64) -> Vec<String> {
    let advance = |c: char| match c {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '!' | '|' => 0.28,
        ' ' | 'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '-' | '/' => 0.34,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.87,
        'A'..='Z' | '&' => 0.68,
        c if c as u32 >= 0x1100 => 1.0,
        _ => 0.56,
    };
    let wide = |text: &str| text.chars().map(advance).sum::<f64>() * size as f64;
    let width = width.max(size) as f64;
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        for word in paragraph.split_inclusive(' ') {
            if !line.is_empty() && wide(&line) + wide(word.trim_end()) > width {
                lines.push(std::mem::take(&mut line).trim_end().to_owned());
            }
            // A word that is longer than a line is broken where it has to be.
            for c in word.chars() {
                if c != ' ' && !line.is_empty() && wide(&line) + wide(c.encode_utf8(&mut [0; 4])) > width {
                    lines.push(std::mem::take(&mut line));
                }
                line.push(c);
            }
        }
        lines.push(line);
    }
    if text.is_empty() { Vec::new() } else { lines }
}

/// Text as XML has it (1.0, sections 2.2 and 2.4): what it cannot say at all is left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'.. => escaped.push(c),
            _ => {}
        }
    }
    escaped
}
