//! From access units and Opus packets to a fragmented MP4.

use std::io::{self, Write};
use std::time::Duration;

use muxide::api::AudioCodec;
use muxide::codec::h264::{annexb_to_avcc, extract_avc_config};
use muxide::fragmented::{FragmentAudioConfig, FragmentConfig, FragmentedMuxer};
use tincan_media::MediaTime;
use tincan_media::audio::{EncodedAudio, SAMPLE_RATE};
use tincan_media::video::{EncodedVideo, Resolution};

/// RTP's and MP4's usual clock for pictures.
const VIDEO_RATE: u64 = 90_000;
/// Samples in an Opus packet of 20 ms.
const PACKET_SAMPLES: u64 = 960;
/// What a crash may cost.
const FRAGMENT: Duration = Duration::from_secs(1);
/// A picture that comes at all comes within this after the first sound: the connection asks for a keyframe at
/// once.
const WAIT_FOR_VIDEO: Duration = Duration::from_secs(2);
/// Sound that is off by less follows on what was before: the sender's clock, as mapped here, wanders by some
/// milliseconds.
const SNAP: u64 = SAMPLE_RATE as u64 * 60 / 1000;
/// 20 ms of silence: a CELT frame, fullband, mono, code 0 (RFC 6716, section 3.1), that decodes to nothing.
const SILENCE: &[u8] = &[0xf8, 0xff, 0xfe];
/// Longer gaps than an hour are a clock gone wrong, not a pause.
const MAX_SILENCE: u64 = SAMPLE_RATE as u64 * 3600;
const VIDEO_TRACK: u32 = 1;
const AUDIO_TRACK: u32 = 2;

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Summary {
    pub(super) duration: Duration,
    pub(super) pictures: u64,
    pub(super) packets: u64,
}

/// Writes one file.
pub(super) struct Mp4Writer<W> {
    out: W,
    filler: Option<EncodedVideo>,
    muxer: Option<FragmentedMuxer>,
    /// Time zero of the file.
    start: Option<MediaTime>,
    /// Sound that came before the first picture.
    waiting: Vec<EncodedAudio>,
    /// Whether a real keyframe came: before it no picture can be decoded.
    pictures_began: bool,
    last_video: Option<u64>,
    next_audio: Option<u64>,
    /// First sample of each track in the fragment that is being filled, in the track's own clock.
    fragment: [Option<u64>; 2],
    /// Where the fragment began, in the file's time.
    fragment_start: Duration,
    summary: Summary,
}

impl<W: Write> Mp4Writer<W> {
    pub(super) const fn new(out: W, filler: Option<EncodedVideo>) -> Self {
        Self {
            out,
            filler,
            muxer: None,
            start: None,
            waiting: Vec::new(),
            pictures_began: false,
            last_video: None,
            next_audio: None,
            fragment: [None; 2],
            fragment_start: Duration::ZERO,
            summary: Summary { duration: Duration::ZERO, pictures: 0, packets: 0 },
        }
    }

    pub(super) fn video(&mut self, unit: &EncodedVideo) -> io::Result<()> {
        if !self.pictures_began {
            if !unit.keyframe || extract_avc_config(&unit.data).is_none() {
                return Ok(());
            }
            self.pictures_began = true;
        }
        if self.muxer.is_none() {
            self.begin(unit)?;
        }
        self.put_video(unit)
    }

