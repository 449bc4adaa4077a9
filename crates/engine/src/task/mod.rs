//! The engine's task: the one owner of the settings, the devices, the call and the snapshot.

mod board;
mod calls;
mod chat;
mod files;
mod game;
mod local;
mod recording;
mod report;
mod settings;
mod share;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use tincan_media::MediaClock;
use tincan_protocol::RoomCode;
use tincan_signal_client::{Browser, NearbyHost, browse};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::api::{Command, CommandError, Devices, Event, Reply, Settings, Snapshot};
use crate::call::{CallCommand, CallHandle, FromCall, TogetherCommand, view};
use crate::devices::DeviceSystem;
use crate::files::{FilesConfig, FilesOwner};
use crate::media::{AudioCommand, LocalChange, LocalMedia, Releasing, Sending};
use crate::publish::Publisher;
use crate::record::{NewFile, RecordError, Tap, TappedOutput};
use crate::saver::Saver;
use crate::spoken::Spoken;
use crate::store::Store;
use crate::test_call::TestParticipant;
use crate::{EngineConfig, HostedRoom, Message, code};
use local::ByHand;

/// Rooms that this program hosts stay reachable after it left, so that the others can come back to them: this many.
const MAX_HOSTED: usize = 4;
/// Updates of a call that may wait.
const UPDATES: usize = 64;
/// Louder than twice as sent is only distortion.
const MAX_VOLUME: f32 = 2.0;

type Answer = oneshot::Sender<Result<Reply, CommandError>>;

/// A call and what belongs to it.
struct Running {
    number: u64,
    handle: CallHandle,
    code: RoomCode,
    test: Option<TestParticipant>,
    /// Whether this is the test call.
    is_test: bool,
    /// What the others were told that we send.
    announced: Sending,
    /// Where it is to be recorded from when somebody is connected.
    record: Option<PathBuf>,
}

/// A room on the server in this program.
struct Hosted {
    code: RoomCode,
    /// Keeps it there.
    room: HostedRoom,
}

/// Work that must not hold up the next command.
enum Done {
    /// A call is over and its devices are released.
    Left(Option<Answer>),
    Devices(Devices, Option<Answer>),
    /// There is a file for the recording of a call, by the call's number.
    Recording(u64, Result<NewFile, RecordError>, Answer),
    /// ... there is none, and a command line asked for it.
    NotRecorded(CommandError),
    Nothing,
}

pub(crate) struct EngineTask {
    config: EngineConfig,
    devices: Arc<dyn DeviceSystem>,
    clock: MediaClock,
    saver: Saver,
    publisher: Publisher,
    /// What is stored; the publisher holds the same with the command line's choices laid over.
    stored: Settings,
    media: Option<LocalMedia>,
    /// Cameras that were let go of when the devices were closed last, and may still be held by their drivers.
    releasing: Vec<Releasing>,
    preview_wanted: bool,
    by_hand: ByHand,
    call: Option<Running>,
    /// The last one, where somebody may still be.
    spoken: Option<Spoken>,
    /// How many there have been.
    calls: u64,
    updates: mpsc::Receiver<FromCall>,
    updates_in: mpsc::Sender<FromCall>,
    work: JoinSet<Done>,
    hosted: Vec<Hosted>,
    nearby: Option<Browser>,
    /// Every call that the browser knows, our own among them.
    found: Vec<NearbyHost>,
    /// Outlives calls.
    files: FilesOwner,
    /// What is seen and heard, for recordings.
    tap: Arc<Tap>,
    /// The one that ended last.
    recorded: Option<PathBuf>,
}

