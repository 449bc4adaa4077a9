//! The window: a Tauri shell around the engine. It opens the window, hands its commands to the engine, brings
//! pictures in over the frame socket, and runs the signalling server for calls on the local network.
//!
//! **Invariant:** no logic of calls, media or settings in here, and nothing else imports `tauri`.
#![forbid(unsafe_code)]
// A released program opens no console beside its window.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

mod args;
mod awake;
mod clipboard;
mod commands;
mod desktop;
mod dialogs;
#[cfg(target_os = "linux")]
mod drawing;
mod files;
mod frame_socket;
mod links;
mod local_server;
mod outgoing;
mod outside;
mod pictures;
mod shell;
mod window;
mod words;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use tauri::{AppHandle, Manager, RunEvent, WindowEvent};
use tauri_plugin_deep_link::DeepLinkExt;
use tincan_engine::{Engine, EngineConfig};
use tracing_subscriber::EnvFilter;

use args::Args;
use dialogs::Dialogs;
use frame_socket::{FrameHub, FrameSocket};
use links::{Link, PendingLink};
use local_server::LocalRooms;
use outgoing::Outgoing;
use pictures::Pictures;
use shell::Shell;

/// Threads come and go with every call, and each would leave an arena of the system's allocator behind: over 200 calls
/// that was 150 MB.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args = Args::parse();
    let filter =
        EnvFilter::new(tincan_signal_server::log_filter(std::env::var("TINCAN_LOG").ok().as_deref(), "warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    #[cfg(target_os = "linux")]
    if let Err(error) = drawing::choose() {
        tracing::warn!(%error, "the window draws slowly: the program could not start itself anew");
    }
    if !window::has_screen() {
        eprintln!(
            "There is no screen to open a window on: DISPLAY or WAYLAND_DISPLAY must name one that answers. Start \
             Tincan on a desktop; `tincan call` takes part in a call without a window."
        );
        return Ok(ExitCode::FAILURE);
    }

    // Tauri's own has a worker for each processor.
    let runtime = tincan_engine::runtime()?;
    tauri::async_runtime::set(runtime.handle().clone());
    let mut builder = tauri::Builder::default();
    // With a data folder of its own it is another person's Tincan, such as the second one of a test.
    if args.data_dir.is_none() {
        builder = builder.plugin(tauri_plugin_single_instance::init(|app, arguments, _folder| {
            match Link::among(&arguments) {
                Some(link) => window::show_link(app, link),
                None => window::bring_to_front(app),
            }
        }));
    }
    builder
        .plugin(tauri_plugin_deep_link::init())
        .plugin(tauri_plugin_dialog::init())
        .plugin(tauri_plugin_notification::init())
        .plugin(window::remembered(args.data_dir.as_deref()))
        .invoke_handler(tauri::generate_handler![
            commands::dispatch,
            commands::subscribe,
            commands::frame_socket,
            commands::draws_pictures,
            commands::lay_out_pictures,
            commands::take_link,
            commands::set_title,
            commands::close_window,
            commands::open_address,
            words::give_words,
            files::choose_files,
            files::paste_picture,
            files::paste_clipboard,
            files::discard_files,
            files::offer_files,
            files::accept_files_as,
            files::reveal_files,
            files::reveal_recording,
            files::save_chat,
            files::save_report,
        ])
        .manage(words::Words::default())
        .setup(move |app| set_up(app.handle(), &args))
        .build(tauri::generate_context!())?
        .run(|app, event| match event {
            RunEvent::WindowEvent { event: WindowEvent::CloseRequested { api, .. }, .. }
                if window::asks_before_closing(app) =>
            {
                api.prevent_close();
            }
            RunEvent::WindowEvent { event: WindowEvent::DragDrop(event), .. } => files::dragged(app, &event),
            RunEvent::Exit => {
                if let Some(shell) = app.try_state::<Shell>() {
                    tauri::async_runtime::block_on(shell.shutdown());
                }
                if let Some(pictures) = app.try_state::<Pictures>() {
                    pictures.close();
                }
                if let Some(outgoing) = app.try_state::<Arc<Outgoing>>() {
                    outgoing.clear();
                }
            }
            _ => {}
        });
    Ok(ExitCode::SUCCESS)
}

fn set_up(app: &AppHandle, args: &Args) -> Result<(), Box<dyn Error>> {
    let data_dir = args.data_dir.clone().map_or_else(|| app.path().app_data_dir(), Ok)?;
    let cache = args.data_dir.clone().map_or_else(|| app.path().app_cache_dir(), Ok)?;
    let frames = Arc::new(FrameHub::default());
    let pictures = Pictures::new(Arc::clone(&frames), args.pictures.native(), args.note_pictures.as_deref());
    let pending = PendingLink::default();
    if let Some(link) = &args.link {
        pending.put(Link::typed(link));
    }
    let local_rooms = LocalRooms::default();
    let config = EngineConfig {
        data_dir: Some(data_dir),
        downloads: app.path().download_dir().ok(),
        recordings: recordings(app),
        frames: Arc::<FrameHub>::clone(&frames),
        local_server: Some(Arc::new(local_rooms.clone())),
        overrides: args.overrides(),
    };
    let (engine, subscription, socket) = tauri::async_runtime::block_on(async {
        let socket = FrameSocket::start(frames).await?;
        let engine = Engine::start(config);
        let subscription = engine.subscribe().await?;
        Ok::<_, Box<dyn Error>>((engine, subscription, socket))
    })?;
    app.manage(pending);
    app.manage(pictures);
    app.manage(socket);
    app.manage(window::Closing::default());
    app.manage(Dialogs::default());
    app.manage(Arc::new(Outgoing::new(cache.join("pasted"))));
    let theme = subscription.0.settings.theme;
    tauri::async_runtime::spawn(desktop::watch(app.clone(), subscription));
    app.manage(Shell::new(engine, local_rooms));

    // macOS brings links by an event, the other systems as an argument of a (second) start.
    let handle = app.clone();
    app.deep_link().on_open_url(move |event| {
        if let Some(link) = event.urls().iter().find_map(|url| Link::parse(url.as_str())) {
            window::show_link(&handle, link);
        }
    });
    exit_on_signals(app.clone());
    window::open(app, theme, args.data_dir.as_deref())?;
    Ok(())
}

/// Where recordings go: among the person's videos, where the system has such a place.
fn recordings(app: &AppHandle) -> Option<PathBuf> {
    let paths = app.path();
    paths.video_dir().or_else(|_| paths.download_dir()).or_else(|_| paths.home_dir()).ok()
}

/// Ctrl-C and SIGTERM close the program as its window does: the call is left and the camera's light goes out.
fn exit_on_signals(app: AppHandle) {
    tauri::async_runtime::spawn(async move {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let Ok(mut terminated) = signal(SignalKind::terminate()) else { return };
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminated.recv() => {}
            }
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            return;
        }
        app.exit(0);
    });
}
