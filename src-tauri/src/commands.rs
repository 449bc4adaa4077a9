//! The window's commands. Each hands over and returns; what they mean is the engine's or the desktop's.

use serde::Serialize;
use tauri::ipc::Channel;
use tauri::{State, WebviewWindow};
use tincan_engine::api::{BoardCommand, Command, CommandError, NumberedEvent, Reply, Snapshot};

use crate::frame_socket::FrameSocket;
use crate::links::PendingLink;
use crate::outside::Address;
use crate::pictures::{Layout, Pictures};
use crate::shell::{Shell, refusal};

#[tauri::command]
pub(crate) async fn dispatch(shell: State<'_, Shell>, command: Command) -> Result<Reply, CommandError> {
    shell.dispatch(of_the_page(command)?).await
}

/// Paths come from the person's own dialogs, drops and pastes: the page names none.
fn of_the_page(command: Command) -> Result<Command, CommandError> {
    match command {
        Command::OfferFiles { .. }
        | Command::AcceptFiles { folder: Some(_), .. }
        | Command::AcceptFiles { file: Some(_), .. }
        | Command::LocateFiles { .. }
        | Command::LocateRecording
        | Command::StartRecording { file: Some(_), .. }
        | Command::Board { command: BoardCommand::Save { file: Some(_), .. } }
        | Command::SaveChat { file: Some(_), .. }
        | Command::SaveReport { file: Some(_), .. } => {
            Err(refusal("path_refused", "The page names no files. This is a mistake in Tincan."))
        }
        command => Ok(command),
    }
}

#[tauri::command]
pub(crate) async fn subscribe(
    shell: State<'_, Shell>,
    channel: Channel<NumberedEvent>,
) -> Result<Snapshot, CommandError> {
    shell.subscribe(channel).await
}

/// Where the window fetches pictures.
#[derive(Serialize)]
pub(crate) struct FrameSocketAddress {
    url: String,
}

#[tauri::command]
pub(crate) fn frame_socket(socket: State<'_, FrameSocket>) -> FrameSocketAddress {
    FrameSocketAddress { url: socket.url().to_owned() }
}

/// Whether the window draws pictures itself, where the page says.
#[tauri::command]
pub(crate) fn draws_pictures(pictures: State<'_, Pictures>) -> bool {
    pictures.native()
}

/// Where the page's pictures are, and what lies over them. On the main thread, in the order in which they are said.
#[tauri::command]
pub(crate) fn lay_out_pictures(pictures: State<'_, Pictures>, layout: Layout) {
    pictures.lay_out(layout);
}

#[tauri::command]
pub(crate) fn take_link(pending: State<'_, PendingLink>) -> Option<String> {
    pending.take()
}

/// Titles are a line in a task bar; a page that says more is cut.
const MAX_TITLE: usize = 120;

/// What the task bar calls the window.
#[tauri::command]
pub(crate) fn set_title(window: WebviewWindow, title: String) {
    let title: String = title.chars().filter(|c| !c.is_control()).take(MAX_TITLE).collect();
    if let Err(error) = window.set_title(&title) {
        tracing::debug!(%error, "the window keeps its title");
    }
}

/// The person was asked and wants to close the window, and with it the call.
#[tauri::command]
pub(crate) fn close_window(window: WebviewWindow) {
    if let Err(error) = window.destroy() {
        tracing::warn!(%error, "the window could not be closed");
    }
}

/// Opens an address of the chat in the person's browser or mail program, after they saw it and pressed.
#[tauri::command]
pub(crate) async fn open_address(address: String) -> Result<(), CommandError> {
    Address::parse(&address)?.open().await
}

#[cfg(test)]
mod tests {
    use tincan_engine::api::ReportWords;

    use super::*;

    #[test]
    fn the_page_names_no_path_and_hears_none() {
        let path = || Some("/etc/passwd".to_owned());
        let accept = |folder, file| of_the_page(Command::AcceptFiles { offer: String::new(), folder, file });
        assert!(accept(None, None).is_ok());
        assert!(of_the_page(Command::StartRecording { file: None, utc_offset: 0 }).is_ok());
        assert!(of_the_page(Command::SaveChat { file: None, replace: false, utc_offset: 0 }).is_ok());
        for refused in [
            accept(path(), None),
            accept(None, path()),
            of_the_page(Command::SaveChat { file: path(), replace: true, utc_offset: 0 }),
            of_the_page(Command::SaveReport {
                file: path(),
                replace: true,
                utc_offset: 0,
                words: ReportWords::default(),
            }),
            of_the_page(Command::OfferFiles { paths: Vec::new(), to: None }),
            of_the_page(Command::LocateFiles { offer: String::new() }),
            of_the_page(Command::LocateRecording),
            of_the_page(Command::StartRecording { file: path(), utc_offset: 0 }),
        ] {
            assert_eq!(refused.unwrap_err().code, "path_refused");
        }
    }
}
