//! Stopping: one word that every task of the hub hears, and the signals that speak it.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Tells everyone to stop.
#[derive(Clone, Debug)]
pub struct Stopper(watch::Sender<bool>);

/// Hears it.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

/// A stopper and what hears it.
#[must_use]
pub fn channel() -> (Stopper, Stop) {
    let (tell, hear) = watch::channel(false);
    (Stopper(tell), Stop(hear))
}

impl Stopper {
    /// Tells everyone to stop, now and later.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Whether the hub is stopping.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the hub is stopping; a stopper that is gone says so too.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing is consumed.
    pub async fn requested(&self) {
        let mut hear = self.0.clone();
        drop(hear.wait_for(|stopping| *stopping).await);
    }
}

/// Waits for the first `SIGTERM` or `SIGINT` and gives its name.
///
/// # Errors
///
/// Where the system takes no handler for a signal.
pub async fn signalled() -> std::io::Result<&'static str> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}
