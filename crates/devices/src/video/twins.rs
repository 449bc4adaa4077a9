//! Cameras that need no camera.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tincan_media::video::TestPattern;
use tincan_media::{DeviceError, MediaClock};

use super::reader::{Gate, Told};
use super::thread::OnEvent;
use super::y4m::{Y4mError, Y4mReader};
use super::{CameraEvent, CaptureRequest};

/// The name of the test pattern.
const TEST_PATTERN: &str = "Test pattern";
/// Further behind than this (the machine slept), the lost pictures are not made up for.
const MAX_BEHIND: Duration = Duration::from_millis(500);
/// Read-ahead for films: an eighth of a 720p picture.
const BUFFER: usize = 1 << 18;

/// Keeps a steady pace without drifting, and hears the word to stop in between.
struct Pace<'a> {
    told: &'a Receiver<Told>,
    interval: Duration,
    next: Instant,
}

impl<'a> Pace<'a> {
    fn new(told: &'a Receiver<Told>, frames_per_second: f64) -> Self {
        let interval = Duration::from_secs_f64(1.0 / frames_per_second.clamp(0.1, 1_000.0));
        Self { told, interval, next: Instant::now() }
    }

    /// Waits for the next picture's time; `None` when it is time to stop.
    fn wait(&mut self) -> Option<Instant> {
        loop {
            let now = Instant::now();
            if now.saturating_duration_since(self.next) > MAX_BEHIND {
                self.next = now;
            }
            let left = self.next.saturating_duration_since(now);
            match self.told.recv_timeout(left) {
                Ok(Told::Stop) | Err(RecvTimeoutError::Disconnected) => return None,
                Ok(Told::Reader(..)) => {}
                Err(RecvTimeoutError::Timeout) => {
                    let at = self.next;
                    self.next += self.interval;
                    return Some(at);
                }
            }
        }
    }
}

/// The test pattern until the word to stop. Its stamps carry the wall clock, which other processes know too.
pub(super) fn test_pattern(
    request: CaptureRequest,
    clock: MediaClock,
    gate: &Gate,
    on_event: &OnEvent,
    told: &Receiver<Told>,
) {
    let pattern = TestPattern::new(request.resolution);
    let mut pace = Pace::new(told, f64::from(request.frames_per_second));
    let mut counter = 0u32;
    while let Some(at) = pace.wait() {
        let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64);
        if !gate.pass(pattern.draw_stamped(counter, clock.at(at), micros)) {
            return;
        }
        if counter == 0 {
            on_event(CameraEvent::Started {
                name: TEST_PATTERN.into(),
                resolution: pattern.resolution(),
                frames_per_second: request.frames_per_second as f32,
            });
        }
        counter = counter.wrapping_add(1);
    }
}

/// A film, over and over, until the word to stop.
pub(super) fn film(
    path: &Path,
    clock: MediaClock,
    gate: &Gate,
    on_event: &OnEvent,
    told: &Receiver<Told>,
) -> Result<(), DeviceError> {
    let open = || -> Result<Y4mReader<BufReader<File>>, Y4mError> {
        Y4mReader::new(BufReader::with_capacity(BUFFER, File::open(path)?))
    };
    let mut film = open().map_err(|error| error.at(path))?;
    let mut pace = Pace::new(told, film.frames_per_second());
    let mut shown = 0u64;
    let mut first = true;
    while let Some(at) = pace.wait() {
        let frame = match film.read(clock.at(at)).map_err(|error| error.at(path))? {
            Some(frame) => frame,
            None if shown == 0 => return Err(Y4mError::Truncated.at(path)),
            None => {
                // From the beginning, in the time of the picture that was not there.
                shown = 0;
                film = open().map_err(|error| error.at(path))?;
                match film.read(clock.at(at)).map_err(|error| error.at(path))? {
                    Some(frame) => frame,
                    None => return Err(Y4mError::Truncated.at(path)),
                }
            }
        };
        shown += 1;
        // Codecs need even sides.
        let even = super::convert::even(frame.resolution());
        let frame = if even == frame.resolution() { frame } else { super::convert::cropped(&frame, even) };
        if !gate.pass(frame) {
            return Ok(());
        }
        if std::mem::take(&mut first) {
            on_event(CameraEvent::Started {
                name: path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
                resolution: even,
                frames_per_second: film.frames_per_second() as f32,
            });
        }
    }
    Ok(())
}
