//! The built-in participant of a test call: shows a drawn person, and repeats what it hears after a
//! second. It is a whole participant, with its own connection, codecs and threads; only its devices are made here.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use tincan_media::audio::{AudioFrame, FRAME_DURATION, StereoFrame};
use tincan_media::video::VideoFrame;
use tincan_media::{AudioInput, AudioOutput, DeviceError, MediaClock};
use tincan_protocol::{Identity, Intent, RoomCode};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use url::Url;

use crate::FrameOutput;
use crate::api::Settings;
use crate::call::{CallConfig, CallHandle, CallMedia, Route};
use crate::devices::DeviceSystem;
use crate::media::LocalMedia;

/// How long the echo waits: long enough to finish a short sentence first.
const ECHO_DELAY: Duration = Duration::from_secs(1);
/// What may wait between speaker and microphone: the delay, and as much again.
const ECHO_QUEUE: usize = 200;
/// Behind by this much after a pause (a suspended laptop), the echo starts anew instead of catching up.
const CATCH_UP: Duration = Duration::from_millis(200);
/// Views and statistics that nobody looks at.
const UPDATES: usize = 16;
/// What the person sees as its name.
const NAME: &str = "Tincan test";

/// The running participant. Dropping it cancels; [`TestParticipant::leave`] also waits.
pub(crate) struct TestParticipant {
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl TestParticipant {
    /// Joins the room of `code` on `server`.
    pub(crate) fn start(
        code: RoomCode,
        server: Url,
        clock: MediaClock,
        devices: Arc<dyn DeviceSystem>,
    ) -> Self {
        let cancel = CancellationToken::new();
        let task = tokio::spawn(run(code, server, clock, devices, cancel.clone()));
        Self { cancel, task }
    }

    /// Returns when nothing of it is left.
    pub(crate) async fn leave(self) {
        self.cancel.cancel();
        if self.task.await.is_err() {
            warn!("the test participant panicked");
        }
    }
}

async fn run(
    code: RoomCode,
    server: Url,
    clock: MediaClock,
    devices: Arc<dyn DeviceSystem>,
    cancel: CancellationToken,
) {
    let settings = Settings {
        camera: "portrait:2".into(),
        echo_cancellation: false,
        noise_suppression: false,
        automatic_gain: false,
        ..Settings::default()
    };
    let (speaker, microphone) = echo(clock, Instant::now());
    let output: Arc<dyn FrameOutput> = Arc::new(NoDisplay);
    let mut media = LocalMedia::with_sound(
        devices,
        &settings,
        clock,
        Arc::clone(&output),
        Box::new(microphone),
        Box::new(speaker),
    );
    let (updates, mut unseen) = mpsc::channel(UPDATES);
    let (joined, _) = oneshot::channel();
    let call = CallHandle::start(
        CallConfig {
            number: 0,
            code,
            route: Route::Server { url: server, intent: Intent::Join },
            identity: Identity::random(),
            name: NAME.into(),
            microphone: true,
            camera: true,
            ice_servers: Vec::new(),
            relay_only: false,
            earlier: None,
            again: None,
            test: true,
            tap: Arc::default(),
            max_bitrate: None,
            bot: None,
            clock,
            media: CallMedia {
                audio: media.audio().clone(),
                encoder: media.encoder().clone(),
                screen: media.screen().clone(),
                output,
            },
            files: None,
        },
        updates,
        joined,
    );
    loop {
        tokio::select! {
            () = cancel.cancelled() => break,
            update = unseen.recv() => if update.is_none() { break },
            _ = media.next() => {}
        }
    }
    // The call's last words are not to wait for a reader.
    drop(unseen);
    call.leave().await;
    media.close().0.await;
}

/// Shows nothing.
struct NoDisplay;

impl FrameOutput for NoDisplay {
    fn frame(&self, _stream: u32, _frame: &Arc<VideoFrame>) {}
    fn ended(&self, _stream: u32) {}
}

/// A speaker that is paced by the clock, and a microphone that hears it a second later.
fn echo(clock: MediaClock, now: Instant) -> (EchoSpeaker, EchoMicrophone) {
    let (heard, said) = sync_channel(ECHO_QUEUE);
    (
        EchoSpeaker { pace: Pace::new(now), written: now, heard },
        EchoMicrophone { clock, said, waiting: VecDeque::new() },
    )
}

/// Says how many 10 ms frames are due.
struct Pace {
    next: Instant,
}

impl Pace {
    fn new(start: Instant) -> Self {
        Self { next: start }
    }

