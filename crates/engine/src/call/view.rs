//! What a window shows of a call.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use tincan_call as session;
use tincan_protocol::{self as protocol, InviteLink, PeerId, PostId, RoomCode, SafetyNumber, StreamState};
use tincan_share::Said;

use crate::api::{
    CallPhase, ChatMessage, ChatReaction, ConnectionView, Notice, NoticeKind, Participant, Reaction,
    Sentence, Source, StreamView, Trust,
};

pub(crate) fn phase(phase: session::Phase) -> CallPhase {
    match phase {
        session::Phase::Joining => CallPhase::Joining,
        session::Phase::Knocking => CallPhase::Knocking,
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
        shares_sound: false,
        streams: vec![StreamView { source: Source::Camera, stream, on: false, paused: false }],
        volume,
        trust: Trust::Unconfirmed,
        late: false,
        hand: None,
        records: false,
        quality: 0,
    }
}

/// What somebody shares.
pub(crate) fn screen(stream: u32) -> StreamView {
    StreamView { source: Source::Screen, stream, on: true, paused: false }
}

pub(crate) fn trust(trust: session::Trust) -> Trust {
    match trust {
        session::Trust::Unconfirmed => Trust::Unconfirmed,
        session::Trust::Unverified => Trust::Unverified,
        session::Trust::Verified => Trust::Verified,
        session::Trust::Changed => Trust::Changed,
    }
}

/// What somebody says of a source that has pictures, if it is shown.
pub(crate) fn shown(source: Source, streams: &[StreamState]) -> (bool, bool) {
    let source = match source {
        Source::Camera => protocol::Source::Camera,
        Source::Screen => protocol::Source::Screen,
    };
    let state = streams.iter().find(|state| state.source == source);
    (state.is_some(), state.is_some_and(|state| state.paused))
}

macro_rules! reactions {
    ($($name:ident),+) => {
        pub(crate) fn reaction(reaction: protocol::Reaction) -> Reaction {
            match reaction {
                $(protocol::Reaction::$name => Reaction::$name,)+
            }
        }

        /// What is said for a reaction that was chosen here.
        pub(crate) fn said(reaction: Reaction) -> protocol::Reaction {
            match reaction {
                $(Reaction::$name => protocol::Reaction::$name,)+
            }
        }
    };
}
reactions!(ThumbsUp, Clap, Heart, Laugh, Surprised, Party);

/// Names a message of the chat in commands: its number and its author.
pub(crate) fn post_id(id: PostId) -> String {
    format!("{}-{}", id.number, id.author)
}

/// Which message a command names.
pub(crate) fn parse_post_id(id: &str) -> Option<PostId> {
    let (number, author) = id.split_once('-')?;
    Some(PostId { number: number.parse().ok()?, author: author.parse().ok()? })
}

pub(crate) fn chat_message(said: &Said<'_>) -> ChatMessage {
    let reactions = said.reactions.iter().map(|(kind, people)| ChatReaction {
        reaction: reaction(*kind),
        people: people.iter().map(PeerId::to_string).collect(),
    });
    ChatMessage {
        id: post_id(said.id),
        number: said.id.number,
        author: said.id.author.to_string(),
        at: said.at,
        to: said.to.map(|to| to.to_string()),
        reply: said.reply.map(post_id),
        text: said.text.map(str::to_owned),
        edited: said.edited,
        passed_on_by: said.via.map(|via| via.to_string()),
        reactions: reactions.collect(),
    }
}

/// What everybody in the room compares. Takes some ten milliseconds on purpose.
pub(crate) fn safety(everybody: &BTreeSet<PeerId>) -> crate::api::SafetyNumber {
    let number = SafetyNumber::of(everybody);
    crate::api::SafetyNumber {
        words: number.words().iter().map(ToString::to_string).collect(),
        digits: number.digits(),
    }
}

/// Where people find the program; empty while it has no page.
const PROJECT_PAGE: &str = env!("CARGO_PKG_REPOSITORY");

/// What a person sends to somebody who is to join.
pub(crate) fn invitation(code: &RoomCode, link: &InviteLink) -> Sentence {
    let get = match PROJECT_PAGE {
        "" => "You need Tincan for it, a free app for private video calls. Ask me if you do not have it yet."
            .to_owned(),
        page => format!("You need Tincan for it, a free app for private video calls: {page}"),
    };
    let english = format!("Let us talk on Tincan.\n\nCode: {code}\nLink: {link}\n\n{get}");
    Sentence::new("invitation", english)
        .with("code", code.to_string())
        .with("link", link.to_string())
        .with("page", if PROJECT_PAGE.is_empty() { "none" } else { PROJECT_PAGE })
}

/// Tells that somebody came or went.
pub(crate) fn presence(code: &str, name: &str, what: &str) -> Notice {
    let who = if name.is_empty() { "Somebody" } else { name };
    Notice::new(NoticeKind::Info, Sentence::new(code, format!("{who} {what}.")).with("name", name))
}

/// Milliseconds since the Unix epoch.
pub(crate) fn unix_millis() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
