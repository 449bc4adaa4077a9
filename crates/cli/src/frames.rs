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
    /// A media thread stores a pointer, the reader takes a copy of it: neither holds the lock for longer.
    streams: Mutex<BTreeMap<u32, Stream>>,
}

#[derive(Clone, Default)]
struct Stream {
    pictures: u64,
    newest: Option<Arc<VideoFrame>>,
    /// When the newest one came.
    came: Option<(Instant, SystemTime)>,
    /// The longest time between two pictures since the last report.
    longest_pause: Duration,
}

/// What the newest picture of a stream says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StreamReport {
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
}

impl Frames {
    /// Every stream that shows something now. Reading a stamp takes about as long as drawing it, so not on a
    /// media thread.
    pub(crate) fn report(&self) -> BTreeMap<u32, StreamReport> {
        let streams = {
            let mut streams = self.lock();
            let copy = streams.clone();
            streams.values_mut().for_each(|stream| stream.longest_pause = Duration::ZERO);
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
                },
            ))
        };
        streams.into_iter().filter_map(report).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Stream>> {
        self.streams.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl FrameOutput for Frames {
    fn frame(&self, stream: u32, frame: &Arc<VideoFrame>) {
        let mut streams = self.lock();
        let stream = streams.entry(stream).or_default();
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
}
