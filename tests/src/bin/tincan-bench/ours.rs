//! A call between `tincan call`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tincan_tests::network::Machine;
use tincan_tests::numbers::percentile;
use tincan_tests::process::{PATIENCE, Process, binary};
use tincan_tests::server::Server;
use tokio::process::Command;
use tokio::time::sleep;

use crate::clip::Clip;
use crate::networks::Changes;
use crate::numbers::{Case, Run, delays, mean, number};
use crate::usage::{self, Usage};
use crate::{AUDIO_KBPS, VIDEO_KBPS, WARM_UP};

/// The server's side of the link.
const FIRST: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));

/// The thread that encodes pictures.
const ENCODER: &str = "tincan-encoder";

/// Where they run.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    Loopback,
    /// The first has the server, the others are together on the second.
    Machines(&'a Machine, &'a Machine),
}

struct Side {
    process: Process,
}

impl Side {
    fn start(
        name: &str,
        machine: Option<&Machine>,
        server: &str,
        clip: &Clip,
        kbps: u64,
        speaker: &str,
        more: &[&str],
    ) -> Self {
        let mut command = machine.map_or_else(|| Command::new("nice"), |machine| machine.command("nice"));
        // What Chromium gives itself when it may: without it, ours would wait for theirs and for everybody else.
        command.args(["-n", "-8"]).arg(binary("tincan")).args(["call", "--server", server, "--name", name]);
        command.args(["--camera", &format!("file:{}", clip.camera.display())]);
        command.args(["--microphone", &format!("file:{}", clip.microphone.display()), "--speaker", speaker]);
        command.args(["--max-kbps", &(kbps + AUDIO_KBPS).to_string()]);
        command.args(["--events", "json", "--stats", "json", "--read-stamp", "--every-stamp"]).args(more);
        Self { process: Process::start(name, command) }
    }

    async fn wait_for<T>(&mut self, what: &str, wanted: impl Fn(&Value) -> Option<T>) -> T {
        self.process.wait_for_within(PATIENCE, what, |line| wanted(&serde_json::from_str(line).ok()?)).await
    }

