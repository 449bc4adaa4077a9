//! Candidates as text (RFC 8839, section 5.1), between what the library knows of its sockets and what the other side is
//! told.

use std::net::{IpAddr, SocketAddr};

/// What a candidate's line says, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Said<'a> {
    pub(crate) component: &'a str,
    pub(crate) address: SocketAddr,
    pub(crate) kind: &'a str,
}

/// Reads what follows `candidate:`; `None` for a name instead of an address, and for what is no candidate.
pub(crate) fn read(candidate: &str) -> Option<Said<'_>> {
    let mut words = candidate.split_whitespace();
    let component = words.nth(1)?;
    let ip: IpAddr = words.nth(2)?.parse().ok()?;
    let port = words.next()?.parse().ok()?;
    let kind = words.nth(1)?;
    Some(Said { component, address: SocketAddr::new(ip, port), kind })
}

/// The candidate of a socket; `rank` 0 is the one that is preferred most. What precedes is `candidate:`.
pub(crate) fn host(rank: usize, address: SocketAddr) -> String {
    // RFC 8445, section 5.1.2: 126 for an address of the machine itself, a preference that differs, component 1.
    let preference = 65_535 - rank.min(65_535) as u32;
    let priority = (126 << 24) | (preference << 8) | 255;
    format!("{} 1 udp {priority} {} {} typ host", rank + 1, address.ip(), address.port())
}

/// A description in which every candidate is replaced by those that `told` makes of it, without what precedes.
pub(crate) fn replace(sdp: &str, mut told: impl FnMut(&str) -> Vec<String>) -> String {
    let mut replaced = String::with_capacity(sdp.len());
    for line in sdp.split_inclusive('\n') {
        match line.strip_prefix("a=candidate:") {
            Some(candidate) => {
                for candidate in told(candidate.trim_end()) {
                    replaced.push_str(&format!("a=candidate:{candidate}\r\n"));
                }
            }
            None => replaced.push_str(line),
        }
    }
    replaced
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_sockets_candidate_can_be_read_again_and_the_first_is_preferred() {
        let address: SocketAddr = "[2001:db8::7]:4000".parse().unwrap();
        let (first, second) = (host(0, address), host(1, address));
        assert_eq!(read(&first), Some(Said { component: "1", address, kind: "host" }));
        let priority = |candidate: &str| candidate.split(' ').nth(3).unwrap().parse::<u32>().unwrap();
        assert!(priority(&first) > priority(&second));
        assert_eq!(priority(&first), 2_130_706_431);
        assert_eq!(read("1 1 udp 1 0b8e.local 4000 typ host"), None);
        assert_eq!(read("1 1 udp"), None);
    }

    #[test]
    fn only_candidates_of_a_description_are_replaced() {
        let sdp = "v=0\r\na=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\na=mid:0\r\n";
        let told = replace(sdp, |candidate| {
            assert_eq!(candidate, "1 1 udp 1 127.0.0.1 9 typ host");
            vec!["x".to_owned(), "y".to_owned()]
        });
        assert_eq!(told, "v=0\r\na=candidate:x\r\na=candidate:y\r\na=mid:0\r\n");
    }
}
