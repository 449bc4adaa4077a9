use std::sync::Mutex;

use tincan_call::{LimitedBy, PathEstimate};
use tincan_codec::H264Decoder;
use tincan_media::ports::VideoDecoder;
use tincan_media::video::{TextScreen, text_screen};
use tincan_peer::SharedAudio;

use super::*;

const SIZE: Resolution = Resolution::new(1_280, 720);

/// Decodes what it gets, as a receiver does, and counts when it has come over a path of this rate.
struct Receiver {
    seen: Mutex<Seen>,
}

struct Seen {
    decoder: H264Decoder,
    kbps: u64,
    free_at: Instant,
    pictures: Vec<Picture>,
    newest: Option<VideoFrame>,
}

#[derive(Debug, Clone, Copy)]
struct Picture {
    keyframe: bool,
    lines: u32,
    came: Instant,
    counter: Option<u32>,
}

impl Receiver {
    fn at(kbps: u64, now: Instant) -> Arc<Self> {
        let (decoder, pictures) = (H264Decoder::new(), Vec::new());
        Arc::new(Self { seen: Mutex::new(Seen { decoder, kbps, free_at: now, pictures, newest: None }) })
    }

    fn take(&self) -> Vec<Picture> {
        std::mem::take(&mut self.seen.lock().unwrap().pictures)
    }

    fn legible(&self) -> Option<(usize, usize)> {
        self.seen.lock().unwrap().newest.as_ref().and_then(text_screen::legible)
    }
}

/// A sink has no clock: the room tells it what time it is.
struct Sink {
    receiver: Arc<Receiver>,
    now: Arc<Mutex<Instant>>,
}

impl PeerSink for Sink {
    fn shared_sound(&self, _: &SharedAudio) {}
    fn audio(&self, _: &SharedAudio) {}
    fn video(&self, _: &SharedVideo) {
        panic!("a screen is no camera");
    }
    fn screen(&self, unit: &SharedVideo) {
        let (mut seen, now) = (self.receiver.seen.lock().unwrap(), *self.now.lock().unwrap());
        let frame = seen.decoder.decode(unit).expect("a stream without gaps").expect("a picture");
        let leaving = Duration::from_secs_f64(unit.data.len() as f64 * 8.0 / (seen.kbps as f64 * 1e3));
        seen.free_at = seen.free_at.max(now) + leaving;
        let (came, counter) =
            (seen.free_at, tincan_media::video::Stamp::read(&frame).map(|stamp| stamp.counter));
        let lines = frame.resolution().height;
        seen.pictures.push(Picture { keyframe: unit.keyframe, lines, came, counter });
        seen.newest = Some(frame);
    }
    fn screen_waits(&self) -> Duration {
        let (seen, now) = (self.receiver.seen.lock().unwrap(), *self.now.lock().unwrap());
        seen.free_at.saturating_duration_since(now)
    }
    fn paths(&self, _: usize) {}
}

struct Room {
    worker: Worker,
    statistics: watch::Receiver<BTreeMap<PeerId, SentPictures>>,
    screen: TextScreen,
    start: Instant,
    now: Arc<Mutex<Instant>>,
    /// Pictures that were made, so that a still screen can be told from a busy one.
    steps: u32,
}

impl Room {
    fn new() -> Self {
        let (publish, statistics) = watch::channel(BTreeMap::new());
        let start = Instant::now();
        let mut worker = Worker::new(publish);
        worker.handle(ScreenCommand::Begin { frames_per_second: text_screen::STEPS_PER_SECOND }, start);
        let screen = TextScreen::new(SIZE, false);
        Self { worker, statistics, screen, start, now: Arc::new(Mutex::new(start)), steps: 0 }
    }

    fn now(&self) -> Instant {
        *self.now.lock().unwrap()
    }

    fn join(&mut self, last: u8, kbps: u64) -> Arc<Receiver> {
        let (id, now) = (peer(last), self.now());
        let receiver = Receiver::at(kbps, now);
        let sink = Arc::new(Sink { receiver: Arc::clone(&receiver), now: Arc::clone(&self.now) });
        self.worker.handle(ScreenCommand::AddParticipant { id, sink }, now);
        self.path(last, kbps);
        receiver
    }

    fn path(&mut self, last: u8, kbps: u64) {
        let (available, sound) = (Bitrate::kbps(kbps + 40), Bitrate::kbps(40));
        let path = PathEstimate { available, sound, loss: 0.0 };
        let now = self.now();
        self.worker.handle(ScreenCommand::Path { id: peer(last), path }, now);
    }

    /// So many milliseconds of the programme.
    fn run(&mut self, millis: u64) {
        let end = self.now() + Duration::from_millis(millis);
        let step = Duration::from_micros(66_667);
        let mut draw_at = self.now();
        while self.now() < end {
            let now = self.now();
            if now >= draw_at {
                draw_at = now + step;
                let since = now - self.start;
                let time = MediaTime::from_micros(since.as_micros() as u64);
                if let Some(frame) = self.screen.draw(since, time, 0) {
                    self.worker.frame(Arc::new(frame));
                }
            }
            let next = self.worker.step(now);
            self.steps += 1;
            assert!(self.steps < 100_000, "it never waits");
            let next = next.unwrap_or(draw_at).min(draw_at).max(now + Duration::from_millis(1));
            *self.now.lock().unwrap() = next;
        }
    }
}

fn peer(last: u8) -> PeerId {
    PeerId::from_bytes([last; 32])
}

