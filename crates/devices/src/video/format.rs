//! Which of a camera's formats to take.

use tincan_media::video::Resolution;

use super::CaptureRequest;
use super::convert::PixelFormat;

/// One of the formats that a camera offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) format: PixelFormat,
    pub(super) resolution: Resolution,
    pub(super) frames_per_second: u32,
}

/// The offers, best first. All of them: a driver may refuse what it offered.
pub(super) fn ranked(offers: &[Offer], request: CaptureRequest) -> Vec<Offer> {
    let mut offers: Vec<Offer> = offers
        .iter()
        .copied()
        .filter(|offer| {
            offer.resolution.width >= 2 && offer.resolution.height >= 2 && offer.frames_per_second > 0
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
    // Uncompressed is sharper and costs no decoding, about 5 ms for a JPEG of 720p.
    let format = match offer.format {
        PixelFormat::Yuyv => 0.0,
        PixelFormat::Nv12 => 0.01,
        PixelFormat::Mjpeg => 0.1,
        PixelFormat::Rgb | PixelFormat::Bgr => 0.2,
        PixelFormat::Grey => 2.0,
    };
    size + shape + rate + format
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(offers: &[(PixelFormat, u32, u32, u32)]) -> (PixelFormat, u32, u32, u32) {
        let offers: Vec<Offer> = offers
            .iter()
            .map(|&(format, width, height, frames_per_second)| Offer {
                format,
                resolution: Resolution::new(width, height),
                frames_per_second,
            })
            .collect();
        let best = ranked(&offers, CaptureRequest::default())[0];
        (best.format, best.resolution.width, best.resolution.height, best.frames_per_second)
    }

    #[test]
    fn uncompressed_is_taken_where_it_comes_at_30_a_second() {
        use PixelFormat::{Mjpeg, Yuyv};
        assert_eq!(best(&[(Mjpeg, 1280, 720, 30), (Yuyv, 1280, 720, 30)]).0, Yuyv);
        // What a USB 2 camera typically offers: uncompressed 720p at 10 only.
        let usb2 =
            [(Yuyv, 1280, 720, 10), (Yuyv, 640, 480, 30), (Mjpeg, 1280, 720, 30), (Mjpeg, 1920, 1080, 30)];
        assert_eq!(best(&usb2), (Mjpeg, 1280, 720, 30));
    }

    #[test]
    fn the_nearest_size_is_taken_where_720p_is_not_offered() {
        use PixelFormat::{Mjpeg, Yuyv};
        assert_eq!(best(&[(Yuyv, 640, 480, 30), (Yuyv, 320, 240, 30)]), (Yuyv, 640, 480, 30));
        assert_eq!(best(&[(Mjpeg, 1920, 1080, 30), (Yuyv, 320, 240, 30)]), (Mjpeg, 1920, 1080, 30));
        assert_eq!(best(&[(Yuyv, 1280, 960, 30), (Yuyv, 1280, 720, 30)]), (Yuyv, 1280, 720, 30));
        assert_eq!(best(&[(Yuyv, 1280, 720, 60), (Yuyv, 1280, 720, 30)]), (Yuyv, 1280, 720, 30));
    }

    #[test]
    fn nonsense_is_not_offered() {
        let offer =
            Offer { format: PixelFormat::Yuyv, resolution: Resolution::new(0, 0), frames_per_second: 30 };
        assert!(ranked(&[offer], CaptureRequest::default()).is_empty());
    }
}
