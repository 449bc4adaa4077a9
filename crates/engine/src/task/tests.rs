//! The engine's task, with made-up devices and a real server.

use std::time::{Duration, Instant};

use tincan_devices::screen::{ScreenError, ScreenEvent};
use tincan_devices::video::CameraEvent;
use tincan_media::DeviceError;
use tokio::time::timeout;

use crate::api::{CallPhase, Command, Reply, Settings};
use crate::testing::{PATIENCE, Watching, server};

/// What a person takes for at once.
const AT_ONCE: Duration = Duration::from_millis(100);

fn settings_of(watching: &Watching, change: impl FnOnce(&mut Settings)) -> Command {
    let mut settings = watching.snapshot.settings.clone();
    change(&mut settings);
    Command::UpdateSettings { settings }
}

fn devices_work(watching: &Watching) -> bool {
    let preview = &watching.snapshot.preview;
    preview.camera.working && preview.microphone.working && preview.speaker.working
}

/// What is sent now: sound, pictures.
fn sending(watching: &Watching) -> (bool, bool) {
    (watching.snapshot.preview.microphone.on, watching.snapshot.preview.camera.on)
}

async fn alone_in_a_call(watching: &mut Watching) {
    watching.ask(Command::CreateRoom).await;
    watching
        .until("in a call with devices", |w| {
            w.snapshot.call.as_ref().is_some_and(|call| call.phase == CallPhase::Alone) && devices_work(w)
        })
        .await;
}

