//! A call between two `tincan call`.

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tincan_tests::network::Machine;
use tincan_tests::numbers::percentile;
use tincan_tests::process::{PATIENCE, Process, binary};
use tincan_tests::server::Server;
use tokio::process::Command;
use tokio::time::sleep;

use crate::clip::Clip;
use crate::numbers::{Case, Run, delays, mean, number};
use crate::{AUDIO_KBPS, VIDEO_KBPS, WARM_UP, usage};

/// The server's side of the link.
const FIRST: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));

/// Where they run.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    Loopback,
    /// The first has the server.
    Machines(&'a Machine, &'a Machine),
}

struct Side {
    process: Process,
}

impl Side {
    fn start(name: &str, machine: Option<&Machine>, server: &str, clip: &Clip, code: Option<&str>) -> Self {
        let mut command = machine.map_or_else(|| Command::new("nice"), |machine| machine.command("nice"));
        // What Chromium gives itself when it may: without it, ours would wait for theirs and for everybody else.
        command.args(["-n", "-8"]).arg(binary("tincan")).args(["call", "--server", server, "--name", name]);
        command.args(["--camera", &format!("file:{}", clip.camera.display())]);
        command.args(["--microphone", &format!("file:{}", clip.microphone.display()), "--speaker", "none"]);
        command.args(["--max-kbps", &(VIDEO_KBPS + AUDIO_KBPS).to_string()]);
        command.args(["--events", "json", "--stats", "json", "--read-stamp", "--every-stamp"]).args(code);
        Self { process: Process::start(name, command) }
    }

    async fn wait_for<T>(&mut self, what: &str, wanted: impl Fn(&Value) -> Option<T>) -> T {
        self.process.wait_for_within(PATIENCE, what, |line| wanted(&serde_json::from_str(line).ok()?)).await
    }

    async fn first_picture(&mut self) -> u64 {
        self.wait_for("the other's picture", |line| stream(line, false)?["firstMicros"].as_u64()).await
    }

    /// Lines that were not looked at yet.
    fn lines(&mut self) -> Vec<Value> {
        let lines = std::iter::from_fn(|| self.process.line_so_far());
        lines
            .filter_map(|line| serde_json::from_str::<Value>(&line).ok())
            .filter(|line| line["statistics"].is_object())
            .collect()
    }
}

/// The stamps of a statistics line: ours or the other's.
fn stream(line: &Value, own: bool) -> Option<&Value> {
    line["stamps"].as_object()?.iter().find(|(who, _)| (*who == "self") == own).map(|(_, stream)| stream)
}

fn micros() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}

pub(crate) async fn call(clip: &Clip, place: Place<'_>, seconds: u64) -> Run {
    let (_local, _remote, url, first, second);
    match place {
        Place::Loopback => {
            let server = Server::start().await;
            (url, first, second) = (server.url(), None, None);
            _local = Some(server);
            _remote = None;
        }
        Place::Machines(a, b) => {
            let (server, at) = a.serve(FIRST, &[]).await;
            (url, first, second) = (at, Some(a), Some(b));
            _local = None;
            _remote = Some(server);
        }
    }
    let mut a = Side::start("Ada", first, &url, clip, None);
    // Its camera runs, as in the page that waits for an offer.
    let (code, films) = (RefCell::new(None), Cell::new(false));
    let code = a
        .wait_for("a code and its own picture", |line| {
            if let Some(joined) = line["joined"]["code"].as_str() {
                code.replace(Some(joined.to_owned()));
            }
            let preview = line["snapshot"].get("preview").or_else(|| line["event"].get("preview"));
            films.set(preview.map_or(films.get(), |preview| preview["camera"]["working"] == true));
            code.borrow().clone().filter(|_| films.get())
        })
        .await;
    let began = micros();
    let mut b = Side::start("Ben", second, &url, clip, Some(&code));
    let present = |line: &Value| {
        let call = line["snapshot"].get("call").or_else(|| line["event"].get("call"))?;
        (!call["participants"].as_array()?.is_empty()).then(micros)
    };
    let present = b.wait_for("the other", present).await;
    let seen = a.first_picture().await.max(b.first_picture().await);
    let ms = |from: u64| seen.saturating_sub(from) as f64 / 1000.0;
    let (first_ms, join_ms) = (ms(present), ms(began));

    sleep(WARM_UP).await;
    for side in [&mut a, &mut b] {
        side.lines();
    }
    let (start, before) = (Instant::now(), [&a, &b].map(|side| usage::of_tree(side.process.id())));
    sleep(Duration::from_secs(seconds)).await;
    let (elapsed, after) = (start.elapsed(), [&a, &b].map(|side| usage::of_tree(side.process.id())));
    let (from_a, from_b) = (a.lines(), b.lines());
    for side in [&mut b, &mut a] {
        side.process.type_line("leave").await;
    }
    b.process.end().await;
    a.process.end().await;

    let seen = |lines: &[Value], own: bool| -> Vec<(u64, u64)> {
        let pairs = lines.iter().filter_map(|line| stream(line, own)?["seen"].as_array());
        pairs.flatten().filter_map(|pair| Some((pair[0].as_u64()?, pair[1].as_u64()?))).collect()
    };
    let found = delays(&seen(&from_a, true), &seen(&from_b, false), Clip::length());
    let cpu: Vec<f64> = before
        .iter()
        .zip(&after)
        .map(|(before, after)| (after.seconds - before.seconds) / elapsed.as_secs_f64())
        .collect();
    Run {
        first_ms,
        join_ms,
        delay_p50: percentile(found.clone(), 0.5),
        delay_p95: percentile(found, 0.95),
        cpu: mean(&cpu),
        memory: mean(&after.map(|one| one.megabytes)),
        case: describe(&from_b),
    }
}

/// What the statistics lines of one side say of what it received.
fn describe(lines: &[Value]) -> Case {
    let seconds: Vec<&Value> = lines
        .iter()
        .filter_map(|line| line["statistics"]["participants"].as_object()?.values().next())
        .collect();
    let (Some(first), Some(last)) = (seconds.first(), seconds.last()) else { return Case::default() };
    let average = |name: &str| mean(&seconds.iter().map(|one| number(&one[name])).collect::<Vec<_>>());
    let rise = |name: &str| number(&last[name]) - number(&first[name]);
    Case {
        fps: average("receivedFps"),
        height: percentile(seconds.iter().map(|one| number(&one["receivedHeight"])).collect(), 0.5),
        kbps: average("receivedKbps"),
        freezes: rise("freezes"),
        frozen_seconds: rise("frozenSeconds"),
        concealed_percent: average("concealed"),
    }
}
