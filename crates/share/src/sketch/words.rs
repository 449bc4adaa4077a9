//! The words that can be drawn: lists of our own, in four languages.

use std::collections::BTreeSet;

use tincan_protocol::{SketchLanguage, answer_letters};

use super::chance::Chance;

/// How many words the drawer may choose from.
pub(super) const CHOICES: usize = 3;

const fn list(language: SketchLanguage) -> &'static str {
    match language {
        SketchLanguage::En => include_str!("words/en.txt"),
        SketchLanguage::De => include_str!("words/de.txt"),
        SketchLanguage::Fr => include_str!("words/fr.txt"),
        SketchLanguage::Es => include_str!("words/es.txt"),
    }
}

/// Every word of a language.
pub fn words(language: SketchLanguage) -> impl Iterator<Item = &'static str> {
    list(language).lines()
}

/// Different words, none of which was `used`, as long as there are any.
pub(super) fn choose(language: SketchLanguage, used: &BTreeSet<String>, chance: &mut Chance) -> Vec<String> {
    let mut fresh: Vec<&str> = words(language).filter(|word| !used.contains(&answer_letters(word))).collect();
    if fresh.len() < CHOICES {
        fresh = words(language).collect();
    }
    (0..CHOICES).map(|_| fresh.swap_remove(chance.below(fresh.len())).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [SketchLanguage; 4] =
        [SketchLanguage::En, SketchLanguage::De, SketchLanguage::Fr, SketchLanguage::Es];

    #[test]
    fn every_language_has_hundreds_of_different_words_that_fit_a_line() {
        for language in ALL {
            let letters: BTreeSet<String> = words(language).map(answer_letters).collect();
            assert_eq!(letters.len(), words(language).count());
            assert!(letters.len() > 400, "{language:?} {}", letters.len());
            for word in words(language) {
                assert_eq!(tincan_protocol::display_name(word), word);
                assert!((2..=24).contains(&word.chars().count()), "{word}");
            }
        }
    }

    #[test]
    fn a_word_comes_again_only_when_all_were_drawn() {
        let mut chance = Chance::new([7; 32]);
        let mut used = BTreeSet::new();
        let count = words(SketchLanguage::Fr).count();
        while used.len() + CHOICES <= count {
            let chosen = choose(SketchLanguage::Fr, &used, &mut chance);
            assert_eq!(chosen.iter().collect::<BTreeSet<_>>().len(), CHOICES);
            assert!(chosen.iter().all(|word| used.insert(answer_letters(word))), "{chosen:?}");
        }
        assert_eq!(choose(SketchLanguage::Fr, &used, &mut chance).len(), CHOICES);
    }
}
