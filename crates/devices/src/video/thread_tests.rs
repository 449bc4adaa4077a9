//! The camera thread on cameras that behave and misbehave on command, and on what stands in for one.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tincan_media::video::{Resolution, Stamp, TestPattern, VideoFrame};
use tincan_media::{DeviceError, MediaClock, VideoSink};

use super::convert::{PictureFormat, RawPicture};
use super::pixel_format::PixelFormat;
use super::reader::{CameraSystem, RawCamera};
use super::thread::{CameraThread, Timing};
use super::y4m::Y4mWriter;
use super::{CameraEvent, CaptureRequest};
use crate::CameraSelector;

const SIZE: Resolution = Resolution::new(16, 16);
/// Nothing here waits for so long unless something is broken.
const LONG: Duration = Duration::from_secs(20);
const FAST: Timing = Timing {
    stall: Duration::from_millis(50),
    open: Duration::from_secs(20),
    retry: Duration::from_millis(5),
    release: Duration::from_millis(100),
};

/// What a scripted camera does next.
enum Act {
    Picture,
    /// From now on one picture a millisecond, without being told.
    Stream,
    Torn,
    Fail(DeviceError),
    Panic,
    Refuse(DeviceError),
}

/// Cameras that do what the test sends them; a read blocks until then.
struct Script {
    acts: Arc<Mutex<Receiver<Act>>>,
    asked: Sender<()>,
    released: Sender<()>,
}

struct Scripted {
    acts: Arc<Mutex<Receiver<Act>>>,
    asked: Sender<()>,
    released: Sender<()>,
    streaming: bool,
}

impl Drop for Scripted {
    fn drop(&mut self) {
        let _ = self.released.send(());
    }
}

impl CameraSystem for Script {
    fn open(&self, _: &CameraSelector, _: CaptureRequest) -> Result<Box<dyn RawCamera>, DeviceError> {
        if let Ok(Act::Refuse(error)) = self.acts.lock().unwrap().recv() {
            return Err(error);
        }
        Ok(Box::new(Scripted {
            acts: Arc::clone(&self.acts),
            asked: self.asked.clone(),
            released: self.released.clone(),
            streaming: false,
        }))
    }
}

impl RawCamera for Scripted {
    fn name(&self) -> &str {
        "Cam"
    }

    fn format(&self) -> PictureFormat {
        PictureFormat::new(PixelFormat::GREY, SIZE)
    }

    fn frames_per_second(&self) -> f32 {
        30.0
    }

    fn read(&mut self) -> Result<RawPicture<'_>, DeviceError> {
        let picture = |bytes: usize| {
            let captured = Instant::now();
            Ok(RawPicture { buffers: vec![vec![7; bytes].into()], captured })
        };
        if self.streaming {
            std::thread::sleep(Duration::from_millis(1));
            return picture(256);
        }
        let _ = self.asked.send(());
        let act = self.acts.lock().unwrap().recv();
        match act {
            Ok(Act::Stream) => {
                self.streaming = true;
                picture(256)
            }
            Ok(Act::Picture) => picture(256),
            Ok(Act::Torn) => picture(3),
            Ok(Act::Panic) => panic!("as nokhwa does"),
            Ok(Act::Fail(error) | Act::Refuse(error)) => Err(error),
            Err(_) => Err(lost()),
        }
    }
}

struct Pictures(Mutex<Sender<Arc<VideoFrame>>>);

impl VideoSink for Pictures {
    fn frame(&self, frame: &Arc<VideoFrame>) {
        let _ = self.0.lock().unwrap().send(Arc::clone(frame));
    }
}

struct Stage {
    camera: CameraThread,
    pictures: Receiver<Arc<VideoFrame>>,
    events: Receiver<CameraEvent>,
    acts: Sender<Act>,
    /// The camera was asked for a picture.
    asked: Receiver<()>,
    released: Receiver<()>,
}

