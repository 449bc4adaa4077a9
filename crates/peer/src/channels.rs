//! The data channels of a connection. Both sides know them beforehand, so nothing is negotiated when one opens, and what
//! the other side opens in-band is closed.
//!
//! All are made with the connection, since the library loses what comes on a stream that it does not know. To the owner
//! only control is open by itself; the others are when the owner asked for them and the other side is confirmed. What
//! comes before is kept, within bounds.
//!
//! Each channel has a queue of its own here ([`Outboxes`]). Control goes first. The library has one queue for everything
//! ordered, so whatever is bulk is handed to it in small amounts only ([`Window`]): a message of control waits behind 50 ms
//! of a file, however much of the file waits here.

mod window;

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rtc::data_channel::RTCDataChannelInit;
use tincan_protocol::Channel;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::debug;
use webrtc::data_channel::{DataChannel, DataChannelEvent};
use webrtc::error::Error;
use webrtc::peer_connection::PeerConnection;

use crate::api::{PeerError, PeerEvent};
use crate::paths::Paths;
use crate::shared::Shared;
pub(crate) use window::Lost;
use window::Window;

/// Longest message. Every implementation takes 16 KiB in one piece (RFC 8831, section 6.6).
pub(crate) const MAX_MESSAGE: usize = 16 * 1024;
/// A limit of the library's for each channel, which is never reached: ours are lower.
pub(crate) const SEND_BUFFER: usize = 4 << 20;
/// What a message costs beside its bytes.
const MESSAGE_COST: usize = 64;
/// Kept of a channel that is not open to the owner yet. Whoever sends more sends what nobody asked for.
const EARLY: usize = 256 * 1024;
/// Messages that wait for the owner, of all channels but control.
pub(crate) const MESSAGES: usize = 64;
/// The last word before the end is a goodbye, which the other side must hear from us and not from whoever passes
/// signalling on. It is waited for as long as an acknowledgement takes: it may be held back for 200 ms (RFC 9260, section
/// 6.2), and who is farther away than the rest has got the packet by then all the same.
const LAST_WORD: Duration = Duration::from_millis(300);
/// How often to look whether something was acknowledged; the library tells it to the reader of the channel only.
const LOOK: Duration = Duration::from_millis(2);

/// The order in which queues are served. A game's moves are late at once, a file never is.
const ORDER: [Channel; 7] = [
    Channel::Control,
    Channel::Game,
    Channel::Ink,
    Channel::Rounds,
    Channel::Chat,
    Channel::Board,
    Channel::Files,
];

/// What may wait in a channel's queue, in bytes.
const fn budget(channel: Channel) -> usize {
    match channel {
        Channel::Game | Channel::Ink => 64 * 1024,
        // Words about files wait behind what is in it, so a file is not to fill it for seconds.
        Channel::Control | Channel::Chat | Channel::Board | Channel::Rounds | Channel::Files => 256 * 1024,
    }
}

type Handle = Arc<dyn DataChannel>;

/// Which channels the owner may use.
#[derive(Debug, Clone, Copy, Default)]
struct Usable {
    confirmed: bool,
    asked: [bool; Channel::ALL.len()],
}

impl Usable {
    const fn is(&self, channel: Channel) -> bool {
        matches!(channel, Channel::Control) || (self.confirmed && self.asked[channel as usize])
    }
}

#[derive(Default)]
struct Outbox {
    messages: VecDeque<Bytes>,
    cost: usize,
    closed: bool,
}

/// What the owner wants to send, and whether it may: the handle's side.
pub(crate) struct Outboxes {
    /// A mutex, since threads of the owner put in and the sending task takes out; it is held for a move of a pointer.
    boxes: Mutex<[Outbox; Channel::ALL.len()]>,
    /// Something came.
    filled: Notify,
    /// Something left.
    emptied: Notify,
    usable: watch::Sender<Usable>,
}

