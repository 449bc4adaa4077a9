//! What a desktop has beside a screen: a session bus, on which it shows notifications and keeps the screen on. They note
//! what they are asked for.

use tokio::process::Command;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;
use zbus::connection::Builder;
use zbus::{Connection, interface};

use crate::process::{PATIENCE, Process};

/// What a program asked the desktop for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Show this text.
    Notification(String),
    /// Keep the screen on.
    ScreenOn,
    /// Let it go dark again.
    ScreenMayGoDark,
}

/// A session bus and the services on it.
pub struct Desktop {
    _bus: Process,
    _services: Connection,
    address: String,
    wishes: UnboundedReceiver<Wish>,
}

impl Desktop {
    /// Starts the bus and its services.
    ///
    /// # Panics
    /// When they do not start.
    pub async fn start() -> Self {
        let mut command = Command::new("dbus-daemon");
        command.args(["--session", "--nofork", "--print-address"]);
        let mut bus = Process::start("dbus-daemon", command);
        let address = |line: &str| line.starts_with("unix:").then(|| line.to_owned());
        let address = bus.wait_for("the bus's address", address).await;
        let (noted, wishes) = unbounded_channel();
        let services = serve(&address, noted).await.expect("the services start");
        Self { _bus: bus, _services: services, address, wishes }
    }

    /// For `DBUS_SESSION_BUS_ADDRESS`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The next thing that somebody asks for.
    ///
    /// # Panics
    /// When nobody does.
    pub async fn wish(&mut self) -> Wish {
        let wish =
            timeout(PATIENCE, self.wishes.recv()).await.expect("somebody asks the desktop for something");
        wish.expect("the services are there as long as the desktop is")
    }
}

async fn serve(address: &str, noted: UnboundedSender<Wish>) -> zbus::Result<Connection> {
    Builder::address(address)?
        .serve_at("/org/freedesktop/Notifications", Notifications(noted.clone()))?
        .serve_at("/org/freedesktop/ScreenSaver", ScreenSaver(noted))?
        .name("org.freedesktop.Notifications")?
        .name("org.freedesktop.ScreenSaver")?
        .build()
        .await
}

struct Notifications(UnboundedSender<Wish>);

#[interface(name = "org.freedesktop.Notifications")]
impl Notifications {
    #[allow(clippy::too_many_arguments)] // As the specification has it.
    async fn notify(
        &self,
        _app_name: &str,
        _replaces_id: u32,
        _app_icon: &str,
        summary: &str,
        body: &str,
        _actions: Vec<String>,
        _hints: std::collections::HashMap<String, zbus::zvariant::OwnedValue>,
        _expire_timeout: i32,
    ) -> u32 {
        let _ = self.0.send(Wish::Notification(format!("{summary}: {body}")));
        1
    }

    async fn get_capabilities(&self) -> Vec<String> {
        vec!["body".into()]
    }

    async fn get_server_information(&self) -> (String, String, String, String) {
        ("test".into(), "test".into(), "1".into(), "1.2".into())
    }
}

struct ScreenSaver(UnboundedSender<Wish>);

#[interface(name = "org.freedesktop.ScreenSaver")]
impl ScreenSaver {
    async fn inhibit(&self, _application: &str, _reason: &str) -> u32 {
        let _ = self.0.send(Wish::ScreenOn);
        7
    }

    async fn un_inhibit(&self, cookie: u32) {
        assert_eq!(cookie, 7);
        let _ = self.0.send(Wish::ScreenMayGoDark);
    }
}
