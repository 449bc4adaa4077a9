//! The receiver's disk: what has come of an offer, under names that do not look whole, until it is.
//!
//! `NAME.part` is the file, or a folder with everything; `NAME.part-tincan` beside it says whose it is, what belongs into it and
//! the value of each piece that was written. Nothing in either is believed: values are made anew of what is on the disk, and
//! compared with the sender's. So neither has to be synced while it grows, and a power cut costs pieces, never a file that is
//! wrong. A name is given at the end, and never one that something has.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tincan_protocol::{FileEntry, FileToken, PeerId, PieceValue};
use tincan_share::{FileProblem, List, PART, PART_NOTES, numbered, piece_value, safe_name, safe_paths};

use super::marks;
use super::source::{read_at, write_at};

/// What notes begin with.
const MAGIC: &[u8; 16] = b"tincan files 1\r\n";
/// Where the values begin: behind the magic, the length of the JSON, and the JSON.
const HEAD: u64 = 24;
/// No notes are longer: a list of a hundred thousand files, and the values of 16 TiB.
const MAX_NOTES: u64 = 1 << 30;
/// Names that are tried before it is given up.
const MAX_TRIES: u32 = 10_000;
/// Notes in one folder that are looked at.
const MAX_FOUND: usize = 1_000;
/// Files that are kept open: pieces of one come one after the other.
const MAX_OPEN: usize = 8;
/// What must stay free: a system without room does not work.
const RESERVE: u64 = 64 << 20;
/// So many files are synced one by one at the end; of more only the large ones, since that would take minutes.
const SYNCED: usize = 256;
const LARGE: u64 = 1 << 20;

/// What is written into the notes.
#[derive(Serialize, Deserialize)]
struct Notes {
    token: FileToken,
    peer: PeerId,
    /// What the sender called themselves.
    #[serde(default)]
    from: String,
    /// What the person called the only file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    entries: Vec<FileEntry>,
}

/// Where something is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) folder: PathBuf,
    /// For an offer of one file: its name, as the person chose it.
    pub(super) name: Option<String>,
}

/// Something that has come in part.
#[derive(Debug)]
pub(super) struct Partial {
    place: Place,
    list: Arc<List>,
    /// `NAME.part`.
    part: PathBuf,
    notes_path: PathBuf,
    notes: File,
    /// Where the values begin in it.
    values_at: u64,
    /// Below `part`; the only file of an offer is `part` itself.
    paths: Vec<PathBuf>,
    single: bool,
    /// A mutex, since several threads write; it is held while a file is opened.
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    files: HashMap<usize, Arc<File>>,
    /// It was discarded: what is still being written makes no file again.
    gone: bool,
}

/// Whose it is.
#[derive(derive_more::Debug, Clone)]
pub(super) struct Whose {
    pub(super) token: FileToken,
    pub(super) peer: PeerId,
    /// What they call themselves.
    #[debug(skip)]
    pub(super) from: String,
}

/// What was left by an earlier run of the program.
pub(super) struct Left {
    pub(super) whose: Whose,
    pub(super) list: Arc<List>,
    pub(super) place: Place,
}

/// Pieces that are there, with their values.
pub(super) type Present = Vec<(u32, PieceValue)>;

impl Partial {
    /// Finds what is there of it, or makes room for it. `spoken_for` bytes of what is free are for others.
    ///
    /// # Errors
    /// The disk does not take it.
    pub(super) fn prepare(
        place: &Place,
        list: &Arc<List>,
        whose: Whose,
        spoken_for: u64,
        taken: &[PathBuf],
    ) -> Result<(Self, Present), FileProblem> {
        let prepared = Self::find(place, list, &whose, taken).and_then(|found| match found {
            Some(found) => Ok(found),
            None => Self::create(place, list, &whose).map(|partial| (partial, Vec::new())),
        });
        let (partial, present) = prepared.map_err(|error| problem(&error))?;
        let there: u64 = present.iter().map(|(piece, _)| list.layout().length(*piece)).sum();
        let lacking = list.bytes() - there;
        // A system that does not say what is free says it when it is full.
        let free = fs4::available_space(&place.folder).unwrap_or(u64::MAX);
        if lacking.saturating_add(spoken_for) > free.saturating_sub(RESERVE.min(free / 20)) {
            if present.is_empty() {
                partial.discard();
            }
            return Err(FileProblem::DiskFull);
        }
        Ok((partial, present))
    }

