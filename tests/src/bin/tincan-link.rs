//! `tincan-link DEVICE DEVICE [SEED]`: a link between two TUN devices that it makes. Lines on standard input change what
//! it does to packets (`both delay=50ms loss=2%`), `report` asks what it did; each is answered by a line of JSON.
#![forbid(unsafe_code)]

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    use std::io::BufRead;

    use serde_json::json;
    use tincan_tests::link::program::Link;

    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (devices, seed) = match arguments.as_slice() {
        [a, b] => ([a.as_str(), b.as_str()], Ok(1)),
        [a, b, seed] => ([a.as_str(), b.as_str()], seed.parse()),
        _ => {
            eprintln!("Usage: tincan-link DEVICE DEVICE [SEED]");
            return ExitCode::from(2);
        }
    };
    let Ok(seed) = seed else {
        eprintln!("The seed is a number.");
        return ExitCode::from(2);
    };
    let link = match Link::start(devices, seed) {
        Ok(link) => link,
        Err(error) => {
            eprintln!("There are no TUN devices to be had ({error}): this needs root and /dev/net/tun.");
            return ExitCode::FAILURE;
        }
    };
    println!("{}", json!({ "ready": devices }));
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let answer = link.command(&line).unwrap_or_else(|error| json!({ "error": error }));
        println!("{answer}");
    }
    ExitCode::SUCCESS
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("Only Linux has what this is made of.");
    ExitCode::FAILURE
}
