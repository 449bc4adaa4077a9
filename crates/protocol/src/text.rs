//! Text that people write: what of it is taken over, and how much.
//!
//! Unicode's own properties decide, not lists of ours: ICU4X has them (`icu_properties`, `icu_normalizer`), and they are in
//! the program already, because host names in URLs need them. Grapheme clusters (UAX #29) come from
//! `unicode-segmentation`.

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::props::{
    BinaryProperty, CanonicalCombiningClass, Dash, DefaultIgnorableCodePoint, Emoji, EnumeratedProperty,
    ExtendedPictographic, GeneralCategory, GraphemeClusterBreak, JoiningType, NoncharacterCodePoint, Script,
    UnifiedIdeograph, WhiteSpace,
};
use unicode_segmentation::UnicodeSegmentation;

/// Longest name, in bytes of UTF-8: 40 emoji of four code points fit.
pub const MAX_NAME_LEN: usize = 256;
/// Longest name, in grapheme clusters, which is what people count as characters. More do not fit under a picture.
pub const MAX_NAME_CLUSTERS: usize = 40;

/// Longest text of a chat message, in characters (code points). With [`MAX_MESSAGE_TEXT`] it fits the channel's 16 KiB
/// however JSON has to write it.
pub const MAX_MESSAGE_CHARS: usize = 4_000;
/// Longest text of a chat message, in bytes of UTF-8: as many characters of three bytes, which most of the world's writing
/// has.
pub const MAX_MESSAGE_TEXT: usize = 12_000;

/// Nothing beyond this is looked at: a name needs a sixteenth of it.
const MAX_NAME_INPUT: usize = 4096;
/// Longest grapheme cluster, in bytes. The longest emoji that Unicode recommends has 35, but clusters may be of any
/// length: a thousand joined persons are one.
const MAX_CLUSTER_LEN: usize = 64;
/// Most nonspacing marks on one letter: pointed Hebrew has three, Vietnamese two. More pile up over the lines around.
const MAX_MARKS: usize = 4;

const ZERO_WIDTH_NON_JOINER: char = '\u{200c}';
const ZERO_WIDTH_JOINER: char = '\u{200d}';
const BLACK_FLAG: char = '\u{1f3f4}';
const CANCEL_TAG: char = '\u{e007f}';

/// A name as it is sent, taken and shown: NFC, on one line, at most [`MAX_NAME_CLUSTERS`] grapheme clusters and
/// [`MAX_NAME_LEN`] bytes, none of them cut. Nothing in it is invisible, turns the direction of the text around it or
/// covers that text; what emoji and scripts need to be whole (joiners, variation selectors) stays. May be empty.
pub fn display_name(text: &str) -> String {
    settled(bounded(text, MAX_NAME_INPUT), |name| within_limits(&visible(name, Blanks::Joined)))
}

/// What a person wrote to others, as it is sent, taken and shown: NFC, and of each line what a name keeps, but with blanks
/// as they were typed. Nothing in it is invisible, turns the direction of the text around it or covers that text. May be
/// empty, and longer than a message may be.
pub fn message_text(text: &str) -> String {
    settled(text, |text| {
        let text = text.replace("\r\n", "\n");
        let lines = text.split(ends_line).map(|line| {
            let mut line = visible(line, Blanks::Kept);
            line.truncate(line.trim_end().len());
            line
        });
        let text = lines.collect::<Vec<_>>().join("\n");
        text.trim_end().trim_start_matches('\n').to_owned()
    })
}

/// Whether a chat message may have this text, as far as its length goes.
pub fn is_message_text(text: &str) -> bool {
    text.len() <= MAX_MESSAGE_TEXT && text.chars().count() <= MAX_MESSAGE_CHARS
}

