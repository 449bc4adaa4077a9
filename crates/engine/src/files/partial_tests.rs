use std::collections::BTreeSet;

use tincan_protocol::PIECE;

use super::*;

fn entry(path: &[&str], bytes: Option<u64>) -> FileEntry {
    FileEntry {
        path: path.iter().map(|name| (*name).to_owned()).collect(),
        bytes,
        modified: Some(1_000_000_000_000),
    }
}

fn list(entries: &[FileEntry]) -> Arc<List> {
    Arc::new(List::new(entries.to_vec()).unwrap())
}

fn whose(byte: u8) -> Whose {
    Whose { token: FileToken::from_bytes([byte; 32]), peer: PeerId::from_bytes([9; 32]), from: "Ada".into() }
}

fn place(folder: &Path) -> Place {
    Place { folder: folder.to_owned(), name: None }
}

fn content(list: &List, piece: u32) -> (Vec<u8>, PieceValue) {
    let place = list.layout().place(piece).unwrap();
    let data = vec![piece as u8 + 1; place.length as usize];
    let value = piece_value(&place, &data);
    (data, value)
}

fn fill(partial: &Partial, pieces: std::ops::Range<u32>) {
    for piece in pieces {
        let (data, value) = content(&partial.list, piece);
        partial.write(piece, &data, &value).unwrap();
    }
}

fn names(folder: &Path) -> BTreeSet<String> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect()
}

fn prepare(folder: &Path, list: &Arc<List>, token: u8) -> (Partial, Present) {
    Partial::prepare(&place(folder), list, whose(token), 0, &[]).unwrap()
}

#[test]
fn a_file_has_its_name_only_when_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let list = list(&[entry(&["a.bin"], Some(PIECE + 3))]);
    let (partial, present) = prepare(folder.path(), &list, 1);
    assert!(present.is_empty());
    fill(&partial, 0..2);
    assert_eq!(names(folder.path()), ["a.bin.part", "a.bin.part-tincan"].map(String::from).into());
    assert_eq!(partial.finish().unwrap(), [folder.path().join("a.bin")]);
    assert_eq!(names(folder.path()), [String::from("a.bin")].into());
    let all = [content(&list, 0).0, content(&list, 1).0].concat();
    assert_eq!(std::fs::read(folder.path().join("a.bin")).unwrap(), all);
    let modified = std::fs::metadata(folder.path().join("a.bin")).unwrap().modified().unwrap();
    assert_eq!(modified.duration_since(UNIX_EPOCH).unwrap().as_secs(), 1_000_000_000);
}

#[test]
fn nothing_that_is_there_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let list = list(&[entry(&["a.txt"], Some(5))]);
    for name in ["a.txt", "a (2).txt"] {
        std::fs::write(folder.path().join(name), "mine").unwrap();
    }
    let (partial, _) = prepare(folder.path(), &list, 1);
    fill(&partial, 0..1);
    assert_eq!(partial.finish().unwrap(), [folder.path().join("a (3).txt")]);
    assert_eq!(std::fs::read(folder.path().join("a.txt")).unwrap(), b"mine");
}

#[test]
fn a_folder_appears_as_a_whole_with_its_empty_files_and_folders() {
    let folder = tempfile::tempdir().unwrap();
    let all = [
        entry(&["top", "a"], Some(4)),
        entry(&["top", "sub", "none"], Some(0)),
        entry(&["top", "empty"], None),
    ];
    let list = list(&all);
    std::fs::create_dir(folder.path().join("top")).unwrap();
    let (partial, _) = prepare(folder.path(), &list, 1);
    fill(&partial, 0..1);
    assert!(!folder.path().join("top/a").exists());
    let top = folder.path().join("top (2)");
    assert_eq!(partial.finish().unwrap(), std::slice::from_ref(&top));
    assert_eq!(std::fs::read(top.join("a")).unwrap(), [1; 4]);
    assert_eq!(std::fs::metadata(top.join("sub/none")).unwrap().len(), 0);
    assert!(top.join("empty").is_dir());
    assert_eq!(names(folder.path()), ["top", "top (2)"].map(String::from).into());
}

