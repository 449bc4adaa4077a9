//! What only the drawer of a turn has: the word, and what it thinks of the others' guesses.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use tincan_protocol::{
    Drawing, MAX_GUESSES, OpenedWord, PeerId, Solved, UNKNOWN_LETTER, Verdict, WordPromise, is_close,
    is_same_answer,
};

use super::CHOOSE;
use super::chance::Chance;
use super::score::word_promise;

/// After how much of the time, in hundredths, another letter is shown.
const HINTS: [u32; 4] = [40, 60, 75, 87];
/// Of so many letters one is shown at most.
const LETTERS_A_HINT: usize = 3;
/// One guess a second is judged, and so many at once: nobody types faster, and a program cannot try the whole list.
const PACE: Duration = Duration::from_secs(1);
const AT_ONCE: u32 = 4;
/// So many guesses of one player wait to be judged; an honest program makes no more.
pub(super) const WAITING: usize = 5;

/// The drawer's own side of a turn.
#[derive(derive_more::Debug)]
pub(super) struct Easel {
    /// Words to choose from, until one was.
    #[debug(skip)]
    pub(super) choices: Vec<String>,
    #[debug(skip)]
    pub(super) word: Option<String>,
    #[debug(skip)]
    salt: [u8; 32],
    /// Which letters are shown when, by their place.
    #[debug(skip)]
    order: Vec<usize>,
    shown: usize,
    pub(super) judged: BTreeMap<PeerId, Judged>,
}

/// One player's guesses.
#[derive(derive_more::Debug, Default)]
pub(super) struct Judged {
    pub(super) verdicts: Vec<Verdict>,
    #[debug("{}", waiting.len())]
    waiting: VecDeque<String>,
    /// When the pace has room for one more than [`AT_ONCE`].
    paced: Option<Instant>,
}

impl Judged {
    /// When the next guess that waits is judged.
    fn due(&self) -> Option<Instant> {
        self.waiting.front()?;
        self.paced.map(|paced| paced.checked_sub(PACE * AT_ONCE).unwrap_or(paced))
    }
}

/// What came of a guess.
pub(super) struct Sentence {
    pub(super) peer: PeerId,
    pub(super) text: String,
    pub(super) verdict: Verdict,
}

impl Easel {
    pub(super) fn new(choices: Vec<String>, chance: &mut Chance) -> Self {
        Self {
            choices,
            word: None,
            salt: chance.bytes(),
            order: Vec::new(),
            shown: 0,
            judged: BTreeMap::new(),
        }
    }

    /// The word is chosen, and the drawing begins. `None`: it was chosen already.
    pub(super) fn choose(
        &mut self,
        game: u64,
        turn: u64,
        choice: usize,
        chance: &mut Chance,
    ) -> Option<Drawing> {
        if self.word.is_some() {
            return None;
        }
        let word = self.choices.get(choice)?.clone();
        let mut places: Vec<usize> = word
            .chars()
            .enumerate()
            .filter(|(_, letter)| letter.is_alphanumeric())
            .map(|(at, _)| at)
            .collect();
        let hints = (places.len() / LETTERS_A_HINT).min(HINTS.len());
        self.order = (0..hints).map(|_| places.swap_remove(chance.below(places.len()))).collect();
        let promise = word_promise(game, turn, &self.salt, &word);
        self.word = Some(word);
        Some(Drawing { promise, hint: self.hint(), elapsed: 0, solved: Vec::new(), opened: None })
    }

    fn hint(&self) -> String {
        let shown = self.order.get(..self.shown).unwrap_or_default();
        let letters = self.word.iter().flat_map(|word| word.chars()).enumerate();
        let hide = |(at, letter): (usize, char)| {
            if letter.is_alphanumeric() && !shown.contains(&at) { UNKNOWN_LETTER } else { letter }
        };
        letters.map(hide).collect()
    }

    /// When the next letter is shown.
    fn next_hint(&self, began: Instant, seconds: u32) -> Option<Instant> {
        let part = HINTS.get(self.shown).filter(|_| self.shown < self.order.len())?;
        Some(began + Duration::from_millis(u64::from(seconds) * u64::from(*part) * 10))
    }

    /// When something is to be done next.
    pub(super) fn timeout(&self, entered: Instant, began: Option<Instant>, seconds: u32) -> Option<Instant> {
        let Some(began) = began else { return Some(entered + CHOOSE) };
        let end = Some(began + Duration::from_secs(u64::from(seconds)));
        let guesses = self.judged.values().filter_map(Judged::due).min();
        [end, self.next_hint(began, seconds), guesses].into_iter().flatten().min()
    }

