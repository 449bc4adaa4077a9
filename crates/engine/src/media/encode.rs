//! The encoder thread: latest camera frame → adapt to the bitrate → scale → H.264, once for the whole room → every
//! connection.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tincan_codec::H264Encoder;
use tincan_media::ports::VideoEncoder;
use tincan_media::video::{Fit, Quality, QualityLadder, Resolution, Scaler, VideoFrame};
use tincan_media::{Bitrate, CodecError, MediaTime};
use tincan_protocol::PeerId;
use tokio::sync::watch;
use tracing::warn;

use super::PeerSink;

/// A keyframe costs as much as a second of video; two askers within this time get the same one.
const KEYFRAME_PAUSE: Duration = Duration::from_millis(300);

/// A picture that is so old is still worth being somebody's first one: cameras in the dark give ten a second, and the
/// next one would come that much later.
const FRESH: Duration = Duration::from_millis(100);

/// What cameras are asked for.
const NOMINAL_RATE: f32 = 30.0;
/// The encoder is told of another frame rate only from this difference on: cameras are never even.
const RATE_STEP: f32 = 1.0;
/// Until the network was measured: with the sound's 40 kbit/s what the bandwidth estimate begins with.
const START: Bitrate = Bitrate::kbps(310);

/// What the encoder thread is told.
pub(crate) enum EncoderCommand {
    /// Somebody to whom there is a connection; the next picture is a keyframe.
    AddParticipant { id: PeerId, sink: Arc<dyn PeerSink> },
    /// Nobody any more.
    RemoveParticipant(PeerId),
    /// What the way to one of them takes, pictures only.
    Target { id: PeerId, bitrate: Bitrate },
    /// Somebody cannot go on without a keyframe.
    Keyframe,
}

/// What is sent now.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct EncoderStatistics {
    pub(crate) resolution: Option<Resolution>,
    pub(crate) frames_per_second: f32,
    /// Pictures that the camera gave since the thread began, and those of them that the next one replaced before the
    /// encoder came to them.
    pub(crate) fed: u64,
    pub(crate) overrun: u64,
}

/// What waits for the thread. A mutex and not a queue: the latest frame replaces the one that waits, so that a slow
/// encoder is never behind; nothing is done under the lock but moving two pointers.
#[derive(Default)]
struct Pending {
    frame: Option<Arc<VideoFrame>>,
    /// Pictures that were replaced by it.
    replaced: u32,
    commands: VecDeque<EncoderCommand>,
    stop: bool,
}

#[derive(Default)]
struct Slot {
    pending: Mutex<Pending>,
    wake: Condvar,
}

impl Slot {
    fn change(&self, change: impl FnOnce(&mut Pending)) {
        // A poisoned lock only says that the other side panicked between two moves; the slot is still whole.
        change(&mut self.pending.lock().unwrap_or_else(PoisonError::into_inner));
        self.wake.notify_one();
    }

    fn wait(&self) -> Pending {
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let mut pending = self
            .wake
            .wait_while(pending, |p| p.frame.is_none() && p.commands.is_empty() && !p.stop)
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *pending)
    }
}

/// Talks to the encoder thread; the camera's end of it never waits.
#[derive(Clone)]
pub(crate) struct EncoderHandle {
    slot: Arc<Slot>,
    statistics: watch::Receiver<EncoderStatistics>,
}

impl EncoderHandle {
    pub(crate) fn frame(&self, frame: &Arc<VideoFrame>) {
        self.slot.change(|pending| {
            pending.replaced += u32::from(pending.frame.replace(Arc::clone(frame)).is_some());
        });
    }

    pub(crate) fn send(&self, command: EncoderCommand) {
        self.slot.change(|pending| pending.commands.push_back(command));
    }

    pub(crate) fn statistics(&self) -> EncoderStatistics {
        *self.statistics.borrow()
    }
}

