//! Statistics of one participant, put together from the connection, the jitter buffer, the encoder and the receiver.

use tincan_media::audio::JitterStatistics;
use tincan_peer::PeerStatistics;

use crate::api::ParticipantStatistics;
use crate::media::{EncoderStatistics, ReceiveStatistics};

/// Everything about one participant.
pub(crate) fn participant(
    peer: &PeerStatistics,
    audio: Option<&JitterStatistics>,
    sent: &EncoderStatistics,
    received: &ReceiveStatistics,
) -> ParticipantStatistics {
    let kbps = |rate: tincan_media::Bitrate| rate.as_bps() as f32 / 1e3;
    let millis = |duration: std::time::Duration| duration.as_secs_f32() * 1e3;
    ParticipantStatistics {
        round_trip_ms: peer.round_trip.map(millis),
        loss_sent: peer.loss_sent * 100.0,
        loss_received: peer.loss_received * 100.0,
        jitter_ms: millis(peer.audio_jitter),
        sent_kbps: kbps(peer.sent),
        received_kbps: kbps(peer.received),
        available_kbps: kbps(peer.available),
        sent_width: sent.resolution.map_or(0, |r| r.width),
        sent_height: sent.resolution.map_or(0, |r| r.height),
        sent_fps: sent.frames_per_second,
        received_width: received.resolution.map_or(0, |r| r.width),
        received_height: received.resolution.map_or(0, |r| r.height),
        received_fps: received.frames_per_second,
        freezes: received.freezes,
        frozen_seconds: received.frozen.as_secs_f32(),
        concealed: audio.map_or(0.0, |a| a.concealed_share() as f32 * 100.0),
        audio_buffer_ms: audio.map_or(0.0, |a| millis(a.current_delay)),
        video_buffer_ms: millis(received.delay),
        path: peer.path.as_ref().map(|(ours, _)| ours.clone()),
    }
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

/// Remembers how a call was, for the one line after it.
#[derive(Debug, Default)]
pub(crate) struct QualityLog {
    seconds: u32,
    good: u32,
    freezes: u32,
}

impl QualityLog {
    /// One second with this quality; `freezes` is the count since the start.
    pub(crate) fn second(&mut self, quality: u8, freezes: u32) {
        self.seconds += 1;
        self.good += u32::from(quality >= 3);
        self.freezes = self.freezes.max(freezes);
    }

    /// One line.
    pub(crate) fn summary(&self) -> String {
        if self.seconds == 0 {
            return "Nobody was connected.".into();
        }
        let share = self.good * 100 / self.seconds;
        let connection = match share {
            95.. => "The connection was good throughout",
            70..95 => "The connection was mostly good",
            40..70 => "The connection was poor at times",
            _ => "The connection was poor",
        };
        match self.freezes {
            0 => format!("{connection}; the picture never froze."),
            1 => format!("{connection}; the picture froze once."),
            n => format!("{connection}; the picture froze {n} times."),
        }
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
    fn the_summary_is_one_line_a_person_understands() {
        let mut log = QualityLog::default();
        assert_eq!(log.summary(), "Nobody was connected.");
        (0..100).for_each(|n| log.second(if n < 20 { 1 } else { 4 }, n / 50));
        assert_eq!(log.summary(), "The connection was mostly good; the picture froze once.");
    }
}
