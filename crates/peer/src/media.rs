//! Received media on its way to the owner: from the driver into the owner's hands in one step.
//!
//! The owner is woken once for a picture, by the packet that completes it, and not for every packet: a picture is worth
//! nothing before.
//!
//! Until the other side is confirmed nothing is handed out. Its sound is silence until then, and is dropped. Its first
//! picture may come right behind its word, before the owner has judged that: pictures are kept, within bounds.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tincan_protocol::Source;
use tokio::sync::Notify;

use crate::api::RtpPacket;
use crate::sources::PerSource;

/// Packets that wait for the owner: nearly two seconds of a 2.5 Mbit/s picture.
const PACKETS: usize = 448;
/// So many packets wake the owner though no picture is complete: of a large keyframe it can begin to make something.
const AT_LEAST_EVERY: usize = 64;

#[derive(Default)]
struct State {
    /// The other side is confirmed.
    open: bool,
    packets: VecDeque<(Source, RtpPacket)>,
    /// Pictures of it were dropped since the connection began.
    dropped: PerSource<bool>,
    /// RTP time of the picture whose end has not come.
    begun: PerSource<Option<u32>>,
    /// RTP time of the newest picture whose end has come.
    ended: PerSource<Option<u32>>,
    /// Since the owner was woken last.
    quiet: usize,
}

/// The queue. A mutex, because the driver cannot await; it is held for a move of a pointer.
#[derive(Default)]
pub(crate) struct Media {
    state: Mutex<State>,
    complete: Notify,
}

impl Media {
    fn state(&self) -> MutexGuard<'_, State> {
        // A panic between two moves leaves moved or unmoved packets.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a packet; false when it was dropped because the owner does not keep up.
    pub(crate) fn push(&self, source: Source, packet: RtpPacket) -> bool {
        let mut state = self.state();
        if !state.open && !source.is_video() {
            return true;
        }
        if state.packets.len() >= PACKETS {
            if !state.open {
                // Old pictures are worth nothing, and new ones nothing without them.
                state.packets.clear();
            }
            state.dropped[source] |= source.is_video();
            return false;
        }
        let completes = !source.is_video() || state.completes(source, &packet);
        state.packets.push_back((source, packet));
        state.quiet += 1;
        if state.open && (completes || state.quiet >= AT_LEAST_EVERY) {
            state.quiet = 0;
            drop(state);
            self.complete.notify_one();
        }
        true
    }

    /// The next packet, whole picture or not: whoever is awake takes what there is.
    pub(crate) fn pop(&self) -> Option<(Source, RtpPacket)> {
        let mut state = self.state();
        if state.open { state.packets.pop_front() } else { None }
    }

    /// Ends when it is worth looking.
    pub(crate) async fn complete(&self) {
        self.complete.notified().await;
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state().open
    }

    /// The other side is confirmed. Gives the sources of which pictures were dropped.
    pub(crate) fn open(&self) -> Vec<Source> {
        let mut state = self.state();
        state.open = true;
        let dropped =
            state.dropped.iter().filter(|(_, dropped)| **dropped).map(|(source, _)| source).collect();
        drop(state);
        self.complete.notify_one();
        dropped
    }
}

