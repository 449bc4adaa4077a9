//! The file: MP4 with H.264 and Opus that is whole at every moment.
//!
//! While it grows it is a fragmented MP4 (ISO/IEC 14496-12, section 8.8), a fragment a second, so that what was written
//! plays whatever happens then. In the end a usual table of contents is added behind and all the fragments are declared to
//! be its data, by sixteen bytes at the beginning: now every player knows the length and can seek. (OBS calls this a hybrid
//! MP4.)
//!
//! Each kind of pictures is a sample entry of its own, `avc1`, which is what QuickTime goes by; the parameter sets also stay
//! where they were, before the keyframes, which is what decoders go by that were told of the first entry only, as Chromium's
//! and Windows'.

mod boxes;

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

use bytes::Bytes;
use tincan_media::audio::SAMPLE_RATE;
use tincan_media::video::Resolution;
use tincan_media::video::nal::{nal_type, nal_type_of, nal_units};

use boxes::{Entry, Fragment, Head, Table};

/// What a crash may cost.
const FRAGMENT: SampleTime = SampleTime(48_000);
/// Fragments between which the disk is asked to keep what it got: what a pulled plug may cost.
const SYNC_EVERY: u32 = 5;
/// Kinds of pictures. Beyond it nothing is told but what is in the pictures themselves.
const MAX_ENTRIES: usize = 32;
/// How long the last picture is shown when nothing ends it.
const LAST_PICTURE: SampleTime = SampleTime(1_600);

/// A time or a length in the file, in samples at 48 kHz: both tracks count so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct SampleTime(pub(super) u64);

impl SampleTime {
    pub(super) const ZERO: Self = Self(0);

    pub(super) fn seconds(self) -> f64 {
        self.0 as f64 / f64::from(SAMPLE_RATE)
    }

    pub(super) const fn saturating_since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }
}

impl std::ops::Add for SampleTime {
    type Output = Self;
    fn add(self, rhs: Self) -> Self {
        Self(self.0.saturating_add(rhs.0))
    }
}

/// A complete access unit.
#[derive(Debug, Clone)]
pub(super) struct Picture {
    /// Annex B.
    pub(super) data: Bytes,
    pub(super) keyframe: bool,
    pub(super) size: Resolution,
}

/// Where a file is written.
pub(super) trait Output: Write + Seek {
    /// Makes sure that what was written stays when the power goes.
    fn sync(&mut self) -> io::Result<()>;
}

impl Output for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

/// A sample that was written or is about to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sample {
    size: u32,
    duration: u32,
    keyframe: bool,
}

/// One of the two tracks.
#[derive(Default)]
struct Track {
    /// Samples of the fragment that is being filled, and their bytes.
    samples: Vec<Sample>,
    data: Vec<u8>,
    /// Where that fragment begins, and where its last sample ends.
    begin: SampleTime,
    end: SampleTime,
    table: Table,
}

impl Track {
    fn push(&mut self, data: &[u8], duration: u64, keyframe: bool) {
        // 2^32 samples are a day; nothing is shown longer.
        let duration = u32::try_from(duration).unwrap_or(u32::MAX);
        self.samples.push(Sample { size: data.len() as u32, duration, keyframe });
        self.data.extend_from_slice(data);
        self.end = self.end + SampleTime(duration.into());
    }
}

/// A picture whose length is known when the next one comes.
struct Shown {
    at: SampleTime,
    entry: usize,
    /// Its NAL units, each behind its length.
    data: Vec<u8>,
    keyframe: bool,
}

/// Writes one file.
pub(super) struct Mp4File<W> {
    out: W,
    head: Option<Head>,
    entries: Vec<Entry>,
    video: Track,
    audio: Track,
    /// The entry of the fragment that is being filled.
    entry: usize,
    shown: Option<Shown>,
    fragments: u32,
}

impl<W: Output> Mp4File<W> {
    pub(super) fn new(out: W) -> Self {
        Self {
            out,
            head: None,
            entries: Vec::new(),
            video: Track::default(),
            audio: Track::default(),
            entry: 0,
            shown: None,
            fragments: 0,
        }
    }

    /// Shows a picture from `at` on; times that run back are moved behind the picture before. Whether it was taken: before
    /// the first keyframe none can be.
    pub(super) fn picture(&mut self, at: SampleTime, picture: &Picture) -> io::Result<bool> {
        let Some(entry) = self.entry_of(picture)? else { return Ok(false) };
        let at = match self.shown.take() {
            Some(shown) => {
                let at = at.max(shown.at + SampleTime(1));
                self.write_picture(shown, at)?;
                at
            }
            // The first picture is there from the beginning.
            None => SampleTime::ZERO,
        };
        self.shown = Some(Shown { at, entry, data: with_lengths(&picture.data), keyframe: picture.keyframe });
        Ok(true)
    }

