//! YUV4MPEG2 files: pictures one after the other, uncompressed, each behind a line of text. The format that test clips
//! come in, and that ffmpeg and browsers read and write.

use std::io::{self, Read, Write};

use thiserror::Error;
use tincan_media::video::{Resolution, VideoFrame};
use tincan_media::{MediaTime, ports::DeviceError};

use super::colour::Colour;

/// Longest header line that is read; real ones have some 70 bytes.
const MAX_HEADER: usize = 1_024;
/// Larger sides than this are a damaged header, not a film.
const MAX_SIDE: u32 = 8_192;
/// Smaller ones cannot be encoded: less than a macroblock.
const MIN_SIDE: u32 = 16;
/// Rates outside of this are a damaged header.
const RATES: std::ops::RangeInclusive<f64> = 0.1..=1_000.0;
const MAGIC: &str = "YUV4MPEG2";
const FRAME: &str = "FRAME";

/// Why a file cannot be played.
#[derive(Debug, Error)]
pub enum Y4mError {
    /// Not this format at all.
    #[error("it is not a YUV4MPEG2 file. Make one with: ffmpeg -i INPUT -pix_fmt yuv420p OUTPUT.y4m")]
    NotY4m,
    /// A header that makes no sense.
    #[error("its header is damaged ({0})")]
    Header(String),
    /// Pictures that are too small to be sent.
    #[error(
        "its pictures are {0}, and the smallest that can be sent are 16x16. Enlarge it with: ffmpeg -i INPUT -vf scale=640:-2 OUTPUT.y4m"
    )]
    TooSmall(Resolution),
    /// Other chroma than 4:2:0 or none.
    #[error(
        "its colours are {0}, but only 4:2:0 with 8 bits and grey are played. Convert it with: ffmpeg -i INPUT -pix_fmt yuv420p OUTPUT.y4m"
    )]
    Chroma(String),
    /// It ends in the middle of a picture, or before the first.
    #[error("it ends in the middle of a picture")]
    Truncated,
    /// The system could not read it.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl Y4mError {
    /// As a source's error, with the file's path.
    pub fn at(&self, path: &std::path::Path) -> DeviceError {
        DeviceError::File { path: path.display().to_string(), detail: self.to_string() }
    }
}

/// Reads pictures one at a time: a film of any length takes the memory of one picture.
pub struct Y4mReader<R> {
    input: R,
    resolution: Resolution,
    frames_per_second: f64,
    grey: bool,
    colour: Colour,
}

impl<R: Read> Y4mReader<R> {
    /// Reads the header. `input` should be buffered.
    ///
    /// # Errors
    /// [`Y4mError`] when this is no file that can be played.
    pub fn new(mut input: R) -> Result<Self, Y4mError> {
        let line = match read_line(&mut input)? {
            Some(line) if line.split(' ').next() == Some(MAGIC) => line,
            _ => return Err(Y4mError::NotY4m),
        };
        let (mut width, mut height, mut rate, mut grey) = (0, 0, 30.0, false);
        let mut colour = Colour::OURS;
        for field in line.split(' ').skip(1).filter(|field| !field.is_empty()) {
            let (tag, value) = field.split_at(field.chars().next().map_or(0, char::len_utf8));
            match tag {
                "W" => width = side(value)?,
                "H" => height = side(value)?,
                "F" => rate = ratio(value)?,
                "C" => grey = chroma(value)?,
                // As ffmpeg writes it.
                "X" if value == "COLORRANGE=FULL" => colour = Colour::FULL,
                // Interlacing, pixel shape, comments: we show pixels as they are.
                _ => {}
            }
        }
        if width == 0 || height == 0 {
            return Err(Y4mError::Header("no size".into()));
        }
        let resolution = Resolution::new(width, height);
        if width.min(height) < MIN_SIDE {
            return Err(Y4mError::TooSmall(resolution));
        }
        Ok(Self { input, resolution, frames_per_second: rate, grey, colour })
    }

    /// Size of every picture.
    pub const fn resolution(&self) -> Resolution {
        self.resolution
    }

