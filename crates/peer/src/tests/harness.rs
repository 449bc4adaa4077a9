//! Two peers and the signalling between them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tincan_media::audio::EncodedAudio;
use tincan_media::video::EncodedVideo;
use tincan_media::{Bitrate, MediaClock};
use tincan_protocol::{Channel, Source};
use tokio::task::AbortHandle;

use crate::paths::WrapSocket;
use crate::{Peer, PeerConfig, PeerEvent, PeerEvents, PeerState, SessionDescription};

/// Generous: the machine is shared. Nothing waits for it unless it fails.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    A,
    B,
}

/// What both say first. It stands for whatever tells them that the other one is who it should be.
pub(super) const CONFIRM: &[u8] = b"confirm";

pub(super) struct Pair {
    pub(super) a: Arc<Peer>,
    pub(super) b: Arc<Peer>,
    pub(super) a_events: PeerEvents,
    pub(super) b_events: PeerEvents,
    /// Whether each side says [`CONFIRM`] when control opens, and takes the other's for good.
    pub(super) confirms: bool,
    /// Who was confirmed.
    confirmed: [bool; 2],
}

pub(super) fn config(clock: MediaClock, polite: bool) -> PeerConfig {
    PeerConfig {
        ice_servers: Vec::new(),
        relay_only: false,
        include_loopback: true,
        max_bitrate: Bitrate::kbps(2_500),
        clock,
        polite,
    }
}

impl Pair {
    pub(super) async fn open() -> Self {
        Self::open_over(None).await
    }

    pub(super) async fn open_over(wrap: Option<WrapSocket>) -> Self {
        let clock = MediaClock::new(Instant::now());
        let (a, a_events) = Peer::open_wrapped(config(clock, false), wrap.clone()).await.unwrap();
        let (b, b_events) = Peer::open_wrapped(config(clock, true), wrap).await.unwrap();
        let (a, b) = (Arc::new(a), Arc::new(b));
        Self { a, b, a_events, b_events, confirms: true, confirmed: [false; 2] }
    }

    pub(super) async fn connected() -> Self {
        let mut pair = Self::open().await;
        pair.a.negotiate().await.unwrap();
        pair.until_connected().await;
        pair
    }

    /// Until media may flow.
    pub(super) async fn until_connected(&mut self) {
        let mut connected = [false; 2];
        while self.confirmed != [true; 2] || connected != [true; 2] {
            let confirmed = self.confirmed;
            self.until_confirmed("connected", confirmed, |side, event| {
                if let PeerEvent::State(state) = event {
                    connected[side as usize] = *state == PeerState::Connected;
                    return Some(());
                }
                None
            })
            .await;
        }
    }

    /// Until both are confirmed, of a pair that is connected already.
    pub(super) async fn until_connected_already(&mut self) {
        while self.confirmed != [true; 2] {
            let confirmed = self.confirmed;
            self.until_confirmed("both confirmed", confirmed, |_, _| None).await;
        }
    }

