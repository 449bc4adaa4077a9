//! The picture of a call: everybody in their place, as they are seen at one moment.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tincan_media::MediaTime;
use tincan_media::video::{Pixels, Rect, Resolution, Scaler, VideoFrame};

use super::layout::{self, Layout, SIZE};
use super::tap::{Cast, Shown};

/// Pictures of one stream that may wait for their moment; more come only from a sender that counts nonsense.
const WAITING: usize = 48;
/// The ground: nearly black, as the window's stage.
const GROUND: u8 = 22;
/// The place of somebody who sends no pictures, and the figure that stands in it.
const PLACE: u8 = 42;
const FIGURE: u8 = 92;

/// A stream on its way into the picture.
#[derive(Debug, Default)]
struct Stream {
    waiting: VecDeque<Shown>,
    shown: Option<Arc<VideoFrame>>,
}

/// What stands in a place.
#[derive(Debug, Clone)]
struct Drawn {
    place: Pixels,
    screen: bool,
    picture: Option<Arc<VideoFrame>>,
}

impl Drawn {
    fn is(&self, other: &Self) -> bool {
        let same_picture = match (&self.picture, &other.picture) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        };
        (self.place, self.screen) == (other.place, other.screen) && same_picture
    }
}

/// See the module's description.
pub(super) struct Stage {
    cast: Cast,
    streams: BTreeMap<u32, Stream>,
    canvas: VideoFrame,
    drawn: Vec<Drawn>,
    scaler: Scaler,
}

impl Stage {
    /// An empty one.
    pub(super) fn new() -> Self {
        let mut canvas = VideoFrame::black(MediaTime::ZERO, SIZE);
        canvas.planes_mut().0.fill(GROUND);
        Self {
            cast: Cast::default(),
            streams: BTreeMap::new(),
            canvas,
            drawn: Vec::new(),
            scaler: Scaler::new(),
        }
    }

    /// Takes who is there, and what came of them.
    pub(super) fn take(&mut self, cast: Cast, pictures: BTreeMap<u32, VecDeque<Shown>>) {
        for (stream, mut shown) in pictures {
            let waiting = &mut self.streams.entry(stream).or_default().waiting;
            waiting.append(&mut shown);
            let excess = waiting.len().saturating_sub(WAITING);
            waiting.drain(..excess);
        }
        let there = |stream: u32| cast.people.contains(&stream) || cast.screen == Some(stream);
        self.streams.retain(|&stream, kept| {
            if there(stream) {
                return true;
            }
            // The word that somebody is here, or shares, is on another way than their pictures. What stands still comes once.
            kept.shown = None;
            let old = kept.waiting.len().saturating_sub(1);
            kept.waiting.drain(..old);
            kept.waiting.back().is_some_and(|(_, picture)| picture.is_some())
        });
        self.cast = cast;
    }

    /// Draws the picture as it is seen at `at`. Whether it is another than the one before.
    pub(super) fn draw(&mut self, at: MediaTime) -> bool {
        let cast = &self.cast;
        let there = |stream: u32| cast.people.contains(&stream) || cast.screen == Some(stream);
        for (_, stream) in self.streams.iter_mut().filter(|(stream, _)| there(**stream)) {
            while stream.waiting.front().is_some_and(|(from, _)| *from <= at) {
                stream.shown = stream.waiting.pop_front().and_then(|(_, picture)| picture);
            }
        }
        let wanted = self.wanted();
        let same_places = wanted.len() == self.drawn.len()
            && wanted.iter().zip(&self.drawn).all(|(one, other)| one.place == other.place);
        if !same_places {
            clear(&mut self.canvas, Pixels { x: 0, y: 0, size: SIZE }, GROUND);
            self.drawn.clear();
        }
        let mut changed = !same_places;
        for (index, drawn) in wanted.iter().enumerate() {
            if self.drawn.get(index).is_none_or(|before| !before.is(drawn)) {
                changed = true;
                paint(&mut self.scaler, &mut self.canvas, drawn, self.drawn.get(index));
            }
        }
        self.drawn = wanted;
        changed
    }

    /// The picture that was drawn last, as one of `time`.
    pub(super) fn picture(&mut self, time: MediaTime) -> &VideoFrame {
        let nothing = VideoFrame::black(time, Resolution::new(0, 0));
        self.canvas = std::mem::replace(&mut self.canvas, nothing).at(time);
        &self.canvas
    }

