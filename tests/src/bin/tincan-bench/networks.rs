//! Bad networks: read from `tests/networks.txt` or drawn at random by a seed, each called over by both in turns.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tincan_tests::link::Conditions;
use tincan_tests::network::{Link, Machine};
use tokio::time::{Instant, sleep_until};

use crate::chromium;
use crate::clip::Clip;
use crate::numbers::{Case, median};
use crate::ours::{self, Place};
use crate::rated;

const KNOWN: &str = include_str!("../../../networks.txt");
/// What pictures may take here, in kbit/s: as much as a browser takes when nobody says less.
const VIDEO_KBPS: u64 = 2_500;
/// So many networks are drawn of a seed.
const DRAWN: usize = 10;
/// After the last change it goes on for so long: whether it recovers is half of what is asked.
const AFTER: Duration = Duration::from_secs(6);
/// What differs by less is the same.
const SAME_SECONDS: f64 = 0.5;
const SAME_PERCENT: f64 = 0.5;
/// Of PESQ: less, nobody hears, and two runs of the same differ by as much.
const SAME_PESQ: f64 = 0.15;

/// From when on, counted from the beginning of measuring, and the link's words.
#[derive(Debug, Clone, PartialEq)]
struct Step {
    after: Duration,
    words: String,
}

/// A network and its name.
#[derive(Debug, Clone, PartialEq)]
struct Network {
    name: String,
    steps: Vec<Step>,
}

impl Network {
    /// A line of the file; `None` where there is none.
    fn parse(line: &str) -> Result<Option<Self>, String> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(None);
        }
        let bad = |what: &str| format!("`{line}`: {what}");
        let (name, words) = line.split_once("::").ok_or_else(|| bad("there is no `::` after the name"))?;
        let mut steps = Vec::<Step>::new();
        for (index, step) in words.split('|').map(str::trim).enumerate() {
            let (after, words) = match index {
                0 => (0.0, step),
                _ => {
                    let (after, words) = step.split_once(' ').unwrap_or((step, ""));
                    (after.parse::<f64>().map_err(|_| bad("a change begins with its second"))?, words)
                }
            };
            let after = Duration::try_from_secs_f64(after).map_err(|error| bad(&error.to_string()))?;
            if steps.last().is_some_and(|before| before.after > after) {
                return Err(bad("changes are told in their order"));
            }
            words.parse::<Conditions>().map_err(|error| bad(&error))?;
            steps.push(Step { after, words: words.to_owned() });
        }
        Ok(Some(Self { name: name.trim().to_owned(), steps }))
    }

    /// All of a file.
    fn all(text: &str) -> Result<Vec<Self>, String> {
        text.lines().map(Self::parse).filter_map(Result::transpose).collect()
    }

    /// One from ranges around the known ones.
    fn draw(random: &mut StdRng) -> Result<Self, String> {
        let mut words = |rate: Option<u32>| {
            let mut words = format!("delay={}ms", random.random_range(2..130));
            if random.random_bool(0.4) {
                let _ = write!(words, " jitter={}ms", random.random_range(2..30));
                words += if random.random_bool(0.3) { " loose" } else { "" };
            }
            if random.random_bool(0.5) {
                let _ = write!(words, " loss={}%", random.random_range(1..20));
                if random.random_bool(0.3) {
                    let _ = write!(words, " burst={}", random.random_range(2..7));
                }
            }
            if random.random_bool(0.15) {
                let _ = write!(words, " duplicate={}%", random.random_range(1..12));
            }
            if random.random_bool(0.15) {
                let _ = write!(words, " reorder={}% hold=20ms", random.random_range(1..5));
            }
            if let Some(rate) = rate {
                let _ = write!(words, " rate={rate}kbit");
            }
            words
        };
        let first = words(None);
        let rated = random.random_bool(0.5).then(|| random.random_range(250..3_000_u32));
        let mut text = match rated {
            Some(rate) => format!("{first} rate={rate}kbit queue={}ms", random.random_range(80..400)),
            None => first.clone(),
        };
        if random.random_bool(0.4) {
            let at = random.random_range(4..10);
            let worse = match random.random_range(0..3) {
                0 => format!("{first} rate={}kbit", random.random_range(150..900)),
                1 => "cut".to_owned(),
                _ => "delay=60ms loss=25%".to_owned(),
            };
            let lasts = if worse == "cut" { random.random_range(1..4) } else { random.random_range(4..9) };
            text = format!("{text} | {at} {worse} | {} {text}", at + lasts);
        }
        let line = format!("{text} :: {text}");
        Self::parse(&line)?.ok_or_else(|| "nothing was drawn".into())
    }

    /// For how long it is measured: `least`, or until it had time to recover.
    fn lasts(&self, least: Duration) -> Duration {
        self.steps.last().map_or(least, |last| least.max(last.after + AFTER))
    }
}

