//! How well speech is understood after a network: PESQ, by `tests/rate_speech.py` with the packages of `tests/pesq.txt`.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use crate::numbers::number;

/// Python with the packages, where there is one.
pub(crate) fn python() -> Option<PathBuf> {
    std::env::var_os("TINCAN_PESQ").map(|folder| Path::new(&folder).join("bin/python"))
}

/// Of the last seconds that were heard.
///
/// # Errors
/// What is wrong with the files or the packages.
pub(crate) async fn pesq(python: &Path, said: &Path, heard: &Path, seconds: u64) -> Result<f64, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("rate_speech.py");
    let mut command = Command::new(python);
    command.arg(script).arg(said).arg(heard).arg(seconds.to_string()).stdin(Stdio::null());
    let output = command.output().await.map_err(|error| format!("{}: {error}", python.display()))?;
    let said = serde_json::from_slice::<Value>(&output.stdout)
        .map_err(|_| format!("speech was not rated: {}", String::from_utf8_lossy(&output.stderr).trim()))?;
    Ok(number(&said["pesq"]))
}