    fn wanted(&self) -> Vec<Drawn> {
        let shown = |stream: &u32| self.streams.get(stream).and_then(|stream| stream.shown.clone());
        // While the first picture of what is shared is still on its way, the people keep its room.
        let shared = self.cast.screen.as_ref().and_then(shown);
        let layout = Layout::of(self.cast.people.len(), shared.is_some());
        let screen = shared.zip(layout.screen);
        let screen = screen.map(|(picture, place)| Drawn { place, screen: true, picture: Some(picture) });
        let people = self.cast.people.iter().zip(layout.people);
        let people = people.map(|(stream, place)| Drawn { place, screen: false, picture: shown(stream) });
        screen.into_iter().chain(people).collect()
    }
}

/// Draws what stands in a place over what stood there.
fn paint(scaler: &mut Scaler, canvas: &mut VideoFrame, drawn: &Drawn, before: Option<&Drawn>) {
    let fitted = |drawn: &Drawn| {
        let size = drawn.picture.as_ref()?.resolution();
        if drawn.screen { layout::whole(size, drawn.place) } else { layout::fit(size, drawn.place) }
    };
    let seen: Option<(Rect, Pixels)> = fitted(drawn);
    let covers = before.and_then(fitted).map(|(_, at)| at);
    if seen.map(|(_, at)| at) != covers || seen.is_none() {
        clear(canvas, drawn.place, GROUND);
    }
    match (seen, &drawn.picture) {
        (Some((part, at)), Some(picture)) => scaler.paste(picture, part, canvas, at),
        _ if drawn.screen => {}
        _ => figure(canvas, drawn.place),
    }
}

/// Fills a place with a grey.
fn clear(canvas: &mut VideoFrame, place: Pixels, luma: u8) {
    fill(canvas, place, luma, |_, _| true);
}

/// Somebody of whom there is no picture: a head and shoulders.
fn figure(canvas: &mut VideoFrame, place: Pixels) {
    clear(canvas, place, PLACE);
    let side = place.size.width.min(place.size.height) as f32;
    let (middle, top) = (place.size.width as f32 / 2.0, (place.size.height as f32 - side) / 2.0);
    let within = |x: f32, y: f32, (at, down): (f32, f32), (across, high): (f32, f32)| {
        ((x - at) / across).powi(2) + ((y - down) / high).powi(2) <= 1.0
    };
    fill(canvas, place, FIGURE, |x, y| {
        let head = within(x, y, (middle, top + side * 0.40), (side * 0.13, side * 0.13));
        let shoulders = within(x, y, (middle, top + side * 0.80), (side * 0.25, side * 0.23));
        head || (shoulders && y < top + side * 0.80)
    });
}

