//! Whole reports, from what the engine tells to the page.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use quick_xml::events::Event as XmlEvent;
use quick_xml::{Reader, XmlVersion};

use super::*;
use crate::api::{
    CallStatistics, CallView, ConnectionView, Event, Participant, ParticipantStatistics, Preview,
    ScreenStatistics, Source, SourceView, StreamView, Trust,
};

const BEGAN: u64 = 1_700_000_000_000;

/// A call that is told second by second.
struct Call {
    reporter: Reporter,
    began: Instant,
    second: u64,
    view: CallView,
}

impl Call {
    fn new() -> Self {
        let mut call = Self {
            reporter: Reporter::default(),
            began: Instant::now(),
            second: 0,
            view: CallView {
                code: "kqz4-m8tr-xp".into(),
                invite_link: "tincan://join/kqz4-m8tr-xp".into(),
                server_connected: true,
                ..CallView::default()
            },
        };
        call.device(|preview| {
            for device in [&mut preview.camera, &mut preview.microphone, &mut preview.speaker] {
                *device = works("Mabel’s Cam 9000");
            }
        });
        call.shows();
        call
    }

    fn hear(&mut self, event: &Event) {
        let now = self.began + Duration::from_secs(self.second);
        self.reporter.hear(now, BEGAN + self.second * 1000, event);
    }

    fn shows(&mut self) {
        self.hear(&Event::Call { call: Some(self.view.clone()) });
    }

    fn comes(&mut self, id: &str) {
        self.view.participants.push(somebody(id));
        self.shows();
    }

    fn is(&mut self, id: &str, change: impl FnOnce(&mut Participant)) {
        change(self.view.participants.iter_mut().find(|one| one.id == id).unwrap());
        self.shows();
    }

    fn device(&mut self, change: impl FnOnce(&mut Preview)) {
        let mut preview = Preview::default();
        change(&mut preview);
        self.hear(&Event::Preview { preview });
    }

    fn measure(&mut self, figures: impl Fn(u64) -> ParticipantStatistics) {
        self.second += 1;
        let ids = self.view.participants.iter().map(|one| one.id.clone());
        let participants = ids.map(|id| (id, figures(self.second))).collect();
        let statistics = CallStatistics { participants, encoding_ms: Some(4.0), busy: self.second == 3 };
        self.hear(&Event::Statistics { statistics });
    }

    fn page(&self, words: ReportWords) -> String {
        let now = self.began + Duration::from_secs(self.second);
        write(self.reporter.history().unwrap(), now, 60, words)
    }

    fn entries(&self) -> Vec<(&'static str, Option<usize>)> {
        let entries = &self.reporter.history().unwrap().entries;
        entries.iter().map(|entry| (entry.code, entry.person)).collect()
    }
}

fn works(name: &str) -> SourceView {
    SourceView { chosen: true, on: true, working: true, device: Some(name.into()), problem: None }
}

fn somebody(id: &str) -> Participant {
    let camera = StreamView { source: Source::Camera, stream: 1, on: true, paused: false };
    Participant {
        id: id.into(),
        name: format!("Augusta {id}"),
        connection: ConnectionView::Connected,
        microphone_on: true,
        shares_sound: false,
        streams: vec![camera],
        volume: 1.0,
        trust: Trust::Unverified,
        late: false,
        hand: None,
        records: false,
        quality: 4,
    }
}

fn usual(second: u64) -> ParticipantStatistics {
    let wave = (second % 37) as f32;
    ParticipantStatistics {
        round_trip_ms: Some(20.0 + wave),
        loss_received: if second.is_multiple_of(50) { 7.0 } else { 0.1 },
        jitter_ms: 3.0,
        sent_kbps: 1200.0 + wave,
        received_kbps: 900.0 + wave,
        sound_sent_kbps: 32.0,
        sound_received_kbps: 31.0,
        available_kbps: 2400.0,
        sent_width: 1280,
        sent_height: 720,
        sent_fps: 30.0,
        received_width: 640,
        received_height: 360,
        received_fps: 29.0,
        freezes: (second / 100) as u32,
        frozen_seconds: (second / 100) as f32 * 0.5,
        path: Some("host".into()),
        screen: Some(ScreenStatistics::default()),
        ..ParticipantStatistics::default()
    }
}

