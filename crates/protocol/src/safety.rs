//! The safety number: what two people compare aloud to know that nobody sits between them.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use thiserror::Error;

/// Argon2's salt.
const SALT: &[u8] = b"tincan safety number v1";
/// Whoever sits between two people who both gave away their code must find, in the seconds before a connection times
/// out, a certificate whose number happens to match. With plain SHA-256, 24 bits fall in a second; at these costs
/// (OWASP's first choice for Argon2id, about 30 ms) the same search takes six days on a core.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// 8 decimal digits: 26 bits, independent of the words.
const DIGITS: u64 = 100_000_000;

/// Four words and eight digits from both DTLS fingerprints; the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SafetyNumber {
    /// Places in [`WORDS`].
    words: [u8; 4],
    digits: u32,
}

/// The text is no SHA-256 fingerprint as in SDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a fingerprint is sha-256 and 32 bytes in hex, separated by colons")]
pub struct FingerprintError;

impl SafetyNumber {
    /// From both fingerprints as they are in SDP (RFC 8122): `sha-256 AB:CD:…`, the algorithm's name being optional.
    /// The order does not matter. Takes about 30 ms on purpose: call it on a blocking thread.
    ///
    /// # Errors
    /// [`FingerprintError`] when one of them is no SHA-256 fingerprint.
    pub fn from_fingerprints(a: &str, b: &str) -> Result<Self, FingerprintError> {
        Ok(Self::from_digests(&parse(a)?, &parse(b)?))
    }

    /// From the SHA-256 of both certificates. The order does not matter.
    pub fn from_digests(a: &[u8; 32], b: &[u8; 32]) -> Self {
        let (low, high) = if a <= b { (a, b) } else { (b, a) };
        let input = [low.as_slice(), high.as_slice()].concat();
        let params =
            Params::new(MEMORY_KIB, PASSES, 1, Some(12)).expect("the parameters are in Argon2's range");
        let mut output = [0; 12];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(&input, SALT, &mut output)
            .expect("lengths are in Argon2's range");
        let (words, digits) = output.split_at(4);
        let words = [words[0] & 63, words[1] & 63, words[2] & 63, words[3] & 63];
        let digits = u64::from_be_bytes(digits.try_into().expect("12 bytes less 4 are 8")) % DIGITS;
        Self { words, digits: u32::try_from(digits).expect("below ten to the eighth") }
    }

    /// The four words: each names something that can be drawn.
    pub fn words(&self) -> [&'static str; 4] {
        self.words.map(|place| WORDS[usize::from(place)])
    }

    /// The eight digits in two groups: `0123 4567`.
    pub fn digits(&self) -> String {
        format!("{:04} {:04}", self.digits / 10_000, self.digits % 10_000)
    }
}

impl fmt::Display for SafetyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.words().join(", "), self.digits())
    }
}

fn parse(text: &str) -> Result<[u8; 32], FingerprintError> {
    let text = text.trim();
    let hex = match text.split_once(char::is_whitespace) {
        Some((algorithm, rest)) if algorithm.eq_ignore_ascii_case("sha-256") => rest.trim(),
        Some(_) => return Err(FingerprintError),
        None => text,
    };
    let hex: String = hex.chars().filter(|c| *c != ':').collect();
    let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).map_err(|_| FingerprintError)?;
    bytes.try_into().map_err(|_| FingerprintError)
}

/// 64 things that are hard to mistake for each other, to hear and to draw.
const WORDS: [&str; 64] = [
    "dog",
    "cat",
    "lion",
    "horse",
    "pig",
    "elephant",
    "rabbit",
    "panda",
    "chicken",
    "penguin",
    "turtle",
    "fish",
    "octopus",
    "snail",
    "bee",
    "snake",
    "tulip",
    "cactus",
    "tree",
    "mushroom",
    "corn",
    "apple",
    "banana",
    "grapes",
    "strawberry",
    "pineapple",
    "pizza",
    "burger",
    "ice cream",
    "cake",
    "doughnut",
    "coffee",
    "globe",
    "moon",
    "star",
    "fire",
    "rainbow",
    "lightning",
    "umbrella",
    "snowman",
    "balloon",
    "present",
    "guitar",
    "trumpet",
    "bell",
    "rocket",
    "bicycle",
    "train",
    "car",
    "boat",
    "aeroplane",
    "house",
    "anchor",
    "key",
    "lock",
    "hammer",
    "scissors",
    "paper clip",
    "camera",
    "light bulb",
    "alarm clock",
    "glasses",
    "hat",
    "crown",
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_sides_see_the_same_and_a_third_certificate_shows() {
        let (a, b, c) = ([1; 32], [2; 32], [3; 32]);
        assert_eq!(SafetyNumber::from_digests(&a, &b), SafetyNumber::from_digests(&b, &a));
        assert_ne!(SafetyNumber::from_digests(&a, &b), SafetyNumber::from_digests(&a, &c));
        assert_ne!(SafetyNumber::from_digests(&a, &b), SafetyNumber::from_digests(&c, &b));
    }

    #[test]
    fn the_spelling_of_a_fingerprint_does_not_matter() {
        let upper = format!("sha-256 {}", vec!["AB"; 32].join(":"));
        let lower = "ab".repeat(32);
        let other = "00".repeat(32);
        assert_eq!(
            SafetyNumber::from_fingerprints(&upper, &other),
            SafetyNumber::from_fingerprints(&other, &lower)
        );
        for wrong in ["", "sha-1 AB:CD", "sha-256 AB:CD", "sha-256", "zz"] {
            assert_eq!(SafetyNumber::from_fingerprints(wrong, &lower), Err(FingerprintError), "{wrong}");
        }
    }

    #[test]
    fn the_test_vector_of_the_protocol_document_holds() {
        let number = SafetyNumber::from_digests(&[0x11; 32], &[0x22; 32]);
        let document = include_str!("../../../docs/protocol.md");
        let line = format!("{} / {}", number.words().join(", "), number.digits());
        assert!(document.contains(&line), "{line}");
    }

    #[test]
    fn the_words_are_distinct_and_in_the_protocol_document() {
        let distinct: std::collections::HashSet<_> = WORDS.iter().collect();
        assert_eq!(distinct.len(), 64);
        let document = include_str!("../../../docs/protocol.md");
        assert!(document.replace('\n', " ").contains(&WORDS.join(", ")), "{}", WORDS.join(", "));
    }

    proptest! {
        #[test]
        fn any_text_is_refused_without_panic(text in ".{0,100}") {
            prop_assume!(parse(&text).is_err());
            prop_assert!(SafetyNumber::from_fingerprints(&text, &text).is_err());
        }
    }
}
