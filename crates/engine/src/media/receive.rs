//! One participant's picture: RTP packets → frame assembly → H.264 → playout clock → display. Each has a thread of its
//! own, so that one participant's burst does not make another's picture late.
//!
//! What is told of a participant (their camera went off, their clocks) comes another way than their pictures, and nothing
//! orders the two. So it is no part of the queue of packets, where it could be dropped, and nothing here relies on what
//! comes first. The thread alone shows pictures and ends them.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tincan_codec::H264Decoder;
use tincan_media::MediaTime;
use tincan_media::ports::VideoDecoder;
use tincan_media::video::{
    AssembledFrame, AssemblyEvent, FrameAssembler, FreezeDetector, PlayoutClock, PlayoutQueue, Resolution,
    VideoFrame,
};
use tincan_peer::RtpPacket;
use tincan_protocol::Source;
use tokio::sync::watch;
use tracing::{debug, warn};

use super::AudioPlayout;
use crate::FrameOutput;

/// A keyframe of 1080p is 300 packets; three of them in a burst fit.
const QUEUE: usize = 1024;
/// With nothing to do the thread looks this often whether there is something to report.
const IDLE: Duration = Duration::from_millis(500);
/// Pictures captured this long after the one before are from after a pause, whatever was told. No camera is this slow.
const AFTER_PAUSE: Duration = Duration::from_secs(1);

/// So many pictures a second, while their sound plays, are a film or a game, whose pictures belong to what is heard.
const FILM: usize = 8;
/// Sound of which nothing was heard for so long does not play.
const HEARD: Duration = Duration::from_millis(500);

/// What a receive thread does in order.
pub(crate) enum VideoCommand {
    /// A packet of the picture.
    Packet(RtpPacket),
    /// Which of their sound leaves our speaker when. Told again soon, should it be dropped.
    Audio(AudioPlayout),
    /// There is something new among the facts. Dropped, it is seen with the next command all the same.
    Look,
}

/// What is true until something newer is told: the latest counts, and none is ever dropped.
#[derive(Debug, Default)]
struct Facts {
    /// Their clocks: NTP and RTP time.
    audio_report: Option<(u64, u32)>,
    video_report: Option<(u64, u32)>,
    /// How long a retransmission takes.
    round_trip: Option<Duration>,
    /// Whether their camera is on now, and how often it went off since this was looked at.
    camera: Option<(bool, u32)>,
    /// Whether anybody looks at them here.
    looked_at: Option<bool>,
    /// Show nothing more, tell so, and end.
    ended: bool,
    /// End; the next connection goes on with these pictures.
    stop: bool,
}

/// Talks to a receive thread, and never waits for it.
#[derive(Clone)]
pub(crate) struct VideoHandle {
    commands: SyncSender<VideoCommand>,
    // A mutex: the thread looks at all of them at once, and neither side does anything but copy under it.
    facts: Arc<Mutex<Facts>>,
}

impl VideoHandle {
    /// A full queue loses the packet; the assembler asks for what is missing.
    pub(crate) fn packet(&self, packet: RtpPacket) {
        if self.commands.try_send(VideoCommand::Packet(packet)).is_err() {
            debug!("a receive thread is behind");
        }
    }

    /// Their clocks, those of these pictures or of the sound that belongs to them: RTP time `rtp` was at the NTP time `ntp`
    /// (RTCP sender report).
    pub(crate) fn report(&self, source: Source, ntp: u64, rtp: u32) {
        self.tell(|facts| match source.is_video() {
            false => facts.audio_report = Some((ntp, rtp)),
            true => facts.video_report = Some((ntp, rtp)),
        });
    }

    /// How long a retransmission takes.
    pub(crate) fn round_trip(&self, round_trip: Duration) {
        self.tell(|facts| facts.round_trip = Some(round_trip));
    }

    /// They say that their camera is on or off. While it is off nothing is shown, and no freeze counted.
    pub(crate) fn camera(&self, on: bool) {
        self.tell(|facts| {
            let (_, offs) = facts.camera.unwrap_or_default();
            facts.camera = Some((on, offs + u32::from(!on)));
        });
    }

