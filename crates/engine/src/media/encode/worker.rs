//! What the thread does with a picture.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tincan_call::{Allocator, AllocatorInput, LayerId, Pictures, Plan};
use tincan_media::video::{Scaler, VideoFrame};
use tincan_peer::SharedVideo;
use tincan_protocol::PeerId;
use tokio::sync::watch;
use tracing::warn;

use super::layers::LayerEncoder;
use super::rate::{FrameRate, NOMINAL_RATE};
use super::{EncoderCommand, EncoderStatistics, SentPictures};
use crate::media::PeerSink;
use crate::media::slot::Slot;

/// A picture that is so old is still worth being somebody's first one: cameras in the dark give ten a second, and the
/// next one would come that much later.
const FRESH: Duration = Duration::from_millis(100);

struct Link {
    sink: Arc<dyn PeerSink>,
    /// Whose pictures they get: changes at a keyframe of the next one.
    layer: Option<LayerId>,
    sent: FrameRate,
    /// Pictures a second in the last one.
    rate: f32,
}

pub(super) struct Worker {
    statistics: watch::Sender<EncoderStatistics>,
    allocator: Allocator<PeerId>,
    layers: BTreeMap<LayerId, LayerEncoder>,
    links: BTreeMap<PeerId, Link>,
    scaler: Scaler,
    fed: FrameRate,
    /// The camera's last picture, and when it came.
    latest: Option<(Arc<VideoFrame>, Instant)>,
    /// As in [`EncoderStatistics`].
    camera: (u64, u64),
    encoding: Option<Duration>,
}

impl Worker {
    pub(super) fn new(statistics: watch::Sender<EncoderStatistics>) -> Self {
        Self {
            statistics,
            allocator: Allocator::new(),
            layers: BTreeMap::new(),
            links: BTreeMap::new(),
            scaler: Scaler::new(),
            fed: FrameRate::default(),
            latest: None,
            camera: (0, 0),
            encoding: None,
        }
    }

    pub(super) fn run(mut self, inbox: &Slot<EncoderCommand>) {
        loop {
            let pending = inbox.wait(None);
            if pending.stop {
                return;
            }
            let nobody = self.links.is_empty();
            for command in pending.commands {
                self.handle(command, Instant::now());
            }
            let replaced = u64::from(pending.replaced);
            self.camera.0 += replaced + u64::from(pending.frame.is_some());
            self.camera.1 += replaced;
            let now = Instant::now();
            match pending.frame {
                Some(frame) => self.latest = Some((frame, now)),
                // The first one is hurried. Beside others, nobody gets a second picture of one time.
                None if nobody && !self.links.is_empty() => {}
                None => continue,
            }
            if let Some((frame, came)) = self.latest.clone()
                && now - came < FRESH
                && !self.links.is_empty()
            {
                self.picture(&frame, now);
            }
        }
    }

    fn handle(&mut self, command: EncoderCommand, now: Instant) {
        match command {
            EncoderCommand::AddParticipant { id, sink } => {
                let link = Link { sink, layer: None, sent: FrameRate::default(), rate: 0.0 };
                self.links.insert(id, link);
                self.allocator.handle(now, AllocatorInput::LinkUp(id));
                self.share_hurry();
            }
            EncoderCommand::RemoveParticipant(id) => {
                self.links.remove(&id);
                self.allocator.handle(now, AllocatorInput::LinkDown(id));
                self.share_hurry();
                if self.links.is_empty() {
                    // A lobby needs no encoder.
                    self.layers.clear();
                    self.statistics.send_replace(EncoderStatistics::default());
                }
            }
            EncoderCommand::Path { id, path } => self.allocator.handle(now, AllocatorInput::Path(id, path)),
            EncoderCommand::Want { id, want } => self.allocator.handle(now, AllocatorInput::Want(id, want)),
            EncoderCommand::Screen(on) => self.allocator.handle(now, AllocatorInput::Screen(on)),
            EncoderCommand::Keyframe(id) => {
                self.allocator.handle(now, AllocatorInput::KeyframeRequested(id));
                let layer = self.links.get(&id).and_then(|link| link.layer);
                if let Some(encoder) = layer.and_then(|layer| self.layers.get_mut(&layer)) {
                    encoder.want_keyframe();
                }
            }
        }
    }

