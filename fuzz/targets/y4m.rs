//! Clips for the camera.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tincan_devices::video::y4m::Y4mReader;
use tincan_media::MediaTime;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut reader) = Y4mReader::new(std::io::Cursor::new(bytes)) else { return };
    while let Ok(Some(frame)) = reader.read(MediaTime::ZERO) {
        assert!(frame.resolution().width > 0);
    }
});
