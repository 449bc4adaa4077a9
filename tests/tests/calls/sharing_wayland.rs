//! Whole calls in which somebody shares on Wayland: the desktop asks what, and PipeWire carries the pictures.
#![cfg(target_os = "linux")]

use serde_json::Value;
use tincan_tests::participant::{Participant, Second, others, shows};
use tincan_tests::server::Server;
use tincan_tests::wayland::{Answer, Form, WaylandDesktop};
use tokio::process::Command;

fn shares(call: &Value) -> bool {
    others(call).iter().any(|other| shows(other, "screen"))
}

fn choosing(preview: &Value) -> bool {
    preview["share"]["choosing"] == true
}

/// How large Ada's screen is, and which of its pages is seen, once every letter of it can be read.
fn page(second: &Second<'_>) -> Option<(u64, u64, u64)> {
    let screen = second.screen_of("Ada");
    let letters = screen["legible"].as_array()?;
    let whole = letters[0] == letters[1] && letters[1].as_u64()? > 500;
    whole.then_some((screen["width"].as_u64()?, screen["height"].as_u64()?, screen["counter"].as_u64()?))
}

/// Ada on this desktop, in a call with Ben.
async fn ada_and_ben(desktop: &WaylandDesktop, server: &Server) -> (Participant, Participant) {
    let mut ada = Participant::start_by(desktop.tincan(), "Ada", &server.url(), &[]);
    let code = ada.code().await;
    let mut ben = Participant::start("Ben", &server.url(), &[&code]);
    ben.sees(&["Ada"]).await;
    (ada, ben)
}

/// Ada shares the desktop's screen, and Ben sees it.
async fn share(desktop: &mut WaylandDesktop, ada: &mut Participant, ben: &mut Participant) {
    ada.say("share portal").await;
    desktop.answer(Answer::Choose).await;
    ben.until("Ada's screen", shares).await;
    ben.second("a page of it", page).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_chosen_in_the_desktops_dialog_is_read_to_the_last_letter_and_follows_its_form() {
    let (server, mut desktop) = (Server::start().await, WaylandDesktop::start().await);
    let mut ada = Participant::start_by(desktop.tincan(), "Ada", &server.url(), &["--screen", "portal"]);
    let code = ada.code().await;
    let mut ben = Participant::start("Ben", &server.url(), &[&code]);
    ben.sees(&["Ada"]).await;
    // As long as the dialog is open nobody else hears of it.
    let answer = desktop.dialog().await;
    ada.preview_until("the word that somebody chooses", choosing).await;
    assert!(!shares(ben.call()));
    answer.send(Answer::Choose).unwrap();
    ben.until("Ada's screen", shares).await;
    ada.preview_until("its size", |preview| preview["share"]["width"] == 1_920 && !choosing(preview)).await;
    let (width, height, first) = ben.second("a page", page).await;
    assert_eq!((width, height), (1_920, 1_080));
    ben.second("another page", |second| page(second).filter(|(_, _, page)| *page > first)).await;

    // Sides that no codec has, the other order of colours, and rows with something behind them.
    desktop.change_screen(Form { width: 1_281, height: 723, red_first: true, padding: 124 });
    ben.second("another size", |second| page(second).filter(|page| (page.0, page.1) == (1_280, 722))).await;

    ada.say("stop sharing").await;
    ben.until("Ada's face alone", |call| !shares(call)).await;
    desktop.is_let_go().await;
    // It can be shared again.
    share(&mut desktop, &mut ada, &mut ben).await;
    desktop.stop_sharing().await;
    ada.notice("screen_ended_by_desktop").await;
    ben.until("Ada's face again", |call| !shares(call)).await;
    // And it ends with the call.
    share(&mut desktop, &mut ada, &mut ben).await;
    assert_eq!(ada.leave().await.0, Some(0));
    desktop.is_let_go().await;
    ben.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_is_chosen_nothing_is_shared_and_the_reason_is_told() {
    let (server, mut desktop) = (Server::start().await, WaylandDesktop::start().await);
    let (mut ada, mut ben) = ada_and_ben(&desktop, &server).await;
    for (answer, code) in [(Answer::Cancel, "screen_not_chosen"), (Answer::Forbid, "screen_refused")] {
        ada.say("share portal").await;
        desktop.answer(answer).await;
        ada.notice(code).await;
        ada.preview_until("that nothing is shared", |preview| preview["share"].is_null()).await;
    }
    // Whoever stops while the dialog is open closes it.
    ada.say("share portal").await;
    let _answer = desktop.dialog().await;
    ada.say("stop sharing").await;
    ada.preview_until("that nothing is shared", |preview| preview["share"].is_null()).await;
    desktop.is_let_go().await;
    // What other systems name is not to be named here.
    ada.say("share monitor").await;
    ada.notice("screen_only_by_dialog").await;
    assert!(!shares(ben.call()));
    share(&mut desktop, &mut ada, &mut ben).await;
    ada.leave().await;
    ben.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_dies_of_the_desktop_ends_the_share_for_everybody() {
    let server = Server::start().await;
    let mut desktop = WaylandDesktop::start().await;
    let (mut ada, mut ben) = ada_and_ben(&desktop, &server).await;
    share(&mut desktop, &mut ada, &mut ben).await;
    desktop.lose_portal().await;
    ada.notice("screen_lost").await;
    ben.until("Ada's face alone", |call| !shares(call)).await;
    ada.say("share portal").await;
    ada.notice("screen_no_portal").await;

    desktop.start_portal().await;
    share(&mut desktop, &mut ada, &mut ben).await;
    desktop.unplug_screen();
    ada.notice("screen_ended_by_desktop").await;
    ben.until("Ada's face alone", |call| !shares(call)).await;
    ada.leave().await;
    ben.leave().await;

    let mut desktop = WaylandDesktop::start().await;
    let (mut ada, mut ben) = ada_and_ben(&desktop, &server).await;
    share(&mut desktop, &mut ada, &mut ben).await;
    desktop.lose_pipewire().await;
    ada.notice("screen_lost").await;
    ben.until("Ada's face alone", |call| !shares(call)).await;
    ada.leave().await;
    ben.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_that_answers_nothing_is_told_after_a_while_and_given_up_at_once() {
    let (server, mut desktop) = (Server::start().await, WaylandDesktop::start().await);
    let (mut ada, ben) = ada_and_ben(&desktop, &server).await;
    desktop.freeze_portal().await;
    ada.say("share portal").await;
    ada.notice("screen_desktop_hangs").await;
    ada.say("share portal").await;
    ada.preview_until("the word that somebody chooses", choosing).await;
    ada.say("stop sharing").await;
    ada.preview_until("that nothing is shared", |preview| preview["share"].is_null()).await;
    // What hangs does not hold up the end.
    assert_eq!(ada.leave().await.0, Some(0));
    ben.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_names_the_dialog_alone_and_says_what_to_do_where_there_is_none() {
    let mut desktop = WaylandDesktop::start().await;
    let listed = async |mut command: Command| {
        command.arg("screens");
        let output = command.output().await.unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.success(), said)
    };
    let (fine, said) = listed(desktop.tincan()).await;
    assert!(fine && said.contains("portal  Choose a screen or window"), "{said}");
    desktop.lose_portal().await;
    let (fine, said) = listed(desktop.tincan()).await;
    assert!(!fine && said.contains("xdg-desktop-portal"), "{said}");
    assert!(said.contains("screen_no_portal"), "{said}");
}