    /// First pictures leave faster than the rest, but all begin with one uplink.
    fn share_hurry(&self) {
        for link in self.links.values() {
            link.sink.paths(self.links.len());
        }
    }

    fn picture(&mut self, frame: &VideoFrame, now: Instant) {
        let fed = self.fed.add(frame.time());
        self.allocator.handle(now, AllocatorInput::Capture(frame.resolution(), NOMINAL_RATE));
        let plan = self.allocator.plan(now);
        self.prepare(&plan, now);
        let units = self.encode(frame, fed, now);
        if !units.is_empty() {
            let took = now.elapsed();
            // The mean of the last eight or so.
            self.encoding = Some(self.encoding.map_or(took, |before| (before * 7 + took) / 8));
            let share = took.as_secs_f32() * fed.max(1.0);
            self.allocator.handle(now, AllocatorInput::Encoded(share));
        }
        self.deliver(&plan, &units, frame);
        self.publish(&plan);
    }

    /// Starts, sets and ends encoders, and asks for the keyframes at which somebody changes.
    fn prepare(&mut self, plan: &Plan<PeerId>, now: Instant) {
        for layer in &plan.layers {
            self.layers.entry(layer.id).or_insert_with(|| LayerEncoder::new(*layer)).want(*layer);
        }
        for (id, link) in &mut self.links {
            let wanted = plan.links.get(id).and_then(|planned| planned.pictures.layer());
            if wanted.is_none() {
                link.layer = None;
            }
            let Some(encoder) = wanted.and_then(|layer| self.layers.get_mut(&layer)) else { continue };
            match link.layer {
                None => encoder.hurry(),
                Some(_) if link.layer != wanted => encoder.want_keyframe(),
                Some(_) => {}
            }
        }
        let used: BTreeSet<LayerId> = self.links.values().filter_map(|link| link.layer).collect();
        let planned = |id: &LayerId| plan.layers.iter().any(|layer| layer.id == *id);
        self.layers.retain(|id, encoder| planned(id) || used.contains(id) || !encoder.unwanted(now));
    }

    /// Every layer that somebody gets, or still gets until the keyframe of another one.
    fn encode(&mut self, frame: &VideoFrame, fed: f32, now: Instant) -> BTreeMap<LayerId, SharedVideo> {
        let Self { layers, links, scaler, .. } = self;
        let mut units = BTreeMap::new();
        for (id, encoder) in layers.iter_mut().filter(|(id, encoder)| {
            encoder.is_wanted() || links.values().any(|link| link.layer == Some(**id))
        }) {
            match encoder.encode(frame, fed, scaler, now) {
                Ok(unit) => units.extend(unit.map(|unit| (*id, Arc::new(unit)))),
                Err(error) => warn!(%error, "a picture is not sent"),
            }
        }
        units
    }

    fn deliver(&mut self, plan: &Plan<PeerId>, units: &BTreeMap<LayerId, SharedVideo>, frame: &VideoFrame) {
        for (id, link) in &mut self.links {
            let Some(planned) = plan.links.get(id) else { continue };
            let wanted = planned.pictures.layer();
            let next = wanted.and_then(|layer| units.get(&layer));
            let unit = if link.layer == wanted || next.is_some_and(|unit| unit.keyframe) {
                let base = matches!(planned.pictures, Pictures::Base(_));
                if next.is_some() {
                    link.layer = wanted;
                }
                next.filter(|unit| !(base && unit.discardable))
            } else {
                // Until the keyframe comes; on the way down half of the pictures are more than enough.
                let less = wanted < link.layer;
                let current = link.layer.and_then(|layer| units.get(&layer));
                current.filter(|unit| !(less && unit.discardable))
            };
            if let Some(unit) = unit {
                link.rate = link.sent.add(frame.time());
                link.sink.video(unit);
            }
        }
    }

