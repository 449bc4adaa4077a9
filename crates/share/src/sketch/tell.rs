//! What must arrive: how our game stands, what we want of another's, and what we did in a turn.

use std::collections::VecDeque;
use std::time::Instant;

use tincan_protocol::{
    Drawing, PeerId, SheetStroke, SketchDeed, SketchMessage, SketchMove, SketchState, Verdict, Want,
};

use super::Sketch;
use super::game::Game;
use super::turn::Turn;

/// What a message of strokes takes at most, as far as it is several strokes; one alone always fits.
const ROOM: usize = 12_000;
/// What a stroke takes beside its points, and a point at its largest.
const STROKE: usize = 200;
const POINT: usize = 15;
/// So often a member is told a turn from its beginning, for it may leave the game and come again.
const VISITS: u32 = 30;

/// The way to a member.
#[derive(Debug, Default)]
pub(super) struct Link {
    /// The game that we told.
    told: Option<SketchState>,
    /// What we said that we want of which game.
    wanted: Option<(u64, Want)>,
    /// The turn that we said to have come to.
    here: Option<u64>,
    /// The turn that they said to have come to.
    theirs: Option<u64>,
    /// How often they have come to the turn that we are at.
    visits: u32,
    /// What they have of that turn: of ours how far it is, …
    drawing: Option<Drawing>,
    /// … how many entries of the sheet are as we have them, and how many there are, …
    sheet: usize,
    entries: usize,
    /// … which of their guesses they know to be judged, …
    judged: usize,
    /// … and up to which of our guesses they need nothing any more.
    guesses: usize,
    /// The last of a turn of ours, in a game that we left.
    parting: VecDeque<SketchMessage>,
}

impl Link {
    /// We are at another turn, or at none.
    pub(super) fn enters(&mut self) {
        self.here = None;
        self.visits = 0;
    }

    /// They are, and have nothing of it yet. `ours`: the turn that we are at.
    pub(super) fn comes(&mut self, turn: u64, ours: Option<u64>) {
        self.visits += u32::from(ours == Some(turn));
        if self.visits > VISITS {
            return;
        }
        self.theirs = Some(turn);
        self.drawing = None;
        (self.sheet, self.entries, self.judged, self.guesses) = (0, 0, 0, 0);
    }

    /// Whether they are at this turn.
    pub(super) fn is_at(&self, turn: u64) -> bool {
        self.theirs == Some(turn)
    }

    /// We leave a turn of ours, and its word is told.
    pub(super) fn parts(&mut self, turn: &Turn) {
        if self.is_at(turn.id)
            && let Some(drawing) = &turn.drawing
        {
            self.parting.push_back(did(turn, SketchDeed::Drawing(drawing.clone())));
        }
    }
}

fn did(turn: &Turn, deed: SketchDeed) -> SketchMessage {
    SketchMessage::PlayerMove(SketchMove { game: turn.game, turn: turn.id, deed })
}

impl Sketch {
    /// Says to a member what must arrive, until that is nothing or `take` has no room; it is asked again for what it did not
    /// take.
    pub fn tell(&mut self, now: Instant, peer: PeerId, mut take: impl FnMut(&SketchMessage) -> bool) {
        while let Some(message) = self.next(now, peer) {
            if !take(&message) {
                return;
            }
            self.taken(peer, &message);
        }
    }

    /// Everybody to whom there is a link.
    pub fn linked(&self) -> impl Iterator<Item = PeerId> {
        self.links.keys().copied()
    }

    fn next(&self, now: Instant, peer: PeerId) -> Option<SketchMessage> {
        let link = self.links.get(&peer)?;
        if let Some(parting) = link.parting.front() {
            return Some(parting.clone());
        }
        let hosted = self.game.as_ref().filter(|game| game.hosting.is_some());
        match (&link.told, hosted) {
            (Some(told), None) => return Some(SketchMessage::Closed { game: told.game }),
            (told, Some(game)) if told.as_ref() != Some(&game.state) => {
                return Some(SketchMessage::GameState(game.state.clone()));
            }
            _ => {}
        }
        wish(self.game.as_ref(), peer, link).or_else(|| {
            let game = self.game.as_ref()?;
            let turn = game.turn.as_ref()?;
            if peer != game.host && !game.state.at_table().any(|one| one == peer) {
                return None;
            }
            if link.here != Some(turn.id) {
                return Some(did(turn, SketchDeed::Here));
            }
            let deed =
                link.is_at(turn.id).then(|| drawn(turn, link, now).or_else(|| said(turn, peer, link)))?;
            deed.map(|deed| did(turn, deed))
        })
    }

