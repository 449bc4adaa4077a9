//! The recording of a call: who is in its picture, that the others know of it, and what a person is told of it.

use std::sync::Arc;
use std::time::Instant;

use tincan_call::Input;
use tincan_protocol::{PeerId, Source};

use super::super::begin::Updates;
use super::super::{CallUpdate, view};
use super::CallTask;
use crate::api::{self, CommandError, ConnectionView, Notice, NoticeKind, Reply};
use crate::media::AudioCommand;
use crate::record::{Cast, Layout, NewFile, OWN_SCREEN, Recorder, SELF_VIEW};

/// The recording that runs, if one does.
#[derive(Default)]
pub(super) struct Recording {
    runs: Option<Runs>,
    /// Those whose files are still written.
    pub(super) ending: Vec<Recorder>,
}

struct Runs {
    recorder: Recorder,
    cast: Cast,
}

impl CallTask {
    /// Records the call into this file from now on, and tells the others.
    pub(super) async fn record(&mut self, to: NewFile) -> Result<Reply, CommandError> {
        if self.recording.runs.is_some() {
            // It was asked for twice.
            to.discard();
            return Ok(Reply::Done);
        }
        let cast = self.cast();
        let tap = Arc::clone(&self.config.tap);
        let recorder = Recorder::start(to, Arc::clone(&tap), self.config.clock, cast.clone())?;
        self.config.media.audio.send(AudioCommand::Record(Some(tap)));
        self.recording.runs = Some(Runs { recorder, cast });
        self.view.recording = Some(view::unix_millis());
        self.session.handle(Instant::now(), Input::SetRecording(true));
        self.carry_out().await;
        self.publish().await;
        Ok(Reply::Done)
    }

    /// Records nothing more; the file is ended in its own time. The session is still to be asked what it has to say.
    pub(super) fn stop_recording(&mut self) {
        let Some(Runs { mut recorder, .. }) = self.recording.runs.take() else { return };
        recorder.stop();
        self.recording.ending.push(recorder);
        self.config.media.audio.send(AudioCommand::Record(None));
        self.view.recording = None;
        self.session.handle(Instant::now(), Input::SetRecording(false));
    }

    /// Looks who is in the picture now, and whether a file is ended.
    pub(super) async fn look_at_recording(&mut self) {
        if self.recording.runs.as_ref().is_some_and(|runs| runs.recorder.is_ended()) {
            // The disk is full, or does not take it.
            self.stop_recording();
            self.carry_out().await;
            self.publish().await;
        }
        let cast = self.cast();
        if let Some(runs) = self.recording.runs.as_mut().filter(|runs| runs.cast != cast) {
            self.config.tap.cast(cast.clone());
            runs.cast = cast;
        }
        for recorder in self.recording.ending.extract_if(.., |recorder| recorder.is_ended()) {
            ended(&self.engine, recorder).await;
        }
    }

    /// On how many lines somebody's face is seen in the recording; `None` without one.
    pub(super) fn recorded_lines(&self, stream: u32) -> Option<u16> {
        let cast = &self.recording.runs.as_ref()?.cast;
        let lines = Layout::lines(cast.people.len(), cast.screen.is_some());
        cast.people.contains(&stream).then_some(lines)
    }

    /// Whether what somebody shares is recorded.
    pub(super) fn records_screen(&self, stream: u32) -> bool {
        self.recording.runs.as_ref().is_some_and(|runs| runs.cast.screen == Some(stream))
    }

    /// Everybody who is connected, and we while our camera is on; and what was shared last.
    fn cast(&self) -> Cast {
        let sources = self.session.sources();
        let there = self.view.participants.iter().filter(|one| one.connection != ConnectionView::Connecting);
        let of =
            |one: &api::Participant, source| one.streams.iter().find(|shown| shown.source == source).copied();
        let faces = there.clone().filter_map(|one| Some(of(one, api::Source::Camera)?.stream));
        let own_face = sources.contains(&Source::Camera).then_some(SELF_VIEW);
        let mut screens = there.filter_map(|one| of(one, api::Source::Screen)).filter(|shown| shown.on);
        let own_screen = sources.contains(&Source::Screen).then_some(OWN_SCREEN);
        Cast {
            people: faces.chain(own_face).collect(),
            screen: screens.next_back().map(|shown| shown.stream).or(own_screen),
        }
    }

    /// Somebody began to record the call, or stopped.
    pub(super) fn somebody_records(&mut self, peer: PeerId, on: bool) {
        self.people.participant(&mut self.view, peer).records = on;
    }
}

/// Ends a file, and says what became of it.
pub(super) async fn ended(engine: &Updates, recorder: Recorder) {
    let Ok(result) = tokio::task::spawn_blocking(move || recorder.finish()).await else { return };
    let notice = match result {
        Ok(done) => {
            let kind = if done.full { NoticeKind::Error } else { NoticeKind::Info };
            let notice = Notice::new(kind, done.sentence());
            engine.send(CallUpdate::Recorded(done.path)).await;
            notice
        }
        Err(error) => Notice::new(NoticeKind::Error, error.sentence()),
    };
    engine.tell(notice).await;
}
