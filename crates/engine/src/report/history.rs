//! What is remembered of a call's quality: figures of everybody by number, and what happened when. Who they are is known here only
//! as long as the call lasts, to tell them apart; nothing of it is ever written.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use super::series::{Step, Track};
use crate::api::{
    CallStatistics, CallView, ConnectionView, Event, Participant, ParticipantStatistics, Preview, Source,
    SourceView,
};

/// So many people's figures are kept; in a room there are eight. Whoever comes after that is counted.
const PEOPLE: usize = 24;
/// So many entries of what happened, the latest ones.
const ENTRIES: usize = 400;
/// After so many seconds of a connection it is known what somebody sends.
const KNOWN: u32 = 2;
/// How many figures there are of each person.
pub(crate) const FIGURES: usize = 19;

/// What is measured of a person, each second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Figure {
    PicturesSent,
    SoundSent,
    Available,
    PicturesReceived,
    SoundReceived,
    RoundTrip,
    LossSent,
    LossReceived,
    Concealed,
    Jitter,
    SoundWaits,
    PicturesWait,
    Decoding,
    SentRate,
    ReceivedRate,
    SentSize,
    ReceivedSize,
    Frozen,
    ScreenRate,
}

/// What is measured of this computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Own {
    Encoding,
    Busy,
}

/// Somebody, by the order in which they came.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) track: Track<FIGURES>,
    /// How often and for how long their picture stood still.
    pub(crate) freezes: u32,
    pub(crate) frozen_seconds: f32,
    /// The counters of the connection so far.
    counted: (u32, f32),
    seen: Option<Seen>,
    path: Option<&'static str>,
}

/// What there was to see of them.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Seen {
    connection: ConnectionView,
    /// They were connected before.
    was_connected: bool,
    microphone: bool,
    camera: bool,
    sharing: bool,
    /// For so many seconds the connection has been up.
    seconds: u32,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Since the call began.
    pub(crate) second: u32,
    pub(crate) code: &'static str,
    /// Number of the person it is about, from 1 on.
    pub(crate) person: Option<usize>,
    /// Code of the path that it names.
    pub(crate) path: Option<&'static str>,
}

/// A call's history.
#[derive(Debug, Clone)]
pub(crate) struct History {
    began: Instant,
    /// Milliseconds since 1970.
    pub(crate) began_at: u64,
    ended: Option<Instant>,
    pub(crate) step: Step,
    pub(crate) people: Vec<Person>,
    /// Whose figures are not kept.
    pub(crate) more_people: u32,
    pub(crate) own: Track<2>,
    pub(crate) entries: VecDeque<Entry>,
    pub(crate) left_out: u32,
    /// Places in `people` by peer id, while the call lasts.
    ids: BTreeMap<String, Option<usize>>,
    server: bool,
    /// Whether our camera gives pictures: what is said of the last one stays otherwise.
    camera: bool,
}

/// Follows what the engine tells.
#[derive(Debug, Default)]
pub(crate) struct Reporter {
    preview: Preview,
    history: Option<History>,
}

impl Reporter {
    /// The call, or the one that was last.
    pub(crate) fn history(&self) -> Option<&History> {
        self.history.as_ref()
    }

    /// Something is told; `at` is in milliseconds since 1970.
    pub(crate) fn hear(&mut self, now: Instant, at: u64, event: &Event) {
        match event {
            Event::Call { call: Some(view) } => {
                if self.history.as_ref().is_none_or(|history| history.ended.is_some()) {
                    self.history = Some(History::new(now, at));
                }
                let camera = gives(&self.preview);
                if let Some(history) = self.running() {
                    history.camera = camera;
                    history.view(now, view);
                }
            }
            Event::Call { call: None } => {
                if let Some(history) = self.running() {
                    history.ended = Some(now);
                    history.ids.clear();
                }
            }
            Event::Statistics { statistics } => {
                if let Some(history) = self.running() {
                    history.second(now, statistics);
                }
            }
            Event::Preview { preview } => {
                let before = std::mem::replace(&mut self.preview, preview.clone());
                if let Some(history) = self.running() {
                    history.camera = gives(preview);
                    history.devices(now, &before, preview);
                }
            }
            _ => {}
        }
    }

    fn running(&mut self) -> Option<&mut History> {
        self.history.as_mut().filter(|history| history.ended.is_none())
    }
}

impl History {
    fn new(began: Instant, began_at: u64) -> Self {
        Self {
            began,
            began_at,
            ended: None,
            step: Step::default(),
            people: Vec::new(),
            more_people: 0,
            own: Track::default(),
            entries: VecDeque::new(),
            left_out: 0,
            ids: BTreeMap::new(),
            server: true,
            camera: false,
        }
    }

    /// How long the call took, or has taken until `now`, in seconds.
    pub(crate) fn lasted(&self, now: Instant) -> u32 {
        self.second_of(self.ended.unwrap_or(now))
    }

    fn second_of(&self, now: Instant) -> u32 {
        u32::try_from(now.saturating_duration_since(self.began).as_secs()).unwrap_or(u32::MAX)
    }

