//! What the owner hands over to be sent, on its way into the driver: in one step, without a task between.
//!
//! Every media thread puts what it made into its source's lane and wakes the driver, whose innermost stage
//! ([`Packetizer`](crate::stages::packetizer::Packetizer)) makes packets of it: one wake a picture.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tincan_protocol::Source;

use crate::api::{Sent, SharedAudio, SharedVideo};
use crate::sources::PerSource;

/// 640 ms of sound, half a second of pictures: a driver that is further behind is better off without them.
const SOUNDS: usize = 32;
const PICTURES: usize = 16;

/// How a source's packets are written, as negotiated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wire {
    pub(crate) payload_type: u8,
    /// Payload type of sound that carries what came before it too (RFC 2198), where both know it.
    pub(crate) red: Option<u8>,
    /// Header extensions that both have: the number, and for the section's tag its value.
    pub(crate) audio_level: Option<u8>,
    pub(crate) mid: Option<(u8, String)>,
}

/// A frame that waits for the driver.
#[derive(Debug)]
pub(crate) enum Frame {
    Sound(SharedAudio),
    Picture(SharedVideo),
}

#[derive(Default)]
struct Lane {
    /// `None` as long as the source has no section: nothing is sent then.
    wire: Option<Wire>,
    /// A picture was dropped: everything up to the next keyframe is.
    gap: bool,
    /// The owner wanted to send something of it.
    used: bool,
    /// The owner needs a keyframe of theirs.
    keyframe_needed: bool,
    waiting: VecDeque<Frame>,
}

/// The lanes. Behind a mutex, since threads of the owner put in and the driver, which cannot await, takes out; it is held
/// for a move of a pointer.
#[derive(Default)]
pub(crate) struct Outgoing {
    lanes: Mutex<Lanes>,
}

#[derive(Default)]
struct Lanes {
    of: PerSource<Lane>,
    /// Since when something waits.
    since: Option<Instant>,
}

/// What waited.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) source: Source,
    pub(crate) wire: Wire,
    pub(crate) frames: VecDeque<Frame>,
}

impl Outgoing {
    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        // A panic between two moves leaves moved or unmoved pointers.
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How this source is written from now on.
    pub(crate) fn negotiated(&self, source: Source, wire: Option<Wire>) {
        self.lanes().of[source].wire = wire;
    }

    /// Payload type of a source's packets that carry what came before too, where both know it.
    pub(crate) fn red(&self, source: Source) -> Option<u8> {
        self.lanes().of[source].wire.as_ref().and_then(|wire| wire.red)
    }

    pub(crate) fn wire(&self, source: Source) -> Option<Wire> {
        self.lanes().of[source].wire.clone()
    }

    pub(crate) fn sound(&self, source: Source, sound: SharedAudio, open: bool) -> Sent {
        let mut lanes = self.lanes();
        let lane = &mut lanes.of[source];
        if source.is_video() || !open || lane.wire.is_none() || lane.waiting.len() >= SOUNDS {
            return Sent::Dropped;
        }
        lane.waiting.push_back(Frame::Sound(sound));
        lanes.since.get_or_insert_with(Instant::now);
        Sent::Queued
    }

    /// Also says whether to ask the encoder for a keyframe now: there is no sense in it before it can be sent.
    pub(crate) fn picture(&self, source: Source, picture: SharedVideo, open: bool) -> (Sent, bool) {
        let mut lanes = self.lanes();
        let lane = &mut lanes.of[source];
        if !source.is_video() {
            return (Sent::Dropped, false);
        }
        lane.used = true;
        if !open || lane.wire.is_none() {
            lane.gap = true;
            return (Sent::Dropped, false);
        }
        if lane.gap && !picture.keyframe {
            return (Sent::Dropped, false);
        }
        if lane.waiting.len() >= PICTURES {
            // Whatever follows can be decoded without a picture that nothing refers to.
            lane.gap |= !picture.discardable;
            return (Sent::Dropped, lane.gap);
        }
        lane.gap = false;
        lane.waiting.push_back(Frame::Picture(picture));
        lanes.since.get_or_insert_with(Instant::now);
        (Sent::Queued, false)
    }

    /// Media may be sent, perhaps again. Gives the sources whose pictures are to begin anew: what was sent before went
    /// nowhere, and after an outage the other side's picture is torn.
    pub(crate) fn reopened(&self) -> Vec<Source> {
        let lanes = self.lanes();
        let used = lanes.of.iter().filter(|(_, lane)| lane.used && lane.wire.is_some());
        used.map(|(source, _)| source).collect()
    }

    /// The other side is to send a keyframe.
    pub(crate) fn need_keyframe(&self, source: Source) {
        let mut lanes = self.lanes();
        lanes.of[source].keyframe_needed = true;
        lanes.since.get_or_insert_with(Instant::now);
    }

