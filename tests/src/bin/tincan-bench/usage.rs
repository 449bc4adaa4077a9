//! What a program and everything that it started take of this machine (Linux only). `tests/browser/processes.js` counts
//! Chromium in the same way.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tincan_tests::process::proportional_memory;

/// Clock ticks a second (`getconf CLK_TCK`): the same on every Linux that we run on.
const TICKS: f64 = 100.0;

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// Processor time so far.
    pub(crate) seconds: f64,
    /// Proportional set size: what is shared counts in parts.
    pub(crate) megabytes: f64,
}

/// Of one process.
pub(crate) fn of(id: u32) -> Usage {
    Usage {
        seconds: seconds(&stat(&process(id))),
        megabytes: proportional_memory(id).unwrap_or(0.0) / 1024.0,
    }
}

/// Processor time so far of one process's threads of this name.
pub(crate) fn of_threads(id: u32, name: &str) -> f64 {
    let threads = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    let is_it = |thread: &fs::DirEntry| {
        fs::read_to_string(thread.path().join("comm")).is_ok_and(|comm| comm.trim() == name)
    };
    threads.filter(is_it).map(|thread| seconds(&stat(&thread.path()))).sum()
}

/// Of a process and all below it.
pub(crate) fn of_tree(root: u32) -> Usage {
    tree(root).into_iter().map(of).fold(Usage::default(), |sum, one| Usage {
        seconds: sum.seconds + one.seconds,
        megabytes: sum.megabytes + one.megabytes,
    })
}

/// The process of this name below `root`.
pub(crate) fn find(root: u32, name: &str) -> Option<u32> {
    tree(root)
        .into_iter()
        .find(|id| fs::read_to_string(format!("/proc/{id}/comm")).is_ok_and(|comm| comm.trim() == name))
}

fn tree(root: u32) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        if let Some(parent) = stat(&process(id)).get(1).and_then(|parent| parent.parse().ok()) {
            children.entry(parent).or_default().push(id);
        }
    }
    let (mut found, mut next) = (vec![root], 0);
    while let Some(id) = found.get(next) {
        found.extend(children.get(id).into_iter().flatten().copied().collect::<Vec<_>>());
        next += 1;
    }
    found
}

fn process(id: u32) -> PathBuf {
    Path::new("/proc").join(id.to_string())
}

/// Processor time, in seconds.
fn seconds(fields: &[String]) -> f64 {
    fields.iter().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS
}

/// The fields of a process's or thread's `stat` from the state on: the name before it may hold spaces. Empty when it has
/// just ended.
fn stat(of: &Path) -> Vec<String> {
    let line = fs::read_to_string(of.join("stat")).unwrap_or_default();
    line.rsplit_once(')')
        .map_or(Vec::new(), |(_, fields)| fields.split_whitespace().map(str::to_owned).collect())
}
