//! The signalling server as its own process.

use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::time::{Duration, interval, timeout};

use crate::process::{PATIENCE, Process, binary};

/// A running server.
pub struct Server {
    process: Process,
    port: u16,
    arguments: Vec<String>,
}

impl Server {
    /// On a free port of the loopback interface; returns when it answers.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with more arguments.
    pub async fn start_with(arguments: &[&str]) -> Self {
        Self::on(free_port().await, arguments).await
    }

    async fn on(port: u16, arguments: &[&str]) -> Self {
        let mut command = Command::new(binary("tincan"));
        command.args(["serve", "--listen", &format!("127.0.0.1:{port}")]).args(arguments);
        let process = Process::start("tincan serve", command);
        reachable(port).await;
        Self { process, port, arguments: arguments.iter().map(ToString::to_string).collect() }
    }

    /// What participants are told.
    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Dies as in a crash; the port is kept for [`Down::start`].
    pub async fn crash(self) -> Down {
        self.process.kill().await;
        Down { port: self.port, arguments: self.arguments }
    }
}

/// A server that is not there.
pub struct Down {
    port: u16,
    arguments: Vec<String>,
}

impl Down {
    /// Comes back on the same port with the same arguments, knowing nothing.
    pub async fn start(self) -> Server {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        Server::on(self.port, &arguments).await
    }
}

/// A port of the loopback interface on which nobody listens.
///
/// # Panics
/// When there is none.
pub async fn free_port() -> u16 {
    // Freed at once and taken by a server: the kernel hands the same port out again only after all others.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
    listener.local_addr().expect("it is bound").port()
}

/// Returns when something listens on `port`.
///
/// # Panics
/// When nothing does in time.
pub async fn reachable(port: u16) {
    let attempts = async {
        let mut pause = interval(Duration::from_millis(20));
        loop {
            pause.tick().await;
            if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return;
            }
        }
    };
    assert!(timeout(PATIENCE, attempts).await.is_ok(), "nothing listens on port {port}");
}
