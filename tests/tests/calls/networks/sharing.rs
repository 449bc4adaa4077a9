//! A screen that is shared over links that are narrow, or away for a while.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tincan_tests::network::{Link, Machine};
use tincan_tests::numbers::percentile;
use tincan_tests::page::{Easel, Page, words_in};
use tincan_tests::participant::{Participant, others, shows};
use tincan_tests::process::{Process, binary};
use tincan_tests::window::Screen;

use super::{SERVER, connected, internet};

/// Ada behind a link that can be bad, with a screen; Ben beside the server. Dropped from the top: programs before their
/// machines.
struct Place {
    ada: Participant,
    ben: Participant,
    easel: Easel,
    _screen: Screen,
    link: Link,
    _server: Process,
    _machines: [Machine; 3],
}

impl Place {
    /// A call over a link of these conditions.
    async fn new(conditions: &str) -> Self {
        let (internet, adas, bens) = (internet(), Machine::new(), Machine::new());
        let mut link = Link::lay((&adas, "wifi"), (&internet, "to-ada"), 1).await;
        adas.addresses("wifi", &["198.51.100.2/24"]);
        adas.ip("route add default via 198.51.100.1");
        internet.addresses("to-ada", &["198.51.100.1/24"]);
        bens.cable(("cable", &["192.0.2.2/24"]), &internet, ("to-ben", &["192.0.2.1/24"]));
        bens.ip("route add default via 192.0.2.1");
        let (server, url) = internet.serve(SERVER, &[]).await;
        link.set(conditions).await;

        let screen = Easel::screen().await;
        let easel = Easel::on(&screen);
        let mut command = adas.command("env");
        command.args(["-u", "WAYLAND_DISPLAY", &format!("DISPLAY={}", screen.name())]).arg(binary("tincan"));
        let mut ada = Participant::start_by(command, "Ada", &url, &["--camera", "none"]);
        let code = ada.code().await;
        let mut ben = bens.call("Ben", &url, &[&code, "--camera", "none", "--every-stamp"]);
        ada.until("connection", connected).await;
        ben.until("connection", connected).await;
        Self { ada, ben, easel, _screen: screen, link, _server: server, _machines: [internet, adas, bens] }
    }

    async fn leave(self) {
        self.ben.leave().await;
        self.ada.leave().await;
    }
}

fn shares(call: &Value, name: &str) -> bool {
    others(call).iter().any(|other| other["name"] == name && shows(other, "screen"))
}

/// Turns so many pages of prose over a link of that rate, and reads them as soon as that after each was turned.
async fn pages_are_read_after(conditions: &str, count: u32, patience: Duration) {
    let mut place = Place::new(conditions).await;
    let pages: Vec<Page> = (1..=count).map(Page::of).collect();
    place.easel.show(&pages[0]);
    place.ada.say("share monitor").await;
    place.ben.until("Ada's screen", |call| shares(call, "Ada")).await;
    place.ben.second("a picture of it", |second| second.screen_of("Ada")["width"].as_u64()).await;
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("seen.png");
    for (number, page) in pages.iter().enumerate() {
        let words = page.words();
        assert!(words.len() > 500, "a page has more words than {}", words.len());
        place.easel.show(page);
        let turned = Instant::now();
        // Whoever shares turns the next page when they have spoken about this one.
        while turned.elapsed() < patience {
            place.ada.another_word().await;
        }
        place.ben.save_screen(&picture).await;
        let read = words_in(&picture);
        // What OCR itself cannot read is no fault of the picture: the page as it was drawn is read in the same way. Nor is what
        // it sees beside the words, as a pointer or an edge: all of them are there, in their order.
        let mut right = 0;
        for word in &read {
            right += usize::from(words.get(right) == Some(word));
        }
        println!("{conditions}: {right} of {} words of page {number}", words.len());
        assert_eq!(right, words.len(), "page {number}: {read:?}");
    }
    place.leave().await;
}

/// Turns pages over a link of that rate; how long each took until it was seen, in milliseconds.
async fn pages_turned_over(conditions: &str, count: u32) -> Vec<f64> {
    const STANDS: Duration = Duration::from_millis(1_500);
    let pages: Vec<Page> = (1..=count).map(Page::of).collect();
    let mut place = Place::new(conditions).await;
    place.ada.say("share monitor").await;
    place.ben.until("Ada's screen", |call| shares(call, "Ada")).await;
    let micros = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64;
    let mut took = Vec::new();
    for (number, page) in (1..).zip(&pages) {
        let turned = (Instant::now(), micros());
        place.easel.show(page);
        let seen = place.ben.second("the page", |second| {
            let seen = second.screen_of("Ada")["seen"].as_array()?;
            seen.iter().find(|one| one[0] == number).and_then(|one| one[1].as_u64())
        });
        took.push(seen.await.saturating_sub(turned.1) as f64 / 1e3);
        while turned.0.elapsed() < STANDS {
            place.ada.another_word().await;
        }
    }
    place.leave().await;
    // The first comes before the path is known.
    took.split_off(3)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute: cargo xtask test --all"]
async fn a_page_that_is_turned_is_seen_within_a_quarter_of_a_second_over_1500_kbit() {
    let took = pages_turned_over("both rate=1500kbit delay=20ms", 24).await;
    let (median, late) = (percentile(took.clone(), 0.5), percentile(took, 0.95));
    println!("pages were seen after {median:.0} ms, 95 of 100 within {late:.0}");
    assert!(late < 250.0, "{late} ms");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute: cargo xtask test --all"]
async fn a_page_is_read_to_the_last_letter_a_second_after_it_was_turned_over_1_mbit() {
    pages_are_read_after("both rate=1000kbit delay=20ms", 4, Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes half a minute: cargo xtask test --all"]
async fn a_page_is_read_to_the_last_letter_three_seconds_after_it_was_turned_over_300_kbit() {
    pages_are_read_after("both rate=300kbit delay=20ms", 2, Duration::from_secs(3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_goes_on_where_it_was_when_the_path_was_cut() {
    let mut place = Place::new("both").await;
    place.ada.say("share test-text").await;
    let counter =
        |second: &tincan_tests::participant::Second<'_>| second.screen_of("Ada")["counter"].as_u64();
    let before = place.ben.second("a page", counter).await;
    place.link.set("both cut").await;
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(5) {
        place.ada.another_word().await;
    }
    place.link.set("both").await;
    let over = Instant::now();
    place.ben.second("a page of now", |second| counter(second).filter(|now| *now > before + 60)).await;
    let back = over.elapsed();
    println!("the screen was back {back:?} after the path");
    assert!(back < Duration::from_secs(6), "{back:?}");
    // It is stopped while the path is away: both know when it is back.
    place.link.set("both cut").await;
    place.ada.say("stop sharing").await;
    place.ada.preview_until("nothing shared", |preview| preview["share"].is_null()).await;
    place.link.set("both").await;
    place.ben.until("nothing shared", |call| !shares(call, "Ada")).await;
    place.leave().await;
}