/// What a link does while something is measured.
pub(crate) struct Changes<'a> {
    link: &'a mut Link,
    steps: &'a [Step],
}

impl Changes<'_> {
    /// As the network says, from now on.
    pub(crate) async fn happen(self) {
        let began = Instant::now();
        for step in self.steps {
            sleep_until(began + step.after).await;
            self.link.set(&format!("both {}", step.words)).await;
        }
    }
}

/// What both made of a network, run by run.
#[derive(Default)]
struct Outcome {
    ours: Vec<(Case, f64)>,
    theirs: Vec<(Case, f64)>,
}

impl Outcome {
    fn lines(&self, name: &str) -> String {
        let mut lines = format!("{name}\n");
        for (who, runs) in [("Tincan", &self.ours), ("Chromium", &self.theirs)] {
            let of = |value: fn(&Case) -> f64| {
                let values: Vec<f64> = runs.iter().map(|(case, _)| value(case)).collect();
                let (least, most) =
                    values.iter().fold((f64::MAX, f64::MIN), |(a, b), one| (a.min(*one), b.max(*one)));
                (median(values.into_iter()), least, most)
            };
            let spread = |(middle, least, most): (f64, f64, f64), digits: usize| {
                if runs.len() == 1 {
                    format!("{middle:.digits$}")
                } else {
                    format!("{middle:.digits$} ({least:.digits$}–{most:.digits$})")
                }
            };
            let delay = median(runs.iter().map(|(_, delay)| *delay));
            let _ = writeln!(
                lines,
                "  {who:<9} {:>18} {:>16} {:>19} {:>19} {:>19} {:>15} {delay:>7.0}",
                spread(of(|case| case.fps), 1),
                spread(of(|case| case.height), 0),
                spread(of(|case| case.kbps), 0),
                spread(of(|case| case.frozen_seconds), 1),
                spread(of(|case| case.concealed_percent), 1),
                spread(of(|case| case.pesq), 2),
            );
        }
        let _ = writeln!(lines, "  {}", self.verdict());
        lines
    }

    /// In what ours is worse.
    fn verdict(&self) -> String {
        let both = |value: fn(&Case) -> f64| {
            let of = |runs: &[(Case, f64)]| median(runs.iter().map(|(case, _)| value(case)));
            (of(&self.ours), of(&self.theirs))
        };
        let mut worse = Vec::new();
        let (frozen, theirs) = both(|case| case.frozen_seconds);
        if frozen > theirs + SAME_SECONDS {
            worse.push("frozen");
        }
        let (concealed, theirs) = both(|case| case.concealed_percent);
        if concealed > theirs + SAME_PERCENT {
            worse.push("concealed");
        }
        let (pesq, theirs) = both(|case| case.pesq);
        if pesq < theirs - SAME_PESQ {
            worse.push("PESQ");
        }
        let (lines, theirs) = both(|case| case.height);
        if lines < theirs {
            worse.push("lines");
        }
        if worse.is_empty() {
            "no worse: met".into()
        } else {
            format!("worse in {}: MISSED", worse.join(", "))
        }
    }

    fn is_met(&self) -> bool {
        self.verdict().ends_with("met")
    }
}

