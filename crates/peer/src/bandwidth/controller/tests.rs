//! Scenarios on a small simulated bottleneck.

use super::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// A path with one bottleneck that drops at the tail.
#[derive(Debug, Clone, Copy)]
struct Path {
    kbps: u64,
    queue_ms: u64,
    delay_ms: u64,
    jitter_ms: u64,
    loss: f64,
}

/// Bytes of the first picture, which leaves at once.
const FIRST_KEYFRAME: f64 = 12_000.0;
/// An encoder takes this long until what leaves is at a new rate; what waits to leave is at the old one.
const ENCODER_LAG_MS: usize = 300;

const CLEAN: Path = Path { kbps: 100_000, queue_ms: 200, delay_ms: 10, jitter_ms: 0, loss: 0.0 };

struct Simulation {
    controller: Controller,
    random: StdRng,
    start: Instant,
    now_ms: u64,
    /// When the bottleneck is free, in ms.
    free_ms: f64,
    last_arrival_ms: f64,
    /// Under way: (when its feedback reaches us, delivery).
    flight: Vec<(f64, Delivery)>,
    budget: f64,
    /// Packets so far.
    sent: u64,
    /// What the encoder was told lately: it follows the target that late.
    told: VecDeque<f64>,
    worst_queue_ms: f64,
    /// Packets that the queue had no room for.
    dropped: u64,
}

impl Simulation {
    fn new() -> Self {
        Self {
            controller: Controller::new(Bitrate::kbps(2_500)),
            random: StdRng::seed_from_u64(7),
            start: Instant::now(),
            now_ms: 0,
            free_ms: 0.0,
            last_arrival_ms: 0.0,
            flight: Vec::new(),
            budget: FIRST_KEYFRAME,
            sent: 0,
            told: VecDeque::new(),
            worst_queue_ms: 0.0,
            dropped: 0,
        }
    }

    /// Sends at the target, or at `cap`, for `seconds`; gives the mean target in kbit/s of the last half.
    fn run(&mut self, path: Path, seconds: u64, cap: Option<u64>, feedback_lost: f64) -> f64 {
        let end = self.now_ms + seconds * 1_000;
        let (mut sum, mut n) = (0.0, 0u32);
        self.worst_queue_ms = 0.0;
        while self.now_ms < end {
            self.now_ms += 1;
            let target = self.controller.target().as_bps() as f64;
            self.told.push_back(target);
            let told =
                if self.told.len() > ENCODER_LAG_MS { self.told.pop_front() } else { None }.unwrap_or(target);
            // Sound (48 kbit/s with headers) comes out of the same target.
            let video = (told - 48_000.0).max(0.0);
            self.budget += cap.map_or(video, |kbps| video.min(kbps as f64 * 1e3)) / 8_000.0;
            while self.budget >= 1_200.0 {
                self.budget -= 1_200.0;
                self.send(path, 1_200);
            }
            if self.now_ms.is_multiple_of(20) {
                self.send(path, 120);
            }
            if self.now_ms.is_multiple_of(100) {
                self.report(feedback_lost);
            }
            if self.now_ms > end - seconds * 500 {
                sum += target / 1e3;
                n += 1;
            }
            if self.now_ms > end - seconds * 500 {
                self.worst_queue_ms = self.worst_queue_ms.max(self.free_ms - self.now_ms as f64);
            }
        }
        sum / f64::from(n)
    }

    fn send(&mut self, path: Path, size: usize) {
        let now = self.now_ms as f64;
        let queued = (self.free_ms - now).max(0.0);
        let dropped = queued > path.queue_ms as f64;
        self.dropped += u64::from(dropped);
        let lost = self.random.random_bool(path.loss) || dropped;
        let sent = self.start + Duration::from_millis(self.now_ms);
        let id = self.sent;
        self.sent += 1;
        if lost {
            let seen = now + queued + path.delay_ms as f64;
            self.flight.push((seen, Delivery { id, sent, arrived: false, arrival: None, size }));
            return;
        }
        self.free_ms = self.free_ms.max(now) + size as f64 * 8.0 / path.kbps as f64;
        let jitter = if path.jitter_ms == 0 {
            0.0
        } else {
            self.random.random_range(0.0..path.jitter_ms as f64 * 3.0)
        };
        let arrival = (self.free_ms + path.delay_ms as f64 + jitter).max(self.last_arrival_ms);
        self.last_arrival_ms = arrival;
        // The other side's clock reads something else.
        let stamp = Duration::from_secs_f64(arrival / 1e3 + 5_000.0);
        self.flight.push((arrival, Delivery { id, sent, arrived: true, arrival: Some(stamp), size }));
    }

    fn report(&mut self, feedback_lost: f64) {
        // Feedback takes the way back without a queue.
        let seen = self.now_ms as f64 - 20.0;
        let (reported, flight) = self.flight.drain(..).partition(|(at, _)| *at <= seen);
        self.flight = flight;
        let reported: Vec<(f64, Delivery)> = reported;
        if self.random.random_bool(feedback_lost) {
            return;
        }
        let mut deliveries: Vec<_> = reported.into_iter().map(|(_, delivery)| delivery).collect();
        deliveries.sort_by_key(|delivery| delivery.id);
        self.controller.feedback(self.start + Duration::from_millis(self.now_ms), &deliveries);
    }
}

