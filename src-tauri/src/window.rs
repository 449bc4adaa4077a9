//! The one window.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tauri::plugin::TauriPlugin;
use tauri::webview::{Color, PageLoadEvent};
use tauri::{
    AppHandle, Emitter, Manager, PhysicalSize, WebviewUrl, WebviewWindow, WebviewWindowBuilder, Wry,
};
use tauri_plugin_window_state::StateFlags;
use tincan_engine::api::Theme;

use crate::links::{Link, PendingLink};
use crate::pictures::{Layout, Pictures};

pub(crate) const LABEL: &str = "main";
/// Where its place and size are kept.
const REMEMBERED: &str = "window.json";
/// The page's own backgrounds (`--page` in its style sheet): what is seen before the page is, and at the edges while the
/// window is resized.
const DARK: Color = Color(0x11, 0x17, 0x19, 0xff);
const LIGHT: Color = Color(0xf4, 0xf6, 0xf7, 0xff);
/// A page that does not come up is shown as it is after this time: an empty window says more than none.
const SHOWN_AFTER: Duration = Duration::from_secs(5);
/// Closing the window once more within this time closes it without asking: a page that hangs cannot answer.
const ASKED_FOR: Duration = Duration::from_secs(10);

/// Whether there is a screen that answers. Only Linux runs programs without one.
pub(crate) fn has_screen() -> bool {
    #[cfg(target_os = "linux")]
    return gtk::init().is_ok();
    #[cfg(not(target_os = "linux"))]
    true
}

/// Opens the window. `data_dir` keeps the webview's own data apart too, so that two Tincans share nothing.
pub(crate) fn open(app: &AppHandle, theme: Theme, data_dir: Option<&Path>) -> tauri::Result<()> {
    let (width, height) = first_size(app)?;
    let mut builder = WebviewWindowBuilder::new(app, LABEL, WebviewUrl::default())
        .title("Tincan")
        .inner_size(width, height)
        .min_inner_size(360.0, 480.0)
        .background_color(if theme == Theme::Light { LIGHT } else { DARK })
        // Shown once the page is there: a webview is white until then.
        .visible(false)
        .on_page_load(|window, load| match load.event() {
            // What the page before it said of its pictures is over with it.
            PageLoadEvent::Started => window.state::<Pictures>().lay_out(Layout::default()),
            PageLoadEvent::Finished => show(&window),
        })
        // Our page has one address; whatever else a link or a dropped file would open does not belong in here.
        .on_navigation(|url| url.scheme() == "tauri" || url.host_str() == Some("tauri.localhost"));
    if let Some(data_dir) = data_dir {
        builder = builder.data_directory(data_dir.join("webview"));
    }
    let window = builder.build()?;
    fit(&window)?;
    app.state::<Pictures>().put_above(&window)?;
    if theme == Theme::System && window.theme()? == tauri::Theme::Light {
        window.set_background_color(Some(LIGHT))?;
    }
    let shown = window.clone();
    tauri::async_runtime::spawn(async move {
        tokio::time::sleep(SHOWN_AFTER).await;
        show(&shown);
    });
    without_webgl_where_it_is_emulated(&window)
}

/// Remembers how large the window was and where, for the next start; of another data folder it is another window. What the system
/// does not tell (on Wayland, where it is) is the system's to choose.
pub(crate) fn remembered(data_dir: Option<&Path>) -> TauriPlugin<Wry> {
    let kept = StateFlags::SIZE | StateFlags::POSITION | StateFlags::MAXIMIZED;
    let builder = tauri_plugin_window_state::Builder::default().with_state_flags(kept);
    match data_dir {
        // An absolute path stands for itself, where a name is one in the user's folder.
        Some(data_dir) => {
            let file = data_dir.join(REMEMBERED);
            builder.with_filename(std::path::absolute(&file).unwrap_or(file).to_string_lossy())
        }
        None => builder.with_filename(REMEMBERED),
    }
    .build()
}

/// A window that was on a larger screen, which is not there any more, still has all its edges.
fn fit(window: &WebviewWindow) -> tauri::Result<()> {
    let Some(monitor) = window.current_monitor()? else { return Ok(()) };
    let (size, screen) = (window.inner_size()?, monitor.size());
    if (size.width > screen.width || size.height > screen.height) && !window.is_maximized()? {
        window.set_size(PhysicalSize::new(size.width.min(screen.width), size.height.min(screen.height)))?;
    }
    Ok(())
}

