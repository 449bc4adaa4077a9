//! The clip that both film and say: made at the start, gone at the end.

use std::f32::consts::TAU;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use tincan_media::MediaTime;
use tincan_media::video::{Resolution, Stamp, VideoFrame};
use tincan_tests::clips;

/// Five seconds: more than twice any delay, so that a counter means one picture; all that moves is then where it began.
const FRAMES: u32 = 150;
/// What a webcam's sensor adds in a lit room, in steps of luma either way.
const NOISE: i32 = 3;
/// Said over and over.
const WORDS: &str = "Good morning. I have looked at the plan for the bridge, and there are three things that I would like \
                     to talk about before we go on. The first one is the weather. The second one is the price of steel, which went up \
                     again last week. And the third one is lunch.";

/// The files.
pub(crate) struct Clip {
    _folder: TempDir,
    pub(crate) camera: PathBuf,
    pub(crate) microphone: PathBuf,
    pub(crate) resolution: Resolution,
}

impl Clip {
    pub(crate) fn make(resolution: Resolution) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let (camera, microphone) = (folder.path().join("camera.y4m"), folder.path().join("microphone.wav"));
        film(&camera, resolution);
        if !speak(folder.path(), &microphone) {
            eprintln!("without espeak-ng and ffmpeg a buzz in syllables stands for speech");
            clips::speech(&microphone, 10);
        }
        Self { _folder: folder, camera, microphone, resolution }
    }

    /// How long the film is, in milliseconds.
    pub(crate) const fn length() -> f64 {
        FRAMES as f64 * 1000.0 / 30.0
    }
}

/// A person who speaks and sways in front of a shelf, through a sensor that makes noise.
fn film(path: &Path, resolution: Resolution) {
    let mut file = BufWriter::new(File::create(path).expect("the folder can be written"));
    let Resolution { width, height } = resolution;
    writeln!(file, "YUV4MPEG2 W{width} H{height} F30:1 Ip A1:1 C420jpeg").expect("the disk has room");
    let mut random = Random(1);
    for counter in 0..FRAMES {
        let mut frame = VideoFrame::black(MediaTime::ZERO, resolution);
        let turn = TAU * counter as f32 / FRAMES as f32;
        // Three swings to the side and two nods in five seconds; twelve syllables.
        let (x, y) = (640.0 + 50.0 * (3.0 * turn).sin(), 380.0 + 14.0 * (2.0 * turn).sin());
        let mouth = 6.0 + 18.0 * (12.0 * turn).sin().abs();
        draw(&mut frame, (x, y), mouth, &mut random);
        Stamp { counter, micros: 0 }.write(&mut frame);
        file.write_all(b"FRAME\n").and_then(|()| file.write_all(frame.data())).expect("the disk has room");
    }
    file.flush().expect("the disk has room");
}

fn draw(frame: &mut VideoFrame, (x, y): (f32, f32), mouth: f32, random: &mut Random) {
    let Resolution { width, height } = frame.resolution();
    // Everything is measured in a picture of 720 rows.
    let (width, scale) = (width as usize, 720.0 / height as f32);
    let chroma = frame.chroma_stride();
    let (luma, u, v) = frame.planes_mut();
    for (n, pixel) in luma.iter_mut().enumerate() {
        let (column, row) = ((n % width) as f32 * scale, (n / width) as f32 * scale);
        let (dx, dy) = (column - x, row - y);
        let value = if (dx / 45.0).powi(2) + ((dy - 85.0) / mouth).powi(2) < 1.0 {
            50.0
        } else if (dx / 130.0).powi(2) + (dy / 180.0).powi(2) < 1.0 {
            // Skin, and hair that goes along.
            let hair = if dy < -90.0 { -60.0 + 25.0 * (dx * 0.9 + dy * 0.4).sin() } else { 0.0 };
            160.0 + hair - dx * 0.12 + 5.0 * (dx * 0.21).sin() * (dy * 0.17).cos()
        } else if (dx / 330.0).powi(2) + ((dy - 400.0) / 240.0).powi(2) < 1.0 {
            // A knitted pullover.
            95.0 + 18.0 * (dx * 0.55).sin() * (dy * 0.55).sin()
        } else {
            // Backs of books.
            let book = (column / 23.0).floor() * 37.0 + (row / 170.0).floor() * 71.0;
            90.0 + book % 83.0 + 8.0 * (row * 0.3 + book).sin()
        };
        *pixel = (value as i32 + random.noise()).clamp(16, 235) as u8;
    }
    for (plane, skin, shelf) in [(u, 112, 124), (v, 152, 134)] {
        for (n, pixel) in plane.iter_mut().enumerate() {
            let (dx, dy) = ((n % chroma * 2) as f32 * scale - x, (n / chroma * 2) as f32 * scale - y);
            let is_face = (dx / 130.0).powi(2) + (dy / 180.0).powi(2) < 1.0;
            *pixel = if is_face { skin } else { shelf };
        }
    }
}

/// Speech at 48 kHz, if the programs for it are here.
fn speak(folder: &Path, to: &Path) -> bool {
    let spoken = folder.join("spoken.wav");
    let quietly = |command: &mut Command| {
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    quietly(Command::new("espeak-ng").arg("-w").arg(&spoken).arg(WORDS))
        && quietly(Command::new("ffmpeg").arg("-i").arg(&spoken).args(["-ar", "48000", "-ac", "1"]).arg(to))
}

/// Xorshift (Marsaglia, 2003): the same clip every time.
struct Random(u32);

impl Random {
    fn noise(&mut self) -> i32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        (self.0 % (2 * NOISE as u32 + 1)) as i32 - NOISE
    }
}
