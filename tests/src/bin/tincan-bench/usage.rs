//! What a program and everything that it started take of this machine (Linux only). `tests/browser/processes.js` counts
//! Chromium in the same way.

use std::collections::BTreeMap;
use std::fs;

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
    let ticks: f64 = stat(id).iter().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    Usage { seconds: ticks / TICKS, megabytes: proportional_memory(id).unwrap_or(0.0) / 1024.0 }
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
        if let Some(parent) = stat(id).get(1).and_then(|parent| parent.parse().ok()) {
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

/// The fields of /proc/ID/stat from the state on: the name before it may hold spaces. Empty when it has just ended.
fn stat(id: u32) -> Vec<String> {
    let line = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    line.rsplit_once(')')
        .map_or(Vec::new(), |(_, fields)| fields.split_whitespace().map(str::to_owned).collect())
}
