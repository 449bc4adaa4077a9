//! Calls on a server that is not what it seems: one that people chose in good faith, or the program that hosts their local call.

use tincan_protocol::{RoomCode, RoomKeys};

use crate::meddler::Meddler;
use crate::person::Person;

/// Whose server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// One on the internet, for everybody.
    Server,
    /// That of a member, who hosts the local call.
    Host,
}

impl Place {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Server, Self::Host];
}

/// A room on such a server, whose code its owner knows.
pub struct Den {
    place: Place,
    url: String,
    code: RoomCode,
    /// The room's keys.
    pub keys: RoomKeys,
}

impl Den {
    /// Opens the room; the person with this name is the first in it.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub async fn open(place: Place, server: &Meddler, name: &str) -> (Self, Person) {
        let url = server.url();
        match place {
            Place::Server => {
                let first = Person::quiet(name, Some(&url));
                let code: RoomCode = first.create().await.parse().expect("a code is one");
                let keys = RoomKeys::derive(&code);
                (Self { place, url, code, keys }, first)
            }
            Place::Host => {
                let code = RoomCode::random();
                let keys = RoomKeys::derive(&code);
                server.host(keys.room_id());
                let den = Self { place, url, code, keys };
                let first = den.join(name).await;
                (den, first)
            }
        }
    }

    /// The room's code.
    pub const fn code(&self) -> &RoomCode {
        &self.code
    }

    /// Somebody joins.
    pub async fn join(&self, name: &str) -> Person {
        match self.place {
            Place::Server => {
                let person = Person::quiet(name, Some(&self.url));
                person.join(&self.code.to_string()).await;
                person
            }
            Place::Host => {
                let person = Person::quiet(name, None);
                let server = self.url.replace(':', "%3A").replace('/', "%2F");
                person.join(&format!("tincan://join/{}?server={server}", self.code)).await;
                person
            }
        }
    }
}