    /// What it is called until it is whole, without an ending.
    fn label(place: &Place, list: &List) -> String {
        let first = list.entries().first().and_then(|entry| entry.path.first());
        let name = safe_name(first.map_or("", String::as_str));
        match (&place.name, list.items().len()) {
            (Some(chosen), _) => chosen.clone(),
            (None, 0 | 1) => name,
            (None, more) => format!("{name} and {} more", more - 1),
        }
    }

    fn create(place: &Place, list: &Arc<List>, whose: &Whose) -> io::Result<Self> {
        std::fs::create_dir_all(&place.folder)?;
        let label = Self::label(place, list);
        for number in 1..MAX_TRIES {
            let label = if number == 1 { label.clone() } else { numbered(&label, number) };
            let part = place.folder.join(format!("{label}{PART}"));
            let notes_path = place.folder.join(format!("{label}{PART_NOTES}"));
            let notes = match OpenOptions::new().read(true).write(true).create_new(true).open(&notes_path) {
                Ok(notes) => notes,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            };
            let single = is_single(list);
            let made = if single {
                OpenOptions::new().write(true).create_new(true).open(&part).map(drop)
            } else {
                std::fs::create_dir(&part)
            };
            if let Err(error) = made {
                let _ = std::fs::remove_file(&notes_path);
                if error.kind() == ErrorKind::AlreadyExists {
                    continue;
                }
                return Err(error);
            }
            return Self::begin(place, list, whose, (part, notes_path, notes));
        }
        Err(ErrorKind::AlreadyExists.into())
    }

    fn begin(
        place: &Place,
        list: &Arc<List>,
        whose: &Whose,
        (part, notes_path, mut notes): (PathBuf, PathBuf, File),
    ) -> io::Result<Self> {
        let written = Notes {
            token: whose.token,
            peer: whose.peer,
            from: whose.from.clone(),
            name: place.name.clone(),
            entries: list.entries().to_vec(),
        };
        let json = serde_json::to_vec(&written)?;
        notes.write_all(MAGIC)?;
        notes.write_all(&(json.len() as u64).to_be_bytes())?;
        notes.write_all(&json)?;
        let values_at = HEAD + json.len() as u64;
        notes.set_len(values_at + 32 * u64::from(list.layout().pieces()))?;
        Self::of(place, list, (part, notes_path, notes), values_at)
    }

    fn of(
        place: &Place,
        list: &Arc<List>,
        (part, notes_path, notes): (PathBuf, PathBuf, File),
        values_at: u64,
    ) -> io::Result<Self> {
        // The list was looked at when it came.
        let safe = safe_paths(list.entries()).map_err(|_| ErrorKind::InvalidInput)?;
        let paths = safe.into_iter().map(|path| path.iter().collect()).collect();
        let (list, single) = (Arc::clone(list), is_single(list));
        let place = place.clone();
        Ok(Self { place, list, part, notes_path, notes, values_at, paths, single, open: Mutex::default() })
    }

