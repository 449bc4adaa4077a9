//! A Wayland desktop as programs that share a screen see it: a session bus, PipeWire with its manager, the real portal,
//! and behind it a dialog and a drawn screen of ours, which do as the test says. There is no compositor.

mod dialog;
mod screen;

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::oneshot;
use tokio::time::{interval, timeout};
use zbus::Connection;
use zbus::fdo::DBusProxy;
use zbus::names::BusName;

pub use self::dialog::Answer;
use self::dialog::{Backend, Wish};
pub use self::screen::Form;
use self::screen::Source;
use crate::process::{PATIENCE, Process, binary};

/// What the desktop is called, by which the portal chooses its backend.
const NAME: &str = "tincantest";
const BACKEND: &str = "org.freedesktop.impl.portal.desktop.tincantest";
const PORTAL: &str = "org.freedesktop.portal.Desktop";
/// A bus that starts nothing by itself: what runs on this machine otherwise is not this desktop's.
const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=/tmp</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;
/// The manager leaves this machine's cameras and sound cards alone.
const NO_DEVICES: &str =
    "alsa_monitor.enabled = false\nv4l2_monitor.enabled = false\nlibcamera_monitor.enabled = false\n";

/// See the module's description. Its programs end with it.
pub struct WaylandDesktop {
    home: TempDir,
    address: String,
    source: Option<Source>,
    backend: Option<Connection>,
    wishes: UnboundedReceiver<Wish>,
    portal: Option<Process>,
    _manager: Process,
    pipewire: Option<Process>,
    _bus: Process,
}

impl WaylandDesktop {
    /// Starts it with a screen of 1920 by 1080, on which pages of text are turned and scrolled.
    ///
    /// # Panics
    /// When something of it is not installed or does not start.
    pub async fn start() -> Self {
        let home = tempfile::tempdir().expect("there is room for a folder");
        let path = home.path();
        write(&path.join("bus.conf"), BUS);
        write(&path.join(".config/wireplumber/main.lua.d/51-no-devices.lua"), NO_DEVICES);
        write(
            &path.join("portals").join(format!("{NAME}.portal")),
            &format!(
                "[portal]\nDBusName={BACKEND}\nInterfaces=org.freedesktop.impl.portal.ScreenCast\nUseIn={NAME}\n"
            ),
        );
        // Newer portals ask this instead.
        write(
            &path.join(".config/xdg-desktop-portal/portals.conf"),
            &format!("[preferred]\ndefault={NAME}\n"),
        );

        let mut command = Command::new("dbus-daemon");
        command.arg("--config-file").arg(path.join("bus.conf")).args(["--nofork", "--print-address"]);
        let mut bus = Process::start("dbus-daemon", command);
        let address = |line: &str| line.starts_with("unix:").then(|| line.to_owned());
        let address = bus.wait_for("the bus's address", address).await;

        let pipewire = Process::start("pipewire", on_it(path, &address, "pipewire"));
        let socket = path.join("pipewire-0");
        until("PipeWire", || socket.exists()).await;
        let manager = Process::start("wireplumber", on_it(path, &address, "wireplumber"));
        let source = Source::start(&socket);
        let node = source.node().await;

        let (tell, wishes) = unbounded_channel();
        let backend = dialog::serve(&address, BACKEND, Backend::new(node, tell)).await.expect("a backend");
        let mut desktop = Self {
            home,
            address,
            source: Some(source),
            backend: Some(backend),
            wishes,
            portal: None,
            _manager: manager,
            pipewire: Some(pipewire),
            _bus: bus,
        };
        desktop.start_portal().await;
        desktop
    }

    /// Starts the portal anew.
    ///
    /// # Panics
    /// When it does not come.
    pub async fn start_portal(&mut self) {
        let command = on_it(self.home.path(), &self.address, "/usr/libexec/xdg-desktop-portal");
        self.portal = Some(Process::start("xdg-desktop-portal", command));
        let bus = self.backend.as_ref().expect("the backend runs");
        let bus = DBusProxy::new(bus).await.expect("the bus is there");
        let name = BusName::try_from(PORTAL).expect("it is a name");
        let mut pause = interval(Duration::from_millis(50));
        let there = async {
            while !bus.name_has_owner(name.clone()).await.expect("the bus answers") {
                pause.tick().await;
            }
        };
        assert!(timeout(PATIENCE, there).await.is_ok(), "the portal does not come");
    }

