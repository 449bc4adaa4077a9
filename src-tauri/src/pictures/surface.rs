//! Pictures above the page, by GTK: one drawing area over the webview, which takes no input.
//!
//! A thread (`tincan-pictures`) scales and converts the latest picture of each stream to the pixels on which it is seen; the main
//! thread only paints what is ready. Of a stream that is faster than either, pictures are left out.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use gtk::cairo::{Context, Extend, Filter, Format, ImageSurface, Operator};
use gtk::glib::{MainContext, Priority, Propagation};
use gtk::prelude::*;
use tauri::{Manager, WebviewWindow};
use tincan_media::video::{Rect, Resolution, Stamp, VideoFrame};
use webkit2gtk::{WebView, WebViewExt};

use super::layout::{Layout, Pixels, Placed};
use super::render::{PIXEL, Renderer};
use super::{PictureSurface, Pictures};
use crate::frame_socket::FrameHub;

/// Buffers that wait to be used again: of two pictures each for most of what a call shows.
const SPARE: usize = 12;

/// The side of the media threads.
pub(super) struct Surface {
    shared: Arc<Shared>,
    worker: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    /// The hub owns the surface.
    hub: Weak<FrameHub>,
    /// A mutex because media threads, the worker and the main thread exchange pictures here; none computes while it holds it.
    state: Mutex<State>,
    changed: Condvar,
    notes: Option<Mutex<File>>,
}

#[derive(Default)]
struct State {
    streams: BTreeMap<u32, Latest>,
    /// Where each stream is seen.
    placed: BTreeMap<u32, Placed>,
    /// What the main thread has not taken yet.
    ready: BTreeMap<u32, Ready>,
    /// The main thread was told that something is ready.
    told: bool,
    spare: Vec<Vec<u8>>,
    /// The stream that was served last, so that a busy one does not starve the others.
    last: u32,
    closed: bool,
}

struct Latest {
    frame: Arc<VideoFrame>,
    /// `None` once it was rendered: what is rendered again, for another place, is not a new picture.
    put_in: Option<Instant>,
    /// To be rendered.
    due: bool,
}

/// The pixels of one view.
struct Ready {
    pixels: Vec<u8>,
    seen: Pixels,
    /// Where the whole picture lies.
    whole: Rect,
    frame: Resolution,
    fresh: Option<Fresh>,
}

/// Of a picture that was not painted yet.
#[derive(Clone, Copy)]
struct Fresh {
    put_in: Instant,
    /// As the picture itself says, where somebody measures.
    counter: Option<u32>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is complete in itself.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, stream: u32, counter: Option<u32>) {
        let Some(notes) = &self.notes else { return };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever measures sees that lines are missing.
        let _ = writeln!(notes, "{stream} {} {now}", counter.map_or(-1, i64::from));
    }
}

impl Surface {
    pub(super) fn start(hub: &Arc<FrameHub>, notes: Option<&Path>) -> Result<Arc<Self>, std::io::Error> {
        let notes = notes.and_then(|path| {
            File::create(path)
                .inspect_err(|error| tracing::warn!(%error, "no notes of pictures are taken"))
                .ok()
        });
        let shared = Arc::new(Shared {
            hub: Arc::downgrade(hub),
            state: Mutex::default(),
            changed: Condvar::new(),
            notes: notes.map(Mutex::new),
        });
        let of_worker = Arc::clone(&shared);
        let worker = std::thread::Builder::new().name("tincan-pictures".to_owned());
        let worker = worker.spawn(move || work(&of_worker))?;
        Ok(Arc::new(Self { shared, worker: Mutex::new(Some(worker)) }))
    }
}

impl PictureSurface for Surface {
    fn show(&self, stream: u32, frame: Arc<VideoFrame>, put_in: Instant) {
        let mut state = self.shared.state();
        state.streams.insert(stream, Latest { frame, put_in: Some(put_in), due: true });
        if state.placed.contains_key(&stream) {
            self.shared.changed.notify_one();
        }
    }

