//! Files as pipes, editors, phones and crashes leave them, and what no program writes.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;

use super::*;

/// A file of this test alone, removed at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn with(bytes: &[u8]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tincan-wav-{}-{number}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn chunk(id: &[u8; 4], length: u32, body: &[u8]) -> Vec<u8> {
    [id.as_slice(), &length.to_le_bytes(), body].concat()
}

/// A chunk that says its length, and is padded.
fn whole(id: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut bytes = chunk(id, body.len() as u32, body);
    bytes.extend((body.len() % 2 == 1).then_some(0));
    bytes
}

fn format(tag: u16, channels: u16, rate: u32, bits: u16) -> Vec<u8> {
    let align = channels * bits.div_ceil(8);
    let speed = rate * u32::from(align);
    let mut body = [tag.to_le_bytes(), channels.to_le_bytes()].concat();
    body.extend([rate.to_le_bytes(), speed.to_le_bytes()].concat());
    body.extend([align.to_le_bytes(), bits.to_le_bytes()].concat());
    body
}

/// As programs for more than two channels or 16 bits write it.
fn extensible(tag: u16, channels: u16, bits: u16, valid: u16) -> Vec<u8> {
    let mut body = format(0xfffe, channels, 48_000, bits);
    body.extend([22u16.to_le_bytes(), valid.to_le_bytes()].concat());
    body.extend(3u32.to_le_bytes());
    body.extend(tag.to_le_bytes());
    body.extend([0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71]);
    body
}

fn riff(chunks: &[Vec<u8>]) -> Vec<u8> {
    let body = chunks.concat();
    [b"RIFF".as_slice(), &(body.len() as u32 + 4).to_le_bytes(), b"WAVE", &body].concat()
}

/// With lengths that the writer did not know.
fn piped(length: u32, before: &[Vec<u8>], sound: &[u8]) -> Vec<u8> {
    let chunks = [before.concat(), chunk(b"data", length, sound)].concat();
    [b"RIFF".as_slice(), &length.to_le_bytes(), b"WAVE", &chunks].concat()
}

const WANTED: [f32; 4] = [0.5, -0.25, 0.0, -1.0];

fn sixteen() -> Vec<u8> {
    WANTED.iter().flat_map(|sample| ((sample * 32_768.0) as i16).to_le_bytes()).collect()
}

fn read_all(file: &mut WavFile) -> Vec<f32> {
    let mut out = Vec::new();
    while file.read(3, &mut out).unwrap() != Found::End {
        assert!(out.len() < 1_000_000);
    }
    out
}

/// Reads it twice, as a loop does.
fn sound_of(bytes: &[u8]) -> Result<Vec<f32>, String> {
    let scratch = Scratch::with(bytes);
    let mut file = WavFile::open(&scratch.0)?;
    let once = read_all(&mut file);
    assert!(file.rewind().unwrap());
    assert_eq!(read_all(&mut file), once);
    Ok(once)
}

#[test]
fn every_kind_of_sample_is_read() {
    let ints = |bits: u32, bytes: usize| -> Vec<u8> {
        WANTED
            .iter()
            .flat_map(|sample| {
                let value = (f64::from(*sample) * f64::from(1u32 << (bits - 1))) as i64;
                value.to_le_bytes().into_iter().take(bytes)
            })
            .collect()
    };
    let eight: Vec<u8> = WANTED.iter().map(|sample| (sample * 128.0 + 128.0) as u8).collect();
    let floats: Vec<u8> = WANTED.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let doubles: Vec<u8> = WANTED.iter().flat_map(|sample| f64::from(*sample).to_le_bytes()).collect();
    // Twenty bits in the upper part of three bytes, and 24 in the upper part of four.
    let twenty: Vec<u8> = ints(24, 3);
    let mut apart = format(1, 1, 48_000, 24);
    apart[12] = 4;
    for (name, format, sound) in [
        ("8 bits", format(1, 1, 48_000, 8), eight),
        ("16 bits", format(1, 1, 48_000, 16), sixteen()),
        ("24 bits", format(1, 1, 48_000, 24), ints(24, 3)),
        ("32 bits", format(1, 1, 48_000, 32), ints(32, 4)),
        ("float", format(3, 1, 48_000, 32), floats.clone()),
        ("double", format(3, 1, 48_000, 64), doubles.clone()),
        ("extensible 16", extensible(1, 1, 16, 16), sixteen()),
        ("extensible 20 in 24", extensible(1, 1, 24, 20), twenty.clone()),
        ("20 in 24", format(1, 1, 48_000, 20), twenty),
        ("24 in 32", apart, ints(32, 4)),
        ("extensible float", extensible(3, 1, 32, 32), floats),
        ("extensible double", extensible(3, 1, 64, 64), doubles),
    ] {
        let read = sound_of(&riff(&[whole(b"fmt ", &format), whole(b"data", &sound)])).unwrap();
        assert_eq!(read.len(), WANTED.len(), "{name}");
        for (read, wanted) in read.iter().zip(WANTED) {
            assert!((read - wanted).abs() < 1e-6, "{name}: {read}, not {wanted}");
        }
    }
}

