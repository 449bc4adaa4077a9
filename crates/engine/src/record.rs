//! Records a call: the sound of everybody, and the pictures of everybody beside each other, in one MP4.
//!
//! What is recorded is what is seen and heard here, at the time at which it is: pictures as they are decoded for the window,
//! shown there or not; the mix that the speaker plays; what is sent of the microphone and of the camera. Media threads leave it
//! in the [`Tap`], which costs them a pointer. A thread of its own, behind all others, puts it together ([`stage`],
//! [`sound`]), encodes it ([`reel`]) and writes it ([`mp4`]) so that a crash, a full disk or a pulled plug leaves a file that
//! plays. When the machine is slow there are fewer pictures ([`pace`]).

#[cfg(test)]
mod call_tests;
#[cfg(test)]
mod film;
mod layout;
mod mp4;
mod pace;
mod reel;
mod sound;
mod space;
mod stage;
mod tap;

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tincan_devices::lower_thread_priority;
use tincan_media::{MediaClock, MediaTime};

use crate::api::{CommandError, Sentence};
use crate::new_file::Moment;
use reel::Reel;
use tap::Taken;

pub(crate) use layout::Layout;
pub(crate) use tap::{Cast, OWN_SCREEN, SELF_VIEW, Tap, TappedOutput};

/// Recordings that begin in the same second.
const MAX_TRIES: u32 = 100;
/// Between two looks, when the machine is behind.
const BREATH: Duration = Duration::from_millis(1);

/// Where a recording goes.
pub(crate) enum Place {
    /// Into this new file.
    File(PathBuf),
    /// Into this folder, under a name that says when: milliseconds since 1970, and the person's time minus UTC in minutes.
    In { folder: PathBuf, now: u64, utc_offset: i32 },
}

/// A new file for a recording.
#[derive(Debug)]
pub(crate) struct NewFile {
    file: File,
    path: PathBuf,
}

/// A recording that runs. Dropping it also ends the file properly.
pub(crate) struct Recorder {
    tap: Arc<Tap>,
    clock: MediaClock,
    round: u64,
    /// Takes what is written last, and when that was.
    last: Option<Sender<(MediaTime, Taken)>>,
    thread: Option<JoinHandle<Result<Recorded, RecordError>>>,
}

/// What became of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recorded {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// How long it is.
    pub(crate) duration: Duration,
    /// It ended because the disk had nearly no room any more.
    pub(crate) full: bool,
}

impl Recorded {
    pub(crate) fn sentence(&self) -> Sentence {
        let seconds = self.duration.as_secs();
        let written = format!("{seconds} seconds were recorded to {}.", self.path.display());
        let said = if self.full {
            Sentence::new(
                "recorded_full",
                format!("The disk is nearly full, so the recording ended. {written}"),
            )
        } else {
            Sentence::new("recorded", written)
        };
        said.with("seconds", seconds as u32).with("path", self.path.display().to_string())
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
    /// There is too little room for one.
    #[error("There is too little room for a recording. Free {0} MB on the disk and record again.")]
    Room(u64),
    /// The file cannot be written (any more).
    #[error(
        "The recording stopped: {0}. What was written before plays; make room on the disk and record again."
    )]
    Write(#[from] std::io::Error),
}

impl RecordError {
    /// A stable identifier for the UI and for scripts.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Create { .. } => "record_create",
            Self::Room(_) => "record_room",
            Self::Write(_) => "record_write",
        }
    }

    pub(crate) fn sentence(&self) -> Sentence {
        let said = Sentence::new(self.code(), self.to_string());
        match self {
            Self::Create { path, source } => {
                said.with("path", path.display().to_string()).with("detail", source.to_string())
            }
            Self::Room(megabytes) => said.with("megabytes", u32::try_from(*megabytes).unwrap_or(u32::MAX)),
            Self::Write(error) => said.with("detail", error.to_string()),
        }
    }
}

impl From<RecordError> for CommandError {
    fn from(error: RecordError) -> Self {
        error.sentence().into()
    }
}

impl NewFile {
    /// Makes the file; what is there already is never replaced. Blocks for as long as the disk takes.
    ///
    /// # Errors
    /// [`RecordError::Room`] when the disk has too little, [`RecordError::Create`] when there is such a file, or none can be made.
    pub(crate) fn create(place: &Place) -> Result<Self, RecordError> {
        Self::create_with(place, &space::free)
    }

