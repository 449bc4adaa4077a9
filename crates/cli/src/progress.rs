//! What happens in a call, told in sentences.

use tincan_engine::api::{CallPhase, CallView, ConnectionView, Participant, Source};

/// What is to be said when the call went from `before` to `after`.
pub(crate) fn tell(before: Option<&CallView>, after: &CallView) -> Vec<String> {
    let mut said = Vec::new();
    if before.map(|call| call.phase) != Some(after.phase) {
        said.push(phase(after.phase).to_owned());
    }
    let was = |id: &str| before.and_then(|call| call.participants.iter().find(|other| other.id == id));
    for other in &after.participants {
        said.extend(about(was(&other.id), other));
    }
    for gone in before.map_or(&[][..], |call| &call.participants) {
        if !after.participants.iter().any(|other| other.id == gone.id) {
            said.push(format!("{} left.", name(gone)));
        }
    }
    match (before.is_some_and(|call| call.server_connected), after.server_connected) {
        (_, false)
            if before.and_then(|call| call.server_problem.as_ref()) != after.server_problem.as_ref() =>
        {
            said.extend(after.server_problem.as_ref().map(|problem| problem.message.clone()));
        }
        (false, true) if before.is_some_and(|call| call.phase != CallPhase::Joining) => {
            said.push("The server is back.".into());
        }
        _ => {}
    }
    let knocked = |id: &str| before.is_some_and(|call| call.knocks.iter().any(|knock| knock.id == id));
    for knock in after.knocks.iter().filter(|knock| !knocked(&knock.id)) {
        let name = if knock.name.is_empty() { "Somebody" } else { &knock.name };
        said.push(format!("{name} wants to come in."));
    }
    if before.is_some_and(|call| call.locked != after.locked) {
        let now = if after.locked { "The room is locked." } else { "The room is open." };
        said.push(now.into());
    }
    if let Some(number) =
        after.safety.as_ref().filter(|_| before.map(|call| &call.safety) != Some(&after.safety))
    {
        said.push(format!("To compare aloud: {}; {}.", number.words.join(", "), number.digits));
    }
    said
}

/// How somebody is called who has no name.
pub(crate) fn name(participant: &Participant) -> &str {
    if participant.name.is_empty() { "Somebody" } else { &participant.name }
}

const fn phase(phase: CallPhase) -> &'static str {
    match phase {
        CallPhase::Joining => "Joining…",
        CallPhase::Knocking => "The room is locked. Waiting until somebody lets you in.",
        CallPhase::Alone => "Waiting for somebody to join.",
        CallPhase::Connecting => "Connecting…",
        CallPhase::Connected => "Connected.",
        CallPhase::Reconnecting => "The connection is lost; reconnecting…",
    }
}

fn about(before: Option<&Participant>, after: &Participant) -> Vec<String> {
    let who = name(after);
    let mut said = Vec::new();
    match before.map(|before| before.name.as_str()) {
        // The name follows within a moment, or there is none and the connection tells.
        None if after.name.is_empty() => {}
        None | Some("") if !after.name.is_empty() => said.push(format!("{who} is here.")),
        Some(old) if old != after.name => said.push(format!("{old} is called {who} now.")),
        _ => {}
    }
    let Some(before) = before else { return said };
    if before.connection != after.connection {
        said.push(match after.connection {
            ConnectionView::Connecting => format!("Connecting to {who}…"),
            ConnectionView::Connected => format!("Connected to {who}."),
            ConnectionView::Reconnecting => format!("Reconnecting to {who}…"),
        });
    }
    let on = |on| if on { "on" } else { "off" };
    if before.microphone_on != after.microphone_on {
        said.push(format!("{who}: microphone {}.", on(after.microphone_on)));
    }
    let camera =
        |who: &Participant| who.streams.iter().any(|shown| shown.source == Source::Camera && shown.on);
    if camera(before) != camera(after) {
        said.push(format!("{who}: camera {}.", on(camera(after))));
    }
    let shares =
        |who: &Participant| who.streams.iter().any(|shown| shown.source == Source::Screen && shown.on);
    match (before.records, after.records) {
        (false, true) => said.push(format!("{who} records this call.")),
        (true, false) => said.push(format!("{who} stopped recording.")),
        _ => {}
    }
    match (shares(before), shares(after)) {
        (false, true) => said.push(format!("{who} shares their screen.")),
        (true, false) => said.push(format!("{who} shares their screen no more.")),
        _ => {}
    }
    said
}

#[cfg(test)]
pub(crate) mod tests {
    use tincan_engine::api::{Knock, SafetyNumber, StreamView, Trust};

    use super::*;
    use tincan_engine::api::Sentence;

