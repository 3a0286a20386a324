//! The command line of the hub.

mod admin;

use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use atome_sandbox::Entered;
use atome_service::log::Log;
use clap::{CommandFactory, Parser, Subcommand};

use self::admin::AdminCommand;
use crate::admin::AdminError;
use crate::config::{Config, Environment};
use crate::reload::Reload;
use crate::{run, sandbox, stop};

/// The configuration, or an argument, is wrong.
const EXIT_USAGE: u8 = 2;
/// The hub could not do what was asked.
const EXIT_FAILED: u8 = 1;

/// The Atome hub: daemons and browsers connect to it, and it connects to nobody
#[derive(Debug, Parser)]
#[command(
    name = "atome-server",
    version,
    after_help = "Examples:\n  \
        atome-server --config /etc/atome/atome-server.toml\n  \
        atome-server --config hub.toml --check-config\n  \
        atome-server account list -o json\n  \
        atome-server invite --count 5 > codes.txt\n  \
        atome-server backup /var/backups/atome/hub.db\n  \
        atome-server token create --account kiosk-12 --ttl 365d > token\n\n\
        Every key of the configuration can be overridden by the environment: \
        ATOME_SERVER_LISTEN, ATOME_SERVER_TLS__CERT_FILE.\n\n\
        SIGHUP, or systemctl reload, has a hub that runs read its configuration and certificate again.\n\n\
        Exit codes: 0 done, 1 failed, 2 wrong arguments or configuration."
)]
pub struct Cli {
    /// The configuration (default: atome-server.toml in systemd's CONFIGURATION_DIRECTORY, else
    /// /etc/atome/atome-server.toml)
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Checks the configuration and the certificate, says what is wrong, and ends
    #[arg(long)]
    check_config: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the hub (what happens when no command is given)
    Run,
    #[command(flatten)]
    Admin(AdminCommand),
    /// Prints the version
    Version,
}

/// The command line, for what is made from it: man pages and completions.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// Does what the arguments of this process say.
#[must_use]
pub fn main() -> ExitCode {
    if let Err(error) = atome_sandbox::leave_no_core() {
        complain(error);
    }
    let cli = Cli::parse();
    if let Some(Command::Version) = cli.command {
        let version = env!("CARGO_PKG_VERSION");
        return print(&format!("atome-server {version}"));
    }
    let environment = Environment::of_process();
    let config = match Config::load(cli.config.as_deref(), &environment) {
        Ok(config) => config,
        Err(errors) => {
            errors.iter().for_each(complain);
            return ExitCode::from(EXIT_USAGE);
        }
    };
    if cli.check_config {
        return check(&config);
    }
    // Before any thread: what the kernel takes from this one, it takes from all that come after.
    let entered = match cli.command {
        Some(Command::Admin(_)) => Ok(Entered::off()),
        Some(Command::Run | Command::Version) | None => sandbox::enter(&config),
    };
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        // They only read long messages: more of them than cores would hold more of those in memory, and win nothing.
        let readers = std::thread::available_parallelism().map_or(1, usize::from);
        builder.max_blocking_threads(readers).enable_all().build()
    };
    let started = entered.map_err(|error| chain(&error)).and_then(|entered| {
        let runtime = runtime().map_err(|error| error.to_string())?;
        Ok((entered, runtime))
    });
    let (entered, runtime) = match started {
        Ok(started) => started,
        Err(error) => {
            complain(error);
            return ExitCode::from(EXIT_FAILED);
        }
    };
    match cli.command {
        Some(Command::Admin(command)) => {
            match runtime.block_on(self::admin::carry_out(&config, command)) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    complain(chain(&error));
                    let is_usage = matches!(error, AdminError::NotMeant);
                    ExitCode::from(if is_usage { EXIT_USAGE } else { EXIT_FAILED })
                }
            }
        }
        Some(Command::Run | Command::Version) | None => {
            let log = Log::start(config.log.format, &config.log.levels);
            let reload = || Reload::prepare(cli.config, environment, log);
            match runtime.block_on(run_until_signalled(config, entered, reload)) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    tracing::error!("{}", chain(&error));
                    ExitCode::from(EXIT_FAILED)
                }
            }
        }
    }
}

async fn run_until_signalled(
    config: Config,
    entered: Entered,
    reload: impl FnOnce() -> io::Result<Reload>,
) -> Result<(), run::RunError> {
    let (stopper, stop) = stop::channel();
    let reload = reload().map_err(run::RunError::Signals)?;
    let signals = tokio::spawn(async move {
        match stop::signalled().await {
            Ok(name) => tracing::info!("{name}: the hub stops"),
            Err(error) => tracing::error!(%error, "signals cannot be heard; the hub stops"),
        }
        stopper.stop();
    });
    let ran = run::run(config, entered, stop, Some(reload), |_| {}).await;
    signals.abort();
    ran
}

fn check(config: &Config) -> ExitCode {
    match config.tls.as_ref().map(crate::tls::acceptor).transpose() {
        Ok(_) => print("the configuration is right"),
        Err(error) => {
            complain(chain(&error));
            ExitCode::from(EXIT_USAGE)
        }
    }
}

/// An error and what caused it, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

fn print(line: &str) -> ExitCode {
    match writeln!(io::stdout(), "{line}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(EXIT_FAILED),
    }
}

fn complain(what: impl Display) {
    // Where standard error is gone, nobody is left to be told.
    drop(writeln!(io::stderr(), "atome-server: {what}"));
}
