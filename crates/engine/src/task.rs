//! The engine's task: the one owner of the settings, the devices, the call and the snapshot.

use std::sync::Arc;
use std::time::Instant;

use tincan_media::MediaClock;
use tincan_protocol::{PeerId, RoomCode, parse_server_url};
use tincan_signal_client::{Browser, NearbyHost, browse};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use url::Url;

use crate::api::{
    CallStatistics, CallSummary, Command, CommandError, Devices, Event, Levels, NearbyCall, Preview,
    RecentCall, Reply, Settings, Snapshot,
};
use crate::call::{
    CallCommand, CallConfig, CallEnd, CallHandle, CallMedia, CallUpdate, FromCall, Route, unix_millis,
};
use crate::media::{AudioCommand, LocalChange, LocalMedia};
use crate::publish::Publisher;
use crate::spoken::Spoken;
use crate::store::{Store, remember};
use crate::test_call::TestParticipant;
use crate::{EngineConfig, HostedRoom, Message, code, devices, ice_server};

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
    /// What the others were told that we send: sound, pictures.
    announced: (bool, bool),
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
    Nothing,
}

pub(crate) struct EngineTask {
    config: EngineConfig,
    clock: MediaClock,
    store: Store,
    publisher: Publisher,
    /// What is stored; the publisher holds the same with the command line's choices laid over.
    stored: Settings,
    media: Option<LocalMedia>,
    preview_wanted: bool,
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
}

