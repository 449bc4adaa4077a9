//! Hair and what is worn on it, in the head's units: what lies behind the face, and what lies over it.

use super::canvas::{Canvas, Path, Transform, oval, shape};
use super::motion::Pose;
use super::person::{Hair, Person};

/// What is drawn before neck and face.
pub(super) fn back(canvas: &mut Canvas<'_>, person: &Person, pose: &Pose) {
    let ink = person.hair_ink.darker(0.12);
    // Behind the head it goes the other way.
    let mut canvas = canvas.within(Transform::from_translate(-pose.turn * 0.7, 0.0));
    match person.hair {
        Hair::Short | Hair::SidePart | Hair::Bald => {}
        Hair::Long => canvas.fill(
            shape(|path| {
                path.move_to(0.0, -1.2);
                path.cubic_to(0.72, -1.2, 1.02, -0.72, 1.0, -0.05);
                path.cubic_to(0.98, 0.7, 1.16, 1.2, 1.02, 2.0);
                path.cubic_to(0.6, 2.2, -0.6, 2.2, -1.02, 2.0);
                path.cubic_to(-1.16, 1.2, -0.98, 0.7, -1.0, -0.05);
                path.cubic_to(-1.02, -0.72, -0.72, -1.2, 0.0, -1.2);
            }),
            ink,
        ),
        Hair::Waves => {
            canvas.fill(oval(0.0, -0.12, 1.06, 1.1), ink);
            canvas.both(|side| {
                for (x, y, radius) in
                    [(0.86, 0.35, 0.34), (0.93, 0.78, 0.33), (0.86, 1.18, 0.32), (0.78, 1.52, 0.27)]
                {
                    side.fill(oval(x, y, radius, radius * 1.05), ink);
                }
            });
        }
        Hair::Curly => {
            for bump in 0..17 {
                let angle = std::f32::consts::PI * (0.86 + 1.28 * bump as f32 / 16.0);
                let reach = 0.98;
                canvas.fill(oval(reach * angle.cos(), -0.28 + reach * angle.sin(), 0.31, 0.31), ink);
            }
            canvas.fill(oval(0.0, -0.28, 1.06, 1.02), ink);
        }
        Hair::Bob => canvas.fill(
            shape(|path| {
                path.move_to(0.0, -1.2);
                path.cubic_to(0.75, -1.2, 1.03, -0.7, 1.02, -0.1);
                path.cubic_to(1.02, 0.3, 1.1, 0.62, 0.98, 0.92);
                path.cubic_to(0.6, 1.02, -0.6, 1.02, -0.98, 0.92);
                path.cubic_to(-1.1, 0.62, -1.02, 0.3, -1.02, -0.1);
                path.cubic_to(-1.03, -0.7, -0.75, -1.2, 0.0, -1.2);
            }),
            ink,
        ),
        Hair::Bun => {
            canvas.fill(oval(0.0, -1.27, 0.36, 0.33), ink);
            canvas.fill(oval(0.0, -0.28, 0.88, 0.86), ink);
        }
        Hair::Ponytail => {
            canvas.fill(oval(0.0, -0.3, 0.9, 0.86), ink);
            canvas.fill(
                shape(|path| {
                    path.move_to(0.45, -0.85);
                    path.cubic_to(1.25, -0.75, 1.35, 0.2, 1.12, 1.05);
                    path.cubic_to(1.05, 1.35, 0.9, 1.45, 0.82, 1.5);
                    path.cubic_to(0.9, 0.8, 0.8, 0.2, 0.6, -0.2);
                }),
                ink,
            );
        }
        Hair::Headscarf => {
            let cloth = person.second_cloth.darker(0.18);
            canvas.fill(oval(0.0, -0.08, 1.02, 1.14), cloth);
            canvas.fill(
                shape(|path| {
                    path.move_to(-0.98, 0.0);
                    path.cubic_to(-1.05, 0.9, -1.2, 1.3, -1.35, 1.75);
                    path.line_to(1.35, 1.75);
                    path.cubic_to(1.2, 1.3, 1.05, 0.9, 0.98, 0.0);
                }),
                cloth,
            );
        }
    }
}