/// An element of a page.
#[derive(Debug)]
struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    /// What it is in, from the outside.
    inside: Vec<String>,
    /// All that is written in it.
    text: String,
}

/// Reads a page, which brings all of itself along. By the rules of XML, which are stricter than a browser's: what is not closed,
/// quoted or escaped is an error.
fn read(page: &str) -> Vec<Element> {
    for foreign in
        ["<script", "<link", "<img", "src=", "href=", "url(", "http:", "https:", "@import", "onload"]
    {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert!(page.starts_with("<!DOCTYPE html>"));
    let (mut reader, mut open, mut elements) = (Reader::from_str(page), Vec::<usize>::new(), Vec::new());
    loop {
        let event = reader.read_event().unwrap();
        let said = match &event {
            XmlEvent::Start(tag) | XmlEvent::Empty(tag) => {
                let attributes = tag.attributes().map(|attribute| {
                    let attribute = attribute.unwrap();
                    (
                        attribute.key.0.to_owned(),
                        attribute.normalized_value(XmlVersion::Implicit1_0).unwrap().into_owned(),
                    )
                });
                let element = Element {
                    name: tag.name().0.to_owned(),
                    attributes: attributes.collect(),
                    inside: open
                        .iter()
                        .map(|at: &usize| -> String { Element::name(&elements, *at) })
                        .collect(),
                    text: String::new(),
                };
                elements.push(element);
                if matches!(event, XmlEvent::Start(_)) {
                    open.push(elements.len() - 1);
                }
                continue;
            }
            XmlEvent::End(_) => {
                open.pop();
                continue;
            }
            XmlEvent::Text(text) => text.html_content().into_owned(),
            XmlEvent::GeneralRef(named) => match named.html_content().as_ref() {
                "amp" => "&".into(),
                "lt" => "<".into(),
                "gt" => ">".into(),
                "quot" => "\"".into(),
                "#39" => "'".into(),
                other => panic!("&{other};"),
            },
            XmlEvent::Eof => break,
            _ => continue,
        };
        for at in &open {
            elements[*at].text += &said;
        }
    }
    assert!(open.is_empty(), "{open:?}");
    elements
}

impl Element {
    fn name(all: &[Self], at: usize) -> String {
        all[at].name.clone()
    }
}

fn texts<'a>(elements: &'a [Element], name: &str) -> Vec<&'a str> {
    elements.iter().filter(|one| one.name == name).map(|one| one.text.as_str()).collect()
}

#[test]
fn a_report_is_whole_in_itself_and_has_a_table_beside_each_plot() {
    let mut call = Call::new();
    call.comes("aaaa1111");
    (0..30).for_each(|_| call.measure(usual));
    let page = call.page(ReportWords::default());
    let elements = read(&page);
    let plots = elements.iter().filter(|one| one.name == "svg" && one.attributes.contains_key("aria-label"));
    let plots: Vec<_> = plots.collect();
    assert!(plots.iter().all(|plot| plot.attributes["role"] == "img"));
    let tables =
        elements.iter().filter(|one| one.name == "tbody" && one.inside.contains(&"figure".to_owned()));
    assert_eq!(
        (plots.len(), tables.count()),
        (13, 13),
        "eleven of the person, two of the computer: no screen"
    );
    assert_eq!(texts(&elements, "h2"), ["Person 1", "This computer", "What happened"]);
    // Pictures, sound, estimate: median and least.
    assert_eq!(texts(&elements, "td")[..6], ["1183", "1169", "32", "32", "2400", "2400"]);
    for said in ["Tincan 0.", "0:30", "2023-11-14 23:13", std::env::consts::ARCH] {
        assert!(page.contains(said), "{said}");
    }
    for secret in ["Augusta", "aaaa", "Mabel", "9000", "kqz4", "tincan://"] {
        assert!(!page.contains(secret), "{secret}");
    }
}

