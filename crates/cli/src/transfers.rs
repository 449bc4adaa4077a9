//! Files in a terminal: what became of each transfer, as sentences, and what may be typed about them in a call.

use std::path::{Path, PathBuf};

use tincan_engine::api::{Command, FileOffer, FileState, FileTransfer, FilesView};

/// What is to be done with files in a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Typed {
    /// Offer this to everybody.
    Send(String),
    /// Take what was offered last, into this folder.
    Take(Option<String>),
    /// Decline it.
    Decline,
    /// Stop what moves for a while.
    Pause,
    /// Go on with what was paused, or try again what failed here.
    Resume,
    /// End what is not over.
    Cancel,
}

/// What a line asks for.
pub(crate) fn parse(asked: &str) -> Option<Typed> {
    let (verb, rest) = asked.split_once(char::is_whitespace).unwrap_or((asked, ""));
    Some(match (verb, rest.trim()) {
        ("send", path) if !path.is_empty() => Typed::Send(path.to_owned()),
        ("take", folder) => Typed::Take((!folder.is_empty()).then(|| folder.to_owned())),
        ("decline", "") => Typed::Decline,
        ("pause", "") => Typed::Pause,
        ("resume", "") => Typed::Resume,
        ("cancel", "") => Typed::Cancel,
        _ => return None,
    })
}

/// What the engine is asked for.
pub(crate) fn command(typed: Typed, files: &FilesView) -> Result<Command, String> {
    let path = |text: &str| whole(Path::new(text)).to_string_lossy().into_owned();
    let open =
        |offer: &&FileOffer| !offer.ours && offer.transfers.iter().any(|one| one.state == FileState::Offered);
    let offered = || files.offers.iter().rev().find(open).map(|offer| offer.id.clone());
    let nothing = "Nobody offers a file. Offer one: file send PATH";
    Ok(match typed {
        Typed::Send(file) => Command::OfferFiles { paths: vec![path(&file)], to: None },
        Typed::Take(folder) => Command::AcceptFiles {
            offer: offered().ok_or(nothing)?,
            folder: folder.map(|folder| path(&folder)),
            file: None,
        },
        Typed::Decline => Command::DeclineFiles { offer: offered().ok_or(nothing)? },
        Typed::Pause => Command::PauseFiles {
            offer: newest(files, |one| moves(one.state)).ok_or("No file is on its way.")?,
            peer: None,
        },
        Typed::Resume => Command::ResumeFiles {
            offer: newest(files, |one| one.resumable).ok_or("No file waits for being resumed.")?,
            peer: None,
        },
        Typed::Cancel => Command::CancelFiles {
            offer: newest(files, |one| moves(one.state) || one.resumable)
                .ok_or("There is no transfer that could be ended.")?,
            peer: None,
        },
    })
}

/// The newest offer with such a transfer.
fn newest(files: &FilesView, is: impl Fn(&FileTransfer) -> bool) -> Option<String> {
    files.offers.iter().rev().find(|offer| offer.transfers.iter().any(&is)).map(|offer| offer.id.clone())
}

const fn moves(state: FileState) -> bool {
    matches!(
        state,
        FileState::Preparing
            | FileState::Running
            | FileState::Paused
            | FileState::PausedByThem
            | FileState::Away
    )
}

/// The transfers that are in another state than before, with their offers.
pub(crate) fn changed<'a>(before: &FilesView, now: &'a FilesView) -> Vec<(&'a FileOffer, &'a FileTransfer)> {
    let was = |offer: &FileOffer, transfer: &FileTransfer| {
        let offer = before.offers.iter().find(|one| one.id == offer.id)?;
        Some(offer.transfers.iter().find(|one| one.peer == transfer.peer)?.state)
    };
    let all = now.offers.iter().flat_map(|offer| offer.transfers.iter().map(move |one| (offer, one)));
    all.filter(|(offer, transfer)| was(offer, transfer) != Some(transfer.state)).collect()
}

