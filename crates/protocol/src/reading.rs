//! Codes as people type and paste them: alone in any spelling, or somewhere in a chat, a mail or a document.

use crate::room_code::{CODE_LENS, CodeError, GROUP, PartialCode, RoomCode, canonical};
use crate::text::{bounded, is_word, readable};

/// Nobody pastes more to show a code; a whole book is not searched at every key.
const MAX_INPUT: usize = 64 * 1024;
const SHORTEST: usize = CODE_LENS[0];
const LONGEST: usize = CODE_LENS[CODE_LENS.len() - 1];

/// A way to look for codes among the words of a text.
type Search = fn(&str, &[Word<'_>]) -> Vec<RoomCode>;

/// What a text is, seen as a code.
pub(crate) fn check(text: &str) -> PartialCode {
    let readable = readable(bounded(text, MAX_INPUT));
    let typed = typed(&readable);
    // While it is short or whole it is what it looks like; longer, it may be a code with words around it.
    let searches: &[Search] = match &typed {
        Some(typed) if typed.code.is_some() || typed.symbols < SHORTEST => &[],
        Some(_) => &[dashed, joined],
        None => &[dashed, joined, loose],
    };
    let found = found(&readable, searches);
    let unchanged = |problem| PartialCode { formatted: text.to_owned(), code: None, problem: Some(problem) };
    match (found, typed) {
        (Ok(code), _) => PartialCode { formatted: code.to_string(), code: Some(code), problem: None },
        (Err(problem @ CodeError::Several), _) | (Err(problem), None) => unchanged(problem),
        (Err(_), Some(typed)) if typed.symbols > LONGEST => unchanged(if typed.words {
            CodeError::NotFound
        } else {
            CodeError::TooLong { count: typed.symbols }
        }),
        (Err(_), Some(typed)) => PartialCode { formatted: typed.formatted, code: typed.code, problem: None },
    }
}

/// A text that holds nothing but a code, or the beginning of one, or too much of one.
struct Typed {
    symbols: usize,
    formatted: String,
    code: Option<RoomCode>,
    /// Whether there are blanks in it.
    words: bool,
}

fn typed(readable: &str) -> Option<Typed> {
    let mut symbols = String::new();
    let mut formatted = String::new();
    for c in readable.chars().filter(|c| !is_separator(*c)) {
        let symbol = canonical(c)?;
        if !symbols.is_empty() && symbols.len().is_multiple_of(GROUP) && symbols.len() < LONGEST {
            formatted.push('-');
        }
        symbols.push(symbol);
        formatted.push(symbol);
    }
    let code = RoomCode::from_symbols(&symbols);
    if (code.is_some() || symbols.len() > SHORTEST) && reads_as_words(readable, code.is_some()) {
        return None;
    }
    let words = readable.trim().contains(char::is_whitespace);
    Some(Typed { symbols: symbols.len(), formatted, code, words })
}

/// Words that happen to be made of a code's letters, such as "hello world" or "call me at 10 tomorrow": with blanks at no regular
/// distance; or as many as a `whole` code has, without a digit and not in a code's groups. Three of a hundred codes have no
/// digit.
fn reads_as_words(readable: &str, whole: bool) -> bool {
    if !readable.trim().contains(char::is_whitespace) {
        return false;
    }
    let lengths: Vec<_> = readable
        .split(is_separator)
        .map(|group| group.chars().count())
        .filter(|length| *length > 0)
        .collect();
    let Some((last, full)) = lengths.split_last() else { return false };
    let even =
        full.windows(2).all(|pair| pair[0] == pair[1]) && full.first().is_none_or(|first| last <= first);
    let regular = even || full.iter().all(|length| length.is_multiple_of(GROUP));
    let has_digit = readable.contains(|c: char| c.is_ascii_digit());
    !(is_grouped(&lengths) || regular && (has_digit || !whole))
}

/// What people and programs put between the groups.
fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '_' | '.')
}

