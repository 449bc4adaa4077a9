//! Screens and windows to share, and what stands in for one: drawn pages of text, and films in YUV4MPEG2.
//!
//! A [`ScreenThread`] gives a picture whenever something changed in what is shared, and none otherwise. A window that is
//! closed and a screen that is unplugged end it; one that is minimised only pauses it. What is shared is never tried again
//! by itself: a window that comes back is another one, and nobody shows it unasked.

#[cfg(target_os = "linux")]
mod pixels;
#[cfg(target_os = "linux")]
mod portal;
mod selector;
mod synthetic;
#[cfg(target_os = "linux")]
mod x11;

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use thiserror::Error;
use tincan_media::video::{Resolution, VideoFrame};
use tincan_media::{DeviceError, MediaClock, VideoSink};

pub use self::selector::ScreenSelector;
use crate::video::{Gate, Told, spawn};

/// What a shared screen is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScreenRequest {
    /// Pictures a second at most.
    pub frames_per_second: u32,
}

impl Default for ScreenRequest {
    /// 15 pictures a second: what makes scrolling followable, and leaves the bits to sharpness.
    fn default() -> Self {
        Self { frames_per_second: 15 }
    }
}

/// What happens to what is shared.
#[derive(Debug, Clone, PartialEq)]
pub enum ScreenEvent {
    /// It gives pictures; comes with the first one, and again when its size changed.
    Started {
        /// The name that the person knows it by.
        name: String,
        /// Size of its pictures.
        resolution: Resolution,
    },
    /// The window is minimised: there is nothing to see in it until [`Self::Shown`].
    Hidden,
    /// It is to be seen again.
    Shown,
    /// There will be no more pictures.
    Ended(ScreenError),
}

/// Why a screen cannot be shared, or is shared no more. The text says what the person can do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ScreenError {
    /// There is no capture for this system.
    #[error("Sharing a screen is not built for {system} yet.")]
    NotBuilt {
        /// The system's name.
        system: &'static str,
    },
    /// On Wayland no program sees another, and so none can be named.
    #[error("Under Wayland your desktop asks what to share. Choose `portal` instead.")]
    OnlyByDialog,
    /// No program of the desktop's shares screens.
    #[error(
        "This desktop lets no program share the screen ({detail}). Install its portal (xdg-desktop-portal, and the \
         one for your desktop: -gnome, -kde, -wlr or another) and log in again, or log in to an X11 session."
    )]
    NoPortal {
        /// What the bus or the portal said.
        detail: String,
    },
    /// The portal answers nothing.
    #[error(
        "Your desktop does not answer when it is asked to share the screen. Try again, or log out and in."
    )]
    DesktopHangs,
    /// The person closed the desktop's dialog.
    #[error("Nothing was chosen in your desktop's dialog, so nothing is shared.")]
    NotChosen,
    /// The portal said no by itself.
    #[error("Your desktop did not share the screen ({detail}). Try again, or log out and in.")]
    Refused {
        /// What it said.
        detail: String,
    },
    /// The person pressed stop on the desktop's side, or the chosen thing is gone.
    #[error("Your desktop ended the sharing. Share again if you did not mean to stop.")]
    EndedByDesktop,
    /// There is no screen at all.
    #[error("There is no screen here that could be shared ({detail}).")]
    NoScreen {
        /// What the system said.
        detail: String,
    },
    /// What was to be shared is not there.
    #[error("{what} is not there any more. Choose something else to share.")]
    NotFound {
        /// A window or a screen.
        what: String,
    },
    /// The window was closed.
    #[error("The window that you shared was closed.")]
    Closed,
    /// The screen was unplugged, or switched off.
    #[error("The screen that you shared is gone.")]
    Unplugged,
    /// Its pixels come in a form that is not understood.
    #[error("This screen cannot be shared: its colours come in a form that Tincan does not know ({detail}).")]
    Unsupported {
        /// Depth, bits and order.
        detail: String,
    },
    /// Capturing died.
    #[error("The screen could not be captured any more ({detail}). Share it again.")]
    Lost {
        /// What the system said.
        detail: String,
    },
    /// A file in place of a screen.
    #[error(transparent)]
    File(DeviceError),
}

impl ScreenError {
    /// A stable identifier for the UI and for scripts.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotBuilt { .. } => "screen_not_built",
            Self::OnlyByDialog => "screen_only_by_dialog",
            Self::NoPortal { .. } => "screen_no_portal",
            Self::DesktopHangs => "screen_desktop_hangs",
            Self::NotChosen => "screen_not_chosen",
            Self::Refused { .. } => "screen_refused",
            Self::EndedByDesktop => "screen_ended_by_desktop",
            Self::NoScreen { .. } => "screen_none",
            Self::NotFound { .. } => "screen_not_found",
            Self::Closed => "screen_closed",
            Self::Unplugged => "screen_unplugged",
            Self::Unsupported { .. } => "screen_unsupported",
            Self::Lost { .. } => "screen_lost",
            Self::File(error) => error.code(),
        }
    }
}

