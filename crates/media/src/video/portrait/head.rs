//! Head and shoulders. The unit is half the height of a face; its middle is the origin.

use super::canvas::{Canvas, Ink, Path, Transform, oval, shape};
use super::hair;
use super::motion::Pose;
use super::person::{Beard, Clothes, Hair, Person};

const WHITE: Ink = Ink::hex(0xfb_f7_f2);
const PUPIL: Ink = Ink::hex(0x14_0d_10);
const BLUSH: Ink = Ink::hex(0xe0_5a_4a);

/// Draws the person.
pub(super) fn draw(canvas: &mut Canvas<'_>, person: &Person, pose: &Pose) {
    let mut head = Transform::from_translate(pose.x, pose.y).pre_concat(around_neck(pose.tilt));
    head = head.pre_scale(person.broad, 1.0);
    hair::back(&mut canvas.within(head), person, pose);
    neck(&mut canvas.within(Transform::from_translate(pose.x * 0.5, pose.y * 0.5)), person);
    torso(&mut canvas.within(Transform::from_translate(0.0, -pose.breath)), person);
    let mut canvas = canvas.within(head);
    ears(&mut canvas, person, pose);
    canvas.fill(face(person.chin), person.skin);
    // Light comes from one side.
    canvas.fill(cheek_shadow(person.chin), person.skin.darker(0.35).at(0.16));
    {
        let mut turned = canvas.within(Transform::from_translate(pose.turn, pose.nod));
        features(&mut turned, person, pose);
    }
    hair::front(&mut canvas, person, pose);
    if person.glasses {
        glasses(&mut canvas.within(Transform::from_translate(pose.turn, pose.nod)), person);
    }
}

/// A head turns around where it sits.
fn around_neck(degrees: f32) -> Transform {
    Transform::from_translate(0.0, 1.1).pre_concat(Transform::from_rotate(degrees)).pre_translate(0.0, -1.1)
}

/// The outline of a face whose chin is so broad.
fn face(chin: f32) -> Path {
    shape(|path| outline(path, chin))
}

pub(super) fn outline(path: &mut Path, chin: f32) {
    path.move_to(0.0, -1.0);
    path.cubic_to(0.50, -1.0, 0.78, -0.66, 0.78, -0.12);
    path.cubic_to(0.78, 0.52, 0.40 * chin + 0.02, 1.0, 0.0, 1.0);
    path.cubic_to(-0.40 * chin - 0.02, 1.0, -0.78, 0.52, -0.78, -0.12);
    path.cubic_to(-0.78, -0.66, -0.50, -1.0, 0.0, -1.0);
}

fn cheek_shadow(chin: f32) -> Path {
    shape(|path| {
        path.move_to(0.74, -0.35);
        path.cubic_to(0.84, 0.42, 0.42 * chin + 0.02, 1.0, 0.0, 1.0);
        path.cubic_to(0.34 * chin, 0.90, 0.62, 0.45, 0.74, -0.35);
    })
}

fn neck(canvas: &mut Canvas<'_>, person: &Person) {
    let half = 0.34 * person.shoulders;
    canvas.fill(
        shape(|path| {
            path.move_to(-half, 0.4);
            path.cubic_to(-half, 1.1, -half - 0.02, 1.3, -0.75, 1.5);
            path.line_to(-0.62, 2.2);
            path.line_to(0.62, 2.2);
            path.line_to(0.75, 1.5);
            path.cubic_to(half + 0.02, 1.3, half, 1.1, half, 0.4);
        }),
        person.skin.darker(0.06),
    );
    // The chin's shadow.
    canvas.fill(
        shape(|path| {
            path.move_to(-half, 0.5);
            path.line_to(-half, 0.98);
            path.cubic_to(-half * 0.5, 1.26, half * 0.5, 1.26, half, 1.04);
            path.line_to(half, 0.5);
        }),
        person.skin.darker(0.45).at(0.45),
    );
}