/// Whether words of these lengths are the groups of a whole code.
fn is_grouped(lengths: &[usize]) -> bool {
    let count = lengths.iter().sum();
    CODE_LENS.contains(&count)
        && lengths.len() == count.div_ceil(GROUP)
        && lengths.split_last().is_some_and(|(_, full)| full.iter().all(|length| *length == GROUP))
}

/// The one code that a text holds. The first search that finds anything decides: what was written as a code is one, whatever
/// else in the text might be read as one.
fn found(readable: &str, searches: &[Search]) -> Result<RoomCode, CodeError> {
    let text = without_addresses(readable);
    let words = words(&text);
    let codes = searches.iter().map(|search| search(&text, &words)).find(|codes| !codes.is_empty());
    match codes.as_deref() {
        None | Some([]) => Err(nothing_found(readable, &text)),
        Some([code]) => Ok(code.clone()),
        Some(_) => Err(CodeError::Several),
    }
}

/// Links and mail addresses made blank: a code in one is its owner's, not ours.
fn without_addresses(readable: &str) -> String {
    let mut text = String::with_capacity(readable.len());
    for chunk in readable.split_inclusive(|c: char| !c.is_ascii_graphic()) {
        let address = chunk.trim_end_matches(|c: char| !c.is_ascii_graphic());
        text.push_str(if is_address(address) { "\0" } else { address });
        text.push_str(&chunk[address.len()..]);
    }
    text
}

fn is_address(chunk: &str) -> bool {
    let host_and_path = chunk.split_once('/').is_some_and(|(host, _)| host.trim_matches('.').contains('.'));
    chunk.contains("://")
        || chunk.contains('@')
        || host_and_path
        || chunk.to_ascii_lowercase().starts_with("www.")
}

/// What is the matter with a text without a code: a character in what is nearly one, or that there is none.
fn nothing_found(readable: &str, text: &str) -> CodeError {
    let symbols = || readable.chars().filter(|c| !is_separator(*c));
    let strangers = symbols().filter(|c| canonical(*c).is_none()).count();
    match symbols().find(|c| canonical(*c).is_none()) {
        Some(character) if strangers <= 2 && symbols().count() <= LONGEST && !text.contains('\0') => {
            CodeError::Character { character }
        }
        _ => CodeError::NotFound,
    }
}

/// A word and what stands between it and the next.
struct Word<'a> {
    text: &'a str,
    gap: &'a str,
}

impl Word<'_> {
    fn len(&self) -> usize {
        self.text.chars().count()
    }

    fn has_digit(&self) -> bool {
        self.text.contains(|c: char| c.is_ascii_digit())
    }

    fn is_mixed(&self) -> bool {
        self.has_digit() && self.text.contains(|c: char| c.is_ascii_alphabetic())
    }

    /// A dash, without blanks around; a line may be broken after it, as mail and documents do, with the `=` of a
    /// quoted-printable mail and the `>` of an answer.
    fn is_dashed(&self) -> bool {
        let dashes = self.gap.trim_start_matches('-');
        let line_break = dashes.trim_start_matches(['=', '\n', ' ', '>']);
        let count = self.gap.len() - dashes.len();
        (1..=2).contains(&count) && (dashes.is_empty() || line_break.is_empty() && dashes.contains('\n'))
    }

    /// A blank, or a dash with blanks.
    fn is_loose(&self) -> bool {
        !self.gap.is_empty() && self.gap.len() <= 5 && self.gap.chars().all(|c| matches!(c, ' ' | '-' | '\n'))
    }
}

fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut rest = text.trim_start_matches(|c| !is_word(c));
    while !rest.is_empty() {
        let word = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (text, after) = rest.split_at(word);
        let gap = after.find(is_word).unwrap_or(after.len());
        let (gap, next) = after.split_at(gap);
        words.push(Word { text, gap });
        rest = next;
    }
    words
}

