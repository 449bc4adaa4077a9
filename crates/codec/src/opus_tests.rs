use std::time::Instant;

use tincan_media::MediaTime;

use super::*;

/// Something like a voice: a pitch that wanders, four formants, syllables.
fn speech(frame: usize) -> AudioFrame {
    let mut out = AudioFrame::silence(MediaTime::from_micros(frame as u64 * 10_000));
    for (index, sample) in out.samples.iter_mut().enumerate() {
        let t = (frame * SAMPLES_PER_FRAME + index) as f32 / 48_000.0;
        let pitch = 140.0 + 20.0 * (t * 3.0).sin();
        let syllable = (t * 4.0 * std::f32::consts::PI).sin().max(0.0);
        let voice: f32 = (1..12)
            .map(|harmonic| {
                let hertz = pitch * harmonic as f32;
                let formant = 1.0 / (1.0 + ((hertz - 700.0) / 300.0).powi(2));
                formant * (std::f32::consts::TAU * hertz * t).sin()
            })
            .sum();
        *sample = 0.2 * syllable * voice;
    }
    out
}

fn packets(encoder: &mut OpusEncoder, count: usize) -> Vec<EncodedAudio> {
    (0..count).map(|n| encoder.encode(&speech(2 * n), &speech(2 * n + 1)).unwrap()).collect()
}

fn rate_of(packets: &[EncodedAudio]) -> f64 {
    packets.iter().map(|packet| packet.payload.len() as f64 * 8.0).sum::<f64>()
        / (packets.len() as f64 * 0.02)
}

#[test]
fn a_packet_decodes_to_its_20_ms() {
    let mut encoder = OpusEncoder::new().unwrap();
    let mut decoder = OpusDecoder::new().unwrap();
    let mut out = Vec::new();
    for packet in packets(&mut encoder, 50) {
        assert_eq!(decoder.decode(&packet.payload, &mut out).unwrap(), 960);
    }
    assert_eq!(out.len(), 50 * 960);
    let sent: f32 = (0..100).map(|n| speech(n).rms().powi(2)).sum();
    let heard: f32 = out.iter().map(|s| s * s).sum::<f32>() / 480.0;
    assert!((heard / sent - 1.0).abs() < 0.2, "{heard} of {sent}");
}

#[test]
fn the_bitrate_follows_the_target_at_once() {
    let mut encoder = OpusEncoder::new().unwrap();
    for kbps in [32u64, 12, 48] {
        encoder.set_target(Bitrate::kbps(kbps), 0.0).unwrap();
        packets(&mut encoder, 10);
        let rate = rate_of(&packets(&mut encoder, 200));
        assert!(
            rate < kbps as f64 * 1_100.0 && rate > kbps as f64 * 400.0,
            "{kbps} kbit/s wanted, {rate} made"
        );
    }
    encoder.set_target(Bitrate::ZERO, f32::NAN).unwrap();
    assert!(encoder.encode(&speech(0), &speech(1)).is_ok());
}

#[test]
fn a_lost_packet_comes_back_from_the_next_one() {
    let mut encoder = OpusEncoder::new().unwrap();
    encoder.set_target(DEFAULT_OPUS_BITRATE, 0.2).unwrap();
    let packets = packets(&mut encoder, 100);
    // The likeness of what is played for a lost packet to what would have been: FEC against making it up.
    let likeness = |fec: bool| {
        let mut clean = OpusDecoder::new().unwrap();
        let mut lossy = OpusDecoder::new().unwrap();
        let (mut cross, mut a, mut b) = (0.0f64, 0.0f64, 0.0f64);
        for (n, packet) in packets.iter().enumerate() {
            let (mut whole, mut heard) = (Vec::new(), Vec::new());
            clean.decode(&packet.payload, &mut whole).unwrap();
            let lost = n % 5 == 4 && n + 1 < packets.len();
            match (lost, fec) {
                (false, _) => lossy.decode(&packet.payload, &mut heard).unwrap(),
                (true, true) => lossy.decode_fec(&packets[n + 1].payload, 960, &mut heard).unwrap(),
                (true, false) => lossy.conceal(960, &mut heard).unwrap(),
            };
            assert_eq!(heard.len(), 960);
            if lost {
                for (x, y) in whole.iter().zip(&heard) {
                    cross += f64::from(x * y);
                    a += f64::from(x * x);
                    b += f64::from(y * y);
                }
            }
        }
        cross / (a * b).sqrt()
    };
    let (fec, made_up) = (likeness(true), likeness(false));
    println!("likeness by FEC {fec:.2}, made up {made_up:.2}");
    assert!(fec > 0.7 && fec > made_up, "FEC {fec}, made up {made_up}");
}

#[test]
fn level_and_voice_describe_the_packet() {
    let mut encoder = OpusEncoder::new().unwrap();
    let quiet = AudioFrame::silence(MediaTime::ZERO);
    for _ in 0..50 {
        let packet = encoder.encode(&quiet, &quiet).unwrap();
        assert_eq!((packet.level, packet.voice), (127, false));
    }
    let loud = packets(&mut encoder, 20);
    assert!(loud.iter().any(|packet| packet.voice && packet.level < 40), "{loud:?}");
    assert_eq!(loud[3].time, MediaTime::from_micros(60_000));
}

