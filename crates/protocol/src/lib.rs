//! Room codes and the keys derived from them, the sealed envelopes between participants, and every message on the
//! wire: to the signalling server, through it, and on the control, chat and files channels. `docs/protocol.md` is its text.
//!
//! **Invariant:** serde only. Nothing here does I/O, reads a clock or knows an async runtime; the one thing it takes
//! from outside is the operating system's random source.
#![forbid(unsafe_code)]

mod board;
mod channel;
mod chat;
mod control;
mod envelope;
mod files;
mod identity;
mod invite;
mod keys;
mod local;
mod message;
mod pair;
mod peer_id;
mod play;
mod reading;
mod room_code;
mod room_id;
mod safety;
pub mod sdp;
mod sketch;
mod source;
mod text;
mod wire;

pub use board::{
    BoardMember, BoardMessage, BoardMessageError, Change, Color, DeedsDigest, Draw, ElementId, ElementKind,
    Frame, InkKind, InkMessage, InkStroke, MAX_BOARD_MEMBERS, MAX_BOARD_NUMBER, MAX_BOARD_TEXT,
    MAX_COORDINATE, MAX_INK_LEN, MAX_LIVE_POINTS, MAX_PACKED, MAX_PICTURE, MAX_PICTURE_PART,
    MAX_PICTURE_SIDE, MAX_POINTS, MAX_RANGES, MAX_REMOVED_AUTHORS, ParseColorError, ParseDigestError,
    ParseHashError, PartData, Picture, PictureHash, Point, Points, Remove, Removed, SCREEN_SIDE, Style,
    Value,
};
pub use channel::Channel;
pub use chat::{
    Author, ChatMember, ChatMessage, ChatMessageError, MAX_CHAT_CLOCK, MAX_CHAT_MEMBERS, Post, PostId, React,
};
pub use control::{ControlError, ControlMessage, Lock, MAX_LOCK_MEMBERS, Reaction, StreamState, Wanted};
pub use envelope::{Envelope, EnvelopeError};
pub use files::{
    FileClaim, FileData, FileEnd, FileEntry, FileToken, FilesFrame, FilesMessage, FilesMessageError,
    FilesOffer, MAX_FILE_BYTES, MAX_FILE_CLAIMS, MAX_FILE_DATA, MAX_FILE_DEPTH, MAX_FILE_ITEMS,
    MAX_FILE_NAME, MAX_FILE_RANGE, MAX_FILE_VALUES, MAX_FILES, OfferedItem, PIECE, PieceValue,
};
pub use identity::{
    CertificateDigest, Challenge, ChallengeSecret, ConfirmMac, Identity, JoinProof, ParseHexError,
};
pub use invite::{CheckedInvite, InviteError, InviteLink, ServerUrlError, parse_server_url};
pub use keys::RoomKeys;
pub use local::{INSTANCE_LEN, LOCAL_ROOM_PATH, announcement_name, local_proof};
pub use message::{
    Acknowledgement, Candidate, Candidates, Description, DescriptionKind, IceServer, MAX_CANDIDATES,
    PeerMessage,
};
pub use pair::{OpenError, Opened, PairKeys, SealError};
pub use peer_id::{ParsePeerIdError, PeerId};
pub use play::{
    GameInputs, GameKind, GameMessage, GameState, Inputs, Log, MAX_AT_TABLE, MAX_LOG_RUNS, MAX_RUNS,
    MAX_SEATS, MAX_TICKS, PlayMessageError, Player, PlayerMove, Round, RoundsMessage, Run, StateHash, Table,
    Turn, Want, runs,
};
pub use room_code::{CodeError, LONG_CODE_LEN, PartialCode, RoomCode, SHORT_CODE_LEN};
pub use room_id::{ParseRoomIdError, RoomId};
pub use safety::SafetyNumber;
pub use sketch::{
    Drawing, Gained, MAX_GUESSES, MAX_SHEET, MAX_SHEET_POINTS, MAX_SKETCH_PLAYERS, OpenedWord, SHEET_SIZE,
    SKETCH_ROUNDS, SKETCH_SECONDS, SheetStroke, SketchDeed, SketchInk, SketchKind, SketchLanguage,
    SketchMessage, SketchMove, SketchPlayer, SketchState, SketchTurn, Solved, UNKNOWN_LETTER, Verdict,
    WordPromise, answer_letters, is_close, is_same_answer,
};
pub use source::Source;
pub use text::{
    MAX_MESSAGE_CHARS, MAX_MESSAGE_TEXT, MAX_NAME_CLUSTERS, MAX_NAME_LEN, display_name, is_message_text,
    message_text,
};
pub use wire::{
    ClientMessage, ErrorCode, Intent, MAX_MESSAGE_LEN, MAX_PEERS, MDNS_SERVICE, PROTOCOL_VERSION, Retry,
    SIGNAL_PATH, SUBPROTOCOL, ServerMessage, WireError,
};
