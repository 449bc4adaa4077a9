//! What arrives, put in order and in its place in the file.
//!
//! Nobody listens while a recording is made, so it may wait: a second for a sound that others overtook, two until it is
//! known how sound and pictures belong together. All times come with what arrives.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use tincan_media::MediaTime;
use tincan_media::video::Resolution;
use tincan_protocol as protocol;

use super::clock::{SampleTime, SenderClock};
use super::mp4::{Mp4File, Output, Summary};
use super::opus;

/// Packets that overtake each other on a path do so by less; what is missing longer was lost.
const REORDER: Duration = Duration::from_secs(1);
/// Sound, pictures and the reports that tie them together all come within this time, or are not there yet.
const SETTLE: Duration = Duration::from_secs(2);
/// So far behind the pictures silence is written, for a crash would lose it. Sound that is on its way is not as late.
const SILENT_AFTER: SampleTime = SampleTime(3 * 48_000);
/// So long without a picture a camera that was told to be off is: the word may overtake the last pictures, or come when
/// it is on again.
const DARK_AFTER: Duration = Duration::from_secs(1);
/// A sequence number this far from the others is not late, but of a new beginning: 20 s of sound.
const NEW_BEGINNING: i64 = 1_000;

/// Which connection something came on: a later one has a higher number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Source(pub(super) u32);

/// A packet of sound.
#[derive(Debug, Clone)]
pub(super) struct Sound {
    pub(super) sequence: u16,
    pub(super) rtp: u32,
    pub(super) payload: Bytes,
}

/// A complete access unit that decodes.
#[derive(Debug, Clone)]
pub(super) struct Picture {
    pub(super) rtp: u32,
    /// Annex B.
    pub(super) data: Bytes,
    pub(super) keyframe: bool,
    pub(super) size: Resolution,
}

/// What a connection gives the recording.
#[derive(Debug, Clone)]
pub(super) enum Media {
    Sound(Sound),
    Picture(Picture),
    /// ... of what they share.
    Screen(Picture),
    /// They say that their camera is on or off.
    Camera {
        on: bool,
    },
    /// They say that they share something, or that they do not any more.
    Shares {
        on: bool,
    },
    /// The other side's clocks: RTP time `rtp` was at the NTP time `ntp`, 32.32 fixed point.
    Report {
        source: protocol::Source,
        ntp: u64,
        rtp: u32,
    },
}

/// Which of somebody's pictures. The film of a call has one picture at a time: what is shared takes the face's place, as it
/// does on the stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Camera,
    Screen,
}

/// One connection's media on its way into the file.
struct Stream {
    source: Source,
    clock: SenderClock,
    /// When the first of it came.
    began: MediaTime,
    /// Where that lies in the file.
    from: SampleTime,
    /// Whether things are placed; until then they are held.
    begun: bool,
    pictures: Vec<(Of, Picture, MediaTime)>,
    /// Whether they said so last.
    camera_off: bool,
    /// What they said last of sharing something. Nothing orders their word and their pictures.
    shares: Option<bool>,
    /// What the file shows.
    showing: Of,
    /// Where they shared something last, which may have stood still for long.
    shared_until: SampleTime,
    /// Nothing of what it shows was written since it shows that: what comes next has to be a keyframe.
    fresh: bool,
    /// When the last picture came.
    seen: MediaTime,
    sounds: BTreeMap<i64, (Sound, MediaTime)>,
    /// The highest sequence number so far, and the one to be written next.
    highest: Option<i64>,
    next: Option<i64>,
    /// The last one written, and how many samples it has.
    written: Option<(i64, u64)>,
}

/// Makes one file of what one person sends, over one connection after another.
pub(super) struct Composer<W> {
    file: Mp4File<W>,
    stream: Option<Stream>,
    /// When the last picture of the connection before came.
    seen: Option<MediaTime>,
    /// The latest arrival, and where it lies in the file.
    now: Option<(MediaTime, SampleTime)>,
    /// How the last packet of sound began: gaps are filled to fit.
    toc: Option<u8>,
    summary: Summary,
}

impl<W: Output> Composer<W> {
    /// A file that begins with the first sound or picture.
    pub(super) fn new(file: Mp4File<W>) -> Self {
        Self { file, stream: None, seen: None, now: None, toc: None, summary: Summary::default() }
    }

