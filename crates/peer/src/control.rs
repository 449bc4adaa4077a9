//! The control channel: one ordered, reliable data channel named `control`.
//!
//! The offerer opens it in-band. When both offered at once, two may exist for a while: each side reads both, and both
//! send on the impolite side's. Messages go as text, since a browser hands binary ones over as something else; both
//! kinds are read.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
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

type Channel = Arc<dyn DataChannel>;

/// The channels and the tasks that read and write them.
pub(crate) struct Control {
    open: watch::Sender<Option<Channel>>,
    events: mpsc::Sender<PeerEvent>,
    cancel: CancellationToken,
    polite: bool,
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
        let stop = cancel.clone();
        tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = send(outbox, opened) => {}
            }
        });
        Self { open, events, cancel, polite }
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

async fn send(mut outbox: mpsc::Receiver<String>, mut open: watch::Receiver<Option<Channel>>) {
    while let Some(message) = outbox.recv().await {
        let channel = match open.wait_for(Option::is_some).await {
            Ok(channel) => channel.clone(),
            Err(_) => return,
        };
        if let Some(channel) = channel
            && let Err(error) = channel.send_text(&message).await
        {
            debug!(%error, "a control message was not sent");
        }
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
