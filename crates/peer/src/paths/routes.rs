//! From which of our addresses it goes to whom. A route is learned from what comes, and settled by ICE's nomination: both
//! sides must use the same pair, or a router between forgets it.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rtc::stun::message::TransactionId;

use crate::interfaces::LocalAddress;
use crate::stun::Ice;

/// A route over which nothing came for this long gives way to another over which something comes: two consent checks
/// were lost.
const STALE: Duration = Duration::from_millis(2_500);
/// A path over which something came within this time works: in a call sound comes fifty times a second, and a check each
/// second at least.
const ALIVE: Duration = Duration::from_millis(1_500);
/// Requests whose answers have to leave where they came in. The library answers at once.
const MAX_REPLIES: usize = 64;
/// More of them than anybody has candidates; an attacker must not take memory.
const MAX_ROUTES: usize = 256;

#[derive(Debug, Clone, Copy)]
struct Route {
    from: LocalAddress,
    heard: Instant,
    nominated: bool,
}

/// The routes of one connection.
#[derive(Debug, Default)]
pub(super) struct Routes {
    /// By the other side's address, without a scope.
    routes: HashMap<SocketAddr, Route>,
    replies: VecDeque<(TransactionId, LocalAddress)>,
}

impl Routes {
    /// From where it goes to this address.
    pub(super) fn to(&self, remote: SocketAddr) -> Option<LocalAddress> {
        self.routes.get(&remote).map(|route| route.from)
    }

    /// Whether something came from there just now.
    pub(super) fn is_alive(&self, now: Instant, remote: SocketAddr) -> bool {
        self.routes.get(&remote).is_some_and(|route| now.saturating_duration_since(route.heard) < ALIVE)
    }

    /// From where the answer to this request goes.
    pub(super) fn reply(&mut self, transaction: TransactionId) -> Option<LocalAddress> {
        let at = self.replies.iter().position(|(known, _)| *known == transaction)?;
        self.replies.remove(at).map(|(_, from)| from)
    }

    /// A datagram came from `remote` to this address of ours.
    pub(super) fn heard(&mut self, now: Instant, remote: SocketAddr, at: LocalAddress, said: Ice) {
        let nominates = matches!(said, Ice::Check { nominates: true, .. });
        if let Ice::Check { transaction, .. } = said {
            if self.replies.len() == MAX_REPLIES {
                self.replies.pop_front();
            }
            self.replies.push_back((transaction, at));
        }
        if self.routes.len() >= MAX_ROUTES && !self.routes.contains_key(&remote) {
            return;
        }
        let fresh = Route { from: at, heard: now, nominated: nominates };
        let route = self.routes.entry(remote).or_insert(fresh);
        if route.from == at {
            route.heard = now;
            route.nominated |= nominates;
        } else if nominates || now.saturating_duration_since(route.heard) > STALE {
            *route = fresh;
        }
    }

    /// Those from addresses that are gone are forgotten.
    pub(super) fn retain(&mut self, is_there: impl Fn(&LocalAddress) -> bool) {
        self.routes.retain(|_, route| is_there(&route.from));
        self.replies.retain(|(_, from)| is_there(from));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn ours(n: u8) -> LocalAddress {
        LocalAddress { ip: [192, 0, 2, n].into(), scope: 0 }
    }

    fn check(nominates: bool) -> Ice {
        Ice::Check { transaction: TransactionId::new(), nominates }
    }

    #[test]
    fn what_comes_shows_the_way_and_a_nomination_settles_it() {
        let (mut routes, now) = (Routes::default(), Instant::now());
        let them: SocketAddr = "198.51.100.9:5000".parse().unwrap();
        assert_eq!(routes.to(them), None);
        routes.heard(now, them, ours(1), check(false));
        routes.heard(now, them, ours(2), check(false));
        assert_eq!(routes.to(them), Some(ours(1)));
        routes.heard(now, them, ours(2), check(true));
        assert_eq!(routes.to(them), Some(ours(2)));
    }

    #[test]
    fn a_way_that_fell_silent_gives_way_to_one_that_speaks() {
        let (mut routes, now) = (Routes::default(), Instant::now());
        let them: SocketAddr = "198.51.100.9:5000".parse().unwrap();
        routes.heard(now, them, ours(1), check(true));
        routes.heard(now + STALE, them, ours(2), Ice::Other);
        assert_eq!(routes.to(them), Some(ours(1)));
        routes.heard(now + STALE * 2, them, ours(2), Ice::Other);
        assert_eq!(routes.to(them), Some(ours(2)));
        routes.retain(|address| *address != ours(2));
        assert_eq!(routes.to(them), None);
    }

    #[test]
    fn an_answer_leaves_where_its_request_came_in() {
        let (mut routes, now) = (Routes::default(), Instant::now());
        let them: SocketAddr = "198.51.100.9:5000".parse().unwrap();
        let transaction = TransactionId::new();
        routes.heard(now, them, ours(1), check(true));
        routes.heard(now, them, ours(2), Ice::Check { transaction, nominates: false });
        assert_eq!(routes.reply(transaction), Some(ours(2)));
        assert_eq!(routes.reply(transaction), None);
    }
}