/// The running thread; dropping it ends and joins it.
pub(crate) struct EncoderThread {
    handle: EncoderHandle,
    thread: Option<JoinHandle<()>>,
}

impl EncoderThread {
    pub(crate) fn start() -> Self {
        let slot = Arc::<Slot>::default();
        let (publish, statistics) = watch::channel(EncoderStatistics::default());
        let inbox = Arc::clone(&slot);
        let thread = std::thread::Builder::new()
            .name("tincan-encoder".into())
            .spawn(move || Worker::new(publish).run(&inbox))
            .expect("the system can start a thread");
        Self { handle: EncoderHandle { slot, statistics }, thread: Some(thread) }
    }

    pub(crate) fn handle(&self) -> &EncoderHandle {
        &self.handle
    }
}

impl Drop for EncoderThread {
    fn drop(&mut self) {
        self.handle.slot.change(|pending| pending.stop = true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            warn!("the encoder thread panicked");
        }
    }
}

struct Remote {
    sink: Arc<dyn PeerSink>,
    target: Bitrate,
}

struct Worker {
    statistics: watch::Sender<EncoderStatistics>,
    encoder: Option<H264Encoder>,
    ladder: QualityLadder,
    scaler: Scaler,
    remotes: BTreeMap<PeerId, Remote>,
    fed: FrameRate,
    sent: FrameRate,
    /// What the encoder was told last.
    configured: (Bitrate, f32),
    last_encoded: Option<MediaTime>,
    /// The camera's last picture, and when it came.
    latest: Option<(Arc<VideoFrame>, Instant)>,
    keyframe_wanted: bool,
    last_keyframe: Option<Instant>,
    /// As in [`EncoderStatistics`].
    camera: (u64, u64),
}

impl Worker {
    fn new(statistics: watch::Sender<EncoderStatistics>) -> Self {
        Self {
            statistics,
            encoder: None,
            ladder: QualityLadder::new(Resolution::HD, NOMINAL_RATE),
            scaler: Scaler::new(),
            remotes: BTreeMap::new(),
            fed: FrameRate::default(),
            sent: FrameRate::default(),
            configured: (START, NOMINAL_RATE),
            last_encoded: None,
            latest: None,
            keyframe_wanted: true,
            last_keyframe: None,
            camera: (0, 0),
        }
    }

    fn run(mut self, inbox: &Slot) {
        loop {
            let pending = inbox.wait();
            if pending.stop {
                return;
            }
            let before = self.remotes.len();
            for command in pending.commands {
                self.handle(command);
            }
            let replaced = u64::from(pending.replaced);
            self.camera.0 += replaced + u64::from(pending.frame.is_some());
            self.camera.1 += replaced;
            let now = Instant::now();
            match pending.frame {
                Some(frame) => self.latest = Some((frame, now)),
                None if self.remotes.len() > before => {}
                None => continue,
            }
            if let Some((frame, came)) = self.latest.clone()
                && now - came < FRESH
                && !self.remotes.is_empty()
                && let Err(error) = self.encode(&frame, now)
            {
                warn!(%error, "a picture is not sent");
                // Whatever state the encoder is in, a new one begins with a keyframe.
                self.encoder = None;
            }
        }
    }

    fn handle(&mut self, command: EncoderCommand) {
        match command {
            EncoderCommand::AddParticipant { id, sink } => {
                if self.remotes.is_empty() {
                    self.ladder.begin_anew();
                }
                self.remotes.insert(id, Remote { sink, target: START });
                self.keyframe_wanted = true;
                // It went to others.
                self.last_keyframe = None;
            }
            EncoderCommand::RemoveParticipant(id) => {
                self.remotes.remove(&id);
                if self.remotes.is_empty() {
                    // An encoder at 720p holds tens of megabytes; a lobby needs none.
                    self.encoder = None;
                    self.statistics.send_replace(EncoderStatistics::default());
                }
            }
            EncoderCommand::Target { id, bitrate } => {
                if let Some(remote) = self.remotes.get_mut(&id) {
                    remote.target = bitrate;
                }
            }
            EncoderCommand::Keyframe => self.keyframe_wanted = true,
        }
    }

