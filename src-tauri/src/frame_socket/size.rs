//! How large a picture has to be for where it is shown: a self-view in a corner needs a twentieth of the camera's pixels,
//! and every pixel is copied four times on its way through the webview.

use tincan_media::video::{Rect, Resolution, letterbox};

/// So much of the width is not worth a scaling, and spares pictures two of them one after the other.
const NEARLY: f32 = 0.8;
/// Widths are multiples of this, so that a window that is being resized does not get another size with every picture.
const STEP: u32 = 16;

/// The size to scale a picture to; `None` for its own.
pub(super) fn worth_sending(picture: Resolution, shown: Resolution) -> Option<Resolution> {
    let visible = letterbox(picture, Rect::of(shown)).width;
    if visible > picture.width as f32 * NEARLY {
        return None;
    }
    let width = (visible.ceil() as u32).next_multiple_of(STEP);
    // Even, as the planes of colour have it.
    let height = (width * picture.height).div_ceil(picture.width).next_multiple_of(2);
    Some(Resolution::new(width, height))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HD: Resolution = Resolution::HD;

    #[test]
    fn a_self_view_in_a_corner_is_sent_small() {
        assert_eq!(worth_sending(HD, Resolution::new(254, 143)), Some(Resolution::new(256, 144)));
        // Letterboxed: only its height is filled.
        assert_eq!(worth_sending(HD, Resolution::new(800, 143)), Some(Resolution::new(256, 144)));
    }

    #[test]
    fn a_large_view_gets_the_picture_as_it_is() {
        for shown in [HD, Resolution::new(2_560, 1_440), Resolution::new(1_100, 700)] {
            assert_eq!(worth_sending(HD, shown), None, "{shown:?}");
        }
    }

    #[test]
    fn a_scaled_picture_is_never_larger_than_itself_and_keeps_its_shape() {
        for side in 1..1_300 {
            let Some(size) = worth_sending(HD, Resolution::new(side, side)) else { continue };
            assert!(size.width <= HD.width && size.height <= HD.height, "{size:?}");
            let (is, was) = (size.width as f32 / size.height as f32, 1_280.0 / 720.0);
            assert!(size.width < 100 || (is / was - 1.0).abs() < 0.02, "{size:?}");
        }
    }
}
