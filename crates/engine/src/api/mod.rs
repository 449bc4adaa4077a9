//! Commands down, facts up: everything that a window or a script says to the engine and hears from it. The TypeScript
//! types of the UI are generated from these.
//!
//! A subscriber gets one [`Snapshot`], then [`NumberedEvent`]s whose numbers follow the snapshot's without a gap. Every
//! event replaces one part of the snapshot (of the chat, one message; of a game's lines, what they are longer by), so that the window's reducer is a table; whoever sees a gap asks for a new
//! snapshot.

mod board;
mod chat;
mod command;
#[cfg(test)]
mod debug_tests;
mod event;
mod files;
mod play;
mod report;
mod sentence;
mod settings;
mod share;
mod sketch;
mod view;

pub use board::{
    BoardChange, BoardCommand, BoardEdit, BoardElement, BoardKind, BoardLive, BoardNew, BoardOrder, BoardOwn,
    BoardOwnLive, BoardOwnStroke, BoardPicture, BoardStroke, BoardStyle, BoardView,
};
pub use chat::{ChatChange, ChatHistory, ChatMessage, ChatReaction, ChatView};
pub use command::{Command, CommandError, Reply};
pub use event::{Event, Levels, Notice, NoticeKind, NumberedEvent, Reaction};
pub use files::{FileItem, FileOffer, FileProgress, FileState, FileTransfer, FilesChange, FilesView};
pub use play::{
    ArenaChange, ArenaView, GameCommand, GameKind, GameOffer, GameOut, GamePhase, GamePlayer, GameTurn,
    GameView, GamesView,
};
pub use report::ReportWords;
pub use sentence::{Parameter, Parameters, Sentence};
pub use settings::{Language, Settings, Theme};
pub use share::{ScreenChoice, ScreenKind, ShareView, SharedSoundView};
pub use sketch::{
    SheetChange, SheetStroke, SheetView, SketchCommand, SketchLanguage, SketchPhase, SketchPlayer,
    SketchSaid, SketchVerdict, SketchView,
};
pub use view::*;
