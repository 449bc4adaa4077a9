//! The sound of what is shared: what this computer plays, without what Tincan itself plays, or twins of that.
//!
//! On Linux the sound server is asked for each program's stream by itself (`pulse`), and the streams are put together here
//! (`mix`). Taking the speaker's whole sound and subtracting our own from it would take the delay between the two to a
//! sample, and would leave a rest of every voice whenever it moves.

#[cfg(target_os = "linux")]
mod mix;
#[cfg(target_os = "linux")]
mod pulse;
mod twins;

use tincan_media::{MediaClock, SharedSound, SharedSoundError};

use crate::SharedSoundSelector;

/// Whether this system's own sound can be shared as far as is known before anybody tries.
pub const fn shares_sound() -> bool {
    cfg!(target_os = "linux")
}

/// Opens the sound of what is shared. Blocks until the sound server answers: some milliseconds, 3 s at most.
///
/// # Errors
/// [`SharedSoundError`] when there is no such way here, or the server or the file refuses.
pub fn open_shared_sound(
    selector: &SharedSoundSelector,
    clock: MediaClock,
) -> Result<Box<dyn SharedSound>, SharedSoundError> {
    match selector {
        SharedSoundSelector::System => system(clock),
        SharedSoundSelector::Tones { left, right } => Ok(Box::new(twins::Tones::new(*left, *right, clock))),
        SharedSoundSelector::File(path) => Ok(Box::new(twins::StereoFile::open(path, clock)?)),
    }
}

#[cfg(target_os = "linux")]
fn system(clock: MediaClock) -> Result<Box<dyn SharedSound>, SharedSoundError> {
    Ok(Box::new(pulse::OtherPrograms::open(clock)?))
}

#[cfg(not(target_os = "linux"))]
fn system(_clock: MediaClock) -> Result<Box<dyn SharedSound>, SharedSoundError> {
    let system = if cfg!(windows) { "Windows" } else { "macOS" };
    Err(SharedSoundError::NotBuilt { system })
}