    /// Adds a packet of sound behind the one before. There is none before the first picture.
    pub(super) fn sound(&mut self, packet: &Bytes, samples: u64) -> io::Result<()> {
        if self.head.is_none() {
            return Ok(());
        }
        self.flush_before(self.audio.end)?;
        self.audio.push(packet, samples, true);
        Ok(())
    }

    /// Writes what is left, and the table of contents. Returns the length; a file without a head is empty.
    pub(super) fn finish(mut self) -> io::Result<SampleTime> {
        if let Some(shown) = self.shown.take() {
            let until = self.audio.end.max(shown.at + LAST_PICTURE);
            self.write_picture(shown, until)?;
        }
        self.flush()?;
        if let Some(head) = self.head.take() {
            let contents = head.contents(&self.entries, &self.video, &self.audio)?;
            let end = self.out.stream_position()?;
            self.out.write_all(&contents)?;
            // Only what is on the disk may be referred to.
            self.out.sync()?;
            self.out.seek(SeekFrom::Start(head.data_at()))?;
            self.out.write_all(&head.data_header(end))?;
            self.out.sync()?;
        }
        Ok(self.video.end.max(self.audio.end))
    }

    /// Which entry describes a picture; begins the file with the first. `None` when nothing does.
    fn entry_of(&mut self, picture: &Picture) -> io::Result<Option<usize>> {
        let known = self.shown.as_ref().map(|shown| shown.entry);
        let Some(sets) = parameter_sets(picture) else { return Ok(known) };
        let entry = Entry { sps: sets.0, pps: sets.1, size: picture.size };
        if let Some(index) = self.entries.iter().position(|other| *other == entry) {
            return Ok(Some(index));
        }
        if self.entries.len() == MAX_ENTRIES {
            let same_size = self.entries.iter().position(|other| other.size == entry.size);
            return Ok(same_size.or(known));
        }
        if boxes::describe(&entry).is_err() {
            return Ok(known);
        }
        self.entries.push(entry);
        match &self.head {
            Some(head) => {
                // Before the fragment that needs it, so that the file can be read at any time.
                if let Some(changed) = head.init(&self.entries)? {
                    let end = self.out.stream_position()?;
                    self.out.seek(SeekFrom::Start(head.init_at()))?;
                    self.out.write_all(&changed)?;
                    self.out.seek(SeekFrom::Start(end))?;
                }
            }
            None => {
                let (head, beginning) = Head::begin(&self.entries)?;
                self.out.write_all(&beginning)?;
                self.head = Some(head);
            }
        }
        Ok(Some(self.entries.len() - 1))
    }

    fn write_picture(&mut self, shown: Shown, until: SampleTime) -> io::Result<()> {
        if shown.entry != self.entry {
            // A fragment has one entry for all its pictures.
            self.flush()?;
            self.entry = shown.entry;
        }
        self.flush_before(shown.at)?;
        self.video.push(&shown.data, until.saturating_since(shown.at).0, shown.keyframe);
        Ok(())
    }

    fn flush_before(&mut self, at: SampleTime) -> io::Result<()> {
        let begin = |track: &Track| (!track.samples.is_empty()).then_some(track.begin);
        let first = [begin(&self.video), begin(&self.audio)].into_iter().flatten().min();
        if first.is_some_and(|first| at >= first + FRAGMENT) { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.head.is_none() || (self.video.samples.is_empty() && self.audio.samples.is_empty()) {
            return Ok(());
        }
        self.fragments += 1;
        let at = self.out.stream_position()?;
        let fragment = Fragment { number: self.fragments, entry: self.entry };
        let bytes = fragment.encode(at, &mut self.video, &mut self.audio)?;
        self.out.write_all(&bytes)?;
        if self.fragments.is_multiple_of(SYNC_EVERY) {
            self.out.sync()?;
        }
        Ok(())
    }
}

/// The first of each kind in a keyframe; `None` when one is missing.
fn parameter_sets(picture: &Picture) -> Option<(Vec<u8>, Vec<u8>)> {
    if !picture.keyframe {
        return None;
    }
    let find = |kind| {
        let of_kind = |unit: &&[u8]| nal_type_of(unit[0]) == kind;
        nal_units(&picture.data).into_iter().map(|at| &picture.data[at]).find(of_kind).map(<[u8]>::to_vec)
    };
    Some((find(nal_type::SPS)?, find(nal_type::PPS)?))
}

/// From start codes to lengths (ISO/IEC 14496-15, section 5.3.4.2).
fn with_lengths(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() + 16);
    for unit in nal_units(data) {
        out.extend_from_slice(&(unit.len() as u32).to_be_bytes());
        out.extend_from_slice(&data[unit]);
    }
    out
}

#[cfg(test)]
mod tests;
