//! A drawn screen: what tests and measurements share in place of a person's. Pages of text stand still, are turned and
//! scrolled, and letters are typed, in a programme of twenty seconds that begins again.
//!
//! The picture changes only when something on the screen does. Each change carries a [`Stamp`], whose counter says what is
//! shown: so whoever receives it can tell how many of its letters are still legible, one by one.

use std::ops::Range;
use std::time::Duration;

use font8x8::legacy::BASIC_LEGACY;

use super::stamp::Stamp;
use super::{Resolution, VideoFrame};
use crate::time::MediaTime;

/// Steps of the programme in a second: what screens are shared at.
pub const STEPS_PER_SECOND: u32 = 15;
/// The programme, in steps: two pages stand, then one is scrolled, stands, is typed into, and stands.
const TURNED: u32 = 60;
const SCROLLED: Range<u32> = 120..165;
const TYPED: Range<u32> = 225..270;
const PROGRAMME: u32 = 300;
/// Rows a step of scrolling: a line and a bit, as a wheel does.
const SCROLL: u32 = 24;

/// A letter: eight columns, and eight rows each drawn twice, as on a terminal of old; about what an editor shows at 1080p.
const LETTER: (u32, u32) = (8, 16);
const LINE: u32 = 20;
const LEFT: u32 = 48;
/// The stamp needs the rows above.
const TOP: f32 = 4.75 / 22.5;
/// The longest line in letters: what fits into 1280 columns.
const LONGEST: u32 = 150;
const BLACK: u8 = 16;
const WHITE: u8 = 235;
/// Printable ASCII without the blank.
const PRINTABLE: Range<u8> = b'!'..b'\x7f';

/// What is on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Scene {
    page: u32,
    scroll: u32,
    typed: u32,
}

impl Scene {
    fn at(step: u32) -> Self {
        let (round, step) = (step / PROGRAMME, step % PROGRAMME);
        Self {
            page: round * 2 + u32::from(step >= TURNED),
            scroll: step.clamp(SCROLLED.start, SCROLLED.end).saturating_sub(SCROLLED.start) * SCROLL,
            typed: step.clamp(TYPED.start, TYPED.end).saturating_sub(TYPED.start),
        }
    }

    /// The step in which what is shown at `step` began to be shown.
    fn since(step: u32) -> u32 {
        let shown = Self::at(step);
        (0..step).rev().take_while(|&earlier| Self::at(earlier) == shown).last().unwrap_or(step)
    }

    /// The letter in this line and column of the page; `None`: a blank.
    fn letter(self, line: u32, column: u32) -> Option<u8> {
        // The line that is typed into is the 600th pixel row's, wherever the page is.
        let typed_line = self.scroll / LINE + 20;
        if self.typed > 0 && line == typed_line {
            return (column < self.typed).then(|| PRINTABLE.start + (column * 7 % 94) as u8);
        }
        let of_line = hash(self.page, line, 0);
        let (indent, length) = (of_line % 5 * 4, of_line / 8 % LONGEST);
        let of_letter = hash(self.page, line, column + 1);
        // About one in six is a blank, as between words.
        let blank = column < indent || column >= length || of_letter.is_multiple_of(6);
        (!blank).then(|| PRINTABLE.start + (of_letter / 8 % 94) as u8)
    }
}

/// Mixes well enough to look like text (the finalizer of MurmurHash3).
const fn hash(page: u32, line: u32, column: u32) -> u32 {
    let mut value =
        page.wrapping_mul(0x9e37_79b9) ^ line.wrapping_mul(0x85eb_ca6b) ^ column.wrapping_mul(0xc2b2_ae35);
    value ^= value >> 16;
    value = value.wrapping_mul(0x85eb_ca6b);
    value ^= value >> 13;
    value = value.wrapping_mul(0xc2b2_ae35);
    value ^ value >> 16
}

/// Whether the letter has ink at this place.
fn ink(letter: u8, column: u32, row: u32) -> bool {
    BASIC_LEGACY[usize::from(letter)][(row / 2) as usize] >> column & 1 == 1
}

/// Draws the screen. See the [module](self).
pub struct TextScreen {
    size: Resolution,
    still: bool,
    /// The step that was drawn last.
    drawn: Option<u32>,
}

impl TextScreen {
    /// A screen of this size, made even and at least 320x180. With `still` nothing ever changes on it.
    pub fn new(size: Resolution, still: bool) -> Self {
        let size = Resolution::new((size.width & !1).max(320), (size.height & !1).max(180));
        Self { size, still, drawn: None }
    }

    /// Its size.
    pub const fn resolution(&self) -> Resolution {
        self.size
    }

    /// The picture so long after the beginning, when it is another than the one before: captured at `time`, with `micros`
    /// in its stamp, on a clock that the reader knows too.
    pub fn draw(&mut self, since_start: Duration, time: MediaTime, micros: u64) -> Option<VideoFrame> {
        let step =
            if self.still { 0 } else { (since_start.as_secs_f64() * f64::from(STEPS_PER_SECOND)) as u32 };
        let began = Scene::since(step);
        if self.drawn.replace(began) == Some(began) {
            return None;
        }
        let mut frame = page(self.size, Scene::at(step)).at(time);
        Stamp { counter: began, micros }.write(&mut frame);
        Some(frame)
    }
}

