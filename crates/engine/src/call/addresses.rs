//! Watches the machine's addresses, so that a call moves to the new network as soon as there is one instead of waiting
//! until it is missed on the old one.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use tincan_peer::{LocalAddress, LocalAddresses};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tracing::debug;

/// Asking takes microseconds, works alike on every system, and twice this is not noticed in a call that is interrupted
/// anyway. Crates that are told by the system instead (`netwatch`) bring 25 others along for the quarter of a second.
const PERIOD: Duration = Duration::from_millis(250);

/// How many looks in a row have to find the same of an address.
const LOOKS: u32 = 2;

/// How many looks a way out that is gone is waited for: leaving one network takes its address away first and brings the
/// next one's later, and until then only a container's bridge may be left.
const PATIENCE: u32 = 8;

/// What became of the machine's addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// These are gone, and with them every socket on them.
    pub(crate) lost: BTreeSet<IpAddr>,
    /// There are others now.
    pub(crate) gained: bool,
}

/// The addresses as they were told, and a timer to look again.
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
            let Ok(Ok(now)) = tokio::task::spawn_blocking(LocalAddresses::now).await else {
                debug!("the machine's addresses are not told");
                continue;
            };
            if let Some(change) = self.settled.observe(now) {
                debug!(lost = change.lost.len(), change.gained, "the machine's addresses changed");
                return change;
            }
        }
    }
}

/// Tells a change of an address once it is sure, whatever others do meanwhile.
#[derive(Debug, Default)]
struct Settled {
    /// Whether there was a look before.
    begun: bool,
    /// What was told.
    told: BTreeSet<LocalAddress>,
    /// Those among them that led out when they were seen last.
    routed: BTreeSet<IpAddr>,
    /// For how many looks in a row an address was otherwise than told.
    otherwise: Vec<(LocalAddress, u32)>,
}

impl Settled {
    fn observe(&mut self, now: LocalAddresses) -> Option<Change> {
        if !self.begun {
            *self = Self { begun: true, told: now.usable, routed: now.routed, otherwise: Vec::new() };
            return None;
        }
        let before = std::mem::take(&mut self.otherwise);
        let looks = |address: &LocalAddress| {
            1 + before.iter().find(|(other, _)| other == address).map_or(0, |(_, looks)| *looks)
        };
        self.otherwise =
            self.told.symmetric_difference(&now.usable).map(|address| (*address, looks(address))).collect();
        let sure = |least: u32| self.otherwise.iter().filter(move |(_, looks)| *looks >= least);
        // Without any address there is nothing to move to; when the old ones come back, their sockets still work.
        if now.usable.is_empty() || sure(LOOKS).next().is_none() {
            self.note_routes(&now);
            return None;
        }
        let led_out =
            sure(LOOKS).any(|(address, _)| self.routed.contains(&address.ip) && self.told.contains(address));
        let is_sure = |ip: &IpAddr| {
            self.told.iter().any(|told| told.ip == *ip) || sure(LOOKS).any(|(sure, _)| sure.ip == *ip)
        };
        let leads_out = now.routed.iter().any(is_sure);
        if led_out && !leads_out && sure(PATIENCE).next().is_none() {
            return None;
        }
        let (lost, gained): (Vec<_>, Vec<_>) =
            sure(LOOKS).map(|(address, _)| *address).partition(|address| self.told.contains(address));
        for address in &lost {
            self.told.remove(address);
        }
        self.told.extend(&gained);
        self.otherwise.retain(|(_, looks)| *looks < LOOKS);
        self.note_routes(&now);
        let lost = lost.into_iter().map(|address| address.ip).collect();
        Some(Change { lost, gained: !gained.is_empty() })
    }

    fn note_routes(&mut self, now: &LocalAddresses) {
        // The way out of a moment without any is not forgotten, or nothing would be known of an address that goes.
        if !now.routed.is_empty() {
            self.routed.clone_from(&now.routed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last_byte: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last_byte])
    }

    /// What is told of these looks: the last bytes of the addresses, of which those below 100 lead out.
    fn told(looks: &[&[u8]]) -> Vec<(Vec<u8>, bool)> {
        let mut settled = Settled::default();
        let mut told = Vec::new();
        for look in looks {
            let now = LocalAddresses {
                usable: look.iter().map(|byte| LocalAddress { ip: ip(*byte), scope: 0 }).collect(),
                routed: look.iter().filter(|byte| **byte < 100).map(|byte| ip(*byte)).collect(),
            };
            if let Some(change) = settled.observe(now) {
                let last = |ip: &IpAddr| if let IpAddr::V4(ip) = ip { ip.octets()[3] } else { 0 };
                told.push((change.lost.iter().map(last).collect(), change.gained));
            }
        }
        told
    }

    #[test]
    fn another_network_is_told_once_it_is_there() {
        assert_eq!(told(&[&[1], &[1], &[], &[], &[2], &[2], &[2]]), [(vec![1], true)]);
    }

    #[test]
    fn an_address_that_comes_back_is_no_change() {
        assert_eq!(told(&[&[1], &[], &[], &[1], &[1]]), []);
    }

    #[test]
    fn a_second_network_is_gained_and_lost_again() {
        let looks: &[&[u8]] = &[&[1], &[1, 2], &[1, 2], &[1], &[1]];
        assert_eq!(told(looks), [(vec![], true), (vec![2], false)]);
    }

    #[test]
    fn a_machine_that_was_offline_gains_its_network() {
        assert_eq!(told(&[&[], &[], &[1], &[1]]), [(vec![], true)]);
    }

    #[test]
    fn an_address_that_flickers_hides_no_other_that_goes() {
        let looks: &[&[u8]] = &[&[1, 2, 100], &[1, 2], &[1, 100], &[1], &[1, 100], &[1]];
        assert_eq!(told(looks)[0], (vec![2], false));
    }

    #[test]
    fn a_containers_bridge_is_not_moved_to_while_the_next_network_comes() {
        let looks: &[&[u8]] = &[&[1, 100], &[100], &[100], &[100], &[100], &[2, 100], &[2, 100]];
        assert_eq!(told(looks), [(vec![1], true)]);
    }

    #[test]
    fn a_cable_between_two_machines_is_moved_to_when_nothing_else_comes() {
        let mut looks: Vec<&[u8]> = vec![&[1, 100]];
        looks.extend([&[100u8][..]; 7]);
        assert_eq!(told(&looks), []);
        looks.push(&[100]);
        assert_eq!(told(&looks), [(vec![1], false)]);
    }
}
