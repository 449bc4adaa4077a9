//! Everything that a participant can send, at once and one after the other.

use std::time::Instant;

use tincan_media::MediaClock;
use tincan_protocol::Source;

use super::harness::{Pair, Sending, Side, picture, sound};
use crate::sources::sections;
use crate::{PeerEvent, Sent, SessionDescription};

/// Packets that each side got of each source.
type Counts = [[u32; 4]; 2];

fn count(counts: &mut Counts, side: Side, event: &PeerEvent) {
    if let PeerEvent::Media { source, .. } = event {
        counts[side as usize][*source as usize] += 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_four_sources_flow_both_ways_at_once() {
    let mut pair = Pair::connected().await;
    let _sending = [&pair.a, &pair.b].map(|peer| Sending::of(&Source::ALL, peer.clone(), 300));
    let (mut counts, mut reports) = (Counts::default(), [[false; 4]; 2]);
    pair.until("everything both ways", |side, event| {
        count(&mut counts, side, event);
        match event {
            PeerEvent::SenderReport { source, .. } => reports[side as usize][*source as usize] = true,
            PeerEvent::Media { source, packet } => {
                assert_eq!(packet.audio_level.is_some(), !source.is_video());
                assert_eq!(packet.payload.len() == 80, !source.is_video(), "sound is sound");
            }
            _ => {}
        }
        let enough = counts.iter().flatten().all(|n| *n > 30);
        (enough && reports == [[true; 4]; 2]).then_some(())
    })
    .await;
    for peer in [&pair.a, &pair.b] {
        let received: Vec<_> = peer.statistics().jitter.into_keys().collect();
        assert_eq!(received, Source::ALL);
    }
    for source in [Source::Camera, Source::Screen] {
        pair.b.request_keyframe(source);
        pair.until("a request", |side, event| {
            if let (Side::A, PeerEvent::KeyframeRequested(asked)) = (side, event) {
                assert_eq!(*asked, source);
                return Some(());
            }
            None
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_screen_is_added_in_mid_call_without_another_description() {
    let mut pair = Pair::connected().await;
    let _call = [&pair.a, &pair.b].map(|peer| Sending::start(peer.clone(), 300));
    let mut counts = Counts::default();
    pair.until("the call", |side, event| {
        count(&mut counts, side, event);
        assert_eq!(counts[side as usize][2..], [0, 0]);
        counts.iter().all(|counts| counts[..2].iter().all(|n| *n > 10)).then_some(())
    })
    .await;
    let _share = Sending::of(&[Source::Screen, Source::ScreenSound], pair.b.clone(), 600);
    counts = Counts::default();
    let mut first = None;
    pair.until("the screen", |side, event| {
        assert!(!matches!(event, PeerEvent::LocalDescription(_)), "nothing is negotiated");
        if let (Side::A, PeerEvent::Media { source: Source::Screen, packet }) = (side, event) {
            first.get_or_insert(packet.payload[0]);
        }
        count(&mut counts, side, event);
        let [a, b] = &counts;
        (a.iter().all(|n| *n > 20) && b[..2].iter().all(|n| *n > 20)).then_some(())
    })
    .await;
    assert_eq!(first.map(|byte| byte & 0x1f), Some(24), "it begins with parameter sets (STAP-A)");
    assert_eq!(counts[Side::B as usize][2..], [0, 0], "only one side shares");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ice_restart_keeps_every_source() {
    let mut pair = Pair::connected().await;
    let _sending = [&pair.a, &pair.b].map(|peer| Sending::of(&Source::ALL, peer.clone(), 200));
    for round in 0..3 {
        let mut counts = Counts::default();
        pair.until("everything both ways", |side, event| {
            if let PeerEvent::LocalDescription(SessionDescription { sdp, .. }) = event {
                assert_eq!(sdp.matches("\nm=").count(), 5);
            }
            count(&mut counts, side, event);
            counts.iter().flatten().all(|n| *n > 20).then_some(())
        })
        .await;
        let by = if round == 0 { Side::A } else { Side::B };
        if round < 2 {
            pair.peer(by).restart_ice().await.unwrap();
            pair.until("the answer", |side, event| {
                let answered = |d: &SessionDescription| side != by && !d.offer;
                matches!(event, PeerEvent::LocalDescription(d) if answered(d)).then_some(())
            })
            .await;
        }
    }
}

fn kinds(sdp: &str) -> Vec<&str> {
    sdp.lines().filter_map(|line| line.strip_prefix("m=")?.split(' ').next()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_without_screens_is_answered_alike_and_gets_the_rest() {
    for restart_by in [Side::A, Side::B] {
        let mut pair = Pair::open().await;
        pair.a.limit(sections("v=0\nm=audio 9\nm=video 9\n")).await;
        pair.a.negotiate().await.unwrap();
        pair.until_connected().await;
        let _sending = [&pair.a, &pair.b].map(|peer| Sending::of(&Source::ALL, peer.clone(), 300));
        for round in 0..2 {
            let (mut counts, mut descriptions) = (Counts::default(), 0);
            pair.until("sound and pictures", |side, event| {
                if let PeerEvent::LocalDescription(SessionDescription { sdp, .. }) = event {
                    // A later offer does not bring the sections that the guest does not know, either.
                    assert_eq!(kinds(sdp), ["audio", "video", "application"]);
                    descriptions += 1;
                }
                count(&mut counts, side, event);
                let enough = counts.iter().all(|counts| counts[..2].iter().all(|n| *n > 20));
                assert!(counts.iter().all(|counts| counts[2..] == [0, 0]));
                (enough && descriptions == round * 2).then_some(())
            })
            .await;
            if round == 0 {
                pair.peer(restart_by).restart_ice().await.unwrap();
            }
        }
        let (clock, now) = (MediaClock::new(Instant::now()), Instant::now());
        assert_eq!(pair.b.send_video(Source::Screen, picture(&clock, now, true, 10)), Sent::Dropped);
        assert_eq!(pair.b.send_audio(Source::ScreenSound, sound(&clock, now, 0)), Sent::Dropped);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_may_change_their_size_from_one_keyframe_to_the_next() {
    let mut pair = Pair::connected().await;
    let clock = MediaClock::new(Instant::now());
    let peer = pair.a.clone();
    let task = tokio::spawn(async move {
        let mut tick = tokio::time::interval(std::time::Duration::from_millis(33));
        for n in 0usize.. {
            tick.tick().await;
            // Another layer every ten pictures.
            let size = [600, 2_000, 8_000][n / 10 % 3];
            peer.send_video(Source::Camera, picture(&clock, Instant::now(), n.is_multiple_of(10), size));
        }
    });
    let mut last = None::<u16>;
    let mut pictures = 0;
    pair.until("forty pictures", |side, event| {
        if let (Side::B, PeerEvent::Media { source: Source::Camera, packet }) = (side, event) {
            if let Some(last) = last {
                assert_eq!(packet.sequence, last.wrapping_add(1), "one count for all sizes");
            }
            last = Some(packet.sequence);
            pictures += u32::from(packet.marker);
        }
        (pictures >= 40).then_some(())
    })
    .await;
    task.abort();
    let _ = task.await;
    pair.close().await;
}
