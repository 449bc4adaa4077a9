//! The mouse pointer, which is no part of the screen's pixels.

use tincan_media::video::Resolution;
use x11rb::errors::ReplyError;
use x11rb::protocol::xfixes::{ConnectionExt as _, GetCursorImageReply};

use super::display::{Display, refused};
use crate::screen::pixels::PIXEL;

/// What the pointer looks like, and where it is on the root window.
#[derive(Default)]
pub(super) struct Pointer {
    seen: Option<GetCursorImageReply>,
}

impl Pointer {
    /// Looks where it is. Whether it moved, or looks otherwise.
    pub(super) fn look(&mut self, display: &Display) -> Result<bool, ReplyError> {
        if !display.has_pointer {
            return Ok(false);
        }
        let seen = match display.connection.xfixes_get_cursor_image()?.reply() {
            Ok(seen) => Some(seen),
            // Some servers refuse while they have no pointer at all.
            Err(error) if refused(&error) => None,
            Err(error) => return Err(error),
        };
        let key = |seen: &GetCursorImageReply| (seen.x, seen.y, seen.cursor_serial);
        let moved = seen.as_ref().map(key) != self.seen.as_ref().map(key);
        self.seen = seen;
        Ok(moved)
    }

    /// Whether any of it is to be seen in an area of the root window.
    pub(super) fn is_in(&self, left: i32, top: i32, size: Resolution) -> bool {
        self.seen.as_ref().is_some_and(|seen| {
            let (x, y) = (i32::from(seen.x) - left, i32::from(seen.y) - top);
            (0..size.width as i32).contains(&x) && (0..size.height as i32).contains(&y)
        })
    }

    /// Draws it over the pixels of an area of the root window.
    pub(super) fn draw(&self, pixels: &mut [u8], left: i32, top: i32, size: Resolution) {
        let Some(seen) = self.seen.as_ref().filter(|_| self.is_in(left, top, size)) else { return };
        let (x, y) =
            (i32::from(seen.x) - i32::from(seen.xhot) - left, i32::from(seen.y) - i32::from(seen.yhot) - top);
        let width = usize::from(seen.width).max(1);
        for (row, line) in (y..).zip(seen.cursor_image.chunks(width)) {
            if !(0..size.height as i32).contains(&row) {
                continue;
            }
            for (column, argb) in (x..).zip(line) {
                if (0..size.width as i32).contains(&column) {
                    let at = (row as usize * size.width as usize + column as usize) * PIXEL;
                    blend(&mut pixels[at..at + 3], *argb);
                }
            }
        }
    }
}

/// Lays one pixel over another. Its colours are multiplied by its opacity already (XFIXES, 7).
fn blend(pixel: &mut [u8], argb: u32) {
    let [blue, green, red, alpha] = argb.to_le_bytes();
    for (below, above) in pixel.iter_mut().zip([blue, green, red]) {
        let left = u32::from(*below) * u32::from(255 - alpha) / 255;
        *below = u8::try_from(left + u32::from(above)).unwrap_or(u8::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointer(x: i16, y: i16) -> Pointer {
        // Two by two: opaque red, half white, nothing, opaque blue. It points with its lower right pixel.
        let seen = GetCursorImageReply {
            sequence: 0,
            length: 0,
            x,
            y,
            width: 2,
            height: 2,
            xhot: 1,
            yhot: 1,
            cursor_serial: 1,
            cursor_image: vec![0xffff_0000, 0x8080_8080, 0, 0xff00_00ff],
        };
        Pointer { seen: Some(seen) }
    }

    #[test]
    fn it_is_laid_over_what_is_below_and_cut_at_the_edges() {
        let size = Resolution::new(3, 2);
        let mut pixels = vec![100; 3 * 2 * PIXEL];
        pointer(11, 21).draw(&mut pixels, 10, 20, size);
        let at = |x: usize, y: usize, pixels: &[u8]| {
            let pixel = &pixels[(y * 3 + x) * PIXEL..];
            [pixel[0], pixel[1], pixel[2]]
        };
        assert_eq!(at(0, 0, &pixels), [0, 0, 255]);
        assert_eq!(at(1, 0, &pixels), [177; 3]);
        assert_eq!((at(0, 1, &pixels), at(1, 1, &pixels)), ([100; 3], [255, 0, 0]));
        let mut corner = vec![100; 3 * 2 * PIXEL];
        pointer(10, 20).draw(&mut corner, 10, 20, size);
        assert_eq!(at(0, 0, &corner), [255, 0, 0]);
        let mut outside = vec![100; 3 * 2 * PIXEL];
        pointer(13, 20).draw(&mut outside, 10, 20, size);
        assert!(outside.iter().all(|&byte| byte == 100));
    }
}