/// Makes pixels of a place grey.
fn fill(canvas: &mut VideoFrame, place: Pixels, luma: u8, which: impl Fn(f32, f32) -> bool) {
    let (width, chroma) = (canvas.resolution().width as usize, canvas.chroma_stride());
    let (y, u, v) = canvas.planes_mut();
    for row in 0..place.size.height {
        for column in 0..place.size.width {
            if which(column as f32, row as f32) {
                let (row, column) = ((place.y + row) as usize, (place.x + column) as usize);
                y[row * width + column] = luma;
                u[row / 2 * chroma + column / 2] = 128;
                v[row / 2 * chroma + column / 2] = 128;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> MediaTime {
        MediaTime::from_micros(millis * 1_000)
    }

    fn grey(luma: u8) -> Option<Arc<VideoFrame>> {
        let mut frame = VideoFrame::black(MediaTime::ZERO, Resolution::new(64, 36));
        frame.planes_mut().0.fill(luma);
        Some(Arc::new(frame))
    }

    fn cast(people: &[u32], screen: Option<u32>) -> Cast {
        Cast { people: people.to_vec(), screen }
    }

    fn pictures(of: &[(u32, u64, Option<Arc<VideoFrame>>)]) -> BTreeMap<u32, VecDeque<Shown>> {
        let mut all = BTreeMap::<u32, VecDeque<Shown>>::new();
        for (stream, millis, picture) in of {
            all.entry(*stream).or_default().push_back((at(*millis), picture.clone()));
        }
        all
    }

    /// The grey in the middle of each place of the layout for so many.
    fn seen(stage: &Stage, people: usize, shared: bool) -> Vec<u8> {
        let layout = Layout::of(people, shared);
        let all = layout.people.iter().copied().chain(layout.screen);
        let middle = |place: Pixels| {
            let (x, y) = (place.x + place.size.width / 2, place.y + place.size.height / 2);
            stage.canvas.planes().0[(y * SIZE.width + x) as usize]
        };
        all.map(middle).collect()
    }

    #[test]
    fn everybody_is_seen_in_their_place_from_their_moment_on() {
        let mut stage = Stage::new();
        let came = pictures(&[(1, 0, grey(50)), (2, 0, grey(100)), (3, 0, grey(150)), (3, 40, grey(200))]);
        stage.take(cast(&[1, 2, 3], None), came);
        assert!(stage.draw(at(10)));
        assert_eq!(seen(&stage, 3, false), [50, 100, 150]);
        assert!(!stage.draw(at(39)), "nothing is another than it was");
        assert!(stage.draw(at(40)));
        assert_eq!(seen(&stage, 3, false), [50, 100, 200]);
    }

    #[test]
    fn whoever_leaves_makes_room_for_the_others() {
        let mut stage = Stage::new();
        stage.take(
            cast(&[1, 2, 3], None),
            pictures(&[(1, 0, grey(50)), (2, 0, grey(100)), (3, 0, grey(150))]),
        );
        stage.draw(at(0));
        stage.take(cast(&[1, 3], None), pictures(&[]));
        assert!(stage.draw(at(20)));
        assert_eq!(seen(&stage, 2, false), [50, 150]);
        stage.take(cast(&[3], None), pictures(&[]));
        stage.draw(at(40));
        assert_eq!(seen(&stage, 1, false), [150]);
        let all = stage.canvas.planes().0;
        assert!(all.iter().all(|&luma| luma == 150), "nothing is left of the others");
        stage.take(cast(&[], None), pictures(&[]));
        stage.draw(at(60));
        assert!(stage.canvas.planes().0.iter().all(|&luma| luma == GROUND));
    }

    #[test]
    fn what_is_shared_is_large_and_the_people_stand_beside_it_until_it_ends() {
        let mut stage = Stage::new();
        stage.take(
            cast(&[1, 2], Some(9)),
            pictures(&[(1, 0, grey(50)), (2, 0, grey(100)), (9, 0, grey(220))]),
        );
        stage.draw(at(0));
        assert_eq!(seen(&stage, 2, true), [50, 100, 220]);
        stage.take(cast(&[1, 2], None), pictures(&[]));
        stage.draw(at(20));
        assert_eq!(seen(&stage, 2, false), [50, 100]);
    }

    #[test]
    fn a_screen_that_stands_still_is_seen_also_when_its_picture_comes_before_the_word() {
        let mut stage = Stage::new();
        stage.take(cast(&[1], None), pictures(&[(1, 0, grey(50)), (9, 0, grey(220))]));
        stage.draw(at(100));
        stage.take(cast(&[1], None), pictures(&[]));
        stage.draw(at(200));
        stage.take(cast(&[1], Some(9)), pictures(&[]));
        stage.draw(at(300));
        assert_eq!(seen(&stage, 1, true), [50, 220]);
        stage.take(cast(&[1], Some(11)), pictures(&[]));
        stage.draw(at(320));
        assert_eq!(seen(&stage, 1, false), [50], "nothing is there of what another one shares");
        stage.take(cast(&[1], None), pictures(&[(9, 400, None)]));
        assert_eq!(stage.streams.len(), 1, "nothing is kept of what ended");
    }

    #[test]
    fn whoever_sends_no_picture_is_a_figure() {
        let mut stage = Stage::new();
        stage.take(cast(&[1, 2], None), pictures(&[(1, 0, grey(200)), (1, 40, None)]));
        stage.draw(at(0));
        assert_eq!(seen(&stage, 2, false)[0], 200);
        assert!(stage.draw(at(40)));
        let luma = stage.canvas.planes().0;
        assert!(!luma.contains(&200) && luma.contains(&FIGURE) && luma.contains(&PLACE));
        assert!(!stage.draw(at(80)));
    }

    #[test]
    fn a_picture_of_another_shape_leaves_nothing_of_the_one_before() {
        let mut stage = Stage::new();
        let upright = Some(Arc::new(VideoFrame::black(MediaTime::ZERO, Resolution::new(36, 64))));
        stage.take(cast(&[1], None), pictures(&[(1, 0, grey(200)), (1, 40, upright)]));
        stage.draw(at(0));
        stage.draw(at(40));
        assert!(!stage.canvas.planes().0.contains(&200));
    }
}
