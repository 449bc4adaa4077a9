//! The window's commands about files. Whatever names a path is made here, of what the person chose, dropped or pasted.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use tauri::ipc::{InvokeBody, Request};
use tauri::{AppHandle, DragDropEvent, Emitter, Manager, State, WebviewWindow};
use tincan_engine::api::{Command, CommandError, Reply, ReportWords};
use tokio::task::spawn_blocking;

use crate::clipboard::{self, Pasted};
use crate::dialogs::{Dialogs, Title};
use crate::outgoing::{Outgoing, OutgoingFile, Taken};
use crate::outside;
use crate::shell::{Shell, refusal};
use crate::window;

/// As long as names of files are on most systems.
const MAX_NAME: usize = 200;

/// Lets the person choose files, or folders.
#[tauri::command]
pub(crate) async fn choose_files(
    window: WebviewWindow,
    dialogs: State<'_, Dialogs>,
    outgoing: State<'_, Arc<Outgoing>>,
    folders: bool,
) -> Result<Taken, CommandError> {
    let paths = if folders { dialogs.folders(&window).await? } else { dialogs.files(&window).await? };
    take(&outgoing, paths).await
}

/// Takes a picture that was pasted into the page: its bytes are the whole request.
#[tauri::command]
pub(crate) async fn paste_picture(
    request: Request<'_>,
    outgoing: State<'_, Arc<Outgoing>>,
) -> Result<OutgoingFile, CommandError> {
    let InvokeBody::Raw(picture) = request.body() else { return Err(internal()) };
    keep(&outgoing, picture.clone()).await
}

/// Takes what is on the clipboard, where the page sees nothing of it.
#[tauri::command]
pub(crate) async fn paste_clipboard(
    app: AppHandle,
    outgoing: State<'_, Arc<Outgoing>>,
) -> Result<Taken, CommandError> {
    match clipboard::read(&app).await {
        Pasted::Files(paths) => take(&outgoing, paths).await,
        Pasted::Picture(picture) => keep(&outgoing, picture).await.map(Taken::one),
        Pasted::Nothing => Ok(Taken::default()),
    }
}

/// Puts files away that are not sent.
#[tauri::command]
pub(crate) async fn discard_files(
    outgoing: State<'_, Arc<Outgoing>>,
    ids: Vec<u64>,
) -> Result<(), CommandError> {
    let outgoing = Arc::clone(&outgoing);
    spawn_blocking(move || outgoing.discard(&ids)).await.map_err(|_| internal())
}

/// Offers what was taken, together. What is refused can be offered again.
#[tauri::command]
pub(crate) async fn offer_files(
    shell: State<'_, Shell>,
    outgoing: State<'_, Arc<Outgoing>>,
    ids: Vec<u64>,
    to: Option<String>,
) -> Result<Reply, CommandError> {
    let files = outgoing.hand_out(&ids);
    if files.is_empty() {
        return Err(refusal("no_files", "These files are not here any more. Choose them again."));
    }
    let paths = files.iter().map(|(_, path)| path.to_string_lossy().into_owned()).collect();
    let result = shell.dispatch(Command::OfferFiles { paths, to }).await;
    match &result {
        Ok(Reply::Offered { offer }) => outgoing.offered(offer, files),
        Ok(_) => {}
        Err(_) => outgoing.take_back(files),
    }
    result
}

/// Takes an offer, to where the person chooses. Returns whether they did.
#[tauri::command]
pub(crate) async fn accept_files_as(
    window: WebviewWindow,
    shell: State<'_, Shell>,
    dialogs: State<'_, Dialogs>,
    offer: String,
    single: Option<String>,
) -> Result<bool, CommandError> {
    let downloads = window.path().download_dir().ok();
    let chosen = match &single {
        Some(name) => {
            dialogs.new_file(&window, Title::SaveAs, downloads.as_deref(), &plain_name(name)).await?
        }
        None => dialogs.folder(&window, downloads.as_deref()).await?,
    };
    let Some(path) = chosen else { return Ok(false) };
    let path = Some(text_of(path)?);
    let (folder, file) = if single.is_some() { (None, path) } else { (path, None) };
    shell.dispatch(Command::AcceptFiles { offer, folder, file }).await.map(|_| true)
}

/// Shows a received file in its folder. It is never opened.
#[tauri::command]
pub(crate) async fn reveal_files(shell: State<'_, Shell>, offer: String) -> Result<(), CommandError> {
    match shell.dispatch(Command::LocateFiles { offer }).await? {
        Reply::Saved { file } => outside::reveal(PathBuf::from(file)).await,
        _ => Err(internal()),
    }
}

/// Shows the recording that ended last in its folder.
#[tauri::command]
pub(crate) async fn reveal_recording(shell: State<'_, Shell>) -> Result<(), CommandError> {
    match shell.dispatch(Command::LocateRecording).await? {
        Reply::Saved { file } => outside::reveal(PathBuf::from(file)).await,
        _ => Err(internal()),
    }
}

