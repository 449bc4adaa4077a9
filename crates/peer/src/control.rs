//! The control channel: one ordered, reliable data channel named `control`.
//!
//! The offerer opens it in-band. When both offered at once, two may exist for a while: each side reads both, and both
//! send on the impolite side's. Messages go as text, since a browser hands binary ones over as something else; both
//! kinds are read.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::debug;
use webrtc::data_channel::{DataChannel, DataChannelEvent};

use crate::api::PeerEvent;

/// The channel's name.
pub(crate) const LABEL: &str = "control";
/// Longest message, either way. Every implementation takes 16 KiB in one piece (RFC 8831, section 6.6).
pub(crate) const MAX_MESSAGE: usize = 16 * 1024;
/// What may be under way unacknowledged; control messages are few and small.
pub(crate) const SEND_BUFFER: usize = 256 * 1024;
/// Messages that wait while the channel is not open or full.
pub(crate) const QUEUE: usize = 64;
/// The last word before the end is a goodbye, which the other side must hear from us and not from whoever passes
/// signalling on. It is waited for as long as an acknowledgement takes: it may be held back for 200 ms (RFC 9260, section
/// 6.2), and who is farther away than the rest has got the packet by then all the same.
const LAST_WORD: Duration = Duration::from_millis(300);
/// How often to look whether it was acknowledged; the library tells it to the reader of the channel only.
const LOOK: Duration = Duration::from_millis(5);

type Channel = Arc<dyn DataChannel>;

/// The channels and the tasks that read and write them.
pub(crate) struct Control {
    open: watch::Sender<Option<Channel>>,
    events: mpsc::Sender<PeerEvent>,
    cancel: CancellationToken,
    polite: bool,
    /// Ends when everything is said.
    said: oneshot::Receiver<()>,
}

impl Control {
    /// Also starts the task that sends what comes by `outbox`.
    pub(crate) fn new(
        tasks: &mut JoinSet<()>,
        events: mpsc::Sender<PeerEvent>,
        outbox: mpsc::Receiver<String>,
        cancel: CancellationToken,
        polite: bool,
    ) -> Self {
        let (open, opened) = watch::channel(None);
        let (saying, said) = oneshot::channel();
        let stop = cancel.clone();
        tasks.spawn(async move {
            send(outbox, opened, stop).await;
            drop(saying);
        });
        Self { open, events, cancel, polite, said }
    }

    /// After the cancellation: returns when the other side has what was still to be said, or when that takes too long.
    pub(crate) async fn last_word(&mut self) {
        // Nothing is ever sent on it: it ends with the task that holds the other end.
        let _ = tokio::time::timeout(LAST_WORD, &mut self.said).await;
    }

    /// Takes a channel into use. `ours`: we created it.
    pub(crate) fn adopt(&self, tasks: &mut JoinSet<()>, channel: Channel, ours: bool) {
        let reader = Reader {
            channel,
            open: self.open.clone(),
            events: self.events.clone(),
            preferred: ours != self.polite,
        };
        let stop = self.cancel.clone();
        tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = reader.run() => {}
            }
        });
    }
}

async fn send(
    mut outbox: mpsc::Receiver<String>,
    mut open: watch::Receiver<Option<Channel>>,
    stop: CancellationToken,
) {
    let mut used = None;
    loop {
        // What was queued before the end comes before the end.
        let message = tokio::select! {
            biased;
            message = outbox.recv() => message,
            () = stop.cancelled() => None,
        };
        let Some(message) = message else { break };
        let channel = tokio::select! {
            biased;
            channel = open.wait_for(Option::is_some) => match channel {
                Ok(channel) => channel.clone(),
                Err(_) => return,
            },
            () = stop.cancelled() => return,
        };
        if let Some(channel) = channel {
            if channel.send_text(&message).await.is_err() {
                debug!("a control message was not sent");
            }
            used = Some(channel);
        }
    }
    let Some(channel) = used else { return };
    while channel.outstanding_bytes().await.is_ok_and(|bytes| bytes > 0) {
        tokio::time::sleep(LOOK).await;
    }
}

struct Reader {
    channel: Channel,
    open: watch::Sender<Option<Channel>>,
    events: mpsc::Sender<PeerEvent>,
    preferred: bool,
}

impl Reader {
    async fn run(self) {
        while let Some(event) = self.channel.poll().await {
            match event {
                DataChannelEvent::OnOpen => self.opened().await,
                DataChannelEvent::OnMessage(message) if message.data.len() <= MAX_MESSAGE => {
                    // Nobody reads any more only while the connection closes, which ends this task too.
                    let _ = self.events.send(PeerEvent::Control(message.data.freeze())).await;
                }
                DataChannelEvent::OnMessage(_) => debug!("a control message was too long"),
                DataChannelEvent::OnClose => break,
                _ => {}
            }
        }
        self.open.send_if_modified(|open| {
            let ours = open.as_ref().is_some_and(|open| Arc::ptr_eq(open, &self.channel));
            if ours {
                *open = None;
            }
            ours
        });
    }

    async fn opened(&self) {
        let mut first = false;
        self.open.send_if_modified(|open| {
            first = open.is_none();
            let take = first || self.preferred;
            if take {
                *open = Some(self.channel.clone());
            }
            take
        });
        if first {
            let _ = self.events.send(PeerEvent::ControlOpen).await;
        }
    }
}
