//! What other programs play, from PulseAudio or from PipeWire, which speaks PulseAudio's protocol too.
//!
//! A sound server knows every program's stream by itself, and lets it be recorded before the streams are added up (a record
//! stream *direct on an input*, which level meters of mixers use). So our own playback, in which the others' voices are, is
//! never in what we hear; there is nothing to be subtracted. Streams are followed as they come and go.
//!
//! cpal knows no such streams and the `pulseaudio` crate's own client no list of them, so this speaks the protocol with what
//! the crate has for that, on one thread: ask for the list, record what is wanted, add it up, hand over frames of 10 ms.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::io::{BufReader, Cursor, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use pulseaudio::protocol::{
    self, AuthParams, AuthReply, ChannelMap, Command, CommandReply, CreateRecordStreamReply, DESCRIPTOR_SIZE,
    LatencyParams, MAX_VERSION, Prop, Props, ProtocolError, PulseError, RecordLatency, RecordStreamParams,
    SampleFormat, SampleSpec, SetClientNameReply, SinkInputInfo, SubscriptionEventFacility,
    SubscriptionEventType, SubscriptionMask, TagStructReader, stream::BufferAttr, stream::StreamFlags,
};
use tincan_media::audio::{SAMPLE_RATE, Stereo, StereoFrame};
use tincan_media::{MediaClock, SharedSound, SharedSoundError};

use super::mix::Mix;

/// A sound server that has not answered after this long hangs.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// How often to look whether there is something to do when nothing comes.
const IDLE: Duration = Duration::from_millis(100);
/// Servers tell of every new stream; some before it can be recorded.
const LIST_AGAIN: Duration = Duration::from_secs(2);
const ASK_LATENCY: Duration = Duration::from_secs(1);
/// More is no latency of a speaker but nonsense.
const MOST_LATENCY: Duration = Duration::from_millis(500);
/// Half a second; who is later has stopped.
const FRAMES: usize = 50;
/// Bytes of a sample of both channels, and of the 20 ms that a server is to hand over at once.
const FRAME_BYTES: usize = size_of::<Stereo>();
const PIECE: u32 = SAMPLE_RATE / 50 * FRAME_BYTES as u32;
/// Lists of streams are some kilobytes; more is no message.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// The channel of commands and answers.
const CONTROL: u32 = u32::MAX;

/// See the module's description.
pub(super) struct OtherPrograms {
    frames: Receiver<Result<StereoFrame, SharedSoundError>>,
    /// Shut down, it ends the thread.
    socket: UnixStream,
    thread: Option<JoinHandle<()>>,
}

impl OtherPrograms {
    pub(super) fn open(clock: MediaClock) -> Result<Self, SharedSoundError> {
        let path = pulseaudio::socket_path_from_env().ok_or(SharedSoundError::NoServer)?;
        let socket = UnixStream::connect(path).map_err(|_| SharedSoundError::NoServer)?;
        let version = shake_hands(&socket).map_err(explain)?;
        let ours = socket.try_clone().map_err(|error| refused(&error))?;
        socket.set_read_timeout(Some(IDLE)).map_err(|error| refused(&error))?;
        let (give, frames) = sync_channel(FRAMES);
        let server = Server::new(socket, version, clock, give);
        let thread = std::thread::Builder::new()
            .name("shared-sound".into())
            .spawn(move || server.run())
            .map_err(|error| refused(&error))?;
        Ok(Self { frames, socket: ours, thread: Some(thread) })
    }
}

impl SharedSound for OtherPrograms {
    fn read(&mut self) -> Result<Option<StereoFrame>, SharedSoundError> {
        match self.frames.try_recv() {
            Ok(frame) => frame.map(Some),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(SharedSoundError::Lost),
        }
    }
}

impl Drop for OtherPrograms {
    fn drop(&mut self) {
        // A server that is gone has shut it down already.
        let _ = self.socket.shutdown(Shutdown::Both);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that hears other programs panicked");
        }
    }
}

fn refused(error: &impl ToString) -> SharedSoundError {
    SharedSoundError::Refused { detail: error.to_string() }
}

fn explain(error: ProtocolError) -> SharedSoundError {
    match error {
        ProtocolError::Io(_) => SharedSoundError::NoServer,
        error => refused(&error),
    }
}

