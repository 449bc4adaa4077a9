//! What both sides log, at the most talkative level.

use std::io::Write;
use std::sync::{Arc, Mutex};

use crate::common::{ADA, BOB, EVE, Person, Rogue, TestServer, Wire, couple, room};
use tincan_protocol::{ErrorCode, Intent};
use tincan_signal_client::SignalEvent;
use tincan_signal_server::Limits;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_log_line_tells_who_or_where() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_env_filter("tincan_signal_client=trace,tincan_signal_server=trace")
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    let server = TestServer::start(Limits::for_participants(2)).await;
    let wire = Wire::to(server.address).await;
    let (mut ada, mut bob) = couple(server.address, wire.address).await;
    assert!(Person::enter(server.address, EVE, Intent::Join).await.is_err());
    let mut rogue = Rogue::connect(server.address).await;
    rogue.send("hello?").await;
    assert_eq!(rogue.refusal().await, ErrorCode::Malformed);
    ada.says(BOB, "Ada Lovelace");
    assert_eq!(bob.hears().await, "Ada Lovelace");
    wire.cut();
    assert!(matches!(bob.event().await, SignalEvent::Disconnected));
    wire.mend();
    bob.joined().await;
    bob.client.leave().await;
    ada.event().await;
    ada.client.leave().await;
    let port = server.address.port().to_string();
    server.stop().await;
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("signalling connection lost"), "{text}");
    assert!(text.contains("room_full") || text.contains("refused"), "{text}");
    let (ada, bob, eve, room) = (ADA.to_string(), BOB.to_string(), EVE.to_string(), room().to_string());
    for secret in ["Lovelace", "127.0.0.1", &port, &ada, &bob, &eve, &room] {
        // A port may occur in a time of the day by chance, so it is looked for as one writes it.
        let written = if secret == port { format!(":{secret}") } else { secret.to_owned() };
        assert!(!text.contains(&written), "{text}");
    }
}
