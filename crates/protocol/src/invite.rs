//! Invite links, and what somebody types or pastes to join.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use url::Url;

use crate::room_code::{CodeError, RoomCode};

/// The scheme that the installed app is registered for.
const SCHEME: &str = "tincan";
/// How every link begins; looked for inside pasted text, in any case.
const PREFIX: &str = "tincan://";
/// Longer server addresses are refused: 253 is the longest host name, the rest is ample for a path.
const MAX_SERVER_LEN: usize = 512;

/// `tincan://join/CODE?server=wss://…`: everything that somebody needs to join. `Debug` shows neither.
#[derive(Clone, PartialEq, Eq)]
pub struct InviteLink {
    /// The room's code.
    pub code: RoomCode,
    /// The signalling server, `ws:` or `wss:`; `None` means the one that the person has configured, or the local
    /// network.
    pub server: Option<Url>,
}

/// Why a text is no invite.
#[derive(Clone, PartialEq, Eq, Error)]
pub enum InviteError {
    /// The code in it is none.
    #[error(transparent)]
    Code(#[from] CodeError),
    /// A link to somewhere else.
    #[error("This is not a Tincan invite link. Ask for the code instead.")]
    NotAnInvite,
    /// The server in it is not one.
    #[error(transparent)]
    Server(#[from] ServerUrlError),
}

impl fmt::Debug for InviteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Code(_) => "Code",
            Self::NotAnInvite => "NotAnInvite",
            Self::Server(_) => "Server",
        })
    }
}

/// The text is no address of a signalling server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "A server address begins with wss:// (or ws:// on your own network), such as wss://tincan.example.org."
)]
pub struct ServerUrlError;

/// Reads a signalling server's address: `ws:` or `wss:`, with a host, without user name, password, query or fragment.
///
/// # Errors
/// [`ServerUrlError`], whose text says what an address looks like.
pub fn parse_server_url(text: &str) -> Result<Url, ServerUrlError> {
    let text = text.trim();
    if text.len() > MAX_SERVER_LEN {
        return Err(ServerUrlError);
    }
    let url = Url::parse(text).map_err(|_| ServerUrlError)?;
    // Written out again it may be longer: what is no ASCII counts three bytes for one.
    if url.as_str().len() > MAX_SERVER_LEN {
        return Err(ServerUrlError);
    }
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    let usable = matches!(url.scheme(), "ws" | "wss") && url.host_str().is_some_and(|host| !host.is_empty());
    if plain && usable { Ok(url) } else { Err(ServerUrlError) }
}

impl FromStr for InviteLink {
    type Err = InviteError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text.trim()).map_err(|_| InviteError::NotAnInvite)?;
        if url.scheme() != SCHEME || !url.host_str().is_some_and(|host| host.eq_ignore_ascii_case("join")) {
            return Err(InviteError::NotAnInvite);
        }
        let code = url.path().trim_matches('/').parse()?;
        let server = match url.query_pairs().find(|(name, _)| name == "server") {
            Some((_, value)) => Some(parse_server_url(&value)?),
            None => None,
        };
        Ok(Self { code, server })
    }
}

impl fmt::Display for InviteLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}join/{}", self.code.plain())?;
        if let Some(server) = &self.server {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            // `wss://host/` and `wss://host` are one address; the shorter is easier on the eye.
            query.append_pair("server", server.as_str().trim_end_matches('/'));
            write!(f, "?{}", query.finish())?;
        }
        Ok(())
    }
}

impl fmt::Debug for InviteLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InviteLink").field("server", &self.server.is_some()).finish_non_exhaustive()
    }
}

/// What somebody has typed or pasted so far: a code in any spelling, or an invite link, also in the middle of a text.
#[derive(Clone, PartialEq, Eq)]
pub struct CheckedInvite {
    /// The code, in its spelling and groups; what was typed when it is no code.
    pub formatted: String,
    /// What to join, when it is complete.
    pub invite: Option<InviteLink>,
    /// What is wrong, as a sentence; `None` while it may still become an invite.
    pub problem: Option<String>,
}

