//! What can be shared, and how it looks.

use tincan_media::MediaTime;
use tincan_media::video::{Fit, Resolution, Scaler, VideoFrame};
use x11rb::connection::Connection as _;
use x11rb::errors::ReplyError;
use x11rb::protocol::composite::{ConnectionExt as _, Redirect};
use x11rb::protocol::xproto::{ConnectionExt as _, MapState, Window, WindowClass};

use super::display::{Display, lost, refused};
use super::pixels::{Area, Grabber, picture};
use crate::screen::{ScreenError, ScreenInfo, ScreenKind, ScreenSelector};

/// The size that pictures of them fit into.
const SMALL: Resolution = Resolution::new(320, 200);
/// More windows than anybody looks through.
const MOST: usize = 64;
/// Smaller ones are trays and tooltips.
const LEAST: u16 = 64;

pub(super) fn list(display: &Display) -> Result<Vec<ScreenInfo>, ScreenError> {
    let mut grabber = Grabber::new(&display.connection);
    let mut scaler = Scaler::new();
    let mut found = Vec::new();
    for monitor in display.monitors().map_err(lost)? {
        let area = Area { left: monitor.left, top: monitor.top, size: monitor.size };
        let picture =
            grabber.grab(display.root, area).ok().map(|pixels| small(&mut scaler, pixels, monitor.size));
        found.push(ScreenInfo {
            name: format!("Screen {}", monitor.name),
            selector: ScreenSelector::Monitor(Some(monitor.name)),
            kind: ScreenKind::Monitor,
            picture,
        });
    }
    let (windows, managed) = windows(display).map_err(lost)?;
    for window in windows {
        match look(display, &mut grabber, &mut scaler, (window, managed)) {
            Ok(info) => found.extend(info),
            // Gone meanwhile.
            Err(error) if refused(&error) => {}
            Err(error) => return Err(lost(error)),
        }
    }
    Ok(found)
}

/// The windows that a person knows, the one on top first, and whether a window manager says which they are. Without one
/// these are the root's children.
fn windows(display: &Display) -> Result<(Vec<Window>, bool), ReplyError> {
    let mut windows = Vec::new();
    for list in ["_NET_CLIENT_LIST_STACKING", "_NET_CLIENT_LIST"] {
        if windows.is_empty() {
            windows = display.numbers(display.root, display.atom(list)?, MOST as u32 * 4)?;
        }
    }
    let managed = !windows.is_empty();
    if !managed {
        windows = display.connection.query_tree(display.root)?.reply()?.children;
    }
    let own = std::process::id();
    let (of_process, states) = (display.atom("_NET_WM_PID")?, display.atom("_NET_WM_STATE")?);
    let skipped = display.atom("_NET_WM_STATE_SKIP_TASKBAR")?;
    let mut known = Vec::new();
    for window in windows.into_iter().rev() {
        // Our own shows itself showing itself; and what no task bar shows is a panel or the desktop.
        let hidden = || -> Result<bool, ReplyError> {
            Ok(display.numbers(window, of_process, 1)?.first() == Some(&own)
                || display.numbers(window, states, 16)?.contains(&skipped))
        };
        if known.len() < MOST
            && !hidden().or_else(|error| if refused(&error) { Ok(true) } else { Err(error) })?
        {
            known.push(window);
        }
    }
    Ok((known, managed))
}

fn look(
    display: &Display,
    grabber: &mut Grabber<'_>,
    scaler: &mut Scaler,
    (window, managed): (Window, bool),
) -> Result<Option<ScreenInfo>, ReplyError> {
    let connection = &display.connection;
    let attributes = connection.get_window_attributes(window)?.reply()?;
    let shape = connection.get_geometry(window)?.reply()?;
    let name = display.title(window)?;
    if attributes.override_redirect
        || attributes.class != WindowClass::INPUT_OUTPUT
        || shape.width < LEAST
        || shape.height < LEAST
        || name.is_empty()
    {
        return Ok(None);
    }
    let visible = attributes.map_state == MapState::VIEWABLE;
    // What is minimised can be shared once it is back; what no window manager knows may never have been a window for people.
    if !visible && !managed {
        return Ok(None);
    }
    let size = Resolution::new(shape.width.into(), shape.height.into());
    let picture = if visible {
        own_pixels(display, grabber, window, shape.border_width as i16, size)?
            .map(|pixels| small(scaler, pixels, size))
    } else {
        None
    };
    Ok(Some(ScreenInfo { selector: ScreenSelector::Window(window), name, kind: ScreenKind::Window, picture }))
}

/// The window's own pixels, not those of what covers it.
fn own_pixels<'a>(
    display: &Display,
    grabber: &'a mut Grabber<'_>,
    window: Window,
    border: i16,
    size: Resolution,
) -> Result<Option<&'a mut [u8]>, ReplyError> {
    let connection = &display.connection;
    if !display.has_composite {
        return Ok(None);
    }
    let Ok(pixmap) = connection.generate_id() else { return Ok(None) };
    // Only for as long as it takes; where something composes the desktop anyway this changes nothing.
    connection.composite_redirect_window(window, Redirect::AUTOMATIC)?.check()?;
    let named = connection.composite_name_window_pixmap(window, pixmap)?.check();
    let pixels = match &named {
        Ok(()) => grabber.grab(pixmap, Area { left: border, top: border, size }).ok(),
        Err(_) => None,
    };
    if named.is_ok() {
        connection.free_pixmap(pixmap)?;
    }
    connection.composite_unredirect_window(window, Redirect::AUTOMATIC)?;
    Ok(pixels)
}

fn small(scaler: &mut Scaler, pixels: &[u8], size: Resolution) -> VideoFrame {
    let whole = picture(pixels, size, MediaTime::ZERO);
    let size = whole.resolution();
    let scale =
        (SMALL.width as f32 / size.width as f32).min(SMALL.height as f32 / size.height as f32).min(1.0);
    let side = |pixels: u32| ((pixels as f32 * scale) as u32 & !1).max(2);
    scaler.scale(&whole, Resolution::new(side(size.width), side(size.height)), Fit::Stretch)
}
