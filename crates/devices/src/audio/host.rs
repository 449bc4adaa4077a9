//! Which sound devices there are.
//!
//! On Linux the sound server (PulseAudio, or PipeWire's stand-in) is asked first: it knows devices by the names that
//! people know, says which is the default, and shares them. Without one, ALSA's cards are offered as they are.

use std::collections::HashSet;
use std::sync::mpsc;
use std::time::Duration;

use cpal::traits::{DeviceTrait, HostTrait};
use cpal::{Device, Host};

use crate::selector::{DeviceInfo, DeviceKind};

/// What real devices' ids begin with; see the selectors.
pub(super) const ID_PREFIX: &str = "device:";
/// What a sound server's devices' ids begin with.
const SERVER_PREFIX: &str = "device:pulseaudio:";
/// A sound server that does not answer for this long is not there (cpal itself gives it 2 s to connect).
const ENUMERATION_LIMIT: Duration = Duration::from_secs(3);

/// The microphones that can be chosen, the system's default first.
///
/// Asks the system each time: some milliseconds, at most 3 s when the sound server hangs (then the list is empty).
pub fn list_microphones() -> Vec<DeviceInfo> {
    with_deadline(|| list(DeviceKind::Microphone)).unwrap_or_default()
}

/// The speakers that can be chosen, the system's default first. As slow as [`list_microphones`].
pub fn list_speakers() -> Vec<DeviceInfo> {
    with_deadline(|| list(DeviceKind::Speaker)).unwrap_or_default()
}

/// A microphone or speaker that is open, to see what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// Its id, as in [`OpenMicrophone`](super::OpenMicrophone) and [`OpenSpeaker`](super::OpenSpeaker).
    pub open: String,
    /// The id of the chosen one, while it is not there and this one is used in its place.
    pub absent: Option<String>,
}

/// What the system says now of a device that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing new.
    Same,
    /// The chosen one is there again, in whose place it is used.
    Replaceable,
    /// It is there, but another one is the system's default.
    NotDefault,
    /// It is not there any more, although its stream may go on: a sound server moves streams to other devices without a
    /// word, those of microphones even to what a speaker plays.
    Gone,
}

/// How an open microphone and an open speaker stand; cpal has no event for it.
///
/// Ask every second or two, not on the audio thread and not in an async task: it may block as [`list_microphones`].
pub fn standing(microphone: Option<&Watched>, speaker: Option<&Watched>) -> (Standing, Standing) {
    let look = || (list(DeviceKind::Microphone), list(DeviceKind::Speaker));
    // A sound server that hangs is no reason to call every device gone; one that died is told by the streams.
    let (microphones, speakers) = with_deadline(look).unwrap_or_default();
    if microphones.is_empty() && speakers.is_empty() {
        return (Standing::Same, Standing::Same);
    }
    (compare(microphone, &microphones), compare(speaker, &speakers))
}

fn compare(watched: Option<&Watched>, list: &[DeviceInfo]) -> Standing {
    let Some(Watched { open, absent }) = watched else { return Standing::Same };
    let find = |id: &String| list.iter().find(|device| device.id == *id);
    if absent.as_ref().is_some_and(|absent| find(absent).is_some()) {
        return Standing::Replaceable;
    }
    match find(open) {
        // Only a sound server's lists are complete, and only its streams go on without their device.
        None if open.starts_with(SERVER_PREFIX) => Standing::Gone,
        Some(device) if device.default => Standing::Same,
        _ if list.iter().any(|device| device.default) => Standing::NotDefault,
        _ => Standing::Same,
    }
}

/// Runs `work` on a thread of its own and waits for it a limited time. A hanging driver costs that thread and no more.
fn with_deadline<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (sender, receiver) = mpsc::channel();
    let work = move || {
        let _quiet = Quiet::new();
        // Nobody waits any more: nothing to do about it.
        let _ = sender.send(work());
    };
    std::thread::Builder::new().name("sound devices".into()).spawn(work).ok()?;
    receiver.recv_timeout(ENUMERATION_LIMIT).ok()
}

/// Keeps ALSA from writing to the terminal about every device that does not answer, on this thread.
pub(super) struct Quiet {
    #[cfg(target_os = "linux")]
    _output: Option<std::rc::Rc<std::cell::RefCell<alsa::Output>>>,
}

impl Quiet {
    pub(super) fn new() -> Self {
        Self {
            #[cfg(target_os = "linux")]
            _output: alsa::Output::local_error_handler().ok(),
        }
    }
}

/// The host to use: the sound server on Linux if there is one, otherwise the system's own.
fn host() -> Host {
    #[cfg(target_os = "linux")]
    {
        // Present means that its socket answers; connecting takes about a millisecond.
        if let Ok(host) = cpal::host_from_id(cpal::HostId::PulseAudio) {
            return host;
        }
        if let Ok(host) = cpal::host_from_id(cpal::HostId::Alsa) {
            return host;
        }
    }
    cpal::default_host()
}

/// A sound server without microphones calls what a speaker plays the default one: the others would hear themselves.
fn default_device(host: &Host, kind: DeviceKind) -> Option<Device> {
    let device = match kind {
        DeviceKind::Speaker => host.default_output_device(),
        _ => host.default_input_device(),
    };
    device.filter(|device| {
        !device.id().is_ok_and(|id| is_monitor(&id.to_string()) && kind != DeviceKind::Speaker)
    })
}