    /// What is there from an earlier time: by its token, or because it has the same files. It is compared piece by piece
    /// before anything of it counts, so it does not matter who sent it then.
    fn find(
        place: &Place,
        list: &Arc<List>,
        whose: &Whose,
        taken: &[PathBuf],
    ) -> io::Result<Option<(Self, Present)>> {
        let token = whose.token;
        let mut found: Vec<_> = notes_in(&place.folder)
            .into_iter()
            .filter(|path| !taken.contains(path))
            .filter_map(|path| Some((read_notes(&path)?, path)))
            .filter(|((notes, ..), _)| {
                notes.token == token
                    || List::new(notes.entries.clone()).is_ok_and(|there| there.has_the_files_of(list))
            })
            .collect();
        found.sort_by_key(|((notes, ..), _)| notes.token != token);
        let Some(((notes, values, file), notes_path)) = found.into_iter().next() else { return Ok(None) };
        let part = notes_path.with_extension("part");
        let single = is_single(list);
        // A link that somebody put there would lead what comes elsewhere.
        let right = std::fs::symlink_metadata(&part)
            .is_ok_and(|found| if single { found.is_file() } else { found.is_dir() });
        if !right {
            return Ok(None);
        }
        let values_at = file.metadata()?.len() - 32 * values.len() as u64;
        let mut partial = if notes.token == token && notes.entries == list.entries() {
            Self::of(place, list, (part, notes_path, file), values_at)?
        } else {
            drop(file);
            // The same files, offered anew: the notes are about this offer from now on.
            let fresh = notes_path.with_extension("part-tincan-new");
            let new = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&fresh)?;
            let partial = Self::begin(place, list, whose, (part, fresh.clone(), new))?;
            for (piece, value) in (0..).zip(&values) {
                partial.note(piece, value)?;
            }
            std::fs::rename(&fresh, &notes_path)?;
            Self { notes_path, ..partial }
        };
        if place.name.is_none() {
            partial.place.name.clone_from(&notes.name);
        }
        let present = partial.look(&values);
        Ok(Some((partial, present)))
    }

    /// The pieces that are what the notes say.
    fn look(&self, values: &[PieceValue]) -> Present {
        let noted = (0..).zip(values).filter(|(_, value)| **value != [0; 32]);
        let mut buffer = Vec::new();
        let is_there = |piece: u32, value: &PieceValue| {
            let place = self.list.layout().place(piece)?;
            let file = self.file(place.entry, false).ok()?;
            buffer.resize(place.length as usize, 0);
            read_at(&file, &mut buffer, place.offset).ok()?;
            (piece_value(&place, &buffer) == *value).then_some((piece, *value))
        };
        let mut is_there = is_there;
        noted.filter_map(|(piece, value)| is_there(piece, value)).collect()
    }

    fn note(&self, piece: u32, value: &PieceValue) -> io::Result<()> {
        write_at(&self.notes, value, self.values_at + 32 * u64::from(piece))
    }

    fn path(&self, entry: usize) -> PathBuf {
        match self.paths.get(entry) {
            Some(path) if !self.single => self.part.join(path),
            _ => self.part.clone(),
        }
    }

    fn file(&self, entry: usize, create: bool) -> io::Result<Arc<File>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = open.files.get(&entry) {
            return Ok(Arc::clone(file));
        }
        if open.gone {
            return Err(ErrorKind::NotFound.into());
        }
        let path = self.path(entry);
        if create && let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        // Never executable: whoever wants to run it has to say so.
        let file = OpenOptions::new().read(true).write(true).create(create).truncate(false).open(path)?;
        let file = Arc::new(file);
        if open.files.len() >= MAX_OPEN {
            open.files.clear();
        }
        open.files.insert(entry, Arc::clone(&file));
        Ok(file)
    }

    /// Writes a piece.
    ///
    /// # Errors
    /// The disk does not take it.
    pub(super) fn write(&self, piece: u32, data: &[u8], value: &PieceValue) -> Result<(), FileProblem> {
        let place = self.list.layout().place(piece).ok_or(FileProblem::Disk)?;
        let written = self.file(place.entry, true).and_then(|file| write_at(&file, data, place.offset));
        written.and_then(|()| self.note(piece, value)).map_err(|error| problem(&error))
    }

    /// Everything is there: gives it its names. Where it is.
    ///
    /// # Errors
    /// The disk does not take it; it stays as it is.
    pub(super) fn finish(&self) -> Result<Vec<PathBuf>, FileProblem> {
        self.complete().and_then(|()| self.name()).map_err(|error| problem(&error))
    }

    /// Files and folders without content, times, marks; and all of it on the disk, not only on its way there.
    fn complete(&self) -> io::Result<()> {
        let entries = self.list.entries();
        for (at, entry) in entries.iter().enumerate() {
            let Some(bytes) = entry.bytes else {
                std::fs::create_dir_all(self.path(at))?;
                continue;
            };
            let file = self.file(at, true)?;
            if file.metadata()?.len() != bytes {
                file.set_len(bytes)?;
            }
            if let Some(at) = entry.modified {
                // Some file systems keep no such time.
                let _ = UNIX_EPOCH.checked_add(Duration::from_millis(at)).map(|at| file.set_modified(at));
            }
            if entries.len() <= SYNCED || bytes >= LARGE {
                file.sync_all()?;
            }
            drop(file);
            marks::came_from_elsewhere(&self.path(at));
        }
        self.open.lock().unwrap_or_else(PoisonError::into_inner).files.clear();
        Ok(())
    }

    fn name(&self) -> io::Result<Vec<PathBuf>> {
        let folder = &self.place.folder;
        let mut named = Vec::new();
        if self.single {
            let name = self.paths.first().and_then(|path| path.to_str()).unwrap_or_default();
            let name = self.place.name.as_deref().unwrap_or(name);
            named.push(give_name(&self.part, folder, name)?);
        } else {
            for child in std::fs::read_dir(&self.part)?.collect::<io::Result<Vec<_>>>()? {
                let name = child.file_name().to_string_lossy().into_owned();
                named.push(give_name(&child.path(), folder, &name)?);
            }
            std::fs::remove_dir(&self.part)?;
        }
        std::fs::remove_file(&self.notes_path)?;
        named.sort();
        Ok(named)
    }

    /// Removes what came.
    pub(super) fn discard(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Open { gone: true, ..Open::default() };
        let removed =
            if self.single { std::fs::remove_file(&self.part) } else { std::fs::remove_dir_all(&self.part) };
        // What is not there need not be removed, and notes without it say nothing.
        let _ = removed.and_then(|()| std::fs::remove_file(&self.notes_path));
    }

    /// The file beside it that says what it is.
    pub(super) fn notes_path(&self) -> &Path {
        &self.notes_path
    }
}

