//! Files while people talk, and files through what happens to networks and programs.

use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use tincan_engine::api::{FileState, FileTransfer, FilesView};
use tincan_tests::network::{Link, Machine};
use tincan_tests::participant::Participant;

use super::{SERVER, call, internet};

/// Nobody looks or listens here.
const STILL: [&str; 4] = ["--camera", "none", "--microphone", "none"];
/// What a call takes of a path that carries half as much again.
const CALL: [&str; 2] = ["--max-kbps", "2000"];
/// The longest that any file here takes.
const LIMIT: Duration = Duration::from_secs(150);

fn content(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn file(folder: &TempDir, bytes: usize) -> String {
    let path = folder.path().join("film.mkv");
    std::fs::write(&path, content(bytes)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn arrived(folder: &Path, bytes: usize) -> bool {
    std::fs::read(folder.join("film.mkv")).unwrap() == content(bytes)
}

/// The transfer to whoever asks, or from them.
fn transfer<'a>(files: &'a FilesView, name: &str) -> Option<&'a FileTransfer> {
    files.offers.iter().flat_map(|offer| &offer.transfers).rev().find(|transfer| transfer.name == name)
}

fn is(files: &FilesView, name: &str, state: FileState) -> bool {
    transfer(files, name).is_some_and(|transfer| transfer.state == state)
}

fn verified(files: &FilesView, name: &str) -> u64 {
    transfer(files, name).map_or(0, |transfer| transfer.verified)
}

async fn take(person: &mut Participant, from: &str, folder: &Path) {
    person.files_until(LIMIT, "an offer", |files| is(files, from, FileState::Offered)).await;
    person.say(&format!("file take {}", folder.display())).await;
}

async fn done(person: &mut Participant, from: &str) {
    person.files_until(LIMIT, "the whole file", |files| is(files, from, FileState::Done)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_takes_what_pictures_leave_and_costs_them_no_layer() {
    const BYTES: usize = 3_000_000;
    let (a, b) = (Machine::new(), Machine::new());
    let mut link = Link::lay((&a, "a-link"), (&b, "b-link"), 1).await;
    a.addresses("a-link", &["198.51.100.1/24"]);
    b.addresses("b-link", &["198.51.100.2/24"]);
    link.set("both delay=20ms rate=3000kbit").await;
    let (_server, url) = a.serve([198, 51, 100, 1].into(), &[]).await;
    let looks = [&CALL[..], &["--camera", "none"]].concat();
    let (mut ada, mut ben) = call(&url, (&a, &CALL), (&b, &looks)).await;
    let lines = |second: &tincan_tests::participant::Second<'_>| second.pictures_of("Ada")["height"].as_u64();
    ben.second("whole pictures", |second| lines(second).filter(|lines| *lines >= 720)).await;
    let usual = ben.longest_pause(5).await;

    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    ada.say(&format!("file send {}", file(&from, BYTES))).await;
    take(&mut ben, "Ada", to.path()).await;
    let (mut least, mut seconds) = (u64::MAX, 0);
    while !is(ben.files(), "Ada", FileState::Done) {
        least = least.min(ben.second("a second", lines).await);
        seconds += 1;
        assert!(seconds < LIMIT.as_secs(), "{:?}", transfer(ben.files(), "Ada"));
    }
    let pause = ben.longest_standstill("Ada");
    println!(
        "{BYTES} bytes in {seconds} s; at least {least} lines; pauses of {usual} ms before, {pause} ms meanwhile"
    );
    assert!(arrived(to.path(), BYTES));
    assert!(least >= 720, "pictures shrank to {least} lines");
    // A third of what the call leaves.
    let rate = BYTES as f64 * 8.0 / f64::from(seconds as u32);
    assert!(rate > 1_000_000.0 / 3.0, "{rate} bit/s");
    ben.leave().await;
    ada.leave().await;
}

/// SCTP alone carries a third of a megabyte a second over such a path.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_keeps_its_speed_on_a_path_that_loses() {
    const BYTES: usize = 12_000_000;
    let (a, b) = (Machine::new(), Machine::new());
    let mut link = Link::lay((&a, "a-link"), (&b, "b-link"), 1).await;
    a.addresses("a-link", &["198.51.100.1/24"]);
    b.addresses("b-link", &["198.51.100.2/24"]);
    link.set("both delay=25ms loss=1% rate=30000kbit").await;
    let (_server, url) = a.serve([198, 51, 100, 1].into(), &[]).await;
    let (mut ada, mut ben) = call(&url, (&a, &STILL), (&b, &STILL)).await;
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    ada.say(&format!("file send {}", file(&from, BYTES))).await;
    take(&mut ben, "Ada", to.path()).await;
    let begun = std::time::Instant::now();
    done(&mut ben, "Ada").await;
    let rate = BYTES as f64 / 1e6 / begun.elapsed().as_secs_f64();
    println!("{rate:.2} MB/s over 50 ms there and back with one packet of a hundred lost");
    assert!(arrived(to.path(), BYTES));
    assert!(rate > 1.0, "{rate} MB/s");
    ben.leave().await;
    ada.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute: cargo xtask test --all"]
async fn half_a_gigabyte_goes_to_two_through_another_network_and_a_crash() {
    const BYTES: usize = 500_000_000;
    let internet = internet();
    let machines = [Machine::new(), Machine::new(), Machine::new()];
    for (at, machine) in (100..).zip(&machines) {
        let there = format!("to-{at}");
        machine.cable(
            ("cable", &[&format!("198.51.{at}.2/24")]),
            &internet,
            (&there, &[&format!("198.51.{at}.1/24")]),
        );
        machine.ip(&format!("route add default via 198.51.{at}.1"));
    }
    let [a, b, c] = &machines;
    let (_server, url) = internet.serve(SERVER, &[]).await;
    let mut ada = a.call("Ada", &url, &STILL);
    let code = ada.code().await;
    let joins = [&[code.as_str()], &STILL[..]].concat();
    let (mut ben, mut cyd) = (b.call("Ben", &url, &joins), c.call("Cyd", &url, &joins));
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [from, to_ben, to_cyd] = &folders;
    ada.say(&format!("file send {}", file(from, BYTES))).await;
    take(&mut ben, "Ada", to_ben.path()).await;
    take(&mut cyd, "Ada", to_cyd.path()).await;

    let has = |part: u64| move |files: &FilesView| verified(files, "Ada") > BYTES as u64 / part;
    ben.files_until(LIMIT, "a tenth", has(10)).await;
    // Another address, and with it another path to both.
    a.ip("address delete 198.51.100.2/24 dev cable");
    a.ip("address add 198.51.100.3/24 dev cable");
    a.ip("route replace default via 198.51.100.1");
    ben.files_until(LIMIT, "a third", has(3)).await;
    ben.crash().await;
    assert!(!to_ben.path().join("film.mkv").exists(), "nothing half-written looks whole");
    let mut ben = b.call("Ben", &url, &joins);
    take(&mut ben, "Ada", to_ben.path()).await;
    let again = ben
        .files_until(LIMIT, "more", |files| {
            is(files, "Ada", FileState::Running) && verified(files, "Ada") > 0
        })
        .await;
    let kept = verified(&again, "Ada");
    println!("{kept} bytes were kept");
    assert!(kept > BYTES as u64 / 4, "{kept} bytes were kept");
    done(&mut ben, "Ada").await;
    done(&mut cyd, "Ada").await;
    assert!(arrived(to_ben.path(), BYTES) && arrived(to_cyd.path(), BYTES));
    for person in [ben, cyd, ada] {
        person.leave().await;
    }
}