/// The window, while there is one.
pub(crate) fn main(app: &AppHandle) -> Option<WebviewWindow> {
    app.get_webview_window(LABEL)
}

fn show(window: &WebviewWindow) {
    if let Err(error) = window.show() {
        tracing::warn!(%error, "the window could not be shown");
    }
}

/// Whether closing the window is asked about first.
#[derive(Default)]
pub(crate) struct Closing {
    /// Whether there is something to lose.
    guarded: AtomicBool,
    /// When the person was asked last.
    asked: Mutex<Option<Instant>>,
}

impl Closing {
    pub(crate) fn guard(&self, guarded: bool) {
        self.guarded.store(guarded, Ordering::Relaxed);
    }

    /// Whether to ask `now`: there is something to lose, and the person does not insist.
    fn asks(&self, now: Instant) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let insists = asked.is_some_and(|at| now.duration_since(at) < ASKED_FOR);
        let asks = self.guarded.load(Ordering::Relaxed) && !insists;
        if asks {
            *asked = Some(now);
        }
        asks
    }
}

/// Somebody wants to close the window. Returns whether they are asked in the page first, which then closes it by the
/// command `close_window`.
pub(crate) fn asks_before_closing(app: &AppHandle) -> bool {
    // A page that cannot be told cannot ask either.
    app.state::<Closing>().asks(Instant::now()) && app.emit_to(LABEL, "close-requested", ()).is_ok()
}

/// Large enough for a picture beside everything else, and no larger than the screen; in logical pixels.
fn first_size(app: &AppHandle) -> tauri::Result<(f64, f64)> {
    let wanted = (1280.0, 800.0);
    Ok(app.primary_monitor()?.map_or(wanted, |monitor| {
        let screen = monitor.size().to_logical::<f64>(monitor.scale_factor());
        (screen.width.min(wanted.0), screen.height.min(wanted.1))
    }))
}

/// Brings a link before the person: the code is filled in, joining stays theirs to do.
pub(crate) fn show_link(app: &AppHandle, link: Link) {
    app.state::<PendingLink>().put(link);
    bring_to_front(app);
    // Without a payload: the window fetches it by `take_link`, as it does after a start by link.
    if let Err(error) = app.emit_to(LABEL, "link", ()) {
        tracing::warn!(%error, "the window was not told of an invite link");
    }
}

/// Somebody started Tincan again: they look for this window.
pub(crate) fn bring_to_front(app: &AppHandle) {
    if let Some(window) = main(app) {
        let raised = window.unminimize().and_then(|()| window.show()).and_then(|()| window.set_focus());
        if let Err(error) = raised {
            tracing::warn!(%error, "the window could not be brought to the front");
        }
    }
}

/// Emulated WebGL is not offered to the page: the page chooses by the time that drawing takes, and what an emulated
/// picture costs comes after that, when it is read back for the window.
#[cfg(target_os = "linux")]
fn without_webgl_where_it_is_emulated(window: &WebviewWindow) -> tauri::Result<()> {
    use webkit2gtk::{SettingsExt, WebViewExt};

    if crate::drawing::has_graphics_card() {
        return Ok(());
    }
    window.with_webview(|webview| {
        if let Some(settings) = WebViewExt::settings(&webview.inner()) {
            settings.set_enable_webgl(false);
        }
    })
}

#[cfg(not(target_os = "linux"))]
fn without_webgl_where_it_is_emulated(_window: &WebviewWindow) -> tauri::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_is_asked_about_once_and_only_where_there_is_something_to_lose() {
        let closing = Closing::default();
        let now = Instant::now();
        assert!(!closing.asks(now));
        closing.guard(true);
        assert!(closing.asks(now));
        assert!(!closing.asks(now + Duration::from_secs(1)), "who presses it again means it");
        assert!(closing.asks(now + ASKED_FOR), "an answer long ago was to stay");
        closing.guard(false);
        assert!(!closing.asks(now + 3 * ASKED_FOR));
    }
}
