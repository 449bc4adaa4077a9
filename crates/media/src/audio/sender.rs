//! From processed 10 ms frames to 20 ms Opus packets, with mute.

use super::frame::{AudioFrame, EncodedAudio, FRAME_DURATION, SAMPLES_PER_FRAME};
use crate::ports::{AudioEncoder, CodecError};
use crate::units::Bitrate;

/// Two frames belong to one packet only if the second follows the first this closely; a wider step (another device, a
/// dropout) would put the second half of the packet at the wrong time.
const MAX_STEP_MICROS: u64 = FRAME_DURATION.as_micros() as u64 * 3 / 2;

/// Pairs 10 ms frames into packets and encodes each packet once for the whole room.
///
/// **Mute is complete:** while muted no packet leaves, and nothing that was captured before or during it is sent
/// afterwards: a half-filled packet is thrown away. The first frame after it fades in, so that unmuting does not click.
pub struct AudioSender {
    encoder: Box<dyn AudioEncoder>,
    pending: Option<AudioFrame>,
    muted: bool,
    fade_in: bool,
}

impl AudioSender {
    /// A sender that is not muted.
    pub fn new(encoder: Box<dyn AudioEncoder>) -> Self {
        Self { encoder, pending: None, muted: false, fade_in: false }
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

    /// Takes 10 ms; returns a packet with every second frame, and never one while muted.
    ///
    /// # Errors
    /// [`CodecError`] when the codec refused this packet; the next one can be tried.
    pub fn push(&mut self, frame: &AudioFrame) -> Result<Option<EncodedAudio>, CodecError> {
        if self.muted {
            return Ok(None);
        }
        let mut frame = frame.clone();
        if std::mem::take(&mut self.fade_in) {
            for (index, sample) in frame.samples.iter_mut().enumerate() {
                *sample *= index as f32 / SAMPLES_PER_FRAME as f32;
            }
        }
        let Some(first) = self.pending.take() else {
            self.pending = Some(frame);
            return Ok(None);
        };
        let step = frame.time.as_micros().saturating_sub(first.time.as_micros());
        if frame.time <= first.time || step > MAX_STEP_MICROS {
            self.pending = Some(frame);
            return Ok(None);
        }
        self.encoder.encode(&first, &frame).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use bytes::Bytes;

    use super::*;
    use crate::time::MediaTime;

    #[derive(Clone, Default)]
    struct Recorder(Arc<Mutex<Vec<(AudioFrame, AudioFrame)>>>);

    impl AudioEncoder for Recorder {
        fn encode(&mut self, first: &AudioFrame, second: &AudioFrame) -> Result<EncodedAudio, CodecError> {
            self.0.lock().unwrap().push((first.clone(), second.clone()));
            Ok(EncodedAudio { time: first.time, payload: Bytes::from_static(&[0]), level: 127, voice: false })
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

    #[test]
    fn frames_around_a_gap_do_not_share_a_packet() {
        let mut sender = AudioSender::new(Box::new(Recorder::default()));
        sender.push(&frame(0, 0.5)).unwrap();
        assert!(sender.push(&frame(10, 0.5)).unwrap().is_none());
        assert_eq!(sender.push(&frame(11, 0.5)).unwrap().unwrap().time.as_micros(), 100_000);
        assert!(sender.push(&frame(12, 0.5)).unwrap().is_none());
        assert!(sender.push(&frame(3, 0.5)).unwrap().is_none(), "time ran backwards: another device");
    }
}
