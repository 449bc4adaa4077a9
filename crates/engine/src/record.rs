//! Records one participant's sound and picture as they arrive, without encoding them again. What they share stands in the
//! place of their face while they share it.
//!
//! [`Recorder`] has a thread of its own, so that a slow disk never holds up a call. What one person sends over one
//! connection after another becomes one file: the [`composer`] puts everything in its place by the sender's own clocks
//! ([`clock`]), and [`mp4`] writes it so that a crash, a full disk or a pulled plug leaves a file that plays.

#[cfg(test)]
mod call_tests;
mod clock;
mod composer;
#[cfg(test)]
mod film;
mod mp4;
mod opus;

use crate::api::Sentence;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tincan_codec::H264Encoder;
use tincan_media::ports::VideoEncoder;
use tincan_media::video::{AssembledFrame, Resolution, VideoFrame};
use tincan_media::{Bitrate, MediaClock, MediaTime};
use tincan_peer::RtpPacket;
use tincan_protocol as protocol;

use composer::{Composer, Media, Picture, Sound, Source};
use mp4::{Mp4File, Output};

/// Eighty packets and pictures a second, for four seconds: a disk that sleeps longer loses something.
const QUEUE: usize = 320;
/// Small, and of the shape that most cameras have: players keep it until a picture of another size comes.
const FILLER_SIZE: Resolution = Resolution::new(640, 360);

/// What arrived on which connection, and when.
type Arrived = (Source, Media, MediaTime);

/// A recording that runs. Dropping it also ends the file properly.
pub(crate) struct Recorder {
    queue: Option<SyncSender<Arrived>>,
    thread: Option<JoinHandle<Result<Recorded, RecordError>>>,
    dropped: AtomicU64,
    problem: Arc<Mutex<Option<String>>>,
    sources: AtomicU32,
}

/// One connection's end of a recording. What comes on an older one than the newest is left out.
#[derive(Clone)]
pub(crate) struct Tape {
    recorder: Arc<Recorder>,
    source: Source,
    clock: MediaClock,
    /// Its pictures are of what they share, and not of their face.
    screen: bool,
}

/// What became of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recorded {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// From the first sound or picture to the last.
    pub(crate) duration: Duration,
    /// Pictures in it.
    pub(crate) pictures: u64,
    /// Sound packets in it.
    pub(crate) packets: u64,
    /// What the disk was too slow for.
    pub(crate) dropped: u64,
}

impl Recorded {
    pub(crate) fn sentence(&self) -> Sentence {
        Sentence::new("recorded", self.to_string())
            .with("seconds", self.duration.as_secs() as u32)
            .with("path", self.path.display().to_string())
    }
}

impl std::fmt::Display for Recorded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} seconds were recorded to {}.", self.duration.as_secs(), self.path.display())?;
        match self.dropped {
            0 => Ok(()),
            lost => write!(f, " The disk was too slow: {lost} pieces of sound and picture are missing."),
        }
    }
}

/// A recording cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    /// The file cannot be created.
    #[error("The recording `{path}` cannot be created: {source}. Choose another place or name.")]
    Create {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file cannot be written (any more).
    #[error(
        "The recording stopped: {0}. What was written before plays; make room on the disk and record again."
    )]
    Write(#[from] std::io::Error),
    /// Neither sound nor pictures came.
    #[error("Nothing was recorded: neither sound nor pictures arrived. The empty file was removed.")]
    Nothing,
}

impl RecordError {
    /// A stable identifier for the UI and for scripts.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Create { .. } => "record_create",
            Self::Write(_) => "record_write",
            Self::Nothing => "record_nothing",
        }
    }

    pub(crate) fn sentence(&self) -> Sentence {
        let said = Sentence::new(self.code(), self.to_string());
        match self {
            Self::Create { path, source } => {
                said.with("path", path.display().to_string()).with("detail", source.to_string())
            }
            Self::Write(error) => said.with("detail", error.to_string()),
            Self::Nothing => said,
        }
    }
}