    /// Takes what arrived. Arrivals of one connection may be told slightly out of order.
    pub(super) fn handle(&mut self, source: Source, media: Media, arrived: MediaTime) -> io::Result<()> {
        match &self.stream {
            // An old connection's last words.
            Some(stream) if source < stream.source => return Ok(()),
            Some(stream) if source == stream.source => {}
            _ => self.begin(source, arrived)?,
        }
        let at = self.at_arrival(arrived);
        let Some(stream) = &mut self.stream else { return Ok(()) };
        match media {
            Media::Report { source, ntp, rtp } => stream.clock.report(source, ntp, rtp),
            Media::Sound(sound) => {
                if let Some(restart) = stream.insert(sound, arrived) {
                    self.drain(true, arrived)?;
                    if let Some(stream) = &mut self.stream {
                        stream.begin_numbers_at(restart, arrived);
                    }
                }
            }
            Media::Picture(picture) => {
                stream.seen = arrived;
                stream.pictures.push((Of::Camera, picture, arrived));
            }
            Media::Screen(picture) => {
                stream.seen = arrived;
                stream.pictures.push((Of::Screen, picture, arrived));
            }
            Media::Camera { on } => stream.camera_off = !on,
            Media::Shares { on } => {
                stream.shares = Some(on);
                if !on && stream.showing == Of::Screen {
                    // What was shown last stays until there is a face, or is known to be none.
                    (stream.showing, stream.fresh, stream.seen) = (Of::Camera, true, arrived);
                    stream.shared_until = at;
                }
            }
        }
        self.drain(false, arrived)
    }

    /// Writes what is held and ends the file.
    pub(super) fn finish(mut self) -> io::Result<Summary> {
        self.end_stream()?;
        let length = self.file.finish()?;
        Ok(Summary { duration: Duration::from_secs_f64(length.seconds()), ..self.summary })
    }

    fn begin(&mut self, source: Source, arrived: MediaTime) -> io::Result<()> {
        self.end_stream()?;
        // Whoever was seen until now is not there any more; but a connection that is only made anew is no pause.
        if self.seen.is_some_and(|seen| arrived.saturating_since(seen) >= DARK_AFTER) {
            self.file.darken(SampleTime::ZERO)?;
        }
        let from = self.at_arrival(arrived).max(self.file.end());
        self.stream = Some(Stream {
            source,
            clock: SenderClock::new(),
            began: arrived,
            from,
            begun: false,
            pictures: Vec::new(),
            camera_off: false,
            shares: None,
            showing: Of::Camera,
            shared_until: SampleTime::ZERO,
            fresh: false,
            seen: arrived,
            sounds: BTreeMap::new(),
            highest: None,
            next: None,
            written: None,
        });
        Ok(())
    }

    fn end_stream(&mut self) -> io::Result<()> {
        let last = self.now.map_or(MediaTime::ZERO, |(at, _)| at);
        self.drain(true, last)?;
        self.seen = self.stream.take().map(|stream| stream.seen).or(self.seen);
        Ok(())
    }

    /// Where what arrives at `arrived` lies by our own clock.
    fn at_arrival(&self, arrived: MediaTime) -> SampleTime {
        let Some((last, at)) = self.now else { return SampleTime::ZERO };
        at + SampleTime::from_seconds(arrived.saturating_since(last).as_secs_f64())
    }

    /// Writes what need not wait any more; `all`: everything.
    fn drain(&mut self, all: bool, arrived: MediaTime) -> io::Result<()> {
        let Some(mut stream) = self.stream.take() else { return Ok(()) };
        if !stream.begun && stream.may_begin(all, arrived) {
            stream.begin();
        }
        let written = if stream.begun { self.write(&mut stream, all, arrived) } else { Ok(()) };
        self.stream = Some(stream);
        written
    }

    fn write(&mut self, stream: &mut Stream, all: bool, arrived: MediaTime) -> io::Result<()> {
        // Pictures first: the file is described by its first keyframe, where there is one.
        for (of, picture, arrived) in std::mem::take(&mut stream.pictures) {
            let otherwise = self.otherwise(stream, arrived);
            let at = match of {
                Of::Camera => stream.clock.picture(picture.rtp, otherwise),
                Of::Screen => stream.clock.screen(picture.rtp, otherwise),
            };
            if stream.shows(of, picture.keyframe) && self.file.picture(at, &picture)? {
                self.summary.pictures += 1;
            }
            self.note(arrived, at);
            if stream.sounds.is_empty() && self.file.sound_end() + SILENT_AFTER < at {
                self.silence_until(SampleTime(at.0 - SILENT_AFTER.0 / 2))?;
            }
        }
        let no_face = stream.camera_off && stream.showing == Of::Camera;
        if no_face && arrived.saturating_since(stream.seen) >= DARK_AFTER {
            self.file.darken(stream.shared_until)?;
        }
        while let Some((number, sound, arrived)) = stream.next_sound(all, arrived) {
            let Some(samples) = opus::samples(&sound.payload) else { continue };
            let otherwise = self.otherwise(stream, arrived);
            let numbered = stream.written.map_or(SampleTime::ZERO, |(before, samples)| {
                SampleTime(number.saturating_sub(before).unsigned_abs() * samples)
            });
            stream.written = Some((number, samples));
            let at = stream.clock.sound(sound.rtp, numbered, arrived, self.file.sound_end(), otherwise);
            // What comes after silence was written in its place is left out.
            if at + SampleTime(samples / 2) < self.file.sound_end() {
                continue;
            }
            self.silence_until(at)?;
            self.toc = sound.payload.first().copied();
            self.file.sound(&sound.payload, samples)?;
            self.summary.packets += 1;
            self.note(arrived, at);
        }
        Ok(())
    }

