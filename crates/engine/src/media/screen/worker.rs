//! What the thread does with what is shared.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tincan_call::{Pace, ScreenAllocator, ScreenPlan, Want};
use tincan_codec::{Content, H264Encoder};
use tincan_media::ports::VideoEncoder;
use tincan_media::video::{Fit, Resolution, Scaler, VideoFrame};
use tincan_media::{Bitrate, MediaTime};
use tincan_peer::SharedVideo;
use tincan_protocol::PeerId;
use tokio::sync::watch;
use tracing::{trace, warn};

use super::ScreenCommand;
use super::effort::Effort;
use crate::media::{PeerSink, SentPictures};

/// A keyframe of a page costs as much as a second of everything else: all who ask within this time get the same one.
const KEYFRAME_PAUSE: Duration = Duration::from_secs(1);
/// Plans change with time, and statistics are read once a second.
const LOOK: Duration = Duration::from_millis(250);
/// What is larger is made smaller: larger ones take the encoder more than it has, and few screens show them.
const LARGEST: Resolution = Resolution::new(2_560, 1_440);
/// Changes of the rate that an encoder need not hear of.
const RATE_STEP: f64 = 0.05;

struct Link {
    sink: Arc<dyn PeerSink>,
    /// Whose pictures they get: changes at a keyframe of the next one.
    pace: Option<Pace>,
    /// Pictures in the last second.
    sent: Vec<Instant>,
}

/// One encoding.
struct Encoding {
    /// `None` after an error: whatever state it was in, a new one begins with a keyframe.
    encoder: Option<H264Encoder>,
    rate: Bitrate,
    configured: Bitrate,
    effort: Effort,
    keyframe_wanted: bool,
    last_keyframe: Option<Instant>,
    /// Nothing of the last one waits to leave any more: on a narrow path it is itself what waits.
    keyframe_left: bool,
}

/// What is shared now.
struct Shared {
    frames_per_second: f32,
    latest: Option<Arc<VideoFrame>>,
    encodings: BTreeMap<Pace, Encoding>,
    /// The size at which it is made.
    made: Option<Resolution>,
    /// Time of the last picture: each of one that is refined has its own.
    last_time: MediaTime,
    /// When the latest one came, on its own timeline and on the clock.
    came: Option<(MediaTime, Instant)>,
}

pub(super) struct Worker {
    statistics: watch::Sender<BTreeMap<PeerId, SentPictures>>,
    allocator: ScreenAllocator<PeerId>,
    links: BTreeMap<PeerId, Link>,
    shared: Option<Shared>,
    scaler: Scaler,
}

impl Worker {
    pub(super) fn new(statistics: watch::Sender<BTreeMap<PeerId, SentPictures>>) -> Self {
        Self {
            statistics,
            allocator: ScreenAllocator::new(),
            links: BTreeMap::new(),
            shared: None,
            scaler: Scaler::new(),
        }
    }

    pub(super) fn handle(&mut self, command: ScreenCommand, now: Instant) {
        match command {
            ScreenCommand::AddParticipant { id, sink } => {
                self.links.insert(id, Link { sink, pace: None, sent: Vec::new() });
                self.allocator.link_up(id);
            }
            ScreenCommand::RemoveParticipant(id) => {
                self.links.remove(&id);
                self.allocator.link_down(id);
            }
            ScreenCommand::Path { id, path } => self.allocator.path(id, path),
            ScreenCommand::Want { id, want } => self.allocator.want(id, want),
            ScreenCommand::Camera(on) => self.allocator.set_camera(on),
            ScreenCommand::Keyframe(id) => {
                trace!("somebody needs a keyframe of the screen");
                self.allocator.keyframe_requested(id, now);
                let pace = self.links.get(&id).and_then(|link| link.pace);
                let encodings = self.shared.as_mut().map(|shared| &mut shared.encodings);
                if let (Some(pace), Some(encodings)) = (pace, encodings)
                    && let Some(encoding) = encodings.get_mut(&pace)
                {
                    encoding.keyframe_wanted = true;
                }
            }
            ScreenCommand::Begin { frames_per_second } => {
                self.links.values_mut().for_each(|link| link.pace = None);
                self.shared = Some(Shared {
                    frames_per_second: frames_per_second as f32,
                    latest: None,
                    encodings: BTreeMap::new(),
                    made: None,
                    last_time: MediaTime::ZERO,
                    came: None,
                });
            }
            ScreenCommand::End => {
                self.shared = None;
                self.links.values_mut().for_each(|link| (link.pace, link.sent) = (None, Vec::new()));
                self.statistics.send_replace(BTreeMap::new());
            }
        }
    }

