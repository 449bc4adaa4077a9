//! Two tasks with real disks, and a channel between them that is a queue.

use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use super::*;
use crate::api::{FileOffer, FileState, FilesView};
use tincan_peer::PeerError;

const PATIENCE: Duration = Duration::from_secs(60);

fn id(byte: u8) -> PeerId {
    PeerId::from_bytes([byte; 32])
}

/// A channel with room for so many messages, whose other end is a link.
struct Queue {
    to: Mutex<Option<Arc<FileLink>>>,
    /// Messages that still pass before it is cut.
    left: AtomicUsize,
    connected: Notify,
}

impl Queue {
    fn new(messages: usize) -> Arc<Self> {
        Arc::new(Self { to: Mutex::default(), left: AtomicUsize::new(messages), connected: Notify::new() })
    }
}

impl Way for Queue {
    fn send(&self, message: Bytes) -> Result<(), PeerError> {
        let to = self.to.lock().unwrap().clone();
        let Some(to) = to else { return Err(PeerError::ChannelBusy) };
        if self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err() {
            return Err(PeerError::Closed);
        }
        to.received(message);
        Ok(())
    }

    fn writable(&self) -> crate::BoxFuture<'_, Result<(), PeerError>> {
        Box::pin(async {
            loop {
                let connected = self.connected.notified();
                if self.to.lock().unwrap().is_some() {
                    // There is always room, but others get their turn.
                    tokio::task::yield_now().await;
                    return Ok(());
                }
                connected.await;
            }
        })
    }
}

/// Somebody with files.
struct Person {
    id: PeerId,
    owner: FilesOwner,
    files: FilesView,
    notices: Vec<String>,
}

impl Person {
    fn new(byte: u8, folder: &std::path::Path) -> Self {
        let config = FilesConfig { downloads: Some(folder.to_owned()), data_dir: None };
        Self {
            id: id(byte),
            owner: FilesOwner::start(config),
            files: FilesView::default(),
            notices: Vec::new(),
        }
    }

    async fn ask(&self, command: FilesCommand) -> Result<Reply, CommandError> {
        let (answer, reply) = oneshot::channel();
        self.owner.handle().ask(command, answer);
        timeout(PATIENCE, reply).await.unwrap().unwrap()
    }

    /// Follows what is told until something holds.
    async fn until(&mut self, what: &str, holds: impl Fn(&FilesView) -> bool) {
        while !holds(&self.files) {
            let update = timeout(PATIENCE, self.owner.next()).await;
            match update.unwrap_or_else(|_| panic!("{what} did not come: {:?}", self.files)) {
                FilesUpdate::Change(change) => drop(change.apply(&mut self.files)),
                FilesUpdate::Notice(notice) => self.notices.push(notice.said.code),
            }
        }
    }

    /// Follows what is told until a person is told this.
    async fn until_notice(&mut self, code: &str) {
        while self.notices.last().is_none_or(|last| last != code) {
            match timeout(PATIENCE, self.owner.next()).await.expect("a notice comes") {
                FilesUpdate::Change(change) => drop(change.apply(&mut self.files)),
                FilesUpdate::Notice(notice) => self.notices.push(notice.said.code),
            }
        }
    }

    async fn until_state(&mut self, state: FileState) -> FileOffer {
        let is = |files: &FilesView| {
            files.offers.last().is_some_and(|offer| offer.transfers.iter().any(|one| one.state == state))
        };
        self.until(&format!("{state:?}"), is).await;
        self.files.offers.last().unwrap().clone()
    }

    async fn accept(&self, offer: &FileOffer) {
        let offer = OfferId(offer.id.parse().unwrap());
        self.ask(FilesCommand::Accept { offer, folder: None, file: None }).await.unwrap();
    }
}

/// Connects two; the link ends after so many messages each way, or when it is dropped.
struct Connection(Arc<Queue>, Arc<Queue>);

fn connect(one: &Person, other: &Person, messages: usize) -> Connection {
    let (there, back) = (Queue::new(messages), Queue::new(messages));
    let of_one = one.owner.handle().open(other.id, one.id, Arc::clone(&there) as Arc<dyn Way>);
    let of_other = other.owner.handle().open(one.id, other.id, Arc::clone(&back) as Arc<dyn Way>);
    *there.to.lock().unwrap() = Some(Arc::new(of_other));
    *back.to.lock().unwrap() = Some(Arc::new(of_one));
    for queue in [&there, &back] {
        queue.connected.notify_waiters();
    }
    Connection(there, back)
}

impl Drop for Connection {
    fn drop(&mut self) {
        for queue in [&self.0, &self.1] {
            *queue.to.lock().unwrap() = None;
        }
    }
}