/// The device with this id (without the prefix), or the default one; `None` if there is none.
pub(super) fn find(kind: DeviceKind, id: Option<&str>) -> Option<Device> {
    let host = host();
    let Some(id) = id else {
        return default_device(&host, kind);
    };
    let full = format!("{ID_PREFIX}{id}");
    host.devices().ok()?.find(|device| fits(device, kind) && id_of(device).as_deref() == Some(&full))
}

/// The id as a selector reads it.
pub(super) fn id_of(device: &Device) -> Option<String> {
    Some(format!("{ID_PREFIX}{}", device.id().ok()?))
}

/// What people call it.
pub(super) fn name_of(device: &Device) -> String {
    let described = device.description().map(|description| description.name().trim().to_owned());
    match described {
        // ALSA's own words for whatever its settings say.
        Ok(name) if name == "default" || name == "Default Audio Device" => "System default".into(),
        Ok(name) if !name.is_empty() => name,
        _ => "Unnamed device".into(),
    }
}

fn list(kind: DeviceKind) -> Vec<DeviceInfo> {
    let host = host();
    let default = default_device(&host, kind).and_then(|device| id_of(&device));
    let Ok(devices) = host.devices() else { return Vec::new() };
    let mut seen = HashSet::new();
    let mut found: Vec<DeviceInfo> = devices
        .filter(|device| fits(device, kind))
        .filter_map(|device| {
            let id = id_of(&device)?;
            let default = default.as_ref() == Some(&id);
            seen.insert(id.clone()).then(|| DeviceInfo { name: name_of(&device), default, id })
        })
        .collect();
    found.sort_by(|a, b| b.default.cmp(&a.default).then_with(|| a.name.cmp(&b.name)));
    found
}

fn fits(device: &Device, kind: DeviceKind) -> bool {
    let direction = match kind {
        DeviceKind::Speaker => device.supports_output(),
        _ => device.supports_input(),
    };
    direction && device.id().is_ok_and(|id| is_worth_showing(&id.to_string(), kind))
}

/// Whether it is what a speaker plays, offered as a microphone.
fn is_monitor(id: &str) -> bool {
    id.starts_with("pulseaudio:") && id.ends_with(".monitor")
}

/// Hides what no person would choose: ALSA's dozens of pseudo-devices, and what a speaker plays as a microphone.
fn is_worth_showing(id: &str, kind: DeviceKind) -> bool {
    if is_monitor(id) {
        return kind == DeviceKind::Speaker;
    }
    if let Some(name) = id.strip_prefix("alsa:") {
        // One way to each card, by its name: `plughw` converts formats, and numbers change with plugging.
        let by_name = name
            .strip_prefix("plughw:CARD=")
            .is_some_and(|card| !card.starts_with(|c: char| c.is_ascii_digit()));
        return name == "default" || by_name;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_person_would_choose_is_shown() {
        for (id, kind, shown) in [
            ("pulseaudio:alsa_output.pci-0000_00_1f.3.analog-stereo", DeviceKind::Speaker, true),
            ("pulseaudio:alsa_input.usb-Blue_Yeti-00.analog-stereo", DeviceKind::Microphone, true),
            ("pulseaudio:alsa_output.pci-0000_00_1f.3.analog-stereo.monitor", DeviceKind::Microphone, false),
            ("alsa:default", DeviceKind::Speaker, true),
            ("alsa:plughw:CARD=PCH,DEV=0", DeviceKind::Speaker, true),
            ("alsa:plughw:CARD=0,DEV=0", DeviceKind::Speaker, false),
            ("alsa:hw:CARD=PCH,DEV=0", DeviceKind::Speaker, false),
            ("alsa:surround51:CARD=PCH,DEV=0", DeviceKind::Speaker, false),
            ("alsa:null", DeviceKind::Microphone, false),
            ("alsa:dmix:CARD=PCH,DEV=0", DeviceKind::Speaker, false),
            ("wasapi:{0.0.0.00000000}.{guid}", DeviceKind::Speaker, true),
        ] {
            assert_eq!(is_worth_showing(id, kind), shown, "{id}");
        }
    }

    #[test]
    fn an_open_device_is_gone_or_no_longer_the_default() {
        let id = |name: &str| format!("device:{name}");
        let device = |name: &str, default| DeviceInfo { id: id(name), name: name.into(), default };
        let list = [device("pulseaudio:a", true), device("pulseaudio:b", false)];
        let stands = |open: &str, absent: Option<&str>, list: &[DeviceInfo]| {
            compare(Some(&Watched { open: id(open), absent: absent.map(id) }), list)
        };
        assert_eq!(stands("pulseaudio:a", None, &list), Standing::Same);
        assert_eq!(stands("pulseaudio:b", None, &list), Standing::NotDefault);
        assert_eq!(stands("pulseaudio:c", None, &list), Standing::Gone);
        assert_eq!(stands("pulseaudio:c", None, &[]), Standing::Gone);
        assert_eq!(stands("pulseaudio:a", Some("pulseaudio:c"), &list), Standing::Same);
        assert_eq!(stands("pulseaudio:a", Some("pulseaudio:b"), &list), Standing::Replaceable);
        assert_eq!(compare(None, &list), Standing::Same);
        // A driver's own list may leave out what is open; its stream tells when it is gone.
        let list = [device("alsa:plughw:CARD=PCH,DEV=0", false)];
        assert_eq!(stands("alsa:default", None, &list), Standing::Same);
    }

    #[test]
    fn listing_returns_with_or_without_devices() {
        let ids = list_microphones().into_iter().chain(list_speakers()).map(|device| device.id);
        for id in ids {
            assert!(id.starts_with(ID_PREFIX));
            assert!(id.parse::<crate::MicrophoneSelector>().is_ok());
        }
    }
}
