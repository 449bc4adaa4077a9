//! The sound of what is shared, beside voices: ours on its way to everybody, theirs on its way to the speaker.
//!
//! It is music, a film or a game: no echo canceller, no noise suppression and no gain touch it, it has two channels and an
//! encoder of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use tincan_codec::{MUSIC_BITRATE, MusicEncoder, OpusDecoder};
use tincan_media::audio::{AudioSender, JitterBuffer, JitterStatistics, Stereo, StereoFrame};
use tincan_media::{Bitrate, SharedSound, SharedSoundError};
use tincan_peer::RtpPacket;
use tincan_protocol::PeerId;
use tracing::warn;

use super::super::closer::Closer;
use super::super::{AudioPlayout, VideoCommand};
use super::Remote;

/// What we share.
pub(super) struct Sharing {
    input: Option<Box<dyn SharedSound>>,
    /// From the first time on: its count of samples goes on from share to share.
    sender: Option<AudioSender<Stereo>>,
    rate: Bitrate,
    /// Whose paths carry voices only.
    without: BTreeSet<PeerId>,
}

impl Sharing {
    pub(super) const fn new() -> Self {
        Self { input: None, sender: None, rate: MUSIC_BITRATE, without: BTreeSet::new() }
    }

    /// Shares this from now on, or nothing.
    pub(super) fn replace(&mut self, input: Option<Box<dyn SharedSound>>, closer: &Closer) {
        closer.close(std::mem::replace(&mut self.input, input));
        if let Some(sender) = &mut self.sender {
            // What waits for its other half is of what was shared before.
            sender.set_muted(true);
            sender.set_muted(false);
        }
    }

    pub(super) fn set_rate(&mut self, rate: Bitrate) {
        self.rate = rate;
        if let Some(sender) = &mut self.sender
            && let Err(error) = sender.set_target(rate, 0.0)
        {
            warn!(%error, "the old rate of what is shared stays");
        }
    }

    /// Whether somebody gets it.
    pub(super) fn set_for(&mut self, id: PeerId, on: bool) {
        if on {
            self.without.remove(&id);
        } else {
            self.without.insert(id);
        }
    }

    /// Sends what has come. The error is told once; there is nothing to send after it.
    pub(super) fn capture(
        &mut self,
        remotes: &BTreeMap<PeerId, Remote>,
        closer: &Closer,
    ) -> Option<SharedSoundError> {
        loop {
            match self.input.as_mut()?.read() {
                Ok(Some(frame)) if !remotes.is_empty() => self.send(&frame, remotes),
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(error) => {
                    closer.close(self.input.take());
                    return Some(error);
                }
            }
        }
    }

    fn send(&mut self, frame: &StereoFrame, remotes: &BTreeMap<PeerId, Remote>) {
        let sender = match &mut self.sender {
            Some(sender) => sender,
            none => match MusicEncoder::new() {
                Ok(encoder) => {
                    let sender = none.insert(AudioSender::new(Box::new(encoder)));
                    if let Err(error) = sender.set_target(self.rate, 0.0) {
                        warn!(%error, "what is shared begins at the usual rate");
                    }
                    sender
                }
                Err(error) => return warn!(%error, "what is shared has no sound"),
            },
        };
        match sender.push(frame) {
            Ok(Some(packet)) => {
                let packet = Arc::new(packet);
                for (_, remote) in remotes.iter().filter(|(id, _)| !self.without.contains(id)) {
                    remote.sink.shared_sound(&packet);
                }
            }
            Ok(None) => {}
            Err(error) => warn!(%error, "20 ms of what is shared are not sent"),
        }
    }
}

/// What somebody else shares.
#[derive(Default)]
pub(super) struct Shared {
    /// From their first packet on.
    jitter: Option<JitterBuffer<Stereo>>,
    /// Shows the pictures that belong to it.
    pictures: Option<SyncSender<VideoCommand>>,
}

impl Shared {
    pub(super) fn packet(&mut self, packet: RtpPacket) {
        let RtpPacket { sequence, timestamp, payload, arrived, .. } = packet;
        let jitter = match &mut self.jitter {
            Some(jitter) => jitter,
            none => match OpusDecoder::stereo() {
                Ok(decoder) => none.insert(JitterBuffer::new(Box::new(decoder))),
                Err(error) => return warn!(%error, "what somebody shares has no sound here"),
            },
        };
        jitter.insert(sequence, timestamp, payload, arrived);
    }

    pub(super) fn belongs_to(&mut self, pictures: SyncSender<VideoCommand>) {
        self.pictures = Some(pictures);
    }

    pub(super) fn hold(&mut self, at_least: Duration) {
        if let Some(jitter) = &mut self.jitter {
            jitter.hold(at_least);
        }
    }

    /// The next 10 ms, if there was ever anything.
    pub(super) fn pull(&mut self, now: Instant) -> Option<StereoFrame> {
        self.jitter.as_mut().map(|jitter| jitter.pull(now))
    }

    /// Tells the pictures what leaves the speaker after `latency`.
    pub(super) fn tell_pictures(&self, now: Instant, latency: Duration) {
        if let (Some(jitter), Some(pictures)) = (&self.jitter, &self.pictures)
            && let Some(rtp) = jitter.playout_rtp_timestamp()
        {
            let held = jitter.statistics().current_delay;
            let _ = pictures.try_send(VideoCommand::Audio(AudioPlayout { rtp, at: now + latency, held }));
        }
    }

    pub(super) fn statistics(&self) -> Option<&JitterStatistics> {
        self.jitter.as_ref().map(JitterBuffer::statistics)
    }
}
