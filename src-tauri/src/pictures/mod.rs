//! Who draws the pictures: the page, which gets them over the frame socket, or the window itself, above the page.
//!
//! The page says where its pictures are and what lies over them ([`Layout`]). Where the window draws, it draws them there and
//! leaves out what lies over them; where it does not, it says so once and the page draws into canvases. Each view may be
//! left to the page for a while, too: behind a translucent dialog only the page can show a picture.

#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only Linux draws above the page"))]
mod layout;
#[cfg(target_os = "linux")]
mod render;
#[cfg(target_os = "linux")]
mod surface;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use clap::ValueEnum;
use tauri::WebviewWindow;
use tincan_media::video::VideoFrame;

use crate::frame_socket::FrameHub;
pub(crate) use layout::Layout;

/// What was chosen for this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Choice {
    /// The window where that costs less: on Linux without a graphics card.
    #[default]
    Automatic,
    /// The window, wherever it can.
    Native,
    /// The page.
    Canvas,
}

impl Choice {
    /// Whether the window is to draw pictures itself.
    pub(crate) fn native(self) -> bool {
        #[cfg(target_os = "linux")]
        return match self {
            Self::Automatic => !crate::drawing::has_graphics_card(),
            Self::Native => true,
            Self::Canvas => false,
        };
        #[cfg(not(target_os = "linux"))]
        false
    }
}

/// Who shows a stream's pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Way {
    /// The page.
    #[default]
    Page,
    /// The window, above the page.
    Window,
    /// The window, until the page has drawn one: nobody sees a gap.
    Both,
}

/// Shows pictures above the page.
pub(crate) trait PictureSurface: Send + Sync {
    /// The latest picture of a stream, put in at this time; called on media threads.
    fn show(&self, stream: u32, frame: Arc<VideoFrame>, put_in: Instant);
    /// The stream shows nothing more.
    fn ended(&self, stream: u32);
    /// Where pictures are from now on.
    fn lay_out(&self, layout: Layout);
    /// Ends what runs.
    fn close(&self);
}

/// The pictures of the window: [`FrameHub`] hands out what is in it by the ways that the page's layout says.
pub(crate) struct Pictures {
    hub: Arc<FrameHub>,
    surface: Option<Arc<dyn PictureSurface>>,
    /// There is a place above the page.
    above: AtomicBool,
}

impl Pictures {
    /// `notes`: where to write a line for every picture that the window draws, for measurements.
    pub(crate) fn new(hub: Arc<FrameHub>, native: bool, notes: Option<&Path>) -> Self {
        #[cfg(target_os = "linux")]
        let surface = if native {
            surface::Surface::start(&hub, notes)
                .inspect_err(
                    |error| tracing::warn!(%error, "the page draws the pictures: no thread was started"),
                )
                .ok()
                .map(|surface| surface as Arc<dyn PictureSurface>)
        } else {
            None
        };
        #[cfg(not(target_os = "linux"))]
        let surface: Option<Arc<dyn PictureSurface>> = {
            let _ = (native, notes);
            None
        };
        if let Some(surface) = &surface {
            hub.draw_above_the_page(Arc::clone(surface));
        }
        Self { hub, surface, above: AtomicBool::new(false) }
    }

    /// Makes a place above the page of this window, if it is to draw there.
    pub(crate) fn put_above(&self, window: &WebviewWindow) -> tauri::Result<()> {
        #[cfg(target_os = "linux")]
        if self.surface.is_some() {
            return surface::put_above(window);
        }
        let _ = window;
        Ok(())
    }

    /// The window has a place above its page.
    #[cfg(target_os = "linux")]
    fn is_above(&self) {
        self.above.store(true, Ordering::Relaxed);
    }

    /// Whether the window draws pictures: where it has no place above its page, the page does.
    pub(crate) fn native(&self) -> bool {
        self.surface.is_some() && self.above.load(Ordering::Relaxed)
    }

    /// The page says where its pictures are. Nothing of it is trusted: what is no rectangle is left out.
    pub(crate) fn lay_out(&self, layout: Layout) {
        let Some(surface) = &self.surface else { return };
        let layout = layout.checked();
        let mut ways = BTreeMap::new();
        for view in &layout.views {
            let way = if view.page { Way::Both } else { Way::Window };
            ways.insert(view.stream, way);
        }
        surface.lay_out(layout);
        self.hub.set_ways(ways);
    }

    pub(crate) fn close(&self) {
        if let Some(surface) = &self.surface {
            surface.close();
        }
    }
}