/// (name, path, seconds, what the application sends at most in kbit/s, share of feedback lost, mean target of the
/// last half in kbit/s)
type Scenario = (&'static str, Path, u64, Option<u64>, f64, std::ops::Range<f64>);

const SCENARIOS: &[Scenario] = &[
    ("a fast path is used up to the limit", CLEAN, 10, None, 0.0, 2_400.0..2_501.0),
    ("500 kbit/s", Path { kbps: 500, ..CLEAN }, 30, None, 0.0, 350.0..500.0),
    (
        "500 kbit/s behind a deep queue",
        Path { kbps: 500, queue_ms: 2_000, ..CLEAN },
        30,
        None,
        0.0,
        330.0..500.0,
    ),
    (
        "500 kbit/s behind a short queue",
        Path { kbps: 500, queue_ms: 30, ..CLEAN },
        30,
        None,
        0.0,
        350.0..580.0,
    ),
    ("500 kbit/s soon after the start", Path { kbps: 500, ..CLEAN }, 6, None, 0.0, 350.0..520.0),
    ("500 kbit/s with half of the feedback lost", Path { kbps: 500, ..CLEAN }, 8, None, 0.5, 330.0..500.0),
    ("2% loss does not matter", Path { loss: 0.02, ..CLEAN }, 15, None, 0.0, 2_300.0..2_501.0),
    ("10% loss does not collapse it", Path { loss: 0.10, ..CLEAN }, 40, None, 0.0, 900.0..2_501.0),
    ("100 ms each way", Path { delay_ms: 100, ..CLEAN }, 15, None, 0.0, 2_400.0..2_501.0),
    (
        "jitter is not congestion",
        Path { delay_ms: 40, jitter_ms: 10, ..CLEAN },
        20,
        None,
        0.0,
        2_300.0..2_501.0,
    ),
    (
        "a mobile path",
        Path { kbps: 2_000, queue_ms: 300, delay_ms: 40, jitter_ms: 10, loss: 0.01 },
        40,
        None,
        0.0,
        1_100.0..2_000.0,
    ),
    ("lost feedback is no loss", CLEAN, 15, None, 0.3, 2_300.0..2_501.0),
    ("half of all lost is congestion", Path { loss: 0.5, ..CLEAN }, 40, None, 0.0, 59.0..400.0),
    ("sound alone does not earn a target", CLEAN, 20, Some(0), 0.0, 900.0..1_100.0),
];

#[test]
fn scenarios_end_where_they_should() {
    let mut failed = Vec::new();
    for (name, path, seconds, cap, feedback_lost, expected) in SCENARIOS {
        let mut simulation = Simulation::new();
        let mean = simulation.run(*path, *seconds, *cap, *feedback_lost);
        let queue = simulation.worst_queue_ms;
        println!(
            "{name}: {mean:.0} kbit/s, longest queue {queue:.0} ms, {:.1}% dropped",
            100.0 * simulation.dropped as f64 / simulation.sent as f64
        );
        if !expected.contains(&mean) {
            failed.push(*name);
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn it_follows_a_path_that_narrows_and_widens() {
    let mut simulation = Simulation::new();
    let wide = simulation.run(Path { kbps: 5_000, ..CLEAN }, 10, None, 0.0);
    let narrow = simulation.run(Path { kbps: 400, queue_ms: 500, ..CLEAN }, 20, None, 0.0);
    assert!(simulation.worst_queue_ms < 300.0, "{}", simulation.worst_queue_ms);
    let again = simulation.run(Path { kbps: 5_000, ..CLEAN }, 60, None, 0.0);
    assert!(wide > 2_000.0 && (250.0..400.0).contains(&narrow) && again > 1_500.0, "{wide} {narrow} {again}");
}

#[test]
fn a_longer_path_is_no_congestion() {
    let mut simulation = Simulation::new();
    let near = simulation.run(Path { kbps: 5_000, ..CLEAN }, 10, None, 0.0);
    // To a relay far away, or from cable to radio.
    simulation.run(Path { kbps: 5_000, delay_ms: 90, ..CLEAN }, 3, None, 0.0);
    let far = simulation.run(Path { kbps: 5_000, delay_ms: 90, ..CLEAN }, 3, None, 0.0);
    assert!(near > 2_000.0 && far > 1_500.0, "{near} {far}");
}

#[test]
fn it_never_leaves_its_bounds() {
    let mut random = StdRng::seed_from_u64(1);
    for _ in 0..50 {
        let mut controller = Controller::new(Bitrate::kbps(2_500));
        let start = Instant::now();
        for i in 0..200u64 {
            let at = start + Duration::from_millis(i * 100);
            let deliveries: Vec<_> = (0..random.random_range(0..20))
                .map(|_| {
                    let arrived = random.random_bool(0.7);
                    Delivery {
                        id: random.random_range(0..1_000),
                        sent: at - Duration::from_millis(random.random_range(0..90)),
                        arrived,
                        arrival: arrived.then(|| Duration::from_millis(random.random_range(0..1 << 24))),
                        size: random.random_range(0..1_500),
                    }
                })
                .collect();
            controller.feedback(at, &deliveries);
            assert!((MIN..=Bitrate::kbps(2_500)).contains(&controller.target()));
        }
    }
}
