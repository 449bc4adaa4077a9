//! Statistics of one participant, put together from the connection, the jitter buffer, the encoder and the receiver.

use std::collections::VecDeque;

use tincan_media::audio::JitterStatistics;
use tincan_peer::PeerStatistics;
use tincan_protocol::Source;

use crate::api::{LimitedBy, ParticipantStatistics, ScreenStatistics};
use crate::media::{ReceiveStatistics, SentPictures};

/// Over which concealed sound is measured.
const CONCEALMENT_SECONDS: usize = 5;

/// Everything about one participant.
pub(crate) fn participant(
    peer: &PeerStatistics,
    audio: Option<&JitterStatistics>,
    concealed: f32,
    sent: &SentPictures,
    received: &ReceiveStatistics,
) -> ParticipantStatistics {
    let kbps = |rate: tincan_media::Bitrate| rate.as_bps() as f32 / 1e3;
    let millis = |duration: std::time::Duration| duration.as_secs_f32() * 1e3;
    ParticipantStatistics {
        round_trip_ms: peer.round_trip.map(millis),
        loss_sent: peer.loss_sent * 100.0,
        loss_received: peer.loss_received * 100.0,
        jitter_ms: peer.jitter.get(&Source::Microphone).copied().map_or(0.0, millis),
        sent_kbps: kbps(peer.sent),
        received_kbps: kbps(peer.received),
        sound_sent_kbps: kbps(peer.sound_sent),
        sound_received_kbps: kbps(peer.sound_received),
        available_kbps: kbps(peer.available),
        sent_width: sent.resolution.map_or(0, |r| r.width),
        sent_height: sent.resolution.map_or(0, |r| r.height),
        sent_fps: sent.frames_per_second,
        limited_by: match sent.limited_by {
            tincan_call::LimitedBy::None => LimitedBy::None,
            tincan_call::LimitedBy::Bandwidth => LimitedBy::Bandwidth,
            tincan_call::LimitedBy::Processor => LimitedBy::Processor,
        },
        received_width: received.resolution.map_or(0, |r| r.width),
        received_height: received.resolution.map_or(0, |r| r.height),
        received_fps: received.frames_per_second,
        received_limited_by: LimitedBy::None,
        freezes: received.freezes,
        frozen_seconds: received.frozen.as_secs_f32(),
        concealed,
        audio_buffer_ms: audio.map_or(0.0, |a| millis(a.current_delay)),
        video_buffer_ms: millis(received.delay),
        decoding_ms: millis(received.waited),
        path: peer.path.as_ref().map(|(ours, _)| ours.clone()),
        screen: None,
    }
}

/// What is sent and what comes of shared screens; `None` while there is none.
pub(crate) fn screen_statistics(
    sent: Option<&SentPictures>,
    received: &ReceiveStatistics,
    sound: Option<&JitterStatistics>,
    concealed: f32,
) -> Option<ScreenStatistics> {
    let sent = sent.copied().unwrap_or_default();
    let statistics = ScreenStatistics {
        sent_width: sent.resolution.map_or(0, |size| size.width),
        sent_height: sent.resolution.map_or(0, |size| size.height),
        sent_fps: sent.frames_per_second,
        received_width: received.resolution.map_or(0, |size| size.width),
        received_height: received.resolution.map_or(0, |size| size.height),
        received_fps: received.frames_per_second,
        sound_buffer_ms: sound.map(|sound| sound.current_delay.as_secs_f32() * 1e3),
        sound_concealed: concealed,
    };
    (sent.resolution.or(received.resolution).is_some() || sound.is_some()).then_some(statistics)
}

/// From 1 (bad) to 4 (good): what the person would say of it. The steps follow what people notice: a round trip over
/// 300 ms makes them talk into each other (ITU-T G.114), 2% of sound made up is heard, 10% is hard to follow.
pub(crate) fn quality(s: &ParticipantStatistics) -> u8 {
    let loss = s.loss_sent.max(s.loss_received);
    let round_trip = s.round_trip_ms.unwrap_or(0.0);
    if loss > 10.0 || round_trip > 800.0 || s.concealed > 10.0 {
        1
    } else if loss > 4.0 || round_trip > 400.0 || s.concealed > 4.0 {
        2
    } else if loss > 1.0 || round_trip > 250.0 || s.concealed > 1.0 {
        3
    } else {
        4
    }
}

/// How much of the sound was made up lately: a bad moment an hour ago says nothing of the connection now.
#[derive(Debug, Default)]
pub(crate) struct Concealment {
    /// (all, made-up) samples since the start, one pair a second.
    seconds: VecDeque<(u64, u64)>,
}

impl Concealment {
    /// Once a second: percent of what was played in the last [`CONCEALMENT_SECONDS`].
    pub(crate) fn second(&mut self, audio: Option<&JitterStatistics>) -> f32 {
        let now = audio.map_or((0, 0), |audio| (audio.total_samples, audio.concealed_samples));
        // Somebody who came again is counted from zero.
        if self.seconds.back().is_some_and(|last| now.0 < last.0) {
            self.seconds.clear();
        }
        if self.seconds.len() > CONCEALMENT_SECONDS {
            self.seconds.pop_front();
        }
        self.seconds.push_back(now);
        let (all, concealed) = self.seconds.front().copied().unwrap_or_default();
        // Concealment may be taken back when a silence turns out to be a pause.
        100.0 * now.1.saturating_sub(concealed) as f32 / (now.0 - all).max(1) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lossy_path_is_called_bad_and_a_clean_one_good() {
        let clean = ParticipantStatistics { round_trip_ms: Some(40.0), ..Default::default() };
        assert_eq!(quality(&clean), 4);
        assert_eq!(quality(&ParticipantStatistics { loss_received: 2.0, ..clean.clone() }), 3);
        assert_eq!(quality(&ParticipantStatistics { round_trip_ms: Some(900.0), ..clean }), 1);
    }

    #[test]
    fn sound_that_was_made_up_is_forgotten_after_some_seconds() {
        let mut concealment = Concealment::default();
        let mut second = |seconds: u64, concealed: u64| {
            let audio = JitterStatistics {
                total_samples: seconds * 48_000,
                concealed_samples: concealed * 480,
                ..Default::default()
            };
            concealment.second(Some(&audio)).round() as u32
        };
        assert_eq!([second(0, 0), second(1, 50), second(2, 50)], [0, 50, 25]);
        assert_eq!([second(5, 50), second(6, 50), second(7, 50), second(8, 50)], [10, 8, 7, 0]);
        assert_eq!(second(0, 0), 0, "they came again");
    }
}
