//! The rooms, in memory.
//!
//! This is all that the server knows, behind five methods: `join`, `relay`, `next`, `leave` and the [`Line`] that
//! tells a connection to look again. Everything in it comes from messages, so that a second server could learn it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Instant;

use axum::extract::ws::Utf8Bytes;
use tincan_protocol::{Envelope, ErrorCode, Intent, PeerId, ResumeSecret, RoomId, ServerMessage};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::address::AddressKey;
use crate::config::Limits;
use crate::metrics::Metrics;
use crate::outbox::Outbox;

/// Who wants which place.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) room: RoomId,
    pub(crate) peer: PeerId,
    pub(crate) secret: ResumeSecret,
    pub(crate) intent: Intent,
    pub(crate) received: Option<u64>,
    pub(crate) address: AddressKey,
    pub(crate) now: Instant,
}

/// What somebody got.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// A new place; these others are there.
    New(Vec<PeerId>),
    /// The old place; so many of its messages had come in.
    Resumed(u64),
}

/// One connection's hold on a place. Another connection of the same participant takes it over.
pub(crate) struct Seat {
    room: RoomId,
    peer: PeerId,
    pub(crate) line: Arc<Line>,
}

/// How the registry reaches the task of a connection.
#[derive(Default)]
pub(crate) struct Line {
    /// There may be something to send.
    pub(crate) waiting: Notify,
    /// The connection no longer holds the place.
    pub(crate) ended: CancellationToken,
    reason: OnceLock<ErrorCode>,
}

impl Line {
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

struct Place {
    secret: ResumeSecret,
    line: Arc<Line>,
    outbox: Outbox,
    /// Since when it has no connection, while it has none.
    lost: Option<Instant>,
    /// Envelopes that came from this participant.
    received: u64,
}

struct Room {
    creator: AddressKey,
    places: BTreeMap<PeerId, Place>,
}

#[derive(Default)]
struct Rooms {
    rooms: HashMap<RoomId, Room>,
    by_creator: HashMap<AddressKey, usize>,
}

/// The rooms of this server.
///
/// One lock for all of them: each method is a few look-ups and queue operations, never awaits, and at 10,000
/// connections there are some hundred messages a second.
pub(crate) struct Registry {
    rooms: Mutex<Rooms>,
    limits: Limits,
    metrics: Arc<Metrics>,
}

impl Registry {
    pub(crate) fn new(limits: Limits, metrics: Arc<Metrics>) -> Self {
        Self { rooms: Mutex::default(), limits, metrics }
    }

    /// Takes a place, or takes it back.
    pub(crate) fn join(&self, request: Request) -> Result<(Admission, Seat), ErrorCode> {
        let mut guard = self.lock();
        let rooms = &mut *guard;
        let room = rooms.rooms.get_mut(&request.room);
        let line = Arc::new(Line::default());
        let seat = Seat { room: request.room, peer: request.peer, line: line.clone() };
        if let Some(place) = room.and_then(|room| room.places.get_mut(&request.peer)) {
            if !place.secret.matches(&request.secret) {
                return Err(ErrorCode::PeerIdTaken);
            }
            if request.received.is_some_and(|received| place.outbox.resume(received)) {
                place.line.end(ErrorCode::Replaced);
                place.line = line;
                place.lost = None;
                self.metrics.resumed.add(1);
                return Ok((Admission::Resumed(place.received), seat));
            }
            // What it missed is no longer here: its stay ends and a new one begins, and the others see both.
            rooms.remove(request.room, request.peer, Some(ErrorCode::Replaced), &self.metrics);
        }
        if let Some(absent) = rooms.absent(request.room, request.now, &self.limits) {
            rooms.remove(request.room, absent, Some(ErrorCode::Replaced), &self.metrics);
        }
        if !rooms.rooms.contains_key(&request.room) {
            if request.intent == Intent::Join {
                return Err(ErrorCode::RoomNotFound);
            }
            let count = rooms.by_creator.entry(request.address).or_insert(0);
            if *count >= self.limits.rooms_per_address {
                return Err(ErrorCode::TooManyRooms);
            }
            *count += 1;
            self.metrics.rooms.add(1);
            rooms.rooms.insert(request.room, Room { creator: request.address, places: BTreeMap::new() });
        }
        let room = rooms.rooms.get_mut(&request.room).expect("it was there or has just been made");
        if room.places.len() >= self.limits.participants {
            return Err(ErrorCode::RoomFull);
        }
        let others: Vec<_> = room.places.keys().copied().collect();
        let outbox = Outbox::new(self.limits.queued_messages, self.limits.queued_bytes);
        room.places
            .insert(request.peer, Place { secret: request.secret, line, outbox, lost: None, received: 0 });
        self.metrics.participants.add(1);
        self.metrics.joined.add(1);
        let news = text(&ServerMessage::PeerJoined { peer: request.peer });
        rooms.tell(request.room, &others, &news, &self.metrics);
        // Somebody who could not take the news is gone by now; at worst the newcomer too, whose line has then ended.
        let room = rooms.rooms.get(&request.room);
        let there = |peer: &PeerId| room.is_some_and(|room| room.places.contains_key(peer));
        let others = others.into_iter().filter(there).collect();
        Ok((Admission::New(others), seat))
    }

