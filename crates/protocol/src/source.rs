//! What a participant can send.

use serde::{Deserialize, Serialize};

/// One source of sound or pictures. A connection has a media section for each, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Sound of the person.
    Microphone,
    /// Pictures of the person.
    Camera,
    /// Pictures of a shared screen or window.
    Screen,
    /// Sound of what is shared.
    ScreenSound,
}

impl Source {
    /// Every source, in the order of the media sections.
    pub const ALL: [Self; 4] = [Self::Microphone, Self::Camera, Self::Screen, Self::ScreenSound];

    /// Whether it has pictures, and not sound.
    pub const fn is_video(self) -> bool {
        matches!(self, Self::Camera | Self::Screen)
    }
}
