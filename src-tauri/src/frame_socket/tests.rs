//! The socket from outside, on real loopback connections.

use futures_util::{SinkExt, StreamExt};
use tincan_media::MediaTime;
use tincan_media::video::Resolution;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, connect_async};

use super::*;

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

const SIZE: Resolution = Resolution::new(4, 4);

fn show(hub: &FrameHub, stream: u32, micros: u64) {
    hub.frame(stream, &Arc::new(VideoFrame::black(MediaTime::from_micros(micros), SIZE)));
}

async fn start() -> (Arc<FrameHub>, FrameSocket) {
    let hub = Arc::new(FrameHub::default());
    let socket = FrameSocket::start(Arc::clone(&hub)).await.unwrap();
    (hub, socket)
}

async fn connect(url: &str, origin: Option<&str>) -> Result<Client, Error> {
    let mut request = url.into_client_request()?;
    if let Some(origin) = origin {
        request.headers_mut().insert("origin", origin.parse().unwrap());
    }
    connect_async(request).await.map(|(client, _)| client)
}

async fn window(socket: &FrameSocket) -> Client {
    connect(socket.url(), Some("tauri://localhost")).await.unwrap()
}

async fn is_forbidden(url: &str, origin: Option<&str>) -> bool {
    match connect(url, origin).await {
        Err(Error::Http(response)) => response.status() == StatusCode::FORBIDDEN,
        _ => false,
    }
}

/// (stream, sequence, capture time, bytes after the header) of the next message.
async fn receive(client: &mut Client) -> (u32, u32, u64, usize) {
    let message =
        tokio::time::timeout(Duration::from_secs(10), client.next()).await.expect("a message in time");
    let bytes = message.unwrap().unwrap().into_data();
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let micros = u64::from_le_bytes(bytes[20..28].try_into().unwrap());
    (word(4), word(8), micros, bytes.len() - wire::HEADER_LEN)
}

async fn acknowledge(client: &mut Client, stream: u32, sequence: u32) {
    acknowledge_shown(client, stream, sequence, (0, 0)).await;
}

async fn acknowledge_shown(client: &mut Client, stream: u32, sequence: u32, (width, height): (u16, u16)) {
    let mut bytes: Vec<u8> = [stream, sequence].into_iter().flat_map(u32::to_le_bytes).collect();
    bytes.extend([width, height].into_iter().flat_map(u16::to_le_bytes));
    client.send(Message::Binary(bytes.into())).await.unwrap();
}

#[tokio::test]
async fn every_origin_of_our_own_page_may_connect() {
    let (_hub, socket) = start().await;
    for origin in ORIGINS {
        assert!(connect(socket.url(), Some(origin)).await.is_ok(), "{origin}");
    }
}

#[tokio::test]
async fn other_origins_are_forbidden() {
    let (_hub, socket) = start().await;
    let others = ["http://localhost", "https://example.org", "null", "tauri://localhost.example.org", ""];
    for origin in others.map(Some).into_iter().chain([None]) {
        assert!(is_forbidden(socket.url(), origin).await, "{origin:?}");
    }
}

#[tokio::test]
async fn a_wrong_secret_is_forbidden() {
    let (_hub, socket) = start().await;
    let url = socket.url();
    let (server, secret) = url.rsplit_once('/').unwrap();
    assert_eq!(secret.len(), 32);
    let flipped = if secret.ends_with('0') { "1" } else { "0" };
    for wrong in [
        format!("{server}/{}{flipped}", &secret[..31]),
        format!("{server}/{}", &secret[..31]),
        format!("{url}0"),
        format!("{server}/"),
    ] {
        assert!(is_forbidden(&wrong, Some("tauri://localhost")).await, "{wrong}");
    }
}

#[tokio::test]
async fn the_third_picture_waits_for_an_acknowledgement_and_the_latest_wins() {
    let (hub, socket) = start().await;
    let mut client = window(&socket).await;
    for micros in [10, 11] {
        show(&hub, 3, micros);
        assert_eq!(receive(&mut client).await.2, micros);
    }
    // Both pictures are under way unacknowledged; another stream goes on meanwhile.
    for micros in 12..20 {
        show(&hub, 3, micros);
    }
    show(&hub, 4, 1);
    assert_eq!(receive(&mut client).await, (4, 0, 1, SIZE.i420_len()));
    acknowledge(&mut client, 3, 0).await;
    assert_eq!(receive(&mut client).await, (3, 2, 19, SIZE.i420_len()));
}

#[tokio::test]
async fn a_picture_that_is_shown_small_is_sent_small() {
    let (hub, socket) = start().await;
    let mut client = window(&socket).await;
    let show =
        |micros| hub.frame(0, &Arc::new(VideoFrame::black(MediaTime::from_micros(micros), Resolution::HD)));
    for micros in [1, 2] {
        show(micros);
        assert_eq!(receive(&mut client).await.3, Resolution::HD.i420_len());
    }
    // The third waits for the acknowledgement, which says how large.
    show(3);
    acknowledge_shown(&mut client, 0, 1, (320, 180)).await;
    assert_eq!(receive(&mut client).await.3, Resolution::new(320, 180).i420_len());
}

#[tokio::test]
async fn the_end_of_a_stream_is_told() {
    let (hub, socket) = start().await;
    let mut client = window(&socket).await;
    show(&hub, 0, 1);
    assert_eq!(receive(&mut client).await.3, SIZE.i420_len());
    hub.ended(0);
    assert_eq!(receive(&mut client).await, (0, 1, 0, 0));
}

