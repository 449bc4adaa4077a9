//! Packets get lost on the way: what NACK and RTX make of it.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use webrtc::runtime::{AsyncUdpSocket, RecvMeta, Transmit};

use super::harness::{Pair, Sending, Side};
use tincan_protocol::Source;

use crate::{PeerEvent, PeerState};

/// What every lossy socket of a test shares.
#[derive(Debug)]
struct Loss {
    on: AtomicBool,
    lost: AtomicU64,
    random: Mutex<StdRng>,
    share: f64,
    /// Everything is lost, not only pictures.
    everything: bool,
}

impl Loss {
    fn new(share: f64, everything: bool) -> Arc<Self> {
        Arc::new(Self {
            on: AtomicBool::new(false),
            lost: AtomicU64::new(0),
            random: Mutex::new(StdRng::seed_from_u64(5)),
            share,
            everything,
        })
    }

    async fn connected(self: &Arc<Self>) -> Pair {
        let loss = self.clone();
        let mut pair = Pair::open_over(Some(Arc::new(move |inner| {
            Arc::new(Lossy { inner, loss: loss.clone() }) as Arc<dyn AsyncUdpSocket>
        })))
        .await;
        pair.a.negotiate().await.unwrap();
        pair.until_connected().await;
        pair
    }
}

#[derive(Debug)]
struct Lossy {
    inner: Arc<dyn AsyncUdpSocket>,
    loss: Arc<Loss>,
}

impl AsyncUdpSocket for Lossy {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn poll_send(&self, cx: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        // RTP (RFC 7983) with a picture in it: sound and reports are shorter.
        let picture = (128..192).contains(&transmit.contents[0]) && transmit.contents.len() > 400;
        if (picture || self.loss.everything)
            && self.loss.on.load(Ordering::Relaxed)
            && self.loss.random.lock().unwrap().random_bool(self.loss.share)
        {
            self.loss.lost.fetch_add(1, Ordering::Relaxed);
            return Poll::Ready(Ok(transmit.contents.len()));
        }
        self.inner.poll_send(cx, transmit)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.inner.poll_recv(cx, bufs, meta)
    }

    fn max_gro_segments(&self) -> usize {
        self.inner.max_gro_segments()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_gets_lost_comes_once_more() {
    let loss = Loss::new(0.05, false);
    let mut pair = loss.connected().await;
    let sending = Sending::start(pair.a.clone(), 1_200);
    let mut seen = std::collections::BTreeSet::new();
    let mut first = None;
    loss.on.store(true, Ordering::Relaxed);
    pair.until("600 packets", |side, event| {
        if side == Side::B
            && let PeerEvent::Media { source: Source::Camera, packet } = event
        {
            let first = *first.get_or_insert(packet.sequence);
            seen.insert(packet.sequence.wrapping_sub(first));
        }
        (seen.len() >= 600).then_some(())
    })
    .await;
    loss.on.store(false, Ordering::Relaxed);
    let lost = loss.lost.load(Ordering::Relaxed);
    // The last repairs are under way.
    pair.until("the last repairs", |side, event| {
        if side == Side::B
            && let PeerEvent::Media { source: Source::Camera, packet } = event
        {
            seen.insert(packet.sequence.wrapping_sub(first.unwrap()));
        }
        (seen.len() >= 660).then_some(())
    })
    .await;
    drop(sending);
    let holes = usize::from(*seen.last().unwrap()) + 1 - seen.len();
    let (a, b) = (pair.a.statistics(), pair.b.statistics());
    println!(
        "{lost} lost, {} retransmitted, {} recovered, {holes} holes; {} NACKs; loss {:.3} {:.3}, rtt {:?}",
        a.retransmitted, b.recovered, b.nacks_sent, a.loss_sent, b.loss_received, a.round_trip
    );
    assert!(lost >= 15, "{lost}");
    assert!(a.retransmitted >= lost / 2 && a.retransmitted <= lost * 2, "{} for {lost}", a.retransmitted);
    assert!(holes <= 3, "{holes} holes");
    assert!(a.round_trip.is_some_and(|rtt| rtt < Duration::from_millis(50)), "{:?}", a.round_trip);
    assert!(a.loss_sent > 0.0 && b.loss_received > 0.0 && a.sent.as_bps() > 500_000, "{a:?}");
    // Theirs may have been learned from a check before its candidate came.
    let (ours, theirs) = a.path.unwrap();
    assert!(ours == "host" && ["host", "prflx"].contains(&theirs.as_str()), "{ours} {theirs}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_path_is_noticed_and_may_come_back() {
    let loss = Loss::new(1.0, true);
    let mut pair = loss.connected().await;
    loss.on.store(true, Ordering::Relaxed);
    let start = Instant::now();
    let wait = |expected: PeerState| {
        move |side: Side, event: &PeerEvent| match event {
            PeerEvent::State(state) if side == Side::A && *state == expected => Some(()),
            _ => None,
        }
    };
    pair.until("disconnected", wait(PeerState::Disconnected)).await;
    let noticed = start.elapsed();
    loss.on.store(false, Ordering::Relaxed);
    pair.until("connected again", wait(PeerState::Connected)).await;
    println!("noticed after {noticed:?}, back after {:?}", start.elapsed());
    assert!((2..7).contains(&noticed.as_secs()), "{noticed:?}");
    pair.close().await;
}
