//! V4L2's names for pixel formats and colours (`linux/videodev2.h`).

use super::super::colour::{Colour, Matrix, Range};
use super::super::pixel_format::PixelFormat;

/// Every uncompressed format that a camera may write into memory as we read it, and JPEG. What is left out, and why, is
/// said where the formats are.
#[rustfmt::skip]
const KNOWN: [(&[u8; 4], PixelFormat); 79] = [
    (b"MJPG", PixelFormat::Jpeg), (b"JPEG", PixelFormat::Jpeg), (b"PJPG", PixelFormat::Jpeg),
    // Luma and chroma of two pixels in four bytes.
    (b"YUYV", PixelFormat::YUYV), (b"YVYU", PixelFormat::YVYU),
    (b"UYVY", PixelFormat::UYVY), (b"VYUY", PixelFormat::VYUY),
    // A plane of luma, and one of chroma; in buffers of their own where there is an M.
    (b"NV12", PixelFormat::NV12), (b"NV21", PixelFormat::NV21), (b"NM12", PixelFormat::NV12), (b"NM21", PixelFormat::NV21),
    (b"NV16", PixelFormat::NV16), (b"NV61", PixelFormat::NV61), (b"NM16", PixelFormat::NV16), (b"NM61", PixelFormat::NV61),
    (b"NV24", PixelFormat::NV24), (b"NV42", PixelFormat::NV42), (b"P010", PixelFormat::P010),
    // Three planes.
    (b"YU12", PixelFormat::I420), (b"YV12", PixelFormat::YV12), (b"YM12", PixelFormat::I420), (b"YM21", PixelFormat::YV12),
    (b"422P", PixelFormat::I422), (b"YM16", PixelFormat::I422), (b"YM61", PixelFormat::YV16),
    (b"YM24", PixelFormat::I444), (b"YM42", PixelFormat::YV24),
    (b"411P", PixelFormat::I411), (b"YUV9", PixelFormat::I410), (b"YVU9", PixelFormat::YVU9),
    // Luma and chroma of each pixel together.
    (b"YUV3", PixelFormat::YUV24), (b"YUV4", PixelFormat::XYUV), (b"AYUV", PixelFormat::XYUV), (b"XYUV", PixelFormat::XYUV),
    (b"VUYA", PixelFormat::VUYX), (b"VUYX", PixelFormat::VUYX), (b"YUVA", PixelFormat::YUVX), (b"YUVX", PixelFormat::YUVX),
    // Luma only.
    (b"GREY", PixelFormat::GREY),
    (b"Y10 ", PixelFormat::Y10), (b"Y12 ", PixelFormat::Y12), (b"Y14 ", PixelFormat::Y14),
    (b"Y16 ", PixelFormat::Y16), (b"Y16\xa0", PixelFormat::Y16_BE),
    // Red, green and blue; V4L2 names those of two bytes by the bits of the word, and the rest by the order of bytes,
    // but for the two oldest (RGB4, BGR4) and for those that Linux's graphics had first (XR24 and its like).
    (b"RGB3", PixelFormat::RGB), (b"BGR3", PixelFormat::BGR),
    (b"RGB4", PixelFormat::XRGB), (b"BA24", PixelFormat::XRGB), (b"BX24", PixelFormat::XRGB),
    (b"BGR4", PixelFormat::BGRX), (b"AR24", PixelFormat::BGRX), (b"XR24", PixelFormat::BGRX),
    (b"AB24", PixelFormat::RGBX), (b"XB24", PixelFormat::RGBX),
    (b"RA24", PixelFormat::XBGR), (b"RX24", PixelFormat::XBGR),
    (b"RGBP", PixelFormat::RGB565), (b"RGBR", PixelFormat::RGB565_BE),
    (b"RGBO", PixelFormat::RGB555), (b"AR15", PixelFormat::RGB555), (b"XR15", PixelFormat::RGB555),
    (b"RGBQ", PixelFormat::RGB555_BE), (b"AR1\xb5", PixelFormat::RGB555_BE), (b"XR1\xb5", PixelFormat::RGB555_BE),
    (b"AB15", PixelFormat::BGR555), (b"XB15", PixelFormat::BGR555),
    (b"RA15", PixelFormat::RGBX555), (b"RX15", PixelFormat::RGBX555),
    (b"BA15", PixelFormat::BGRX555), (b"BX15", PixelFormat::BGRX555),
    (b"R444", PixelFormat::RGB444), (b"AR12", PixelFormat::RGB444), (b"XR12", PixelFormat::RGB444),
    (b"AB12", PixelFormat::BGR444), (b"XB12", PixelFormat::BGR444),
    (b"RA12", PixelFormat::RGBX444), (b"RX12", PixelFormat::RGBX444),
    (b"GA12", PixelFormat::BGRX444), (b"BX12", PixelFormat::BGRX444),
];

