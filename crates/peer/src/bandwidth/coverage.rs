//! Of which packets the other side's reports speak.
//!
//! The library takes every packet before the newest that was acknowledged for reported. Those of a report that got lost
//! itself would count as lost: with 10% loss each way, twice as many as there were.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use rtc::interceptor::{Packet, TaggedPacket};
use rtc::rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;

use crate::stages::{Outlet, Stage};

/// Reports that are remembered: they come every 50 ms and are asked about at once, or when the next one has come.
const REPORTS: usize = 64;

/// A stage before congestion control, and the estimator's view of it.
#[derive(Clone, Default)]
pub(crate) struct Coverage {
    /// First transport-wide sequence number and how many, of the latest reports. A mutex since the library owns both
    /// stages; one thread uses it.
    ranges: Arc<Mutex<VecDeque<(u16, u16)>>>,
}

impl Coverage {
    /// Whether a report spoke of the packet with this transport-wide sequence number.
    pub(crate) fn has(&self, sequence: u16) -> bool {
        self.ranges().iter().any(|(first, count)| sequence.wrapping_sub(*first) < *count)
    }

    fn ranges(&self) -> std::sync::MutexGuard<'_, VecDeque<(u16, u16)>> {
        // A panic between two moves of numbers leaves numbers.
        self.ranges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stage for Coverage {
    fn read(&mut self, packet: TaggedPacket, out: &mut Outlet) {
        if let Packet::Rtcp(packets) = &packet.message.packet {
            for report in packets.iter().filter_map(|p| p.as_any().downcast_ref::<TransportLayerCc>()) {
                let mut ranges = self.ranges();
                if ranges.len() == REPORTS {
                    ranges.pop_front();
                }
                ranges.push_back((report.base_sequence_number, report.packet_status_count));
            }
        }
        out.read.push_back(packet);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use rtc::interceptor::AttributedPacket;
    use rtc::shared::TransportContext;

    use super::*;

    fn report(coverage: &mut Coverage, first: u16, count: u16) {
        let report = TransportLayerCc {
            base_sequence_number: first,
            packet_status_count: count,
            ..Default::default()
        };
        let packet = TaggedPacket {
            now: Instant::now(),
            transport: TransportContext::default(),
            message: AttributedPacket::new(Packet::Rtcp(vec![Box::new(report)])),
        };
        let mut out = Outlet::default();
        coverage.read(packet, &mut out);
        assert_eq!(out.read.len(), 1, "it passes on");
    }

    #[test]
    fn packets_of_a_report_that_got_lost_are_not_covered() {
        let mut coverage = Coverage::default();
        assert!(!coverage.has(0));
        report(&mut coverage, 65_530, 10);
        report(&mut coverage, 14, 2);
        let covered: Vec<u16> = (0..20).filter(|sequence| coverage.has(*sequence)).collect();
        assert_eq!(covered, [0, 1, 2, 3, 14, 15], "4 to 13 were told of in a report that got lost");
        assert!(coverage.has(65_535) && !coverage.has(65_529));
    }

    #[test]
    fn only_the_latest_reports_are_kept() {
        let mut coverage = Coverage::default();
        for n in 0..1_000 {
            report(&mut coverage, n, 1);
        }
        assert!(coverage.has(999) && !coverage.has(900));
        assert_eq!(coverage.ranges().len(), REPORTS);
    }
}
