//! The way from a connection to its owner: a queue for what has an order, and a cell for each fact.
//!
//! A fact (they need a keyframe, the network takes so much, their clocks) is true until a newer one replaces it. In a
//! queue it would be dropped or stand behind media when the owner does not keep up, which is when it matters most. So
//! each fact has a cell that holds the latest one only, and is told before what waits in the queue.

use std::sync::{Arc, Mutex, PoisonError};

use tincan_media::Bitrate;
use tokio::sync::{Notify, mpsc};

use crate::api::{MediaKind, PeerEvent, PeerState};

/// What is untold of each fact. The stages set it inside `webrtc`'s driver, which cannot await, so it is a mutex; it is
/// held for a copy only.
#[derive(Default)]
struct Untold {
    keyframe_requested: bool,
    target: Option<(Bitrate, f32)>,
    /// NTP and RTP time, of sound and of pictures.
    audio_report: Option<(u64, u32)>,
    video_report: Option<(u64, u32)>,
}

/// The cells, as the connection sees them.
#[derive(Default)]
pub(crate) struct Facts {
    untold: Mutex<Untold>,
    changed: Notify,
}

impl Facts {
    /// The other side cannot go on without a keyframe.
    pub(crate) fn keyframe_requested(&self) {
        self.change(|untold| untold.keyframe_requested = true);
    }

    /// What the network takes now.
    pub(crate) fn target(&self, bitrate: Bitrate, loss: f32) {
        self.change(|untold| untold.target = Some((bitrate, loss)));
    }

    /// The other side's clocks.
    pub(crate) fn sender_report(&self, kind: MediaKind, ntp: u64, rtp: u32) {
        self.change(|untold| match kind {
            MediaKind::Audio => untold.audio_report = Some((ntp, rtp)),
            MediaKind::Video => untold.video_report = Some((ntp, rtp)),
        });
    }

    fn change(&self, change: impl FnOnce(&mut Untold)) {
        // A panic between two moves of numbers leaves numbers.
        change(&mut self.untold.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_one();
    }

    /// A fact that was not told yet. Before the connection stood there is nobody to send to, so no target is told.
    fn take(&self, connected: bool) -> Option<PeerEvent> {
        let mut untold = self.untold.lock().unwrap_or_else(PoisonError::into_inner);
        let report = |kind| move |(ntp, rtp)| PeerEvent::SenderReport { kind, ntp, rtp };
        if std::mem::take(&mut untold.keyframe_requested) {
            return Some(PeerEvent::KeyframeRequested);
        }
        if connected && let Some((bitrate, loss)) = untold.target.take() {
            return Some(PeerEvent::Target { bitrate, loss });
        }
        if let Some(clocks) = untold.audio_report.take() {
            return Some(report(MediaKind::Audio)(clocks));
        }
        untold.video_report.take().map(report(MediaKind::Video))
    }
}

/// What a connection tells its owner, until the connection is closed.
pub struct PeerEvents {
    queue: mpsc::Receiver<PeerEvent>,
    facts: Arc<Facts>,
    connected: bool,
}

impl PeerEvents {
    pub(crate) const fn new(queue: mpsc::Receiver<PeerEvent>, facts: Arc<Facts>) -> Self {
        Self { queue, facts, connected: false }
    }

    /// The next event; `None` when the connection is closed and nobody can send on it any more. Nothing is lost when
    /// the returned future is dropped.
    pub async fn recv(&mut self) -> Option<PeerEvent> {
        loop {
            if let Some(fact) = self.facts.take(self.connected) {
                return Some(fact);
            }
            tokio::select! {
                () = self.facts.changed.notified() => {}
                event = self.queue.recv() => {
                    self.connected |= matches!(event, Some(PeerEvent::State(PeerState::Connected)));
                    return event;
                }
            }
        }
    }
}

impl std::fmt::Debug for PeerEvents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PeerEvents").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events(places: usize) -> (mpsc::Sender<PeerEvent>, Arc<Facts>, PeerEvents) {
        let (sender, queue) = mpsc::channel(places);
        let facts = Arc::<Facts>::default();
        (sender, facts.clone(), PeerEvents::new(queue, facts))
    }

    /// What was told, in short.
    #[derive(Debug, PartialEq)]
    enum Told {
        Queued,
        Keyframe,
        Target(u64),
        Report(MediaKind, u64),
    }

    async fn all(mut events: PeerEvents) -> Vec<Told> {
        let mut told = Vec::new();
        while let Some(event) = events.recv().await {
            told.push(match event {
                PeerEvent::KeyframeRequested => Told::Keyframe,
                PeerEvent::Target { bitrate, .. } => Told::Target(bitrate.as_bps()),
                PeerEvent::SenderReport { kind, ntp, .. } => Told::Report(kind, ntp),
                _ => Told::Queued,
            });
        }
        told
    }

    #[tokio::test]
    async fn a_full_queue_drops_no_fact_and_the_latest_is_told() {
        let (sender, facts, events) = events(2);
        sender.try_send(PeerEvent::State(PeerState::Connected)).unwrap();
        while sender.try_send(PeerEvent::ControlOpen).is_ok() {}
        for n in 1..=9 {
            facts.target(Bitrate::kbps(n), 0.0);
            facts.keyframe_requested();
            facts.sender_report(MediaKind::Audio, n, 0);
        }
        drop(sender);
        let told = all(events).await;
        let expected = [
            Told::Keyframe,
            Told::Report(MediaKind::Audio, 9),
            Told::Queued,
            Told::Target(9_000),
            Told::Queued,
        ];
        assert_eq!(told, expected, "facts first, a target only once there is a connection");
    }

    #[tokio::test(start_paused = true)]
    async fn a_fact_wakes_who_waits() {
        let (_sender, facts, mut events) = events(1);
        let waiting = tokio::spawn(async move { events.recv().await });
        tokio::task::yield_now().await;
        facts.keyframe_requested();
        assert!(matches!(waiting.await.unwrap(), Some(PeerEvent::KeyframeRequested)));
    }

    proptest! {
        #[test]
        fn the_last_of_each_fact_is_always_told(
            steps in proptest::collection::vec((0u8..4, 1u64..1000), 1..60),
            places in 1usize..5,
        ) {
            let (sender, facts, mut events) = events(places);
            events.connected = true;
            let mut last = [None; 3];
            for &(step, value) in &steps {
                match step {
                    0 => facts.keyframe_requested(),
                    1 => facts.target(Bitrate::bps(value), 0.0),
                    2 => facts.sender_report(MediaKind::Video, value, 0),
                    _ => { let _ = sender.try_send(PeerEvent::ControlOpen); }
                }
                if step < 3 {
                    last[usize::from(step)] = Some(if step == 0 { 0 } else { value });
                }
            }
            drop(sender);
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let told = runtime.block_on(all(events));
            let value = |wanted: fn(&Told) -> Option<u64>| told.iter().rev().find_map(wanted);
            prop_assert_eq!(value(|t| (*t == Told::Keyframe).then_some(0)), last[0]);
            prop_assert_eq!(value(|t| if let Told::Target(v) = t { Some(*v) } else { None }), last[1]);
            prop_assert_eq!(value(|t| if let Told::Report(_, v) = t { Some(*v) } else { None }), last[2]);
        }
    }
}
