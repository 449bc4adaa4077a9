//! What the desktop is told about a call while the person looks elsewhere: that somebody came, knocks or wrote (a notification, the
//! window's button in the task bar), and that the screen is to stay on.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tauri::{AppHandle, Manager, UserAttentionType};
use tauri_plugin_notification::NotificationExt;
use tincan_engine::api::{
    CallView, ChatChange, ChatMessage, ChatView, Event, FileOffer, FileState, FilesChange, FilesView, Knock,
    NumberedEvent, Sentence, Settings, Snapshot,
};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tracing::debug;

use crate::awake::Awake;
use crate::outgoing::Outgoing;
use crate::window::{self, Closing};
use crate::words;

/// The notice that somebody came into the call.
const JOINED: &str = "participant_joined";
/// Somebody who writes one line after the other is told of once in a while.
const BETWEEN_MESSAGES: Duration = Duration::from_secs(5);
/// What was written longer ago is history, which whoever has just come reads in the window.
const NEWS: Duration = Duration::from_secs(60);
/// A notification has room for so many letters.
const FIRST_LINE: usize = 120;

/// Watches until the engine ends.
pub(crate) async fn watch(app: AppHandle, subscription: (Snapshot, Receiver<NumberedEvent>)) {
    let (snapshot, mut events) = subscription;
    let mut desktop = Desktop {
        app,
        settings: snapshot.settings,
        call: Call::None,
        knocks: Vec::new(),
        awake: None,
        chat: snapshot.chat,
        files: snapshot.files,
        told: None,
    };
    desktop.call_changed(snapshot.call.as_ref());
    loop {
        match events.recv().await {
            Ok(numbered) => desktop.event(numbered.event),
            // Notices that were missed are late by now, and the call's next view comes within a second.
            Err(RecvError::Lagged(missed)) => debug!(missed, "the desktop was not told everything"),
            Err(RecvError::Closed) => return,
        }
    }
}

/// What there is that closing the window would end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    None,
    Test,
    WithPeople,
}

struct Desktop {
    app: AppHandle,
    settings: Settings,
    call: Call,
    /// Who waits to be let in.
    knocks: Vec<String>,
    /// While there is a call.
    awake: Option<Awake>,
    chat: Option<ChatView>,
    files: FilesView,
    /// When somebody's words were told last.
    told: Option<Instant>,
}

impl Desktop {
    fn event(&mut self, event: Event) {
        match event {
            Event::Settings { settings } => {
                self.settings = settings;
                self.guard();
            }
            Event::Call { call } => self.call_changed(call.as_ref()),
            Event::Notice { notice } if notice.said.code == JOINED => self.came(notice.said),
            Event::Chat { change } => {
                let news = news(self.chat.as_ref(), &change, SystemTime::now());
                change.apply(&mut self.chat);
                if let Some(said) = news {
                    self.wrote(vec![said]);
                }
            }
            Event::Files { change } => self.files_changed(&change),
            _ => {}
        }
    }

    fn call_changed(&mut self, call: Option<&CallView>) {
        let waiting = call.map_or(&[][..], |call| &call.knocks);
        for said in knock_news(&self.knocks, waiting) {
            self.came(said);
        }
        self.knocks = waiting.iter().map(|knock| knock.id.clone()).collect();
        let now = match call {
            None => Call::None,
            Some(call) if call.test => Call::Test,
            Some(_) => Call::WithPeople,
        };
        if now == self.call {
            return;
        }
        self.call = now;
        self.awake = (now != Call::None).then(Awake::start);
        self.guard();
    }

    /// Closing the window by mistake must not end a call with people.
    fn guard(&self) {
        let guarded = self.call == Call::WithPeople && self.settings.ask_before_closing;
        self.app.state::<Closing>().guard(guarded);
    }

    fn files_changed(&mut self, change: &FilesChange) {
        let news = file_news(&self.files, change);
        change.apply(&mut self.files);
        if let FilesChange::Dropped { offer } = change {
            self.app.state::<Arc<Outgoing>>().dropped(offer);
        }
        if let Some(said) = news {
            self.wrote(said);
        }
    }

    fn wrote(&mut self, said: Vec<Sentence>) {
        let now = Instant::now();
        let soon = self.told.is_some_and(|at| now.duration_since(at) < BETWEEN_MESSAGES);
        if soon || !self.settings.notify_on_chat {
            return;
        }
        let Some(main) = window::main(&self.app) else { return };
        if !main.is_focused().unwrap_or(false) {
            self.told = Some(now);
            self.notify(said);
        }
    }

    /// In the window's words, for which nothing else here waits.
    fn notify(&self, said: Vec<Sentence>) {
        let app = self.app.clone();
        tauri::async_runtime::spawn(async move {
            let text = words::say(&app, &said).await;
            if let Err(error) = app.notification().builder().title("Tincan").body(text).show() {
                debug!(%error, "no notification could be shown");
            }
        });
    }

    /// Somebody is here or at the door. Whoever looks at the window sees it there.
    fn came(&self, said: Sentence) {
        let Some(main) = window::main(&self.app) else { return };
        if main.is_focused().unwrap_or(false) {
            return;
        }
        if self.settings.attention_on_join
            && let Err(error) = main.request_user_attention(Some(UserAttentionType::Informational))
        {
            debug!(%error, "the window could not ask for attention");
        }
        if self.settings.notify_on_join {
            self.notify(vec![said]);
        }
    }
}

