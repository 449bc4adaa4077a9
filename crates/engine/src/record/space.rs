//! How much of a disk a recording leaves to others.

use std::path::Path;
use std::time::Duration;

/// With less than this none begins: a quarter of an hour, and what is left to others.
const TO_BEGIN: u64 = 512 << 20;
/// With less than this it ends by itself, so that its end and everything else on the machine still find room.
const TO_GO_ON: u64 = 128 << 20;
/// How often it is looked: at 3 Mbit/s two megabytes.
pub(super) const LOOK: Duration = Duration::from_secs(5);

/// Looks how much is free where a file lies.
pub(super) type Free = Box<dyn Fn(&Path) -> Option<u64> + Send>;

/// What the system says. `None`: it does not say, and says it when the disk is full.
pub(super) fn free(folder: &Path) -> Option<u64> {
    fs4::available_space(folder).ok()
}

/// Megabytes that lack for a recording to begin.
pub(super) fn lacks(free: Option<u64>) -> Option<u64> {
    free.filter(|free| *free < TO_BEGIN).map(|free| (TO_BEGIN - free).div_ceil(1 << 20))
}

/// Whether a recording that runs has to end.
pub(super) fn ends(free: Option<u64>) -> bool {
    free.is_some_and(|free| free < TO_GO_ON)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_begins_with_room_and_ends_before_there_is_none() {
        assert_eq!((lacks(None), lacks(Some(TO_BEGIN)), lacks(Some(u64::MAX))), (None, None, None));
        assert_eq!((lacks(Some(0)), lacks(Some(TO_BEGIN - 1))), (Some(512), Some(1)));
        assert!(!ends(None) && !ends(Some(TO_GO_ON)) && ends(Some(TO_GO_ON - 1)));
    }
}
