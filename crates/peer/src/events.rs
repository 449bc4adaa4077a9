//! The way from a connection to its owner: queues for what has an order, and a cell for each fact.
//!
//! A fact (they need a keyframe, the network takes so much, their clocks) is true until a newer one replaces it. In a
//! queue it would be dropped or stand behind media when the owner does not keep up, which is when it matters most. So
//! each fact has a cell that holds the latest one only. Facts are told first, then what the connection and the control
//! channel say, then media, and the other channels last.

use std::sync::{Arc, Mutex, PoisonError};

use tincan_media::Bitrate;
use tincan_media::audio::red::Protection;
use tincan_protocol::Source;
use tokio::sync::{Notify, mpsc};

use crate::api::{PeerEvent, PeerState};
use crate::media::Media;
use crate::sources::PerSource;

/// What is untold of each fact. The stages set it inside `webrtc`'s driver, which cannot await, so it is a mutex; it is
/// held for a copy only.
#[derive(Default)]
struct Untold {
    keyframe_requested: PerSource<bool>,
    target: Option<(Bitrate, f32, Protection)>,
    /// NTP and RTP time.
    reports: PerSource<Option<(u64, u32)>>,
}

/// The cells, as the connection sees them.
#[derive(Default)]
pub(crate) struct Facts {
    untold: Mutex<Untold>,
    changed: Notify,
}

impl Facts {
    /// The other side cannot go on without a keyframe.
    pub(crate) fn keyframe_requested(&self, source: Source) {
        self.change(|untold| untold.keyframe_requested[source] = true);
    }

    /// What the network takes now.
    pub(crate) fn target(&self, bitrate: Bitrate, loss: f32, protection: Protection) {
        self.change(|untold| untold.target = Some((bitrate, loss, protection)));
    }

    /// The other side's clocks.
    pub(crate) fn sender_report(&self, source: Source, ntp: u64, rtp: u32) {
        self.change(|untold| untold.reports[source] = Some((ntp, rtp)));
    }

    /// Something that facts waited for has happened.
    pub(crate) fn look_again(&self) {
        self.changed.notify_one();
    }

    fn change(&self, change: impl FnOnce(&mut Untold)) {
        // A panic between two moves of numbers leaves numbers.
        change(&mut self.untold.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_one();
    }

    /// A fact that was not told yet. Before the connection stood there is nobody to send to, so no target is told; before
    /// the other side is confirmed, nothing that it said.
    fn take(&self, connected: bool, confirmed: bool) -> Option<PeerEvent> {
        let mut untold = self.untold.lock().unwrap_or_else(PoisonError::into_inner);
        if confirmed {
            for (source, requested) in untold.keyframe_requested.iter_mut() {
                if std::mem::take(requested) {
                    return Some(PeerEvent::KeyframeRequested(source));
                }
            }
        }
        if connected && let Some((bitrate, loss, protection)) = untold.target.take() {
            return Some(PeerEvent::Target { bitrate, loss, protection });
        }
        if !confirmed {
            return None;
        }
        let report = |(source, report): (Source, &mut Option<(u64, u32)>)| {
            report.take().map(|(ntp, rtp)| PeerEvent::SenderReport { source, ntp, rtp })
        };
        untold.reports.iter_mut().find_map(report)
    }
}

/// What a connection tells its owner, until the connection is closed.
pub struct PeerEvents {
    queue: mpsc::Receiver<PeerEvent>,
    /// What the channels other than control say, that they are open too: the word that opens one comes before what
    /// comes on it.
    messages: mpsc::Receiver<PeerEvent>,
    media: Arc<Media>,
    facts: Arc<Facts>,
    connected: bool,
}

impl PeerEvents {
    pub(crate) const fn new(
        queue: mpsc::Receiver<PeerEvent>,
        messages: mpsc::Receiver<PeerEvent>,
        media: Arc<Media>,
        facts: Arc<Facts>,
    ) -> Self {
        Self { queue, messages, media, facts, connected: false }
    }

    /// What there is now.
    fn next(&mut self) -> Option<PeerEvent> {
        if let Some(fact) = self.facts.take(self.connected, self.media.is_open()) {
            return Some(fact);
        }
        if let Ok(event) = self.queue.try_recv() {
            return Some(self.noted(event));
        }
        if let Some((source, packet)) = self.media.pop() {
            return Some(PeerEvent::Media { source, packet });
        }
        self.messages.try_recv().ok()
    }