    fn publish(&self, plan: &Plan<PeerId>) {
        let (fed, overrun) = self.camera;
        let participants = self.links.iter().map(|(id, link)| {
            let layer = link.layer.and_then(|layer| self.layers.get(&layer));
            let sent = SentPictures {
                resolution: layer.map(|encoder| encoder.layer().resolution),
                frames_per_second: if layer.is_some() { link.rate } else { 0.0 },
                limited_by: plan.links.get(id).map(|planned| planned.limited_by).unwrap_or_default(),
            };
            (*id, sent)
        });
        let participants = participants.collect();
        let encoding = self.encoding.filter(|_| !self.layers.is_empty());
        self.statistics.send_replace(EncoderStatistics { participants, fed, overrun, encoding });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tincan_call::PathEstimate;
    use tincan_codec::H264Decoder;
    use tincan_media::ports::VideoDecoder;
    use tincan_media::video::{Resolution, TestPattern};
    use tincan_media::{Bitrate, MediaTime};
    use tincan_peer::SharedAudio;

    use super::*;

    /// Decodes what it gets, as a receiver does.
    struct Receiver {
        decoder: Mutex<H264Decoder>,
        units: Mutex<Vec<SharedVideo>>,
        paths: Mutex<usize>,
    }

    impl PeerSink for Receiver {
        fn shared_sound(&self, _: &SharedAudio) {}
        fn audio(&self, _: &SharedAudio) {}
        fn video(&self, unit: &SharedVideo) {
            let picture = self.decoder.lock().unwrap().decode(unit).expect("a stream without gaps");
            assert_eq!(picture.map(|picture| picture.resolution()), unit.resolution);
            self.units.lock().unwrap().push(Arc::clone(unit));
        }
        fn screen(&self, _: &SharedVideo) {}
        fn screen_waits(&self) -> Duration {
            Duration::ZERO
        }
        fn paths(&self, count: usize) {
            *self.paths.lock().unwrap() = count;
        }
    }

    impl Receiver {
        fn take(&self) -> Vec<SharedVideo> {
            std::mem::take(&mut *self.units.lock().unwrap())
        }

        fn lines(&self) -> u32 {
            self.units.lock().unwrap().last().and_then(|unit| unit.resolution).map_or(0, |size| size.height)
        }
    }

    struct Room {
        worker: Worker,
        statistics: watch::Receiver<EncoderStatistics>,
        pattern: TestPattern,
        now: Instant,
        index: u32,
    }

    impl Room {
        fn new() -> Self {
            let (publish, statistics) = watch::channel(EncoderStatistics::default());
            let pattern = TestPattern::new(Resolution::new(640, 360));
            Self { worker: Worker::new(publish), statistics, pattern, now: Instant::now(), index: 0 }
        }

        fn join(&mut self, id: PeerId, kbps: u64) -> Arc<Receiver> {
            let decoder = Mutex::new(H264Decoder::new());
            let receiver = Arc::new(Receiver { decoder, units: Mutex::default(), paths: Mutex::default() });
            let sink: Arc<dyn PeerSink> = receiver.clone();
            self.worker.handle(EncoderCommand::AddParticipant { id, sink }, self.now);
            self.path(id, kbps);
            receiver
        }

        /// The path takes so much beside the sound.
        fn path(&mut self, id: PeerId, kbps: u64) {
            let (available, sound) = (Bitrate::kbps(kbps + 40), Bitrate::kbps(40));
            let path = PathEstimate { available, sound, loss: 0.0 };
            self.worker.handle(EncoderCommand::Path { id, path }, self.now);
        }

        fn pictures(&mut self, count: u32) {
            for _ in 0..count {
                self.now += Duration::from_micros(33_333);
                self.index += 1;
                let time = MediaTime::from_micros(u64::from(self.index) * 33_333);
                let frame = self.pattern.draw(self.index, time);
                self.worker.picture(&frame, self.now);
            }
        }
    }

    fn peers() -> (PeerId, PeerId) {
        (PeerId::from_bytes([1; 32]), PeerId::from_bytes([2; 32]))
    }

    #[test]
    fn each_gets_their_own_layer_and_changes_it_at_a_keyframe() {
        let (mut room, (near, far)) = (Room::new(), peers());
        let one = room.join(near, 900);
        room.pictures(45);
        assert_eq!((one.lines(), room.worker.layers.len()), (360, 1), "one receiver means one layer");
        let other = room.join(far, 80);
        assert_eq!((*one.paths.lock().unwrap(), *other.paths.lock().unwrap()), (2, 2));
        room.pictures(30);
        assert_eq!((one.lines(), other.lines(), room.worker.layers.len()), (360, 180, 2));
        let statistics = room.statistics.borrow().clone();
        assert_eq!(statistics.participants[&far].resolution, Some(Resolution::new(320, 180)));
        room.path(far, 900);
        room.pictures(210);
        assert_eq!(other.lines(), 360);
        room.pictures(160);
        assert_eq!(room.worker.layers.len(), 1, "what nobody wants ends after five seconds");
        let units = other.take();
        let sizes: Vec<_> = units.iter().map(|unit| unit.resolution).collect();
        for at in (1..sizes.len()).filter(|&at| sizes[at] != sizes[at - 1]) {
            assert!(units[at].keyframe);
        }
        let times: Vec<_> = units.iter().map(|unit| unit.time).collect();
        assert!(times.windows(2).all(|two| two[0] < two[1]), "never two pictures of one time");
    }

    #[test]
    fn half_the_pictures_are_left_out_at_once_and_without_a_keyframe() {
        let (mut room, (near, far)) = (Room::new(), peers());
        let (one, other) = (room.join(near, 700), room.join(far, 700));
        room.pictures(300);
        assert_eq!((one.lines(), other.lines()), (360, 360));
        one.take();
        other.take();
        room.path(far, 120);
        // Before the layer becomes smaller for both.
        room.pictures(12);
        let (all, half) = (one.take(), other.take());
        assert!(half.iter().all(|unit| !unit.keyframe && !unit.discardable));
        assert!(all.len() > 8 && half.len() * 2 <= all.len() + 2, "{} of {}", half.len(), all.len());
    }

    #[test]
    fn a_keyframe_goes_to_the_layer_that_it_was_asked_for() {
        let (mut room, (near, far)) = (Room::new(), peers());
        let (one, other) = (room.join(near, 900), room.join(far, 80));
        room.pictures(240);
        assert_eq!((one.lines(), other.lines()), (360, 180));
        one.take();
        other.take();
        room.worker.handle(EncoderCommand::Keyframe(near), room.now);
        room.pictures(15);
        let keyframes = |receiver: &Receiver| receiver.take().iter().filter(|unit| unit.keyframe).count();
        assert_eq!((keyframes(&one), keyframes(&other)), (1, 0));
    }

    #[test]
    fn a_paused_picture_comes_back_with_a_keyframe() {
        let (mut room, (only, _)) = (Room::new(), peers());
        let one = room.join(only, 400);
        room.pictures(60);
        room.path(only, 20);
        room.pictures(10);
        one.take();
        room.pictures(30);
        assert!(one.take().is_empty());
        assert_eq!(room.statistics.borrow().participants[&only].resolution, None);
        room.path(only, 100);
        room.pictures(10);
        assert!(one.take().first().is_some_and(|unit| unit.keyframe));
    }
}
