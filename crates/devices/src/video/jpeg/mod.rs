//! JPEGs as cameras make them: grey, with tables missing, with bytes before markers, torn, two in one buffer.
//!
//! The decoder ([`zune_jpeg`]) fills what a torn picture lacks with grey, and says nothing of it. So a picture is first
//! walked through symbol by symbol, which takes a fifth of the decoding's time: what comes out is either a whole picture
//! with everything in its place, or an error.

mod huffman;
mod mend;

use tincan_media::MediaTime;
use tincan_media::video::{Resolution, VideoFrame};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::colour::Colour;
use super::convert::{even, lines};

/// Why bytes are not taken for a picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JpegError {
    /// Nothing in it begins as a JPEG does.
    #[error("no JPEG begins in it")]
    NoPicture,
    /// It breaks off, or its parts do not belong together.
    #[error("a part of it is missing")]
    Torn,
    /// A JPEG that no camera makes; `0` says what of it is unusual.
    #[error("it is a JPEG {0}")]
    Unsupported(&'static str),
    /// What the decoder says.
    #[error("{0}")]
    Decoder(String),
}

/// Decodes the first whole picture in `bytes`, a camera's buffer, stamped `time`.
///
/// # Errors
/// [`JpegError`] when no picture in it is whole. The next one will do.
pub fn decode(bytes: &[u8], time: MediaTime) -> Result<VideoFrame, JpegError> {
    let whole = mend::mend(bytes)?;
    let colours = if whole.components == 1 { ColorSpace::Luma } else { ColorSpace::YCbCr };
    let options = DecoderOptions::default().jpeg_set_out_colorspace(colours).set_strict_mode(false);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&whole.bytes[..]), options);
    let pixels = decoder.decode().map_err(|error| JpegError::Decoder(format!("{error:?}")))?;
    let (width, height) = decoder.dimensions().ok_or(JpegError::NoPicture)?;
    let size = even(Resolution::new(width as u32, height as u32));
    let step = if whole.components == 1 { 1 } else { 3 };
    if size.width == 0 || size.height == 0 || pixels.len() < width * height * step {
        return Err(JpegError::Unsupported("without pixels"));
    }
    let mut frame = VideoFrame::black(time, size);
    let (y, u, v) = frame.planes_mut();
    let rows = || pixels.chunks_exact(width * step);
    for (line, row) in lines(y, size.width).zip(rows()) {
        for (luma, pixel) in line.iter_mut().zip(row.chunks_exact(step)) {
            *luma = pixel[0];
        }
    }
    if step == 3 {
        // Cameras subsample already, mostly 4:2:2 sited like ours: the mean of two rows is all that is left to do.
        let pairs = rows().step_by(2).zip(rows().skip(1).step_by(2));
        for ((u, v), (upper, lower)) in lines(u, size.width / 2).zip(lines(v, size.width / 2)).zip(pairs) {
            let pixels = upper.chunks_exact(6).zip(lower.chunks_exact(6));
            for ((u, v), (upper, lower)) in u.iter_mut().zip(v).zip(pixels) {
                let mean = |at: usize| {
                    let sum = u16::from(upper[at])
                        + u16::from(upper[at + 3])
                        + u16::from(lower[at])
                        + u16::from(lower[at + 3]);
                    ((sum + 2) / 4) as u8
                };
                (*u, *v) = (mean(1), mean(2));
            }
        }
    }
    Colour::FULL.into_ours(&mut frame);
    Ok(frame)
}

#[cfg(test)]
mod tests;
