//! Sharing our screen.

use std::sync::Arc;

use tincan_devices::screen::{ScreenError, ScreenInfo, ScreenKind, ScreenSelector};
use tincan_media::video::VideoFrame;
use tokio::task::spawn_blocking;

use super::{Answer, Done, EngineTask, error};
use crate::api::{self, CommandError, Reply, ScreenChoice};

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
                Ok(Ok(screens)) => Ok(Reply::Screens { screens }),
                Ok(Err(refused)) => Err(refusal(&refused)),
                Err(_) => Err(error("screen_lost", "The screens could not be listed. Try again.")),
            };
            // Whoever asked may have gone away since.
            let _ = answer.send(result);
            Done::Nothing
        });
    }

    pub(super) fn share_screen(&mut self, id: &str, smooth: bool) -> Result<Reply, CommandError> {
        let selector: ScreenSelector = id.parse().map_err(|bad| error("bad_selector", &format!("{bad}.")))?;
        let (Some(media), Some(_)) = (&mut self.media, &self.call) else {
            return Err(error("no_call", "You are not in a call. Start one or join one first."));
        };
        media.share(selector, smooth);
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
    error(refused.code(), &refused.to_string())
}

fn choice(info: ScreenInfo) -> ScreenChoice {
    ScreenChoice {
        id: info.selector.to_string(),
        name: info.name,
        kind: match info.kind {
            ScreenKind::Monitor => api::ScreenKind::Monitor,
            ScreenKind::Window => api::ScreenKind::Window,
        },
        picture: info.picture.as_ref().and_then(picture),
    }
}

/// A small picture as a `data:` URL.
fn picture(frame: &VideoFrame) -> Option<String> {
    let size = frame.resolution();
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, size.width, size.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Fast);
    encoder.write_header().ok()?.write_image_data(&rgb(frame)).ok()?;
    Some(format!("data:image/png;base64,{}", data_encoding::BASE64.encode(&png)))
}

/// BT.601, limited range, to red, green and blue.
fn rgb(frame: &VideoFrame) -> Vec<u8> {
    let size = frame.resolution();
    let (luma, u, v) = frame.planes();
    let chroma = frame.chroma_stride();
    let mut rgb = Vec::with_capacity(luma.len() * 3);
    for (row, line) in luma.chunks_exact(size.width as usize).enumerate() {
        for (column, &y) in line.iter().enumerate() {
            let at = row / 2 * chroma + column / 2;
            let y = 1.164 * (f32::from(y) - 16.0);
            let (u, v) = (f32::from(u[at]) - 128.0, f32::from(v[at]) - 128.0);
            // A float becomes the nearest byte that there is.
            rgb.extend(
                [y + 1.596 * v, y - 0.392 * u - 0.813 * v, y + 2.017 * u].map(|value| value.round() as u8),
            );
        }
    }
    rgb
}

#[cfg(test)]
mod tests {
    use tincan_media::MediaTime;
    use tincan_media::video::Resolution;

    use super::*;

    #[test]
    fn a_small_picture_is_a_data_url_with_its_colours() {
        let mut frame = VideoFrame::black(MediaTime::ZERO, Resolution::new(4, 2));
        assert_eq!(rgb(&frame)[..3], [0, 0, 0]);
        let (y, u, v) = frame.planes_mut();
        y.fill(81);
        u.fill(90);
        v.fill(240);
        let first = &rgb(&frame)[..3];
        assert!(first[0] > 250 && first[1] < 5 && first[2] < 5, "{first:?}");
        assert!(picture(&frame).unwrap().starts_with("data:image/png;base64,iVBOR"));
    }
}
