//! Recordings, as far as they are not the call's: where they go.

use std::path::PathBuf;

use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use super::{Answer, Done, EngineTask, error};
use crate::api::{CallPhase, CallView, CommandError, Event, Notice, NoticeKind, Reply};
use crate::call::{CallCommand, unix_millis};
use crate::record::{NewFile, Place, RecordError};

impl EngineTask {
    /// Makes a file and has the call recorded into it. A disk may take its time for that, and nobody waits for it.
    pub(super) fn start_recording(&mut self, file: Option<PathBuf>, utc_offset: i32, answer: Answer) {
        let Some(running) = &self.call else {
            let no_call = error("no_call", "You are not in a call. Start one or join one first.");
            return drop(answer.send(Err(no_call)));
        };
        if self.publisher.snapshot().call.as_ref().is_some_and(|call| call.recording.is_some()) {
            return drop(answer.send(Ok(Reply::Done)));
        }
        let place = match (file, &self.config.recordings) {
            (Some(file), _) => Place::File(file),
            (None, Some(folder)) => Place::In { folder: folder.clone(), now: unix_millis(), utc_offset },
            (None, None) => {
                let nowhere = error("record_no_folder", "Say where to record to: the name of a new file.");
                return drop(answer.send(Err(nowhere)));
            }
        };
        let number = running.number;
        self.work.spawn(async move {
            let made = spawn_blocking(move || NewFile::create(&place)).await;
            let made = made.unwrap_or_else(|error| Err(RecordError::Write(std::io::Error::other(error))));
            Done::Recording(number, made, answer)
        });
    }

    /// There is a file now, or none can be made.
    pub(super) fn record(&mut self, call: u64, file: Result<NewFile, RecordError>, answer: Answer) {
        match (file, self.call.as_ref().filter(|running| running.number == call)) {
            (Ok(file), Some(running)) => running.handle.send(CallCommand::Record(file, answer)),
            (Ok(file), None) => {
                file.discard();
                drop(
                    answer.send(Err(error("no_call", "You are not in a call. Start one or join one first."))),
                );
            }
            (Err(error), _) => drop(answer.send(Err(error.into()))),
        }
    }

    /// A command line asked for a recording: it begins when somebody is there.
    pub(super) fn record_as_asked(&mut self, call: &CallView) {
        if call.phase != CallPhase::Connected {
            return;
        }
        let Some(file) = self.call.as_mut().and_then(|running| running.record.take()) else { return };
        let (answer, result) = oneshot::channel();
        self.start_recording(Some(file), 0, answer);
        self.work.spawn(async move {
            match result.await {
                Ok(Err(error)) => Done::NotRecorded(error),
                _ => Done::Nothing,
            }
        });
    }

    /// Tells a person who was not there to be answered.
    pub(super) fn not_recorded(&mut self, error: CommandError) {
        let notice = Notice::new(NoticeKind::Error, error.0);
        self.publisher.publish(Event::Notice { notice });
    }

    pub(super) fn locate_recording(&self) -> Result<Reply, CommandError> {
        let none = || error("no_recording", "Nothing was recorded since Tincan was started.");
        let path = self.recorded.as_ref().ok_or_else(none)?;
        Ok(Reply::Saved { file: path.display().to_string() })
    }
}
