//! The system's own dialogs for files. What was chosen stays here: the page hears names, never paths.

use std::path::{Path, PathBuf};

use tauri::{Manager, WebviewWindow, Wry};
use tauri_plugin_dialog::{DialogExt, FileDialogBuilder, FilePath};
use tincan_engine::api::{CommandError, Sentence};
use tokio::sync::{Mutex, oneshot};

use crate::shell::refusal;
use crate::words;

/// What a dialog is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Title {
    Files,
    Folders,
    Folder,
    SaveAs,
    Chat,
    Report,
}

impl Title {
    fn sentence(self) -> Sentence {
        match self {
            Self::Files => Sentence::new("choose_files", "Choose files to send"),
            Self::Folders => Sentence::new("choose_folders", "Choose folders to send"),
            Self::Folder => Sentence::new("choose_folder", "Choose where to put it"),
            Self::SaveAs => Sentence::new("save_as", "Save as"),
            Self::Chat => Sentence::new("save_chat", "Save chat"),
            Self::Report => Sentence::new("save_report", "Save report"),
        }
    }
}

/// One dialog at a time: a second press finds the first one open.
#[derive(Default)]
pub(crate) struct Dialogs(Mutex<()>);

impl Dialogs {
    /// Files to send; none when the person changed their mind.
    pub(crate) async fn files(&self, window: &WebviewWindow) -> Result<Vec<PathBuf>, CommandError> {
        let dialog = dialog(window, Title::Files).await;
        self.ask(|answer| dialog.pick_files(answer)).await.map(paths)
    }

    /// Folders to send.
    pub(crate) async fn folders(&self, window: &WebviewWindow) -> Result<Vec<PathBuf>, CommandError> {
        let dialog = dialog(window, Title::Folders).await;
        self.ask(|answer| dialog.pick_folders(answer)).await.map(paths)
    }

    /// A folder for what is received.
    pub(crate) async fn folder(
        &self,
        window: &WebviewWindow,
        first: Option<&Path>,
    ) -> Result<Option<PathBuf>, CommandError> {
        let dialog = beginning(dialog(window, Title::Folder).await, first);
        self.ask(|answer| dialog.pick_folder(answer)).await.map(path)
    }

    /// A name for a file that is written. Whoever chose one that exists was asked whether it may be replaced.
    pub(crate) async fn new_file(
        &self,
        window: &WebviewWindow,
        title: Title,
        first: Option<&Path>,
        name: &str,
    ) -> Result<Option<PathBuf>, CommandError> {
        let dialog = beginning(dialog(window, title).await.set_file_name(name), first);
        self.ask(|answer| dialog.save_file(answer)).await.map(path)
    }

    async fn ask<T: Send + 'static>(
        &self,
        open: impl FnOnce(Box<dyn FnOnce(Option<T>) + Send>),
    ) -> Result<Option<T>, CommandError> {
        let open_already = || refusal("dialog_open", "A dialog is open already. Answer it first.");
        let _one = self.0.try_lock().map_err(|_| open_already())?;
        let (answer, answered) = oneshot::channel();
        open(Box::new(move |chosen| drop(answer.send(chosen))));
        // A dialog that could not be opened is answered by nobody; neither is one when the program closes.
        Ok(answered.await.ok().flatten())
    }
}

async fn dialog(window: &WebviewWindow, title: Title) -> FileDialogBuilder<Wry> {
    let title = words::say(window.app_handle(), &[title.sentence()]).await;
    window.dialog().file().set_parent(window).set_title(title)
}

fn beginning(dialog: FileDialogBuilder<Wry>, folder: Option<&Path>) -> FileDialogBuilder<Wry> {
    match folder {
        Some(folder) => dialog.set_directory(folder),
        None => dialog,
    }
}

fn path(chosen: Option<FilePath>) -> Option<PathBuf> {
    chosen?.into_path().ok()
}

fn paths(chosen: Option<Vec<FilePath>>) -> Vec<PathBuf> {
    chosen.into_iter().flatten().filter_map(|chosen| chosen.into_path().ok()).collect()
}