impl EngineTask {
    pub(crate) fn new(mut config: EngineConfig, devices: Arc<dyn DeviceSystem>) -> Self {
        let store = Store::new(config.data_dir.clone());
        let stored = store.settings();
        let publisher = Publisher::new(Snapshot {
            version: env!("CARGO_PKG_VERSION").into(),
            settings: config.overrides.over(&stored),
            recent: store.recent(),
            ..Snapshot::default()
        });
        let (updates_in, updates) = mpsc::channel(UPDATES);
        let (clock, tap) = (MediaClock::new(Instant::now()), Arc::<Tap>::default());
        config.frames = Arc::new(TappedOutput::new(config.frames, Arc::clone(&tap), clock));
        let files = FilesOwner::start(FilesConfig {
            downloads: config.downloads.clone(),
            data_dir: config.data_dir.clone(),
        });
        Self {
            config,
            devices,
            clock,
            saver: Saver::new(store),
            publisher,
            stored,
            media: None,
            releasing: Vec::new(),
            preview_wanted: false,
            by_hand: ByHand::default(),
            call: None,
            spoken: None,
            calls: 0,
            updates,
            updates_in,
            work: JoinSet::new(),
            hosted: Vec::new(),
            nearby: None,
            found: Vec::new(),
            files,
            tap,
            recorded: None,
        }
    }

