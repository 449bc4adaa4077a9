//! Where pictures end without a window: counted, and the newest one kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use tincan_engine::FrameOutput;
use tincan_media::video::{Stamp, VideoFrame};

/// Counts pictures and keeps each stream's newest one.
#[derive(Default)]
pub(crate) struct Frames {
    /// Whether to read the stamp of every picture, for measurements.
    every: bool,
    /// A media thread stores a pointer, the reader takes a copy of it: neither holds the lock for longer.
    streams: Mutex<BTreeMap<u32, Stream>>,
    /// Looked at ten times a second for each participant, and changed by whoever types.
    wanted: Mutex<Wanted>,
}

/// On how many lines pictures are asked for: on any where nothing is said.
#[derive(Default)]
struct Wanted {
    everybody: Option<u16>,
    some: BTreeMap<u32, Option<u16>>,
}

#[derive(Clone, Default)]
struct Stream {
    pictures: u64,
    newest: Option<Arc<VideoFrame>>,
    /// When the newest one came.
    came: Option<(Instant, SystemTime)>,
    /// The longest time between two pictures since the last report.
    longest_pause: Duration,
    /// When the first one came, in microseconds since the Unix epoch, and the counter of every one since the last
    /// report with the time at which it came; only when every picture is read.
    first_micros: Option<u64>,
    seen: Vec<(u32, u64)>,
}

/// What the newest picture of a stream says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StreamReport {
    /// The newest one itself.
    #[serde(skip)]
    pub(crate) newest: Option<Arc<VideoFrame>>,
    /// Pictures since the start.
    pub(crate) pictures: u64,
    /// The newest one's size.
    pub(crate) width: u32,
    /// Rows.
    pub(crate) height: u32,
    /// The picture's number as its sender counts; `None` where nothing readable is stamped into it.
    pub(crate) counter: Option<u32>,
    /// When it was drawn, in microseconds on the sender's clock.
    pub(crate) micros: Option<u64>,
    /// When it came here, in microseconds since 1970: what the test pattern's stamp counts too.
    pub(crate) came: Option<u64>,
    /// The longest time between two pictures since the report before, in milliseconds.
    pub(crate) longest_pause_ms: u64,
    /// When the first picture came, in microseconds since the Unix epoch; with `--every-stamp` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_micros: Option<u64>,
    /// Counter of every picture since the report before and when it came; with `--every-stamp` only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) seen: Vec<(u32, u64)>,
}

impl Frames {
    /// `every`: with the stamp of every picture. It is read on a media thread then, in some 50 µs for 720p.
    /// `lines`: how large everybody's pictures are asked for at first.
    pub(crate) fn new(every: bool, lines: Option<u16>) -> Self {
        let wanted = Wanted { everybody: lines, ..Wanted::default() };
        Self { every, wanted: Mutex::new(wanted), ..Self::default() }
    }

    /// Asks for pictures of so many lines from now on: 0 for none, `None` for any size. Of everybody where no stream is named.
    pub(crate) fn want(&self, stream: Option<u32>, lines: Option<u16>) {
        let mut wanted = self.wanted();
        match stream {
            Some(stream) => {
                wanted.some.insert(stream, lines);
            }
            None => *wanted = Wanted { everybody: lines, ..Wanted::default() },
        }
    }

    /// Every stream that shows something now. Reading a stamp takes about as long as drawing it, so not on a
    /// media thread.
    pub(crate) fn report(&self) -> BTreeMap<u32, StreamReport> {
        let streams = {
            let mut streams = self.lock();
            let copy = streams.clone();
            for stream in streams.values_mut() {
                stream.longest_pause = Duration::ZERO;
                stream.seen.clear();
            }
            copy
        };
        let report = |(id, stream): (u32, Stream)| {
            let newest = stream.newest?;
            let stamp = Stamp::read(&newest);
            let size = newest.resolution();
            Some((
                id,
                StreamReport {
                    pictures: stream.pictures,
                    width: size.width,
                    height: size.height,
                    counter: stamp.map(|stamp| stamp.counter),
                    micros: stamp.map(|stamp| stamp.micros),
                    came: stream
                        .came
                        .and_then(|(_, at)| Some(at.duration_since(UNIX_EPOCH).ok()?.as_micros() as u64)),
                    longest_pause_ms: stream.longest_pause.as_millis() as u64,
                    first_micros: stream.first_micros,
                    seen: stream.seen,
                    newest: Some(newest),
                },
            ))
        };
        streams.into_iter().filter_map(report).collect()
    }

