//! The recording of a call: whose sound and pictures go into it, and what a person is told of it.

use std::sync::Arc;

use tincan_protocol::PeerId;

use super::CallTask;
use crate::api::{Notice, NoticeKind, Sentence};
use crate::record::{Recorder, Tape};

/// A recording, and who is recorded: the first other participant. When they leave, the next one who comes goes on in the
/// same file. Somebody whose program crashed comes back as another, and nothing proves who they are; with two people in
/// the call it is who they were.
pub(super) struct Recording {
    pub(super) recorder: Arc<Recorder>,
    pub(super) of: Option<PeerId>,
}

impl CallTask {
    /// The first participant is recorded, when that was asked for.
    pub(super) async fn tape(&mut self, peer: PeerId) -> Option<Tape> {
        if let Some(Recording { recorder, of }) = &mut self.recording {
            let again = of.is_none();
            if *of.get_or_insert(peer) != peer {
                return None;
            }
            let tape = recorder.tape(self.config.clock);
            if again {
                let message = "Somebody came again and is recorded on in the same file.";
                self.engine.tell(notice(NoticeKind::Info, "recorded_on", message.into())).await;
            }
            return Some(tape);
        }
        let path = self.config.record.take()?;
        match Recorder::create(&path) {
            Ok(recorder) => {
                let recorder = Arc::new(recorder);
                let tape = recorder.tape(self.config.clock);
                self.recording = Some(Recording { recorder, of: Some(peer) });
                Some(tape)
            }
            Err(error) => {
                self.engine.tell(Notice::new(NoticeKind::Error, error.sentence())).await;
                None
            }
        }
    }
}

/// Ends the file, when every connection is closed and nobody else holds it, and says what became of it.
pub(super) async fn recorded(recorder: Arc<Recorder>) -> Option<Notice> {
    let recorder = Arc::into_inner(recorder)?;
    Some(match tokio::task::spawn_blocking(move || recorder.finish()).await.ok()? {
        Ok(done) => Notice::new(NoticeKind::Info, done.sentence()),
        Err(error) => Notice::new(NoticeKind::Error, error.sentence()),
    })
}

pub(super) fn notice(kind: NoticeKind, code: &str, message: String) -> Notice {
    Notice::new(kind, Sentence::new(code, message))
}
