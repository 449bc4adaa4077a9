//! The devices that a person can choose from.

use tincan_devices::{DeviceInfo, audio, video};

use crate::api::{Device, Devices};

/// Asks the system; blocks for as long as its drivers do.
pub(crate) fn list_devices() -> Devices {
    let synthetic = |id: &str, name: &str| Device { id: id.into(), name: name.into() };
    let real = |found: Vec<DeviceInfo>| found.into_iter().map(|d| Device { id: d.id, name: d.name });
    Devices {
        cameras: std::iter::once(synthetic("default", "System default"))
            .chain(real(video::list_cameras()))
            .chain([
                synthetic("portrait", "Drawn person"),
                synthetic("test-pattern", "Test pattern"),
                synthetic("none", "No camera"),
            ])
            .collect(),
        microphones: std::iter::once(synthetic("default", "System default"))
            .chain(real(audio::list_microphones()))
            .chain([synthetic("tone", "Test tone"), synthetic("none", "No microphone")])
            .collect(),
        speakers: std::iter::once(synthetic("default", "System default"))
            .chain(real(audio::list_speakers()))
            .chain([synthetic("none", "No speaker")])
            .collect(),
    }
}
