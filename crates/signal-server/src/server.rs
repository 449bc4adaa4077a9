//! Accepting connections, HTTP, and the shutdown.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Extension, Path, RawQuery, State};
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tincan_protocol::{ErrorCode, LOCAL_ROOM_PATH, MAX_MESSAGE_LEN, SIGNAL_PATH, SUBPROTOCOL, local_proof};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_service::Service;
use tracing::{Instrument, info, warn};

use crate::address::{Address, Addresses, Slot};
use crate::config::ServerConfig;
use crate::connection;
use crate::local::Occupancy;
use crate::metrics::{Metrics, Refusal};
use crate::registry::Registry;

/// After a failed accept (mostly: too many open files) the next is tried no sooner, or the loop would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// A connection that is no WebSocket by then is closed, however politely it asks for `/healthz`.
const HTTP_LIFETIME: Duration = Duration::from_secs(60);
/// Connections have this long to say their last words at shutdown.
const SHUTDOWN: Duration = Duration::from_secs(3);
/// The longest request line and headers: a browser sends about 1 KiB.
const MAX_HEADERS: usize = 16 * 1024;

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) config: ServerConfig,
    pub(crate) registry: Registry,
    pub(crate) cancel: CancellationToken,
    free: Arc<Semaphore>,
    addresses: Arc<Addresses>,
    /// The tasks of WebSockets, which axum spawns by itself.
    sockets: TaskTracker,
    /// Memberships that wait for their participants to come back. They are no connections: when thousands are lost at once,
    /// it is those thousands that come back.
    pub(crate) memberships: TaskTracker,
    local: Option<Arc<dyn Occupancy>>,
}

impl Shared {
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.config.metrics
    }
}

/// What a TCP connection holds; taken by the WebSocket that it becomes.
#[derive(Clone)]
struct Visitor(Arc<Mutex<Option<Admission>>>);

/// The slot that a connection has among all. Counted by what holds it: at the moment of an upgrade the task that speaks
/// HTTP and the one that speaks WebSocket both live.
struct Admission {
    among_all: OwnedSemaphorePermit,
    /// Behind a proxy every connection has the proxy's address, so there it is counted when the header is read.
    of_its_address: Option<Slot>,
}

/// Serves until cancelled; returns when every task that it started has ended.
///
/// # Errors
/// When the listener has no address, which means that it is no socket any more.
pub async fn serve(listener: TcpListener, config: ServerConfig, cancel: CancellationToken) -> io::Result<()> {
    serve_rooms(listener, config, None, cancel).await
}