#[test]
fn nonsense_is_an_error_and_leaves_the_output_alone() {
    let mut decoder = OpusDecoder::new().unwrap();
    let mut out = vec![0.5; 3];
    // Code 3 with no frame count, and an empty packet (RFC 6716, section 3.2.5).
    assert!(decoder.decode(&[0xff], &mut out).is_err());
    assert!(decoder.decode(&[], &mut out).is_err());
    assert!(decoder.decode_fec(&[], 960, &mut out).is_err());
    assert_eq!(out, [0.5; 3]);
    let mut encoder = OpusEncoder::new().unwrap();
    let mut broken = speech(1);
    broken.samples[7] = f32::NAN;
    assert!(encoder.encode(&broken, &speech(2)).is_ok());
}

#[test]
fn random_packets_never_panic() {
    let mut state = 1u32;
    let mut decoder = OpusDecoder::new().unwrap();
    let mut out = Vec::new();
    for _ in 0..2_000 {
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let length = usize::from(next() / 2);
        let packet: Vec<u8> = (0..length).map(|_| next()).collect();
        let _ = decoder.decode(&packet, &mut out);
        let _ = decoder.decode_fec(&packet, 960, &mut out);
        out.clear();
    }
}

/// A low tone at the left, a high one at the right.
fn two_tones(frame: usize) -> StereoFrame {
    let mut out = StereoFrame::silence(MediaTime::from_micros(frame as u64 * 10_000));
    for (index, sample) in out.samples.iter_mut().enumerate() {
        let t = (frame * SAMPLES_PER_FRAME + index) as f32 / 48_000.0;
        *sample = [440.0, 1_200.0].map(|hertz| 0.3 * (std::f32::consts::TAU * hertz * t).sin());
    }
    out
}

/// How much of a tone is in `samples`, as an amplitude.
fn amount(samples: &[f32], hertz: f32) -> f32 {
    let (mut re, mut im) = (0.0f32, 0.0f32);
    for (n, sample) in samples.iter().enumerate() {
        let phase = std::f32::consts::TAU * hertz * n as f32 / 48_000.0;
        re += sample * phase.cos();
        im += sample * phase.sin();
    }
    2.0 * re.hypot(im) / samples.len() as f32
}

#[test]
fn left_and_right_stay_apart_at_every_rate_that_is_used_for_music() {
    for kbps in [128u64, 112, 64, 32] {
        let mut encoder = MusicEncoder::new().unwrap();
        encoder.set_target(Bitrate::kbps(kbps), 0.0).unwrap();
        let mut decoder = OpusDecoder::stereo().unwrap();
        let packets: Vec<_> =
            (0..100).map(|n| encoder.encode(&two_tones(2 * n), &two_tones(2 * n + 1)).unwrap()).collect();
        assert!(rate_of(&packets) < kbps as f64 * 1_100.0);
        let mut out = Vec::new();
        for packet in &packets {
            assert_eq!(decoder.decode(&packet.payload, &mut out).unwrap(), 960);
        }
        let side = |channel: usize| out[48_000..].iter().map(|both| both[channel]).collect::<Vec<f32>>();
        let (left, right) = (side(0), side(1));
        for (here, other, hertz) in [(&left, &right, 440.0), (&right, &left, 1_200.0)] {
            let (there, leaked) = (amount(here, hertz), amount(other, hertz));
            assert!(there > 0.27 && leaked < there / 10.0, "{kbps} kbit/s, {hertz} Hz: {there} and {leaked}");
        }
    }
}

#[test]
fn what_has_one_channel_is_heard_on_both() {
    let mut encoder = OpusEncoder::new().unwrap();
    let mut decoder = OpusDecoder::stereo().unwrap();
    let mut out = Vec::new();
    for packet in packets(&mut encoder, 20) {
        decoder.decode(&packet.payload, &mut out).unwrap();
    }
    assert!(out.iter().any(|both| both[0] != 0.0) && out.iter().all(|[left, right]| left == right));
}

/// A table for `docs/benchmarks.md`, not a check: run it with `--ignored --nocapture`.
#[test]
#[ignore = "prints measurements"]
fn what_opus_costs() {
    let mut encoder = OpusEncoder::new().unwrap();
    encoder.set_target(DEFAULT_OPUS_BITRATE, 0.2).unwrap();
    let begun = Instant::now();
    let packets = packets(&mut encoder, 500);
    println!("encode: {:.3} ms for 20 ms", begun.elapsed().as_secs_f64() * 2.0);
    for complexity in [0, 4, 5, 6, 7, 10] {
        let mut decoder = OpusDecoder::with_complexity(complexity).unwrap();
        let (mut decode, mut conceal, mut fec) = (0.0, 0.0, 0.0);
        let mut out = Vec::new();
        let mut lost = 0;
        for n in 0..packets.len() - 1 {
            out.clear();
            let begun = Instant::now();
            match n % 10 {
                8 => {
                    decoder.conceal(960, &mut out).unwrap();
                    conceal += begun.elapsed().as_secs_f64();
                    lost += 1;
                }
                4 => {
                    decoder.decode_fec(&packets[n + 1].payload, 960, &mut out).unwrap();
                    fec += begun.elapsed().as_secs_f64();
                }
                _ => {
                    decoder.decode(&packets[n].payload, &mut out).unwrap();
                    decode += begun.elapsed().as_secs_f64();
                }
            }
        }
        println!(
            "decoder complexity {complexity}: decode {:.3} ms, conceal {:.3} ms, FEC {:.3} ms",
            decode * 1e3 / (packets.len() as f64 * 0.8),
            conceal * 1e3 / f64::from(lost),
            fec * 1e3 / f64::from(lost),
        );
    }
}
