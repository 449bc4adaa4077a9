//! `tincan-witness SERVER CODE`: joins a room as anybody with its code can, and prints what the others say to it, opened,
//! one JSON object a line. It says nothing itself but its name.
#![forbid(unsafe_code)]

use serde_json::json;
use tincan_protocol::{Identity, Intent, PeerMessage, RoomCode, RoomKeys, parse_server_url};
use tincan_signal_client::{SignalClient, SignalConfig, SignalEvent};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [server, code] = arguments.as_slice() else { return Err("Usage: tincan-witness SERVER CODE".into()) };
    let keys = RoomKeys::derive(&code.parse::<RoomCode>()?);
    let config = SignalConfig::new(parse_server_url(server)?, keys, Identity::random(), Intent::Join);
    let (client, mut events) = SignalClient::join(config).await?;
    while let Some(event) = events.recv().await {
        match event {
            SignalEvent::Joined { peers, .. } => {
                for peer in peers {
                    client.send(peer, PeerMessage::hello("Witness"))?;
                }
                println!("{}", json!({ "joined": true }));
            }
            SignalEvent::Message { message: PeerMessage::Description(description), .. } => {
                println!("{}", json!({ "description": description.sdp }));
            }
            SignalEvent::Message { message: PeerMessage::Candidates(candidates), .. } => {
                for candidate in candidates.candidates {
                    println!("{}", json!({ "candidate": candidate.candidate }));
                }
            }
            _ => {}
        }
    }
    Ok(())
}
