//! What is kept from one start to the next: the settings and the list of recent calls.
//!
//! A file may come from a newer version, or from an older one, so each field and each entry is read by itself: what this
//! version does not understand is left out, and written back as it was.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tincan_protocol::RoomCode;
use tracing::warn;

use crate::api::{RecentCall, Sentence, Settings};

const SETTINGS: &str = "settings.json";
const RECENT: &str = "recent.json";
/// As many as fit on the home screen without scrolling.
const MAX_RECENT: usize = 8;

/// Something could not be saved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} could not be saved: {}. {}", cause_text(*.cause), advice(*.cause))]
pub(crate) struct SaveError {
    /// For a person.
    what: &'static str,
    pub(crate) cause: io::ErrorKind,
}

impl SaveError {
    pub(crate) fn sentence(&self) -> Sentence {
        let cause = match self.cause {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "full",
            io::ErrorKind::PermissionDenied => "denied",
            io::ErrorKind::ReadOnlyFilesystem => "read_only",
            _ => "other",
        };
        Sentence::new("settings_not_saved", self.to_string()).with("cause", cause)
    }
}

fn cause_text(cause: io::ErrorKind) -> &'static str {
    match cause {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "the disk is full",
        io::ErrorKind::PermissionDenied => "this program may not write to its folder",
        io::ErrorKind::ReadOnlyFilesystem => "the disk cannot be written to",
        _ => "its folder cannot be written to",
    }
}

fn advice(cause: io::ErrorKind) -> &'static str {
    match cause {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "Make room on the disk; until then changes last until Tincan is closed."
        }
        _ => "Until that is mended, changes last until Tincan is closed.",
    }
}

/// A folder with two small JSON files, or nothing at all.
pub(crate) struct Store {
    folder: Option<PathBuf>,
    /// What the settings' file says that this version does not understand. Behind a lock because reading fills it on
    /// the engine's task and saving reads it on another thread; neither holds it for longer than a copy.
    foreign: Mutex<Map<String, Value>>,
}

impl Store {
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder, foreign: Mutex::default() }
    }

    /// The stored settings; the default for every field that cannot be read. A file that is no JSON is set aside.
    pub(crate) fn settings(&self) -> Settings {
        let Some(Value::Object(file)) = self.load(SETTINGS) else { return Settings::default() };
        let (settings, foreign) = read_settings(file);
        *self.foreign.lock().unwrap_or_else(PoisonError::into_inner) = foreign;
        settings
    }

    pub(crate) fn save_settings(&self, settings: &Settings) -> Result<(), SaveError> {
        let foreign = self.foreign.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.save(SETTINGS, "Your settings", &write_settings(settings, foreign))
    }

    /// Recent calls, newest first.
    pub(crate) fn recent(&self) -> Vec<RecentCall> {
        match self.load(RECENT) {
            Some(Value::Array(entries)) => entries.into_iter().filter_map(|entry| read(entry).ok()).collect(),
            _ => Vec::new(),
        }
    }

    pub(crate) fn save_recent(&self, recent: &[RecentCall]) -> Result<(), SaveError> {
        self.save(RECENT, "The list of recent calls", &recent)
    }

    fn load(&self, name: &str) -> Option<Value> {
        let path = self.folder.as_ref()?.join(name);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    warn!(file = name, %error, "cannot be read; the defaults are used");
                }
                return None;
            }
        };
        match serde_json::from_str(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                // Its own words quote what it read: a relay's password, a name.
                warn!(
                    file = name,
                    line = error.line(),
                    column = error.column(),
                    problem = ?error.classify(),
                    "is damaged; it is set aside and the defaults are used"
                );
                let _ = fs::rename(&path, path.with_extension("damaged"));
                None
            }
        }
    }

    fn save<T: Serialize>(&self, name: &str, what: &'static str, value: &T) -> Result<(), SaveError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        write_whole(folder, name, value).map_err(|error| SaveError { what, cause: error.kind() })
    }
}

/// Reads one value without telling what it was: errors quote what they found.
fn read<T: DeserializeOwned>(value: Value) -> Result<T, ()> {
    serde_json::from_value(value).map_err(drop)
}

