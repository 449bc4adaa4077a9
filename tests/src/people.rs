//! Who is in a call, as its view tells.

use serde_json::Value;

/// Everybody else in a call.
pub fn others(call: &Value) -> &[Value] {
    call["participants"].as_array().map_or(&[], Vec::as_slice)
}

/// The only other participant of a call.
pub fn other(call: &Value) -> &Value {
    &call["participants"][0]
}

/// Whether somebody says that they send pictures of this source.
pub fn shows(participant: &Value, source: &str) -> bool {
    let streams = participant["streams"].as_array();
    streams.into_iter().flatten().any(|stream| stream["source"] == source && stream["on"] == true)
}

/// Whether exactly these are connected, and send pictures.
pub fn sees(call: &Value, names: &[&str]) -> bool {
    let mut there: Vec<_> = others(call)
        .iter()
        .filter(|other| other["connection"] == "connected" && shows(other, "camera"))
        .filter_map(|other| other["name"].as_str())
        .collect();
    there.sort_unstable();
    let mut names = names.to_vec();
    names.sort_unstable();
    there == names && others(call).len() == names.len()
}

/// The id of somebody in a call, by their name.
///
/// # Panics
/// When they are not there.
pub fn id_of(call: &Value, name: &str) -> String {
    let found = others(call).iter().find(|other| other["name"] == name);
    let id = found.and_then(|other| other["id"].as_str());
    id.unwrap_or_else(|| panic!("{name} is not in {call}")).to_owned()
}