#[test]
fn companded_samples_are_those_of_g_711() {
    // The loudest and the quietest of both signs.
    let decode = |tag, bytes: &[u8]| {
        sound_of(&riff(&[whole(b"fmt ", &format(tag, 1, 8_000, 8)), whole(b"data", bytes)])).unwrap()
    };
    let scaled = |samples: [i32; 4]| samples.map(|sample| sample as f32 / 32_768.0).to_vec();
    assert_eq!(decode(6, &[0xaa, 0x2a, 0xd5, 0x55]), scaled([32_256, -32_256, 8, -8]));
    assert_eq!(decode(7, &[0x80, 0x00, 0xff, 0x7f]), scaled([32_124, -32_124, 0, 0]));
}

#[test]
fn lengths_that_the_writer_did_not_know_are_as_much_as_there_is() {
    let format = whole(b"fmt ", &format(1, 1, 48_000, 16));
    let list = whole(b"LIST", b"INFOISFT\x0e\0\0\0Lavf59.27.100\0");
    for length in [0, u32::MAX, 0x7fff_ffff, 0x7fff_f000, 0x8000_0000, 1 << 20] {
        let read = sound_of(&piped(length, &[format.clone(), list.clone()], &sixteen())).unwrap();
        assert_eq!(read, WANTED, "{length:#x}");
    }
}

#[test]
fn rf64_has_its_lengths_elsewhere() {
    let format = whole(b"fmt ", &format(1, 1, 48_000, 16));
    let after = whole(b"LIST", b"INFO");
    for (magic, said) in [(b"RF64", 8u64), (b"BW64", 8), (b"RF64", 0), (b"RF64", 1 << 40)] {
        let mut sizes = Vec::new();
        for value in [1u64 << 33, said, 4] {
            sizes.extend(value.to_le_bytes());
        }
        sizes.extend(0u32.to_le_bytes());
        let mut bytes = [magic.as_slice(), &u32::MAX.to_le_bytes(), b"WAVE"].concat();
        bytes.extend(whole(b"ds64", &sizes));
        bytes.extend(&format);
        bytes.extend(chunk(b"data", u32::MAX, &sixteen()));
        if said == 8 {
            bytes.extend(&after);
        }
        assert_eq!(sound_of(&bytes).unwrap(), WANTED, "{said}");
    }
}

#[test]
fn chunks_before_and_after_the_sound_are_passed_over_padded_or_not() {
    let format = whole(b"fmt ", &format(1, 1, 48_000, 16));
    let odd = whole(b"bext", &[b'x'; 603]);
    let unpadded = chunk(b"LIST", 7, b"INFOabc");
    let data = whole(b"data", &sixteen());
    let after = whole(b"id3 ", &[7; 33]);
    for chunks in [
        vec![odd.clone(), format.clone(), unpadded.clone(), data.clone(), after.clone()],
        vec![unpadded, format.clone(), odd, data.clone(), after],
        vec![whole(b"JUNK", &[0; 28]), format, whole(b"fact", &4u32.to_le_bytes()), data],
    ] {
        assert_eq!(sound_of(&riff(&chunks)).unwrap(), WANTED);
    }
}