/// Where the letters of a scene are: line, column, and the upper left corner in the picture.
fn letters(size: Resolution, scene: Scene) -> impl Iterator<Item = (u8, u32, u32)> {
    let top = (size.height as f32 * TOP) as u32;
    let columns = (size.width.saturating_sub(2 * LEFT) / LETTER.0).min(LONGEST);
    let first = scene.scroll / LINE;
    let lines = (size.height - top) / LINE + 2;
    (first..first + lines).flat_map(move |line| {
        (0..columns).filter_map(move |column| {
            // What is half above the edge or below it is left out, so that every letter is whole.
            let y = (line * LINE).checked_sub(scene.scroll)? + top;
            let letter = scene.letter(line, column).filter(|_| y + LETTER.1 <= size.height)?;
            Some((letter, LEFT + column * LETTER.0, y))
        })
    })
}

fn page(size: Resolution, scene: Scene) -> VideoFrame {
    let mut frame = VideoFrame::black(MediaTime::ZERO, size);
    let width = size.width as usize;
    let luma = frame.planes_mut().0;
    luma.fill(WHITE);
    for (letter, x, y) in letters(size, scene) {
        for row in 0..LETTER.1 {
            let line = &mut luma[(y + row) as usize * width + x as usize..][..LETTER.0 as usize];
            for (column, pixel) in (0..).zip(line) {
                if ink(letter, column, row) {
                    *pixel = BLACK;
                }
            }
        }
    }
    frame
}

/// How many letters of a [`TextScreen`]'s picture are legible, and how many there are; `None` when it carries no stamp, or
/// no letters. A letter is legible when no other letter is more like what is to be seen in its place.
pub fn legible(frame: &VideoFrame) -> Option<(usize, usize)> {
    let scene = Scene::at(Stamp::read(frame)?.counter);
    let size = frame.resolution();
    let luma = frame.planes().0;
    let (mut right, mut all) = (0, 0);
    for (letter, x, y) in letters(size, scene) {
        all += 1;
        let unlikeness = |other: u8| -> u32 {
            let rows = (0..LETTER.1).map(|row| {
                let line =
                    &luma[(y + row) as usize * size.width as usize + x as usize..][..LETTER.0 as usize];
                let unlike = |(column, &pixel): (u32, &u8)| {
                    u32::from(pixel.abs_diff(if ink(other, column, row) { BLACK } else { WHITE })).pow(2)
                };
                (0..).zip(line).map(unlike).sum::<u32>()
            });
            rows.sum()
        };
        right += usize::from(PRINTABLE.min_by_key(|&other| unlikeness(other)) == Some(letter));
    }
    (all > 0).then_some((right, all))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::video::scale::{Fit, Scaler};

    const FULL_HD: Resolution = Resolution::new(1_920, 1_080);

    fn at(screen: &mut TextScreen, millis: u64) -> Option<VideoFrame> {
        screen.draw(Duration::from_millis(millis), MediaTime::from_micros(millis * 1_000), 7)
    }

    #[test]
    fn it_changes_only_when_something_happens_on_it() {
        let mut screen = TextScreen::new(Resolution::new(640, 360), false);
        let changes: Vec<u64> =
            (0..20_000).step_by(67).filter(|&millis| at(&mut screen, millis).is_some()).collect();
        let within =
            |seconds: Range<u64>| changes.iter().filter(|&&at| seconds.contains(&(at / 1_000))).count();
        assert_eq!((within(0..4), within(4..8)), (1, 1), "it stands, and is turned");
        assert!(within(8..11) > 40 && within(15..18) > 40, "it is scrolled, and typed into: {changes:?}");
        // The last word may be seen with the first picture after it.
        assert_eq!((within(13..15), within(19..20)), (0, 0));
        let mut still = TextScreen::new(FULL_HD, true);
        assert!(at(&mut still, 0).is_some() && at(&mut still, 100_000).is_none());
    }

    #[test]
    fn every_letter_is_legible_as_it_was_drawn_and_few_are_when_it_is_blurred() {
        let mut screen = TextScreen::new(FULL_HD, false);
        for millis in [0, 5_000, 9_000, 16_000, 25_000] {
            let frame = at(&mut screen, millis).unwrap();
            let (right, all) = legible(&frame).unwrap();
            assert!(right == all && all > 1_000, "{right} of {all} at {millis} ms");
        }
        let frame = at(&mut screen, 30_000).unwrap();
        let small = Scaler::new().scale(&frame, Resolution::new(640, 360), Fit::Stretch);
        let (right, all) = legible(&Scaler::new().scale(&small, FULL_HD, Fit::Stretch)).unwrap();
        assert!(right * 2 < all, "{right} of {all}");
        assert_eq!(legible(&VideoFrame::black(MediaTime::ZERO, FULL_HD)), None);
    }

    #[test]
    fn any_size_can_be_drawn_and_read() {
        for (width, height) in [(0, 0), (321, 181), (720, 1_280), (3_840, 2_160)] {
            let frame = at(&mut TextScreen::new(Resolution::new(width, height), false), 10_000).unwrap();
            assert!(legible(&frame).is_none_or(|(right, all)| right == all));
        }
    }
}
