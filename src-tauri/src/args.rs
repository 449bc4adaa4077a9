//! What can be said on the command line; an invite link arrives there too when the system opens one.

use std::path::PathBuf;

use clap::Parser;
use tincan_engine::Overrides;
use tincan_media::Bitrate;

use crate::pictures::Choice;

/// Private video calls.
#[derive(Parser)]
#[command(name = "tincan-app", version, about)]
pub(crate) struct Args {
    /// Camera for this run: default, none, portrait, portrait:SEED, test-pattern, file:CLIP.y4m or device:NAME
    #[arg(long, value_name = "SOURCE")]
    camera: Option<String>,

    /// Microphone for this run: default, none, tone, file:SPEECH.wav or device:NAME
    #[arg(long, value_name = "SOURCE")]
    microphone: Option<String>,

    /// Speaker for this run: default, none or device:NAME
    #[arg(long, value_name = "SINK")]
    speaker: Option<String>,

    /// Signalling server for this run, ws:// or wss://
    #[arg(long, value_name = "URL")]
    server: Option<String>,

    /// The name that others see, for this run
    #[arg(long)]
    name: Option<String>,

    /// Who draws pictures: the window itself (native), the page (canvas), or whichever costs less here
    #[arg(long, value_name = "WAY", value_enum, default_value_t)]
    pub(crate) pictures: Choice,

    /// Write a line for every picture that the window itself draws, to measure it: stream, counter, microseconds
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) note_pictures: Option<PathBuf>,

    /// What to send at most, in kbit/s, to compare with others at the same rate
    #[arg(long, hide = true)]
    max_kbps: Option<u64>,

    /// Keep settings and recent calls here instead of in the user's folder, and run beside a Tincan that is already open
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    /// An invite link or a code; it is filled in, and joining stays yours to do
    // Whatever it is: the window says what is wrong with it, where a program that ends at once says it to nobody.
    #[arg(value_name = "tincan://join/…")]
    pub(crate) link: Option<String>,
}

impl Args {
    /// The settings for this run.
    pub(crate) fn overrides(&self) -> Overrides {
        Overrides {
            camera: self.camera.clone(),
            microphone: self.microphone.clone(),
            speaker: self.speaker.clone(),
            server: self.server.clone(),
            name: self.name.clone(),
            max_bitrate: self.max_kbps.map(Bitrate::kbps),
            ..Overrides::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        <Args as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn a_link_and_the_devices_are_understood_together() {
        let args =
            Args::try_parse_from(["tincan-app", "--camera", "test-pattern", "tincan://join/kqz4m8trxp"])
                .unwrap();
        assert_eq!(args.overrides().camera.as_deref(), Some("test-pattern"));
        assert!(args.link.is_some());
    }

    #[test]
    fn what_is_no_link_does_not_keep_the_window_from_opening() {
        let args = Args::try_parse_from(["tincan-app", "https://example.org"]).unwrap();
        assert_eq!(args.link.as_deref(), Some("https://example.org"));
    }
}
