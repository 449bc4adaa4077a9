use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn entry(path: &[&str], bytes: Option<u64>) -> FileEntry {
    FileEntry { path: path.iter().map(|name| (*name).to_owned()).collect(), bytes, modified: None }
}

/// What a hostile sender tries, and what becomes of it.
#[test]
fn hostile_names_of_three_systems_become_harmless_ones() {
    let table = [
        // Leading elsewhere: Unix, Windows, its devices and streams, and what looks like a separator to somebody.
        ("../../.bashrc", "_.._.bashrc"),
        ("..\\..\\evil.txt", "_.._evil.txt"),
        ("C:\\Windows\\win.ini", "C__Windows_win.ini"),
        ("\\\\server\\share", "__server_share"),
        ("a/b", "a_b"),
        ("file.txt:stream", "file.txt_stream"),
        ("file.txt::$DATA", "file.txt__$DATA"),
        // Names that systems obey.
        ("CON", "CON_"),
        ("nul.txt", "nul_.txt"),
        ("LPT1.tar.gz", "LPT1_.tar.gz"),
        ("com\u{b9}", "com\u{b9}_"),
        ("AUX ", "AUX_"),
        ("CONIN$", "CONIN$_"),
        ("desktop.ini", "desktop_.ini"),
        ("AutoRun.inf", "AutoRun_.inf"),
        ("x.part-tincan", "x.part-tincan_"),
        // Hidden.
        (".ssh", "ssh"),
        ("..hidden", "hidden"),
        (".\u{200b}bashrc", "bashrc"),
        (" . .profile", "profile"),
        // What Windows cuts off.
        ("evil.exe.", "evil.exe"),
        ("evil.exe   ", "evil.exe"),
        ("dots...", "dots"),
        // Deceiving.
        ("photo\u{202e}gpj.exe", "photogpj.exe"),
        ("a\u{2066}b\u{2069}c", "abc"),
        ("x\u{0}y", "xy"),
        ("a\nb\tc\rd", "a b c d"),
        ("bell\u{7}\u{1b}[31m.txt", "bell[31m.txt"),
        ("in\u{ad}vis\u{200d}ible\u{feff}.txt", "invisible.txt"),
        // Shell and markup.
        ("$(rm -rf ~)`id`.txt", "$(rm -rf ~)`id`.txt"),
        ("<script>|?*\".html", "_script_____.html"),
        ("-rf", "-rf"),
        // Nothing left.
        ("", "file"),
        (".", "file"),
        ("..", "file"),
        ("...", "file"),
        ("\u{202e}\u{200b}", "file"),
        ("   ", "file"),
        (".:", "file"),
        // What people mean stays.
        ("Bericht (3) – Müller.pdf", "Bericht (3) – Müller.pdf"),
        ("Mu\u{308}ller.pdf", "Müller.pdf"),
        ("写真 2024.jpeg", "写真 2024.jpeg"),
        ("_config.yml", "_config.yml"),
        ("archive.tar.gz", "archive.tar.gz"),
        ("no ending", "no ending"),
    ];
    for (name, expected) in table {
        let safe = safe_name(name);
        assert_eq!(safe, expected, "{name:?}");
        assert!(is_harmless(&safe), "{name:?} became {safe:?}");
    }
}

/// What holds for every name that comes out.
fn is_harmless(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_NAME + 8
        && !name.starts_with(['.', ' '])
        && !name.ends_with(['.', ' '])
        && !name.chars().any(|c| c.is_control() || "/\\:*?\"<>|".contains(c))
        && !name
            .chars()
            .any(|c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}' | '\u{feff}'))
        && !is_device(name)
        && !is_obeyed(name)
        && !name.to_lowercase().ends_with(PART_NOTES)
}

#[test]
fn the_ending_stays_when_a_name_is_cut() {
    let safe = safe_name(&format!("{}.pdf", "ä".repeat(400)));
    assert!(safe.ends_with("ä.pdf") || safe.ends_with('ä'), "{safe}");
    assert!(safe.len() <= MAX_NAME, "{}", safe.len());
}

#[test]
fn what_leads_out_of_the_folder_is_refused() {
    for path in
        [&["..", "x"][..], &["a", "..", "x"], &["a", ""], &["/etc/passwd"], &["a/../../x"], &["."], &["x\0"]]
    {
        assert_eq!(safe_paths(&[entry(path, Some(1))]), Err(HostilePath), "{path:?}");
    }
}

#[test]
fn no_two_files_have_the_same_name_in_any_case_or_form() {
    let entries = [
        entry(&["a", "x.txt"], Some(1)),
        entry(&["a", "X.TXT"], Some(1)),
        entry(&["A", "x.txt"], Some(1)),
        entry(&["a", "x.txt"], Some(1)),
        entry(&["é"], Some(1)),
        entry(&["e\u{301}"], Some(1)),
        entry(&["a"], Some(1)),
        entry(&["a", "sub", "y"], Some(1)),
        entry(&["a", "empty"], None),
    ];
    let paths: Vec<String> = safe_paths(&entries).unwrap().iter().map(|path| path.join("/")).collect();
    assert_eq!(
        paths,
        ["a/x.txt", "a/X (2).TXT", "A (2)/x.txt", "a/x (3).txt", "é", "é (2)", "a (3)", "a/sub/y", "a/empty"]
    );
}

#[test]
fn programs_are_known_by_their_endings_however_they_are_dressed_up() {
    for name in [
        "a.exe",
        "a.EXE",
        "a.pdf.exe",
        "a.exe ",
        "a.exe.",
        "x\u{202e}fdp.exe",
        "a.desktop",
        "a.app",
        "a.docm",
        "a.lnk",
    ] {
        assert!(is_program(name), "{name:?}");
    }
    for name in ["a.pdf", "exe", "a.txt", "a.tar.gz", "photo.jpeg", "a."] {
        assert!(!is_program(name), "{name:?}");
    }
}

proptest! {
    #[test]
    fn any_name_becomes_harmless_and_stays_as_it_is_then(name in "\\PC{0,40}|(.|\\.|/|\\\\| |:|\u{202e}|\n){0,40}|\\PC{200,400}") {
        let safe = safe_name(&name);
        prop_assert!(is_harmless(&safe), "{:?}", safe);
        prop_assert_eq!(safe_name(&safe), safe);
    }

    #[test]
    fn whatever_is_listed_stays_below_the_folder_and_apart(
        paths in prop::collection::vec((prop::collection::vec("[aA.é /\\\\]{0,3}", 1..4), any::<bool>()), 0..30)
    ) {
        let entries: Vec<_> = paths.into_iter().map(|(path, file)| FileEntry { path, bytes: file.then_some(1), modified: None }).collect();
        if let Ok(safe) = safe_paths(&entries) {
            let mut files = BTreeSet::new();
            for (path, entry) in safe.iter().zip(&entries) {
                prop_assert!(path.iter().all(|name| is_harmless(name)), "{:?}", path);
                let key: Vec<String> = path.iter().map(|name| folded(name)).collect();
                if entry.bytes.is_some() {
                    prop_assert!(files.insert(key), "{:?} twice", path);
                }
            }
            for path in &safe {
                for depth in 1..path.len() {
                    let above: Vec<String> = path[..depth].iter().map(|name| folded(name)).collect();
                    prop_assert!(!files.contains(&above), "{:?} is below a file", path);
                }
            }
        }
    }
}
