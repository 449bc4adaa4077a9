//! A program of ours (or one that a test needs) as a child process whose output is read as it comes.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Longer than anything takes that is going to happen, on a machine that is busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A program of this workspace.
///
/// # Panics
/// When it was not built: the test command builds it first.
pub fn binary(name: &str) -> PathBuf {
    let path = programs().join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(path.exists(), "{} is not built: run the tests by `cargo xtask test`", path.display());
    path
}

/// Where the programs of this workspace were built.
///
/// # Panics
/// When the test does not know where it is itself.
pub fn programs() -> PathBuf {
    std::env::var_os("TINCAN_BIN_DIR").map_or_else(
        || {
            let test = std::env::current_exe().expect("a test has a path");
            test.ancestors().nth(2).expect("tests lie in target/PROFILE/deps").to_owned()
        },
        PathBuf::from,
    )
}

/// A running program. Dropping it kills it.
pub struct Process {
    name: String,
    child: Child,
    #[cfg(unix)]
    group: u32,
    stdin: Option<ChildStdin>,
    lines: mpsc::UnboundedReceiver<String>,
    seen: Vec<String>,
}

impl Process {
    /// Starts `command`; its standard output and error are read line by line.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(name: &str, mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        // A group of its own, so that what it starts itself ends with it.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        // Unbounded: a test that looks elsewhere for a while must not block the program that it tests.
        let (sender, lines) = mpsc::unbounded_channel();
        let output = child.stdout.take().expect("it is piped");
        let errors = child.stderr.take().expect("it is piped");
        tokio::spawn(forward(output, sender.clone()));
        tokio::spawn(forward(errors, sender));
        let stdin = child.stdin.take();
        #[cfg(unix)]
        let group = child.id().expect("it was just started");
        Self {
            name: name.into(),
            child,
            #[cfg(unix)]
            group,
            stdin,
            lines,
            seen: Vec::new(),
        }
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id().expect("it was not waited for yet")
    }

    /// Types a line.
    ///
    /// # Panics
    /// When the program reads no more.
    pub async fn type_line(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("it is piped");
        let typed = stdin.write_all(format!("{line}\n").as_bytes()).await;
        assert!(typed.is_ok(), "{} reads no more; it said:\n{}", self.name, self.tail());
    }

    /// The first line from now on of which `wanted` makes something.
    ///
    /// # Panics
    /// When none comes in time, or the program ends before.
    pub async fn wait_for<T>(&mut self, what: &str, wanted: impl Fn(&str) -> Option<T>) -> T {
        self.wait_for_within(PATIENCE, what, wanted).await
    }

    /// Like [`Process::wait_for`], with a limit of its own.
    ///
    /// # Panics
    /// When none comes in time, or the program ends before.
    pub async fn wait_for_within<T>(
        &mut self,
        limit: Duration,
        what: &str,
        wanted: impl FnMut(&str) -> Option<T>,
    ) -> T {
        self.look_for(limit, what, wanted).await.unwrap_or_else(|why| panic!("{why}"))
    }

    /// The same for whoever can go on without it.
    ///
    /// # Errors
    /// Why there is none, and what the program said last.
    pub async fn look_for<T>(
        &mut self,
        limit: Duration,
        what: &str,
        mut wanted: impl FnMut(&str) -> Option<T>,
    ) -> Result<T, String> {
        let search = async {
            while let Some(line) = self.lines.recv().await {
                let found = wanted(&line);
                self.seen.push(line);
                if found.is_some() {
                    return found;
                }
            }
            None
        };
        match timeout(limit, search).await {
            Ok(Some(found)) => Ok(found),
            Ok(None) => Err(format!("{} ended before {what}; it said:\n{}", self.name, self.tail())),
            Err(_) => Err(format!("{}: no {what} within {limit:?}; it said:\n{}", self.name, self.tail())),
        }
    }

    /// The next line, if it is there already.
    pub fn line_so_far(&mut self) -> Option<String> {
        let line = self.lines.try_recv().ok()?;
        self.seen.push(line.clone());
        Some(line)
    }

    /// Waits for the end; returns the exit code, `None` after a signal.
    ///
    /// # Panics
    /// When it does not end in time.
    pub async fn end(mut self) -> (Option<i32>, Vec<String>) {
        drop(self.stdin.take());
        let status = timeout(PATIENCE, self.child.wait()).await;
        while let Ok(Some(line)) = timeout(PATIENCE, self.lines.recv()).await {
            self.seen.push(line);
        }
        match status {
            Ok(status) => (status.expect("a child can be waited for").code(), std::mem::take(&mut self.seen)),
            Err(_) => panic!("{} does not end; it said:\n{}", self.name, self.tail()),
        }
    }

    /// Ends it the hard way, as a crash would.
    ///
    /// # Panics
    /// When the system does not let us.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("a child can be killed");
    }

    fn tail(&self) -> String {
        let from = self.seen.len().saturating_sub(40);
        self.seen[from..].join("\n")
    }
}