impl Outboxes {
    pub(crate) fn new() -> Self {
        Self {
            boxes: Mutex::default(),
            filled: Notify::new(),
            emptied: Notify::new(),
            usable: watch::Sender::default(),
        }
    }

    fn boxes(&self) -> MutexGuard<'_, [Outbox; Channel::ALL.len()]> {
        // A panic between two moves leaves moved or unmoved pointers.
        self.boxes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The owner wants to use this channel.
    pub(crate) fn ask(&self, channel: Channel) {
        self.usable.send_modify(|usable| usable.asked[channel as usize] = true);
    }

    /// The other side is confirmed.
    pub(crate) fn confirm(&self) {
        self.usable.send_modify(|usable| usable.confirmed = true);
    }

    /// Never waits. What is sent on control before the connection stands waits for it.
    pub(crate) fn push(&self, channel: Channel, message: Bytes) -> Result<(), PeerError> {
        if message.len() > MAX_MESSAGE {
            return Err(PeerError::MessageTooLong { length: message.len(), limit: MAX_MESSAGE });
        }
        if channel == Channel::Control && std::str::from_utf8(&message).is_err() {
            return Err(PeerError::NotText);
        }
        if !self.usable.borrow().is(channel) {
            return Err(PeerError::ChannelBusy);
        }
        let mut boxes = self.boxes();
        let outbox = &mut boxes[channel as usize];
        let cost = message.len() + MESSAGE_COST;
        if outbox.closed {
            return Err(PeerError::Closed);
        }
        if outbox.cost + cost > budget(channel) {
            return Err(PeerError::ChannelBusy);
        }
        outbox.cost += cost;
        outbox.messages.push_back(message);
        drop(boxes);
        self.filled.notify_one();
        Ok(())
    }

    /// Ends when the longest message would be taken.
    pub(crate) async fn writable(&self, channel: Channel) -> Result<(), PeerError> {
        let mut usable = self.usable.subscribe();
        // The sender lives as long as `self`.
        let _ = usable.wait_for(|usable| usable.is(channel)).await;
        loop {
            let emptied = self.emptied.notified();
            tokio::pin!(emptied);
            // From here on nothing that leaves is missed.
            emptied.as_mut().enable();
            {
                let outbox = &self.boxes()[channel as usize];
                if outbox.closed {
                    return Err(PeerError::Closed);
                }
                if outbox.cost + MAX_MESSAGE + MESSAGE_COST <= budget(channel) {
                    return Ok(());
                }
            }
            emptied.await;
        }
    }

    /// The connection, or this channel, has ended.
    fn close(&self, channels: &[Channel]) {
        let mut boxes = self.boxes();
        for channel in channels {
            boxes[*channel as usize] = Outbox { closed: true, ..Outbox::default() };
        }
        drop(boxes);
        self.emptied.notify_waiters();
    }

    fn pop(&self, channel: Channel) -> Option<Bytes> {
        let mut boxes = self.boxes();
        let outbox = &mut boxes[channel as usize];
        let message = outbox.messages.pop_front()?;
        outbox.cost -= message.len() + MESSAGE_COST;
        drop(boxes);
        self.emptied.notify_waiters();
        Some(message)
    }

    /// The channel of which a message leaves next.
    fn next(&self) -> Option<Channel> {
        let boxes = self.boxes();
        ORDER.into_iter().find(|channel| !boxes[*channel as usize].messages.is_empty())
    }
}

/// Whether the handshake is over and its certificates are known.
type Stands = watch::Receiver<bool>;

/// The tasks that read and write a connection's channels.
pub(crate) struct Channels {
    outboxes: Arc<Outboxes>,
    stands: watch::Sender<bool>,
    /// Ends when everything is said.
    said: oneshot::Receiver<()>,
    control_open: watch::Receiver<bool>,
}

/// Where what came goes.
#[derive(Clone)]
struct Inbound {
    shared: Arc<Shared>,
    messages: mpsc::Sender<PeerEvent>,
    stands: Stands,
    outboxes: Arc<Outboxes>,
}

