//! Data channels over paths that lose: records of DTLS that are missing are asked for and sent again beneath the library, which
//! has no better way than SCTP's (`received` says what that costs, and a last message that is lost comes again after a
//! second). Only between two who both know it, which their descriptions say. What is sent again is what was sent, byte for
//! byte, so nothing here has to be trusted with more than the network is.

mod received;
mod sent;
mod wire;

use std::io::IoSliceMut;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::Sleep;
use webrtc::runtime::RecvMeta;

use super::{lock, version};
use crate::channels::Lost;
use crate::stun;
use received::{Fate, Received};
use sent::Sent;
use wire::{Said, record};

/// In a description: whoever made it sends again what is asked for.
const ATTRIBUTE: &str = "a=tincan-repair:1";

/// The description, saying that we send again what is asked for.
pub(crate) fn offered(sdp: &str) -> String {
    match sdp.find("m=") {
        Some(sections) => format!("{}{ATTRIBUTE}\r\n{}", &sdp[..sections], &sdp[sections..]),
        None => sdp.to_owned(),
    }
}

/// Whether a description says so.
pub(crate) fn is_offered(sdp: &str) -> bool {
    sdp.lines().any(|line| line.trim_end() == ATTRIBUTE)
}

/// Something for the other side.
pub(super) struct Outgoing {
    pub(super) to: SocketAddr,
    pub(super) datagram: Vec<u8>,
}

/// Of one connection.
#[derive(Default)]
pub(super) struct Repair {
    on: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sent: Sent,
    received: Received,
    /// Where records go, as the library names it; and by which channel of a relay.
    to: Option<(SocketAddr, Option<u16>)>,
    /// From where the last one came.
    from: Option<SocketAddr>,
    sleep: Option<Pin<Box<Sleep>>>,
    /// Until when it sleeps.
    armed: Option<Instant>,
}

/// What a datagram carries: itself, or what is in a relay's channel.
pub(super) fn carried(datagram: &[u8]) -> (Option<u16>, &[u8]) {
    stun::channel_data(datagram).map_or((None, datagram), |(channel, data)| (Some(channel), data))
}

impl Repair {
    /// Both sides know it.
    pub(super) fn begin(&self) {
        self.on.store(true, Ordering::Release);
    }

    pub(super) fn is_on(&self) -> bool {
        self.on.load(Ordering::Acquire)
    }

    /// What of our records got lost lately.
    pub(super) fn lost(&self) -> Lost {
        lock(&self.state).sent.lost()
    }

    /// Whether there is something for [`Self::leaving`] or [`Self::sift`] among datagrams of this length: mostly there are sound
    /// and pictures, which nothing has to wait for here.
    pub(super) fn concerns(&self, datagrams: &[u8], length: usize) -> bool {
        let is_ours = |datagram| {
            let (_, data) = carried(datagram);
            Said::is(data) || record(data).is_some()
        };
        self.is_on() && datagrams.chunks(length.max(1)).any(is_ours)
    }

    /// Datagrams of this length leave. Says whether [`Self::poll`] is to be called sooner than it would be.
    pub(super) fn leaving(&self, now: Instant, to: SocketAddr, datagrams: &[u8], length: usize) -> bool {
        let mut state = lock(&self.state);
        let mut any = false;
        for datagram in datagrams.chunks(length.max(1)) {
            let (channel, data) = carried(datagram);
            if let Some(number) = record(data) {
                state.sent.sent(now, number, datagram);
                state.to = Some((to, channel));
                any = true;
            }
        }
        any && state.sent.due().is_some_and(|due| state.armed.is_none_or(|armed| armed > due))
    }

    /// Takes out of what arrived what is not the library's, or not yet. Gives what is to be sent.
    pub(super) fn sift(
        &self,
        now: Instant,
        round_trip: Option<Duration>,
        buffer: &mut [u8],
        meta: &mut RecvMeta,
    ) -> Vec<Outgoing> {
        let mut state = lock(&self.state);
        state.received.set_round_trip(round_trip);
        let (mut kept, mut at, mut say) = (0, 0, Vec::new());
        let stride = meta.stride.max(1);
        while at < meta.len {
            let end = (at + stride).min(meta.len);
            let (_, data) = carried(&buffer[at..end]);
            let fate = if Said::is(data) {
                match Said::read(data) {
                    Some(Said::Missing(runs)) => {
                        for datagram in state.sent.again(&runs) {
                            say.extend(state.to.map(|(to, _)| Outgoing { to, datagram: datagram.into() }));
                        }
                    }
                    Some(Said::Newest(number)) => state.received.newest(now, number),
                    None => {}
                }
                Fate::Keep
            } else if let Some(number) = record(data) {
                state.from = Some(meta.addr);
                state.received.arrived(now, number, &buffer[at..end])
            } else {
                Fate::Deliver
            };
            if fate == Fate::Deliver {
                buffer.copy_within(at..end, kept);
                kept += end - at;
            }
            at = end;
        }
        meta.len = kept;
        say
    }