    /// Whether anybody looks at their pictures here. What nobody looks at is not sent, so what is missing then is no freeze.
    pub(crate) fn looked_at(&self, looked_at: bool) {
        self.tell(|facts| facts.looked_at = Some(looked_at));
    }

    /// Shows nothing any more from now on.
    pub(crate) fn end(&self) {
        self.tell(|facts| facts.ended = true);
    }

    fn tell(&self, tell: impl FnOnce(&mut Facts)) {
        // A panic between two moves of numbers leaves numbers.
        tell(&mut self.facts.lock().unwrap_or_else(PoisonError::into_inner));
        let _ = self.commands.try_send(VideoCommand::Look);
    }
}

/// How one participant's picture does.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ReceiveStatistics {
    pub(crate) resolution: Option<Resolution>,
    pub(crate) frames_per_second: f32,
    pub(crate) freezes: u32,
    pub(crate) frozen: Duration,
    /// How long after it was complete the quickest of the last second's pictures was decoded.
    pub(crate) waited: Duration,
    /// What pictures wait on purpose before they are shown.
    pub(crate) delay: Duration,
    /// When the thread said so.
    reported: Option<Instant>,
}

impl ReceiveStatistics {
    /// A thread that does not come to report does not come to decode and show pictures either.
    fn as_of(mut self, now: Instant) -> Self {
        let silent = self.reported.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        if silent >= 2 * IDLE {
            self.frames_per_second = 0.0;
            self.waited = self.waited.max(silent);
        }
        self
    }
}

/// What a receive thread works for.
pub(crate) struct VideoTarget {
    /// The stream that its pictures are shown on.
    pub(crate) stream: u32,
    pub(crate) output: Arc<dyn FrameOutput>,
    /// Asks the other side for a keyframe; may not wait.
    pub(crate) keyframe_needed: Box<dyn Fn() + Send>,
    /// Is told how long their sound is to be held at least; may not wait.
    pub(crate) hold_sound: Box<dyn Fn(Duration) + Send>,
    /// Whether they are shown as soon as they can be, unless it is a film with its sound ([`FILM`]): a page that was turned
    /// belongs to no word, and what is large comes as unevenly as it is large.
    pub(crate) at_once: bool,
    /// How long what is missing is waited for at least, before a keyframe is asked for.
    pub(crate) patience: Duration,
}

/// The running thread; dropping it ends and joins it.
pub(crate) struct VideoReceiver {
    handle: VideoHandle,
    statistics: watch::Receiver<ReceiveStatistics>,
    thread: Option<JoinHandle<()>>,
}

impl VideoReceiver {
    pub(crate) fn start(target: VideoTarget) -> Self {
        let (commands, inbox) = sync_channel(QUEUE);
        let facts = Arc::<Mutex<Facts>>::default();
        let (publish, statistics) = watch::channel(ReceiveStatistics::default());
        let handle = VideoHandle { commands, facts: Arc::clone(&facts) };
        let thread = std::thread::Builder::new()
            .name("tincan-video".into())
            .spawn(move || Worker::new(target, facts, publish, Instant::now()).run(&inbox))
            .expect("the system can start a thread");
        Self { handle, statistics, thread: Some(thread) }
    }

    pub(crate) const fn handle(&self) -> &VideoHandle {
        &self.handle
    }

    /// For the audio thread, which tells when sound is heard.
    pub(crate) fn sender(&self) -> SyncSender<VideoCommand> {
        self.handle.commands.clone()
    }

    pub(crate) fn statistics(&self) -> ReceiveStatistics {
        self.statistics.borrow().as_of(Instant::now())
    }
}

impl Drop for VideoReceiver {
    fn drop(&mut self) {
        self.handle.tell(|facts| facts.stop = true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            warn!("a receive thread panicked");
        }
    }
}

/// A picture on its way to the screen.
struct Decoded {
    frame: Arc<VideoFrame>,
    /// How long after the one before it was captured.
    step: Duration,
}

