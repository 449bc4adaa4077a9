//! Connections per address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard};

/// What counts as one address: an IPv4 address, or the /64 that one household gets of IPv6.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct AddressKey(IpAddr);

impl From<IpAddr> for AddressKey {
    fn from(ip: IpAddr) -> Self {
        Self(match ip.to_canonical() {
            IpAddr::V6(ip) => {
                let [a, b, c, d, ..] = ip.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
            v4 => v4,
        })
    }
}

/// How many connections each address has now.
///
/// A lock, because a guard gives its place back on drop, where nothing can be awaited; it is held for one look-up.
#[derive(Default)]
pub(crate) struct Addresses(Mutex<HashMap<AddressKey, usize>>);

/// One connection of an address; gives its place back when dropped.
pub(crate) struct Slot {
    addresses: Arc<Addresses>,
    key: AddressKey,
}

impl Addresses {
    /// Counts a connection; `None` when the address has `limit` already.
    pub(crate) fn enter(self: &Arc<Self>, key: AddressKey, limit: usize) -> Option<Slot> {
        let mut counts = self.lock();
        let count = counts.entry(key).or_insert(0);
        if *count >= limit {
            return None;
        }
        *count += 1;
        Some(Slot { addresses: self.clone(), key })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AddressKey, usize>> {
        self.0.lock().expect("nothing panics while counting")
    }
}

impl Slot {
    pub(crate) fn key(&self) -> AddressKey {
        self.key
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut counts = self.addresses.lock();
        if let Some(count) = counts.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> AddressKey {
        text.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn an_address_gets_its_limit_and_a_place_comes_back() {
        let addresses = Arc::new(Addresses::default());
        let first = addresses.enter(key("192.0.2.1"), 2).unwrap();
        let _second = addresses.enter(key("192.0.2.1"), 2).unwrap();
        assert!(addresses.enter(key("192.0.2.1"), 2).is_none());
        assert!(addresses.enter(key("192.0.2.2"), 2).is_some());
        drop(first);
        assert!(addresses.enter(key("192.0.2.1"), 2).is_some());
        assert_eq!(addresses.lock().len(), 1, "addresses without connections are forgotten");
    }

    #[test]
    fn a_household_is_one_address_in_either_family() {
        assert!(key("2001:db8:1:2::1") == key("2001:db8:1:2:ffff::9"));
        assert!(key("2001:db8:1:2::1") != key("2001:db8:1:3::1"));
        assert!(key("::ffff:192.0.2.1") == key("192.0.2.1"));
    }
}
