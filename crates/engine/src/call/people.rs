//! The people of a call: who is there, who came and left, and what is kept of somebody whatever becomes of the connection
//! to them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use tincan_call::{ConnectionView, LeaveReason, Trust};
use tincan_protocol::{PeerId, Source, StreamState};

use super::view;
use crate::api::{CallView, Knock, Notice, NoticeKind, Participant, Sentence};

/// People whose settings are kept after they left; far more than ever meet in a call.
const MAX_KEPT: usize = 256;
/// Streams that everybody has: their camera's, and of what they share.
const STREAMS: u32 = 2;
/// Of these, what they share.
const SCREEN: u32 = 1;

/// What belongs to a person, and so survives every connection to them and their being lost and coming back.
#[derive(Debug, Clone, Copy)]
struct Kept {
    /// Their camera's stream in the window; what they share is on the next one.
    stream: u32,
    /// How loud they are played here.
    volume: f32,
}

/// Something to tell about somebody.
#[derive(Debug, PartialEq)]
pub(super) enum Presence {
    /// They came while the call was on.
    Joined(Notice),
    /// They are gone.
    Left(Notice),
    /// Something else that everybody should hear of them.
    Told(Notice),
}

/// See the module's description.
pub(super) struct People {
    next_stream: u32,
    kept: BTreeMap<PeerId, Kept>,
    /// Who was in the room before us, or was told already: nobody is told that they came.
    announced: BTreeSet<PeerId>,
    /// Everybody's names, in the order in which they were heard.
    names: Vec<String>,
    somebody_came: bool,
    talked: Duration,
    talking_since: Option<Instant>,
}

impl People {
    pub(super) fn new() -> Self {
        Self {
            next_stream: 1,
            kept: BTreeMap::new(),
            announced: BTreeSet::new(),
            names: Vec::new(),
            somebody_came: false,
            talked: Duration::ZERO,
            talking_since: None,
        }
    }

    /// They were in the room when we came in.
    pub(super) fn there_already(&mut self, peers: &[PeerId]) {
        self.announced.extend(peers);
    }

    /// Everybody's names, and whether there was anybody at all.
    pub(super) fn met(self) -> (Vec<String>, bool) {
        (self.names, self.somebody_came)
    }

