//! The rooms, in memory.
//!
//! This is all that the server knows, behind five methods: `join`, `relay`, `next`, `leave` and the [`Connection`] that
//! tells a connection's task to look again. Everything in it comes from messages, so that a second server could learn it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::extract::ws::Utf8Bytes;
use parking_lot::Mutex;
use tincan_protocol::{Envelope, ErrorCode, Intent, PeerId, RoomId, ServerMessage};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::address::{Address, Counts};
use crate::config::Limits;
use crate::local::Occupancy;
use crate::metrics::Metrics;
use crate::outbox::Outbox;

/// Who wants to be in which room. That it is really them has been proven.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) room: RoomId,
    pub(crate) peer: PeerId,
    pub(crate) intent: Intent,
    pub(crate) address: Address,
    pub(crate) now: Instant,
}

/// One connection's hold on a membership. Another connection of the same participant takes it over.
pub(crate) struct Membership {
    room: RoomId,
    peer: PeerId,
    pub(crate) connection: Arc<Connection>,
}

/// How the registry reaches the task of a connection.
#[derive(Default)]
pub(crate) struct Connection {
    /// There may be something to send.
    pub(crate) waiting: Notify,
    /// The connection no longer holds the membership.
    pub(crate) ended: CancellationToken,
    reason: OnceLock<ErrorCode>,
}

impl Connection {
    fn end(&self, reason: ErrorCode) {
        // Only the first reason counts.
        let _ = self.reason.set(reason);
        self.ended.cancel();
    }

    /// Why it ended, once it has.
    pub(crate) fn reason(&self) -> Option<ErrorCode> {
        self.reason.get().copied()
    }
}

/// A participant in a room.
struct Member {
    connection: Arc<Connection>,
    outbox: Outbox,
    /// Since when there is no connection, while there is none.
    lost: Option<Instant>,
}

struct Room {
    creator: Address,
    members: BTreeMap<PeerId, Member>,
}

#[derive(Default)]
struct Rooms {
    rooms: HashMap<RoomId, Room>,
    by_creator: Counts,
    /// What all outboxes hold together.
    queued_bytes: usize,
}

/// The rooms of this server.
///
/// One lock for all of them: each method is a few look-ups and queue operations, never awaits, and at 10,000
/// connections there are some hundred messages a second. The lock knows no poisoning: a panic in one connection's task must
/// not refuse everybody else for ever.
pub(crate) struct Registry {
    rooms: Mutex<Rooms>,
    context: Context,
}

/// What never changes.
struct Context {
    limits: Limits,
    metrics: Arc<Metrics>,
    /// Hears which rooms there are, where somebody wants to know.
    occupancy: Option<Arc<dyn Occupancy>>,
}

impl Registry {
    pub(crate) fn new(limits: Limits, metrics: Arc<Metrics>, occupancy: Option<Arc<dyn Occupancy>>) -> Self {
        Self { rooms: Mutex::default(), context: Context { limits, metrics, occupancy } }
    }

    /// Becomes a member of a room, or takes the membership back; who else is there.
    pub(crate) fn join(&self, request: Request) -> Result<(Vec<PeerId>, Membership), ErrorCode> {
        let context = &self.context;
        let mut guard = self.rooms.lock();
        let rooms = &mut *guard;
        let connection = Arc::new(Connection::default());
        let membership =
            Membership { room: request.room, peer: request.peer, connection: connection.clone() };
        if let Some(others) = rooms.take_back(&request, &connection) {
            context.metrics.taken_back.inc();
            return Ok((others, membership));
        }
        if let Some(absent) = rooms.absent(request.room, request.now, &context.limits) {
            rooms.remove(request.room, absent, Some(ErrorCode::Replaced), context);
        }
        rooms.open(&request, context)?;
        let room = rooms.rooms.get_mut(&request.room).expect("it was there or has just been made");
        if room.members.len() >= context.limits.participants {
            return Err(ErrorCode::RoomFull);
        }
        let others: Vec<_> = room.members.keys().copied().collect();
        let outbox = Outbox::new(context.limits.queued_messages, context.limits.queued_bytes);
        let member = Member { connection, outbox, lost: None };
        room.members.insert(request.peer, member);
        context.metrics.participants.inc();
        context.metrics.joined.inc();
        let news = text(&ServerMessage::PeerJoined { peer: request.peer });
        rooms.tell(request.room, &others, &news, context);
        // Somebody who could not take the news is gone by now; at worst the newcomer too, whose connection has then ended.
        let room = rooms.rooms.get(&request.room);
        let there = |peer: &PeerId| room.is_some_and(|room| room.members.contains_key(peer));
        let others = others.into_iter().filter(there).collect();
        Ok((others, membership))
    }

