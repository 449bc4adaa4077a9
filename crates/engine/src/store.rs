//! What is kept from one start to the next: the settings and the list of recent calls.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::warn;

use crate::api::{RecentCall, Settings};

const SETTINGS: &str = "settings.json";
const RECENT: &str = "recent.json";
/// As many as fit on the home screen without scrolling.
const MAX_RECENT: usize = 8;

/// A folder with two small JSON files, or nothing at all.
pub(crate) struct Store {
    folder: Option<PathBuf>,
}

impl Store {
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    /// The stored settings, or the defaults. A file that cannot be read is set aside, not overwritten.
    pub(crate) fn settings(&self) -> Settings {
        self.load(SETTINGS)
    }

    pub(crate) fn save_settings(&self, settings: &Settings) {
        self.save(SETTINGS, settings);
    }

    /// Recent calls, newest first.
    pub(crate) fn recent(&self) -> Vec<RecentCall> {
        self.load(RECENT)
    }

    pub(crate) fn save_recent(&self, recent: &[RecentCall]) {
        self.save(RECENT, &recent);
    }

    fn load<T: DeserializeOwned + Default>(&self, name: &str) -> T {
        let Some(path) = self.folder.as_ref().map(|folder| folder.join(name)) else {
            return T::default();
        };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    warn!(file = name, %error, "cannot be read; the defaults are used");
                }
                return T::default();
            }
        };
        serde_json::from_str(&text).unwrap_or_else(|error| {
            // Its own words quote what it read: a relay's password, a name.
            warn!(
                file = name,
                line = error.line(),
                column = error.column(),
                problem = ?error.classify(),
                "is damaged; it is set aside and the defaults are used"
            );
            let _ = fs::rename(&path, path.with_extension("damaged"));
            T::default()
        })
    }

    fn save<T: Serialize>(&self, name: &str, value: &T) {
        let Some(folder) = &self.folder else { return };
        if let Err(error) = write_whole(folder, name, value) {
            warn!(file = name, %error, "could not be saved");
        }
    }
}

/// Writes beside the file and renames, so that a crash leaves the old file or the new one. Codes and a relay's password
/// are in there, so nobody else on the machine may read it.
fn write_whole<T: Serialize>(folder: &Path, name: &str, value: &T) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let fresh = folder.join(format!("{name}.new"));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    // On Windows the folder is the user's own.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&fresh)?.write_all(&serde_json::to_vec_pretty(value)?)?;
    fs::rename(fresh, folder.join(name))
}

/// Puts `call` first and forgets an older entry of the same code, and what no longer fits.
pub(crate) fn remember(recent: &mut Vec<RecentCall>, call: RecentCall) {
    recent.retain(|old| old.code != call.code);
    recent.insert(0, call);
    recent.truncate(MAX_RECENT);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("tincan-store-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        folder
    }

    #[test]
    fn settings_survive_a_restart() {
        let folder = scratch("restart");
        let settings = Settings { name: "Ada".into(), relay_only: true, ..Settings::default() };
        Store::new(Some(folder.clone())).save_settings(&settings);
        assert_eq!(Store::new(Some(folder.clone())).settings(), settings);
        fs::remove_dir_all(folder).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn what_is_kept_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = scratch("owner");
        Store::new(Some(folder.clone())).save_settings(&Settings::default());
        let mode = fs::metadata(folder.join(SETTINGS)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_damaged_file_is_set_aside_and_the_defaults_are_used() {
        let folder = scratch("damaged");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(SETTINGS), "{ not json").unwrap();
        assert_eq!(Store::new(Some(folder.clone())).settings(), Settings::default());
        assert_eq!(fs::read_to_string(folder.join("settings.damaged")).unwrap(), "{ not json");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn settings_of_another_version_keep_what_is_known() {
        let folder = scratch("version");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(SETTINGS), r#"{"name":"Ada","fromTheFuture":1}"#).unwrap();
        assert_eq!(Store::new(Some(folder.clone())).settings().name, "Ada");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_call_is_listed_once_and_newest_first() {
        let call = |code: &str, at| RecentCall { code: code.into(), server: None, names: vec![], at };
        let mut recent = vec![];
        for at in 0..20 {
            remember(&mut recent, call(&format!("c{}", at % 10), at));
        }
        assert_eq!(recent.len(), MAX_RECENT);
        assert_eq!(recent[0].at, 19);
        remember(&mut recent, call("c5", 30));
        assert_eq!(recent.iter().filter(|c| c.code == "c5").count(), 1);
    }
}
