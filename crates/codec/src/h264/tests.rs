use bytes::Bytes;
use tincan_media::ports::{VideoDecoder, VideoEncoder};
use tincan_media::video::{
    AssemblyEvent, EncodedVideo, Fit, FrameAssembler, Resolution, Scaler, Stamp, TestPattern, VideoFrame,
    packetize,
};
use tincan_media::{Bitrate, MediaTime};

use super::{H264Decoder, H264Encoder};

fn time(index: u32) -> MediaTime {
    MediaTime::from_micros(u64::from(index) * 33_333)
}

/// The test pattern with noise, so that there is something to spend bits on.
struct Source {
    pattern: TestPattern,
    noise: u32,
}

impl Source {
    fn new(size: Resolution) -> Self {
        Self { pattern: TestPattern::new(size), noise: 1 }
    }

    fn picture(&mut self, index: u32) -> VideoFrame {
        let mut frame = self.pattern.draw(index, time(index));
        for luma in frame.planes_mut().0.iter_mut() {
            self.noise = self.noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *luma = luma.saturating_add((self.noise >> 28) as u8);
        }
        frame
    }
}

/// Bits a second of `seconds` of pictures fed at `fps`.
fn rate(encoder: &mut H264Encoder, source: &mut Source, from: u32, seconds: u32, fps: u32) -> f64 {
    let mut bytes = 0;
    for index in 0..seconds * fps {
        let frame = source.picture(from + index * 30 / fps).at(time(from + index * 30 / fps));
        bytes += encoder.encode(&frame, false).unwrap().map_or(0, |unit| unit.data.len());
    }
    bytes as f64 * 8.0 / f64::from(seconds)
}

#[test]
fn pictures_come_back_with_their_stamp_at_300_kbit() {
    let mut source = Source::new(Resolution::HD);
    let mut encoder = H264Encoder::new(Bitrate::kbps(300), 30.0);
    let mut decoder = H264Decoder::new();
    let (mut decoded, mut read) = (0, 0);
    for index in 0..60 {
        let Some(unit) = encoder.encode(&source.picture(index), false).unwrap() else { continue };
        let frame = decoder.decode(&unit).unwrap().expect("baseline has no delay");
        assert_eq!((frame.resolution(), frame.time()), (Resolution::HD, time(index)));
        decoded += 1;
        let wanted = Stamp { counter: index, micros: time(index).as_micros() };
        read += usize::from(Stamp::read(&frame) == Some(wanted));
    }
    assert!(decoded >= 20, "only {decoded} of 60 were encoded");
    assert!(read * 100 >= decoded * 95, "{read} of {decoded} stamps");
}

#[test]
fn a_stamp_survives_180p_and_a_low_bitrate() {
    let mut source = Source::new(Resolution::HD);
    let mut scaler = Scaler::new();
    let mut encoder = H264Encoder::new(Bitrate::kbps(100), 30.0);
    let mut decoder = H264Decoder::new();
    let (mut decoded, mut read) = (0, 0);
    for index in 0..60 {
        let small = scaler.scale(&source.picture(index), Resolution::new(320, 180), Fit::Letterbox);
        let Some(unit) = encoder.encode(&small, false).unwrap() else { continue };
        let frame = decoder.decode(&unit).unwrap().expect("baseline has no delay");
        decoded += 1;
        read += usize::from(Stamp::read(&frame).is_some_and(|stamp| stamp.counter == index));
    }
    assert!(decoded >= 20 && read * 100 >= decoded * 95, "{read} of {decoded} stamps");
}

#[test]
fn the_first_picture_a_request_and_a_resize_give_keyframes_and_nothing_else_does() {
    let mut encoder = H264Encoder::new(Bitrate::kbps(2_000), 30.0);
    let (mut large, mut small) =
        (Source::new(Resolution::new(640, 360)), Source::new(Resolution::new(320, 180)));
    let keys: Vec<u32> = (0..12)
        .filter(|&index| {
            let frame = if index < 8 { large.picture(index) } else { small.picture(index) };
            let unit = encoder.encode(&frame, index == 4).unwrap();
            assert!(unit.as_ref().is_none_or(|unit| unit.resolution == Some(frame.resolution())));
            unit.is_some_and(|unit| unit.keyframe)
        })
        .collect();
    assert_eq!(keys, [0, 4, 8]);
}

