//! The safety number: what the people in a room compare aloud to know that nobody sits between them.

use std::collections::BTreeSet;
use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};

use crate::peer_id::PeerId;

/// Argon2's salt.
const SALT: &[u8] = b"tincan safety number v2";
/// Whoever sits between two people who both gave away their code must find, while these wait for each other, a key
/// whose number happens to match. With plain SHA-256, 24 bits fall in a second; at these costs
/// (OWASP's first choice for Argon2id, about 30 ms) the same search takes six days on a core.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// 8 decimal digits: 26 bits, independent of the words.
const DIGITS: u64 = 100_000_000;

/// Four words and eight digits from the ids of everybody in a room; the same for all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SafetyNumber {
    /// Places in [`WORDS`].
    words: [u8; 4],
    digits: u32,
}

impl SafetyNumber {
    /// From everybody whose connection is confirmed, ourselves included. Takes about 30 ms on purpose: call it on a
    /// blocking thread.
    pub fn of(everybody: &BTreeSet<PeerId>) -> Self {
        let input: Vec<u8> = everybody.iter().flat_map(|id| *id.as_bytes()).collect();
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

    fn room(ids: &[u8]) -> SafetyNumber {
        SafetyNumber::of(&ids.iter().map(|id| PeerId::from_bytes([*id; 32])).collect())
    }

    #[test]
    fn everybody_sees_the_same_and_whoever_stands_between_shows() {
        assert_eq!(room(&[1, 2, 3]), room(&[3, 1, 2]));
        assert_ne!(room(&[1, 2]), room(&[1, 2, 3]));
        assert_ne!(room(&[1, 9]), room(&[2, 9]));
    }

    #[test]
    fn the_test_vector_of_the_protocol_document_holds() {
        let number = room(&[0x11, 0x22, 0x33]);
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
}
