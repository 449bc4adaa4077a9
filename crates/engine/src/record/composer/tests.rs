//! Made streams over a made path, judged by where each sample lies in the file.

use std::collections::BTreeMap;
use std::ops::Range;

use proptest::prelude::*;

use super::super::film::{Disk, Film};
use super::*;

/// Deterministic noise from 0 to 1 (xorshift).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Somebody who sends, and the path from them. Times in seconds.
#[derive(Clone)]
pub(super) struct Sender {
    seconds: f64,
    /// By how much their sound card is fast.
    ppm: f64,
    /// Their wall clock when they begin.
    wall: f64,
    /// The length of their packets.
    samples: u64,
    muted: Range<f64>,
    camera: Range<f64>,
    /// What everything needs, and what is added at random.
    way: f64,
    jitter: f64,
    /// What a picture needs beyond it, and the first keyframe.
    picture_way: f64,
    first_keyframe: f64,
    /// The share of packets that need 60 ms more, and that are lost.
    overtaken: f64,
    lost: f64,
    /// When the first reports come, and how far they are apart.
    first_report: f64,
    reports: f64,
    seed: u64,
}

impl Default for Sender {
    fn default() -> Self {
        Self {
            seconds: 10.0,
            ppm: 0.0,
            wall: 3_900_000_000.0,
            samples: 960,
            muted: 0.0..0.0,
            camera: 0.0..f64::MAX,
            way: 0.030,
            jitter: 0.002,
            picture_way: 0.005,
            first_keyframe: 0.020,
            overtaken: 0.0,
            lost: 0.0,
            first_report: 0.0,
            reports: 1.0,
            seed: 7,
        }
    }
}

/// One thing that arrives.
pub(super) struct Arrival {
    pub(super) at: f64,
    pub(super) media: Media,
}

/// A number that holds neither a zero nor a start code.
pub(super) fn name(number: u64) -> [u8; 4] {
    [21, 14, 7, 0].map(|shift| (number >> shift & 0x7f) as u8 + 1)
}

pub(super) fn number(name: &[u8]) -> u64 {
    name[name.len() - 4..].iter().fold(0, |number, byte| number << 7 | u64::from(byte - 1))
}

/// A packet of that many samples, with its number in it.
fn packet(samples: u64, number: u64) -> Bytes {
    let toc: &[u8] = match samples {
        120 => &[0xe0],
        240 => &[0xe8],
        480 => &[0xf0],
        960 => &[0xf8],
        1_920 => &[0x10],
        2_880 => &[0x18],
        5_760 => &[0xfb, 6],
        _ => panic!("no packet is {samples} samples long"),
    };
    [toc, &name(number)].concat().into()
}

impl Sender {
    pub(super) fn lasting(seconds: f64) -> Self {
        Self { seconds, ..Self::default() }
    }

