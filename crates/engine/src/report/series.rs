//! Figures over a call's time, thinned as it grows: what is forgotten is when exactly something was, never how bad it was.

/// So many moments there are at most, whatever the call's length: more than a plot has pixels for. Of seven people with all their
/// lines that is 0.9 MB here, and 0.8 MB as pictures.
pub(crate) const MOMENTS: u32 = 360;
/// Nothing that is measured comes near it: what is larger is a mistake, and would make every plot flat.
const MOST: f32 = 1e7;

/// The values of one line in one moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Spread {
    pub(crate) count: u32,
    pub(crate) least: f32,
    pub(crate) most: f32,
    pub(crate) mean: f32,
}

impl Spread {
    fn of(value: Option<f32>) -> Self {
        match value.filter(|value| value.is_finite()) {
            None => Self::default(),
            Some(value) => {
                // Of the two zeros one is written without a sign.
                let value = value.clamp(0.0, MOST) + 0.0;
                Self { count: 1, least: value, most: value, mean: value }
            }
        }
    }

    fn merge(&mut self, other: Self) {
        if self.count == 0 || other.count == 0 {
            if other.count > 0 {
                *self = other;
            }
            return;
        }
        let count = self.count.saturating_add(other.count);
        self.mean += (other.mean - self.mean) * (other.count as f32 / count as f32);
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
        self.count = count;
    }
}

/// How many seconds a moment has. The same for all tracks of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step(u32);

impl Default for Step {
    fn default() -> Self {
        Self(1)
    }
}

impl Step {
    pub(crate) const fn seconds(self) -> u32 {
        self.0
    }

    /// How often it has to be doubled for this second to be among the moments.
    pub(crate) fn grow_to(&mut self, second: u32) -> u32 {
        let mut doubled = 0;
        while second / self.0 >= MOMENTS {
            self.0 = self.0.saturating_mul(2);
            doubled += 1;
        }
        doubled
    }
}

/// Several lines over the same time. A moment without values has no place here.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Track<const LINES: usize> {
    /// Number of the moment, in order.
    moments: Vec<(u32, [Spread; LINES])>,
}

impl<const LINES: usize> Default for Track<LINES> {
    fn default() -> Self {
        Self { moments: Vec::new() }
    }
}

impl<const LINES: usize> Track<LINES> {
    /// One second's values; `None`: there is none. Seconds never go back.
    pub(crate) fn add(&mut self, step: Step, second: u32, values: [Option<f32>; LINES]) {
        let number = second / step.0;
        match self.moments.last_mut() {
            Some((last, spreads)) if *last >= number => merge(spreads, &values.map(Spread::of)),
            _ => self.moments.push((number, values.map(Spread::of))),
        }
    }

    /// Puts two moments together into one.
    pub(crate) fn halve(&mut self) {
        let mut halved: Vec<(u32, [Spread; LINES])> = Vec::with_capacity(self.moments.len() / 2 + 1);
        for (number, spreads) in self.moments.drain(..) {
            match halved.last_mut() {
                Some((last, merged)) if *last == number / 2 => merge(merged, &spreads),
                _ => halved.push((number / 2, spreads)),
            }
        }
        self.moments = halved;
    }

    /// The moments in which this line has values.
    pub(crate) fn line(&self, line: usize) -> Vec<(u32, Spread)> {
        let all = self.moments.iter().filter_map(|(number, spreads)| Some((*number, *spreads.get(line)?)));
        all.filter(|(_, spread)| spread.count > 0).collect()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.moments.len()
    }
}

fn merge<const LINES: usize>(into: &mut [Spread; LINES], from: &[Spread; LINES]) {
    for (into, from) in into.iter_mut().zip(from) {
        into.merge(*from);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn track(values: impl IntoIterator<Item = (u32, Option<f32>)>) -> (Step, Track<1>) {
        let (mut step, mut track) = (Step::default(), Track::default());
        for (second, value) in values {
            for _ in 0..step.grow_to(second) {
                track.halve();
            }
            track.add(step, second, [value]);
        }
        (step, track)
    }

    #[test]
    fn ten_hours_take_no_more_room_than_minutes_and_no_extreme_is_lost() {
        let value = |second: u32| match second {
            17_777 => 900.0,
            30_001 => 1.0,
            _ => 40.0,
        };
        let (step, track) = track((0..36_000).map(|second| (second, Some(value(second)))));
        assert!(track.len() <= MOMENTS as usize && track.len() > MOMENTS as usize / 4, "{}", track.len());
        assert_eq!(step.seconds(), 128);
        let line = track.line(0);
        let most = line.iter().map(|(_, spread)| spread.most).fold(0.0, f32::max);
        let least = line.iter().map(|(_, spread)| spread.least).fold(1e9, f32::min);
        assert_eq!((most, least), (900.0, 1.0));
        let at = line.iter().find(|(_, spread)| spread.most == 900.0).unwrap().0;
        assert_eq!(at, 17_777 / 128, "it is where it was");
        assert_eq!(line.iter().map(|(_, spread)| spread.count).sum::<u32>(), 36_000);
        assert!(line.iter().all(|(_, spread)| (spread.mean - 40.0).abs() < 8.0));
    }

    #[test]
    fn where_nothing_was_measured_there_is_nothing() {
        let (_, track) = track([(0, Some(1.0)), (1, None), (2, None), (9, Some(3.0))]);
        let numbers: Vec<u32> = track.line(0).iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [0, 9]);
        assert!(track.line(1).is_empty(), "no such line");
    }

    proptest! {
        #[test]
        fn whatever_is_measured_stays_in_bounds(
            values in prop::collection::vec((0u32..4_000_000, prop::option::of(any::<f32>())), 0..400),
        ) {
            let mut values = values;
            values.sort_by_key(|(second, _)| *second);
            let (_, track) = track(values);
            prop_assert!(track.len() <= MOMENTS as usize);
            for (number, spread) in track.line(0) {
                prop_assert!(number < MOMENTS);
                prop_assert!(0.0 <= spread.least && spread.least <= spread.most && spread.most <= MOST);
                prop_assert!(spread.mean.is_finite());
            }
        }
    }
}