    fn otherwise(&self, stream: &Stream, arrived: MediaTime) -> SampleTime {
        match self.now {
            Some(_) => self.at_arrival(arrived),
            None => {
                stream.from + SampleTime::from_seconds(arrived.saturating_since(stream.began).as_secs_f64())
            }
        }
    }

    fn note(&mut self, arrived: MediaTime, at: SampleTime) {
        if self.now.is_none_or(|(last, _)| last <= arrived) {
            self.now = Some((arrived, at));
        }
    }

    /// Fills what is missing of the sound.
    fn silence_until(&mut self, at: SampleTime) -> io::Result<()> {
        let gap = at.saturating_since(self.file.sound_end());
        for (packet, samples) in opus::fill(gap, self.toc.take()) {
            self.file.sound(&packet, samples)?;
        }
        Ok(())
    }
}

impl Stream {
    /// Keeps a packet until its turn comes. Returns its sequence number as it came when it is of a new beginning, before
    /// which everything else is to be written; it is kept aside then.
    fn insert(&mut self, sound: Sound, arrived: MediaTime) -> Option<Sound> {
        let highest = *self.highest.get_or_insert_with(|| i64::from(sound.sequence));
        let ahead = sound.sequence.wrapping_sub(highest as u16) as i16;
        let number = highest + i64::from(ahead);
        if i64::from(ahead).abs() > NEW_BEGINNING {
            return Some(sound);
        }
        self.highest = Some(highest.max(number));
        if self.next.is_none_or(|next| number >= next) {
            self.sounds.entry(number).or_insert((sound, arrived));
        }
        None
    }

    /// Whether a picture is shown in the file. What they share is, from its first keyframe until they say that they share
    /// nothing any more; a face is again from a keyframe on.
    fn shows(&mut self, of: Of, keyframe: bool) -> bool {
        if keyframe && of == Of::Screen && self.shares != Some(false) {
            (self.showing, self.fresh) = (Of::Screen, false);
        }
        if of != self.showing || (self.fresh && !keyframe) {
            return false;
        }
        self.fresh = false;
        true
    }

    fn begin_numbers_at(&mut self, sound: Sound, arrived: MediaTime) {
        let number = i64::from(sound.sequence);
        (self.highest, self.next, self.written) = (Some(number), Some(number), None);
        self.sounds.insert(number, (sound, arrived));
    }

    /// Whether enough is known to place things.
    fn may_begin(&self, all: bool, now: MediaTime) -> bool {
        let both = !self.sounds.is_empty() && !self.pictures.is_empty() && self.clock.tied();
        let something = !self.sounds.is_empty() || !self.pictures.is_empty();
        let waited = now.saturating_since(self.began);
        // The first packet may be the one that others overtook.
        something && (all || (both && waited >= REORDER) || waited >= SETTLE)
    }

    fn begin(&mut self) {
        let sounds: Vec<_> = self.sounds.values().map(|(sound, at)| (sound.rtp, *at)).collect();
        let faces = self.pictures.iter().filter(|(of, ..)| *of == Of::Camera);
        let pictures: Vec<_> = faces.map(|(_, picture, at)| (picture.rtp, *at)).collect();
        self.clock.begin(self.from, &sounds, &pictures);
        self.begun = true;
    }

    /// The next packet in order, when it has come or is not waited for any more.
    fn next_sound(&mut self, all: bool, now: MediaTime) -> Option<(i64, Sound, MediaTime)> {
        let (&number, (_, arrived)) = self.sounds.first_key_value()?;
        let in_order = self.next == Some(number);
        if !in_order && !all && now.saturating_since(*arrived) < REORDER {
            return None;
        }
        self.next = Some(number + 1);
        self.sounds.pop_first().map(|(number, (sound, arrived))| (number, sound, arrived))
    }
}

#[cfg(test)]
mod sharing_tests;
#[cfg(test)]
mod tests;