    /// When a full room gives the membership of somebody who is lost to a newcomer; `None` while nobody is.
    pub(crate) fn yields_at(&self, room: RoomId) -> Option<Instant> {
        self.rooms.lock().first_lost(room, &self.context.limits).map(|(yields, _)| yields)
    }

    /// Passes an envelope on. False when the receiver is not connected.
    pub(crate) fn relay(&self, membership: &Membership, to: PeerId, envelope: Envelope) -> bool {
        let metrics = &self.context.metrics;
        let message = text(&ServerMessage::Relay { from: membership.peer, envelope });
        let mut rooms = self.rooms.lock();
        if rooms.member(membership).is_none() {
            return false;
        }
        let receiver = rooms.rooms.get(&membership.room).and_then(|room| room.members.get(&to));
        let there = to != membership.peer && receiver.is_some_and(|receiver| receiver.lost.is_none());
        if there {
            metrics.relayed.inc();
            metrics.relayed_bytes.inc_by(message.len() as u64);
            rooms.tell(membership.room, &[to], &message, &self.context);
        } else {
            metrics.undeliverable.inc();
        }
        there
    }

    /// Tells one participant something of the server's own.
    pub(crate) fn inform(&self, membership: &Membership, message: &ServerMessage) {
        let mut rooms = self.rooms.lock();
        if rooms.member(membership).is_some() {
            rooms.tell(membership.room, &[membership.peer], &text(message), &self.context);
        }
    }

    /// The next message for a connection.
    pub(crate) fn next(&self, membership: &Membership) -> Option<Utf8Bytes> {
        let mut rooms = self.rooms.lock();
        let message = rooms.member(membership)?.outbox.take()?;
        rooms.queued_bytes -= message.len();
        Some(message)
    }

    /// The connection is gone; the membership waits for the participant to come back, and misses what happens meanwhile.
    pub(crate) fn lose(&self, membership: &Membership, now: Instant) {
        let mut rooms = self.rooms.lock();
        let Some(member) = rooms.member(membership) else { return };
        member.lost = Some(now);
        let waiting = member.outbox.bytes();
        member.outbox.clear();
        rooms.queued_bytes -= waiting;
    }

    /// Gives a membership up, unless another connection has taken it over.
    pub(crate) fn leave(&self, membership: &Membership) {
        let mut rooms = self.rooms.lock();
        if rooms.member(membership).is_some() {
            rooms.remove(membership.room, membership.peer, None, &self.context);
        }
    }
}

impl Rooms {
    /// Takes a membership back: who else is there. `None` when there is no such membership.
    fn take_back(&mut self, request: &Request, connection: &Arc<Connection>) -> Option<Vec<PeerId>> {
        let room = self.rooms.get_mut(&request.room)?;
        let member = room.members.get_mut(&request.peer)?;
        // What waited is lost with the connection that it waited for; the answer says who is there now.
        self.queued_bytes -= member.outbox.bytes();
        member.outbox.clear();
        member.connection.end(ErrorCode::Replaced);
        member.connection = connection.clone();
        member.lost = None;
        Some(room.members.keys().copied().filter(|peer| *peer != request.peer).collect())
    }

    /// Makes the room that is asked for unless it is there.
    fn open(&mut self, request: &Request, context: &Context) -> Result<(), ErrorCode> {
        if self.rooms.contains_key(&request.room) {
            return Ok(());
        }
        if request.intent == Intent::Join {
            return Err(ErrorCode::RoomNotFound);
        }
        let limits = &context.limits;
        if !self.by_creator.enter(request.address, limits.rooms_per_address, limits.rooms_per_site) {
            return Err(ErrorCode::TooManyRooms);
        }
        context.metrics.rooms.inc();
        self.rooms.insert(request.room, Room { creator: request.address, members: BTreeMap::new() });
        if let Some(occupancy) = &context.occupancy {
            occupancy.opened(request.room);
        }
        Ok(())
    }

    /// The membership that a connection holds, while it does.
    fn member(&mut self, membership: &Membership) -> Option<&mut Member> {
        let member = self.rooms.get_mut(&membership.room)?.members.get_mut(&membership.peer)?;
        Arc::ptr_eq(&member.connection, &membership.connection).then_some(member)
    }

    /// Whose membership a full room gives to a newcomer: whoever crashed and is back under a new id is not kept out by the
    /// one that waits for the old id.
    fn absent(&self, room: RoomId, now: Instant, limits: &Limits) -> Option<PeerId> {
        self.first_lost(room, limits).filter(|(yields, _)| now >= *yields).map(|(_, peer)| peer)
    }

