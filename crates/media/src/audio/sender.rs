//! From processed 10 ms frames to 20 ms Opus packets, with mute.

use super::frame::{EncodedAudio, FRAME_DURATION, Frame, SAMPLES_PER_FRAME, Sample};
use crate::ports::{AudioEncoder, CodecError};
use crate::time::MediaTime;
use crate::units::Bitrate;

/// A frame that begins so much later than the one before it ended is not its continuation: samples are missing. Far above
/// what a clock drifts in a frame (2 µs at 200 ppm), below the smallest piece that is ever missing.
const MAX_STEP_MICROS: u64 = FRAME_DURATION.as_micros() as u64 / 2;
/// A half-filled packet before a longer gap is thrown away: it would come when nobody waits for it any more.
const MAX_PADDED_FRAMES: u32 = 6;

/// Pairs 10 ms frames into packets and encodes each packet once for the whole room.
///
/// **Packets count samples:** frames that follow each other make times exactly 10 ms apart, however the microphone's clock
/// drifts; only missing samples are a step, and no step ever goes back (another device, a clock that was wrong).
///
/// **Mute is complete:** while muted no packet leaves, and nothing that was captured before or during it is sent
/// afterwards: a half-filled packet is thrown away. The first frame after it fades in, so that unmuting does not click.
pub struct AudioSender<S = f32> {
    encoder: Box<dyn AudioEncoder<S>>,
    thin: Option<Box<dyn AudioEncoder<S>>>,
    pending: Option<Pending<S>>,
    /// What follows without a gap goes there.
    next: Option<Next>,
    muted: bool,
    fade_in: bool,
}

/// The first half of a packet.
struct Pending<S> {
    frame: Frame<S>,
    /// Its place on the timeline that counts samples.
    counted: MediaTime,
}

/// The end of what was pushed, on both timelines.
#[derive(Clone, Copy)]
struct Next {
    counted: MediaTime,
    captured: MediaTime,
}

impl<S: Sample> AudioSender<S> {
    /// A sender that is not muted.
    pub fn new(encoder: Box<dyn AudioEncoder<S>>) -> Self {
        Self { encoder, thin: None, pending: None, next: None, muted: false, fade_in: false }
    }

    /// Mutes or unmutes, from the next frame on.
    pub fn set_muted(&mut self, muted: bool) {
        if self.muted != muted {
            self.muted = muted;
            self.pending = None;
            self.fade_in = !muted;
        }
    }

    /// Whether nothing is sent.
    pub const fn is_muted(&self) -> bool {
        self.muted
    }

    /// Follows the network: see [`AudioEncoder::set_target`].
    ///
    /// # Errors
    /// [`CodecError`] when the codec refused; the old target stays.
    pub fn set_target(&mut self, bitrate: Bitrate, expected_loss: f32) -> Result<(), CodecError> {
        self.encoder.set_target(bitrate, expected_loss)
    }

    /// Makes [`EncodedAudio::thin`] with this encoder from now on, or no more.
    pub fn set_thin(&mut self, encoder: Option<Box<dyn AudioEncoder<S>>>) {
        self.thin = encoder;
    }

    /// Takes 10 ms; returns a packet with every second frame, and never one while muted.
    ///
    /// # Errors
    /// [`CodecError`] when the codec refused this packet; the next one can be tried.
    pub fn push(&mut self, frame: &Frame<S>) -> Result<Option<EncodedAudio>, CodecError> {
        if self.muted {
            return Ok(None);
        }
        let mut frame = frame.clone();
        if std::mem::take(&mut self.fade_in) {
            for (index, sample) in frame.samples.iter_mut().enumerate() {
                *sample = sample.scaled(index as f32 / SAMPLES_PER_FRAME as f32);
            }
        }
        let missing = self.missing_frames(&frame);
        let counted = self.next.map_or(frame.time, |next| next.counted + FRAME_DURATION * missing);
        self.next = Some(Next { counted: counted + FRAME_DURATION, captured: frame.time + FRAME_DURATION });
        let Some(first) = self.pending.take() else {
            self.pending = Some(Pending { frame, counted });
            return Ok(None);
        };
        if missing == 0 {
            return self.encode(&first, &frame).map(Some);
        }
        self.pending = Some(Pending { frame, counted });
        if missing > MAX_PADDED_FRAMES {
            return Ok(None);
        }
        let mut faded = first;
        for (index, sample) in faded.frame.samples.iter_mut().enumerate() {
            *sample = sample.scaled(1.0 - index as f32 / SAMPLES_PER_FRAME as f32);
        }
        let silence = Frame::silence(faded.frame.time + FRAME_DURATION);
        self.encode(&faded, &silence).map(Some)
    }

    /// How many frames are missing between the last one and `frame`.
    fn missing_frames(&self, frame: &Frame<S>) -> u32 {
        let gap = self.next.map_or(0, |next| frame.time.saturating_since(next.captured).as_micros() as u64);
        if gap <= MAX_STEP_MICROS {
            return 0;
        }
        // Whole frames: what is left of the gap belongs to `captured`, and RTP times stay multiples of a frame.
        let frames = (gap + MAX_STEP_MICROS) / FRAME_DURATION.as_micros() as u64;
        u32::try_from(frames).unwrap_or(u32::MAX)
    }

