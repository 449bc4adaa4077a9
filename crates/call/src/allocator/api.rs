//! The contract between an allocator and whoever drives it.

use std::collections::BTreeMap;

use tincan_media::Bitrate;
use tincan_media::video::Resolution;

/// One encoding of our picture, smallest first: about 180, up to 360, up to 720 and 1080 rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LayerId {
    /// About 180 rows.
    Small,
    /// 270 or 360 rows.
    Medium,
    /// 540 or 720 rows.
    Large,
    /// 1080 rows, for whoever shows them.
    Full,
}

impl LayerId {
    /// All of them, smallest first.
    pub const ALL: [Self; 4] = [Self::Small, Self::Medium, Self::Large, Self::Full];
}

/// How large a receiver shows the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Want {
    /// They did not say: everything up to 720 rows is useful.
    #[default]
    Any,
    /// Not at all.
    Nothing,
    /// On so many rows of their screen (of the picture's short side).
    Lines(u32),
}

/// What is known of the path to somebody.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PathEstimate {
    /// Everything that it takes.
    pub available: Bitrate,
    /// The sound's part, which comes first.
    pub sound: Bitrate,
    /// Share of packets lost, 0 to 1.
    pub loss: f32,
}

/// What happens to an [`Allocator`](super::Allocator).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AllocatorInput<L> {
    /// There is a connection to them now.
    LinkUp(L),
    /// There is none any more.
    LinkDown(L),
    /// The path was measured.
    Path(L, PathEstimate),
    /// They show it at another size.
    Want(L, Want),
    /// They cannot go on without a keyframe.
    KeyframeRequested(L),
    /// A screen is shared beside the camera, or is not any more: it takes its part of every path.
    Screen(bool),
    /// The camera gives pictures of this size, so many a second.
    Capture(Resolution, f32),
    /// Making all layers of a picture took this share of the time until the next picture; 1 when the next one was there before.
    Encoded(f32),
}

/// What to encode, and who gets it.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan<L> {
    /// The layers that somebody gets, smallest first.
    pub layers: Vec<Layer>,
    /// What each link gets.
    pub links: BTreeMap<L, LinkPlan>,
}

/// One layer to encode.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Layer {
    /// Which.
    pub id: LayerId,
    /// Even on both sides.
    pub resolution: Resolution,
    /// For all of its pictures.
    pub bitrate: Bitrate,
    /// Pictures a second.
    pub frames_per_second: f32,
}

/// What one link gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkPlan {
    /// Of which layer.
    pub pictures: Pictures,
    /// Why it is not more.
    pub limited_by: LimitedBy,
}

/// Which pictures a link gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pictures {
    /// None; the sound goes on.
    Paused,
    /// Those that others refer to: half of them.
    Base(LayerId),
    /// All of a layer.
    All(LayerId),
}

impl Pictures {
    /// The layer that they are of.
    pub const fn layer(self) -> Option<LayerId> {
        match self {
            Self::Paused => None,
            Self::Base(layer) | Self::All(layer) => Some(layer),
        }
    }
}

/// What keeps a picture from being larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LimitedBy {
    /// Nothing: it is as large as it is shown, or as the camera gives it.
    #[default]
    None,
    /// The path or our uplink.
    Bandwidth,
    /// This computer does not encode more in time.
    Processor,
}