/// The same, telling somebody which rooms there are.
pub(crate) async fn serve_rooms(
    listener: TcpListener,
    config: ServerConfig,
    occupancy: Option<Arc<dyn Occupancy>>,
    cancel: CancellationToken,
) -> io::Result<()> {
    listener.local_addr()?;
    let shared = Arc::new(Shared {
        registry: Registry::new(config.limits.clone(), config.metrics.clone(), occupancy.clone()),
        free: Arc::new(Semaphore::new(config.limits.connections.min(Semaphore::MAX_PERMITS))),
        config,
        cancel: cancel.clone(),
        addresses: Arc::default(),
        sockets: TaskTracker::new(),
        memberships: TaskTracker::new(),
        local: occupancy,
    });
    let router = Router::new()
        .route(&format!("/{SIGNAL_PATH}"), get(signal))
        // The word is how a client knows that a Tincan server answers.
        .route("/healthz", get(|| async { "tincan ok\n" }))
        .route(&format!("/{LOCAL_ROOM_PATH}/{{name}}"), get(local_room))
        .with_state(shared.clone());
    let tls = shared.config.tls.clone().map(TlsAcceptor::from);
    let mut connections = JoinSet::new();
    info!("serving");
    loop {
        let (stream, address) = tokio::select! {
            biased;
            () = cancel.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    warn!(kind = %error.kind(), "accept failed");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        shared.metrics().accepted.inc();
        let visitor = match shared.admit(address) {
            Ok(visitor) => visitor,
            Err(refusal) => {
                shared.metrics().refuse_below(refusal);
                // A handshake of TLS is what a full server has no time for: whoever asks by it hears nothing.
                if shared.config.tls.is_none() {
                    // What does not fit into a new socket's buffer at once is not waited for.
                    let _ = stream.try_write(FULL);
                }
                continue;
            }
        };
        let task = accept(stream, tls.clone(), router.clone(), visitor, shared.clone());
        connections.spawn(task.instrument(tracing::info_span!("connection")));
    }
    drop(listener);
    shared.sockets.close();
    let quiet = async {
        while connections.join_next().await.is_some() {}
        shared.sockets.wait().await;
    };
    if timeout(SHUTDOWN, quiet).await.is_err() {
        connections.shutdown().await;
        // What is left are WebSockets, whose every wait ends with the cancellation or its own limit of a second.
        shared.sockets.wait().await;
    }
    shared.memberships.close();
    shared.memberships.wait().await;
    info!("ended");
    Ok(())
}

impl Shared {
    /// Counts a TCP connection, unless there are too many, or too many of its address.
    fn admit(&self, address: SocketAddr) -> Result<Visitor, Refusal> {
        let among_all = Arc::clone(&self.free).try_acquire_owned().map_err(|_| Refusal::Connections)?;
        let of_its_address = if self.config.trust_forwarded {
            None
        } else {
            Some(self.slot(address.ip().into()).ok_or(Refusal::ConnectionsPerAddress)?)
        };
        let admission = Admission { among_all, of_its_address };
        Ok(Visitor(Arc::new(Mutex::new(Some(admission)))))
    }

    fn slot(&self, address: Address) -> Option<Slot> {
        let limits = &self.config.limits;
        self.addresses.enter(address, limits.connections_per_address, limits.connections_per_site)
    }
}

/// One TCP connection until it ends or becomes a WebSocket.
async fn accept(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    router: Router,
    visitor: Visitor,
    shared: Arc<Shared>,
) {
    let limit = shared.config.limits.join_timeout;
    // Messages are small and urgent. A socket that refuses the option serves all the same.
    let _ = stream.set_nodelay(true);
    match tls {
        None => http(stream, router, visitor, shared).await,
        Some(acceptor) => match timeout(limit, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => http(stream, router, visitor, shared).await,
            Ok(Err(_)) | Err(_) => shared.metrics().refuse_below(Refusal::Tls),
        },
    }
}

async fn http<S>(stream: S, router: Router, visitor: Visitor, shared: Arc<Shared>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(visitor.clone());
        let mut router = router.clone();
        async move { Service::call(&mut router, request).await.map_err(|never: Infallible| never) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(shared.config.limits.join_timeout)
        .max_buf_size(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let served = tokio::select! {
        biased;
        () = shared.cancel.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        served = timeout(HTTP_LIFETIME, connection.as_mut()) => served.unwrap_or(Ok(())),
    };
    if served.is_err() {
        shared.metrics().refuse_below(Refusal::Http);
    }
}

/// Answers `GET /metrics` with the counts until cancelled, for a monitor: on a listener of its own, because whoever may call may
/// not therefore know how many do.
///
/// # Errors
/// When the listener is no socket any more.
pub async fn serve_metrics(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    cancel: CancellationToken,
) -> io::Result<()> {
    let show = move || async move { ([(header::CONTENT_TYPE, Metrics::CONTENT_TYPE)], metrics.render()) };
    let router = Router::new().route("/metrics", get(show));
    axum::serve(listener, router).with_graceful_shutdown(cancel.cancelled_owned()).await
}

/// Whether somebody is in a room that this program hosts: [`tincan_protocol::local_proof`].
async fn local_room(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let Some((room, instance)) = shared.local.as_ref().and_then(|local| local.find(&name)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Some(query) = query else { return String::new().into_response() };
    let nonce = query.strip_prefix("nonce=").unwrap_or_default();
    let nonce = data_encoding::HEXLOWER.decode(nonce.as_bytes()).ok();
    match nonce.and_then(|nonce| <[u8; 16]>::try_from(nonce).ok()) {
        Some(nonce) => format!("{} {instance}", local_proof(room, &nonce)).into_response(),
        None => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// What whoever is one too many is told.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
/// Read from a socket at once, and held for every connection: the usual 128 KiB would be 1.3 GB for 10,000 idle ones.
const READ_BUFFER: usize = 4 * 1024;

/// The WebSocket. Any `Origin` is served: what a page could do here, any program can, and there are no cookies that a
/// foreign page could borrow.
async fn signal(
    State(shared): State<Arc<Shared>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let offered =
        headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    if !offered.flat_map(|value| value.split(',')).any(|protocol| protocol.trim() == SUBPROTOCOL) {
        shared.metrics().refuse(ErrorCode::Version);
        return (StatusCode::UPGRADE_REQUIRED, format!("this server speaks {SUBPROTOCOL}\n")).into_response();
    }
    let held = {
        let mut admission = visitor.0.lock();
        let slot = if shared.config.trust_forwarded {
            forwarded(&headers).and_then(|address| shared.slot(address.into()))
        } else {
            admission.as_mut().and_then(|admission| admission.of_its_address.take())
        };
        // Who is refused goes on to count for as long as the connection lasts.
        slot.and_then(|slot| Some((admission.take()?.among_all, slot)))
    };
    let Some((among_all, slot)) = held else {
        shared.metrics().refuse_below(Refusal::ConnectionsPerAddress);
        return StatusCode::TOO_MANY_REQUESTS.into_response();
    };
    // Held from now on, so that the shutdown waits also for a WebSocket whose task has not begun yet.
    let token = shared.sockets.token();
    upgrade
        .protocols([SUBPROTOCOL])
        // Above the protocol's limit, so that whoever sends a little too much is told why; far above it nothing is read.
        .max_message_size(2 * MAX_MESSAGE_LEN)
        .max_frame_size(2 * MAX_MESSAGE_LEN)
        .read_buffer_size(READ_BUFFER)
        .on_upgrade(move |socket| async move {
            shared.metrics().connections.inc();
            connection::run(socket, slot, shared.clone()).instrument(tracing::info_span!("client")).await;
            shared.metrics().connections.dec();
            drop((token, among_all));
        })
}

/// The client's address as the proxy in front wrote it: the last entry, because what comes before is the client's own
/// claim.
fn forwarded(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all("x-forwarded-for").iter().next_back()?;
    last.to_str().ok()?.rsplit(',').next()?.trim().parse().ok()
}
