//! TLS towards a relay, with the certificates that the system trusts.

use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

/// Proves that the other end of `stream` is `host`.
pub(crate) async fn connect(host: &str, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| io::ErrorKind::InvalidInput)?;
    TlsConnector::from(system_trust().await).connect(name, stream).await
}

async fn system_trust() -> Arc<ClientConfig> {
    static SHARED: OnceCell<Arc<ClientConfig>> = OnceCell::const_new();
    let make = || async {
        // Reading hundreds of files (Linux) or asking the keychain (macOS) blocks.
        let roots = tokio::task::spawn_blocking(|| {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            roots
        });
        let roots = roots.await.unwrap_or_else(|_| RootCertStore::empty());
        // The provider is named because a process may link several, and then rustls picks none by itself.
        let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring supports TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config)
    };
    SHARED.get_or_init(make).await.clone()
}
