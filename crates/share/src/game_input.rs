//! What a game of any kind is told of its room.

use tincan_protocol::PeerId;

/// What happened.
#[derive(derive_more::Debug, Clone, PartialEq, Eq)]
pub enum GameInput {
    /// Somebody is not in the room any more.
    Left(PeerId),
    /// The channel `rounds` to a member of the room is open, for the first time or anew.
    LinkOpened(PeerId),
    /// It is not any more.
    LinkClosed(PeerId),
    /// A message on the channel `rounds`.
    Rounds {
        /// From whom.
        peer: PeerId,
        /// The message.
        #[debug(skip)]
        bytes: Vec<u8>,
    },
    /// A message on the channel `game`.
    Game {
        /// From whom.
        peer: PeerId,
        /// The message.
        #[debug(skip)]
        bytes: Vec<u8>,
    },
}
