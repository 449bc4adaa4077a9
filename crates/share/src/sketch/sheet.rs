//! The sheet of one turn.

use tincan_protocol::{
    InkKind, MAX_PACKED, MAX_POINTS, MAX_SHEET, MAX_SHEET_POINTS, Point, Points, SheetStroke, Style,
};

/// Strokes, and the times that the sheet was wiped (`None`).
#[derive(derive_more::Debug, Default)]
pub(super) struct Sheet {
    #[debug("{}", entries.len())]
    entries: Vec<Option<SheetStroke>>,
    /// Of all strokes together.
    points: usize,
    /// How many entries the outside has as they are; `None`: nothing is new.
    news: Option<usize>,
}

fn points_of(entries: &[Option<SheetStroke>]) -> usize {
    entries.iter().flatten().map(|stroke| stroke.points.0.len()).sum()
}

impl Sheet {
    pub(super) fn entries(&self) -> &[Option<SheetStroke>] {
        &self.entries
    }

    /// What follows the first `from` entries. What is beyond the bounds is left out.
    pub(super) fn put(&mut self, from: usize, strokes: Vec<Option<SheetStroke>>) {
        if from > self.entries.len() {
            return;
        }
        self.cut(from);
        for entry in strokes {
            let points = entry.as_ref().map_or(0, |stroke| stroke.points.0.len());
            if self.entries.len() >= MAX_SHEET || self.points + points > MAX_SHEET_POINTS {
                return;
            }
            self.points += points;
            self.entries.push(entry);
        }
    }

    fn cut(&mut self, len: usize) {
        self.points -= points_of(self.entries.get(len..).unwrap_or_default());
        self.entries.truncate(len);
        self.news = Some(self.news.unwrap_or(len).min(len));
    }

    /// A stroke is finished; one that is too long for a message becomes several. `false`: there is no room for it.
    pub(super) fn add(&mut self, number: u32, kind: InkKind, style: Style, mut points: &[Point]) -> bool {
        let mut parts = Vec::new();
        while !points.is_empty() {
            let fitting = Points::fitting(points, MAX_PACKED).clamp(1, MAX_POINTS);
            parts.push(Some(SheetStroke { number, kind, style, points: Points(points[..fitting].to_vec()) }));
            // The next part begins where this one ends.
            points = if fitting < points.len() { &points[fitting.max(2) - 1..] } else { &[] };
        }
        let is_sound = parts.iter().flatten().all(SheetStroke::is_sound);
        let fits = self.entries.len() + parts.len() <= MAX_SHEET
            && self.points + points_of(&parts) <= MAX_SHEET_POINTS;
        let takes = is_sound && fits && !parts.is_empty();
        if takes {
            self.put(self.entries.len(), parts);
        }
        takes
    }

    /// Takes the last stroke back, or that the sheet was wiped.
    pub(super) fn undo(&mut self) {
        let Some(last) = self.entries.last() else { return };
        let number = last.as_ref().map(|stroke| stroke.number);
        let is_part = |entry: &Option<SheetStroke>| {
            number.is_some() && entry.as_ref().map(|stroke| stroke.number) == number
        };
        let parts = self.entries.iter().rev().take_while(|entry| is_part(entry)).count().max(1);
        self.cut(self.entries.len() - parts);
    }

    /// Wipes the sheet.
    pub(super) fn clear(&mut self) {
        if self.entries.last().is_some_and(Option::is_some) {
            self.put(self.entries.len(), vec![None]);
        }
    }

    /// How many entries the outside has as they are, and what follows; `None` when nothing is new.
    pub(super) fn news(&mut self) -> Option<(usize, &[Option<SheetStroke>])> {
        let keep = self.news.take()?;
        Some((keep, self.entries.get(keep..).unwrap_or_default()))
    }

    pub(super) const fn has_news(&self) -> bool {
        self.news.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tincan_protocol::Color;

    fn style() -> Style {
        Style { color: Color([0; 3]), fill: None, width: 40, size: 160 }
    }

    fn add(sheet: &mut Sheet, number: u32, points: usize) -> bool {
        let points: Vec<Point> =
            (0..points).map(|at| Point { x: (at % 8_000) as i32, y: 10, pressure: 128 }).collect();
        sheet.add(number, InkKind::Pen, style(), &points)
    }

    #[test]
    fn undo_takes_a_whole_stroke_and_brings_back_what_was_wiped() {
        let mut sheet = Sheet::default();
        assert!(add(&mut sheet, 1, 3));
        assert!(add(&mut sheet, 2, 6_000));
        assert_eq!(sheet.entries().len(), 4);
        sheet.clear();
        sheet.clear();
        assert_eq!(sheet.entries().len(), 5);
        assert_eq!(sheet.news().map(|(keep, new)| (keep, new.len())), Some((0, 5)));
        sheet.undo();
        assert_eq!(sheet.news().map(|(keep, new)| (keep, new.len())), Some((4, 0)));
        sheet.undo();
        assert_eq!((sheet.entries().len(), sheet.points), (1, 3));
        sheet.undo();
        sheet.undo();
        assert_eq!((sheet.entries().len(), sheet.points), (0, 0));
        sheet.clear();
        assert!(sheet.entries().is_empty());
    }

    #[test]
    fn what_has_no_room_is_refused_or_left_out() {
        let mut sheet = Sheet::default();
        assert!(!add(&mut sheet, 1, 0));
        assert!(!add(&mut sheet, 1, MAX_SHEET_POINTS + 1));
        assert!(add(&mut sheet, 1, MAX_SHEET_POINTS - 100));
        let part = |number| SheetStroke {
            number,
            kind: InkKind::Pen,
            style: style(),
            points: Points(vec![Point::default(); 60]),
        };
        let before = sheet.entries().len();
        sheet.put(before, vec![Some(part(2)), Some(part(3))]);
        assert!(sheet.entries().len() <= before + 1 && sheet.points <= MAX_SHEET_POINTS);
        sheet.put(before + 50, vec![None]);
        assert!(sheet.entries().len() <= before + 1);
    }
}
