//! Two peers and the signalling between them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tincan_media::audio::EncodedAudio;
use tincan_media::video::EncodedVideo;
use tincan_media::{Bitrate, MediaClock};
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

pub(super) struct Pair {
    pub(super) a: Arc<Peer>,
    pub(super) b: Arc<Peer>,
    pub(super) a_events: PeerEvents,
    pub(super) b_events: PeerEvents,
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
        Self { a: Arc::new(a), b: Arc::new(b), a_events, b_events }
    }

    pub(super) async fn connected() -> Self {
        let mut pair = Self::open().await;
        pair.a.negotiate().await.unwrap();
        pair.until_connected().await;
        pair
    }

    pub(super) async fn until_connected(&mut self) {
        let (mut a, mut b) = (false, false);
        self.until("connected", |side, event| {
            if let PeerEvent::State(state) = event {
                *(if side == Side::A { &mut a } else { &mut b }) = *state == PeerState::Connected;
            }
            (a && b).then_some(())
        })
        .await;
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
                let (side, event) = tokio::select! {
                    event = self.a_events.recv() => (Side::A, event.expect("a is open")),
                    event = self.b_events.recv() => (Side::B, event.expect("b is open")),
                };
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
        let Self { a, b, a_events, b_events } = self;
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
        level,
        voice: true,
    })
}

/// Sends 50 sounds and 30 pictures a second until it is dropped.
pub(super) struct Sending(AbortHandle);

impl Sending {
    pub(super) fn start(peer: Arc<Peer>, kbps: usize) -> Self {
        let clock = MediaClock::new(Instant::now());
        let task = tokio::spawn(async move {
            let mut tick = tokio::time::interval(Duration::from_millis(10));
            for n in 0u64.. {
                tick.tick().await;
                let now = Instant::now();
                if n.is_multiple_of(2) {
                    peer.send_audio(&sound(&clock, now, 30));
                }
                if n.is_multiple_of(3) {
                    peer.send_video(&picture(&clock, now, n.is_multiple_of(300), kbps * 1_000 / 8 / 33));
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
