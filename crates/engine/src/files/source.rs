//! The sender's disk: what is in the files and folders that a person chose, and its pieces. Everything here may take as long
//! as the disk does, so it is called on threads of its own.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tincan_protocol::{FileEntry, MAX_FILES, PieceValue};
use tincan_share::{FileProblem, List, ListError, piece_value};

use crate::api::{CommandError, Sentence};

/// How a file was when it was offered: what differs from that is another file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
    #[cfg(unix)]
    inode: (u64, u64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            bytes: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            inode: {
                use std::os::unix::fs::MetadataExt;
                (metadata.dev(), metadata.ino())
            },
        }
    }
}

#[derive(Debug)]
struct Source {
    path: PathBuf,
    stamp: Option<Stamp>,
}

/// What is offered, and where it is.
#[derive(Debug)]
pub(super) struct Sources {
    pub(super) list: Arc<List>,
    /// What was chosen.
    pub(super) paths: Vec<PathBuf>,
    sources: Vec<Source>,
    /// The file that was read last: its pieces come one after the other. A mutex, since several threads read; it is held for a
    /// move of a pointer.
    open: Mutex<Option<(usize, Arc<File>)>>,
}

/// Everything in these files and folders.
///
/// # Errors
/// With a sentence for the person.
pub(super) fn scan(paths: &[PathBuf]) -> Result<Sources, CommandError> {
    let mut found = Found::default();
    for path in paths {
        let Some(name) = path.file_name() else {
            return Err(refusal(path, "no_name", "it has no name. Choose a file or a folder"));
        };
        // What a person chose is followed; what lies in a folder is not, or a folder could lead anywhere.
        let metadata = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?;
        found.add(path, &[name.to_string_lossy().into_owned()], &metadata)?;
    }
    let Found { entries, sources } = found;
    let list = List::new(entries).map_err(super::list_refused)?;
    Ok(Sources { list: Arc::new(list), paths: paths.to_vec(), sources, open: Mutex::default() })
}

#[derive(Default)]
struct Found {
    entries: Vec<FileEntry>,
    sources: Vec<Source>,
}

impl Found {
    fn add(&mut self, path: &Path, names: &[String], metadata: &Metadata) -> Result<(), CommandError> {
        if self.entries.len() >= MAX_FILES as usize {
            return Err(super::list_refused(ListError::TooMany));
        }
        if metadata.is_dir() {
            return self.folder(path, names);
        }
        if !metadata.is_file() {
            // A socket, a pipe or a device has no content that could be sent.
            return if names.len() == 1 {
                Err(refusal(path, "kind", "it is neither a file nor a folder"))
            } else {
                Ok(())
            };
        }
        // Who may not read it is told now, and not in the middle.
        File::open(path).map_err(|error| unreadable(path, &error))?;
        let stamp = Stamp::of(metadata);
        let modified = stamp.modified.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let entry = FileEntry {
            path: names.to_vec(),
            bytes: Some(stamp.bytes),
            modified: modified.and_then(|since| u64::try_from(since.as_millis()).ok()),
        };
        self.push(entry, path, Some(stamp));
        Ok(())
    }

    fn folder(&mut self, path: &Path, names: &[String]) -> Result<(), CommandError> {
        let listed = std::fs::read_dir(path).and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
        let mut children = listed.map_err(|error| unreadable(path, &error))?;
        children.sort_by_key(std::fs::DirEntry::file_name);
        let before = self.entries.len();
        for child in children {
            let path = child.path();
            let metadata = std::fs::symlink_metadata(&path).map_err(|error| unreadable(&path, &error))?;
            if metadata.is_symlink() {
                continue;
            }
            let names = [names, &[child.file_name().to_string_lossy().into_owned()]].concat();
            self.add(&path, &names, &metadata)?;
        }
        if self.entries.len() == before {
            self.push(FileEntry { path: names.to_vec(), bytes: None, modified: None }, path, None);
        }
        Ok(())
    }

    fn push(&mut self, entry: FileEntry, path: &Path, stamp: Option<Stamp>) {
        self.entries.push(entry);
        self.sources.push(Source { path: path.to_owned(), stamp });
    }
}

fn unreadable(path: &Path, error: &io::Error) -> CommandError {
    match error.kind() {
        ErrorKind::NotFound => refusal(path, "missing", "it is not there. It may have been moved or deleted"),
        ErrorKind::PermissionDenied => {
            refusal(path, "denied", "you may not read it. Change its permissions, or leave it out")
        }
        _ => refusal(path, "other", &format!("it cannot be read ({error})")),
    }
}