    /// Pictures a second.
    pub const fn frames_per_second(&self) -> f64 {
        self.frames_per_second
    }

    /// The next picture, stamped `time`; `None` at the end.
    ///
    /// # Errors
    /// [`Y4mError`] when the file is damaged here, or cannot be read.
    pub fn read(&mut self, time: MediaTime) -> Result<Option<VideoFrame>, Y4mError> {
        match read_line(&mut self.input)? {
            None => return Ok(None),
            Some(line) if line.split(' ').next() == Some(FRAME) => {}
            Some(_) => return Err(Y4mError::Header("a picture does not begin with FRAME".into())),
        }
        let mut frame = VideoFrame::black(time, self.resolution);
        let (y, u, v) = frame.planes_mut();
        let planes: &mut [&mut [u8]] = if self.grey { &mut [y] } else { &mut [y, u, v] };
        for plane in planes {
            self.input.read_exact(plane).map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => Y4mError::Truncated,
                _ => Y4mError::Io(error),
            })?;
        }
        self.colour.into_ours(&mut frame);
        Ok(Some(frame))
    }
}

/// A line without its end; `None` at the end of the input.
fn read_line(input: &mut impl Read) -> Result<Option<String>, Y4mError> {
    let mut line = Vec::new();
    let mut byte = [0];
    loop {
        match input.read(&mut byte) {
            Ok(0) if line.is_empty() => return Ok(None),
            Ok(0) => return Err(Y4mError::Truncated),
            Ok(_) if byte[0] == b'\n' => break,
            Ok(_) => line.push(byte[0]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
        if line.len() == MAGIC.len()
            && !line.starts_with(MAGIC.as_bytes())
            && !line.starts_with(FRAME.as_bytes())
        {
            return Err(Y4mError::NotY4m);
        }
        if line.len() > MAX_HEADER {
            return Err(Y4mError::Header("a line without end".into()));
        }
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

fn side(value: &str) -> Result<u32, Y4mError> {
    match value.parse() {
        Ok(side @ 1..=MAX_SIDE) => Ok(side),
        _ => Err(Y4mError::Header(format!("a side of `{value}` pixels"))),
    }
}

fn ratio(value: &str) -> Result<f64, Y4mError> {
    let bad = || Y4mError::Header(format!("a frame rate of `{value}`"));
    let (numerator, denominator) = value.split_once(':').ok_or_else(bad)?;
    let (numerator, denominator): (u32, u32) =
        (numerator.parse().map_err(|_| bad())?, denominator.parse().map_err(|_| bad())?);
    if (numerator, denominator) == (0, 0) {
        // "Unknown", says the format.
        return Ok(30.0);
    }
    let rate = f64::from(numerator) / f64::from(denominator);
    if RATES.contains(&rate) { Ok(rate) } else { Err(bad()) }
}

/// Whether the pictures are grey. The 4:2:0 variants differ by where chroma lies between the pixels, which no one sees
/// in a call.
fn chroma(value: &str) -> Result<bool, Y4mError> {
    match value {
        "420" | "420jpeg" | "420mpeg2" | "420paldv" => Ok(false),
        "mono" => Ok(true),
        other => Err(Y4mError::Chroma(other.to_owned())),
    }
}

/// Writes pictures as a YUV4MPEG2 file.
pub struct Y4mWriter<W> {
    output: W,
    resolution: Resolution,
}

impl<W: Write> Y4mWriter<W> {
    /// Writes the header. `output` should be buffered.
    ///
    /// # Errors
    /// Whatever `output` says.
    pub fn new(mut output: W, resolution: Resolution, frames_per_second: u32) -> io::Result<Self> {
        let Resolution { width, height } = resolution;
        writeln!(output, "{MAGIC} W{width} H{height} F{frames_per_second}:1 Ip A1:1 C420jpeg")?;
        Ok(Self { output, resolution })
    }

    /// Writes one picture.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] when it has another size, otherwise whatever the output says.
    pub fn write(&mut self, frame: &VideoFrame) -> io::Result<()> {
        if frame.resolution() != self.resolution {
            let text = format!("a picture of {} in a film of {}", frame.resolution(), self.resolution);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        writeln!(self.output, "{FRAME}")?;
        self.output.write_all(frame.data())
    }

    /// Writes what is still buffered, and gives the output back.
    ///
    /// # Errors
    /// Whatever the output says.
    pub fn finish(mut self) -> io::Result<W> {
        self.output.flush()?;
        Ok(self.output)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tincan_media::video::TestPattern;

    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<VideoFrame>, Y4mError> {
        let mut reader = Y4mReader::new(bytes)?;
        let mut frames = Vec::new();
        while let Some(frame) = reader.read(MediaTime::ZERO)? {
            frames.push(frame);
        }
        Ok(frames)
    }

    #[test]
    fn what_is_written_is_read_again() {
        let pattern = TestPattern::new(Resolution::new(64, 48));
        let frames: Vec<_> = (0..3).map(|index| pattern.draw(index, MediaTime::ZERO)).collect();
        let mut writer = Y4mWriter::new(Vec::new(), pattern.resolution(), 25).unwrap();
        for frame in &frames {
            writer.write(frame).unwrap();
        }
        let bytes = writer.finish().unwrap();
        assert_eq!(Y4mReader::new(&bytes[..]).unwrap().frames_per_second(), 25.0);
        assert_eq!(read(&bytes).unwrap(), frames);
    }

    #[test]
    fn grey_films_and_odd_sizes_are_played() {
        let pixels: Vec<u8> = (0..17 * 19).map(|pixel| pixel as u8).collect();
        let bytes = [b"YUV4MPEG2 W17 H19 F30000:1001 Cmono\nFRAME\n".as_slice(), &pixels].concat();
        let frames = read(&bytes).unwrap();
        assert_eq!((frames[0].planes().0, frames[0].planes().1), (&pixels[..], &[128; 9 * 10][..]));
    }

    #[test]
    fn a_film_of_full_range_is_not_taken_for_one_of_limited() {
        let film = |header: &str| {
            let frame = [&[0; 16 * 8][..], &[255; 16 * 8], &[128; 128]].concat();
            let bytes = [format!("YUV4MPEG2 W16 H16{header}\nFRAME\n").as_bytes(), &frame].concat();
            let frames = read(&bytes).unwrap();
            (frames[0].planes().0[0], frames[0].planes().0[255])
        };
        assert_eq!(film(" C420jpeg XCOLORRANGE=FULL"), (16, 235));
        assert_eq!(film(" C420jpeg XYSCSS=420JPEG XCOLORRANGE=LIMITED"), (0, 255));
    }

    #[test]
    fn every_mistake_has_its_sentence() {
        let cases: [(&[u8], &str); 11] = [
            (b"", "not a YUV4MPEG2"),
            (b"RIFF....WAVEfmt ", "not a YUV4MPEG2"),
            (b"YUV4MPEG2 W64 H48 F30:1 C444\n", "colours are 444"),
            (b"YUV4MPEG2 W64 H48 F30:1 C420p10\n", "ffmpeg"),
            (b"YUV4MPEG2 W0 H48 F30:1\n", "side of `0`"),
            (b"YUV4MPEG2 W64 F30:1\n", "no size"),
            (b"YUV4MPEG2 W2 H2 F30:1\n", "pictures are 2x2"),
            (b"YUV4MPEG2 W640 H8 F30:1\n", "16x16"),
            (b"YUV4MPEG2 W64 H48 F30:0\n", "frame rate"),
            (b"YUV4MPEG2 W64 H48 F30:1\nFRAME\n1234", "middle of a picture"),
            (b"YUV4MPEG2 W64 H48 F30:1\nGRAME\n1234", "FRAME"),
        ];
        for (bytes, expected) in cases {
            let error = read(bytes).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    proptest! {
        #[test]
        fn garbage_is_an_error_or_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes);
        }

        #[test]
        fn a_damaged_header_is_an_error_or_a_film(
            text in "YUV4MPEG2( [WHFCIAX][0-9a-z:]{0,6}){0,6}\n(FRAME\n)?[a-z]{0,20}",
        ) {
            let _ = read(text.as_bytes());
        }
    }
}
