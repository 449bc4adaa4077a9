//! The call's whiteboard: what comes on its two channels, what is asked of it, and what a window shows of it.
//!
//! Words of the board are told and heard at once. What people draw at the moment, and what a window is shown of all that,
//! goes in rounds of 40 ms: eight people who draw are 25 messages a second for the window, and none when nobody does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use tincan_protocol::{Channel, ElementId, MAX_PICTURE, PeerId, PictureHash};
use tincan_share::{Board, BoardError, BoardInput, BoardOutput, LIVE_INTERVAL, Live};
use tokio::sync::oneshot;

use super::super::{CallUpdate, board_view};
use super::CallTask;
use super::together::{Happened, Together};
use crate::api::{BoardChange, BoardCommand, BoardView, CommandError, Event, Reply};

/// When somebody points and nothing moves, it is looked after them so often: they may have gone.
const IDLE: Duration = Duration::from_millis(500);

pub(super) struct Whiteboard {
    board: Board,
    live: Live,
    /// Time is counted from here.
    began: Instant,
    /// The next round is not before this.
    due: Instant,
    /// Whether the window shows the board.
    shown: bool,
    /// Elements of which the window is to be told.
    changed: BTreeSet<ElementId>,
    /// Pictures of which the window knows that they are here. It forgets those that nothing shows any more.
    pictures: BTreeSet<PictureHash>,
    /// Who draws, as the window knows it.
    drawing: Vec<PeerId>,
}

impl Whiteboard {
    pub(super) fn new(me: PeerId) -> Self {
        let now = Instant::now();
        Self {
            board: Board::new(me),
            live: Live::new(),
            began: now,
            due: now,
            shown: false,
            changed: BTreeSet::new(),
            pictures: BTreeSet::new(),
            drawing: Vec::new(),
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        if !self.changed.is_empty() || self.live.is_busy() {
            Some(self.due)
        } else {
            self.live.is_there().then(|| self.due + IDLE)
        }
    }

    pub(super) fn happened(&mut self, what: &Happened) {
        match what {
            Happened::Opened { peer, channel: Channel::Ink } => self.live.link_opened(*peer),
            Happened::Closed(peer) | Happened::Left(peer) => self.live.link_closed(*peer),
            Happened::Received { peer, channel: Channel::Ink, bytes } => {
                self.live.heard(*peer, bytes, self.began.elapsed());
            }
            _ => {}
        }
        if let Some(input) = input(what) {
            self.board.handle(input);
        }
    }

    /// What changed since the last look, for the window. Elements wait for the next round.
    fn gather(&mut self) -> Vec<BoardChange> {
        let mut changes = Vec::new();
        while let Some(output) = self.board.poll() {
            changes.push(match output {
                BoardOutput::Changed(id) => {
                    if let Some(number) = self.board.element(id).and_then(|element| element.draw.live) {
                        self.live.finished(id.author, number);
                    }
                    self.changed.insert(id);
                    continue;
                }
                BoardOutput::Named(peer) => {
                    BoardChange::Name { peer: peer.to_string(), name: self.board.name(peer).to_owned() }
                }
                BoardOutput::Picture(hash) => {
                    // With what shows it, which may wait for the next round itself.
                    let shown = self.board.showing(hash);
                    self.changed.extend(shown);
                    continue;
                }
                BoardOutput::Own => BoardChange::Own { own: board_view::own(self.board.own()) },
            });
        }
        changes
    }

    /// Elements that changed, as the window is told, and then the pictures that are here for them.
    fn elements(&mut self) -> Vec<BoardChange> {
        if self.changed.is_empty() {
            return Vec::new();
        }
        let (mut put, mut gone, mut shown) = (BTreeMap::new(), Vec::new(), BTreeSet::new());
        for id in std::mem::take(&mut self.changed) {
            match self.board.element(id) {
                Some(element) => {
                    shown.extend(element.draw.picture.map(|picture| picture.hash));
                    put.insert(board_view::element_id(id), board_view::element(&element));
                }
                None => gone.push(board_view::element_id(id)),
            }
        }
        if !gone.is_empty() && !self.pictures.is_empty() {
            let left = self.board.shown_pictures();
            self.pictures.retain(|hash| left.contains(hash));
        }
        shown.retain(|hash| !self.pictures.contains(hash) && self.board.picture(*hash).is_some());
        self.pictures.extend(&shown);
        let here = shown.into_iter().map(|hash| BoardChange::Picture { hash: hash.to_string() });
        std::iter::once(BoardChange::Elements { put, gone }).chain(here).collect()
    }

    /// What is told of what others draw, and whether somebody draws at all.
    fn lively(&mut self, now: Duration) -> Vec<Event> {
        let changes = self.live.changes(now);
        let mut events = Vec::new();
        if self.shown && !changes.is_empty() {
            let live = changes.into_iter().map(|(peer, state)| board_view::live(peer, state));
            events.push(Event::BoardLive { live: live.collect() });
        }
        let people = self.live.people();
        if people != self.drawing {
            let change = BoardChange::Drawing { people: people.iter().map(PeerId::to_string).collect() };
            self.drawing = people;
            events.push(Event::Board { change });
        }
        events
    }

    fn asked(&mut self, command: BoardCommand) -> Result<Reply, CommandError> {
        use board_view::{parse_hash, parse_ids, parse_page, refused};
        let drawn = |ids: &[ElementId]| Reply::Drawn {
            ids: ids.iter().map(|id| board_view::element_id(*id)).collect(),
        };
        let board = &mut self.board;
        match command {
            BoardCommand::Show { on } => {
                if on {
                    self.live.begin_anew();
                }
                self.shown = on;
            }
            BoardCommand::Live { live } => self.live.set(board_view::said_live(live)?),
            BoardCommand::Add { elements } => {
                let ids = board.add(board_view::said_new(elements)?).map_err(refused)?;
                return Ok(drawn(&ids));
            }
            BoardCommand::AddPicture { page, frame, data } => {
                let page = parse_page(page.as_deref())?;
                let bytes = board_view::parse_base64(&data, MAX_PICTURE)?;
                let id = board.add_picture(page, tincan_protocol::Frame(frame), bytes).map_err(refused)?;
                return Ok(drawn(&[id]));
            }
            BoardCommand::Change { changes, gesture } => {
                board.change(board_view::said_edits(changes)?, gesture).map_err(refused)?;
            }
            BoardCommand::Remove { ids, gesture } => {
                board.remove(&parse_ids(&ids)?, gesture).map_err(refused)?;
            }
            BoardCommand::Clear { page, own } => {
                board.clear(parse_page(page.as_deref())?, own).map_err(refused)?;
            }
            BoardCommand::Restore => board.restore().map_err(refused)?,
            BoardCommand::Undo => board.undo().map_err(refused)?,
            BoardCommand::Redo => board.redo().map_err(refused)?,
            BoardCommand::Picture { hash } => {
                let bytes = board.picture(parse_hash(&hash)?).ok_or_else(|| refused(BoardError::Unknown))?;
                return Ok(Reply::Picture { data: BASE64.encode(bytes) });
            }
            // The engine's task writes files.
            BoardCommand::Save { .. } => {
                return Err(CommandError::new("internal", "That is nothing for the call."));
            }
        }
        Ok(Reply::Done)
    }
}

fn input(what: &Happened) -> Option<BoardInput> {
    Some(match what {
        Happened::Came(peer) => BoardInput::Came(*peer),
        Happened::Left(peer) => BoardInput::Left(*peer),
        Happened::Named { peer, name } => BoardInput::Named { peer: *peer, name: name.clone() },
        Happened::Opened { peer, channel: Channel::Board } => BoardInput::LinkOpened(*peer),
        Happened::Closed(peer) => BoardInput::LinkClosed(*peer),
        Happened::Received { peer, channel: Channel::Board, bytes } => {
            BoardInput::Received { peer: *peer, bytes: bytes.to_vec() }
        }
        Happened::Opened { .. } | Happened::Received { .. } => return None,
    })
}

impl CallTask {
    pub(super) async fn begin_board(&self) {
        let board = BoardView { me: self.config.identity.id().to_string(), ..BoardView::default() };
        self.show_board(BoardChange::All { board: Some(board) }).await;
    }

