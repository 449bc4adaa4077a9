//! A machine's sound without a sound card: a PulseAudio of its own, with a speaker that can be listened to and a
//! microphone that can be spoken into; or a PipeWire with a speaker, which speaks PulseAudio's protocol. Linux only.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{interval, timeout};

use crate::process::{PATIENCE, Process, binary};

/// Samples a second, everywhere here.
pub const RATE: usize = 48_000;

const SPEAKER: &str =
    "module-null-sink sink_name=speaker rate=48000 sink_properties=device.description=Speaker";
/// What is played here is what the microphone hears.
const VOICE: &str = "module-null-sink sink_name=voice rate=48000 sink_properties=device.description=Voice";
const MICROPHONE: &str = "module-remap-source source_name=microphone master=voice.monitor \
                          source_properties=device.description=Microphone";

/// PipeWire with what speaks PulseAudio's protocol in it, and a speaker.
const PIPEWIRE: &str = r#"
context.properties = { core.daemon = true core.name = pipewire-0 support.dbus = false }
context.spa-libs = { audio.convert.* = audioconvert/libspa-audioconvert support.* = support/libspa-support }
context.modules = [
    { name = libpipewire-module-protocol-native }
    { name = libpipewire-module-metadata }
    { name = libpipewire-module-spa-node-factory }
    { name = libpipewire-module-client-node }
    { name = libpipewire-module-access args = {} }
    { name = libpipewire-module-adapter }
    { name = libpipewire-module-link-factory }
    { name = libpipewire-module-session-manager }
    { name = libpipewire-module-protocol-pulse args = { server.address = [ "unix:native" ] } }
]
context.objects = [
    { factory = adapter args = {
        factory.name = support.null-audio-sink node.name = speaker node.description = Speaker
        media.class = Audio/Sink audio.position = [ FL FR ]
    } }
    { factory = spa-node-factory args = {
        factory.name = support.node.driver node.name = Driver node.group = pipewire.dummy priority.driver = 20000
    } }
]
"#;

/// A sound server, and everything that belongs to its machine.
pub struct Sound {
    home: TempDir,
    server: Option<Process>,
    /// What it takes beside it.
    _beside: Vec<Process>,
}

impl Sound {
    /// Starts it with a speaker `speaker` and a microphone `microphone`, which are its defaults.
    ///
    /// # Panics
    /// When PulseAudio is not installed or does not start.
    pub async fn start() -> Self {
        let home = tempfile::tempdir().expect("there is room for a folder");
        let mut sound = Self { home, server: None, _beside: Vec::new() };
        sound.come_back().await;
        sound
    }

    /// Starts PipeWire with a speaker `speaker` and no microphone.
    ///
    /// # Panics
    /// When PipeWire, its manager or a bus is not installed or does not start.
    pub async fn start_on_pipewire() -> Self {
        let home = tempfile::tempdir().expect("there is room for a folder");
        let settings = home.path().join("pipewire.conf");
        std::fs::write(&settings, PIPEWIRE).expect("the test's folder can be written");
        let mut command = Command::new("dbus-daemon");
        command.args(["--session", "--nofork", "--print-address"]);
        let mut bus = Process::start("dbus-daemon", command);
        let address = |line: &str| line.starts_with("unix:").then(|| line.to_owned());
        let address = bus.wait_for("the bus's address", address).await;
        let mut sound = Self { home, server: None, _beside: vec![bus] };
        let mut command = sound.command("pipewire");
        command.arg("-c").arg(settings);
        sound.server = Some(Process::start("pipewire", command));
        sound.answers("Server Name").await;
        let mut command = sound.command("wireplumber");
        command.env("DBUS_SESSION_BUS_ADDRESS", address);
        sound._beside.push(Process::start("wireplumber", command));
        sound.answers("Default Sink: speaker").await;
        sound
    }

    /// The server dies.
    ///
    /// # Panics
    /// When it is dead already.
    pub async fn die(&mut self) {
        self.server.take().expect("it runs").kill().await;
    }

    /// The server starts, with the same devices as ever; returns when it answers.
    pub async fn come_back(&mut self) {
        let mut command = self.command("pulseaudio");
        command.args(["-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--realtime=no"]);
        for module in ["module-native-protocol-unix auth-anonymous=1", SPEAKER, VOICE, MICROPHONE] {
            command.args(["-L", module]);
        }
        self.server = Some(Process::start("pulseaudio", command));
        self.answers("Server Name").await;
        self.control(&["set-default-sink", "speaker"]).await;
        self.control(&["set-default-source", "microphone"]).await;
    }

