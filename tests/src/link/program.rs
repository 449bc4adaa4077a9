//! Moves packets between two TUN devices in real time.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tappers::{Interface, Tun};

use super::{Conditions, Direction};

/// The largest packet that a device with the usual MTU hands out, and some more.
const PACKET: usize = 2048;

/// A running link. Its threads run until the program ends: a read from a device cannot be interrupted.
pub struct Link {
    /// From the first device to the second, and back.
    halves: [Arc<Half>; 2],
}

/// One direction with its clock. Two threads share it, for the time of one decision each.
struct Half {
    direction: Mutex<Direction>,
    came: Condvar,
    began: Instant,
}

impl Link {
    /// Makes both devices, in the namespace that this program runs in; either may be moved to another one.
    ///
    /// # Errors
    /// What the system says: without the right to, or without `/dev/net/tun`, there are no devices.
    pub fn start(devices: [&str; 2], seed: u64) -> io::Result<Self> {
        let began = Instant::now();
        let open = |name: &str| Ok::<_, io::Error>(Arc::new(Tun::new_named(Interface::new(name)?)?));
        let [a, b] = [open(devices[0])?, open(devices[1])?];
        let half = |seed| {
            let direction = Mutex::new(Direction::new(seed));
            Arc::new(Half { direction, came: Condvar::new(), began })
        };
        let halves = [half(seed), half(seed ^ u64::MAX)];
        for (half, from, to) in [(&halves[0], &a, &b), (&halves[1], &b, &a)] {
            let (half, from, to) = (half.clone(), from.clone(), to.clone());
            let out = half.clone();
            std::thread::Builder::new().name("in".into()).spawn(move || half.take_in(&from))?;
            std::thread::Builder::new().name("out".into()).spawn(move || out.let_out(&to))?;
        }
        Ok(Self { halves })
    }

    /// Does what a line says: `both CONDITIONS`, `ab CONDITIONS`, `ba CONDITIONS` or `report`. The answer is for
    /// whoever wrote the line.
    ///
    /// # Errors
    /// What is not understood.
    pub fn command(&self, line: &str) -> Result<Value, String> {
        let (whom, words) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        let halves = match whom {
            "report" => {
                let [ab, ba] = self.halves.each_ref().map(|half| half.lock().report().to_json());
                return Ok(json!({ "ab": ab, "ba": ba }));
            }
            "both" => &self.halves[..],
            "ab" => &self.halves[..1],
            "ba" => &self.halves[1..],
            _ => return Err(format!("`{whom}` is neither both, ab, ba nor report")),
        };
        let conditions: Conditions = words.parse()?;
        for half in halves {
            half.lock().set(conditions);
        }
        Ok(json!({ "set": conditions.to_string() }))
    }
}

impl Half {
    fn lock(&self) -> MutexGuard<'_, Direction> {
        self.direction.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_in(&self, from: &Tun) {
        let mut packet = [0; PACKET];
        // While a device moves to its namespace, it is down for a moment.
        loop {
            match from.recv(&mut packet) {
                Ok(length) => {
                    self.lock().offer(self.began.elapsed(), &packet[..length]);
                    self.came.notify_one();
                }
                Err(_) => std::thread::yield_now(),
            }
        }
    }

    fn let_out(&self, to: &Tun) {
        let mut direction = self.lock();
        loop {
            let now = self.began.elapsed();
            if let Some(packet) = direction.take(now) {
                drop(direction);
                // A device that is down loses what it is given, like a cable that is out.
                let _ = to.send(&packet);
                direction = self.lock();
                continue;
            }
            // Long enough to be no load, and a packet ends it.
            let wait = direction.next().map_or(Duration::from_secs(60), |due| due.saturating_sub(now));
            direction = self.came.wait_timeout(direction, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
