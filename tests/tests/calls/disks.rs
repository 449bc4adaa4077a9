//! Files and the disks that they are read from and written to: one that fills up, one from which they are moved away.
#![cfg(target_os = "linux")]

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use tincan_engine::api::{FileState, FileTransfer, FilesView};
use tincan_tests::participant::Participant;
use tincan_tests::process::binary;
use tincan_tests::server::Server;
use tokio::process::Command;

/// Nobody looks or listens here.
const STILL: [&str; 4] = ["--camera", "none", "--microphone", "none"];
/// The longest that any file here takes.
const LIMIT: Duration = Duration::from_secs(60);
/// Of the small disk, and of what is to go there: a moment's work, long enough for something to happen meanwhile.
const DISK: u64 = 160_000_000;
const BYTES: usize = 120_000_000;

fn content() -> Vec<u8> {
    (0..BYTES).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

/// A file to be sent, and what is said to send it.
fn film(folder: &TempDir) -> (std::path::PathBuf, String) {
    let path = folder.path().join("film.mkv");
    std::fs::write(&path, content()).unwrap();
    let said = format!("file send {}", path.display());
    (path, said)
}

fn transfer(files: &FilesView) -> Option<&FileTransfer> {
    files.offers.iter().flat_map(|offer| &offer.transfers).next_back()
}

fn is(state: FileState) -> impl Fn(&FilesView) -> bool {
    move |files| transfer(files).is_some_and(|one| one.state == state)
}

fn has(bytes: u64) -> impl Fn(&FilesView) -> bool {
    move |files| transfer(files).is_some_and(|one| one.verified > bytes)
}

/// Somebody is told this, by its code.
async fn told(person: &mut Participant, code: &str) {
    let says = |files: &FilesView| {
        transfer(files).and_then(|one| one.problem.as_ref()).is_some_and(|problem| problem.code == code)
    };
    person.files_until(LIMIT, code, says).await;
}

async fn take(person: &mut Participant, folder: &Path) {
    person.files_until(LIMIT, "an offer", is(FileState::Offered)).await;
    person.say(&format!("file take {}", folder.display())).await;
}

/// Two, of whom the second sees a disk of [`DISK`] bytes at `small`, which nobody else sees.
async fn two(server: &Server, small: &Path) -> (Participant, Participant) {
    let mut ada = Participant::start("Ada", &server.url(), &STILL);
    let code = ada.code().await;
    let mut command = Command::new("unshare");
    // Its process is the program's in the end.
    let mounted = format!("mount -t tmpfs -o size={DISK} small \"$0\" && exec \"$@\"");
    command.args(["--mount", "sh", "-c", &mounted]).arg(small).arg(binary("tincan"));
    let ben = Participant::start_by(command, "Ben", &server.url(), &[&[code.as_str()], &STILL[..]].concat());
    (ada, ben)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_is_told_to_both_and_the_file_goes_on_when_there_is_room() {
    let server = Server::start().await;
    let (from, small) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (mut ada, mut ben) = two(&server, small.path()).await;
    let (_, said) = film(&from);
    ada.say(&said).await;
    take(&mut ben, small.path()).await;
    ben.files_until(LIMIT, "a beginning", has(8_000_000)).await;

    // Something else takes all that is left, as the other program sees the disk.
    let seen = format!("/proc/{}/root{}", ben.id(), small.path().display());
    let other = Path::new(&seen).join("something else");
    let mut filling = std::fs::File::create(&other).unwrap();
    while filling.write_all(&[1; 1 << 20]).is_ok() {}
    drop(filling);
    told(&mut ben, "disk_full").await;
    told(&mut ada, "their_disk_full").await;
    assert!(!Path::new(&seen).join("film.mkv").exists(), "nothing half-written looks whole");
    std::fs::remove_file(&other).unwrap();
    let kept = ben.files().clone();
    let kept = transfer(&kept).unwrap().verified;
    ben.say("file resume").await;
    ben.files_until(LIMIT, "the whole file", is(FileState::Done)).await;
    println!("{kept} bytes were kept of what came before the disk was full");
    assert!(std::fs::read(Path::new(&seen).join("film.mkv")).unwrap() == content());
    for person in [ben, ada] {
        person.leave().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_written_to_or_moved_while_it_is_sent_is_told_to_both_and_goes_on_when_it_is_offered_again()
 {
    let server = Server::start().await;
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut ada = Participant::start("Ada", &server.url(), &STILL);
    let code = ada.code().await;
    let mut ben = Participant::start("Ben", &server.url(), &[&[code.as_str()], &STILL[..]].concat());
    let (path, said) = film(&from);

    for (what, code) in [("changed", "file_changed"), ("moved", "file_vanished")] {
        ada.say(&said).await;
        take(&mut ben, to.path()).await;
        ben.files_until(LIMIT, "a beginning", has(8_000_000)).await;
        let aside = path.with_extension("aside");
        match what {
            "changed" => {
                let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
                file.write_all(b"more").unwrap();
            }
            _ => std::fs::rename(&path, &aside).unwrap(),
        }
        for person in [&mut ada, &mut ben] {
            told(person, code).await;
        }
        assert!(!to.path().join("film.mkv").exists(), "nothing half-written looks whole");
        match what {
            "changed" => std::fs::write(&path, content()).unwrap(),
            _ => std::fs::rename(&aside, &path).unwrap(),
        }
    }

    ada.say(&said).await;
    take(&mut ben, to.path()).await;
    ben.files_until(LIMIT, "the whole file", is(FileState::Done)).await;
    assert!(std::fs::read(to.path().join("film.mkv")).unwrap() == content());
    for person in [ben, ada] {
        person.leave().await;
    }
}