    /// Returns when the server answers, and says this of itself.
    async fn answers(&self, says: &str) {
        let answers = async {
            let mut pause = interval(Duration::from_millis(50));
            loop {
                pause.tick().await;
                let mut info = self.command("pactl");
                info.arg("info").stderr(Stdio::null());
                let told = info.output().await.expect("pactl is installed").stdout;
                if String::from_utf8_lossy(&told).contains(says) {
                    return;
                }
            }
        };
        assert!(timeout(PATIENCE, answers).await.is_ok(), "the sound server does not answer `{says}`");
    }

    /// `tincan` on this machine.
    pub fn tincan(&self) -> Command {
        self.command(binary("tincan"))
    }

    /// The home of whoever uses this machine, for programs that are not started by [`Sound::tincan`].
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Where its server listens, as `PULSE_SERVER` has it.
    pub fn address(&self) -> String {
        format!("unix:{}", self.home.path().join("pulse/native").display())
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        let home = self.home.path();
        // Whatever the tests themselves run on is not this machine's.
        command.env_remove("PULSE_SERVER").env("HOME", home).env("XDG_RUNTIME_DIR", home);
        command.kill_on_drop(true);
        command
    }

    /// Tells the server, in the words of `pactl`; returns its answer, such as a module's number.
    ///
    /// # Panics
    /// When it refuses.
    pub async fn control(&self, words: &[&str]) -> String {
        let output = self.command("pactl").args(words).output().await.expect("pactl is installed");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "pactl {words:?}: {told}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Plugs in a speaker, which becomes the default.
    pub async fn plug_in_speaker(&self, name: &str, called: &str) {
        self.add_speaker(name, called).await;
        self.control(&["set-default-sink", name]).await;
    }

    /// Plugs in a speaker, which does not become the default.
    pub async fn add_speaker(&self, name: &str, called: &str) {
        let (name_is, properties) =
            (format!("sink_name={name}"), format!("sink_properties=device.description={called}"));
        self.control(&["load-module", "module-null-sink", &name_is, "rate=48000", &properties]).await;
    }

    /// Pulls the speaker's plug.
    pub async fn unplug_speaker(&self) {
        self.unload("sink_name=speaker").await;
    }

    /// Plugs in the microphone, which becomes the default.
    pub async fn plug_in_microphone(&self) {
        let words: Vec<&str> = ["load-module"].into_iter().chain(MICROPHONE.split_whitespace()).collect();
        self.control(&words).await;
        self.control(&["set-default-source", "microphone"]).await;
    }

    /// Pulls the microphone's plug.
    pub async fn unplug_microphone(&self) {
        self.unload("source_name=microphone").await;
    }

    /// From now on the microphone hears what the speaker plays, as loud as it is. (PulseAudio's own loopback would do,
    /// but it stretches sound all the time to hold its delay, as no room does.)
    pub async fn play_speaker_into_microphone(&self) {
        self.unplug_microphone().await;
        let heard = MICROPHONE.replace("voice.monitor", "speaker.monitor");
        let words: Vec<&str> = ["load-module"].into_iter().chain(heard.split_whitespace()).collect();
        self.control(&words).await;
        self.control(&["set-default-source", "microphone"]).await;
    }

    /// Unloads the module that was loaded with `argument`.
    ///
    /// # Panics
    /// When there is none.
    pub async fn unload(&self, argument: &str) {
        let modules = self.control(&["list", "short", "modules"]).await;
        let module = modules.lines().find(|line| line.contains(argument)).expect("it is loaded");
        let number = module.split_whitespace().next().expect("a number comes first");
        self.control(&["unload-module", number]).await;
    }

    /// Speaks a file into the microphone, to its end unless dropped before.
    ///
    /// # Panics
    /// When `paplay` is not installed.
    pub fn speak(&self, file: &Path) -> Child {
        let mut command = self.command("paplay");
        command.args(["--device=voice", "--latency-msec=20"]).arg(file).stdin(Stdio::null());
        command.spawn().expect("paplay is installed")
    }

    /// Another program plays a file through the default speaker, to its end unless dropped before.
    ///
    /// # Panics
    /// When `paplay` is not installed.
    pub fn play(&self, file: &Path) -> Child {
        let mut command = self.command("paplay");
        command.arg(file).stdin(Stdio::null());
        command.spawn().expect("paplay is installed")
    }

    /// Listens to a sink: `speaker`, or `voice`, which is what the microphone hears.
    ///
    /// # Panics
    /// When `parec` is not installed.
    pub fn listen(&self, sink: &str) -> Ear {
        let mut command = self.command("parec");
        command.arg(format!("--device={sink}.monitor"));
        command.args(["--raw", "--format=s16le", "--rate=48000", "--channels=1", "--latency-msec=10"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("parec is installed");
        let pipe = child.stdout.take().expect("it is piped");
        Ear { _child: child, pipe }
    }
}

/// What listens to a sink, as long as it lives.
pub struct Ear {
    _child: Child,
    pipe: ChildStdout,
}

impl Ear {
    /// What is heard in the next `seconds`.
    ///
    /// # Panics
    /// When there is nothing to listen to any more, not even silence.
    pub async fn hear(&mut self, seconds: f32) -> Heard {
        let wanted = (seconds * RATE as f32) as usize;
        let mut samples: Vec<f32> = Vec::with_capacity(wanted);
        let mut began: Option<Instant> = None;
        let limit = PATIENCE + Duration::from_secs_f32(seconds);
        let mut bytes = [0; RATE / 100 * 2];
        let listening = async {
            while samples.len() < wanted {
                self.pipe.read_exact(&mut bytes).await.expect("a sink gives sound to listen to");
                samples.extend(
                    bytes
                        .chunks_exact(2)
                        .map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32_768.0),
                );
                // What comes late says nothing of when it was played; what comes first says most.
                let lasts = Duration::from_secs_f64(samples.len() as f64 / RATE as f64);
                let at = Instant::now().checked_sub(lasts).expect("this machine runs for longer");
                began = Some(began.map_or(at, |earlier| earlier.min(at)));
            }
        };
        assert!(timeout(limit, listening).await.is_ok(), "a sink gives no sound to listen to");
        Heard { samples, began: began.expect("something was read") }
    }

    /// Returns when something is heard.
    ///
    /// # Panics
    /// When nothing is for too long.
    pub async fn until_heard(&mut self) {
        let heard = async { while self.hear(0.2).await.loudness() < AUDIBLE {} };
        assert!(timeout(PATIENCE, heard).await.is_ok(), "nothing is heard");
    }
}

/// Well above what noise suppression leaves over, and far below speech.
const AUDIBLE: f32 = 0.01;

/// A piece of sound.
pub struct Heard {
    /// 48 kHz, mono.
    pub samples: Vec<f32>,
    /// When its first sample was played.
    pub began: Instant,
}

impl Heard {
    /// Writes it as a WAV file.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: RATE as u32,
            bits_per_sample: 32,
            sample_format: hound::SampleFormat::Float,
        };
        let mut file = hound::WavWriter::create(path, spec).expect("the test's folder can be written");
        for sample in &self.samples {
            file.write_sample(*sample).expect("the disk has room");
        }
        file.finalize().expect("the disk has room");
    }