    /// Runs until `cancel`, then leaves whatever call there is.
    pub(crate) async fn run(mut self, mut inbox: mpsc::Receiver<Message>, cancel: CancellationToken) {
        self.nearby = browse().inspect_err(|error| warn!(%error, "calls nearby cannot be listed")).ok();
        self.list_devices(None);
        loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                message = inbox.recv() => match message {
                    Some(Message::Command(command, answer)) => self.command(command, answer),
                    Some(Message::Subscribe(answer)) => {
                        let _ = answer.send(self.publisher.subscribe());
                    }
                    None => break,
                },
                Some(update) = self.updates.recv() => self.call_update(update),
                update = self.files.next() => self.files_update(update),
                Some(Ok(done)) = self.work.join_next() => self.done(done),
                failed = self.saver.failed() => self.not_saved(&failed),
                change = next_change(&mut self.media) => self.local_change(change),
                found = next_nearby(&mut self.nearby) => {
                    self.found = found;
                    self.show_nearby();
                }
            }
        }
        drop(inbox);
        self.preview_wanted = false;
        self.leave(None);
        self.stop_preview();
        // The ending call still has something to say: a summary, where its recording is.
        loop {
            tokio::select! {
                biased;
                Some(update) = self.updates.recv() => self.call_update(update),
                done = self.work.join_next() => if done.is_none() { break },
            }
        }
        self.files.stop().await;
        if let Some(failed) = self.saver.finish().await {
            self.not_saved(&failed);
        }
        if let Some(nearby) = self.nearby.take() {
            nearby.stop().await;
        }
    }

    fn command(&mut self, command: Command, answer: Answer) {
        let result = match command {
            Command::CheckCode { text } => Ok(code::check(&text)),
            Command::CreateRoom => return self.create_room(answer, false),
            Command::TestCall => return self.create_room(answer, true),
            Command::JoinRoom { code } => return self.join_room(&code, answer),
            Command::CallAgain { code, server } => {
                return self.call_again(&code, server.as_deref(), answer);
            }
            Command::Leave => return self.leave(Some(answer)),
            Command::RefreshDevices => return self.list_devices(Some(answer)),
            Command::StartPreview => {
                self.start_preview();
                Ok(Reply::Done)
            }
            Command::StopPreview => {
                self.stop_preview();
                Ok(Reply::Done)
            }
            Command::SetMicrophone { on } => {
                self.set_microphone(on);
                Ok(Reply::Done)
            }
            Command::SetCamera { on } => {
                self.set_camera(on);
                Ok(Reply::Done)
            }
            Command::ListScreens => return self.list_screens(answer),
            Command::ShareScreen { id, smooth, sound } => self.share_screen(&id, smooth, sound.as_deref()),
            Command::StopSharing => self.stop_sharing(),
            Command::SelectCamera { id } => self.select(id, |settings| &mut settings.camera),
            Command::SelectMicrophone { id } => self.select(id, |settings| &mut settings.microphone),
            Command::SelectSpeaker { id } => self.select(id, |settings| &mut settings.speaker),
            Command::TestSpeaker => {
                self.open_media().audio().send(AudioCommand::Chime { gain: 1.0 });
                Ok(Reply::Done)
            }
            Command::SetVolume { peer, volume } => self.set_volume(&peer, volume),
            Command::SetHand { on } => self.in_call(CallCommand::Hand(on)),
            Command::StartRecording { file, utc_offset } => {
                return self.start_recording(file.map(PathBuf::from), utc_offset, answer);
            }
            Command::StopRecording => self.in_call(CallCommand::StopRecording),
            Command::LocateRecording => self.locate_recording(),
            Command::React { reaction } => self.in_call(CallCommand::React(view::said(reaction))),
            Command::SendChat { .. }
            | Command::EditChat { .. }
            | Command::DeleteChat { .. }
            | Command::ReactToChat { .. }
            | Command::CloseChatHistory => return self.chat(command, answer),
            Command::Game { command } => return self.game(TogetherCommand::Game(command), answer),
            Command::Sketch { command } => return self.game(TogetherCommand::Sketch(command), answer),
            Command::Board { command } => return self.board(command, answer),
            Command::SaveChat { file, replace, utc_offset } => {
                return self.save_chat(file, replace, utc_offset, answer);
            }
            Command::SaveReport { file, replace, utc_offset, words } => {
                return self.save_report(file, replace, utc_offset, words, answer);
            }
            Command::OfferFiles { .. }
            | Command::AcceptFiles { .. }
            | Command::DeclineFiles { .. }
            | Command::PauseFiles { .. }
            | Command::ResumeFiles { .. }
            | Command::CancelFiles { .. }
            | Command::ForgetFiles { .. }
            | Command::LocateFiles { .. } => return self.ask_files(command, answer),
            Command::SetLock { on } => self.in_call(CallCommand::Lock(on)),
            Command::LetIn { peer } => self.about(&peer, CallCommand::LetIn),
            Command::Refuse { peer } => self.about(&peer, CallCommand::Refuse),
            Command::SetVerified { peer: Some(peer), on } => {
                self.about(&peer, |peer| CallCommand::Verified { peer: Some(peer), on })
            }
            Command::SetVerified { peer: None, on } => self.in_call(CallCommand::Verified { peer: None, on }),
            Command::UpdateSettings { settings } => self.update_settings(settings),
            Command::ForgetRecent => {
                self.set_recent(Vec::new());
                Ok(Reply::Done)
            }
            Command::ForgetCall { code } => {
                self.forget_call(&code);
                Ok(Reply::Done)
            }
        };
        // Whoever asked may have gone away since.
        let _ = answer.send(result);
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Nothing => {}
            Done::Devices(devices, answer) => {
                self.publisher.publish(Event::Devices { devices });
                acknowledge(answer);
            }
            Done::Recording(call, file, answer) => self.record(call, file, answer),
            Done::NotRecorded(error) => self.not_recorded(error),
            Done::Left(answer) => acknowledge(answer),
        }
    }
}

/// Whoever asked may have gone away since.
fn acknowledge(answer: Option<Answer>) {
    if let Some(answer) = answer {
        let _ = answer.send(Ok(Reply::Done));
    }
}

fn error(code: &str, message: &str) -> CommandError {
    CommandError::new(code, message)
}

async fn next_change(media: &mut Option<LocalMedia>) -> LocalChange {
    match media {
        Some(media) => media.next().await,
        None => std::future::pending().await,
    }
}

async fn next_nearby(browser: &mut Option<Browser>) -> Vec<NearbyHost> {
    if let Some(running) = browser
        && running.hosts.changed().await.is_ok()
    {
        return running.hosts.borrow_and_update().clone();
    }
    // Nothing will ever come.
    *browser = None;
    std::future::pending().await
}
