//! What the shell itself says to a person, in the window's words: the page is asked for them, since it has the words of every
//! language. A page that does not answer soon, or is not there, leaves the English ones.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tauri::{AppHandle, Emitter, Manager, State};
use tincan_engine::api::Sentence;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::window;

/// A page answers within a few milliseconds, and on a computer with far too much to do within two seconds. A notification that
/// comes later than this comes too late.
const PATIENCE: Duration = Duration::from_secs(5);
/// A notification or a title has no room for more.
const MAX_TEXT: usize = 400;

/// Asks the page.
#[derive(Default)]
pub(crate) struct Words(Mutex<Asked>);

#[derive(Default)]
struct Asked {
    last: u64,
    waiting: BTreeMap<u64, oneshot::Sender<String>>,
}

/// What the page hears.
#[derive(Debug, Clone, Serialize)]
struct Question<'a> {
    number: u64,
    sentences: &'a [Sentence],
}

impl Words {
    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self) -> (u64, oneshot::Receiver<String>) {
        let (answer, answered) = oneshot::channel();
        let mut asked = self.asked();
        asked.last += 1;
        let number = asked.last;
        asked.waiting.insert(number, answer);
        (number, answered)
    }

    fn answer(&self, number: u64, text: &str) {
        if let Some(waiting) = self.asked().waiting.remove(&number) {
            let plain = text.chars().filter(|c| !c.is_control()).take(MAX_TEXT);
            // Whoever asked may have stopped waiting.
            let _ = waiting.send(plain.collect());
        }
    }
}

/// The sentences, one after the other, in the window's language.
pub(crate) async fn say(app: &AppHandle, sentences: &[Sentence]) -> String {
    let words = app.state::<Words>();
    let (number, answered) = words.ask();
    let told = app.emit_to(window::LABEL, "words", Question { number, sentences });
    let answer = match told {
        Ok(()) => timeout(PATIENCE, answered).await.ok().and_then(Result::ok),
        Err(_) => None,
    };
    words.asked().waiting.remove(&number);
    answer.filter(|text| !text.trim().is_empty()).unwrap_or_else(|| english(sentences))
}

/// The page's answer.
#[tauri::command]
pub(crate) fn give_words(words: State<'_, Words>, number: u64, text: String) {
    words.answer(number, &text);
}

fn english(sentences: &[Sentence]) -> String {
    sentences.iter().map(|sentence| sentence.message.as_str()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_reaches_whoever_asked_once_and_plain() {
        let words = Words::default();
        let ((first, mut one), (second, mut two)) = (words.ask(), words.ask());
        words.answer(second, "zwei\n\u{7}!");
        words.answer(second, "again");
        words.answer(99, "nobody asked");
        assert_eq!(two.try_recv().unwrap(), "zwei!");
        assert!(one.try_recv().is_err());
        words.answer(first, &"x".repeat(1000));
        assert_eq!(one.try_recv().unwrap().len(), MAX_TEXT);
        assert!(words.asked().waiting.is_empty());
    }

    #[test]
    fn in_english_sentences_follow_each_other() {
        assert_eq!(english(&[Sentence::new("a", "One."), Sentence::new("b", "Two.")]), "One. Two.");
    }
}
