//! The one window.

use std::path::Path;

use tauri::{AppHandle, Emitter, Manager, WebviewUrl, WebviewWindow, WebviewWindowBuilder};

use crate::links::{Link, PendingLink};

const LABEL: &str = "main";

/// Whether there is a screen that answers. Only Linux runs programs without one.
pub(crate) fn has_screen() -> bool {
    #[cfg(target_os = "linux")]
    return gtk::init().is_ok();
    #[cfg(not(target_os = "linux"))]
    true
}

/// Opens the window. `data_dir` keeps the webview's own data apart too, so that two Tincans share nothing.
pub(crate) fn open(app: &AppHandle, data_dir: Option<&Path>) -> tauri::Result<()> {
    let (width, height) = first_size(app)?;
    let mut builder = WebviewWindowBuilder::new(app, LABEL, WebviewUrl::default())
        .title("Tincan")
        .inner_size(width, height)
        .min_inner_size(360.0, 480.0)
        // Our page has one address; whatever else a link or a dropped file would open does not belong in here.
        .on_navigation(|url| url.scheme() == "tauri" || url.host_str() == Some("tauri.localhost"))
        .disable_drag_drop_handler();
    if let Some(data_dir) = data_dir {
        builder = builder.data_directory(data_dir.join("webview"));
    }
    draw_in_software_without_a_gpu(&builder.build()?)
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
    if let Some(window) = app.get_webview_window(LABEL) {
        let raised = window.unminimize().and_then(|()| window.show()).and_then(|()| window.set_focus());
        if let Err(error) = raised {
            tracing::warn!(%error, "the window could not be brought to the front");
        }
    }
}

/// WebKitGTK draws through OpenGL even where that is emulated; its plain software path made 2D drawing four times
/// cheaper on a machine without a GPU. Emulated WebGL is not offered to the page either: the page chooses by the time
/// that drawing takes, and what an emulated picture costs comes after that, when it is read back for the window.
#[cfg(target_os = "linux")]
fn draw_in_software_without_a_gpu(window: &WebviewWindow) -> tauri::Result<()> {
    use webkit2gtk::{HardwareAccelerationPolicy, SettingsExt, WebViewExt};

    if Path::new("/dev/dri").exists() {
        return Ok(());
    }
    window.with_webview(|webview| {
        if let Some(settings) = WebViewExt::settings(&webview.inner()) {
            settings.set_hardware_acceleration_policy(HardwareAccelerationPolicy::Never);
            settings.set_enable_webgl(false);
        }
    })
}

#[cfg(not(target_os = "linux"))]
fn draw_in_software_without_a_gpu(_window: &WebviewWindow) -> tauri::Result<()> {
    Ok(())
}