struct Worker {
    target: VideoTarget,
    facts: Arc<Mutex<Facts>>,
    statistics: watch::Sender<ReceiveStatistics>,
    assembler: FrameAssembler,
    decoder: Option<H264Decoder>,
    playout: PlayoutClock,
    waiting: PlayoutQueue<Decoded>,
    /// When the picture decoded last was captured.
    captured: Option<MediaTime>,
    /// Between two captures, since the picture shown last.
    longest_step: Duration,
    /// Their camera was told to be off, and no picture from after that came: those from before are not shown.
    dark: bool,
    /// When the speaker last played what belongs to these pictures.
    heard: Option<Instant>,
    /// Their camera was told to be off, and not to be on again.
    told_off: bool,
    /// Nobody looks at them here, and they were told so.
    unseen: bool,
    freezes: FreezeDetector,
    shown: VecDeque<Instant>,
    /// When pictures were decoded, and how long after they were complete.
    decoded: VecDeque<(Instant, Duration)>,
    resolution: Option<Resolution>,
    report_at: Instant,
}

impl Worker {
    fn new(
        target: VideoTarget,
        facts: Arc<Mutex<Facts>>,
        statistics: watch::Sender<ReceiveStatistics>,
        now: Instant,
    ) -> Self {
        let mut assembler = FrameAssembler::new();
        assembler.set_patience(target.patience);
        Self {
            target,
            facts,
            statistics,
            assembler,
            decoder: None,
            playout: PlayoutClock::new(),
            waiting: PlayoutQueue::default(),
            captured: None,
            longest_step: Duration::ZERO,
            dark: false,
            heard: None,
            told_off: false,
            unseen: false,
            freezes: FreezeDetector::new(),
            shown: VecDeque::new(),
            decoded: VecDeque::new(),
            resolution: None,
            report_at: now,
        }
    }

