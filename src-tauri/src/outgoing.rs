//! Files that the person chose, dropped or pasted, until they are offered or put away. Their paths stay here: the page sees
//! names and sizes, and names a file by its number.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tincan_engine::api::{CommandError, Sentence};

use crate::shell::refusal;

/// So many fit into one offer; whoever has more sends their folder.
const MAX_FILES: usize = 100;
/// A picture of three 4K screens without compression has 100 MB; as a PNG it has a tenth.
const MAX_PICTURE: usize = 64 << 20;
/// Pasted pictures of one call.
const MAX_PASTED: u64 = 256 << 20;

/// A file as the page sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OutgoingFile {
    id: u64,
    name: String,
    /// `None` for a folder: what is in it is counted when it is offered.
    bytes: Option<u64>,
    folder: bool,
}

/// What came of choosing files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Taken {
    files: Vec<OutgoingFile>,
    /// What could not be taken.
    problem: Option<Sentence>,
}

pub(crate) struct Outgoing {
    /// Where pasted pictures are kept. It is ours alone.
    folder: PathBuf,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    last: u64,
    /// How many pictures were pasted, for their names.
    pictures: u64,
    /// Not offered yet.
    files: BTreeMap<u64, PathBuf>,
    /// Pictures that were written, whether they are offered or not, and their bytes.
    pasted: BTreeMap<PathBuf, u64>,
    /// The pictures in an offer, by its id.
    offered: BTreeMap<String, Vec<PathBuf>>,
}

/// Why something is not taken.
fn refused(why: &str, name: &str, message: &str) -> Sentence {
    Sentence::new("files_left_out", message).with("why", why).with("name", name).with("more", 0_usize)
}

/// The same, of the first of several.
fn left_out(mut first: Sentence, others: &str, more: usize) -> Sentence {
    first.message = format!("{} {others}", first.message);
    first.with("more", more)
}

impl Taken {
    pub(crate) fn one(file: OutgoingFile) -> Self {
        Self { files: vec![file], problem: None }
    }
}

impl Outgoing {
    /// Pictures are kept in `folder`; what a program that crashed left there is deleted.
    pub(crate) fn new(folder: PathBuf) -> Self {
        let outgoing = Self { folder, kept: Mutex::default() };
        outgoing.clear();
        outgoing
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes files and folders. Blocks on the disk.
    pub(crate) fn take(&self, paths: Vec<PathBuf>) -> Taken {
        let mut taken = Taken::default();
        let mut refused = Vec::new();
        for path in paths {
            match self.take_one(path) {
                Ok(file) => taken.files.push(file),
                Err(problem) => refused.push(problem),
            }
        }
        let more = refused.len().saturating_sub(1);
        taken.problem = refused.into_iter().next().map(|first| match more {
            0 => first,
            1 => left_out(first, "One more was left out too.", 1),
            more => left_out(first, &format!("{more} more were left out too."), more),
        });
        taken
    }

    fn take_one(&self, path: PathBuf) -> Result<OutgoingFile, Sentence> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        // What a browser is dragged from is an address, and no file of this computer.
        let name = name.filter(|_| path.is_absolute()).ok_or_else(|| {
            refused("elsewhere", "", "Only files and folders of this computer can be sent.")
        })?;
        if path.to_str().is_none() {
            let message = format!("“{name}” has a name that cannot be sent. Rename it first.");
            return Err(refused("name", &name, &message));
        }
        let about = path
            .metadata()
            .map_err(|_| refused("unreadable", &name, &format!("“{name}” cannot be read.")))?;
        if !about.is_dir() && !about.is_file() {
            return Err(refused("kind", &name, &format!("“{name}” is neither a file nor a folder.")));
        }
        let bytes = about.is_file().then_some(about.len());
        let mut kept = self.kept();
        if kept.files.len() >= MAX_FILES {
            let message = format!("At most {MAX_FILES} files are sent at once. Send their folder instead.");
            return Err(refused("many", &name, &message).with("most", MAX_FILES));
        }
        Ok(kept.add(path, name, bytes))
    }

