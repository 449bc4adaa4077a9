//! Who is recorded in a call, with made-up cameras and a real server.

use tincan_media::video::Resolution;
use tokio::time::timeout;

use super::film::Film;
use crate::Overrides;
use crate::api::{CallPhase, Command, Reply};
use crate::testing::{PATIENCE, Watching, server};

/// Comes into Ada's call, is seen by her for some seconds in pictures of that size, and leaves.
async fn visit(ada: &mut Watching, url: &str, code: &str, name: &str, size: Resolution) {
    let mut visitor = Watching::start(None, Some(url), name).await;
    visitor.ask(Command::JoinRoom { code: code.into() }).await;
    let connected =
        |w: &Watching| w.snapshot.call.as_ref().is_some_and(|call| call.phase == CallPhase::Connected);
    ada.until("connected", connected).await;
    visitor.until("connected", |w| connected(w) && w.snapshot.preview.camera.working).await;
    for _ in 0..30 {
        visitor.devices.picture_of(0, size);
        visitor.next().await;
    }
    visitor.ask(Command::Leave).await;
    ada.until("alone", |w| w.snapshot.call.as_ref().unwrap().left.as_deref() == Some(name)).await;
    timeout(PATIENCE, visitor.engine.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_when_the_first_one_left_is_recorded_on_in_the_same_file() {
    let (url, _server) = server().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.mp4");
    let overrides = Overrides {
        server: Some(url.clone()),
        name: Some("Ada".into()),
        record: Some(path.clone()),
        ..Overrides::default()
    };
    let mut ada = Watching::with(None, overrides).await;
    let Reply::Joined { code } = ada.ask(Command::CreateRoom).await else { panic!("no code") };
    let sizes = [Resolution::new(160, 90), Resolution::new(96, 128)];
    for (name, size) in ["Ben", "Cleo"].into_iter().zip(sizes) {
        visit(&mut ada, &url, &code, name, size).await;
    }
    let on = ada.notices.iter().filter(|notice| notice.said.code == "recorded_on").count();
    assert_eq!(on, 1, "{:?}", ada.notices);
    ada.ask(Command::Leave).await;
    ada.until("recorded", |w| w.notices.iter().any(|notice| notice.said.code == "recorded")).await;
    timeout(PATIENCE, ada.engine.shutdown()).await.unwrap();

    let film = Film::read(&std::fs::read(&path).unwrap());
    assert!(film.ended);
    let seen: Vec<_> =
        film.pictures.iter().map(|picture| film.entries[picture.entry as usize - 1].size).collect();
    let first = |size: Resolution| {
        seen.iter().position(|&seen| seen == (size.width as u16, size.height as u16)).expect("both are in it")
    };
    assert!(first(sizes[0]) < first(sizes[1]), "{seen:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
