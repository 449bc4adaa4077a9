//! What a camera puts into its buffer as a JPEG.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tincan_devices::video::jpeg;
use tincan_media::MediaTime;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(frame) = jpeg::decode(bytes, MediaTime::ZERO) {
        assert!(frame.resolution().width.is_multiple_of(2) && frame.resolution().height > 0);
    }
});