#[test]
fn a_file_that_was_cut_off_gives_the_sound_that_is_left() {
    let bytes = riff(&[whole(b"fmt ", &format(1, 2, 48_000, 16)), whole(b"data", &sixteen())]);
    // A whole frame is left, and half of another.
    assert_eq!(sound_of(&bytes[..bytes.len() - 1]).unwrap(), WANTED[..2]);
    for left in 0..bytes.len() - 4 {
        let error = sound_of(&bytes[..left]).unwrap_err();
        assert!(!error.is_empty() && !error.contains('\n'), "{left}: {error}");
    }
}

#[test]
fn what_cannot_be_read_is_said_in_a_sentence() {
    let sound = whole(b"data", &sixteen());
    let with = |format: Vec<u8>| riff(&[whole(b"fmt ", &format), sound.clone()]);
    for (bytes, says) in [
        (b"not a wav file at all".to_vec(), "it is no WAV file"),
        (Vec::new(), "it is no WAV file"),
        (riff(std::slice::from_ref(&sound)), "does not say of what kind"),
        (with(format(0x11, 1, 48_000, 4)), "compressed (ADPCM)"),
        (with(format(0x55, 1, 48_000, 0)), "compressed (MP3)"),
        (with(format(0xff, 1, 48_000, 0)), "format 255"),
        (with(format(1, 0, 48_000, 16)), "0 channels"),
        (with(format(1, 2, 0, 16)), "0 Hz"),
        (with(format(1, 1, 48_000, 64)), "64 bits"),
        (riff(&[whole(b"fmt ", &format(1, 1, 48_000, 16)[..10])]), "cut off"),
        (riff(&[whole(b"fmt ", &format(1, 1, 48_000, 16)), whole(b"data", &[])]), "no sound"),
        (
            riff(&[whole(b"fmt ", &format(1, 1, 48_000, 16)), whole(b"data", &[]), whole(b"LIST", b"INFO")]),
            "no sound",
        ),
    ] {
        let error = sound_of(&bytes).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
    assert!(WavFile::open(Path::new("/nowhere/at/all.wav")).is_err());
}

#[cfg(unix)]
#[test]
fn a_named_pipe_is_read_once_and_never_waited_for() {
    use std::io::Write;

    let path = std::env::temp_dir().join(format!("tincan-fifo-{}", std::process::id()));
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let fifo = Scratch(path.clone());
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let writer = std::thread::spawn(move || {
        let mut pipe = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        pipe.write_all(&piped(u32::MAX, &[whole(b"fmt ", &format(1, 1, 48_000, 16))], &sixteen())).unwrap();
        gone.recv().unwrap();
    });
    let mut file = WavFile::open(&fifo.0).unwrap();
    let mut out = Vec::new();
    while out.len() < WANTED.len() {
        file.read(1, &mut out).unwrap();
    }
    assert_eq!(out, WANTED);
    assert_eq!(file.read(1, &mut out).unwrap(), Found::Nothing);
    go.send(()).unwrap();
    writer.join().unwrap();
    while file.read(1, &mut out).unwrap() != Found::End {}
    assert!(!file.rewind().unwrap());
    assert_eq!(out, WANTED);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Whatever is changed in a file: it is read or refused, and neither takes more memory than the file.
    #[test]
    fn no_file_breaks_it(
        at in 0usize..120,
        with in prop::collection::vec(any::<u8>(), 0..8),
        cut in 0usize..140,
        tag in prop_oneof![Just(1u16), Just(3), Just(0xfffe), any::<u16>()],
        bits in prop_oneof![Just(16u16), Just(24), Just(64), any::<u16>().prop_map(|bits| bits % 70)],
    ) {
        let body = if tag == 0xfffe { extensible(1, 2, bits, bits) } else { format(tag, 2, 48_000, bits) };
        let chunks = [whole(b"bext", &[1; 9]), whole(b"fmt ", &body), whole(b"data", &[7; 48])];
        let mut bytes = riff(&chunks);
        for (index, byte) in with.into_iter().enumerate() {
            if let Some(slot) = bytes.get_mut(at + index) {
                *slot = byte;
            }
        }
        bytes.truncate(cut.max(10));
        if let Ok(sound) = sound_of(&bytes) {
            prop_assert!(sound.len() <= bytes.len());
            prop_assert!(sound.iter().all(|sample| sample.abs() <= 1.0));
        }
    }
}
