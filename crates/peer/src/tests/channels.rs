//! The data channels.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tincan_protocol::Channel;
use tokio::time::Sleep;
use webrtc::runtime::{AsyncUdpSocket, RecvMeta, Transmit};

use super::harness::{CONFIRM, Pair, Side};
use crate::{PeerError, PeerEvent};

const OTHERS: [Channel; 4] = [Channel::Chat, Channel::Files, Channel::Board, Channel::Game];

async fn with_all_open() -> Pair {
    let mut pair = Pair::connected().await;
    for channel in OTHERS {
        pair.a.open_channel(channel);
        pair.b.open_channel(channel);
    }
    let mut open = [0; 2];
    pair.until("all channels", |side, event| {
        open[side as usize] += u32::from(matches!(event, PeerEvent::ChannelOpen(_)));
        (open == [4; 2]).then_some(())
    })
    .await;
    pair
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_pass_both_ways_in_order_on_every_channel() {
    let mut pair = Pair::open().await;
    for n in 0..20u8 {
        for (peer, length) in [(&pair.a, 1 + usize::from(n) * 100), (&pair.b, 10)] {
            peer.send_message(Channel::Control, char::from(n).to_string().repeat(length).into()).unwrap();
        }
    }
    pair.a.negotiate().await.unwrap();
    let (mut got, mut open) = ([0u8; 2], [0; 2]);
    pair.until("twenty messages each", |side, event| {
        match event {
            PeerEvent::ChannelOpen(Channel::Control) => open[side as usize] += 1,
            PeerEvent::ChannelMessage { channel: Channel::Control, data } if data != CONFIRM => {
                assert_eq!(data[0], got[side as usize]);
                got[side as usize] += 1;
            }
            _ => {}
        }
        (got == [20; 2]).then_some(())
    })
    .await;
    assert_eq!(open, [1; 2]);
    pair.until_connected_already().await;
    for channel in OTHERS {
        pair.a.open_channel(channel);
        pair.b.open_channel(channel);
    }
    let mut got = [[0u8; 4]; 2];
    let mut opened = [[false; 2]; 4];
    let (a, b) = (pair.a.clone(), pair.b.clone());
    pair.until("ten messages each", |side, event| {
        let at = |channel: Channel| OTHERS.iter().position(|other| *other == channel);
        match event {
            PeerEvent::ChannelOpen(channel) => {
                let at = at(*channel).unwrap();
                opened[at][side as usize] = true;
                if opened[at] == [true; 2] {
                    for n in 0..10 {
                        a.send_message(*channel, vec![n; 500].into()).unwrap();
                        b.send_message(*channel, vec![n; 500].into()).unwrap();
                    }
                }
            }
            PeerEvent::ChannelMessage { channel, data } if *channel != Channel::Control => {
                let at = at(*channel).unwrap();
                if channel.is_reliable() {
                    assert_eq!(data[0], got[side as usize][at]);
                }
                got[side as usize][at] += 1;
            }
            _ => {}
        }
        (got == [[10; 4]; 2]).then_some(())
    })
    .await;
    drop((a, b));
    pair.close().await;
}

/// Datagrams come in bursts, as from a radio: what has arrived is read together, every 25 ms.
#[derive(Debug)]
struct Bursts {
    inner: Arc<dyn AsyncUdpSocket>,
    /// Until when what has arrived may be read, and what ends the time in which it may not.
    state: Mutex<(Instant, Pin<Box<Sleep>>)>,
}

impl AsyncUdpSocket for Bursts {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn poll_send(&self, cx: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        self.inner.poll_send(cx, transmit)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.state.lock().unwrap();
        let (open_until, timer) = &mut *state;
        if timer.as_mut().poll(cx).is_ready() {
            *open_until = Instant::now() + Duration::from_millis(5);
            timer.as_mut().reset(tokio::time::Instant::now() + Duration::from_millis(25));
            let _ = timer.as_mut().poll(cx);
        }
        if Instant::now() < *open_until { self.inner.poll_recv(cx, bufs, meta) } else { Poll::Pending }
    }

    fn max_gro_segments(&self) -> usize {
        self.inner.max_gro_segments()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_message_arrives_also_in_one_burst_with_what_opens_the_channel() {
    for _ in 0..5 {
        let mut pair = Pair::open_over(Some(Arc::new(|inner| {
            let state = Mutex::new((Instant::now(), Box::pin(tokio::time::sleep(Duration::ZERO))));
            Arc::new(Bursts { inner, state }) as Arc<dyn AsyncUdpSocket>
        })))
        .await;
        pair.a.negotiate().await.unwrap();
        // Each is confirmed by the other's first message.
        pair.until_connected().await;
        pair.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_before_a_channel_is_asked_for_is_kept() {
    let mut pair = Pair::connected().await;
    pair.a.open_channel(Channel::Chat);
    pair.until("chat on one side", |side, event| {
        (side == Side::A && matches!(event, PeerEvent::ChannelOpen(Channel::Chat))).then_some(())
    })
    .await;
    for n in 0..3u8 {
        pair.a.send_message(Channel::Chat, vec![n].into()).unwrap();
    }
    pair.a.send_message(Channel::Control, Bytes::from_static(b"after it")).unwrap();
    pair.until("what was said later", |side, event| match event {
        PeerEvent::ChannelMessage { channel, data } if side == Side::B => {
            assert_eq!(*channel, Channel::Control);
            (data == "after it").then_some(())
        }
        _ => None,
    })
    .await;
    pair.b.open_channel(Channel::Chat);
    let (mut open, mut got) = (false, 0);
    pair.until("what was said before", |side, event| {
        match event {
            PeerEvent::ChannelOpen(Channel::Chat) if side == Side::B => open = true,
            PeerEvent::ChannelMessage { channel: Channel::Chat, data } => {
                assert!(open);
                assert_eq!(data[0], got);
                got += 1;
            }
            _ => {}
        }
        (got == 3).then_some(())
    })
    .await;
    pair.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn control_overtakes_a_full_file_channel() {
    let mut pair = with_all_open().await;
    let piece = Bytes::from(vec![7; 16 * 1024]);
    let mut queued = 0u64;
    let busy = loop {
        match pair.a.send_message(Channel::Files, piece.clone()) {
            Ok(()) => queued += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(busy, PeerError::ChannelBusy);
    assert!(queued >= 12, "{queued}");
    pair.a.send_message(Channel::Chat, Bytes::from_static(b"chat")).unwrap();
    pair.a.send_message(Channel::Control, Bytes::from_static(b"now")).unwrap();
    let (mut files, mut chat, mut control) = (0u64, None, None);
    pair.until("all of it", |side, event| {
        if let (Side::B, PeerEvent::ChannelMessage { channel, data }) = (side, event) {
            match channel {
                Channel::Files => {
                    assert_eq!(data.len(), piece.len());
                    files += 1;
                }
                Channel::Chat => chat = Some(files),
                _ => control = control.or((data == "now").then_some(files)),
            }
        }
        (files == queued && chat.is_some() && control.is_some()).then_some(())
    })
    .await;
    println!("{queued} pieces; control came after {control:?}, chat after {chat:?}");
    // What the library had by then: the window's two or three pieces, and what the path took while we queued.
    assert!(control.unwrap() < queued / 2 && chat.unwrap() < queued / 2, "{control:?} {chat:?} of {queued}");
    pair.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_goes_at_the_speed_of_the_path() {
    const BYTES: usize = 32 << 20;
    let mut pair = with_all_open().await;
    let (peer, start) = (pair.a.clone(), Instant::now());
    let task = tokio::spawn(async move {
        let piece = Bytes::from(vec![7; 16 * 1024]);
        for _ in 0..BYTES / piece.len() {
            while peer.send_message(Channel::Files, piece.clone()).is_err() {
                peer.writable(Channel::Files).await.unwrap();
            }
        }
    });
    let mut got = 0;
    pair.until("the file", |side, event| {
        if let (Side::B, PeerEvent::ChannelMessage { channel: Channel::Files, data }) = (side, event) {
            got += data.len();
        }
        (got == BYTES).then_some(())
    })
    .await;
    println!("{:.1} MB/s", BYTES as f64 / 1e6 / start.elapsed().as_secs_f64());
    task.await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    pair.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_that_was_opened_in_band_is_closed() {
    let mut pair = Pair::connected().await;
    let foreign = pair.a.open_in_band("files").await;
    let closed = async {
        loop {
            match foreign.poll().await {
                Some(webrtc::data_channel::DataChannelEvent::OnClose) | None => return,
                Some(_) => {}
            }
        }
    };
    // Its owner is told nothing of it, and control goes on.
    let told = pair.until("nothing", |_, event| match event {
        PeerEvent::ChannelOpen(channel) => Some(*channel),
        _ => None,
    });
    tokio::select! {
        () = closed => {}
        channel = told => panic!("{channel:?} was opened"),
        () = tokio::time::sleep(Duration::from_secs(10)) => panic!("it is still open"),
    }
    pair.a.send_message(Channel::Control, Bytes::from_static(b"still here")).unwrap();
    pair.until("control", |_, event| {
        matches!(event, PeerEvent::ChannelMessage { data, .. } if data == "still here").then_some(())
    })
    .await;
}
