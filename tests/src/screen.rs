//! A screen without a monitor, and what it shows.

use std::path::Path;
use std::process::Stdio;

use tincan_media::video::Resolution;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use crate::process::Process;

/// A screen in memory.
pub struct Screen {
    _server: Process,
    pub(crate) display: String,
    /// The session bus of the desktop that it belongs to, if there is one.
    pub(crate) bus: Option<String>,
    /// So many of its pixels a side are one of the page's.
    pub(crate) scale: u32,
}

impl Screen {
    /// As large as the window wants to be, on a display number that is free.
    pub async fn start() -> Self {
        Self::of(1280, 800).await
    }

    /// Of another size.
    pub async fn of(width: u32, height: u32) -> Self {
        let mut command = Command::new("Xvfb");
        let size = format!("{width}x{height}x24");
        // A server that begins anew when its last program leaves refuses whoever comes meanwhile; a desktop's is never left.
        command.args(["-displayfd", "1", "-screen", "0", &size, "-nolisten", "tcp", "-noreset"]);
        let mut server = Process::start("Xvfb", command);
        let number = server.wait_for("a display number", |line| line.trim().parse::<u32>().ok()).await;
        Self { _server: server, display: format!(":{number}"), bus: None, scale: 1 }
    }

    /// As fine as those of which two pixels are as large as one of others, and as large as the window wants to be.
    pub async fn fine() -> Self {
        Self { scale: 2, ..Self::of(2_560, 1_600).await }
    }

    /// How programs name it: the value of `DISPLAY`.
    pub fn name(&self) -> &str {
        &self.display
    }

    /// Of a desktop: what is opened on it finds the desktop's services.
    #[cfg(target_os = "linux")]
    pub async fn with_desktop(desktop: &crate::desktop::Desktop) -> Self {
        Self { bus: Some(desktop.address().to_owned()), ..Self::start().await }
    }

    /// Turns the mouse wheel towards the person, as far as a finger does at once, over this place.
    ///
    /// # Panics
    /// When there is no mouse.
    pub async fn turn_wheel(&self, x: u32, y: u32) {
        let (x, y) = (x.to_string(), y.to_string());
        // The wheel's notches are clicks of the fifth button.
        let mut command = Command::new("xdotool");
        command.args(["mousemove", &x, &y, "click", "--repeat", "3", "5"]).env("DISPLAY", &self.display);
        let turned = command.status().await.is_ok_and(|status| status.success());
        assert!(turned, "xdotool turns no wheel");
    }

    /// Looks elsewhere: no window has the focus any more.
    ///
    /// # Panics
    /// When the screen does not take it.
    pub async fn look_elsewhere(&self) {
        let mut command = Command::new("xdotool");
        command.args(["search", "--maxdepth", "0", "", "windowfocus"]).env("DISPLAY", &self.display);
        let done = command.stderr(Stdio::null()).status().await.is_ok_and(|status| status.success());
        assert!(done, "xdotool takes the focus from no window");
    }

    /// Writes what the screen shows as PNG. (The driver's own pictures wait for the page to paint, which a page that
    /// rests never does.)
    ///
    /// # Panics
    /// When there is no picture.
    pub async fn photograph(&self, path: &Path) {
        let photographed = photograph(&self.display, path).await;
        assert!(photographed, "no picture of the screen in {}", path.display());
    }

    /// When the middle of the screen turned from dark to bright in the next `seconds`, within 10 ms.
    ///
    /// # Panics
    /// When it cannot be looked at.
    pub async fn flashes(&self, seconds: f32) -> Vec<std::time::Instant> {
        const PER_SECOND: u32 = 100;
        const BRIGHT: u8 = 128;
        let mut command = Command::new("ffmpeg");
        command.args(["-loglevel", "error", "-f", "x11grab", "-draw_mouse", "0", "-video_size", "32x32"]);
        command.args(["-framerate", &PER_SECOND.to_string(), "-i", &format!("{}+624,384", self.display)]);
        command.args(["-vf", "scale=1:1:flags=area,format=gray", "-fps_mode", "passthrough"]);
        command.args(["-f", "rawvideo", "-flush_packets", "1", "-"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("ffmpeg is installed");
        let mut looks = child.stdout.take().expect("it is piped");
        let (mut flashes, mut was_bright) = (Vec::new(), true);
        for _ in 0..(seconds * PER_SECOND as f32) as u32 {
            let bright = looks.read_u8().await.expect("the screen can be looked at") > BRIGHT;
            if bright && !was_bright {
                flashes.push(std::time::Instant::now());
            }
            was_bright = bright;
        }
        flashes
    }
}

/// What the screen shows.
pub(crate) async fn look(display: &str) -> Option<Screenshot> {
    let mut command = Command::new("ffmpeg");
    command.args(["-loglevel", "error", "-f", "x11grab", "-draw_mouse", "0", "-i", display]);
    command.args(["-frames:v", "1", "-c:v", "png", "-compression_level", "1", "-f", "image2pipe", "-"]);
    let output = command.stdin(Stdio::null()).output().await.ok()?;
    decode(&output.stdout)
}

pub(crate) async fn photograph(display: &str, path: &Path) -> bool {
    let mut command = Command::new("ffmpeg");
    command.args(["-loglevel", "error", "-y", "-f", "x11grab", "-draw_mouse", "0", "-i", display]);
    command.args(["-frames:v", "1"]).arg(path);
    command.stdin(Stdio::null()).status().await.is_ok_and(|status| status.success())
}

/// Pixels as they are on a screen.
pub struct Screenshot {
    pub(crate) rgba: Vec<u8>,
    pub(crate) size: Resolution,
}

impl Screenshot {
    /// `None` when it has no such part.
    pub fn part(&self, x: usize, y: usize, width: usize, height: usize) -> Option<Self> {
        let row = self.size.width as usize * 4;
        if width == 0 || x + width > self.size.width as usize || y + height > self.size.height as usize {
            return None;
        }
        let rows = self.rgba.chunks_exact(row).skip(y).take(height);
        let rgba = rows.flat_map(|row| &row[x * 4..(x + width) * 4]).copied().collect();
        Some(Self { rgba, size: Resolution::new(width as u32, height as u32) })
    }

    /// Red, green and blue.
    ///
    /// # Panics
    /// Beyond its edges.
    pub fn pixel(&self, x: usize, y: usize) -> [u8; 3] {
        let at = (y * self.size.width as usize + x) * 4;
        [self.rgba[at], self.rgba[at + 1], self.rgba[at + 2]]
    }

    /// Its size.
    pub fn size(&self) -> Resolution {
        self.size
    }
}

fn decode(png: &[u8]) -> Option<Screenshot> {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    let mut reader = decoder.read_info().ok()?;
    let mut data = vec![0; reader.output_buffer_size()?];
    let info = reader.next_frame(&mut data).ok()?;
    let rgba = match info.color_type {
        png::ColorType::Rgba => data,
        png::ColorType::Rgb => data.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect(),
        _ => return None,
    };
    Some(Screenshot { rgba, size: Resolution::new(info.width, info.height) })
}
