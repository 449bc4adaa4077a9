//! What the desktop is told about a call while the person looks elsewhere: that somebody came (a notification, the
//! window's button in the task bar), and that the screen is to stay on.

use tauri::{AppHandle, Manager, UserAttentionType};
use tauri_plugin_notification::NotificationExt;
use tincan_engine::api::{CallView, Event, Notice, NumberedEvent, Settings, Snapshot};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tracing::debug;

use crate::awake::Awake;
use crate::window::{self, Closing};

/// The notice that somebody came into the call.
const JOINED: &str = "participant_joined";

/// Watches until the engine ends.
pub(crate) async fn watch(app: AppHandle, subscription: (Snapshot, Receiver<NumberedEvent>)) {
    let (snapshot, mut events) = subscription;
    let mut desktop = Desktop { app, settings: snapshot.settings, call: Call::None, awake: None };
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
    /// While there is a call.
    awake: Option<Awake>,
}

impl Desktop {
    fn event(&mut self, event: Event) {
        match event {
            Event::Settings { settings } => {
                self.settings = settings;
                self.guard();
            }
            Event::Call { call } => self.call_changed(call.as_ref()),
            Event::Notice { notice } if notice.code == JOINED => self.joined(&notice),
            _ => {}
        }
    }

    fn call_changed(&mut self, call: Option<&CallView>) {
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

    /// Whoever looks at the window sees it there.
    fn joined(&self, notice: &Notice) {
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
            let shown = self.app.notification().builder().title("Tincan").body(&notice.message).show();
            if let Err(error) = shown {
                debug!(%error, "no notification could be shown");
            }
        }
    }
}
