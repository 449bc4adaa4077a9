//! The unit in which pictures walk through the program.

use bytes::Bytes;
use thiserror::Error;

use crate::time::MediaTime;

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Resolution {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Resolution {
    /// 1280x720, what a call asks a camera for.
    pub const HD: Self = Self::new(1280, 720);

    /// `width` by `height` pixels.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// Bytes of an I420 picture of this size: luma, then two quarter-size chroma planes.
    pub const fn i420_len(self) -> usize {
        self.luma_len() + 2 * self.chroma_len()
    }

    const fn luma_len(self) -> usize {
        self.width as usize * self.height as usize
    }

    const fn chroma_len(self) -> usize {
        (self.width as usize).div_ceil(2) * (self.height as usize).div_ceil(2)
    }
}

impl std::fmt::Display for Resolution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// One I420 picture, planes Y, U, V one after the other without padding (stride = width). BT.601, limited range.
#[derive(Clone, PartialEq, Eq)]
pub struct VideoFrame {
    time: MediaTime,
    resolution: Resolution,
    data: Vec<u8>,
}

/// The buffer does not hold a picture of that size.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("an I420 picture of {resolution} has {expected} bytes, but {got} were given")]
pub struct FrameSizeError {
    /// The size that was claimed.
    pub resolution: Resolution,
    /// The bytes that it needs.
    pub expected: usize,
    /// The bytes that came.
    pub got: usize,
}

impl VideoFrame {
    /// Wraps `data`, tightly packed I420.
    ///
    /// # Errors
    /// [`FrameSizeError`] when `data` is not exactly [`Resolution::i420_len`] long.
    pub fn new(time: MediaTime, resolution: Resolution, data: Vec<u8>) -> Result<Self, FrameSizeError> {
        let expected = resolution.i420_len();
        if data.len() != expected {
            return Err(FrameSizeError { resolution, expected, got: data.len() });
        }
        Ok(Self { time, resolution, data })
    }

    /// A black picture.
    pub fn black(time: MediaTime, resolution: Resolution) -> Self {
        let mut data = vec![16; resolution.i420_len()];
        data[resolution.luma_len()..].fill(128);
        Self { time, resolution, data }
    }

    /// When it was captured (or, after decoding, the sender's capture time on our own timeline).
    pub const fn time(&self) -> MediaTime {
        self.time
    }

    /// The same picture at another time.
    pub fn at(mut self, time: MediaTime) -> Self {
        self.time = time;
        self
    }

    /// Its size.
    pub const fn resolution(&self) -> Resolution {
        self.resolution
    }

    /// All three planes.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The planes Y, U and V.
    pub fn planes(&self) -> (&[u8], &[u8], &[u8]) {
        let (y, chroma) = self.data.split_at(self.resolution.luma_len());
        let (u, v) = chroma.split_at(self.resolution.chroma_len());
        (y, u, v)
    }

    /// The planes Y, U and V, to draw into.
    pub fn planes_mut(&mut self) -> (&mut [u8], &mut [u8], &mut [u8]) {
        let (y, chroma) = self.data.split_at_mut(self.resolution.luma_len());
        let (u, v) = chroma.split_at_mut(self.resolution.chroma_len());
        (y, u, v)
    }

    /// Bytes in a row of a chroma plane.
    pub const fn chroma_stride(&self) -> usize {
        (self.resolution.width as usize).div_ceil(2)
    }
}

impl std::fmt::Debug for VideoFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VideoFrame").field("time", &self.time).field("resolution", &self.resolution).finish()
    }
}

/// One H.264 access unit in Annex B: what an encoder makes, a sender packetizes, an assembler rebuilds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedVideo {
    /// When the picture was captured.
    pub time: MediaTime,
    /// The access unit, NAL units behind start codes.
    pub data: Bytes,
    /// Whether decoding can start here.
    pub keyframe: bool,
    /// Whether no other picture refers to it: it may be left out without harm to what follows.
    pub discardable: bool,
    /// The picture's size, where the producer knows it.
    pub resolution: Option<Resolution>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_sizes_round_chroma_up() {
        let size = Resolution::new(3, 3);
        assert_eq!(size.i420_len(), 9 + 2 * 4);
        assert!(VideoFrame::new(MediaTime::ZERO, size, vec![0; 17]).is_ok());
        assert_eq!(VideoFrame::new(MediaTime::ZERO, size, vec![0; 16]).unwrap_err().expected, 17);
    }
}
