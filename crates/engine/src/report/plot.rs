//! A plot as SVG: lines over a call's time, with axes and without colours of its own, which are the page's.

use std::fmt::Write as _;

use super::series::{Spread, Step};

/// In the SVG's own units, which are about a pixel on a desktop's screen.
const WIDTH: f32 = 720.0;
const HEIGHT: f32 = 170.0;
/// Left of it are numbers of up to six digits.
const LEFT: f32 = 52.0;
const RIGHT: f32 = 8.0;
const TOP: f32 = 10.0;
/// Below it are times.
const BOTTOM: f32 = 24.0;
/// Seconds between two marks on the axis of time, of which there are six at most.
const MARKS: [u32; 15] = [2, 5, 10, 20, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 14_400, 36_000];
/// A second that was not measured is no pause: the timer that measures is late at times.
const BRIDGED: u32 = 2;

/// A plot, of up to three lines.
pub(crate) struct Plot<'a> {
    /// What it is called by whoever does not see it, as text.
    pub(crate) label: &'a str,
    pub(crate) step: Step,
    /// The call's length in seconds.
    pub(crate) lasted: u32,
    /// The axis goes up to this at least.
    pub(crate) at_least: f32,
    /// Writes a number.
    pub(crate) number: &'a dyn Fn(f32) -> String,
}

impl Plot<'_> {
    pub(crate) fn draw(&self, lines: &[Vec<(u32, Spread)>]) -> String {
        let highest = lines.iter().flatten().map(|(_, spread)| spread.most).fold(self.at_least, f32::max);
        let top = nice(highest);
        let length = self.lasted.max(10) as f32;
        let x = |second: f32| LEFT + (WIDTH - LEFT - RIGHT) * (second / length).clamp(0.0, 1.0);
        let y = |value: f32| TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - (value / top).clamp(0.0, 1.0));
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
            super::page::escaped(self.label)
        );
        for value in [0.0, top / 2.0, top] {
            let _ = write!(
                svg,
                "<path class=\"grid\" d=\"M{LEFT} {0:.1}H{1}\"/><text x=\"{2}\" y=\"{3:.1}\" class=\"y\">{4}</text>",
                y(value),
                WIDTH - RIGHT,
                LEFT - 6.0,
                y(value) + 4.0,
                (self.number)(value),
            );
        }
        let mark = MARKS.into_iter().find(|mark| length / *mark as f32 <= 6.0).unwrap_or(self.lasted.max(1));
        for second in (0..=self.lasted.max(10)).step_by(mark as usize) {
            // What would stand over the edge is left out.
            if x(second as f32) > WIDTH - RIGHT - 14.0 && second > 0 {
                continue;
            }
            let _ = write!(
                svg,
                "<path class=\"grid\" d=\"M{0:.1} {TOP}V{1}\"/><text x=\"{0:.1}\" y=\"{2}\" class=\"x\">{3}</text>",
                x(second as f32),
                HEIGHT - BOTTOM,
                HEIGHT - 8.0,
                clock(second),
            );
        }
        let seconds = self.step.seconds();
        let middle = |number: u32| x((number as f32 + 0.5) * seconds as f32);
        let pixels = (WIDTH - LEFT - RIGHT) * seconds as f32 / length;
        for (at, line) in lines.iter().enumerate() {
            let (mut spreads, mut means, mut before) = (String::new(), String::new(), None::<u32>);
            let mut alone = false;
            for (number, spread) in line {
                if y(spread.least) - y(spread.most) >= 1.0 {
                    let _ = write!(
                        spreads,
                        "M{:.0} {:.0}V{:.0}",
                        middle(*number),
                        y(spread.least),
                        y(spread.most)
                    );
                }
                let goes_on = before.is_some_and(|before| (number - before - 1) * seconds <= BRIDGED);
                if !goes_on {
                    // One point has no length: a round end makes it a dot.
                    means.push_str(if alone { "h0M" } else { "M" });
                }
                alone = !goes_on;
                let _ = write!(means, "{:.0} {:.1} ", middle(*number), y(spread.mean));
                before = Some(*number);
            }
            if alone {
                means.push_str("h0");
            }
            if !spreads.is_empty() {
                let width = pixels.clamp(1.0, 12.0);
                let _ =
                    write!(svg, "<path class=\"spread l{at}\" stroke-width=\"{width:.1}\" d=\"{spreads}\"/>");
            }
            if !means.is_empty() {
                let _ = write!(svg, "<path class=\"line l{at}\" d=\"{}\"/>", means.trim_end());
            }
        }
        svg.push_str("</svg>");
        svg
    }
}

/// The next of 1, 2, 5, 10, 20, …
fn nice(value: f32) -> f32 {
    let value = if value.is_finite() { value.clamp(0.1, 1e9) } else { 1e9 };
    let power = 10f32.powf(value.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    steps.into_iter().find(|step| *step >= value * 0.999).unwrap_or(value)
}

/// `4:05`, or `1:04:05`.
pub(crate) fn clock(seconds: u32) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(value: f32) -> Spread {
        Spread { count: 1, least: value, most: value, mean: value }
    }

    fn draw(lasted: u32, lines: &[Vec<(u32, Spread)>]) -> String {
        let number = |value: f32| format!("{value:.0}");
        let plot = Plot { label: "a < b", step: Step::default(), lasted, at_least: 10.0, number: &number };
        plot.draw(lines)
    }

    fn means(svg: &str) -> Vec<&str> {
        svg.split("class=\"line l0\" d=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect()
    }

    #[test]
    fn without_a_value_there_are_axes_and_no_line() {
        let svg = draw(0, &[Vec::new()]);
        assert!(means(&svg).is_empty() && svg.contains(">10<") && svg.contains("a &lt; b"), "{svg}");
        assert!(svg.contains(">0:00<") && svg.contains(">0:02<"), "{svg}");
    }

    #[test]
    fn one_value_is_a_dot() {
        let svg = draw(1, &[vec![(0, spread(5.0))]]);
        let [line] = means(&svg)[..] else { panic!("{svg}") };
        assert!(line.starts_with('M') && line.ends_with("h0"), "{line}");
    }

    #[test]
    fn a_pause_is_a_gap_and_a_late_second_is_none() {
        let at = |numbers: &[u32]| numbers.iter().map(|number| (*number, spread(5.0))).collect::<Vec<_>>();
        let svg = draw(60, &[at(&[0, 1, 3, 4])]);
        assert_eq!(means(&svg)[0].matches('M').count(), 1, "{svg}");
        let svg = draw(60, &[at(&[0, 1, 20, 40, 41])]);
        let line = means(&svg)[0];
        assert_eq!((line.matches('M').count(), line.matches("h0").count()), (3, 1), "{line}");
    }

    #[test]
    fn axes_end_at_round_numbers() {
        let ends = [0.0, 0.1, 7.0, 10.0, 10.5, 1480.0, 9e9, f32::NAN].map(nice);
        assert_eq!(ends[..6], [0.1, 0.1, 10.0, 10.0, 20.0, 2000.0]);
        assert!(ends.iter().all(|end| end.is_finite()));
        assert_eq!([0, 65, 3_605].map(clock), ["0:00", "1:05", "1:00:05"]);
    }
}
