//! What is behind the person, out of focus: drawn small once, and enlarged.

use super::canvas::{Canvas, Ink, Transform, block, oval, shape};
use super::person::{Dice, Person, Room};
use super::raster::Raster;
use crate::time::MediaTime;
use crate::video::{Fit, Resolution, Scaler, VideoFrame};

/// Its rows: enlarged from so few, its edges are as soft as behind a camera's plane of focus.
const ROWS: u64 = 52;

/// The room in a picture of this size.
pub(super) fn draw(person: &Person, resolution: Resolution) -> VideoFrame {
    let small = |side: u32| {
        let scaled = u64::from(side) * ROWS / u64::from(resolution.height.max(resolution.width * 9 / 16));
        ((scaled as u32) & !1).max(16)
    };
    let size = Resolution::new(small(resolution.width), small(resolution.height));
    let mut room = VideoFrame::black(MediaTime::ZERO, size);
    wall(&mut room, person);
    let mut raster = Raster::new(size.width as usize, size.height as usize);
    // The unit is the picture's height; the origin its upper middle.
    let share = |side: u32, of: u32| side as f32 / of as f32;
    let unit = resolution.height as f32;
    let own = Transform::from_translate(size.width as f32 / 2.0, 0.0)
        .pre_scale(unit * share(size.width, resolution.width), unit * share(size.height, resolution.height));
    let mut canvas = Canvas::new(&mut room, &mut raster, own);
    let mut dice = Dice::new(person.phase);
    match person.room {
        Room::Window => {
            window(&mut canvas, -0.56, 0.10, 0.36, 0.46);
            plant(&mut canvas, 0.62, 0.98, 0.9);
        }
        Room::Shelf => {
            shelf(&mut canvas, 0.36, &mut dice, person.wall);
            picture(&mut canvas, -0.62, 0.22, 0.24, 0.30, &mut dice);
        }
        Room::Plants => {
            plant(&mut canvas, -0.60, 1.02, 1.15);
            lamp(&mut canvas, 0.56);
        }
        Room::Pictures => {
            picture(&mut canvas, -0.64, 0.14, 0.26, 0.34, &mut dice);
            picture(&mut canvas, 0.40, 0.10, 0.19, 0.25, &mut dice);
            picture(&mut canvas, 0.50, 0.44, 0.26, 0.19, &mut dice);
        }
    }
    // In two steps, whose mixing of neighbours adds up to a smoother one.
    let middle = Resolution::new(size.width * 4, size.height * 4);
    let mut scaler = Scaler::new();
    let larger = scaler.scale(&room, middle, Fit::Stretch);
    scaler.scale(&larger, resolution, Fit::Stretch)
}

/// Light falls on it from the upper left.
fn wall(room: &mut VideoFrame, person: &Person) {
    let Resolution { width, height } = room.resolution();
    let (light, dark) = (person.wall.lighter(0.35), person.wall.darker(0.28));
    let ink = |x: f32, y: f32| {
        let way = (0.4 * x + 0.75 * y).clamp(0.0, 1.0);
        if way < 0.55 {
            light.towards(person.wall, way / 0.55).yuv()
        } else {
            person.wall.towards(dark, (way - 0.55) / 0.45).yuv()
        }
    };
    let (luma, u, v) = room.planes_mut();
    let (columns, rows) = (width as usize, height as usize);
    for (at, luma) in luma.iter_mut().enumerate() {
        *luma = ink((at % columns) as f32 / width as f32, (at / columns) as f32 / height as f32)[0];
    }
    for (at, (u, v)) in u.iter_mut().zip(v).enumerate() {
        let (x, y) = (at % (columns / 2), at / (columns / 2));
        [_, *u, *v] = ink(x as f32 * 2.0 / width as f32, y as f32 * 2.0 / rows as f32);
    }
}

fn window(canvas: &mut Canvas<'_>, x: f32, y: f32, width: f32, height: f32) {
    let frame = Ink::hex(0xf6_f1_ea);
    canvas.fill(block(x - 0.025, y - 0.025, width + 0.05, height + 0.05), frame);
    canvas.fill(block(x, y, width, height), Ink::hex(0xbf_dd_ef));
    canvas.fill(oval(x + width * 0.32, y + height * 0.76, width * 0.27, height * 0.21), Ink::hex(0x8f_b9_7e));
    canvas.fill(block(x, y + height * 0.8, width, height * 0.2), Ink::hex(0x7d_a8_70));
    canvas.fill(block(x + width / 2.0 - 0.009, y, 0.018, height), frame);
    canvas.fill(block(x, y + height * 0.46, width, 0.018), frame);
}

