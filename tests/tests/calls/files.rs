//! Files between whole programs: `tincan send` and `tincan receive` as processes of their own, the real server, real
//! connections, real disks.

use std::path::Path;

use tincan_tests::process::{Process, binary};
use tincan_tests::server::Server;
use tokio::process::Command;

fn content(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn start(name: &str, server: &Server, arguments: &[&str]) -> Process {
    let mut command = Command::new(binary("tincan"));
    command.args(arguments).args(["--server", &server.url(), "--name", name]);
    Process::start(name, command)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The code that a sender says.
async fn code(sender: &mut Process) -> String {
    sender.wait_for("a code", |line| line.strip_prefix("tincan receive ").map(str::to_owned)).await
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_and_a_folder_go_to_whoever_joins_the_code() {
    let server = Server::start().await;
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (file, folder) = (from.path().join("report.pdf"), from.path().join("photos"));
    std::fs::write(&file, content(3_000_000)).unwrap();
    std::fs::create_dir_all(folder.join("2024/empty")).unwrap();
    std::fs::write(folder.join("2024/one.jpeg"), content(70_000)).unwrap();
    std::fs::write(folder.join("none"), b"").unwrap();
    // What is there already is not replaced.
    std::fs::write(to.path().join("report.pdf"), b"mine").unwrap();
    let mut ada = start("Ada", &server, &["send", text(&file), text(&folder)]);
    let code = code(&mut ada).await;
    let mut ben = start("Ben", &server, &["receive", &code, "--folder", text(to.path())]);
    ben.wait_for("an offer", |line| line.contains("Ada offers 3 files").then_some(())).await;
    ben.type_line("y").await;
    ben.wait_for("the end", |line| line.contains("verified").then_some(())).await;
    assert_eq!(ben.end().await.0, Some(0));
    assert_eq!(ada.end().await.0, Some(0));
    assert_eq!(names(to.path()), ["photos", "report (2).pdf", "report.pdf"]);
    assert_eq!(std::fs::read(to.path().join("report.pdf")).unwrap(), b"mine");
    assert_eq!(std::fs::read(to.path().join("report (2).pdf")).unwrap(), content(3_000_000));
    assert_eq!(std::fs::read(to.path().join("photos/2024/one.jpeg")).unwrap(), content(70_000));
    assert!(to.path().join("photos/2024/empty").is_dir() && to.path().join("photos/none").is_file());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_receivers_get_one_file_though_one_of_them_is_killed_and_comes_back() {
    let server = Server::start().await;
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [from, to_ben, to_cyd] = &folders;
    let (file, size) = (from.path().join("film.mkv"), 48 << 20);
    std::fs::write(&file, content(size)).unwrap();
    let mut ada = start("Ada", &server, &["send", text(&file), "--everybody"]);
    let code = code(&mut ada).await;
    let receive =
        |name: &str, to: &Path| start(name, &server, &["receive", &code, "--yes", "--folder", text(to)]);
    let mut ben = receive("Ben", to_ben.path());
    let mut cyd = receive("Cyd", to_cyd.path());
    ben.wait_for("the beginning", |line| line.starts_with("Receiving").then_some(())).await;
    ben.kill().await;
    assert!(!to_ben.path().join("film.mkv").exists(), "nothing half-written looks whole");
    let mut ben = receive("Ben", to_ben.path());
    for person in [&mut ben, &mut cyd] {
        person.wait_for("the end", |line| line.contains("verified").then_some(())).await;
    }
    assert_eq!((ben.end().await.0, cyd.end().await.0), (Some(0), Some(0)));
    for to in [to_ben, to_cyd] {
        assert_eq!(names(to.path()), ["film.mkv"]);
        assert!(std::fs::read(to.path().join("film.mkv")).unwrap() == content(size));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_declines_gets_nothing_and_the_sender_is_told() {
    let server = Server::start().await;
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = from.path().join("install.exe");
    std::fs::write(&file, content(10)).unwrap();
    let mut ada = start("Ada", &server, &["send", text(&file)]);
    let code = code(&mut ada).await;
    let mut ben = start("Ben", &server, &["receive", &code, "--folder", text(to.path())]);
    ben.wait_for("a warning", |line| line.contains("Opening it may run a program").then_some(())).await;
    ben.type_line("n").await;
    ada.wait_for("an answer", |line| line.contains("does not want").then_some(())).await;
    assert_eq!(ada.end().await.0, Some(1));
    assert_eq!(ben.end().await.0, Some(1));
    assert!(names(to.path()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_told_before_anybody_gets_a_code() {
    let server = Server::start().await;
    let mut ada = start("Ada", &server, &["send", "/nowhere/nothing.txt"]);
    ada.wait_for("a sentence", |line| line.contains("There is no `/nowhere/nothing.txt`").then_some(()))
        .await;
    assert_eq!(ada.end().await.0, Some(1));
}