    /// When something came that waits.
    pub(crate) fn since(&self) -> Option<Instant> {
        self.lanes().since
    }

    /// Everything that waits, sound first, and of which sources a keyframe is needed.
    pub(crate) fn take(&self) -> (Vec<Waiting>, Vec<Source>) {
        let mut lanes = self.lanes();
        lanes.since = None;
        let (mut waiting, mut needed) = (Vec::new(), Vec::new());
        for (source, lane) in lanes.of.iter_mut() {
            if std::mem::take(&mut lane.keyframe_needed) {
                needed.push(source);
            }
            let frames = std::mem::take(&mut lane.waiting);
            if let (Some(wire), false) = (&lane.wire, frames.is_empty()) {
                waiting.push(Waiting { source, wire: wire.clone(), frames });
            }
        }
        waiting.sort_by_key(|waiting| waiting.source.is_video());
        (waiting, needed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use tincan_media::MediaTime;
    use tincan_media::audio::EncodedAudio;
    use tincan_media::video::EncodedVideo;

    use super::*;

    fn picture(keyframe: bool) -> SharedVideo {
        Arc::new(EncodedVideo {
            time: MediaTime::ZERO,
            data: Bytes::new(),
            keyframe,
            discardable: false,
            resolution: None,
        })
    }

    fn sound() -> SharedAudio {
        let (time, captured) = (MediaTime::ZERO, MediaTime::ZERO);
        Arc::new(EncodedAudio { time, captured, payload: Bytes::new(), thin: None, level: 0, voice: true })
    }

    fn negotiated(sources: &[Source]) -> Outgoing {
        let outgoing = Outgoing::default();
        for source in sources {
            let wire = Wire { payload_type: 96, red: None, audio_level: None, mid: None };
            outgoing.negotiated(*source, Some(wire));
        }
        outgoing
    }

    #[test]
    fn a_picture_that_nothing_refers_to_is_missed_by_nobody() {
        let outgoing = negotiated(&Source::ALL);
        let send = |picture| outgoing.picture(Source::Camera, picture, true);
        for _ in 0..PICTURES {
            assert_eq!(send(picture(false)), (Sent::Queued, false));
        }
        let upper = EncodedVideo { discardable: true, ..(*picture(false)).clone() };
        assert_eq!(send(Arc::new(upper)), (Sent::Dropped, false));
        outgoing.take();
        assert_eq!(send(picture(false)), (Sent::Queued, false), "no keyframe is needed");
    }

    #[test]
    fn a_full_lane_drops_pictures_until_the_next_keyframe() {
        let outgoing = negotiated(&Source::ALL);
        let send = |keyframe| outgoing.picture(Source::Camera, picture(keyframe), true);
        for _ in 0..PICTURES {
            assert_eq!(send(false), (Sent::Queued, false));
        }
        assert_eq!(send(true), (Sent::Dropped, true));
        assert_eq!(outgoing.picture(Source::Screen, picture(false), true).0, Sent::Queued, "another lane");
        outgoing.take();
        assert_eq!(
            [send(false), send(true), send(false)].map(|(sent, _)| sent),
            [Sent::Dropped, Sent::Queued, Sent::Queued]
        );
    }

    #[test]
    fn what_has_no_section_or_no_open_way_is_dropped() {
        let outgoing = negotiated(&[Source::Microphone, Source::Camera]);
        assert_eq!(outgoing.picture(Source::Screen, picture(true), true), (Sent::Dropped, false));
        assert_eq!(outgoing.sound(Source::ScreenSound, sound(), true), Sent::Dropped);
        assert_eq!(outgoing.sound(Source::Camera, sound(), true), Sent::Dropped, "no sound");
        assert_eq!(outgoing.picture(Source::Microphone, picture(true), true).0, Sent::Dropped, "no picture");
        assert_eq!(outgoing.picture(Source::Camera, picture(true), false), (Sent::Dropped, false));
        assert!(outgoing.since().is_none());
        assert_eq!(outgoing.reopened(), [Source::Camera], "it is to begin anew");
        assert_eq!(
            outgoing.picture(Source::Camera, picture(false), true).0,
            Sent::Dropped,
            "with a keyframe"
        );
    }

    #[test]
    fn sound_is_taken_out_first() {
        let outgoing = negotiated(&Source::ALL);
        outgoing.picture(Source::Camera, picture(true), true);
        outgoing.sound(Source::ScreenSound, sound(), true);
        outgoing.sound(Source::Microphone, sound(), true);
        outgoing.need_keyframe(Source::Screen);
        let (waiting, needed) = outgoing.take();
        let order: Vec<_> = waiting.iter().map(|waiting| waiting.source).collect();
        assert_eq!(order, [Source::Microphone, Source::ScreenSound, Source::Camera]);
        assert_eq!(needed, [Source::Screen]);
        assert!(outgoing.since().is_none() && outgoing.take().0.is_empty());
    }
}