#[test]
fn the_profile_is_constrained_baseline() {
    let mut encoder = H264Encoder::new(Bitrate::kbps(1_000), 30.0);
    let unit = encoder.encode(&Source::new(Resolution::HD).picture(0), false).unwrap().unwrap();
    let sps = unit.data.windows(5).find(|bytes| bytes[..3] == [0, 0, 1] && bytes[3] & 0x1f == 7).unwrap();
    assert_eq!(sps[4], 66, "profile_idc");
    let flags =
        unit.data.windows(6).find(|bytes| bytes[..3] == [0, 0, 1] && bytes[3] & 0x1f == 7).unwrap()[5];
    assert_eq!(flags & 0xc0, 0xc0, "constraint_set0 and 1");
}

#[test]
fn a_new_target_is_followed_up_and_down() {
    let size = Resolution::new(640, 360);
    let mut source = Source::new(size);
    let mut encoder = H264Encoder::new(Bitrate::kbps(1_500), 30.0);
    let mut from = 0;
    for kbps in [1_500, 400, 2_500, 150] {
        encoder.set_target(Bitrate::kbps(kbps), 30.0).unwrap();
        rate(&mut encoder, &mut source, from, 2, 30);
        let got = rate(&mut encoder, &mut source, from + 60, 3, 30) / 1_000.0;
        from += 150;
        assert!(got < kbps as f64 * 1.15, "{got:.0} kbit/s for {kbps}");
        assert!(got > kbps as f64 * 0.5, "{got:.0} kbit/s for {kbps}");
    }
}

#[test]
fn a_new_frame_rate_keeps_the_bitrate() {
    let mut source = Source::new(Resolution::new(640, 360));
    let mut encoder = H264Encoder::new(Bitrate::kbps(500), 30.0);
    rate(&mut encoder, &mut source, 0, 2, 30);
    encoder.set_target(Bitrate::kbps(500), 15.0).unwrap();
    rate(&mut encoder, &mut source, 60, 2, 15);
    let got = rate(&mut encoder, &mut source, 120, 4, 15) / 1_000.0;
    assert!((350.0..600.0).contains(&got), "{got:.0} kbit/s");
}

#[test]
fn a_target_set_before_a_resize_still_holds_after_it() {
    let mut encoder = H264Encoder::new(Bitrate::kbps(2_500), 30.0);
    rate(&mut encoder, &mut Source::new(Resolution::HD), 0, 1, 30);
    encoder.set_target(Bitrate::kbps(300), 30.0).unwrap();
    let mut source = Source::new(Resolution::new(640, 360));
    rate(&mut encoder, &mut source, 30, 2, 30);
    let got = rate(&mut encoder, &mut source, 90, 3, 30) / 1_000.0;
    assert!(got < 360.0, "{got:.0} kbit/s");
}

#[test]
fn after_damage_the_decoder_refuses_everything_until_a_keyframe() {
    let mut source = Source::new(Resolution::new(320, 180));
    let mut encoder = H264Encoder::new(Bitrate::kbps(500), 30.0);
    let mut decoder = H264Decoder::new();
    let mut unit = |index, key| encoder.encode(&source.picture(index), key).unwrap();
    assert!(decoder.decode(&unit(0, false).unwrap()).unwrap().is_some());
    let garbage = EncodedVideo {
        time: time(1),
        data: Bytes::from_static(&[0, 0, 0, 1, 0x41, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        keyframe: false,
        discardable: false,
        resolution: None,
    };
    assert!(decoder.decode(&garbage).is_err());
    if let Some(delta) = unit(1, false) {
        assert!(decoder.decode(&delta).is_err());
    }
    let key = unit(2, true).expect("a keyframe that was asked for");
    assert!(key.keyframe);
    assert!(decoder.decode(&key).unwrap().is_some());
}

#[test]
fn arbitrary_bytes_never_crash_the_decoder() {
    let mut noise = 12_345u32;
    for length in 0..400usize {
        let mut data = vec![0, 0, 0, 1, [0x67, 0x68, 0x65, 0x41][length % 4]];
        data.extend((0..length).map(|_| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 24) as u8
        }));
        let unit = EncodedVideo {
            time: time(0),
            data: data.into(),
            keyframe: true,
            discardable: false,
            resolution: None,
        };
        let _ = H264Decoder::new().decode(&unit);
    }
}

