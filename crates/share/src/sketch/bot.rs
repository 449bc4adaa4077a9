//! A player that is a program: for tests, and to see a game before anybody else is there.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tincan_protocol::{Color, InkKind, Point, SHEET_SIZE, Style, UNKNOWN_LETTER};

use super::Sketch;
use super::chance::Chance;
use super::game::Game;
use super::words::words;
use crate::board::LiveStroke;

/// It looks at the word for so long.
const THINKS: Duration = Duration::from_millis(800);
/// Between two parts of a stroke, and how many points each has: a hand that draws.
const STEP: Duration = Duration::from_millis(50);
const POINTS: usize = 6;
/// Between two guesses.
const PACE: Duration = Duration::from_millis(1_600);
const NUMBER: u32 = 1_000_000;
const COLORS: [[u8; 3]; 4] = [[0x16, 0x1b, 0x1d], [0xcf, 0x26, 0x19], [0x18, 0x64, 0xbd], [0x15, 0x6f, 0x41]];

/// Draws something simple, and guesses what fits the letters that are shown.
#[derive(derive_more::Debug, Clone)]
pub struct SketchBot {
    chance: Chance,
    /// In which turn it is, and when it does something next.
    turn: Option<(u64, Instant)>,
    /// What it wants to draw, the last first.
    #[debug("{}", strokes.len())]
    strokes: Vec<Vec<Point>>,
    /// How much of the stroke is drawn.
    drawn: usize,
    number: u32,
    #[debug("{}", tried.len())]
    tried: BTreeSet<&'static str>,
}

enum Deed {
    Choose(usize),
    Draw,
    Guess(&'static str),
    Wait,
}

impl SketchBot {
    /// One that does the same for the same seed, in the same game.
    pub fn new(seed: u64) -> Self {
        let mut secret = [0; 32];
        secret[..8].copy_from_slice(&seed.to_be_bytes());
        Self {
            chance: Chance::new(secret),
            turn: None,
            strokes: Vec::new(),
            drawn: 0,
            number: NUMBER,
            tried: BTreeSet::new(),
        }
    }

    /// When it does something next.
    pub(super) fn timeout(&self, game: &Game) -> Option<Instant> {
        let turn = game.turn.as_ref().filter(|turn| !turn.is_opened())?;
        match self.turn {
            Some((id, next)) if id == turn.id => Some(next),
            _ => Some(turn.entered + THINKS),
        }
    }

    /// A house, a spiral or a zigzag, somewhere on the sheet.
    fn plan(&mut self) -> Vec<Vec<Point>> {
        let [width, height] = SHEET_SIZE;
        let (x, y) = (width / 3 + self.within(width / 3), height / 3 + self.within(height / 3));
        let size = 600 + self.within(900);
        let line = |corners: &[(i32, i32)]| {
            let steps = corners.windows(2).flat_map(|pair| {
                let ((ax, ay), (bx, by)) = (pair[0], pair[1]);
                (0..=20).map(move |step| (ax + (bx - ax) * step / 20, ay + (by - ay) * step / 20))
            });
            let point = |(dx, dy): (i32, i32)| Point {
                x: x + dx * size / 100,
                y: y + dy * size / 100,
                pressure: 128,
            };
            steps.map(point).collect::<Vec<_>>()
        };
        match self.chance.below(3) {
            0 => vec![
                line(&[(-20, 80), (-20, 30), (20, 30), (20, 80)]),
                line(&[(-100, -20), (0, -100), (100, -20)]),
                line(&[(-80, -20), (80, -20), (80, 80), (-80, 80), (-80, -20)]),
            ],
            1 => {
                // Corners of squares that grow.
                let corners: Vec<_> = (0..12_i32)
                    .map(|at| (8 * at, [(1, 1), (-1, 1), (-1, -1), (1, -1)][at as usize % 4]))
                    .map(|(far, (dx, dy))| (far * dx, far * dy))
                    .collect();
                vec![line(&corners)]
            }
            _ => {
                let corners: Vec<_> =
                    (0..9).map(|at| (25 * at - 100, if at % 2 == 0 { -40 } else { 40 })).collect();
                vec![line(&[(-100, 80), (100, 80)]), line(&corners)]
            }
        }
    }

