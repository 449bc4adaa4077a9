//! The call's games of *Draw and guess*: what comes on their channels, what is asked of them, and what a window shows.

use std::time::Instant;

use tincan_protocol::Channel;
use tincan_share::sketch::{Sketch, SketchBot, SketchError, SketchOutput};

use super::super::{CallUpdate, board_view, games, sketch_view};
use super::CallTask;
use super::together::Together;
use crate::api::{CommandError, Event, GamesView, Reply, SheetChange, SheetView, SketchCommand};

/// The games of somebody who has just come.
pub(super) fn begin(me: tincan_protocol::PeerId) -> Sketch {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).expect("every supported system has a random source");
    Sketch::new(me, secret)
}

impl CallTask {
    pub(super) fn begin_sketch(&mut self) {
        if let Some(seed) = self.config.bot {
            self.together.sketch.set_bot(SketchBot::new(seed));
        }
    }

    pub(super) async fn sketch_command(&mut self, command: SketchCommand) -> Result<Reply, CommandError> {
        let now = Instant::now();
        let is_playing = self.together.play.game().is_some();
        let sketch = &mut self.together.sketch;
        match command {
            // One plays one game at a time, whichever it is.
            SketchCommand::Offer { .. } | SketchCommand::Join { .. } if is_playing => Err(SketchError::Busy),
            SketchCommand::Offer { language, rounds, seconds } => {
                sketch.offer(sketch_view::said_language(language), rounds, seconds)
            }
            SketchCommand::Join { game, watch } => match game.parse() {
                Ok(game) => sketch.join(now, game, watch),
                Err(_) => Err(SketchError::Unknown),
            },
            SketchCommand::Start => sketch.start(now),
            SketchCommand::Choose { word } => sketch.choose(now, word as usize),
            SketchCommand::Guess { text } => sketch.guess(now, &text),
            SketchCommand::Live { stroke } => {
                sketch.draw_live(stroke.map(board_view::said_live_stroke).transpose()?)
            }
            SketchCommand::Draw { stroke } => {
                let (number, kind, style, points) = sketch_view::said_stroke(&stroke)?;
                sketch.draw(number, kind, style, &points)
            }
            SketchCommand::Undo => sketch.undo(),
            SketchCommand::Clear => sketch.clear(),
            SketchCommand::Leave => sketch.leave(),
        }
        .map_err(sketch_view::refused)?;
        self.go_on_with_sketch().await;
        Ok(Reply::Done)
    }

    /// Says to the others what is to be said now, and shows what changed.
    pub(super) async fn go_on_with_sketch(&mut self) {
        let now = Instant::now();
        let sketch = &mut self.together.sketch;
        if sketch.poll_timeout().is_some_and(|timeout| timeout <= now) {
            sketch.handle_timeout(now);
        }
        self.tell_sketch();
        while let Some(output) = self.together.sketch.poll() {
            let sketch = &mut self.together.sketch;
            let change = match output {
                SketchOutput::Games => {
                    self.show_games().await;
                    continue;
                }
                SketchOutput::NewSheet => {
                    let is_there = sketch.game().is_some_and(|game| game.turn.is_some());
                    Some(SheetChange::All { sheet: is_there.then(SheetView::default) })
                }
                SketchOutput::Sheet => sketch.sheet_news().map(|(keep, strokes)| SheetChange::Strokes {
                    keep: u32::try_from(keep).unwrap_or(u32::MAX),
                    strokes: sketch_view::strokes(strokes),
                }),
                SketchOutput::Live => sketch
                    .live_news(now)
                    .map(|stroke| SheetChange::Live { stroke: stroke.map(sketch_view::live) }),
            };
            if let Some(change) = change {
                self.engine.send(CallUpdate::Together(Event::Sheet { change })).await;
            }
        }
    }

    /// What a channel has no room for is said when it is looked at next; of what is drawn right now there is more by then.
    pub(super) fn tell_sketch(&mut self) {
        let now = Instant::now();
        let Self { together: Together { sketch, .. }, connections, .. } = self;
        for peer in sketch.linked().collect::<Vec<_>>() {
            if let Some(remote) = connections.get(peer) {
                sketch.tell(now, peer, |message| remote.send_on(Channel::Rounds, message.encode().into()));
            }
        }
        while let Some((peer, ink)) = sketch.poll_datagram() {
            if let Some(remote) = connections.get(peer) {
                remote.send_on(Channel::Game, ink.encode().into());
            }
        }
    }

    /// Every game, of either kind.
    pub(super) fn all_games(&self) -> GamesView {
        let me = self.config.identity.id();
        let mut games = games::games(me, &self.together.play);
        sketch_view::add(&mut games, me, &self.together.sketch, Instant::now());
        games
    }
}