impl CheckedInvite {
    /// Looks at what somebody has typed or pasted.
    pub fn check(text: &str) -> Self {
        // `get` and not a slice: lower-casing keeps no byte positions outside ASCII, so ASCII only is lowered.
        if let Some(start) = text.to_ascii_lowercase().find(PREFIX) {
            let link = text[start..].split_whitespace().next().unwrap_or_default();
            // Mail programs put links into angle brackets and quotation marks.
            let link = link.trim_end_matches(['>', '"', '\'', ')', ',', '.', ';', '”']);
            return match link.parse::<InviteLink>() {
                Ok(invite) => {
                    Self { formatted: invite.code.to_string(), invite: Some(invite), problem: None }
                }
                Err(error) => {
                    Self { formatted: text.trim().to_owned(), invite: None, problem: Some(error.to_string()) }
                }
            };
        }
        let partial = RoomCode::check_partial(text);
        Self {
            formatted: partial.formatted,
            invite: partial.code.map(|code| InviteLink { code, server: None }),
            problem: partial.problem.map(|problem| problem.to_string()),
        }
    }
}

impl fmt::Debug for CheckedInvite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckedInvite").field("complete", &self.invite.is_some()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_link_survives_being_written_and_read() {
        for server in [None, Some("wss://tincan.example.org"), Some("ws://192.0.2.7:4815/calls")] {
            let link = InviteLink {
                code: "kqz4-m8tr-xp".parse().unwrap(),
                server: server.map(|text| parse_server_url(text).unwrap()),
            };
            assert_eq!(link.to_string().parse::<InviteLink>().unwrap(), link);
        }
        let link: InviteLink =
            "tincan://join/KQZ4-M8TR-XP?server=wss%3A%2F%2Ftincan.example.org".parse().unwrap();
        assert_eq!(link.to_string(), "tincan://join/kqz4m8trxp?server=wss%3A%2F%2Ftincan.example.org");
        assert_eq!("TINCAN://JOIN/kqz4m8trxp/".parse::<InviteLink>().unwrap().server, None);
        // Unescaped as people write it.
        assert!(
            "tincan://join/kqz4m8trxp?server=wss://a.example".parse::<InviteLink>().unwrap().server.is_some()
        );
    }

    #[test]
    fn a_link_with_another_kind_of_server_is_refused() {
        for server in [
            "http://a.example",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "wss://u:p@a.example",
            "wss:",
            "",
        ] {
            let link = format!("tincan://join/kqz4m8trxp?server={server}");
            assert_eq!(link.parse::<InviteLink>().unwrap_err(), ServerUrlError.into(), "{server}");
        }
    }

    #[test]
    fn a_server_whose_address_grows_too_long_when_it_is_written_is_refused() {
        assert!(parse_server_url(&format!("wss://a.example/{}", "é".repeat(80))).is_ok());
        assert!(parse_server_url(&format!("wss://a.example/{}", "é".repeat(200))).is_err());
    }

    #[test]
    fn links_elsewhere_are_refused() {
        for link in ["https://join/kqz4m8trxp", "tincan://leave/kqz4m8trxp", "kqz4m8trxp", ""] {
            assert_eq!(link.parse::<InviteLink>().unwrap_err(), InviteError::NotAnInvite, "{link}");
        }
        assert!(matches!("tincan://join/".parse::<InviteLink>(), Err(InviteError::Code(CodeError::Empty))));
    }

    #[test]
    fn a_link_is_found_in_a_pasted_message() {
        let checked = CheckedInvite::check("Call me: <tincan://join/kqz4m8trxp?server=wss://a.example>. Bye");
        assert_eq!(checked.formatted, "kqz4-m8tr-xp");
        assert_eq!(checked.invite.unwrap().server.unwrap().host_str(), Some("a.example"));
        let checked = CheckedInvite::check("kqz4 m8");
        assert_eq!((checked.formatted.as_str(), checked.invite, checked.problem), ("kqz4-m8", None, None));
        let checked = CheckedInvite::check("tincan://join/nope");
        assert!(checked.problem.unwrap().contains("this has 4"));
    }

    #[test]
    fn debug_shows_neither_code_nor_server() {
        let link: InviteLink = "tincan://join/kqz4m8trxp?server=wss://a.example".parse().unwrap();
        let text = format!(
            "{link:?} {:?} {:?}",
            CheckedInvite::check(&link.to_string()),
            InviteError::from(ServerUrlError)
        );
        assert!(!text.contains("kqz4") && !text.contains("a.example"), "{text}");
    }

    proptest! {
        #[test]
        fn any_text_is_checked_without_panic(text in ".{0,120}", link in any::<bool>()) {
            let text = if link { format!("tincan://{text}") } else { text };
            let _ = CheckedInvite::check(&text);
            let _ = text.parse::<InviteLink>();
        }
    }
}
