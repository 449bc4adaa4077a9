//! A call between Chromium: `tests/browser/measure.js` makes and measures it.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tincan_media::video::Resolution;
use tincan_tests::browser::node;
use tincan_tests::network::Machine;
use tincan_tests::process::Process;

use crate::VIDEO_KBPS;
use crate::clip::Clip;
use crate::networks::Changes;
use crate::numbers::{Case, Run, mean, number};

/// Warming up and reading delays, beside what is measured.
const BESIDE: Duration = Duration::from_secs(60);
/// Starting one browser.
const START: Duration = Duration::from_secs(15);

pub(crate) struct Chromium {
    pub(crate) version: String,
    pub(crate) run: Run,
}

/// A call between two whose pictures may take so many `kbps`, while the link changes. What the second one hears goes into the
/// file, if one is named.
pub(crate) async fn call(
    clip: &Clip,
    place: Option<(&Machine, &Machine)>,
    kbps: u64,
    seconds: u64,
    changes: Option<Changes<'_>>,
    heard: Option<&Path>,
) -> Result<Chromium, String> {
    measure(clip, 2, (place, kbps), seconds, (changes, heard)).await
}

/// A mesh of so many.
pub(crate) async fn room(
    clip: &Clip,
    people: usize,
    place: Option<(&Machine, &Machine)>,
    seconds: u64,
) -> Result<Chromium, String> {
    measure(clip, people, (place, VIDEO_KBPS), seconds, (None, None)).await
}

async fn measure(
    clip: &Clip,
    people: usize,
    (place, kbps): (Option<(&Machine, &Machine)>, u64),
    seconds: u64,
    (changes, heard): (Option<Changes<'_>>, Option<&Path>),
) -> Result<Chromium, String> {
    let mut command = node("measure.js");
    command.arg(&clip.camera).arg(&clip.microphone);
    let Resolution { width, height } = clip.resolution;
    for (name, number) in [
        ("--seconds", seconds),
        ("--kbps", kbps),
        ("--people", people as u64),
        ("--width", width.into()),
        ("--height", height.into()),
    ] {
        command.args([name, &number.to_string()]);
    }
    if let Some((a, b)) = place {
        command.args(["--namespaces", &format!("{},{}", a.namespace(), b.namespace())]);
    }
    if let Some(file) = heard {
        command.arg("--heard").arg(file);
    }
    let mut process = Process::start("measure.js", command);
    let limit = BESIDE + START * people as u32 + Duration::from_secs(seconds);
    let wanted =
        |line: &str| serde_json::from_str::<Value>(line).ok().filter(|line| line["sides"].is_array());
    if let Some(changes) = changes {
        let begins = |line: &str| line.contains("measuring").then_some(());
        process.look_for(limit, "the beginning of its measuring", begins).await?;
        changes.happen().await;
    }
    let measured = process.look_for(limit, "a measurement", wanted).await?;
    process.end().await;

    let sides = measured["sides"].as_array().ok_or("measure.js measured nothing")?;
    let all = |name: &str| sides.iter().map(|side| number(&side[name])).collect::<Vec<f64>>();
    let received = |side: &Value| Case {
        fps: number(&side["fps"]),
        height: number(&side["height"]),
        kbps: number(&side["kbps"]),
        freezes: number(&side["freezes"]),
        frozen_seconds: number(&side["frozenSeconds"]),
        concealed_percent: number(&side["concealedPercent"]),
        pesq: f64::NAN,
    };
    let run = Run {
        first_ms: number(&measured["firstPicturesMs"]),
        join_ms: f64::NAN,
        delay_p50: number(&measured["delayP50Ms"]),
        delay_p95: number(&measured["delayP95Ms"]),
        cpu: mean(&all("cpuCores")),
        encoder_cpu: f64::NAN,
        memory: mean(&all("memoryMb")),
        received: sides.iter().map(received).collect(),
    };
    Ok(Chromium { version: measured["version"].as_str().unwrap_or_default().to_owned(), run })
}
