//! Networks that are really there: namespaces of the kernel as machines, virtual cables between them, routers with NAT,
//! and our own bad link. What a test makes is gone with it, also when it fails.

use std::ffi::{OsStr, OsString};
use std::net::IpAddr;
use std::path::Path;
use std::process::Command as Blocking;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;
use tokio::time::{interval, timeout};

use crate::participant::Participant;
use crate::process::{PATIENCE, Process, binary};

/// Where the system keeps its named namespaces (ip-netns(8)).
const NAMESPACES: &str = "/run/netns";
/// What the names of ours begin with; the process's id and a number follow.
const PREFIX: &str = "tincan";
/// The port of the signalling server.
const SIGNAL_PORT: u16 = 4815;

/// A machine with a network of its own. Dropping it takes the network away.
#[derive(Debug)]
pub struct Machine {
    namespace: String,
    /// Environment of the participants here.
    variables: Mutex<Vec<(String, OsString)>>,
}

impl Machine {
    /// A machine that has nothing but its loopback interface.
    ///
    /// # Panics
    /// When this machine makes no namespaces.
    pub fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        if number == 0 {
            sweep();
        }
        let namespace = format!("{PREFIX}-{}-{number}", std::process::id());
        let made = Blocking::new("ip").args(["netns", "add", &namespace]).output();
        let made = made.expect("this test needs the program `ip` (Debian: iproute2)");
        assert!(
            made.status.success(),
            "this test needs network namespaces, which take root's rights (CAP_SYS_ADMIN) and a kernel that has them: {}",
            String::from_utf8_lossy(&made.stderr).trim()
        );
        let machine = Self { namespace, variables: Mutex::default() };
        machine.ip("link set lo up");
        machine
    }

    /// One that hands packets on.
    pub fn router() -> Self {
        let machine = Self::new();
        machine.shell("echo 1 > /proc/sys/net/ipv4/ip_forward");
        machine.shell("echo 1 > /proc/sys/net/ipv6/conf/all/forwarding");
        machine
    }

    /// What the system calls its network, for programs that enter it by themselves.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// A program on this machine.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]).arg(program);
        command
    }

    /// `ip WORDS` on this machine.
    ///
    /// # Panics
    /// When it fails.
    pub fn ip(&self, words: &str) {
        let mut command = Blocking::new("ip");
        run(command.args(["-n", &self.namespace]).args(words.split_whitespace()));
    }

    /// A line of shell on this machine.
    ///
    /// # Panics
    /// When it fails.
    pub fn shell(&self, line: &str) {
        run(Blocking::new("ip").args(["netns", "exec", &self.namespace, "sh", "-c", line]));
    }

    /// Returns when every address can be used: of a new one of IPv6 the kernel first asks, for a second, whether somebody
    /// else has it (RFC 4862, section 5.4).
    ///
    /// # Panics
    /// When it never ends.
    pub async fn settled(&self) {
        let mut again = interval(Duration::from_millis(50));
        let asking = async {
            loop {
                again.tick().await;
                let mut command = Command::new("ip");
                command.args(["-n", &self.namespace, "-6", "-oneline", "address", "show", "tentative"]);
                let asked = command.output().await.expect("`ip` was there a moment ago");
                if asked.stdout.is_empty() {
                    return;
                }
            }
        };
        timeout(PATIENCE, asking).await.expect("the kernel ends asking for duplicates");
    }

    /// Lays a cable from here to there: both ends with a name and addresses (`192.0.2.1/24`).
    pub fn cable(&self, (name, addresses): (&str, &[&str]), to: &Self, (there, theirs): (&str, &[&str])) {
        self.ip(&format!("link add {name} type veth peer name {there} netns {}", to.namespace));
        self.addresses(name, addresses);
        to.addresses(there, theirs);
    }

    /// Gives an interface addresses and switches it on.
    pub fn addresses(&self, interface: &str, addresses: &[&str]) {
        for address in addresses {
            // Duplicates cannot be here, and looking for them takes IPv6 a second.
            let nodad = if address.contains(':') { " nodad" } else { "" };
            self.ip(&format!("address add {address} dev {interface}{nodad}"));
        }
        self.ip(&format!("link set {interface} up"));
    }

    /// Hides what is behind this router behind its address on `outside`, and lets nobody in who was not asked.
    /// `symmetric`: a port of its own, at random, for every destination.
    pub fn masquerade(&self, outside: &str, symmetric: bool) {
        let random = if symmetric { "--random-fully" } else { "" };
        self.shell(&format!("iptables -t nat -A POSTROUTING -o {outside} -j MASQUERADE {random}"));
        // What comes unasked must leave no trace, or it takes the port that the answer to it would have had.
        for chain in ["INPUT", "FORWARD"] {
            self.shell(&format!(
                "iptables -A {chain} -i {outside} -m conntrack ! --ctstate ESTABLISHED,RELATED -j DROP"
            ));
        }
    }

    /// A signalling server here, which others reach by `address`; returns when it listens, with its URL.
    pub async fn serve(&self, address: IpAddr, arguments: &[&str]) -> (Process, String) {
        let listen = std::net::SocketAddr::new(address, SIGNAL_PORT);
        let mut command = self.command(binary("tincan-server"));
        command.args(["--listen", &listen.to_string()]).args(arguments);
        let mut process = Process::start("tincan-server", command);
        process.wait_for("its listening", |line| line.contains("Listening").then_some(())).await;
        (process, format!("ws://{listen}"))
    }

    /// A variable for those who start here from now on.
    pub fn set_variable(&self, name: &str, value: impl AsRef<OsStr>) {
        let variable = (name.to_owned(), value.as_ref().to_owned());
        self.variables.lock().expect("nobody panics with it").push(variable);
    }

    /// `tincan call` on this machine.
    pub fn call(&self, name: &str, server: &str, arguments: &[&str]) -> Participant {
        let mut command = self.command(binary("tincan"));
        command.envs(self.variables.lock().expect("nobody panics with it").iter().cloned());
        Participant::start_by(command, name, server, arguments)
    }
}