impl Channels {
    /// Makes the channels and starts their tasks.
    pub(crate) async fn open(
        connection: &dyn PeerConnection,
        tasks: &mut JoinSet<()>,
        (shared, paths): (&Arc<Shared>, &Arc<Paths>),
        outboxes: Arc<Outboxes>,
        messages: mpsc::Sender<PeerEvent>,
        stop: &CancellationToken,
    ) -> Result<Self, Error> {
        let (stands, standing) = watch::channel(false);
        let (opened, control_open) = watch::channel(false);
        let inbound =
            Inbound { shared: Arc::clone(shared), messages, stands: standing, outboxes: outboxes.clone() };
        let mut handles = Vec::with_capacity(Channel::ALL.len());
        for channel in Channel::ALL {
            let handle = connection.create_data_channel(channel.label(), Some(reliability(channel))).await?;
            handles.push(Arc::clone(&handle));
            let reader = Reader {
                channel,
                handle,
                inbound: inbound.clone(),
                opened: opened.clone(),
                early: VecDeque::new(),
                early_bytes: 0,
            };
            let stop = stop.clone();
            tasks.spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = reader.run() => {}
                }
            });
        }
        let (saying, said) = oneshot::channel();
        let writer = Writer {
            shared: Arc::clone(shared),
            paths: Arc::clone(paths),
            outboxes: Arc::clone(&outboxes),
            handles,
            window: Window::default(),
        };
        let (stop, mut opening) = (stop.clone(), control_open.clone());
        tasks.spawn(async move {
            let open = tokio::select! {
                biased;
                open = opening.wait_for(|open| *open) => open.is_ok(),
                () = stop.cancelled() => false,
            };
            if open {
                writer.run(stop).await;
            }
            drop(saying);
        });
        Ok(Self { outboxes, stands, said, control_open })
    }

    /// The handshake is over, and the owner was told.
    pub(crate) fn stands(&self) {
        self.stands.send_replace(true);
    }

    /// Whether control is open: everything that a connection begins with is over.
    pub(crate) fn are_open(&self) -> bool {
        *self.control_open.borrow()
    }

    /// After the cancellation: returns when the other side has what was still to be said, or when that takes too long.
    pub(crate) async fn last_word(&mut self) {
        // Nothing is ever sent on it: it ends with the task that holds the other end.
        let _ = tokio::time::timeout(LAST_WORD, &mut self.said).await;
    }
}

impl Drop for Channels {
    fn drop(&mut self) {
        self.outboxes.close(&Channel::ALL);
    }
}

fn reliability(channel: Channel) -> RTCDataChannelInit {
    RTCDataChannelInit {
        ordered: channel.is_reliable(),
        max_retransmits: (!channel.is_reliable()).then_some(0),
        negotiated: Some(channel.id()),
        ..Default::default()
    }
}

/// Hands messages to the library.
struct Writer {
    shared: Arc<Shared>,
    paths: Arc<Paths>,
    outboxes: Arc<Outboxes>,
    /// In the order of [`Channel::ALL`].
    handles: Vec<Handle>,
    window: Window,
}

