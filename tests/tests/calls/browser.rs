//! A browser as the other side: Chromium with a page that knows Tincan only from docs/protocol.md.

use serde_json::{Value, json};
use tincan_tests::browser::{Browser, CAMERA, CLIP_FRAMES, Clips, node};
use tincan_tests::clips;
use tincan_tests::participant::{Participant, other, shows};
use tincan_tests::process::Process;
use tincan_tests::room::Room;
use tincan_tests::server::Server;

fn connected(call: &Value) -> bool {
    call["phase"] == "connected"
}

/// A call that Tincan starts and the browser joins. The newcomer makes the first offer.
async fn browser_joins(
    server: &Server,
    clips: &Clips,
    tincan: &[&str],
    options: Value,
) -> (Participant, Browser) {
    let mut ada = Participant::start("Ada", &server.url(), tincan);
    let code = ada.code().await;
    let mut guest = Browser::start(clips).await;
    guest.join(&server.url(), Some(&code), options).await;
    both_connected(&mut ada, &mut guest).await;
    (ada, guest)
}

/// A call that the browser starts and Tincan joins.
async fn tincan_joins(
    server: &Server,
    clips: &Clips,
    tincan: &[&str],
    options: Value,
) -> (Participant, Browser) {
    let mut guest = Browser::start(clips).await;
    guest.join(&server.url(), None, options).await;
    let code = guest.page()["code"].as_str().unwrap().to_owned();
    let mut arguments = vec![code.as_str()];
    arguments.extend(tincan);
    let mut ada = Participant::start("Ada", &server.url(), &arguments);
    both_connected(&mut ada, &mut guest).await;
    (ada, guest)
}

async fn both_connected(ada: &mut Participant, guest: &mut Browser) {
    guest.until("connection", connected).await;
    ada.until("connection", connected).await;
}

/// Pictures move on both sides.
async fn pictures_move(ada: &mut Participant, guest: &mut Browser) {
    let seen = ada.counter().await;
    ada.another_counter(seen).await;
    let seen = guest.second_until("a counter in the page", |second| second["stamp"].is_object()).await;
    let moved = |second: &Value| second["stamp"].is_object() && second["stamp"] != seen["stamp"];
    guest.second_until("a moving counter in the page", moved).await;
}

