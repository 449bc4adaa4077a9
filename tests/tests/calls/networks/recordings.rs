//! What a recording shows and lets hear of a call over a good and over a narrow link.

use std::time::{Duration, Instant};

use tincan_media::video::Resolution;
use tincan_tests::camera::Camera;
use tincan_tests::network::{Link, Machine};
use tincan_tests::numbers::percentile;
use tincan_tests::participant::Participant;
use tincan_tests::process::binary;
use tincan_tests::sound::Sound;
use tincan_tests::{clips, film};
use tokio::io::AsyncReadExt;

use super::{SERVER, connected, internet};

/// How long both are measured.
const SECONDS: u32 = 26;
/// After so many of them buffers and the size of pictures have settled, counted like everything else from a second before
/// the first burst.
const SETTLED: f64 = 7.0;
/// Lips are noticed to be off from 45 ms on (ITU-R BT.1359).
const LIMIT: f64 = 40.0;

/// What is next to `wanted` among them, if anything is by less than half a second.
fn nearest(among: &[f64], wanted: f64) -> Option<f64> {
    let distance = |at: &f64| (at - wanted).abs();
    let nearest = among.iter().copied().min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
    (distance(&nearest) < 0.5).then_some(nearest)
}

/// A lamp flashes before Ada's camera and a buzz is played to her microphone, each once a second. Ben records her. By how
/// much later the pictures lie in the file than they were taken, against the sound.
async fn recorded_over(conditions: &str) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let (said, recorded) = (folder.path().join("said.wav"), folder.path().join("call.mp4"));
    clips::bursts(&said, SECONDS + 60);
    let (internet, adas, bens) = (internet(), Machine::new(), Machine::new());
    let mut link = Link::lay((&adas, "wifi"), (&internet, "to-ada"), 1).await;
    adas.addresses("wifi", &["198.51.100.2/24"]);
    adas.ip("route add default via 198.51.100.1");
    internet.addresses("to-ada", &["198.51.100.1/24"]);
    bens.cable(("cable", &["192.0.2.2/24"]), &internet, ("to-ben", &["192.0.2.1/24"]));
    bens.ip("route add default via 192.0.2.1");
    let (_server, url) = internet.serve(SERVER, &[]).await;
    link.set(conditions).await;

    let sound = Sound::start().await;
    let (camera, mut lamp) = Camera::of_flashes(Resolution::new(640, 360));
    let mut command = adas.command("env");
    command.arg(format!("PULSE_SERVER={}", sound.address()));
    command.arg(binary("tincan"));
    camera.plug_into(&mut command);
    let arguments = ["--microphone", "default", "--speaker", "none", "--camera", "default"];
    let mut ada = Participant::start_by(command, "Ada", &url, &arguments);
    let code = ada.code().await;
    let arguments =
        [&code, "--microphone", "none", "--camera", "none", "--record", &recorded.to_string_lossy()];
    let mut ben = bens.call("Ben", &url, &arguments);
    ada.until("connection", connected).await;
    ben.until("connection", connected).await;

    let mut near = sound.listen("voice");
    near.hear(1.0).await;
    // What waits in the pipe flashed before.
    while lamp.try_read(&mut [0; 64]).is_ok() {}
    let began = Instant::now();
    let _speaking = sound.speak(&said);
    let flashed = async {
        let mut flashed = Vec::new();
        while began.elapsed() < Duration::from_secs(SECONDS.into()) {
            lamp.read_u8().await.unwrap();
            flashed.push(Instant::now());
        }
        flashed
    };
    let (near, flashed) = tokio::join!(near.hear(SECONDS as f32), flashed);
    ada.leave().await;
    ben.leave().await;

    // What was heard began a little earlier by its own clock.
    let at = |instant: &Instant| (*instant + Duration::from_secs(1)).duration_since(began).as_secs_f64();
    let said: Vec<f64> = near.onsets().iter().map(at).collect();
    let flashed = flashed.iter().map(at).filter(|at| *at > SETTLED);
    let (flashes, bursts) = (film::flashes(&recorded), film::bursts(&recorded));
    // Both begin with the first burst, for it was only spoken when they were connected.
    let placed: Vec<(f64, f64)> = said.iter().copied().zip(bursts.iter().copied()).collect();
    let even =
        |&&(said, recorded): &&(f64, f64)| ((recorded - said) - (placed[0].1 - placed[0].0)).abs() < 0.1;
    let enough = SECONDS as usize * 2 / 3;
    assert!(placed.iter().filter(even).count() > enough, "what was said is not what is recorded: {placed:?}");
    let late: Vec<f64> = flashed
        .filter_map(|flashed| {
            let next =
                |a: &&(f64, f64), b: &&(f64, f64)| (a.0 - flashed).abs().total_cmp(&(b.0 - flashed).abs());
            let (said, recorded) = placed.iter().min_by(next)?;
            let belongs = flashed - said + recorded;
            Some((nearest(&flashes, belongs)? - belongs) * 1e3)
        })
        .collect();
    assert!(late.len() > enough / 2, "{} flashes of {}", late.len(), flashes.len());
    let median = percentile(late.clone(), 0.5);
    println!(
        "{conditions}: {} flashes and {} bursts: pictures lie {median:+.0} ms late (p5 {:+.0}, p95 {:+.0})",
        flashes.len(),
        bursts.len(),
        percentile(late.clone(), 0.05),
        percentile(late, 0.95),
    );
    median
}

#[ignore = "takes minutes: cargo xtask test --all"]
#[tokio::test(flavor = "multi_thread")]
async fn what_flashed_and_buzzed_together_does_so_in_a_recording_over_any_link() {
    for conditions in ["both", "both delay=30ms rate=500kbit"] {
        let late = recorded_over(conditions).await;
        assert!(late.abs() < LIMIT, "{conditions}: pictures lie {late:+.0} ms late");
    }
}
