//! A set of numbers as the ranges that it consists of: what was deleted of somebody mostly lies end to end.

use std::collections::BTreeMap;

/// Numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ranges {
    /// By where they begin, where they end. They neither overlap nor touch.
    ranges: BTreeMap<u64, u64>,
}

impl Ranges {
    pub(super) fn contains(&self, number: u64) -> bool {
        self.ranges.range(..=number).next_back().is_some_and(|(_, to)| *to >= number)
    }

    /// Whether all of these are in it.
    pub(super) fn contains_all(&self, from: u64, to: u64) -> bool {
        self.ranges.range(..=from).next_back().is_some_and(|(_, end)| *end >= to)
    }

    /// Takes these in, both ends included.
    pub(super) fn insert(&mut self, from: u64, to: u64) {
        let (mut from, mut to) = (from, to);
        // Whatever overlaps or touches becomes part of it.
        while let Some((&start, &end)) = self.ranges.range(..=to.saturating_add(1)).next_back() {
            if end.saturating_add(1) < from {
                break;
            }
            self.ranges.remove(&start);
            from = from.min(start);
            to = to.max(end);
        }
        self.ranges.insert(from, to);
    }

    pub(super) fn len(&self) -> usize {
        self.ranges.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.ranges.iter().map(|(from, to)| (*from, *to))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_holds_what_a_set_holds_in_as_few_ranges_as_there_are(
            all in prop::collection::vec((0..60_u64, 0..6_u64), 0..40)
        ) {
            let (mut ranges, mut set) = (Ranges::default(), BTreeSet::new());
            for (from, more) in all {
                ranges.insert(from, from + more);
                set.extend(from..=from + more);
                prop_assert!(ranges.contains_all(from, from + more));
            }
            for number in 0..70 {
                prop_assert_eq!(ranges.contains(number), set.contains(&number));
            }
            let gaps = set.iter().filter(|number| !set.contains(&(*number + 1))).count();
            prop_assert_eq!(ranges.len(), gaps);
            prop_assert_eq!(ranges.iter().map(|(from, to)| to - from + 1).sum::<u64>(), set.len() as u64);
        }
    }
}
