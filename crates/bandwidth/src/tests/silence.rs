//! Nothing is reported: because the path is gone, or because nothing was sent.

use std::time::{Duration, Instant};

use tincan_media::Bitrate;

use crate::{Controller, Delivery};

const SIZE: usize = 1_000;

/// What is sent at 400 kbit/s between two milliseconds; `reported`: all of it arrives 30 ms later, and is told at once.
fn send(controller: &mut Controller, start: Instant, millis: std::ops::Range<u64>, reported: bool) {
    for at in millis.step_by(20) {
        let now = start + Duration::from_millis(at);
        while controller.poll_timeout().is_some_and(|due| due <= now) {
            controller.handle_timeout(now);
        }
        controller.sent(now, SIZE);
        if reported {
            let arrival = Some(Duration::from_millis(at + 30));
            let told = Delivery { id: at, sent: now, arrival, late: false, ssrc: 1, size: SIZE };
            controller.feedback(now + Duration::from_millis(15), &[told]);
        }
    }
}

fn kbps(controller: &Controller) -> u64 {
    controller.target().as_bps() / 1_000
}

#[test]
fn what_is_sent_and_never_reported_halves_the_target_until_something_is() {
    let (mut controller, start) = (Controller::new(Bitrate::kbps(2_500)), Instant::now());
    send(&mut controller, start, 0..3_000, true);
    let before = kbps(&controller);
    send(&mut controller, start, 3_000..6_000, false);
    let silent = kbps(&controller);
    assert!((60..=before / 4).contains(&silent), "{before} {silent}");
    send(&mut controller, start, 6_000..6_100, true);
    assert!(kbps(&controller) >= before * 6 / 10, "{before} {}", kbps(&controller));
}

#[test]
fn a_pause_of_what_is_sent_is_no_silence_though_the_last_before_it_is_lost() {
    for lost in [20, 100, 200] {
        let (mut controller, start) = (Controller::new(Bitrate::kbps(2_500)), Instant::now());
        send(&mut controller, start, 0..3_000, true);
        let before = kbps(&controller);
        send(&mut controller, start, 3_000..3_000 + lost, false);
        // Nobody has to wake for it either.
        assert_eq!(controller.poll_timeout(), None, "{lost}");
        controller.handle_timeout(start + Duration::from_secs(20));
        send(&mut controller, start, 60_000..60_020, false);
        controller.handle_timeout(start + Duration::from_millis(60_030));
        assert_eq!(kbps(&controller), before, "{lost}");
        assert_eq!(controller.poll_timeout(), None, "{lost}");
    }
}