    fn create_with(place: &Place, free: &dyn Fn(&Path) -> Option<u64>) -> Result<Self, RecordError> {
        let room = |path: &Path| {
            space::lacks(free(folder_of(path))).map_or(Ok(()), |lacks| Err(RecordError::Room(lacks)))
        };
        match place {
            Place::File(path) => {
                room(path)?;
                open(path).map_err(|source| RecordError::Create { path: path.clone(), source })
            }
            Place::In { folder, now, utc_offset } => {
                let refused = |source| RecordError::Create { path: folder.clone(), source };
                std::fs::create_dir_all(folder).map_err(refused)?;
                let name = name(*now, *utc_offset);
                let mut path = folder.join(format!("{name}.mp4"));
                room(&path)?;
                for number in 2..MAX_TRIES {
                    match open(&path) {
                        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                            path = folder.join(format!("{name} ({number}).mp4"));
                        }
                        opened => return opened.map_err(|source| RecordError::Create { path, source }),
                    }
                }
                Err(RecordError::Create { path, source: ErrorKind::AlreadyExists.into() })
            }
        }
    }

    /// Takes it back, empty as it is.
    pub(crate) fn discard(self) {
        // Best effort: an empty file that stays does no harm.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// `Tincan 2026-11-28 15-04-05`: what every system takes for a name, in the order of time.
fn name(unix_millis: u64, utc_offset: i32) -> String {
    let now = Moment::new(unix_millis, utc_offset);
    format!("Tincan {} {:02}-{:02}-{:02}", now.date(), now.hour, now.minute, unix_millis / 1_000 % 60)
}

fn open(path: &Path) -> std::io::Result<NewFile> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    // What people say to each other is for whoever records it.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    Ok(NewFile { file: options.open(path)?, path: path.to_owned() })
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

impl Recorder {
    /// Records into a file from now on.
    ///
    /// # Errors
    /// [`RecordError::Write`] when the system has no thread or memory for it; the empty file is removed.
    pub(crate) fn start(
        to: NewFile,
        tap: Arc<Tap>,
        clock: MediaClock,
        cast: Cast,
    ) -> Result<Self, RecordError> {
        let NewFile { file, path } = to;
        let began = clock.at(Instant::now());
        let round = tap.open(began, cast);
        let (last, end) = channel();
        let job =
            Job { path: path.clone(), tap: Arc::clone(&tap), clock, round, end, free: Box::new(space::free) };
        let thread = std::thread::Builder::new().name("tincan-record".into()).spawn(move || {
            lower_thread_priority();
            job.run(Reel::new(file, began)?)
        });
        match thread {
            Ok(thread) => Ok(Self { tap, clock, round, last: Some(last), thread: Some(thread) }),
            Err(error) => {
                tap.close(round);
                let _ = std::fs::remove_file(path);
                Err(error.into())
            }
        }
    }

    /// Records nothing more. The file is ended in its own time.
    pub(crate) fn stop(&mut self) {
        let taken = self.tap.close(self.round);
        if let (Some(last), Some(thread)) = (self.last.take(), &self.thread) {
            // Whoever ended by itself needs nothing more.
            let _ = last.send((self.clock.at(Instant::now()), taken));
            thread.thread().unpark();
        }
    }

    /// Whether the file is ended: after [`Recorder::stop`], or because it could not go on.
    pub(crate) fn is_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Ends the file. Blocks for as long as the disk takes, unless it [is ended](Self::is_ended).
    ///
    /// # Errors
    /// [`RecordError::Write`] when the disk failed or was full; what was written before plays.
    pub(crate) fn finish(mut self) -> Result<Recorded, RecordError> {
        self.join().unwrap_or_else(|| Err(lost()))
    }

    fn join(&mut self) -> Option<Result<Recorded, RecordError>> {
        self.stop();
        self.thread.take().map(|thread| thread.join().unwrap_or_else(|_| Err(lost())))
    }
}

fn lost() -> RecordError {
    RecordError::Write(std::io::Error::other("the recording's thread ended unexpectedly"))
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.join();
    }
}

/// What the thread has.
struct Job {
    path: PathBuf,
    tap: Arc<Tap>,
    clock: MediaClock,
    round: u64,
    end: Receiver<(MediaTime, Taken)>,
    free: space::Free,
}

impl Job {
    fn run<W: mp4::Output>(self, mut reel: Reel<W>) -> Result<Recorded, RecordError> {
        let mut look_again = Instant::now() + space::LOOK;
        let (now, last, full) = loop {
            let began = Instant::now();
            let now = self.clock.at(began);
            let Some(taken) = self.tap.take(self.round) else {
                // Whoever closed the tap is about to say what came last.
                let (now, last) = self.end.recv().unwrap_or((now, Taken::default()));
                break (now, last, false);
            };
            if reel.step(now, taken)? {
                reel.took(began.elapsed());
            }
            if began >= look_again {
                look_again = began + space::LOOK;
                if space::ends((self.free)(folder_of(&self.path))) {
                    break (now, self.tap.close(self.round), true);
                }
            }
            let due = self.clock.instant(reel.due()).saturating_duration_since(Instant::now());
            std::thread::park_timeout(due.max(BREATH));
        };
        let duration = reel.finish(now, last)?;
        Ok(Recorded { path: self.path, duration, full })
    }
}

#[cfg(test)]
mod tests;
