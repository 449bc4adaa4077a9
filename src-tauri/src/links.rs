//! Invite links that the system opened: they wait here until the window fills in the code. A link never joins a call.

use std::fmt;
use std::sync::{Mutex, PoisonError};

/// Room for a code and a server's address; anything longer is not one of ours.
const MAX_LEN: usize = 1024;

/// Something that begins like an invite link; whether it is one, the engine says. It holds a code, so it is never logged.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Link(String);

impl Link {
    /// Takes `text` if it is a link of ours.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let scheme = text.get(.."tincan://".len()).unwrap_or_default();
        (scheme.eq_ignore_ascii_case("tincan://") && text.len() <= MAX_LEN).then(|| Self(text.to_owned()))
    }

    /// Takes whatever was given to the program as a link: the window says what is wrong with it. What is longer than any
    /// link is cut.
    pub(crate) fn typed(text: &str) -> Self {
        Self(text.chars().take(MAX_LEN).collect())
    }

    /// The link among the arguments of a second start, if the system opened one.
    pub(crate) fn among(arguments: &[String]) -> Option<Self> {
        arguments.iter().skip(1).find_map(|argument| Self::parse(argument))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Link(…)")
    }
}

/// The last link that came and was not taken yet.
#[derive(Default)]
pub(crate) struct PendingLink(Mutex<Option<Link>>);

impl PendingLink {
    /// The newest link is the one that was meant.
    pub(crate) fn put(&self, link: Link) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(link);
    }

    /// Takes it; a reloaded page does not see it again.
    pub(crate) fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().map(|Link(text)| text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_taken_once_and_the_newest_wins() {
        let pending = PendingLink::default();
        pending.put(Link::parse("tincan://join/aaaaaaaaaa").unwrap());
        pending.put(Link::parse("TINCAN://join/bbbbbbbbbb").unwrap());
        assert_eq!(pending.take().as_deref(), Some("TINCAN://join/bbbbbbbbbb"));
        assert_eq!(pending.take(), None);
    }

    #[test]
    fn other_schemes_and_endless_links_are_refused() {
        let endless = format!("tincan://join/{}", "a".repeat(MAX_LEN));
        for text in ["", "tincan:", "https://tincan://", "tincän://join/aaaaaaaaaa", endless.as_str()] {
            assert!(Link::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn what_the_program_was_started_with_is_taken_as_it_is_but_not_without_end() {
        let pending = PendingLink::default();
        pending.put(Link::typed("https://example.org"));
        assert_eq!(pending.take().as_deref(), Some("https://example.org"));
        pending.put(Link::typed(&"é".repeat(2 * MAX_LEN)));
        assert_eq!(pending.take().map(|text| text.chars().count()), Some(MAX_LEN));
    }

    #[test]
    fn a_second_start_is_searched_for_a_link() {
        let arguments = ["tincan-app", "--name", "Ada", "tincan://join/aaaaaaaaaa"].map(str::to_owned);
        assert_eq!(Link::among(&arguments), Link::parse("tincan://join/aaaaaaaaaa"));
        assert_eq!(Link::among(&["tincan://join/aaaaaaaaaa".to_owned()]), None);
    }

    #[test]
    fn a_link_never_reaches_a_log() {
        let link = Link::parse("tincan://join/aaaaaaaaaa").unwrap();
        assert!(!format!("{link:?}").contains("aaaa"));
    }
}
