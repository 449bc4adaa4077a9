//! What tells a system that a file came from elsewhere, so that it asks before it runs it.

use std::path::Path;

/// Marks a file where the system has such a mark. A file system that keeps none takes it without.
pub(super) fn came_from_elsewhere(path: &Path) {
    #[cfg(windows)]
    {
        // The stream that browsers write: 3 is the zone of the internet.
        let mut stream = path.as_os_str().to_owned();
        stream.push(":Zone.Identifier");
        let _ = std::fs::write(stream, "[ZoneTransfer]\r\nZoneId=3\r\n");
    }
    #[cfg(target_os = "macos")]
    {
        // Flags, time, the program: Gatekeeper asks at the first start.
        let _ = xattr::set(path, "com.apple.quarantine", b"0083;00000000;Tincan;");
    }
    // Linux has no such mark; no file of ours is executable.
    #[cfg(not(any(windows, target_os = "macos")))]
    let _ = path;
}