    fn ended(&self, stream: u32) {
        let mut state = self.shared.state();
        state.streams.remove(&stream);
        let ready = state.ready.remove(&stream);
        drop(state);
        drop(ready);
        on_main_thread(move |canvas| canvas.forget(stream));
    }

    fn lay_out(&self, layout: Layout) {
        let shared = Arc::clone(&self.shared);
        on_main_thread(move |canvas| canvas.lay_out(layout, &shared));
    }

    fn close(&self) {
        self.shared.state().closed = true;
        self.shared.changed.notify_all();
        let worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if worker.is_some_and(|worker| worker.join().is_err()) {
            tracing::warn!("the thread of the pictures ended by itself");
        }
    }
}

/// Renders what is due until the surface is closed.
fn work(shared: &Arc<Shared>) {
    let mut renderer = Renderer::new();
    let mut state = shared.state();
    loop {
        if state.closed {
            return;
        }
        let Some((stream, placed)) = state.next() else {
            state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        let Some(latest) = state.streams.get_mut(&stream) else { continue };
        latest.due = false;
        let (frame, put_in) = (Arc::clone(&latest.frame), latest.put_in.take());
        let mut pixels = state.spare.pop().unwrap_or_default();
        drop(state);
        let size = frame.resolution();
        // What is covered by something costs no more than this look.
        let part = placed.part(size).filter(|part| !placed.painted(part.seen).is_empty());
        if let Some(part) = &part {
            renderer.render(&frame, part, placed.mirrored, &mut pixels);
        }
        let counter = shared.notes.as_ref().and_then(|_| Stamp::read(&frame)).map(|stamp| stamp.counter);
        state = shared.state();
        let Some(part) = part else { continue };
        // It ended meanwhile.
        if !state.streams.contains_key(&stream) {
            continue;
        }
        let fresh = put_in.map(|put_in| Fresh { put_in, counter });
        let ready = Ready { pixels, seen: part.seen, whole: placed.whole(size), frame: size, fresh };
        if let Some(passed) = state.ready.insert(stream, ready) {
            state.give_back(passed.pixels);
        }
        if !std::mem::replace(&mut state.told, true) {
            drop(state);
            let of_main = Arc::clone(shared);
            on_main_thread(move |canvas| canvas.take(&of_main));
            state = shared.state();
        }
    }
}

impl State {
    /// What is to be rendered next, streams in turn.
    fn next(&mut self) -> Option<(u32, Placed)> {
        let due = |stream: &&u32| self.streams.get(stream).is_some_and(|latest| latest.due);
        let after = self.last.saturating_add(1);
        let stream = self
            .placed
            .range(after..)
            .map(|(stream, _)| stream)
            .find(due)
            .or_else(|| self.placed.keys().find(due))
            .copied()?;
        self.last = stream;
        Some((stream, self.placed.get(&stream)?.clone()))
    }

    fn give_back(&mut self, pixels: Vec<u8>) {
        if self.spare.len() < SPARE {
            self.spare.push(pixels);
        }
    }
}

thread_local! {
    /// The drawing area, on the main thread.
    static CANVAS: RefCell<Option<Canvas>> = const { RefCell::new(None) };
}

fn on_main_thread(run: impl FnOnce(&mut Canvas) + Send + 'static) {
    MainContext::default().invoke_with_priority(Priority::DEFAULT, move || with_canvas(run));
}

/// Nothing, as long as there is none.
fn with_canvas(run: impl FnOnce(&mut Canvas)) {
    CANVAS.with_borrow_mut(|canvas| canvas.as_mut().map_or((), run));
}

/// Takes the webview out of its box and puts it back below a drawing area.
pub(super) fn put_above(window: &WebviewWindow) -> tauri::Result<()> {
    let app = window.app_handle().clone();
    window.with_webview(move |webview| {
        let webview = webview.inner();
        let Some(parent) = webview.parent().and_downcast::<gtk::Box>() else {
            tracing::warn!("the page draws the pictures: it does not lie where it was expected");
            return;
        };
        let (overlay, area) = (gtk::Overlay::new(), gtk::DrawingArea::new());
        // With a window of its own it would swallow clicks, pass-through or not.
        area.set_has_window(false);
        area.set_can_focus(false);
        parent.remove(&webview);
        overlay.add(&webview);
        overlay.add_overlay(&area);
        overlay.set_overlay_pass_through(&area, true);
        parent.pack_start(&overlay, true, true, 0);
        area.connect_draw(|_, context| {
            with_canvas(|canvas| canvas.draw(context));
            Propagation::Proceed
        });
        // Another size of the window, or another screen: the page says where its pictures are then, but until it does
        // nothing may be painted beyond the window.
        area.connect_size_allocate(|_, _| with_canvas(Canvas::place));
        area.connect_scale_factor_notify(|_| with_canvas(Canvas::place));
        overlay.show_all();
        webview.grab_focus();
        app.state::<Pictures>().is_above();
        CANVAS.set(Some(Canvas {
            area,
            webview,
            layout: Layout::default(),
            shared: None,
            placed: Vec::new(),
            tiles: BTreeMap::new(),
        }));
    })
}

/// The side of the main thread.
struct Canvas {
    area: gtk::DrawingArea,
    webview: WebView,
    layout: Layout,
    shared: Option<Arc<Shared>>,
    placed: Vec<Placed>,
    tiles: BTreeMap<u32, Tile>,
}

/// What is painted for one view.
struct Tile {
    image: ImageSurface,
    frame: Resolution,
    /// Which part of the whole picture the image is, as it is seen: left, top, width, height of 1.
    part: [f32; 4],
    /// The pixels on which it is painted now.
    painted: Vec<Pixels>,
    fresh: Option<Fresh>,
}

/// Gives its pixels back when nothing paints them any more.
struct Lent {
    pixels: Vec<u8>,
    shared: Arc<Shared>,
}

impl AsMut<[u8]> for Lent {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.pixels
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.shared.state().give_back(std::mem::take(&mut self.pixels));
    }
}

