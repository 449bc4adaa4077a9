//! What cameras deliver, as I420. Sizes are cut to even ones, because chroma has half the sides.

use tincan_media::MediaTime;
use tincan_media::video::{Resolution, VideoFrame};
use yuv::{BufferStoreMut, YuvConversionMode, YuvPlanarImageMut, YuvRange, YuvStandardMatrix};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Pixel formats that cameras deliver and that are understood here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum PixelFormat {
    /// 4:2:2, packed.
    Yuyv,
    /// 4:2:0, luma and then interleaved chroma.
    Nv12,
    /// One JPEG a picture.
    Mjpeg,
    /// Luma only.
    Grey,
    /// 24 bits, red first.
    Rgb,
    /// 24 bits, blue first.
    Bgr,
}

/// Picture bytes that do not make a picture: a torn USB transfer. The camera is fine; the next one will do.
#[derive(Debug, thiserror::Error)]
#[error("a {format:?} picture of {resolution} is damaged: {detail}")]
pub(super) struct DamagedPicture {
    format: PixelFormat,
    resolution: Resolution,
    detail: String,
}

/// Converts one picture of `resolution`, as the camera calls it, stamped `time`.
pub(super) fn to_i420(
    format: PixelFormat,
    resolution: Resolution,
    bytes: &[u8],
    time: MediaTime,
) -> Result<VideoFrame, DamagedPicture> {
    let damaged = |detail: String| DamagedPicture { format, resolution, detail };
    let size = even(resolution);
    if size.width == 0 || size.height == 0 {
        return Err(damaged("it has no pixels".into()));
    }
    let (width, height) = (resolution.width as usize, resolution.height as usize);
    let needed = match format {
        PixelFormat::Yuyv => width.next_multiple_of(2) * 2 * height,
        PixelFormat::Nv12 => width.next_multiple_of(2) * (height + height.div_ceil(2)),
        PixelFormat::Grey => width * height,
        PixelFormat::Rgb | PixelFormat::Bgr => width * height * 3,
        PixelFormat::Mjpeg => 2,
    };
    if bytes.len() < needed {
        return Err(damaged(format!("{} bytes of {needed}", bytes.len())));
    }
    match format {
        PixelFormat::Mjpeg => jpeg(bytes, size, time).map_err(damaged),
        PixelFormat::Yuyv => {
            let stride = stride(bytes.len(), width.next_multiple_of(2) * 2, height, 1.0);
            Ok(yuyv(bytes, stride, size, time))
        }
        PixelFormat::Rgb | PixelFormat::Bgr => {
            let stride = width * 3;
            // The conversion wants exactly the rows that it is to take.
            let bytes = &bytes[..stride * size.height as usize];
            let stride = stride as u32;
            planar(time, size, |target| {
                let convert =
                    if format == PixelFormat::Rgb { yuv::rgb_to_yuv420 } else { yuv::bgr_to_yuv420 };
                let (range, matrix) = (YuvRange::Limited, YuvStandardMatrix::Bt601);
                convert(target, bytes, stride, range, matrix, YuvConversionMode::Balanced)
            })
            .map_err(damaged)
        }
        PixelFormat::Nv12 => {
            let stride = stride(bytes.len(), width.next_multiple_of(2), height, 1.5);
            Ok(nv12(bytes, stride, height, size, time))
        }
        PixelFormat::Grey => {
            let mut frame = VideoFrame::black(time, size);
            for (line, row) in lines(frame.planes_mut().0, size.width).zip(bytes.chunks_exact(width)) {
                line.copy_from_slice(&row[..line.len()]);
            }
            Ok(frame)
        }
    }
}

/// The largest even size in `size`.
pub(super) const fn even(size: Resolution) -> Resolution {
    Resolution::new(size.width & !1, size.height & !1)
}

/// The upper left part of a picture.
pub(super) fn cropped(frame: &VideoFrame, to: Resolution) -> VideoFrame {
    let mut part = VideoFrame::black(frame.time(), to);
    let chroma = (frame.chroma_stride() as u32, to.width.div_ceil(2));
    let (y, u, v) = frame.planes();
    let (to_y, to_u, to_v) = part.planes_mut();
    let planes = [(y, to_y, (frame.resolution().width, to.width)), (u, to_u, chroma), (v, to_v, chroma)];
    for (plane, target, (stride, width)) in planes {
        for (line, row) in lines(target, width.max(1)).zip(plane.chunks_exact((stride as usize).max(1))) {
            line.copy_from_slice(&row[..line.len()]);
        }
    }
    part
}

