//! RTP payloads of sound at any time and in any order, through the jitter buffer and the real decoder.
#![no_main]

use std::time::{Duration, Instant};

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tincan_codec::OpusDecoder;
use tincan_media::audio::JitterBuffer;

fuzz_target!(|steps: Vec<(i8, i16, u8, u8, &[u8])>| {
    let mut buffer = JitterBuffer::new(Box::new(OpusDecoder::new().unwrap()));
    let (mut sequence, mut timestamp, mut now) = (65_500u16, u32::MAX - 48_000, Instant::now());
    for (step, drift, pause, pulls, payload) in steps {
        sequence = sequence.wrapping_add(step as u16);
        timestamp = timestamp.wrapping_add((i32::from(step) * 960 + i32::from(drift)) as u32);
        now += Duration::from_millis(u64::from(pause));
        buffer.insert(sequence, timestamp, Bytes::copy_from_slice(payload), now);
        for _ in 0..pulls % 8 {
            now += Duration::from_millis(10);
            assert!(buffer.pull(now).peak().is_finite(), "no sound is not a number");
        }
    }
});
