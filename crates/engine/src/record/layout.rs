//! What lies where in the picture of a call.
//!
//! People stand in a grid, with as many columns as make them largest. While somebody shares a screen it is large, and the
//! people stand beside it in a column, one below the other.

use tincan_media::video::{Pixels, Rect, Resolution, letterbox};

/// The picture that is recorded: what players everywhere play, and a slow computer encodes beside its call.
pub(crate) const SIZE: Resolution = Resolution::HD;
/// Between pictures.
const GAP: u32 = 8;
/// A face fills its place and loses this share of its width or its height at most, as on the stage of the window.
const MOST_CUT: f32 = 0.25;
/// The shape that pictures of people mostly have.
const SHAPE: f32 = 16.0 / 9.0;
/// The column beside a shared screen, when few people stand in it.
const COLUMN: u32 = 256;

/// Where everything lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    /// What is shared.
    pub(crate) screen: Option<Pixels>,
    /// The people, in their order.
    pub(crate) people: Vec<Pixels>,
}

impl Layout {
    /// For so many people, and for what one of them shares.
    pub(crate) fn of(people: usize, shared: bool) -> Self {
        if !shared {
            return Self { screen: None, people: grid(people, SIZE) };
        }
        if people == 0 {
            return Self { screen: Some(place(0, 0, SIZE.width, SIZE.height)), people: Vec::new() };
        }
        let count = people as u32;
        let height = (SIZE.height - GAP * (count - 1)) / count;
        let width = ((height as f32 * SHAPE) as u32).min(COLUMN) & !1;
        let height = height.min((width as f32 / SHAPE) as u32) & !1;
        let left = SIZE.width - width;
        let top = (SIZE.height - (height + GAP) * count + GAP) / 2;
        Self {
            screen: Some(place(0, 0, left - GAP, SIZE.height)),
            people: (0..count).map(|n| place(left, top + n * (height + GAP), width, height)).collect(),
        }
    }

    /// On how many lines whoever is there is seen at most: more than that nobody needs to send for it.
    pub(crate) fn lines(people: usize, shared: bool) -> u16 {
        let largest = Self::of(people, shared).people.iter().map(|place| place.size.height).max();
        largest.unwrap_or(0).min(u16::MAX.into()) as u16
    }
}

/// Even edges and sides, so that luma and chroma cover the same.
const fn place(x: u32, y: u32, width: u32, height: u32) -> Pixels {
    Pixels { x: x & !1, y: y & !1, size: Resolution::new(width & !1, height & !1) }
}

fn grid(people: usize, area: Resolution) -> Vec<Pixels> {
    let count = people as u32;
    let cell = |columns: u32| {
        let rows = count.div_ceil(columns);
        (rows, (area.width - GAP * (columns - 1)) / columns, (area.height - GAP * (rows - 1)) / rows)
    };
    let seen = |columns: u32| {
        let (_, width, height) = cell(columns);
        let place = place(0, 0, width, height);
        let typical = Resolution::new(1_600, 900);
        fit(typical, place).map_or(0, |(_, place)| place.size.width * place.size.height)
    };
    // Of two that are as good the one with more columns: people look to the side and not up.
    let Some(columns) = (1..=count).max_by_key(|&columns| seen(columns)) else { return Vec::new() };
    let (rows, width, height) = cell(columns);
    let at = |n: u32| {
        let (row, column) = (n / columns, n % columns);
        let in_row = if row + 1 == rows { count - row * columns } else { columns };
        let used = in_row * (width + GAP) - GAP;
        place((area.width - used) / 2 + column * (width + GAP), row * (height + GAP), width, height)
    };
    (0..count).map(at).collect()
}

/// Which part of somebody's picture is seen, and where: it fills its place as far as cutting off [`MOST_CUT`] allows. `None`
/// for a picture of no size.
pub(super) fn fit(picture: Resolution, place: Pixels) -> Option<(Rect, Pixels)> {
    let (width, height) = (picture.width as f32, picture.height as f32);
    if picture.width < 2 || picture.height < 2 {
        return None;
    }
    let shape = place.size.width as f32 / place.size.height.max(1) as f32;
    let part = if width / height > shape {
        let seen = (height * shape).max(width * (1.0 - MOST_CUT));
        Rect { x: ((width - seen) / 2.0).max(0.0), y: 0.0, width: seen.min(width), height }
    } else {
        let seen = (width / shape).max(height * (1.0 - MOST_CUT));
        Rect { x: 0.0, y: ((height - seen) / 2.0).max(0.0), width, height: seen.min(height) }
    };
    // Rounding may lead out by a hair.
    let part =
        Rect { width: part.width.min(width - part.x), height: part.height.min(height - part.y), ..part };
    Some((part, within(part.width / part.height, place)))
}

/// Where what is shared is seen: whole.
pub(super) fn whole(picture: Resolution, place: Pixels) -> Option<(Rect, Pixels)> {
    (picture.width > 1 && picture.height > 1)
        .then(|| (Rect::of(picture), within(picture.width as f32 / picture.height as f32, place)))
}

