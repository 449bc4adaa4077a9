//! Ctrl-C and SIGTERM.

use tokio::sync::mpsc;

/// Requests to stop, one item each. A second one that comes while the first is being followed forces the end.
pub(crate) fn requests() -> mpsc::Receiver<()> {
    let (sender, receiver) = mpsc::channel(2);
    tokio::spawn(async move {
        loop {
            one().await;
            if sender.send(()).await.is_err() {
                return;
            }
        }
    });
    receiver
}

#[cfg(unix)]
async fn one() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => terminate.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => if interrupted.is_err() {
            std::future::pending::<()>().await;
        },
        _ = terminate => {}
    }
}

#[cfg(not(unix))]
async fn one() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
