//! The connection to an X server, and what it can do.

use tincan_media::video::Resolution;
use x11rb::connection::{Connection as _, RequestConnection as _};
use x11rb::errors::{ConnectError, ConnectionError, ReplyError, ReplyOrIdError};
use x11rb::protocol::composite::{self, ConnectionExt as _};
use x11rb::protocol::damage::{self, ConnectionExt as _};
use x11rb::protocol::randr::{self, ConnectionExt as _};
use x11rb::protocol::xfixes::{self, ConnectionExt as _};
use x11rb::protocol::xproto::{Atom, AtomEnum, ConnectionExt as _, ImageOrder, Window};
use x11rb::rust_connection::RustConnection;

use crate::screen::ScreenError;

/// A monitor of the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Monitor {
    pub(super) name: String,
    pub(super) left: i16,
    pub(super) top: i16,
    pub(super) size: Resolution,
}

/// See the module's description.
pub(super) struct Display {
    pub(super) connection: RustConnection,
    pub(super) root: Window,
    /// The pointer's picture can be asked for.
    pub(super) has_pointer: bool,
    /// Windows that are covered can be seen whole.
    pub(super) has_composite: bool,
    has_randr: bool,
}

impl Display {
    /// The server of this name, or the one that the environment names.
    pub(super) fn connect(name: Option<&str>) -> Result<Self, ScreenError> {
        let (connection, screen) = x11rb::connect(name)
            .map_err(|error: ConnectError| ScreenError::NoScreen { detail: error.to_string() })?;
        let root = connection.setup().roots[screen].root;
        let mut display =
            Self { connection, root, has_pointer: false, has_composite: false, has_randr: false };
        display.check_pixels(screen)?;
        display.extensions().map_err(lost)?;
        Ok(display)
    }

    /// 32 bits a pixel, blue first: every screen of the last twenty years. What comes is converted as such.
    fn check_pixels(&self, screen: usize) -> Result<(), ScreenError> {
        let setup = self.connection.setup();
        let screen = &setup.roots[screen];
        let bits = setup.pixmap_formats.iter().find(|format| format.depth == screen.root_depth);
        let bits = bits.map_or(0, |format| format.bits_per_pixel);
        let visuals = screen.allowed_depths.iter().flat_map(|depth| &depth.visuals);
        let red =
            visuals.clone().find(|visual| visual.visual_id == screen.root_visual).map_or(0, |v| v.red_mask);
        if bits == 32 && red == 0x00ff_0000 && setup.image_byte_order == ImageOrder::LSB_FIRST {
            return Ok(());
        }
        let detail = format!("depth {}, {bits} bits, red {red:#x}", screen.root_depth);
        Err(ScreenError::Unsupported { detail })
    }

    /// Each has to be greeted before it is used, or it refuses.
    fn extensions(&mut self) -> Result<(), ReplyError> {
        let connection = &self.connection;
        let has = |name| connection.extension_information(name).map(|found| found.is_some());
        self.has_pointer = has(xfixes::X11_EXTENSION_NAME)?;
        if self.has_pointer {
            connection.xfixes_query_version(5, 0)?.reply()?;
        }
        self.has_composite = has(composite::X11_EXTENSION_NAME)?;
        if self.has_composite {
            connection.composite_query_version(0, 4)?.reply()?;
        }
        self.has_randr = has(randr::X11_EXTENSION_NAME)?;
        if self.has_randr {
            let version = connection.randr_query_version(1, 5)?.reply()?;
            self.has_randr = (version.major_version, version.minor_version) >= (1, 5);
        }
        if has(damage::X11_EXTENSION_NAME)? {
            connection.damage_query_version(1, 1)?.reply()?;
        }
        Ok(())
    }

    /// The primary one first.
    pub(super) fn monitors(&self) -> Result<Vec<Monitor>, ReplyError> {
        let mut monitors = Vec::new();
        if self.has_randr {
            let mut found = self.connection.randr_get_monitors(self.root, true)?.reply()?.monitors;
            found.sort_by_key(|monitor| !monitor.primary);
            for monitor in found.iter().filter(|monitor| monitor.width > 1 && monitor.height > 1) {
                let name = self.connection.get_atom_name(monitor.name)?.reply()?.name;
                monitors.push(Monitor {
                    name: String::from_utf8_lossy(&name).into_owned(),
                    left: monitor.x,
                    top: monitor.y,
                    size: Resolution::new(monitor.width.into(), monitor.height.into()),
                });
            }
        }
        if monitors.is_empty() {
            let all = self.connection.get_geometry(self.root)?.reply()?;
            let size = Resolution::new(all.width.into(), all.height.into());
            monitors.push(Monitor { name: "screen".into(), left: 0, top: 0, size });
        }
        Ok(monitors)
    }

    pub(super) fn atom(&self, name: &str) -> Result<Atom, ReplyError> {
        Ok(self.connection.intern_atom(false, name.as_bytes())?.reply()?.atom)
    }

    /// A window's property as 32-bit numbers; none when it has none.
    pub(super) fn numbers(&self, window: Window, property: Atom, most: u32) -> Result<Vec<u32>, ReplyError> {
        let reply = self.connection.get_property(false, window, property, AtomEnum::ANY, 0, most)?.reply()?;
        Ok(reply.value32().map(Iterator::collect).unwrap_or_default())
    }

    /// What a window calls itself; may be empty.
    pub(super) fn title(&self, window: Window) -> Result<String, ReplyError> {
        /// In 32-bit units: nobody reads a longer one.
        const LONGEST: u32 = 128;
        for property in [self.atom("_NET_WM_NAME")?, AtomEnum::WM_NAME.into()] {
            let reply =
                self.connection.get_property(false, window, property, AtomEnum::ANY, 0, LONGEST)?.reply()?;
            // A title is any program's word: what is not to be shown on one line is left out.
            let title = String::from_utf8_lossy(&reply.value);
            let title: String = title.chars().filter(|character| !character.is_control()).collect();
            if !title.trim().is_empty() {
                return Ok(title.trim().to_owned());
            }
        }
        Ok(String::new())
    }
}

/// The server went away, or answers nonsense.
pub(super) fn lost(error: impl Into<ReplyOrIdError>) -> ScreenError {
    ScreenError::Lost { detail: error.into().to_string() }
}

/// Whether only this request failed, as when a window is gone by now; the server itself is well.
pub(super) fn refused(error: &ReplyError) -> bool {
    matches!(error, ReplyError::X11Error(_))
}

impl From<ConnectionError> for ScreenError {
    fn from(error: ConnectionError) -> Self {
        lost(error)
    }
}
