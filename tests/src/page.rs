//! Pages of prose on a screen that is shared, and reading them as somebody does who sees no more than the picture: by OCR.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use tincan_media::MediaTime;
use tincan_media::video::{Resolution, Stamp, VideoFrame};
use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::{
    ConfigureWindowAux, ConnectionExt as _, CreateGCAux, CreateWindowAux, Gcontext, ImageFormat, StackMode,
    Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use crate::window::Screen;

/// What most people's screens show.
const SIZE: Resolution = Resolution::new(1_920, 1_080);
/// Letters as in a document at 100 %.
const FONT: &str = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf";
const FONT_SIZE: u32 = 18;
const LINES: u32 = 28;
/// Above it a page has the stamp of drawn screens.
const TOP: u32 = 236;
/// So many rows belong to it.
const STAMPED: usize = TOP as usize - 20;
/// Bytes of a row.
const ROW: usize = SIZE.width as usize * 4;
const LETTERS: usize = 150;
/// Words that a reader by machine knows, with letters that are mistaken for each other.
const WORDS: &str = "about after again all almost along also always another answer around because before began below between \
    both bring call change children close country different does done down during each earth enough even every example eye \
    face family far father feet few find first follow food found four from give going good great group grow hand hard have head \
    help here high home house idea important into just keep kind know land large last late learn leave left letter life light \
    like line list little live long look made make many might mile miss more most mother mountain move much must name near \
    need never next night number often old once only open other over own page paper part people picture place plant point \
    quick quite read really right river run said same saw say school sea second seem sentence set should show side small some \
    something sometimes song soon sound spell stand start state still stop story study such take talk tell than that their them";

/// Pixels of a page, four bytes each. Above its prose it has a [`Stamp`] with its number.
pub struct Page {
    pixels: Vec<u8>,
}

impl Page {
    /// Other prose for every number.
    ///
    /// # Panics
    /// When ffmpeg does not draw it.
    pub fn of(number: u32) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let text = folder.path().join("page.txt");
        std::fs::write(&text, prose(number)).expect("the folder can be written");
        let draw = format!(
            "drawtext=textfile={}:fontfile={FONT}:fontsize={FONT_SIZE}:line_spacing=9:x=60:y={TOP}:fontcolor=black:expansion=none",
            text.display()
        );
        let source = format!("color=white:size={SIZE}");
        let output = Command::new("ffmpeg")
            .args(["-v", "error", "-f", "lavfi", "-i", &source, "-vf", &draw, "-frames:v", "1"])
            .args(["-pix_fmt", "bgra", "-f", "rawvideo", "-"])
            .output()
            .expect("ffmpeg is installed");
        let complaints = String::from_utf8_lossy(&output.stderr);
        let mut pixels = output.stdout;
        assert_eq!(pixels.len(), SIZE.width as usize * SIZE.height as usize * 4, "{complaints}");
        pixels[..ROW * STAMPED].copy_from_slice(&head(number));
        Self { pixels }
    }

    /// How large a page is.
    pub const fn size() -> Resolution {
        SIZE
    }

    /// How bright each of its pixels is, row by row.
    pub fn luma(&self) -> Vec<u8> {
        self.pixels.chunks_exact(4).map(|pixel| pixel[1]).collect()
    }

    /// What can be read on it where nothing was lost.
    pub fn words(&self) -> Vec<String> {
        let size = format!("{SIZE}");
        let raw = ["-f", "rawvideo", "-pix_fmt", "bgra", "-video_size", &size, "-i", "-"];
        read(&raw, Some(&self.pixels))
    }
}

/// The rows above the prose.
fn head(number: u32) -> Vec<u8> {
    let mut stamp = VideoFrame::black(MediaTime::ZERO, SIZE);
    Stamp { counter: number, micros: 0 }.write(&mut stamp);
    let luma = &stamp.planes().0[..SIZE.width as usize * STAMPED];
    luma.iter().flat_map(|&luma| if luma > 128 { [255; 4] } else { [0; 4] }).collect()
}