impl Canvas {
    fn lay_out(&mut self, layout: Layout, shared: &Arc<Shared>) {
        self.layout = layout;
        self.shared = Some(Arc::clone(shared));
        self.place();
    }

    /// Where everything is by the layout and the window's size.
    fn place(&mut self) {
        let scale = self.area.scale_factor();
        let size = self.area.allocation();
        let placed = self.layout.placed(
            (size.width() * scale, size.height() * scale),
            f64::from(scale) * self.webview.zoom_level(),
        );
        let before = std::mem::replace(&mut self.placed, placed);
        let was = |stream: u32| before.iter().find(|old| old.stream == stream);
        let changed: Vec<u32> =
            self.placed.iter().filter(|new| was(new.stream) != Some(new)).map(|new| new.stream).collect();
        for old in before.iter().filter(|old| !self.placed.contains(old)) {
            self.redraw(old.within);
        }
        let placed = &self.placed;
        self.tiles.retain(|stream, _| placed.iter().any(|new| new.stream == *stream));
        for new in self.placed.iter().filter(|new| changed.contains(&new.stream)) {
            if let Some(tile) = self.tiles.get_mut(&new.stream) {
                tile.painted = new.part(tile.frame).map(|part| new.painted(part.seen)).unwrap_or_default();
            }
            self.redraw(new.within);
        }
        let Some(shared) = &self.shared else { return };
        let mut state = shared.state();
        // What the page shows itself is old when it comes back.
        let views = &self.layout.views;
        state.streams.retain(|stream, _| views.iter().any(|view| view.stream == *stream));
        state.placed = self.placed.iter().map(|placed| (placed.stream, placed.clone())).collect();
        for stream in changed {
            if let Some(latest) = state.streams.get_mut(&stream) {
                latest.due = true;
            }
        }
        drop(state);
        shared.changed.notify_one();
    }

