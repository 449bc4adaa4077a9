//! The receive thread's work in simulated time: real pictures, made arrivals.

use proptest::prelude::*;
use tincan_codec::H264Encoder;
use tincan_media::Bitrate;
use tincan_media::ports::VideoEncoder;
use tincan_media::video::{EncodedVideo, TestPattern, packetize};

use super::*;

/// What the window was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// The picture that was captured so many milliseconds after the beginning.
    Picture(u64),
    Ended,
}

#[derive(Default)]
struct Screen(Mutex<Vec<Shown>>);

impl FrameOutput for Screen {
    fn frame(&self, _: u32, frame: &Arc<VideoFrame>) {
        self.0.lock().unwrap().push(Shown::Picture(frame.time().as_micros() / 1_000));
    }
    fn ended(&self, _: u32) {
        self.0.lock().unwrap().push(Shown::Ended);
    }
}

/// One thing that happens at a millisecond.
#[derive(Clone)]
enum Event {
    Picture(Arc<EncodedVideo>),
    Camera(bool),
    LookedAt(bool),
}

/// Encoded pictures, 25 a second while the camera is on; each time it goes on again begins with a keyframe.
fn pictures(on: &[std::ops::Range<u64>]) -> Vec<(u64, Event)> {
    let size = Resolution::new(160, 90);
    let mut encoder = H264Encoder::new(Bitrate::kbps(400), 25.0);
    let mut pictures = Vec::new();
    for stretch in on {
        for (n, captured) in stretch.clone().step_by(40).enumerate() {
            let picture =
                TestPattern::new(size).draw(captured as u32, MediaTime::from_micros(captured * 1_000));
            if let Some(unit) = encoder.encode(&picture, n == 0).unwrap() {
                pictures.push((captured, Event::Picture(Arc::new(unit))));
            }
        }
    }
    pictures
}

/// Runs a receive thread's work over these events, and four seconds longer.
fn run(mut events: Vec<(u64, Event)>) -> (Vec<Shown>, ReceiveStatistics) {
    events.sort_by_key(|(at, _)| *at);
    let start = Instant::now();
    let screen = Arc::new(Screen::default());
    let (commands, inbox) = sync_channel(QUEUE);
    let facts = Arc::<Mutex<Facts>>::default();
    let handle = VideoHandle { commands, facts: Arc::clone(&facts) };
    let (publish, statistics) = watch::channel(ReceiveStatistics::default());
    let mut worker = Worker::new(target(Arc::clone(&screen)), facts, publish, start);
    let end = events.last().map_or(0, |(at, _)| at + 10_000);
    let mut events = events.into_iter().peekable();
    let mut sequence = 7u16;
    for millis in 0..end {
        let now = start + Duration::from_millis(millis);
        let mut busy = millis % 5 == 0;
        while let Some((_, event)) = events.next_if(|(at, _)| *at <= millis) {
            busy = true;
            match event {
                Event::Camera(on) => handle.camera(on),
                Event::LookedAt(looked_at) => handle.looked_at(looked_at),
                Event::Picture(unit) => {
                    let payloads = packetize(&unit, 1_100);
                    let last = payloads.len() - 1;
                    for (n, payload) in payloads.into_iter().enumerate() {
                        handle.packet(RtpPacket {
                            sequence,
                            timestamp: unit.time.to_rtp(90_000),
                            marker: n == last,
                            payload,
                            arrived: now,
                            audio_level: None,
                            recovered: false,
                        });
                        sequence = sequence.wrapping_add(1);
                    }
                }
            }
        }
        while let Ok(command) = inbox.try_recv() {
            worker.handle(command);
        }
        if busy {
            worker.step(now);
        }
    }
    let shown = screen.0.lock().unwrap().clone();
    (shown, *statistics.borrow())
}

/// Delays every picture by `way`.
fn over(way: u64, pictures: Vec<(u64, Event)>) -> Vec<(u64, Event)> {
    pictures.into_iter().map(|(at, picture)| (at + way, picture)).collect()
}

#[test]
fn a_word_that_overtakes_the_last_pictures_makes_no_freeze_and_shows_none_of_them() {
    let mut events = over(250, pictures(&[0..4_000, 34_000..38_000]));
    events.extend([(4_010, Event::Camera(false)), (34_010, Event::Camera(true))]);
    let (shown, statistics) = run(events);
    assert_eq!(statistics.freezes, 0);
    let ended = shown.iter().position(|shown| *shown == Shown::Ended).unwrap();
    assert!(ended > 80, "{ended}");
    assert_eq!(shown.iter().filter(|shown| **shown == Shown::Ended).count(), 1);
    // Times count from the first picture that came.
    let Shown::Picture(next) = shown[ended + 1] else { panic!("{:?}", shown[ended + 1]) };
    assert!(next >= 33_900, "a picture from before the pause was shown after it: {next}");
}

#[test]
fn a_word_that_comes_after_the_pictures_makes_no_freeze_either() {
    let mut events = over(20, pictures(&[0..4_000, 14_000..20_000]));
    // The word that it is off gets lost, and is sent again with the one that it is on.
    events.extend([(17_000, Event::Camera(false)), (17_000, Event::Camera(true))]);
    let (shown, statistics) = run(events);
    assert_eq!(statistics.freezes, 0);
    let ended = shown.iter().position(|shown| *shown == Shown::Ended).unwrap();
    assert!(ended + 50 < shown.len(), "pictures go on");
}

#[test]
fn pictures_are_shown_before_the_word_that_the_camera_is_on_comes() {
    let mut events = over(20, pictures(&[0..4_000, 14_000..20_000]));
    events.extend([(4_000, Event::Camera(false)), (19_000, Event::Camera(true))]);
    let (shown, statistics) = run(events);
    assert_eq!(statistics.freezes, 0);
    let late = shown.iter().filter(|shown| matches!(shown, Shown::Picture(at) if *at > 13_000)).count();
    assert!(late > 140, "{late}");
}

