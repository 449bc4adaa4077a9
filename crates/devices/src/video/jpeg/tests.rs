//! JPEGs as cameras make and break them.

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use proptest::prelude::*;

use super::*;

/// Those that the encoder writes as cameras do, in one scan.
const SAMPLINGS: [SamplingFactor; 4] =
    [SamplingFactor::F_1_1, SamplingFactor::F_2_1, SamplingFactor::F_1_2, SamplingFactor::F_2_2];

/// Something with edges and noise, in every colour.
fn pixels(width: u16, height: u16) -> Vec<u8> {
    let mut noise = 7u32;
    let mut pixels = Vec::new();
    for y in 0..u32::from(height) {
        for x in 0..u32::from(width) {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let base = if (x / 16 + y / 16) % 2 == 0 { 60 } else { 180 };
            let rough = noise >> 27;
            pixels.extend(
                [base + rough, base / 2 + x % 64, 40 + y % 64 + rough].map(|value| value.min(255) as u8),
            );
        }
    }
    pixels
}

fn encoded(width: u16, height: u16, sampling: SamplingFactor, restart: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 80);
    encoder.set_sampling_factor(sampling);
    encoder.set_restart_interval(restart);
    encoder.encode(&pixels(width, height), width, height, ColorType::Rgb).unwrap();
    bytes
}

fn usual() -> Vec<u8> {
    encoded(97, 67, SamplingFactor::F_2_1, 0)
}

fn decoded(bytes: &[u8]) -> Result<VideoFrame, JpegError> {
    decode(bytes, MediaTime::ZERO)
}

/// Where each segment begins and ends, up to and including the start of scan.
fn segments(jpeg: &[u8]) -> Vec<(u8, std::ops::Range<usize>)> {
    let (mut at, mut found) = (2, Vec::new());
    loop {
        let length = usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
        found.push((jpeg[at + 1], at..at + 2 + length));
        at += 2 + length;
        if found.last().is_some_and(|(marker, _)| *marker == 0xda) {
            return found;
        }
    }
}

fn without_tables(jpeg: &[u8]) -> Vec<u8> {
    let mut bytes = jpeg.to_vec();
    for (_, range) in segments(jpeg).into_iter().rev().filter(|(marker, _)| *marker == 0xc4) {
        bytes.drain(range);
    }
    bytes
}

/// How far the picture is from the one that was encoded, a pixel, in luma.
fn difference(frame: &VideoFrame, width: u16, height: u16) -> f64 {
    let pixels = pixels(width, height);
    let size = frame.resolution();
    let mut sum = 0.0;
    for (row, line) in frame.planes().0.chunks_exact(size.width as usize).enumerate() {
        for (column, &luma) in line.iter().enumerate() {
            let at = (row * usize::from(width) + column) * 3;
            let [red, green, blue] = [pixels[at], pixels[at + 1], pixels[at + 2]].map(f64::from);
            let wanted = 16.0 + (0.299 * red + 0.587 * green + 0.114 * blue) * 219.0 / 255.0;
            sum += (f64::from(luma) - wanted).abs();
        }
    }
    sum / f64::from(size.width * size.height)
}

#[test]
fn every_subsampling_size_and_restart_interval_is_decoded() {
    for sampling in SAMPLINGS {
        for (width, height) in [(16, 16), (97, 67), (64, 8), (3, 2), (640, 360)] {
            for restart in [0, 1, 5] {
                let frame = decoded(&encoded(width, height, sampling, restart)).unwrap();
                let what = format!("{sampling:?} {width}x{height} restart {restart}");
                let size = Resolution::new(u32::from(width) & !1, u32::from(height) & !1);
                assert_eq!(frame.resolution(), size, "{what}");
                let difference = difference(&frame, width, height);
                assert!(difference < 6.0, "{what}: {difference:.1}");
            }
        }
    }
}

#[test]
fn a_grey_one_is_grey() {
    let mut bytes = Vec::new();
    Encoder::new(&mut bytes, 90).encode(&[200; 33 * 17], 33, 17, ColorType::Luma).unwrap();
    let frame = decoded(&bytes).unwrap();
    assert_eq!(frame.resolution(), Resolution::new(32, 16));
    let (y, u, v) = frame.planes();
    // Full range to limited: 16 + 200 * 219 / 255.
    assert!(y.iter().all(|&luma| luma.abs_diff(188) <= 1) && u.iter().chain(v).all(|&chroma| chroma == 128));
}

#[test]
fn tables_that_are_missing_are_the_usual_ones() {
    let whole = usual();
    let bare = without_tables(&whole);
    assert!(bare.len() < whole.len() - 400);
    assert_eq!(decoded(&bare).unwrap(), decoded(&whole).unwrap());
}

#[test]
fn bytes_between_its_parts_and_around_it_do_no_harm() {
    let jpeg = encoded(97, 67, SamplingFactor::F_2_2, 4);
    let wanted = decoded(&jpeg).unwrap();
    let rubbish = [1, 0xff, 0, 0xff, 0x33, 0xff, 0xff, 0, 0x80, 0xd8];
    let mut odd = rubbish.to_vec();
    let mut from = 0;
    for (_, range) in segments(&jpeg) {
        odd.extend(&jpeg[from..range.start]);
        odd.extend(rubbish);
        from = range.start;
    }
    // Before each restart marker and before the end.
    let scan = segments(&jpeg).last().unwrap().1.end;
    for at in scan..jpeg.len() {
        if jpeg[at] == 0xff && matches!(jpeg.get(at + 1), Some(0xd0..=0xd9)) {
            odd.extend(&jpeg[from..at]);
            odd.extend([5, 0, 7, 0xff, 0, 0xff]);
            from = at;
        }
    }
    odd.extend(&jpeg[from..]);
    odd.extend(rubbish);
    assert_eq!(decoded(&odd).unwrap(), wanted);
}

