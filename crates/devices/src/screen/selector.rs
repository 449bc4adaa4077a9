//! How a person or a script names a screen or window.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::ParseSelectorError;

/// What to share: `monitor` (the first one), `monitor:NAME`, `window:ID`, `portal`, `test-text`, `test-text:still`, or
/// `file:PATH.y4m`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScreenSelector {
    /// Everything on the screen of this name, or on the system's first one.
    Monitor(Option<String>),
    /// The window with this number (`0x1c00007` or `29360135`).
    Window(u32),
    /// What the person chooses in a dialog of the desktop's.
    Portal,
    /// Pages of text, drawn.
    TestText {
        /// Whether nothing ever changes on them.
        still: bool,
    },
    /// A YUV4MPEG2 file, in a loop.
    File(PathBuf),
}

impl FromStr for ScreenSelector {
    type Err = ParseSelectorError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || {
            let choices = "`monitor`, `monitor:NAME`, `window:ID`, `portal`, `test-text`, `test-text:still`, `file:PATH.y4m`";
            ParseSelectorError::new(text, "screen", choices)
        };
        let number = |id: &str| match id.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => id.parse().ok(),
        };
        match text.split_once(':') {
            None if text == "monitor" => Ok(Self::Monitor(None)),
            None if text == "portal" => Ok(Self::Portal),
            None if text == "test-text" => Ok(Self::TestText { still: false }),
            Some(("test-text", "still")) => Ok(Self::TestText { still: true }),
            Some(("monitor", name)) if !name.is_empty() => Ok(Self::Monitor(Some(name.into()))),
            Some(("window", id)) => number(id).map(Self::Window).ok_or_else(error),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            _ => Err(error()),
        }
    }
}

impl fmt::Display for ScreenSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Monitor(None) => f.write_str("monitor"),
            Self::Monitor(Some(name)) => write!(f, "monitor:{name}"),
            Self::Window(id) => write!(f, "window:{id:#x}"),
            Self::Portal => f.write_str("portal"),
            Self::TestText { still: false } => f.write_str("test-text"),
            Self::TestText { still: true } => f.write_str("test-text:still"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_selector_reads_back_what_it_writes() {
        for text in [
            "monitor",
            "monitor:DP-1",
            "window:0x1c00007",
            "portal",
            "test-text",
            "test-text:still",
            "file:a b.y4m",
        ] {
            assert_eq!(text.parse::<ScreenSelector>().unwrap().to_string(), text);
        }
        assert_eq!("window:29".parse(), Ok(ScreenSelector::Window(29)));
    }

    #[test]
    fn nonsense_is_refused_with_the_choices() {
        for text in ["", "screen", "window:", "window:x", "monitor:", "portal:", "test-text:moving", "file:"]
        {
            let error = text.parse::<ScreenSelector>().unwrap_err().to_string();
            assert!(error.contains("`window:ID`"), "{error}");
        }
    }
}