/// What a transfer has come to, as a sentence.
pub(crate) fn tell(offer: &FileOffer, transfer: &FileTransfer) -> Option<String> {
    let who = if transfer.name.is_empty() { "Somebody" } else { &transfer.name };
    let what = describe(offer);
    let why = transfer.problem.as_ref().map_or("", |problem| problem.message.as_str());
    Some(match (offer.ours, transfer.state) {
        (false, FileState::Offered) => {
            let warning = if offer.program { " Opening it may run a program." } else { "" };
            let room = if offer.fits { "" } else { " It does not fit on the disk." };
            format!("{who} offers {what}.{warning}{room}")
        }
        (true, FileState::Offered) => format!("{who} is asked whether they want {what}."),
        (true, FileState::Running) => format!("Sending {what} to {who}."),
        (false, FileState::Running) => format!("Receiving {what} from {who}."),
        (true, FileState::Done) => format!("{who} has {what}, verified."),
        (false, FileState::Done) => {
            let hash = offer.hash.as_ref().map(|hash| format!(" BLAKE3 {hash}")).unwrap_or_default();
            format!("Received {what} from {who}, verified.{hash}")
        }
        (true, FileState::Declined) => format!("{who} does not want {what}."),
        (_, FileState::Away) => format!("{what}: {why}"),
        (_, FileState::PausedByThem) if !why.is_empty() => format!("{what}: {why}"),
        (_, FileState::PausedByThem) => format!("{who} paused {what}."),
        (_, FileState::Withdrawn) => format!("{who} ended it. {why}").trim_end().to_owned(),
        (_, FileState::Failed | FileState::Cannot) => format!("{what}: {why}"),
        _ => return None,
    })
}

fn describe(offer: &FileOffer) -> String {
    let size = size(offer.bytes);
    match offer.items.as_slice() {
        [only] if only.folder => format!("the folder “{}” ({} files, {size})", only.name, only.files),
        [only] => format!("“{}” ({size})", only.name),
        _ => format!("{} files ({size})", offer.files),
    }
}

/// In decimal units, as file managers and disks have it.
pub(crate) fn size(bytes: u64) -> String {
    let units = [("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)];
    match units.iter().find(|(_, unit)| bytes as f64 >= *unit) {
        Some((name, unit)) => format!("{:.1} {name}", bytes as f64 / unit),
        None => format!("{bytes} bytes"),
    }
}

/// The engine may look at it later, wherever it is then.
pub(crate) fn whole(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_may_have_spaces_and_a_folder_may_be_left_out() {
        assert_eq!(parse("send my film.mkv"), Some(Typed::Send("my film.mkv".into())));
        assert_eq!(parse("take"), Some(Typed::Take(None)));
        assert_eq!(parse("take /tmp"), Some(Typed::Take(Some("/tmp".into()))));
        assert_eq!([parse("send"), parse("decline it"), parse("")], [None, None, None]);
    }

    #[test]
    fn nothing_is_taken_where_nothing_is_offered() {
        assert!(command(Typed::Take(None), &FilesView::default()).unwrap_err().contains("file send"));
        for typed in [Typed::Pause, Typed::Resume, Typed::Cancel] {
            assert!(command(typed.clone(), &FilesView::default()).is_err(), "{typed:?}");
        }
    }

    #[test]
    fn what_failed_or_rests_is_resumed_and_what_moves_is_paused_the_newest_first() {
        let offer = |id: &str, state: FileState, resumable: bool| {
            let transfer = FileTransfer {
                peer: "p".into(),
                name: "Ada".into(),
                state,
                verified: 0,
                speed: 0,
                seconds_left: None,
                problem: None,
                resumable,
            };
            FileOffer {
                id: id.into(),
                ours: false,
                author: "p".into(),
                author_name: "Ada".into(),
                at: 0,
                number: 0,
                to: None,
                items: Vec::new(),
                files: 1,
                bytes: 1,
                program: false,
                free: None,
                fits: true,
                folder: None,
                hash: None,
                transfers: vec![transfer],
            }
        };
        let files = FilesView {
            offers: vec![
                offer("a", FileState::Running, false),
                offer("b", FileState::Failed, true),
                offer("c", FileState::Running, false),
                offer("d", FileState::Done, false),
            ],
        };
        let (offer, peer) = ("c".to_owned(), None);
        assert_eq!(
            command(Typed::Pause, &files),
            Ok(Command::PauseFiles { offer: offer.clone(), peer: None })
        );
        assert_eq!(command(Typed::Cancel, &files), Ok(Command::CancelFiles { offer, peer }));
        assert_eq!(
            command(Typed::Resume, &files),
            Ok(Command::ResumeFiles { offer: "b".into(), peer: None })
        );
    }
}
