//! Reading the configuration and the certificate again, at `SIGHUP`: all of it is right and taken, or the
//! old one goes on. No connection ends by it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use atome_service::log::Log;
use atome_service::notify::{notify, reloading};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::chain;
use crate::config::{Config, Environment};
use crate::hub::Hub;
use crate::{listen, tls};

/// What a hub needs to read its configuration again.
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

    /// Heeds the signal from now on until the hub stops.
    pub fn start(mut self, hub: Arc<Hub>) {
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = hub.stop.requested() => return,
                    Some(()) = self.signals.recv() => {}
                }
                reloading();
                self.carry_out(&hub);
                notify("READY=1");
            }
        });
    }

    fn carry_out(&self, hub: &Hub) {
        let read = match Config::load(self.named.as_deref(), &self.environment) {
            Ok(read) => read,
            Err(errors) => return refuse(errors.iter().map(ToString::to_string)),
        };
        let (config, waits) = hub.config().reloaded(read);
        let tls = match config.tls.as_ref().map(tls::acceptor).transpose() {
            Ok(tls) => tls,
            Err(error) => return refuse([chain(&error)]),
        };
        self.log.set_levels(&config.log.levels);
        listen::raise_file_limit(config.limits.connections_max);
        let registration = config.accounts.registration.as_str();
        hub.take_over(config, tls);
        tracing::info!(registration, "the configuration was read again");
        for key in waits {
            tracing::warn!(
                key,
                "this key has changed, and keeps its old value until the hub is restarted"
            );
        }
    }
}

fn refuse(errors: impl IntoIterator<Item = String>) {
    for error in errors {
        tracing::error!("{error}");
    }
    tracing::error!(
        "the configuration is not taken, and the old one goes on: put it right and reload again; files in \
         folders that the hub did not read before need a restart"
    );
}
