//! A real microphone or speaker: the thread that owns its stream, and the ends of its ring.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{BufferSize, Device, ErrorKind, HostId, SampleFormat, StreamConfig, SupportedStreamConfigRange};
use rtrb::{Consumer, Producer, RingBuffer};
use tincan_media::audio::SAMPLE_RATE;
use tincan_media::{DeviceError, MediaClock};

use super::callback::{self, Shared};
use super::host::{self, Quiet};
use super::{OpenMicrophone, OpenSpeaker, input::DeviceInput, output::DeviceOutput};
use crate::selector::DeviceKind;

/// A driver that has not opened a device after this long hangs.
const OPEN_LIMIT: Duration = Duration::from_secs(5);
/// A driver that has not closed a device after this long hangs; its thread is left behind.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);
/// How soon the owning thread notices that a device is gone and closes it.
const LOST_POLL: Duration = Duration::from_millis(100);
/// Errors that wait for the log.
const LOGGED_ERRORS: usize = 4;
/// One second: whoever is later than that has stopped.
const RING_SECONDS: u32 = 1;
/// What a microphone has whose driver does not say.
const USUAL_CHANNELS: u16 = 2;
/// Large sound cards have dozens; a voice is on one of the first.
const MAX_CHANNELS: u16 = 32;

/// Frames that a device hands over at once; cpal lets two such pieces wait in the device.
///
/// A sound server works in blocks of about 20 ms itself (PipeWire: 1024 frames): asked for less it plays gaps as soon as
/// the machine is busy. ALSA's plug-in to such a server keeps half a core busy at 10 ms and 1% at 40 ms. Drivers that
/// are reached directly take 10 ms.
fn period(host: HostId, rate: u32) -> u32 {
    match host {
        #[cfg(target_os = "linux")]
        HostId::PulseAudio => rate / 50,
        #[cfg(target_os = "linux")]
        HostId::Alsa => rate / 25,
        #[cfg(not(target_os = "linux"))]
        _ => rate / 100,
    }
}

/// Owns a stream; dropping it closes the device.
pub(super) struct StreamThread {
    stop: Option<mpsc::Sender<()>>,
    closed: mpsc::Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for StreamThread {
    fn drop(&mut self) {
        self.stop.take();
        let in_time = !matches!(self.closed.recv_timeout(CLOSE_LIMIT), Err(RecvTimeoutError::Timeout));
        match self.thread.take() {
            Some(thread) if in_time => {
                if thread.join().is_err() {
                    tracing::error!("a sound device's thread panicked");
                }
            }
            _ => tracing::error!("a sound device does not close; its thread is left behind"),
        }
    }
}

/// A device whose stream runs, and our end of its ring.
struct Opened<End> {
    name: String,
    id: String,
    layout: Layout,
    end: End,
}

/// How sound lies in a ring.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    /// Frames a second.
    pub(super) rate: u32,
    /// Samples in a frame: those of a microphone; a speaker's ring has two.
    pub(super) channels: usize,
}

pub(super) fn open_microphone(id: Option<&str>, clock: MediaClock) -> Result<OpenMicrophone, DeviceError> {
    let shared = Arc::new(Shared::default());
    let (opened, thread) = spawn("microphone", id, &shared, capture_stream)?;
    let input = DeviceInput::new(opened.name.clone(), opened.layout, opened.end, shared, clock, thread)?;
    Ok(OpenMicrophone { name: opened.name, id: opened.id, in_place: None, input: Box::new(input) })
}

pub(super) fn open_speaker(id: Option<&str>, _clock: MediaClock) -> Result<OpenSpeaker, DeviceError> {
    let shared = Arc::new(Shared::default());
    let (opened, thread) = spawn("speaker", id, &shared, playback_stream)?;
    let output = DeviceOutput::new(opened.name.clone(), opened.layout.rate, opened.end, shared, thread)?;
    Ok(OpenSpeaker { name: opened.name, id: opened.id, in_place: None, output: Box::new(output) })
}

type Build<End> = fn(&Device, &ErrorSink, &str) -> Result<(cpal::Stream, Layout, End), DeviceError>;

/// What a stream's error callback needs; each attempt to build a stream gets its own way to report.
struct ErrorSink {
    shared: Arc<Shared>,
    /// The last attempt's errors, for the log.
    errors: RefCell<Option<Consumer<cpal::Error>>>,
}

