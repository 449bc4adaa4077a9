//! On a real X server, in memory.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tincan_media::video::VideoFrame;
use tincan_media::{MediaClock, VideoSink};
use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::{
    AtomEnum, ConfigureWindowAux, ConnectionExt as _, CreateGCAux, CreateWindowAux, PropMode, Rectangle,
    Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use super::*;
use crate::screen::ScreenKind;

/// What a machine that is busy with other tests may take.
const PATIENCE: Duration = Duration::from_secs(20);
const RED: u32 = 0x00ff_0000;
const BLUE: u32 = 0x0000_00ff;
const WHITE: u32 = 0x00ff_ffff;

/// A server, and somebody with windows on it.
struct Desk {
    server: Child,
    name: String,
    connection: RustConnection,
    root: Window,
}

impl Desk {
    fn new() -> Self {
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "640x480x24", "-nolisten", "tcp", "-noreset"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb is installed");
        let mut number = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut number).unwrap();
        let name = format!(":{}", number.trim());
        let (connection, screen) = x11rb::connect(Some(&name)).unwrap();
        let root = connection.setup().roots[screen].root;
        Self { server, name, connection, root }
    }

    /// A window of this colour.
    fn window(&self, title: &str, (x, y, width, height): (i16, i16, u16, u16), colour: u32) -> Window {
        let window = self.connection.generate_id().unwrap();
        let looks = CreateWindowAux::new().background_pixel(colour);
        let (class, connection) = (WindowClass::INPUT_OUTPUT, &self.connection);
        connection.create_window(0, window, self.root, x, y, width, height, 0, class, 0, &looks).unwrap();
        let name = AtomEnum::WM_NAME;
        connection
            .change_property8(PropMode::REPLACE, window, name, AtomEnum::STRING, title.as_bytes())
            .unwrap();
        connection.map_window(window).unwrap();
        self.settle();
        window
    }

    fn fill(&self, window: Window, (x, y, width, height): (i16, i16, u16, u16), colour: u32) {
        let pen = self.connection.generate_id().unwrap();
        self.connection.create_gc(pen, window, &CreateGCAux::new().foreground(colour)).unwrap();
        self.connection.poly_fill_rectangle(window, pen, &[Rectangle { x, y, width, height }]).unwrap();
        self.connection.free_gc(pen).unwrap();
        self.settle();
    }

    fn resize(&self, window: Window, width: u32, height: u32) {
        let size = ConfigureWindowAux::new().width(width).height(height);
        self.connection.configure_window(window, &size).unwrap();
        self.settle();
    }

    fn move_pointer(&self, x: i16, y: i16) {
        self.connection.warp_pointer(x11rb::NONE, self.root, 0, 0, 0, 0, x, y).unwrap();
        self.settle();
    }

    /// Until the server has done all of it.
    fn settle(&self) {
        self.connection.sync().unwrap();
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

struct Pictures(Sender<Arc<VideoFrame>>);

impl VideoSink for Pictures {
    fn frame(&self, frame: &Arc<VideoFrame>) {
        let _ = self.0.send(Arc::clone(frame));
    }
}

/// Something that is shared.
struct Shared {
    pictures: Receiver<Arc<VideoFrame>>,
    events: Receiver<ScreenEvent>,
    tell: Sender<Told>,
    thread: Option<JoinHandle<()>>,
}

impl Shared {
    fn of(desk: &Desk, selector: ScreenSelector) -> Self {
        let (pictures_in, pictures) = channel();
        let (events_in, events) = channel();
        let (tell, told) = channel();
        let name = desk.name.clone();
        let thread = std::thread::spawn(move || {
            let gate = Gate::new(Arc::new(Pictures(pictures_in)));
            let tell_events = events_in.clone();
            let on_event: OnEvent = Box::new(move |event| drop(tell_events.send(event)));
            let (clock, request) = (MediaClock::new(Instant::now()), ScreenRequest::default());
            let display = Display::connect(Some(&name)).unwrap();
            if let Err(error) = capture_from(&display, &selector, request, clock, &gate, &on_event, &told) {
                on_event(ScreenEvent::Ended(error));
            }
        });
        Self { pictures, events, tell, thread: Some(thread) }
    }

    /// The next picture that is as it should be.
    fn until(&self, what: &str, is: impl Fn(&VideoFrame) -> bool) -> Arc<VideoFrame> {
        let end = Instant::now() + PATIENCE;
        while let Ok(frame) = self.pictures.recv_timeout(end.saturating_duration_since(Instant::now())) {
            if is(&frame) {
                return frame;
            }
        }
        panic!("no picture of {what}");
    }

    fn event(&self) -> ScreenEvent {
        self.events.recv_timeout(PATIENCE).expect("something happens")
    }

    fn started(&self) -> (u32, u32) {
        match self.event() {
            ScreenEvent::Started { resolution, .. } => (resolution.width, resolution.height),
            other => panic!("{other:?}"),
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let _ = self.tell.send(Told::Stop);
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking());
        }
    }
}

/// Y, U and V at a place, roughly as a colour.
fn is(frame: &VideoFrame, (x, y): (usize, usize), colour: u32) -> bool {
    let expected: [u8; 3] = match colour {
        RED => [81, 90, 240],
        BLUE => [41, 240, 110],
        WHITE => [235, 128, 128],
        _ => [16, 128, 128],
    };
    let (width, chroma) = (frame.resolution().width as usize, frame.chroma_stride());
    let (luma, u, v) = frame.planes();
    let at = (y / 2) * chroma + x / 2;
    let there = [luma[y * width + x], u[at], v[at]];
    there.iter().zip(expected).all(|(there, expected)| there.abs_diff(expected) < 6)
}

#[test]
fn a_screen_gives_a_picture_at_every_change_and_none_otherwise() {
    let desk = Desk::new();
    let window = desk.window("one", (100, 100, 200, 100), RED);
    let shared = Shared::of(&desk, ScreenSelector::Monitor(None));
    let first = shared.until("the window", |frame| is(frame, (150, 150), RED));
    assert_eq!(shared.started(), (640, 480));
    assert!(!is(&first, (50, 50), RED), "what is beside it is seen too");
    // Whatever was still under way has come by then.
    while shared.pictures.recv_timeout(Duration::from_millis(300)).is_ok() {}
    desk.fill(window, (0, 0, 50, 50), BLUE);
    let second = shared.until("the change", |frame| is(frame, (120, 120), BLUE));
    assert!(second.time() > first.time());
}

#[test]
fn a_window_that_is_covered_or_off_the_screen_is_seen_whole() {
    let desk = Desk::new();
    let window = desk.window("one", (500, 100, 200, 100), RED);
    let shared = Shared::of(&desk, ScreenSelector::Window(window));
    let above = desk.window("above", (0, 0, 640, 480), BLUE);
    desk.fill(window, (0, 0, 50, 50), WHITE);
    let frame = shared.until("what is covered", |frame| is(frame, (20, 20), WHITE));
    assert_eq!(shared.started(), (200, 100));
    assert!(is(&frame, (100, 80), RED) && is(&frame, (190, 80), RED));
    desk.connection.destroy_window(above).unwrap();
    desk.settle();
}

#[test]
fn a_window_is_followed_when_it_is_resized_minimised_and_closed() {
    let desk = Desk::new();
    let window = desk.window("one", (100, 100, 200, 100), RED);
    let shared = Shared::of(&desk, ScreenSelector::Window(window));
    assert_eq!(shared.started(), (200, 100));
    desk.resize(window, 301, 151);
    assert_eq!(shared.started(), (300, 150), "codecs need even sides");
    shared.until("the new size", |frame| frame.resolution().width == 300 && is(frame, (280, 140), RED));
    desk.connection.unmap_window(window).unwrap();
    desk.settle();
    assert_eq!(shared.event(), ScreenEvent::Hidden);
    desk.connection.map_window(window).unwrap();
    desk.fill(window, (0, 0, 40, 40), BLUE);
    assert_eq!(shared.event(), ScreenEvent::Shown);
    shared.until("it again", |frame| is(frame, (20, 20), BLUE));
    desk.connection.destroy_window(window).unwrap();
    desk.settle();
    assert_eq!(shared.event(), ScreenEvent::Ended(ScreenError::Closed));
}

#[test]
fn the_pointer_is_seen_and_its_moves_are_changes() {
    let desk = Desk::new();
    let window = desk.window("one", (100, 100, 200, 200), WHITE);
    desk.move_pointer(10, 10);
    let shared = Shared::of(&desk, ScreenSelector::Window(window));
    let dark = |frame: &VideoFrame| frame.planes().0.iter().any(|&luma| luma < 60);
    let first = shared.until("the window", |frame| is(frame, (100, 100), WHITE));
    assert!(!dark(&first), "it is elsewhere");
    desk.move_pointer(200, 200);
    shared.until("the pointer", dark);
    desk.move_pointer(10, 10);
    shared.until("the window without it", |frame| !dark(frame));
}

#[test]
fn what_is_not_there_and_a_server_that_dies_are_told() {
    let mut desk = Desk::new();
    let missing = Shared::of(&desk, ScreenSelector::Window(0x0123_4567));
    assert!(matches!(missing.event(), ScreenEvent::Ended(ScreenError::NotFound { .. })));
    let missing = Shared::of(&desk, ScreenSelector::Monitor(Some("DP-7".into())));
    assert!(matches!(missing.event(), ScreenEvent::Ended(ScreenError::NotFound { .. })));
    let shared = Shared::of(&desk, ScreenSelector::Monitor(None));
    assert_eq!(shared.started(), (640, 480));
    desk.server.kill().unwrap();
    assert!(matches!(shared.event(), ScreenEvent::Ended(ScreenError::Lost { .. })));
    assert!(matches!(Display::connect(Some(":63999")), Err(ScreenError::NoScreen { .. })));
}

#[test]
fn screens_and_windows_are_listed_with_pictures_the_one_on_top_first() {
    let desk = Desk::new();
    let below = desk.window("below", (0, 0, 320, 240), RED);
    let above = desk.window("above", (100, 100, 400, 200), BLUE);
    desk.window("", (10, 10, 100, 100), WHITE);
    desk.window("tray", (10, 10, 20, 20), WHITE);
    let hidden = desk.window("hidden", (0, 0, 100, 100), WHITE);
    desk.connection.unmap_window(hidden).unwrap();
    let known =
        desk.connection.intern_atom(false, b"_NET_CLIENT_LIST_STACKING").unwrap().reply().unwrap().atom;
    let windows = [below, above, hidden];
    desk.connection
        .change_property32(PropMode::REPLACE, desk.root, known, AtomEnum::WINDOW, &windows)
        .unwrap();
    desk.settle();
    let found = list::list(&Display::connect(Some(&desk.name)).unwrap()).unwrap();
    let kinds: Vec<_> = found.iter().map(|info| info.kind).collect();
    assert_eq!(kinds, [ScreenKind::Monitor, ScreenKind::Window, ScreenKind::Window, ScreenKind::Window]);
    let names: Vec<_> =
        found.iter().skip(1).map(|info| (info.name.as_str(), info.selector.clone())).collect();
    let window = |name, id| (name, ScreenSelector::Window(id));
    assert_eq!(names, [window("hidden", hidden), window("above", above), window("below", below)]);
    assert_eq!(found[1].picture, None);
    let picture = found[2].picture.as_ref().unwrap();
    assert_eq!((picture.resolution().width, picture.resolution().height), (320, 160));
    assert!(is(picture, (160, 80), BLUE));
    assert!(is(found[0].picture.as_ref().unwrap(), (150, 80), BLUE));
}