/// Says who we are; gives the protocol's version that both know.
fn shake_hands(socket: &UnixStream) -> Result<u16, ProtocolError> {
    socket.set_read_timeout(Some(ANSWER_LIMIT))?;
    socket.set_write_timeout(Some(ANSWER_LIMIT))?;
    let mut reader = BufReader::new(socket);
    let cookie = pulseaudio::cookie_path_from_env().and_then(|path| std::fs::read(path).ok());
    let auth = AuthParams {
        version: MAX_VERSION,
        supports_shm: false,
        supports_memfd: false,
        cookie: cookie.unwrap_or_default(),
    };
    let known: AuthReply = ask(&mut reader, 0, &Command::Auth(auth), MAX_VERSION)?;
    let version = known.version.min(MAX_VERSION);
    let mut props = Props::new();
    props.set(Prop::ApplicationName, c"Tincan");
    props.set(Prop::ApplicationProcessId, process_id());
    let _: SetClientNameReply = ask(&mut reader, 1, &Command::SetClientName(props), version)?;
    Ok(version)
}

fn ask<R: CommandReply>(
    reader: &mut BufReader<&UnixStream>,
    number: u32,
    command: &Command,
    version: u16,
) -> Result<R, ProtocolError> {
    protocol::write_command_message(reader.get_mut(), number, command, version)?;
    protocol::read_reply_message(reader, version).map(|(_, reply)| reply)
}

fn process_id() -> CString {
    CString::new(std::process::id().to_string()).unwrap_or_default()
}

/// Whether it is the sound of a program that a person may want to share: not ours, not what the server itself makes of other
/// streams (that would be in it twice, and our own with it), and not what the desktop says to its owner alone.
fn is_wanted(input: &SinkInputInfo, ours: &CString) -> bool {
    let text = |value: Option<&[u8]>| value.map(|bytes| bytes.strip_suffix(b"\0").unwrap_or(bytes).to_vec());
    let process = text(input.props.get(Prop::ApplicationProcessId));
    let role = text(input.props.get(Prop::MediaRole));
    process.as_deref() != Some(ours.as_bytes())
        && input.client_index.is_some()
        && input.props.get_bytes(c"node.link-group").is_none()
        && !role.is_some_and(|role| [&b"event"[..], b"a11y", b"filter", b"DSP"].contains(&&role[..]))
}

/// What an answer will be to.
enum Asked {
    List,
    /// To record this input.
    Record(u32),
    Latency,
    /// It does not matter.
    Nothing,
}

/// The connection to the sound server.
struct Server {
    socket: UnixStream,
    version: u16,
    clock: MediaClock,
    give: SyncSender<Result<StereoFrame, SharedSoundError>>,
    ours: CString,
    asked: BTreeMap<u32, Asked>,
    next_number: u32,
    /// What came and is no whole message yet.
    read: Vec<u8>,
    /// Streams of programs, with the channel on which each comes once it does.
    inputs: BTreeMap<u32, Option<u32>>,
    mix: Mix,
    list_at: Instant,
    latency_at: Instant,
}

impl Server {
    fn new(
        socket: UnixStream,
        version: u16,
        clock: MediaClock,
        give: SyncSender<Result<StereoFrame, SharedSoundError>>,
    ) -> Self {
        let now = Instant::now();
        Self {
            socket,
            version,
            clock,
            give,
            ours: process_id(),
            asked: BTreeMap::new(),
            next_number: 2,
            read: Vec::new(),
            inputs: BTreeMap::new(),
            mix: Mix::default(),
            list_at: now,
            latency_at: now,
        }
    }

    fn run(mut self) {
        let _raised = crate::raise_thread_priority();
        if let Err(error) = self.serve() {
            tracing::debug!(%error, "no more sound of other programs");
            // Nobody may be there any more to be told.
            let _ = self.give.try_send(Err(error));
        }
    }

    fn serve(&mut self) -> Result<(), SharedSoundError> {
        self.ask(&Command::Subscribe(SubscriptionMask::SINK_INPUT), Asked::Nothing)?;
        let mut bytes = vec![0; 1 << 16];
        loop {
            let now = Instant::now();
            if now >= self.list_at {
                self.list()?;
            }
            if now >= self.latency_at {
                self.ask_latency(now)?;
            }
            match self.socket.read(&mut bytes) {
                Ok(0) => return Err(SharedSoundError::Lost),
                Ok(length) => self.read.extend_from_slice(&bytes[..length]),
                Err(error) if is_timeout(error.kind()) => {}
                Err(_) => return Err(SharedSoundError::Lost),
            }
            self.take_messages()?;
            let now = self.clock.at(Instant::now());
            while let Some(frame) = self.mix.next(now) {
                // Whoever does not take it is better off without what is old.
                let _ = self.give.try_send(Ok(frame));
            }
        }
    }

