//! The code that people read to each other.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{reading, text};

/// Crockford's base32 in lower case: no i, l, o (they look like 1, 1, 0) and no u.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// 10 characters of 5 bits: 50 bits. With the slow key derivation a guess costs about 0.1 s and 64 MiB, so trying
/// half of all codes costs about 1.8 million core-years (`docs/security.md`), and it is still readable in one breath.
/// That is enough for one call, and not for a code that is used for months.
pub const SHORT_CODE_LEN: usize = 10;

/// 20 characters: 100 bits, which nobody will ever try out, however long the code is in use.
pub const LONG_CODE_LEN: usize = 20;

/// Characters before each dash: `kqz4-m8tr-xp`.
pub(crate) const GROUP: usize = 4;

/// How many characters a code may have, ascending.
pub(crate) const CODE_LENS: &[usize] = &[SHORT_CODE_LEN, LONG_CODE_LEN];

/// What somebody must know to take part in a call. A *short* code is 50 random bits as 10 characters, written
/// `kqz4-m8tr-xp`: to be read aloud, for one call. A *long* one is 100 bits as 20 characters: programs hand it to each
/// other for the calls that follow, and links may carry it.
///
/// It is a secret: `Display` shows it because a person must read it, `Debug` does not, and it is wiped when dropped.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct RoomCode {
    /// ASCII of the alphabet, without dashes; zeros behind a short one.
    symbols: [u8; LONG_CODE_LEN],
    len: usize,
}

impl RoomCode {
    /// A new short code from the operating system's random source.
    pub fn random() -> Self {
        Self::of_random(SHORT_CODE_LEN)
    }

    /// A new long code from the operating system's random source.
    pub fn random_long() -> Self {
        Self::of_random(LONG_CODE_LEN)
    }

    fn of_random(len: usize) -> Self {
        let mut symbols = [0; LONG_CODE_LEN];
        getrandom::fill(&mut symbols[..len]).expect("every supported system has a random source");
        // 256 is a multiple of 32, so the low five bits of a byte are uniform.
        for symbol in &mut symbols[..len] {
            *symbol = ALPHABET[usize::from(*symbol & 31)];
        }
        Self { symbols, len }
    }

    /// Whether it has 100 bits: enough to be used again and again.
    pub fn is_long(&self) -> bool {
        self.len == LONG_CODE_LEN
    }

    /// Looks at what somebody has typed or pasted so far. For invite links too, see [`crate::CheckedInvite`].
    pub fn check_partial(text: &str) -> PartialCode {
        reading::check(text)
    }

    /// The code of these symbols, in the alphabet's spelling; `None` when it is not whole.
    pub(crate) fn from_symbols(text: &str) -> Option<Self> {
        let len = text.len();
        let sound = CODE_LENS.contains(&len) && text.bytes().all(|symbol| ALPHABET.contains(&symbol));
        sound.then(|| {
            let mut symbols = [0; LONG_CODE_LEN];
            symbols[..len].copy_from_slice(text.as_bytes());
            Self { symbols, len }
        })
    }

    /// The characters without dashes, lower case: the input of the key derivation.
    pub(crate) fn symbols(&self) -> &[u8] {
        &self.symbols[..self.len]
    }

    /// The characters without dashes, as a link holds them.
    pub(crate) fn plain(&self) -> &str {
        std::str::from_utf8(self.symbols()).expect("the alphabet is ASCII")
    }
}

/// What somebody has typed so far of a code.
#[derive(Clone, PartialEq, Eq)]
pub struct PartialCode {
    /// What was typed, in the spelling and the groups of a code; unchanged when it is none.
    pub formatted: String,
    /// The code, when it is whole. A whole short code may still become a long one.
    pub code: Option<RoomCode>,
    /// What is wrong; `None` while it is a code or may still become one.
    pub problem: Option<CodeError>,
}