    /// `tincan` in a session of it.
    pub fn tincan(&self) -> Command {
        let mut command = on_it(self.home.path(), &self.address, binary("tincan"));
        command.env("WAYLAND_DISPLAY", "wayland-0").env("XDG_SESSION_TYPE", "wayland");
        command
    }

    async fn wish(&mut self) -> Wish {
        let wish = timeout(PATIENCE, self.wishes.recv()).await.expect("the portal asks for something");
        wish.expect("the backend is there as long as the desktop is")
    }

    /// Waits for the next dialog, which takes an answer. What was closed before is passed over.
    ///
    /// # Panics
    /// When none opens.
    pub async fn dialog(&mut self) -> oneshot::Sender<Answer> {
        loop {
            if let Wish::Dialog(answer) = self.wish().await {
                return answer;
            }
        }
    }

    /// Waits for the dialog, and answers it.
    ///
    /// # Panics
    /// When none opens.
    pub async fn answer(&mut self, with: Answer) {
        // Whoever asked may be gone by now.
        let _ = self.dialog().await.send(with);
    }

    /// Waits until what was shared, or the dialog, is closed by whoever asked for it.
    ///
    /// # Panics
    /// When it stays open.
    pub async fn is_let_go(&mut self) {
        while !matches!(self.wish().await, Wish::Closed) {}
    }

    /// Ends what is shared, as a person does who presses *Stop* in the desktop's panel.
    ///
    /// # Panics
    /// When nothing is shared.
    pub async fn stop_sharing(&self) {
        let backend = self.backend.as_ref().expect("the backend runs");
        dialog::end_session(backend).await.expect("something is shared");
    }

    /// The screen takes another form.
    ///
    /// # Panics
    /// When it is gone.
    pub fn change_screen(&self, form: Form) {
        self.source.as_ref().expect("there is a screen").change(form);
    }

    /// The screen is unplugged.
    pub fn unplug_screen(&mut self) {
        self.source = None;
    }

    /// PipeWire dies.
    ///
    /// # Panics
    /// When it is dead already.
    pub async fn lose_pipewire(&mut self) {
        self.pipewire.take().expect("it runs").kill().await;
    }

    /// The portal dies.
    ///
    /// # Panics
    /// When it is dead already.
    pub async fn lose_portal(&mut self) {
        self.portal.take().expect("it runs").kill().await;
    }

    /// The portal stays, and answers nothing any more.
    ///
    /// # Panics
    /// When it is dead.
    pub async fn freeze_portal(&mut self) {
        let id = self.portal.as_ref().expect("it runs").id();
        let frozen = Command::new("kill").args(["-STOP", &id.to_string()]).status().await;
        assert!(frozen.is_ok_and(|status| status.success()), "the portal cannot be stopped");
    }
}

/// A program on this desktop, and on no other.
fn on_it(home: &Path, address: &str, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    for other in ["DISPLAY", "WAYLAND_DISPLAY", "PIPEWIRE_REMOTE", "PULSE_SERVER", "XDG_CONFIG_HOME"] {
        command.env_remove(other);
    }
    command
        .stdin(Stdio::null())
        .env("HOME", home)
        .env("XDG_RUNTIME_DIR", home)
        .env("XDG_CURRENT_DESKTOP", NAME)
        .env("XDG_DESKTOP_PORTAL_DIR", home.join("portals"))
        .env("DBUS_SESSION_BUS_ADDRESS", address);
    command
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("a folder can be made");
    std::fs::write(path, text).expect("the test's folder can be written");
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let mut pause = interval(Duration::from_millis(20));
    let holding = async {
        while !holds() {
            pause.tick().await;
        }
    };
    assert!(timeout(PATIENCE, holding).await.is_ok(), "{what} does not come");
}