/// The code that these words are together.
fn together(words: &[Word<'_>]) -> Option<RoomCode> {
    let symbols = words.iter().flat_map(|word| word.text.chars());
    RoomCode::from_symbols(&symbols.map(canonical).collect::<Option<String>>()?)
}

fn distinct(codes: impl Iterator<Item = RoomCode>) -> Vec<RoomCode> {
    let mut distinct = Vec::new();
    for code in codes {
        if !distinct.contains(&code) {
            distinct.push(code);
        }
    }
    distinct
}

/// Words joined by dashes, in a code's groups. What has more of them, such as a serial number, is something else.
fn dashed(_: &str, words: &[Word<'_>]) -> Vec<RoomCode> {
    let runs = words.chunk_by(|word, _| word.is_dashed());
    distinct(runs.filter(|run| is_grouped(&lengths(run))).filter_map(together))
}

/// One word with both letters and digits, as a link holds the code. A word without digits is a word, and one without
/// letters a telephone number.
fn joined(_: &str, words: &[Word<'_>]) -> Vec<RoomCode> {
    let runs = words.chunk_by(|word, _| word.is_dashed());
    distinct(runs.filter(|run| run.len() == 1 && run[0].is_mixed()).filter_map(together))
}

/// With blanks between the groups: on a line of its own or after a colon, or when two groups hold letters and digits both, as
/// no words and times of day do.
fn loose(text: &str, words: &[Word<'_>]) -> Vec<RoomCode> {
    let alone = text
        .split(['\n', ':'])
        .filter_map(|part| part.contains(|c: char| c.is_ascii_digit()).then(|| typed(part)).flatten()?.code);
    let of_length = |length: usize| {
        let groups = words.windows(length.div_ceil(GROUP)).filter(move |group| {
            is_grouped(&lengths(group))
                && group[..group.len() - 1].iter().all(Word::is_loose)
                && group.iter().filter(|word| word.is_mixed()).count() >= 2
        });
        distinct(groups.filter_map(together))
    };
    let alone = distinct(alone);
    if !alone.is_empty() {
        return alone;
    }
    // The groups of a long code may be those of a short one too.
    CODE_LENS
        .iter()
        .rev()
        .map(|length| of_length(*length))
        .find(|codes| !codes.is_empty())
        .unwrap_or_default()
}

fn lengths(words: &[Word<'_>]) -> Vec<usize> {
    words.iter().map(Word::len).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Option<String> {
        check(text).code.map(|code| code.to_string())
    }

    #[test]
    fn a_code_is_found_as_messengers_mails_documents_and_keyboards_bring_it() {
        for text in [
            // Keyboards.
            "Kqz4-m8tr-xp",
            "ｋｑｚ４－ｍ８ｔｒ－ｘｐ",
            "ＫＱＺ４ーＭ８ＴＲーＸＰ",
            "kqz4—m8tr—xp",
            "kqz4--m8tr--xp",
            "kqz٤-m۸tr-xp",
            "kqz4 . m8tr . xp",
            "𝐤𝐪𝐳𝟒-𝐦𝟖𝐭𝐫-𝐱𝐩",
            "kqz4\u{fe0f}\u{20e3}-m8tr-xp",
            // Messengers.
            "\u{200e}kqz4-m8tr-xp\u{200e}",
            "\u{2068}kqz4-m8tr-xp\u{2069}",
            "[12.03.26, 10:15:22] Ada: kqz4-m8tr-xp",
            "Ada, 10:15\nkqz4-m8tr-xp\n",
            "*kqz4-m8tr-xp*",
            "_kqz4-m8tr-xp_",
            "||kqz4-m8tr-xp||",
            "code: kqz4-m8tr-xp",
            "Code kqz4 m8tr xp!",
            "the code is kqz4-m8tr-xp, see you at 10",
            "kqz4m8trxp 👍",
            "コードはkqz4-m8tr-xpです",
            "k\u{332}q\u{332}z\u{332}4\u{332}-m8tr-xp",
            "kqz4\u{2060}-\u{200b}m8tr\u{feff}-xp",
            "kqz4\u{202f}m8tr\u{a0}xp",
            // Mails.
            "> > Code: kqz4-m8tr-xp",
            "Code:\u{a0}kqz4-=\nm8tr-xp",
            "> kqz4-\n> m8tr-xp",
            "(kqz4-m8tr-xp)",
            "ada@example.org wrote: kqz4-m8tr-xp",
            "https://example.org/abcd-efgh-jk and the code kqz4-m8tr-xp",
            // Documents.
            "kqz4\u{2011}m8tr\u{2011}xp",
            "kqz4\u{ad}m8\u{ad}tr\u{ad}xp",
            "Code: kqz4-\nm8tr-xp",
            "“kqz4-m8tr-xp”",
            "kqz4 – m8tr – xp",
            "Code: kqz4.m8tr.xp",
        ] {
            assert_eq!(read(text).as_deref(), Some("kqz4-m8tr-xp"), "{text:?}");
        }
        assert_eq!(read("Code: ABFF-M8TR-XP").as_deref(), read("Code: AB\u{fb00}-M8TR-XP").as_deref());
    }

    #[test]
    fn what_is_no_code_is_left_as_it_is() {
        for text in [
            "code: ",
            "code: x3cd",
            "hello world",
            "that came as a surprise",
            "we are at the conference",
            "https://meet.google.com/abc-defg-hjk",
            "meet.google.com/abc-defg-hjk",
            "www.example.org/kqz4m8trxp",
            "kqz4m8trxp@example.org",
            "550e8400-e29b-41d4-a716-446655440000",
            "call 555-123-4567 at once",
            "can we meet 10am at noon",
            "kqz4-m8tr-xp and abcd-efgh-j2",
            "🙂",
            "what is this?",
        ] {
            let checked = check(text);
            assert_eq!(checked.formatted, text);
            assert!(checked.code.is_none() && checked.problem.is_some(), "{text:?}");
        }
        assert_eq!(check("kqz4-m8tr-xp or abcd-efgh-j2").problem, Some(CodeError::Several));
        assert_eq!(check("a whole sentence").problem, Some(CodeError::NotFound));
        assert_eq!(check("kqz4-u8").problem, Some(CodeError::Character { character: 'u' }));
        let twice = "kqz4-m8tr-xp, again: KQZ4 M8TR XP, tincan code kqz4m8trxp";
        assert_eq!(read(twice).as_deref(), Some("kqz4-m8tr-xp"));
    }

    proptest! {
        #[test]
        fn a_code_in_any_text_is_found_or_refused_and_never_another(before in "[^0-9a-zA-Z-]{0,20}", after in "[^0-9a-zA-Z-]{0,20}") {
            let code = RoomCode::random();
            let text = format!("{before} {code} {after}");
            if let Some(found) = check(&text).code {
                prop_assert_eq!(found, code);
            }
        }

        #[test]
        fn a_code_between_words_is_found(before in "([a-z]{1,12} ){0,6}", after in "( [a-z]{1,12}){0,6}") {
            let code = RoomCode::random();
            prop_assert_eq!(check(&format!("{before}{code}{after}")).code, Some(code));
        }

        #[test]
        fn invisible_marks_and_widths_change_nothing(places in prop::collection::vec((0..12usize, 0..8usize), 0..8), wide in any::<bool>()) {
            const INVISIBLE: [char; 8] =
                ['\u{200b}', '\u{200e}', '\u{2068}', '\u{ad}', '\u{feff}', '\u{2060}', '\u{fe0f}', '\u{34f}'];
            let code = RoomCode::random();
            let widened = |c: char| if wide { char::from_u32(u32::from(c) + 0xfee0).unwrap() } else { c };
            let mut text: Vec<char> = code.to_string().chars().map(widened).collect();
            for (place, mark) in places {
                text.insert(place.min(text.len()), INVISIBLE[mark]);
            }
            let text: String = text.into_iter().collect();
            prop_assert_eq!(check(&text).code, Some(code.clone()));
            prop_assert_eq!(check(&format!("Code: {text}.")).code, Some(code));
        }

        #[test]
        fn what_is_refused_is_unchanged_and_what_is_taken_is_final(text in ".{0,80}") {
            let checked = check(&text);
            if checked.problem.is_some_and(|problem| !matches!(problem, CodeError::TooLong { .. })) {
                prop_assert_eq!(&checked.formatted, &text);
            }
            if let Some(code) = checked.code {
                prop_assert_eq!(check(&checked.formatted).code, Some(code));
            }
        }
    }
}