#[test]
fn a_page_is_legible_within_a_second_and_costs_nothing_once_it_is_sharp() {
    let mut room = Room::new();
    let one = room.join(1, 1_000);
    room.run(1_000);
    let (right, all) = one.legible().unwrap();
    assert_eq!(right, all);
    assert!(one.take().first().is_some_and(|picture| picture.keyframe && picture.lines == 720));
    room.run(1_500);
    one.take();
    room.run(1_400);
    assert!(one.take().is_empty(), "nothing changes");
    // The page is turned.
    room.run(1_000);
    let turned: Vec<Picture> = one.take().into_iter().filter(|picture| picture.counter == Some(60)).collect();
    let late = turned[0].came - (room.start + Duration::from_secs(4));
    assert!(late < Duration::from_millis(900), "{late:?}");
    assert_eq!(one.legible().map(|(right, all)| right == all), Some(true));
    assert!(!turned.iter().any(|picture| picture.keyframe));
}

#[test]
fn on_a_narrow_path_scrolling_loses_pictures_and_what_is_seen_is_never_old() {
    let mut room = Room::new();
    let one = room.join(1, 300);
    room.run(8_000);
    one.take();
    room.run(3_500);
    let seen = one.take();
    let behind = seen.iter().filter_map(|picture| {
        let drawn = room.start + Duration::from_micros(u64::from(picture.counter?) * 66_667);
        (picture.counter? > 120).then(|| picture.came.saturating_duration_since(drawn))
    });
    let (count, worst) = (seen.len(), behind.max().unwrap());
    assert!(count > 3 && worst < Duration::from_millis(2_500), "{count} pictures, {worst:?} late");
    room.run(3_000);
    assert_eq!(one.legible().map(|(right, all)| right == all), Some(true));
}

#[test]
fn a_newcomer_begins_with_a_keyframe_also_of_a_screen_that_stands_still() {
    let mut room = Room::new();
    room.join(1, 2_000);
    room.run(3_500);
    let other = room.join(2, 2_000);
    room.run(400);
    assert!(other.take().first().is_some_and(|picture| picture.keyframe));
    assert!(other.legible().is_some());
    let sent = room.statistics.borrow().clone();
    assert_eq!(sent[&peer(2)].resolution, Some(SIZE));
    room.worker.handle(ScreenCommand::RemoveParticipant(peer(2)), room.now());
    room.worker.handle(ScreenCommand::End, room.now());
    room.run(200);
    assert!(room.statistics.borrow().is_empty() && room.worker.step(room.now()).is_none());
}

#[test]
fn who_carries_much_less_gets_fewer_pictures_and_the_others_all_of_theirs() {
    let mut room = Room::new();
    let (near, far) = (room.join(1, 2_000), room.join(2, 200));
    room.run(8_000);
    near.take();
    far.take();
    room.run(3_000);
    let (all, some) = (near.take().len(), far.take().len());
    assert!(all > 25 && some < all / 2 && some > 0, "{all} and {some}");
    let sent = room.statistics.borrow().clone();
    assert_eq!(sent[&peer(2)].limited_by, LimitedBy::Bandwidth);
    room.path(2, 10);
    room.run(3_500);
    assert_eq!(room.statistics.borrow()[&peer(2)].resolution, None);
}

#[test]
fn who_looks_at_none_of_it_is_sent_none_and_who_shows_it_small_gets_it_small() {
    let mut room = Room::new();
    let one = room.join(1, 2_000);
    room.run(500);
    room.worker.handle(ScreenCommand::Want { id: peer(1), want: Want::Nothing }, room.now());
    room.run(100);
    one.take();
    room.run(5_000);
    assert!(one.take().is_empty());
    room.worker.handle(ScreenCommand::Want { id: peer(1), want: Want::Lines(200) }, room.now());
    room.run(500);
    let first = one.take()[0];
    assert_eq!((first.keyframe, first.lines), (true, 360));
    room.worker.handle(ScreenCommand::Want { id: peer(1), want: Want::Lines(600) }, room.now());
    room.run(1_500);
    let seen = one.take();
    assert!(seen.iter().any(|picture| picture.keyframe && picture.lines == 720), "{seen:?}");
}

#[test]
fn a_picture_that_looks_like_the_one_before_is_no_change() {
    let mut room = Room::new();
    let one = room.join(1, 2_000);
    room.run(3_500);
    one.take();
    let mut again = TextScreen::new(SIZE, false);
    let page = Arc::new(again.draw(Duration::ZERO, MediaTime::ZERO, 0).unwrap());
    for _ in 0..5 {
        room.worker.frame(Arc::clone(&page));
        room.worker.step(room.now());
    }
    assert!(one.take().is_empty());
}

#[test]
fn large_screens_are_made_smaller_and_upright_ones_are_not_laid_down() {
    let of = |width, height, shown| {
        let size = size_of(Resolution::new(width, height), shown);
        (size.width, size.height)
    };
    assert_eq!(of(1_920, 1_080, Want::Any), (1_920, 1_080));
    assert_eq!(of(3_840, 2_160, Want::Any), (2_560, 1_440));
    assert_eq!(of(1_080, 1_920, Want::Lines(600)), (1_080, 1_920));
    assert_eq!(of(1_920, 1_080, Want::Lines(540)), (960, 540));
    assert_eq!(of(7_680, 1_080, Want::Any), (2_560, 360));
    assert_eq!(of(20, 20, Want::Lines(1)), (16, 16));
}
