//! Cameras that are drawn: the test pattern, and a person.

use std::hash::{BuildHasher, RandomState};
use std::sync::mpsc::Receiver;
use std::time::{SystemTime, UNIX_EPOCH};

use tincan_media::MediaClock;
use tincan_media::video::{Portrait, TestPattern};

use super::pace::Pace;
use super::reader::{Gate, Told};
use super::thread::OnEvent;
use super::{CameraEvent, CaptureRequest};

/// The name of the test pattern.
const TEST_PATTERN: &str = "Test pattern";
/// ... and of a person.
const PORTRAIT: &str = "Drawn person";

/// The test pattern until the word to stop. Its stamps carry the wall clock, which other processes know too.
pub(super) fn test_pattern(
    request: CaptureRequest,
    clock: MediaClock,
    gate: &Gate,
    on_event: &OnEvent,
    told: &Receiver<Told>,
) {
    let pattern = TestPattern::new(request.resolution);
    let mut pace = Pace::new(told, f64::from(request.frames_per_second));
    let mut counter = 0u32;
    while let Some(at) = pace.wait() {
        let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64);
        if !gate.pass(pattern.draw_stamped(counter, clock.at(at), micros)) {
            return;
        }
        if counter == 0 {
            on_event(CameraEvent::Started {
                name: TEST_PATTERN.into(),
                resolution: pattern.resolution(),
                frames_per_second: request.frames_per_second as f32,
            });
        }
        counter = counter.wrapping_add(1);
    }
}

/// A person until the word to stop; another one each time when no seed is given.
pub(super) fn portrait(
    seed: Option<u64>,
    request: CaptureRequest,
    clock: MediaClock,
    gate: &Gate,
    on_event: &OnEvent,
    told: &Receiver<Told>,
) {
    // The standard library's own chance is enough for this.
    let seed = seed.unwrap_or_else(|| RandomState::new().hash_one(0));
    let mut portrait = Portrait::new(request.resolution, seed);
    let mut pace = Pace::new(told, f64::from(request.frames_per_second));
    let mut first = true;
    while let Some(at) = pace.wait() {
        if !gate.pass(portrait.draw(clock.at(at))) {
            return;
        }
        if std::mem::take(&mut first) {
            on_event(CameraEvent::Started {
                name: PORTRAIT.into(),
                resolution: portrait.resolution(),
                frames_per_second: request.frames_per_second as f32,
            });
        }
    }
}