    pub(super) async fn board_command(&mut self, command: BoardCommand) -> Result<Reply, CommandError> {
        let result = self.together.board.asked(command);
        self.go_on_with_board().await;
        result
    }

    /// A page as an SVG, for whoever writes it to a file; nothing when there is no such page.
    pub(super) fn draw_board(
        &self,
        page: Option<String>,
        to: oneshot::Sender<String>,
    ) -> Result<Reply, CommandError> {
        let page = board_view::parse_page(page.as_deref())?;
        let board = &self.together.board.board;
        if page.is_some_and(|page| board.element(page).is_none()) {
            return Err(board_view::refused(BoardError::Unknown));
        }
        // Whoever asked may have gone away since.
        let _ = to.send(board.svg(page));
        Ok(Reply::Done)
    }

    /// Says to the others what they lack, and shows what changed.
    pub(super) async fn go_on_with_board(&mut self) {
        self.tell_board();
        for change in self.together.board.gather() {
            self.show_board(change).await;
        }
        let now = Instant::now();
        if now < self.together.board.due {
            return;
        }
        self.tell_live(now);
        let board = &mut self.together.board;
        board.due = now + LIVE_INTERVAL;
        let mut events: Vec<_> = board.elements().into_iter().map(|change| Event::Board { change }).collect();
        events.extend(board.lively(now.duration_since(board.began)));
        for event in events {
            self.engine.send(CallUpdate::Together(event)).await;
        }
    }

    /// What a channel has no room for is said when it is looked at next.
    pub(super) fn tell_board(&mut self) {
        let Self { together: Together { board, .. }, connections, .. } = self;
        board.board.look(board.began.elapsed());
        for peer in board.board.linked().collect::<Vec<_>>() {
            if let Some(remote) = connections.get(peer) {
                board.board.tell(peer, |message| remote.send_on(Channel::Board, message.encode().into()));
            }
        }
    }

    /// Says to the others what we draw right now. What there is no room for is lost: the next one says it again.
    fn tell_live(&mut self, now: Instant) {
        let Self { together: Together { board, .. }, connections, .. } = self;
        let now = now.duration_since(board.began);
        for peer in board.live.linked().collect::<Vec<_>>() {
            if let Some(remote) = connections.get(peer)
                && let Some(message) = board.live.tell(peer, now)
            {
                remote.send_on(Channel::Ink, message.encode().into());
            }
        }
    }

    async fn show_board(&self, change: BoardChange) {
        self.engine.send(CallUpdate::Together(Event::Board { change })).await;
    }
}
