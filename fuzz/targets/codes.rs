//! What a person types or a link brings: whatever is taken spells itself in a way that is taken again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tincan_protocol::{CheckedInvite, InviteLink, RoomCode, parse_server_url};

fuzz_target!(|text: &str| {
    let _ = RoomCode::check_partial(text);
    let _ = CheckedInvite::check(text);
    let _ = parse_server_url(text);
    if let Ok(code) = text.parse::<RoomCode>() {
        assert_eq!(code.to_string().parse::<RoomCode>().unwrap(), code);
    }
    if let Ok(link) = text.parse::<InviteLink>() {
        let again: InviteLink = link.to_string().parse().unwrap();
        assert_eq!(again.to_string(), link.to_string());
    }
});
