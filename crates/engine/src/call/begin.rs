//! How a call begins: a place in the room, and a task for as long as it is kept.

use tincan_protocol::RoomCode;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::route::{self, Joined};
use super::task::CallTask;
use super::{CallCommand, CallConfig, CallEnd, CallUpdate, FromCall};
use crate::api::{CommandError, Notice};

/// Joins, runs until `cancel` or the end, and leaves.
pub(crate) async fn run(
    mut config: CallConfig,
    inbox: mpsc::Receiver<CallCommand>,
    updates: mpsc::Sender<FromCall>,
    answer: oneshot::Sender<Result<RoomCode, CommandError>>,
    cancel: CancellationToken,
) {
    let engine = Updates { number: config.number, sender: updates };
    let joining = join(&mut config);
    let joined = tokio::select! {
        () = cancel.cancelled() => Err(CommandError::new("cancelled", "You left before the call began.")),
        joined = joining => joined,
    };
    match joined {
        Ok(mut joined) => {
            if let Some(room) = joined.hosted.take() {
                engine.send(CallUpdate::Hosted { code: config.code.clone(), room }).await;
            }
            let code = config.code.clone();
            let mut task = CallTask::new(config, joined, inbox, engine);
            let _ = answer.send(Ok(code));
            let reason = task.drive(&cancel).await;
            task.finish(reason).await;
        }
        Err(error) => {
            let end = CallEnd {
                code: config.code,
                spoken: None,
                test: config.test,
                joined: false,
                somebody_came: false,
                reason: Some(error.0.clone()),
                names: Vec::new(),
                seconds: 0,
                quality: None,
                invite_link: String::new(),
                server: None,
            };
            let _ = answer.send(Err(error));
            engine.send(CallUpdate::Ended(end)).await;
        }
    }
}

/// Takes a place in the room. When a call that was in another room is to be called again, and somebody is still there, it
/// is that room.
async fn join(config: &mut CallConfig) -> Result<Joined, CommandError> {
    if let Some((spoken, route)) = config.earlier.take() {
        match route::join(&spoken, &route, &config.identity).await {
            Ok(joined) => {
                config.again = Some(std::mem::replace(&mut config.code, spoken));
                return Ok(joined);
            }
            Err(error) if error.code == "room_not_found" => {}
            Err(error) => return Err(error),
        }
    }
    route::join(&config.code, &config.route, &config.identity).await
}

/// The way to the engine.
pub(super) struct Updates {
    number: u64,
    sender: mpsc::Sender<FromCall>,
}

impl Updates {
    pub(super) async fn send(&self, update: CallUpdate) {
        if self.sender.send(FromCall { number: self.number, update }).await.is_err() {
            debug!("the engine is gone");
        }
    }

    pub(super) async fn tell(&self, notice: Notice) {
        self.send(CallUpdate::Notice(notice)).await;
    }
}