/// A line of words as long as a screen is wide, over and over.
fn prose(number: u32) -> String {
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let mut state = u64::from(number) * 2 + 1;
    let mut next = || {
        // Knuth's MMIX: its upper bits are even enough for prose.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        words[(state >> 33) as usize % words.len()]
    };
    let mut text = String::new();
    for _ in 0..LINES {
        let mut line = String::new();
        while line.len() < LETTERS {
            line += next();
            line.push(' ');
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// The words that can be read in a picture.
///
/// # Panics
/// When it is no picture, or tesseract is not installed.
pub fn words_in(picture: &Path) -> Vec<String> {
    read(&["-i", &picture.to_string_lossy()], None)
}

fn read(input: &[&str], pixels: Option<&[u8]>) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let large = folder.path().join("large.png");
    // OCR was made for paper at 300 dots an inch: it reads a screen's letters when they are twice as large.
    let mut draw = Command::new("ffmpeg")
        .args(["-v", "error"])
        .args(input)
        .args(["-vf", &format!("crop=iw:ih-{TOP}+10:0:{TOP}-10,scale=2*iw:2*ih:flags=bicubic,format=gray")])
        .args(["-frames:v", "1"])
        .arg(&large)
        .stdin(Stdio::piped())
        .spawn()
        .expect("ffmpeg is installed");
    let mut stdin = draw.stdin.take().expect("it is piped");
    stdin.write_all(pixels.unwrap_or_default()).expect("ffmpeg reads all of it");
    drop(stdin);
    assert!(draw.wait().is_ok_and(|done| done.success()), "{input:?} is no picture");
    let read = Command::new("tesseract")
        .arg(&large)
        .args(["-", "--psm", "6", "-l", "eng"])
        // It would take all processors, and be slower by it.
        .env("OMP_THREAD_LIMIT", "1")
        .stderr(Stdio::null())
        .output()
        .expect("tesseract is installed (Debian: tesseract-ocr)");
    String::from_utf8_lossy(&read.stdout).split_whitespace().map(str::to_owned).collect()
}

/// A window over all of a screen, on which pages are turned.
pub struct Easel {
    connection: RustConnection,
    window: Window,
    pen: Gcontext,
}

impl Easel {
    /// On this screen, which has [`Easel::screen`]'s size.
    ///
    /// # Panics
    /// When the screen takes no window.
    pub fn on(screen: &Screen) -> Self {
        let (connection, number) = x11rb::connect(Some(screen.name())).expect("the screen is there");
        let root = connection.setup().roots[number].root;
        let [window, pen] = [(); 2].map(|()| connection.generate_id().expect("ids are left"));
        let looks = CreateWindowAux::new().background_pixel(0x00ff_ffff).override_redirect(1);
        let (width, height, class) = (SIZE.width as u16, SIZE.height as u16, WindowClass::INPUT_OUTPUT);
        connection
            .create_window(0, window, root, 0, 0, width, height, 0, class, 0, &looks)
            .expect("a window");
        connection.create_gc(pen, window, &CreateGCAux::new()).expect("a pen");
        connection.map_window(window).expect("a window");
        // The pointer is seen by whoever sees the screen, and begins in the middle of what is to be read.
        let (x, y) = (SIZE.width as i16 - 1, SIZE.height as i16 - 1);
        connection.warp_pointer(x11rb::NONE, root, 0, 0, 0, 0, x, y).expect("a pointer");
        connection.sync().expect("the screen is there");
        Self { connection, window, pen }
    }

    /// A screen for it.
    pub async fn screen() -> Screen {
        Screen::of(SIZE.width, SIZE.height).await
    }

    /// Lies above everything else on the screen from now on.
    ///
    /// # Panics
    /// When the screen is gone.
    pub fn raise(&self) {
        let above = ConfigureWindowAux::new().stack_mode(StackMode::ABOVE);
        self.connection.configure_window(self.window, &above).expect("the screen is there");
        self.connection.sync().expect("the screen is there");
    }

    /// Shows a page. When it returns, the page is on the screen.
    ///
    /// # Panics
    /// When the screen is gone.
    pub fn show(&self, page: &Page) {
        self.put(0, &page.pixels);
        self.connection.sync().expect("the screen is there");
    }

    /// Moves the prose up by so many rows, whose place below is filled with rows of `page` from its row `from` on, over and over.
    /// The stamp stays where it is and says `number` now.
    ///
    /// # Panics
    /// When the screen is gone.
    pub fn scroll(&self, page: &Page, from: usize, rows: usize, number: u32) {
        let (top, left) = (TOP as usize, SIZE.height as usize - TOP as usize - rows);
        let copy = self.connection.copy_area(
            self.window,
            self.window,
            self.pen,
            0,
            (top + rows) as i16,
            0,
            top as i16,
            SIZE.width as u16,
            left as u16,
        );
        copy.expect("the screen is there");
        let prose: Vec<&[u8]> = page.pixels.chunks_exact(ROW).skip(top).collect();
        let new: Vec<u8> = (from..from + rows).flat_map(|row| prose[row % prose.len()]).copied().collect();
        self.put(top + left, &new);
        self.put(0, &head(number));
        self.connection.sync().expect("the screen is there");
    }

    fn put(&self, top: usize, pixels: &[u8]) {
        /// What fits into any server's largest request.
        const ROWS: usize = 60;
        for (strip, pixels) in pixels.chunks(ROW * ROWS).enumerate() {
            let (top, rows) = ((top + strip * ROWS) as i16, (pixels.len() / ROW) as u16);
            let put = self.connection.put_image(
                ImageFormat::Z_PIXMAP,
                self.window,
                self.pen,
                SIZE.width as u16,
                rows,
                0,
                top,
                0,
                24,
                pixels,
            );
            put.expect("the screen is there");
        }
    }
}
