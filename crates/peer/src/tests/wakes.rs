//! How often anybody is woken for a picture.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tincan_media::MediaClock;
use tincan_protocol::Source;

use super::harness::{Pair, picture};
use crate::PeerEvent;

/// Pictures of 720p at 1.5 Mbit/s: 6,250 bytes, six packets.
const SIZE: usize = 6_250;
const PICTURES: u64 = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_owner_is_woken_once_a_picture_and_not_for_every_packet() {
    let pair = Pair::connected().await;
    let Pair { a, b, mut b_events, .. } = pair;
    let (wakes, packets) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (woken, taken) = (wakes.clone(), packets.clone());
    let passes = [&a, &b].map(|peer| peer.shared_of_tests().counters.passes.load(Ordering::Relaxed));
    let owner = tokio::spawn(async move {
        let work = async {
            let mut pictures = 0;
            while pictures < PICTURES {
                if let Some(PeerEvent::Media { source: Source::Camera, packet }) = b_events.recv().await {
                    taken.fetch_add(1, Ordering::Relaxed);
                    pictures += u64::from(packet.marker);
                }
            }
        };
        let mut work = pin!(work);
        // Every wake of a task is one poll.
        std::future::poll_fn(|cx| {
            woken.fetch_add(1, Ordering::Relaxed);
            work.as_mut().poll(cx)
        })
        .await;
    });
    let clock = MediaClock::new(Instant::now());
    let mut tick = tokio::time::interval(Duration::from_millis(33));
    for n in 0..PICTURES + 30 {
        tick.tick().await;
        a.send_video(Source::Camera, picture(&clock, Instant::now(), n == 0, SIZE));
        if owner.is_finished() {
            break;
        }
    }
    tokio::time::timeout(Duration::from_secs(10), owner).await.unwrap().unwrap();
    let (wakes, packets) = (wakes.load(Ordering::Relaxed), packets.load(Ordering::Relaxed));
    let after = [&a, &b].map(|peer| peer.shared_of_tests().counters.passes.load(Ordering::Relaxed));
    let passes = [0, 1].map(|at| (after[at] - passes[at]) as f64 / PICTURES as f64);
    println!(
        "{packets} packets of {PICTURES} pictures: {wakes} wakes; the drivers' passes for each: {passes:.1?}"
    );
    assert!(packets >= PICTURES * 5);
    // A target or a report is told once in a while, too.
    assert!(wakes <= PICTURES * 13 / 10, "{wakes} wakes for {PICTURES} pictures");
}
