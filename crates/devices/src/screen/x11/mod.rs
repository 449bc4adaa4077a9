//! Screens and windows of an X server.
//!
//! DAMAGE says when something changed, MIT-SHM hands over the pixels without a copy through the socket, XFIXES gives the
//! pointer's picture, and Composite keeps a window's own pixels apart, so that one that is covered is still seen whole.

mod display;
mod list;
mod pixels;
mod pointer;
mod source;
#[cfg(test)]
mod tests;

use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use tincan_media::MediaClock;

use self::display::Display;
use self::source::{Look, Source};
use super::{OnEvent, ScreenError, ScreenEvent, ScreenInfo, ScreenRequest, ScreenSelector};
use crate::video::{Gate, Pace, Told};

/// How often it is looked whether something changed: a change waits half of this on average, and looking costs 0.1 ms.
const LOOKS_PER_SECOND: f64 = 30.0;

/// What can be shared.
pub(super) fn list() -> Result<Vec<ScreenInfo>, ScreenError> {
    list::list(&Display::connect(None)?)
}

/// Gives a picture at every change until the word to stop (`Ok`), or until there is nothing to capture any more.
pub(super) fn capture(
    selector: &ScreenSelector,
    request: ScreenRequest,
    clock: MediaClock,
    gate: &Gate,
    on_event: &OnEvent,
    told: &Receiver<Told>,
) -> Result<(), ScreenError> {
    capture_from(&Display::connect(None)?, selector, request, clock, gate, on_event, told)
}

fn capture_from(
    display: &Display,
    selector: &ScreenSelector,
    request: ScreenRequest,
    clock: MediaClock,
    gate: &Gate,
    on_event: &OnEvent,
    told: &Receiver<Told>,
) -> Result<(), ScreenError> {
    let mut source = Source::open(display, selector)?;
    let rate = f64::from(request.frames_per_second.max(1));
    let mut pace = Pace::new(told, LOOKS_PER_SECOND.max(rate));
    // A tenth of an interval is allowed for, since looks are not even.
    let interval = Duration::from_secs_f64(0.9 / rate);
    let (mut given, mut size, mut hidden): (Option<Instant>, _, _) = (None, None, false);
    while let Some(at) = pace.wait() {
        let looked = source.look(at)?;
        if (looked == Look::Hidden) != hidden {
            hidden = !hidden;
            on_event(if hidden { ScreenEvent::Hidden } else { ScreenEvent::Shown });
        }
        let due = given.is_none_or(|given| at.saturating_duration_since(given) >= interval);
        if looked != Look::Changed || !due {
            continue;
        }
        let Some(frame) = source.picture(clock.at(at))? else { continue };
        given = Some(at);
        let resolution = frame.resolution();
        if !gate.pass(frame) {
            break;
        }
        if size.replace(resolution) != Some(resolution) {
            on_event(ScreenEvent::Started { name: source.name().to_owned(), resolution });
        }
    }
    Ok(())
}
