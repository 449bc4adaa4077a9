//! The words of a report. A window hands in its own, in the language that it speaks; these are for a terminal, and for what is missing.

use crate::api::ReportWords;

/// A word, with what the window's words call it.
struct Word {
    code: &'static str,
    english: &'static str,
}

/// Longer words are a mistake.
const MAX_WORD: usize = 600;

const WORDS: &[Word] = &[
    Word { code: "report_title", english: "Quality of a Tincan call" },
    Word {
        code: "report_about",
        english: "How well the network, the devices and this computer did. There is no name, code, address or device’s name in it, and nothing that was said or written.",
    },
    Word { code: "report_began", english: "Began" },
    Word { code: "report_lasted", english: "Duration" },
    Word { code: "report_people", english: "Other people" },
    Word { code: "report_version", english: "Version" },
    Word { code: "report_system", english: "System" },
    Word { code: "report_processors", english: "Processors" },
    Word { code: "report_each_second", english: "Each point in a plot is one second." },
    Word {
        code: "report_each_seconds",
        english: "Each point in a plot is the mean of {count} seconds; the pale bars reach from the least to the most in them.",
    },
    Word { code: "report_gaps", english: "Where a line has a gap there was nothing to measure." },
    Word { code: "report_person", english: "Person {number}" },
    Word { code: "report_this_computer", english: "This computer" },
    Word { code: "report_nobody", english: "Nobody else was there." },
    Word { code: "report_more_people", english: "More people came, whose figures are not here: {count}" },
    Word { code: "report_nothing", english: "Nothing was measured." },
    Word { code: "report_time", english: "Time" },
    Word { code: "report_median", english: "Median" },
    Word { code: "report_worst", english: "Worst" },
    Word { code: "report_figure", english: "Figure" },
    Word { code: "report_sent", english: "Sent" },
    Word { code: "report_received", english: "Received" },
    Word { code: "report_sound", english: "Sound" },
    Word { code: "report_pictures", english: "Pictures" },
    Word { code: "report_available", english: "What the path takes (estimate)" },
    Word { code: "report_round_trip", english: "Round trip" },
    Word { code: "report_loss", english: "Lost packets" },
    Word { code: "report_concealed", english: "Concealed sound" },
    Word { code: "report_delays", english: "Delays" },
    Word { code: "report_jitter", english: "Jitter" },
    Word { code: "report_sound_waits", english: "Sound waits to be played" },
    Word { code: "report_pictures_wait", english: "Pictures wait to be shown" },
    Word { code: "report_decoding", english: "Decoding a picture" },
    Word { code: "report_rate", english: "Pictures a second" },
    Word { code: "report_size", english: "Size of the picture" },
    Word { code: "report_freezes", english: "The picture stood still" },
    Word { code: "report_frozen", english: "{count} times, {seconds} s in all" },
    Word { code: "report_screen", english: "Shared screen: pictures a second" },
    Word { code: "report_encoding", english: "Encoding a picture" },
    Word { code: "report_busy", english: "Too busy" },
    Word { code: "report_unit_rate", english: "kbit/s" },
    Word { code: "report_unit_time", english: "ms" },
    Word { code: "report_unit_share", english: "%" },
    Word { code: "report_unit_pictures", english: "1/s" },
    Word { code: "report_unit_size", english: "lines" },
    Word { code: "report_unit_share_of_time", english: "% of the time" },
    Word { code: "report_happened", english: "What happened" },
    Word { code: "report_what", english: "What" },
    Word { code: "report_left_out", english: "Earlier entries that were left out: {count}" },
    Word { code: "report_came", english: "Person {number} came" },
    Word { code: "report_left", english: "Person {number} left" },
    Word { code: "report_lost", english: "The connection to person {number} was lost" },
    Word { code: "report_back", english: "The connection to person {number} is back" },
    Word { code: "report_path", english: "The path to person {number}: {path}" },
    Word { code: "report_path_host", english: "direct, within one network" },
    Word { code: "report_path_direct", english: "direct" },
    Word { code: "report_path_relay", english: "through a relay" },
    Word { code: "report_server_away", english: "The server was away" },
    Word { code: "report_server_back", english: "The server was back" },
    Word { code: "report_camera_other", english: "Another camera was taken" },
    Word { code: "report_camera_on", english: "The camera was turned on" },
    Word { code: "report_camera_off", english: "The camera was turned off" },
    Word { code: "report_camera_failed", english: "The camera did not work" },
    Word { code: "report_microphone_other", english: "Another microphone was taken" },
    Word { code: "report_microphone_on", english: "The microphone was turned on" },
    Word { code: "report_microphone_off", english: "The microphone was muted" },
    Word { code: "report_microphone_failed", english: "The microphone did not work" },
    Word { code: "report_speaker_other", english: "Another speaker was taken" },
    Word { code: "report_speaker_failed", english: "The speaker did not work" },
    Word { code: "report_sharing_on", english: "A screen was shared from here" },
    Word { code: "report_sharing_off", english: "Nothing was shared from here any more" },
    Word { code: "report_their_camera_on", english: "Person {number} turned the camera on" },
    Word { code: "report_their_camera_off", english: "Person {number} turned the camera off" },
    Word { code: "report_their_microphone_on", english: "Person {number} turned the microphone on" },
    Word { code: "report_their_microphone_off", english: "Person {number} muted the microphone" },
    Word { code: "report_their_sharing_on", english: "Person {number} shared a screen" },
    Word { code: "report_their_sharing_off", english: "Person {number} shared nothing any more" },
];

