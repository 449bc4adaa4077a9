//! What a person types or pastes to join.

use tincan_protocol::{CheckedInvite, InviteLink};

use crate::api::{CommandError, Reply};

/// Spells and checks what was typed so far.
pub(crate) fn check(text: &str) -> Reply {
    let checked = CheckedInvite::check(text);
    Reply::Code {
        formatted: checked.formatted,
        complete: checked.invite.is_some(),
        server: checked.invite.and_then(|invite| invite.server).map(|server| server.to_string()),
        problem: checked.problem,
    }
}

/// The invite that was typed.
///
/// # Errors
/// What is wrong with it, as a sentence.
pub(crate) fn invite(text: &str) -> Result<InviteLink, CommandError> {
    let checked = CheckedInvite::check(text);
    checked.invite.ok_or_else(|| CommandError {
        code: "bad_code".into(),
        message: checked.problem.unwrap_or_else(|| {
            "This code is not complete. A code has ten (or twenty) letters and digits, such as kqz4-m8tr-xp.".into()
        }),
    })
}
