//! Looks through the default camera, which shows the test pattern as tests make it, and tells what it sees: one JSON
//! object a picture, for as many pictures as the argument says.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use serde_json::json;
use tincan_devices::CameraSelector;
use tincan_devices::video::{CameraEvent, CameraThread, CaptureRequest};
use tincan_media::video::{Stamp, TestPattern, VideoFrame};
use tincan_media::{MediaClock, MediaTime, VideoSink};

/// Opening and a first picture take far less.
const PATIENCE: Duration = Duration::from_secs(20);

enum Seen {
    Picture(Arc<VideoFrame>, Instant),
    Failed(String),
}

struct Eye(Sender<Seen>);

impl VideoSink for Eye {
    fn frame(&self, frame: &Arc<VideoFrame>) {
        // Nobody looks any more when enough was seen.
        let _ = self.0.send(Seen::Picture(Arc::clone(frame), Instant::now()));
    }
}

fn main() -> ExitCode {
    let wanted = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(1);
    // Long ago, so that no picture is older than the clock.
    let now = Instant::now();
    let clock = MediaClock::new(now.checked_sub(Duration::from_secs(10)).unwrap_or(now));
    let (tell, seen) = channel();
    let failed = tell.clone();
    let camera = CameraThread::open(
        &CameraSelector::Default,
        CaptureRequest::default(),
        clock,
        Arc::new(Eye(tell)),
        Box::new(move |event| {
            if let CameraEvent::Failed(error) = event {
                let _ = failed.send(Seen::Failed(error.to_string()));
            }
        }),
    );
    for _ in 0..wanted {
        match seen.recv_timeout(PATIENCE) {
            Ok(Seen::Picture(frame, came)) => tell_of(&frame, clock.at(came)),
            Ok(Seen::Failed(sentence)) => {
                eprintln!("{sentence}");
                return ExitCode::FAILURE;
            }
            Err(_) => {
                eprintln!("no picture came");
                return ExitCode::FAILURE;
            }
        }
    }
    camera.stop();
    ExitCode::SUCCESS
}

fn tell_of(frame: &VideoFrame, came: MediaTime) {
    let size = frame.resolution();
    let counter = Stamp::read(frame).map(|stamp| stamp.counter);
    let difference = counter.map(|counter| {
        let drawn = TestPattern::new(size).draw(counter, MediaTime::from_micros(u64::from(counter) * 33_333));
        let ((y, u, v), (drawn_y, drawn_u, drawn_v)) = (frame.planes(), drawn.planes());
        let mean = |one: &[u8], other: &[u8]| {
            let sum: u64 = one.iter().zip(other).map(|(one, other)| u64::from(one.abs_diff(*other))).sum();
            sum as f64 / one.len() as f64
        };
        mean(y, drawn_y).max(mean(u, drawn_u)).max(mean(v, drawn_v))
    });
    let age = came.saturating_since(frame.time()).as_millis() as u64;
    println!(
        "{}",
        json!({
            "width": size.width,
            "height": size.height,
            "counter": counter,
            "difference": difference,
            "ageMs": age,
            "micros": frame.time().as_micros(),
        })
    );
}