    /// Shows the letters that it is time for. Says whether the hint is another.
    pub(super) fn show_letters(
        &mut self,
        now: Instant,
        began: Instant,
        seconds: u32,
        drawing: &mut Drawing,
    ) -> bool {
        let before = self.shown;
        while self.next_hint(began, seconds).is_some_and(|at| at <= now) {
            self.shown += 1;
        }
        drawing.hint = self.hint();
        self.shown > before
    }

    /// A guess came. What is not the next one, or one too many, is not looked at.
    pub(super) fn take(&mut self, peer: PeerId, number: u32, text: String) {
        let judged = self.judged.entry(peer).or_default();
        let next = judged.verdicts.len() + judged.waiting.len() + 1;
        let is_next = usize::try_from(number) == Ok(next) && number <= MAX_GUESSES;
        if is_next && judged.waiting.len() < WAITING && judged.verdicts.last() != Some(&Verdict::Right) {
            judged.waiting.push_back(text);
        }
    }

    /// Judges what it is time for.
    pub(super) fn judge(&mut self, now: Instant, began: Instant, drawing: &mut Drawing) -> Vec<Sentence> {
        let Some(word) = &self.word else { return Vec::new() };
        let mut sentences = Vec::new();
        for (peer, judged) in &mut self.judged {
            while judged.due().is_none_or(|due| due <= now) {
                let Some(text) = judged.waiting.pop_front() else { break };
                judged.paced = Some(judged.paced.unwrap_or(now).max(now) + PACE);
                let verdict = if is_same_answer(word, &text) {
                    Verdict::Right
                } else if is_close(word, &text) {
                    Verdict::Close
                } else {
                    Verdict::Wrong
                };
                judged.verdicts.push(verdict);
                if verdict == Verdict::Right {
                    judged.waiting.clear();
                    let after = now.saturating_duration_since(began).as_millis();
                    drawing
                        .solved
                        .push(Solved { peer: *peer, after: u32::try_from(after).unwrap_or(u32::MAX) });
                }
                sentences.push(Sentence { peer: *peer, text, verdict });
            }
        }
        sentences
    }

    /// The word, for everybody.
    pub(super) fn open(&self) -> Option<OpenedWord> {
        Some(OpenedWord { word: self.word.clone()?, salt: WordPromise(self.salt) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> PeerId {
        PeerId::from_bytes([byte; 32])
    }

    fn begun(word: &str) -> (Easel, Drawing) {
        let mut chance = Chance::new([3; 32]);
        let mut easel = Easel::new(vec![word.into()], &mut chance);
        let drawing = easel.choose(7, 9, 0, &mut chance).unwrap();
        (easel, drawing)
    }

    #[test]
    fn letters_are_shown_as_time_goes_and_most_never() {
        let (mut easel, mut drawing) = begun("ice-cream van");
        let now = Instant::now();
        assert_eq!(drawing.hint, "___-_____ ___");
        for (seconds, shown) in [(10, 0), (32, 1), (50, 2), (60, 3), (79, 3)] {
            easel.show_letters(now + Duration::from_secs(seconds), now, 80, &mut drawing);
            let letters = drawing.hint.chars().filter(|letter| letter.is_alphabetic()).count();
            assert_eq!(letters, shown, "{}", drawing.hint);
        }
        let (mut short, mut drawing) = begun("ox");
        assert!(!short.show_letters(now + Duration::from_secs(79), now, 80, &mut drawing));
    }

    #[test]
    fn guesses_are_judged_in_order_at_a_pace_that_tries_no_whole_list() {
        let (mut easel, mut drawing) = begun("house");
        let began = Instant::now();
        for number in 1..=20 {
            easel.take(id(1), number, "dog".into());
        }
        let mut judged = 0;
        for second in 0..10 {
            judged += easel.judge(began + Duration::from_secs(second), began, &mut drawing).len();
        }
        assert_eq!(judged, WAITING);
        // Numbers that are not the next one say nothing.
        easel.take(id(1), 9, "house".into());
        assert!(easel.judge(began + Duration::from_secs(10), began, &mut drawing).is_empty());
        easel.take(id(1), 6, " HOUSES".into());
        easel.take(id(1), 7, " HOUSE".into());
        easel.take(id(1), 8, "house".into());
        let verdicts: Vec<_> = easel
            .judge(began + Duration::from_secs(11), began, &mut drawing)
            .into_iter()
            .map(|sentence| sentence.verdict)
            .collect();
        assert_eq!(verdicts, [Verdict::Close, Verdict::Right]);
        assert_eq!(drawing.solved, [Solved { peer: id(1), after: 11_000 }]);
    }
}
