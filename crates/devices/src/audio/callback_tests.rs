//! Runs the callbacks' bodies under an allocator that counts what this thread allocates.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use rtrb::RingBuffer;

use super::*;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

fn count() {
    // While a thread ends its locals may be gone; then nobody asks either.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: every call goes unchanged to the system's allocator, which upholds the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's layout, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count();
        // SAFETY: the caller's pointer and layout, passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's pointer, layout and size, passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

/// A buffer as a device hands it over.
fn data<T: SizedSample>(samples: &mut [T]) -> Data {
    // SAFETY: the pointer and the length are those of a live slice of the type that the format names; each test uses
    // the result only while its samples live.
    unsafe { Data::from_parts(samples.as_mut_ptr().cast(), samples.len(), T::FORMAT) }
}

#[test]
fn the_counter_counts() {
    assert!(allocations(|| drop(std::hint::black_box(Box::new(1)))) >= 2);
}

#[test]
fn no_callback_allocates() {
    let shared = Shared::default();
    // It ends in the middle of a frame of three channels.
    let (mut microphone, mut heard) = RingBuffer::new(4_801);
    let (mut played, mut speaker) = RingBuffer::new(4_800);
    let mut stereo = vec![1_000i16; 960];
    let mut floats = vec![0.1f32; 480];
    let latency = Some(Duration::from_millis(20));
    let made = allocations(|| {
        for _ in 0..20 {
            capture(&data(&mut stereo), 2, latency, &mut microphone, &shared);
            capture(&data(&mut floats), 3, latency, &mut microphone, &shared);
            playback(&mut data(&mut stereo), 2, latency, &mut speaker, &shared);
            playback(&mut data(&mut floats), 1, None, &mut speaker, &shared);
        }
    });
    assert_eq!(made, 0);
    assert_eq!(shared.callbacks.load(Ordering::Relaxed), 80);
    assert_eq!(heard.slots(), 4_800, "a full ring takes no more, and only whole frames");
    assert_eq!(shared.device_latency(), Duration::from_millis(20));
    assert!(heard.pop().is_ok() && played.push(0.0).is_ok());
}

#[test]
fn every_format_keeps_its_level() {
    fn round_trip<T>()
    where
        T: SizedSample + FromSample<f32> + std::fmt::Debug,
        f32: FromSample<T>,
    {
        let shared = Shared::default();
        let (mut microphone, mut heard) = RingBuffer::new(100);
        let mut samples =
            [T::from_sample(0.5f32), T::from_sample(0.25f32), T::from_sample(-0.5f32), T::EQUILIBRIUM];
        capture(&data(&mut samples), 2, None, &mut microphone, &shared);
        for (wanted, heard) in [0.5, 0.25, -0.5, 0.0].into_iter().zip([(); 4].map(|()| heard.pop().unwrap()))
        {
            assert!((heard - wanted).abs() < 0.02, "{:?}: {heard}, not {wanted}", T::FORMAT);
        }

        let (mut played, mut speaker) = RingBuffer::new(100);
        played.push(0.5f32).unwrap();
        played.push(-0.25f32).unwrap();
        let mut out = [T::from_sample(0.9f32); 6];
        playback(&mut data(&mut out), 3, None, &mut speaker, &shared);
        let floats = out.map(f32::from_sample_);
        let apart = (floats[0] - 0.5).abs() < 0.02 && (floats[1] + 0.25).abs() < 0.02;
        assert!(apart, "{:?}: {floats:?}", T::FORMAT);
        assert!(floats[2..].iter().all(|sample| sample.abs() < 0.02), "{:?}: {floats:?}", T::FORMAT);
        assert_eq!(shared.glitches.load(Ordering::Relaxed), 1, "the second frame was missing");
    }
    round_trip::<i8>();
    round_trip::<i16>();
    round_trip::<I24>();
    round_trip::<i32>();
    round_trip::<i64>();
    round_trip::<u8>();
    round_trip::<u16>();
    round_trip::<U24>();
    round_trip::<u32>();
    round_trip::<u64>();
    round_trip::<f32>();
    round_trip::<f64>();
}

#[test]
fn a_speaker_of_one_channel_plays_both() {
    let shared = Shared::default();
    let (mut played, mut speaker) = RingBuffer::new(100);
    for sample in [0.5f32, 0.25, 0.1] {
        played.push(sample).unwrap();
    }
    let mut out = [0.9f32; 3];
    playback(&mut data(&mut out), 1, None, &mut speaker, &shared);
    assert_eq!(out, [0.375, 0.0, 0.0]);
    assert_eq!(speaker.slots(), 1, "half a frame waits for its other half");
}

#[test]
fn one_large_callback_at_the_start_is_forgotten() {
    let (shared, start) = (Shared::default(), Instant::now());
    let mut largest = Largest::new(start);
    shared.note(1_920, None);
    let mut at = |millis| {
        shared.note(960, None);
        largest.duration(&shared, 48_000, start + Duration::from_millis(millis)).as_millis()
    };
    assert_eq!([at(10), at(1_900), at(2_000), at(3_900)], [40; 4]);
    assert_eq!([at(4_000), at(6_000)], [20; 2]);
}