    /// Everything that arrives, in order of arrival.
    pub(super) fn send(&self) -> Vec<Arrival> {
        let mut noise = Noise(self.seed);
        let mut arrivals = Vec::new();
        let card = 48_000.0 * (1.0 + self.ppm * 1e-6);
        let audio_rtp = |at: f64| 4_294_900_000u32.wrapping_add((at * card).round() as u64 as u32);
        let video_rtp = |at: f64| 4_294_000_000u32.wrapping_add((at * 90_000.0).round() as u64 as u32);
        let ntp = |at: f64| ((self.wall + at) * 4_294_967_296.0) as u64;
        let length = self.samples as f64 / card;
        let mut sequence = 65_500u16;
        for n in 0.. {
            let captured = n as f64 * length;
            if captured >= self.seconds {
                break;
            }
            if self.muted.contains(&captured) {
                continue;
            }
            sequence = sequence.wrapping_add(1);
            let late = if noise.next() < self.overtaken { 0.060 } else { 0.0 };
            let at = captured + length + self.way + late + self.jitter * noise.next();
            let rtp = audio_rtp(0.0).wrapping_add((n as u64 * self.samples) as u32);
            if noise.next() >= self.lost {
                let media = Media::Sound(Sound { sequence, rtp, payload: packet(self.samples, n as u64) });
                arrivals.push(Arrival { at, media });
            }
        }
        let mut before = 0.0f64;
        for n in 0..(self.seconds * 25.0) as u64 {
            let captured = n as f64 / 25.0 + 0.013;
            if !self.camera.contains(&captured) {
                continue;
            }
            let first = before == 0.0;
            let extra = if first { self.first_keyframe } else { self.picture_way };
            // Pictures keep their order: they were assembled.
            before = before.max(captured + self.way + extra + self.jitter * noise.next());
            let data = [&[0, 0, 0, 1, if first { 0x65 } else { 0x41 }][..], &name(n)].concat();
            let sets = [0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1e, 0xd9, 0, 0, 0, 1, 0x68, 0xce, 0x3c];
            let data = if first { [&sets[..], &data].concat() } else { data };
            let picture = Picture {
                rtp: video_rtp(captured),
                data: data.into(),
                keyframe: first,
                size: Resolution::new(320, 180),
            };
            arrivals.push(Arrival { at: before, media: Media::Picture(picture) });
        }
        let mut at = self.first_report;
        while at < self.seconds {
            for (source, rtp) in
                [(protocol::Source::Microphone, audio_rtp(at)), (protocol::Source::Camera, video_rtp(at))]
            {
                let media = Media::Report { source, ntp: ntp(at), rtp };
                arrivals.push(Arrival { at: at + self.way + self.jitter * noise.next(), media });
            }
            at += self.reports;
        }
        arrivals.sort_by(|a, b| a.at.total_cmp(&b.at));
        arrivals
    }

    /// When the sound or picture of this number was captured.
    fn sound_captured(&self, number: u64) -> f64 {
        number as f64 * self.samples as f64 / (48_000.0 * (1.0 + self.ppm * 1e-6))
    }
}

fn picture_captured(number: u64) -> f64 {
    number as f64 / 25.0 + 0.013
}

/// Records one sender after another; each begins at its time.
fn record(senders: &[(f64, &Sender)]) -> (Film, Summary) {
    let mut bytes = Vec::new();
    let mut composer = Composer::new(Mp4File::new(Disk::new(&mut bytes), super::super::filler()));
    for (source, (begin, sender)) in senders.iter().enumerate() {
        for Arrival { at, media } in sender.send() {
            let arrived = MediaTime::from_micros(((5.0 + begin + at) * 1e6) as u64);
            composer.handle(Source(source as u32), media, arrived).unwrap();
        }
    }
    let summary = composer.finish().unwrap();
    (Film::read(&bytes), summary)
}

/// The sounds that came from the sender, by number: where they lie in the file.
fn sounds(film: &Film) -> BTreeMap<u64, f64> {
    let sent =
        film.sounds.iter().filter(|sample| sample.data.len() >= 5 && !sample.data.ends_with(&[0xff, 0xfe]));
    sent.map(|sample| (number(&sample.data), sample.at.seconds())).collect()
}

fn pictures(film: &Film) -> BTreeMap<u64, f64> {
    // The filler's name is none of ours; the first picture is there from the beginning.
    let sent = film.pictures.iter().skip(1).filter(|sample| sample.data.len() < 60);
    sent.map(|sample| (number(&sample.data), sample.at.seconds())).collect()
}

/// By how much each picture lies behind the sound that was captured with it, in milliseconds.
fn apart(film: &Film, sender: &Sender) -> Vec<f64> {
    let sounds: Vec<_> = sounds(film).into_iter().map(|(n, at)| (sender.sound_captured(n), at)).collect();
    let shift = |captured: f64| {
        let next = sounds.partition_point(|(sound, _)| *sound < captured).min(sounds.len() - 1);
        sounds[next].1 - sounds[next].0
    };
    let pictures = pictures(film).into_iter();
    pictures.map(|(n, at)| (at - picture_captured(n) - shift(picture_captured(n))) * 1e3).collect()
}

