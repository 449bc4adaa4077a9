//! Recordings for the microphone.
#![no_main]

use std::time::Instant;

use libfuzzer_sys::fuzz_target;
use tincan_devices::audio::open_microphone;
use tincan_media::MediaClock;

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
    let selector = format!("file:{}", file.path().display()).parse().unwrap();
    let Ok(mut microphone) = open_microphone(&selector, MediaClock::new(Instant::now())) else { return };
    for _ in 0..10 {
        if microphone.input.read().is_err() {
            return;
        }
    }
});