    /// When the first picture of the last of so many others was there.
    async fn first_pictures(&mut self, others: usize) -> u64 {
        let firsts = |line: &Value| {
            let firsts: Vec<u64> =
                streams(line, false).filter_map(|stream| stream["firstMicros"].as_u64()).collect();
            firsts.iter().copied().max().filter(|_| firsts.len() == others)
        };
        self.wait_for("everybody's picture", firsts).await
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

/// The stamps of a statistics line: ours or the others'.
fn streams(line: &Value, own: bool) -> impl Iterator<Item = &Value> {
    let all = line["stamps"].as_object().into_iter().flatten();
    all.filter(move |(who, _)| (*who == "self") == own).map(|(_, stream)| stream)
}

fn micros() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}

/// A call between two whose pictures may take so many `kbps`, while the link changes. What the second one's speaker plays goes
/// into the file, if one is named.
pub(crate) async fn call(
    clip: &Clip,
    place: Place<'_>,
    kbps: u64,
    seconds: u64,
    changes: Option<Changes<'_>>,
    heard: Option<&Path>,
) -> Run {
    measure(clip, 2, &[], (place, kbps), seconds, (changes, heard)).await
}

/// A room of so many, who are started with `arguments`: one after the other comes, the last one is timed.
pub(crate) async fn room(
    clip: &Clip,
    people: usize,
    arguments: &[&str],
    place: Place<'_>,
    seconds: u64,
) -> Run {
    measure(clip, people, arguments, (place, VIDEO_KBPS), seconds, (None, None)).await
}

async fn measure(
    clip: &Clip,
    people: usize,
    arguments: &[&str],
    (place, kbps): (Place<'_>, u64),
    seconds: u64,
    (changes, heard): (Option<Changes<'_>>, Option<&Path>),
) -> Run {
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
    let mut ada = Side::start("Ada", first, &url, clip, kbps, "none", arguments);
    // Its camera runs, as in the page that waits for an offer.
    let (code, films) = (RefCell::new(None), Cell::new(false));
    let code = ada
        .wait_for("a code and its own picture", |line| {
            if let Some(joined) = line["joined"]["code"].as_str() {
                code.replace(Some(joined.to_owned()));
            }
            let preview = line["snapshot"].get("preview").or_else(|| line["event"].get("preview"));
            films.set(preview.map_or(films.get(), |preview| preview["camera"]["working"] == true));
            code.borrow().clone().filter(|_| films.get())
        })
        .await;
    let arguments = [&[code.as_str()], arguments].concat();
    let mut sides = vec![ada];
    let speaker = heard.map_or_else(|| "none".to_owned(), |file| format!("file:{}", file.display()));
    let (mut began, mut present) = (0, 0);
    for others in 1..people {
        began = micros();
        let name = format!("{}.", others + 1);
        let mut newcomer = Side::start(&name, second, &url, clip, kbps, &speaker, &arguments);
        let all_present = |line: &Value| {
            let call = line["snapshot"].get("call").or_else(|| line["event"].get("call"))?;
            (call["participants"].as_array()?.len() == others).then(micros)
        };
        present = newcomer.wait_for("the others", all_present).await;
        if others + 1 < people {
            newcomer.first_pictures(others).await;
        }
        sides.push(newcomer);
    }
    let mut seen = 0;
    for side in &mut sides {
        seen = seen.max(side.first_pictures(people - 1).await);
    }
    let ms = |from: u64| seen.saturating_sub(from) as f64 / 1000.0;
    let (first_ms, join_ms) = (ms(present), ms(began));

    sleep(WARM_UP).await;
    for side in &mut sides {
        side.lines();
    }
    let used = |sides: &[Side]| -> Vec<(Usage, f64)> {
        let of =
            |side: &Side| (usage::of_tree(side.process.id()), usage::of_threads(side.process.id(), ENCODER));
        sides.iter().map(of).collect()
    };
    let (start, before) = (Instant::now(), used(&sides));
    let change = async {
        if let Some(changes) = changes {
            changes.happen().await;
        }
    };
    tokio::join!(sleep(Duration::from_secs(seconds)), change);
    let (elapsed, after) = (start.elapsed().as_secs_f64(), used(&sides));
    let lines: Vec<Vec<Value>> = sides.iter_mut().map(Side::lines).collect();
    while let Some(mut side) = sides.pop() {
        side.process.type_line("leave").await;
        side.process.end().await;
    }

    let delays = if people == 2 {
        delays(&stamps(&lines[0], true), &stamps(&lines[1], false), Clip::length())
    } else {
        // Which of several streams the first one's is, nothing says here.
        Vec::new()
    };
    let rise = |value: fn(&(Usage, f64)) -> f64| {
        let rises = before.iter().zip(&after).map(|(before, after)| (value(after) - value(before)) / elapsed);
        mean(&rises.collect::<Vec<_>>())
    };
    Run {
        first_ms,
        join_ms,
        delay_p50: percentile(delays.clone(), 0.5),
        delay_p95: percentile(delays, 0.95),
        cpu: rise(|(all, _)| all.seconds),
        encoder_cpu: rise(|(_, encoder)| *encoder),
        memory: mean(&after.iter().map(|(all, _)| all.megabytes).collect::<Vec<_>>()),
        received: lines.iter().map(|lines| describe(lines)).collect(),
    }
}

/// Counter and time of every picture.
fn stamps(lines: &[Value], own: bool) -> Vec<(u64, u64)> {
    let pairs = lines.iter().flat_map(|line| streams(line, own)).filter_map(|one| one["seen"].as_array());
    pairs.flatten().filter_map(|pair| Some((pair[0].as_u64()?, pair[1].as_u64()?))).collect()
}

/// What the statistics lines of one side say of what it received, on average from each other.
fn describe(lines: &[Value]) -> Case {
    let participants = |line: &'_ Value| line["statistics"]["participants"].as_object().cloned();
    let seconds: Vec<_> = lines.iter().filter_map(participants).collect();
    let people: BTreeSet<&String> = seconds.iter().flat_map(|second| second.keys()).collect();
    let of = |peer: &String| {
        let seconds: Vec<&Value> = seconds.iter().filter_map(|second| second.get(peer)).collect();
        describe_one(&seconds)
    };
    Case::mean(&people.into_iter().map(of).collect::<Vec<_>>())
}

/// Of one person, every second.
fn describe_one(seconds: &[&Value]) -> Case {
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
        pesq: f64::NAN,
    }
}