    /// Who has been lost for longest in a full room, and when their membership goes to a newcomer.
    fn first_lost(&self, room: RoomId, limits: &Limits) -> Option<(Instant, PeerId)> {
        let room = self.rooms.get(&room).filter(|room| room.members.len() >= limits.participants)?;
        let lost =
            room.members.iter().filter_map(|(peer, member)| Some((member.lost? + limits.yielding, *peer)));
        lost.min()
    }

    /// Removes a participant, when there, and tells the others.
    fn remove(&mut self, room: RoomId, peer: PeerId, reason: Option<ErrorCode>, context: &Context) {
        let mut leaving = vec![(peer, reason)];
        // Telling may find others that do not read; they go the same way. Each pass removes one, so it ends.
        while let Some((peer, reason)) = leaving.pop() {
            let Some(entry) = self.rooms.get_mut(&room) else { return };
            let Some(member) = entry.members.remove(&peer) else { continue };
            self.queued_bytes -= member.outbox.bytes();
            context.metrics.participants.dec();
            if let Some(reason) = reason {
                member.connection.end(reason);
            }
            if entry.members.is_empty() {
                let creator = entry.creator;
                self.rooms.remove(&room);
                self.by_creator.leave(creator);
                context.metrics.rooms.dec();
                if let Some(occupancy) = &context.occupancy {
                    occupancy.closed(room);
                }
                return;
            }
            let news = text(&ServerMessage::PeerLeft { peer });
            let others: Vec<_> = entry.members.keys().copied().collect();
            leaving.extend(
                self.queue(room, &others, &news, context)
                    .into_iter()
                    .map(|peer| (peer, Some(ErrorCode::TooSlow))),
            );
        }
    }

    /// Queues a message for some participants of a room and cuts off those that do not read.
    fn tell(&mut self, room: RoomId, to: &[PeerId], message: &Utf8Bytes, context: &Context) {
        for peer in self.queue(room, to, message, context) {
            self.remove(room, peer, Some(ErrorCode::TooSlow), context);
        }
    }

    /// Queues a message for those who are connected; gives those for whom too much is waiting.
    fn queue(&mut self, room: RoomId, to: &[PeerId], message: &Utf8Bytes, context: &Context) -> Vec<PeerId> {
        let mut slow = Vec::new();
        let Some(entry) = self.rooms.get_mut(&room) else { return slow };
        for peer in to {
            let Some(member) = entry.members.get_mut(peer).filter(|member| member.lost.is_none()) else {
                continue;
            };
            let mut overflow = member.outbox.push(message.clone()).is_err();
            self.queued_bytes += message.len();
            let limits = &context.limits;
            if self.queued_bytes > limits.queued_bytes_in_total {
                overflow |= member.outbox.bytes() > limits.queued_bytes_when_short;
            }
            member.connection.waiting.notify_one();
            if overflow {
                slow.push(*peer);
            }
        }
        slow
    }
}

