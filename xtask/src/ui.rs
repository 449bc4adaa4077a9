//! The window's page: its build, skipped when nothing changed.

use std::fs;
use std::path::PathBuf;

use crate::Result;
use crate::files;
use crate::npm::UI;
use crate::process::{root, run, target_dir};

/// The oldest Node (major, minor) that Vite runs on; `engines` in `ui/package.json` says the same.
pub(crate) const NODE: (u32, u32) = (20, 19);

/// Builds `ui/dist`, unless it was built from exactly these sources. The app embeds it, so it must be there first; and
/// writing it anew would build the app anew.
pub(crate) fn build() -> Result<()> {
    let root = root();
    let stamp = target_dir()?.join("xtask/ui-dist");
    let sources = files::fingerprint(&sources()?)?;
    let built = root.join("ui/dist/index.html").is_file()
        && fs::read_to_string(&stamp).is_ok_and(|was| was == sources);
    if built {
        println!("ui/dist is up to date");
        return Ok(());
    }
    run(&mut UI.npm(&["run", "build"]))?;
    files::write(&stamp, sources.as_bytes())
}

/// Everything in `ui/` but what is installed or made, and the icon that the page shows.
fn sources() -> Result<Vec<PathBuf>> {
    let ui = root().join("ui");
    let entries = fs::read_dir(&ui).map_err(|error| format!("{} cannot be read: {error}", ui.display()))?;
    let mut sources: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = path.file_name().unwrap_or_default();
            !["node_modules", "dist", "coverage"].iter().any(|made| name == *made)
        })
        .collect();
    sources.push(root().join("icons/tincan.svg"));
    sources.sort();
    Ok(sources)
}
