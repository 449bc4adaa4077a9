//! Hands the engine's wish for a server on the local network to the server's library.

use tincan_engine::{BoxFuture, HostedRoom, LocalServerHost};
use tincan_protocol::RoomId;
use tincan_signal_server::LocalServer;

/// The server inside this program.
#[derive(Default)]
pub(crate) struct LocalHost(LocalServer);

impl LocalServerHost for LocalHost {
    fn host(&self, room: RoomId) -> BoxFuture<'_, Result<HostedRoom, String>> {
        Box::pin(async move {
            let hosted = self.0.host(room).await.map_err(|error| error.to_string())?;
            let (url, public_url) = (hosted.url.clone(), hosted.public_url.clone());
            Ok(HostedRoom { url, public_url, guard: Box::new(hosted) })
        })
    }
}
