//! What a turn is worth, and what proves its word.

use tincan_protocol::{Drawing, Gained, OpenedWord, SketchTurn, WordPromise};

/// Points for a right guess: at once, and in the last moment.
const MOST: u64 = 100;
const LEAST: u64 = 30;
/// What the drawer gets when everybody has guessed it, in equal parts.
const DRAWER: u32 = 90;

/// What a drawer says of a word before anybody knows it. The salt keeps others from trying the words of the list.
pub fn word_promise(game: u64, turn: u64, salt: &[u8; 32], word: &str) -> WordPromise {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"tincan sketch word v1");
    hasher.update(&game.to_be_bytes());
    hasher.update(&turn.to_be_bytes());
    hasher.update(salt);
    hasher.update(word.as_bytes());
    WordPromise(*hasher.finalize().as_bytes())
}

/// Whether the word is the one that was promised.
pub(super) fn is_kept(game: u64, turn: u64, promise: WordPromise, opened: &OpenedWord) -> bool {
    word_promise(game, turn, &opened.salt.0, &opened.word) == promise
}

/// What everybody gets for a turn. `opened`: its drawer said the word to the end, and it was the one that was promised;
/// who has left before that gets nothing, and who has guessed it keeps what it is worth.
pub(super) fn gained(turn: &SketchTurn, seconds: u32, drawing: &Drawing, opened: bool) -> Vec<Gained> {
    let total = u64::from(seconds.max(1)) * 1_000;
    let solved = drawing.solved.iter().filter(|one| turn.guessers.contains(&one.peer));
    let mut gained: Vec<Gained> = solved
        .map(|one| {
            let late = u64::from(one.after).min(total) * (MOST - LEAST) / total;
            Gained { peer: one.peer, points: u32::try_from(MOST - late).unwrap_or(0) }
        })
        .collect();
    if opened && !gained.is_empty() {
        let share = DRAWER / u32::try_from(turn.guessers.len()).unwrap_or(1).max(1);
        let points = share * u32::try_from(gained.len()).unwrap_or(0);
        gained.push(Gained { peer: turn.drawer, points });
    }
    gained
}

#[cfg(test)]
mod tests {
    use tincan_protocol::{PeerId, Solved};

    use super::*;

    fn id(byte: u8) -> PeerId {
        PeerId::from_bytes([byte; 32])
    }

    fn drawing(solved: &[(u8, u32)]) -> Drawing {
        let solved = solved.iter().map(|(peer, after)| Solved { peer: id(*peer), after: *after }).collect();
        let promise = word_promise(7, 9, &[0x22; 32], "cat");
        Drawing { promise, hint: "___".into(), elapsed: 0, solved, opened: None }
    }

    #[test]
    fn earlier_is_more_and_the_drawer_gets_a_part_for_everybody() {
        let guessers = vec![id(2), id(3), id(4)];
        let turn = SketchTurn { id: 9, round: 1, drawer: id(1), guessers, gained: None };
        let drawing = drawing(&[(2, 0), (3, 40_000), (9, 1), (4, 90_000)]);
        let points = |opened| {
            let gained = gained(&turn, 80, &drawing, opened);
            gained.into_iter().map(|one| (one.peer.as_bytes()[0], one.points)).collect::<Vec<_>>()
        };
        assert_eq!(points(true), [(2, 100), (3, 65), (4, 30), (1, 90)]);
        assert_eq!(points(false), [(2, 100), (3, 65), (4, 30)]);
    }

    #[test]
    fn a_promise_is_the_documents_and_binds_word_turn_and_game() {
        let promise = word_promise(7, 9, &[0x22; 32], "cat");
        let document = include_str!("../../../../docs/protocol.md");
        assert!(document.contains(&String::from(promise)), "{}", String::from(promise));
        let opened = |word: &str| OpenedWord { word: word.into(), salt: WordPromise([0x22; 32]) };
        assert!(is_kept(7, 9, promise, &opened("cat")));
        for (game, turn, word) in [(7, 9, "car"), (8, 9, "cat"), (7, 8, "cat")] {
            assert!(!is_kept(game, turn, promise, &opened(word)));
        }
    }
}
