//! The system's cameras: which there are, how they are named, and what their errors mean.

use tincan_media::DeviceError;

use super::CaptureRequest;
#[cfg(not(target_os = "linux"))]
use super::nokhwa::NokhwaCamera;
use super::reader::{CameraSystem, RawCamera};
#[cfg(target_os = "linux")]
use super::v4l2::V4l2Camera;
use crate::{CameraSelector, DeviceInfo};

/// What stands between a camera's name and its place in an id.
const PLACE: &str = " @ ";
/// A driver that refuses so many of the formats that it offered will not take another.
pub(super) const MAX_TRIES: usize = 4;

/// The system's own name for a camera, until something is plugged in or out.
#[cfg(target_os = "linux")]
type Index = u32;
#[cfg(not(target_os = "linux"))]
type Index = nokhwa::utils::CameraIndex;

/// A camera that the system knows now.
#[derive(Debug, Clone)]
struct Found {
    index: Index,
    name: String,
    /// Where it is plugged in, or what else tells two of the same name apart; empty where the system does not say.
    place: String,
}

impl Found {
    /// Name and place: an index would be another camera's after re-plugging.
    fn id(&self) -> String {
        if self.place.is_empty() { self.name.clone() } else { format!("{}{PLACE}{}", self.name, self.place) }
    }
}

/// The cameras that there are now. The first one is what `default` tries first. May take some 100 ms.
pub fn list_cameras() -> Vec<DeviceInfo> {
    find()
        .into_iter()
        .enumerate()
        .map(|(index, found)| DeviceInfo {
            id: CameraSelector::Device(found.id()).to_string(),
            name: found.name,
            default: index == 0,
        })
        .collect()
}

/// On Linux a camera has several device files, of which some carry only metadata: the driver says which. A file that
/// cannot be asked (busy, forbidden) stays in the list: opening it gives the reason.
#[cfg(target_os = "linux")]
fn find() -> Vec<Found> {
    let entries = match std::fs::read_dir("/dev") {
        Ok(entries) => entries,
        Err(error) => {
            tracing::warn!(%error, "cameras cannot be listed");
            return Vec::new();
        }
    };
    let mut indices: Vec<u32> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.strip_prefix("video")?.parse().ok())
        .collect();
    // The directory has no order.
    indices.sort_unstable();
    indices
        .into_iter()
        .filter_map(|index| match super::v4l2::Node::open(index as usize).and_then(|node| node.about()) {
            Ok(about) if !about.is_camera() => None,
            Ok(about) => Some(Found { index, name: about.name, place: about.place }),
            Err(error) => {
                tracing::debug!(%error, "a video device does not say what it is");
                let name = std::fs::read_to_string(format!("/sys/class/video4linux/video{index}/name"));
                let name = name.map_or_else(|_| format!("Camera {index}"), |name| name.trim().to_owned());
                Some(Found { index, name, place: String::new() })
            }
        })
        .collect()
}

#[cfg(not(target_os = "linux"))]
fn find() -> Vec<Found> {
    let Some(backend) = nokhwa::native_api_backend() else { return Vec::new() };
    let cameras = match nokhwa::query(backend) {
        Ok(cameras) => cameras,
        Err(error) => {
            tracing::warn!(%error, "cameras cannot be listed");
            return Vec::new();
        }
    };
    let found = cameras.into_iter().map(|camera| Found {
        index: camera.index().clone(),
        name: camera.human_name().trim_matches(['\0', ' ']).to_owned(),
        place: camera.misc().trim_matches(['\0', ' ']).to_owned(),
    });
    found.collect()
}

/// The camera with this id: the same name in the same place, or else the same name, if only one has it (plugged in
/// elsewhere).
fn resolve(cameras: &[Found], id: &str) -> Option<Found> {
    if let Some(same) = cameras.iter().find(|found| found.id() == id) {
        return Some(same.clone());
    }
    let name = display_name(id);
    let mut named = cameras.iter().filter(|found| found.name == name);
    named.next().filter(|_| named.next().is_none()).cloned()
}

/// The part of an id that a person knows.
fn display_name(id: &str) -> &str {
    id.rsplit_once(PLACE).map_or(id, |(name, _)| name)
}

/// The system's cameras.
pub(super) struct NativeCameras;