    fn within(&mut self, most: i32) -> i32 {
        i32::try_from(self.chance.below(usize::try_from(most).unwrap_or(0))).unwrap_or(0)
    }

    fn decide(&mut self, game: &Game, me: tincan_protocol::PeerId, now: Instant) -> Deed {
        let Some(turn) = game.turn.as_ref().filter(|turn| !turn.is_opened()) else { return Deed::Wait };
        if self.turn.is_none_or(|(id, _)| id != turn.id) {
            self.turn = Some((turn.id, turn.entered + THINKS));
            self.strokes = self.plan();
            (self.drawn, self.tried) = (0, BTreeSet::new());
        }
        let Some((_, next)) = &mut self.turn else { return Deed::Wait };
        if now < *next {
            return Deed::Wait;
        }
        *next = now + STEP;
        match (&turn.ours, &turn.drawing) {
            (Some(easel), None) => Deed::Choose(self.chance.below(easel.choices.len())),
            (Some(_), Some(_)) if self.strokes.is_empty() => {
                *next = now + PACE;
                Deed::Wait
            }
            (Some(_), Some(_)) => Deed::Draw,
            (None, Some(drawing)) if turn.guessers.contains(&me) && !turn.has_solved(me) => {
                *next = now + PACE + Duration::from_millis(self.chance.below(900) as u64);
                let is_blind = !drawing.hint.chars().any(char::is_alphanumeric);
                let fitting: Vec<_> = words(game.state.language)
                    .filter(|word| fits(word, &drawing.hint) && !self.tried.contains(word))
                    .collect();
                if fitting.is_empty() || (is_blind && self.chance.below(3) > 0) {
                    return Deed::Wait;
                }
                let word = fitting[self.chance.below(fitting.len())];
                self.tried.insert(word);
                Deed::Guess(word)
            }
            _ => {
                *next = now + PACE;
                Deed::Wait
            }
        }
    }

    /// The next part of what it draws.
    fn part(&mut self) -> Option<(LiveStroke, Option<Vec<Point>>)> {
        let stroke = self.strokes.last()?;
        let color = Color(COLORS[self.strokes.len() % COLORS.len()]);
        let style = Style { color, fill: None, width: 60, size: 160 };
        let keep = self.drawn;
        self.drawn = (keep + POINTS).min(stroke.len());
        let points = stroke[keep..self.drawn].to_vec();
        let live = LiveStroke { number: self.number, kind: InkKind::Pen, style, keep, points };
        let whole = (self.drawn == stroke.len()).then(|| stroke.clone());
        if whole.is_some() {
            self.strokes.pop();
            self.drawn = 0;
            self.number += 1;
        }
        Some((live, whole))
    }
}

/// Whether a word can be what the hint shows.
fn fits(word: &str, hint: &str) -> bool {
    let same = |(letter, shown): (char, char)| {
        if shown == UNKNOWN_LETTER { letter.is_alphanumeric() } else { letter == shown }
    };
    word.chars().count() == hint.chars().count() && word.chars().zip(hint.chars()).all(same)
}

impl Sketch {
    pub(super) fn let_bot_play(&mut self, now: Instant) {
        let (Some(bot), Some(game)) = (&mut self.bot, &self.game) else { return };
        // Whatever it may not do (any more) it leaves.
        match bot.decide(game, self.me, now) {
            Deed::Choose(choice) => drop(self.choose(now, choice)),
            Deed::Guess(word) => drop(self.guess(now, word)),
            Deed::Draw => {
                let Some((live, whole)) = bot.part() else { return };
                let (number, kind, style) = (live.number, live.kind, live.style);
                let _ = self.draw_live(Some(live));
                if let Some(points) = whole {
                    let _ = self.draw(number, kind, style, &points);
                }
            }
            Deed::Wait => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_guesses_fits_the_letters_that_are_shown() {
        for (word, hint, fitting) in [
            ("cat", "_a_", true),
            ("cat", "_o_", false),
            ("cat", "____", false),
            ("ice cream", "___ ___a_", true),
            ("ice cream", "_________", false),
        ] {
            assert_eq!(fits(word, hint), fitting, "{word} {hint}");
        }
    }
}
