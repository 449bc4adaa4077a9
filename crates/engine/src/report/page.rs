//! The report as a page that is whole in itself: no script, and nothing that is fetched.

use std::fmt::Write as _;

use super::history::{Entry, Figure, History, Own, Person};
use super::plot::{Plot, clock};
use super::series::{Spread, Step};
use super::words::Words;
use crate::new_file::Moment;

/// What is said of the program and where it runs.
pub(crate) struct About {
    pub(crate) version: String,
    pub(crate) system: String,
    pub(crate) processors: usize,
    /// The person's time minus UTC, in minutes.
    pub(crate) utc_offset: i32,
}

/// Which end of a line is bad.
#[derive(Clone, Copy, PartialEq)]
enum Bad {
    High,
    Low,
}

use Bad::{High, Low};

/// A line in a plot: what it is called, which figure it is, and which end of it is bad.
type Line = (&'static str, usize, Bad);

/// A plot and its table.
struct Kind {
    title: &'static str,
    unit: &'static str,
    /// The axis goes up to this at least: a line along the ground is not to look like mountains.
    at_least: f32,
    lines: &'static [Line],
    /// It is only there when there is something in it.
    optional: bool,
}

const fn of(word: &'static str, figure: Figure, bad: Bad) -> Line {
    (word, figure as usize, bad)
}

const PERSON: &[Kind] = &[
    Kind {
        title: "report_sent",
        unit: "report_unit_rate",
        at_least: 100.0,
        lines: &[
            of("report_pictures", Figure::PicturesSent, Low),
            of("report_sound", Figure::SoundSent, Low),
            of("report_available", Figure::Available, Low),
        ],
        optional: false,
    },
    Kind {
        title: "report_received",
        unit: "report_unit_rate",
        at_least: 100.0,
        lines: &[
            of("report_pictures", Figure::PicturesReceived, Low),
            of("report_sound", Figure::SoundReceived, Low),
        ],
        optional: false,
    },
    Kind {
        title: "report_round_trip",
        unit: "report_unit_time",
        at_least: 50.0,
        lines: &[of("report_round_trip", Figure::RoundTrip, High)],
        optional: false,
    },
    Kind {
        title: "report_loss",
        unit: "report_unit_share",
        at_least: 5.0,
        lines: &[
            of("report_sent", Figure::LossSent, High),
            of("report_received", Figure::LossReceived, High),
        ],
        optional: false,
    },
    Kind {
        title: "report_concealed",
        unit: "report_unit_share",
        at_least: 5.0,
        lines: &[of("report_concealed", Figure::Concealed, High)],
        optional: false,
    },
    Kind {
        title: "report_freezes",
        unit: "report_unit_share_of_time",
        at_least: 100.0,
        lines: &[of("report_freezes", Figure::Frozen, High)],
        optional: false,
    },
    Kind {
        title: "report_rate",
        unit: "report_unit_pictures",
        at_least: 30.0,
        lines: &[of("report_sent", Figure::SentRate, Low), of("report_received", Figure::ReceivedRate, Low)],
        optional: false,
    },
    Kind {
        title: "report_size",
        unit: "report_unit_size",
        at_least: 360.0,
        lines: &[of("report_sent", Figure::SentSize, Low), of("report_received", Figure::ReceivedSize, Low)],
        optional: false,
    },
    Kind {
        title: "report_screen",
        unit: "report_unit_pictures",
        at_least: 10.0,
        lines: &[of("report_received", Figure::ScreenRate, Low)],
        optional: true,
    },
    Kind {
        title: "report_delays",
        unit: "report_unit_time",
        at_least: 100.0,
        lines: &[
            of("report_sound_waits", Figure::SoundWaits, High),
            of("report_pictures_wait", Figure::PicturesWait, High),
        ],
        optional: false,
    },
    Kind {
        title: "report_jitter",
        unit: "report_unit_time",
        at_least: 20.0,
        lines: &[of("report_jitter", Figure::Jitter, High)],
        optional: false,
    },
    Kind {
        title: "report_decoding",
        unit: "report_unit_time",
        at_least: 20.0,
        lines: &[of("report_decoding", Figure::Decoding, High)],
        optional: false,
    },
];

const COMPUTER: &[Kind] = &[
    Kind {
        title: "report_encoding",
        unit: "report_unit_time",
        at_least: 20.0,
        lines: &[("report_encoding", Own::Encoding as usize, High)],
        optional: false,
    },
    Kind {
        title: "report_busy",
        unit: "report_unit_share_of_time",
        at_least: 100.0,
        lines: &[("report_busy", Own::Busy as usize, High)],
        optional: false,
    },
];

/// What all plots of a report have in common.
#[derive(Clone, Copy)]
struct Scale<'a> {
    step: Step,
    lasted: u32,
    words: &'a Words,
}

