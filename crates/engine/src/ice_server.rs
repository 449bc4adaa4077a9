//! STUN and TURN servers as a person writes them: an address, and behind a TURN server's its name and password, as the
//! people who run it give them out. Blanks part them, because names (RFC 7635: a time, a colon, a name) and passwords
//! hold everything else.

use tincan_peer::IceServerConfig;

use crate::api::{CommandError, Sentence};

/// Reads one server.
///
/// # Errors
/// What is wrong with it, as a sentence. It never repeats a password.
pub(crate) fn parse(text: &str) -> Result<IceServerConfig, CommandError> {
    let mut words = text.split_whitespace();
    let url = words.next().unwrap_or_default();
    let known = |schemes: [&str; 2]| schemes.iter().any(|scheme| url.starts_with(scheme));
    let (stun, turn) = (known(["stun:", "stuns:"]), known(["turn:", "turns:"]));
    let (username, credential) = (words.next(), words.next());
    match (username, credential, words.next()) {
        _ if !stun && !turn => wrong(
            url,
            "kind",
            "is no STUN or TURN server: write it as stun:HOST:PORT or turn:HOST:PORT NAME PASSWORD.",
        ),
        (None, None, None) if stun => server(url, "", ""),
        _ if stun => wrong(
            url,
            "stun",
            "is a STUN server, which has no name and no password: leave out what follows it.",
        ),
        (Some(username), Some(credential), None) => server(url, username, credential),
        _ => wrong(
            url,
            "turn",
            "is a TURN server, which asks for a name and a password: write turn:HOST:PORT NAME PASSWORD.",
        ),
    }
}

fn server(url: &str, username: &str, credential: &str) -> Result<IceServerConfig, CommandError> {
    let server =
        IceServerConfig { urls: vec![url.into()], username: username.into(), credential: credential.into() };
    match server.check() {
        Ok(()) => Ok(server),
        Err(_) => wrong(
            url,
            "address",
            "is an address that nobody can connect to: write HOST:PORT behind its kind, and behind a TURN server's port \
             ?transport=tcp if need be.",
        ),
    }
}

fn wrong<T>(url: &str, why: &str, how: &str) -> Result<T, CommandError> {
    Err(Sentence::new("ice_server", format!("`{url}` {how}")).with("url", url).with("why", why).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_comes_with_its_name_and_password() {
        let relay = parse(" turn:turn.example:3478?transport=tcp  1735689600:ada p:a/s+s= ").unwrap();
        assert_eq!(relay.urls, ["turn:turn.example:3478?transport=tcp"]);
        assert_eq!((relay.username.as_str(), relay.credential.as_str()), ("1735689600:ada", "p:a/s+s="));
        assert_eq!(parse("stun:stun.example").unwrap().urls, ["stun:stun.example"]);
    }

    #[test]
    fn what_cannot_work_is_told_without_the_password() {
        for (text, hint) in [
            ("", "STUN or TURN"),
            ("https://turn.example ada secret", "STUN or TURN"),
            ("turn:turn.example", "NAME PASSWORD"),
            ("turns:turn.example ada", "NAME PASSWORD"),
            ("turn:turn.example ada secret word", "NAME PASSWORD"),
            ("stun:stun.example ada secret", "leave out"),
            ("stun:", "nobody can connect to"),
            ("turn:turn.example:relay ada secret", "nobody can connect to"),
            ("turn:turn.example?transport=pigeon ada secret", "nobody can connect to"),
        ] {
            let error = parse(text).err().unwrap();
            assert!(error.code == "ice_server" && error.message.contains(hint), "{text}: {}", error.message);
            assert!(!error.message.contains("secret"), "{}", error.message);
        }
    }
}