fn worst(apart: &[f64]) -> f64 {
    assert!(!apart.is_empty());
    apart.iter().map(|apart| apart.abs()).fold(0.0, f64::max)
}

/// Whether sounds lie end to end, without a gap and without one upon the other.
pub(super) fn is_seamless(film: &Film) -> bool {
    film.sounds.windows(2).all(|pair| pair[0].at + SampleTime(pair[0].length) == pair[1].at)
}

#[test]
fn pictures_lie_with_their_sound_however_late_they_come() {
    let clean = Sender::default();
    let narrow = Sender { first_keyframe: 1.1, picture_way: 0.250, jitter: 0.060, ..clean.clone() };
    let early = Sender { way: 0.2, picture_way: -0.150, ..clean.clone() };
    for sender in [clean, narrow, early] {
        let (film, _) = record(&[(0.0, &sender)]);
        let apart = apart(&film, &sender);
        assert!(apart.len() > 240 && worst(&apart) < 1.0, "{} ms", worst(&apart));
    }
}

#[test]
fn without_reports_the_fastest_of_both_are_taken_for_equally_fast() {
    let sender = Sender { first_report: 99.0, first_keyframe: 0.8, jitter: 0.040, ..Sender::default() };
    let (film, _) = record(&[(0.0, &sender)]);
    let apart = apart(&film, &sender);
    // A packet is as old as it is long before it leaves.
    assert!(worst(&apart) < 45.0, "{} ms", worst(&apart));
}

#[test]
fn reports_that_come_late_move_pictures_and_never_sound() {
    let sender = Sender { first_report: 4.0, picture_way: 0.3, first_keyframe: 0.3, ..Sender::default() };
    let (film, _) = record(&[(0.0, &sender)]);
    assert!(is_seamless(&film));
    let apart = apart(&film, &sender);
    assert!(worst(&apart[150..]) < 1.0, "{} ms", worst(&apart[150..]));
}

#[test]
fn an_hour_of_drift_tears_nothing_apart() {
    for ppm in [-100.0, 100.0] {
        let sender = Sender { seconds: 3_600.0, ppm, ..Sender::default() };
        let (film, summary) = record(&[(0.0, &sender)]);
        let apart = apart(&film, &sender);
        assert!(worst(&apart) < 2.0, "{ppm} ppm: {} ms", worst(&apart));
        // Every packet is there, and nothing else.
        assert!(is_seamless(&film));
        assert_eq!(film.sounds.len() as u64, summary.packets);
        assert!((3_599.0..3_601.0).contains(&summary.duration.as_secs_f64()), "{summary:?}");
    }
}

#[test]
fn what_was_overtaken_is_put_in_order() {
    let sender = Sender { overtaken: 0.2, jitter: 0.030, ..Sender::default() };
    let (film, summary) = record(&[(0.0, &sender)]);
    let numbers: Vec<u64> = film.sounds.iter().map(|sample| number(&sample.data)).collect();
    assert_eq!(numbers, (0..500).collect::<Vec<_>>());
    assert_eq!(summary.packets, 500);
}

#[test]
fn every_length_of_packets_is_written_as_it_is() {
    for samples in [120, 240, 480, 960, 1_920, 2_880, 5_760] {
        let sender = Sender { samples, overtaken: 0.1, ..Sender::default() };
        let (film, _) = record(&[(0.0, &sender)]);
        assert!(is_seamless(&film), "{samples}");
        assert!(film.sounds.iter().all(|sample| sample.length == samples), "{samples}");
        assert_eq!(film.sounds.len() as u64, (480_000u64).div_ceil(samples));
    }
}

