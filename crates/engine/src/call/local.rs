//! Staying in a call on the local network when the program that hosts it goes, and meeting again when two host it.
//!
//! Everybody in such a call watches the announcements of its room, and goes to the server with the smallest instance name. So
//! whoever opened the same call at the same moment, or took it over at the same moment, ends on one server without asking
//! anybody. Whoever is without a server for long looks for one, and hosts the room when there is none.

use std::time::Duration;

use tincan_signal_client::{FoundServer, RoomSearch};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use url::Url;

use super::route::{self, Host, LocalCall, SEARCH_BEFORE_HOSTING};
use crate::HostedRoom;

/// Without the server for this long it is taken to be gone: a client that only lost its connection is back by then.
const GONE: Duration = Duration::from_millis(1500);
/// After a move, how long to wait for the client to arrive before looking again: its longest wait between two attempts.
const ARRIVAL: Duration = Duration::from_secs(15);

/// Where the room is now.
pub(crate) struct Move {
    /// The server as we reach it.
    pub(crate) url: Url,
    /// What an invite link names.
    pub(crate) invite_server: Option<Url>,
    /// The room in this program's own server, when we took it over.
    pub(crate) hosted: Option<HostedRoom>,
}

/// Watches over a local call. Dropping it ends it.
pub(crate) struct Keeper {
    moves: mpsc::Receiver<Move>,
    connected: watch::Sender<bool>,
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl Keeper {
    pub(crate) fn start(call: LocalCall) -> Self {
        let (sender, moves) = mpsc::channel(1);
        let (connected, connection) = watch::channel(true);
        let cancel = CancellationToken::new();
        let watching = Watching { search: None, connected: connection, moves: sender, call };
        let ended = cancel.clone();
        let task = tokio::spawn(async move {
            let mut watching = watching;
            tokio::select! {
                () = ended.cancelled() => {}
                () = watching.run() => {}
            }
            if let Some(search) = watching.search.take() {
                search.stop().await;
            }
        });
        Self { moves, connected, cancel, task }
    }

    /// Where to go, when the room has moved.
    pub(crate) async fn moved(&mut self) -> Move {
        match self.moves.recv().await {
            Some(to) => to,
            None => std::future::pending().await,
        }
    }

    /// Whether our client has the server.
    pub(crate) fn connected(&self, connected: bool) {
        self.connected.send_replace(connected);
    }

    /// Returns when nothing of it is left.
    pub(crate) async fn stop(mut self) {
        self.cancel.cancel();
        if (&mut self.task).await.is_err() {
            warn!("the keeper of a local call panicked");
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

struct Watching {
    call: LocalCall,
    search: Option<RoomSearch>,
    connected: watch::Receiver<bool>,
    moves: mpsc::Sender<Move>,
}

impl Watching {
    /// Ends when nobody wants to know any more.
    async fn run(&mut self) {
        self.search_anew().await;
        loop {
            tokio::select! {
                found = found(&mut self.search) => {
                    if found.instance < self.call.instance && self.go_to(found).await.is_none() {
                        return;
                    }
                }
                lost = lost(&mut self.connected) => {
                    if lost.is_none() || self.look_or_host().await.is_none() {
                        return;
                    }
                }
            }
        }
    }

    /// The server is gone: another one, or ours.
    async fn look_or_host(&mut self) -> Option<()> {
        info!("the server of a local call is gone");
        // A new question, because what was heard before is of servers that may be gone too.
        self.search_anew().await;
        let host = self.call.host.clone();
        match (timeout(SEARCH_BEFORE_HOSTING, found(&mut self.search)).await, host) {
            (Ok(found), _) => self.go_to(found).await?,
            (Err(_), Some(host)) => self.take_over(&host).await?,
            (Err(_), None) => {}
        }
        // A client that waits between two attempts goes at once; where nothing answers, look again.
        let _ = timeout(ARRIVAL, self.connected.wait_for(|connected| *connected)).await;
        Some(())
    }

    async fn take_over(&mut self, host: &Host) -> Option<()> {
        let hosted = match host.host(self.call.room, true).await {
            Ok(hosted) => hosted,
            Err(error) => {
                warn!(error, "a local call cannot be taken over");
                return Some(());
            }
        };
        let Ok(url) = route::parse(&hosted.url) else { return Some(()) };
        info!("a local call is taken over");
        self.call.instance.clone_from(&hosted.instance);
        let invite_server = hosted.public_url.as_deref().and_then(|url| route::parse(url).ok());
        self.moves.send(Move { url, invite_server, hosted: Some(hosted) }).await.ok()
    }

    async fn go_to(&mut self, found: FoundServer) -> Option<()> {
        self.call.instance = found.instance;
        let invite_server = Some(found.url.clone());
        self.moves.send(Move { url: found.url, invite_server, hosted: None }).await.ok()
    }

    async fn search_anew(&mut self) {
        if let Some(old) = self.search.take() {
            old.stop().await;
        }
        self.search = RoomSearch::start(self.call.room)
            .inspect_err(|error| warn!(%error, "a local call cannot be watched"))
            .ok();
    }
}

/// The next server that proves the room.
async fn found(search: &mut Option<RoomSearch>) -> FoundServer {
    if let Some(running) = search
        && let Some(found) = running.servers.recv().await
    {
        return found;
    }
    *search = None;
    std::future::pending().await
}

/// Returns when the client has been without its server for long; `None` when nobody will tell any more.
async fn lost(connected: &mut watch::Receiver<bool>) -> Option<()> {
    loop {
        connected.wait_for(|connected| !*connected).await.ok()?;
        tokio::select! {
            () = sleep(GONE) => return Some(()),
            back = connected.wait_for(|connected| *connected) => {
                back.ok()?;
            }
        }
    }
}
