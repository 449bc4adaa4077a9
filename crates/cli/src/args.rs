//! What can be said on the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tincan_engine::Overrides;
use tincan_media::Bitrate;
use tincan_protocol::{Identity, PeerId};
use tincan_signal_server::program::ServeArguments;

/// Private video calls, without a window.
///
/// Exit codes: 0 fine, 1 a problem, 2 wrong usage, 3 the room could not be joined, 4 the call ended without
/// our wish, 5 nobody was ever connected when --for was over, 130 forced by a second Ctrl-C.
#[derive(Parser)]
#[command(name = "tincan", version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) what: What,
}

#[derive(Subcommand)]
pub(crate) enum What {
    /// Joins a call, or starts one and says its code.
    ///
    /// While it runs, lines on standard input are commands: mute, unmute, camera on, camera off, camera
    /// SELECTOR, microphone SELECTOR, speaker SELECTOR, hand up, hand down, lock, unlock, let in NAME, refuse NAME,
    /// verified, show LINES, show LINES NAME, share SELECTOR, share smoothly SELECTOR, share SELECTOR with
    /// sound, share SELECTOR with sound SOUND, stop sharing, save screen FILE.png NAME,
    /// file send PATH, file take, file take FOLDER, file decline, file pause, file resume, file cancel,
    /// game offer, game offer draw LANGUAGE ROUNDS SECONDS, game join, game watch, game start, game choose NUMBER,
    /// game guess WORD, game leave, leave. Progress is told on standard error; standard output holds the code and what
    /// --stats and --events ask for.
    Call(CallArguments),
    /// Makes a test call with the built-in participant, and says what was seen and heard.
    Try(TryArguments),
    /// Sends files and folders to whoever joins the code, and says the code when none is given.
    ///
    /// The other side runs `tincan receive CODE`, or joins the code in a window. It ends when somebody has everything,
    /// verified. Whoever was interrupted runs the same command again: what is there is not sent again.
    Send(SendArguments),
    /// Receives files: joins the code of a sender, or says a code to send to.
    ///
    /// Nothing that is there already is replaced, and nothing has its name before all of it is there and verified.
    Receive(ReceiveArguments),
    /// Runs a signalling server: introduces the participants of calls to each other. Keeps rooms in memory and stores
    /// nothing.
    Serve(ServeArguments),
    /// Lists cameras, microphones and speakers.
    Devices {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Lists the screens and windows that can be shared.
    Screens {
        /// As JSON, with small pictures of them.
        #[arg(long)]
        json: bool,
    },
    /// Checks devices, network, codecs and the server, and says what to do about what is wrong.
    Doctor {
        /// The server to check, such as wss://tincan.example.org.
        #[arg(long)]
        server: Option<String>,
    },
}

#[derive(Args)]
pub(crate) struct CallArguments {
    /// The code or invite link of the call to join; without it a new call is started.
    pub(crate) code: Option<String>,
    /// default, none, portrait, portrait:SEED, test-pattern, file:PATH.y4m, or an id from `tincan devices`.
    #[arg(long)]
    camera: Option<String>,
    /// default, none, tone, tone:HERTZ, file:PATH.wav, or an id from `tincan devices`.
    #[arg(long)]
    microphone: Option<String>,
    /// default, none, file:PATH.wav (records what is heard), or an id from `tincan devices`.
    #[arg(long)]
    speaker: Option<String>,
    /// Share a screen or window from the beginning: monitor (the first one), monitor:NAME or window:ID from `tincan screens`,
    /// portal (the desktop asks; the only way under Wayland), test-text (drawn pages that change), test-text:still, or
    /// file:PATH.y4m.
    #[arg(long, value_name = "SELECTOR")]
    pub(crate) screen: Option<String>,
    /// Share for motion rather than for sharpness, as a film wants it.
    #[arg(long, requires = "screen")]
    pub(crate) smooth: bool,
    /// Share sound too: system (what this computer plays, without what Tincan plays), tone, tone:LEFT:RIGHT (in Hz), or
    /// file:PATH.wav.
    #[arg(long, value_name = "SELECTOR", requires = "screen")]
    pub(crate) screen_sound: Option<String>,
    /// Signalling server, such as wss://tincan.example.org; without one the call is on the local network.
    #[arg(long)]
    server: Option<String>,
    /// STUN or TURN server beside those that the signalling server names, such as stun:stun.example.org:3478 or
    /// "turn:turn.example.org:3478 NAME PASSWORD". May be repeated.
    #[arg(long, value_name = "SERVER")]
    ice_server: Vec<String>,
    /// The name that others see.
    #[arg(long)]
    name: Option<String>,
    /// Use TURN relays only, so that the others do not learn this machine's address.
    #[arg(long)]
    relay_only: bool,
    /// Join muted.
    #[arg(long)]
    muted: bool,
    /// Join with the camera off.
    #[arg(long)]
    camera_off: bool,
    /// Leave what the speaker plays in what the microphone hears, as is best with headphones.
    #[arg(long)]
    no_echo_cancellation: bool,
    /// How large to ask for the others' pictures, in lines: 180 for a slow computer or network, 0 for sound alone. The others
    /// then send no more than that. Without it they send what the network takes. `show LINES` changes it, `show any` ends it,
    /// and `show LINES NAME` is about one person. A recording asks for what it shows.
    #[arg(long, value_name = "LINES")]
    pub(crate) show_lines: Option<u16>,
    /// Record the call, sound and pictures of everybody, into this new MP4 file, from when somebody is connected. The others
    /// are told.
    #[arg(long, value_name = "FILE.mp4")]
    record: Option<PathBuf>,
    /// When it is over, write how the call went into this new file: a page with plots of bitrate, round trip, loss and freezes,
    /// without names, codes or addresses.
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,
    /// Chat: print what the others write, and send what is typed. Commands then begin with a slash; /help says which.
    #[arg(long)]
    pub(crate) chat: bool,
    /// Play along in every game that somebody offers, by a program: `bot`, or `bot:SEED` for one that plays the same each time.
    #[arg(long, value_name = "PLAYER", value_parser = parse_player)]
    pub(crate) play: Option<u64>,
    /// Leave after this time, such as 30s, 5m or 1h.
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
    pub(crate) limit: Option<Duration>,
    /// Leave when everybody else has left.
    #[arg(long)]
    pub(crate) leave_when_alone: bool,
    /// Print statistics every second.
    #[arg(long, value_name = "FORM")]
    pub(crate) stats: Option<StatsForm>,
    /// Print every event of the engine, after a first snapshot.
    #[arg(long, value_name = "FORM")]
    pub(crate) events: Option<EventForm>,
    /// A measuring aid: with each statistics line, the counter and time stamped into the newest picture of
    /// everybody who sends the test pattern, and how many pictures came.
    #[arg(long, requires = "stats")]
    pub(crate) read_stamp: bool,
    /// A measuring aid: with each statistics line, counter and arrival of every picture.
    #[arg(long, hide = true, requires = "read_stamp")]
    pub(crate) every_stamp: bool,
    /// What to send at most, in kbit/s, to compare with others at the same rate.
    #[arg(long, hide = true)]
    max_kbps: Option<u64>,
    /// The secret key of our identity (64 hex digits), for tests that must know who we are beforehand.
    #[arg(long, hide = true, value_parser = parse_identity)]
    identity: Option<Identity>,
}

/// How to get to a room without camera and microphone.
#[derive(Debug, Args)]
pub(crate) struct RoomArguments {
    /// Signalling server, such as wss://tincan.example.org; without one the others are looked for on the local network.
    #[arg(long)]
    server: Option<String>,
    /// STUN or TURN server beside those that the signalling server names. May be repeated.
    #[arg(long, value_name = "SERVER")]
    ice_server: Vec<String>,
    /// The name that others see.
    #[arg(long)]
    name: Option<String>,
    /// Use TURN relays only, so that the others do not learn this machine's address.
    #[arg(long)]
    relay_only: bool,
    /// Give up after this time, such as 10m or 1h.
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
    pub(crate) limit: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct SendArguments {
    /// Files and folders.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The code or invite link of whoever receives; without it a code is made and said.
    #[arg(long, value_name = "CODE")]
    pub(crate) to: Option<String>,
    /// Go on for whoever comes, until it is stopped.
    #[arg(long)]
    pub(crate) everybody: bool,
    #[command(flatten)]
    pub(crate) room: RoomArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ReceiveArguments {
    /// The code or invite link of the sender; without it a code is made and said.
    pub(crate) code: Option<String>,
    /// Where to put it; the current folder otherwise.
    #[arg(long, value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
    /// Take everything that is offered without asking.
    #[arg(long, short)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) room: RoomArguments,
}

impl RoomArguments {
    pub(crate) fn overrides(&self) -> Overrides {
        let none = || Some("none".to_owned());
        Overrides {
            camera: none(),
            microphone: none(),
            speaker: none(),
            server: self.server.clone(),
            ice_servers: (!self.ice_server.is_empty()).then(|| self.ice_server.clone()),
            name: self.name.clone(),
            relay_only: self.relay_only.then_some(true),
            microphone_on: Some(false),
            camera_on: Some(false),
            ..Overrides::default()
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct TryArguments {
    /// default, none, test-pattern, file:PATH.y4m, or an id from `tincan devices`.
    #[arg(long)]
    pub(crate) camera: Option<String>,
    /// default, none, tone, tone:HERTZ, file:PATH.wav, or an id from `tincan devices`.
    #[arg(long)]
    pub(crate) microphone: Option<String>,
    /// default, none, file:PATH.wav (records what is heard), or an id from `tincan devices`.
    #[arg(long)]
    pub(crate) speaker: Option<String>,
    /// How long, such as 15s or 1m.
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration, default_value = "15s")]
    pub(crate) length: Duration,
}

/// A secret key, as hex digits.
fn parse_identity(text: &str) -> Result<Identity, String> {
    // A peer id has the same form: 32 bytes in hex.
    let secret: PeerId = text.parse().map_err(|_| "64 hex digits are wanted".to_owned())?;
    Ok(Identity::from_secret(*secret.as_bytes()))
}

/// The seed of a player that is a program.
fn parse_player(text: &str) -> Result<u64, String> {
    let seed = text.strip_prefix("bot").and_then(|rest| match rest {
        "" => Some(u64::from(std::process::id())),
        rest => rest.strip_prefix(':')?.parse().ok(),
    });
    seed.ok_or_else(|| format!("`{text}` is no player: use `bot`, or `bot:` and a number"))
}

impl CallArguments {
    pub(crate) fn overrides(&self) -> Overrides {
        Overrides {
            camera: self.camera.clone(),
            microphone: self.microphone.clone(),
            speaker: self.speaker.clone(),
            server: self.server.clone(),
            ice_servers: (!self.ice_server.is_empty()).then(|| self.ice_server.clone()),
            name: self.name.clone(),
            relay_only: self.relay_only.then_some(true),
            microphone_on: Some(!self.muted),
            camera_on: Some(!self.camera_off),
            echo_cancellation: self.no_echo_cancellation.then_some(false),
            record: self.record.clone(),
            identity: self.identity.clone(),
            max_bitrate: self.max_kbps.map(Bitrate::kbps),
            bot: self.play,
        }
    }

    /// Whether standard output is for programs.
    pub(crate) fn machine_readable(&self) -> bool {
        self.events.is_some() || self.stats == Some(StatsForm::Json)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StatsForm {
    /// One object a line.
    Json,
    /// For people.
    Text,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EventForm {
    /// One object a line.
    Json,
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
    let (number, unit) = text.split_at(digits);
    let seconds = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => f64::NAN,
    };
    let wanted = number.parse().unwrap_or(f64::NAN) * seconds;
    Duration::try_from_secs_f64(wanted)
        .ok()
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| format!("`{text}` is no time: use such as 30s, 5m or 1h"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn times_are_read_with_and_without_units() {
        for (text, milliseconds) in
            [("30", 30_000), ("1.5s", 1500), ("250ms", 250), ("2m", 120_000), ("1h", 3_600_000)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "0s", "-1s", "5 s", "1d", "s", "inf", "9999999999999999999999h"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_player_is_a_bot_with_or_without_a_seed() {
        assert_eq!(parse_player("bot:7"), Ok(7));
        assert!(parse_player("bot").is_ok());
        for text in ["", "me", "bot:", "bot:x", "bots"] {
            assert!(parse_player(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_was_not_said_is_not_laid_over_the_settings() {
        let parsed =
            Arguments::try_parse_from(["tincan", "call", "--camera", "test-pattern", "--muted"]).unwrap();
        let What::Call(call) = parsed.what else { panic!("it is a call") };
        let overrides = call.overrides();
        assert_eq!(overrides.camera.as_deref(), Some("test-pattern"));
        assert_eq!((overrides.microphone_on, overrides.camera_on), (Some(false), Some(true)));
        assert_eq!((overrides.server, overrides.relay_only), (None, None));
    }
}
