//! How much the path takes: the [`controller`] and its place in the library's chain.

mod controller;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rtc::interceptor::{BandwidthEstimator, PacketReport};
use tincan_media::Bitrate;

use self::controller::{Controller, Delivery};
use crate::api::PeerEvent;
use crate::shared::Shared;

/// The owner hears of a new target at most this often: an encoder takes a second to follow anyway.
const REPORT_GAP: Duration = Duration::from_millis(200);
/// Smaller changes are noise.
const REPORT_CHANGE: f64 = 0.03;

/// What the library's congestion-control stage drives. It sees every packet that left and what became of it.
pub(crate) struct Estimator {
    shared: Arc<Shared>,
    controller: Controller,
    reported: Option<(Instant, Bitrate)>,
}

impl Estimator {
    pub(crate) fn new(shared: Arc<Shared>, max: Bitrate) -> Self {
        let controller = Controller::new(max);
        shared.set_target(controller.target());
        Self { shared, controller, reported: None }
    }
}

impl BandwidthEstimator for Estimator {
    fn on_reports(&mut self, now: Instant, reports: &[PacketReport]) {
        let deliveries: Vec<_> = reports
            .iter()
            .map(|report| Delivery {
                sent: report.departure,
                arrived: report.arrived,
                arrival: report.arrival,
                size: report.size,
            })
            .collect();
        self.controller.feedback(now, &deliveries);
        let target = self.controller.target();
        self.shared.set_target(target);
        let due = self.reported.is_none_or(|(at, last)| {
            now.saturating_duration_since(at) >= REPORT_GAP
                && target.as_bps().abs_diff(last.as_bps()) as f64 > last.as_bps() as f64 * REPORT_CHANGE
        });
        if due {
            self.reported = Some((now, target));
            self.shared.offer(PeerEvent::Target { bitrate: target, loss: self.controller.loss() });
        }
    }

    fn target_bitrate(&self) -> f64 {
        self.controller.target().as_bps() as f64
    }
}