    fn enter(&mut self, now: Instant, code: &'static str, person: Option<usize>) {
        let second = self.second_of(now);
        self.entries.push_back(Entry { second, code, person: person.map(|at| at + 1), path: None });
        while self.entries.len() > ENTRIES {
            self.entries.pop_front();
            self.left_out = self.left_out.saturating_add(1);
        }
    }

    fn view(&mut self, now: Instant, view: &CallView) {
        if self.server != view.server_connected {
            self.server = view.server_connected;
            self.enter(now, if self.server { "report_server_back" } else { "report_server_away" }, None);
        }
        for participant in &view.participants {
            let Some(at) = self.place(&participant.id) else { continue };
            let Some(person) = self.people.get_mut(at) else { continue };
            let before = person.seen;
            let seen = Seen::of(participant, before);
            person.seen = Some(seen);
            for code in news(before, seen) {
                self.enter(now, code, Some(at));
            }
        }
        let gone: Vec<usize> = self
            .ids
            .iter()
            .filter_map(|(id, at)| {
                let here = view.participants.iter().any(|participant| participant.id == *id);
                at.filter(|_| !here)
            })
            .collect();
        for at in gone {
            if self.people.get_mut(at).is_some_and(|person| person.seen.take().is_some()) {
                self.enter(now, "report_left", Some(at));
            }
        }
    }

    /// Whoever comes back is the same person as before.
    fn place(&mut self, id: &str) -> Option<usize> {
        if let Some(known) = self.ids.get(id) {
            return *known;
        }
        let place = (self.people.len() < PEOPLE).then_some(self.people.len());
        match place {
            Some(_) => self.people.push(Person {
                track: Track::default(),
                freezes: 0,
                frozen_seconds: 0.0,
                counted: (0, 0.0),
                seen: None,
                path: None,
            }),
            None => self.more_people = self.more_people.saturating_add(1),
        }
        // So many that nobody is told from anybody any more: not in a room of eight.
        if self.ids.len() < 100 * PEOPLE {
            self.ids.insert(id.to_owned(), place);
        }
        place
    }

    fn second(&mut self, now: Instant, statistics: &CallStatistics) {
        let second = self.second_of(now);
        for _ in 0..self.step.grow_to(second) {
            self.own.halve();
            self.people.iter_mut().for_each(|person| person.track.halve());
        }
        let step = self.step;
        let busy = if statistics.busy { 100.0 } else { 0.0 };
        self.own.add(step, second, [statistics.encoding_ms.filter(|_| self.camera), Some(busy)]);
        let mut paths = Vec::new();
        for (id, figures) in &statistics.participants {
            let Some(at) = self.ids.get(id).copied().flatten() else { continue };
            let Some(person) = self.people.get_mut(at) else { continue };
            let Some(seen) = &mut person.seen else { continue };
            // What is said of a connection that is lost is what was last true of it.
            if seen.connection != ConnectionView::Connected {
                continue;
            }
            seen.seconds = seen.seconds.saturating_add(1);
            let seen = *seen;
            let frozen = person.count(figures);
            person.track.add(step, second, measured(figures, &seen, self.camera, frozen));
            let path = figures.path.as_deref().map(path_code);
            if path.is_some() && path != person.path {
                person.path = path;
                paths.push((at, path));
            }
        }
        for (at, path) in paths {
            self.enter(now, "report_path", Some(at));
            if let Some(entry) = self.entries.back_mut() {
                entry.path = path;
            }
        }
    }

    fn devices(&mut self, now: Instant, before: &Preview, after: &Preview) {
        let changes = [
            device(
                &before.camera,
                &after.camera,
                ["report_camera_on", "report_camera_off", "report_camera_other", "report_camera_failed"],
            ),
            device(
                &before.microphone,
                &after.microphone,
                [
                    "report_microphone_on",
                    "report_microphone_off",
                    "report_microphone_other",
                    "report_microphone_failed",
                ],
            ),
            // A speaker is never switched off.
            device(
                &SourceView { on: true, ..before.speaker.clone() },
                &SourceView { on: true, ..after.speaker.clone() },
                [
                    "report_speaker_other",
                    "report_speaker_other",
                    "report_speaker_other",
                    "report_speaker_failed",
                ],
            ),
            match (before.share.is_some(), after.share.is_some()) {
                (false, true) => Some("report_sharing_on"),
                (true, false) => Some("report_sharing_off"),
                _ => None,
            },
        ];
        for code in changes.into_iter().flatten() {
            self.enter(now, code, None);
        }
    }
}

impl Person {
    /// Takes note of the connection's counters; gives how much of the last second the picture stood still, in percent.
    fn count(&mut self, figures: &ParticipantStatistics) -> f32 {
        let seconds = if figures.frozen_seconds.is_finite() { figures.frozen_seconds.max(0.0) } else { 0.0 };
        // Somebody who came again is counted from zero.
        if figures.freezes < self.counted.0 || seconds < self.counted.1 {
            self.counted = (0, 0.0);
        }
        let froze = seconds - self.counted.1;
        self.freezes = self.freezes.saturating_add(figures.freezes - self.counted.0);
        self.frozen_seconds += froze;
        self.counted = (figures.freezes, seconds);
        (froze * 100.0).min(100.0)
    }
}

