//! What a person types or a link brings: whatever is taken spells itself in a way that is taken again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tincan_protocol::{CheckedInvite, InviteLink, MAX_NAME_LEN, RoomCode, display_name, parse_server_url};

fuzz_target!(|text: &str| {
    let _ = RoomCode::check_partial(text);
    let checked = CheckedInvite::check(text);
    if let Some(invite) = checked.invite {
        assert_eq!(CheckedInvite::check(&checked.formatted).invite.unwrap().code, invite.code);
    }
    let name = display_name(text);
    assert!(name.len() <= MAX_NAME_LEN);
    assert_eq!(display_name(&name), name);
    let _ = parse_server_url(text);
    if let Ok(code) = text.parse::<RoomCode>() {
        assert_eq!(code.to_string().parse::<RoomCode>().unwrap(), code);
    }
    if let Ok(link) = text.parse::<InviteLink>() {
        let again: InviteLink = link.to_string().parse().unwrap();
        assert_eq!(again.to_string(), link.to_string());
    }
});
