//! This machine's addresses: which there are, which lead out, and which of them a connection offers to the other side.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};

/// Somewhere on the internet (two of the DNS's root servers). Nothing is sent there: the system is only asked which of
/// its addresses it would use for the way.
const OUT: [(IpAddr, IpAddr); 2] = [
    (IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V4(Ipv4Addr::new(198, 41, 0, 4))),
    (IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::new(0x2001, 0x503, 0xba3e, 0, 0, 0, 2, 0x30))),
];
/// The discard service (RFC 863).
const PORT: u16 = 9;

/// How many addresses are offered to the other side. Every one of theirs is checked against every one of ours, 20 times
/// a second (RFC 8445, section 14): with eight on both sides each pair has had its turn after 3.2 s, and those that are
/// likely to work come first.
const MAX_OFFERED: usize = 8;

/// An address of this machine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalAddress {
    /// The address.
    pub ip: IpAddr,
    /// The interface's number for a link-local IPv6 address, which means something on its own link only (RFC 4007);
    /// else 0.
    pub scope: u32,
}

impl fmt::Debug for LocalAddress {
    // Addresses tell where somebody is, and structures reach logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalAddress(..)")
    }
}

impl LocalAddress {
    /// It with a port, as a socket is bound to it.
    pub(crate) fn socket_address(self, port: u16) -> SocketAddr {
        match self.ip {
            IpAddr::V4(ip) => (ip, port).into(),
            IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, self.scope).into(),
        }
    }
}

/// What is known of an address, for choosing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interface {
    pub(crate) address: LocalAddress,
    /// The interface's number; addresses of one interface share it.
    pub(crate) index: u32,
    /// Whether anything is at its other end: a container's bridge without containers is not running.
    pub(crate) running: bool,
}

/// The addresses that a call may use, and those of them that lead out.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct LocalAddresses {
    /// All of them but loopback's.
    pub usable: BTreeSet<LocalAddress>,
    /// Those that the system uses towards the internet: one at most of IPv4 and of IPv6.
    pub routed: BTreeSet<IpAddr>,
}

impl fmt::Debug for LocalAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalAddresses").field("usable", &self.usable.len()).finish_non_exhaustive()
    }
}

impl LocalAddresses {
    /// As they are now; takes microseconds on Linux and milliseconds elsewhere.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn now() -> io::Result<Self> {
        let usable = interfaces()?.into_iter().map(|interface| interface.address).collect();
        Ok(Self { usable, routed: routed() })
    }
}

/// Every address that somebody else may reach.
pub(crate) fn interfaces() -> io::Result<Vec<Interface>> {
    let is_usable = |ip: &IpAddr| !ip.is_loopback() && !ip.is_unspecified() && !ip.is_multicast();
    let found = if_addrs::get_if_addrs()?.into_iter().filter(|found| is_usable(&found.ip()));
    Ok(found
        .map(|found| {
            let index = found.index.unwrap_or(0);
            let scope = if is_link_local_v6(&found.ip()) { index } else { 0 };
            // Tunnels say that their state is unknown.
            let running = !matches!(
                found.oper_status,
                if_addrs::IfOperStatus::Down
                    | if_addrs::IfOperStatus::NotPresent
                    | if_addrs::IfOperStatus::LowerLayerDown
            );
            Interface { address: LocalAddress { ip: found.ip(), scope }, index, running }
        })
        .collect())
}

/// The addresses that the system uses towards the internet.
pub(crate) fn routed() -> BTreeSet<IpAddr> {
    OUT.into_iter().filter_map(|(from, to)| source(from, SocketAddr::new(to, PORT))).collect()
}

/// The address that the system would send from to get there; `None` without a way.
pub(crate) fn source(from: IpAddr, to: SocketAddr) -> Option<IpAddr> {
    let socket = UdpSocket::bind((from, 0)).ok()?;
    socket.connect(to).ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|ip| !ip.is_unspecified())
}

/// Whether an address means something on its own link only.
pub(crate) fn is_link_local(ip: &IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if ip.is_link_local()) || is_link_local_v6(ip)
}

