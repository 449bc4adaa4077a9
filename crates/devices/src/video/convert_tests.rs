//! Every format by pictures that are written byte by byte as its definition says.

use proptest::prelude::*;

use super::super::colour::Matrix;
use super::super::pixel_format::PixelFormat as P;
use super::*;

/// One byte of a picture: luma of the next pixel, the group's chroma, or what is to be ignored.
type Order = &'static str;

/// Formats of luma and chroma: the order of bytes in each plane, and how many pixels of a row, and how many rows, share
/// chroma.
const YUV: [(P, &[Order], usize, usize); 26] = [
    (P::YUYV, &["yuyv"], 2, 1),
    (P::YVYU, &["yvyu"], 2, 1),
    (P::UYVY, &["uyvy"], 2, 1),
    (P::VYUY, &["vyuy"], 2, 1),
    (P::YUV24, &["yuv"], 1, 1),
    (P::YUVX, &["yuv-"], 1, 1),
    (P::XYUV, &["-yuv"], 1, 1),
    (P::VUYX, &["vuy-"], 1, 1),
    (P::NV12, &["y", "uv"], 2, 2),
    (P::NV21, &["y", "vu"], 2, 2),
    (P::NV16, &["y", "uv"], 2, 1),
    (P::NV61, &["y", "vu"], 2, 1),
    (P::NV24, &["y", "uv"], 1, 1),
    (P::NV42, &["y", "vu"], 1, 1),
    (P::P010, &["-y", "-u-v"], 2, 2),
    (P::I420, &["y", "u", "v"], 2, 2),
    (P::YV12, &["y", "v", "u"], 2, 2),
    (P::I422, &["y", "u", "v"], 2, 1),
    (P::YV16, &["y", "v", "u"], 2, 1),
    (P::I444, &["y", "u", "v"], 1, 1),
    (P::YV24, &["y", "v", "u"], 1, 1),
    (P::I411, &["y", "u", "v"], 4, 1),
    (P::I410, &["y", "u", "v"], 4, 4),
    (P::YVU9, &["y", "v", "u"], 4, 4),
    (P::GREY, &["y"], 1, 1),
    (P::Y16, &["-y"], 1, 1),
];

/// Formats of red, green and blue: the bytes of pure red, of pure green, and of white.
const RGB: [(P, [&[u8]; 3]); 18] = [
    (P::RGB, [&[255, 0, 0], &[0, 255, 0], &[255; 3]]),
    (P::BGR, [&[0, 0, 255], &[0, 255, 0], &[255; 3]]),
    (P::RGBX, [&[255, 0, 0, 9], &[0, 255, 0, 9], &[255; 4]]),
    (P::BGRX, [&[0, 0, 255, 9], &[0, 255, 0, 9], &[255; 4]]),
    (P::XRGB, [&[9, 255, 0, 0], &[9, 0, 255, 0], &[255; 4]]),
    (P::XBGR, [&[9, 0, 0, 255], &[9, 0, 255, 0], &[255; 4]]),
    (P::RGB565, [&[0x00, 0xf8], &[0xe0, 0x07], &[0xff, 0xff]]),
    (P::RGB565_BE, [&[0xf8, 0x00], &[0x07, 0xe0], &[0xff, 0xff]]),
    (P::RGB555, [&[0x00, 0x7c], &[0xe0, 0x03], &[0xff, 0x7f]]),
    (P::RGB555_BE, [&[0x7c, 0x00], &[0x03, 0xe0], &[0x7f, 0xff]]),
    (P::BGR555, [&[0x1f, 0x00], &[0xe0, 0x03], &[0xff, 0x7f]]),
    (P::RGBX555, [&[0x00, 0xf8], &[0xc0, 0x07], &[0xfe, 0xff]]),
    (P::BGRX555, [&[0x3e, 0x00], &[0xc0, 0x07], &[0xfe, 0xff]]),
    (P::RGB444, [&[0x00, 0x0f], &[0xf0, 0x00], &[0xff, 0x0f]]),
    (P::BGR444, [&[0x0f, 0x00], &[0xf0, 0x00], &[0xff, 0x0f]]),
    (P::RGBX444, [&[0x00, 0xf0], &[0x00, 0x0f], &[0xf0, 0xff]]),
    (P::BGRX444, [&[0xf0, 0x00], &[0x00, 0x0f], &[0xf0, 0xff]]),
    (P::RGB, [&[255, 0, 0], &[0, 255, 0], &[255; 3]]),
];

fn luma(x: usize, y: usize) -> u8 {
    (20 + x * 7 + y * 13) as u8
}

/// Chroma that is the same over every 4 by 4 pixels, so that no sharing changes it.
fn chroma(x: usize, y: usize) -> (u8, u8) {
    ((60 + x / 4 * 9) as u8, (150 + y / 4 * 9) as u8)
}