/// What is to be told of those who wait to be let in: of each once.
fn knock_news(known: &[String], waiting: &[Knock]) -> Vec<Sentence> {
    let new = waiting.iter().filter(|knock| !known.contains(&knock.id));
    new.map(|Knock { name, .. }| {
        let english = format!("{} asks to be let in.", somebody(name));
        Sentence::new("told_knock", english).with("name", name.as_str())
    })
    .collect()
}

/// In English; the window has a word of its own for whoever gave no name.
fn somebody(name: &str) -> &str {
    if name.is_empty() { "Somebody" } else { name }
}

/// What is to be told of a change of the chat: the first line of what somebody else has just written.
fn news(chat: Option<&ChatView>, change: &ChatChange, now: SystemTime) -> Option<Sentence> {
    let (chat, ChatChange::Message { message }) = (chat?, change) else { return None };
    let ChatMessage { id, author, at, text, passed_on_by, .. } = message;
    let now = now.duration_since(UNIX_EPOCH).ok()?.as_millis() as u64;
    let is_old = u128::from(now.abs_diff(*at)) > NEWS.as_millis();
    if *author == chat.me || chat.message(id).is_some() || passed_on_by.is_some() || is_old {
        return None;
    }
    let name = chat.names.get(author).map_or("", String::as_str);
    let first: String = text.as_ref()?.lines().next()?.chars().take(FIRST_LINE).collect();
    let english = format!("{}: {first}", somebody(name));
    Some(Sentence::new("told_message", english).with("name", name).with("text", first))
}

/// What is to be told of a change of the files: that somebody offers some, that they are here, or that they do not come.
fn file_news(files: &FilesView, change: &FilesChange) -> Option<Vec<Sentence>> {
    let FilesChange::Offer { offer } = change else { return None };
    let [transfer] = offer.transfers.as_slice() else { return None };
    if offer.ours {
        return None;
    }
    let before = files.offers.iter().find(|one| one.id == offer.id);
    let before = before.and_then(|offer| offer.transfers.first()).map(|transfer| transfer.state);
    if before == Some(transfer.state) {
        return None;
    }
    let (file, count) = called(offer);
    let what = if count == 1 { file.clone() } else { format!("{count} files") };
    let about = |said: Sentence| said.with("file", file.as_str()).with("count", count);
    match (before, transfer.state) {
        (None, FileState::Offered) => {
            let name = offer.author_name.as_str();
            let english = format!("{} offers {what}", somebody(name));
            Some(vec![about(Sentence::new("told_offer", english)).with("name", name)])
        }
        // What was done before the window was there is no news.
        (None, _) => None,
        (Some(_), FileState::Done) => {
            Some(vec![about(Sentence::new("told_received", format!("{what}: received and verified")))])
        }
        (Some(_), FileState::Failed) => {
            let mut said =
                vec![about(Sentence::new("told_not_received", format!("{what}: this did not come.")))];
            said.extend(transfer.problem.clone());
            Some(said)
        }
        _ => None,
    }
}

/// The name of the one thing that is offered, or how many there are.
fn called(offer: &FileOffer) -> (String, u32) {
    match offer.items.as_slice() {
        [item] => (item.name.chars().take(FIRST_LINE).collect(), 1),
        // One is called by its name.
        _ => (String::new(), offer.files.max(2)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_who_knocks_is_told_of_once() {
        let knock = |id: &str, name: &str| Knock { id: id.into(), name: name.into() };
        let waiting = [knock("a", "Ada"), knock("b", "")];
        let said = |known: &[String]| -> Vec<String> {
            knock_news(known, &waiting).into_iter().map(|sentence| sentence.message).collect()
        };
        assert_eq!(said(&[]), ["Ada asks to be let in.", "Somebody asks to be let in."]);
        assert_eq!(said(&["b".to_owned()]), ["Ada asks to be let in."]);
        assert!(knock_news(&["a".to_owned(), "b".to_owned()], &waiting).is_empty());
    }

    #[test]
    fn only_what_others_have_just_written_is_told_of() {
        let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let message = |author: &str, number: u64, ago: u64| ChatMessage {
            id: format!("{number}-{author}"),
            number,
            author: author.into(),
            at: 1_700_000_000_000 - ago * 1000,
            to: None,
            reply: None,
            text: Some("one\ntwo".into()),
            edited: false,
            passed_on_by: None,
            reactions: Vec::new(),
        };
        let names = [("a".to_owned(), "Ada".to_owned())].into();
        let chat =
            ChatView { me: "m".into(), messages: vec![message("a", 1, 9)], names, ..ChatView::default() };
        let told = |message: ChatMessage| {
            news(Some(&chat), &ChatChange::Message { message }, now).map(|sentence| sentence.message)
        };
        assert_eq!(told(message("a", 2, 0)).as_deref(), Some("Ada: one"));
        assert_eq!(told(message("b", 2, 0)).as_deref(), Some("Somebody: one"));
        for old in [
            message("m", 2, 0),
            message("a", 1, 9),
            message("a", 2, 600),
            ChatMessage { text: None, ..message("a", 2, 0) },
            ChatMessage { passed_on_by: Some("a".into()), ..message("z", 2, 0) },
        ] {
            assert_eq!(told(old), None);
        }
    }
}