impl EngineTask {
    pub(crate) fn new(config: EngineConfig) -> Self {
        let store = Store::new(config.data_dir.clone());
        let stored = store.settings();
        let publisher = Publisher::new(Snapshot {
            version: env!("CARGO_PKG_VERSION").into(),
            settings: config.overrides.over(&stored),
            recent: store.recent(),
            ..Snapshot::default()
        });
        let (updates_in, updates) = mpsc::channel(UPDATES);
        Self {
            config,
            clock: MediaClock::new(Instant::now()),
            store,
            publisher,
            stored,
            media: None,
            preview_wanted: false,
            call: None,
            spoken: None,
            calls: 0,
            updates,
            updates_in,
            work: JoinSet::new(),
            hosted: Vec::new(),
            nearby: None,
            found: Vec::new(),
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
                Some(Ok(done)) = self.work.join_next() => self.done(done),
                change = next_change(&mut self.media) => self.local_change(change),
                found = next_nearby(&mut self.nearby) => {
                    self.found = found;
                    self.show_nearby();
                }
            }
        }
        drop(inbox);
        self.leave(None);
        // The ending call still has something to say: a summary, where its recording is.
        loop {
            tokio::select! {
                biased;
                Some(update) = self.updates.recv() => self.call_update(update),
                done = self.work.join_next() => if done.is_none() { break },
            }
        }
        if let Some(nearby) = self.nearby.take() {
            nearby.stop().await;
        }
    }

    fn settings(&self) -> &Settings {
        &self.publisher.snapshot().settings
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
                self.preview_wanted = true;
                self.open_media();
                Ok(Reply::Done)
            }
            Command::StopPreview => {
                self.preview_wanted = false;
                let released = self.release_media();
                self.work.spawn(async move {
                    released.await;
                    Done::Nothing
                });
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
            Command::SelectCamera { id } => self.select(id, |settings| &mut settings.camera),
            Command::SelectMicrophone { id } => self.select(id, |settings| &mut settings.microphone),
            Command::SelectSpeaker { id } => self.select(id, |settings| &mut settings.speaker),
            Command::TestSpeaker => {
                self.open_media().audio().send(AudioCommand::Chime);
                Ok(Reply::Done)
            }
            Command::SetVolume { peer, volume } => self.set_volume(&peer, volume),
            Command::UpdateSettings { settings } => self.update_settings(settings),
            Command::ForgetRecent => {
                self.set_recent(Vec::new());
                Ok(Reply::Done)
            }
            Command::ForgetCall { code } => {
                let mut recent = self.publisher.snapshot().recent.clone();
                recent.retain(|call| call.code != code);
                self.set_recent(recent);
                Ok(Reply::Done)
            }
        };
        // Whoever asked may have gone away since.
        let _ = answer.send(result);
    }

    // ── Calls ────────────────────────────────────────────────────────────────────────────────────────────────────

    fn create_room(&mut self, answer: Answer, test: bool) {
        let route = match (self.configured_server(), &self.config.local_server) {
            (Err(error), _) => return drop(answer.send(Err(error))),
            (Ok(Some(url)), _) if !test => Route::Server { url, intent: tincan_protocol::Intent::Create },
            (_, Some(host)) => Route::Host { host: Arc::clone(host), announced: !test },
            (_, None) => {
                return drop(answer.send(Err(error(
                    "no_server",
                    "There is no server to call through. Set one in the settings, such as wss://tincan.example.org.",
                ))));
            }
        };
        self.start_call(RoomCode::random(), route, answer, test);
    }

    fn join_room(&mut self, text: &str, answer: Answer) {
        let invite = match code::invite(text) {
            Ok(invite) => invite,
            Err(error) => return drop(answer.send(Err(error))),
        };
        let host = self.config.local_server.clone();
        let route = match (invite.server, host) {
            (_, Some(host)) if self.hosts(&invite.code) => Route::Host { host, announced: true },
            (Some(url), host) => Route::link(url, host),
            (None, host) => match self.configured_server() {
                Ok(server) => Route::Find { server, host },
                Err(error) => return drop(answer.send(Err(error))),
            },
        };
        self.start_call(invite.code, route, answer, false);
    }

    /// The room of an earlier call: whoever of its people is first opens it, the others join.
    fn call_again(&mut self, code: &str, server: Option<&str>, answer: Answer) {
        let code = match code::invite(code) {
            Ok(invite) => invite.code,
            Err(error) => return drop(answer.send(Err(error))),
        };
        let route = match (server, self.config.local_server.clone()) {
            (_, Some(host)) if self.hosts(&code) => Route::Host { host, announced: true },
            (Some(server), _) => match parse_server_url(server) {
                Ok(url) => Route::Server { url, intent: tincan_protocol::Intent::Create },
                Err(bad) => return drop(answer.send(Err(error("server_url", &bad.to_string())))),
            },
            (None, host) => match self.configured_server() {
                Ok(server) => Route::Again { host, server },
                Err(error) => return drop(answer.send(Err(error))),
            },
        };
        self.start_call(code, route, answer, false);
    }

    /// Whether a room is on the server in this program.
    fn hosts(&self, code: &RoomCode) -> bool {
        self.hosted.iter().any(|hosted| hosted.code == *code)
    }

    fn configured_server(&self) -> Result<Option<Url>, CommandError> {
        let server = self.settings().server.as_deref().filter(|server| !server.trim().is_empty());
        server.map(parse_server_url).transpose().map_err(|bad| error("server_url", &bad.to_string()))
    }

    fn start_call(&mut self, code: RoomCode, route: Route, answer: Answer, test: bool) {
        if self.call.is_some() {
            let busy = error("already_in_call", "You are in a call. Leave it first.");
            return drop(answer.send(Err(busy)));
        }
        let settings = self.settings().clone();
        // A file of settings may hold what changing them refuses.
        let ice_servers = match settings.ice_servers.iter().map(|text| ice_server::parse(text)).collect() {
            Ok(ice_servers) => ice_servers,
            Err(error) => return drop(answer.send(Err(error))),
        };
        self.publisher.publish(Event::LastCall { summary: None });
        let media = self.open_media();
        let announced = media.sends();
        let (audio, encoder) = (media.audio().clone(), media.encoder().clone());
        let (joined, joins) = oneshot::channel();
        self.calls += 1;
        let number = self.calls;
        let handle = CallHandle::start(
            CallConfig {
                number,
                code: code.clone(),
                earlier: self
                    .spoken
                    .as_ref()
                    .and_then(|spoken| spoken.where_to_look(&code, self.config.local_server.clone())),
                again: self.spoken.as_ref().and_then(|spoken| spoken.agreed_on(&code)),
                route,
                peer_id: self.config.overrides.peer_id.unwrap_or_else(PeerId::random),
                name: settings.name,
                microphone: announced.0,
                camera: announced.1,
                ice_servers,
                relay_only: settings.relay_only,
                test,
                record: self.config.overrides.record.clone(),
                max_bitrate: self.config.overrides.max_bitrate,
                clock: self.clock,
                media: CallMedia { audio, encoder, output: Arc::clone(&self.config.frames) },
            },
            self.updates_in.clone(),
            joined,
        );
        self.call = Some(Running { number, handle, code, test: None, is_test: test, announced });
        self.work.spawn(async move {
            let result = joins.await.unwrap_or_else(|_| Err(error("internal", "The call ended. Try again.")));
            let _ = answer.send(result.map(|code| Reply::Joined { code: code.to_string() }));
            Done::Nothing
        });
    }

    fn call_update(&mut self, FromCall { number, update }: FromCall) {
        // Not a late word of a call that was left.
        let current = self.call.as_ref().is_some_and(|running| running.number == number);
        match update {
            CallUpdate::View(call) if current => self.publisher.publish(Event::Call { call: Some(call) }),
            CallUpdate::Statistics(statistics) if current => {
                self.publisher.publish(Event::Statistics { statistics });
            }
            CallUpdate::Hosted { code, room } if current => self.hosted(code, room),
            CallUpdate::View(_) | CallUpdate::Statistics(_) | CallUpdate::Hosted { .. } => {}
            CallUpdate::Notice(notice) => self.publisher.publish(Event::Notice { notice }),
            CallUpdate::Ended(end) => {
                if current {
                    self.leave(None);
                }
                self.ended(end);
            }
        }
    }

    /// The room is on the server in this program.
    fn hosted(&mut self, code: RoomCode, room: HostedRoom) {
        let Some(running) = &mut self.call else { return };
        if running.is_test
            && let Ok(url) = parse_server_url(&room.url)
        {
            running.test = Some(TestParticipant::start(code.clone(), url, self.clock));
        }
        self.hosted.retain(|hosted| hosted.code != code);
        self.hosted.push(Hosted { code, room });
        if self.hosted.len() > MAX_HOSTED {
            self.hosted.remove(0);
        }
        self.show_nearby();
    }

    /// Calls on the local network, without those that this program itself hosts.
    fn show_nearby(&mut self) {
        let ours = |id: &str| self.hosted.iter().any(|hosted| id.starts_with(&hosted.room.instance));
        let others = self.found.iter().filter(|nearby| !ours(&nearby.id));
        let nearby = others.map(|nearby| NearbyCall { host: nearby.host.clone() }).collect();
        self.publisher.publish(Event::Nearby { nearby });
    }

    /// Ends the call, or the attempt to join one.
    fn leave(&mut self, answer: Option<Answer>) {
        let Some(running) = self.call.take() else { return acknowledge(answer) };
        // Whoever never got in is still in the lobby, with devices that are on.
        if self.publisher.snapshot().call.is_some() {
            self.preview_wanted = false;
        }
        // The screen after the call must not show the call's last picture while it is being taken down.
        self.publisher.publish(Event::Call { call: None });
        self.publisher.publish(Event::Statistics { statistics: CallStatistics::default() });
        if running.is_test {
            self.hosted.retain(|hosted| hosted.code != running.code);
        }
        // The camera's light goes out at once; goodbyes take seconds where the network is dead.
        let released = self.release_media();
        self.work.spawn(async move {
            if let Some(test) = running.test {
                test.leave().await;
            }
            running.handle.leave().await;
            released.await;
            Done::Left(answer)
        });
    }

    /// Remembers a call that is over and sums it up.
    fn ended(&mut self, end: CallEnd) {
        if !end.joined {
            return;
        }
        let code = end.code.to_string();
        if let Some(spoken) = end.spoken {
            self.spoken = Some(Spoken { code: spoken, again: end.code, server: end.server.clone() });
        }
        if !end.test {
            let mut recent = self.publisher.snapshot().recent.clone();
            let call =
                RecentCall { code: code.clone(), server: end.server, names: end.names, at: unix_millis() };
            remember(&mut recent, call);
            self.set_recent(recent);
        }
        if self.call.is_none() {
            self.publisher.publish(Event::LastCall {
                summary: Some(CallSummary {
                    code,
                    invite_link: end.invite_link,
                    test: end.test,
                    seconds: end.seconds,
                    quality: end.quality,
                    reason: end.reason,
                }),
            });
        }
    }

    fn set_recent(&mut self, recent: Vec<RecentCall>) {
        self.store.save_recent(&recent);
        self.publisher.publish(Event::Recent { recent });
    }

    // ── Devices ──────────────────────────────────────────────────────────────────────────────────────────────────

    fn open_media(&mut self) -> &LocalMedia {
        let settings = &self.publisher.snapshot().settings;
        let media = self
            .media
            .get_or_insert_with(|| LocalMedia::open(settings, self.clock, Arc::clone(&self.config.frames)));
        self.publisher.publish(Event::Preview { preview: media.view() });
        media
    }

    /// Releases the devices unless somebody needs them. What it gives ends when they are: devices close in their
    /// drivers' own time.
    fn release_media(&mut self) -> impl Future<Output = ()> + use<> {
        let mut media = None;
        if self.call.is_none() && !self.preview_wanted {
            self.publisher.publish(Event::Preview { preview: Preview::default() });
            self.publisher.publish(Event::Levels { levels: Levels::default() });
            media = self.media.take();
        }
        let released = tokio::task::spawn_blocking(move || drop(media));
        async move {
            let _ = released.await;
        }
    }

    fn local_change(&mut self, change: LocalChange) {
        match change {
            LocalChange::Levels(levels) => self.publisher.publish(Event::Levels { levels }),
            LocalChange::View => {}
            LocalChange::Notice(notice) => self.publisher.publish(Event::Notice { notice }),
        }
        self.publish_preview();
    }

    /// Tells the window how our devices do, and the others what we send of them.
    fn publish_preview(&mut self) {
        if let Some(media) = &self.media {
            if let Some(running) = &mut self.call {
                let sends = media.sends();
                let told = std::mem::replace(&mut running.announced, sends);
                if told.0 != sends.0 {
                    running.handle.send(CallCommand::Microphone(sends.0));
                }
                if told.1 != sends.1 {
                    running.handle.send(CallCommand::Camera(sends.1));
                }
            }
            self.publisher.publish(Event::Preview { preview: media.view() });
        }
    }

    fn set_microphone(&mut self, on: bool) {
        if let Some(media) = &mut self.media {
            media.set_microphone(on);
        }
        self.change_settings(|settings| settings.microphone_on = on);
        self.publish_preview();
    }

    fn set_camera(&mut self, on: bool) {
        if let Some(media) = &mut self.media {
            media.set_camera(on);
        }
        self.change_settings(|settings| settings.camera_on = on);
        self.publish_preview();
    }

    fn select(
        &mut self,
        id: String,
        field: impl Fn(&mut Settings) -> &mut String,
    ) -> Result<Reply, CommandError> {
        let mut settings = self.settings().clone();
        *field(&mut settings) = id;
        self.update_settings(settings)
    }

    fn list_devices(&mut self, answer: Option<Answer>) {
        self.work.spawn(async move {
            match tokio::task::spawn_blocking(devices::list_devices).await {
                Ok(devices) => Done::Devices(devices, answer),
                Err(_) => Done::Nothing,
            }
        });
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Nothing => {}
            Done::Devices(devices, answer) => {
                self.publisher.publish(Event::Devices { devices });
                acknowledge(answer);
            }
            Done::Left(answer) => acknowledge(answer),
        }
    }

    // ── Settings ─────────────────────────────────────────────────────────────────────────────────────────────────

    fn set_volume(&mut self, peer: &str, volume: f32) -> Result<Reply, CommandError> {
        let (Ok(peer), Some(running)) = (peer.parse(), &self.call) else {
            return Err(error("no_participant", "This participant is not in the call any more."));
        };
        if !volume.is_finite() {
            return Err(error("bad_volume", "A volume is a number from 0 to 2."));
        }
        running.handle.send(CallCommand::Volume { peer, volume: volume.clamp(0.0, MAX_VOLUME) });
        Ok(Reply::Done)
    }

    /// Checks, applies, and remembers; what the command line laid over stays out of the file unless it was changed.
    fn update_settings(&mut self, settings: Settings) -> Result<Reply, CommandError> {
        check_settings(&settings)?;
        let before = self.settings().clone();
        if let Some(media) = &mut self.media {
            media.apply(&settings);
        }
        if settings.name != before.name
            && let Some(running) = &self.call
        {
            running.handle.send(CallCommand::Name(settings.name.clone()));
        }
        let (mic, camera) = (settings.microphone_on, settings.camera_on);
        self.change_settings(|current| *current = settings);
        if mic != before.microphone_on {
            self.set_microphone(mic);
        }
        if camera != before.camera_on {
            self.set_camera(camera);
        }
        self.publish_preview();
        Ok(Reply::Done)
    }

    fn change_settings(&mut self, change: impl FnOnce(&mut Settings)) {
        let before = self.settings().clone();
        let mut settings = before.clone();
        change(&mut settings);
        if settings == before {
            return;
        }
        self.stored = self.config.overrides.without(&self.stored, &before, &settings);
        self.store.save_settings(&self.stored);
        self.publisher.publish(Event::Settings { settings });
    }
}

/// Refuses what cannot work, before anything is changed.
fn check_settings(settings: &Settings) -> Result<(), CommandError> {
    let selector = |bad: tincan_devices::ParseSelectorError| error("bad_device", &bad.to_string());
    settings.camera.parse::<tincan_devices::CameraSelector>().map_err(selector)?;
    settings.microphone.parse::<tincan_devices::MicrophoneSelector>().map_err(selector)?;
    settings.speaker.parse::<tincan_devices::SpeakerSelector>().map_err(selector)?;
    if let Some(server) = settings.server.as_deref().filter(|server| !server.trim().is_empty()) {
        parse_server_url(server).map_err(|bad| error("server_url", &bad.to_string()))?;
    }
    for server in &settings.ice_servers {
        ice_server::parse(server)?;
    }
    Ok(())
}

/// Whoever asked may have gone away since.
fn acknowledge(answer: Option<Answer>) {
    if let Some(answer) = answer {
        let _ = answer.send(Ok(Reply::Done));
    }
}

fn error(code: &str, message: &str) -> CommandError {
    CommandError { code: code.into(), message: message.into() }
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