    pub(super) fn audio(&mut self, packet: &EncodedAudio) -> io::Result<()> {
        if self.muxer.is_some() {
            return self.put_audio(packet);
        }
        self.waiting.push(packet.clone());
        let waited = packet.time.saturating_since(self.waiting[0].time);
        if waited >= WAIT_FOR_VIDEO {
            match self.filler.take() {
                Some(filler) => self.begin_with(filler)?,
                // Without pictures there is no video track to describe: the file begins with the camera.
                None => drop(self.waiting.remove(0)),
            }
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<Summary> {
        if self.muxer.is_none()
            && !self.waiting.is_empty()
            && let Some(filler) = self.filler.take()
        {
            self.begin_with(filler)?;
        }
        self.flush()?;
        Ok(self.summary)
    }

    fn begin_with(&mut self, filler: EncodedVideo) -> io::Result<()> {
        let time = self.waiting.first().map_or(filler.time, |packet| packet.time);
        let filler = EncodedVideo { time, ..filler };
        self.begin(&filler)?;
        if self.muxer.is_some() {
            self.put_video(&filler)?;
            // It is in the file, but nobody sent it.
            self.summary.pictures -= 1;
        }
        Ok(())
    }

    /// Writes the head of the file, described by `keyframe`, and the sound that waited for it.
    fn begin(&mut self, keyframe: &EncodedVideo) -> io::Result<()> {
        let Some(sets) = extract_avc_config(&keyframe.data) else { return Ok(()) };
        let size = keyframe.resolution.unwrap_or(Resolution::HD);
        let mut config = FragmentConfig::new(size.width, size.height, VIDEO_RATE as u32);
        config.sps = sets.sps;
        config.pps = sets.pps;
        let sound = FragmentAudioConfig { codec: AudioCodec::Opus, sample_rate: SAMPLE_RATE, channels: 1 };
        let mut muxer = FragmentedMuxer::new_with_audio(config, sound).map_err(io::Error::other)?;
        self.out.write_all(&muxer.init_segment())?;
        self.muxer = Some(muxer);
        let first = self.waiting.first().map_or(keyframe.time, |packet| packet.time.min(keyframe.time));
        self.start = Some(first);
        for packet in std::mem::take(&mut self.waiting) {
            self.put_audio(&packet)?;
        }
        Ok(())
    }

    fn put_video(&mut self, unit: &EncodedVideo) -> io::Result<()> {
        let Some(since_start) = self.since_start(unit.time) else { return Ok(()) };
        self.flush_before(since_start)?;
        let wanted = ticks(since_start, VIDEO_RATE);
        // Decoding order is all that counts: a time that runs back would make the file unreadable.
        let time = self.last_video.map_or(wanted, |last| wanted.max(last + 1));
        let Some(muxer) = self.muxer.as_mut() else { return Ok(()) };
        muxer
            .write_video(time, time, &annexb_to_avcc(&unit.data), unit.keyframe)
            .map_err(io::Error::other)?;
        self.last_video = Some(time);
        self.fragment[0].get_or_insert(time);
        self.summary.pictures += 1;
        self.summary.duration = self.summary.duration.max(since_start);
        Ok(())
    }

    fn put_audio(&mut self, packet: &EncodedAudio) -> io::Result<()> {
        let Some(since_start) = self.since_start(packet.time) else { return Ok(()) };
        self.flush_before(since_start)?;
        let wanted = ticks(since_start, u64::from(SAMPLE_RATE));
        let mut time = self.next_audio.unwrap_or(wanted);
        if time > wanted + SNAP {
            // Older than what is already there.
            return Ok(());
        }
        if wanted > time + SNAP {
            if wanted - time > MAX_SILENCE {
                time = wanted;
            }
            while time + PACKET_SAMPLES <= wanted {
                self.sound(time, SILENCE)?;
                time += PACKET_SAMPLES;
            }
        }
        self.sound(time, &packet.payload)?;
        self.next_audio = Some(time + PACKET_SAMPLES);
        self.summary.packets += 1;
        self.summary.duration = self.summary.duration.max(since_start + Duration::from_millis(20));
        Ok(())
    }

    fn sound(&mut self, time: u64, payload: &[u8]) -> io::Result<()> {
        let Some(muxer) = self.muxer.as_mut() else { return Ok(()) };
        muxer.write_audio(time, time, payload).map_err(io::Error::other)?;
        self.fragment[1].get_or_insert(time);
        Ok(())
    }

    /// Time in the file; `None` for what lies before its beginning.
    fn since_start(&self, time: MediaTime) -> Option<Duration> {
        self.start.filter(|start| time >= *start).map(|start| time.saturating_since(start))
    }

    fn flush_before(&mut self, time: Duration) -> io::Result<()> {
        if time >= self.fragment_start + FRAGMENT {
            self.flush()?;
            self.fragment_start = time;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let Some(mut segment) = self.muxer.as_mut().and_then(FragmentedMuxer::flush_segment) else {
            return Ok(());
        };
        // The muxer guesses where a fragment begins from the one before; after a pause that guess is wrong.
        set_decode_times(&mut segment, std::mem::take(&mut self.fragment));
        self.out.write_all(&segment)?;
        self.out.flush()
    }
}

fn ticks(time: Duration, rate: u64) -> u64 {
    (time.as_micros() * u128::from(rate) / 1_000_000) as u64
}

/// Writes into each track's `tfdt` (ISO/IEC 14496-12, section 8.8.12) when its first sample is decoded.
fn set_decode_times(segment: &mut [u8], [video, audio]: [Option<u64>; 2]) {
    let Some(moof) = boxes(segment, 0, segment.len()).into_iter().find(|b| b.kind == *b"moof") else {
        return;
    };
    for traf in boxes(segment, moof.start, moof.end).into_iter().filter(|b| b.kind == *b"traf") {
        let inner = boxes(segment, traf.start, traf.end);
        let find = |kind: &[u8; 4]| inner.iter().find(|b| b.kind == *kind);
        let (Some(tfhd), Some(tfdt)) = (find(b"tfhd"), find(b"tfdt")) else { continue };
        let track = segment.get(tfhd.start + 4..tfhd.start + 8).and_then(|id| id.try_into().ok());
        let time = match track.map(u32::from_be_bytes) {
            Some(VIDEO_TRACK) => video,
            Some(AUDIO_TRACK) => audio,
            _ => None,
        };
        if let (Some(time), Some(place)) =
            (time, segment.get_mut(tfdt.start + 4..tfdt.end.min(tfdt.start + 12)))
            && place.len() == 8
        {
            place.copy_from_slice(&time.to_be_bytes());
        }
    }
}

/// A box's kind, and where what it holds lies.
struct BoxAt {
    kind: [u8; 4],
    start: usize,
    end: usize,
}

fn boxes(data: &[u8], mut at: usize, end: usize) -> Vec<BoxAt> {
    let mut found = Vec::new();
    while let Some(&[a, b, c, d, k0, k1, k2, k3]) = data.get(at..(at + 8).min(end)) {
        let len = u32::from_be_bytes([a, b, c, d]) as usize;
        if len < 8 || at + len > end {
            break;
        }
        found.push(BoxAt { kind: [k0, k1, k2, k3], start: at + 8, end: at + len });
        at += len;
    }
    found
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    /// Parameter sets and the beginning of a slice: enough where nothing is decoded.
    fn tiny_keyframe() -> Bytes {
        let sps = [0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xa0, 0x47, 0xfe, 0xc8];
        let pps = [0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80];
        let slice = [0, 0, 0, 1, 0x65, 0x88, 0x84, 0x00, 0x10];
        Bytes::from([&sps[..], &pps[..], &slice[..]].concat())
    }

    fn picture(milliseconds: u64, keyframe: bool) -> EncodedVideo {
        let data =
            if keyframe { tiny_keyframe() } else { Bytes::from_static(&[0, 0, 0, 1, 0x41, 0x9a, 0x20]) };
        let time = MediaTime::from_micros(milliseconds * 1000);
        EncodedVideo { time, data, keyframe, resolution: Some(Resolution::new(320, 180)) }
    }

    fn sound(milliseconds: u64) -> EncodedAudio {
        let time = MediaTime::from_micros(milliseconds * 1000);
        EncodedAudio { time, captured: time, payload: Bytes::from_static(SILENCE), level: 127, voice: false }
    }

    /// Every fragment's (track, decode time of its first sample, number of samples).
    fn runs(file: &[u8]) -> Vec<(u32, u64, u32)> {
        let mut runs = Vec::new();
        for moof in boxes(file, 0, file.len()).into_iter().filter(|b| b.kind == *b"moof") {
            for traf in boxes(file, moof.start, moof.end).into_iter().filter(|b| b.kind == *b"traf") {
                let inner = boxes(file, traf.start, traf.end);
                let at = |kind: &[u8; 4]| inner.iter().find(|b| b.kind == *kind).unwrap().start + 4;
                let u32_at = |at: usize| u32::from_be_bytes(file[at..at + 4].try_into().unwrap());
                let time = u64::from_be_bytes(file[at(b"tfdt")..at(b"tfdt") + 8].try_into().unwrap());
                runs.push((u32_at(at(b"tfhd")), time, u32_at(at(b"trun"))));
            }
        }
        runs
    }

    fn record(feed: impl FnOnce(&mut Mp4Writer<&mut Vec<u8>>), filler: bool) -> (Vec<u8>, Summary) {
        let mut file = Vec::new();
        let mut writer = Mp4Writer::new(&mut file, filler.then(|| picture(0, true)));
        feed(&mut writer);
        let summary = writer.finish().unwrap();
        (file, summary)
    }

    #[test]
    fn nothing_is_written_before_a_picture_can_be_decoded() {
        let (file, summary) = record(|writer| writer.video(&picture(0, false)).unwrap(), false);
        assert!(file.is_empty());
        assert_eq!(summary, Summary::default());
    }

    #[test]
    fn a_fragment_is_written_every_second_so_that_a_crash_loses_no_more() {
        let (file, summary) = record(
            |writer| {
                for n in 0..100 {
                    writer.video(&picture(5000 + n * 40, n == 0)).unwrap();
                }
            },
            false,
        );
        let times: Vec<u64> = runs(&file).iter().map(|(_, time, _)| *time).collect();
        assert_eq!(times, [0, 90_000, 180_000, 270_000]);
        assert_eq!((summary.pictures, summary.duration), (100, Duration::from_millis(3960)));
    }

    #[test]
    fn a_pause_of_the_camera_stays_a_pause() {
        let (file, _) = record(
            |writer| {
                writer.video(&picture(0, true)).unwrap();
                writer.video(&picture(40, false)).unwrap();
                writer.video(&picture(30_000, true)).unwrap();
            },
            false,
        );
        assert_eq!(runs(&file), [(1, 0, 2), (1, 30 * 90_000, 1)]);
    }

    #[test]
    fn missing_sound_becomes_silence_and_jitter_does_not() {
        let (file, summary) = record(
            |writer| {
                writer.video(&picture(0, true)).unwrap();
                for at in [0, 23, 37, 62, 80, 200, 95] {
                    writer.audio(&sound(at)).unwrap();
                }
            },
            false,
        );
        assert_eq!(summary.packets, 6, "what came too late is dropped");
        // Five in a row, silence from 100 to 200 ms, and the sixth.
        assert_eq!(runs(&file)[1], (2, 0, 11));
    }

    #[test]
    fn sound_before_the_first_picture_is_kept() {
        let (file, summary) = record(
            |writer| {
                for n in 0..10 {
                    writer.audio(&sound(1000 + n * 20)).unwrap();
                }
                writer.video(&picture(1200, true)).unwrap();
            },
            false,
        );
        assert_eq!(runs(&file), [(1, 200 * 90, 1), (2, 0, 10)]);
        assert_eq!((summary.pictures, summary.packets), (1, 10));
    }

    #[test]
    fn a_call_without_a_camera_is_recorded_with_the_filler() {
        for seconds in [1, 10] {
            let feed = |writer: &mut Mp4Writer<&mut Vec<u8>>| {
                for n in 0..seconds * 50 {
                    writer.audio(&sound(7000 + n * 20)).unwrap();
                }
            };
            let (file, summary) = record(feed, true);
            assert_eq!((summary.pictures, summary.packets), (0, seconds * 50));
            assert_eq!(
                runs(&file).iter().filter(|(track, ..)| *track == AUDIO_TRACK).map(|r| r.2).sum::<u32>(),
                seconds as u32 * 50
            );
            assert_eq!(runs(&file).iter().filter(|(track, ..)| *track == VIDEO_TRACK).count(), 1);
        }
    }

    #[test]
    fn times_that_run_back_or_far_ahead_do_not_break_the_file() {
        let (file, _) = record(
            |writer| {
                writer.video(&picture(1000, true)).unwrap();
                for at in [1040, 1020, 500, 1060, 90_000_000, 1080] {
                    writer.video(&picture(at, false)).unwrap();
                    writer.audio(&sound(at)).unwrap();
                }
            },
            false,
        );
        let mut video: Vec<u64> = runs(&file).iter().filter(|(track, ..)| *track == 1).map(|r| r.1).collect();
        let sorted = video.clone();
        video.sort_unstable();
        assert_eq!(video, sorted);
    }
}