#[test]
fn what_is_lost_leaves_a_gap_of_its_own_length() {
    for samples in [240, 960, 2_880, 5_760] {
        let sender = Sender { samples, lost: 0.2, overtaken: 0.2, seconds: 30.0, ..Sender::default() };
        let (film, _) = record(&[(0.0, &sender)]);
        assert!(is_seamless(&film));
        let sounds = sounds(&film);
        let shift = |(n, at): (&u64, &f64)| at - sender.sound_captured(*n);
        let first = shift(sounds.first_key_value().unwrap());
        assert!(sounds.iter().all(|sound| (shift(sound) - first).abs() < 1e-6), "{samples}");
        assert!(worst(&apart(&film, &sender)) < 2.0);
    }
}

#[test]
fn ten_minutes_of_a_muted_microphone_and_of_a_camera_that_is_off_keep_their_place() {
    let sender = Sender { seconds: 900.0, ppm: 100.0, muted: 100.0..700.0, ..Sender::default() };
    let dark = Sender { muted: 0.0..0.0, camera: 0.5..100.0, ..sender.clone() };
    for sender in [sender, dark] {
        let (film, summary) = record(&[(0.0, &sender)]);
        assert!(is_seamless(&film));
        assert!((899.0..901.0).contains(&summary.duration.as_secs_f64()), "{summary:?}");
        assert!(worst(&apart(&film, &sender)) < 65.0, "{}", worst(&apart(&film, &sender)));
    }
}

#[test]
fn silence_is_written_while_the_microphone_is_muted() {
    let sender = Sender { seconds: 60.0, muted: 5.0..99.0, ..Sender::default() };
    let mut bytes = Vec::new();
    let mut composer = Composer::new(Mp4File::new(Disk::new(&mut bytes), None));
    for Arrival { at, media } in sender.send() {
        composer.handle(Source(0), media, MediaTime::from_micros((at * 1e6) as u64)).unwrap();
    }
    // Nothing ends it: what is in the file is what a crash leaves.
    drop(composer);
    let film = Film::read(&bytes);
    assert!(!film.ended);
    assert!(film.sounds.last().unwrap().at.seconds() > 54.0 && film.pictures.len() > 1_400);
}

/// Everything that arrives while the camera is off between these two seconds, and is told to be so that much too early
/// or late.
fn with_the_camera_off(off: Range<f64>, told_late: f64) -> Vec<Arrival> {
    let before = Sender { seconds: 30.0, camera: 0.0..off.start, ..Sender::default() };
    // The first picture after the pause is a keyframe.
    let after = Sender { camera: off.end..f64::MAX, ..before.clone() };
    let is_picture = |arrival: &Arrival| matches!(arrival.media, Media::Picture(_));
    let mut arrivals = before.send();
    arrivals.extend(after.send().into_iter().filter(is_picture));
    for (at, on) in [(off.start, false), (off.end, true)] {
        arrivals.push(Arrival { at: at + before.way + told_late, media: Media::Camera { on } });
    }
    arrivals.sort_by(|a, b| a.at.total_cmp(&b.at));
    arrivals
}

pub(super) fn record_arrivals(arrivals: Vec<Arrival>) -> (Film, Summary) {
    let mut bytes = Vec::new();
    let mut composer = Composer::new(Mp4File::new(Disk::new(&mut bytes), super::super::filler()));
    for Arrival { at, media } in arrivals {
        composer.handle(Source(0), media, MediaTime::from_micros(((5.0 + at) * 1e6) as u64)).unwrap();
    }
    let summary = composer.finish().unwrap();
    (Film::read(&bytes), summary)
}

/// From when until when the film is black, in seconds.
pub(super) fn black(film: &Film) -> Vec<(f64, f64)> {
    let of_filler = |sample: &&super::super::film::Sample| sample.data.len() >= 60;
    let seconds = |sample: &super::super::film::Sample| {
        (sample.at.seconds(), (sample.at + SampleTime(sample.length)).seconds())
    };
    film.pictures.iter().filter(of_filler).map(seconds).collect()
}