fn ends_line(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Cleans until nothing changes: what was left out brought others side by side, which may now belong together or not any
/// more. Each pass but the first only leaves out, so this ends.
fn settled(text: &str, clean: impl Fn(&str) -> String) -> String {
    let mut text = text.to_owned();
    loop {
        let next = clean(&text);
        if next == text {
            return text;
        }
        text = next;
    }
}

/// What becomes of white space.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Blanks {
    /// One blank between words, and none around them.
    Joined,
    /// Each is a blank, and a tab four.
    Kept,
}

/// The longest beginning of a text that has at most so many bytes.
pub(crate) fn bounded(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// Text as a person reads it, for finding codes and links in it: compatibility forms such as full-width letters are
/// plain ones (NFKC), digits of every script are ASCII's, every dash is `-`, white space is a blank or a new line,
/// and what is invisible or drawn over a letter is gone.
pub(crate) fn readable(text: &str) -> String {
    let normal = ComposingNormalizerBorrowed::new_nfkc().normalize(text);
    normal.chars().filter_map(plain).collect()
}

fn plain(c: char) -> Option<char> {
    use GeneralCategory as Category;
    if c.is_ascii_graphic() {
        return Some(c);
    }
    match c {
        _ if ends_line(c) => return Some('\n'),
        _ if WhiteSpace::for_char(c) => return Some(' '),
        // What Japanese keyboards give for a dash, and what people draw one with.
        '\u{30fc}' | '\u{30fb}' | '\u{b7}' | '\u{2022}' | '\u{2043}' | '\u{2d7}' => return Some('-'),
        '\u{3002}' => return Some('.'),
        _ if DefaultIgnorableCodePoint::for_char(c) => return None,
        _ => {}
    }
    match GeneralCategory::for_char(c) {
        Category::Control | Category::Format | Category::NonspacingMark | Category::EnclosingMark => None,
        Category::DashPunctuation => Some('-'),
        Category::DecimalNumber => Some(ascii_digit(c)),
        _ if Dash::for_char(c) => Some('-'),
        _ => Some(c),
    }
}

/// The ASCII digit of the same value. Unicode encodes the decimal digits of a script as a run from zero to nine
/// (The Unicode Standard, 4.6), and runs that touch are whole ones.
fn ascii_digit(c: char) -> char {
    let is_digit = |point: u32| {
        char::from_u32(point).is_some_and(|c| GeneralCategory::for_char(c) == GeneralCategory::DecimalNumber)
    };
    let before = (1..u32::from(c)).take_while(|distance| is_digit(u32::from(c) - distance)).count();
    char::from_digit((before % 10) as u32, 10).unwrap_or(c)
}

/// Whether a character is part of a word in the scripts that codes are written in; next to others a code may stand
/// without a blank between, as in Japanese.
pub(crate) fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || (!c.is_ascii()
            && c.is_alphanumeric()
            && matches!(Script::for_char(c), Script::Latin | Script::Greek | Script::Cyrillic))
}

/// Whether a character would be seen when it stands alone in quotation marks.
pub(crate) fn is_graphic(c: char) -> bool {
    use GeneralCategory as Category;
    let category = GeneralCategory::for_char(c);
    !DefaultIgnorableCodePoint::for_char(c)
        && !WhiteSpace::for_char(c)
        && !matches!(
            category,
            Category::Control
                | Category::Format
                | Category::Surrogate
                | Category::PrivateUse
                | Category::Unassigned
                | Category::NonspacingMark
                | Category::SpacingMark
                | Category::EnclosingMark
        )
}

