//! What is captured: a monitor's part of the root window, or a window by itself.

use std::time::{Duration, Instant};

use tincan_media::MediaTime;
use tincan_media::video::{Resolution, VideoFrame};
use x11rb::connection::Connection as _;
use x11rb::errors::{ReplyError, ReplyOrIdError};
use x11rb::protocol::Event;
use x11rb::protocol::composite::{ConnectionExt as _, Redirect};
use x11rb::protocol::damage::{ConnectionExt as _, Damage, ReportLevel};
use x11rb::protocol::xproto::{
    ChangeWindowAttributesAux, ConnectionExt as _, Drawable, EventMask, MapState, Pixmap, Window,
};

use super::display::{Display, lost, refused};
use super::pixels::{Area, Grabber, picture};
use super::pointer::Pointer;
use crate::screen::{ScreenError, ScreenSelector};

/// Everything is looked at so often, also when nothing was told: some window managers tell nothing of minimising, and of
/// monitors nobody tells at all.
const LOOK_ANEW: Duration = Duration::from_secs(1);
/// Smaller windows are not encoded: they are no windows for people.
const LEAST: u32 = 16;

/// What a look found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Something to see that was not seen yet.
    Changed,
    /// Nothing new.
    Same,
    /// Nothing to see: the window is minimised.
    Hidden,
}

/// What is captured.
enum Of {
    /// A monitor of this name.
    Monitor(String),
    Window(Window),
}

/// See the module's description.
pub(super) struct Source<'a> {
    display: &'a Display,
    of: Of,
    name: String,
    damage: Damage,
    /// What holds the window's own pixels, as long as it keeps its size.
    pixmap: Option<Pixmap>,
    /// Where in the drawable.
    area: Area,
    /// Where on the root window, for the pointer.
    place: (i32, i32),
    visible: bool,
    changed: bool,
    looked_anew: Option<Instant>,
    pointer: Pointer,
    grabber: Grabber<'a>,
}

impl<'a> Source<'a> {
    pub(super) fn open(display: &'a Display, selector: &ScreenSelector) -> Result<Self, ScreenError> {
        let (of, name) = match selector {
            ScreenSelector::Window(window) => {
                let title = display.title(*window);
                let title = title
                    .map_err(|error| gone(error, ScreenError::NotFound { what: "The window".into() }))?;
                (Of::Window(*window), if title.is_empty() { "Window".into() } else { title })
            }
            ScreenSelector::Monitor(name) => {
                let monitors = display.monitors().map_err(lost)?;
                let wanted = |there: &&_| matches_name(there, name.as_deref());
                let Some(found) = monitors.iter().find(wanted) else {
                    return Err(ScreenError::NotFound { what: "The screen".into() });
                };
                (Of::Monitor(found.name.clone()), format!("Screen {}", found.name))
            }
            ScreenSelector::Portal | ScreenSelector::TestText { .. } | ScreenSelector::File(_) => {
                return Err(ScreenError::NotFound { what: "The screen".into() });
            }
        };
        let drawable = match &of {
            Of::Monitor(_) => display.root,
            Of::Window(window) => *window,
        };
        let mut source = Self {
            damage: watch(display, drawable, &of).map_err(|error| match error {
                ReplyOrIdError::X11Error(_) => ScreenError::NotFound { what: "The window".into() },
                error => lost(error),
            })?,
            grabber: Grabber::new(&display.connection),
            display,
            of,
            name,
            pixmap: None,
            area: Area { left: 0, top: 0, size: Resolution::new(0, 0) },
            place: (0, 0),
            visible: true,
            changed: true,
            looked_anew: None,
            pointer: Pointer::default(),
        };
        source.look_anew()?;
        Ok(source)
    }

    /// The name that the person knows it by.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What happened since the last look.
    pub(super) fn look(&mut self, now: Instant) -> Result<Look, ScreenError> {
        let mut anew = self.looked_anew.is_none_or(|at| now.saturating_duration_since(at) >= LOOK_ANEW);
        while let Some(event) = self.display.connection.poll_for_event()? {
            match event {
                Event::DamageNotify(_) => self.changed = true,
                Event::DestroyNotify(gone) if self.is(gone.window) => return Err(ScreenError::Closed),
                Event::ConfigureNotify(new) if self.is(new.window) => anew = true,
                Event::UnmapNotify(hidden) if self.is(hidden.window) => anew = true,
                Event::MapNotify(shown) if self.is(shown.window) => anew = true,
                // A request about a window that is gone by now: its end is told by another event.
                _ => {}
            }
        }
        if anew {
            self.looked_anew = Some(now);
            self.look_anew()?;
        }
        if !self.visible {
            return Ok(Look::Hidden);
        }
        let was_in = self.pointer_in();
        if self.pointer.look(self.display).map_err(lost)? && (was_in || self.pointer_in()) {
            self.changed = true;
        }
        Ok(if self.changed { Look::Changed } else { Look::Same })
    }

