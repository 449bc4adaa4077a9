//! The audio thread: microphone → processing → Opus → every connection; every connection → jitter buffer → mixer →
//! speaker; and the sound of what is shared beside them ([`shared`]). It alone owns the devices' ends, the processor and the jitter buffers; others send it [`AudioCommand`]s.

mod shared;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tincan_codec::{OpusDecoder, OpusEncoder};
use tincan_devices::raise_thread_priority;
use tincan_media::audio::{
    AudioFrame, AudioProcessor, AudioSender, JitterBuffer, JitterStatistics, LevelMeter, Mixer,
    ProcessingConfig, VoiceDetector, chime,
};
use tincan_media::{AudioInput, AudioOutput, Bitrate, MediaClock, MediaTime, SharedSound};
use tincan_protocol::PeerId;
use tokio::sync::{mpsc, watch};
use tracing::{debug, warn};

use self::shared::{Shared, Sharing};
use super::closer::Closer;
use super::{AudioPlayout, Hint, MediaEvent, PeerSink, VideoCommand};
use crate::api::Levels;
use crate::record::Tap;

/// How often the thread looks: twice a frame, so that no 10 ms frame waits longer than that. Nothing that comes wakes it
/// before: a packet waits in the jitter buffer anyway, and in a room of eight there are 350 a second.
const NAP: Duration = Duration::from_millis(5);
/// A second of packets from a handful of participants; a full queue means that the thread hangs.
const QUEUE: usize = 1024;
/// Ten a second: what a meter needs to look alive.
const LEVEL_INTERVAL: Duration = Duration::from_millis(100);
/// Lip sync changes slowly; a tenth of a second is far below what a buffer moves in that time.
const PLAYOUT_INTERVAL: Duration = Duration::from_millis(100);
/// What Opus plays at a time was captured so much earlier (its look-ahead: 2.5 ms of
/// MDCT overlap and 4 ms that keep its two layers in step), and no time stamp says so.
const CODEC_DELAY: Duration = Duration::from_micros(6_500);
/// Speaking this long into a muted microphone is meant for somebody.
const MUTED_SPEECH: Duration = Duration::from_millis(700);
/// Digital silence this long is a broken headset, not a pause: even a quiet room has noise.
const SILENCE: Duration = Duration::from_secs(5);
/// A hint that comes again at once is nagging.
const HINT_PAUSE: Duration = Duration::from_secs(20);

/// What the audio thread is told.
pub(crate) enum AudioCommand {
    /// The microphone from now on; `None` for none.
    Input(Option<Box<dyn AudioInput>>),
    /// The speaker from now on.
    Output(Box<dyn AudioOutput>),
    /// Whether what the microphone captures is sent.
    Send(bool),
    /// Echo, noise and gain.
    Processing(ProcessingConfig),
    /// Somebody to send to and to play.
    AddParticipant {
        id: PeerId,
        sink: Arc<dyn PeerSink>,
        playout: SyncSender<VideoCommand>,
        /// How loud they are played: a reconnection changes nothing about that.
        volume: f32,
    },
    /// Nobody any more.
    RemoveParticipant(PeerId),
    /// A packet of theirs.
    Packet { id: PeerId, packet: tincan_peer::RtpPacket },
    /// How long their sound is to be held at least, for their lips.
    Hold { id: PeerId, at_least: Duration },
    /// How loud they are played, and what they share.
    Volume { id: PeerId, volume: f32 },
    /// The sound of what we share from now on; `None` for none.
    SharedSound(Option<Box<dyn SharedSound>>),
    /// At which rate it is encoded.
    SharedRate(Bitrate),
    /// Whether it is sent to somebody: a narrow path carries voices only.
    SharedFor { id: PeerId, on: bool },
    /// A packet of the sound of what they share.
    SharedPacket { id: PeerId, packet: tincan_peer::RtpPacket },
    /// How long that sound is to be held at least, for its pictures.
    SharedHold { id: PeerId, at_least: Duration },
    /// Who shows the pictures that belong to it.
    SharedPictures { id: PeerId, pictures: SyncSender<VideoCommand> },
    /// What Opus is to make of the network.
    Target { bitrate: Bitrate, loss: f32 },
    /// Also encode at this rate, for those whose packets carry what came before; `None`: nobody needs it.
    Thin(Option<Bitrate>),
    /// Leaves what is heard and what is sent here from now on; `None`: nowhere.
    Record(Option<Arc<Tap>>),
    /// Plays the chime; a gain of 1 is the speaker test's.
    Chime { gain: f32 },
    /// Release the devices and end.
    Stop,
}