fn refusal(path: &Path, why: &str, how: &str) -> CommandError {
    let message = format!("`{}` cannot be sent: {how}.", path.display());
    Sentence::new("file_refused", message).with("why", why).with("path", path.display().to_string()).into()
}

impl Sources {
    /// A piece and its value.
    ///
    /// # Errors
    /// The file is not there, not readable, or not what it was.
    pub(super) fn read(&self, piece: u32) -> Result<(Bytes, PieceValue), FileProblem> {
        // Only pieces of the list are asked for.
        let place = self.list.layout().place(piece).ok_or(FileProblem::Unreadable)?;
        let source = self.sources.get(place.entry).ok_or(FileProblem::Unreadable)?;
        source.look()?;
        let file = self.file(place.entry, &source.path).map_err(|error| problem(&error))?;
        let mut data = vec![0; place.length as usize];
        read_at(&file, &mut data, place.offset).map_err(|error| problem(&error))?;
        // It may have been written to while it was read.
        source.look()?;
        let value = piece_value(&place, &data);
        Ok((data.into(), value))
    }

    fn file(&self, entry: usize, path: &Path) -> io::Result<Arc<File>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, file)) = &*open
            && *at == entry
        {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(File::open(path)?);
        *open = Some((entry, Arc::clone(&file)));
        Ok(file)
    }
}

impl Source {
    fn look(&self) -> Result<(), FileProblem> {
        let metadata = std::fs::metadata(&self.path).map_err(|error| problem(&error))?;
        if self.stamp.as_ref() == Some(&Stamp::of(&metadata)) { Ok(()) } else { Err(FileProblem::Changed) }
    }
}

fn problem(error: &io::Error) -> FileProblem {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => FileProblem::Vanished,
        ErrorKind::UnexpectedEof => FileProblem::Changed,
        _ => FileProblem::Unreadable,
    }
}

/// Fills the buffer from a place in a file.
#[cfg(unix)]
pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

/// Writes all of the buffer to a place in a file.
#[cfg(unix)]
pub(super) fn write_at(file: &File, buffer: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, buffer, offset)
}

/// Fills the buffer from a place in a file.
#[cfg(windows)]
pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    let mut done = 0;
    while done < buffer.len() {
        let place = offset + done as u64;
        match std::os::windows::fs::FileExt::seek_read(file, &mut buffer[done..], place)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            read => done += read,
        }
    }
    Ok(())
}

/// Writes all of the buffer to a place in a file.
#[cfg(windows)]
pub(super) fn write_at(file: &File, buffer: &[u8], offset: u64) -> io::Result<()> {
    let mut done = 0;
    while done < buffer.len() {
        let place = offset + done as u64;
        match std::os::windows::fs::FileExt::seek_write(file, &buffer[done..], place)? {
            0 => return Err(ErrorKind::WriteZero.into()),
            written => done += written,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_listed_without_what_leads_out_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().join("top");
        std::fs::create_dir_all(top.join("empty")).unwrap();
        std::fs::write(top.join("b"), b"12").unwrap();
        std::fs::write(top.join("a"), b"").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink("/etc", top.join("link")).unwrap();
        let sources = scan(&[top]).unwrap();
        let listed: Vec<_> =
            sources.list.entries().iter().map(|entry| (entry.path.join("/"), entry.bytes)).collect();
        assert_eq!(
            listed,
            [("top/a".into(), Some(0)), ("top/b".into(), Some(2)), ("top/empty".into(), None)]
        );
        let refused = scan(&[folder.path().join("nothing")]).unwrap_err();
        assert!(refused.message.contains("not there"), "{}", refused.message);
        assert_eq!(scan(&[]).unwrap_err().code, "files_empty");
    }

    #[test]
    fn a_file_that_changes_or_vanishes_is_told_from_the_one_that_was_offered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, b"before").unwrap();
        let sources = scan(std::slice::from_ref(&path)).unwrap();
        assert_eq!(sources.read(0).unwrap().0, b"before".as_slice());
        std::fs::write(&path, b"after it").unwrap();
        assert_eq!(sources.read(0), Err(FileProblem::Changed));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(sources.read(0), Err(FileProblem::Vanished));
    }
}