/// The settings that `file` holds, field by field, and what in it this version does not understand.
fn read_settings(file: Map<String, Value>) -> (Settings, Map<String, Value>) {
    let mut settings = Settings::default();
    let mut foreign = Map::new();
    for (field, value) in file {
        let mut with = as_object(&settings);
        let known = with.contains_key(&field);
        with.insert(field.clone(), value.clone());
        match read(Value::Object(with)) {
            Ok(changed) if known => settings = changed,
            _ => {
                if known {
                    warn!(field, "has a value that this version does not know; the default is used");
                }
                foreign.insert(field, value);
            }
        }
    }
    (settings, foreign)
}

/// What to write: the settings, and what is foreign to this version unless the person has chosen something in its place.
fn write_settings(settings: &Settings, foreign: Map<String, Value>) -> Map<String, Value> {
    let mut file = as_object(settings);
    let defaults = as_object(&Settings::default());
    for (field, value) in foreign {
        if file.get(&field) == defaults.get(&field) {
            file.insert(field, value);
        }
    }
    file
}

fn as_object(settings: &Settings) -> Map<String, Value> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(object)) => object,
        // A struct of plain fields is an object.
        _ => Map::new(),
    }
}

/// Writes beside the file and renames, so that a crash or a power cut leaves the old file or the new one: the content
/// has to be on the disk before its name is, and the folder is what holds the name. Codes and a relay's password are in
/// there, so nobody else on the machine may read it.
pub(crate) fn write_whole<T: Serialize>(folder: &Path, name: &str, value: &T) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let fresh = folder.join(format!("{name}.new"));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    // On Windows the folder is the user's own.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&fresh)?;
    file.write_all(&serde_json::to_vec_pretty(value)?)?;
    file.sync_all()?;
    drop(file);
    fs::rename(fresh, folder.join(name))?;
    // Windows opens no folders, and keeps names by itself.
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(())
}

/// Puts `call` first, in the place of an older one with the same code or with the same people, and forgets what no
/// longer fits.
pub(crate) fn remember(recent: &mut Vec<RecentCall>, call: RecentCall) {
    recent.retain(|old| !same_code(&old.code, &call.code) && !same_people(&old.names, &call.names));
    recent.insert(0, call);
    recent.truncate(MAX_RECENT);
}

/// Takes the call with this code out of the list.
pub(crate) fn forget(recent: &mut Vec<RecentCall>, code: &str) {
    recent.retain(|call| !same_code(&call.code, code));
}

fn same_code(one: &str, other: &str) -> bool {
    let read = |code: &str| code.parse::<RoomCode>().ok();
    one == other || read(one).is_some_and(|one| read(other).is_some_and(|other| one == other))
}