/// As of the last second.
#[derive(Debug, Clone, Default)]
pub(crate) struct AudioStatistics {
    /// Everybody's sound.
    pub(crate) participants: BTreeMap<PeerId, JitterStatistics>,
    /// The sound of what they share, of those who ever did.
    pub(crate) shared: BTreeMap<PeerId, JitterStatistics>,
    /// The longest time between two rounds of the thread: [`NAP`] and a little, unless the computer is too busy.
    pub(crate) longest_round: Duration,
}

/// The running thread; dropping it ends and joins it, when its devices are closed too.
pub(crate) struct AudioThread {
    handle: AudioHandle,
    thread: Option<JoinHandle<()>>,
    closing: Option<JoinHandle<()>>,
}

impl AudioThread {
    pub(crate) fn start(clock: MediaClock, events: mpsc::Sender<MediaEvent>) -> Self {
        let (commands, inbox) = sync_channel(QUEUE);
        let (publish, statistics) = watch::channel(AudioStatistics::default());
        let (closer, closing) = Closer::start();
        let run = move || {
            let _raised = raise_thread_priority();
            match OpusEncoder::new() {
                Ok(encoder) => Worker::new(clock, encoder, events, publish, closer).run(&inbox),
                // Only without memory; the next call tries again.
                Err(error) => warn!(%error, "there will be no sound"),
            }
        };
        let thread = thread::Builder::new()
            .name("tincan-audio".into())
            .spawn(run)
            .expect("the system can start a thread");
        Self { handle: AudioHandle { commands, statistics }, thread: Some(thread), closing: Some(closing) }
    }

    pub(crate) fn handle(&self) -> &AudioHandle {
        &self.handle
    }
}

impl Drop for AudioThread {
    fn drop(&mut self) {
        self.handle.send(AudioCommand::Stop);
        for thread in [self.thread.take(), self.closing.take()].into_iter().flatten() {
            if thread.join().is_err() {
                warn!("the audio thread, or the one that closes its devices, panicked");
            }
        }
    }
}

/// Talks to the audio thread.
#[derive(Clone)]
pub(crate) struct AudioHandle {
    commands: SyncSender<AudioCommand>,
    statistics: watch::Receiver<AudioStatistics>,
}

impl AudioHandle {
    /// Tells the thread; once it has ended nobody needs to be told.
    pub(crate) fn send(&self, command: AudioCommand) {
        let _ = self.commands.send(command);
    }

    /// Forwards a packet without ever waiting: sound that is too late to queue is too late to hear.
    pub(crate) fn packet(&self, id: PeerId, packet: tincan_peer::RtpPacket) {
        self.offer(AudioCommand::Packet { id, packet });
    }

    /// Forwards a packet of the sound of what somebody shares, likewise.
    pub(crate) fn shared_packet(&self, id: PeerId, packet: tincan_peer::RtpPacket) {
        self.offer(AudioCommand::SharedPacket { id, packet });
    }

    fn offer(&self, command: AudioCommand) {
        if let Err(TrySendError::Full(_)) = self.commands.try_send(command) {
            debug!("the audio thread is behind; a packet is dropped");
        }
    }

    /// Holds somebody's sound, without ever waiting: told again soon, should the thread be behind.
    pub(crate) fn hold(&self, id: PeerId, at_least: Duration) {
        let _ = self.commands.try_send(AudioCommand::Hold { id, at_least });
    }

    /// Holds the sound of what somebody shares, likewise.
    pub(crate) fn hold_shared(&self, id: PeerId, at_least: Duration) {
        let _ = self.commands.try_send(AudioCommand::SharedHold { id, at_least });
    }

    /// Everybody's statistics as of the last second.
    pub(crate) fn statistics(&self) -> AudioStatistics {
        self.statistics.borrow().clone()
    }
}

