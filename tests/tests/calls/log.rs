//! What a whole call leaves behind that others read: its log in full, and the report of its quality. In a process of its own: two
//! engines, and the server that one of them hosts.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use tincan_engine::api::{CallPhase, Command, ReportWords, Snapshot};
use tincan_engine::{BoxFuture, HostedRoom, LocalServerHost, Overrides};
use tincan_protocol::{Identity, RoomId, RoomKeys};
use tincan_signal_server::{LocalServer, log_filter};
use tincan_tests::person::Person;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// What was logged.
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

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The server in this program, as the window hosts it.
struct Host(LocalServer);

impl LocalServerHost for Host {
    fn host(&self, room: RoomId, announced: bool) -> BoxFuture<'_, Result<HostedRoom, String>> {
        Box::pin(async move {
            let room = self.0.host(room, announced).await.map_err(|error| error.to_string())?;
            let (url, public_url, instance) =
                (room.url.clone(), room.public_url.clone(), room.instance.clone());
            Ok(HostedRoom { url, public_url, instance, guard: Box::new(room) })
        })
    }
}

fn connected(snapshot: &Snapshot) -> bool {
    snapshot.call.as_ref().is_some_and(|call| call.phase == CallPhase::Connected)
}

/// What is written in the chat.
const WRITTEN: &str = "the key is under the flowerpot";
const NAMES: [&str; 2] = ["Augusta Ada", "Benjamin Franklin"];
/// Secret keys of which every byte is the same.
const SECRETS: [u8; 2] = [0xa1, 0x18];
/// Nobody listens there; what is asked of it fails, and is logged.
const RELAY: &str = "turn:127.0.0.77:34567 relayuser relaypassword";
/// Settings that cannot be read: what is wrong in them is not to be repeated.
const DAMAGED: &str =
    r#"{"name":"Augusta Ada","iceServers":"turn:relay.example damageduser damagedpassword"}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_call_logged_in_full_names_nobody_no_code_no_key_no_password_and_no_address() {
    let log = Log::default();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(log_filter(Some("trace"), "warn")))
        .with_ansi(false)
        .with_writer(log.clone())
        .init();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("settings.json"), DAMAGED).unwrap();
    let host: Arc<dyn LocalServerHost> = Arc::new(Host(LocalServer::new()));
    let person = |at: usize, host, folder| {
        let overrides = Overrides {
            name: Some(NAMES[at].into()),
            ice_servers: Some(vec![RELAY.into()]),
            identity: Some(Identity::from_secret([SECRETS[at]; 32])),
            ..Overrides::default()
        };
        Person::with(overrides, folder, host)
    };
    let (ada, ben) = (person(0, Some(host), Some(folder.path().to_owned())), person(1, None, None));
    let code = ada.create().await;
    let link = ada.call_until("a link", |call| !call.invite_link.is_empty()).await.invite_link;
    // What is refused is logged, too.
    assert!(ben.answer(Command::JoinRoom { code: "relaypassword".into() }).await.is_err());
    ben.join(if link.contains("server=") { &link } else { &code }).await;
    ada.until("connected", connected).await;
    ben.until("connected", connected).await;
    let number = |snapshot: &Snapshot| snapshot.call.as_ref().unwrap().safety.is_some();
    ben.until("what is compared aloud", number).await;
    ben.ask(Command::SetCamera { on: false }).await;
    let say = |text: String| Command::SendChat { text, to: None, reply: None };
    ada.ask(say(WRITTEN.into())).await;
    let heard = |snapshot: &Snapshot| snapshot.chat.as_ref().is_some_and(|chat| chat.messages.len() == 1);
    ben.until("what Ada wrote", heard).await;
    assert!(ben.answer(say(WRITTEN.repeat(1000))).await.is_err());
    let file = Some(format!("/nowhere/{WRITTEN}"));
    assert!(ben.answer(Command::SaveChat { file, replace: false, utc_offset: 0 }).await.is_err());
    // The report has something to tell.
    let measured = |snapshot: &Snapshot| {
        snapshot.statistics.participants.values().any(|one| one.path.is_some() && one.round_trip_ms.is_some())
    };
    ada.until("what was measured of Ben", measured).await;
    ben.ask(Command::Leave).await;
    ada.until("alone", |snapshot| snapshot.call.as_ref().unwrap().participants.is_empty()).await;
    ada.ask(Command::Leave).await;
    let again = ada.snapshot().await.last_call.unwrap().code;
    assert_ne!(again, code, "a long code was handed over");
    let report = report(&ada, folder.path()).await;
    let devices = ada.snapshot().await.devices;
    let devices: Vec<String> = [devices.cameras, devices.microphones, devices.speakers]
        .into_iter()
        .flatten()
        // These name none.
        .filter(|device| !["default", "none"].contains(&device.id.as_str()))
        .flat_map(|device| [device.id, device.name])
        .collect();
    ben.engine.shutdown().await;
    ada.engine.shutdown().await;

    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for module in ["tincan_engine", "tincan_peer", "tincan_signal_server"] {
        assert!(text.contains(module), "nothing of {module} was logged:\n{text}");
    }
    let room = RoomKeys::derive(&code.parse().unwrap()).room_id().to_string();
    let mut secrets: Vec<String> = NAMES.iter().map(ToString::to_string).collect();
    for secret in SECRETS {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let id = Identity::from_secret([secret; 32]).id().to_string();
        // Half of it would do to find somebody.
        secrets.extend([id[..16].to_owned(), id[48..].to_owned(), id, hex(&[secret; 16])]);
    }
    secrets.extend(NAMES.iter().flat_map(|name| name.split(' ')).map(str::to_owned));
    for code in [&code, &again] {
        secrets.extend([code.clone(), code.replace('-', "")]);
    }
    secrets.push(WRITTEN.into());
    secrets.extend([room.clone(), link, "tincan://".into(), "ws://".into()]);
    secrets.extend(
        ["relayuser", "relaypassword", "damageduser", "damagedpassword", "relay.example"].map(str::to_owned),
    );
    secrets.extend(["a=candidate", "candidate:", "a=fingerprint", "ice-ufrag"].map(str::to_owned));
    secrets.extend(["127.0.0.1", "127.0.0.77", "34567", "0.0.0.0", "[::"].map(str::to_owned));
    secrets.extend(if_addrs::get_if_addrs().unwrap().iter().map(|interface| interface.ip().to_string()));
    let shown = shown(&text, &secrets);
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| shown.iter().any(|secret| line.to_lowercase().contains(&secret.to_lowercase())))
        .collect();
    assert!(shown.is_empty(), "the log shows {shown:?}:\n{}", lines.join("\n"));

    for said in ["Person 1", "Round trip", "The path to person 1: direct", "Person 1 left"] {
        assert!(report.contains(said), "`{said}` is not in the report:\n{report}");
    }
    assert!(!report.contains("Person 2"), "{report}");
    secrets.extend(devices);
    secrets.extend(["test-pattern", "tone:", "/tmp/", "flowerpot"].map(str::to_owned));
    let shown = self::shown(&report, &secrets);
    assert!(shown.is_empty(), "the report shows {shown:?}:\n{report}");
}

/// The report of the call that is over, as it is saved.
async fn report(person: &Person, folder: &Path) -> String {
    let file = folder.join("report.html");
    let command = Command::SaveReport {
        file: Some(file.to_str().unwrap().to_owned()),
        replace: false,
        utc_offset: 0,
        words: ReportWords::default(),
    };
    person.ask(command.clone()).await;
    assert_eq!(person.answer(command).await.unwrap_err().code, "report_not_saved", "nothing is replaced");
    std::fs::read_to_string(file).unwrap()
}

/// Which of the secrets stand in a text.
fn shown<'a>(text: &str, secrets: &'a [String]) -> Vec<&'a str> {
    let lower = text.to_lowercase();
    // What is shorter cannot be told from anything else: `::1` is the end of a line of code.
    let long = secrets.iter().map(String::as_str).filter(|secret| secret.len() > 3);
    long.filter(|secret| lower.contains(&secret.to_lowercase())).collect()
}