    /// How long somebody was there and connected.
    pub(super) fn talked(&self, now: Instant) -> Duration {
        self.talked + self.talking_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// Somebody is there.
    pub(super) fn came(&mut self, call: &mut CallView, peer: PeerId) {
        self.somebody_came = true;
        call.left = None;
        self.participant(call, peer);
    }

    /// What a window shows of somebody, and whatever was kept of them.
    pub(super) fn participant<'a>(&mut self, call: &'a mut CallView, peer: PeerId) -> &'a mut Participant {
        let id = peer.to_string();
        let index = call.participants.iter().position(|there| there.id == id).unwrap_or_else(|| {
            let kept = self.kept(&call.participants, peer);
            call.participants.push(view::newcomer(peer, kept.stream, kept.volume));
            call.participants.len() - 1
        });
        &mut call.participants[index]
    }

    fn kept(&mut self, present: &[Participant], peer: PeerId) -> Kept {
        if let Some(kept) = self.kept.get(&peer) {
            return *kept;
        }
        // A server may make up any number of people.
        if self.kept.len() >= MAX_KEPT {
            self.kept.retain(|old, _| present.iter().any(|there| there.id == old.to_string()));
        }
        let kept = Kept { stream: self.next_stream, volume: 1.0 };
        self.next_stream += STREAMS;
        self.kept.insert(peer, kept);
        kept
    }

    /// Sets how loud somebody is played; `false` when they are not there.
    pub(super) fn set_volume(&mut self, call: &mut CallView, peer: PeerId, volume: f32) -> bool {
        let id = peer.to_string();
        let Some(there) = call.participants.iter_mut().find(|there| there.id == id) else { return false };
        there.volume = volume;
        if let Some(kept) = self.kept.get_mut(&peer) {
            kept.volume = volume;
        }
        true
    }

    /// How far they are known to be who they seem; what a person must hear of it at once.
    pub(super) fn trust(
        &mut self,
        call: &mut CallView,
        peer: PeerId,
        trust: Trust,
        late: bool,
    ) -> Option<Notice> {
        let participant = self.participant(call, peer);
        (participant.trust, participant.late) = (view::trust(trust), late);
        (trust == Trust::Changed).then(|| {
            let message = format!(
                "{} is here with another key than the person of this name whom you verified. Compare the safety number again \
                 before you trust them.",
                participant.name
            );
            let said = Sentence::new("changed_key", message).with("name", participant.name.as_str());
            Notice::new(NoticeKind::Error, said)
        })
    }

    pub(super) fn hand(&mut self, call: &mut CallView, peer: PeerId, hand: Option<u64>) {
        self.participant(call, peer).hand = hand;
    }

    /// Somebody waits at the door; they may say another name later.
    pub(super) fn knock(call: &mut CallView, peer: PeerId, name: String) {
        let id = peer.to_string();
        match call.knocks.iter_mut().find(|knock| knock.id == id) {
            Some(knock) => knock.name = name,
            None => call.knocks.push(Knock { id, name }),
        }
    }

    pub(super) fn knock_ended(call: &mut CallView, peer: PeerId) {
        let id = peer.to_string();
        call.knocks.retain(|knock| knock.id != id);
    }

    /// They said their name.
    pub(super) fn named(&mut self, call: &mut CallView, peer: PeerId, name: String) -> Option<Presence> {
        if !name.is_empty() && !self.names.contains(&name) {
            self.names.push(name.clone());
        }
        self.participant(call, peer).name = name;
        self.announce(call, peer)
    }

    /// The connection to them changed.
    pub(super) fn connection(
        &mut self,
        call: &mut CallView,
        peer: PeerId,
        connection: ConnectionView,
    ) -> Option<Presence> {
        self.participant(call, peer).connection = view::connection(connection);
        // Whoever has no name is never heard saying it.
        if connection == ConnectionView::Connected { self.announce(call, peer) } else { None }
    }

    /// What they send.
    pub(super) fn streams(&mut self, call: &mut CallView, peer: PeerId, streams: &[StreamState]) {
        let participant = self.participant(call, peer);
        participant.microphone_on = streams.iter().any(|state| state.source == Source::Microphone);
        participant.shares_sound = streams.iter().any(|state| state.source == Source::ScreenSound);
        let screen = streams.iter().any(|state| state.source == Source::Screen);
        let camera = participant.streams[0].stream;
        participant.streams.truncate(1);
        if screen {
            participant.streams.push(view::screen(camera + SCREEN));
        }
        for shown in &mut participant.streams {
            (shown.on, shown.paused) = view::shown(shown.source, streams);
        }
    }

    /// The stream that their camera's pictures are on.
    pub(super) fn camera_stream(&mut self, call: &CallView, peer: PeerId) -> u32 {
        self.kept(&call.participants, peer).stream
    }

    /// The stream that what they share is on.
    pub(super) fn screen_stream(&mut self, call: &CallView, peer: PeerId) -> u32 {
        self.camera_stream(call, peer) + SCREEN
    }

    fn announce(&mut self, call: &mut CallView, peer: PeerId) -> Option<Presence> {
        if !self.announced.insert(peer) {
            return None;
        }
        let name = &self.participant(call, peer).name;
        let joined = view::presence("participant_joined", name, "joined");
        Some(Presence::Joined(joined))
    }

    /// They are gone: the stream that shows nothing any more, and what to tell.
    pub(super) fn left(
        &mut self,
        call: &mut CallView,
        peer: PeerId,
        reason: LeaveReason,
    ) -> Option<(Vec<u32>, Option<Presence>)> {
        let id = peer.to_string();
        let index = call.participants.iter().position(|there| there.id == id)?;
        let gone = call.participants.remove(index);
        let (code, what) = match reason {
            LeaveReason::Goodbye => ("participant_left", "left"),
            LeaveReason::Lost => ("participant_lost", "was lost: their connection is gone"),
        };
        // Of whom nobody knew that they were there, nobody needs to hear that they left.
        let known = self.announced.remove(&peer);
        let presence = known.then(|| Presence::Left(view::presence(code, &gone.name, what)));
        call.left = call.participants.is_empty().then_some(gone.name);
        Some((gone.streams.iter().map(|shown| shown.stream).collect(), presence))
    }

    /// The clock runs while somebody is there and was connected; it begins anew with whoever comes next.
    pub(super) fn phase(
        &mut self,
        call: &mut CallView,
        phase: tincan_call::Phase,
        now: Instant,
        unix_millis: u64,
    ) {
        call.phase = view::phase(phase);
        match phase {
            tincan_call::Phase::Connected if self.talking_since.is_none() => {
                self.talking_since = Some(now);
                call.connected_since = Some(unix_millis);
            }
            tincan_call::Phase::Alone | tincan_call::Phase::Left => {
                self.talked = self.talked(now);
                self.talking_since = None;
                call.connected_since = None;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use tincan_call::Phase;

    use super::*;
    use crate::api::NoticeKind;

    fn call() -> CallView {
        CallView { server_connected: true, capacity: 8, ..CallView::default() }
    }

    fn peer(last: u8) -> PeerId {
        PeerId::from_bytes([last; 32])
    }

    fn told(presence: Option<Presence>) -> Option<(String, String)> {
        presence.map(|presence| {
            let (Presence::Joined(notice) | Presence::Left(notice) | Presence::Told(notice)) = presence;
            assert_eq!(notice.kind, NoticeKind::Info);
            (notice.said.code, notice.said.message)
        })
    }

    fn is(code: &str, message: &str) -> Option<(String, String)> {
        Some((code.into(), message.into()))
    }

    #[test]
    fn whoever_comes_is_told_once_with_their_name_and_whoever_was_there_is_not() {
        let (mut people, mut call) = (People::new(), call());
        people.there_already(&[peer(1)]);
        people.came(&mut call, peer(1));
        assert_eq!(told(people.named(&mut call, peer(1), "Ada".into())), None);
        people.came(&mut call, peer(2));
        let joined = told(people.named(&mut call, peer(2), "Ben".into()));
        assert_eq!(joined, is("participant_joined", "Ben joined."));
        assert_eq!(told(people.connection(&mut call, peer(2), ConnectionView::Connected)), None);
        let (_, left) = people.left(&mut call, peer(2), LeaveReason::Goodbye).unwrap();
        assert_eq!(told(left), is("participant_left", "Ben left."));
        assert_eq!(call.left, None, "Ada is still there");
        let (_, left) = people.left(&mut call, peer(1), LeaveReason::Goodbye).unwrap();
        assert_eq!(told(left), is("participant_left", "Ada left."));
        assert_eq!(call.left.as_deref(), Some("Ada"));
    }

    #[test]
    fn somebody_without_a_name_is_told_when_they_are_connected() {
        let (mut people, mut call) = (People::new(), call());
        people.came(&mut call, peer(1));
        assert_eq!(told(people.connection(&mut call, peer(1), ConnectionView::Connecting)), None);
        let joined = told(people.connection(&mut call, peer(1), ConnectionView::Connected));
        assert_eq!(joined, is("participant_joined", "Somebody joined."));
        people.left(&mut call, peer(1), LeaveReason::Goodbye);
        assert_eq!(call.left.as_deref(), Some(""));
        people.came(&mut call, peer(2));
        assert_eq!(call.left, None);
    }

    #[test]
    fn a_place_in_the_room_that_nobody_took_is_told_neither_way() {
        let (mut people, mut call) = (People::new(), call());
        people.came(&mut call, peer(1));
        let (_, left) = people.left(&mut call, peer(1), LeaveReason::Lost).unwrap();
        assert_eq!(told(left), None);
    }

    #[test]
    fn volume_and_stream_belong_to_the_person_also_when_they_were_lost_and_came_back() {
        let (mut people, mut call) = (People::new(), call());
        people.came(&mut call, peer(1));
        people.came(&mut call, peer(2));
        assert!(people.set_volume(&mut call, peer(1), 0.25));
        let stream = people.camera_stream(&call, peer(1));
        people.left(&mut call, peer(1), LeaveReason::Lost);
        assert!(!people.set_volume(&mut call, peer(1), 1.5), "they are not there");
        people.came(&mut call, peer(1));
        let back = people.participant(&mut call, peer(1)).clone();
        assert_eq!((back.volume, back.streams[0].stream), (0.25, stream));
        assert_ne!(people.camera_stream(&call, peer(2)), stream);
    }

    #[test]
    fn whoever_takes_a_verified_persons_name_is_told_of_and_others_are_not() {
        let (mut people, mut call) = (People::new(), call());
        people.came(&mut call, peer(1));
        people.named(&mut call, peer(1), "Ada".into());
        assert_eq!(people.trust(&mut call, peer(1), Trust::Unverified, true), None);
        assert!(call.participants[0].late);
        let notice = people.trust(&mut call, peer(1), Trust::Changed, true).unwrap();
        assert!(notice.said.message.contains("Ada"), "{notice:?}");
    }

    #[test]
    fn the_clock_stops_while_nobody_is_there_and_the_time_talked_is_counted() {
        let (mut people, mut call) = (People::new(), call());
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        people.phase(&mut call, Phase::Alone, at(0), 0);
        people.phase(&mut call, Phase::Connecting, at(10), 10_000);
        people.phase(&mut call, Phase::Connected, at(11), 11_000);
        people.phase(&mut call, Phase::Reconnecting, at(20), 20_000);
        people.phase(&mut call, Phase::Connected, at(25), 25_000);
        assert_eq!(call.connected_since, Some(11_000), "a reconnection begins no new call");
        people.phase(&mut call, Phase::Alone, at(31), 31_000);
        assert_eq!(call.connected_since, None);
        assert_eq!(people.talked(at(100)), Duration::from_secs(20));
        people.phase(&mut call, Phase::Connected, at(100), 100_000);
        assert_eq!(call.connected_since, Some(100_000));
        assert_eq!(people.talked(at(105)), Duration::from_secs(25));
    }

    #[test]
    fn a_server_that_makes_people_up_fills_no_memory() {
        let (mut people, mut call) = (People::new(), call());
        for number in 0..2_000_u64 {
            let peer = format!("{number:064x}").parse().unwrap();
            people.came(&mut call, peer);
            people.left(&mut call, peer, LeaveReason::Lost);
        }
        assert!(people.kept.len() <= MAX_KEPT && people.announced.is_empty());
    }
}