/// Somebody's sound.
struct Remote {
    sink: Arc<dyn PeerSink>,
    playout: SyncSender<VideoCommand>,
    jitter: JitterBuffer,
    volume: f32,
    meter: LevelMeter,
    shared: Shared,
}

struct Worker {
    clock: MediaClock,
    events: mpsc::Sender<MediaEvent>,
    statistics: watch::Sender<AudioStatistics>,
    closer: Closer,
    input: Option<Box<dyn AudioInput>>,
    output: Option<Box<dyn AudioOutput>>,
    processor: AudioProcessor,
    sender: AudioSender,
    sending: bool,
    sharing: Sharing,
    mixer: Mixer,
    remotes: BTreeMap<PeerId, Remote>,
    meter: LevelMeter,
    voice: VoiceDetector,
    chime: VecDeque<AudioFrame>,
    chime_gain: f32,
    tap: Option<Arc<Tap>>,
    hints: Hints,
    next_levels: Instant,
    next_playout: Instant,
    next_statistics: Instant,
    /// When the last round began.
    round: Instant,
    longest_round: Duration,
}

impl Worker {
    fn new(
        clock: MediaClock,
        encoder: OpusEncoder,
        events: mpsc::Sender<MediaEvent>,
        statistics: watch::Sender<AudioStatistics>,
        closer: Closer,
    ) -> Self {
        let now = Instant::now();
        Self {
            clock,
            events,
            statistics,
            closer,
            input: None,
            output: None,
            processor: AudioProcessor::new(ProcessingConfig::default()),
            sender: AudioSender::new(Box::new(encoder)),
            sending: false,
            sharing: Sharing::new(),
            mixer: Mixer::new(),
            remotes: BTreeMap::new(),
            meter: LevelMeter::new(),
            voice: VoiceDetector::new(),
            chime: VecDeque::new(),
            chime_gain: 1.0,
            tap: None,
            hints: Hints::default(),
            next_levels: now,
            next_playout: now,
            next_statistics: now,
            round: now,
            longest_round: Duration::ZERO,
        }
    }

    fn run(mut self, inbox: &Receiver<AudioCommand>) {
        loop {
            thread::sleep((self.round + NAP).saturating_duration_since(Instant::now()));
            loop {
                match inbox.try_recv() {
                    Ok(AudioCommand::Stop) => {
                        self.closer.close(self.input.take());
                        self.closer.close(self.output.take());
                        self.sharing.replace(None, &self.closer);
                        return;
                    }
                    Ok(command) => self.handle(command),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return,
                }
            }
            let now = Instant::now();
            self.longest_round = self.longest_round.max(now - self.round);
            self.round = now;
            self.capture(now);
            self.share();
            self.play(now);
            self.report(now);
        }
    }