impl ErrorSink {
    fn callback(&self) -> impl FnMut(cpal::Error) + Send + 'static {
        let (mut producer, consumer) = RingBuffer::new(LOGGED_ERRORS);
        self.errors.replace(Some(consumer));
        let shared = Arc::clone(&self.shared);
        move |error| {
            fail(&shared, &error);
            // A device that dies says the same a thousand times; the first few are enough.
            let _ = producer.push(error);
        }
    }
}

/// Opens a device on a thread that then owns it.
fn spawn<End: Send + 'static>(
    what: &'static str,
    id: Option<&str>,
    shared: &Arc<Shared>,
    build: Build<End>,
) -> Result<(Opened<End>, StreamThread), DeviceError> {
    let wanted = id.map(str::to_owned);
    let called = match id {
        Some(id) => format!("The {what} {id}"),
        None => format!("A {what}"),
    };
    let system = |detail: String| DeviceError::System { device: called.clone(), detail };
    let (report, reported) = mpsc::channel();
    let (stop, stopped) = mpsc::channel::<()>();
    let (closing, closed) = mpsc::channel();
    let (shared, fallback) = (Arc::clone(shared), called.clone());
    let run = move || {
        let _quiet = Quiet::new();
        let opened = open(what, wanted.as_deref(), &shared, &fallback, build);
        match opened {
            Ok((stream, opened, errors)) => {
                if report.send(Ok(opened)).is_ok() {
                    own(stream, what, &shared, errors, &stopped);
                }
            }
            Err(error) => {
                // Nobody waits any more: they were told that it hangs.
                let _ = report.send(Err(error));
            }
        }
        let _ = closing.send(());
    };
    let thread = std::thread::Builder::new()
        .name(what.into())
        .spawn(run)
        .map_err(|error| system(error.to_string()))?;
    match reported.recv_timeout(OPEN_LIMIT) {
        Ok(Ok(opened)) => Ok((opened, StreamThread { stop: Some(stop), closed, thread: Some(thread) })),
        Ok(Err(error)) => {
            // It has reported, so it ends.
            let _ = thread.join();
            Err(error)
        }
        Err(_) => Err(system("it does not answer".into())),
    }
}

/// A stream that runs, our end of it, and where its errors come out.
type Running<End> = (cpal::Stream, Opened<End>, Option<Consumer<cpal::Error>>);

fn open<End>(
    what: &str,
    id: Option<&str>,
    shared: &Arc<Shared>,
    fallback: &str,
    build: Build<End>,
) -> Result<Running<End>, DeviceError> {
    let kind = if what == "speaker" { DeviceKind::Speaker } else { DeviceKind::Microphone };
    let not_found = || DeviceError::NotFound { device: fallback.to_owned() };
    let device = host::find(kind, id).ok_or_else(not_found)?;
    let name = host::name_of(&device);
    let known_as = if id.is_none() && name == "System default" { fallback } else { name.as_str() };
    let sink = ErrorSink { shared: Arc::clone(shared), errors: RefCell::new(None) };
    let (stream, layout, end) = build(&device, &sink, known_as)?;
    stream.play().map_err(|error| explain(known_as, &error))?;
    let id = host::id_of(&device).ok_or_else(not_found)?;
    tracing::debug!(what, ?layout, period = ?stream.buffer_size().ok(), "sound device opened");
    Ok((stream, Opened { name, id, layout, end }, sink.errors.into_inner()))
}

/// Holds the stream until it is told to stop or the device is gone, and drops it here and not in a callback.
fn own(
    stream: cpal::Stream,
    what: &str,
    shared: &Shared,
    mut errors: Option<Consumer<cpal::Error>>,
    stopped: &mpsc::Receiver<()>,
) {
    let mut log = || {
        while let Some(error) = errors.as_mut().and_then(|errors| errors.pop().ok()) {
            tracing::warn!(what, kind = ?error.kind(), %error, "a sound device reports");
        }
    };
    let mut raised = false;
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(LOST_POLL) {
        log();
        raised = raised || raise(shared);
        if shared.lost.load(Ordering::Relaxed) {
            break;
        }
    }
    log();
    drop(stream);
}

/// Raises the priority of the thread that calls back, once it has; on other systems than Linux cpal does.
fn raise(shared: &Shared) -> bool {
    match shared.thread.load(Ordering::Relaxed) {
        0 => false,
        #[cfg(target_os = "linux")]
        thread => {
            crate::priority::linux::raise(thread);
            true
        }
        #[cfg(not(target_os = "linux"))]
        _ => true,
    }
}