impl Seen {
    fn of(participant: &Participant, before: Option<Self>) -> Self {
        let on = |source| participant.streams.iter().any(|stream| stream.source == source && stream.on);
        let connected = participant.connection == ConnectionView::Connected;
        Self {
            connection: participant.connection,
            was_connected: connected || before.is_some_and(|before| before.was_connected),
            microphone: participant.microphone_on,
            camera: on(Source::Camera),
            sharing: on(Source::Screen),
            seconds: before.filter(|_| connected).map_or(0, |before| before.seconds),
        }
    }
}

/// What is to be entered about somebody.
fn news(before: Option<Seen>, now: Seen) -> Vec<&'static str> {
    let Some(before) = before else { return vec!["report_came"] };
    let connected = |seen: Seen| seen.connection == ConnectionView::Connected;
    let mut news = Vec::new();
    match (connected(before), connected(now)) {
        (true, false) => news.push("report_lost"),
        (false, true) if before.was_connected => news.push("report_back"),
        _ => {}
    }
    // What they send is known a moment after there is a connection: that is no change.
    if before.seconds >= KNOWN && connected(now) {
        let changes = [
            (before.camera, now.camera, ["report_their_camera_off", "report_their_camera_on"]),
            (
                before.microphone,
                now.microphone,
                ["report_their_microphone_off", "report_their_microphone_on"],
            ),
            (before.sharing, now.sharing, ["report_their_sharing_off", "report_their_sharing_on"]),
        ];
        news.extend(
            changes
                .iter()
                .filter(|(before, now, _)| before != now)
                .map(|(_, now, codes)| codes[usize::from(*now)]),
        );
    }
    news
}

/// What is to be entered about a device: that it is on, off, another one, or does not work.
fn device(before: &SourceView, now: &SourceView, codes: [&'static str; 4]) -> Option<&'static str> {
    let [on, off, other, failed] = codes;
    match (before.on, now.on) {
        (false, true) => return Some(on),
        (true, false) => return Some(off),
        (false, false) => return None,
        (true, true) => {}
    }
    if now.problem.is_some() && !now.working && (before.problem.is_none() || before.working) {
        return Some(failed);
    }
    // Opening takes a moment, in which there is no device.
    (before.device.is_some() && now.device.is_some() && before.device != now.device).then_some(other)
}

fn gives(preview: &Preview) -> bool {
    preview.camera.on && preview.camera.working
}

/// What is said of a path of this kind.
fn path_code(kind: &str) -> &'static str {
    match kind {
        "host" => "report_path_host",
        "relay" => "report_path_relay",
        _ => "report_path_direct",
    }
}

/// A second's figures, in the order of [`Figure`].
fn measured(s: &ParticipantStatistics, seen: &Seen, camera: bool, frozen: f32) -> [Option<f32>; FIGURES] {
    let sending = camera && s.sent_width > 0;
    let receiving = seen.camera && s.received_width > 0;
    let when = |is: bool, value: f32| is.then_some(value);
    let mut all = [None; FIGURES];
    let mut set = |figure: Figure, value: Option<f32>| all[figure as usize] = value;
    // Without a picture there is no rate of them that could be bad.
    let (pictures_sent, pictures_received) =
        (s.sent_kbps - s.sound_sent_kbps, s.received_kbps - s.sound_received_kbps);
    set(Figure::PicturesSent, when(sending || pictures_sent >= 1.0, pictures_sent));
    set(Figure::SoundSent, Some(s.sound_sent_kbps));
    set(Figure::Available, Some(s.available_kbps));
    set(Figure::PicturesReceived, when(receiving || pictures_received >= 1.0, pictures_received));
    set(Figure::SoundReceived, Some(s.sound_received_kbps));
    set(Figure::RoundTrip, s.round_trip_ms);
    set(Figure::LossSent, Some(s.loss_sent));
    set(Figure::LossReceived, Some(s.loss_received));
    set(Figure::Concealed, when(seen.microphone, s.concealed));
    set(Figure::Jitter, Some(s.jitter_ms));
    set(Figure::SoundWaits, when(seen.microphone, s.audio_buffer_ms));
    set(Figure::PicturesWait, when(receiving, s.video_buffer_ms));
    set(Figure::Decoding, when(receiving, s.decoding_ms));
    set(Figure::SentRate, when(sending, s.sent_fps));
    set(Figure::ReceivedRate, when(receiving, s.received_fps));
    // The shorter side: a telephone's picture is as large upright as it is lying.
    set(Figure::SentSize, when(sending, s.sent_width.min(s.sent_height) as f32));
    set(Figure::ReceivedSize, when(receiving, s.received_width.min(s.received_height) as f32));
    set(Figure::Frozen, when(receiving, frozen));
    let screen = s.screen.filter(|screen| seen.sharing && screen.received_width > 0);
    set(Figure::ScreenRate, screen.map(|screen| screen.received_fps));
    all
}
