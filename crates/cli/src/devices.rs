//! `tincan devices`.

use std::sync::Arc;

use tincan_engine::api::{Command, CommandError, Device, Devices};
use tincan_engine::{Engine, Overrides};

use crate::frames::Frames;
use crate::{Exit, engine_config, output};

pub(crate) async fn run(json: bool) -> Exit {
    let engine = Engine::start(engine_config(Arc::new(Frames::default()), Overrides::default()));
    let listed = list(&engine).await;
    engine.shutdown().await;
    match listed {
        Ok(devices) if json => match serde_json::to_string_pretty(&devices) {
            Ok(text) => output::say(&text),
            Err(_) => return Exit::Problem,
        },
        Ok(devices) => output::say(&table(&devices)),
        Err(error) => {
            eprintln!("{} ({})", error.message, error.code);
            return Exit::Problem;
        }
    }
    Exit::Fine
}

/// What the engine finds now.
pub(crate) async fn list(engine: &Engine) -> Result<Devices, CommandError> {
    engine.dispatch(Command::RefreshDevices).await?;
    Ok(engine.subscribe().await?.0.devices)
}

fn table(devices: &Devices) -> String {
    let kinds = [
        ("Cameras", &devices.cameras),
        ("Microphones", &devices.microphones),
        ("Speakers", &devices.speakers),
    ];
    let width =
        kinds.iter().flat_map(|(_, found)| found.iter()).map(|device| device.id.len()).max().unwrap_or(0);
    let row = |device: &Device| format!("  {:width$}  {}\n", device.id, device.name);
    let section = |(kind, found): (&str, &Vec<Device>)| {
        kind.to_owned() + "\n" + &found.iter().map(row).collect::<String>()
    };
    kinds.map(section).concat().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_shows_what_to_type_beside_what_people_know() {
        let device = |id: &str, name: &str| Device { id: id.into(), name: name.into() };
        let devices = Devices {
            cameras: vec![device("device:usb-1", "Webcam"), device("none", "No camera")],
            microphones: vec![device("tone", "Test tone")],
            speakers: Vec::new(),
        };
        let expected = "Cameras\n  device:usb-1  Webcam\n  none          No camera\n\
                        Microphones\n  tone          Test tone\nSpeakers";
        assert_eq!(table(&devices), expected);
    }
}
