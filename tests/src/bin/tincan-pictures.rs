//! What `cargo xtask pictures` runs: takes the pictures that the README shows, of the real window, in calls with drawn people.
//! The argument says into which folder.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tincan_tests::participant::Participant;
use tincan_tests::server::Server;
use tincan_tests::window::{Screen, Window, new_call, picture_of};
use tokio::process::Command;

/// Whoever reads the README on a train loads all three.
const MOST_BYTES: u64 = 300_000;
/// Who is called, and the seed that they are drawn by.
const PEOPLE: [(&str, u64); 3] = [("Ada", 7), ("Grace", 5), ("Alan", 2)];
/// A shared screen's picture rate: it does not move.
const STILL_RATE: &str = "5";

#[tokio::main]
async fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("Usage: tincan-pictures FOLDER");
        return ExitCode::FAILURE;
    };
    match take(&folder).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

async fn take(folder: &Path) -> Result<(), String> {
    let work = tempfile::tempdir().map_err(|error| format!("no folder to work in: {error}"))?;
    let (server, screen) = (Server::start().await, Screen::start().await);
    let url = server.url();
    let window = Window::open(
        &screen,
        &work.path().join("data"),
        &[
            "--server",
            &url,
            "--name",
            "Robin",
            "--camera",
            "portrait:3",
            "--microphone",
            "none",
            "--speaker",
            "none",
        ],
    )
    .await;

    let code = new_call(&window).await;
    let mut people = Vec::new();
    for (name, face) in PEOPLE {
        let portrait = format!("portrait:{face}");
        let arguments = [&code, "--chat", "--camera", &portrait, "--microphone", "none", "--speaker", "none"];
        let person = Participant::start(name, &url, &arguments);
        window.shows(&picture_of(name)).await;
        people.push(person);
    }
    window.press("chat").await;
    talk(&window, &mut people).await;
    picture(&window, &screen, &folder.join("call.png")).await?;

    window.press("leave").await;
    window.press("after-home").await;
    window.shows("call-again").await;
    let home = folder.join("home.png");
    picture(&window, &screen, &home).await?;

    // The others waited. One of them shows how that looks.
    let film = work.path().join("film.y4m");
    film_of(&home, &film).await?;
    window.press("call-again").await;
    window.press("lobby-join").await;
    for (name, _) in PEOPLE {
        window.shows(&picture_of(name)).await;
    }
    people[1].say(&format!("/share file:{}", film.display())).await;
    window.shows("screen-tile").await;
    window.shows("screen-canvas").await;
    picture(&window, &screen, &folder.join("share.png")).await?;
    for person in people {
        person.leave().await;
    }
    window.close().await;
    Ok(())
}

/// A few words of each.
async fn talk(window: &Window, people: &mut [Participant]) {
    let mut said = 0;
    for (who, words) in [
        (0, "Good morning! Everybody here?"),
        (1, "Here, with coffee. The train leaves at ten, so I have half an hour."),
        (2, "I put last week's notes on the whiteboard."),
        (0, "Thanks, Alan. Grace, will you show us the plan?"),
    ] {
        people[who].say(words).await;
        said += 1;
        window.counts("chat-message", said).await;
    }
    window.write("chat-composer", "Yes please!").await;
    window.press("chat-send").await;
    window.counts("chat-message", said + 1).await;
}

/// A picture of the screen as it is once nothing moves any more but people, in 256 colours.
async fn picture(window: &Window, screen: &Screen, path: &Path) -> Result<(), String> {
    window.hides("toast").await;
    window.settled().await;
    let full = path.with_extension("full.png");
    screen.photograph(&full).await;
    let filter = "split[a][b];[a]palettegen=stats_mode=single[p];[b][p]paletteuse=dither=bayer:bayer_scale=4";
    let mut command = Command::new("ffmpeg");
    command.args(["-loglevel", "error", "-y", "-i"]).arg(&full).args(["-filter_complex", filter]).arg(path);
    run(command).await?;
    let said = |error| format!("{}: {error}", path.display());
    std::fs::remove_file(&full).map_err(said)?;
    let bytes = std::fs::metadata(path).map_err(said)?.len();
    println!("{}: {bytes} bytes", path.display());
    if bytes > MOST_BYTES {
        return Err(format!("{} has {bytes} bytes, more than {MOST_BYTES}.", path.display()));
    }
    Ok(())
}

/// A film in which nothing moves.
async fn film_of(picture: &Path, film: &Path) -> Result<(), String> {
    let mut command = Command::new("ffmpeg");
    command.args(["-loglevel", "error", "-y", "-loop", "1", "-r", STILL_RATE, "-i"]).arg(picture);
    command.args(["-frames:v", STILL_RATE, "-pix_fmt", "yuv420p"]).arg(film);
    run(command).await
}

async fn run(mut command: Command) -> Result<(), String> {
    match command.status().await {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("ffmpeg ended with {status}.")),
        Err(error) => Err(format!("ffmpeg does not start: {error}. Install it.")),
    }
}
