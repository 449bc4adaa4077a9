//! Which of a camera's formats to take.

use tincan_media::video::Resolution;

use super::CaptureRequest;
use super::pixel_format::{PixelFormat, RgbLayout};

/// Smaller pictures than this are no camera's, and no encoder takes them.
const MIN_SIDE: u32 = 16;

/// One of the formats that a camera offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) format: PixelFormat,
    pub(super) resolution: Resolution,
    pub(super) frames_per_second: u32,
    /// Which of the driver's own formats it is.
    pub(super) of: usize,
}

impl Offer {
    /// What it takes of the camera's connection, about.
    #[cfg_attr(
        not(target_os = "linux"),
        expect(dead_code, reason = "only Linux says that a connection is full")
    )]
    pub(super) fn bytes_per_second(&self) -> u64 {
        let pixels = u64::from(self.resolution.width) * u64::from(self.resolution.height);
        self.format.approximate_bytes(pixels) * u64::from(self.frames_per_second)
    }
}

/// The offers, best first. All of them: a driver may refuse what it offered.
pub(super) fn ranked(offers: &[Offer], request: CaptureRequest) -> Vec<Offer> {
    let mut offers: Vec<Offer> = offers
        .iter()
        .copied()
        .filter(|offer| {
            offer.resolution.width >= MIN_SIDE
                && offer.resolution.height >= MIN_SIDE
                && offer.frames_per_second > 0
        })
        .collect();
    offers.sort_by(|a, b| cost(a, request).total_cmp(&cost(b, request)));
    offers
}

/// How far an offer is from what is wanted, in natural logarithms, so that half and double weigh the same.
fn cost(offer: &Offer, request: CaptureRequest) -> f64 {
    let area = |size: Resolution| f64::from(size.width) * f64::from(size.height);
    let shape = |size: Resolution| f64::from(size.width) / f64::from(size.height);
    let size = (area(offer.resolution) / area(request.resolution).max(1.0)).ln();
    // Fewer pixels cannot be made up for; more only cost scaling.
    let size = if size < 0.0 { -size } else { size * 0.7 };
    // Bars at the sides, or a smaller picture: a little.
    let shape = (shape(offer.resolution) / shape(request.resolution)).ln().abs() * 0.5;
    let rate = f64::from(offer.frames_per_second) / f64::from(request.frames_per_second.max(1));
    // Ten pictures a second look broken however sharp; sixty only cost time.
    let rate = if rate < 0.9 { -rate.ln() * 2.0 } else { (rate.ln() * 0.2).max(0.0) };
    // Uncompressed is sharper and costs no decoding, about 5 ms for a JPEG of 720p. Of the rest, what is no 4:2:0 or
    // 4:2:2 costs a little more to take apart, and what has few bits shows steps in every shadow.
    let format = match offer.format {
        PixelFormat::Yuv(layout) if layout.across == 2 && layout.y.step <= 2 => 0.0,
        PixelFormat::Yuv(_) => 0.02,
        PixelFormat::Rgb(RgbLayout::Bytes { .. }) => 0.05,
        PixelFormat::Jpeg => 0.1,
        PixelFormat::Rgb(RgbLayout::Word { .. }) => 0.15,
        PixelFormat::Grey(_) => 2.0,
    };
    size + shape + rate + format
}

#[cfg(test)]
mod tests {
    use super::*;

    const YUYV: PixelFormat = PixelFormat::YUYV;
    const JPEG: PixelFormat = PixelFormat::Jpeg;

    fn best(offers: &[(PixelFormat, u32, u32, u32)]) -> (PixelFormat, u32, u32, u32) {
        let offers: Vec<Offer> = offers
            .iter()
            .map(|&(format, width, height, frames_per_second)| Offer {
                format,
                resolution: Resolution::new(width, height),
                frames_per_second,
                of: 0,
            })
            .collect();
        let best = ranked(&offers, CaptureRequest::default())[0];
        (best.format, best.resolution.width, best.resolution.height, best.frames_per_second)
    }

    #[test]
    fn uncompressed_is_taken_where_it_comes_at_30_a_second() {
        assert_eq!(best(&[(JPEG, 1280, 720, 30), (YUYV, 1280, 720, 30)]).0, YUYV);
        // What a USB 2 camera typically offers: uncompressed 720p at 10 only.
        let usb2 =
            [(YUYV, 1280, 720, 10), (YUYV, 640, 480, 30), (JPEG, 1280, 720, 30), (JPEG, 1920, 1080, 30)];
        assert_eq!(best(&usb2), (JPEG, 1280, 720, 30));
    }

    #[test]
    fn the_nearest_size_is_taken_where_720p_is_not_offered() {
        assert_eq!(best(&[(YUYV, 640, 480, 30), (YUYV, 320, 240, 30)]), (YUYV, 640, 480, 30));
        assert_eq!(best(&[(JPEG, 1920, 1080, 30), (YUYV, 320, 240, 30)]), (JPEG, 1920, 1080, 30));
        assert_eq!(best(&[(YUYV, 1280, 960, 30), (YUYV, 1280, 720, 30)]), (YUYV, 1280, 720, 30));
        assert_eq!(best(&[(YUYV, 1280, 720, 60), (YUYV, 1280, 720, 30)]), (YUYV, 1280, 720, 30));
    }

    #[test]
    fn nonsense_is_not_offered() {
        for (width, height, frames_per_second) in [(0, 0, 30), (2, 2, 30), (640, 8, 30), (640, 480, 0)] {
            let resolution = Resolution::new(width, height);
            let offer = Offer { format: YUYV, resolution, frames_per_second, of: 0 };
            assert!(ranked(&[offer], CaptureRequest::default()).is_empty(), "{offer:?}");
        }
    }

    #[test]
    fn of_one_size_and_rate_the_format_is_taken_that_costs_and_loses_least() {
        let order = [PixelFormat::NV12, PixelFormat::BGR, JPEG, PixelFormat::RGB565, PixelFormat::GREY];
        for (index, better) in order.iter().enumerate() {
            for worse in &order[index + 1..] {
                assert_eq!(best(&[(*worse, 1280, 720, 30), (*better, 1280, 720, 30)]).0, *better);
            }
        }
        // An infrared camera beside the colours: never, however well it suits.
        assert_eq!(best(&[(PixelFormat::GREY, 1280, 720, 30), (JPEG, 640, 360, 30)]).0, JPEG);
    }

    #[test]
    fn what_a_format_takes_of_the_connection_is_about_its_size() {
        let bytes = |format: PixelFormat| format.approximate_bytes(1_000);
        let formats = [YUYV, PixelFormat::UYVY, PixelFormat::I422, PixelFormat::NV16, PixelFormat::RGB565];
        assert_eq!(formats.map(bytes), [2_000; 5]);
        assert_eq!([PixelFormat::NV12, PixelFormat::I420].map(bytes), [1_500; 2]);
        assert_eq!([PixelFormat::NV24, PixelFormat::I444, PixelFormat::RGB].map(bytes), [3_000; 3]);
        assert_eq!([PixelFormat::XYUV, PixelFormat::BGRX].map(bytes), [4_000; 2]);
        assert_eq!((bytes(PixelFormat::P010), bytes(PixelFormat::GREY)), (3_000, 1_000));
        assert!(bytes(JPEG) < 500);
    }
}
