//! Keeps the screen on while a call runs: nobody touches the keyboard in a call, and a system that takes that for absence
//! would lock the screen in the middle of a sentence.

use std::sync::mpsc::{Sender, channel};
use std::thread::Builder;

use tracing::{debug, warn};

/// The screen stays on until this is dropped. Asking the system may take seconds (a bus that hangs), so that a thread of
/// its own does it, and nobody waits for that thread: what was asked for ends with the process in any case.
pub(crate) struct Awake {
    /// Closes when this is dropped, which ends the thread.
    _kept: Sender<()>,
}

impl Awake {
    pub(crate) fn start() -> Self {
        let (kept, released) = channel::<()>();
        let started = Builder::new().name("tincan-awake".to_owned()).spawn(move || match system::hold() {
            Ok(hold) => {
                // Nothing is ever sent: this returns when the sender is dropped.
                let _ = released.recv();
                drop(hold);
                debug!("the screen may go dark again");
            }
            // A desktop without such a service has no screen saver that knows of us either.
            Err(problem) => debug!(%problem, "the system was not asked to keep the screen on"),
        });
        if let Err(error) = started {
            warn!(%error, "the screen may go dark in this call");
        }
        Self { _kept: kept }
    }
}

/// Linux: the desktop portal where there is one, since a sandboxed program may ask nobody else, and the screen saver
/// interface that desktops without a portal have.
#[cfg(target_os = "linux")]
mod system {
    use std::collections::HashMap;

    use tracing::debug;
    use zbus::blocking::{Connection, Proxy};
    use zbus::zvariant::{OwnedObjectPath, Value};

    /// Suspending (4) and going idle (8) are inhibited (org.freedesktop.portal.Inhibit, version 3).
    const SUSPEND_AND_IDLE: u32 = 4 | 8;
    const REASON: &str = "A video call is running";
    const PORTAL: &str = "org.freedesktop.portal.Desktop";
    const SCREEN_SAVER: &str = "org.freedesktop.ScreenSaver";

    /// What was asked for; dropping it takes the wish back.
    pub(super) struct Hold {
        bus: Connection,
        asked: Asked,
    }

    enum Asked {
        Portal(OwnedObjectPath),
        ScreenSaver(u32),
    }

    pub(super) fn hold() -> zbus::Result<Hold> {
        let bus = Connection::session()?;
        let asked = match ask_portal(&bus) {
            Ok(request) => Asked::Portal(request),
            Err(error) => {
                debug!(%error, "there is no portal to ask");
                let (name, reason) = ("Tincan", REASON);
                Asked::ScreenSaver(screen_saver(&bus)?.call("Inhibit", &(name, reason))?)
            }
        };
        Ok(Hold { bus, asked })
    }

    fn ask_portal(bus: &Connection) -> zbus::Result<OwnedObjectPath> {
        let path = "/org/freedesktop/portal/desktop";
        let portal = Proxy::new(bus, PORTAL, path, "org.freedesktop.portal.Inhibit")?;
        let options = HashMap::from([("reason", Value::from(REASON))]);
        // No window: the portal takes an empty name for one that it cannot know.
        portal.call("Inhibit", &("", SUSPEND_AND_IDLE, options))
    }

    fn screen_saver(bus: &Connection) -> zbus::Result<Proxy<'static>> {
        Proxy::new(bus, SCREEN_SAVER, "/org/freedesktop/ScreenSaver", SCREEN_SAVER)
    }

    impl Drop for Hold {
        fn drop(&mut self) {
            let released = match &self.asked {
                Asked::Portal(request) => {
                    Proxy::new(&self.bus, PORTAL, request.clone(), "org.freedesktop.portal.Request")
                        .and_then(|request| request.call::<_, _, ()>("Close", &()))
                }
                Asked::ScreenSaver(cookie) => {
                    screen_saver(&self.bus).and_then(|saver| saver.call::<_, _, ()>("UnInhibit", cookie))
                }
            };
            // The wish ends with the connection to the bus too.
            if let Err(error) = released {
                debug!(%error, "the screen saver did not answer");
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    pub(super) fn hold() -> keepawake::Result<keepawake::KeepAwake> {
        keepawake::Builder::default()
            .display(true)
            .idle(true)
            .reason("A video call is running")
            .app_name("Tincan")
            .app_reverse_domain("app.tincan.desktop")
            .create()
    }
}
