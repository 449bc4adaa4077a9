//! `tincan screens`.

use std::sync::Arc;

use tincan_engine::api::{Command, Reply, ScreenChoice, ScreenKind};
use tincan_engine::{Engine, Overrides};

use crate::frames::Frames;
use crate::{Exit, engine_config, output};

pub(crate) async fn run(json: bool) -> Exit {
    let engine = Engine::start(engine_config(Arc::new(Frames::default()), Overrides::default()));
    let listed = engine.dispatch(Command::ListScreens).await;
    engine.shutdown().await;
    let screens = match listed {
        Ok(Reply::Screens { screens, .. }) => screens,
        Ok(_) => Vec::new(),
        Err(error) => {
            eprintln!("{} ({})", error.message, error.code);
            return Exit::Problem;
        }
    };
    if json {
        let Ok(text) = serde_json::to_string_pretty(&screens) else { return Exit::Problem };
        output::say(&text);
    } else {
        output::say(&table(&screens));
    }
    Exit::Fine
}

fn table(screens: &[ScreenChoice]) -> String {
    let width = screens.iter().map(|screen| screen.id.len()).max().unwrap_or(0);
    let row = |screen: &ScreenChoice| {
        let note =
            if screen.picture.is_none() && screen.kind == ScreenKind::Window { " (minimised)" } else { "" };
        format!("  {:width$}  {}{note}", screen.id, screen.name)
    };
    screens.iter().map(row).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_shared_is_listed_with_what_to_say_for_it() {
        let screen = |id: &str, name: &str, kind, picture: Option<&str>| ScreenChoice {
            id: id.into(),
            name: name.into(),
            kind,
            picture: picture.map(str::to_owned),
        };
        let listed = table(&[
            screen("monitor:DP-1", "Screen DP-1", ScreenKind::Monitor, Some("data:")),
            screen("window:0x12", "Letters", ScreenKind::Window, None),
        ]);
        assert_eq!(listed, "  monitor:DP-1  Screen DP-1\n  window:0x12   Letters (minimised)");
    }
}