/// Colours that are told apart by whoever sees no red or no green, and lines that are told apart without colours.
const STYLE: &str = ":root{color-scheme:light dark;--ground:#f4f6f7;--card:#fff;--ink:#141b1e;--muted:#55646a;--line:#d6dde0;--l0:#0b6bcb;--l1:#b34700;--l2:#5a6b72}\
@media(prefers-color-scheme:dark){:root{--ground:#111719;--card:#1a2225;--ink:#e6edef;--muted:#9db0b7;--line:#2f3b40;--l0:#6db3ff;--l1:#ffa24d;--l2:#a9bac1}}\
*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,sans-serif}\
main{max-width:70rem;margin:0 auto;padding:1.5rem 1rem 3rem}h1{font-size:1.6rem;margin:0 0 .4rem}h2{font-size:1.25rem;margin:2.2rem 0 .6rem}\
.muted{color:var(--muted)}.figures{font-variant-numeric:tabular-nums}\
section,.top{margin-top:1rem}dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(11rem,1fr));gap:.6rem 1.5rem;margin:1rem 0}dt{color:var(--muted);font-size:.85rem}dd{margin:0}\
figure{display:grid;grid-template-columns:minmax(0,1fr) 20rem;gap:.4rem 1.2rem;align-items:start;margin:0 0 .8rem;padding:.8rem 1rem;border:1px solid var(--line);border-radius:10px;background:var(--card)}\
figcaption{grid-column:1/-1;font-weight:600}figcaption span{font-weight:400;color:var(--muted)}\
@media(max-width:52rem){figure{grid-template-columns:minmax(0,1fr)}}\
svg{display:block;width:100%;height:auto;direction:ltr}svg text{fill:var(--muted);font-size:11px}.y{text-anchor:end}.x{text-anchor:middle}\
path{fill:none}.grid{stroke:var(--line)}.line{stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}.spread{opacity:.28}\
.l0{stroke:var(--l0)}.l1{stroke:var(--l1)}.l2{stroke:var(--l2)}.line.l1{stroke-dasharray:6 4}.line.l2{stroke-dasharray:1.5 4}\
.key{display:inline-block;width:26px;height:9px;margin-inline-end:.5em;vertical-align:middle}\
table{border-collapse:collapse;width:100%;font-size:.9rem}th,td{padding:.25rem .4rem;border-bottom:1px solid var(--line);text-align:start;font-weight:400;vertical-align:top}thead th{color:var(--muted);font-size:.85rem}\
.n{text-align:end;white-space:nowrap}.log td:first-child{white-space:nowrap;width:6rem}\
@media(max-width:40rem){svg text{font-size:17px}}\
@media print{:root{--ground:#fff;--card:#fff}figure{break-inside:avoid}}";

/// The whole page.
pub(crate) fn write(history: &History, lasted: u32, words: &Words, about: &About) -> String {
    let w = |code: &str| escaped(&words.get(code));
    let (language, right_to_left) = words.language();
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"{language}\" dir=\"{}\"><head><meta charset=\"utf-8\"/>\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/><title>{}</title><style>{STYLE}</style></head>\
         <body><main><h1>{}</h1><p class=\"muted\">{}</p>",
        if right_to_left { "rtl" } else { "ltr" },
        w("report_title"),
        w("report_title"),
        w("report_about"),
    );
    let began = Moment::new(history.began_at, about.utc_offset);
    let each = match history.step.seconds() {
        1 => w("report_each_second"),
        seconds => escaped(&words.with("report_each_seconds", &[("count", &seconds.to_string())])),
    };
    page.push_str("<dl>");
    for (name, value) in [
        ("report_began", format!("{} {:02}:{:02}", began.date(), began.hour, began.minute)),
        ("report_lasted", clock(lasted)),
        ("report_people", (history.people.len() + history.more_people as usize).to_string()),
        ("report_version", format!("Tincan {}", about.version)),
        ("report_system", about.system.clone()),
        ("report_processors", about.processors.to_string()),
    ] {
        let _ = write!(page, "<div><dt>{}</dt><dd><bdi>{}</bdi></dd></div>", w(name), escaped(&value));
    }
    let _ = write!(page, "</dl><p class=\"muted\">{each} {}</p>", w("report_gaps"));
    let scale = Scale { step: history.step, lasted, words };
    for (at, person) in history.people.iter().enumerate() {
        let name = words.with("report_person", &[("number", &(at + 1).to_string())]);
        let _ = write!(page, "<section><h2>{}</h2>", escaped(&name));
        for kind in PERSON {
            let lines: Vec<_> = kind.lines.iter().map(|(_, figure, _)| person.track.line(*figure)).collect();
            let note = (kind.title == "report_freezes" && person.freezes > 0).then(|| frozen(person, words));
            draw(&mut page, scale, kind, &lines, &name, note);
        }
        page.push_str("</section>");
    }
    if history.people.is_empty() {
        let _ = write!(page, "<p>{}</p>", w("report_nobody"));
    }
    if history.more_people > 0 {
        let count = history.more_people.to_string();
        let more = words.with("report_more_people", &[("count", &count)]);
        let _ = write!(page, "<p>{}</p>", escaped(&more));
    }
    let computer = words.get("report_this_computer");
    let _ = write!(page, "<section><h2>{}</h2>", escaped(&computer));
    for kind in COMPUTER {
        let lines: Vec<_> = kind.lines.iter().map(|(_, figure, _)| history.own.line(*figure)).collect();
        draw(&mut page, scale, kind, &lines, &computer, None);
    }
    page.push_str("</section>");
    happened(&mut page, history, words);
    page.push_str("</main></body></html>\n");
    page
}

