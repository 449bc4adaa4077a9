//! Holds the arrows of `docs/architecture.md`: who may import whom, what is never imported where, and how long a file
//! may be. When one of these fails, the code is wrong or the document is; change both together.
// A test that cannot go on has failed, in its helpers too.
#![allow(clippy::unwrap_used, clippy::type_complexity)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, TargetKind};

/// Who may import whom among our own crates.
const ARROWS: &[(&str, &[&str])] = &[
    ("tincan-protocol", &[]),
    ("tincan-media", &[]),
    ("tincan-codec", &["tincan-media"]),
    ("tincan-devices", &["tincan-media"]),
    ("tincan-bandwidth", &["tincan-media"]),
    ("tincan-peer", &["tincan-protocol", "tincan-media", "tincan-bandwidth"]),
    ("tincan-call", &["tincan-protocol", "tincan-media"]),
    ("tincan-share", &["tincan-protocol"]),
    ("tincan-signal-client", &["tincan-protocol"]),
    ("tincan-signal-server", &["tincan-protocol"]),
    (
        "tincan-engine",
        &[
            "tincan-protocol",
            "tincan-media",
            "tincan-codec",
            "tincan-devices",
            "tincan-peer",
            "tincan-call",
            "tincan-share",
            "tincan-signal-client",
        ],
    ),
    ("tincan-cli", &["tincan-engine", "tincan-signal-server", "tincan-protocol", "tincan-media"]),
    ("tincan-app", &["tincan-engine", "tincan-signal-server", "tincan-protocol", "tincan-media"]),
    ("xtask", &[]),
];

/// What tests may import besides: the kit that is made for them, and a real server to talk to.
const FOR_TESTS: &[&str] = &["tincan-signal-server", "tincan-bandwidth"];

/// Only tests import these, so they may import whatever they test.
const TEST_CRATES: &[&str] = &["tincan-tests"];

/// No runtime, socket, thread pool, device or window comes near the pure crates, not even through others.
const PURE: &[&str] = &["tincan-protocol", "tincan-media", "tincan-bandwidth", "tincan-call", "tincan-share"];
const IMPURE: &[&str] =
    &["tokio", "mio", "async-std", "smol", "socket2", "webrtc", "rtc", "tauri", "cpal", "nokhwa"];

/// What the source of a pure crate never says outside its tests.
const IMPURE_WORDS: &[&str] =
    &["Instant::now", "SystemTime", "std::net", "std::thread", "thread::spawn", "thread::sleep", "std::fs"];

/// `unsafe` lives behind these fences only.
const UNSAFE: &[&str] = &["tincan-codec", "tincan-devices"];

/// Files of more than [`LONG`] lines, each with its reason. More than [`TOO_LONG`] has none.
const LONG_FILES: &[(&str, &str)] = &[];
const LONG: usize = 600;
const TOO_LONG: usize = 1000;

