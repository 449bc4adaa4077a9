//! What a window shows of a call.

use std::time::{SystemTime, UNIX_EPOCH};

use tincan_call as session;
use tincan_protocol::{InviteLink, PeerId, RoomCode, SafetyNumber};

use crate::api::{CallPhase, ConnectionView, Notice, NoticeKind, Participant};

pub(crate) fn phase(phase: session::Phase) -> CallPhase {
    match phase {
        session::Phase::Joining => CallPhase::Joining,
        session::Phase::Alone | session::Phase::Left => CallPhase::Alone,
        session::Phase::Connecting => CallPhase::Connecting,
        session::Phase::Connected => CallPhase::Connected,
        session::Phase::Reconnecting => CallPhase::Reconnecting,
    }
}

pub(crate) fn connection(view: session::ConnectionView) -> ConnectionView {
    match view {
        session::ConnectionView::Connecting => ConnectionView::Connecting,
        session::ConnectionView::Connected => ConnectionView::Connected,
        session::ConnectionView::Reconnecting => ConnectionView::Reconnecting,
    }
}

/// Somebody of whom only the id is known.
pub(crate) fn newcomer(id: PeerId, stream: u32, volume: f32) -> Participant {
    Participant {
        id: id.to_string(),
        name: String::new(),
        connection: ConnectionView::Connecting,
        microphone_on: false,
        camera_on: false,
        stream,
        volume,
        safety: None,
        quality: 0,
    }
}

pub(crate) fn safety(local: &str, remote: &str) -> Option<crate::api::SafetyNumber> {
    let number = SafetyNumber::from_fingerprints(local, remote).ok()?;
    Some(crate::api::SafetyNumber {
        words: number.words().iter().map(ToString::to_string).collect(),
        digits: number.digits(),
    })
}

/// Where people find the program; empty while it has no page.
const PROJECT_PAGE: &str = env!("CARGO_PKG_REPOSITORY");

/// What a person sends to somebody who is to join.
pub(crate) fn invitation(code: &RoomCode, link: &InviteLink) -> String {
    let get = match PROJECT_PAGE {
        "" => "You need Tincan for it, a free app for private video calls. Ask me if you do not have it yet."
            .to_owned(),
        page => format!("You need Tincan for it, a free app for private video calls: {page}"),
    };
    format!("Let us talk on Tincan.\n\nCode: {code}\nLink: {link}\n\n{get}")
}

/// Tells that somebody came or went.
pub(crate) fn presence(code: &str, name: &str, what: &str) -> Notice {
    let name = if name.is_empty() { "Somebody" } else { name };
    Notice { kind: NoticeKind::Info, code: code.into(), message: format!("{name} {what}.") }
}

/// Milliseconds since the Unix epoch.
pub(crate) fn unix_millis() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
