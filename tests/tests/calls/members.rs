//! A hostile member: somebody who has the code, is in the room, and runs its server, or hosts the local call. The others have
//! keys that are none of hers.

use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use tincan_engine::api::{CallPhase, CallView};
use tincan_protocol::{
    Acknowledgement, Challenge, ClientMessage, Description, DescriptionKind, Envelope, ErrorCode, Identity,
    Intent, JoinProof, Opened, PROTOCOL_VERSION, PairKeys, PeerId, PeerMessage, RoomKeys, SIGNAL_PATH,
    SUBPROTOCOL, ServerMessage,
};
use tincan_tests::hostile::{Den, Place};
use tincan_tests::meddler::{Meddler, Plot, Voice};
use tincan_tests::person::{Person, named};
use tincan_tests::server::Server;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// What passed through her server.
#[derive(Clone, Default)]
struct Overheard(Arc<Mutex<Heard>>);

#[derive(Default)]
struct Heard {
    envelopes: Vec<(PeerId, PeerId, Envelope)>,
    proofs: Vec<(PeerId, JoinProof)>,
    /// Whom she does not let in any more.
    shut_out: Option<PeerId>,
}

impl Plot for Overheard {
    fn said(&mut self, _: &Voice, from: PeerId, message: ClientMessage) -> Option<ClientMessage> {
        let mut heard = self.0.lock().unwrap();
        match &message {
            ClientMessage::Relay { to, envelope } => heard.envelopes.push((from, *to, envelope.clone())),
            ClientMessage::Join { proof, .. } => heard.proofs.push((from, *proof)),
            ClientMessage::Leave => {}
        }
        (heard.shut_out != Some(from)).then_some(message)
    }
}

impl Overheard {
    fn between(&self, from: PeerId, to: PeerId) -> Vec<Envelope> {
        let heard = self.0.lock().unwrap();
        heard
            .envelopes
            .iter()
            .filter(|(a, b, _)| (*a, *b) == (from, to))
            .map(|(.., one)| one.clone())
            .collect()
    }
}

/// Ada, who is lied to, Ben, in whose name it is done, and Mallory, who has the code and the server.
struct Scene {
    server: Server,
    mallory: Mallory,
    ada: Person,
    ben: Person,
    adas: PeerId,
    bens: PeerId,
}

struct Mallory {
    meddler: Meddler,
    overheard: Overheard,
    keys: RoomKeys,
    identity: Identity,
    /// What she says as herself is numbered.
    said: u64,
}

fn connected(call: &CallView) -> bool {
    call.phase == CallPhase::Connected && call.safety.is_some()
}

impl Scene {
    async fn set(place: Place) -> Self {
        let server = Server::start().await;
        let overheard = Overheard::default();
        let meddler = Meddler::start(&server.url(), overheard.clone()).await;
        let (den, ada) = Den::open(place, &meddler, "Ada").await;
        let ben = den.join("Ben").await;
        let of = |call: &CallView| call.participants[0].id.parse::<PeerId>().unwrap();
        let bens = of(&ada.call_until("Ben", connected).await);
        let adas = of(&ben.call_until("Ada", connected).await);
        ada.call_until("Ben's name", |call| named(call, "Ben").is_some()).await;
        let (keys, identity) = (den.keys.clone(), Identity::random());
        let mallory = Mallory { meddler, overheard, keys, identity, said: 0 };
        Self { server, mallory, ada, ben, adas, bens }
    }

    /// Ada still has the call with Ben that she had, and it is the one that was compared.
    async fn is_as_before(&self, before: &CallView) {
        let now = self.ada.snapshot().await.call.unwrap();
        let (was, is) = (named(before, "Ben").unwrap(), named(&now, "Ben").unwrap());
        assert_eq!((&is.id, is.connection, is.trust), (&was.id, was.connection, was.trust));
        assert_eq!(now.safety, before.safety);
    }

    /// What was told Ada before has been taken in when this has.
    async fn everything_is_heard(&mut self) {
        let name = format!("Mallory {}", self.mallory.said);
        self.mallory.comes_to(self.adas);
        self.mallory.says(self.adas, &PeerMessage::hello(&name));
        self.ada.call_until("what Mallory says as herself", |call| named(call, &name).is_some()).await;
    }

    async fn end(self) {
        self.ada.engine.shutdown().await;
        self.ben.engine.shutdown().await;
    }
}

impl Mallory {
    fn pair(&self, with: PeerId) -> PairKeys {
        PairKeys::new(&self.keys, &self.identity, with).unwrap()
    }

