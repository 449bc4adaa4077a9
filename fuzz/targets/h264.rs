//! Access units of any content: an error at worst.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tincan_codec::H264Decoder;
use tincan_media::MediaTime;
use tincan_media::ports::VideoDecoder;
use tincan_media::video::EncodedVideo;

fuzz_target!(|units: Vec<(bool, &[u8])>| {
    let mut decoder = H264Decoder::new();
    for (keyframe, bytes) in units {
        // Annex B, or nothing would be parsed at all.
        let data = [&[0, 0, 0, 1], bytes].concat().into();
        let _ = decoder.decode(&EncodedVideo {
            time: MediaTime::ZERO,
            data,
            keyframe,
            discardable: false,
            resolution: None,
        });
    }
});
