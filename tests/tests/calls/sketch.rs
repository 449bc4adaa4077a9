//! Draw and guess between programs: they draw, guess and count, and go on when whoever hosts the game leaves.

use std::collections::BTreeMap;

use tincan_engine::api::{GamesView, SketchPhase, SketchView};
use tincan_tests::participant::Participant;
use tincan_tests::server::Server;

/// Nobody looks or listens here.
const STILL: [&str; 4] = ["--camera", "none", "--microphone", "none"];

fn start(name: &str, url: &str, code: Option<&str>, bot: &str) -> Participant {
    let arguments: Vec<&str> = code.into_iter().chain(STILL).chain(["--play", bot]).collect();
    Participant::start(name, url, &arguments)
}

fn sketch(games: &GamesView) -> &SketchView {
    games.sketch.as_ref().expect("they are in a game")
}

fn scores(game: &SketchView) -> BTreeMap<String, u32> {
    game.players.iter().map(|player| (player.peer.clone(), player.score)).collect()
}

fn phase(games: &GamesView) -> Option<SketchPhase> {
    games.sketch.as_ref().map(|game| game.phase)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute: cargo xtask test --all"]
async fn three_programs_play_to_the_end_though_the_host_leaves_and_nobody_loses_a_point() {
    let server = Server::start().await;
    let url = server.url();
    let mut ada = start("Ada", &url, None, "bot:1");
    let code = ada.code().await;
    let mut ben = start("Ben", &url, Some(&code), "bot:2");
    let mut cyd = start("Cyd", &url, Some(&code), "bot:3");

    ada.say("game offer draw en 2 20").await;
    let seated = |games: &GamesView| games.sketch.as_ref().is_some_and(|game| game.players.len() == 3);
    ada.games_until("three at the table", seated).await;
    ada.say("game start").await;

    // Somebody has guessed a word, and all have the same of it.
    let counted = |games: &GamesView| {
        let game =
            games.sketch.as_ref().filter(|game| game.phase == SketchPhase::Pause && game.word.is_some());
        game.is_some_and(|game| game.players.iter().any(|player| player.gained > 0))
    };
    let after = sketch(&ada.games_until("a turn that was counted", counted).await).clone();
    for person in [&mut ben, &mut cyd] {
        let same = |games: &GamesView| counted(games) && scores(sketch(games)) == scores(&after);
        let theirs = person.games_until("the same points", same).await;
        assert_eq!(sketch(&theirs).word, after.word);
        assert!(sketch(&theirs).fair);
    }
    ada.leave().await;

    // Another hosts it now, and each still has what they had.
    let me = |person: &mut Participant| person.games().me.clone();
    let ids = [me(&mut ben), me(&mut cyd)];
    for person in [&mut ben, &mut cyd] {
        let goes_on = |games: &GamesView| {
            games.sketch.as_ref().is_some_and(|game| ids.contains(&game.host) && game.players.len() == 2)
        };
        let games = person.games_until("another host", goes_on).await;
        for id in &ids {
            assert!(scores(sketch(&games))[id] >= scores(&after)[id]);
        }
    }
    let over = |games: &GamesView| phase(games) == Some(SketchPhase::Over);
    let ends = sketch(&ben.games_until("the end", over).await).clone();
    let theirs = cyd.games_until("the end", over).await;
    assert_eq!(scores(sketch(&theirs)), scores(&ends));
    assert_eq!(ends.round, 2);
    for person in [&mut ben, &mut cyd] {
        let (finished, grew) = person.strokes();
        println!("{finished} strokes were finished, and grew {grew} times before");
        assert!(finished >= 4 && grew > 4 * finished, "{finished} {grew}");
    }

    for person in [ben, cyd] {
        person.leave().await;
    }
}
