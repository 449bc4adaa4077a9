//! A camera on a machine without one: V4L2 as a program sees it, answered by `tests/shim/v4l2.c` in the program's own
//! process. Linux only.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;
use tincan_media::MediaTime;
use tincan_media::video::{Resolution, TestPattern};
use tokio::net::unix::pipe::{self, Receiver};
use tokio::process::Command;

use crate::clips;
use crate::process::binary;

/// The shim and everything that it needs to know, wherever the tests are run from.
const SHIM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/shim/v4l2.c");
/// Pictures before they begin again. Not a whole second of them, or whoever looks once a second sees the same one for ever.
const PICTURES: u32 = 37;

/// How a camera packs its pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Uncompressed, 4:2:2.
    Yuyv,
    /// The same in another order, each row padded to whole lines of 256 bytes and some more.
    Uyvy,
    /// Three planes in one buffer, with padded rows.
    Planes,
    /// A plane of luma and one of chroma, in two buffers, with padded rows.
    Buffers,
    /// A JPEG each.
    Mjpeg,
    /// The same without Huffman tables, and every third one torn: its end marker follows the half of it.
    TornMjpeg,
}

impl Packing {
    /// V4L2's name.
    const fn code(self) -> &'static str {
        match self {
            Self::Yuyv => "YUYV",
            Self::Uyvy => "UYVY",
            Self::Planes => "YU12",
            Self::Buffers => "NM12",
            Self::Mjpeg | Self::TornMjpeg => "MJPG",
        }
    }

    /// Bytes from one row (of the first plane) to the next.
    const fn stride(self, size: Resolution) -> usize {
        let pixels = size.width.next_multiple_of(2) as usize;
        match self {
            Self::Yuyv => pixels * 2,
            Self::Uyvy => (pixels * 2).next_multiple_of(256) + 64,
            Self::Planes | Self::Buffers => pixels.next_multiple_of(64) + 32,
            Self::Mjpeg | Self::TornMjpeg => 0,
        }
    }
}

/// What a camera is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It delivers.
    Plugged,
    /// It is not there.
    Unplugged,
    /// Another program has it.
    Busy,
    /// The system forbids it.
    Denied,
    /// It stops without a word, until somebody starts it anew.
    Silent,
}

/// A camera.
pub struct Camera {
    folder: TempDir,
}

impl Camera {
    /// Of the stamped test pattern, in these formats, all at 30 pictures a second.
    ///
    /// # Panics
    /// When there is no C compiler or no ffmpeg.
    pub fn new(formats: &[(Packing, Resolution)]) -> Self {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let mut offers = String::new();
        for (packing, size) in formats {
            let name = format!("{packing:?}-{size}");
            let path = folder.path().join(&name);
            match packing {
                Packing::Mjpeg | Packing::TornMjpeg => {
                    write_mjpeg(&path, *size, *packing == Packing::TornMjpeg)
                }
                _ => write_uncompressed(&path, *size, *packing),
            }
            let (code, stride) = (packing.code(), packing.stride(*size));
            writeln!(offers, "{code} {} {} 30 {stride} {name}", size.width, size.height)
                .expect("a string takes all");
        }
        Self::offering(folder, &offers)
    }

    /// In a dark room with a lamp that flashes once a second for 200 ms. Whoever reads the pipe gets a byte when the
    /// first picture of each flash is taken.
    ///
    /// # Panics
    /// When there is no C compiler or no `mkfifo`.
    pub fn of_flashes(size: Resolution) -> (Self, Receiver) {
        const DARK: u8 = 16;
        const BRIGHT: u8 = 235;
        const GREY: u8 = 128;
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let picture = |number| {
            [if number < 6 { BRIGHT } else { DARK }, GREY].repeat((size.width * size.height) as usize)
        };
        write_pictures(&folder.path().join("flashes"), (0..30).map(picture));
        let loops = folder.path().join("loops");
        let made = std::process::Command::new("mkfifo").arg(&loops).status();
        assert!(made.is_ok_and(|status| status.success()), "mkfifo makes no {}", loops.display());
        let flashes =
            pipe::OpenOptions::new().read_write(true).open_receiver(loops).expect("it was just made");
        let offers = format!("YUYV {} {} 30 {} flashes", size.width, size.height, size.width * 2);
        (Self::offering(folder, &offers), flashes)
    }