    fn handle(&mut self, command: AudioCommand) {
        match command {
            AudioCommand::Input(input) => {
                let old = std::mem::replace(&mut self.input, input);
                self.closer.close(old);
                self.processor.devices_changed();
                self.hints = Hints::default();
                self.meter = LevelMeter::new();
            }
            AudioCommand::Output(output) => {
                let old = self.output.replace(output);
                self.closer.close(old);
                self.processor.devices_changed();
            }
            AudioCommand::Send(on) => {
                self.sending = on;
                self.sender.set_muted(!on);
            }
            AudioCommand::Processing(config) => self.processor.set_config(config),
            AudioCommand::AddParticipant { id, sink, playout, volume } => {
                self.add(id, sink, playout, volume);
            }
            AudioCommand::RemoveParticipant(id) => {
                self.remotes.remove(&id);
            }
            AudioCommand::Packet { id, packet } => {
                if let Some(remote) = self.remotes.get_mut(&id) {
                    let tincan_peer::RtpPacket { sequence, timestamp, payload, arrived, recovered, .. } =
                        packet;
                    // Sound is never sent again: what is recovered came within a later packet.
                    if recovered {
                        remote.jitter.insert_copy(sequence, timestamp, payload);
                    } else {
                        remote.jitter.insert(sequence, timestamp, payload, arrived);
                    }
                }
            }
            AudioCommand::Hold { id, at_least } => {
                if let Some(remote) = self.remotes.get_mut(&id) {
                    remote.jitter.hold(at_least);
                }
            }
            AudioCommand::Volume { id, volume } => {
                if let Some(remote) = self.remotes.get_mut(&id) {
                    remote.volume = volume;
                }
            }
            AudioCommand::SharedSound(input) => self.sharing.replace(input, &self.closer),
            AudioCommand::SharedRate(rate) => self.sharing.set_rate(rate),
            AudioCommand::SharedFor { id, on } => self.sharing.set_for(id, on),
            AudioCommand::SharedPacket { id, packet } => self.of_shared(id, |shared| shared.packet(packet)),
            AudioCommand::SharedHold { id, at_least } => self.of_shared(id, |shared| shared.hold(at_least)),
            AudioCommand::SharedPictures { id, pictures } => {
                self.of_shared(id, |shared| shared.belongs_to(pictures));
            }
            AudioCommand::Target { bitrate, loss } => {
                if let Err(error) = self.sender.set_target(bitrate, loss) {
                    warn!(%error, "the old audio target stays");
                }
            }
            AudioCommand::Thin(bitrate) => match bitrate.map(OpusEncoder::thin).transpose() {
                Ok(encoder) => self.sender.set_thin(encoder.map(|encoder| Box::new(encoder) as Box<_>)),
                Err(error) => warn!(%error, "sound is not repeated"),
            },
            AudioCommand::Record(tap) => self.tap = tap,
            AudioCommand::Chime { gain } => {
                self.chime = chime(MediaTime::ZERO).collect();
                self.chime_gain = gain;
            }
            AudioCommand::Stop => {}
        }
    }

    fn of_shared(&mut self, id: PeerId, act: impl FnOnce(&mut Shared)) {
        if let Some(remote) = self.remotes.get_mut(&id) {
            act(&mut remote.shared);
        }
    }

    fn add(&mut self, id: PeerId, sink: Arc<dyn PeerSink>, playout: SyncSender<VideoCommand>, volume: f32) {
        let decoder = match OpusDecoder::new() {
            Ok(decoder) => decoder,
            Err(error) => return warn!(%error, "somebody will not be heard"),
        };
        let jitter = JitterBuffer::new(Box::new(decoder));
        let (meter, shared) = (LevelMeter::new(), Shared::default());
        self.remotes.insert(id, Remote { sink, playout, jitter, volume, meter, shared });
    }

    fn capture(&mut self, now: Instant) {
        loop {
            let Some(input) = &mut self.input else { return };
            match input.read() {
                Ok(Some(mut frame)) => {
                    // The headset's fault must be told before noise suppression makes silence of everything.
                    let silent = frame.peak() == 0.0;
                    let echo_delay = self.output.as_ref().map_or(Duration::ZERO, |output| output.latency());
                    self.processor.process_capture(&mut frame, echo_delay);
                    let voice = self.voice.update(&frame);
                    self.meter.update(&frame);
                    if let Some(hint) = self.hints.update(now, silent, voice, self.sending) {
                        self.tell(MediaEvent::Hint(hint));
                    }
                    self.send(&frame);
                }
                Ok(None) => return,
                Err(error) => {
                    self.closer.close(self.input.take());
                    self.tell(MediaEvent::MicrophoneLost(error));
                }
            }
        }
    }

    fn share(&mut self) {
        if let Some(error) = self.sharing.capture(&self.remotes, &self.closer) {
            self.tell(MediaEvent::SharedSoundLost(error));
        }
    }

    fn send(&mut self, frame: &AudioFrame) {
        if let Some(tap) = self.tap.as_ref().filter(|_| self.sending) {
            tap.said(frame);
        }
        if self.remotes.is_empty() || !self.sending {
            return;
        }
        match self.sender.push(frame) {
            Ok(Some(packet)) => {
                let packet = Arc::new(packet);
                for remote in self.remotes.values() {
                    remote.sink.audio(&packet);
                }
            }
            Ok(None) => {}
            Err(error) => warn!(%error, "20 ms of sound are not sent"),
        }
    }