impl Machine {
    /// `tincan call` on this machine, on the networks that it is on, without a server.
    pub fn call_nearby(&self, name: &str, arguments: &[&str]) -> Participant {
        Participant::start_anywhere(self.command(binary("tincan")), name, arguments)
    }
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // A failure here would hide the test's own.
        let _ = Blocking::new("ip").args(["netns", "delete", &self.namespace]).output();
    }
}

/// Removes what tests that were killed have left.
fn sweep() {
    for entry in std::fs::read_dir(NAMESPACES).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let maker =
            name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').nth(1)?.parse::<u32>().ok());
        if maker.is_some_and(|id| !Path::new(&format!("/proc/{id}")).exists()) {
            let _ = Blocking::new("ip").args(["netns", "delete"]).arg(name).output();
        }
    }
}

fn run(command: &mut Blocking) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
}

/// Our own link between two machines, as bad as asked for.
pub struct Link {
    process: Process,
}

impl Link {
    /// Between the interface `from.1` and `to.1`, which it makes.
    pub async fn lay(from: (&Machine, &str), to: (&Machine, &str), seed: u64) -> Self {
        let mut command = from.0.command(binary("tincan-link"));
        command.args([from.1, to.1, &seed.to_string()]);
        let mut process = Process::start("tincan-link", command);
        process.wait_for("its devices", |line| line.contains("ready").then_some(())).await;
        from.0.ip(&format!("link set {} netns {}", to.1, to.0.namespace));
        Self { process }
    }

    /// Sets conditions: `both delay=50ms loss=2%`, `ab cut`.
    ///
    /// # Panics
    /// When they are not understood.
    pub async fn set(&mut self, words: &str) {
        self.process.type_line(words).await;
        let answer = self.answer().await;
        assert!(answer["error"].is_null(), "{answer}");
    }

    /// What it did since the conditions were set.
    pub async fn report(&mut self) -> Value {
        self.process.type_line("report").await;
        self.answer().await
    }

    async fn answer(&mut self) -> Value {
        self.process.wait_for("an answer", |line| serde_json::from_str::<Value>(line).ok()).await
    }
}

/// Everything that passes through a machine, as lines of `tcpdump -n`.
pub struct Capture {
    process: Process,
    packets: Vec<String>,
}

impl Capture {
    /// Begins on this interface; returns when packets are seen.
    pub async fn start(machine: &Machine, interface: &str) -> Self {
        let mut command = machine.command("tcpdump");
        // Line by line, at once, without names, times and the loopback's own.
        command.args(["--immediate-mode", "-l", "-n", "-t", "-q", "-i", interface, "ip", "or", "ip6"]);
        let mut process = Process::start("tcpdump", command);
        process.wait_for("its listening", |line| line.contains("listening on").then_some(())).await;
        Self { process, packets: Vec::new() }
    }

    /// Every packet so far, up to one for which `wanted` holds.
    pub async fn until(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> &[String] {
        let packets = &mut self.packets;
        self.process
            .wait_for_within(PATIENCE, what, |line| {
                packets.push(line.to_owned());
                wanted(line).then_some(())
            })
            .await;
        &self.packets
    }

    /// Every packet that was seen to now.
    pub fn so_far(&mut self) -> &[String] {
        while let Some(line) = self.process.line_so_far() {
            self.packets.push(line);
        }
        &self.packets
    }

    /// Ends it, and returns every packet.
    pub async fn end(self) -> Vec<String> {
        crate::process::signal(self.process.id(), "INT");
        let (_, said) = self.process.end().await;
        said
    }
}

/// The connectivity checks that leave an address, with the time at which each did.
pub struct Checks {
    process: Process,
}

impl Checks {
    /// Begins on this interface; returns when packets are seen.
    pub async fn start(machine: &Machine, interface: &str, from: &str) -> Self {
        let mut command = machine.command("tcpdump");
        // STUN binding requests (RFC 8489): their type, and the magic cookie.
        let filter = format!("src host {from} and udp[8:2] = 1 and udp[12:4] = 0x2112a442");
        command.args(["--immediate-mode", "-l", "-n", "-tt", "-q", "-i", interface, &filter]);
        let mut process = Process::start("tcpdump", command);
        process.wait_for("its listening", |line| line.contains("listening on").then_some(())).await;
        Self { process }
    }

    /// Ends it; the most that left within one second.
    pub async fn most_in_a_second(self) -> usize {
        crate::process::signal(self.process.id(), "INT");
        let (_, said) = self.process.end().await;
        let at = |line: &String| line.split_once(' ')?.0.parse::<f64>().ok();
        let times: Vec<f64> = said.iter().filter_map(at).collect();
        let within = |from: &f64| times.iter().filter(|at| (*from..*from + 1.0).contains(at)).count();
        times.iter().map(within).max().unwrap_or(0)
    }
}

/// How long nothing was heard at most, in what was recorded to `path`.
pub fn longest_silence(path: &Path) -> Duration {
    /// Between the digital silence of a gap and the quietest syllable.
    const QUIET: f32 = 0.003;
    let loudness = crate::clips::loudness(path);
    let mut heard = loudness.iter().enumerate().filter(|(_, rms)| **rms > QUIET).map(|(n, _)| n);
    let first = heard.next().expect("something was heard");
    let (_, tenths) = heard.fold((first, 0), |(before, longest), n| (n, longest.max(n - before)));
    Duration::from_millis(100 * tenths as u64)
}
