//! How the webview draws, decided before it is there (Linux).
//!
//! WebKitGTK draws through OpenGL even where that is emulated; without, 2D drawing is four times cheaper on a machine
//! without a graphics card. It has to be told before its first page: told later, it draws in software but takes the
//! mouse wheel no more. Only its environment tells it early enough, and a program cannot change its own environment safely
//! once it has threads: so the program starts itself anew, in the same process, with the variable set.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// What WebKitGTK reads. Whoever sets it to anything has decided.
const VARIABLE: &str = "WEBKIT_DISABLE_COMPOSITING_MODE";

/// Whether pictures can be drawn by a graphics card.
pub(crate) fn has_graphics_card() -> bool {
    Path::new("/dev/dri").exists()
}

/// Starts the program anew where its environment is not as it must be; returns if there is nothing to change, or with
/// what went wrong.
pub(crate) fn choose() -> Result<(), io::Error> {
    if has_graphics_card() || std::env::var_os(VARIABLE).is_some() {
        return Ok(());
    }
    let mut arguments = std::env::args_os();
    let name = arguments.next();
    let mut again = Command::new(std::env::current_exe()?);
    if let Some(name) = name {
        again.arg0(name);
    }
    Err(again.args(arguments).env(VARIABLE, "1").exec())
}