    fn taken(&mut self, peer: PeerId, message: &SketchMessage) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        if link.parting.pop_front().is_some() {
            return;
        }
        match message {
            SketchMessage::GameState(state) => link.told = Some(state.clone()),
            SketchMessage::Closed { .. } => link.told = None,
            SketchMessage::Seat { game, want } => {
                link.wanted = (*want != Want::Nothing).then_some((*game, *want));
            }
            SketchMessage::PlayerMove(SketchMove { turn, deed, .. }) => match deed {
                SketchDeed::Here => link.here = Some(*turn),
                SketchDeed::Drawing(drawing) => {
                    link.drawing = Some(Drawing { elapsed: 0, ..drawing.clone() })
                }
                SketchDeed::Sheet { from, strokes } => {
                    link.entries = from + strokes.len();
                    link.sheet = link.entries;
                }
                SketchDeed::Guess { number, .. } => link.guesses = *number as usize,
                SketchDeed::Judged { number, .. } => link.judged = *number as usize,
            },
        }
    }

    /// So many entries of our sheet are as they were.
    pub(super) fn sheet_was_cut(&mut self) {
        let len = self.sheet().len();
        for link in self.links.values_mut() {
            link.sheet = link.sheet.min(len);
        }
    }
}

/// What we want of the member's game, or do not want any more.
fn wish(game: Option<&Game>, peer: PeerId, link: &Link) -> Option<SketchMessage> {
    let wish = game.filter(|game| game.host == peer).map(|game| (game.state.game, game.want));
    if wish == link.wanted {
        return None;
    }
    match (wish, link.wanted) {
        (Some((game, want)), _) => Some(SketchMessage::Seat { game, want }),
        (None, Some((game, _))) => Some(SketchMessage::Seat { game, want: Want::Nothing }),
        (None, None) => None,
    }
}

/// What we drew, or have to say of how it goes.
fn drawn(turn: &Turn, link: &Link, now: Instant) -> Option<SketchDeed> {
    let (_, drawing) = (turn.ours.as_ref()?, turn.drawing.as_ref()?);
    if link.drawing.as_ref() != Some(drawing) {
        let elapsed = turn.began.map_or(0, |began| now.saturating_duration_since(began).as_millis());
        let elapsed = u32::try_from(elapsed).unwrap_or(u32::MAX).min(turn.seconds * 1_000);
        return Some(SketchDeed::Drawing(Drawing { elapsed, ..drawing.clone() }));
    }
    let entries = turn.sheet.entries();
    let rest = entries.get(link.sheet..).unwrap_or_default();
    if rest.is_empty() && link.entries <= entries.len() {
        return None;
    }
    Some(SketchDeed::Sheet { from: link.sheet.min(entries.len()), strokes: fitting(rest).to_vec() })
}

fn fitting(entries: &[Option<SheetStroke>]) -> &[Option<SheetStroke>] {
    let mut room = ROOM;
    let fits = |entry: &&Option<SheetStroke>| {
        let size = STROKE + entry.as_ref().map_or(0, |stroke| stroke.points.0.len() * POINT);
        room.checked_sub(size).inspect(|left| room = *left).is_some()
    };
    let count = entries.iter().take_while(fits).count();
    entries.get(..count.max(1)).unwrap_or_default()
}

/// What we think of their guesses, or what we guessed.
fn said(turn: &Turn, peer: PeerId, link: &Link) -> Option<SketchDeed> {
    if let Some(easel) = &turn.ours {
        let verdict = *easel.judged.get(&peer)?.verdicts.get(link.judged)?;
        return Some(SketchDeed::Judged { number: u32::try_from(link.judged + 1).ok()?, verdict });
    }
    let guesses = turn.own.iter().enumerate().skip(link.guesses);
    let (at, guess) = if peer == turn.drawer {
        guesses.into_iter().next()?
    } else {
        // What is right, or nearly, is no business of whoever still guesses.
        let judged = guesses.take_while(|(_, guess)| guess.verdict.is_some());
        judged.into_iter().find(|(_, guess)| guess.verdict == Some(Verdict::Wrong))?
    };
    Some(SketchDeed::Guess { number: u32::try_from(at + 1).ok()?, text: guess.text.clone() })
}
