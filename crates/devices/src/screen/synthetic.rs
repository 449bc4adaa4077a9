//! Screens that are drawn, and films in place of one.

use std::path::Path;
use std::sync::mpsc::Receiver;
use std::time::{SystemTime, UNIX_EPOCH};

use tincan_media::MediaClock;
use tincan_media::video::{Resolution, TextScreen, text_screen};

use super::{OnEvent, ScreenError, ScreenEvent};
use crate::video::{CameraEvent, Gate, Pace, Told, play_film};

/// The name of the drawn pages.
const TEST_TEXT: &str = "Test text";
const SIZE: Resolution = Resolution::new(1_920, 1_080);

/// Pages of text until the word to stop. The stamps carry the wall clock, which other processes know too.
pub(super) fn text(
    still: bool,
    clock: MediaClock,
    gate: &Gate,
    on_event: &OnEvent,
    told: &Receiver<Told>,
) -> Result<(), ScreenError> {
    let mut screen = TextScreen::new(SIZE, still);
    let mut pace = Pace::new(told, f64::from(text_screen::STEPS_PER_SECOND));
    let mut began = None;
    while let Some(at) = pace.wait() {
        let since = at.saturating_duration_since(*began.get_or_insert(at));
        let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64);
        let Some(frame) = screen.draw(since, clock.at(at), micros) else { continue };
        if !gate.pass(frame) {
            break;
        }
        if since.is_zero() {
            on_event(ScreenEvent::Started { name: TEST_TEXT.into(), resolution: screen.resolution() });
        }
    }
    Ok(())
}

/// A film, over and over, until the word to stop.
pub(super) fn film(
    path: &Path,
    clock: MediaClock,
    gate: &Gate,
    on_event: &OnEvent,
    told: &Receiver<Told>,
) -> Result<(), ScreenError> {
    let started = |event| {
        if let CameraEvent::Started { name, resolution, .. } = event {
            on_event(ScreenEvent::Started { name, resolution });
        }
    };
    play_film(path, clock, gate, &started, told).map_err(ScreenError::File)
}