/// The pixel format of a code, where we can read it.
pub(super) fn pixel_format(code: [u8; 4]) -> Option<PixelFormat> {
    KNOWN.iter().find(|(known, _)| **known == code).map(|(_, format)| *format)
}

/// What the numbers of a picture mean, from V4L2's for the colour space, the matrix and the range, by the rules of its
/// documentation ("Colorspaces", `V4L2_MAP_YCBCR_ENC_DEFAULT` and `V4L2_MAP_QUANTIZATION_DEFAULT`).
pub(super) fn colour(pixel: PixelFormat, (space, matrix, range): (u32, u32, u32)) -> Colour {
    const SPACE_SMPTE240: u32 = 2;
    const SPACE_BT709: u32 = 3;
    const SPACE_JPEG: u32 = 7;
    const SPACE_BT2020: u32 = 10;
    const SPACE_RAW: u32 = 11;
    const SPACE_DCI_P3: u32 = 12;
    // Numbers that are none of V4L2's are a driver's memory that nobody filled in.
    let matrix = match (matrix, space) {
        (1 | 3 | 5, _) => Matrix::Bt601,
        (2 | 4, _) => Matrix::Bt709,
        (6 | 7, _) => Matrix::Bt2020,
        (8, _) => Matrix::Smpte240,
        (_, SPACE_BT709 | SPACE_DCI_P3) => Matrix::Bt709,
        (_, SPACE_BT2020) => Matrix::Bt2020,
        (_, SPACE_SMPTE240) => Matrix::Smpte240,
        _ => Matrix::Bt601,
    };
    let range = match range {
        1 => Range::Full,
        2 => Range::Limited,
        _ if matches!(pixel, PixelFormat::Rgb(_) | PixelFormat::Jpeg) => Range::Full,
        _ if matches!(space, SPACE_JPEG | SPACE_RAW) => Range::Full,
        _ => Range::Limited,
    };
    Colour { range, matrix }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_has_two_meanings() {
        for (index, (code, _)) in KNOWN.iter().enumerate() {
            assert!(KNOWN[index + 1..].iter().all(|(other, _)| other != code), "{code:?}");
        }
    }

    #[test]
    fn the_range_is_what_the_driver_says_or_what_is_usual() {
        let range = |pixel, numbers| colour(pixel, numbers).range;
        assert_eq!(range(PixelFormat::YUYV, (8, 0, 0)), Range::Limited, "a webcam");
        assert_eq!(range(PixelFormat::YUYV, (8, 0, 1)), Range::Full);
        assert_eq!(range(PixelFormat::NV12, (7, 0, 0)), Range::Full, "JPEG's colours without JPEG");
        assert_eq!(range(PixelFormat::NV12, (7, 0, 2)), Range::Limited);
        assert_eq!(range(PixelFormat::RGB, (8, 0, 0)), Range::Full);
        assert_eq!(range(PixelFormat::RGB, (3, 0, 2)), Range::Limited, "from HDMI");
        assert_eq!(range(PixelFormat::YUYV, (99, 99, 99)), Range::Limited, "nonsense");
    }

    #[test]
    fn the_matrix_is_what_the_driver_says_or_the_colour_space_s() {
        let matrix = |space, matrix| colour(PixelFormat::UYVY, (space, matrix, 0)).matrix;
        assert_eq!([matrix(8, 0), matrix(1, 0), matrix(0, 0), matrix(7, 0)], [Matrix::Bt601; 4]);
        assert_eq!([matrix(3, 0), matrix(8, 2), matrix(12, 0)], [Matrix::Bt709; 3]);
        assert_eq!(matrix(3, 1), Matrix::Bt601);
        assert_eq!(matrix(10, 0), Matrix::Bt2020);
    }
}
