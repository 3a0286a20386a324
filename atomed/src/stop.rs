//! The order to stop: given once, seen by everyone who holds a handle.

use tokio::sync::watch;

/// A handle on the order to stop.
#[derive(Clone, Debug)]
pub struct Stop(watch::Sender<bool>);

impl Default for Stop {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Stop {
    /// Gives the order; giving it again changes nothing.
    pub fn order(&self) {
        self.0.send_replace(true);
    }

    /// Whether the order was given.
    #[must_use]
    pub fn is_ordered(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits for the order.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the order stays.
    pub async fn ordered(&self) {
        let mut seen = self.0.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = seen.wait_for(|ordered| *ordered).await;
    }
}

/// Orders a stop at SIGTERM or SIGINT.
///
/// # Errors
///
/// Where the signals cannot be listened for.
pub fn on_signals(stop: &Stop) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    let stop = stop.clone();
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = term.recv() => "SIGTERM",
            _ = int.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "stopping");
        stop.order();
    });
    Ok(())
}
