//! ICE restarts while media flows.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tincan_protocol::Source;

use super::harness::{Pair, Sending, Side, carry, is_media};
use crate::PeerEvent;

/// The longest time without sound on both sides, in the first `time`, while signalling takes `delay` each way.
async fn longest_gaps(pair: &mut Pair, delay: Duration, time: Duration) -> [Duration; 2] {
    let end = tokio::time::Instant::now() + time;
    let mut under_way = VecDeque::new();
    let mut heard = [Instant::now(); 2];
    let mut longest = [Duration::ZERO; 2];
    loop {
        let due = under_way.front().map_or(end, |(due, _, _)| *due);
        let (side, event) = tokio::select! {
            event = pair.a_events.recv() => (Side::A, event.expect("a is open")),
            event = pair.b_events.recv() => (Side::B, event.expect("b is open")),
            () = tokio::time::sleep_until(due) => match under_way.pop_front() {
                Some((_, side, event)) => {
                    carry(pair.other(side), event).await;
                    continue;
                }
                None => return longest,
            },
        };
        match event {
            PeerEvent::Media { source: Source::Microphone, packet } => {
                let side = side as usize;
                longest[side] = longest[side].max(packet.arrived - heard[side]);
                heard[side] = packet.arrived;
            }
            PeerEvent::LocalDescription(_) | PeerEvent::LocalCandidate(_) => {
                under_way.push_back((tokio::time::Instant::now() + delay, side, event));
            }
            _ => {}
        }
        if tokio::time::Instant::now() > end {
            return longest;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_keeps_the_path_that_works() {
    for who in [Side::A, Side::B] {
        let mut pair = Pair::connected().await;
        let _sending = [Sending::start(pair.a.clone(), 300), Sending::start(pair.b.clone(), 300)];
        let mut heard = [false; 2];
        pair.until("sound on both sides", |side, event| {
            heard[side as usize] |= is_media(event, Source::Microphone);
            (heard == [true; 2]).then_some(())
        })
        .await;
        let peer = if who == Side::A { pair.a.clone() } else { pair.b.clone() };
        peer.restart_ice().await.unwrap();
        drop(peer);
        // Half a second there, half a second back.
        let gaps = longest_gaps(&mut pair, Duration::from_millis(500), Duration::from_millis(2_500)).await;
        println!("{who:?} restarted: nothing was heard for {gaps:?}");
        assert!(gaps.iter().all(|gap| *gap < Duration::from_millis(200)), "{who:?}: {gaps:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_that_nobody_answers_changes_nothing() {
    let mut pair = Pair::connected().await;
    let _sending = Sending::start(pair.a.clone(), 300);
    pair.b.restart_ice().await.unwrap();
    // Signalling is dead.
    let gaps = longest_gaps(&mut pair, Duration::from_secs(60), Duration::from_secs(2)).await;
    assert!(gaps[Side::B as usize] < Duration::from_millis(200), "{gaps:?}");
}