    fn call(phase: CallPhase, participants: &[&Participant]) -> CallView {
        CallView {
            phase,
            code: "kqz4-m8tr-xp".into(),
            invite_link: "tincan://join/kqz4m8trxp".into(),
            server_connected: true,
            participants: participants.iter().map(|other| (*other).clone()).collect(),
            capacity: 8,
            ..CallView::default()
        }
    }

    pub(crate) fn ada() -> Participant {
        Participant {
            id: "0000000000000001".into(),
            name: "Ada".into(),
            connection: ConnectionView::Connecting,
            microphone_on: false,
            shares_sound: false,
            streams: vec![StreamView { source: Source::Camera, stream: 1, on: false, paused: false }],
            volume: 1.0,
            trust: Trust::Unconfirmed,
            late: false,
            hand: None,
            records: false,
            quality: 0,
        }
    }

    #[test]
    fn a_call_is_told_from_joining_to_leaving() {
        let connected = Participant { connection: ConnectionView::Connected, microphone_on: true, ..ada() };
        let steps = [
            (call(CallPhase::Joining, &[]), vec!["Joining…"]),
            (call(CallPhase::Alone, &[]), vec!["Waiting for somebody to join."]),
            (call(CallPhase::Connecting, &[&ada()]), vec!["Connecting…", "Ada is here."]),
            (
                call(CallPhase::Connected, &[&connected]),
                vec!["Connected.", "Connected to Ada.", "Ada: microphone on."],
            ),
            (call(CallPhase::Alone, &[]), vec!["Waiting for somebody to join.", "Ada left."]),
        ];
        let mut before = None;
        for (after, said) in steps {
            assert_eq!(tell(before.as_ref(), &after), said);
            before = Some(after);
        }
    }

    #[test]
    fn somebody_is_introduced_by_name_once_it_is_known() {
        let nameless = Participant { name: String::new(), ..ada() };
        let unknown = call(CallPhase::Connecting, &[&nameless]);
        let known = call(CallPhase::Connecting, &[&ada()]);
        assert_eq!(tell(None, &unknown), ["Connecting…"]);
        assert_eq!(tell(Some(&unknown), &known), ["Ada is here."]);
        let renamed = call(CallPhase::Connecting, &[&Participant { name: "Grace".into(), ..ada() }]);
        assert_eq!(tell(Some(&known), &renamed), ["Ada is called Grace now."]);
    }

    #[test]
    fn a_shared_screen_is_told_when_it_begins_and_ends() {
        let before = call(CallPhase::Connected, &[&ada()]);
        let mut sharing = ada();
        sharing.streams.push(StreamView { source: Source::Screen, stream: 2, on: true, paused: false });
        let after = call(CallPhase::Connected, &[&sharing]);
        assert_eq!(tell(Some(&before), &after), ["Ada shares their screen."]);
        assert_eq!(tell(Some(&after), &before), ["Ada shares their screen no more."]);
    }

    #[test]
    fn whoever_records_is_named() {
        let before = call(CallPhase::Connected, &[&ada()]);
        let after = call(CallPhase::Connected, &[&Participant { records: true, ..ada() }]);
        assert_eq!(tell(Some(&before), &after), ["Ada records this call."]);
        assert_eq!(tell(Some(&after), &before), ["Ada stopped recording."]);
    }

    #[test]
    fn what_is_compared_aloud_is_told_once() {
        let number = SafetyNumber { words: vec!["fire".into(), "horse".into()], digits: "2736 5362".into() };
        let before = call(CallPhase::Connected, &[&ada()]);
        let after = CallView { safety: Some(number), ..before.clone() };
        assert_eq!(tell(Some(&before), &after), ["To compare aloud: fire, horse; 2736 5362."]);
        assert!(tell(Some(&after), &after).is_empty());
    }

    #[test]
    fn whoever_knocks_and_the_lock_are_told() {
        let before = call(CallPhase::Connected, &[&ada()]);
        let knock = Knock { id: "1".into(), name: "Grace".into() };
        let after = CallView { locked: true, knocks: vec![knock], ..before.clone() };
        assert_eq!(tell(Some(&before), &after), ["Grace wants to come in.", "The room is locked."]);
        assert!(tell(Some(&after), &after).is_empty());
        assert_eq!(tell(Some(&after), &before), ["The room is open."]);
    }

    #[test]
    fn nothing_new_is_nothing_said_and_the_server_is_told_when_it_goes_and_comes() {
        let here = call(CallPhase::Connected, &[&ada()]);
        let problem = Some(Sentence::new("server_lost", "The server cannot be reached."));
        let away = CallView { server_connected: false, server_problem: problem, ..here.clone() };
        assert!(tell(Some(&here), &here).is_empty());
        assert_eq!(tell(Some(&here), &away), ["The server cannot be reached."]);
        assert!(tell(Some(&away), &away).is_empty());
        assert_eq!(tell(Some(&away), &here), ["The server is back."]);
    }
}
