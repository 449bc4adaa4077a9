//! The room's safety number, made beside the call's task because it is slow on purpose. A room of eight that meets at once changes
//! seven times within a second: one number is made at a time, and the next one is of the room as it is by then.

use std::collections::BTreeSet;
use std::future::pending;

use tincan_protocol::PeerId;
use tokio::task::JoinSet;
use tracing::warn;

use crate::api::SafetyNumber;

/// Who is in the room.
type Everybody = BTreeSet<PeerId>;

/// See the module's description.
pub(super) struct Numbers {
    make: fn(&Everybody) -> SafetyNumber,
    room: Everybody,
    /// At most one.
    making: JoinSet<(Everybody, SafetyNumber)>,
}

impl Numbers {
    /// Numbers that are made by this, on a thread that may wait.
    pub(super) fn new(make: fn(&Everybody) -> SafetyNumber) -> Self {
        Self { make, room: Everybody::new(), making: JoinSet::new() }
    }

    /// The room consists of these now, ourselves included. Alone there is nobody to compare a number with.
    pub(super) fn room(&mut self, everybody: Everybody) {
        self.room = everybody;
        self.begin();
    }

    fn begin(&mut self) {
        if self.making.is_empty() && self.room.len() > 1 {
            let (make, room) = (self.make, self.room.clone());
            self.making.spawn_blocking(move || {
                let number = make(&room);
                (room, number)
            });
        }
    }

    /// The number of the room as it is, when it is made. Cancel-safe.
    pub(super) async fn made(&mut self) -> SafetyNumber {
        loop {
            match self.making.join_next().await {
                Some(Ok((of, number))) if of == self.room => return number,
                Some(Ok(_)) => self.begin(),
                Some(Err(error)) => warn!(%error, "the safety number was not made"),
                None => pending().await,
            }
        }
    }

    /// Returns when nothing is being made any more.
    pub(super) async fn end(mut self) {
        while self.making.join_next().await.is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    static MADE: AtomicU32 = AtomicU32::new(0);

    /// How many are in the room.
    fn count(room: &Everybody) -> SafetyNumber {
        MADE.fetch_add(1, Ordering::Relaxed);
        SafetyNumber { words: Vec::new(), digits: room.len().to_string() }
    }

    fn people(count: u8) -> Everybody {
        (0..count).map(|n| PeerId::from_bytes([n; 32])).collect()
    }

    #[tokio::test]
    async fn a_room_that_fills_at_once_makes_a_number_of_the_first_and_of_the_last_change_only() {
        let mut numbers = Numbers::new(count);
        for everybody in 2..=8 {
            numbers.room(people(everybody));
        }
        assert_eq!(numbers.made().await.digits, "8");
        assert_eq!(MADE.load(Ordering::Relaxed), 2);

        // Of a room that we are alone in there is none, whatever was being made.
        numbers.room(people(3));
        numbers.room(people(1));
        let none = tokio::time::timeout(std::time::Duration::from_millis(200), numbers.made()).await;
        assert!(none.is_err(), "{none:?}");
        numbers.end().await;
    }
}