#[test]
fn several_files_come_into_one_place_until_they_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let list = list(&[entry(&["a"], Some(1)), entry(&["b"], Some(1)), entry(&["c", "d"], Some(1))]);
    let (partial, _) = prepare(folder.path(), &list, 1);
    fill(&partial, 0..3);
    assert_eq!(
        names(folder.path()),
        ["a and 2 more.part", "a and 2 more.part-tincan"].map(String::from).into()
    );
    partial.finish().unwrap();
    assert_eq!(names(folder.path()), ["a", "b", "c"].map(String::from).into());
}

#[test]
fn what_is_there_of_an_earlier_time_counts_as_far_as_it_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let list = list(&[entry(&["a"], Some(4 * PIECE))]);
    let (partial, _) = prepare(folder.path(), &list, 1);
    fill(&partial, 0..3);
    drop(partial);
    // A power cut lost a part of one piece, though the notes name it.
    let damaged = OpenOptions::new().write(true).open(folder.path().join("a.part")).unwrap();
    write_at(&damaged, b"lost", PIECE + 100).unwrap();
    let [left] = &left_in(folder.path())[..] else { panic!() };
    assert_eq!((left.whose.token, left.whose.from.as_str()), (whose(1).token, "Ada"));
    // By its token, and by its files when they are offered anew.
    for token in [1, 2] {
        let (_, present) = prepare(folder.path(), &list, token);
        assert_eq!(present.iter().map(|(piece, _)| *piece).collect::<Vec<_>>(), [0, 2]);
        assert_eq!(names(folder.path()), ["a.part", "a.part-tincan"].map(String::from).into());
    }
    // Another file of this name has nothing to do with it.
    let other = super::tests::list(&[entry(&["a"], Some(5))]);
    let (_, present) = prepare(folder.path(), &other, 3);
    assert!(present.is_empty());
    assert!(folder.path().join("a (2).part").exists());
}

#[test]
fn a_chosen_name_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let list = list(&[entry(&["theirs.txt"], Some(5))]);
    let place = Place { folder: folder.path().join("new/folder"), name: Some("mine.txt".into()) };
    let (partial, _) = Partial::prepare(&place, &list, whose(1), 0, &[]).unwrap();
    fill(&partial, 0..1);
    assert_eq!(partial.finish().unwrap(), [folder.path().join("new/folder/mine.txt")]);
}

#[test]
fn what_is_cancelled_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    for all in [vec![entry(&["a"], Some(5))], vec![entry(&["b", "a"], Some(5))]] {
        let (partial, _) = prepare(folder.path(), &list(&all), 1);
        fill(&partial, 0..1);
        partial.discard();
        assert_eq!(names(folder.path()), BTreeSet::new());
    }
}

#[test]
fn what_does_not_fit_is_refused_before_it_begins() {
    let folder = tempfile::tempdir().unwrap();
    let list = list(&[entry(&["a"], Some(1 << 43))]);
    let refused = Partial::prepare(&place(folder.path()), &list, whose(1), 0, &[]);
    assert_eq!(refused.map(drop).unwrap_err(), FileProblem::DiskFull);
    assert_eq!(names(folder.path()), BTreeSet::new());
}

#[test]
fn notes_that_somebody_made_up_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let notes = folder.path().join("x.part-tincan");
    let json = br#"{"token":"","peer":"","entries":[]}"#;
    for text in [b"".as_slice(), b"tincan files 1\r\n", &[&MAGIC[..], &u64::MAX.to_be_bytes(), json].concat()]
    {
        std::fs::write(&notes, text).unwrap();
        assert!(left_in(folder.path()).is_empty());
    }
    #[cfg(unix)]
    {
        // What comes does not follow a link that lies where it would go on.
        let list = list(&[entry(&["a"], Some(5))]);
        let (partial, _) = prepare(folder.path(), &list, 1);
        drop(partial);
        let (part, elsewhere) = (folder.path().join("a.part"), folder.path().join("elsewhere"));
        std::fs::remove_file(&part).unwrap();
        std::fs::write(&elsewhere, "mine").unwrap();
        std::os::unix::fs::symlink(&elsewhere, &part).unwrap();
        let (partial, _) = prepare(folder.path(), &list, 1);
        fill(&partial, 0..1);
        assert_eq!(std::fs::read(&elsewhere).unwrap(), b"mine");
    }
}
