//! TURN credentials by coturn's shared-secret scheme: the user name is the time until which it holds, the password is
//! an HMAC over it, and coturn computes the same (`--use-auth-secret --static-auth-secret`).

use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, Mac};
use sha1::Sha1;
use tincan_protocol::IceServer;

use crate::config::{ServerConfig, TurnConfig};

/// STUN and TURN servers for a client that joins now.
pub(crate) fn ice_servers(config: &ServerConfig, now: SystemTime) -> Vec<IceServer> {
    let stun = (!config.stun_urls.is_empty()).then(|| IceServer {
        urls: config.stun_urls.clone(),
        username: String::new(),
        credential: String::new(),
    });
    stun.into_iter().chain(config.turn.as_ref().map(|turn| credentials(turn, now))).collect()
}

fn credentials(turn: &TurnConfig, now: SystemTime) -> IceServer {
    // A clock before 1970 gives credentials that have expired, and calls without a relay; no reason to fail.
    let expiry = now.duration_since(UNIX_EPOCH).unwrap_or_default() + turn.lifetime;
    let username = expiry.as_secs().to_string();
    let mut mac =
        Hmac::<Sha1>::new_from_slice(turn.secret.as_bytes()).expect("HMAC takes keys of every length");
    mac.update(username.as_bytes());
    let credential = data_encoding::BASE64.encode(&mac.finalize().into_bytes());
    IceServer { urls: turn.urls.clone(), username, credential }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn credentials_are_what_coturn_computes() {
        let config = ServerConfig {
            stun_urls: vec!["stun:a.example:3478".into()],
            turn: Some(TurnConfig {
                urls: vec!["turn:a.example:3478".into()],
                secret: "north".into(),
                lifetime: Duration::from_secs(600),
            }),
            ..ServerConfig::default()
        };
        let servers = ice_servers(&config, UNIX_EPOCH + Duration::from_secs(1_433_895_318));
        assert_eq!(servers[0].urls, ["stun:a.example:3478"]);
        assert_eq!(servers[1].username, "1433895918");
        // `printf 1433895918 | openssl dgst -sha1 -hmac north -binary | base64`
        assert_eq!(servers[1].credential, "3dkl8uIBelQlraT8v9eCSJTyt+U=");
        assert!(!format!("{config:?}").contains("north"));
    }
}
