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

/// The id of the system's default microphone, `None` without one. As slow as [`list_microphones`].
pub fn default_microphone_id() -> Option<String> {
    with_deadline(|| default_id(DeviceKind::Microphone)).flatten()
}

/// The id of the system's default speaker, `None` without one. As slow as [`list_microphones`].
pub fn default_speaker_id() -> Option<String> {
    with_deadline(|| default_id(DeviceKind::Speaker)).flatten()
}

/// What changed between two polls of a [`DeviceWatch`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceChange {
    /// The default microphone is another one: reopen it if `default` is selected.
    pub default_microphone: bool,
    /// The default speaker is another one: reopen it if `default` is selected.
    pub default_speaker: bool,
    /// A device was plugged in or out, or renamed: show the new lists.
    pub lists: bool,
}

impl DeviceChange {
    /// Whether anything changed.
    pub const fn any(&self) -> bool {
        self.default_microphone || self.default_speaker || self.lists
    }
}

/// Notices changed devices by asking the system now and then: cpal has no event for it.
///
/// Poll it about once a second, not on the audio thread and not in an async task: it may block as [`list_microphones`].
#[derive(Debug, Clone, Default)]
pub struct DeviceWatch {
    microphones: Vec<DeviceInfo>,
    speakers: Vec<DeviceInfo>,
}

impl DeviceWatch {
    /// A watch that has just looked.
    pub fn new() -> Self {
        let mut watch = Self::default();
        watch.poll();
        watch
    }

    /// Looks again.
    pub fn poll(&mut self) -> DeviceChange {
        let look = || (list(DeviceKind::Microphone), list(DeviceKind::Speaker));
        // A sound server that hangs is no reason to call every device gone.
        let Some((microphones, speakers)) = with_deadline(look) else { return DeviceChange::default() };
        self.compare(microphones, speakers)
    }

    fn compare(&mut self, microphones: Vec<DeviceInfo>, speakers: Vec<DeviceInfo>) -> DeviceChange {
        let default = |list: &[DeviceInfo]| list.iter().find(|device| device.default).map(|d| d.id.clone());
        let change = DeviceChange {
            default_microphone: default(&self.microphones) != default(&microphones),
            default_speaker: default(&self.speakers) != default(&speakers),
            lists: self.microphones != microphones || self.speakers != speakers,
        };
        (self.microphones, self.speakers) = (microphones, speakers);
        change
    }

    /// The microphones at the last poll.
    pub fn microphones(&self) -> &[DeviceInfo] {
        &self.microphones
    }

    /// The speakers at the last poll.
    pub fn speakers(&self) -> &[DeviceInfo] {
        &self.speakers
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

fn default_device(host: &Host, kind: DeviceKind) -> Option<Device> {
    match kind {
        DeviceKind::Speaker => host.default_output_device(),
        _ => host.default_input_device(),
    }
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

fn default_id(kind: DeviceKind) -> Option<String> {
    id_of(&default_device(&host(), kind)?)
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

/// Hides what no person would choose: ALSA's dozens of pseudo-devices, and what a speaker plays as a microphone.
fn is_worth_showing(id: &str, kind: DeviceKind) -> bool {
    if let Some(name) = id.strip_prefix("pulseaudio:") {
        return kind == DeviceKind::Speaker || !name.ends_with(".monitor");
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
    fn the_watch_tells_what_changed() {
        let device = |id: &str, default| DeviceInfo { id: id.into(), name: id.into(), default };
        let mut watch = DeviceWatch::default();
        let first = watch.compare(vec![device("a", true), device("b", false)], vec![device("s", true)]);
        assert!(first.any());
        let same = watch.compare(vec![device("a", true), device("b", false)], vec![device("s", true)]);
        assert!(!same.any());
        let moved = watch.compare(vec![device("b", true), device("a", false)], vec![device("s", true)]);
        assert!(moved.default_microphone && !moved.default_speaker && moved.lists);
        let gone = watch.compare(vec![device("b", true)], vec![device("s", true)]);
        assert_eq!(gone, DeviceChange { lists: true, ..DeviceChange::default() });
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