    /// Takes a picture that was pasted: keeps it as a file. Blocks on the disk.
    ///
    /// # Errors
    /// A sentence for the person.
    pub(crate) fn paste(&self, picture: &[u8]) -> Result<OutgoingFile, CommandError> {
        let too_large =
            || refusal("picture_too_large", "This picture is too large to be pasted. Send it as a file.");
        if picture.len() > MAX_PICTURE {
            return Err(too_large());
        }
        let ending = ending(picture)
            .ok_or_else(|| refusal("no_picture", "What was pasted is no picture that Tincan knows."))?;
        let bytes = picture.len() as u64;
        let (path, name) = {
            let mut kept = self.kept();
            if kept.pasted.values().sum::<u64>() + bytes > MAX_PASTED || kept.files.len() >= MAX_FILES {
                return Err(too_large());
            }
            kept.pictures += 1;
            let name = format!("Pasted picture {}.{ending}", kept.pictures);
            let path = self.folder.join(&name);
            // Its room is taken before it is written, so that two at once do not both find it free.
            kept.pasted.insert(path.clone(), bytes);
            (path, name)
        };
        if let Err(error) = write(&self.folder, &path, picture) {
            tracing::warn!(%error, "a pasted picture was not kept");
            self.kept().pasted.remove(&path);
            return Err(refusal(
                "picture_not_kept",
                "The picture could not be kept on the disk. Send it as a file.",
            ));
        }
        Ok(self.kept().add(path, name, Some(bytes)))
    }

    /// Hands out the paths of files that are offered now, in the order of `ids`; numbers that are not known are left out.
    pub(crate) fn hand_out(&self, ids: &[u64]) -> Vec<(u64, PathBuf)> {
        let mut kept = self.kept();
        ids.iter().filter_map(|id| kept.files.remove_entry(id)).collect()
    }

    /// Takes them back: they were not offered after all.
    pub(crate) fn take_back(&self, files: Vec<(u64, PathBuf)>) {
        self.kept().files.extend(files);
    }

    /// They are offered: pictures of ours are needed until the offer is put away.
    pub(crate) fn offered(&self, offer: &str, files: Vec<(u64, PathBuf)>) {
        let mut kept = self.kept();
        let ours = files.into_iter().map(|(_, path)| path).filter(|path| kept.pasted.contains_key(path));
        let ours: Vec<_> = ours.collect();
        if !ours.is_empty() {
            kept.offered.insert(offer.to_owned(), ours);
        }
    }

    /// An offer is not shown any more: nobody reads its pictures again.
    pub(crate) fn dropped(&self, offer: &str) {
        let mut kept = self.kept();
        for path in kept.offered.remove(offer).into_iter().flatten() {
            kept.pasted.remove(&path);
            delete(&path);
        }
    }

    /// Puts files away that are not wanted. Only pictures of ours are deleted.
    pub(crate) fn discard(&self, ids: &[u64]) {
        let mut kept = self.kept();
        for id in ids {
            let Some(path) = kept.files.remove(id) else { continue };
            if kept.pasted.remove(&path).is_some() {
                delete(&path);
            }
        }
    }

    /// Puts everything away, at the beginning and the end of the program.
    pub(crate) fn clear(&self) {
        let mut kept = self.kept();
        *kept = Kept { last: kept.last, pictures: kept.pictures, ..Kept::default() };
        // Nothing but what was pasted is ever in it.
        if let Err(error) = std::fs::remove_dir_all(&self.folder)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "pasted pictures were not deleted");
        }
    }
}

impl Kept {
    fn add(&mut self, path: PathBuf, name: String, bytes: Option<u64>) -> OutgoingFile {
        self.last += 1;
        self.files.insert(self.last, path);
        OutgoingFile { id: self.last, name, bytes, folder: bytes.is_none() }
    }
}

/// For nobody else's eyes: a picture of a screen may show anything.
fn write(folder: &Path, path: &Path, picture: &[u8]) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    builder.create(folder)?;
    let written = options.open(path).and_then(|mut file| file.write_all(picture));
    if written.is_err() {
        delete(path);
    }
    written
}

fn delete(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        tracing::debug!(%error, "a pasted picture was not deleted");
    }
}

