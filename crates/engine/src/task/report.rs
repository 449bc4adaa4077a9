//! The report of how a call went, written into a file.

use std::path::PathBuf;
use std::time::Instant;

use tokio::task::spawn_blocking;

use super::{Answer, Done, EngineTask, error};
use crate::api::{Reply, ReportWords};
use crate::call::unix_millis;
use crate::{new_file, report};

impl EngineTask {
    /// Writes what is known of the call, or of the last one.
    pub(super) fn save_report(
        &mut self,
        file: Option<String>,
        replace: bool,
        utc_offset: i32,
        words: ReportWords,
        answer: Answer,
    ) {
        let Some(history) = self.publisher.history().cloned() else {
            let none = error("no_report", "There was no call yet of which there could be a report.");
            return drop(answer.send(Err(none)));
        };
        let place = match (file, &self.config.downloads) {
            (Some(file), _) if replace => new_file::Place::Instead(PathBuf::from(file)),
            (Some(file), _) => new_file::Place::File(PathBuf::from(file)),
            (None, Some(folder)) => new_file::Place::In(folder.clone(), unix_millis()),
            (None, None) => {
                let nowhere =
                    error("report_no_folder", "Say where to save the report: the name of a new file.");
                return drop(answer.send(Err(nowhere)));
            }
        };
        let now = Instant::now();
        self.work.spawn(async move {
            let saved = spawn_blocking(move || {
                let page = report::write(&history, now, utc_offset, words);
                new_file::save(&report::REPORT, &place, utc_offset, page.as_bytes())
            });
            let result = saved
                .await
                .unwrap_or_else(|_| Err(error("internal", "The report could not be saved. Try again.")))
                .map(|path| Reply::Saved { file: path.display().to_string() });
            let _ = answer.send(result);
            Done::Nothing
        });
    }
}