    fn ask(&mut self, command: &Command, what: Asked) -> Result<(), SharedSoundError> {
        let number = self.next_number;
        self.next_number = number.wrapping_add(1).max(2);
        self.asked.insert(number, what);
        let mut message = Vec::new();
        protocol::write_command_message(&mut message, number, command, self.version)
            .map_err(|error| refused(&error))?;
        self.socket.write_all(&message).map_err(|_| SharedSoundError::Lost)
    }

    fn list(&mut self) -> Result<(), SharedSoundError> {
        self.list_at = Instant::now() + LIST_AGAIN;
        self.ask(&Command::GetSinkInputInfoList, Asked::List)
    }

    fn ask_latency(&mut self, now: Instant) -> Result<(), SharedSoundError> {
        self.latency_at = now + ASK_LATENCY;
        match self.mix.lead() {
            Some(channel) => {
                let params = LatencyParams { channel, now: SystemTime::now() };
                self.ask(&Command::GetRecordLatency(params), Asked::Latency)
            }
            None => Ok(()),
        }
    }

    /// Does what the whole messages among what was read say.
    fn take_messages(&mut self) -> Result<(), SharedSoundError> {
        let read = std::mem::take(&mut self.read);
        let mut rest = &read[..];
        while rest.len() >= DESCRIPTOR_SIZE {
            let head = protocol::read_descriptor(&mut &rest[..]).map_err(|error| refused(&error))?;
            let length = head.length as usize;
            if length > MOST_BYTES {
                return Err(refused(&"its messages have no end"));
            }
            let Some(body) = rest.get(DESCRIPTOR_SIZE..DESCRIPTOR_SIZE + length) else { break };
            if head.channel == CONTROL {
                self.told(body)?;
            } else if self.inputs.values().any(|channel| *channel == Some(head.channel)) {
                let now = self.clock.at(Instant::now());
                self.mix.arrived(head.channel, samples(body), now);
            }
            rest = &rest[DESCRIPTOR_SIZE + length..];
        }
        self.read = rest.to_vec();
        Ok(())
    }

