//! The window's commands. Each hands over and returns; what they mean is the engine's or the desktop's.

use serde::Serialize;
use tauri::ipc::Channel;
use tauri::{State, WebviewWindow};
use tincan_engine::api::{Command, CommandError, NumberedEvent, Reply, Snapshot};

use crate::frame_socket::FrameSocket;
use crate::links::PendingLink;
use crate::shell::Shell;

#[tauri::command]
pub(crate) async fn dispatch(shell: State<'_, Shell>, command: Command) -> Result<Reply, CommandError> {
    shell.dispatch(command).await
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