/// Bytes a row. Cameras on macOS pad rows and do not say so: what is longer than needed, by whole rows, is padding.
fn stride(bytes: usize, row: usize, height: usize, rows_per_line: f64) -> usize {
    let rows = (height as f64 * rows_per_line).ceil() as usize;
    let padded = bytes / rows.max(1);
    // At most a row of 4096 bytes alignment; more is something else behind the picture.
    if bytes.is_multiple_of(rows.max(1)) && padded > row && padded < row + 4_096 { padded } else { row }
}

fn lines(plane: &mut [u8], width: u32) -> std::slice::ChunksExactMut<'_, u8> {
    plane.chunks_exact_mut(width as usize)
}

fn planar(
    time: MediaTime,
    size: Resolution,
    convert: impl FnOnce(&mut YuvPlanarImageMut<'_, u8>) -> Result<(), yuv::YuvError>,
) -> Result<VideoFrame, String> {
    let mut frame = VideoFrame::black(time, size);
    let (y, u, v) = frame.planes_mut();
    let mut target = YuvPlanarImageMut {
        y_plane: BufferStoreMut::Borrowed(y),
        y_stride: size.width,
        u_plane: BufferStoreMut::Borrowed(u),
        u_stride: size.width / 2,
        v_plane: BufferStoreMut::Borrowed(v),
        v_stride: size.width / 2,
        width: size.width,
        height: size.height,
    };
    convert(&mut target).map_err(|error| error.to_string())?;
    Ok(frame)
}

/// Luma as it is, and the mean of every two rows' chroma. `yuv`'s own wants a buffer of exactly the picture's size, and
/// cameras with padded rows give none such.
fn yuyv(bytes: &[u8], stride: usize, size: Resolution, time: MediaTime) -> VideoFrame {
    let mut frame = VideoFrame::black(time, size);
    let (y, u, v) = frame.planes_mut();
    for (line, row) in lines(y, size.width).zip(bytes.chunks_exact(stride)) {
        for (luma, pixel) in line.iter_mut().zip(row.chunks_exact(2)) {
            *luma = pixel[0];
        }
    }
    let mean = |a: u8, b: u8| (u16::from(a) + u16::from(b)).div_ceil(2) as u8;
    let targets = lines(u, size.width / 2).zip(lines(v, size.width / 2));
    for ((u, v), rows) in targets.zip(bytes.chunks_exact(stride * 2)) {
        let (upper, lower) = rows.split_at(stride);
        let pixels = upper.chunks_exact(4).zip(lower.chunks_exact(4));
        for ((u, v), (upper, lower)) in u.iter_mut().zip(v).zip(pixels) {
            (*u, *v) = (mean(upper[1], lower[1]), mean(upper[3], lower[3]));
        }
    }
    frame
}

fn nv12(bytes: &[u8], stride: usize, height: usize, size: Resolution, time: MediaTime) -> VideoFrame {
    let mut frame = VideoFrame::black(time, size);
    let (luma, chroma) = bytes.split_at(stride * height);
    let (y, u, v) = frame.planes_mut();
    for (line, row) in lines(y, size.width).zip(luma.chunks_exact(stride)) {
        line.copy_from_slice(&row[..line.len()]);
    }
    let targets = lines(u, size.width / 2).zip(lines(v, size.width / 2));
    for ((u, v), row) in targets.zip(chroma.chunks(stride)) {
        for ((u, v), pair) in u.iter_mut().zip(v).zip(row.chunks_exact(2)) {
            (*u, *v) = (pair[0], pair[1]);
        }
    }
    frame
}

fn jpeg(bytes: &[u8], size: Resolution, time: MediaTime) -> Result<VideoFrame, String> {
    let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::YCbCr).set_strict_mode(false);
    let whole = with_tables(bytes);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&whole[..]), options);
    let pixels = decoder.decode().map_err(|error| format!("{error:?}"))?;
    let (width, height) = decoder.dimensions().ok_or("no size")?;
    // The camera's word about its size does not bind the picture inside.
    let size = if (width, height) == (size.width as usize, size.height as usize) {
        size
    } else {
        even(Resolution::new(width as u32, height as u32))
    };
    if size.width == 0 || size.height == 0 || pixels.len() < width * height * 3 {
        return Err("it has no pixels, or no colours".into());
    }
    let mut frame = VideoFrame::black(time, size);
    let (y, u, v) = frame.planes_mut();
    let rows = || pixels.chunks_exact(width * 3);
    for (line, row) in lines(y, size.width).zip(rows()) {
        for (luma, pixel) in line.iter_mut().zip(row.chunks_exact(3)) {
            *luma = limited_luma(pixel[0]);
        }
    }
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
            (*u, *v) = (limited_chroma(mean(1)), limited_chroma(mean(2)));
        }
    }
    Ok(frame)
}

/// JPEG has full range (JFIF), ours is limited: 219 steps from 16 (BT.601).
const fn limited_luma(full: u8) -> u8 {
    (16 + (full as u16 * 219 + 127) / 255) as u8
}