/// How a picture's file ends, by what it begins with.
fn ending(picture: &[u8]) -> Option<&'static str> {
    match picture {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("png"),
        [0xff, 0xd8, 0xff, ..] => Some("jpg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("webp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";

    fn outgoing() -> (tempfile::TempDir, Outgoing) {
        let folder = tempfile::tempdir().unwrap();
        let outgoing = Outgoing::new(folder.path().join("pasted"));
        (folder, outgoing)
    }

    #[test]
    fn files_and_folders_are_named_by_number_and_handed_out_once() {
        let (folder, outgoing) = outgoing();
        let file = folder.path().join("valve.pdf");
        std::fs::write(&file, "12345").unwrap();
        let taken = outgoing.take(vec![file.clone(), folder.path().to_owned()]);
        assert_eq!(taken.problem, None);
        let [one, two] = taken.files.as_slice() else { panic!("{taken:?}") };
        assert_eq!((one.name.as_str(), one.bytes, one.folder), ("valve.pdf", Some(5), false));
        assert_eq!((two.bytes, two.folder), (None, true));
        let given = outgoing.hand_out(&[two.id, one.id, 99]);
        assert_eq!(given.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [two.id, one.id]);
        assert_eq!(outgoing.hand_out(&[one.id]), []);
        outgoing.take_back(given);
        assert_eq!(outgoing.hand_out(&[one.id]), [(one.id, file.clone())]);
        outgoing.discard(&[two.id]);
        assert!(file.exists() && folder.path().exists(), "what is the person's own is never deleted");
    }

    #[test]
    fn what_cannot_be_sent_is_left_out_with_a_sentence() {
        let (folder, outgoing) = outgoing();
        let taken =
            outgoing.take(vec!["https://example.org/x".into(), folder.path().join("gone"), "/".into()]);
        assert_eq!(taken.files, []);
        let problem = taken.problem.unwrap().message;
        assert!(
            problem.starts_with("Only files") && problem.ends_with("2 more were left out too."),
            "{problem}"
        );
        let many = (0..=MAX_FILES).map(|_| folder.path().to_owned()).collect();
        let taken = outgoing.take(many);
        assert_eq!(taken.files.len(), MAX_FILES);
        assert!(taken.problem.unwrap().message.starts_with("At most"));
    }

    #[test]
    fn a_pasted_picture_is_a_file_until_it_or_its_offer_is_put_away_or_the_program_ends() {
        let (folder, outgoing) = outgoing();
        let count = || std::fs::read_dir(folder.path().join("pasted")).map_or(0, Iterator::count);
        let one = outgoing.paste(PNG).unwrap();
        assert!(one.name.ends_with(".png"), "{}", one.name);
        let two = outgoing.paste(b"\xff\xd8\xff\xe0").unwrap();
        assert_eq!(count(), 2);
        outgoing.discard(&[one.id]);
        assert_eq!(count(), 1);
        // One that was offered is read until the offer is put away.
        outgoing.offered("offer", outgoing.hand_out(&[two.id]));
        outgoing.discard(&[two.id]);
        outgoing.dropped("another");
        assert_eq!(count(), 1);
        outgoing.dropped("offer");
        assert_eq!(count(), 0);
        outgoing.paste(PNG).unwrap();
        outgoing.clear();
        assert_eq!(count(), 0);
    }

    #[test]
    fn what_is_no_picture_or_too_large_is_not_kept() {
        let (folder, outgoing) = outgoing();
        assert_eq!(outgoing.paste(b"MZ\x90").unwrap_err().code, "no_picture");
        assert_eq!(outgoing.paste(b"").unwrap_err().code, "no_picture");
        let large = [PNG, &vec![0; MAX_PICTURE]].concat();
        assert_eq!(outgoing.paste(&large).unwrap_err().code, "picture_too_large");
        let full = outgoing.folder.join("full.png");
        outgoing.kept().pasted.insert(full, MAX_PASTED - PNG.len() as u64);
        assert!(outgoing.paste(PNG).is_ok());
        assert_eq!(outgoing.paste(PNG).unwrap_err().code, "picture_too_large");
        drop(folder);
    }
}