fn text(message: &ServerMessage) -> Utf8Bytes {
    message.encode().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    const ROOM: RoomId = RoomId::from_bytes([1; 16]);

    struct Fixture {
        registry: Registry,
        metrics: Arc<Metrics>,
        now: Instant,
    }

    impl Fixture {
        fn new(participants: usize) -> Self {
            let metrics = Arc::new(Metrics::default());
            let limits =
                Limits { participants, rooms_per_address: 2, queued_messages: 8, ..Limits::default() };
            Self { registry: Registry::new(limits, metrics.clone(), None), metrics, now: Instant::now() }
        }

        fn request(&self, name: u8, intent: Intent) -> Request {
            Request {
                room: ROOM,
                peer: peer(name),
                intent,
                address: IpAddr::from([192, 0, 2, 1]).into(),
                now: self.now,
            }
        }

        fn enter(&self, name: u8) -> Membership {
            self.registry.join(self.request(name, Intent::Create)).map(|(_, membership)| membership).unwrap()
        }

        fn drain(&self, membership: &Membership) -> Vec<String> {
            std::iter::from_fn(|| self.registry.next(membership)).map(|text| summary(text.as_str())).collect()
        }
    }

    fn peer(name: u8) -> PeerId {
        PeerId::from_bytes([name; 32])
    }

    fn summary(text: &str) -> String {
        match ServerMessage::decode(text).unwrap() {
            ServerMessage::PeerJoined { peer } => format!("+{}", peer.as_bytes()[0]),
            ServerMessage::PeerLeft { peer } => format!("-{}", peer.as_bytes()[0]),
            ServerMessage::Relay { from, envelope } => {
                format!("{}:{}", from.as_bytes()[0], envelope.as_bytes()[0])
            }
            other => panic!("{other:?}"),
        }
    }

    fn envelope(mark: u8) -> Envelope {
        Envelope::from_bytes(vec![mark; 100]).unwrap()
    }

    #[test]
    fn a_room_must_exist_to_be_joined_and_may_exist_to_be_created() {
        let fixture = Fixture::new(2);
        let refused = fixture.registry.join(fixture.request(1, Intent::Join));
        assert_eq!(refused.err(), Some(ErrorCode::RoomNotFound));
        let _first = fixture.enter(1);
        let (others, _second) = fixture.registry.join(fixture.request(2, Intent::Create)).unwrap();
        assert_eq!(others, [peer(1)]);
        let refused = fixture.registry.join(fixture.request(3, Intent::Join));
        assert_eq!(refused.err(), Some(ErrorCode::RoomFull));
    }

    #[test]
    fn everyone_hears_who_comes_and_goes_and_only_the_receiver_hears_an_envelope() {
        let fixture = Fixture::new(6);
        let memberships: Vec<_> = (0..6).map(|name| fixture.enter(name)).collect();
        for membership in &memberships {
            fixture.drain(membership);
        }
        assert!(fixture.registry.relay(&memberships[0], peer(3), envelope(9)));
        assert!(!fixture.registry.relay(&memberships[0], peer(7), envelope(9)), "not there");
        assert!(!fixture.registry.relay(&memberships[0], peer(0), envelope(9)), "not to oneself");
        fixture.registry.leave(&memberships[0]);
        assert_eq!(fixture.drain(&memberships[3]), ["0:9", "-0"]);
        assert_eq!(fixture.drain(&memberships[1]), ["-0"]);
        for membership in &memberships {
            fixture.registry.leave(membership);
        }
        assert_eq!((fixture.metrics.rooms(), fixture.metrics.participants()), (0, 0));
        assert!(fixture.registry.rooms.lock().by_creator.is_empty());
    }

    #[test]
    fn a_membership_is_taken_back_from_a_connection_that_still_stands_and_nobody_notices() {
        let fixture = Fixture::new(2);
        let first = fixture.enter(1);
        let second = fixture.enter(2);
        fixture.registry.relay(&second, peer(1), envelope(7));
        let (others, again) = fixture.registry.join(fixture.request(1, Intent::Create)).unwrap();
        assert_eq!(others, [peer(2)]);
        assert_eq!(first.connection.reason(), Some(ErrorCode::Replaced));
        assert!(fixture.drain(&again).is_empty(), "what waited for the old connection is gone with it");
        fixture.registry.leave(&first);
        fixture.registry.relay(&second, peer(1), envelope(8));
        assert_eq!(fixture.drain(&again), ["2:8"]);
        assert!(fixture.drain(&second).is_empty(), "the old connection no longer holds the member");
        assert_eq!(fixture.registry.rooms.lock().queued_bytes, 0);
    }

    #[test]
    fn nothing_is_kept_for_whoever_is_away_and_coming_back_tells_who_is_there_now() {
        let fixture = Fixture::new(3);
        let (first, second) = (fixture.enter(1), fixture.enter(2));
        fixture.registry.relay(&second, peer(1), envelope(6));
        fixture.registry.lose(&first, fixture.now);
        assert!(!fixture.registry.relay(&second, peer(1), envelope(7)));
        let third = fixture.enter(3);
        fixture.registry.leave(&second);
        assert_eq!(fixture.drain(&third), ["-2"]);
        assert_eq!(fixture.registry.rooms.lock().queued_bytes, 0, "nothing waits for the first");
        let (others, again) = fixture.registry.join(fixture.request(1, Intent::Create)).unwrap();
        assert_eq!(others, [peer(3)]);
        assert!(fixture.drain(&again).is_empty());
    }

    #[test]
    fn who_does_not_read_is_cut_off_and_the_others_go_on() {
        let fixture = Fixture::new(3);
        let (slow, second, third) = (fixture.enter(1), fixture.enter(2), fixture.enter(3));
        for mark in 0..10 {
            fixture.registry.relay(&second, peer(1), envelope(mark));
            fixture.registry.relay(&second, peer(3), envelope(mark));
            fixture.drain(&third);
        }
        assert_eq!(slow.connection.reason(), Some(ErrorCode::TooSlow));
        assert_eq!(third.connection.reason(), None);
        assert_eq!(fixture.drain(&second), ["+3", "-1"]);
    }

    #[test]
    fn a_room_full_of_people_who_do_not_read_empties_itself() {
        let fixture = Fixture::new(100);
        let memberships: Vec<_> = (0..40)
            .map(|number| {
                let mut request = fixture.request(7, Intent::Create);
                request.peer = peer(number);
                fixture.registry.join(request).map(|(_, membership)| membership).unwrap()
            })
            .collect();
        // Each cut-off is news to the others, who do not read that either; every membership is still told why it ended.
        let ended = memberships
            .iter()
            .filter(|membership| membership.connection.reason() == Some(ErrorCode::TooSlow))
            .count();
        assert!(ended >= 20, "{ended}");
        assert_eq!(fixture.metrics.participants(), 40 - ended as i64);
    }

    #[test]
    fn all_who_do_not_read_together_hold_no_more_than_a_bound() {
        let mut fixture = Fixture::new(2);
        let limits = Limits {
            queued_bytes_in_total: 20_000,
            queued_bytes_when_short: 2_000,
            rooms_per_address: 100,
            rooms_per_site: 100,
            ..Limits::default()
        };
        fixture.registry = Registry::new(limits, fixture.metrics.clone(), None);
        let rooms: Vec<_> = (0..40)
            .map(|number| {
                let enter = |name| {
                    let room = RoomId::from_bytes([number; 16]);
                    let request = Request { room, ..fixture.request(name, Intent::Create) };
                    fixture.registry.join(request).map(|(_, membership)| membership).unwrap()
                };
                (enter(1), enter(2))
            })
            .collect();
        for _ in 0..20 {
            for (one, other) in &rooms {
                fixture.registry.relay(one, peer(2), envelope(1));
                // The first half reads.
                if one.room.as_bytes()[0] < 20 {
                    fixture.drain(other);
                }
                let queued = fixture.registry.rooms.lock().queued_bytes;
                assert!(queued <= 20_000 + 40 * 2_000, "{queued}");
            }
        }
        let cut = |(_, other): &&(Membership, Membership)| other.connection.reason().is_some();
        assert_eq!(rooms[..20].iter().filter(cut).count(), 0, "whoever reads stays");
        assert!(rooms[20..].iter().filter(cut).count() > 0);
        for (one, other) in &rooms {
            fixture.registry.leave(one);
            fixture.registry.leave(other);
        }
        assert_eq!(fixture.registry.rooms.lock().queued_bytes, 0);
    }

    #[test]
    fn an_address_makes_only_so_many_rooms() {
        let fixture = Fixture::new(2);
        let mut request = fixture.request(1, Intent::Create);
        let _first = fixture.enter(1);
        request.room = RoomId::from_bytes([2; 16]);
        let _second = fixture.registry.join(request).unwrap();
        let mut request = fixture.request(1, Intent::Create);
        request.room = RoomId::from_bytes([3; 16]);
        assert_eq!(fixture.registry.join(request).err(), Some(ErrorCode::TooManyRooms));
    }

    #[test]
    fn a_full_room_gives_the_place_of_whoever_is_lost_to_a_newcomer_but_not_at_once() {
        let mut fixture = Fixture::new(2);
        let (ada, ben) = (fixture.enter(1), fixture.enter(2));
        fixture.registry.lose(&ben, fixture.now);
        let refused = fixture.registry.join(fixture.request(3, Intent::Join));
        assert_eq!(refused.err(), Some(ErrorCode::RoomFull), "a socket that changes networks comes back");
        let yields = fixture.registry.yields_at(ada.room).unwrap();
        assert_eq!(yields, fixture.now + Limits::default().yielding);
        fixture.now = yields;
        fixture.registry.join(fixture.request(3, Intent::Join)).unwrap();
        assert_eq!(fixture.drain(&ada), ["+2", "-2", "+3"]);
        assert_eq!(ben.connection.reason(), Some(ErrorCode::Replaced));
        assert_eq!(fixture.registry.yields_at(ada.room), None);
    }

    #[test]
    fn whoever_came_back_keeps_the_place() {
        let mut fixture = Fixture::new(2);
        let (_ada, ben) = (fixture.enter(1), fixture.enter(2));
        fixture.registry.lose(&ben, fixture.now);
        fixture.registry.join(fixture.request(2, Intent::Join)).unwrap();
        fixture.now += Limits::default().yielding;
        let refused = fixture.registry.join(fixture.request(3, Intent::Join));
        assert_eq!(refused.err(), Some(ErrorCode::RoomFull));
    }
}
