//! Whether this computer keeps up: what tells a busy one from a bad network.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::media::EncoderStatistics;

/// How often the probe wants to be woken.
const PROBE_INTERVAL: Duration = Duration::from_millis(20);
/// Woken this much later, a task of usual priority waited for other programs. Ordinary systems are late by a few
/// milliseconds, Windows by 16; pictures come every 33, and three of them late are a freeze.
const LATE: Duration = Duration::from_millis(100);
/// The sound thread has a raised priority and rounds of 5 ms; a speaker's ring holds 20 to 40.
const LATE_SOUND: Duration = Duration::from_millis(60);
/// So many of the camera's pictures were replaced by the next one before the encoder came to them.
const OVERRUN: f32 = 0.2;
/// Fewer pictures in a second than this are no measure.
const ENOUGH_PICTURES: u64 = 5;

/// Measures how late a task of usual priority is woken. Dropping it ends the task.
pub(crate) struct LoadProbe {
    /// In µs, since somebody looked.
    latest: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl LoadProbe {
    pub(crate) fn start() -> Self {
        let latest = Arc::new(AtomicU64::new(0));
        let task = tokio::spawn(probe(Arc::clone(&latest)));
        Self { latest, task }
    }

    /// By how much it was woken too late at worst since this was asked last.
    pub(crate) fn take(&self) -> Duration {
        Duration::from_micros(self.latest.swap(0, Ordering::Relaxed))
    }
}

impl Drop for LoadProbe {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn probe(latest: Arc<AtomicU64>) {
    loop {
        let due = Instant::now() + PROBE_INTERVAL;
        sleep_until(due).await;
        let late = u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX);
        latest.fetch_max(late, Ordering::Relaxed);
    }
}

/// Judges a second by what the threads measured in it.
#[derive(Debug, Default)]
pub(crate) struct Load {
    /// What the encoder had been fed, and did not come to, when the second began.
    fed: u64,
    overrun: u64,
}

impl Load {
    /// Whether the computer was too busy in the last second: `woken` is how late the probe was, `sound` the sound thread's
    /// longest round.
    pub(crate) fn second(&mut self, woken: Duration, sound: Duration, encoder: &EncoderStatistics) -> bool {
        let fed = encoder.fed.saturating_sub(self.fed);
        let overrun = encoder.overrun.saturating_sub(self.overrun);
        (self.fed, self.overrun) = (encoder.fed, encoder.overrun);
        let behind = fed >= ENOUGH_PICTURES && overrun as f32 > OVERRUN * fed as f32;
        woken > LATE || sound > LATE_SOUND || behind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_computer_is_busy_when_threads_wake_late_or_pictures_are_not_encoded() {
        let mut load = Load::default();
        let millis = Duration::from_millis;
        let encoder = |fed, overrun| EncoderStatistics { fed, overrun, ..EncoderStatistics::default() };
        assert!(!load.second(millis(16), millis(12), &encoder(30, 1)));
        assert!(load.second(millis(130), millis(12), &encoder(60, 1)));
        assert!(load.second(millis(3), millis(90), &encoder(90, 1)));
        assert!(load.second(millis(3), millis(6), &encoder(120, 11)));
        assert!(!load.second(millis(3), millis(6), &encoder(150, 11)), "only the last second counts");
        assert!(!load.second(millis(3), millis(6), &encoder(2, 1)), "another encoder begins");
    }

    #[tokio::test(start_paused = true)]
    async fn the_probe_sees_a_task_that_does_not_let_others_run() {
        let probe = LoadProbe::start();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(probe.take() < LATE);
        // Time that passes while nothing is woken.
        tokio::time::advance(Duration::from_millis(500)).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(probe.take() > LATE);
        assert_eq!(probe.take(), Duration::ZERO);
    }
}
