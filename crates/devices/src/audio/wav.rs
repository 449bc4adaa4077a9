//! Reads WAV files as programs really write them.
//!
//! Kept readers take less: `hound` refuses float64, RF64 and lengths that a pipe could not know; `symphonia` refuses RF64,
//! a length of 0 and files that were cut off. So the little that is needed is here: chunks are found one after the
//! other, no length is believed beyond the file's end, and the sound comes out as `f32`.
//!
//! Sources: Microsoft, "New Multimedia Data Types and Data Techniques" (1994) and "Multiple Channel Audio Data and WAVE
//! Files" (2001); EBU Tech 3306 (RF64); ITU-T G.711 for the two companded formats.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use super::pipe::Pipe;

/// Rates that recorders and sound cards have.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=768_000;
/// Third-order Ambisonics has 16 channels, the largest sound cards 64.
const MAX_CHANNELS: u16 = 64;
/// Of a format chunk; what may follow is of no use.
const MAX_FORMAT: u64 = 40;
/// The length of a chunk in an RF64 file that is in its `ds64` chunk instead, and what a pipe leaves there.
const UNKNOWN_LENGTH: u32 = u32::MAX;
/// What may follow sound; tells a file without any sound from one that was written into a pipe (both have length 0).
const AFTER_SOUND: [&[u8; 4]; 8] = [b"LIST", b"id3 ", b"ID3 ", b"bext", b"cue ", b"smpl", b"fact", b"JUNK"];

/// How a sample is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Unsigned8,
    Signed16,
    Signed24,
    Signed32,
    Float32,
    Float64,
    ALaw,
    MuLaw,
}

impl Encoding {
    const fn bytes(self) -> usize {
        match self {
            Self::Unsigned8 | Self::ALaw | Self::MuLaw => 1,
            Self::Signed16 => 2,
            Self::Signed24 => 3,
            Self::Signed32 | Self::Float32 => 4,
            Self::Float64 => 8,
        }
    }

    /// One sample, from -1 to 1; `bytes` are as many as [`Self::bytes`] says.
    fn sample(self, bytes: &[u8]) -> f32 {
        let value = match (self, bytes) {
            (Self::Unsigned8, &[a]) => (f32::from(a) - 128.0) / 128.0,
            (Self::Signed16, &[a, b]) => f32::from(i16::from_le_bytes([a, b])) / 32_768.0,
            // Moved to the top of 32 bits, so that the sign is in its place.
            (Self::Signed24, &[a, b, c]) => i32::from_le_bytes([0, a, b, c]) as f32 / 2_147_483_648.0,
            (Self::Signed32, &[a, b, c, d]) => i32::from_le_bytes([a, b, c, d]) as f32 / 2_147_483_648.0,
            (Self::Float32, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
            (Self::Float64, &[a, b, c, d, e, f, g, h]) => f64::from_le_bytes([a, b, c, d, e, f, g, h]) as f32,
            (Self::ALaw, &[a]) => a_law(a),
            (Self::MuLaw, &[a]) => mu_law(a),
            _ => 0.0,
        };
        if value.is_finite() { value.clamp(-1.0, 1.0) } else { 0.0 }
    }
}

/// ITU-T G.711, A-law: every second bit inverted, then sign, exponent and mantissa.
fn a_law(byte: u8) -> f32 {
    let byte = byte ^ 0x55;
    let (exponent, mantissa) = ((byte >> 4) & 7, i32::from(byte & 15));
    let step = match exponent {
        0 => mantissa * 16 + 8,
        exponent => (mantissa * 16 + 264) << (exponent - 1),
    };
    (if byte & 0x80 == 0 { -step } else { step }) as f32 / 32_768.0
}

/// ITU-T G.711, µ-law: all bits inverted, then sign, exponent and mantissa over a bias of 33 steps.
fn mu_law(byte: u8) -> f32 {
    let byte = !byte;
    let step = ((i32::from(byte & 15) * 8 + 132) << ((byte >> 4) & 7)) - 132;
    (if byte & 0x80 == 0 { step } else { -step }) as f32 / 32_768.0
}

/// The format chunk, understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Format {
    encoding: Encoding,
    channels: u16,
    rate: u32,
}

/// Where the bytes come from.
enum Source {
    File(BufReader<File>),
    /// A named pipe, a terminal, a socket: what comes comes once.
    Pipe(Pipe),
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Pipe(pipe) => pipe.read(buffer),
        }
    }
}

/// A WAV file, or a pipe that one comes through, at some place in its sound.
pub(super) struct WavFile {
    source: Source,
    format: Format,
    /// Where the sound begins, in bytes.
    start: u64,
    /// Length of the sound in bytes; more than there is where the writer did not know it.
    length: u64,
    left: u64,
    /// Bytes of a frame that is not complete yet.
    partial: Vec<u8>,
}

/// What [`WavFile::read`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Sound.
    Sound,
    /// Nothing has come yet.
    Nothing,
    /// The sound's end.
    End,
}

