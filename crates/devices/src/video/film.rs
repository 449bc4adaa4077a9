//! Films in place of a camera.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::mpsc::Receiver;

use tincan_media::{DeviceError, MediaClock};

use super::CameraEvent;
use super::pace::Pace;
use super::reader::{Gate, Told};
use super::y4m::{Y4mError, Y4mReader};

/// Read-ahead for films: an eighth of a 720p picture.
const BUFFER: usize = 1 << 18;

/// A film, over and over, until the word to stop.
pub(crate) fn play(
    path: &Path,
    clock: MediaClock,
    gate: &Gate,
    on_event: &dyn Fn(CameraEvent),
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