    /// Until `f` gives something, or who is confirmed is not as before any more.
    async fn until_confirmed(
        &mut self,
        what: &str,
        before: [bool; 2],
        mut f: impl FnMut(Side, &PeerEvent) -> Option<()>,
    ) {
        let search = async {
            while self.confirmed == before {
                let (side, event) = self.next().await;
                let found = f(side, &event);
                carry(self.other(side), event).await;
                if found.is_some() {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, search).await.unwrap_or_else(|_| panic!("waited in vain: {what}"));
    }

    /// The next event of either side.
    async fn next(&mut self) -> (Side, PeerEvent) {
        let (side, event) = tokio::select! {
            event = self.a_events.recv() => (Side::A, event.expect("a is open")),
            event = self.b_events.recv() => (Side::B, event.expect("b is open")),
        };
        let peer = self.peer(side);
        match &event {
            PeerEvent::ChannelOpen(Channel::Control) if self.confirms => {
                peer.send_message(Channel::Control, Bytes::from_static(CONFIRM)).unwrap();
            }
            PeerEvent::ChannelMessage { channel: Channel::Control, data }
                if self.confirms && data == CONFIRM =>
            {
                peer.confirmed();
                self.confirmed[side as usize] = true;
            }
            _ => {}
        }
        (side, event)
    }

    pub(super) fn peer(&self, side: Side) -> &Arc<Peer> {
        match side {
            Side::A => &self.a,
            Side::B => &self.b,
        }
    }

    /// Carries the signalling and shows every event to `f` until it gives something.
    pub(super) async fn until<T>(&mut self, what: &str, f: impl FnMut(Side, &PeerEvent) -> Option<T>) -> T {
        self.until_rewriting(what, str::to_owned, f).await
    }

    /// The same, with every description rewritten on its way.
    pub(super) async fn until_rewriting<T>(
        &mut self,
        what: &str,
        rewrite: impl Fn(&str) -> String,
        mut f: impl FnMut(Side, &PeerEvent) -> Option<T>,
    ) -> T {
        let rewritten = |event| match event {
            PeerEvent::LocalDescription(SessionDescription { offer, sdp }) => {
                PeerEvent::LocalDescription(SessionDescription { offer, sdp: rewrite(&sdp) })
            }
            other => other,
        };
        let search = async {
            loop {
                let (side, event) = self.next().await;
                let found = f(side, &event);
                carry(self.other(side), rewritten(event)).await;
                if let Some(found) = found {
                    return found;
                }
            }
        };
        tokio::time::timeout(PATIENCE, search).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
    }

    pub(super) fn other(&self, side: Side) -> &Peer {
        match side {
            Side::A => &self.b,
            Side::B => &self.a,
        }
    }

    pub(super) async fn close(self) {
        let Self { a, b, a_events, b_events, .. } = self;
        drop((a_events, b_events));
        for peer in [a, b] {
            Arc::into_inner(peer).expect("nobody else holds the peer").close().await;
        }
    }
}

pub(super) async fn carry(to: &Peer, event: PeerEvent) {
    match event {
        PeerEvent::LocalDescription(description) => to.set_remote(description).await.unwrap(),
        PeerEvent::LocalCandidate(candidate) => to.add_candidate(candidate).await.unwrap(),
        _ => {}
    }
}

/// One access unit of about `size` bytes; its first byte of payload says nothing, but every NAL unit is legal.
pub(super) fn picture(clock: &MediaClock, at: Instant, keyframe: bool, size: usize) -> Arc<EncodedVideo> {
    let mut data = Vec::new();
    if keyframe {
        data.extend_from_slice(&[
            0, 0, 0, 1, 0x67, 0x42, 0xe0, 0x1f, 0xda, 0, 0, 0, 1, 0x68, 0xce, 0x38, 0x80,
        ]);
    }
    data.extend_from_slice(&[0, 0, 0, 1, if keyframe { 0x65 } else { 0x41 }]);
    data.resize(data.len() + size, 0xa5);
    Arc::new(EncodedVideo {
        time: clock.at(at),
        data: data.into(),
        keyframe,
        discardable: false,
        resolution: None,
    })
}

pub(super) fn sound(clock: &MediaClock, at: Instant, level: u8) -> Arc<EncodedAudio> {
    Arc::new(EncodedAudio {
        time: clock.at(at),
        captured: clock.at(at),
        payload: Bytes::from_static(&[0x78; 80]),
        thin: None,
        level,
        voice: true,
    })
}

/// Sends 50 sounds and 30 pictures a second of microphone and camera, or of these sources, until it is dropped.
pub(super) struct Sending(AbortHandle);

impl Sending {
    pub(super) fn start(peer: Arc<Peer>, kbps: usize) -> Self {
        Self::of(&[Source::Microphone, Source::Camera], peer, kbps)
    }

    pub(super) fn of(sources: &'static [Source], peer: Arc<Peer>, kbps: usize) -> Self {
        let clock = MediaClock::new(Instant::now());
        let task = tokio::spawn(async move {
            let mut tick = tokio::time::interval(Duration::from_millis(10));
            for n in 0u64.. {
                tick.tick().await;
                let now = Instant::now();
                for source in sources {
                    if !source.is_video() && n.is_multiple_of(2) {
                        peer.send_audio(*source, sound(&clock, now, 30));
                    }
                    if source.is_video() && n.is_multiple_of(3) {
                        let keyframe = n.is_multiple_of(300);
                        peer.send_video(*source, picture(&clock, now, keyframe, kbps * 1_000 / 8 / 33));
                    }
                }
            }
        });
        Self(task.abort_handle())
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Whether it is a packet of this source.
pub(super) const fn is_media(event: &PeerEvent, of: Source) -> bool {
    matches!(event, PeerEvent::Media { source, .. } if *source as u8 == of as u8)
}