impl fmt::Debug for PartialCode {
    // Most of a code is nearly the code, so nothing of it is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartialCode").field("complete", &self.code.is_some()).finish_non_exhaustive()
    }
}

/// Why a text is no room code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CodeError {
    /// Nothing was typed.
    #[error("Type or paste the code that you were given.")]
    Empty,
    /// Not all of it.
    #[error("A code has {SHORT_CODE_LEN} or {LONG_CODE_LEN} characters; this has {count}.")]
    TooShort {
        /// How many characters there are.
        count: usize,
    },
    /// More than a code.
    #[error("A code has {SHORT_CODE_LEN} or {LONG_CODE_LEN} characters; this has {count}.")]
    TooLong {
        /// How many characters there are.
        count: usize,
    },
    /// A character that no code has.
    #[error("{} is never part of a code.", shown(*.character))]
    Character {
        /// The first such character.
        character: char,
    },
    /// A text without a code in it.
    #[error("There is no code in this text. A code looks like kqz4-m8tr-xp.")]
    NotFound,
    /// More than one.
    #[error("There is more than one code in this text. Paste only the one that you want.")]
    Several,
}

/// A character in quotation marks, or its name in Unicode where nothing would be seen between them.
fn shown(character: char) -> String {
    if text::is_graphic(character) {
        format!("“{character}”")
    } else {
        format!("The character U+{:04X}", u32::from(character))
    }
}

impl FromStr for RoomCode {
    type Err = CodeError;

    /// Case, spaces and dashes do not matter; o is read as 0, i and l as 1. A text around the code does not matter
    /// either.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let checked = Self::check_partial(text);
        match (checked.code, checked.problem) {
            (Some(code), None) => Ok(code),
            (_, Some(problem)) => Err(problem),
            (None, None) => {
                let count = checked.formatted.chars().filter(|c| *c != '-').count();
                Err(if count == 0 { CodeError::Empty } else { CodeError::TooShort { count } })
            }
        }
    }
}

impl fmt::Display for RoomCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, symbol) in self.symbols().iter().enumerate() {
            let dash = if place > 0 && place % GROUP == 0 { "-" } else { "" };
            write!(f, "{dash}{}", char::from(*symbol))?;
        }
        Ok(())
    }
}

impl fmt::Debug for RoomCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RoomCode(..)")
    }
}