/// A line without what is not seen.
fn visible(text: &str, blanks: Blanks) -> String {
    let normal = ComposingNormalizerBorrowed::new_nfc().normalize(text);
    let chars: Vec<char> = normal.chars().collect();
    let mut kept: Vec<char> = Vec::with_capacity(chars.len());
    let mut blank = false;
    let mut marks = 0;
    let mut position = 0;
    while let Some(&c) = chars.get(position) {
        position += 1;
        let rest = &chars[position..];
        if is_blank(c) {
            blank = true;
            if blanks == Blanks::Kept {
                kept.extend(std::iter::repeat_n(' ', if c == '\t' { 4 } else { 1 }));
            }
            continue;
        }
        if blank && is_mark(c) || !is_kept(c, &kept, rest) {
            continue;
        }
        marks = match c {
            // A joiner begins no new letter.
            ZERO_WIDTH_JOINER | ZERO_WIDTH_NON_JOINER => marks,
            _ if is_nonspacing(c) => marks + 1,
            _ => 0,
        };
        if marks > MAX_MARKS {
            continue;
        }
        if std::mem::take(&mut blank) && !kept.is_empty() && blanks == Blanks::Joined {
            kept.push(' ');
        }
        kept.push(c);
        if c == BLACK_FLAG {
            let tags = flag_tags(rest);
            kept.extend(&rest[..tags]);
            position += tags;
        }
    }
    kept.into_iter().collect()
}

/// White space, control characters that stand for it, and what is drawn as a blank although its properties say letter or
/// symbol: a braille cell without dots, a note without a head.
fn is_blank(c: char) -> bool {
    WhiteSpace::for_char(c) || matches!(c, '\u{2800}' | '\u{1d159}')
}

fn is_nonspacing(c: char) -> bool {
    matches!(GeneralCategory::for_char(c), GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark)
}

fn is_mark(c: char) -> bool {
    is_nonspacing(c) || GeneralCategory::for_char(c) == GeneralCategory::SpacingMark
}

/// Whether a character stays in a name, after those that stay and before the rest.
fn is_kept(c: char, kept: &[char], rest: &[char]) -> bool {
    use GeneralCategory as Category;
    match c {
        ZERO_WIDTH_JOINER => joins_emoji(kept, rest) || follows_virama(kept),
        ZERO_WIDTH_NON_JOINER => follows_virama(kept) || parts_letters(kept, rest),
        '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' | '\u{180b}'..='\u{180d}' | '\u{180f}' => {
            kept.last().is_some_and(|base| varies(*base, c))
        }
        // An object that is not there.
        '\u{fffc}' => false,
        _ if DefaultIgnorableCodePoint::for_char(c) || NoncharacterCodePoint::for_char(c) => false,
        _ => match GeneralCategory::for_char(c) {
            Category::Control | Category::Surrogate | Category::PrivateUse => false,
            // Arabic's signs of number and year are seen; they are drawn under what follows.
            Category::Format => GraphemeClusterBreak::for_char(c) == GraphemeClusterBreak::Prepend,
            // A mark without a letter would be drawn over what stands before the name.
            _ => !(kept.is_empty() && is_mark(c)),
        },
    }
}

/// UAX #29, GB11: a joiner between two pictographs makes one emoji of them.
fn joins_emoji(kept: &[char], rest: &[char]) -> bool {
    let before =
        kept.iter().rev().find(|c| GraphemeClusterBreak::for_char(**c) != GraphemeClusterBreak::Extend);
    [before, rest.first()].iter().all(|c| c.is_some_and(|c| ExtendedPictographic::for_char(*c)))
}

/// RFC 5892, A.1 and A.2: after a virama both joiners choose the form of an Indic conjunct.
fn follows_virama(kept: &[char]) -> bool {
    kept.last().is_some_and(|c| CanonicalCombiningClass::for_char(*c) == CanonicalCombiningClass::Virama)
}

/// RFC 5892, A.1: between two letters that would join, as Persian writes inside of words.
fn parts_letters(kept: &[char], rest: &[char]) -> bool {
    let solid = |c: &&char| JoiningType::for_char(**c) != JoiningType::Transparent;
    let before = kept.iter().rev().find(solid).map(|c| JoiningType::for_char(*c));
    let after = rest.iter().find(solid).map(|c| JoiningType::for_char(*c));
    matches!(before, Some(JoiningType::DualJoining | JoiningType::LeftJoining))
        && matches!(after, Some(JoiningType::DualJoining | JoiningType::RightJoining))
}

