//! When a guess is the word: case, accents, and what stands between and around letters do not matter.

use std::collections::BTreeSet;

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

/// What is looked at of a text, in characters: no word is nearly as long, and distances take the square of it.
const MOST: usize = 64;
/// Words of so many letters may be missed by one and be close; twice as long ones by two.
const FORGIVING: usize = 4;

/// The letters and digits of a text in lower case, without accents; `ß`, `æ`, `œ`, `ø` and `ł` as people write them who
/// lack these keys.
pub fn answer_letters(text: &str) -> String {
    let normal = DecomposingNormalizerBorrowed::new_nfkd().normalize(text);
    let mut letters = String::new();
    for letter in normal.chars().flat_map(char::to_lowercase) {
        match letter {
            'ß' => letters.push_str("ss"),
            'æ' => letters.push_str("ae"),
            'œ' => letters.push_str("oe"),
            'ø' => letters.push('o'),
            'ł' => letters.push('l'),
            'ı' => letters.push('i'),
            letter if letter.is_alphanumeric() => letters.push(letter),
            _ => {}
        }
    }
    bounded(&letters)
}

fn bounded(text: &str) -> String {
    text.chars().take(MOST).collect()
}

/// The same with German umlauts as two letters, as people write them who lack these keys.
fn umlauts_apart(text: &str) -> String {
    let normal = ComposingNormalizerBorrowed::new_nfkc().normalize(text);
    let mut apart = String::new();
    for letter in normal.chars().flat_map(char::to_lowercase) {
        match letter {
            'ä' => apart.push_str("ae"),
            'ö' => apart.push_str("oe"),
            'ü' => apart.push_str("ue"),
            _ => apart.push(letter),
        }
    }
    answer_letters(&apart)
}

fn readings(text: &str) -> BTreeSet<String> {
    let readings = BTreeSet::from([answer_letters(text), umlauts_apart(text)]);
    readings.into_iter().filter(|reading| !reading.is_empty()).collect()
}

/// Whether a guess is the word.
pub fn is_same_answer(word: &str, guess: &str) -> bool {
    !readings(word).is_disjoint(&readings(guess))
}

/// Whether a guess is nearly the word: a letter or two are too many, missing, others, or in the wrong order.
pub fn is_close(word: &str, guess: &str) -> bool {
    let guesses = readings(guess);
    readings(word).iter().any(|word| {
        let most = (word.chars().count() / FORGIVING).min(2);
        guesses.iter().any(|guess| most > 0 && distance(word, guess) <= most)
    })
}

/// How many letters have to be put in, taken out, replaced or swapped with their neighbour (Damerau and Levenshtein's
/// distance, each place changed once).
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut before = Vec::new();
    let mut above: Vec<usize> = (0..=other.len()).collect();
    for (row, letter) in one.iter().enumerate() {
        let mut here = vec![row + 1];
        for (column, theirs) in other.iter().enumerate() {
            let replaced = above[column] + usize::from(letter != theirs);
            let mut least = replaced.min(above[column + 1] + 1).min(here[column] + 1);
            if row > 0 && column > 0 && *letter == other[column - 1] && one[row - 1] == *theirs {
                let swapped: &Vec<usize> = &before;
                least = least.min(swapped[column - 1] + 1);
            }
            here.push(least);
        }
        before = std::mem::replace(&mut above, here);
    }
    above[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn case_accents_and_what_stands_between_letters_do_not_matter() {
        for (word, guess) in [
            ("ice cream", " Ice-Cream "),
            ("ice cream", "icecream"),
            ("Bär", "bar"),
            ("Bär", "BAER"),
            ("Fußball", "fussball"),
            ("œuf", "oeuf"),
            ("éléphant", "elephant"),
            ("niño", "nino"),
            ("niño", "nin\u{303}o"),
            ("clé", "ｃｌｅ"),
        ] {
            assert!(is_same_answer(word, guess), "{word} {guess}");
        }
        for (word, guess) in [("cat", "car"), ("cat", ""), ("", ""), ("!", "?"), ("house", "houses")] {
            assert!(!is_same_answer(word, guess), "{word} {guess}");
        }
    }

    #[test]
    fn a_near_miss_is_close_and_short_words_have_none() {
        for (word, guess) in [
            ("house", "houses"),
            ("house", "hosue"),
            ("elephant", "elefant"),
            ("giraffe", "girafe"),
            ("Schlüssel", "schluesel"),
        ] {
            assert!(is_close(word, guess), "{word} {guess}");
        }
        for (word, guess) in [("cat", "car"), ("house", "horde"), ("house", ""), ("mouse", "mice")] {
            assert!(!is_close(word, guess), "{word} {guess}");
        }
    }

    proptest! {
        #[test]
        fn any_texts_are_compared_and_every_word_is_itself(word in "\\PC{0,80}", guess in "\\PC{0,300}") {
            let letters = answer_letters(&word);
            prop_assert_eq!(is_same_answer(&word, &word), !letters.is_empty());
            let _ = (is_same_answer(&word, &guess), is_close(&word, &guess));
        }
    }
}