fn metadata() -> Metadata {
    MetadataCommand::new().current_dir(root()).other_options(["--locked".to_owned()]).exec().unwrap()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn folder(package: &Package) -> &Path {
    package.manifest_path.parent().unwrap().as_std_path()
}

fn is_ours(name: &str) -> bool {
    name.starts_with("tincan-") || name == "xtask"
}

/// Fails with every finding at once.
fn none(findings: &[String], rule: &str) {
    assert!(findings.is_empty(), "{rule}:\n  {}", findings.join("\n  "));
}

/// The files below `folder` with one of these endings, without what is installed, generated or built.
fn sources(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let skipped = ["node_modules", "dist", "target", "gen", "generated", "coverage", ".git"];
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !skipped.contains(&name.as_str()) {
                waiting.push(path);
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/")
}

#[test]
fn our_crates_import_only_along_the_arrows() {
    let arrows: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let mut findings = Vec::new();
    for package in metadata().workspace_packages() {
        let name = package.name.as_str();
        if TEST_CRATES.contains(&name) {
            continue;
        }
        let Some(allowed) = arrows.get(name) else {
            findings
                .push(format!("{name} is new: say in ARROWS and in docs/architecture.md what it may import"));
            continue;
        };
        for dependency in &package.dependencies {
            let other = dependency.name.as_str();
            let in_tests = dependency.kind == DependencyKind::Development && FOR_TESTS.contains(&other);
            if is_ours(other) && !allowed.contains(&other) && !in_tests {
                findings.push(format!("{name} imports {other}"));
            }
        }
    }
    none(&findings, "an import against the arrows");
}

#[test]
fn pure_crates_reach_no_runtime_socket_or_device() {
    let metadata = metadata();
    let graph = metadata.resolve.as_ref().unwrap();
    let nodes: BTreeMap<_, _> = graph.nodes.iter().map(|node| (&node.id, node)).collect();
    let mut findings = Vec::new();
    for package in
        metadata.workspace_packages().into_iter().filter(|package| PURE.contains(&package.name.as_str()))
    {
        let mut reached = BTreeSet::new();
        let mut waiting = vec![&package.id];
        while let Some(id) = waiting.pop() {
            if !reached.insert(id) {
                continue;
            }
            let is_normal = |dependency: &&cargo_metadata::NodeDep| {
                dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal)
            };
            waiting.extend(nodes[id].deps.iter().filter(is_normal).map(|dependency| &dependency.pkg));
        }
        for id in reached {
            let other = metadata[id].name.as_str();
            if IMPURE.contains(&other) {
                findings.push(format!("{} reaches {other}", package.name));
            }
        }
    }
    none(&findings, "protocol, media, call and share do no I/O");
}

#[test]
fn pure_crates_read_no_clock_and_open_nothing() {
    let mut findings = Vec::new();
    for package in
        metadata().workspace_packages().into_iter().filter(|package| PURE.contains(&package.name.as_str()))
    {
        for path in sources(&folder(package).join("src"), &[".rs"]) {
            // Modules of tests stand at the end of a file, or in a file or folder of their own.
            if Path::new(&relative(&path)).iter().any(|part| part == "tests.rs" || part == "tests") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for (number, line) in code.lines().enumerate() {
                let line = line.trim();
                let word = IMPURE_WORDS.iter().find(|word| !line.starts_with("//") && line.contains(**word));
                if let Some(word) = word {
                    findings.push(format!("{}:{} {word}", relative(&path), number + 1));
                }
            }
        }
    }
    none(&findings, "in the pure crates time is an argument and nothing is opened");
}

#[test]
fn webrtc_stays_in_peer_and_tauri_in_the_shell() {
    let fences: [(&str, fn(&str) -> bool); 2] = [
        ("tincan-peer", |name| {
            ["webrtc", "rtc"].contains(&name) || name.starts_with("webrtc-") || name.starts_with("rtc-")
        }),
        ("tincan-app", |name| ["tauri", "wry", "tao"].contains(&name) || name.starts_with("tauri-")),
    ];
    let mut findings = Vec::new();
    for package in metadata().workspace_packages() {
        for dependency in &package.dependencies {
            for (home, is_fenced) in fences {
                if package.name.as_str() != home && is_fenced(&dependency.name) {
                    findings.push(format!("{} imports {}", package.name, dependency.name));
                }
            }
        }
    }
    none(&findings, "outside its fence");
}

#[test]
fn unsafe_is_forbidden_outside_codec_and_devices() {
    let mut findings = Vec::new();
    for package in metadata().workspace_packages() {
        if UNSAFE.contains(&package.name.as_str()) {
            continue;
        }
        for target in &package.targets {
            let is_program = target.kind.iter().any(|kind| matches!(kind, TargetKind::Lib | TargetKind::Bin));
            let root = target.src_path.as_std_path();
            if is_program && !fs::read_to_string(root).unwrap().contains("#![forbid(unsafe_code)]") {
                findings.push(relative(root));
            }
        }
    }
    none(&findings, "#![forbid(unsafe_code)] is missing");
}

#[test]
fn every_crate_says_what_it_never_does() {
    let mut findings = Vec::new();
    for package in metadata().workspace_packages() {
        for target in package.targets.iter().filter(|target| target.kind.contains(&TargetKind::Lib)) {
            let text = fs::read_to_string(&target.src_path).unwrap();
            let doc: String = text.lines().take_while(|line| line.starts_with("//!")).collect();
            if !doc.contains("**Invariant:**") {
                findings.push(relative(target.src_path.as_std_path()));
            }
        }
    }
    none(&findings, "the first doc comment lacks its **Invariant:**");
}

#[test]
fn only_the_core_of_the_ui_talks_to_tauri() {
    let mut findings = Vec::new();
    for path in sources(&root().join("ui/src"), &[".ts", ".svelte", ".js"]) {
        let name = relative(&path);
        let text = fs::read_to_string(&path).unwrap();
        if !name.starts_with("ui/src/core/")
            && ["@tauri-apps", "__TAURI"].iter().any(|word| text.contains(word))
        {
            findings.push(name);
        }
    }
    none(&findings, "Tauri outside ui/src/core");
}

#[test]
fn files_tell_one_story() {
    let reasons: BTreeMap<_, _> = LONG_FILES.iter().copied().collect();
    let mut findings = Vec::new();
    let mut long = BTreeSet::new();
    for path in sources(&root(), &[".rs", ".ts", ".svelte", ".js", ".css", ".c", ".sh"]) {
        let name = relative(&path);
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        if lines > TOO_LONG {
            findings.push(format!("{name} has {lines} lines: split it"));
        } else if lines > LONG && !reasons.contains_key(name.as_str()) {
            findings.push(format!("{name} has {lines} lines: split it, or give LONG_FILES the reason"));
        }
        if lines > LONG {
            long.insert(name);
        }
    }
    findings.extend(
        reasons
            .keys()
            .filter(|name| !long.contains(**name))
            .map(|name| format!("{name} is not long any more")),
    );
    none(&findings, &format!("more than {LONG} lines"));
}

/// That they do not allocate is measured where they are (`callback_tests.rs`); a lock that nobody holds cannot be.
#[test]
fn the_callbacks_of_sound_devices_never_lock_and_never_log() {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/devices/src/audio/callback.rs");
    let source = std::fs::read_to_string(path).unwrap();
    for word in
        ["Mutex", "RwLock", "Condvar", "mpsc", ".lock(", ".send(", "tracing", "println", "Instant::now"]
    {
        assert!(!source.contains(word), "a device's callback uses {word}");
    }
}
