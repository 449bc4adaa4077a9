//! A camera on a machine without one: V4L2 as a program sees it, answered by `tests/shim/v4l2.c` in the program's own
//! process. Linux only.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

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
    /// A JPEG each.
    Mjpeg,
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
            let (code, name) = match packing {
                Packing::Yuyv => ("YUYV", format!("yuyv-{size}")),
                Packing::Mjpeg => ("MJPG", format!("mjpeg-{size}")),
            };
            let path = folder.path().join(&name);
            match packing {
                Packing::Yuyv => write_yuyv(&path, *size),
                Packing::Mjpeg => write_mjpeg(&path, *size),
            }
            writeln!(offers, "{code} {} {} 30 {name}", size.width, size.height).expect("a string takes all");
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
        let offers = format!("YUYV {} {} 30 flashes", size.width, size.height);
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

fn write_yuyv(path: &Path, size: Resolution) {
    let (width, height) = (size.width.next_multiple_of(2), size.height.next_multiple_of(2));
    let pattern = TestPattern::new(Resolution::new(width, height));
    let pictures = (0..PICTURES).map(|counter| {
        let frame = pattern.draw(counter, MediaTime::from_micros(u64::from(counter) * 33_333));
        let (luma, u, v) = frame.planes();
        let mut packed = Vec::with_capacity((width * height * 2) as usize);
        // An odd row has half a pair at its end, as real cameras pad it; an odd column is left out.
        for row in 0..size.height as usize {
            let line = &luma[row * width as usize..][..width as usize];
            let chroma = row / 2 * frame.chroma_stride();
            for (at, pair) in line.chunks_exact(2).enumerate() {
                packed.extend([pair[0], u[chroma + at], pair[1], v[chroma + at]]);
            }
        }
        packed
    });
    write_pictures(path, pictures);
}

fn write_mjpeg(path: &Path, size: Resolution) {
    let (clip, film): (PathBuf, PathBuf) = (path.with_extension("y4m"), path.with_extension("mjpeg"));
    clips::y4m(&clip, size, PICTURES);
    let encoded = std::process::Command::new("ffmpeg")
        .args(["-loglevel", "error", "-y", "-i"])
        .arg(&clip)
        .args(["-c:v", "mjpeg", "-q:v", "4", "-f", "mjpeg"])
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
    write_pictures(path, starts.windows(2).map(|ends| film[ends[0]..ends[1]].to_vec()));
    let _ = std::fs::remove_file(&clip);
}