/// Returns when nothing that hangs hangs any more, and everything is released.
async fn shut_down(watching: Watching) {
    watching.devices.hang(false);
    timeout(PATIENCE, watching.engine.shutdown()).await.unwrap();
    for device in ["camera", "microphone", "speaker"] {
        let log = watching.devices.log();
        assert_eq!(watching.devices.open(device), 0, "every {device} is closed: {log:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_in_the_settings_changes_what_is_being_sent_in_a_call() {
    let (url, _server) = server().await;
    let mut ada = Watching::start(None, Some(&url), "Ada").await;
    alone_in_a_call(&mut ada).await;
    ada.ask(Command::SetMicrophone { on: false }).await;
    ada.ask(Command::SetCamera { on: false }).await;
    for on in [false, true] {
        let join = settings_of(&ada, |settings| (settings.microphone_on, settings.camera_on) = (on, on));
        ada.ask(join).await;
        assert_eq!(sending(&ada), (false, false), "a checkbox opened something");
    }
    ada.ask(Command::SetMicrophone { on: true }).await;
    let join = settings_of(&ada, |settings| (settings.microphone_on, settings.camera_on) = (false, false));
    ada.ask(join).await;
    assert_eq!(sending(&ada), (true, false));

    // The next call begins as the settings say, not as the last one ended.
    ada.ask(Command::Leave).await;
    ada.ask(Command::StartPreview).await;
    assert_eq!(sending(&ada), (false, false));
    shut_down(ada).await;
}

#[tokio::test]
async fn what_was_switched_by_hand_in_the_lobby_is_how_the_call_begins_whatever_the_settings_say_then() {
    let (url, _server) = server().await;
    let mut ada = Watching::start(None, Some(&url), "Ada").await;
    ada.ask(Command::StartPreview).await;
    assert_eq!(sending(&ada), (true, true));
    // Untouched, the lobby shows how the next call begins.
    let off = settings_of(&ada, |settings| settings.camera_on = false);
    ada.ask(off).await;
    assert_eq!(sending(&ada), (true, false));
    ada.ask(Command::SetMicrophone { on: false }).await;
    let on = settings_of(&ada, |settings| (settings.microphone_on, settings.camera_on) = (true, true));
    ada.ask(on).await;
    assert_eq!(sending(&ada), (false, true), "muted by hand stays muted");
    ada.ask(Command::StopPreview).await;
    ada.ask(Command::CreateRoom).await;
    assert_eq!(sending(&ada), (false, true));
    shut_down(ada).await;
}

#[tokio::test]
async fn muting_and_the_camera_write_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut ada = Watching::start(Some(folder.path()), None, "Ada").await;
    ada.ask(Command::StartPreview).await;
    for on in [false, true, false] {
        ada.ask(Command::SetMicrophone { on }).await;
        ada.ask(Command::SetCamera { on }).await;
    }
    shut_down(ada).await;
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn chosen_devices_are_stored_and_what_is_sent_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut ada = Watching::start(Some(folder.path()), None, "Ada").await;
    ada.ask(Command::SetMicrophone { on: false }).await;
    ada.ask(Command::SelectCamera { id: "test-pattern".into() }).await;
    shut_down(ada).await;
    let again = Watching::start(Some(folder.path()), None, "Ada").await;
    assert_eq!(again.snapshot.settings.camera, "test-pattern");
    assert!(again.snapshot.settings.microphone_on, "a mute was stored");
    shut_down(again).await;
}

#[tokio::test]
async fn settings_that_cannot_be_saved_are_told_once() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("tincan");
    std::fs::write(&folder, "in the way").unwrap();
    let mut ada = Watching::start(Some(&folder), None, "Ada").await;
    for theme in [crate::api::Theme::Light, crate::api::Theme::System, crate::api::Theme::Dark] {
        let change = settings_of(&ada, |settings| settings.theme = theme);
        ada.ask(change).await;
        ada.until("told", |w| !w.notices.is_empty()).await;
    }
    assert_eq!(ada.snapshot.settings.theme, crate::api::Theme::Dark, "it holds all the same");
    let told: Vec<&str> = ada.notices.iter().map(|notice| notice.said.code.as_str()).collect();
    assert_eq!(told, ["settings_not_saved"]);
    shut_down(ada).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mute_leave_and_switching_a_device_answer_at_once_while_every_driver_hangs() {
    let (url, _server) = server().await;
    let mut ada = Watching::start(None, Some(&url), "Ada").await;
    alone_in_a_call(&mut ada).await;
    ada.devices.hang(true);
    let mut slow = Vec::new();
    for round in 0..3 {
        let device = format!("device:{round}");
        for command in [
            Command::SetCamera { on: false },
            Command::SetMicrophone { on: false },
            Command::SetCamera { on: true },
            Command::SelectCamera { id: device.clone() },
            Command::SelectMicrophone { id: device.clone() },
            Command::SelectSpeaker { id: device },
            Command::SetMicrophone { on: true },
            Command::SelectMicrophone { id: "none".into() },
        ] {
            let asked = format!("{command:?}");
            let took = ada.timed(command).await;
            if took > AT_ONCE {
                slow.push((asked, took));
            }
        }
    }
    assert!(slow.is_empty(), "{slow:?}");
    // Leaving is felt when the call is gone and summed up; the answer comes when the devices are released.
    let begun = Instant::now();
    let left = {
        let leaving = ada.engine.dispatch(Command::Leave);
        tokio::pin!(leaving);
        let felt = async {
            let (mut snapshot, mut events) = ada.engine.subscribe().await.unwrap();
            while snapshot.call.is_some() || snapshot.last_call.is_none() {
                match events.recv().await.unwrap().event {
                    crate::api::Event::Call { call } => snapshot.call = call,
                    crate::api::Event::LastCall { summary } => snapshot.last_call = summary,
                    _ => {}
                }
            }
            begun.elapsed()
        };
        let (felt, left) = tokio::join!(felt, leaving);
        left.unwrap();
        felt
    };
    assert!(left < AT_ONCE, "leaving was felt after {left:?}");
    shut_down(ada).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_camera_that_was_switched_off_shows_nothing_more_however_long_its_driver_holds_it() {
    let mut ada = Watching::start(None, None, "Ada").await;
    ada.ask(Command::StartPreview).await;
    ada.until("devices", devices_work).await;
    ada.devices.picture(0);
    assert_eq!(ada.frames.shown(), 1);
    ada.devices.hang(true);
    ada.ask(Command::SetCamera { on: false }).await;
    ada.devices.picture(0);
    ada.devices.camera_event(0, CameraEvent::Recovered);
    assert_eq!(ada.frames.shown(), 1, "a picture after the camera was switched off");
    ada.ask(Command::SetCamera { on: true }).await;
    ada.devices.camera_event(0, CameraEvent::Failed(DeviceError::Busy { device: "Old".into() }));
    ada.devices.hang(false);
    ada.until("another camera", |w| w.snapshot.preview.camera.working).await;
    ada.devices.picture(0);
    assert_eq!(ada.frames.shown(), 1, "the camera before is still heard");
    ada.devices.picture(1);
    assert_eq!(ada.frames.shown(), 2);
    let log = ada.devices.log();
    let cameras: Vec<&str> = log.iter().filter(|line| line.contains("camera")).map(String::as_str).collect();
    assert_eq!(cameras, ["open camera default", "close camera default", "open camera default"]);
    shut_down(ada).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lobby_closed_and_opened_at_once_opens_no_camera_twice() {
    let mut ada = Watching::start(None, None, "Ada").await;
    for _ in 0..5 {
        ada.ask(Command::StartPreview).await;
        ada.until("devices", devices_work).await;
        ada.devices.hang(true);
        ada.ask(Command::StopPreview).await;
        ada.ask(Command::StartPreview).await;
        ada.devices.hang(false);
    }
    ada.until("devices", devices_work).await;
    let mut open = 0_i32;
    for line in ada.devices.log().iter().filter(|line| line.contains("camera")) {
        open += if line.starts_with("open") { 1 } else { -1 };
        assert!((0..=1).contains(&open), "two cameras are open: {:?}", ada.devices.log());
    }
    shut_down(ada).await;
}

#[tokio::test(start_paused = true)]
async fn a_microphone_that_could_not_be_opened_is_tried_again_until_it_can() {
    let mut ada = Watching::start(None, None, "Ada").await;
    ada.devices.fail(3);
    ada.ask(Command::StartPreview).await;
    ada.until("broken", |w| w.snapshot.preview.microphone.problem.is_some()).await;
    ada.until("mended", |w| w.snapshot.preview.microphone.working).await;
    let log = ada.devices.log();
    assert_eq!(log.iter().filter(|line| *line == "fail microphone").count(), 3, "{log:?}");
    // The end waits for threads, which know no other time than the real one.
    tokio::time::resume();
    shut_down(ada).await;
}

#[tokio::test]
async fn no_device_is_a_state_of_its_own() {
    let mut ada = Watching::start(None, None, "Ada").await;
    ada.ask(Command::StartPreview).await;
    for command in [
        Command::SelectCamera { id: "none".into() },
        Command::SelectMicrophone { id: "none".into() },
        Command::SelectSpeaker { id: "none".into() },
    ] {
        ada.ask(command).await;
    }
    let preview = &ada.snapshot.preview;
    assert!(preview.camera.on && !preview.camera.chosen && preview.camera.problem.is_none());
    assert!(preview.microphone.on && !preview.microphone.chosen && !preview.microphone.working);
    assert!(!preview.speaker.chosen);
    ada.ask(Command::SelectCamera { id: "default".into() }).await;
    ada.until("a camera", |w| w.snapshot.preview.camera.chosen && w.snapshot.preview.camera.working).await;
    shut_down(ada).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_people_meet_are_told_and_are_remembered_as_one_row() {
    let (url, _server) = server().await;
    let mut ada = Watching::start(None, Some(&url), "Ada").await;
    let mut ben = Watching::start(None, Some(&url), "Ben").await;
    for _ in 0..2 {
        let Reply::Joined { code } = ada.ask(Command::CreateRoom).await else { panic!("no code") };
        ben.ask(Command::JoinRoom { code: code.clone() }).await;
        let connected =
            |w: &Watching| w.snapshot.call.as_ref().is_some_and(|call| call.phase == CallPhase::Connected);
        ada.until("connected", connected).await;
        ben.until("connected", connected).await;
        ada.until("told", |w| !w.notices.is_empty()).await;
        ada.until("Ben's name", |w| w.snapshot.call.as_ref().unwrap().participants[0].name == "Ben").await;
        assert_eq!(
            (ada.notices[0].said.code.as_str(), ada.notices[0].said.message.as_str()),
            ("participant_joined", "Ben joined.")
        );
        assert!(ben.notices.is_empty(), "Ada was there already: {:?}", ben.notices);
        ben.until("Ada's name", |w| w.snapshot.call.as_ref().unwrap().participants[0].name == "Ada").await;
        ben.ask(Command::Leave).await;
        ada.until("alone", |w| w.snapshot.call.as_ref().unwrap().left.as_deref() == Some("Ben")).await;
        let call = ada.snapshot.call.clone().unwrap();
        assert_eq!(call.connected_since, None);
        ada.until("told", |w| w.notices.len() == 2).await;
        assert_eq!(
            (ada.notices[1].said.code.as_str(), ada.notices[1].said.message.as_str()),
            ("participant_left", "Ben left.")
        );
        ada.notices.clear();
        ada.ask(Command::Leave).await;
        ada.until("remembered", |w| w.snapshot.last_call.is_some() && !w.snapshot.recent.is_empty()).await;
        assert!(
            call.invitation.message.contains(&code) && call.invitation.message.contains(&call.invite_link)
        );
    }
    assert_eq!(ada.snapshot.recent.len(), 1, "{:?}", ada.snapshot.recent);
    assert_eq!(ada.snapshot.recent[0].names, ["Ben"]);
    let code = ada.snapshot.recent[0].code.clone();
    ada.ask(Command::ForgetCall { code }).await;
    ada.until("forgotten", |w| w.snapshot.recent.is_empty()).await;
    shut_down(ada).await;
    shut_down(ben).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_nobody_came_to_is_not_listed_and_a_call_can_be_made_again_by_whoever_is_first() {
    let (url, _server) = server().await;
    let mut ada = Watching::start(None, Some(&url), "Ada").await;
    let mut ben = Watching::start(None, Some(&url), "Ben").await;
    let Reply::Joined { code } = ada.ask(Command::CreateRoom).await else { panic!("no code") };
    ada.ask(Command::Leave).await;
    ada.until("summed up", |w| w.snapshot.last_call.is_some()).await;
    assert!(ada.snapshot.recent.is_empty());
    for person in [&mut ben, &mut ada] {
        let again = Command::CallAgain { code: code.clone(), server: Some(url.clone()) };
        assert_eq!(person.ask(again).await, Reply::Joined { code: code.clone() });
    }
    for person in [&mut ben, &mut ada] {
        person
            .until("together", |w| w.snapshot.call.as_ref().is_some_and(|call| !call.participants.is_empty()))
            .await;
    }
    shut_down(ada).await;
    shut_down(ben).await;
}

#[tokio::test]
async fn a_screen_is_shared_in_a_call_only_and_its_end_is_told_and_shown() {
    let (url, _server) = server().await;
    let mut ada = Watching::start(None, Some(&url), "Ada").await;
    let share = |id: &str| Command::ShareScreen { id: id.into(), smooth: false, sound: None };
    assert_eq!(ada.answer(share("monitor")).await.unwrap_err().code, "no_call");
    alone_in_a_call(&mut ada).await;
    assert_eq!(ada.answer(share("the left one")).await.unwrap_err().code, "bad_selector");
    ada.ask(share("monitor")).await;
    ada.until("sharing", |w| w.snapshot.preview.share.as_ref().is_some_and(|share| share.width == 1_280))
        .await;
    // Something else takes its place, and what happens to the first is nobody's business any more.
    ada.ask(share("window:0x7")).await;
    ada.until("sharing a window", |w| {
        w.snapshot.preview.share.as_ref().is_some_and(|share| share.name.as_deref() == Some("window:0x7"))
    })
    .await;
    ada.devices.screen_event(0, ScreenEvent::Ended(ScreenError::Unplugged));
    ada.devices.screen_event(1, ScreenEvent::Hidden);
    ada.until("minimised", |w| w.snapshot.preview.share.as_ref().is_some_and(|share| share.hidden)).await;
    ada.devices.screen_event(1, ScreenEvent::Ended(ScreenError::Closed));
    ada.until("sharing nothing", |w| w.snapshot.preview.share.is_none()).await;
    assert_eq!(ada.notices.iter().filter(|notice| notice.said.code == "screen_closed").count(), 1);
    ada.ask(share("monitor")).await;
    ada.ask(Command::StopSharing).await;
    assert_eq!(ada.snapshot.preview.share, None);
    // With sound that is not there the share goes on without it.
    let with_sound =
        |sound: &str| Command::ShareScreen { id: "monitor".into(), smooth: true, sound: Some(sound.into()) };
    assert_eq!(ada.answer(with_sound("the band")).await.unwrap_err().code, "bad_selector");
    let sound = |w: &Watching| w.snapshot.preview.share.as_ref().and_then(|share| share.sound.clone());
    ada.ask(with_sound("system")).await;
    ada.until("no sound", |w| sound(w).is_some_and(|sound| !sound.working && sound.problem.is_some())).await;
    assert!(ada.notices.iter().any(|notice| notice.said.code == "shared_sound_no_server"));
    ada.ask(with_sound("tone:440:660")).await;
    ada.until("sound", |w| sound(w).is_some_and(|sound| sound.working && sound.problem.is_none())).await;
    ada.ask(Command::Leave).await;
    assert_eq!(ada.devices.open("sound"), 0, "leaving ends it: {:?}", ada.devices.log());
    assert_eq!(ada.devices.open("screen"), 0, "leaving ends it: {:?}", ada.devices.log());
    shut_down(ada).await;
}
