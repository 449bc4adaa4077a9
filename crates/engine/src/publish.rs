//! The snapshot and the numbered events that keep every copy of it current.

use std::time::Instant;

use tokio::sync::broadcast;

use crate::api::{Event, NumberedEvent, Snapshot};
use crate::call::unix_millis;
use crate::report::{History, Reporter};

/// Events that a slow subscriber may fall behind before it must ask for a new snapshot: with ten of levels and thirty of a
/// game a second, half a minute of a window that does not draw.
const BACKLOG: usize = 2048;

/// Holds the one snapshot; every change goes through [`Publisher::publish`].
pub(crate) struct Publisher {
    snapshot: Snapshot,
    events: broadcast::Sender<NumberedEvent>,
    /// Hears all that anybody is told, also while nobody listens.
    reporter: Reporter,
}

impl Publisher {
    pub(crate) fn new(snapshot: Snapshot) -> Self {
        Self { snapshot, events: broadcast::Sender::new(BACKLOG), reporter: Reporter::default() }
    }

    /// The state now.
    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The state now and everything after it, without a gap: both are taken on the one task that publishes.
    pub(crate) fn subscribe(&self) -> (Snapshot, broadcast::Receiver<NumberedEvent>) {
        (self.snapshot.clone(), self.events.subscribe())
    }

    /// How the call goes, or how the last one went.
    pub(crate) fn history(&self) -> Option<&History> {
        self.reporter.history()
    }

    /// Applies `event` to the snapshot and tells every subscriber; an event that changes nothing is not told.
    pub(crate) fn publish(&mut self, event: Event) {
        // Two seconds in which nothing changed are two seconds.
        self.reporter.hear(Instant::now(), unix_millis(), &event);
        if !apply(&mut self.snapshot, &event) {
            return;
        }
        self.snapshot.number += 1;
        // An error only says that nobody listens.
        let _ = self.events.send(NumberedEvent { number: self.snapshot.number, event });
    }
}

/// Whether the event says anything new.
fn apply(snapshot: &mut Snapshot, event: &Event) -> bool {
    fn replace<T: PartialEq + Clone>(part: &mut T, with: &T) -> bool {
        let changed = part != with;
        if changed {
            part.clone_from(with);
        }
        changed
    }
    match event {
        Event::Settings { settings } => replace(&mut snapshot.settings, settings),
        Event::Devices { devices } => replace(&mut snapshot.devices, devices),
        Event::Preview { preview } => replace(&mut snapshot.preview, preview),
        Event::Call { call } => replace(&mut snapshot.call, call),
        Event::Levels { levels } => replace(&mut snapshot.levels, levels),
        Event::Statistics { statistics } => replace(&mut snapshot.statistics, statistics),
        Event::Nearby { nearby } => replace(&mut snapshot.nearby, nearby),
        Event::Recent { recent } => replace(&mut snapshot.recent, recent),
        Event::LastCall { summary } => replace(&mut snapshot.last_call, summary),
        Event::Chat { change } => change.apply(&mut snapshot.chat),
        Event::Board { change } => change.apply(&mut snapshot.board),
        Event::Files { change } => change.apply(&mut snapshot.files),
        Event::Games { games } => replace(&mut snapshot.games, games),
        Event::Arena { change } => change.apply(&mut snapshot.arena),
        Event::Sheet { change } => change.apply(&mut snapshot.sheet),
        Event::Notice { .. } | Event::Reaction { .. } | Event::BoardLive { .. } => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Settings;

    fn named(name: &str) -> Event {
        Event::Settings { settings: Settings { name: name.into(), ..Settings::default() } }
    }

    #[test]
    fn events_are_numbered_without_a_gap_after_the_snapshot() {
        let mut publisher = Publisher::new(Snapshot::default());
        publisher.publish(named("before"));
        let (snapshot, mut events) = publisher.subscribe();
        publisher.publish(named("a"));
        publisher.publish(named("b"));
        assert_eq!(snapshot.settings.name, "before");
        assert_eq!(events.try_recv().unwrap().number, snapshot.number + 1);
        assert_eq!(events.try_recv().unwrap().number, snapshot.number + 2);
    }

    #[test]
    fn what_changes_nothing_is_not_told() {
        let mut publisher = Publisher::new(Snapshot::default());
        publisher.publish(named("a"));
        let (_, mut events) = publisher.subscribe();
        publisher.publish(named("a"));
        assert!(events.try_recv().is_err());
    }
}