impl Writer {
    async fn run(mut self, stop: CancellationToken) {
        loop {
            match self.outboxes.next() {
                Some(Channel::Control) => self.control().await,
                // What was queued on control before the end comes before the end; bulk does not.
                _ if stop.is_cancelled() => break,
                Some(channel) => {
                    if self.room().await {
                        self.bulk(channel).await;
                    } else {
                        tokio::select! {
                            () = tokio::time::sleep(LOOK) => {}
                            () = self.outboxes.filled.notified() => {}
                            () = stop.cancelled() => {}
                        }
                    }
                }
                None => {
                    tokio::select! {
                        () = self.outboxes.filled.notified() => {}
                        () = stop.cancelled() => {}
                    }
                }
            }
        }
        while self.outstanding(Channel::Control).await > 0 {
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn control(&mut self) {
        let Some(message) = self.outboxes.pop(Channel::Control) else { return };
        // It was looked at when it was taken.
        let Ok(text) = std::str::from_utf8(&message) else { return };
        if self.handles[Channel::Control as usize].send_text(text).await.is_err() {
            debug!("a control message was not sent");
            return;
        }
        if !self.shared.gate.introduced.swap(true, Ordering::AcqRel) {
            self.shared.look_at_gate();
        }
    }

    async fn bulk(&mut self, channel: Channel) {
        let Some(message) = self.outboxes.pop(channel) else { return };
        let length = message.len();
        if self.handles[channel as usize].send(BytesMut::from(message)).await.is_ok() {
            self.window.sent(length);
        } else {
            debug!(channel = channel.label(), "a message was not sent");
        }
    }

    /// Whether the library may be given more.
    async fn room(&mut self) -> bool {
        let mut outstanding = 0;
        for channel in Channel::ALL {
            if channel != Channel::Control {
                outstanding += self.outstanding(channel).await;
            }
        }
        let reported = self.shared.figures(|figures| figures.least_round_trip);
        let round_trip = [reported, self.paths.round_trip()].into_iter().flatten().min();
        self.window.has_room(Instant::now().into_std(), outstanding, round_trip, self.paths.lost_records())
    }

    async fn outstanding(&self, channel: Channel) -> usize {
        // A channel that is closed owes nothing.
        self.handles[channel as usize].outstanding_bytes().await.unwrap_or(0)
    }
}

struct Reader {
    channel: Channel,
    handle: Handle,
    inbound: Inbound,
    /// Tells the writer that control is open, and thereby all are.
    opened: watch::Sender<bool>,
    /// Came before the channel was open to the owner.
    early: VecDeque<Bytes>,
    early_bytes: usize,
}

impl Reader {
    async fn run(mut self) {
        let mut usable = self.inbound.outboxes.usable.subscribe();
        let (mut open, mut told) = (false, false);
        loop {
            if open && !told && usable.borrow_and_update().is(self.channel) {
                told = true;
                self.tell_open().await;
            }
            let event = tokio::select! {
                event = self.handle.poll() => event,
                // `self` holds the sender.
                _ = usable.changed(), if !told => continue,
            };
            match event {
                Some(DataChannelEvent::OnOpen) => open = true,
                Some(DataChannelEvent::OnMessage(message)) => {
                    let data = message.data.freeze();
                    if told {
                        self.hand_out(data).await;
                    } else if !self.keep(data) {
                        debug!(channel = self.channel.label(), "more than anybody asked for");
                        let _ = self.handle.close().await;
                        break;
                    }
                }
                Some(DataChannelEvent::OnClose) | None => break,
                Some(_) => {}
            }
        }
        self.inbound.outboxes.close(&[self.channel]);
    }

    /// The owner hears of it, and then of what came before.
    async fn tell_open(&mut self) {
        if self.channel == Channel::Control {
            // The first message names the certificates. The sender lives longer than this task.
            let _ = self.inbound.stands.wait_for(|stands| *stands).await;
            self.opened.send_replace(true);
        }
        self.tell(PeerEvent::ChannelOpen(self.channel)).await;
        for data in std::mem::take(&mut self.early) {
            self.hand_out(data).await;
        }
    }

    async fn hand_out(&self, data: Bytes) {
        let channel = self.channel;
        if channel == Channel::Control && data.len() > MAX_MESSAGE {
            debug!("a control message was too long");
            return;
        }
        self.tell(PeerEvent::ChannelMessage { channel, data }).await;
    }

    /// Everything about one channel goes the same way, for it has an order.
    async fn tell(&self, event: PeerEvent) {
        let way = match self.channel {
            Channel::Control => &self.inbound.shared.events,
            _ => &self.inbound.messages,
        };
        // Nobody reads any more only while the connection closes, which ends this task too.
        let _ = way.send(event).await;
    }

    /// False when it is too much.
    fn keep(&mut self, data: Bytes) -> bool {
        self.early_bytes += data.len() + MESSAGE_COST;
        self.early.push_back(data);
        while self.early_bytes > EARLY && !self.channel.is_reliable() {
            let Some(oldest) = self.early.pop_front() else { break };
            self.early_bytes -= oldest.len() + MESSAGE_COST;
        }
        self.early_bytes <= EARLY
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn all_usable() -> Outboxes {
        let outboxes = Outboxes::new();
        Channel::ALL.into_iter().for_each(|channel| outboxes.ask(channel));
        outboxes.confirm();
        outboxes
    }

    #[test]
    fn only_control_can_be_used_before_the_other_side_is_confirmed() {
        let outboxes = Outboxes::new();
        let push = |channel| outboxes.push(channel, Bytes::from_static(b"x"));
        assert_eq!(push(Channel::Control), Ok(()));
        assert_eq!(push(Channel::Chat), Err(PeerError::ChannelBusy));
        outboxes.ask(Channel::Chat);
        assert_eq!(push(Channel::Chat), Err(PeerError::ChannelBusy));
        outboxes.confirm();
        assert_eq!(push(Channel::Chat), Ok(()));
        assert_eq!(push(Channel::Files), Err(PeerError::ChannelBusy), "nobody asked for it");
    }

    #[test]
    fn each_channel_has_a_budget_of_its_own_and_control_leaves_first() {
        let outboxes = all_usable();
        let piece = Bytes::from(vec![0; MAX_MESSAGE]);
        let mut pieces = 0;
        while outboxes.push(Channel::Files, piece.clone()).is_ok() {
            pieces += 1;
        }
        assert_eq!(pieces, budget(Channel::Files) / (MAX_MESSAGE + MESSAGE_COST));
        assert!(outboxes.writable(Channel::Files).now_or_never().is_none());
        assert_eq!(outboxes.writable(Channel::Chat).now_or_never(), Some(Ok(())));
        let others = &ORDER[..ORDER.len() - 1];
        for channel in others.iter().rev() {
            outboxes.push(*channel, Bytes::from_static(b"x")).unwrap();
        }
        let order: Vec<_> = std::iter::from_fn(|| {
            let channel = outboxes.next()?;
            outboxes.pop(channel)?;
            Some(channel)
        })
        .collect();
        let (first, files) = order.split_at(others.len());
        assert_eq!(first, others);
        assert!(files.iter().all(|channel| *channel == Channel::Files) && files.len() == pieces);
        assert_eq!(outboxes.writable(Channel::Files).now_or_never(), Some(Ok(())));
    }

    #[tokio::test]
    async fn who_waits_for_room_is_woken_by_it_and_by_the_end() {
        let outboxes = Arc::new(all_usable());
        let fill = || while outboxes.push(Channel::Chat, Bytes::from(vec![0; 9_000])).is_ok() {};
        for end in [false, true] {
            fill();
            let waiting = outboxes.clone();
            let waiting = tokio::spawn(async move { waiting.writable(Channel::Chat).await });
            tokio::task::yield_now().await;
            if end {
                outboxes.close(&Channel::ALL);
            } else {
                while outboxes.pop(Channel::Chat).is_some() {}
            }
            assert_eq!(waiting.await.unwrap(), if end { Err(PeerError::Closed) } else { Ok(()) });
        }
        assert_eq!(outboxes.push(Channel::Control, Bytes::new()), Err(PeerError::Closed));
    }

    #[test]
    fn what_no_message_may_be_is_refused() {
        let outboxes = all_usable();
        let long = Bytes::from(vec![b'x'; MAX_MESSAGE + 1]);
        assert!(matches!(outboxes.push(Channel::Files, long), Err(PeerError::MessageTooLong { .. })));
        let binary = Bytes::from_static(&[0xff]);
        assert_eq!(outboxes.push(Channel::Control, binary.clone()), Err(PeerError::NotText));
        assert_eq!(outboxes.push(Channel::Files, binary), Ok(()));
    }
}