    /// Something changed on it; or nothing that can be seen, as when a window draws itself anew.
    pub(super) fn frame(&mut self, frame: Arc<VideoFrame>) {
        if let Some(shared) = &mut self.shared
            && !shared.latest.as_ref().is_some_and(|latest| same(latest, &frame))
        {
            shared.came = None;
            shared.latest = Some(frame);
            shared.encodings.values_mut().for_each(|encoding| encoding.effort.changed());
        }
    }

    /// Makes what is to be made at `now`. When to come again, if nothing happens before.
    pub(super) fn step(&mut self, now: Instant) -> Option<Instant> {
        let shared = self.shared.as_mut()?;
        let latest = Arc::clone(shared.latest.as_ref()?);
        let (came_time, came_at) = *shared.came.get_or_insert((latest.time(), now));
        let size = size_of(latest.resolution(), self.allocator.shown());
        if shared.made.replace(size) != Some(size) {
            shared.encodings.values_mut().for_each(|encoding| encoding.effort.changed());
        }
        let plan = self.allocator.plan(now);
        prepare(shared, &mut self.links, &plan, now);
        let mut scaled: Option<Arc<VideoFrame>> = None;
        for (pace, encoding) in &mut shared.encodings {
            let waits = self.links.values().filter(|link| link.pace == Some(*pace));
            let longest = waits.map(|link| link.sink.screen_waits()).max().unwrap_or_default();
            encoding.effort.waits(longest, now);
            encoding.keyframe_left |= longest.is_zero() && encoding.effort.is_known(now);
            if encoding.keyframe_wanted && encoding.keyframe_left {
                // It takes the place of what waits (`peer::stages::pacer`), after an outage for one.
                encoding.effort.replaces(now);
            }
            let may = encoding.last_keyframe.is_none_or(|last| now - last >= KEYFRAME_PAUSE);
            if encoding.keyframe_wanted && may {
                encoding.effort.changed();
            }
            if encoding.effort.next(now).is_none_or(|at| at > now) {
                continue;
            }
            let picture = scaled.get_or_insert_with(|| {
                if latest.resolution() == size {
                    Arc::clone(&latest)
                } else {
                    Arc::new(self.scaler.scale(&latest, size, Fit::Stretch))
                }
            });
            // What is made again is a picture of now: receivers and rate control must see time pass.
            let time = came_time + now.saturating_duration_since(came_at);
            let time = time.max(shared.last_time + Duration::from_millis(1));
            let picture = if picture.time() == time {
                Arc::clone(picture)
            } else {
                Arc::new((**picture).clone().at(time))
            };
            shared.last_time = time;
            let Some(unit) = encoding.encode(&picture, shared.frames_per_second, may, now) else { continue };
            deliver(&mut self.links, &plan, *pace, &unit, now);
        }
        self.publish(&plan, now);
        let shared = self.shared.as_ref()?;
        let next = shared.encodings.values().filter_map(|encoding| encoding.next(now)).min();
        let waits = !self.links.is_empty();
        next.into_iter().chain(waits.then_some(now + LOOK)).min()
    }

    fn publish(&mut self, plan: &ScreenPlan<PeerId>, now: Instant) {
        let size = self.shared.as_ref().and_then(|shared| shared.made);
        let sent = self.links.iter_mut().map(|(id, link)| {
            link.sent.retain(|at| now.saturating_duration_since(*at) < Duration::from_secs(1));
            let pictures = SentPictures {
                resolution: size.filter(|_| link.pace.is_some()),
                frames_per_second: link.sent.len() as f32,
                limited_by: plan.links.get(id).map(|link| link.limited_by).unwrap_or_default(),
            };
            (*id, pictures)
        });
        self.statistics.send_replace(sent.collect());
    }
}

impl Encoding {
    fn new(rate: Bitrate, frames_per_second: f32, now: Instant) -> Self {
        Self {
            encoder: None,
            rate,
            configured: rate,
            effort: Effort::new(frames_per_second, now),
            keyframe_wanted: true,
            last_keyframe: None,
            keyframe_left: false,
        }
    }

    /// When there is something to do.
    fn next(&self, now: Instant) -> Option<Instant> {
        let keyframe = self.keyframe_wanted.then(|| {
            let earliest = self.effort.earliest(now);
            self.last_keyframe.map_or(earliest, |last| earliest.max(last + KEYFRAME_PAUSE))
        });
        [self.effort.next(now), keyframe].into_iter().flatten().min()
    }