    /// When a full room gives the place of somebody who is lost to a newcomer; `None` while nobody is.
    pub(crate) fn yields_at(&self, room: RoomId) -> Option<Instant> {
        self.lock().first_lost(room, &self.limits).map(|(yields, _)| yields)
    }

    /// Passes an envelope on. False when the receiver is not there.
    pub(crate) fn relay(&self, seat: &Seat, to: PeerId, envelope: Envelope) -> bool {
        let message = text(&ServerMessage::Relay { from: seat.peer, envelope });
        let mut rooms = self.lock();
        let Some(place) = rooms.place(seat) else { return false };
        place.received += 1;
        let there =
            to != seat.peer && rooms.rooms.get(&seat.room).is_some_and(|room| room.places.contains_key(&to));
        if there {
            self.metrics.relayed.add(1);
            self.metrics.relayed_bytes.add(message.len() as u64);
            rooms.tell(seat.room, &[to], &message, &self.metrics);
        } else {
            self.metrics.undeliverable.add(1);
        }
        there
    }

    /// The next message for a connection; counts as sent.
    pub(crate) fn next(&self, seat: &Seat) -> Option<Utf8Bytes> {
        self.lock().place(seat)?.outbox.take()
    }

    /// The connection is gone; the place waits for the participant to come back.
    pub(crate) fn lose(&self, seat: &Seat, now: Instant) {
        if let Some(place) = self.lock().place(seat) {
            place.lost = Some(now);
        }
    }