/// What bad networks do to both: those of the file, or those that a seed draws.
pub(crate) async fn table(
    clip: &Clip,
    rounds: usize,
    seconds: u64,
    seed: Option<u64>,
    wants: impl Fn(&str) -> bool,
) -> Result<String, String> {
    let networks = match seed {
        None => Network::all(KNOWN)?,
        Some(seed) => {
            let mut random = StdRng::seed_from_u64(seed);
            (0..DRAWN).map(|_| Network::draw(&mut random)).collect::<Result<_, _>>()?
        }
    };
    let head = format!(
        "what the second one receives; {VIDEO_KBPS} kbit/s allowed; median (least–most) of {rounds}\n  {:<9} {:>18} {:>16} {:>19} {:>19} {:>19} {:>15} {:>7}\n",
        "", "fps", "lines", "kbit/s", "frozen s", "concealed %", "PESQ", "delay"
    );
    println!("{head}");
    let (mut met, mut all) = (0, 0);
    for network in networks.iter().filter(|network| wants(&network.name)) {
        let mut outcome = Outcome::default();
        for round in 1..=rounds {
            eprintln!("{}, {round} of {rounds}", network.name);
            let (ours, theirs) = both(clip, network, seconds, round as u64).await?;
            outcome.ours.push(ours);
            outcome.theirs.push(theirs);
        }
        all += 1;
        met += usize::from(outcome.is_met());
        // One after the other, for whoever waits.
        println!("{}", outcome.lines(&network.name));
    }
    Ok(format!("no worse than Chromium in {met} of {all} networks"))
}

type Received = (Case, f64);

async fn both(
    clip: &Clip,
    network: &Network,
    seconds: u64,
    seed: u64,
) -> Result<(Received, Received), String> {
    let (a, b) = (Machine::new(), Machine::new());
    let mut link = Link::lay((&a, "a-link"), (&b, "b-link"), seed).await;
    a.addresses("a-link", &["198.51.100.1/24"]);
    b.addresses("b-link", &["198.51.100.2/24"]);
    let first = format!("both {}", network.steps.first().map_or("", |step| &step.words));
    let seconds = network.lasts(Duration::from_secs(seconds)).as_secs();
    let later = network.steps.get(1..).unwrap_or_default();
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let python = rated::python();
    let heard = |name: &str| python.as_ref().map(|_| folder.path().join(name));
    let (by_us, by_them) = (heard("tincan.wav"), heard("chromium.wav"));
    link.set(&first).await;
    let changes = Changes { link: &mut link, steps: later };
    let place = Place::Machines(&a, &b);
    let ours = ours::call(clip, place, VIDEO_KBPS, seconds, Some(changes), by_us.as_deref()).await;
    link.set(&first).await;
    let changes = Changes { link: &mut link, steps: later };
    let place = Some((&a, &b));
    let theirs =
        chromium::call(clip, place, VIDEO_KBPS, seconds, Some(changes), by_them.as_deref()).await?.run;
    let rate = async |case: Case, heard: Option<PathBuf>| match (&python, heard) {
        (Some(python), Some(heard)) => Ok::<Case, String>(Case {
            pesq: rated::pesq(python, &clip.microphone, &heard, seconds).await?,
            ..case
        }),
        _ => Ok(case),
    };
    let (our_case, their_case) =
        (rate(ours.newcomer(), by_us).await?, rate(theirs.newcomer(), by_them).await?);
    Ok(((our_case, ours.delay_p50), (their_case, theirs.delay_p50)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_network_can_be_laid() {
        let networks = Network::all(KNOWN).unwrap();
        assert!(networks.len() >= 15, "{}", networks.len());
        let stairs = networks.iter().find(|network| network.name.starts_with("staircase")).unwrap();
        assert_eq!(stairs.steps.len(), 6);
        assert_eq!(stairs.lasts(Duration::from_secs(12)), Duration::from_secs(36));
    }

    #[test]
    fn what_cannot_be_read_is_said_with_its_line() {
        for (line, said) in [
            ("no colons", "`::`"),
            ("x :: speed=3", "speed"),
            ("x :: delay=3ms | soon cut", "second"),
            ("x :: delay=3ms | 5 cut | 2 delay=1ms", "order"),
            ("x :: delay=3ms | -5 cut", "negative"),
        ] {
            let error = Network::parse(line).unwrap_err();
            assert!(error.contains(line) && error.contains(said), "{error}");
        }
        assert_eq!(Network::parse("  # a remark").unwrap(), None);
    }

    #[test]
    fn a_seed_draws_the_same_networks_again_and_all_can_be_laid() {
        let drawn = |seed| {
            let mut random = StdRng::seed_from_u64(seed);
            (0..200).map(|_| Network::draw(&mut random).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(drawn(3), drawn(3));
        assert_ne!(drawn(3), drawn(4));
        assert!(drawn(5).iter().any(|network| network.steps.len() == 3));
    }
}
