//! How much the path takes: the [`controller`] and its place in the library's chain.

mod controller;
mod coverage;
mod sound;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rtc::interceptor::{BandwidthEstimator, PacketReport};
use tincan_media::Bitrate;
use tincan_media::audio::red::Protection;
use tincan_protocol::Source;

use self::controller::{Controller, Delivery};
pub(crate) use self::coverage::Coverage;
use self::sound::SoundLoss;
use crate::shared::Shared;

/// The owner hears of a new target at most this often: an encoder takes a second to follow anyway.
const REPORT_GAP: Duration = Duration::from_millis(200);
/// Smaller changes are noise.
const REPORT_CHANGE: f64 = 0.03;
/// Share of packets: how much Opus adds for recovery depends on it, also on a path whose rate never changes.
const REPORT_LOSS_CHANGE: f32 = 0.01;
/// What is sent again is measured over this long, and taken off what new pictures and sound may take.
const RETRANSMISSION_WINDOW: Duration = Duration::from_secs(1);
/// But not more than the rest of this: sending again what is old helps nobody if nothing new comes.
const LEAST_FOR_MEDIA: f64 = 0.5;

/// What the library's congestion-control stage drives. It sees every packet that left and what became of it.
pub(crate) struct Estimator {
    shared: Arc<Shared>,
    coverage: Coverage,
    controller: Controller,
    sound: SoundLoss,
    /// (when it was reported, bytes) of the last [`RETRANSMISSION_WINDOW`].
    retransmitted: VecDeque<(Instant, usize)>,
    reported: Option<(Instant, Bitrate, f32, Protection)>,
}

impl Estimator {
    pub(crate) fn new(shared: Arc<Shared>, coverage: Coverage, max: Bitrate) -> Self {
        let controller = Controller::new(max);
        shared.set_target(controller.target());
        Self {
            shared,
            coverage,
            controller,
            sound: SoundLoss::default(),
            retransmitted: VecDeque::new(),
            reported: None,
        }
    }

    fn note_report_time(&self, now: Instant, deliveries: &[Delivery]) {
        let arrived = deliveries.iter().filter(|delivery| delivery.arrived);
        let time = arrived.map(|delivery| now.saturating_duration_since(delivery.sent)).min();
        if time.is_some() {
            self.shared.figures(|figures| figures.report_time = time);
        }
    }

    /// What the microphone's sound needs on this path; in-band FEC where the other side knows nothing else.
    fn protect(&mut self, reports: &[PacketReport]) -> Protection {
        let ssrc = self.shared.local[Source::Microphone].ssrc;
        let told = |report: &&PacketReport| {
            report.ssrc == ssrc && (report.arrived || self.coverage.has(report.twcc_sequence_number))
        };
        for report in reports.iter().filter(told) {
            self.sound.packet(report.arrived);
        }
        let protection = self.sound.protection();
        let knows = self.shared.outgoing.red(Source::Microphone).is_some();
        let protection = if knows { protection } else { Protection::Fec };
        self.shared.set_protection(protection);
        protection
    }

    /// What is left for new pictures and sound.
    fn without_retransmissions(
        &mut self,
        now: Instant,
        reports: &[PacketReport],
        target: Bitrate,
    ) -> Bitrate {
        let repeats = |ssrc| self.shared.local.iter().any(|(_, stream)| stream.rtx == Some(ssrc));
        let again = reports.iter().filter(|report| repeats(report.ssrc));
        self.retransmitted.extend(again.map(|report| (now, report.size)));
        while self
            .retransmitted
            .front()
            .is_some_and(|(at, _)| now.saturating_duration_since(*at) > RETRANSMISSION_WINDOW)
        {
            self.retransmitted.pop_front();
        }
        let bytes: usize = self.retransmitted.iter().map(|(_, size)| size).sum();
        let rate = bytes as f64 * 8.0 / RETRANSMISSION_WINDOW.as_secs_f64();
        let target = target.as_bps() as f64;
        Bitrate::bps((target - rate).max(target * LEAST_FOR_MEDIA) as u64)
    }
}

impl BandwidthEstimator for Estimator {
    fn on_reports(&mut self, now: Instant, reports: &[PacketReport]) {
        let deliveries: Vec<_> = reports
            .iter()
            .filter(|report| report.arrived || self.coverage.has(report.twcc_sequence_number))
            .map(|report| Delivery {
                id: report.id,
                sent: report.departure,
                arrived: report.arrived,
                arrival: report.arrival,
                size: report.size,
            })
            .collect();
        self.controller.feedback(now, &deliveries);
        let target = self.controller.target();
        self.shared.set_target(target);
        self.note_report_time(now, &deliveries);
        let target = self.without_retransmissions(now, reports, target);
        let loss = self.controller.loss();
        let protection = self.protect(reports);
        let due = self.reported.is_none_or(|(at, last, last_loss, last_protection)| {
            let moved = target.as_bps().abs_diff(last.as_bps()) as f64 > last.as_bps() as f64 * REPORT_CHANGE;
            let lossier = (loss - last_loss).abs() >= REPORT_LOSS_CHANGE;
            now.saturating_duration_since(at) >= REPORT_GAP
                && (moved || lossier || protection != last_protection)
        });
        if due {
            self.reported = Some((now, target, loss, protection));
            self.shared.facts.target(target, loss, protection);
        }
    }

    fn target_bitrate(&self) -> f64 {
        self.controller.target().as_bps() as f64
    }
}
