//! Descriptions: what is accepted names one certificate, is accepted as it stands, and has a direction everywhere; and no
//! related address is left where none is to be told.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tincan_protocol::sdp::{accepted, unrelated};

fuzz_target!(|text: &str| {
    if let Ok((sdp, digest)) = accepted(text) {
        assert_eq!(accepted(&sdp).unwrap(), (sdp.clone(), digest));
        let spelled = digest.as_bytes().map(|byte| format!("{byte:02X}")).join(":");
        for line in sdp.split('\n').filter(|line| line.to_ascii_lowercase().contains("fingerprint")) {
            assert_eq!(line.trim_end_matches('\r'), format!("a=fingerprint:sha-256 {spelled}"));
        }
    }
    let hidden = unrelated(text);
    assert_eq!(unrelated(&hidden), hidden);
});