#[test]
fn a_call_in_which_nobody_came_has_a_report_too() {
    let call = Call::new();
    let page = call.page(ReportWords::default());
    read(&page);
    assert!(page.contains("Nobody else was there."), "{page}");
}

#[test]
fn ten_hours_of_seven_people_are_less_than_a_megabyte() {
    let mut call = Call::new();
    for id in ["a", "b", "c", "d", "e", "f", "g"] {
        call.comes(id);
    }
    let mut statistics = CallStatistics::default();
    for second in 0..36_000u64 {
        call.second = second;
        let wavering = |id: &str| {
            let wild = (second * 7_919 + u64::from(id.as_bytes()[0]) * 104_729) % 1_000;
            ParticipantStatistics {
                round_trip_ms: Some(wild as f32),
                sent_kbps: 500.0 + wild as f32,
                received_kbps: 700.0 + wild as f32 * 0.5,
                received_fps: wild as f32 / 33.0,
                sent_fps: wild as f32 / 34.0,
                loss_sent: wild as f32 / 50.0,
                jitter_ms: wild as f32 / 11.0,
                audio_buffer_ms: wild as f32 / 4.0,
                video_buffer_ms: wild as f32 / 3.0,
                decoding_ms: wild as f32 / 70.0,
                concealed: wild as f32 / 90.0,
                ..usual(second)
            }
        };
        for one in &call.view.participants {
            statistics.participants.insert(one.id.clone(), wavering(&one.id));
        }
        let event = Event::Statistics { statistics: statistics.clone() };
        call.hear(&event);
    }
    let history = call.reporter.history().unwrap();
    let one = size_of::<(u32, [series::Spread; history::FIGURES])>();
    let kept: usize = history.people.iter().map(|person| person.track.len() * one).sum();
    let page = call.page(ReportWords::default());
    assert!(kept < 1_000_000 && page.len() < 1_000_000, "{kept} kept, {} written", page.len());
    read(&page);
    assert!(page.contains("10:00:00") || page.contains("9:59:59"), "all of it is there");
}

#[test]
fn what_happens_is_entered_once_and_by_number() {
    let mut call = Call::new();
    call.comes("aaaa");
    // What is heard of them in the first moment is no change.
    call.is("aaaa", |one| one.microphone_on = false);
    call.measure(usual);
    call.measure(usual);
    call.comes("bbbb");
    call.is("aaaa", |one| one.connection = ConnectionView::Reconnecting);
    call.measure(usual);
    call.is("aaaa", |one| one.connection = ConnectionView::Connected);
    call.measure(|second| ParticipantStatistics { path: Some("relay".into()), ..usual(second) });
    call.is("bbbb", |one| one.streams[0].on = false);
    call.view.server_connected = false;
    call.shows();
    call.device(|preview| {
        preview.camera = works("Another");
        preview.microphone = SourceView { on: false, ..works("Mabel’s Cam 9000") };
        preview.speaker = works("Mabel’s Cam 9000");
    });
    call.view.participants.remove(0);
    call.shows();
    call.comes("aaaa");
    let expected = [
        ("report_came", Some(1)),
        ("report_path", Some(1)),
        ("report_came", Some(2)),
        ("report_lost", Some(1)),
        ("report_path", Some(2)),
        ("report_back", Some(1)),
        ("report_path", Some(1)),
        ("report_path", Some(2)),
        ("report_their_camera_off", Some(2)),
        ("report_server_away", None),
        ("report_camera_other", None),
        ("report_microphone_off", None),
        ("report_left", Some(1)),
        ("report_came", Some(1)),
    ];
    assert_eq!(call.entries(), expected);
    let page = call.page(ReportWords::default());
    assert!(page.contains("The path to person 1: through a relay"), "{page}");
}

