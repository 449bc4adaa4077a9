//! TURN credentials by coturn's shared-secret scheme: the user name is the time until which it holds and a name, the
//! password is an HMAC over it, and coturn computes the same (`--use-auth-secret --static-auth-secret`). The name is random for
//! each connection of a member, so that coturn's quotas (`--user-quota`) count participants, and one who is a nuisance can be
//! told from the others. Nobody gets any without a membership of a room.

use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, Mac};
use sha1::Sha1;
use tincan_protocol::IceServer;

use crate::config::{ServerConfig, TurnConfig};

/// Whom coturn takes a participant for: says nothing about them, and is not used twice.
#[derive(Clone)]
pub(crate) struct RelayUser(String);

impl RelayUser {
    pub(crate) fn random() -> Self {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).expect("every supported system has a random source");
        Self(data_encoding::HEXLOWER.encode(&bytes))
    }
}

/// STUN and TURN servers for a participant, with credentials that hold from now.
pub(crate) fn ice_servers(config: &ServerConfig, user: &RelayUser, now: SystemTime) -> Vec<IceServer> {
    let stun = (!config.stun_urls.is_empty()).then(|| IceServer {
        urls: config.stun_urls.clone(),
        username: String::new(),
        credential: String::new(),
    });
    stun.into_iter().chain(config.turn.as_ref().map(|turn| credentials(turn, user, now))).collect()
}

fn credentials(turn: &TurnConfig, user: &RelayUser, now: SystemTime) -> IceServer {
    // A clock before 1970 gives credentials that have expired, and calls without a relay; no reason to fail.
    let expiry = now.duration_since(UNIX_EPOCH).unwrap_or_default() + turn.lifetime;
    let username = format!("{}:{}", expiry.as_secs(), user.0);
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
        let user = RelayUser("ada".into());
        let servers = ice_servers(&config, &user, UNIX_EPOCH + Duration::from_secs(1_433_895_318));
        assert_eq!(servers[0].urls, ["stun:a.example:3478"]);
        assert_eq!(servers[1].username, "1433895918:ada");
        // `printf 1433895918:ada | openssl dgst -sha1 -hmac north -binary | base64`
        assert_eq!(servers[1].credential, "KJ5PTMBeGkZIwdEVUss3BPdY8wE=");
        assert!(!format!("{config:?}").contains("north"));
        let now = UNIX_EPOCH + Duration::from_secs(1);
        let one = || ice_servers(&config, &RelayUser::random(), now)[1].username.clone();
        assert_ne!(one(), one(), "two participants are two users");
    }
}