impl WavFile {
    /// Opens `path` and reads what is before the sound; a pipe is waited for.
    ///
    /// # Errors
    /// A sentence's second half: what is wrong with the file.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let file = File::open(path).map_err(|error| error.to_string())?;
        let regular = file.metadata().map_err(|error| error.to_string())?.is_file();
        let source = if regular {
            Source::File(BufReader::new(file))
        } else {
            Source::Pipe(Pipe::new(file).map_err(|error| error.to_string())?)
        };
        let mut file = Self::parse(source)?;
        match &mut file.source {
            Source::File(_) => {
                let mut sound = Vec::new();
                if file.read(1, &mut sound).map_err(|error| error.to_string())? != Found::Sound {
                    return Err(NO_SOUND.into());
                }
                file.rewind().map_err(|error| error.to_string())?;
            }
            Source::Pipe(pipe) => pipe.live(),
        }
        Ok(file)
    }

    fn parse(source: Source) -> Result<Self, String> {
        let mut chunks = Chunks { source, position: 0 };
        let magic: [u8; 4] = chunks.bytes().map_err(|_| NO_WAV)?;
        match &magic {
            b"RIFF" | b"RF64" | b"BW64" => {}
            b"RIFX" => return Err("it is a WAV file for other processors (RIFX); convert it to PCM".into()),
            _ => return Err(NO_WAV.into()),
        }
        // Never believed: a pipe's writer did not know it, and an RF64 file has it elsewhere.
        let _length: [u8; 4] = chunks.bytes().map_err(|_| NO_WAV)?;
        if &chunks.bytes::<4>().map_err(|_| NO_WAV)? != b"WAVE" {
            return Err(NO_WAV.into());
        }
        let (mut format, mut long) = (None, None);
        loop {
            let (id, length) = chunks.header().map_err(|error| explain(&error))?;
            match &id {
                b"ds64" => {
                    // RIFF's own length, then the sound's.
                    let sizes: [u8; 16] = chunks.bytes().map_err(|error| explain(&error))?;
                    let [.., a, b, c, d, e, f, g, h] = sizes;
                    long = Some(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
                    chunks.skip(u64::from(length).saturating_sub(16)).map_err(|error| explain(&error))?;
                }
                b"fmt " => {
                    let (taken, length) = (u64::from(length).min(MAX_FORMAT), u64::from(length));
                    let mut bytes = Vec::new();
                    chunks.take(taken, &mut bytes).map_err(|error| explain(&error))?;
                    format = Some(understand(&bytes)?);
                    chunks.skip(length - taken).map_err(|error| explain(&error))?;
                }
                b"data" => {
                    let format = format.ok_or("it does not say of what kind its sound is")?;
                    return chunks.sound(format, length, long);
                }
                _ => chunks.skip(length.into()).map_err(|error| explain(&error))?,
            }
            chunks.align(length).map_err(|error| explain(&error))?;
        }
    }

    /// Frames a second.
    pub(super) const fn rate(&self) -> u32 {
        self.format.rate
    }

    /// Samples in a frame.
    pub(super) fn channels(&self) -> usize {
        self.format.channels.into()
    }

    /// Appends up to `frames` frames to `out`, interleaved.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn read(&mut self, frames: usize, out: &mut Vec<f32>) -> io::Result<Found> {
        let size = self.format.encoding.bytes();
        let frame = size * self.channels();
        let wanted = ((frames * frame - self.partial.len()) as u64).min(self.left);
        let mut bytes = std::mem::take(&mut self.partial);
        let before = bytes.len();
        let read = (&mut self.source).take(wanted).read_to_end(&mut bytes);
        let waits = matches!(&read, Err(error) if error.kind() == ErrorKind::WouldBlock);
        if let Err(error) = read
            && !waits
        {
            return Err(error);
        }
        let whole = bytes.len() / frame * frame;
        self.left -= (bytes.len() - before) as u64;
        out.extend(bytes[..whole].chunks_exact(size).map(|sample| self.format.encoding.sample(sample)));
        self.partial.extend_from_slice(&bytes[whole..]);
        Ok(match (whole, waits) {
            (0, false) => Found::End,
            (0, true) => Found::Nothing,
            _ => Found::Sound,
        })
    }

    /// Goes back to the sound's beginning; whether that is possible.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn rewind(&mut self) -> io::Result<bool> {
        let Source::File(file) = &mut self.source else { return Ok(false) };
        file.seek(SeekFrom::Start(self.start))?;
        self.left = self.length;
        self.partial.clear();
        Ok(true)
    }
}

const NO_WAV: &str = "it is no WAV file";
const NO_SOUND: &str = "it contains no sound";

/// Goes through the chunks before the sound.
struct Chunks {
    source: Source,
    position: u64,
}