impl State {
    /// Whether the owner can make more of a picture with this packet than without it.
    fn completes(&mut self, source: Source, packet: &RtpPacket) -> bool {
        let time = packet.timestamp;
        let newer = |than: u32| time != than && time.wrapping_sub(than) < 1 << 31;
        let (begun, ended) = (&mut self.begun[source], &mut self.ended[source]);
        if packet.marker {
            if ended.is_none_or(newer) {
                *ended = Some(time);
            }
            *begun = None;
            return true;
        }
        // It fills a gap, or belongs to a picture whose end came before it.
        if packet.recovered || !ended.is_none_or(newer) {
            return true;
        }
        // The end of the picture before is missing.
        begun.replace(time).is_some_and(|before| before != time)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use bytes::Bytes;
    use futures_util::FutureExt;

    use super::*;

    fn packet(sequence: u16, timestamp: u32, marker: bool) -> RtpPacket {
        RtpPacket {
            sequence,
            timestamp,
            marker,
            payload: Bytes::new(),
            arrived: Instant::now(),
            audio_level: None,
            recovered: false,
        }
    }

    fn open() -> Media {
        let media = Media::default();
        assert!(media.open().is_empty());
        media.complete().now_or_never();
        media
    }

    /// Whether the owner would be woken, and takes all there is then.
    fn woken(media: &Media) -> bool {
        let woken = media.complete().now_or_never().is_some();
        while woken && media.pop().is_some() {}
        woken
    }

    #[test]
    fn the_owner_is_woken_once_a_picture_and_for_every_sound() {
        let media = open();
        let mut wakes = Vec::new();
        for picture in 0..3u16 {
            for n in 0..6 {
                media.push(Source::Camera, packet(picture * 6 + n, u32::from(picture) * 3_000, n == 5));
                wakes.push(woken(&media));
            }
        }
        let expected: Vec<_> = (0..18).map(|n| n % 6 == 5).collect();
        assert_eq!(wakes, expected);
        media.push(Source::Microphone, packet(1, 0, false));
        assert!(woken(&media));
    }

    #[test]
    fn no_picture_waits_for_the_next_one_when_packets_overtake_each_other() {
        let media = open();
        let push = |source, sequence, time, marker, recovered| {
            media.push(source, RtpPacket { recovered, ..packet(sequence, time, marker) });
            woken(&media)
        };
        let camera = |sequence, time, marker| push(Source::Camera, sequence, time, marker, false);
        assert_eq!([camera(1, 0, false), camera(3, 0, true), camera(2, 0, false)], [false, true, true]);
        // The end of the second picture is lost: the third tells.
        assert_eq!(
            [camera(4, 3_000, false), camera(6, 6_000, false), camera(7, 6_000, true)],
            [false, true, true]
        );
        assert!(push(Source::Camera, 5, 3_000, true, true), "what was missing comes");
        assert!(!push(Source::Camera, 8, 9_000, false, false));
        assert!(!push(Source::Screen, 1, 77, false, false), "each source has its own pictures");
        assert!(push(Source::Camera, 9, 9_000, true, false));
    }

    #[test]
    fn a_long_picture_is_begun_before_its_end_has_come() {
        let media = open();
        for n in 0..AT_LEAST_EVERY as u16 {
            assert!(!woken(&media), "{n}");
            media.push(Source::Screen, packet(n, 0, false));
        }
        assert!(woken(&media));
    }

    #[test]
    fn nothing_is_handed_out_before_the_other_side_is_confirmed() {
        let media = Media::default();
        media.push(Source::Microphone, packet(1, 0, false));
        media.push(Source::Camera, packet(2, 3_000, true));
        media.push(Source::Screen, packet(1, 0, true));
        assert!(media.pop().is_none() && media.complete().now_or_never().is_none());
        assert!(media.open().is_empty(), "both first pictures were kept");
        assert!(media.complete().now_or_never().is_some());
        let taken: Vec<_> =
            std::iter::from_fn(|| media.pop()).map(|(source, p)| (source, p.sequence)).collect();
        assert_eq!(taken, [(Source::Camera, 2), (Source::Screen, 1)]);
    }

    #[test]
    fn who_sends_for_long_before_it_is_confirmed_is_asked_for_a_keyframe() {
        let media = Media::default();
        for n in 0..PACKETS as u16 {
            assert!(media.push(Source::Camera, packet(n, u32::from(n), true)));
        }
        assert!(!media.push(Source::Camera, packet(0, 0, true)));
        media.push(Source::Camera, packet(7, 0, true));
        assert_eq!(media.open(), [Source::Camera]);
        assert_eq!(media.pop().map(|(_, packet)| packet.sequence), Some(7));
    }

    #[test]
    fn whoever_does_not_keep_up_loses_the_newest() {
        let media = open();
        for n in 0..PACKETS as u16 {
            assert!(media.push(Source::Microphone, packet(n, 0, false)));
        }
        assert!(!media.push(Source::Microphone, packet(0, 0, false)));
    }
}
