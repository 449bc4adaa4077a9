//! What one direction of a link does to packets, and the words for it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use tincan_media::Bitrate;

/// Longer than any packet of a call is of use; a queue that is not named holds this much.
const USUAL_QUEUE: Duration = Duration::from_millis(200);
/// How long a packet that is to be overtaken is held back, when nothing else is said: a few packets of a picture.
const USUAL_HOLD: Duration = Duration::from_millis(15);

/// What one direction of a link does to packets. In words, as its `Display` and `FromStr` have them:
/// `delay=50ms jitter=10ms loss=10% burst=5 reorder=1% hold=15ms rate=500kbit queue=200ms`, each of which may be
/// missing, and `cut`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Conditions {
    /// How long every packet is under way.
    pub delay: Duration,
    /// Standard deviation of the delay (normally distributed, never below zero). It does not change the order, as on
    /// most real paths: a packet that is early waits for those before it.
    pub jitter: Duration,
    /// It does change the order after all: every packet takes as long as it takes.
    pub loose: bool,
    /// Share of packets that come twice.
    pub duplicates: f64,
    /// Which packets never arrive.
    pub loss: Loss,
    /// Which packets are overtaken.
    pub reordering: Option<Reordering>,
    /// How fast the slowest part of the way is, and how long its queue may get before packets are dropped.
    pub rate: Option<(Bitrate, Duration)>,
}

/// Which packets never arrive.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Loss {
    /// None.
    #[default]
    Never,
    /// Each with this probability, independently of the others.
    Random(f64),
    /// This share, in bursts of this mean length: the model of Gilbert and Elliott, whose bad state loses everything
    /// and whose good state nothing.
    Bursts {
        /// Share of packets, 0 to 1.
        share: f64,
        /// Mean length of a burst in packets, at least 1.
        length: f64,
    },
    /// All: the cable is out.
    Always,
}

/// Some packets are held back, so that later ones overtake them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reordering {
    /// Share of packets, 0 to 1.
    pub share: f64,
    /// For how long.
    pub hold: Duration,
}

impl FromStr for Conditions {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut conditions = Self::default();
        let (mut share, mut burst, mut cut) = (None, None, false);
        let (mut reorder, mut hold) = (None, USUAL_HOLD);
        let (mut rate, mut queue) = (None, USUAL_QUEUE);
        for word in text.split_whitespace() {
            match word {
                "cut" => {
                    cut = true;
                    continue;
                }
                "loose" => {
                    conditions.loose = true;
                    continue;
                }
                _ => {}
            }
            let (name, value) = word.split_once('=').ok_or_else(|| format!("`{word}` says nothing"))?;
            match name {
                "delay" => conditions.delay = duration(value)?,
                "jitter" => conditions.jitter = duration(value)?,
                "duplicate" => conditions.duplicates = percent(value)?,
                "loss" => share = Some(percent(value)?),
                "burst" => burst = Some(number(value, "")?.max(1.0)),
                "reorder" => reorder = Some(percent(value)?),
                "hold" => hold = duration(value)?,
                "rate" => rate = Some(Bitrate::kbps(number(value, "kbit")? as u64)),
                "queue" => queue = duration(value)?,
                _ => return Err(format!("`{name}` is nothing that a link can do")),
            }
        }
        conditions.loss = match (cut, share, burst) {
            (true, ..) => Loss::Always,
            (false, None, _) => Loss::Never,
            (false, Some(share), None) => Loss::Random(share),
            (false, Some(share), Some(length)) => Loss::Bursts { share, length },
        };
        conditions.reordering = reorder.map(|share| Reordering { share, hold });
        conditions.rate = rate.map(|rate| (rate, queue));
        Ok(conditions)
    }
}

impl fmt::Display for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
        write!(f, "delay={}ms jitter={}ms", ms(self.delay), ms(self.jitter))?;
        if self.loose {
            write!(f, " loose")?;
        }
        if self.duplicates > 0.0 {
            write!(f, " duplicate={}%", self.duplicates * 100.0)?;
        }
        match self.loss {
            Loss::Never => {}
            Loss::Random(share) => write!(f, " loss={}%", share * 100.0)?,
            Loss::Bursts { share, length } => write!(f, " loss={}% burst={length}", share * 100.0)?,
            Loss::Always => write!(f, " cut")?,
        }
        if let Some(Reordering { share, hold }) = self.reordering {
            write!(f, " reorder={}% hold={}ms", share * 100.0, ms(hold))?;
        }
        if let Some((rate, queue)) = self.rate {
            write!(f, " rate={}kbit queue={}ms", rate.as_bps() / 1000, ms(queue))?;
        }
        Ok(())
    }
}

fn number(value: &str, unit: &str) -> Result<f64, String> {
    let number = value.strip_suffix(unit).and_then(|number| number.parse::<f64>().ok());
    number.filter(|n| n.is_finite() && *n >= 0.0).ok_or_else(|| format!("`{value}` is not so many {unit}"))
}

fn percent(value: &str) -> Result<f64, String> {
    number(value, "%").map(|percent| (percent / 100.0).min(1.0))
}

fn duration(value: &str) -> Result<Duration, String> {
    number(value, "ms").map(|ms| Duration::from_secs_f64(ms / 1000.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_what_is_read() {
        for text in [
            "delay=0ms jitter=0ms",
            "delay=50ms jitter=10ms loss=10% burst=5 reorder=1% hold=20ms rate=500kbit queue=300ms",
            "delay=0ms jitter=0ms cut",
            "delay=40ms jitter=15ms loose duplicate=10%",
        ] {
            let conditions: Conditions = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(conditions.to_string(), text);
        }
        for text in ["delay", "delay=50", "loss=x%", "speed=3", "rate=-1kbit"] {
            assert!(text.parse::<Conditions>().is_err(), "{text}");
        }
    }
}
