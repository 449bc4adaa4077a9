//! What can go wrong, as sentences for a person.

use thiserror::Error;
use tincan_protocol::{ErrorCode, Retry};

/// Why a room could not be joined. The text is for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum JoinError {
    /// No such room.
    #[error("There is no call with this code. Check the code, or ask whether the call is still on.")]
    RoomNotFound,
    /// As many participants as allowed.
    #[error("This call is full{}.", room_for(*.capacity))]
    RoomFull {
        /// How many the room takes, where the server says so.
        capacity: Option<u32>,
    },
    /// The server speaks another version.
    #[error("The server speaks another version of Tincan. Update the app, or ask whoever runs the server.")]
    Version,
    /// The server takes no more.
    #[error("The server is too busy right now. Try again in a minute.")]
    Busy,
    /// No connection to the server.
    #[error("The server cannot be reached. Check your network connection and the server's address.")]
    Unreachable,
    /// No secure connection to the server.
    #[error("The server's certificate is not trusted, so no secure connection could be made.")]
    Untrusted,
    /// Something else answers there.
    #[error("What answers at this address is no Tincan server. Check the server's address.")]
    NotAServer,
    /// The server refused for a reason that a person can do nothing about.
    #[error("The server refused to let us in ({}). Try again.", .0.as_str())]
    Refused(ErrorCode),
}

impl JoinError {
    /// Whether connecting again may mend it. A network that is away or in the way (a hotel's log-in page answers in every
    /// server's name) may be another one in a minute.
    pub fn retry(self) -> Retry {
        match self {
            Self::RoomNotFound => ErrorCode::RoomNotFound.retry(),
            Self::RoomFull { .. } => ErrorCode::RoomFull.retry(),
            Self::Version => ErrorCode::Version.retry(),
            Self::Refused(code) => code.retry(),
            Self::Busy | Self::Unreachable | Self::Untrusted | Self::NotAServer => Retry::Later,
        }
    }

    /// A stable name for the window.
    pub fn code(self) -> &'static str {
        match self {
            Self::RoomNotFound => "room_not_found",
            Self::RoomFull { .. } => "room_full",
            Self::Version => "version",
            Self::Busy => "server_busy",
            Self::Unreachable => "server_unreachable",
            Self::Untrusted => "server_untrusted",
            Self::NotAServer => "not_a_server",
            Self::Refused(_) => "server_refused",
        }
    }
}

impl From<ErrorCode> for JoinError {
    fn from(code: ErrorCode) -> Self {
        match code {
            ErrorCode::RoomNotFound => Self::RoomNotFound,
            ErrorCode::RoomFull => Self::RoomFull { capacity: None },
            ErrorCode::Version => Self::Version,
            ErrorCode::Busy | ErrorCode::TooManyRooms | ErrorCode::Rate => Self::Busy,
            other => Self::Refused(other),
        }
    }
}

impl JoinError {
    /// What the server said.
    pub(crate) fn of(code: ErrorCode, capacity: Option<u32>) -> Self {
        match code {
            ErrorCode::RoomFull => Self::RoomFull { capacity },
            other => other.into(),
        }
    }
}

fn room_for(capacity: Option<u32>) -> String {
    capacity.map_or_else(String::new, |capacity| format!(": it has room for {capacity} people"))
}

/// Why a message was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SendError {
    /// Faster than the connection's task could take them; no real call does this.
    #[error("too many messages are waiting to be sent")]
    Full,
    /// The client has ended.
    #[error("the signalling client has ended")]
    Closed,
}