fn content(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_arrives_verified_and_says_its_hash() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let data = content(3_500_000);
    std::fs::write(from.path().join("data.dat"), &data).unwrap();
    let (mut ada, mut ben) = (Person::new(1, from.path()), Person::new(2, to.path()));
    ben.owner.handle().named(ada.id, "Ada".into());
    let _connection = connect(&ada, &ben, usize::MAX);
    let paths = vec![from.path().join("data.dat")];
    ada.ask(FilesCommand::Offer { paths, to: None }).await.unwrap();
    let offer = ben.until_state(FileState::Offered).await;
    assert_eq!((offer.author_name.as_str(), offer.bytes, offer.program), ("Ada", 3_500_000, false));
    ben.accept(&offer).await;
    let offer = ben.until_state(FileState::Done).await;
    assert_eq!(std::fs::read(to.path().join("data.dat")).unwrap(), data);
    assert_eq!(std::fs::read_dir(to.path()).unwrap().count(), 1, "nothing else is left");
    assert_eq!(offer.hash.map(|hash| hash.len()), Some(64));
    ada.until_state(FileState::Done).await;
    ben.until_notice("files_received").await;
    let located = ben.ask(FilesCommand::Locate(OfferId(offer.id.parse().unwrap()))).await.unwrap();
    assert!(matches!(located, Reply::Saved { file } if file.ends_with("data.dat")));
    ada.owner.stop().await;
    ben.owner.stop().await;
    assert_eq!(ben.notices, ["files_offered", "files_received"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_who_starts_anew_goes_on_where_the_former_one_was() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let data = content(12 << 20);
    std::fs::write(from.path().join("data.bin"), &data).unwrap();
    let (mut ada, mut ben) = (Person::new(1, from.path()), Person::new(2, to.path()));
    // Enough for the offer and a few pieces.
    let connection = connect(&ada, &ben, 400);
    let paths = vec![from.path().join("data.bin")];
    ada.ask(FilesCommand::Offer { paths, to: None }).await.unwrap();
    let offer = ben.until_state(FileState::Offered).await;
    ben.accept(&offer).await;
    ben.until("some of it", |files| files.offers[0].transfers[0].verified >= 2 << 20).await;
    drop(connection);
    ben.owner.stop().await;
    assert!(to.path().join("data.bin.part").exists() && !to.path().join("data.bin").exists());

    // Another identity, in another call, with nothing but the folder.
    let mut ben = Person::new(3, to.path());
    ben.until_state(FileState::Away).await;
    let _connection = connect(&ada, &ben, usize::MAX);
    // Without being asked again.
    ben.until_state(FileState::Done).await;
    assert_eq!(std::fs::read(to.path().join("data.bin")).unwrap(), data);
    let of_ada = ada.until_state(FileState::Done).await;
    assert_eq!(of_ada.transfers.len(), 1);
    assert_eq!(of_ada.transfers[0].peer, ben.id.to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_changes_meanwhile_is_told_and_nothing_looks_whole() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = from.path().join("data.bin");
    std::fs::write(&path, content(5 << 20)).unwrap();
    let (mut ada, mut ben) = (Person::new(1, from.path()), Person::new(2, to.path()));
    let _connection = connect(&ada, &ben, usize::MAX);
    ada.ask(FilesCommand::Offer { paths: vec![path.clone()], to: None }).await.unwrap();
    let offer = ben.until_state(FileState::Offered).await;
    std::fs::write(&path, content(6 << 20)).unwrap();
    ben.accept(&offer).await;
    for person in [&mut ada, &mut ben] {
        let offer = person.until_state(FileState::Failed).await;
        assert_eq!(offer.transfers[0].problem.as_ref().unwrap().code, "file_changed");
    }
    assert!(!to.path().join("data.bin").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_cancelled_is_removed_and_both_are_told() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::create_dir(from.path().join("folder")).unwrap();
    std::fs::write(from.path().join("folder/data.bin"), content(20 << 20)).unwrap();
    let (mut ada, mut ben) = (Person::new(1, from.path()), Person::new(2, to.path()));
    let connection = connect(&ada, &ben, 300);
    ada.ask(FilesCommand::Offer { paths: vec![from.path().join("folder")], to: None }).await.unwrap();
    let offer = ben.until_state(FileState::Offered).await;
    assert!(offer.items[0].folder);
    ben.accept(&offer).await;
    ben.until("some of it", |files| files.offers[0].transfers[0].verified >= 1 << 20).await;
    let of_ben = OfferId(offer.id.parse().unwrap());
    ben.ask(FilesCommand::Cancel(of_ben, None)).await.unwrap();
    ben.until_state(FileState::Cancelled).await;
    drop(connection);
    ben.owner.stop().await;
    assert_eq!(std::fs::read_dir(to.path()).unwrap().count(), 0);
    ada.owner.stop().await;
}