    /// Fills the buffer with records whose turn it is. Says whether there are any.
    pub(super) fn fill(&self, version_of: usize, bufs: &mut [IoSliceMut<'_>], meta: &mut [RecvMeta]) -> bool {
        let (Some(buffer), Some(meta)) = (bufs.first_mut(), meta.first_mut()) else { return false };
        let mut state = lock(&self.state);
        let Some(from) = state.from.filter(|from| version(*from) == version_of) else { return false };
        let Some(first) = state.received.next() else { return false };
        // Longer ones than the driver has room for are no call's.
        let stride = first.len().min(buffer.len());
        buffer[..stride].copy_from_slice(&first[..stride]);
        let mut length = stride;
        // As the kernel coalesces: all of one length, but the last, which may be shorter.
        while state.received.next_length().is_some_and(|next| next <= stride && length + next <= buffer.len())
        {
            let Some(next) = state.received.next() else { break };
            buffer[length..length + next.len()].copy_from_slice(&next);
            length += next.len();
            if next.len() < stride {
                break;
            }
        }
        *meta = RecvMeta::default();
        (meta.addr, meta.len, meta.stride) = (from, length, stride.max(1));
        true
    }

    /// What is to be said by now. Wakes the task when there is more to say.
    pub(super) fn poll(&self, cx: &mut Context<'_>, version_of: usize) -> Vec<Outgoing> {
        let mut state = lock(&self.state);
        let state = &mut *state;
        let mut say = Vec::new();
        let Some((to, channel)) = state.to.filter(|(to, _)| version(*to) == version_of) else { return say };
        loop {
            let now = Instant::now();
            let Some(due) = [state.sent.due(), state.received.due()].into_iter().flatten().min() else {
                (state.sleep, state.armed) = (None, None);
                return say;
            };
            if due > now {
                let sleep = state.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due.into())));
                if sleep.deadline() != due.into() {
                    sleep.as_mut().reset(due.into());
                }
                state.armed = Some(due);
                if sleep.as_mut().poll(cx) == Poll::Pending {
                    return say;
                }
                continue;
            }
            let newest = state.sent.tell(now).map(Said::Newest);
            let missing = state.received.ask(now);
            let missing = (!missing.is_empty()).then_some(Said::Missing(missing));
            for said in newest.into_iter().chain(missing) {
                say.push(Outgoing { to, datagram: in_channel(channel, said.write()) });
            }
        }
    }
}

/// As a relay's channel carries it (RFC 8656, section 12.4).
fn in_channel(channel: Option<u16>, data: Vec<u8>) -> Vec<u8> {
    let Some(channel) = channel else { return data };
    let mut datagram = channel.to_be_bytes().to_vec();
    datagram.extend_from_slice(&(data.len() as u16).to_be_bytes());
    datagram.extend_from_slice(&data);
    // Over TCP, lengths are multiples of four.
    datagram.resize(datagram.len().next_multiple_of(4), 0);
    datagram
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(number: u64, filling: usize) -> Vec<u8> {
        let mut datagram = vec![23, 254, 253];
        datagram.extend_from_slice(&((1 << 48) | number).to_be_bytes());
        datagram.extend_from_slice(&(filling as u16).to_be_bytes());
        datagram.resize(13 + filling, number as u8);
        datagram
    }

    fn meta(buffer: &[u8], stride: usize) -> RecvMeta {
        let mut meta = RecvMeta::default();
        (meta.addr, meta.len, meta.stride) = (([192, 0, 2, 1], 9).into(), buffer.len(), stride);
        meta
    }

    #[test]
    fn a_description_says_it_once_and_before_its_sections() {
        let sdp = offered("v=0\r\ns=-\r\nm=audio 9\r\nm=video 9\r\n");
        assert_eq!(sdp, "v=0\r\ns=-\r\na=tincan-repair:1\r\nm=audio 9\r\nm=video 9\r\n");
        assert!(is_offered(&sdp) && !is_offered("v=0\r\na=tincan-repair:2\r\n"));
    }

    #[test]
    fn what_is_not_the_librarys_is_taken_out_of_a_batch_and_comes_in_its_turn() {
        let (repair, now) = (Repair::default(), Instant::now());
        repair.begin();
        for number in 1..=50 {
            let mut one = datagram(number, 600);
            let mut meta = meta(&one, one.len());
            assert!(repair.sift(now, None, &mut one, &mut meta).is_empty());
            assert_eq!(meta.len, 613);
        }
        // 51 is missing; a picture in the middle of the batch is not.
        let picture = vec![128; 613];
        let mut batch = [datagram(52, 600), picture.clone(), datagram(53, 600), datagram(54, 7)].concat();
        let mut told = meta(&batch, 613);
        repair.sift(now, None, &mut batch, &mut told);
        assert_eq!(&batch[..told.len], picture);
        let mut late = [datagram(51, 600), datagram(55, 600)].concat();
        let mut told = meta(&late, 613);
        repair.sift(now, None, &mut late, &mut told);
        assert_eq!(told.len, 0);
        let (mut space, mut metas) = (vec![0; 9_000], [RecvMeta::default()]);
        let mut got = Vec::new();
        while repair.fill(0, &mut [IoSliceMut::new(&mut space)], &mut metas) {
            got.extend(space[..metas[0].len].chunks(metas[0].stride).map(|one| one[10]));
        }
        assert_eq!(got, [51, 52, 53, 54, 55]);
    }

    #[test]
    fn what_is_asked_for_is_sent_where_records_go_now() {
        let (repair, now) = (Repair::default(), Instant::now());
        repair.begin();
        let to: SocketAddr = ([192, 0, 2, 7], 7).into();
        let both = [datagram(1, 20), datagram(2, 20)].concat();
        assert!(repair.leaving(now, to, &both, 33));
        let mut ask = Said::Missing(vec![wire::Run { first: (1 << 48) | 2, count: 9 }]).write();
        let mut told = meta(&ask, ask.len());
        let say = repair.sift(now, None, &mut ask, &mut told);
        assert_eq!(told.len, 0, "the library knows nothing of it");
        assert!(say.len() == 1 && say[0].to == to && say[0].datagram == datagram(2, 20));
        assert_eq!(carried(&in_channel(Some(0x4001), vec![10, 2, 3])), (Some(0x4001), &[10, 2, 3][..]));
    }
}