impl CameraSystem for NativeCameras {
    fn open(
        &self,
        selector: &CameraSelector,
        request: CaptureRequest,
    ) -> Result<Box<dyn RawCamera>, DeviceError> {
        allowed()?;
        let cameras = find();
        let candidates = match selector {
            CameraSelector::Device(id) => match resolve(&cameras, id) {
                Some(found) => vec![found],
                None => return Err(DeviceError::NotFound { device: display_name(id).to_owned() }),
            },
            _ => cameras,
        };
        let mut first_error = None;
        for found in candidates {
            match open(&found, request) {
                Ok(camera) => return Ok(camera),
                Err(error) => {
                    tracing::debug!(code = error.code(), "a camera cannot be opened");
                    first_error.get_or_insert(error);
                }
            }
        }
        Err(first_error.unwrap_or_else(|| DeviceError::NotFound { device: "A camera".into() }))
    }
}

/// macOS asks the person once whether this program may use cameras, and remembers the answer.
#[cfg(target_os = "macos")]
fn allowed() -> Result<(), DeviceError> {
    /// Somebody has to find the dialog and read it.
    const ANSWER: std::time::Duration = std::time::Duration::from_secs(60);
    if nokhwa::nokhwa_check() {
        return Ok(());
    }
    let (tell, told) = std::sync::mpsc::channel();
    nokhwa::nokhwa_initialize(move |allowed| {
        let _ = tell.send(allowed);
    });
    match told.recv_timeout(ANSWER) {
        Ok(true) => Ok(()),
        _ => Err(DeviceError::PermissionDenied { device: "the camera".into() }),
    }
}

#[cfg(not(target_os = "macos"))]
#[expect(clippy::unnecessary_wraps, reason = "macOS can say no here")]
fn allowed() -> Result<(), DeviceError> {
    Ok(())
}

#[cfg(target_os = "linux")]
fn open(found: &Found, request: CaptureRequest) -> Result<Box<dyn RawCamera>, DeviceError> {
    Ok(Box::new(V4l2Camera::open(found.index as usize, &found.name, request)?))
}

#[cfg(not(target_os = "linux"))]
fn open(found: &Found, request: CaptureRequest) -> Result<Box<dyn RawCamera>, DeviceError> {
    Ok(Box::new(NokhwaCamera::open(&found.index, &found.name, request)?))
}

/// What the systems say, in their words and numbers, and what it means. `nokhwa` hands their errors on as text only.
const MEANINGS: [(&[&str], Meaning); 4] = [
    (
        // EBUSY; Media Foundation: no resources, device preempted, sharing violation.
        &["os error 16)", "0xC00D3704", "0xC00D3EA3", "0x80070020", "busy", "in use"],
        Meaning::Busy,
    ),
    (
        // EPERM, EACCES; Windows' E_ACCESSDENIED; macOS' words.
        &["os error 1)", "os error 13)", "0x80070005", "ermission", "denied", "uthoriz"],
        Meaning::Denied,
    ),
    (
        // ENOENT, EIO, ENXIO, ENODEV; Media Foundation: device invalidated, not found.
        &[
            "os error 2)",
            "os error 5)",
            "os error 6)",
            "os error 19)",
            "0xC00D3EA2",
            "0xC00D36D5",
            "0x80070490",
        ],
        Meaning::Gone,
    ),
    // ENOSPC, which is said of USB too.
    (&["os error 28)"], Meaning::NoRoom),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Busy,
    Denied,
    Gone,
    NoRoom,
}

pub(super) fn device_error(name: &str, text: &str, was_working: bool) -> DeviceError {
    let meaning = MEANINGS
        .iter()
        .find(|(signs, _)| signs.iter().any(|sign| text.contains(sign)))
        .map(|(_, meaning)| *meaning);
    let device = name.to_owned();
    match meaning {
        Some(Meaning::Busy) => DeviceError::Busy { device },
        Some(Meaning::Denied) => DeviceError::PermissionDenied { device },
        Some(Meaning::Gone) if was_working => DeviceError::Lost { device },
        Some(Meaning::Gone) => DeviceError::NotFound { device },
        Some(Meaning::NoRoom) => DeviceError::System {
            device,
            detail: "other devices take all that its USB connection carries; another socket may help".into(),
        },
        None if was_working => {
            tracing::warn!(error = text, "reading the camera failed");
            DeviceError::Lost { device }
        }
        None if text.contains("Fufill") => {
            DeviceError::Unsupported { device, detail: "none that is known here".into() }
        }
        None => DeviceError::System { device, detail: text.to_owned() },
    }
}

