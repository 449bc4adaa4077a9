//! A connection to the server that is written to and read from at the same time.
//!
//! Whoever writes first and reads later waits for ever for somebody who does the same, once the buffers between them are
//! full; and eight who come back at once have that much to say.

use std::future::poll_fn;
use std::task::{Context, Poll};

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::connect::{self, Socket};

/// What happened on the line.
pub(crate) enum Turn {
    /// What was put has gone into the socket, or it has broken.
    Written(Result<(), Error>),
    /// A frame has come; `None` when the line has ended.
    Read(Option<Result<Message, Error>>),
}

pub(crate) struct Line {
    socket: Socket,
    waiting: Option<Message>,
    is_flushed: bool,
}

impl Line {
    pub(crate) fn new(socket: Socket) -> Self {
        Self { socket, waiting: None, is_flushed: true }
    }

    /// See [`connect::has_its_address`].
    pub(crate) fn has_its_address(&self) -> bool {
        connect::has_its_address(&self.socket)
    }

    /// Whether another frame can be put.
    pub(crate) fn is_free(&self) -> bool {
        self.waiting.is_none()
    }

    /// Whether the socket has taken all that was put.
    pub(crate) fn is_flushed(&self) -> bool {
        self.waiting.is_none() && self.is_flushed
    }

    /// Puts a frame to be written; the line must be free.
    pub(crate) fn put(&mut self, frame: Message) {
        debug_assert!(self.is_free(), "a frame that waits would be lost");
        self.waiting = Some(frame);
    }

    /// The next thing that happens. Nothing is lost when the future is dropped.
    pub(crate) async fn turn(&mut self) -> Turn {
        poll_fn(|context| match self.write(context) {
            Poll::Ready(written) => Poll::Ready(Turn::Written(written)),
            Poll::Pending => self.socket.poll_next_unpin(context).map(Turn::Read),
        })
        .await
    }

    fn write(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.waiting.is_some() {
            std::task::ready!(self.socket.poll_ready_unpin(context))?;
            let frame = self.waiting.take().expect("looked at above");
            self.is_flushed = false;
            return Poll::Ready(self.socket.start_send_unpin(frame));
        }
        if self.is_flushed {
            return Poll::Pending;
        }
        std::task::ready!(self.socket.poll_flush_unpin(context))?;
        self.is_flushed = true;
        Poll::Ready(Ok(()))
    }
}