fn torso(canvas: &mut Canvas<'_>, person: &Person) {
    let (wide, cloth) = (person.shoulders, person.cloth);
    let body = |depth: f32, pointed: bool| {
        shape(|path| {
            path.move_to(-0.47, 1.24);
            path.cubic_to(-0.75 * wide, 1.50, -1.82 * wide, 1.46, -2.02 * wide, 2.30);
            path.line_to(-2.45 * wide, 9.0);
            // A picture may be much higher than wide.
            path.line_to(-2.45 * wide, 1_000.0);
            path.line_to(2.45 * wide, 1_000.0);
            path.line_to(2.45 * wide, 9.0);
            path.line_to(2.02 * wide, 2.30);
            path.cubic_to(1.82 * wide, 1.46, 0.75 * wide, 1.50, 0.47, 1.24);
            if pointed {
                path.line_to(0.0, depth);
            } else {
                path.cubic_to(0.34, depth, -0.34, depth, -0.47, 1.24);
            }
        })
    };
    match person.clothes {
        Clothes::VNeck => {
            canvas.fill(body(1.95, true), cloth);
            canvas.line(line(&[(-0.47, 1.24), (0.0, 1.95), (0.47, 1.24)]), 0.06, cloth.darker(0.2));
        }
        Clothes::Round | Clothes::Hood => {
            canvas.fill(body(1.72, false), cloth);
            let neckline = shape(|path| {
                path.move_to(-0.47, 1.24);
                path.cubic_to(-0.34, 1.72, 0.34, 1.72, 0.47, 1.24);
            });
            let width = if person.clothes == Clothes::Hood { 0.22 } else { 0.075 };
            canvas.line(neckline, width, cloth.darker(0.18));
        }
        Clothes::RollNeck => {
            canvas.fill(body(1.5, false), cloth);
            canvas.fill(
                shape(|path| {
                    path.move_to(-0.44, 1.02);
                    path.cubic_to(-0.2, 1.16, 0.2, 1.16, 0.44, 1.02);
                    path.line_to(0.52, 1.42);
                    path.cubic_to(0.2, 1.62, -0.2, 1.62, -0.52, 1.42);
                }),
                cloth.lighter(0.06),
            );
            let fold = shape(|path| {
                path.move_to(-0.50, 1.40);
                path.cubic_to(-0.2, 1.60, 0.2, 1.60, 0.50, 1.40);
            });
            canvas.line(fold, 0.035, cloth.darker(0.22));
        }
        Clothes::Collar => {
            canvas.fill(body(1.85, true), cloth);
            canvas.line(line(&[(0.0, 1.85), (0.0, 6.0)]), 0.03, cloth.darker(0.2));
            canvas.both(|side| {
                let flap = shape(|path| {
                    path.move_to(0.40, 1.10);
                    path.line_to(0.02, 1.84);
                    path.line_to(0.44, 1.98);
                    path.line_to(0.66, 1.34);
                });
                side.fill(flap, cloth.lighter(0.22));
            });
            for button in 0..3 {
                canvas.fill(oval(0.0, 2.25 + 0.5 * button as f32, 0.035, 0.035), cloth.darker(0.35));
            }
        }
    }
    if person.clothes == Clothes::Hood {
        canvas.both(|side| {
            side.line(line(&[(0.22, 1.66), (0.25, 2.2)]), 0.045, WHITE.darker(0.08));
        });
    }
    // Where the arms begin.
    canvas.both(|side| {
        let seam = shape(|path| {
            path.move_to(1.52 * wide, 2.2);
            path.cubic_to(1.46 * wide, 2.5, 1.45 * wide, 2.9, 1.47 * wide, 4.0);
        });
        side.line(seam, 0.04, cloth.darker(0.25).at(0.6));
    });
}

/// Straight lines from each point to the next.
fn line(points: &[(f32, f32)]) -> Path {
    shape(|path| {
        for pair in points.windows(2) {
            path.move_to(pair[0].0, pair[0].1);
            path.line_to(pair[1].0, pair[1].1);
        }
    })
}

fn ears(canvas: &mut Canvas<'_>, person: &Person, pose: &Pose) {
    if person.hair == Hair::Headscarf {
        return;
    }
    // Turning, one goes behind the head.
    let mut canvas = canvas.within(Transform::from_translate(-pose.turn * 0.6, pose.nod * 0.5));
    canvas.both(|side| {
        side.fill(oval(0.79, 0.06, 0.115, 0.185), person.skin.darker(0.06));
        side.fill(oval(0.80, 0.07, 0.055, 0.11), person.skin.darker(0.22));
    });
}

