//! One participant's picture: RTP packets → frame assembly → H.264 → playout clock → display. Each has a thread of its
//! own, so that one participant's burst does not make another's picture late.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tincan_codec::H264Decoder;
use tincan_media::MediaClock;
use tincan_media::ports::VideoDecoder;
use tincan_media::video::{
    AssembledFrame, AssemblyEvent, EncodedVideo, FrameAssembler, FreezeDetector, PlayoutClock, PlayoutQueue,
    Resolution, VideoFrame,
};
use tincan_peer::{MediaKind, RtpPacket};
use tokio::sync::watch;
use tracing::{debug, warn};

use super::AudioPlayout;
use crate::FrameOutput;
use crate::record::{Recorder, Timeline};

/// A keyframe of 1080p is 300 packets; three of them in a burst fit.
const QUEUE: usize = 1024;
/// RTP clock of H.264 (RFC 6184, section 8.2.1).
const VIDEO_CLOCK: u32 = 90_000;
/// With nothing to do the thread looks this often whether there is something to report.
const IDLE: Duration = Duration::from_millis(500);

/// What a receive thread is told.
pub(crate) enum VideoCommand {
    /// A packet of the picture.
    Packet(RtpPacket),
    /// Their clocks.
    Report { kind: MediaKind, ntp: u64, rtp: u32 },
    /// Which of their sound leaves our speaker when.
    Audio(AudioPlayout),
    /// How long a retransmission takes.
    RoundTrip(Duration),
    /// Their camera is off: the time without pictures is no freeze.
    Paused,
    /// End.
    Stop,
}

/// How one participant's picture does.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ReceiveStatistics {
    pub(crate) resolution: Option<Resolution>,
    pub(crate) frames_per_second: f32,
    pub(crate) freezes: u32,
    pub(crate) frozen: Duration,
    /// What pictures wait on purpose before they are shown.
    pub(crate) delay: Duration,
}

/// The running thread; dropping it ends and joins it.
pub(crate) struct VideoReceiver {
    commands: SyncSender<VideoCommand>,
    statistics: watch::Receiver<ReceiveStatistics>,
    thread: Option<JoinHandle<()>>,
}

impl VideoReceiver {
    /// `keyframe_needed` asks the other side for one, `hold_sound` is told how long their sound is to be held at least;
    /// neither may wait.
    pub(crate) fn start(
        stream: u32,
        output: Arc<dyn FrameOutput>,
        keyframe_needed: Box<dyn Fn() + Send>,
        hold_sound: Box<dyn Fn(Duration) + Send>,
        recorder: Option<(Arc<Recorder>, MediaClock)>,
    ) -> Self {
        let (commands, inbox) = sync_channel(QUEUE);
        let (publish, statistics) = watch::channel(ReceiveStatistics::default());
        let thread = std::thread::Builder::new()
            .name("tincan-video".into())
            .spawn(move || {
                Worker::new(stream, output, keyframe_needed, hold_sound, recorder, publish).run(&inbox)
            })
            .expect("the system can start a thread");
        Self { commands, statistics, thread: Some(thread) }
    }

    pub(crate) fn sender(&self) -> SyncSender<VideoCommand> {
        self.commands.clone()
    }

    /// Tells the thread without ever waiting for it.
    pub(crate) fn send(&self, command: VideoCommand) {
        if self.commands.try_send(command).is_err() {
            debug!("a receive thread is behind");
        }
    }

    pub(crate) fn statistics(&self) -> ReceiveStatistics {
        *self.statistics.borrow()
    }
}

impl Drop for VideoReceiver {
    fn drop(&mut self) {
        // Waits for a place in the queue: the thread empties it.
        let _ = self.commands.send(VideoCommand::Stop);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            warn!("a receive thread panicked");
        }
    }
}

struct Worker {
    stream: u32,
    output: Arc<dyn FrameOutput>,
    keyframe_needed: Box<dyn Fn() + Send>,
    hold_sound: Box<dyn Fn(Duration) + Send>,
    tape: Option<(Arc<Recorder>, MediaClock, Timeline)>,
    statistics: watch::Sender<ReceiveStatistics>,
    assembler: FrameAssembler,
    decoder: Option<H264Decoder>,
    playout: PlayoutClock,
    waiting: PlayoutQueue<Arc<VideoFrame>>,
    freezes: FreezeDetector,
    shown: VecDeque<Instant>,
    resolution: Option<Resolution>,
    report_at: Instant,
}

