//! Files and pictures on the system's clipboard, which the page cannot read or should not: whoever copied files in their
//! file manager pastes them into the call.

use std::path::PathBuf;

use tauri::AppHandle;

/// What can be sent of what is on the clipboard.
pub(crate) enum Pasted {
    Files(Vec<PathBuf>),
    Picture(Vec<u8>),
    Nothing,
}

/// Looks at the clipboard.
#[cfg(target_os = "linux")]
pub(crate) async fn read(app: &AppHandle) -> Pasted {
    use gtk::gdk::{Atom, SELECTION_CLIPBOARD};
    use gtk::{Clipboard, glib};
    use tokio::sync::oneshot;

    let (answer, pasted) = oneshot::channel();
    // GTK is used on its own thread only. Whoever owns the clipboard may take their time, so nothing waits there.
    let asked = app.run_on_main_thread(move || {
        Clipboard::get(&SELECTION_CLIPBOARD).request_uris(move |clipboard, uris| {
            let files: Vec<_> = uris.iter().filter_map(|uri| glib::filename_from_uri(uri).ok()).collect();
            if !files.is_empty() {
                let paths = files.into_iter().map(|(path, _host)| path).collect();
                return drop(answer.send(Pasted::Files(paths)));
            }
            clipboard.request_contents(&Atom::intern("image/png"), move |_, picture| {
                let picture = picture.data();
                let pasted = if picture.is_empty() { Pasted::Nothing } else { Pasted::Picture(picture) };
                drop(answer.send(pasted));
            });
        });
    });
    match asked {
        Ok(()) => pasted.await.unwrap_or(Pasted::Nothing),
        Err(_) => Pasted::Nothing,
    }
}

/// The other systems' webviews hand pictures to the page, and files there are dropped or chosen.
#[cfg(not(target_os = "linux"))]
pub(crate) async fn read(_app: &AppHandle) -> Pasted {
    Pasted::Nothing
}
