//! Folders as values: listed, compared and fingerprinted.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::Result;

/// The files below `folder` by their path in it, with their content. Empty when there is no such folder.
pub(crate) fn read_tree(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut files = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(path) = waiting.pop() {
        let failed = |error| format!("{} cannot be read: {error}", path.display());
        if path.is_dir() {
            for entry in fs::read_dir(&path).map_err(failed)? {
                waiting.push(entry.map_err(failed)?.path());
            }
        } else if path.is_file() {
            let name = path.strip_prefix(folder).expect("found below it").to_owned();
            files.insert(name, fs::read(&path).map_err(failed)?);
        }
    }
    Ok(files)
}

/// Changes when one of the files or folders does. It is only compared on the machine that made it.
pub(crate) fn fingerprint(paths: &[PathBuf]) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    for path in paths {
        path.hash(&mut hasher);
        if path.is_file() {
            fs::read(path)
                .map_err(|error| format!("{} cannot be read: {error}", path.display()))?
                .hash(&mut hasher);
        } else {
            read_tree(path)?.hash(&mut hasher);
        }
    }
    Ok(format!("{:016x}", hasher.finish()))
}

/// Writes a file, and the folder that it lies in.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<()> {
    let folder = path.parent().expect("a file lies in a folder");
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, content))
        .map_err(|error| format!("{} cannot be written: {error}", path.display()))
}

/// Removes a folder and all that is in it, if it is there.
pub(crate) fn remove_tree(folder: &Path) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    fs::remove_dir_all(folder).map_err(|error| format!("{} cannot be removed: {error}", folder.display()))
}