fn frozen(person: &Person, words: &Words) -> String {
    let (count, seconds) = (person.freezes.to_string(), words.number(person.frozen_seconds));
    words.with("report_frozen", &[("count", &count), ("seconds", &seconds)])
}

/// A plot, with a table of what is in it beside it.
fn draw(
    page: &mut String,
    Scale { step, lasted, words }: Scale<'_>,
    kind: &Kind,
    lines: &[Vec<(u32, Spread)>],
    whose: &str,
    note: Option<String>,
) {
    let empty = lines.iter().all(Vec::is_empty);
    if empty && kind.optional {
        return;
    }
    let (title, unit) = (words.get(kind.title), words.get(kind.unit));
    let _ = write!(
        page,
        "<figure><figcaption>{} <span>({})</span></figcaption>",
        escaped(&title),
        escaped(&unit)
    );
    if empty {
        let _ = write!(page, "<p class=\"muted\">{}</p></figure>", escaped(&words.get("report_nothing")));
        return;
    }
    let label = format!("{whose}: {title} ({unit})");
    let number = |value: f32| words.number(value);
    let plot = Plot { label: &label, step, lasted, at_least: kind.at_least, number: &number };
    page.push_str(&plot.draw(lines));
    let w = |code: &str| escaped(&words.get(code));
    let _ = write!(
        page,
        "<div class=\"figures\"><table><thead><tr><th scope=\"col\">{}</th><th scope=\"col\" class=\"n\">{}</th>\
         <th scope=\"col\" class=\"n\">{}</th></tr></thead><tbody>",
        w("report_figure"),
        w("report_median"),
        w("report_worst"),
    );
    for (at, ((name, _, bad), line)) in kind.lines.iter().zip(lines).enumerate() {
        let shown = |value: Option<f32>| value.map_or_else(|| "–".to_owned(), &number);
        let _ = write!(
            page,
            "<tr><th scope=\"row\"><svg class=\"key\" viewBox=\"0 0 26 9\" aria-hidden=\"true\">\
             <path class=\"line l{at}\" d=\"M2 4.5H24\"/></svg>{}</th><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            w(name),
            shown(median(line)),
            shown(worst(line, *bad)),
        );
    }
    page.push_str("</tbody></table>");
    if let Some(note) = note {
        let _ = write!(page, "<p>{}</p>", escaped(&note));
    }
    page.push_str("</div></figure>");
}

fn happened(page: &mut String, history: &History, words: &Words) {
    let w = |code: &str| escaped(&words.get(code));
    if history.entries.is_empty() {
        return;
    }
    let _ = write!(page, "<section><h2>{}</h2>", w("report_happened"));
    if history.left_out > 0 {
        let left_out = words.with("report_left_out", &[("count", &history.left_out.to_string())]);
        let _ = write!(page, "<p class=\"muted\">{}</p>", escaped(&left_out));
    }
    let _ = write!(
        page,
        "<table class=\"log\"><thead><tr><th scope=\"col\">{}</th><th scope=\"col\">{}</th></tr></thead><tbody>",
        w("report_time"),
        w("report_what")
    );
    for Entry { second, code, person, path } in &history.entries {
        let number = person.map(|number| number.to_string()).unwrap_or_default();
        let path = path.map(|path| words.get(path)).unwrap_or_default();
        let what = words.with(code, &[("number", &number), ("path", &path)]);
        let _ =
            write!(page, "<tr><td class=\"figures\">{}</td><td>{}</td></tr>", clock(*second), escaped(&what));
    }
    page.push_str("</tbody></table></section>");
}

/// Half of the time it was below. In a long call it is the middle of means, in which a short moment is not to be seen.
fn median(line: &[(u32, Spread)]) -> Option<f32> {
    let mut means: Vec<(f32, u32)> = line.iter().map(|(_, spread)| (spread.mean, spread.count)).collect();
    means.sort_by(|a, b| a.0.total_cmp(&b.0));
    let all: u64 = means.iter().map(|(_, count)| u64::from(*count)).sum();
    let mut below = 0;
    means
        .into_iter()
        .find(|(_, count)| {
            below += u64::from(*count);
            2 * below >= all
        })
        .map(|(mean, _)| mean)
}

fn worst(line: &[(u32, Spread)], bad: Bad) -> Option<f32> {
    let ends = line.iter().map(|(_, spread)| if bad == High { spread.most } else { spread.least });
    match bad {
        High => ends.reduce(f32::max),
        Low => ends.reduce(f32::min),
    }
}

/// Text as it stands in a page or in one of its attributes.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
