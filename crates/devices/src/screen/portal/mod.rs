//! What the desktop lets somebody choose in a dialog of its own: the only way on Wayland, where no program sees another.
//!
//! The desktop's portal asks the person and hands over a connection to PipeWire, on which nothing but the chosen thing
//! can be reached; the pictures come through that. Closing our connection to the session bus ends all of it.

mod dialog;
mod stream;

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tincan_media::MediaClock;

use self::dialog::{Chosen, Dialog, Heard};
use self::stream::Stream;
use super::{OnEvent, ScreenError, ScreenEvent, ScreenInfo, ScreenKind, ScreenRequest, ScreenSelector};
use crate::video::{Gate, Told};

/// How often it is looked whether somebody stopped it; pictures are not waited for by this.
const LOOK: Duration = Duration::from_millis(33);
/// A portal that has to be started first takes some seconds; then it is the person's turn, who takes any time.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);

/// The one entry of the list: the desktop does not say what there is.
pub(super) fn list() -> Result<Vec<ScreenInfo>, ScreenError> {
    dialog::check()?;
    Ok(vec![ScreenInfo {
        selector: ScreenSelector::Portal,
        name: "Choose a screen or window".into(),
        kind: ScreenKind::Dialog,
        picture: None,
    }])
}

/// Lets the person choose, then gives a picture at every change until the word to stop (`Ok`), or until there is nothing
/// to capture any more.
pub(super) fn capture(
    request: ScreenRequest,
    clock: MediaClock,
    gate: &Gate,
    on_event: &OnEvent,
    told: &Receiver<Told>,
) -> Result<(), ScreenError> {
    let mut dialog = Dialog::open();
    let Some(Chosen { remote, node, name }) = choose(&mut dialog, told)? else { return Ok(()) };
    let rate = request.frames_per_second.max(1);
    let mut stream = Stream::open(remote, node, rate, clock)?;
    // A tenth of an interval is allowed for, since pictures do not come evenly.
    let interval = Duration::from_secs_f64(0.9 / f64::from(rate));
    let (mut given, mut size): (Option<Instant>, _) = (None, None);
    while !stopped(told, Duration::ZERO) {
        dialog.heard()?;
        let left = given.map_or(Duration::ZERO, |given| interval.saturating_sub(given.elapsed()));
        stream.look(if stream.has_picture() { left.min(LOOK) } else { LOOK })?;
        if given.is_some_and(|given| given.elapsed() < interval) {
            continue;
        }
        let Some(frame) = stream.take_picture() else { continue };
        given = Some(Instant::now());
        let resolution = frame.resolution();
        if !gate.pass(frame) {
            break;
        }
        if size.replace(resolution) != Some(resolution) {
            on_event(ScreenEvent::Started { name: name.into(), resolution });
        }
    }
    Ok(())
}

/// What the person chose; `None` when it is time to stop.
fn choose(dialog: &mut Dialog, told: &Receiver<Told>) -> Result<Option<Chosen>, ScreenError> {
    let mut limit = Some(Instant::now() + ANSWER_LIMIT);
    while !stopped(told, LOOK) {
        match dialog.heard()? {
            Some(Heard::Asked) => limit = None,
            Some(Heard::Chosen(chosen)) => return Ok(Some(chosen)),
            None if limit.is_some_and(|limit| Instant::now() >= limit) => {
                return Err(ScreenError::DesktopHangs);
            }
            None => {}
        }
    }
    Ok(None)
}

/// Whether the owner said to stop within `wait`.
fn stopped(told: &Receiver<Told>, wait: Duration) -> bool {
    match told.recv_timeout(wait) {
        Ok(Told::Stop) | Err(RecvTimeoutError::Disconnected) => true,
        Ok(Told::Reader(..)) | Err(RecvTimeoutError::Timeout) => false,
    }
}
