//! The signalling server inside the app, for calls on the local network.

use std::sync::Arc;

use tincan_engine::{BoxFuture, HostedRoom, LocalServerHost};
use tincan_protocol::RoomId;
use tincan_signal_server::LocalServer;

/// Hands the engine's wish for a room of our own to the server's library.
#[derive(Clone, Default)]
pub(crate) struct LocalRooms(Arc<LocalServer>);

impl LocalRooms {
    /// Returns when every task of the server has ended.
    pub(crate) async fn shutdown(&self) {
        self.0.shutdown().await;
    }
}

impl LocalServerHost for LocalRooms {
    fn host(&self, room: RoomId, announced: bool) -> BoxFuture<'_, Result<HostedRoom, String>> {
        Box::pin(async move {
            let room = self.0.host(room, announced).await.map_err(|error| error.to_string())?;
            Ok(HostedRoom {
                url: room.url.clone(),
                public_url: room.public_url.clone(),
                instance: room.instance.clone(),
                guard: Box::new(room),
            })
        })
    }
}