    fn encode(
        &mut self,
        picture: &VideoFrame,
        frames_per_second: f32,
        may: bool,
        now: Instant,
    ) -> Option<SharedVideo> {
        let (rate, configured) = (self.rate, &mut self.configured);
        let encoder = self.encoder.get_or_insert_with(|| {
            *configured = rate;
            H264Encoder::of(Content::Screen, rate, frames_per_second)
        });
        let differs =
            rate.as_bps().abs_diff(configured.as_bps()) as f64 > configured.as_bps() as f64 * RATE_STEP;
        let mut encode = || {
            if differs {
                encoder.set_target(rate, frames_per_second)?;
                *configured = rate;
            }
            encoder.encode(picture, self.keyframe_wanted && may)
        };
        match encode() {
            Ok(unit) => {
                if let Some(unit) = &unit {
                    trace!(bytes = unit.data.len(), keyframe = unit.keyframe, %rate, "a picture of the screen");
                }
                self.effort.made(unit.as_ref().map(|unit| unit.data.len()), rate, now);
                if unit.as_ref().is_some_and(|unit| unit.keyframe) {
                    (self.keyframe_wanted, self.keyframe_left) = (false, false);
                    self.last_keyframe = Some(now);
                }
                unit.map(Arc::new)
            }
            Err(error) => {
                warn!(%error, "a picture of the screen is not sent");
                self.encoder = None;
                self.keyframe_wanted = true;
                self.effort.made(None, rate, now);
                None
            }
        }
    }
}

/// Begins, sets and ends encodings, and asks for the keyframes at which somebody changes.
fn prepare(shared: &mut Shared, links: &mut BTreeMap<PeerId, Link>, plan: &ScreenPlan<PeerId>, now: Instant) {
    let frames_per_second = shared.frames_per_second;
    shared.encodings.retain(|pace, _| {
        plan.rates.contains_key(pace) || links.values().any(|link| link.pace == Some(*pace))
    });
    for (pace, rate) in &plan.rates {
        let encoding =
            shared.encodings.entry(*pace).or_insert_with(|| Encoding::new(*rate, frames_per_second, now));
        encoding.rate = *rate;
    }
    for (id, link) in links {
        let wanted = plan.links.get(id).and_then(|planned| planned.pace);
        if wanted.is_none() {
            link.pace = None;
        }
        if let Some(wanted) = wanted
            && link.pace != Some(wanted)
            && let Some(encoding) = shared.encodings.get_mut(&wanted)
        {
            trace!(?wanted, before = ?link.pace, "somebody gets another encoding of the screen");
            encoding.keyframe_wanted = true;
        }
    }
}

/// Whether both look alike. It takes a third of a millisecond at 1080p, encoding thirty times as long.
fn same(one: &VideoFrame, other: &VideoFrame) -> bool {
    one.resolution() == other.resolution() && one.data() == other.data()
}

fn deliver(
    links: &mut BTreeMap<PeerId, Link>,
    plan: &ScreenPlan<PeerId>,
    pace: Pace,
    unit: &SharedVideo,
    now: Instant,
) {
    for (id, link) in links {
        let wanted = plan.links.get(id).and_then(|planned| planned.pace);
        if unit.keyframe && wanted == Some(pace) {
            link.pace = wanted;
        }
        if link.pace == Some(pace) {
            link.sink.screen(unit);
            link.sent.push(now);
        }
    }
}

/// At which size it is made: its own, unless that is more than is encoded, or than twice what anybody shows. In between lies
/// nothing: text that was made a little smaller is worse than twice the bits.
fn size_of(of: Resolution, shown: Want) -> Resolution {
    let fits = (f64::from(LARGEST.width) / f64::from(of.width.max(of.height)))
        .min(f64::from(LARGEST.height) / f64::from(of.width.min(of.height)))
        .min(1.0);
    let lines = f64::from(of.width.min(of.height)) * fits;
    let half = match shown {
        Want::Any => false,
        Want::Nothing => true,
        Want::Lines(shown) => f64::from(shown) * 2.0 <= lines,
    };
    let scale = if half { fits / 2.0 } else { fits };
    let side = |pixels: u32| ((f64::from(pixels) * scale).round() as u32 & !1).max(16);
    Resolution::new(side(of.width), side(of.height))
}

#[cfg(test)]
#[path = "worker_tests.rs"]
mod tests;
