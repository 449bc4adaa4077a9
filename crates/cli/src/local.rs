//! Hands the engine's wish for a server on the local network to the server's library.

use tincan_engine::{BoxFuture, HostedRoom, LocalServerHost};
use tincan_protocol::RoomId;
use tincan_signal_server::LocalServer;

/// The server inside this program.
#[derive(Default)]
pub(crate) struct LocalHost(LocalServer);

impl LocalServerHost for LocalHost {
    fn host(&self, room: RoomId, announced: bool) -> BoxFuture<'_, Result<HostedRoom, String>> {
        Box::pin(async move {
            let hosted = self.0.host(room, announced).await.map_err(|error| error.to_string())?;
            Ok(HostedRoom {
                url: hosted.url.clone(),
                public_url: hosted.public_url.clone(),
                instance: hosted.instance.clone(),
                guard: Box::new(hosted),
            })
        })
    }
}