#[test]
fn a_camera_that_is_off_is_black_whatever_comes_first_the_word_or_the_pictures() {
    for told_late in [-0.3, 0.0, 0.3] {
        let (film, summary) = record_arrivals(with_the_camera_off(10.0..20.0, told_late));
        let black = black(&film);
        assert_eq!(black.len(), 1, "told {told_late} s late: {black:?}");
        let (from, until) = black[0];
        assert!((9.95..10.1).contains(&from) && (19.95..20.1).contains(&until), "{black:?}");
        assert_eq!(summary.pictures, 500, "told {told_late} s late");
        assert!(is_seamless(&film));
    }
    // Until the end, and as a crash leaves it.
    let (film, _) = record_arrivals(with_the_camera_off(10.0..40.0, 0.0));
    assert_eq!(black(&film).len(), 1);
    assert!(black(&film)[0].1 > 29.9, "{:?}", black(&film));
}

#[test]
fn after_black_comes_a_keyframe() {
    let mut arrivals = with_the_camera_off(10.0..20.0, 0.0);
    for arrival in &mut arrivals {
        if let Media::Picture(picture) = &mut arrival.media {
            // The sender takes a second to give one.
            picture.keyframe &= arrival.at < 1.0 || arrival.at > 21.0;
            picture.keyframe |= (21.0..21.04).contains(&arrival.at);
        }
    }
    let (film, summary) = record_arrivals(arrivals);
    assert!((20.95..21.1).contains(&black(&film)[0].1), "{:?}", black(&film));
    assert!((474..477).contains(&summary.pictures), "{}", summary.pictures);
}

#[test]
fn a_camera_that_is_off_for_half_a_second_and_a_way_that_is_cut_are_not_black() {
    let (film, _) = record_arrivals(with_the_camera_off(10.0..10.5, 0.0));
    assert_eq!(black(&film), []);
    let mut arrivals = with_the_camera_off(10.0..15.0, 0.0);
    arrivals.retain(|arrival| !matches!(arrival.media, Media::Camera { .. }));
    let (film, _) = record_arrivals(arrivals);
    assert_eq!(black(&film), []);
}

#[test]
fn nobody_stands_there_between_one_who_left_and_one_who_comes() {
    let sender = Sender::default();
    let (film, _) = record(&[(0.0, &sender), (30.0, &sender)]);
    let black = black(&film);
    assert!(black.len() == 1 && black[0].0 < 10.2 && black[0].1 > 29.5, "{black:?}");
    // A connection that is made anew is no pause.
    let (film, _) = record(&[(0.0, &sender), (10.3, &sender)]);
    assert_eq!(self::black(&film), []);
}

/// A call in which the sender's sound clock jumps ahead at 5 s, though no time passes.
fn with_a_jump(by: f64) -> (Sender, Vec<Arrival>) {
    let sender = Sender { seconds: 20.0, jitter: 0.030, ..Sender::default() };
    let mut arrivals = sender.send();
    let ticks = (by * 48_000.0) as u32;
    for arrival in &mut arrivals {
        let sent_after = |seconds: f64| arrival.at > seconds + sender.way + 0.02;
        match &mut arrival.media {
            Media::Sound(sound) if number(&sound.payload) >= 250 => sound.rtp = sound.rtp.wrapping_add(ticks),
            Media::Report { source: protocol::Source::Microphone, rtp, .. } if sent_after(5.0) => {
                *rtp = rtp.wrapping_add(ticks);
            }
            _ => {}
        }
    }
    (sender, arrivals)
}