    /// Takes what the worker rendered.
    fn take(&mut self, shared: &Arc<Shared>) {
        let mut state = shared.state();
        state.told = false;
        let ready = std::mem::take(&mut state.ready);
        drop(state);
        for (stream, ready) in ready {
            let Ready { pixels, seen, whole, frame, fresh } = ready;
            let Some(placed) = self.placed.iter().find(|placed| placed.stream == stream) else { continue };
            let lent = Lent { pixels, shared: Arc::clone(shared) };
            let row = seen.width * PIXEL as i32;
            let image = match ImageSurface::create_for_data(lent, Format::Rgb24, seen.width, seen.height, row)
            {
                Ok(image) => image,
                Err(error) => {
                    tracing::debug!(%error, "a picture was not painted");
                    continue;
                }
            };
            let part = [
                (seen.x as f32 - whole.x) / whole.width,
                (seen.y as f32 - whole.y) / whole.height,
                seen.width as f32 / whole.width,
                seen.height as f32 / whole.height,
            ];
            let before = self.tiles.remove(&stream);
            let painted = match before {
                Some(before) if before.frame == frame => before.painted,
                _ => placed.part(frame).map(|part| placed.painted(part.seen)).unwrap_or_default(),
            };
            self.tiles.insert(stream, Tile { image, frame, part, painted, fresh });
            self.redraw(placed.within);
        }
    }

    fn forget(&mut self, stream: u32) {
        self.tiles.remove(&stream);
        if let Some(placed) = self.placed.iter().find(|placed| placed.stream == stream) {
            self.redraw(placed.within);
        }
    }

    fn redraw(&self, pixels: Pixels) {
        let scale = self.area.scale_factor();
        let (left, top) = (pixels.x.div_euclid(scale), pixels.y.div_euclid(scale));
        let end = |edge: i32| (edge + scale - 1).div_euclid(scale);
        self.area.queue_draw_area(left, top, end(pixels.right()) - left, end(pixels.bottom()) - top);
    }

    fn draw(&mut self, context: &Context) {
        let scale = f64::from(self.area.scale_factor());
        for placed in &self.placed {
            let Some(tile) = self.tiles.get_mut(&placed.stream) else { continue };
            if tile.painted.is_empty() {
                continue;
            }
            if let Err(error) = tile.draw(placed, context, scale) {
                tracing::debug!(%error, "a picture was not painted");
            }
            let Some(fresh) = tile.fresh.take() else { continue };
            let Some(shared) = &self.shared else { continue };
            if let Some(hub) = shared.hub.upgrade() {
                hub.drawn(placed.stream, fresh.put_in.elapsed());
            }
            shared.note(placed.stream, fresh.counter);
        }
    }
}

impl Tile {
    fn draw(&self, placed: &Placed, context: &Context, scale: f64) -> Result<(), gtk::cairo::Error> {
        let whole = placed.whole(self.frame);
        let [left, top, width, height] = self.part;
        let (x, y) = (f64::from(whole.x + left * whole.width), f64::from(whole.y + top * whole.height));
        let (across, down) = (
            f64::from(width * whole.width) / f64::from(self.image.width()),
            f64::from(height * whole.height) / f64::from(self.image.height()),
        );
        context.save()?;
        // In device pixels.
        context.scale(1.0 / scale, 1.0 / scale);
        for rect in &self.painted {
            context.rectangle(rect.x.into(), rect.y.into(), rect.width.into(), rect.height.into());
        }
        context.clip();
        // It was rendered for another size while the window or the stage changes: the right one comes next.
        let fits = (across - 1.0).abs() < 0.002 && (down - 1.0).abs() < 0.002;
        if fits {
            context.translate(x.round(), y.round());
        } else {
            context.translate(x, y);
            context.scale(across, down);
        }
        context.set_source_surface(&self.image, 0.0, 0.0)?;
        context.set_operator(Operator::Source);
        let source = context.source();
        source.set_extend(Extend::Pad);
        source.set_filter(if fits { Filter::Nearest } else { Filter::Bilinear });
        context.paint()?;
        context.restore()
    }
}