/// What is drawn over the face.
pub(super) fn front(canvas: &mut Canvas<'_>, person: &Person, pose: &Pose) {
    let (ink, shine) = (person.hair_ink, person.hair_ink.lighter(0.16).at(0.5));
    let mut canvas = canvas.within(Transform::from_translate(pose.turn * 0.35, pose.nod * 0.35));
    match person.hair {
        Hair::Bald => {
            canvas.fill(oval(-0.26, -0.74, 0.22, 0.10), person.skin.lighter(0.5).at(0.35));
        }
        Hair::Short => {
            canvas.fill(
                shape(|path| {
                    path.move_to(-0.83, 0.02);
                    path.cubic_to(-0.92, -0.72, -0.62, -1.18, 0.02, -1.18);
                    path.cubic_to(0.66, -1.18, 0.92, -0.72, 0.83, 0.02);
                    path.cubic_to(0.77, -0.12, 0.74, -0.30, 0.68, -0.44);
                    path.cubic_to(0.50, -0.62, 0.26, -0.66, 0.0, -0.62);
                    path.cubic_to(-0.28, -0.58, -0.52, -0.58, -0.68, -0.44);
                    path.cubic_to(-0.74, -0.30, -0.77, -0.12, -0.83, 0.02);
                }),
                ink,
            );
            canvas.line(arc(-0.5, -0.88, 0.0, -1.08, 0.42, -0.98), 0.06, shine);
        }
        Hair::SidePart => {
            canvas.fill(
                shape(|path| {
                    path.move_to(-0.82, 0.0);
                    path.cubic_to(-0.98, -0.6, -0.86, -1.05, -0.42, -1.16);
                    path.cubic_to(0.1, -1.40, 0.78, -1.22, 0.90, -0.62);
                    path.cubic_to(0.94, -0.36, 0.88, -0.14, 0.83, 0.02);
                    path.cubic_to(0.78, -0.16, 0.76, -0.30, 0.70, -0.42);
                    path.cubic_to(0.40, -0.50, -0.10, -0.58, -0.42, -0.86);
                    path.cubic_to(-0.52, -0.66, -0.64, -0.50, -0.72, -0.40);
                    path.cubic_to(-0.77, -0.26, -0.79, -0.12, -0.82, 0.0);
                }),
                ink,
            );
            canvas.line(arc(-0.30, -0.94, 0.18, -0.86, 0.62, -0.66), 0.035, shine);
            canvas.line(arc(-0.26, -1.06, 0.28, -1.08, 0.70, -0.84), 0.035, shine);
        }
        Hair::Long => {
            canvas.both(|side| {
                let strand = shape(|path| {
                    path.move_to(-0.06, -1.19);
                    path.cubic_to(0.70, -1.22, 1.03, -0.74, 1.0, -0.05);
                    path.cubic_to(0.98, 0.55, 1.12, 1.0, 1.04, 1.62);
                    path.cubic_to(0.96, 1.76, 0.80, 1.78, 0.70, 1.70);
                    path.cubic_to(0.88, 1.15, 0.80, 0.60, 0.78, 0.20);
                    path.cubic_to(0.76, -0.20, 0.48, -0.62, -0.06, -0.84);
                });
                side.fill(strand, ink);
                side.line(arc(0.30, -0.96, 0.88, -0.66, 0.91, 0.10), 0.04, shine);
            });
        }
        Hair::Waves => {
            canvas.fill(
                shape(|path| {
                    path.move_to(-0.90, 0.22);
                    path.cubic_to(-1.10, -0.62, -0.76, -1.22, 0.04, -1.24);
                    path.cubic_to(0.84, -1.24, 1.12, -0.66, 0.92, 0.24);
                    path.cubic_to(0.80, 0.10, 0.78, -0.16, 0.72, -0.34);
                    path.cubic_to(0.46, -0.38, 0.10, -0.52, -0.22, -0.88);
                    path.cubic_to(-0.36, -0.56, -0.60, -0.44, -0.74, -0.28);
                    path.cubic_to(-0.78, -0.10, -0.80, 0.08, -0.90, 0.22);
                }),
                ink,
            );
            canvas.both(|side| {
                side.fill(oval(0.88, 0.42, 0.17, 0.27), ink);
                side.fill(oval(0.96, 0.86, 0.19, 0.27), ink);
                side.fill(oval(0.90, 1.26, 0.19, 0.25), ink);
            });
            canvas.line(arc(-0.12, -0.98, 0.38, -0.78, 0.78, -0.52), 0.04, shine);
        }
        Hair::Curly => {
            for bump in 0..9 {
                let angle = std::f32::consts::PI * (1.06 + 0.88 * bump as f32 / 8.0);
                canvas.fill(oval(0.70 * angle.cos(), -0.34 + 0.56 * angle.sin(), 0.23, 0.22), ink);
            }
            canvas.fill(oval(0.0, -1.0, 0.62, 0.28), ink);
            for (x, y) in [(-0.42, -1.06), (0.1, -1.16), (0.52, -0.94), (-0.72, -0.74)] {
                canvas.line(arc(x - 0.09, y, x, y - 0.09, x + 0.09, y), 0.035, shine);
            }
        }
        Hair::Bob => {
            canvas.fill(
                shape(|path| {
                    path.move_to(-1.0, 0.84);
                    path.cubic_to(-1.08, 0.5, -1.0, 0.2, -1.01, -0.12);
                    path.cubic_to(-1.02, -0.76, -0.72, -1.2, 0.0, -1.2);
                    path.cubic_to(0.72, -1.2, 1.02, -0.76, 1.01, -0.12);
                    path.cubic_to(1.0, 0.2, 1.08, 0.5, 1.0, 0.84);
                    path.cubic_to(0.90, 0.92, 0.78, 0.90, 0.70, 0.80);
                    path.cubic_to(0.80, 0.40, 0.78, 0.02, 0.74, -0.30);
                    path.cubic_to(0.40, -0.42, -0.40, -0.42, -0.74, -0.30);
                    path.cubic_to(-0.78, 0.02, -0.80, 0.40, -0.70, 0.80);
                    path.cubic_to(-0.78, 0.90, -0.90, 0.92, -1.0, 0.84);
                }),
                ink,
            );
            canvas.line(arc(-0.72, -0.70, 0.0, -1.02, 0.72, -0.70), 0.05, shine);
        }
        Hair::Bun | Hair::Ponytail => {
            canvas.fill(
                shape(|path| {
                    path.move_to(-0.82, 0.0);
                    path.cubic_to(-0.92, -0.72, -0.62, -1.16, 0.0, -1.16);
                    path.cubic_to(0.62, -1.16, 0.92, -0.72, 0.82, 0.0);
                    path.cubic_to(0.78, -0.24, 0.66, -0.52, 0.34, -0.70);
                    path.cubic_to(0.14, -0.80, -0.14, -0.80, -0.34, -0.70);
                    path.cubic_to(-0.66, -0.52, -0.78, -0.24, -0.82, 0.0);
                }),
                ink,
            );
            canvas.line(arc(-0.50, -0.80, -0.2, -1.0, 0.02, -1.06), 0.04, shine);
            canvas.line(arc(0.50, -0.80, 0.2, -1.0, 0.02, -1.06), 0.04, shine);
        }
        Hair::Headscarf => {
            let cloth = person.second_cloth;
            // All but the face, as one shape with a hole: the inner line runs the other way.
            canvas.fill(
                shape(|path| {
                    path.move_to(0.0, -1.20);
                    path.cubic_to(0.66, -1.20, 1.0, -0.70, 0.98, -0.05);
                    path.cubic_to(0.98, 0.55, 0.95, 1.0, 1.22, 1.55);
                    path.cubic_to(0.7, 1.95, -0.7, 1.95, -1.22, 1.55);
                    path.cubic_to(-0.95, 1.0, -0.98, 0.55, -0.98, -0.05);
                    path.cubic_to(-1.0, -0.70, -0.66, -1.20, 0.0, -1.20);
                    path.move_to(0.0, -0.80);
                    path.cubic_to(-0.46, -0.80, -0.70, -0.46, -0.70, -0.06);
                    path.cubic_to(-0.70, 0.52, -0.38, 0.93, 0.0, 0.93);
                    path.cubic_to(0.38, 0.93, 0.70, 0.52, 0.70, -0.06);
                    path.cubic_to(0.70, -0.46, 0.46, -0.80, 0.0, -0.80);
                }),
                cloth,
            );
            let fold = cloth.darker(0.28).at(0.55);
            canvas.line(arc(-0.66, 0.62, -0.1, 1.30, 0.86, 1.20), 0.045, fold);
            canvas.line(arc(-0.95, 1.10, -0.2, 1.62, 0.98, 1.46), 0.045, fold);
            canvas.line(arc(-0.80, -0.50, -0.46, -0.98, 0.06, -1.02), 0.04, cloth.lighter(0.35).at(0.5));
        }
    }
}

/// A bent line.
fn arc(x0: f32, y0: f32, x1: f32, y1: f32, x2: f32, y2: f32) -> Path {
    shape(|path| {
        path.move_to(x0, y0);
        path.quad_to(x1, y1, x2, y2);
    })
}