    fn run(mut self, inbox: &Receiver<VideoCommand>) {
        loop {
            let mut next = match inbox.recv_timeout(self.nap(Instant::now())) {
                Ok(command) => Some(command),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            while let Some(command) = next {
                self.handle(command);
                next = inbox.try_recv().ok();
            }
            if !self.step(Instant::now()) {
                return;
            }
        }
    }

    /// Until the next picture is due, the assembler gives something up, or a report is due.
    fn nap(&self, now: Instant) -> Duration {
        let next = [self.waiting.next(), self.assembler.poll_timeout()].into_iter().flatten().min();
        next.map_or(IDLE, |next| next.saturating_duration_since(now).min(IDLE))
    }

    fn handle(&mut self, command: VideoCommand) {
        match command {
            VideoCommand::Packet(packet) => {
                let RtpPacket { sequence, timestamp, marker, payload, arrived, .. } = packet;
                self.assembler.insert(sequence, timestamp, marker, payload, arrived);
            }
            VideoCommand::Audio(playout) => {
                self.heard = Some(playout.at);
                self.playout.audio_playout(playout.rtp, playout.at, playout.held);
                (self.target.hold_sound)(self.playout.sound_hold());
            }
            VideoCommand::Look => {}
        }
    }

    /// Does what is to be done at `now`. Whether to go on.
    fn step(&mut self, now: Instant) -> bool {
        let facts = std::mem::take(&mut *self.facts.lock().unwrap_or_else(PoisonError::into_inner));
        if facts.ended {
            self.target.output.ended(self.target.stream);
        }
        if facts.ended || facts.stop {
            return false;
        }
        self.look(facts, now);
        self.assemble(now);
        self.show(now);
        true
    }

    fn look(&mut self, facts: Facts, now: Instant) {
        if let Some((ntp, rtp)) = facts.audio_report {
            self.playout.audio_report(ntp, rtp);
        }
        if let Some((ntp, rtp)) = facts.video_report {
            self.playout.video_report(ntp, rtp);
        }
        if let Some(round_trip) = facts.round_trip {
            self.assembler.set_round_trip(round_trip);
        }
        if let Some((on, offs)) = facts.camera {
            // What nobody looks at pauses once, however often their camera does meanwhile.
            let pauses = if self.unseen { 0 } else { offs };
            for _ in 0..pauses {
                self.freezes.pictures(true, now);
                self.freezes.pictures(false, now);
            }
            if offs > 0 {
                self.darken();
            }
            self.dark = !on;
            self.told_off = !on;
        }
        if let Some(looked_at) = facts.looked_at {
            self.unseen = !looked_at;
            if self.unseen {
                self.playout.paused();
            }
        }
        self.freezes.pictures(!self.told_off && !self.unseen, now);
    }

    fn darken(&mut self) {
        for picture in self.waiting.drain() {
            self.longest_step = self.longest_step.max(picture.step);
            self.freezes.hidden();
        }
        self.playout.paused();
        self.target.output.ended(self.target.stream);
    }

    fn assemble(&mut self, now: Instant) {
        while let Some(event) = self.assembler.poll(now) {
            match event {
                AssemblyEvent::Frame(frame) => self.decode(&frame, now),
                AssemblyEvent::KeyframeNeeded => (self.target.keyframe_needed)(),
            }
        }
    }

    fn decode(&mut self, assembled: &AssembledFrame, now: Instant) {
        let began = Instant::now();
        match self.decoder.get_or_insert_with(H264Decoder::new).decode(&assembled.unit) {
            Ok(Some(frame)) => {
                let took = began.elapsed();
                self.playout.decoded(took);
                let waited = now.saturating_duration_since(assembled.last_arrived) + took;
                self.decoded.push_back((now, waited));
                self.playout.displayed(self.target.output.delay(self.target.stream));
                let due = if self.is_in_step(now) {
                    self.playout.schedule(assembled.rtp_timestamp, assembled.last_arrived)
                } else {
                    self.playout.paused();
                    now
                };
                let captured = assembled.unit.time;
                let step = self.captured.map_or(Duration::ZERO, |before| captured.saturating_since(before));
                self.captured = Some(captured);
                self.waiting.push(due, Decoded { frame: Arc::new(frame), step }, now + took);
            }
            Ok(None) => {}
            Err(error) => {
                debug!(%error, "a keyframe is asked for");
                self.decoder = None;
                self.assembler.decoder_failed(now);
            }
        }
    }

    /// Whether pictures wait for their sound, and their sound for them.
    fn is_in_step(&self, now: Instant) -> bool {
        let lately = |at: Instant, long| now.saturating_duration_since(at) < long;
        let second = Duration::from_secs(1);
        !self.target.at_once
            || self.heard.is_some_and(|at| lately(at, HEARD))
                && self.decoded.iter().rev().take_while(|(at, _)| lately(*at, second)).count() >= FILM
    }

    fn show(&mut self, now: Instant) {
        // Of several that are due the newest is shown: nobody would see the others.
        let mut newest = None;
        while let Some(picture) = self.waiting.pop(now) {
            self.longest_step = self.longest_step.max(picture.step);
            // The word that their camera is on again may come later than its pictures.
            self.dark &= picture.step < AFTER_PAUSE;
            newest = Some(picture.frame);
        }
        if newest.is_some() && self.dark {
            self.freezes.hidden();
        } else if let Some(frame) = newest {
            self.freezes.rendered(now, std::mem::take(&mut self.longest_step));
            self.shown.push_back(now);
            self.resolution = Some(frame.resolution());
            self.target.output.frame(self.target.stream, &frame);
        }
        if now >= self.report_at {
            self.report_at = now + IDLE;
            self.report(now);
        }
    }

    fn report(&mut self, now: Instant) {
        let old = |at: Instant| now.saturating_duration_since(at) > Duration::from_secs(1);
        while self.shown.front().is_some_and(|&at| old(at)) {
            self.shown.pop_front();
        }
        while self.decoded.front().is_some_and(|&(at, _)| old(at)) {
            self.decoded.pop_front();
        }
        self.freezes.settle(now);
        self.statistics.send_replace(ReceiveStatistics {
            resolution: self.resolution,
            frames_per_second: self.shown.len() as f32,
            freezes: self.freezes.count() as u32,
            frozen: self.freezes.total(),
            waited: self.decoded.iter().map(|(_, waited)| *waited).min().unwrap_or_default(),
            delay: if self.is_in_step(now) { self.playout.delay() } else { Duration::ZERO },
            reported: Some(now),
        });
    }
}

#[cfg(test)]
mod tests;
