//! What waits to be shown: per stream the latest picture only, and at most two that the window has not acknowledged.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tincan_media::video::{Resolution, VideoFrame};

use super::wire::Ack;
use crate::pictures::Way;

/// Pictures on their way to the window, per stream. One is being drawn while the next is on the socket; a third would
/// only add delay.
const WINDOW: usize = 2;
/// From what was drawn to the light of the screen: the webview's next frame, and the screen's, at 60 Hz.
const PRESENTING: Duration = Duration::from_millis(33);
/// The same for what the window paints itself: only the screen's is left.
const PRESENTING_ABOVE: Duration = Duration::from_millis(17);
/// An acknowledgement that takes longer tells of a window that was hidden, and not of how long drawing takes.
const LONGEST_DRAWING: Duration = Duration::from_millis(400);
/// The share that each acknowledgement has in how long drawing takes: half a second of pictures.
const SMOOTHING: f64 = 1.0 / 16.0;

/// The pure part of the frame socket: no I/O, no clock.
#[derive(Default)]
pub(super) struct Outbox {
    streams: BTreeMap<u32, Stream>,
    /// The stream that was served last, so that a busy one does not starve the others.
    last: u32,
    connection: Connection,
    /// Who shows what; the page shows what is not in it. Streams may be named here before they have a picture.
    ways: BTreeMap<u32, Way>,
}

/// To whom a picture goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offered {
    pub(super) to_window: bool,
    /// There is something to be said to the page.
    pub(super) to_page: bool,
}

/// Which connection is served; the newest one is the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Connection(u64);

/// The connection that asked is not the newest any more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Replaced;

#[derive(Default)]
struct Stream {
    waiting: Option<Waiting>,
    unacknowledged: VecDeque<Sent>,
    sequence: u32,
    /// From when a picture was put in to when it was drawn.
    drawing: Option<Duration>,
    /// As the window said last.
    shown: Option<Resolution>,
    /// On how many lines, 0 when nobody sees it; `None` before the window said so of a picture, and after the stream's end.
    lines: Option<u16>,
    /// What was sent last is the stream's end: its acknowledgement says nothing of a size.
    ended: bool,
    /// What was sent last, until the stream's end, and for how many pixels it was made. A screen that stands still gives no
    /// other: whoever sees it larger than before, or anew, needs this one once more.
    newest: Option<(Arc<VideoFrame>, Option<Resolution>)>,
    /// The size that the page knows of what the window draws.
    told: Option<Resolution>,
}

struct Sent {
    sequence: u32,
    put_in: Instant,
}

enum Waiting {
    Frame { frame: Arc<VideoFrame>, put_in: Instant },
    Size(Resolution),
    End,
}

/// What is to be sent next.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// `shown`: the pixels that it is shown on, if that is known.
    Frame {
        stream: u32,
        sequence: u32,
        frame: Arc<VideoFrame>,
        shown: Option<Resolution>,
    },
    /// The window draws the stream's pictures, which have this size.
    Size {
        stream: u32,
        sequence: u32,
        own: Resolution,
    },
    End {
        stream: u32,
        sequence: u32,
    },
}

impl Outbox {
    /// Replaces the picture of `stream` that waits, if there is one.
    pub(super) fn offer(&mut self, stream: u32, frame: Arc<VideoFrame>, now: Instant) -> Offered {
        let way = self.way(stream);
        let stream = self.streams.entry(stream).or_default();
        if way == Way::Window {
            let to_page = stream.tell_size(frame.resolution());
            stream.newest = Some((frame, None));
            return Offered { to_window: true, to_page };
        }
        stream.waiting = Some(Waiting::Frame { frame, put_in: now });
        Offered { to_window: way == Way::Both, to_page: true }
    }

    fn way(&self, stream: u32) -> Way {
        self.ways.get(&stream).copied().unwrap_or_default()
    }