fn shelf(canvas: &mut Canvas<'_>, x: f32, dice: &mut Dice, wall: Ink) {
    const WIDTH: f32 = 0.62;
    let wood = Ink::hex(0x8a_63_45);
    canvas.fill(block(x - 0.02, 0.02, WIDTH, 1.1), wood.darker(0.25).towards(wall, 0.25));
    for row in 0..4 {
        let bottom = 0.24 + 0.25 * row as f32;
        let mut at = x + 0.015;
        while at < x + WIDTH - 0.08 {
            let (width, height) = (dice.between(0.022, 0.05), dice.between(0.11, 0.19));
            let ink = dice.pick(&[
                Ink::hex(0xb6_4a_3c),
                Ink::hex(0x3d_62_7f),
                Ink::hex(0xd9_a8_53),
                Ink::hex(0x5d_7d_62),
                Ink::hex(0xe6_dc_c8),
                Ink::hex(0x6a_4a_66),
            ]);
            if dice.share() < 0.86 {
                canvas.fill(block(at, bottom - height, width, height), ink.towards(wall, 0.15));
            }
            at += width + 0.004;
        }
        canvas.fill(block(x - 0.02, bottom, WIDTH, 0.022), wood);
    }
}

fn plant(canvas: &mut Canvas<'_>, x: f32, y: f32, size: f32) {
    let own = Transform::from_translate(x, y).pre_scale(size, size);
    let mut canvas = canvas.within(own);
    for (leaf, (turn, length)) in
        [(-62.0, 0.40), (-34.0, 0.52), (-12.0, 0.60), (11.0, 0.56), (33.0, 0.50), (58.0, 0.38)]
            .into_iter()
            .enumerate()
    {
        let ink = if leaf % 2 == 0 { Ink::hex(0x3f_74_50) } else { Ink::hex(0x5a_93_62) };
        let blade = shape(|path| {
            path.move_to(0.0, 0.0);
            path.cubic_to(-0.085, -length * 0.4, -0.05, -length * 0.8, 0.0, -length);
            path.cubic_to(0.05, -length * 0.8, 0.085, -length * 0.4, 0.0, 0.0);
        });
        canvas.within(Transform::from_rotate(turn)).fill(blade, ink);
    }
    canvas.fill(block(-0.10, -0.06, 0.20, 0.3), Ink::hex(0xc9_86_5c));
}

fn lamp(canvas: &mut Canvas<'_>, x: f32) {
    for (reach, alpha) in [(0.46, 0.10), (0.33, 0.14), (0.22, 0.18)] {
        canvas.fill(oval(x, 0.30, reach, reach), Ink::hex(0xff_e2_a0).at(alpha));
    }
    canvas.fill(block(x - 0.008, 0.36, 0.016, 0.8), Ink::hex(0x4d_42_40));
    let shade = shape(|path| {
        path.move_to(x - 0.07, 0.19);
        path.line_to(x + 0.07, 0.19);
        path.line_to(x + 0.12, 0.38);
        path.line_to(x - 0.12, 0.38);
    });
    canvas.fill(shade, Ink::hex(0xff_ed_c2));
}

fn picture(canvas: &mut Canvas<'_>, x: f32, y: f32, width: f32, height: f32, dice: &mut Dice) {
    let (first, second) = dice.pick(&[
        (Ink::hex(0x4f_76_8f), Ink::hex(0xe7_b5_6a)),
        (Ink::hex(0xc9_6b_52), Ink::hex(0xf0_d9_b8)),
        (Ink::hex(0x6d_8b_6a), Ink::hex(0xdd_e3_d2)),
    ]);
    canvas.fill(block(x - 0.012, y - 0.012, width + 0.024, height + 0.024), Ink::hex(0x5a_4a_42));
    canvas.fill(block(x, y, width, height), Ink::hex(0xf4_ee_e4));
    let (left, top, wide, high) = (x + width * 0.14, y + height * 0.14, width * 0.72, height * 0.72);
    canvas.fill(block(left, top, wide, high), second);
    canvas.fill(block(left, top + high * 0.55, wide, high * 0.45), first);
    canvas.fill(oval(left + wide * 0.64, top + high * 0.34, wide * 0.15, wide * 0.15), first.lighter(0.5));
}