fn stage(selector: CameraSelector) -> Stage {
    let (picture, pictures) = channel();
    let (event, events) = channel();
    let (acts, script) = channel();
    let (ask, asked) = channel();
    let (release, released) = channel();
    let event = Mutex::new(event);
    let camera = CameraThread::start(
        &selector,
        CaptureRequest { resolution: Resolution::new(320, 180), frames_per_second: 30 },
        MediaClock::new(Instant::now()),
        Arc::new(Pictures(Mutex::new(picture))),
        Box::new(move |what| {
            let _ = event.lock().unwrap().send(what);
        }),
        Arc::new(Script { acts: Arc::new(Mutex::new(script)), asked: ask, released: release }),
        FAST,
    );
    Stage { camera, pictures, events, acts, asked, released }
}

fn lost() -> DeviceError {
    DeviceError::Lost { device: "Cam".into() }
}

fn busy() -> DeviceError {
    DeviceError::Busy { device: "Cam".into() }
}

impl Stage {
    fn act(&self, acts: impl IntoIterator<Item = Act>) {
        for act in acts {
            self.acts.send(act).unwrap();
        }
    }

    fn event(&self) -> CameraEvent {
        self.events.recv_timeout(LONG).expect("an event")
    }

    fn started(&self) {
        assert!(matches!(self.event(), CameraEvent::Started { name, .. } if name == "Cam"));
    }
}

/// Lets a scripted camera open: any act but a refusal.
const OPEN: Act = Act::Picture;

#[test]
fn pictures_come_and_the_device_is_released_on_stop() {
    let stage = stage(CameraSelector::Default);
    stage.act([OPEN, Act::Stream]);
    assert_eq!(stage.pictures.recv_timeout(LONG).unwrap().resolution(), SIZE);
    stage.started();
    stage.camera.stop();
    stage.released.try_recv().expect("the device is released before stop returns");
}

#[test]
fn a_camera_that_hangs_does_not_hang_the_program_and_lets_nothing_out_afterwards() {
    let stage = stage(CameraSelector::Default);
    stage.act([OPEN, Act::Picture]);
    stage.pictures.recv_timeout(LONG).unwrap();
    stage.started();
    // For the picture that came, and for the one that does not.
    for _ in 0..2 {
        stage.asked.recv_timeout(LONG).unwrap();
    }
    let before = Instant::now();
    stage.camera.stop();
    assert!(before.elapsed() < LONG / 2);
    // The driver returns at last.
    stage.acts.send(Act::Picture).unwrap();
    stage.released.recv_timeout(LONG).expect("the device is released");
    assert!(stage.pictures.try_recv().is_err());
}

#[test]
fn a_camera_that_stands_still_is_reported_and_its_return_too() {
    let stage = stage(CameraSelector::Default);
    stage.act([OPEN, Act::Picture]);
    stage.started();
    assert_eq!(stage.event(), CameraEvent::Stalled);
    stage.act([Act::Picture]);
    assert_eq!(stage.event(), CameraEvent::Recovered);
}

#[test]
fn a_camera_that_was_unplugged_is_opened_again() {
    let stage = stage(CameraSelector::Device("Cam @ usb-1".into()));
    stage.act([OPEN, Act::Picture, Act::Fail(lost())]);
    stage.started();
    assert_eq!(stage.event(), CameraEvent::Failed(lost()));
    let missing = DeviceError::NotFound { device: "Cam".into() };
    stage.act([Act::Refuse(missing.clone()), Act::Refuse(missing.clone()), OPEN, Act::Picture]);
    // Told once, however often it is tried.
    assert_eq!(stage.event(), CameraEvent::Failed(missing));
    stage.started();
    assert_eq!(stage.event(), CameraEvent::Recovered);
}

#[test]
fn a_camera_that_is_busy_is_taken_when_it_is_free() {
    let stage = stage(CameraSelector::Default);
    stage.act([Act::Refuse(busy()), Act::Refuse(busy()), OPEN, Act::Picture]);
    assert_eq!(stage.event(), CameraEvent::Failed(busy()));
    stage.started();
    assert_eq!(stage.event(), CameraEvent::Recovered);
}