    fn tells(&self, to: PeerId, from: PeerId, envelope: Envelope) {
        self.meddler.voice().tell(to, &ServerMessage::Relay { from, envelope });
    }

    /// Her server says that she is in the room.
    fn comes_to(&self, to: PeerId) {
        if self.said == 0 {
            self.meddler.voice().tell(to, &ServerMessage::PeerJoined { peer: self.identity.id() });
        }
    }

    /// Says something as herself.
    fn says(&mut self, to: PeerId, message: &PeerMessage) {
        self.said += 1;
        let envelope = self.pair(to).seal(self.said, message).unwrap();
        self.tells(to, self.identity.id(), envelope);
    }

    /// Says everything that would hurt, with every number that could be next, as somebody else.
    fn forges(&self, to: PeerId, as_whom: PeerId) {
        let sdp = "v=0\r\n".to_owned();
        let messages = [
            PeerMessage::hello("Forged"),
            PeerMessage::Description(Description { kind: DescriptionKind::Offer, sdp, connection: 2 }),
            PeerMessage::Refused,
            PeerMessage::Goodbye,
        ];
        let pair = self.pair(to);
        for sequence in 1..64 {
            for message in &messages {
                self.tells(to, as_whom, pair.seal(sequence, message).unwrap());
            }
        }
        // What he really said, a second time, to him, and to others.
        let heard = self.overheard.0.lock().unwrap();
        for (.., envelope) in &heard.envelopes {
            self.tells(to, as_whom, envelope.clone());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_who_runs_the_server_cannot_speak_as_another() {
    for place in Place::ALL {
        let mut scene = Scene::set(place).await;
        let before = scene.ada.snapshot().await.call.unwrap();
        scene.mallory.forges(scene.adas, scene.bens);
        scene.everything_is_heard().await;
        scene.is_as_before(&before).await;
        // He himself is still heard.
        scene.ben.rename("Benjamin").await;
        scene.ada.call_until("Ben's new name", |call| named(call, "Benjamin").is_some()).await;
        scene.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_who_runs_the_server_cannot_read_what_two_others_say_to_each_other() {
    for place in Place::ALL {
        let mut scene = Scene::set(place).await;
        scene.everything_is_heard().await;
        let (adas, bens, mallory) = (scene.adas, scene.bens, &scene.mallory);
        let mut envelopes = mallory.overheard.between(adas, bens);
        envelopes.extend(mallory.overheard.between(bens, adas));
        // Both say hello, offer or answer, name candidates and acknowledge.
        assert!(envelopes.len() >= 6, "only {} envelopes passed", envelopes.len());
        for pair in [mallory.pair(adas), mallory.pair(bens)] {
            assert!(envelopes.iter().all(|envelope| pair.open(envelope).is_err()));
        }
        // What is said to her she reads: Ada says hello to whoever comes. It passes soon after Ada heard her, so she speaks
        // again until it did.
        let id = mallory.identity.id();
        let pair = mallory.pair(adas);
        let hello =
            |envelope: &Envelope| matches!(pair.open(envelope), Ok(Opened::Message { message: Some(_), .. }));
        let mut rounds = 0;
        while !scene.mallory.overheard.between(adas, id).iter().any(hello) {
            assert!(rounds < 50, "Ada says hello to nobody who comes");
            rounds += 1;
            scene.everything_is_heard().await;
        }
        scene.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_who_runs_the_server_mutes_nobody_by_a_number() {
    for place in Place::ALL {
        let scene = Scene::set(place).await;
        let (adas, bens) = (scene.adas, scene.bens);
        for (from, to) in [(bens, adas), (adas, bens)] {
            for envelope in scene.mallory.overheard.between(from, to) {
                for sequence in [0, 1, 2, 64, u64::from(u32::MAX), u64::MAX] {
                    // The number is the eight bytes behind the version.
                    let mut bytes = envelope.as_bytes().to_vec();
                    bytes[1..9].copy_from_slice(&sequence.to_be_bytes());
                    scene.mallory.tells(to, from, Envelope::from_bytes(bytes).unwrap());
                }
            }
        }
        // Of what she seals herself only her own numbers count.
        let pair = scene.mallory.pair(adas);
        scene.mallory.comes_to(adas);
        for sequence in [1 << 40, u64::MAX] {
            let envelope = pair.seal(sequence, &PeerMessage::hello("Forged")).unwrap();
            scene.mallory.tells(adas, bens, envelope.clone());
            scene.mallory.tells(adas, scene.mallory.identity.id(), envelope);
        }
        let all = Acknowledgement { received: u64::MAX, resend: true };
        scene.mallory.tells(adas, bens, pair.seal_acknowledgement(all));
        scene.ben.rename("Benjamin").await;
        scene.ada.call_until("Ben's new name", |call| named(call, "Benjamin").is_some()).await;
        scene.ada.rename("Augusta").await;
        scene.ben.call_until("Ada's new name", |call| named(call, "Augusta").is_some()).await;
        scene.end().await;
    }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn hear(socket: &mut Socket) -> ServerMessage {
    ServerMessage::decode(socket.next().await.unwrap().unwrap().to_text().unwrap()).unwrap()
}

/// What the server says to whoever asks for this place with such a proof.
async fn asks(
    server: &str,
    keys: &RoomKeys,
    peer: PeerId,
    proof: impl Fn(Challenge) -> JoinProof,
) -> ErrorCode {
    let mut request = format!("{server}/{SIGNAL_PATH}").into_client_request().unwrap();
    request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static(SUBPROTOCOL));
    let mut socket = connect_async(request).await.unwrap().0;
    let ServerMessage::Challenge { key } = hear(&mut socket).await else { panic!("no challenge") };
    let room = keys.room_id();
    let (version, intent, proof) = (PROTOCOL_VERSION, Intent::Create, proof(key));
    let join = ClientMessage::Join { version, room, peer, proof, intent };
    socket.send(Message::text(join.encode())).await.unwrap();
    match hear(&mut socket).await {
        ServerMessage::Error { code, .. } => code,
        other => panic!("she was let in: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_takes_nobodys_place_also_not_after_the_server_restarted() {
    let scene = Scene::set(Place::Server).await;
    let Scene { server, mallory, ada, ben, bens, .. } = scene;
    let before = ada.snapshot().await.call.unwrap();
    let recorded = mallory.overheard.0.lock().unwrap().proofs.clone();
    let recorded = recorded.iter().find(|(peer, _)| *peer == bens).unwrap().1;
    let own = |room, challenge| mallory.identity.prove(room, challenge).unwrap();
    let room = mallory.keys.room_id();
    let refused_everything = async |url: String| {
        for refused in [
            asks(&url, &mallory.keys, bens, |challenge| own(room, challenge)).await,
            asks(&url, &mallory.keys, bens, |_| recorded).await,
        ] {
            assert_eq!(refused, ErrorCode::BadProof);
        }
    };
    refused_everything(server.url()).await;
    // He is kept away, so that nobody is in his place when the server comes back.
    mallory.overheard.0.lock().unwrap().shut_out = Some(bens);
    let down = server.crash().await;
    ada.call_until("word that the server is away", |call| !call.server_connected).await;
    let server = down.start().await;
    refused_everything(server.url()).await;
    mallory.overheard.0.lock().unwrap().shut_out = None;
    for person in [&ada, &ben] {
        person.call_until("the server", |call| call.server_connected).await;
    }
    let after = ada.snapshot().await.call.unwrap();
    assert_eq!(after.safety, before.safety);
    ada.engine.shutdown().await;
    ben.engine.shutdown().await;
}

/// Her server knows no proofs, or does not care for them: so it says that Ben is here again, and it is her.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_hosts_the_call_and_takes_a_place_herself_is_not_taken_for_its_owner() {
    for place in Place::ALL {
        let mut scene = Scene::set(place).await;
        let (adas, bens) = (scene.adas, scene.bens);
        let before = scene.ada.snapshot().await.call.unwrap();
        scene.mallory.overheard.0.lock().unwrap().shut_out = Some(bens);
        let voice = scene.mallory.meddler.voice();
        voice.hang_up(bens);
        scene.ben.call_until("word that the server is away", |call| !call.server_connected).await;
        voice.tell(adas, &ServerMessage::PeerLeft { peer: bens });
        voice.tell(adas, &ServerMessage::PeerJoined { peer: bens });
        scene.mallory.forges(adas, bens);
        scene.everything_is_heard().await;
        scene.is_as_before(&before).await;
        scene.mallory.overheard.0.lock().unwrap().shut_out = None;
        scene.ben.call_until("the server", |call| call.server_connected).await;
        scene.ben.rename("Benjamin").await;
        scene.ada.call_until("Ben's new name", |call| named(call, "Benjamin").is_some()).await;
        scene.end().await;
    }
}