#[test]
fn a_sound_clock_that_jumps_makes_no_pause_of_it() {
    for by in [0.6, 1.0, 1.9, 2.5, 60.0] {
        let (sender, arrivals) = with_a_jump(by);
        let (film, summary) = record_arrivals(arrivals);
        assert!(is_seamless(&film));
        let length = summary.duration.as_secs_f64();
        assert!((19.9..20.2).contains(&length), "{by} s: the film is {length} s long");
        assert_eq!((summary.packets, summary.pictures), (1_000, 500));
        let apart = apart(&film, &sender);
        // Between the jump and the next report nothing says how the two belong together but their ways.
        assert!(worst(&apart) < 70.0, "{by} s: {} ms", worst(&apart));
        assert!(worst(&apart[160..]) < 2.0, "{by} s: {} ms", worst(&apart[160..]));
    }
}

#[test]
fn a_pause_is_a_pause_however_long_and_however_the_way_changes() {
    for (muted, lost) in [(5.0..5.3, 0.0), (5.0..5.7, 0.0), (5.0..6.5, 0.2), (5.0..15.0, 0.0)] {
        let sender = Sender { seconds: 20.0, muted, lost, jitter: 0.080, ..Sender::default() };
        let (film, _) = record(&[(0.0, &sender)]);
        let sounds = sounds(&film);
        let shift = |(n, at): (&u64, &f64)| at - sender.sound_captured(*n);
        let first = shift(sounds.first_key_value().unwrap());
        assert!(sounds.iter().all(|sound| (shift(sound) - first).abs() < 1e-6), "{:?}", sender.muted);
    }
}

#[test]
fn a_microphone_or_a_camera_alone_makes_a_film() {
    let sound = Sender { camera: 0.0..0.0, ..Sender::default() };
    let (film, summary) = record(&[(0.0, &sound)]);
    assert_eq!((film.pictures.len(), summary.pictures, summary.packets), (1, 0, 500), "the filler");
    assert!(film.pictures[0].length > 470_000);
    let picture = Sender { muted: 0.0..99.0, ..Sender::default() };
    let (film, summary) = record(&[(0.0, &picture)]);
    assert_eq!((film.pictures.len(), summary.pictures, summary.packets), (250, 250, 0));
    // And each may come later.
    let late = Sender { camera: 5.0..99.0, ..Sender::default() };
    let (film, _) = record(&[(0.0, &late)]);
    assert!(film.entries.len() == 2 && worst(&apart(&film, &late)) < 2.0);
    let late = Sender { muted: 0.0..5.0, ..Sender::default() };
    let (film, _) = record(&[(0.0, &late)]);
    assert!(is_seamless(&film) && worst(&apart(&film, &late)) < 2.0);
}

#[test]
fn whoever_comes_back_is_recorded_on_in_their_place() {
    let first = Sender { first_keyframe: 0.5, ..Sender::default() };
    // Another program, another clock, after twenty seconds.
    let second = Sender { wall: 17.0, seed: 9, first_keyframe: 0.9, ..Sender::default() };
    let (film, summary) = record(&[(0.0, &first), (30.0, &second)]);
    assert!(is_seamless(&film));
    assert_eq!((summary.packets, summary.pictures), (1_000, 500));
    assert!((39.5..40.5).contains(&summary.duration.as_secs_f64()), "{summary:?}");
    let again = film.pictures.iter().rfind(|picture| picture.keyframe).unwrap().at.seconds();
    assert!((29.5..30.5).contains(&again), "{again}");
    // Both of their sounds lie with their pictures.
    let second_half = Film {
        pictures: film.pictures.iter().filter(|picture| picture.at.seconds() > 29.0).cloned().collect(),
        sounds: film.sounds.iter().filter(|sound| sound.at.seconds() > 29.0).cloned().collect(),
        ..Film::default()
    };
    assert!(worst(&apart(&second_half, &second)) < 1.0);
}

