//! Leaving: it is felt at once, it ends no other call, and call after call in one process leaves threads, descriptors
//! and memory where they were.
#![cfg(target_os = "linux")]

use std::alloc::{GlobalAlloc, Layout};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tincan_engine::api::{CallPhase, Command, CommandError, Event, Reply, Snapshot};
use tincan_engine::{Engine, EngineConfig, FrameOutput, Overrides};
use tincan_media::video::VideoFrame;
use tincan_tests::process::{PATIENCE, held, signal};
use tincan_tests::server::Server;
use tokio::net::TcpListener;
use tokio::time::{interval, timeout};

/// The programs' own allocator, which keeps pages for later as it likes, and how much of it is in use.
struct Counting(mimalloc::MiMalloc);

static IN_USE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes unchanged to mimalloc, which upholds the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's layout, passed on.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's pointer and layout, passed on.
        unsafe { self.0.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        IN_USE.fetch_add(size, Ordering::Relaxed);
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's pointer, layout and size, passed on.
        unsafe { self.0.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting(mimalloc::MiMalloc);

/// Calls until caches, pools and the allocator have what they keep.
const WARM_UP: usize = 20;
/// Calls that are counted.
const CALLS: usize = 200;
/// What two engines at rest use goes up and down by as much. A leak of 5 kB a call would be more.
const HEAP_NOISE_KB: usize = 1024;
/// What the system gave goes up and down by 100 MB: a room key's derivation takes 64 MiB for a moment, and the allocator
/// keeps pages. So the least of several readings counts, and it only tells of what C libraries leak: one encoder a call
/// would be more than a gigabyte.
const MEMORY_NOISE_KB: u64 = 48 * 1024;
/// Readings before and after.
const READINGS: usize = 20;

/// Looks at nothing: what is counted here is what remains.
struct Blind;

impl FrameOutput for Blind {
    fn frame(&self, _stream: u32, _frame: &Arc<VideoFrame>) {}
    fn ended(&self, _stream: u32) {}
}

struct Person {
    engine: Engine,
}

impl Person {
    fn new(server: &str) -> Self {
        let engine = Engine::start(EngineConfig {
            downloads: None,
            recordings: None,
            data_dir: None,
            frames: Arc::new(Blind),
            local_server: None,
            overrides: Overrides {
                camera: Some("test-pattern".into()),
                microphone: Some("tone".into()),
                speaker: Some("none".into()),
                server: Some(server.into()),
                ..Overrides::default()
            },
        });
        Self { engine }
    }

    async fn ask(&self, command: Command) -> Reply {
        let asked = format!("{command:?}");
        self.answer(command).await.unwrap_or_else(|error| panic!("{asked}: {error}"))
    }

    async fn answer(&self, command: Command) -> Result<Reply, CommandError> {
        let asked = format!("{command:?}");
        timeout(PATIENCE, self.engine.dispatch(command))
            .await
            .unwrap_or_else(|_| panic!("no answer to {asked}"))
    }

    async fn snapshot(&self) -> Snapshot {
        self.engine.subscribe().await.unwrap().0
    }

    async fn until(&self, what: &str, holds: impl Fn(&Snapshot) -> bool) {
        let wait = async {
            let (mut snapshot, mut events) = self.engine.subscribe().await.unwrap();
            while !holds(&snapshot) {
                match events.recv().await.unwrap().event {
                    Event::Call { call } => snapshot.call = call,
                    Event::LastCall { summary } => snapshot.last_call = summary,
                    _ => {}
                }
            }
        };
        assert!(timeout(PATIENCE, wait).await.is_ok(), "not {what}");
    }
}

fn connected(snapshot: &Snapshot) -> bool {
    snapshot.call.as_ref().is_some_and(|call| call.phase == CallPhase::Connected)
}

/// Two who talk, and the code of their room.
async fn connect(caller: &Person, callee: &Person) -> String {
    let Reply::Joined { code } = caller.ask(Command::CreateRoom).await else { panic!("no code") };
    callee.ask(Command::JoinRoom { code: code.clone() }).await;
    caller.until("connected", connected).await;
    callee.until("connected", connected).await;
    code
}

async fn call(caller: &Person, callee: &Person) {
    connect(caller, callee).await;
    caller.ask(Command::Leave).await;
    callee.until("alone", |s| s.call.as_ref().is_some_and(|call| call.participants.is_empty())).await;
    callee.ask(Command::Leave).await;
}

/// Threads, descriptors, memory and of that the heap in use, in kilobytes.
fn held_now() -> (usize, usize, u64, usize) {
    let (threads, descriptors, memory) = held(std::process::id());
    (threads, descriptors, memory, IN_USE.load(Ordering::Relaxed) / 1024)
}

/// The least of each over several calls.
async fn least_held(caller: &Person, callee: &Person) -> (usize, usize, u64, usize) {
    let mut least = (usize::MAX, usize::MAX, u64::MAX, usize::MAX);
    for _ in 0..READINGS {
        call(caller, callee).await;
        let now = held_now();
        least = (least.0.min(now.0), least.1.min(now.1), least.2.min(now.2), least.3.min(now.3));
    }
    least
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_back_at_once_is_in_the_call() {
    let server = Server::start().await;
    let (ada, ben) = (Person::new(&server.url()), Person::new(&server.url()));
    let code = connect(&ada, &ben).await;
    tokio::join!(ada.ask(Command::Leave), ada.ask(Command::JoinRoom { code }));
    ada.until("connected", connected).await;
    assert!(ada.snapshot().await.last_call.is_none(), "the call before this one is shown over it");
    ada.engine.shutdown().await;
    ben.engine.shutdown().await;
}

/// Nobody feels a wait that is shorter.
const AT_ONCE: Duration = Duration::from_millis(100);

/// How many cameras this process reads.
fn cameras() -> usize {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let names =
        threads.filter_map(|thread| std::fs::read_to_string(thread.unwrap().path().join("comm")).ok());
    names.filter(|name| name.trim() == "camera").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_leaves_does_not_wait_for_a_server_that_hangs() {
    let server = Server::start().await;
    let (ada, ben) = (Person::new(&server.url()), Person::new(&server.url()));
    connect(&ada, &ben).await;
    assert_eq!(cameras(), 2);
    signal(server.id(), "STOP");
    let begun = Instant::now();
    let felt = async {
        ada.until("told how the call was", |snapshot| snapshot.last_call.is_some()).await;
        let mut look = interval(Duration::from_millis(5));
        while cameras() > 1 {
            look.tick().await;
        }
        begun.elapsed()
    };
    let left = async {
        ada.ask(Command::Leave).await;
        begun.elapsed()
    };
    let (left, felt) = tokio::join!(left, felt);
    println!("felt after {felt:?}, over after {left:?}");
    // Goodbyes that are over at once hold nobody up either.
    assert!(felt * 4 < left || felt < AT_ONCE, "felt after {felt:?}: the goodbyes of {left:?} came first");
    signal(server.id(), "CONT");
    ada.engine.shutdown().await;
    ben.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_gives_up_joining_is_in_the_lobby_with_the_devices_that_are_on_there() {
    // Takes connections and never says a word.
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ada = Person::new(&format!("ws://{}", server.local_addr().unwrap()));
    for lobby in [true, false] {
        ada.ask(if lobby { Command::StartPreview } else { Command::StopPreview }).await;
        let join = ada.answer(Command::JoinRoom { code: "0000000000".into() });
        let (joined, _) = tokio::join!(join, ada.ask(Command::Leave));
        assert_eq!(joined.unwrap_err().code, "cancelled");
        assert_eq!(ada.snapshot().await.preview.active, lobby);
    }
    ada.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: cargo xtask test --all"]
async fn two_hundred_calls_leave_nothing_behind() {
    let server = Server::start().await;
    let (caller, callee) = (Person::new(&server.url()), Person::new(&server.url()));
    for _ in 0..WARM_UP {
        call(&caller, &callee).await;
    }
    let before = least_held(&caller, &callee).await;
    println!("threads, descriptors, kB, kB in use: before {before:?}");
    for number in 1..=CALLS {
        call(&caller, &callee).await;
        if number % 25 == 0 {
            println!("after {number} calls {:?}", held_now());
        }
    }
    let after = least_held(&caller, &callee).await;
    println!("after {after:?}");
    // Blocking work leaves a thread of tokio's pool idle for ten seconds, now and then one more than before.
    assert!(after.0 <= before.0 + 2, "threads grew from {} to {}", before.0, after.0);
    assert!(after.1 <= before.1 + 2, "descriptors grew from {} to {}", before.1, after.1);
    assert!(after.2 <= before.2 + MEMORY_NOISE_KB, "memory grew from {} to {} kB", before.2, after.2);
    assert!(after.3 <= before.3 + HEAP_NOISE_KB, "the heap grew from {} to {} kB", before.3, after.3);
    caller.engine.shutdown().await;
    callee.engine.shutdown().await;
}
