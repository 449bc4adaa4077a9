//! The data channels of a connection.

/// A data channel. Both sides know its stream id beforehand, so nothing is negotiated when it opens (RFC 8832, section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// What two participants tell each other about the call.
    Control,
    /// What people write.
    Chat,
    /// Files that people send.
    Files,
    /// The whiteboard.
    Board,
    /// Moves of a game: a lost one is replaced by the next, and is not sent again.
    Game,
    /// What is being drawn on the whiteboard and where people point: not sent again, since what is finished is told on
    /// [`Self::Board`].
    Ink,
    /// Who plays, when a round begins, and how it ended.
    Rounds,
}

impl Channel {
    /// Every channel; control first.
    pub const ALL: [Self; 7] =
        [Self::Control, Self::Chat, Self::Files, Self::Board, Self::Game, Self::Ink, Self::Rounds];

    /// The SCTP stream.
    pub const fn id(self) -> u16 {
        match self {
            Self::Control => 0,
            Self::Chat => 1,
            Self::Files => 2,
            Self::Board => 3,
            Self::Game => 4,
            Self::Ink => 5,
            Self::Rounds => 6,
        }
    }

    /// Its label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Chat => "chat",
            Self::Files => "files",
            Self::Board => "board",
            Self::Game => "game",
            Self::Ink => "ink",
            Self::Rounds => "rounds",
        }
    }

    /// The feature that both must have before it is opened; control is always open.
    pub const fn feature(self) -> &'static str {
        match self {
            Self::Ink => Self::Board.label(),
            Self::Rounds => Self::Game.label(),
            _ => self.label(),
        }
    }

    /// Whether messages arrive in order, and are sent again until they do.
    pub const fn is_reliable(self) -> bool {
        !matches!(self, Self::Game | Self::Ink)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_numbered_as_the_protocol_document_says() {
        let document = include_str!("../../../docs/protocol.md");
        for (id, channel) in (0..).zip(Channel::ALL) {
            assert_eq!(channel.id(), id);
            assert!(document.contains(&format!("| {id} | `{}` |", channel.label())), "{channel:?}");
        }
    }
}
