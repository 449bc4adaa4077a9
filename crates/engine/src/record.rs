//! Records one participant's sound and picture as they arrive, without encoding them again.
//!
//! The file is a fragmented MP4 (H.264 and Opus), a fragment a second: a crash, a full disk or a pulled plug
//! loses at most the last second. [`Recorder`] has a thread of its own, so that a slow disk never holds up a
//! call.

mod mp4;
mod timeline;

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tincan_codec::H264Encoder;
use tincan_media::audio::EncodedAudio;
use tincan_media::ports::VideoEncoder;
use tincan_media::video::{EncodedVideo, Resolution, VideoFrame};
use tincan_media::{Bitrate, MediaTime};

use mp4::Mp4Writer;
pub(crate) use timeline::Timeline;

/// Eighty packets and pictures a second, for four seconds: a disk that sleeps longer loses something.
const QUEUE: usize = 320;
/// Small, and of the shape that most cameras have: players keep it until a picture of another size comes.
const FILLER_SIZE: Resolution = Resolution::new(640, 360);

/// A recording that runs. Dropping it also ends the file properly.
pub(crate) struct Recorder {
    queue: Option<SyncSender<Media>>,
    thread: Option<JoinHandle<Result<Recorded, RecordError>>>,
    dropped: AtomicU64,
    problem: Arc<Mutex<Option<String>>>,
}

enum Media {
    Video(Arc<EncodedVideo>),
    Audio(Arc<EncodedAudio>),
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
    /// Sound packets in it, 20 ms each.
    pub(crate) packets: u64,
    /// What the disk was too slow for.
    pub(crate) dropped: u64,
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
}

impl Recorder {
    /// Starts a recording in a new file. It begins with the first sound or keyframe; where pictures come
    /// later than sound, or never, the picture is black.
    ///
    /// # Errors
    /// [`RecordError::Create`] when the file exists already or cannot be made.
    pub(crate) fn create(path: &Path) -> Result<Self, RecordError> {
        Self::with_queue(path, QUEUE)
    }

    fn with_queue(path: &Path, queue: usize) -> Result<Self, RecordError> {
        let error = |source| RecordError::Create { path: path.to_owned(), source };
        let file = OpenOptions::new().write(true).create_new(true).open(path).map_err(error)?;
        let (queue, media) = sync_channel(queue);
        let problem = Arc::new(Mutex::new(None));
        let job = Job { file, path: path.to_owned(), problem: Arc::clone(&problem) };
        let thread = std::thread::Builder::new()
            .name("record".into())
            .spawn(move || job.run(&media))
            .map_err(error)?;
        Ok(Self { queue: Some(queue), thread: Some(thread), dropped: AtomicU64::new(0), problem })
    }

    /// Takes a complete access unit, in decoding order, and without what cannot be decoded (between a loss
    /// and the next keyframe). Never waits.
    pub(crate) fn video(&self, unit: Arc<EncodedVideo>) {
        self.push(Media::Video(unit));
    }

    /// Takes an Opus packet of 20 ms, in order. What is missing becomes silence. Never waits.
    pub(crate) fn audio(&self, packet: Arc<EncodedAudio>) {
        self.push(Media::Audio(packet));
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

    fn push(&self, media: Media) {
        if self.queue.as_ref().is_some_and(|queue| queue.try_send(media).is_err()) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.join();
    }
}

/// What the thread owns. The mutex is shared with nobody but whoever asks for the problem, once a second at
/// most.
struct Job {
    file: File,
    path: PathBuf,
    problem: Arc<Mutex<Option<String>>>,
}

impl Job {
    fn run(self, media: &Receiver<Media>) -> Result<Recorded, RecordError> {
        let Self { file, path, problem } = self;
        let mut writer = Mp4Writer::new(file, filler());
        let written = write(&mut writer, media).and_then(|()| writer.finish());
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
fn filler() -> Option<EncodedVideo> {
    let black = VideoFrame::black(MediaTime::ZERO, FILLER_SIZE);
    H264Encoder::new(Bitrate::kbps(100), 1.0).encode(&black, true).ok().flatten()
}

fn write(writer: &mut Mp4Writer<File>, media: &Receiver<Media>) -> std::io::Result<()> {
    for media in media {
        match media {
            Media::Video(unit) => writer.video(&unit)?,
            Media::Audio(packet) => writer.audio(&packet)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
