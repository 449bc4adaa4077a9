//! A turn, as anybody at the table has it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tincan_protocol::{
    Drawing, MAX_GUESSES, PeerId, SketchState, SketchTurn, Verdict, display_name, is_same_answer,
};

use super::easel::Easel;
use super::score::is_kept;
use super::sheet::Sheet;
use super::{CHOOSE, GRACE};
use crate::board::{Live, LiveState};

/// Something in the list of guesses.
#[derive(derive_more::Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Somebody else guessed wrong.
    Guess {
        /// Who.
        peer: PeerId,
        /// What.
        #[debug(skip)]
        text: String,
    },
    /// We guessed: which of [`TurnShown::own`](super::TurnShown::own).
    Own(usize),
    /// Somebody has it.
    Solved(PeerId),
}

/// A guess of ours.
#[derive(derive_more::Debug, Clone, PartialEq, Eq)]
pub struct OwnGuess {
    /// What.
    #[debug(skip)]
    pub text: String,
    /// What the drawer thinks of it; `None`: that is not known yet.
    pub verdict: Option<Verdict>,
}

/// The turn that is played or was played last.
#[derive(derive_more::Debug)]
pub(super) struct Turn {
    pub(super) game: u64,
    pub(super) id: u64,
    pub(super) drawer: PeerId,
    pub(super) guessers: Vec<PeerId>,
    /// For how long it is drawn.
    pub(super) seconds: u32,
    pub(super) entered: Instant,
    /// When we draw.
    pub(super) ours: Option<Easel>,
    /// How far it is, by the drawer.
    pub(super) drawing: Option<Drawing>,
    /// When the drawing began, as well as we know.
    pub(super) began: Option<Instant>,
    /// The word was the one that was promised, and our guesses were judged as it says.
    pub(super) fair: bool,
    /// It was the one that was promised.
    pub(super) kept: bool,
    pub(super) sheet: Sheet,
    pub(super) live: Live,
    /// When what is drawn right now is looked at next.
    pub(super) live_due: Instant,
    pub(super) said: Vec<Said>,
    /// How many guesses of each of the others we have.
    heard: BTreeMap<PeerId, u32>,
    pub(super) own: Vec<OwnGuess>,
}

impl Turn {
    pub(super) fn new(
        state: &SketchState,
        turn: &SketchTurn,
        me: PeerId,
        now: Instant,
        ours: Option<Easel>,
    ) -> Self {
        let mut live = Live::new();
        if turn.drawer != me {
            live.link_opened(turn.drawer);
        }
        Self {
            game: state.game,
            id: turn.id,
            drawer: turn.drawer,
            guessers: turn.guessers.clone(),
            seconds: state.seconds,
            entered: now,
            ours,
            drawing: None,
            began: None,
            fair: true,
            kept: true,
            sheet: Sheet::default(),
            live,
            live_due: now,
            said: Vec::new(),
            heard: BTreeMap::new(),
            own: Vec::new(),
        }
    }

    pub(super) fn is_opened(&self) -> bool {
        self.drawing.as_ref().is_some_and(|drawing| drawing.opened.is_some())
    }

    /// Whether something is drawn, and the word not known.
    pub(super) fn is_drawn(&self) -> bool {
        self.drawing.is_some() && !self.is_opened()
    }

    pub(super) fn has_solved(&self, peer: PeerId) -> bool {
        self.drawing.iter().flat_map(|drawing| &drawing.solved).any(|one| one.peer == peer)
    }

    /// When nobody waits for the drawer any more.
    pub(super) fn patience(&self) -> Instant {
        let end = match self.began {
            Some(began) => began + Duration::from_secs(u64::from(self.seconds)),
            None => self.entered + CHOOSE,
        };
        end + GRACE
    }

    /// The time of what is live.
    pub(super) fn live_time(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.entered)
    }

    /// The drawer's word. What contradicts an earlier one is not looked at. Says whether anything was new.
    pub(super) fn take_drawing(&mut self, now: Instant, mut told: Drawing) -> bool {
        let before = self.drawing.as_ref();
        let solved = before.map_or(&[][..], |before| &before.solved);
        if before.is_some_and(|before| before.promise != told.promise || before.opened.is_some())
            || !told.solved.starts_with(solved)
        {
            return false;
        }
        told.hint = display_name(&told.hint);
        let new: Vec<PeerId> = told.solved.iter().skip(solved.len()).map(|one| one.peer).collect();
        let began = now.checked_sub(Duration::from_millis(u64::from(told.elapsed))).unwrap_or(now);
        // What took less time to come is nearer to the truth.
        self.began = Some(self.began.map_or(began, |before| before.min(began)));
        self.said.extend(new.into_iter().filter(|peer| self.guessers.contains(peer)).map(Said::Solved));
        self.drawing = Some(told);
        self.look_at_word();
        true
    }

    /// The word is known now, if it is.
    pub(super) fn look_at_word(&mut self) {
        let Some(Drawing { promise, opened: Some(opened), .. }) = &self.drawing else { return };
        self.kept = is_kept(self.game, self.id, *promise, opened);
        let is_right = |guess: &OwnGuess| {
            guess.verdict.is_none_or(|verdict| {
                (verdict == Verdict::Right) == is_same_answer(&opened.word, &guess.text)
            })
        };
        self.fair = self.kept && self.own.iter().all(is_right);
    }

    /// Somebody's guess, of which they know that it was wrong. Says whether it was new.
    pub(super) fn take_guess(&mut self, peer: PeerId, number: u32, text: &str) -> bool {
        let heard = self.heard.entry(peer).or_default();
        let text = display_name(text);
        if number <= *heard || number > MAX_GUESSES || text.is_empty() {
            return false;
        }
        *heard = number;
        self.said.push(Said::Guess { peer, text });
        true
    }

    /// What the drawer thinks of a guess of ours.
    pub(super) fn take_verdict(&mut self, number: u32, verdict: Verdict) -> bool {
        let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        let guess = index.and_then(|index| self.own.get_mut(index)).filter(|guess| guess.verdict.is_none());
        guess.map(|guess| guess.verdict = Some(verdict)).is_some()
    }
}

impl Turn {
    /// The drawer tells the word: the turn is over.
    pub(super) fn open(&mut self) {
        let opened = self.ours.as_ref().and_then(Easel::open);
        if let Some(drawing) = &mut self.drawing {
            drawing.opened = opened;
        }
        self.live.set(LiveState::default());
        self.look_at_word();
    }
}
