//! A call that is recorded: who is told of it, and what is in the file.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use tincan_media::video::{Rect, Stamp};
use tincan_tests::film::{self, SIZE};
use tincan_tests::participant::{Participant, others};
use tincan_tests::room::Room;
use tincan_tests::server::Server;

/// Pictures of a film that are looked at in a second.
const LOOKS: u32 = 4;
/// A tenth of a second in which somebody is heard.
const AUDIBLE: f32 = 0.01;
/// Somebody speaks for so many seconds.
const SPOKEN: u32 = 3;

/// Whether somebody says that they record.
fn records(call: &Value, name: &str) -> bool {
    others(call).iter().any(|other| other["name"] == name && other["records"] == true)
}

/// The places of three: two above, one below.
fn places() -> [Rect; 3] {
    let at = |x: f32, y: f32| Rect { x, y, width: 636.0, height: 356.0 };
    [at(0.0, 0.0), at(644.0, 0.0), at(322.0, 364.0)]
}

/// What the counters in these places were, one after the other.
fn counters(film: &Path, places: &[Rect]) -> Vec<Vec<u32>> {
    let pictures = film::pictures(film, LOOKS);
    let read = |place: &Rect| {
        let stamps = pictures.iter().filter_map(|luma| Stamp::read_luma(luma, SIZE.0, *place));
        let mut counters: Vec<u32> = stamps.map(|stamp| stamp.counter).collect();
        counters.dedup();
        counters
    };
    places.iter().map(read).collect()
}

async fn seconds(person: &mut Participant, count: u32) {
    for _ in 0..count {
        person.second("another second", |_| Some(())).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_told_of_a_recording_and_is_in_it_and_one_that_was_cut_off_plays() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, cut) = (folder.path().join("whole.mp4"), folder.path().join("cut.mp4"));
    let server = Server::start().await;
    let mut room = Room::open(&server.url(), "Ada").await;
    room.join("Ben");
    room.all_meet().await;
    for person in room.everybody() {
        person.say("mute").await;
    }
    let ada = room.person("Ada");
    ada.say(&format!("record {}", whole.display())).await;
    ada.until("a recording", |call| call["recording"].is_u64()).await;
    let began = Instant::now();
    room.person("Ben").until("the word that Ada records", |call| records(call, "Ada")).await;

    // Whoever comes later is told as well, and is in it.
    let mut cleo = room.newcomer("Cleo");
    cleo.until("the word that Ada records", |call| records(call, "Ada")).await;
    cleo.say("mute").await;
    cleo.sees(&["Ada", "Ben"]).await;
    room.enter("Cleo", cleo);
    room.person("Ada").sees(&["Ben", "Cleo"]).await;
    let mut spoken = Vec::new();
    for name in ["Ada", "Ben", "Cleo"] {
        room.person(name).say("unmute").await;
        let from = began.elapsed();
        seconds(room.person("Ada"), SPOKEN).await;
        room.person(name).say("mute").await;
        spoken.push((name, from, began.elapsed()));
        seconds(room.person("Ada"), 1).await;
    }
    let ada = room.person("Ada");
    ada.say("stop recording").await;
    ada.notice("recorded").await;
    room.person("Ben").until("the word that nobody records", |call| !records(call, "Ada")).await;
    let took = began.elapsed().as_secs_f64();

    let ada = room.person("Ada");
    ada.say(&format!("record {}", cut.display())).await;
    ada.until("another recording", |call| call["recording"].is_u64()).await;
    seconds(ada, 4).await;
    room.take("Ada").crash().await;
    room.close().await;

    let sizes = film::sizes(&whole);
    assert!(sizes.iter().all(|(_, size)| (size.0 as usize, size.1 as usize) == SIZE));
    let length = film::seconds(&whole);
    assert!((length - took).abs() < 2.0, "{length} s of {took}");
    let seen = counters(&whole, &places());
    assert!(seen.iter().all(|counters| counters.len() > 8), "everybody moves: {seen:?}");
    let loudness = film::loudness(&whole);
    let loud = |from: Duration, until: Duration| {
        let tenth = |at: Duration| (at.as_millis() / 100) as usize;
        let part = loudness.get(tenth(from)..tenth(until).min(loudness.len())).unwrap_or_default();
        part.iter().filter(|loud| **loud > AUDIBLE).count()
    };
    let within = Duration::from_millis(700);
    for (name, from, until) in &spoken {
        assert!(loud(*from, *until + within) > 4, "{name} is heard: {loudness:?}");
    }
    // Between two who speak everybody is muted.
    for pair in spoken.windows(2) {
        let quiet = loud(pair[0].2 + within, pair[1].1);
        assert!(quiet < 2, "nobody speaks between {} and {}: {loudness:?}", pair[0].0, pair[1].0);
    }

    assert!(film::seconds(&cut) > 2.0, "{} s were written before the crash", film::seconds(&cut));
    let seen = counters(&cut, &places());
    assert!(seen.iter().all(|counters| counters.len() > 4), "everybody moves: {seen:?}");
}