impl Recorder {
    /// Starts a recording in a new file. It begins with the first sound or keyframe; where pictures come
    /// later than sound, or never, and while the camera is off, the picture is black.
    ///
    /// # Errors
    /// [`RecordError::Create`] when the file exists already or cannot be made.
    pub(crate) fn create(path: &Path) -> Result<Self, RecordError> {
        let error = |source| RecordError::Create { path: path.to_owned(), source };
        let file = OpenOptions::new().write(true).create_new(true).open(path).map_err(error)?;
        let (queue, media) = sync_channel(QUEUE);
        let problem = Arc::new(Mutex::new(None));
        let job = Job { file, path: path.to_owned(), problem: Arc::clone(&problem) };
        let thread = std::thread::Builder::new()
            .name("record".into())
            .spawn(move || job.run(&media))
            .map_err(error)?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            dropped: AtomicU64::new(0),
            problem,
            sources: AtomicU32::new(0),
        })
    }

    /// An end for a new connection, whose times are on `clock`.
    pub(crate) fn tape(self: &Arc<Self>, clock: MediaClock) -> Tape {
        let source = Source(self.sources.fetch_add(1, Ordering::Relaxed));
        Tape { recorder: Arc::clone(self), source, clock, screen: false }
    }

    /// Why it does not record any more, if it does not.
    pub(crate) fn problem(&self) -> Option<String> {
        self.problem.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Writes what is left and ends the file. Blocks for as long as the disk takes.
    ///
    /// # Errors
    /// [`RecordError::Write`] when the disk failed or was full; what was written before plays.
    /// [`RecordError::Nothing`] when nothing came.
    pub(crate) fn finish(mut self) -> Result<Recorded, RecordError> {
        let dropped = self.dropped.load(Ordering::Relaxed);
        self.join().unwrap_or(Err(RecordError::Nothing)).map(|recorded| Recorded { dropped, ..recorded })
    }

    fn join(&mut self) -> Option<Result<Recorded, RecordError>> {
        // Closing the queue is what ends the thread.
        self.queue = None;
        self.thread.take().map(|thread| {
            let lost =
                || RecordError::Write(std::io::Error::other("the recording's thread ended unexpectedly"));
            thread.join().unwrap_or_else(|_| Err(lost()))
        })
    }

    fn push(&self, arrived: Arrived) {
        if self.queue.as_ref().is_some_and(|queue| queue.try_send(arrived).is_err()) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Tape {
    /// The same, for the pictures of what they share.
    pub(crate) fn of_screen(&self) -> Self {
        Self { screen: true, ..self.clone() }
    }

    /// Takes a packet of sound as it arrived: late ones are put in order, and what is missing is filled. Never waits.
    pub(crate) fn sound(&self, packet: &RtpPacket) {
        // A packet of padding has no sound.
        if !packet.payload.is_empty() {
            let sound =
                Sound { sequence: packet.sequence, rtp: packet.timestamp, payload: packet.payload.clone() };
            self.push(Media::Sound(sound), packet.arrived);
        }
    }

    /// Takes an access unit that decoded to a picture of this size: nothing between a loss and the next keyframe. Never
    /// waits.
    pub(crate) fn picture(&self, frame: &AssembledFrame, size: Resolution) {
        let picture = Picture {
            rtp: frame.rtp_timestamp,
            data: frame.unit.data.clone(),
            keyframe: frame.unit.keyframe,
            size,
        };
        let media = if self.screen { Media::Screen(picture) } else { Media::Picture(picture) };
        self.push(media, frame.last_arrived);
    }

    /// Takes note that their camera is on or off. Never waits.
    pub(crate) fn camera(&self, on: bool, told: Instant) {
        self.push(Media::Camera { on }, told);
    }

    /// Takes note that they share something, or do not any more. Never waits.
    pub(crate) fn shares(&self, on: bool, told: Instant) {
        self.push(Media::Shares { on }, told);
    }

    /// Takes a sender report: the RTP time `rtp` of this stream was at the NTP time `ntp`. Never waits.
    pub(crate) fn report(&self, of: protocol::Source, ntp: u64, rtp: u32, arrived: Instant) {
        self.push(Media::Report { source: of, ntp, rtp }, arrived);
    }

    fn push(&self, media: Media, arrived: Instant) {
        self.recorder.push((self.source, media, self.clock.at(arrived)));
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.join();
    }
}

/// What the thread owns. The mutex is shared with nobody but whoever asks for the problem, once a second at
/// most.
struct Job<W> {
    file: W,
    path: PathBuf,
    problem: Arc<Mutex<Option<String>>>,
}

impl<W: Output> Job<W> {
    fn run(self, media: &Receiver<Arrived>) -> Result<Recorded, RecordError> {
        let Self { file, path, problem } = self;
        let mut composer = Composer::new(Mp4File::new(file, filler()));
        let written = media
            .iter()
            .try_for_each(|(source, media, arrived)| composer.handle(source, media, arrived))
            .and_then(|()| composer.finish());
        match written {
            Ok(summary) if summary.pictures + summary.packets > 0 => Ok(Recorded {
                path,
                duration: summary.duration,
                pictures: summary.pictures,
                packets: summary.packets,
                dropped: 0,
            }),
            Ok(_) => {
                // Best effort: an empty file that stays does no harm.
                let _ = std::fs::remove_file(&path);
                Err(RecordError::Nothing)
            }
            Err(error) => {
                let error = RecordError::Write(error);
                *problem.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(error.to_string());
                Err(error)
            }
        }
    }
}

/// A black keyframe; without an encoder there is none, and a recording begins with the camera.
fn filler() -> Option<Picture> {
    let black = VideoFrame::black(MediaTime::ZERO, FILLER_SIZE);
    let unit = H264Encoder::new(Bitrate::kbps(100), 1.0).encode(&black, true).ok().flatten()?;
    Some(Picture { rtp: 0, data: unit.data, keyframe: true, size: FILLER_SIZE })
}

#[cfg(test)]
mod tests;