fn is_single(list: &List) -> bool {
    matches!(list.entries(), [only] if only.path.len() == 1 && only.bytes.is_some())
}

fn notes_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter(|path| path.to_string_lossy().ends_with(PART_NOTES)).take(MAX_FOUND).collect()
}

/// What was left in a folder by an earlier run.
pub(super) fn left_in(folder: &Path) -> Vec<Left> {
    let found = notes_in(folder).into_iter().filter_map(|path| {
        let (Notes { token, peer, from, name, entries }, ..) = read_notes(&path)?;
        let list = Arc::new(List::new(entries).ok()?);
        Some(Left {
            whose: Whose { token, peer, from },
            list,
            place: Place { folder: folder.to_owned(), name },
        })
    });
    found.collect()
}

fn read_notes(path: &Path) -> Option<(Notes, Vec<PieceValue>, File)> {
    if !std::fs::symlink_metadata(path).ok()?.is_file() {
        return None;
    }
    let mut file = OpenOptions::new().read(true).write(true).open(path).ok()?;
    let length = file.metadata().ok()?.len();
    let mut head = [0; HEAD as usize];
    file.read_exact(&mut head).ok()?;
    let (magic, json) = head.split_first_chunk::<16>()?;
    let json = u64::from_be_bytes(json.try_into().ok()?);
    if magic != MAGIC || length > MAX_NOTES || json > length - HEAD {
        return None;
    }
    let mut text = vec![0; json as usize];
    file.read_exact(&mut text).ok()?;
    let notes: Notes = serde_json::from_slice(&text).ok()?;
    let mut values = Vec::new();
    file.read_to_end(&mut values).ok()?;
    let pieces = List::new(notes.entries.clone()).ok()?.layout().pieces() as usize;
    let (values, rest) = values.as_chunks::<32>();
    let sound = rest.is_empty() && values.len() == pieces && safe_paths(&notes.entries).is_ok();
    sound.then(|| (notes, values.to_vec(), file))
}

/// Gives something a name that nothing has, with a number behind it if need be.
fn give_name(from: &Path, folder: &Path, name: &str) -> io::Result<PathBuf> {
    for number in 1..MAX_TRIES {
        let name = if number == 1 { name.to_owned() } else { numbered(name, number) };
        let to = folder.join(name);
        match rename_new(from, &to) {
            Ok(()) => return Ok(to),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

/// Renames, and never replaces.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    if std::fs::symlink_metadata(from)?.is_dir() {
        // Windows replaces no folder; elsewhere an empty one is, and it is ours when we could make it.
        #[cfg(not(windows))]
        std::fs::create_dir(to)?;
        return std::fs::rename(from, to).inspect_err(|_| {
            // Only what is empty goes.
            let _ = std::fs::remove_dir(to);
        });
    }
    let path = tempfile::TempPath::try_from_path(from)?;
    path.persist_noclobber(to).map_err(|refused| {
        // It stays, under its name.
        let _ = refused.path.keep();
        refused.error
    })
}

fn problem(error: &io::Error) -> FileProblem {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => FileProblem::DiskFull,
        ErrorKind::FileTooLarge => FileProblem::TooLarge,
        _ => FileProblem::Disk,
    }
}

#[cfg(test)]
#[path = "partial_tests.rs"]
mod tests;
