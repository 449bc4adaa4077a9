//! Names that others give to files: what of them is taken over, so that none of them leaves the folder, replaces something,
//! hides or deceives, on any of the three systems. The rules are the same everywhere, since folders travel on.

use std::collections::BTreeMap;

use sanitise_file_name::{Options, sanitise_with_options};
use thiserror::Error;
use tincan_protocol::{FileEntry, message_text};

/// Bytes of a name: file systems take 255, and a number and `.part` come behind it.
const MAX_NAME: usize = 220;
/// What a file is called of whose name nothing is left.
const NAMELESS: &str = "file";
/// Ending of a file that is not complete.
pub const PART: &str = ".part";
/// Ending of what is remembered beside it.
pub const PART_NOTES: &str = ".part-tincan";

/// A path that nobody has who means well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a name leads out of its folder")]
pub struct HostilePath;

/// One name as it may stand in a folder of ours.
///
/// - NFC, one line, nothing invisible and nothing that turns the direction of text (`message_text`);
/// - no character that a system refuses or takes for a separator, no device's name (`CON`, `lpt1.txt`), no dot or blank at
///   either end: nothing is hidden, and Windows cuts nothing off;
/// - not `desktop.ini`, `autorun.inf` and the like, which systems obey by their name;
/// - at most 220 bytes, and the ending stays when the rest is cut.
pub fn safe_name(name: &str) -> String {
    let mut name = name.to_owned();
    // What one step leaves out may make work for another.
    for _ in 0..4 {
        let next = cleaned(&name);
        if next == name {
            break;
        }
        name = next;
    }
    if name.is_empty() || name.chars().all(|c| c == '_') { NAMELESS.into() } else { name }
}

fn cleaned(name: &str) -> String {
    let line: String =
        name.chars().take(2 * MAX_NAME).map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    let options = Options {
        length_limit: MAX_NAME,
        trim_more_punctuation: false,
        six_measures_of_barley: "",
        ..Options::DEFAULT
    };
    // Before, since an ending that is empty is none; and after, since what is replaced may have stood before a dot.
    let ends = ['.', ' '];
    let name = sanitise_with_options(message_text(&line).trim_matches(ends), &options);
    let name = name.trim_matches(ends).to_owned();
    if is_device(&name) {
        // It is one up to the first dot, whatever follows.
        let (device, rest) = name.split_at(name.find('.').unwrap_or(name.len()));
        return format!("{}_{rest}", device.trim_end());
    }
    if name.to_lowercase().ends_with(PART_NOTES) {
        return name + "_";
    }
    if is_obeyed(&name) {
        let (stem, ending) = split(&name);
        return format!("{stem}_{ending}");
    }
    name
}

/// What Windows takes for a device.
fn is_device(name: &str) -> bool {
    let name = name.to_lowercase();
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    let digits = ["com", "lpt"].iter().find_map(|port| stem.strip_prefix(port));
    let port = digits.is_some_and(|rest| {
        let mut rest = rest.chars();
        // The superscripts count as digits.
        let digit = |c: char| c.is_ascii_digit() || matches!(c, '\u{b9}' | '\u{b2}' | '\u{b3}');
        rest.next().is_some_and(digit) && rest.next().is_none()
    });
    port || ["con", "prn", "aux", "nul", "conin$", "conout$", "clock$"].contains(&stem)
}

/// What systems obey by its name.
fn is_obeyed(name: &str) -> bool {
    const OBEYED: [&str; 6] =
        ["desktop.ini", "autorun.inf", "thumbs.db", "folder.htt", "ntuser.dat", "pagefile.sys"];
    OBEYED.contains(&name.to_lowercase().as_str())
}

/// A name before its ending, and the ending with its dot.
fn split(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 => name.split_at(dot),
        _ => (name, ""),
    }
}

/// A name with a number: `picture (2).jpg`.
pub fn numbered(name: &str, number: u32) -> String {
    let (stem, ending) = split(name);
    format!("{stem} ({number}){ending}")
}

/// What is the same name to a system that does not tell cases apart.
pub(super) fn folded(name: &str) -> String {
    // Twice, since capitals of some letters have two small ones.
    name.to_lowercase().to_uppercase().to_lowercase()
}

