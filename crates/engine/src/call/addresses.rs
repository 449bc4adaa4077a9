//! Watches the machine's addresses, so that a call moves to the new network as soon as there is one instead of waiting
//! until it is missed on the old one.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};
use tracing::debug;

/// Asking takes microseconds, works alike on every system, and twice this is not noticed in a call that is interrupted
/// anyway.
const PERIOD: Duration = Duration::from_millis(250);

/// What became of the machine's addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// One is gone, and with it every socket on it.
    Lost,
    /// There is another one; the others are still there.
    Gained,
}

/// See the module's description.
pub(crate) struct Addresses {
    ticks: Interval,
    settled: Settled,
}

impl Addresses {
    /// Must be called inside a tokio runtime.
    pub(crate) fn new() -> Self {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { ticks, settled: Settled::default() }
    }

    /// Returns when addresses have come or gone. May be dropped and called again at any time.
    pub(crate) async fn changed(&mut self) -> Change {
        loop {
            self.ticks.tick().await;
            // Some systems take milliseconds to answer.
            let Ok(Some(now)) = tokio::task::spawn_blocking(usable).await else { continue };
            if let Some(change) = self.settled.observe(now) {
                debug!(?change, "the machine's addresses changed");
                return change;
            }
        }
    }
}

/// The addresses that others may reach, as they are gathered for a connection.
fn usable() -> Option<BTreeSet<IpAddr>> {
    let interfaces = match if_addrs::get_if_addrs() {
        Ok(interfaces) => interfaces,
        Err(error) => {
            debug!(%error, "the machine's addresses are not told");
            return None;
        }
    };
    let is_usable = |address: &IpAddr| match address {
        IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_link_local(),
        IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unicast_link_local(),
    };
    Some(interfaces.into_iter().map(|interface| interface.ip()).filter(is_usable).collect())
}

/// Tells a change once it is complete: changing the network takes an address away first and brings another one later.
#[derive(Debug, Default)]
struct Settled {
    /// What was told last; `None` before the first look.
    told: Option<BTreeSet<IpAddr>>,
    seen: BTreeSet<IpAddr>,
}

impl Settled {
    fn observe(&mut self, now: BTreeSet<IpAddr>) -> Option<Change> {
        let again = self.seen == now;
        self.seen = now;
        let Some(told) = &self.told else {
            self.told = Some(self.seen.clone());
            return None;
        };
        // Without any address there is nothing to move to; when the old ones come back, their sockets still work.
        if !again || self.seen.is_empty() || self.seen == *told {
            return None;
        }
        let change = if told.is_subset(&self.seen) { Change::Gained } else { Change::Lost };
        self.told = Some(self.seen.clone());
        Some(change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(last_bytes: &[u8]) -> BTreeSet<IpAddr> {
        last_bytes.iter().map(|byte| IpAddr::from([192, 0, 2, *byte])).collect()
    }

    fn told(looks: &[&[u8]]) -> Vec<Change> {
        let mut settled = Settled::default();
        looks.iter().filter_map(|look| settled.observe(addresses(look))).collect()
    }

    #[test]
    fn another_network_is_told_once_it_is_there() {
        assert_eq!(told(&[&[1], &[1], &[], &[], &[2], &[2], &[2]]), [Change::Lost]);
    }

    #[test]
    fn an_address_that_comes_back_is_no_change() {
        assert_eq!(told(&[&[1], &[], &[], &[1], &[1]]), []);
    }

    #[test]
    fn a_second_network_is_gained_and_lost_again() {
        assert_eq!(told(&[&[1], &[1, 2], &[1, 2], &[1], &[1]]), [Change::Gained, Change::Lost]);
    }

    #[test]
    fn a_machine_that_was_offline_gains_its_network() {
        assert_eq!(told(&[&[], &[], &[1], &[1]]), [Change::Gained]);
    }
}