/// The planes of a picture of known luma and chroma, each row of them `padding` bytes longer than it need be; and the
/// strides.
fn written(
    orders: &[Order],
    across: usize,
    down: usize,
    size: Resolution,
    padding: usize,
) -> (Vec<Vec<u8>>, [usize; 3]) {
    let (width, height) = (size.width as usize, size.height as usize);
    let mut planes = Vec::new();
    let mut strides = [0; 3];
    for (order, stride) in orders.iter().zip(&mut strides) {
        let has_luma = order.contains('y');
        let lumas = order.matches('y').count().max(1);
        // Groups of pixels in a row, and how many pixels one stands for.
        let pixels = if has_luma { lumas } else { across };
        let rows = if has_luma { height } else { height.div_ceil(down) };
        let mut plane = Vec::new();
        for row in 0..rows {
            let before = plane.len();
            let y = if has_luma { row } else { row * down };
            for group in 0..width.div_ceil(pixels) {
                let mut x = group * pixels;
                let (u, v) = chroma(x, y);
                for byte in order.chars() {
                    plane.push(match byte {
                        'y' => {
                            x += 1;
                            luma(x - 1, y)
                        }
                        'u' => u,
                        'v' => v,
                        _ => 77,
                    });
                }
            }
            plane.extend(vec![99; padding]);
            *stride = plane.len() - before;
        }
        planes.push(plane);
    }
    (planes, strides)
}

fn near(got: u8, wanted: u8) -> bool {
    got.abs_diff(wanted) <= 2
}

/// Compares a converted picture with what was written.
fn check(frame: &VideoFrame, size: Resolution, grey: bool, what: &str) {
    assert_eq!(frame.resolution(), even(size), "{what}");
    let (width, height) = (frame.resolution().width as usize, frame.resolution().height as usize);
    let (y, u, v) = frame.planes();
    for row in 0..height {
        for column in 0..width {
            assert_eq!(y[row * width + column], luma(column, row), "{what}: luma at {column}, {row}");
        }
    }
    for row in 0..height / 2 {
        for column in 0..width / 2 {
            let wanted = if grey { (128, 128) } else { chroma(column * 2, row * 2) };
            let at = row * (width / 2) + column;
            assert_eq!((u[at], v[at]), wanted, "{what}: chroma at {column}, {row}");
        }
    }
}

proptest! {
    #[test]
    fn every_order_of_luma_and_chroma_is_read_at_every_size_and_stride(
        width in 2u32..30, height in 2u32..14, padding in prop_oneof![Just(0usize), 1usize..40],
        apart in any::<bool>(),
    ) {
        let size = Resolution::new(width, height);
        for (index, (pixel, orders, across, down)) in YUV.into_iter().enumerate() {
            let what = format!("format {index} of {size}, padding {padding}, apart {apart}");
            // In one buffer, the further planes' strides follow from the first's, which only whole shares of it allow.
            let padding = if orders.len() > 1 && !apart { padding * 4 } else { padding };
            let (planes, strides) = written(orders, across, down, size, padding);
            let one_buffer = |planes: &[Vec<u8>]| vec![Cow::Owned(planes.concat())];
            let shares_fit = strides[1..orders.len()].iter().all(|stride| {
                shapes(pixel, size).iter().skip(1).all(|shape| shape.stride(strides[0]) == *stride)
            });
            let (buffers, strides) = if apart {
                (planes.into_iter().map(Cow::Owned).collect(), strides)
            } else if shares_fit {
                (one_buffer(&planes), [strides[0], 0, 0])
            } else {
                continue;
            };
            let format = PictureFormat { strides, ..PictureFormat::new(pixel, size) };
            let frame = to_i420(&format, &buffers, MediaTime::ZERO).unwrap();
            check(&frame, size, orders.len() == 1 && !orders[0].contains('u'), &what);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..2_000), more in proptest::collection::vec(any::<u8>(), 0..500),
        width in 0u32..40, height in 0u32..40, format in 0usize..45, stride in 0usize..200, buffers in 0usize..4,
        full in any::<bool>(), matrix in any::<bool>(),
    ) {
        let pixel = match format {
            0..26 => YUV[format].0,
            26..44 => RGB[format - 26].0,
            _ => P::Jpeg,
        };
        let colour = Colour {
            range: if full { Range::Full } else { Range::Limited },
            matrix: if matrix { Matrix::Bt601 } else { Matrix::Bt709 },
        };
        let format = PictureFormat { pixel, resolution: Resolution::new(width, height), strides: [stride; 3], colour };
        let mut given: Vec<Cow<'_, [u8]>> = vec![Cow::Borrowed(&more); buffers];
        if let Some(first) = given.first_mut() {
            *first = Cow::Borrowed(&bytes);
        }
        if let Ok(frame) = to_i420(&format, &given, MediaTime::ZERO) {
            prop_assert!(frame.resolution().width % 2 == 0);
        }
    }
}

fn shapes(pixel: P, size: Resolution) -> Vec<Shape> {
    match pixel {
        P::Yuv(layout) => shapes_of_yuv(&layout, size),
        _ => Vec::new(),
    }
}