#[test]
fn a_driver_that_panics_is_a_lost_camera() {
    let stage = stage(CameraSelector::Default);
    stage.act([OPEN, Act::Picture, Act::Panic]);
    stage.started();
    // On a busy machine the watchdog may see the silence before the thread's end is known.
    let end = std::iter::repeat_with(|| stage.event()).find(|event| *event != CameraEvent::Stalled);
    assert_eq!(end, Some(CameraEvent::Failed(lost())));
}

#[test]
fn a_torn_picture_is_skipped() {
    let stage = stage(CameraSelector::Default);
    stage.act([OPEN, Act::Picture, Act::Torn, Act::Picture]);
    stage.started();
    for _ in 0..2 {
        stage.pictures.recv_timeout(LONG).unwrap();
    }
}

#[test]
fn nothing_but_torn_pictures_is_an_error() {
    let stage = stage(CameraSelector::Default);
    stage.act([OPEN]);
    stage.act((0..40).map(|_| Act::Torn));
    loop {
        match stage.event() {
            CameraEvent::Failed(error) => break assert_eq!(error.code(), "device_damaged"),
            CameraEvent::Stalled => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn no_camera_does_nothing() {
    let stage = stage(CameraSelector::None);
    stage.camera.stop();
    assert!(stage.pictures.try_recv().is_err() && stage.events.try_recv().is_err());
}

#[test]
fn the_test_pattern_counts_at_its_pace() {
    let stage = stage(CameraSelector::TestPattern);
    let frames: Vec<_> = (0..10).map(|_| stage.pictures.recv_timeout(LONG).unwrap()).collect();
    stage.camera.stop();
    for (index, frame) in (0..).zip(&frames) {
        assert_eq!(Stamp::read(frame).map(|stamp| stamp.counter), Some(index));
    }
    let took = frames[9].time().saturating_since(frames[0].time());
    assert!(took >= Duration::from_millis(299), "{took:?}");
    assert!(matches!(stage.events.recv().unwrap(), CameraEvent::Started { frames_per_second: 30.0, .. }));
}

#[test]
fn a_drawn_person_comes_at_the_wanted_size_and_pace_and_moves() {
    for selector in [CameraSelector::Portrait(None), CameraSelector::Portrait(Some(3))] {
        let stage = stage(selector);
        let frames: Vec<_> = (0..5).map(|_| stage.pictures.recv_timeout(LONG).unwrap()).collect();
        stage.camera.stop();
        assert_eq!(frames[0].resolution(), Resolution::new(320, 180));
        assert_ne!(frames[0].data(), frames[4].data());
        let CameraEvent::Started { name, frames_per_second, .. } = stage.events.recv().unwrap() else {
            panic!("not started")
        };
        assert_eq!((name.as_str(), frames_per_second), ("Drawn person", 30.0));
    }
}

#[test]
fn a_film_begins_again_at_its_end() {
    let path = std::env::temp_dir().join(format!("tincan-film-{}.y4m", std::process::id()));
    let pattern = TestPattern::new(Resolution::new(320, 180));
    let mut writer = Y4mWriter::new(Vec::new(), pattern.resolution(), 100).unwrap();
    for index in 0..3 {
        writer.write(&pattern.draw(index, Default::default())).unwrap();
    }
    std::fs::write(&path, writer.finish().unwrap()).unwrap();
    let stage = stage(CameraSelector::File(path.clone()));
    let counters: Vec<u32> =
        (0..7).map(|_| Stamp::read(&stage.pictures.recv_timeout(LONG).unwrap()).unwrap().counter).collect();
    assert_eq!(counters, [0, 1, 2, 0, 1, 2, 0]);
    assert!(matches!(stage.event(), CameraEvent::Started { frames_per_second: 100.0, .. }));
    stage.camera.stop();
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_film_that_is_none_is_refused_with_its_path() {
    let stage = stage(CameraSelector::File("/nowhere/film.y4m".into()));
    let CameraEvent::Failed(error) = stage.event() else { panic!("no failure") };
    assert_eq!(error.code(), "source_file");
    assert!(error.to_string().contains("/nowhere/film.y4m"), "{error}");
}