#[test]
fn the_end_may_be_missing_but_nothing_before_it() {
    let jpeg = usual();
    let wanted = decoded(&jpeg).unwrap();
    let end = jpeg.len() - 2;
    assert_eq!(decoded(&jpeg[..end]).unwrap(), wanted);
    // A buffer that is larger than the picture.
    assert_eq!(decoded(&[&jpeg[..end], &[0; 5_000][..]].concat()).unwrap(), wanted);
    for cut in [end - 2, end - 10, end / 2, segments(&jpeg).last().unwrap().1.end, 30, 3] {
        assert!(decoded(&jpeg[..cut]).is_err(), "{cut} bytes of {end}");
        // With the end marker in its place, which hides what is missing.
        let ended = [&jpeg[..cut], &[0xff, 0xd9]].concat();
        assert!(decoded(&ended).is_err(), "{cut} bytes of {end}, and the end");
    }
}

#[test]
fn of_two_in_one_buffer_the_first_whole_one_is_taken() {
    let first = usual();
    let second = encoded(48, 32, SamplingFactor::F_2_2, 0);
    assert_eq!(decoded(&[&first[..], &second].concat()).unwrap(), decoded(&first).unwrap());
    let torn = [&first[..first.len() / 2], &second].concat();
    assert_eq!(decoded(&torn).unwrap(), decoded(&second).unwrap());
}

#[test]
fn the_rest_of_the_picture_before_makes_a_torn_one() {
    let (old, new) = (usual(), encoded(97, 67, SamplingFactor::F_2_1, 0));
    let half = new.len() / 2;
    // The new one's first half, and what lay in the buffer already.
    let torn = [&new[..half], &old[half / 2..]].concat();
    assert_eq!(decoded(&torn), Err(JpegError::Torn));
}

#[test]
fn a_small_picture_in_the_notes_is_not_taken_for_a_torn_large_one() {
    let (large, small) = (usual(), encoded(16, 16, SamplingFactor::F_2_2, 0));
    let note = [&[0xff, 0xe1][..], &u16::to_be_bytes(small.len() as u16 + 2), &small].concat();
    let with_note = [&large[..2], &note, &large[2..]].concat();
    assert_eq!(decoded(&with_note).unwrap(), decoded(&large).unwrap());
    assert_eq!(decoded(&with_note[..with_note.len() - 40]), Err(JpegError::Torn));
}

#[test]
fn what_cannot_be_decoded_is_said() {
    assert_eq!(decoded(&[0; 100]), Err(JpegError::NoPicture));
    let mut passes = Vec::new();
    let mut encoder = Encoder::new(&mut passes, 80);
    encoder.set_progressive(true);
    encoder.encode(&pixels(32, 32), 32, 32, ColorType::Rgb).unwrap();
    assert!(matches!(decoded(&passes), Err(JpegError::Unsupported(_))));
    let mut scans = Vec::new();
    let mut encoder = Encoder::new(&mut scans, 80);
    // Each component in a scan of its own.
    encoder.set_optimized_huffman_tables(true);
    encoder.encode(&pixels(64, 64), 64, 64, ColorType::Rgb).unwrap();
    assert_eq!(decoded(&scans), Err(JpegError::Unsupported("of several scans")));
    let mut huge = usual();
    let size = segments(&huge).into_iter().find(|(marker, _)| *marker == 0xc0).unwrap().1.start + 5;
    huge[size..size + 4].fill(0xff);
    assert!(matches!(decoded(&huge), Err(JpegError::Unsupported(_))));
}

proptest! {
    #[test]
    fn a_piece_that_is_lost_is_always_noticed(
        from in 0.0f64..0.9, length in 400usize..2_000, sampling in 0usize..4, restart in 0u16..9,
    ) {
        let jpeg = encoded(120, 90, SAMPLINGS[sampling], restart);
        let scan = segments(&jpeg).last().unwrap().1.end;
        let from = scan + ((jpeg.len() - 2 - scan) as f64 * from) as usize;
        let to = (from + length).min(jpeg.len() - 2);
        let torn = [&jpeg[..from], &jpeg[to..]].concat();
        match decoded(&torn) {
            Err(_) => {}
            // All that was lost was padding.
            Ok(frame) => prop_assert_eq!(frame, decoded(&jpeg).unwrap()),
        }
    }

    #[test]
    fn whatever_is_changed_it_is_a_picture_or_an_error(
        changes in proptest::collection::vec((0.0f64..1.0, any::<u8>()), 1..20), sampling in 0usize..4,
        restart in 0u16..9, cut in 0.0f64..1.0,
    ) {
        let mut jpeg = encoded(60, 45, SAMPLINGS[sampling], restart);
        for (at, byte) in changes {
            let at = (jpeg.len() as f64 * at) as usize;
            jpeg[at] = byte;
        }
        jpeg.truncate((jpeg.len() as f64 * (1.0 - cut / 4.0)) as usize);
        let _ = decoded(&jpeg);
    }
}