    fn offering(folder: TempDir, offers: &str) -> Self {
        let compiled = std::process::Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o"])
            .args([folder.path().join("shim.so").as_os_str(), SHIM.as_ref(), "-ldl".as_ref()])
            .status();
        assert!(compiled.is_ok_and(|status| status.success()), "cc does not compile {SHIM}");
        std::fs::write(folder.path().join("formats"), offers).expect("the disk has room");
        std::fs::create_dir(folder.path().join("dev")).expect("the disk has room");
        let camera = Self { folder };
        camera.set(State::Plugged);
        camera
    }

    /// Makes it do something else from now on.
    ///
    /// # Panics
    /// When its folder is gone.
    pub fn set(&self, state: State) {
        let word = match state {
            State::Plugged => "plugged",
            State::Unplugged => "unplugged",
            State::Busy => "busy",
            State::Denied => "denied",
            State::Silent => "silent",
        };
        let node = self.folder.path().join("dev/video0");
        if state == State::Unplugged {
            let _ = std::fs::remove_file(&node);
        } else {
            std::fs::write(&node, "").expect("the disk has room");
        }
        // In one step: the shim reads it at any moment.
        let (new, path) = (self.folder.path().join("state.new"), self.folder.path().join("state"));
        std::fs::write(&new, word).and_then(|()| std::fs::rename(&new, &path)).expect("the disk has room");
    }

    /// Its driver hands each picture over so many milliseconds after it was taken.
    ///
    /// # Panics
    /// When its folder is gone.
    pub fn with_late_pictures(self, millis: u64) -> Self {
        std::fs::write(self.folder.path().join("late"), millis.to_string()).expect("the disk has room");
        self
    }

    /// Its USB connection carries JPEGs only, because other devices take the rest.
    ///
    /// # Panics
    /// When its folder is gone.
    pub fn on_a_crowded_connection(self) -> Self {
        std::fs::write(self.folder.path().join("crowded"), "").expect("the disk has room");
        self
    }

    /// What `tincan-look` sees of the next pictures.
    ///
    /// # Panics
    /// When it sees none.
    pub async fn looked_at(&self, pictures: usize) -> Vec<Value> {
        let mut command = Command::new(binary("tincan-look"));
        command.arg(pictures.to_string());
        self.plug_into(&mut command);
        let output = command.output().await.expect("it starts");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        said.lines().map(|line| serde_json::from_str(line).expect("a line is an object")).collect()
    }

    /// `tincan` on a machine with this camera.
    pub fn tincan(&self) -> Command {
        let mut command = Command::new(binary("tincan"));
        self.plug_into(&mut command);
        command
    }

    /// Gives the camera to a program that is to be started.
    pub fn plug_into(&self, command: &mut Command) {
        command.env("LD_PRELOAD", self.folder.path().join("shim.so")).env("TINCAN_V4L2", self.folder.path());
    }
}

/// Each behind its length, as the shim reads them.
fn write_pictures(path: &Path, pictures: impl Iterator<Item = Vec<u8>>) {
    let mut file = BufWriter::new(File::create(path).expect("the disk has room"));
    for picture in pictures {
        let length = u32::try_from(picture.len()).expect("a picture is smaller than four gigabytes");
        file.write_all(&length.to_ne_bytes()).and_then(|()| file.write_all(&picture)).expect("there is room");
    }
    file.flush().expect("the disk has room");
}

