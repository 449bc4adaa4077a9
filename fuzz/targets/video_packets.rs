//! RTP payloads of video in any order, into frame assembly and from there into the decoder.
#![no_main]

use std::time::{Duration, Instant};

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tincan_codec::H264Decoder;
use tincan_media::ports::VideoDecoder;
use tincan_media::video::{AssemblyEvent, FrameAssembler};

fuzz_target!(|packets: Vec<(i8, u8, bool, u8, &[u8])>| {
    let mut assembler = FrameAssembler::new();
    let mut decoder = H264Decoder::new();
    let (mut sequence, mut timestamp, mut now) = (65_500u16, u32::MAX - 90_000, Instant::now());
    for (step, ticks, marker, pause, payload) in packets {
        sequence = sequence.wrapping_add(step as u16);
        timestamp = timestamp.wrapping_add(u32::from(ticks) * 1_000);
        now += Duration::from_millis(u64::from(pause));
        assembler.insert(sequence, timestamp, marker, Bytes::copy_from_slice(payload), now);
        while let Some(event) = assembler.poll(now) {
            let AssemblyEvent::Frame(frame) = event else { continue };
            if decoder.decode(&frame.unit).is_err() {
                assembler.decoder_failed(now);
            }
        }
        if let Some(at) = assembler.poll_timeout() {
            assert!(at > now, "a timeout stays in the past");
        }
    }
});