    fn play(&mut self, now: Instant) {
        let wanted = match self.output.as_mut().map(|output| output.wanted()) {
            Some(Ok(wanted)) => wanted,
            Some(Err(error)) => {
                self.closer.close(self.output.take());
                self.tell(MediaEvent::SpeakerLost(error));
                return;
            }
            None => return,
        };
        for _ in 0..wanted {
            for remote in self.remotes.values_mut() {
                let frame = remote.jitter.pull(now);
                remote.meter.update(&frame);
                self.mixer.add(&frame, remote.volume);
                if let Some(frame) = remote.shared.pull(now) {
                    self.mixer.add(&frame, remote.volume);
                }
            }
            if let Some(frame) = self.chime.pop_front() {
                self.mixer.add(&frame, self.chime_gain);
            }
            let frame = self.mixer.finish(self.clock.at(now));
            // The microphone hears both sides of the speaker.
            let mono = frame.mono();
            self.processor.process_render(&mono);
            if let Some(output) = &mut self.output {
                if let Some(tap) = &self.tap {
                    tap.heard(&AudioFrame { time: self.clock.at(now + output.latency()), ..mono });
                }
                output.write(&frame);
            }
        }
    }

    fn report(&mut self, now: Instant) {
        if now >= self.next_levels {
            self.next_levels = now + LEVEL_INTERVAL;
            let participants =
                self.remotes.iter_mut().map(|(id, remote)| (id.to_string(), remote.meter.level())).collect();
            self.tell(MediaEvent::Levels(Levels { microphone: self.meter.level(), participants }));
        }
        if now >= self.next_playout {
            self.next_playout = now + PLAYOUT_INTERVAL;
            let latency =
                CODEC_DELAY + self.output.as_ref().map_or(Duration::ZERO, |output| output.latency());
            for remote in self.remotes.values() {
                if let Some(rtp) = remote.jitter.playout_rtp_timestamp() {
                    let held = remote.jitter.statistics().current_delay;
                    let playout = AudioPlayout { rtp, at: now + latency, held };
                    let _ = remote.playout.try_send(VideoCommand::Audio(playout));
                }
                remote.shared.tell_pictures(now, latency);
            }
        }
        if now >= self.next_statistics {
            self.next_statistics = now + Duration::from_secs(1);
            let participants =
                self.remotes.iter().map(|(id, remote)| (*id, remote.jitter.statistics().clone())).collect();
            let shared = self
                .remotes
                .iter()
                .filter_map(|(id, remote)| Some((*id, remote.shared.statistics()?.clone())));
            let shared = shared.collect();
            let longest_round = std::mem::take(&mut self.longest_round);
            self.statistics.send_replace(AudioStatistics { participants, shared, longest_round });
        }
    }

    /// A full queue drops the event: levels come again, and a lost device is noticed by the next poll.
    fn tell(&self, event: MediaEvent) {
        if self.events.try_send(event).is_err() {
            debug!("nobody takes the audio thread's events");
        }
    }
}

/// Finds out when a person speaks while muted and when a microphone delivers nothing at all.
#[derive(Default)]
struct Hints {
    voiced_since: Option<Instant>,
    silent_since: Option<Instant>,
    told: Option<Instant>,
}

impl Hints {
    /// `silent` is digital silence; `voice` is what the processor heard in the frame.
    fn update(&mut self, now: Instant, silent: bool, voice: bool, sending: bool) -> Option<Hint> {
        self.silent_since = silent.then(|| self.silent_since.unwrap_or(now));
        self.voiced_since = (voice && !sending).then(|| self.voiced_since.unwrap_or(now));
        let lasts = |since: Option<Instant>, at_least| since.is_some_and(|since| now - since >= at_least);
        let hint = if lasts(self.voiced_since, MUTED_SPEECH) {
            Hint::SpeakingWhileMuted
        } else if sending && lasts(self.silent_since, SILENCE) {
            Hint::MicrophoneSilent
        } else {
            return None;
        };
        if self.told.is_some_and(|told| now - told < HINT_PAUSE) {
            return None;
        }
        self.told = Some(now);
        Some(hint)
    }
}

#[cfg(test)]
#[path = "audio_tests.rs"]
mod tests;