/// Both know each other's names and compare the same number.
async fn know_each_other(ada: &mut Participant, guest: &mut Browser) {
    ada.until("the guest's name", |call| other(call)["name"] == "Guest").await;
    guest.until("Ada's name", |page| page["other"]["name"] == "Ada").await;
    ada.until("what is compared aloud", |call| call["safety"]["digits"].is_string()).await;
    guest.until("what is compared aloud", |page| page["safety"].is_object()).await;
    assert_eq!(ada.call()["safety"], guest.page()["safety"], "both compare the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documents_test_vectors_are_what_another_implementation_computes() {
    let (code, said) = Process::start("the vectors", node("vectors.js")).end().await;
    assert_eq!(code, Some(0), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tincan_starts_a_call_and_the_browser_joins_with_an_offer() {
    let (server, clips) = (Server::start().await, Clips::make());
    let (mut ada, mut guest) = browser_joins(&server, &clips, &[], json!({})).await;
    assert_eq!(guest.page()["other"]["negotiated"]["ours"], true, "the browser offered");
    know_each_other(&mut ada, &mut guest).await;
    pictures_move(&mut ada, &mut guest).await;
    let code = the_code_for_the_next_call(&mut guest).await;
    let (_, said) = ada.leave().await;
    is_told_at_the_end(&said, &code);
    guest.until("an empty room", |page| page["phase"] == "alone").await;
    guest.close().await;
}

/// Which both agreed on.
async fn the_code_for_the_next_call(guest: &mut Browser) -> String {
    guest.until("a code for the next call", |page| page["again"].is_string()).await;
    guest.page()["again"].as_str().unwrap().to_owned()
}

/// What Tincan says when the call is over.
fn is_told_at_the_end(said: &[String], code: &str) {
    assert_eq!(code.len(), 20, "{code}");
    let lines = said.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let last =
        lines.filter_map(|line| line["event"]["summary"]["code"].as_str().map(str::to_owned)).next_back();
    assert_eq!(last.map(|code| code.replace('-', "")).as_deref(), Some(code));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_browser_starts_a_call_and_tincan_joins_with_an_offer() {
    let (server, clips) = (Server::start().await, Clips::make());
    let (mut ada, mut guest) = tincan_joins(&server, &clips, &[], json!({})).await;
    assert_eq!(guest.page()["other"]["negotiated"]["ours"], false, "Tincan offered");
    know_each_other(&mut ada, &mut guest).await;
    pictures_move(&mut ada, &mut guest).await;
    let code = the_code_for_the_next_call(&mut guest).await;
    guest.say(json!({ "command": "leave" })).await;
    ada.until("an empty room", |call| call["phase"] == "alone").await;
    let (_, said) = ada.leave().await;
    is_told_at_the_end(&said, &code);
    guest.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_browsers_picture_and_sound_arrive_at_tincan_as_its_clips_say() {
    let (server, clips) = (Server::start().await, Clips::make());
    let heard = clips.file("heard.wav");
    let speaker = format!("file:{}", heard.display());
    let (mut ada, guest) = browser_joins(&server, &clips, &["--speaker", &speaker], json!({})).await;
    // On a busy machine Chromium may begin with smaller ones.
    let whole = |picture: &Value| picture["counter"].is_u64() && picture["width"] == CAMERA.width;
    let mut last = Value::Null;
    for _ in 0..8 {
        let another = |picture: &Value| whole(picture) && picture["counter"] != last["counter"];
        let picture = ada.picture_until("another picture", another).await;
        assert_eq!(picture["height"], CAMERA.height);
        is_of_the_clip(&picture);
        last = picture;
    }
    ada.leave().await;
    guest.close().await;
    let likeness = clips::likeness(&clips.microphone(), &heard);
    assert!(likeness > 0.8, "what was heard is like what was said only by {likeness}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tincans_picture_and_sound_arrive_at_the_browser_as_its_clips_say() {
    let (server, clips) = (Server::start().await, Clips::make());
    let camera = format!("file:{}", clips.camera().display());
    let microphone = format!("file:{}", clips.microphone().display());
    let devices = ["--camera", &camera, "--microphone", &microphone];
    let (ada, mut guest) = tincan_joins(&server, &clips, &devices, json!({})).await;
    let video = |second: &Value| second["statistics"]["inbound-rtp video"].clone();
    let sound = |second: &Value, name: &str| {
        second["statistics"]["inbound-rtp audio"][name].as_f64().unwrap_or_default()
    };
    // Three seconds in a row without a freeze and with hardly any sound made up, on a machine that may be busy before.
    let (mut fluent, mut first, mut before) = (0, Value::Null, Value::Null);
    while fluent < 3 {
        let now = guest.second_until("a stamped picture", |second| second["stamp"].is_object()).await;
        is_of_the_clip(&now["stamp"]);
        let rise = |name: &str| sound(&now, name) - sound(&before, name);
        let fast = video(&now)["framesPerSecond"].as_f64() > Some(25.0);
        let froze = video(&now)["freezeCount"] != video(&before)["freezeCount"];
        let concealed = rise("concealedSamples") - rise("silentConcealedSamples");
        let whole = concealed < 0.05 * rise("totalSamplesReceived");
        if fast && whole && !froze && now["stamp"] != before["stamp"] {
            fluent += 1;
        } else {
            (fluent, first) = (0, now.clone());
        }
        before = now;
    }
    assert_eq!(video(&before)["frameHeight"], CAMERA.height);
    // The clip's mean square is 0.006, breaths included.
    let rise = |name: &str| sound(&before, name) - sound(&first, name);
    let (energy, seconds) = (rise("totalAudioEnergy"), rise("totalSamplesDuration"));
    assert!(energy > 0.001 * seconds, "a mean square of {} was heard", energy / seconds);
    ada.leave().await;
    guest.close().await;
}

/// What is stamped into a picture is a counter and the time at which the clip shows it.
fn is_of_the_clip(stamp: &Value) {
    let counter = stamp["counter"].as_u64().unwrap();
    assert!(counter < u64::from(CLIP_FRAMES), "the clip has no picture {counter}");
    assert_eq!(stamp["micros"], counter * 33_333);
}

/// Whether the other one sends sound, and pictures.
fn sends(call: &Value) -> (bool, bool) {
    (other(call)["microphoneOn"] == true, shows(other(call), "camera"))
}

#[tokio::test(flavor = "multi_thread")]
async fn mute_and_camera_off_are_shown_at_the_other_side_in_both_directions() {
    let (server, clips) = (Server::start().await, Clips::make());
    let (mut ada, mut guest) = browser_joins(&server, &clips, &[], json!({})).await;
    ada.until("the guest's sound and pictures", |call| sends(call) == (true, true)).await;
    for field in ["microphoneOn", "cameraOn"] {
        guest.until(field, |page| page["other"][field] == true).await;
    }
    for on in [false, true] {
        guest.say(json!({ "command": "microphone", "on": on })).await;
        ada.until("the guest's microphone", |call| sends(call).0 == on).await;
        guest.say(json!({ "command": "camera", "on": on })).await;
        ada.until("the guest's camera", |call| sends(call).1 == on).await;
        ada.say(if on { "unmute" } else { "mute" }).await;
        guest.until("Ada's microphone", |page| page["other"]["microphoneOn"] == on).await;
        ada.say(if on { "camera on" } else { "camera off" }).await;
        guest.until("Ada's camera", |page| page["other"]["cameraOn"] == on).await;
    }
    pictures_move(&mut ada, &mut guest).await;
    ada.leave().await;
    guest.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_side_asks_the_other_for_a_keyframe_and_gets_one() {
    let (server, clips) = (Server::start().await, Clips::make());
    let (mut ada, mut guest) = browser_joins(&server, &clips, &[], json!({ "watchFrames": true })).await;
    pictures_move(&mut ada, &mut guest).await;
    let count = |second: &Value, stream: &str, name: &str| {
        second["statistics"][format!("{stream}-rtp video")][name].as_u64().unwrap_or(0)
    };

    let before =
        guest.second_until("statistics", |second| count(second, "inbound", "framesDecoded") > 0).await;
    guest.say(json!({ "command": "requestKeyframe" })).await;
    guest
        .second_until("a request and its keyframe", |now| {
            ["pliCount", "keyFramesDecoded"]
                .iter()
                .all(|name| count(now, "inbound", name) > count(&before, "inbound", name))
        })
        .await;

    guest.say(json!({ "command": "damagePicture" })).await;
    guest
        .second_until("Tincan's request and its keyframe", |now| {
            ["pliCount", "keyFramesEncoded"]
                .iter()
                .all(|name| count(now, "outbound", name) > count(&before, "outbound", name))
        })
        .await;
    pictures_move(&mut ada, &mut guest).await;
    ada.leave().await;
    guest.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_loaded_again_leaves_and_can_join_again() {
    let (server, clips) = (Server::start().await, Clips::make());
    let (mut ada, mut guest) = browser_joins(&server, &clips, &[], json!({})).await;
    let code = guest.page()["code"].as_str().unwrap().to_owned();
    guest.reload().await;
    ada.until("an empty room", |call| call["phase"] == "alone").await;
    guest.join(&server.url(), Some(&code), json!({})).await;
    both_connected(&mut ada, &mut guest).await;
    know_each_other(&mut ada, &mut guest).await;
    pictures_move(&mut ada, &mut guest).await;
    ada.leave().await;
    guest.close().await;
}

/// The ICE credentials that are in use change; the connection does not.
async fn restarts(ada: &mut Participant, guest: &mut Browser, by: Value) {
    let fragment = |second: &Value| second["statistics"]["transport"]["iceLocalUsernameFragment"].clone();
    let before = guest.second_until("statistics", |second| fragment(second).is_string()).await;
    if by["command"] == "cut" {
        guest.cut().await;
    } else {
        guest.say(by).await;
    }
    let over = |now: &Value| {
        fragment(now) != fragment(&before) && now["statistics"]["transport"]["dtlsState"] == "connected"
    };
    guest.second_until("other credentials", over).await;
    guest.until("a second offer and answer", |page| page["other"]["exchanges"] == 2).await;
    both_connected(ada, guest).await;
    pictures_move(ada, guest).await;
    assert_eq!(guest.page()["other"]["connection"], 1, "it is the connection that was there before");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ice_restart_of_the_browser_keeps_the_call() {
    let (server, clips) = (Server::start().await, Clips::make());
    let (mut ada, mut guest) = tincan_joins(&server, &clips, &[], json!({})).await;
    pictures_move(&mut ada, &mut guest).await;
    restarts(&mut ada, &mut guest, json!({ "command": "restartIce" })).await;
    assert_eq!(guest.page()["other"]["negotiated"]["ours"], true, "the browser restarted");
    ada.leave().await;
    guest.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ice_restart_of_tincan_keeps_the_call_when_its_path_breaks() {
    let (server, clips) = (Server::start().await, Clips::make());
    let on_the_way = json!({ "lossEvery": 1_000_000 });
    let (mut ada, mut guest) = browser_joins(&server, &clips, &[], on_the_way).await;
    pictures_move(&mut ada, &mut guest).await;
    restarts(&mut ada, &mut guest, json!({ "command": "cut" })).await;
    assert_eq!(guest.page()["other"]["negotiated"]["ours"], false, "Tincan restarted");
    ada.leave().await;
    guest.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_packets_are_sent_again_on_streams_of_their_own_in_both_directions() {
    let (server, clips) = (Server::start().await, Clips::make());
    let (mut ada, mut guest) = browser_joins(&server, &clips, &[], json!({ "lossEvery": 25 })).await;
    let repaired = |second: &Value| {
        let (sent, received) =
            (&second["statistics"]["outbound-rtp video"], &second["statistics"]["inbound-rtp video"]);
        let count = |stream: &Value, name: &str| stream[name].as_u64() > Some(10);
        // By the packets' SSRC: these are statistics of what came or went as RTX (RFC 4588).
        sent["rtxSsrc"].is_u64()
            && received["rtxSsrc"].is_u64()
            && count(sent, "retransmittedPacketsSent")
            && count(received, "retransmittedPacketsReceived")
    };
    guest.second_until("retransmissions both ways", repaired).await;
    ada.seconds_until("loss", |one| one["lossReceived"].as_f64() > Some(1.0)).await;
    pictures_move(&mut ada, &mut guest).await;
    ada.leave().await;
    guest.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_negotiated_as_browsers_expect_whoever_offers() {
    let (server, clips) = (Server::start().await, Clips::make());
    for tincan_offers in [true, false] {
        let (ada, mut guest) = if tincan_offers {
            tincan_joins(&server, &clips, &[], json!({})).await
        } else {
            browser_joins(&server, &clips, &[], json!({})).await
        };
        let negotiated = &guest.page()["other"]["negotiated"];
        let kind = if tincan_offers { "offer" } else { "answer" };
        is_as_browsers_expect(negotiated[kind].as_str().unwrap());
        let second = guest
            .second_until("streams both ways", |second| {
                let names =
                    ["inbound-rtp video", "outbound-rtp video", "inbound-rtp audio", "outbound-rtp audio"];
                names.iter().all(|name| second["statistics"][name]["codec"].is_string())
            })
            .await;
        for stream in ["inbound", "outbound"] {
            let codec =
                |kind: &str| second["statistics"][format!("{stream}-rtp {kind}")]["codec"].to_string();
            assert!(codec("audio").contains("audio/opus"), "{}", codec("audio"));
            assert!(codec("video").contains("video/H264"), "{}", codec("video"));
            assert!(
                codec("video").contains("packetization-mode=1;profile-level-id=42e01f"),
                "{}",
                codec("video")
            );
        }
        ada.leave().await;
        guest.close().await;
    }
}

/// What Tincan says about itself in an offer or answer.
fn is_as_browsers_expect(sdp: &str) {
    let sections: Vec<&str> = sdp.split("\r\nm=").collect();
    let [session, audio, video, screen, screen_sound, data] = sections.as_slice() else {
        panic!("five media sections: {sdp}")
    };
    assert!(session.contains("a=group:BUNDLE 0 1 2 3 4"), "{session}");
    // Payload types are the offerer's.
    let payload_type = |section: &str, codec: &str| {
        let line = section.lines().find(|line| line.starts_with("a=rtpmap:") && line.ends_with(codec));
        let line = line.unwrap_or_else(|| panic!("no {codec} in {section}"));
        line["a=rtpmap:".len()..].split(' ').next().unwrap().to_owned()
    };
    let has = |section: &str, wanted: &[String]| {
        for line in wanted {
            assert!(section.lines().any(|one| one.starts_with(line.as_str())), "no {line} in {section}");
        }
    };
    for sound in [audio, screen_sound] {
        let opus = payload_type(sound, "opus/48000/2");
        has(sound, &[format!("audio 9 UDP/TLS/RTP/SAVPF {opus}"), format!("a=rtcp-fb:{opus} transport-cc")]);
        has(sound, &[format!("a=fmtp:{opus} minptime=10;useinbandfec=1")]);
    }
    for pictures in [video, screen] {
        let (h264, rtx) = (payload_type(pictures, "H264/90000"), payload_type(pictures, "rtx/90000"));
        has(
            pictures,
            &[format!("video 9 UDP/TLS/RTP/SAVPF {h264} {rtx}"), format!("a=fmtp:{rtx} apt={h264}")],
        );
        let profile = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
        has(pictures, &[format!("a=fmtp:{h264} {profile}"), "a=ssrc-group:FID ".to_owned()]);
        let feedback = ["transport-cc", "nack", "nack pli", "ccm fir"];
        has(pictures, &feedback.map(|kind| format!("a=rtcp-fb:{h264} {kind}")));
    }
    has(data, &["application 9 UDP/DTLS/SCTP webrtc-datachannel".to_owned(), "a=sctp-port:5000".to_owned()]);
    let mid = "urn:ietf:params:rtp-hdrext:sdes:mid";
    let arrival = "draft-holmer-rmcat-transport-wide-cc-extensions-01";
    for (section, extensions) in [
        (audio, vec![mid, arrival, "rtp-hdrext:ssrc-audio-level"]),
        (video, vec![mid, arrival]),
        (screen, vec![mid]),
    ] {
        has(section, &["a=rtcp-mux".to_owned(), "a=sendrecv".to_owned()]);
        for extension in extensions {
            assert!(
                section.lines().any(|line| line.starts_with("a=extmap:") && line.ends_with(extension)),
                "{section}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_is_one_of_three_who_all_see_and_hear_each_other() {
    let (server, clips) = (Server::start().await, Clips::make());
    let mut room = Room::of(&server.url(), &["Ada", "Ben"]).await;
    let mut guest = Browser::start(&clips).await;
    let code = room.code().to_owned();
    guest.join(&server.url(), Some(&code), json!({})).await;
    room.person("Ada").meets(&["Ben", "Guest"]).await;
    room.person("Ben").meets(&["Ada", "Guest"]).await;
    let both = |second: &Value| {
        let there = |name: &str| {
            second["others"].as_array().into_iter().flatten().any(|one| {
                let stream = |kind: &str| one["statistics"][format!("inbound-rtp {kind}")].clone();
                one["name"] == name
                    && stream("video")["framesDecoded"].as_u64() > Some(5)
                    && stream("audio")["totalAudioEnergy"].as_f64() > Some(0.001)
            })
        };
        there("Ada") && there("Ben")
    };
    guest.second_until("pictures and sound of both", both).await;
    guest.until("both, proven", |page| confirmed(page) == 2 && page["safety"].is_object()).await;
    let ada = room.person("Ada");
    ada.until("the guest's number", |call| call["safety"] == guest.page()["safety"]).await;

    // The lock works among all of them, whoever turns it.
    guest.say(json!({ "command": "lock", "on": true })).await;
    ada.until("a locked room", |call| call["locked"] == true).await;
    let mut cyd = room.newcomer("Cyd");
    guest.until("a knock", |page| page["knocks"][0]["name"] == "Cyd").await;
    cyd.until("a closed door", |call| call["phase"] == "knocking").await;
    let peer = guest.page()["knocks"][0]["id"].clone();
    guest.say(json!({ "command": "letIn", "peer": peer })).await;
    cyd.meets(&["Ada", "Ben", "Guest"]).await;
    guest.until("three, proven", |page| confirmed(page) == 3).await;
    room.person("Ben").meets(&["Ada", "Cyd", "Guest"]).await;
    cyd.leave().await;
    guest.say(json!({ "command": "leave" })).await;
    room.all_meet().await;
    room.close().await;
    guest.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_knocks_and_is_let_in() {
    let (server, clips) = (Server::start().await, Clips::make());
    let mut room = Room::of(&server.url(), &["Ada", "Ben"]).await;
    room.person("Ada").say("lock").await;
    room.person("Ben").until("a locked room", |call| call["locked"] == true).await;
    let mut guest = Browser::start(&clips).await;
    let code = room.code().to_owned();
    guest.join(&server.url(), Some(&code), json!({})).await;
    guest.until("a closed door", |page| page["phase"] == "knocking").await;
    room.person("Ben").until("a knock", |call| call["knocks"][0]["name"] == "Guest").await;
    assert_eq!(confirmed(guest.page()), 0);
    room.person("Ben").say("let in Guest").await;
    guest.until("both, proven", |page| confirmed(page) == 2).await;
    room.person("Ada").meets(&["Ben", "Guest"]).await;
    room.close().await;
    guest.until("an empty room", |page| page["phase"] == "alone").await;
    guest.close().await;
}

/// With how many the connection is proven.
fn confirmed(page: &Value) -> usize {
    page["others"].as_array().into_iter().flatten().filter(|other| other["confirmed"] == true).count()
}
