//! Where media threads leave what is seen and heard while a recording runs.
//!
//! Both sides hold the lock for moving pointers only. The newest picture of each stream is always kept, since a screen that
//! stands still sends no other one for whoever begins to record.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tincan_media::audio::AudioFrame;
use tincan_media::video::VideoFrame;
use tincan_media::{MediaClock, MediaTime};

use crate::FrameOutput;

/// The stream of what we share ourselves, which no window shows.
pub(crate) const OWN_SCREEN: u32 = u32::MAX;
/// The self-view's stream.
pub(crate) const SELF_VIEW: u32 = 0;
/// Ten seconds of each kind of sound: a disk that sleeps longer loses some.
const SOUNDS: usize = 1_000;
/// Pictures of a stream: more do not wait while the recording's thread keeps up.
const PICTURES: usize = 24;
/// A camera that says that its picture is older than this, or not taken yet, is not believed.
const BELIEVED: Duration = Duration::from_millis(500);

/// Who is in the picture.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Cast {
    /// The streams of everybody's camera, in the order in which they stand.
    pub(crate) people: Vec<u32>,
    /// What is shared.
    pub(crate) screen: Option<u32>,
}

/// A stream's picture from some moment on; `None`: it shows nothing then.
pub(super) type Shown = (MediaTime, Option<Arc<VideoFrame>>);

/// What was left since it was taken last.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) cast: Cast,
    pub(super) pictures: BTreeMap<u32, VecDeque<Shown>>,
    /// What the speaker plays, at the time at which it is heard.
    pub(super) heard: VecDeque<Box<AudioFrame>>,
    /// What is sent of the microphone, at the time at which it was said.
    pub(super) said: VecDeque<Box<AudioFrame>>,
}

#[derive(Debug, Default)]
struct Inbox {
    /// Counts recordings.
    round: u64,
    /// Whether one runs.
    on: bool,
    taken: Taken,
    newest: BTreeMap<u32, Arc<VideoFrame>>,
}

/// One for the whole program; see the module's description.
#[derive(Debug, Default)]
pub(crate) struct Tap {
    inbox: Mutex<Inbox>,
}

impl Tap {
    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        // A panic between two moves of pointers leaves pointers.
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what comes from now on, beginning with the pictures that are shown now. Gives a number to take it by.
    pub(super) fn open(&self, now: MediaTime, cast: Cast) -> u64 {
        let mut inbox = self.inbox();
        let shown = |(stream, frame): (&u32, &Arc<VideoFrame>)| {
            (*stream, VecDeque::from([(now, Some(Arc::clone(frame)))]))
        };
        let pictures = inbox.newest.iter().map(shown).collect();
        inbox.taken = Taken { cast, pictures, ..Taken::default() };
        inbox.on = true;
        inbox.round += 1;
        inbox.round
    }

    /// What was left since it was taken last; `None`: this recording is closed.
    pub(super) fn take(&self, round: u64) -> Option<Taken> {
        let mut inbox = self.inbox();
        if !inbox.on || inbox.round != round {
            return None;
        }
        let cast = inbox.taken.cast.clone();
        Some(std::mem::replace(&mut inbox.taken, Taken { cast, ..Taken::default() }))
    }

    /// Keeps nothing any more, and gives what was left last.
    pub(super) fn close(&self, round: u64) -> Taken {
        let taken = self.take(round);
        let mut inbox = self.inbox();
        if inbox.round == round {
            inbox.on = false;
        }
        taken.unwrap_or_default()
    }

    /// Who is in the picture from now on.
    pub(crate) fn cast(&self, cast: Cast) {
        self.inbox().taken.cast = cast;
    }

    /// What is heard from `frame.time` on.
    pub(crate) fn heard(&self, frame: &AudioFrame) {
        keep(&mut self.inbox(), |taken| &mut taken.heard, frame);
    }

    /// What was said from `frame.time` on, and is sent.
    pub(crate) fn said(&self, frame: &AudioFrame) {
        keep(&mut self.inbox(), |taken| &mut taken.said, frame);
    }

    /// What a stream shows from `at` on; `None`: nothing.
    fn shows(&self, stream: u32, at: MediaTime, frame: Option<&Arc<VideoFrame>>) {
        let mut inbox = self.inbox();
        match frame {
            Some(frame) => drop(inbox.newest.insert(stream, Arc::clone(frame))),
            None => drop(inbox.newest.remove(&stream)),
        }
        if inbox.on {
            let waiting = inbox.taken.pictures.entry(stream).or_default();
            if waiting.len() >= PICTURES {
                waiting.pop_front();
            }
            waiting.push_back((at, frame.map(Arc::clone)));
        }
    }
}

fn keep(inbox: &mut Inbox, which: impl Fn(&mut Taken) -> &mut VecDeque<Box<AudioFrame>>, frame: &AudioFrame) {
    if inbox.on {
        let waiting = which(&mut inbox.taken);
        if waiting.len() >= SOUNDS {
            waiting.pop_front();
        }
        waiting.push_back(Box::new(frame.clone()));
    }
}

/// Hands pictures on to whoever shows them, and leaves them for the recording at the time at which they are seen.
pub(crate) struct TappedOutput {
    output: Arc<dyn FrameOutput>,
    tap: Arc<Tap>,
    clock: MediaClock,
}

impl TappedOutput {
    pub(crate) fn new(output: Arc<dyn FrameOutput>, tap: Arc<Tap>, clock: MediaClock) -> Self {
        Self { output, tap, clock }
    }

    fn now(&self) -> MediaTime {
        self.clock.at(Instant::now())
    }

    /// When our own picture was taken, as far as that is believed.
    fn taken(&self, frame: &VideoFrame) -> MediaTime {
        let (now, said) = (self.now(), frame.time());
        let near = said.saturating_since(now).max(now.saturating_since(said)) < BELIEVED;
        if near { said } else { now }
    }
}

impl FrameOutput for TappedOutput {
    fn frame(&self, stream: u32, frame: &Arc<VideoFrame>) {
        self.output.frame(stream, frame);
        // What we say is in the recording at the time at which it was said, and so is our face.
        let at = if stream == SELF_VIEW { self.taken(frame) } else { self.now() + self.delay(stream) };
        self.tap.shows(stream, at, Some(frame));
    }

    fn ended(&self, stream: u32) {
        self.output.ended(stream);
        self.tap.shows(stream, self.now(), None);
    }

    fn lines(&self, stream: u32) -> Option<u16> {
        self.output.lines(stream)
    }

    fn delay(&self, stream: u32) -> Duration {
        self.output.delay(stream)
    }

    fn shared(&self, frame: Option<&Arc<VideoFrame>>) {
        self.output.shared(frame);
        self.tap.shows(OWN_SCREEN, self.now(), frame);
    }
}