/// Whether a variation selector means anything after this character: emoji or text, the forms of an ideograph (Japanese
/// family names are told apart by them), and those of Mongolian letters.
fn varies(base: char, selector: char) -> bool {
    match selector {
        '\u{fe0e}' | '\u{fe0f}' => Emoji::for_char(base),
        '\u{fe00}'..='\u{fe0d}' | '\u{e0100}'..='\u{e01ef}' => UnifiedIdeograph::for_char(base),
        _ => Script::for_char(base) == Script::Mongolian,
    }
}

/// How many characters after a black flag make it the flag of a part of a country (UTS #51, ED-14a), such as Scotland's.
fn flag_tags(rest: &[char]) -> usize {
    let tags = rest.iter().take_while(|c| matches!(c, '\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}'));
    match tags.count() {
        count @ 3..=6 if rest.get(count) == Some(&CANCEL_TAG) => count + 1,
        _ => 0,
    }
}

/// As many whole grapheme clusters as a name may have; of one that is absurdly long only its beginning.
fn within_limits(text: &str) -> String {
    let mut name = String::new();
    for cluster in text.graphemes(true).take(MAX_NAME_CLUSTERS) {
        let cluster = bounded(cluster, MAX_CLUSTER_LEN);
        if name.len() + cluster.len() > MAX_NAME_LEN {
            break;
        }
        name.push_str(cluster);
    }
    name.truncate(name.trim_end().len());
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_of_every_script_and_emoji_stay_as_they_are() {
        for name in [
            "Ada Lovelace",
            "Åse Ñandú Đặng",
            "محمد",
            "می\u{200c}خواهم",
            "אָ֑לֶף",
            "क्\u{200d}ष",
            "葛\u{e0100}城",
            "👩\u{200d}👩\u{200d}👧\u{200d}👦",
            "👩🏻\u{200d}❤\u{fe0f}\u{200d}💋\u{200d}👨🏻",
            "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
            "🇩🇪 4\u{fe0f}\u{20e3}",
        ] {
            assert_eq!(display_name(name), name, "{name:?}");
        }
    }

    #[test]
    fn what_is_not_seen_or_turns_the_text_around_it_does_not_survive() {
        for (typed, shown) in [
            ("  Ada \t\n Lovelace ", "Ada Lovelace"),
            ("\u{202e}Ada\u{202c}", "Ada"),
            ("\u{2067}Ada\u{2069}\u{200f}\u{61c}", "Ada"),
            ("A\u{200b}d\u{2060}a\u{feff}\u{ad}", "Ada"),
            ("A\u{200d}d\u{200c}a\u{fe0f}", "Ada"),
            ("A\u{e0041}da\u{e007f}", "Ada"),
            ("\u{3164}\u{115f}\u{1160}\u{ffa0}", ""),
            ("\u{2800}\u{a0}\u{3000}\u{1d159}", ""),
            ("\u{fffc}\u{e000}\u{fdd0}\u{7}", ""),
            ("\u{301}\u{302}Ada", "Ada"),
            ("A \u{20dd}da", "A da"),
            ("A\u{30a}da", "Åda"),
        ] {
            assert_eq!(display_name(typed), shown, "{typed:?}");
        }
    }

    #[test]
    fn marks_are_bounded_and_clusters_are_not_cut() {
        let piled = display_name(&format!("A{}da", "\u{323}\u{20dd}".repeat(32)));
        assert!(piled.chars().count() <= 3 + MAX_MARKS, "{piled:?}");
        assert!(piled.ends_with("da"), "{piled:?}");
        let family = "👩\u{200d}👩\u{200d}👧\u{200d}👦";
        let many = display_name(&family.repeat(50));
        assert_eq!(many, family.repeat(MAX_NAME_LEN / family.len()));
        assert_eq!(display_name(&"é".repeat(100)), "é".repeat(MAX_NAME_CLUSTERS));
        // One cluster of ten thousand persons is no name; the beginning of it is.
        let endless = display_name(&format!("👩{}", "\u{200d}👩".repeat(10_000)));
        assert!(endless.starts_with('👩') && endless.len() <= MAX_CLUSTER_LEN, "{endless:?}");
    }

    #[test]
    fn messages_keep_lines_and_blanks_and_lose_what_is_not_seen() {
        for (typed, sent) in [
            ("  let x = 1;\n\tx + 1  \n\n", "  let x = 1;\n    x + 1"),
            ("\n\na\r\nb\u{2028}c\rd", "a\nb\nc\nd"),
            ("Hi \u{202e}there\u{202c}\u{7}\u{1b}[31m", "Hi there[31m"),
            ("a\u{200b}\u{301}  \u{301}b", "\u{e1}  b"),
            ("👩\u{200d}👩\u{200d}👧 ok", "👩\u{200d}👩\u{200d}👧 ok"),
            (" \u{200b}\u{3164}\n ", ""),
        ] {
            assert_eq!(message_text(typed), sent, "{typed:?}");
        }
    }

    #[test]
    fn text_is_read_as_a_person_reads_it() {
        assert_eq!(readable("ｋＱz４\u{30fc}ｍ８"), "kQz4-m8");
        assert_eq!(readable("k\u{ad}q\u{200e}z\u{332}4\u{fe0f}\u{20e3}"), "kqz4");
        assert_eq!(readable("٤\u{6f4}४\u{1d7d2}"), "4444");
        assert_eq!(readable("a\u{a0}b\u{2028}c\u{2011}d\u{2212}e"), "a b\nc-d-e");
    }

    /// Characters that matter, often: any text holds few of them.
    fn odd_text() -> impl Strategy<Value = String> {
        let odd = prop::sample::select(vec![
            'A',
            ' ',
            'é',
            '\u{301}',
            '\u{20dd}',
            '\u{200d}',
            '\u{200c}',
            '\u{202e}',
            '\u{fe0f}',
            '👩',
            '🏻',
            '🏴',
            '❤',
            '\u{e0067}',
            '\u{e007f}',
            'क',
            '\u{94d}',
            'م',
            'ی',
            '葛',
            '\u{e0100}',
            '\u{3164}',
            '\u{2800}',
            '\u{1100}',
            '\u{1161}',
            '\u{11a8}',
            '\u{600}',
            '\u{1f1e9}',
            '\u{180b}',
            '\u{34f}',
        ]);
        prop::collection::vec(prop_oneof![3 => odd, 1 => any::<char>()], 0..200)
            .prop_map(|chars| chars.into_iter().collect())
    }

    proptest! {
        #[test]
        fn every_name_is_bounded_and_final(text in odd_text()) {
            let name = display_name(&text);
            prop_assert!(name.len() <= MAX_NAME_LEN);
            prop_assert!(name.graphemes(true).count() <= MAX_NAME_CLUSTERS);
            prop_assert_eq!(name.trim(), &name);
            prop_assert_eq!(&display_name(&name), &name);
            let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            prop_assert!(!name.chars().any(turns));
            prop_assert!(!name.chars().any(char::is_control));
        }

        #[test]
        fn every_message_is_final_and_turns_nothing(text in odd_text()) {
            let message = message_text(&text);
            prop_assert_eq!(&message_text(&message), &message);
            let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            prop_assert!(!message.chars().any(|c| turns(c) || (c.is_control() && c != '\n')));
        }

        #[test]
        fn nothing_is_read_that_nobody_sees(text in odd_text()) {
            let seen = |c: char| matches!(c, ' ' | '\n') || !DefaultIgnorableCodePoint::for_char(c);
            prop_assert!(readable(&text).chars().all(seen));
        }
    }
}