/// ... and 224 steps around 128 for chroma.
const fn limited_chroma(full: u8) -> u8 {
    (16 + (full as u16 * 224 + 127) / 255) as u8
}

/// Motion JPEG may leave its Huffman tables out, since they are always the same (ITU-T T.81, annex K). The decoder
/// knows them but uses them only behind the mark of an AVI file.
fn with_tables(bytes: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    const AVI_MARK: [u8; 18] = [0xff, 0xe0, 0, 16, b'A', b'V', b'I', b'1', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut at = 2;
    while let Some(&[0xff, marker, high, low]) =
        bytes.get(at..at + 4).and_then(|segment| segment.first_chunk::<4>())
    {
        match marker {
            // Define Huffman tables.
            0xc4 => return bytes.into(),
            // Start of scan: none came.
            0xda => break,
            _ => at += 2 + usize::from(u16::from_be_bytes([high, low])),
        }
    }
    let (start, rest) = bytes.split_at(2.min(bytes.len()));
    [start, &AVI_MARK, rest].concat().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [PixelFormat; 6] = [
        PixelFormat::Yuyv,
        PixelFormat::Nv12,
        PixelFormat::Mjpeg,
        PixelFormat::Grey,
        PixelFormat::Rgb,
        PixelFormat::Bgr,
    ];

    fn convert(format: PixelFormat, width: u32, height: u32, bytes: &[u8]) -> VideoFrame {
        to_i420(format, Resolution::new(width, height), bytes, MediaTime::ZERO).unwrap()
    }

    fn near(got: &[u8], wanted: u8) -> bool {
        got.iter().all(|&value| value.abs_diff(wanted) <= 2)
    }

    #[test]
    fn yuyv_keeps_luma_and_averages_chroma() {
        let row = |y: u8, u: u8, v: u8| [y, u, y, v].repeat(8);
        let frame = convert(PixelFormat::Yuyv, 16, 2, &[row(50, 100, 200), row(60, 110, 210)].concat());
        let (y, u, v) = frame.planes();
        assert_eq!((y[0], y[16]), (50, 60));
        assert!(near(u, 105) && near(v, 205));
    }

    #[test]
    fn nv12_is_taken_apart_also_when_its_rows_are_padded() {
        for stride in [16usize, 64] {
            let mut bytes = vec![0; stride * 6];
            for row in bytes.chunks_exact_mut(stride).take(4) {
                row[..16].fill(77);
            }
            for row in bytes.chunks_exact_mut(stride).skip(4) {
                row[..16].copy_from_slice(&[90, 160].repeat(8));
            }
            let frame = convert(PixelFormat::Nv12, 16, 4, &bytes);
            let (y, u, v) = frame.planes();
            assert!(near(y, 77) && near(u, 90) && near(v, 160), "stride {stride}");
        }
    }

    #[test]
    fn red_is_red_in_every_rgb_order() {
        for (format, pixel) in [(PixelFormat::Rgb, [255, 0, 0]), (PixelFormat::Bgr, [0, 0, 255])] {
            let frame = convert(format, 16, 16, &pixel.repeat(256));
            let (y, u, v) = frame.planes();
            assert!(near(y, 81) && near(u, 90) && near(v, 240), "{format:?}");
        }
    }

    #[test]
    fn odd_sizes_are_cut_to_even_ones() {
        let frame = convert(PixelFormat::Grey, 5, 3, &[9; 15]);
        assert_eq!(frame.resolution(), Resolution::new(4, 2));
        assert!(near(frame.planes().0, 9));
        assert_eq!(convert(PixelFormat::Rgb, 5, 3, &[9; 45]).resolution(), Resolution::new(4, 2));
        assert_eq!(convert(PixelFormat::Nv12, 5, 3, &[9; 30]).resolution(), Resolution::new(4, 2));
        assert_eq!(convert(PixelFormat::Yuyv, 5, 3, &[9; 36]).resolution(), Resolution::new(4, 2));
    }

    #[test]
    fn a_torn_picture_is_an_error_in_words() {
        let size = Resolution::new(640, 480);
        for format in ALL {
            let error = to_i420(format, size, &[0xff], MediaTime::ZERO).unwrap_err().to_string();
            assert!(error.contains("640x480"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..2_000),
            width in 0u32..40, height in 0u32..40, format in 0usize..6, jpeg in any::<bool>(),
        ) {
            let mut bytes = bytes;
            if jpeg && bytes.len() > 3 {
                bytes[..3].copy_from_slice(&[0xff, 0xd8, 0xff]);
            }
            let size = Resolution::new(width, height);
            if let Ok(frame) = to_i420(ALL[format], size, &bytes, MediaTime::ZERO) {
                prop_assert!(frame.resolution().width % 2 == 0);
            }
        }
    }
}
