//! A raised priority for threads that must not be late: a tab that loads must not gap anybody's voice.
//!
//! Windows' multimedia class scheduler and macOS' time constraints are asked through `audio_thread_priority` (Mozilla's,
//! which Firefox and cpal use). Its way on Linux is not taken: it asks for real-time scheduling and sets a limit to the
//! processor time of such threads, beyond which the system kills the program; and it links libdbus. Here the thread
//! becomes more urgent among the usual ones (nice -11, PulseAudio's own level), which cannot go wrong: by right if there
//! is one, else through rtkit or the desktop's portal.
//!
//! Failing is harmless, and told once in the log.

use std::sync::Once;

/// Held by a thread while its priority is raised.
#[must_use]
pub struct RaisedPriority {
    #[cfg(any(windows, target_os = "macos"))]
    handle: Option<audio_thread_priority::RtPriorityHandle>,
    #[cfg(windows)]
    _timer: windows::FineTimer,
    /// It belongs to its thread.
    _here: std::marker::PhantomData<*const ()>,
}

/// Raises the calling thread's priority. Never waits.
pub fn raise_thread_priority() -> RaisedPriority {
    #[cfg(target_os = "linux")]
    linux::raise(linux::this_thread());
    RaisedPriority {
        // 10 ms: what the sound thread's rounds are made of.
        #[cfg(any(windows, target_os = "macos"))]
        handle: audio_thread_priority::promote_current_thread_to_real_time(480, 48_000)
            .map_err(|error| tell_once(&error))
            .ok(),
        #[cfg(windows)]
        _timer: windows::FineTimer::new(),
        _here: std::marker::PhantomData,
    }
}

/// Makes the calling thread, for good, one that gives way to all others of the program. On systems other than Linux it keeps
/// its priority.
pub fn lower_thread_priority() {
    #[cfg(target_os = "linux")]
    linux::lower(linux::this_thread());
}

#[cfg(any(windows, target_os = "macos"))]
impl Drop for RaisedPriority {
    fn drop(&mut self) {
        if let Some(handle) = self.handle.take() {
            // The thread ends: there is nothing to do about it.
            let _ = audio_thread_priority::demote_current_thread_from_real_time(handle);
        }
    }
}

fn tell_once(error: &dyn std::fmt::Display) {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| tracing::debug!(%error, "sound threads keep their usual priority"));
}

#[cfg(target_os = "linux")]
pub(crate) mod linux {
    use std::time::Duration;

    use zbus::blocking::connection::Builder;

    use super::tell_once;

    /// What PulseAudio gives itself; rtkit allows down to -15.
    const NICE: i32 = -11;
    /// Whoever has not answered by then hangs.
    const ANSWER_LIMIT: Duration = Duration::from_secs(2);

    /// Of what may wait: a tenth of what a usual thread gets, when both want all.
    const LOWER: i32 = 10;

    /// The calling thread's number.
    pub(crate) fn this_thread() -> u32 {
        // SAFETY: the call takes nothing, touches no memory and cannot fail.
        unsafe { libc::gettid() }.unsigned_abs()
    }

    /// Raises a thread's priority, from a thread that ends within seconds: the bus may be slow.
    pub(crate) fn raise(thread: u32) {
        let work = move || {
            if let Err(error) = ask(thread) {
                tell_once(&error);
            }
        };
        if let Err(error) = std::thread::Builder::new().name("priority".into()).spawn(work) {
            tell_once(&error);
        }
    }

    pub(super) fn lower(thread: u32) {
        // SAFETY: the call takes numbers and touches no memory; of a thread that has ended it says that there is none.
        let refused = unsafe { libc::setpriority(libc::PRIO_PROCESS, thread, LOWER) };
        if refused != 0 {
            tell_once(&std::io::Error::last_os_error());
        }
    }

    fn ask(thread: u32) -> zbus::Result<()> {
        // SAFETY: the call takes numbers and touches no memory; of a thread that has ended it says that there is none.
        let refused = unsafe { libc::setpriority(libc::PRIO_PROCESS, thread, NICE) };
        if refused == 0 {
            return Ok(());
        }
        rtkit(thread).or_else(|_| portal(thread))
    }

    fn rtkit(thread: u32) -> zbus::Result<()> {
        let bus = Builder::system()?.method_timeout(ANSWER_LIMIT).build()?;
        bus.call_method(
            Some("org.freedesktop.RealtimeKit1"),
            "/org/freedesktop/RealtimeKit1",
            Some("org.freedesktop.RealtimeKit1"),
            "MakeThreadHighPriority",
            &(u64::from(thread), NICE),
        )?;
        Ok(())
    }

    fn portal(thread: u32) -> zbus::Result<()> {
        let bus = Builder::session()?.method_timeout(ANSWER_LIMIT).build()?;
        bus.call_method(
            Some("org.freedesktop.portal.Desktop"),
            "/org/freedesktop/portal/desktop",
            Some("org.freedesktop.portal.Realtime"),
            "MakeThreadHighPriorityWithPID",
            &(u64::from(std::process::id()), u64::from(thread), NICE),
        )?;
        Ok(())
    }
}

#[cfg(windows)]
mod windows {
    use windows_sys::Win32::Media::{timeBeginPeriod, timeEndPeriod};

    /// Windows wakes sleepers every 15.6 ms unless a program asks for more: 5 ms would be 15.
    const MILLIS: u32 = 1;

    pub(super) struct FineTimer {
        asked: bool,
    }

    impl FineTimer {
        pub(super) fn new() -> Self {
            // SAFETY: the call takes a number and touches no memory of ours; its pair is in `drop`.
            let refused = unsafe { timeBeginPeriod(MILLIS) };
            Self { asked: refused == 0 }
        }
    }

    impl Drop for FineTimer {
        fn drop(&mut self) {
            if self.asked {
                // SAFETY: as above; this ends what `new` began.
                unsafe { timeEndPeriod(MILLIS) };
            }
        }
    }
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// The calling thread's nice level.
    fn nice() -> i32 {
        let stat = std::fs::read_to_string(format!("/proc/self/task/{}/stat", linux::this_thread())).unwrap();
        // Behind the name, which may hold anything; proc(5) counts it as the 19th field.
        let fields = stat.rsplit_once(')').unwrap().1;
        fields.split_whitespace().nth(16).unwrap().parse().unwrap()
    }

    #[test]
    fn a_thread_that_may_wait_gives_way_to_all_others() {
        let nices = || (nice(), std::thread::spawn(|| (lower_thread_priority(), nice()).1).join().unwrap());
        let (before, lower) = nices();
        assert!(lower >= before.max(10), "{before}, {lower}");
        assert_eq!(nice(), before, "no other thread is another one's");
    }

    #[test]
    fn a_thread_becomes_more_urgent_where_that_is_allowed_and_asking_never_waits() {
        std::thread::spawn(|| {
            // SAFETY: the call takes numbers and touches no memory.
            let may = unsafe { libc::setpriority(libc::PRIO_PROCESS, linux::this_thread(), nice() - 1) } == 0;
            let before = nice();
            let begun = Instant::now();
            let _raised = raise_thread_priority();
            assert!(begun.elapsed() < Duration::from_millis(500));
            let limit = Instant::now() + Duration::from_secs(10);
            while may && nice() == before && Instant::now() < limit {
                std::thread::yield_now();
            }
            assert!(!may || nice() < before, "{before}, {}", nice());
        })
        .join()
        .unwrap();
    }
}