    /// Who shows what from now on. Returns the latest pictures of what the window shows anew: a screen that stands still gives
    /// no other.
    pub(super) fn set_ways(&mut self, ways: BTreeMap<u32, Way>, now: Instant) -> Vec<(u32, Arc<VideoFrame>)> {
        let before = std::mem::replace(&mut self.ways, ways);
        let mut taken_over = Vec::new();
        for (id, stream) in &mut self.streams {
            let was = before.get(id).copied().unwrap_or_default();
            let is = self.ways.get(id).copied().unwrap_or_default();
            if is != Way::Window && was == Way::Window {
                // What the page was told is over with its first picture.
                stream.told = None;
                stream.once_more(now);
            }
            if is == Way::Window && was != Way::Window {
                if let Some(Waiting::Frame { frame, .. }) =
                    stream.waiting.take_if(|waiting| waiting.is_frame())
                {
                    stream.newest = Some((frame, None));
                }
                stream.tell_newest_size();
            }
            if let (Way::Page, Way::Window | Way::Both, Some(frame)) = (was, is, stream.latest()) {
                taken_over.push((*id, frame));
            }
        }
        taken_over
    }

    /// The window painted a picture, so long after it was put in.
    pub(super) fn drawn(&mut self, stream: u32, took: Duration) {
        if let Some(stream) = self.streams.get_mut(&stream) {
            stream.drawn(took);
        }
    }

    /// On how many lines `stream` is shown: 0 when nobody sees it.
    pub(super) fn lines(&self, stream: u32) -> Option<u16> {
        self.streams.get(&stream)?.lines
    }

    /// How long a picture of `stream` takes from here to the screen; nothing before the first was drawn.
    pub(super) fn delay(&self, stream_id: u32) -> Duration {
        let drawing = self.streams.get(&stream_id).and_then(|stream| stream.drawing);
        let presenting = if self.way(stream_id) == Way::Window { PRESENTING_ABOVE } else { PRESENTING };
        drawing.map_or(Duration::ZERO, |drawing| drawing + presenting)
    }

    /// The stream shows nothing more; a picture that waits is dropped, since it would be shown after the end.
    pub(super) fn end(&mut self, stream: u32) {
        let stream = self.streams.entry(stream).or_default();
        stream.waiting = Some(Waiting::End);
        stream.lines = None;
        stream.newest = None;
        stream.told = None;
    }

    /// The window has taken `ack.sequence` and everything before it. What was never sent is ignored.
    pub(super) fn acknowledge(&mut self, ack: Ack, now: Instant) {
        if let Some(stream) = self.streams.get_mut(&ack.stream)
            && is_before(ack.sequence, stream.sequence)
        {
            let drawn = stream.unacknowledged.iter().find(|sent| sent.sequence == ack.sequence);
            if let Some(took) = drawn.map(|sent| now.saturating_duration_since(sent.put_in)) {
                stream.drawn(took);
            }
            stream.unacknowledged.retain(|sent| is_before(ack.sequence, sent.sequence));
            stream.shown = ack.shown;
            if self.ways.get(&ack.stream) != Some(&Way::Window) {
                stream.once_more_if_larger(now);
            }
            if !stream.ended {
                let lines = ack.shown.map_or(0, |shown| shown.width.min(shown.height));
                stream.lines = Some(u16::try_from(lines).unwrap_or(u16::MAX));
            }
        }
    }

    /// The window connects (again, after a reload): it owes no acknowledgement for what the one before was sent.
    pub(super) fn reconnect(&mut self) -> Connection {
        for (id, stream) in &mut self.streams {
            stream.unacknowledged.clear();
            stream.lines = None;
            if self.ways.get(id) == Some(&Way::Window) {
                stream.told = None;
                stream.tell_newest_size();
            } else {
                stream.once_more(Instant::now());
            }
        }
        self.connection.0 += 1;
        self.connection
    }

    /// The next thing that may be sent now, streams in turn; `None` while there is nothing.
    pub(super) fn next(&mut self, connection: Connection) -> Result<Option<Outgoing>, Replaced> {
        // A connection that was left behind would count pictures as sent that the window never sees.
        if connection == self.connection { Ok(self.take()) } else { Err(Replaced) }
    }

