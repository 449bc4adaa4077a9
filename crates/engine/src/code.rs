//! What a person types or pastes to join.

use tincan_protocol::{CheckedInvite, InviteLink};

use crate::api::{CommandError, Reply, Sentence};

/// Spells and checks what was typed so far.
pub(crate) fn check(text: &str) -> Reply {
    let checked = CheckedInvite::check(text);
    Reply::Code {
        formatted: checked.formatted,
        complete: checked.invite.is_some(),
        server: checked.invite.and_then(|invite| invite.server).map(|server| server.to_string()),
        problem: checked.problem.as_ref().map(Sentence::from),
    }
}

/// The invite that was typed.
///
/// # Errors
/// What is wrong with it, as a sentence.
pub(crate) fn invite(text: &str) -> Result<InviteLink, CommandError> {
    let checked = CheckedInvite::check(text);
    checked.invite.ok_or_else(|| {
        let incomplete = || {
            let message =
                "This code is not complete. A code has ten (or twenty) letters and digits, such as kqz4-m8tr-xp.";
            Sentence::new("bad_code", message).with("why", "incomplete")
        };
        checked.problem.as_ref().map_or_else(incomplete, Sentence::from).into()
    })
}
