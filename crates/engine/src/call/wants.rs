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

/// What one person was told.
#[derive(Debug, Clone, Copy)]
struct Told {
    lines: u16,
    /// Since when less would do.
    less_since: Option<Instant>,
}

/// See the module's description.
#[derive(Debug, Default)]
pub(super) struct Wants {
    told: BTreeMap<PeerId, Told>,
}

impl Wants {
    /// Their camera's picture is shown on so many lines now: 0 when nobody sees it, `None` when that is not known. Gives what
    /// they are to be told, if anything.
    pub(super) fn look(&mut self, now: Instant, peer: PeerId, lines: Option<u16>) -> Option<Vec<Wanted>> {
        let wanted = lines.unwrap_or(ANY);
        // Whoever was told nothing sends any size.
        let told = self.told.entry(peer).or_insert(Told { lines: ANY, less_since: None });
        // A tenth less is not worth a word.
        let less = wanted == 0 || u32::from(wanted) * 10 < u32::from(told.lines) * 9;
        if wanted > told.lines {
            *told = Told { lines: wanted, less_since: None };
        } else if told.lines == 0 || !less {
            told.less_since = None;
            return None;
        } else if now.saturating_duration_since(*told.less_since.get_or_insert(now)) >= SHRINK_WAIT {
            *told = Told { lines: wanted, less_since: None };
        } else {
            return None;
        }
        Some(vec![Wanted { source: Source::Camera, height: told.lines }])
    }

    /// Whether they were told that somebody looks.
    pub(super) fn looks(&self, peer: PeerId) -> bool {
        self.told.get(&peer).is_none_or(|told| told.lines > 0)
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
            wants.look(start + n * LOOK, PEER, *lines).map(|wanted| wanted[0].height)
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

    proptest! {
        #[test]
        fn what_was_said_last_is_never_much_less_than_what_is_shown_nor_more_for_long(
            steps in prop::collection::vec(prop::option::of(0u16..1_200), 1..60),
        ) {
            let (mut wants, mut now, mut said) = (Wants::default(), Instant::now(), ANY);
            for lines in &steps {
                now += LOOK;
                said = wants.look(now, PEER, *lines).map_or(said, |wanted| wanted[0].height);
                prop_assert!(said >= lines.unwrap_or(ANY), "{said} for {lines:?}");
            }
            let last = steps.last().copied().flatten();
            for _ in 0..5 {
                now += LOOK;
                said = wants.look(now, PEER, last).map_or(said, |wanted| wanted[0].height);
            }
            let wanted = u32::from(last.unwrap_or(ANY));
            prop_assert!(u32::from(said) * 9 <= wanted * 10, "{said} for {wanted}");
        }
    }
}