#[cfg(unix)]
impl Drop for Process {
    /// Ends what the program started and left behind, as a driver leaves its window when it is killed.
    fn drop(&mut self) {
        let group = format!("-{}", self.group);
        // Nobody is left in the group after a proper end.
        let _ =
            std::process::Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
    }
}

async fn forward(pipe: impl AsyncRead + Unpin, sender: mpsc::UnboundedSender<String>) {
    let mut lines = BufReader::new(pipe).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if sender.send(line).is_err() {
            return;
        }
    }
}

/// A program by its name among the processes of a group.
#[cfg(target_os = "linux")]
pub fn of_group(group: u32, name: &str) -> Option<u32> {
    let is_it = |id: &u32| {
        // "42 (name) S 1 GROUP …" (proc_pid_stat(5)).
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        let rest = stat.strip_prefix(&format!("{id} ({name}) "))?;
        (rest.split(' ').nth(2)?.parse() == Ok(group)).then_some(())
    };
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).find(|id| is_it(id).is_some())
}

/// Threads, descriptors and kilobytes of memory of a process.
///
/// # Panics
/// When there is no such process.
#[cfg(target_os = "linux")]
pub fn held(id: u32) -> (usize, usize, u64) {
    let count = |folder: &str| {
        std::fs::read_dir(format!("/proc/{id}/{folder}")).expect("the process is there").count()
    };
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("the process is there");
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has memory");
    let memory = memory.trim().trim_end_matches(" kB").parse().expect("the kernel writes a number");
    (count("task"), count("fd"), memory)
}

/// How long the threads of this name have computed in a process, by the kernel's account.
///
/// # Panics
/// When there is no such thread.
#[cfg(target_os = "linux")]
pub fn computed(id: u32, thread: &str) -> Duration {
    let tasks = std::fs::read_dir(format!("/proc/{id}/task")).expect("the process is there");
    let of = |task: std::fs::DirEntry| {
        let read = |file: &str| std::fs::read_to_string(task.path().join(file)).ok();
        // Its first number is the time on a processor, in nanoseconds (the kernel's sched-stats.rst).
        let nanos = read("schedstat")?.split_whitespace().next()?.parse().ok()?;
        (read("comm")?.trim() == thread).then(|| Duration::from_nanos(nanos))
    };
    let times: Vec<Duration> = tasks.flatten().filter_map(of).collect();
    assert!(!times.is_empty(), "no thread is called {thread}");
    times.iter().sum()
}

/// Kilobytes of a process's memory, of what it shares with others its share (proportional set size); `None` when it
/// has ended, and where there is no /proc.
pub fn proportional_memory(id: u32) -> Option<f64> {
    let rollup = std::fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()?;
    rollup.lines().find_map(|line| line.strip_prefix("Pss:")?.split_whitespace().next()?.parse().ok())
}

/// Sends a signal by its name: `INT` is Ctrl-C in the process's terminal, `STOP` lets it hang until `CONT`.
///
/// # Panics
/// When there is no such process.
#[cfg(unix)]
pub fn signal(id: u32, name: &str) {
    let done = std::process::Command::new("kill").args([&format!("-{name}"), &id.to_string()]).status();
    assert!(done.is_ok_and(|status| status.success()), "the process {id} takes no signal");
}
