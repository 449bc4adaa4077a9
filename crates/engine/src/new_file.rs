//! New files that a person keeps: a chat, a page of the whiteboard.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use crate::api::{CommandError, Sentence};

/// What is saved.
pub(crate) struct What {
    /// In the name of the file and for the person.
    pub(crate) name: &'static str,
    /// Of the name that is made for it.
    pub(crate) extension: &'static str,
    /// Of the error when it is not saved.
    pub(crate) code: &'static str,
}

/// Files that are saved in the same minute.
const MAX_TRIES: u32 = 100;

/// Where something is saved.
pub(crate) enum Place {
    /// In this new file.
    File(PathBuf),
    /// In this file, in place of whatever it is.
    Instead(PathBuf),
    /// In this folder, under a name that says when: milliseconds since 1970.
    In(PathBuf, u64),
}

/// A moment as people read it, by their own clock.
pub(crate) struct Moment {
    year: u64,
    month: u64,
    day: u64,
    pub(crate) hour: u64,
    pub(crate) minute: u64,
}

impl Moment {
    pub(crate) fn new(unix_millis: u64, utc_offset: i32) -> Self {
        let minutes = (unix_millis / 60_000).saturating_add_signed(i64::from(utc_offset));
        let (days, minutes) = (minutes / 1440, minutes % 1440);
        // From days to a date of the Gregorian calendar, by eras of 400 years that begin in March (Howard Hinnant,
        // "chrono-Compatible Low-Level Date Algorithms", civil_from_days).
        let days = days + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let months = (5 * day_of_year + 2) / 153;
        let month = if months < 10 { months + 3 } else { months - 9 };
        Self {
            year: era * 400 + year_of_era + u64::from(month <= 2),
            month,
            day: day_of_year - (153 * months + 2) / 5 + 1,
            hour: minutes / 60,
            minute: minutes % 60,
        }
    }

    pub(crate) fn date(&self) -> String {
        format!("{}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// Writes a file; what is there already is only written over where the person said so.
///
/// # Errors
/// A sentence for the person.
pub(crate) fn save(
    what: &What,
    place: &Place,
    utc_offset: i32,
    bytes: &[u8],
) -> Result<PathBuf, CommandError> {
    match place {
        Place::File(path) => {
            create(path, bytes).map(|()| path.clone()).map_err(|error| refusal(what, path, &error))
        }
        Place::Instead(path) => {
            instead(path, bytes).map(|()| path.clone()).map_err(|error| refusal(what, path, &error))
        }
        Place::In(folder, now) => {
            let now = Moment::new(*now, utc_offset);
            let name = format!("Tincan {} {} {:02}.{:02}", what.name, now.date(), now.hour, now.minute);
            let mut path = folder.join(format!("{name}.{}", what.extension));
            for number in 2..MAX_TRIES {
                match create(&path, bytes) {
                    Ok(()) => return Ok(path),
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                        path = folder.join(format!("{name} ({number}).{}", what.extension));
                    }
                    Err(error) => return Err(refusal(what, &path, &error)),
                }
            }
            Err(refusal(what, &path, &ErrorKind::AlreadyExists.into()))
        }
    }
}

fn create(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    // What people wrote to each other is for whoever saves it.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        // Half of it is not what was asked for.
        let _ = std::fs::remove_file(path);
    }
    written
}

/// Writes beside the file and renames, so that a full disk or a crash leaves the old one or the new one.
fn instead(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    // A link is not replaced by a file: what it leads to is.
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut name = path.file_name().ok_or(ErrorKind::InvalidInput)?.to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let fresh = path.with_file_name(name);
    create(&fresh, bytes)?;
    let renamed = std::fs::rename(&fresh, path);
    if renamed.is_err() {
        let _ = std::fs::remove_file(&fresh);
    }
    renamed
}

fn refusal(what: &What, path: &Path, error: &std::io::Error) -> CommandError {
    let advice = match error.kind() {
        ErrorKind::AlreadyExists => "there is a file of this name already. Choose another name.".to_owned(),
        _ => format!("{error}. Choose another place."),
    };
    let message = format!("The {} could not be saved as `{}`: {advice}", what.name, path.display());
    let why = if error.kind() == ErrorKind::AlreadyExists { "exists" } else { "other" };
    Sentence::new(what.code, message)
        .with("why", why)
        .with("path", path.display().to_string())
        .with("detail", error.to_string())
        .into()
}
