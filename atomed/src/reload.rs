//! Reading the configuration again, at `SIGHUP`: all of it is right and taken, or the old one goes on. No
//! connection of this machine ends by it.

use std::io;
use std::path::PathBuf;

use atome_service::log::Log;
use atome_service::notify::{notify, reloading};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::accounts::Accounts;
use crate::config::{Config, Environment};
use crate::stop::Stop;

/// What a daemon needs to read its configuration again.
#[derive(Debug)]
pub struct Reload {
    signals: Signal,
    named: Option<PathBuf>,
    environment: Environment,
    log: Log,
}

impl Reload {
    /// From now on `SIGHUP` ends the process no more. `named` is the file of `--config`.
    ///
    /// # Errors
    ///
    /// Where the system takes no handler for a signal.
    pub fn prepare(named: Option<PathBuf>, environment: Environment, log: Log) -> io::Result<Self> {
        Ok(Self {
            signals: signal(SignalKind::hangup())?,
            named,
            environment,
            log,
        })
    }

    /// Heeds the signal from now on until the order to stop.
    pub fn start(mut self, accounts: Accounts, stop: Stop) {
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = stop.ordered() => return,
                    Some(()) = self.signals.recv() => {}
                }
                reloading();
                self.carry_out(&accounts).await;
                notify("READY=1");
            }
        });
    }

    async fn carry_out(&self, accounts: &Accounts) {
        let read = match Config::load(self.named.as_deref(), &self.environment) {
            Ok(read) => read,
            Err(faults) => return refuse(&faults),
        };
        let levels = read.log_level.clone();
        let waits = match accounts.take_over(read).await {
            Ok(waits) => waits,
            Err(error) => return refuse(&error),
        };
        self.log.set_levels(&levels);
        tracing::info!("the configuration was read again");
        for key in waits {
            tracing::warn!(
                key,
                "this key has changed, and keeps its old value until the daemon is restarted"
            );
        }
    }
}

fn refuse(why: &dyn std::fmt::Display) {
    tracing::error!("{why}");
    tracing::error!(
        "the configuration is not taken, and the old one goes on: put it right and reload again; files in \
         folders that the daemon did not read before need a restart"
    );
}
