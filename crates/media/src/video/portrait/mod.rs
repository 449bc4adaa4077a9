//! A drawn person, who moves a little: what a machine without a camera shows in place of a face, and the built-in
//! participant of a test call.
//!
//! Everything is our own drawing, in flat shapes with soft edges. The room is drawn once; the person is drawn anew for each
//! picture, for about half of what copying the room costs.

mod canvas;
mod hair;
mod head;
mod motion;
mod person;
mod raster;
mod room;

use self::canvas::{Canvas, Transform};
use self::motion::Pose;
use self::person::Person;
use self::raster::Raster;
use super::{Resolution, VideoFrame};
use crate::time::MediaTime;

/// Half the height of a face, as a share of the picture's shorter side.
const FACE: f32 = 0.232;
/// Where the middle of the face is, from above.
const EYE_LINE: f32 = 0.455;

/// Draws one person in any number of pictures.
pub struct Portrait {
    person: Person,
    /// All that does not move.
    room: VideoFrame,
    raster: Raster,
    /// From half faces around the middle of the face to pixels.
    units: Transform,
}

impl Portrait {
    /// The person of this seed, in pictures of this size. Sizes are made even and at least 16x16.
    pub fn new(resolution: Resolution, seed: u64) -> Self {
        let side = |side: u32| (side & !1).clamp(16, 8_192);
        let resolution = Resolution::new(side(resolution.width), side(resolution.height));
        let person = Person::new(seed);
        let (width, height) = (resolution.width as f32, resolution.height as f32);
        let face = FACE * width.min(height);
        Self {
            person,
            room: room::draw(&person, resolution),
            raster: Raster::new(resolution.width as usize, resolution.height as usize),
            units: Transform::from_translate(width / 2.0, EYE_LINE * height).pre_scale(face, face),
        }
    }

    /// Its size.
    pub const fn resolution(&self) -> Resolution {
        self.room.resolution()
    }

    /// The person at `time`.
    pub fn draw(&mut self, time: MediaTime) -> VideoFrame {
        let pose = Pose::new(&self.person, time.as_micros() as f64 / 1e6);
        let mut frame = self.room.clone().at(time);
        head::draw(&mut Canvas::new(&mut frame, &mut self.raster, self.units), &self.person, &pose);
        frame
    }
}

#[cfg(test)]
mod tests;