    fn encode(&mut self, first: &Pending<S>, second: &Frame<S>) -> Result<EncodedAudio, CodecError> {
        let packet = self.encoder.encode(&first.frame, second)?;
        let thin = match &mut self.thin {
            Some(thin) => Some(thin.encode(&first.frame, second)?.payload),
            None => None,
        };
        Ok(EncodedAudio { time: first.counted, captured: first.frame.time, thin, ..packet })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use bytes::Bytes;

    use super::*;
    use crate::audio::AudioFrame;

    #[derive(Clone, Default)]
    struct Recorder(Arc<Mutex<Vec<(AudioFrame, AudioFrame)>>>);

    impl AudioEncoder for Recorder {
        fn encode(&mut self, first: &AudioFrame, second: &AudioFrame) -> Result<EncodedAudio, CodecError> {
            self.0.lock().unwrap().push((first.clone(), second.clone()));
            Ok(EncodedAudio {
                time: first.time,
                captured: first.time,
                payload: Bytes::from_static(&[0]),
                thin: None,
                level: 127,
                voice: false,
            })
        }

        fn set_target(&mut self, _: Bitrate, _: f32) -> Result<(), CodecError> {
            Ok(())
        }
    }

    fn frame(index: u64, value: f32) -> AudioFrame {
        let mut frame = AudioFrame::silence(MediaTime::from_micros(index * 10_000));
        frame.samples.fill(value);
        frame
    }

    #[test]
    fn every_second_frame_makes_a_packet_at_the_first_ones_time() {
        let mut sender = AudioSender::new(Box::new(Recorder::default()));
        let times: Vec<_> =
            (0..6).filter_map(|n| sender.push(&frame(n, 0.5)).unwrap()).map(|p| p.time.as_micros()).collect();
        assert_eq!(times, [0, 20_000, 40_000]);
    }

    #[test]
    fn nothing_captured_before_or_during_mute_is_sent_afterwards() {
        let recorder = Recorder::default();
        let mut sender = AudioSender::new(Box::new(recorder.clone()));
        sender.push(&frame(0, 0.1)).unwrap();
        sender.set_muted(true);
        for n in 1..100 {
            assert!(sender.push(&frame(n, 0.2)).unwrap().is_none());
        }
        sender.set_muted(false);
        sender.push(&frame(100, 0.3)).unwrap();
        assert!(sender.push(&frame(101, 0.3)).unwrap().is_some());
        let sent = recorder.0.lock().unwrap();
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].0.time.as_micros(), 1_000_000);
        assert_eq!(sent[0].0.samples[0], 0.0, "unmuting fades in");
        assert!(sent[0].0.peak() < 0.31 && sent[0].1.samples[0] == 0.3);
    }

    /// Pushes frames captured at these times; the packets' times on both timelines.
    fn times(captured: impl Iterator<Item = u64>) -> Vec<(u64, u64)> {
        let mut sender = AudioSender::new(Box::new(Recorder::default()));
        captured
            .filter_map(|micros| sender.push(&AudioFrame::silence(MediaTime::from_micros(micros))).unwrap())
            .map(|packet| (packet.time.as_micros(), packet.captured.as_micros()))
            .collect()
    }

    #[test]
    fn an_hour_of_drift_loses_no_sample_and_is_told_beside_the_count() {
        for ppm in [-200i64, 200] {
            let frames = 360_000;
            let captured = |n: u64| (5_000_000 + n as i64 * (10_000 + ppm / 100)) as u64;
            let packets = times((0..frames).map(captured));
            assert_eq!(packets.len() as u64, frames / 2);
            for (n, packet) in packets.iter().enumerate() {
                assert_eq!(*packet, (5_000_000 + n as u64 * 20_000, captured(2 * n as u64)));
            }
        }
    }

    #[test]
    fn missing_samples_are_a_step_and_what_was_captured_before_is_sent() {
        // The fourth and the fifth frame are missing.
        let packets = times([0, 1, 2, 5, 6, 7].into_iter().map(|n| n * 10_000));
        assert_eq!(packets, [(0, 0), (20_000, 20_000), (50_000, 50_000)]);
        // After a second nobody waits for the third frame any more.
        let packets = times([0, 1, 2, 100, 101].into_iter().map(|n| n * 10_000));
        assert_eq!(packets, [(0, 0), (1_000_000, 1_000_000)]);
    }

    #[test]
    fn times_never_go_back_and_no_frame_is_left_out_when_the_clock_does() {
        // Another device, whose frames seem to be captured 300 ms earlier, and a burst with one time for all.
        let other = (0..6).map(|n| 200_000 + n * 10_000);
        let packets = times((0..10).map(|n| 500_000 + n * 10_000).chain(other).chain([260_000; 4]));
        let counted: Vec<_> = packets.iter().map(|packet| packet.0).collect();
        assert_eq!(counted, (0..10).map(|n| 500_000 + n * 20_000).collect::<Vec<_>>());
    }
}