    fn due(&mut self, now: Instant) -> u32 {
        if now.saturating_duration_since(self.next) > CATCH_UP {
            self.next = now;
        }
        let mut due = 0;
        while self.next <= now {
            self.next += FRAME_DURATION;
            due += 1;
        }
        due
    }
}

/// Counts the frames that it plays: the sound thread comes when it can, several frames at once after a pause, and what it
/// says then lies 10 ms apart all the same.
struct EchoSpeaker {
    pace: Pace,
    /// When the next frame that is written begins to sound.
    written: Instant,
    heard: SyncSender<(Instant, AudioFrame)>,
}

impl EchoSpeaker {
    fn wanted_at(&mut self, now: Instant) -> u32 {
        let due = self.pace.due(now);
        self.written = self.pace.next - FRAME_DURATION * due;
        due
    }
}

impl AudioOutput for EchoSpeaker {
    fn wanted(&mut self) -> Result<usize, DeviceError> {
        Ok(self.wanted_at(Instant::now()) as usize)
    }

    fn write(&mut self, frame: &StereoFrame) {
        // A full queue means that the microphone is not read; then there is nobody to repeat it to.
        let _ = self.heard.try_send((self.written, frame.mono()));
        self.written += FRAME_DURATION;
    }

    fn latency(&self) -> Duration {
        Duration::ZERO
    }
}

struct EchoMicrophone {
    clock: MediaClock,
    said: Receiver<(Instant, AudioFrame)>,
    waiting: VecDeque<(Instant, AudioFrame)>,
}

impl EchoMicrophone {
    /// The next frame, if it was captured by `now`: when it sounded, and the delay.
    fn read_at(&mut self, now: Instant) -> Option<AudioFrame> {
        self.waiting.extend(self.said.try_iter());
        let (at, frame) = self.waiting.pop_front_if(|(at, _)| *at + ECHO_DELAY + FRAME_DURATION <= now)?;
        Some(AudioFrame { time: self.clock.at(at + ECHO_DELAY), ..frame })
    }
}

impl AudioInput for EchoMicrophone {
    fn read(&mut self) -> Result<Option<AudioFrame>, DeviceError> {
        Ok(self.read_at(Instant::now()))
    }
}

#[cfg(test)]
mod tests {
    use tincan_media::MediaTime;

    use super::*;

    /// A thread that wakes when a busy machine lets it: the frames that the microphone gave, and what was in them.
    fn repeat(wakes: impl Iterator<Item = u64>) -> Vec<(u64, f32)> {
        let start = Instant::now();
        let (mut speaker, mut microphone) = echo(MediaClock::new(start), start);
        let mut said = 0.0;
        let mut repeated = Vec::new();
        for millis in wakes {
            let now = start + Duration::from_millis(millis);
            while let Some(frame) = microphone.read_at(now) {
                repeated.push((frame.time.as_micros(), frame.samples[0]));
            }
            for _ in 0..speaker.wanted_at(now) {
                let mut frame = StereoFrame::silence(MediaTime::ZERO);
                frame.samples.fill([said; 2]);
                speaker.write(&frame);
                said += 1.0;
            }
        }
        repeated
    }

    #[test]
    fn what_is_repeated_is_whole_however_late_the_thread_wakes() {
        // Every 5 ms, by no pattern 10 to 90 ms late, in any case every 37 ms.
        let irregular = (0..4_000u64).scan(0, |at, n| {
            *at += 5 + (n.wrapping_mul(2_654_435_761) >> 9) % 3 * 45;
            Some(*at)
        });
        let patterns: [Box<dyn Iterator<Item = u64>>; 3] = [
            Box::new((0..20_000).step_by(5)),
            Box::new((0..20_000).step_by(37)),
            Box::new(irregular.take_while(|at| *at < 20_000)),
        ];
        for wakes in patterns {
            let repeated = repeat(wakes);
            assert!(repeated.len() > 1_800, "{}", repeated.len());
            for (n, (time, value)) in repeated.iter().enumerate() {
                assert_eq!((*time, *value), (1_000_000 + n as u64 * 10_000, n as f32));
            }
        }
    }

    #[test]
    fn after_a_long_stop_the_echo_goes_on_from_now() {
        let repeated = repeat((0..3_000).step_by(5).chain((33_000..40_000).step_by(5)));
        let (last, after) =
            (repeated.last().unwrap().0, repeated.iter().filter(|r| r.0 > 33_000_000).count());
        assert!(last > 39_900_000 && after > 590, "{last}, {after}");
        assert!(repeated.windows(2).all(|pair| pair[1].0 - pair[0].0 >= 10_000));
    }
}