#[test]
fn sizes_that_cannot_be_encoded_are_refused_in_words() {
    let mut encoder = H264Encoder::new(Bitrate::kbps(500), 30.0);
    for (width, height) in [(641, 360), (640, 361), (8, 8), (8_000, 4_000)] {
        let frame = VideoFrame::black(time(0), Resolution::new(width, height));
        let error = encoder.encode(&frame, false).unwrap_err().to_string();
        assert!(error.contains(&format!("{width}x{height}")), "{error}");
    }
}

#[test]
fn pictures_survive_packets_assembly_and_decoding() {
    let now = std::time::Instant::now();
    let mut source = Source::new(Resolution::HD);
    let mut encoder = H264Encoder::new(Bitrate::kbps(1_500), 30.0);
    let (mut assembler, mut decoder) = (FrameAssembler::new(), H264Decoder::new());
    let (mut sequence, mut shown, mut sent) = (65_000u16, 0, 0);
    for index in 0..60 {
        let Some(unit) = encoder.encode(&source.picture(index), false).unwrap() else { continue };
        sent += 1;
        let payloads = packetize(&unit, 1_150);
        let last = payloads.len() - 1;
        for (number, payload) in payloads.into_iter().enumerate() {
            assembler.insert(sequence, unit.time.to_rtp(90_000), number == last, payload, now);
            sequence = sequence.wrapping_add(1);
        }
        let Some(AssemblyEvent::Frame(frame)) = assembler.poll(now) else {
            panic!("picture {index} is missing")
        };
        assert_eq!(frame.unit.keyframe, unit.keyframe);
        let picture = decoder.decode(&frame.unit).unwrap().expect("baseline has no delay");
        assert_eq!(picture.resolution(), Resolution::HD);
        shown += usize::from(Stamp::read(&picture).is_some_and(|stamp| stamp.counter == index));
    }
    assert_eq!(shown, sent);
}

#[test]
fn every_second_picture_can_be_left_out() {
    let mut source = Source::new(Resolution::new(640, 360));
    let mut encoder = H264Encoder::new(Bitrate::kbps(900), 30.0);
    let (mut all, mut base) = (H264Decoder::new(), H264Decoder::new());
    let (mut units, mut upper, mut bytes, mut upper_bytes, mut read) = (0, 0, 0, 0, 0);
    for index in 0..150 {
        // A keyframe, a new rate and another size in between change nothing.
        if index == 60 {
            encoder.set_target(Bitrate::kbps(500), 30.0).unwrap();
        }
        if index == 100 {
            source = Source::new(Resolution::new(320, 180));
        }
        let Some(unit) = encoder.encode(&source.picture(index), index == 30).unwrap() else { continue };
        assert!(all.decode(&unit).unwrap().is_some());
        assert!(!(unit.keyframe && unit.discardable));
        units += 1;
        bytes += unit.data.len();
        if unit.discardable {
            upper += 1;
            upper_bytes += unit.data.len();
            continue;
        }
        let picture = base.decode(&unit).unwrap().expect("it refers to nothing that was left out");
        read += usize::from(Stamp::read(&picture).is_some_and(|stamp| stamp.counter == index));
    }
    assert!((40..=50).contains(&(upper * 100 / units)), "{upper} of {units}");
    assert!(upper_bytes * 100 / bytes < 48, "{upper_bytes} of {bytes} bytes");
    assert_eq!(read, units - upper);
}