fn capture_stream(
    device: &Device,
    sink: &ErrorSink,
    name: &str,
) -> Result<(cpal::Stream, Layout, Consumer<f32>), DeviceError> {
    let offered = device.supported_input_configs().map(Iterator::collect).unwrap_or_default();
    // As many channels as it has: systems that make one of them add them up.
    let channels = device.default_input_config().map_or(USUAL_CHANNELS, |config| config.channels());
    let (config, format) = match choose(offered, channels.min(MAX_CHANNELS)) {
        Some(choice) => choice,
        None => {
            let default = device.default_input_config().map_err(|error| explain(name, &error))?;
            (default.config(), default.sample_format())
        }
    };
    let build = |config: StreamConfig| {
        let channels = usize::from(config.channels.max(1));
        let frames = (config.sample_rate * RING_SECONDS) as usize;
        let (mut producer, consumer) = RingBuffer::new(frames * channels);
        let shared = Arc::clone(&sink.shared);
        let data = move |data: &cpal::Data, info: &cpal::InputCallbackInfo| {
            let at = info.timestamp();
            let latency = at.callback.checked_duration_since(at.capture);
            shared.note_thread();
            callback::capture(data, channels, latency, &mut producer, &shared);
        };
        let stream =
            device.build_input_stream_raw(config, format, data, sink.callback(), Some(OPEN_LIMIT))?;
        Ok((stream, Layout { rate: config.sample_rate, channels }, consumer))
    };
    with_period(device, config, build).map_err(|error| explain(name, &error))
}

fn playback_stream(
    device: &Device,
    sink: &ErrorSink,
    name: &str,
) -> Result<(cpal::Stream, Layout, Producer<f32>), DeviceError> {
    let offered = device.supported_output_configs().map(Iterator::collect).unwrap_or_default();
    let (config, format) = match choose(offered, 2) {
        Some(choice) => choice,
        None => {
            let default = device.default_output_config().map_err(|error| explain(name, &error))?;
            (default.config(), default.sample_format())
        }
    };
    let build = |config: StreamConfig| {
        let frames = (config.sample_rate * RING_SECONDS) as usize;
        let (producer, mut consumer) = RingBuffer::new(frames * callback::PLAYED);
        let shared = Arc::clone(&sink.shared);
        let channels = usize::from(config.channels);
        let data = move |data: &mut cpal::Data, info: &cpal::OutputCallbackInfo| {
            let at = info.timestamp();
            let latency = at.playback.checked_duration_since(at.callback);
            shared.note_thread();
            callback::playback(data, channels, latency, &mut consumer, &shared);
        };
        let stream =
            device.build_output_stream_raw(config, format, data, sink.callback(), Some(OPEN_LIMIT))?;
        Ok((stream, Layout { rate: config.sample_rate, channels: callback::PLAYED }, producer))
    };
    with_period(device, config, build).map_err(|error| explain(name, &error))
}

/// Tries our own period first, then whatever the device likes.
fn with_period<T>(
    device: &Device,
    config: StreamConfig,
    build: impl Fn(StreamConfig) -> Result<T, cpal::Error>,
) -> Result<T, cpal::Error> {
    let host = device.id()?.host();
    let fixed = BufferSize::Fixed(period(host, config.sample_rate));
    match build(StreamConfig { buffer_size: fixed, ..config }) {
        Err(error) if matches!(error.kind(), ErrorKind::UnsupportedConfig | ErrorKind::InvalidInput) => {
            build(StreamConfig { buffer_size: BufferSize::Default, ..config })
        }
        other => other,
    }
}