    fn is(&self, window: Window) -> bool {
        matches!(self.of, Of::Window(shared) if shared == window)
    }

    fn pointer_in(&self) -> bool {
        self.pointer.is_in(self.place.0, self.place.1, self.area.size)
    }

    /// Where it is, how large, and whether it is to be seen.
    fn look_anew(&mut self) -> Result<(), ScreenError> {
        match &self.of {
            Of::Monitor(name) => {
                let monitors = self.display.monitors().map_err(lost)?;
                let Some(monitor) = monitors.into_iter().find(|there| there.name == *name) else {
                    return Err(ScreenError::Unplugged);
                };
                let area = Area { left: monitor.left, top: monitor.top, size: monitor.size };
                self.changed |= area != self.area;
                self.area = area;
                self.place = (monitor.left.into(), monitor.top.into());
                Ok(())
            }
            Of::Window(window) => {
                let window = *window;
                self.look_at_window(window).map_err(|error| match error {
                    ReplyOrIdError::X11Error(_) => ScreenError::Closed,
                    error => lost(error),
                })
            }
        }
    }

    fn look_at_window(&mut self, window: Window) -> Result<(), ReplyOrIdError> {
        let Display { connection, root, .. } = self.display;
        let shape = connection.get_geometry(window)?.reply()?;
        let state = connection.get_window_attributes(window)?.reply()?.map_state;
        let place = connection.translate_coordinates(window, *root, 0, 0)?.reply()?;
        self.place = (place.dst_x.into(), place.dst_y.into());
        let size = Resolution::new(shape.width.into(), shape.height.into());
        // With the window's own pixels comes its border.
        let border = if self.display.has_composite { shape.border_width as i16 } else { 0 };
        let area = Area { left: border, top: border, size };
        let visible = state == MapState::VIEWABLE && size.width >= LEAST && size.height >= LEAST;
        let named = self.pixmap.is_some() || !visible || !self.display.has_composite;
        if area == self.area && visible == self.visible && named {
            return Ok(());
        }
        (self.area, self.visible, self.changed) = (area, visible, true);
        if let Some(old) = self.pixmap.take() {
            connection.free_pixmap(old)?;
        }
        if visible && self.display.has_composite {
            // The pixels of before are another pixmap's from every change of size on.
            let pixmap = connection.generate_id()?;
            connection.composite_name_window_pixmap(window, pixmap)?.check()?;
            self.pixmap = Some(pixmap);
        }
        Ok(())
    }

    /// How it looks now; `None` when it changed under our hands, which the next look finds out.
    pub(super) fn picture(&mut self, time: MediaTime) -> Result<Option<VideoFrame>, ScreenError> {
        self.changed = false;
        // Before the pixels are taken: what changes from now on is told anew.
        self.display.connection.damage_subtract(self.damage, x11rb::NONE, x11rb::NONE)?;
        let drawable: Drawable = match (&self.of, self.pixmap) {
            (Of::Monitor(_), _) => self.display.root,
            (Of::Window(_), Some(pixmap)) => pixmap,
            (Of::Window(window), None) => *window,
        };
        let size = self.area.size;
        match self.grabber.grab(drawable, self.area) {
            Ok(pixels) => {
                self.pointer.draw(pixels, self.place.0, self.place.1, size);
                Ok(Some(picture(pixels, size, time)))
            }
            Err(error) if refused(&error) => {
                (self.changed, self.looked_anew) = (true, None);
                Ok(None)
            }
            Err(error) => Err(lost(error)),
        }
    }
}

fn matches_name(monitor: &super::display::Monitor, wanted: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| monitor.name == wanted)
}

/// Asks to be told of everything that changes.
fn watch(display: &Display, drawable: Drawable, of: &Of) -> Result<Damage, ReplyOrIdError> {
    let connection = &display.connection;
    if let Of::Window(window) = of {
        let events = ChangeWindowAttributesAux::new().event_mask(EventMask::STRUCTURE_NOTIFY);
        connection.change_window_attributes(*window, &events)?.check()?;
        if display.has_composite {
            connection.composite_redirect_window(*window, Redirect::AUTOMATIC)?.check()?;
        }
    }
    let damage = connection.generate_id()?;
    connection.damage_create(damage, drawable, ReportLevel::NON_EMPTY)?.check()?;
    Ok(damage)
}

fn gone(error: ReplyError, otherwise: ScreenError) -> ScreenError {
    if refused(&error) { otherwise } else { lost(error) }
}
