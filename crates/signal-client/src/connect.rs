//! From a server's address to a WebSocket.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use tincan_protocol::{MAX_MESSAGE_LEN, SIGNAL_PATH, SUBPROTOCOL};
use tokio::net::TcpStream;
use tokio_rustls::rustls;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError, TlsError};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream};
use url::{Host, Url};

use crate::error::JoinError;
use crate::{race, scoped};

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Connects to the signalling path below the server's address.
pub(crate) async fn connect(
    server: &Url,
    tls: Option<Arc<rustls::ClientConfig>>,
) -> Result<Socket, JoinError> {
    let url = endpoint(server);
    let mut request = url.as_str().into_client_request().map_err(|_| JoinError::NotAServer)?;
    request.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    let addresses = resolve(&url).await.map_err(|_| JoinError::Unreachable)?;
    let stream = race::first(addresses, TcpStream::connect).await.map_err(|_| JoinError::Unreachable)?;
    // Candidates and answers are small and urgent; Nagle's algorithm would hold them up by a round trip.
    stream.set_nodelay(true).map_err(|_| JoinError::Unreachable)?;
    let connector = match (url.scheme(), tls) {
        ("wss", Some(config)) => Connector::Rustls(config),
        ("wss", None) => Connector::Rustls(system_trust().await),
        _ => Connector::Plain,
    };
    // Four times the protocol's limit: a little too much is counted, and a flood ends the connection.
    let config = WebSocketConfig::default()
        .max_message_size(Some(4 * MAX_MESSAGE_LEN))
        .max_frame_size(Some(4 * MAX_MESSAGE_LEN));
    tokio_tungstenite::client_async_tls_with_config(request, stream, Some(config), Some(connector))
        .await
        .map(|(socket, _response)| socket)
        .map_err(|error| explain(&error))
}

/// Whether this machine still has the address that the connection was made from. Without it nothing arrives any more,
/// and TCP would take minutes to say so.
pub(crate) fn has_its_address(socket: &Socket) -> bool {
    let stream = match socket.get_ref() {
        MaybeTlsStream::Plain(stream) => stream,
        MaybeTlsStream::Rustls(stream) => stream.get_ref().0,
        _ => return true,
    };
    // Only an address of this machine can be bound.
    stream.local_addr().is_ok_and(|mut address| {
        address.set_port(0);
        UdpSocket::bind(address).is_ok()
    })
}

/// `wss://host/base` becomes `wss://host/base/v2/signal`.
fn endpoint(server: &Url) -> Url {
    let mut url = server.clone();
    url.set_path(&format!("{}/{SIGNAL_PATH}", server.path().trim_end_matches('/')));
    url
}

async fn resolve(url: &Url) -> io::Result<Vec<SocketAddr>> {
    let port = url.port_or_known_default().ok_or(io::ErrorKind::InvalidInput)?;
    Ok(match url.host() {
        Some(Host::Ipv4(address)) => vec![(address, port).into()],
        Some(Host::Ipv6(address)) => vec![(address, port).into()],
        Some(Host::Domain(name)) if let Some(address) = scoped::resolve(name, port) => vec![address],
        Some(Host::Domain(name)) => tokio::net::lookup_host((name, port)).await?.collect(),
        None => return Err(io::ErrorKind::InvalidInput.into()),
    })
}

fn explain(error: &Error) -> JoinError {
    match error {
        Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidCertificate(_)) => JoinError::Untrusted,
            Some(_) => JoinError::NotAServer,
            None => JoinError::Unreachable,
        },
        Error::Tls(TlsError::Rustls(error)) => match **error {
            rustls::Error::InvalidCertificate(_) => JoinError::Untrusted,
            _ => JoinError::NotAServer,
        },
        Error::Tls(_) => JoinError::Untrusted,
        Error::Http(response) => match response.status() {
            StatusCode::UPGRADE_REQUIRED => JoinError::Version,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => JoinError::Busy,
            // What a reverse proxy says when the server behind it is down.
            StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => JoinError::Unreachable,
            _ => JoinError::NotAServer,
        },
        Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(_)) => JoinError::Version,
        Error::Protocol(ProtocolError::HandshakeIncomplete) | Error::ConnectionClosed => {
            JoinError::Unreachable
        }
        _ => JoinError::NotAServer,
    }
}

/// TLS that trusts what the operating system trusts. Not a list of authorities built into the program: people who
/// run a server for their family or company often sign its certificate themselves and install their own authority,
/// and the system's updates withdraw authorities sooner than ours would.
async fn system_trust() -> Arc<rustls::ClientConfig> {
    static SHARED: tokio::sync::OnceCell<Arc<rustls::ClientConfig>> = tokio::sync::OnceCell::const_new();
    SHARED
        .get_or_init(|| async {
            // Reading hundreds of files (Linux) or asking the keychain (macOS) blocks.
            let roots = tokio::task::spawn_blocking(|| {
                let mut roots = rustls::RootCertStore::empty();
                let found = rustls_native_certs::load_native_certs();
                roots.add_parsable_certificates(found.certs);
                roots
            })
            .await
            .unwrap_or_else(|_| rustls::RootCertStore::empty());
            Arc::new(client_tls(roots))
        })
        .await
        .clone()
}

fn client_tls(roots: rustls::RootCertStore) -> rustls::ClientConfig {
    // The provider is named because a process may link several, and then rustls picks none by itself.
    rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring supports TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signalling_path_is_below_the_servers_address() {
        let cases = [
            ("wss://a.example", "wss://a.example/v2/signal"),
            ("ws://127.0.0.1:4815/", "ws://127.0.0.1:4815/v2/signal"),
            ("wss://a.example/calls", "wss://a.example/calls/v2/signal"),
        ];
        for (server, expected) in cases {
            assert_eq!(endpoint(&server.parse().unwrap()).as_str(), expected);
        }
    }
}
