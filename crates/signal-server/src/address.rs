//! Connections and rooms per address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;

/// What counts as one address: an IPv4 address, or the /64 that is one network of IPv6. Providers give a household a /56 and a
/// company a /48 (RFC 6177), and whoever has one can come from any /64 in it: so the /48 is counted too, as a *site*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Address {
    network: IpAddr,
    /// `None` for IPv4.
    site: Option<IpAddr>,
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V6(ip) => {
                let [a, b, c, d, ..] = ip.segments();
                Self {
                    network: Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into(),
                    site: Some(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).into()),
                }
            }
            v4 => Self { network: v4, site: None },
        }
    }
}

/// How much of something each address and each site has.
#[derive(Default)]
pub(crate) struct Counts {
    networks: HashMap<IpAddr, usize>,
    sites: HashMap<IpAddr, usize>,
}

impl Counts {
    /// Counts one more; false, and nothing is counted, when the address or its site has as many as it may.
    pub(crate) fn enter(&mut self, address: Address, per_network: usize, per_site: usize) -> bool {
        let has = |counts: &HashMap<IpAddr, usize>, key: IpAddr| counts.get(&key).copied().unwrap_or(0);
        let full = has(&self.networks, address.network) >= per_network
            || address.site.is_some_and(|site| has(&self.sites, site) >= per_site);
        if !full {
            *self.networks.entry(address.network).or_default() += 1;
            if let Some(site) = address.site {
                *self.sites.entry(site).or_default() += 1;
            }
        }
        !full
    }

    /// One less of an address that was counted.
    pub(crate) fn leave(&mut self, address: Address) {
        take_one(&mut self.networks, address.network);
        if let Some(site) = address.site {
            take_one(&mut self.sites, site);
        }
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.networks.is_empty() && self.sites.is_empty()
    }
}

/// Addresses with nothing are forgotten.
fn take_one(counts: &mut HashMap<IpAddr, usize>, key: IpAddr) {
    if let Some(count) = counts.get_mut(&key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&key);
        }
    }
}

/// How many connections each address has now.
///
/// A lock, because a guard gives its connection back on drop, where nothing can be awaited; it is held for two look-ups.
#[derive(Default)]
pub(crate) struct Addresses(Mutex<Counts>);

/// One connection of an address; gives it back when dropped.
pub(crate) struct Slot {
    addresses: Arc<Addresses>,
    address: Address,
}

impl Addresses {
    /// Counts a connection; `None` when the address or its site has as many as it may.
    pub(crate) fn enter(
        self: &Arc<Self>,
        address: Address,
        per_network: usize,
        per_site: usize,
    ) -> Option<Slot> {
        let entered = self.0.lock().enter(address, per_network, per_site);
        entered.then(|| Slot { addresses: self.clone(), address })
    }
}

impl Slot {
    pub(crate) fn address(&self) -> Address {
        self.address
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.addresses.0.lock().leave(self.address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        text.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn an_address_gets_its_limit_and_a_connection_comes_back() {
        let addresses = Arc::new(Addresses::default());
        let enter = |text| addresses.enter(address(text), 2, 5);
        let first = enter("192.0.2.1").unwrap();
        let _second = enter("192.0.2.1").unwrap();
        assert!(enter("192.0.2.1").is_none());
        let other = enter("192.0.2.2").unwrap();
        drop(first);
        let _third = enter("192.0.2.1").unwrap();
        drop(other);
        assert_eq!(addresses.0.lock().networks.len(), 1, "addresses without connections are forgotten");
    }

    #[test]
    fn a_network_is_one_address_in_either_family() {
        assert_eq!(address("2001:db8:1:2::1"), address("2001:db8:1:2:ffff::9"));
        assert_ne!(address("2001:db8:1:2::1"), address("2001:db8:1:3::1"));
        assert_eq!(address("::ffff:192.0.2.1"), address("192.0.2.1"));
    }

    #[test]
    fn a_site_has_a_limit_for_all_its_networks_together() {
        let mut counts = Counts::default();
        let networks = (0..100).map(|network| address(&format!("2001:db8:1:{network:x}::1")));
        let entered: Vec<_> = networks.filter(|network| counts.enter(*network, 2, 5)).collect();
        assert_eq!(entered.len(), 5);
        assert!(counts.enter(address("2001:db8:2::1"), 2, 5), "another site has its own");
        assert!(counts.enter(address("192.0.2.1"), 2, 5));
        for network in entered.into_iter().chain([address("2001:db8:2::1"), address("192.0.2.1")]) {
            counts.leave(network);
        }
        assert!(counts.is_empty());
    }
}