#[test]
fn entries_are_bounded_and_so_are_people() {
    let mut call = Call::new();
    for number in 0..100 {
        call.comes(&format!("{number}"));
        call.is(&format!("{number}"), |one| one.connection = ConnectionView::Reconnecting);
        call.is(&format!("{number}"), |one| one.connection = ConnectionView::Connected);
    }
    for round in 0..400 {
        call.view.server_connected = round % 2 == 0;
        call.shows();
    }
    let history = call.reporter.history().unwrap();
    assert_eq!((history.people.len(), history.more_people), (24, 76));
    assert_eq!(history.entries.len(), 400);
    assert!(history.left_out > 0);
    read(&call.page(ReportWords::default()));
}

#[test]
fn a_pause_is_measured_as_nothing() {
    let mut call = Call::new();
    call.comes("a");
    (0..20).for_each(|_| call.measure(usual));
    call.is("a", |one| one.streams[0].on = false);
    (0..20).for_each(|_| call.measure(usual));
    let history = call.reporter.history().unwrap();
    let track = &history.people[0].track;
    assert_eq!(track.line(history::Figure::ReceivedRate as usize).len(), 20);
    assert_eq!(track.line(history::Figure::RoundTrip as usize).len(), 40);
}

#[test]
fn the_last_call_is_kept_until_the_next_one() {
    let mut call = Call::new();
    call.comes("a");
    call.measure(usual);
    call.hear(&Event::Call { call: None });
    // What still comes is of a call that is over.
    call.hear(&Event::Statistics { statistics: CallStatistics::default() });
    call.second = 500;
    assert!(call.page(ReportWords::default()).contains("<bdi>0:01</bdi>"), "it lasts no longer than it did");
    assert_eq!(call.reporter.history().unwrap().people.len(), 1);
    call.view.participants.clear();
    call.shows();
    assert_eq!(call.reporter.history().unwrap().people.len(), 0);
}

#[test]
fn it_is_written_in_the_windows_words_and_nothing_in_them_is_markup() {
    let mut call = Call::new();
    call.comes("a");
    call.measure(usual);
    let words = ReportWords {
        language: "ar".into(),
        right_to_left: true,
        words: [
            ("report_title".into(), "<script>\"&".into()),
            ("report_person".into(), "\u{2068}{number}\u{2069}".into()),
        ]
        .into(),
        ..ReportWords::default()
    };
    let page = call.page(words);
    let elements = read(&page);
    let html = elements.iter().find(|one| one.name == "html").unwrap();
    assert_eq!((html.attributes["dir"].as_str(), html.attributes["lang"].as_str()), ("rtl", "ar"));
    assert_eq!(texts(&elements, "h1"), ["<script>\"&"]);
    assert_eq!(texts(&elements, "h2")[0], "\u{2068}1\u{2069}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn hostile_figures_do_no_harm(figures in prop::collection::vec(any::<(f32, f32, u32)>(), 1..40)) {
        let mut call = Call::new();
        call.comes("a");
        for (one, two, count) in figures {
            call.measure(|_| ParticipantStatistics {
                round_trip_ms: Some(one),
                loss_sent: two,
                loss_received: -one,
                sent_kbps: one,
                sound_sent_kbps: two,
                received_kbps: two,
                available_kbps: one,
                sent_width: count,
                sent_height: count,
                sent_fps: one,
                received_width: count,
                received_height: 1,
                received_fps: two,
                freezes: count,
                frozen_seconds: one,
                concealed: two,
                path: Some("<script>".into()),
                ..ParticipantStatistics::default()
            });
        }
        let page = call.page(ReportWords::default());
        read(&page);
        for wrong in ["NaN", "inf", "-0"] {
            prop_assert!(!page.contains(wrong), "{}", wrong);
        }
    }
}
