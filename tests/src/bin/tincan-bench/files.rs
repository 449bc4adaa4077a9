//! Files without a call, beside `magic-wormhole` on the same machine: from the receiver's command until the file is there.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tincan_tests::network::{Link, Machine};
use tincan_tests::process::{Process, binary};
use tokio::process::Command;

use crate::numbers::median;
use crate::table::{Bar, Table};

const SIGNAL_PORT: u16 = 4_870;
const MAILBOX_PORT: u16 = 4_871;
/// Every link makes its loss from this.
const SEED: u64 = 1;
/// No file takes longer.
const LIMIT: Duration = Duration::from_secs(300);
/// In bytes a second, alone on loopback.
const LEAST_ON_LOOPBACK: f64 = 200e6;

struct Case {
    name: &'static str,
    megabytes: u64,
    /// In the words of [`Link::set`]; `None`: one machine's loopback.
    link: Option<&'static str>,
}

const CASES: [Case; 4] = [
    Case { name: "loopback", megabytes: 1_000, link: None },
    Case { name: "small, loopback", megabytes: 1, link: None },
    Case { name: "50 ms and 1% loss", megabytes: 20, link: Some("both delay=25ms loss=1%") },
    Case { name: "50 ms, 20 Mbit/s", megabytes: 20, link: Some("both delay=25ms rate=20000kbit") },
];

#[derive(Clone, Copy, PartialEq)]
enum Who {
    Tincan,
    Wormhole,
}

/// Where the other program was installed by `cargo xtask bench --files`.
fn wormhole(program: &str) -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os("TINCAN_WORMHOLE")?).join("bin").join(program);
    path.exists().then_some(path)
}

/// Measures every case, and gives the table.
pub(crate) async fn table(rounds: usize, only: Option<&str>) -> Result<String, String> {
    if wormhole("wormhole").is_none() {
        return Err("magic-wormhole is not installed: run this by `cargo xtask bench --files`".into());
    }
    let mut table = Table::beside(&format!("files, MB/s, median of {rounds}"), "wormhole");
    let mut said = Vec::new();
    for case in CASES.iter().filter(|case| only.is_none_or(|only| case.name.contains(only))) {
        let mut seconds = [Vec::new(), Vec::new()];
        for round in 1..=rounds {
            eprintln!("{}, round {round} of {rounds}: Tincan, magic-wormhole", case.name);
            for (who, seconds) in [Who::Tincan, Who::Wormhole].into_iter().zip(&mut seconds) {
                seconds.push(transfer(case, who).await?);
            }
        }
        let rate = |seconds: &[f64]| case.megabytes as f64 / median(seconds.iter().copied());
        let rates = (rate(&seconds[0]), rate(&seconds[1]));
        table.row(&format!("{} MB, {}", case.megabytes, case.name), rates, Bar::None);
        if case.link.is_none() && case.megabytes > 100 {
            let met = if rates.0 * 1e6 >= LEAST_ON_LOOPBACK { "met" } else { "MISSED" };
            said.push(format!("at least {:.0} MB/s on loopback: {met}", LEAST_ON_LOOPBACK / 1e6));
        }
    }
    let buffers = fs::read_to_string("/proc/sys/net/core/rmem_max").unwrap_or_default();
    said.push(format!("net.core.rmem_max {}", buffers.trim()));
    Ok(format!("{table}{}\n", said.join("\n")))
}

/// Two folders, and the file in one of them.
struct Folders {
    _from: TempDir,
    to: TempDir,
    file: PathBuf,
}

impl Folders {
    fn make(megabytes: u64) -> Result<Self, String> {
        let folder = || tempfile::tempdir().map_err(|error| format!("no folder: {error}"));
        let (from, to) = (folder()?, folder()?);
        let file = from.path().join("film.bin");
        // Nothing that anybody could compress.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let words = megabytes * 1_000_000 / 8;
        let bytes: Vec<u8> = (0..words)
            .flat_map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state.to_le_bytes()
            })
            .collect();
        fs::write(&file, bytes).map_err(|error| format!("no file: {error}"))?;
        Ok(Self { _from: from, to, file })
    }

    fn arrived(&self) -> Result<(), String> {
        let read = |path: &Path| fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
        if read(&self.to.path().join("film.bin"))? == read(&self.file)? {
            Ok(())
        } else {
            Err("what arrived is not what was sent".into())
        }
    }
}