/// The alphabet's spelling of a typed character.
pub(crate) fn canonical(typed: char) -> Option<char> {
    let lower = u8::try_from(typed).ok()?.to_ascii_lowercase();
    let symbol = match lower {
        b'o' => b'0',
        b'i' | b'l' => b'1',
        other => other,
    };
    ALPHABET.contains(&symbol).then_some(char::from(symbol))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_code_is_read_in_every_spelling() {
        let code: RoomCode = "kqz4-m8tr-x1".parse().unwrap();
        for spelling in
            ["KQZ4M8TRX1", " kqz4 m8tr xL ", "kqz4—m8tr—xI", "k-q-z-4-m-8-t-r-x-i", "KQZ4_M8TR.X1"]
        {
            assert_eq!(spelling.parse::<RoomCode>().unwrap(), code, "{spelling}");
        }
        assert_eq!("ooooo-ooooo".parse::<RoomCode>().unwrap().to_string(), "0000-0000-00");
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert_eq!("".parse::<RoomCode>().unwrap_err(), CodeError::Empty);
        assert_eq!(" - ".parse::<RoomCode>().unwrap_err(), CodeError::Empty);
        assert_eq!("kqz4".parse::<RoomCode>().unwrap_err(), CodeError::TooShort { count: 4 });
        assert_eq!("kqz4m8trxp1".parse::<RoomCode>().unwrap_err(), CodeError::TooShort { count: 11 });
        let long = "kqz4m8trxp".repeat(2) + "1";
        assert_eq!(long.parse::<RoomCode>().unwrap_err(), CodeError::TooLong { count: 21 });
        assert_eq!("kqz4-u8tr-xp".parse::<RoomCode>().unwrap_err(), CodeError::Character { character: 'u' });
        assert_eq!(
            "kqz4-é8tr-xp".parse::<RoomCode>().unwrap_err().to_string(),
            "“é” is never part of a code."
        );
        assert_eq!(
            "kqz4-\u{e000}8tr-xp".parse::<RoomCode>().unwrap_err().to_string(),
            "The character U+E000 is never part of a code."
        );
    }

    #[test]
    fn a_code_is_grouped_while_it_is_typed() {
        let steps = [
            ("", "", false),
            ("KQZ", "kqz", false),
            ("kqz4", "kqz4", false),
            ("kqz4m", "kqz4-m", false),
            ("kqz4m8tr", "kqz4-m8tr", false),
            ("kqz4m8trx", "kqz4-m8tr-x", false),
            ("kqz4m8trxp", "kqz4-m8tr-xp", true),
        ];
        for (typed, formatted, complete) in steps {
            let checked = RoomCode::check_partial(typed);
            assert_eq!((checked.formatted.as_str(), checked.code.is_some()), (formatted, complete));
            assert_eq!(checked.problem, None);
        }
        let more = RoomCode::check_partial("kqz4m8trxp12");
        assert_eq!((more.formatted.as_str(), more.code, more.problem), ("kqz4-m8tr-xp12", None, None));
        let long = RoomCode::check_partial("kqz4m8trxpkqz4m8trxp");
        assert_eq!(long.formatted, "kqz4-m8tr-xpkq-z4m8-trxp");
        assert!(long.code.unwrap().is_long());
        let longer = RoomCode::check_partial("kqz4m8trxpkqz4m8trxp1");
        assert_eq!((longer.code, longer.problem), (None, Some(CodeError::TooLong { count: 21 })));
    }

    #[test]
    fn debug_shows_nothing_of_a_code() {
        for code in [RoomCode::random(), RoomCode::random_long()] {
            assert_eq!(format!("{code:?}"), "RoomCode(..)");
            let partial = format!("{:?}", RoomCode::check_partial(&code.to_string()[..7]));
            assert!(!partial.contains(&code.to_string()[..4]), "{partial}");
        }
    }

    #[test]
    fn random_codes_differ_and_use_the_whole_alphabet() {
        let codes: Vec<_> = (0..200)
            .map(|at| if at % 2 == 0 { RoomCode::random() } else { RoomCode::random_long() }.to_string())
            .collect();
        let distinct: std::collections::HashSet<_> = codes.iter().collect();
        assert_eq!(distinct.len(), codes.len());
        // 3,000 symbols: the chance that one of 32 is missing is below 1e-25.
        assert!(ALPHABET.iter().all(|symbol| codes.iter().any(|code| code.contains(char::from(*symbol)))));
    }

    proptest! {
        #[test]
        fn any_text_is_checked_without_panic(text in ".{0,80}") {
            let checked = RoomCode::check_partial(&text);
            prop_assert_eq!(checked.code.is_some(), text.parse::<RoomCode>().is_ok());
        }

        #[test]
        fn formatting_twice_changes_nothing(text in "[a-zA-Z0-9 -]{0,30}") {
            let once = RoomCode::check_partial(&text).formatted;
            prop_assert_eq!(&RoomCode::check_partial(&once).formatted, &once);
        }

        #[test]
        fn a_code_survives_being_written_and_read(long in any::<bool>()) {
            let code = if long { RoomCode::random_long() } else { RoomCode::random() };
            prop_assert_eq!(code.is_long(), long);
            prop_assert_eq!(code.plain().len(), if long { LONG_CODE_LEN } else { SHORT_CODE_LEN });
            prop_assert_eq!(code.plain().parse::<RoomCode>().unwrap(), code.clone());
            prop_assert_eq!(code.to_string().parse::<RoomCode>().unwrap(), code);
        }
    }
}