fn features(canvas: &mut Canvas<'_>, person: &Person, pose: &Pose) {
    let skin = person.skin;
    if person.beard == Beard::None {
        canvas.both(|side| side.fill(oval(0.46, 0.33, 0.17, 0.12), BLUSH.at(0.13)));
    }
    beard(canvas, person);
    for side in [-1.0, 1.0] {
        let mut eye = canvas.within(Transform::from_translate(0.33 * side, -0.03).pre_scale(side, 1.0));
        draw_eye(&mut eye, person, pose.eyes.clamp(0.0, 1.0), pose.gaze * side);
    }
    let up = -0.30 + person.brow - 0.035 * pose.brows;
    canvas.both(|side| {
        let brow = shape(|path| {
            path.move_to(0.175, up + 0.035);
            path.quad_to(0.34, up - 0.075, 0.505, up + 0.045);
        });
        let ink = if person.hair == Hair::Bald { Ink::hex(0x3a_2a_24) } else { person.hair_ink.darker(0.25) };
        side.line(brow, if person.lips { 0.052 } else { 0.078 }, ink);
    });
    // A nose is what its shadow says.
    let nose = shape(|path| {
        path.move_to(0.055, 0.02);
        path.cubic_to(0.075, 0.16, 0.125, 0.22, 0.115, 0.275);
        path.cubic_to(0.105, 0.325, 0.02, 0.335, -0.055, 0.315);
    });
    canvas.line(nose, 0.036, skin.darker(0.30).at(0.85));
    mouth(canvas, person, pose);
}

/// One eye around its middle; outwards is to the right.
fn draw_eye(canvas: &mut Canvas<'_>, person: &Person, open: f32, gaze: f32) {
    const ACROSS: f32 = 0.145;
    canvas.fill(oval(0.0, 0.0, ACROSS, 0.098), WHITE);
    let iris = gaze.clamp(-1.0, 1.0) * 0.045;
    canvas.fill(oval(iris, -0.006, 0.082, 0.086), person.iris);
    canvas.fill(oval(iris, -0.006, 0.043, 0.045), PUPIL);
    canvas.fill(oval(iris + 0.026, -0.036, 0.019, 0.019), WHITE);
    // The lid comes down over all this, and its edge bends the other way when it is down.
    let edge = 0.085 - 0.205 * open;
    let corner = 0.02;
    let lid = shape(|path| {
        path.move_to(-ACROSS - 0.02, corner);
        path.quad_to(0.0, edge * 1.55, ACROSS + 0.02, corner - 0.02);
        path.line_to(ACROSS + 0.02, -0.13);
        path.line_to(-ACROSS - 0.02, -0.13);
    });
    canvas.fill(lid, person.skin);
    if open < 0.35 {
        // What the lid's edge leaves uncovered below.
        canvas.fill(
            shape(|path| {
                path.move_to(-ACROSS - 0.02, corner);
                path.quad_to(0.0, edge * 1.55, ACROSS + 0.02, corner - 0.02);
                path.line_to(ACROSS + 0.02, 0.12);
                path.line_to(-ACROSS - 0.02, 0.12);
            }),
            person.skin,
        );
    }
    let lash = shape(|path| {
        path.move_to(-ACROSS, corner);
        path.quad_to(0.0, edge * 1.55, ACROSS + 0.01, corner - 0.02);
        if person.lips {
            path.line_to(ACROSS + 0.055, corner - 0.06);
        }
    });
    canvas.line(lash, if person.lips { 0.042 } else { 0.032 }, Ink::hex(0x22_16_18));
}

