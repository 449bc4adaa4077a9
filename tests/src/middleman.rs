//! Somebody in between: a hostile server that overheard the code. Nobody's keys are known to it, so it shows each participant
//! everybody else under a key of its own, a mask, opens what is said to a mask, changes what is inside, and passes it on by
//! the mask of whoever said it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tincan_protocol::{
    Acknowledgement, ClientMessage, Envelope, Identity, Opened, PairKeys, PeerId, PeerMessage, RoomKeys,
    ServerMessage,
};

use crate::meddler::{Meddler, Plot, Voice};

/// What one participant tells another, as it passes.
pub struct Passing {
    /// Who says it.
    pub from: PeerId,
    /// To whom.
    pub to: PeerId,
    /// What.
    pub message: PeerMessage,
}

/// Decides what becomes of everything that passes: it is gone unless it is sent on with [`Masks::say`].
pub type Decide = dyn FnMut(&Masks, Passing) + Send;

/// Speaks to participants by each other's masks.
#[derive(Clone)]
pub struct Masks(Arc<Shared>);

struct Shared {
    keys: OnceLock<RoomKeys>,
    voice: OnceLock<Voice>,
    decide: Mutex<Box<Decide>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    masks: BTreeMap<PeerId, Identity>,
    /// Between the mask of the first and the second.
    lines: BTreeMap<(PeerId, PeerId), Line>,
}

/// What a mask and a participant say to each other.
struct Line {
    pair: PairKeys,
    sent: u64,
    kept: Vec<(u64, Envelope)>,
    taken: u64,
}

impl State {
    fn mask(&mut self, of: PeerId) -> Identity {
        self.masks.entry(of).or_insert_with(Identity::random).clone()
    }

    /// Whose mask it is.
    fn behind(&self, mask: PeerId) -> Option<PeerId> {
        self.masks.iter().find(|(_, identity)| identity.id() == mask).map(|(&of, _)| of)
    }

    fn line(&mut self, keys: &RoomKeys, mask_of: PeerId, with: PeerId) -> &mut Line {
        let mask = self.mask(mask_of);
        self.lines.entry((mask_of, with)).or_insert_with(|| {
            let pair = PairKeys::new(keys, &mask, with).expect("a participant's id is a key");
            Line { pair, sent: 0, kept: Vec::new(), taken: 0 }
        })
    }
}

impl Masks {
    /// Who a participant's mask is.
    pub fn identity(&self, of: PeerId) -> Identity {
        self.state().mask(of)
    }

    /// The keys shared by the mask of one participant with another.
    ///
    /// # Panics
    /// Before the code is known.
    pub fn pair(&self, mask_of: PeerId, with: PeerId) -> PairKeys {
        let keys = self.0.keys.get().expect("the code is known");
        PairKeys::new(keys, &self.identity(mask_of), with).expect("a participant's id is a key")
    }

    /// Says something by `from`'s mask.
    pub fn say(&self, from: PeerId, to: PeerId, message: &PeerMessage) {
        let Some(keys) = self.0.keys.get() else { return };
        let mut state = self.state();
        let line = state.line(keys, from, to);
        line.sent += 1;
        let Ok(envelope) = line.pair.seal(line.sent, message) else { return };
        line.kept.push((line.sent, envelope.clone()));
        self.relay(&mut state, from, to, envelope);
    }

    fn relay(&self, state: &mut State, from: PeerId, to: PeerId, envelope: Envelope) {
        let from = state.mask(from).id();
        if let Some(voice) = self.0.voice.get() {
            voice.tell(to, &ServerMessage::Relay { from, envelope });
        }
    }

    fn hear(&self, from: PeerId, mask: PeerId, envelope: &Envelope) {
        // A word that came before the code was known is repeated.
        let Some(keys) = self.0.keys.get() else { return };
        let mut state = self.state();
        let Some(to) = state.behind(mask) else { return };
        let line = state.line(keys, to, from);
        let message = match line.pair.open(envelope) {
            Ok(Opened::Acknowledgement(Acknowledgement { received, resend })) => {
                line.kept.retain(|(sequence, _)| *sequence > received);
                let again = if resend { line.kept.clone() } else { Vec::new() };
                for (_, envelope) in again {
                    self.relay(&mut state, to, from, envelope);
                }
                return;
            }
            Ok(Opened::Message { sequence, message }) => {
                let next = sequence == line.taken + 1;
                line.taken += u64::from(next);
                let resend = sequence > line.taken;
                let acknowledgement = Acknowledgement { received: line.taken, resend };
                let answer = line.pair.seal_acknowledgement(acknowledgement);
                self.relay(&mut state, to, from, answer);
                message.filter(|_| next)
            }
            Err(_) => return,
        };
        drop(state);
        if let Some(message) = message {
            let mut decide = self.0.decide.lock().unwrap_or_else(PoisonError::into_inner);
            decide(self, Passing { from, to, message });
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Plot for Masks {
    fn said(&mut self, _: &Voice, from: PeerId, message: ClientMessage) -> Option<ClientMessage> {
        match message {
            ClientMessage::Relay { to, envelope } => {
                self.hear(from, to, &envelope);
                None
            }
            other => Some(other),
        }
    }

    fn told(&mut self, _: &Voice, _: PeerId, message: ServerMessage) -> Option<ServerMessage> {
        let mask = |peer| self.identity(peer).id();
        Some(match message {
            ServerMessage::Joined { peers, capacity, ice_servers } => {
                ServerMessage::Joined { peers: peers.into_iter().map(mask).collect(), capacity, ice_servers }
            }
            ServerMessage::PeerJoined { peer } => ServerMessage::PeerJoined { peer: mask(peer) },
            ServerMessage::PeerLeft { peer } => ServerMessage::PeerLeft { peer: mask(peer) },
            other => other,
        })
    }
}

/// A hostile server in front of a real one, between everybody. Dropping it ends it.
pub struct Middleman {
    meddler: Meddler,
    masks: Masks,
}

impl Middleman {
    /// In front of the server at `upstream`.
    pub async fn start(upstream: &str, decide: impl FnMut(&Masks, Passing) + Send + 'static) -> Self {
        let masks = Masks(Arc::new(Shared {
            keys: OnceLock::new(),
            voice: OnceLock::new(),
            decide: Mutex::new(Box::new(decide)),
            state: Mutex::default(),
        }));
        let meddler = Meddler::start(upstream, masks.clone()).await;
        // Nobody has connected yet.
        let _ = masks.0.voice.set(meddler.voice().clone());
        Self { meddler, masks }
    }

    /// The server itself.
    pub const fn server(&self) -> &Meddler {
        &self.meddler
    }

    /// Somebody overheard the code. Before this nothing passes.
    pub fn knows(&self, keys: RoomKeys) {
        // A second time it is the same code.
        let _ = self.masks.0.keys.set(keys);
    }

    /// Speaks unasked.
    pub const fn masks(&self) -> &Masks {
        &self.masks
    }
}