/// Seconds from the receiver's command until it has ended with the whole file there.
async fn transfer(case: &Case, who: Who) -> Result<f64, String> {
    let folders = Folders::make(case.megabytes)?;
    let Some(words) = case.link else {
        let command = |program: PathBuf| Command::new(program);
        return timed(who, &folders, Ipv4Addr::LOCALHOST, &command, &command).await;
    };
    let (a, b) = (Machine::new(), Machine::new());
    let mut link = Link::lay((&a, "a-link"), (&b, "b-link"), SEED).await;
    let first = Ipv4Addr::new(198, 51, 100, 1);
    a.addresses("a-link", &[&format!("{first}/24")]);
    b.addresses("b-link", &["198.51.100.2/24"]);
    link.set(words).await;
    timed(who, &folders, first, &|program| a.command(program), &|program| b.command(program)).await
}

async fn timed(
    who: Who,
    folders: &Folders,
    server: Ipv4Addr,
    here: &dyn Fn(PathBuf) -> Command,
    there: &dyn Fn(PathBuf) -> Command,
) -> Result<f64, String> {
    let (_server, mut sender, receiver) = match who {
        Who::Tincan => {
            let mut command = here(binary("tincan"));
            command.args(["serve", "--listen", &format!("{server}:{SIGNAL_PORT}")]);
            let server_process = listening("tincan serve", command, "istening").await?;
            let url = format!("ws://{server}:{SIGNAL_PORT}");
            let mut command = here(binary("tincan"));
            command.arg("send").arg(&folders.file).args(["--server", &url, "--name", "Ada"]);
            let mut sender = Process::start("tincan send", command);
            let said = |line: &str| line.strip_prefix("tincan receive ").map(str::to_owned);
            let code = sender.look_for(LIMIT, "a code", said).await?;
            let mut command = there(binary("tincan"));
            command.args(["receive", "--yes", "--name", "Ben", "--server", &url, "--folder"]);
            command.arg(folders.to.path()).arg(code);
            (server_process, sender, command)
        }
        Who::Wormhole => {
            let tool = |name| wormhole(name).ok_or("magic-wormhole is gone");
            let mut command = here(tool("twist")?);
            command.args(["wormhole-mailbox", "--port"]);
            command.arg(format!("tcp:{MAILBOX_PORT}:interface={server}")).current_dir(folders.to.path());
            command.arg("--channel-db=:memory:");
            let mailbox = listening("wormhole-mailbox", command, "starting on").await?;
            let relay = format!("ws://{server}:{MAILBOX_PORT}/v1");
            let common = ["--relay-url", &relay, "--transit-helper", ""];
            let mut command = here(tool("wormhole")?);
            command.args(common).args(["send", "--hide-progress", "--code", "7-guitarist-revenge"]);
            command.arg(&folders.file);
            let mut sender = Process::start("wormhole send", command);
            let ready = |line: &str| line.contains("wormhole receive").then_some(());
            sender.look_for(LIMIT, "a code", ready).await?;
            let mut command = there(tool("wormhole")?);
            command.args(common).args(["receive", "--hide-progress", "--accept-file", "7-guitarist-revenge"]);
            command.current_dir(folders.to.path());
            (mailbox, sender, command)
        }
    };
    let began = Instant::now();
    let mut receiver = Process::start("receiver", receiver);
    // Nothing is looked for: the search ends with the program's output.
    let _ = receiver.look_for(LIMIT, "the end", |_| None::<()>).await;
    let seconds = began.elapsed().as_secs_f64();
    let (code, said) = receiver.end().await;
    if code != Some(0) {
        return Err(format!("the receiver failed: {}", said.join("\n")));
    }
    let _ = sender.look_for(LIMIT, "the end", |_| None::<()>).await;
    folders.arrived()?;
    Ok(seconds)
}

async fn listening(name: &str, command: Command, word: &str) -> Result<Process, String> {
    let mut process = Process::start(name, command);
    process.look_for(LIMIT, "its listening", |line| line.contains(word).then_some(())).await?;
    Ok(process)
}
