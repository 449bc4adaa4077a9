//! Nothing but control before both sides know who the other is.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tincan_media::MediaClock;
use tincan_protocol::{Channel, Source};

use super::harness::{CONFIRM, Pair, Sending, Side, is_media, picture};
use crate::{PeerError, PeerEvent, PeerState, Sent};

/// A pair whose control channels are open, and that has confirmed nobody.
async fn unconfirmed() -> Pair {
    let mut pair = Pair::open().await;
    pair.confirms = false;
    pair.a.negotiate().await.unwrap();
    let (mut open, mut connected) = ([false; 2], [false; 2]);
    pair.until("control", |side, event| {
        match event {
            PeerEvent::ChannelOpen(channel) => {
                assert_eq!(*channel, Channel::Control);
                assert!(connected[side as usize], "who can be asked for certificates");
                open[side as usize] = true;
            }
            PeerEvent::State(PeerState::Connected) => connected[side as usize] = true,
            _ => {}
        }
        (open == [true; 2]).then_some(())
    })
    .await;
    pair
}

fn confirm(pair: &Pair, side: Side) {
    pair.peer(side).send_message(Channel::Control, Bytes::from_static(CONFIRM)).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sent_before_the_other_side_is_confirmed_and_we_have_said_who_we_are() {
    let mut pair = unconfirmed().await;
    let clock = MediaClock::new(Instant::now());
    let send = |pair: &Pair| pair.a.send_video(Source::Camera, picture(&clock, Instant::now(), true, 10));
    assert!(pair.a.certificates().is_some());
    for channel in [Channel::Chat, Channel::Files] {
        pair.a.open_channel(channel);
        let refused = pair.a.send_message(channel, Bytes::from_static(b"x"));
        assert_eq!(refused, Err(PeerError::ChannelBusy));
    }
    assert_eq!(send(&pair), Sent::Dropped);
    pair.a.confirmed();
    assert_eq!(send(&pair), Sent::Dropped, "they do not know who we are");
    confirm(&pair, Side::A);
    // The picture that was dropped is wanted as soon as it can be sent.
    pair.until("the keyframe", |side, event| {
        (side == Side::A && matches!(event, PeerEvent::KeyframeRequested(Source::Camera))).then_some(())
    })
    .await;
    assert_eq!(send(&pair), Sent::Queued);
    assert_eq!(pair.b.statistics().keyframe_requests + pair.a.statistics().keyframe_requests, 0);
    pair.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_handed_out_before_and_a_keyframe_is_asked_for_after_the_confirmation() {
    let mut pair = unconfirmed().await;
    // A side that breaks the rule: it sends before it was told who we are.
    pair.a.shared_of_tests().gate.confirmed.store(true, Ordering::Release);
    pair.a.shared_of_tests().gate.introduced.store(true, Ordering::Release);
    let _sending = Sending::start(pair.a.clone(), 4_000);
    let received = |pair: &Pair| pair.b.shared_of_tests().counters.arrived.load(Ordering::Relaxed);
    let waited = async {
        while received(&pair) < 700 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waited).await.unwrap();
    confirm(&pair, Side::A);
    pair.until("their word", |side, event| {
        assert!(
            !(side == Side::B && matches!(event, PeerEvent::Media { .. } | PeerEvent::SenderReport { .. }))
        );
        (side == Side::B && matches!(event, PeerEvent::ChannelMessage { .. })).then_some(())
    })
    .await;
    assert_eq!(pair.b.statistics().keyframes_requested, 0);
    pair.b.confirmed();
    pair.until("media", |side, event| (side == Side::B && is_media(event, Source::Camera)).then_some(()))
        .await;
    let asked = async {
        while pair.a.statistics().keyframe_requests == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), asked).await.unwrap();
    assert_eq!(pair.b.statistics().keyframes_requested, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_picture_arrives_whole_without_being_asked_for() {
    for _ in 0..5 {
        let mut pair = Pair::open().await;
        pair.a.negotiate().await.unwrap();
        // Both send from the beginning, whatever becomes of it: a keyframe when one is wanted.
        let clock = MediaClock::new(Instant::now());
        let (a, b) = (pair.a.clone(), pair.b.clone());
        for peer in [&a, &b] {
            assert_eq!(
                peer.send_video(Source::Camera, picture(&clock, Instant::now(), true, 9_000)),
                Sent::Dropped
            );
        }
        let mut packets = [Vec::new(), Vec::new()];
        pair.until("a picture each", |side, event| {
            let (me, at) = (if side == Side::A { &a } else { &b }, side as usize);
            match event {
                PeerEvent::KeyframeRequested(Source::Camera) => {
                    me.send_video(Source::Camera, picture(&clock, Instant::now(), true, 9_000));
                }
                PeerEvent::Media { source: Source::Camera, packet } => {
                    packets[at].push((packet.payload[0] & 0x1f, packet.marker));
                }
                _ => {}
            }
            packets.iter().all(|packets| packets.iter().any(|(_, marker)| *marker)).then_some(())
        })
        .await;
        for packets in packets {
            assert_eq!(packets[0].0, 24, "parameter sets come first: nothing was dropped");
            assert!(packets.len() >= 9);
        }
        for peer in [&a, &b] {
            assert_eq!(peer.statistics().keyframe_requests, 0);
        }
        drop((a, b));
        pair.close().await;
    }
}
