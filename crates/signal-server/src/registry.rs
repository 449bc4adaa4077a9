//! The rooms, in memory.
//!
//! This is all that the server knows, behind five methods: `join`, `relay`, `next`, `leave` and the [`Connection`] that
//! tells a connection's task to look again. Everything in it comes from messages, so that a second server could learn it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::extract::ws::Utf8Bytes;
use parking_lot::Mutex;
use tincan_protocol::{Envelope, ErrorCode, Intent, PeerId, ResumeSecret, RoomId, ServerMessage};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::address::{Address, Counts};
use crate::config::Limits;
use crate::local::Occupancy;
use crate::metrics::Metrics;
use crate::outbox::Outbox;

/// Who wants to be in which room.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) room: RoomId,
    pub(crate) peer: PeerId,
    pub(crate) secret: ResumeSecret,
    pub(crate) intent: Intent,
    pub(crate) received: Option<u64>,
    pub(crate) address: Address,
    pub(crate) now: Instant,
}

/// What somebody got.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// A new membership; these others are there.
    New(Vec<PeerId>),
    /// The old membership; so many of its messages had come in.
    Resumed(u64),
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
    secret: ResumeSecret,
    connection: Arc<Connection>,
    outbox: Outbox,
    /// Since when there is no connection, while there is none.
    lost: Option<Instant>,
    /// Envelopes that came from this participant.
    received: u64,
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

    /// Becomes a member of a room, or takes the membership back.
    pub(crate) fn join(&self, request: Request) -> Result<(Admission, Membership), ErrorCode> {
        let context = &self.context;
        let mut guard = self.rooms.lock();
        let rooms = &mut *guard;
        let connection = Arc::new(Connection::default());
        let membership =
            Membership { room: request.room, peer: request.peer, connection: connection.clone() };
        if let Some(received) = rooms.resume(&request, &connection)? {
            context.metrics.resumed.inc();
            return Ok((Admission::Resumed(received), membership));
        }
        // What it missed is no longer here: its stay ends and a new one begins, and the others see both.
        rooms.remove(request.room, request.peer, Some(ErrorCode::Replaced), context);
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
        let member = Member { secret: request.secret, connection, outbox, lost: None, received: 0 };
        room.members.insert(request.peer, member);
        context.metrics.participants.inc();
        context.metrics.joined.inc();
        let news = text(&ServerMessage::PeerJoined { peer: request.peer });
        rooms.tell(request.room, &others, &news, context);
        // Somebody who could not take the news is gone by now; at worst the newcomer too, whose connection has then ended.
        let room = rooms.rooms.get(&request.room);
        let there = |peer: &PeerId| room.is_some_and(|room| room.members.contains_key(peer));
        let others = others.into_iter().filter(there).collect();
        Ok((Admission::New(others), membership))
    }

    /// When a full room gives the membership of somebody who is lost to a newcomer; `None` while nobody is.
    pub(crate) fn yields_at(&self, room: RoomId) -> Option<Instant> {
        self.rooms.lock().first_lost(room, &self.context.limits).map(|(yields, _)| yields)
    }

    /// Passes an envelope on. False when the receiver is not there.
    pub(crate) fn relay(&self, membership: &Membership, to: PeerId, envelope: Envelope) -> bool {
        let metrics = &self.context.metrics;
        let message = text(&ServerMessage::Relay { from: membership.peer, envelope });
        let mut rooms = self.rooms.lock();
        let Some(member) = rooms.member(membership) else { return false };
        member.received += 1;
        let room = rooms.rooms.get(&membership.room);
        let there = to != membership.peer && room.is_some_and(|room| room.members.contains_key(&to));
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

    /// The next message for a connection; counts as sent.
    pub(crate) fn next(&self, membership: &Membership) -> Option<Utf8Bytes> {
        self.rooms.lock().member(membership)?.outbox.take()
    }

    /// The connection is gone; the membership waits for the participant to come back.
    pub(crate) fn lose(&self, membership: &Membership, now: Instant) {
        if let Some(member) = self.rooms.lock().member(membership) {
            member.lost = Some(now);
        }
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
    /// Takes a membership back whose messages are still here: how many had come in. `None` when there is none.
    fn resume(&mut self, request: &Request, connection: &Arc<Connection>) -> Result<Option<u64>, ErrorCode> {
        let room = self.rooms.get_mut(&request.room);
        let Some(member) = room.and_then(|room| room.members.get_mut(&request.peer)) else { return Ok(None) };
        if !member.secret.matches(&request.secret) {
            return Err(ErrorCode::PeerIdTaken);
        }
        let Some(received) = request.received else { return Ok(None) };
        let before = member.outbox.bytes();
        let resumed = member.outbox.resume(received);
        self.queued_bytes -= before - member.outbox.bytes();
        if !resumed {
            return Ok(None);
        }
        member.connection.end(ErrorCode::Replaced);
        member.connection = connection.clone();
        member.lost = None;
        Ok(Some(member.received))
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

    /// Queues a message; gives those for whom too much is waiting.
    fn queue(&mut self, room: RoomId, to: &[PeerId], message: &Utf8Bytes, context: &Context) -> Vec<PeerId> {
        let mut slow = Vec::new();
        let Some(entry) = self.rooms.get_mut(&room) else { return slow };
        for peer in to {
            let Some(member) = entry.members.get_mut(peer) else { continue };
            let before = member.outbox.bytes();
            let mut overflow = member.outbox.push(message.clone()).is_err();
            let limits = &context.limits;
            let total = self.queued_bytes - before + member.outbox.bytes();
            if total > limits.queued_bytes_in_total {
                // Memory is short: what was sent is not kept for a second time, and whoever has much waiting goes.
                member.outbox.forget_sent();
                overflow |= member.outbox.bytes() > limits.queued_bytes_when_short;
            }
            self.queued_bytes = self.queued_bytes - before + member.outbox.bytes();
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
        secrets: HashMap<u8, ResumeSecret>,
        now: Instant,
    }

    impl Fixture {
        fn new(participants: usize) -> Self {
            let metrics = Arc::new(Metrics::default());
            let limits =
                Limits { participants, rooms_per_address: 2, queued_messages: 8, ..Limits::default() };
            let secrets = (0..8).map(|name| (name, ResumeSecret::random())).collect();
            Self {
                registry: Registry::new(limits, metrics.clone(), None),
                metrics,
                secrets,
                now: Instant::now(),
            }
        }

        fn request(&self, name: u8, intent: Intent, received: Option<u64>) -> Request {
            Request {
                room: ROOM,
                peer: peer(name),
                secret: self.secrets[&name].clone(),
                intent,
                received,
                address: IpAddr::from([192, 0, 2, 1]).into(),
                now: self.now,
            }
        }

        fn enter(&self, name: u8) -> Membership {
            self.registry
                .join(self.request(name, Intent::Create, None))
                .map(|(_, membership)| membership)
                .unwrap()
        }

        fn drain(&self, membership: &Membership) -> Vec<String> {
            std::iter::from_fn(|| self.registry.next(membership)).map(|text| summary(text.as_str())).collect()
        }
    }

    fn peer(name: u8) -> PeerId {
        PeerId::from_bytes([name; 8])
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
        let refused = fixture.registry.join(fixture.request(1, Intent::Join, None));
        assert_eq!(refused.err(), Some(ErrorCode::RoomNotFound));
        let _first = fixture.enter(1);
        let (admission, _second) = fixture.registry.join(fixture.request(2, Intent::Create, None)).unwrap();
        assert_eq!(admission, Admission::New(vec![peer(1)]));
        let refused = fixture.registry.join(fixture.request(3, Intent::Join, None));
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
    fn a_place_is_taken_back_with_what_was_missed_and_nobody_notices() {
        let fixture = Fixture::new(2);
        let first = fixture.enter(1);
        let second = fixture.enter(2);
        fixture.registry.relay(&second, peer(1), envelope(7));
        assert_eq!(fixture.drain(&first), ["+2", "2:7"]);
        fixture.registry.relay(&second, peer(1), envelope(8));
        let (admission, again) = fixture.registry.join(fixture.request(1, Intent::Create, Some(1))).unwrap();
        assert_eq!(admission, Admission::Resumed(0));
        assert_eq!(fixture.drain(&again), ["2:7", "2:8"]);
        assert_eq!(first.connection.reason(), Some(ErrorCode::Replaced));
        fixture.registry.leave(&first);
        assert!(fixture.drain(&second).is_empty(), "the old connection no longer holds the member");
    }

    #[test]
    fn a_place_is_not_taken_back_without_its_secret() {
        let mut fixture = Fixture::new(2);
        let first = fixture.enter(1);
        fixture.secrets.insert(1, ResumeSecret::random());
        let refused = fixture.registry.join(fixture.request(1, Intent::Create, Some(0)));
        assert_eq!(refused.err(), Some(ErrorCode::PeerIdTaken));
        assert_eq!(first.connection.reason(), None);
    }

    #[test]
    fn who_missed_too_much_begins_a_new_stay() {
        let fixture = Fixture::new(2);
        let first = fixture.enter(1);
        let second = fixture.enter(2);
        for mark in 0..20 {
            fixture.registry.relay(&second, peer(1), envelope(mark));
            fixture.drain(&first);
        }
        let (admission, _again) = fixture.registry.join(fixture.request(1, Intent::Create, Some(3))).unwrap();
        assert_eq!(admission, Admission::New(vec![peer(2)]));
        assert_eq!(fixture.drain(&second), ["-1", "+1"]);
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
                let mut request = fixture.request(7, Intent::Create, None);
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
                    let request = Request { room, ..fixture.request(name, Intent::Create, None) };
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
        let mut request = fixture.request(1, Intent::Create, None);
        let _first = fixture.enter(1);
        request.room = RoomId::from_bytes([2; 16]);
        let _second = fixture.registry.join(request).unwrap();
        let mut request = fixture.request(1, Intent::Create, None);
        request.room = RoomId::from_bytes([3; 16]);
        assert_eq!(fixture.registry.join(request).err(), Some(ErrorCode::TooManyRooms));
    }

    #[test]
    fn a_full_room_gives_the_place_of_whoever_is_lost_to_a_newcomer_but_not_at_once() {
        let mut fixture = Fixture::new(2);
        let (ada, ben) = (fixture.enter(1), fixture.enter(2));
        fixture.registry.lose(&ben, fixture.now);
        let refused = fixture.registry.join(fixture.request(3, Intent::Join, None));
        assert_eq!(refused.err(), Some(ErrorCode::RoomFull), "a socket that changes networks comes back");
        let yields = fixture.registry.yields_at(ada.room).unwrap();
        assert_eq!(yields, fixture.now + Limits::default().yielding);
        fixture.now = yields;
        fixture.registry.join(fixture.request(3, Intent::Join, None)).unwrap();
        assert_eq!(fixture.drain(&ada), ["+2", "-2", "+3"]);
        assert_eq!(ben.connection.reason(), Some(ErrorCode::Replaced));
        assert_eq!(fixture.registry.yields_at(ada.room), None);
    }

    #[test]
    fn whoever_came_back_keeps_the_place() {
        let mut fixture = Fixture::new(2);
        let (_ada, ben) = (fixture.enter(1), fixture.enter(2));
        fixture.registry.lose(&ben, fixture.now);
        fixture.registry.join(fixture.request(2, Intent::Join, Some(0))).unwrap();
        fixture.now += Limits::default().yielding;
        let refused = fixture.registry.join(fixture.request(3, Intent::Join, None));
        assert_eq!(refused.err(), Some(ErrorCode::RoomFull));
    }
}
