//! The window's four commands. Each hands over and returns; what they mean is the engine's.

use serde::Serialize;
use tauri::State;
use tauri::ipc::Channel;
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