    fn take(&mut self) -> Option<Outgoing> {
        let after = self.last.checked_add(1).unwrap_or_default();
        let id = *self
            .streams
            .range(after..)
            .chain(self.streams.range(..after))
            .find(|(_, stream)| stream.is_ready())
            .map(|(id, _)| id)?;
        self.last = id;
        let stream = self.streams.get_mut(&id)?;
        let sequence = stream.sequence;
        stream.sequence = stream.sequence.wrapping_add(1);
        stream.ended = matches!(stream.waiting, Some(Waiting::End));
        match stream.waiting.take()? {
            Waiting::Frame { frame, put_in } => {
                stream.unacknowledged.push_back(Sent { sequence, put_in });
                stream.newest = Some((Arc::clone(&frame), stream.shown));
                Some(Outgoing::Frame { stream: id, sequence, frame, shown: stream.shown })
            }
            Waiting::Size(own) => Some(Outgoing::Size { stream: id, sequence, own }),
            // The entry stays, a few bytes per participant that ever came: were its sequence to start again, an
            // acknowledgement that is still on its way could be taken for one of the new pictures.
            Waiting::End => Some(Outgoing::End { stream: id, sequence }),
        }
    }
}

/// Whether sequence `a` lies before `b`, which may have wrapped around.
fn is_before(a: u32, b: u32) -> bool {
    a != b && b.wrapping_sub(a) < 1 << 31
}

impl Waiting {
    fn is_frame(&self) -> bool {
        matches!(self, Self::Frame { .. })
    }
}

impl Stream {
    /// Tells the page what the window draws, unless it knows. Returns whether there is something to tell.
    fn tell_size(&mut self, size: Resolution) -> bool {
        let news = self.told != Some(size);
        if news {
            self.told = Some(size);
            self.waiting = Some(Waiting::Size(size));
        }
        news
    }

    /// Tells the page the size of what the window draws, where it draws something.
    fn tell_newest_size(&mut self) {
        if let Some((frame, _)) = &self.newest {
            let size = frame.resolution();
            self.tell_size(size);
        }
    }

    /// The picture that came last.
    fn latest(&self) -> Option<Arc<VideoFrame>> {
        match &self.waiting {
            Some(Waiting::Frame { frame, .. }) => Some(Arc::clone(frame)),
            Some(Waiting::End) => None,
            Some(Waiting::Size(_)) | None => self.newest.as_ref().map(|(frame, _)| Arc::clone(frame)),
        }
    }

    fn drawn(&mut self, took: Duration) {
        if took <= LONGEST_DRAWING {
            let before = self.drawing.unwrap_or(took);
            self.drawing = Some(before.mul_f64(1.0 - SMOOTHING) + took.mul_f64(SMOOTHING));
        }
    }

    /// The picture that was sent last again, unless there is a newer one.
    fn once_more(&mut self, now: Instant) {
        if let (None | Some(Waiting::Size(_)), Some((frame, _))) = (&self.waiting, &self.newest) {
            self.waiting = Some(Waiting::Frame { frame: Arc::clone(frame), put_in: now });
        }
    }

    /// It is shown larger than it was made for, and has more to show.
    fn once_more_if_larger(&mut self, now: Instant) {
        if let (Some(shown), Some((frame, Some(made_for)))) = (self.shown, &self.newest)
            && shown.height > made_for.height
            && frame.resolution().height > made_for.height
        {
            self.once_more(now);
        }
    }

