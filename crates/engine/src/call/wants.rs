//! How large we show what others send, as they are told: a tile in a corner needs a small picture, and one that nobody sees
//! needs none. More is asked for at once; less only when it stays so, for a window that is being resized passes through
//! every size.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tincan_protocol::{PeerId, Source, Wanted};

/// How long a smaller size has to last.
const SHRINK_WAIT: Duration = Duration::from_millis(300);
/// Asks for whatever there is.
const ANY: u16 = u16::MAX;

/// What one person was told of one source.
#[derive(Debug, Clone, Copy)]
struct Told {
    lines: u16,
    /// Since when less would do.
    less_since: Option<Instant>,
    /// Whether it was ever named.
    named: bool,
}

impl Told {
    /// Whoever was told nothing sends any size.
    const NOTHING: Self = Self { lines: ANY, less_since: None, named: false };

    /// It is shown on so many lines now. Whether that is to be told.
    fn look(&mut self, now: Instant, lines: Option<u16>) -> bool {
        let wanted = lines.unwrap_or(ANY);
        // A tenth less is not worth a word.
        let less = wanted == 0 || u32::from(wanted) * 10 < u32::from(self.lines) * 9;
        if wanted > self.lines {
            *self = Self { lines: wanted, less_since: None, named: true };
        } else if self.lines == 0 || !less {
            self.less_since = None;
            return false;
        } else if now.saturating_duration_since(*self.less_since.get_or_insert(now)) >= SHRINK_WAIT {
            *self = Self { lines: wanted, less_since: None, named: true };
        } else {
            return false;
        }
        true
    }
}

/// See the module's description.
#[derive(Debug, Default)]
pub(super) struct Wants {
    told: BTreeMap<PeerId, BTreeMap<Source, Told>>,
}

impl Wants {
    /// Their pictures are shown on so many lines now: 0 when nobody sees them, `None` when that is not known. Gives what
    /// they are to be told, if anything.
    pub(super) fn look<const SOURCES: usize>(
        &mut self,
        now: Instant,
        peer: PeerId,
        shown: [(Source, Option<u16>); SOURCES],
    ) -> Option<Vec<Wanted>> {
        let told = self.told.entry(peer).or_default();
        let mut changed = false;
        for (source, lines) in shown {
            changed |= told.entry(source).or_insert(Told::NOTHING).look(now, lines);
        }
        // Each word says all that was ever said.
        let wanted = told.iter().filter(|(_, told)| told.named);
        changed.then(|| wanted.map(|(source, told)| Wanted { source: *source, height: told.lines }).collect())
    }

    /// Whether they were told that somebody looks at their camera's pictures.
    pub(super) fn looks(&self, peer: PeerId) -> bool {
        let told = self.told.get(&peer).and_then(|told| told.get(&Source::Camera));
        told.is_none_or(|told| told.lines > 0)
    }

    /// They are gone.
    pub(super) fn forget(&mut self, peer: PeerId) {
        self.told.remove(&peer);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PEER: PeerId = PeerId::from_bytes([1; 32]);
    const LOOK: Duration = Duration::from_millis(100);

    fn heights(lines: &[Option<u16>]) -> Vec<Option<u16>> {
        let (mut wants, start) = (Wants::default(), Instant::now());
        let look = |(n, lines): (u32, &Option<u16>)| {
            wants.look(start + n * LOOK, PEER, [(Source::Camera, *lines)]).map(|wanted| wanted[0].height)
        };
        (0..).zip(lines).map(look).collect()
    }

    #[test]
    fn more_is_asked_for_at_once_and_less_when_it_lasts() {
        assert_eq!(heights(&[None, None]), [None, None], "who does not know says nothing");
        let small = Some(180);
        assert_eq!(heights(&[small, small, small, small, small]), [None, None, None, small, None]);
        let grown = heights(&[small, small, small, small, Some(720), small, Some(720)]);
        assert_eq!(grown, [None, None, None, small, Some(720), None, None]);
    }

    #[test]
    fn what_nobody_sees_is_not_sent_and_comes_back_at_once() {
        let hidden = heights(&[Some(720), Some(0), Some(0), Some(0), Some(0), Some(0), Some(360)]);
        assert_eq!(hidden, [None, None, None, Some(0), None, None, Some(360)]);
        let ended = heights(&[Some(0), Some(0), Some(0), Some(0), None]);
        assert_eq!(ended, [None, None, None, Some(0), Some(ANY)]);
    }

    #[test]
    fn every_word_says_what_is_known_of_all_sources() {
        let (mut wants, start) = (Wants::default(), Instant::now());
        let mut look = |at: u32, camera, screen| {
            let shown = [(Source::Camera, camera), (Source::Screen, screen)];
            let told = wants.look(start + at * LOOK, PEER, shown)?;
            Some(told.into_iter().map(|wanted| (wanted.source, wanted.height)).collect::<Vec<_>>())
        };
        assert_eq!(look(0, Some(180), None), None);
        assert_eq!(look(4, Some(180), None), Some(vec![(Source::Camera, 180)]));
        assert_eq!(look(5, Some(180), Some(0)), None);
        assert_eq!(look(9, Some(180), Some(0)), Some(vec![(Source::Camera, 180), (Source::Screen, 0)]));
        assert_eq!(look(10, Some(180), None), Some(vec![(Source::Camera, 180), (Source::Screen, ANY)]));
    }

    proptest! {
        #[test]
        fn what_was_said_last_is_never_much_less_than_what_is_shown_nor_more_for_long(
            steps in prop::collection::vec(prop::option::of(0u16..1_200), 1..60),
        ) {
            let (mut wants, mut now, mut said) = (Wants::default(), Instant::now(), ANY);
            for lines in &steps {
                now += LOOK;
                said = wants.look(now, PEER, [(Source::Camera, *lines)]).map_or(said, |wanted| wanted[0].height);
                prop_assert!(said >= lines.unwrap_or(ANY), "{said} for {lines:?}");
            }
            let last = steps.last().copied().flatten();
            for _ in 0..5 {
                now += LOOK;
                said = wants.look(now, PEER, [(Source::Camera, last)]).map_or(said, |wanted| wanted[0].height);
            }
            let wanted = u32::from(last.unwrap_or(ANY));
            prop_assert!(u32::from(said) * 9 <= wanted * 10, "{said} for {wanted}");
        }
    }
}