impl Worker {
    fn new(
        stream: u32,
        output: Arc<dyn FrameOutput>,
        keyframe_needed: Box<dyn Fn() + Send>,
        hold_sound: Box<dyn Fn(Duration) + Send>,
        recorder: Option<(Arc<Recorder>, MediaClock)>,
        statistics: watch::Sender<ReceiveStatistics>,
    ) -> Self {
        Self {
            stream,
            output,
            keyframe_needed,
            hold_sound,
            tape: recorder.map(|(recorder, clock)| (recorder, clock, Timeline::new(VIDEO_CLOCK))),
            statistics,
            assembler: FrameAssembler::new(),
            decoder: None,
            playout: PlayoutClock::new(),
            waiting: PlayoutQueue::default(),
            freezes: FreezeDetector::new(),
            shown: VecDeque::new(),
            resolution: None,
            report_at: Instant::now(),
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
                if matches!(command, VideoCommand::Stop) {
                    return;
                }
                self.handle(command);
                next = inbox.try_recv().ok();
            }
            self.assemble();
            self.show(Instant::now());
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
            VideoCommand::Report { kind: MediaKind::Video, ntp, rtp } => self.playout.video_report(ntp, rtp),
            VideoCommand::Report { kind: MediaKind::Audio, ntp, rtp } => self.playout.audio_report(ntp, rtp),
            VideoCommand::Audio(playout) => {
                self.playout.audio_playout(playout.rtp, playout.at, playout.held);
                (self.hold_sound)(self.playout.sound_hold());
            }
            VideoCommand::RoundTrip(round_trip) => self.assembler.set_round_trip(round_trip),
            VideoCommand::Paused => {
                self.freezes.paused();
                self.waiting.clear();
                self.playout.paused();
            }
            VideoCommand::Stop => {}
        }
    }

    fn assemble(&mut self) {
        while let Some(event) = self.assembler.poll(Instant::now()) {
            match event {
                AssemblyEvent::Frame(frame) => self.decode(&frame),
                AssemblyEvent::KeyframeNeeded => (self.keyframe_needed)(),
            }
        }
    }

    fn decode(&mut self, assembled: &AssembledFrame) {
        let began = Instant::now();
        match self.decoder.get_or_insert_with(H264Decoder::new).decode(&assembled.unit) {
            Ok(Some(frame)) => {
                let now = Instant::now();
                self.playout.decoded(now - began);
                self.record(assembled);
                self.playout.displayed(self.output.delay(self.stream));
                let due = self.playout.schedule(assembled.rtp_timestamp, assembled.last_arrived);
                self.waiting.push(due, Arc::new(frame), now);
            }
            Ok(None) => {}
            Err(error) => {
                debug!(%error, "a keyframe is asked for");
                self.decoder = None;
                self.assembler.decoder_failed(began);
            }
        }
    }

    /// What decoded is worth keeping: nothing between a loss and the next keyframe gets here.
    fn record(&mut self, assembled: &AssembledFrame) {
        let Some((recorder, clock, timeline)) = &mut self.tape else { return };
        if let Some(time) = timeline.place(assembled.rtp_timestamp, clock.at(assembled.last_arrived)) {
            recorder.video(Arc::new(EncodedVideo { time, ..assembled.unit.clone() }));
        }
    }

    fn show(&mut self, now: Instant) {
        if let Some(frame) = self.waiting.take(now) {
            self.freezes.rendered(now);
            self.shown.push_back(now);
            self.resolution = Some(frame.resolution());
            self.output.frame(self.stream, &frame);
        }
        if now >= self.report_at {
            self.report_at = now + IDLE;
            self.report(now);
        }
    }

    fn report(&mut self, now: Instant) {
        while self.shown.front().is_some_and(|&at| now - at > Duration::from_secs(1)) {
            self.shown.pop_front();
        }
        self.statistics.send_replace(ReceiveStatistics {
            resolution: self.resolution,
            frames_per_second: self.shown.len() as f32,
            freezes: self.freezes.count() as u32,
            frozen: self.freezes.total(),
            delay: self.playout.delay(),
        });
    }
}