    fn encode(&mut self, frame: &VideoFrame, now: Instant) -> Result<(), CodecError> {
        let fed = self.fed.add(frame.time());
        self.ladder.set_capture(frame.resolution(), NOMINAL_RATE);
        // One layer for everybody: the weakest path decides.
        let target = self.remotes.values().map(|remote| remote.target).min().unwrap_or(START);
        let Quality { resolution, frames_per_second } = self.ladder.update(target, now);
        if self.too_soon(frame.time(), frames_per_second) {
            return Ok(());
        }
        self.last_encoded = Some(frame.time());
        let rate = fed.min(frames_per_second);
        let encoder = self.encoder.get_or_insert_with(|| {
            self.configured = (target, rate);
            H264Encoder::new(target, rate)
        });
        let (bitrate, at) = self.configured;
        if bitrate != target || (at - rate).abs() > RATE_STEP {
            encoder.set_target(target, rate)?;
            self.configured = (target, rate);
        }
        let may = self.last_keyframe.is_none_or(|last| now - last >= KEYFRAME_PAUSE);
        let keyframe = self.keyframe_wanted && may;
        let scaled;
        let picture = if frame.resolution() == resolution {
            frame
        } else {
            scaled = self.scaler.scale(frame, resolution, Fit::Stretch);
            &scaled
        };
        let Some(unit) = encoder.encode(picture, keyframe)? else { return Ok(()) };
        if unit.keyframe {
            self.keyframe_wanted = false;
            self.last_keyframe = Some(now);
        }
        let frames_per_second = self.sent.add(frame.time());
        let (fed, overrun) = self.camera;
        let resolution = Some(resolution);
        self.statistics.send_replace(EncoderStatistics { resolution, frames_per_second, fed, overrun });
        let unit = Arc::new(unit);
        for remote in self.remotes.values() {
            remote.sink.video(&unit);
        }
        Ok(())
    }

    /// Whether this picture is to be left out to come down to the wanted rate. A tenth of an interval is allowed for,
    /// since no camera's clock is even.
    fn too_soon(&self, time: MediaTime, frames_per_second: f32) -> bool {
        let interval = Duration::from_secs_f32(0.9 / frames_per_second.max(1.0));
        self.last_encoded.is_some_and(|last| time.saturating_since(last) < interval && time >= last)
    }
}

/// Pictures a second over the last second.
#[derive(Default)]
struct FrameRate {
    times: VecDeque<MediaTime>,
}

impl FrameRate {
    fn add(&mut self, time: MediaTime) -> f32 {
        self.times.push_back(time);
        let oldest = time - Duration::from_secs(1);
        while self.times.front().is_some_and(|&first| first < oldest) {
            self.times.pop_front();
        }
        match (self.times.len(), self.times.front()) {
            (n @ 5.., Some(&first)) if time > first => {
                (n - 1) as f32 / time.saturating_since(first).as_secs_f32()
            }
            // Too few to tell: what every camera is asked for.
            _ => NOMINAL_RATE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_rate_is_what_was_fed_in_the_last_second() {
        let mut rate = FrameRate::default();
        let measured = (0..60).map(|n| rate.add(MediaTime::from_micros(n * 66_667))).last().unwrap();
        assert!((measured - 15.0).abs() < 0.1, "{measured}");
    }

    #[test]
    fn the_latest_picture_replaces_the_one_that_waits() {
        let slot = Slot::default();
        for n in 0..3 {
            let frame = VideoFrame::black(MediaTime::from_micros(n), Resolution::new(16, 16));
            slot.change(|pending| pending.frame = Some(Arc::new(frame)));
        }
        assert_eq!(slot.wait().frame.unwrap().time(), MediaTime::from_micros(2));
    }
}
