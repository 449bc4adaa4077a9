//! Holds the arrows of `docs/architecture.md`: who may import whom, what is never imported where, and how long a file
//! may be. And of the pages for people, what can be compared: options, quotations, links. When one of these fails, the code is
//! wrong or the document is; change both together.
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
            && ["'@tauri-apps", "\"@tauri-apps", "__TAURI"].iter().any(|word| text.contains(word))
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

/// The text of a file of the project.
fn text(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

#[test]
fn every_option_of_the_server_stands_in_its_page_and_no_other() {
    let program = text("crates/signal-server/src/program.rs");
    let arguments = program.split("pub struct ServeArguments {").nth(1).unwrap().split("\n}").next().unwrap();
    let fields = arguments.lines().filter_map(|line| line.strip_prefix("    pub ")?.split(':').next());
    let options: BTreeSet<_> = fields.map(|field| format!("--{}", field.replace('_', "-"))).collect();
    let page = text("docs/server.md");
    let cells = page.lines().filter_map(|line| line.strip_prefix("| `--")?.split(" | ").next());
    let words =
        cells.flat_map(|cell| format!("--{cell}").split([' ', '`']).map(String::from).collect::<Vec<_>>());
    let told: BTreeSet<_> = words.filter(|word| word.starts_with("--")).collect();
    assert!(options.len() > 10, "the options are found");
    assert_eq!(told, options, "the table of docs/server.md, and the options that there are");
}

/// What ends a clause: what is put together from several texts is put together there.
const ENDS: [char; 9] = ['.', ',', ':', ';', '!', '?', '…', '·', ')'];

/// A quotation without what differs each time: numbers, and what stands in capitals for a name.
fn clauses(quotation: &str) -> Vec<String> {
    let mut clauses = vec![String::new()];
    for word in quotation.split_whitespace() {
        let letters = word.trim_matches(|letter: char| !letter.is_alphanumeric());
        let stands_for_a_name = letters.len() > 2 && letters.chars().all(char::is_uppercase);
        if stands_for_a_name || letters.chars().any(char::is_numeric) {
            clauses.push(String::new());
            continue;
        }
        let clause = clauses.last_mut().unwrap();
        let bare = word.trim_end_matches(ENDS);
        if !clause.is_empty() && !bare.is_empty() {
            clause.push(' ');
        }
        clause.push_str(bare);
        if word.ends_with(ENDS) {
            clauses.push(String::new());
        }
    }
    clauses.retain(|clause| clause.chars().count() > 1);
    clauses
}

/// In `docs/guide.md` italics are what the window says, and nothing else: so a button with another name is found here.
#[test]
fn what_the_guide_quotes_is_what_the_window_says() {
    let mut said = String::new();
    // All words of the page are in its catalogue, in English here; a quotation mark of its own is written twice there.
    for path in sources(&root().join("ui/src/words/en"), &[".json"]) {
        said.push_str(&fs::read_to_string(&path).unwrap().replace("''", "'"));
    }
    for folder in ["crates", "src-tauri/src"] {
        for path in sources(&root().join(folder), &[".rs"]) {
            if !relative(&path).contains("/tests") {
                // Rust's strings go on in the next line behind a backslash.
                said.push_str(&fs::read_to_string(&path).unwrap().replace('\\', ""));
            }
        }
    }
    let words = |text: &str| text.replace('’', "'").split_whitespace().collect::<Vec<_>>().join(" ");
    let said = words(&said);
    let guide = text("docs/guide.md").replace("**", "");
    let parts: Vec<_> = guide.split('*').collect();
    assert!(parts.len() > 100 && parts.len() % 2 == 1, "quotations begin and end: {} parts", parts.len());
    let quotations = parts.iter().skip(1).step_by(2).map(|quotation| words(quotation));
    let findings: Vec<_> = quotations
        .filter(|quotation| clauses(quotation).iter().any(|clause| !said.contains(clause.as_str())))
        .collect();
    none(&findings, "docs/guide.md quotes what nothing says");
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut findings = Vec::new();
    let pages = sources(&root().join("docs"), &[".md"]);
    for path in pages.into_iter().chain([root().join("README.md")]) {
        for link in fs::read_to_string(&path).unwrap().split("](").skip(1) {
            let target = link.split(')').next().unwrap();
            let (file, place) = target.split_once('#').unwrap_or((target, ""));
            if target.contains("://") {
                continue;
            }
            let file = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let page = fs::read_to_string(&file).unwrap_or_default();
            let headings = page.lines().filter(|line| line.starts_with('#'));
            if !file.exists() || !(place.is_empty() || headings.map(anchor).any(|anchor| anchor == place)) {
                findings.push(format!("{}: {target}", relative(&path)));
            }
        }
    }
    none(&findings, "a link to nothing");
}

/// What a heading is linked by.
fn anchor(heading: &str) -> String {
    let letters = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    letters.chars().filter(|letter| letter.is_alphanumeric() || ['-', '_'].contains(letter)).collect()
}