/// Saves the chat where the person chooses. Returns where that was; `None`: they changed their mind.
#[tauri::command]
pub(crate) async fn save_chat(
    window: WebviewWindow,
    shell: State<'_, Shell>,
    dialogs: State<'_, Dialogs>,
    name: String,
    utc_offset: i32,
) -> Result<Option<String>, CommandError> {
    let downloads = window.path().download_dir().ok();
    let chosen = dialogs.new_file(&window, Title::Chat, downloads.as_deref(), &plain_name(&name)).await?;
    let Some(path) = chosen else { return Ok(None) };
    let file = Some(text_of(path)?);
    // Whoever chose a file that is there already was asked by the dialog.
    match shell.dispatch(Command::SaveChat { file, replace: true, utc_offset }).await? {
        Reply::Saved { file } => Ok(Some(file)),
        _ => Err(internal()),
    }
}

/// Saves how the call went where the person chooses, as [`save_chat`] does.
#[tauri::command]
pub(crate) async fn save_report(
    window: WebviewWindow,
    shell: State<'_, Shell>,
    dialogs: State<'_, Dialogs>,
    name: String,
    utc_offset: i32,
    words: ReportWords,
) -> Result<Option<String>, CommandError> {
    let downloads = window.path().download_dir().ok();
    let chosen = dialogs.new_file(&window, Title::Report, downloads.as_deref(), &plain_name(&name)).await?;
    let Some(path) = chosen else { return Ok(None) };
    let file = Some(text_of(path)?);
    match shell.dispatch(Command::SaveReport { file, replace: true, utc_offset, words }).await? {
        Reply::Saved { file } => Ok(Some(file)),
        _ => Err(internal()),
    }
}

/// What the page hears while files are dragged over the window.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Drag {
    Over { count: usize },
    Left,
    Dropped { taken: Taken },
}

/// Files are dragged over the window, or dropped on it.
pub(crate) fn dragged(app: &AppHandle, event: &DragDropEvent) {
    match event {
        DragDropEvent::Enter { paths, .. } => tell(app, &Drag::Over { count: paths.len() }),
        DragDropEvent::Leave => tell(app, &Drag::Left),
        DragDropEvent::Drop { paths, .. } => {
            let (app, paths) = (app.clone(), paths.clone());
            tauri::async_runtime::spawn(async move {
                let outgoing = Arc::clone(&app.state::<Arc<Outgoing>>());
                match take(&outgoing, paths).await {
                    Ok(taken) => tell(&app, &Drag::Dropped { taken }),
                    Err(_) => tell(&app, &Drag::Left),
                }
            });
        }
        _ => {}
    }
}

fn tell(app: &AppHandle, drag: &Drag) {
    if let Err(error) = app.emit_to(window::LABEL, "drag", drag) {
        tracing::warn!(%error, "the window was not told of dragged files");
    }
}

/// A disk that sleeps or is far away holds up nothing else.
async fn take(outgoing: &Arc<Outgoing>, paths: Vec<PathBuf>) -> Result<Taken, CommandError> {
    let outgoing = Arc::clone(outgoing);
    spawn_blocking(move || outgoing.take(paths)).await.map_err(|_| internal())
}

async fn keep(outgoing: &Arc<Outgoing>, picture: Vec<u8>) -> Result<OutgoingFile, CommandError> {
    let outgoing = Arc::clone(outgoing);
    spawn_blocking(move || outgoing.paste(&picture)).await.unwrap_or_else(|_| Err(internal()))
}

/// The engine's commands are text.
fn text_of(path: PathBuf) -> Result<String, CommandError> {
    path.into_os_string().into_string().map_err(|_| {
        refusal("place_unnamed", "This place has a name that Tincan cannot write. Choose another one.")
    })
}

/// A suggestion of the page for a file's name: it leads nowhere else.
fn plain_name(name: &str) -> String {
    let forbidden = |c: char| c.is_control() || matches!(c, '/' | '\\' | ':');
    let name: String = name.chars().filter(|c| !forbidden(*c)).take(MAX_NAME).collect();
    let name = name.trim_start_matches(['.', ' ']);
    if name.is_empty() { "File".to_owned() } else { name.to_owned() }
}

fn internal() -> CommandError {
    refusal("internal", "Tincan did not do that. Try again.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suggested_name_leads_nowhere_else() {
        for (name, plain) in [
            ("valve.pdf", "valve.pdf"),
            ("../../.ssh/authorized_keys", "sshauthorized_keys"),
            ("C:\\Windows\\x", "CWindowsx"),
            (" .bashrc", "bashrc"),
            ("a\nb", "ab"),
            ("..", "File"),
        ] {
            assert_eq!(plain_name(name), plain);
        }
        assert_eq!(plain_name(&"é".repeat(500)).chars().count(), MAX_NAME);
    }
}