fn mouth(canvas: &mut Canvas<'_>, person: &Person, pose: &Pose) {
    let y = 0.555;
    let half = 0.235 + 0.03 * pose.smile;
    let corner = -0.055 * pose.smile;
    let lips =
        if person.lips { Ink::hex(0xb8_3c_48).towards(person.skin, 0.25) } else { person.skin.darker(0.38) };
    if pose.mouth < 0.06 {
        let smile = shape(|path| {
            path.move_to(-half, y + corner);
            path.quad_to(0.0, y + 0.085 * pose.smile, half, y + corner);
        });
        if person.lips {
            let lower = shape(|path| {
                path.move_to(-half * 0.92, y + corner * 0.8);
                path.quad_to(-half * 0.3, y - 0.055, 0.0, y - 0.018);
                path.quad_to(half * 0.3, y - 0.055, half * 0.92, y + corner * 0.8);
                path.quad_to(0.0, y + 0.20, -half * 0.92, y + corner * 0.8);
            });
            canvas.fill(lower, lips);
            canvas.line(smile, 0.028, lips.darker(0.45));
        } else {
            canvas.line(smile, 0.045, person.skin.darker(0.55));
        }
        return;
    }
    let open = 0.10 + 0.26 * pose.mouth;
    let inside = || {
        shape(|path| {
            path.move_to(-half, y + corner);
            path.quad_to(0.0, y + 0.045, half, y + corner);
            path.quad_to(half * 0.72, y + open, 0.0, y + open);
            path.quad_to(-half * 0.72, y + open, -half, y + corner);
        })
    };
    canvas.line(inside(), if person.lips { 0.07 } else { 0.035 }, lips);
    canvas.fill(inside(), Ink::hex(0x5c_1d_24));
    let teeth = shape(|path| {
        let inner = half * 0.86;
        path.move_to(-inner, y + corner * 0.72);
        path.quad_to(0.0, y + 0.05, inner, y + corner * 0.72);
        path.quad_to(inner * 0.6, y + 0.035 + open * 0.36, 0.0, y + 0.04 + open * 0.36);
        path.quad_to(-inner * 0.6, y + 0.035 + open * 0.36, -inner, y + corner * 0.72);
    });
    canvas.fill(teeth, WHITE);
    if open > 0.2 {
        canvas.fill(oval(0.0, y + open * 0.86, half * 0.42, open * 0.14), Ink::hex(0xc9_5a_5f));
    }
}

fn beard(canvas: &mut Canvas<'_>, person: &Person) {
    let ink = person.hair_ink;
    let around = |chin: f32| {
        shape(|path| {
            path.move_to(-0.775, -0.05);
            path.cubic_to(-0.80, 0.55, -0.44 * chin, 1.06, 0.0, 1.06);
            path.cubic_to(0.44 * chin, 1.06, 0.80, 0.55, 0.775, -0.05);
            path.cubic_to(0.70, 0.20, 0.62, 0.40, 0.34, 0.42);
            path.cubic_to(0.20, 0.36, 0.08, 0.38, 0.0, 0.41);
            path.cubic_to(-0.08, 0.38, -0.20, 0.36, -0.34, 0.42);
            path.cubic_to(-0.62, 0.40, -0.70, 0.20, -0.775, -0.05);
        })
    };
    match person.beard {
        Beard::None => {}
        Beard::Stubble => canvas.fill(around(person.chin), ink.at(0.17)),
        Beard::Full => {
            canvas.fill(around(person.chin), ink);
            // Room for the mouth.
            canvas.fill(oval(0.0, 0.57, 0.27, 0.115), person.skin);
        }
        Beard::Moustache => canvas.both(|side| {
            let half = shape(|path| {
                path.move_to(0.0, 0.40);
                path.cubic_to(0.12, 0.33, 0.24, 0.40, 0.35, 0.52);
                path.cubic_to(0.22, 0.53, 0.10, 0.51, 0.0, 0.47);
            });
            side.fill(half, ink);
        }),
    }
}

fn glasses(canvas: &mut Canvas<'_>, person: &Person) {
    let frame = if person.skin.luma() < 0.5 { Ink::hex(0xc9_a2_5c) } else { Ink::hex(0x2b_24_28) };
    canvas.both(|side| {
        side.fill(oval(0.33, -0.01, 0.235, 0.205), WHITE.at(0.10));
        side.line(oval(0.33, -0.01, 0.235, 0.205), 0.034, frame);
        side.line(line(&[(0.565, -0.03), (0.78, -0.06)]), 0.03, frame);
    });
    let bridge = shape(|path| {
        path.move_to(-0.10, -0.03);
        path.quad_to(0.0, -0.10, 0.10, -0.03);
    });
    canvas.line(bridge, 0.034, frame);
}