#[test]
fn a_sender_that_numbers_anew_goes_on() {
    let sender = Sender::default();
    let arrivals = sender.send();
    let mut bytes = Vec::new();
    let mut composer = Composer::new(Mp4File::new(Disk::new(&mut bytes), None));
    for (pass, offset) in [(0u32, 0.0), (1, 10.0), (2, 20.0)] {
        for Arrival { at, media } in &arrivals {
            let media = match media.clone() {
                Media::Sound(sound) => Media::Sound(Sound {
                    sequence: sound.sequence.wrapping_add(pass as u16 * 20_000),
                    rtp: sound.rtp.wrapping_sub(pass * 1_000_000_000),
                    ..sound
                }),
                other => other,
            };
            let arrived = MediaTime::from_micros(((1.0 + offset + at) * 1e6) as u64);
            composer.handle(Source(0), media, arrived).unwrap();
        }
    }
    let summary = composer.finish().unwrap();
    assert_eq!(summary.packets, 1_500);
    assert!((29.5..30.5).contains(&summary.duration.as_secs_f64()), "{summary:?}");
    assert!(is_seamless(&Film::read(&bytes)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_path_and_any_clock_keep_sound_and_pictures_together(
        seed in 1u64..,
        ppm in -300.0..300.0f64,
        way in 0.001..0.5f64,
        jitter in 0.0..0.3f64,
        picture_way in 0.0..0.8f64,
        first_keyframe in 0.0..1.5f64,
        lost in 0.0..0.3f64,
        overtaken in 0.0..0.3f64,
        samples in proptest::sample::select(vec![120u64, 480, 960, 1_920, 2_880, 5_760]),
    ) {
        let sender = Sender {
            seconds: 40.0, ppm, way, jitter, picture_way, first_keyframe, lost, overtaken, samples, seed,
            ..Sender::default()
        };
        let (film, summary) = record(&[(0.0, &sender)]);
        prop_assert!(is_seamless(&film));
        let apart = apart(&film, &sender);
        prop_assert!(worst(&apart) < 5.0, "{} ms", worst(&apart));
        prop_assert!((38.0..41.0).contains(&summary.duration.as_secs_f64()), "{:?}", summary);
        // What was sent and not lost is there: none came too late.
        let sent = sender.send().iter().filter(|arrival| matches!(arrival.media, Media::Sound(_))).count();
        prop_assert_eq!(summary.packets, sent as u64);
    }

    #[test]
    fn nonsense_makes_a_film_too(
        things in proptest::collection::vec(
            (0u32..3, 0u8..4, any::<u16>(), any::<u32>(), any::<u64>(), 0u64..2_000_000),
            0..100,
        ),
    ) {
        let mut bytes = Vec::new();
        let mut composer = Composer::new(Mp4File::new(Disk::new(&mut bytes), super::super::filler()));
        let mut arrived = 0;
        for (source, kind, sequence, rtp, ntp, micros) in things {
            arrived += micros;
            let media = match kind {
                0 => Media::Report {
                    source: if rtp % 2 == 0 { protocol::Source::Microphone } else { protocol::Source::Camera },
                    ntp,
                    rtp,
                },
                1 => Media::Sound(Sound { sequence, rtp, payload: ntp.to_le_bytes().to_vec().into() }),
                2 => Media::Picture(Picture {
                    rtp,
                    data: ntp.to_be_bytes().to_vec().into(),
                    keyframe: sequence % 2 == 0,
                    size: Resolution::new(u32::from(sequence), 16),
                }),
                _ => Media::Sound(Sound { sequence, rtp, payload: Bytes::new() }),
            };
            composer.handle(Source(source), media, MediaTime::from_micros(arrived)).unwrap();
        }
        composer.finish().unwrap();
        let film = Film::read(&bytes);
        prop_assert!(is_seamless(&film));
        // Whatever the clocks say, the film is as long as it took, give or take what packets hold.
        let end = film.sounds.last().map_or(0.0, |sound| sound.at.seconds());
        prop_assert!(end < arrived as f64 / 1e6 + 60.0, "{} s in {} s", end, arrived / 1_000_000);
    }
}