#[test]
fn what_nobody_looked_at_did_not_freeze_whatever_their_camera_did_meanwhile() {
    // Hidden at 4 s, on the screen again at 30 s; the pictures stop and come a round trip later.
    let words = [(4_000, Event::LookedAt(false)), (30_000, Event::LookedAt(true))];
    let mut events = over(100, pictures(&[0..4_100, 30_100..38_000]));
    events.extend(words.clone());
    assert_eq!(run(events).1.freezes, 0);

    let mut events = over(100, pictures(&[0..4_100, 30_100..38_000]));
    events.extend(words);
    events.extend([(12_000, Event::Camera(false)), (20_000, Event::Camera(true))]);
    assert_eq!(run(events).1.freezes, 0);
}

#[test]
fn a_path_that_stood_still_is_a_freeze() {
    let mut events = over(20, pictures(&[0..4_000, 4_000..8_000]));
    for (at, _) in &mut events {
        if (4_000..5_000).contains(at) {
            *at = 5_000;
        }
    }
    assert_eq!(run(events).1.freezes, 1);
}

#[test]
fn facts_are_not_lost_when_the_queue_is_full() {
    let (commands, _inbox) = sync_channel(1);
    let handle = VideoHandle { commands, facts: Arc::default() };
    for _ in 0..5 {
        let _ = handle.commands.try_send(VideoCommand::Look);
    }
    handle.camera(false);
    handle.camera(true);
    handle.camera(false);
    handle.round_trip(Duration::from_millis(1));
    handle.round_trip(Duration::from_millis(2));
    handle.report(Source::Camera, 5, 6);
    let facts = handle.facts.lock().unwrap();
    assert_eq!((facts.camera, facts.round_trip), (Some((false, 2)), Some(Duration::from_millis(2))));
    assert_eq!((facts.video_report, facts.audio_report), (Some((5, 6)), None));
}

#[test]
fn a_film_is_in_step_with_its_sound_and_a_page_is_not_whatever_plays() {
    let start = Instant::now();
    let at = |millis| start + Duration::from_millis(millis);
    let (publish, _statistics) = watch::channel(ReceiveStatistics::default());
    let target = VideoTarget { at_once: true, ..target(Arc::default()) };
    let mut worker = Worker::new(target, Arc::default(), publish, start);
    let sound = |millis| VideoCommand::Audio(AudioPlayout { rtp: 0, at: at(millis), held: Duration::ZERO });
    worker.decoded.extend((0..10).map(|n| (at(n * 40), Duration::ZERO)));
    assert!(!worker.is_in_step(at(400)), "nothing is heard");
    worker.handle(sound(430));
    assert!(worker.is_in_step(at(400)) && worker.is_in_step(at(900)));
    assert!(!worker.is_in_step(at(1_000)), "the sound is over");
    worker.handle(sound(3_000));
    assert!(!worker.is_in_step(at(3_000)), "no picture for a second: a page");
    worker.decoded.extend((0..FILM as u64).map(|n| (at(3_000 + n * 40), Duration::ZERO)));
    assert!(worker.is_in_step(at(3_400)));
}

/// What pictures are shown on.
fn target(screen: Arc<Screen>) -> VideoTarget {
    VideoTarget {
        stream: 1,
        output: screen,
        keyframe_needed: Box::new(|| {}),
        hold_sound: Box::new(|_| {}),
        at_once: false,
        patience: Duration::ZERO,
    }
}

#[test]
fn an_ended_receiver_shows_nothing_more() {
    let screen = Arc::new(Screen::default());
    let receiver = VideoReceiver::start(target(Arc::clone(&screen)));
    receiver.handle().end();
    drop(receiver);
    assert_eq!(*screen.0.lock().unwrap(), [Shown::Ended]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn in_whatever_order_they_come_a_pause_is_no_freeze(
        pauses in proptest::collection::vec((300u64..8_000, 1_200u64..3_000), 1..4),
        way in 0u64..600,
        words in proptest::collection::vec(0u64..3_500, 8),
    ) {
        let (mut at, mut stretches, mut events) = (0, Vec::new(), Vec::new());
        let mut spoken = 0;
        for (n, &(pause, on)) in pauses.iter().enumerate() {
            stretches.push(at..at + on.max(if n == 0 { 2_000 } else { 0 }));
            let off = stretches[n].end;
            at = off + pause;
            // The control channel keeps its own order.
            for (word, on, said) in [(words[2 * n], false, off), (words[2 * n + 1], true, at)] {
                spoken = spoken.max(said + word);
                events.push((spoken, Event::Camera(on)));
            }
        }
        stretches.push(at..at + 4_000);
        events.extend(over(way, pictures(&stretches)));
        let (shown, statistics) = run(events);
        prop_assert_eq!(statistics.freezes, 0);
        prop_assert!(matches!(shown.last(), Some(Shown::Picture(_))), "the camera is on in the end");
    }
}

#[test]
fn a_thread_that_does_not_come_to_report_shows_nothing_and_is_late() {
    let (_, reported) = run(pictures(&[0..2_000, 2_000..4_000]));
    assert!(reported.waited < Duration::from_secs(1), "{reported:?}");
    let at = reported.reported.unwrap();
    let alive = ReceiveStatistics { frames_per_second: 25.0, ..reported };
    assert_eq!(alive.as_of(at + IDLE).frames_per_second, 25.0, "the next report is not due yet");
    let stuck = alive.as_of(at + Duration::from_secs(5));
    assert_eq!((stuck.frames_per_second, stuck.waited), (0.0, Duration::from_secs(5)));
}
