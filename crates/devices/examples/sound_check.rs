//! Lists the sound devices; with `measure`, plays clicks on the default speaker and looks for them in the default
//! microphone: the way out and back, the gaps and the cost.
//!
//! `cargo run -p tincan-devices --example sound_check [-- measure]`

use std::time::{Duration, Instant};

use tincan_devices::audio::{list_microphones, list_speakers, open_microphone, open_speaker};
use tincan_devices::{MicrophoneSelector, SpeakerSelector};
use tincan_media::audio::StereoFrame;
use tincan_media::{MediaClock, MediaTime};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let begun = Instant::now();
    for (kind, list) in [("microphone", list_microphones()), ("speaker", list_speakers())] {
        for device in list {
            println!(
                "{kind}: {}{} = {}",
                device.name,
                if device.default { " (default)" } else { "" },
                device.id
            );
        }
    }
    println!("listed in {:?}", begun.elapsed());
    if std::env::args().any(|argument| argument == "measure") { measure() } else { Ok(()) }
}

/// One click a second for ten seconds.
fn measure() -> Result<(), Failure> {
    let clock = MediaClock::new(Instant::now());
    let begun = Instant::now();
    let mut speaker = open_speaker(&SpeakerSelector::Default, clock)?;
    let mut microphone = open_microphone(&MicrophoneSelector::Default, clock)?;
    println!("opened {} and {} in {:?}", speaker.name, microphone.name, begun.elapsed());
    let (mut written, mut read, mut clicked) = (0u64, 0u64, None::<Instant>);
    let (mut steps, mut last) = (0u64, None::<MediaTime>);
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(11) {
        while let Some(frame) = microphone.input.read()? {
            read += 1;
            steps += u64::from(last.is_some_and(|last| (frame.time - Duration::from_millis(10)) != last));
            last = Some(frame.time);
            if let (Some(at), true) = (clicked, frame.peak() > 0.2) {
                let stamp = frame.time.saturating_since(clock.at(at));
                println!(
                    "click: {:?} until it was read, {stamp:?} by its frame's stamp, speaker's latency {:?}",
                    at.elapsed(),
                    speaker.output.latency()
                );
                clicked = None;
            }
        }
        for _ in 0..speaker.output.wanted()? {
            let mut frame = StereoFrame::silence(clock.at(Instant::now()));
            if written % 100 == 99 {
                frame.samples[..100].fill([0.8; 2]);
                clicked = Some(Instant::now());
            }
            speaker.output.write(&frame);
            written += 1;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    println!("{written} frames written, {read} read in {:?}; {steps} irregular stamps", start.elapsed());
    Ok(())
}