fn is_link_local_v6(ip: &IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

/// The addresses to offer, the likeliest first: those that lead out, then one of each family of every interface that
/// runs, then the others. A link-local one is offered where its interface has no other.
pub(crate) fn choose(interfaces: &[Interface], routed: &BTreeSet<IpAddr>) -> Vec<LocalAddress> {
    let mut others = HashMap::<u32, usize>::new();
    for interface in interfaces.iter().filter(|interface| !is_link_local(&interface.address.ip)) {
        *others.entry(interface.index).or_default() += 1;
    }
    let mut seen = HashMap::<(u32, bool), usize>::new();
    let mut ranked: Vec<_> = interfaces
        .iter()
        .enumerate()
        .filter(|(_, interface)| {
            !is_link_local(&interface.address.ip) || !others.contains_key(&interface.index)
        })
        .map(|(order, interface)| {
            // Privacy addresses (RFC 8981) and old ones: one interface may have a dozen.
            let sibling = seen.entry((interface.index, interface.address.ip.is_ipv6())).or_default();
            *sibling += 1;
            let leads_out = routed.contains(&interface.address.ip);
            ((!leads_out, !interface.running, *sibling > 1, order), interface.address)
        })
        .collect();
    ranked.sort();
    let mut chosen: Vec<LocalAddress> = Vec::new();
    for (_, address) in ranked {
        if chosen.len() < MAX_OFFERED && !chosen.contains(&address) {
            chosen.push(address);
        }
    }
    chosen
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn interface(index: u32, ip: &str) -> Interface {
        let ip: IpAddr = ip.parse().unwrap();
        let scope = if is_link_local_v6(&ip) { index } else { 0 };
        Interface { address: LocalAddress { ip, scope }, index, running: true }
    }

    fn chosen(interfaces: &[Interface], routed: &[&str]) -> Vec<String> {
        let routed = routed.iter().map(|ip| ip.parse().unwrap()).collect();
        choose(interfaces, &routed).iter().map(|address| address.ip.to_string()).collect()
    }

    #[test]
    fn of_many_addresses_those_that_lead_out_come_first_and_eight_are_offered() {
        let mut interfaces: Vec<Interface> =
            (1..=30).map(|n| interface(n, &format!("172.17.{n}.1"))).collect();
        interfaces.push(interface(40, "192.168.1.20"));
        interfaces.push(interface(40, "2001:db8::20"));
        let chosen = chosen(&interfaces, &["192.168.1.20", "2001:db8::20"]);
        assert_eq!(chosen.len(), MAX_OFFERED);
        assert_eq!(chosen[..2], ["192.168.1.20", "2001:db8::20"]);
        assert_eq!(chosen[2], "172.17.1.1");
    }

    #[test]
    fn what_runs_comes_before_what_does_not_and_privacy_addresses_come_last() {
        let mut bridge = interface(3, "172.17.0.1");
        bridge.running = false;
        let interfaces = [
            bridge,
            interface(2, "2001:db8::1"),
            interface(2, "2001:db8::2"),
            interface(2, "192.168.1.20"),
            interface(4, "10.8.0.2"),
        ];
        assert_eq!(
            chosen(&interfaces, &["192.168.1.20"]),
            ["192.168.1.20", "2001:db8::1", "10.8.0.2", "2001:db8::2", "172.17.0.1"]
        );
    }

    #[test]
    fn a_link_local_address_is_offered_where_there_is_no_other() {
        let interfaces = [
            interface(2, "192.168.1.20"),
            interface(2, "fe80::2"),
            interface(3, "fe80::3"),
            interface(3, "169.254.7.7"),
        ];
        assert_eq!(chosen(&interfaces, &["192.168.1.20"]), ["192.168.1.20", "fe80::3", "169.254.7.7"]);
        assert_eq!(choose(&interfaces, &BTreeSet::new())[1].scope, 3);
    }

    #[test]
    fn this_machines_addresses_can_be_asked_for_and_are_not_in_logs() {
        let addresses = LocalAddresses::now().unwrap();
        assert!(addresses.usable.iter().all(|address| !address.ip.is_loopback()));
        let text = format!("{:?}", addresses.usable);
        assert!(addresses.usable.iter().all(|address| !text.contains(&address.ip.to_string())), "{text}");
    }
}