impl Chunks {
    fn bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.source.read_exact(&mut bytes)?;
        self.position += N as u64;
        Ok(bytes)
    }

    fn header(&mut self) -> io::Result<([u8; 4], u32)> {
        Ok((self.bytes()?, u32::from_le_bytes(self.bytes()?)))
    }

    fn take(&mut self, length: u64, bytes: &mut Vec<u8>) -> io::Result<()> {
        let read = (&mut self.source).take(length).read_to_end(bytes)? as u64;
        self.position += read;
        if read < length { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    fn skip(&mut self, length: u64) -> io::Result<()> {
        let read = io::copy(&mut (&mut self.source).take(length), &mut io::sink())?;
        self.position += read;
        if read < length { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    /// Behind a chunk of odd length is a byte without meaning, unless the writer forgot it: then a name is there.
    fn align(&mut self, length: u32) -> io::Result<()> {
        if length % 2 == 1 {
            let [byte] = self.bytes()?;
            if byte.is_ascii_graphic() {
                match &mut self.source {
                    Source::File(file) => file.seek_relative(-1)?,
                    Source::Pipe(pipe) => pipe.put_back(byte),
                }
                self.position -= 1;
            }
        }
        Ok(())
    }

    /// At the beginning of the sound.
    fn sound(mut self, format: Format, length: u32, long: Option<u64>) -> Result<WavFile, String> {
        let length = match (length, long) {
            (UNKNOWN_LENGTH, Some(long)) if long > 0 => long,
            // Written into a pipe: as much as there is. A recorder that was killed leaves 0 too.
            (0 | UNKNOWN_LENGTH, _) => u64::MAX,
            (length, _) => length.into(),
        };
        if length == u64::MAX {
            let mut begins = Vec::new();
            self.take(4, &mut begins).or_else(|error| match error.kind() {
                ErrorKind::UnexpectedEof => Ok(()),
                _ => Err(explain(&error)),
            })?;
            if AFTER_SOUND.iter().any(|name| begins == **name) {
                return Err(NO_SOUND.into());
            }
            self.position -= begins.len() as u64;
            match &mut self.source {
                Source::File(file) => {
                    file.seek_relative(-(begins.len() as i64)).map_err(|error| explain(&error))?;
                }
                Source::Pipe(pipe) => begins.drain(..).rev().for_each(|byte| pipe.put_back(byte)),
            }
        }
        let frame = (format.encoding.bytes() * usize::from(format.channels)) as u64;
        if length < frame {
            return Err(NO_SOUND.into());
        }
        let start = self.position;
        Ok(WavFile { source: self.source, format, start, length, left: length, partial: Vec::new() })
    }
}

/// What a format chunk says, or why its sound cannot be read.
fn understand(chunk: &[u8]) -> Result<Format, String> {
    let u16_at = |at: usize| chunk.get(at..at + 2).map(|b| u16::from_le_bytes([b[0], b[1]]));
    let cut = || "what it says of its sound is cut off".to_owned();
    let tag = u16_at(0).ok_or_else(cut)?;
    let channels = u16_at(2).ok_or_else(cut)?;
    let rate = match chunk.get(4..8) {
        Some(&[a, b, c, d]) => u32::from_le_bytes([a, b, c, d]),
        _ => return Err(cut()),
    };
    let (align, bits) = (u16_at(12).ok_or_else(cut)?, u16_at(14).ok_or_else(cut)?);
    if !(1..=MAX_CHANNELS).contains(&channels) {
        return Err(format!("it has {channels} channels; 1 to {MAX_CHANNELS} can be read"));
    }
    if !RATES.contains(&rate) {
        return Err(format!("its rate of {rate} Hz cannot be converted"));
    }
    // WAVE_FORMAT_EXTENSIBLE: the real tag begins the sub-format, and the bits may be fewer than the container's.
    let tag = if tag == 0xfffe { u16_at(24).ok_or_else(cut)? } else { tag };
    // Samples may lie further apart than they are wide (20 bits in 24, 24 in 32), and then fill the upper bits; a
    // distance that does not fit is a mistake.
    let (width, apart) = (bits.div_ceil(8), align / channels);
    let container = if align % channels == 0 && apart >= width && apart <= 8 { apart } else { width };
    let encoding = match (tag, container) {
        (1, 1) => Encoding::Unsigned8,
        (1, 2) => Encoding::Signed16,
        (1, 3) => Encoding::Signed24,
        (1, 4) => Encoding::Signed32,
        (3, 4) => Encoding::Float32,
        (3, 8) => Encoding::Float64,
        (6, 1) => Encoding::ALaw,
        (7, 1) => Encoding::MuLaw,
        (1 | 3, _) => return Err(format!("its samples have {bits} bits; convert it to 16-bit PCM")),
        (2 | 0x11, _) => return Err("its sound is compressed (ADPCM); convert it to PCM".into()),
        (0x55, _) => return Err("its sound is compressed (MP3); convert it to PCM".into()),
        (tag, _) => return Err(format!("its sound is compressed (format {tag}); convert it to PCM")),
    };
    Ok(Format { encoding, channels, rate })
}

/// What went wrong before the sound began.
fn explain(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::UnexpectedEof => "it ends before its sound begins".into(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut => "nothing comes out of it".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
#[path = "wav_tests.rs"]
mod tests;
