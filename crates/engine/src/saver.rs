//! Saves settings and recent calls beside the engine's task: a disk may take seconds.
//!
//! One write at a time, and always the latest state: what changes while a file is being written is written once, after
//! it.

use std::io;
use std::sync::Arc;

use tokio::task::{JoinHandle, spawn_blocking};
use tracing::warn;

use crate::api::{RecentCall, Settings};
use crate::store::{SaveError, Store};

/// What waits to be written.
#[derive(Default)]
struct Unsaved {
    settings: Option<Settings>,
    recent: Option<Vec<RecentCall>>,
}

/// See the module's description.
pub(crate) struct Saver {
    store: Arc<Store>,
    unsaved: Unsaved,
    writing: Option<JoinHandle<Result<(), SaveError>>>,
    /// What stood in the way last; told once while it lasts.
    told: Option<io::ErrorKind>,
}

impl Saver {
    pub(crate) fn new(store: Store) -> Self {
        Self { store: Arc::new(store), unsaved: Unsaved::default(), writing: None, told: None }
    }

    /// Saves the settings, soon.
    pub(crate) fn settings(&mut self, settings: Settings) {
        self.unsaved.settings = Some(settings);
        self.write();
    }

    /// Saves the recent calls, soon.
    pub(crate) fn recent(&mut self, recent: Vec<RecentCall>) {
        self.unsaved.recent = Some(recent);
        self.write();
    }

    /// Starts the next write unless one is under way.
    fn write(&mut self) {
        let Unsaved { settings, recent } = &mut self.unsaved;
        if self.writing.is_some() || (settings.is_none() && recent.is_none()) {
            return;
        }
        let (settings, recent) = (settings.take(), recent.take());
        let store = Arc::clone(&self.store);
        self.writing = Some(spawn_blocking(move || {
            let settings = settings.map_or(Ok(()), |settings| store.save_settings(&settings));
            let recent = recent.map_or(Ok(()), |recent| store.save_recent(&recent));
            settings.and(recent)
        }));
    }

    /// Waits until something cannot be saved for another reason than before. Must be polled for writes to follow each
    /// other; cancel-safe.
    pub(crate) async fn failed(&mut self) -> SaveError {
        loop {
            if let Some(failed) = self.written().await {
                return failed;
            }
        }
    }

    /// Waits for the end of one write; for ever when there is none.
    async fn written(&mut self) -> Option<SaveError> {
        let Some(writing) = &mut self.writing else { return std::future::pending().await };
        let result = writing.await;
        self.writing = None;
        let news = match result {
            Ok(Ok(())) => {
                self.told = None;
                None
            }
            Ok(Err(error)) if self.told == Some(error.cause) => None,
            Ok(Err(error)) => {
                warn!(cause = ?error.cause, "settings could not be saved");
                self.told = Some(error.cause);
                Some(error)
            }
            Err(_) => {
                warn!("saving panicked");
                None
            }
        };
        self.write();
        news
    }

    /// Writes what is left, and says what could not be.
    pub(crate) async fn finish(&mut self) -> Option<SaveError> {
        let mut last = None;
        while self.writing.is_some() {
            last = self.written().await.or(last);
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn named(name: &str) -> Settings {
        Settings { name: name.into(), ..Settings::default() }
    }

    #[tokio::test]
    async fn the_latest_settings_are_what_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut saver = Saver::new(Store::new(Some(folder.path().into())));
        for number in 0..100 {
            saver.settings(named(&number.to_string()));
        }
        assert_eq!(saver.finish().await, None);
        assert_eq!(Store::new(Some(folder.path().into())).settings().name, "99");
    }

    #[tokio::test]
    async fn what_stands_in_the_way_is_told_once_and_again_after_it_was_gone() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("settings");
        // A file where the folder should be: nobody can write there, not even root.
        fs::write(&folder, "").unwrap();
        let mut saver = Saver::new(Store::new(Some(folder.clone())));
        saver.settings(named("a"));
        assert!(saver.finish().await.is_some());
        saver.settings(named("b"));
        saver.recent(Vec::new());
        assert_eq!(saver.finish().await, None, "told twice");

        fs::remove_file(&folder).unwrap();
        saver.settings(named("c"));
        assert_eq!(saver.finish().await, None);
        assert_eq!(Store::new(Some(folder.clone())).settings().name, "c");

        fs::remove_dir_all(&folder).unwrap();
        fs::write(&folder, "").unwrap();
        saver.settings(named("d"));
        assert!(saver.finish().await.is_some(), "it is told again");
    }
}