fn write_uncompressed(path: &Path, size: Resolution, packing: Packing) {
    let even = Resolution::new(size.width.next_multiple_of(2), size.height.next_multiple_of(2));
    let (pattern, stride) = (TestPattern::new(even), packing.stride(size));
    let pictures = (0..PICTURES).map(|counter| {
        let frame = pattern.draw(counter, MediaTime::from_micros(u64::from(counter) * 33_333));
        let mut picture = Vec::new();
        // What pads a row is nobody's picture.
        let mut row = |bytes: &mut dyn Iterator<Item = u8>, stride: usize| {
            let end = picture.len() + stride;
            picture.extend(bytes);
            picture.resize(end, 0xaa);
        };
        let (luma, u, v) = frame.planes();
        let luma = || luma.chunks_exact(even.width as usize).take(size.height as usize);
        let chroma = |row: usize| row / 2 * frame.chroma_stride()..(row / 2 + 1) * frame.chroma_stride();
        match packing {
            Packing::Yuyv | Packing::Uyvy => {
                // An odd row has half a pair at its end, as real cameras pad it; an odd column is left out.
                for (index, line) in luma().enumerate() {
                    let pairs = line.chunks_exact(2).zip(u[chroma(index)].iter().zip(&v[chroma(index)]));
                    let packed = pairs.flat_map(|(pair, (u, v))| match packing {
                        Packing::Yuyv => [pair[0], *u, pair[1], *v],
                        _ => [*u, pair[0], *v, pair[1]],
                    });
                    row(&mut packed.into_iter(), stride);
                }
            }
            _ => {
                for line in luma() {
                    row(&mut line.iter().copied(), stride);
                }
                let rows = || (0..size.height as usize).step_by(2);
                if packing == Packing::Buffers {
                    for index in rows() {
                        let pairs = u[chroma(index)].iter().zip(&v[chroma(index)]);
                        row(&mut pairs.flat_map(|(u, v)| [*u, *v]), stride);
                    }
                } else {
                    for plane in [u, v] {
                        for index in rows() {
                            row(&mut plane[chroma(index)].iter().copied(), stride / 2);
                        }
                    }
                }
            }
        }
        picture
    });
    write_pictures(path, pictures);
}

fn write_mjpeg(path: &Path, size: Resolution, torn: bool) {
    let (clip, film): (PathBuf, PathBuf) = (path.with_extension("y4m"), path.with_extension("mjpeg"));
    clips::y4m(&clip, size, PICTURES);
    let encoded = std::process::Command::new("ffmpeg")
        .args(["-loglevel", "error", "-y", "-i"])
        .arg(&clip)
        // With the usual tables, as cameras have them.
        .args(["-c:v", "mjpeg", "-huffman", "default", "-q:v", "4", "-f", "mjpeg"])
        .arg(&film)
        .status();
    assert!(encoded.is_ok_and(|status| status.success()), "ffmpeg makes no MJPEG");
    let film = std::fs::read(&film).expect("ffmpeg wrote it");
    // Each begins with its own mark, which cannot be inside of one: in a JPEG's data 0xff is followed by 0.
    let mut starts: Vec<usize> = film
        .windows(3)
        .enumerate()
        .filter(|(_, bytes)| bytes == &[0xff, 0xd8, 0xff])
        .map(|(at, _)| at)
        .collect();
    starts.push(film.len());
    let pictures = starts.windows(2).map(|ends| film[ends[0]..ends[1]].to_vec());
    if torn {
        let spoilt = pictures.enumerate().map(|(counter, picture)| {
            let mut picture = without_tables(&picture);
            if counter % 3 == 2 {
                picture.truncate(picture.len() / 2);
                picture.extend([0xff, 0xd9]);
            }
            picture
        });
        write_pictures(path, spoilt);
    } else {
        write_pictures(path, pictures);
    }
    let _ = std::fs::remove_file(&clip);
}

/// A JPEG with the segments left out that hold its Huffman tables, where those are the usual ones.
fn without_tables(picture: &[u8]) -> Vec<u8> {
    let (mut at, mut bare) = (2, picture[..2].to_vec());
    while let [0xff, marker, high, low, ..] = picture[at..] {
        let end = at + 2 + usize::from(u16::from_be_bytes([high, low]));
        if marker != 0xc4 {
            bare.extend(&picture[at..end]);
        }
        at = end;
        if marker == 0xda {
            break;
        }
    }
    bare.extend(&picture[at..]);
    bare
}
