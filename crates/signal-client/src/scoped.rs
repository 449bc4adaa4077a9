//! Link-local IPv6 addresses in URLs. They mean something together with the number of this machine's own interface only
//! (RFC 4007), which no URL can say (the WHATWG's standard leaves it out, against RFC 6874). So they are written as
//! Windows writes them in names of shares: `fe80--1s2.ipv6-literal.net` for `fe80::1` on interface 2. Nobody else
//! can use such a URL, and nobody is asked for the name.

use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};

const SUFFIX: &str = ".ipv6-literal.net";

/// What a URL calls this address, with its port.
pub(crate) fn authority(address: SocketAddr) -> String {
    match address {
        SocketAddr::V6(v6) if v6.scope_id() != 0 => {
            let ip = v6.ip().to_string().replace(':', "-");
            format!("{ip}s{}{SUFFIX}:{}", v6.scope_id(), v6.port())
        }
        address => address.to_string(),
    }
}

/// The address behind a name that [`authority`] made; `None` for any other name.
pub(crate) fn resolve(name: &str, port: u16) -> Option<SocketAddr> {
    let (ip, scope) = name.strip_suffix(SUFFIX)?.rsplit_once('s')?;
    let ip: Ipv6Addr = ip.replace('-', ":").parse().ok()?;
    let scope = scope.parse().ok()?;
    ip.is_unicast_link_local().then(|| SocketAddrV6::new(ip, port, 0, scope).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_local_address_survives_a_url() {
        let address: SocketAddr =
            SocketAddrV6::new("fe80::1:2ff:fe03:4".parse().unwrap(), 4815, 0, 12).into();
        let url = url::Url::parse(&format!("ws://{}/v1", authority(address))).unwrap();
        assert_eq!(resolve(url.host_str().unwrap(), url.port().unwrap()), Some(address));
    }

    #[test]
    fn other_addresses_and_names_stay_what_they_are() {
        for address in ["192.0.2.1:80", "[2001:db8::1]:80"] {
            assert_eq!(authority(address.parse().unwrap()), address);
        }
        for name in
            ["tincan.example", "ipv6-literal.net", "2001-db8--1s2.ipv6-literal.net", "s.ipv6-literal.net"]
        {
            assert_eq!(resolve(name, 80), None, "{name}");
        }
    }
}