/// The error callback: runs on the device's thread, perhaps thousands of times a second.
fn fail(shared: &Shared, error: &cpal::Error) {
    match error.kind() {
        ErrorKind::Xrun | ErrorKind::RealtimeDenied | ErrorKind::DeviceChanged => {}
        ErrorKind::DeviceNotAvailable
        | ErrorKind::StreamInvalidated
        | ErrorKind::HostUnavailable
        | ErrorKind::PermissionDenied => shared.lost.store(true, Ordering::Relaxed),
        // May pass, as after a stop of the whole machine: only lasting ones lose the device.
        _ => {
            shared.errors.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The best of what a device offers: 48 kHz if possible, then a good sample format, then few channels.
fn choose(offered: Vec<SupportedStreamConfigRange>, channels: u16) -> Option<(StreamConfig, SampleFormat)> {
    let rate = |range: &SupportedStreamConfigRange| {
        SAMPLE_RATE.clamp(range.min_sample_rate(), range.max_sample_rate())
    };
    let worth = |range: &SupportedStreamConfigRange| {
        let format = match range.sample_format() {
            SampleFormat::F32 => 3,
            SampleFormat::I32 | SampleFormat::I24 | SampleFormat::F64 => 2,
            SampleFormat::I16 => 1,
            _ => 0,
        };
        // The rate comes closest to ours; resampling costs little, but eight bits or a telephone's rate cost sound.
        let distance = rate(range).abs_diff(SAMPLE_RATE);
        (std::cmp::Reverse(distance), format, std::cmp::Reverse(range.channels().abs_diff(channels)))
    };
    let best = offered
        .into_iter()
        .filter(|range| callback::understands(range.sample_format()) && range.channels() > 0)
        .max_by_key(worth)?;
    let config = StreamConfig {
        channels: best.channels(),
        sample_rate: rate(&best),
        buffer_size: BufferSize::Default,
    };
    Some((config, best.sample_format()))
}

/// What an error while opening means to a person.
fn explain(name: &str, error: &cpal::Error) -> DeviceError {
    let device = name.to_owned();
    match error.kind() {
        ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable => DeviceError::NotFound { device },
        ErrorKind::DeviceBusy => DeviceError::Busy { device },
        ErrorKind::PermissionDenied => DeviceError::PermissionDenied { device },
        ErrorKind::UnsupportedConfig | ErrorKind::UnsupportedOperation => {
            DeviceError::Unsupported { device, detail: error.to_string() }
        }
        _ => DeviceError::System { device, detail: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cpal::SupportedBufferSize;

    fn range(channels: u16, min: u32, max: u32, format: SampleFormat) -> SupportedStreamConfigRange {
        SupportedStreamConfigRange::new(channels, min, max, SupportedBufferSize::Unknown, format)
    }

    #[test]
    fn our_rate_comes_first_then_the_format_then_the_channels() {
        let (config, format) = choose(
            vec![
                range(2, 44_100, 44_100, SampleFormat::F32),
                range(2, 8_000, 192_000, SampleFormat::U8),
                range(2, 8_000, 192_000, SampleFormat::I16),
                range(1, 8_000, 192_000, SampleFormat::I16),
                range(1, 48_000, 48_000, SampleFormat::DsdU8),
            ],
            1,
        )
        .unwrap();
        assert_eq!((config.sample_rate, config.channels, format), (48_000, 1, SampleFormat::I16));
    }

    #[test]
    fn a_device_without_our_rate_gives_its_closest() {
        let offered =
            vec![range(2, 8_000, 16_000, SampleFormat::F32), range(2, 44_100, 44_100, SampleFormat::I16)];
        assert_eq!(choose(offered, 2).unwrap().0.sample_rate, 44_100);
        assert!(choose(Vec::new(), 2).is_none());
    }

    #[test]
    fn errors_lose_the_device_only_when_they_last() {
        let shared = Shared::default();
        for _ in 0..1_000 {
            fail(&shared, &cpal::Error::new(ErrorKind::BackendError));
            fail(&shared, &cpal::Error::new(ErrorKind::Xrun));
        }
        assert!(!shared.is_lost(Duration::from_millis(250)));
        assert!(shared.is_lost(Duration::from_secs(2)));
        assert!(shared.lost.load(Ordering::Relaxed), "and its owner closes it");

        let silent = Shared::default();
        assert!(!silent.is_lost(Duration::from_secs(2)), "silence alone is no error");
        fail(&silent, &cpal::Error::new(ErrorKind::DeviceNotAvailable));
        assert!(silent.is_lost(Duration::ZERO));
    }

    #[test]
    fn a_missing_device_is_reported_quickly_and_by_name() {
        let begun = std::time::Instant::now();
        let clock = MediaClock::new(begun);
        let error = open_microphone(Some("pulseaudio:no such microphone"), clock).err().unwrap();
        assert_eq!(error.code(), "device_not_found");
        assert!(error.to_string().starts_with("The microphone pulseaudio:no such microphone was not found."));
        assert!(begun.elapsed() < OPEN_LIMIT);
    }
}
