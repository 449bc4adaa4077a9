use std::sync::Mutex;

use tincan_media::DeviceError;
use tincan_media::audio::StereoFrame;

use super::*;

fn run(hints: &mut Hints, from: Instant, millis: u64, silent: bool, voice: bool, on: bool) -> Vec<Hint> {
    (0..millis / 10)
        .filter_map(|n| hints.update(from + Duration::from_millis(n * 10), silent, voice, on))
        .collect()
}

#[test]
fn speaking_while_muted_is_told_once() {
    let (mut hints, now) = (Hints::default(), Instant::now());
    assert_eq!(run(&mut hints, now, 5_000, false, true, false), [Hint::SpeakingWhileMuted]);
}

#[test]
fn a_cough_while_muted_is_not_told() {
    let (mut hints, now) = (Hints::default(), Instant::now());
    assert_eq!(run(&mut hints, now, 300, false, true, false), []);
    assert_eq!(run(&mut hints, now + Duration::from_millis(300), 600, false, false, false), []);
}

#[test]
fn a_microphone_that_delivers_zeros_is_told_when_it_is_on() {
    let (mut hints, now) = (Hints::default(), Instant::now());
    assert_eq!(run(&mut hints, now, 8_000, true, false, false), []);
    assert_eq!(
        run(&mut hints, now + Duration::from_secs(8), 8_000, true, false, true),
        [Hint::MicrophoneSilent]
    );
}

/// Waits at most so long for what must come at once; a thread that was held up is told from one that is busy.
const LIMIT: Duration = Duration::from_secs(5);

/// A device whose closing takes until the test says so.
struct Hanging {
    released: Arc<Mutex<Receiver<()>>>,
    closing: SyncSender<&'static str>,
    name: &'static str,
    lost: bool,
}

impl Drop for Hanging {
    fn drop(&mut self) {
        let _ = self.closing.send(self.name);
        let _ = self.released.lock().unwrap().recv_timeout(4 * LIMIT);
    }
}

impl AudioInput for Hanging {
    fn read(&mut self) -> Result<Option<AudioFrame>, DeviceError> {
        if self.lost { Err(DeviceError::Lost { device: self.name.into() }) } else { Ok(None) }
    }
}

impl AudioOutput for Hanging {
    fn wanted(&mut self) -> Result<usize, DeviceError> {
        if self.lost { Err(DeviceError::Lost { device: self.name.into() }) } else { Ok(0) }
    }

    fn write(&mut self, _: &StereoFrame) {}

    fn latency(&self) -> Duration {
        Duration::ZERO
    }
}

/// A speaker that tells of every frame.
struct Heard(SyncSender<()>);

impl AudioOutput for Heard {
    fn wanted(&mut self) -> Result<usize, DeviceError> {
        Ok(1)
    }

    fn write(&mut self, _: &StereoFrame) {
        let _ = self.0.try_send(());
    }

    fn latency(&self) -> Duration {
        Duration::ZERO
    }
}

#[test]
fn sound_goes_on_while_devices_that_were_lost_or_replaced_hang_in_closing() {
    let (events, mut told) = mpsc::channel(16);
    let thread = AudioThread::start(MediaClock::new(Instant::now()), events);
    let (release, released) = sync_channel(8);
    let released = Arc::new(Mutex::new(released));
    let (closing, closed) = sync_channel(8);
    let hanging = |name, lost| Hanging { released: released.clone(), closing: closing.clone(), name, lost };
    let (heard, hears) = sync_channel(1);
    let commands = thread.handle();
    commands.send(AudioCommand::Input(Some(Box::new(hanging("replaced", false)))));
    commands.send(AudioCommand::Output(Box::new(hanging("speaker", false))));
    commands.send(AudioCommand::Output(Box::new(Heard(heard))));
    commands.send(AudioCommand::Input(Some(Box::new(hanging("lost", true)))));
    assert_eq!(closed.recv_timeout(LIMIT), Ok("speaker"));
    // Nothing is closed yet, and the speaker is fed on and on.
    for _ in 0..20 {
        assert_eq!(hears.recv_timeout(LIMIT), Ok(()));
    }
    let lost = std::iter::from_fn(|| told.blocking_recv())
        .any(|event| matches!(event, MediaEvent::MicrophoneLost(DeviceError::Lost { .. })));
    assert!(lost);
    assert!(closed.try_recv().is_err(), "one is closed after the other");
    (0..3).for_each(|_| release.send(()).unwrap());
    let others = [closed.recv_timeout(LIMIT), closed.recv_timeout(LIMIT)];
    assert_eq!(others, [Ok("replaced"), Ok("lost")]);
}
