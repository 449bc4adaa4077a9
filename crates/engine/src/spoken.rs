//! A call under a code that was read aloud, after it: its people call each other again by a long one.

use tincan_protocol::{Intent, RoomCode, parse_server_url};

use crate::call::{Host, Route};

/// The last call under a code that was read aloud, for as long as this program runs.
pub(crate) struct Spoken {
    pub(crate) code: RoomCode,
    /// The long code under which the same people call each other again.
    pub(crate) again: RoomCode,
    /// The server that it was on; `None` for the local network.
    pub(crate) server: Option<String>,
}

impl Spoken {
    /// What was agreed on in an earlier stay in the room with this code.
    pub(crate) fn agreed_on(&self, code: &RoomCode) -> Option<RoomCode> {
        (self.code == *code).then(|| self.again.clone())
    }

    /// Where the people of the call that is called again by this code may still be: somebody has to be there.
    pub(crate) fn where_to_look(&self, again: &RoomCode, host: Option<Host>) -> Option<(RoomCode, Route)> {
        if self.again != *again {
            return None;
        }
        let route = match self.server.as_deref().and_then(|server| parse_server_url(server).ok()) {
            Some(url) => Route::Server { url, intent: Intent::Join },
            None => Route::Find { server: None, host },
        };
        Some((self.code.clone(), route))
    }
}
