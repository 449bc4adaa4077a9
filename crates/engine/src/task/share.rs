//! Sharing our screen.

use std::sync::Arc;

use tincan_devices::audio::shares_sound;
use tincan_devices::screen::{ScreenError, ScreenInfo, ScreenKind, ScreenSelector};
use tincan_media::video::VideoFrame;
use tokio::task::spawn_blocking;

use super::{Answer, Done, EngineTask, error};
use crate::api::{self, CommandError, Reply, ScreenChoice, Sentence};

impl EngineTask {
    /// The system takes its time to draw what can be shared.
    pub(super) fn list_screens(&mut self, answer: Answer) {
        let devices = Arc::clone(&self.devices);
        self.work.spawn(async move {
            let listed = spawn_blocking(move || -> Result<Vec<ScreenChoice>, ScreenError> {
                let screens = devices.list_screens()?;
                Ok(screens.into_iter().map(choice).collect())
            });
            let result = match listed.await {
                Ok(Ok(screens)) => Ok(Reply::Screens { screens, sound: shares_sound() }),
                Ok(Err(refused)) => Err(refusal(&refused)),
                Err(_) => Err(error("screen_lost", "The screens could not be listed. Try again.")),
            };
            // Whoever asked may have gone away since.
            let _ = answer.send(result);
            Done::Nothing
        });
    }

    pub(super) fn share_screen(
        &mut self,
        id: &str,
        smooth: bool,
        sound: Option<&str>,
    ) -> Result<Reply, CommandError> {
        let bad = |bad| error("bad_selector", &format!("{bad}."));
        let selector: ScreenSelector = id.parse().map_err(bad)?;
        let sound = sound.map(str::parse).transpose().map_err(bad)?;
        let (Some(media), Some(_)) = (&mut self.media, &self.call) else {
            return Err(error("no_call", "You are not in a call. Start one or join one first."));
        };
        media.share(selector, smooth, sound);
        self.publish_preview();
        Ok(Reply::Done)
    }

    pub(super) fn stop_sharing(&mut self) -> Result<Reply, CommandError> {
        if let Some(media) = &mut self.media {
            media.stop_sharing();
        }
        self.publish_preview();
        Ok(Reply::Done)
    }
}

fn refusal(refused: &ScreenError) -> CommandError {
    Sentence::from(refused).into()
}

fn choice(info: ScreenInfo) -> ScreenChoice {
    ScreenChoice {
        id: info.selector.to_string(),
        name: info.name,
        kind: match info.kind {
            ScreenKind::Monitor => api::ScreenKind::Monitor,
            ScreenKind::Window => api::ScreenKind::Window,
            ScreenKind::Dialog => api::ScreenKind::Dialog,
        },
        picture: info.picture.as_ref().and_then(picture),
    }
}

/// A small picture as a `data:` URL.
fn picture(frame: &VideoFrame) -> Option<String> {
    let png = crate::picture::png(frame)?;
    Some(format!("data:image/png;base64,{}", data_encoding::BASE64.encode(&png)))
}

#[cfg(test)]
mod tests {
    use tincan_media::MediaTime;
    use tincan_media::video::Resolution;

    use super::*;

    #[test]
    fn a_small_picture_is_a_data_url() {
        let frame = VideoFrame::black(MediaTime::ZERO, Resolution::new(4, 2));
        assert!(picture(&frame).unwrap().starts_with("data:image/png;base64,iVBOR"));
    }
}