/// Whether somebody shares everything on a screen, or one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScreenKind {
    /// Everything on one screen.
    Monitor,
    /// One window.
    Window,
    /// What is chosen in a dialog of the desktop's.
    Dialog,
}

/// Something that can be shared.
#[derive(Debug, Clone, PartialEq)]
pub struct ScreenInfo {
    /// Which.
    pub selector: ScreenSelector,
    /// The name that the person knows it by.
    pub name: String,
    /// What it is.
    pub kind: ScreenKind,
    /// How it looks now, small; `None` for a window that is minimised, and for what is chosen later.
    pub picture: Option<VideoFrame>,
}

/// Screens, then windows, the ones on top first; on Wayland one entry for the desktop's own dialog. Blocks for as long as
/// the system takes to draw their pictures, or the desktop to answer.
///
/// # Errors
/// [`ScreenError`] when none can be shared here.
pub fn list_screens() -> Result<Vec<ScreenInfo>, ScreenError> {
    #[cfg(target_os = "linux")]
    return if is_wayland() { portal::list() } else { x11::list() };
    #[cfg(not(target_os = "linux"))]
    Err(NOT_BUILT)
}

/// Whether this is a Wayland session. There is an X server in it for old programs, which sees these and a black screen
/// around them.
#[cfg(target_os = "linux")]
fn is_wayland() -> bool {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    set("WAYLAND_DISPLAY").is_some()
        || set("DISPLAY").is_none() && set("XDG_SESSION_TYPE").is_some_and(|kind| kind == "wayland")
}

/// What is told about a screen.
type OnEvent = Box<dyn Fn(ScreenEvent) + Send + Sync>;

#[cfg(windows)]
const NOT_BUILT: ScreenError = ScreenError::NotBuilt { system: "Windows" };
#[cfg(target_os = "macos")]
const NOT_BUILT: ScreenError = ScreenError::NotBuilt { system: "macOS" };
#[cfg(not(any(windows, target_os = "macos", target_os = "linux")))]
const NOT_BUILT: ScreenError = ScreenError::NotBuilt { system: "this system" };

/// A screen that is shared.
pub struct ScreenThread {
    tell: Sender<Told>,
    gate: Arc<Gate>,
    thread: Option<JoinHandle<()>>,
}

impl ScreenThread {
    /// Begins in the background and returns at once. Pictures go to `sink`, in `clock`'s time; what happens goes to
    /// `on_event`. Both are called on the screen's thread and only store or forward.
    pub fn open(
        selector: &ScreenSelector,
        request: ScreenRequest,
        clock: MediaClock,
        sink: Arc<dyn VideoSink>,
        on_event: Box<dyn Fn(ScreenEvent) + Send + Sync>,
    ) -> Self {
        let (tell, told) = channel();
        let gate = Arc::new(Gate::new(sink));
        let (selector, to) = (selector.clone(), Arc::clone(&gate));
        let run = move || {
            let ended = match &selector {
                ScreenSelector::TestText { still } => synthetic::text(*still, clock, &to, &on_event, &told),
                ScreenSelector::File(path) => synthetic::film(path, clock, &to, &on_event, &told),
                #[cfg(target_os = "linux")]
                ScreenSelector::Portal => portal::capture(request, clock, &to, &on_event, &told),
                #[cfg(target_os = "linux")]
                ScreenSelector::Monitor(_) | ScreenSelector::Window(_) if is_wayland() => {
                    Err(ScreenError::OnlyByDialog)
                }
                #[cfg(target_os = "linux")]
                ScreenSelector::Monitor(_) | ScreenSelector::Window(_) => {
                    x11::capture(&selector, request, clock, &to, &on_event, &told)
                }
                #[cfg(not(target_os = "linux"))]
                ScreenSelector::Portal | ScreenSelector::Monitor(_) | ScreenSelector::Window(_) => {
                    let _ = request;
                    Err(NOT_BUILT)
                }
            };
            if let Err(error) = ended {
                tracing::info!(code = error.code(), "a shared screen ended");
                on_event(ScreenEvent::Ended(error));
            }
        };
        Self { tell, gate, thread: spawn("screen", run) }
    }

    /// Ends it. When it returns, no picture comes any more and the system knows that nothing is captured.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.gate.shut();
        let _ = self.tell.send(Told::Stop);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("a shared screen's thread panicked");
        }
    }
}

impl Drop for ScreenThread {
    fn drop(&mut self) {
        self.end();
    }
}
