//! The way to a server, which can be cut and mended.

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

/// Passes connections on to a server. Dropping it cuts them all.
pub struct Proxy {
    port: u16,
    open: watch::Sender<bool>,
    task: AbortHandle,
}

impl Proxy {
    /// To the server at `upstream` (`ws://ADDRESS:PORT`).
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let port = listener.local_addr().expect("it is bound").port();
        let upstream = upstream.strip_prefix("ws://").expect("it is a server's address").to_owned();
        let (open, opened) = watch::channel(true);
        let task = tokio::spawn(serve(listener, upstream, opened)).abort_handle();
        Self { port, open, task }
    }

    /// What participants are told.
    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }

    /// Ends every connection, and lets none through until [`Proxy::mend`].
    pub fn cut(&self) {
        self.open.send_replace(false);
    }

    /// Lets connections through again.
    pub fn mend(&self) {
        self.open.send_replace(true);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, upstream: String, open: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(pass(client, upstream.clone(), open.clone()));
        while connections.try_join_next().is_some() {}
    }
}

async fn pass(mut client: TcpStream, upstream: String, mut open: watch::Receiver<bool>) {
    if !*open.borrow() {
        return;
    }
    let Ok(mut server) = TcpStream::connect(upstream).await else { return };
    tokio::select! {
        // Either side has ended.
        _ = copy_bidirectional(&mut client, &mut server) => {}
        _ = open.wait_for(|open| !open) => {}
    }
}