    fn is_ready(&self) -> bool {
        match self.waiting {
            None => false,
            Some(Waiting::Frame { .. }) => self.unacknowledged.len() < WINDOW,
            Some(Waiting::Size(_) | Waiting::End) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use tincan_media::MediaTime;

    use super::*;

    fn frame(micros: u64) -> Arc<VideoFrame> {
        Arc::new(VideoFrame::black(MediaTime::from_micros(micros), Resolution::new(2, 2)))
    }

    /// Of a window that does not say how large it shows them.
    const fn ack(stream: u32, sequence: u32) -> Ack {
        Ack { stream, sequence, shown: None }
    }

    /// (stream, sequence, capture time) of the next picture.
    fn next_frame(outbox: &mut Outbox) -> Option<(u32, u32, u64)> {
        match outbox.take()? {
            Outgoing::Frame { stream, sequence, frame, .. } => {
                Some((stream, sequence, frame.time().as_micros()))
            }
            Outgoing::Size { .. } | Outgoing::End { .. } => panic!("a picture was expected"),
        }
    }

    #[test]
    fn the_latest_picture_replaces_one_that_waits() {
        let mut outbox = Outbox::default();
        outbox.offer(0, frame(1), Instant::now());
        outbox.offer(0, frame(2), Instant::now());
        assert_eq!(next_frame(&mut outbox), Some((0, 0, 2)));
        assert_eq!(next_frame(&mut outbox), None);
    }

    #[test]
    fn at_most_two_pictures_are_unacknowledged() {
        let mut outbox = Outbox::default();
        for time in 1..=2 {
            outbox.offer(0, frame(time), Instant::now());
            assert!(next_frame(&mut outbox).is_some());
        }
        outbox.offer(0, frame(3), Instant::now());
        assert_eq!(next_frame(&mut outbox), None);
        outbox.acknowledge(ack(0, 0), Instant::now());
        assert_eq!(next_frame(&mut outbox), Some((0, 2, 3)));
    }

    #[test]
    fn a_picture_that_stands_still_is_sent_once_more_when_it_is_shown_larger_or_anew() {
        let mut outbox = Outbox::default();
        let connection = outbox.reconnect();
        let shown = |sequence, width, height| Ack {
            stream: 1,
            sequence,
            shown: Some(Resolution::new(width, height)),
        };
        let page = Arc::new(VideoFrame::black(MediaTime::ZERO, Resolution::new(1_920, 1_080)));
        outbox.offer(1, page, Instant::now());
        let sent = |outbox: &mut Outbox, connection| match outbox.next(connection).unwrap() {
            Some(Outgoing::Frame { sequence, shown, .. }) => {
                Some((sequence, shown.map(|shown| shown.height)))
            }
            _ => None,
        };
        assert_eq!(sent(&mut outbox, connection), Some((0, None)), "all of it, before its size is known");
        outbox.acknowledge(shown(0, 320, 180), Instant::now());
        assert_eq!(sent(&mut outbox, connection), None, "it was larger already");
        outbox.offer(
            1,
            Arc::new(VideoFrame::black(MediaTime::ZERO, Resolution::new(1_920, 1_080))),
            Instant::now(),
        );
        assert_eq!(sent(&mut outbox, connection), Some((1, Some(180))));
        outbox.acknowledge(shown(1, 320, 180), Instant::now());
        assert_eq!(sent(&mut outbox, connection), None);
        outbox.acknowledge(shown(1, 1_280, 720), Instant::now());
        assert_eq!(sent(&mut outbox, connection), Some((2, Some(720))), "somebody looks closely");
        outbox.acknowledge(shown(2, 1_280, 720), Instant::now());
        assert_eq!(sent(&mut outbox, connection), None);
        let again = outbox.reconnect();
        assert_eq!(
            sent(&mut outbox, again).map(|(sequence, _)| sequence),
            Some(3),
            "a new page has nothing yet"
        );
        outbox.end(1);
        outbox.next(again).unwrap();
        let last = outbox.reconnect();
        assert_eq!(sent(&mut outbox, last), None, "what ended does not come back");
    }

    #[test]
    fn how_large_a_stream_is_shown_is_known_from_the_first_picture_to_the_end() {
        let mut outbox = Outbox::default();
        let shown = |sequence, width, height| Ack {
            stream: 0,
            sequence,
            shown: (width > 0).then(|| Resolution::new(width, height)),
        };
        outbox.offer(0, frame(1), Instant::now());
        assert!(next_frame(&mut outbox).is_some());
        assert_eq!(outbox.lines(0), None, "nothing was said yet");
        outbox.acknowledge(shown(0, 640, 360), Instant::now());
        assert_eq!(outbox.lines(0), Some(360));
        outbox.acknowledge(shown(0, 0, 0), Instant::now());
        assert_eq!(outbox.lines(0), Some(0), "nobody looks");
        outbox.acknowledge(shown(0, 90, 160), Instant::now());
        assert_eq!(outbox.lines(0), Some(90), "said again of the same picture, and upright");
        outbox.end(0);
        assert!(matches!(outbox.take(), Some(Outgoing::End { .. })));
        outbox.acknowledge(shown(1, 0, 0), Instant::now());
        assert_eq!(outbox.lines(0), None, "a camera that is off is not one that nobody wants to see");
    }

    #[test]
    fn the_way_to_the_screen_is_what_acknowledgements_take() {
        let (mut outbox, mut now) = (Outbox::default(), Instant::now());
        assert_eq!(outbox.delay(0), Duration::ZERO);
        // A window that is hidden for a while in between says nothing of it.
        for (took, expected) in [(20, 53), (100, 133), (9_000, 133)] {
            for _ in 0..100 {
                outbox.offer(0, frame(1), now);
                let Some(Outgoing::Frame { sequence, .. }) = outbox.take() else { panic!("there is room") };
                now += Duration::from_millis(took);
                outbox.acknowledge(ack(0, sequence), now);
            }
            assert!(outbox.delay(0).as_millis().abs_diff(expected) <= 1, "{took}: {:?}", outbox.delay(0));
        }
        assert_eq!(outbox.delay(1), Duration::ZERO);
    }

    #[test]
    fn an_acknowledgement_covers_the_pictures_before_it() {
        let mut outbox = Outbox::default();
        for time in 1..=2 {
            outbox.offer(0, frame(time), Instant::now());
            next_frame(&mut outbox);
        }
        outbox.acknowledge(ack(0, 1), Instant::now());
        for time in 3..=4 {
            outbox.offer(0, frame(time), Instant::now());
            assert!(next_frame(&mut outbox).is_some());
        }
    }

    #[test]
    fn acknowledging_the_end_covers_the_pictures_before_it() {
        let mut outbox = Outbox::default();
        for time in 1..=2 {
            outbox.offer(0, frame(time), Instant::now());
            next_frame(&mut outbox);
        }
        outbox.end(0);
        assert!(matches!(outbox.take(), Some(Outgoing::End { sequence: 2, .. })));
        outbox.acknowledge(ack(0, 2), Instant::now());
        for time in 3..=4 {
            outbox.offer(0, frame(time), Instant::now());
            assert!(next_frame(&mut outbox).is_some());
        }
    }

    #[test]
    fn acknowledgements_work_where_the_sequence_wraps() {
        assert!(is_before(u32::MAX, 0) && is_before(0, 1) && !is_before(1, 1) && !is_before(1, 0));
    }

    #[test]
    fn acknowledgements_of_what_was_never_sent_open_nothing() {
        let mut outbox = Outbox::default();
        for time in 1..=2 {
            outbox.offer(0, frame(time), Instant::now());
            next_frame(&mut outbox);
        }
        for (stream, sequence) in [(0, 2), (0, u32::MAX), (1, 0)] {
            outbox.acknowledge(ack(stream, sequence), Instant::now());
        }
        outbox.offer(0, frame(3), Instant::now());
        assert_eq!(next_frame(&mut outbox), None);
    }

    #[test]
    fn the_end_drops_the_picture_that_waits_and_needs_no_room_in_the_window() {
        let mut outbox = Outbox::default();
        for time in 1..=2 {
            outbox.offer(5, frame(time), Instant::now());
            next_frame(&mut outbox);
        }
        outbox.offer(5, frame(3), Instant::now());
        outbox.end(5);
        assert!(matches!(outbox.take(), Some(Outgoing::End { stream: 5, sequence: 2 })));
        assert!(outbox.take().is_none());
    }

    #[test]
    fn streams_take_turns() {
        let mut outbox = Outbox::default();
        let mut order = Vec::new();
        for time in 0..2 {
            for stream in [0, 7, u32::MAX] {
                outbox.offer(stream, frame(time), Instant::now());
            }
            // The first stream is offered again before the others were served.
            order.push(next_frame(&mut outbox).unwrap().0);
            outbox.offer(order[order.len() - 1], frame(time), Instant::now());
            order.push(next_frame(&mut outbox).unwrap().0);
            order.push(next_frame(&mut outbox).unwrap().0);
            outbox.reconnect();
        }
        assert_eq!(order[..3], [7, u32::MAX, 0]);
        assert_eq!(order[3..], [7, u32::MAX, 0]);
    }

    #[test]
    fn a_new_connection_starts_with_an_open_window() {
        let mut outbox = Outbox::default();
        for time in 1..=2 {
            outbox.offer(0, frame(time), Instant::now());
            next_frame(&mut outbox);
        }
        outbox.offer(0, frame(3), Instant::now());
        outbox.reconnect();
        assert_eq!(next_frame(&mut outbox), Some((0, 2, 3)));
    }

    #[test]
    fn only_the_newest_connection_is_served() {
        let mut outbox = Outbox::default();
        let old = outbox.reconnect();
        let new = outbox.reconnect();
        outbox.offer(0, frame(1), Instant::now());
        assert!(matches!(outbox.next(old), Err(Replaced)));
        assert!(matches!(outbox.next(new), Ok(Some(Outgoing::Frame { .. }))));
        assert!(matches!(outbox.next(new), Ok(None)));
    }
}