    /// Gives a place up, unless another connection has taken it over.
    pub(crate) fn leave(&self, seat: &Seat) {
        let mut rooms = self.lock();
        if rooms.place(seat).is_some() {
            rooms.remove(seat.room, seat.peer, None, &self.metrics);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Rooms> {
        self.rooms.lock().expect("nothing panics while it holds the rooms")
    }
}

impl Rooms {
    /// The place that a connection holds, while it does.
    fn place(&mut self, seat: &Seat) -> Option<&mut Place> {
        let place = self.rooms.get_mut(&seat.room)?.places.get_mut(&seat.peer)?;
        Arc::ptr_eq(&place.line, &seat.line).then_some(place)
    }

    /// Whose place a full room gives to a newcomer: whoever crashed and is back under a new id is not kept out by the
    /// place that waits for the old one.
    fn absent(&self, room: RoomId, now: Instant, limits: &Limits) -> Option<PeerId> {
        self.first_lost(room, limits).filter(|(yields, _)| now >= *yields).map(|(_, peer)| peer)
    }

    /// Who has been lost for longest in a full room, and when their place goes to a newcomer.
    fn first_lost(&self, room: RoomId, limits: &Limits) -> Option<(Instant, PeerId)> {
        let room = self.rooms.get(&room).filter(|room| room.places.len() >= limits.participants)?;
        let lost =
            room.places.iter().filter_map(|(peer, place)| Some((place.lost? + limits.yielding, *peer)));
        lost.min()
    }

    /// Removes a participant and tells the others.
    fn remove(&mut self, room: RoomId, peer: PeerId, reason: Option<ErrorCode>, metrics: &Metrics) {
        let mut leaving = vec![(peer, reason)];
        // Telling may find others that do not read; they go the same way. Each pass removes one, so it ends.
        while let Some((peer, reason)) = leaving.pop() {
            let Some(entry) = self.rooms.get_mut(&room) else { return };
            let Some(place) = entry.places.remove(&peer) else { continue };
            metrics.participants.add(-1);
            if let Some(reason) = reason {
                place.line.end(reason);
            }
            if entry.places.is_empty() {
                let creator = entry.creator;
                self.rooms.remove(&room);
                metrics.rooms.add(-1);
                if let Some(count) = self.by_creator.get_mut(&creator) {
                    *count -= 1;
                    if *count == 0 {
                        self.by_creator.remove(&creator);
                    }
                }
                return;
            }
            let news = text(&ServerMessage::PeerLeft { peer });
            for (other, place) in &mut entry.places {
                if place.tell(&news) {
                    leaving.push((*other, Some(ErrorCode::TooSlow)));
                }
            }
        }
    }

    /// Queues a message for some participants of a room and cuts off those that do not read.
    fn tell(&mut self, room: RoomId, to: &[PeerId], message: &Utf8Bytes, metrics: &Metrics) {
        let Some(entry) = self.rooms.get_mut(&room) else { return };
        let slow: Vec<_> = to
            .iter()
            .filter(|peer| entry.places.get_mut(peer).is_some_and(|place| place.tell(message)))
            .copied()
            .collect();
        for peer in slow {
            self.remove(room, peer, Some(ErrorCode::TooSlow), metrics);
        }
    }
}

impl Place {
    /// Queues a message; true when too much is waiting.
    fn tell(&mut self, message: &Utf8Bytes) -> bool {
        let overflow = self.outbox.push(message.clone()).is_err();
        self.line.waiting.notify_one();
        overflow
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
            Self { registry: Registry::new(limits, metrics.clone()), metrics, secrets, now: Instant::now() }
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

        fn enter(&self, name: u8) -> Seat {
            self.registry.join(self.request(name, Intent::Create, None)).map(|(_, seat)| seat).unwrap()
        }

        fn drain(&self, seat: &Seat) -> Vec<String> {
            std::iter::from_fn(|| self.registry.next(seat)).map(|text| summary(text.as_str())).collect()
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
        let seats: Vec<_> = (0..6).map(|name| fixture.enter(name)).collect();
        for seat in &seats {
            fixture.drain(seat);
        }
        assert!(fixture.registry.relay(&seats[0], peer(3), envelope(9)));
        assert!(!fixture.registry.relay(&seats[0], peer(7), envelope(9)), "not there");
        assert!(!fixture.registry.relay(&seats[0], peer(0), envelope(9)), "not to oneself");
        fixture.registry.leave(&seats[0]);
        assert_eq!(fixture.drain(&seats[3]), ["0:9", "-0"]);
        assert_eq!(fixture.drain(&seats[1]), ["-0"]);
        for seat in &seats {
            fixture.registry.leave(seat);
        }
        assert_eq!((fixture.metrics.rooms(), fixture.metrics.participants()), (0, 0));
        assert!(fixture.registry.lock().by_creator.is_empty());
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
        assert_eq!(first.line.reason(), Some(ErrorCode::Replaced));
        fixture.registry.leave(&first);
        assert!(fixture.drain(&second).is_empty(), "the old connection no longer holds the place");
    }

    #[test]
    fn a_place_is_not_taken_back_without_its_secret() {
        let mut fixture = Fixture::new(2);
        let first = fixture.enter(1);
        fixture.secrets.insert(1, ResumeSecret::random());
        let refused = fixture.registry.join(fixture.request(1, Intent::Create, Some(0)));
        assert_eq!(refused.err(), Some(ErrorCode::PeerIdTaken));
        assert_eq!(first.line.reason(), None);
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
        assert_eq!(slow.line.reason(), Some(ErrorCode::TooSlow));
        assert_eq!(third.line.reason(), None);
        assert_eq!(fixture.drain(&second), ["+3", "-1"]);
    }

    #[test]
    fn a_room_full_of_people_who_do_not_read_empties_itself() {
        let fixture = Fixture::new(100);
        let seats: Vec<_> = (0..40)
            .map(|number| {
                let mut request = fixture.request(7, Intent::Create, None);
                request.peer = peer(number);
                fixture.registry.join(request).map(|(_, seat)| seat).unwrap()
            })
            .collect();
        // Each cut-off is news to the others, who do not read that either; every seat is still told why it ended.
        let ended = seats.iter().filter(|seat| seat.line.reason() == Some(ErrorCode::TooSlow)).count();
        assert!(ended >= 20, "{ended}");
        assert_eq!(fixture.metrics.participants(), 40 - ended as i64);
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
        assert_eq!(ben.line.reason(), Some(ErrorCode::Replaced));
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