/// Where the entries of an offer go, as paths of safe names below one folder. No two are the same, in any case and form of
/// their letters, and none is a folder that another is a file by.
///
/// # Errors
/// [`HostilePath`] for what leads elsewhere: `..`, a root, a separator within a name.
pub fn safe_paths(entries: &[FileEntry]) -> Result<Vec<Vec<String>>, HostilePath> {
    let mut tree = Tree::default();
    entries.iter().map(|entry| tree.place(entry)).collect()
}

#[derive(Default)]
struct Tree {
    /// Which folder stands for a name within another folder (0 is the top).
    folders: BTreeMap<(usize, String), usize>,
    /// What each folder is called here: all names down to it.
    paths: Vec<Vec<String>>,
    /// How often each name was wanted: whoever lists the same one a hundred thousand times makes nobody count so often.
    taken: BTreeMap<(usize, String), u32>,
}

impl Tree {
    fn place(&mut self, entry: &FileEntry) -> Result<Vec<String>, HostilePath> {
        if entry.path.iter().any(|name| leads_out(name)) {
            return Err(HostilePath);
        }
        if self.paths.is_empty() {
            self.paths.push(Vec::new());
        }
        let Some((name, folders)) = entry.path.split_last() else { return Err(HostilePath) };
        let mut folder = 0;
        for name in folders {
            folder = self.folder(folder, name);
        }
        if entry.bytes.is_none() {
            let folder = self.folder(folder, name);
            return Ok(self.paths[folder].clone());
        }
        let name = self.free(folder, name);
        Ok([self.paths[folder].as_slice(), &[name]].concat())
    }

    fn folder(&mut self, within: usize, name: &str) -> usize {
        if let Some(folder) = self.folders.get(&(within, name.to_owned())) {
            return *folder;
        }
        let safe = self.free(within, name);
        self.paths.push([self.paths[within].as_slice(), &[safe]].concat());
        let folder = self.paths.len() - 1;
        self.folders.insert((within, name.to_owned()), folder);
        folder
    }

    /// A name that nothing has in this folder.
    fn free(&mut self, within: usize, name: &str) -> String {
        let safe = safe_name(name);
        let wanted = (within, folded(&safe));
        let mut number = self.taken.get(&wanted).map_or(1, |last| last + 1);
        let mut candidate = if number == 1 { safe.clone() } else { numbered(&safe, number) };
        while number > 1 && self.taken.contains_key(&(within, folded(&candidate))) {
            number += 1;
            candidate = numbered(&safe, number);
        }
        self.taken.insert((within, folded(&candidate)), 1);
        self.taken.insert(wanted, number);
        candidate
    }
}

fn leads_out(name: &str) -> bool {
    name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0'])
}

/// Whether opening a file of this name may run what is in it, on any of the three systems.
pub fn is_program(name: &str) -> bool {
    const ENDINGS: &str = " \
        exe com bat cmd msi msp mst ps1 psm1 psd1 ps1xml vb vbs vbe js jse mjs ws wsf wsh wsc hta scr pif cpl lnk url reg jar \
        scf inf msc gadget application appref-ms appx appxbundle msix msixbundle appinstaller chm hlp iso img vhd vhdx dll ocx \
        sys drv xll settingcontent-ms library-ms search-ms searchconnector-ms theme themepack diagcab website mcf job shb shs \
        app command tool workflow dmg pkg mpkg scpt scptd applescript terminal fileloc inetloc webloc action prefpane \
        mobileconfig kext dylib bundle plugin saver \
        sh bash zsh csh ksh fish desktop run bin elf out appimage deb rpm snap flatpakref flatpak so ko service timer py pyw pyz \
        pl rb lua php tcl awk gem whl \
        docm dotm xlsm xltm xlam xla pptm potm ppam ppsm sldm slk iqy one ade adp mdb accde xbap jnlp air apk ipa ";
    let name = safe_name(name).to_lowercase();
    let (_, ending) = split(&name);
    let ending = ending.trim_start_matches('.');
    !ending.is_empty() && ENDINGS.split(' ').any(|one| one == ending)
}

#[cfg(test)]
#[path = "names_tests.rs"]
mod tests;