/// Whether both lists name the same people. Of people without a name nobody can tell.
fn same_people(one: &[String], other: &[String]) -> bool {
    let sorted = |names: &[String]| {
        let mut names: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
        names.sort();
        names
    };
    !one.is_empty() && sorted(one) == sorted(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Theme;

    fn store(folder: &tempfile::TempDir) -> Store {
        Store::new(Some(folder.path().to_owned()))
    }

    fn folder_with(settings: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(SETTINGS), settings).unwrap();
        folder
    }

    #[test]
    fn settings_survive_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings { name: "Ada".into(), relay_only: true, ..Settings::default() };
        store(&folder).save_settings(&settings).unwrap();
        assert_eq!(store(&folder).settings(), settings);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_kept_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        store(&folder).save_settings(&Settings::default()).unwrap();
        let mode = fs::metadata(folder.path().join(SETTINGS)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_file_is_set_aside_and_the_defaults_are_used() {
        let folder = folder_with("{ not json");
        assert_eq!(store(&folder).settings(), Settings::default());
        assert_eq!(fs::read_to_string(folder.path().join("settings.damaged")).unwrap(), "{ not json");
    }

    #[test]
    fn a_value_of_a_newer_version_costs_its_own_field_only() {
        let folder = folder_with(
            r#"{"name":"Ada","theme":"sepia","iceServers":{"from":"the future"},"relayOnly":true,"new":1}"#,
        );
        let settings = store(&folder).settings();
        assert_eq!(settings, Settings { name: "Ada".into(), relay_only: true, ..Settings::default() });
        assert!(folder.path().join(SETTINGS).exists(), "nothing is set aside");
    }

    #[test]
    fn a_newer_version_finds_its_own_values_again_unless_they_were_chosen_anew() {
        let folder = folder_with(r#"{"name":"Ada","theme":"sepia","microphone":7,"new":{"a":1}}"#);
        let store = store(&folder);
        let chosen = Settings { theme: Theme::Light, ..store.settings() };
        store.save_settings(&chosen).unwrap();
        let file: Value =
            serde_json::from_str(&fs::read_to_string(folder.path().join(SETTINGS)).unwrap()).unwrap();
        assert_eq!((&file["new"]["a"], &file["microphone"]), (&Value::from(1), &Value::from(7)));
        assert_eq!((&file["theme"], &file["name"]), (&Value::from("light"), &Value::from("Ada")));
    }

    #[test]
    fn every_field_survives_beside_any_nonsense_in_the_others() {
        let full = as_object(&Settings {
            name: "Ada".into(),
            server: Some("wss://a".into()),
            ..Settings::default()
        });
        for field in full.keys() {
            for nonsense in [Value::Null, Value::from(-1), Value::from(vec![1]), Value::from("?")] {
                let mut file = full.clone();
                file.insert(field.clone(), nonsense);
                let (settings, _) = read_settings(file);
                for (other, value) in as_object(&settings) {
                    assert!(other == *field || full[&other] == value, "{field} took {other} along");
                }
            }
        }
    }

    #[test]
    fn one_recent_call_that_cannot_be_read_costs_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let known = r#"{"code":"kqz4-m8tr-xp","server":null,"names":["Ada"],"at":1}"#;
        fs::write(folder.path().join(RECENT), format!("[{known},{{\"code\":7}},{known}]")).unwrap();
        assert_eq!(store(&folder).recent().len(), 2);
    }

    #[test]
    fn nothing_is_left_beside_the_file_and_a_failure_leaves_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        store.save_settings(&Settings { name: "Ada".into(), ..Settings::default() }).unwrap();
        let names = || fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(names(), 1);
        // A folder where the new file should be: it cannot be opened for writing.
        fs::create_dir(folder.path().join("settings.json.new")).unwrap();
        let failed = store.save_settings(&Settings::default()).unwrap_err();
        assert!(failed.to_string().starts_with("Your settings could not be saved: "), "{failed}");
        assert_eq!(store.settings().name, "Ada");
    }

    fn call(code: &str, names: &[&str], at: u64) -> RecentCall {
        let names = names.iter().map(|&name| name.into()).collect();
        RecentCall { code: code.into(), server: None, names, at }
    }

    #[test]
    fn a_call_is_listed_once_and_newest_first() {
        let mut recent = vec![];
        for at in 0..20 {
            remember(&mut recent, call(&format!("c{}", at % 10), &[], at));
        }
        assert_eq!(recent.len(), MAX_RECENT);
        assert_eq!(recent[0].at, 19);
        remember(&mut recent, call("c5", &[], 30));
        assert_eq!(recent.iter().filter(|c| c.code == "c5").count(), 1);
    }

    #[test]
    fn the_same_people_are_one_row_whatever_their_code_was() {
        let mut recent = vec![];
        remember(&mut recent, call("a", &["Ada", "Grace"], 1));
        remember(&mut recent, call("b", &["Ada"], 2));
        remember(&mut recent, call("c", &["grace", "Ada"], 3));
        remember(&mut recent, call("d", &[], 4));
        remember(&mut recent, call("e", &[], 5));
        let codes: Vec<&str> = recent.iter().map(|call| call.code.as_str()).collect();
        assert_eq!(codes, ["e", "d", "c", "b"]);
    }

    #[test]
    fn one_call_is_forgotten_however_its_code_is_spelled() {
        let mut recent = vec![call("kqz4-m8tr-xp", &["Ada"], 1), call("7hcn-w2vd-94", &["Ben"], 2)];
        forget(&mut recent, "KQZ4M8TRXP");
        assert_eq!(recent.len(), 1);
        assert_eq!(recent[0].names, ["Ben"]);
    }
}