#[tokio::test]
async fn a_reload_takes_the_stream_over() {
    let (hub, socket) = start().await;
    let mut old = window(&socket).await;
    for micros in [1, 2] {
        show(&hub, 0, micros);
        receive(&mut old).await;
    }
    let mut new = window(&socket).await;
    // The old connection is closed from our side, and what it never acknowledged does not hold up the new one.
    assert!(!matches!(old.next().await, Some(Ok(Message::Binary(_)))));
    assert_eq!(
        receive(&mut new).await.2,
        2,
        "what was shown last, since a screen that stands still gives no other"
    );
    show(&hub, 0, 3);
    assert_eq!(receive(&mut new).await.2, 3);
}

/// What the window was given to draw: stream and capture time.
#[derive(Default)]
struct Shown(Mutex<Vec<(u32, u64)>>);

impl Shown {
    fn take(&self) -> Vec<(u32, u64)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl PictureSurface for Shown {
    fn show(&self, stream: u32, frame: Arc<VideoFrame>, _put_in: Instant) {
        self.0.lock().unwrap().push((stream, frame.time().as_micros()));
    }

    fn ended(&self, _stream: u32) {}

    fn lay_out(&self, _layout: crate::pictures::Layout) {}

    fn close(&self) {}
}

/// Width and height before scaling in the next message, which has no picture.
async fn receive_size(client: &mut Client) -> (u16, u16) {
    let message =
        tokio::time::timeout(Duration::from_secs(10), client.next()).await.expect("a message in time");
    let bytes = message.unwrap().unwrap().into_data();
    assert_eq!((bytes.len(), &bytes[12..16]), (wire::HEADER_LEN, &[0; 4][..]));
    let side = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    (side(16), side(18))
}

#[tokio::test]
async fn what_the_window_draws_is_told_to_the_page_once_and_comes_back_without_a_gap() {
    let (hub, socket) = start().await;
    let shown = Arc::new(Shown::default());
    hub.draw_above_the_page(Arc::<Shown>::clone(&shown));
    let mut client = window(&socket).await;
    show(&hub, 1, 1);
    assert_eq!(receive(&mut client).await.2, 1);
    assert_eq!(shown.take(), []);

    // The window takes the picture over that the page had, though no other comes.
    hub.set_ways(BTreeMap::from([(1, Way::Window), (2, Way::Window)]));
    assert_eq!(receive_size(&mut client).await, (4, 4));
    show(&hub, 1, 2);
    show(&hub, 2, 3);
    assert_eq!(shown.take(), [(1, 1), (1, 2), (2, 3)]);
    // Of the first stream there is nothing new to say; the second was named before it came.
    assert_eq!(receive_size(&mut client).await, (4, 4));
    acknowledge_shown(&mut client, 2, 0, (640, 360)).await;
    while hub.lines(2) != Some(360) {
        tokio::task::yield_now().await;
    }

    // Both draw until the page has a picture; then the page alone.
    hub.set_ways(BTreeMap::from([(1, Way::Both), (2, Way::Window)]));
    assert_eq!(receive(&mut client).await.2, 2);
    acknowledge(&mut client, 1, 2).await;
    show(&hub, 1, 4);
    assert_eq!(receive(&mut client).await.2, 4);
    hub.set_ways(BTreeMap::new());
    assert_eq!(receive(&mut client).await.2, 3, "the second one’s last picture");
    acknowledge(&mut client, 1, 3).await;
    show(&hub, 1, 5);
    assert_eq!(receive(&mut client).await.2, 5);
    assert_eq!(shown.take(), [(1, 4)]);
}

#[tokio::test]
async fn how_long_the_window_takes_to_draw_is_what_it_says() {
    let hub = FrameHub::default();
    hub.set_ways(BTreeMap::from([(1, Way::Window)]));
    show(&hub, 1, 1);
    assert_eq!(hub.delay(1), Duration::ZERO);
    hub.drawn(1, Duration::from_millis(3));
    assert_eq!(hub.delay(1), Duration::from_millis(20));
}

#[tokio::test]
async fn a_reloaded_page_is_told_anew_what_the_window_draws() {
    let (hub, socket) = start().await;
    hub.draw_above_the_page(Arc::new(Shown::default()));
    hub.set_ways(BTreeMap::from([(1, Way::Window)]));
    show(&hub, 1, 1);
    let mut client = window(&socket).await;
    assert_eq!(receive_size(&mut client).await, (4, 4));
    let mut next = window(&socket).await;
    assert_eq!(receive_size(&mut next).await, (4, 4));
    hub.ended(1);
    assert_eq!(receive(&mut next).await.3, 0);
    show(&hub, 1, 2);
    assert_eq!(receive_size(&mut next).await, (4, 4));
}

#[tokio::test]
async fn more_than_an_acknowledgement_ends_the_connection() {
    let (_hub, socket) = start().await;
    let mut client = window(&socket).await;
    client.send(Message::Binary(vec![0; 1 << 20].into())).await.ok();
    assert!(!matches!(client.next().await, Some(Ok(Message::Binary(_)))));
}

#[tokio::test]
async fn dropping_the_socket_closes_it() {
    let (_hub, socket) = start().await;
    let mut client = window(&socket).await;
    let url = socket.url().to_owned();
    drop(socket);
    assert!(!matches!(client.next().await, Some(Ok(Message::Binary(_)))));
    assert!(connect(&url, Some("tauri://localhost")).await.is_err());
}
