//! Who is at the other end, and what a description may say about it.

use std::time::Instant;

use tincan_media::MediaClock;
use tincan_protocol::Source;

use super::harness::{Pair, Sending, Side, config, is_media};
use crate::{Peer, PeerError, PeerEvent, PeerEvents, PeerState, SessionDescription};

/// The lines of a description that name its author's certificate.
fn fingerprints(sdp: &str) -> Vec<&str> {
    sdp.lines().filter(|line| line.starts_with("a=fingerprint:")).collect()
}

/// What the library reads of certificates in a description.
fn as_the_library_reads(sdp: &str) -> Option<Vec<String>> {
    let parsed = rtc::sdp::SessionDescription::unmarshal(&mut std::io::Cursor::new(sdp)).ok()?;
    let attributes =
        parsed.attributes.iter().chain(parsed.media_descriptions.iter().flat_map(|m| &m.attributes));
    let named = attributes.filter(|one| one.key.to_ascii_lowercase().contains("fingerprint"));
    Some(named.map(|one| one.value.clone().unwrap_or_default()).collect())
}

proptest::proptest! {
    #[test]
    fn the_library_reads_one_certificate_in_whatever_is_accepted(
        lines in proptest::collection::vec((0..7usize, 0..4usize), 0..10),
    ) {
        let digests = ["AB", "EE"].map(|byte| [byte; 32].join(":"));
        let mut sdp = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n".to_owned();
        for (kind, which) in lines {
            let digest = &digests[which % 2];
            let end = if which < 2 { "\r\n" } else { "\n" };
            sdp += &match kind {
                0 | 1 => format!("a=fingerprint:sha-256 {}{end}", digests[0]),
                2 => format!("a=fingerprint:SHA-256 {}{end}", digest.to_lowercase()),
                3 => format!("a=fingerprint{end}"),
                4 => format!("a=x\ra=fingerprint:sha-256 {digest}{end}"),
                5 => format!("m=audio 9 UDP/TLS/RTP/SAVPF 111{end}"),
                _ => format!("a=mid:{which}{end}"),
            };
        }
        if let Ok((accepted, digest)) = tincan_protocol::sdp::accepted(&sdp) {
            let said = digest.as_bytes().map(|byte| format!("{byte:02X}")).join(":");
            let read = as_the_library_reads(&accepted).expect("it parses");
            proptest::prop_assert!(!read.is_empty());
            for one in read {
                proptest::prop_assert_eq!(one, format!("sha-256 {said}"));
            }
        }
    }
}

async fn offer(events: &mut PeerEvents) -> String {
    loop {
        match events.recv().await {
            Some(PeerEvent::LocalDescription(description)) => return description.sdp,
            Some(_) => {}
            None => panic!("no offer"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_compare_the_certificates_of_the_handshake() {
    let mut pair = Pair::open().await;
    assert_eq!(pair.a.certificates(), None);
    pair.a.negotiate().await.unwrap();
    let mut named = [String::new(), String::new()];
    let mut connected = [false; 2];
    pair.until("connected", |side, event| {
        let at = usize::from(side == Side::B);
        match event {
            PeerEvent::LocalDescription(description) => {
                let lines = fingerprints(&description.sdp);
                named[at] = lines[0].strip_prefix("a=fingerprint:sha-256 ").unwrap().to_owned();
            }
            PeerEvent::State(state) => connected[at] = *state == PeerState::Connected,
            _ => {}
        }
        (connected == [true; 2]).then_some(())
    })
    .await;
    let seen = [&pair.a, &pair.b].map(|peer| {
        let certificates = peer.certificates().unwrap();
        [certificates.local, certificates.remote]
            .map(|digest| digest.as_bytes().map(|byte| format!("{byte:02X}")).join(":"))
    });
    let [a, b] = named;
    assert_eq!(seen, [[a.clone(), b.clone()], [b, a]]);
    pair.close().await;
}

/// The library takes an attribute without a value for the first of its name, and then looks further below: it would
/// check the handshake against another certificate than the one that a person reads in the text.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_description_that_hides_one_certificate_behind_another_is_refused() {
    let clock = MediaClock::new(Instant::now());
    let (ada, mut from_ada) = Peer::open(config(clock, false)).await.unwrap();
    let (eve, mut from_eve) = Peer::open(config(clock, false)).await.unwrap();
    let (ben, _from_ben) = Peer::open(config(clock, true)).await.unwrap();
    ada.negotiate().await.unwrap();
    eve.negotiate().await.unwrap();
    let (ada_says, eve_says) = (offer(&mut from_ada).await, offer(&mut from_eve).await);
    let (hers, eves) = (fingerprints(&ada_says)[0], fingerprints(&eve_says)[0]);
    let plain = eve_says.replace(&format!("{eves}\r\n"), "");
    let (session, sections) = plain.split_once("m=").unwrap();
    for disguised in [
        format!(
            "{session}a=fingerprint\r\n{hers}\r\nm={}",
            sections.replace("a=mid:", &format!("{eves}\r\na=mid:"))
        ),
        format!("{session}{hers}\r\nm={}", sections.replace("a=mid:", &format!("{eves}\r\na=mid:"))),
        format!("{session}{hers}\r\n{eves}\r\nm={sections}"),
        format!("{session}m={sections}"),
    ] {
        let refused = ben.set_remote(SessionDescription { offer: true, sdp: disguised }).await;
        assert_eq!(refused, Err(PeerError::Certificate));
    }
    ben.set_remote(SessionDescription { offer: true, sdp: ada_says.clone() }).await.unwrap();
    let another = SessionDescription { offer: true, sdp: eve_says };
    assert_eq!(ben.set_remote(another).await, Err(PeerError::Certificate), "in mid-connection");
    ben.set_remote(SessionDescription { offer: true, sdp: ada_says }).await.unwrap();
    for peer in [ada, eve, ben] {
        peer.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sections_without_a_direction_are_answered_and_carry_media_both_ways() {
    let mut pair = Pair::open().await;
    pair.a.negotiate().await.unwrap();
    let _sending = [Sending::start(pair.a.clone(), 300), Sending::start(pair.b.clone(), 300)];
    let silent = |sdp: &str| sdp.replace("a=sendrecv\r\n", "");
    let mut media = [[0; 2]; 2];
    pair.until_rewriting("sound and pictures both ways", silent, |side, event| {
        let at = usize::from(side == Side::B);
        match event {
            PeerEvent::LocalDescription(description) => {
                let sections =
                    description.sdp.lines().filter_map(|line| line.strip_prefix("m=")?.split(' ').next());
                assert_eq!(sections.collect::<Vec<_>>(), ["audio", "video", "video", "audio", "application"]);
            }
            event => {
                media[at][0] += u32::from(is_media(event, Source::Microphone));
                media[at][1] += u32::from(is_media(event, Source::Camera));
            }
        }
        media.iter().flatten().all(|count| *count > 5).then_some(())
    })
    .await;
    drop(_sending);
    drop(pair);
}
