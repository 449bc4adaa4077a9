//! A call between two Chromium: `tests/browser/measure.js` makes and measures it.

use std::time::Duration;

use serde_json::Value;
use tincan_tests::browser::node;
use tincan_tests::network::Machine;
use tincan_tests::process::Process;

use crate::VIDEO_KBPS;
use crate::clip::Clip;
use crate::numbers::{Case, Run, mean, number};

/// Starting two browsers, warming up and reading delays, beside what is measured.
const BESIDE: Duration = Duration::from_secs(90);

pub(crate) struct Chromium {
    pub(crate) version: String,
    pub(crate) run: Run,
}

pub(crate) async fn call(
    clip: &Clip,
    place: Option<(&Machine, &Machine)>,
    seconds: u64,
) -> Result<Chromium, String> {
    let mut command = node("measure.js");
    command.arg(&clip.camera).arg(&clip.microphone);
    command.args(["--seconds", &seconds.to_string(), "--kbps", &VIDEO_KBPS.to_string()]);
    if let Some((a, b)) = place {
        command.args(["--namespaces", &format!("{},{}", a.namespace(), b.namespace())]);
    }
    let mut process = Process::start("measure.js", command);
    let limit = BESIDE + Duration::from_secs(seconds);
    let wanted =
        |line: &str| serde_json::from_str::<Value>(line).ok().filter(|line| line["sides"].is_array());
    let measured = process.wait_for_within(limit, "a measurement", wanted).await;
    process.end().await;

    let sides = measured["sides"].as_array().ok_or("measure.js measured nothing")?;
    let both = |name: &str| sides.iter().map(|side| number(&side[name])).collect::<Vec<f64>>();
    let receiver = &measured["sides"][1];
    let case = Case {
        fps: number(&receiver["fps"]),
        height: number(&receiver["height"]),
        kbps: number(&receiver["kbps"]),
        freezes: number(&receiver["freezes"]),
        frozen_seconds: number(&receiver["frozenSeconds"]),
        concealed_percent: number(&receiver["concealedPercent"]),
    };
    let run = Run {
        first_ms: both("firstPictureMs").into_iter().fold(0.0, f64::max),
        join_ms: f64::NAN,
        delay_p50: number(&measured["delayP50Ms"]),
        delay_p95: number(&measured["delayP95Ms"]),
        cpu: mean(&both("cpuCores")),
        memory: mean(&both("memoryMb")),
        case,
    };
    Ok(Chromium { version: measured["version"].as_str().unwrap_or_default().to_owned(), run })
}