/// The largest place of this shape within another one.
fn within(shape: f32, outer: Pixels) -> Pixels {
    let shaped = Resolution::new((shape * 10_000.0) as u32, 10_000);
    let inner = letterbox(shaped, Rect::of(outer.size));
    let side = |length: f32, most: u32| ((length.round() as u32).max(2) & !1).min(most);
    let (width, height) = (side(inner.width, outer.size.width), side(inner.height, outer.size.height));
    let (left, top) = ((outer.size.width - width) / 2, (outer.size.height - height) / 2);
    place(outer.x + left, outer.y + top, width, height)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn apart(one: &Pixels, other: &Pixels) -> bool {
        let beside = |a: u32, long: u32, b: u32| a + long <= b;
        beside(one.x, one.size.width, other.x)
            || beside(other.x, other.size.width, one.x)
            || beside(one.y, one.size.height, other.y)
            || beside(other.y, other.size.height, one.y)
    }

    #[test]
    fn everybody_has_a_place_of_their_own_that_is_even_and_as_large_as_all_others() {
        for people in 1..=9 {
            for shared in [false, true] {
                let layout = Layout::of(people, shared);
                assert_eq!((layout.people.len(), layout.screen.is_some()), (people, shared));
                let all: Vec<Pixels> = layout.people.iter().copied().chain(layout.screen).collect();
                for (n, place) in all.iter().enumerate() {
                    let Pixels { x, y, size } = *place;
                    assert!([x, y, size.width, size.height].iter().all(|side| side % 2 == 0), "{place:?}");
                    assert!(x + size.width <= SIZE.width && y + size.height <= SIZE.height, "{place:?}");
                    assert!(all[..n].iter().all(|other| apart(place, other)), "{people}: {all:?}");
                }
                assert!(layout.people.iter().all(|place| place.size == layout.people[0].size));
            }
        }
    }

    #[test]
    fn faces_are_as_large_as_there_is_room_for_and_a_screen_is_larger() {
        let size = |people, shared| Layout::of(people, shared).people[0].size;
        assert_eq!(size(1, false), SIZE);
        assert_eq!(size(2, false), Resolution::new(636, 720));
        assert_eq!((size(3, false), size(4, false)), (size(4, false), Resolution::new(636, 356)));
        assert_eq!(size(9, false), Resolution::new(420, 234));
        for people in 1..=9 {
            let screen = Layout::of(people, true).screen.unwrap().size;
            assert!(screen.width >= 1_016 && screen.height == 720, "{people}: {screen}");
        }
        assert_eq!(Layout::of(0, true).screen.unwrap().size, SIZE);
        assert_eq!(Layout::of(0, false).people, []);
        assert_eq!(
            (Layout::lines(1, false), Layout::lines(3, false), Layout::lines(2, true)),
            (720, 356, 144)
        );
    }

    #[test]
    fn the_last_row_stands_in_the_middle() {
        let places = Layout::of(3, false).people;
        assert_eq!((places[0].x, places[2].x), (0, 322));
        assert_eq!(places[2].x + places[2].size.width / 2, SIZE.width / 2);
    }

    fn near(part: Rect) -> [u32; 4] {
        [part.x, part.y, part.width, part.height].map(|side| side.round() as u32)
    }

    #[test]
    fn a_face_fills_its_place_and_loses_a_quarter_at_most() {
        let place = |width, height| super::place(0, 0, width, height);
        let (part, at) = fit(Resolution::HD, place(640, 360)).unwrap();
        assert_eq!((near(part), at), ([0, 0, 1280, 720], place(640, 360)));
        let (part, at) = fit(Resolution::HD, place(480, 360)).unwrap();
        assert_eq!((near(part), at), ([160, 0, 960, 720], place(480, 360)));
        // In a place that is higher than wide there are bars above and below.
        let (part, at) = fit(Resolution::HD, place(640, 720)).unwrap();
        assert_eq!((near(part), at.size), ([160, 0, 960, 720], Resolution::new(640, 480)));
        assert_eq!(at.y, 120);
        // A telephone that is held upright.
        let (part, at) = fit(Resolution::new(720, 1280), place(640, 360)).unwrap();
        assert_eq!((near(part), at.size), ([0, 160, 720, 960], Resolution::new(270, 360)));
    }

    #[test]
    fn a_screen_is_seen_whole() {
        let outer = super::place(0, 0, 1016, 720);
        let (part, at) = whole(Resolution::new(1920, 1080), outer).unwrap();
        assert_eq!((near(part), at.size), ([0, 0, 1920, 1080], Resolution::new(1016, 572)));
    }

    proptest! {
        #[test]
        fn any_picture_fits_into_any_place(w in 0u32..5_000, h in 0u32..5_000, people in 1usize..20, shared in any::<bool>()) {
            let layout = Layout::of(people, shared);
            let picture = Resolution::new(w, h);
            for place in layout.people.iter().copied().chain(layout.screen) {
                for fitted in [fit(picture, place), whole(picture, place)] {
                    prop_assert_eq!(fitted.is_some(), w > 1 && h > 1);
                    let Some((part, at)) = fitted else { continue };
                    prop_assert!(part.x >= 0.0 && part.x + part.width <= w as f32 + 0.01, "{:?}", part);
                    prop_assert!(part.y >= 0.0 && part.y + part.height <= h as f32 + 0.01, "{:?}", part);
                    prop_assert!(at.x >= place.x && at.x + at.size.width <= place.x + place.size.width);
                    prop_assert!(at.y >= place.y && at.y + at.size.height <= place.y + place.size.height);
                }
            }
        }
    }
}