    fn noted(&mut self, event: PeerEvent) -> PeerEvent {
        self.connected |= matches!(event, PeerEvent::State(PeerState::Connected));
        event
    }

    /// The next event; `None` when the connection is closed and nobody can send on it any more. Nothing is lost when
    /// the returned future is dropped.
    pub async fn recv(&mut self) -> Option<PeerEvent> {
        loop {
            if let Some(event) = self.next() {
                return Some(event);
            }
            tokio::select! {
                () = self.facts.changed.notified() => {}
                () = self.media.complete() => {}
                event = self.queue.recv() => return event.map(|event| self.noted(event)),
                Some(event) = self.messages.recv() => return Some(event),
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
    use tincan_protocol::Channel;

    use super::*;

    /// Of a connection whose other side is confirmed.
    fn events(places: usize) -> (mpsc::Sender<PeerEvent>, Arc<Facts>, PeerEvents) {
        let (sender, queue) = mpsc::channel(places);
        let (facts, media) = (Arc::<Facts>::default(), Arc::<Media>::default());
        media.open();
        (sender, facts.clone(), PeerEvents::new(queue, mpsc::channel(1).1, media, facts))
    }

    /// What was told, in short.
    #[derive(Debug, PartialEq)]
    enum Told {
        Queued,
        Keyframe,
        Target(u64),
        Report(Source, u64),
    }

    async fn all(mut events: PeerEvents) -> Vec<Told> {
        let mut told = Vec::new();
        while let Some(event) = events.recv().await {
            told.push(match event {
                PeerEvent::KeyframeRequested(_) => Told::Keyframe,
                PeerEvent::Target { bitrate, .. } => Told::Target(bitrate.as_bps()),
                PeerEvent::SenderReport { source, ntp, .. } => Told::Report(source, ntp),
                _ => Told::Queued,
            });
        }
        told
    }

    #[tokio::test]
    async fn a_full_queue_drops_no_fact_and_the_latest_is_told() {
        let (sender, facts, events) = events(2);
        sender.try_send(PeerEvent::State(PeerState::Connected)).unwrap();
        while sender.try_send(PeerEvent::ChannelOpen(Channel::Control)).is_ok() {}
        for n in 1..=9 {
            facts.target(Bitrate::kbps(n), 0.0, Protection::Fec);
            facts.keyframe_requested(Source::Camera);
            facts.sender_report(Source::Microphone, n, 0);
        }
        drop(sender);
        let told = all(events).await;
        let expected = [
            Told::Keyframe,
            Told::Report(Source::Microphone, 9),
            Told::Queued,
            Told::Target(9_000),
            Told::Queued,
        ];
        assert_eq!(told, expected, "facts first, a target only once there is a connection");
    }

    #[tokio::test]
    async fn nothing_that_an_unconfirmed_side_said_is_told() {
        let (sender, facts, mut events) = events(2);
        events.media = Arc::default();
        sender.try_send(PeerEvent::State(PeerState::Connected)).unwrap();
        facts.keyframe_requested(Source::Screen);
        facts.sender_report(Source::Screen, 1, 0);
        assert!(matches!(events.recv().await, Some(PeerEvent::State(_))));
        assert!(events.next().is_none());
        events.media.open();
        facts.look_again();
        assert!(matches!(events.recv().await, Some(PeerEvent::KeyframeRequested(Source::Screen))));
        assert!(matches!(events.recv().await, Some(PeerEvent::SenderReport { source: Source::Screen, .. })));
    }

    #[tokio::test(start_paused = true)]
    async fn a_fact_wakes_who_waits() {
        let (_sender, facts, mut events) = events(1);
        let waiting = tokio::spawn(async move { events.recv().await });
        tokio::task::yield_now().await;
        facts.keyframe_requested(Source::Camera);
        assert!(matches!(waiting.await.unwrap(), Some(PeerEvent::KeyframeRequested(Source::Camera))));
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
                    0 => facts.keyframe_requested(Source::Camera),
                    1 => facts.target(Bitrate::bps(value), 0.0, Protection::Fec),
                    2 => facts.sender_report(Source::Camera, value, 0),
                    _ => { let _ = sender.try_send(PeerEvent::ChannelOpen(Channel::Control)); }
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