/// The words of one report.
pub(crate) struct Words {
    theirs: ReportWords,
}

impl Words {
    pub(crate) fn new(theirs: ReportWords) -> Self {
        Self { theirs }
    }

    /// A word, as text that has still to be escaped.
    pub(crate) fn get(&self, code: &str) -> String {
        let english = || WORDS.iter().find(|word| word.code == code).map_or("", |word| word.english);
        let theirs = self.theirs.words.get(code).map(String::as_str);
        theirs.filter(|word| !word.trim().is_empty()).unwrap_or_else(english).chars().take(MAX_WORD).collect()
    }

    /// A word that names something.
    pub(crate) fn with(&self, code: &str, values: &[(&str, &str)]) -> String {
        let word = self.get(code);
        values.iter().fold(word, |word, (name, value)| word.replace(&format!("{{{name}}}"), value))
    }

    /// What the page is written in: `de`, and whether from right to left.
    pub(crate) fn language(&self) -> (&str, bool) {
        let language = self.theirs.language.as_str();
        let known = (2..=3).contains(&language.len()) && language.bytes().all(|b| b.is_ascii_lowercase());
        (if known { language } else { "en" }, self.theirs.right_to_left)
    }

    /// A figure as people read it: whole, or with one digit where it is small.
    pub(crate) fn number(&self, value: f32) -> String {
        let value = if value.is_finite() { value } else { 0.0 };
        let text = if value >= 9.95 { format!("{value:.0}") } else { format!("{value:.1}") };
        let text = text.strip_suffix(".0").unwrap_or(&text);
        match self.theirs.decimal.as_str() {
            mark @ ("," | "٫") => text.replace('.', mark),
            _ => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_windows_words_go_before_english_ones() {
        let theirs = ReportWords {
            language: "de".into(),
            decimal: ",".into(),
            words: [
                ("report_person".into(), "Person Nr. {number}".into()),
                ("report_time".into(), " ".into()),
            ]
            .into(),
            ..ReportWords::default()
        };
        let words = Words::new(theirs);
        assert_eq!(words.with("report_person", &[("number", "2")]), "Person Nr. 2");
        assert_eq!((words.get("report_time"), words.get("nothing")), ("Time".to_owned(), String::new()));
        assert_eq!(words.language(), ("de", false));
        let numbers = [0.0, 0.04, 1.25, 9.96, 1234.5, f32::NAN].map(|value| words.number(value));
        assert_eq!(numbers, ["0", "0", "1,2", "10", "1234", "0"]);
        let strange = ReportWords { language: "<b>".into(), ..ReportWords::default() };
        assert_eq!(Words::new(strange).language(), ("en", false));
    }

    #[test]
    fn no_code_is_there_twice() {
        let codes: std::collections::BTreeSet<_> = WORDS.iter().map(|word| word.code).collect();
        assert_eq!(codes.len(), WORDS.len());
    }
}
