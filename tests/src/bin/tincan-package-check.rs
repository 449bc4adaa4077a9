//! What `cargo xtask package --check` runs: installs the .deb, starts it as the desktop's menu would, opens an invite link,
//! removes it again and looks for what is left. It takes root's rights, and a machine on which Tincan is not installed.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use tincan_tests::window::{Screen, Window};

const SCHEME: &str = "x-scheme-handler/tincan";
const LINK: &str = "tincan://join/kqz4m8trxp";
/// As the window shows it.
const CODE: &str = "kqz4-m8tr-xp";
/// Folders that belong to everybody, and files that the system itself writes about what is installed.
const EVERYBODYS: &[&str] = &["/var/lib/dpkg", "/usr/share/applications/mimeinfo.cache"];

#[tokio::main]
async fn main() -> Result<(), String> {
    let deb = std::env::args_os().nth(1).ok_or("Usage: tincan-package-check PACKAGE.deb")?;
    let name = said("dpkg-deb", &["--field".as_ref(), &deb, "Package".as_ref()])?.trim().to_owned();
    let installed = Installed::new(&deb, &name)?;
    println!("{name} is installed: {} files", installed.files.len());

    let entry = installed.entry()?;
    run("desktop-file-validate", &[entry.as_os_str()])?;
    let text = std::fs::read_to_string(&entry).map_err(|error| format!("{}: {error}", entry.display()))?;
    if !text.lines().any(|line| line.starts_with("MimeType=") && line.contains(SCHEME)) {
        return Err(format!("{} does not say that it opens invite links", entry.display()));
    }
    run("update-desktop-database", &["/usr/share/applications".as_ref()])?;
    let home = tempfile::tempdir().map_err(|error| error.to_string())?;
    let handler = said("xdg-mime", &["query".as_ref(), "default".as_ref(), SCHEME.as_ref()])?;
    if Some(handler.trim()) != entry.file_name().and_then(|name| name.to_str()) {
        return Err(format!("invite links are opened by `{}`", handler.trim()));
    }

    let screen = Screen::start().await;
    let (program, arguments) = command(&text, None)?;
    let window = Window::open_program(&screen, &home.path().join("first"), &program, &arguments).await;
    window.shows("new-call").await;
    window.close().await;
    println!("it starts from its menu entry");

    let (program, arguments) = command(&text, Some(LINK))?;
    let window = Window::open_program(&screen, &home.path().join("second"), &program, &arguments).await;
    window.until_value("code-field", CODE).await;
    window.close().await;
    println!("a link fills in the code");

    run("tincan", &["--version".as_ref()])?;
    let left = installed.remove()?;
    if left.is_empty() {
        println!("it is gone without residue");
        Ok(())
    } else {
        Err(format!("these are left behind: {left:?}"))
    }
}

/// The package while it is installed; it is removed in any case.
struct Installed {
    name: String,
    files: BTreeSet<PathBuf>,
    /// Whatever on this machine had our name before.
    before: BTreeSet<PathBuf>,
}

impl Installed {
    fn new(deb: &std::ffi::OsStr, name: &str) -> Result<Self, String> {
        if said("dpkg-query", &["--show".as_ref(), name.as_ref()]).is_ok() {
            return Err(format!("{name} is installed here already, and would be gone afterwards"));
        }
        let before = ours();
        run("dpkg", &["--install".as_ref(), deb])?;
        let files = said("dpkg-query", &["--listfiles".as_ref(), name.as_ref()])?;
        let files = files.lines().map(PathBuf::from).filter(|path| path.is_file()).collect();
        Ok(Self { name: name.to_owned(), files, before })
    }

    fn entry(&self) -> Result<PathBuf, String> {
        let entry = self.files.iter().find(|path| path.extension().is_some_and(|name| name == "desktop"));
        entry.cloned().ok_or_else(|| "there is no menu entry".to_owned())
    }

    /// Removes it; returns what is left of it.
    fn remove(self) -> Result<Vec<PathBuf>, String> {
        run("dpkg", &["--purge".as_ref(), self.name.as_ref()])?;
        let files = self.files.iter().filter(|path| path.exists()).cloned();
        Ok(files.chain(ours().difference(&self.before).cloned()).collect())
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        // After a proper end nothing is there any more, which is no failure.
        let _ = Command::new("dpkg").args(["--purge", &self.name]).output();
    }
}

/// What has our name in the folders that packages write to.
fn ours() -> BTreeSet<PathBuf> {
    let mut command = Command::new("find");
    command.args(["/usr", "/etc", "/var", "/opt", "-xdev", "-iname", "*tincan*"]);
    let output = command.output().map(|output| output.stdout).unwrap_or_default();
    let paths = String::from_utf8_lossy(&output).lines().map(PathBuf::from).collect::<Vec<_>>();
    let is_everybodys = |path: &PathBuf| EVERYBODYS.iter().any(|one| path.starts_with(one));
    paths.into_iter().filter(|path| !is_everybodys(path)).collect()
}

/// What the menu entry starts (desktop entry specification, “The Exec key”): its program, and its arguments with the link.
fn command(entry: &str, link: Option<&str>) -> Result<(PathBuf, Vec<String>), String> {
    let exec =
        entry.lines().find_map(|line| line.strip_prefix("Exec=")).ok_or("the menu entry starts nothing")?;
    let mut words = exec.split_whitespace();
    let program = words.next().ok_or("the menu entry starts nothing")?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let program = std::env::split_paths(&path)
        .map(|folder| folder.join(program.trim_matches('"')))
        .find(|path| path.is_file())
        .ok_or_else(|| format!("`{program}` is not in the PATH"))?;
    let mut arguments = Vec::new();
    let mut takes_links = false;
    for word in words {
        if matches!(word, "%u" | "%U") {
            takes_links = true;
            arguments.extend(link.map(str::to_owned));
        } else {
            arguments.push(word.to_owned());
        }
    }
    if takes_links { Ok((program, arguments)) } else { Err(format!("`{exec}` takes no links")) }
}

fn run(program: impl AsRef<Path>, arguments: &[&std::ffi::OsStr]) -> Result<(), String> {
    said(program, arguments).map(|_| ())
}

/// What a program says, when it succeeds.
fn said(program: impl AsRef<Path>, arguments: &[&std::ffi::OsStr]) -> Result<String, String> {
    let program = program.as_ref();
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| format!("{} cannot be started: {error}", program.display()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(format!("{} failed: {}", program.display(), errors.trim()))
}
