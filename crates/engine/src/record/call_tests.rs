//! A recording in a call, with made-up cameras and a real server.

use tincan_media::video::Resolution;
use tokio::time::timeout;

use super::film::Film;
use crate::api::{CallPhase, Command, Reply};
use crate::testing::{PATIENCE, Watching, server};

fn connected(one: &Watching) -> bool {
    one.snapshot.call.as_ref().is_some_and(|call| call.phase == CallPhase::Connected)
}

/// Whether the other one says that they record.
fn is_recorded(one: &Watching) -> bool {
    one.snapshot.call.as_ref().is_some_and(|call| call.participants.iter().any(|other| other.records))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_others_know_of_a_recording_and_whoever_leaves_has_a_whole_file() {
    let (url, _server) = server().await;
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = ["first.mp4", "second.mp4"].map(|name| folder.path().join(name));
    let start = |path: &std::path::Path| Command::StartRecording {
        file: Some(path.display().to_string()),
        utc_offset: 0,
    };
    let mut ada = Watching::start(None, Some(&url), "Ada").await;
    let refused = ada.answer(start(&first)).await.unwrap_err();
    assert_eq!((refused.code.as_str(), first.exists()), ("no_call", false));
    let Reply::Joined { code } = ada.ask(Command::CreateRoom).await else { panic!("no code") };
    let mut ben = Watching::start(None, Some(&url), "Ben").await;
    ben.ask(Command::JoinRoom { code }).await;
    ada.until("connected", connected).await;
    ben.until("connected", |one| connected(one) && one.snapshot.preview.camera.working).await;

    ada.ask(start(&first)).await;
    ada.until("a recording", |one| one.snapshot.call.as_ref().is_some_and(|call| call.recording.is_some()))
        .await;
    ben.until("the word of it", is_recorded).await;
    // Asked for twice it goes on, and no other file is made.
    ada.ask(start(&second)).await;
    for _ in 0..10 {
        ben.devices.picture_of(0, Resolution::new(160, 90));
        ben.next().await;
    }
    assert_eq!(ada.answer(Command::LocateRecording).await.unwrap_err().code, "no_recording");
    ada.ask(Command::StopRecording).await;
    ada.until("where it is", |one| one.notices.iter().any(|notice| notice.said.code == "recorded")).await;
    ben.until("the word that it ended", |one| !is_recorded(one)).await;
    let Reply::Saved { file } = ada.ask(Command::LocateRecording).await else { panic!("no file") };
    assert_eq!((file, second.exists()), (first.display().to_string(), false));

    ada.ask(start(&second)).await;
    ben.until("the word of another", is_recorded).await;
    ada.ask(Command::Leave).await;
    timeout(PATIENCE, ada.engine.shutdown()).await.unwrap();
    timeout(PATIENCE, ben.engine.shutdown()).await.unwrap();
    for path in [first, second] {
        let film = Film::read(&std::fs::read(&path).unwrap());
        assert!(film.ended && !film.pictures.is_empty(), "{}", path.display());
    }
}
