//! `tincan doctor`: tries everything that a call needs, and says what to do about what fails.

use std::sync::Arc;
use std::time::Duration;

use tincan_engine::api::{Command, Devices, Preview, Snapshot, SourceView};
use tincan_engine::{Engine, Overrides};
use tokio::net::UdpSocket;
use tokio::time::{interval, timeout};

use crate::frames::Frames;
use crate::{Exit, devices, engine_config};

/// A device takes some seconds to open, a test call one; ten times that is broken.
const PATIENCE: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(100);
/// A few pictures from end to end prove encoder, network stack and decoder.
const PICTURES: u64 = 10;
/// TEST-NET-1 (RFC 5737): asking the system for a way there sends nothing.
const ELSEWHERE: &str = "192.0.2.1:9";

/// What was found about one thing: all is well with this, or what is wrong and what to do.
type Finding = Result<String, String>;

pub(crate) async fn run(server: Option<String>) -> Exit {
    let mut problems = 0;
    let mut report = |what: &str, finding: Finding| match finding {
        Ok(good) => println!("ok       {what}: {good}"),
        Err(bad) => {
            problems += 1;
            println!("PROBLEM  {what}: {bad}");
        }
    };
    report("network", network().await);
    for (what, finding) in own_devices().await {
        report(what, finding);
    }
    report("call", test_call().await);
    match server {
        Some(server) => report("server", reach(server).await),
        None => println!(
            "skipped  server: name one with --server wss://…; without one, calls are on the local network."
        ),
    }
    if problems == 0 { Exit::Fine } else { Exit::Problem }
}

/// Whether this machine has a network at all, and lets us open UDP sockets.
async fn network() -> Finding {
    let socket = UdpSocket::bind("0.0.0.0:0").await.map_err(|error| {
        format!(
            "no UDP socket can be opened ({error}). A security program may forbid it: allow Tincan there."
        )
    })?;
    let route = socket.connect(ELSEWHERE).await.and_then(|()| socket.local_addr());
    match route {
        Ok(address) if !address.ip().is_loopback() => Ok("there is a way out, and UDP sockets open.".into()),
        _ => Err("there is no way out of this machine. Connect to Wi-Fi or a cable.".into()),
    }
}

async fn own_devices() -> Vec<(&'static str, Finding)> {
    let engine = Engine::start(engine_config(Arc::new(Frames::default()), Overrides::default()));
    let listed = devices::list(&engine).await;
    let preview = match engine.dispatch(Command::StartPreview).await {
        Ok(_) => wait_for(&engine, |snapshot| settled(&snapshot.preview)).await.preview,
        Err(error) => {
            engine.shutdown().await;
            return vec![("devices", Err(error.to_string()))];
        }
    };
    engine.shutdown().await;
    let listed = listed.unwrap_or_default();
    let Devices { cameras, microphones, speakers } = &listed;
    let count = |found: &Vec<tincan_engine::api::Device>| {
        found.iter().filter(|d| d.id.starts_with("device:")).count()
    };
    vec![
        ("camera", device(&preview.camera, count(cameras))),
        ("microphone", device(&preview.microphone, count(microphones))),
        ("speaker", device(&preview.speaker, count(speakers))),
    ]
}

fn settled(preview: &Preview) -> bool {
    [&preview.camera, &preview.microphone, &preview.speaker]
        .iter()
        .all(|source| source.working || source.problem.is_some())
}

fn device(source: &SourceView, found: usize) -> Finding {
    match (source.working, &source.problem) {
        (true, _) => {
            Ok(format!("{} works ({found} found).", source.device.as_deref().unwrap_or("the default one")))
        }
        (false, Some(problem)) => Err(problem.message.clone()),
        (false, None) => Err(format!(
            "it does not answer ({found} found). Unplug it and plug it in again, and close other programs that \
             use it."
        )),
    }
}

/// Calls the built-in participant with synthetic devices: encoder, decoder, encryption, sockets, all of it.
async fn test_call() -> Finding {
    let frames = Arc::new(Frames::default());
    let synthetic = |text: &str| Some(text.to_owned());
    let overrides = Overrides {
        camera: synthetic("test-pattern"),
        microphone: synthetic("tone"),
        speaker: synthetic("none"),
        ..Overrides::default()
    };
    let engine = Engine::start(engine_config(frames.clone(), overrides));
    let finding = match timeout(PATIENCE, engine.dispatch(Command::TestCall)).await {
        Err(_) => Err("the test call did not begin. Start Tincan again.".into()),
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(_)) => {
            let pictures = || {
                frames
                    .report()
                    .into_iter()
                    .find(|(stream, report)| *stream != 0 && report.pictures >= PICTURES)
            };
            wait_for(&engine, |_| pictures().is_some()).await;
            match pictures() {
                Some((_, seen)) => {
                    Ok(format!("a test call shows pictures of {}x{}.", seen.width, seen.height))
                }
                None => Err(
                    "no picture came through a test call on this machine. A firewall may block UDP between \
                             programs: allow Tincan there."
                        .into(),
                ),
            }
        }
    };
    engine.shutdown().await;
    finding
}

/// Makes a room on the server, as a call does, and leaves it.
async fn reach(server: String) -> Finding {
    let none = || Some("none".to_owned());
    let overrides = Overrides {
        server: Some(server),
        camera: none(),
        microphone: none(),
        speaker: none(),
        ..Overrides::default()
    };
    let engine = Engine::start(engine_config(Arc::new(Frames::default()), overrides));
    let made = timeout(PATIENCE, engine.dispatch(Command::CreateRoom)).await;
    engine.shutdown().await;
    match made {
        Ok(Ok(_)) => Ok("it answers and makes rooms.".into()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => {
            Err("it does not answer. Check the address, and whether this network lets WebSockets through."
                .into())
        }
    }
}

/// The engine's state once `enough` says so, or when patience is over.
async fn wait_for(engine: &Engine, enough: impl Fn(&Snapshot) -> bool) -> Snapshot {
    let mut newest = Snapshot::default();
    let look = async {
        let mut clock = interval(LOOK);
        loop {
            clock.tick().await;
            let Ok((snapshot, _)) = engine.subscribe().await else { return };
            newest = snapshot;
            if enough(&newest) {
                return;
            }
        }
    };
    // Out of patience, what is there is what is reported.
    let _ = timeout(PATIENCE, look).await;
    newest
}

#[cfg(test)]
mod tests {
    use super::*;
    use tincan_engine::api::Sentence;

    #[test]
    fn a_device_that_says_nothing_is_a_problem_with_advice() {
        let silent = SourceView { on: true, ..SourceView::default() };
        assert!(device(&silent, 1).unwrap_err().contains("plug it in again"));
        let broken =
            SourceView { problem: Some(Sentence::new("device_busy", "It is in use.")), ..silent.clone() };
        assert_eq!(device(&broken, 1), Err("It is in use.".into()));
        let fine = SourceView { working: true, device: Some("Webcam".into()), ..silent };
        assert_eq!(device(&fine, 2), Ok("Webcam works (2 found).".into()));
    }
}