#[cfg(test)]
mod tests {
    use super::super::convert::to_i420;
    use super::*;

    #[cfg(target_os = "linux")]
    const fn index(number: u32) -> Index {
        number
    }

    #[cfg(not(target_os = "linux"))]
    const fn index(number: u32) -> Index {
        Index::Index(number)
    }

    fn camera(number: u32, name: &str, place: &str) -> Found {
        Found { index: index(number), name: name.into(), place: place.into() }
    }

    #[test]
    fn an_id_finds_its_camera_whatever_its_number_is_now() {
        let before = [camera(0, "Logi", "usb-1"), camera(2, "Logi", "usb-2"), camera(4, "Cam @ home", "")];
        let after = [camera(7, "Logi", "usb-2"), camera(1, "Logi", "usb-1"), camera(0, "Cam @ home", "")];
        for (found, number) in before.iter().zip([1, 7, 0]) {
            assert_eq!(resolve(&after, &found.id()).map(|found| found.index), Some(index(number)));
        }
    }

    #[test]
    fn a_camera_in_another_socket_is_found_by_its_name_if_there_is_one_only() {
        let id = camera(0, "Logi", "usb-1").id();
        let one = [camera(3, "Logi", "usb-9"), camera(4, "Other", "usb-1")];
        assert_eq!(resolve(&one, &id).map(|found| found.index), Some(index(3)));
        let two = [camera(3, "Logi", "usb-8"), camera(4, "Logi", "usb-9")];
        assert!(resolve(&two, &id).is_none());
        assert_eq!(display_name(&id), "Logi");
    }

    #[test]
    fn what_the_systems_say_is_understood() {
        let cases = [
            ("V4L2 Error: Device or resource busy (os error 16)", false, "device_busy"),
            ("V4L2 Error: Permission denied (os error 13)", false, "device_permission_denied"),
            ("V4L2 Error: No such file or directory (os error 2)", false, "device_not_found"),
            ("No such device (os error 19)", true, "device_lost"),
            ("Access is denied. (0x80070005)", false, "device_permission_denied"),
            ("The video recording device is no longer present. (0xC00D3EA2)", true, "device_lost"),
            ("No space left on device (os error 28)", false, "device_system"),
            ("something new", false, "device_system"),
            ("something new", true, "device_lost"),
        ];
        for (text, was_working, code) in cases {
            assert_eq!(device_error("Cam", text, was_working).code(), code, "{text}");
        }
    }

    #[test]
    fn an_unknown_camera_is_not_found_by_the_name_a_person_knows() {
        let selector = CameraSelector::Device("No such camera @ usb-1".into());
        let Err(error) = NativeCameras.open(&selector, CaptureRequest::default()) else { panic!("opened") };
        assert_eq!(error, DeviceError::NotFound { device: "No such camera".into() });
    }

    /// For whoever has a camera that is not understood: `cargo test -p tincan-devices -- --ignored --nocapture camera`.
    #[test]
    #[ignore = "it needs a camera"]
    fn the_first_camera_gives_pictures() {
        for found in list_cameras() {
            println!("{found:?}");
        }
        let mut camera = NativeCameras.open(&CameraSelector::Default, CaptureRequest::default()).unwrap();
        let format = camera.format();
        println!("{}: {format:?}, {} a second", camera.name(), camera.frames_per_second());
        for _ in 0..10 {
            let picture = camera.read().unwrap();
            let age = picture.captured.elapsed();
            let frame = to_i420(&format, &picture.buffers, Default::default());
            let mean = frame.map(|frame| {
                let mean = |plane: &[u8]| {
                    plane.iter().map(|value| u64::from(*value)).sum::<u64>() / plane.len() as u64
                };
                let (y, u, v) = frame.planes();
                (frame.resolution(), mean(y), mean(u), mean(v))
            });
            println!("{age:?} old, {} buffers: {mean:?}", picture.buffers.len());
        }
    }
}
