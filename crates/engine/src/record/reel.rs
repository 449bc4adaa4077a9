//! From what was left in the tap to the file. All times are arguments.

use std::io;
use std::time::Duration;

use tincan_codec::{H264Encoder, OpusEncoder};
use tincan_media::ports::{AudioEncoder, VideoEncoder};
use tincan_media::video::EncodedVideo;
use tincan_media::{Bitrate, MediaTime};
use tracing::warn;

use super::layout::SIZE;
use super::mp4::{Mp4File, Output, Picture, SampleTime};
use super::pace::Pace;
use super::sound::{PACKET, Sound, samples};
use super::stage::Stage;
use super::tap::Taken;

/// What 720p of people takes to look well; an hour has 1.2 GB.
const PICTURES: Bitrate = Bitrate::kbps(2_500);
/// All that mono speech gains anything from.
const SOUND: Bitrate = Bitrate::kbps(64);
/// Nobody waits for a recording: by then what belongs to a moment has come, also from a camera that is slow.
const PICTURE_LAG: Duration = Duration::from_millis(120);
/// ... and from devices that hand sound over in large lumps.
const SOUND_LAG: Duration = Duration::from_millis(500);
/// Between keyframes, which players seek to.
const KEYFRAMES: Duration = Duration::from_secs(4);
/// What stands still is written so often, since a crash takes the picture that is shown.
const STILL: Duration = Duration::from_secs(1);

/// A recording on its way into the file.
pub(super) struct Reel<W> {
    file: Mp4File<W>,
    began: MediaTime,
    stage: Stage,
    sound: Sound,
    opus: OpusEncoder,
    encoder: H264Encoder,
    pace: Pace,
    /// The moment of the next picture.
    next: MediaTime,
    /// The moments of the last picture and of the last keyframe.
    written: Option<MediaTime>,
    keyframe: Option<MediaTime>,
}

impl<W: Output> Reel<W> {
    /// A file of what is seen and heard from `began` on.
    pub(super) fn new(out: W, began: MediaTime) -> io::Result<Self> {
        let pace = Pace::default();
        Ok(Self {
            file: Mp4File::new(out),
            began,
            stage: Stage::new(),
            sound: Sound::new(began),
            // In a file nothing is lost, so no bits go into repairs.
            opus: OpusEncoder::thin(SOUND).map_err(io::Error::other)?,
            encoder: H264Encoder::new(PICTURES, pace.rate() as f32),
            pace,
            next: began,
            written: None,
            keyframe: None,
        })
    }

    /// When there is something to do again.
    pub(super) fn due(&self) -> MediaTime {
        self.next + PICTURE_LAG
    }

    /// Takes what came, and writes what is due at `now`. Whether a picture was made.
    pub(super) fn step(&mut self, now: MediaTime, taken: Taken) -> io::Result<bool> {
        let Taken { cast, pictures, heard, said } = taken;
        self.stage.take(cast, pictures);
        heard.iter().for_each(|frame| self.sound.heard(now, frame));
        said.iter().for_each(|frame| self.sound.said(now, frame));
        // The file begins with a picture.
        let made = self.picture(now - PICTURE_LAG)?;
        self.sounds(now - SOUND_LAG)?;
        Ok(made)
    }

    /// Making a picture took so long.
    pub(super) fn took(&mut self, time: Duration) {
        if self.pace.took(time)
            && let Err(error) = self.encoder.set_target(PICTURES, self.pace.rate() as f32)
        {
            warn!(%error, "the old pace stays");
        }
    }

    /// Writes all until `now` and ends the file. Gives its length.
    pub(super) fn finish(mut self, now: MediaTime, taken: Taken) -> io::Result<Duration> {
        self.step(now, taken)?;
        self.picture(now)?;
        self.sounds(now)?;
        Ok(Duration::from_secs_f64(self.file.finish()?.seconds()))
    }

    /// Makes the picture that is due at `until`. Those that there was no time for are left out.
    fn picture(&mut self, until: MediaTime) -> io::Result<bool> {
        if until < self.next {
            return Ok(false);
        }
        let interval = self.pace.interval();
        let missed = until.saturating_since(self.next).as_nanos() / interval.as_nanos();
        let at = self.next + interval * u32::try_from(missed).unwrap_or(u32::MAX);
        self.next = at + interval;
        // What is seen between two of these moments belongs to the nearer one.
        let changed = self.stage.draw(at + interval / 2);
        let lasts =
            |since: Option<MediaTime>, most| since.is_none_or(|since| at.saturating_since(since) >= most);
        if !changed && !lasts(self.written, STILL) {
            return Ok(false);
        }
        let keyframe = lasts(self.keyframe, KEYFRAMES);
        let frame = self.stage.picture(at);
        match self.encoder.encode(frame, keyframe) {
            Ok(Some(EncodedVideo { data, keyframe, .. })) => {
                let picture = Picture { data, keyframe, size: SIZE };
                let place = SampleTime(samples(at.saturating_since(self.began)));
                self.file.picture(place, &picture)?;
                self.written = Some(at);
                if keyframe {
                    self.keyframe = Some(at);
                }
            }
            // Its rate control left it out.
            Ok(None) => {}
            Err(error) => warn!(%error, "a picture is not recorded"),
        }
        Ok(true)
    }

    fn sounds(&mut self, until: MediaTime) -> io::Result<()> {
        while let Some([first, second]) = self.sound.next(until) {
            match self.opus.encode(&first, &second) {
                Ok(packet) => self.file.sound(&packet.payload, PACKET as u64)?,
                Err(error) => warn!(%error, "20 ms of sound are not recorded"),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