    /// When each burst ([`crate::clips::bursts`]) begins, after silence.
    pub fn onsets(&self) -> Vec<Instant> {
        const STEP: usize = RATE / 1000;
        const BEFORE: usize = 200;
        let loud: Vec<bool> = self
            .samples
            .chunks_exact(STEP)
            .map(|block| block.iter().any(|sample| sample.abs() > 0.05))
            .collect();
        let first_after_silence = |at: &usize| loud[*at] && !loud[at - BEFORE..*at].contains(&true);
        (BEFORE..loud.len())
            .filter(first_after_silence)
            .map(|at| self.began + Duration::from_millis(at as u64))
            .collect()
    }

    /// How loud it is: the root mean square.
    pub fn loudness(&self) -> f32 {
        let energy: f32 = self.samples.iter().map(|sample| sample * sample).sum();
        (energy / self.samples.len().max(1) as f32).sqrt()
    }
}

/// How long what happened each second took from where it began to where it arrived, in milliseconds, with when it began.
pub fn ways(began: &[Instant], arrived: &[Instant]) -> Vec<(Instant, f64)> {
    const LONGEST: Duration = Duration::from_millis(900);
    let way = |&here: &Instant| {
        let there = arrived.iter().find(|&&there| there > here)?;
        let took = there.duration_since(here);
        (took < LONGEST).then_some((here, took.as_secs_f64() * 1000.0))
    };
    began.iter().filter_map(way).collect()
}