    /// A command or an answer.
    fn told(&mut self, body: &[u8]) -> Result<(), SharedSoundError> {
        let mut body = Cursor::new(body);
        // Servers say more than the crate knows, and what they say of other things is nothing to us.
        let Ok((number, command)) = Command::read_tag_prefixed(&mut body, self.version) else {
            return Ok(());
        };
        match command {
            Command::Reply => match self.asked.remove(&number) {
                Some(Asked::List) => {
                    let list: Vec<SinkInputInfo> = self.reply(&mut body)?;
                    self.listed(&list)?;
                }
                Some(Asked::Record(input)) => {
                    let made: CreateRecordStreamReply = self.reply(&mut body)?;
                    // It may have ended meanwhile.
                    match self.inputs.get_mut(&input) {
                        Some(channel) => *channel = Some(made.channel),
                        None => self.ask(&Command::DeleteRecordStream(made.channel), Asked::Nothing)?,
                    }
                }
                Some(Asked::Latency) => {
                    let latency: RecordLatency = self.reply(&mut body)?;
                    self.mix.heard_after(Duration::from_micros(latency.sink_usec).min(MOST_LATENCY));
                }
                Some(Asked::Nothing) | None => {}
            },
            Command::Error(error) => match self.asked.remove(&number) {
                Some(Asked::List) => return Err(refused(&error)),
                // It ended before it was asked for, or another list shows it again.
                Some(Asked::Record(input)) if error == PulseError::NoEntity => {
                    self.inputs.remove(&input);
                }
                Some(Asked::Record(_)) if error == PulseError::AccessDenied => return Err(refused(&error)),
                Some(Asked::Record(_)) => tracing::warn!(%error, "a program's sound is not given out"),
                Some(Asked::Latency | Asked::Nothing) | None => {}
            },
            // As when the program's stream moves to another speaker.
            Command::RecordStreamKilled(channel) => {
                self.mix.gone(channel);
                self.inputs.retain(|_, known| *known != Some(channel));
                // Not at once: one that is never given out would be asked for without end.
                self.list_at = self.list_at.min(Instant::now() + IDLE);
            }
            Command::SubscribeEvent(event)
                if event.event_facility == SubscriptionEventFacility::SinkInput =>
            {
                match (event.event_type, event.index) {
                    (SubscriptionEventType::New, _) => self.list()?,
                    (SubscriptionEventType::Removed, Some(input)) => self.forget(input),
                    _ => {}
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn reply<R: CommandReply>(&self, body: &mut Cursor<&[u8]>) -> Result<R, SharedSoundError> {
        TagStructReader::new(body, self.version).read().map_err(|error| refused(&error))
    }

    fn forget(&mut self, input: u32) {
        if let Some(Some(channel)) = self.inputs.remove(&input) {
            self.mix.gone(channel);
        }
    }

    fn listed(&mut self, list: &[SinkInputInfo]) -> Result<(), SharedSoundError> {
        let wanted = |known: u32| list.iter().any(|input| input.index == known);
        let ended: Vec<u32> = self.inputs.keys().copied().filter(|known| !wanted(*known)).collect();
        ended.into_iter().for_each(|input| self.forget(input));
        for input in list {
            if self.inputs.contains_key(&input.index) || !is_wanted(input, &self.ours) {
                continue;
            }
            self.inputs.insert(input.index, None);
            self.ask(&Command::CreateRecordStream(record(input.index)), Asked::Record(input.index))?;
        }
        Ok(())
    }
}

/// How a program's stream is recorded.
fn record(input: u32) -> RecordStreamParams {
    let mut props = Props::new();
    props.set(Prop::MediaName, c"Sound of what is shared");
    RecordStreamParams {
        sample_spec: SampleSpec { format: SampleFormat::Float32Le, channels: 2, sample_rate: SAMPLE_RATE },
        channel_map: ChannelMap::stereo(),
        direct_on_input_index: Some(input),
        buffer_attr: BufferAttr { max_length: u32::MAX, fragment_size: PIECE, ..BufferAttr::default() },
        // A speaker that nobody uses may sleep although we listen.
        flags: StreamFlags { adjust_latency: true, no_inhibit_auto_suspend: true, ..StreamFlags::default() },
        props,
        ..RecordStreamParams::default()
    }
}

fn samples(bytes: &[u8]) -> impl Iterator<Item = Stereo> {
    bytes.chunks_exact(FRAME_BYTES).map(|both| {
        let (left, right) = both.split_at(FRAME_BYTES / 2);
        [left, right].map(|bytes| bytes.try_into().map_or(0.0, f32::from_le_bytes))
    })
}

fn is_timeout(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(process: &'static std::ffi::CStr, role: Option<&'static std::ffi::CStr>) -> SinkInputInfo {
        let mut props = Props::new();
        props.set(Prop::ApplicationProcessId, process);
        if let Some(role) = role {
            props.set(Prop::MediaRole, role);
        }
        SinkInputInfo { client_index: Some(7), props, ..SinkInputInfo::default() }
    }

    #[test]
    fn only_other_programs_are_heard_and_each_once() {
        let ours = c"4711".to_owned();
        for (given, wanted) in [
            (input(c"42", None), true),
            (input(c"42", Some(c"music")), true),
            (input(c"42", Some(c"game")), true),
            (SinkInputInfo { client_index: Some(1), ..SinkInputInfo::default() }, true),
            (input(c"4711", None), false),
            (input(c"42", Some(c"event")), false),
            (input(c"42", Some(c"a11y")), false),
            // PulseAudio counts every program's streams among those of the module that speaks with programs.
            (SinkInputInfo { owner_module_index: Some(3), ..input(c"42", None) }, true),
            // What a module makes of another stream.
            (SinkInputInfo { client_index: None, ..input(c"42", None) }, false),
        ] {
            assert_eq!(is_wanted(&given, &ours), wanted, "{given:?}");
        }
        let mut filter = input(c"42", None);
        filter.props.set_bytes(c"node.link-group", b"loopback-1\0");
        assert!(!is_wanted(&filter, &ours));
    }

    #[test]
    fn samples_are_read_as_they_are_sent() {
        let bytes: Vec<u8> =
            [0.5f32, -0.25, 1.0, 0.0].iter().flat_map(|sample| sample.to_le_bytes()).collect();
        assert_eq!(samples(&bytes).collect::<Vec<_>>(), [[0.5, -0.25], [1.0, 0.0]]);
        assert_eq!(samples(&bytes[..11]).count(), 1, "half a sample is none");
    }
}
