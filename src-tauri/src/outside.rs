//! What leaves the window for the system: an address of the chat to the browser, a received file to the file manager.
//! Nothing that somebody sent is ever opened or run from here.

use std::path::{Path, PathBuf};

use tauri::Url;
use tincan_engine::api::CommandError;
use tokio::task::spawn_blocking;

use crate::shell::refusal;

/// As much as a message has room for.
const MAX_ADDRESS: usize = 4_096;

/// An address that a browser or a mail program may be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address(Url);

impl Address {
    /// Takes `http`, `https` and `mailto`; other schemes start programs. User names in an address only make it look like
    /// another one, and what follows the `?` of a mail address attaches files in some mail programs.
    ///
    /// # Errors
    /// A sentence for the person.
    pub(crate) fn parse(text: &str) -> Result<Self, CommandError> {
        let refused = || {
            refusal("address_refused", "Tincan does not open this address. Copy it instead, if you trust it.")
        };
        if text.len() > MAX_ADDRESS {
            return Err(refused());
        }
        let url = Url::parse(text).map_err(|_| refused())?;
        let opens = match url.scheme() {
            "http" | "https" => url.has_host() && url.username().is_empty() && url.password().is_none(),
            "mailto" => url.path().contains('@') && url.query().is_none() && url.fragment().is_none(),
            _ => false,
        };
        if opens { Ok(Self(url)) } else { Err(refused()) }
    }

    /// Hands it to the program that the person chose for such addresses.
    ///
    /// # Errors
    /// A sentence for the person, where there is no such program.
    pub(crate) async fn open(self) -> Result<(), CommandError> {
        let opened = spawn_blocking(move || tauri_plugin_opener::open_url(self.0, None::<&str>)).await;
        opened.map_err(|_| no_program())?.map_err(|error| {
            tracing::warn!(%error, "an address was not opened");
            no_program()
        })
    }
}

fn no_program() -> CommandError {
    refusal("address_not_opened", "No program on this computer opens this address. Copy it instead.")
}

/// Shows a file where it lies, in the system's file manager.
///
/// # Errors
/// A sentence for the person, when it is not there any more or there is no file manager.
pub(crate) async fn reveal(path: PathBuf) -> Result<(), CommandError> {
    let shown = spawn_blocking(move || {
        if !path.exists() {
            let gone = "The file is not there any more. It was moved, renamed or deleted.";
            return Err(refusal("file_gone", gone));
        }
        in_its_folder(&path)
    });
    shown.await.unwrap_or_else(|_| Err(no_file_manager()))
}

fn in_its_folder(path: &Path) -> Result<(), CommandError> {
    let Err(error) = tauri_plugin_opener::reveal_item_in_dir(path) else { return Ok(()) };
    // Not every file manager can point at a file. A folder is the only thing that is opened, never the file.
    tracing::debug!(%error, "the file manager points at no files");
    let folder = path.parent().filter(|folder| folder.is_dir()).ok_or_else(no_file_manager)?;
    tauri_plugin_opener::open_path(folder, None::<&str>).map_err(|error| {
        tracing::warn!(%error, "no file manager was opened");
        no_file_manager()
    })
}

fn no_file_manager() -> CommandError {
    refusal("no_file_manager", "No file manager was found on this computer that shows the file.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_web_and_of_people_are_opened() {
        for text in [
            "https://example.org/a?b=c#d",
            "http://localhost:8000",
            "HTTPS://EXAMPLE.ORG",
            "mailto:ada@example.org",
        ] {
            assert!(Address::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn whatever_starts_a_program_or_hides_where_it_leads_is_refused() {
        let endless = format!("https://example.org/{}", "a".repeat(MAX_ADDRESS));
        for text in [
            "",
            "example.org",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "data:text/html,x",
            "tincan://join/aaaaaaaaaa",
            "smb://example.org/share",
            "ms-msdt:/id",
            "-https://example.org",
            "https://bank.example@evil.example/",
            "https://user:word@evil.example/",
            "mailto:",
            "mailto:ada@example.org?attach=/etc/passwd",
            "mailto:ada@example.org#x",
            endless.as_str(),
        ] {
            assert_eq!(Address::parse(text).unwrap_err().code, "address_refused", "{text}");
        }
    }

    #[test]
    fn an_internationalized_host_is_opened_by_the_name_that_the_network_knows() {
        let Address(url) = Address::parse("https://exämple.org/").unwrap();
        assert_eq!(url.as_str(), "https://xn--exmple-cua.org/");
    }
}