#[test]
fn red_is_red_and_green_green_in_every_order_and_width() {
    for (index, (pixel, colours)) in RGB.into_iter().enumerate() {
        for (bytes, wanted) in colours.into_iter().zip([(81, 90, 240), (145, 54, 34), (235, 128, 128)]) {
            for padding in [0, 6] {
                // An odd size too: the last column and row are left out.
                let size = Resolution::new(17, 5);
                let row = [bytes.repeat(17), vec![3; padding]].concat();
                let format = PictureFormat { strides: [row.len(), 0, 0], ..PictureFormat::new(pixel, size) };
                let frame = to_i420(&format, &[row.repeat(5).into()], MediaTime::ZERO).unwrap();
                let (y, u, v) = frame.planes();
                let all = |plane: &[u8], wanted| plane.iter().all(|&value| near(value, wanted));
                let what = format!("format {index}, {bytes:?}: {} {} {}", y[0], u[0], v[0]);
                assert!(all(y, wanted.0) && all(u, wanted.1) && all(v, wanted.2), "{what}");
            }
        }
    }
}

#[test]
fn red_green_and_blue_of_limited_range_are_stretched() {
    let size = Resolution::new(4, 4);
    let colour = Colour { range: Range::Limited, ..Colour::OURS };
    let format = PictureFormat { colour, ..PictureFormat::new(P::RGB, size) };
    for (level, luma) in [(16, 16), (235, 235), (128, 128)] {
        let frame = to_i420(&format, &[vec![level; 48].into()], MediaTime::ZERO).unwrap();
        assert!(near(frame.planes().0[0], luma), "{level}");
    }
}

#[test]
fn full_range_is_not_taken_for_limited() {
    let size = Resolution::new(4, 4);
    for pixel in [P::YUYV, P::NV12, P::GREY] {
        let format = PictureFormat { colour: Colour::FULL, ..PictureFormat::new(pixel, size) };
        for (level, luma) in [(0, 16), (255, 235)] {
            let frame = to_i420(&format, &[vec![level; 32].into()], MediaTime::ZERO).unwrap();
            assert_eq!(frame.planes().0[0], luma, "{pixel:?}");
        }
    }
}

#[test]
fn more_bits_than_eight_are_cut_to_the_upper_ones() {
    let size = Resolution::new(2, 2);
    for (pixel, bytes) in [
        (P::Y10, (0x3ffu16 / 2).to_le_bytes()),
        (P::Y12, (0xfffu16 / 2).to_le_bytes()),
        (P::Y14, (0x3fffu16 / 2).to_le_bytes()),
        (P::Y16, (0xffffu16 / 2).to_le_bytes()),
        (P::Y16_BE, (0xffffu16 / 2).to_be_bytes()),
    ] {
        let frame =
            to_i420(&PictureFormat::new(pixel, size), &[bytes.repeat(4).into()], MediaTime::ZERO).unwrap();
        assert_eq!(frame.planes().0, [127; 4], "{pixel:?}");
    }
}

#[test]
fn rows_are_found_where_the_driver_says_nothing_of_their_padding() {
    // As macOS pads NV12: to whole lines of 64 bytes.
    for stride in [16usize, 64] {
        let mut bytes = vec![0; stride * 6];
        for row in bytes.chunks_exact_mut(stride).take(4) {
            row[..16].fill(77);
        }
        for row in bytes.chunks_exact_mut(stride).skip(4) {
            row[..16].copy_from_slice(&[90, 160].repeat(8));
        }
        let format = PictureFormat::new(P::NV12, Resolution::new(16, 4));
        let frame = to_i420(&format, &[bytes.into()], MediaTime::ZERO).unwrap();
        let (y, u, v) = frame.planes();
        assert!(
            y.iter().all(|y| *y == 77) && u.iter().all(|u| *u == 90) && v.iter().all(|v| *v == 160),
            "{stride}"
        );
    }
}

#[test]
fn a_stride_that_the_bytes_contradict_is_not_believed() {
    // Half a stride (a driver that counts pixels), and one for which there are not enough bytes.
    for stride in [16, 4_096] {
        let (planes, _) = written(&["yuyv"], 2, 1, Resolution::new(16, 4), 0);
        let format =
            PictureFormat { strides: [stride, 0, 0], ..PictureFormat::new(P::YUYV, Resolution::new(16, 4)) };
        let frame = to_i420(&format, &[planes.concat().into()], MediaTime::ZERO).unwrap();
        check(&frame, Resolution::new(16, 4), false, "stride");
    }
}

#[test]
fn a_torn_picture_is_an_error_in_words() {
    let size = Resolution::new(640, 480);
    for pixel in YUV.into_iter().map(|(pixel, ..)| pixel).chain([P::RGB, P::RGB565, P::Jpeg]) {
        let format = PictureFormat::new(pixel, size);
        for buffers in
            [vec![], vec![Cow::Borrowed(&[0xff][..])], vec![Cow::Borrowed(&[0xff, 0xd8, 0xff][..]); 2]]
        {
            let error = to_i420(&format, &buffers, MediaTime::ZERO).unwrap_err().to_string();
            assert!(error.contains("640x480"), "{error}");
        }
    }
}
