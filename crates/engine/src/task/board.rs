//! The whiteboard, as far as it is not the call's: commands are handed to it, and what was drawn is saved.

use std::path::PathBuf;

use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use super::{Answer, Done, EngineTask, error};
use crate::api::{BoardCommand, CommandError, Reply};
use crate::call::{CallCommand, TogetherCommand, board_view, unix_millis};
use crate::new_file::{Place, What, save};

/// Largest PNG that a window may have drawn: eight thousand by eight thousand pixels of a photograph.
const MAX_PNG: usize = 64 << 20;
const SVG: What = What { name: "board", extension: "svg", code: "board_not_saved" };
const PNG: What = What { name: "board", extension: "png", code: "board_not_saved" };
/// What begins every PNG (RFC 2083, section 3.1).
const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

impl EngineTask {
    /// Something for the call's whiteboard, which answers itself.
    pub(super) fn board(&mut self, command: BoardCommand, answer: Answer) {
        let Some(running) = &self.call else {
            return drop(
                answer.send(Err(error("no_call", "You are not in a call. Start one or join one first."))),
            );
        };
        let BoardCommand::Save { page, png, file, utc_offset } = command else {
            return running.handle.send(CallCommand::Together(TogetherCommand::Board(command), answer));
        };
        let place = match (file, &self.config.downloads) {
            (Some(file), _) => Place::File(PathBuf::from(file)),
            (None, Some(folder)) => Place::In(folder.clone(), unix_millis()),
            (None, None) => {
                let nowhere =
                    error("board_no_folder", "Say where to save the board: the name of a new file.");
                return drop(answer.send(Err(nowhere)));
            }
        };
        // The call draws the SVG, and says when it cannot.
        let (to, svg) = oneshot::channel();
        let (refusal, refused) = oneshot::channel();
        if png.is_none() {
            let draw = TogetherCommand::DrawBoard { page, to };
            running.handle.send(CallCommand::Together(draw, refusal));
        }
        self.work.spawn(async move {
            let written =
                match png {
                    Some(png) => drawn_by_window(&png).map(|bytes| (PNG, bytes)),
                    None => match svg.await {
                        Ok(svg) => Ok((SVG, svg.into_bytes())),
                        Err(_) => Err(refused.await.ok().and_then(Result::err).unwrap_or_else(|| {
                            error("no_call", "The call has ended, and its board with it.")
                        })),
                    },
                };
            let result = match written {
                Ok((what, bytes)) => spawn_blocking(move || save(&what, &place, utc_offset, &bytes))
                    .await
                    .unwrap_or_else(|_| Err(error("internal", "The board could not be saved. Try again."))),
                Err(error) => Err(error),
            };
            let _ = answer.send(result.map(|path| Reply::Saved { file: path.display().to_string() }));
            Done::Nothing
        });
    }
}

fn drawn_by_window(png: &str) -> Result<Vec<u8>, CommandError> {
    let bytes = board_view::parse_base64(png, MAX_PNG)?;
    if bytes.starts_with(PNG_SIGNATURE) {
        Ok(bytes)
    } else {
        Err(error("board_picture", "The window did not draw a PNG. Try again, or save an SVG."))
    }
}
