//! Invite links, and what somebody types or pastes to join.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use url::Url;

use crate::room_code::{CodeError, RoomCode};
use crate::text::{bounded, readable};

/// The scheme that the installed app is registered for.
const SCHEME: &str = "tincan";
/// How every link begins; looked for inside pasted text, in any case.
const PREFIX: &str = "tincan://";
/// The same inside another link's query.
const WRAPPED_PREFIX: &str = "tincan%3a%2f%2f";
/// Nobody pastes more to show an invite; a whole book is not searched at every key.
const MAX_INPUT: usize = 64 * 1024;
/// Longer than any invite link: every byte of the longest server address percent-encoded, and the code.
const MAX_LINK_LEN: usize = 2048;
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
    /// What is wrong; `None` while it may still become an invite.
    pub problem: Option<InviteError>,
}

impl CheckedInvite {
    /// Looks at what somebody has typed or pasted.
    pub fn check(text: &str) -> Self {
        let refused =
            |error: InviteError| Self { formatted: text.to_owned(), invite: None, problem: Some(error) };
        let readable = readable(bounded(text, MAX_INPUT));
        let mut links = links(&readable);
        if let Some(first) = links.next() {
            // A text with the same link twice is one invitation.
            let others = links.any(|other| other != first);
            return match first {
                Ok(_) if others => refused(CodeError::Several.into()),
                Ok(invite) => {
                    Self { formatted: invite.code.to_string(), invite: Some(invite), problem: None }
                }
                Err(error) => refused(error),
            };
        }
        let checked = RoomCode::check_partial(text);
        if checked.code.is_none() && readable.contains("://") {
            return refused(InviteError::NotAnInvite);
        }
        Self {
            formatted: checked.formatted,
            invite: checked.code.map(|code| InviteLink { code, server: None }),
            problem: checked.problem.map(InviteError::from),
        }
    }
}

/// Every link of ours in a text, also inside another link, as mail filters wrap them.
fn links(readable: &str) -> impl Iterator<Item = Result<InviteLink, InviteError>> {
    let lower = readable.to_ascii_lowercase();
    let plain = lower.match_indices(PREFIX).map(|(start, _)| start).collect::<Vec<_>>();
    let wrapped = lower.match_indices(WRAPPED_PREFIX).map(|(start, _)| start).collect::<Vec<_>>();
    let plain = plain.into_iter().map(|start| link_at(readable, start).parse());
    let wrapped = wrapped.into_iter().map(|start| {
        let link = link_at(readable, start);
        let link = &link[..link.find('&').unwrap_or(link.len())];
        percent_decoded(link).parse()
    });
    plain.chain(wrapped)
}

/// The link that begins here, to where it ends for a person: at white space or a character that no URL has (RFC 3986,
/// appendix C), without the punctuation of the sentence around it. In angle brackets it may be broken over lines.
fn link_at(readable: &str, start: usize) -> String {
    let rest = &readable[start..];
    let bracketed = readable[..start].ends_with('<').then(|| rest.split_once('>')).flatten();
    let whole = match bracketed {
        Some((inside, _)) if inside.len() <= MAX_LINK_LEN => inside.split_whitespace().collect(),
        _ => rest.to_owned(),
    };
    let ends =
        |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '|' | '\\' | '^' | '`' | '{' | '}');
    let link = whole.split(ends).next().unwrap_or_default();
    let link = link.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '/' && c != ']');
    if link.contains('[') { link.to_owned() } else { link.trim_end_matches(']').to_owned() }
}

fn percent_decoded(text: &str) -> String {
    // The one decoder that `url` shows: as the value of a query.
    let query = format!("l={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(query.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
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
        assert!(checked.problem.unwrap().to_string().contains("this has 4"));
    }

    #[test]
    fn a_link_is_found_as_messengers_and_mails_bring_it() {
        let link = "tincan://join/kqz4m8trxp?server=wss%3A%2F%2Fa.example";
        for text in [
            link.to_owned(),
            format!("Join me on Tincan.\nCode: kqz4-m8tr-xp\nLink: {link}\nGet it at https://example.org."),
            format!("<{link}|{link}>"),
            format!("[join]({link})"),
            format!("*{link}*"),
            format!("「{link}」"),
            format!("<a href=\"{link}\">Join</a>"),
            "<tincan://join/kqz4m8trxp?server=wss%3A%2F%2F\n a.example>".to_owned(),
            link.replace("join", "jo\u{ad}in\u{200b}"),
            link.replace("tincan", "ｔｉｎｃａｎ"),
            "\u{2068}TINCAN://join/kqz4m8trxp?server=wss://a.example\u{2069}".to_owned(),
            "https://links.example/?url=tincan%3A%2F%2Fjoin%2Fkqz4m8trxp%3Fserver%3Dwss%253A%252F%252Fa.example&data=05".to_owned(),
        ] {
            let checked = CheckedInvite::check(&text);
            let invite = checked.invite.unwrap_or_else(|| panic!("{text:?}: {:?}", checked.problem));
            assert_eq!(invite, link.parse().unwrap(), "{text:?}");
        }
        let two = format!("{link} {}", link.replace("kqz4", "kqz5"));
        assert_eq!(CheckedInvite::check(&two).problem, Some(CodeError::Several.into()));
    }

    #[test]
    fn a_link_of_another_product_stays_as_it_is() {
        let text = "https://meet.google.com/abc-defg-hjk";
        let checked = CheckedInvite::check(text);
        assert_eq!((checked.formatted.as_str(), checked.invite), (text, None));
        assert_eq!(checked.problem, Some(InviteError::NotAnInvite));
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
