//! Games between programs whose paths are slow, waver and lose.

use std::collections::BTreeSet;

use tincan_engine::api::{GamePhase, GamesView};
use tincan_tests::participant::Participant;

use super::{SERVER, internet, three_on_wifi};

/// Nobody looks or listens here.
const STILL: [&str; 4] = ["--camera", "none", "--microphone", "none"];
/// Two such links make a path: 150 ms one way, one packet in twenty lost.
const BAD: &str = "both delay=75ms jitter=8ms loss=2.5%";

fn round(games: &GamesView) -> u32 {
    games.game.as_ref().map_or(0, |game| game.round)
}

fn host(games: &GamesView) -> Option<String> {
    games.game.as_ref().map(|game| game.host.clone())
}

fn is_between(games: &GamesView) -> bool {
    games.game.as_ref().is_some_and(|game| game.phase != GamePhase::Round)
}

/// Every tick that two have both fixed came out the same: each hash is over all ticks before it. Says how many were compared.
fn same(one: &mut Participant, other: &mut Participant) -> usize {
    let (one, other) = (one.rounds().clone(), other.rounds().clone());
    let both: BTreeSet<_> = one.keys().filter(|key| other.contains_key(key)).copied().collect();
    for key in &both {
        assert_eq!(one[key], other[key], "round and tick {key:?}");
    }
    both.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn three_play_over_bad_links_and_go_on_when_the_host_leaves() {
    let internet = internet();
    let (machines, mut links) = three_on_wifi(&internet).await;
    let (_server, url) = internet.serve(SERVER, &[]).await;
    let start = |at: usize, name: &str, code: Option<&str>| {
        let bot = format!("bot:{}", at + 1);
        let arguments: Vec<&str> = code.into_iter().chain(STILL).chain(["--play", &bot]).collect();
        machines[at].call(name, &url, &arguments)
    };
    let mut ada = start(0, "Ada", None);
    let code = ada.code().await;
    let mut ben = start(1, "Ben", Some(&code));
    let mut cyd = start(2, "Cyd", Some(&code));
    for link in &mut links {
        link.set(BAD).await;
    }

    ada.say("game offer").await;
    let seated = |games: &GamesView| games.game.as_ref().is_some_and(|game| game.players.len() == 3);
    ada.games_until("three at the table", seated).await;
    ada.say("game start").await;
    for person in [&mut ada, &mut ben, &mut cyd] {
        person.games_until("a whole round", |games| round(games) >= 1 && is_between(games)).await;
    }
    let compared = [same(&mut ada, &mut ben), same(&mut ada, &mut cyd), same(&mut ben, &mut cyd)];
    println!("hashes compared: {compared:?}");
    assert!(compared.iter().all(|compared| *compared > 3), "{compared:?}");
    for person in [&mut ada, &mut ben, &mut cyd] {
        let (moved, stood) = person.own_head();
        println!("the own head moved in {moved} frames and stood in {stood}");
        assert!(moved > 100 && stood * 10 < moved, "{moved} {stood}");
    }

    // The host leaves the call in the middle of a round, which the other two play to its end.
    let begun = ben.games_until("the next round", |games| !is_between(games)).await;
    ada.leave().await;
    let before = host(&begun);
    for person in [&mut ben, &mut cyd] {
        let over = |games: &GamesView| host(games) != before && is_between(games);
        person.games_until("a round that another host ended", over).await;
    }
    assert_eq!(host(ben.games()), host(cyd.games()));
    assert!([&ben.games().me.clone(), &cyd.games().me.clone()].contains(&&host(ben.games()).unwrap()));
    let ends = [&mut ben, &mut cyd].map(|person| {
        person.rounds().keys().rfind(|(number, _)| *number == round(&begun)).copied().expect("a fixed tick")
    });
    assert_eq!(ends[0], ends[1], "the round's last tick");
    println!("hashes compared in the end: {}", same(&mut ben, &mut cyd));
    ben.leave().await;
    cyd.leave().await;
}