    /// What a stream shows now.
    pub(crate) fn newest(&self, stream: u32) -> Option<Arc<VideoFrame>> {
        self.lock().get(&stream)?.newest.clone()
    }

    fn wanted(&self) -> MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Stream>> {
        self.streams.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl FrameOutput for Frames {
    fn frame(&self, stream: u32, frame: &Arc<VideoFrame>) {
        let read = self.every.then(|| {
            let micros =
                SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64);
            (micros, Stamp::read(frame))
        });
        let mut streams = self.lock();
        let stream = streams.entry(stream).or_default();
        if let Some((micros, stamp)) = read {
            stream.first_micros.get_or_insert(micros);
            stream.seen.extend(stamp.map(|stamp| (stamp.counter, micros)));
        }
        let now = Instant::now();
        let before = stream.came.replace((now, SystemTime::now()));
        let pause = before.map_or(Duration::ZERO, |(before, _)| now - before);
        stream.longest_pause = stream.longest_pause.max(pause);
        stream.pictures += 1;
        stream.newest = Some(Arc::clone(frame));
    }

    fn ended(&self, stream: u32) {
        if let Some(stream) = self.lock().get_mut(&stream) {
            stream.newest = None;
            // What is switched off does not pause.
            stream.came = None;
        }
    }

    fn lines(&self, stream: u32) -> Option<u16> {
        let wanted = self.wanted();
        wanted.some.get(&stream).copied().unwrap_or(wanted.everybody)
    }
}

#[cfg(test)]
mod tests {
    use tincan_media::MediaTime;
    use tincan_media::video::{Resolution, TestPattern};

    use super::*;

    #[test]
    fn the_newest_picture_of_each_stream_is_read() {
        let frames = Frames::default();
        let pattern = TestPattern::new(Resolution::new(640, 360));
        for counter in [7, 8] {
            frames.frame(1, &Arc::new(pattern.draw(counter, MediaTime::from_micros(1234))));
        }
        frames.frame(2, &Arc::new(VideoFrame::black(MediaTime::ZERO, Resolution::HD)));
        let report = frames.report();
        assert_eq!((report[&1].pictures, report[&1].counter, report[&1].micros), (2, Some(8), Some(1234)));
        assert_eq!((report[&2].pictures, report[&2].counter, report[&2].width), (1, None, 1280));
        frames.ended(1);
        assert!(!frames.report().contains_key(&1));
    }

    #[test]
    fn one_person_is_asked_for_in_another_size_until_everybody_is() {
        let frames = Frames::new(false, Some(180));
        frames.want(Some(2), Some(0));
        frames.want(Some(3), None);
        assert_eq!([1, 2, 3].map(|stream| frames.lines(stream)), [Some(180), Some(0), None]);
        frames.want(None, Some(360));
        assert_eq!([1, 2, 3].map(|stream| frames.lines(stream)), [Some(360); 3]);
    }

    #[test]
    fn every_picture_is_told_once_when_that_was_asked_for() {
        let frames = Frames::new(true, None);
        let pattern = TestPattern::new(Resolution::new(640, 360));
        for counter in [7, 8] {
            frames.frame(1, &Arc::new(pattern.draw(counter, MediaTime::ZERO)));
        }
        let report = frames.report().remove(&1).unwrap();
        assert_eq!(report.seen.iter().map(|(counter, _)| *counter).collect::<Vec<_>>(), [7, 8]);
        assert_eq!(report.first_micros, Some(report.seen[0].1));
        assert_eq!(frames.report()[&1].seen, []);
    }
}
