//! A report of how a call went.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// The words of a report, in the language of whoever saves it. What is missing is English.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(default, rename_all = "camelCase")]
#[ts(export)]
pub struct ReportWords {
    /// The language, such as `de`.
    pub language: String,
    /// Whether it is written from right to left.
    pub right_to_left: bool,
    /// What stands before tenths: a point or a comma.
    pub decimal: String,
    /// Words by their codes; `{number}` and the like stay in them.
    pub words: BTreeMap<String, String>,
}
